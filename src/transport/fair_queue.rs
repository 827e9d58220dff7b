//! Turns: of the connections of a thread that ask for much, one is let in at a time.
//!
//! A thread's runtime runs what is ready in the order in which it became ready, and a question passes that line three
//! times: its connection reads it, its task answers it, its connection writes the answer. Were all that the busy ones have
//! sent let in at once, a client with a single question would wait three times for all of it. So each connection may
//! read a little in each round. One that has more to say waits in line, and the next in line is let in once what the one
//! before it brought in was answered and sockets were looked at anew: whoever asks little waits for one short turn, not for
//! all. It is the way in which fq_codel (RFC 8290) shares out a link: sparse flows first, the others in turn.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;

use super::registry::{Activity, asked_by_quiet};

/// A turn that took longer is halved, one that took less than a third of it doubled.
const TURN: Duration = Duration::from_micros(100);

/// The least and the most that is read in a turn, and what it begins with: some ten questions one by one, or some fifty
/// of a batch.
const LEAST_BYTES: usize = 512;
const FIRST_BYTES: usize = 1 << 10;
const MOST_BYTES: usize = 32 << 10;

/// What is read in a turn at least while nobody is there who asks little.
const AMONG_THEMSELVES_BYTES: usize = 8 << 10;

/// Whoever sends more than this at a time, or stood in line so few rounds ago, asks for much.
const LITTLE_BYTES: usize = 512;
const LATELY: u64 = 8;

/// So often the next in line waits in favour of those who ask little.
const GIVES_WAY: usize = 4;

/// Somebody who asks little is there for so long after a question.
const STAYS: Duration = Duration::from_secs(1);

/// While somebody is, those in line have so long, and then rest for as short as a timer can be told.
const STRETCH: Duration = Duration::from_micros(800);
const REST: Duration = Duration::from_millis(1);

/// Whoever waits in line.
#[derive(Debug)]
struct Waiting {
    /// Which connection ([`Activity::which`]).
    which: usize,
    /// The round in which it came.
    round: u64,
    turn: oneshot::Sender<()>,
    /// Where it is told how long its turn took.
    took: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Shared {
    /// All who came before the current round have had their turn.
    round: AtomicU64,
    /// Whether somebody is there who asks little.
    quiet: AtomicBool,
}

/// The line of one thread, for its connections.
#[derive(Debug, Clone)]
pub struct Turns {
    line: mpsc::UnboundedSender<Waiting>,
    shared: Arc<Shared>,
}

/// Lets them in, one after the other.
#[derive(Debug)]
pub struct Keeper {
    line: mpsc::UnboundedReceiver<Waiting>,
    shared: Arc<Shared>,
}

/// A line, and who keeps it.
pub fn turns() -> (Turns, Keeper) {
    #[expect(clippy::disallowed_methods, reason = "whoever stands in it waits: connections and their streams bound it")]
    let (sender, line) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::default());
    (Turns { line: sender, shared: Arc::clone(&shared) }, Keeper { line, shared })
}

impl Keeper {
    /// Keeps the line until all its connections are gone, on the thread that serves them.
    pub async fn keep(mut self) {
        let (mut seen, mut seen_at, mut stretch) = (0, None::<Instant>, Duration::ZERO);
        while let Some(next) = self.line.recv().await {
            if next.round == self.shared.round.load(Ordering::Relaxed) {
                self.shared.round.fetch_add(1, Ordering::Relaxed);
            }
            // A stream begins as one little request, and may ask for much behind it: nobody is to give way to oneself.
            if asked_by_quiet() == (seen + 1, next.which) {
                seen += 1;
            }
            let began = Instant::now();
            if next.turn.send(()).is_err() {
                // It has hung up.
                continue;
            }
            for _ in 0..GIVES_WAY {
                // Comes back when all that was ready has run (or very much of it), and the sockets were looked at.
                yield_now().await;
                let (asked, _) = asked_by_quiet();
                if asked == seen {
                    break;
                }
                (seen, seen_at) = (asked, Some(began));
            }
            let quiet = seen_at.is_some_and(|at| began.saturating_duration_since(at) < STAYS);
            self.shared.quiet.store(quiet, Ordering::Relaxed);
            let took = began.elapsed();
            next.took.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
            stretch += took;
            if stretch > STRETCH {
                stretch = Duration::ZERO;
                if quiet {
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }
}

/// A wait for a turn.
#[derive(Debug)]
struct Wait {
    turn: oneshot::Receiver<()>,
    since: Instant,
    /// How many questions others had put by then.
    others: u64,
}

/// A connection's place among those of its thread.
#[derive(Debug)]
pub struct Seat {
    turns: Turns,
    /// Bytes that it may read in a turn, and what is left of them in this one.
    turn: usize,
    left: usize,
    /// The round in which it last was given some, and that in which it last stood in line.
    round: u64,
    stood: Option<u64>,
    /// Whether it has said all that it had to say since it was given some, and how much that was, or is so far.
    drained: bool,
    said: usize,
    waiting: Option<Wait>,
    /// Microseconds that its last turn took; 0 if it was told already.
    took: Arc<AtomicU64>,
}

impl Seat {
    /// A new connection's.
    pub fn new(turns: Turns) -> Self {
        let round = turns.shared.round.load(Ordering::Relaxed);
        let (turn, left) = (FIRST_BYTES, FIRST_BYTES);
        Self { turns, turn, left, round, stood: None, drained: false, said: 0, waiting: None, took: Arc::default() }
    }

    /// How many bytes the connection may read now. While it has to wait for its turn there is nothing, and it is woken.
    pub fn poll_turn(&mut self, cx: &mut Context<'_>, activity: &Activity) -> Poll<usize> {
        let round = self.turns.shared.round.load(Ordering::Relaxed);
        if let Some(wait) = &mut self.waiting {
            // Nobody keeps the line any more only where the runtime is going down.
            let _ = ready!(Pin::new(&mut wait.turn).poll(cx));
            activity.waited_for_turn(wait.since.elapsed(), activity.asked_by_others().saturating_sub(wait.others));
            self.waiting = None;
            self.stood = Some(round);
            self.adapt();
            self.give(round);
        } else if self.round != round || (self.drained && activity.has_few_open()) {
            self.give(round);
        } else if self.left == 0 {
            let (sender, mut turn) = oneshot::channel();
            let waiting = Waiting { which: activity.which(), round, turn: sender, took: Arc::clone(&self.took) };
            if self.turns.line.send(waiting).is_ok() && Pin::new(&mut turn).poll(cx).is_pending() {
                self.waiting = Some(Wait { turn, since: Instant::now(), others: activity.asked_by_others() });
                return Poll::Pending;
            }
            self.give(round);
        }
        Poll::Ready(self.left)
    }

    fn give(&mut self, round: u64) {
        self.round = round;
        self.left = match self.turns.shared.quiet.load(Ordering::Relaxed) {
            true => self.turn,
            false => self.turn.max(AMONG_THEMSELVES_BYTES),
        };
    }

    /// Notes that it has said so many bytes.
    pub fn read(&mut self, bytes: usize, activity: &Activity) {
        self.left = self.left.saturating_sub(bytes);
        self.said = if self.drained { bytes } else { self.said + bytes };
        self.drained = false;
        let lately = self.stood.is_some_and(|stood| self.round.saturating_sub(stood) < LATELY);
        activity.sends_much(lately || self.said > LITTLE_BYTES);
    }

    /// Notes that it has no more to say for now.
    pub fn drained(&mut self) {
        self.drained = true;
    }

    /// Fits what it may read to how long its last turn took.
    fn adapt(&mut self) {
        let took = Duration::from_micros(self.took.swap(0, Ordering::Relaxed));
        if took > TURN {
            self.turn = (self.turn / 2).max(LEAST_BYTES);
        } else if !took.is_zero() && took < TURN / 3 {
            self.turn = (self.turn * 2).min(MOST_BYTES);
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

    use super::super::registry::{Admitted, FEW_OPEN, Registry};
    use super::*;

    fn now(seat: &mut Seat, admitted: &Admitted) -> Poll<usize> {
        seat.poll_turn(&mut Context::from_waker(Waker::noop()), &admitted.activity)
    }

    fn connections(count: usize) -> Vec<Admitted> {
        let registry = Registry::new(count);
        (0..count).map(|_| registry.admit().expect("room")).collect()
    }

    #[test]
    fn of_those_who_ask_for_much_one_is_let_in_at_a_time_and_all_have_their_turn() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (turns, keeper) = turns();
        let (order, inside) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(0)));
        let lives = LocalSet::new();
        lives.spawn_local(keeper.keep());
        for (who, admitted) in connections(3).into_iter().enumerate() {
            let (mut seat, order, inside) = (Seat::new(turns.clone()), Rc::clone(&order), Rc::clone(&inside));
            lives.spawn_local(async move {
                // The first share is had without a turn.
                for turn in 0..21 {
                    let bytes = poll_fn(|cx| seat.poll_turn(cx, &admitted.activity)).await;
                    seat.read(bytes, &admitted.activity);
                    if turn > 0 {
                        order.borrow_mut().push(who);
                        *inside.borrow_mut() += 1;
                        assert_eq!(*inside.borrow(), 1, "another was let in before its questions were answered");
                        // What a question's task does: it is run when it is its turn on the thread.
                        let inside = Rc::clone(&inside);
                        tokio::task::spawn_local(async move { *inside.borrow_mut() -= 1 });
                    }
                }
            });
        }
        drop(turns);
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
    fn who_asks_little_stands_in_no_line_however_long_it_is() {
        let (turns, _keeper) = turns();
        let all = connections(3);
        for admitted in &all[1..] {
            let mut busy = Seat::new(turns.clone());
            let Poll::Ready(bytes) = now(&mut busy, admitted) else { panic!("its first share") };
            busy.read(bytes, &admitted.activity);
            assert_eq!(now(&mut busy, admitted), Poll::Pending);
        }
        let mut quiet = Seat::new(turns.clone());
        let (before, _) = asked_by_quiet();
        for question in 1..1_000 {
            assert!(now(&mut quiet, &all[0]).is_ready(), "question {question}");
            quiet.read(50, &all[0].activity);
            drop(all[0].activity.request());
            quiet.drained();
        }
        assert_eq!(asked_by_quiet().0 - before, 999);
    }

    #[test]
    fn who_has_many_questions_open_has_its_share_and_no_more_though_it_says_them_one_by_one() {
        let (turns, _keeper) = turns();
        let all = connections(1);
        let mut seat = Seat::new(turns.clone());
        let _open: Vec<_> = (0..FEW_OPEN).map(|_| all[0].activity.request()).collect();
        let (mut read, before) = (0, asked_by_quiet().0);
        while now(&mut seat, &all[0]).is_ready() {
            seat.read(50, &all[0].activity);
            seat.drained();
            read += 50;
            assert!(read <= 2 * AMONG_THEMSELVES_BYTES, "it never waits");
        }
        let _another = all[0].activity.request();
        assert_eq!(asked_by_quiet().0, before, "and counts as nobody to give way to");
    }

    #[test]
    fn who_stood_in_line_a_moment_ago_or_sends_much_at_a_time_is_nobody_to_give_way_to() {
        let (turns, mut keeper) = turns();
        let all = connections(1);
        let mut seat = Seat::new(turns.clone());
        let asks = |seat: &mut Seat, bytes: usize| {
            let (before, _) = asked_by_quiet();
            assert!(now(seat, &all[0]).is_ready());
            seat.read(bytes, &all[0].activity);
            drop(all[0].activity.request());
            asked_by_quiet().0 - before
        };
        assert_eq!(asks(&mut seat, 50), 1);
        seat.drained();
        assert_eq!(asks(&mut seat, FIRST_BYTES), 0, "a batch");
        seat.drained();
        assert_eq!(asks(&mut seat, 50), 1);
        seat.read(MOST_BYTES, &all[0].activity);
        assert_eq!(now(&mut seat, &all[0]), Poll::Pending);
        keeper.line.try_recv().expect("it stands in line").turn.send(()).expect("it is there");
        for _ in 0..LATELY {
            assert_eq!(asks(&mut seat, 50), 0);
            seat.drained();
            turns.shared.round.fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(asks(&mut seat, 50), 1);
    }

    #[test]
    fn who_hung_up_while_it_stood_in_line_holds_up_nobody() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (turns, keeper) = turns();
        let all = connections(2);
        let mut seats: Vec<_> = (0..2).map(|_| Seat::new(turns.clone())).collect();
        for (seat, admitted) in seats.iter_mut().zip(&all) {
            seat.read(FIRST_BYTES, &admitted.activity);
            assert_eq!(now(seat, admitted), Poll::Pending);
        }
        seats.remove(0);
        runtime.block_on(async {
            tokio::spawn(keeper.keep());
            let mut behind = seats.remove(0);
            assert!(poll_fn(|cx| behind.poll_turn(cx, &all[1].activity)).await > 0);
        });
    }

    #[test]
    fn long_turns_are_shortened_and_short_ones_lengthened_within_bounds() {
        let (turns, _keeper) = turns();
        let mut seat = Seat::new(turns);
        let mut turn_after = |took: Duration| {
            seat.took.store(took.as_micros() as u64, Ordering::Relaxed);
            seat.adapt();
            seat.turn
        };
        assert_eq!(turn_after(TURN / 2), FIRST_BYTES);
        assert_eq!(turn_after(TURN * 2), FIRST_BYTES / 2);
        for _ in 0..10 {
            turn_after(TURN * 2);
        }
        assert_eq!(turn_after(TURN * 2), LEAST_BYTES);
        for _ in 0..10 {
            turn_after(TURN / 10);
        }
        assert_eq!(turn_after(Duration::from_micros(1)), MOST_BYTES);
        assert_eq!(turn_after(Duration::ZERO), MOST_BYTES, "it was told nothing");
    }
}
