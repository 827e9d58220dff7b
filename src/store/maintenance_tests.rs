//! Copies and checks: what is wrong with a store is found, and nothing is found where nothing is wrong.

use redb::Database;

use super::tables::{
    CHANGES, CHANGES_BY_FILING, CONFIRMATIONS, FILINGS, META, META_LAST_CHANGE, RECORDS, REMOVALS, SNAPSHOTS,
};
use super::tests::{allow, apply, commit, put, put_fixture, snapshot};
use super::*;

/// A store with a removal, a reinstatement, an amendment and records.
fn filled(directory: &std::path::Path) -> Store {
    let store = Store::open(directory).expect("made");
    for (serial, filings) in [
        (1, &[(10, "Ten"), (20, "Twenty"), (30, "Thirty")][..]),
        (2, &[(10, "Ten")]),
        (3, &[(10, "Ten"), (20, "Twenty again")]),
        (4, &[(10, "Ten, renamed"), (20, "Twenty again")]),
    ] {
        apply(&store, &snapshot(serial, filings)).expect("committed");
    }
    commit(&store, put(vec![allow(1, "first"), allow(2, "second")]));
    commit(&store, put(vec![allow(1, "first, but better")]));
    store
}

fn copy(store: &Store, path: &std::path::Path) {
    let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(path).expect("made");
    store.copy_to(file, &std::env::temp_dir()).expect("copied");
}

#[test]
fn a_good_store_is_found_good_open_or_closed_and_a_copy_is_the_same_store() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = filled(directory.path());
    let verified = store.verify().expect("checked");
    assert_eq!(verified.faults, Vec::<String>::new());
    assert_eq!((verified.snapshots, verified.changes, verified.removals), (4, 7, 2));
    assert_eq!((verified.records, verified.record_events), (2, 3));

    let elsewhere = tempfile::tempdir().expect("a directory");
    let path = elsewhere.path().join(FILE_NAME);
    copy(&store, &path);
    drop(store);
    assert_eq!(verify_closed(directory.path()).expect("checked"), verified);
    let without_journal = Verified { journal_events: 0, ..verified };
    assert_eq!(verify_closed(elsewhere.path()).expect("checked"), without_journal);
    let names = |directory: &std::path::Path| std::fs::read_dir(directory).expect("read").count();
    assert_eq!((names(directory.path()), names(elsewhere.path())), (2, 1), "nothing is left lying about");
    let copy = Store::open(elsewhere.path()).expect("opened");
    apply(&copy, &snapshot(5, &[(10, "Ten")])).expect("it goes on from there");
}

#[test]
fn stores_of_older_formats_are_found_good_and_are_copied_as_they_are() {
    for fixture in ["store-format-1.redb.gz", "store-format-2.redb.gz", "store-format-3.redb.gz"] {
        let directory = tempfile::tempdir().expect("a directory");
        put_fixture(fixture, directory.path());
        let verified = verify_closed(directory.path()).expect("checked");
        assert_eq!(verified.faults, Vec::<String>::new(), "{fixture}");
        let elsewhere = tempfile::tempdir().expect("a directory");
        let reader = Store::open_existing(directory.path()).expect("opened");
        copy(&reader, &elsewhere.path().join(FILE_NAME));
        // A copy has no journal, and a fixture has it not beside it.
        let verified = Verified { journal_faults: Vec::new(), ..verified };
        assert_eq!(verify_closed(elsewhere.path()).expect("checked"), verified, "{fixture}");
    }
}

#[test]
fn a_copy_holds_every_table_that_the_store_has() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = filled(directory.path());
    let path = directory.path().join("copy");
    copy(&store, &path);
    let names = |transaction: redb::ReadTransaction| -> Vec<String> {
        use redb::TableHandle;
        let mut names: Vec<_> =
            transaction.list_tables().expect("tables").map(|table| table.name().to_owned()).collect();
        names.sort();
        names
    };
    let copied = names(Database::open(&path).expect("opened").begin_read().expect("begun"));
    drop(store);
    let all = names(Database::open(directory.path().join(FILE_NAME)).expect("opened").begin_read().expect("begun"));
    assert_eq!(copied, all);
}

type Spoil = fn(&redb::WriteTransaction);

#[test]
fn what_somebody_else_changed_in_it_is_found_and_named() {
    let spoilt: [(&str, Spoil); 11] = [
        ("change 5 stands where change 4 should", |store| {
            store.open_table(CHANGES).expect("open").remove(4).expect("removed");
        }),
        ("names change 4, which is not there", |store| {
            store.open_table(CHANGES).expect("open").remove(4).expect("removed");
        }),
        ("is not found by its filing", |store| {
            store.open_table(CHANGES_BY_FILING).expect("open").pop_first().expect("removed");
        }),
        ("the newest change is 7, and 9 were recorded", |store| {
            store.open_table(META).expect("open").insert(META_LAST_CHANGE, 9).expect("written");
        }),
        ("its filings are not those of snapshot 4", |store| {
            store.open_table(FILINGS).expect("open").pop_first().expect("removed");
        }),
        ("its filings are not those of snapshot 4", |store| {
            let mut filings = store.open_table(FILINGS).expect("open");
            let other = codec::encode_filing(&snapshot(4, &[(20, "Somebody Else")]).filings[0]).expect("encoded");
            filings.insert(20, other.as_slice()).expect("written");
        }),
        ("its removals are not those that were written", |store| {
            store.open_table(REMOVALS).expect("open").pop_first().expect("removed");
        }),
        ("snapshot 2 stands where snapshot 3 should", |store| {
            store.open_table(SNAPSHOTS).expect("open").remove(3).expect("removed");
        }),
        ("history begins at snapshot 2, and 1 was recorded", |store| {
            store.open_table(SNAPSHOTS).expect("open").pop_first().expect("removed");
        }),
        ("its operators' records are not those that were written", |store| {
            store.open_table(RECORDS).expect("open").pop_first().expect("removed");
        }),
        ("its changes cannot be read", |store| {
            store.open_table(CHANGES).expect("open").insert(3, [0xff; 3].as_slice()).expect("written");
            store.open_table(CONFIRMATIONS).expect("open").insert((1, 1), ()).expect("written");
        }),
    ];
    for (says, spoil) in spoilt {
        let directory = tempfile::tempdir().expect("a directory");
        drop(filled(directory.path()));
        {
            let database = Database::open(directory.path().join(FILE_NAME)).expect("opened");
            let transaction = database.begin_write().expect("begun");
            spoil(&transaction);
            transaction.commit().expect("committed");
        }
        let verified = verify_closed(directory.path()).expect("checked");
        let says = says.replace("9 were", "9 was").replace("its changes cannot", "change 3 cannot");
        assert!(verified.faults.iter().any(|fault| fault.contains(&says)), "{says}: {:#?}", verified.faults);
    }
}

/// Places spread over a file, the header's pages among them.
fn places(length: usize) -> impl Iterator<Item = usize> {
    (0..64).step_by(3).chain((64..length).step_by(length / 220 + 1))
}

#[test]
fn flipped_bytes_are_found_or_were_of_no_use_and_nothing_panics() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(filled(directory.path()));
    let path = directory.path().join(FILE_NAME);
    let good = std::fs::read(&path).expect("read");
    let sound = verify_closed(directory.path()).expect("checked");
    let (mut found, mut harmless) = (0, 0);
    for place in places(good.len()) {
        let mut bad = good.clone();
        for byte in &mut bad[place..(place + 8).min(good.len())] {
            *byte ^= 0x5a;
        }
        std::fs::write(&path, &bad).expect("written");
        let verified = verify_closed(directory.path()).expect("checked");
        if verified.faults.is_empty() {
            assert_eq!(verified, sound, "at {place}: what is found good is the same");
            harmless += 1;
        } else {
            found += 1;
        }
        assert!(std::fs::read(&path).expect("read") == bad, "at {place}: a check changes nothing");
    }
    assert!(found > 5 && harmless > 5, "{found} found, {harmless} harmless");
}
