//! The connections of a listener: how many there are, and which makes room if there is none.
//!
//! A newcomer may bring a call to 911, so it is taken in wherever another can be closed in good order. Which one that is decides
//! what a flood of newcomers does: those that say nothing go first, then those of whoever holds the most connections, so that a
//! flood takes its own places and not those that switches keep between two questions.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Client;

/// A connection that has said nothing for so long makes room before all others.
const SILENT_AT_MOST: Duration = Duration::from_secs(1);

/// So does one that has said nothing while such a part of the listener's places was taken anew: in a flood a second is long.
const SILENT_PART: u64 = 4;

/// Such a part of a listener's connections may be leaving beside those that it holds: told to close, and still open.
pub const LEAVING_PART: usize = 8;

/// So many may in any case.
const FEW_LEAVING: usize = 4;

/// A thread whose connections wait so long in the fair queue has more to do than it can.
const OVERLOADED: Duration = Duration::from_millis(20);

/// So many queries of others, answered while a connection waited in the queue, are more than chance.
const MANY: u64 = 500;

/// Whoever has fewer requests open, and sends little, asks little.
pub const FEW_OPEN: usize = 4;

/// A thread that has so many requests open has a crowd of them, whose answers nobody takes or whose bytes do not come: each
/// costs some kilobytes. Whoever has but few of them is answered all the same.
const CROWD: usize = 2048;

/// So many, and nothing more is read for those who have many.
const TOO_MANY: usize = 2 * CROWD;

/// Requests that are under way on connections that stay on no thread that answers: those of the administration.
static OPEN_ELSEWHERE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Questions that this thread was to answer so far.
    static ASKED_HERE: Cell<u64> = const { Cell::new(0) };
    /// Requests of those who ask little, to this thread, and whose was the last.
    static ASKED_BY_QUIET: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
    /// Requests that are under way on this thread, where it is one that answers.
    static OPEN_HERE: Cell<usize> = const { Cell::new(0) };
}

/// How many requests of those who ask little have come to this thread so far, and which connection's was the last
/// ([`Activity::which`]).
pub fn sparse_requests() -> (u64, usize) {
    ASKED_BY_QUIET.with(Cell::get)
}

/// What is known of one connection. On the answer path only its own thread writes it.
#[derive(Debug)]
pub struct Activity {
    began: Instant,
    /// Milliseconds from the beginning to the newest request.
    last_request: AtomicU64,
    has_asked: AtomicBool,
    /// Requests under way.
    under_way: AtomicUsize,
    /// Questions that it has put.
    questions: AtomicU64,
    /// Whether it is a bulk connection: it used up its quantum, and had to wait long for the next.
    is_bulk: AtomicBool,
    /// Whether what it sent last, or a moment ago, was much.
    sends_much: AtomicBool,
    /// Milliseconds from the beginning, and one, to when the client began to take nothing of what is written; else 0.
    untaken_since: AtomicU64,
    /// Answers that were made whole and are not written to the socket yet, and milliseconds from the beginning, and one, to when one came
    /// or something was written last; else 0.
    made: AtomicUsize,
    made_since: AtomicU64,
    /// Whether it stays on one thread, which then counts its requests.
    is_on_one_thread: AtomicBool,
    /// Whether it makes room for another.
    is_leaving: AtomicBool,
    /// Whether it is to be closed whatever is under way.
    is_cut: AtomicBool,
    /// Whether it was answered before all of its request was read.
    leaves_unread: AtomicBool,
    close: Notify,
}

impl Activity {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            last_request: AtomicU64::new(0),
            has_asked: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            questions: AtomicU64::new(0),
            is_bulk: AtomicBool::new(false),
            sends_much: AtomicBool::new(false),
            untaken_since: AtomicU64::new(0),
            made: AtomicUsize::new(0),
            made_since: AtomicU64::new(0),
            is_on_one_thread: AtomicBool::new(false),
            is_leaving: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            leaves_unread: AtomicBool::new(false),
            close: Notify::new(),
        }
    }

    /// Notes a request, which is under way until the guard is dropped.
    pub fn request(self: &Arc<Self>) -> UnderWay {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_request.store(since, Ordering::Relaxed);
        self.has_asked.store(true, Ordering::Relaxed);
        if self.has_few_open() && !self.sends_much.load(Ordering::Relaxed) {
            ASKED_BY_QUIET.with(|asked| asked.set((asked.get().0 + 1, self.which())));
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        if self.is_on_one_thread.load(Ordering::Relaxed) {
            OPEN_HERE.with(|open| open.set(open.get() + 1));
        } else {
            OPEN_ELSEWHERE.fetch_add(1, Ordering::Relaxed);
        }
        UnderWay(Arc::clone(self))
    }

    /// Notes, before its first request, that it stays on the thread that runs it.
    pub fn stays_here(&self) {
        self.is_on_one_thread.store(true, Ordering::Relaxed);
    }

    /// Whether its thread has a crowd of requests open, of which it has many.
    pub fn crowds(&self) -> bool {
        self.open_beside() > CROWD && !self.has_few_open()
    }

    /// Whether its thread has more requests open than it can keep, of which it has many.
    pub fn overcrowds(&self) -> bool {
        self.open_beside() > TOO_MANY && !self.has_few_open()
    }

    /// How many requests are open where this connection lives.
    fn open_beside(&self) -> usize {
        match self.is_on_one_thread.load(Ordering::Relaxed) {
            true => OPEN_HERE.with(Cell::get),
            false => OPEN_ELSEWHERE.load(Ordering::Relaxed),
        }
    }

    /// Milliseconds from the beginning, and one.
    fn moment(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Notes whether the client takes what is written to it.
    pub fn takes(&self, takes: bool) {
        self.untaken_since.store(if takes { 0 } else { self.moment() }, Ordering::Relaxed);
    }

    /// Notes an answer that was made whole, until the guard is dropped with the last of its bytes.
    pub fn makes(self: &Arc<Self>) -> Made {
        self.made.fetch_add(1, Ordering::Relaxed);
        self.made_since.store(self.moment(), Ordering::Relaxed);
        Made(Arc::clone(self))
    }

    /// Notes that something was written to the socket.
    pub fn written(&self) {
        if self.made.load(Ordering::Relaxed) > 0 {
            self.made_since.store(self.moment(), Ordering::Relaxed);
        }
    }

    /// How long the client has taken nothing of what is written to it, or nothing was written though there are answers, as where it
    /// shuts the windows of HTTP/2 in the midst of one.
    pub fn untaken_for(&self) -> Option<Duration> {
        let since = |at: &AtomicU64| at.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis);
        let untaken = [since(&self.untaken_since), since(&self.made_since)].into_iter().flatten().min()?;
        Some(self.began.elapsed().saturating_sub(untaken))
    }

    /// What tells it from all others that there are.
    pub fn which(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether a request is under way.
    pub fn is_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    /// Whether few requests are under way.
    pub fn has_few_open(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) < FEW_OPEN
    }

    /// Notes whether it sends much.
    pub fn sends_much(&self, much: bool) {
        self.sends_much.store(much, Ordering::Relaxed);
    }

    /// Whether it ever had a request.
    pub fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// Notes questions that are to be answered, on the thread that does it.
    pub fn asks(&self, questions: usize) {
        let questions = questions as u64;
        self.questions.fetch_add(questions, Ordering::Relaxed);
        ASKED_HERE.with(|asked| asked.set(asked.get() + questions));
    }

    /// How many questions the other connections of this thread have put so far.
    pub fn asked_by_others(&self) -> u64 {
        ASKED_HERE.with(Cell::get).saturating_sub(self.questions.load(Ordering::Relaxed))
    }

    /// Notes how long the connection waited in the queue after it had used up its quantum, and how many questions of others were
    /// answered meanwhile. A wait in which nothing was done is the machine's, and nobody's fault.
    pub fn waited_in_queue(&self, waited: Duration, others: u64) {
        self.is_bulk.store(waited >= OVERLOADED && others >= MANY, Ordering::Relaxed);
    }

    /// Whether its thread has more to do than it can, and this connection asks for more than its share of it.
    pub fn is_bulk(&self) -> bool {
        self.is_bulk.load(Ordering::Relaxed)
    }

    /// How long no request was under way; nothing if one is.
    pub fn idle(&self) -> Option<Duration> {
        self.idle_at(Instant::now())
    }

    fn idle_at(&self, now: Instant) -> Option<Duration> {
        if self.under_way.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let last = Duration::from_millis(self.last_request.load(Ordering::Relaxed));
        Some(now.saturating_duration_since(self.began).saturating_sub(last))
    }

    /// Notes that a request was answered whose body was not read to its end.
    pub fn leaves_unread(&self) {
        self.leaves_unread.store(true, Ordering::Relaxed);
    }

    /// Whether there was such a request.
    pub fn has_unread(&self) -> bool {
        self.leaves_unread.load(Ordering::Relaxed)
    }

    /// Waits until the connection is to make room; once more, until it is to do so at once.
    pub async fn asked_to_close(&self) {
        self.close.notified().await;
    }

    /// Has it closed at once, whatever is under way: its client is believed no more.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        self.ask_to_close();
    }

    /// Whether it is to be closed at once.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    fn ask_to_close(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
        self.close.notify_one();
    }

    /// Whether it makes room for another, so that its next answer is its last.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }
}

/// An answer that was made whole.
#[derive(Debug)]
pub struct Made(Arc<Activity>);

impl Drop for Made {
    fn drop(&mut self) {
        if self.0.made.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.made_since.store(0, Ordering::Relaxed);
        } else {
            self.0.written();
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
        if self.0.is_on_one_thread.load(Ordering::Relaxed) {
            OPEN_HERE.with(|open| open.set(open.get().saturating_sub(1)));
        } else {
            OPEN_ELSEWHERE.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

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

    #[test]
    fn a_connection_is_bulk_only_where_others_were_answered_while_it_waited_long() {
        let registry = Registry::new(2);
        let (one, other) = (admitted(&registry, SWITCH), admitted(&registry, SWITCH));
        one.activity.asks(10_000);
        assert_eq!((one.activity.asked_by_others(), other.activity.asked_by_others()), (0, 10_000));
        for (waited, others, is_bulk) in [(1_000, 0, false), (1, 5_000, false), (1_000, 5_000, true), (0, 0, false)] {
            one.activity.waited_in_queue(Duration::from_millis(waited), others);
            assert_eq!(one.activity.is_bulk(), is_bulk, "{waited} ms, {others}");
        }
    }

    #[test]
    fn a_request_under_way_is_not_idle_and_a_finished_one_is() {
        let registry = Registry::new(1);
        let admitted = admitted(&registry, SWITCH);
        let under_way = admitted.activity.request();
        assert_eq!(admitted.activity.idle(), None);
        drop(under_way);
        assert!(admitted.activity.idle().is_some());
    }
}
