//! Backup under load, restore by copying back, and checks of the store, by the commands.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::canonical::{export_of, sha256};
use crate::common::{Site, exists, json, status_of, stderr, stdout};
use rmdd_testkit::{Step, World};

/// Takes the store of a site away and puts a file in its place.
fn restore(site: &Site, file: &Path) {
    let place = site.state_dir().join("rmdd.redb");
    std::fs::rename(&place, site.directory.path().join("aside")).expect("moved aside");
    std::fs::copy(file, place).expect("copied back");
}

fn verified(site: &Site) -> serde_json::Value {
    let output = site.run(&["verify", "--json"]);
    let report = json(&output);
    assert_eq!(status_of(&output), i32::from(report["ok"] != true), "{report}");
    report
}

#[tokio::test]
async fn copies_made_while_syncs_run_are_each_a_whole_store_and_can_be_put_in_its_place() {
    let mut world = World::new(51, 150);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut published = BTreeMap::from([(1, export_of(&world.to_csv()))]);
    let denied = site.run(&["overrides", "add", "deny", "0009999999", "--by", "alice", "--why", "a test"]);
    assert_eq!(status_of(&denied), 0, "{}", stderr(&denied));
    let mut copies = Vec::new();
    for round in 0..6u64 {
        world.advance(Step { list: 3, amend: 40, remove: 4, reinstate: 2 });
        site.publish(&world.to_csv());
        published.insert(round + 2, export_of(&world.to_csv()));
        let file = site.directory.path().join(format!("copy-{round}"));
        let path = file.display().to_string();
        let mut backup = crate::common::rmdd();
        backup.arg("--state-dir").arg(site.state_dir()).args(["backup", &path]);
        // The sync and the copy run at once.
        let child = backup.stdout(std::process::Stdio::null()).spawn().expect("it starts");
        let sync = daemon.sync().await;
        assert_eq!(sync.snapshot_serial, round + 2, "{}", sync.error);
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("joined");
        assert!(ended.expect("it ended").status.success());
        copies.push(file);
    }
    assert_eq!(verified(&site)["ok"], true, "with the daemon running");
    assert!(!exists(&site.state_dir().join("rmdd.redb.backup")), "no copy is left in the state directory");
    daemon.terminate().await;

    for (round, file) in copies.iter().enumerate() {
        restore(&site, file);
        let report = verified(&site);
        assert_eq!((&report["ok"], &report["records"]), (&true.into(), &1.into()), "copy {round}: {report}");
        let status = json(&site.run(&["status", "--json"]));
        let serial = status["snapshot"]["serial"].as_u64().expect("a serial");
        assert!((round as u64 + 1..=round as u64 + 2).contains(&serial), "copy {round} has snapshot {serial}");
        let export = site.run(&["export"]);
        assert!(export.stdout == published[&serial], "copy {round}");
        assert_eq!(status["snapshot"]["listing_sha256"], sha256(&export.stdout).as_str());
        assert_eq!(report["snapshots"], serial);
    }

    // The daemon takes the oldest of them for its own and catches up.
    restore(&site, &copies[0]);
    let daemon = site.start();
    let sync = daemon.first_sync().await;
    assert!([2, 3].contains(&sync.snapshot_serial), "{sync:?}");
    let check = json(&site.run(&["check", "0009999999", "--json"]));
    assert_eq!(check["reason"], "OVERRIDE");
    assert!(site.run(&["export"]).stdout == export_of(&world.to_csv()));
    assert_eq!(verified(&site)["ok"], true);
    drop(daemon);
}

#[test]
fn a_backup_never_overwrites_unless_it_is_told_to_and_needs_no_daemon() {
    let site = Site::with_listing(&World::new(52, 80).to_csv());
    let source = site.listing().display().to_string();
    site.make_store();
    assert_eq!(status_of(&site.run(&["sync", "--source", &source])), 0);
    let file = site.directory.path().join("kept");
    std::fs::write(&file, b"something dear").expect("written");
    let path = file.display().to_string();
    let refused = site.run(&["backup", &path]);
    assert_eq!((status_of(&refused), stdout(&refused).as_str()), (2, ""));
    assert!(stderr(&refused).contains("--force"), "{}", stderr(&refused));
    assert_eq!(std::fs::read(&file).expect("read"), b"something dear");
    let forced = site.run(&["backup", &path, "--force"]);
    assert_eq!(status_of(&forced), 0, "{}", stderr(&forced));
    assert!(stderr(&forced).contains("No daemon runs"));
    restore(&site, &file);
    assert_eq!(verified(&site)["ok"], true);
    assert_eq!(status_of(&site.run(&["backup", "/nowhere/at/all"])), 2);
    assert!(!exists(&site.directory.path().join("kept.part")));
}

#[tokio::test]
async fn a_store_that_was_damaged_behind_the_daemons_back_is_found_and_answers_go_on() {
    let world = World::new(53, 150);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    assert_eq!(verified(&site)["ok"], true);
    let path = site.state_dir().join("rmdd.redb");
    let length = std::fs::metadata(&path).expect("there").len() as usize;
    {
        use std::os::unix::fs::FileExt;
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
        file.write_all_at(&vec![0x5a; length - 8192], 8192).expect("written");
    }
    let report = verified(&site);
    assert_eq!(report["ok"], false);
    let said = stdout(&site.run(&["verify"]));
    assert!(said.contains("DAMAGED") && said.contains("rmdd serve --rebuild"), "{said}");
    assert_eq!(status_of(&site.run(&["check", &number])), 0, "answers come from memory");
    let status = json(&site.run(&["status", "--json"]));
    assert_eq!((&status["state"], &status["alarms"][0]["code"]), (&"critical".into(), &"STORE_DAMAGED".into()));
    daemon.kill();
    let closed = site.run(&["verify", "--json"]);
    assert_eq!(status_of(&closed), 1, "{}", stderr(&closed));
    assert_eq!(json(&closed)["ok"], false);
}

#[tokio::test]
async fn a_store_that_is_removed_or_replaced_beneath_the_daemon_is_an_alarm_and_a_copy_brings_it_back() {
    let world = World::new(56, 100);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    let path = site.state_dir().join("rmdd.redb");
    let aside = site.directory.path().join("moved");
    std::fs::rename(&path, &aside).expect("moved");
    let told = |what: &str| {
        let status = json(&site.run(&["status", "--json"]));
        assert_eq!((&status["state"], &status["alarms"][0]["code"]), (&"critical".into(), &"STORE_DAMAGED".into()));
        let finding = status["alarms"][0]["finding"].as_str().expect("a finding").to_owned();
        assert!(finding.contains(what) && finding.contains("rmdd backup"), "{finding}");
        let report = verified(&site);
        assert!(report["faults"][0].as_str().is_some_and(|fault| fault.contains(what)), "{report}");
    };
    told("removed or moved");
    std::fs::copy(&aside, &path).expect("copied");
    told("another file");
    std::fs::remove_file(&path).expect("removed");
    std::fs::rename(&aside, &path).expect("moved back");
    assert_eq!(verified(&site)["ok"], true, "it is over where the file is back");
    assert_eq!(json(&site.run(&["status", "--json"]))["alarms"].as_array().map(Vec::len), Some(0));

    // What is changed while it is gone is in the copy that the alarm asks for.
    std::fs::remove_file(&path).expect("removed");
    let noted = site.run(&["overrides", "add", "deny", &number, "--why", "a ticket", "--by", "alice"]);
    assert_eq!(status_of(&noted), 0, "{}", stderr(&noted));
    let copy = site.directory.path().join("copy");
    let made = site.run(&["backup", &copy.display().to_string()]);
    assert_eq!(status_of(&made), 0, "{}", stderr(&made));
    daemon.terminate().await;
    std::fs::copy(&copy, &path).expect("put in its place");
    let daemon = site.start();
    assert_eq!(status_of(&site.run(&["check", &number])), 1, "refused by the override");
    assert_eq!(verified(&site)["ok"], true);
    daemon.terminate().await;
}

#[tokio::test]
async fn a_copy_that_is_put_back_is_told_of_though_only_one_record_came_after_it() {
    let world = World::new(57, 100);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let copy = site.directory.path().join("copy");
    let add = |frn: &str| {
        let noted = site.run(&["overrides", "add", "deny", frn, "--why", "a ticket", "--by", "alice"]);
        assert_eq!(status_of(&noted), 0, "{}", stderr(&noted));
    };
    add("0009999998");
    assert_eq!(status_of(&site.run(&["backup", &copy.display().to_string()])), 0);
    add("0009999999");
    daemon.terminate().await;
    restore(&site, &copy);
    let daemon = site.start();
    let status = json(&site.run(&["status", "--json"]));
    let alarms = status["alarms"].as_array().expect("alarms");
    let mended = alarms.iter().find(|alarm| alarm["code"] == "RECORDS_MENDED").unwrap_or_else(|| panic!("{status}"));
    assert!(mended["finding"].as_str().is_some_and(|finding| finding.contains("event 2")), "{mended}");
    let listed = stdout(&site.run(&["overrides", "list", "--json"]));
    assert_eq!(listed.lines().count(), 2, "{listed}");
    daemon.terminate().await;
}

#[tokio::test]
async fn a_daemon_whose_state_directory_was_renamed_is_asked_and_does_not_hang() {
    let world = World::new(58, 100);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    let renamed = site.directory.path().join("renamed");
    std::fs::rename(site.state_dir(), &renamed).expect("renamed");
    let ask = |command: &[&str]| {
        let mut asked = crate::common::rmdd();
        asked.arg("--state-dir").arg(&renamed).args(command).output().expect("it runs")
    };
    let checked = ask(&["check", &number]);
    assert_eq!((status_of(&checked), stderr(&checked).as_str()), (0, ""));
    assert_eq!(json(&ask(&["status", "--json"]))["alarms"][0]["code"], "STORE_DAMAGED");
    std::fs::rename(&renamed, site.state_dir()).expect("renamed back");
    daemon.terminate().await;
}

#[test]
fn compaction_makes_the_file_smaller_and_changes_nothing_in_it() {
    let mut world = World::new(54, 400);
    let site = Site::with_listing(&world.to_csv());
    let source = site.listing().display().to_string();
    site.make_store();
    for _ in 0..4 {
        assert_eq!(status_of(&site.run(&["sync", "--source", &source])), 0);
        world.advance(Step { amend: 100, remove: 5, ..Step::default() });
        site.publish(&world.to_csv());
    }
    let before = json(&site.run(&["status", "--json"]));
    let compacted = site.run(&["compact"]);
    assert_eq!(status_of(&compacted), 0, "{}", stderr(&compacted));
    let after = json(&site.run(&["status", "--json"]));
    let bytes = |status: &serde_json::Value| status["store_bytes"].as_u64().expect("a size");
    assert!(bytes(&after) < bytes(&before), "{} -> {}", bytes(&before), bytes(&after));
    assert_eq!(after["snapshot"]["listing_sha256"], before["snapshot"]["listing_sha256"]);
    assert_eq!(verified(&site)["ok"], true);
}

#[tokio::test]
async fn a_damaged_store_is_not_served_and_rebuild_keeps_it_aside_and_saves_records_and_history() {
    let mut world = World::new(55, 150);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    world.advance(Step { amend: 60, remove: 5, ..Step::default() });
    site.publish(&world.to_csv());
    daemon.sync().await;
    daemon.terminate().await;
    for number in ["0009999999", "0009999998"] {
        let denied = site.run(&["overrides", "add", "deny", number, "--by", "alice", "--why", "a test"]);
        assert_eq!(status_of(&denied), 0, "{}", stderr(&denied));
    }
    // A page that holds filings is spoilt: some name that stands in the listing is found in the file.
    let path = site.state_dir().join("rmdd.redb");
    let mut bytes = std::fs::read(&path).expect("read");
    let name = world.rows().nth(70).expect("a filing").get("filing_url").to_owned();
    let spoilt: Vec<usize> = bytes
        .windows(name.len())
        .enumerate()
        .filter(|(_, found)| *found == name.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!spoilt.is_empty());
    for place in spoilt {
        bytes[place..place + name.len()].fill(b'x');
    }
    std::fs::write(&path, &bytes).expect("written");

    let source = site.listing().display().to_string();
    let refused = site.run(&["serve", "--grpc-listen", "off", "--source", &source]);
    assert_eq!(status_of(&refused), 1);
    assert!(stderr(&refused).contains("rmdd serve --rebuild"), "{}", stderr(&refused));
    assert!(std::fs::read(&path).expect("read") == bytes, "it was left as it is");
    assert_eq!(status_of(&site.run(&["check", "0009999999"])), 2, "nor is it answered from");
    assert_eq!(json(&site.run(&["verify", "--json"]))["ok"], false);

    let daemon = site.start_with(&["--source", &source, "--rebuild"]);
    let sync = daemon.first_sync().await;
    assert_eq!((sync.snapshot_serial, sync.filings), (4, world.len() as u64), "both listings, out of the archive");
    assert_eq!(daemon.status().await.removed_filings, 5, "and with them what was removed");
    for number in ["0009999999", "0009999998"] {
        assert_eq!(json(&site.run(&["check", number, "--json"]))["reason"], "OVERRIDE");
    }
    assert_eq!(verified(&site)["records"], 2);
    let kept: Vec<_> = std::fs::read_dir(site.state_dir())
        .expect("read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.display().to_string().contains("rmdd.redb.damaged-"))
        .collect();
    assert_eq!(kept.len(), 1);
    assert!(std::fs::read(&kept[0]).expect("read") == bytes);
    let (_, log) = daemon.terminate().await;
    assert!(log.contains("the store was begun again"), "{log}");
    let daemon = site.start_with(&["--source", &source, "--rebuild"]);
    daemon.first_sync().await;
    let (_, log) = daemon.terminate().await;
    assert!(log.contains("--rebuild had nothing to do"), "{log}");
}
