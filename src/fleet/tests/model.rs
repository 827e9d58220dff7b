//! All that can happen to three sites and an etcd, as far as few entries and few terms go: sites are killed, leases end, reads
//! are old, answers do not come, and what was given up is done later. What a site does is what [`step`] says.

use std::hash::Hash;
use std::time::Duration;

use jiff::Timestamp;
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::domain::Sha256Digest;
use crate::fleet::FORMAT;
use crate::fleet::client::ReadFrom;
use crate::fleet::head::Head;
use crate::fleet::said::{Fetcher, Founding, Token};
use crate::fleet::step::{Lead, Place, Reading, Stand, Step, Work, step};
use crate::store::{FleetId, Log, Position};

const FLEET: FleetId = FleetId([1; 16]);

/// So many entries come to be, and so many terms.
const ENTRIES: usize = 2;
const TERMS: u8 = 2;

/// What is left out of a build that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// An append does not compare who fetches.
    Fence,
    /// An append does not compare the head.
    Head,
    /// What is not known to be appended is appended again without a look.
    Look,
}

/// An entry: who made it, which of theirs it is, and under which term.
type Entry = (u8, u8, u8);

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Etcd {
    log: Vec<Entry>,
    /// The term of whoever fetches.
    fetcher: Option<u8>,
    revision: i64,
    /// Whether somebody has appended who did not fetch any more.
    strayed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Site {
    applied: Vec<Entry>,
    seen: Option<i64>,
    term: Option<u8>,
    /// What it has sent, until it knows what came of it.
    sent: Option<Sent>,
    made: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sent {
    entry: Entry,
    /// The log that it follows.
    behind: Vec<Entry>,
    /// Whether it still waits for an answer.
    waits: bool,
}

/// An append on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Append {
    site: u8,
    entry: Entry,
    behind: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct World {
    etcd: Etcd,
    /// What a member that lags behind would answer from.
    old: Etcd,
    sites: Vec<Site>,
    on_their_way: Vec<Append>,
    acknowledged: Vec<Entry>,
    terms: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Action {
    Look(usize),
    LookAtOld(usize),
    Send(usize),
    Arrive(usize),
    GiveUpWaiting(usize),
    FindOut(usize),
    LeaseEnds,
    Kill(usize),
}

struct Fleet {
    sites: usize,
    broken: Broken,
}

fn digest(log: &[Entry]) -> Sha256Digest {
    match log {
        [] => Position::origin(FLEET, Log::Listing).sha256,
        _ => Sha256Digest::of(format!("{log:?}").as_bytes()),
    }
}

fn token(term: u8) -> Token {
    Token([term; 16])
}

fn head(log: Log, entries: &[Entry]) -> Head {
    match log {
        Log::Listing => Head { log, format: FORMAT, index: entries.len() as u64, sha256: digest(entries), base: None },
        Log::Records => Head::origin(FLEET, log),
    }
}

impl Site {
    fn stand(&self) -> Stand {
        let position = |log| {
            let Head { index, sha256, .. } = head(log, &self.applied);
            Place { position: Position { index, sha256, at: Timestamp::UNIX_EPOCH }, bare: false, stuck: false }
        };
        Stand {
            fleet: Some(FLEET),
            places: Log::ALL.map(position),
            seen: self.seen.map(|seen| (1, seen)),
            token: self.term.map(token),
            may_stand: true,
            doubt: None,
            members: 3,
        }
    }
}

impl Etcd {
    fn read(&self) -> Reading {
        let fetcher =
            self.fetcher.map(|term| Fetcher { token: token(term), site: String::new(), since: Timestamp::UNIX_EPOCH });
        Reading {
            from: ReadFrom { cluster: 1, revision: self.revision, member: 0 },
            fleet: Some(Founding { id: FLEET, format: FORMAT, schedule_minute: 0 }),
            heads: Log::ALL.map(|log| Some(head(log, &self.log))),
            fetcher,
            unreadable: None,
        }
    }

    /// Appends, if all that is compared holds.
    fn append(&mut self, append: &Append, broken: Broken) -> bool {
        let at_the_head = broken == Broken::Head || digest(&self.log) == digest(&append.behind);
        let fetches = broken == Broken::Fence || self.fetcher == Some(append.entry.2);
        if at_the_head && fetches {
            self.strayed |= self.fetcher != Some(append.entry.2);
            self.log.push(append.entry);
            self.revision += 1;
        }
        at_the_head && fetches
    }
}

impl World {
    fn remember(&mut self) {
        self.old = self.etcd.clone();
    }

    fn look(&mut self, place: usize, at_old: bool) {
        let etcd = if at_old { self.old.clone() } else { self.etcd.clone() };
        let (site, read) = (&self.sites[place], etcd.read());
        let Step::Go { work, lead } = step(&site.stand(), &read, Duration::ZERO) else { return };
        let stands = lead == Lead::Stand && work.is_empty() && self.etcd.fetcher.is_none() && self.terms < TERMS;
        let site = &mut self.sites[place];
        site.seen = Some(read.from.revision);
        for work in work {
            if let Work::Follow(head) = work
                && head.log == Log::Listing
            {
                site.applied.clone_from(&etcd.log);
            }
        }
        if lead == Lead::Lost {
            site.term = None;
        }
        // Whether nobody fetches is compared by etcd once more.
        if stands {
            self.remember();
            self.terms += 1;
            self.etcd.fetcher = Some(self.terms);
            self.etcd.revision += 1;
            self.sites[place].term = Some(self.terms);
        }
    }

    /// What a site does with the word that its entry stands in the log.
    fn acknowledge(&mut self, place: usize, entry: Entry) {
        self.acknowledged.push(entry);
        self.sites[place].sent = None;
        let at = self.etcd.log.iter().position(|stands| *stands == entry);
        let applied = &mut self.sites[place].applied;
        // It is applied where it follows what is; otherwise by following.
        if at == Some(applied.len()) {
            applied.push(entry);
        }
    }
}

impl Model for Fleet {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World { sites: vec![Site::default(); self.sites], ..World::default() }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (place, site) in world.sites.iter().enumerate() {
            actions.push(Action::Look(place));
            if world.old != world.etcd {
                actions.push(Action::LookAtOld(place));
            }
            match &site.sent {
                None if site.term.is_some() && world.etcd.log.len() < ENTRIES && site.made < 2 => {
                    actions.push(Action::Send(place));
                }
                Some(Sent { waits: true, .. }) => actions.push(Action::GiveUpWaiting(place)),
                Some(_) if world.on_their_way.len() < 2 => actions.push(Action::FindOut(place)),
                _ => {}
            }
            if *site != (Site { applied: site.applied.clone(), made: site.made, ..Site::default() }) {
                actions.push(Action::Kill(place));
            }
        }
        actions.extend((0..world.on_their_way.len()).map(Action::Arrive));
        if world.etcd.fetcher.is_some() {
            actions.push(Action::LeaseEnds);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Look(place) => next.look(place, false),
            Action::LookAtOld(place) => next.look(place, true),
            Action::Send(place) => {
                let site = &mut next.sites[place];
                let entry = (place as u8, site.made, site.term?);
                site.made += 1;
                let behind = site.applied.clone();
                site.sent = Some(Sent { entry, behind: behind.clone(), waits: true });
                next.on_their_way.push(Append { site: place as u8, entry, behind });
                next.on_their_way.sort();
            }
            Action::Arrive(at) => {
                let append = next.on_their_way.remove(at);
                let before = next.etcd.clone();
                let appended = next.etcd.append(&append, self.broken);
                if appended {
                    next.old = before;
                }
                let place = usize::from(append.site);
                // Whoever still waits is told; an answer to a try that was given up is not heard.
                if next.sites[place].sent.as_ref().is_some_and(|sent| sent.waits && sent.entry == append.entry) {
                    match appended {
                        true => next.acknowledge(place, append.entry),
                        false => next.sites[place].sent = None,
                    }
                }
            }
            Action::GiveUpWaiting(place) => next.sites[place].sent.as_mut()?.waits = false,
            Action::FindOut(place) => {
                let Sent { entry, behind, .. } = next.sites[place].sent.clone()?;
                let looks = self.broken != Broken::Look;
                match next.etcd.log.get(behind.len()) {
                    Some(stands) if looks && *stands == entry => next.acknowledge(place, entry),
                    Some(_) if looks => next.sites[place].sent = None,
                    // Nothing stands there: it is sent again, as it was. Without a look it is made anew.
                    _ => {
                        let behind = if looks { behind } else { next.etcd.log.clone() };
                        next.sites[place].sent = Some(Sent { entry, behind: behind.clone(), waits: true });
                        next.on_their_way.push(Append { site: place as u8, entry, behind });
                        next.on_their_way.sort();
                    }
                }
            }
            Action::LeaseEnds => {
                next.remember();
                next.etcd.fetcher = None;
                next.etcd.revision += 1;
            }
            Action::Kill(place) => {
                let Site { applied, made, .. } = next.sites[place].clone();
                next.sites[place] = Site { applied, made, ..Site::default() };
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("an acknowledged entry stands in the log once, and none twice", |_, world| {
                let times = |entry: &Entry| world.etcd.log.iter().filter(|stands| *stands == entry).count();
                world.acknowledged.iter().all(|entry| times(entry) == 1)
                    && world.etcd.log.iter().all(|entry| times(entry) == 1)
            }),
            Property::<Self>::always("what a site holds is the beginning of the log", |_, world| {
                world.sites.iter().all(|site| world.etcd.log.starts_with(&site.applied))
            }),
            Property::<Self>::always("nothing is appended under a term that has ended", |_, world| {
                !world.etcd.strayed && world.etcd.log.is_sorted_by_key(|entry| entry.2)
            }),
            Property::<Self>::sometimes("two terms append", |_, world| {
                world.etcd.log.iter().any(|entry| entry.2 == 1) && world.etcd.log.iter().any(|entry| entry.2 == 2)
            }),
            Property::<Self>::sometimes("an entry of which no word came stands in the log", |_, world| {
                world.sites.iter().any(|site| {
                    site.sent.as_ref().is_some_and(|sent| !sent.waits && world.etcd.log.contains(&sent.entry))
                })
            }),
        ]
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.etcd.log.len() <= ENTRIES && world.etcd.revision < 8
    }
}

#[test]
fn no_order_of_events_loses_an_acknowledged_entry_doubles_one_or_lets_a_deposed_fetcher_append() {
    Fleet { sites: 2, broken: Broken::Nothing }.checker().spawn_bfs().join().assert_properties();
}

#[test]
#[ignore = "takes minutes: just fleet-model"]
fn nor_does_any_with_three_sites() {
    let depth = std::env::var("RMDD_FLEET_MODEL_DEPTH").ok().and_then(|depth| depth.parse().ok());
    let mut checker = Fleet { sites: 3, broken: Broken::Nothing }.checker().threads(2);
    if let Some(depth) = depth {
        checker = checker.target_max_depth(depth);
    }
    let began = std::time::Instant::now();
    let checked = checker.spawn_bfs().join();
    let (states, reached) = (checked.unique_state_count(), checked.max_depth());
    let how_far = if depth.is_some() { "as far as was asked for" } else { "all that there are" };
    println!("{states} states, {how_far}; {reached} steps at most; {:.0} s", began.elapsed().as_secs_f64());
    checked.assert_properties();
}

#[test]
fn a_build_that_is_broken_on_purpose_is_caught() {
    let caught = |broken| {
        let checker = Fleet { sites: 2, broken }.checker().finish_when(HasDiscoveries::AnyFailures);
        let checked = checker.spawn_bfs().join();
        let discoveries = checked.discoveries();
        discoveries.keys().copied().filter(|name| !name.starts_with("two") && !name.starts_with("an entry")).count()
    };
    for broken in [Broken::Fence, Broken::Head, Broken::Look] {
        assert!(caught(broken) > 0, "{broken:?}");
    }
}
