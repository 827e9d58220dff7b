//! What was known at a moment: the index and the operators' records of then, for questions about the past.
//!
//! A moment is made from the published index by walking back, on the threads for work beside calls; the filings that did not
//! change since are those of the published index, and a few past indexes are kept, so that a thousand questions about one
//! day cost one walk and little memory.
//!
//! # What is known of confirmations
//!
//! An answer about a moment never uses a confirmation after it. Since format 3 every confirmation is on record. Of a
//! snapshot before that only the first and the last are: where the moment lies between them, the first counts, so that
//! such an answer shows its listing older than it was, and never newer.
//!
//! # What is known of records that were made while the clock was ahead
//!
//! They have been made, though the times on them are still to come, and are in force. When they were made is not known, but
//! that it was by the moment at which they were first seen to lie ahead: from then on they count as made, before it they do
//! not. So the history contradicts no answer that was given since, and claims nothing of the time before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use thiserror::Error;

use crate::domain::wording::moment;
use crate::domain::{Rejection, SnapshotSerial, is_ahead};
use crate::listing::index::Index;
use crate::listing::rewind::{Broken, Rewind};
use crate::records::{Past, Records};
use crate::store::{RewindError, SnapshotAt, SnapshotThen, Store, StoreError};
use crate::transport::budget::Work;

/// So many past indexes are kept: each costs an index, some hundred kilobytes, and the filings that were others then.
const KEPT: usize = 6;

/// What was known at a moment.
#[derive(Debug, Clone)]
pub struct AsOf {
    /// The listing and the removals of then.
    pub index: Arc<Index>,
    /// The operators' records of then.
    pub records: Arc<Records>,
}

/// Why a moment cannot be told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AsOfError {
    /// It is still to come.
    #[error("{} is still to come: it is {} now", moment(*.at), moment(*.now))]
    Future {
        /// The moment.
        at: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// History does not reach back so far.
    #[error("the history reaches back to {}, and not to {}: what was listed then is not known here", moment(*.from), moment(*.at))]
    NotReaching {
        /// The moment.
        at: Timestamp,
        /// The earliest moment that can be told.
        from: Timestamp,
    },
    /// It lies in a stretch of the history that was lost.
    #[error(
        "what was listed at {} is not known here: the store was begun again, and from {} to {} it does not know which listing \
         stood (`rmdd removals` has what was missing then)",
        moment(*.at), moment(*.from), moment(*.until)
    )]
    Lost {
        /// The moment.
        at: Timestamp,
        /// From when on it is not known.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// All that is known bears times that are still to come.
    #[error(
        "what was listed at {} is not known: the times of all snapshots lie ahead of this machine's clock (the first is \
         dated {}); the next sync that succeeds sets them right",
        moment(*.at),
        moment(*.from)
    )]
    Ahead {
        /// The moment.
        at: Timestamp,
        /// The time of the first snapshot.
        from: Timestamp,
    },
    /// Nothing was ever loaded.
    #[error("no listing was ever loaded")]
    NoSnapshot,
    /// The history is damaged.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The walk broke off.
    #[error(transparent)]
    Interrupted(Rejection),
}

impl From<RewindError> for AsOfError {
    fn from(error: RewindError) -> Self {
        match error {
            RewindError::Store(error) => Self::Store(error),
            RewindError::Broken(broken) => Self::Broken(broken),
        }
    }
}

/// The indexes as of times past.
#[derive(Debug, Default)]
pub struct PastIndexes {
    kept: Mutex<VecDeque<(SnapshotSerial, Arc<Index>)>>,
    /// What is known of the past of the operators' records, and how often their events had been dated anew by then.
    past: Mutex<Option<(u64, Arc<Past>)>>,
}

/// Which moment is asked about, and what it is made from.
#[derive(Debug)]
pub struct PastAsked {
    /// The published index, if there is one.
    pub current: Option<Arc<Index>>,
    /// The operators' records of now.
    pub records: Arc<Records>,
    /// The moment.
    pub at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

fn find<K: PartialEq, V>(kept: &Mutex<VecDeque<(K, Arc<V>)>>, key: &K) -> Option<Arc<V>> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter().find(|(of, _)| of == key).map(|(_, value)| Arc::clone(value))
}

fn keep<K: PartialEq, V>(kept: &Mutex<VecDeque<(K, Arc<V>)>>, key: K, value: &Arc<V>) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.retain(|(of, _)| *of != key);
    kept.truncate(KEPT - 1);
    kept.push_front((key, Arc::clone(value)));
}

/// An index without the removals that a store which lacks a listing knows besides, and that were seen at a later moment.
fn known_at(index: Arc<Index>, at: Timestamp) -> Arc<Index> {
    let known = index.removals().known_at(at, |number| index.by_number(number).is_some());
    match known {
        None => index,
        Some(known) => Arc::new(Index::build(index.snapshot().clone(), known, index.last_change())),
    }
}

impl PastIndexes {
    /// What was known at a moment.
    ///
    /// # Errors
    ///
    /// If history does not reach back to it, it is still to come, or the history cannot be read. There is no answer
    /// then, least of all today's.
    pub async fn at(self: &Arc<Self>, work: &Work, store: &Arc<Store>, asked: PastAsked) -> Result<AsOf, AsOfError> {
        let PastAsked { current, records, at, now } = asked;
        if at > now {
            return Err(AsOfError::Future { at, now });
        }
        let current = current.ok_or(AsOfError::NoSnapshot)?;
        let (past, store) = (Arc::clone(self), Arc::clone(store));
        let walk = move || {
            // What lies ahead has been made by now: the history is not to say otherwise from here on.
            store.events_ahead(now);
            past.walk(&store, &current, &records, at)
        };
        match work.blocking(walk).await.map_err(AsOfError::Interrupted)? {
            Err(AsOfError::NotReaching { at, from }) if is_ahead(from, now) => Err(AsOfError::Ahead { at, from }),
            reported => reported,
        }
    }

    fn walk(
        &self,
        store: &Store,
        current: &Arc<Index>,
        records: &Arc<Records>,
        at: Timestamp,
    ) -> Result<AsOf, AsOfError> {
        let gaps = store.gaps()?;
        if let Some(gap) = gaps.iter().find(|gap| gap.holds(at)) {
            return Err(AsOfError::Lost { at, from: gap.from, until: gap.until });
        }
        let SnapshotThen { record, mut confirmed_at } = match store.snapshot_at(at)? {
            SnapshotAt::Then(then) => *then,
            SnapshotAt::BeforeHistory { begins: Some(from) } => return Err(AsOfError::NotReaching { at, from }),
            SnapshotAt::BeforeHistory { begins: None } => return Err(AsOfError::NoSnapshot),
        };
        // A sync may have committed a newer one that is not published yet: the published one is what answers rest on.
        let index = if record.serial >= current.snapshot().serial {
            if record.serial > current.snapshot().serial {
                confirmed_at = current.confirmed_at().min(at);
            }
            Arc::clone(current)
        } else if let Some(kept) = find(&self.kept, &record.serial) {
            kept
        } else {
            let mut way = Rewind::from(current.snapshot(), current.removals());
            let led = store.rewind(&mut way, record.serial).map_err(AsOfError::from).and_then(|last_change| {
                let (snapshot, removals) = way.reach(&record, record.fetched_at)?;
                Ok((last_change, snapshot, removals))
            });
            let (last_change, snapshot, removals) = match (led, store.snapshot_at(at)?) {
                // What was there a moment ago has just been dropped.
                (Err(AsOfError::Broken(_)), SnapshotAt::BeforeHistory { begins: Some(from) }) => {
                    return Err(AsOfError::NotReaching { at, from });
                }
                (Err(AsOfError::Broken(broken)), _) => {
                    store.note_damage(&broken.to_string());
                    return Err(broken.into());
                }
                (led, _) => led?,
            };
            let index = Arc::new(Index::build(snapshot, removals, last_change));
            keep(&self.kept, record.serial, &index);
            index
        };
        let index = if gaps.is_empty() { index } else { known_at(index, at) };
        let records = self.records_at(store, records, at)?;
        Ok(AsOf { index: Arc::new(index.as_confirmed_at(confirmed_at)), records })
    }

    /// The operators' records of a moment. Each of their events is read once, and not before somebody asks for a moment
    /// that needs it.
    fn records_at(&self, store: &Store, records: &Arc<Records>, at: Timestamp) -> Result<Arc<Records>, StoreError> {
        let mut kept = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let (redated, last) = (store.events_redated(), records.last_event());
        // Events that have other times since, or records that others have taken the place of, are read anew.
        let stands = |past: &Past| past.now().last_event() != last || Arc::ptr_eq(past.now(), records);
        let past = kept.take().filter(|(when, past)| *when == redated && stands(past)).map(|(_, past)| past);
        let mut past = past.unwrap_or_else(|| Arc::new(Past::of(Arc::clone(records))));
        let known = past.now().last_event();
        if known < last {
            let newer = store.record_events_between(known, last.saturating_add(1), usize::MAX)?;
            Arc::make_mut(&mut past).follow(Arc::clone(records), &newer);
        }
        let serial = past.newest_by(at, |below, most| store.record_events_between(0, below, most))?;
        *kept = Some((redated, Arc::clone(&past)));
        drop(kept);
        let serial = serial.max(store.events_made_by(at));
        // The published ones are what answers rest on, even where another question has already met newer ones.
        if past.is_newest(serial) || serial >= last {
            return Ok(Arc::clone(records));
        }
        Ok(Arc::new(Records::then(past, serial)))
    }
}
