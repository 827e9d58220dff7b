//! What is decided just now: second by second for five minutes, minute by minute for an hour.
//!
//! ```text
//!  answers ──▶ Metrics (atomics) ───────────────┐
//!        └───▶ Activity (a sketch a thread) ────┴─▶ tick, once a second ─▶ Frame ─▶ whoever watches
//! ```
//!
//! How much is decided is what [`Metrics`] counts anyway, and a tick takes the difference. Whom it
//! concerns goes into a bounded sketch of the thread that answers: only refusals, and of those who ask the first of each
//! second, then one in many. Nothing waits: where a tick reads a sketch just then, that one decision is not in it. What
//! people ask with `rmdd check` is no call and is left out.

mod top;

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::histogram::Spread;
use super::metrics::{ANSWER_BOUNDS, Metrics, ROLES};
use crate::domain::{ErrorReason, Identity, Interface, Reason, Record, Verdict, Who};
use crate::transport::auth::Asker;

pub use top::{Counter, Top};

/// So many seconds are kept.
pub const SECONDS: usize = 300;

/// So many minutes are kept.
const MINUTES: usize = 60;

/// So many are counted by name.
const ROOM: usize = 64;

/// So many of each are in a frame.
const IN_FRAME: usize = 20;

/// So many a second and thread are counted one by one, and beyond that one in so many.
const ONE_BY_ONE: usize = 4096;
const ONE_IN: usize = 64;

/// Whom a refusal concerns.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// The peer by whose name it was asked about.
    Peer(Arc<Record>),
    /// The provider that was asked about by its own number.
    Provider(Identity),
}

impl PartialEq for Upstream {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Peer(one), Self::Peer(other)) => {
                Arc::ptr_eq(one, other) || (one.provider == other.provider && one.id() == other.id())
            }
            (Self::Provider(one), Self::Provider(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Upstream {}

impl Hash for Upstream {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // What its ID is made of is on the provider's record; the ID itself would be put together anew each time.
            Self::Peer(record) => record.provider.hash(state),
            Self::Provider(identity) => identity.hash(state),
        }
    }
}

/// How many decisions there were, and of what kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// By verdict and reason, those that there were.
    pub decided: Vec<(Verdict, Reason, u64)>,
    /// By the reason of the error, those that there were; nothing for one that is none of ours.
    pub errors: Vec<(Option<ErrorReason>, u64)>,
    /// How long the answers took.
    pub took: Spread,
}

impl Default for Counts {
    fn default() -> Self {
        Self { decided: Vec::new(), errors: Vec::new(), took: Spread::over(&ANSWER_BOUNDS) }
    }
}

impl Counts {
    /// All that was counted so far.
    fn of(metrics: &Metrics) -> Self {
        let calls = || Interface::ALL.into_iter().filter(|interface| *interface != Interface::Cli);
        let mut counts = Self::default();
        for verdict in Verdict::ALL {
            for reason in Reason::ALL {
                let of = |interface| ROLES.map(|role| metrics.decisions(interface, verdict, reason, role));
                let count: u64 = calls().flat_map(of).sum();
                counts.decided.push((verdict, reason, count));
            }
        }
        for reason in ErrorReason::ALL.iter().copied().map(Some).chain([None]) {
            let count = calls().map(|interface| metrics.undecided(interface, reason)).sum();
            counts.errors.push((reason, count));
        }
        for interface in calls() {
            counts.took.join(&metrics.durations(interface));
        }
        counts
    }

    /// What came since another count, what did not come left out.
    fn since(&self, before: &Self) -> Self {
        let count = |now: u64, then: Option<u64>| now.saturating_sub(then.unwrap_or_default());
        let then = |place: usize| before.decided.get(place).map(|(.., count)| *count);
        let decided = self.decided.iter().enumerate();
        let decided = decided.map(|(place, (verdict, reason, now))| (*verdict, *reason, count(*now, then(place))));
        let then = |place: usize| before.errors.get(place).map(|(_, count)| *count);
        let errors = self.errors.iter().enumerate();
        let errors = errors.map(|(place, (reason, now))| (*reason, count(*now, then(place))));
        Self {
            decided: decided.filter(|(.., count)| *count > 0).collect(),
            errors: errors.filter(|(_, count)| *count > 0).collect(),
            took: self.took.since(&before.took),
        }
    }

    /// Adds what came besides.
    fn join(&mut self, other: &Self) {
        for (verdict, reason, count) in &other.decided {
            match self.decided.iter_mut().find(|(of, why, _)| of == verdict && why == reason) {
                Some((.., all)) => *all += count,
                None => self.decided.push((*verdict, *reason, *count)),
            }
        }
        for (reason, count) in &other.errors {
            match self.errors.iter_mut().find(|(of, _)| of == reason) {
                Some((_, all)) => *all += count,
                None => self.errors.push((*reason, *count)),
            }
        }
        self.took.join(&other.took);
    }

    /// How many had this verdict.
    pub fn with_verdict(&self, verdict: Verdict) -> u64 {
        self.decided.iter().filter(|(of, ..)| *of == verdict).map(|(.., count)| count).sum()
    }

    /// How many were answered with an error.
    pub fn failed(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }
}

/// What was decided within one second.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When it ended.
    pub at: Timestamp,
    /// How long it was: a machine that is busy may make it longer.
    pub lasted: Duration,
    /// How much was decided.
    pub counts: Counts,
    /// Who was refused most.
    pub refused: Vec<Counter<Upstream>>,
    /// Who asked most. Where very many ask it is an estimate.
    pub askers: Vec<Counter<Asker>>,
}

/// What was decided within the last hour, as far as this daemon runs so long.
#[derive(Debug, Clone)]
pub struct LastHour {
    /// Since when.
    pub since: Timestamp,
    /// How much was decided.
    pub counts: Counts,
    /// Who was refused most.
    pub refused: Vec<Counter<Upstream>>,
}

/// Whom the decisions of one thread concern.
#[derive(Debug)]
struct Sketches {
    refused: Top<Upstream>,
    askers: Top<Asker>,
}

impl Default for Sketches {
    fn default() -> Self {
        Self { refused: Top::new(ROOM), askers: Top::new(ROOM) }
    }
}

impl Sketches {
    fn merge(&mut self, other: &Self) {
        self.refused.merge(&other.refused);
        self.askers.merge(&other.askers);
    }
}

/// The sketches of one thread. They lie apart, as the counters do.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    /// How many refusals and requests this second had so far.
    refusals: AtomicUsize,
    requests: AtomicUsize,
    sketches: Mutex<Sketches>,
}

/// How often one counts that is the next after so many of this second; nothing if it does not.
fn weight(before: usize) -> Option<u64> {
    match before {
        0..ONE_BY_ONE => Some(1),
        _ if before.is_multiple_of(ONE_IN) => Some(ONE_IN as u64),
        _ => None,
    }
}

/// One minute, or what there is of it so far.
#[derive(Debug)]
struct Minute {
    since: Timestamp,
    seconds: usize,
    counts: Counts,
    refused: Top<Upstream>,
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Past {
    counted: Option<(Instant, Counts)>,
    frames: VecDeque<Arc<Frame>>,
    minutes: VecDeque<Minute>,
}

/// What is decided just now, and by whom it is asked.
#[derive(Debug)]
pub struct Activity {
    shards: Box<[Shard]>,
    past: Mutex<Past>,
    newest: watch::Sender<Option<Arc<Frame>>>,
}

impl Default for Activity {
    fn default() -> Self {
        let serving = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            shards: (0..=serving).map(|_| Shard::default()).collect(),
            past: Mutex::default(),
            newest: watch::channel(None).0,
        }
    }
}

impl Activity {
    fn shard(&self) -> Option<&Shard> {
        self.shards.get(super::metrics::thread() % self.shards.len())
    }

    /// A call of this upstream was refused.
    pub(super) fn refused(&self, who: &Who, peer: Option<&Arc<Record>>) {
        let Some(shard) = self.shard() else { return };
        let Some(times) = weight(shard.refusals.fetch_add(1, Ordering::Relaxed)) else { return };
        let upstream = match (peer, who) {
            (Some(peer), _) => Upstream::Peer(Arc::clone(peer)),
            (None, Who::Provider(identity)) => Upstream::Provider(*identity),
            // A name that leads to nobody is an error, and no refusal.
            (None, Who::Ocn(_) | Who::Peer(_)) => return,
        };
        if let Ok(mut sketches) = shard.sketches.try_lock() {
            sketches.refused.add(&upstream, times);
        }
    }

    /// So many queries of one request were decided. Who asked is found out only where it is counted.
    pub(super) fn asked(&self, queries: u64, asker: impl FnOnce() -> Asker) {
        let Some(shard) = self.shard() else { return };
        let Some(times) = weight(shard.requests.fetch_add(1, Ordering::Relaxed)) else { return };
        let asker = asker();
        if let Ok(mut sketches) = shard.sketches.try_lock() {
            sketches.askers.add(&asker, queries.saturating_mul(times));
        }
    }

    /// Ends a second: to be called once in each.
    pub fn tick(&self, metrics: &Metrics, now: Timestamp, at: Instant) {
        let mut sketches = Sketches::default();
        for shard in &self.shards {
            shard.refusals.store(0, Ordering::Relaxed);
            shard.requests.store(0, Ordering::Relaxed);
            // Whoever answers does not wait for it, and this hardly does.
            let mut of_thread = shard.sketches.lock().unwrap_or_else(PoisonError::into_inner);
            if !of_thread.refused.is_empty() || !of_thread.askers.is_empty() {
                let counted = std::mem::take(&mut *of_thread);
                drop(of_thread);
                sketches.merge(&counted);
            }
        }
        let counted = Counts::of(metrics);
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let before = past.counted.replace((at, counted.clone()));
        let Some((then, before)) = before else { return };
        let counts = counted.since(&before);
        past.add_to_minute(now, &counts, &sketches.refused);
        let frame = Arc::new(Frame {
            at: now,
            lasted: at.saturating_duration_since(then),
            counts,
            refused: sketches.refused.most(IN_FRAME),
            askers: sketches.askers.most(IN_FRAME),
        });
        if past.frames.len() == SECONDS {
            past.frames.pop_front();
        }
        past.frames.push_back(Arc::clone(&frame));
        self.newest.send_replace(Some(frame));
    }

    /// The frames of the last so many seconds, five minutes at most, oldest first, and where the newest is told from then
    /// on.
    pub fn watch(&self, seconds: usize) -> (Vec<Arc<Frame>>, watch::Receiver<Option<Arc<Frame>>>) {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest = self.newest.subscribe();
        newest.mark_unchanged();
        let left_out = past.frames.len().saturating_sub(seconds);
        (past.frames.iter().skip(left_out).cloned().collect(), newest)
    }

    /// What was decided within the last hour; nothing before the first second is over.
    pub fn last_hour(&self) -> Option<LastHour> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let since = past.minutes.front()?.since;
        let (mut counts, mut refused) = (Counts::default(), Top::new(ROOM));
        for minute in &past.minutes {
            counts.join(&minute.counts);
            refused.merge(&minute.refused);
        }
        Some(LastHour { since, counts, refused: refused.most(IN_FRAME) })
    }
}

impl Past {
    fn add_to_minute(&mut self, now: Timestamp, counts: &Counts, refused: &Top<Upstream>) {
        if self.minutes.back().is_none_or(|minute| minute.seconds >= 60) {
            if self.minutes.len() == MINUTES {
                self.minutes.pop_front();
            }
            let (counts, refused) = (Counts::default(), Top::new(ROOM));
            self.minutes.push_back(Minute { since: now, seconds: 0, counts, refused });
        }
        if let Some(minute) = self.minutes.back_mut() {
            minute.seconds += 1;
            minute.counts.join(counts);
            minute.refused.merge(refused);
        }
    }
}

#[cfg(test)]
mod tests;
