//! Watching: every change once and in order, whoever is killed in between, over real sockets and by the real command.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

use crate::common::{Daemon, PATIENCE, Site, by_frn, eventually, rmdd, status_of, stderr};
use rmdd::api::grpc::v1::admin_service_client::AdminServiceClient;
use rmdd::api::grpc::v1::listing_service_client::ListingServiceClient;
use rmdd::api::grpc::v1::watch_changes_request::Start;
use rmdd::api::grpc::v1::watch_changes_response::Event;
use rmdd::api::grpc::v1::{
    Change, Checkpoint, ListChangesRequest, SnapshotRef, TriggerSyncRequest, WatchChangesRequest, WatchChangesResponse,
};
use rmdd::store::archive::DIRECTORY;
use rmdd::store::{FILE_NAME, Store};
use rmdd_testkit::{Step, World};
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

const STEP: Step = Step { list: 3, amend: 12, remove: 4, reinstate: 2 };

/// Settings by which large waves are applied at once.
const BELIEVING: &str = "[vet]\ncorroborate_loss_percent = 90.0\nmax_loss_percent = 90.0\ncorroborate_growth_percent = 90.0\n\
    max_growth_percent = 90.0\ncorroborate_amended_percent = 100.0\nmax_amended_percent = 100.0\n";

async fn watch(daemon: &Daemon, start: Start) -> Result<Streaming<WatchChangesResponse>, Status> {
    watch_knowing(daemon, start, None).await
}

async fn watch_knowing(
    daemon: &Daemon,
    start: Start,
    known: Option<SnapshotRef>,
) -> Result<Streaming<WatchChangesResponse>, Status> {
    let request = WatchChangesRequest { start: Some(start), known };
    daemon.listing().await.watch_changes(request).await.map(tonic::Response::into_inner)
}

/// Watches with windows so small that what is on the way does not hold all there is.
async fn watch_slowly(daemon: &Daemon, start: Start, known: Option<SnapshotRef>) -> Streaming<WatchChangesResponse> {
    let channel = Endpoint::from_shared(daemon.tcp.clone().expect("a TCP listener"))
        .expect("an address")
        .initial_stream_window_size(16 << 10)
        .connect()
        .await
        .expect("connected");
    let request = WatchChangesRequest { start: Some(start), known };
    ListingServiceClient::new(channel).watch_changes(request).await.expect("watching").into_inner()
}

async fn next(watching: &mut Streaming<WatchChangesResponse>) -> Result<Event, Status> {
    let next = tokio::time::timeout(PATIENCE, watching.message()).await.expect("something comes");
    next.map(|next| next.expect("no end without a reason").event.expect("an event"))
}

/// The changes up to the checkpoint that says that there are no more, and that checkpoint.
async fn until_caught_up(watching: &mut Streaming<WatchChangesResponse>) -> (Vec<Change>, Checkpoint) {
    let mut changes = Vec::new();
    loop {
        match next(watching).await.expect("an event") {
            Event::Change(change) => changes.push(change),
            Event::Checkpoint(checkpoint) if checkpoint.caught_up => return (changes, checkpoint),
            Event::Checkpoint(_) => {}
        }
    }
}

/// All changes, as they are listed.
async fn listed(daemon: &Daemon) -> Vec<Change> {
    let mut listing = daemon.listing().await;
    let mut changes: Vec<Change> = Vec::new();
    loop {
        let after_serial = changes.last().map_or(0, |change| change.serial);
        let request = ListChangesRequest { after_serial, ..ListChangesRequest::default() };
        let page = listing.list_changes(request).await.expect("changes").into_inner();
        if page.changes.is_empty() {
            return changes;
        }
        changes.extend(page.changes);
    }
}

fn reason_of(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

fn advance(world: &mut World, site: &Site, step: Step) {
    world.advance(step);
    site.publish(&world.to_csv());
}

/// A site with settings, its daemon's arguments, and the world of its listing.
fn configured(seed: u64, filings: usize, settings: &str) -> (World, Site, Vec<String>) {
    let world = World::new(seed, filings);
    let site = Site::with_listing(&world.to_csv());
    let config = site.configure(settings);
    let arguments = ["--source", &site.listing().display().to_string(), "--config", &config];
    let arguments = arguments.map(str::to_owned).to_vec();
    (world, site, arguments)
}

fn start(site: &Site, arguments: &[String]) -> Daemon {
    site.start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Takes the store away, and the raw listings of which it would be filled again.
fn begin_anew(site: &Site) {
    std::fs::remove_file(site.state_dir().join(FILE_NAME)).expect("removed");
    std::fs::remove_dir_all(site.state_dir().join(DIRECTORY)).expect("removed");
}

#[tokio::test]
async fn every_change_comes_once_and_in_order_through_syncs_kills_and_restarts() {
    const ROUNDS: usize = 12;
    // Several pages a listing, and more than is on the way to a client at a time.
    const WAVE: Step = Step { list: 30, amend: 900, remove: 40, reinstate: 20 };
    let (mut world, site, arguments) = configured(91, 1200, BELIEVING);
    let mut daemon = start(&site, &arguments);
    let mut seen: Vec<Change> = Vec::new();
    let mut known = None;
    let (mut broke_off, mut were_caught_up) = (0, 0);
    for round in 0..ROUNDS {
        // What the last kill has kept from being applied is applied now; the next listing is the round's own.
        daemon.first_sync().await;
        let stood = daemon.status().await.snapshot.expect("a listing").serial;
        // With what a client knows, and without.
        let knows = known.clone().filter(|_| round % 2 == 0);
        let behind = seen.last().map_or(0, |change: &Change| change.serial);
        let mut watching = watch_slowly(&daemon, Start::AfterSerial(behind), knows).await;
        advance(&mut world, &site, WAVE);
        let channel = daemon.unix().await;
        let syncing = tokio::spawn(async move {
            let mut admin = AdminServiceClient::new(channel);
            // In some rounds the daemon is killed before it answers.
            let _ = admin.trigger_sync(TriggerSyncRequest {}).await;
        });
        // Some rounds end before the sync is done, some amid its changes, some behind them.
        let takes = [0, 1, 300, 700, 1100, usize::MAX][round % 6];
        let mut taken = 0;
        while taken < takes {
            match next(&mut watching).await.expect("an event") {
                Event::Change(change) => {
                    seen.push(change);
                    taken += 1;
                }
                Event::Checkpoint(checkpoint) => {
                    assert_eq!(checkpoint.last_serial, seen.last().map_or(0, |change| change.serial));
                    let snapshot = checkpoint.snapshot.expect("a snapshot");
                    assert_eq!(seen.last().map(|change| change.snapshot_serial), Some(snapshot.serial));
                    let is_own = snapshot.serial > stood;
                    known = Some(snapshot);
                    if is_own && checkpoint.caught_up {
                        break;
                    }
                }
            }
        }
        daemon.kill();
        syncing.await.expect("it ended");
        // What had come already counts; then the connection breaks.
        while let Ok(event) = next(&mut watching).await {
            match event {
                Event::Change(change) => seen.push(change),
                Event::Checkpoint(checkpoint) => known = checkpoint.snapshot,
            }
        }
        let committed = Store::open(&site.state_dir()).expect("opened").changes_kept().expect("read").last.0;
        if (seen.len() as u64) < committed {
            broke_off += 1;
        } else {
            were_caught_up += 1;
        }
        daemon = start(&site, &arguments);
    }
    daemon.first_sync().await;
    let behind = seen.last().expect("some came").serial;
    let mut watching = watch_knowing(&daemon, Start::AfterSerial(behind), known).await.expect("it goes on");
    let (rest, checkpoint) = until_caught_up(&mut watching).await;
    seen.extend(rest);
    let all = listed(&daemon).await;
    assert_eq!(checkpoint.last_serial, all.len() as u64);
    assert!(seen == all, "{} came and {} are on record", seen.len(), all.len());
    assert!(broke_off > 1 && were_caught_up > 1, "the kills fell here and there: {broke_off}, {were_caught_up}");
    let serials: Vec<u64> = seen.iter().map(|change| change.serial).collect();
    assert_eq!(serials, (1..=all.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_listing_ends_with_a_checkpoint_and_a_confirmed_one_gets_another() {
    let mut world = World::new(92, 120);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    for _ in 0..3 {
        advance(&mut world, &site, STEP);
        daemon.sync().await;
    }
    let all = listed(&daemon).await;
    let mut watching = watch(&daemon, Start::AfterSerial(0)).await.expect("watching");
    let mut reported = Vec::new();
    let mut last = 0;
    while reported.len() < 4 {
        match next(&mut watching).await.expect("an event") {
            Event::Change(change) => last = change.serial,
            Event::Checkpoint(checkpoint) => {
                assert_eq!(checkpoint.last_serial, last);
                let snapshot = checkpoint.snapshot.expect("a snapshot");
                assert_eq!(snapshot.sha256.len(), 32);
                reported.push((snapshot.serial, last, checkpoint.caught_up));
            }
        }
    }
    let ends = |serial: u64| all.iter().rfind(|change| change.snapshot_serial == serial).expect("changes").serial;
    assert_eq!(reported, [(1, ends(1), false), (2, ends(2), false), (3, ends(3), false), (4, ends(4), true)]);

    let before = daemon.status().await.snapshot.expect("a snapshot").confirmed_at;
    daemon.sync().await;
    let Event::Checkpoint(checkpoint) = next(&mut watching).await.expect("an event") else { panic!("nothing changed") };
    let snapshot = checkpoint.snapshot.expect("a snapshot");
    assert_eq!((snapshot.serial, checkpoint.last_serial, checkpoint.caught_up), (4, all.len() as u64, true));
    assert_ne!(snapshot.confirmed_at, before);

    // Whoever begins here finds what is served as it stands, and nothing of what was.
    let mut now = watch(&daemon, Start::FromNow(true)).await.expect("watching");
    let (nothing, checkpoint) = until_caught_up(&mut now).await;
    assert_eq!((nothing.len(), checkpoint.last_serial), (0, all.len() as u64));
    advance(&mut world, &site, STEP);
    daemon.sync().await;
    let (these, _) = until_caught_up(&mut now).await;
    let (those, _) = until_caught_up(&mut watching).await;
    assert_eq!(these, listed(&daemon).await[all.len()..]);
    assert_eq!(these, those);
}

#[tokio::test]
async fn whoever_hears_of_a_change_is_answered_by_it() {
    let mut world = World::new(93, 120);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut watching = watch(&daemon, Start::FromNow(true)).await.expect("watching");
    until_caught_up(&mut watching).await;
    let mut acceptance = daemon.acceptance().await;
    for _ in 0..4 {
        advance(&mut world, &site, Step { remove: 2, ..Step::default() });
        let channel = daemon.unix().await;
        let syncing = tokio::spawn(async move {
            let mut admin = AdminServiceClient::new(channel);
            admin.trigger_sync(TriggerSyncRequest {}).await.expect("an outcome");
        });
        let Event::Change(change) = next(&mut watching).await.expect("an event") else { panic!("a removal") };
        let answer = crate::common::ask(&mut acceptance, crate::common::by_number(&change.number)).await;
        assert!(answer.snapshot.expect("a snapshot").serial >= change.snapshot_serial);
        until_caught_up(&mut watching).await;
        syncing.await.expect("it ended");
    }
}

#[tokio::test]
async fn a_watcher_without_news_hears_so_again_and_again() {
    let (_, site, arguments) = configured(94, 60, "[limits]\nwatcher_checkpoint = \"20ms\"\n");
    let daemon = start(&site, &arguments);
    daemon.first_sync().await;
    let mut watching = watch(&daemon, Start::FromNow(true)).await.expect("watching");
    for _ in 0..20 {
        let Event::Checkpoint(checkpoint) = next(&mut watching).await.expect("an event") else { panic!("no news") };
        assert_eq!((checkpoint.last_serial, checkpoint.caught_up), (60, true));
    }
}

#[tokio::test]
async fn many_watchers_hear_the_same() {
    let mut world = World::new(95, 120);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut watchers = Vec::new();
    for _ in 0..60 {
        let mut watching = watch(&daemon, Start::FromNow(true)).await.expect("watching");
        until_caught_up(&mut watching).await;
        watchers.push(watching);
    }
    advance(&mut world, &site, STEP);
    daemon.sync().await;
    let all = listed(&daemon).await;
    for mut watching in watchers {
        assert_eq!(until_caught_up(&mut watching).await.0, all[120..]);
    }
}

#[tokio::test]
async fn a_watcher_that_takes_nothing_is_told_so_and_dropped_and_can_come_again_without_loss() {
    let settings = "[limits]\nwatchers = 1\nwatcher_patience = \"100ms\"\n";
    let (_, site, arguments) = configured(96, 9000, settings);
    let daemon = start(&site, &arguments);
    daemon.first_sync().await;
    let mut watching = watch_slowly(&daemon, Start::AfterSerial(0), None).await;
    // It reads no more. Its place is free again once it was dropped.
    let mut other = eventually("it is dropped", || async {
        match watch(&daemon, Start::FromNow(true)).await {
            Ok(other) => Some(other),
            Err(status) => {
                assert_eq!(reason_of(&status), (Code::ResourceExhausted, "TOO_MANY_WATCHERS".to_owned()));
                None
            }
        }
    })
    .await;
    until_caught_up(&mut other).await;
    drop(other);
    let mut seen = Vec::new();
    let end = loop {
        match next(&mut watching).await {
            Ok(Event::Change(change)) => seen.push(change),
            Ok(Event::Checkpoint(checkpoint)) => panic!("it cannot be done: {checkpoint:?}"),
            Err(end) => break end,
        }
    };
    assert_eq!(reason_of(&end), (Code::ResourceExhausted, "WATCHER_TOO_SLOW".to_owned()));
    assert!(!seen.is_empty() && seen.len() < 9000, "{}", seen.len());
    let behind = seen.last().expect("some").serial;
    let mut watching =
        eventually("there is room", || async { watch(&daemon, Start::AfterSerial(behind)).await.ok() }).await;
    seen.extend(until_caught_up(&mut watching).await.0);
    assert!(seen == listed(&daemon).await, "all of it, once");
}

#[tokio::test]
async fn a_watcher_that_disappears_makes_room() {
    let (_, site, arguments) = configured(97, 60, "[limits]\nwatchers = 3\n");
    let daemon = start(&site, &arguments);
    daemon.first_sync().await;
    for _ in 0..5 {
        let mut watchers = Vec::new();
        for _ in 0..3 {
            let watching = eventually("there is room", || async { watch(&daemon, Start::FromNow(true)).await.ok() });
            watchers.push(watching.await);
        }
        let refused = watch(&daemon, Start::FromNow(true)).await.expect_err("no room");
        assert_eq!(reason_of(&refused), (Code::ResourceExhausted, "TOO_MANY_WATCHERS".to_owned()));
    }
}

#[tokio::test]
async fn before_the_first_listing_there_is_nothing_to_watch() {
    let site = Site::new();
    let daemon = site.start();
    let refused = watch(&daemon, Start::AfterSerial(0)).await.expect_err("nothing");
    assert_eq!(reason_of(&refused), (Code::Unavailable, "SNAPSHOT_NOT_LOADED".to_owned()));
}

#[tokio::test]
async fn a_stop_ends_watching_at_once_with_the_reason() {
    let (_, site, arguments) = configured(98, 60, "shutdown_grace = \"30s\"\n");
    let daemon = start(&site, &arguments);
    daemon.first_sync().await;
    let mut watching = watch(&daemon, Start::FromNow(true)).await.expect("watching");
    until_caught_up(&mut watching).await;
    daemon.signal("-TERM");
    let end = loop {
        match next(&mut watching).await {
            Ok(event) => assert!(matches!(event, Event::Checkpoint(_))),
            Err(end) => break end,
        }
    };
    assert_eq!(reason_of(&end), (Code::Unavailable, "SHUTTING_DOWN".to_owned()));
    drop(watching);
    let (status, log) = daemon.wait().await;
    assert!(status.success() && !log.contains("the grace is over"), "{log}");
}

#[tokio::test]
async fn a_place_that_is_no_longer_kept_and_one_of_another_history_are_told_apart() {
    let mut world = World::new(99, 80);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut watching = watch(&daemon, Start::FromNow(true)).await.expect("watching");
    let first = until_caught_up(&mut watching).await.1.snapshot.expect("a snapshot");
    for _ in 0..12 {
        advance(&mut world, &site, Step { amend: 3, ..Step::default() });
        daemon.sync().await;
    }
    let last = until_caught_up(&mut watching).await.1.snapshot.expect("a snapshot");
    let (all, newest) = (listed(&daemon).await, daemon.status().await.snapshot.expect("a snapshot"));
    assert!(last.serial <= newest.serial);
    daemon.terminate().await;
    let store = Store::open(&site.state_dir()).expect("opened");
    let dropped = store.retire(crate::common::now()).expect("shortened").changes;
    assert!(dropped > 80, "{dropped}");
    drop(store);

    let daemon = site.start();
    let refuses = async |start: Start, known: Option<&SnapshotRef>| {
        reason_of(&watch_knowing(&daemon, start, known.cloned()).await.expect_err("refused"))
    };
    let expired = (Code::OutOfRange, "CURSOR_EXPIRED".to_owned());
    let replaced = (Code::OutOfRange, "HISTORY_REPLACED".to_owned());
    assert_eq!(refuses(Start::AfterSerial(1), None).await, expired);
    assert_eq!(refuses(Start::AfterSerial(dropped - 1), None).await, expired);
    assert_eq!(refuses(Start::AfterSerial(dropped), Some(&first)).await, expired);
    assert_eq!(refuses(Start::AfterSerial(all.len() as u64 + 1), None).await, replaced);
    let other = SnapshotRef { sha256: vec![7; 32].into(), ..newest.clone() };
    assert_eq!(refuses(Start::AfterSerial(all.len() as u64), Some(&other)).await, replaced);
    let ahead = SnapshotRef { serial: newest.serial + 1, ..newest.clone() };
    assert_eq!(refuses(Start::FromNow(true), Some(&ahead)).await, replaced);
    for (start, known) in [
        (Start::AfterSerial(0), None),
        (Start::AfterSerial(dropped), None),
        (Start::AfterSerial(dropped), Some(newest.clone())),
    ] {
        let mut watching = watch_knowing(&daemon, start, known).await.expect("it is kept");
        let (changes, _) = until_caught_up(&mut watching).await;
        assert_eq!(changes, all[usize::try_from(dropped).expect("a count")..]);
    }
    daemon.kill();

    // Begun anew, with more changes than the client had seen: only what it knows can tell.
    begin_anew(&site);
    site.publish(&World::new(100, 400).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let refused = watch_knowing(&daemon, Start::AfterSerial(all.len() as u64), Some(newest)).await.expect_err("other");
    assert_eq!(reason_of(&refused), replaced);
    assert!(watch(&daemon, Start::AfterSerial(all.len() as u64)).await.is_ok(), "and nobody asked");
}

/// `rmdd watch`, running.
struct Watcher {
    child: Child,
    out: Option<Lines<BufReader<ChildStdout>>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Watcher {
    fn start(site: &Site, arguments: &[&str]) -> Self {
        let mut command = rmdd();
        command.arg("--state-dir").arg(site.state_dir()).arg("watch").args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("its output")).lines();
        let err = BufReader::new(child.stderr.take().expect("its errors")).lines();
        Self { child, out: Some(out), err }
    }

    /// Its next line of output. Read on a thread that may wait.
    async fn line(&mut self) -> String {
        let mut out = self.out.take().expect("read by one");
        let (line, out) = tokio::task::spawn_blocking(move || (out.next(), out)).await.expect("read");
        self.out = Some(out);
        line.expect("one more").expect("text")
    }

    fn says(&mut self, words: &str) -> String {
        let mut lines = self.err.by_ref().map(|line| line.expect("text"));
        lines.find(|line| line.contains(words)).unwrap_or_else(|| panic!("it never said {words:?}"))
    }

    /// Waits for its end.
    async fn status(mut self) -> i32 {
        let status = tokio::task::spawn_blocking(move || self.child.wait().expect("ended")).await.expect("waited");
        status.code().expect("it ended by itself")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_prints_every_change_once_while_its_daemon_is_killed_and_started_again() {
    let mut world = World::new(101, 80);
    let site = Site::with_listing(&world.to_csv());
    let mut daemon = site.start();
    daemon.first_sync().await;
    let mut watcher = Watcher::start(&site, &["--json"]);
    assert!(watcher.says("Watching").contains("behind change 80"));
    let mut lines = Vec::new();
    for round in 0..6 {
        advance(&mut world, &site, STEP);
        if round % 2 == 0 {
            daemon.sync().await;
            lines.push(watcher.line().await);
        }
        daemon.kill();
        watcher.says("the daemon went away");
        daemon = site.start();
        watcher.says("Watching");
    }
    daemon.first_sync().await;
    let all = listed(&daemon).await;
    while lines.len() < all.len() - 80 {
        lines.push(watcher.line().await);
    }
    let expected: Vec<String> = all[80..]
        .iter()
        .map(|change| serde_json::to_string(&rmdd::api::json::Change::from(change)).expect("JSON"))
        .collect();
    assert_eq!(lines, expected);

    // For people, and from a serial that is known.
    let mut people = Watcher::start(&site, &["--from", "79"]);
    let line = people.line().await;
    assert!(line.contains("(change 79, snapshot 1)") && line.contains("listed"), "{line}");
    people.line().await;
    let amended = all.iter().position(|change| !change.fields.is_empty()).expect("one was amended");
    for serial in 81..=amended + 1 {
        let line = people.line().await;
        assert!(line.contains(&format!("(change {serial}, ")), "{line}");
        if serial == amended + 1 {
            assert!(line.ends_with(&all[amended].fields.last().expect("a column").column), "{line}");
        }
    }
    // A reader that has seen enough ends it.
    drop(people.out.take());
    while people.child.try_wait().expect("its status").is_none() {
        advance(&mut world, &site, STEP);
        daemon.sync().await;
    }
    assert_eq!(people.status().await, 0);
    watcher.child.kill().expect("killed");
    watcher.child.wait().expect("gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_needs_a_daemon_and_says_when_it_cannot_go_on() {
    let site = Site::with_listing(&World::new(102, 80).to_csv());
    let alone = site.run(&["watch"]);
    assert_eq!(status_of(&alone), 2);
    assert!(stderr(&alone).contains("needs a daemon") && stderr(&alone).contains("rmdd serve"), "{}", stderr(&alone));
    let daemon = site.start();
    daemon.first_sync().await;
    let ahead = site.run(&["watch", "--from", "500"]);
    assert_eq!(status_of(&ahead), 2);
    let said = stderr(&ahead);
    assert!(said.contains("the newest change is 80") && !said.contains("499"), "{said}");

    let mut watcher = Watcher::start(&site, &[]);
    watcher.says("Watching");
    daemon.kill();
    begin_anew(&site);
    site.publish(&World::new(103, 300).to_csv());
    let daemon = site.start();
    let said = watcher.says("begin anew");
    assert!(said.contains("not the one that you know"), "{said}");
    assert_eq!(watcher.status().await, 2);
    let answer = crate::common::ask(&mut daemon.acceptance().await, by_frn("9999999999")).await;
    assert_eq!(answer.snapshot.expect("a snapshot").serial, 1);
}
