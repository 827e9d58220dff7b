//! Random damages of store, journal and archive: no wrong verdict, no record lost that stood in either, and each is said.
//!
//! `RMDD_TEST_DAMAGES=500` tries as many.

use std::path::{Path, PathBuf};

use rmdd::api::grpc::v1::CheckProviderRequest;
use rmdd::daemon::{rebuild, refill_if_gone};
use rmdd::listing::canonical;
use rmdd::listing::vet::VetConfig;
use rmdd::observe::clock;
use rmdd::store::archive::Archive;
use rmdd::store::{FILE_NAME, JOURNAL_NAME, Store, verify_closed};
use rmdd_testkit::{Step, World};

use super::*;
use crate::common::{Daemon, by_frn, by_number, json, rmdd, stdout};

const DAMAGES: usize = 8;

const PAGE: usize = 4096;

/// A site whose store has a past, and records of each kind that decide.
struct Template {
    site: Site,
    questions: Vec<CheckProviderRequest>,
    answers: Vec<(i32, i32)>,
    records: Vec<Value>,
}

fn serve(site: &Site, rebuild: bool) -> std::process::Command {
    let mut command = rmdd();
    command.arg("serve").arg("--state-dir").arg(site.state_dir());
    command.args(["--grpc-listen", "127.0.0.1:0", "--source"]).arg(site.listing());
    if rebuild {
        command.arg("--rebuild");
    }
    command
}

async fn template() -> Template {
    let mut world = World::new(81, 120);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut gone = Vec::new();
    for _ in 0..3 {
        let changes = world.advance(Step { list: 2, amend: 5, remove: 2, reinstate: 0 });
        gone.extend(changes.removed);
        site.publish(&world.to_csv());
        let sync = daemon.sync().await;
        assert!(sync.error.is_empty(), "{}", sync.error);
    }
    let rows: Vec<_> = world.rows().map(|row| (row.get("number").to_owned(), row.get("frn").to_owned())).collect();
    let (denied, ordered, noted, listed) = (&rows[3], &rows[7], &rows[11], &rows[20]);
    let by = ["--by", "alice"];
    let why = ["--why", "because of a long conversation about this provider, ticket 4711"];
    ok(&site, &[&["overrides", "add", "deny", &denied.1][..], &why, &by].concat());
    ok(&site, &[&["overrides", "add", "allow", "0009999999"][..], &why, &by].concat());
    ok(&site, &[&["orders", "add", "removal", "DA 26-1", &ordered.1, "--released", "2026-03-12"][..], &by].concat());
    ok(&site, &[&["notices", "add", "letter", &noted.1, "--issued-at", "2026-11-02 20:15 UTC"][..], &by].concat());
    for trunk in 0..40 {
        let frn = &rows[30 + trunk].1;
        ok(&site, &[&["peers", "add", &format!("TG-{trunk}"), frn][..], &why, &by].concat());
    }
    ok(&site, &[&["peers", "remove", "TG-7", "--why", "it is gone"][..], &by].concat());
    let mut questions = vec![
        by_number(&denied.0),
        by_frn("0009999999"),
        by_number(&ordered.0),
        by_number(&noted.0),
        by_number(&listed.0),
        by_frn("0009999998"),
    ];
    questions.extend(gone.iter().map(|number| by_number(number)));
    let answers = answers(&daemon, &questions).await;
    let records = records(&site);
    daemon.terminate().await;
    Template { site, questions, answers, records }
}

/// Damages one file in one way, and says what was done.
fn damage(state_dir: &Path, draw: &mut Draw) -> (&'static str, String) {
    let mut archived: Vec<PathBuf> = std::fs::read_dir(state_dir.join("archive"))
        .expect("read")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    archived.sort();
    let (what, path) = match draw.below(5) {
        0 | 1 => ("store", state_dir.join(FILE_NAME)),
        2 | 3 => ("journal", state_dir.join(JOURNAL_NAME)),
        _ => ("archive", archived[draw.below(archived.len())].clone()),
    };
    let mut bytes = std::fs::read(&path).expect("read");
    let place = draw.below(bytes.len());
    let how = match draw.below(5) {
        0 => {
            std::fs::remove_file(&path).expect("removed");
            return (what, "deleted".to_owned());
        }
        1 => {
            bytes.truncate(place);
            format!("cut to {place}")
        }
        2 => {
            let page = place / PAGE * PAGE;
            let end = (page + PAGE).min(bytes.len());
            bytes[page..end].fill(0);
            format!("zeroed from {page}")
        }
        // The beginning of a store says where everything is.
        3 if what == "store" => {
            let place = draw.below(320);
            bytes[place] ^= 1 << draw.below(8);
            format!("flipped at {place}")
        }
        _ => {
            bytes[place] ^= 1 << draw.below(8);
            format!("flipped at {place}")
        }
    };
    std::fs::write(&path, bytes).expect("written");
    (what, how)
}

/// Starts on what is there; where that is refused, begins again. Says whether anything was told, and what the log says.
async fn come_up(template: &Template, site: &Site, case: &str, rebuild: bool) -> (bool, String) {
    let (daemon, mut log) = match Daemon::try_spawn(serve(site, rebuild)) {
        Ok(daemon) => (daemon, String::new()),
        Err(log) => {
            assert!(!rebuild && log.contains("--rebuild"), "{case}: {log}");
            (Daemon::try_spawn(serve(site, true)).unwrap_or_else(|log| panic!("{case}: {log}")), log)
        }
    };
    // A store that is begun again needs no source for what the archive holds; where that is damaged, too, one sync.
    daemon.first_sync().await;
    assert_eq!(answers(&daemon, &template.questions).await, template.answers, "{case}");
    assert_eq!(records(site), template.records, "{case}: the records");
    let status = daemon.status().await;
    let told = codes(&status).iter().any(|code| code.starts_with("RECORDS_") || code.starts_with("STORE_"));
    assert!(!codes(&status).contains(&"RECORDS_LOST"), "{case}: {status:?}");
    let (_, said) = daemon.terminate().await;
    log.push_str(&said);
    (told || !log.is_empty() && log.contains("damaged"), log)
}

#[tokio::test]
async fn whatever_is_damaged_no_verdict_is_wrong_no_record_is_lost_and_each_damage_is_said() {
    let template = template().await;
    let damages = times("RMDD_TEST_DAMAGES", DAMAGES);
    let mut met = std::collections::BTreeMap::new();
    for seed in 0..damages as u64 {
        let site = Site::new();
        std::fs::copy(template.site.listing(), site.listing()).expect("copied");
        copy_all(&template.site.state_dir(), &site.state_dir());
        let (what, how) = damage(&site.state_dir(), &mut Draw(seed));
        let case = format!("{seed}: the {what} {how}");
        let checked = site.run(&["verify", "--json"]);
        let found = status_of(&checked) != 0;
        let (told, log) = come_up(&template, &site, &case, false).await;
        let cut_off = log.contains("was cut off");
        match what {
            "journal" => assert!(told || cut_off, "{case}: nothing is told\n{log}"),
            // What was changed may be of no use to anybody; then all of the store is as it should be.
            "store" => assert!(found || told || stdout(&checked).contains("\"ok\":true"), "{case}"),
            _ => {
                let deleted = how == "deleted";
                assert!(found || deleted, "{case}: {}", stdout(&checked));
            }
        }
        let mut report = json(&site.run(&["verify", "--json"]));
        if what == "store" && report["ok"] != true {
            come_up(&template, &site, &case, true).await;
            report = json(&site.run(&["verify", "--json"]));
        }
        let faults = report["faults"].as_array().expect("faults");
        // A listing that is no longer published stays damaged in the archive, and that is said for as long as it is there.
        let others =
            faults.iter().filter(|fault| !fault.as_str().is_some_and(|fault| fault.contains("archived listing")));
        assert_eq!(others.count(), 0, "{case}: {report}");
        assert!(!Archive::new(&site.state_dir()).entries().expect("read").is_empty(), "{case}");
        *met.entry((what, found)).or_insert(0) += 1;
    }
    println!("{damages} damages: {met:?}");
}

/// All that a decision rests on: the listing, who is removed, the records and their events.
type Rests = (String, Vec<String>, Vec<rmdd::domain::Record>, Vec<rmdd::domain::RecordEvent>);

fn rests(store: &Store) -> Rests {
    let loaded = store.load().expect("loaded");
    let (records, last) = store.load_records().expect("loaded");
    let mut removed: Vec<_> =
        loaded.removals.newest_first().map(|removal| removal.filing.number().to_string()).collect();
    removed.sort();
    let listing = canonical::digest(&loaded.snapshot.expect("a snapshot").filings).to_string();
    (listing, removed, records, store.record_events_between(0, last + 1, usize::MAX).expect("read"))
}

/// The same without processes, and so for many more.
#[tokio::test]
async fn whatever_is_damaged_all_that_a_decision_rests_on_comes_back() {
    let template = template().await;
    let good = rests(&Store::open(&template.site.state_dir()).expect("opened"));
    let damages = times("RMDD_TEST_DAMAGES", 20);
    let (mut begun_again, mut told, mut unused) = (0, 0, 0);
    for seed in 0..damages as u64 {
        let directory = tempfile::tempdir().expect("a directory");
        copy_all(&template.site.state_dir(), directory.path());
        let (what, how) = damage(directory.path(), &mut Draw(1_000_000 + seed));
        let case = format!("{seed}: the {what} {how}");
        let vet = VetConfig::default();
        let again = || {
            rebuild(directory.path(), false, &vet, 1 << 30, clock::now())
                .unwrap_or_else(|error| panic!("{case}: {error}"))
        };
        let found = !faults(directory.path()).is_empty();
        refill_if_gone(directory.path(), &vet, 1 << 30).unwrap_or_else(|error| panic!("{case}: {error}"));
        let store = Store::open(directory.path()).unwrap_or_else(|error| {
            assert!(error.to_string().contains("--rebuild"), "{case}: {error}");
            begun_again += 1;
            again();
            Store::open(directory.path()).unwrap_or_else(|error| panic!("{case}: {error}"))
        });
        assert_same(&rests(&store), &good, &case);
        let notice = store.records_notice();
        assert!(notice.as_ref().is_none_or(|notice| notice.lost.is_empty()), "{case}: {notice:?}");
        drop(store);
        match (found || notice.is_some(), what) {
            (true, _) => told += 1,
            // An archived listing that is gone is missed by nobody until a store must be begun again.
            (false, _) => unused += 1,
        }
        assert!(what != "journal" || notice.is_some(), "{case}: nothing is told");
        // What was not in the way of a start is found by a check, and then a new beginning has all of it.
        let left = faults(directory.path());
        if left.iter().any(|fault| !fault.contains("archived listing")) {
            assert_eq!(what, "store", "{case}: {left:?}");
            again();
            let store = Store::open(directory.path()).expect("opened");
            assert_same(&rests(&store), &good, &case);
            begun_again += 1;
        }
        let left = faults(directory.path());
        assert!(left.iter().all(|fault| fault.contains("archived listing")), "{case}: {left:?}");
    }
    println!("{damages} damages: {told} told, {unused} of no use to anybody, {begun_again} stores begun again");
}

fn assert_same(found: &Rests, good: &Rests, case: &str) {
    assert_eq!((&found.0, &found.1), (&good.0, &good.1), "{case}");
    assert_eq!((found.2.len(), found.3.len()), (good.2.len(), good.3.len()), "{case}");
    assert!(found == good, "{case}");
}

#[tokio::test]
async fn of_a_damaged_store_a_command_says_one_thing_and_nothing_of_what_happened_within() {
    let site = Site::with_listing(&World::new(83, 120).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    daemon.terminate().await;
    let path = site.state_dir().join(FILE_NAME);
    let good = std::fs::read(&path).expect("read");
    let mut refused = 0;
    for first in 0..5 {
        let mut bytes = good.clone();
        for page in bytes.chunks_mut(PAGE).skip(first).step_by(5) {
            page.iter_mut().take(64).for_each(|byte| *byte ^= 0x5a);
        }
        std::fs::write(&path, bytes).expect("written");
        for command in ["status", "doctor --offline", "check 0000000001", "verify", "removals"] {
            let asked = site.run(&command.split(' ').collect::<Vec<_>>());
            let said = String::from_utf8_lossy(&asked.stderr).into_owned() + &stdout(&asked);
            assert!(!said.contains("panicked") && !said.contains("redb-"), "{first} {command}: {said}");
            refused += usize::from(said.contains("damaged") || said.contains("cannot be"));
        }
    }
    assert!(refused > 5, "it was damaged: {refused}");
}

fn faults(state_dir: &Path) -> Vec<String> {
    match verify_closed(state_dir) {
        Ok(verified) => [verified.faults, verified.journal_faults, verified.archive_faults].concat(),
        Err(error) => vec![error.to_string()],
    }
}
