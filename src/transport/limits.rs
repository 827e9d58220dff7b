//! What one client may ask of the daemon.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds on connections and requests. They hold for every listener; the Unix socket of the administration takes larger
/// messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Threads that answer. 0: one per core.
    pub threads: usize,
    /// Connections that a listener holds at a time. Where it is full, one without a request under way makes room: one that
    /// says nothing, else the longest idle of the client that holds the most. If all have one, the new one is closed; so is one
    /// of a client that holds more than half, if all of its own have.
    pub connections: usize,
    /// Requests at a time on one HTTP/2 connection; on one for the administration 64 at most.
    pub streams: u32,
    /// Questions that one client (an address, or a user over a Unix socket) may put in a second, over gRPC and HTTP
    /// together; as many as a batch may have can come at once. 0: as many as it likes.
    pub rate_limit: u32,
    /// The largest request, in bytes, to the query services. A question is some dozens of bytes, one of a batch too.
    pub message_bytes: usize,
    /// The largest set of request headers, in bytes.
    pub header_bytes: u32,
    /// How long a new connection may take until it speaks the protocol: TLS and HTTP/2's opening.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub handshake_timeout: Duration,
    /// How long a request may take to arrive whole.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub request_timeout: Duration,
    /// How long a connection may be without a request before it is closed, in good order.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub idle_timeout: Duration,
    /// How often a connection with a request under way is asked whether it lives; unanswered for as long, it is closed.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub keepalive: Duration,
    /// The most questions in one `CheckProviders`.
    pub batch: usize,
    /// Threads for what is asked beside calls: histories, searches, lists, questions about the past, exports, metrics. 0: one
    /// per core, two at least.
    pub work_threads: usize,
    /// How long such a request may wait for its turn.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub work_wait: Duration,
    /// How long a client may take nothing of an answer that is ready.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub reader_patience: Duration,
    /// The most bytes, of all clients, of long requests that are not whole yet and of long answers that are not taken yet.
    pub buffer_bytes: usize,
    /// The most `ExportListing` at a time.
    pub exports: usize,
    /// The most `CheckStream`, watches of the health service and reflections at a time.
    pub open_streams: usize,
    /// The most `WatchChanges` streams at a time.
    pub watchers: usize,
    /// How long a watcher may take nothing of what is ready for it.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub watcher_patience: Duration,
    /// How often a watcher is told that there is nothing new, if there is not.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub watcher_checkpoint: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            threads: 0,
            connections: 4096,
            streams: 256,
            rate_limit: 0,
            message_bytes: 256 << 10,
            header_bytes: 16 << 10,
            handshake_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10 * 60),
            keepalive: Duration::from_secs(20),
            batch: 2000,
            work_threads: 0,
            work_wait: Duration::from_secs(5),
            reader_patience: Duration::from_secs(60),
            buffer_bytes: 32 << 20,
            exports: 16,
            open_streams: 1024,
            watchers: 256,
            watcher_patience: Duration::from_secs(30),
            watcher_checkpoint: LONGEST_SILENCE,
        }
    }
}

impl LimitsConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        let positive = [
            ("limits.connections", self.connections),
            ("limits.streams", self.streams as usize),
            ("limits.message_bytes", self.message_bytes),
            ("limits.header_bytes", self.header_bytes as usize),
            ("limits.batch", self.batch),
            ("limits.buffer_bytes", self.buffer_bytes),
            ("limits.open_streams", self.open_streams),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} is 0: then nothing could be asked; leave it out for the default"));
        }
        let times = [
            ("limits.handshake_timeout", self.handshake_timeout),
            ("limits.request_timeout", self.request_timeout),
            ("limits.idle_timeout", self.idle_timeout),
            ("limits.keepalive", self.keepalive),
            ("limits.work_wait", self.work_wait),
            ("limits.reader_patience", self.reader_patience),
            ("limits.watcher_patience", self.watcher_patience),
            ("limits.watcher_checkpoint", self.watcher_checkpoint),
        ];
        if let Some((name, _)) = times.iter().find(|(_, value)| value.is_zero()) {
            return Err(format!("{name} is 0: then nobody could be answered; leave it out for the default"));
        }
        if self.batch > MOST_IN_BATCH {
            return Err(format!("limits.batch is {}: at most {MOST_IN_BATCH}", self.batch));
        }
        if self.watcher_checkpoint > LONGEST_SILENCE {
            return Err(
                "limits.watcher_checkpoint is longer than 30s: watchers rely on hearing something by then".to_owned()
            );
        }
        for (name, threads) in [("threads", self.threads), ("work_threads", self.work_threads)] {
            if threads > MOST_THREADS {
                return Err(format!("limits.{name} is {threads}: at most {MOST_THREADS}; 0 takes one per core"));
            }
        }
        Ok(())
    }

    /// How many threads answer.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => cores(),
            threads => threads,
        }
    }

    /// How many threads work on what is asked beside calls. With two of them one client leaves one to the others.
    pub fn work_threads(&self) -> usize {
        match self.work_threads {
            0 => cores().max(2),
            threads => threads,
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// More threads than this answer nothing faster.
const MOST_THREADS: usize = 256;

/// Watchers are promised to hear something by then.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The answers to more questions than this would be too large for one message.
const MOST_IN_BATCH: usize = 10_000;
