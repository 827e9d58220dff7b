//! The fleet, its etcd and its source, set up to be broken.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rmdd::fleet::client::Client;
use rmdd::fleet::engine::{Engine, member as way_to};
use rmdd::fleet::keys::Keys;
use rmdd::fleet::said::Fetcher;

use super::book::Book;
use super::gateway::Gateway;
use super::load::{self, Way};
use super::machines::{
    self, HARNESS, Machine, SiteSetup, certify, command, member_address, member_name, set_clock, site_address,
    state_dir,
};
use super::network::{Network, at, has};
use crate::common::eventually;
use crate::sites::NAMES;

/// So large the database of a member may be.
const QUOTA: u64 = 48 << 20;

/// So large the disk of a site is.
const DISK: &str = "256m";

pub struct Field {
    pub directory: PathBuf,
    pub network: Network,
    pub members: Vec<Machine>,
    pub sites: Vec<Machine>,
    pub gateway: Gateway,
    pub book: Arc<Book>,
    pub setup: SiteSetup,
}

fn must(command: &mut Command) {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// The library that sets clocks.
pub fn clocks() -> Option<PathBuf> {
    let library = PathBuf::from("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1");
    let elsewhere = PathBuf::from("/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1");
    [library, elsewhere].into_iter().find(|path| fs::metadata(path).is_ok())
}

impl Field {
    /// Makes the network and starts etcd.
    pub async fn new(directory: &Path, etcd: &Path, setup: SiteSetup, book: Arc<Book>) -> Self {
        let sites = NAMES.iter().enumerate().map(|(place, name)| ((*name).to_owned(), site_address(place)));
        let members = (0..3).map(|place| (member_name(place), member_address(place)));
        let machines: BTreeMap<String, String> = sites.chain(members).collect();
        certify(directory, &machines);
        let network = Network::new(machines);
        let mut members: Vec<Machine> = (0..3).map(|place| machines::member(directory, etcd, place, QUOTA)).collect();
        members.iter_mut().for_each(Machine::start);
        let gateway =
            Gateway::new((0..3).map(|place| format!("{}:{HARNESS}", member_address(place))).collect::<Vec<_>>());
        for (place, name) in NAMES.iter().enumerate() {
            fs::create_dir_all(state_dir(directory, place)).expect("a directory");
            let size = format!("size={DISK},mode=700");
            must(Command::new("mount").args(["-t", "tmpfs", "-o", &size, name]).arg(state_dir(directory, place)));
            set_clock(directory, place, "+0");
        }
        let sites = (0..NAMES.len()).map(|place| machines::site(directory, place, &setup, &book)).collect();
        let directory = directory.to_owned();
        let field = Self { directory, network, members, sites, gateway, book, setup };
        eventually("etcd has a leader", || {
            let gateway = field.gateway.clone();
            async move { gateway.leader().await }
        })
        .await;
        field
    }

    /// Founds the fleet from what the first site fetches, and starts all sites.
    pub fn found(&mut self) {
        drop(rmdd::store::Store::open(&state_dir(&self.directory, 0)).expect("a store"));
        for arguments in [&["sync"][..], &["fleet", "init"]] {
            must(&mut at(NAMES[0], &command(&self.directory, 0, &self.setup, arguments)));
        }
        self.sites.iter_mut().for_each(Machine::start);
    }

    pub fn way(&self, site: usize) -> Way {
        Way::new(site, &state_dir(&self.directory, site))
    }

    /// The harness's own way to the logs.
    pub fn client(&self) -> Client {
        let members = (0..3).map(|place| format!("http://{}:{HARNESS}", member_address(place)));
        let members = members.map(|url| way_to(&url, None).expect("an address")).collect();
        Client { engine: Arc::new(Engine::new(members, Duration::from_secs(2))), keys: Keys::new("east") }
    }

    /// Waits until all sites tell that they stand at the same places, and which those are.
    pub async fn agree(&self) -> [u64; 2] {
        eventually("all sites stand at the same places", || async {
            let mut places = Vec::new();
            for place in 0..NAMES.len() {
                let begin = self.book.now();
                let told = self.way(place).status().await?;
                places.push(load::status(place, self.book.since(begin), &told).filter(|status| status.current)?.places);
            }
            places.iter().all(|place| *place == places[0]).then(|| places[0].map(|(index, _)| index))
        })
        .await
    }

    pub async fn leader(&self) -> Option<usize> {
        self.gateway.leader().await
    }

    /// The site that fetches, if one is known.
    pub fn fetcher(&self) -> Option<usize> {
        let term = self.book.fetcher()?;
        NAMES.iter().position(|name| *name == term.site)
    }

    pub fn has_tracer(&self) -> bool {
        has("strace")
    }

    pub fn has_clocks(&self) -> bool {
        self.setup.clocks.is_some()
    }

    /// Waits until a site asks the source, but not for ever: another may have come to fetch.
    pub async fn visited(&self, site: usize) {
        let count = || self.book.open().visits.iter().filter(|visit| visit.site == site).count();
        let before = count();
        let asked = async {
            while count() == before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(10), asked).await;
    }

    /// Waits until another site fetches in the place of this one, but not for ever: etcd may be in trouble itself.
    pub async fn overtaken(&self, site: usize) {
        let (mut gateway, keys) = (self.gateway.clone(), self.client().keys);
        let overtaken = async {
            loop {
                let found = gateway.range(&keys.fetcher(), None, 0).await.unwrap_or_default();
                let fetcher = found.first().and_then(|stored| Fetcher::from_bytes(&stored.value).ok());
                if fetcher.is_some_and(|fetcher| fetcher.site != NAMES[site]) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(20), overtaken).await;
    }

    /// Leaves no room on a site's disk.
    pub fn fill_disk(&self, site: usize) {
        let mut file = fs::File::create(state_dir(&self.directory, site).join("junk")).expect("a file");
        let junk = vec![b'x'; 1 << 16];
        while std::io::Write::write_all(&mut file, &junk).is_ok() {}
    }

    pub fn empty_disk(&self, site: usize) {
        fs::remove_file(state_dir(&self.directory, site).join("junk")).expect("removed");
    }

    /// Makes room in etcd again, when its members answer, and when it is written down who fetched before what is forgotten.
    pub async fn make_room(&mut self) {
        let (gateway, book) = (self.gateway.clone(), Arc::clone(&self.book));
        let room = async || {
            let mut gateway = gateway.clone();
            let revision = gateway.delete_junk().await.ok()?;
            let looked = async || (book.looked_up_to() >= revision).then_some(());
            eventually("who fetched is written down", looked).await;
            gateway.make_room(revision).await.ok()
        };
        eventually("there is room in etcd", room).await;
    }

    /// Whether no process has ended by itself.
    pub fn nobody_has_ended(&mut self) {
        for machine in self.members.iter_mut().chain(&mut self.sites) {
            assert!(!machine.has_ended(), "{} has ended by itself", machine.name);
        }
    }
}
