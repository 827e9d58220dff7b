//! A full disk: the sync fails and says why, answers go on, and once there is room so does everything else, without a
//! restart.
//!
//! The disks are small tmpfs mounts, which only root may make: elsewhere these tests are left out, and say so.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::canonical::{export_of, sha256};
use crate::common::{Daemon, Site, ask, by_number, eventually, json, real, status_of, stderr};
use rmdd::api::grpc::v1::record::{Body, Provider};
use rmdd::api::grpc::v1::{
    GetStatusResponse, ListChangesRequest, ListRecordsRequest, Override, OverrideAction, PutRecordsRequest, Reason,
    Record, RecordKind, State, SyncOutcome,
};
use rmdd_testkit::{Changes, Step, World};
use tonic::Code;

/// A small disk of its own. It is gone when this is dropped.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one there, or says that this test is left out.
    fn mount(at: PathBuf, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(&at).expect("made");
        let options = format!("size={megabytes}m,mode=0755");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&at).stdin(Stdio::null());
        match command.output() {
            Ok(output) if output.status.success() => Some(Self(at)),
            failed => {
                real::left_out(format_args!("no disk of its own can be mounted here: {failed:?}"));
                None
            }
        }
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Fills it to the last page.
    fn fill(&self) {
        let mut file = File::create(self.filler()).expect("made");
        let page = [0x5a; 4096];
        loop {
            match file.write(&page) {
                Ok(count) if count > 0 => {}
                Ok(_) => return,
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Lets it be written, or only read.
    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().expect("mount runs").success());
    }

    /// Makes room again.
    fn free(&self) {
        std::fs::remove_file(self.filler()).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever is killed may not be gone yet.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A step that no store takes in the room that it has left in its file.
const LARGE: Step = Step { list: 100, amend: 500, remove: 8, reinstate: 0 };

fn advance(world: &mut World, site: &Site) -> Changes {
    let changes = world.advance(LARGE);
    site.publish(&world.to_csv());
    changes
}

fn override_of(frn: u64) -> Record {
    Record {
        provider: Some(Provider::Frn(format!("{frn:010}"))),
        why: format!("a test {}", "of a long reason ".repeat(8)),
        body: Some(Body::Override(Override { action: OverrideAction::Deny.into() })),
        ..Record::default()
    }
}

/// So many overrides at once that there is no room for them.
fn many_overrides() -> PutRecordsRequest {
    let records = (0..4000).map(|frn| override_of(900_000_000 + frn)).collect();
    PutRecordsRequest { records, replace: false, by: "alice".to_owned() }
}

async fn overrides(daemon: &Daemon) -> usize {
    let request = ListRecordsRequest { kind: RecordKind::Override.into(), ..ListRecordsRequest::default() };
    daemon.admin().await.list_records(request).await.expect("a list").into_inner().records.len()
}

fn alarm(status: &GetStatusResponse, code: &str) -> String {
    let alarm = status.alarms.iter().find(|alarm| alarm.code == code);
    alarm.unwrap_or_else(|| panic!("no {code} in {:?}", status.alarms)).message.clone()
}

/// That the sync fails for want of room at this place, and what was served goes on being served.
async fn fails_for_want_of_room(daemon: &Daemon, changes: &Changes, place: &Path) {
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Failed, "{sync:?}");
    let status = daemon.status().await;
    assert_eq!(status.state(), State::Warning);
    let message = alarm(&status, "SYNC_FAILED");
    for part in ["No space left on device", "room", &place.display().to_string()] {
        assert!(message.contains(part), "{message}");
        assert!(sync.error.contains(part), "{}", sync.error);
    }
    assert_eq!(status.snapshot.expect("one").serial, 1);
    assert_eq!(status.removed_filings, 0);
    let mut client = daemon.acceptance().await;
    for number in changes.removed.iter().take(3) {
        assert_ne!(ask(&mut client, by_number(number)).await.reason(), Reason::Removed, "as it was");
    }
    for number in changes.listed.iter().take(3) {
        assert_eq!(ask(&mut client, by_number(number)).await.reason(), Reason::NotListed, "as it was");
    }
}

/// That the next sync brings what could not be stored, with the daemon that met the full disk.
async fn goes_on(daemon: &Daemon, site: &Site, world: &World, changes: &Changes) {
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.snapshot_serial), (SyncOutcome::Applied, 2), "{}", sync.error);
    let counts = (sync.listed, sync.amended, sync.removed);
    let expected = (changes.listed.len() as u64, changes.amended.len() as u64, changes.removed.len() as u64);
    assert_eq!(counts, expected, "each once");
    let status = daemon.status().await;
    assert!(status.alarms.iter().all(|alarm| alarm.code != "SYNC_FAILED"), "{:?}", status.alarms);
    assert_eq!(status.failures_since, 0);
    let mut client = daemon.acceptance().await;
    assert_eq!(ask(&mut client, by_number(&changes.removed[0])).await.reason(), Reason::Removed);
    let stored = site.run(&["export"]);
    assert_eq!(sha256(&stored.stdout), sha256(&export_of(&world.to_csv())));
    let verified = site.run(&["verify", "--json"]);
    assert_eq!(status_of(&verified), 0, "{}", stderr(&verified));
    let report = json(&verified);
    assert_eq!((&report["ok"], &report["snapshots"]), (&true.into(), &2.into()), "{report}");
}

#[tokio::test]
async fn a_full_disk_fails_the_sync_and_nothing_else_and_heals_without_a_restart() {
    let mut world = World::new(81, 1200);
    let site = Site::with_listing(&world.to_csv());
    let Some(disk) = Disk::mount(site.state_dir(), 24) else { return };
    let daemon = site.start();
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Applied);
    disk.fill();
    let changes = advance(&mut world, &site);
    for _ in 0..2 {
        fails_for_want_of_room(&daemon, &changes, &site.state_dir()).await;
    }
    disk.free();
    goes_on(&daemon, &site, &world, &changes).await;
}

#[tokio::test]
async fn a_disk_without_room_for_the_store_loses_nothing_and_the_store_is_opened_again_by_itself() {
    let mut world = World::new(82, 1200);
    let site = Site::with_listing(&world.to_csv());
    let Some(disk) = Disk::mount(site.state_dir(), 24) else { return };
    // What comes and what is archived has room, so that it is the store that meets the full disk.
    let Some(_incoming) = Disk::mount(site.state_dir().join("incoming"), 8) else { return };
    let Some(_archive) = Disk::mount(site.state_dir().join("archive"), 8) else { return };
    let daemon = site.start();
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Applied);
    let before = PutRecordsRequest { records: vec![override_of(1)], replace: false, by: "alice".to_owned() };
    daemon.admin().await.put_records(before).await.expect("there is room");
    disk.fill();
    let changes = advance(&mut world, &site);
    for _ in 0..3 {
        fails_for_want_of_room(&daemon, &changes, &site.state_dir().join("rmdd.redb")).await;
        // What is read from the store can be read.
        let asked = ListChangesRequest { limit: 10, ..ListChangesRequest::default() };
        let read = daemon.listing().await.list_changes(asked).await.expect("history").into_inner();
        assert_eq!(read.changes.len(), 10);
        let refused = daemon.admin().await.put_records(many_overrides()).await.expect_err("no room");
        assert_eq!(refused.code(), Code::Internal);
        for part in ["nothing was changed", "No space left on device", "make room"] {
            assert!(refused.message().contains(part), "{}", refused.message());
        }
        assert_eq!(overrides(&daemon).await, 1, "the one of before");
    }
    disk.free();
    let events = daemon.admin().await.put_records(many_overrides()).await.expect("room").into_inner().events;
    assert_eq!(events.first().map(|event| event.serial), Some(2), "no serial was spent on what was refused");
    let alarms = daemon.status().await.alarms;
    assert!(alarms.iter().all(|alarm| alarm.code != "RECORDS_JOURNAL_FAILING"), "{alarms:?}");
    goes_on(&daemon, &site, &world, &changes).await;

    // And all of it is on the disk.
    daemon.kill();
    let daemon = site.start();
    let status = daemon.status().await;
    assert_eq!(status.snapshot.expect("one").serial, 2);
    let verified = json(&site.run(&["verify", "--json"]));
    assert_eq!((&verified["ok"], &verified["records"]), (&true.into(), &4001.into()), "{verified}");
}

#[tokio::test]
async fn a_journal_that_had_no_room_is_no_alarm_once_there_is_room_without_a_change() {
    let site = Site::with_listing(&World::new(84, 40).to_csv());
    let Some(disk) = Disk::mount(site.state_dir(), 24) else { return };
    let daemon = site.start();
    daemon.first_sync().await;
    disk.fill();
    let refused = daemon.admin().await.put_records(many_overrides()).await.expect_err("no room");
    assert!(refused.message().contains("No space left on device"), "{}", refused.message());
    assert!(alarm(&daemon.status().await, "RECORDS_JOURNAL_FAILING").contains("records cannot be changed"));
    disk.free();
    eventually("the alarm ends", || async {
        let alarms = daemon.status().await.alarms;
        alarms.iter().all(|alarm| alarm.code != "RECORDS_JOURNAL_FAILING").then_some(())
    })
    .await;
    assert_eq!(overrides(&daemon).await, 0);
    let (_, log) = daemon.terminate().await;
    assert!(log.contains("can be written again"), "{log}");
    let verified = json(&site.run(&["verify", "--json"]));
    assert_eq!((&verified["ok"], &verified["records"]), (&true.into(), &0.into()), "{verified}");
}

/// That a backup there fails for want of room, and leaves nothing.
fn has_no_backup(site: &Site, place: &Path) {
    let before = std::fs::read_dir(place).expect("read").count();
    let refused = site.run(&["backup", &place.join("copy.redb").display().to_string()]);
    let said = stderr(&refused);
    assert!(status_of(&refused) == 2 && said.contains("No space left on device"), "{said}");
    // It is not the store that fails, and no owner is to be looked after.
    assert!(!said.contains("check that the directory") && !said.contains("the store failed"), "{said}");
    assert!(said.contains(&site.state_dir().display().to_string()) || said.contains("copy.redb"), "{said}");
    assert_eq!(std::fs::read_dir(place).expect("read").count(), before, "no half of one");
}

#[tokio::test]
async fn on_a_full_disk_the_store_is_verified_and_a_backup_fails_whole() {
    let site = Site::with_listing(&World::new(85, 1200).to_csv());
    let Some(disk) = Disk::mount(site.state_dir(), 24) else { return };
    let daemon = site.start();
    daemon.first_sync().await;
    let elsewhere = site.directory.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("made");
    disk.fill();
    let verified = site.run(&["verify", "--json"]);
    assert_eq!(status_of(&verified), 0, "{}", stderr(&verified));
    assert_eq!(json(&verified)["ok"], true);
    // Its copy is made beside the store before it is sent.
    has_no_backup(&site, &elsewhere);
    has_no_backup(&site, &site.state_dir());
    disk.free();
    // The disk that it goes to.
    let Some(small) = Disk::mount(elsewhere, 1) else { return };
    small.fill();
    has_no_backup(&site, &small.0);
    small.free();
    has_no_backup(&site, &small.0);
    daemon.terminate().await;
    // Without a daemon, too.
    disk.fill();
    let verified = site.run(&["verify", "--json"]);
    assert_eq!(status_of(&verified), 0, "{}", stderr(&verified));
}

#[tokio::test]
async fn a_full_archive_keeps_no_removal_from_taking_effect() {
    let mut world = World::new(83, 1200);
    let site = Site::with_listing(&world.to_csv());
    let Some(archive) = Disk::mount(site.state_dir().join("archive"), 1) else { return };
    let daemon = site.start();
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Applied);
    archive.fill();
    let changes = advance(&mut world, &site);
    goes_on(&daemon, &site, &world, &changes).await;
    let archived = || {
        let files = std::fs::read_dir(&archive.0).expect("read").map(|entry| entry.expect("an entry").file_name());
        files.filter(|name| name.to_string_lossy().ends_with(".csv.zst")).count()
    };
    assert_eq!(archived(), 1, "and no half of one is taken for whole");
    archive.free();
    world.advance(Step { list: 1, ..Step::default() });
    site.publish(&world.to_csv());
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Applied);
    assert_eq!(archived(), 2);
    let (_, log) = daemon.terminate().await;
    assert!(log.contains("the raw listing could not be archived") && log.contains("No space left"), "{log}");
}

#[tokio::test]
async fn on_a_disk_that_can_only_be_read_what_is_stored_is_served_and_the_rest_is_made_up_for() {
    serves_what_it_can_read(async |daemon| drop(daemon.terminate().await)).await;
}

#[tokio::test]
async fn so_is_what_a_killed_daemon_has_left_there() {
    serves_what_it_can_read(async |daemon| daemon.kill()).await;
}

async fn serves_what_it_can_read(end: impl AsyncFnOnce(Daemon)) {
    let world = World::new(96, 80);
    let site = Site::with_listing(&world.to_csv());
    let Some(disk) = Disk::mount(site.state_dir(), 24) else { return };
    let daemon = site.start();
    daemon.first_sync().await;
    end(daemon).await;
    disk.remount("ro");
    let runtime = tempfile::tempdir().expect("a directory");
    let mut command = super::common::rmdd();
    command.env("RUNTIME_DIRECTORY", runtime.path()).arg("serve").arg("--state-dir").arg(site.state_dir());
    command.args(["--grpc-listen", "127.0.0.1:0", "--source"]).arg(site.listing());
    let daemon = Daemon::spawn(command);
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    assert_eq!(ask(&mut daemon.acceptance().await, by_number(&number)).await.reason(), Reason::Listed);
    let read_only = || async { daemon.status().await.alarms.into_iter().find(|alarm| alarm.code == "STORE_READ_ONLY") };
    assert!(read_only().await.is_some_and(|alarm| alarm.message.contains("Read-only file system")));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Failed);
    let socket = format!("unix:{}", daemon.socket.display());
    let add = ["--connect", &socket, "overrides", "add", "deny", "0009999999", "--by", "alice", "--why", "a test"];
    let refused = site.run(&add);
    assert!(status_of(&refused) == 2 && stderr(&refused).contains("nothing was changed"), "{}", stderr(&refused));
    disk.remount("rw");
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Unchanged, "{}", sync.error);
    assert!(read_only().await.is_none());
    let added = site.run(&add);
    assert_eq!(status_of(&added), 0, "{}", stderr(&added));
    daemon.terminate().await;
}

#[tokio::test]
async fn on_a_disk_that_can_only_be_read_calls_are_answered_though_no_socket_can_be_made_there() {
    let world = World::new(97, 80);
    let site = Site::with_listing(&world.to_csv());
    let Some(disk) = Disk::mount(site.state_dir(), 24) else { return };
    let daemon = site.start();
    daemon.first_sync().await;
    let socket = daemon.socket.clone();
    daemon.terminate().await;
    // As one that was killed leaves it behind.
    drop(std::os::unix::net::UnixListener::bind(socket).expect("bound"));
    disk.remount("ro");
    let mut command = super::common::rmdd();
    command.arg("serve").arg("--state-dir").arg(site.state_dir()).args(["--http-listen", "127.0.0.1:0", "--source"]);
    command.arg(site.listing()).args(["--grpc-listen", "off"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut addresses = lines.map_while(Result::ok).filter_map(|line| {
        line.strip_prefix("listening on ").and_then(|rest| rest.split(' ').next()).map(str::to_owned)
    });
    let Some(address) = addresses.next() else {
        let output = child.wait_with_output().expect("it ended");
        panic!("it did not start: {}", stderr(&output));
    };
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    let url = format!("http://{address}/v1/check/{number}");
    let answer = crate::common::web().get(url).send().await.expect("asked");
    let answer: serde_json::Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    assert_eq!(answer["reason"], "LISTED", "{answer}");
    child.kill().expect("it runs");
    let log = stderr(&child.wait_with_output().expect("it ended"));
    assert!(log.contains("cannot be made at") && log.contains("RUNTIME_DIRECTORY"), "{log}");
}
