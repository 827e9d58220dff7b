//! Each violation, made up, is found; and a history without one has none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rmdd::domain::Log;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use super::super::history::{
    Answer, At, Change, Digest, Entry, History, Holder, Look, Outcome, Span, Status, Term, Visit,
};
use super::{Promise, check};

fn ms(milliseconds: u64) -> At {
    Duration::from_millis(milliseconds)
}

fn span(begin: u64, end: u64) -> Span {
    Span { begin: ms(begin), end: ms(end) }
}

fn digest(of: Log, index: u64) -> Digest {
    let mut digest = [of as u8 + 1; 32];
    digest[..8].copy_from_slice(&index.to_be_bytes());
    digest
}

fn listing(serial: u64) -> Digest {
    [serial as u8; 32]
}

fn term(token: u8, site: &str) -> Term {
    Term { token: format!("{token:032x}"), site: site.to_owned() }
}

/// By ams under token 1 until 40 s, by bos under token 2 from 41 s on. Every ten seconds a snapshot, which ten of them make; of
/// each other one the provider `x` is gone.
fn entry(log: Log, index: u64) -> Entry {
    let holder = if index <= 4 { term(1, "ams") } else { term(2, "bos") };
    let is_listing = log == Log::Listing;
    Entry {
        log,
        index,
        id: [log as u8 * 100 + index as u8; 16],
        before: digest(log, index - 1),
        sha256: digest(log, index),
        site: holder.site.clone(),
        revision: i64::try_from(index * 10).expect("small") + i64::from(is_listing),
        writes: 1,
        seen: ms(index * 10_000),
        holder: is_listing.then_some(Some(holder)),
        snapshot: is_listing.then(|| (index, listing(index))),
        events: if is_listing { Vec::new() } else { vec![(index, format!("change {index}"))] },
    }
}

/// Of a fleet of two sites in which all goes well for a hundred seconds.
fn well() -> History {
    let mut history = History {
        sites: vec!["ams".to_owned(), "bos".to_owned()],
        calm: ms(90_000),
        behind_after: ms(5_000),
        settled_after: ms(30_000),
        usual: ["FLEET_ENGINE_OLD".to_owned()].into(),
        ..History::default()
    };
    for index in 1..=10 {
        history.entries.push(entry(Log::Listing, index));
        history.entries.push(entry(Log::Records, index));
        let numbers = if index % 2 == 0 { vec!["y"] } else { vec!["x", "y"] };
        let numbers = numbers.into_iter().map(str::to_owned).collect();
        history.listings.insert(listing(index), Arc::new(numbers));
        let when = index * 10_000;
        let outcome = Outcome::Acknowledged(vec![index]);
        let change =
            Change { site: 0, why: format!("change {index}"), records: 1, span: span(when - 50, when), outcome };
        history.changes.push(change);
        let (at_source, fetcher) = if index <= 4 { (0, term(1, "ams")) } else { (1, term(2, "bos")) };
        history.holders.push(Holder { span: span(when, when + 5), term: Some(fetcher) });
        history.visits.push(Visit { site: at_source, at: ms(when - 500) });
        for site in 0..2 {
            history.looks.push(Look {
                site,
                span: span(when + 400, when + 500),
                revision: revision(index),
                published: true,
            });
            history.answers.push(answer(site, when + 600, index));
            history.statuses.push(status(site, when + 700, index));
        }
    }
    history
}

fn revision(index: u64) -> i64 {
    i64::try_from(index * 10).expect("small") + 1
}

fn answer(site: usize, when: u64, serial: u64) -> Answer {
    let listed = serial % 2 == 1;
    let (number, sha256) = (Arc::from("x"), listing(serial));
    Answer { site, span: span(when, when + 2), number, serial, sha256, accepts: listed, listed, behind: false }
}

fn status(site: usize, when: u64, index: u64) -> Status {
    Status {
        site,
        span: span(when, when + 2),
        places: [(index, digest(Log::Listing, index)), (index, digest(Log::Records, index))],
        snapshot: (index, listing(index)),
        last_change: index,
        current: true,
        behind: false,
        alarms: ["FLEET_ENGINE_OLD".to_owned()].into(),
    }
}

/// The promises that are broken when this is done to a history in which all goes well.
fn broken_by(spoil: impl FnOnce(&mut History)) -> Vec<Promise> {
    let mut history = well();
    spoil(&mut history);
    let mut promises: Vec<Promise> =
        check(&history).violations.into_iter().map(|violation| violation.promise).collect();
    promises.sort_unstable();
    promises.dedup();
    promises
}

#[test]
fn a_fleet_in_which_all_goes_well_breaks_no_promise() {
    assert_eq!(broken_by(|_| {}), []);
}

#[test]
fn sites_that_differ_at_one_place_are_found() {
    let found = [Promise::SamePlaceSameDigest];
    assert_eq!(broken_by(|history| history.statuses[7].places[0].1 = [9; 32]), found);
    assert_eq!(broken_by(|history| history.statuses[7].places[1].1 = [9; 32]), found);
    assert_eq!(broken_by(|history| history.statuses[7].snapshot.1 = [9; 32]), found);
    // Of a listing that the source had, and another serial.
    assert!(broken_by(|history| history.answers[7].sha256 = listing(2)).contains(&found[0]));
}

#[test]
fn what_goes_back_is_found() {
    let found = [Promise::NothingGoesBack];
    assert_eq!(broken_by(|history| history.statuses[6].last_change = 2), found);
    assert_eq!(broken_by(|history| history.statuses[6].places[0] = (1, digest(Log::Listing, 1))), found);
    assert_eq!(broken_by(|history| history.statuses[6].places[1] = (1, digest(Log::Records, 1))), found);
    assert_eq!(broken_by(|history| history.statuses[6].snapshot = (1, listing(1))), found);
    assert_eq!(broken_by(|history| history.answers[6] = Answer { behind: true, ..answer(0, 40_600, 1) }), found);
}

#[test]
fn a_log_with_a_gap_a_twin_or_another_entry_in_between_is_found() {
    let found = Promise::NoGapNoTwin;
    assert!(broken_by(|history| _ = history.entries.remove(8)).contains(&found));
    assert!(broken_by(|history| _ = history.entries.drain(..4)).contains(&found));
    assert_eq!(broken_by(|history| history.entries[8].before = [9; 32]), [found]);
    assert_eq!(broken_by(|history| history.entries[8].id = history.entries[4].id), [found]);
    assert_eq!(broken_by(|history| history.entries[8].writes = 2), [found]);
    assert_eq!(broken_by(|history| history.entries[8].revision = 1), [found]);
}

#[test]
fn a_change_that_was_lost_made_twice_or_made_though_it_was_refused_is_found() {
    let found = [Promise::NothingLostNothingTwice];
    let rename = |history: &mut History, to: &str| history.entries[9].events[0].1 = to.to_owned();
    // Another stands where it should.
    assert_eq!(broken_by(|history| rename(history, "of nobody")), found);
    assert_eq!(broken_by(|history| rename(history, "change 4")), found);
    let refuse = |history: &mut History, outcome| history.changes[4].outcome = outcome;
    assert_eq!(broken_by(|history| refuse(history, Outcome::Refused("cut off".to_owned()))), found);
    assert_eq!(broken_by(|history| refuse(history, Outcome::Acknowledged(vec![5, 6]))), found);
    assert_eq!(broken_by(|history| refuse(history, Outcome::Acknowledged(vec![4]))), found);
    // Of one of which no word came, either may be.
    let unknown = || Outcome::Unknown("silence".to_owned());
    assert_eq!(broken_by(|history| refuse(history, unknown())), []);
    let unheard = Change { why: "of nobody".to_owned(), ..well().changes[4].clone() };
    assert_eq!(broken_by(|history| history.changes.push(Change { outcome: unknown(), ..unheard })), []);
    // But not twice.
    let twice = |history: &mut History| {
        refuse(history, unknown());
        history.changes.remove(5);
        history.entries[11].events[0].1 = "change 5".to_owned();
    };
    assert!(broken_by(twice).contains(&found[0]));
    assert!(broken_by(|history| history.entries[9].events[0].0 = 50).contains(&found[0]));
}

#[test]
fn changes_against_the_order_of_time_are_found() {
    let found = [Promise::InTheOrderOfTime];
    // Begun when the one behind it in the log was acknowledged.
    assert_eq!(broken_by(|history| history.changes[3].span = span(50_100, 50_200)), found);
    // At the same time either may be first.
    assert_eq!(broken_by(|history| history.changes[3].span = span(49_000, 50_200)), []);
    // Of one of which no word came nobody knows when it was made.
    let unknown = |history: &mut History| {
        history.changes[3].outcome = Outcome::Unknown("silence".to_owned());
        history.changes[3].span = span(30_000, 30_001);
    };
    assert_eq!(broken_by(unknown), []);
}

#[test]
fn an_append_under_an_old_token_or_none_is_found() {
    let found = [Promise::NoOldToken];
    // The listing's entries are every second one.
    let holder = |history: &mut History, index: usize, holder| history.entries[index * 2 - 2].holder = Some(holder);
    assert_eq!(broken_by(|history| holder(history, 6, None)), found);
    assert_eq!(broken_by(|history| holder(history, 6, Some(term(3, "ams")))), found);
    // The old one comes back behind the first of the new one.
    let back = |history: &mut History| {
        holder(history, 6, Some(term(1, "ams")));
        history.entries[10].site = "ams".to_owned();
    };
    assert_eq!(broken_by(back), found);
    let sent = |history: &mut History, token: u8| {
        let key: String = history.entries[10].sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        history.sent.insert(key, format!("{token:032x}"));
    };
    assert_eq!(broken_by(|history| sent(history, 1)), found);
    assert_eq!(broken_by(|history| sent(history, 2)), []);
    // What could not be asked any more says nothing.
    assert_eq!(broken_by(|history| history.entries[10].holder = None), []);
}

#[test]
fn a_second_site_at_the_source_is_found_but_around_a_change() {
    let found = [Promise::OneAtTheSource];
    let visit = |site, at| move |history: &mut History| history.visits.push(Visit { site, at: ms(at) });
    assert_eq!(broken_by(visit(0, 71_000)), found);
    assert_eq!(broken_by(visit(1, 20_000)), found);
    // It fetched until 50 s at the latest.
    assert_eq!(broken_by(visit(0, 59_000)), []);
    assert_eq!(broken_by(visit(1, 35_000)), []);
}

#[test]
fn an_answer_from_before_a_removal_is_found_unless_it_says_so_or_etcd_answered_stale() {
    let found = [Promise::CurrentOrSaysSo];
    let place = 13; // Of bos, by snapshot 7, in which `x` is.
    let late = |history: &mut History, when: u64| history.answers[place].span = span(when, when + 2);
    assert_eq!(broken_by(|history| late(history, 84_900)), []);
    assert_eq!(broken_by(|history| late(history, 85_001)), found);
    let says_so = |history: &mut History| {
        late(history, 85_001);
        history.answers[place].behind = true;
    };
    assert_eq!(broken_by(says_so), []);
    let mut history = well();
    says_so(&mut history);
    assert_eq!(check(&history).excused, 1);
    // Its look was begun behind the removal, and etcd answered as of before.
    let stale = |revision| {
        move |history: &mut History| {
            late(history, 85_001);
            let span = span(81_000, 81_100);
            history.looks.push(Look { site: 1, span, revision, published: true });
        }
    };
    assert_eq!(broken_by(stale(71)), []);
    assert_eq!(broken_by(stale(81)), found);
}

#[test]
fn an_answer_that_says_something_else_than_its_listing_is_found() {
    let found = [Promise::AnswersAreTrue];
    assert_eq!(broken_by(|history| history.answers[2].listed = true), found);
    assert_eq!(broken_by(|history| history.answers[2].accepts = true), found);
    assert_eq!(broken_by(|history| history.answers[4].listed = false), found);
    assert!(broken_by(|history| history.answers[4].sha256 = [99; 32]).contains(&found[0]));
}

#[test]
fn a_site_that_is_not_well_again_in_time_is_found() {
    let found = [Promise::AllIsWellAgain];
    let last = |history: &mut History, spoil: fn(&mut Status)| spoil(history.statuses.last_mut().expect("the last"));
    assert_eq!(broken_by(|history| last(history, |status| status.current = false)), found);
    assert_eq!(broken_by(|history| last(history, |status| status.behind = true)), found);
    assert_eq!(broken_by(|history| last(history, |status| _ = status.alarms.insert("FLEET_STUCK".to_owned()))), found);
    assert_eq!(broken_by(|history| history.calm = ms(101_000)), found);
    assert_eq!(broken_by(|history| history.holders[8..].iter_mut().for_each(|holder| holder.term = None)), found);
    let behind = |status: &mut Status| {
        status.places[0] = (9, digest(Log::Listing, 9));
        status.span = span(116_000, 116_002);
    };
    assert_eq!(broken_by(|history| last(history, behind)), found);
}

/// A log that says of each append where it came to stand.
#[derive(Clone, Default)]
struct Numbered(u64);

impl SequentialSpec for Numbered {
    type Op = ();
    type Ret = u64;

    fn invoke(&mut self, (): &()) -> u64 {
        self.0 += 1;
        self.0
    }
}

proptest! {
    /// What is said here of changes is what the search through all orders says.
    #[test]
    fn the_order_of_time_is_what_linearizability_means(times in prop::collection::vec((0u64..12, 1u64..6), 1..7), order in any::<u64>()) {
        // Each by an operator of its own; the log has them in some order.
        let mut places: Vec<usize> = (0..times.len()).collect();
        for place in (1..places.len()).rev() {
            places.swap(place, (order >> (place * 8)) as usize % (place + 1));
        }
        let mut history = History { sites: vec!["ams".to_owned()], ..History::default() };
        let mut moments: BTreeMap<(u64, bool, usize), u64> = BTreeMap::new();
        for (index, place) in (1..).zip(&places) {
            let (begin, lasts) = times[*place];
            let why = format!("change {place}");
            let outcome = Outcome::Acknowledged(vec![index]);
            let span = span(begin * 10, (begin + lasts) * 10);
            history.changes.push(Change { site: 0, why: why.clone(), records: 1, span, outcome });
            history.entries.push(Entry { events: vec![(index, why)], ..entry(Log::Records, index) });
            // What ends when another begins is not before it.
            moments.insert((begin, false, *place), index);
            moments.insert((begin + lasts, true, *place), index);
        }
        let mut tester = LinearizabilityTester::new(Numbered::default());
        for ((_, is_end, place), index) in moments {
            let told = if is_end { tester.on_return(place, index) } else { tester.on_invoke(place, ()) };
            prop_assert!(told.is_ok());
        }
        let broken = !super::writes::in_the_order_of_time(&history).is_empty();
        prop_assert_eq!(tester.is_consistent(), !broken);
    }
}
