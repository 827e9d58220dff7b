use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::common::http::Server;

/// The schema of CloudEvents 1.0, as far as it concerns events with JSON in them, from the specification's own
/// (cloudevents/formats/cloudevents.json).
fn schema() -> jsonschema::Validator {
    let text = |least: u64| serde_json::json!({ "type": "string", "minLength": least });
    let schema = serde_json::json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["id", "source", "specversion", "type"],
        "properties": {
            "id": text(1),
            "source": { "type": "string", "format": "uri-reference", "minLength": 1 },
            "specversion": text(1),
            "type": text(1),
            "datacontenttype": { "type": ["string", "null"], "minLength": 1 },
            "dataschema": { "type": ["string", "null"], "format": "uri", "minLength": 1 },
            "subject": { "type": ["string", "null"], "minLength": 1 },
            "time": { "type": ["string", "null"], "format": "date-time", "minLength": 1 },
            "data": { "type": ["object", "string", "number", "array", "boolean", "null"] },
        },
        "patternProperties": { "^[a-z0-9]{1,20}$": {} },
        "propertyNames": { "pattern": "^([a-z0-9]{1,20}|data_base64)$" },
        "additionalProperties": false,
    });
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_told_and_its_end_signed_and_in_order_after_every_kind_of_failure() {
    let (site, world) = site();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    // Each message is refused, stalled, or reset before it is taken.
    let server = Server::start(Answer::by(move |_| match counted.fetch_add(1, Ordering::SeqCst) % 5 {
        0 => answered("500 Internal Server Error"),
        1 => Answer::Reset(Vec::new()),
        2 => answered("429 Too Many Requests"),
        3 => answered("302 Found"),
        _ => taken(),
    }))
    .await;
    let secret = secret_file(&site, "secret", SECRET);
    let channel = webhook("noc", &server, &format!("secret_file = {secret:?}"));
    let daemon = site.start_configured(&format!("{QUICK}{channel}"));
    daemon.first_sync().await;
    event_of(&server, "rmdd.baseline.taken").await;

    site.publish(b"no listing at all");
    daemon.sync().await;
    let raised = event_of(&server, "rmdd.alarm.raised").await;
    assert_eq!(raised["subject"], "alarm/SYNC_REFUSED", "{raised}");
    site.publish(&world.to_csv());
    daemon.sync().await;
    let cleared = event_of(&server, "rmdd.alarm.cleared").await;
    assert_eq!(cleared["subject"], "alarm/SYNC_REFUSED", "{cleared}");

    let schema = schema();
    let official = standardwebhooks::Webhook::new(SECRET).expect("a secret");
    let (mut bodies, mut last) = (HashMap::new(), String::new());
    for request in server.seen() {
        let event = event(&request);
        let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| {
            let value = request.header(name).expect(name).parse().expect("a header");
            (http::HeaderName::from_static(name), value)
        });
        official.verify(&request.body, &http::HeaderMap::from_iter(headers)).expect("signed");
        assert_eq!(request.header("webhook-id"), event["id"].as_str());
        assert_eq!(request.header("content-type"), Some("application/cloudevents+json; charset=utf-8"));
        let faults: Vec<String> = schema.iter_errors(&event).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty() && request.body.len() <= 20_000, "{faults:?} {event}");
        let sequence = event["sequence"].as_str().expect("a sequence").to_owned();
        assert!(sequence >= last, "{sequence} behind {last}");
        last = sequence;
        let before = bodies.insert(event["id"].clone(), request.body.clone());
        assert!(before.is_none_or(|before| before == request.body), "the same bytes in every attempt");
    }
    assert!(bodies.len() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_queued_is_delivered_after_a_restart_and_nothing_is_told_twice() {
    let (site, world) = site();
    let server = Server::start(answered("503 Service Unavailable")).await;
    let settings = format!("{}{}", QUICK.replace("\"20ms\"", "\"50ms\""), webhook("noc", &server, ""));
    let daemon = site.start_configured(&settings);
    daemon.first_sync().await;
    site.publish(b"no listing");
    daemon.sync().await;
    eventually("an attempt", || async { (server.requests() > 1).then_some(()) }).await;
    daemon.kill();
    server.answer(taken());
    let daemon = site.start_configured(&settings);
    event_of(&server, "rmdd.alarm.raised").await;
    // Or the sync below might join this one, which has read what was published before.
    daemon.first_sync().await;
    site.publish(&world.to_csv());
    daemon.sync().await;
    event_of(&server, "rmdd.alarm.cleared").await;
    eventually("the journal has it, too", || async {
        let channels = site.run(&["alerts", "--json", "--config", &site.config()]).stdout;
        let journal = String::from_utf8_lossy(&channels).lines().find(|line| line.contains("journal"))?.to_owned();
        journal.contains("\"queued\":0").then_some(())
    })
    .await;
    let (status, log) = daemon.terminate().await;
    assert!(status.success(), "{log}");
    let raised = |kinds: Vec<String>| kinds.iter().filter(|kind| *kind == "rmdd.alarm.raised").count();
    assert_eq!(raised(kinds(&server)), 1, "{:?}", kinds(&server));
    assert!(log.contains("alert: alarm.cleared: SYNC_REFUSED"), "the journal has it, too:\n{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_that_is_not_wanted_does_not_hold_the_others_and_one_end_not_the_other() {
    let (site, world) = site();
    let unwanted = Server::start(Answer::by(|request| match event(request)["type"].as_str() {
        Some("rmdd.alarm.raised") => answered("422 Unprocessable Content"),
        _ => taken(),
    }))
    .await;
    let silent = Server::start(Answer::Stall(Vec::new())).await;
    let channels = webhook("picky", &unwanted, "") + &webhook("silent", &silent, "");
    let daemon = site.start_configured(&format!("{QUICK}{channels}"));
    daemon.first_sync().await;
    site.publish(b"no listing");
    daemon.sync().await;
    site.publish(&world.to_csv());
    eventually("it is told", || async { kinds(&unwanted).contains(&"rmdd.alarm.raised".to_owned()).then_some(()) })
        .await;
    daemon.sync().await;
    event_of(&unwanted, "rmdd.alarm.cleared").await;
    let tried = unwanted.seen().iter().filter(|request| event(request)["type"] == "rmdd.alarm.raised").count();
    assert_eq!(tried, 3);
    let config = site.config();
    let dead = site.run(&["alerts", "list", "--dead", "--json", "--config", &config]);
    let dead: Value = serde_json::from_slice(&dead.stdout).expect("one delivery");
    assert_eq!((dead["channel"].as_str(), dead["tries"].as_u64()), (Some("picky"), Some(3)), "{dead}");
    assert!(dead["error"].as_str().expect("an error").contains("422"), "{dead}");

    // Sent again by hand, it goes out under the same ID.
    unwanted.answer(taken());
    let id = dead["id"].as_str().expect("an ID").to_owned();
    assert!(site.run(&["alerts", "retry", &id, "--config", &config]).status.success());
    eventually("nothing is set aside", || async {
        site.run(&["alerts", "list", "--dead", "--json", "--config", &config]).stdout.is_empty().then_some(())
    })
    .await;
    let last = unwanted.seen().last().map(event).expect("it came");
    assert_eq!(last["id"].as_str(), Some(id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_gone_stops_its_channel_and_the_others_are_told() {
    let (site, _) = site();
    let gone = Server::start(answered("410 Gone")).await;
    let other = Server::start(taken()).await;
    let channels = webhook("gone", &gone, "") + &webhook("other", &other, "");
    let daemon = site.start_configured(&format!("{QUICK}{channels}"));
    daemon.first_sync().await;
    let failing = event_of(&other, "rmdd.alarm.raised").await;
    assert_eq!(failing["subject"], "alarm/ALERTS_FAILING", "{failing}");
    assert!(failing["data"]["cause"].as_str().expect("a cause").contains("gone"), "{failing}");
    assert!(!failing.to_string().contains("listing.csv"), "the address is a secret beyond its host: {failing}");
    assert_eq!(gone.requests(), 1);
    let told = site.run(&["alerts", "--json"]);
    let stopped = String::from_utf8_lossy(&told.stdout).lines().any(|line| line.contains("\"stopped\""));
    assert!(stopped && !String::from_utf8_lossy(&told.stdout).contains("listing.csv"), "{told:?}");
    assert_eq!(told.status.code(), Some(1));
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_asks_to_be_left_alone_is() {
    let (site, _) = site();
    let busy = Server::start(Answer::response("429 Too Many", "Retry-After: 3600\r\nContent-Length: 0\r\n", b"")).await;
    let daemon = site.start_configured(&format!("{QUICK}{}", webhook("busy", &busy, "")));
    daemon.first_sync().await;
    let next = eventually("it failed", || async {
        let listed = site.run(&["alerts", "list", "--json", "--config", &site.config()]).stdout;
        let listed: Option<Value> =
            String::from_utf8_lossy(&listed).lines().next().map(|line| serde_json::from_str(line).expect("JSON"));
        listed?["next_at"].as_str().map(|at| at.parse::<jiff::Timestamp>().expect("a time"))
    })
    .await;
    let left = next.duration_since(crate::common::now());
    assert!(Duration::try_from(left).expect("ahead") > Duration::from_secs(3000), "{left}");
    assert_eq!(busy.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_begin_with_a_listing_and_a_channel_that_is_new_has_a_beginning_of_its_own() {
    let (site, world) = site();
    let (first, second) = (Server::start(taken()).await, Server::start(taken()).await);
    std::fs::remove_file(site.listing()).expect("removed");
    let daemon = site.start_configured(&format!("{QUICK}{}", webhook("first", &first, "")));
    daemon.first_sync().await;
    assert_eq!(first.requests(), 0, "there is nothing to begin with");
    site.publish(&world.to_csv());
    daemon.sync().await;
    let begun = event_of(&first, "rmdd.baseline.taken").await;
    assert_eq!(begun["sequence"], "0000000001");
    assert!(!begun.to_string().contains("NO_SNAPSHOT"), "{begun}");
    daemon.terminate().await;
    let channels = webhook("first", &first, "") + &webhook("second", &second, "");
    let _daemon = site.start_configured(&format!("{QUICK}{channels}"));
    let begun = event_of(&second, "rmdd.baseline.taken").await;
    assert!(begun["data"]["cause"].as_str().expect("a cause").contains("for channel second"), "{begun}");
    assert_eq!(kinds(&first).iter().filter(|kind| *kind == "rmdd.baseline.taken").count(), 1);
}

/// The sequences of the events that came and were taken, in their order.
fn taken_in_order(seen: &[crate::common::http::Request]) -> Vec<u64> {
    seen.iter()
        .map(|request| event(request)["sequence"].as_str().expect("a sequence").parse().expect("a number"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_recovers_after_its_messages_were_set_aside_gets_what_comes_and_what_is_retried_in_order() {
    let (site, world) = site();
    let (ill, other) = (Server::start(answered("500 Oh")).await, Server::start(taken()).await);
    let quick = QUICK.replace("timeout = \"2s\"", "timeout = \"2s\"\nfailing_after = \"100ms\"");
    let channels = webhook("ill", &ill, "") + &webhook("other", &other, "");
    let daemon = site.start_configured(&format!("{quick}{channels}"));
    daemon.first_sync().await;
    let config = site.config();
    let listed = |more: &[&str]| {
        let listed = site.run(&[&["alerts", "list", "--json", "--config", &config], more].concat()).stdout;
        let lines = String::from_utf8(listed).expect("UTF-8");
        let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        rows.filter(|row| row["channel"] == "ill").collect::<Vec<_>>()
    };
    let alarm_of = |kind: &'static str| {
        let other = &other;
        eventually(kind, move || async move {
            let seen = other.seen();
            seen.iter().map(event).find(|said| said["type"] == kind && said["subject"] == "alarm/ALERTS_FAILING")
        })
    };
    alarm_of("rmdd.alarm.raised").await;
    site.publish(b"no listing");
    daemon.sync().await;
    let dead = eventually("all is set aside", || async {
        let dead = listed(&["--dead"]);
        (dead.len() == 2 && listed(&[]).is_empty()).then_some(dead)
    })
    .await;
    assert!(dead.iter().all(|row| row["tries"] == 10), "each was tried as often as it may be: {dead:?}");

    // It is back. What comes next arrives, and is told to be over; what was set aside waits for somebody.
    let before = ill.seen().len();
    ill.answer(taken());
    site.publish(&world.to_csv());
    daemon.sync().await;
    alarm_of("rmdd.alarm.cleared").await;
    eventually("the end of the alarm", || async {
        let seen = ill.seen().split_off(before);
        seen.iter().map(event).any(|said| said["type"] == "rmdd.alarm.cleared").then_some(())
    })
    .await;
    assert_eq!(listed(&["--dead"]).len(), 2);
    let before = ill.seen().len();
    // The older one last: each goes to its own place, and is told with the time at which it was found.
    for row in dead.iter().rev() {
        let retried = site.run(&["alerts", "retry", row["id"].as_str().expect("an ID"), "--config", &config]);
        let said = String::from_utf8_lossy(&retried.stdout).into_owned();
        assert!(said.contains("goes out again by ill") && said.contains("found") && said.contains("ago"), "{said}");
    }
    eventually("both are sent", || async { listed(&["--dead"]).is_empty().then_some(()) }).await;
    eventually("none waits", || async { listed(&[]).is_empty().then_some(()) }).await;
    let ids: std::collections::BTreeSet<String> = ill
        .seen()
        .split_off(before)
        .iter()
        .map(|request| event(request)["id"].as_str().expect("an ID").to_owned())
        .collect();
    assert_eq!(ids, dead.iter().map(|row| row["id"].as_str().expect("an ID").to_owned()).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_gone_is_tried_again_after_a_reload_and_has_its_queue_in_order() {
    let (site, world) = site();
    let (gone, other) = (Server::start(answered("410 Gone")).await, Server::start(taken()).await);
    let settings = format!("{QUICK}{}{}", webhook("gone", &gone, ""), webhook("other", &other, ""));
    let daemon = site.start_configured(&settings);
    daemon.first_sync().await;
    event_of(&other, "rmdd.alarm.raised").await;
    site.publish(b"no listing");
    daemon.sync().await;
    site.publish(&world.to_csv());
    daemon.sync().await;
    event_of(&other, "rmdd.alarm.cleared").await;
    assert_eq!(gone.requests(), 1, "nothing more is sent to it");
    let config = site.config();
    let shown = site.run(&["alerts", "--config", &config]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("stopped"), "{shown:?}");
    gone.answer(taken());
    daemon.signal("-HUP");
    eventually("its queue is delivered", || async {
        let waiting = site.run(&["alerts", "list", "--json", "--config", &config]);
        waiting.stdout.is_empty().then_some(())
    })
    .await;
    let seen = gone.seen().split_off(1);
    let order = taken_in_order(&seen);
    assert!(order.len() >= 3 && order.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once: {order:?}");
    assert_eq!(event(&seen[0])["type"], "rmdd.baseline.taken", "what stopped it comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_fails_shows_when_it_is_tried_next() {
    let (site, _) = site();
    let busy = Server::start(Answer::response("503 Busy", "Retry-After: 1800\r\nContent-Length: 0\r\n", b"")).await;
    let daemon = site.start_configured(&format!("{QUICK}{}", webhook("busy", &busy, "")));
    daemon.first_sync().await;
    let config = site.config();
    eventually("the next attempt", || async {
        let shown = site.run(&["alerts", "--config", &config]).stdout;
        let shown = String::from_utf8_lossy(&shown).into_owned();
        (shown.contains("failing") && shown.contains("next attempt 20") && shown.contains("(in ")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_left_the_configuration_and_is_back_begins_anew_and_has_what_was_left() {
    let (site, world) = site();
    let (away, stays) = (Server::start(answered("503 Busy")).await, Server::start(taken()).await);
    let both = format!(
        "{}{}{}",
        QUICK.replace("\"20ms\"", "\"1s\""),
        webhook("stays", &stays, ""),
        webhook("away", &away, "")
    );
    let alone = format!("{QUICK}{}", webhook("stays", &stays, ""));
    let daemon = site.start_configured(&both);
    daemon.first_sync().await;
    event_of(&stays, "rmdd.baseline.taken").await;
    daemon.terminate().await;
    let daemon = site.start_configured(&alone);
    daemon.first_sync().await;
    site.publish(b"no listing");
    daemon.sync().await;
    event_of(&stays, "rmdd.alarm.raised").await;
    site.publish(&world.to_csv());
    daemon.sync().await;
    event_of(&stays, "rmdd.alarm.cleared").await;
    daemon.terminate().await;
    away.answer(taken());
    let _daemon = site.start_configured(&both);
    let baselines = eventually("two baselines", || async {
        let seen = away.seen();
        let said: Vec<Value> = seen.iter().map(event).collect();
        let mut ids: Vec<&str> = said.iter().filter_map(|said| said["id"].as_str()).collect();
        ids.dedup();
        (ids.len() == 2).then_some(said)
    })
    .await;
    let last = baselines.last().expect("one");
    assert!(last["data"]["cause"].as_str().expect("a cause").contains("for channel away"), "{last}");
    assert!(kinds(&away).iter().all(|kind| kind == "rmdd.baseline.taken"), "what it missed it does not get");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_on_a_store_of_the_format_before_tells_a_baseline_and_nothing_of_what_was_so() {
    let (site, _) = site();
    let packed = std::fs::read("tests/fixtures/store-format-3.redb.gz").expect("the fixture");
    std::fs::create_dir_all(site.state_dir()).expect("made");
    let mut file = std::fs::File::create(site.state_dir().join("rmdd.redb")).expect("made");
    std::io::copy(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut file).expect("unpacked");
    drop(file);
    // Its source is away: it serves what the old version stored.
    std::fs::remove_file(site.listing()).expect("removed");
    let server = Server::start(taken()).await;
    let daemon = site.start_configured(&format!("{QUICK}{}", webhook("noc", &server, "")));
    let begun = event_of(&server, "rmdd.baseline.taken").await;
    assert_eq!(begun["sequence"], "0000000001", "{begun}");
    daemon.first_sync().await;
    daemon.terminate().await;
    let kinds = kinds(&server);
    let others: Vec<_> = kinds.iter().skip(1).filter(|kind| !kind.starts_with("rmdd.alarm.")).collect();
    assert!(others.is_empty(), "{kinds:?}");
}
