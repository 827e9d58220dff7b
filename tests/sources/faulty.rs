//! A source whose file can be read and is wrong: what the daemon makes of it, what it says, and who can settle it.

use crate::common::http::{Answer, Server};
use crate::common::{Daemon, Site, ask, by_frn, by_number, eventually, json, status_of, stderr, stdout};
use rmdd::api::grpc::v1::{GetStatusResponse, State, SyncOutcome, Verdict};
use rmdd_testkit::faults::{CellFault, Fault, Rows, Sheet};
use rmdd_testkit::{Step, World};

fn codes(status: &GetStatusResponse) -> Vec<&str> {
    status.alarms.iter().map(|alarm| alarm.code.as_str()).collect()
}

fn faulty(world: &World, fault: &Fault) -> Vec<u8> {
    let good = Sheet::read(&world.to_csv());
    fault.apply(&good, &good, 5)
}

fn blank_frns(percent: f64) -> Fault {
    Fault::Cells { column: "frn".to_owned(), how: CellFault::Blank, percent, rows: Rows::Scattered }
}

/// A daemon that stands on this listing, its source, and others to ask.
async fn standing_on(site: &Site, listing: &[u8], others: &[&Server]) -> (Daemon, Server) {
    let server = Server::start(Answer::csv(listing)).await;
    let mut arguments = vec!["--source", &server.url];
    arguments.extend(others.iter().flat_map(|other| ["--source", other.url.as_str()]));
    let daemon = site.start_with(&arguments);
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Applied);
    (daemon, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn frns_that_go_missing_are_held_and_status_says_which_column_how_many_and_an_example() {
    let mut world = World::new(91, 400);
    let site = Site::new();
    let (daemon, server) = standing_on(&site, &world.to_csv(), &[]).await;
    world.advance(Step { amend: 5, list: 2, ..Step::default() });
    server.answer(Answer::csv(&faulty(&world, &blank_frns(8.3))));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Held);
    let status = daemon.status().await;
    assert!(codes(&status).contains(&"LISTING_HELD"), "{:?}", codes(&status));
    let doubt = &status.held[0].doubts[0];
    assert!(doubt.contains("`frn`") && doubt.contains("of 400 filings") && doubt.contains("to nothing"), "{doubt}");
    assert_eq!(doubt.matches("RMD").count(), 3, "three examples: {doubt}");
    let first = world.rows().next().expect("a filing").get("frn").to_owned();
    assert_eq!(ask(&mut daemon.acceptance().await, by_frn(&first)).await.verdict(), Verdict::Accept);

    server.answer(Answer::csv(&world.to_csv()));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Applied, "the next good listing heals it");
    let status = daemon.status().await;
    assert!(status.held.is_empty() && status.state() == State::Fresh, "{:?}", codes(&status));
}

#[tokio::test]
async fn a_listing_that_is_hard_to_believe_gives_way_to_that_of_another_source() {
    let mut world = World::new(92, 400);
    let (site, other) = (Site::new(), Server::start(Answer::csv(&world.to_csv())).await);
    let (daemon, server) = standing_on(&site, &world.to_csv(), &[&other]).await;
    world.advance(Step { amend: 5, list: 2, ..Step::default() });
    server.answer(Answer::csv(&faulty(&world, &blank_frns(28.0))));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Held, "the other has the listing before");
    other.answer(Answer::csv(&world.to_csv()));
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.filings), (SyncOutcome::Applied, 402), "{}", sync.error);
    let status = daemon.status().await;
    let alarm = status.alarms.iter().find(|alarm| alarm.code == "LISTING_UNUSUAL").expect("an alarm");
    assert!(alarm.message.contains("`frn`") && alarm.message.contains(&other.url), "{}", alarm.message);
    assert_eq!(status.state(), State::Warning);
}

#[tokio::test]
async fn another_source_that_says_the_same_is_believed_where_a_second_copy_is_not() {
    let mut world = World::new(93, 400);
    let (site, other) = (Site::new(), Server::start(Answer::csv(&world.to_csv())).await);
    let (daemon, server) = standing_on(&site, &world.to_csv(), &[&other]).await;
    let gone = world.advance(Step { remove: 130, ..Step::default() }).removed;
    server.answer(Answer::csv(&world.to_csv()));
    for _ in 0..2 {
        assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Held, "a second copy is that of the same source");
    }
    other.answer(Answer::csv(&world.to_csv()));
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.removed), (SyncOutcome::Applied, 130), "{}", sync.error);
    let status = daemon.status().await;
    let alarm = status.alarms.iter().find(|alarm| alarm.code == "LISTING_CORROBORATED").expect("an alarm");
    assert!(alarm.message.contains("another source") && alarm.message.contains(&other.url), "{}", alarm.message);
    assert_eq!(ask(&mut daemon.acceptance().await, by_number(&gone[0])).await.verdict(), Verdict::Refuse);
}

#[tokio::test]
async fn a_wave_is_dated_by_its_first_copy() {
    let mut world = World::new(94, 300);
    let site = Site::new();
    let server = Server::start(Answer::csv(&world.to_csv())).await;
    let mut command = crate::common::rmdd();
    command.arg("serve").arg("--state-dir").arg(site.state_dir()).args(["--grpc-listen", "127.0.0.1:0"]);
    command.args(["--source", &server.url]).env("RMDD_VET__CORROBORATE_AFTER", "2s");
    let daemon = Daemon::spawn(command);
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Applied);
    let gone = world.advance(Step { remove: 30, ..Step::default() }).removed;
    server.answer(Answer::csv(&world.to_csv()));
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.removed), (SyncOutcome::Applied, 30), "{}", sync.error);
    let ended = sync.at.expect("a time").seconds;
    let answer = ask(&mut daemon.acceptance().await, by_number(&gone[0])).await;
    let missing = answer.first_missing_at.expect("a time").seconds;
    let fetched = daemon.status().await.snapshot.expect("a snapshot").fetched_at.expect("a time").seconds;
    // Two seconds lay between the copies.
    assert!(missing + 1 < ended, "missing since {missing}, the sync ended {ended}");
    assert_eq!(fetched, missing);
}

#[tokio::test]
async fn two_files_in_one_and_a_blank_row_do_not_hide_a_wave() {
    let mut world = World::new(95, 600);
    let site = Site::new();
    let (daemon, server) = standing_on(&site, &world.to_csv(), &[]).await;
    let earlier = world.to_csv();
    let gone = world.advance(Step { remove: 60, ..Step::default() }).removed;
    let next = world.to_csv();
    let mut sheet = Sheet::read(&next);
    let last = sheet.rows.pop().expect("a row");
    let blank = vec![String::new(); sheet.header.len()];
    sheet.rows.splice(0..0, [last, blank]);
    for (what, bytes) in [
        ("twice in one", [next.clone(), next.clone()].concat()),
        ("behind the week before", [earlier, next.clone()].concat()),
        ("its last row and a blank one first", sheet.to_csv()),
    ] {
        server.answer(Answer::csv(&bytes));
        let sync = daemon.sync().await;
        assert!(matches!(sync.outcome(), SyncOutcome::Held | SyncOutcome::Refused), "{what}: {sync:?}");
    }
    server.answer(Answer::csv(&next));
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.removed), (SyncOutcome::Applied, 60), "{}", sync.error);
    assert_eq!(ask(&mut daemon.acceptance().await, by_number(&gone[0])).await.verdict(), Verdict::Refuse);
}

/// Binds peers to the first providers, and returns their filings' numbers.
fn bind_peers(site: &Site, world: &World, peers: usize) -> Vec<String> {
    let providers: Vec<(String, String)> = world
        .rows()
        .filter(|row| row.get("frn").len() == 10)
        .take(peers)
        .map(|row| (row.get("number").to_owned(), row.get("frn").to_owned()))
        .collect();
    for (place, (_, frn)) in providers.iter().enumerate() {
        let added = site.run(&["peers", "add", &format!("TG-{place}"), frn, "--by", "alice"]);
        assert_eq!(status_of(&added), 0, "{}", stderr(&added));
    }
    providers.into_iter().map(|(number, _)| number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn own_peers_that_go_are_an_alarm_and_far_beyond_their_share_it_takes_a_second_copy() {
    let mut world = World::new(96, 900);
    let site = Site::new();
    let (daemon, server) = standing_on(&site, &world.to_csv(), &[]).await;
    let numbers = bind_peers(&site, &world, 6);
    world.remove(&numbers[0]);
    server.answer(Answer::csv(&world.to_csv()));
    let asked = server.requests();
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Applied);
    assert_eq!(server.requests() - asked, 1, "one may go");
    let status = daemon.status().await;
    let alarm = status.alarms.iter().find(|alarm| alarm.code == "PEERS_GONE").expect("an alarm");
    assert!(alarm.message.contains("1 of your own 6 peers: TG-0"), "{}", alarm.message);

    for number in &numbers[1..5] {
        world.remove(number);
    }
    server.answer(Answer::csv(&world.to_csv()));
    let asked = server.requests();
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Applied);
    assert_eq!(server.requests() - asked, 2, "four of five, and nobody else");
    assert!(codes(&daemon.status().await).contains(&"LISTING_CORROBORATED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_approving_a_held_listing_would_do_to_own_peers_is_told_by_status_and_impact() {
    let mut world = World::new(97, 300);
    let site = Site::new();
    let (daemon, server) = standing_on(&site, &world.to_csv(), &[]).await;
    let nothing = site.run(&["impact", "--held"]);
    assert!(stderr(&nothing).contains("no listing is held"), "{}", stderr(&nothing));
    let numbers = bind_peers(&site, &world, 3);
    let removed = world.advance(Step { remove: 120, ..Step::default() }).removed;
    let gone: Vec<usize> = (0..3).filter(|place| removed.contains(&numbers[*place])).collect();
    for number in &numbers {
        world.remove(number);
    }
    server.answer(Answer::csv(&world.to_csv()));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Held, "{gone:?}");
    let held = eventually("the held listing", || async { daemon.status().await.held.first().cloned() }).await;
    let affected = held.peers.expect("what it does to peers");
    assert_eq!((affected.peers, affected.newly_refused, affected.newly_accepted), (3, 3, 0));
    let status = stdout(&site.run(&["status"]));
    assert!(status.contains("approving it would refuse 3 (TG-0, TG-1, TG-2) and accept 0 of your 3 peers"), "{status}");

    assert_eq!(affected.in_some_role, 3);
    assert!(affected.providers >= 100 && status.contains("in some role about 3 of them"), "{}", affected.providers);

    let impact = site.run(&["impact", "--held", "--json"]);
    assert_eq!(json(&impact)["providers"], affected.providers, "as status says");
    assert_eq!((status_of(&impact), &json(&impact)["newly_refused"]), (1, &3.into()), "{}", stderr(&impact));
    assert!(json(&impact)["listing_doubts"][0].as_str().expect("a doubt").contains("would be gone"));
    let digest: String = held.sha256.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(status_of(&site.run(&["impact", "--held", &digest])), 1);
    let other = site.run(&["impact", "--held", "00000000"]);
    assert!(stderr(&other).contains("no held listing has a digest that begins 00000000"), "{}", stderr(&other));
    assert_eq!(daemon.status().await.filings, 300, "nothing was changed");
}
