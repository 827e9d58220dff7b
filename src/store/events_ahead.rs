//! Events of operators' records that lie ahead of now: they were made while the clock was ahead.
//!
//! Such an event has been made by now, whatever the time on it says, and what it made of the records is in force. So that the
//! history agrees with that, it counts as made by the first moment at which it was seen to lie ahead: what came before that
//! moment is not known of it, and it is not claimed. The next sync that succeeds gives it that moment for good, or its own
//! where nobody had seen it before, in the journal and in the store.
//!
//! # Order
//!
//! The journal is written anew first, the one that was there is kept beside it, and then the store follows in one
//! transaction. A crash between the two leaves the same events with other times: the next start takes the earlier time of
//! each (`journal::settle`), which is the one that was set.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use redb::ReadableTable;

use super::records::missing_in_older;
use super::tables::RECORD_EVENTS;
use super::{Store, StoreError, codec};
use crate::domain::wording::grouped;
use crate::domain::{EARLIEST, RecordEvent, is_ahead};

/// What is known of the times of events.
#[derive(Debug, Default)]
pub(super) struct EventTimes(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The events later than which no later one is dated, with their times, which descend; nothing before they were read.
    latest: Option<Vec<(u64, Timestamp)>>,
    /// All events up to this serial had been made by this moment, whatever their times say. Both ascend.
    made_by: Vec<(u64, Timestamp)>,
    /// How often events were given other times.
    redated: u64,
}

impl EventTimes {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Each change of it is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds events that were committed.
    pub(super) fn add(&self, events: &[RecordEvent]) {
        if let Some(latest) = &mut self.known().latest {
            events.iter().for_each(|event| add(latest, event.serial, event.at));
        }
    }

    /// Has all of them read again: others stand there.
    pub(super) fn forget(&self) {
        let redated = self.known().redated + 1;
        *self.known() = Known { redated, ..Known::default() };
    }
}

fn add(latest: &mut Vec<(u64, Timestamp)>, serial: u64, at: Timestamp) {
    while latest.pop_if(|(_, before)| *before <= at).is_some() {}
    latest.push((serial, at));
}

impl Known {
    /// The latest time, if it lies ahead of now. From then on all that lies ahead is known to have been made by now.
    fn ahead(&mut self, now: Timestamp) -> Option<Timestamp> {
        let latest = self.latest.as_deref().unwrap_or_default();
        let newest = latest.iter().rev().find(|(_, at)| is_ahead(*at, now)).map(|(serial, _)| *serial)?;
        // A clock that was set back further takes back what it said.
        self.made_by.retain(|(_, moment)| *moment <= now);
        if self.made_by.last().is_none_or(|(serial, _)| *serial < newest) {
            self.made_by.push((newest, now));
        }
        latest.first().map(|(_, at)| *at)
    }
}

impl Store {
    /// The latest time of an event of operators' records, if it lies ahead of now. Looks at memory, but for the first time.
    pub fn events_ahead(&self, now: Timestamp) -> Option<Timestamp> {
        let mut known = self.event_times.known();
        if known.latest.is_none() {
            // Whoever has committed one meanwhile waits to add it. What cannot be read is told elsewhere.
            known.latest = Some(self.contained_read(|| self.read_event_times()).ok()?);
        }
        known.ahead(now)
    }

    /// The newest event that is known to have been made by a moment, whatever the times on events say; 0 if that is not known
    /// of any.
    pub(crate) fn events_made_by(&self, at: Timestamp) -> u64 {
        let known = self.event_times.known();
        known.made_by.iter().rev().find(|(_, moment)| *moment <= at).map_or(0, |(serial, _)| *serial)
    }

    /// How often events were given other times, or others were put in their place, since the store was opened.
    pub(crate) fn events_redated(&self) -> u64 {
        self.event_times.known().redated
    }

    fn read_event_times(&self) -> Result<Vec<(u64, Timestamp)>, StoreError> {
        let transaction = self.begin_read()?;
        let mut latest = Vec::new();
        let Some(table) = missing_in_older(transaction.open_table(RECORD_EVENTS))? else { return Ok(latest) };
        for entry in table.iter()? {
            let (serial, bytes) = entry?;
            // One that cannot be read is told elsewhere.
            if let Ok(event) = codec::decode_record_event(serial.value(), bytes.value()) {
                add(&mut latest, event.serial, event.at);
            }
        }
        Ok(latest)
    }

    /// Gives the events of operators' records that lie ahead of now a time that has come, in the journal and in the store,
    /// and the records that they made with them: the first moment at which they were known to lie ahead, or `to` if that is
    /// earlier or not known. None is dated before the event before it. Their order and their serials stay. Returns how many
    /// were dated anew.
    ///
    /// # Errors
    ///
    /// If the journal or the store cannot be written. It is tried again with the next sync.
    pub fn redate_records(&self, to: Timestamp, now: Timestamp) -> Result<usize, StoreError> {
        // A clock that is known to be wrong sets nothing right.
        if to < EARLIEST || self.events_ahead(now).is_none() {
            return Ok(0);
        }
        let made_by = self.event_times.known().made_by.clone();
        let redated = self.rewrite_records(&|stored| redated(&stored.events, &made_by, to.min(now), now))?;
        if redated > 0 {
            tracing::warn!(
                redated, %to,
                "{} of operators' records lay ahead of now, told by a clock that was wrong: dated by when it is known that they \
                 had been made, {to} at the latest. The journal as it was is kept beside it",
                grouped(redated)
            );
        }
        Ok(redated)
    }
}

/// When events that lie ahead of `now` had been made, as far as is known: by `to`, by the moments in `made_by`, and before
/// the events behind them that have a time that has come.
fn redated(
    events: &BTreeMap<u64, RecordEvent>,
    made_by: &[(u64, Timestamp)],
    to: Timestamp,
    now: Timestamp,
) -> BTreeMap<u64, Timestamp> {
    let mut latest = to;
    let mut redated = BTreeMap::new();
    for (serial, event) in events.iter().rev() {
        if let Some((_, moment)) = made_by.iter().find(|(until, _)| serial <= until) {
            latest = latest.min(*moment);
        }
        if is_ahead(event.at, now) {
            redated.insert(*serial, latest);
        } else {
            latest = latest.min(event.at);
        }
    }
    let mut before = Timestamp::MIN;
    for (serial, event) in events {
        match redated.get_mut(serial) {
            Some(at) => {
                *at = before.max(*at);
                before = *at;
            }
            None => before = event.at,
        }
    }
    redated
}

#[cfg(test)]
mod tests;
