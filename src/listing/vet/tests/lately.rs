//! What filings that came lately answer, beside all others.

use std::sync::Arc;

use super::cells::with_cells;
use super::doubts::{A_DAY, A_WEEK_AGO, TODAY, World, judge, snapshot};
use super::{Column, Listing, Resolution, RmdNumber, Snapshot, number};
use crate::domain::{Filing, Frn};
use crate::listing::vet::{Doubt, Vetted};

/// A week's newcomers of [`TODAY`] with other cells.
fn newcomers(mut listing: Listing, of: impl Fn(u32) -> bool, change: impl Fn(&Filing) -> Arc<Filing>) -> Listing {
    let last = number((A_WEEK_AGO.today + 1) * A_DAY - 1);
    for filing in listing.filings.iter_mut().filter(|filing| filing.number() > last && of(filing.number().value())) {
        *filing = change(filing);
    }
    listing
}

fn with_frn(filing: &Filing, frn: Option<Frn>) -> Arc<Filing> {
    let written = frn.map_or_else(String::new, |frn| frn.to_string());
    with_cells(filing, |at| (at == Column::Frn).then_some(&written))
}

fn answers(to: &'static str) -> impl Fn(&Filing) -> Arc<Filing> {
    move |filing| with_cells(filing, |at| (at == Column::VoiceServiceProviderChoice).then_some(to))
}

fn told(vetted: &Vetted) -> Option<Resolution> {
    let lately = vetted.doubts.iter().filter(|doubt| matches!(doubt, Doubt::Lately { .. }));
    lately.map(Doubt::resolution).max()
}

fn a_week_ago() -> Snapshot {
    snapshot(A_WEEK_AGO.whole())
}

fn heals(wrong: &Vetted) {
    let right = judge(TODAY.whole(), Some(&wrong.snapshot));
    assert_eq!(right.requires(), None, "{:?}", right.doubts);
}

#[test]
fn new_filings_with_answers_as_others_have_them_raise_no_doubt() {
    assert_eq!(told(&judge(TODAY.whole(), Some(&a_week_ago()))), None);
    // A short list has no usual shares.
    let short = |world: World| world.listing(|value| value > 1_500 && value < A_WEEK_AGO.today * A_DAY);
    let wrong = judge(newcomers(short(TODAY), |_| true, answers("No")), Some(&snapshot(short(A_WEEK_AGO))));
    assert_eq!(told(&wrong), None);
}

#[test]
fn an_answer_that_new_filings_give_and_others_do_not_is_told_or_takes_a_person_and_the_good_listing_heals_it() {
    let struck = |every: u32| judge(newcomers(TODAY.whole(), |v| v % every == 0, answers("No")), Some(&a_week_ago()));
    let all = struck(1);
    assert_eq!(told(&all), Some(Resolution::Person), "{:?}", all.doubts);
    let says = all.doubts.iter().map(Doubt::to_string).find(|says| says.contains("came lately"));
    assert_eq!(
        says.as_deref(),
        Some(
            "`voice_service_provider_choice` is No in 40 of the 40 filings that came lately, where it hardly ever is in others"
        )
    );
    let half = struck(2);
    assert_eq!(told(&half), Some(Resolution::Alarm), "{:?}", half.doubts);
    assert_eq!(told(&struck(8)), None, "five of forty");
    // A few a day.
    let mut a_few = a_week_ago();
    let mut most = None;
    for days in 1..=5 {
        let world = World { today: A_WEEK_AGO.today + days };
        let vetted = judge(newcomers(world.whole(), |v| v % 2 == 0, answers("No")), Some(&a_few));
        most = most.max(told(&vetted));
        a_few = vetted.snapshot;
    }
    assert_eq!(most, Some(Resolution::Alarm), "twenty of forty");
    heals(&all);
    heals(&half);
    // Once a person has let them through, the next few of the kind are an alarm.
    let value = (TODAY.today + 1) * A_DAY;
    let mut more = newcomers(TODAY.whole(), |_| true, answers("No"));
    let next = World { today: TODAY.today + 1 };
    more.filings.extend((value..value + 2).map(|value| answers("No")(&next.filing(value))));
    assert_eq!(told(&judge(more, Some(&all.snapshot))), Some(Resolution::Alarm));
}

#[test]
fn new_filings_without_an_frn_are_told_from_three_on_and_more_than_ten_take_a_person() {
    let nameless = |count: u32| {
        let first = (A_WEEK_AGO.today + 1) * A_DAY;
        judge(newcomers(TODAY.whole(), |v| v < first + count, |filing| with_frn(filing, None)), Some(&a_week_ago()))
    };
    assert_eq!(told(&nameless(2)), None);
    assert_eq!(told(&nameless(3)), Some(Resolution::Alarm));
    assert_eq!(told(&nameless(11)), Some(Resolution::Person));
    let says = nameless(11).doubts.iter().map(Doubt::to_string).find(|says| says.contains("came lately"));
    assert_eq!(
        says.as_deref(),
        Some("`frn` is empty in 11 of the 40 filings that came lately, where it hardly ever is in others")
    );
    for count in [2, 3, 11, 40] {
        heals(&nameless(count));
    }
}

#[test]
fn new_filings_with_the_frns_of_one_another_get_their_own_back_and_a_page_of_the_list_does_not() {
    let before = a_week_ago();
    let come: Vec<RmdNumber> = judge(TODAY.whole(), Some(&before)).come;
    let of = |value: u32| TODAY.filing(value).frn();
    let rotated = newcomers(
        TODAY.whole(),
        |_| true,
        |filing| {
            let place = come.binary_search(&filing.number()).expect("a newcomer");
            with_frn(filing, of(come[(place + 1) % come.len()].value()))
        },
    );
    let wrong = judge(rotated, Some(&before));
    heals(&wrong);
    // The same with all that the rows hold, dates and names.
    let rotated = newcomers(
        TODAY.whole(),
        |_| true,
        |filing| {
            let place = come.binary_search(&filing.number()).expect("a newcomer");
            let other = TODAY.filing(come[(place + 1) % come.len()].value());
            with_cells(filing, |at| Some(other.cell(at)))
        },
    );
    heals(&judge(rotated, Some(&before)));
    // The same fault over a page that begins elsewhere is held.
    let standing = judge(TODAY.whole(), Some(&before)).snapshot;
    let mut page = TODAY.whole();
    let last = page.filings.len();
    let frns: Vec<_> = page.filings[last - 60..].iter().map(|filing| filing.frn()).collect();
    for (place, filing) in page.filings[last - 60..].iter_mut().enumerate() {
        *filing = with_frn(filing, frns[(place + 1) % frns.len()]);
    }
    assert_eq!(judge(page, Some(&standing)).requires(), Some(Resolution::Person));
}

#[test]
fn frns_that_change_two_at_a_time_are_held_before_they_are_many() {
    let mut current = snapshot(TODAY.whole());
    let mut held = None;
    for sync in 1..=5 {
        let mut listing = TODAY.whole();
        for (place, filing) in listing.filings.iter_mut().step_by(900).take(sync * 2).enumerate() {
            *filing = with_frn(filing, (place % 2 == 0).then(|| Frn::from_value(31_000_000 + place as u64)).flatten());
        }
        let vetted = judge(listing, Some(&current));
        if vetted.requires() == Some(Resolution::Person) {
            held = Some(sync);
            break;
        }
        assert_eq!(vetted.requires(), Some(Resolution::SecondCopy), "{:?}", vetted.doubts);
        current = vetted.snapshot;
    }
    assert_eq!(held, Some(3), "four may be corrections");
    let healed = judge(TODAY.whole(), Some(&current));
    assert_eq!(healed.requires(), None, "{:?}", healed.doubts);
}

#[test]
fn cells_that_say_the_same_in_another_writing_are_no_change() {
    let rewritten = |mut listing: Listing| {
        for filing in &mut listing.filings {
            let unpadded = filing.cell(Column::Frn).trim_start_matches('0').to_owned();
            *filing = with_cells(filing, |at| match at {
                Column::Frn => Some(&unpadded),
                Column::VoiceServiceProviderChoice => Some("YES"),
                Column::GatewayProviderChoice => Some("N/A"),
                _ => None,
            });
        }
        listing
    };
    let plain = judge(TODAY.whole(), Some(&snapshot(rewritten(TODAY.whole()))));
    assert_eq!(plain.doubts, []);
    assert_eq!(judge(rewritten(TODAY.whole()), Some(&snapshot(TODAY.whole()))).doubts, []);
}
