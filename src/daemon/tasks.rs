//! The tasks of the daemon: what answers, and what runs beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::listen::Listeners;
use super::membership;
use super::tls::ListenersTls;
use super::{DaemonError, TaskEnd, check, readiness, serve, systemd};
use crate::alerts::Alerts;
use crate::api::grpc::{self, Readiness};
use crate::observe::{Observer, clock};
use crate::service::Services;
use crate::store::Store;
use crate::sync::schedule::{self, Schedule};
use crate::sync::{SyncHandle, Syncer, retry};
use crate::transport::Threads;
use crate::transport::auth::{self, Access};

/// The tasks of the daemon. If one ends before the shutdown, the daemon stops rather than limp.
pub struct Tasks {
    /// All of them.
    pub set: JoinSet<TaskEnd>,
    shutdown: CancellationToken,
}

impl Tasks {
    /// None yet.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { set: JoinSet::new(), shutdown }
    }

    fn spawn<F>(&mut self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = task(self.shutdown.clone());
        self.set.spawn(async move {
            task.await;
            (name, Ok(()))
        });
    }

    fn spawn_fallible<F, E>(&mut self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: ToString,
    {
        let task = task(self.shutdown.clone());
        self.set.spawn(async move { (name, task.await.map_err(|error| error.to_string())) });
    }

    /// Starts the threads that answer, and serves all listeners.
    pub async fn serve(
        &mut self,
        services: &Arc<Services>,
        alerts: &Arc<Alerts>,
        listeners: Listeners,
        config: &Config,
        descriptors: Option<usize>,
    ) -> Result<(Threads, Readiness), DaemonError> {
        let (health, health_service) = grpc::health(self.shutdown.clone()).await;
        health.set(services.ready().is_ok()).await;
        listeners.announce();
        let (threads, ended) = Threads::start(config.limits.threads()).map_err(DaemonError::Threads)?;
        for ended in ended {
            self.spawn("answering", |_| async {
                // It says nothing: it is dropped with the thread.
                let _ = ended.await;
            });
        }
        let limits = Arc::clone(&services.limits);
        let (services, alerts, shutdown) = (Arc::clone(services), Arc::clone(alerts), self.shutdown.clone());
        let hosts = config.http.hosts.clone();
        let serving = serve::Serving { services, alerts, threads: &threads, limits, shutdown, descriptors, hosts };
        serving.spawn(&mut self.set, listeners, health_service);
        drop(serving);
        Ok((threads, health))
    }
}

/// What runs beside the answers.
pub struct Beside {
    pub access: Arc<Access>,
    pub observer: Arc<Observer>,
    pub tls: ListenersTls,
    pub syncer: Syncer,
    pub sync: SyncHandle,
    /// Whether a cycle is due at the start.
    pub due: bool,
    /// The fleet, in a fleet.
    pub member: Option<membership::Running>,
    pub schedule: watch::Receiver<Arc<Schedule>>,
    /// Where it is told when a failed cycle is tried again.
    pub retries: watch::Sender<Option<Timestamp>>,
    pub store: Arc<Store>,
    pub admin_socket: Option<PathBuf>,
    /// The threads that answer, which the watchdog asks.
    pub threads: Threads,
    pub alerts: Arc<Alerts>,
    pub watch: readiness::Watch,
}

impl Beside {
    /// Starts it.
    pub fn spawn(self, tasks: &mut Tasks) {
        let Self { access, observer, tls, syncer, sync, due, member, schedule, retries, store, .. } = self;
        let Self { admin_socket, threads, alerts, watch, .. } = self;
        tasks.spawn("refused requests", |shutdown| {
            every(TELL_EVERY, shutdown, move || refused_requests(Arc::clone(&access)))
        });
        tasks.spawn("activity", |shutdown| activity(observer, shutdown));
        tls.watch(&mut tasks.set, &tasks.shutdown);
        tasks.spawn("sync", |shutdown| syncer.run(shutdown));
        if let Some(member) = member {
            tasks.spawn("fleet", |shutdown| member.runner.run(shutdown));
            tasks.spawn("certificates of the fleet", |shutdown| member.certificates.renew(shutdown));
        }
        let to = sync.clone();
        tasks.spawn_fallible("schedule", |shutdown| schedule::run(schedule, to, shutdown));
        tasks.spawn("retry", |shutdown| retry::run(sync, retries, due, shutdown));
        let kept = Arc::clone(&store);
        tasks.spawn("journal of records", |shutdown| every(RETRY_EVERY, shutdown, move || journal(Arc::clone(&kept))));
        let kept = Arc::clone(&store);
        tasks.spawn("place of the store", |shutdown| every(RETRY_EVERY, shutdown, move || place(Arc::clone(&kept))));
        let kept = Arc::clone(&store);
        tasks.spawn("times of records", |shutdown| every(LOOK_EVERY, shutdown, move || times(Arc::clone(&kept))));
        tasks.spawn("store check", |shutdown| check::run(store, shutdown));
        tasks.spawn("watchdog", |shutdown| async move {
            systemd::watchdog(admin_socket.as_deref(), threads, shutdown).await
        });
        tasks.spawn("alerts", |shutdown| Arc::clone(&alerts).watch(shutdown));
        tasks.spawn("delivery of alerts", |shutdown| alerts.deliver(shutdown));
        tasks.spawn("readiness", |shutdown| watch.run(shutdown));
    }
}

/// Ends a second of what is decided, once in each.
async fn activity(observer: Arc<Observer>, shutdown: CancellationToken) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = seconds.tick() => observer.activity.tick(&observer.metrics, clock::now(), Instant::now()),
        }
    }
}

/// Does something after each such time, until the shutdown.
async fn every<F: Future<Output = ()>>(period: Duration, shutdown: CancellationToken, mut once: impl FnMut() -> F) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(period) => {}
        }
        once().await;
    }
}

/// So often a journal of operators' records that could not be used is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(10);

/// Tries a journal that could not be used again: what is wrong with it is over when it can be used, not with the next change.
async fn journal(store: Arc<Store>) {
    if store.journal_fault().is_some() {
        // What still stands in its way is the alarm that there is.
        let _ = tokio::task::spawn_blocking(move || store.retry_journal()).await;
    }
}

/// Looks whether the store is where it was; where it is not, the log says so at once, and not when somebody asks.
async fn place(store: Arc<Store>) {
    let _ = tokio::task::spawn_blocking(move || store.misplaced()).await;
}

/// So often it is looked whether the clock was set back behind what is on record.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Takes note of changes of records that lie ahead of the clock, so that it is known from when on.
async fn times(store: Arc<Store>) {
    // Reads the disk the first time alone.
    let _ = tokio::task::spawn_blocking(move || store.events_ahead(clock::now())).await;
}

/// So often it is told who was refused meanwhile.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Tells in sum who was refused for want of a right: a line a minute for each address.
async fn refused_requests(access: Arc<Access>) {
    for sum in access.tries.sums(Instant::now()) {
        let auth::Sum { client, refused, unknown } = &sum;
        tracing::warn!(%client, refused, unknown, "{sum}");
    }
}
