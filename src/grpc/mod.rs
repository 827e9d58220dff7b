//! The wire: services, conversions, one error mapper.
//!
//! Query and admin services are apart: a TCP listener carries the query services only, the Unix socket carries all.
//! The same services answer commands that work on the store directly, so that both say the same.

mod acceptance;
mod admin;
mod batch;
mod check_stream;
mod convert;
mod error;
mod everyday;
mod front;
mod history;
mod listing;
mod named;
mod records;
mod snapshots;
mod upkeep;
mod watch_changes;

/// The generated messages, clients and servers of `proto/rmdd/v1`.
#[allow(missing_docs, clippy::pedantic, reason = "generated; the comments stand in proto/")]
#[allow(clippy::large_enum_variant, reason = "nearly every outcome is an answer")]
pub mod v1 {
    tonic::include_proto!("rmdd.v1");

    /// The compiled protos, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rmdd_descriptor.bin"));
}

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Permit};
use crate::decide::Policy;
use crate::index::PublishedIndex;
use crate::moments::Moments;
use crate::observe::Observer;
use crate::records::PublishedRecords;
use crate::schedule::Schedule;
use crate::serving::{Caller, LimitsConfig, Tls};
use crate::status::{FreshnessConfig, RefusedReload};
use crate::store::{Store, SyncState};
use crate::sync::{SyncHandle, SyncSettings};

pub use convert::{duration_from_wire, filing_to_wire, role as role_to_wire, time_from_wire, time_to_wire};
pub use error::{ErrorReason, from_denied};
pub(crate) use error::{from_identity, snapshot_not_loaded};
pub use front::{Front, Reply};
pub use records::{kind_to_wire, record_from_wire, record_to_wire};
pub use watch_changes::Watchers;

/// What a reload came to: the settings in force now, and those that wait for a restart; or why nothing changed.
pub type ReloadResult = Result<Reloaded, String>;

/// Settings that a reload found changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// In force now.
    pub applied: Vec<String>,
    /// In force after a restart.
    pub needs_restart: Vec<String>,
}

/// What only a running daemon has.
#[derive(Debug, Clone)]
pub struct Running {
    /// Since when it runs.
    pub started_at: Timestamp,
    /// The schedule in force.
    pub schedule: watch::Receiver<Arc<Schedule>>,
    /// When a cycle comes ahead of schedule, because the last one failed.
    pub retry: watch::Receiver<Option<Timestamp>>,
    /// The TLS of the listeners that have it.
    pub tls: Vec<Arc<Tls>>,
    /// Who has which right.
    pub access: Arc<Access>,
    /// The last reload, if it was refused.
    pub refused_reload: watch::Receiver<Option<RefusedReload>>,
    /// The way to ask for a reload.
    pub reload: mpsc::Sender<oneshot::Sender<ReloadResult>>,
}

/// How syncing is reached: through the task that runs cycles, or, where commands only read, as a record.
#[derive(Debug, Clone)]
pub enum SyncAccess {
    /// Cycles can be asked for.
    Handle(SyncHandle),
    /// Only looked at.
    Record {
        /// How syncing went.
        state: Arc<SyncState>,
        /// What a cycle would work by.
        settings: Arc<SyncSettings>,
    },
}

impl SyncAccess {
    /// What the next cycle works by.
    pub fn settings(&self) -> Arc<SyncSettings> {
        match self {
            Self::Handle(handle) => handle.settings(),
            Self::Record { settings, .. } => Arc::clone(settings),
        }
    }

    /// How syncing went so far.
    pub fn state(&self) -> Arc<SyncState> {
        match self {
            Self::Handle(handle) => handle.state(),
            Self::Record { state, .. } => Arc::clone(state),
        }
    }
}

/// Leave to go on with a call that lasts, where a daemon answers it.
fn permit<T>(request: &tonic::Request<T>, path: &'static str) -> Option<Permit> {
    let caller = request.extensions().get::<Arc<Caller>>()?;
    Some(caller.visitor.permit(path, request.metadata().as_ref()))
}

/// What the services answer from.
#[derive(Debug, Clone)]
pub struct Services {
    /// The published index.
    pub index: Arc<PublishedIndex>,
    /// The operators' records.
    pub records: Arc<PublishedRecords>,
    /// The store, for histories.
    pub store: Arc<Store>,
    /// What was known at moments of the past.
    pub moments: Arc<Moments>,
    /// One copy of the store at a time.
    pub copying: Arc<tokio::sync::Mutex<()>>,
    /// The state directory.
    pub state_dir: PathBuf,
    /// How syncing is reached.
    pub sync: SyncAccess,
    /// How long a listing may go unconfirmed.
    pub freshness: Arc<ArcSwap<FreshnessConfig>>,
    /// What is decided where the rules leave it open.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Set once the daemon takes nothing more on.
    pub stopping: Arc<AtomicBool>,
    /// Ends streams that would never end by themselves. Cancelled when the daemon stops.
    pub shutdown: CancellationToken,
    /// What a client may ask.
    pub limits: Arc<LimitsConfig>,
    /// Counts and logs what is decided; set where a daemon answers.
    pub observer: Option<Arc<Observer>>,
    /// All who watch.
    pub watchers: Arc<Watchers>,
    /// Set where a daemon runs.
    pub running: Option<Running>,
}
