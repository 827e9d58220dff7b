use std::fs;
use std::process::Command;
use std::time::Instant;

use super::line::ListingThen;
use super::*;
use crate::decide::Query;
use crate::domain::Interface;
use crate::domain::{Advisory, AdvisoryCode, Decision, Identity, Reason, Sha256Digest, SnapshotSerial, Who, rule};

fn config(path: &Path, log: Logged, queue: u32) -> DecisionLogConfig {
    DecisionLogConfig { log, path: Some(path.to_owned()), queue, ..DecisionLogConfig::default() }
}

fn entry(frn: u64) -> Entry {
    let identity = Identity::Frn(format!("{frn:010}").parse().expect("an FRN"));
    let decision = Decision {
        verdict: Verdict::Refuse,
        reason: Reason::NotListed,
        rule: rule::ACCEPT_ONLY_LISTED,
        by_policy: false,
        advisories: vec![
            Advisory { code: AdvisoryCode::CellUnrecognized, message: "last of the list".to_owned() },
            Advisory { code: AdvisoryCode::ListingOld, message: "first of the list".to_owned() },
        ],
        matched_by: None,
        filing: None,
        other_filings: Vec::new(),
        removal: None,
        candidates: Vec::new(),
        record: None,
    };
    let at = Timestamp::from_second(1_790_000_000).expect("a time");
    let listing = ListingThen::of(SnapshotSerial(7), Sha256Digest([0xab; 32]), at, at);
    Entry {
        at: at + jiff::SignedDuration::from_secs(90),
        interface: Interface::Http,
        asked_by: crate::transport::auth::Asker::Token("switch-1".into()),
        reference: Some("a84b4c76e66710@pc33".into()),
        asked: Asked::Who(Who::Provider(identity)),
        decided: Some(Decided::new(Query::about(identity), true, None, &decision, listing)),
    }
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    all_lines(path).into_iter().filter(|line| line.get("log").is_none()).collect()
}

/// Also those that say which decisions are logged.
fn all_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a whole line of JSON")).collect()
}

/// Waits for the other thread, within bounds.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        #[expect(clippy::disallowed_methods, reason = "between one look and the next")]
        std::thread::sleep(Duration::from_millis(1));
    }
}

async fn closed(log: &DecisionLog) {
    log.close(Duration::from_secs(60)).await.expect("written to the end");
}

#[tokio::test]
async fn a_line_says_what_was_asked_what_was_answered_and_on_what_it_rests() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = DecisionLog::start(DecisionLogConfig::default(), directory.path()).expect("started");
    log.note(entry(21));
    log.note(Entry { decided: None, asked: Asked::Unreadable, ..entry(1) });
    closed(&log).await;
    let lines = lines(&directory.path().join(FILE_NAME));
    let expected = serde_json::json!({
        "at": "2026-09-21T14:14:50Z", "verdict": "REFUSE", "reason": "NOT_LISTED",
        "message": "FRN 0000000021 is not in the database",
        "asked": {
            "frn": "0000000021", "rmd_number": null, "ocn": null, "peer": null, "bound_to": null, "role": null, "emergency": false, "foreign": "unknown", "us_caller_id": "unknown",
            "caller_id_given": true,
        },
        "interface": "http", "asked_by": "token switch-1", "ref": "a84b4c76e66710@pc33", "rule": "47 CFR 64.6305(g)", "by_policy": false,
        "advisories": ["LISTING_OLD", "CELL_UNRECOGNIZED"], "matched_by": null, "filing": null, "other_filings": [],
        "candidates": [], "removal": null, "record": null,
        "snapshot": {
            "serial": 7, "sha256": "ab".repeat(32), "fetched_at": "2026-09-21T14:13:20Z",
            "confirmed_at": "2026-09-21T14:13:20Z", "age_seconds": 90,
        },
    });
    assert_eq!(lines[0], expected);
    assert_eq!((&lines[1]["verdict"], &lines[1]["reason"]), (&"ACCEPT".into(), &"EMERGENCY_CALL".into()));
    assert_eq!((&lines[1]["asked"]["emergency"], &lines[1]["snapshot"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!((lines.len(), log.counts().written, log.counts().dropped), (2, 2, 0));
}

#[tokio::test]
async fn without_room_decisions_are_dropped_counted_and_said_in_the_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    // Nobody reads it: the writer waits in opening it, and one decision fits into the queue.
    let log = DecisionLog::start(config(&pipe, Logged::Refusals, 1), directory.path()).expect("started");
    for frn in 1..=10 {
        log.note(entry(frn));
    }
    let counts = log.counts();
    assert_eq!((counts.written, counts.dropped, counts.queued, counts.limit), (0, 9, 1, 1));
    assert!(counts.last_drop_at.is_some() && counts.fault.is_none());
    assert_eq!(log.close(Duration::from_millis(1)).await, Err(1), "it says that it could not wait");

    let reader = std::thread::spawn(move || lines(&pipe));
    closed(&log).await;
    let lines = reader.join().expect("read");
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["asked"]["frn"], &lines[1]["dropped"]), (&"0000000001".into(), &9.into()));
    assert_eq!((log.counts().written, log.counts().dropped), (1, 9));
    log.note(entry(11));
    assert_eq!(log.counts().dropped, 10, "a closed log takes nothing, and counts that too");
}

#[tokio::test]
async fn a_full_disk_keeps_what_waits_and_nothing_is_lost_once_there_is_room() {
    let directory = tempfile::tempdir().expect("a directory");
    let full = Path::new("/dev/full");
    let log = DecisionLog::start(config(full, Logged::All, 100), directory.path()).expect("started");
    for frn in 1..=50 {
        log.note(entry(frn));
    }
    eventually("the failure is known", || log.counts().fault.is_some());
    let counts = log.counts();
    assert!(counts.fault.is_some_and(|fault| fault.contains("/dev/full")) && counts.failures > 0);
    assert_eq!((counts.written, counts.dropped), (0, 0));

    let path = directory.path().join("log");
    log.reload(config(&path, Logged::All, 100));
    closed(&log).await;
    let frns: Vec<_> = lines(&path).iter().map(|line| line["asked"]["frn"].to_string()).collect();
    assert_eq!(frns, (1..=50).map(|frn| format!("\"{frn:010}\"")).collect::<Vec<_>>());
    assert_eq!((log.counts().written, log.counts().fault), (50, None));
}

#[tokio::test]
async fn what_is_dropped_while_the_disk_is_full_is_dropped_for_that() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = DecisionLog::start(config(Path::new("/dev/full"), Logged::All, 1), directory.path()).expect("started");
    log.note(entry(1));
    eventually("the failure is known", || log.counts().fault.is_some());
    for frn in 2..=9 {
        log.note(entry(frn));
    }
    let counts = log.counts();
    assert!(counts.dropped >= 7, "{counts:?}");
    assert!(counts.last_drop_fault.is_some_and(|fault| fault.contains("/dev/full")));
}

#[tokio::test]
async fn what_cannot_be_written_before_the_end_counts_as_dropped() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = DecisionLog::start(config(Path::new("/dev/full"), Logged::All, 100), directory.path()).expect("started");
    for frn in 1..=5 {
        log.note(entry(frn));
    }
    closed(&log).await;
    assert_eq!((log.counts().written, log.counts().dropped), (0, 5));
}

#[tokio::test]
async fn a_file_that_is_full_is_put_aside_between_two_lines_and_only_so_many_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let config = DecisionLogConfig { max_bytes: 1024, keep: 3, ..config(&path, Logged::All, 100) };
    let log = DecisionLog::start(config, directory.path()).expect("started");
    for frn in 1..=20 {
        log.note(entry(frn));
    }
    closed(&log).await;
    let mut kept: Vec<_> = (1..=3).rev().map(|number| directory.path().join(format!("log.{number}"))).collect();
    kept.push(path);
    for file in &kept {
        assert!(fs::metadata(file).expect("it is there").len() <= 1024, "{}", file.display());
    }
    let kept: Vec<_> = kept.iter().flat_map(|file| lines(file)).map(|line| line["asked"]["frn"].to_string()).collect();
    let first = 21 - kept.len();
    assert_eq!(kept, (first..=20).map(|frn| format!("\"{frn:010}\"")).collect::<Vec<_>>(), "the newest, in order");
    assert!(kept.len() >= 4 && first > 1 && !directory.path().join("log.4").try_exists().expect("looked"));
    assert_eq!(log.counts().written, 20);
}

#[tokio::test]
async fn a_restart_goes_on_in_the_same_file_behind_a_line_that_was_torn() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    for frn in 1..=2 {
        let log = DecisionLog::start(DecisionLogConfig::default(), directory.path()).expect("started");
        log.note(entry(frn));
        closed(&log).await;
    }
    assert_eq!(lines(&path).len(), 2);
    fs::write(&path, "{\"at\":\"20").expect("torn");
    let log = DecisionLog::start(DecisionLogConfig::default(), directory.path()).expect("started");
    log.note(entry(3));
    closed(&log).await;
    let text = fs::read_to_string(&path).expect("readable");
    let (torn, rest) = text.split_once('\n').expect("two lines");
    assert_eq!(torn, "{\"at\":\"20");
    assert!(rest.contains("0000000003"));
    assert!(rest.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{rest}");
}

#[tokio::test]
async fn a_reload_changes_what_is_logged_and_opens_a_file_that_was_moved_away() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let log = DecisionLog::start(config(&path, Logged::Off, 10), directory.path()).expect("started");
    assert!(!log.wants(Verdict::Refuse, false) && !log.wants(Verdict::Accept, true));
    log.reload(config(&path, Logged::Refusals, 10));
    assert!(log.wants(Verdict::Refuse, false) && !log.wants(Verdict::Accept, true));
    log.reload(config(&path, Logged::Notable, 10));
    assert!(
        log.wants(Verdict::Refuse, false) && log.wants(Verdict::Accept, true) && !log.wants(Verdict::Accept, false)
    );
    log.reload(config(&path, Logged::All, 10));
    assert!(log.wants(Verdict::Refuse, false) && log.wants(Verdict::Accept, false));

    log.note(entry(1));
    eventually("the first is written", || log.counts().written == 1);
    fs::rename(&path, path.with_extension("moved")).expect("moved away");
    log.reload(config(&path, Logged::All, 10));
    eventually("it is opened anew", || path.try_exists().expect("looked"));
    log.note(entry(2));
    closed(&log).await;
    assert_eq!((lines(&path).len(), lines(&path.with_extension("moved")).len()), (1, 1));
    let levels = |path: &Path| {
        let said = all_lines(path).into_iter().filter_map(|line| line["log"].as_str().map(str::to_owned));
        said.collect::<Vec<_>>()
    };
    // How many of three quick changes the writer sees is its own affair; the last one it does.
    assert_eq!(levels(&path.with_extension("moved")).last().map(String::as_str), Some("all"));
}

#[tokio::test]
async fn the_log_says_from_when_on_it_has_which_decisions() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    let levels = || {
        let said = all_lines(&path).into_iter().filter_map(|line| line["log"].as_str().map(str::to_owned));
        said.collect::<Vec<_>>()
    };
    let log = DecisionLog::start(config(&path, Logged::Off, 10), directory.path()).expect("started");
    closed(&log).await;
    assert!(!path.try_exists().expect("looked"), "where there is no log, none lacks anything");
    let log = DecisionLog::start(config(&path, Logged::All, 10), directory.path()).expect("started");
    eventually("it is said", || levels() == ["all"]);
    log.reload(config(&path, Logged::Notable, 10));
    eventually("it is said", || levels() == ["all", "notable"]);
    log.reload(config(&path, Logged::Notable, 10));
    log.note(entry(1));
    closed(&log).await;
    assert_eq!((levels().len(), lines(&path).len(), log.counts().written), (2, 1, 1));
    let log = DecisionLog::start(config(&path, Logged::Off, 10), directory.path()).expect("started");
    closed(&log).await;
    assert_eq!(levels(), ["all", "notable", "off"]);
}
