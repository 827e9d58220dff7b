//! What is told to people and machines outside, and that it arrives.
//!
//! ```text
//!  services ─▶ watch (compare with what was last reported) ─▶ event ─▶ store (outbox: one transaction)
//!                                                                        │
//!   people and machines ◀── channels ◀── digest, formats ◀── deliver ◀───┘ one task a channel, strictly in order
//! ```
//!
//! Level, not edge: after each commit, change of records, reload and start, and once a minute, what holds is compared with
//! what was last reported of each subject. A difference becomes an event, which is written together with the new reported
//! state and one delivery for each channel. So neither a crash nor a missed minute nor a backup that is put back gets past
//! it, and what changes with time alone is caught.
//!
//! # Errors
//!
//! Nothing here keeps an answer or a sync waiting. A channel that fails is tried again; for long, it is told of on the
//! others (`ALERTS_FAILING`), and what cannot be delivered is set aside, not lost: `rmdd alerts list --dead`.

pub(crate) mod channels;
pub(crate) mod config;
mod deliver;
mod digest;
mod evaluate;
pub(crate) mod event;
mod preview;
mod report;
pub(crate) mod safe;
pub(crate) mod secrets;
pub(crate) mod standing;
pub(crate) mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch as watched;

use crate::service::Services;
use crate::store::{Store, StoreError};
use channels::Channel;
use config::AlertsConfig;

pub use preview::Preview;
pub(crate) use report::DeliveryReport;
pub use report::{ByHand, ChannelReport};

/// What is in force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The settings.
    pub config: AlertsConfig,
    /// The channels that they make, the journal first.
    pub channels: Vec<Arc<Channel>>,
}

impl InForce {
    /// The channels of these settings.
    ///
    /// # Errors
    ///
    /// Names the first setting or file that cannot be used.
    pub fn load(config: &AlertsConfig) -> Result<Self, String> {
        let channels = config.channels()?.into_iter().map(Arc::new).collect();
        Ok(Self { config: config.clone(), channels })
    }
}

/// Alerts over the use cases.
#[derive(Debug)]
pub struct Alerts {
    services: Arc<Services>,
    in_force: ArcSwap<InForce>,
    /// Goes up whenever other settings are in force.
    reloads: watched::Sender<u64>,
    /// Goes up whenever there may be something to deliver.
    queued: watched::Sender<u64>,
    /// Channels whose other end wants nothing more, and what it said. A reload tries them again.
    stopped: Mutex<BTreeMap<String, String>>,
    /// When they began: a baseline waits for a listing and for the sync of the start, for a while.
    began: std::time::Instant,
    /// Whether a sync is due at the start: what holds before it is over in a moment, and nothing to tell anybody.
    awaits_sync: bool,
    /// When what holds was last compared with what was reported, without a failure.
    compared: Mutex<Option<jiff::Timestamp>>,
}

impl Alerts {
    /// Alerts by these settings. They begin behind a sync that is due at the start.
    pub fn new(services: Arc<Services>, in_force: InForce, awaits_sync: bool) -> Arc<Self> {
        Arc::new(Self {
            services,
            in_force: ArcSwap::from_pointee(in_force),
            reloads: watched::Sender::new(0),
            queued: watched::Sender::new(0),
            stopped: Mutex::default(),
            began: std::time::Instant::now(),
            awaits_sync,
            compared: Mutex::default(),
        })
    }

    /// What is in force.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Puts other settings in force. Says whether they are others.
    pub fn put_in_force(&self, next: InForce) -> bool {
        let changed = self.in_force.load().config != next.config;
        self.in_force.store(Arc::new(next));
        self.stopped().clear();
        // Also where nothing changed: files that hold secrets may hold others now.
        self.reloads.send_modify(|reloads| *reloads += 1);
        changed
    }

    fn stopped(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compared(&self) -> std::sync::MutexGuard<'_, Option<jiff::Timestamp>> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads or writes the store off the threads of the runtime.
    async fn in_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.services.store);
        tokio::task::spawn_blocking(move || work(&store)).await.unwrap_or(Err(StoreError::Interrupted))
    }

    fn wake(&self) {
        self.queued.send_modify(|count| *count += 1);
    }
}
