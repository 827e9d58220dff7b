use super::*;
use crate::domain::Filing;
use crate::store::tests::{snapshot, time};

/// `snapshot(n, ..)` is fetched `n` seconds after the epoch; a second more or less is the archive's own.
const SECOND: i64 = 1000;

fn number(value: u32) -> RmdNumber {
    RmdNumber::from_value(value).expect("a number")
}

fn filing(value: u32) -> Arc<Filing> {
    Arc::clone(&snapshot(1, &[(value, "as it was last seen")]).filings[0])
}

fn removal(value: u32, serial: u64, (missing, back): (i64, Option<i64>)) -> Arc<Removal> {
    Arc::new(Removal {
        filing: filing(value),
        last_seen_at: time((missing - 5) * SECOND),
        first_missing_at: time(missing * SECOND),
        snapshot: SnapshotSerial(serial),
        reinstated_at: back.map(|back| time(back * SECOND)),
    })
}

fn past(removals: Vec<Arc<Removal>>) -> Removed {
    let mut first_sights = FirstSights::since(time(10 * SECOND));
    first_sights.add(number(7), time(40 * SECOND));
    Removed { snapshot: SnapshotSerial(50), listings: Vec::new(), gaps: Vec::new(), removals, first_sights }
}

/// Of one filing: serial, first missing and back, in seconds.
fn told(removals: &[Arc<Removal>], value: u32) -> Vec<(u64, i64, Option<i64>)> {
    let of = removals.iter().filter(|removal| removal.filing.number() == number(value));
    let mut told: Vec<_> = of
        .map(|removal| {
            let back = removal.reinstated_at.map(|back| back.as_second());
            (removal.snapshot.0, removal.first_missing_at.as_second(), back)
        })
        .collect();
    told.sort_unstable();
    told
}

#[test]
fn before_a_first_listing_only_what_is_missing_in_it_is_removed() {
    let mut first = snapshot(100, &[(1, "stands"), (2, "stands"), (3, "stands")]);
    first.serial = SnapshotSerial(51);
    let past = past(vec![
        removal(1, 4, (20, Some(30))),
        removal(1, 5, (40, Some(60))),
        removal(2, 6, (50, None)),
        removal(3, 7, (90, Some(120))),
        removal(3, 9, (130, None)),
        removal(4, 7, (60, None)),
        removal(5, 7, (60, Some(80))),
        removal(6, 7, (60, Some(140))),
        removal(8, 8, (150, None)),
    ]);
    let removals = before(&past, &first);
    assert_eq!(told(&removals, 1), [(4, 20, Some(30)), (5, 40, Some(60))], "all absences are kept");
    assert_eq!(told(&removals, 2), [(6, 50, Some(100))], "what stands is not removed");
    assert_eq!(told(&removals, 3), [(7, 90, Some(100))], "and what is later is no matter here");
    assert_eq!(told(&removals, 4), [(7, 60, None)]);
    assert_eq!(told(&removals, 5), [(7, 60, Some(80)), (51, 100, None)], "it came back and is gone again");
    assert_eq!(told(&removals, 6), [(7, 60, None)], "that it came back is seen in a later listing");
    assert_eq!(told(&removals, 8), [], "nobody had missed it yet");
}

#[test]
fn what_no_listing_of_the_archive_shows_is_added_unless_the_newest_contradicts_it() {
    let mut newest = snapshot(300, &[(1, "stands"), (2, "stands")]);
    newest.serial = SnapshotSerial(53);
    let listings = [(51, 100), (52, 200), (53, 300)].map(|(serial, at)| (SnapshotSerial(serial), time(at * SECOND)));
    let history = RemovalHistory::new(vec![removal(3, 53, (300, None)), removal(4, 52, (200, Some(300)))]);
    let past = past(vec![
        removal(1, 20, (150, Some(160))),
        removal(2, 21, (310, None)),
        removal(3, 22, (296, None)),
        removal(4, 22, (90, Some(250))),
        removal(5, 23, (250, None)),
        removal(5, 19, (120, Some(130))),
    ]);
    let missed = missed(&past, &history, &newest, &listings);
    assert_eq!(told(&missed, 1), [(52, 150, Some(160))], "it was missing between two listings");
    assert_eq!(told(&missed, 2), [], "what stands is not removed");
    assert_eq!(told(&missed, 3), [(53, 296, None)], "missed since before the listing in which the archive lacks it");
    assert_eq!(told(&missed, 4), [(52, 200, Some(250))], "a time is taken if no listing lies between");
    assert_eq!(told(&missed, 5), [(52, 120, Some(130)), (53, 250, None)], "it came and went between two listings");
}

#[test]
fn a_store_that_begins_behind_a_past_goes_on_from_its_numbers_and_is_good() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let past = past(vec![removal(4, 7, (60, None)), removal(1, 5, (40, Some(60)))]);
    let mut first = snapshot(100, &[(1, "stands"), (7, "stands")]);
    let removals = store.begin_behind(&past, &mut first).expect("begun");
    assert_eq!((first.serial, removals.count(), removals.open_count()), (SnapshotSerial(51), 2, 1));
    crate::store::tests::apply(&store, &first).expect("committed");
    store.forget_beginning().expect("forgotten");
    let mut second = snapshot(200, &[(4, "is back"), (7, "stands"), (9, "new")]);
    second.serial = SnapshotSerial(52);
    crate::store::tests::apply(&store, &second).expect("committed");
    let loaded = store.load().expect("loaded");
    let all: Vec<_> = loaded.removals.newest_first().cloned().collect();
    assert_eq!(told(&all, 4), [(7, 60, Some(200))]);
    assert_eq!(told(&all, 1), [(5, 40, Some(60)), (52, 200, None)]);
    let sights = loaded.removals.first_sights();
    assert_eq!(sights.begins(), Some(time(10 * SECOND)));
    assert_eq!([4, 7, 9].map(|value| sights.of(number(value))), [None, Some(time(40_000)), Some(time(200_000))]);
    assert_eq!(store.verify().expect("checked").faults, Vec::<String>::new());
}
