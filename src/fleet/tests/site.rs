//! A site that makes facts, and sites that follow.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rmdd_testkit::World;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::domain::{
    Anomaly, ChangeSerial, HeldListing, Identity, Peer, PeerKind, Record, RecordBody, RecordEvent, RecordKind,
    Sha256Digest, SourceFault, SourceState, SyncOutcome, SyncRecord, SyncTrigger, Validators, is_ahead, later_than,
};
use crate::fleet::entry::{self, Author, Entry, Payload, Written};
use crate::fleet::{FORMAT, Fault, apply, base, payload};
use crate::listing::canonical::{Export, Format};
use crate::listing::index::Index;
use crate::listing::next::{Current, FetchedAt, FetchedListing, Vetting};
use crate::listing::vet::VetConfig;
use crate::records::{Change, Records, plan};
use crate::store::{CycleFact, FleetId, Holding, Ledger, Loaded, Log, Position, SnapshotFact, Store, SyncState};

pub const FLEET: FleetId = FleetId([7; 16]);

pub fn hours(hours: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000).expect("a time") + SignedDuration::from_hours(hours)
}

pub fn digest(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest(Sha256::digest(bytes).into())
}

/// An entry, and in which log.
#[derive(Debug, Clone)]
pub struct Appended {
    pub log: Log,
    pub written: Written,
}

/// A store, and what is published of it.
pub struct Site {
    pub directory: TempDir,
    pub store: Arc<Store>,
    pub index: Option<Arc<Index>>,
    pub state: SyncState,
}

impl Site {
    /// One that has nothing.
    pub fn empty() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Arc::new(Store::open(directory.path()).expect("made"));
        Self { directory, store, index: None, state: SyncState::default() }
    }

    /// One that is in the fleet and has nothing.
    pub fn joined() -> Self {
        let site = Self::empty();
        site.store.found_fleet(FLEET).expect("founded");
        site
    }

    /// Publishes what is stored.
    pub fn publish_stored(&mut self) {
        let Loaded { snapshot, removals, last_change, sync_state, .. } = self.store.load().expect("loaded");
        self.index = snapshot.map(|snapshot| Arc::new(Index::build(snapshot, removals, last_change)));
        self.state = sync_state;
    }

    /// As after a restart.
    pub fn restarted(self) -> Self {
        let Self { directory, store, .. } = self;
        drop(store);
        Self::at(directory)
    }

    /// One whose state directory this is.
    pub fn at(directory: TempDir) -> Self {
        let store = Arc::new(Store::open(directory.path()).expect("opened"));
        let mut site = Self { directory, store, index: None, state: SyncState::default() };
        site.publish_stored();
        site
    }

    pub fn position(&self, log: Log) -> Position {
        self.store.fleet_position().expect("read").expect("in a fleet").of(log)
    }

    /// Reads and applies the next entry, as one that the head vouches for.
    pub fn follow(&mut self, next: &Appended) -> Result<(), Fault> {
        let Appended { log, written } = next;
        let sha256 = written.position.sha256;
        let chained = entry::chain(*log, &self.position(*log), &[&written.bytes], sha256)?;
        if let Some(fault) = chained.then {
            return Err(fault);
        }
        let bytes = match &chained.entries[0].payload {
            Payload::Inline(bytes) => bytes.clone(),
            Payload::Blob(name) => name.unpack(written.blob.as_ref().expect("a blob").chunks())?,
        };
        self.apply(&chained.entries[0], &bytes)
    }

    pub fn apply(&mut self, entry: &Entry, bytes: &[u8]) -> Result<(), Fault> {
        if entry.log == Log::Records {
            return apply::records(&self.store, entry, bytes).map(drop);
        }
        let applied = apply::listing(&self.store, (self.index.as_ref(), &self.state), entry, bytes)?;
        if let Some(index) = applied.index {
            self.index = Some(Arc::new(index));
        }
        self.state = applied.state;
        Ok(())
    }

    /// The base of one log, as this site makes it.
    pub fn base(&self, log: Log, position: Position) -> base::Packed {
        base::make(&self.store.state(log).expect("read").0, position, FORMAT).expect("packed")
    }

    /// Takes a base.
    pub fn take(&mut self, log: Log, packed: &base::Packed) -> Result<(), Fault> {
        let manifest = packed.name.manifest.unpack(packed.manifest.chunks())?;
        let mut assembly = base::Assembly::begin(log, packed.name.index, &manifest)?;
        for part in &packed.parts {
            let name = assembly.next().expect("one more");
            assembly.add(&name.unpack(part.chunks())?)?;
        }
        let (state, position) = assembly.finish()?;
        self.store.take_base(&state, FLEET, position)?;
        self.publish_stored();
        Ok(())
    }
}

/// The site that makes facts, and the logs that it writes.
pub struct Origin {
    pub site: Site,
    pub ledger: Ledger,
    pub world: World,
    /// What its clock shows.
    pub now: Timestamp,
    pub appended: Vec<Appended>,
    ends: [Position; 2],
    records: Records,
    count: u8,
}

impl Origin {
    pub fn new(world: World) -> Self {
        let site = Site::empty();
        let ledger = Ledger::Own(Arc::clone(&site.store));
        let ends = Log::ALL.map(|log| Position::origin(FLEET, log));
        let records = Records::build([], 0);
        Self { site, ledger, world, now: hours(0), appended: Vec::new(), ends, records, count: 0 }
    }

    pub fn end(&self, log: Log) -> Position {
        self.ends[log as usize]
    }

    fn append(&mut self, log: Log, payload: Vec<u8>) {
        self.count = self.count.wrapping_add(1);
        let (site, version) = ("a".to_owned(), "0.1.0".to_owned());
        let author = Author { site, version, id: [self.count; 16], at: self.now, format: FORMAT };
        let written = entry::write(log, &self.end(log), payload, author).expect("written");
        self.ends[log as usize] = written.position;
        self.appended.push(Appended { log, written });
    }

    fn cycle(&self, outcome: SyncOutcome) -> SyncRecord {
        let fault = SourceFault { source: "b".to_owned(), kind: "STATUS".to_owned(), error: "503".to_owned() };
        let state = SourceState {
            validators: Some((
                Validators { etag: Some(format!("\"{}\"", self.count)), last_modified: None },
                Sha256Digest([self.count; 32]),
            )),
            last_asked_at: Some(self.now),
            not_before: Some(self.now + SignedDuration::from_mins(7)),
            failures: u64::from(self.count % 3),
            fault: Some(fault.clone()),
            clock_skew: Some(SignedDuration::from_secs(-3)),
            ..SourceState::new("https://fcc.example".to_owned())
        };
        let sources = match self.count % 4 {
            0 => Vec::new(),
            _ => vec![state, SourceState::new("b".to_owned())],
        };
        let passed_over = if self.count.is_multiple_of(2) { vec![fault] } else { Vec::new() };
        let trigger = SyncTrigger::ALL[usize::from(self.count) % SyncTrigger::ALL.len()];
        SyncRecord { at: self.now, trigger, source: "https://fcc.example".to_owned(), outcome, passed_over, sources }
    }

    /// What stands as it is held against a listing that comes now.
    fn believed(&self) -> Option<Arc<Index>> {
        let current = self.site.index.clone()?;
        let ahead = is_ahead(current.confirmed_at(), self.now);
        Some(match ahead && later_than(self.now, current.listed_day()).is_none() {
            true => Arc::new(current.no_later_than(self.now)),
            false => current,
        })
    }

    /// A listing is applied, if vetting does not refuse it.
    pub fn publish(&mut self, csv: &[u8], why: Option<Anomaly>) {
        let current = self.believed();
        let fetched = FetchedListing {
            bytes: csv,
            sha256: digest(csv),
            source: "https://fcc.example".to_owned(),
            fetched_at: FetchedAt::Clock(self.now),
        };
        let config = VetConfig::default();
        let Ok(vetted) = Current::of(current.as_deref()).vet(fetched, Vetting { config: &config, peers: &[] }) else {
            return;
        };
        let mut snapshot = vetted.snapshot;
        snapshot.anomalies.extend(why);
        let step = Current::of(current.as_deref()).step(&snapshot);
        let outcome = SyncOutcome::Applied {
            serial: snapshot.serial,
            filings: snapshot.filings.len() as u64,
            changes: step.counts(),
        };
        let fact = SnapshotFact { cycle: self.cycle(outcome), snapshot, step, current };
        let digest = crate::listing::canonical::digest(&fact.snapshot.filings);
        self.append(Log::Listing, payload::of_snapshot(&fact, digest).0);
        let committed = self.ledger.snapshot(&fact).expect("committed");
        let SnapshotFact { snapshot, step, .. } = fact;
        let index = Index::build_known(snapshot, committed.listing_sha256, step.removals, committed.last_change);
        self.site.index = Some(Arc::new(index));
        self.site.state = committed.state;
    }

    /// The source publishes what stands again.
    pub fn confirm(&mut self) {
        let Some(current) = self.believed() else { return };
        let at = self.now.max(current.confirmed_at());
        let (serial, filings) = (current.snapshot().serial, current.snapshot().filings.len() as u64);
        let cycle = self.cycle(SyncOutcome::Unchanged { serial, filings });
        self.record(CycleFact { cycle, confirmed: Some((serial, at)), holding: Holding::Nothing });
        self.site.index = Some(Arc::new(current.confirmed(at)));
    }

    pub fn fail(&mut self, refused: bool) {
        let outcome = match refused {
            true => SyncOutcome::Refused { reason: "it is a page of HTML".to_owned() },
            false => SyncOutcome::Failed { error: "the source is down".to_owned() },
        };
        self.record(CycleFact { cycle: self.cycle(outcome), confirmed: None, holding: Holding::AsBefore });
    }

    fn record(&mut self, fact: CycleFact) {
        self.append(Log::Listing, payload::of_cycle(&fact));
        self.site.state = self.ledger.cycle(&fact).expect("recorded");
    }

    /// A listing is held: between cycles, or as the end of one.
    pub fn hold(&mut self, held: HeldListing, between: bool) {
        if between {
            self.append(Log::Listing, payload::of_held(&held));
            self.site.state.held = self.ledger.held(&held).expect("held");
            return;
        }
        let cycle = self.cycle(SyncOutcome::Held { sha256: held.sha256, reason: "half of it is missing".to_owned() });
        self.record(CycleFact { cycle, confirmed: None, holding: Holding::Listing(Box::new(held)) });
    }

    /// Operators change their records, if the change makes sense. Returns its events.
    pub fn change(&mut self, change: Change) -> Vec<RecordEvent> {
        let events = match plan(&self.records, change, self.now) {
            Ok(events) if !events.is_empty() => events,
            _ => return Vec::new(),
        };
        self.append(Log::Records, payload::of_records(&events).expect("written"));
        self.ledger.records(&events).expect("committed");
        self.records = self.records.after(&events);
        events
    }

    pub fn put(&mut self, peers: &[(&str, u64)]) -> Vec<RecordEvent> {
        let records = peers.iter().map(|(name, frn)| peer(name, *frn, self.now)).collect();
        self.change(Change::Put { records, replace: true, by: "noc".to_owned() })
    }

    pub fn remove(&mut self, name: &str) -> Vec<RecordEvent> {
        let (ids, by, why) = (vec![name.to_owned()], "noc".to_owned(), "gone".to_owned());
        self.change(Change::Remove { kind: RecordKind::Peer, ids, by, why })
    }
}

fn peer(name: &str, frn: u64, at: Timestamp) -> Record {
    Record {
        provider: Identity::Frn(crate::domain::Frn::from_value(frn).expect("an FRN")),
        body: RecordBody::Peer(Peer { name: name.to_owned(), kind: PeerKind::TrunkGroup, role: None }),
        by: "noc".to_owned(),
        why: "a test".to_owned(),
        at,
        revision: 0,
        expires_at: frn.is_multiple_of(2).then(|| at + SignedDuration::from_hours(99)),
    }
}

/// All that two sites must have alike, whatever way they came to it.
pub fn assert_same(one: &Site, other: &Site, ends: [Position; 2]) {
    for (log, end) in Log::ALL.into_iter().zip(ends) {
        let (mine, theirs) = (one.base(log, end), other.base(log, end));
        assert_eq!(mine.name, theirs.name, "{log:?}");
    }
    let (mine, theirs) = (one.store.load().expect("read"), other.store.load().expect("read"));
    assert_eq!(mine.sync_state, theirs.sync_state);
    assert_eq!(mine.last_change, theirs.last_change);
    let removals = |loaded: &Loaded| loaded.removals.newest_first().cloned().collect::<Vec<_>>();
    assert_eq!(removals(&mine), removals(&theirs));
    assert_eq!(mine.removals.first_sights(), theirs.removals.first_sights());
    let all = ChangeSerial(0);
    assert_eq!(one.store.changes_after(all, usize::MAX).ok(), other.store.changes_after(all, usize::MAX).ok());
    assert_eq!(one.store.load_records().expect("read"), other.store.load_records().expect("read"));
    let events = |site: &Site| site.store.record_events_between(0, u64::MAX, usize::MAX).expect("read");
    assert_eq!(events(one), events(other));
    let export = |site: &Site| {
        let snapshot = site.index.as_ref()?.shared_snapshot();
        let mut export = Export::new(snapshot, Format::Csv);
        let mut whole = Vec::new();
        loop {
            let piece = export.piece(1 << 16).expect("written");
            if piece.is_empty() {
                return Some(whole);
            }
            whole.extend(piece);
        }
    };
    assert_eq!(export(one), export(other));
    let published = |index: Option<&Index>| {
        let index = index?;
        let removals: Vec<_> = index.removals().newest_first().cloned().collect();
        let times = (index.confirmed_at(), index.snapshot().fetched_at, index.snapshot().carried.clone());
        Some((index.listing_sha256(), index.last_change(), times, removals, index.snapshot().steps.clone()))
    };
    let stored = theirs.snapshot.map(|snapshot| Index::build(snapshot, theirs.removals, theirs.last_change));
    assert_eq!(published(one.index.as_deref()), published(other.index.as_deref()));
    assert_eq!(published(other.index.as_deref()), published(stored.as_ref()), "what is published is what is stored");
}

/// That nothing is wrong with a site's file and journal.
pub fn assert_good(site: &Site) {
    let verified = site.store.verify().expect("checked");
    assert_eq!((verified.faults, verified.journal_faults), (Vec::new(), Vec::new()));
    assert_eq!(site.store.records_notice(), None);
}

/// The files beside a store whose names have this in them.
pub fn beside(directory: &Path, part: &str) -> Vec<String> {
    let names = std::fs::read_dir(directory).expect("read").map(|file| file.expect("one").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.contains(part)).collect()
}
