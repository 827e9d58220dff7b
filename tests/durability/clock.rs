//! A clock that was ahead once, one that is at 1970, and one that leaps: what is stored by it is no evidence, and the next
//! good sync sets it right.

use std::path::Path;

use crate::common::clock::{at_another_time, by_a_clock_in};
use crate::common::http::{Answer, Server};
use crate::common::{Daemon, Site, ask, by_number, eventually, everything, json, status_of, stderr};
use jiff::{SignedDuration, Timestamp};
use rmdd::api::grpc::v1::{self, CheckProviderResponse, GetStatusResponse, State, Verdict};
use rmdd::api::grpc::{time_from_wire, time_to_wire};
use rmdd::domain::{SnapshotSerial, SourceState, SyncOutcome, SyncRecord, SyncTrigger};
use rmdd::listing::vet::VetConfig;
use rmdd::store::{Holding, Store};
use rmdd::sync::{ArchivedListing, replay};
use rmdd_testkit::{Step, World};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    rmdd::observe::clock::now()
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

const AHEAD: &str = "2099-01-01T00:00:00Z";

/// A store that was filled by these listings at these times, as a daemon fills it whose clock says them.
fn fill(site: &Site, listings: &[(Timestamp, &[u8])]) {
    let store = Store::open(&site.state_dir()).expect("made");
    let listings = listings.iter().map(|(at, bytes)| ArchivedListing {
        fetched_at: *at,
        source: site.listing().display().to_string(),
        bytes: bytes.to_vec(),
    });
    let replayed = replay(&store, listings.collect::<Vec<_>>(), &VetConfig::default()).expect("replayed");
    assert!(replayed.refused.is_empty(), "{replayed:?}");
}

/// The numbers of the filings that a listing holds.
fn numbers(world: &World) -> Vec<String> {
    world.rows().map(|row| row.get("number").to_owned()).collect()
}

fn codes(status: &GetStatusResponse) -> Vec<&str> {
    status.alarms.iter().map(|alarm| alarm.code.as_str()).collect()
}

fn advisories(answer: &CheckProviderResponse) -> Vec<&str> {
    answer.advisories.iter().map(|advisory| advisory.code.as_str()).collect()
}

fn read(at: Option<&prost_types::Timestamp>) -> Timestamp {
    time_from_wire(at.expect("a time")).expect("in range")
}

/// What was known of a filing at a moment; or why that cannot be told.
async fn then(daemon: &Daemon, number: &str, at: Timestamp) -> Result<CheckProviderResponse, tonic::Status> {
    let request = v1::CheckProviderRequest { at: Some(time_to_wire(at)), ..by_number(number) };
    daemon.acceptance().await.check_provider(request).await.map(tonic::Response::into_inner)
}

fn verified(site: &Site) {
    let output = site.run(&["verify", "--json"]);
    assert_eq!(json(&output)["ok"], true, "{}", stderr(&output));
}

/// A daemon that is not asked to sync by anything but the test.
fn start(site: &Site, more: &[&str]) -> Daemon {
    let source = site.listing().display().to_string();
    let arguments = [&["--source", &source, "--schedule", "0 0 1 1 *"], more].concat();
    site.start_with(&arguments)
}

/// A world of yesterday and today, the filing that went between, and one that stands in both.
struct Days {
    yesterday: Vec<u8>,
    today: Vec<u8>,
    gone: String,
    stands: String,
}

fn days(seed: u64) -> Days {
    let mut world = World::new(seed, 60);
    let (yesterday, before) = (world.to_csv(), numbers(&world));
    world.advance(Step { list: 1, amend: 2, remove: 1, ..Step::default() });
    let after = numbers(&world);
    let gone = before.iter().find(|number| !after.contains(number)).expect("one is gone").clone();
    let stands = before.iter().find(|number| after.contains(number)).expect("one stands").clone();
    Days { yesterday, today: world.to_csv(), gone, stands }
}

#[tokio::test]
async fn a_confirmation_ahead_of_now_is_an_alarm_and_no_evidence_until_the_next_good_sync_mends_it() {
    let days = days(301);
    let site = Site::new();
    let known = ago(48);
    fill(&site, &[(known, &days.yesterday), (time(AHEAD), &days.today)]);

    // The source gives nothing at first.
    let daemon = start(&site, &[]);
    assert_eq!(daemon.sync().await.outcome(), v1::SyncOutcome::Failed);
    let status = daemon.status().await;
    assert_eq!(codes(&status)[0], "LISTING_OLD", "{status:?}");
    assert!(codes(&status).contains(&"TIMES_AHEAD") && status.state() == State::Critical);
    let reported = &status.alarms.iter().find(|alarm| alarm.code == "TIMES_AHEAD").expect("told").message;
    assert!(reported.contains("2099-01-01") && reported.contains("rmdd sync"), "{reported}");
    let answer = ask(&mut daemon.acceptance().await, by_number(&days.stands)).await;
    assert_eq!(answer.verdict(), Verdict::Accept);
    assert!(advisories(&answer).contains(&"LISTING_OLD"), "{answer:?}");
    let age = answer.snapshot.as_ref().and_then(|snapshot| snapshot.age).expect("an age").seconds;
    assert!(age < -60, "it lies ahead, and says so: {age}");
    let today = then(&daemon, &days.gone, now()).await.expect("the history before the leap can be asked");
    assert_eq!((today.verdict(), today.snapshot.expect("one").serial), (Verdict::Accept, 1));

    site.publish(&days.today);
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), v1::SyncOutcome::Unchanged, "{}", sync.error);
    let (status, until) = (daemon.status().await, now());
    assert_eq!((status.state(), codes(&status)), (State::Fresh, vec![]));
    let answer = ask(&mut daemon.acceptance().await, by_number(&days.gone)).await;
    let (seen, missing) = (read(answer.last_seen_at.as_ref()), read(answer.first_missing_at.as_ref()));
    assert_eq!(seen.as_millisecond(), known.as_millisecond());
    assert!(seen < missing && missing <= until, "{seen} {missing}");
    assert_eq!(then(&daemon, &days.gone, ago(24)).await.expect("history").verdict(), Verdict::Accept);
    assert_eq!(then(&daemon, &days.gone, until).await.expect("history").verdict(), Verdict::Refuse);
    daemon.terminate().await;

    // All that is in memory is on disk.
    verified(&site);
    let daemon = start(&site, &[]);
    let again = ask(&mut daemon.acceptance().await, by_number(&days.gone)).await;
    assert_eq!(crate::common::times(&again), crate::common::times(&answer));
    let changes = site.run(&["history", "--json"]);
    assert!(!String::from_utf8_lossy(&changes.stdout).contains("2099"), "{changes:?}");
}

#[tokio::test]
async fn another_listing_mends_what_lies_ahead_as_well_and_the_past_stays_in_order() {
    let mut world = World::new(302, 60);
    let site = Site::new();
    let mut listings = vec![(ago(72), world.to_csv())];
    for hours in [0, 24] {
        world.advance(Step { list: 1, amend: 2, remove: 1, ..Step::default() });
        listings.push((time(AHEAD) + SignedDuration::from_hours(hours), world.to_csv()));
    }
    fill(&site, &listings.iter().map(|(at, bytes)| (*at, bytes.as_slice())).collect::<Vec<_>>());
    world.advance(Step { list: 1, amend: 2, remove: 1, reinstate: 1 });
    site.publish(&world.to_csv());
    let before = now();
    let daemon = start(&site, &[]);
    // The sync of the start, or the one behind it.
    assert_ne!(daemon.sync().await.outcome(), v1::SyncOutcome::Failed);
    let status = daemon.status().await;
    assert_eq!((status.state(), codes(&status)), (State::Fresh, vec![]));
    let request = v1::ListRemovalsRequest { include_reinstated: true, ..v1::ListRemovalsRequest::default() };
    let removals = daemon.listing().await.list_removals(request).await.expect("a page").into_inner().removals;
    assert_eq!(removals.len(), 3);
    for removal in &removals {
        let (seen, missing) = (read(removal.last_seen_at.as_ref()), read(removal.first_missing_at.as_ref()));
        assert!(seen <= missing && before <= missing && missing <= now(), "{removal:?}");
        if let Some(back) = removal.reinstated_at.as_ref() {
            assert!(missing <= read(Some(back)) && read(Some(back)) <= now(), "{removal:?}");
        }
    }
    let stands = numbers(&world)[0].clone();
    let serial = |at| {
        let (daemon, stands) = (&daemon, &stands);
        async move { then(daemon, stands, at).await.expect("history").snapshot.expect("one").serial }
    };
    assert_eq!((serial(ago(24)).await, serial(now()).await), (1, 4));
    daemon.terminate().await;
    verified(&site);
    let changes = site.run(&["history", "--json"]);
    assert!(!String::from_utf8_lossy(&changes.stdout).contains("2099"), "{changes:?}");
}

#[tokio::test]
async fn where_all_of_the_past_lies_ahead_it_is_told_so() {
    let days = days(303);
    let site = Site::new();
    fill(&site, &[(time(AHEAD), &days.today)]);
    let daemon = start(&site, &[]);
    assert_eq!(daemon.sync().await.outcome(), v1::SyncOutcome::Failed);
    let refused = then(&daemon, &days.stands, now()).await.expect_err("not known");
    assert!(refused.message().contains("ahead of") && refused.message().contains("2099"), "{}", refused.message());
    site.publish(&days.today);
    daemon.sync().await;
    assert_eq!(then(&daemon, &days.stands, now()).await.expect("mended").verdict(), Verdict::Accept);
}

#[tokio::test]
async fn the_policy_for_an_old_listing_holds_for_one_of_which_the_age_is_not_known() {
    let days = days(304);
    let site = Site::new();
    fill(&site, &[(time(AHEAD), &days.today)]);
    let client = crate::common::web();
    for (policy, refused) in [("refuse", true), ("error", false)] {
        let config = site.configure(&format!("[policy]\nlisting_old = {policy:?}\n"));
        let daemon = start(&site, &["--config", &config]);
        // A load balancer is not to send queries that have no answer.
        let url = format!("{}/readyz", daemon.http.as_deref().expect("HTTP"));
        let ready = client.get(url).send().await.expect("an answer");
        assert_eq!(ready.status().as_u16(), if refused { 200 } else { 503 }, "{policy}");
        let answered = daemon.acceptance().await.check_provider(by_number(&days.stands)).await;
        match answered {
            Ok(answer) => {
                let answer = answer.into_inner();
                assert!(refused && answer.verdict() == Verdict::Refuse, "{answer:?}");
                assert_eq!(answer.reason(), v1::Reason::ListingOld);
            }
            Err(status) => assert!(!refused && status.message().contains("ahead of the clock"), "{status:?}"),
        }
        daemon.terminate().await;
    }
}

#[tokio::test]
async fn a_sources_wish_from_a_clock_that_was_ahead_keeps_nobody_from_asking_it() {
    let days = days(305);
    let server = Server::start(Answer::csv(&days.today)).await;
    let site = Site::new();
    fill(&site, &[(ago(48), &days.yesterday)]);
    let store = Store::open(&site.state_dir()).expect("opened");
    let mut source = SourceState::new(server.url.clone());
    source.not_before = Some(time(AHEAD));
    source.validators_distrusted_until = Some(time(AHEAD));
    (source.last_contact_at, source.last_asked_at) = (Some(time(AHEAD)), Some(time(AHEAD)));
    let record = SyncRecord {
        at: time(AHEAD),
        trigger: SyncTrigger::Schedule,
        source: server.url.clone(),
        outcome: SyncOutcome::Failed { error: "it asked to be left alone".to_owned() },
        passed_over: Vec::new(),
        sources: vec![source],
    };
    store.record_cycle(&record, None, &Holding::AsBefore).expect("recorded");
    drop(store);
    let daemon = site.start_with(&["--source", &server.url, "--schedule", "0 0 1 1 *"]);
    let sync = daemon.sync().await;
    assert_ne!(sync.outcome(), v1::SyncOutcome::Failed, "{}", sync.error);
    assert!(server.requests() > 0, "it is asked at the start");
    let status = daemon.status().await;
    assert_eq!(codes(&status), Vec::<&str>::new());
    let source = &status.sources[0];
    assert!(source.not_before.is_none() && source.validators_distrusted_until.is_none(), "{source:?}");
    assert!(read(source.last_contact_at.as_ref()) <= now());
}

/// A listing from a source that says what time it is.
fn dated(listing: &[u8]) -> Answer {
    let listing = listing.to_vec();
    Answer::by(move |_| {
        // A date has whole seconds.
        let date = (now() + SignedDuration::from_secs(1)).strftime("%a, %d %b %Y %H:%M:%S GMT");
        let headers = format!("Date: {date}\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n", listing.len());
        Answer::response("200 OK", &headers, &listing)
    })
}

#[tokio::test]
async fn syncs_by_a_clock_that_is_behind_leave_the_past_as_it_was_where_the_source_says_what_time_it_is() {
    for (seed, behind) in [(311, "-3m"), (312, "-3h")] {
        let days = days(seed);
        let server = Server::start(dated(&days.yesterday)).await;
        let site = Site::new();
        let clock = site.directory.path().join("clock");
        std::fs::write(&clock, "+0").expect("written");
        let Some(mut right) = by_a_clock_in(&clock) else { return };
        right.arg("serve").arg("--state-dir").arg(site.state_dir()).args(["--grpc-listen", "127.0.0.1:0"]);
        right.args(["--schedule", "0 0 1 1 *", "--source", &server.url]);
        let began = now() - SignedDuration::from_secs(1);
        let daemon = Daemon::spawn(right);
        daemon.first_sync().await;
        let add = ["overrides", "add", "deny", &days.stands, "--by", "alice", "--why", "a test"];
        assert_eq!(status_of(&site.run(&add)), 0);
        let first = now();
        let live = ask(&mut daemon.acceptance().await, by_number(&days.gone)).await;
        assert_eq!(live.verdict(), Verdict::Accept);

        // What stands is confirmed by a clock that is behind, and a removal is applied by it.
        std::fs::write(&clock, behind).expect("written");
        assert_eq!(daemon.sync().await.outcome(), v1::SyncOutcome::Unchanged);
        server.answer(dated(&days.today));
        assert_eq!(daemon.sync().await.outcome(), v1::SyncOutcome::Applied);
        assert!(codes(&daemon.status().await).contains(&"TIMES_AHEAD"), "the alarm stays");
        std::fs::write(&clock, "+0").expect("written");
        let second = eventually("it is past the source's second", || async {
            let at = now();
            let gone = then(&daemon, &days.gone, at).await.expect("history");
            (gone.verdict() == Verdict::Refuse).then_some(at)
        })
        .await;
        assert_eq!(daemon.sync().await.outcome(), v1::SyncOutcome::Unchanged);
        eventually("all is well", || async { codes(&daemon.status().await).is_empty().then_some(()) }).await;
        for (at, gone) in [(first, Verdict::Accept), (second, Verdict::Refuse)] {
            assert_eq!(then(&daemon, &days.gone, at).await.expect("history").verdict(), gone, "{behind}");
            let stands = then(&daemon, &days.stands, at).await.expect("history");
            assert_eq!(stands.reason(), v1::Reason::Override, "{behind}");
        }
        let before = then(&daemon, &days.stands, began).await.expect_err("nothing was known then");
        assert_eq!(before.code(), tonic::Code::OutOfRange, "{behind}: {before:?}");
        let removed = ask(&mut daemon.acceptance().await, by_number(&days.gone)).await;
        assert!(read(removed.first_missing_at.as_ref()) > first, "{behind}: {removed:?}");
        daemon.terminate().await;
        verified(&site);
    }
}

/// The clock of the source, and the alarm that it makes.
async fn skewed(date: Timestamp) -> (GetStatusResponse, i64) {
    let days = days(306);
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let headers = format!("Date: {date}\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n", days.today.len());
    let server = Server::start(Answer::response("200 OK", &headers, &days.today)).await;
    let site = Site::new();
    let daemon = site.start_with(&["--source", &server.url, "--schedule", "0 0 1 1 *"]);
    daemon.first_sync().await;
    let status = daemon.status().await;
    let skew = status.sources[0].clock_skew.expect("it says what time it is").seconds;
    (status, skew)
}

#[tokio::test]
async fn a_source_whose_clock_says_another_time_is_an_alarm() {
    let (status, skew) = skewed(now()).await;
    assert!(skew.abs() <= 60 && codes(&status).is_empty(), "{status:?}");
    let (status, skew) = skewed(ago(2)).await;
    assert!((-7260..=-7140).contains(&skew), "{skew}");
    assert_eq!((status.state(), codes(&status)), (State::Warning, vec!["CLOCK_SKEW"]));
    assert!(status.alarms[0].message.contains("ahead of"), "{status:?}");
    let (status, _) = skewed(time(AHEAD)).await;
    assert_eq!((status.state(), codes(&status)), (State::Critical, vec!["CLOCK_SKEW"]));
}

#[tokio::test]
async fn a_wish_that_names_a_date_is_read_by_the_sources_own_clock() {
    let server = Server::start(Answer::response(
        "429 Too Many Requests",
        "Date: Fri, 05 Jan 2024 10:00:00 GMT\r\nRetry-After: Fri, 05 Jan 2024 12:00:00 GMT\r\n",
        b"",
    ))
    .await;
    let site = Site::new();
    let daemon = site.start_with(&["--source", &server.url, "--schedule", "0 0 1 1 *"]);
    daemon.first_sync().await;
    let until = read(daemon.status().await.sources[0].not_before.as_ref());
    assert!((110..=121).contains(&until.duration_since(now()).as_mins()), "{until}");
}

fn files(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_sync_by_a_clock_that_has_leapt_ahead_drops_nothing_and_the_next_one_mends_all() {
    let days = days(307);
    let site = Site::with_listing(&days.yesterday);
    let source = site.listing().display().to_string();
    let config = site.configure("[archive]\nkeep = \"240h\"\n[history]\nkeep_days = 30\n");
    site.make_store();
    assert_eq!(status_of(&site.run(&["--config", &config, "sync", "--source", &source])), 0);
    site.publish(&days.today);
    let Some(mut leapt) = at_another_time("@2031-03-01 12:00:00") else { return };
    leapt.arg("--state-dir").arg(site.state_dir()).args(["--config", &config, "sync", "--source", &source]);
    let output = leapt.output().expect("it runs");
    assert_eq!(status_of(&output), 0, "{}", stderr(&output));
    let archive = site.state_dir().join("archive");
    assert_eq!(files(&archive), 2, "a clock that has leapt expires nothing");

    let status = json(&site.run(&["--config", &config, "status", "--json"]));
    let reported: Vec<_> = status["alarms"].as_array().expect("alarms").iter().map(|alarm| &alarm["code"]).collect();
    assert!(reported.contains(&&"LISTING_OLD".into()) && reported.contains(&&"TIMES_AHEAD".into()), "{status}");
    assert!(status["snapshot"]["age_seconds"].as_i64().is_some_and(|age| age < -60), "{status}");
    let output = site.run(&["--config", &config, "sync", "--source", &source]);
    assert_eq!(status_of(&output), 0, "{}", stderr(&output));
    let status = json(&site.run(&["--config", &config, "status", "--json"]));
    assert_eq!((&status["state"], status["alarms"].as_array().map(Vec::len)), (&"fresh".into(), Some(0)), "{status}");
    let names: Vec<String> = std::fs::read_dir(&archive)
        .expect("read")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.len() == 2 && names.iter().all(|name| !name.starts_with("2031")), "{names:?}");
    verified(&site);
}

#[tokio::test]
async fn a_daemon_that_starts_at_1970_answers_says_so_and_leaves_the_past_as_it_was() {
    let days = days(308);
    let site = Site::new();
    fill(&site, &[(ago(72), &days.yesterday)]);
    site.publish(&days.today);
    let Some(mut early) = at_another_time("@1970-01-01 00:00:10") else { return };
    early.arg("serve").arg("--state-dir").arg(site.state_dir()).args(["--grpc-listen", "127.0.0.1:0"]);
    early.args(["--source", &site.listing().display().to_string()]);
    let daemon = Daemon::spawn(early);
    let sync = daemon.sync().await;
    // The cycle of the start may have been first.
    let applied = matches!(sync.outcome(), v1::SyncOutcome::Applied | v1::SyncOutcome::Unchanged);
    assert!(applied && sync.snapshot_serial == 2, "{sync:?}");
    let status = daemon.status().await;
    assert_eq!(codes(&status), ["LISTING_OLD", "CLOCK_WRONG"], "{status:?}");
    let answer = ask(&mut daemon.acceptance().await, by_number(&days.stands)).await;
    assert_eq!(answer.verdict(), Verdict::Accept);
    assert!(advisories(&answer).contains(&"LISTING_OLD"), "{answer:?}");
    let mut emergency = everything();
    emergency.emergency = true;
    assert_eq!(ask(&mut daemon.acceptance().await, emergency).await.verdict(), Verdict::Accept);
    assert_eq!(daemon.sync().await.outcome(), v1::SyncOutcome::Unchanged);
    daemon.terminate().await;

    let daemon = start(&site, &[]);
    assert_eq!(daemon.first_sync().await.outcome(), v1::SyncOutcome::Unchanged);
    let status = daemon.status().await;
    assert_eq!((status.state(), codes(&status)), (State::Fresh, vec![]));
    let answer = ask(&mut daemon.acceptance().await, by_number(&days.gone)).await;
    let (seen, missing) = (read(answer.last_seen_at.as_ref()), read(answer.first_missing_at.as_ref()));
    assert!(ago(73) < seen && seen <= missing && missing <= now(), "{seen} {missing}");
    assert_eq!(then(&daemon, &days.stands, ago(71)).await.expect("history").verdict(), Verdict::Accept);
    let before = then(&daemon, &days.stands, ago(100)).await.expect_err("nothing was known then");
    assert_eq!(before.code(), tonic::Code::OutOfRange, "{before:?}");
    daemon.terminate().await;
    verified(&site);
}

#[test]
fn a_first_listing_at_1970_is_not_dated_before_its_own_days() {
    let days = days(309);
    let site = Site::with_listing(&days.today);
    site.make_store();
    let Some(mut early) = at_another_time("@1970-01-01 00:00:10") else { return };
    early.arg("--state-dir").arg(site.state_dir());
    early.args(["sync", "--source", &site.listing().display().to_string()]);
    let output = early.output().expect("it runs");
    assert_eq!(status_of(&output), 0, "{}", stderr(&output));
    let store = Store::open(&site.state_dir()).expect("opened");
    let snapshot = store.load().expect("read").snapshot.expect("one");
    assert_eq!(snapshot.serial, SnapshotSerial::FIRST);
    assert!(snapshot.fetched_at >= rmdd::domain::EARLIEST, "{}", snapshot.fetched_at);
}

#[tokio::test]
async fn a_record_that_was_made_while_the_clock_was_ahead_is_told_and_dated_by_the_next_good_sync() {
    let days = days(310);
    let site = Site::new();
    fill(&site, &[(ago(48), &days.yesterday)]);
    let clock = site.directory.path().join("clock");
    std::fs::write(&clock, "+2d").expect("written");
    let Some(mut ahead) = by_a_clock_in(&clock) else { return };
    ahead.arg("serve").arg("--state-dir").arg(site.state_dir()).args(["--grpc-listen", "127.0.0.1:0"]);
    ahead.args(["--schedule", "0 0 1 1 *", "--source", &site.listing().display().to_string()]);
    let daemon = Daemon::spawn(ahead);
    let add = ["overrides", "add", "deny", &days.stands, "--by", "alice", "--why", "a test"];
    assert_eq!(status_of(&site.run(&add)), 0);
    assert!(!codes(&daemon.status().await).contains(&"TIMES_AHEAD"), "by its own clock it is now");

    // The clock is set right, and the answer stays.
    std::fs::write(&clock, "+0").expect("written");
    let live = ask(&mut daemon.acceptance().await, by_number(&days.stands)).await;
    assert_eq!((live.verdict(), live.reason()), (Verdict::Refuse, v1::Reason::Override));
    let status = daemon.status().await;
    let reported = status.alarms.iter().find(|alarm| alarm.code == "TIMES_AHEAD").expect("told");
    assert!(reported.message.contains("the newest change of records"), "{}", reported.message);
    // From when it was seen on the history says the same as every live answer since; of what was before it claims nothing.
    eventually("what was two seconds ago is as it was", || async {
        let then = then(&daemon, &days.stands, now() - SignedDuration::from_secs(2)).await.expect("history");
        (then.reason() == v1::Reason::Override).then_some(())
    })
    .await;
    assert_eq!(then(&daemon, &days.stands, ago(24)).await.expect("history").verdict(), Verdict::Accept);
    daemon.kill();

    let daemon = start(&site, &[]);
    assert_eq!(daemon.sync().await.outcome(), v1::SyncOutcome::Failed);
    assert!(codes(&daemon.status().await).contains(&"TIMES_AHEAD"), "a sync that failed mends nothing");
    site.publish(&days.today);
    assert_eq!(daemon.sync().await.outcome(), v1::SyncOutcome::Applied);
    // It is dated behind the sync.
    eventually("it is dated anew", || async { codes(&daemon.status().await).is_empty().then_some(()) }).await;
    let until = now();
    for (at, reason) in [(until, v1::Reason::Override), (ago(24), v1::Reason::Listed)] {
        assert_eq!(then(&daemon, &days.stands, at).await.expect("history").reason(), reason, "{at}");
    }
    let live = ask(&mut daemon.acceptance().await, by_number(&days.stands)).await;
    assert_eq!(live.reason(), v1::Reason::Override);
    daemon.terminate().await;
    verified(&site);
    let journal = std::fs::read_to_string(site.state_dir().join("records.jsonl")).expect("read");
    let last: serde_json::Value = serde_json::from_str(journal.lines().last().expect("an event")).expect("JSON");
    assert!(time(last["event"]["at"].as_str().expect("a time")) <= until, "{last}");
    let daemon = start(&site, &[]);
    assert_eq!(codes(&daemon.status().await), Vec::<&str>::new());
    assert_eq!(then(&daemon, &days.stands, ago(24)).await.expect("history").reason(), v1::Reason::Listed);
}
