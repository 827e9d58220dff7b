//! What a site of a fleet knows of its fleet, for those who ask it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{FleetPosition, Log, Position, Sha256Digest};

/// A fleet as one of its sites sees it. All of it is of the site's last look; it asks nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetView {
    /// The fleet's name, as configured.
    pub name: String,
    /// This site's name.
    pub site: String,
    /// Where this site stands; nothing before it is in the fleet.
    pub position: Option<FleetPosition>,
    /// The format of the fleet's logs, as last read; nothing before the first read.
    pub format: Option<u32>,
    /// Where the fleet stands, as last read; nothing before the first read.
    pub heads: Option<FleetHeads>,
    /// This site has published all that the fleet had at this moment; nothing if that was never so since the start.
    pub current_as_of: Option<Timestamp>,
    /// So long a site may go without being current before it counts as behind.
    pub behind_after: Duration,
    /// How it stands with the fleet.
    pub standing: FleetStanding,
    /// The site that fetches, as last read; nothing if none does.
    pub fetcher: Option<String>,
    /// Since when none fetches, as far as this site has seen.
    pub unfetched_since: Option<Timestamp>,
    /// What stands in the way where somebody is said to fetch and nobody does; else empty.
    pub unfetched_why: String,
    /// The members of etcd, in the order of the configuration.
    pub members: Vec<EngineMember>,
    /// All sites that are registered, by name, this one among them.
    pub sites: Vec<SiteView>,
    /// When the fetcher and the sites were last read; nothing if never.
    pub read_at: Option<Timestamp>,
}

impl FleetView {
    /// A site that has not looked yet.
    pub fn unread(name: &str, site: &str, behind_after: Duration, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            site: site.to_owned(),
            position: None,
            format: None,
            heads: None,
            current_as_of: None,
            behind_after,
            standing: FleetStanding {
                state: FleetState::Behind,
                since: now,
                detail: "not read yet".to_owned(),
                branched: false,
            },
            fetcher: None,
            unfetched_since: None,
            unfetched_why: String::new(),
            members: Vec::new(),
            sites: Vec::new(),
            read_at: None,
        }
    }

    /// So many entries of a log this site lacks, as far as is known.
    pub fn lacks(&self, log: Log) -> u64 {
        let stands = self.position.map_or(0, |position| position.of(log).index);
        self.heads.map_or(0, |heads| heads.of(log).index.saturating_sub(stands))
    }
}

/// A place in a log, without its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The index of the entry.
    pub index: u64,
    /// Its digest, which covers all before it.
    pub sha256: Sha256Digest,
}

impl From<Position> for Place {
    fn from(Position { index, sha256, .. }: Position) -> Self {
        Self { index, sha256 }
    }
}

/// Where both logs of a fleet end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetHeads {
    /// The log of the listing.
    pub listing: Place,
    /// The log of records.
    pub records: Place,
    /// When they were read: the start of the read.
    pub read_at: Timestamp,
}

impl FleetHeads {
    /// Where one of them ends.
    pub fn of(&self, log: Log) -> Place {
        match log {
            Log::Listing => self.listing,
            Log::Records => self.records,
        }
    }
}

/// How a site stands with its fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetStanding {
    /// In a word.
    pub state: FleetState,
    /// Since when.
    pub since: Timestamp,
    /// What shows it, in a clause that begins small and has no full stop; empty for a site that is current.
    pub detail: String,
    /// Whether the fleet's logs have gone another way than this site: what it holds is no longer to be had from them, nor is what
    /// they hold an earlier state of it.
    pub branched: bool,
}

/// How a site stands with its fleet, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum FleetState {
    /// It has published all that the fleet had within `behind_after`.
    Current,
    /// It has not, and it is not yet told why.
    Behind,
    /// It does not reach the fleet's etcd.
    CutOff,
    /// It reads the fleet's logs, and cannot apply an entry or a base.
    Stuck,
    /// The fleet's etcd holds another fleet, or none.
    Foreign,
    /// The fleet's logs are not those that this site followed.
    Forked,
    /// The fleet's logs have a format that this version does not read.
    Newer,
}

impl FleetState {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A member of the fleet's etcd, as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineMember {
    /// Its address, as configured.
    pub address: String,
    /// What it says of itself, or why it says nothing.
    pub status: Result<EngineStatus, String>,
    /// Its version, as it last said: also while it says nothing.
    pub last_version: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
}

/// What a member of etcd says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// Its version, such as `3.5.33`.
    pub version: String,
    /// The size of its database in bytes.
    pub db_bytes: u64,
    /// Whether it knows a leader.
    pub has_leader: bool,
    /// What is wrong with it, as it says: a full database, a damaged one, no leader.
    pub errors: Vec<String>,
}

impl EngineStatus {
    /// What is wrong with its database. That it knows no leader it says among its errors too, and that passes by itself.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().map(String::as_str).filter(|error| !error.contains("no leader"))
    }
}

/// A site as it registered itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteView {
    /// Its name.
    pub name: String,
    /// Since when it is alive; nothing if it is not.
    pub alive_since: Option<Timestamp>,
    /// Where it stands in the log of the listing.
    pub listing: Place,
    /// Where it stands in the log of records.
    pub records: Place,
    /// When it wrote this.
    pub written_at: Timestamp,
    /// Its version of rmdd.
    pub version: String,
    /// The oldest and the newest format of the fleet's logs that it reads.
    pub formats: (u32, u32),
    /// Whether it may be the fetcher.
    pub fetches: bool,
    /// How far its clock is ahead of the median of all sites' clocks, as far as it knows.
    pub clock_offset: Option<SignedDuration>,
    /// The digest of its `policy` settings.
    pub policy: Option<Sha256Digest>,
}

impl SiteView {
    /// Where it stands in a log.
    pub fn of(&self, log: Log) -> Place {
        match log {
            Log::Listing => self.listing,
            Log::Records => self.records,
        }
    }
}
