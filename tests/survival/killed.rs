//! SIGKILL while records are changed: what was acknowledged stands in store and journal after the next start, and what was
//! not stands in both or in neither, whole.
//!
//! `RMDD_TEST_KILLS=300` kills as often.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rmdd::api::grpc::v1::record::{Body, Provider};
use rmdd::api::grpc::v1::{Override, OverrideAction, PutRecordsRequest, Record, RemoveRecordsRequest};
use rmdd::store::{JOURNAL_NAME, Store, verify_closed};
use rmdd_testkit::World;

use super::*;
use crate::common::{Daemon, PATIENCE};

const KILLS: usize = 12;

fn record(frn: u64, why: &str) -> Record {
    Record {
        provider: Some(Provider::Frn(format!("{frn:010}"))),
        body: Some(Body::Override(Override { action: OverrideAction::Deny.into() })),
        why: why.to_owned(),
        ..Record::default()
    }
}

/// The reasons that stand on record, by FRN.
type Stand = BTreeMap<u64, String>;

/// Changes records, one change after the other, until the daemon is gone. Returns what stood after the last that was
/// acknowledged, and what would after the one that was under way.
async fn change(daemon: &Daemon, mut stand: Stand, mut draw: Draw, acknowledged: &AtomicUsize) -> (Stand, Stand) {
    let mut admin = daemon.admin().await;
    loop {
        let mut next = stand.clone();
        let first = 1 + draw.below(30) as u64;
        let done = if draw.below(4) == 0 && stand.contains_key(&first) {
            next.remove(&first);
            let kind = rmdd::api::grpc::v1::RecordKind::Override.into();
            let ids = vec![format!("{first:010}")];
            let request = RemoveRecordsRequest { kind, ids, by: "alice".to_owned(), why: "a test".to_owned() };
            admin.remove_records(request).await.map(|_| ())
        } else {
            // Of several records all are there, or none.
            let frns = first..first + 1 + draw.below(6) as u64;
            let why = format!("change {}", draw.next());
            next.extend(frns.clone().map(|frn| (frn, why.clone())));
            let records = frns.map(|frn| record(frn, &why)).collect();
            let request = PutRecordsRequest { records, replace: true, by: "alice".to_owned() };
            admin.put_records(request).await.map(|_| ())
        };
        if done.is_err() {
            return (stand, next);
        }
        stand = next;
        acknowledged.fetch_add(1, Ordering::Release);
    }
}

fn stored(site: &Site) -> Stand {
    let store = Store::open_existing(&site.state_dir()).expect("opened");
    let records = store.load_records().expect("loaded").0;
    records.iter().map(|record| (record.id().parse().expect("an FRN"), record.why.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_point_of_a_change_leaves_it_in_store_and_journal_or_in_neither() {
    let kills = times("RMDD_TEST_KILLS", KILLS);
    let site = Site::with_listing(&World::new(82, 60).to_csv());
    let start = || site.start_with(&["--source", &site.listing().display().to_string()]);
    start().terminate().await;
    let (mut stand, mut draw) = (Stand::new(), Draw(82));
    let (mut acknowledged, mut completed) = (0, 0);
    for kill in 0..kills {
        let daemon = start();
        // Behind so many changes, at some point of the next ones: as long as one took.
        let (behind, share) = (1 + draw.below(4), draw.below(1000) as u32);
        let (count, pid) = (Arc::new(AtomicUsize::new(0)), daemon.pid());
        let seen = Arc::clone(&count);
        let killer = std::thread::spawn(move || {
            let deadline = Instant::now() + PATIENCE;
            let mut last = Instant::now();
            let mut took = Duration::ZERO;
            let mut before = 0;
            while before < behind && Instant::now() < deadline {
                let now = seen.load(Ordering::Acquire);
                if now > before {
                    (took, last, before) = (last.elapsed(), Instant::now(), now);
                }
                std::thread::yield_now();
            }
            // The one sleep of this test: when the kill falls.
            #[expect(clippy::disallowed_methods, reason = "what is tested is a kill at this time")]
            std::thread::sleep(took * share * 3 / 2 / 1000);
            std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("killed")
        });
        let (before, next) = change(&daemon, stand, Draw(draw.next()), &count).await;
        killer.join().expect("joined");
        daemon.kill();
        acknowledged += count.load(Ordering::Acquire);
        // The next start is a start like any other.
        drop(Store::open(&site.state_dir()).unwrap_or_else(|error| panic!("kill {kill}: {error}")));
        stand = stored(&site);
        completed += usize::from(stand == next && next != before);
        assert!(stand == before || stand == next, "kill {kill}: {stand:?}\n{before:?}\n{next:?}");
        let verified = verify_closed(&site.state_dir()).expect("checked");
        assert_eq!((verified.faults, verified.journal_faults), (vec![], vec![]), "kill {kill}");
        assert_eq!(verified.journal_events, verified.record_events, "kill {kill}: in both");
        assert_eq!(Store::open_existing(&site.state_dir()).expect("opened").records_notice(), None, "kill {kill}");
    }
    assert!(acknowledged >= kills, "{acknowledged} changes were acknowledged before {kills} kills");
    println!("{kills} kills: {acknowledged} changes acknowledged, {completed} more completed");
    // With the journal alone, and no store, it is the same.
    std::fs::remove_file(site.state_dir().join(rmdd::store::FILE_NAME)).expect("removed");
    assert!(std::fs::metadata(site.state_dir().join(JOURNAL_NAME)).is_ok());
    let daemon = start();
    daemon.first_sync().await;
    assert!(codes(&daemon.status().await).contains(&"RECORDS_MENDED"));
    daemon.terminate().await;
    assert_eq!(stored(&site), stand);
}
