//! What is written down while things go wrong: who was told what, and when. All times are from the beginning of the run, by
//! the clock of the harness, which nobody sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rmdd::domain::Log;

/// A moment.
pub type At = Duration;

/// A SHA-256.
pub type Digest = [u8; 32];

/// From when something was begun until it was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub begin: At,
    pub end: At,
}

/// An answer to the question whether calls of a provider may be accepted.
#[derive(Debug, Clone)]
pub struct Answer {
    pub site: usize,
    pub span: Span,
    /// The provider's number.
    pub number: Arc<str>,
    /// The listing that it rests on.
    pub serial: u64,
    pub sha256: Digest,
    /// Whether calls may be accepted.
    pub accepts: bool,
    /// Whether the provider has a filing in that listing.
    pub listed: bool,
    /// Whether it has the advisory `FLEET_BEHIND`.
    pub behind: bool,
}

/// What an operator was told of a change of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is made, as these events.
    Acknowledged(Vec<u64>),
    /// Nothing was changed.
    Refused(String),
    /// It may have been made.
    Unknown(String),
}

/// A change of records: so many at once, each with this as its reason.
#[derive(Debug, Clone)]
pub struct Change {
    pub site: usize,
    pub why: String,
    pub records: usize,
    pub span: Span,
    pub outcome: Outcome,
}

/// A place in a log.
pub type Place = (u64, Digest);

/// What a site tells of itself.
#[derive(Debug, Clone)]
pub struct Status {
    pub site: usize,
    pub span: Span,
    /// By [`Log::ALL`].
    pub places: [Place; 2],
    pub snapshot: Place,
    pub last_change: u64,
    pub current: bool,
    pub behind: bool,
    pub alarms: BTreeSet<String>,
}

/// What a site's look at the heads was answered.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub site: usize,
    pub span: Span,
    pub revision: i64,
    /// Whether the site counts as current as of it.
    pub published: bool,
}

/// A term in which one site fetches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term {
    pub token: String,
    pub site: String,
}

/// Who fetched, as etcd said.
#[derive(Debug, Clone)]
pub struct Holder {
    pub span: Span,
    pub term: Option<Term>,
}

/// A request at the source.
#[derive(Debug, Clone, Copy)]
pub struct Visit {
    pub site: usize,
    pub at: At,
}

/// An entry of a log, as it stands in etcd.
#[derive(Debug, Clone)]
pub struct Entry {
    pub log: Log,
    pub index: u64,
    pub id: [u8; 16],
    pub before: Digest,
    pub sha256: Digest,
    pub site: String,
    /// The revision of etcd that wrote it.
    pub revision: i64,
    /// How often its key was written.
    pub writes: u64,
    /// It was there by then, at the latest.
    pub seen: At,
    /// Who fetched at that revision; nothing where that could not be asked any more.
    pub holder: Option<Option<Term>>,
    /// The snapshot that it makes.
    pub snapshot: Option<Place>,
    /// The events that it makes: their serials and reasons.
    pub events: Vec<(u64, String)>,
}

/// Something that was done to the fleet, and undone.
#[derive(Debug, Clone)]
pub struct Fault {
    pub span: Span,
    pub what: String,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The names of the sites.
    pub sites: Vec<String>,
    /// Each in the order in which they were heard.
    pub answers: Vec<Answer>,
    pub changes: Vec<Change>,
    pub statuses: Vec<Status>,
    pub looks: Vec<Look>,
    pub holders: Vec<Holder>,
    pub visits: Vec<Visit>,
    pub entries: Vec<Entry>,
    /// The token under which each entry of the listing was sent, by its digest.
    pub sent: BTreeMap<String, String>,
    /// What each listing of the source held, by its digest.
    pub listings: BTreeMap<Digest, Arc<BTreeSet<String>>>,
    pub faults: Vec<Fault>,
    /// Alarms that say nothing about what is done here.
    pub usual: BTreeSet<String>,
    /// When the last fault was undone.
    pub calm: At,
    /// So long a site may be without a look before it says so.
    pub behind_after: Duration,
    /// So long after that all is well again.
    pub settled_after: Duration,
}
