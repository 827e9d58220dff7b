//! Three members of etcd and five daemons, each a process.

use std::future::Future;
use std::time::{Duration, Instant};

use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::record::{Body, Provider};
use rmdd::api::grpc::v1::{
    CheckProviderRequest, Override, OverrideAction, PutRecordsRequest, Reason, Record, SyncOutcome, Verdict,
};
use rmdd::domain::Log;
use rmdd_testkit::etcd::Etcd;
use rmdd_testkit::{Step, World};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::Amount;
use super::figures::{Figures, Times, said};
use crate::common::http::{Answer, Server};
use crate::common::{Daemon, Site, ask, by_frn, by_number, status_of, stderr};
use crate::sites::{Fleet, NAMES, NEVER};

/// As in service: all is as it is by default.
pub const AS_IN_SERVICE: &str = "";

/// What changes in an everyday listing.
const EVERYDAY: Step = Step { remove: 1, amend: 20, list: 2, reinstate: 0 };

/// Asks every few milliseconds until it is so.
pub async fn until<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) -> Instant {
    while !is_so().await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Instant::now()
}

async fn founded(world: &World, count: usize, cron: &str) -> Fleet {
    let fleet = Fleet::prepare_at(&world.to_csv(), count, cron, AS_IN_SERVICE).await.expect("etcd");
    fleet.founded().await.expect("founded")
}

/// Puts a listing in force with a removal; returns which, and when that stood in the log.
pub async fn remove(fleet: &Fleet, world: &mut World, at: usize) -> (String, Instant) {
    let gone = world.advance(EVERYDAY).removed.remove(0);
    fleet.source.answer(Answer::csv(&world.to_csv()));
    let before = fleet.index(Log::Listing).await;
    let committed = until(async || fleet.index(Log::Listing).await > before);
    let (synced, committed) = tokio::join!(fleet.daemon(at).sync(), committed);
    assert_eq!(synced.outcome(), SyncOutcome::Applied, "{}", synced.error);
    (gone, committed)
}

type Asked = AcceptanceServiceClient<Channel>;

/// Waits until all of these answer so; says when the last one did.
async fn all(clients: &[Asked], request: &CheckProviderRequest, verdict: Verdict) -> Instant {
    let mut waiting = JoinSet::new();
    for client in clients {
        let (client, request) = (client.clone(), request.clone());
        waiting.spawn(async move {
            until(|| {
                let (mut client, request) = (client.clone(), request.clone());
                async move { ask(&mut client, request).await.verdict() == verdict }
            })
            .await
        });
    }
    waiting.join_all().await.into_iter().max().expect("some")
}

pub async fn day_by_day(figures: &mut Figures, amount: Amount, wants: &impl Fn(&str) -> bool) {
    let mut world = World::new(11, amount.filings);
    let fleet = founded(&world, 5, NEVER).await;
    let mut clients = Vec::new();
    for daemon in fleet.running() {
        clients.push(daemon.acceptance().await);
    }
    if wants("idle") {
        // Raw listings and bases have come to all by then.
        tokio::time::sleep(Duration::from_secs(amount.idle / 3)).await;
        let (cpu, rate) = idle(&fleet.etcd, amount.idle).await;
        figures.add(
            "load of 5 idle sites on the three members",
            "6 % of a core",
            format!("{cpu:.1} %, {rate:.1} kB/s"),
        );
    }
    if wants("removal") {
        let (mut times, fetcher) = (Times::default(), fleet.fetcher().await);
        for _ in 0..amount.rounds {
            let (gone, committed) = remove(&fleet, &mut world, fetcher).await;
            let last = all(&clients, &by_number(&gone), Verdict::Refuse).await;
            times.push(last.saturating_duration_since(committed));
        }
        figures.add("commit of a removal to the last of five sites refusing", "p50 1.0 s, p99 1.5 s", times.said());
    }
    if wants("record") {
        let (mut acknowledged, mut in_force) = (Times::default(), Times::default());
        for round in 0..amount.rounds {
            let frn = format!("{:010}", 41_000_000 + round);
            let mut admin = fleet.daemon(round % 5).admin().await;
            let began = Instant::now();
            admin.put_records(allow(&frn)).await.expect("put");
            acknowledged.push(began.elapsed());
            in_force.push(all(&clients, &by_frn(&frn), Verdict::Accept).await.saturating_duration_since(began));
        }
        let answer = ask(&mut clients[0].clone(), by_frn("0041000000")).await;
        assert_eq!(answer.reason(), Reason::Override);
        figures.add("a record put at one site, until acknowledged", "p99 0.2 s", acknowledged.said());
        figures.add("the same, until it is in force at all five", "p99 2 s", in_force.said());
    }
}

fn allow(frn: &str) -> PutRecordsRequest {
    let record = Record {
        provider: Some(Provider::Frn(frn.to_owned())),
        body: Some(Body::Override(Override { action: OverrideAction::Allow.into() })),
        why: "a benchmark".to_owned(),
        ..Record::default()
    };
    PutRecordsRequest { records: vec![record], replace: false, by: "bench".to_owned() }
}

/// What the members use while nothing happens: percent of a core, and kB a second to and from clients.
pub async fn idle(etcd: &Etcd, seconds: u64) -> (f64, f64) {
    let (cpu, bytes, began) = (cpu_seconds(etcd), client_bytes(etcd).await, Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let lasted = began.elapsed().as_secs_f64();
    let (cpu, bytes) = (cpu_seconds(etcd) - cpu, client_bytes(etcd).await - bytes);
    (cpu / lasted * 100.0, bytes / lasted / 1e3)
}

/// The processor time that the members have used so far.
fn cpu_seconds(etcd: &Etcd) -> f64 {
    etcd.processes().iter().map(cpu_of).sum()
}

/// The processor time that a process has used so far, in seconds.
pub fn cpu_of(process: &u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Behind the name in parentheses; there, user and system time are the 12th and 13th, in hundredths of a second.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

async fn client_bytes(etcd: &Etcd) -> f64 {
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap_or_default();
    let of = |metrics: &String| {
        let lines = metrics.lines().filter(|line| line.starts_with("etcd_network_client_grpc_"));
        lines.map(value).sum::<f64>()
    };
    etcd.metrics().await.iter().map(of).sum()
}

pub async fn fetchers(figures: &mut Figures, amount: Amount) {
    let world = World::new(12, 300);
    let mut fleet = founded(&world, 5, "* * * * * *").await;
    for (killed, what, target) in [
        (true, "fetcher killed, until the next one fetches", "20 s"),
        (false, "fetcher stopped in good order, until the next one fetches", "3 s"),
    ] {
        let mut times = Times::default();
        for _ in 0..amount.falls {
            let at = fleet.fetcher().await;
            let daemon = fleet.daemons[at].take().expect("it runs");
            let began = Instant::now();
            match killed {
                true => daemon.kill(),
                false => daemon.signal("-TERM"),
            }
            let follows = async || {
                let fetcher = fleet.client.poll().await.ok().and_then(|polled| polled.fetcher);
                fetcher.is_some_and(|fetcher| fetcher.site != NAMES[at])
            };
            until(follows).await;
            let asked = fleet.source.requests();
            times.push(until(async || fleet.source.requests() > asked).await.duration_since(began));
            fleet.start(at);
            // Each has a fair chance to be the next.
            let up = async || fleet.daemon(at).status().await.fleet.is_some_and(|fleet| !fleet.behind);
            until(up).await;
        }
        figures.add(what, target, times.each());
    }
}

pub async fn joining(figures: &mut Figures, amount: Amount) {
    let mut world = World::new(13, amount.filings);
    let mut fleet = Fleet::prepare_at(&world.to_csv(), 2, NEVER, AS_IN_SERVICE).await.expect("etcd");
    fleet.sites[0].make_store();
    for _ in 0..amount.days {
        let synced = fleet.run(0, &["sync"]);
        assert_eq!(status_of(&synced), 0, "{}", stderr(&synced));
        world.advance(Step { remove: 4, amend: 60, list: 12, reinstate: 1 });
        fleet.source.answer(Answer::csv(&world.to_csv()));
    }
    fleet.ok(0, &["fleet", "init"]);
    let standing = world.rows().next().expect("a filing").get("number").to_owned();
    let mut times = Times::default();
    for _ in 0..amount.falls {
        let began = Instant::now();
        fleet.start(1);
        let daemon = fleet.daemon(1);
        let current = until(async || daemon.status().await.snapshot.is_some()).await;
        let answer = ask(&mut daemon.acceptance().await, by_number(&standing)).await;
        assert_eq!(answer.verdict(), Verdict::Accept);
        times.push(current.duration_since(began));
        fleet.stop(1).await;
        std::fs::remove_dir_all(fleet.sites[1].state_dir()).expect("removed");
    }
    let what = format!("join from nothing, {} made-up days of {} filings", amount.days, amount.filings);
    figures.add(&what, "3 s", times.each());
}

/// Asks one question after the other for as long as something lasts.
async fn asking(daemon: &Daemon, lasting: impl Future<Output = ()>) -> Times {
    let mut client = daemon.acceptance().await;
    let request = CheckProviderRequest { detail: 0, ..by_frn("0012345678") };
    let mut times = Times::default();
    let ask = async {
        loop {
            let began = Instant::now();
            client.check_provider(request.clone()).await.expect("an answer");
            times.push(began.elapsed());
        }
    };
    tokio::select! {
        () = ask => {}
        () = lasting => {}
    }
    times
}

/// A question's latency at a site that applies what another has fetched, and at one that syncs for itself.
pub async fn latency(figures: &mut Figures, amount: Amount) {
    let rounds = amount.rounds.div_ceil(3);
    let mut world = World::new(14, amount.filings);
    let own = {
        let (site, source) = (Site::new(), Server::start(Answer::csv(&world.to_csv())).await);
        let daemon = site.start_with(&["--source", &source.url, "--schedule", NEVER]);
        daemon.first_sync().await;
        asking(&daemon, async {
            for _ in 0..rounds {
                world.advance(EVERYDAY);
                source.answer(Answer::csv(&world.to_csv()));
                assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Applied);
            }
        })
        .await
    };
    let mut world = World::new(14, amount.filings);
    let fleet = founded(&world, 2, NEVER).await;
    let (fetcher, other) = (fleet.fetcher().await, fleet.other().await);
    let applying = asking(fleet.daemon(other), async {
        for _ in 0..rounds {
            remove(&fleet, &mut world, fetcher).await;
            let index = fleet.index(Log::Listing).await;
            let applied = async || {
                let place = fleet.daemon(other).status().await.fleet.and_then(|fleet| fleet.listing);
                place.is_some_and(|place| place.index >= index)
            };
            until(applied).await;
        }
    })
    .await;
    let shown = |times: &Times| {
        let [p50, p99, p999] = [50.0, 99.0, 99.9].map(|of| said(times.percentile(of)));
        format!("p50 {p50}, p99 {p99}, p99.9 {p999}")
    };
    figures.add("question's latency while a single site syncs", "", shown(&own));
    figures.add("the same at a site to which entries are applied", "as while a sync runs", shown(&applying));
}
