//! A new format of the logs: sites that know it among sites that do not, and the command that goes over to it.

use std::process::{Command, Output};

use rmdd::api::grpc::v1::{FleetState, SyncOutcome, Verdict};
use rmdd::domain::Log;
use rmdd::fleet::engine::Read;
use rmdd::fleet::keys::behind;
use rmdd_testkit::{Step, World};

use crate::common::http::Answer;
use crate::common::{ask, by_number, eventually, json, rmdd, status_of, stderr, stdout};
use crate::sites::{Fleet, NAMES, NEVER};

/// The command of a version that knows the next format; nothing, and said aloud, where it was built as a release is.
fn newer() -> Option<Command> {
    if !cfg!(debug_assertions) {
        println!("left out: a build as for a release knows no format of the logs but its own");
        return None;
    }
    let mut command = rmdd();
    command.env("TEST_RMDD_FLEET_FORMAT", "2");
    Some(command)
}

/// Runs a command of that version at a site.
fn run_newer(fleet: &Fleet, place: usize, arguments: &[&str]) -> Output {
    let mut command = newer().expect("a build for tests");
    let site = &fleet.sites[place];
    command.arg("--state-dir").arg(site.state_dir()).args(["--config", &site.config()]).args(arguments);
    tokio::task::block_in_place(|| command.output().expect("it runs"))
}

/// The format of the newest entry of a log: the first field of its message.
async fn newest_format(fleet: &Fleet, log: Log) -> u8 {
    let keys = &fleet.client.keys;
    let (from, below) = (keys.entry(log, 0), behind(keys.entry(log, 0).trim_end_matches('0')));
    let found = fleet.client.engine.read(&[Read::Range { from, below, most: 0 }]).await.expect("read");
    let newest = found.pairs.into_iter().flatten().last().expect("an entry").value;
    assert_eq!(newest[0], 8, "the number of the field");
    newest[1]
}

/// The format that the fleet has: the first field of what says which it is.
async fn fleets_format(fleet: &Fleet) -> u8 {
    let found = fleet.client.engine.read(&[Read::Key(fleet.client.keys.fleet())]).await.expect("read");
    found.pairs[0][0].value[1]
}

/// How many blobs of the log of records there are: those of bases.
async fn blobs(fleet: &Fleet) -> usize {
    let blobs = fleet.client.keys.blobs(Log::Records);
    fleet.client.engine.keys(&blobs, &behind(&blobs)).await.expect("read").len()
}

/// What goes on day by day: a removal, and a record at each site. All come to hold the same.
async fn a_day(fleet: &Fleet, world: &mut World, frns: &mut std::ops::RangeFrom<u64>) {
    let gone = world.advance(Step { remove: 1, amend: 1, list: 1, ..Step::default() }).removed.remove(0);
    fleet.source.answer(Answer::csv(&world.to_csv()));
    // Whoever fetches may just have been restarted.
    eventually("it is applied", || async {
        let synced = fleet.daemon(0).sync().await;
        matches!(synced.outcome(), SyncOutcome::Applied | SyncOutcome::Unchanged).then_some(())
    })
    .await;
    for place in 0..fleet.sites.len() {
        let frn = format!("{:010}", frns.next().expect("another"));
        eventually("a record is put", || async {
            let put = fleet.run(place, &["overrides", "add", "deny", &frn, "--by", "ann", "--why", "a test"]);
            (status_of(&put) == 0).then_some(())
        })
        .await;
    }
    fleet.agree().await;
    for daemon in fleet.running() {
        assert_eq!(ask(&mut daemon.acceptance().await, by_number(&gone)).await.verdict(), Verdict::Refuse);
    }
}

async fn rolled(seed: u64, fetcher_first: bool) {
    let mut world = World::new(seed, 80);
    if newer().is_none() {
        return;
    }
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 3, NEVER).await else { return };
    let mut frns = 41_000_000..;
    a_day(&fleet, &mut world, &mut frns).await;
    let fetcher = fleet.fetcher().await;
    let mut order: Vec<usize> = (0..3).filter(|place| *place != fetcher).collect();
    order.insert(if fetcher_first { 0 } else { 2 }, fetcher);
    for (done, place) in order.iter().copied().enumerate() {
        let early = run_newer(&fleet, place, &["fleet", "upgrade"]);
        assert_eq!(status_of(&early), 2, "{}", stdout(&early));
        for (at, other) in order.iter().copied().enumerate() {
            assert_eq!(stderr(&early).contains(&format!("{} (rmdd", NAMES[other])), at >= done, "{}", stderr(&early));
        }
        fleet.stop(place).await;
        fleet.start_by(place, newer().expect("a build for tests"));
        a_day(&fleet, &mut world, &mut frns).await;
        for log in Log::ALL {
            assert_eq!(newest_format(&fleet, log).await, 1, "all write the fleet's");
        }
    }
    // A version that knows no newer one has nothing to do.
    let same = fleet.ok(order[0], &["fleet", "upgrade"]);
    assert!(stdout(&same).contains("format 1, the newest"), "{}", stdout(&same));
    eventually("all say that they read it", || async {
        let status = fleet.run(order[0], &["fleet", "status"]);
        stdout(&status).contains("`rmdd fleet upgrade` raises it").then_some(())
    })
    .await;
    let before = blobs(&fleet).await;
    let upgraded = json(&run_newer(&fleet, order[0], &["fleet", "upgrade", "--json"]));
    assert_eq!((&upgraded["from"], &upgraded["to"]), (&1.into(), &2.into()), "{upgraded}");
    eventually("bases of the new format are made", || async { (blobs(&fleet).await > before).then_some(()) }).await;
    a_day(&fleet, &mut world, &mut frns).await;
    for log in Log::ALL {
        assert_eq!(newest_format(&fleet, log).await, 2);
    }
    let status = json(&fleet.ok(order[0], &["fleet", "status", "--json"]));
    assert_eq!(status["format"], 2, "{status}");
    let again = run_newer(&fleet, order[0], &["fleet", "upgrade"]);
    assert!(status_of(&again) == 0 && stdout(&again).contains("format 2, the newest"), "{}", stdout(&again));
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_are_given_a_new_version_one_by_one_with_the_fetcher_first_and_the_format_is_raised_at_the_end() {
    rolled(551, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_with_the_fetcher_last() {
    rolled(552, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_meets_a_newer_format_stops_there_answers_on_and_goes_on_once_it_is_replaced() {
    let mut world = World::new(553, 80);
    let Some(command) = newer() else { return };
    let Some(mut fleet) = Fleet::prepare(&world.to_csv(), 2, NEVER).await else { return };
    fleet.sites[0].make_store();
    fleet.ok(0, &["sync"]);
    fleet.ok(0, &["fleet", "init"]);
    fleet.start_by(0, command);
    fleet.start_by(1, newer().expect("a build for tests"));
    let mut frns = 42_000_000..;
    a_day(&fleet, &mut world, &mut frns).await;
    assert_eq!(status_of(&run_newer(&fleet, 0, &["fleet", "upgrade"])), 0);
    a_day(&fleet, &mut world, &mut frns).await;
    let standing = world.rows().next().expect("a filing").get("number").to_owned();

    // One goes back to the version before, as the only one that runs: it neither follows nor fetches, and answers.
    fleet.stop(1).await;
    fleet.stop(0).await;
    fleet.start(1);
    eventually("the alarm is raised", || async {
        let status = fleet.daemon(1).status().await;
        let newer = status.alarms.iter().any(|alarm| alarm.code == "FLEET_NEWER");
        (newer && status.fleet?.state() == FleetState::Newer).then_some(())
    })
    .await;
    let answer = ask(&mut fleet.daemon(1).acceptance().await, by_number(&standing)).await;
    assert_eq!(answer.verdict(), Verdict::Accept);
    let refused = fleet.run(1, &["overrides", "add", "deny", "0043000000", "--by", "ann", "--why", "a test"]);
    assert!(status_of(&refused) == 2 && stderr(&refused).contains("nothing was changed"), "{}", stderr(&refused));
    assert_eq!(fleet.client.poll().await.expect("read").fetcher, None);
    fleet.start_by(0, newer().expect("a build for tests"));
    assert_eq!(fleet.fetcher().await, 0);
    let gone = world.advance(Step { remove: 1, ..Step::default() }).removed.remove(0);
    fleet.source.answer(Answer::csv(&world.to_csv()));
    assert_eq!(fleet.daemon(0).sync().await.outcome(), SyncOutcome::Applied);
    let answer = ask(&mut fleet.daemon(1).acceptance().await, by_number(&gone)).await;
    assert_eq!(answer.verdict(), Verdict::Accept, "it has stopped");
    assert_eq!(answer.advisories.first().expect("one").code, "FLEET_BEHIND");
    fleet.stop(1).await;
    fleet.start_by(1, newer().expect("a build for tests"));
    fleet.agree().await;
    let answer = ask(&mut fleet.daemon(1).acceptance().await, by_number(&gone)).await;
    assert_eq!(answer.verdict(), Verdict::Refuse);

    // An etcd that lost everything gets the fleet back in the format that it had, and by no version that does not know it.
    fleet.etcd.kill_all();
    fleet.etcd.wipe();
    fleet.etcd.start_all_again().await;
    fleet.stop(0).await;
    let older = fleet.run(0, &["fleet", "init"]);
    assert!(status_of(&older) == 2 && stderr(&older).contains("has format 2"), "{}", stderr(&older));
    let init = run_newer(&fleet, 0, &["fleet", "init"]);
    assert_eq!(status_of(&init), 0, "{}", stderr(&init));
    assert_eq!(fleets_format(&fleet).await, 2);
    fleet.start_by(0, newer().expect("a build for tests"));
    a_day(&fleet, &mut world, &mut frns).await;
    fleet.end_alike().await;
}
