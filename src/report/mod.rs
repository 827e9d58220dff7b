//! Answers as JSON objects, in the shapes that users build on: one per answer, null where there is nothing.

mod snapshots;
mod status;

use serde::Serialize;

use crate::grpc::{duration_from_wire, time_from_wire, v1};

pub use snapshots::{ListedSnapshot, Snapshots};
pub use status::{Alarm, Held, ServedSnapshot, Source, SourceFault, Status, Sync, state};

/// A time in RFC 3339, UTC.
pub fn time(at: Option<&prost_types::Timestamp>) -> Option<String> {
    at.and_then(time_from_wire).map(|at| at.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A wire enumeration's word without its prefix.
pub fn word<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// A role's word.
pub fn role(role: v1::ProviderRole) -> String {
    word(role.as_str_name(), "PROVIDER_ROLE_").to_ascii_lowercase()
}

/// Which listing an answer rests on.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// The snapshot's number.
    pub serial: u64,
    /// Digest of the published bytes, in hexadecimal.
    pub sha256: String,
    /// Digest of the listing as `rmdd export` writes it in CSV, in hexadecimal.
    pub listing_sha256: String,
    /// When these bytes were first fetched.
    pub fetched_at: Option<String>,
    /// When the source last published these very bytes.
    pub confirmed_at: Option<String>,
    /// Seconds since the last confirmation. Below zero where that lies ahead of the clock: the age is not known then.
    pub age_seconds: i64,
}

impl From<&v1::SnapshotRef> for Snapshot {
    fn from(snapshot: &v1::SnapshotRef) -> Self {
        Self {
            serial: snapshot.serial,
            sha256: hex(&snapshot.sha256),
            listing_sha256: hex(&snapshot.listing_sha256),
            fetched_at: time(snapshot.fetched_at.as_ref()),
            confirmed_at: time(snapshot.confirmed_at.as_ref()),
            age_seconds: snapshot.age.as_ref().map_or(0, |age| duration_from_wire(age).as_secs()),
        }
    }
}

/// One filing.
#[derive(Debug, Clone, Serialize)]
pub struct Filing {
    /// The filing's number.
    pub number: String,
    /// The provider's FRN.
    pub frn: Option<String>,
    /// The provider's name as filed.
    pub business_name: Option<String>,
    /// `COMPLETE`, `PARTIAL`, `NONE_MITIGATING`, `NOT_APPLICABLE` or `UNRECOGNIZED`.
    pub implementation: String,
    /// The roles that the filing certifies.
    pub roles: Vec<String>,
    /// The FCC's date of the last update, as published.
    pub last_updated: Option<String>,
    /// The FCC's date of the last recertification, as published.
    pub last_recertified: Option<String>,
    /// Since when the filing's row could not be read, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried_since: Option<String>,
    /// All cells as published, by column name, where they were asked for.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub cells: std::collections::BTreeMap<String, String>,
}

impl From<&v1::Filing> for Filing {
    fn from(filing: &v1::Filing) -> Self {
        Self {
            number: filing.number.clone(),
            frn: filled(&filing.frn),
            business_name: filled(&filing.business_name),
            implementation: word(filing.implementation().as_str_name(), "IMPLEMENTATION_").to_owned(),
            roles: filing.roles().map(role).collect(),
            last_updated: filled(&filing.last_updated),
            last_recertified: filled(&filing.last_recertified),
            carried_since: time(filing.carried_since.as_ref()),
            cells: filing.cells.clone().into_iter().collect(),
        }
    }
}

/// When a filing went, and came back.
#[derive(Debug, Clone, Serialize)]
pub struct RemovalTimes {
    /// When the first listing without it was fetched.
    pub first_missing_at: Option<String>,
    /// When a listing was last known to hold it.
    pub last_seen_at: Option<String>,
}

/// A code and a sentence.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// A stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// The answer to one question.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// `ACCEPT` or `REFUSE`.
    pub verdict: String,
    /// Why.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// The rule's paragraph.
    pub rule: String,
    /// Whether the verdict rests on the operator's policy.
    pub by_policy: bool,
    /// What else to know.
    pub advisories: Vec<Note>,
    /// How the identity matched.
    pub matched_by: Option<String>,
    /// The filing that was matched.
    pub filing: Option<Filing>,
    /// Numbers of the other filings that stand under the same FRN.
    pub other_filings: Vec<String>,
    /// Numbers of filings that name the FRN among their other FRNs, where none stands under it.
    pub candidates: Vec<String>,
    /// The removal, where the provider is removed now.
    pub removal: Option<RemovalTimes>,
    /// The peer's name as operators wrote it, if the question named one.
    pub peer: Option<String>,
    /// Kind and ID of the operator's record that the verdict rests on, or that explains a removal.
    pub record: Option<String>,
    /// The moment of which the answer tells, if one was asked about.
    pub at: Option<String>,
    /// The listing that the answer rests on.
    pub snapshot: Option<Snapshot>,
}

impl From<&v1::CheckProviderResponse> for Check {
    fn from(answer: &v1::CheckProviderResponse) -> Self {
        let matched_by = match answer.matched_by() {
            v1::MatchedBy::Unspecified => None,
            matched => Some(word(matched.as_str_name(), "MATCHED_BY_").to_owned()),
        };
        Self {
            verdict: word(answer.verdict().as_str_name(), "VERDICT_").to_owned(),
            reason: word(answer.reason().as_str_name(), "REASON_").to_owned(),
            message: answer.message.clone(),
            rule: answer.rule.clone(),
            by_policy: answer.by_policy,
            other_filings: answer.other_filings.clone(),
            candidates: answer.candidates.clone(),
            advisories: answer
                .advisories
                .iter()
                .map(|advisory| Note { code: advisory.code.clone(), message: advisory.message.clone() })
                .collect(),
            matched_by,
            filing: answer.filing.as_ref().map(Filing::from),
            removal: answer.first_missing_at.as_ref().map(|first_missing_at| RemovalTimes {
                first_missing_at: time(Some(first_missing_at)),
                last_seen_at: time(answer.last_seen_at.as_ref()),
            }),
            peer: filled(&answer.peer),
            record: filled(&answer.record),
            at: time(answer.at.as_ref()),
            snapshot: answer.snapshot.as_ref().map(Snapshot::from),
        }
    }
}

/// What the FCC says now, beside what is stored.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Live {
    /// The address that was asked, without its secrets.
    pub url: String,
    /// When.
    pub asked_at: Option<String>,
    /// Why the FCC's word could not be had, if so; all below is then empty.
    pub error: Option<Note>,
    /// Whether the FCC tells just what is stored, in all that it tells.
    pub agrees: Option<bool>,
    /// The filings as the FCC tells them.
    pub filings: Vec<Filing>,
    /// Filing by filing, those of both sides.
    pub compared: Vec<Compared>,
}

impl Live {
    /// Asked, and nothing said yet.
    pub fn asked(url: String, asked_at: Option<String>) -> Self {
        Self { url, asked_at, ..Self::default() }
    }
}

/// How one filing compares.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// The filing's number.
    pub number: String,
    /// `SAME`, `DIFFERS`, `ONLY_STORED` or `ONLY_LIVE`.
    pub agreement: String,
    /// Where it differs.
    pub fields: Vec<LiveField>,
}

/// One cell that differs.
#[derive(Debug, Clone, Serialize)]
pub struct LiveField {
    /// The column.
    pub column: String,
    /// What is stored.
    pub stored: String,
    /// What the FCC says.
    pub live: String,
}

/// The answer to one question, and what the FCC says now.
#[derive(Debug, Clone, Serialize)]
pub struct CheckWithLive<'a> {
    /// The answer, from the stored listing.
    #[serde(flatten)]
    pub check: Check,
    /// What the FCC says now.
    pub live: &'a Live,
}

impl<'a> CheckWithLive<'a> {
    /// Both.
    pub fn new(answer: &v1::CheckProviderResponse, live: &'a Live) -> Self {
        Self { check: Check::from(answer), live }
    }
}

/// What would become of one peer.
#[derive(Debug, Clone, Serialize)]
pub struct PeerImpact {
    /// The peer's name.
    pub peer: String,
    /// The answer about it now.
    pub now: Option<Check>,
    /// The answer then.
    pub then: Option<Check>,
}

/// What would become of the peers.
#[derive(Debug, Clone, Serialize)]
pub struct Impact {
    /// Those that would be refused, or of which the verdict or the reason would change.
    pub peers: Vec<PeerImpact>,
    /// How many were asked about.
    pub asked: u64,
    /// How many would be refused.
    pub refused: u64,
    /// How many of those are accepted now.
    pub newly_refused: u64,
    /// How many that are refused now would be accepted.
    pub newly_accepted: u64,
    /// How many peers would be answered otherwise in some role.
    pub in_some_role: u64,
    /// How many providers would be, peers or not.
    pub providers: u64,
    /// What makes the supposed listing hard to believe.
    pub listing_doubts: Vec<String>,
}

impl From<&v1::AssessImpactResponse> for Impact {
    fn from(impact: &v1::AssessImpactResponse) -> Self {
        Self {
            peers: impact
                .peers
                .iter()
                .map(|peer| PeerImpact {
                    peer: peer.then.as_ref().map(|then| then.peer.clone()).unwrap_or_default(),
                    now: peer.now.as_ref().map(Check::from),
                    then: peer.then.as_ref().map(Check::from),
                })
                .collect(),
            asked: impact.asked,
            refused: impact.refused,
            newly_refused: impact.newly_refused,
            newly_accepted: impact.newly_accepted,
            in_some_role: impact.in_some_role,
            providers: impact.providers,
            listing_doubts: impact.listing_doubts.clone(),
        }
    }
}

/// A removal.
#[derive(Debug, Clone, Serialize)]
pub struct Removal {
    /// The filing as it was last seen.
    pub filing: Option<Filing>,
    /// When the first listing without it was fetched.
    pub first_missing_at: Option<String>,
    /// When a listing was last known to hold it.
    pub last_seen_at: Option<String>,
    /// When it stood again, if it does.
    pub reinstated_at: Option<String>,
    /// The first snapshot without it.
    pub snapshot_serial: u64,
}

impl From<&v1::Removal> for Removal {
    fn from(removal: &v1::Removal) -> Self {
        Self {
            filing: removal.filing.as_ref().map(Filing::from),
            first_missing_at: time(removal.first_missing_at.as_ref()),
            last_seen_at: time(removal.last_seen_at.as_ref()),
            reinstated_at: time(removal.reinstated_at.as_ref()),
            snapshot_serial: removal.snapshot_serial,
        }
    }
}

/// A page of removals.
#[derive(Debug, Clone, Serialize)]
pub struct Removals {
    /// The removals, newest first.
    pub removals: Vec<Removal>,
    /// What asks for the next page; null behind the last.
    pub next_page_token: Option<String>,
    /// How many there are on all pages.
    pub total: u64,
    /// The listing that the answer rests on.
    pub snapshot: Option<Snapshot>,
}

impl From<&v1::ListRemovalsResponse> for Removals {
    fn from(page: &v1::ListRemovalsResponse) -> Self {
        Self {
            removals: page.removals.iter().map(Removal::from).collect(),
            next_page_token: filled(&page.next_page_token),
            total: page.total,
            snapshot: page.snapshot.as_ref().map(Snapshot::from),
        }
    }
}

/// A filing that bears such a name.
#[derive(Debug, Clone, Serialize)]
pub struct NameMatch {
    /// From 0 to 1, where 1 is the same name.
    pub score: f64,
    /// The name that matched, as filed.
    pub name: String,
    /// The column it stands in.
    pub column: String,
    /// The filing.
    pub filing: Option<Filing>,
    /// The removal, if it does not stand.
    pub removal: Option<RemovalTimes>,
}

impl From<&v1::NameMatch> for NameMatch {
    fn from(found: &v1::NameMatch) -> Self {
        Self {
            score: found.score,
            name: found.name.clone(),
            column: found.column.clone(),
            filing: found.filing.as_ref().map(Filing::from),
            removal: found.removal.as_ref().map(|removal| RemovalTimes {
                first_missing_at: time(removal.first_missing_at.as_ref()),
                last_seen_at: time(removal.last_seen_at.as_ref()),
            }),
        }
    }
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
    pub kind: String,
    /// The filing's number.
    pub number: String,
    /// The provider's FRN at that time.
    pub frn: Option<String>,
    /// When the snapshot in which it was first seen was fetched.
    pub observed_at: Option<String>,
    /// That snapshot's number.
    pub snapshot_serial: u64,
    /// The cells that changed with it.
    pub fields: Vec<FieldChange>,
}

impl From<&v1::Change> for Change {
    fn from(change: &v1::Change) -> Self {
        Self {
            serial: change.serial,
            kind: word(change.kind().as_str_name(), "CHANGE_KIND_").to_owned(),
            number: change.number.clone(),
            frn: filled(&change.frn),
            observed_at: time(change.observed_at.as_ref()),
            snapshot_serial: change.snapshot_serial,
            fields: change
                .fields
                .iter()
                .map(|field| FieldChange {
                    column: field.column.clone(),
                    before: field.before.clone(),
                    after: field.after.clone(),
                })
                .collect(),
        }
    }
}

/// Since when a filing is known.
#[derive(Debug, Clone, Serialize)]
pub struct FirstKnown {
    /// The filing's number.
    pub number: String,
    /// When the first listing with it was fetched.
    pub at: Option<String>,
    /// Whether it stood in the oldest listing that history reaches back to: then it may have stood long before.
    pub already_listed: bool,
}

impl From<&v1::FirstKnown> for FirstKnown {
    fn from(known: &v1::FirstKnown) -> Self {
        Self { number: known.number.clone(), at: time(known.at.as_ref()), already_listed: known.already_listed }
    }
}

/// What is known of a provider.
#[derive(Debug, Clone, Serialize)]
pub struct Provider {
    /// The filings that stand.
    pub filings: Vec<Filing>,
    /// Every removal, newest first.
    pub removals: Vec<Removal>,
    /// Every change, oldest first.
    pub changes: Vec<Change>,
    /// The moment of which the answer tells, if one was asked about.
    pub at: Option<String>,
    /// The listing that the answer rests on.
    pub snapshot: Option<Snapshot>,
}

impl From<&v1::GetProviderResponse> for Provider {
    fn from(provider: &v1::GetProviderResponse) -> Self {
        Self {
            filings: provider.filings.iter().map(Filing::from).collect(),
            removals: provider.removals.iter().map(Removal::from).collect(),
            changes: provider.changes.iter().map(Change::from).collect(),
            at: time(provider.at.as_ref()),
            snapshot: provider.snapshot.as_ref().map(Snapshot::from),
        }
    }
}
