//! What is counted.

use std::collections::BTreeMap;

use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::{self, CheckProviderRequest, ProviderRole};
use tokio_stream::StreamExt;

use super::page::{Page, get};
use super::{LISTED, NEVER, REMOVED, bind_peer, emergency, with_a_removal};
use crate::common::{Site, ask, by_frn, eventually};

fn counts<const N: usize>(expected: [(&str, f64); N]) -> BTreeMap<String, f64> {
    expected.into_iter().map(|(labels, count)| (labels.to_owned(), count)).collect()
}

#[tokio::test]
async fn every_answer_is_counted_once_as_what_it_was() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "").await;
    bind_peer(&daemon, "TG-One", LISTED).await;
    let mut client = daemon.acceptance().await;
    for _ in 0..3 {
        ask(&mut client, by_frn(LISTED)).await;
    }
    // The Unix socket counts as well.
    ask(&mut AcceptanceServiceClient::new(daemon.unix().await), by_frn(LISTED)).await;
    for _ in 0..2 {
        let gateway = CheckProviderRequest { role: ProviderRole::Gateway.into(), ..by_frn(REMOVED) };
        ask(&mut client, gateway).await;
    }
    ask(&mut client, by_frn(NEVER)).await;
    ask(&mut client, emergency(NEVER)).await;
    ask(&mut client, emergency("no number")).await;
    for _ in 0..4 {
        client.check_provider(by_frn("no number")).await.expect_err("no answer");
    }
    let peer = Some(Identity::Peer("nobody".to_owned()));
    client.check_provider(CheckProviderRequest { identity: peer, ..by_frn("") }).await.expect_err("no answer");
    let past =
        CheckProviderRequest { at: Some(rmdd::api::grpc::time_to_wire(rmdd::observe::clock::now())), ..by_frn(NEVER) };
    ask(&mut client, past).await;

    let question = |frn: &str| v1::CheckStreamRequest { id: 7, question: Some(by_frn(frn)) };
    let questions = tokio_stream::iter(vec![question(REMOVED), question(LISTED), question("no number")]);
    let answers = client.check_stream(questions).await.expect("a stream").into_inner();
    assert_eq!(answers.collect::<Vec<_>>().await.len(), 3);
    let questions = vec![by_frn(LISTED), by_frn(NEVER), by_frn("no number"), emergency("")];
    let batch = v1::CheckProvidersRequest { questions, ..v1::CheckProvidersRequest::default() };
    client.check_providers(batch.clone()).await.expect("answers");
    let at = Some(rmdd::api::grpc::time_to_wire(rmdd::observe::clock::now()));
    client.check_providers(v1::CheckProvidersRequest { at, ..batch }).await.expect("answers about the past");

    // A name that may be a number, an OCN or a peer counts once, as what it came to.
    for path in [LISTED, "1234?role=gateway", "TG-One?role=gateway", "nobody", "nobody?emergency=true", "1?role=none"] {
        get(&daemon, &format!("/v1/check/{path}")).await;
    }
    get(&daemon, &format!("/v1/check/{NEVER}?at=0m")).await;

    let page = Page::of(&daemon, "").await;
    let expected = counts([
        (r#"{interface="grpc_batch",reason="EMERGENCY_CALL",role="any",verdict="ACCEPT"}"#, 1.0),
        (r#"{interface="grpc_batch",reason="LISTED",role="any",verdict="ACCEPT"}"#, 1.0),
        (r#"{interface="http",reason="EMERGENCY_CALL",role="any",verdict="ACCEPT"}"#, 1.0),
        (r#"{interface="http",reason="LISTED",role="any",verdict="ACCEPT"}"#, 1.0),
        (r#"{interface="http",reason="LISTED",role="gateway",verdict="ACCEPT"}"#, 1.0),
        (r#"{interface="http",reason="NOT_LISTED",role="gateway",verdict="REFUSE"}"#, 1.0),
        (r#"{interface="grpc_stream",reason="LISTED",role="any",verdict="ACCEPT"}"#, 1.0),
        (r#"{interface="grpc_batch",reason="NOT_LISTED",role="any",verdict="REFUSE"}"#, 1.0),
        (r#"{interface="grpc_stream",reason="REMOVED",role="any",verdict="REFUSE"}"#, 1.0),
        (r#"{interface="grpc_unary",reason="EMERGENCY_CALL",role="any",verdict="ACCEPT"}"#, 2.0),
        (r#"{interface="grpc_unary",reason="LISTED",role="any",verdict="ACCEPT"}"#, 4.0),
        (r#"{interface="grpc_unary",reason="NOT_LISTED",role="any",verdict="REFUSE"}"#, 1.0),
        (r#"{interface="grpc_unary",reason="REMOVED",role="gateway",verdict="REFUSE"}"#, 2.0),
    ]);
    assert_eq!(page.of_name("rmdd_decisions_total"), expected);
    let expected = counts([
        (r#"{error="INVALID_FRN",interface="grpc_batch"}"#, 1.0),
        (r#"{error="OTHER",interface="http"}"#, 1.0),
        (r#"{error="PEER_UNKNOWN",interface="http"}"#, 1.0),
        (r#"{error="INVALID_FRN",interface="grpc_stream"}"#, 1.0),
        (r#"{error="INVALID_FRN",interface="grpc_unary"}"#, 4.0),
        (r#"{error="PEER_UNKNOWN",interface="grpc_unary"}"#, 1.0),
    ]);
    assert_eq!(page.of_name("rmdd_undecided_questions_total"), expected);
    let took = page.of_name("rmdd_decision_duration_seconds_count");
    assert_eq!(
        took,
        counts([
            (r#"{interface="grpc_batch"}"#, 3.0),
            (r#"{interface="http"}"#, 4.0),
            (r#"{interface="grpc_stream"}"#, 2.0),
            (r#"{interface="grpc_unary"}"#, 9.0)
        ])
    );
    assert_eq!(page.value(r#"rmdd_decision_duration_seconds_bucket{interface="grpc_unary",le="+Inf"}"#), 9.0);
    assert!(page.value(r#"rmdd_decision_duration_seconds_sum{interface="grpc_unary"}"#) > 0.0);
    let written = || async {
        let page = Page::of(&daemon, "").await;
        assert_eq!(page.value("rmdd_decision_log_dropped_total"), 0.0);
        (page.value("rmdd_decision_log_lines_total") == 10.0).then_some(())
    };
    eventually("the six refusals and four calls to 911 are in the log", written).await;
}

#[tokio::test]
async fn what_people_ask_is_told_from_calls_whichever_rpc_they_ask() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "").await;
    let mut client = daemon.acceptance().await;
    let question = v1::CheckStreamRequest { id: 7, question: Some(by_frn(LISTED)) };
    let mut stream = tonic::Request::new(tokio_stream::iter(vec![question]));
    let mut batch =
        tonic::Request::new(v1::CheckProvidersRequest { questions: vec![by_frn(LISTED)], ..Default::default() });
    let mut unary = tonic::Request::new(by_frn(LISTED));
    let cli = tonic::metadata::MetadataValue::from_static("cli");
    stream.metadata_mut().insert("rmdd-interface", cli.clone());
    batch.metadata_mut().insert("rmdd-interface", cli.clone());
    unary.metadata_mut().insert("rmdd-interface", cli);
    client.check_provider(unary).await.expect("an answer");
    client.check_providers(batch).await.expect("answers");
    let answers = client.check_stream(stream).await.expect("a stream").into_inner();
    assert_eq!(answers.collect::<Vec<_>>().await.len(), 1);
    let page = Page::of(&daemon, "").await;
    let expected = counts([(r#"{interface="cli",reason="LISTED",role="any",verdict="ACCEPT"}"#, 3.0)]);
    assert_eq!(page.of_name("rmdd_decisions_total"), expected);
}

#[tokio::test]
async fn what_was_read_of_calling_numbers_is_counted_once_a_question_whichever_way_it_came() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "[decision_log]\nlog = \"all\"\n").await;
    let mut client = daemon.acceptance().await;
    let calls = |caller_id: &str| CheckProviderRequest { caller_id: caller_id.to_owned(), ..by_frn(NEVER) };
    let numbers = [
        "+12125550100",
        "(212) 555-0100",
        "sip:+442079460018@gw",
        "anonymous",
        "zebra@example.com",
        "5550100",
        "7",
        "",
    ];
    for number in numbers {
        ask(&mut client, calls(number)).await;
    }
    // Whoever says whose number it is need not have it read; a question about the past is about no call.
    let reported = CheckProviderRequest { us_caller_id: v1::Ternary::Yes.into(), ..calls("zebra") };
    ask(&mut client, reported).await;
    let past =
        CheckProviderRequest { at: Some(rmdd::api::grpc::time_to_wire(rmdd::observe::clock::now())), ..calls("zebra") };
    ask(&mut client, past).await;
    let questions: Vec<_> = numbers.map(calls).into_iter().cycle().take(24).collect();
    client.check_providers(v1::CheckProvidersRequest { questions, at: None }).await.expect("answers");
    let question = |number| v1::CheckStreamRequest { id: 7, question: Some(calls(number)) };
    let answers = client.check_stream(tokio_stream::iter(numbers.map(question))).await.expect("a stream").into_inner();
    assert_eq!(answers.collect::<Vec<_>>().await.len(), numbers.len());
    // A name that may be several things is asked about several times, and counted once.
    for caller_id in ["zebra", "+12125550100", "+442079460018", "anonymous", ""] {
        get(&daemon, &format!("/v1/check/41000009?caller_id={caller_id}")).await;
    }

    let page = Page::of(&daemon, "").await;
    let ways = [
        ("grpc_batch", [6.0, 3.0, 3.0, 9.0]),
        ("http", [1.0, 1.0, 1.0, 1.0]),
        ("grpc_stream", [2.0, 1.0, 1.0, 3.0]),
        ("grpc_unary", [2.0, 1.0, 1.0, 3.0]),
    ];
    let expected = ways.into_iter().flat_map(|(way, counts)| {
        let series =
            ["us", "not_us", "withheld", "unreadable"].map(|read| format!("{{interface=\"{way}\",read=\"{read}\"}}"));
        series.into_iter().zip(counts)
    });
    assert_eq!(page.of_name("rmdd_caller_ids_total"), expected.collect());
    // Whose numbers they were stands nowhere.
    let (status, log) = daemon.terminate().await;
    assert!(status.success());
    let decisions = std::fs::read_to_string(site.state_dir().join("decisions.jsonl")).expect("readable");
    for number in ["2125550100", "555-0100", "442079460018", "zebra", "5550100"] {
        assert!(!log.contains(number) && !decisions.contains(number), "{number}");
    }
}

#[tokio::test]
async fn the_state_of_the_daemon_is_told_as_status_tells_it() {
    let site = Site::new();
    let daemon = site.start_configured("");
    let first = daemon.first_sync().await;
    assert_eq!(first.outcome().as_str_name(), "SYNC_OUTCOME_FAILED");
    let page = Page::of(&daemon, "").await;
    assert_eq!(page.value("rmdd_listing_loaded"), 0.0);
    assert!(!page.values.contains_key("rmdd_snapshot_serial") && !page.values.contains_key("rmdd_removals_total"));
    assert_eq!(page.value(r#"rmdd_syncs_total{outcome="failed",trigger="startup"}"#), 1.0);
    assert_eq!(page.of_name("rmdd_state"), counts([(r#"{state="critical"}"#, 1.0)]));
    assert_eq!(page.value(r#"rmdd_alarms{code="NO_SNAPSHOT",severity="critical"}"#), 1.0);
    assert_eq!(page.value(r#"rmdd_alarms{code="SYNC_FAILED",severity="warning"}"#), 1.0);
    drop(daemon);

    let daemon = with_a_removal(&site, "").await;
    bind_peer(&daemon, "TG-One", LISTED).await;
    let status = daemon.status().await;
    let page = Page::of(&daemon, "").await;
    let serial = status.snapshot.expect("a snapshot").serial;
    for (series, expected) in [
        ("rmdd_listing_loaded", 1.0),
        ("rmdd_snapshot_serial", serial as f64),
        ("rmdd_snapshot_filings", 81.0),
        ("rmdd_removed_filings", 1.0),
        ("rmdd_removals_total", 1.0),
        ("rmdd_change_serial", status.last_change_serial as f64),
        ("rmdd_store_size_bytes", status.store_bytes as f64),
        ("rmdd_store_damaged", 0.0),
        ("rmdd_sync_in_progress", 0.0),
        ("rmdd_sync_failures_in_a_row", 0.0),
        (r#"rmdd_syncs_total{outcome="applied",trigger="startup"}"#, 1.0),
        (r#"rmdd_syncs_total{outcome="applied",trigger="operator"}"#, 1.0),
        (r#"rmdd_syncs_total{outcome="failed",trigger="startup"}"#, 0.0),
        ("rmdd_sync_duration_seconds_count", 2.0),
        (r#"rmdd_sync_changes_total{kind="removed"}"#, 1.0),
        (r#"rmdd_sync_changes_total{kind="listed"}"#, 82.0),
        (r#"rmdd_records{kind="peer"}"#, 1.0),
        (r#"rmdd_records{kind="order"}"#, 0.0),
        (r#"rmdd_confirmation_age_limit_seconds{severity="warning"}"#, 26.0 * 3600.0),
    ] {
        assert_eq!(page.values.get(series), Some(&expected), "{series}");
    }
    let mut listing = daemon.listing().await;
    let watching = listing.watch_changes(v1::WatchChangesRequest::default()).await.expect("a stream");
    assert_eq!(Page::of(&daemon, "").await.value("rmdd_watchers"), 1.0);
    drop((watching, listing));
    let gone = || async { (Page::of(&daemon, "").await.value("rmdd_watchers") == 0.0).then_some(()) };
    eventually("the watcher is gone", gone).await;
    for age in ["rmdd_snapshot_age_seconds", "rmdd_confirmation_age_seconds", "rmdd_contact_age_seconds"] {
        assert!((0.0..600.0).contains(&page.values[age]), "{age}");
    }
    // The made-up listings end in the past.
    assert!(page.values["rmdd_content_age_seconds"] > 86_400.0);
    assert!(page.value("rmdd_archive_size_bytes") > 0.0);
    assert!(page.value("process_resident_memory_bytes") > 1e6 && page.value("process_open_fds") > 5.0);
    let started = status.started_at.expect("it runs").seconds as f64;
    assert_eq!(page.value("process_start_time_seconds").floor(), started);
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(page.of_name("rmdd_build_info").keys().all(|labels| labels.contains(&version)));
}

#[tokio::test]
async fn what_commands_ask_is_counted_and_logged_as_cli_and_what_others_ask_over_grpc_is_not() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "[decision_log]\nlog = \"all\"\n").await;
    let mut client = daemon.acceptance().await;
    ask(&mut client, by_frn(LISTED)).await;
    assert!(site.run(&["check", LISTED]).status.success());
    assert!(site.run(&["--connect", daemon.tcp.as_deref().expect("a TCP listener"), "check", LISTED]).status.success());
    let list = site.directory.path().join("list.csv");
    std::fs::write(&list, format!("frn\n{LISTED}\n{LISTED}\n")).expect("written");
    assert!(site.run(&["check", "--file", &list.display().to_string()]).status.success());
    let page = Page::of(&daemon, "").await;
    let expected = counts([
        (r#"{interface="cli",reason="LISTED",role="any",verdict="ACCEPT"}"#, 4.0),
        (r#"{interface="grpc_unary",reason="LISTED",role="any",verdict="ACCEPT"}"#, 1.0),
    ]);
    assert_eq!(page.of_name("rmdd_decisions_total"), expected);
    daemon.terminate().await;
    let log = std::fs::read_to_string(site.state_dir().join("decisions.jsonl")).expect("readable");
    let logged = |interface: &str| log.matches(&format!("\"interface\":\"{interface}\"")).count();
    assert_eq!((logged("cli"), logged("grpc_unary")), (4, 1));
}

#[tokio::test]
async fn questions_that_are_turned_away_are_counted_each() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "[limits]\nrate_limit = 1\nbatch = 7\n").await;
    let mut client = daemon.acceptance().await;
    let (mut answered, mut refused) = (0.0, BTreeMap::from([("grpc_unary", 0.0), ("grpc_batch", 0.0), ("http", 0.0)]));
    for _ in 0..20 {
        match client.check_provider(by_frn(LISTED)).await {
            Ok(_) => answered += 1.0,
            Err(_) => *refused.entry("grpc_unary").or_default() += 1.0,
        }
        let batch = v1::CheckProvidersRequest { questions: vec![by_frn(LISTED); 7], ..Default::default() };
        match client.check_providers(batch).await {
            Ok(_) => answered += 7.0,
            Err(_) => *refused.entry("grpc_batch").or_default() += 7.0,
        }
        match get(&daemon, &format!("/v1/check/{LISTED}")).await.status().as_u16() {
            200 => answered += 1.0,
            _ => *refused.entry("http").or_default() += 1.0,
        }
    }
    let page = Page::of(&daemon, "").await;
    assert_eq!(page.of_name("rmdd_decisions_total").values().sum::<f64>(), answered);
    for (way, refused) in refused {
        assert!(refused > 0.0, "{way}");
        let series = format!("rmdd_undecided_questions_total{{error=\"TOO_MANY_QUESTIONS\",interface=\"{way}\"}}");
        assert_eq!(page.value(&series), refused, "{way}");
    }
}
