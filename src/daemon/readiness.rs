//! What is told about readiness: to the standard health service, and to systemd.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use super::serve::{Acceptance, Admin, Listing};
use super::systemd;
use crate::listing::index::PublishedIndex;
use crate::observe::clock;
use crate::sync::SyncHandle;
use crate::sync::retry::earlier;
use crate::sync::schedule::Schedule;

/// What the standard health service says.
#[derive(Clone)]
pub struct Readiness(HealthReporter);

/// The health service, saying what holds now.
pub async fn health(index: &PublishedIndex) -> (Readiness, HealthServer<impl Health>) {
    let (reporter, service) = tonic_health::server::health_reporter();
    let readiness = Readiness(reporter);
    readiness.0.set_service_status(Admin::NAME, ServingStatus::Serving).await;
    readiness.set(index.load().is_some()).await;
    (readiness, service)
}

impl Readiness {
    async fn set(&self, loaded: bool) {
        let status = if loaded { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in ["", Acceptance::NAME, Listing::NAME] {
            self.0.set_service_status(service, status).await;
        }
    }

    /// Nothing more is taken on.
    pub async fn stopping(&self) {
        self.set(false).await;
        self.0.set_service_status(Admin::NAME, ServingStatus::NotServing).await;
    }
}

/// Keeps readiness and the status line true after every cycle.
pub struct Watch {
    pub index: Arc<PublishedIndex>,
    pub sync: SyncHandle,
    pub schedule: watch::Receiver<Arc<Schedule>>,
    pub retry: watch::Receiver<Option<Timestamp>>,
    pub health: Readiness,
}

impl Watch {
    /// Runs until the shutdown.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut completed = self.sync.completed();
        loop {
            self.health.set(self.index.load().is_some()).await;
            systemd::status(&self.status_line(clock::now()));
            tokio::select! {
                () = shutdown.cancelled() => return,
                changed = completed.changed() => if changed.is_err() { break },
                changed = self.schedule.changed() => if changed.is_err() { break },
                changed = self.retry.changed() => if changed.is_err() { break },
            }
        }
        shutdown.cancelled().await;
    }

    fn status_line(&self, now: Timestamp) -> String {
        let next = earlier(self.schedule.borrow().next_after(now), *self.retry.borrow())
            .map_or_else(|| "never".to_owned(), |next| next.strftime("%H:%M UTC").to_string());
        let state = self.sync.state();
        let trouble = state
            .last
            .as_ref()
            .filter(|last| last.outcome.error().is_some())
            .map_or_else(String::new, |last| format!("; LAST SYNC {}", last.outcome.as_str().to_uppercase()));
        match self.index.load().as_deref() {
            None => format!("No listing loaded yet, nothing can be answered{trouble}; next sync {next}"),
            Some(index) => format!(
                "Serving snapshot {} with {} filings, confirmed {}{trouble}; next sync {next}",
                index.snapshot().serial,
                index.snapshot().filings.len(),
                index.confirmed_at().strftime("%Y-%m-%d %H:%M UTC"),
            ),
        }
    }
}
