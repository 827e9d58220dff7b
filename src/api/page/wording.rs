//! States, deadlines and cells in words.

use crate::decide::own::OwnDeadlineKind;
use crate::decide::standing::{Deadline, DeadlineKind, PeerState, Standing};
use crate::domain::wording::come_and_go;
use crate::domain::{
    AdvisoryCode, Certification, Filing, Identity, Implementation, PeerKind, ProviderRole, Record, Verdict,
};

use super::table::Cell;
use super::text::encoded;

/// Whom a card is about, as a link.
pub fn card(who: &str) -> String {
    format!("/provider/{}", encoded(who))
}

/// The card of whom a peer's name leads to.
pub fn peer_card(name: &str) -> String {
    // A trunk may well be called as a number is written.
    if name.starts_with("ocn:") { card(name) } else { card(&format!("peer:{name}")) }
}

/// A filing's number, leading to its card.
pub fn number(filing: &Filing) -> Cell {
    let number = filing.number().to_string();
    Cell::fixed(number.clone()).to(card(&number))
}

/// The name as filed, leading to the provider's card.
pub fn named(filing: &Filing) -> Cell {
    let who = filing.frn().map_or_else(|| filing.number().to_string(), |frn| frn.to_string());
    Cell::text(filing.business_name()).to(card(&who))
}

/// A peer's state.
pub fn state(state: PeerState) -> Cell {
    match state {
        PeerState::Refused => Cell::word("REFUSED", "bad"),
        PeerState::Unmatched => Cell::word("UNMATCHED", "bad"),
        PeerState::Attention => Cell::word("ATTENTION", "warn"),
        PeerState::Accepted => Cell::word("ACCEPTED", "good"),
    }
}

pub fn verdict(verdict: Option<Verdict>) -> Cell {
    match verdict {
        Some(Verdict::Accept) => Cell::word("ACCEPT", "good"),
        Some(Verdict::Refuse) => Cell::word("REFUSE", "bad"),
        None => Cell::word("NO VERDICT", "warn"),
    }
}

/// What a peer is called: an OCN with what it is, since a trunk may well be called 7321.
pub fn peer_name(record: &Record) -> String {
    match record.peer() {
        Some(peer) if peer.kind == PeerKind::Ocn => format!("ocn:{}", peer.name),
        Some(peer) => peer.name.clone(),
        None => record.id(),
    }
}

/// Who is behind a peer: the name as filed, else the number.
pub fn provider(standing: &Standing) -> String {
    match standing.provider_name() {
        "" => identity(standing.peer.provider),
        name => name.to_owned(),
    }
}

/// A number, with what it is.
pub fn identity(identity: Identity) -> String {
    identity.to_string()
}

/// What happens at a deadline, in a clause.
pub fn event(deadline: &Deadline) -> String {
    let what = match deadline.kind {
        DeadlineKind::NoticeMitigate => "the 48 hours for mitigating end",
        DeadlineKind::NoticeInform => "the 14 days for informing the FCC end",
        DeadlineKind::FinalDetermination => "day 30: its traffic must be blocked",
        DeadlineKind::OverrideEnds => "the override ends",
        DeadlineKind::RecordEnds => "the record ends",
        DeadlineKind::TakesEffect => "what is on record takes effect",
        DeadlineKind::BindingEnds => "the binding ends",
        DeadlineKind::Recertification => "the deadline for recertifying has passed",
        DeadlineKind::LastUpdated => "the filing's last update is too old",
        DeadlineKind::ListingOld => "the listing is too old, if no sync confirms it",
    };
    match &deadline.record {
        Some(record) => format!("{what} ({})", record.id()),
        None => what.to_owned(),
    }
}

/// What becomes of a peer at a deadline.
pub fn outcome(deadline: &Deadline, now: &Standing) -> String {
    let Some(then) = &deadline.then else { return "bound to no provider any more".to_owned() };
    let mut said: Vec<String> = Vec::new();
    if then.ruling != now.verdict().map(|verdict| (verdict, now.reason())) {
        said.push(match then.ruling {
            Some((verdict, reason)) => format!("{} {}", verdict.as_str(), reason.as_str()),
            None => "no verdict".to_owned(),
        });
    }
    let reason = then.ruling.map(|(_, reason)| reason.as_str()).unwrap_or_default();
    // What is the reason from then on is neither said to come nor to go.
    let others = |codes: &[AdvisoryCode]| {
        codes.iter().map(|code| code.as_str()).filter(|code| *code != reason).collect::<Vec<_>>()
    };
    said.extend(come_and_go(others(&then.gained), others(&then.lost)));
    if said.is_empty() { "the verdict stays, and what its advisory says changes".to_owned() } else { said.join("; ") }
}

/// What comes for the operator's own filing.
pub fn own_event(kind: OwnDeadlineKind) -> &'static str {
    match kind {
        OwnDeadlineKind::RecertificationOpens => "you can recertify your filing from then on",
        OwnDeadlineKind::RecertificationDue => "the last day for recertifying your filing is over",
        OwnDeadlineKind::UpdateDue => "the 10 business days for updating your filing are over",
    }
}

/// What a filing says of a role.
pub fn certification(filing: &Filing, role: ProviderRole) -> &str {
    match filing.certification(role) {
        Certification::Yes => "Yes",
        Certification::No => "No",
        Certification::Blank => "blank",
        Certification::Unrecognized(text) => text,
    }
}

/// What a filing certifies about STIR/SHAKEN.
pub fn implementation(filing: &Filing) -> &str {
    match filing.implementation() {
        Implementation::Complete => "complete STIR/SHAKEN",
        Implementation::Partial => "partial STIR/SHAKEN, mitigating robocalls",
        Implementation::NoneMitigating => "no STIR/SHAKEN, mitigating robocalls",
        Implementation::NotApplicable => "not stated",
        Implementation::Unrecognized(text) => text,
    }
}

/// The roles that a filing certifies, in words.
pub fn roles(filing: &Filing) -> String {
    let labels: Vec<&str> = filing.roles().iter().map(ProviderRole::label).collect();
    if labels.is_empty() { "none certified".to_owned() } else { labels.join(", ") }
}
