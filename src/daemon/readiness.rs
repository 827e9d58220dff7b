//! What is told about readiness: to the standard health service, and to systemd.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::systemd;
use crate::api::grpc::Readiness;
use crate::domain::wording::{count_of, moment};
use crate::listing::index::{Index, PublishedIndex};
use crate::observe::clock;
use crate::service::Services;
use crate::sync::SyncHandle;
use crate::sync::retry::earlier;
use crate::sync::schedule::Schedule;

/// Keeps readiness and the status line true after every cycle.
pub struct Watch {
    pub index: Arc<PublishedIndex>,
    pub sync: SyncHandle,
    pub schedule: watch::Receiver<Arc<Schedule>>,
    pub retry: watch::Receiver<Option<Timestamp>>,
    pub health: Readiness,
    /// Says whether queries are answered.
    pub services: Arc<Services>,
    /// What is told of a daemon that is new here, once it can be asked.
    pub welcome: Option<Welcome>,
}

/// Where to look next.
pub struct Welcome {
    /// Where HTTP is answered.
    pub http: Option<String>,
}

impl Welcome {
    fn tell(&self, index: &Index) {
        let filings = &index.snapshot().filings;
        let Some(filing) = filings.iter().find(|filing| filing.frn().is_some()).or(filings.first()) else { return };
        let number = filing.number();
        tracing::info!(
            "what next: ask about a provider, such as `rmdd check {number}`; find one by `rmdd search NAME`"
        );
        if let Some(http) = &self.http {
            tracing::info!(
                "what next: a switch asks `curl '{http}/v1/check/{number}?format=text'`, and `rmdd connect kamailio` (asterisk, \
                 ...) prints what to put into one; the page for people is {http}/"
            );
        }
        tracing::info!(
            "what next: `rmdd peers add NAME FRN` tells whose calls those of a trunk group are; `rmdd doctor` looks \
             whether all is well"
        );
    }
}

/// So often it is looked at whether the listing became too old to answer from (`policy.listing_old`).
const LOOK_EVERY: Duration = Duration::from_secs(15);

impl Watch {
    /// Runs until the shutdown.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut completed = self.sync.completed();
        loop {
            if let Some(index) = self.index.load().as_deref()
                && let Some(welcome) = self.welcome.take()
            {
                welcome.tell(index);
            }
            self.health.set(self.services.ready().is_ok()).await;
            systemd::status(&self.status_line(clock::now()));
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
                changed = completed.changed() => if changed.is_err() { break },
                changed = self.schedule.changed() => if changed.is_err() { break },
                changed = self.retry.changed() => if changed.is_err() { break },
            }
        }
        shutdown.cancelled().await;
    }

    fn status_line(&self, now: Timestamp) -> String {
        let next = earlier(self.schedule.borrow().next_after(now), *self.retry.borrow())
            .map_or_else(|| "never".to_owned(), moment);
        let state = self.sync.state();
        let trouble = state
            .last
            .as_ref()
            .filter(|last| last.outcome.error().is_some())
            .map_or_else(String::new, |last| format!("; LAST SYNC {}", last.outcome.as_str().to_uppercase()));
        match self.index.load().as_deref() {
            None => format!("No listing loaded yet, nothing can be answered{trouble}; next sync {next}"),
            Some(index) => format!(
                "Serving snapshot {} with {}, confirmed {}{trouble}; next sync {next}",
                index.snapshot().serial,
                count_of(index.snapshot().filings.len() as u64, "filing"),
                moment(index.confirmed_at()),
            ),
        }
    }
}
