//! The shape that `rmdd fleet status` prints as JSON.

use jiff::Timestamp;
use serde::Serialize;

/// A fleet as one of its sites knows it.
#[derive(Debug, Clone, Serialize)]
pub struct Fleet {
    /// The fleet's name.
    pub name: String,
    /// This site's name.
    pub site: String,
    /// The fleet's ID, in hexadecimal; null before this site is in it.
    pub id: Option<String>,
    /// How this site stands: `current`, `behind`, `cut_off`, `stuck`, `foreign`, `forked` or `newer`.
    pub state: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What shows it.
    pub detail: Option<String>,
    /// This site's place in the log of the listing.
    pub listing: Option<FleetPlace>,
    /// Its place in the log of records.
    pub records: Option<FleetPlace>,
    /// Where the log of the listing ends.
    pub listing_head: Option<FleetPlace>,
    /// Where the log of records ends.
    pub records_head: Option<FleetPlace>,
    /// When that was read.
    pub heads_read_at: Option<Timestamp>,
    /// This site has published all that the fleet had at this moment.
    pub current_as_of: Option<Timestamp>,
    /// Whether that is longer ago than `fleet.behind_after`.
    pub behind: bool,
    /// The site that fetches for all; null if none does.
    pub fetcher: Option<String>,
    /// The members of the fleet's etcd.
    pub members: Vec<FleetMember>,
    /// All sites, by name.
    pub sites: Vec<FleetSite>,
    /// When they were last read.
    pub read_at: Option<Timestamp>,
    /// The format of the fleet's logs; null before they were read.
    pub format: Option<u32>,
}

/// A place in one of the two logs.
#[derive(Debug, Clone, Serialize)]
pub struct FleetPlace {
    /// The index of an entry; 0 before the first.
    pub index: u64,
    /// Its digest, in hexadecimal.
    pub sha256: Option<String>,
}

/// A member of the fleet's etcd.
#[derive(Debug, Clone, Serialize)]
pub struct FleetMember {
    /// Its address.
    pub address: String,
    /// Its version.
    pub version: Option<String>,
    /// The size of its database in bytes.
    pub database_bytes: Option<u64>,
    /// Whether it knows a leader.
    pub has_leader: bool,
    /// What is wrong with it, as it says.
    pub errors: Vec<String>,
    /// Why it did not answer; null if it did.
    pub fault: Option<String>,
    /// When it was asked.
    pub asked_at: Option<Timestamp>,
}

/// A site of the fleet.
#[derive(Debug, Clone, Serialize)]
pub struct FleetSite {
    /// Its name.
    pub name: String,
    /// Since when it is alive; null if it is not.
    pub alive_since: Option<Timestamp>,
    /// Its place in the log of the listing.
    pub listing: Option<FleetPlace>,
    /// Its place in the log of records.
    pub records: Option<FleetPlace>,
    /// When it wrote this.
    pub written_at: Option<Timestamp>,
    /// Its version of rmdd.
    pub version: String,
    /// The oldest format of the logs that it reads.
    pub oldest_format: u32,
    /// The newest one.
    pub newest_format: u32,
    /// Whether it may be the one that fetches.
    pub fetches: bool,
    /// By how many seconds its clock is ahead of the median of all; below zero, behind.
    pub clock_offset_seconds: Option<f64>,
    /// The digest of its policy settings, in hexadecimal.
    pub policy_sha256: Option<String>,
}
