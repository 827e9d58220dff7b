//! Cycles over a real store and a file, by the way that everybody takes.

use std::path::Path;

use rmdd_testkit::{Step, World};

use super::*;
use crate::daemon::{Opened, publish_stored};
use crate::domain::{SnapshotSerial, SyncOutcome, SyncRecord, SyncTrigger};
use crate::store::Store;

fn settings(source: &Path) -> SyncSettings {
    SyncSettings {
        source: Source::read(&source.display().to_string()).expect("a source"),
        fallbacks: Vec::new(),
        fetch: FetchConfig::default(),
        vet: VetConfig::default(),
        archive: ArchiveConfig::default(),
        history: HistoryConfig::default(),
    }
}

fn applied(record: &SyncRecord) -> u64 {
    match record.outcome {
        SyncOutcome::Applied { serial, .. } => serial.0,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_snapshot_that_was_committed_without_a_word_is_served_by_the_next_cycle() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("listing.csv");
    let mut world = World::new(91, 400);
    let step = Step { list: 2, amend: 5, remove: 2, reinstate: 0 };
    std::fs::write(&file, world.to_csv()).expect("written");
    let Opened { store, index, sync_state, .. } =
        publish_stored(Store::open(&directory.path().join("state")).expect("made")).expect("read");
    let archive = Archive::new(&directory.path().join("state"));
    let (syncer, sync) =
        Syncer::new(Ledger::Own(Arc::clone(&store)), Arc::clone(&index), sync_state, settings(&file), archive);
    let running = tokio::spawn(syncer.run(CancellationToken::new()));
    assert_eq!(applied(&sync.sync(SyncTrigger::Operator).await.expect("an outcome")), 1);

    // As if the disk had failed behind the last byte of a commit: it is done, and nobody has been told.
    world.advance(step);
    let listing =
        ArchivedListing { fetched_at: clock::now(), source: file.display().to_string(), bytes: world.to_csv() };
    assert_eq!(replay(&store, [listing], &VetConfig::default()).expect("stored").applied, 1);
    assert_eq!(index.load().as_ref().map(|index| index.snapshot().serial.0), Some(1), "nobody knows");

    world.advance(step);
    std::fs::write(&file, world.to_csv()).expect("written");
    assert_eq!(applied(&sync.sync(SyncTrigger::Operator).await.expect("an outcome")), 3);
    let served = index.load_full().expect("one");
    assert_eq!((served.snapshot().serial, served.removals().open_count()), (SnapshotSerial(3), 4));
    let serials: Vec<_> = store.snapshot_records().expect("read").iter().map(|record| record.serial.0).collect();
    assert_eq!(serials, [1, 2, 3]);
    drop(sync);
    running.await.expect("it ends with the last handle");
}

#[tokio::test]
async fn whoever_asks_while_a_cycle_runs_joins_it_and_gets_its_outcome() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("listing.csv");
    std::fs::write(&file, World::new(92, 100).to_csv()).expect("written");
    let Opened { store, index, sync_state, .. } =
        publish_stored(Store::open(&directory.path().join("state")).expect("made")).expect("read");
    let archive = Archive::new(&directory.path().join("state"));
    let (syncer, sync) = Syncer::new(Ledger::Own(store), index, sync_state, settings(&file), archive);
    // All of them wait before the first cycle begins, each by another way.
    let triggers = [SyncTrigger::Schedule, SyncTrigger::Operator, SyncTrigger::Retry, SyncTrigger::Reload];
    let mut asked = Vec::new();
    for trigger in triggers {
        let handle = sync.clone();
        asked.push(tokio::spawn(async move { handle.sync(trigger).await.expect("an outcome") }));
        while sync.requests.max_capacity() - sync.requests.capacity() < asked.len() {
            tokio::task::yield_now().await;
        }
    }
    let running = tokio::spawn(syncer.run(CancellationToken::new()));
    let mut outcomes = Vec::new();
    for outcome in asked {
        outcomes.push(outcome.await.expect("joined"));
    }
    assert_eq!(applied(&outcomes[0]), 1);
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "one cycle, for all of them: {outcomes:?}");
    assert_eq!(outcomes[0].trigger, SyncTrigger::Schedule, "that of the first");
    assert_eq!(*sync.completed().borrow(), 1);
    let next = sync.sync(SyncTrigger::Operator).await.expect("an outcome");
    assert!(matches!(next.outcome, SyncOutcome::Unchanged { .. }), "behind it, another: {next:?}");
    drop(sync);
    running.await.expect("it ends with the last handle");
}
