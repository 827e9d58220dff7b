//! Sources that misbehave: whatever comes, the last listing goes on being served and the next good fetch heals it.

mod common;

use common::http::{Answer, Server};
use common::{Site, ask, by_number};
use rmdd::grpc::v1::{Reason, State, SyncOutcome};
use rmdd_testkit::World;

/// A bad answer, the outcome that it must have, and words that its error must hold.
fn bad_answers(good: &[u8]) -> Vec<(&'static str, Answer, SyncOutcome, &'static str)> {
    let length = good.len();
    let half = &good[..length / 2];
    let text = String::from_utf8(good.to_vec()).expect("UTF-8");
    let without_frn = text.replacen(",frn,", ",fern,", 1);
    let csv = "Content-Type: text/csv\r\n";
    let refused = SyncOutcome::Refused;
    let failed = SyncOutcome::Failed;
    vec![
        ("200 with a page", Answer::ok("text/html", b"<!DOCTYPE html><title>Maintenance</title>"), refused, "HTML"),
        ("200 with JSON", Answer::ok("application/json", b"{\"result\":[]}"), refused, "JSON"),
        ("200 with nothing", Answer::ok("text/csv", b""), refused, "empty"),
        ("204", Answer::response("204 No Content", "", b""), failed, "204"),
        ("200 with binary", Answer::ok("text/csv", &[0xff, 0, 0x80, 7]), refused, "binary"),
        ("200 with half a file", Answer::ok("text/csv", half), refused, "cut short"),
        ("a header without frn", Answer::ok("text/csv", without_frn.as_bytes()), refused, "`frn`"),
        (
            "a header alone",
            Answer::ok("text/csv", text.lines().next().expect("a header").as_bytes()),
            refused,
            "no filing",
        ),
        ("401", Answer::response("401 Unauthorized", "", b""), failed, "401"),
        ("404", Answer::response("404 Not Found", "", b"gone"), failed, "404"),
        ("429", Answer::response("429 Too Many Requests", "Retry-After: 120\r\n", b""), failed, "Retry-After"),
        ("500", Answer::response("500 Internal Server Error", "", b""), failed, "500"),
        ("503 with a page", Answer::response("503 Service Unavailable", "", b"<html>"), failed, "503"),
        ("a redirect to http", Answer::response("302 Found", "Location: /listing.csv\r\n", b""), failed, "redirects"),
        (
            "reset in the body",
            Answer::Reset([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), half].concat()),
            failed,
            "could not be fetched",
        ),
        (
            "shorter than its length",
            Answer::response("200 OK", &format!("{csv}Content-Length: {length}\r\n"), half),
            failed,
            "could not be fetched",
        ),
        (
            "a chunk cut short",
            Answer::response("200 OK", &format!("{csv}Transfer-Encoding: chunked\r\n"), b"ffff\r\nnumber,frn"),
            failed,
            "could not be fetched",
        ),
        (
            "a length beyond the limit",
            Answer::response("200 OK", "Content-Length: 9999999999\r\n", b""),
            failed,
            "fetch.max_bytes",
        ),
        ("no HTTP", Answer::Bytes(b"220 mail.example ESMTP\r\n".to_vec()), failed, "could not be fetched"),
        ("a silent server", Answer::Stall(Vec::new()), failed, "too long"),
        (
            "silence in the body",
            Answer::Stall([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), half].concat()),
            failed,
            "too long",
        ),
    ]
}

#[tokio::test]
async fn whatever_the_server_answers_the_last_listing_is_served_and_the_next_good_fetch_heals_it() {
    let world = World::new(21, 120);
    let good = world.to_csv();
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    let server = Server::start(Answer::ok("text/csv", &good)).await;
    let site = Site::new();
    let config = site.directory.path().join("rmdd.toml");
    std::fs::write(
        &config,
        "[fetch]\nidle_timeout = \"300ms\"\ntotal_timeout = \"20s\"\ntries = 1\nmax_retry_after = \"1ms\"\n",
    )
    .expect("written");
    let daemon = site.start_with(&["--source", &server.url, "--config", &config.display().to_string()]);
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Applied);
    let mut served = daemon.status().await.snapshot.expect("a snapshot");

    for (case, answer, outcome, words) in bad_answers(&good) {
        server.answer(answer);
        let sync = daemon.sync().await;
        assert_eq!(sync.outcome(), outcome, "{case}: {}", sync.error);
        assert!(sync.error.contains(words), "{case}: {}", sync.error);
        let status = daemon.status().await;
        assert_eq!(status.state(), State::Warning, "{case}");
        let alarm = status.alarms.iter().find(|alarm| alarm.code.starts_with("SYNC_")).expect(case);
        assert!(alarm.message.contains(words), "{case}: {}", alarm.message);
        let now = status.snapshot.expect("a snapshot");
        assert_eq!((now.serial, &now.sha256, now.confirmed_at), (served.serial, &served.sha256, served.confirmed_at));
        assert_eq!(ask(&mut daemon.acceptance().await, by_number(&number)).await.reason(), Reason::Listed, "{case}");

        server.answer(Answer::ok("text/csv", &good));
        assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Unchanged, "{case}");
        assert_eq!(daemon.status().await.state(), State::Fresh, "{case}");
        let healed = daemon.status().await;
        assert_eq!((healed.state(), healed.failures_since), (State::Fresh, 0), "{case}");
        served = healed.snapshot.expect("a snapshot");
    }
}

#[tokio::test]
async fn a_refused_connection_is_told_apart_and_healed() {
    let world = World::new(22, 60);
    let server = Server::start(Answer::ok("text/csv", &world.to_csv())).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let site = Site::new();
    let config = site.directory.path().join("rmdd.toml");
    std::fs::write(&config, format!("source = \"http://{nobody}/\"\n[fetch]\ntries = 1\n")).expect("written");
    let daemon = site.start_with(&["--config", &config.display().to_string()]);
    let sync = daemon.first_sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Failed);
    assert!(sync.error.contains("refused"), "{}", sync.error);
    std::fs::write(&config, format!("source = {:?}\n", server.url)).expect("written");
    daemon.signal("-HUP");
    common::eventually("the other source is asked", || async { daemon.status().await.snapshot }).await;
}
