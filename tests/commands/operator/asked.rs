//! Whom a command asks, and what it says where nobody answers as a daemon should.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::Command;

use rmdd_testkit::World;

use crate::common::http::{Answer, Server};
use crate::common::{Daemon, Site, eventually, json, rmdd, status_of, stderr, stdout};

#[tokio::test]
async fn a_configuration_leads_to_its_own_daemon() {
    let site = Site::with_listing(&World::new(72, 20).to_csv());
    let settings = format!(
        "source = {:?}\nstate_dir = {:?}\n[grpc]\nlisten = \"127.0.0.1:0\"\n",
        site.listing().display().to_string(),
        site.state_dir().display().to_string()
    );
    let config = site.configure(&settings);
    let mut serve = rmdd();
    serve.arg("serve").arg("--config").arg(&config);
    let daemon = Daemon::spawn(serve);
    daemon.first_sync().await;
    // Another user's daemon is where the default would lead.
    let elsewhere = Site::with_listing(&World::new(73, 20).to_csv());
    let mut serve = rmdd();
    serve.args(["serve", "--grpc-listen", "off", "--source"]).arg(elsewhere.listing());
    serve.env("XDG_STATE_HOME", elsewhere.directory.path());
    let other = Daemon::spawn(serve);

    let state_of = |command: &mut Command| {
        let status = command.arg("status").arg("--json").env("XDG_STATE_HOME", elsewhere.directory.path());
        let status = status.output().expect("it runs");
        assert_eq!(stderr(&status), "", "a daemon was asked");
        json(&status)["state_dir"].as_str().expect("a directory").to_owned()
    };
    let here = site.state_dir().display().to_string();
    assert_eq!(state_of(rmdd().arg("--config").arg(&config)), here);
    assert_eq!(state_of(rmdd().env("RMDD_CONFIG", &config)), here);
    assert_eq!(state_of(rmdd().env("RMDD_STATE_DIR", &here)), here);
    let other_state = other.socket.parent().expect("a directory").display().to_string();
    assert_eq!(state_of(&mut rmdd()), other_state);
    let flag_first = state_of(rmdd().arg("--config").arg(&config).arg("--state-dir").arg(&other_state));
    assert_eq!(flag_first, other_state);

    daemon.terminate().await;
    let mut alone = rmdd();
    alone.args(["status", "--json", "--config"]).arg(&config);
    let alone = alone.env("XDG_STATE_HOME", elsewhere.directory.path()).output().expect("it runs");
    assert!(stderr(&alone).contains("No daemon runs"), "the other one is not asked in its place: {}", stderr(&alone));
    assert_eq!(json(&alone)["state_dir"].as_str(), Some(here.as_str()));
}

#[tokio::test]
async fn a_configured_unix_listener_of_the_administration_is_found() {
    let site = Site::with_listing(&World::new(74, 20).to_csv());
    let socket = site.directory.path().join("admin.sock");
    let config = site.configure(&format!("[admin]\nlisten = {:?}\n", format!("unix:{}", socket.display())));
    let mut serve = rmdd();
    serve.args(["serve", "--grpc-listen", "127.0.0.1:0", "--source"]).arg(site.listing());
    serve.arg("--config").arg(&config).env("XDG_STATE_HOME", site.directory.path().join("home"));
    let _daemon = Daemon::spawn(serve);
    let status = rmdd().args(["status", "--json", "--config"]).arg(&config).output().expect("it runs");
    let kept = site.directory.path().join("home").join("rmdd").display().to_string();
    assert_eq!(json(&status)["state_dir"].as_str(), Some(kept.as_str()), "{}", stderr(&status));
}

/// What a command says that connects there, and fails.
fn refused(url: &str, arguments: &[&str]) -> String {
    let refused = rmdd().args(arguments).args(["--connect", url]).output().expect("it runs");
    let status = if arguments[0] == "status" { 3 } else { 2 };
    assert_eq!((status_of(&refused), stdout(&refused).as_str()), (status, ""), "{url}: {}", stderr(&refused));
    stderr(&refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_and_is_no_daemon_is_told_from_one() {
    let site = Site::with_listing(&World::new(75, 20).to_csv());
    let http_socket = site.directory.path().join("http.sock");
    let daemon = site.start();
    daemon.first_sync().await;
    let http = daemon.http.clone().expect("an HTTP listener");
    for arguments in [&["check", "20237343"][..], &["status"], &["watch"], &["export"], &["snapshots"]] {
        let said = refused(&http, arguments);
        assert!(said.contains("no gRPC") && said.contains("HTTP listener") && said.contains("7633"), "{said}");
        assert!(!said.contains("compression"), "{said}");
    }
    let source = site.listing().display().to_string();
    let other = Site::new();
    let served = other.start_with(&["--source", &source, "--http-listen", &format!("unix:{}", http_socket.display())]);
    let said = refused(&format!("unix:{}", http_socket.display()), &["check", "20237343"]);
    assert!(said.contains("no gRPC"), "{said}");
    drop(served);

    let plain = Server::start(Answer::response("400 Bad Request", "", b"")).await;
    let tls = Server::start_tls(Answer::Bytes(Vec::new())).await;
    for command in ["check", "watch"] {
        let arguments = if command == "check" { &["check", "20237343"][..] } else { &["watch"] };
        let said = tokio::task::block_in_place(|| refused(plain.url.trim_end_matches("/listing.csv"), arguments));
        assert!(said.contains("speaks HTTP/1, but no gRPC"), "{said}");
        let url = tls.url.trim_end_matches("/listing.csv").replace("https://", "http://");
        let said = tokio::task::block_in_place(|| refused(&url, arguments));
        assert!(said.contains("connect to https://127.0.0.1"), "{said}");
    }
}

#[test]
fn an_address_where_nothing_answers_is_told_with_what_to_do() {
    let site = Site::new();
    let path = |name: &str| site.directory.path().join(name).display().to_string();
    std::fs::write(path("file"), "").expect("written");
    drop(UnixListener::bind(path("left.sock")).expect("bound"));
    for (url, words) in [
        ("http://127.0.0.1:1".to_owned(), &["Connection refused", "grpc.listen"][..]),
        (format!("unix:{}", path("file")), &["is no socket"]),
        (format!("unix:{}", site.directory.path().display()), &["is a directory"]),
        (format!("unix:{}", path("left.sock")), &["Connection refused", "has stopped"]),
        (format!("unix:{}", path("none.sock")), &["No such file", "Is the daemon running"]),
        ("unix:".to_owned(), &["names no socket"]),
        ("127.0.0.1:7633".to_owned(), &["no daemon's address", "http://HOST:PORT"]),
        ("http://".to_owned(), &["no daemon's address", "http://HOST:PORT"]),
        ("http://a b:1".to_owned(), &["no daemon's address"]),
    ] {
        for command in [&["check", "20237343"][..], &["watch"], &["status"]] {
            let said = refused(&url, command);
            assert!(words.iter().all(|word| said.contains(word)) && said.lines().count() == 1, "{url}: {said}");
        }
    }
}

#[test]
fn a_socket_that_takes_a_connection_and_never_answers_is_given_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("silent.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    let server = std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            let mut first = [0];
            let end = stream.read(&mut first).is_ok() && first == *b"x";
            kept.push(stream);
            if end {
                break;
            }
        }
    });
    let said = refused(&format!("unix:{}", path.display()), &["check", "20237343"]);
    assert!(said.contains("does not answer"), "{said}");
    std::os::unix::net::UnixStream::connect(&path).and_then(|mut stream| stream.write_all(b"x")).expect("told to end");
    server.join().expect("it ended");
}

/// What a newcomer's first start says before anybody has done anything wrong.
#[tokio::test]
async fn the_first_start_of_the_example_warns_of_nothing_that_is_over_at_once() {
    let site = Site::new();
    let log = site.directory.path().join("daemon.log");
    let mut command = rmdd();
    command.args(["serve", "--example", "--grpc-listen", "127.0.0.1:0", "--state-dir"]).arg(site.state_dir());
    command.stdout(std::process::Stdio::null()).stderr(std::fs::File::create(&log).expect("made"));
    let mut daemon = command.spawn().expect("it starts");
    let said = eventually("alerts begin, after the first sync", || async {
        let said = std::fs::read_to_string(&log).expect("read");
        (said.contains("baseline.taken") && said.contains("sync confirmed")).then_some(said)
    })
    .await;
    daemon.kill().expect("killed");
    daemon.wait().expect("gone");
    let doubts: Vec<&str> = said.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR")).collect();
    assert_eq!(doubts.len(), 1, "{said}");
    assert!(doubts[0].contains("1 refused, 1 unmatched") && doubts[0].contains("no alarms"), "{}", doubts[0]);
    let archived = std::fs::read_dir(site.state_dir().join("archive")).expect("the archive").count();
    assert_eq!(archived, 2, "both listings of the example");
}
