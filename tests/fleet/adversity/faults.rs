//! What goes wrong, by a seed.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::task::JoinHandle;

use super::delay::pass_on;
use super::field::Field;
use super::machines::{CLIENTS, here, member_address, member_name, set_clock};
use super::network::Way;
use crate::sites::NAMES;

/// What may go wrong. Each is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Killed as by a power cut, and started again.
    Kill,
    /// Falls silent, and goes on.
    Stop,
    /// Falls silent in the middle of a cycle.
    StopMidway,
    /// Falls silent in the middle of a cycle, and goes on as soon as another fetches in its place.
    Overtaken,
    /// Cut off from members, and from the source if it is a site.
    Cut(Way),
    /// A member and some sites with it are cut off from all others.
    Minority,
    /// Its link is down.
    LinkDown,
    /// Its disk takes long to write.
    SlowDisk,
    /// Its line is one of 1 Mbit/s.
    SlowLine,
    /// What it sends to members, and gets from them, comes 100 ms later.
    Delay,
    /// Its disk is full.
    FullDisk,
    /// The database of etcd is full.
    FullEtcd,
    /// Its clock is wrong, or goes wrong.
    Clock(&'static str),
}

/// To whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    Member(usize),
    Site(usize),
    Etcd,
}

/// The clocks that sites may have: two days ahead, three hours behind, a fifth too fast.
const CLOCKS: [&str; 3] = ["+2d", "-3h", "+0 x1.2"];

const WAYS: [Way; 3] = [Way::Both, Way::Out, Way::In];

/// Something that goes wrong.
#[derive(Debug)]
pub struct Fault {
    number: usize,
    kind: Kind,
    pub whom: Whom,
    tracer: Option<Child>,
    proxies: Vec<JoinHandle<()>>,
}

/// Which kinds there are here, each as often as it is to come.
pub fn kinds(field: &Field) -> Vec<(u32, Kind)> {
    let mut kinds = vec![
        (6, Kind::Kill),
        (4, Kind::Stop),
        (2, Kind::StopMidway),
        (2, Kind::Overtaken),
        (8, Kind::Cut(Way::Both)),
        (2, Kind::Minority),
        (2, Kind::LinkDown),
        (2, Kind::SlowLine),
        (2, Kind::Delay),
        (2, Kind::FullDisk),
        (1, Kind::FullEtcd),
    ];
    if field.has_tracer() {
        kinds.push((2, Kind::SlowDisk));
    }
    if field.has_clocks() {
        kinds.push((3, Kind::Clock("")));
    }
    kinds
}

/// A fault that comes next: of a kind, to somebody. The one that fetches and the one that leads come as often as all others.
pub async fn draw(rng: &mut StdRng, field: &Field, number: usize, mostly: &[Kind]) -> Fault {
    let mut kinds = kinds(field);
    if !mostly.is_empty() && rng.random_bool(0.7) {
        kinds = mostly.iter().map(|kind| (1, *kind)).collect();
    }
    let mut drawn = rng.random_range(0..kinds.iter().map(|(weight, _)| weight).sum::<u32>());
    let kind = kinds.iter().find(|(weight, _)| {
        let here = drawn < *weight;
        drawn = drawn.saturating_sub(*weight);
        here
    });
    let kind = match kind.expect("one of them").1 {
        Kind::Cut(Way::Both) => Kind::Cut(WAYS[rng.random_range(0..WAYS.len())]),
        Kind::Clock(_) => Kind::Clock(CLOCKS[rng.random_range(0..CLOCKS.len())]),
        kind => kind,
    };
    let member = if rng.random_bool(0.5) { field.leader().await } else { None };
    let member = member.unwrap_or(rng.random_range(0..3));
    let site = if rng.random_bool(0.5) { field.fetcher() } else { None };
    let site = site.unwrap_or(rng.random_range(0..NAMES.len()));
    let whom = match kind {
        Kind::StopMidway | Kind::Overtaken => Whom::Site(field.fetcher().unwrap_or(site)),
        Kind::FullEtcd => Whom::Etcd,
        Kind::SlowDisk | Kind::Minority => Whom::Member(member),
        Kind::Delay | Kind::FullDisk | Kind::Clock(_) => Whom::Site(site),
        _ if rng.random_bool(0.35) => Whom::Member(member),
        _ => Whom::Site(site),
    };
    Fault { number, kind, whom, tracer: None, proxies: Vec::new() }
}

fn all_but(places: usize, but: usize, name: impl Fn(usize) -> String) -> Vec<String> {
    (0..places).filter(|place| *place != but).map(name).collect()
}

fn site_name(place: usize) -> String {
    NAMES[place].to_owned()
}

impl Fault {
    /// In words.
    pub fn what(&self) -> String {
        let whom = match self.whom {
            Whom::Member(place) => member_name(place),
            Whom::Site(place) => site_name(place),
            Whom::Etcd => "etcd".to_owned(),
        };
        format!("{:?} {whom}", self.kind)
    }

    /// Whether there is nothing left to be undone.
    pub fn is_over(&self) -> bool {
        self.kind == Kind::Overtaken
    }

    /// It goes wrong.
    pub async fn begin(&mut self, field: &mut Field, rng: &mut StdRng) {
        match (self.kind, self.whom) {
            (Kind::Kill, Whom::Member(place)) => field.members[place].kill(),
            (Kind::Kill, Whom::Site(place)) => field.sites[place].kill(),
            (Kind::Stop, Whom::Member(place)) => field.members[place].signal(Signal::SIGSTOP),
            (Kind::Stop, Whom::Site(place)) => field.sites[place].signal(Signal::SIGSTOP),
            (Kind::StopMidway, Whom::Site(place)) => {
                field.visited(place).await;
                tokio::time::sleep(Duration::from_millis(rng.random_range(0..400))).await;
                field.sites[place].signal(Signal::SIGSTOP);
            }
            (Kind::Overtaken, Whom::Site(place)) => {
                field.visited(place).await;
                tokio::time::sleep(Duration::from_millis(rng.random_range(0..100))).await;
                field.sites[place].signal(Signal::SIGSTOP);
                field.overtaken(place).await;
                field.sites[place].signal(Signal::SIGCONT);
            }
            (Kind::Cut(way), Whom::Member(place)) => {
                let sites = rng.random_bool(0.5).then(|| (0..NAMES.len()).map(site_name));
                let mut others = all_but(3, place, member_name);
                others.extend(sites.into_iter().flatten());
                field.network.cut(self.number, &member_name(place), &others, way);
            }
            (Kind::Cut(way), Whom::Site(place)) => {
                let members: Vec<String> = (0..3).map(member_name).collect();
                field.network.cut(self.number, NAMES[place], &members, way);
            }
            (Kind::Minority, Whom::Member(place)) => self.part(field, place),
            (Kind::LinkDown, _) => field.network.link(&self.machine(), false),
            (Kind::SlowLine, _) => field.network.slow(&self.machine(), true),
            (Kind::SlowDisk, Whom::Member(place)) => {
                let delay = rng.random_range(50..400) * 1000;
                self.tracer = Some(slow_disk(field.members[place].pid(), delay));
            }
            (Kind::Delay, Whom::Site(place)) => self.delay(field, place),
            (Kind::FullDisk, Whom::Site(place)) => field.fill_disk(place),
            (Kind::FullEtcd, _) => field.gateway.fill().await,
            (Kind::Clock(to), Whom::Site(place)) => set_clock(&field.directory, place, to),
            (kind, whom) => unreachable!("{kind:?} happens to no {whom:?}"),
        }
    }

    /// It is undone.
    pub async fn end(&mut self, field: &mut Field) {
        match (self.kind, self.whom) {
            (Kind::Kill, Whom::Member(place)) => field.members[place].start(),
            (Kind::Kill, Whom::Site(place)) => field.sites[place].start(),
            (Kind::Stop, Whom::Member(place)) => field.members[place].signal(Signal::SIGCONT),
            (Kind::Stop | Kind::StopMidway, Whom::Site(place)) => field.sites[place].signal(Signal::SIGCONT),
            (Kind::LinkDown, _) => field.network.link(&self.machine(), true),
            (Kind::SlowLine, _) => field.network.slow(&self.machine(), false),
            (Kind::FullDisk, Whom::Site(place)) => field.empty_disk(place),
            (Kind::FullEtcd, _) => field.make_room().await,
            (Kind::Overtaken, _) => {}
            (Kind::Clock(_), Whom::Site(place)) => set_clock(&field.directory, place, "+0"),
            _ => field.network.mend(self.number),
        }
        if let Some(mut tracer) = self.tracer.take() {
            // It lets go of what it traces when it is asked to end.
            let pid = nix::unistd::Pid::from_raw(i32::try_from(tracer.id()).expect("a process"));
            nix::sys::signal::kill(pid, Signal::SIGTERM).expect("signalled");
            tracer.wait().expect("gone");
        }
        for proxy in self.proxies.drain(..) {
            proxy.abort();
        }
    }

    fn machine(&self) -> String {
        match self.whom {
            Whom::Member(place) => member_name(place),
            Whom::Site(place) => site_name(place),
            Whom::Etcd => unreachable!("it is no machine"),
        }
    }

    /// A member, and every other site beside it, on one side; all others on the other.
    fn part(&self, field: &mut Field, place: usize) {
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..NAMES.len()).partition(|site| site % 2 == place % 2);
        let majority = all_but(3, place, member_name);
        let outside: Vec<String> = outside.into_iter().map(site_name).collect();
        field.network.cut(self.number, &member_name(place), &[majority.clone(), outside].concat(), Way::Both);
        for site in inside {
            field.network.cut(self.number, NAMES[site], &majority, Way::Both);
        }
    }

    fn delay(&mut self, field: &mut Field, place: usize) {
        for member in 0..3 {
            let port = 3000 + u16::try_from((self.number * 3 + member) % 5000).expect("a port");
            let to = format!("{}:{CLIENTS}", member_address(member));
            self.proxies.push(tokio::spawn(pass_on(here(port), to, Duration::from_millis(100))));
            field.network.detour(self.number, NAMES[place], &member_name(member), CLIENTS, port);
        }
    }
}

/// Lets whatever a process writes for good take so many microseconds longer.
fn slow_disk(pid: u32, microseconds: u32) -> Child {
    let inject = format!("--inject=fdatasync:delay_enter={microseconds}");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-q", "-e", "trace=fdatasync", &inject, "-p", &pid.to_string()]);
    strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace runs")
}
