//! Delivering: one task a channel, strictly in order, one message in flight. Channels do not wait for each other, nor
//! anything for them.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::channels::{Channel, Failure, Incident, Kind, Means, Outgoing, message_id, pagerduty};
use super::config::AlertsConfig;
use super::{Alerts, InForce, digest};
use crate::domain::wording::grouped;
use crate::observe::clock;
use crate::service::Severity;
use crate::store::{EventRecord, StoreError, Thread, Waiting};

/// So many events go out in one message to people.
const TOGETHER: usize = 10_000;

/// Among so many events those of one incident are looked for.
const FEW: usize = 500;

/// A message that the other end does not want is tried so often.
const TRIES_OF_REFUSED: u32 = 3;

/// Where the store cannot be read or written, it is tried again after so long.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// The longest sleep: a clock that was set back must not hold a delivery up for years.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

impl Alerts {
    /// Delivers until the shutdown. Other settings have tasks of their own.
    pub async fn deliver(self: Arc<Self>, shutdown: CancellationToken) {
        let mut reloads = self.reloads.subscribe();
        loop {
            let in_force = self.in_force();
            let stop = shutdown.child_token();
            let mut tasks = JoinSet::new();
            for channel in &in_force.channels {
                let task = Task {
                    alerts: Arc::clone(&self),
                    channel: Arc::clone(channel),
                    in_force: Arc::clone(&in_force),
                    stop: stop.clone(),
                };
                tasks.spawn(task.run());
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                Ok(()) = reloads.changed() => {}
            }
            stop.cancel();
            while tasks.join_next().await.is_some() {}
            if shutdown.is_cancelled() {
                return;
            }
        }
    }
}

/// The task of one channel.
struct Task {
    alerts: Arc<Alerts>,
    channel: Arc<Channel>,
    in_force: Arc<InForce>,
    stop: CancellationToken,
}

/// What to wait for.
enum Wait {
    /// Nothing: there may be more.
    No,
    /// So long, or until something is put into a queue where that may matter.
    For(Duration),
}

impl Task {
    async fn run(self) {
        let mut queued = self.alerts.queued.subscribe();
        let mut told_again: Option<Timestamp> = None;
        while !self.stop.is_cancelled() {
            queued.mark_unchanged();
            let step = async {
                match &self.channel.kind {
                    Kind::Heartbeat(heartbeat) => {
                        self.beat().await;
                        Wait::For(heartbeat.every)
                    }
                    _ => self.step(&mut told_again).await,
                }
            };
            // What is in flight is broken off: it stays in the queue, and goes out again under the same ID.
            let wait = tokio::select! {
                () = self.stop.cancelled() => return,
                wait = step => wait,
            };
            let Wait::For(pause) = wait else { continue };
            let listens = !matches!(self.channel.kind, Kind::Heartbeat(_));
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                Ok(()) = queued.changed(), if listens => {}
            }
        }
    }

    /// Sends what is next, if it is its time.
    async fn step(&self, told_again: &mut Option<Timestamp>) -> Wait {
        if self.alerts.stopped().contains_key(&self.channel.name) {
            return Wait::For(LONGEST_SLEEP);
        }
        let next = match self.channel.keeps_incidents() {
            true => self.next_of_incidents().await,
            false => {
                let (name, together) = (self.channel.name.clone(), if self.channel.people { TOGETHER } else { 1 });
                let next = self.alerts.in_store(move |store| store.next_delivery(&name, together)).await;
                next.map(|waiting| waiting.map(|waiting| (waiting, None)))
            }
        };
        let (waiting, incident) = match next {
            Ok(Some(next)) => next,
            Ok(None) => return self.tell_again(told_again).await,
            Err(error) => {
                tracing::warn!(%error, channel = self.channel.name, "alerts cannot be read for delivery: {error}");
                return Wait::For(STORE_PAUSE);
            }
        };
        let now = clock::now();
        if let Some(left) = self.left(&waiting, now) {
            return Wait::For(left);
        }
        match self.attempt(&waiting, incident, now).await {
            Ok(()) => Wait::No,
            Err(error) => {
                tracing::warn!(%error, channel = self.channel.name, "what became of a delivery cannot be written: {error}");
                Wait::For(STORE_PAUSE)
            }
        }
    }

    /// What is next where the other end keeps incidents: events that belong to one, and what they do to it.
    async fn next_of_incidents(&self) -> Result<Option<(Waiting, Option<Incident>)>, StoreError> {
        let name = self.channel.name.clone();
        let found = self.alerts.in_store(move |store| {
            let open = store.incidents(&name)?;
            let Some(few) = store.next_delivery(&name, FEW)? else { return Ok(None) };
            let next = pagerduty::next(&few.events, &open);
            // Those of one incident may be many more.
            let all = next.as_ref().is_some_and(|(events, _)| events.len() > 1) && few.events.len() >= FEW;
            let waiting = if all { store.next_delivery(&name, TOGETHER)? } else { Some(few) };
            Ok(waiting.and_then(|waiting| {
                let (events, incident) = pagerduty::next(&waiting.events, &open)?;
                Some((Waiting { events, threads: Vec::new(), ..waiting }, Some(incident)))
            }))
        });
        found.await
    }

    /// How long it is until it may be sent.
    fn left(&self, waiting: &Waiting, now: Timestamp) -> Option<Duration> {
        let config = &self.in_force.config;
        let delivery = &waiting.delivery;
        let due = match delivery.next_at {
            Some(next) => {
                // A clock that was ahead when it was written must not hold it up.
                let longest = pause(config, delivery.tries).unwrap_or(LONGEST_SLEEP).mul_f64(1.3).max(RETRY_AFTER_MOST);
                next.min(now.checked_add(longest).unwrap_or(next))
            }
            // People have what belongs together in one message.
            None if self.channel.people && delivery.batch_to.is_none() => {
                delivery.queued_at.min(now).checked_add(config.group_wait).unwrap_or(now)
            }
            None => return None,
        };
        let left = due.duration_since(now);
        (left > SignedDuration::ZERO).then(|| Duration::try_from(left).unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP))
    }

    async fn attempt(&self, waiting: &Waiting, incident: Option<Incident>, now: Timestamp) -> Result<(), StoreError> {
        let events: Arc<[EventRecord]> = waiting.events.clone().into();
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let (name, sequence, upto) = (self.channel.name.clone(), first.sequence, last.sequence);
        if self.channel.people && waiting.delivery.batch_to.is_none() {
            let channel = name.clone();
            self.alerts.in_store(move |store| store.settle_batch(&channel, sequence, upto)).await?;
        }
        let outgoing = Outgoing { events: Arc::clone(&events), threads: waiting.threads.clone(), incident, now };
        let sent = self.channel.send(&outgoing).await;
        let at = clock::now();
        let failure = match sent {
            Ok(said) => {
                tracing::debug!(channel = name, event = first.id, said, "alert delivered to {name}");
                let thread = match (&self.channel.kind, outgoing.incident.clone()) {
                    (Kind::Mail(mail), _) => {
                        Thread::Answers { id: message_id(outgoing.id(), &mail.from), open: digest::left_open(&events) }
                    }
                    (_, Some(Incident::Trigger(key))) => Thread::Incident(key),
                    (_, Some(Incident::Resolve(key) | Incident::Remains(key))) => Thread::Over(key),
                    (_, Some(Incident::News) | None) => Thread::None,
                };
                return self.alerts.in_store(move |store| store.note_delivered(&name, &events, &thread, at)).await;
            }
            Err(failure) => failure,
        };
        self.failed(waiting, failure, at).await
    }

    async fn failed(&self, waiting: &Waiting, failure: Failure, at: Timestamp) -> Result<(), StoreError> {
        let (name, tries) = (self.channel.name.clone(), waiting.delivery.tries + 1);
        let Some(first) = waiting.events.first() else { return Ok(()) };
        let Failure { error, means, after } = failure;
        tracing::warn!(channel = name, event = first.id, tries, error, "alert not delivered to {name}: {error}");
        if means == Means::Gone {
            tracing::error!(
                channel = name,
                error,
                "alerts: channel {name} is stopped: {error}. A reload tries it again"
            );
            self.alerts.stopped().insert(name.clone(), error.clone());
        }
        let pause = pause(&self.in_force.config, tries);
        let refused = means == Means::Refused && tries >= TRIES_OF_REFUSED;
        let (Some(pause), false) = (pause, refused) else {
            let (events, count) = (waiting.events.clone(), waiting.events.len());
            tracing::error!(
                channel = name,
                event = first.id,
                count,
                "alerts: deliveries set aside after {tries} tries: {count}, see `rmdd alerts list --dead`, and send them again with \
                 `rmdd alerts retry {}`",
                first.id,
                count = grouped(count)
            );
            return self.alerts.in_store(move |store| store.set_aside(&name, &events, &error, at)).await;
        };
        let pause = pause.mul_f64(rand::random_range(0.8..1.2)).max(after.unwrap_or_default());
        let next_at = at.checked_add(pause).unwrap_or(at);
        let sequence = first.sequence;
        self.alerts.in_store(move |store| store.note_failed(&name, sequence, &error, (at, next_at))).await
    }

    /// Tells the other end again what is raised, where it forgets what it is not told again.
    async fn tell_again(&self, told_again: &mut Option<Timestamp>) -> Wait {
        let Some(every) = self.channel.repeat.filter(|_| self.channel.forgets()) else {
            return Wait::For(LONGEST_SLEEP);
        };
        let now = clock::now();
        let due = told_again.is_none_or(|told| {
            now.duration_since(told).abs() >= SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX)
        });
        if due {
            *told_again = Some(now);
            match self.alerts.in_store(|store| store.alerts_kept()).await {
                Ok(kept) => {
                    let raised: Vec<_> = kept.reported.into_iter().collect();
                    let source = format!("urn:rmdd:{:016x}", kept.installation.unwrap_or_default());
                    let outcome = self.channel.tell_again(&raised, &source, now).await.map_err(|failure| failure.error);
                    self.note(
                        outcome,
                        kept.channels.get(&self.channel.name).is_some_and(|r| r.failing_since.is_some()),
                    )
                    .await;
                }
                Err(error) => tracing::warn!(%error, "alerts cannot be read to be told again: {error}"),
            }
        }
        Wait::For(every.min(LONGEST_SLEEP))
    }

    /// Calls the heartbeat's address if all is well.
    async fn beat(&self) {
        let Some(why) = self.unwell() else {
            let outgoing = Outgoing { events: Arc::new([]), threads: Vec::new(), incident: None, now: clock::now() };
            let outcome = self.channel.send(&outgoing).await.map(drop).map_err(|failure| failure.error);
            return self.note(outcome, true).await;
        };
        tracing::debug!(channel = self.channel.name, why, "no heartbeat: {why}");
    }

    /// Why the heartbeat must not say that all is well.
    fn unwell(&self) -> Option<String> {
        let services = &self.alerts.services;
        let (index, now) = (services.index.load_full(), clock::now());
        let alarms = services.alarms(index.as_deref(), &services.sync.state(), now);
        if let Some(alarm) = alarms.iter().find(|alarm| alarm.severity == Severity::Critical) {
            return Some(alarm.message.clone());
        }
        // What holds was not compared for long: nothing would be told.
        let limit = SignedDuration::try_from(self.in_force.config.check_every * 3).unwrap_or(SignedDuration::MAX);
        let compared = *self.alerts.compared();
        let lately =
            compared.is_some_and(|at| now.duration_since(at).abs() <= limit.max(SignedDuration::from_secs(10)));
        (!lately).then(|| "what holds was not compared with what was reported lately".to_owned())
    }

    /// Keeps in mind how an attempt went that belongs to no delivery, if that is news.
    async fn note(&self, outcome: Result<(), String>, failed_before: bool) {
        if outcome.is_ok() && !failed_before {
            return;
        }
        if let Err(error) = &outcome {
            tracing::warn!(channel = self.channel.name, error, "channel {} fails: {error}", self.channel.name);
        }
        let name = self.channel.name.clone();
        let noted = self
            .alerts
            .in_store(move |store| {
                store.note_channel(&name, outcome.as_ref().copied().map_err(String::as_str), clock::now())
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(%error, "how a channel is cannot be written: {error}");
        }
    }
}

/// The longest that another end is left alone because it asked for it.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(24 * 3600);

/// The pause behind so many tries; nothing behind the last.
fn pause(config: &AlertsConfig, tries: u32) -> Option<Duration> {
    let place = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    config.retry_after.get(place).map(|pause| pause.0)
}
