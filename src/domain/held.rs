//! A listing that was fetched and not applied, because it is hard to believe.

use jiff::Timestamp;

use super::Sha256Digest;

/// What a listing that was not applied waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Awaits {
    /// A second copy that says the same.
    SecondCopy,
    /// A person who lets it through.
    Person,
}

impl Awaits {
    /// The word in JSON and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecondCopy => "second_copy",
            Self::Person => "person",
        }
    }
}

/// A listing that was fetched and not applied. Its bytes are in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldListing {
    /// Digest of the published bytes: by it a person lets the listing through.
    pub sha256: Sha256Digest,
    /// Where the bytes came from.
    pub source: String,
    /// How many bytes were published.
    pub bytes: u64,
    /// How many filings it holds.
    pub filings: u64,
    /// How many standing filings would be gone.
    pub gone: u64,
    /// When these bytes were first fetched.
    pub first_fetched_at: Timestamp,
    /// When they were last fetched.
    pub last_fetched_at: Timestamp,
    /// How often they were fetched.
    pub times: u64,
    /// What makes it hard to believe, a clause each.
    pub doubts: Vec<String>,
    /// What it waits for.
    pub awaits: Awaits,
    /// What applying it would change for the operator's own peers; nothing where that was not asked.
    pub peers: Option<PeersAffected>,
}

/// What a listing would change for the operator's own peers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeersAffected {
    /// How many peers were asked about.
    pub peers: u64,
    /// How many of them are not refused now and would be.
    pub newly_refused: u64,
    /// How many are not accepted now and would be.
    pub newly_accepted: u64,
    /// The first of those that would be refused, by name.
    pub refused: Vec<String>,
}
