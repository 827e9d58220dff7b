//! Sites that do not reach etcd, come to it with a past of their own, or have been away.

use rmdd::api::grpc::v1::{FleetPlace, Reason, SyncOutcome, Verdict};
use rmdd::domain::Log;
use rmdd_testkit::{Step, World};

use crate::common::http::Answer;
use crate::common::{Daemon, ask, by_number, eventually, exists, json, rmdd, status_of, stderr, stdout};
use crate::sites::{Fleet, NEVER};

fn deny(frn: &str) -> [&str; 8] {
    ["overrides", "add", "deny", frn, "--by", "ann", "--why", "a test"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_without_its_etcd_answers_on_and_refuses_records_with_a_reason_and_goes_on_when_that_is_back() {
    let world = World::new(511, 200);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    fleet.ok(0, &deny("0041000001"));
    let before = fleet.agree().await;
    fleet.etcd.kill_all();
    let refused = fleet.run(1, &deny("0041000002"));
    assert_eq!(status_of(&refused), 2);
    assert!(stderr(&refused).contains("nothing was changed"), "{}", stderr(&refused));
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    for place in 0..2 {
        let answer = ask(&mut fleet.daemon(place).acceptance().await, by_number(&number)).await;
        assert_eq!(answer.verdict(), Verdict::Accept);
    }
    let synced = fleet.daemon(0).sync().await;
    assert_eq!(synced.outcome(), SyncOutcome::Failed, "{}", synced.error);

    // A site that starts meanwhile answers as any other.
    fleet.daemons[1].take().expect("it runs").kill();
    fleet.start(1);
    let answer = ask(&mut fleet.daemon(1).acceptance().await, by_number(&number)).await;
    assert_eq!(answer.verdict(), Verdict::Accept);

    fleet.etcd.start_all_again().await;
    eventually("records can be changed again", || async {
        (status_of(&fleet.run(1, &deny("0041000002"))) == 0).then_some(())
    })
    .await;
    // Whoever fetched could tell nobody of the sync that failed, and tells of it here until the next one.
    eventually("a sync brings something again", || async {
        (fleet.daemon(0).sync().await.outcome() == SyncOutcome::Unchanged).then_some(())
    })
    .await;
    let told = fleet.agree().await;
    assert_eq!(told.listing, before.listing);
    assert_eq!(fleet.index(Log::Records).await, 2, "the one that was refused was not made");
    fleet.end_alike().await;
}

/// Twice a listing is applied and a record put on record, at one site.
async fn goes_on_twice(fleet: &Fleet, world: &mut World, at: usize, step: Step) {
    for frn in ["0041000001", "0041000002"] {
        world.advance(step);
        fleet.source.answer(Answer::csv(&world.to_csv()));
        assert_eq!(fleet.daemon(at).sync().await.outcome(), SyncOutcome::Applied);
        fleet.ok(at, &deny(frn));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_was_away_comes_to_hold_what_the_others_do() {
    let mut world = World::new(512, 300);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 3, NEVER).await else { return };
    let away = fleet.other().await;
    let (status, log) = fleet.daemons[away].take().expect("it runs").terminate().await;
    assert!(status.success(), "{log}");
    let at = fleet.fetcher().await;
    goes_on_twice(&fleet, &mut world, at, Step { remove: 1, amend: 2, ..Step::default() }).await;
    fleet.start(away);
    assert_eq!(fleet.agree().await.listing.expect("a listing").0, 3);
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_begins_with_a_base_says_that_it_is_behind_until_it_has_what_came_since() {
    let mut world = World::new(515, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let joins = fleet.other().await;
    let (status, log) = fleet.daemons[joins].take().expect("it runs").terminate().await;
    assert!(status.success(), "{log}");
    let at = fleet.fetcher().await;
    goes_on_twice(&fleet, &mut world, at, Step { remove: 1, ..Step::default() }).await;
    // It has nothing, and does not look a second time while this is looked at.
    std::fs::remove_dir_all(fleet.sites[joins].state_dir()).expect("removed");
    let config = fleet.sites[joins].config();
    let settings = std::fs::read_to_string(&config).expect("read");
    let seldom = settings.replace("poll = \"200ms\"", "poll = \"60s\"\nbehind_after = \"120s\"");
    fleet.sites[joins].configure(&seldom.replace("lease = \"4s\"", "lease = \"240s\""));
    fleet.start(joins);
    let told = eventually("it says that it is at the head", || async {
        fleet.daemon(joins).status().await.fleet.filter(|fleet| !fleet.behind)
    })
    .await;
    let index = |place: Option<FleetPlace>| place.map_or(0, |place| place.index);
    assert_eq!((index(told.listing), index(told.records)), (2, 2), "and so it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_past_of_its_own_is_refused_and_a_fleet_is_founded_once() {
    let world = World::new(513, 60);
    let Some(fleet) = Fleet::prepare(&world.to_csv(), 2, NEVER).await else { return };
    for place in 0..2 {
        fleet.sites[place].make_store();
        fleet.ok(place, &["sync"]);
    }
    let refusal = |fleet: &Fleet, place: usize| {
        let mut command = rmdd();
        let site = &fleet.sites[place];
        command.arg("serve").arg("--state-dir").arg(site.state_dir()).args(["--grpc-listen", "127.0.0.1:0"]);
        command.args(["--config", &site.config()]);
        tokio::task::block_in_place(|| Daemon::try_spawn(command)).err().expect("refused")
    };
    assert!(refusal(&fleet, 0).contains("rmdd fleet init"));
    fleet.ok(0, &["fleet", "init"]);
    let again = fleet.run(1, &["fleet", "init"]);
    assert_eq!(status_of(&again), 2);
    assert!(stderr(&again).contains("founded already"), "{}", stderr(&again));
    assert!(stderr(&again).contains("`rmdd fleet join` joins it with them"), "{}", stderr(&again));
    let again = fleet.run(0, &["fleet", "init"]);
    assert!(stderr(&again).contains("this store is in it: start the daemon"), "{}", stderr(&again));
    assert!(refusal(&fleet, 1).contains("of its own"), "what it holds is not thrown away");
    // Only its daemon changes a store that is in a fleet.
    let synced = fleet.run(0, &["sync"]);
    assert_eq!(status_of(&synced), 2);
    assert!(stderr(&synced).contains("in a fleet"), "{}", stderr(&synced));
    let alone = fleet.sites[0].config();
    std::fs::write(&alone, format!("source = {:?}\n", fleet.source.url)).expect("written");
    assert!(refusal(&fleet, 0).contains("no [fleet] is configured"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_past_joins_by_a_command_that_keeps_it_and_brings_the_records_that_the_fleet_lacks() {
    let world = World::new(514, 60);
    let Some(mut fleet) = Fleet::prepare(&world.to_csv(), 2, NEVER).await else { return };
    for place in 0..2 {
        fleet.sites[place].make_store();
        fleet.ok(place, &["sync"]);
    }
    fleet.ok(0, &deny("0041000001"));
    for frn in ["0041000001", "0041000002", "0041000003"] {
        fleet.ok(1, &deny(frn));
    }
    fleet.ok(0, &["fleet", "init"]);
    fleet.start(0);
    let before = held_files(&fleet, 1);
    let dry = json(&fleet.ok(1, &["fleet", "join", "--dry-run", "--by", "ann", "--json"]));
    let lacking = dry["lacking"].as_array().expect("a list");
    assert_eq!((lacking.len(), &dry["joined"]), (2, &false.into()), "{dry}");
    assert_eq!(held_files(&fleet, 1), before, "nothing has changed");
    let joined = json(&fleet.ok(1, &["fleet", "join", "--bring-records", "--by", "ann", "--json"]));
    assert_eq!((&joined["brought"], &joined["joined"]), (&2.into(), &true.into()), "{joined}");
    assert!(exists(std::path::Path::new(joined["kept"].as_str().expect("a path"))), "{joined}");
    fleet.start(1);
    let told = fleet.agree().await;
    assert!(told.records.contains("0041000003"), "{}", told.records);
    assert_eq!(fleet.index(Log::Records).await, 1, "one change, whole");
    let again = fleet.run(1, &["fleet", "join"]);
    assert_eq!(status_of(&again), 2, "the daemon runs, and it is in a fleet");
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_etcd_stays_away_goes_on_by_itself_with_all_that_it_holds_and_joins_again() {
    let mut world = World::new(515, 200);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    fleet.ok(0, &deny("0041000001"));
    let gone = world.advance(Step { remove: 1, ..Step::default() }).removed.remove(0);
    fleet.source.answer(Answer::csv(&world.to_csv()));
    assert_eq!(fleet.daemon(fleet.fetcher().await).sync().await.outcome(), SyncOutcome::Applied);
    let before = fleet.agree().await;
    fleet.etcd.kill_all();
    let runs = fleet.run(1, &["fleet", "leave"]);
    assert_eq!(status_of(&runs), 2, "its daemon runs");
    let (status, log) = fleet.daemons[1].take().expect("it runs").terminate().await;
    assert!(status.success(), "{log}");
    let left = fleet.ok(1, &["fleet", "leave"]);
    assert!(crate::common::stdout(&left).contains("Take [fleet] out"));
    let again = fleet.run(1, &["fleet", "leave"]);
    assert!(status_of(&again) == 2 && stderr(&again).contains("in no fleet"), "{}", stderr(&again));

    // By itself it fetches, refuses who is removed since, and takes records; what it knew it knows.
    let in_fleet = std::fs::read_to_string(fleet.sites[1].config()).expect("read");
    let alone = in_fleet.split("[fleet]").next().expect("the rest");
    fleet.sites[1].configure(alone);
    fleet.start(1);
    let since = world.advance(Step { remove: 1, ..Step::default() }).removed.remove(0);
    fleet.source.answer(Answer::csv(&world.to_csv()));
    assert_eq!(fleet.daemon(1).sync().await.outcome(), SyncOutcome::Applied);
    for (number, verdict_elsewhere) in [(&gone, Verdict::Refuse), (&since, Verdict::Accept)] {
        let answer = ask(&mut fleet.daemon(1).acceptance().await, by_number(number)).await;
        assert_eq!((answer.verdict(), answer.reason()), (Verdict::Refuse, Reason::Removed));
        let elsewhere = ask(&mut fleet.daemon(0).acceptance().await, by_number(number)).await;
        assert_eq!(elsewhere.verdict(), verdict_elsewhere, "the other answers from what it has");
    }
    fleet.ok(1, &deny("0041000002"));

    // Back again: what the fleet holds takes its place, and the fleet has what was put on record here.
    fleet.etcd.start_all_again().await;
    let (status, log) = fleet.daemons[1].take().expect("it runs").terminate().await;
    assert!(status.success(), "{log}");
    fleet.sites[1].configure(&in_fleet);
    fleet.ok(1, &["fleet", "join", "--bring-records", "--by", "ann"]);
    fleet.start(1);
    let told = fleet.agree().await;
    assert_eq!(told.listing, before.listing);
    assert!(told.records.contains("0041000002"), "{}", told.records);
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_fleet_has_lifted_while_a_site_was_away_is_not_put_back_by_it() {
    let world = World::new(517, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let allow = |frn| ["overrides", "add", "allow", frn, "--by", "ann", "--why", "agreed"];
    fleet.ok(0, &allow("0041000001"));
    fleet.ok(0, &deny("0041000002"));
    fleet.ok(0, &["peers", "add", "OLD", "0041000003", "--by", "ann"]);
    fleet.agree().await;
    fleet.stop(1).await;
    fleet.ok(1, &["fleet", "leave"]);
    fleet.ok(0, &["overrides", "remove", "0041000001", "--by", "bob", "--why", "fraud"]);
    fleet.ok(0, &["peers", "remove", "OLD", "--by", "bob"]);
    // Alone, with records of its own: one is new, and one that was lifted is changed by somebody who does not know it.
    let in_fleet = std::fs::read_to_string(fleet.sites[1].config()).expect("read");
    fleet.sites[1].configure(in_fleet.split("[fleet]").next().expect("the rest"));
    fleet.ok(1, &deny("0041000004"));
    fleet.ok(1, &["peers", "add", "OLD", "0041000005", "--by", "cid", "--replace"]);
    fleet.sites[1].configure(&in_fleet);

    let said = stdout(&fleet.ok(1, &["fleet", "join", "--dry-run"]));
    for line in [
        "The fleet lacks 1 record of this store:",
        "override 0041000004 (FRN 0041000004), which the fleet never had",
        "2 records of this store the fleet has lifted",
        "override 0041000001 (FRN 0041000001), lifted 20",
        "by bob: fraud",
        "peer old (FRN 0041000005), lifted 20",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let joined = json(&fleet.ok(1, &["fleet", "join", "--bring-records", "--by", "cid", "--json"]));
    assert_eq!(joined["brought"], 1, "{joined}");
    let lifted = joined["lifted"].as_array().expect("a list");
    assert!(lifted.iter().all(|record| record["lifted"]["by"] == "bob") && lifted.len() == 2, "{joined}");
    fleet.start(1);
    let told = fleet.agree().await;
    for place in 0..2 {
        let list = stdout(&fleet.ok(place, &["overrides", "list", "--json"]));
        assert!(!list.contains("0041000001") && list.contains("0041000002") && list.contains("0041000004"), "{list}");
        assert!(!stdout(&fleet.ok(place, &["peers", "list", "--json"])).contains("004100000"), "none is bound");
    }
    assert!(told.records.contains("fraud"), "{}", told.records);
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_was_killed_changes_nothing_and_what_it_left_goes_with_the_next() {
    let world = World::new(516, 60);
    let Some(mut fleet) = Fleet::prepare(&world.to_csv(), 2, NEVER).await else { return };
    for place in 0..2 {
        fleet.sites[place].make_store();
        fleet.ok(place, &["sync"]);
    }
    fleet.ok(1, &deny("0041000002"));
    fleet.ok(0, &["fleet", "init"]);
    fleet.start(0);
    assert_eq!(fleet.fetcher().await, 0);
    let before = held_files(&fleet, 1);
    let left = |fleet: &Fleet| {
        held_files(fleet, 1).into_iter().filter(|name| name.to_string_lossy().starts_with("joining-")).count()
    };
    // It waits for etcd, and is killed meanwhile.
    (0..fleet.etcd.count()).for_each(|place| fleet.etcd.pause(place));
    let mut command = rmdd();
    let site = &fleet.sites[1];
    command.arg("--state-dir").arg(site.state_dir()).args(["--config", &site.config()]);
    command.args(["fleet", "join", "--bring-records", "--by", "ann"]);
    let mut joins =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("run");
    eventually("it has begun", || async { (left(&fleet) == 1).then_some(()) }).await;
    joins.kill().expect("killed");
    tokio::task::block_in_place(|| joins.wait()).expect("ended");
    (0..fleet.etcd.count()).for_each(|place| fleet.etcd.resume(place));
    assert_eq!((left(&fleet), held_files(&fleet, 1).len()), (1, before.len() + 1), "all else is as it was");
    eventually("etcd answers", || async { fleet.client.poll().await.ok() }).await;
    let joined = json(&fleet.ok(1, &["fleet", "join", "--bring-records", "--by", "ann", "--json"]));
    assert_eq!((&joined["brought"], left(&fleet)), (&1.into(), 0), "{joined}");
    fleet.start(1);
    let told = fleet.agree().await;
    assert!(told.records.contains("0041000002"), "{}", told.records);
}

/// The names of what lies in a state directory.
fn held_files(fleet: &Fleet, place: usize) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(fleet.sites[place].state_dir()).expect("read");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    names
}
