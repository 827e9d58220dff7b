//! What monitoring reads: counters kept where answers are given, and everything else read from where it is kept.
//!
//! ```text
//!  answers ──▶ Metrics (atomics, one shard a thread) ──┐
//!  index, sync, store, records, decision log ──────────┼─▶ scrape ─▶ OpenMetrics or Prometheus text
//!  /proc ──────────────────────────────────────────────┘
//! ```
//!
//! Counting takes no lock and allocates nothing: an answer costs three additions to atomics that no other serving thread
//! writes to. All else is looked up when a scrape asks, off the threads that answer. `docs/metrics.md` lists every metric;
//! a test compares it with what is served. No label ever names a provider, a peer or a client.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::decide::caller_id::CallerId;
use crate::domain::{ErrorReason, Interface, ProviderRole, Reason, Verdict};

use super::histogram::{Buckets, Spread};

/// The roles that a question may name, and none.
pub const ROLES: [Option<ProviderRole>; 4] =
    [None, Some(ProviderRole::VoiceService), Some(ProviderRole::Gateway), Some(ProviderRole::NonGatewayIntermediate)];

const INTERFACES: usize = Interface::ALL.len();
const VERDICTS: usize = Verdict::ALL.len();
const REASONS: usize = Reason::ALL.len();
/// The reasons for errors, and one place for all others.
const ERRORS: usize = ErrorReason::ALL.len() + 1;
const CALLER_IDS: usize = CallerId::GIVEN.len();
const DECISIONS: usize = INTERFACES * REASONS * VERDICTS * ROLES.len();

/// Upper bounds of the durations of answers, in nanoseconds: 1 µs to 100 ms. A look-up in memory takes some
/// microseconds; what takes milliseconds waited for a processor.
pub const ANSWER_BOUNDS: [u64; 16] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
];

/// A kind of decision: where those of these properties are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(usize);

impl Kind {
    /// That of a decision.
    pub fn of(interface: Interface, verdict: Verdict, reason: Reason, role: Option<ProviderRole>) -> Self {
        let role = role.map_or(0, |role| role as usize + 1);
        Self(((interface as usize * REASONS + reason as usize) * VERDICTS + verdict as usize) * ROLES.len() + role)
    }
}

/// Where an error is counted.
fn place_of_error(interface: Interface, reason: Option<ErrorReason>) -> usize {
    interface as usize * ERRORS + reason.map_or(ERRORS - 1, |reason| reason as usize)
}

/// Where a calling number is counted.
fn place_of_caller_id(shard: &Shard, interface: Interface, read: CallerId) -> Option<&AtomicU64> {
    shard.caller_ids.get(interface as usize)?.get(read.place()?)
}

/// What one thread counts. Shards lie apart, so that no two threads write to the same line of a cache.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    decisions: [AtomicU64; DECISIONS],
    undecided: [AtomicU64; INTERFACES * ERRORS],
    caller_ids: [[AtomicU64; CALLER_IDS]; INTERFACES],
    took: [Buckets<{ ANSWER_BOUNDS.len() + 1 }>; INTERFACES],
}

impl Shard {
    fn new() -> Self {
        Self {
            decisions: [const { AtomicU64::new(0) }; DECISIONS],
            undecided: [const { AtomicU64::new(0) }; INTERFACES * ERRORS],
            caller_ids: [const { [const { AtomicU64::new(0) }; CALLER_IDS] }; INTERFACES],
            took: [const { Buckets::new() }; INTERFACES],
        }
    }
}

/// The number of the next thread that counts something.
static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = NEXT_THREAD.fetch_add(1, Ordering::Relaxed);
}

/// The number of the thread that counts.
pub(super) fn this_thread() -> usize {
    THREAD.with(|thread| *thread)
}

/// What is counted where answers are given.
#[derive(Debug)]
pub struct Metrics {
    shards: Box<[Shard]>,
}

impl Default for Metrics {
    fn default() -> Self {
        // One for each thread that serves, and one for whoever else answers. More threads share, and count as right.
        let serving = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { shards: (0..=serving).map(|_| Shard::new()).collect() }
    }
}

impl Metrics {
    fn shard(&self) -> Option<&Shard> {
        self.shards.get(this_thread() % self.shards.len())
    }

    /// This was read of so many calling numbers in questions that came in this interface.
    pub fn caller_ids_read(&self, interface: Interface, read: CallerId, questions: u64) {
        if let Some(count) = self.shard().and_then(|shard| place_of_caller_id(shard, interface, read)) {
            count.fetch_add(questions, Ordering::Relaxed);
        }
    }

    /// So many questions were decided in this interface.
    pub fn decided(&self, kind: Kind, questions: u64) {
        if let Some(count) = self.shard().and_then(|shard| shard.decisions.get(kind.0)) {
            count.fetch_add(questions, Ordering::Relaxed);
        }
    }

    /// The answers to so many questions, which came in together, were ready this long after they were read.
    pub fn took(&self, interface: Interface, took: Duration, questions: u64) {
        if let Some(buckets) = self.shard().and_then(|shard| shard.took.get(interface as usize)) {
            buckets.observe(&ANSWER_BOUNDS, took, questions);
        }
    }

    /// So many questions were answered with an error; its reason, if it is one of ours.
    pub fn not_decided(&self, interface: Interface, reason: Option<ErrorReason>, questions: u64) {
        if let Some(count) = self.shard().and_then(|shard| shard.undecided.get(place_of_error(interface, reason))) {
            count.fetch_add(questions, Ordering::Relaxed);
        }
    }

    fn sum(&self, of: impl Fn(&Shard) -> Option<&AtomicU64>) -> u64 {
        self.shards.iter().filter_map(of).map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// How many questions were decided so.
    pub fn decisions(&self, interface: Interface, verdict: Verdict, reason: Reason, role: Option<ProviderRole>) -> u64 {
        self.sum(|shard| shard.decisions.get(Kind::of(interface, verdict, reason, role).0))
    }

    /// How many questions were answered with this error.
    pub fn undecided(&self, interface: Interface, reason: Option<ErrorReason>) -> u64 {
        self.sum(|shard| shard.undecided.get(place_of_error(interface, reason)))
    }

    /// Of how many calling numbers this was read.
    pub fn caller_ids(&self, interface: Interface, read: CallerId) -> u64 {
        self.sum(|shard| place_of_caller_id(shard, interface, read))
    }

    /// How long the answers took to questions that came in this interface.
    pub fn durations(&self, interface: Interface) -> Spread {
        let mut spread = Spread::over(&ANSWER_BOUNDS);
        for buckets in self.shards.iter().filter_map(|shard| shard.took.get(interface as usize)) {
            spread.add(buckets);
        }
        spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_decision_has_a_place_of_its_own() {
        let mut places = std::collections::BTreeSet::new();
        for interface in Interface::ALL {
            for verdict in Verdict::ALL {
                for reason in Reason::ALL {
                    places.extend(ROLES.map(|role| Kind::of(interface, verdict, reason, role)));
                }
            }
        }
        assert_eq!(places.len(), DECISIONS);
        assert_eq!(places.last(), Some(&Kind(DECISIONS - 1)));
    }

    #[test]
    fn what_many_threads_count_adds_up() {
        let metrics = Metrics::default();
        let threads = metrics.shards.len() * 3;
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for nanos in 0..1000 {
                        metrics.decided(Kind::of(Interface::Http, Verdict::Refuse, Reason::Removed, ROLES[2]), 3);
                        metrics.took(Interface::Http, Duration::from_nanos(nanos * 10), 2);
                        metrics.not_decided(Interface::GrpcUnary, Some(ErrorReason::InvalidFrn), 1);
                        metrics.not_decided(Interface::GrpcStream, None, 2);
                    }
                });
            }
        });
        let expected = 1000 * threads as u64;
        assert_eq!(metrics.decisions(Interface::Http, Verdict::Refuse, Reason::Removed, ROLES[2]), 3 * expected);
        assert_eq!(metrics.decisions(Interface::Http, Verdict::Refuse, Reason::Removed, None), 0);
        assert_eq!(metrics.undecided(Interface::GrpcUnary, Some(ErrorReason::InvalidFrn)), expected);
        assert_eq!(metrics.undecided(Interface::GrpcStream, None), 2 * expected);
        assert_eq!(metrics.undecided(Interface::Http, Some(ErrorReason::InvalidFrn)), 0);
        let took = metrics.durations(Interface::Http);
        assert_eq!(took.count(), 2 * expected);
        // 0 to 9,990 ns: up to 1 µs inclusive are 101, up to 2 µs another 100, up to 5 µs 300, up to 10 µs the rest.
        let threads = 2 * threads as u64;
        assert_eq!(took.counts()[..5], [101 * threads, 100 * threads, 300 * threads, 499 * threads, 0]);
        assert_eq!(metrics.durations(Interface::GrpcBatch).count(), 0);
    }
}
