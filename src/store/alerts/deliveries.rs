//! The queue of each channel, strictly in the order of the events, and what was set aside.

use std::collections::BTreeMap;

use jiff::Timestamp;
use redb::{ReadableTable, WriteTransaction};

use super::stored::{self, ChannelRecord, DeliveryRecord, EventRecord, Told};
use super::{MOST_DEAD, Store, StoreError};
use crate::store::records::missing_in_older;
use crate::store::tables::{ALERT_CHANNELS, ALERT_DEAD, ALERT_EVENTS, ALERT_QUEUE, ALERT_TOLD};

/// A delivery that is next, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// How often it was tried, and not before when.
    pub delivery: DeliveryRecord,
    /// The events, oldest first: the one that is next, and those behind it in the same message.
    pub events: Vec<EventRecord>,
    /// What the message answers, by subject, where there is such a one.
    pub threads: Vec<(String, String)>,
}

/// A delivery in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// To whom.
    pub channel: String,
    /// Of what.
    pub event: EventRecord,
    /// How it stands.
    pub delivery: DeliveryRecord,
}

/// How later messages about the same subjects follow one that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thread {
    /// Not at all.
    None,
    /// They answer the first message about what is open.
    Answers {
        /// That message's ID, if this is the first.
        id: String,
        /// Whether anything of a subject is open behind it, where no pair of events that raise and clear says so.
        open: BTreeMap<String, bool>,
    },
    /// They belong to this incident, which is open.
    Incident(String),
    /// Nothing more belongs to this incident.
    Over(String),
}

impl Thread {
    /// What is on record of a subject behind a message; nothing where nothing of it is open.
    fn after(&self, was: Option<Told>, EventRecord { subject, at, .. }: &EventRecord) -> Option<Told> {
        let at = *at;
        if let Self::Answers { id, open } = self
            && let Some(open) = open.get(subject)
        {
            let first = was.and_then(|was| was.thread).unwrap_or_else(|| id.clone());
            return open.then_some(Told { at, open: true, thread: Some(first) });
        }
        match (self, was) {
            (Self::Incident(key), was) => {
                // Its end may be written already, and waits to be told.
                let (at, open) = was.map_or((at, true), |was| (was.at, was.open));
                Some(Told { at, open, thread: Some(key.clone()) })
            }
            (Self::Over(key), Some(was)) if was.open && was.thread.as_ref() != Some(key) => Some(was),
            (Self::Over(_), _) | (_, None) => None,
            // The first message about it is the one that is answered.
            (Self::Answers { id, .. }, Some(was)) if was.open && was.thread.is_none() => {
                Some(Told { thread: Some(id.clone()), ..was })
            }
            (_, Some(was)) => was.open.then_some(was),
        }
    }
}

/// A row of a channel.
type Range<'a> = std::ops::RangeInclusive<(&'a str, u64)>;

fn of(channel: &str) -> Range<'_> {
    (channel, 0)..=(channel, u64::MAX)
}

impl Store {
    /// What is next for a channel: one event; or, with `together`, as many as go out in one message, which is settled by
    /// the first attempt.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn next_delivery(&self, channel: &str, together: usize) -> Result<Option<Waiting>, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let Some(queue) = missing_in_older(transaction.open_table(ALERT_QUEUE))? else { return Ok(None) };
            let events = transaction.open_table(ALERT_EVENTS)?;
            let told = transaction.open_table(ALERT_TOLD)?;
            let mut waiting: Option<Waiting> = None;
            for entry in queue.range(of(channel))? {
                let (key, bytes) = entry?;
                let sequence = key.value().1;
                if let Some(waiting) = &waiting {
                    let beyond = waiting.delivery.batch_to.is_some_and(|last| sequence > last);
                    if beyond || waiting.events.len() >= together {
                        break;
                    }
                }
                let Some(event) = events.get(sequence)? else { continue };
                let event: EventRecord = stored::decode(event.value())?;
                let thread = told.get((channel, event.subject.as_str()))?;
                let thread: Option<Told> = thread.map(|bytes| stored::decode(bytes.value())).transpose()?;
                let waiting = match &mut waiting {
                    Some(waiting) => waiting,
                    none => none.insert(Waiting {
                        delivery: stored::decode(bytes.value())?,
                        events: Vec::new(),
                        threads: Vec::new(),
                    }),
                };
                waiting.threads.extend(thread.and_then(|told| told.thread).map(|id| (event.subject.clone(), id)));
                waiting.events.push(event);
            }
            Ok(waiting)
        })
    }

    /// Settles what goes out with a delivery in one message.
    ///
    /// # Errors
    ///
    /// If the disk fails; then nothing has changed.
    pub fn settle_batch(&self, channel: &str, first: u64, last: u64) -> Result<(), StoreError> {
        self.alerts_written(|transaction| {
            let mut queue = transaction.open_table(ALERT_QUEUE)?;
            let found = queue.get((channel, first))?.map(|bytes| stored::decode::<DeliveryRecord>(bytes.value()));
            let Some(mut delivery) = found.transpose()? else { return Ok(()) };
            delivery.batch_to = Some(last);
            queue.insert((channel, first), stored::encode(&delivery)?.as_slice())?;
            Ok(())
        })
    }

    /// The incidents in which a channel was told of subjects, by subject.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn incidents(&self, channel: &str) -> Result<BTreeMap<String, String>, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let mut found = BTreeMap::new();
            let Some(told) = missing_in_older(transaction.open_table(ALERT_TOLD))? else { return Ok(found) };
            for entry in told.range((channel, "")..)? {
                let (key, bytes) = entry?;
                let (of, subject) = key.value();
                if of != channel {
                    break;
                }
                let told: Told = stored::decode(bytes.value())?;
                found.extend(told.thread.map(|incident| (subject.to_owned(), incident)));
            }
            Ok(found)
        })
    }

    /// These events were delivered, and later ones about the same subjects follow them so.
    ///
    /// # Errors
    ///
    /// If the disk fails; then nothing has changed, and they will be delivered again.
    pub fn note_delivered(
        &self,
        channel: &str,
        events: &[EventRecord],
        thread: &Thread,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.alerts_written(|transaction| {
            let mut queue = transaction.open_table(ALERT_QUEUE)?;
            let mut told = transaction.open_table(ALERT_TOLD)?;
            for event in events {
                queue.remove((channel, event.sequence))?;
                let key = (channel, event.subject.as_str());
                let found = told.get(key)?.map(|bytes| stored::decode::<Told>(bytes.value())).transpose()?;
                match thread.after(found, event) {
                    Some(now) => _ = told.insert(key, stored::encode(&now)?.as_slice())?,
                    None => _ = told.remove(key)?,
                }
            }
            drop((queue, told));
            change_channel(transaction, channel, |record| {
                record.delivered_at = Some(at);
                record.delivered = events.last().map_or(record.delivered, |event| event.sequence);
                record.failing_since = None;
            })
        })
    }

    /// An attempt failed. It is tried again at `next_at`.
    ///
    /// # Errors
    ///
    /// If the disk fails; then nothing has changed.
    pub fn note_failed(
        &self,
        channel: &str,
        sequence: u64,
        error: &str,
        (at, next_at): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        self.alerts_written(|transaction| {
            let mut queue = transaction.open_table(ALERT_QUEUE)?;
            let found = queue.get((channel, sequence))?.map(|bytes| stored::decode::<DeliveryRecord>(bytes.value()));
            if let Some(mut delivery) = found.transpose()? {
                delivery.tries += 1;
                delivery.next_at = Some(next_at);
                delivery.error = error.to_owned();
                queue.insert((channel, sequence), stored::encode(&delivery)?.as_slice())?;
            }
            drop(queue);
            change_channel(transaction, channel, |record| record.fail(error, at))
        })
    }

    /// Sets deliveries aside: they are not tried again until somebody asks for it.
    ///
    /// # Errors
    ///
    /// If the disk fails; then nothing has changed.
    pub fn set_aside(
        &self,
        channel: &str,
        events: &[EventRecord],
        error: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.alerts_written(|transaction| {
            let mut queue = transaction.open_table(ALERT_QUEUE)?;
            for event in events {
                let found = queue.remove((channel, event.sequence))?;
                let found = found.map(|bytes| stored::decode::<DeliveryRecord>(bytes.value())).transpose()?;
                if let Some(mut delivery) = found {
                    delivery.tries += 1;
                    delivery.error = error.to_owned();
                    delivery.set_aside_at = Some(at);
                    bury(transaction, channel, event.sequence, &delivery)?;
                }
            }
            drop(queue);
            change_channel(transaction, channel, |record| record.fail(error, at))
        })
    }

    /// Keeps in mind how an attempt went that belongs to no delivery, such as a heartbeat.
    ///
    /// # Errors
    ///
    /// If the disk fails; then nothing has changed.
    pub fn note_channel(&self, channel: &str, outcome: Result<(), &str>, at: Timestamp) -> Result<(), StoreError> {
        self.alerts_written(|transaction| {
            change_channel(transaction, channel, |record| match outcome {
                Ok(()) => {
                    record.delivered_at = Some(at);
                    record.failing_since = None;
                }
                Err(error) => record.fail(error, at),
            })
        })
    }

    /// Deliveries of all channels, oldest first: those that wait, or with `dead` those that were set aside.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn deliveries(&self, dead: bool) -> Result<Vec<Listed>, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let table = if dead { ALERT_DEAD } else { ALERT_QUEUE };
            let mut found = Vec::new();
            let Some(rows) = missing_in_older(transaction.open_table(table))? else { return Ok(found) };
            let events = transaction.open_table(ALERT_EVENTS)?;
            for entry in rows.iter()? {
                let (key, bytes) = entry?;
                let (channel, sequence) = key.value();
                let Some(event) = events.get(sequence)? else { continue };
                found.push(Listed {
                    channel: channel.to_owned(),
                    event: stored::decode(event.value())?,
                    delivery: stored::decode(bytes.value())?,
                });
            }
            found.sort_by_key(|listed| listed.event.sequence);
            Ok(found)
        })
    }

    /// How many deliveries of a channel wait, and how many were set aside.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn count_deliveries(&self, channel: &str) -> Result<(u64, u64), StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let count = |table| {
                let Some(rows) = missing_in_older(transaction.open_table(table))? else { return Ok(0) };
                Ok::<_, StoreError>(rows.range(of(channel))?.count() as u64)
            };
            Ok((count(ALERT_QUEUE)?, count(ALERT_DEAD)?))
        })
    }

    /// The newest events, newest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn alert_events(&self, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let Some(events) = missing_in_older(transaction.open_table(ALERT_EVENTS))? else { return Ok(Vec::new()) };
            let rows = events.iter()?.rev().take(limit);
            rows.map(|entry| Ok(stored::decode(entry?.1.value())?)).collect()
        })
    }

    /// Puts what was set aside back into its queue, at its own place. Returns the event and the channels that it waits for
    /// again; nothing if there is no such event.
    ///
    /// # Errors
    ///
    /// If the disk fails; then nothing has changed.
    pub fn retry_deliveries(&self, id: &str, at: Timestamp) -> Result<Option<(EventRecord, Vec<String>)>, StoreError> {
        self.alerts_written(|transaction| {
            let Some(event) = event_of(transaction, id)? else { return Ok(None) };
            let sequence = event.sequence;
            let mut again = Vec::new();
            let mut dead = transaction.open_table(ALERT_DEAD)?;
            let mut queue = transaction.open_table(ALERT_QUEUE)?;
            for channel in with_row(&dead, sequence)? {
                dead.remove((channel.as_str(), sequence))?;
                let delivery = DeliveryRecord::new(at);
                queue.insert((channel.as_str(), sequence), stored::encode(&delivery)?.as_slice())?;
                again.push(channel);
            }
            // What waits for its next attempt need not wait.
            for channel in with_row(&queue, sequence)? {
                let found = queue.get((channel.as_str(), sequence))?;
                let found = found.map(|bytes| stored::decode::<DeliveryRecord>(bytes.value())).transpose()?;
                if let Some(delivery) = found.filter(|delivery| delivery.next_at.is_some()) {
                    let delivery = DeliveryRecord { next_at: None, ..delivery };
                    queue.insert((channel.as_str(), sequence), stored::encode(&delivery)?.as_slice())?;
                    again.push(channel);
                }
            }
            Ok(Some((event, again)))
        })
    }

    /// Drops the deliveries of an event, whether they wait or were set aside. Returns the event and the channels that will
    /// not have it; nothing if there is no such event.
    ///
    /// # Errors
    ///
    /// If the disk fails; then nothing has changed.
    pub fn drop_deliveries(&self, id: &str) -> Result<Option<(EventRecord, Vec<String>)>, StoreError> {
        self.alerts_written(|transaction| {
            let Some(event) = event_of(transaction, id)? else { return Ok(None) };
            let sequence = event.sequence;
            let mut dropped = Vec::new();
            for table in [ALERT_DEAD, ALERT_QUEUE] {
                let mut rows = transaction.open_table(table)?;
                for channel in with_row(&rows, sequence)? {
                    rows.remove((channel.as_str(), sequence))?;
                    dropped.push(channel);
                }
            }
            Ok(Some((event, dropped)))
        })
    }

    fn alerts_written<T>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.written(|| {
            let transaction = self.begin_write()?;
            let written = write(&transaction)?;
            transaction.commit()?;
            Ok(written)
        })
    }
}

impl ChannelRecord {
    fn fail(&mut self, error: &str, at: Timestamp) {
        self.failing_since = self.failing_since.or(Some(at));
        error.clone_into(&mut self.error);
        self.error_at = Some(at);
    }
}

/// The event with this ID or sequence.
fn event_of(transaction: &WriteTransaction, id: &str) -> Result<Option<EventRecord>, StoreError> {
    // The ID begins with it.
    let Some(sequence) = id.split('-').next().and_then(|number| number.parse::<u64>().ok()) else { return Ok(None) };
    let events = transaction.open_table(ALERT_EVENTS)?;
    let found = events.get(sequence)?.map(|bytes| stored::decode::<EventRecord>(bytes.value())).transpose()?;
    Ok(found.filter(|event| !id.contains('-') || event.id == id))
}

/// The channels that have a row of this event.
fn with_row(
    table: &impl ReadableTable<(&'static str, u64), &'static [u8]>,
    sequence: u64,
) -> Result<Vec<String>, StoreError> {
    let mut channels = Vec::new();
    for entry in table.iter()? {
        let (key, _) = entry?;
        let (channel, of) = key.value();
        if of == sequence {
            channels.push(channel.to_owned());
        }
    }
    Ok(channels)
}

/// Puts a delivery among those that were set aside.
pub(super) fn bury(
    transaction: &WriteTransaction,
    channel: &str,
    sequence: u64,
    delivery: &DeliveryRecord,
) -> Result<(), StoreError> {
    let mut dead = transaction.open_table(ALERT_DEAD)?;
    dead.insert((channel, sequence), stored::encode(delivery)?.as_slice())?;
    let buried = dead.range(of(channel))?.count() as u64;
    let surplus = usize::try_from(buried.saturating_sub(MOST_DEAD)).unwrap_or_default();
    let oldest: Vec<u64> = {
        let rows = dead.range(of(channel))?.take(surplus);
        rows.map(|entry| Ok::<_, StoreError>(entry?.0.value().1)).collect::<Result<_, _>>()?
    };
    for sequence in oldest {
        dead.remove((channel, sequence))?;
    }
    Ok(())
}

pub(super) fn change_channel(
    transaction: &WriteTransaction,
    channel: &str,
    change: impl FnOnce(&mut ChannelRecord),
) -> Result<(), StoreError> {
    let mut channels = transaction.open_table(ALERT_CHANNELS)?;
    let found = channels.get(channel)?.map(|bytes| stored::decode::<ChannelRecord>(bytes.value())).transpose()?;
    let mut record = found.unwrap_or_default();
    change(&mut record);
    channels.insert(channel, stored::encode(&record)?.as_slice())?;
    Ok(())
}

/// Reads all that is kept of alerts, and tells what does not fit together.
pub fn check(store: &Store, fault: &mut dyn FnMut(String)) -> Result<(), StoreError> {
    let kept = store.alerts_kept()?;
    let transaction = store.begin_read()?;
    let Some(events) = missing_in_older(transaction.open_table(ALERT_EVENTS))? else { return Ok(()) };
    for entry in events.iter()? {
        let (sequence, bytes) = entry?;
        let sequence = sequence.value();
        match stored::decode::<EventRecord>(bytes.value()) {
            Ok(event) if event.sequence == sequence && sequence <= kept.sequence => {}
            Ok(_) => fault(format!("alert event {sequence} is not where it belongs")),
            Err(error) => fault(format!("alert event {sequence} cannot be read: {error}")),
        }
    }
    for table in [ALERT_QUEUE, ALERT_DEAD] {
        for entry in transaction.open_table(table)?.iter()? {
            let (key, bytes) = entry?;
            let (channel, sequence) = key.value();
            if events.get(sequence)?.is_none() {
                fault(format!("a delivery to {channel} is of alert event {sequence}, which is not there"));
            }
            if let Err(error) = stored::decode::<DeliveryRecord>(bytes.value()) {
                fault(format!("the delivery of alert event {sequence} to {channel} cannot be read: {error}"));
            }
        }
    }
    Ok(())
}
