//! The shapes in which commands print how the operator's own peers and filings stand.

use jiff::Timestamp;
use serde::Serialize;

use super::Note;

/// A moment at which something changes by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deadline {
    /// The moment.
    pub at: Option<Timestamp>,
    /// What happens then, in UPPER_SNAKE.
    pub kind: String,
    /// The record that names the moment: `notice N-1`.
    pub record: Option<String>,
    /// How the peer stands after it; null where it is no peer any more, or none is concerned.
    pub state: Option<String>,
    /// The verdict after it.
    pub verdict: Option<String>,
    /// The reason after it.
    pub reason: Option<String>,
    /// The codes of the advisories that come with it.
    pub gained: Vec<String>,
    /// The codes of the advisories that go with it.
    pub lost: Vec<String>,
}

/// How a peer stands.
#[derive(Debug, Clone, Serialize)]
pub struct PeerStanding {
    /// The ID of its record.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What kind of name that is.
    pub kind: String,
    /// The number of the provider that it is bound to.
    pub provider: String,
    /// The role in which it hands calls over, if the binding names one.
    pub role: Option<String>,
    /// `refused`, `unmatched`, `attention` or `accepted`.
    pub state: String,
    /// `ACCEPT` or `REFUSE`; null where there is no verdict.
    pub verdict: Option<String>,
    /// The reason.
    pub reason: String,
    /// The rule's paragraph.
    pub rule: Option<String>,
    /// The decision in one sentence.
    pub message: String,
    /// What else to know.
    pub advisories: Vec<Note<'static>>,
    /// The provider's name as filed.
    pub provider_name: Option<String>,
    /// The number of the filing that stands, else of the one that was removed.
    pub rmd_number: Option<String>,
    /// The provider's FRN.
    pub frn: Option<String>,
    /// Since when it has stood so for this reason, as far as is known.
    pub since: Option<Timestamp>,
    /// What will change by itself, in the order of time.
    pub next: Vec<Deadline>,
    /// The record that the verdict rests on.
    pub record: Option<String>,
}

/// How the peers stand, in numbers.
#[derive(Debug, Clone, Serialize)]
pub struct PeersSummary {
    /// Peers whose calls are refused.
    pub refused: u64,
    /// Peers whose provider has no filing and none is known that it had.
    pub unmatched: u64,
    /// Peers that are accepted and need attention.
    pub attention: u64,
    /// Peers that are accepted.
    pub accepted: u64,
    /// The next moment at which the standing of one changes by itself.
    pub next_deadline_at: Option<Timestamp>,
    /// Of how many it does within 24 hours.
    pub changing_soon: u64,
    /// The worst five.
    pub worst: Vec<PeerStanding>,
}

/// A change of the operator's own filing.
#[derive(Debug, Clone, Serialize)]
pub struct OwnChange {
    /// When the listing with it was fetched.
    pub at: Option<Timestamp>,
    /// `LISTED`, `AMENDED`, `REMOVED` or `REINSTATED`.
    pub kind: String,
    /// The filing's number.
    pub rmd_number: String,
    /// The columns whose cells changed.
    pub columns: Vec<String>,
    /// Whether a certified role is among them.
    pub roles: bool,
}

/// How the operator's own filings under one FRN stand.
#[derive(Debug, Clone, Serialize)]
pub struct OwnFiling {
    /// The FRN.
    pub frn: String,
    /// The name as filed.
    pub name: Option<String>,
    /// `listed`, `removed` or `not_listed`.
    pub state: String,
    /// Whether something is to be done now.
    pub needs_attention: bool,
    /// The numbers of those that stand.
    pub rmd_numbers: Vec<String>,
    /// When it was first missing, if it is removed.
    pub first_missing_at: Option<Timestamp>,
    /// The roles that they certify.
    pub roles: Vec<String>,
    /// `not_yet_open`, `open`, `done` or `overdue`; null where none stands.
    pub recertification: Option<String>,
    /// The day on which the window for recertifying opens or opened.
    pub recertification_opens: Option<String>,
    /// The last day for it.
    pub recertification_by: Option<String>,
    /// The day of the change in `me.changed`.
    pub changed: Option<String>,
    /// The last day for updating the filing.
    pub update_by: Option<String>,
    /// Whether the listing shows an update since the change.
    pub is_updated: bool,
    /// What changed in the last 30 days, newest first.
    pub changes: Vec<OwnChange>,
    /// What comes, in the order of time.
    pub next: Vec<Deadline>,
}
