//! Wiring, readiness, signals, drain.
//!
//! The order of a start is that of the promises: configuration checked, store opened, last snapshot served, and only
//! then the first question to the network. If one of the tasks ends unexpectedly the daemon stops rather than limp.

mod check;
pub mod config;
mod descriptors;
pub(crate) mod example;
mod listen;
pub(crate) mod membership;
mod readiness;
mod rebuild;
mod reload;
pub(crate) mod reserve;
mod run;
mod serve;
mod socket_activation;
mod state;
mod syncing;
mod systemd;
mod tasks;
mod tls;

use std::path::PathBuf;

use thiserror::Error;

use crate::alerts::InForce;
use crate::daemon::config::{Config, Overrides};
use crate::fleet;
use crate::store::StoreError;
use crate::sync::SyncSettings;
use crate::transport::{CertificateState, TlsError};

pub(crate) use listen::{SOCKET_NAME, runtime_socket};
pub use rebuild::{rebuild, refill_if_gone};
pub use run::run;
pub use socket_activation::ActivatedSockets;
pub use state::{Opened, publish_stored};
use tls::ListenersTls;

/// How a reload finds its configuration again.
#[derive(Debug, Clone, Default)]
pub struct ReloadFrom {
    /// The file that was named on the command line.
    pub file: Option<PathBuf>,
    /// The flags of the command line.
    pub flags: Overrides,
}

/// Why the daemon did not start, or stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// No place for the store.
    #[error("{0}")]
    StateDir(String),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting makes no sense together with what the store holds.
    #[error("{0}")]
    Setting(String),
    /// A listener cannot be had.
    #[error("cannot listen on {address}: {cause}{hint}")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        cause: std::io::Error,
        /// What to do.
        hint: String,
    },
    /// The threads that answer cannot be had.
    #[error("the threads that answer cannot be started: {0}")]
    Threads(#[source] std::io::Error),
    /// A signal cannot be waited for.
    #[error("signals cannot be received: {0}")]
    Signals(#[source] std::io::Error),
    /// A task that should have run on has ended.
    #[error("the {task} task ended unexpectedly{}", .detail.as_deref().map(|d| format!(": {d}")).unwrap_or_default())]
    TaskEnded {
        /// Which.
        task: &'static str,
        /// What it said.
        detail: Option<String>,
    },
}

/// A task of the daemon: its name, and what it said in the end.
type TaskEnd = (&'static str, Result<(), String>);

/// The settings that a sync works by.
pub fn sync_settings(config: &Config) -> Result<SyncSettings, String> {
    let (source, fallbacks) = config.sources()?;
    Ok(SyncSettings {
        source,
        fallbacks,
        fetch: config.fetch.clone(),
        vet: config.vet.clone(),
        archive: config.archive.clone(),
        history: config.history.clone(),
    })
}

/// Whether the files that the configuration names for its listeners, channels and fleet can be used. Returns how the
/// certificates in them stand.
///
/// # Errors
///
/// Names the first that cannot.
pub(crate) fn check_files(config: &Config) -> Result<Vec<CertificateState>, DaemonError> {
    let setting = |error: TlsError| DaemonError::Setting(error.to_string());
    let listeners = ListenersTls::load(config).map_err(setting)?;
    let mut certificates: Vec<_> = listeners.all().iter().map(|tls| tls.state()).collect();
    tls::rules(config).map(|_| ()).map_err(|error| DaemonError::Setting(error.to_string()))?;
    InForce::load(&config.alerts).map(|_| ()).map_err(DaemonError::Setting)?;
    if let Some(config) = &config.fleet {
        let loaded = fleet::tls::load(&config.tls).map_err(setting)?;
        certificates.extend(loaded.map(|loaded| loaded.facts.state(fleet::tls::NAME)));
    }
    listen::check_owners(config)?;
    Ok(certificates)
}
