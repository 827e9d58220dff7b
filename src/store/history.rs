//! Reading the past: the snapshot of a moment, and the way back to it.

use jiff::Timestamp;
use redb::ReadableTable;

use super::records::missing_in_older;
use super::tables::{
    CHANGES, CHANGES_BY_FILING, CONFIRMATIONS, META, META_HISTORY_FLOOR, META_LAST_CHANGE, RECORD_EVENTS, SNAPSHOTS,
};
use super::{Store, StoreError, codec};
use crate::domain::{Change, ChangeCounts, ChangeSerial, RecordEvent, RmdNumber, SnapshotSerial};
use crate::listing::rewind::{Broken, Rewind, SnapshotRecord};

/// A way back that failed.
#[derive(Debug, thiserror::Error)]
pub enum RewindError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was read does not fit.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// The snapshot of a moment.
#[derive(Debug, Clone)]
pub struct SnapshotThen {
    /// What is on record about it.
    pub record: SnapshotRecord,
    /// When its source had last published it by then, as far as is known.
    pub confirmed_at: Timestamp,
}

/// What history says of a moment.
#[derive(Debug, Clone)]
pub enum SnapshotAt {
    /// This snapshot was current then.
    Then(Box<SnapshotThen>),
    /// The moment is before all that history reaches back to.
    BeforeHistory {
        /// When the oldest snapshot that is kept was applied; none if there is none.
        begins: Option<Timestamp>,
    },
}

impl SnapshotAt {
    /// The snapshot that was current then, if history reaches back so far.
    pub fn then(self) -> Option<SnapshotThen> {
        match self {
            Self::Then(then) => Some(*then),
            Self::BeforeHistory { .. } => None,
        }
    }
}

impl Store {
    /// What is on record about every snapshot that history reaches back to, oldest first.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn snapshot_records(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        let transaction = self.begin_read()?;
        let mut records = Vec::new();
        for entry in transaction.open_table(SNAPSHOTS)?.iter()? {
            let (serial, bytes) = entry?;
            records.push(codec::decode_snapshot(serial.value(), bytes.value())?);
        }
        Ok(records)
    }

    /// What is on record about the snapshots that were fetched within these bounds, newest first and at most `limit` of
    /// them, with what each changed; and how many there are within the bounds at any serial.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn snapshot_page(
        &self,
        asked: &SnapshotsAsked,
        limit: usize,
    ) -> Result<(Vec<(SnapshotRecord, ChangeCounts)>, usize), StoreError> {
        self.contained_read(|| self.read_snapshot_page(asked, limit))
    }

    fn read_snapshot_page(
        &self,
        asked: &SnapshotsAsked,
        limit: usize,
    ) -> Result<(Vec<(SnapshotRecord, ChangeCounts)>, usize), StoreError> {
        let transaction = self.begin_read()?;
        let changes = transaction.open_table(CHANGES)?;
        let (mut page, mut total) = (Vec::new(), 0);
        for entry in transaction.open_table(SNAPSHOTS)?.iter()?.rev() {
            let (serial, bytes) = entry?;
            let record = codec::decode_snapshot(serial.value(), bytes.value())?;
            let fits = asked.since.is_none_or(|since| record.fetched_at >= since)
                && asked.until.is_none_or(|until| record.fetched_at <= until);
            if !fits {
                continue;
            }
            total += 1;
            if page.len() < limit && asked.before.is_none_or(|before| record.serial < before) {
                let counts = count_changes(&changes, record.serial)?;
                page.push((record, counts));
            }
        }
        Ok((page, total))
    }

    /// How many filings the listings had that were applied at a time or after it, and the last one before, oldest first:
    /// when each was applied, and of how many filings.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn listing_sizes(&self, since: Timestamp) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let mut sizes = Vec::new();
            for entry in transaction.open_table(SNAPSHOTS)?.iter()?.rev() {
                let (serial, bytes) = entry?;
                let record = codec::decode_snapshot(serial.value(), bytes.value())?;
                sizes.push((record.applied_at, record.filings));
                // It never goes back from one to the next.
                if record.applied_at < since {
                    break;
                }
            }
            sizes.reverse();
            Ok(sizes)
        })
    }

    /// What is on record about the oldest snapshot that history reaches back to.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn oldest_snapshot(&self) -> Result<Option<SnapshotRecord>, StoreError> {
        let transaction = self.begin_read()?;
        let oldest =
            transaction.open_table(SNAPSHOTS)?.first()?.map(|(serial, bytes)| (serial.value(), bytes.value().to_vec()));
        Ok(oldest.map(|(serial, bytes)| codec::decode_snapshot(serial, &bytes)).transpose()?)
    }

    /// The snapshot on which answers rested at a moment: the newest that had been applied by then.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn snapshot_at(&self, at: Timestamp) -> Result<SnapshotAt, StoreError> {
        self.contained_read(|| self.read_snapshot_at(at))
    }

    fn read_snapshot_at(&self, at: Timestamp) -> Result<SnapshotAt, StoreError> {
        let transaction = self.begin_read()?;
        let mut oldest = None;
        for entry in transaction.open_table(SNAPSHOTS)?.iter()?.rev() {
            let (serial, bytes) = entry?;
            let record = codec::decode_snapshot(serial.value(), bytes.value())?;
            if record.applied_at > at {
                oldest = Some(record.applied_at);
                continue;
            }
            let mut confirmed_at = record.fetched_at;
            if record.confirmed_at <= at {
                confirmed_at = confirmed_at.max(record.confirmed_at);
            }
            if let Some(table) = missing_in_older(transaction.open_table(CONFIRMATIONS))? {
                let serial = record.serial.0;
                if let Some(entry) = table.range((serial, i64::MIN)..=(serial, at.as_millisecond()))?.next_back() {
                    let milliseconds = entry?.0.value().1;
                    confirmed_at = confirmed_at.max(Timestamp::from_millisecond(milliseconds).unwrap_or(confirmed_at));
                }
            }
            return Ok(SnapshotAt::Then(Box::new(SnapshotThen { record, confirmed_at })));
        }
        Ok(SnapshotAt::BeforeHistory { begins: oldest })
    }

    /// Undoes all changes behind a snapshot, down from the one at which the way back begins. What was committed since
    /// that one was loaded is passed over. Returns the serial of the last change that led to it.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or what was read does not fit.
    pub fn rewind(&self, way: &mut Rewind, to: SnapshotSerial) -> Result<ChangeSerial, RewindError> {
        let mut broken = None;
        let led = self.contained_read(|| self.read_back(way, to, &mut broken))?;
        match broken {
            None => Ok(led),
            Some(broken) => Err(broken.into()),
        }
    }

    fn read_back(
        &self,
        way: &mut Rewind,
        to: SnapshotSerial,
        broken: &mut Option<Broken>,
    ) -> Result<ChangeSerial, StoreError> {
        let transaction = self.begin_read()?;
        let from = way.at();
        let table = transaction.open_table(CHANGES)?;
        let below = way.undone().map_or(u64::MAX, |serial| serial.0);
        let mut last = ChangeSerial(0);
        for entry in table.range(..below)?.rev() {
            let (serial, bytes) = entry?;
            let change = codec::decode_change(serial.value(), bytes.value())?;
            if change.snapshot > from {
                continue;
            }
            if change.snapshot <= to {
                last = change.serial;
                break;
            }
            if let Err(error) = way.undo(&change) {
                *broken = Some(error);
                return Ok(last);
            }
        }
        way.arrive(to);
        Ok(last)
    }

    /// The events of operators' records between two serials, both left out, newest first, so many at most.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn record_events_between(&self, after: u64, below: u64, most: usize) -> Result<Vec<RecordEvent>, StoreError> {
        self.contained_read(|| self.read_record_events_between(after, below, most))
    }

    fn read_record_events_between(&self, after: u64, below: u64, most: usize) -> Result<Vec<RecordEvent>, StoreError> {
        let transaction = self.begin_read()?;
        let mut found = Vec::new();
        let Some(table) = missing_in_older(transaction.open_table(RECORD_EVENTS))? else { return Ok(found) };
        if after.saturating_add(1) < below {
            for entry in table.range(after + 1..below)?.rev().take(most) {
                let (serial, bytes) = entry?;
                found.push(codec::decode_record_event(serial.value(), bytes.value())?);
            }
        }
        Ok(found)
    }

    /// The oldest snapshot that history reaches back to.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn history_floor(&self) -> Result<SnapshotSerial, StoreError> {
        let transaction = self.begin_read()?;
        let floor = transaction.open_table(META)?.get(META_HISTORY_FLOOR)?.map(|value| value.value());
        Ok(SnapshotSerial(floor.unwrap_or(SnapshotSerial::FIRST.0)))
    }

    /// What is on record about a snapshot that history reaches back to.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn snapshot_record(&self, serial: SnapshotSerial) -> Result<Option<SnapshotRecord>, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let table = transaction.open_table(SNAPSHOTS)?;
            let found = table.get(serial.0)?;
            Ok(found.map(|bytes| codec::decode_snapshot(serial.0, bytes.value())).transpose()?)
        })
    }

    /// Which changes are kept.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn changes_kept(&self) -> Result<ChangesKept, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let last = transaction.open_table(META)?.get(META_LAST_CHANGE)?.map_or(0, |value| value.value());
            let first = transaction.open_table(CHANGES)?.first()?.map(|(serial, _)| serial.value());
            let behind = first.map_or(last, |first| first.saturating_sub(1));
            Ok(ChangesKept { behind: ChangeSerial(behind), last: ChangeSerial(last) })
        })
    }

    /// The changes behind a serial, up to another one, and no more than so many bytes of them, but one at least. With each
    /// that is the last of its snapshot, if another snapshot's follows, comes what is on record about that snapshot.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn change_page(
        &self,
        after: ChangeSerial,
        until: ChangeSerial,
        bytes: usize,
    ) -> Result<Vec<(Change, Option<SnapshotRecord>)>, StoreError> {
        self.contained_read(|| self.read_change_page(after, until, bytes))
    }

    fn read_change_page(
        &self,
        after: ChangeSerial,
        until: ChangeSerial,
        bytes: usize,
    ) -> Result<Vec<(Change, Option<SnapshotRecord>)>, StoreError> {
        let transaction = self.begin_read()?;
        let snapshots = transaction.open_table(SNAPSHOTS)?;
        let mut page: Vec<(Change, Option<SnapshotRecord>)> = Vec::new();
        let mut size = 0;
        for entry in transaction.open_table(CHANGES)?.range(after.0.saturating_add(1)..=until.0)? {
            let (serial, stored) = entry?;
            let change = codec::decode_change(serial.value(), stored.value())?;
            if let Some((last, record)) = page.last_mut()
                && last.snapshot != change.snapshot
            {
                let found = snapshots.get(last.snapshot.0)?;
                *record = found.map(|bytes| codec::decode_snapshot(last.snapshot.0, bytes.value())).transpose()?;
            }
            if !page.is_empty() && size >= bytes {
                break;
            }
            size += stored.value().len();
            page.push((change, None));
        }
        Ok(page)
    }

    /// Changes by serial within these bounds, at most `limit`: all of them, or those of some filings.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn changes(&self, asked: &ChangesAsked, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.contained_read(|| self.read_changes(asked, limit))
    }

    fn read_changes(&self, asked: &ChangesAsked, limit: usize) -> Result<Vec<Change>, StoreError> {
        let transaction = self.begin_read()?;
        let changes = transaction.open_table(CHANGES)?;
        let (first, end) = asked.serials();
        let mut found = Vec::new();
        match &asked.filings {
            None => {
                let mut entries = changes.range(first..end.max(first))?;
                while let Some(entry) = if asked.newest_first { entries.next_back() } else { entries.next() } {
                    let (serial, bytes) = entry?;
                    let change = codec::decode_change(serial.value(), bytes.value())?;
                    if found.len() == limit || asked.is_past(&change) {
                        break;
                    }
                    found.extend(Some(change).filter(|change| asked.fits(change)));
                }
            }
            Some(numbers) => {
                let by_filing = transaction.open_table(CHANGES_BY_FILING)?;
                let mut serials = Vec::new();
                for number in numbers {
                    for entry in by_filing.range((number.value(), first)..=(number.value(), u64::MAX))? {
                        serials.push(entry?.0.value().1);
                    }
                }
                serials.retain(|serial| *serial < end);
                serials.sort_unstable();
                if asked.newest_first {
                    serials.reverse();
                }
                for serial in serials {
                    if found.len() == limit {
                        break;
                    }
                    if let Some(bytes) = changes.get(serial)? {
                        let change = codec::decode_change(serial, bytes.value())?;
                        found.extend(Some(change).filter(|change| asked.fits(change)));
                    }
                }
            }
        }
        Ok(found)
    }
}

/// What a snapshot changed. Its changes stand together, and those of later snapshots behind them.
fn count_changes(
    changes: &impl ReadableTable<u64, &'static [u8]>,
    of: SnapshotSerial,
) -> Result<ChangeCounts, StoreError> {
    let mut counts = ChangeCounts::default();
    for entry in changes.range(first_change_from(changes, of)?..)? {
        let (serial, bytes) = entry?;
        let change = codec::decode_change(serial.value(), bytes.value())?;
        if change.snapshot != of {
            break;
        }
        counts.count(&change.kind);
    }
    Ok(counts)
}

/// The serial at which the changes of a snapshot, or of a later one, begin. Found by halving: the first snapshot alone has
/// as many changes as filings.
fn first_change_from(
    changes: &impl ReadableTable<u64, &'static [u8]>,
    snapshot: SnapshotSerial,
) -> Result<u64, StoreError> {
    let serial = |entry: Option<(redb::AccessGuard<'_, u64>, _)>| entry.map(|(serial, _)| serial.value());
    let (Some(mut low), Some(last)) = (serial(changes.first()?), serial(changes.last()?)) else { return Ok(0) };
    let mut high = last.saturating_add(1);
    while low < high {
        let middle = low + (high - low) / 2;
        let before = match changes.range(middle..high)?.next().transpose()? {
            Some((serial, bytes)) => {
                let serial = serial.value();
                (codec::decode_change(serial, bytes.value())?.snapshot < snapshot).then_some(serial)
            }
            None => None,
        };
        match before {
            Some(serial) => low = serial + 1,
            None => high = middle,
        }
    }
    Ok(low)
}

/// Which changes are kept: those behind one serial, up to the last of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangesKept {
    /// The newest that is not kept any more; 0 where all are.
    pub behind: ChangeSerial,
    /// The newest of all.
    pub last: ChangeSerial,
}

/// Which snapshots are asked for.
#[derive(Debug, Clone, Default)]
pub struct SnapshotsAsked {
    /// Only those before this one.
    pub before: Option<SnapshotSerial>,
    /// Only those first fetched then or later.
    pub since: Option<Timestamp>,
    /// Only those first fetched then or earlier.
    pub until: Option<Timestamp>,
}

/// Which changes are asked for.
#[derive(Debug, Clone, Default)]
pub struct ChangesAsked {
    /// Only those behind this serial.
    pub after: ChangeSerial,
    /// Only those before this serial.
    pub before: Option<ChangeSerial>,
    /// Only those observed then or later.
    pub since: Option<Timestamp>,
    /// Only those observed then or earlier.
    pub until: Option<Timestamp>,
    /// Only those of these filings.
    pub filings: Option<Vec<RmdNumber>>,
    /// The newest first, instead of the oldest.
    pub newest_first: bool,
}

impl ChangesAsked {
    /// The first serial that is asked for, and the first behind them all.
    fn serials(&self) -> (u64, u64) {
        (self.after.0.saturating_add(1), self.before.map_or(u64::MAX, |before| before.0))
    }

    fn fits(&self, change: &Change) -> bool {
        self.since.is_none_or(|since| change.observed_at >= since)
            && self.until.is_none_or(|until| change.observed_at <= until)
    }

    /// Whether no more that fits comes behind this one: times are in the order of serials.
    fn is_past(&self, change: &Change) -> bool {
        match self.newest_first {
            true => self.since.is_some_and(|since| change.observed_at < since),
            false => self.until.is_some_and(|until| change.observed_at > until),
        }
    }
}
