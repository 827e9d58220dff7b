//! What a rebuild reads may be damaged, too: that is told, and never changes an answer in silence.

use std::path::PathBuf;

use jiff::Timestamp;
use rmdd::api::grpc::v1::{CheckProviderRequest, CheckProviderResponse, Reason, Verdict};
use rmdd::domain::Sha256Digest;
use rmdd::store::archive::Archive;
use rmdd::store::{FILE_NAME, Store};
use rmdd_testkit::{Step, World};

use super::*;
use crate::common::{Daemon, by_number, json};

/// A site at which half a listing was let through by mistake, and the whole one came back; its source is gone.
struct Superseded {
    site: Site,
    /// When each listing was applied: the first, the second, half of that, and the second again.
    applied: Vec<Timestamp>,
    /// One that went with the second listing, and one that half of it lacks.
    gone: String,
    halved: String,
    /// One that half of it lacks, too, with an order against it: whoever was missing since and is back is not barred any more.
    ordered: String,
}

fn wire(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

fn at(number: &str, at: Timestamp) -> CheckProviderRequest {
    CheckProviderRequest { at: Some(wire(at)), ..by_number(number) }
}

impl Superseded {
    async fn new() -> Self {
        let mut world = World::new(88, 120);
        let site = Site::with_listing(&world.to_csv());
        let daemon = site.start();
        daemon.first_sync().await;
        let first: Vec<_> = world.rows().map(|row| row.get("number").to_owned()).collect();
        let (row, released) = (world.rows().last().expect("one"), ["--released", "2026-03-12", "--by", "alice"]);
        let ordered = row.get("number").to_owned();
        ok(&site, &[&["orders", "add", "removal", "DA 26-1", row.get("frn")][..], &released].concat());
        world.row_mut(&ordered).expect("it stands").set("business_address", "another street".to_owned());
        let gone = world.advance(Step { list: 2, amend: 5, remove: 2, reinstate: 0 }).removed[0].clone();
        let whole = world.to_csv();
        site.publish(&whole);
        assert_eq!(daemon.sync().await.snapshot_serial, 2);
        let mut half = world.clone();
        let numbers: Vec<_> = world.rows().map(|row| row.get("number").to_owned()).collect();
        for number in &numbers[60..] {
            half.remove(number).expect("it stood");
        }
        let half = half.to_csv();
        site.publish(&half);
        assert!(daemon.sync().await.error.contains("--approve"));
        ok(&site, &["sync", "--approve", &Sha256Digest::of(&half).to_string(), "--by", "alice"]);
        site.publish(&whole);
        assert_eq!(daemon.sync().await.snapshot_serial, 4, "{:?}", daemon.status().await.last_sync);
        daemon.terminate().await;
        std::fs::remove_file(site.listing()).expect("removed");
        let store = Store::open_existing(&site.state_dir()).expect("opened");
        let applied = store.snapshot_records().expect("read").iter().map(|record| record.applied_at).collect();
        let halved = numbers[60..].iter().find(|number| first.contains(number)).expect("one").clone();
        assert!(numbers[60..].contains(&ordered) && ordered != halved && ordered != gone);
        Self { site, applied, gone, halved, ordered }
    }

    fn archive(&self) -> PathBuf {
        self.site.state_dir().join("archive")
    }

    /// What tells that the whole listing was applied again.
    fn note(&self) -> PathBuf {
        let mut notes: Vec<_> =
            std::fs::read_dir(self.archive()).expect("read").map(|file| file.expect("one").path()).collect();
        notes.retain(|path| path.to_string_lossy().ends_with(".applied.json"));
        notes.sort();
        assert_eq!(notes.len(), 2, "{notes:?}");
        notes.remove(1)
    }

    /// The file of a listing, by its place among the snapshots.
    fn listing(&self, place: usize) -> PathBuf {
        let store = Store::open_existing(&self.site.state_dir()).expect("opened");
        let digest = store.snapshot_records().expect("read")[place].sha256.to_string();
        let mut files = std::fs::read_dir(self.archive()).expect("read").map(|file| file.expect("one").path());
        files.find(|path| path.to_string_lossy().ends_with(&format!("{digest}.applied.csv.zst"))).expect("it is there")
    }

    fn lose_store(&self) {
        std::fs::remove_file(self.site.state_dir().join(FILE_NAME)).expect("removed");
    }
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

async fn asked(daemon: &Daemon, question: CheckProviderRequest) -> CheckProviderResponse {
    daemon.acceptance().await.check_provider(question).await.expect("a verdict").into_inner()
}

fn message(status: &rmdd::api::grpc::v1::GetStatusResponse, code: &str) -> String {
    let alarm = status.alarms.iter().find(|alarm| alarm.code == code);
    alarm.unwrap_or_else(|| panic!("no {code}: {status:?}")).message.clone()
}

#[tokio::test]
async fn the_listing_that_stood_last_is_served_though_what_tells_so_in_the_archive_is_damaged_or_gone() {
    for (how, names_times) in [("altered", true), ("cut", true), ("gone", true), ("altered", false)] {
        let site = Superseded::new().await;
        match how {
            "altered" => flip(&site.note()),
            "cut" => std::fs::write(site.note(), "{").expect("written"),
            _ => std::fs::remove_file(site.note()).expect("removed"),
        }
        if !names_times {
            // Nor does anything else tell in which order they were applied.
            std::fs::remove_file(site.site.state_dir().join("removals.jsonl")).expect("removed");
        }
        site.lose_store();
        for start in ["the first", "another"] {
            let daemon = site.site.start();
            daemon.first_sync().await;
            let answer = asked(&daemon, by_number(&site.halved)).await;
            assert_eq!(answer.verdict(), Verdict::Accept, "{how}, {start}: {answer:?}");
            let status = daemon.status().await;
            match names_times {
                true => assert!(
                    message(&status, "RECORDS_MENDED").contains("came to be applied"),
                    "{how}, {start}: {status:?}"
                ),
                false => assert!(
                    message(&status, "HISTORY_LOST").contains("came to be applied"),
                    "{how}, {start}: {status:?}"
                ),
            }
            if names_times {
                for (moment, verdict) in
                    site.applied.iter().zip([Verdict::Accept, Verdict::Accept, Verdict::Refuse, Verdict::Accept])
                {
                    let answer = asked(&daemon, at(&site.halved, *moment)).await;
                    assert_eq!(answer.verdict(), verdict, "{how}, {start}, {moment}: {answer:?}");
                }
            }
            daemon.terminate().await;
        }
        ok(&site.site, &["acknowledge", "--by", "bob"]);
        let daemon = site.site.start();
        let status = daemon.status().await;
        assert!(
            !codes(&status).iter().any(|code| ["RECORDS_MENDED", "HISTORY_LOST"].contains(code)),
            "{how}: {status:?}"
        );
        daemon.terminate().await;
    }
}

#[tokio::test]
async fn what_tells_how_a_listing_was_applied_is_checked_and_written_anew_from_a_good_store() {
    let site = Superseded::new().await;
    let (note, whole) = (site.note(), std::fs::read(site.note()).expect("read"));
    assert_eq!(status_of(&site.site.run(&["verify"])), 0);
    let check = |what: &str| {
        let verified = site.site.run(&["verify", "--json"]);
        assert_eq!(status_of(&verified), 1, "{what}");
        let faults = json(&verified)["faults"].to_string();
        let name = note.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(faults.contains(&name) && faults.contains(what) && faults.contains("writes it anew"), "{faults}");
    };
    flip(&note);
    check("is damaged");
    let daemon = site.site.start();
    eventually_as(&note, &whole).await;
    daemon.terminate().await;
    std::fs::remove_file(&note).expect("removed");
    check("is missing");
    let daemon = site.site.start();
    eventually_as(&note, &whole).await;
    daemon.terminate().await;
    assert_eq!(status_of(&site.site.run(&["verify"])), 0);
    // What a version before this wrote has no digest: it counts, and has one from the next start on.
    let text = String::from_utf8(whole.clone()).expect("text");
    let (before, _) = text.split_once(",\"digest\":").expect("a digest");
    let altered = before.replace("\"again\":true", "\"again\":false");
    assert_ne!(before, altered);
    // Nothing shows that one was altered but the store, which counts.
    for text in [before, &altered] {
        std::fs::write(&note, format!("{text}}}\n")).expect("written");
        assert_eq!(status_of(&site.site.run(&["verify"])), 0);
        let daemon = site.site.start();
        eventually_as(&note, &whole).await;
        daemon.terminate().await;
    }
}

async fn eventually_as(path: &Path, bytes: &[u8]) {
    let is_it = || std::fs::read(path).is_ok_and(|read| read == bytes);
    common::eventually("it is written", || async { is_it().then_some(()) }).await;
}

/// What the daemon says of a moment: the verdict, or why there is none.
async fn asked_of(daemon: &Daemon, number: &str, moment: Timestamp) -> Result<Verdict, String> {
    let answer = daemon.acceptance().await.check_provider(at(number, moment)).await;
    match answer {
        Ok(answer) => Ok(answer.into_inner().verdict()),
        Err(error) => {
            assert_eq!(error.code(), tonic::Code::OutOfRange, "{error}");
            Err(error.message().to_owned())
        }
    }
}

#[tokio::test]
async fn a_listing_that_is_damaged_or_gone_is_told_and_nothing_is_answered_of_the_time_in_which_it_stood() {
    for is_there in [true, false] {
        let site = Superseded::new().await;
        let (half, whole) = (site.listing(2), std::fs::read(site.listing(2)).expect("read"));
        let digest =
            half.to_string_lossy().split_once('-').expect("a name").1.split_once('.').expect("a digest").0.to_owned();
        match is_there {
            true => flip(&half),
            false => std::fs::remove_file(&half).expect("removed"),
        }
        site.lose_store();
        for start in ["the first", "another", "after it was acknowledged"] {
            let daemon = site.site.start();
            daemon.first_sync().await;
            let status = daemon.status().await;
            if start == "after it was acknowledged" {
                assert!(!codes(&status).contains(&"HISTORY_LOST"), "{status:?}");
            } else {
                let said = message(&status, "HISTORY_LOST");
                assert!(said.contains(&digest) && said.contains("rmdd acknowledge"), "{said}");
                assert_eq!(status.state(), rmdd::api::grpc::v1::State::Critical);
            }
            assert_eq!(asked(&daemon, by_number(&site.halved)).await.verdict(), Verdict::Accept);
            for (place, moment) in site.applied.iter().enumerate() {
                let last = match site.applied.get(place + 1) {
                    Some(next) => *next - jiff::SignedDuration::from_millis(1),
                    None => *moment,
                };
                for moment in [*moment, last] {
                    let answer = asked_of(&daemon, &site.halved, moment).await;
                    match place {
                        2 => assert!(
                            answer.is_err_and(|said| said.contains("does not know which listing stood")),
                            "{start}"
                        ),
                        _ => assert_eq!(answer, Ok(Verdict::Accept), "{start}, {place}"),
                    }
                }
            }
            // What the copy of removals knows of the time that is lost is not known before it.
            let early = site.applied[1] - jiff::SignedDuration::from_millis(1);
            for (moment, reason) in [early, site.applied[1], site.applied[3]].into_iter().zip([
                Reason::RemovalOrder,
                Reason::RemovalOrder,
                Reason::Listed,
            ]) {
                let answer = asked(&daemon, at(&site.ordered, moment)).await;
                assert_eq!(answer.reason(), reason, "{start}, {moment}: {answer:?}");
            }
            let gone = asked(&daemon, at(&site.gone, site.applied[1])).await;
            assert_eq!(gone.verdict(), Verdict::Refuse, "{gone:?}");
            daemon.terminate().await;
            if start == "another" {
                ok(&site.site, &["acknowledge", "--by", "bob"]);
            }
        }
        // Without a daemon, too.
        let moment = site.applied[2].to_string();
        assert_eq!(status_of(&site.site.run(&["check", &site.halved, "--at", &moment])), 2);
        assert_eq!(status_of(&site.site.run(&["export", "--at", &moment])), 2);
        // Where it is put back, a store that is begun again has all of its past.
        std::fs::write(&half, &whole).expect("written");
        site.lose_store();
        let daemon = site.site.start();
        daemon.first_sync().await;
        assert!(!codes(&daemon.status().await).contains(&"HISTORY_LOST"), "{:?}", daemon.status().await);
        for (moment, verdict) in
            site.applied.iter().zip([Verdict::Accept, Verdict::Accept, Verdict::Refuse, Verdict::Accept])
        {
            assert_eq!(asked_of(&daemon, &site.halved, *moment).await, Ok(verdict), "{moment}");
        }
        daemon.terminate().await;
        assert_eq!(status_of(&site.site.run(&["verify"])), 0);
    }
}

#[tokio::test]
async fn where_the_listing_that_stood_last_is_damaged_that_is_told_until_it_is_acknowledged_and_the_next_sync_serves_it()
 {
    let site = Superseded::new().await;
    let listing = site.listing(3);
    let bytes = Archive::new(&site.site.state_dir()).entries().expect("read");
    let digest = listing.to_string_lossy().into_owned();
    let entry = bytes.iter().find(|entry| digest.contains(&entry.sha256.to_string())).expect("it is there");
    let published = Archive::new(&site.site.state_dir()).read_entry(entry, 1 << 24).expect("read");
    flip(&listing);
    site.lose_store();
    let daemon = site.site.start();
    daemon.first_sync().await;
    let said = message(&daemon.status().await, "HISTORY_LOST");
    assert!(said.contains("until a sync succeeds"), "{said}");
    assert_eq!(
        asked(&daemon, by_number(&site.halved)).await.verdict(),
        Verdict::Refuse,
        "half a listing is all there is"
    );
    for (place, moment) in site.applied.iter().enumerate() {
        let answer = asked_of(&daemon, &site.halved, *moment).await;
        let expected = [Some(Verdict::Accept), None, Some(Verdict::Refuse), None][place];
        assert_eq!(answer.ok(), expected, "{place}");
    }
    site.site.publish(&published);
    let sync = daemon.sync().await;
    assert!(sync.error.is_empty(), "{sync:?}");
    assert_eq!(asked(&daemon, by_number(&site.halved)).await.verdict(), Verdict::Accept);
    assert!(asked_of(&daemon, &site.halved, site.applied[3]).await.is_err());
    assert!(codes(&daemon.status().await).contains(&"HISTORY_LOST"));
    daemon.terminate().await;
    assert_eq!(status_of(&site.site.run(&["verify"])), 0, "{:?}", site.site.run(&["verify"]));
}
