use proptest::prelude::*;
use rmdd_testkit::{CsvFormat, Step, World};

use super::*;
use crate::domain::{ChangeCounts, SyncOutcome, SyncRecord, SyncTrigger};
use crate::listing::canonical;
use crate::listing::diff::diff;
use crate::listing::parse::parse;
use crate::listing::vet::{Provenance, VetConfig, vet};
use crate::store::{Holding, SnapshotAt, Store};

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + seconds).expect("a time")
}

/// Takes a store to the next listing, as a sync does, and returns what stands and was removed then.
fn sync(store: &Store, bytes: &[u8], at: Timestamp) -> (Snapshot, RemovalHistory) {
    let loaded = store.load().expect("loaded");
    let provenance =
        Provenance { sha256: Sha256Digest([7; 32]), source: "a test".to_owned(), bytes: 1, fetched_at: at };
    let config = VetConfig { max_loss_percent: 100.0, max_unreadable_percent: 100.0, ..VetConfig::default() };
    let listing = parse(bytes).expect("a listing");
    let snapshot = vet(listing, provenance, loaded.snapshot.as_ref(), &config).expect("vetted").snapshot;
    let open = |number| loaded.removals.open(number).map(|removal| &removal.filing);
    let delta = diff(loaded.snapshot.as_ref(), open, &snapshot);
    let last_seen = loaded.snapshot.as_ref().map_or(at, |previous| previous.confirmed_at);
    let (removals, touched) = match &delta {
        Some(delta) => loaded.removals.after(delta, last_seen, &snapshot),
        None => (loaded.removals, Vec::new()),
    };
    let outcome = SyncOutcome::Applied {
        serial: snapshot.serial,
        filings: snapshot.filings.len() as u64,
        changes: ChangeCounts::default(),
    };
    let cycle = SyncRecord {
        at,
        trigger: SyncTrigger::Operator,
        source: "a test".to_owned(),
        outcome,
        passed_over: Vec::new(),
        sources: Vec::new(),
    };
    store.commit(&snapshot, delta.as_ref(), &touched, &cycle).expect("committed");
    (snapshot, removals)
}

/// How the next listing differs from the last.
#[derive(Debug, Clone)]
struct Turn {
    step: Step,
    /// Of the filings that came back, some with other cells.
    changed: bool,
    unknown: Vec<&'static str>,
    recertified: bool,
    /// Rows whose number cannot be read.
    broken: Vec<usize>,
}

fn turn() -> impl Strategy<Value = Turn> {
    let step = (0usize..6, 0usize..25, 0usize..9, 0usize..5);
    let unknown = prop::sample::subsequence(vec!["colour", "Zone", "a, quoted name"], 0..=2);
    (step, any::<bool>(), unknown, any::<bool>(), prop::collection::vec(0usize..60, 0..3)).prop_map(
        |((list, amend, remove, reinstate), changed, unknown, recertified, broken)| Turn {
            step: Step { list, amend, remove, reinstate },
            changed,
            unknown,
            recertified,
            broken,
        },
    )
}

fn listing(world: &mut World, turn: &Turn) -> Vec<u8> {
    let back = world.advance(turn.step).reinstated;
    if turn.changed {
        for number in &back {
            let row = world.row_mut(number).expect("it stands");
            row.set("business_name", format!("Back As {number}, \"Reborn\""));
            row.set("other_frns", "");
        }
    }
    let mut format = CsvFormat { recertified: turn.recertified, ..CsvFormat::default() };
    if !turn.unknown.is_empty() {
        let mut columns: Vec<String> = rmdd_testkit::COLUMNS.iter().map(|column| (*column).to_owned()).collect();
        columns.extend(turn.unknown.iter().map(|name| (*name).to_owned()));
        format.columns = Some(columns);
    }
    let mut text = String::from_utf8(world.to_csv_with(&format)).expect("UTF-8");
    let numbers: Vec<String> = world.rows().map(|row| row.get("number").to_owned()).collect();
    for place in &turn.broken {
        if let Some(number) = numbers.get(*place) {
            text = text.replacen(&format!("\n{number},"), "\nRMD??,", 1);
        }
    }
    text.into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// What the way back leads to is compared with what was kept aside when it stood.
    #[test]
    fn every_listing_of_the_past_is_reached_as_it_stood_with_its_removals(
        seed in any::<u64>(),
        turns in prop::collection::vec(turn(), 1..7),
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("made");
        let mut world = World::new(seed, 70);
        let mut kept = vec![sync(&store, &world.to_csv(), time(0))];
        for (place, turn) in turns.iter().enumerate() {
            let bytes = listing(&mut world, turn);
            kept.push(sync(&store, &bytes, time(1000 * (place as i64 + 1))));
        }
        drop(store);
        let store = Store::open_existing(directory.path()).expect("opened");
        let loaded = store.load().expect("loaded");
        let current = loaded.snapshot.expect("a snapshot");
        let mut all_the_way = Rewind::from(&current, &loaded.removals);
        for (place, (then, removals)) in kept.iter().enumerate().rev() {
            let at = time(1000 * place as i64 + 500);
            let found = store.snapshot_at(at).expect("read").then().expect("a snapshot");
            prop_assert_eq!(found.record.serial, then.serial);
            prop_assert_eq!(found.confirmed_at, then.fetched_at);
            prop_assert_eq!(found.record.listing_sha256, Some(canonical::digest(&then.filings)));
            let mut straight = Rewind::from(&current, &loaded.removals);
            for way in [&mut straight, &mut all_the_way] {
                store.rewind(way, then.serial).expect("the way back");
                let (snapshot, past) = way.reach(&found.record, found.confirmed_at).expect("it fits");
                prop_assert_eq!(&snapshot.filings, &then.filings);
                prop_assert_eq!(&snapshot.carried, &then.carried);
                prop_assert_eq!(&snapshot.anomalies, &then.anomalies);
                prop_assert_eq!((snapshot.fetched_at, snapshot.serial), (then.fetched_at, then.serial));
                let (past, then): (Vec<_>, Vec<_>) = (past.newest_first().collect(), removals.newest_first().collect());
                prop_assert_eq!(past, then);
            }
        }
        let before_all = store.snapshot_at(time(-1)).expect("read");
        let is_first = matches!(before_all, SnapshotAt::BeforeHistory { begins } if begins == Some(time(0)));
        prop_assert!(is_first);
    }
}

/// A store of three listings, the last of which is loaded.
fn three() -> (tempfile::TempDir, Store, Snapshot, RemovalHistory) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let mut world = World::new(5, 70);
    sync(&store, &world.to_csv(), time(0));
    let gone = world.advance(Step { remove: 3, amend: 5, ..Step::default() }).removed;
    sync(&store, &world.to_csv(), time(10));
    world.advance(Step { reinstate: gone.len(), list: 2, ..Step::default() });
    let (snapshot, removals) = sync(&store, &world.to_csv(), time(20));
    (directory, store, snapshot, removals)
}

#[test]
fn a_history_that_does_not_fit_gives_an_error_and_no_listing() {
    let (_directory, store, current, removals) = three();
    let changes = store.changes_after(ChangeSerial(0), 1000).expect("read");
    let records = store.snapshot_records().expect("read");
    let back = |spoil: &dyn Fn(&mut Change) -> bool| {
        let mut way = Rewind::from(&current, &removals);
        for change in changes.iter().rev().filter(|change| change.snapshot.0 > 1) {
            let mut change = change.clone();
            if spoil(&mut change) {
                way.undo(&change)?;
            }
        }
        way.reach(&records[0], records[0].fetched_at)
    };
    assert!(back(&|_| true).is_ok());
    let lost = |kind: &'static str| move |change: &mut Change| change.kind.as_str() != kind;
    for kind in ["LISTED", "REMOVED", "REINSTATED", "AMENDED"] {
        let error = back(&lost(kind)).expect_err("a lost change is found");
        assert!(error.to_string().contains("rmdd verify"), "{error}");
    }
    let other_cell = back(&|change: &mut Change| {
        if let ChangeKind::Amended(fields) = &mut change.kind {
            fields[0].before.push('!');
        }
        true
    });
    assert!(other_cell.expect_err("another cell").detail.contains("digest"));
    let other_after = back(&|change: &mut Change| {
        if let ChangeKind::Amended(fields) = &mut change.kind {
            fields[0].after.push('!');
        }
        true
    });
    assert!(other_after.expect_err("another cell").detail.contains("led to another cell"));
}

#[test]
fn confirmations_after_a_moment_do_not_count_for_it() {
    let (_directory, store, current, _) = three();
    let confirm = |seconds: i64| {
        let outcome = SyncOutcome::Unchanged { serial: current.serial, filings: 0 };
        let cycle = SyncRecord {
            at: time(seconds),
            trigger: SyncTrigger::Schedule,
            source: "a test".to_owned(),
            outcome,
            passed_over: Vec::new(),
            sources: Vec::new(),
        };
        store.record_cycle(&cycle, Some((current.serial, time(seconds))), &Holding::Nothing).expect("written");
    };
    confirm(100);
    confirm(200);
    confirm(300);
    for (moment, confirmed) in [(20, 20), (99, 20), (100, 100), (250, 200), (9999, 300)] {
        let found = store.snapshot_at(time(moment)).expect("read").then().expect("a snapshot");
        assert_eq!((found.record.serial.0, found.confirmed_at), (3, time(confirmed)), "{moment}");
    }
}

#[test]
fn what_is_kept_no_longer_is_dropped_and_all_that_is_kept_can_be_reached() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let mut world = World::new(6, 70);
    let mut kept = vec![sync(&store, &world.to_csv(), time(0))];
    for week in 1..16 {
        world.advance(Step { list: 2, amend: 9, remove: 3, reinstate: 2 });
        kept.push(sync(&store, &world.to_csv(), time(100 * week)));
    }
    let nothing = store.retire(time(-1)).expect("nothing to do");
    assert_eq!((nothing.changes, nothing.snapshots), (0, 0));
    let before = store.load().expect("loaded");

    let retired = store.retire(time(450)).expect("shortened");
    assert_eq!((retired.floor.0, retired.snapshots), (5, 4), "at 450 the fifth snapshot stood");
    let first = store.changes_after(ChangeSerial(0), 1).expect("read").remove(0);
    assert_eq!((first.snapshot.0, first.serial.0), (6, retired.changes + 1), "no serial is used again");
    let dropped = store.snapshot_at(time(399)).expect("read");
    assert!(matches!(dropped, SnapshotAt::BeforeHistory { begins } if begins == Some(time(400))));
    let loaded = store.load().expect("loaded");
    assert_eq!(loaded.last_change, before.last_change);
    let (then, now): (Vec<_>, Vec<_>) =
        (before.removals.newest_first().collect(), loaded.removals.newest_first().collect());
    assert_eq!(then, now, "no removal is forgotten");
    assert_eq!(loaded.removals.first_sights(), before.removals.first_sights(), "nor when a filing was first seen");
    assert_eq!(loaded.removals.first_sights().later().count(), 30);
    let reach = |store: &Store, from: usize| {
        let loaded = store.load().expect("loaded");
        let mut way = Rewind::from(&loaded.snapshot.expect("a snapshot"), &loaded.removals);
        for (then, removals) in kept[from..].iter().rev() {
            let found = store.snapshot_at(then.fetched_at).expect("read").then().expect("kept");
            store.rewind(&mut way, found.record.serial).expect("the way back");
            let (snapshot, history) = way.reach(&found.record, found.confirmed_at).expect("it fits");
            assert_eq!(snapshot.filings, then.filings);
            assert_eq!(history.first_sights(), removals.first_sights());
        }
    };
    reach(&store, 4);

    let all = store.retire(time(99_999)).expect("shortened");
    assert_eq!(all.floor.0, 7, "the last ten stay, however old they are");
    let size = store.compact().expect("compacted");
    assert!(size.after < size.before, "{size:?}");
    reach(&store, 6);
    assert_eq!(store.load().expect("loaded").removals.first_sights(), before.removals.first_sights());
    let (next, _) = sync(&store, &world.to_csv(), time(5000));
    assert_eq!(next.serial.0, 17);
    let again = store.retire(time(-1)).expect("nothing to do");
    assert_eq!((again.changes, again.snapshots), (0, 0));
}

#[test]
fn a_history_of_a_few_days_only_is_refused() {
    for (days, good) in [(0, true), (29, false), (30, true), (3650, true), (4_000_000, false)] {
        assert_eq!(HistoryConfig { keep_days: days }.validate().is_ok(), good, "{days}");
    }
}
