//! The connections of a listener: how many there are, and which makes room if there is none.
//!
//! A newcomer may bring a call to 911, so it is taken in wherever another can be closed in good order. Which one that is decides
//! what a flood of newcomers does: those that say nothing go first, then those of whoever holds the most connections, so that a
//! flood takes its own places and not those that switches keep between two questions.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Client;
use super::activity::Activity;

/// A connection that has said nothing for so long makes room before all others.
const SILENT_AT_MOST: Duration = Duration::from_secs(1);

/// So does one that has said nothing while such a part of the listener's places was taken anew: in a flood a second is long.
const SILENT_PART: u64 = 4;

/// Such a part of a listener's connections may be leaving beside those that it holds: told to close, and still open.
pub const LEAVING_PART: usize = 8;

/// So many may in any case.
const FEW_LEAVING: usize = 4;

/// The connections of one listener.
#[derive(Debug)]
pub struct Registry {
    most: usize,
    places: Mutex<Places>,
    accepted: AtomicU64,
    refused: AtomicU64,
}

/// Who has a place.
#[derive(Debug, Default)]
struct Places {
    open: HashMap<u64, Place>,
    /// How many of them each client holds.
    held: HashMap<Client, Arc<AtomicUsize>>,
    /// Those that were told to make room and are not closed yet, in the order in which they were told.
    leaving: VecDeque<(u64, Arc<Activity>)>,
    next: u64,
}

#[derive(Debug)]
struct Place {
    activity: Arc<Activity>,
    client: Client,
    /// How many connections its client holds, this one too.
    held: Arc<AtomicUsize>,
}

/// What decides which connection makes room: the one of which this is the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    /// It has said nothing, and had time to.
    is_silent: bool,
    /// How many connections its client holds.
    held: usize,
    /// It can be closed in good order. One that has only just come and said nothing can but be dropped.
    has_asked: bool,
    idle: Duration,
    /// Of those that are the same the first.
    key: Reverse<u64>,
}

/// A connection's place in the registry, given back when it is dropped.
#[derive(Debug)]
pub struct Admitted {
    registry: Arc<Registry>,
    key: u64,
    /// The connection's activity.
    pub activity: Arc<Activity>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut places = self.registry.lock();
        if places.remove(self.key).is_none() {
            places.leaving.retain(|(key, _)| *key != self.key);
        }
    }
}

impl Places {
    fn insert(&mut self, client: Client) -> (u64, Arc<Activity>) {
        let (key, activity) = (self.next, Arc::new(Activity::new()));
        self.next += 1;
        let held = Arc::clone(self.held.entry(client.clone()).or_default());
        held.fetch_add(1, Ordering::Relaxed);
        self.open.insert(key, Place { activity: Arc::clone(&activity), client, held });
        (key, activity)
    }

    fn remove(&mut self, key: u64) -> Option<Arc<Activity>> {
        let place = self.open.remove(&key)?;
        if place.held.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.held.remove(&place.client);
        }
        Some(place.activity)
    }

    /// The connection that makes room, for this client if one is named. Whoever holds more than half of the places makes room
    /// for itself: else one that has a request under way on each of its connections would take those of all others.
    fn first_to_go(&self, most: usize, newcomer: Option<&Client>) -> Option<Claim> {
        let now = Instant::now();
        let too_many = (most as u64 / SILENT_PART).max(1);
        let greedy = newcomer
            .filter(|client| self.held.get(*client).is_some_and(|held| held.load(Ordering::Relaxed) > most / 2));
        let claim = |(key, place): (&u64, &Place)| {
            let idle = place.activity.idle_at(now)?;
            let has_asked = place.activity.has_asked();
            let is_silent = !has_asked && (idle >= SILENT_AT_MOST || self.next - key > too_many);
            let is_open_to = is_silent || greedy.is_none_or(|client| *client == place.client);
            let held = place.held.load(Ordering::Relaxed);
            is_open_to.then_some(Claim { is_silent, held, has_asked, idle, key: Reverse(*key) })
        };
        self.open.iter().filter_map(claim).max()
    }

    /// Has a connection make room. Where many were told before and are open still, the first of them closes at once.
    fn let_go(&mut self, key: u64, most: usize) {
        let Some(activity) = self.remove(key) else { return };
        activity.ask_to_close();
        self.leaving.push_back((key, activity));
        if self.leaving.len() > (most / LEAVING_PART).max(FEW_LEAVING)
            && let Some((_, first)) = self.leaving.pop_front()
        {
            first.ask_to_close();
        }
    }
}

impl Registry {
    /// A registry of at most so many connections.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, places: Mutex::default(), accepted: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection of a client in. If all places are taken, one is asked to close: of those that say nothing, else of
    /// those of the client that holds the most, the one that was idle longest. If all have requests under way, nothing is taken
    /// in; nor if the client holds more than half of the places, and all of its own have.
    pub fn admit(self: &Arc<Self>, client: Client) -> Option<Admitted> {
        let mut places = self.lock();
        if places.open.len() >= self.most {
            let Some(Claim { key: Reverse(key), .. }) = places.first_to_go(self.most, Some(&client)) else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            };
            places.let_go(key, self.most);
        }
        let (key, activity) = places.insert(client);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Some(Admitted { registry: Arc::clone(self), key, activity })
    }

    /// What the connection that makes room next has to say for itself. Nothing if all are busy.
    fn first_to_go(&self) -> Option<Claim> {
        self.lock().first_to_go(self.most, None)
    }

    /// Has the connection that is the first to go make room, if one is idle. Those that were told before and are open still
    /// close at once: it is their descriptors that are wanted.
    fn make_room(&self) -> bool {
        let mut places = self.lock();
        let Some(Claim { key: Reverse(key), .. }) = places.first_to_go(self.most, None) else { return false };
        places.let_go(key, 0);
        for (_, activity) in std::mem::take(&mut places.leaving) {
            activity.ask_to_close();
        }
        true
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.lock().open.len()
    }

    /// Connections taken in so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections closed at once, since there was no room.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// The connections of all listeners for queries: where the system gives no more descriptors, one of them makes room,
/// whichever listener needs it.
#[derive(Debug, Clone, Default)]
pub struct Registries(Arc<Mutex<Vec<Arc<Registry>>>>);

impl Registries {
    /// Adds those of a listener.
    pub fn add(&self, registry: &Arc<Registry>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(registry));
    }

    /// Has the connection that is the first to go of all listeners' make room, if one is idle.
    pub fn make_room(&self) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let claims = all.iter().filter_map(|registry| registry.first_to_go().map(|claim| (claim, registry)));
        claims.max_by_key(|(claim, _)| *claim).is_some_and(|(_, registry)| registry.make_room())
    }
}

#[cfg(test)]
mod tests {
    use super::super::activity::UnderWay;
    use super::*;

    const SWITCH: Client = Client::User(Some(1));
    const OTHER: Client = Client::User(Some(2));

    fn admitted(registry: &Arc<Registry>, client: Client) -> Admitted {
        registry.admit(client).expect("room")
    }

    fn that_asked(registry: &Arc<Registry>, client: Client) -> Admitted {
        let admitted = admitted(registry, client);
        drop(admitted.activity.request());
        admitted
    }

    fn has_place(registry: &Registry, admitted: &Admitted) -> bool {
        registry.lock().open.contains_key(&admitted.key)
    }

    #[test]
    fn where_descriptors_run_out_whoever_idles_longest_on_any_listener_makes_room() {
        let (one, other, all) = (Registry::new(9), Registry::new(9), Registries::default());
        all.add(&one);
        all.add(&other);
        assert!(!all.make_room());
        let busy = admitted(&one, SWITCH);
        let _under_way = busy.activity.request();
        assert!(!all.make_room(), "nobody is idle");
        let silent = admitted(&other, SWITCH);
        assert!(all.make_room());
        assert_eq!((one.open(), other.open()), (1, 0));
        assert!(silent.activity.is_leaving());
    }

    #[test]
    fn a_full_listener_refuses_while_all_have_requests_under_way_and_counts_it() {
        let registry = Registry::new(2);
        let (first, second) = (admitted(&registry, SWITCH), admitted(&registry, SWITCH));
        let (_one, _two) = (first.activity.request(), second.activity.request());
        assert!(registry.admit(OTHER).is_none());
        assert_eq!((registry.open(), registry.accepted(), registry.refused()), (2, 2, 1));
        drop(first);
        assert!(registry.admit(OTHER).is_some());
    }

    #[test]
    fn a_newcomer_is_taken_in_though_all_have_asked_a_moment_ago_and_none_that_asks_is_cut() {
        let registry = Registry::new(3);
        let (asks, first, second) =
            (that_asked(&registry, SWITCH), that_asked(&registry, SWITCH), that_asked(&registry, SWITCH));
        let _under_way = asks.activity.request();
        let newcomer = admitted(&registry, OTHER);
        assert!(first.activity.is_leaving() && !has_place(&registry, &first));
        assert!(has_place(&registry, &asks) && has_place(&registry, &second) && has_place(&registry, &newcomer));
        // Nor is the newcomer cut before it could say anything, where another can be told to close.
        let third = admitted(&registry, OTHER);
        assert!(has_place(&registry, &newcomer) && has_place(&registry, &third) && second.activity.is_leaving());
    }

    #[test]
    fn who_says_nothing_in_a_flood_makes_room_before_who_has_asked() {
        let registry = Registry::new(8);
        let asked: Vec<Admitted> = (0..6).map(|_| that_asked(&registry, SWITCH)).collect();
        let silent: Vec<Admitted> = (0..200).map(|_| admitted(&registry, OTHER)).collect();
        let left = asked.iter().filter(|asked| has_place(&registry, asked)).count();
        // As many as are let in before one of them had time to ask.
        assert_eq!(left, 8 - silent.iter().filter(|silent| has_place(&registry, silent)).count());
        assert!(left >= 5, "{left} of the switch's are left");
    }

    #[test]
    fn whoever_holds_the_most_makes_room_and_for_nobody_else_s_newcomers_but_its_own_where_it_holds_most_of_all() {
        let registry = Registry::new(6);
        let kept: Vec<Admitted> = (0..2).map(|_| that_asked(&registry, SWITCH)).collect();
        let flood: Vec<Admitted> = (0..50).map(|_| that_asked(&registry, OTHER)).collect();
        assert!(kept.iter().all(|kept| has_place(&registry, kept)), "a flood takes its own places");
        let held: Vec<&Admitted> = flood.iter().filter(|flood| has_place(&registry, flood)).collect();
        let under_way: Vec<UnderWay> = held.iter().map(|held| held.activity.request()).collect();
        assert!(registry.admit(OTHER).is_none(), "nor where all of its own are busy");
        assert!(registry.admit(SWITCH).is_some(), "others are taken in");
        assert_eq!((under_way.len(), registry.refused()), (4, 1));
        drop((kept, held, under_way));
        drop(flood);
        assert!(
            registry.lock().held.is_empty() && registry.lock().leaving.is_empty(),
            "nobody is remembered for nothing"
        );
    }

    #[test]
    fn so_many_may_be_leaving_and_the_first_of_more_closes_at_once() {
        for (most, leaving) in [(8, FEW_LEAVING), (64, 8)] {
            let registry = Registry::new(most);
            let all: Vec<Admitted> = (0..most + 12).map(|_| that_asked(&registry, SWITCH)).collect();
            assert_eq!(registry.lock().leaving.len(), leaving);
            assert_eq!(all.iter().filter(|one| one.activity.is_leaving()).count(), 12);
        }
    }
}
