//! Published bytes -> the next [`Snapshot`], and the [`Step`] to it: parse, vet and diff for whoever needs them: a sync, a
//! replay of the archive, the assessment of a listing that is only supposed. Pure; nothing is written.
//!
//! Vetting and the step stand apart, since a sync decides between the two whether the listing is applied at all, and from
//! when it counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::diff::{self, Step};
use super::index::Index;
use super::parse::parse_beside;
use super::vet::{Against, OwnPeer, Provenance, Refusal, VetConfig, Vetted, last_updated, vet_against};
use crate::domain::{Filing, RemovalHistory, Sha256Digest, Snapshot, is_ahead, later_than, listed_day};

/// Published bytes, and where and when they were fetched.
#[derive(Debug, Clone)]
pub struct FetchedListing<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Their digest.
    pub sha256: Sha256Digest,
    /// Where they came from: a URL or a path.
    pub source: String,
    /// When they were fetched.
    pub fetched_at: FetchedAt,
}

/// When a listing was fetched.
#[derive(Debug, Clone, Copy)]
pub enum FetchedAt {
    /// By this machine's clock, which may be behind: it counts from no earlier than it is by the listing's own dates.
    Clock(Timestamp),
    /// As it was recorded or is supposed: the listing's own dates change nothing about it.
    Recorded(Timestamp),
}

/// By what a listing is vetted besides what is current.
#[derive(Debug, Clone, Copy)]
pub struct Vetting<'a> {
    /// The limits.
    pub config: &'a VetConfig,
    /// The operator's own peers.
    pub peers: &'a [OwnPeer],
}

/// What the next listing follows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Current<'a> {
    /// The current snapshot, and when its source last published it; nothing before the first.
    pub snapshot: Option<(&'a Snapshot, Timestamp)>,
    /// The removals up to it; nothing before the first.
    pub removals: Option<&'a RemovalHistory>,
}

impl<'a> Current<'a> {
    /// What is indexed.
    pub fn of(index: Option<&'a Index>) -> Self {
        Self {
            snapshot: index.map(|index| (index.snapshot(), index.confirmed_at())),
            removals: index.map(Index::removals),
        }
    }

    /// Parses and vets a listing: the snapshot that it becomes if it is applied, and what there is to doubt about it.
    ///
    /// # Errors
    ///
    /// If it is no listing, or cannot be read.
    pub fn vet(self, fetched: FetchedListing<'_>, by: Vetting<'_>) -> Result<Vetted, Refusal> {
        let known = self.snapshot.map_or(&[][..], |(snapshot, _)| &snapshot.filings);
        let listing = parse_beside(fetched.bytes, known)?;
        let confirmed_at = self.snapshot.map(|(_, confirmed_at)| confirmed_at);
        let fetched_at = match fetched.fetched_at {
            FetchedAt::Clock(at) => dated(at, confirmed_at, self.witness(at, &listing.filings)),
            FetchedAt::Recorded(at) => at.max(confirmed_at.unwrap_or(at)),
        };
        let provenance = Provenance {
            sha256: fetched.sha256,
            source: fetched.source,
            bytes: fetched.bytes.len() as u64,
            fetched_at,
        };
        let current = self.snapshot.map(|(snapshot, _)| snapshot);
        vet_against(listing, provenance, Against { current, removals: self.removals, peers: by.peers }, by.config)
    }

    /// The day by which a listing may tell that the clock is behind. A clock that says no earlier time than what stands, and
    /// than the dates of that, has gone right so far: then days ahead of it are a fault of the listing, unless they are many and
    /// near, as where a machine was asleep.
    fn witness(self, at: Timestamp, filings: &[Arc<Filing>]) -> Option<Date> {
        let listed = listed_day(filings.iter().map(|filing| &**filing));
        // Hardly ever is any ahead of the clock.
        later_than(at, listed)?;
        let was_right = self.snapshot.is_some_and(|(stands, confirmed_at)| {
            let day = listed_day(stands.filings.iter().map(|filing| &**filing));
            !is_ahead(confirmed_at, at) && later_than(at, day).is_none()
        });
        listed.filter(|listed| !was_right || is_calendar(at, *listed, filings))
    }

    /// What applying a vetted snapshot changes.
    pub fn step(self, next: &Snapshot) -> Step {
        let none_yet = RemovalHistory::default();
        diff::step(self.snapshot, self.removals.unwrap_or(&none_yet), next)
    }
}

/// A machine is asleep for so many days at the most, and the listing is changed on so many days at the least meanwhile.
const ASLEEP_DAYS: i32 = 60;
const DAYS_OF_A_CALENDAR: usize = 3;

/// Whether the days of a listing that lie ahead of the clock are those of a calendar that has gone on, up to `listed`.
fn is_calendar(at: Timestamp, listed: Date, filings: &[Arc<Filing>]) -> bool {
    let today = TimeZone::UTC.to_datetime(at).date();
    let dates = filings.iter().filter_map(|filing| last_updated(filing));
    let ahead: BTreeSet<Date> = dates.filter(|day| today < *day && *day <= listed).collect();
    let days = (listed - today).get_days();
    days <= ASLEEP_DAYS && ahead.len() >= DAYS_OF_A_CALENDAR.min(usize::try_from(days).unwrap_or(usize::MAX))
}

/// When a listing that came at `at` counts from: no earlier than what is current was confirmed, so that a clock that was
/// set back makes no filing missing before it was last seen; and no earlier than it is at least by the newest day that the
/// listing itself gives (`listed`).
pub fn dated(at: Timestamp, confirmed_at: Option<Timestamp>, listed: Option<Date>) -> Timestamp {
    at.max(confirmed_at.unwrap_or(at)).max(later_than(at, listed).unwrap_or(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_counts_from_no_earlier_than_what_is_current_and_than_it_is_at_least() {
        let time = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let (confirmed, day) = (Some(time("2026-11-26T12:00:00Z")), Some("2026-11-25".parse().expect("a day")));
        let epoch = Timestamp::UNIX_EPOCH;
        assert_eq!(dated(epoch, confirmed, day), time("2026-11-26T12:00:00Z"));
        assert_eq!(dated(epoch, None, day), time("2026-11-24T00:00:00Z"));
        assert_eq!(dated(epoch, None, None), crate::domain::EARLIEST);
        assert_eq!(dated(time("2026-11-27T00:00:00Z"), confirmed, day), time("2026-11-27T00:00:00Z"));
    }
}
