//! What makes a listing hard to believe, and what resolves it.

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};

use super::{
    Against, Column, FilingBuilder, Listing, OwnPeer, Resolution, Snapshot, UnreadableRow, VetConfig, at, number, vet,
    vet_against,
};
use crate::domain::{AlarmCode, Filing, Frn, RmdNumber};
use crate::listing::vet::{Doubt, Vetted};

/// A day's new filings.
pub const A_DAY: u32 = 8;
const BEGAN: Date = date(2021, 4, 1);

pub fn day(days: u32) -> Date {
    BEGAN.saturating_add(Span::new().days(days))
}

/// The first filings are duplicates of later ones, but for each third.
pub fn frn(value: u32) -> u32 {
    if value < 400 && !value.is_multiple_of(3) { 20_005_000 + value } else { 20_000_000 + value }
}

/// A list as long as a real one: eight filings come each working day, each is amended on some later day, and a filing's
/// cells are the same whenever it is asked for.
pub struct World {
    pub today: u32,
}

impl World {
    /// The filing of this number as it stands today.
    pub fn filing(&self, value: u32) -> Filing {
        let came = value / A_DAY;
        // Amended every so often since, at an interval of its own: nobody on the day that it came.
        let interval = 90 + value.wrapping_mul(2_654_435_761) % 700;
        let updated = came + (self.today - came) / interval * interval;
        let frn = Frn::from_value(u64::from(frn(value))).expect("an FRN");
        let mut builder = FilingBuilder::new(number(value), Some(frn), 0);
        for column in Column::ALL {
            builder.push(&match column {
                Column::Frn => frn.to_string(),
                Column::BusinessName => format!("Company {value}"),
                Column::LastUpdated => day(updated).to_string(),
                Column::Implementation => "Complete STIR/SHAKEN Implementation".to_owned(),
                Column::VoiceServiceProviderChoice => "Yes".to_owned(),
                Column::ContactTitle | Column::ContactDepartment | Column::ContactBusinessAddress => {
                    format!("{} {}", column.name(), value % 9)
                }
                _ => String::new(),
            });
        }
        builder.finish()
    }

    /// All filings to this day's last, except those that are gone.
    pub fn listing(&self, is_gone: impl Fn(u32) -> bool) -> Listing {
        let values = A_DAY..(self.today + 1) * A_DAY;
        Listing {
            filings: values.filter(|value| !is_gone(*value)).map(|value| self.filing(value).into()).collect(),
            in_order: true,
            unreadable: Vec::new(),
            repeated: 0,
            undecoded: 0,
            missing_columns: Vec::new(),
            unknown_columns: Vec::new(),
            truncated: None,
        }
    }

    pub fn whole(&self) -> Listing {
        self.listing(|_| false)
    }
}

pub const TODAY: World = World { today: 1_200 };
pub const A_WEEK_AGO: World = World { today: 1_195 };

pub fn snapshot(listing: Listing) -> Snapshot {
    vet(listing, at(1), None, &VetConfig::default()).expect("read").snapshot
}

pub fn judge(listing: Listing, current: Option<&Snapshot>) -> Vetted {
    vet(listing, at(2), current, &VetConfig::default()).expect("read")
}

pub fn cut(mut listing: Listing, rows: usize) -> Listing {
    listing.filings.truncate(listing.filings.len() - rows);
    listing
}

/// A wave that takes every so-manieth, as an order does.
pub fn wave(one_in: u32) -> impl Fn(u32) -> bool {
    move |value| value % one_in == 1
}

#[test]
fn a_usual_step_is_applied_at_once() {
    let before = World { today: TODAY.today - 2 };
    let vetted = judge(TODAY.listing(wave(2_000)), Some(&snapshot(before.whole())));
    assert_eq!((vetted.doubts.as_slice(), vetted.requires()), (&[][..], None));
    assert_eq!(judge(TODAY.whole(), None).requires(), None, "nor is there anything to doubt about a whole first one");
}

#[test]
fn a_wave_of_removals_takes_a_second_copy_and_more_than_a_quarter_takes_a_person() {
    let current = snapshot(A_WEEK_AGO.whole());
    for (one_in, required) in [
        (200, None),
        (50, Some(Resolution::SecondCopy)),
        (9, Some(Resolution::SecondCopy)),
        (2, Some(Resolution::Person)),
    ] {
        let vetted = judge(TODAY.listing(wave(one_in)), Some(&current));
        assert_eq!(vetted.requires(), required, "one in {one_in}: {:?}", vetted.doubts);
    }
}

#[test]
fn a_file_cut_at_any_boundary_takes_a_person_whatever_it_is_compared_with() {
    let whole = TODAY.whole();
    let rows = whole.filings.len();
    let (same_day, week_before, removed_too) =
        (snapshot(TODAY.whole()), snapshot(A_WEEK_AGO.whole()), snapshot(TODAY.listing(wave(400))));
    let boundaries = (rows / 200..rows / 100).step_by(3).chain((rows / 100..rows).step_by(631)).chain([rows - 1]);
    for gone in boundaries {
        let standings = [("the same day", Some(&same_day)), ("a week before", Some(&week_before)), ("none", None)];
        for (name, current) in standings {
            let vetted = judge(cut(whole.clone(), gone), current);
            // Alone, a cut that deep that most of what stands before it was amended since cannot be told by its dates.
            let told = current.is_some() || gone < rows / 8;
            assert!(!told || vetted.requires() == Some(Resolution::Person), "{gone} rows cut, beside {name}");
        }
    }
    let both = judge(cut(TODAY.listing(wave(9)), rows / 200), Some(&removed_too));
    assert_eq!(both.requires(), Some(Resolution::Person), "a wave and a cut at once");
}

#[test]
fn an_older_copy_of_the_list_takes_a_person() {
    let vetted = judge(A_WEEK_AGO.whole(), Some(&snapshot(TODAY.whole())));
    assert!(matches!(vetted.doubts[0], Doubt::EndGone { gone: 40, .. }), "{:?}", vetted.doubts);
    assert_eq!(vetted.requires(), Some(Resolution::Person));
}

#[test]
fn an_older_copy_takes_a_person_though_what_it_takes_away_came_lately() {
    let week_before = snapshot(A_WEEK_AGO.whole());
    let current = judge(TODAY.whole(), Some(&week_before)).snapshot;
    let old = judge(A_WEEK_AGO.whole(), Some(&current));
    assert_eq!(old.requires(), Some(Resolution::Person), "{:?}", old.doubts);
}

#[test]
fn the_very_last_filing_may_go_if_a_second_copy_says_so() {
    let last = number((TODAY.today + 1) * A_DAY - 1);
    let vetted = judge(cut(TODAY.whole(), 1), Some(&snapshot(TODAY.whole())));
    assert!(matches!(vetted.doubts[..], [Doubt::EndGone { gone: 1, current_last, .. }] if current_last == last));
    assert_eq!(vetted.requires(), Some(Resolution::SecondCopy));
}

/// The first filings of the list of early 2024: of a kind of their own, most of them duplicates.
const OF_OLD: std::ops::Range<u32> = A_DAY..A_DAY + 384;

/// A listing that begins with such.
fn with_old(mut listing: Listing) -> Listing {
    for filing in listing.filings.iter_mut().filter(|filing| OF_OLD.contains(&filing.number().value())) {
        let mut builder = FilingBuilder::new(filing.number(), filing.frn(), 0);
        for column in Column::ALL {
            builder.push(match column {
                Column::Implementation => "N/A",
                Column::VoiceServiceProviderChoice | Column::GatewayProviderChoice => "No",
                Column::IntermediateProviderChoice => "Yes",
                Column::LastUpdated => "",
                other => filing.cell(other),
            });
        }
        *filing = builder.finish().into();
    }
    listing
}

#[test]
fn neighbours_that_go_are_a_wave_where_most_are_duplicates_and_a_missing_page_where_they_are_providers() {
    let current = snapshot(with_old(A_WEEK_AGO.whole()));
    let required = |from: u32, rows: u32| {
        let vetted = judge(with_old(TODAY.listing(|value| (from..from + rows).contains(&value))), Some(&current));
        (vetted.requires(), vetted.doubts.iter().any(|doubt| matches!(doubt, Doubt::RunGone { .. })))
    };
    // As the first 384 of the real list went on March 4, 2024: all of one kind.
    assert_eq!(required(OF_OLD.start, 384), (Some(Resolution::SecondCopy), false));
    // As a page of them is lost, which ends among others of that kind, or beyond them.
    assert_eq!(required(OF_OLD.start, 200), (Some(Resolution::Person), true));
    assert_eq!(required(OF_OLD.start + 100, 284), (Some(Resolution::Person), true));
    assert_eq!(required(OF_OLD.start, 500), (Some(Resolution::Person), true));
    for (rows, expected) in [(2, None), (3, Some(Resolution::SecondCopy)), (60, Some(Resolution::SecondCopy))] {
        assert_eq!(required(6_000, rows).0, expected, "{rows} in a row");
    }
    for (from, rows) in [(6_000, 61), (1_000, 99), (7_000, 1_500), (A_DAY, 2_000)] {
        assert_eq!(required(from, rows), (Some(Resolution::Person), true), "{rows} in a row from {from}");
    }
    let pages = TODAY.listing(|value| (1..5).any(|page| (page * 1_000..page * 1_000 + 17).contains(&value)));
    assert_eq!(judge(with_old(pages), Some(&current)).requires(), Some(Resolution::Person), "four short pages");
}

#[test]
fn weeks_in_which_nobody_files_and_many_amend_raise_no_doubt_as_they_go_by() {
    let after = |days: i32| {
        let mut listing = TODAY.whole();
        for filing in listing.filings.iter_mut().take(days as usize * 40) {
            let mut builder = FilingBuilder::new(filing.number(), filing.frn(), 0);
            let updated = day(TODAY.today).saturating_add(days.days()).to_string();
            for column in Column::ALL {
                builder.push(if column == Column::LastUpdated { &updated } else { filing.cell(column) });
            }
            *filing = builder.finish().into();
        }
        listing
    };
    let mut current = snapshot(TODAY.whole());
    for days in 1..30 {
        let vetted = judge(after(days), Some(&current));
        assert_eq!(vetted.requires(), None, "day {days}: {:?}", vetted.doubts);
        current = vetted.snapshot;
    }
}

#[test]
fn where_the_numbers_do_not_ascend_half_a_percent_gone_takes_a_person() {
    let current = snapshot(TODAY.whole());
    let jumbled = |is_gone: &dyn Fn(u32) -> bool| Listing { in_order: false, ..TODAY.listing(is_gone) };
    assert_eq!(judge(jumbled(&|_| false), Some(&current)).requires(), None, "nothing is gone");
    assert_eq!(judge(jumbled(&|value| value == 99), Some(&current)).requires(), Some(Resolution::SecondCopy));
    assert_eq!(judge(jumbled(&wave(150)), Some(&current)).requires(), Some(Resolution::Person));
}

#[test]
fn a_loss_bit_by_bit_is_an_alarm_before_two_hundred_and_held_before_five_hundred() {
    for one_in in [400, 101, 50] {
        let mut current = snapshot(TODAY.whole());
        let whole = current.filings.len();
        let (mut alarmed_at, mut held_at) = (None, None);
        for sync in 1..400 {
            let lost = |value: u32| (0..sync).any(|part| value % one_in == part * 7 % one_in);
            let vetted = judge(TODAY.listing(|value| value > A_DAY && value < 9_000 && lost(value)), Some(&current));
            let gone = whole - vetted.snapshot.filings.len();
            if vetted.requires() == Some(Resolution::Person) {
                held_at = Some(whole - current.filings.len());
                break;
            }
            if alarmed_at.is_none() && !vetted.doubts.is_empty() {
                alarmed_at = Some(gone);
            }
            current = vetted.snapshot;
        }
        assert!(alarmed_at.is_some_and(|gone| gone < 210), "one in {one_in}: alarm at {alarmed_at:?}");
        assert!(held_at.is_some_and(|gone| gone <= 500), "one in {one_in}: held at {held_at:?}");
    }
}

#[test]
fn a_source_that_eats_its_own_end_is_held_the_second_time() {
    let first = judge(cut(TODAY.whole(), 1), Some(&snapshot(TODAY.whole())));
    assert_eq!(first.requires(), Some(Resolution::SecondCopy));
    let second = judge(cut(TODAY.whole(), 2), Some(&first.snapshot));
    assert_eq!(second.requires(), Some(Resolution::Person));
}

#[test]
fn rows_that_cannot_be_read_stand_for_no_more_filings_than_they_are() {
    let current = snapshot(TODAY.whole());
    let blank = |after: u32, before: u32| UnreadableRow {
        line: 7,
        number: None,
        may_hide_others: false,
        after: Some(number(after)),
        before: Some(number(before)),
        fault: crate::domain::RowFault::Number,
    };
    let mut one = TODAY.listing(|value| value == 5_000);
    one.unreadable.push(blank(4_999, 5_001));
    let vetted = judge(one, Some(&current));
    assert_eq!((vetted.requires(), vetted.gone.len(), vetted.snapshot.carried.len()), (None, 0, 1));

    let mut page = TODAY.listing(|value| (5_000..5_009).contains(&value));
    page.unreadable.push(blank(4_999, 5_009));
    let vetted = judge(page, Some(&current));
    assert_eq!(vetted.requires(), Some(Resolution::Person), "{:?}", vetted.doubts);
    assert!(vetted.doubts.iter().any(|doubt| matches!(doubt, Doubt::Carried { carried: 9, unreadable: 1 })));

    // A wave, and the last row moved to the top with a blank one behind it: nobody can say where that belongs.
    let mut wave = Listing { in_order: false, ..TODAY.listing(wave(9)) };
    wave.unreadable.push(blank(9_607, 8));
    let vetted = judge(wave, Some(&current));
    assert_eq!((vetted.requires(), vetted.snapshot.carried.len()), (Some(Resolution::Person), 0));
}

#[test]
fn the_operators_own_peers_are_an_alarm_whatever_the_size_and_corroborated_far_beyond_their_share() {
    let current = snapshot(TODAY.whole());
    let peers: Vec<OwnPeer> = (1..=40)
        .map(|place: u32| OwnPeer {
            name: format!("TG-{place}"),
            provider: crate::domain::Identity::RmdNumber(number(place * 200 + 1_000)),
        })
        .collect();
    let judged = |gone: &dyn Fn(u32) -> bool| {
        let against = Against { current: Some(&current), removals: None, peers: &peers };
        vet_against(TODAY.listing(gone), at(2), against, &VetConfig::default()).expect("read")
    };
    let told = |vetted: &Vetted| vetted.snapshot.anomalies.iter().any(|anomaly| anomaly.code() == AlarmCode::PeersGone);
    let all = judged(&|value| value >= 1_200 && value % 200 == 0);
    assert_eq!((all.requires(), told(&all)), (Some(Resolution::SecondCopy), true), "{:?}", all.doubts);
    let one = judged(&|value| value == 2_000);
    assert_eq!((one.requires(), told(&one)), (None, true));
    let none = judged(&|value| value == 2_001);
    assert_eq!((none.requires(), told(&none)), (None, false));
}

#[test]
fn two_copies_say_the_same_if_about_the_same_filings_are_gone() {
    let current = snapshot(A_WEEK_AGO.whole());
    let first = judge(TODAY.listing(wave(9)), Some(&current));
    let but = |more: &'static [u32]| {
        let mut second = judge(TODAY.listing(|value| wave(9)(value) || more.contains(&value)), Some(&current));
        second.snapshot.sha256.0[0] += 1;
        second
    };
    assert!(first.says_the_same(&but(&[])), "amended meanwhile");
    assert!(first.says_the_same(&but(&[100, 200])), "two more went meanwhile");
    for (listing, why) in
        [(TODAY.whole(), "back again"), (TODAY.listing(|value| value % 9 == 4), "as many, but others")]
    {
        let mut other = judge(listing, Some(&current));
        other.snapshot.sha256.0[0] += 1;
        assert!(!first.says_the_same(&other), "{why}");
    }
}

#[test]
fn each_doubt_says_what_where_and_by_which_setting() {
    let current = snapshot(TODAY.whole());
    let said =
        |listing| judge(listing, Some(&current)).doubts.iter().map(Doubt::to_string).collect::<Vec<_>>().join("\n");
    let last = |rows: u32| RmdNumber::from_value((TODAY.today + 1) * A_DAY - 1 - rows).expect("a number");
    let end = said(cut(TODAY.whole(), 50));
    assert!(end.contains(&format!("stops at {}", last(50))) && end.contains("50 current filings"), "{end}");
    let loss = said(TODAY.listing(wave(9)));
    assert!(loss.contains("(11.1 %)") && loss.contains("vet.corroborate_loss_percent"), "{loss}");
    let loss = said(TODAY.listing(wave(3)));
    assert!(loss.contains("vet.max_loss_percent"), "{loss}");
    let shift = said(super::cells::changed(&[Column::Implementation], 1, "Yes"));
    assert!(shift.contains("`implementation`"), "{shift}");
}

#[test]
fn a_list_whose_dates_are_in_no_order_tells_nothing_by_them() {
    for spread in [1_u32, 28, 400, 1_000] {
        let mut listing = TODAY.whole();
        for filing in &mut listing.filings {
            let value = filing.number().value();
            let updated = day(value.wrapping_mul(2_654_435_761) % (spread + 1)).to_string();
            let mut builder = FilingBuilder::new(filing.number(), filing.frn(), 0);
            for column in Column::ALL {
                builder.push(if column == Column::LastUpdated { &updated } else { filing.cell(column) });
            }
            *filing = builder.finish().into();
        }
        assert_eq!(judge(listing, None).requires(), None, "dates over {spread} days");
    }
}

#[test]
fn ten_filings_gone_at_once_are_an_alarm() {
    let current = snapshot(TODAY.whole());
    let worst = |gone: u32| {
        let vetted = judge(TODAY.listing(|value| value % 97 == 50 && value / 97 < gone), Some(&current));
        assert!(vetted.doubts.iter().all(|doubt| !doubt.to_string().contains("vet.")), "{:?}", vetted.doubts);
        vetted.doubts.iter().map(Doubt::resolution).max()
    };
    assert_eq!((worst(9), worst(10), worst(90)), (None, Some(Resolution::Alarm), Some(Resolution::Alarm)));
}
