use super::*;

use crate::common::http::Server;
use rmdd_testkit::Step;

/// Binds the first providers of a listing to peers.
pub fn bind(site: &Site, world: &World, count: usize) -> Vec<String> {
    let csv = String::from_utf8(world.to_csv()).expect("UTF-8");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let numbers: Vec<String> = reader.records().map(|row| row.expect("a row")[0].to_owned()).take(count).collect();
    for (place, number) in numbers.iter().enumerate() {
        let bound = site.run(&["peers", "add", &format!("TG-{place}"), number, "--by", "a test", "--why", "a test"]);
        assert!(bound.status.success(), "{bound:?}");
    }
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_that_takes_own_peers_is_one_message_for_people_and_an_event_each_for_machines() {
    let (site, mut world) = (Site::new(), World::new(33, 60));
    site.publish(&world.to_csv());
    let (machine, people) = (Server::start(taken()).await, Server::start(taken()).await);
    let channels = webhook("machine", &machine, "") + &webhook("people", &people, "format = \"slack\"");
    let quick = QUICK.replace("group_wait = \"50ms\"", "group_wait = \"1s\"");
    let daemon = site.start_configured(&format!("{quick}{channels}"));
    daemon.first_sync().await;
    event_of(&machine, "rmdd.baseline.taken").await;
    bind(&site, &world, 60);
    let changes = world.advance(Step { remove: 12, ..Step::default() });
    site.publish(&world.to_csv());
    let status = daemon.sync().await;
    let applied = eventually("the listing's news", || async {
        let seen = machine.seen();
        seen.iter()
            .map(event)
            .find(|event| event["type"] == "rmdd.listing.applied" && event["data"]["removed_count"] == 12)
    })
    .await;
    assert_eq!(
        (&applied["data"]["own_peers_count"], &applied["data"]["wave"]),
        (&12.into(), &true.into()),
        "{status:?} {applied}"
    );
    let refused: Vec<Value> =
        machine.seen().iter().map(event).filter(|event| event["type"] == "rmdd.peer.refused").collect();
    assert_eq!(refused.len(), changes.removed.len());
    for event in &refused {
        assert!(event["partitionkey"].as_str().is_some_and(|frn| frn.len() == 10), "{event}");
        assert_eq!(event["data"]["before"]["verdict"], "ACCEPT");
        assert_eq!(
            (event["data"]["after"]["reason"].as_str(), event["severity"].as_str()),
            (Some("REMOVED"), Some("critical"))
        );
    }
    let told = eventually("people", || async {
        people
            .seen()
            .iter()
            .map(event)
            .find(|said| said["text"].as_str().is_some_and(|text| text.contains("no longer")))
    })
    .await;
    let text = told["text"].as_str().expect("a text");
    assert!(
        text.starts_with("*[rmdd] 12 of your 60 upstreams may no longer hand you calls (12 filings removed)*"),
        "{text}"
    );
    daemon.terminate().await;
    assert_eq!(
        people.seen().iter().filter(|said| String::from_utf8_lossy(&said.body).contains("no longer")).count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_tells_what_would_have_been_sent() {
    let (site, mut world) = (Site::new(), World::new(34, 30));
    site.publish(&world.to_csv());
    let server = Server::start(taken()).await;
    let settings = format!("{QUICK}{}", webhook("people", &server, "format = \"slack\""));
    let daemon = site.start_configured(&settings);
    daemon.first_sync().await;
    bind(&site, &world, 30);
    let bound = crate::common::now().to_string();
    world.advance(Step { remove: 4, ..Step::default() });
    site.publish(&world.to_csv());
    daemon.sync().await;
    let config = site.config();
    let shown = site.run(&["alerts", "preview", "people", "--since", &bound, "--json", "--config", &config]);
    let lines: Vec<Value> =
        String::from_utf8_lossy(&shown.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 1, "{shown:?}");
    assert_eq!(lines[0]["subject"], "[rmdd] 4 of your 30 upstreams may no longer hand you calls (4 filings removed)");
    assert_eq!(lines[0]["events"], 5);
}
