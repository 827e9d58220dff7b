//! The use cases, on domain types: what may be asked of the daemon, whoever asks and however.
//!
//! An interface reads a request into the types of this room, asks [`Services`], and writes the outcome in a form of its own.
//! Why there is no answer is always a [`Rejection`]. Commands that work on the store directly use
//! the same services, so that both say the same.

mod activity;
mod as_of;
mod check;
mod export;
mod fleet;
mod history;
mod impact;
mod listing;
mod maintenance;
mod named;
mod records;
mod snapshot_ref;
mod snapshots;
mod standing;
mod status;
mod sync;
mod watch;
mod weeks;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch as watched};
use tokio_util::sync::CancellationToken;

use crate::decide::own::MeConfig;
use crate::decide::{OldListing, Policy, Undecided};
use crate::domain::{ErrorReason, Rejection, age};
use crate::listing::index::{Index, PublishedIndex};
use crate::observe::{Came, Observer, Seen, clock};
use crate::store::{Ledger, PublishedRecords, Store, SyncState};
use crate::sync::schedule::Schedule;
use crate::sync::{SyncHandle, SyncSettings};
use crate::transport::auth::Access;
use crate::transport::budget::Budget;
use crate::transport::{CertificateFiles, LimitsConfig, Tls};

pub use activity::{Decisions, DecisionsStream, RefusedMost};
pub use as_of::{AsOf, AsOfError, PastAsked, PastIndexes};
pub use check::{Answer, CheckRequest, Detail, Published, Unreadable, View};
pub use export::Export;
pub use fleet::{Behind, Currency, Fleet, FleetReport};
pub use history::{ChangesPage, ChangesRequest};
pub use impact::{ImpactReport, ImpactRequest};
pub use listing::{CurrentFiling, ListedMatch, ProviderReport, RemovalsPage, RemovalsRequest};
pub use maintenance::CopyPiece;
pub use records::{EventsRequest, ListedRecord, RecordsRequest};
pub use snapshot_ref::SnapshotRef;
pub use snapshots::{ListedSnapshot, SnapshotsPage, SnapshotsRequest};
pub(crate) use standing::changes_roles;
pub use standing::{OwnReport, PeersSummary, StandingsPage, StandingsRequest};
pub use status::alarms::{Alarm, ChannelFault, DiskConfig, FreshnessConfig, RefusedReload, Severity, State, state};
pub(crate) use status::alarms::{certificate, content_days};
pub use status::{SourceReport, StatusReport, WEEKS};
pub use watch::{WatchEvent, WatchRequest, WatchStart, WatchStream, Watchers};
pub use weeks::{MOST_WEEKS, Week};

/// What a reload came to: the settings in force now, and those that wait for a restart; or why nothing changed.
pub(crate) type ReloadResult = Result<Reloaded, String>;

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
    /// Where it answers over HTTP, if it does on an address and port: with port 0 nobody could know.
    pub http_url: Option<String>,
    /// That there is no Unix socket for administration, and what to do, where that is so.
    pub no_socket: Option<String>,
    /// The schedule in force.
    pub schedule: watched::Receiver<Arc<Schedule>>,
    /// When a cycle comes ahead of schedule, because the last one failed.
    pub retry: watched::Receiver<Option<Timestamp>>,
    /// The TLS of the listeners that have it.
    pub tls: Vec<Arc<Tls>>,
    /// The files of the certificate that is shown to the fleet's etcd, where one is.
    pub fleet_certificate: Option<Arc<CertificateFiles>>,
    /// Who has which right.
    pub access: Arc<Access>,
    /// The last reload, if it was refused.
    pub refused_reload: watched::Receiver<Option<RefusedReload>>,
    /// Where a reload is asked for.
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

/// What the use cases work with.
#[derive(Debug, Clone)]
pub struct Services {
    /// The published index.
    pub index: Arc<PublishedIndex>,
    /// The operators' records.
    pub records: Arc<PublishedRecords>,
    /// The store, for histories.
    pub store: Arc<Store>,
    /// Where changes of records are made.
    pub ledger: Ledger,
    /// Indexes of the past, as they were asked for.
    pub past: Arc<PastIndexes>,
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
    /// Who the operator is.
    pub me: Arc<ArcSwap<MeConfig>>,
    /// What a client may ask.
    pub limits: Arc<LimitsConfig>,
    /// Counts and logs what is decided; set where a daemon answers.
    pub observer: Option<Arc<Observer>>,
    /// The bounds of what is asked beside calls, and where it is done.
    pub budget: Budget,
    /// All who watch.
    pub watchers: Arc<Watchers>,
    /// How much room the disk must have.
    pub disk: Arc<ArcSwap<DiskConfig>>,
    /// Channels of alerts that fail, by their names.
    pub alert_faults: Arc<ArcSwap<BTreeMap<String, ChannelFault>>>,
    /// Set where a daemon runs.
    pub running: Option<Running>,
    /// The fleet that the daemon is in, if it is in one.
    pub fleet: Option<Fleet>,
}

/// What a store holds, published, and how it is worked with.
#[derive(Debug)]
pub struct Basis {
    /// The published index.
    pub index: Arc<PublishedIndex>,
    /// The operators' records.
    pub records: Arc<PublishedRecords>,
    /// The store.
    pub store: Arc<Store>,
    /// The state directory.
    pub state_dir: PathBuf,
    /// How syncing is reached.
    pub sync: SyncAccess,
    /// How long a listing may go unconfirmed.
    pub freshness: FreshnessConfig,
    /// What is decided where the rules leave it open.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Who the operator is.
    pub me: MeConfig,
    /// What a client may ask.
    pub limits: LimitsConfig,
}

impl Services {
    /// The use cases over a store, without what only a running daemon has.
    pub fn new(basis: Basis) -> Self {
        Self {
            index: basis.index,
            records: basis.records,
            ledger: Ledger::Own(Arc::clone(&basis.store)),
            store: basis.store,
            past: Arc::default(),
            copying: Arc::default(),
            state_dir: basis.state_dir,
            sync: basis.sync,
            freshness: Arc::new(ArcSwap::from_pointee(basis.freshness)),
            policy: basis.policy,
            me: Arc::new(ArcSwap::from_pointee(basis.me)),
            stopping: Arc::default(),
            shutdown: CancellationToken::new(),
            budget: Budget::direct(&basis.limits),
            limits: Arc::new(basis.limits),
            observer: None,
            watchers: Arc::default(),
            disk: Arc::default(),
            alert_faults: Arc::default(),
            running: None,
            fleet: None,
        }
    }

    /// Counts and logs the answers to queries that came in together.
    pub fn see<'a>(&'a self, came: Came<'a>) -> Option<Seen<'a>> {
        self.observer.as_deref().map(|observer| observer.see(came))
    }

    /// The index to answer from.
    fn loaded(&self) -> Result<Arc<Index>, Rejection> {
        self.index.load_full().ok_or_else(Rejection::snapshot_not_loaded)
    }

    /// Whether a listing is loaded and the daemon is not stopping.
    ///
    /// # Errors
    ///
    /// Says which.
    pub fn ready(&self) -> Result<(), Rejection> {
        if self.stopping.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(ErrorReason::ShuttingDown.reject("the daemon is stopping: ask another"));
        }
        let index = self.index.load();
        let index = index.as_deref().ok_or_else(Rejection::snapshot_not_loaded)?;
        let policy = self.policy.load();
        let unconfirmed = age(index.confirmed_at(), clock::now());
        if policy.cells.listing_old == OldListing::Error && policy.is_old(unconfirmed) {
            return Err(ErrorReason::ListingTooOld.reject(Undecided::ListingOld { unconfirmed }.to_string()));
        }
        Ok(())
    }
}

/// A page's size: what was asked for, up to `largest`, or `default` where nothing was.
fn page_size(asked: u32, default: usize, largest: usize) -> usize {
    match asked {
        0 => default,
        size => usize::try_from(size).unwrap_or(largest).min(largest),
    }
}

/// A task that read the store broke off.
fn interrupted() -> Rejection {
    ErrorReason::StoreFailed.reject("reading the store was interrupted")
}

/// The store could not be read. What exactly is wrong is for the log, not for whoever asks.
fn store_failed(error: &crate::store::StoreError) -> Rejection {
    tracing::error!(%error, "the store could not be read for an answer: {error}");
    ErrorReason::StoreFailed.reject("the store could not be read; the daemon's log says why")
}
