//! Sources that misbehave: whatever comes, the last listing goes on being served and the next good fetch heals it.

mod common;

use common::http::{Answer, Server};
use common::{Site, ask, by_number, exists};
use rmdd::grpc::v1::{Reason, State, SyncOutcome};
use rmdd_testkit::{CsvFormat, LineEnd, World};

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
        ("429", Answer::response("429 Too Many Requests", "Retry-After: 120\r\n", b""), failed, "Retry-After: 120"),
        ("500", Answer::response("500 Internal Server Error", "", b""), failed, "500"),
        ("503 with a page", Answer::response("503 Service Unavailable", "", b"<html>"), failed, "503"),
        ("a redirect loop", Answer::response("302 Found", "Location: /listing.csv\r\n", b""), failed, "redirects"),
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
    std::fs::write(&config, "[fetch]\nidle_timeout = \"300ms\"\ntotal_timeout = \"20s\"\n").expect("written");
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
    std::fs::write(&config, format!("source = \"http://{nobody}/\"\n")).expect("written");
    let daemon = site.start_with(&["--config", &config.display().to_string()]);
    let sync = daemon.first_sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Failed);
    assert!(sync.error.contains("refused"), "{}", sync.error);
    std::fs::write(&config, format!("source = {:?}\n", server.url)).expect("written");
    daemon.signal("-HUP");
    common::eventually("the other source is asked", || async { daemon.status().await.snapshot }).await;
}

#[tokio::test]
async fn a_redirect_is_followed() {
    let world = World::new(23, 60);
    let target = Server::start(Answer::ok("text/csv", &world.to_csv())).await;
    let location = format!("Location: {}\r\n", target.url);
    let server = Server::start(Answer::response("302 Found", &location, b"")).await;
    let site = Site::new();
    let daemon = site.start_with(&["--source", &server.url]);
    assert_eq!(daemon.first_sync().await.filings, 60);
}

#[tokio::test]
async fn every_form_of_the_file_reads_as_the_same_listing() {
    let world = World::new(24, 120);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    for (case, format) in [
        ("a byte order mark", CsvFormat { bom: true, ..CsvFormat::default() }),
        ("CRLF", CsvFormat { line_end: LineEnd::CrLf, ..CsvFormat::default() }),
        ("CR alone", CsvFormat { line_end: LineEnd::Cr, ..CsvFormat::default() }),
        ("no last line end", CsvFormat { final_line_end: false, ..CsvFormat::default() }),
    ] {
        site.publish(&world.to_csv_with(&format));
        let sync = daemon.sync().await;
        assert_eq!(sync.outcome(), SyncOutcome::Applied, "{case}: {}", sync.error);
        assert_eq!((sync.listed, sync.amended, sync.removed, sync.reinstated), (0, 0, 0, 0), "{case}");
    }
}

#[tokio::test]
async fn columns_may_come_and_move_and_one_that_goes_is_an_alarm() {
    let world = World::new(25, 60);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let text = String::from_utf8(world.to_csv()).expect("UTF-8");
    let header: Vec<String> = text.lines().next().expect("a header").split(',').map(str::to_owned).collect();

    let reversed = CsvFormat { columns: Some(header.iter().rev().cloned().collect()), ..CsvFormat::default() };
    site.publish(&world.to_csv_with(&reversed));
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.amended), (SyncOutcome::Applied, 0), "{}", sync.error);

    let mut more = header.clone();
    more.push("favourite_colour".to_owned());
    site.publish(&world.to_csv_with(&CsvFormat { columns: Some(more), ..CsvFormat::default() }));
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.amended), (SyncOutcome::Applied, 60), "its cells are kept");
    assert!(daemon.status().await.alarms.iter().any(|alarm| alarm.code == "COLUMN_UNKNOWN"));

    let fewer = header.into_iter().filter(|name| name != "contact_title").collect();
    site.publish(&world.to_csv_with(&CsvFormat { columns: Some(fewer), ..CsvFormat::default() }));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Applied);
    assert!(daemon.status().await.alarms.iter().any(|alarm| alarm.code == "COLUMN_MISSING"));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_no_removal() {
    let mut world = World::new(26, 120);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let numbers: Vec<String> = world.rows().map(|row| row.get("number").to_owned()).collect();
    world.row_mut(&numbers[10]).expect("a filing").set("frn", "00ABCDEFGH");
    world.row_mut(&numbers[20]).expect("a filing").set("number", "RMD-broken");
    site.publish(&world.to_csv());
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.removed, sync.amended), (SyncOutcome::Applied, 0, 0), "{}", sync.error);
    let status = daemon.status().await;
    assert_eq!((status.filings, status.state()), (120, State::Warning));
    assert!(status.alarms.iter().any(|alarm| alarm.code == "ROWS_UNREADABLE" && alarm.message.contains("2 rows")));
    let mut acceptance = daemon.acceptance().await;
    for number in [&numbers[10], &numbers[20]] {
        let answer = ask(&mut acceptance, by_number(number)).await;
        assert_eq!(answer.reason(), Reason::Listed);
        assert_eq!(answer.advisories[0].code, "FILING_CARRIED");
    }
}

#[tokio::test]
async fn more_than_a_quarter_gone_is_held_and_changes_nothing() {
    let mut world = World::new(27, 200);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let before = world.to_csv();
    world.advance(rmdd_testkit::Step { remove: 51, ..Default::default() });
    site.publish(&world.to_csv());
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Held);
    assert!(sync.error.contains("51 of 200"), "{}", sync.error);
    let status = daemon.status().await;
    assert_eq!((status.filings, status.removals_total, status.last_change_serial), (200, 0, 200));
    site.publish(&before);
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Unchanged);
    assert!(exists(&daemon.socket));
}
