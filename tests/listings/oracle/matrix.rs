//! The rules, read literally: which answer a question must have, by the listing and what operators noted.

use jiff::Timestamp;

use super::caller::{Country, country};
use super::model::{Filing, Model, Role, Said, Who};
use super::notes::{Book, Noted, Standing};

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub who: Who,
    pub role: Option<Role>,
    pub foreign: Option<bool>,
    pub us_caller: Option<bool>,
    /// Empty: none.
    pub caller: String,
    pub emergency: bool,
}

impl Question {
    pub fn about(who: Who) -> Self {
        Self { who, role: None, foreign: None, us_caller: None, caller: String::new(), emergency: false }
    }

    /// Whether it is certain that the caller's number is none of the United States.
    fn caller_is_foreign(&self) -> bool {
        match self.us_caller {
            Some(us) => !us,
            None => country(&self.caller) == Country::Foreign,
        }
    }
}

/// What is done with something that the rules leave to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Accept,
    Refuse,
}

/// What is done when the listing is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenOld {
    Answer,
    Accept,
    Refuse,
    Error,
}

/// The operator's choices. The defaults are those of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub role_not_certified: Choice,
    pub role_blank: Choice,
    pub no_role_certified: Choice,
    pub other_frn: Choice,
    pub notice_unanswered: Choice,
    pub final_determination_early: Choice,
    pub listing_old: WhenOld,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            role_not_certified: Choice::Refuse,
            role_blank: Choice::Accept,
            no_role_certified: Choice::Accept,
            other_frn: Choice::Refuse,
            notice_unanswered: Choice::Accept,
            final_determination_early: Choice::Accept,
            listing_old: WhenOld::Answer,
        }
    }
}

/// All that an answer rests on.
pub struct Facts<'a> {
    pub model: &'a Model,
    pub book: &'a Book,
    pub policy: Policy,
    pub now: Timestamp,
    /// Whether the times of removals are known to the test, not only their order.
    pub exact_times: bool,
    /// Whether the listing is older than the limit.
    pub old: bool,
}

/// What the answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Verdict(Ruling),
    /// The rules can be read in two ways, and why.
    Either([Ruling; 2], &'static str),
    /// No verdict: an error with this reason.
    NoVerdict(&'static str),
    /// The rules do not say.
    Open(&'static str),
}

/// A verdict that the rules fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    pub accept: bool,
    pub reason: &'static str,
    /// Part of the rule that is cited, where the rules name one.
    pub rule: &'static str,
    /// Advisories that must be there. One that ends in `*` is the beginning of one; of two with a bar one is enough.
    pub must: Vec<&'static str>,
    /// Advisories that must not be there.
    pub must_not: Vec<&'static str>,
    /// Whether the provider is removed, so that the answer has the times of it.
    pub removed: bool,
    /// What is particular about it, for the kind of a disagreement.
    pub about: &'static str,
}

impl Ruling {
    fn new(accept: bool, reason: &'static str, rule: &'static str) -> Self {
        Self { accept, reason, rule, must: Vec::new(), must_not: Vec::new(), removed: false, about: "" }
    }
}

fn accept(reason: &'static str, rule: &'static str) -> Ruling {
    Ruling::new(true, reason, rule)
}

pub fn refuse(reason: &'static str, rule: &'static str) -> Ruling {
    Ruling::new(false, reason, rule)
}

/// By the operator's choice: accepted as listed, with an advisory of the name that a refusal would have as its reason.
fn chosen(choice: Choice, reason: &'static str) -> Ruling {
    match choice {
        Choice::Refuse => refuse(reason, "64.6305(g)"),
        Choice::Accept => Ruling { must: vec![reason], ..accept("LISTED", "64.6305(g)") },
    }
}

/// The answer, by the first row of the matrix that applies.
pub fn answer(facts: &Facts<'_>, question: &Question) -> Expected {
    let provider = facts.model.provider(&question.who);
    let noted = facts.book.about(question, &provider, facts);
    if let Some(settled) = above_the_listing(facts, question, &provider, &noted) {
        return settled;
    }
    let Some(Reading { literal, other }) = by_listing(facts, question, &provider) else {
        return Expected::Open("the role's cell says neither Yes nor No, and another role is certified");
    };
    let refusal = noted.refusal(facts.policy);
    let mut readings = match (other, refusal) {
        (Some((other, why)), refusal) => {
            let bent = |ruling: Ruling| refusal.clone().filter(|_| ruling.accept).unwrap_or(ruling);
            Expected::Either([bent(literal), bent(other)], why)
        }
        (None, Some(refusal)) if literal.accept => Expected::Verdict(refusal),
        (None, Some(refusal)) => {
            let why = "both the listing and a notice or order that policy follows refuse";
            Expected::Either([literal, refusal], why)
        }
        (None, None) => Expected::Verdict(literal),
    };
    if let Expected::Verdict(ruling) | Expected::Either([_, ruling], _) = &mut readings {
        advise(facts, question, &provider, ruling);
        noted.advise(ruling);
    }
    readings
}

/// The rows for which it does not matter what the filings say.
fn above_the_listing(facts: &Facts<'_>, question: &Question, provider: &[&Filing], noted: &Noted) -> Option<Expected> {
    use Expected::{NoVerdict, Open, Verdict};

    if question.emergency {
        return Some(Verdict(accept("EMERGENCY_CALL", "64.6305(g)(5)")));
    }
    if noted.overrides.windows(2).any(|pair| pair[0] != pair[1]) {
        return Some(Open("overrides of one provider's numbers contradict each other"));
    }
    if let Some(allow) = noted.overrides.first() {
        let verdict = if *allow { accept } else { refuse };
        return Some(Verdict(verdict("OVERRIDE", "operator")));
    }
    if noted.final_determination_binds {
        return Some(Verdict(refuse("FINAL_DETERMINATION", "64.1200(n)(3)")));
    }
    match noted.removal_order {
        Standing::Bars if not_covered(question, provider) => {
            return Some(Open("a removal order, and a call that the rule does not reach"));
        }
        Standing::Bars => return Some(Verdict(refuse("REMOVAL_ORDER", "64.6305(g)"))),
        Standing::Unclear(why) => return Some(Open(why)),
        Standing::Spent => {}
    }
    match facts.policy.listing_old {
        _ if !facts.old => None,
        WhenOld::Answer => None,
        WhenOld::Accept => Some(Verdict(accept("LISTING_OLD", ""))),
        WhenOld::Refuse => Some(Verdict(refuse("LISTING_OLD", ""))),
        WhenOld::Error => Some(NoVerdict("LISTING_TOO_OLD")),
    }
}

/// A literal reading, and another that the rules allow, with what is unclear.
struct Reading {
    literal: Ruling,
    other: Option<(Ruling, &'static str)>,
}

/// Whether the upstream is foreign: the question says so, or all filings that stand do.
fn is_foreign(question: &Question, provider: &[&Filing]) -> bool {
    let mut current = provider.iter().filter(|filing| filing.stands()).peekable();
    let all_say_so = current.peek().is_some() && current.all(|filing| filing.foreign == Said::Yes);
    question.foreign.unwrap_or(all_say_so)
}

/// Whether the upstream is foreign and the caller's number none of the United States.
fn not_covered(question: &Question, provider: &[&Filing]) -> bool {
    is_foreign(question, provider) && question.caller_is_foreign()
}

/// By the listing alone.
fn by_listing(facts: &Facts<'_>, question: &Question, provider: &[&Filing]) -> Option<Reading> {
    let current: Vec<&Filing> = provider.iter().copied().filter(|filing| filing.stands()).collect();
    let beyond = accept("CALL_NOT_COVERED", "64.6305(g)(2)");
    if !current.is_empty() {
        let literal = listed(facts.policy, question, &current)?;
        let certified = literal.accept && literal.must.is_empty();
        let other = (not_covered(question, provider) && !certified)
            .then_some((beyond, "the role is not certified, and the call one that the rule does not reach"));
        return Some(Reading { literal, other });
    }
    let literal = not_listed(facts, question, !provider.is_empty());
    let said_foreign = !provider.is_empty() && provider.iter().all(|filing| filing.foreign == Said::Yes);
    let other = if said_foreign && question.foreign.is_none() && question.caller_is_foreign() {
        let beyond = Ruling { removed: true, ..beyond };
        Some((beyond, "nothing stands, what stood said foreign, and the call is one that the rule does not reach"))
    } else if literal.reason == "LISTED" {
        let other = Ruling { must: literal.must.clone(), ..accept("OTHER_FRN_ONLY", "64.6305(g)") };
        Some((other, "the reason of an acceptance by another filing's other FRNs"))
    } else {
        None
    };
    Some(Reading { literal, other })
}

fn not_listed(facts: &Facts<'_>, question: &Question, ever: bool) -> Ruling {
    // Nothing that stands says that it is foreign: the question does, or nobody.
    if question.foreign == Some(true) && question.caller_is_foreign() {
        return Ruling { removed: ever, ..accept("CALL_NOT_COVERED", "64.6305(g)(2)") };
    }
    if ever {
        return Ruling { removed: true, ..refuse("REMOVED", "64.6305(g)") };
    }
    if facts.model.candidates(&question.who).is_empty() {
        return refuse("NOT_LISTED", "64.6305(g)");
    }
    match facts.policy.other_frn {
        Choice::Refuse => refuse("OTHER_FRN_ONLY", "64.6305(g)"),
        Choice::Accept => Ruling { must: vec!["OTHER_FRN"], ..accept("LISTED", "64.6305(g)") },
    }
}

/// What the filings that stand say together: the union of their roles.
fn listed(policy: Policy, question: &Question, current: &[&Filing]) -> Option<Ruling> {
    let says = |role: Role, what: Said| current.iter().any(|filing| filing.roles[role as usize] == what);
    let none_at_all = current.iter().all(|filing| !filing.roles.contains(&Said::Yes));
    let mut ruling = match question.role {
        Some(role) if says(role, Said::Yes) => accept("LISTED", paragraph(question, current, role)),
        Some(role) if says(role, Said::No) => chosen(policy.role_not_certified, "ROLE_NOT_CERTIFIED"),
        Some(role) if says(role, Said::Blank) => chosen(policy.role_blank, "ROLE_BLANK"),
        Some(_) if !none_at_all => return None,
        None if !none_at_all => accept("LISTED", "64.6305(g)"),
        _ => chosen(policy.no_role_certified, "NO_ROLE_CERTIFIED"),
    };
    // Of the three at most one applies, and it is the reason or the advisory.
    for code in ["ROLE_NOT_CERTIFIED", "ROLE_BLANK", "NO_ROLE_CERTIFIED"] {
        if !ruling.must.contains(&code) && ruling.reason != code {
            ruling.must_not.push(code);
        }
    }
    if question.role.is_some_and(|role| says(role, Said::No) && says(role, Said::Blank)) {
        ruling.about = ", where one filing says No and another nothing";
    }
    Some(ruling)
}

/// The paragraph for a certified role, of a domestic provider; where the provider is foreign the rules have two opinions.
fn paragraph(question: &Question, current: &[&Filing], role: Role) -> &'static str {
    let foreign = is_foreign(question, current);
    match role {
        _ if foreign => "64.6305(g)",
        Role::Voice => "64.6305(g)(1)",
        Role::Gateway => "64.6305(g)(3)",
        Role::Intermediate => "64.6305(g)(4)",
    }
}

/// The advisories that the listing gives rise to.
fn advise(facts: &Facts<'_>, question: &Question, provider: &[&Filing], ruling: &mut Ruling) {
    if facts.old {
        ruling.must.push("LISTING_OLD");
    } else {
        ruling.must_not.push("LISTING_OLD");
    }
    let current: Vec<&&Filing> = provider.iter().filter(|filing| filing.stands()).collect();
    let gaps = |filing: &&Filing| filing.spells.len() > 1;
    if !current.iter().copied().any(gaps) {
        ruling.must_not.push("LISTED_AGAIN");
    } else if ruling.accept && ruling.reason == "LISTED" && current.iter().copied().all(gaps) {
        ruling.must.push("LISTED_AGAIN");
    }
    let differ = current.windows(2).any(|pair| pair[0].foreign != pair[1].foreign);
    let plainly = current.iter().any(|filing| filing.foreign == Said::Yes)
        && current.iter().any(|filing| filing.foreign == Said::No);
    // Of a provider of which nothing stands the rules do not say.
    if !differ && !current.is_empty() {
        ruling.must_not.push("FOREIGN*");
    } else if plainly && question.foreign.is_none() && ruling.accept {
        ruling.must.push("FOREIGN*");
    }
    super::recertified::advise(facts, &current, ruling);
}
