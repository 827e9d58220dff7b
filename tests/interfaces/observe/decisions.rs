//! The decision log.

use std::process::Command;

use serde_json::Value;

use super::page::get;
use super::{LISTED, NEVER, PERSONAL, REMOVED, bind_peer, emergency, with_a_removal};
use crate::common::{Daemon, Site};
use crate::common::{ask, by_frn, by_number, decisions as lines, eventually, exists, json};
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::{CheckProviderRequest, ProviderRole, Verdict};

/// Whom each line is about, and what was decided.
fn reported(lines: &[Value]) -> Vec<(String, String)> {
    let who = |asked: &Value| {
        let named = ["frn", "rmd_number", "ocn", "peer"].iter().find_map(|kind| asked[kind].as_str());
        named.unwrap_or_default().to_owned()
    };
    let word = |line: &Value| line["reason"].as_str().unwrap_or_default().to_owned();
    lines.iter().map(|line| (who(&line["asked"]), word(line))).collect()
}

/// Asks one question of each kind, in this order.
async fn ask_all(daemon: &Daemon) {
    bind_peer(daemon, "TG-One", REMOVED).await;
    let mut client = daemon.acceptance().await;
    ask(&mut client, by_frn(LISTED)).await;
    ask(&mut client, by_number("RMD0900002")).await;
    let caller = "+12025550123".to_owned();
    let role = ProviderRole::Gateway.into();
    ask(&mut client, CheckProviderRequest { caller_id: caller, role, ..by_frn(NEVER) }).await;
    ask(&mut client, emergency(NEVER)).await;
    let peer = Some(Identity::Peer("tg-one".to_owned()));
    ask(&mut client, CheckProviderRequest { identity: peer, ..CheckProviderRequest::default() }).await;
    // An emergency call of which nothing can be read has an answer; anything else of that kind has an error.
    ask(&mut client, emergency("no number")).await;
    client.check_provider(by_frn("no number")).await.expect_err("refused");
    // A question about the past decides about no call.
    let past =
        CheckProviderRequest { at: Some(rmdd::api::grpc::time_to_wire(rmdd::observe::clock::now())), ..by_frn(NEVER) };
    assert_eq!(ask(&mut client, past).await.verdict(), Verdict::Refuse);
}

#[tokio::test]
async fn each_level_logs_just_what_it_says_and_a_stop_writes_it_all() {
    let refusals = [("RMD0900002", "REMOVED"), (NEVER, "NOT_LISTED"), ("TG-One", "REMOVED")];
    let all = [
        (LISTED, "LISTED"),
        ("RMD0900002", "REMOVED"),
        (NEVER, "NOT_LISTED"),
        (NEVER, "EMERGENCY_CALL"),
        ("TG-One", "REMOVED"),
        ("", "EMERGENCY_CALL"),
    ];
    let notable = &all[1..];
    for (level, expected) in [("off", &all[..0]), ("refusals", &refusals[..]), ("notable", notable), ("all", &all[..])]
    {
        let site = Site::new();
        let daemon = with_a_removal(&site, &format!("[decision_log]\nlog = \"{level}\"\n")).await;
        ask_all(&daemon).await;
        assert!(daemon.terminate().await.0.success());
        let path = site.state_dir().join("decisions.jsonl");
        let logged = lines(&path);
        let expected: Vec<_> = expected.iter().map(|(who, reason)| (who.to_string(), reason.to_string())).collect();
        assert_eq!(reported(&logged), expected, "{level}");
        assert_eq!(exists(&path), level != "off");
    }
}

#[tokio::test]
async fn a_line_has_the_question_the_evidence_and_nothing_that_is_somebodys_own() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "[decision_log]\nlog = \"all\"\n").await;
    ask_all(&daemon).await;
    let mut client = daemon.acceptance().await;
    let removed = ask(&mut client, by_number("RMD0900002")).await;
    let snapshot = daemon.status().await.snapshot.expect("a snapshot");
    daemon.terminate().await;

    let path = site.state_dir().join("decisions.jsonl");
    let logged = lines(&path);
    let line = &logged[1];
    assert_eq!(
        (&line["verdict"], &line["interface"], &line["matched_by"]),
        (&"REFUSE".into(), &"grpc_unary".into(), &"RMD_NUMBER".into())
    );
    assert_eq!(line["filing"], serde_json::json!({"number": "RMD0900002", "frn": REMOVED}));
    let time = |at: &Value| at.as_str().and_then(|at| at.parse().ok()).map(rmdd::api::grpc::time_to_wire);
    assert_eq!(time(&line["removal"]["last_seen_at"]), removed.last_seen_at);
    assert_eq!(time(&line["removal"]["first_missing_at"]), removed.first_missing_at);
    assert!(line["message"].as_str().is_some_and(|message| message.contains("no longer in the database")), "{line}");
    assert_eq!(line["snapshot"]["serial"], snapshot.serial);
    let sha256: String = snapshot.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(line["snapshot"]["sha256"], sha256);
    assert!(line["snapshot"]["age_seconds"].as_i64().is_some_and(|age| (0..600).contains(&age)));

    let asked = &logged[2]["asked"];
    assert_eq!((&asked["role"], &asked["us_caller_id"]), (&"gateway".into(), &"yes".into()));
    assert_eq!((&asked["caller_id_given"], &logged[1]["asked"]["caller_id_given"]), (&true.into(), &false.into()));
    assert_eq!(logged[4]["asked"]["bound_to"], REMOVED);

    let text = std::fs::read_to_string(path).expect("readable");
    for personal in PERSONAL.iter().map(|(_, cell)| *cell).chain(["2025550123"]) {
        assert!(!text.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn a_call_to_911_over_http_is_logged_with_whom_it_named_whatever_else_is_wrong_with_it() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "[decision_log]\nlog = \"all\"\n").await;
    let asked = [
        (format!("{LISTED}?emergency=true"), LISTED),
        (format!("{REMOVED}?emergency=true&roll=gateway"), REMOVED),
        (format!("{NEVER}?emergency&role=carrier"), NEVER),
        ("TG-Nobody?emergency=1".to_owned(), "tg-nobody"),
        ("ocn:1?emergency=1".to_owned(), ""),
        ("?emergency=1".to_owned(), ""),
    ];
    for (path, _) in &asked {
        assert!(get(&daemon, &format!("/v1/check/{path}")).await.status().is_success(), "{path}");
    }
    daemon.terminate().await;
    let logged = lines(&site.state_dir().join("decisions.jsonl"));
    let expected = asked.map(|(_, who)| (who.to_owned(), "EMERGENCY_CALL".to_owned()));
    assert_eq!(reported(&logged), expected);
    assert!(logged.iter().all(|line| line["asked"]["emergency"] == true && line["interface"] == "http"), "{logged:?}");
}

#[tokio::test]
async fn over_http_a_line_says_from_where_was_asked_and_what_the_call_is_called() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "").await;
    let long = "x".repeat(300);
    for reference in ["a84b4c76e66710%40pc33.example", "%0d%0aevil%1b%5b31m", &long, "", "first&ref=second"] {
        let path = format!("/v1/check/{REMOVED}?format=text&ref={reference}");
        assert!(get(&daemon, &path).await.status().is_success(), "a bad reference costs no answer: {path}");
    }
    assert!(get(&daemon, &format!("/v1/check/{NEVER}?emergency=true&roll=x&ref=sos-1")).await.status().is_success());
    daemon.terminate().await;
    let logged = lines(&site.state_dir().join("decisions.jsonl"));
    let refs: Vec<_> = logged.iter().map(|line| line["ref"].as_str().map(str::to_owned)).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        refs,
        [
            some("a84b4c76e66710@pc33.example"),
            some("evil[31m"),
            some(&"x".repeat(128)),
            None,
            some("first"),
            some("sos-1")
        ]
    );
    assert!(logged.iter().all(|line| line["asked_by"] == "127.0.0.1"), "{logged:?}");
}

#[tokio::test]
async fn a_call_to_911_before_any_listing_is_logged_with_whom_it_named() {
    let site = Site::new();
    let daemon = site.start_configured("[decision_log]\nlog = \"all\"\n");
    let mut client = daemon.acceptance().await;
    assert_eq!(ask(&mut client, emergency(NEVER)).await.verdict(), Verdict::Accept);
    daemon.terminate().await;
    let logged = lines(&site.state_dir().join("decisions.jsonl"));
    assert_eq!(reported(&logged), [(NEVER.to_owned(), "EMERGENCY_CALL".to_owned())]);
}

#[tokio::test]
async fn a_reload_changes_the_level_and_the_file() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "[decision_log]\nlog = \"off\"\n").await;
    let mut client = daemon.acceptance().await;
    ask(&mut client, by_frn(NEVER)).await;
    let other = site.directory.path().join("other.jsonl");
    let settings = format!("[decision_log]\nlog = \"all\"\npath = {:?}\nqueue = 9\n", other.display().to_string());
    site.configure(&settings);
    let reloaded = daemon.admin().await.reload_config(rmdd::api::grpc::v1::ReloadConfigRequest {}).await;
    let reloaded = reloaded.expect("reloaded").into_inner();
    assert_eq!(reloaded.applied, ["decision_log.log", "decision_log.path"]);
    assert_eq!(reloaded.needs_restart, ["decision_log.queue"]);
    ask(&mut client, by_frn(LISTED)).await;
    daemon.terminate().await;
    assert_eq!(reported(&lines(&other)), [(LISTED.to_owned(), "LISTED".to_owned())]);
    assert!(!exists(&site.state_dir().join("decisions.jsonl")));
}

#[tokio::test]
async fn a_log_that_nobody_takes_keeps_no_answer_and_what_is_dropped_is_told() {
    let site = Site::new();
    let pipe = site.directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let settings = format!("[decision_log]\nqueue = 1\npath = {:?}\n", pipe.display().to_string());
    let daemon = with_a_removal(&site, &settings).await;
    let mut client = daemon.acceptance().await;
    for _ in 0..50 {
        assert_eq!(ask(&mut client, by_frn(NEVER)).await.verdict(), Verdict::Refuse);
    }
    let status = json(&site.run(&["status", "--json"]));
    let alarms = status["alarms"].as_array().expect("alarms");
    let alarm = alarms.iter().find(|alarm| alarm["code"] == "DECISIONS_DROPPED").expect("an alarm");
    assert_eq!((&status["state"], &alarm["severity"]), (&"warning".into(), &"warning".into()), "{status}");
    assert!(alarm["message"].as_str().is_some_and(|message| message.contains("lacks 49 decisions")), "{alarm}");

    let reader = std::thread::spawn(move || lines(&pipe));
    assert!(daemon.terminate().await.0.success());
    let logged = reader.join().expect("read");
    assert_eq!((logged.len(), &logged[0]["asked"]["frn"], &logged[1]["dropped"]), (2, &NEVER.into(), &49.into()));
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_an_alarm_until_it_can() {
    let site = Site::new();
    let nowhere = site.directory.path().join("nowhere");
    let settings = format!("[decision_log]\npath = {:?}\n", nowhere.join("log").display().to_string());
    let daemon = with_a_removal(&site, &settings).await;
    let mut client = daemon.acceptance().await;
    ask(&mut client, by_frn(NEVER)).await;
    let failing = || async {
        let alarms = daemon.status().await.alarms;
        alarms.into_iter().find(|alarm| alarm.code == "DECISION_LOG_FAILING").map(|alarm| alarm.message)
    };
    let message = eventually("the alarm is raised", failing).await;
    assert!(message.contains(&nowhere.join("log").display().to_string()), "{message}");
    std::fs::create_dir(&nowhere).expect("made");
    eventually("the alarm is over", || async { failing().await.is_none().then_some(()) }).await;
    daemon.terminate().await;
    assert_eq!(reported(&lines(&nowhere.join("log"))), [(NEVER.to_owned(), "NOT_LISTED".to_owned())]);
}
