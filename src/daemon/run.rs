//! The daemon from its start to its stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::config::{Config, Loaded};
use super::listen::{Listeners, no_socket, runtime_socket};
use super::readiness::Welcome;
use super::reload::Reloader;
use super::state::{self, Opened};
use super::syncing::Syncing;
use super::tasks::{Beside, Tasks};
use super::tls::{self, ListenersTls};
use super::{
    ActivatedSockets, DaemonError, ReloadFrom, TaskEnd, descriptors, example, membership, readiness, reserve,
    sync_settings, systemd,
};
use crate::alerts::{Alerts, InForce};
use crate::api::grpc::Readiness;
use crate::decide::Policy;
use crate::domain::SyncTrigger;
use crate::domain::wording::{count, grouped};
use crate::listing::index::PublishedIndex;
use crate::observe::decision_log::DecisionLog;
use crate::observe::{Observer, clock};
use crate::service::{Basis, RefusedReload, ReloadResult, Running, Services, SyncAccess};
use crate::store::archive::Archive;
use crate::store::{PublishedRecords, Store};
use crate::sync::SyncSettings;
use crate::sync::fetch::{self, Source};
use crate::sync::schedule::Schedule;
use crate::transport::auth::Access;
use crate::transport::budget::Budget;

/// So long a stop waits for the decision log, even if the grace is over.
const LOG_GRACE: Duration = Duration::from_secs(1);

/// Runs the daemon until a signal stops it, on sockets that were handed over and those that it makes itself.
///
/// # Errors
///
/// If it cannot start, or one of its tasks ends unexpectedly.
pub async fn run(
    loaded: Loaded,
    reload_from: ReloadFrom,
    rebuild: bool,
    activated: ActivatedSockets,
) -> Result<(), DaemonError> {
    // Signals are caught from here on: one that comes while the store loads is not lost.
    let mut signals = Signals::catch()?;
    let start = Start::prepare(&loaded, rebuild, activated).await?;
    let mut config = loaded.config;
    let mut daemon = start.begin(&config, reload_from).await?;
    let ended = daemon.run(&mut signals, &mut config).await;
    daemon.stop(&mut signals, config.shutdown_grace).await;
    match ended {
        None => Ok(()),
        Some(Ok((task, Ok(())))) => Err(DaemonError::TaskEnded { task, detail: None }),
        Some(Ok((task, Err(detail)))) => Err(DaemonError::TaskEnded { task, detail: Some(detail) }),
        Some(Err(error)) => Err(DaemonError::TaskEnded { task: "unnamed", detail: Some(error.to_string()) }),
    }
}

/// The signals that the daemon acts on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> Result<Self, DaemonError> {
        let catch = |kind| signal(kind).map_err(DaemonError::Signals);
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            stop = stop(&mut self.terminate, &mut self.interrupt) => stop,
        }
    }
}

/// What a signal asks for.
enum Asked {
    Reload,
    /// Names the signal.
    Stop(&'static str),
}

async fn stop(terminate: &mut Signal, interrupt: &mut Signal) -> Asked {
    tokio::select! {
        _ = terminate.recv() => Asked::Stop("SIGTERM"),
        _ = interrupt.recv() => Asked::Stop("SIGINT"),
    }
}

fn setting(error: impl ToString) -> DaemonError {
    DaemonError::Setting(error.to_string())
}

/// All that can go wrong with a start is done: the configuration is checked, the store is open, the sockets are bound.
struct Start {
    started_at: Timestamp,
    state_dir: PathBuf,
    store: Arc<Store>,
    index: Arc<PublishedIndex>,
    records: Arc<PublishedRecords>,
    policy: Arc<ArcSwap<Policy>>,
    syncing: Syncing,
    /// Whether a cycle is due at once.
    due: bool,
    tls: ListenersTls,
    access: Arc<Access>,
    channels: InForce,
    listeners: Listeners,
    /// How many files may be open.
    descriptors: Option<usize>,
}

impl Start {
    async fn prepare(loaded: &Loaded, rebuild: bool, activated: ActivatedSockets) -> Result<Self, DaemonError> {
        let config = &loaded.config;
        let started_at = clock::now();
        reserve::make().await.map_err(DaemonError::Threads)?;
        let descriptors = descriptors::raise_limit();
        let state_dir = config.state_dir().map_err(DaemonError::StateDir)?;
        let settings = sync_settings(config).map_err(DaemonError::Setting)?;
        let lacking = fetch::check_client(&config.fetch).map_err(setting)?;
        if let Some(lacking) = lacking.filter(|_| settings.sources().any(|source| matches!(source, Source::Url(_)))) {
            tracing::warn!("{lacking}");
        }
        let another = activated.is_empty().then(|| runtime_socket(&state_dir));
        let opened = state::open(config, state_dir.clone(), rebuild, another).await?;
        membership::check(config, &opened.store)?;
        let schedule = Schedule::from_config(&config.schedule, opened.schedule_minute).map_err(setting)?;
        log_start(config, loaded.file.as_deref(), &opened.store, &opened.index);

        let tls = ListenersTls::load(config).map_err(setting)?;
        let access = Access::new(tls::rules(config).map_err(setting)?);
        let channels = InForce::load(&config.alerts).map_err(DaemonError::Setting)?;
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        let listeners = Listeners::bind(config, &tls, &access, &state_dir, activated).await?;
        let due = is_due(&settings, &schedule, &opened, started_at);
        let (store, index, records) =
            (Arc::clone(&opened.store), Arc::clone(&opened.index), Arc::clone(&opened.records));
        let policy = Arc::new(ArcSwap::from_pointee(config.policy()));
        let syncing = Syncing::over(opened, config, (settings, schedule), &policy, Archive::new(&state_dir))?;
        // In a fleet, whoever fetches looks whether a cycle is due.
        let due = due && syncing.member.is_none();
        Ok(Self {
            started_at,
            state_dir,
            store,
            index,
            records,
            policy,
            syncing,
            due,
            tls,
            access,
            channels,
            listeners,
            descriptors,
        })
    }

    /// Serves, and starts all tasks.
    async fn begin(self, config: &Config, reload_from: ReloadFrom) -> Result<Daemon, DaemonError> {
        let observer = observer(config, &self.state_dir)?;
        let (retries, retry) = watch::channel(None);
        let (reload, reloads) = mpsc::channel(8);
        let (refused, refused_reload) = watch::channel(None);
        let running = self.running(retry.clone(), refused_reload, reload);
        let services = Arc::new(self.services(config, running, &observer)?);
        let alerts = Alerts::new(Arc::clone(&services), self.channels.clone(), self.due);
        let reloader = self.reloader((reload_from, refused), &services, &alerts, &observer);
        let (shutdown, stopping) = (services.shutdown.clone(), Arc::clone(&services.stopping));
        let budget = services.budget.clone();

        let Self { index, store, syncing, due, tls, access, listeners, descriptors, .. } = self;
        let Syncing { syncer, sync, member, schedule, .. } = syncing;
        let mut tasks = Tasks::new(shutdown.clone());
        let admin_socket = listeners.admin.as_ref().map(|_| listeners.admin_socket.clone());
        let made = listeners.made();
        let is_new = index.load().is_none() || example::is_of(&services.state_dir, &config.source);
        let welcome = is_new.then(|| Welcome { http: listeners.http_url() });
        let (threads, health) = tasks.serve(&services, &alerts, listeners, config, descriptors).await?;
        let watch = readiness::Watch {
            index,
            sync: sync.clone(),
            schedule: schedule.clone(),
            retry,
            health: health.clone(),
            services,
            welcome,
        };
        let beside = Beside {
            access,
            observer: Arc::clone(&observer),
            tls,
            syncer,
            sync: sync.clone(),
            due,
            member,
            schedule,
            retries,
            store,
            admin_socket,
            threads,
            alerts,
            watch,
        };
        beside.spawn(&mut tasks);
        systemd::ready();
        if due {
            sync.start(SyncTrigger::Startup);
        }
        Ok(Daemon { tasks: tasks.set, shutdown, reloader, reloads, health, stopping, observer, budget, made })
    }

    /// What only a running daemon has.
    fn running(
        &self,
        retry: watch::Receiver<Option<Timestamp>>,
        refused_reload: watch::Receiver<Option<RefusedReload>>,
        reload: mpsc::Sender<oneshot::Sender<ReloadResult>>,
    ) -> Running {
        Running {
            started_at: self.started_at,
            http_url: self.listeners.http_url(),
            no_socket: self.listeners.admin.is_none().then(|| no_socket(&self.listeners.admin_socket)),
            schedule: self.syncing.schedule.clone(),
            retry,
            tls: self.tls.all(),
            fleet_certificate: self.syncing.member.as_ref().and_then(|member| member.certificates.files()),
            access: Arc::clone(&self.access),
            refused_reload,
            reload,
        }
    }

    fn services(&self, config: &Config, running: Running, observer: &Arc<Observer>) -> Result<Services, DaemonError> {
        Ok(Services {
            budget: Budget::start(&config.limits).map_err(DaemonError::Threads)?,
            observer: Some(Arc::clone(observer)),
            disk: Arc::new(ArcSwap::from_pointee(config.disk.clone())),
            running: Some(running),
            ledger: self.syncing.ledger.clone(),
            fleet: self.syncing.member.as_ref().map(|member| member.fleet.clone()),
            ..Services::new(Basis {
                index: Arc::clone(&self.index),
                records: Arc::clone(&self.records),
                store: Arc::clone(&self.store),
                state_dir: self.state_dir.clone(),
                sync: SyncAccess::Handle(self.syncing.sync.clone()),
                freshness: config.freshness.clone(),
                policy: Arc::clone(&self.policy),
                me: config.me.clone(),
                limits: config.limits.clone(),
            })
        })
    }

    /// What a reload reaches. It reads the configuration from where this one came, and tells when one is refused.
    fn reloader(
        &self,
        (from, refused): (ReloadFrom, watch::Sender<Option<RefusedReload>>),
        services: &Services,
        alerts: &Arc<Alerts>,
        observer: &Arc<Observer>,
    ) -> Reloader {
        Reloader {
            from,
            schedule_minute: Arc::clone(&self.syncing.schedule_minute),
            sync: self.syncing.sync.clone(),
            schedule: self.syncing.schedules.clone(),
            freshness: Arc::clone(&services.freshness),
            policy: Arc::clone(&self.policy),
            disk: Arc::clone(&services.disk),
            alerts: Arc::clone(alerts),
            me: Arc::clone(&services.me),
            observer: Arc::clone(observer),
            tls: self.tls.clone(),
            access: Arc::clone(&self.access),
            says: self.syncing.member.as_ref().map(|member| member.says.clone()),
            refused,
        }
    }
}

/// Whether a cycle is due at once.
fn is_due(settings: &SyncSettings, schedule: &Schedule, opened: &Opened, now: Timestamp) -> bool {
    let sync_state = &opened.sync_state;
    matches!(settings.source, Source::File(_))
        || schedule.is_due(sync_state.last_success_at, now)
        || sync_state.last.as_ref().is_some_and(|last| settings.sources().all(|s| last.source != s.to_string()))
        || opened.index.load().is_none()
}

/// What counts and logs what is decided.
fn observer(config: &Config, state_dir: &Path) -> Result<Arc<Observer>, DaemonError> {
    let log = DecisionLog::start(config.decision_log.clone(), state_dir)
        .map_err(|error| DaemonError::Setting(format!("the decision log cannot have a thread: {error}")))?;
    Ok(Arc::new(Observer::new(log)))
}

/// How a task ended.
type Ended = Result<TaskEnd, JoinError>;

/// A daemon that runs.
struct Daemon {
    tasks: JoinSet<TaskEnd>,
    shutdown: CancellationToken,
    reloader: Reloader,
    reloads: mpsc::Receiver<oneshot::Sender<ReloadResult>>,
    health: Readiness,
    stopping: Arc<AtomicBool>,
    observer: Arc<Observer>,
    budget: Budget,
    /// The sockets in the file system that it made.
    made: Vec<PathBuf>,
}

impl Daemon {
    /// Runs until a signal stops it, or a task ends that should not. Reloads where it is asked to.
    async fn run(&mut self, signals: &mut Signals, config: &mut Config) -> Option<Ended> {
        loop {
            tokio::select! {
                asked = signals.next() => match asked {
                    // The outcome is in the log.
                    Asked::Reload => drop(self.reloader.reload(config)),
                    Asked::Stop(signal) => {
                        tracing::info!("stopping: {signal} came");
                        return None;
                    }
                },
                Some(reply) = self.reloads.recv() => {
                    // Whoever asked may have gone.
                    let _ = reply.send(self.reloader.reload(config));
                }
                Some(ended) = self.tasks.join_next() => return Some(ended),
            }
        }
    }

    /// Lets what is under way come to its end within the grace, and writes the decision log to its end.
    async fn stop(mut self, signals: &mut Signals, grace: Duration) {
        systemd::stopping();
        self.stopping.store(true, Ordering::Relaxed);
        self.health.stopping().await;
        self.shutdown.cancel();
        let deadline = Instant::now() + grace;
        let drain = async { while self.tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = drain => tracing::info!("stopped"),
            () = tokio::time::sleep(grace) => {
                tracing::warn!("the grace is over: connections that were still open were dropped");
            }
            _ = stop(&mut signals.terminate, &mut signals.interrupt) => tracing::warn!("stopped at once by a second signal"),
        }
        self.budget.close();
        // All answers are given by now. What is left of the grace is for their log, and a moment in any case.
        let left = deadline.saturating_duration_since(Instant::now()).max(LOG_GRACE);
        if let Err(lost) = self.observer.log.close(left).await {
            tracing::error!(
                lost,
                "the decision log was not written to its end: it lacks {lost} decisions or more",
                lost = count(lost)
            );
        }
        // Left behind they would only puzzle the next to look.
        for socket in &self.made {
            let _ = std::fs::remove_file(socket);
        }
    }
}

fn log_start(config: &Config, file: Option<&Path>, store: &Store, index: &PublishedIndex) {
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
                "serving snapshot {snapshot} with {filings} filings, confirmed {confirmed}",
                filings = grouped(filings)
            );
        }
        None => tracing::info!("no listing is stored yet: questions are answered after the first sync"),
    }
}
