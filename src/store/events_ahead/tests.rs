use std::path::Path;

use jiff::SignedDuration;

use super::super::journal::read as read_journal;
use super::super::tests::{allow, put};
use super::super::{FILE_NAME, JOURNAL_NAME, verify_closed};
use super::*;
use crate::domain::Record;
use crate::records::{Change, Records, plan};

fn hours(hours: i64) -> Timestamp {
    EARLIEST + SignedDuration::from_hours(hours)
}

const YEARS: i64 = 40_000;

/// Makes a change by a clock that says this.
fn change(store: &Store, change: Change, at: Timestamp) {
    let (records, last) = store.load_records().expect("loaded");
    let events = plan(&Records::build(records, last), change, at).expect("planned");
    store.commit_records(&events).expect("committed");
}

fn add(store: &Store, values: &[u64], at: Timestamp) {
    let records = values.iter().map(|value| Record { at, ..allow(*value, &format!("said at {at}")) });
    change(store, put(records.collect()), at);
}

/// Events 1 to 6: one by a clock that is right, four by one that is years ahead, and one by the right one again, which changes
/// a record that was made ahead.
fn ahead(directory: &Path) -> Store {
    let store = Store::open(directory).expect("made");
    add(&store, &[1], hours(1));
    add(&store, &[2, 3], hours(YEARS));
    add(&store, &[4], hours(YEARS + 1));
    let remove = Change::Remove {
        kind: crate::domain::RecordKind::Override,
        ids: vec![allow(1, "").id()],
        by: "alice".to_owned(),
        why: "over".to_owned(),
    };
    change(&store, remove, hours(YEARS + 2));
    add(&store, &[2], hours(5));
    store
}

fn times(store: &Store) -> Vec<(u64, Timestamp)> {
    let stored = store.stored_records().expect("read");
    stored.events.values().map(|event| (event.serial, event.at)).collect()
}

/// Both hold the same, nobody is told of a loss, and no time that anything bears is later than this.
fn check(directory: &Path, latest: Timestamp, what: &str) {
    let verified = verify_closed(directory).expect("checked");
    assert_eq!((verified.faults, verified.journal_faults), (vec![], vec![]), "{what}");
    let store = Store::open(directory).expect("opened");
    assert_eq!(store.records_notice(), None, "{what}");
    let stored = store.stored_records().expect("read");
    let journal = read_journal(&directory.join(JOURNAL_NAME)).expect("read").expect("there");
    let journaled: Vec<_> = journal.events.values().map(|journaled| journaled.event.clone()).collect();
    assert_eq!(stored.events.values().cloned().collect::<Vec<_>>(), journaled, "{what}");
    for event in &journaled {
        let records = event.before.iter().chain(&event.after).map(|record| record.at);
        assert!(records.chain([event.at]).all(|at| at <= latest), "{what}: {event:?}");
    }
    assert!(stored.records.values().all(|record| record.at <= latest), "{what}: {:?}", stored.records);
    assert_eq!(super::super::journal::fold(stored.events.values()), stored.records, "{what}");
}

#[test]
fn what_lies_ahead_is_dated_by_when_it_is_known_to_have_been_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = ahead(directory.path());
    assert_eq!(store.events_ahead(hours(YEARS + 3)), None, "the clock is as far");
    assert_eq!(store.events_made_by(hours(YEARS + 3)), 0);
    assert_eq!(store.events_ahead(hours(8)), Some(hours(YEARS + 2)));
    assert_eq!((store.events_made_by(hours(7)), store.events_made_by(hours(8))), (0, 5));
    let before = store.events_redated();
    assert_eq!(store.redate_records(hours(9), hours(10)).expect("written"), 4);
    assert_ne!(store.events_redated(), before, "whoever keeps the past reads it anew");
    // The one behind them was made by a clock that is right: they came before it.
    let expected = [1, 5, 5, 5, 5, 5].map(hours);
    assert_eq!(times(&store).into_iter().map(|(_, at)| at).collect::<Vec<_>>(), expected);
    assert_eq!(times(&store).into_iter().map(|(serial, _)| serial).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.events_ahead(hours(10)), None);
    assert_eq!(store.redate_records(hours(11), hours(12)).expect("nothing to do"), 0);
    add(&store, &[7], hours(12));
    drop(store);
    check(directory.path(), hours(12), "dated anew, and one more");
    let names = std::fs::read_dir(directory.path()).expect("read").map(|file| file.expect("a file").file_name());
    let kept = names.filter(|name| name.to_string_lossy().starts_with("records.jsonl.clock-ahead-")).count();
    assert_eq!(kept, 1, "as it was, it is kept");
}

#[test]
fn the_first_look_and_the_sync_each_say_when_it_was_made_at_the_latest() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    add(&store, &[1], hours(YEARS));
    assert!(store.events_ahead(hours(3)).is_some());
    add(&store, &[2], hours(YEARS + 1));
    assert_eq!(store.redate_records(hours(4), hours(5)).expect("written"), 2);
    assert_eq!(times(&store), [(1, hours(3)), (2, hours(4))]);
    // The clock was set back further: what it said before is no word about now.
    add(&store, &[3], hours(YEARS));
    assert!(store.events_ahead(hours(9)).is_some() && store.events_ahead(hours(6)).is_some());
    assert_eq!((store.events_made_by(hours(8)), store.events_made_by(hours(5))), (3, 0));
    assert_eq!(store.redate_records(hours(1), hours(7)).expect("written"), 1);
    assert_eq!(times(&store)[2], (3, hours(4)), "never before the one before it");
    add(&store, &[4], hours(YEARS));
    assert_eq!(
        store.redate_records(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH).expect("left"),
        0,
        "1970 dates nothing"
    );
    assert_eq!(times(&store)[3], (4, hours(YEARS)));
}

fn put_together(store: &Path, journal: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(store.join(FILE_NAME), directory.path().join(FILE_NAME)).expect("copied");
    std::fs::copy(journal.join(JOURNAL_NAME), directory.path().join(JOURNAL_NAME)).expect("copied");
    directory
}

#[test]
fn a_crash_between_journal_and_store_leaves_what_starts_well_and_is_made_up_for() {
    let before = tempfile::tempdir().expect("a directory");
    drop(ahead(before.path()));
    let after = put_together(before.path(), before.path());
    let store = Store::open(after.path()).expect("opened");
    assert_eq!(store.redate_records(hours(9), hours(10)).expect("written"), 4);
    let dated = times(&store);
    let records = store.load_records().expect("read");
    drop(store);
    for (name, store, journal) in [("journal", before.path(), after.path()), ("store", after.path(), before.path())] {
        let what = format!("only the {name} was written");
        let crashed = put_together(store, journal);
        let reader = Store::open_existing(crashed.path()).expect("it can be read");
        assert_eq!(reader.load_records().expect("read"), records, "{what}");
        assert_eq!(reader.records_notice(), None, "{what}");
        drop(reader);
        let started = Store::open(crashed.path()).expect("it starts");
        assert_eq!(times(&started), dated, "{what}");
        assert_eq!(started.load_records().expect("read"), records, "{what}");
        add(&started, &[9], hours(11));
        drop(started);
        check(crashed.path(), hours(11), &what);
    }
    // A change that was under way in an older journal, and other times before it.
    let crashed = put_together(before.path(), after.path());
    let more = put_together(after.path(), after.path());
    add(&Store::open(more.path()).expect("opened"), &[9], hours(11));
    std::fs::copy(more.path().join(JOURNAL_NAME), crashed.path().join(JOURNAL_NAME)).expect("copied");
    assert_eq!(times(&Store::open(crashed.path()).expect("it starts")).len(), 7);
    check(crashed.path(), hours(11), "and one more in the journal");
}

#[test]
fn where_more_than_times_differ_it_is_damage_as_before() {
    let (one, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    add(&Store::open(one.path()).expect("made"), &[1], hours(1));
    add(&Store::open(other.path()).expect("made"), &[2], hours(2));
    let mixed = put_together(one.path(), other.path());
    let store = Store::open(mixed.path()).expect("it starts");
    assert!(store.records_notice().is_some_and(|notice| !notice.lost.is_empty()), "another history");
    assert_eq!(times(&store), [(1, hours(1))]);
}

#[test]
fn a_journal_that_cannot_be_written_leaves_both_as_they_were() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = ahead(directory.path());
    let before = times(&store);
    let journal = directory.path().join(JOURNAL_NAME);
    let bytes = std::fs::read(&journal).expect("read");
    std::fs::remove_file(&journal).expect("removed");
    std::fs::create_dir(&journal).expect("in its place");
    assert!(store.redate_records(hours(9), hours(10)).is_err());
    assert_eq!(times(&store), before);
    std::fs::remove_dir(&journal).expect("removed");
    std::fs::write(&journal, bytes).expect("put back");
    assert_eq!(store.redate_records(hours(9), hours(10)).expect("written"), 4);
    drop(store);
    check(directory.path(), hours(10), "with the next sync");
}
