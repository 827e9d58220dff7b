//! The decision log: what was answered, to whom about whom, and on what it rested, one JSON object a line.
//!
//! ```text
//!  answer ──▶ Entry ──try_send──▶ queue (bounded) ──▶ a thread of its own: line, file, rotation
//! ```
//!
//! An answer never waits for it: an entry holds what the decision shares anyway, is put into the queue if there is room,
//! and is written down elsewhere. Where there is no room it is dropped, and that is counted, alarmed, and said in the log
//! itself (`{"dropped": N}`) as soon as there is. A decision is logged each time it is made: a peer that calls a thousand
//! times and is refused has a thousand lines, because each refused call may have to be accounted for.
//!
//! At each start, and whenever another level comes into force, the log says which (`{"log": "all"}`): what it does not hold is
//! then no proof that it was not decided.
//!
//! # Errors
//!
//! A file that cannot be opened or written is an alarm. It is tried again every second, and nothing that is in the queue is
//! lost meanwhile; what does not fit into the queue is dropped, and counted.

mod file;
mod line;
mod tail;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::domain::Verdict;
use crate::observe::clock;

pub use line::{Asked, Decided, Entry, name};
pub use tail::last_about;

/// The log's file name in the state directory.
pub const FILE_NAME: &str = "decisions.jsonl";

/// Which decisions are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Logged {
    /// None.
    Off,
    /// Those that refuse.
    Refusals,
    /// Those that refuse; and those that accept because of an override, of an emergency, or of a policy that is not the
    /// default.
    Notable,
    All,
}

impl Logged {
    /// The word in the configuration, and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Refusals => "refusals",
            Self::Notable => "notable",
            Self::All => "all",
        }
    }
}

/// Which decisions are logged, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DecisionLogConfig {
    pub log: Logged,
    /// The file. Without one: `decisions.jsonl` in the state directory.
    pub path: Option<PathBuf>,
    /// A file that would grow beyond so many bytes is put aside, and a new one begun; 0 for never.
    pub max_bytes: u64,
    /// So many files that were put aside are kept: `decisions.jsonl.1`, the newest, and so on.
    pub keep: u32,
    /// So many decisions may wait to be written.
    pub queue: u32,
}

impl Default for DecisionLogConfig {
    fn default() -> Self {
        // A refusal is a line of some 700 bytes: half a gigabyte holds about 700,000.
        Self { log: Logged::Notable, path: None, max_bytes: 64 << 20, keep: 7, queue: 8192 }
    }
}

impl DecisionLogConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        if self.path.as_ref().is_some_and(|path| path.file_name().is_none()) {
            return Err("decision_log.path names no file".to_owned());
        }
        if (1..1024).contains(&self.max_bytes) {
            return Err("decision_log.max_bytes is less than 1024, the room for one decision; 0 is no limit".to_owned());
        }
        if self.keep > 1000 {
            return Err("decision_log.keep is more than 1000 files".to_owned());
        }
        if !(1..=1 << 20).contains(&self.queue) {
            return Err("decision_log.queue is not between 1 and 1048576 decisions".to_owned());
        }
        Ok(())
    }

    /// The file, where the state directory is this one.
    pub fn path_in(&self, state_dir: &Path) -> PathBuf {
        self.path.clone().unwrap_or_else(|| state_dir.join(FILE_NAME))
    }
}

/// What became of decisions that were to be logged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Decisions in the file.
    pub written: u64,
    /// Decisions that it lacks.
    pub dropped: u64,
    /// When the last was dropped.
    pub last_drop_at: Option<Timestamp>,
    /// Why the file could not be written when the last was dropped; nothing if it could.
    pub last_drop_fault: Option<String>,
    /// Attempts to open or write the file that failed.
    pub failures: u64,
    /// Why it cannot be written now.
    pub fault: Option<String>,
    /// Decisions that wait.
    pub queued: u64,
    /// So many may.
    pub limit: u64,
}

/// What both ends of the queue see.
#[derive(Debug)]
struct Shared {
    state_dir: PathBuf,
    settings: ArcSwap<DecisionLogConfig>,
    /// Goes up with every reload: the file is opened anew.
    reloads: AtomicU64,
    closing: AtomicBool,
    written: AtomicU64,
    dropped: AtomicU64,
    /// Dropped, and not yet said in the log.
    unsaid: AtomicU64,
    /// When the last was dropped, in milliseconds; 0 before the first.
    last_drop: AtomicI64,
    failures: AtomicU64,
    fault: ArcSwapOption<String>,
    /// What was wrong with the file when the last was dropped.
    last_drop_fault: ArcSwapOption<String>,
}

impl Shared {
    fn drop_some(&self, count: u64) {
        let fault = self.fault.load();
        // Nothing is written where nothing has changed: whoever answers drops, and drops may be many.
        if fault.as_ref().map(Arc::as_ptr) != self.last_drop_fault.load().as_ref().map(Arc::as_ptr) {
            self.last_drop_fault.store(fault.clone());
        }
        self.dropped.fetch_add(count, Ordering::Relaxed);
        self.unsaid.fetch_add(count, Ordering::Relaxed);
        self.last_drop.store(clock::now().as_millisecond(), Ordering::Relaxed);
    }
}

/// A decision; or nothing, where something else is to be looked at.
type Message = Option<Entry>;

/// The way to the log, for all who answer.
#[derive(Debug)]
pub struct DecisionLog {
    logged: AtomicU8,
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    writer: Thread,
    finished: watch::Receiver<()>,
}

impl DecisionLog {
    /// Starts the thread that writes. It opens the file itself: one that cannot be opened keeps nobody from answering.
    ///
    /// # Errors
    ///
    /// If there can be no such thread.
    pub fn start(config: DecisionLogConfig, state_dir: &Path) -> io::Result<Self> {
        let (queue, entries) = mpsc::channel(config.queue.max(1) as usize);
        let (finishing, finished) = watch::channel(());
        let logged = AtomicU8::new(config.log as u8);
        let shared = Arc::new(Shared {
            state_dir: state_dir.to_owned(),
            settings: ArcSwap::from_pointee(config),
            reloads: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            unsaid: AtomicU64::new(0),
            last_drop: AtomicI64::new(0),
            failures: AtomicU64::new(0),
            fault: ArcSwapOption::empty(),
            last_drop_fault: ArcSwapOption::empty(),
        });
        let writer = writer::Writer::new(entries, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("decision-log".to_owned()).spawn(move || {
            writer.run();
            drop(finishing);
        })?;
        Ok(Self { logged, queue, shared, writer: thread.thread().clone(), finished })
    }

    /// Whether a decision of this verdict is logged, and whether it is notable though it accepts. Without it there is no need
    /// to make an entry.
    pub fn wants(&self, verdict: Verdict, notable: bool) -> bool {
        let logged = self.logged.load(Ordering::Relaxed);
        let refused = verdict == Verdict::Refuse;
        logged == Logged::All as u8
            || (logged == Logged::Notable as u8 && (refused || notable))
            || (logged == Logged::Refusals as u8 && refused)
    }

    /// Puts a decision into the queue, or drops it if there is no room. Never waits.
    pub fn note(&self, entry: Entry) {
        if self.queue.try_send(Some(entry)).is_err() {
            self.shared.drop_some(1);
        }
    }

    /// The file that is written now.
    pub fn path(&self) -> PathBuf {
        self.shared.settings.load().path_in(&self.shared.state_dir)
    }

    /// What became of decisions so far.
    pub fn counts(&self) -> Counts {
        let last_drop = self.shared.last_drop.load(Ordering::Relaxed);
        let (limit, room) = (self.queue.max_capacity(), self.queue.capacity());
        Counts {
            written: self.shared.written.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            last_drop_at: Timestamp::from_millisecond(last_drop).ok().filter(|_| last_drop != 0),
            last_drop_fault: self.shared.last_drop_fault.load().as_deref().cloned(),
            failures: self.shared.failures.load(Ordering::Relaxed),
            fault: self.shared.fault.load().as_deref().cloned(),
            queued: limit.saturating_sub(room) as u64,
            limit: limit as u64,
        }
    }

    /// Puts other settings in force, and opens the file anew, also where they are the same: whoever moves it away lets it
    /// be reloaded. The queue keeps its size.
    pub fn reload(&self, config: DecisionLogConfig) {
        self.logged.store(config.log as u8, Ordering::Relaxed);
        self.shared.settings.store(Arc::new(config));
        self.shared.reloads.fetch_add(1, Ordering::Release);
        self.wake();
    }

    /// Takes no more, and waits until what is in the queue is written, but no longer than this.
    ///
    /// # Errors
    ///
    /// If that was too short: how many decisions are lost for it, at least.
    pub async fn close(&self, within: Duration) -> Result<(), u64> {
        self.shared.closing.store(true, Ordering::Release);
        self.wake();
        let mut finished = self.finished.clone();
        match tokio::time::timeout(within, finished.changed()).await {
            // It has ended: it dropped its end.
            Ok(_) => Ok(()),
            Err(_) => Err(self.counts().queued),
        }
    }

    fn wake(&self) {
        // Where the queue is full the writer has something to do anyway, and looks.
        let _ = self.queue.try_send(None);
        self.writer.unpark();
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        // A writer whose file fails would try for ever.
        self.shared.closing.store(true, Ordering::Release);
        self.wake();
    }
}

#[cfg(test)]
mod tests;
