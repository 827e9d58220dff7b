//! Beginning again: what operators put on record is saved, or its loss is said; and the damaged file is kept to the bit.

use std::path::Path;

use super::rebuild::salvage;
use super::tests::{allow, apply, commit, put, put_fixture, snapshot, time};
use super::*;
use crate::domain::Record;

/// A store with enough records that their tables have several pages.
fn filled(directory: &Path) -> (Vec<u8>, Vec<Record>) {
    let store = Store::open(directory).expect("made");
    apply(&store, &snapshot(1, &[(10, "Ten"), (20, "Twenty")])).expect("committed");
    for batch in 0..4u64 {
        let why = "because the operator said so, at some length, ".repeat(3);
        commit(&store, put((1..40).map(|value| allow(batch * 40 + value, &format!("{why}{value}"))).collect()));
    }
    let records = store.load_records().expect("loaded").0;
    drop(store);
    (std::fs::read(directory.join(FILE_NAME)).expect("read"), records)
}

fn begin_again(bytes: &[u8]) -> (tempfile::TempDir, Option<Rebuilt>) {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join(FILE_NAME), bytes).expect("written");
    let rebuilt = rebuild(directory.path(), false, time(1_700_000_000_000), |_| Ok(Retold::default()))
        .expect("rebuilt or left alone");
    (directory, rebuilt)
}

#[test]
fn a_good_store_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let (bytes, records) = filled(directory.path());
    let (again, rebuilt) = begin_again(&bytes);
    assert!(rebuilt.is_none());
    assert!(std::fs::read(again.path().join(FILE_NAME)).expect("read") == bytes);
    let salvaged = salvage(&directory.path().join(FILE_NAME));
    assert_eq!((salvaged.lost, salvaged.records.len(), salvaged.events.len()), (Vec::new(), records.len(), 156));
    let empty = tempfile::tempdir().expect("a directory");
    assert!(rebuild(empty.path(), false, time(1), |_| Ok(Retold::default())).expect("nothing to do").is_none());
    for fixture in ["store-format-1.redb.gz", "store-format-2.redb.gz", "store-format-3.redb.gz"] {
        put_fixture(fixture, empty.path());
        assert!(
            rebuild(empty.path(), false, time(1), |_| Ok(Retold::default())).expect("nothing to do").is_none(),
            "{fixture}"
        );
    }
}

#[test]
fn wherever_a_store_is_damaged_no_record_is_lost_without_a_word() {
    let directory = tempfile::tempdir().expect("a directory");
    let (bytes, records) = filled(directory.path());
    let (mut all_saved, mut some_saved, mut good) = (0, 0, 0);
    let single = (0..64).step_by(32).chain((4096..bytes.len()).step_by(8192)).map(|place| (place, 1));
    // A page here and there, so that neither a record nor what its history says of it can be read.
    let many = (0..8).flat_map(|first| [(4096 * (2 + first), 3), (4096 * (2 + first), 5)]);
    for (place, every) in single.chain(many) {
        let mut bad = bytes.clone();
        let pages = if every == 1 { 1 } else { usize::MAX };
        for start in (place..bytes.len()).step_by(4096 * every).take(pages) {
            let end = (start + 700).min(bad.len());
            bad[start..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
        }
        let (again, rebuilt) = begin_again(&bad);
        let store = Store::open(again.path()).expect("opened");
        let (found, last) = store.load_records().expect("loaded");
        let Some(Rebuilt { kept, faults, salvaged, .. }) = rebuilt else {
            assert_eq!(found, records, "at {place}: what was not damaged is as it was");
            good += 1;
            continue;
        };
        assert!(!faults.is_empty());
        let kept = kept.expect("kept");
        assert_eq!(kept, again.path().join("rmdd.redb.damaged-20231114T221320Z"));
        assert!(std::fs::read(&kept).expect("read") == bad, "at {place}: the damaged file is kept to the bit");
        assert_eq!(found, salvaged.records, "at {place}");
        if found == records {
            all_saved += 1;
        } else {
            assert!(!salvaged.lost.is_empty(), "at {place}: {} of {} records", found.len(), records.len());
            some_saved += usize::from(!found.is_empty());
        }
        assert_eq!(store.verify().expect("checked").faults, Vec::<String>::new(), "at {place}");
        let newest = found.iter().map(|record| record.revision).max().unwrap_or_default();
        assert!(last >= newest, "at {place}: no number is given twice");
        commit(&store, put(vec![allow(999, "on it goes")]));
        assert_eq!(store.verify().expect("checked").faults, Vec::<String>::new(), "at {place}: after another record");
        assert_eq!(
            std::fs::read_dir(again.path()).expect("read").count(),
            3,
            "at {place}: the two stores and a journal"
        );
    }
    assert!(all_saved > 3 && some_saved > 0 && good > 3, "{all_saved} whole, {some_saved} in part, {good} good");
}

#[test]
fn where_nothing_can_be_read_that_is_said_and_a_newer_format_is_not_touched() {
    let (again, rebuilt) = begin_again(b"no store at all");
    let rebuilt = rebuilt.expect("begun again");
    assert!(rebuilt.salvaged.lost[0].contains("no operators' record could be read"), "{rebuilt:?}");
    assert!(Store::open(again.path()).is_ok());

    let directory = tempfile::tempdir().expect("a directory");
    drop(filled(directory.path()));
    let path = directory.path().join(FILE_NAME);
    {
        let database = redb::Database::open(&path).expect("opened");
        let transaction = database.begin_write().expect("begun");
        transaction.open_table(tables::META).expect("meta").insert(tables::META_FORMAT, 99).expect("written");
        transaction.commit().expect("committed");
    }
    let refused = rebuild(directory.path(), false, time(1), |_| Ok(Retold::default())).expect_err("refused");
    assert!(matches!(refused, StoreError::UnknownFormat { .. }), "{refused}");
    let _held = redb::Database::open(&path).expect("opened");
    assert!(matches!(
        rebuild(directory.path(), false, time(1), |_| Ok(Retold::default())),
        Err(StoreError::Held { .. })
    ));
}

#[test]
fn a_store_that_is_to_be_served_in_a_fleet_is_not_begun_again_where_it_cannot_be_read_which_it_is_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    std::fs::write(&path, b"no store at all").expect("written");
    let refused = rebuild(directory.path(), true, time(1), |_| Ok(Retold::default())).expect_err("refused");
    assert!(matches!(refused, StoreError::FleetNotKnown { .. }), "{refused}");
    assert!(refused.to_string().contains("move it aside and start"), "{refused}");
    assert_eq!(std::fs::read(&path).expect("read"), b"no store at all", "it was left as it is");
    assert!(rebuild(directory.path(), false, time(1), |_| Ok(Retold::default())).expect("begun again").is_some());
}

/// The store of [`filled`], and the journal beside it.
fn with_its_journal() -> (tempfile::TempDir, Vec<u8>, Vec<u8>, Vec<Record>) {
    let directory = tempfile::tempdir().expect("a directory");
    let (bytes, records) = filled(directory.path());
    let journal = std::fs::read(directory.path().join(JOURNAL_NAME)).expect("read");
    (directory, bytes, journal, records)
}

/// Lines of a journal that are damaged: each of a stretch before the last, and the last.
fn damaged_lines(journal: &[u8]) -> Vec<u8> {
    let mut bad = journal.to_vec();
    let end = bad.len() - 30;
    for place in (end - 8000..=end).step_by(400) {
        bad[place] ^= 1;
    }
    bad
}

/// What a new beginning has of a store and a journal that are both damaged: the records, and what is lost.
fn begun_with(store: &[u8], journal: &[u8]) -> (Vec<Record>, Vec<String>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    std::fs::write(&path, store).expect("written");
    std::fs::write(directory.path().join(JOURNAL_NAME), journal).expect("written");
    let begun = rebuild(directory.path(), false, time(1_700_000_000_000), |_| Ok(Retold::default()));
    let Rebuilt { kept, salvaged, .. } = begun.expect("rebuilt").expect("it is damaged");
    assert!(std::fs::read(kept.expect("kept")).expect("read") == store, "the damaged file is kept to the bit");
    let found = Store::open(directory.path()).expect("opened").load_records().expect("loaded").0;
    (found, salvaged.lost)
}

#[test]
fn a_store_whose_beginning_or_length_is_damaged_gives_all_its_records_though_the_journal_is_damaged_too() {
    let (_directory, bytes, journal, records) = with_its_journal();
    let journal = damaged_lines(&journal);
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for more in [1, 100, 4096, 70_000] {
        let mut longer = bytes.clone();
        longer.extend((0..more).map(|place| (place * 37 + 11) as u8));
        cases.push((format!("{more} bytes behind it"), longer));
    }
    for fewer in [1, 100] {
        // The last page ends with room that nothing has filled.
        cases.push((format!("{fewer} bytes cut off"), bytes[..bytes.len() - fewer].to_vec()));
    }
    for place in [0, 8, 12, 16, 20, 23, 70, 72, 130, 168, 180, 198, 200, 258, 296, 319] {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        cases.push((format!("a bit at {place}"), flipped));
    }
    let mut several = bytes.clone();
    several[3] = 0;
    several[20] ^= 0x40;
    several[100] = !several[100];
    several[250] = !several[250];
    several.push(0);
    cases.push(("several of these".to_owned(), several));
    let mut begun = 0;
    for (case, store) in cases {
        let path = tempfile::tempdir().expect("a directory");
        std::fs::write(path.path().join(FILE_NAME), &store).expect("written");
        if verify_closed(path.path()).expect("checked").faults.is_empty() {
            continue;
        }
        let (found, lost) = begun_with(&store, &journal);
        assert!(found == records, "{case}: {} of {}: {lost:?}", found.len(), records.len());
        assert_eq!(lost, Vec::<String>::new(), "{case}");
        begun += 1;
    }
    assert!(begun > 12, "{begun}");
}

#[test]
fn of_a_store_whose_newest_state_cannot_be_reached_the_one_before_is_read_and_that_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(filled(directory.path()));
    // As a daemon that was killed leaves it: one that ends writes once more.
    let store = Store::open(directory.path()).expect("opened");
    commit(&store, put(vec![allow(998, "the record before the last")]));
    commit(&store, put(vec![allow(999, "the last record")]));
    let records = store.load_records().expect("loaded").0;
    let read = |name: &str| std::fs::read(directory.path().join(name)).expect("read");
    let (bytes, journal) = (read(FILE_NAME), read(JOURNAL_NAME));
    let commit = |slot: usize| u64::from_le_bytes(bytes[slot + 104..slot + 112].try_into().expect("a number"));
    let (newer, older) = if commit(64) > commit(192) { (64, 192) } else { (192, 64) };
    let mut one = bytes.clone();
    one[newer..newer + 128].fill(0x5a);
    let (found, lost) = begun_with(&one, &damaged_lines(&journal));
    assert_eq!(found.len() + 1, records.len(), "all but what was written last");
    assert!(lost.iter().any(|lost| lost.contains("the state before")), "{lost:?}");
    // The journal has all of it.
    assert_eq!(begun_with(&one, &journal), (records.clone(), Vec::new()));
    let mut both = one;
    both[older..older + 128].fill(0x5a);
    let (found, lost) = begun_with(&both, &damaged_lines(&journal));
    assert!(found.len() < records.len());
    assert!(lost.iter().any(|lost| lost.contains("neither of the two places")), "{lost:?}");
}
