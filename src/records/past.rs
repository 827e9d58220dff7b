//! The records as they were: what is on record now, less what each event since has done.
//!
//! Events are read once, as far back as somebody asked, and kept by record. What was on record at a moment is then found
//! by halving, for those records alone that a question is about: it costs the same however many events there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::networks::Networks;
use super::{ProviderRecords, Records, number};
use crate::domain::{PeerKey, Record, RecordBody, RecordEvent, RecordKind};

/// So many events are read at once, at least.
const EVENTS_AT_ONCE: usize = 64;

/// By what a record is known.
type Key = (RecordKind, String);

/// What each record was before the events of these serials.
type Befores = BTreeMap<Key, Vec<(u64, Option<Arc<Record>>)>>;

/// The records now, and what the events that led to them have changed, as far back as these are known.
#[derive(Debug, Clone)]
pub struct Past {
    now: Arc<Records>,
    /// The serial of the oldest event that is known, or of the one to come.
    from: u64,
    /// Whether no older one is on record.
    is_whole: bool,
    known: usize,
    /// When events happened, with their serials, ascending: only those that all later events came after, so that of a
    /// clock that was set back the newest event before a moment counts.
    times: Vec<(Timestamp, u64)>,
    /// What each record was before each event that changed it, by ascending serial.
    before: Befores,
    /// The records that events gave to a provider's number or took from it.
    touched: BTreeMap<u64, BTreeSet<Key>>,
    /// The numbers of `touched`.
    numbers: Vec<u64>,
}

impl Past {
    /// The records now, of whose past nothing is known yet.
    pub fn of(now: Arc<Records>) -> Self {
        Self {
            from: now.last_event.saturating_add(1),
            now,
            is_whole: false,
            known: 0,
            times: Vec::new(),
            before: BTreeMap::new(),
            touched: BTreeMap::new(),
            numbers: Vec::new(),
        }
    }

    /// The records to which all the events lead.
    pub fn now(&self) -> &Arc<Records> {
        &self.now
    }

    /// The serial of the newest event that had happened by a moment. Where that is not known yet, older events are read:
    /// those below a serial, newest first, so many at most.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn newest_by<E>(
        self: &mut Arc<Self>,
        at: Timestamp,
        mut read: impl FnMut(u64, usize) -> Result<Vec<RecordEvent>, E>,
    ) -> Result<u64, E> {
        loop {
            let later = self.times.partition_point(|(happened, _)| *happened <= at);
            match later.checked_sub(1).and_then(|place| self.times.get(place)) {
                Some((_, serial)) => return Ok(*serial),
                None if self.is_whole => return Ok(self.from.saturating_sub(1)),
                None => {
                    // As many again as are known: then all is read in a few goes, wherever somebody begins.
                    let older = read(self.from, self.known.max(EVENTS_AT_ONCE))?;
                    Arc::make_mut(self).reach_back(&older);
                }
            }
        }
    }

    /// Adds older events, newest first. None says that there are no more.
    fn reach_back(&mut self, older: &[RecordEvent]) {
        self.is_whole = older.is_empty();
        let mut earliest = self.times.first().map_or(Timestamp::MAX, |(at, _)| *at);
        let mut times = Vec::new();
        let mut before = Befores::new();
        for event in older {
            self.known += 1;
            self.from = event.serial;
            if event.at < earliest || (self.times.is_empty() && times.is_empty()) {
                earliest = event.at;
                times.push((event.at, event.serial));
            }
            self.touch(event);
            for (key, record) in undone(event) {
                before.entry(key).or_default().push((event.serial, record));
            }
        }
        times.reverse();
        self.times.splice(0..0, times);
        for (key, mut older) in before {
            older.reverse();
            self.before.entry(key).or_default().splice(0..0, older);
        }
        self.numbers = self.touched.keys().copied().collect();
    }

    /// Adds what has happened since, newest first, and the records that it led to.
    pub fn follow(&mut self, now: Arc<Records>, newer: &[RecordEvent]) {
        for event in newer.iter().rev() {
            self.known += 1;
            while self.times.pop_if(|(at, _)| *at >= event.at).is_some() {}
            self.times.push((event.at, event.serial));
            self.touch(event);
            for (key, record) in undone(event) {
                self.before.entry(key).or_default().push((event.serial, record));
            }
        }
        self.numbers = self.touched.keys().copied().collect();
        self.now = now;
    }

    fn touch(&mut self, event: &RecordEvent) {
        for record in event.before.iter().chain(&event.after) {
            self.touched.entry(number(record.provider)).or_default().insert((record.kind(), record.id()));
        }
    }

    /// Whether nothing has happened behind this event.
    pub fn is_newest(&self, serial: u64) -> bool {
        self.times.last().is_none_or(|(_, newest)| *newest <= serial)
    }

    /// A record as it was when this event had happened.
    fn record(&self, key: &Key, serial: u64) -> Option<&Arc<Record>> {
        let Some(before) = self.before.get(key) else { return self.now.by_id.get(key) };
        match before.get(before.partition_point(|(event, _)| *event <= serial)) {
            Some((_, record)) => record.as_ref(),
            None => self.now.by_id.get(key),
        }
    }
}

/// What a record was before an event. Where the event gave it another name, that of the new name was not there.
fn undone(event: &RecordEvent) -> impl Iterator<Item = (Key, Option<Arc<Record>>)> {
    let key = |record: &Record| (record.kind(), record.id());
    let before = event.before.as_ref().map(|record| (key(record), Some(Arc::new(record.clone()))));
    let after = event.after.as_ref().map(key).filter(|after| before.as_ref().is_none_or(|(before, _)| before != after));
    before.into_iter().chain(after.map(|key| (key, None)))
}

/// So many providers' records are made room for together.
const CHUNK: usize = 64;

/// The records as they were when an event had happened.
#[derive(Debug)]
pub struct Then {
    past: Arc<Past>,
    serial: u64,
    /// What was on record under each number of [`Past::touched`], made when somebody asks for it.
    made: Vec<OnceLock<Vec<OnceLock<ProviderRecords>>>>,
    /// The networks that were bound, made when somebody asks for an address.
    networks: OnceLock<Networks>,
}

impl Clone for Then {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.past), self.serial)
    }
}

impl Then {
    pub(super) fn new(past: Arc<Past>, serial: u64) -> Self {
        let made = (0..past.numbers.len().div_ceil(CHUNK)).map(|_| OnceLock::new()).collect();
        Self { past, serial, made, networks: OnceLock::new() }
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Record>> {
        self.past.record(key, self.serial)
    }

    /// All records of a kind, by ID.
    pub(super) fn all(&self, kind: RecordKind) -> Vec<&Arc<Record>> {
        let first = (kind, String::new());
        let of_kind = |key: &&Key| key.0 == kind;
        let now = self.past.now.by_id.range(first.clone()..).map(|(key, _)| key).take_while(of_kind);
        let before = self.past.before.range(first..).map(|(key, _)| key).take_while(of_kind);
        let keys: BTreeSet<&Key> = now.chain(before).collect();
        keys.into_iter().filter_map(|key| self.get(key)).collect()
    }

    pub(super) fn peer(&self, key: &PeerKey) -> Option<&Arc<Record>> {
        let record = self.get(&(RecordKind::Peer, key.id()));
        record.filter(|record| matches!(&record.body, RecordBody::Peer(peer) if peer.key().as_ref() == Ok(key)))
    }

    pub(super) fn networks(&self) -> &Networks {
        self.networks.get_or_init(|| {
            let mut networks = Networks::default();
            for record in self.all(RecordKind::Peer) {
                if let RecordBody::Peer(peer) = &record.body
                    && let Some(network) = peer.network()
                {
                    networks.insert(network, Arc::clone(record));
                }
            }
            networks
        })
    }

    pub(super) fn about(&self, number: u64) -> Option<&ProviderRecords> {
        let Ok(place) = self.past.numbers.binary_search(&number) else { return self.past.now.under(number) };
        let chunk = self.made.get(place / CHUNK)?.get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
        let made = chunk.get(place % CHUNK)?.get_or_init(|| self.make(number));
        (!made.is_empty()).then_some(made)
    }

    /// What was on record under this number: what events have touched, and what they have not.
    fn make(&self, under: u64) -> ProviderRecords {
        let mut keys = self.past.touched.get(&under).cloned().unwrap_or_default();
        keys.extend(self.past.now.under(under).into_iter().flat_map(ProviderRecords::keys));
        let records = keys.into_iter().filter_map(|key| self.get(&key).map(Arc::clone).map(|record| (key, record)));
        let records = records.filter(|(_, record)| number(record.provider) == under).collect();
        Records::of(records, self.serial).of_numbers.pop().unwrap_or_default()
    }

    pub(super) fn tell_of_filings(&self) -> bool {
        self.past.now.by_filing || self.past.numbers.last().is_some_and(|number| *number >= super::FILINGS)
    }
}

#[cfg(test)]
mod tests;
