//! The shapes that `rmdd status` and `rmdd sync` print as JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::{Fleet, OwnFiling, PeersSummary, Snapshot};

/// One sync cycle.
#[derive(Debug, Clone, Serialize)]
pub struct Sync {
    /// When it ended.
    pub at: Option<Timestamp>,
    /// What started it.
    pub trigger: String,
    /// `applied`, `unchanged`, `refused` or `failed`.
    pub outcome: String,
    /// What went wrong and what to do.
    pub error: Option<String>,
    /// Which source it asked.
    pub source: String,
    /// The snapshot that it applied or confirmed.
    pub snapshot_serial: Option<u64>,
    /// How many filings stand in it.
    pub filings: u64,
    /// Filings that stand for the first time.
    pub listed: u64,
    /// Filings of which cells changed.
    pub amended: u64,
    /// Filings that are gone.
    pub removed: u64,
    /// Filings that stand again.
    pub reinstated: u64,
    /// Sources that are preferred to the one that was used and gave no listing.
    pub passed_over: Vec<SourceFault>,
}

/// Why a source gave no listing.
#[derive(Debug, Clone, Serialize)]
pub struct SourceFault {
    /// Which source.
    pub source: String,
    /// The cause, in UPPER_SNAKE.
    pub kind: String,
    /// The cause in a sentence.
    pub error: String,
}

/// What is known of one source of listings.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// Which, without its secrets.
    pub source: String,
    /// When it last answered, whatever it said.
    pub last_contact_at: Option<Timestamp>,
    /// When it last gave a listing, or said that there is no newer one.
    pub last_success_at: Option<Timestamp>,
    /// When it last gave a listing whole.
    pub last_whole_at: Option<Timestamp>,
    /// How many cycles in a row it has failed.
    pub failures: u64,
    /// Why, if it has.
    pub fault: Option<SourceFault>,
    /// It asked to be left alone until then.
    pub not_before: Option<Timestamp>,
    /// Whether it is asked only for a listing that has changed.
    pub conditional: bool,
    /// What it says of changes is not believed until then.
    pub validators_distrusted_until: Option<Timestamp>,
    /// By how many seconds its clock was ahead of this machine's; below zero, behind; null if it did not say.
    pub clock_skew_seconds: Option<i64>,
}

/// The snapshot that is served, in the status.
#[derive(Debug, Clone, Serialize)]
pub struct ServedSnapshot {
    /// The snapshot.
    #[serde(flatten)]
    pub snapshot: Snapshot,
    /// How many filings stand in it.
    pub filings: u64,
}

/// How things stand.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// `fresh`, `warning` or `critical`.
    pub state: String,
    /// What is wrong, worst first.
    pub alarms: Vec<Alarm>,
    /// The snapshot that is served.
    pub snapshot: Option<ServedSnapshot>,
    /// How many filings are removed now.
    pub removed_filings: u64,
    /// How many removals were ever observed.
    pub removals_total: u64,
    /// The last cycle.
    pub last_sync: Option<Sync>,
    /// When a cycle last succeeded.
    pub last_success_at: Option<Timestamp>,
    /// How many cycles failed or were refused since.
    pub failures_since: u64,
    /// When the source is asked next, by the schedule or ahead of it after a failure; null where no daemon runs.
    pub next_sync_at: Option<Timestamp>,
    /// The schedule in force.
    pub schedule: Option<String>,
    /// Where listings come from: the preferred source.
    pub source: String,
    /// Every configured source, the preferred one first.
    pub sources: Vec<Source>,
    /// The version of rmdd.
    pub version: String,
    /// Whether a cycle is running now.
    pub sync_in_progress: bool,
    /// Serial of the newest change.
    pub last_change_serial: u64,
    /// The state directory.
    pub state_dir: String,
    /// Size of the store, in bytes.
    pub store_bytes: u64,
    /// Where the daemon answers over HTTP; null where it does not, does on a Unix socket, or none runs.
    pub http_url: Option<String>,
    /// Since when the daemon runs; null where none does.
    pub started_at: Option<Timestamp>,
    /// Listings that were fetched since the last success and not applied, oldest first.
    pub held: Vec<Held>,
    /// When the source last gave something whole, whatever vetting made of it.
    pub last_contact_at: Option<Timestamp>,
    /// The newest date of an update in the listing that is served.
    pub content_as_of: Option<String>,
    /// How the operator's peers stand; null before the first listing.
    pub peers: Option<PeersSummary>,
    /// How the operator's own filings stand (`me.frn`).
    pub own_filings: Vec<OwnFiling>,
    /// The last 26 weeks of the listing, oldest first; the last one is the week that runs.
    pub weeks: Vec<Week>,
    /// When the running cycle fetches the second copy that it waits for; null where it waits for none.
    pub sync_waits_until: Option<Timestamp>,
    /// The fleet that the daemon is in; null if it is in none.
    pub fleet: Option<Fleet>,
}

/// A week of the listing, from Monday to Sunday in Eastern time.
#[derive(Debug, Clone, Serialize)]
pub struct Week {
    /// Its Monday.
    pub monday: String,
    /// How many filings stood at its end; null before the history begins.
    pub filings: Option<u64>,
    /// How many filings were first missed in it.
    pub removals: u64,
    /// How many of these are of peers' providers.
    pub removals_of_peers: u64,
}

/// A listing that was fetched and not applied.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    /// Digest of its bytes.
    pub sha256: String,
    /// Where they came from.
    pub source: String,
    /// How many they are.
    pub bytes: u64,
    /// How many filings it holds.
    pub filings: u64,
    /// How many standing filings would be gone.
    pub gone: u64,
    /// When its bytes were first fetched.
    pub first_fetched_at: Option<Timestamp>,
    /// When they were last fetched.
    pub last_fetched_at: Option<Timestamp>,
    /// How often they were fetched.
    pub times: u64,
    /// What makes it hard to believe.
    pub doubts: Vec<String>,
    /// `second_copy` or `person`.
    pub awaits: String,
    /// What applying it would change for the operator's own peers; null where nothing is known of it.
    pub peers: Option<PeersAffected>,
}

/// What a listing would change for the operator's own peers.
#[derive(Debug, Clone, Serialize)]
pub struct PeersAffected {
    /// How many peers were asked about.
    pub peers: u64,
    /// How many of them are not refused now and would be.
    pub newly_refused: u64,
    /// How many are not accepted now and would be.
    pub newly_accepted: u64,
    /// The first of those that would be refused, by name.
    pub refused: Vec<String>,
    /// How many peers would be answered otherwise in some role.
    pub in_some_role: u64,
    /// How many providers would be, peers or not.
    pub providers: u64,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, Serialize)]
pub struct Alarm {
    /// `note`, `warning` or `critical`.
    pub severity: String,
    /// A stable code.
    pub code: String,
    /// What happened and what to do about it, as one text.
    pub message: String,
    /// What happened, to what.
    pub finding: String,
    /// What to do about it; empty if nobody need do anything.
    pub what_to_do: String,
}
