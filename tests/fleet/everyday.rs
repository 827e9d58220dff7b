//! What three sites come to hold, day by day, and that it is the same.

use rmdd::api::grpc::v1::{SyncOutcome, Verdict};
use rmdd::domain::{Anomaly, Log};
use rmdd::store::archive::{Application, Archive, Fate};
use rmdd_testkit::{Step, World};

use crate::common::http::Answer;
use crate::common::{ask, by_number, eventually, http_date, json, now, status_of, stderr, stdout};
use crate::sites::{Fleet, NEVER};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_site_does_is_in_force_at_all_with_the_same_serials_digests_times_and_events() {
    let mut world = World::new(501, 400);
    let Some(fleet) = Fleet::found(&world.to_csv(), 3, NEVER).await else { return };
    assert_eq!(fleet.agree().await.listing.expect("a listing").0, 1, "serials go on from those of the founder");
    assert_eq!(fleet.source.requests(), 1, "nobody but the founder has asked the source");

    // A removal, by a sync asked for at a site that does not fetch.
    let gone = world.advance(Step { remove: 2, amend: 3, list: 1, ..Step::default() }).removed;
    fleet.source.answer(Answer::csv(&world.to_csv()));
    let elsewhere = fleet.other().await;
    let synced = json(&fleet.ok(elsewhere, &["sync", "--json"]));
    assert_eq!((&synced["outcome"], &synced["snapshot_serial"]), (&"applied".into(), &2.into()), "{synced}");
    for daemon in fleet.running() {
        let mut client = daemon.acceptance().await;
        eventually("the removal is in force", || {
            let mut client = client.clone();
            let gone = gone[0].clone();
            async move { (ask(&mut client, by_number(&gone)).await.verdict() == Verdict::Refuse).then_some(()) }
        })
        .await;
        assert_eq!(ask(&mut client, by_number(&gone[1])).await.verdict(), Verdict::Refuse);
    }
    let told = fleet.agree().await;
    assert_eq!((told.listing.expect("a listing").0, told.removed, told.last_change), (2, 2, 406));
    assert_eq!(fleet.source.requests(), 2);

    // A confirmation.
    assert_eq!(fleet.daemon(elsewhere).sync().await.outcome(), SyncOutcome::Unchanged);
    assert_eq!(fleet.agree().await.last_sync.expect("a sync").2, i32::from(SyncOutcome::Unchanged));

    // Records, put at each site in turn, and one lifted.
    for (place, frn) in ["0041000001", "0041000002", "0041000003"].iter().enumerate() {
        fleet.ok(place, &["overrides", "add", "deny", frn, "--by", "ann", "--why", "a test"]);
    }
    fleet.ok(2, &["overrides", "remove", "0041000001", "--by", "bob", "--why", "over"]);
    let told = fleet.agree().await;
    assert_eq!(fleet.index(Log::Records).await, 4);
    assert!(told.records.contains("0041000003"), "{}", told.records);

    // A failed cycle.
    fleet.source.answer(Answer::response("503 Service Unavailable", "", b""));
    assert_eq!(fleet.daemon(elsewhere).sync().await.outcome(), SyncOutcome::Failed);
    assert_eq!(fleet.agree().await.failures, 1);

    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_listing_that_is_approved_at_another_site_is_in_force_at_all() {
    let mut world = World::new(502, 400);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 3, NEVER).await else { return };
    world.advance(Step { remove: 150, ..Step::default() });
    fleet.source.answer(Answer::csv(&world.to_csv()));
    let elsewhere = fleet.other().await;
    let fetches = || async { fleet.client.poll().await.expect("read").fetcher.expect("one fetches").token };
    let token = fetches().await;
    for _ in 0..3 {
        assert_eq!(fleet.daemon(elsewhere).sync().await.outcome(), SyncOutcome::Held);
    }
    let told = fleet.agree().await;
    assert_eq!(fetches().await, token, "a listing that has to be held is no fault of who fetches");
    let digest = hex::encode(told.held.first().expect("held"));
    // Its bytes come to all sites, so that any that fetches later can let it through.
    fleet.archived(&digest).await;
    let fetcher = fleet.fetcher().await;
    let (status, log) = fleet.daemons[fetcher].take().expect("it runs").terminate().await;
    assert!(status.success(), "{log}");
    eventually("another site fetches", || async { (fleet.fetcher().await != fetcher).then_some(()) }).await;
    let elsewhere = fleet.other().await;
    let refused = fleet.run(elsewhere, &["sync", "--approve", &"ab".repeat(32), "--by", "ann"]);
    assert_eq!(status_of(&refused), 2, "{}", stderr(&refused));
    let approved = json(&fleet.ok(elsewhere, &["sync", "--approve", &digest, "--by", "ann", "--json"]));
    assert_eq!(approved["snapshot_serial"], 2, "{approved}");
    fleet.start(fetcher);
    let told = fleet.agree().await;
    assert_eq!((told.listing.expect("a listing").2, told.held.len(), told.removed), (250, 0, 150));
    fleet.archived(&digest).await;
    // Every site can begin its store again with it, and knows who let it through.
    for place in 0..3 {
        eventually("it is written down as applied", || async { is_let_through(&fleet, place, &digest).then_some(()) })
            .await;
    }
    fleet.stop(elsewhere).await;
    leave_held(&fleet, elsewhere, &digest);
    let said = fleet.run(elsewhere, &["verify"]);
    assert_eq!(status_of(&said), 1, "{}", stdout(&said));
    assert!(stdout(&said).contains("was applied, and the name of its file says that it is held"), "{}", stdout(&said));
    fleet.start(elsewhere);
    eventually("it is again after a start", || async { is_let_through(&fleet, elsewhere, &digest).then_some(()) })
        .await;
    fleet.stop(elsewhere).await;
    fleet.ok(elsewhere, &["verify"]);
    fleet.end_alike().await;
}

/// Whether the archive of a site has a listing as one that was applied, and who let it through.
fn is_let_through(fleet: &Fleet, place: usize, digest: &str) -> bool {
    let archive = Archive::new(&fleet.sites[place].state_dir());
    let entries = archive.entries().expect("read");
    let fates: Vec<Fate> =
        entries.iter().filter(|entry| entry.sha256.to_string() == digest).map(|entry| entry.fate).collect();
    let by_ann = |note: &Application| {
        let person = matches!(&note.why, Some(Anomaly::LetThrough { by, .. }) if by == "ann");
        note.sha256.to_string() == digest && person
    };
    fates == [Fate::Applied] && archive.notes().read.iter().any(by_ann)
}

/// What versions before this left at a site that did not apply a listing itself.
fn leave_held(fleet: &Fleet, place: usize, digest: &str) {
    let directory = fleet.sites[place].state_dir().join("archive");
    for file in std::fs::read_dir(&directory).expect("read").map(|file| file.expect("a file").path()) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        match name.contains(digest) {
            true if name.ends_with(".json") => std::fs::remove_file(&file).expect("removed"),
            true => std::fs::rename(&file, directory.join(name.replace(".applied.", ".held."))).expect("renamed"),
            false => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_site_fetches_by_the_schedule_and_another_when_that_is_killed() {
    let world = World::new(503, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 3, "*/2 * * * * *").await else { return };
    let fetcher = fleet.fetcher().await;
    let fetched = |fleet: &Fleet| fleet.source.requests() as u64;
    let until = fetched(&fleet) + 3;
    eventually("the schedule goes on", || async { (fetched(&fleet) >= until).then_some(()) }).await;
    // The founder's own sync stands in its store alone; of each other fetch there is one entry, or there will be.
    let (before, entries) = (fetched(&fleet) - 1, fleet.index(Log::Listing).await);
    assert!(before <= entries + 1, "{before} fetches, {entries} entries");

    fleet.daemons[fetcher].take().expect("it runs").kill();
    let entries = fleet.index(Log::Listing).await;
    eventually("another site fetches", || async { (fleet.index(Log::Listing).await >= entries + 2).then_some(()) })
        .await;
    let next = fleet.fetcher().await;
    assert_ne!(next, fetcher);
    // One that was killed may have asked and not told.
    let (fetches, entries) = (fetched(&fleet) - 1, fleet.index(Log::Listing).await);
    assert!(fetches <= entries + 2, "{fetches} fetches, {entries} entries");

    // It comes again, catches up, and does not fetch.
    fleet.start(fetcher);
    let entries = fleet.index(Log::Listing).await;
    eventually("the one that was killed catches up", || async {
        let status = fleet.daemon(fetcher).status().await;
        (fleet.index(Log::Listing).await > entries && status.last_sync?.at?.seconds >= 0).then_some(())
    })
    .await;
    let (fetches, entries) = (fetched(&fleet) - 1, fleet.index(Log::Listing).await);
    assert!(fetches <= entries + 2, "{fetches} fetches, {entries} entries");

    // Stopped in good order, it is followed at once.
    let stopped = fleet.fetcher().await;
    let (status, log) = fleet.daemons[stopped].take().expect("it runs").terminate().await;
    assert!(status.success(), "{log}");
    let entries = fleet.index(Log::Listing).await;
    eventually("another site fetches", || async { (fleet.index(Log::Listing).await > entries).then_some(()) }).await;
    assert_ne!(fleet.fetcher().await, stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_sites_have_given_fetching_up_one_takes_it_up_again() {
    let mut world = World::new(506, 60);
    let Some(fleet) = Fleet::found(&world.to_csv(), 2, "* * * * * *").await else { return };
    fleet.source.answer(Answer::response("404 Not Found", "Content-Length: 0\r\n", b""));
    // Two failures each, and each leaves it to the other.
    eventually("both have given it up", || async {
        let failures = fleet.daemon(0).status().await.failures_since;
        (failures >= 4 && fleet.client.poll().await.ok()?.fetcher.is_none()).then_some(())
    })
    .await;
    world.advance(Step { remove: 1, ..Step::default() });
    fleet.source.answer(Answer::csv(&world.to_csv()));
    eventually("the listing comes", || async {
        let status = fleet.daemon(0).status().await;
        (status.snapshot?.serial == 2 && status.failures_since == 0).then_some(())
    })
    .await;
    fleet.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_source_has_another_time_than_all_sites_it_is_asked_all_the_same() {
    let world = World::new(507, 60);
    let Some(fleet) = Fleet::found(&world.to_csv(), 2, "* * * * * *").await else { return };
    let ahead = http_date(now() + jiff::SignedDuration::from_hours(1));
    let csv = world.to_csv();
    let headers = format!("Date: {}\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n", ahead, csv.len());
    fleet.source.answer(Answer::response("200 OK", &headers, &csv));
    // Each leaves it to the other, once.
    let before = fleet.index(Log::Listing).await;
    eventually("it is asked", || async { (fleet.index(Log::Listing).await >= before + 4).then_some(()) }).await;
}
