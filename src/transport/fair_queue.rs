//! A fair queue for the connections of a worker thread: sparse ones first, bulk ones in turn, as fq_codel (RFC 8290) shares
//! out a link.
//!
//! A runtime runs what is ready in the order in which it became ready, and a request passes that queue three times: its
//! connection reads it, its task answers it, its connection writes the answer. Were all that bulk clients have sent let in at
//! once, a client with a single request would wait three times for all of it. So each connection may read one quantum of
//! bytes a round. One that has more to read waits in the queue, and the next is let in once the requests of the one before it
//! were answered and the sockets were polled again: a sparse client waits for one quantum, not for all.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;

use super::activity::{Activity, sparse_requests};

/// A quantum that took longer is halved, one that took less than a third of it doubled.
const TARGET: Duration = Duration::from_micros(100);

/// The bounds of a quantum in bytes, and the first one: some ten requests one by one, or some fifty queries of a batch.
const LEAST_QUANTUM: usize = 512;
const FIRST_QUANTUM: usize = 1 << 10;
const MOST_QUANTUM: usize = 32 << 10;

/// The least quantum while there is no sparse client, in bytes.
const QUANTUM_WITHOUT_SPARSE: usize = 8 << 10;

/// A connection that sends more bytes than this at a time, or waited in the queue so few rounds ago, is a bulk one.
const SPARSE_BYTES: usize = 512;
const LATELY: u64 = 8;

/// So often the next in the queue yields to sparse connections.
const YIELDS: usize = 4;

/// For so long after its last request a sparse client is taken to be there.
const SPARSE_FOR: Duration = Duration::from_secs(1);

/// While there is one, bulk connections are served for so long, and then pause for the shortest time that a timer knows. They
/// pause whether or not the system took the processor from the thread lately (`ru_nivcsw`): made to depend on that, a flood
/// kept 0.7 of its answers instead of half, and the sparse client waited for whole slices of the scheduler, 4 to 6 ms. A thread
/// that often waits itself is seldom taken off, however many wait for it.
const BURST: Duration = Duration::from_micros(800);
const PAUSE: Duration = Duration::from_millis(1);

/// A bulk connection in the queue.
#[derive(Debug)]
struct Queued {
    /// Which connection ([`Activity::which`]).
    which: usize,
    /// The round in which it was queued.
    round: u64,
    quantum: oneshot::Sender<()>,
    /// Where the time that its quantum took is reported.
    took: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Shared {
    /// All that were queued before the current round have been served.
    round: AtomicU64,
    /// Whether there is a sparse client.
    sparse: AtomicBool,
}

/// The queue of one worker thread, as its connections see it.
#[derive(Debug, Clone)]
pub struct FairQueue {
    queue: mpsc::UnboundedSender<Queued>,
    shared: Arc<Shared>,
}

/// Serves the queue, one connection after the other.
#[derive(Debug)]
pub struct Scheduler {
    queue: mpsc::UnboundedReceiver<Queued>,
    shared: Arc<Shared>,
}

/// A queue, and what serves it.
pub fn fair_queue() -> (FairQueue, Scheduler) {
    #[expect(clippy::disallowed_methods, reason = "whoever is in it waits: connections and their streams bound it")]
    let (sender, queue) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::default());
    (FairQueue { queue: sender, shared: Arc::clone(&shared) }, Scheduler { queue, shared })
}

impl Scheduler {
    /// Serves the queue until all its connections are gone, on the thread that runs them.
    pub async fn run(mut self) {
        let (mut seen, mut seen_at, mut burst) = (0, None::<Instant>, Duration::ZERO);
        while let Some(next) = self.queue.recv().await {
            if next.round == self.shared.round.load(Ordering::Relaxed) {
                self.shared.round.fetch_add(1, Ordering::Relaxed);
            }
            // A stream begins as one small request, and may send much behind it: a connection does not yield to itself.
            if sparse_requests() == (seen + 1, next.which) {
                seen += 1;
            }
            let began = Instant::now();
            if next.quantum.send(()).is_err() {
                // It has hung up.
                continue;
            }
            for _ in 0..YIELDS {
                // Comes back when all that was ready has run (or very much of it), and the sockets were looked at.
                yield_now().await;
                let (asked, _) = sparse_requests();
                if asked == seen {
                    break;
                }
                (seen, seen_at) = (asked, Some(began));
            }
            let sparse = seen_at.is_some_and(|at| began.saturating_duration_since(at) < SPARSE_FOR);
            self.shared.sparse.store(sparse, Ordering::Relaxed);
            let took = began.elapsed();
            next.took.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
            burst += took;
            if burst > BURST {
                burst = Duration::ZERO;
                if sparse {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// A wait in the queue.
#[derive(Debug)]
struct Wait {
    quantum: oneshot::Receiver<()>,
    since: Instant,
    /// How many queries others had sent by then.
    others: u64,
}

/// A connection's slot in the queue of its thread.
#[derive(Debug)]
pub struct Slot {
    fair_queue: FairQueue,
    /// Bytes that it may read in a round, and what is left of them in this one.
    quantum: usize,
    left: usize,
    /// The round in which it last was granted a quantum, and that in which it last waited in the queue.
    round: u64,
    queued_in: Option<u64>,
    /// Whether its socket was read empty since the last grant, and how many bytes that was, or is so far.
    drained: bool,
    sent: usize,
    waiting: Option<Wait>,
    /// Microseconds that its last quantum took; 0 once that was taken into account.
    took: Arc<AtomicU64>,
}

impl Slot {
    /// The slot of a new connection.
    pub fn new(fair_queue: FairQueue) -> Self {
        let round = fair_queue.shared.round.load(Ordering::Relaxed);
        let (quantum, left) = (FIRST_QUANTUM, FIRST_QUANTUM);
        Self {
            fair_queue,
            quantum,
            left,
            round,
            queued_in: None,
            drained: false,
            sent: 0,
            waiting: None,
            took: Arc::default(),
        }
    }

    /// How many bytes the connection may read now. While it waits in the queue it is pending, and is woken.
    pub fn poll_quantum(&mut self, cx: &mut Context<'_>, activity: &Activity) -> Poll<usize> {
        let round = self.fair_queue.shared.round.load(Ordering::Relaxed);
        if let Some(wait) = &mut self.waiting {
            // The queue is served no more only where the runtime is going down.
            let _ = ready!(Pin::new(&mut wait.quantum).poll(cx));
            activity.waited_in_queue(wait.since.elapsed(), activity.asked_by_others().saturating_sub(wait.others));
            self.waiting = None;
            self.queued_in = Some(round);
            self.adapt();
            self.grant(round);
        } else if self.round != round || (self.drained && activity.has_few_open()) {
            self.grant(round);
        } else if self.left == 0 {
            let (sender, mut quantum) = oneshot::channel();
            let waiting = Queued { which: activity.which(), round, quantum: sender, took: Arc::clone(&self.took) };
            if self.fair_queue.queue.send(waiting).is_ok() && Pin::new(&mut quantum).poll(cx).is_pending() {
                self.waiting = Some(Wait { quantum, since: Instant::now(), others: activity.asked_by_others() });
                return Poll::Pending;
            }
            self.grant(round);
        }
        Poll::Ready(self.left)
    }

    fn grant(&mut self, round: u64) {
        self.round = round;
        self.left = match self.fair_queue.shared.sparse.load(Ordering::Relaxed) {
            true => self.quantum,
            false => self.quantum.max(QUANTUM_WITHOUT_SPARSE),
        };
    }

    /// Notes that so many bytes were read.
    pub fn read(&mut self, bytes: usize, activity: &Activity) {
        self.left = self.left.saturating_sub(bytes);
        self.sent = if self.drained { bytes } else { self.sent + bytes };
        self.drained = false;
        let lately = self.queued_in.is_some_and(|queued_in| self.round.saturating_sub(queued_in) < LATELY);
        activity.sends_much(lately || self.sent > SPARSE_BYTES);
    }

    /// Notes that there is no more to read for now.
    pub fn drained(&mut self) {
        self.drained = true;
    }

    /// Fits the quantum to how long the last one took.
    fn adapt(&mut self) {
        let took = Duration::from_micros(self.took.swap(0, Ordering::Relaxed));
        if took > TARGET {
            self.quantum = (self.quantum / 2).max(LEAST_QUANTUM);
        } else if !took.is_zero() && took < TARGET / 3 {
            self.quantum = (self.quantum * 2).min(MOST_QUANTUM);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::Waker;

    use tokio::task::LocalSet;

    use super::super::Client;
    use super::super::activity::FEW_OPEN;
    use super::super::registry::{Admitted, Registry};
    use super::*;

    fn now(slot: &mut Slot, admitted: &Admitted) -> Poll<usize> {
        slot.poll_quantum(&mut Context::from_waker(Waker::noop()), &admitted.activity)
    }

    fn connections(count: usize) -> Vec<Admitted> {
        let registry = Registry::new(count);
        (0..count).map(|_| registry.admit(Client::Here).expect("room")).collect()
    }

    #[test]
    fn of_bulk_connections_one_is_served_at_a_time_and_all_in_turn() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (fair_queue, scheduler) = fair_queue();
        let (order, inside) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(0)));
        let lives = LocalSet::new();
        lives.spawn_local(scheduler.run());
        for (who, admitted) in connections(3).into_iter().enumerate() {
            let (mut slot, order, inside) = (Slot::new(fair_queue.clone()), Rc::clone(&order), Rc::clone(&inside));
            lives.spawn_local(async move {
                // The first quantum is granted without a wait.
                for quantum in 0..21 {
                    let bytes = poll_fn(|cx| slot.poll_quantum(cx, &admitted.activity)).await;
                    slot.read(bytes, &admitted.activity);
                    if quantum > 0 {
                        order.borrow_mut().push(who);
                        *inside.borrow_mut() += 1;
                        assert_eq!(*inside.borrow(), 1, "another was served before its requests were answered");
                        // What a request's task does: it runs when the thread comes to it.
                        let inside = Rc::clone(&inside);
                        tokio::task::spawn_local(async move { *inside.borrow_mut() -= 1 });
                    }
                }
            });
        }
        drop(fair_queue);
        runtime.block_on(lives);
        let order = order.borrow();
        assert_eq!(order.len(), 60);
        for round in order.chunks(3) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2], "{order:?}");
        }
    }

    #[test]
    fn a_sparse_connection_never_waits_in_the_queue_however_long_it_is() {
        let (fair_queue, _scheduler) = fair_queue();
        let all = connections(3);
        for admitted in &all[1..] {
            let mut busy = Slot::new(fair_queue.clone());
            let Poll::Ready(bytes) = now(&mut busy, admitted) else { panic!("its first quantum") };
            busy.read(bytes, &admitted.activity);
            assert_eq!(now(&mut busy, admitted), Poll::Pending);
        }
        let mut sparse = Slot::new(fair_queue.clone());
        let (before, _) = sparse_requests();
        for question in 1..1_000 {
            assert!(now(&mut sparse, &all[0]).is_ready(), "question {question}");
            sparse.read(50, &all[0].activity);
            drop(all[0].activity.request());
            sparse.drained();
        }
        assert_eq!(sparse_requests().0 - before, 999);
    }

    #[test]
    fn a_connection_with_many_open_requests_gets_its_quantum_and_no_more_though_it_sends_them_one_by_one() {
        let (fair_queue, _scheduler) = fair_queue();
        let all = connections(1);
        let mut slot = Slot::new(fair_queue.clone());
        let _open: Vec<_> = (0..FEW_OPEN).map(|_| all[0].activity.request()).collect();
        let (mut read, before) = (0, sparse_requests().0);
        while now(&mut slot, &all[0]).is_ready() {
            slot.read(50, &all[0].activity);
            slot.drained();
            read += 50;
            assert!(read <= 2 * QUANTUM_WITHOUT_SPARSE, "it never waits");
        }
        let _another = all[0].activity.request();
        assert_eq!(sparse_requests().0, before, "and counts as nobody to give way to");
    }

    #[test]
    fn a_connection_that_was_queued_lately_or_sends_much_at_a_time_is_not_sparse() {
        let (fair_queue, mut scheduler) = fair_queue();
        let all = connections(1);
        let mut slot = Slot::new(fair_queue.clone());
        let asks = |slot: &mut Slot, bytes: usize| {
            let (before, _) = sparse_requests();
            assert!(now(slot, &all[0]).is_ready());
            slot.read(bytes, &all[0].activity);
            drop(all[0].activity.request());
            sparse_requests().0 - before
        };
        assert_eq!(asks(&mut slot, 50), 1);
        slot.drained();
        assert_eq!(asks(&mut slot, FIRST_QUANTUM), 0, "a batch");
        slot.drained();
        assert_eq!(asks(&mut slot, 50), 1);
        slot.read(MOST_QUANTUM, &all[0].activity);
        assert_eq!(now(&mut slot, &all[0]), Poll::Pending);
        scheduler.queue.try_recv().expect("it is queued").quantum.send(()).expect("it is there");
        for _ in 0..LATELY {
            assert_eq!(asks(&mut slot, 50), 0);
            slot.drained();
            fair_queue.shared.round.fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(asks(&mut slot, 50), 1);
    }

    #[test]
    fn a_queued_connection_that_hangs_up_delays_nobody() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (fair_queue, scheduler) = fair_queue();
        let all = connections(2);
        let mut slots: Vec<_> = (0..2).map(|_| Slot::new(fair_queue.clone())).collect();
        for (slot, admitted) in slots.iter_mut().zip(&all) {
            slot.read(FIRST_QUANTUM, &admitted.activity);
            assert_eq!(now(slot, admitted), Poll::Pending);
        }
        slots.remove(0);
        runtime.block_on(async {
            tokio::spawn(scheduler.run());
            let mut behind = slots.remove(0);
            assert!(poll_fn(|cx| behind.poll_quantum(cx, &all[1].activity)).await > 0);
        });
    }

    #[test]
    fn a_quantum_that_takes_long_shrinks_and_one_that_takes_little_grows_within_bounds() {
        let (fair_queue, _scheduler) = fair_queue();
        let mut slot = Slot::new(fair_queue);
        let mut quantum_after = |took: Duration| {
            slot.took.store(took.as_micros() as u64, Ordering::Relaxed);
            slot.adapt();
            slot.quantum
        };
        assert_eq!(quantum_after(TARGET / 2), FIRST_QUANTUM);
        assert_eq!(quantum_after(TARGET * 2), FIRST_QUANTUM / 2);
        for _ in 0..10 {
            quantum_after(TARGET * 2);
        }
        assert_eq!(quantum_after(TARGET * 2), LEAST_QUANTUM);
        for _ in 0..10 {
            quantum_after(TARGET / 10);
        }
        assert_eq!(quantum_after(Duration::from_micros(1)), MOST_QUANTUM);
        assert_eq!(quantum_after(Duration::ZERO), MOST_QUANTUM, "nothing was reported");
    }
}
