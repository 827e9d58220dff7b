//! Power cuts: a backend that keeps a log of what was written and when it was synced, and every file that a cut at any
//! point of the log could have left.
//!
//! A disk may lose any write that was not synced, and keep any: so for each point the file is made with none of the unsynced
//! writes, with all, with the last alone, without the first, with every second, and with the last one torn at a sector.

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::open::{builder, lay_out};
use super::tests::{allow, apply, commit, cycle, plan_on, put, snapshot, time};
use super::verify::check_database;
use super::*;
use crate::domain::{ChangeSerial, Filing, RecordEvent, Sha256Digest, SnapshotSerial, SyncOutcome};
use crate::listing::canonical;
use crate::listing::diff::step;

#[derive(Debug, Clone)]
enum Op {
    Write(usize, Vec<u8>),
    Length(usize),
    Sync,
}

#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    log: Vec<Op>,
}

/// A file in memory with a log of what was done to it.
#[derive(Debug, Clone, Default)]
struct LoggedBackend(Arc<Mutex<Disk>>);

impl LoggedBackend {
    fn disk(&self) -> std::sync::MutexGuard<'_, Disk> {
        self.0.lock().expect("not poisoned")
    }
}

fn perform(bytes: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write(offset, written) => {
            let end = offset + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(written);
        }
        Op::Length(length) => bytes.resize(*length, 0),
        Op::Sync => {}
    }
}

impl StorageBackend for LoggedBackend {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.disk().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let disk = self.disk();
        let offset = offset as usize;
        let found = disk.bytes.get(offset..offset + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), Error> {
        self.log(Op::Length(length as usize));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.log(Op::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.log(Op::Write(offset as usize, data.to_vec()));
        Ok(())
    }
}

impl LoggedBackend {
    fn log(&self, op: Op) {
        let mut disk = self.disk();
        perform(&mut disk.bytes, &op);
        disk.log.push(op);
    }
}

/// The first half of a write, as a disk that lost power in its middle may have it. The header is written within a sector.
fn torn(op: &Op) -> Option<Op> {
    match op {
        Op::Write(offset, written) if written.len() > 512 => {
            Some(Op::Write(*offset, written[..written.len() / 2 / 512 * 512].to_vec()))
        }
        _ => None,
    }
}

/// Every file that a cut behind the first `done` operations could have left.
fn left_behind(start: &[u8], log: &[Op], done: usize) -> Vec<Vec<u8>> {
    let synced = log[..done].iter().rposition(|op| matches!(op, Op::Sync)).map_or(0, |place| place + 1);
    let mut durable = start.to_vec();
    log[..synced].iter().for_each(|op| perform(&mut durable, op));
    let loose = &log[synced..done];
    let with = |kept: &mut dyn Iterator<Item = &Op>| {
        let mut bytes = durable.clone();
        kept.for_each(|op| perform(&mut bytes, op));
        bytes
    };
    let mut files = vec![with(&mut [].iter())];
    if !loose.is_empty() {
        files.push(with(&mut loose.iter()));
        files.push(with(&mut loose.iter().skip(1)));
        files.push(with(&mut loose.iter().skip(loose.len() - 1)));
        files.push(with(&mut loose.iter().step_by(2)));
        files.push(with(&mut loose.iter().skip(1).step_by(2)));
        if let Some(torn) = loose.last().and_then(torn) {
            files.push(with(&mut loose[..loose.len() - 1].iter().chain([&torn])));
        }
    }
    files.dedup();
    files
}

/// All that a store says.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    serial: Option<SnapshotSerial>,
    filings: Vec<Arc<Filing>>,
    removals: Vec<Arc<crate::domain::Removal>>,
    changes: Vec<crate::domain::Change>,
    last_change: ChangeSerial,
    sync_state: SyncState,
    records: Vec<crate::domain::Record>,
    events: Vec<RecordEvent>,
    oldest: Option<SnapshotSerial>,
    position: Option<FleetPosition>,
}

fn reported(store: &Store) -> Told {
    let loaded = store.load().expect("loaded");
    let (records, last) = store.load_records().expect("loaded");
    let events = store.record_events_between(0, last + 1, usize::MAX).expect("read");
    Told {
        serial: loaded.snapshot.as_ref().map(|snapshot| snapshot.serial),
        filings: loaded.snapshot.map(|snapshot| snapshot.filings).unwrap_or_default(),
        removals: loaded.removals.newest_first().cloned().collect(),
        changes: store.changes_after(ChangeSerial(0), 1_000_000).expect("read"),
        last_change: loaded.last_change,
        sync_state: loaded.sync_state,
        records,
        events,
        oldest: store.oldest_snapshot().expect("read").map(|record| record.serial),
        position: store.fleet_position().expect("read"),
    }
}

fn open(bytes: &[u8]) -> Store {
    let backend = InMemoryBackend::new();
    backend.set_len(bytes.len() as u64).expect("long enough");
    backend.write(0, bytes).expect("written");
    let database = builder().create_with_backend(backend).expect("what a cut leaves can be opened");
    Store::new(Handle::ReadWrite(database), "in memory".into())
}

/// Whether the next sync and the next record are numbered on from what is there.
fn goes_on(store: &Store, reported: &Told) {
    let next = reported.serial.map_or(SnapshotSerial::FIRST, SnapshotSerial::next);
    apply(store, &snapshot(next.0, &[(10, "Ten"), (77, "Seventy-seven")])).expect("the next sync");
    let after = store.changes_after(reported.last_change, 1_000_000).expect("read");
    assert!(!after.is_empty());
    for (place, change) in after.iter().enumerate() {
        assert_eq!((change.serial.0, change.snapshot), (reported.last_change.0 + 1 + place as u64, next));
    }
    commit(store, put(vec![allow(99, "on it goes")]));
    assert_eq!(store.load_records().expect("loaded").1, reported.events.len() as u64 + 1);
}

/// Does something to a store, cuts the power at every point of it, and expects the store before, after, or one of those
/// that it is allowed to be between. Returns how many files were opened.
fn cut_everywhere(act: impl Fn(&Store), between: impl Fn(&Told, &Told, &Told) -> bool) -> usize {
    let backend = LoggedBackend::default();
    let database = builder().create_with_backend(backend.clone()).expect("made");
    lay_out(&database).expect("laid out");
    let store = Store::new(Handle::ReadWrite(database), "in memory".into());
    let many: Vec<(u32, String)> = (10..90).map(|value| (value, format!("Number {value}"))).collect();
    let some = |skip: usize| -> Vec<(u32, &str)> {
        many.iter().filter(|(value, _)| *value as usize % 7 != skip).map(|(value, name)| (*value, &**name)).collect()
    };
    for serial in 1..=12 {
        apply(&store, &snapshot(serial, &some(serial as usize % 7))).expect("committed");
    }
    commit(&store, put(vec![allow(1, "first"), allow(2, "second")]));
    let before = reported(&store);
    let (start, from) = {
        let disk = backend.disk();
        (disk.bytes.clone(), disk.log.len())
    };
    act(&store);
    let log: Vec<Op> = backend.disk().log[from..].to_vec();
    let after = reported(&store);
    assert!(log.iter().filter(|op| matches!(op, Op::Sync)).count() >= 1);

    let mut opened = 0;
    // A compaction goes over the whole file, and what it leaves takes long to repair: of its points, some are tried. Of
    // all else, every one.
    let step = if log.len() > 60 { log.len() / 24 } else { 1 };
    let points = (0..=log.len()).filter(|done| done % step == 0 || *done == log.len());
    for done in points {
        for (kind, bytes) in left_behind(&start, &log, done).iter().enumerate() {
            let store = open(bytes);
            let found = reported(&store);
            let known = found == before || found == after || between(&before, &after, &found);
            assert!(known, "a cut behind operation {done} of {}, file {kind}: between the stores", log.len());
            if done == log.len() && kind == 0 {
                assert_eq!(found, after, "what was committed stays");
            }
            let Handle::ReadWrite(database) = store.handle.into_inner().expect("not poisoned") else {
                panic!("it is open for writing")
            };
            let verified = check_database(Path::new("in memory"), database);
            assert_eq!(verified.faults, Vec::<String>::new(), "a cut behind operation {done}, file {kind}");
            goes_on(&open(bytes), &found);
            opened += 1;
        }
    }
    opened
}

fn never(_: &Told, _: &Told, _: &Told) -> bool {
    false
}

#[test]
fn a_cut_at_any_point_of_a_sync_leaves_the_store_before_or_after_it() {
    let many: Vec<(u32, String)> = (40..140).map(|value| (value, format!("Another {value}").repeat(9))).collect();
    let next: Vec<(u32, &str)> = many.iter().map(|(value, name)| (*value, &**name)).collect();
    let opened = cut_everywhere(|store| apply(store, &snapshot(13, &next)).expect("committed"), never);
    assert!(opened > 60, "{opened}");
}

#[test]
fn a_cut_at_any_point_of_a_confirmation_or_of_a_change_of_records_leaves_the_store_before_or_after_it() {
    let confirm = |store: &Store| {
        let current = store.load().expect("loaded").snapshot.expect("a snapshot");
        let outcome = crate::domain::SyncOutcome::Unchanged { serial: current.serial, filings: 1 };
        let at = jiff::Timestamp::from_second(99_999).expect("a time");
        let cycle = crate::domain::SyncRecord {
            at,
            trigger: crate::domain::SyncTrigger::Schedule,
            source: "a test".to_owned(),
            outcome,
            passed_over: Vec::new(),
            sources: Vec::new(),
        };
        store.record_cycle(&cycle, Some((current.serial, at)), &Holding::AsBefore).expect("written");
    };
    assert!(cut_everywhere(confirm, never) > 10);
    let records = |store: &Store| {
        commit(store, put(vec![allow(1, "first, but better"), allow(3, "third")]));
    };
    assert!(cut_everywhere(records, never) > 10);
}

#[test]
fn a_cut_at_any_point_of_a_compaction_changes_nothing_that_the_store_says() {
    let compact = |store: &Store| {
        store.compact().expect("compacted");
    };
    assert!(cut_everywhere(compact, never) > 10);
}

#[test]
fn a_cut_while_history_is_shortened_leaves_a_history_that_begins_somewhere_between() {
    let shorten = |store: &Store| {
        store.retire(jiff::Timestamp::MAX).expect("shortened");
    };
    let between = |before: &Told, after: &Told, found: &Told| {
        let same = Told { changes: after.changes.clone(), oldest: after.oldest, ..found.clone() };
        same == *after && before.changes.ends_with(&found.changes)
    };
    assert!(cut_everywhere(shorten, between) > 10);
}

#[test]
fn a_cut_at_any_point_of_an_entry_of_a_fleet_leaves_its_effect_with_the_position_or_neither() {
    let origin = FleetPosition::origin(FleetId([7; 16]));
    let advance = |log| Advance {
        log,
        from: origin.of(log).sha256,
        to: Position { index: 1, sha256: Sha256Digest([1; 32]), at: time(99) },
    };
    let founded = |before: &Told, _: &Told, found: &Told| *found == Told { position: Some(origin), ..before.clone() };
    let by_snapshot = |store: &Store| {
        store.found_fleet(origin.fleet).expect("founded");
        let loaded = store.load().expect("loaded");
        let (before, snapshot) = (loaded.snapshot.expect("one"), snapshot(13, &[(10, "Ten"), (500, "New")]));
        let step = step(Some((&before, before.confirmed_at)), &loaded.removals, &snapshot);
        let (listing_sha256, counts) = (canonical::digest(&snapshot.filings), step.counts());
        let last_change = ChangeSerial(loaded.last_change.0 + step.delta.as_ref().expect("one").len() as u64);
        let outcome = SyncOutcome::Applied { serial: snapshot.serial, filings: 2, changes: counts };
        let fact = SnapshotFact { snapshot, step, current: None, cycle: cycle(outcome) };
        let expected = Expected { listing_sha256, last_change, advance: advance(Log::Listing) };
        store.follow_snapshot(&fact, &expected).expect("followed");
    };
    assert!(cut_everywhere(by_snapshot, founded) > 10);
    let by_records = |store: &Store| {
        store.found_fleet(origin.fleet).expect("founded");
        let events = plan_on(store, put(vec![allow(3, "third")]));
        store.follow_records(&events, &advance(Log::Records)).expect("followed");
    };
    assert!(cut_everywhere(by_records, founded) > 10);
}

#[test]
fn a_cut_at_any_point_of_a_base_leaves_the_store_before_or_after_it() {
    let origin = FleetPosition::origin(FleetId([7; 16]));
    let directory = tempfile::tempdir().expect("a directory");
    let other = Store::open(directory.path()).expect("made");
    apply(&other, &snapshot(1, &[(10, "Ten"), (500, "New")])).expect("committed");
    apply(&other, &snapshot(2, &[(10, "Ten, renamed")])).expect("committed");
    let (state, _) = other.state(Log::Listing).expect("read");
    let take = |store: &Store| {
        store.found_fleet(origin.fleet).expect("founded");
        let to = Position { index: 9, sha256: Sha256Digest([1; 32]), at: time(99) };
        store.take_base(&state, origin.fleet, to).expect("taken");
    };
    let founded = |before: &Told, _: &Told, found: &Told| *found == Told { position: Some(origin), ..before.clone() };
    assert!(cut_everywhere(take, founded) > 10);
}

#[test]
fn the_backend_loses_what_was_not_synced() {
    let (write, sync) = (Op::Write(0, vec![1, 2]), Op::Sync);
    let log = [write.clone(), sync.clone(), Op::Write(1, vec![9]), Op::Length(4)];
    assert_eq!(left_behind(&[], &log, 1)[0], Vec::<u8>::new());
    assert_eq!(left_behind(&[], &log, 2), [vec![1, 2]]);
    let files = left_behind(&[], &log, 4);
    assert!(files.contains(&vec![1, 2]) && files.contains(&vec![1, 9, 0, 0]) && files.contains(&vec![1, 2, 0, 0]));
}
