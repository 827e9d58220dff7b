use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use jiff::Timestamp;
use redb::TableDefinition;

use super::*;
use crate::domain::{
    Anomaly, ChangeCounts, ChangeKind, ChangeSerial, Column, Filing, FilingBuilder, Frn, Identity, Override,
    OverrideAction, Record, RecordBody, RecordEvent, RecordKind, Removal, RemovalHistory, RmdNumber, Sha256Digest,
    Snapshot, SnapshotSerial, SourceFault, SourceState, SyncOutcome, SyncRecord, SyncTrigger, Validators,
};
use crate::listing::diff::diff;
use crate::records::{Change, Records, plan};

fn number(value: u32) -> RmdNumber {
    RmdNumber::from_value(value).expect("seven digits")
}

pub(super) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).expect("a time")
}

fn filing(value: u32, name: &str) -> Arc<Filing> {
    let frn = Frn::from_value(u64::from(value) + 1).expect("ten digits");
    let mut builder = FilingBuilder::new(number(value), Some(frn), 0);
    let (number, frn) = (number(value).to_string(), frn.to_string());
    for column in Column::ALL {
        builder.push(match column {
            Column::Number => &number,
            Column::Frn => &frn,
            Column::BusinessName => name,
            _ => "",
        });
    }
    builder.push_unknown("colour", "green");
    Arc::new(builder.finish())
}

pub(super) fn snapshot(serial: u64, filings: &[(u32, &str)]) -> Snapshot {
    let filings = filings.iter().map(|(value, name)| filing(*value, name));
    Snapshot {
        sha256: Sha256Digest([serial as u8; 32]),
        source: "a test".to_owned(),
        bytes: 7,
        carried: BTreeMap::from([(number(10), time(5))]),
        anomalies: vec![
            Anomaly::MissingColumn(Column::Country),
            Anomaly::UnknownColumn("colour".to_owned()),
            Anomaly::UnreadableRows { rows: 2, carried: 1, first: "line 7".to_owned() },
        ],
        ..Snapshot::made_up(serial, time(serial as i64 * 1000), filings)
    }
}

pub(super) fn cycle(outcome: SyncOutcome) -> SyncRecord {
    SyncRecord {
        at: time(99),
        trigger: SyncTrigger::Schedule,
        source: "a test".to_owned(),
        outcome,
        passed_over: vec![],
        sources: vec![],
    }
}

/// Takes a store from its last snapshot to this one, as a sync does.
pub(super) fn apply(store: &Store, next: &Snapshot) -> Result<(), StoreError> {
    let loaded = store.load()?;
    let open = |number| loaded.removals.open(number).map(|removal| &removal.filing);
    let delta = diff(loaded.snapshot.as_ref(), open, next);
    let last_seen = loaded.snapshot.as_ref().map_or(next.fetched_at, |previous| previous.confirmed_at);
    let touched = match &delta {
        Some(delta) => loaded.removals.after(delta, last_seen, next).1,
        None => Vec::new(),
    };
    let outcome = SyncOutcome::Applied { serial: next.serial, filings: 0, changes: ChangeCounts::default() };
    store.commit(next, delta.as_ref(), &touched, &cycle(outcome)).map(|_| ())
}

/// Every stored removal of a filing, oldest first.
fn removals_of(store: &Store, value: u32) -> Vec<Arc<Removal>> {
    let history = store.load().expect("loaded").removals;
    let mut removals: Vec<_> =
        history.newest_first().filter(|removal| removal.filing.number() == number(value)).cloned().collect();
    removals.reverse();
    removals
}

#[test]
fn what_was_committed_is_loaded_again_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = snapshot(1, &[(10, "Ten"), (20, "Twenty")]);
    {
        let store = Store::open(directory.path()).expect("made");
        assert!(store.load().expect("loaded").snapshot.is_none());
        apply(&store, &first).expect("committed");
    }
    let loaded = Store::open(directory.path()).expect("opened").load().expect("loaded");
    let read = loaded.snapshot.expect("a snapshot");
    assert_eq!((read.serial, read.sha256, &read.source, read.bytes), (first.serial, first.sha256, &first.source, 7));
    assert_eq!((read.fetched_at, read.confirmed_at), (first.fetched_at, first.confirmed_at));
    assert_eq!((&read.filings, &read.carried, &read.anomalies), (&first.filings, &first.carried, &first.anomalies));
    assert_eq!(loaded.last_change, ChangeSerial(2));
    assert_eq!(loaded.sync_state.last.expect("a cycle").at, time(99));
}

#[test]
fn nothing_is_forgotten_over_removals_and_reinstatements() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    for (serial, filings) in [
        (1, &[(10, "Ten"), (20, "Twenty")][..]),
        (2, &[(10, "Ten")]),
        (3, &[(10, "Ten"), (20, "Twenty again")]),
        (4, &[(20, "Twenty again")]),
        (5, &[(10, "Ten"), (20, "Twenty again")]),
        (6, &[(10, "Ten, renamed")]),
    ] {
        apply(&store, &snapshot(serial, filings)).expect("committed");
    }
    let history = store.changes_of(number(20)).expect("read");
    let kinds: Vec<_> = history.iter().map(|change| change.kind.as_str()).collect();
    assert_eq!(kinds, ["LISTED", "REMOVED", "REINSTATED", "REMOVED"]);
    assert_eq!(history[2].kind.fields()[0].after, "Twenty again");
    let removals = removals_of(&store, 20);
    assert_eq!(removals.len(), 2);
    assert_eq!((removals[0].last_seen_at, removals[0].first_missing_at), (time(1000), time(2000)));
    assert_eq!(removals[0].reinstated_at, Some(time(3000)));
    assert_eq!((removals[0].filing.business_name(), removals[1].reinstated_at), ("Twenty", None));

    let all = store.changes_after(ChangeSerial(0), usize::MAX).expect("read");
    let serials: Vec<u64> = all.iter().map(|change| change.serial.0).collect();
    assert_eq!(serials, (1..=all.len() as u64).collect::<Vec<_>>(), "no gap, no repeat");
    assert!(matches!(&all.last().expect("a change").kind, ChangeKind::Removed));
    let page = store.changes_after(ChangeSerial(2), 3).expect("read");
    assert_eq!(page.iter().map(|change| change.serial.0).collect::<Vec<_>>(), [3, 4, 5]);

    let loaded: RemovalHistory = store.load().expect("loaded").removals;
    assert_eq!(loaded.open_count(), 1);
    assert_eq!(loaded.newest_first().count(), 3);
}

#[test]
fn a_confirmation_is_kept_and_ends_up_in_the_snapshots_own_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let first = snapshot(1, &[(10, "Ten")]);
    apply(&store, &first).expect("committed");
    let unchanged = cycle(SyncOutcome::Unchanged { serial: first.serial, filings: 1 });
    store.record_cycle(&unchanged, Some((first.serial, time(1500))), &Holding::Nothing).expect("recorded");
    assert_eq!(store.load().expect("loaded").snapshot.expect("one").confirmed_at, time(1500));
    let failed = cycle(SyncOutcome::Failed { error: "no route".to_owned() });
    assert_eq!(store.record_cycle(&failed, None, &Holding::AsBefore).expect("recorded").failures_since, 1);
    let loaded = store.load().expect("loaded");
    assert_eq!(loaded.snapshot.expect("one").confirmed_at, time(1500), "a failure confirms nothing");
    assert_eq!(loaded.sync_state.last_success_at, Some(time(99)));

    apply(&store, &snapshot(2, &[(20, "Twenty")])).expect("committed");
    let removal = &removals_of(&store, 10)[0];
    assert_eq!(removal.last_seen_at, time(1500), "last seen when last confirmed");
}

#[test]
fn a_second_copy_counts_as_the_confirmation_that_it_was_whatever_comes_behind_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    // Known since a first copy, and applied when the second agreed.
    let corroborated = Snapshot { fetched_at: time(1000), confirmed_at: time(61_000), ..snapshot(1, &[(10, "Ten")]) };
    apply(&store, &corroborated).expect("committed");
    assert_eq!(store.load().expect("loaded").snapshot.expect("one").confirmed_at, time(61_000));
    let then = |at| store.snapshot_at(time(at)).expect("read").then().expect("one").confirmed_at;
    assert_eq!(then(70_000), time(61_000));
    let unchanged = cycle(SyncOutcome::Unchanged { serial: corroborated.serial, filings: 1 });
    store.record_cycle(&unchanged, Some((corroborated.serial, time(80_000))), &Holding::Nothing).expect("recorded");
    assert_eq!((then(70_000), then(80_000)), (time(61_000), time(80_000)));
    let next = Snapshot { fetched_at: time(90_000), confirmed_at: time(90_000), ..snapshot(2, &[(10, "Ten")]) };
    apply(&store, &next).expect("committed");
    assert_eq!((then(70_000), then(80_000), then(90_000)), (time(61_000), time(80_000), time(90_000)));
}

#[test]
fn a_snapshot_that_does_not_follow_the_last_one_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    apply(&store, &snapshot(1, &[(10, "Ten")])).expect("committed");
    let refused = apply(&store, &snapshot(3, &[(20, "Twenty")])).expect_err("refused");
    assert!(matches!(refused, StoreError::Conflict { expected: 2, found: 1 }), "{refused}");
    let loaded = store.load().expect("loaded");
    assert_eq!(loaded.snapshot.expect("one").filings.len(), 1);
    assert_eq!(loaded.last_change, ChangeSerial(1));
}

#[test]
fn the_states_of_the_configured_sources_are_kept_in_their_order_with_the_cycle() {
    let directory = tempfile::tempdir().expect("a directory");
    let fault = |source: &str| SourceFault {
        source: source.to_owned(),
        kind: "SERVER_ERROR".to_owned(),
        error: format!("{source} answered 500"),
    };
    let validators = Validators { etag: Some("\"a\"".to_owned()), last_modified: None };
    let full = SourceState {
        source: "https://z.example/".to_owned(),
        validators: Some((validators, Sha256Digest([7; 32]))),
        validators_distrusted_until: Some(time(1)),
        last_asked_at: Some(time(2)),
        last_contact_at: Some(time(3)),
        last_success_at: Some(time(4)),
        last_whole_at: Some(time(5)),
        failures: 6,
        fault: Some(fault("https://z.example/")),
        not_before: Some(time(7)),
        clock_skew: Some(jiff::SignedDuration::from_secs(-7)),
    };
    let sources = vec![full.clone(), SourceState::new("/a.csv".to_owned())];
    let record = SyncRecord {
        passed_over: vec![fault("https://z.example/")],
        sources: sources.clone(),
        ..cycle(SyncOutcome::Unchanged { serial: SnapshotSerial::FIRST, filings: 1 })
    };
    {
        let store = Store::open(directory.path()).expect("made");
        assert_eq!(store.record_cycle(&record, None, &Holding::AsBefore).expect("recorded").sources, sources);
    }
    let store = Store::open(directory.path()).expect("opened");
    let loaded = store.load().expect("loaded").sync_state;
    assert_eq!(loaded.sources, sources);
    assert_eq!(loaded.last.expect("a cycle").passed_over, record.passed_over);

    let failed = SyncRecord { sources: vec![full.clone()], ..cycle(SyncOutcome::Failed { error: String::new() }) };
    store.record_cycle(&failed, None, &Holding::AsBefore).expect("recorded");
    let loaded = store.load().expect("loaded").sync_state;
    assert_eq!((loaded.sources, loaded.last.expect("a cycle").passed_over), (vec![full], vec![]), "one is gone");
}

#[test]
fn another_format_is_refused_and_not_touched() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(Store::open(directory.path()).expect("made"));
    let path = directory.path().join(FILE_NAME);
    {
        let database = redb::Database::open(&path).expect("opened");
        let transaction = database.begin_write().expect("begun");
        let future = u64::from(FLEET_FORMAT) + 1;
        transaction.open_table(tables::META).expect("meta").insert(tables::META_FORMAT, future).expect("written");
        transaction.commit().expect("committed");
    }
    let before = std::fs::read(&path).expect("read");
    for refused in [Store::open(directory.path()).map(|_| ()), Store::open_existing(directory.path()).map(|_| ())] {
        let error = refused.expect_err("refused");
        assert!(
            matches!(&error, StoreError::UnknownFormat { found, .. } if *found == (FLEET_FORMAT + 1).to_string()),
            "{error}"
        );
    }
    assert!(std::fs::read(&path).expect("read") == before, "not a bit of it has changed");
}

#[test]
fn another_programs_redb_file_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    {
        let database = redb::Database::create(&path).expect("made");
        let transaction = database.begin_write().expect("begun");
        let table: TableDefinition<u64, u64> = TableDefinition::new("recipes");
        transaction.open_table(table).expect("a table").insert(1, 2).expect("written");
        transaction.commit().expect("committed");
    }
    let error = Store::open(directory.path()).expect_err("refused");
    assert!(matches!(error, StoreError::UnknownFormat { .. }), "{error}");
}

#[test]
fn a_store_that_is_open_is_held() {
    let directory = tempfile::tempdir().expect("a directory");
    let _open = Store::open(directory.path()).expect("made");
    assert!(matches!(Store::open(directory.path()), Err(StoreError::Held { .. })));
    assert!(matches!(Store::open_existing(directory.path()), Err(StoreError::Held { .. })));
}

#[test]
fn a_start_that_was_killed_while_it_made_the_store_is_in_nobodys_way() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("rmdd.redb.new"), b"half of something").expect("written");
    drop(Store::open(directory.path()).expect("made"));
    assert!(!directory.path().join("rmdd.redb.new").try_exists().expect("looked"));
}

#[test]
fn reading_alone_makes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(matches!(Store::open_existing(directory.path()), Err(StoreError::Missing { .. })));
    assert_eq!(std::fs::read_dir(directory.path()).expect("read").count(), 0);
    drop(Store::open(directory.path()).expect("made"));
    let reader = Store::open_existing(directory.path()).expect("opened");
    assert!(matches!(apply(&reader, &snapshot(1, &[])), Err(StoreError::ReadOnly)));
}

/// Puts a store that an earlier version wrote into a directory.
pub(super) fn put_fixture(name: &str, directory: &std::path::Path) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let mut unpacked = flate2::read::GzDecoder::new(std::fs::File::open(path).expect("the fixture"));
    let mut file = std::fs::File::create(directory.join(FILE_NAME)).expect("a file");
    std::io::copy(&mut unpacked, &mut file).expect("unpacked");
}

pub(super) fn allow(value: u64, why: &str) -> Record {
    Record {
        provider: Identity::Frn(Frn::from_value(value).expect("ten digits")),
        by: "alice".to_owned(),
        at: time(1000),
        why: why.to_owned(),
        expires_at: None,
        body: RecordBody::Override(Override { action: OverrideAction::Allow }),
        revision: 0,
    }
}

pub(super) fn plan_on(store: &Store, change: Change) -> Vec<RecordEvent> {
    let (records, last) = store.load_records().expect("loaded");
    plan(&Records::build(records, last), change, time(2000)).expect("planned")
}

pub(super) fn commit(store: &Store, change: Change) -> Vec<RecordEvent> {
    let events = plan_on(store, change);
    store.commit_records(&events).expect("committed");
    events
}

pub(super) fn put(records: Vec<Record>) -> Change {
    Change::Put { records, replace: true, by: "alice".to_owned() }
}

#[test]
fn a_store_of_format_1_is_read_as_it_is_and_brought_to_this_format_where_it_is_written() {
    let directory = tempfile::tempdir().expect("a directory");
    put_fixture("store-format-1.redb.gz", directory.path());
    let before = std::fs::read(directory.path().join(FILE_NAME)).expect("read");
    let holds = |store: &Store| {
        let loaded = store.load().expect("loaded");
        let snapshot = loaded.snapshot.expect("a snapshot");
        let removed: Vec<u32> = loaded.removals.newest_first().map(|removal| removal.filing.number().value()).collect();
        assert_eq!((snapshot.serial, snapshot.filings.len()), (SnapshotSerial(2), 87));
        assert_eq!(removed, [1469, 1461, 1434]);
        assert_eq!(store.load_records().expect("loaded"), (Vec::new(), 0));
        assert_eq!(store.record_events(RecordKind::Override, None, 0, 10).expect("read"), []);
    };
    let reader = Store::open_existing(directory.path()).expect("opened");
    holds(&reader);
    drop(reader);
    assert!(std::fs::read(directory.path().join(FILE_NAME)).expect("read") == before, "reading changes nothing");

    let store = Store::open(directory.path()).expect("opened");
    holds(&store);
    commit(&store, put(vec![allow(1, "first")]));
    drop(store);
    let again = Store::open_existing(directory.path()).expect("opened");
    assert_eq!(again.load_records().expect("loaded").0.len(), 1);

    // What it was before stands beside it, for the version before: of that format, and without what came since.
    let kept = directory.path().join("rmdd.redb.format-1");
    let back = tempfile::tempdir().expect("a directory");
    std::fs::copy(&kept, back.path().join(FILE_NAME)).expect("kept");
    let database = crate::store::open::builder().open_read_only(back.path().join(FILE_NAME)).expect("opened");
    assert_eq!(crate::store::open::check_format(&kept, &database).expect("known"), 1);
    drop(database);
    holds(&Store::open_existing(back.path()).expect("opened"));
    assert_eq!(std::fs::metadata(&kept).expect("there").permissions().mode() & 0o777, 0o600);

    // A second one does not take its place.
    std::fs::copy(back.path().join(FILE_NAME), directory.path().join(FILE_NAME)).expect("put back");
    drop(again);
    drop(Store::open(directory.path()).expect("opened"));
    std::fs::metadata(directory.path().join("rmdd.redb.format-1.1")).expect("a second copy");
}

#[test]
fn a_store_that_cannot_be_kept_as_it_is_is_not_brought_to_another_format() {
    let directory = tempfile::tempdir().expect("a directory");
    put_fixture("store-format-2.redb.gz", directory.path());
    let before = std::fs::read(directory.path().join(FILE_NAME)).expect("read");
    // In the way of the copy.
    std::fs::create_dir(directory.path().join("rmdd.redb.keeping")).expect("made");
    let refused = Store::open(directory.path()).expect_err("refused");
    assert!(matches!(refused, StoreError::NotKept { format: 2, .. }), "{refused}");
    assert!(refused.to_string().contains("make room"), "{refused}");
    let is_as_before = Store::open_existing(directory.path()).expect("opened").load().expect("loaded").snapshot;
    assert!(is_as_before.is_some());
    assert_eq!(std::fs::read(directory.path().join(FILE_NAME)).expect("read").len(), before.len());
}

/// Made by hand from the listings that the fixture was made of, not by this program.
const EXPORTS_OF_FORMAT_2: [(u64, &str); 4] = [
    (90, "269e507ee2fc561c7898864d80735b1bb6cea92dda9eba51b88c8a055bde26fc"),
    (117, "578ab809b3a51c58967e89804039d2be1f7b8c7b01c1644ba3aca7c5c5c6edee"),
    (145, "23102efea7d406e27bb8433f1f679c027e96369aa8e89b1691935ee7d3388b94"),
    (173, "ee222166639f9216154deb3b8c79631591267e2d26b2c11d7fb0b9f3fd93ced9"),
];

#[test]
fn a_store_of_format_2_is_read_as_it_is_and_gets_the_digests_of_its_exports_where_it_is_written() {
    let directory = tempfile::tempdir().expect("a directory");
    put_fixture("store-format-2.redb.gz", directory.path());
    let before = std::fs::read(directory.path().join(FILE_NAME)).expect("read");
    let holds = |store: &Store, digests: bool| {
        let loaded = store.load().expect("loaded");
        let snapshot = loaded.snapshot.expect("a snapshot");
        assert_eq!((snapshot.serial, snapshot.filings.len()), (SnapshotSerial(4), 173));
        assert_eq!((loaded.last_change, loaded.sync_state.failures_since), (ChangeSerial(522), 0));
        assert!(snapshot.confirmed_at > snapshot.fetched_at, "it was confirmed once");
        let removed: Vec<u32> = loaded.removals.newest_first().map(|removal| removal.filing.number().value()).collect();
        assert_eq!(removed, [1655, 1432, 1410, 1580, 1542, 1527, 1473, 1444, 1438]);
        assert_eq!(loaded.removals.open_count(), 7);
        let (records, last) = store.load_records().expect("loaded");
        let reported: Vec<_> = records.iter().map(|record| format!("{} {}", record.kind(), record.id())).collect();
        assert_eq!(
            reported,
            [
                "notice itg-1",
                "order DA 25-1/0018077715",
                "order DA 26-237/0034832609",
                "override 0024410478",
                "peer ocn:591E"
            ]
        );
        assert_eq!(last, 8);
        assert_eq!(store.record_events(RecordKind::Peer, None, 0, 10).expect("read").len(), 3);

        let mut way = crate::listing::rewind::Rewind::from(&snapshot, &loaded.removals);
        for (record, (filings, digest)) in store.snapshot_records().expect("read").iter().zip(EXPORTS_OF_FORMAT_2).rev()
        {
            store.rewind(&mut way, record.serial).expect("the way back");
            let (then, _) = way.reach(record, record.fetched_at).expect("it fits");
            assert_eq!(then.filings.len() as u64, filings);
            assert_eq!(
                crate::listing::canonical::digest(&then.filings).to_string(),
                digest,
                "snapshot {}",
                record.serial
            );
            assert_eq!(record.listing_sha256.map(|digest| digest.to_string()), digests.then(|| digest.to_owned()));
            assert_eq!(record.carried.len(), usize::from(record.serial.0 == 3));
        }
    };
    let reader = Store::open_existing(directory.path()).expect("opened");
    holds(&reader, false);
    drop(reader);
    assert!(std::fs::read(directory.path().join(FILE_NAME)).expect("read") == before, "reading changes nothing");

    drop(Store::open(directory.path()).expect("opened"));
    let store = Store::open(directory.path()).expect("opened again");
    holds(&store, true);
    let last = store.load().expect("loaded").snapshot.expect("a snapshot");
    let next = Snapshot { serial: last.serial.next(), filings: last.filings[1..].to_vec(), ..last };
    apply(&store, &next).expect("it goes on from there");
}

#[test]
fn records_and_every_change_of_them_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    {
        let store = Store::open(directory.path()).expect("made");
        commit(&store, put(vec![allow(1, "first"), allow(2, "second")]));
        commit(&store, put(vec![allow(1, "first, but better")]));
        let remove = |kind, ids| Change::Remove { kind, ids, by: "bob".to_owned(), why: "over".to_owned() };
        commit(&store, remove(RecordKind::Override, vec!["0000000001".to_owned()]));
    }
    let store = Store::open(directory.path()).expect("opened");
    let (records, last) = store.load_records().expect("loaded");
    assert_eq!((records.len(), last), (1, 4));
    assert_eq!(records[0], Record { revision: 2, ..allow(2, "second") });
    let events = store.record_events(RecordKind::Override, Some("0000000001"), 0, 10).expect("read");
    let reported: Vec<_> = events
        .iter()
        .map(|event| (event.serial, event.action.as_str(), event.by.as_str(), event.why.as_str()))
        .collect();
    assert_eq!(
        reported,
        [(1, "added", "alice", "first"), (3, "changed", "alice", "first, but better"), (4, "removed", "bob", "over"),]
    );
    assert_eq!(events[1].before.as_ref().expect("it was there").why, "first");
    assert_eq!(events[2].after, None);
    assert_eq!(store.record_events(RecordKind::Override, None, 1, 2).expect("read").len(), 2, "a page");
    assert_eq!(store.record_events(RecordKind::Peer, None, 0, 10).expect("read"), []);
}

#[test]
fn events_that_do_not_follow_the_last_one_are_refused_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let events = commit(&store, put(vec![allow(1, "first"), allow(2, "second")]));
    let refused = store.commit_records(&events).expect_err("refused");
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    assert_eq!(store.load_records().expect("loaded").1, 2);
}
