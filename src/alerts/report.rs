//! How alerts are, and what somebody does about them by hand.

use std::sync::Arc;

use serde_json::json;

use super::Alerts;
use super::channels::{Channel, Failure, Outgoing};
use super::config::kind_of;
use super::event::{Draft, EventKind, object};
use crate::domain::visible::one_line;
use crate::domain::{ErrorReason, Rejection};
use crate::observe::clock;
use crate::service::Severity;
use crate::store::{ChannelRecord, EventRecord, ListedDelivery, Store, StoreError};

/// How a channel is.
#[derive(Debug, Clone)]
pub struct ChannelReport {
    /// Its name.
    pub name: String,
    /// What it is; nothing if it is not configured any more.
    pub kind: Option<&'static str>,
    /// How many deliveries wait.
    pub queued: u64,
    /// How many were set aside.
    pub dead: u64,
    /// Why its other end wants nothing more, if that is so.
    pub stopped: Option<String>,
    /// When what is next is tried again, if something waits for that.
    pub next_at: Option<jiff::Timestamp>,
    /// What is on record of it.
    pub record: ChannelRecord,
}

/// An event of which something was changed by hand, and for which channels.
#[derive(Debug, Clone)]
pub struct ByHand {
    /// The event.
    pub event: EventRecord,
    /// The channels.
    pub channels: Vec<String>,
}

/// A delivery that waits or was set aside.
pub(crate) type DeliveryReport = ListedDelivery;

/// What came of a test.
#[derive(Debug, Clone)]
pub struct TestReport {
    /// Whether it arrived.
    pub delivered: bool,
    /// What the other end answered, or why it could not be asked.
    pub said: String,
}

impl Alerts {
    /// How each channel is: those of the configuration in their order, then others that something still waits for.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn channels(self: &Arc<Self>) -> Result<Vec<ChannelReport>, Rejection> {
        let in_force = self.in_force();
        let stopped = self.stopped().clone();
        self.asked_of_store(move |store| {
            let mut kept = store.alerts_kept()?;
            let mut reports = Vec::new();
            let configured =
                in_force.channels.iter().map(|channel| (channel.name.clone(), Some(kind_of(&channel.kind))));
            let gone =
                kept.channels.keys().filter(|name| in_force.channels.iter().all(|channel| channel.name != **name));
            let all: Vec<_> = configured.chain(gone.map(|name| (name.clone(), None))).collect();
            for (name, kind) in all {
                let (queued, dead) = store.count_deliveries(&name)?;
                if kind.is_some() || queued + dead > 0 {
                    let record = kept.channels.remove(&name).unwrap_or_default();
                    let stopped = stopped.get(&name).cloned();
                    let next = store.next_delivery(&name, 1)?.and_then(|waiting| waiting.delivery.next_at);
                    let next_at = next.filter(|_| kind.is_some() && stopped.is_none());
                    reports.push(ChannelReport { name, kind, queued, dead, stopped, next_at, record });
                }
            }
            Ok(reports)
        })
        .await
    }

    /// Deliveries, oldest first: those that wait, or with `dead` those that were set aside.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn deliveries(self: &Arc<Self>, dead: bool) -> Result<Vec<DeliveryReport>, Rejection> {
        self.asked_of_store(move |store| store.deliveries(dead)).await
    }

    /// Sends a message that says that it is a test, and tells what the other end answered. It is not queued.
    ///
    /// # Errors
    ///
    /// If there is no such channel.
    pub async fn test(self: &Arc<Self>, name: &str) -> Result<TestReport, Rejection> {
        let channel = self.channel(name)?;
        let installation =
            self.asked_of_store(|store| Ok(store.alerts_kept()?.installation.unwrap_or_default())).await?;
        let now = clock::now();
        let draft = Draft {
            kind: EventKind::BaselineTaken,
            subject: "test".to_owned(),
            frn: None,
            severity: Severity::Note,
            raises: false,
            clears: false,
            only: None,
            data: object(json!({
                "cause": format!("this is a test of channel {name}, asked for with `rmdd alerts test`: nothing is wrong"),
                "test": true,
            })),
        };
        let event = draft
            .freeze(0, installation, now)
            .map_err(|error| ErrorReason::RecordUnknown.reject(format!("the test cannot be written: {error}")))?;
        let outgoing = Outgoing { events: Arc::new([event]), threads: Vec::new(), incident: None, now };
        let (delivered, said) = match channel.send(&outgoing).await {
            Ok(said) => (true, said),
            Err(Failure { error, .. }) => (false, error),
        };
        Ok(TestReport { delivered, said })
    }

    /// Tries deliveries of an event again that were set aside, or that wait for their next attempt.
    ///
    /// # Errors
    ///
    /// If no such delivery is there, or the store cannot be written.
    pub async fn retry(self: &Arc<Self>, id: &str) -> Result<ByHand, Rejection> {
        let (asked, now) = (id.to_owned(), clock::now());
        let done = self.asked_of_store(move |store| store.retry_deliveries(&asked, now)).await?;
        self.done(id, done, "waits to be tried again")
    }

    /// Drops the deliveries of an event: the channels will not have it.
    ///
    /// # Errors
    ///
    /// If no such delivery is there, or the store cannot be written.
    pub async fn drop_event(self: &Arc<Self>, id: &str) -> Result<ByHand, Rejection> {
        let asked = id.to_owned();
        let done = self.asked_of_store(move |store| store.drop_deliveries(&asked)).await?;
        self.done(id, done, "waits or was set aside")
    }

    fn done(&self, id: &str, done: Option<(EventRecord, Vec<String>)>, what: &str) -> Result<ByHand, Rejection> {
        let Some((event, channels)) = done.filter(|(_, channels)| !channels.is_empty()) else {
            let id = one_line(&id.chars().take(64).collect::<String>());
            return Err(ErrorReason::RecordUnknown.reject(format!(
                "no delivery of event {id} {what}: `rmdd alerts list` and `rmdd alerts list --dead` have the IDs"
            )));
        };
        self.wake();
        Ok(ByHand { event, channels })
    }

    /// The channel of this name.
    pub(super) fn channel(&self, name: &str) -> Result<Arc<Channel>, Rejection> {
        let in_force = self.in_force();
        in_force.channels.iter().find(|channel| channel.name == name).cloned().ok_or_else(|| {
            let names: Vec<&str> = in_force.channels.iter().map(|channel| channel.name.as_str()).collect();
            let name = one_line(&name.chars().take(64).collect::<String>());
            ErrorReason::RecordUnknown
                .reject(format!("there is no channel {name}; those that are configured: {}", names.join(", ")))
        })
    }

    /// [`Self::in_store`], for somebody who asks.
    async fn asked_of_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Rejection> {
        self.in_store(work).await.map_err(|error| {
            tracing::error!(%error, "alerts: {error}");
            ErrorReason::StoreFailed.reject(format!("the store could not be used for alerts: {error}"))
        })
    }
}
