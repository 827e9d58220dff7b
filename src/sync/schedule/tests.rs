use std::sync::atomic::{AtomicI64, Ordering};

use rmdd_testkit::World;

use super::*;
use crate::daemon::{Opened, publish_stored};
use crate::listing::rewind::HistoryConfig;
use crate::listing::vet::VetConfig;
use crate::store::archive::{Archive, ArchiveConfig};
use crate::store::{Ledger, Store};
use crate::sync::fetch::{FetchConfig, Source};
use crate::sync::{SyncSettings, Syncer};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn five_fields_and_six_mean_the_same_hour() {
    for expression in ["17 * * * *", "0 17 * * * *"] {
        let schedule: Schedule = expression.parse().expect(expression);
        assert_eq!(schedule.next_after(time("2026-01-05T10:17:00Z")), Some(time("2026-01-05T11:17:00Z")));
    }
}

#[test]
fn the_default_is_hourly_at_the_installations_minute() {
    let schedule = Schedule::from_config(&ScheduleConfig::default(), 41).expect("a schedule");
    assert_eq!(schedule.to_string(), "0 41 * * * *");
}

#[test]
fn what_is_no_cron_expression_is_refused_with_an_example() {
    for expression in ["", "hourly", "61 * * * *", "* * *", "0 0 31 2 *"] {
        let error = expression.parse::<Schedule>().expect_err(expression).to_string();
        assert!(error.contains("five fields"), "{error}");
    }
}

#[test]
fn a_sync_is_due_if_a_time_was_missed_and_only_then() {
    let schedule: Schedule = "17 * * * *".parse().expect("a schedule");
    let now = time("2026-01-05T10:30:00Z");
    assert!(schedule.is_due(None, now));
    assert!(schedule.is_due(Some(time("2026-01-05T10:16:59Z")), now));
    assert!(schedule.is_due(Some(time("2025-12-01T00:00:00Z")), now));
    assert!(!schedule.is_due(Some(time("2026-01-05T10:17:01Z")), now));
    assert!(schedule.is_due(Some(time("2026-01-05T12:00:00Z")), now), "the clock was set back");
}

/// Looks at a clock from one time to another, and says when a cycle was made up. A cycle takes two seconds.
fn made_up(schedule: &Schedule, last: &mut Timestamp, since: Timestamp, from: &str, to: &str) -> Vec<Timestamp> {
    let (mut now, to) = (time(from), time(to));
    let mut made_up = Vec::new();
    while now <= to {
        if schedule.is_missed(&Look { last: Some(*last), since, running: false, now }) {
            made_up.push(now);
            *last = now + SignedDuration::from_secs(2);
        }
        now += SignedDuration::from_secs(20);
    }
    made_up
}

fn hourly() -> Schedule {
    "17 * * * *".parse().expect("a schedule")
}

const START: &str = "2026-01-05T00:00:00Z";

#[test]
fn what_passed_while_the_machine_slept_is_made_up_once() {
    let mut last = time("2026-01-05T10:17:05Z");
    let woken = ("2026-01-05T13:30:00Z", "2026-01-05T14:17:40Z");
    let made_up = made_up(&hourly(), &mut last, time(START), woken.0, woken.1);
    assert_eq!(made_up, [time(woken.0)], "once for 11:17, 12:17 and 13:17");
}

#[test]
fn what_passed_when_the_clock_was_set_forward_is_made_up_once() {
    let mut last = time("2026-01-05T10:17:05Z");
    assert!(made_up(&hourly(), &mut last, time(START), "2026-01-05T10:18:00Z", "2026-01-05T10:40:00Z").is_empty());
    let made_up = made_up(&hourly(), &mut last, time(START), "2026-03-01T10:10:00Z", "2026-03-01T10:17:40Z");
    assert_eq!(made_up, [time("2026-03-01T10:10:00Z")]);
}

#[test]
fn a_clock_that_was_set_back_is_followed_neither_in_a_loop_nor_in_silence() {
    let mut last = time("2026-01-05T10:17:05Z");
    // Nothing else starts cycles here: each is made up as soon as it is late.
    let made_up = made_up(&hourly(), &mut last, time(START), "2026-01-04T10:30:00Z", "2026-01-04T12:30:00Z");
    let expected = ["2026-01-04T10:30:00Z", "2026-01-04T11:18:00Z", "2026-01-04T12:18:00Z"];
    assert_eq!(made_up, expected.map(time));
}

#[test]
fn a_cycle_that_came_in_time_or_runs_is_not_made_up() {
    let schedule = hourly();
    let look = |last: &str, running, now: &str| {
        schedule.is_missed(&Look { last: Some(time(last)), since: time(START), running, now: time(now) })
    };
    assert!(!look("2026-01-05T10:17:05Z", false, "2026-01-05T11:17:59Z"), "cron is awaited");
    assert!(look("2026-01-05T10:17:05Z", false, "2026-01-05T11:18:00Z"));
    assert!(!look("2026-01-05T10:17:05Z", true, "2026-01-05T11:18:00Z"), "it runs");
    assert!(!look("2026-01-05T11:17:00Z", false, "2026-01-05T11:18:00Z"), "it ran within its second");
    assert!(!look("2026-01-05T11:17:30Z", false, "2026-01-05T11:18:00Z"), "an operator's counts too");
    assert!(!look("2026-01-05T11:18:30Z", false, "2026-01-05T11:18:00Z"), "a clock that is being disciplined");
}

#[test]
fn a_schedule_that_has_just_come_into_force_has_missed_nothing() {
    let schedule = hourly();
    let (since, last) = (time("2026-01-05T10:40:00Z"), Some(time("2026-01-05T09:50:00Z")));
    let look = |now: &str| schedule.is_missed(&Look { last, since, running: false, now: time(now) });
    assert!(!look("2026-01-05T10:41:00Z"));
    assert!(look("2026-01-05T11:18:00Z"));
    assert!(!schedule.is_missed(&Look { last: None, since, running: false, now: time("2026-01-05T10:41:00Z") }));
}

/// A syncer whose source is a made-up listing in this directory.
fn syncer(directory: &std::path::Path) -> (Syncer, SyncHandle) {
    let (file, state_dir) = (directory.join("listing.csv"), directory.join("state"));
    std::fs::write(&file, World::new(93, 80).to_csv()).expect("written");
    let Opened { store, index, sync_state, .. } = publish_stored(Store::open(&state_dir).expect("made")).expect("read");
    let settings = SyncSettings {
        source: Source::read(&file.display().to_string()).expect("a source"),
        fallbacks: Vec::new(),
        fetch: FetchConfig::default(),
        vet: VetConfig::default(),
        archive: ArchiveConfig::default(),
        history: HistoryConfig::default(),
    };
    Syncer::new(Ledger::Own(store), index, sync_state, settings, Archive::new(&state_dir))
}

#[tokio::test]
async fn a_look_at_a_clock_that_has_leapt_starts_a_cycle_and_one_that_was_set_back_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let (syncer, sync) = syncer(directory.path());
    let stop = CancellationToken::new();
    let running = tokio::spawn(syncer.run(stop.clone()));
    let since = clock::now();
    let hours = AtomicI64::new(0);
    let shifted = || since + SignedDuration::from_hours(hours.load(Ordering::Relaxed));
    let schedule = hourly();
    let looks = set_back(&schedule, since, &sync, Duration::from_millis(1), shifted);
    tokio::pin!(looks);
    let mut completed = sync.completed();
    hours.store(3, Ordering::Relaxed);
    tokio::select! {
        _ = &mut looks => panic!("the clock was set forward"),
        changed = completed.changed() => changed.expect("a cycle"),
    }
    let last = sync.state().last.clone().expect("a cycle");
    assert_eq!((last.trigger, last.outcome.is_success()), (SyncTrigger::Schedule, true), "{last:?}");
    hours.store(-24, Ordering::Relaxed);
    assert_eq!(looks.await, since - SignedDuration::from_hours(24));
    stop.cancel();
    running.await.expect("it ends");
}

#[test]
fn a_schedule_reads_as_a_person_says_it() {
    for (cron, words) in [
        ("0 29 * * * *", "hourly at minute 29"),
        ("29 * * * *", "hourly at minute 29"),
        ("7,37 * * * *", "hourly at minutes 7, 37"),
        ("*/15 * * * *", "every 15 minutes"),
        ("* * * * *", "every minute"),
        ("5 */6 * * *", "every 6 hours at minute 5"),
        ("30 2 * * *", "daily at 02:30 UTC"),
        ("15 30 2 * * *", "daily at 02:30:15 UTC"),
        ("0 0 1 1 *", "by \"0 0 1 1 *\", cron in UTC"),
        ("0-30/10 * * * *", "by \"0-30/10 * * * *\", cron in UTC"),
    ] {
        assert_eq!(cron.parse::<Schedule>().expect("a schedule").in_words(), words, "{cron}");
    }
}
