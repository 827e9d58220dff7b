//! Listings that are hard to believe: applied with a second copy, held, let through by a person, healed by a good one.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::http::{Answer, Server};
use crate::common::{Daemon, Site, ask, by_number, eventually, json, rmdd, status_of, stderr};
use rmdd::api::grpc::v1::{ApproveListingRequest, Awaits, GetStatusResponse, Reason, State, SyncOutcome, Verdict};
use rmdd::daemon::refill_if_gone;
use rmdd::listing::rewind::SnapshotRecord;
use rmdd::listing::vet::VetConfig;
use rmdd::store::{FILE_NAME, Store};
use rmdd_testkit::{Step, World};

/// The file without its last rows: what a download that broke off at a record's end looks like.
fn cut(csv: &[u8], rows: usize) -> Vec<u8> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv);
    let starts: Vec<u64> =
        reader.byte_records().map(|row| row.expect("a row").position().expect("a place").byte()).collect();
    csv[..usize::try_from(starts[starts.len() - rows]).expect("it fits")].to_vec()
}

fn numbers(world: &World) -> Vec<String> {
    world.rows().map(|row| row.get("number").to_owned()).collect()
}

fn codes(status: &GetStatusResponse) -> Vec<&str> {
    status.alarms.iter().map(|alarm| alarm.code.as_str()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A daemon that stands on this listing, and its source.
async fn standing_on(site: &Site, listing: &[u8]) -> (Daemon, Server) {
    let server = Server::start(Answer::csv(listing)).await;
    let daemon = site.start_with(&["--source", &server.url]);
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Applied);
    (daemon, server)
}

#[tokio::test]
async fn a_cut_file_is_never_applied_however_often_it_comes_and_the_next_whole_one_heals_it() {
    let world = World::new(61, 400);
    let (site, whole) = (Site::new(), world.to_csv());
    let (daemon, server) = standing_on(&site, &whole).await;
    let last = numbers(&world).pop().expect("a filing");
    let mut acceptance = daemon.acceptance().await;
    for rows in [3, 4, 40, 390] {
        server.answer(Answer::csv(&cut(&whole, rows)));
        for time in 1..=4_u64 {
            let sync = daemon.sync().await;
            assert_eq!(sync.outcome(), SyncOutcome::Held, "{rows} rows cut, time {time}");
            let status = daemon.status().await;
            assert!(codes(&status).contains(&"LISTING_HELD") && status.state() == State::Warning);
            assert!(status.alarms[0].message.contains("he end is missing"), "{}", status.alarms[0].message);
            let held = status.held.iter().find(|held| held.sha256 == sync.held_sha256).expect("it is held");
            assert_eq!((held.times, held.awaits(), held.gone), (time, Awaits::Person, rows as u64));
            let answer = ask(&mut acceptance, by_number(&last)).await;
            assert_eq!((answer.verdict(), answer.reason()), (Verdict::Accept, Reason::Listed));
        }
    }
    server.answer(Answer::csv(&whole));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Unchanged);
    let status = daemon.status().await;
    assert!(status.held.is_empty() && status.alarms.is_empty(), "{:?}", status.alarms);
    assert_eq!(status.last_change_serial, 400, "nothing was ever changed");
}

#[tokio::test]
async fn a_listing_that_waits_for_a_person_is_an_alarm_until_one_comes_whatever_later_syncs_bring() {
    let world = World::new(72, 300);
    let (site, whole) = (Site::new(), world.to_csv());
    let (daemon, server) = standing_on(&site, &whole).await;
    server.answer(Answer::csv(&cut(&whole, 5)));
    let held = daemon.sync().await;
    assert_eq!(held.outcome(), SyncOutcome::Held);
    server.answer(Answer::response("404 Not Found", "", b""));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Failed);
    let status = daemon.status().await;
    assert_eq!(codes(&status), ["SYNC_FAILED", "LISTING_HELD"]);
    assert!(status.alarms[1].message.contains(&hex(&held.held_sha256)[..12]), "{:?}", status.alarms);
    server.answer(Answer::ok("text/html", b"<html>maintenance</html>"));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Refused);
    daemon.terminate().await;
    let reported = json(&site.run(&["status", "--json"]));
    let reported: Vec<_> =
        reported["alarms"].as_array().expect("alarms").iter().map(|alarm| alarm["code"].clone()).collect();
    assert_eq!(reported, ["SYNC_REFUSED", "LISTING_HELD"], "the command says so as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_listing_is_let_through_by_its_digest_and_status_says_by_whom() {
    let world = World::new(62, 300);
    let (site, whole) = (Site::new(), world.to_csv());
    let (daemon, server) = standing_on(&site, &whole).await;
    let short = cut(&whole, 5);
    server.answer(Answer::csv(&short));
    let held = daemon.sync().await;
    let digest = hex(&held.held_sha256);
    // As many digits as a person types.
    let short_digest = &digest[..12];
    assert!(held.error.contains(&format!("rmdd sync --approve {short_digest}")), "{}", held.error);

    let unknown = site.run(&["sync", "--approve", &"ab".repeat(32), "--by", "alice"]);
    assert_eq!(status_of(&unknown), 2);
    assert!(stderr(&unknown).contains(short_digest), "it names those that are held: {}", stderr(&unknown));
    assert_eq!(status_of(&site.run(&["sync", "--approve", "12ab", "--by", "alice"])), 2);
    let mut admin = daemon.admin().await;
    let nobody = ApproveListingRequest { sha256: held.held_sha256.clone(), by: " ".to_owned() };
    assert!(admin.approve_listing(nobody).await.expect_err("refused").message().contains("say who"));
    assert_eq!(daemon.status().await.filings, 300, "nothing was changed by any of them");

    let approved = site.run(&["sync", "--approve", short_digest, "--by", "alice", "--json"]);
    assert_eq!(status_of(&approved), 0, "{}", stderr(&approved));
    let report = json(&approved);
    assert_eq!(
        (&report["outcome"], &report["removed"], &report["trigger"]),
        (&"applied".into(), &5.into(), &"approval".into())
    );
    let status = daemon.status().await;
    assert_eq!((status.filings, status.removed_filings, status.state()), (295, 5, State::Fresh));
    assert!(status.held.is_empty());
    let note = status.alarms.iter().find(|alarm| alarm.code == "LISTING_LET_THROUGH").expect("a note");
    assert!(note.message.contains("alice") && note.message.contains("he end is missing"), "{}", note.message);

    // It was wrong: what is back is no growth to be afraid of.
    server.answer(Answer::csv(&whole));
    let healed = daemon.sync().await;
    assert_eq!((healed.outcome(), healed.reinstated), (SyncOutcome::Applied, 5), "{}", healed.error);
    drop(daemon);

    // Without a daemon, and after a restart, the same.
    let source = server.url.clone();
    server.answer(Answer::csv(&short));
    let run = |arguments: &[&str]| site.run(arguments);
    let again = tokio::task::block_in_place(|| run(&["sync", "--source", &source, "--json"]));
    assert_eq!((status_of(&again), &json(&again)["outcome"]), (1, &"held".into()));
    let approved = tokio::task::block_in_place(|| run(&["sync", "--approve", &digest, "--by", "bob"]));
    assert_eq!(status_of(&approved), 0, "{}", stderr(&approved));

    // A store that is begun again has the same past: when each was applied, as often as it was, and by whom.
    let told = || {
        let records = Store::open_existing(&site.state_dir()).expect("opened").snapshot_records().expect("read");
        let told = |record: SnapshotRecord| {
            let notes = record.anomalies.iter().filter(|anomaly| anomaly.is_note()).map(ToString::to_string);
            (record.listing_sha256, record.applied_at, notes.collect::<Vec<_>>())
        };
        records.into_iter().map(told).collect::<Vec<_>>()
    };
    let before = told();
    assert_eq!(before.len(), 4);
    assert!(before[1].2[0].contains("alice") && before[3].2[0].contains("bob"), "{before:?}");
    std::fs::remove_file(site.state_dir().join(FILE_NAME)).expect("removed");
    refill_if_gone(&site.state_dir(), &VetConfig::default(), 1 << 30).expect("begun again");
    let after = told();
    assert_eq!(after[1..], before[1..]);
    assert_eq!((after[0].0, &after[0].2), (before[0].0, &before[0].2));
    assert_eq!(after[0].1.as_second(), before[0].1.as_second(), "its file says when, to the second");
}

#[tokio::test]
async fn a_wave_is_applied_once_a_second_copy_says_the_same() {
    let mut world = World::new(63, 300);
    let site = Site::new();
    let (daemon, server) = standing_on(&site, &world.to_csv()).await;
    let gone = world.advance(Step { remove: 30, list: 4, ..Step::default() }).removed;
    let asked = server.requests();
    server.answer(Answer::csv(&world.to_csv()));
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.removed), (SyncOutcome::Applied, 30), "{}", sync.error);
    assert_eq!(server.requests() - asked, 2, "within two fetches");
    let answer = ask(&mut daemon.acceptance().await, by_number(&gone[0])).await;
    assert_eq!((answer.verdict(), answer.reason()), (Verdict::Refuse, Reason::Removed));
    let status = daemon.status().await;
    assert_eq!(status.state(), State::Warning, "somebody should look at whom it took away");
    let note = status.alarms.iter().find(|alarm| alarm.code == "LISTING_CORROBORATED").expect("an alarm");
    assert!(note.message.contains("30 of 300"), "{}", note.message);
}

#[tokio::test]
async fn a_loss_that_a_second_copy_does_not_show_removes_nobody() {
    let world = World::new(64, 300);
    let (site, whole) = (Site::new(), world.to_csv());
    let (daemon, server) = standing_on(&site, &whole).await;
    // The very last filing may go; here it only fails to come once.
    let (short, fetches) = (cut(&whole, 1), AtomicUsize::new(0));
    let well = whole.clone();
    server.answer(Answer::by(move |_| match fetches.fetch_add(1, Ordering::Relaxed) {
        0 => Answer::csv(&short),
        _ => Answer::csv(&well),
    }));
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Unchanged, "{}", sync.error);
    let status = daemon.status().await;
    assert_eq!((status.removed_filings, status.held.len(), status.filings), (0, 0, 300));
}

#[tokio::test]
async fn copies_that_do_not_say_the_same_are_held_and_compared_again() {
    let mut world = World::new(65, 300);
    let site = Site::new();
    let (daemon, server) = standing_on(&site, &world.to_csv()).await;
    let start = world.clone();
    let mut wave = |seed: usize| {
        world = start.clone();
        // Another thirty each time: the world draws on.
        for _ in 0..seed {
            world.advance(Step::default());
            world.advance(Step { remove: 1, ..Step::default() });
        }
        world.advance(Step { remove: 30, ..Step::default() });
        world.to_csv()
    };
    let (first, second) = (wave(0), wave(3));
    let (fetches, both) = (AtomicUsize::new(0), [first, second.clone()]);
    server.answer(Answer::by(move |_| Answer::csv(&both[fetches.fetch_add(1, Ordering::Relaxed) % 2])));
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Held, "{}", sync.error);
    assert!(sync.error.contains("do not say the same"), "{}", sync.error);
    assert_eq!(daemon.status().await.removed_filings, 0);
    server.answer(Answer::csv(&second));
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Applied, "the last copy, come again: {}", sync.error);
}

#[tokio::test]
async fn a_first_copy_is_remembered_over_a_kill_and_the_next_fetch_is_the_second() {
    let mut world = World::new(66, 300);
    let site = Site::new();
    let (daemon, server) = standing_on(&site, &world.to_csv()).await;
    daemon.kill();
    world.advance(Step { remove: 30, ..Step::default() });
    server.answer(Answer::csv(&world.to_csv()));
    let mut patient = rmdd();
    patient.env("RMDD_VET__CORROBORATE_AFTER", "1h").arg("serve").arg("--state-dir").arg(site.state_dir());
    patient.args(["--grpc-listen", "off", "--source", &server.url]);
    let daemon = Daemon::spawn(patient);
    daemon.admin().await;
    let trigger = {
        let mut admin = daemon.admin().await;
        tokio::spawn(async move { admin.trigger_sync(rmdd::api::grpc::v1::TriggerSyncRequest {}).await })
    };
    let waiting = eventually("a copy waits for a second one", || async {
        Some(daemon.status().await).filter(|status| !status.held.is_empty())
    })
    .await;
    assert_eq!((waiting.held[0].awaits(), waiting.filings), (Awaits::SecondCopy, 300));
    daemon.kill();
    assert!(trigger.await.expect("it ended").is_err(), "whoever asked is told");

    let asked = server.requests();
    let daemon = site.start_with(&["--source", &server.url]);
    let sync = daemon.sync().await;
    assert_eq!(daemon.status().await.filings, 270, "{}", sync.error);
    assert!(server.requests() - asked <= 2, "one fetch was enough, and perhaps one more at the start");
}

#[tokio::test]
async fn a_policy_may_let_a_held_listing_through_that_the_source_goes_on_publishing() {
    let world = World::new(67, 300);
    let (site, whole) = (Site::new(), world.to_csv());
    let server = Server::start(Answer::csv(&whole)).await;
    let mut command = rmdd();
    command.env("RMDD_VET__RELEASE_HELD_AFTER", "0s").arg("serve").arg("--state-dir").arg(site.state_dir());
    command.args(["--grpc-listen", "off", "--source", &server.url]);
    let daemon = Daemon::spawn(command);
    daemon.first_sync().await;
    server.answer(Answer::csv(&cut(&whole, 9)));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Held, "never at the first time");
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.removed), (SyncOutcome::Applied, 9), "{}", sync.error);
    let status = daemon.status().await;
    assert!(status.alarms.iter().any(|alarm| alarm.message.contains("vet.release_held_after")));
}

#[tokio::test]
async fn four_times_tell_apart_how_fresh_things_are() {
    let world = World::new(68, 200);
    let (site, whole) = (Site::new(), world.to_csv());
    let (daemon, server) = standing_on(&site, &whole).await;
    let at = |time: &Option<prost_types::Timestamp>| time.as_ref().map(|at| (at.seconds, at.nanos)).expect("a time");
    let times = |status: &GetStatusResponse| {
        let snapshot = status.snapshot.as_ref().expect("a snapshot");
        (
            at(&status.last_contact_at),
            at(&snapshot.confirmed_at),
            at(&snapshot.fetched_at),
            status.content_as_of.clone(),
        )
    };
    let (contact, confirmed, changed, content) = times(&daemon.status().await);
    let newest = world.rows().map(|row| row.get("last_updated").to_owned()).max().expect("a date");
    assert_eq!(content, newest);

    daemon.sync().await;
    let unchanged = times(&daemon.status().await);
    assert!(unchanged.0 > contact && unchanged.1 > confirmed, "an unchanged listing is confirmed");
    assert_eq!((unchanged.2, &unchanged.3), (changed, &content), "and no newer");

    server.answer(Answer::csv(&cut(&whole, 9)));
    daemon.sync().await;
    let held = times(&daemon.status().await);
    assert!(held.0 > unchanged.0, "a held listing is contact with the source");
    assert_eq!(held.1, unchanged.1, "but confirms nothing");

    server.answer(Answer::response("403 Forbidden", "Content-Length: 0\r\n", b""));
    daemon.sync().await;
    assert_eq!(times(&daemon.status().await), held, "a source that gives nothing changes none of them");
}
