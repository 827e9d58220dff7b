//! Wiring, readiness, signals, drain.
//!
//! The order of a start is that of the promises: configuration checked, store opened, last snapshot served, and only
//! then the first question to the network. If one of the tasks ends unexpectedly the daemon stops rather than limp.

mod check;
pub mod config;
mod inherited;
mod listen;
mod readiness;
mod rebuild;
mod reload;
mod secured;
mod serve;
mod systemd;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustix::process::{Resource, Rlimit};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::grpc;
use crate::daemon::config::{Config, Loaded, Overrides};
use crate::decide::caller_id;
use crate::domain::SyncTrigger;
use crate::observe::clock;
use crate::observe::decision_log::DecisionLog;
use crate::store::archive::Archive;
use crate::sync::fetch::{self, Source};
use crate::transport::auth::Access;

use crate::listing::index::{Index, PublishedIndex};
use crate::observe::Observer;
use crate::records::Records;
use crate::service::{Basis, Running, Services, SyncAccess};
use crate::store::{self, PublishedRecords, Store, StoreError, SyncState};
use crate::sync::schedule::Schedule;
use crate::sync::{Own, SyncSettings, Syncer, retry};
use crate::transport::Threads;

pub use inherited::Inherited;
use listen::Listeners;
pub use listen::{SOCKET_NAME, runtime_socket};
pub use rebuild::{rebuild, refill_if_gone};
use secured::Secured;

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

/// Whether the files that the configuration names for its listeners can be used.
///
/// # Errors
///
/// Names the first that cannot.
pub fn check_files(config: &Config) -> Result<(), DaemonError> {
    Secured::load(config).map(|_| ()).map_err(|error| DaemonError::Setting(error.to_string()))?;
    secured::rules(config).map(|_| ()).map_err(|error| DaemonError::Setting(error.to_string()))?;
    listen::check_owners(config)
}

/// What a store holds, ready to be served.
pub struct Opened {
    /// The store.
    pub store: Arc<Store>,
    /// Its last snapshot, indexed and published; nothing before the first.
    pub index: Arc<PublishedIndex>,
    /// Its operators' records, published.
    pub records: Arc<PublishedRecords>,
    /// How syncing went.
    pub sync_state: SyncState,
    /// The minute of the hour at which this installation syncs by default.
    pub schedule_minute: u8,
}

/// Loads an open store's last snapshot and records, and publishes them.
///
/// # Errors
///
/// If the store cannot be read.
pub fn publish_stored(store: Store) -> Result<Opened, StoreError> {
    let store::Loaded { snapshot, removals, last_change, sync_state, schedule_minute } = store.load()?;
    let index = snapshot.map(|snapshot| Index::build(snapshot, removals, last_change));
    let (records, last_event) = store.load_records()?;
    Ok(Opened {
        store: Arc::new(store),
        index: Arc::new(PublishedIndex::new(index)),
        records: Arc::new(PublishedRecords::new(Records::build(records, last_event))),
        sync_state,
        schedule_minute,
    })
}

/// So long a stop waits for the decision log, even if the grace is over.
const LOG_GRACE: Duration = Duration::from_secs(1);

/// So long a start waits for a store that another process holds.
const HELD_FOR: Duration = Duration::from_secs(5);

/// Opens the store, and waits for it if it is held: a command that looks into it for a moment, as monitoring does, must
/// not keep a daemon from starting. Another daemon holds it for longer.
fn open_when_free(state_dir: &Path) -> Result<Store, StoreError> {
    let deadline = Instant::now() + HELD_FOR;
    let mut said = false;
    loop {
        match Store::open(state_dir) {
            Err(StoreError::Held { path }) if Instant::now() < deadline => {
                if !said {
                    tracing::warn!("the store {} is held by another process: waiting for it", path.display());
                    said = true;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            opened => return opened,
        }
    }
}

/// Runs the daemon until a signal stops it, on sockets that were handed over and those that it makes itself.
///
/// # Errors
///
/// If it cannot start, or one of its tasks ends unexpectedly.
pub async fn run(
    loaded: Loaded,
    reload_from: ReloadFrom,
    rebuild: bool,
    inherited: Inherited,
) -> Result<(), DaemonError> {
    let Loaded { config, file, .. } = loaded;
    let started_at = clock::now();
    // Signals are caught from here on: one that comes while the store loads is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Signals)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(DaemonError::Signals)?;

    raise_descriptors();
    let state_dir = config.state_dir().map_err(DaemonError::StateDir)?;
    let settings = sync_settings(&config).map_err(DaemonError::Setting)?;
    let lacking = fetch::check_client(&config.fetch).map_err(|error| DaemonError::Setting(error.to_string()))?;
    if let Some(lacking) = lacking.filter(|_| settings.sources().any(|source| matches!(source, Source::Url(_)))) {
        tracing::warn!("{lacking}");
    }
    let Opened { store, index, records, sync_state, schedule_minute } = {
        let (state_dir, vet, max_bytes) = (state_dir.clone(), config.vet.clone(), config.fetch.max_bytes);
        let open = move || {
            // Before the store and on its thread: what reading the plans leaves behind is memory for the listing.
            caller_id::prepare();
            if rebuild {
                self::rebuild(&state_dir, &vet, max_bytes, clock::now())?;
            } else {
                refill_if_gone(&state_dir, &vet, max_bytes)?;
            }
            publish_stored(open_when_free(&state_dir)?)
        };
        tokio::task::spawn_blocking(open)
            .await
            .map_err(|_| DaemonError::TaskEnded { task: "store", detail: None })??
    };
    let schedule = Schedule::from_config(&config.schedule, schedule_minute)
        .map_err(|error| DaemonError::Setting(error.to_string()))?;
    log_start(&config, file.as_deref(), &store, &index);

    let secured = Secured::load(&config).map_err(|error| DaemonError::Setting(error.to_string()))?;
    let access = Access::new(secured::rules(&config).map_err(|error| DaemonError::Setting(error.to_string()))?);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let listeners = Listeners::bind(&config, &secured, &access, &state_dir, inherited).await?;
    let due = matches!(settings.source, Source::File(_))
        || schedule.is_due(sync_state.last_success_at, started_at)
        || sync_state.last.as_ref().is_some_and(|last| settings.sources().all(|s| last.source != s.to_string()))
        || index.load().is_none();

    let archive = Archive::new(&state_dir);
    let shutdown = CancellationToken::new();
    let mut tasks: JoinSet<TaskEnd> = JoinSet::new();
    let policy = Arc::new(ArcSwap::from_pointee(config.policy()));
    let (syncer, sync) = Syncer::new(Arc::clone(&store), Arc::clone(&index), sync_state, settings, archive);
    let syncer = syncer.with_own(Own { records: Arc::clone(&records), policy: Arc::clone(&policy) });
    let (schedule_sender, schedule_seen) = watch::channel(Arc::new(schedule));
    let (retry_sender, retry_seen) = watch::channel(None);
    let (reload_sender, mut reloads) = mpsc::channel(8);
    let (refused_reload, refused_reload_seen) = watch::channel(None);
    let observer = DecisionLog::start(config.decision_log.clone(), &state_dir)
        .map(|log| Arc::new(Observer::new(log)))
        .map_err(|error| DaemonError::Setting(format!("the decision log cannot have a thread: {error}")))?;
    let services = Services {
        shutdown: shutdown.clone(),
        observer: Some(Arc::clone(&observer)),
        running: Some(Running {
            started_at,
            schedule: schedule_seen.clone(),
            retry: retry_seen.clone(),
            tls: secured.all(),
            access: Arc::clone(&access),
            refused_reload: refused_reload_seen,
            reload: reload_sender,
        }),
        ..Services::new(Basis {
            index: Arc::clone(&index),
            records,
            store: Arc::clone(&store),
            state_dir,
            sync: SyncAccess::Handle(sync.clone()),
            freshness: config.freshness.clone(),
            policy: Arc::clone(&policy),
            limits: config.limits.clone(),
        })
    };
    let freshness = Arc::clone(&services.freshness);
    let stopping = Arc::clone(&services.stopping);

    let (health, health_service) = grpc::health().await;
    health.set(index.load().is_some()).await;
    listeners.announce();
    let socket = listeners.admin_socket.clone();
    let sockets = listeners.made();
    let (threads, ended) = Threads::start(config.limits.threads()).map_err(DaemonError::Threads)?;
    for ended in ended {
        tasks.spawn(async move {
            // It says nothing: it is dropped with the thread.
            let _ = ended.await;
            ("answering", Ok(()))
        });
    }
    let limits = Arc::clone(&services.limits);
    let serving =
        serve::Serving { services: Arc::new(services), threads: &threads, limits, shutdown: shutdown.clone() };
    serving.spawn(&mut tasks, listeners, health_service);
    secured.watch(&mut tasks, &shutdown);
    drop(serving);
    {
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            syncer.run(shutdown).await;
            ("sync", Ok(()))
        });
    }
    {
        let (sync, shutdown) = (sync.clone(), shutdown.clone());
        let schedule = schedule_seen.clone();
        tasks.spawn(async move {
            ("schedule", crate::sync::schedule::run(schedule, sync, shutdown).await.map_err(|error| error.to_string()))
        });
    }
    {
        let (sync, shutdown) = (sync.clone(), shutdown.clone());
        tasks.spawn(async move {
            retry::run(sync, retry_sender, due, shutdown).await;
            ("retry", Ok(()))
        });
    }
    {
        let (store, shutdown) = (Arc::clone(&store), shutdown.clone());
        tasks.spawn(async move {
            check::run(store, shutdown).await;
            ("store check", Ok(()))
        });
    }
    {
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            systemd::watchdog(&socket, threads, shutdown).await;
            ("watchdog", Ok(()))
        });
    }
    {
        let watch = readiness::Watch {
            index,
            sync: sync.clone(),
            schedule: schedule_seen,
            retry: retry_seen,
            health: health.clone(),
        };
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            watch.run(shutdown).await;
            ("readiness", Ok(()))
        });
    }
    systemd::ready();
    if due {
        sync.start(SyncTrigger::Startup);
    }

    let reloader = reload::Reloader {
        from: reload_from,
        schedule_minute,
        sync,
        schedule: schedule_sender,
        freshness,
        policy,
        observer: Arc::clone(&observer),
        secured,
        access,
        refused: refused_reload,
    };
    let mut current = config;
    let grace = current.shutdown_grace;
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => { tracing::info!("stopping: SIGTERM came"); break None }
            _ = interrupt.recv() => { tracing::info!("stopping: SIGINT came"); break None }
            _ = hangup.recv() => {
                // The outcome is in the log.
                let _ = reloader.reload(&mut current);
            }
            Some(reply) = reloads.recv() => {
                // Whoever asked may have gone.
                let _ = reply.send(reloader.reload(&mut current));
            }
            Some(ended) = tasks.join_next() => break Some(ended),
        }
    };
    systemd::stopping();
    stopping.store(true, Ordering::Relaxed);
    health.stopping().await;
    shutdown.cancel();
    let deadline = Instant::now() + grace;
    let drain = async { while tasks.join_next().await.is_some() {} };
    tokio::select! {
        () = drain => tracing::info!("stopped"),
        () = tokio::time::sleep(grace) => {
            tracing::warn!("the grace is over: connections that were still open were dropped");
        }
        _ = terminate.recv() => tracing::warn!("stopped at once by a second signal"),
        _ = interrupt.recv() => tracing::warn!("stopped at once by a second signal"),
    }
    // All answers are given by now. What is left of the grace is for their log, and a moment in any case.
    let left = deadline.saturating_duration_since(Instant::now()).max(LOG_GRACE);
    if let Err(lost) = observer.log.close(left).await {
        tracing::error!(lost, "the decision log was not written to its end: it lacks {lost} decisions or more");
    }
    // Left behind they would only puzzle the next to look.
    for socket in sockets {
        let _ = std::fs::remove_file(socket);
    }
    match ended {
        None => Ok(()),
        Some(Ok((task, Ok(())))) => Err(DaemonError::TaskEnded { task, detail: None }),
        Some(Ok((task, Err(detail)))) => Err(DaemonError::TaskEnded { task, detail: Some(detail) }),
        Some(Err(error)) => Err(DaemonError::TaskEnded { task: "unnamed", detail: Some(error.to_string()) }),
    }
}

/// Each connection is a file descriptor, and the limit that a shell or systemd gives is meant for programs that use
/// `select`: as many are taken as there may be.
fn raise_descriptors() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the limit of open files stays as it is: {error}");
    }
}

fn log_start(config: &Config, file: Option<&std::path::Path>, store: &Store, index: &PublishedIndex) {
    let source = Source::read(&config.source).map_or_else(|_| String::new(), |source| source.to_string());
    let file = file.map_or_else(|| "no configuration file".to_owned(), |file| file.display().to_string());
    let store = store.path().display();
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, %store, source, file, "rmdd {version} starts: store {store}, source {source}, {file}");
    match index.load().as_deref() {
        Some(index) => {
            let (snapshot, filings) = (index.snapshot().serial, index.snapshot().filings.len());
            let confirmed = index.confirmed_at();
            tracing::info!(
                snapshot = snapshot.0, filings, %confirmed,
                "serving snapshot {snapshot} with {filings} filings, confirmed {confirmed}"
            );
        }
        None => tracing::info!("no listing is stored yet: questions are answered after the first sync"),
    }
}
