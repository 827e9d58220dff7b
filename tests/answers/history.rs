//! The past as it was known: checks, filings and whole listings at a moment, and changes by serial.

use std::collections::BTreeSet;

use crate::common::canonical::{export_of, sha256};
use crate::common::{Site, by_number, json, status_of, stderr, stdout};
use jiff::Timestamp;
use rmdd::api::grpc::v1::{ExportListingRequest, GetProviderRequest, Reason, Verdict, get_provider_request};
use rmdd_testkit::{CsvFormat, Step, World};
use tonic::Code;
use tonic_types::StatusExt;

/// One listing of a site's past: when it was known, and what was published.
struct Week {
    at: Timestamp,
    published: Vec<u8>,
    removed: Vec<String>,
    reinstated: Vec<String>,
}

/// A site whose store has seen four listings, each known at a moment of its own.
fn weeks() -> (Site, Vec<Week>) {
    let mut world = World::new(41, 120);
    let site = Site::new();
    let source = site.listing().display().to_string();
    let mut weeks = Vec::new();
    for step in 0..4 {
        let mut changes = rmdd_testkit::Changes::default();
        if step > 0 {
            changes = world.advance(Step { list: 5, amend: 30, remove: 6, reinstate: 2 });
        }
        let recertified = step == 2;
        let published = world.to_csv_with(&CsvFormat { recertified, ..CsvFormat::default() });
        site.publish(&published);
        site.make_store();
        let sync = site.run(&["sync", "--source", &source, "--json"]);
        assert_eq!(json(&sync)["outcome"], "applied", "{}", stderr(&sync));
        weeks.push(Week {
            at: crate::common::now(),
            published,
            removed: changes.removed,
            reinstated: changes.reinstated,
        });
    }
    (site, weeks)
}

fn at(week: &Week) -> String {
    week.at.to_string()
}

fn wire(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

#[tokio::test]
async fn every_listing_is_exported_as_it_was_published_by_store_and_daemon_and_after_a_kill() {
    let (site, weeks) = weeks();
    let mut digests = Vec::new();
    let mut round = |what: &str| {
        for (place, week) in weeks.iter().enumerate() {
            let export = site.run(&["export", "--at", &at(week)]);
            assert_eq!(status_of(&export), 0, "{what}: {}", stderr(&export));
            assert!(export.stdout == export_of(&week.published), "{what}: week {place}");
            let check = json(&site.run(&["check", "9999999999", "--at", &at(week), "--json"]));
            assert_eq!(check["snapshot"]["serial"], place as u64 + 1, "{what}");
            let recorded = check["snapshot"]["listing_sha256"].as_str().expect("a digest").to_owned();
            assert_eq!(recorded, sha256(&export.stdout), "{what}");
            digests.push(recorded);
        }
        let now = site.run(&["export"]);
        assert!(now.stdout == export_of(&weeks[3].published), "{what}");
        let status = json(&site.run(&["status", "--json"]));
        assert_eq!(status["snapshot"]["listing_sha256"], sha256(&now.stdout).as_str(), "{what}");
    };
    round("by the store");
    let daemon = site.start();
    daemon.first_sync().await;
    round("by the daemon");
    daemon.kill();
    let daemon = site.start();
    daemon.first_sync().await;
    round("killed and started again");
    drop(daemon);
    assert!(digests.chunks(4).all(|round| round == &digests[..4]));
}

#[test]
fn an_export_can_be_written_to_a_file_or_as_json_lines() {
    let (site, weeks) = weeks();
    let file = site.directory.path().join("export.csv");
    let path = file.display().to_string();
    let written = site.run(&["export", "--at", &at(&weeks[1]), "--output", &path]);
    assert_eq!((status_of(&written), stdout(&written).as_str()), (0, ""), "{}", stderr(&written));
    assert!(std::fs::read(&file).expect("read") == export_of(&weeks[1].published));
    let lines = site.run(&["export", "--at", &at(&weeks[1]), "--format", "jsonl"]);
    let mut reader = csv::Reader::from_reader(weeks[1].published.as_slice());
    let header = reader.headers().expect("a header").clone();
    let written_header = stdout(&site.run(&["export", "--at", &at(&weeks[1])])).lines().next().map(str::to_owned);
    let columns: BTreeSet<String> = written_header.expect("a header").split(',').map(str::to_owned).collect();
    for (line, row) in stdout(&lines).lines().zip(reader.records()) {
        let cells: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let members: BTreeSet<String> = cells.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(members, columns, "null where a cell is empty, and no member is missing");
        assert!(cells.as_object().expect("an object").values().all(|cell| *cell != ""), "{line}");
        for (name, cell) in header.iter().zip(&row.expect("a row")) {
            assert_eq!(cells[name].as_str().unwrap_or_default(), cell, "{name}");
        }
    }
    assert_eq!(status_of(&site.run(&["export", "--output", "/nowhere/at/all.csv"])), 2);
}

#[tokio::test]
async fn a_check_at_a_moment_says_what_was_so_then() {
    let (site, weeks) = weeks();
    let gone = &weeks[2].removed[0];
    let back = &weeks[3].reinstated[0];
    let went = weeks.iter().position(|week| week.removed.contains(back)).expect("it went once");
    let asks = |site: &Site| {
        let check = |number: &str, week: usize| {
            let answer = json(&site.run(&["check", number, "--at", &at(&weeks[week]), "--json"]));
            (
                answer["verdict"].as_str().expect("a verdict").to_owned(),
                answer["reason"].as_str().expect("why").to_owned(),
            )
        };
        let reported = |verdict: &str, reason: &str| (verdict.to_owned(), reason.to_owned());
        assert_eq!(check(gone, 1), reported("ACCEPT", "LISTED"));
        assert_eq!(check(gone, 2), reported("REFUSE", "REMOVED"));
        assert_eq!(check(back, went), reported("REFUSE", "REMOVED"));
        assert_eq!(check(back, 3), reported("ACCEPT", "LISTED"));
        let removed = json(&site.run(&["check", back, "--at", &at(&weeks[went]), "--json"]));
        assert!(removed["removal"]["first_missing_at"].is_string(), "it had not come back then");
        let shown = json(&site.run(&["show", back, "--at", &at(&weeks[went]), "--json"]));
        assert_eq!(shown["filings"], serde_json::json!([]));
        assert!(shown["removals"][0]["reinstated_at"].is_null(), "{shown}");
        let changes = shown["changes"].as_array().expect("changes");
        assert_eq!(changes.last().expect("one")["kind"], "REMOVED", "what came later was not known: {shown}");
        for (time, says) in [("2020-01-01", "reaches back to"), ("2999-01-01T00:00:00Z", "still to come")] {
            for command in [&["check", gone][..], &["show", gone], &["export"]] {
                let refused = site.run(&[command, &["--at", time]].concat());
                assert_eq!((status_of(&refused), stdout(&refused).as_str()), (2, ""), "{command:?} {time}");
                assert!(stderr(&refused).contains(says), "{}", stderr(&refused));
            }
        }
        assert_eq!(status_of(&site.run(&["check", gone, "--at", "2020-01-01", "--emergency"])), 2);
    };
    asks(&site);
    let daemon = site.start();
    daemon.first_sync().await;
    asks(&site);
}

#[tokio::test]
async fn the_wire_names_the_reason_and_the_age_is_that_of_then() {
    let (site, weeks) = weeks();
    let daemon = site.start();
    daemon.first_sync().await;
    let mut acceptance = daemon.acceptance().await;
    let gone = &weeks[2].removed[0];
    let mut request = by_number(gone);
    for (time, code, reason) in [
        ("2020-01-01T00:00:00Z", Code::OutOfRange, "HISTORY_NOT_REACHING"),
        ("2999-01-01T00:00:00Z", Code::InvalidArgument, "INVALID_TIME"),
    ] {
        request.at = Some(wire(time.parse().expect("a time")));
        request.emergency = true;
        let error = acceptance.check_provider(request.clone()).await.expect_err("no verdict");
        assert_eq!(error.code(), code);
        assert_eq!(error.get_error_details().error_info().expect("a reason").reason, reason);
    }
    request.emergency = false;
    request.at = Some(wire(weeks[1].at));
    let then = acceptance.check_provider(request.clone()).await.expect("a verdict").into_inner();
    let snapshot = then.snapshot.expect("a snapshot");
    assert!(snapshot.age.expect("an age").seconds < 60, "it was new then");
    let (confirmed, moment) = (snapshot.confirmed_at.expect("a time"), wire(weeks[1].at));
    assert!((confirmed.seconds, confirmed.nanos) <= (moment.seconds, moment.nanos));
    let mut listing = daemon.listing().await;
    let provider = GetProviderRequest {
        identity: Some(get_provider_request::Identity::RmdNumber(gone.clone())),
        at: Some(wire(weeks[1].at)),
        ..GetProviderRequest::default()
    };
    let provider = listing.get_provider(provider).await.expect("known").into_inner();
    assert_eq!((provider.filings.len(), provider.removals.len()), (1, 0));
}

#[tokio::test]
async fn a_thousand_questions_about_the_past_at_once_leave_the_present_answered() {
    let (site, weeks) = weeks();
    let daemon = site.start();
    daemon.first_sync().await;
    let mut asked = tokio::task::JoinSet::new();
    let channel = daemon.tcp().await;
    for place in 0..1000 {
        let week = &weeks[place % 4];
        let mut client = rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient::new(channel.clone());
        let (mut request, serial) = (by_number(&weeks[2].removed[0]), place as u64 % 4 + 1);
        request.at = Some(wire(week.at));
        asked.spawn(async move {
            match client.check_provider(request).await {
                Ok(answer) => {
                    assert_eq!(answer.into_inner().snapshot.expect("a snapshot").serial, serial);
                    true
                }
                Err(error) => {
                    let reason = error.get_error_details().error_info().expect("a reason").reason.clone();
                    assert_eq!(reason, "HISTORY_BUSY", "{error}");
                    false
                }
            }
        });
    }
    let mut now = daemon.acceptance().await;
    for _ in 0..50 {
        let answer = crate::common::ask(&mut now, by_number(&weeks[2].removed[0])).await;
        assert_eq!((answer.verdict(), answer.reason()), (Verdict::Refuse, Reason::Removed));
    }
    let answered = asked.join_all().await.into_iter().filter(|answered| *answered).count();
    assert!(answered >= 250, "{answered} of a thousand were answered");
    let export = ExportListingRequest { at: Some(wire(weeks[0].at)), ..ExportListingRequest::default() };
    let mut pieces = daemon.listing().await.export_listing(export).await.expect("an export").into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await.expect("a piece") {
        bytes.extend_from_slice(&piece.chunk);
    }
    assert!(bytes == export_of(&weeks[0].published));
}

#[test]
fn records_count_as_they_stood_and_policy_is_said_to_be_todays() {
    let (site, weeks) = weeks();
    let stands = World::new(41, 120).rows().next().expect("a filing").get("number").to_owned();
    let before = crate::common::now().to_string();
    let denied = site.run(&["overrides", "add", "deny", &stands, "--by", "alice", "--why", "a test"]);
    assert_eq!(status_of(&denied), 0, "{}", stderr(&denied));
    let between = crate::common::now().to_string();
    let lifted = site.run(&["overrides", "remove", &stands, "--by", "alice", "--why", "over"]);
    assert_eq!(status_of(&lifted), 0, "{}", stderr(&lifted));
    let reason = |at: &str| {
        let answer = json(&site.run(&["check", &stands, "--at", at, "--json"]));
        answer["reason"].as_str().expect("a reason").to_owned()
    };
    assert_eq!(reason(&before), "LISTED");
    assert_eq!(reason(&between), "OVERRIDE");
    assert_eq!(reason(&crate::common::now().to_string()), "LISTED");

    let mut reader = csv::Reader::from_reader(weeks[3].published.as_slice());
    let header = reader.headers().expect("a header").clone();
    let place = |name: &str| header.iter().position(|column| column == name).expect(name);
    let gateway = place("gateway_provider_choice");
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let no = rows.iter().find(|row| {
        &row[gateway] == "No" && rows.iter().filter(|other| other[1] == row[1]).count() == 1 && !row[1].is_empty()
    });
    let no = &no.expect("a filing that answers No")[0];
    let answer = json(&site.run(&["check", no, "--role", "gateway", "--at", &at(&weeks[3]), "--json"]));
    assert_eq!(answer["by_policy"], true, "{answer}");
    let codes: Vec<_> = answer["advisories"].as_array().expect("a list").iter().map(|one| &one["code"]).collect();
    assert!(codes.iter().any(|code| *code == "POLICY_OF_TODAY"), "{answer}");
    let now = json(&site.run(&["check", no, "--role", "gateway", "--json"]));
    assert!(!now["advisories"].to_string().contains("POLICY_OF_TODAY"));
}

#[test]
fn history_tells_changes_by_serial_and_since_when_a_filing_is_known() {
    let (site, weeks) = weeks();
    let lines = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let output = site.run(&[&["history", "--json"], arguments].concat());
        assert_eq!(status_of(&output), 0, "{}", stderr(&output));
        stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let all = lines(&[]);
    let serials: Vec<u64> = all.iter().map(|change| change["serial"].as_u64().expect("a serial")).collect();
    assert_eq!(serials, (1..=serials.len() as u64).collect::<Vec<_>>(), "no gap and no repeat");
    assert_eq!(lines(&["--from", "130", "--limit", "4"]), all[129..133]);
    let later = lines(&["--since", &at(&weeks[0]), "--until", &at(&weeks[1])]);
    assert!(!later.is_empty() && later.iter().all(|change| change["snapshot_serial"] == 2), "{later:?}");

    let gone = &weeks[2].removed[0];
    let one = json(&site.run(&["history", gone, "--json"]));
    assert_eq!(one["first_known"][0]["number"], gone.as_str());
    assert_eq!(one["first_known"][0]["already_listed"], true);
    let kinds: Vec<_> = one["changes"].as_array().expect("changes").iter().map(|change| &change["kind"]).collect();
    assert_eq!((kinds.first().expect("one"), kinds.last().expect("one")), (&&"LISTED".into(), &&"REMOVED".into()));
    let new =
        all.iter().find(|change| change["kind"] == "LISTED" && change["snapshot_serial"] == 3).expect("a new one");
    let number = new["number"].as_str().expect("a number");
    let one = json(&site.run(&["history", number, "--json"]));
    assert_eq!(one["first_known"][0]["already_listed"], false);
    assert_eq!(one["first_known"][0]["at"], new["observed_at"]);
    let reported = stdout(&site.run(&["history", number]));
    assert!(
        reported.contains(&format!("{number}  first known")) && reported.contains("the history begins"),
        "{reported}"
    );
}
