//! Real weeks, one after the other, with peers on record: one message for people for each listing that concerns a peer,
//! and none for the others.

use serde_json::Value;

use crate::common::http::{Answer, Server};
use crate::common::real::newest_weeks;
use crate::common::{Site, eventually};

/// Every so-manieth provider of the first week is a peer.
const ONE_IN: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn of_the_real_weeks_each_that_concerns_a_peer_is_one_message_and_no_other_is_any() {
    let Some(weeks) = newest_weeks() else { return };
    let source = Server::start(Answer::csv(&weeks[0].1)).await;
    let taken = || Answer::response("200 OK", "Content-Length: 0\r\n", b"");
    let (machine, people) = (Server::start(taken()).await, Server::start(taken()).await);
    // People have all that they have by default, alarms too: what is odd about a week that concerns no peer is none of theirs.
    let channel = |name: &str, server: &Server, format: &str| {
        format!(
            "[[alerts.channel]]\nname = {name:?}\ntype = \"webhook\"\nurl = {:?}\nformat = {format:?}\n",
            server.url
        )
    };
    let settings = format!(
        "[alerts]\ngroup_wait = \"300ms\"\n{}{}",
        channel("machine", &machine, "cloudevents"),
        channel("people", &people, "slack")
    );
    let site = Site::new();
    let config = site.configure(&settings);
    let daemon = site.start_with(&["--config", &config, "--source", &source.url]);
    daemon.first_sync().await;
    let mut reader = csv::Reader::from_reader(weeks[0].1.as_slice());
    for (place, row) in reader.records().map(|row| row.expect("a row")).step_by(ONE_IN).enumerate() {
        let bound = site.run(&["peers", "add", &format!("TG-{place}"), &row[0], "--by", "a test", "--why", "a test"]);
        assert!(bound.status.success(), "{bound:?}");
    }
    let news = || {
        let events =
            machine.seen().into_iter().map(|request| serde_json::from_slice::<Value>(&request.body).expect("JSON"));
        events.filter(|event| event["type"] == "rmdd.listing.applied").collect::<Vec<_>>()
    };
    let empty = |channel: &'static str| {
        let listed = site.run(&["alerts", "list", "--json", "--config", &config]).stdout;
        !String::from_utf8_lossy(&listed).contains(&format!("\"channel\":\"{channel}\""))
    };
    // What is bound to nobody, or refused already, was told when it was bound.
    eventually("what was bound is told", || async { empty("people").then_some(()) }).await;
    // By their IDs: what a slow machine sends again is no other message.
    let messages = || {
        let mut messages: Vec<(String, String)> = Vec::new();
        for request in people.seen() {
            let id = request.header("webhook-id").expect("an ID").to_owned();
            let said: Value = serde_json::from_slice(&request.body).expect("JSON");
            let text = said["text"].as_str().and_then(|text| text.lines().next()).unwrap_or_default().to_owned();
            if messages.iter().all(|(before, _)| *before != id) {
                messages.push((id, text));
            }
        }
        messages
    };
    let before = messages().len();
    let mut concerned = 0;
    for (place, (week, bytes)) in weeks.iter().enumerate().skip(1) {
        source.answer(Answer::csv(bytes));
        daemon.sync().await;
        let applied = eventually("the news of the week", || async {
            let news = news();
            // The first listing stands in the baseline, and is no news.
            (news.len() == place).then(|| news.last().cloned()).flatten()
        })
        .await;
        let own = applied["data"]["own_peers_count"].as_u64().expect("a count");
        concerned += usize::from(own > 0);
        eventually("people have theirs", || async { empty("people").then_some(()) }).await;
        let messages = messages().split_off(before);
        let last = messages.last().map_or("none", |(_, text)| text.as_str());
        println!("{week}: {} removed, {own} own peers: {last}", applied["data"]["removed_count"]);
        assert_eq!(messages.len(), concerned, "{week}: {messages:?}");
        assert!(own == 0 || last.contains("upstreams"), "own peers come first: {last}");
    }
}
