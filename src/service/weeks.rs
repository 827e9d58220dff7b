//! The listing week by week: how many filings it had, and how many were removed.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan};

use super::{Services, store_failed};
use crate::domain::{
    Filing, Frn, Identity, RecordKind, Rejection, Removal, RmdNumber, begins_in_eastern_time as begins, eastern_day,
};
use crate::listing::index::Index;
use crate::records::Records;

/// So many weeks can be asked about: ten years.
pub const MOST_WEEKS: usize = 520;

/// A week of the FCC's: from Monday to Sunday, Eastern time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Week {
    /// The Monday on which it begins.
    pub monday: Date,
    /// How many filings were listed at its end, or now if it has not ended. Nothing before the history begins.
    pub filings: Option<u64>,
    /// How many filings were first missed in it, those included that are listed again.
    pub removals: u64,
    /// How many of these are of the providers of the peers that are bound now.
    pub removals_of_peers: u64,
}

impl Services {
    /// The last so many weeks ([`MOST_WEEKS`] at most) as of a time, oldest first; the last one is the week that runs. Reads
    /// what the store has on record about the snapshots of these weeks, and blocks for so long.
    ///
    /// # Errors
    ///
    /// If no listing is loaded, or the store cannot be read.
    pub fn weeks_until(&self, count: usize, now: Timestamp) -> Result<Vec<Week>, Rejection> {
        let index = self.loaded()?;
        let mut weeks = calendar(count.clamp(1, MOST_WEEKS), now);
        let first = weeks.first().map_or(now, |week| begins(week.monday));
        let sizes = self.store.listing_sizes(first).map_err(|error| store_failed(&error))?;
        count_filings(&mut weeks, &sizes);
        let peers = Providers::of_peers(&self.records.load(), &index, now);
        count_removals(&mut weeks, index.removals().newest_first(), &peers);
        Ok(weeks)
    }
}

/// So many weeks up to the one that runs, with nothing counted yet.
fn calendar(count: usize, now: Timestamp) -> Vec<Week> {
    let today = eastern_day(now);
    let monday = today.saturating_sub(i32::from(today.weekday().since(Weekday::Monday)).days());
    let before = i64::try_from(count).unwrap_or(i64::MAX);
    let mondays = (0..before).rev().map(|back| monday.saturating_sub(back.saturating_mul(7).days()));
    mondays.map(|monday| Week { monday, filings: None, removals: 0, removals_of_peers: 0 }).collect()
}

/// Counts filings by the listings as they were applied, oldest first: when, and of how many filings.
fn count_filings(weeks: &mut [Week], sizes: &[(Timestamp, u64)]) {
    let (mut sizes, mut last) = (sizes.iter().peekable(), None);
    for week in weeks {
        let end = end(week);
        while let Some((_, filings)) = sizes.next_if(|(at, _)| *at < end) {
            last = Some(*filings);
        }
        week.filings = last;
    }
}

/// Counts removals, newest first.
fn count_removals<'a>(weeks: &mut [Week], removals: impl Iterator<Item = &'a Arc<Removal>>, peers: &Providers) {
    let Some(first) = weeks.first().map(|week| begins(week.monday)) else { return };
    // Where a clock was wrong their times may not stand in their order, so all are looked at.
    for removal in removals.filter(|removal| removal.first_missing_at >= first) {
        let place = weeks.partition_point(|week| begins(week.monday) <= removal.first_missing_at);
        if let Some(week) = place.checked_sub(1).and_then(|place| weeks.get_mut(place)) {
            week.removals += 1;
            week.removals_of_peers += u64::from(peers.have(&removal.filing));
        }
    }
}

/// When a week ends.
fn end(week: &Week) -> Timestamp {
    begins(week.monday.saturating_add(7.days()))
}

/// Providers by all numbers that they are known by.
#[derive(Debug, Default)]
struct Providers {
    frns: HashSet<Frn>,
    numbers: HashSet<RmdNumber>,
}

impl Providers {
    /// Those of the peers that are bound now.
    fn of_peers(records: &Records, index: &Index, now: Timestamp) -> Self {
        let mut providers = Self::default();
        for peer in records.all(RecordKind::Peer).filter(|peer| peer.in_force(now)) {
            match peer.provider {
                Identity::Frn(frn) => {
                    providers.frns.insert(frn);
                }
                Identity::RmdNumber(number) => {
                    providers.numbers.insert(number);
                    let listed = index.by_number(number).and_then(|filing| filing.frn());
                    let removed = || index.removals().newest(number).and_then(|removal| removal.filing.frn());
                    providers.frns.extend(listed.or_else(removed));
                }
            }
        }
        providers
    }

    fn have(&self, filing: &Filing) -> bool {
        self.numbers.contains(&filing.number()) || filing.frn().is_some_and(|frn| self.frns.contains(&frn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FilingBuilder, SnapshotSerial};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn removal(value: u32, first_missing_at: &str) -> Arc<Removal> {
        let number = RmdNumber::from_value(value).expect("seven digits");
        let filing = FilingBuilder::new(number, Frn::from_value(u64::from(value)), 0).finish();
        let first_missing_at = at(first_missing_at);
        Arc::new(Removal {
            filing: Arc::new(filing),
            last_seen_at: first_missing_at,
            first_missing_at,
            snapshot: SnapshotSerial(2),
            reinstated_at: None,
        })
    }

    #[test]
    fn weeks_begin_on_monday_at_midnight_in_eastern_time_and_the_last_one_runs() {
        // A Monday in UTC, but still Sunday in Washington; the clocks changed on March 8.
        let weeks = calendar(3, at("2026-03-16T03:59:59Z"));
        let mondays: Vec<String> = weeks.iter().map(|week| week.monday.to_string()).collect();
        assert_eq!(mondays, ["2026-02-23", "2026-03-02", "2026-03-09"]);
        assert_eq!(
            weeks.iter().map(end).collect::<Vec<_>>(),
            [at("2026-03-02T05:00:00Z"), at("2026-03-09T04:00:00Z"), at("2026-03-16T04:00:00Z")]
        );
        assert_eq!(calendar(1, at("2026-03-16T04:00:00Z"))[0].monday.to_string(), "2026-03-16");
    }

    #[test]
    fn a_week_has_the_filings_of_the_last_listing_applied_by_its_end() {
        let mut weeks = calendar(4, at("2026-03-18T12:00:00Z"));
        let sizes = [("2026-03-03T12:00:00Z", 10), ("2026-03-04T12:00:00Z", 12), ("2026-03-17T12:00:00Z", 9)]
            .map(|(time, size)| (at(time), size));
        count_filings(&mut weeks, &sizes);
        let filings: Vec<_> = weeks.iter().map(|week| week.filings).collect();
        // Before the history begins nothing is known; a week without a listing keeps that of the week before.
        assert_eq!(filings, [None, Some(12), Some(12), Some(9)]);
    }

    #[test]
    fn removals_are_counted_in_their_week_and_those_of_peers_among_them() {
        let mut weeks = calendar(2, at("2026-03-18T12:00:00Z"));
        let removals = [
            removal(1, "2026-03-17T12:00:00Z"),
            // The last second of Sunday, and the first of Monday.
            removal(2, "2026-03-16T03:59:59Z"),
            removal(3, "2026-03-16T04:00:00Z"),
            removal(4, "2026-03-01T12:00:00Z"),
        ];
        let peers = Providers {
            frns: Frn::from_value(3).into_iter().collect(),
            numbers: RmdNumber::from_value(2).into_iter().collect(),
        };
        count_removals(&mut weeks, removals.iter(), &peers);
        let counted: Vec<_> = weeks.iter().map(|week| (week.removals, week.removals_of_peers)).collect();
        assert_eq!(counted, [(1, 1), (2, 1)]);
    }
}
