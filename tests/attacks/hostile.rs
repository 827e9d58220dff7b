//! A client that means harm, on every listener and with every RPC that there is: one that is added is attacked by the day it
//! is added.
//!
//! A second for each attack, by default. With `RMDD_ATTACK` set to seconds those that ask for what costs much take so long,
//! the others a third of it, on 64 connections of 256 streams, under the bounds of the systemd unit; what came of it is
//! printed. Where there are two processors the daemon then has one of them, and those that attack the others. With `RMDD_ATTACK_ONLY` set to a part of a name as it is printed ("searches, ShutWindows"), only those.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use prost::Message;
use prost_types::FileDescriptorSet;
use rmdd::api::client::connect_tcp;
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::{
    self, CheckProviderRequest, CheckProvidersRequest, GetProviderRequest, SearchProvidersRequest, Verdict,
    get_provider_request,
};
use rmdd::transport::priority::wait_for_answers;
use rmdd_testkit::hostile::{Attack, Done, Hostile, Place, Rpc};
use rmdd_testkit::{Step, World};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::Runtime;
use tonic::Code;

use super::cgroup::Bounds;
use super::common::{Daemon, Site, ask, by_frn, eventually, now, rmdd};
use super::{Scene, framed};

/// The daemon's memory may be so much.
const MOST_MEMORY_KIB: u64 = 200 << 10;

/// How hard it is attacked.
struct Force {
    connections: usize,
    streams: u32,
    each: Duration,
    /// Under the bounds of the unit.
    bound: bool,
}

impl Force {
    fn of_environment() -> Self {
        match std::env::var("RMDD_ATTACK").ok().and_then(|seconds| seconds.parse().ok()) {
            Some(seconds) => Self { connections: 64, streams: 256, each: Duration::from_secs(seconds), bound: true },
            None => Self { connections: 8, streams: 64, each: Duration::from_secs(1), bound: false },
        }
    }
}

/// Every RPC that the daemon describes, with a message that costs much where one is known, and else an empty one.
fn all_rpcs(frn: &str) -> Vec<Rpc> {
    let described = [v1::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];
    let mut rpcs =
        vec![Rpc { path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".to_owned(), message: Vec::new() }];
    for set in described {
        let set = FileDescriptorSet::decode(set).expect("descriptors");
        for file in &set.file {
            for service in &file.service {
                rpcs.extend(service.method.iter().map(|method| {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let message = costly(&path, frn);
                    Rpc { path, message }
                }));
            }
        }
    }
    assert!(rpcs.len() > 20, "{rpcs:?}");
    rpcs
}

fn a_while_ago() -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: now().as_second(), nanos: 0 })
}

fn costly(path: &str, frn: &str) -> Vec<u8> {
    let text = "international telecommunications of america and sons ".repeat(4).chars().take(200).collect();
    match path.rsplit('/').next().unwrap_or_default() {
        "CheckProvider" => CheckProviderRequest { at: a_while_ago(), ..by_frn(frn) }.encode_to_vec(),
        "CheckProviders" => {
            let questions = (0..2000).map(|_| by_frn(frn)).collect();
            CheckProvidersRequest { questions, at: None }.encode_to_vec()
        }
        "SearchProviders" => SearchProvidersRequest { text, limit: 200 }.encode_to_vec(),
        "GetProvider" => GetProviderRequest {
            identity: Some(get_provider_request::Identity::Frn(frn.to_owned())),
            include_history: true,
            at: None,
        }
        .encode_to_vec(),
        _ => Vec::new(),
    }
}

/// Those that give or cost much, each alone and then together.
fn costly_ones(rpcs: &[Rpc]) -> Vec<(&'static str, Vec<Rpc>)> {
    let named = |names: &[&str]| -> Vec<Rpc> {
        rpcs.iter().filter(|rpc| names.iter().any(|name| rpc.path.ends_with(name))).cloned().collect()
    };
    vec![
        ("exports", named(&["/ExportListing"])),
        ("batches", named(&["/CheckProviders"])),
        ("watches", named(&["/WatchChanges"])),
        ("searches", named(&["/SearchProviders"])),
        ("questions about the past", named(&["/CheckProvider"])),
        (
            "all of these",
            named(&["/ExportListing", "/CheckProviders", "/WatchChanges", "/SearchProviders", "/CheckProvider"]),
        ),
    ]
}

/// A switch that asks fifty times a second, and must get every answer: in a thread of its own, so that it waits for the
/// daemon and not for those who attack.
struct Switch {
    stop: Arc<AtomicBool>,
    asking: std::thread::JoinHandle<Vec<Duration>>,
}

impl Switch {
    fn begin(daemon: &Daemon, frn: &str) -> Self {
        let (stop, url, question) = (Arc::new(AtomicBool::new(false)), daemon.tcp.clone(), by_frn(frn));
        let stopped = Arc::clone(&stop);
        let asking = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            if Force::of_environment().bound {
                keep_to(Processors::OfAttackers);
            }
            runtime.block_on(async {
                let channel = connect_tcp(url.as_deref().expect("a listener")).await.expect("connected");
                let mut client = AcceptanceServiceClient::new(channel);
                let mut ticks = tokio::time::interval(Duration::from_millis(20));
                let mut took = Vec::new();
                while !stopped.load(Ordering::Relaxed) {
                    ticks.tick().await;
                    let began = Instant::now();
                    assert_eq!(ask(&mut client, question.clone()).await.verdict(), Verdict::Accept);
                    took.push(began.elapsed());
                }
                took
            })
        });
        Self { stop, asking }
    }

    /// How many answers it got, and how long they took: the median, the 99th of a hundred, the longest.
    fn end(self) -> (usize, [Duration; 3]) {
        self.stop.store(true, Ordering::Relaxed);
        let mut took = self.asking.join().expect("every answer");
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        (took.len(), [at(50), at(99), at(100)])
    }
}

/// Where those that attack run: they get what the processors have left, as if they were on machines of their own. Beside them on
/// these processors the daemon would wait for its attackers' turns, which is the machine's doing and not its own: a kernel that
/// is built for servers lets whoever is in it, or runs on until the next tick, have up to 4 ms, however low its priority is.
static ELSEWHERE: LazyLock<Runtime> = LazyLock::new(|| {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads.worker_threads(2).enable_all().on_thread_start(|| {
        wait_for_answers(19);
        if Force::of_environment().bound {
            keep_to(Processors::OfAttackers);
        }
    });
    threads.build().expect("threads")
});

/// Who runs on which processors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Processors {
    All,
    /// The first.
    OfDaemon,
    /// All others.
    OfAttackers,
}

/// All processors that the tests may use.
static PROCESSORS: LazyLock<CpuSet> = LazyLock::new(|| sched_getaffinity(None).expect("processors"));

/// Keeps this thread, and what it begins from now on, to some of the processors, where there are two.
fn keep_to(processors: Processors) {
    let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| PROCESSORS.is_set(*cpu)).collect();
    let Some((first, others @ [_, ..])) = all.split_first() else { return };
    let mut kept = CpuSet::new();
    match processors {
        Processors::All => kept = *PROCESSORS,
        Processors::OfDaemon => kept.set(*first),
        Processors::OfAttackers => others.iter().for_each(|cpu| kept.set(*cpu)),
    }
    sched_setaffinity(None, &kept).expect("kept there");
}

/// A daemon to attack, with a listing that has some history.
async fn attacked(force: &Force) -> (Scene, World, Option<Bounds>) {
    // Fails where another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filings = if force.bound { 10_000 } else { 1_000 };
    let mut world = World::new(12, filings);
    let site = Site::with_listing(&world.to_csv());
    let frn = world.rows().map(|row| row.get("frn")).find(|frn| !frn.is_empty()).expect("an FRN").to_owned();
    let bounds = force.bound.then(Bounds::make).flatten();
    let mut command = rmdd();
    command.arg("serve").arg("--state-dir").arg(site.state_dir()).args(["--grpc-listen", "127.0.0.1:0", "--source"]);
    command.arg(site.listing());
    // It is started by this thread, and has as many threads for answers as it may use processors.
    if force.bound {
        keep_to(Processors::OfDaemon);
    }
    let daemon = Daemon::spawn(bounds.as_ref().map_or(command_of(&command), |bounds| bounds.within(&command)));
    keep_to(Processors::All);
    daemon.first_sync().await;
    for _ in 0..3 {
        world.advance(Step { list: 3, amend: 30, remove: 2, reinstate: 1 });
        site.publish(&world.to_csv());
        daemon.sync().await;
    }
    (Scene { site, daemon, frn }, world, bounds)
}

fn command_of(command: &Command) -> Command {
    let mut same = rmdd();
    same.args(command.get_args());
    same
}

/// Attacks, and asserts that nobody else notices.
async fn withstands(
    scene: &Scene,
    world: &mut World,
    force: &Force,
    what: &str,
    (hostile, attack): (&Hostile, Attack),
) {
    if std::env::var("RMDD_ATTACK_ONLY").is_ok_and(|only| !format!("{what}, {attack:?}").contains(&only)) {
        return;
    }
    let switch = Switch::begin(&scene.daemon, &scene.frn);
    let mut attacking = tokio::task::JoinSet::new();
    for _ in 0..force.connections {
        let (hostile, each) = (hostile.clone(), force.each);
        attacking.spawn_on(async move { hostile.run(attack, each).await }, ELSEWHERE.handle());
    }
    // In the midst of it: a person looks, and a listing is applied.
    world.advance(Step { list: 1, amend: 3, remove: 1, reinstate: 0 });
    scene.site.publish(&world.to_csv());
    let before = scene.daemon.status().await.snapshot.expect("a listing").serial;
    assert!(scene.daemon.sync().await.snapshot_serial > before, "{what}: a sync works");
    let (site, ran) = (scene.site.state_dir(), Instant::now());
    let status = tokio::task::spawn_blocking(move || {
        rmdd().arg("--state-dir").arg(site).args(["status", "--json"]).output().expect("it runs")
    });
    let status = status.await.expect("a status");
    assert!(status.status.code().is_some_and(|code| code < 2), "{what}: {status:?}");
    let looked = ran.elapsed();
    let mut done = Done::default();
    while let Some(one) = attacking.join_next().await {
        let one = one.expect("an attack");
        done.connections += one.connections;
        done.requests += one.requests;
        done.ended += one.ended;
    }
    let (answers, [median, p99, longest]) = switch.end();
    let peak = scene.peak_memory_kib();
    println!(
        "{what}, {attack:?}: {} connections, {} requests, {} ended; {answers} answers beside it, median {median:?}, p99 \
         {p99:?}, longest {longest:?}; status in {looked:?}; peak {} MiB",
        done.connections,
        done.requests,
        done.ended,
        peak >> 10
    );
    assert!(done.connections > 0 && done.requests > 0, "{what}, {attack:?}: it was no attack: {done:?}");
    assert!(answers > 0, "{what}");
    assert!(peak < MOST_MEMORY_KIB, "{what}, {attack:?}: {peak} KiB");
}

/// A client that attacks there.
fn hostile(scene: &Scene, force: &Force, place: Place, rpcs: &[Rpc]) -> Hostile {
    let known = ["/v1/removals", "/v1/snapshots", "/metrics", "/openapi.json", "/healthz"].map(str::to_owned);
    let named = [format!("/v1/check/{}", scene.frn), format!("/v1/providers/{}?history=true", scene.frn)];
    let paths = known.into_iter().chain(named).collect();
    Hostile { place, rpcs: rpcs.to_vec(), paths, streams: force.streams }
}

async fn stops_in_the_midst_of_it(scene: Scene, force: &Force, rpcs: &[Rpc]) {
    let mut attacking = tokio::task::JoinSet::new();
    for _ in 0..force.connections {
        let hostile = hostile(&scene, force, Place::Tcp(scene.grpc()), rpcs);
        attacking.spawn(async move { hostile.run(Attack::ShutWindows, Duration::from_secs(3600)).await });
    }
    eventually("they are there", || async {
        (scene.metric("rmdd_connections{listener=\"gRPC\"}").await >= 2.0).then_some(())
    })
    .await;
    let began = Instant::now();
    let (status, log) = scene.daemon.terminate().await;
    println!("stopped in {:?}", began.elapsed());
    attacking.shutdown().await;
    assert!(status.success(), "{status}");
    assert!(!log.contains("panicked"), "{log}");
    assert!(log.contains("stopped") || log.contains("the grace is over"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_ends_the_daemon_starves_calls_or_fills_its_memory_whatever_it_does_on_whatever_listener() {
    let force = Force::of_environment();
    let (scene, mut world, bounds) = attacked(&force).await;
    let world = &mut world;
    if force.bound && bounds.is_none() {
        println!("no cgroup can be made here: the bounds of the unit are not tried");
    }
    let quiet = Switch::begin(&scene.daemon, &scene.frn);
    tokio::time::sleep(force.each.min(Duration::from_secs(10))).await;
    println!("undisturbed: {:?}, peak {} MiB", quiet.end(), scene.peak_memory_kib() >> 10);
    let rpcs = all_rpcs(&scene.frn);
    let at = |place: Place, rpcs: &[Rpc]| hostile(&scene, &force, place, rpcs);
    let grpc = || Place::Tcp(scene.grpc());
    for (what, rpcs) in costly_ones(&rpcs) {
        assert!(!rpcs.is_empty(), "{what}");
        withstands(&scene, world, &force, what, (&at(grpc(), &rpcs), Attack::ShutWindows)).await;
    }
    let brief = Force { each: force.each / if force.bound { 3 } else { 1 }, ..force };
    for attack in Attack::HTTP2 {
        withstands(&scene, world, &brief, "gRPC", (&at(grpc(), &rpcs), attack)).await;
    }
    for attack in Attack::HTTP1 {
        withstands(&scene, world, &brief, "HTTP", (&at(Place::Tcp(scene.http()), &rpcs), attack)).await;
    }
    for attack in [Attack::ShutWindows, Attack::UnreadSocket, Attack::Reset] {
        withstands(&scene, world, &brief, "HTTP", (&at(Place::Tcp(scene.http()), &rpcs), attack)).await;
    }
    // Whoever may open it administers the daemon; but even so it is held to the bounds of connections.
    let queries: Vec<Rpc> = rpcs.iter().filter(|rpc| !rpc.path.contains("AdminService")).cloned().collect();
    let socket = at(Place::Unix(scene.daemon.socket.clone()), &queries);
    withstands(&scene, world, &brief, "the Unix socket", (&socket, Attack::ShutWindows)).await;

    if let Some(peak) = bounds.as_ref().and_then(Bounds::peak_kib) {
        println!("the most memory of the cgroup, the kernel's for its sockets included: {} MiB", peak >> 10);
    }
    scene.is_answered().await;
    stops_in_the_midst_of_it(scene, &force, &rpcs).await;
}

#[tokio::test]
async fn whoever_asks_for_less_beside_them_has_its_turn() {
    let scene = super::scene("").await;
    let rpcs: Vec<Rpc> = all_rpcs(&scene.frn).into_iter().filter(|rpc| rpc.path.ends_with("SearchProviders")).collect();
    let hostile = Hostile { place: Place::Tcp(scene.grpc()), rpcs, paths: Vec::new(), streams: 200 };
    let mut attacking = tokio::task::JoinSet::new();
    attacking.spawn(async move { hostile.run(Attack::ShutWindows, Duration::from_secs(3600)).await });
    // Another client: a user of this machine.
    let mut other = rmdd::api::grpc::v1::listing_service_client::ListingServiceClient::new(scene.daemon.unix().await);
    for _ in 0..20 {
        let search = SearchProvidersRequest { text: "fern".to_owned(), ..SearchProvidersRequest::default() };
        other.search_providers(search).await.expect("its turn comes");
    }
    attacking.shutdown().await;
}

#[tokio::test]
async fn more_than_may_wait_is_refused_at_once_and_told_what_to_do() {
    let scene = super::scene("work_threads = 1\nwork_wait = \"1ms\"").await;
    let search = SearchProvidersRequest { text: "x".repeat(200), limit: 200 };
    let mut client = super::raw(scene.grpc()).await;
    let mut outcomes = Vec::new();
    for _ in 0..200 {
        let request = super::call("/rmdd.v1.ListingService/SearchProviders");
        let (response, mut body) = client.send_request(request, false).expect("sent");
        body.send_data(framed(&search).into(), true).expect("sent");
        outcomes.push(response);
    }
    let (mut answered, mut refused) = (0, 0);
    for response in outcomes {
        match super::outcome(response).await {
            (Code::Ok, _) => answered += 1,
            (Code::ResourceExhausted, message) => {
                assert!(message.contains("limits.work_wait") || message.contains("waiting"), "{message}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");
    assert!(scene.metric("rmdd_work_refused_total").await > 0.0);
    scene.is_answered().await;
}
