//! A listing's dates and the clock: which of them is wrong.

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use rmdd::domain::{Sha256Digest, Snapshot};
use rmdd::listing::next::{Current, FetchedAt, FetchedListing, Vetting};
use rmdd::listing::vet::{Resolution, VetConfig, Vetted};
use rmdd_testkit::World;
use rmdd_testkit::faults::Sheet;

fn vetted(bytes: &[u8], at: Timestamp, current: Option<&Snapshot>) -> Vetted {
    let fetched_at = FetchedAt::Clock(at);
    let fetched = FetchedListing { bytes, sha256: Sha256Digest::of(bytes), source: String::new(), fetched_at };
    let current = Current { snapshot: current.map(|current| (current, current.confirmed_at)), removals: None };
    current.vet(fetched, Vetting { config: &VetConfig::default(), peers: &[] }).expect("read")
}

/// Each so-manieth row bears this date.
fn dated(good: &Sheet, one_in: usize, day: impl Fn(usize) -> String) -> Vec<u8> {
    let mut sheet = good.clone();
    let place = sheet.place("last_updated").expect("a column of dates");
    for (at, row) in sheet.rows.iter_mut().enumerate().step_by(one_in) {
        row[place] = day(at);
    }
    sheet.to_csv()
}

#[test]
fn dates_far_ahead_of_a_clock_that_went_right_so_far_are_a_fault_of_the_listing_however_many_bear_them() {
    let good = Sheet::read(&World::new(5, 4_000).to_csv());
    let place = good.place("last_updated").expect("a column of dates");
    let newest = good.rows.iter().filter_map(|row| row[place].get(..10)?.parse::<jiff::civil::Date>().ok()).max();
    let today = newest.expect("dates").max(date(2026, 11, 26));
    let now = today.at(12, 0, 0, 0).in_tz("UTC").expect("a time").timestamp();
    // The listing has a day of its own, close to now.
    let standing = dated(&good, 40, |_| today.to_string());
    let current = vetted(&standing, now, None).snapshot;
    for (one_in, day) in [(100, "9999-12-31"), (100, "2031-01-01"), (2, "9999-12-31"), (1, "9999-12-31")] {
        let struck = vetted(&dated(&Sheet::read(&standing), one_in, |_| day.to_owned()), now, Some(&current));
        assert_eq!(struck.requires(), Some(Resolution::Person), "{day} in one of {one_in}: {:?}", struck.doubts);
        assert!(struck.snapshot.fetched_at <= now, "{day} in one of {one_in}: {}", struck.snapshot.fetched_at);
    }
    // A machine that was asleep for three weeks: the calendar has gone on, day by day.
    let later = |at: usize| today.saturating_add(((at / 20) as i64 % 21).days()).to_string();
    let asleep = vetted(&dated(&Sheet::read(&standing), 20, later), now + SignedDuration::from_mins(5), Some(&current));
    assert!(asleep.snapshot.fetched_at > now + SignedDuration::from_hours(24 * 17), "{}", asleep.snapshot.fetched_at);
    // And one whose clock began at the epoch.
    let epoch = vetted(&standing, Timestamp::UNIX_EPOCH, Some(&current));
    assert!(epoch.snapshot.fetched_at >= current.confirmed_at);
}
