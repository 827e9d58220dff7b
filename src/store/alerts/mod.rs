//! The outbox of alerts: what was last reported of each subject, the events that came of it, and to whom they still go.
//!
//! An event, the new reported state and one delivery for each channel are written in one transaction: a crash leaves all of
//! it or nothing. What an event says is frozen bytes here, and what was reported is JSON that `alerts` alone reads.

mod deliveries;
mod stored;

use std::collections::BTreeMap;

use jiff::Timestamp;
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};
use serde_json::Value;

use super::records::missing_in_older;
use super::tables::{
    ALERT_CHANNELS, ALERT_DEAD, ALERT_EVENTS, ALERT_QUEUE, ALERT_REPORTED, ALERT_TOLD, META, META_ALERTS_CURSOR,
    META_ALERTS_INSTALLATION, META_ALERTS_SEQUENCE,
};
use super::{Store, StoreError};
use crate::domain::ChangeSerial;
use crate::domain::wording::count;

pub use deliveries::{Listed, Thread, Waiting, check};
pub use stored::{ChannelRecord, DeliveryRecord, EventRecord, Told};

/// The channel that is always there.
const JOURNAL: &str = "journal";

/// So many deliveries may wait for a channel. One more sets the oldest aside.
pub const MOST_QUEUED: u64 = 10_000;

/// So many deliveries that were set aside are kept for a channel. One more drops the oldest.
pub const MOST_DEAD: u64 = 10_000;

/// So many events are kept; the oldest go first, with what is left of their deliveries.
const EVENTS_KEPT: u64 = 24_000;

/// What is on record of alerts, but for events and deliveries.
#[derive(Debug, Clone, Default)]
pub struct AlertsKept {
    /// Tells this store's events from those of all others; drawn when the baseline is taken. Nothing before.
    pub installation: Option<u64>,
    /// The newest event; 0 before the first.
    pub sequence: u64,
    /// Up to this change the listing's news were reported.
    pub cursor: ChangeSerial,
    /// What was last reported, by subject.
    pub reported: BTreeMap<String, Value>,
    /// What channels were told of, by channel and subject.
    pub told: BTreeMap<(String, String), Told>,
    /// How each channel is.
    pub channels: BTreeMap<String, ChannelRecord>,
}

/// An event to be written.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The event.
    pub event: EventRecord,
    /// The channels that are to have it.
    pub to: Vec<String>,
    /// Whether it opens something that a later event closes.
    pub raises: bool,
    /// Whether it closes what was opened: only channels that were told of the opening have it.
    pub clears: bool,
}

/// One step: all of it is written, or nothing.
#[derive(Debug, Clone, Default)]
pub struct AlertsStep {
    /// Drawn with the baseline.
    pub installation: Option<u64>,
    /// The newest event that this step was made after.
    pub after: u64,
    /// Where the cursor stands then.
    pub cursor: ChangeSerial,
    /// What is reported of subjects then; nothing of those that are gone.
    pub reported: Vec<(String, Option<Value>)>,
    /// The events.
    pub events: Vec<NewEvent>,
    /// The channels that the configuration has now and had not.
    pub joined: Vec<String>,
    /// The channels that it had and has not any more.
    pub left: Vec<String>,
}

impl Store {
    /// What is on record of alerts.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn alerts_kept(&self) -> Result<AlertsKept, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let mut kept = AlertsKept::default();
            let meta = transaction.open_table(META)?;
            let number = |name| Ok::<_, StoreError>(meta.get(name)?.map(|value| value.value()));
            kept.installation = number(META_ALERTS_INSTALLATION)?;
            kept.sequence = number(META_ALERTS_SEQUENCE)?.unwrap_or_default();
            kept.cursor = ChangeSerial(number(META_ALERTS_CURSOR)?.unwrap_or_default());
            if let Some(table) = missing_in_older(transaction.open_table(ALERT_REPORTED))? {
                for entry in table.iter()? {
                    let (subject, bytes) = entry?;
                    kept.reported.insert(subject.value().to_owned(), stored::decode(bytes.value())?);
                }
            }
            if let Some(table) = missing_in_older(transaction.open_table(ALERT_TOLD))? {
                for entry in table.iter()? {
                    let (key, bytes) = entry?;
                    let (channel, subject) = key.value();
                    kept.told.insert((channel.to_owned(), subject.to_owned()), stored::decode(bytes.value())?);
                }
            }
            if let Some(table) = missing_in_older(transaction.open_table(ALERT_CHANNELS))? {
                for entry in table.iter()? {
                    let (name, bytes) = entry?;
                    kept.channels.insert(name.value().to_owned(), stored::decode(bytes.value())?);
                }
            }
            Ok(kept)
        })
    }

    /// Writes a step.
    ///
    /// # Errors
    ///
    /// If the disk fails, or another event was written meanwhile; then nothing has changed.
    pub fn commit_alerts(&self, step: &AlertsStep) -> Result<(), StoreError> {
        self.written(|| {
            let transaction = self.begin_write()?;
            write_step(&transaction, step)?;
            transaction.commit()
        })
    }
}

fn write_step(transaction: &WriteTransaction, step: &AlertsStep) -> Result<(), StoreError> {
    write_place(transaction, step)?;
    write_reported(transaction, &step.reported)?;
    let channels = write_events(transaction, &step.events)?;
    for (names, joined) in [(&step.joined, true), (&step.left, false)] {
        for name in names {
            deliveries::change_channel(transaction, name, |record| record.joined = joined)?;
        }
    }
    for (channel, events) in channels {
        enqueue(transaction, channel, &events)?;
    }
    prune(transaction)
}

/// Writes how far a step comes, if it was made after the newest event.
fn write_place(transaction: &WriteTransaction, step: &AlertsStep) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    let found = meta.get(META_ALERTS_SEQUENCE)?.map_or(0, |value| value.value());
    if found != step.after {
        return Err(StoreError::Conflict { expected: step.after, found });
    }
    if let Some(installation) = step.installation {
        meta.insert(META_ALERTS_INSTALLATION, installation)?;
    }
    meta.insert(META_ALERTS_CURSOR, step.cursor.0)?;
    if let Some(last) = step.events.last() {
        meta.insert(META_ALERTS_SEQUENCE, last.event.sequence)?;
    }
    Ok(())
}

fn write_reported(transaction: &WriteTransaction, subjects: &[(String, Option<Value>)]) -> Result<(), StoreError> {
    let mut reported = transaction.open_table(ALERT_REPORTED)?;
    for (subject, state) in subjects {
        match state {
            Some(state) => _ = reported.insert(subject.as_str(), stored::encode(state)?.as_slice())?,
            None => _ = reported.remove(subject.as_str())?,
        }
    }
    Ok(())
}

/// The events that are new to each channel, in their order.
type ByChannel<'a> = BTreeMap<&'a str, Vec<&'a EventRecord>>;

/// Writes events, and what each channel is told of with them.
fn write_events<'a>(transaction: &WriteTransaction, events: &'a [NewEvent]) -> Result<ByChannel<'a>, StoreError> {
    let mut channels = ByChannel::new();
    let mut kept = transaction.open_table(ALERT_EVENTS)?;
    let mut told = transaction.open_table(ALERT_TOLD)?;
    for new in events {
        kept.insert(new.event.sequence, stored::encode(&new.event)?.as_slice())?;
        if new.clears {
            // Whoever is not told of the end has nothing open any more: what is raised next is another matter.
            let is_over = |(channel, subject): (&str, &str), bytes: &[u8]| {
                let told = subject == new.event.subject && !new.to.iter().any(|to| to == channel);
                told && stored::decode::<Told>(bytes).is_ok_and(|told| told.open)
            };
            told.retain(|key, bytes| !is_over(key, bytes))?;
        }
        for channel in &new.to {
            let key = (channel.as_str(), new.event.subject.as_str());
            let before: Option<Told> = told.get(key)?.map(|bytes| stored::decode(bytes.value())).transpose()?;
            let open = before.as_ref().is_some_and(|told| told.open);
            // The journal has all that is numbered.
            if new.clears && !open && channel != JOURNAL {
                continue;
            }
            if new.raises || new.clears {
                let thread = before.filter(|told| told.open).and_then(|told| told.thread);
                let now = Told { at: new.event.at, open: new.raises, thread };
                told.insert(key, stored::encode(&now)?.as_slice())?;
            }
            channels.entry(channel.as_str()).or_default().push(&new.event);
        }
    }
    Ok(channels)
}

/// Puts events into a channel's queue. Where that is full, the oldest are set aside.
fn enqueue(transaction: &WriteTransaction, channel: &str, events: &[&EventRecord]) -> Result<(), StoreError> {
    let mut queue = transaction.open_table(ALERT_QUEUE)?;
    for event in events {
        let delivery = DeliveryRecord::new(event.at);
        queue.insert((channel, event.sequence), stored::encode(&delivery)?.as_slice())?;
    }
    deliveries::change_channel(transaction, channel, |_| {})?;
    let queued = queue.range((channel, 0)..=(channel, u64::MAX))?.count() as u64;
    let surplus = queued.saturating_sub(MOST_QUEUED);
    if surplus == 0 {
        return Ok(());
    }
    let mut oldest = Vec::new();
    for entry in queue.range((channel, 0)..=(channel, u64::MAX))?.take(usize::try_from(surplus).unwrap_or(usize::MAX)) {
        let (key, bytes) = entry?;
        oldest.push((key.value().1, stored::decode::<DeliveryRecord>(bytes.value())?));
    }
    let at = events.last().map_or(Timestamp::UNIX_EPOCH, |event| event.at);
    for (sequence, mut delivery) in oldest {
        queue.remove((channel, sequence))?;
        delivery.error = format!("the queue was full: more than {MOST_QUEUED} waited");
        delivery.set_aside_at = Some(at);
        deliveries::bury(transaction, channel, sequence, &delivery)?;
    }
    drop(queue);
    deliveries::change_channel(transaction, channel, |record| record.overflowed += surplus)?;
    tracing::error!(
        channel,
        surplus,
        "alerts: {surplus} deliveries of channel {channel} were set aside: its queue is full",
        surplus = count(surplus)
    );
    Ok(())
}

/// Drops the oldest events beyond those that are kept.
fn prune(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut events = transaction.open_table(ALERT_EVENTS)?;
    let mut surplus = events.len()?.saturating_sub(EVENTS_KEPT);
    if surplus == 0 {
        return Ok(());
    }
    let channels: Vec<String> = {
        let table = transaction.open_table(ALERT_CHANNELS)?;
        let names = table.iter()?.map(|entry| Ok::<_, StoreError>(entry?.0.value().to_owned()));
        names.collect::<Result<_, _>>()?
    };
    let mut queue = transaction.open_table(ALERT_QUEUE)?;
    let mut dead = transaction.open_table(ALERT_DEAD)?;
    while surplus > 0 {
        let Some(sequence) = events.pop_first()?.map(|(sequence, _)| sequence.value()) else { break };
        for channel in &channels {
            queue.remove((channel.as_str(), sequence))?;
            dead.remove((channel.as_str(), sequence))?;
        }
        surplus -= 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
