//! Times as they are given, and as answers name them.

use jiff::Timestamp;

use super::{Past, lines, past};
use crate::common::canonical::sha256;
use crate::common::{json, status_of, stderr, stdout};

#[tokio::test]
async fn every_answer_about_a_moment_names_the_moment_by_store_and_by_daemon() {
    let Past { site, first, gone, .. } = past();
    let asks = || {
        let check = json(&site.run(&["check", &gone, "--at", &first, "--json"]));
        assert_eq!(
            (check["at"].as_str(), check["verdict"].as_str()),
            (Some(first.as_str()), Some("ACCEPT")),
            "{check}"
        );
        assert!(json(&site.run(&["check", &gone, "--json"]))["at"].is_null());
        let show = json(&site.run(&["show", &gone, "--at", &first, "--json"]));
        assert_eq!(show["at"].as_str(), Some(first.as_str()), "{show}");
        let minute = format!("as of {}", &first.replace('T', " ")[..16]);
        for command in [&["check", &gone][..], &["show", &gone], &["show", "9999999999"]] {
            let reported = stdout(&site.run(&[command, &["--at", &first]].concat()));
            assert!(
                reported.contains(&minute) && (reported.contains(" EST)") || reported.contains(" EDT)")),
                "{reported}"
            );
            assert!(!stdout(&site.run(command)).contains("as of"), "{command:?}");
        }
        let export = site.run(&["export", "--at", &first]);
        assert!(stderr(&export).contains(&minute), "{}", stderr(&export));
    };
    asks();
    let daemon = site.start();
    daemon.first_sync().await;
    asks();
}

#[tokio::test]
async fn a_list_is_asked_about_a_moment_too_and_says_so_in_every_row() {
    let Past { site, first, gone, .. } = past();
    let list = site.directory.path().join("upstreams.csv");
    std::fs::write(&list, format!("provider,note\n{gone},x\n9999999999,y\n")).expect("written");
    let path = list.display().to_string();
    let daemon = site.start();
    daemon.first_sync().await;
    let then = site.run(&["check", "--file", &path, "--at", &first, "--json"]);
    assert_eq!(status_of(&then), 1, "{}", stderr(&then));
    let answers = lines(&stdout(&then));
    let reported: Vec<_> = answers.iter().map(|one| (one["reason"].as_str(), one["at"].as_str())).collect();
    assert_eq!(reported, [(Some("LISTED"), Some(first.as_str())), (Some("NOT_LISTED"), Some(first.as_str()))]);
    assert!(stderr(&then).contains("2 upstreams as of "), "{}", stderr(&then));
    let csv = stdout(&site.run(&["check", "--file", &path, "--at", &first]));
    let mut rows = csv.lines();
    assert!(rows.next().expect("a header").ends_with(",message,at"), "{csv}");
    assert!(rows.all(|row| row.ends_with(&format!(",{first}"))), "{csv}");
    let now = site.run(&["check", "--file", &path]);
    assert!(stdout(&now).lines().next().expect("a header").ends_with(",message"), "no time where none was asked about");
    let never = site.run(&["check", "--file", &path, "--at", "2001-01-01"]);
    assert_eq!((status_of(&never), stdout(&never).as_str()), (2, ""));
    assert!(stderr(&never).contains("reaches back to"), "{}", stderr(&never));
}

#[test]
fn a_time_without_a_zone_is_refused_by_every_flag_with_both_that_it_may_be() {
    let Past { site, gone, .. } = past();
    for command in [
        &["check", &gone, "--at"][..],
        &["show", &gone, "--at"],
        &["export", "--at"],
        &["removals", "--since"],
        &["history", "--since"],
        &["history", "--until"],
        &["snapshots", "--since"],
        &["overrides", "add", "allow", "9999999999", "--why", "x", "--by", "me", "--expires"],
        &["notices", "add", "n", "9999999999", "--by", "me", "--issued-at"],
    ] {
        let refused = site.run(&[command, &["2026-11-26 02:42"]].concat());
        assert_eq!((status_of(&refused), stdout(&refused).as_str()), (2, ""), "{command:?}");
        let said = stderr(&refused);
        assert!(said.contains("no time zone") && said.contains("02:42 ET") && said.contains("02:42 UTC"), "{said}");
    }
}

#[test]
fn a_day_is_the_fccs_for_every_flag_and_a_span_counts_from_now_for_what_ends() {
    let Past { site, .. } = past();
    let now = crate::common::now();
    let eastern = jiff::tz::TimeZone::get("America/New_York").expect("a zone");
    let today = eastern.to_datetime(now).date().to_string();
    let count = |arguments: &[&str]| stdout(&site.run(&[arguments, &["--json"]].concat())).lines().count();
    assert_eq!(count(&["removals", "--since", &today]), 5);
    assert_eq!(count(&["snapshots", "--since", &today, "--until", &today]), 3);
    let tomorrow = eastern.to_datetime(now).date().tomorrow().expect("a day").to_string();
    assert_eq!(count(&["snapshots", "--since", &tomorrow]), 0, "though in UTC it may have begun");

    for (span, days) in [("30d", 30), ("36h", 1)] {
        let added = site.run(&[
            "overrides",
            "add",
            "allow",
            "9999999999",
            "--why",
            span,
            "--by",
            "me",
            "--replace",
            "--expires",
            span,
        ]);
        assert_eq!(status_of(&added), 0, "{}", stderr(&added));
        let listed = stdout(&site.run(&["overrides", "list", "--json"]));
        let ends = listed.split("\"expires_at\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an end");
        let ends: Timestamp = ends.parse().expect("a time");
        assert_eq!((ends.duration_since(now).as_secs() + 60) / 86_400, days, "{listed}");
    }
    let ago = site.run(&["notices", "add", "n", "9999999999", "--by", "me", "--issued-at", "2h"]);
    assert_eq!(status_of(&ago), 0, "{}", stderr(&ago));
}

#[tokio::test]
async fn snapshots_are_listed_newest_first_with_the_digests_of_what_was_published() {
    let Past { site, first, published, world, .. } = past();
    let by_store = lines(&stdout(&site.run(&["snapshots", "--json"])));
    let digests: Vec<_> = by_store.iter().map(|one| one["sha256"].as_str().expect("a digest").to_owned()).collect();
    let expected: Vec<String> = published.iter().rev().map(|bytes| sha256(bytes)).collect();
    assert_eq!(digests, expected);
    assert_eq!(by_store[0]["filings"].as_u64(), Some(world.rows().count() as u64));
    assert_eq!(
        (by_store[1]["changes"]["removed"].as_u64(), by_store[2]["changes"]["listed"].as_u64()),
        (Some(4), Some(80))
    );
    let export = site.run(&["export", "--at", by_store[1]["applied_at"].as_str().expect("a time")]);
    assert_eq!(by_store[1]["listing_sha256"].as_str(), Some(sha256(&export.stdout).as_str()));

    let table = stdout(&site.run(&["snapshots"]));
    for (snapshot, line) in
        by_store.iter().zip(table.lines().filter(|line| line.trim_start().starts_with(['1', '2', '3'])))
    {
        assert!(line.contains(&snapshot["sha256"].as_str().expect("a digest")[..12]), "{line}");
    }
    assert!(table.contains("LISTING_CORROBORATED") || by_store.iter().all(|one| one["notes"] == serde_json::json!([])));
    assert!(table.contains("3 snapshots"), "{table}");
    assert_eq!(lines(&stdout(&site.run(&["snapshots", "--json", "--until", &first]))).len(), 1);
    let none = site.run(&["snapshots", "--until", "2001-01-01"]);
    assert_eq!(status_of(&none), 0);
    assert!(stdout(&none).contains("No snapshots"), "{}", stdout(&none));

    let daemon = site.start();
    daemon.first_sync().await;
    let by_daemon = lines(&stdout(&site.run(&["snapshots", "--json"])));
    for (one, other) in by_daemon.iter().zip(&by_store) {
        for member in ["serial", "sha256", "listing_sha256", "fetched_at", "applied_at", "filings", "changes", "notes"]
        {
            assert_eq!(one[member], other[member], "{member}");
        }
    }
    assert_eq!(by_daemon.len(), by_store.len());
    let status = json(&site.run(&["status", "--json"]));
    assert_eq!(by_daemon[0]["confirmed_at"], status["snapshot"]["confirmed_at"], "the newest confirmation of all");
}

#[test]
fn what_is_asked_since_a_time_to_come_says_that_there_can_be_nothing() {
    let Past { site, gone, .. } = past();
    for command in [&["removals"][..], &["history"], &["history", &gone], &["snapshots"]] {
        for json in [&[][..], &["--json"]] {
            let ahead = site.run(&[command, &["--since", "2999-01-01"], json].concat());
            assert_eq!(status_of(&ahead), 0);
            assert!(stderr(&ahead).contains("--since 2999-01-01 05:00:00 UTC"), "{command:?}: {}", stderr(&ahead));
            assert!(stderr(&ahead).contains("still to come"), "{}", stderr(&ahead));
            let now = site.run(&[command, &["--since", "0d"], json].concat());
            assert!(!stderr(&now).contains("still to come"), "{}", stderr(&now));
        }
    }
}

#[test]
fn an_end_that_cannot_be_read_is_told_all_that_can_be_given() {
    let Past { site, .. } = past();
    for (expires, words) in [
        ("next month", &["its zone", "a day", "how long from now (30d, 36h)"][..]),
        ("08/06/2027", &["2027-08-06", "2027-06-08"]),
        ("2027-11-07 01:30 ET", &["2027-11-07T01:30:00-04:00", "2027-11-07T06:30:00Z"]),
        ("1mo", &["count in days"]),
    ] {
        let add = ["overrides", "add", "allow", "9999999999", "--why", "x", "--by", "me", "--expires", expires];
        let refused = site.run(&add);
        assert_eq!((status_of(&refused), stdout(&refused).as_str()), (2, ""), "{expires}");
        assert!(words.iter().all(|word| stderr(&refused).contains(word)), "{expires}: {}", stderr(&refused));
    }
}
