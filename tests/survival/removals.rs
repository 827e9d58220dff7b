//! A store that is begun again knows what went before the oldest listing of the archive.

use std::path::PathBuf;

use rmdd::api::grpc::v1::{CheckProviderRequest, Reason, State, check_provider_request};
use rmdd::store::archive::Archive;
use rmdd::store::removed::{self, REMOVALS_NAME};
use rmdd::store::{FILE_NAME, Store, verify_closed};
use rmdd_testkit::{Step, World};

use super::*;
use crate::common::{Daemon, by_frn, by_number, stdout};

const NOTHING: Step = Step { list: 0, amend: 0, remove: 0, reinstate: 0 };

/// A site at which filings have gone and come back, and whose archive does not reach back to that; and what it answers.
struct Grown {
    site: Site,
    world: World,
    questions: Vec<CheckProviderRequest>,
    answers: Vec<(i32, i32)>,
    removed: usize,
}

fn of_peer(id: &str) -> CheckProviderRequest {
    CheckProviderRequest {
        identity: Some(check_provider_request::Identity::Peer(id.to_owned())),
        ..CheckProviderRequest::default()
    }
}

/// Takes the oldest listings out of the archive, as `archive.keep` does in time, so that so many are left.
fn expire(site: &Site, left: usize) {
    let archive = Archive::new(&site.state_dir());
    let entries = archive.entries().expect("read");
    let files: Vec<PathBuf> =
        std::fs::read_dir(archive.directory()).expect("read").map(|file| file.expect("one").path()).collect();
    for entry in &entries[..entries.len() - left] {
        let digest = entry.sha256.to_string();
        let file = files.iter().find(|file| file.to_string_lossy().contains(&digest)).expect("its file");
        std::fs::remove_file(file).expect("removed");
    }
}

async fn publish(site: &Site, daemon: &Daemon, world: &World) {
    site.publish(&world.to_csv());
    let sync = daemon.sync().await;
    assert!(sync.error.is_empty() && sync.snapshot_serial > 0, "{sync:?}");
}

impl Grown {
    async fn new() -> Self {
        let mut world = World::new(85, 120);
        let rows: Vec<_> = world.rows().map(|row| (row.get("number").to_owned(), row.get("frn").to_owned())).collect();
        let (old, now, other) = (&rows[3], &rows[60], &rows[30]);
        // A provider that filed anew: the old filing goes, and what is on record by its number is about the new one too.
        world.row_mut(&now.0).expect("it stands").set("frn", old.1.clone());
        let site = Site::with_listing(&world.to_csv());
        let daemon = site.start();
        daemon.first_sync().await;
        let by = ["--by", "alice", "--why", "a test"];
        ok(&site, &[&["overrides", "add", "deny", &old.0][..], &by].concat());
        ok(&site, &[&["peers", "add", "TG-1", &old.0][..], &by].concat());
        ok(&site, &[&["peers", "add", "TG-2", &other.0][..], &by].concat());
        let mut gone = vec![old.clone(), other.clone()];
        for (number, _) in &gone {
            world.remove(number).expect("it stood");
        }
        publish(&site, &daemon, &world).await;
        let went = world.advance(Step { remove: 3, ..NOTHING }).removed;
        publish(&site, &daemon, &world).await;
        let back = world.advance(Step { reinstate: 1, ..NOTHING }).reinstated;
        publish(&site, &daemon, &world).await;
        let frn = |number: &String| rows.iter().find(|row| row.0 == *number).expect("known").1.clone();
        let released = ["--released", "2026-03-12", "--by", "alice"];
        ok(&site, &[&["orders", "add", "removal", "DA 26-1", &frn(&back[0])][..], &released].concat());
        gone.extend(went.iter().filter(|number| !back.contains(number)).map(|number| (number.clone(), frn(number))));
        for _ in 0..2 {
            world.advance(Step { amend: 4, ..NOTHING });
            publish(&site, &daemon, &world).await;
        }
        let mut questions = vec![of_peer("TG-1"), of_peer("TG-2"), by_number(&back[0]), by_frn(&frn(&back[0]))];
        for (number, frn) in &gone {
            questions.extend([by_number(number), by_frn(frn)]);
        }
        let answers = answers(&daemon, &questions).await;
        let reasons: Vec<_> = answers.iter().map(|(_, reason)| Reason::try_from(*reason).expect("known")).collect();
        assert!(reasons[..2].contains(&Reason::Override) && reasons.contains(&Reason::Removed), "{reasons:?}");
        assert_ne!(reasons[2], Reason::RemovalOrder, "the order is spent");
        daemon.terminate().await;
        expire(&site, 2);
        Self { site, world, questions, answers, removed: gone.len() }
    }

    fn lose_store(&self) {
        std::fs::remove_file(self.site.state_dir().join(FILE_NAME)).expect("removed");
    }
}

#[tokio::test]
async fn what_went_before_the_archive_begins_is_known_to_a_store_that_is_begun_again() {
    let grown = Grown::new().await;
    let before = stdout(&grown.site.run(&["removals", "--json"]));
    grown.lose_store();
    for start in ["the first", "another"] {
        let daemon = grown.site.start();
        daemon.first_sync().await;
        assert_eq!(answers(&daemon, &grown.questions).await, grown.answers, "{start}");
        let status = daemon.status().await;
        assert!(!codes(&status).contains(&"RECORDS_LOST"), "{status:?}");
        daemon.terminate().await;
        assert_eq!(verify_closed(&grown.site.state_dir()).expect("checked").faults, Vec::<String>::new(), "{start}");
    }
    let after = stdout(&grown.site.run(&["removals", "--json"]));
    let numbers = |text: &str| text.matches("\"RMD").count();
    assert_eq!(numbers(&after), numbers(&before), "{after}\n{before}");
    let store = Store::open_existing(&grown.site.state_dir()).expect("opened");
    assert_eq!(store.load().expect("loaded").removals.open_count(), grown.removed);
    let oldest = store.oldest_snapshot().expect("read").expect("one");
    let earlier = oldest.applied_at - jiff::SignedDuration::from_secs(1);
    assert!(store.snapshot_at(earlier).expect("read").then().is_none(), "history begins with the archive");
    // The next listing goes on from there.
    drop(store);
    let daemon = grown.site.start();
    let mut world = grown.world;
    let back = world.advance(Step { reinstate: 1, ..NOTHING }).reinstated;
    publish(&grown.site, &daemon, &world).await;
    let report = daemon.status().await.last_sync.expect("one");
    assert_eq!(
        (report.listed, report.reinstated),
        (0, 1),
        "what went before the archive begins comes back: {report:?}"
    );
    let answer = answers(&daemon, &[by_number(&back[0])]).await;
    assert_ne!(answer[0].1, i32::from(Reason::Removed));
    daemon.terminate().await;
    let verified = verify_closed(&grown.site.state_dir()).expect("checked");
    assert_eq!((verified.faults, verified.archive_faults), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_copy_of_removals_that_is_damaged_is_said_and_not_used() {
    let grown = Grown::new().await;
    let path = grown.site.state_dir().join(REMOVALS_NAME);
    let mut bytes = std::fs::read(&path).expect("written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    grown.lose_store();
    let daemon = grown.site.start();
    daemon.first_sync().await;
    let status = daemon.status().await;
    let said = status.alarms.iter().find(|alarm| alarm.code == "RECORDS_LOST").expect("an alarm");
    assert!(said.message.contains(REMOVALS_NAME) && said.message.contains("damaged"), "{status:?}");
    assert_eq!(status.state(), State::Critical);
    assert_ne!(answers(&daemon, &grown.questions).await, grown.answers, "nothing else knows of it");
    daemon.terminate().await;
    let state_dir = grown.site.state_dir();
    assert!(removed::read(&state_dir).expect("good").is_some(), "it is written anew");
    let kept = std::fs::read_dir(&state_dir)
        .expect("read")
        .flatten()
        .find(|file| file.file_name().to_string_lossy().starts_with("removals.jsonl.damaged-"));
    assert!(std::fs::read(kept.expect("kept").path()).expect("read") == bytes);
}

#[tokio::test]
async fn where_the_archive_is_gone_with_the_store_it_is_said_that_removals_are_not_known() {
    let grown = Grown::new().await;
    let good = std::fs::read(grown.site.state_dir().join(REMOVALS_NAME)).expect("written");
    std::fs::remove_dir_all(grown.site.state_dir().join("archive")).expect("removed");
    grown.lose_store();
    for start in ["the first", "another"] {
        let daemon = grown.site.start();
        daemon.first_sync().await;
        let status = daemon.status().await;
        let said = status.alarms.iter().find(|alarm| alarm.code == "RECORDS_LOST").expect("an alarm");
        assert!(said.message.contains(REMOVALS_NAME), "{start}: {status:?}");
        daemon.terminate().await;
    }
    let mut files = std::fs::read_dir(grown.site.state_dir()).expect("read").flatten();
    let kept = files.find(|file| file.file_name().to_string_lossy().starts_with("removals.jsonl.other-"));
    assert!(std::fs::read(kept.expect("kept").path()).expect("read") == good);
}

#[tokio::test]
async fn a_copy_of_another_store_is_not_used_and_one_that_is_missing_is_written_at_the_next_start() {
    let (grown, other) = (Grown::new().await, Site::with_listing(&World::new(86, 60).to_csv()));
    let daemon = other.start();
    daemon.first_sync().await;
    daemon.terminate().await;
    let path = grown.site.state_dir().join(REMOVALS_NAME);
    let good = std::fs::read(&path).expect("written");
    std::fs::remove_file(&path).expect("removed");
    let daemon = grown.site.start();
    daemon.first_sync().await;
    daemon.terminate().await;
    assert!(std::fs::read(&path).expect("written") == good, "made from the store");
    std::fs::copy(other.state_dir().join(REMOVALS_NAME), &path).expect("copied");
    grown.lose_store();
    let daemon = grown.site.start();
    daemon.first_sync().await;
    let status = daemon.status().await;
    assert!(status.alarms.iter().any(|alarm| alarm.message.contains("it is of another store")), "{status:?}");
    daemon.terminate().await;
}

#[tokio::test]
async fn a_daemon_that_is_killed_while_it_writes_the_copy_leaves_a_whole_one() {
    let mut draw = Draw(7);
    let mut world = World::new(87, 400);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    daemon.terminate().await;
    for round in 0..times("RMDD_TEST_KILLS", 6) {
        let daemon = site.start();
        world.advance(Step { list: 2, amend: 5, remove: 2, reinstate: 1 });
        site.publish(&world.to_csv());
        let sync = daemon.sync();
        let _ = tokio::time::timeout(std::time::Duration::from_micros(draw.below(60_000) as u64), sync).await;
        daemon.kill();
        let copy = removed::read(&site.state_dir()).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(copy.is_some(), "round {round}");
    }
    let daemon = site.start();
    daemon.sync().await;
    daemon.terminate().await;
    let store = Store::open_existing(&site.state_dir()).expect("opened");
    let loaded = store.load().expect("loaded");
    let copy = removed::read(&site.state_dir()).expect("good").expect("there");
    assert_eq!(Some(copy.snapshot), loaded.snapshot.map(|snapshot| snapshot.serial));
    assert_eq!((copy.removals.len(), &copy.first_sights), (loaded.removals.count(), loaded.removals.first_sights()));
    let left = std::fs::read_dir(site.state_dir()).expect("read").flatten().map(|file| file.file_name());
    let left: Vec<_> = left.map(|name| name.to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|name| name.starts_with("removals.jsonl.")), "{left:?}");
}
