//! How much each column may change at once.

use std::sync::Arc;

use super::doubts::{A_WEEK_AGO, TODAY, World, day, judge, snapshot};
use super::{Column, FilingBuilder, Listing, Provenance, Resolution, Snapshot, VetConfig, at, vet};
use crate::domain::Filing;
use crate::listing::vet::Doubt;

pub fn changed(columns: &'static [Column], one_in: u32, to: &'static str) -> Listing {
    let mut listing = TODAY.whole();
    for filing in listing.filings.iter_mut().filter(|filing| filing.number().value() % one_in == 0) {
        let mut builder = FilingBuilder::new(filing.number(), filing.frn(), 0);
        for column in Column::ALL {
            builder.push(if columns.contains(&column) { to } else { filing.cell(column) });
        }
        *filing = builder.finish().into();
    }
    listing
}

#[test]
fn a_shifted_column_takes_a_person_and_a_busy_week_a_second_copy() {
    use Column::{
        ContactBusinessAddress, ContactDepartment, ContactTitle, FilingUrl, Implementation, LastUpdated,
        VoiceServiceProviderChoice,
    };
    let current = snapshot(TODAY.whole());
    let cases: [(&'static [Column], u32, Option<Resolution>); 6] = [
        (&[VoiceServiceProviderChoice], 1, Some(Resolution::Person)),
        (&[Implementation], 3, Some(Resolution::Person)),
        (&[Implementation], 20, Some(Resolution::Person)),
        (&[ContactTitle, ContactDepartment, ContactBusinessAddress], 1, Some(Resolution::Person)),
        (&[ContactTitle], 1, Some(Resolution::SecondCopy)),
        // Every filing recertified, and the FCC moved its site.
        (&[LastUpdated, FilingUrl], 1, None),
    ];
    for (columns, one_in, required) in cases {
        let vetted = judge(changed(columns, one_in, "2025-01-01"), Some(&current));
        assert_eq!(vetted.requires(), required, "{columns:?}, one in {one_in}: {:?}", vetted.doubts);
    }
    let emptied = judge(changed(&[VoiceServiceProviderChoice], 1, ""), Some(&current));
    assert_eq!(emptied.requires(), Some(Resolution::Person), "an emptied column on which decisions rest");
    let came = judge(
        changed(&[Column::OtherDbaNames, Column::Country, Column::ContactTelephoneNumber], 1, "x"),
        Some(&current),
    );
    assert_eq!(came.requires(), None, "a column that is filled for the first time");
}

/// What a filing that changed says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// Nothing: its date stays.
    Nothing,
    /// That it was updated today.
    Today,
    /// The same, and its filer amended more of it.
    More,
}

/// A filing with other cells.
pub fn with_cells<'a>(filing: &'a Filing, text: impl Fn(Column) -> Option<&'a str>) -> Arc<Filing> {
    let frn = text(Column::Frn).map_or(filing.frn(), |text| text.parse().ok());
    let mut builder = FilingBuilder::new(filing.number(), frn, 0);
    for column in Column::ALL {
        builder.push(text(column).unwrap_or_else(|| filing.cell(column)));
    }
    builder.finish().into()
}

/// Changes a column in so many filings, scattered.
fn cells(column: Column, filings: u32, says: Says, to: &'static str) -> Listing {
    let step = (TODAY.whole().filings.len() / (filings as usize).max(1)).max(1);
    cells_in(TODAY.whole(), (column, to), says, |place| place.is_multiple_of(step) && place / step < filings as usize)
}

/// Changes a column in the filings at these places.
fn cells_in(
    mut listing: Listing,
    (column, to): (Column, &'static str),
    says: Says,
    is_there: impl Fn(usize) -> bool,
) -> Listing {
    let today = day(TODAY.today).to_string();
    for (_, filing) in listing.filings.iter_mut().enumerate().filter(|(place, _)| is_there(*place)) {
        *filing = with_cells(filing, |at| match at {
            at if at == column => Some(to),
            Column::LastUpdated if says != Says::Nothing => Some(&today),
            Column::ContactTitle if says == Says::More => Some("amended, too"),
            _ => None,
        });
    }
    listing
}

/// The list with no date in every other filing.
fn half_without_dates() -> Listing {
    let mut listing = TODAY.whole();
    for filing in listing.filings.iter_mut().step_by(2) {
        *filing = with_cells(filing, |at| (at == Column::LastUpdated).then_some(""));
    }
    listing
}

#[test]
fn each_column_has_a_limit_of_its_own_and_a_filing_that_says_it_was_updated_a_wider_one() {
    use Column::{
        BusinessName, ForeignVoiceProvider, Frn, GatewayProviderChoice, Implementation, VoiceServiceProviderChoice,
    };
    use Resolution::{Alarm, Person, SecondCopy};
    use Says::{More, Nothing, Today};
    const PARTIAL: &str = "Partial STIR/SHAKEN Implementation - Performing Robocall Mitigation";
    let current = snapshot(TODAY.whole());
    let cases = [
        // As real weeks did.
        (VoiceServiceProviderChoice, "No", 23, Nothing, Some(Alarm)),
        (VoiceServiceProviderChoice, "No", 47, More, Some(Alarm)),
        (GatewayProviderChoice, "Yes", 530, Nothing, Some(Alarm)),
        (Implementation, PARTIAL, 3, Nothing, None),
        (Implementation, PARTIAL, 358, Today, None),
        (BusinessName, "Fern Velvet Tel", 20, More, Some(Alarm)),
        (ForeignVoiceProvider, "No", 8, More, None),
        // As none did.
        (Frn, "", 1, Nothing, Some(SecondCopy)),
        (Frn, "0029999999", 3, Today, Some(Person)),
        (ForeignVoiceProvider, "Yes", 20, Nothing, Some(Person)),
        (BusinessName, "Fern Velvet Tel", 20, Nothing, Some(Alarm)),
        (BusinessName, "Fern Velvet Tel", 110, Nothing, Some(Person)),
        (BusinessName, "Fern Velvet Tel", 60, Today, Some(Person)),
        (VoiceServiceProviderChoice, "", 20, Nothing, Some(Person)),
        (VoiceServiceProviderChoice, "", 20, More, Some(Person)),
        (VoiceServiceProviderChoice, "No", 60, Nothing, Some(Person)),
        (VoiceServiceProviderChoice, "No", 8, Today, None),
        (VoiceServiceProviderChoice, "No", 9, Today, Some(Alarm)),
        (VoiceServiceProviderChoice, "No", 55, Today, Some(Person)),
        (VoiceServiceProviderChoice, "No", 90, More, Some(Person)),
        (VoiceServiceProviderChoice, "Perhaps", 1, More, Some(Alarm)),
        (VoiceServiceProviderChoice, "Perhaps", 11, More, Some(Person)),
    ];
    for (column, text, filings, says, expected) in cases {
        let vetted = judge(cells(column, filings, says, text), Some(&current));
        let resolution = vetted.doubts.iter().map(Doubt::resolution).max();
        assert_eq!(resolution, expected, "{column:?} {text:?} in {filings}, {says:?}: {:?}", vetted.doubts);
    }
}

#[test]
fn filings_that_have_no_date_may_turn_to_no_in_numbers_and_those_that_keep_theirs_may_not() {
    let current = snapshot(half_without_dates());
    let turned = |is_there: &dyn Fn(usize) -> bool| {
        let voice = (Column::VoiceServiceProviderChoice, "No");
        let vetted = judge(cells_in(half_without_dates(), voice, Says::Nothing, is_there), Some(&current));
        vetted.doubts.iter().map(Doubt::resolution).max()
    };
    // As the real list did on March 11, 2024: 116 without a date and 23 with one.
    let real = |place: usize| (place.is_multiple_of(80) && place < 9_280) || (place % 80 == 41 && place < 23 * 80);
    assert_eq!(turned(&real), Some(Resolution::Alarm));
    assert_eq!(turned(&|place| place.is_multiple_of(65)), Some(Resolution::Person), "a fault strikes both alike");
    assert_eq!(turned(&|place| place.is_multiple_of(171)), Some(Resolution::Person), "though it strikes 57");
    assert_eq!(turned(&|place| place.is_multiple_of(213)), Some(Resolution::Alarm), "46 are few");
    assert_eq!(turned(&|place| place.is_multiple_of(48)), Some(Resolution::Person), "and so many never did");
}

#[test]
fn a_busy_week_may_change_more_than_a_fault_that_stamps_dates() {
    let current = snapshot(TODAY.whole());
    let title = (Column::ContactTitle, "amended by its filer");
    let busy = cells_in(TODAY.whole(), title, Says::Today, |place| place.is_multiple_of(11));
    let voice = (Column::VoiceServiceProviderChoice, "No");
    let resolution = |listing: Listing| judge(listing, Some(&current)).doubts.iter().map(Doubt::resolution).max();
    let amended = cells_in(busy.clone(), voice, Says::More, |place| place.is_multiple_of(77));
    assert_eq!(resolution(amended), Some(Resolution::Alarm), "125 among 989 that were amended");
    let stamped = cells_in(busy, voice, Says::Today, |place| place % 77 == 1);
    assert_eq!(resolution(stamped), Some(Resolution::Person), "125 that changed in nothing else");
}

#[test]
fn neighbours_that_change_in_one_column_are_told_though_they_are_few() {
    let current = snapshot(TODAY.whole());
    let rows = |rows: usize, says| {
        let voice = (Column::VoiceServiceProviderChoice, "No");
        let vetted =
            judge(cells_in(TODAY.whole(), voice, says, |place| (500..500 + rows).contains(&place)), Some(&current));
        vetted.doubts.iter().map(Doubt::resolution).max()
    };
    for says in [Says::Nothing, Says::Today] {
        assert_eq!(rows(3, says), None, "as in a real week");
        assert_eq!(rows(5, says), Some(Resolution::Alarm), "{says:?}");
        assert_eq!(rows(16, says), Some(Resolution::Person), "{says:?}");
    }
    let voice = (Column::VoiceServiceProviderChoice, "No");
    let short = cells_in(TODAY.whole(), voice, Says::Nothing, |place| (500..530).contains(&place) && place % 8 > 1);
    assert_eq!(judge(short, Some(&current)).requires(), Some(Resolution::Person), "several short ones");
    assert_eq!(rows(8, Says::More), None, "as one filer amended all its filings");
}

#[test]
fn a_page_that_a_fault_filled_may_turn_to_what_is_right() {
    // Empty before; the next good listing fills it, too, with other answers.
    let intermediate = |to| (Column::IntermediateProviderChoice, to);
    let page = |to| cells_in(TODAY.whole(), intermediate(to), Says::Nothing, |place| (500..530).contains(&place));
    let filled = judge(page("Yes"), Some(&snapshot(TODAY.whole())));
    assert!(filled.requires().is_none(), "as 432 were in a real week: {:?}", filled.doubts);
    let right = judge(page("No"), Some(&filled.snapshot));
    assert!(right.requires().is_none(), "{:?}", right.doubts);
    let back = judge(page("Yes"), Some(&snapshot(page("No"))));
    assert_eq!(back.requires(), Some(Resolution::Person), "what nothing was known against is doubted as ever");
}

#[test]
fn a_page_of_new_filings_that_came_with_wrong_answers_may_turn_to_what_is_right() {
    let voice = (Column::VoiceServiceProviderChoice, "No");
    let before = snapshot(A_WEEK_AGO.whole());
    let known = before.filings.len();
    let wrong = judge(cells_in(TODAY.whole(), voice, Says::Nothing, |place| place >= known + 20), Some(&before));
    assert!(wrong.requires().is_none(), "it is told, for it hurts few: {:?}", wrong.doubts);
    let right = judge(TODAY.whole(), Some(&wrong.snapshot));
    assert!(right.requires().is_none(), "{:?}", right.doubts);
}

#[test]
fn a_date_that_a_fault_wrote_and_the_next_listing_takes_back_is_no_date_that_stayed() {
    let current = snapshot(half_without_dates());
    let today = day(TODAY.today).to_string();
    let mut stamped = half_without_dates();
    for filing in stamped.filings.iter_mut().step_by(100).take(90) {
        *filing = with_cells(filing, |at| (at == Column::LastUpdated).then_some(&today));
    }
    let faulty = judge(stamped, Some(&current));
    assert_eq!(faulty.requires(), None, "{:?}", faulty.doubts);
    let voice = (Column::VoiceServiceProviderChoice, "No");
    let healed = cells_in(half_without_dates(), voice, Says::Nothing, |place| place.is_multiple_of(100));
    let healed = judge(healed, Some(&faulty.snapshot));
    assert_eq!(healed.requires(), None, "{:?}", healed.doubts);
}

#[test]
fn a_date_that_a_fault_wrote_over_an_amendments_own_is_no_date_that_went_back() {
    let current = snapshot(World { today: TODAY.today - 2 }.whole());
    let title = (Column::ContactTitle, "amended by its filer");
    let dated = |date: String| {
        let mut listing = cells_in(TODAY.whole(), title, Says::Nothing, |place| place.is_multiple_of(600));
        for filing in listing.filings.iter_mut().step_by(600) {
            *filing = with_cells(filing, |at| (at == Column::LastUpdated).then_some(&date));
        }
        listing
    };
    let faulty = judge(dated(day(TODAY.today).to_string()), Some(&current));
    assert_eq!(faulty.requires(), None, "{:?}", faulty.doubts);
    let healed = judge(dated(day(TODAY.today - 1).to_string()), Some(&faulty.snapshot));
    assert_eq!(healed.requires(), None, "{:?}", healed.doubts);
}

#[test]
fn what_a_fault_hid_of_amendments_comes_with_the_next_listing_though_their_date_is_older_then() {
    let current = snapshot(A_WEEK_AGO.whole());
    let that_day = day(A_WEEK_AGO.today).to_string();
    let amended = |voice: &'static str| {
        let mut listing = TODAY.whole();
        for filing in listing.filings.iter_mut().skip(500).take(20) {
            *filing = with_cells(filing, |at| match at {
                Column::LastUpdated => Some(&that_day),
                Column::ContactTitle => Some("amended by its filer"),
                Column::VoiceServiceProviderChoice => Some(voice),
                _ => None,
            });
        }
        listing
    };
    let faulty = judge(amended("Yes"), Some(&current));
    assert_eq!(faulty.requires(), None, "{:?}", faulty.doubts);
    let healed = judge(amended("No"), Some(&faulty.snapshot));
    assert_eq!(healed.requires(), None, "{:?}", healed.doubts);
    let again = judge(amended("No"), Some(&healed.snapshot)).snapshot;
    let name = (Column::BusinessName, "Fern Velvet Tel");
    let renamed = cells_in(amended("No"), name, Says::Nothing, |place| (500..520).contains(&place));
    let renamed = judge(renamed, Some(&again));
    assert_eq!(renamed.requires(), Some(Resolution::Person), "a date of long ago says nothing: {:?}", renamed.doubts);
}

#[test]
fn cells_that_went_from_no_to_yes_are_told_as_such() {
    let mut no = TODAY.whole();
    for filing in &mut no.filings {
        *filing = with_cells(filing, |at| (at == Column::VoiceServiceProviderChoice).then_some("No"));
    }
    let vetted = judge(
        cells_in(no.clone(), (Column::VoiceServiceProviderChoice, "Yes"), Says::Nothing, |place| {
            place.is_multiple_of(100)
        }),
        Some(&snapshot(no)),
    );
    let said = vetted.doubts.first().map(Doubt::to_string).unwrap_or_default();
    assert!(said.contains("`voice_service_provider_choice` turns from No to Yes in "), "{said}");
}

#[test]
fn a_listing_that_undoes_what_a_fault_did_is_applied_without_a_person() {
    let current = snapshot(TODAY.whole());
    let faulty = judge(cells(Column::VoiceServiceProviderChoice, 30, Says::Nothing, "No"), Some(&current));
    assert_eq!(faulty.requires(), None, "as a real week did");
    let healed = judge(TODAY.whole(), Some(&faulty.snapshot));
    assert_eq!(healed.requires(), None, "{:?}", healed.doubts);
    let told = healed.doubts.iter().any(|doubt| doubt.to_string().contains("30 cells go back to what they held"));
    assert!(told, "{:?}", healed.doubts);
    let again = judge(cells(Column::GatewayProviderChoice, 40, Says::Nothing, "Yes"), Some(&healed.snapshot));
    assert_eq!(again.requires(), None, "{:?}", again.doubts);
}

#[test]
fn dates_that_have_not_come_and_dates_that_went_back_are_told_and_many_take_a_person() {
    let at_present = |listing, current: Option<&Snapshot>| {
        let now = "2024-07-15T12:00:00Z".parse().expect("a time");
        vet(listing, Provenance { fetched_at: now, ..at(2) }, current, &VetConfig::default()).expect("read")
    };
    let current = at_present(TODAY.whole(), None).snapshot;
    let dated = |filings, to: &'static str| {
        let vetted = at_present(cells(Column::LastUpdated, filings, Says::Nothing, to), Some(&current));
        vetted.doubts.iter().map(Doubt::resolution).max()
    };
    assert_eq!(dated(1, "9999-12-31"), Some(Resolution::Alarm));
    assert_eq!(dated(11, "9999-12-31"), Some(Resolution::Person));
    assert_eq!(dated(11, "2021-01-01"), Some(Resolution::Person));
    assert_eq!(dated(11, ""), Some(Resolution::Person));
    let ahead = cells(Column::LastUpdated, 9_600, Says::Nothing, "2029-01-01");
    assert_eq!(
        judge(ahead, Some(&snapshot(TODAY.whole()))).requires(),
        None,
        "where the clock shows 1970 it is the clock"
    );
}

#[test]
fn a_page_in_which_all_who_held_one_answer_lose_it_is_told_however_few_they_are() {
    let gateway = Column::GatewayProviderChoice;
    let with = |answer: &'static str, is_so: &dyn Fn(usize) -> bool, mut listing: Listing| {
        for (_, filing) in listing.filings.iter_mut().enumerate().filter(|(place, _)| is_so(*place)) {
            *filing = with_cells(filing, |at| (at == gateway).then_some(answer));
        }
        listing
    };
    let sparse = || with("Yes", &|place| place.is_multiple_of(13), with("No", &|_| true, TODAY.whole()));
    let current = snapshot(sparse());
    let page = |from: usize, to: usize| {
        let vetted = judge(with("No", &|place| (from..to).contains(&place), sparse()), Some(&current));
        let told = vetted.doubts.iter().any(|doubt| matches!(doubt, Doubt::Alike { rows: 5.., .. }));
        (told, vetted.requires())
    };
    assert_eq!(page(1300, 1300 + 4 * 13), (false, None), "as many as change in a real week");
    assert_eq!(page(1300, 1300 + 5 * 13), (true, None), "all five of a page");
}

#[test]
fn one_date_in_most_rows_is_undone_by_the_next_good_listing() {
    let current = snapshot(World { today: TODAY.today - 2 }.whole());
    let mut stamped = TODAY.whole();
    let newest = day(TODAY.today - 3).to_string();
    for filing in stamped.filings.iter_mut().filter(|filing| filing.number().value() % 5 > 0) {
        *filing = with_cells(filing, |at| (at == Column::LastUpdated).then_some(&newest));
    }
    // A person may let it through, or nobody has to.
    let faulty = judge(stamped, Some(&current));
    let stamps = faulty.snapshot.steps.last().map_or(0, |step| step.dated.len());
    assert!(stamps > 5_000, "{stamps}");
    let healed = judge(TODAY.whole(), Some(&faulty.snapshot));
    assert!(healed.requires() < Some(Resolution::Person), "{:?}", healed.doubts);
}

#[test]
fn one_date_in_all_rows_is_undone_in_those_too_that_came_with_it() {
    let current = snapshot(World { today: TODAY.today - 3 }.whole());
    let mut stamped = TODAY.whole();
    let newest = day(TODAY.today).to_string();
    for filing in &mut stamped.filings {
        *filing = with_cells(filing, |at| (at == Column::LastUpdated).then_some(&newest));
    }
    let faulty = judge(stamped, Some(&current));
    assert!(faulty.come.len() > 20, "{}", faulty.come.len());
    let healed = judge(TODAY.whole(), Some(&faulty.snapshot));
    assert!(healed.requires() < Some(Resolution::Person), "{:?}", healed.doubts);
}

#[test]
fn a_fault_that_stamps_dates_is_undone_by_the_next_good_listing_as_well() {
    let current = snapshot(World { today: TODAY.today - 2 }.whole());
    let mut stamped = TODAY.whole();
    let today = day(TODAY.today).to_string();
    for filing in stamped.filings.iter_mut().step_by(240) {
        let mut builder = FilingBuilder::new(filing.number(), filing.frn(), 0);
        for column in Column::ALL {
            builder.push(match column {
                Column::LastUpdated => &today,
                Column::VoiceServiceProviderChoice => "No",
                column => filing.cell(column),
            });
        }
        *filing = builder.finish().into();
    }
    let faulty = judge(stamped, Some(&current));
    assert_eq!(faulty.requires(), None, "so few may be amendments: {:?}", faulty.doubts);
    assert!(!faulty.doubts.is_empty(), "but somebody is told");
    let healed = judge(TODAY.whole(), Some(&faulty.snapshot));
    assert!(healed.requires() < Some(Resolution::Person), "{:?}", healed.doubts);
}

#[test]
fn a_page_that_takes_back_what_filers_amended_lately_is_told_with_what_it_takes_from_others() {
    let intermediate = Column::IntermediateProviderChoice;
    let with = |answer: &'static str, date: Option<String>, places: &[usize], mut listing: Listing| {
        for (_, filing) in listing.filings.iter_mut().enumerate().filter(|(place, _)| places.contains(place)) {
            *filing = with_cells(filing, |at| match at {
                Column::LastUpdated => date.as_deref(),
                at => (at == intermediate).then_some(answer),
            });
        }
        listing
    };
    // Some of a page said No and amended that three weeks ago; the others have long said Yes.
    let amended: Vec<usize> = (0..6).map(|nth| 4_000 + 20 * nth).collect();
    let others: Vec<usize> = (0..4).map(|nth| 4_010 + 20 * nth).collect();
    let all: Vec<usize> = (0..TODAY.whole().filings.len()).collect();
    let plain =
        |days: u32| with("Yes", None, &others, with("No", None, &all, World { today: TODAY.today - days }.whole()));
    let then = day(TODAY.today - 20).to_string();
    let since = |days: u32| with("Yes", Some(then.clone()), &amended, plain(days));
    let before = snapshot(plain(22));
    let current = [20, 13, 6].into_iter().fold(before, |current, days| judge(since(days), Some(&current)).snapshot);
    let keeping_dates = with("No", None, &others, with("No", Some(then.clone()), &amended, since(0)));
    let fault = judge(keeping_dates, Some(&current));
    let told = |doubt: &Doubt| matches!(doubt, Doubt::Cells { column, changed: 10, .. } if *column == intermediate);
    assert!(fault.doubts.iter().any(told), "{:?}", fault.doubts);
    assert_eq!(fault.requires(), None);
}

#[test]
fn cells_that_change_a_few_at_a_time_are_told_and_held_though_they_bear_dates_and_the_next_good_listing_heals_it() {
    for says in [Says::Today, Says::More] {
        let voice = (Column::VoiceServiceProviderChoice, "No");
        let whole = || TODAY.listing(|value| value < 7_000);
        let mut current = snapshot(whole());
        let (mut told, mut held) = (None, None);
        for changed in (8..=400).step_by(8) {
            let faulty = cells_in(whole(), voice, says, |place| place % 5 == 3 && place / 5 < changed);
            let vetted = judge(faulty, Some(&current));
            if vetted.requires() == Some(Resolution::Person) {
                held = Some(changed);
                break;
            }
            told = told.or_else(|| (!vetted.doubts.is_empty()).then_some(changed));
            current = vetted.snapshot;
        }
        assert!(told.is_some_and(|told| told <= 64) && held.is_some_and(|held| held <= 360), "{told:?}, {held:?}");
        let healed = judge(whole(), Some(&current));
        assert!(healed.requires() < Some(Resolution::Person), "{:?}", healed.doubts);
        let few = cells_in(whole(), voice, says, |place| place < 4);
        let next = judge(few, Some(&healed.snapshot));
        assert!(next.requires().is_none(), "what was undone counts no more: {:?}", next.doubts);
    }
}

#[test]
fn rows_of_an_old_copy_mixed_in_undo_what_several_steps_dated_and_a_listing_that_heals_what_one_did() {
    let amended = |day_of: u32, upto: usize| {
        let mut listing = TODAY.whole();
        for step in 0..=day_of {
            let date = day(TODAY.today + step).to_string();
            for filing in listing.filings.iter_mut().skip(step as usize * 40).take(40.min(upto)) {
                *filing = with_cells(filing, |at| match at {
                    Column::LastUpdated => Some(&date),
                    Column::ContactTitle => Some("amended"),
                    _ => None,
                });
            }
        }
        listing
    };
    let mut current = snapshot(TODAY.whole());
    for step in 0..6 {
        current = judge(amended(step, 40), Some(&current)).snapshot;
    }
    let vetted = |listing| judge(listing, Some(&current));
    // One in ten as it stood before all of it.
    let old = TODAY.whole();
    let mut mixed = amended(5, 40);
    for (place, filing) in mixed.filings.iter_mut().enumerate().filter(|(place, _)| place % 10 == 0) {
        *filing = old.filings[place].clone();
    }
    let doubted = vetted(mixed);
    assert_eq!(doubted.requires(), Some(Resolution::Person), "{:?}", doubted.doubts);
    assert!(doubted.doubts.iter().any(|doubt| doubt.to_string().starts_with("24 rows bear an older `last_updated`")));
    assert!(vetted(amended(4, 40)).requires().is_none(), "what the last step did is undone");
}
