//! The journal and the store, each mended from the other, at every place where a crash or a disk may leave them.

use std::path::Path;

use super::super::tests::{allow, commit, put};
use super::super::{FILE_NAME, Store, StoreError, rebuild};
use super::*;
use crate::domain::Record;

/// The changes of a store: so many records each.
const CHANGES: [u64; 4] = [2, 1, 3, 1];

fn filled(directory: &Path) -> (Vec<Record>, u64) {
    let store = Store::open(directory).expect("made");
    let mut next = 1;
    for count in CHANGES {
        commit(&store, put((next..next + count).map(|value| allow(value, "the operator said so")).collect()));
        next += count;
    }
    store.load_records().expect("loaded")
}

fn journal(directory: &Path) -> std::path::PathBuf {
    directory.join(JOURNAL_NAME)
}

fn events(store: &Store) -> Vec<u64> {
    let stored = store.stored_records().expect("read");
    stored.events.keys().copied().collect()
}

/// What both hold is the same, and verifies.
fn assert_settled(directory: &Path, what: &str) {
    let verified = super::super::verify_closed(directory).expect("checked");
    assert_eq!((verified.faults, verified.journal_faults), (vec![], vec![]), "{what}");
    let found = read(&journal(directory)).expect("read").expect("there");
    assert!(found.faults.is_empty() && found.whole_bytes == found.bytes, "{what}: {:?}", found.faults);
    let store = Store::open_existing(directory).expect("opened");
    assert_eq!(found.events.keys().copied().collect::<Vec<_>>(), events(&store), "{what}");
}

fn copy(from: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for name in [FILE_NAME, JOURNAL_NAME] {
        std::fs::copy(from.join(name), directory.path().join(name)).expect("copied");
    }
    directory
}

#[test]
fn each_change_stands_in_the_journal_one_line_of_json_an_event() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_, last) = filled(directory.path());
    let text = std::fs::read_to_string(journal(directory.path())).expect("read");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(lines[0]["note"]["what"], "begun");
    assert_eq!(lines.len() as u64, last + 1);
    for (serial, pair) in (1..).zip(lines.windows(2)) {
        assert_eq!((pair[1]["serial"].as_u64(), &pair[1]["before"]), (Some(serial), &pair[0]["sha256"]));
    }
    assert_eq!(lines[3]["batch"], serde_json::json!([3, 3]));
    assert_eq!(lines[5]["batch"], serde_json::json!([4, 6]));
    assert_eq!(lines[1]["event"]["by"], "alice");
    assert_settled(directory.path(), "as written");
}

#[test]
fn a_crash_at_any_byte_of_an_append_leaves_the_change_in_both_or_in_neither() {
    let directory = tempfile::tempdir().expect("a directory");
    filled(directory.path());
    let store_before = std::fs::read(directory.path().join(FILE_NAME)).expect("read");
    let length = std::fs::metadata(journal(directory.path())).expect("there").len();
    {
        let store = Store::open(directory.path()).expect("opened");
        commit(&store, put(vec![allow(50, "one"), allow(51, "two"), allow(52, "three")]));
    }
    let whole = std::fs::read(journal(directory.path())).expect("read");
    for end in (length..=whole.len() as u64).step_by(13).chain([whole.len() as u64 - 1, whole.len() as u64]) {
        for zeros in [false, true] {
            let crashed = tempfile::tempdir().expect("a directory");
            std::fs::write(crashed.path().join(FILE_NAME), &store_before).expect("written");
            let mut bytes = whole[..end as usize].to_vec();
            if zeros {
                // The length was on the disk before the rest of the bytes.
                bytes.resize(whole.len(), 0);
            }
            std::fs::write(journal(crashed.path()), &bytes).expect("written");
            let store = Store::open(crashed.path()).expect("it starts");
            let expected: Vec<u64> = if end == whole.len() as u64 { (1..=10).collect() } else { (1..=7).collect() };
            assert_eq!(events(&store), expected, "{end} of {}, {zeros}", whole.len());
            assert_eq!(store.records_notice(), None, "{end}: a crash is no damage");
            drop(store);
            assert_settled(crashed.path(), &format!("cut at {end}"));
        }
    }
}

#[test]
fn whatever_happens_to_the_journal_is_mended_from_the_store_and_told_until_it_is_acknowledged() {
    let directory = tempfile::tempdir().expect("a directory");
    let (records, _) = filled(directory.path());
    let whole = std::fs::read(journal(directory.path())).expect("read");
    let flips = (0..whole.len()).step_by(199).map(|place| {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        (format!("flipped at {place}"), Some(bytes))
    });
    let cuts = (0..whole.len()).step_by(397).map(|end| (format!("cut to {end}"), Some(whole[..end].to_vec())));
    let others = [
        ("missing".to_owned(), None),
        ("empty".to_owned(), Some(Vec::new())),
        ("zeros".to_owned(), Some(vec![0; 9000])),
    ];
    for (what, bytes) in flips.chain(cuts).chain(others) {
        let copy = copy(directory.path());
        match bytes {
            Some(bytes) => std::fs::write(journal(copy.path()), bytes).expect("written"),
            None => std::fs::remove_file(journal(copy.path())).expect("removed"),
        }
        let store = Store::open(copy.path()).expect("it starts");
        assert_eq!(store.load_records().expect("loaded").0, records, "{what}");
        let notice = store.records_notice().unwrap_or_else(|| panic!("{what}: it is told"));
        assert!(notice.lost.is_empty() && !notice.mended.is_empty(), "{what}: {notice:?}");
        drop(store);
        assert_settled(copy.path(), &what);
        let store = Store::open(copy.path()).expect("opened");
        assert_eq!(store.records_notice().as_ref(), Some(&notice), "{what}: a restart forgets nothing");
        assert_eq!(store.acknowledge_records("noc", now()).expect("written"), Some(notice), "{what}");
        assert_eq!((store.records_notice(), store.acknowledge_records("noc", now()).expect("read")), (None, None));
        drop(store);
        assert_eq!(Store::open(copy.path()).expect("opened").records_notice(), None, "{what}");
        assert_settled(copy.path(), &what);
    }
}

#[test]
fn a_store_that_is_gone_or_older_has_its_records_from_the_journal() {
    let directory = tempfile::tempdir().expect("a directory");
    let old = {
        let store = Store::open(directory.path()).expect("made");
        commit(&store, put(vec![allow(90, "early")]));
        drop(store);
        std::fs::read(directory.path().join(FILE_NAME)).expect("read")
    };
    let records = {
        let store = Store::open(directory.path()).expect("opened");
        commit(&store, put(vec![allow(91, "later"), allow(92, "later")]));
        commit(&store, put(vec![allow(93, "latest")]));
        store.load_records().expect("loaded").0
    };
    for (what, store) in [("gone", None), ("older", Some(&old))] {
        let copy = copy(directory.path());
        let path = copy.path().join(FILE_NAME);
        match store {
            Some(bytes) => std::fs::write(&path, bytes).expect("written"),
            None => std::fs::remove_file(&path).expect("removed"),
        }
        if what == "older" {
            let read = Store::open_existing(copy.path()).expect("opened");
            assert_eq!(read.load_records().expect("loaded"), (records.clone(), 4), "{what}, and only read");
            assert!(read.records_notice().is_some(), "{what}, and only read");
        }
        let store = Store::open(copy.path()).expect("it starts");
        assert_eq!(store.load_records().expect("loaded"), (records.clone(), 4), "{what}");
        let notice = store.records_notice().expect("told");
        assert!(notice.lost.is_empty() && notice.mended[0].contains("the store"), "{what}: {notice:?}");
        drop(store);
        assert_settled(copy.path(), what);
    }
}

#[test]
fn a_command_that_reads_looks_at_the_end_of_the_journal_alone_where_that_is_as_the_store_remembers_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let (records, last) = filled(directory.path());
    let path = journal(directory.path());
    assert_eq!(newest(&path).expect("read").map(|(serial, _)| serial), Some(last));
    let whole = std::fs::read(&path).expect("read");
    let mut broken = whole.clone();
    let first = whole.iter().position(|byte| *byte == b'\n').expect("a line");
    broken[first + 30] ^= 1;
    std::fs::write(&path, &broken).expect("written");
    {
        let store = Store::open_existing(directory.path()).expect("opened");
        assert_eq!(store.load_records().expect("loaded"), (records, last));
        assert_eq!(store.records_notice(), None);
    }
    let verified = super::super::verify_closed(directory.path()).expect("checked");
    assert!(!verified.journal_faults.is_empty(), "whoever checks reads all of it");
    // A line that is cut off is no end, nor is one that tells of no event.
    std::fs::write(&path, &whole[..whole.len() - 1]).expect("written");
    assert_eq!(newest(&path).expect("read"), None);
    std::fs::write(&path, &whole[..=first]).expect("written");
    assert_eq!(newest(&path).expect("read"), None);
}

#[test]
fn what_stood_in_neither_is_lost_and_that_stays_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let (records, last) = filled(directory.path());
    let whole = std::fs::read(journal(directory.path())).expect("read");
    // The store is gone and a line of the journal is broken.
    let copy = copy(directory.path());
    let third = whole.split_inclusive(|byte| *byte == b'\n').take(3).map(<[u8]>::len).sum::<usize>();
    let mut bytes = whole;
    bytes[third + 30] ^= 1;
    std::fs::write(journal(copy.path()), bytes).expect("written");
    std::fs::remove_file(copy.path().join(FILE_NAME)).expect("removed");
    let store = Store::open(copy.path()).expect("it starts");
    let (left, newest) = store.load_records().expect("loaded");
    assert_eq!((left.len(), newest), (records.len() - 1, last));
    let notice = store.records_notice().expect("told");
    assert!(notice.lost.iter().any(|lost| lost.contains("event 3 ")), "{notice:?}");
    drop(store);
    assert_settled(copy.path(), "one is lost");
    let store = Store::open(copy.path()).expect("opened");
    assert_eq!(store.records_notice(), Some(notice), "nothing is told anew");
    let kept = std::fs::read_dir(copy.path()).expect("read").flatten().map(|entry| entry.file_name());
    assert!(kept.into_iter().any(|name| name.to_string_lossy().starts_with("records.jsonl.damaged-")));
}

#[test]
fn where_a_store_was_and_neither_it_nor_a_journal_is_left_that_is_a_loss() {
    let directory = tempfile::tempdir().expect("a directory");
    let archive = super::super::archive::Archive::new(directory.path());
    archive
        .keep(b"a listing", crate::domain::Sha256Digest([1; 32]), now(), super::super::archive::Fate::Applied)
        .expect("kept");
    let store = Store::open(directory.path()).expect("made");
    assert!(!store.records_notice().expect("told").lost.is_empty());
    assert_eq!(Store::open(tempfile::tempdir().expect("a directory").path()).expect("made").records_notice(), None);
}

#[test]
fn a_damaged_store_that_is_begun_again_has_all_records_from_the_journal() {
    let directory = tempfile::tempdir().expect("a directory");
    let (records, last) = filled(directory.path());
    for spoil in ["zeros", "cut", "text"] {
        let copy = copy(directory.path());
        let path = copy.path().join(FILE_NAME);
        let mut bytes = std::fs::read(&path).expect("read");
        match spoil {
            "zeros" => bytes[..4096].fill(0),
            "cut" => bytes.truncate(8192),
            _ => bytes = b"no store at all".to_vec(),
        }
        std::fs::write(&path, bytes).expect("written");
        assert!(matches!(Store::open(copy.path()), Err(StoreError::Damaged { .. } | StoreError::UnknownFormat { .. })));
        let rebuilt = rebuild(copy.path(), false, now(), |_| Ok(crate::store::Retold::default()))
            .expect("begun again")
            .expect("it was damaged");
        assert_eq!((rebuilt.salvaged.lost, rebuilt.salvaged.journaled as u64), (vec![], last), "{spoil}");
        let store = Store::open(copy.path()).expect("opened");
        assert_eq!(store.load_records().expect("loaded"), (records.clone(), last), "{spoil}");
        let notice = store.records_notice().expect("told");
        assert!(notice.lost.is_empty() && notice.mended[0].contains("begun again"), "{spoil}: {notice:?}");
        drop(store);
        assert_settled(copy.path(), spoil);
    }
}

#[test]
fn records_of_another_history_are_kept_and_said_to_be_out_of_force() {
    let (mine, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let (records, _) = filled(mine.path());
    {
        let store = Store::open(other.path()).expect("made");
        commit(&store, put(vec![allow(700, "elsewhere")]));
    }
    let text = std::fs::read(journal(other.path())).expect("read");
    std::fs::write(journal(mine.path()), &text).expect("written");
    let store = Store::open(mine.path()).expect("it starts");
    assert_eq!(store.load_records().expect("loaded").0, records);
    assert!(store.records_notice().expect("told").lost[0].contains("other changes"));
    drop(store);
    let kept = std::fs::read_dir(mine.path()).expect("read").flatten().map(|entry| entry.path());
    let kept = kept.into_iter().find(|path| path.to_string_lossy().contains("records.jsonl.other-")).expect("kept");
    assert!(std::fs::read(kept).expect("read") == text);
    assert_settled(mine.path(), "another's");
}

#[test]
fn a_journal_that_cannot_be_written_keeps_records_from_being_changed_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let (records, last) = filled(directory.path());
    // A directory stands where the journal should.
    std::fs::remove_file(journal(directory.path())).expect("removed");
    std::fs::create_dir(journal(directory.path())).expect("made");
    let store = Store::open(directory.path()).expect("it starts");
    assert_eq!(store.load_records().expect("loaded").0, records);
    assert!(store.journal_fault().expect("told").contains("records.jsonl"));
    let change = super::super::tests::plan_on(&store, put(vec![allow(60, "refused")]));
    assert!(matches!(store.commit_records(&change), Err(StoreError::Journal { .. })));
    assert_eq!(store.load_records().expect("loaded"), (records, last));
    assert!(store.retry_journal().is_err() && store.journal_fault().is_some(), "it is as it was");
    std::fs::remove_dir(journal(directory.path())).expect("removed");
    store.retry_journal().expect("it can be written");
    assert_eq!(store.journal_fault(), None, "without a change");
    store.commit_records(&change).expect("once it can be written, it is");
    assert_eq!(store.journal_fault(), None);
    drop(store);
    assert_settled(directory.path(), "put right");
}

#[test]
fn a_journal_that_is_moved_away_under_a_running_store_is_written_anew_before_the_next_change() {
    let directory = tempfile::tempdir().expect("a directory");
    filled(directory.path());
    let store = Store::open(directory.path()).expect("opened");
    std::fs::rename(journal(directory.path()), directory.path().join("moved")).expect("moved");
    commit(&store, put(vec![allow(70, "after")]));
    drop(store);
    assert_settled(directory.path(), "moved away");
}

#[test]
fn files_have_a_mode_of_their_own() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let state_dir = directory.path().join("state");
    filled(&state_dir);
    for (path, expected) in
        [(state_dir.join(FILE_NAME), 0o600), (journal(&state_dir), 0o600), (state_dir.clone(), 0o750)]
    {
        let mode = std::fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{}", path.display());
    }
}

#[test]
fn a_pipe_or_a_device_in_a_files_place_is_told_and_nobody_waits_for_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let (records, last) = filled(directory.path());
    let event = put(vec![allow(90, "the operator said so")]);
    for device in [true, false] {
        let copy = copy(directory.path());
        let place = |name: &str| {
            let path = copy.path().join(name);
            std::fs::remove_file(&path).expect("removed");
            match device {
                true => std::os::unix::fs::symlink("/dev/null", &path).expect("linked"),
                false => {
                    let made = std::process::Command::new("mkfifo").arg(&path).status();
                    assert!(made.expect("mkfifo runs").success());
                }
            }
        };
        place(JOURNAL_NAME);
        let store = Store::open(copy.path()).expect("what is stored is served");
        assert_eq!(store.load_records().expect("loaded"), (records.clone(), last));
        assert!(store.journal_fault().is_some_and(|fault| fault.contains("is no file")), "{:?}", store.journal_fault());
        // What would stand in the store alone is not acknowledged.
        let records = crate::records::Records::build(records.clone(), last);
        let events = crate::records::plan(&records, event.clone(), now()).expect("planned");
        assert!(matches!(store.commit_records(&events), Err(StoreError::Journal { .. })));
        drop(store);
        Store::open_existing(copy.path()).expect("and read");
        place(FILE_NAME);
        for refused in [Store::open(copy.path()).map(drop), Store::open_existing(copy.path()).map(drop)] {
            assert!(refused.is_err_and(|error| error.to_string().contains("is no file")));
        }
    }
}
