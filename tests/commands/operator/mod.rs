//! What a tired operator meets: times as they are given and told, exit statuses of slips, errors that say what to do.

mod asked;
mod everybody;
mod examined;
mod names;
mod times;

use crate::common::{Site, exists, json, rmdd, status_of, stderr, stdout};
use rmdd_testkit::{Step, World};
use serde_json::Value;

/// A site whose store has seen three listings; when the first stood, and a filing that is gone since.
struct Past {
    site: Site,
    world: World,
    first: String,
    gone: String,
    published: Vec<Vec<u8>>,
}

fn past() -> Past {
    let mut world = World::new(71, 80);
    let site = Site::with_listing(&world.to_csv());
    let source = site.listing().display().to_string();
    let mut published = vec![world.to_csv()];
    site.make_store();
    assert_eq!(status_of(&site.run(&["sync", "--source", &source])), 0);
    let first = crate::common::now().to_string();
    let gone = world.advance(Step { remove: 4, amend: 6, list: 2, ..Step::default() }).removed[0].clone();
    for step in [Step::default(), Step { remove: 1, ..Step::default() }] {
        world.advance(step);
        site.publish(&world.to_csv());
        let applied = site.run(&["sync", "--source", &source, "--json"]);
        assert_eq!(json(&applied)["outcome"], "applied", "{}", stderr(&applied));
        published.push(world.to_csv());
    }
    Past { site, world, first, gone, published }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_slip_of_the_pen_is_no_answer() {
    let site = Site::new();
    for (arguments, status) in [
        (&["status", "--jsno"][..], 3),
        (&["--jsno", "status"], 3),
        (&["status", "now"], 3),
        (&["config", "check", "--jsno"], 3),
        (&["config", "chekc"], 3),
        (&["check", "--jsno"], 2),
        (&["check"], 2),
        (&["sync", "--jsno"], 2),
        (&["verify", "--jsno"], 2),
        (&["peers", "report", "--jsno"], 2),
        (&["serve", "--jsno"], 2),
        (&["statsu"], 2),
    ] {
        let refused = site.run(arguments);
        assert_eq!((status_of(&refused), stdout(&refused).as_str()), (status, ""), "{arguments:?}");
        assert!(stderr(&refused).contains("Usage") || stderr(&refused).contains("--help"), "{}", stderr(&refused));
    }
    for arguments in [&["status", "--help"][..], &["config", "check", "--help"], &["--version"]] {
        let help = rmdd().args(arguments).output().expect("it runs");
        assert_eq!((status_of(&help), stderr(&help).as_str()), (0, ""), "{arguments:?}");
    }
    let unreadable = rmdd().args(["status", "--config", "/nowhere.toml"]).output().expect("it runs");
    assert_eq!(status_of(&unreadable), 3);
}

#[test]
fn a_history_of_nobody_is_not_found_as_one_shown_is_not() {
    let Past { site, gone, .. } = past();
    for who in ["RMD9999999", "9999999999"] {
        for command in ["show", "history"] {
            let nobody = site.run(&[command, who]);
            assert_eq!(status_of(&nobody), 1, "{command}");
            assert!(stdout(&nobody).contains("Nothing is known of"), "{}", stdout(&nobody));
            let nobody = site.run(&[command, who, "--json"]);
            assert_eq!((status_of(&nobody), &json(&nobody)["changes"]), (1, &serde_json::json!([])), "{command}");
        }
    }
    let known = site.run(&["history", &gone, "--since", "2999-01-01"]);
    assert_eq!(status_of(&known), 0, "it is known, though nothing happened then: {}", stdout(&known));
    assert_eq!(status_of(&site.run(&["history", "--since", "2999-01-01"])), 0);
}

#[test]
fn every_help_gives_the_exit_statuses_that_the_manual_page_gives() {
    let reported = |arguments: &[&str]| stdout(&rmdd().args(arguments).output().expect("it runs"));
    let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "");
    let (help, page) = (unwrapped(&reported(&["--help", "--all"])), unwrapped(&reported(&["man"])));
    for command in [
        &["check"][..],
        &["show"],
        &["search"],
        &["history"],
        &["sync"],
        &["status"],
        &["impact"],
        &["peers", "report"],
        &["verify"],
        &["config", "check"],
        &["serve"],
    ] {
        let own = unwrapped(&reported(&[command, &["--help"]].concat()));
        let (_, own) = own.rsplit_once("Exit status: ").expect("its help says");
        let own = own.trim_end_matches('.');
        let named = format!("{} {own}", command.join(" "));
        assert!(help.contains(&named) && page.contains(own), "{named}");
    }
    assert!(help.contains("1 if it could not start"), "{help}");
}

#[test]
fn what_cannot_be_written_says_why() {
    let Past { site, .. } = past();
    let directory = site.directory.path().display().to_string();
    for (arguments, words) in [
        (&["export", "--output", "/nowhere/at/all.csv"][..], "No such file or directory"),
        (&["backup", "/nowhere/at/all.redb"], "No such file or directory"),
        (&["export", "--output", "/dev/null/x"], "Not a directory"),
        (&["backup", "/dev/null/x"], "Not a directory"),
        (&["check", "--file", "/nowhere.csv"], "No such file or directory"),
        (&["check", "--file", &directory], "Is a directory"),
        (&["peers", "import", "/nowhere.csv"], "No such file or directory"),
        (&["impact", "--listing", "/nowhere.csv"], "No such file or directory"),
        (&["config", "check", "--config", "/nowhere.toml"], "No such file or directory"),
        (&["check", "1", "--connect", "http://127.0.0.1:1", "--token-file", "/nowhere"], "No such file or directory"),
        (&["check", "1", "--connect", "https://127.0.0.1:1", "--ca-file", "/nowhere"], "No such file or directory"),
    ] {
        let failed = site.run(arguments);
        assert_eq!((status_of(&failed), stdout(&failed).as_str()), (2, ""), "{arguments:?}");
        let said = stderr(&failed);
        assert_eq!(said.matches(words).count(), 1, "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn why_a_start_failed_is_said_once_in_the_form_of_the_log() {
    let site = Site::with_listing(&World::new(76, 20).to_csv());
    let daemon = site.start();
    let taken = daemon.tcp.clone().expect("a listener").replace("http://", "");
    let other = Site::new();
    let start = |more: &[&str]| {
        let mut serve = rmdd();
        serve.arg("serve").arg("--state-dir").arg(other.state_dir()).args(["--source", "/nowhere.csv"]).args(more);
        let ended = serve.output().expect("it runs");
        assert_eq!(status_of(&ended), 1, "{}", stderr(&ended));
        stderr(&ended)
    };
    let said = start(&["--grpc-listen", &taken]);
    assert_eq!(said.matches("cannot listen on").count(), 1, "{said}");
    assert!(said.contains("Address already in use") && said.contains("--grpc-listen"), "{said}");
    let config = other.configure("[log]\nformat = \"json\"\n");
    let said = start(&["--grpc-listen", &taken, "--config", &config]);
    assert!(lines(&said).iter().any(|line| line["level"] == "ERROR"), "all of it is JSON: {said}");
    let said = start(&["--grpc-listen", "nowhere"]);
    assert_eq!((said.matches("nowhere").count(), said.lines().count()), (1, 1), "{said}");
    assert!(said.contains("--grpc-listen cannot be used"), "{said}");
    let variable = rmdd().args(["config", "check"]).env("RMDD_FETCH__CONTACTT", "x").output().expect("it runs");
    assert_eq!(status_of(&variable), 2);
    assert!(stderr(&variable).contains("RMDD_FETCH__CONTACTT cannot be used"), "{}", stderr(&variable));
    let said = start(&["--grpc-listen", &taken, "--log-level", "off"]);
    assert_eq!(said.matches("cannot listen on").count(), 1, "even where nothing is logged: {said}");
}

#[test]
fn no_command_but_serve_makes_a_store() {
    let site = Site::new();
    for arguments in [
        &["compact"][..],
        &["verify"],
        &["snapshots"],
        &["export"],
        &["check", "20237343"],
        &["sync", "--source", "/nonexistent/listing.csv"],
        &["peers", "add", "TG-1", "20237343"],
        &["overrides", "add", "deny", "20237343", "--why", "x"],
    ] {
        let refused = site.run(arguments);
        assert_eq!((status_of(&refused), stdout(&refused).as_str()), (2, ""), "{arguments:?}");
        assert!(stderr(&refused).contains("there is no store at"), "{}", stderr(&refused));
        assert!(!exists(&site.state_dir()), "{arguments:?}");
    }
}
