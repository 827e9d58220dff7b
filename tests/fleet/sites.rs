//! A fleet of real daemons that meet in a real etcd, and whose source is a server of the test.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use rmdd::api::grpc::v1::GetStatusResponse;
use rmdd::domain::{Log, Position};
use rmdd::fleet::client::Client;
use rmdd::fleet::engine::{Engine, member};
use rmdd::fleet::head::BaseName;
use rmdd::fleet::keys::Keys;
use rmdd::fleet::{FORMAT, base};
use rmdd::store::archive::Archive;
use rmdd::store::{FleetPosition, Store};
use rmdd_testkit::etcd::{Etcd, Setup};
use tempfile::TempDir;

use crate::common::http::{Answer, Server};
use crate::common::{Daemon, Site, eventually, now, status_of, stderr, stdout};

/// No cycle comes by itself.
pub const NEVER: &str = "0 0 1 1 *";

/// How often sites look, and how long they live without a word: shorter than in service, so that tests need not wait.
pub const QUICK: &str = "poll = \"200ms\"\nlease = \"4s\"\n";

/// The names of the sites.
pub const NAMES: [&str; 5] = ["ams", "bos", "chi", "den", "ely"];

/// Sites of one fleet.
pub struct Fleet {
    pub etcd: Etcd,
    pub source: Server,
    pub sites: Vec<Site>,
    pub daemons: Vec<Option<Daemon>>,
    pub client: Client,
    cron: String,
    pace: String,
    _directory: TempDir,
}

/// The way to the members of an etcd.
pub fn client(etcd: &Etcd) -> Client {
    let members = etcd.urls().iter().map(|url| member(url, None).expect("an address")).collect();
    Client { engine: Arc::new(Engine::new(members, Duration::from_secs(2))), keys: Keys::new("east") }
}

impl Fleet {
    /// Founds a fleet from a store that has synced this listing, and starts so many daemons, of which all but the first have
    /// nothing. Nothing where there is no etcd here.
    pub async fn found(listing: &[u8], count: usize, cron: &str) -> Option<Self> {
        Self::prepare(listing, count, cron).await?.founded().await
    }

    /// Founds it and starts all daemons.
    pub async fn founded(self) -> Option<Self> {
        let mut fleet = self;
        fleet.sites[0].make_store();
        fleet.ok(0, &["sync"]);
        fleet.begin();
        fleet.agree().await;
        Some(fleet)
    }

    /// Founds it from a store that holds nothing, and starts all daemons: whichever fetches gets a listing at once.
    pub async fn founded_from_nothing(self) -> Option<Self> {
        let mut fleet = self;
        fleet.sites[0].make_store();
        fleet.begin();
        fleet.agree().await;
        Some(fleet)
    }

    fn begin(&mut self) {
        self.ok(0, &["fleet", "init"]);
        for place in 0..self.sites.len() {
            self.start(place);
        }
    }

    /// Configures the sites, and starts nothing.
    pub async fn prepare(listing: &[u8], count: usize, cron: &str) -> Option<Self> {
        Self::prepare_at(listing, count, cron, QUICK).await
    }

    /// The same, at another pace.
    pub async fn prepare_at(listing: &[u8], count: usize, cron: &str, pace: &str) -> Option<Self> {
        Self::prepare_in(Setup::default(), listing, count, cron, pace).await
    }

    /// The same, in an etcd that is set up so.
    pub async fn prepare_in(setup: Setup, listing: &[u8], count: usize, cron: &str, pace: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let etcd = Etcd::start(directory.path(), setup).await?;
        let source = Server::start(Answer::csv(listing)).await;
        let sites = (0..count).map(|_| Site::new()).collect();
        let (client, cron, pace) = (client(&etcd), cron.to_owned(), pace.to_owned());
        let daemons = (0..count).map(|_| None).collect();
        let fleet = Self { etcd, source, sites, daemons, client, cron, pace, _directory: directory };
        for (place, site) in fleet.sites.iter().enumerate() {
            site.configure(&fleet.settings(place));
        }
        Some(fleet)
    }

    fn settings(&self, place: usize) -> String {
        let (source, cron, engine, site) = (&self.source.url, &self.cron, self.etcd.urls(), NAMES[place]);
        format!(
            "source = {source:?}\n[schedule]\ncron = {cron:?}\n[fleet]\nname = \"east\"\nengine = {engine:?}\n\
             site = {site:?}\n{}",
            self.pace
        )
    }

    /// Puts more settings into the table `[fleet]` of a site.
    pub fn configure(&self, place: usize, more: &str) {
        self.sites[place].configure(&(self.settings(place) + more));
    }

    /// Adds a site of the same name as another, with a store of its own. Returns its place.
    pub fn add_twin_of(&mut self, place: usize) -> usize {
        let site = Site::new();
        site.configure(&self.settings(place));
        self.sites.push(site);
        self.daemons.push(None);
        self.sites.len() - 1
    }

    /// Starts the daemon of a site.
    pub fn start(&mut self, place: usize) {
        let site = &self.sites[place];
        self.daemons[place] = Some(site.start_with(&["--config", &site.config()]));
    }

    /// Starts the daemon of a site, which begins its store again where that is damaged.
    pub fn start_rebuilding(&mut self, place: usize) {
        let site = &self.sites[place];
        self.daemons[place] = Some(site.start_with(&["--config", &site.config(), "--rebuild"]));
    }

    /// Starts the daemon of a site by a command that is set up otherwise than others.
    pub fn start_by(&mut self, place: usize, mut command: Command) {
        let site = &self.sites[place];
        command.arg("serve").arg("--state-dir").arg(site.state_dir());
        command.args(["--grpc-listen", "127.0.0.1:0", "--config", &site.config()]);
        self.daemons[place] = Some(Daemon::spawn(command));
    }

    /// Stops the daemon of a site in good order, and returns its log.
    pub async fn stop(&mut self, place: usize) -> String {
        let (status, log) = self.daemons[place].take().expect("it runs").terminate().await;
        assert!(status.success(), "{log}");
        log
    }

    /// The daemons that run.
    pub fn running(&self) -> impl Iterator<Item = &Daemon> {
        self.daemons.iter().flatten()
    }

    pub fn daemon(&self, place: usize) -> &Daemon {
        self.daemons[place].as_ref().expect("it runs")
    }

    /// Runs a command at a site to its end.
    pub fn run(&self, place: usize, arguments: &[&str]) -> Output {
        let site = &self.sites[place];
        let config = site.config();
        let mut all = vec!["--config", &config];
        all.extend(arguments);
        tokio::task::block_in_place(|| site.run(&all))
    }

    pub fn ok(&self, place: usize, arguments: &[&str]) -> Output {
        let output = self.run(place, arguments);
        assert_eq!(status_of(&output), 0, "{arguments:?}: {}", stderr(&output));
        output
    }

    /// The place of the site that fetches.
    pub async fn fetcher(&self) -> usize {
        eventually("a site fetches", || async {
            let fetcher = self.client.poll().await.ok()?.fetcher?;
            NAMES.iter().position(|name| *name == fetcher.site)
        })
        .await
    }

    /// A site that runs and does not fetch.
    pub async fn other(&self) -> usize {
        let fetcher = self.fetcher().await;
        (0..self.sites.len()).rev().find(|place| *place != fetcher && self.daemons[*place].is_some()).expect("another")
    }

    /// The index of the last entry of a log.
    pub async fn index(&self, log: Log) -> u64 {
        let head = |polled: rmdd::fleet::client::Polled| {
            let [listing, records] = polled.heads;
            match log {
                Log::Listing => listing,
                Log::Records => records,
            }
        };
        eventually("the head is read", || async { Some(head(self.client.poll().await.ok()?)?.ok()?.index) }).await
    }

    /// Waits until all daemons that run tell the same of the listing and of records; returns it.
    pub async fn agree(&self) -> Told {
        eventually("all sites tell the same", || async {
            let mut told = Vec::new();
            for daemon in self.running() {
                told.push(Told::of(&daemon.status().await));
            }
            let first = told.first().filter(|first| first.listing.is_some())?;
            if told.iter().any(|told| told != first) {
                return None;
            }
            let running = (0..self.sites.len()).filter(|place| self.daemons[*place].is_some());
            let records: Vec<String> = running.map(|place| self.records(place)).collect();
            let all = records.iter().all(|told| *told == records[0]);
            all.then(|| Told { records: records[0].clone(), ..first.clone() })
        })
        .await
    }

    /// Waits until all sites that run have the raw bytes of a listing in their archives.
    pub async fn archived(&self, digest: &str) {
        for place in (0..self.sites.len()).filter(|place| self.daemons[*place].is_some()) {
            let archive = Archive::new(&self.sites[place].state_dir());
            eventually("the raw listing is in the archive", || async {
                let entries = archive.entries().unwrap_or_default();
                entries
                    .iter()
                    .any(|entry| entry.sha256.to_string() == digest && archive.check(entry).is_ok())
                    .then_some(())
            })
            .await;
        }
    }

    fn records(&self, place: usize) -> String {
        ["list", "history"].map(|what| stdout(&self.ok(place, &["overrides", what, "--json"]))).concat()
    }

    /// Stops all daemons in good order, and says what each store holds: the names of its bases, and where it stands. Stores
    /// that hold the same have the same bases to the byte.
    async fn end(mut self) -> Vec<(Vec<BaseName>, Option<FleetPosition>)> {
        for daemon in self.daemons.iter_mut().filter_map(Option::take) {
            let (status, log) = daemon.terminate().await;
            assert!(status.success(), "{log}");
        }
        self.sites.iter().map(held).collect()
    }

    /// Stops all daemons in good order: all stores hold the same.
    pub async fn end_alike(self) {
        let held = self.end().await;
        assert!(held.iter().all(|site| *site == held[0]), "{held:?}");
    }
}

/// Where a log ends, from its newest entry.
pub async fn position(fleet: &Fleet, log: Log) -> Position {
    let [listing, records] = fleet.client.poll().await.expect("read").heads;
    let head = match log {
        Log::Listing => listing,
        Log::Records => records,
    };
    let head = head.expect("a head").expect("readable");
    let newest = fleet.client.entries(log, head.index, head.index).await.expect("read");
    let at = newest.first().and_then(|bytes| rmdd::fleet::entry::written_by(bytes)).map_or(now(), |(_, at)| at);
    Position { index: head.index, sha256: head.sha256, at }
}

/// What a store holds.
pub fn held(site: &Site) -> (Vec<BaseName>, Option<FleetPosition>) {
    held_at(&site.state_dir())
}

/// What the store of a state directory holds.
pub fn held_at(state_dir: &Path) -> (Vec<BaseName>, Option<FleetPosition>) {
    let store = Store::open(state_dir).expect("a store");
    let position = store.fleet_position().expect("read");
    let base = |log| {
        let (state, position) = store.state(log).expect("read");
        base::make(&state, position.expect("in a fleet").of(log), FORMAT).expect("a base").name
    };
    (Log::ALL.map(base).to_vec(), position)
}

/// What a daemon tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The snapshot's serial and digest, and how many filings it has.
    pub listing: Option<(u64, Vec<u8>, u64)>,
    pub last_change: u64,
    pub removed: u64,
    /// When the last cycle was, and what it came to.
    pub last_sync: Option<(i64, i32, i32)>,
    pub last_success: Option<i64>,
    pub failures: u64,
    /// The digests of what is held.
    pub held: Vec<Vec<u8>>,
    /// The records and their events, as the commands print them.
    pub records: String,
}

impl Told {
    fn of(status: &GetStatusResponse) -> Self {
        let snapshot = status.snapshot.as_ref();
        Self {
            listing: snapshot.map(|snapshot| (snapshot.serial, snapshot.sha256.to_vec(), status.filings)),
            last_change: status.last_change_serial,
            removed: status.removed_filings,
            last_sync: status.last_sync.as_ref().map(|sync| {
                let at = sync.at.unwrap_or_default();
                (at.seconds, at.nanos, sync.outcome)
            }),
            last_success: status.last_success_at.map(|at| at.seconds),
            failures: status.failures_since,
            held: status.held.iter().map(|held| held.sha256.clone()).collect(),
            records: String::new(),
        }
    }
}
