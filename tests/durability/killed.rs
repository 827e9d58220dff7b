//! SIGKILL at every point of a sync: what is found afterwards is the store of before or the store of after.
//!
//! A sync is timed, and real processes are killed after delays that sweep over all of that time and a bit more.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::common::canonical::{export_of, sha256};
use crate::common::{Site, status_of, stderr, stdout};
use rmdd::domain::{ChangeSerial, Record, RecordKind, SnapshotSerial, SyncOutcome};
use rmdd::listing::canonical;
use rmdd::store::archive::Archive;
use rmdd::store::removed::REMOVALS_NAME;
use rmdd::store::{FILE_NAME, JOURNAL_NAME, Store, StoreError, verify_closed};
use rmdd_testkit::{Changes, Step, World};

/// How many processes are killed over an existing store, and over none.
const KILLS: usize = 260;
const FIRST_KILLS: usize = 60;

/// Every so many kills the whole history is read and held against its digests.
const VERIFIED_EACH: usize = 40;

/// A step that lists, amends, removes and reinstates.
const STEP: Step = Step { list: 3, amend: 12, remove: 4, reinstate: 2 };

/// Where the k-th of a sweep stands, as a share of the sync's time: from 0 to 1.1, in an order that leaps about, so that
/// a machine that slows down for a while does not leave out a stretch.
fn share(k: usize, of: usize) -> f64 {
    let place = k * 89 % of;
    1.1 * place as f64 / of as f64
}

/// One state of the store that a test expects.
#[derive(Debug, Clone, PartialEq)]
struct Stand {
    serial: u64,
    /// Digest of the export, made by other means.
    listing: String,
    filings: usize,
    last_change: u64,
    /// Who is away.
    removed: BTreeSet<String>,
}

impl Stand {
    fn after(&self, world: &World, changes: &Changes) -> Self {
        let mut removed = self.removed.clone();
        removed.extend(changes.removed.iter().cloned());
        removed.retain(|number| !changes.reinstated.contains(number));
        let count = changes.listed.len() + changes.amended.len() + changes.removed.len() + changes.reinstated.len();
        Self {
            serial: self.serial + 1,
            listing: sha256(&export_of(&world.to_csv())),
            filings: world.len(),
            last_change: self.last_change + count as u64,
            removed,
        }
    }

    fn first(world: &World) -> Self {
        Self {
            serial: 1,
            listing: sha256(&export_of(&world.to_csv())),
            filings: world.len(),
            last_change: world.len() as u64,
            removed: BTreeSet::new(),
        }
    }
}

/// Reads all that a store says of its newest state, and checks that its parts agree.
fn look(state_dir: &Path, records: &[Record]) -> Option<Stand> {
    let store = Store::open(state_dir).expect("it opens after any kill");
    let loaded = store.load().expect("it loads");
    assert_eq!(store.load_records().expect("they load").0, records, "operators' records");
    let Some(snapshot) = loaded.snapshot else {
        assert_eq!(loaded.last_change, ChangeSerial(0));
        assert!(store.snapshot_records().expect("read").is_empty());
        return None;
    };
    let serial = snapshot.serial;
    let serials: Vec<_> = store.snapshot_records().expect("read").iter().map(|record| record.serial.0).collect();
    assert_eq!(serials, (1..=serial.0).collect::<Vec<_>>(), "none is missing and none comes twice");
    let changes = store.changes_after(ChangeSerial(0), usize::MAX).expect("read");
    assert!(changes.iter().zip(1..).all(|(change, expected)| change.serial.0 == expected), "changes follow each other");
    assert!(changes.is_sorted_by_key(|change| change.snapshot));
    assert_eq!(changes.last().map(|change| change.snapshot), Some(serial));
    assert_eq!(changes.last().map(|change| change.serial), Some(loaded.last_change));
    assert_eq!(loaded.sync_state.confirmed.map(|(confirmed, _)| confirmed), Some(serial));
    assert!(loaded.sync_state.held.is_empty());
    match loaded.sync_state.last.expect("a cycle").outcome {
        SyncOutcome::Applied { serial: applied, .. } => assert_eq!(applied, serial),
        SyncOutcome::Unchanged { serial: confirmed, .. } => assert_eq!(confirmed, serial),
        other => panic!("no cycle failed, and this one is on record: {other:?}"),
    }
    Some(Stand {
        serial: serial.0,
        listing: canonical::digest(&snapshot.filings).to_string(),
        filings: snapshot.filings.len(),
        last_change: loaded.last_change.0,
        removed: changes
            .iter()
            .map(|change| change.number)
            .filter(|number| loaded.removals.open(*number).is_some())
            .map(|number| number.to_string())
            .collect(),
    })
}

/// Looks at a copy, so that it is left to the next process to put right what the kill has left.
fn look_at_copy(site: &Site, records: &[Record]) -> Option<Stand> {
    let copy = tempfile::tempdir().expect("a directory");
    std::fs::copy(site.state_dir().join(FILE_NAME), copy.path().join(FILE_NAME)).expect("copied");
    look(copy.path(), records)
}

fn sync_command(site: &Site) -> Command {
    // Only a daemon makes one.
    if !crate::common::exists(&site.state_dir().join(FILE_NAME)) {
        site.make_store();
    }
    let mut command = crate::common::rmdd();
    command.arg("--state-dir").arg(site.state_dir()).arg("sync").arg("--source").arg(site.listing());
    command
}

fn serve_command(site: &Site) -> Command {
    let mut command = crate::common::rmdd();
    command.arg("--state-dir").arg(site.state_dir());
    command.args(["serve", "--grpc-listen", "off", "--source"]).arg(site.listing());
    command
}

/// Starts a process and kills it after a while, unless it has ended. Says how it ended and after how long.
fn kill_after(mut command: Command, delay: Duration) -> (ExitStatus, Duration) {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    // The one sleep of this test: the time at which the kill falls.
    while started.elapsed() < delay {
        #[expect(clippy::disallowed_methods, reason = "what is tested is a kill at this time")]
        std::thread::sleep((delay - started.elapsed().min(delay)).min(Duration::from_millis(2)));
        if let Some(status) = child.try_wait().expect("its status") {
            return (status, started.elapsed());
        }
    }
    // It may end of itself at this very moment.
    let _ = child.kill();
    (child.wait().expect("gone"), started.elapsed())
}

/// How long a whole sync takes. It follows the machine as it slows down and recovers.
struct Pace(Duration);

impl Pace {
    fn measured(world: &World) -> Self {
        let site = Site::with_listing(&world.to_csv());
        let started = Instant::now();
        assert!(sync_command(&site).output().expect("it runs").status.success());
        Self(started.elapsed())
    }

    fn delay(&self, share: f64) -> Duration {
        self.0.mul_f64(share)
    }

    fn saw(&mut self, share: f64, ended_after: Option<Duration>) {
        match ended_after {
            Some(time) => self.0 = (self.0 * 3 + time) / 4,
            None if share > 1.0 => self.0 = self.0.mul_f64(1.1),
            None => {}
        }
    }
}

/// The files below a directory that a kill may have left and nobody needs.
fn litter(state_dir: &Path) -> Vec<PathBuf> {
    let names = |directory: PathBuf| {
        std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let mut files = names(state_dir.to_owned());
    files.retain(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        ![FILE_NAME, JOURNAL_NAME, REMOVALS_NAME, "archive", "incoming", "rmdd.sock"].contains(&name.as_str())
    });
    files.extend(names(state_dir.join("incoming")));
    let kept = |path: &PathBuf| [".csv.zst", ".applied.json"].iter().any(|end| path.to_string_lossy().ends_with(end));
    files.extend(names(state_dir.join("archive")).into_iter().filter(|path| !kept(path)));
    files
}

fn assert_tidy(state_dir: &Path) {
    let litter = litter(state_dir);
    assert!(litter.is_empty(), "left for good: {litter:?}");
}

/// A sweep that met only one kind of outcome would prove little.
fn assert_met(met: &HashMap<&str, usize>, kinds: &[&str]) {
    for kind in kinds {
        assert!(met.get(kind).is_some_and(|count| *count > 0), "the sweep met no case of {kind:?}: {met:?}");
    }
}

#[test]
fn a_kill_at_any_point_of_a_sync_leaves_the_store_of_before_or_of_after() {
    let mut world = World::new(71, 300);
    let mut pace = Pace::measured(&world);
    let site = Site::with_listing(&world.to_csv());
    assert!(sync_command(&site).output().expect("it runs").status.success());
    let denied = site.run(&["overrides", "add", "deny", "0009999999", "--by", "alice", "--why", "a test"]);
    assert_eq!(status_of(&denied), 0, "{}", stderr(&denied));
    let records = Store::open(&site.state_dir()).expect("open").load_records().expect("read").0;
    assert_eq!(records.iter().map(Record::kind).collect::<Vec<_>>(), [RecordKind::Override]);

    let mut stands = Stand::first(&world);
    assert_eq!(look(&site.state_dir(), &records), Some(stands.clone()));
    let mut met = HashMap::new();
    let changes = world.advance(STEP);
    let mut next = stands.after(&world, &changes);
    site.publish(&world.to_csv());
    for kill in 0..KILLS {
        let share = share(kill, KILLS);
        let daemon = kill % 4 == 3;
        let command = if daemon { serve_command(&site) } else { sync_command(&site) };
        let (status, time) = kill_after(command, pace.delay(share));
        assert!(status.code().is_none_or(|code| code == 0), "kill {kill}: {status}");
        if !daemon {
            pace.saw(share, status.success().then_some(time));
        }
        if !litter(&site.state_dir()).is_empty() {
            *met.entry("files left").or_default() += 1;
        }
        // Half of the time nobody puts the store right before the next process comes to it.
        let found = if kill % 2 == 0 { look_at_copy(&site, &records) } else { look(&site.state_dir(), &records) };
        let found = found.expect("a snapshot stands");
        let ended = status.success();
        let what = match (found == next, ended) {
            (false, false) => "killed, the store of before",
            (true, false) => "killed, the store of after",
            (true, true) => "ended",
            (false, true) => panic!("kill {kill}: it said that it succeeded, and the store is that of before"),
        };
        *met.entry(what).or_default() += 1;
        if found == next {
            stands = next;
            let changes = world.advance(STEP);
            next = stands.after(&world, &changes);
            site.publish(&world.to_csv());
        } else {
            assert_eq!(found, stands, "kill {kill} after {time:?}");
        }
        if kill % VERIFIED_EACH == VERIFIED_EACH - 1 {
            let verified = verify_closed(&site.state_dir()).expect("checked");
            assert_eq!(verified.faults, [""; 0], "kill {kill}");
            assert_eq!(verified.newest, Some(SnapshotSerial(stands.serial)));
            assert_eq!((verified.snapshots, verified.changes), (stands.serial, stands.last_change));
        }
    }
    assert_met(&met, &["killed, the store of before", "killed, the store of after", "files left"]);

    // Nothing has to be done by anybody: the next sync is one like any other, and leaves no litter.
    let sync = sync_command(&site).output().expect("it runs");
    assert_eq!(status_of(&sync), 0, "{}{}", stderr(&sync), stdout(&sync));
    assert_eq!(look(&site.state_dir(), &records), Some(next.clone()));
    assert_tidy(&site.state_dir());
    let archived = Archive::new(&site.state_dir()).entries().expect("read");
    for entry in &archived {
        let archive = Archive::new(&site.state_dir());
        assert!(archive.read_entry(entry, 1 << 24).is_ok(), "no half of a listing is archived: {entry:?}");
    }
    assert_eq!(archived.len() as u64, next.serial, "the listing of each snapshot, once");
}

#[test]
fn a_kill_at_any_point_of_the_first_sync_leaves_nothing_that_hinders_the_next() {
    let world = World::new(72, 300);
    let mut pace = Pace::measured(&world);
    let expected = Stand::first(&world);
    let mut met = HashMap::new();
    let mut site = Site::with_listing(&world.to_csv());
    for kill in 0..FIRST_KILLS {
        let share = share(kill, FIRST_KILLS);
        // Only a daemon makes the store: every third begins without one.
        let daemon = kill % 3 == 2;
        if daemon {
            site = Site::with_listing(&world.to_csv());
        }
        let command = if daemon { serve_command(&site) } else { sync_command(&site) };
        let (status, time) = kill_after(command, pace.delay(share));
        assert!(status.code().is_none_or(|code| code == 0), "kill {kill}: {status}");
        if !daemon {
            pace.saw(share, status.success().then_some(time));
        }
        let found = match Store::open_existing(&site.state_dir()) {
            Err(StoreError::Missing { .. }) => None,
            opened => {
                drop(opened.unwrap_or_else(|error| panic!("kill {kill} after {time:?}: {error}")));
                Some(look(&site.state_dir(), &[]))
            }
        };
        match found {
            None => *met.entry("no store").or_default() += 1,
            Some(None) => *met.entry("an empty store").or_default() += 1,
            Some(Some(found)) => {
                assert_eq!(found, expected, "kill {kill} after {time:?}");
                *met.entry("the store of after").or_default() += 1;
                site = Site::with_listing(&world.to_csv());
            }
        }
    }
    assert_met(&met, &["no store", "an empty store", "the store of after"]);
    let sync = sync_command(&site).output().expect("it runs");
    assert_eq!(status_of(&sync), 0, "{}{}", stderr(&sync), stdout(&sync));
    assert_eq!(look(&site.state_dir(), &[]), Some(expected));
    assert_tidy(&site.state_dir());
}
