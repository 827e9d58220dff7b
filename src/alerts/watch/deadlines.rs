//! What changes by itself: told once a day before, and once when it has.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Compared, Now, Raised, Reported};
use crate::alerts::event::{Draft, EventKind, object};
use crate::domain::Frn;
use crate::domain::wording::moment;
use crate::service::Severity;

/// So long before it comes it is told: 24 hours, whatever the clocks do in between.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// A moment that will come.
#[derive(Debug, Clone)]
pub struct DeadlineNow {
    /// What it is, by what it is about and the moment itself.
    pub subject: String,
    /// When.
    pub at: Timestamp,
    /// What happens then, in a sentence.
    pub cause: String,
    pub what_to_do: String,
    /// The peers that it is about, by name.
    pub peers: Vec<String>,
    /// How many of them are refused after it.
    pub refused: usize,
    /// The provider, where it is one.
    pub frn: Option<Frn>,
}

/// What was reported of a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlineState {
    /// When it comes.
    pub at: Timestamp,
    /// Whether it was told that it is near.
    pub near: bool,
    /// What happens then.
    pub cause: String,
    /// The peers that it is about.
    pub peers: Vec<String>,
    /// How many of them are refused after it.
    pub refused: usize,
    /// The provider.
    pub frn: Option<String>,
}

impl DeadlineState {
    /// One that is near is raised until it has passed, or does not come any more.
    pub(super) fn as_raised(&self, subject: &str) -> Option<Raised> {
        self.near.then(|| Raised {
            subject: subject.to_owned(),
            kind: EventKind::DeadlineNear,
            severity: self.severity(),
            since: self.at.checked_sub(AHEAD).unwrap_or(self.at),
            summary: format!("at {}: {}", moment(self.at), self.cause),
            frn: self.frn.clone(),
        })
    }

    fn severity(&self) -> Severity {
        if self.refused > 0 { Severity::Critical } else { Severity::Warning }
    }
}

pub(super) fn compare(known: &BTreeMap<&str, Reported>, now: &Now, compared: &mut Compared) {
    let coming: BTreeMap<&str, &DeadlineNow> = now
        .deadlines
        .iter()
        .filter(|deadline| deadline.at > now.at)
        .map(|deadline| (deadline.subject.as_str(), deadline))
        .collect();
    for (subject, deadline) in &coming {
        let was = match known.get(subject) {
            Some(Reported::Deadline(state)) => Some(state),
            _ => None,
        };
        let near = deadline.at.duration_since(now.at) <= AHEAD;
        let told = was.is_some_and(|was| was.near);
        let state = DeadlineState {
            at: deadline.at,
            near: near || told,
            cause: deadline.cause.clone(),
            peers: deadline.peers.clone(),
            refused: deadline.refused,
            frn: deadline.frn.map(|frn| frn.to_string()),
        };
        if near && !told {
            compared.drafts.push(draft(EventKind::DeadlineNear, subject, &state, &deadline.what_to_do));
        }
        if was != Some(&state) {
            compared.keep(subject, &Reported::Deadline(state));
        }
    }
    for (subject, state) in known {
        let Reported::Deadline(state) = state else { continue };
        if coming.contains_key(subject) {
            continue;
        }
        if state.at <= now.at {
            compared.drafts.push(draft(EventKind::DeadlinePassed, subject, state, ""));
        } else if state.near {
            // It was met, or what it is about has changed. Who was told that it is near is told that it does not come.
            compared.drafts.push(draft(EventKind::DeadlineCleared, subject, state, ""));
        }
        compared.forget(subject);
    }
}

fn draft(kind: EventKind, subject: &str, state: &DeadlineState, what_to_do: &str) -> Draft {
    let when = moment(state.at);
    let cause = match kind {
        EventKind::DeadlinePassed => format!("since {when}: {}", state.cause),
        EventKind::DeadlineCleared => format!("what was to happen at {when} does not: {}", state.cause),
        _ => format!("at {when}: {}", state.cause),
    };
    Draft {
        kind,
        subject: subject.to_owned(),
        frn: state.frn.as_ref().and_then(|frn| frn.parse().ok()),
        severity: state.severity(),
        raises: false,
        clears: false,
        only: None,
        data: object(json!({
            "cause": cause,
            "at": state.at.to_string(),
            "upstreams": state.peers,
            "refused_count": state.refused,
            "what_to_do": what_to_do,
        })),
    }
}
