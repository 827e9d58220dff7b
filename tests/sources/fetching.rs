//! How listings are fetched: asked for only if changed, packed, from several sources, by a proxy, again after failures.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::common::http::{Answer, Server};
use crate::common::{Daemon, Site, ask, by_number, eventually, json, rmdd, status_of, stderr, stdout};
use rmdd::api::grpc::v1::{GetStatusResponse, ReloadConfigRequest, SourceStatus, SyncOutcome, SyncTrigger, Verdict};
use rmdd_testkit::{Step, World};

/// A site whose daemon works by this configuration.
fn configured(text: &str) -> (Site, String) {
    let site = Site::new();
    let config = site.configure(text);
    (site, config)
}

fn start(site: &Site, config: &str) -> Daemon {
    site.start_with(&["--config", config, "--schedule", "0 0 1 1 *"])
}

fn incoming(site: &Site) -> PathBuf {
    site.state_dir().join("incoming")
}

fn files_in(directory: &PathBuf) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}

fn source(status: &GetStatusResponse, place: usize) -> &SourceStatus {
    &status.sources[place]
}

fn has_alarm(status: &GetStatusResponse, code: &str) -> bool {
    status.alarms.iter().any(|alarm| alarm.code == code)
}

#[tokio::test]
async fn an_unchanged_listing_is_not_fetched_again_by_validators_that_outlive_a_restart() {
    let mut world = World::new(61, 60);
    let server = Server::start(Answer::tagged("\"one\"", &world.to_csv())).await;
    let (site, config) = configured(&format!("source = {:?}\n", server.url));
    let daemon = start(&site, &config);
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Applied);
    assert_eq!(server.seen()[0].header("if-none-match"), None);
    let confirmed = daemon.status().await.snapshot.expect("a snapshot").confirmed_at.expect("a time");

    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.snapshot_serial, sync.filings), (SyncOutcome::Unchanged, 1, 60));
    assert_eq!(server.seen()[1].header("if-none-match"), Some("\"one\""));
    let status = daemon.status().await;
    let later = status.snapshot.clone().expect("a snapshot").confirmed_at.expect("a time");
    assert!((later.seconds, later.nanos) > (confirmed.seconds, confirmed.nanos), "a 304 confirms");
    assert!(source(&status, 0).conditional && source(&status, 0).failures == 0);
    daemon.terminate().await;

    let daemon = start(&site, &config);
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Unchanged);
    assert_eq!(server.seen().last().expect("asked").header("if-none-match"), Some("\"one\""));

    world.advance(Step { list: 1, ..Step::default() });
    server.answer(Answer::tagged("\"two\"", &world.to_csv()));
    assert_eq!(daemon.sync().await.filings, 61);
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Unchanged);
    assert_eq!(server.seen().last().expect("asked").header("if-none-match"), Some("\"two\""));
    assert_eq!(files_in(&incoming(&site)), 0, "nothing is left of what came");
}

#[tokio::test]
async fn validators_of_a_listing_that_was_refused_are_not_asked_by() {
    let world = World::new(62, 60);
    let server = Server::start(Answer::csv(&world.to_csv())).await;
    let (site, config) = configured(&format!("source = {:?}\n", server.url));
    let daemon = start(&site, &config);
    daemon.first_sync().await;
    server.answer(Answer::tagged("\"page\"", b"<html>maintenance</html>"));
    for _ in 0..2 {
        assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Refused);
        assert_eq!(server.seen().last().expect("asked").header("if-none-match"), None);
    }
    assert!(!source(&daemon.status().await, 0).conditional);
}

#[tokio::test]
async fn packed_listings_are_the_same_listings() {
    let world = World::new(63, 60);
    let plain = world.to_csv();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).expect("packed");
    let gzip = gzip.finish().expect("packed");
    let mut br = Vec::new();
    brotli::CompressorWriter::new(&mut br, 4096, 5, 22).write_all(&plain).expect("packed");
    let server = Server::start(Answer::packed("gzip", &gzip)).await;
    let (site, config) = configured(&format!("source = {:?}\n", server.url));
    let daemon = start(&site, &config);
    let first = daemon.first_sync().await;
    assert_eq!((first.outcome(), first.filings), (SyncOutcome::Applied, 60), "{}", first.error);
    assert_eq!(server.seen()[0].header("accept-encoding"), Some("gzip, br"));
    for answer in [Answer::packed("br", &br), Answer::packed("GZIP", &gzip), Answer::csv(&plain)] {
        server.answer(answer);
        let sync = daemon.sync().await;
        assert_eq!(sync.outcome(), SyncOutcome::Unchanged, "{}", sync.error);
    }
}

#[tokio::test]
async fn a_source_that_is_down_is_passed_over_with_an_alarm_until_it_is_back() {
    let world = World::new(64, 60);
    let good = Answer::csv(&world.to_csv());
    let preferred = Server::start(Answer::response("503 Service Unavailable", "", b"")).await;
    let mirror = Server::start(good.clone()).await;
    let (site, config) = configured(&format!(
        "source = {:?}\nfallback_sources = [\"/nonexistent/rmd.csv\", {:?}]\n[fetch]\nfirst_pause = \"1ms\"\n",
        preferred.url, mirror.url
    ));
    let daemon = start(&site, &config);
    let sync = daemon.first_sync().await;
    assert_eq!((sync.outcome(), sync.source.as_str()), (SyncOutcome::Applied, mirror.url.as_str()), "{}", sync.error);
    let kinds: Vec<&str> = sync.passed_over.iter().map(|fault| fault.kind.as_str()).collect();
    assert_eq!(kinds, ["SERVER_ERROR", "FILE_MISSING"]);
    assert_eq!(preferred.requests(), 3, "what may pass is tried again");
    let status = daemon.status().await;
    assert!(has_alarm(&status, "SOURCE_DOWN"));
    assert_eq!(status.source, preferred.url);
    assert_eq!(status.sources.len(), 3);
    assert_eq!((source(&status, 0).failures, source(&status, 2).failures), (1, 0));
    assert!(source(&status, 0).fault.as_ref().expect("why").error.contains("503"));

    // All of that is said again by a daemon that has just started, and by the command without one.
    let (_, log) = daemon.terminate().await;
    assert!(log.contains("a source that is preferred gave no listing: the file /nonexistent/rmd.csv"), "{log}");
    let output = site.run(&["--config", &config, "status", "--json"]);
    assert_eq!(status_of(&output), 1, "{}", stderr(&output));
    let reported = json(&output);
    assert_eq!(reported["sources"][0]["fault"]["kind"], "SERVER_ERROR");
    assert_eq!(reported["last_sync"]["passed_over"][1]["kind"], "FILE_MISSING");
    assert!(stdout(&site.run(&["--config", &config, "status", "--all"])).contains("SERVER_ERROR"));

    let daemon = start(&site, &config);
    preferred.answer(good);
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.source.as_str()), (SyncOutcome::Unchanged, preferred.url.as_str()));
    let status = daemon.status().await;
    assert!(!has_alarm(&status, "SOURCE_DOWN") && source(&status, 0).failures == 0);

    preferred.answer(Answer::response("404 Not Found", "", b""));
    mirror.answer(Answer::response("403 Forbidden", "", b""));
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Failed);
    for words in ["404", "/nonexistent/rmd.csv", "403"] {
        assert!(sync.error.contains(words), "{}", sync.error);
    }
}

#[test]
fn sources_on_the_command_line_take_the_place_of_those_of_the_configuration() {
    let world = World::new(71, 60);
    let (site, config) = configured("fallback_sources = [\"/nonexistent/never-asked.csv\"]\n");
    site.publish(&world.to_csv());
    let good = site.listing().display().to_string();
    site.make_store();
    let sync = |sources: &[&str]| {
        let flags: Vec<&str> = sources.iter().flat_map(|source| ["--source", source]).collect();
        site.run(&[["--config", &config, "sync"].as_slice(), &flags].concat())
    };
    let output = sync(&["/nonexistent/first.csv", &good]);
    assert_eq!(status_of(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("passed over") && text.contains("FILE_MISSING") && text.contains(&good), "{text}");
    // The status has them beside those that are configured, which come first.
    let status = stdout(&site.run(&["--config", &config, "status", "--json"]));
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    let sources: Vec<&str> =
        status["sources"].as_array().expect("sources").iter().filter_map(|of| of["source"].as_str()).collect();
    assert_eq!(sources[1..], ["/nonexistent/never-asked.csv", "/nonexistent/first.csv", good.as_str()], "{status}");
    assert!(status["sources"][3]["last_success_at"].is_string(), "{status}");
    let output = sync(&["/nonexistent/first.csv"]);
    assert_eq!(status_of(&output), 2);
    assert!(!stdout(&output).contains("never-asked"), "{}", stdout(&output));
    let output = sync(&[&good, &good]);
    assert_eq!(status_of(&output), 2);
    assert!(stderr(&output).contains("stands twice"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_source_that_asks_to_be_left_alone_is_not_asked_before_its_time() {
    let world = World::new(65, 60);
    let server = Server::start(Answer::csv(&world.to_csv())).await;
    let retry = "[fetch]\nretry_min = \"10ms\"\nretry_max = \"20ms\"\n";
    let (site, config) = configured(&format!("source = {:?}\n{retry}", server.url));
    let daemon = start(&site, &config);
    daemon.first_sync().await;
    server.answer(Answer::response("429 Too Many Requests", "Retry-After: 7200\r\n", b""));
    let asked = server.requests() + 1;
    let sync = daemon.sync().await;
    assert!(sync.error.contains("429") && sync.error.contains("left alone for 2 h"), "{}", sync.error);
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Failed);
    assert!(sync.error.contains("not asked") && sync.error.contains("429"), "{}", sync.error);
    assert_eq!(server.requests(), asked, "neither an operator nor a retry asks it");
    let status = daemon.status().await;
    let until = source(&status, 0).not_before.expect("a time");
    eventually("the next sync is planned for then", || async {
        daemon.status().await.next_sync_at.filter(|next| (next.seconds, next.nanos) == (until.seconds, until.nanos))
    })
    .await;
    daemon.terminate().await;
    let daemon = start(&site, &config);
    assert!(daemon.sync().await.error.contains("not asked"), "a restart does not forget it");
    daemon.terminate().await;

    // The operator bounds it, and then it passes by itself.
    let bounded = format!("source = {:?}\n{retry}max_retry_after = \"300ms\"\n", server.url);
    let (other, config) = configured(&bounded);
    let daemon = start(&other, &config);
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Failed);
    server.answer(Answer::csv(&world.to_csv()));
    eventually("it is asked again", || async { daemon.status().await.snapshot }).await;
}

#[tokio::test]
async fn a_failed_sync_is_made_up_ahead_of_schedule_by_itself() {
    let world = World::new(66, 60);
    let (good, asked) = (world.to_csv(), Arc::new(AtomicUsize::new(0)));
    let server = {
        let asked = Arc::clone(&asked);
        Server::start(Answer::by(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0..3 => Answer::response("404 Not Found", "", b""),
            3..5 => Answer::ok("text/html", b"<html>maintenance</html>"),
            _ => Answer::csv(&good),
        }))
        .await
    };
    let (site, config) =
        configured(&format!("source = {:?}\n[fetch]\nretry_min = \"10ms\"\nretry_max = \"40ms\"\n", server.url));
    let daemon = start(&site, &config);
    let status = eventually("a listing comes", || async {
        Some(daemon.status().await).filter(|status| status.snapshot.is_some())
    })
    .await;
    let last = status.last_sync.expect("a cycle");
    assert_eq!((last.trigger(), last.outcome(), status.failures_since), (SyncTrigger::Retry, SyncOutcome::Applied, 0));
    assert_eq!(asked.load(Ordering::SeqCst), 6);
    let next = eventually("only the schedule is left", || async {
        daemon.status().await.next_sync_at.filter(|next| next.seconds - last.at.expect("a time").seconds > 60)
    })
    .await;
    assert_eq!(next.seconds % 86_400, 0, "January 1, 00:00");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_within_one_cycle_and_what_will_not_is_not() {
    let world = World::new(67, 60);
    let good = world.to_csv();
    let half = good[..good.len() / 2].to_vec();
    let failing = Arc::new(AtomicBool::new(true));
    let server = {
        let (failing, good) = (Arc::clone(&failing), good.clone());
        Server::start(Answer::by(move |_| {
            let short = format!("Content-Length: {}\r\n", good.len());
            if failing.swap(false, Ordering::SeqCst) {
                Answer::response("200 OK", &short, &half)
            } else {
                Answer::csv(&good)
            }
        }))
        .await
    };
    let (site, config) = configured(&format!("source = {:?}\n[fetch]\nfirst_pause = \"1ms\"\n", server.url));
    let daemon = start(&site, &config);
    let sync = daemon.first_sync().await;
    assert_eq!((sync.outcome(), sync.filings, server.requests()), (SyncOutcome::Applied, 60, 2), "{}", sync.error);
    server.answer(Answer::response("404 Not Found", "", b""));
    assert_eq!((daemon.sync().await.outcome(), server.requests()), (SyncOutcome::Failed, 3));
    server.answer(Answer::response("500 Internal Server Error", "", b""));
    assert_eq!((daemon.sync().await.outcome(), server.requests()), (SyncOutcome::Failed, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_used_and_its_password_shown_nowhere() {
    let world = World::new(68, 60);
    let proxy = Server::start(Answer::csv(&world.to_csv())).await;
    let address = proxy.url.replace("http://", "http://carrier:s3cret@").replace("/listing.csv", "");
    let (site, config) =
        configured(&format!("source = \"http://rmd.example/listing.csv\"\n[fetch]\ntries = 1\nproxy = {address:?}\n"));
    let daemon = start(&site, &config);
    let sync = daemon.first_sync().await;
    assert_eq!((sync.outcome(), sync.filings), (SyncOutcome::Applied, 60), "{}", sync.error);
    let request = &proxy.seen()[0];
    assert_eq!(request.target, "http://rmd.example/listing.csv");
    assert_eq!(request.header("proxy-authorization"), Some("Basic Y2FycmllcjpzM2NyZXQ="));

    proxy.answer(Answer::response("407 Proxy Authentication Required", "", b""));
    let sync = daemon.sync().await;
    assert!(sync.error.contains("407") && sync.error.contains("proxy"), "{}", sync.error);
    let status = site.run(&["--config", &config, "status", "--json"]);
    let check = site.run(&["--config", &config, "config", "check"]);
    assert!(stdout(&check).contains("http://***@127.0.0.1"), "{}", stdout(&check));
    let (_, log) = daemon.terminate().await;
    proxy.stop().await;
    let gone = site.run(&["--config", &config, "sync"]);
    assert_eq!(status_of(&gone), 2);
    for text in [log, stdout(&status), stdout(&check), stderr(&check), stdout(&gone), stderr(&gone)] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn an_authority_of_the_configuration_is_trusted_and_a_file_that_is_none_is_refused() {
    let world = World::new(69, 60);
    let server = Server::start_tls(Answer::csv(&world.to_csv())).await;
    let plain = Server::start(Answer::response("302 Found", &format!("Location: {}\r\n", server.url), b"")).await;
    let (site, config) = configured(&format!("source = {:?}\n[fetch]\ntries = 1\n", server.url));
    let daemon = start(&site, &config);
    let sync = daemon.first_sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Failed);
    assert!(sync.error.contains("certificate"), "{}", sync.error);

    let ca = site.directory.path().join("ca.pem");
    std::fs::write(&ca, server.ca.as_deref().expect("with TLS")).expect("written");
    let trusting = |source: &str| format!("source = {source:?}\n[fetch]\nextra_ca = {ca:?}\n");
    std::fs::write(&config, trusting(&server.url)).expect("written");
    daemon.admin().await.reload_config(ReloadConfigRequest {}).await.expect("reloaded");
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.filings), (SyncOutcome::Applied, 60), "{}", sync.error);
    // From an address without TLS to one with it.
    std::fs::write(&config, trusting(&plain.url)).expect("written");
    daemon.signal("-HUP");
    let redirected = eventually("the other source is asked", || async {
        daemon.status().await.last_sync.filter(|sync| sync.source == plain.url)
    })
    .await;
    assert_eq!(redirected.outcome(), SyncOutcome::Unchanged, "{}", redirected.error);

    for (text, words) in [("", "no certificate"), ("no PEM at all", "no certificate")] {
        std::fs::write(&ca, text).expect("written");
        let check = site.run(&["--config", &config, "config", "check"]);
        assert_eq!(status_of(&check), 2);
        assert!(stderr(&check).contains("fetch.extra_ca") && stderr(&check).contains(words), "{}", stderr(&check));
    }
    std::fs::remove_file(&ca).expect("removed");
    let check = site.run(&["--config", &config, "config", "check"]);
    assert_eq!(status_of(&check), 2);
    assert!(stderr(&check).contains("No such file"), "{}", stderr(&check));
}

#[tokio::test]
async fn a_system_that_trusts_no_authority_keeps_from_fetching_and_not_from_answering() {
    let world = World::new(70, 20);
    let site = Site::with_listing(&world.to_csv());
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    let bare = |arguments: &[&str]| {
        let mut command = rmdd();
        command.arg("--state-dir").arg(site.state_dir()).args(arguments);
        command.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
        command
    };
    let listing = site.listing().display().to_string();
    let serve = ["serve", "--grpc-listen", "127.0.0.1:0", "--source"];
    // A file needs no authority, and nothing is said of it.
    let daemon = Daemon::spawn(bare(&[&serve[..], &[&listing]].concat()));
    let sync = daemon.first_sync().await;
    assert_eq!((sync.outcome(), sync.filings), (SyncOutcome::Applied, 20), "{}", sync.error);
    let (status, log) = daemon.terminate().await;
    assert!(status.success() && !log.contains("authority"), "{log}");

    let daemon = Daemon::spawn(bare(&[&serve[..], &["https://127.0.0.1:1/"]].concat()));
    assert_eq!(ask(&mut daemon.acceptance().await, by_number(&number)).await.verdict(), Verdict::Accept);
    let sync = daemon.first_sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Failed);
    assert!(sync.error.contains("ca-certificates"), "{}", sync.error);
    let (_, log) = daemon.terminate().await;
    assert!(log.contains("trusts no certificate authority"), "{log}");

    let check = bare(&["config", "check"]).output().expect("it runs");
    assert_eq!(status_of(&check), 0, "{}", stderr(&check));
    assert!(stdout(&check).contains("trusts no certificate authority"), "{}", stdout(&check));
}

#[tokio::test]
async fn what_a_killed_daemon_left_of_a_fetch_is_removed_at_the_next_start() {
    let world = World::new(70, 60);
    let good = world.to_csv();
    let stalled = [crate::common::http::head("200 OK", "").as_slice(), &good[..good.len() / 2]].concat();
    let server = Server::start(Answer::Stall(stalled)).await;
    let (site, config) = configured(&format!("source = {:?}\n", server.url));
    let daemon = start(&site, &config);
    eventually("some of it is there", || async { (files_in(&incoming(&site)) == 1).then_some(()) }).await;
    daemon.kill();
    assert_eq!(files_in(&incoming(&site)), 1);
    server.answer(Answer::csv(&good));
    let daemon = start(&site, &config);
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Applied);
    assert_eq!(files_in(&incoming(&site)), 0);
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    ask(&mut daemon.acceptance().await, by_number(&number)).await;
}
