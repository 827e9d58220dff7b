//! `rmdd top`: what is decided, second by second, on a screen that is given back whatever happens.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rmdd_testkit::World;
use rmdd_testkit::terminal::Terminal;
use serde_json::Value;

use crate::common::{Daemon, Site, ask, by_frn, rmdd, status_of, stderr};

/// A daemon with peers, of which one is gone.
async fn desk() -> (Site, Daemon, String) {
    let mut world = World::new(19, 60);
    let (number, frn) = world
        .filings()
        .find(|row| !row.get("frn").is_empty())
        .map(|row| (row.get("number").to_owned(), row.get("frn").to_owned()))
        .expect("a filing");
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    world.remove(&number).expect("it stood");
    site.publish(&world.to_csv());
    daemon.sync().await;
    (site, daemon, frn)
}

fn command(site: &Site, arguments: &[&str]) -> Command {
    let mut command = rmdd();
    command.env("TERM", "xterm-256color").arg("--state-dir").arg(site.state_dir()).args(arguments);
    command
}

const LEAVES_THE_SCREEN: &str = "\u{1b}[?1049l";

#[tokio::test]
async fn a_refused_upstream_and_whoever_asks_are_seen_within_a_second() {
    let (site, daemon, gone) = desk().await;
    let mut command = command(&site, &["top", "--json"]);
    let mut top = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(top.stdout.take().expect("its output")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("a line").expect("readable");
        serde_json::from_str(&line).expect("JSON")
    };
    let first = next();
    for member in ["at", "seconds", "decisions", "errors", "p50_seconds", "p99_seconds", "refused", "askers"] {
        assert!(first.get(member).is_some(), "{member}: {first}");
    }
    let mut client = daemon.acceptance().await;
    for _ in 0..7 {
        ask(&mut client, by_frn(&gone)).await;
    }
    // What people ask is no call.
    assert_eq!(status_of(&site.run(&["check", &gone])), 1);
    let (mut refused, mut asked) = (0, 0);
    let mut frames = Vec::new();
    while refused < 7 {
        let frame = next();
        for decision in frame["decisions"].as_array().expect("decisions") {
            assert_eq!((&decision["verdict"], &decision["reason"]), (&"REFUSE".into(), &"REMOVED".into()), "{frame}");
            refused += decision["count"].as_u64().expect("a count");
        }
        for of in frame["refused"].as_array().expect("refused") {
            assert_eq!(of["provider"], gone.as_str(), "{frame}");
            assert!(of["provider_name"].as_str().is_some_and(|name| !name.is_empty()), "{frame}");
        }
        asked +=
            frame["askers"].as_array().expect("askers").iter().map(|of| of["count"].as_u64().unwrap_or(0)).sum::<u64>();
        frames.push(frame);
        assert!(frames.len() < 60, "{frames:?}");
    }
    assert_eq!((refused, asked), (7, 7), "{frames:?}");
    assert!(frames.iter().any(|frame| frame["p99_seconds"].is_number()), "{frames:?}");
    drop(lines);
    // It ends with whoever reads it.
    assert!(top.wait().expect("it ended").success());
}

#[tokio::test]
async fn the_terminal_is_given_back_after_a_key_a_signal_and_a_lost_daemon() {
    let (site, daemon, _) = desk().await;
    for (columns, rows) in [(80, 24), (200, 50), (5, 3)] {
        let mut top = Terminal::start(command(&site, &["top"]), columns, rows).expect("a terminal");
        top.wait_for("rmdd");
        assert!(!top.is_as_it_was().expect("it is there"), "it was taken over");
        // ^C is a key while the terminal is taken over.
        top.type_in(if rows == 24 { "\u{3}" } else { "q" }).expect("typed");
        let (status, shown, as_it_was) = top.end();
        assert!(status.success() && as_it_was && shown.contains(LEAVES_THE_SCREEN), "{columns}: {status} {shown:?}");
    }
    for (signal, status) in [("-TERM", 143), ("-INT", 130), ("-HUP", 129)] {
        let mut top = Terminal::start(command(&site, &["top"]), 80, 24).expect("a terminal");
        top.wait_for("BY REASON");
        let sent = Command::new("kill").args([signal, &top.pid().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        let (ended, shown, as_it_was) = top.end();
        assert_eq!(ended.code(), Some(status), "{signal}: {shown:?}");
        assert!(as_it_was && shown.contains(LEAVES_THE_SCREEN), "{signal}: {shown:?}");
    }
    let mut top = Terminal::start(command(&site, &["top"]), 200, 50).expect("a terminal");
    top.wait_for("BY REASON");
    daemon.kill();
    top.wait_for("trying again");
    top.type_in("q").expect("typed");
    let (status, shown, as_it_was) = top.end();
    assert!(status.success() && as_it_was && shown.contains(LEAVES_THE_SCREEN), "{status} {shown:?}");
}

#[tokio::test]
async fn where_nothing_can_be_drawn_it_says_what_to_do_instead() {
    let (site, _daemon, _) = desk().await;
    let piped = site.run(&["top"]);
    assert!(status_of(&piped) == 2 && stderr(&piped).contains("--json"), "{}", stderr(&piped));
    let mut dumb = command(&site, &["top"]);
    dumb.env("TERM", "dumb");
    let (status, shown, _) = Terminal::start(dumb, 80, 24).expect("a terminal").end();
    assert!(status.code() == Some(2) && shown.contains("--json") && !shown.contains('\u{1b}'), "{shown:?}");
    let nowhere = Site::new();
    let alone = nowhere.run(&["top"]);
    assert!(status_of(&alone) == 2 && stderr(&alone).contains("rmdd serve"), "{}", stderr(&alone));
}
