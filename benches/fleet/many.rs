//! Many sites, each a task of this process: a store of its own, and all of a daemon's part in a fleet, without listeners.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::{Duration, Instant};

use rmdd::daemon::config::Config;
use rmdd::daemon::{Opened, publish_stored, sync_settings};
use rmdd::domain::RmdNumber;
use rmdd::fleet::engine::{Engine, member};
use rmdd::fleet::site::Params;
use rmdd::fleet::start::{Minute, Parts, Starting};
use rmdd::listing::index::PublishedIndex;
use rmdd::store::Store;
use rmdd::store::archive::Archive;
use rmdd::sync::Syncer;
use rmdd::sync::schedule::Schedule;
use rmdd_testkit::World;
use rmdd_testkit::etcd::Etcd;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Amount;
use super::few::{AS_IN_SERVICE, cpu_of, idle, remove, until};
use super::figures::{Figures, Times, said};
use crate::sites::{Fleet, NEVER};

/// So many filings their listing has: each site puts it into a store of its own, all of them on the cores of one machine.
const FILINGS: usize = 300;

/// A site that is a task.
struct Simulated {
    index: Arc<PublishedIndex>,
    /// Kept: a schedule whose sender is gone is none.
    _schedule: watch::Sender<Arc<Schedule>>,
}

impl Simulated {
    fn start(place: usize, directory: &Path, etcd: &Etcd, shutdown: &CancellationToken) -> Self {
        let directory = directory.join(place.to_string());
        std::fs::create_dir_all(&directory).expect("a directory");
        let Opened { store, index, records, sync_state, schedule_minute } =
            publish_stored(Store::open(&directory).expect("a store")).expect("read");
        let members = etcd.urls().iter().map(|url| member(url, None).expect("an address")).collect();
        let params = Params {
            site: format!("site-{place}"),
            fetches: false,
            poll: Duration::from_secs(1),
            lease: Duration::from_secs(15),
            behind_after: Duration::from_secs(5),
        };
        let starting = Starting::new("east", params, Engine::new(members, Duration::from_secs(2)), store);
        let settings = sync_settings(&Config::default()).expect("settings");
        let archive = Archive::new(&directory);
        let (syncer, sync) = Syncer::new(starting.ledger(), Arc::clone(&index), sync_state, settings, archive);
        let schedule = Schedule::from_config(&Config::default().schedule, 0).expect("a schedule");
        let (sender, schedule) = watch::channel(Arc::new(schedule));
        let minute = Minute::new(&Arc::new(AtomicU8::new(schedule_minute)), None);
        let publisher = syncer.publisher(&sync);
        let (runner, _) = starting.runner(Parts { publisher, records, sync, schedule, minute });
        tokio::spawn(syncer.run(shutdown.clone()));
        tokio::spawn(runner.run(shutdown.clone()));
        Self { index, _schedule: sender }
    }

    fn lists(&self, number: RmdNumber) -> Option<bool> {
        Some(self.index.load().as_ref()?.snapshot().filing(number).is_some())
    }
}

pub async fn sites(figures: &mut Figures, amount: Amount) {
    let mut world = World::new(21, FILINGS);
    let fleet = Fleet::prepare_at(&world.to_csv(), 1, NEVER, AS_IN_SERVICE).await.expect("etcd");
    let fleet = fleet.founded().await.expect("founded");
    // What is one disk here is 200 in service: they are to share none.
    let shared = Path::new("/dev/shm");
    let at = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let directory = tempfile::tempdir_in(at).expect("a directory");
    let shutdown = CancellationToken::new();
    let began = Instant::now();
    let start = |place| Simulated::start(place, directory.path(), &fleet.etcd, &shutdown);
    let sites: Vec<Simulated> = (0..amount.sites).map(start).collect();
    let started = began.elapsed();
    let joined = until(async || sites.iter().all(|site| site.index.load().is_some())).await;
    let (many, took) = (amount.sites, said(joined.duration_since(began)));
    let what = format!("{many} sites joining at once, of {FILINGS} filings");
    figures.add(&what, "5 s", format!("{took}, of which {} to make their stores", said(started)));

    tokio::time::sleep(Duration::from_secs(amount.idle / 3)).await;
    let (cpu, rate) = idle(&fleet.etcd, amount.idle).await;
    let what = format!("load of {many} idle sites on the three members");
    figures.add(&what, "30 % of a core, 150 kB/s", format!("{cpu:.1} %, {rate:.1} kB/s"));

    let (mut times, mut halves) = (Times::default(), Times::default());
    let (began, computed) = (Instant::now(), cpu_of(&std::process::id()));
    for _ in 0..amount.rounds {
        let (gone, committed) = remove(&fleet, &mut world, 0).await;
        let number: RmdNumber = gone.parse().expect("a number");
        let have = || sites.iter().filter(|site| site.lists(number) == Some(false)).count();
        let half = until(async || have() >= sites.len() / 2).await;
        let last = until(async || have() == sites.len()).await;
        halves.push(half.saturating_duration_since(committed));
        times.push(last.saturating_duration_since(committed));
    }
    let what = format!("commit of a removal to the last of {many} sites having published it");
    figures.add(&what, "p99 2 s", times.said());
    figures.add("the same to half of them", "", halves.said());
    let share = (cpu_of(&std::process::id()) - computed) / began.elapsed().as_secs_f64();
    figures.add("what these sites computed themselves meanwhile", "", format!("{share:.2} of a core"));
    shutdown.cancel();
}
