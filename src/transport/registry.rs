//! The connections of a listener: how many there are, and which makes room if there is none.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A connection that had a request so lately is not idle, whatever the need.
const IDLE_AT_LEAST: Duration = Duration::from_secs(1);

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
    /// Whether it stays on one thread, which then counts its requests.
    is_on_one_thread: AtomicBool,
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
            is_on_one_thread: AtomicBool::new(false),
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

    /// Notes whether the client takes what is written to it.
    pub fn takes(&self, takes: bool) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        self.untaken_since.store(if takes { 0 } else { now }, Ordering::Relaxed);
    }

    /// How long the client has taken nothing of what is written to it, if it does not.
    pub fn untaken_for(&self) -> Option<Duration> {
        match self.untaken_since.load(Ordering::Relaxed) {
            0 => None,
            since => Some(self.began.elapsed().saturating_sub(Duration::from_millis(since - 1))),
        }
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
        if self.under_way.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let last = Duration::from_millis(self.last_request.load(Ordering::Relaxed));
        Some(self.began.elapsed().saturating_sub(last))
    }

    /// Waits until the connection is to make room.
    pub async fn asked_to_close(&self) {
        self.close.notified().await;
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
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    next: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
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
        self.registry.lock().remove(&self.key);
    }
}

impl Registry {
    /// A registry of at most so many connections.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: Mutex::default(),
            next: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in. If all places are taken, one is asked to close: of those that never asked anything the
    /// oldest, so that one who opens connections and says nothing keeps nobody out; else the one that was idle longest.
    /// If none is idle, nothing is taken in.
    pub fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let mut open = self.lock();
        if open.len() >= self.most {
            let Some((.., key)) = idlest(&open) else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            };
            if let Some(activity) = open.remove(&key) {
                activity.close.notify_one();
            }
        }
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::new());
        open.insert(key, Arc::clone(&activity));
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Some(Admitted { registry: Arc::clone(self), key, activity })
    }

    /// How idle the connection is that makes room next; more is idler. Nothing if all are busy.
    fn idlest(&self) -> Option<(bool, Duration)> {
        idlest(&self.lock()).map(|(silent, idle, _)| (silent, idle))
    }

    /// Has the connection that was idle longest closed, if one is idle.
    fn make_room(&self) -> bool {
        let mut open = self.lock();
        let closed = idlest(&open).and_then(|(.., key)| open.remove(&key));
        closed.inspect(|activity| activity.close.notify_one()).is_some()
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.lock().len()
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

/// The connection that makes room: of those that never asked anything the oldest, else the one that was idle longest.
fn idlest(open: &HashMap<u64, Arc<Activity>>) -> Option<(bool, Duration, u64)> {
    open.iter()
        .filter_map(|(key, activity)| activity.idle().map(|idle| (!activity.has_asked(), idle, *key)))
        .filter(|(silent, idle, _)| *silent || *idle >= IDLE_AT_LEAST)
        .max()
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

    /// Has the connection that was idle longest closed, if one is idle.
    pub fn make_room(&self) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let idlest = all.iter().filter_map(|registry| registry.idlest().map(|idle| (idle, registry)));
        idlest.max_by_key(|(idle, _)| *idle).is_some_and(|(_, registry)| registry.make_room())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_descriptors_run_out_whoever_idles_longest_on_any_listener_makes_room() {
        let (one, other, all) = (Registry::new(9), Registry::new(9), Registries::default());
        all.add(&one);
        all.add(&other);
        assert!(!all.make_room());
        let busy = one.admit().expect("room");
        let _under_way = busy.activity.request();
        assert!(!all.make_room(), "nobody is idle");
        let _silent = other.admit().expect("room");
        assert!(all.make_room());
        assert_eq!((one.open(), other.open()), (1, 0));
    }

    #[test]
    fn a_full_listener_refuses_while_all_are_busy_and_counts_it() {
        let registry = Registry::new(2);
        let first = registry.admit().expect("room");
        let second = registry.admit().expect("room");
        let (_one, _two) = (first.activity.request(), second.activity.request());
        assert!(registry.admit().is_none());
        assert_eq!((registry.open(), registry.accepted(), registry.refused()), (2, 2, 1));
        drop(first);
        assert!(registry.admit().is_some());
    }

    #[test]
    fn who_says_nothing_makes_room_before_who_has_asked() {
        let registry = Registry::new(2);
        let asked = registry.admit().expect("room");
        drop(asked.activity.request());
        let silent = registry.admit().expect("room");
        let key = silent.key;
        let third = registry.admit().expect("the silent one's place");
        assert!(!registry.lock().contains_key(&key));
        assert!(registry.lock().contains_key(&asked.key) && registry.lock().contains_key(&third.key));
    }

    #[test]
    fn a_connection_is_bulk_only_where_others_were_answered_while_it_waited_long() {
        let registry = Registry::new(2);
        let (one, other) = (registry.admit().expect("room"), registry.admit().expect("room"));
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
        let admitted = registry.admit().expect("room");
        let under_way = admitted.activity.request();
        assert_eq!(admitted.activity.idle(), None);
        drop(under_way);
        assert!(admitted.activity.idle().is_some());
    }
}
