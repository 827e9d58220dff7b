//! How the operator's own peers and filings stand, as far as it is told. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::watch::{DeadlineNow, PeerNow, Stands};
use crate::decide::own::{OwnDeadlineKind, OwnFiling, OwnState, Recertification, RecertificationState};
use crate::decide::standing::{Deadline, DeadlineKind, PeerState, Standing};
use crate::domain::{AdvisoryCode, Frn, Identity, ProviderRole, Verdict, rule};
use crate::listing::canonical;

/// So many peers of one deadline are named.
const NAMED: usize = 100;

/// The peers, as they are told.
pub fn peers(standings: &[Standing]) -> Vec<PeerNow> {
    standings.iter().map(peer).collect()
}

fn frn(standing: &Standing) -> Option<Frn> {
    match standing.peer.provider {
        Identity::Frn(frn) => Some(frn),
        Identity::RmdNumber(_) => standing.filing().and_then(|filing| filing.frn()),
    }
}

fn peer(standing: &Standing) -> PeerNow {
    let mut facts = BTreeMap::new();
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            facts.insert(name.to_owned(), value);
        }
    };
    let verdict = standing.verdict().map_or("none", |verdict| match verdict {
        Verdict::Accept => "ACCEPT",
        Verdict::Refuse => "REFUSE",
    });
    fact("verdict", verdict.to_owned());
    fact("reason", standing.reason().as_str().to_owned());
    fact("filing", standing.number().map(|number| number.to_string()).unwrap_or_default());
    fact("provider", standing.provider_name().to_owned());
    let mut codes: Vec<&str> = standing
        .advisories()
        .iter()
        .filter(|said| PeerState::NEEDS_ATTENTION.contains(&said.code))
        .map(|said| said.code.as_str())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    fact("advisories", codes.join(" "));
    let what_to_do = match standing.state {
        PeerState::Refused => "block its calls, or put an override on record if you know better (`rmdd overrides add`)",
        PeerState::Unmatched => "look whether it is bound to the right provider (`rmdd peers report`)",
        PeerState::Attention => "look at it: `rmdd show`, `rmdd notices list`, `rmdd orders list`",
        PeerState::Accepted => "nothing: its calls may be taken",
    };
    PeerNow {
        subject: format!("peer/{}", standing.peer.id()),
        name: standing.name().to_owned(),
        frn: frn(standing),
        stands: match standing.state {
            PeerState::Refused => Stands::Refused,
            PeerState::Unmatched => Stands::Unmatched,
            PeerState::Attention => Stands::Attention,
            PeerState::Accepted => Stands::Accepted,
        },
        facts,
        cause: cause(standing),
        answer: answer(standing),
        rule: standing.decision().map_or(rule::OPERATOR, |decision| decision.rule).to_owned(),
        what_to_do: what_to_do.to_owned(),
    }
}

/// What is answered about a peer, and what to know of a filing that is new or back.
fn answer(standing: &Standing) -> String {
    let come_lately = [AdvisoryCode::ListedAgain, AdvisoryCode::Successor];
    let said = standing.advisories().iter().filter(|said| come_lately.contains(&said.code));
    let sentences = std::iter::once(standing.sentence()).chain(said.map(|said| said.message.clone()));
    sentences.filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Why a peer stands as it does: where its calls are taken and somebody should look, what the matter is.
fn cause(standing: &Standing) -> String {
    let said = standing.advisories().iter().filter(|said| PeerState::NEEDS_ATTENTION.contains(&said.code));
    let sentences: Vec<String> = said
        .map(|said| match said.message.trim().trim_end_matches('.') {
            "" => said.code.as_str().to_owned(),
            sentence => sentence.to_owned(),
        })
        .collect();
    if standing.state == PeerState::Attention && !sentences.is_empty() {
        return sentences.join("; ");
    }
    standing.sentence()
}

/// The own filings, as they are told.
pub fn own(filings: &[OwnFiling]) -> Vec<PeerNow> {
    filings.iter().map(own_filing).collect()
}

fn own_filing(own: &OwnFiling) -> PeerNow {
    let mut facts = BTreeMap::new();
    let numbers: Vec<String> = own.filings.iter().map(|filing| filing.number().to_string()).collect();
    let roles: Vec<&str> =
        ProviderRole::ALL.into_iter().filter(|role| own.roles.contains(*role)).map(|role| role.as_str()).collect();
    facts.insert("listed".to_owned(), own.state.as_str().to_owned());
    facts.insert("filing".to_owned(), numbers.join(" "));
    facts.insert("roles".to_owned(), roles.join(" "));
    facts.insert("provider".to_owned(), own.name().to_owned());
    // Any change of what it says is told.
    facts.insert("sha256".to_owned(), canonical::digest(&own.filings).to_string());
    let mut causes = Vec::new();
    let stands = match (own.state, own.recertification) {
        (OwnState::Removed, _) => {
            causes.push("your own filing is gone from the listing: nobody may accept calls from you".to_owned());
            Stands::MeRemoved
        }
        (OwnState::NotListed, _) => {
            causes.push("you have no filing in the listing: nobody may accept calls from you".to_owned());
            Stands::MeRemoved
        }
        (OwnState::Listed, Some(Recertification { state: RecertificationState::Open, by, .. })) => {
            causes.push(format!("your filing is to be recertified by {by}: the window is open"));
            Stands::MeDue
        }
        (OwnState::Listed, Some(Recertification { state: RecertificationState::Overdue, by, .. })) => {
            causes
                .push(format!("your filing was to be recertified by {by}, and the listing does not show that it was"));
            Stands::MeDue
        }
        (OwnState::Listed, _) => Stands::MeStands,
    };
    if let Some(update) = own.update.filter(|update| !update.is_done) {
        let late = if update.is_past { "was" } else { "is" };
        causes.push(format!(
            "it {late} to be updated by {}, ten business days after the change of {}",
            update.by, update.changed
        ));
        facts.insert("update_overdue".to_owned(), update.is_overdue().to_string());
    }
    if causes.is_empty() {
        causes.push(format!("your filing stands: {}", numbers.join(", ")));
    }
    PeerNow {
        subject: format!("me/{}", own.frn),
        name: own.name().to_owned(),
        frn: Some(own.frn),
        stands,
        facts,
        answer: causes.join("; "),
        cause: causes.join("; "),
        rule: rule::RECERTIFY.to_owned(),
        what_to_do: "look at it in the FCC's portal, and file what is due".to_owned(),
    }
}

/// What happens at a deadline, in a sentence.
fn what_happens(kind: DeadlineKind, record: Option<&str>) -> String {
    let of = record.map(|id| format!(" ({id})")).unwrap_or_default();
    match kind {
        DeadlineKind::NoticeMitigate => format!("the 48 hours for mitigating after a notice{of} are over"),
        DeadlineKind::NoticeInform => format!("the 14 days for informing the Commission after a notice{of} are over"),
        DeadlineKind::FinalDetermination => {
            format!("day 30 of a Final Determination Order{of}: its traffic must be blocked")
        }
        DeadlineKind::OverrideEnds => format!("an override{of} ends"),
        DeadlineKind::RecordEnds => format!("a record{of} ends"),
        DeadlineKind::TakesEffect => format!("a record{of} takes effect"),
        DeadlineKind::BindingEnds => "the binding of a peer ends: its name leads to no provider any more".to_owned(),
        DeadlineKind::Recertification => "the yearly deadline for recertification has passed".to_owned(),
        DeadlineKind::LastUpdated => "a filing was last updated longer ago than the policy allows".to_owned(),
        other => other.as_str().to_lowercase().replace('_', " "),
    }
}

/// What will change by itself: what is the same for several peers is one.
pub fn deadlines(standings: &[Standing], own: &[OwnFiling], now: Timestamp) -> Vec<DeadlineNow> {
    let mut by_subject: BTreeMap<String, DeadlineNow> = BTreeMap::new();
    for standing in standings {
        for deadline in standing.next.iter().filter(|deadline| !deadline.kind.is_put_off_by_syncs()) {
            add(&mut by_subject, standing, deadline);
        }
    }
    for own in own {
        for (at, kind) in own.deadlines(now) {
            let cause = match kind {
                OwnDeadlineKind::RecertificationOpens => "the window for recertifying your own filing opens",
                OwnDeadlineKind::RecertificationDue => "the last day for recertifying your own filing is over",
                OwnDeadlineKind::UpdateDue => "the last day for updating your own filing is over",
            };
            let subject = format!("deadline/{}/{}/{at}", kind.as_str(), own.frn);
            let deadline = DeadlineNow {
                subject: subject.clone(),
                at,
                cause: format!("{cause} ({})", own.frn),
                what_to_do: "file what is due in the FCC's portal".to_owned(),
                peers: Vec::new(),
                refused: 0,
                frn: Some(own.frn),
            };
            by_subject.insert(subject, deadline);
        }
    }
    by_subject.into_values().map(named).collect()
}

fn add(by_subject: &mut BTreeMap<String, DeadlineNow>, standing: &Standing, deadline: &Deadline) {
    let record = deadline.record.as_ref().map(|record| record.id());
    let about = match (&record, deadline.kind) {
        (Some(id), _) => id.clone(),
        (None, DeadlineKind::BindingEnds) => standing.peer.id(),
        (None, _) => "all".to_owned(),
    };
    let subject = format!("deadline/{}/{about}/{}", deadline.kind.as_str(), deadline.at);
    let first = || DeadlineNow {
        subject: subject.clone(),
        at: deadline.at,
        cause: what_happens(deadline.kind, record.as_deref()),
        what_to_do: "see `rmdd peers list`, and put on record what has been done since".to_owned(),
        peers: Vec::new(),
        refused: 0,
        frn: frn(standing),
    };
    let together = by_subject.entry(subject.clone()).or_insert_with(first);
    together.peers.push(standing.name().to_owned());
    let refuses = |state| matches!(state, PeerState::Refused | PeerState::Unmatched);
    if deadline.then.as_ref().is_none_or(|then| refuses(then.state)) && !refuses(standing.state) {
        together.refused += 1;
    }
    if together.frn != frn(standing) {
        together.frn = None;
    }
}

/// With the peers in the sentence.
fn named(mut deadline: DeadlineNow) -> DeadlineNow {
    let count = deadline.peers.len();
    if count > 0 {
        let first: Vec<&str> = deadline.peers.iter().take(5).map(String::as_str).collect();
        let more = if count > first.len() { format!(" and {} more", count - first.len()) } else { String::new() };
        let refused = match deadline.refused {
            0 => String::new(),
            refused => format!("; {refused} of them may hand you no calls after it"),
        };
        deadline.cause = format!("{} for {}{more}{refused}", deadline.cause, first.join(", "));
    }
    deadline.peers.truncate(NAMED);
    deadline
}
