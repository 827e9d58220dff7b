//! The budget of what is asked beside calls: histories, exports, searches, questions about the past, lists, batches,
//! watches, metrics.
//!
//! Every such request has a bound: so many at a time, for each client and in all. What has to be worked out takes a place
//! ([`Places`]) and is done on threads of its own ([`Work`]), so that no call waits for it and none of it holds more threads
//! than there are; whoever finds no place waits in turn, client by client, and for so long at most. What lasts (exports,
//! watches, streams of questions) has a share ([`Shares`]), and so have the bytes of what is not whole yet and of what nobody
//! has taken yet. One client never gets all of anything.
//!
//! The question of every call passes none of this.

mod places;
mod pool;
mod shares;
mod work;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use places::{Place, Places, Refused};
pub use shares::{NoShare, Share, Shares};
pub use work::Work;

use super::LimitsConfig;

/// Batches that are answered at a time on the threads that answer, for each of them.
const BATCHES_PER_THREAD: usize = 4;

/// All bounds of what is asked beside calls.
#[derive(Debug, Clone)]
pub struct Budget {
    /// What has to be worked out.
    pub work: Work,
    /// Long batches, on the threads that answer.
    pub batches: Places,
    /// Exports.
    pub exports: Shares,
    /// Streams of questions, watches of health, reflection.
    pub streams: Shares,
    /// Watchers of changes.
    pub watchers: Shares,
    /// Bytes of requests that are not whole yet, and of answers that are not taken yet.
    pub bytes: Shares,
    /// Answers that were given up, since nobody took them.
    pub untaken: Arc<Untaken>,
}

/// Counts what was given up because nobody took it.
#[derive(Debug, Default)]
pub struct Untaken(AtomicU64);

impl Untaken {
    /// Notes one.
    pub fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Budget {
    /// The budget of a daemon. Starts its threads.
    ///
    /// # Errors
    ///
    /// If a thread cannot be had.
    pub fn start(limits: &LimitsConfig) -> io::Result<Self> {
        Ok(Self { work: Work::start(limits.work_threads(), limits.work_wait)?, ..Self::unbound(limits) })
    }

    /// That of a command that works on the store directly: it asks for one thing at a time.
    pub fn direct(limits: &LimitsConfig) -> Self {
        Self::unbound(limits)
    }

    fn unbound(limits: &LimitsConfig) -> Self {
        Self {
            work: Work::direct(),
            batches: Places::new(BATCHES_PER_THREAD * limits.threads()),
            exports: Shares::new(limits.exports),
            streams: Shares::new(limits.open_streams),
            watchers: Shares::new(limits.watchers),
            bytes: Shares::new(limits.buffer_bytes),
            untaken: Arc::default(),
        }
    }

    /// Takes nothing more on, and lets nobody wait any more.
    pub fn close(&self) {
        self.work.close();
        self.batches.close();
    }
}
