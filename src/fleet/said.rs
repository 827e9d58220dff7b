//! What stands at the small keys: which fleet it is, who fetches, what sites tell of themselves and ask of one another.

use jiff::Timestamp;
use prost::Message;

use super::wire::{self, Read, damaged, v1};
use super::{Fault, format};
use crate::domain::{Sha256Digest, SyncRecord};
use crate::store::{FleetId, Log, Position};

/// Tells one holder of something from all others. Drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub [u8; 16]);

impl Token {
    /// A new one.
    pub fn draw() -> Self {
        Self(rand::random())
    }
}

fn sixteen(bytes: &[u8]) -> Read<[u8; 16]> {
    bytes.try_into().map_err(|_| damaged(format!("{} bytes where 16 should be", bytes.len())))
}

/// What is told where no [`Founding`] stands in etcd.
pub const UNNAMED: &str = "what says which fleet it is is not in etcd";

/// Which fleet it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Founding {
    /// Its ID.
    pub id: FleetId,
    /// The format that its entries have.
    pub format: u32,
    /// The minute of the hour at which the source is asked where no schedule is configured.
    pub schedule_minute: u8,
}

impl Founding {
    /// Its bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let schedule_minute = u32::from(self.schedule_minute);
        v1::Fleet { format: self.format, id: self.id.0.to_vec(), schedule_minute }.encode_to_vec()
    }

    /// What bytes say.
    ///
    /// # Errors
    ///
    /// If they say nothing that is known.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        const WHAT: &str = "what says which fleet it is";
        let of = |bad| Fault::of(WHAT, bad);
        let wire: v1::Fleet = wire::decode(bytes).map_err(of)?;
        // There never was such a format: it is empty, or another's.
        if wire.format == 0 {
            return Err(Fault::damaged(WHAT, "it is empty, or nothing that a fleet has put there"));
        }
        format::check(WHAT, wire.format)?;
        let schedule_minute = u8::try_from(wire.schedule_minute % 60).unwrap_or_default();
        Ok(Self { id: FleetId(sixteen(&wire.id).map_err(of)?), format: wire.format, schedule_minute })
    }
}

/// Who fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetcher {
    /// Which of its terms this is.
    pub token: Token,
    /// The site.
    pub site: String,
    /// Since when, by its clock.
    pub since: Timestamp,
}

impl Fetcher {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { token, site, since } = self;
        v1::Fetcher { token: token.0.to_vec(), site: site.clone(), since_ms: since.as_millisecond() }.encode_to_vec()
    }

    /// What bytes say.
    ///
    /// # Errors
    ///
    /// If they say nothing that is known.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let read = || -> Read<Self> {
            let wire: v1::Fetcher = wire::decode(bytes)?;
            Ok(Self { token: Token(sixteen(&wire.token)?), site: wire.site, since: wire::time(wire.since_ms)? })
        };
        read().map_err(|bad| Fault::of("what says who fetches", bad))
    }
}

/// What a site tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSays {
    /// Its version of rmdd.
    pub version: String,
    /// The formats of entries that it reads, from the oldest to the newest.
    pub formats: (u32, u32),
    /// The index and digest of the last entry that it has applied of the log of the listing.
    pub listing: (u64, Sha256Digest),
    /// Likewise of the log of records.
    pub records: (u64, Sha256Digest),
    /// By how many milliseconds its clock was ahead of the time of an entry, when that came.
    pub clock_offset_ms: Option<i64>,
    /// The digest of its policy.
    pub policy: Option<Sha256Digest>,
    /// Whether it may fetch.
    pub fetches: bool,
    /// When it said so, by its clock.
    pub at: Timestamp,
}

impl SiteSays {
    /// What this version says at these positions.
    pub fn now(listing: &Position, records: &Position, fetches: bool, at: Timestamp) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            formats: (format::oldest(), format::newest()),
            listing: (listing.index, listing.sha256),
            records: (records.index, records.sha256),
            clock_offset_ms: None,
            policy: None,
            fetches,
            at,
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        v1::Site {
            version: self.version.clone(),
            oldest_format: self.formats.0,
            newest_format: self.formats.1,
            listing_index: self.listing.0,
            listing_sha256: self.listing.1.0.to_vec(),
            records_index: self.records.0,
            records_sha256: self.records.1.0.to_vec(),
            clock_offset_ms: self.clock_offset_ms,
            policy_sha256: self.policy.map(|policy| policy.0.to_vec()).unwrap_or_default(),
            fetches: self.fetches,
            at_ms: self.at.as_millisecond(),
        }
        .encode_to_vec()
    }

    /// What bytes say.
    ///
    /// # Errors
    ///
    /// If they say nothing that is known.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let read = || -> Read<Self> {
            let wire: v1::Site = wire::decode(bytes)?;
            Ok(Self {
                version: wire.version,
                formats: (wire.oldest_format, wire.newest_format),
                listing: (wire.listing_index, wire::digest(&wire.listing_sha256)?),
                records: (wire.records_index, wire::digest(&wire.records_sha256)?),
                clock_offset_ms: wire.clock_offset_ms,
                policy: wire::digest(&wire.policy_sha256).ok(),
                fetches: wire.fetches,
                at: wire::time(wire.at_ms)?,
            })
        };
        read().map_err(|bad| Fault::of("what a site tells of itself", bad))
    }

    /// How far it is in a log.
    pub fn index(&self, log: Log) -> u64 {
        match log {
            Log::Listing => self.listing.0,
            Log::Records => self.records.0,
        }
    }
}

/// That a site lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    /// What its store has, which tells a restart from another site of the same name.
    pub token: Token,
    /// Since when, by its clock.
    pub since: Timestamp,
}

impl Alive {
    /// Its bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        v1::Alive { token: self.token.0.to_vec(), since_ms: self.since.as_millisecond() }.encode_to_vec()
    }

    /// What bytes say.
    ///
    /// # Errors
    ///
    /// If they say nothing that is known.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let read = || -> Read<Self> {
            let wire: v1::Alive = wire::decode(bytes)?;
            Ok(Self { token: Token(sixteen(&wire.token)?), since: wire::time(wire.since_ms)? })
        };
        read().map_err(|bad| Fault::of("what says that a site lives", bad))
    }
}

/// What one site asks of the one that fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The site that asks.
    pub site: String,
    /// When, by its clock.
    pub at: Timestamp,
    /// The held listing that is to be let through, and who says so; nothing where a sync is asked for.
    pub approve: Option<(Sha256Digest, String)>,
    /// What came of it, and at which index of the listing's log it is so. Nothing until it is done.
    pub done: Option<(Done, u64)>,
    /// Whether a site that fetches has seen it, and does it.
    pub taken: bool,
}

/// What came of something that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// This cycle was run.
    Record(Box<SyncRecord>),
    /// No such listing is held; these are.
    NotHeld(Vec<String>),
    /// It was not done, and why.
    Refused(String),
}

impl Ask {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let done = self.done.as_ref().map(|(done, listing_index)| {
            use v1::ask_done::Outcome;
            let outcome = match done {
                Done::Record(record) => Outcome::Record(wire::record_of_cycle_to_wire(record)),
                Done::NotHeld(held) => Outcome::NotHeld(v1::NotHeld { held: held.clone() }),
                Done::Refused(why) => Outcome::Refused(why.clone()),
            };
            v1::AskDone { outcome: Some(outcome), listing_index: *listing_index }
        });
        let (sha256, by) = self.approve.clone().unzip();
        let approve_sha256 = sha256.map(|sha256| sha256.0.to_vec());
        let (site, at_ms) = (self.site.clone(), self.at.as_millisecond());
        v1::Ask { site, at_ms, approve_sha256, by: by.unwrap_or_default(), done, taken: self.taken }.encode_to_vec()
    }

    /// What bytes say.
    ///
    /// # Errors
    ///
    /// If they say nothing that is known.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        use v1::ask_done::Outcome;
        let done = |wire: v1::AskDone| -> Read<(Done, u64)> {
            let done = match wire.outcome {
                Some(Outcome::Record(record)) => Done::Record(Box::new(wire::record_of_cycle_from_wire(record)?)),
                Some(Outcome::NotHeld(v1::NotHeld { held })) => Done::NotHeld(held),
                Some(Outcome::Refused(why)) => Done::Refused(why),
                None => return Err(wire::Bad::Unknown("an outcome".to_owned())),
            };
            Ok((done, wire.listing_index))
        };
        let read = || -> Read<Self> {
            let wire: v1::Ask = wire::decode(bytes)?;
            let sha256 = wire.approve_sha256.as_deref().map(wire::digest).transpose()?;
            Ok(Self {
                site: wire.site,
                at: wire::time(wire.at_ms)?,
                approve: sha256.map(|sha256| (sha256, wire.by)),
                done: wire.done.map(done).transpose()?,
                taken: wire.taken,
            })
        };
        read().map_err(|bad| Fault::of("what a site asks of another", bad))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SnapshotSerial, SyncOutcome, SyncTrigger};
    use crate::fleet::FORMAT;

    fn at() -> Timestamp {
        "2026-11-27T04:00:00Z".parse().expect("a time")
    }

    #[test]
    fn what_is_written_is_read_and_what_is_cut_short_never_panics() {
        let founding = Founding { id: FleetId([3; 16]), format: FORMAT, schedule_minute: 59 };
        assert_eq!(Founding::from_bytes(&founding.to_bytes()).expect("read"), founding);
        let newer = Founding { format: FORMAT + 1, ..founding };
        assert!(matches!(Founding::from_bytes(&newer.to_bytes()), Err(Fault::Format { .. })));
        for foreign in [&b""[..], b"\x7a\x02hi"] {
            let refused = Founding::from_bytes(foreign).expect_err("refused").to_string();
            assert!(
                refused.contains("nothing that a fleet has put there") && !refused.contains("version"),
                "{refused}"
            );
        }
        let fetcher = Fetcher { token: Token([4; 16]), site: "ams".to_owned(), since: at() };
        assert_eq!(Fetcher::from_bytes(&fetcher.to_bytes()).expect("read"), fetcher);
        let alive = Alive { token: Token([5; 16]), since: at() };
        assert_eq!(Alive::from_bytes(&alive.to_bytes()).expect("read"), alive);
        let position = Position::origin(founding.id, Log::Records);
        let says = SiteSays::now(&position, &position, true, at());
        let says = SiteSays { clock_offset_ms: Some(-7), policy: Some(Sha256Digest::of(b"policy")), ..says };
        assert_eq!(SiteSays::from_bytes(&says.to_bytes()).expect("read"), says);
        let asked = Ask { site: "bos".to_owned(), at: at(), approve: None, done: None, taken: false };
        let record = SyncRecord {
            at: at(),
            trigger: SyncTrigger::Operator,
            source: "https://fcc.example".to_owned(),
            outcome: SyncOutcome::Unchanged { serial: SnapshotSerial(4), filings: 9 },
            passed_over: Vec::new(),
            sources: Vec::new(),
        };
        let approve = Some((Sha256Digest::of(b"a listing"), "ann".to_owned()));
        for ask in [
            asked.clone(),
            Ask { taken: true, ..asked.clone() },
            Ask { approve: approve.clone(), ..asked.clone() },
            Ask { done: Some((Done::Record(Box::new(record)), 8)), ..asked.clone() },
            Ask { approve: approve.clone(), done: Some((Done::NotHeld(vec!["ab".to_owned()]), 8)), ..asked.clone() },
            Ask { approve, done: Some((Done::Refused("no".to_owned()), 8)), ..asked },
        ] {
            let bytes = ask.to_bytes();
            assert_eq!(Ask::from_bytes(&bytes).expect("read"), ask);
            for length in 0..bytes.len() {
                let _ = (Ask::from_bytes(&bytes[..length]), SiteSays::from_bytes(&bytes[..length]));
                let _ = (Fetcher::from_bytes(&bytes[..length]), Alive::from_bytes(&bytes[..length]));
                let _ = Founding::from_bytes(&bytes[..length]);
            }
        }
    }
}
