//! What comes: whether it looks new, and how fast.

use super::doubts::{A_DAY, A_WEEK_AGO, TODAY, World, day, judge, snapshot};
use super::{Column, FilingBuilder, Listing, Resolution, number};
use crate::domain::Frn;
use crate::listing::vet::Doubt;

/// A listing with more filings, with these numbers and dates.
fn with(mut listing: Listing, more: impl IntoIterator<Item = u32>, date: &str) -> Listing {
    for value in more {
        let frn = Frn::from_value(u64::from(value) + 30_000_000).expect("an FRN");
        let like = TODAY.filing(A_DAY);
        let mut builder = FilingBuilder::new(number(value), Some(frn), 0);
        for column in Column::ALL {
            builder.push(&match column {
                Column::Frn => frn.to_string(),
                Column::BusinessName => format!("Newcomer {value}"),
                Column::LastUpdated => date.to_owned(),
                _ => like.cell(column).to_owned(),
            });
        }
        listing.filings.push(builder.finish().into());
    }
    listing.filings.sort_by_key(|filing| filing.number());
    listing
}

#[test]
fn new_filings_come_behind_all_others_with_a_date_of_their_time_and_at_their_pace() {
    use Resolution::{Alarm, Person};
    let gaps = |value: u32| value % 20 == 1;
    let current = snapshot(TODAY.listing(gaps));
    let end = (TODAY.today + 1) * A_DAY;
    let resolution = |more: Vec<u32>, date: &str| {
        let vetted = judge(with(TODAY.listing(gaps), more, date), Some(&current));
        vetted.doubts.iter().map(Doubt::resolution).max()
    };
    let today = day(TODAY.today).to_string();
    let behind = |count: u32| (end..end + count).collect::<Vec<_>>();
    let spaced = |count: u32| (0..count).map(|place| end + place * 5).collect::<Vec<_>>();
    let between = |count: u32| (1..=count).map(|place| place * 20 + 1).collect::<Vec<_>>();
    assert_eq!(resolution(spaced(12), &today), None);
    assert_eq!(resolution(spaced(13), &today), Some(Alarm), "more than come in a usual day");
    assert_eq!(resolution(spaced(60), &today), Some(Alarm));
    assert_eq!(resolution(spaced(61), &today), Some(Person), "so many on one day come with many amendments");
    assert_eq!(resolution(behind(30), &today), Some(Alarm));
    assert_eq!(resolution(behind(31), &today), Some(Person), "numbers without a gap");
    assert_eq!(resolution(spaced(1_000), &today), Some(Person), "nobody files so much");
    assert_eq!(resolution(between(2), &today), None);
    assert_eq!(resolution(between(5), &today), Some(Alarm), "numbers that others have passed");
    assert_eq!(resolution(between(31), &today), Some(Person));
    assert_eq!(resolution(behind(31), "2022-05-05"), Some(Person), "dates older than the listing before");
    assert_eq!(resolution(vec![9_000_000, 9_000_001, 9_000_002], &today), Some(Alarm), "numbers far beyond the last");
}

#[test]
fn false_filings_at_the_end_do_not_make_the_next_good_listing_impossible() {
    let current = snapshot(TODAY.whole());
    let end = (TODAY.today + 1) * A_DAY;
    let today = day(TODAY.today).to_string();
    let far = vec![9_999_997, 9_999_998, 9_999_999];
    let old = judge(with(TODAY.whole(), far.clone(), "2022-01-01"), Some(&current));
    assert_eq!(old.requires(), Some(Resolution::Person), "old dates at the end: {:?}", old.doubts);
    for false_ones in [vec![end, end + 1, end + 2], far, (0..55).map(|place| end + place * 3).collect()] {
        let faulty = judge(with(TODAY.whole(), false_ones.clone(), &today), Some(&current));
        assert_eq!(faulty.requires(), None, "{:?}", faulty.doubts);
        let healed = judge(TODAY.whole(), Some(&faulty.snapshot));
        assert!(healed.requires() < Some(Resolution::Person), "{false_ones:?}: {:?}", healed.doubts);
        let tomorrow = World { today: TODAY.today + 1 };
        let healed = judge(tomorrow.whole(), Some(&faulty.snapshot));
        assert!(healed.requires() < Some(Resolution::Person), "{false_ones:?}, a day later: {:?}", healed.doubts);
    }
}

#[test]
fn filings_that_a_cut_end_kept_back_may_come_with_those_of_the_next_days() {
    // As many as come before a deadline, 45 a day.
    let dated = |listing, days: std::ops::Range<u32>| {
        days.fold(listing, |listing, when| {
            let from = (TODAY.today + 1) * A_DAY + (when - A_WEEK_AGO.today) * 300;
            with(listing, (0..45).map(|place| from + place * 5), &day(when).to_string())
        })
    };
    let rush = A_WEEK_AGO.today..TODAY.today;
    let before = snapshot(A_WEEK_AGO.whole());
    // Nothing tells that they are missing: three of the newest date came.
    let end = (TODAY.today + 1) * A_DAY;
    let short = with(A_WEEK_AGO.whole(), [end, end + 1, end + 2], &day(TODAY.today).to_string());
    let cut = judge(short.clone(), Some(&before));
    assert_eq!(cut.requires(), None, "{:?}", cut.doubts);
    let all = dated(short.clone(), rush.clone());
    let come = judge(all, Some(&cut.snapshot));
    assert!(come.requires() < Some(Resolution::Person), "they bear dates of when there was room: {:?}", come.doubts);
    // The same again is a hurry: what there was room for has come.
    let again =
        with(dated(short, rush.clone()), (0..225).map(|place| 30_000 + place * 5), &day(rush.end - 1).to_string());
    let again = judge(again, Some(&come.snapshot));
    assert_eq!(again.requires(), Some(Resolution::Person), "{:?}", again.doubts);
}

#[test]
fn many_new_filings_over_a_long_time_take_a_second_copy() {
    let current = snapshot(World { today: 1_000 }.whole());
    let vetted = judge(TODAY.whole(), Some(&current));
    assert_eq!(vetted.requires(), Some(Resolution::SecondCopy), "{:?}", vetted.doubts);
}

#[test]
fn what_comes_or_changes_a_little_at_each_sync_is_told_once_it_is_much() {
    let end = (TODAY.today + 1) * A_DAY;
    let today = day(TODAY.today).to_string();
    let mut current = snapshot(TODAY.whole());
    let mut alarmed = None;
    for sync in 1..=4 {
        let vetted = judge(with(TODAY.whole(), end..end + sync * 8, &today), Some(&current));
        if alarmed.is_none() && !vetted.doubts.is_empty() {
            alarmed = Some(sync);
        }
        current = vetted.snapshot;
    }
    assert_eq!(alarmed, Some(2), "twelve at once may come, sixteen within a moment do not");

    let mut current = snapshot(TODAY.whole());
    let mut alarmed = None;
    for sync in 1..=4_usize {
        let mut listing = TODAY.whole();
        let changed = super::cells::changed(&[Column::VoiceServiceProviderChoice], 1, "No");
        for place in 0..sync * 8 {
            listing.filings[place * 9] = changed.filings[place * 9].clone();
        }
        let vetted = judge(listing, Some(&current));
        if alarmed.is_none() && !vetted.doubts.is_empty() {
            alarmed = Some(sync);
        }
        current = vetted.snapshot;
    }
    assert_eq!(alarmed, Some(3), "eight cells at a time");
}

#[test]
fn new_filings_that_bear_the_names_of_others_are_told_from_three_on() {
    let current = snapshot(TODAY.whole());
    let today = day(TODAY.today).to_string();
    let end = (TODAY.today + 1) * A_DAY;
    let copies = |count: u32| {
        let mut listing = TODAY.whole();
        for place in 0..count {
            let copied = TODAY.filing(4_000 + place * 40);
            let frn = Frn::from_value(u64::from(place) + 50_000_000).expect("an FRN");
            let mut builder = FilingBuilder::new(number(end + place * 3), Some(frn), 0);
            for column in Column::ALL {
                builder.push(if column == Column::LastUpdated { &today } else { copied.cell(column) });
            }
            listing.filings.push(builder.finish().into());
        }
        judge(listing, Some(&current)).doubts.iter().map(Doubt::resolution).max()
    };
    assert_eq!(copies(2), None, "a provider that filed anew");
    assert_eq!(copies(3), Some(Resolution::Alarm));
    assert_eq!(copies(31), Some(Resolution::Person));
}

#[test]
fn new_filings_with_unknown_texts_take_a_person_from_eleven_on() {
    let current = snapshot(TODAY.whole());
    let today = day(TODAY.today).to_string();
    let end = (TODAY.today + 1) * A_DAY;
    let unknown = |count: u32| {
        let mut listing = with(TODAY.whole(), (0..count).map(|place| end + place * 3), &today);
        for filing in listing.filings.iter_mut().rev().take(count as usize) {
            let mut builder = FilingBuilder::new(filing.number(), filing.frn(), 0);
            for column in Column::ALL {
                let role = column == Column::GatewayProviderChoice;
                builder.push(if role { "[object Object]" } else { filing.cell(column) });
            }
            *filing = builder.finish().into();
        }
        judge(listing, Some(&current)).requires()
    };
    assert_eq!((unknown(3), unknown(11)), (None, Some(Resolution::Person)));
}

#[test]
fn a_rush_before_a_deadline_comes_with_amendments_and_is_an_alarm_only() {
    let today = day(TODAY.today).to_string();
    let mut listing = TODAY.whole();
    for filing in listing.filings.iter_mut().step_by(19) {
        let mut builder = FilingBuilder::new(filing.number(), filing.frn(), 0);
        for column in Column::ALL {
            builder.push(match column {
                Column::LastUpdated => &today,
                Column::ContactTitle => "amended before the deadline",
                column => filing.cell(column),
            });
        }
        *filing = builder.finish().into();
    }
    let end = (TODAY.today + 1) * A_DAY;
    let rush = with(listing, (0..127).map(|place| end + place * 5), &today);
    let vetted = judge(rush, Some(&snapshot(A_WEEK_AGO.whole())));
    assert_eq!(vetted.doubts.iter().map(Doubt::resolution).max(), Some(Resolution::Alarm), "{:?}", vetted.doubts);
}

#[test]
fn new_filings_that_come_a_few_at_a_time_for_days_are_held_before_they_are_many() {
    let small = World { today: 250 };
    let today = day(small.today).to_string();
    let end = (small.today + 1) * A_DAY;
    let mut current = snapshot(small.whole());
    let come = |count: u32| with(small.whole(), (0..count).map(|place| end + place * 5), &today);
    // Within one day, as each hour.
    let held = (1..100).map(|hour| hour * 11).find(|count| {
        let vetted = judge(come(*count), Some(&current));
        current = vetted.snapshot.clone();
        vetted.requires() == Some(Resolution::Person)
    });
    assert!(held.is_some_and(|held| (60..=352).contains(&held)), "{held:?}");
}
