//! What comes back that was removed once.

use super::doubts::{TODAY, World};
use super::{Against, Column, FilingBuilder, Listing, Resolution, Snapshot, VetConfig, at, vet_against};
use crate::domain::{Filing, RemovalHistory};
use crate::listing::diff;
use crate::listing::vet::{Doubt, Vetted};

/// A site that keeps what is removed.
#[derive(Clone, Default)]
struct Site {
    current: Option<Snapshot>,
    removals: RemovalHistory,
}

impl Site {
    fn judge(&self, listing: Listing) -> Vetted {
        let against = Against { current: self.current.as_ref(), removals: Some(&self.removals), peers: &[] };
        vet_against(listing, at(2), against, &VetConfig::default()).expect("read")
    }

    /// Applies it, whatever it takes.
    fn apply(&mut self, listing: Listing) -> Option<Resolution> {
        let vetted = self.judge(listing);
        let before = self.current.as_ref().map(|current| (current, current.confirmed_at));
        self.removals = diff::step(before, &self.removals, &vetted.snapshot).removals;
        let requires = vetted.requires();
        self.current = Some(vetted.snapshot);
        requires
    }
}

fn on(day: u32) -> World {
    World { today: TODAY.today + day }
}

/// Those that an order removes.
fn removed(value: u32) -> bool {
    value % 20 == 3
}

/// A site at which they were removed, and so many days went by since, a listing each.
fn removed_before(days: u32) -> Site {
    let mut site = Site::default();
    site.apply(on(0).whole());
    for day in 1..=days {
        site.apply(on(day).listing(removed));
    }
    site
}

/// The listing of a day with so many of them as they went.
fn with_old(day: u32, count: usize) -> Listing {
    let mut listing = on(day).listing(removed);
    let old = on(0).whole().filings.into_iter().filter(|filing| removed(filing.number().value()));
    listing.filings.extend(old.take(count));
    listing.filings.sort_by_key(|filing| filing.number());
    listing
}

/// What it takes for what is back; the days go by faster than filings come, which is an alarm of its own.
fn worst(vetted: &Vetted) -> Option<Resolution> {
    let is_back = |doubt: &&Doubt| matches!(doubt, Doubt::Stale { .. } | Doubt::Returned { .. });
    vetted.doubts.iter().filter(is_back).map(Doubt::resolution).max()
}

#[test]
fn filings_that_are_back_as_they_went_long_ago_are_an_old_copy_mixed_in_and_the_next_good_listing_heals_it() {
    let site = removed_before(9);
    for (count, expected) in [
        (2, None),
        (3, Some(Resolution::Alarm)),
        (30, Some(Resolution::Alarm)),
        (31, Some(Resolution::SecondCopy)),
        (60, Some(Resolution::SecondCopy)),
        (61, Some(Resolution::Person)),
        (470, Some(Resolution::Person)),
    ] {
        let vetted = site.judge(with_old(10, count));
        assert_eq!(worst(&vetted), expected, "{count}: {:?}", vetted.doubts);
        let says = vetted.doubts.iter().map(ToString::to_string).collect::<String>();
        assert_eq!(says.contains("an old copy may be mixed in, such as RMD0000023"), count > 2, "{says}");
        if expected < Some(Resolution::Person) {
            let mut struck = site.clone();
            struck.apply(with_old(10, count));
            for day in [10, 11] {
                let healed = struck.judge(on(day).listing(removed));
                assert!(healed.requires().is_none(), "{count}, on day {day}: {:?}", healed.doubts);
            }
        }
    }
    let mut trickle = site;
    let held = (1..).find(|times| trickle.apply(with_old(10, times * 25)) == Some(Resolution::Person));
    assert_eq!(held, Some(5), "a few at a time are told once more than a hundred come in two weeks");
}

#[test]
fn what_was_lost_by_mistake_may_be_back_with_the_next_listing_or_within_a_week() {
    for days in [1, 5] {
        let vetted = removed_before(days).judge(on(days + 1).whole());
        assert_eq!(worst(&vetted), Some(Resolution::SecondCopy), "{days}: {:?}", vetted.doubts);
        // It was no mistake, and the listing with them an old one: they go again as they went.
        let mut site = removed_before(days);
        site.apply(on(days + 1).whole());
        let again = site.judge(on(days + 2).listing(removed));
        assert_eq!(again.requires(), Some(Resolution::SecondCopy), "{:?}", again.doubts);
    }
    let few = removed_before(5);
    for (count, expected) in [(8, None), (9, Some(Resolution::Alarm))] {
        assert_eq!(worst(&few.judge(with_old(6, count))), expected, "{count}");
    }
}

#[test]
fn who_was_removed_and_has_amended_since_may_be_back_at_any_time() {
    let amended = |filing: &Filing| {
        let mut builder = FilingBuilder::new(filing.number(), filing.frn(), 0);
        let today = super::doubts::day(TODAY.today + 10).to_string();
        for column in Column::ALL {
            builder.push(if column == Column::LastUpdated { &today } else { filing.cell(column) });
        }
        builder.finish().into()
    };
    let site = removed_before(9);
    for (count, expected) in [
        (8, None),
        (9, Some(Resolution::Alarm)),
        (99, Some(Resolution::SecondCopy)),
        (100, Some(Resolution::SecondCopy)),
        (101, Some(Resolution::Person)),
    ] {
        let mut listing = with_old(10, count);
        for filing in listing.filings.iter_mut().filter(|filing| removed(filing.number().value())) {
            *filing = amended(filing);
        }
        let vetted = site.judge(listing);
        assert_eq!(worst(&vetted), expected, "{count}: {:?}", vetted.doubts);
    }
}
