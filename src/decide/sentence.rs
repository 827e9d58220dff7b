//! A decision in one sentence.

use std::fmt::Write as _;

use super::Query;
use crate::domain::wording::moment;
use crate::domain::{Decision, Identity, OrderKind, Reason, Record, RecordBody, eastern_day};

/// The sentence for a call to 911 where nothing else can be said.
pub(crate) const EMERGENCY_ALONE: &str = "an emergency call is never refused; nothing is known of the provider";

/// The decision in one sentence, for a log line or a person. What operators note for themselves, such as the reason for an
/// override, is in it only with `notes`: a switch may pass the sentence on to the upstream that it refuses.
pub fn sentence(decision: &Decision, query: &Query, notes: bool) -> String {
    let who = match &decision.filing {
        Some(filing) if filing.business_name().is_empty() => filing.number().to_string(),
        Some(filing) => {
            // With room for what mostly follows.
            let mut who = String::with_capacity(filing.business_name().len() + 48);
            let _ = write!(who, "{} ({})", filing.business_name(), filing.number());
            who
        }
        None => query.identity.to_string(),
    };
    let role = query.role.map_or("", |role| role.label());
    let stands = match (&decision.filing, &decision.removal) {
        (_, Some(removal)) => format!(
            "{who} is no longer in the database: last seen {}, first missing {}",
            moment(removal.last_seen_at),
            moment(removal.first_missing_at)
        ),
        (Some(filing), None) => match query.identity {
            Identity::RmdNumber(asked) if asked != filing.number() => {
                format!("{who} stands in the database for the provider of {asked}")
            }
            _ => who + " stands in the database",
        },
        (None, None) => format!("{who} is not in the database"),
    };
    let because = match decision.reason {
        Reason::EmergencyCall => format!("an emergency call is never refused; {stands}"),
        Reason::RoleNotCertified => format!("{stands}, but does not certify the role of a {role}"),
        Reason::RoleBlank => format!("{stands}, but leaves the role of a {role} blank"),
        Reason::NoRoleCertified => format!("{stands}, but certifies no role at all"),
        Reason::CallNotCovered => {
            format!("{stands}; from a foreign provider a call without a US number in the caller ID is not barred")
        }
        Reason::OtherFrnOnly => {
            let named: Vec<String> = decision.candidates.iter().take(3).map(ToString::to_string).collect();
            format!("{stands}, but among the other FRNs of {}", named.join(", "))
        }
        Reason::ListingOld => format!("the listing is too old to decide by; as far as it goes, {stands}"),
        Reason::Listed if query.role.is_some() && !decision.by_policy => format!("{stands} as a {role}"),
        Reason::Override => format!("{}; {stands}", on_record(decision, notes)),
        Reason::RemovalOrder => format!("{stands}, but the {} de-lists it", on_record(decision, notes)),
        Reason::FinalDetermination => format!("the {}; {stands}", on_record(decision, notes)),
        Reason::NoticeUnanswered => format!("{}; {stands}", on_record(decision, notes)),
        Reason::Removed if decision.record.is_some() => format!("{stands}, under the {}", on_record(decision, notes)),
        Reason::Listed | Reason::NotListed | Reason::Removed => stands,
    };
    if decision.by_policy { format!("{because} (by the operator's policy)") } else { because }
}

/// What the record says that a decision rests on.
fn on_record(decision: &Decision, notes: bool) -> String {
    let reported = |record| reported(record, decision.by_policy, notes);
    decision.record.as_deref().map_or_else(|| "a record".to_owned(), reported)
}

fn reported(record: &Record, early: bool, notes: bool) -> String {
    match &record.body {
        RecordBody::Override(body) => {
            let until = record.expires_at.map_or_else(String::new, |end| format!(", until {}", moment(end)));
            let action = body.action.as_str();
            match notes {
                true => format!("the override of {} ({action}{until}) decides: {}", record.by, record.why.trim()),
                false => format!("an override ({action}{until}) decides"),
            }
        }
        RecordBody::Order(order) => {
            let name = format!("{} {} of {}", order.kind.label(), order.document, order.released);
            match order.kind {
                OrderKind::FinalDetermination if early => {
                    format!("{name} binds from {}", eastern_day(order.must_block_from()))
                }
                OrderKind::FinalDetermination => {
                    format!("{name} has all its traffic blocked from {} on", eastern_day(order.must_block_from()))
                }
                OrderKind::Removal | OrderKind::ShowCause => name,
            }
        }
        RecordBody::Notice(notice) => {
            format!("the notice of suspected illegal traffic {} was not answered in time", notice.id)
        }
        RecordBody::Peer(peer) => format!("the peer {}", peer.name),
    }
}
