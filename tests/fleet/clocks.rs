//! Sites whose clocks are wrong.

use std::path::PathBuf;
use std::time::Duration;

use rmdd::api::grpc::v1::SyncOutcome;
use rmdd::domain::Log;
use rmdd::fleet::engine::Write;
use rmdd::fleet::said::{Fetcher, Token};
use rmdd_testkit::World;

use crate::common::clock::{at_another_time, by_a_clock_in};
use crate::common::{eventually, json, now, status_of, stderr, stdout};
use crate::sites::{Fleet, NAMES, NEVER};

/// By so many seconds a site sees the clock of another ahead of the others'.
fn offset(fleet: &Fleet, at: usize, of: usize) -> Option<f64> {
    let status = json(&fleet.run(at, &["fleet", "status", "--json"]));
    let sites = status["sites"].as_array().expect("sites");
    let site = sites.iter().find(|site| site["name"] == NAMES[of])?;
    site["clock_offset_seconds"].as_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_clock_is_two_days_ahead_follows_and_does_not_fetch_though_nobody_else_may() {
    let world = World::new(541, 60);
    let Some(mut fleet) = Fleet::prepare(&world.to_csv(), 4, NEVER).await else { return };
    let Some(wrong) = at_another_time("+2d") else { return };
    // The first and the last alone may fetch.
    (1..3).for_each(|place| fleet.configure(place, "fetches = false\n"));
    fleet.sites[0].make_store();
    fleet.ok(0, &["sync"]);
    fleet.ok(0, &["fleet", "init"]);
    (0..3).for_each(|place| fleet.start(place));
    assert_eq!(fleet.fetcher().await, 0);
    fleet.start_by(3, wrong);
    fleet.agree().await;
    eventually("its clock is seen to be wrong", || async {
        // On a busy machine the lease may end meanwhile: then it fetches again soon.
        (fleet.daemon(0).sync().await.outcome() == SyncOutcome::Unchanged).then_some(())?;
        let all = offset(&fleet, 1, 1).is_some() && offset(&fleet, 1, 2).is_some();
        (all && offset(&fleet, 1, 3)? > 100_000.0).then_some(())
    })
    .await;
    let told = fleet.agree().await;
    fleet.stop(0).await;
    // Long enough for many looks at a fleet in which nobody fetches.
    let read = || async {
        let at = fleet.daemon(3).status().await.fleet.expect("a fleet").heads_read_at.expect("read");
        Duration::new(at.seconds as u64, at.nanos as u32)
    };
    let from = read().await;
    eventually("it looks on", || async { (read().await > from + Duration::from_secs(3)).then_some(()) }).await;
    assert_eq!(fleet.client.poll().await.expect("read").fetcher, None);
    assert_eq!(fleet.agree().await, told, "it holds what the others do");
    let log = fleet.stop(3).await;
    assert!(log.contains("its clock is not that of the other sites"), "{log}");
    fleet.start(3);
    assert_eq!(fleet.fetcher().await, 3, "its clock was put right");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetcher_whose_clock_is_ahead_leaves_it_to_sites_that_have_come_before_it_dates_another_listing() {
    let world = World::new(546, 60);
    let Some(mut fleet) = Fleet::prepare(&world.to_csv(), 3, NEVER).await else { return };
    let Some(wrong) = at_another_time("+2d") else { return };
    fleet.sites[0].make_store();
    fleet.ok(0, &["sync"]);
    fleet.ok(0, &["fleet", "init"]);
    fleet.start_by(0, wrong);
    assert_eq!(fleet.fetcher().await, 0);
    eventually("it has looked at the sites", || async {
        fleet.daemon(0).status().await.fleet?.sites.iter().any(|site| site.name == NAMES[0]).then_some(())
    })
    .await;
    let before = fleet.index(Log::Listing).await;
    (1..3).for_each(|place| fleet.start(place));
    eventually("another site fetches", || async {
        let fetcher = fleet.client.poll().await.ok()?.fetcher?;
        NAMES[1..3].contains(&fetcher.site.as_str()).then_some(())
    })
    .await;
    let log = fleet.stop(0).await;
    assert!(log.contains("gives fetching for the fleet up: its clock is not that of the other sites"), "{log}");
    // The next one is dated by a clock that is right.
    eventually("it is fetched", || async {
        (fleet.daemon(1).sync().await.outcome() == SyncOutcome::Unchanged).then_some(())
    })
    .await;
    let newest = fleet.client.entries(Log::Listing, before + 1, before + 1).await.expect("read");
    let ours = |bytes: &Vec<u8>| rmdd::fleet::entry::written_by(bytes).is_some_and(|(site, _)| site != NAMES[0]);
    assert!(newest.first().is_some_and(ours));
}

/// A fleet of so many sites, of which the first alone runs and fetches, by the clock that this file says. Nothing where that
/// cannot be had here.
async fn led_by_a_clock_in_a_file(world: &World, count: usize) -> Option<(Fleet, PathBuf)> {
    let mut fleet = Fleet::prepare(&world.to_csv(), count, NEVER).await?;
    let clock = fleet.sites[0].directory.path().join("clock");
    std::fs::write(&clock, "+0").expect("written");
    let by_file = by_a_clock_in(&clock)?;
    fleet.sites[0].make_store();
    fleet.ok(0, &["sync"]);
    fleet.ok(0, &["fleet", "init"]);
    fleet.start_by(0, by_file);
    assert_eq!(fleet.fetcher().await, 0);
    Some((fleet, clock))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetcher_whose_clock_leaps_gives_it_up_and_the_next_one_keeps_it() {
    let world = World::new(542, 60);
    let Some((mut fleet, clock)) = led_by_a_clock_in_a_file(&world, 4).await else { return };
    (1..4).for_each(|place| fleet.start(place));
    fleet.agree().await;
    assert_eq!(fleet.daemon(0).sync().await.outcome(), SyncOutcome::Unchanged);
    fleet.agree().await;
    std::fs::write(&clock, "+2d").expect("written");
    let next = eventually("another site fetches", || async {
        fleet.daemon(1).sync().await;
        let at = fleet.fetcher().await;
        (at != 0).then_some(at)
    })
    .await;
    let log = fleet.stop(0).await;
    assert!(log.contains("gives fetching for the fleet up"), "{log}");
    // Its entries are no earlier than those of the clock that was wrong: that is no fault of its own clock.
    for _ in 0..4 {
        let synced = fleet.daemon(next).sync().await;
        assert_eq!(synced.outcome(), SyncOutcome::Unchanged, "{}", synced.error);
        let same = |fleet: &Fleet| (1..4).all(|of| offset(fleet, next, of).is_some_and(|offset| offset.abs() < 3600.0));
        eventually("all clocks are told, and are the same", || async { same(&fleet).then_some(()) }).await;
        assert_eq!(fleet.fetcher().await, next);
    }
    let log = fleet.stop(next).await;
    assert!(!log.contains("gives fetching for the fleet up"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_is_made_once_what_is_behind_it_is_seven_days_old() {
    let world = World::new(543, 60);
    let Some((fleet, clock)) = led_by_a_clock_in_a_file(&world, 1).await else { return };
    let bases = || async {
        let heads = fleet.client.poll().await.expect("read").heads;
        heads.map(|head| head.expect("a head").expect("readable").base.expect("a base").index)
    };
    eventually("a record is put", || async {
        let put = fleet.run(0, &["overrides", "add", "deny", "0041000001", "--by", "ann", "--why", "a test"]);
        (status_of(&put) == 0).then_some(())
    })
    .await;
    std::fs::write(&clock, "+6d").expect("written");
    let read = || async { fleet.daemon(0).status().await.fleet.and_then(|fleet| fleet.heads_read_at) };
    let six_days = read().await.expect("read").seconds + 5 * 24 * 3600;
    eventually("it looks by the new clock", || async { (read().await?.seconds > six_days).then_some(()) }).await;
    assert_eq!(bases().await, [0, 0]);
    std::fs::write(&clock, "+8d").expect("written");
    eventually("the base is made", || async { (bases().await == [0, 1]).then_some(()) }).await;
}

/// A fleet of two sites, of which the first fetches and the second follows, by the clock that this file says. Nothing where that
/// cannot be had here.
async fn followed_by_a_clock_in_a_file(world: &World) -> Option<(Fleet, PathBuf)> {
    let mut fleet = Fleet::prepare(&world.to_csv(), 2, NEVER).await?;
    let clock = fleet.sites[1].directory.path().join("clock");
    std::fs::write(&clock, "+0").expect("written");
    let by_file = by_a_clock_in(&clock)?;
    fleet.configure(1, "fetches = false\n");
    fleet.sites[0].make_store();
    fleet.ok(0, &["sync"]);
    fleet.ok(0, &["fleet", "init"]);
    fleet.start(0);
    fleet.start_by(1, by_file);
    fleet.agree().await;
    Some((fleet, clock))
}

#[tokio::test(flavor = "multi_thread")]
async fn that_no_site_fetches_is_an_alarm_after_five_minutes_until_one_does() {
    let world = World::new(544, 60);
    let Some((mut fleet, clock)) = followed_by_a_clock_in_a_file(&world).await else { return };
    let has_alarm = |fleet: &Fleet| {
        let status = json(&fleet.run(1, &["status", "--json"]));
        status["alarms"].to_string().contains("FLEET_NO_FETCHER")
    };
    fleet.stop(0).await;
    eventually("it is seen that nobody fetches", || async {
        fleet.daemon(1).status().await.fleet?.fetcher.is_empty().then_some(())
    })
    .await;
    assert!(!has_alarm(&fleet), "it is no alarm at once");
    std::fs::write(&clock, "+6m").expect("written");
    eventually("the alarm is raised", || async { has_alarm(&fleet).then_some(()) }).await;
    let said = fleet.run(1, &["fleet", "status"]);
    assert_eq!(status_of(&said), 1);
    let said = crate::common::stdout(&said);
    assert!(said.contains("no site fetches for the fleet east, since") && said.contains("nobody fetches"), "{said}");
    fleet.start(0);
    eventually("the alarm is cleared", || async { (!has_alarm(&fleet)).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_says_that_somebody_fetches_who_does_not_is_an_alarm_and_no_sync_waits_long_for_it() {
    let world = World::new(545, 60);
    let Some((mut fleet, clock)) = followed_by_a_clock_in_a_file(&world).await else { return };
    fleet.stop(0).await;
    let key = fleet.client.keys.fetcher();
    let says = Fetcher { token: Token([7; 16]), site: NAMES[0].to_owned(), since: now() }.to_bytes();
    let alarm = |fleet: &Fleet| {
        let status = json(&fleet.run(1, &["status", "--json"]));
        let alarms = status["alarms"].as_array().cloned().unwrap_or_default();
        alarms.into_iter().find(|alarm| alarm["code"] == "FLEET_NO_FETCHER")
    };
    let lease = fleet.client.engine.lease(Duration::from_secs(600)).await.expect("granted");
    for (minutes, lease, why, no_sync) in [
        // By another hand, which stays until another hand takes it away.
        (6, None, "no lease stands behind it", "no site fetches for the fleet now"),
        (12, Some(lease.id), "no such site is alive", "has not taken what was asked of it"),
    ] {
        let put = Write::Put(key.clone(), says.clone(), lease);
        fleet.client.engine.write_again(&[put]).await.expect("put");
        if lease.is_none() {
            eventually("it is seen that nobody fetches", || async {
                fleet.daemon(1).status().await.fleet?.fetcher.is_empty().then_some(())
            })
            .await;
        }
        std::fs::write(&clock, format!("+{minutes}m")).expect("written");
        let raised = eventually("the alarm is raised", || async {
            alarm(&fleet).filter(|alarm| alarm["finding"].to_string().contains(why))
        })
        .await;
        assert!(raised["what_to_do"].to_string().contains("etcdctl del"), "{raised}");
        assert!(raised["finding"].to_string().contains("/rmdd/east/fetcher names ams"), "{raised}");
        let said = fleet.run(1, &["sync"]);
        let told = stdout(&said) + &stderr(&said);
        assert!(status_of(&said) == 2 && told.contains(no_sync), "{told}");
    }
    fleet.client.engine.write_again(&[Write::Delete(key)]).await.expect("deleted");
    fleet.start(0);
    eventually("the alarm is cleared", || async { alarm(&fleet).is_none().then_some(()) }).await;
}
