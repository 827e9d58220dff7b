//! The commands as a person and a script meet them: exit statuses, JSON, and what is said.

use std::process::Command;

use crate::common::{Site, json, rmdd, status_of, stderr, stdout};
use rmdd_testkit::{Step, World};

fn first_frn(world: &World) -> String {
    world.rows().map(|row| row.get("frn")).find(|frn| !frn.is_empty()).expect("an FRN").to_owned()
}

/// A site with a store that two syncs made, and the world as it stands; no daemon runs.
fn synced() -> (Site, World, Vec<String>) {
    let mut world = World::new(31, 150);
    let site = Site::with_listing(&world.to_csv());
    let source = site.listing().display().to_string();
    site.make_store();
    assert_eq!(status_of(&site.run(&["sync", "--source", &source])), 0);
    let gone = world.advance(Step { remove: 12, amend: 3, list: 2, ..Step::default() }).removed;
    site.publish(&world.to_csv());
    let applied = site.run(&["sync", "--source", &source, "--json"]);
    assert_eq!(status_of(&applied), 0, "{}", stderr(&applied));
    assert_eq!(json(&applied)["removed"], 12);
    (site, world, gone)
}

#[tokio::test]
async fn check_says_the_same_by_daemon_and_by_store_and_exits_0_1_or_2() {
    let (site, world, gone) = synced();
    let stands = first_frn(&world);
    let check = |who: &str| site.run(&["check", who, "--json"]);
    let over_store: Vec<_> = [stands.as_str(), &gone[0], "9999999999"].iter().map(|who| check(who)).collect();
    assert_eq!(over_store.iter().map(status_of).collect::<Vec<_>>(), [0, 1, 1]);
    assert!(stderr(&over_store[0]).contains("No daemon runs"));
    assert_eq!(status_of(&check("12AB")), 2);
    assert_eq!(status_of(&check("acme")), 2);

    let daemon = site.start();
    daemon.first_sync().await;
    for (who, earlier) in [stands.as_str(), &gone[0], "9999999999"].iter().zip(&over_store) {
        let now = check(who);
        assert_eq!(status_of(&now), status_of(earlier));
        assert!(stderr(&now).is_empty());
        let (mut now, mut earlier) = (json(&now), json(earlier));
        for answer in [&mut now, &mut earlier] {
            answer["snapshot"]["age_seconds"] = 0.into();
            answer["snapshot"]["confirmed_at"] = "".into();
        }
        assert_eq!(now, earlier);
    }
    drop(daemon);
}

#[test]
fn check_says_which_calling_number_it_cannot_read_and_answers_all_the_same() {
    let (site, ..) = synced();
    let check = |number| site.run(&["check", "9999999999", "--foreign", "yes", "--caller-id", number]);
    for (number, status, read) in [
        ("abc", 1, false),
        ("5550100", 1, false),
        ("+13105503", 1, false),
        ("anonymous", 1, true),
        ("", 1, true),
        ("+12125550100", 1, true),
        ("sip:+442079460018@gw", 0, true),
        ("+44 (0)20 7946 0018", 0, true),
    ] {
        let answered = check(number);
        assert_eq!(status_of(&answered), status, "{number}");
        let warning = format!("WARNING: {number:?} cannot be read as a calling number");
        assert_eq!(!stderr(&answered).contains("WARNING"), read, "{}", stderr(&answered));
        assert_eq!(!stderr(&answered).contains(&warning), read, "{}", stderr(&answered));
        assert_eq!(!stdout(&answered).contains("CALLER_ID_UNREADABLE"), read, "{}", stdout(&answered));
    }
}

#[test]
fn check_json_has_the_documented_members() {
    let (site, world, gone) = synced();
    let listed = json(&site.run(&["check", &first_frn(&world), "--json"]));
    for member in ["verdict", "reason", "message", "rule", "advisories", "matched_by", "filing", "removal", "snapshot"]
    {
        assert!(listed.get(member).is_some(), "{member}: {listed}");
    }
    for member in ["number", "frn", "business_name", "implementation", "roles", "last_updated", "last_recertified"] {
        assert!(listed["filing"].get(member).is_some(), "{member}: {listed}");
    }
    assert_eq!((listed["verdict"].as_str(), listed["reason"].as_str()), (Some("ACCEPT"), Some("LISTED")));
    assert!(listed["removal"].is_null());
    assert_eq!(listed["snapshot"]["sha256"].as_str().map(str::len), Some(64));
    let removed = json(&site.run(&["check", &gone[0], "--json"]));
    assert!(removed["removal"]["first_missing_at"].is_string() && removed["removal"]["last_seen_at"].is_string());
    let unknown = json(&site.run(&["check", "9999999999", "--json"]));
    assert!(unknown["filing"].is_null() && unknown["matched_by"].is_null());
}

#[test]
fn check_file_gives_a_whole_list_its_verdicts_and_a_bad_row_keeps_no_other_from_being_asked() {
    let (site, world, gone) = synced();
    let list = site.directory.path().join("upstreams.csv");
    let path = list.display().to_string();
    let good = first_frn(&world);
    std::fs::write(&list, format!("Trunk Group,FCC FRN,Role\ntg-1,{good},\n")).expect("written");
    let accepted = site.run(&["check", "--file", &path]);
    assert_eq!(status_of(&accepted), 0, "{}", stderr(&accepted));
    assert!(stdout(&accepted).starts_with("Trunk Group,FCC FRN,Role,verdict,reason,"), "{}", stdout(&accepted));
    assert!(stderr(&accepted).contains("all accepted"));

    let text = format!("provider,note\n{good},kept\n{},\"gone, it seems\"\n9999999999,\n", gone[0]);
    std::fs::write(&list, text).expect("written");
    let some = site.run(&["check", "--file", &path, "--json"]);
    assert_eq!(status_of(&some), 1);
    let answers: Vec<serde_json::Value> =
        stdout(&some).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let reasons: Vec<_> = answers.iter().map(|answer| answer["reason"].as_str().expect("a reason")).collect();
    assert_eq!(reasons, ["LISTED", "REMOVED", "NOT_LISTED"]);
    assert_eq!(
        (answers[1]["row"].as_u64(), answers[1]["upstream"]["note"].as_str()),
        (Some(3), Some("gone, it seems"))
    );
    assert!(stderr(&some).contains("2 refused"), "{}", stderr(&some));

    std::fs::write(&list, format!("frn\n{good}\n12AB\n")).expect("written");
    let bad = site.run(&["check", "--file", &path]);
    assert_eq!(status_of(&bad), 2);
    let rows = stdout(&bad);
    assert!(
        rows.contains(&format!("{good},ACCEPT,LISTED,")) && rows.contains("12AB,,BAD_ROW,,,,\"row 3, field frn"),
        "{rows}"
    );
    assert!(stderr(&bad).contains("row 3, field frn"), "{}", stderr(&bad));
    assert!(stderr(&bad).contains("1 not asked"), "{}", stderr(&bad));
    assert_eq!(status_of(&site.run(&["check", "--file", "/nowhere.csv"])), 2);
    assert_eq!(status_of(&site.run(&["check"])), 2);
}

/// The members of an object on one line, in the order in which they are written.
fn members(line: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let object = value.as_object().expect("an object");
    let place = |key: &String| line.find(&format!("\"{key}\":")).expect("it is there");
    let mut keys: Vec<String> = object.keys().cloned().collect();
    keys.sort_by_key(place);
    keys
}

#[test]
fn a_row_of_a_list_has_the_members_of_one_answer_in_their_order_whether_it_has_an_answer_or_none() {
    let (site, world, _) = synced();
    let good = first_frn(&world);
    let one = members(stdout(&site.run(&["check", &good, "--json"])).trim_end());
    let list = site.directory.path().join("upstreams.csv");
    let mut lines: Vec<String> = Vec::new();
    for text in [format!("zone,frn\na,{good}\nb,12AB\n"), "zone,peer\nc,TG-Nobody\n".to_owned()] {
        std::fs::write(&list, text).expect("written");
        let rows = site.run(&["check", "--file", &list.display().to_string(), "--json"]);
        lines.extend(stdout(&rows).lines().map(str::to_owned));
    }
    let expected: Vec<String> = one.into_iter().chain(["row", "asked_roles", "upstream"].map(str::to_owned)).collect();
    for line in &lines {
        assert_eq!(members(line), expected);
        assert!(line.contains("\"upstream\":{\"zone\":"), "as the columns stand in the list: {line}");
    }
    let objects: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let reasons: Vec<_> = objects.iter().map(|object| object["reason"].as_str().expect("a reason")).collect();
    assert_eq!(reasons, ["LISTED", "BAD_ROW", "PEER_UNKNOWN"]);
    for none in &objects[1..] {
        assert!(none["verdict"].is_null() && none["rule"].is_null() && none["snapshot"].is_null(), "{none}");
        assert_eq!((&none["advisories"], &none["at"]), (&serde_json::json!([]), &serde_json::Value::Null));
    }
}

#[tokio::test]
async fn check_file_asks_in_pieces_as_small_as_the_daemon_takes_and_says_so_if_one_question_is_too_long() {
    let (site, world, gone) = synced();
    let list = site.directory.path().join("upstreams.csv");
    let path = list.display().to_string();
    let frns: Vec<_> = world.rows().map(|row| row.get("frn").to_owned()).filter(|frn| !frn.is_empty()).collect();
    let asked: Vec<_> = frns.iter().take(40).chain([&gone[0]]).cloned().collect();
    std::fs::write(&list, format!("provider\n{}\n", asked.join("\n"))).expect("written");
    let (whole, answered) = {
        let over_store = site.run(&["check", "--file", &path]);
        (stdout(&over_store), status_of(&over_store))
    };
    assert_eq!((whole.lines().count(), answered), (asked.len() + 1, 1));

    // A question with an FRN takes 16 bytes.
    for (limits, pieces) in [("message_bytes = 100", "six"), ("message_bytes = 16", "one"), ("batch = 3", "three")] {
        let daemon = site.start_configured(&format!("[limits]\n{limits}\n"));
        daemon.first_sync().await;
        let in_pieces = site.run(&["check", "--file", &path]);
        assert_eq!((stdout(&in_pieces), status_of(&in_pieces)), (whole.clone(), 1), "at most {pieces} at a time");
        assert!(stderr(&in_pieces).contains("1 refused"), "{}", stderr(&in_pieces));
    }

    let daemon = site.start_configured("[limits]\nmessage_bytes = 15\n");
    daemon.first_sync().await;
    let refused = site.run(&["check", "--file", &path]);
    assert_eq!((stdout(&refused).as_str(), status_of(&refused)), ("", 2));
    let said = stderr(&refused);
    assert!(said.contains("upstreams.csv, row 2: one question alone"), "{said}");
    assert!(said.contains("15 are taken at most") && said.contains("raise limits.message_bytes"), "{said}");
}

#[test]
fn search_finds_by_name_and_a_check_by_name_proposes_without_a_verdict() {
    let (site, world, _) = synced();
    let row = world.rows().find(|row| row.get("business_name") == "Lone Elm Voice LLC").expect("the namesake");
    let found = site.run(&["search", "lone", "elm", "voise", "--json"]);
    assert_eq!(status_of(&found), 0, "{}", stderr(&found));
    let matches: Vec<serde_json::Value> =
        stdout(&found).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let numbers: Vec<_> = matches.iter().filter_map(|found| found["filing"]["number"].as_str()).collect();
    assert!(numbers.contains(&row.get("number")), "{matches:?}");
    assert!(stdout(&site.run(&["search", "Lone Elm Voice"])).contains("Lone Elm Voice Inc."));
    assert_eq!(status_of(&site.run(&["search", "Zebra Crossing Unheard Of"])), 1);
    let by_name = site.run(&["check", "Lone Elm Voice"]);
    assert_eq!((status_of(&by_name), stdout(&by_name).as_str()), (2, ""));
    assert!(stderr(&by_name).contains("A name decides nothing") && stderr(&by_name).contains(row.get("number")));
}

#[test]
fn check_reads_an_frn_in_any_usual_writing() {
    let (site, world, _) = synced();
    let frn = first_frn(&world);
    let short = frn.trim_start_matches('0');
    let dashed = format!("{}-{}-{}", &frn[..4], &frn[4..8], &frn[8..]);
    for writing in [&frn, short, &dashed] {
        assert_eq!(status_of(&site.run(&["check", writing])), 0, "{writing}");
    }
}

#[test]
fn an_emergency_call_is_accepted_from_a_removed_provider() {
    let (site, _, gone) = synced();
    let answer = site.run(&["check", &gone[0], "--emergency", "--json"]);
    assert_eq!(status_of(&answer), 0);
    assert_eq!(json(&answer)["reason"], "EMERGENCY_CALL");
}

#[test]
fn show_tells_a_filing_with_its_history_and_exits_1_if_nothing_is_known() {
    let (site, world, gone) = synced();
    let stands = site.run(&["show", &first_frn(&world)]);
    assert_eq!(status_of(&stands), 0);
    for words in ["LISTED", "STIR/SHAKEN", "History", "listed"] {
        assert!(stdout(&stands).contains(words) || words == "STIR/SHAKEN", "{words}: {}", stdout(&stands));
    }
    let removed = site.run(&["show", &gone[0], "--json"]);
    assert_eq!(status_of(&removed), 0);
    let removed = json(&removed);
    assert_eq!(removed["filings"].as_array().map(Vec::len), Some(0));
    assert_eq!(removed["removals"][0]["filing"]["number"].as_str(), Some(gone[0].as_str()));
    let kinds: Vec<_> = removed["changes"].as_array().expect("changes").iter().map(|c| c["kind"].clone()).collect();
    assert_eq!(kinds, ["LISTED", "REMOVED"]);
    assert_eq!(status_of(&site.run(&["show", "9999999999"])), 1);
    assert_eq!(status_of(&site.run(&["show", "rubbish!"])), 1, "a name that nobody bound");
}

#[test]
fn removals_are_one_json_object_a_line_and_since_narrows_them() {
    let (site, _, gone) = synced();
    let all = site.run(&["removals", "--json"]);
    assert_eq!(status_of(&all), 0);
    let mut numbers: Vec<String> = stdout(&all)
        .lines()
        .map(|line| {
            let removal: serde_json::Value = serde_json::from_str(line).expect("JSON");
            removal["filing"]["number"].as_str().expect("a number").to_owned()
        })
        .collect();
    numbers.sort();
    assert_eq!(numbers, gone);
    assert_eq!(stdout(&site.run(&["removals", "--json", "--since", "1d"])).lines().count(), gone.len());
    assert_eq!(stdout(&site.run(&["removals", "--json", "--since", "2999-01-01"])).lines().count(), 0);
    assert_eq!(status_of(&site.run(&["removals", "--since", "someday"])), 2);
}

#[tokio::test]
async fn status_exits_as_monitoring_plugins_do() {
    let site = Site::new();
    let unknown = site.run(&["status"]);
    assert_eq!(status_of(&unknown), 3, "no store and no daemon: {}", stderr(&unknown));

    let daemon = site.start();
    daemon.first_sync().await;
    let critical = site.run(&["status", "--json"]);
    assert_eq!((status_of(&critical), json(&critical)["state"].as_str()), (2, Some("critical")));

    site.publish(&World::new(32, 60).to_csv());
    assert_eq!(status_of(&site.run(&["sync"])), 0);
    let fresh = site.run(&["status", "--json"]);
    assert_eq!(status_of(&fresh), 0);
    let fresh = json(&fresh);
    for member in ["state", "alarms", "snapshot", "removed_filings", "last_sync", "next_sync_at", "source", "version"] {
        assert!(fresh.get(member).is_some(), "{member}: {fresh}");
    }
    assert_eq!(fresh["removals_total"], 0);
    assert_eq!(fresh["snapshot"]["filings"], 60);
    for member in ["at", "trigger", "outcome", "error"] {
        assert!(fresh["last_sync"].get(member).is_some(), "{member}: {fresh}");
    }

    site.publish(b"<html>");
    let refused = site.run(&["sync"]);
    assert_eq!(status_of(&refused), 1);
    assert!(stdout(&refused).contains("REFUSED") && stdout(&refused).contains("HTML"));
    let warning = site.run(&["status"]);
    assert_eq!(status_of(&warning), 1);
    assert!(stdout(&warning).starts_with("WARNING"), "{}", stdout(&warning));

    std::fs::remove_file(site.listing()).expect("removed");
    assert_eq!(status_of(&site.run(&["sync"])), 2);
    drop(daemon);
    assert_eq!(status_of(&site.run(&["status"])), 1, "the store remembers the failure");
}

#[test]
fn a_command_finds_the_daemon_by_its_state_directory_and_not_another_one() {
    let world = World::new(33, 60);
    let (here, there) = (Site::with_listing(&world.to_csv()), Site::with_listing(&world.to_csv()));
    let daemon = there.start();
    // The other daemon's socket is where this user's default one would be.
    let home = there.directory.path().display().to_string();
    let asked = rmdd()
        .args(["status", "--json", "--state-dir"])
        .arg(here.state_dir())
        .env("XDG_STATE_HOME", &home)
        .output()
        .expect("it runs");
    assert_eq!(status_of(&asked), 3, "this one has no store and no daemon: {}", stdout(&asked));
    let url = format!("unix:{}", daemon.socket.display());
    let named = rmdd().args(["status", "--json", "--connect", &url]).output().expect("it runs");
    assert_eq!(json(&named)["state_dir"].as_str(), Some(there.state_dir().display().to_string().as_str()));
}

#[tokio::test]
async fn connect_goes_where_it_is_told() {
    let world = World::new(34, 60);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let url = daemon.tcp.clone().expect("a TCP listener");
    let over_tcp = rmdd().args(["check", &first_frn(&world), "--connect", &url]).output().expect("it runs");
    assert_eq!(status_of(&over_tcp), 0, "{}", stderr(&over_tcp));
    let admin = rmdd().args(["status", "--connect", &url]).output().expect("it runs");
    assert_eq!(status_of(&admin), 3);
    assert!(stderr(&admin).contains("Unix socket"), "{}", stderr(&admin));
    for (nowhere, words) in [
        ("http://127.0.0.1:1", "no daemon answers"),
        ("ftp://x", "no daemon's address"),
        ("unix:/nowhere", "no daemon"),
    ] {
        let refused = rmdd().args(["check", "20237343", "--connect", nowhere]).output().expect("it runs");
        assert_eq!(status_of(&refused), 2);
        assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
    }
}

#[tokio::test]
async fn a_source_for_sync_is_refused_where_a_daemon_runs_with_its_own() {
    let site = Site::with_listing(&World::new(35, 60).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let refused = site.run(&["sync", "--source", "/elsewhere.csv"]);
    assert_eq!(status_of(&refused), 2);
    assert!(stderr(&refused).contains("asks its own source"), "{}", stderr(&refused));
}

#[test]
fn a_store_that_cannot_be_used_is_refused_and_left_as_it_is() {
    let site = Site::with_listing(&World::new(36, 60).to_csv());
    let source = site.listing().display().to_string();
    let sync = |state: &std::path::Path| {
        rmdd().args(["sync", "--source", &source, "--state-dir"]).arg(state).output().expect("it runs")
    };

    let foreign = site.directory.path().join("foreign");
    std::fs::create_dir(&foreign).expect("made");
    for rubbish in [&b"this is no database, whatever its name says"[..], b""] {
        std::fs::write(foreign.join("rmdd.redb"), rubbish).expect("written");
        let refused = sync(&foreign);
        assert_eq!(status_of(&refused), 2);
        assert!(stderr(&refused).contains("left as it is"), "{}", stderr(&refused));
        assert_eq!(std::fs::read(foreign.join("rmdd.redb")).expect("still there"), rubbish);
    }

    let blocked = site.directory.path().join("file").join("below");
    std::fs::write(site.directory.path().join("file"), "").expect("written");
    let refused = sync(&blocked);
    assert_eq!(status_of(&refused), 2);
    assert!(stderr(&refused).contains("cannot be opened"), "{}", stderr(&refused));
}

#[test]
fn config_check_prints_the_effective_configuration_and_exits_2_on_a_bad_one() {
    let site = Site::new();
    let check = |text: &str| {
        let config = site.configure(text);
        rmdd().args(["config", "check", "--config", &config]).output().expect("it runs")
    };
    let good = check("[vet]\nmax_loss_percent = 12.5\n");
    assert_eq!(status_of(&good), 0);
    assert!(
        stdout(&good).lines().any(|line| line.starts_with("vet.max_loss_percent = 12.5") && line.ends_with("# file"))
    );
    assert!(toml::from_str::<toml::Table>(&stdout(&good)).is_ok(), "it can be used as a configuration");
    let policy = stdout(&check("[policy]\nrole_blank = \"refuse\"\nnotice_unanswered = \"refuse\"\n"));
    let says = |words: &str, verdict: &str| {
        policy.lines().any(|line| line.contains(words) && line.starts_with(&format!("#   {verdict} ")))
    };
    assert!(says("filing leaves the role blank", "REFUSE"), "{policy}");
    assert!(says("48 h or 14 days passed", "REFUSE once notified"), "{policy}");
    assert!(says("Final Determination Order on record, day 0 to 29", "read on, with advisory"), "{policy}");
    assert!(says("removal order on record", "REFUSE") && says("operator's override", "as it says"), "{policy}");
    let config = site.configure("[policy]\nrole_blank = \"refuse\"\n");
    let as_json = json(&rmdd().args(["config", "check", "--json", "--config", &config]).output().expect("it runs"));
    let row = as_json["matrix"].as_array().expect("rows").iter().find(|row| row["setting"] == "policy.role_blank");
    assert_eq!(row.map(|row| row["verdict"].clone()), Some("REFUSE".into()));
    let bad = check("[vet]\nmax_los_percent = 12.5\n");
    assert_eq!(status_of(&bad), 2);
    assert!(stderr(&bad).contains("max_los_percent") && stderr(&bad).contains("line 2"), "{}", stderr(&bad));
    let secret = check("source = \"https://u:hunter2@rmd.example/x\"\n");
    assert!(!stdout(&secret).contains("hunter2") && stdout(&secret).contains("***"));
}

#[test]
fn completions_and_man_pages_are_generated_for_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = rmdd().args(["completions", shell]).output().expect("it runs");
        assert_eq!(status_of(&script), 0);
        assert!(stdout(&script).contains("removals"), "{shell}");
    }
    let page = rmdd().arg("man").output().expect("it runs");
    assert!(stdout(&page).contains(".TH rmdd 1") && stdout(&page).contains("EXIT STATUS"), "{}", stdout(&page));
    for command in ["serve", "sync", "check", "show", "removals", "status"] {
        let page = rmdd().args(["man", command]).output().expect("it runs");
        assert_eq!(status_of(&page), 0, "{command}");
        assert!(stdout(&page).contains(".TH"), "{command}");
    }
    let below = rmdd().args(["man", "peers", "add"]).output().expect("it runs");
    assert!(stdout(&below).contains("account"), "{}", stdout(&below));
    assert_eq!(status_of(&rmdd().args(["man", "peers", "nothing"]).output().expect("it runs")), 2);
    assert_eq!(status_of(&rmdd().args(["man", "nothing"]).output().expect("it runs")), 2);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (site, ..) = synced();
    let script = format!(
        "set -o pipefail; {} --state-dir {} removals 2>&1 | head -n 1",
        env!("CARGO_BIN_EXE_rmdd"),
        site.state_dir().display()
    );
    let piped = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
    assert_eq!(status_of(&piped), 0, "{}", stderr(&piped));
    assert!(!stderr(&piped).contains("panicked"));
}

#[test]
fn a_stretch_that_ends_before_it_begins_and_a_span_with_a_sign_are_refused_in_words() {
    let (site, ..) = synced();
    for command in [&["removals"][..], &["history"], &["snapshots"], &["peers", "list", "--vanished"]] {
        let refused = site.run(&[command, &["--since", "2026-03-02", "--until", "2026-02-01"]].concat());
        assert_eq!(status_of(&refused), 2, "{command:?}: {}", stdout(&refused));
        assert!(stderr(&refused).contains("is after --until 2026-02-02"), "{}", stderr(&refused));
        let one_day = site.run(&[command, &["--since", "2026-03-02", "--until", "2026-03-02"]].concat());
        assert_eq!(status_of(&one_day), 0, "{command:?}: {}", stderr(&one_day));
    }
    for command in [
        &["removals", "--since", "-5d"][..],
        &["check", "9999999999", "--at", "-5d"],
        &["overrides", "add", "deny", "9999999999", "--why", "x", "--expires", "-5d"],
    ] {
        let refused = site.run(command);
        assert_eq!(status_of(&refused), 2, "{}", stdout(&refused));
        assert!(stderr(&refused).contains("\"-5d\" has a sign"), "{}", stderr(&refused));
    }
}
