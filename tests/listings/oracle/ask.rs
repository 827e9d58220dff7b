//! Asks a daemon, in batches, and compares.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::checked_provider::Outcome;
use rmdd::api::grpc::v1::{
    AnswerDetail, CheckProviderRequest, CheckProviderResponse, CheckProvidersRequest, CheckedProvider, MatchedBy,
    ProviderRole, Ternary, Verdict,
};
use tonic::transport::Channel;

use super::Asked;
use super::matrix::{Expected, Facts, Question, Ruling, answer};
use super::model::{Role, Who};

/// So many questions go into a batch, and so many disagreements are shown whole.
const BATCH: usize = 2_000;
const SHOWN: usize = 20;

/// Where questions are put.
pub struct Asker {
    client: AcceptanceServiceClient<Channel>,
    waiting: Vec<Asked>,
    /// The moment of which is asked.
    pub at: Option<Timestamp>,
}

/// What was asked and what came.
#[derive(Default)]
pub struct Tally {
    /// Of each place (a week, a story), how often each answer came.
    asked: BTreeMap<(String, String), u64>,
    /// What the rules leave open, and what came.
    open: BTreeMap<(String, String), u64>,
    disagreements: BTreeMap<String, Vec<String>>,
    counts: BTreeMap<String, u64>,
    /// The last question, and its answer.
    last: Option<(Asked, String)>,
}

fn ternary(value: Option<bool>) -> i32 {
    match value {
        None => Ternary::Unspecified,
        Some(true) => Ternary::Yes,
        Some(false) => Ternary::No,
    }
    .into()
}

fn request(question: &Question, candidates: bool) -> CheckProviderRequest {
    let role = match question.role {
        None => ProviderRole::Unspecified,
        Some(Role::Voice) => ProviderRole::VoiceService,
        Some(Role::Gateway) => ProviderRole::Gateway,
        Some(Role::Intermediate) => ProviderRole::NonGatewayIntermediate,
    };
    CheckProviderRequest {
        identity: Some(match &question.who {
            Who::Frn(frn) => Identity::Frn(frn.clone()),
            Who::Number(number) => Identity::RmdNumber(number.clone()),
        }),
        role: role.into(),
        foreign: ternary(question.foreign),
        us_caller_id: ternary(question.us_caller),
        caller_id: question.caller.clone(),
        emergency: question.emergency,
        // Candidates are told with all the rest only.
        detail: if candidates { AnswerDetail::Full } else { AnswerDetail::Compact }.into(),
        ..CheckProviderRequest::default()
    }
}

impl Asker {
    pub async fn of(daemon: &crate::common::Daemon) -> Self {
        let client = AcceptanceServiceClient::new(daemon.unix().await).max_decoding_message_size(64 << 20);
        Self { client, waiting: Vec::new(), at: None }
    }

    /// Puts a question, now or with those that follow.
    pub async fn ask(&mut self, place: &str, facts: &Facts<'_>, tally: &mut Tally, asked: Asked) {
        self.waiting.push(asked);
        if self.waiting.len() >= BATCH {
            self.finish(place, facts, tally).await;
        }
    }

    /// Puts all that wait.
    pub async fn finish(&mut self, place: &str, facts: &Facts<'_>, tally: &mut Tally) {
        let questions = std::mem::take(&mut self.waiting);
        if questions.is_empty() {
            return;
        }
        let batch = CheckProvidersRequest {
            questions: questions
                .iter()
                .map(|asked| request(&asked.question, !facts.model.candidates(&asked.question.who).is_empty()))
                .collect(),
            at: self.at.map(|at| prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }),
        };
        let results = match self.client.check_providers(batch).await {
            Ok(answers) => answers.into_inner().results,
            Err(status) => panic!("{place}: no answers: {status}"),
        };
        assert_eq!(results.len(), questions.len(), "{place}: one answer for each question");
        for (asked, result) in questions.into_iter().zip(results) {
            tally.compare(place, facts, asked, &result);
        }
    }
}

/// What came, as the oracle says it.
fn told(result: &CheckedProvider) -> String {
    match &result.outcome {
        None => "nothing".to_owned(),
        Some(Outcome::Error(error)) => format!("error {}", error.reason),
        Some(Outcome::Answer(answer)) => {
            let reason = answer.reason().as_str_name().trim_start_matches("REASON_");
            format!("{} {reason}", if answer.verdict() == Verdict::Accept { "ACCEPT" } else { "REFUSE" })
        }
    }
}

impl Tally {
    fn compare(&mut self, place: &str, facts: &Facts<'_>, asked: Asked, result: &CheckedProvider) {
        let question = &asked.question;
        let told = told(result);
        let mut wrong = match (answer(facts, question), &result.outcome) {
            (Expected::Open(why), _) => {
                *self.open.entry((why.to_owned(), told.clone())).or_default() += 1;
                Vec::new()
            }
            (Expected::Either(rulings, why), Some(Outcome::Answer(answer))) => {
                *self.open.entry((why.to_owned(), told.clone())).or_default() += 1;
                either(facts, question, rulings, answer, &told)
            }
            (Expected::NoVerdict(reason), Some(Outcome::Error(error))) if error.reason == reason => Vec::new(),
            (Expected::NoVerdict(reason), _) => vec![format!("expected error {reason}, got {told}")],
            (Expected::Verdict(ruling), Some(Outcome::Answer(answer))) => {
                faults(facts, question, &ruling, answer, &told)
            }
            _ => vec![format!("expected a verdict, got {told}")],
        };
        if let Some((_, before)) = self.last.as_ref().filter(|(last, _)| last.one_answer == asked.one_answer) {
            wrong.extend(two_answers(before, &codes(result)).map(str::to_owned));
        }
        for kind in wrong {
            let count = self.counts.entry(kind.clone()).or_default();
            *count += 1;
            if *count <= SHOWN as u64 {
                let mut shown = format!("{place}: {}\n      answer: {}", describe(facts, question), named(result));
                if let Some((last, before)) = &self.last {
                    let _ = write!(shown, "\n      the question before was about {:?}: {before}", last.question.who);
                }
                self.disagreements.entry(kind).or_default().push(shown);
            }
        }
        self.last = Some((asked, codes(result)));
        *self.asked.entry((place.to_owned(), told)).or_default() += 1;
    }

    /// How many questions were asked.
    pub fn total(&self) -> u64 {
        self.asked.values().sum()
    }

    /// Prints the table, and fails if there is anything that the rules do not say.
    pub fn conclude(self) {
        let mut text = format!("\n{} questions\n", self.total());
        for ((place, told), count) in &self.asked {
            let _ = writeln!(text, "{count:>9}  {place}: {told}");
        }
        for ((why, told), count) in &self.open {
            let _ = writeln!(text, "{count:>9}  left open, {why}: {told}");
        }
        println!("{text}");
        if self.counts.is_empty() {
            return;
        }
        let most = std::env::var("ORACLE_SHOWN").ok().and_then(|shown| shown.parse().ok()).unwrap_or(SHOWN);
        let mut shown = 0;
        let mut report = String::new();
        for (kind, count) in &self.counts {
            let _ = writeln!(report, "{count:>9}  {kind}");
        }
        // One of each kind before a second of any; wrong verdicts and reasons first.
        let mut kinds: Vec<_> = self.disagreements.iter().collect();
        kinds.sort_by_key(|(kind, _)| !(kind.starts_with("expected") || kind.contains("two verdicts")));
        for round in 0..SHOWN {
            for (kind, examples) in &kinds {
                if let Some(example) = examples.get(round).filter(|_| shown < most) {
                    shown += 1;
                    let _ = write!(report, "\n  {kind}\n    {example}\n");
                }
            }
        }
        let total: u64 = self.counts.values().sum();
        panic!("{total} disagreements with the rules, of {} kinds:\n{report}", self.counts.len());
    }
}

/// In what two answers about one provider differ.
fn two_answers(one: &str, other: &str) -> Option<&'static str> {
    let part = |answer: &str, at: usize| {
        answer.split(", \"").next().and_then(|told| told.split(' ').nth(at)).map(str::to_owned)
    };
    let cited = |answer: &str| answer.split('"').nth(1).map(str::to_owned);
    // Where none of its filings stands, the answer is about the removal of the one that was asked for: an order that is the
    // reason of that is no advisory beside it.
    let without_the_order = |answer: &str| match answer.starts_with("REFUSE REMOVED") {
        true => answer
            .replace("\"REMOVAL_ORDER\", ", "")
            .replace(", \"REMOVAL_ORDER\"", "")
            .replace("\"REMOVAL_ORDER\"", ""),
        false => answer.to_owned(),
    };
    if without_the_order(one) == without_the_order(other) {
        None
    } else if part(one, 0) != part(other, 0) {
        Some("one provider, two verdicts by two of its numbers")
    } else if part(one, 1) != part(other, 1) {
        Some("one provider, two reasons by two of its numbers")
    } else if cited(one) != cited(other) {
        Some("one provider, two rules by two of its numbers")
    } else {
        Some("one provider, other advisories by two of its numbers")
    }
}

/// What is wrong with an answer where two rulings are right: nothing, if it is one of them.
fn either(
    facts: &Facts<'_>,
    question: &Question,
    [literal, other]: [Ruling; 2],
    answer: &CheckProviderResponse,
    told: &str,
) -> Vec<String> {
    let ruling = if said(&other) == told { other } else { literal };
    faults(facts, question, &ruling, answer, told)
}

/// A ruling as an answer is told.
fn said(ruling: &Ruling) -> String {
    format!("{} {}", if ruling.accept { "ACCEPT" } else { "REFUSE" }, ruling.reason)
}

/// What is wrong with an answer, each thing as a kind.
fn faults(
    facts: &Facts<'_>,
    question: &Question,
    ruling: &Ruling,
    answer: &CheckProviderResponse,
    told: &str,
) -> Vec<String> {
    let expected = said(ruling);
    if expected != told {
        let caller = match (expected.contains("NOT_COVERED") || told.contains("NOT_COVERED")) && ruling.about.is_empty()
        {
            true => format!(", {}", shape(question)),
            false => ruling.about.to_owned(),
        };
        return vec![format!("expected {expected}, got {told}{caller}")];
    }
    let mut wrong = Vec::new();
    if !answer.rule.contains(ruling.rule) {
        wrong.push(format!("{told}: expected the rule {}, got {:?}", ruling.rule, answer.rule));
    }
    let codes = || answer.advisories.iter().map(|advisory| advisory.code.as_str());
    let has = |code: &str| match (code.strip_suffix('*'), code.split_once('|')) {
        (Some(beginning), _) => codes().any(|code| code.starts_with(beginning)),
        (None, Some((one, other))) => codes().any(|code| code == one || code == other),
        (None, None) => codes().any(|has| has == code),
    };
    wrong.extend(
        ruling.must.iter().filter(|code| !has(code)).map(|code| format!("{told}: without {code}{}", ruling.about)),
    );
    wrong.extend(
        ruling.must_not.iter().filter(|code| has(code)).map(|code| format!("{told}: with {code}{}", ruling.about)),
    );
    if ruling.reason == "OTHER_FRN_ONLY" && answer.candidates != facts.model.candidates(&question.who) {
        wrong.push(format!("{told}: other candidates"));
    }
    wrong.extend(match_of(facts, question, ruling, answer).map(|what| format!("{told}: {what}")));
    wrong
}

/// What is wrong with how the identity matched, and with the times of a removal.
fn match_of(facts: &Facts<'_>, question: &Question, ruling: &Ruling, answer: &CheckProviderResponse) -> Option<String> {
    if matches!(ruling.reason, "EMERGENCY_CALL" | "OVERRIDE" | "FINAL_DETERMINATION" | "LISTING_OLD") {
        return None;
    }
    let provider = facts.model.provider(&question.who);
    let current: Vec<&str> =
        provider.iter().filter(|filing| filing.stands()).map(|filing| filing.number.as_str()).collect();
    let matched = answer.filing.as_ref().map(|filing| filing.number.as_str());
    let by_number = matches!(&question.who, Who::Number(number) if Some(number.as_str()) == matched);
    let times = |at: Option<prost_types::Timestamp>| at.map(|at| (at.seconds, at.nanos));
    let came = times(answer.last_seen_at).zip(times(answer.first_missing_at));
    if !current.is_empty() {
        if !matched.is_some_and(|number| current.contains(&number)) {
            return Some("no standing filing of the provider is named".to_owned());
        }
        if by_number != (answer.matched_by() == MatchedBy::RmdNumber) {
            return Some(format!("matched by {}", answer.matched_by().as_str_name()));
        }
        return came.map(|_| "the provider stands, and has the times of a removal".to_owned());
    }
    let at = |at: Timestamp| (at.as_second(), at.subsec_nanosecond());
    let gaps: Vec<_> = provider
        .iter()
        .filter_map(|filing| filing.spells.last())
        .filter_map(|spell| Some((at(spell.last_seen), at(spell.until?))))
        .collect();
    match came {
        None if ruling.removed => Some("without the times of the removal".to_owned()),
        Some(_) if !ruling.removed => Some("times of a removal that was none".to_owned()),
        Some(came) if facts.exact_times && !gaps.contains(&came) => Some("other times of the removal".to_owned()),
        _ => None,
    }
}

/// A question with all that its answer rests on.
fn describe(facts: &Facts<'_>, question: &Question) -> String {
    let mut text = format!("{question:?}");
    for filing in facts.model.provider(&question.who) {
        let spells: Vec<String> = filing
            .spells
            .iter()
            .map(|spell| format!("{}..{}", spell.from, spell.until.map_or_else(String::new, |until| until.to_string())))
            .collect();
        let _ = write!(
            text,
            "\n      {} frn {:?} roles {:?} foreign {:?} recertified {:?} stood {}",
            filing.number,
            filing.frn,
            filing.roles,
            filing.foreign,
            filing.recertified,
            spells.join(", ")
        );
    }
    for note in facts.book.concerning(question, &facts.model.provider(&question.who)) {
        let _ = write!(text, "\n      {note:?}");
    }
    let _ = write!(text, "\n      at {}, {:?}", facts.now, facts.policy);
    text
}

/// An answer in short: all in which the answers by two numbers of one provider are the same.
fn codes(result: &CheckedProvider) -> String {
    match &result.outcome {
        Some(Outcome::Answer(answer)) => {
            let mut codes: Vec<&str> = answer.advisories.iter().map(|advisory| advisory.code.as_str()).collect();
            codes.sort_unstable();
            format!("{}, {:?}, {codes:?}", told(result), answer.rule)
        }
        other => format!("{other:?}"),
    }
}

/// An answer, and what it names.
fn named(result: &CheckedProvider) -> String {
    match &result.outcome {
        Some(Outcome::Answer(answer)) => {
            let filing = answer.filing.as_ref().map(|filing| filing.number.as_str());
            format!("{}, filing {filing:?}, record {:?}", codes(result), answer.record)
        }
        _ => codes(result),
    }
}

/// The beginning of a calling number, which tells its country, or how it is written; or what the switch says of it.
fn shape(question: &Question) -> String {
    if let Some(us) = question.us_caller {
        return format!("caller said to be {}of the United States", if us { "" } else { "not " });
    }
    let caller = &question.caller;
    let digits = caller.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(caller.len());
    let beginning: String = caller.chars().take(if digits > 1 { digits } else { digits + 4 }).collect();
    format!("caller {beginning}...")
}
