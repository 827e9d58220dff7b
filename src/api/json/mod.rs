//! Answers as JSON objects, in the shapes that users build on: one per answer, null where there is nothing, no key ever
//! missing.

mod check;
mod compact;
mod fleet;
mod snapshots;
mod standing;
mod status;

use serde::Serialize;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::{self, Column, Implementation};
use crate::service;

pub use check::Cells;
pub(crate) use check::{Check, CheckWithLive, CheckedRow, Compared, Impact, Live, LiveField, PeerImpact};
pub(crate) use compact::CompactCheck;
pub use fleet::{Fleet, FleetMember, FleetPlace, FleetSite};
pub use snapshots::Changes;
pub(crate) use snapshots::{ListedSnapshot, Snapshots};
pub use standing::{Deadline, OwnChange, OwnFiling, PeerStanding, PeersSummary};
pub use status::{Alarm, Held, PeersAffected, ServedSnapshot, Source, SourceFault, Status, Sync, Week};

/// Text, if there is some.
pub fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Which listing an answer rests on.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// The snapshot's number.
    pub serial: u64,
    /// Digest of the published bytes, in hexadecimal.
    pub sha256: String,
    /// Digest of the listing as `rmdd export` writes it in CSV, in hexadecimal; null where none was recorded.
    pub listing_sha256: Option<String>,
    /// When these bytes were first fetched.
    pub fetched_at: Option<Timestamp>,
    /// When the source last published these very bytes.
    pub confirmed_at: Option<Timestamp>,
    /// Seconds since the last confirmation. Below zero where that lies ahead of the clock: the age is not known then.
    pub age_seconds: i64,
}

impl From<&service::SnapshotRef> for Snapshot {
    fn from(snapshot: &service::SnapshotRef) -> Self {
        Self {
            serial: snapshot.serial.0,
            sha256: snapshot.sha256.to_string(),
            listing_sha256: snapshot.listing_sha256.map(|digest| digest.to_string()),
            fetched_at: Some(snapshot.fetched_at),
            confirmed_at: Some(snapshot.confirmed_at),
            age_seconds: snapshot.age.as_secs(),
        }
    }
}

/// One filing.
#[derive(Debug, Clone, Serialize)]
pub struct Filing<'a> {
    /// The filing's number.
    pub number: String,
    /// The provider's FRN.
    pub frn: Option<String>,
    /// The provider's name as filed.
    pub business_name: Option<Cow<'a, str>>,
    /// `COMPLETE`, `PARTIAL`, `NONE_MITIGATING`, `NOT_APPLICABLE` or `UNRECOGNIZED`.
    pub implementation: Cow<'a, str>,
    /// The roles that the filing certifies.
    pub roles: Vec<Cow<'a, str>>,
    /// The FCC's date of the last update, as published.
    pub last_updated: Option<Cow<'a, str>>,
    /// The FCC's date of the last recertification, as published.
    pub last_recertified: Option<Cow<'a, str>>,
    /// Since when the filing's row could not be read, if so.
    pub carried_since: Option<Timestamp>,
    /// All cells as published, by column name; null where they were not asked for.
    pub cells: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
}

impl<'a> Filing<'a> {
    /// A filing, whose row could not be read since then, if so.
    pub fn new(filing: &'a domain::Filing, carried_since: Option<Timestamp>) -> Self {
        let text = |text: &'a str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        let implementation = match filing.implementation() {
            Implementation::Complete => "COMPLETE",
            Implementation::Partial => "PARTIAL",
            Implementation::NoneMitigating => "NONE_MITIGATING",
            Implementation::NotApplicable => "NOT_APPLICABLE",
            Implementation::Unrecognized(_) => "UNRECOGNIZED",
        };
        Self {
            number: filing.number().to_string(),
            frn: filing.frn().map(|frn| frn.to_string()),
            business_name: text(filing.business_name()),
            implementation: implementation.into(),
            roles: filing.roles().iter().map(|role| role.as_str().into()).collect(),
            last_updated: text(filing.text(Column::LastUpdated)),
            last_recertified: text(filing.text(Column::LastRecertified)),
            carried_since,
            cells: None,
        }
    }

    /// The same with all its cells.
    pub fn whole(filing: &'a domain::Filing, carried_since: Option<Timestamp>) -> Self {
        let cells = Column::ALL
            .into_iter()
            .map(|column| (column.name(), filing.cell(column)))
            .chain(filing.unknown_cells())
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(name, cell)| (name.into(), cell.into()));
        Self { cells: Some(cells.collect()), ..Self::new(filing, carried_since) }
    }
}

impl<'a> From<&'a service::CurrentFiling> for Filing<'a> {
    fn from(current: &'a service::CurrentFiling) -> Self {
        Self::whole(&current.filing, current.carried_since)
    }
}

/// When a filing went, and came back.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RemovalTimes {
    /// When the first listing without it was fetched.
    pub first_missing_at: Option<Timestamp>,
    /// When a listing was last known to hold it.
    pub last_seen_at: Option<Timestamp>,
}

impl From<&domain::Removal> for RemovalTimes {
    fn from(removal: &domain::Removal) -> Self {
        Self { first_missing_at: Some(removal.first_missing_at), last_seen_at: Some(removal.last_seen_at) }
    }
}

/// A code and a sentence.
#[derive(Debug, Clone, Serialize)]
pub struct Note<'a> {
    /// A stable code.
    pub code: Cow<'a, str>,
    /// One sentence.
    pub message: Cow<'a, str>,
}

/// A removal.
#[derive(Debug, Clone, Serialize)]
pub struct Removal<'a> {
    /// The filing as it was last seen.
    pub filing: Option<Filing<'a>>,
    /// When the first listing without it was fetched.
    pub first_missing_at: Option<Timestamp>,
    /// When a listing was last known to hold it.
    pub last_seen_at: Option<Timestamp>,
    /// When it stood again, if it does.
    pub reinstated_at: Option<Timestamp>,
    /// The first snapshot without it.
    pub snapshot_serial: u64,
}

impl<'a> Removal<'a> {
    fn with(removal: &'a domain::Removal, filing: Filing<'a>) -> Self {
        Self {
            filing: Some(filing),
            first_missing_at: Some(removal.first_missing_at),
            last_seen_at: Some(removal.last_seen_at),
            reinstated_at: removal.reinstated_at,
            snapshot_serial: removal.snapshot.0,
        }
    }
}

/// A page of removals.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Removals<'a> {
    /// The removals, newest first.
    pub removals: Vec<Removal<'a>>,
    /// What asks for the next page; null behind the last.
    pub next_page_token: Option<String>,
    /// How many there are on all pages.
    pub total: u64,
    /// The listing that the answer rests on.
    pub snapshot: Option<Snapshot>,
}

impl<'a> From<&'a service::RemovalsPage> for Removals<'a> {
    fn from(page: &'a service::RemovalsPage) -> Self {
        let removal =
            |removal: &'a std::sync::Arc<domain::Removal>| Removal::with(removal, Filing::new(&removal.filing, None));
        Self {
            removals: page.removals.iter().map(removal).collect(),
            next_page_token: filled(&page.next_page_token),
            total: page.total,
            snapshot: Some(Snapshot::from(&page.snapshot)),
        }
    }
}

/// A filing that bears such a name.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NameMatch<'a> {
    /// From 0 to 1, where 1 is the same name.
    pub score: f64,
    /// The name that matched, as filed.
    pub name: String,
    /// The column it stands in.
    pub column: String,
    pub filing: Option<Filing<'a>>,
    /// The removal, if it does not stand.
    pub removal: Option<RemovalTimes>,
}

/// One cell that changed.
#[derive(Debug, Clone, Serialize)]
pub struct FieldChange {
    /// The column's name.
    pub column: String,
    /// The cell as it was.
    pub before: String,
    /// The cell as it is.
    pub after: String,
}

/// One event in the life of one filing.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Its number.
    pub serial: u64,
    /// `LISTED`, `AMENDED`, `REMOVED` or `REINSTATED`.
    pub kind: Cow<'static, str>,
    /// The filing's number.
    pub number: String,
    /// The provider's FRN at that time.
    pub frn: Option<String>,
    /// When the snapshot in which it was first seen was fetched.
    pub observed_at: Option<Timestamp>,
    /// That snapshot's number.
    pub snapshot_serial: u64,
    /// The cells that changed with it.
    pub fields: Vec<FieldChange>,
}

impl From<&domain::Change> for Change {
    fn from(change: &domain::Change) -> Self {
        let field = |field: &domain::FieldChange| FieldChange {
            column: field.column.clone(),
            before: field.before.clone(),
            after: field.after.clone(),
        };
        Self {
            serial: change.serial.0,
            kind: change.kind.as_str().into(),
            number: change.number.to_string(),
            frn: change.frn.map(|frn| frn.to_string()),
            observed_at: Some(change.observed_at),
            snapshot_serial: change.snapshot.0,
            fields: change.kind.fields().iter().map(field).collect(),
        }
    }
}

/// Since when a filing is known.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FirstKnown {
    /// The filing's number.
    pub number: String,
    /// When the first listing with it was fetched.
    pub at: Option<Timestamp>,
    /// Whether it stood in the oldest listing that history reaches back to: then it may have stood long before.
    pub already_listed: bool,
}

/// What is known of a provider.
#[derive(Debug, Clone, Serialize)]
pub struct Provider<'a> {
    /// The filings that are listed.
    pub filings: Vec<Filing<'a>>,
    /// Every removal, newest first.
    pub removals: Vec<Removal<'a>>,
    /// Every change, oldest first.
    pub changes: Vec<Change>,
    /// The time of which the answer tells, if one was asked about.
    pub at: Option<Timestamp>,
    /// The listing that the answer rests on.
    pub snapshot: Option<Snapshot>,
}

impl<'a> From<&'a service::ProviderReport> for Provider<'a> {
    fn from(report: &'a service::ProviderReport) -> Self {
        let removal =
            |removal: &'a std::sync::Arc<domain::Removal>| Removal::with(removal, Filing::whole(&removal.filing, None));
        Self {
            filings: report.filings.iter().map(Filing::from).collect(),
            removals: report.removals.iter().map(removal).collect(),
            changes: report.changes.iter().map(Change::from).collect(),
            at: report.at,
            snapshot: Some(Snapshot::from(&report.snapshot)),
        }
    }
}
