//! What makes a listing hard to believe, and what settles it.

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};

use super::{Column, FilingBuilder, Listing, Settles, Snapshot, VetConfig, at, number, vet};
use crate::domain::{Filing, RmdNumber};
use crate::vet::{Doubt, Vetted};

/// A day's new filings.
const A_DAY: u32 = 8;
const BEGAN: Date = date(2021, 4, 1);

fn day(days: u32) -> Date {
    BEGAN.saturating_add(Span::new().days(days))
}

/// A list as long as a real one: eight filings come each working day, each is amended on some later day, and a filing's
/// cells are the same whenever it is asked for.
struct World {
    today: u32,
}

impl World {
    /// The filing of this number as it stands today.
    fn filing(&self, value: u32) -> Filing {
        let came = value / A_DAY;
        // Amended every so often since, at an interval of its own: nobody on the day that it came.
        let interval = 90 + value.wrapping_mul(2_654_435_761) % 700;
        let updated = came + (self.today - came) / interval * interval;
        let mut builder = FilingBuilder::new(number(value), None, 0);
        for column in Column::ALL {
            builder.push(&match column {
                Column::LastUpdated => day(updated).to_string(),
                Column::BusinessName => format!("Company {value}"),
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
    fn listing(&self, is_gone: impl Fn(u32) -> bool) -> Listing {
        let values = A_DAY..(self.today + 1) * A_DAY;
        Listing {
            filings: values.filter(|value| !is_gone(*value)).map(|value| self.filing(value)).collect(),
            in_order: true,
            unreadable: Vec::new(),
            missing_columns: Vec::new(),
            unknown_columns: Vec::new(),
            truncated: None,
        }
    }

    fn whole(&self) -> Listing {
        self.listing(|_| false)
    }
}

const TODAY: World = World { today: 1_200 };
const A_WEEK_AGO: World = World { today: 1_195 };

fn snapshot(listing: Listing) -> Snapshot {
    vet(listing, at(1), None, &VetConfig::default()).expect("read").snapshot
}

fn judge(listing: Listing, standing: Option<&Snapshot>) -> Vetted {
    vet(listing, at(2), standing, &VetConfig::default()).expect("read")
}

fn cut(mut listing: Listing, rows: usize) -> Listing {
    listing.filings.truncate(listing.filings.len() - rows);
    listing
}

/// A wave that takes every so-manieth, as an order does.
fn wave(one_in: u32) -> impl Fn(u32) -> bool {
    move |value| value % one_in == 1
}

#[test]
fn a_usual_week_is_applied_at_once() {
    let vetted = judge(TODAY.listing(wave(2_000)), Some(&snapshot(A_WEEK_AGO.whole())));
    assert_eq!((vetted.doubts.as_slice(), vetted.takes()), (&[][..], None));
    assert_eq!(judge(TODAY.whole(), None).takes(), None, "nor is there anything to doubt about a whole first one");
}

#[test]
fn a_wave_of_removals_takes_a_second_copy_and_more_than_a_quarter_takes_a_person() {
    let standing = snapshot(A_WEEK_AGO.whole());
    for (one_in, takes) in
        [(200, None), (50, Some(Settles::SecondCopy)), (9, Some(Settles::SecondCopy)), (2, Some(Settles::Person))]
    {
        let vetted = judge(TODAY.listing(wave(one_in)), Some(&standing));
        assert_eq!(vetted.takes(), takes, "one in {one_in}: {:?}", vetted.doubts);
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
        for (name, standing) in standings {
            let vetted = judge(cut(whole.clone(), gone), standing);
            // Alone, a cut that deep that most of what stands before it was amended since cannot be told by its dates.
            let told = standing.is_some() || gone < rows / 8;
            assert!(!told || vetted.takes() == Some(Settles::Person), "{gone} rows cut, beside {name}");
        }
    }
    let both = judge(cut(TODAY.listing(wave(9)), rows / 200), Some(&removed_too));
    assert_eq!(both.takes(), Some(Settles::Person), "a wave and a cut at once");
}

#[test]
fn an_older_copy_of_the_list_takes_a_person() {
    let vetted = judge(A_WEEK_AGO.whole(), Some(&snapshot(TODAY.whole())));
    assert!(matches!(vetted.doubts[..], [Doubt::EndGone { gone: 40, .. }]), "{:?}", vetted.doubts);
    assert_eq!(vetted.takes(), Some(Settles::Person));
}

#[test]
fn the_very_last_filing_may_go_if_a_second_copy_says_so() {
    let last = number((TODAY.today + 1) * A_DAY - 1);
    let vetted = judge(cut(TODAY.whole(), 1), Some(&snapshot(TODAY.whole())));
    assert!(matches!(vetted.doubts[..], [Doubt::EndGone { gone: 1, standing_last, .. }] if standing_last == last));
    assert_eq!(vetted.takes(), Some(Settles::SecondCopy));
}

#[test]
fn a_block_of_numbers_that_goes_is_a_wave_like_any_other_for_real_ones_went_so() {
    let block = |value| (A_DAY..A_DAY + 384).contains(&value);
    let vetted = judge(TODAY.listing(block), Some(&snapshot(A_WEEK_AGO.whole())));
    assert_eq!(vetted.takes(), Some(Settles::SecondCopy), "{:?}", vetted.doubts);
}

#[test]
fn weeks_in_which_nobody_files_and_many_amend_raise_no_doubt_as_they_go_by() {
    let after = |days: i32| {
        let mut listing = TODAY.whole();
        for filing in listing.filings.iter_mut().take(days as usize * 40) {
            let mut builder = FilingBuilder::new(filing.number(), None, 0);
            let updated = day(TODAY.today).saturating_add(days.days()).to_string();
            for column in Column::ALL {
                builder.push(if column == Column::LastUpdated { &updated } else { filing.cell(column) });
            }
            *filing = builder.finish();
        }
        listing
    };
    let mut standing = snapshot(TODAY.whole());
    for days in 1..30 {
        let vetted = judge(after(days), Some(&standing));
        assert_eq!(vetted.takes(), None, "day {days}: {:?}", vetted.doubts);
        standing = vetted.snapshot;
    }
}

#[test]
fn where_the_numbers_do_not_ascend_half_a_percent_gone_takes_a_person() {
    let standing = snapshot(TODAY.whole());
    let jumbled = |is_gone: &dyn Fn(u32) -> bool| Listing { in_order: false, ..TODAY.listing(is_gone) };
    assert_eq!(judge(jumbled(&|_| false), Some(&standing)).takes(), None, "nothing is gone");
    assert_eq!(judge(jumbled(&|value| value == 99), Some(&standing)).takes(), Some(Settles::SecondCopy));
    assert_eq!(judge(jumbled(&wave(150)), Some(&standing)).takes(), Some(Settles::Person));
}

fn changed(columns: &'static [Column], one_in: u32, to: &'static str) -> Listing {
    let mut listing = TODAY.whole();
    for filing in listing.filings.iter_mut().filter(|filing| filing.number().value() % one_in == 0) {
        let mut builder = FilingBuilder::new(filing.number(), None, 0);
        for column in Column::ALL {
            builder.push(if columns.contains(&column) { to } else { filing.cell(column) });
        }
        *filing = builder.finish();
    }
    listing
}

#[test]
fn a_shifted_column_takes_a_person_and_a_busy_week_a_second_copy() {
    use Column::{
        ContactBusinessAddress, ContactDepartment, ContactTitle, FilingUrl, Implementation, LastUpdated,
        VoiceServiceProviderChoice,
    };
    let standing = snapshot(TODAY.whole());
    let cases: [(&'static [Column], u32, Option<Settles>); 7] = [
        (&[VoiceServiceProviderChoice], 1, Some(Settles::Person)),
        (&[Implementation], 3, Some(Settles::Person)),
        (&[Implementation], 8, Some(Settles::SecondCopy)),
        (&[Implementation], 20, None),
        (&[ContactTitle, ContactDepartment, ContactBusinessAddress], 1, Some(Settles::Person)),
        (&[ContactTitle], 1, Some(Settles::SecondCopy)),
        // Every filing recertified, and the FCC moved its site.
        (&[LastUpdated, FilingUrl], 1, None),
    ];
    for (columns, one_in, takes) in cases {
        let vetted = judge(changed(columns, one_in, "2025-01-01"), Some(&standing));
        assert_eq!(vetted.takes(), takes, "{columns:?}, one in {one_in}: {:?}", vetted.doubts);
    }
    let emptied = judge(changed(&[VoiceServiceProviderChoice], 1, ""), Some(&standing));
    assert_eq!(emptied.takes(), Some(Settles::Person), "an emptied column on which decisions rest");
    let came = judge(changed(&[Column::OtherDbaNames, Column::Country, Column::OtherFrns], 1, "x"), Some(&standing));
    assert_eq!(came.takes(), None, "a column that is filled for the first time");
}

#[test]
fn many_new_filings_take_a_second_copy_and_half_as_many_again_a_person() {
    let standing = |one_in| snapshot(TODAY.listing(wave(one_in)));
    assert_eq!(judge(TODAY.whole(), Some(&standing(20))).takes(), None);
    assert_eq!(judge(TODAY.whole(), Some(&standing(8))).takes(), Some(Settles::SecondCopy));
    let half = snapshot(TODAY.listing(|value| value % 5 < 2));
    assert_eq!(judge(TODAY.whole(), Some(&half)).takes(), Some(Settles::Person));
}

#[test]
fn two_copies_say_the_same_if_about_the_same_filings_are_gone() {
    let standing = snapshot(A_WEEK_AGO.whole());
    let first = judge(TODAY.listing(wave(9)), Some(&standing));
    let but = |more: &'static [u32]| {
        let mut second = judge(TODAY.listing(|value| wave(9)(value) || more.contains(&value)), Some(&standing));
        second.snapshot.sha256.0[0] += 1;
        second
    };
    assert!(first.says_the_same(&but(&[])), "amended meanwhile");
    assert!(first.says_the_same(&but(&[100, 200])), "two more went meanwhile");
    for (listing, why) in
        [(TODAY.whole(), "back again"), (TODAY.listing(|value| value % 9 == 4), "as many, but others")]
    {
        let mut other = judge(listing, Some(&standing));
        other.snapshot.sha256.0[0] += 1;
        assert!(!first.says_the_same(&other), "{why}");
    }
}

#[test]
fn each_doubt_says_what_where_and_by_which_setting() {
    let standing = snapshot(TODAY.whole());
    let said =
        |listing| judge(listing, Some(&standing)).doubts.iter().map(Doubt::to_string).collect::<Vec<_>>().join("\n");
    let last = |rows: u32| RmdNumber::from_value((TODAY.today + 1) * A_DAY - 1 - rows).expect("a number");
    let end = said(cut(TODAY.whole(), 50));
    assert!(end.contains(&format!("stops at {}", last(50))) && end.contains("50 standing filings"), "{end}");
    let loss = said(TODAY.listing(wave(9)));
    assert!(loss.contains("(11.1 %)") && loss.contains("vet.corroborate_loss_percent"), "{loss}");
    let loss = said(TODAY.listing(wave(3)));
    assert!(loss.contains("vet.max_loss_percent"), "{loss}");
    let shift = said(changed(&[Column::Implementation], 1, "Yes"));
    assert!(shift.contains("`implementation`"), "{shift}");
}

#[test]
fn a_list_whose_dates_are_in_no_order_tells_nothing_by_them() {
    for spread in [1_u32, 28, 400, 1_000] {
        let mut listing = TODAY.whole();
        for filing in &mut listing.filings {
            let value = filing.number().value();
            let updated = day(value.wrapping_mul(2_654_435_761) % (spread + 1)).to_string();
            let mut builder = FilingBuilder::new(filing.number(), None, 0);
            for column in Column::ALL {
                builder.push(if column == Column::LastUpdated { &updated } else { filing.cell(column) });
            }
            *filing = builder.finish();
        }
        assert_eq!(judge(listing, None).takes(), None, "dates over {spread} days");
    }
}
