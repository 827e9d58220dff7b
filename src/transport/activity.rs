//! What is known of a connection while it is open: what is under way on it, how much it asks, and whether it takes its answers.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

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
    pub(super) fn new() -> Self {
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

    /// The same at another moment.
    pub(super) fn idle_at(&self, now: Instant) -> Option<Duration> {
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

    /// Has it make room for another.
    pub(super) fn ask_to_close(&self) {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Client;
    use super::super::registry::{Admitted, Registry};
    use super::*;

    const SWITCH: Client = Client::User(Some(1));

    fn admitted(registry: &Arc<Registry>, client: Client) -> Admitted {
        registry.admit(client).expect("room")
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
