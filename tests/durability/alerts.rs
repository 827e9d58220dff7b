//! SIGKILL while alerts are made and delivered: none is lost, none is out of order, and what comes twice has the same ID and
//! the same bytes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::common::http::{Answer, Server};
use crate::common::{Site, eventually};
use rmdd_testkit::World;

/// How many processes are killed in an ordinary run. `RMDD_ALERT_KILLS` names another number.
const KILLS: usize = 12;

fn kills() -> usize {
    std::env::var("RMDD_ALERT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

/// Fails, stalls and recovers, one after the other.
fn moody() -> Answer {
    let count = Arc::new(AtomicUsize::new(0));
    Answer::by(move |_| match count.fetch_add(1, Ordering::SeqCst) % 7 {
        0 => Answer::response("500 Oh", "Content-Length: 0\r\n", b""),
        1 => Answer::Reset(Vec::new()),
        2 => Answer::Stall(Vec::new()),
        3 => Answer::response("503 Busy", "Retry-After: 0\r\nContent-Length: 0\r\n", b""),
        // Taken, and the answer does not arrive.
        4 => Answer::Reset(Vec::new()),
        _ => Answer::response("200 OK", "Content-Length: 0\r\n", b""),
    })
}

const SETTINGS: &str = r#"
[alerts]
check_every = "20ms"
timeout = "100ms"
retry_after = ["10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms",
    "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms"]

[[alerts.channel]]
name = "receiver"
type = "webhook"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn of_alerts_nothing_is_lost_or_out_of_order_whenever_the_daemon_is_killed() {
    let (world, site) = (World::new(41, 40), Site::new());
    site.publish(&world.to_csv());
    let server = Server::start(moody()).await;
    let settings = format!("{SETTINGS}url = {:?}\n", server.url);
    // The baseline tells of nothing that was so before it.
    let daemon = site.start_configured(&settings);
    let is_baseline = |body: &[u8]| String::from_utf8_lossy(body).contains("rmdd.baseline.taken");
    eventually("a baseline", || async { server.seen().iter().any(|request| is_baseline(&request.body)).then_some(()) })
        .await;
    daemon.kill();
    let records = ["TG-A", "TG-B", "TG-C"];
    for kill in 0..kills() {
        let daemon = site.start_configured(&settings);
        // Peers that are bound to nobody and unbound again: each change is an event.
        let name = format!("{}-{kill}", records[kill % records.len()]);
        let bound = site.run(&["peers", "add", &name, "0099999999", "--by", "a test", "--why", "a test"]);
        assert!(bound.status.success(), "{bound:?}");
        // The time at which the kill falls.
        tokio::time::sleep(Duration::from_millis((kill as u64 * 37) % 400)).await;
        daemon.kill();
    }
    let daemon = site.start_configured(&settings);
    daemon.first_sync().await;
    let config = site.config();
    eventually("all of it is delivered", || async {
        let waiting = site.run(&["alerts", "list", "--json", "--config", &config]);
        let dead = site.run(&["alerts", "list", "--dead", "--json", "--config", &config]);
        assert!(dead.stdout.is_empty(), "nothing is set aside: {dead:?}");
        let told = server.seen().iter().filter(|request| is_unmatched(&request.body)).count() >= kills();
        (waiting.stdout.is_empty() && told).then_some(())
    })
    .await;
    let (mut bodies, mut order): (BTreeMap<String, Vec<u8>>, Vec<u64>) = (BTreeMap::new(), Vec::new());
    let mut subjects: BTreeMap<String, usize> = BTreeMap::new();
    let mut attempts = 0;
    for request in server.seen().into_iter().filter(|request| !request.body.is_empty()) {
        let event: Value = serde_json::from_slice(&request.body).expect("JSON");
        let id = event["id"].as_str().expect("an ID").to_owned();
        attempts += 1;
        let sequence: u64 = event["sequence"].as_str().expect("a sequence").parse().expect("a number");
        match bodies.get(&id) {
            Some(before) => assert!(*before == request.body, "what comes twice is the same"),
            None => {
                order.push(sequence);
                if event["type"] == "rmdd.peer.unmatched" {
                    *subjects.entry(event["subject"].as_str().expect("a subject").to_owned()).or_default() += 1;
                }
                bodies.insert(id, request.body);
            }
        }
    }
    assert!(order.is_sorted(), "none is out of order: {order:?}");
    daemon.terminate().await;
    let store = rmdd::store::Store::open_existing(&site.state_dir()).expect("opened");
    // The end of an alarm goes to those who were told of its beginning, and the baseline's they were not.
    let made = store.alert_events(usize::MAX).expect("read");
    let lost: Vec<&str> = made
        .iter()
        .filter(|event| event.kind != "rmdd.alarm.cleared")
        .map(|event| event.id.as_str())
        .filter(|id| !bodies.contains_key(*id))
        .collect();
    assert!(lost.is_empty() && bodies.len() <= made.len(), "lost: {lost:?}");
    assert_eq!(subjects.len(), kills(), "each is told");
    assert!(subjects.values().all(|times| *times == 1), "{subjects:?}");
    println!("{} kills, {} events, {attempts} attempts", kills(), order.len());
}

fn is_unmatched(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains("rmdd.peer.unmatched")
}
