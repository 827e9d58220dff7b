//! Writing: one transaction for a snapshot and all that comes with it, one small record for everything else.

use std::sync::Arc;

use jiff::Timestamp;
use redb::ReadableTable;

use super::mend::mend;
use super::tables::{
    CHANGES, CHANGES_BY_FILING, CONFIRMATIONS, FILINGS, META, META_LAST_CHANGE, META_REMOVALS_SUM, REMOVALS, SNAPSHOTS,
    SYNC_STATE, SYNC_STATE_NOW, SYNC_STATE_STEPS,
};
use super::{Advance, CycleFact, Holding, SnapshotFact, Store, StoreError, SyncState, codec, held, sources, sums};
use crate::domain::{
    Change, ChangeKind, ChangeSerial, Delta, Filing, Removal, RmdNumber, Sha256Digest, Snapshot, SnapshotSerial,
    SyncRecord,
};
use crate::listing::canonical;

/// What a commit leaves behind for whoever publishes the snapshot.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The serial of the newest change.
    pub last_change: ChangeSerial,
    /// The digest of the snapshot's canonical export, as recorded.
    pub listing_sha256: Sha256Digest,
    /// The sync state as stored.
    pub state: SyncState,
}

/// What a snapshot brings.
struct Applied<'a> {
    snapshot: &'a Snapshot,
    delta: Option<&'a Delta>,
    removals: &'a [Arc<Removal>],
    cycle: &'a SyncRecord,
}

/// What a snapshot came to where it was made, and which entry says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The digest of its canonical export.
    pub listing_sha256: Sha256Digest,
    /// The serial of its last change.
    pub last_change: ChangeSerial,
    /// The entry.
    pub advance: Advance,
}

impl Expected {
    fn check(&self, listing_sha256: Sha256Digest, last_change: ChangeSerial) -> Result<(), StoreError> {
        let entry = self.advance.to.index;
        let differs = |detail: String| Err(StoreError::Diverges { log: self.advance.log, entry, detail });
        if listing_sha256 != self.listing_sha256 {
            return differs(format!(
                "the listing is {} here, and {} there",
                listing_sha256.short(),
                self.listing_sha256.short()
            ));
        }
        if last_change != self.last_change {
            return differs(format!("the last change is {last_change} here, and {} there", self.last_change));
        }
        Ok(())
    }
}

impl Store {
    /// Commits a snapshot: its filings, its changes, the removals it opened or closed, and the cycle that brought it.
    /// Stored times that lie after those of the snapshot by more than a clock is disciplined by are set to when it was
    /// fetched.
    ///
    /// # Errors
    ///
    /// If the disk fails or the store is not at the snapshot before this one; then nothing has changed.
    pub fn commit(
        &self,
        snapshot: &Snapshot,
        delta: Option<&Delta>,
        removals: &[Arc<Removal>],
        cycle: &SyncRecord,
    ) -> Result<Committed, StoreError> {
        self.written(|| self.write_snapshot(Applied { snapshot, delta, removals, cycle }, None))
    }

    /// The same, where an entry of the fleet's log says so: what comes of it must be what came of it where it was made.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`], if the entry is not the next, and if something else comes of it.
    pub fn follow_snapshot(&self, fact: &SnapshotFact, expected: &Expected) -> Result<Committed, StoreError> {
        let SnapshotFact { snapshot, step, cycle, .. } = fact;
        let applied = Applied { snapshot, delta: step.delta.as_ref(), removals: &step.touched, cycle };
        self.written(|| self.write_snapshot(applied, Some(expected)))
    }

    fn write_snapshot(&self, applied: Applied<'_>, expected: Option<&Expected>) -> Result<Committed, StoreError> {
        let Applied { snapshot, delta, removals, cycle } = applied;
        // Before the transaction: this alone takes as long as the listing is, and the store need not wait for it.
        let listing_sha256 = canonical::digest(&snapshot.filings);
        let transaction = self.begin_write()?;
        let nothing = Delta::default();
        let delta = delta.unwrap_or(&nothing);
        let (last_change, state, mended);
        {
            let mut previous_state = self.sync_state(&transaction)?;
            let confirmed = &mut previous_state.confirmed;
            mended = mend(&transaction, confirmed.map(|(_, at)| at), snapshot.fetched_at, cycle.at)?;
            if mended.is_some_and(|mended| mended.snapshots > 0) {
                *confirmed = confirmed.map(|(serial, at)| (serial, at.min(snapshot.fetched_at)));
            }
            let before_first = Self::before_first(&transaction)?;
            let mut snapshots = transaction.open_table(SNAPSHOTS)?;
            let before = snapshots.last()?.map(|(serial, bytes)| (serial.value(), bytes.value().to_vec()));
            let found = before.as_ref().map_or(before_first, |(serial, _)| *serial);
            if found + 1 != snapshot.serial.0 {
                return Err(StoreError::Conflict { expected: snapshot.serial.0.saturating_sub(1), found });
            }
            let mut applied_at = cycle.at.max(snapshot.fetched_at);
            if let Some((serial, bytes)) = before {
                // A clock that was set back must not take a moment from the snapshot before.
                applied_at = applied_at.max(codec::decode_snapshot(serial, &bytes)?.applied_at);
                if let Some((_, at)) = previous_state.confirmed {
                    snapshots.insert(serial, codec::reconfirm_snapshot(&bytes, at)?.as_slice())?;
                }
            }
            let record = codec::encode_snapshot(snapshot, delta.counts(), listing_sha256, applied_at)?;
            snapshots.insert(snapshot.serial.0, record.as_slice())?;

            // Of a listing that a second copy agreed to it is that copy's time, which its record has only until the next
            // snapshot.
            if snapshot.confirmed_at > snapshot.fetched_at {
                let confirmed = (snapshot.serial.0, snapshot.confirmed_at.as_millisecond());
                transaction.open_table(CONFIRMATIONS)?.insert(confirmed, ())?;
            }

            self.write_filings(&transaction, snapshot, delta)?;
            write_removals(&transaction, removals)?;
            last_change = self.write_changes(&transaction, snapshot, delta)?;
            state = after(previous_state, cycle, Some((snapshot.serial, snapshot.confirmed_at)));
            held::write(&transaction, &Holding::Nothing)?;
            write_sync_state(&transaction, &state, cycle)?;
            let steps = codec::encode_steps(&snapshot.steps)?;
            transaction.open_table(SYNC_STATE)?.insert(SYNC_STATE_STEPS, steps.as_slice())?;
            if let Some(expected) = expected {
                expected.check(listing_sha256, last_change)?;
                self.advance(&transaction, &expected.advance)?;
            }
        }
        transaction.commit()?;
        if let Some(mended) = mended {
            mended.tell(snapshot.fetched_at);
        }
        Ok(Committed { last_change, listing_sha256, state })
    }

    /// Records a cycle that brought no snapshot. `confirmed` is the current snapshot and the time at which its source
    /// published it again, if that is what happened; `holding` says what becomes of the held listings. Stored times that lie
    /// after that time by more than a clock is disciplined by are set to it.
    ///
    /// # Errors
    ///
    /// If the disk fails; then nothing has changed.
    pub fn record_cycle(
        &self,
        cycle: &SyncRecord,
        confirmed: Option<(SnapshotSerial, Timestamp)>,
        holding: &Holding,
    ) -> Result<SyncState, StoreError> {
        self.written(|| self.write_cycle((cycle, confirmed, holding), None))
    }

    /// The same, where an entry of the fleet's log says so.
    ///
    /// # Errors
    ///
    /// As [`Store::record_cycle`], and if the entry is not the next.
    pub fn follow_cycle(&self, fact: &CycleFact, advance: &Advance) -> Result<SyncState, StoreError> {
        self.written(|| self.write_cycle((&fact.cycle, fact.confirmed, &fact.holding), Some(advance)))
    }

    fn write_cycle(
        &self,
        (cycle, confirmed, holding): (&SyncRecord, Option<(SnapshotSerial, Timestamp)>, &Holding),
        advance: Option<&Advance>,
    ) -> Result<SyncState, StoreError> {
        let transaction = self.begin_write()?;
        let previous_state = self.sync_state(&transaction)?;
        let mut confirmed = confirmed;
        let mut mended = None;
        if let Some((snapshot, at)) = &mut confirmed {
            let before = previous_state.confirmed.filter(|(serial, _)| *serial == *snapshot).map(|(_, at)| at);
            mended = mend(&transaction, before, *at, cycle.at)?.map(|mended| (mended, *at));
            // A clock that was set back takes no confirmation away.
            let late = mended.is_some_and(|(mended, _)| mended.snapshots > 0);
            *at = before.filter(|_| !late).map_or(*at, |before| before.max(*at));
            transaction.open_table(CONFIRMATIONS)?.insert((snapshot.0, at.as_millisecond()), ())?;
        }
        let mut state = after(previous_state, cycle, confirmed);
        state.held = held::write(&transaction, holding)?;
        write_sync_state(&transaction, &state, cycle)?;
        advance.map_or(Ok(()), |advance| self.advance(&transaction, advance))?;
        transaction.commit()?;
        if let Some((mended, to)) = mended {
            mended.tell(to);
        }
        Ok(state)
    }

    fn sync_state(&self, transaction: &redb::WriteTransaction) -> Result<SyncState, StoreError> {
        let table = transaction.open_table(SYNC_STATE)?;
        let stored = table.get(SYNC_STATE_NOW)?;
        let state = match stored {
            Some(bytes) => codec::decode_sync_state(bytes.value())?,
            None => SyncState::default(),
        };
        Ok(SyncState { sources: sources::stored(transaction)?, ..state })
    }

    fn write_filings(
        &self,
        transaction: &redb::WriteTransaction,
        snapshot: &Snapshot,
        delta: &Delta,
    ) -> Result<(), StoreError> {
        let mut filings = transaction.open_table(FILINGS)?;
        let written = delta
            .listed
            .iter()
            .copied()
            .chain(delta.amended.iter().chain(&delta.reinstated).map(|(number, _)| *number));
        for filing in written.filter_map(|number| snapshot.filing(number)) {
            filings.insert(filing.number().value(), codec::encode_filing(filing)?.as_slice())?;
        }
        for filing in &delta.removed {
            filings.remove(filing.number().value())?;
        }
        Ok(())
    }

    fn write_changes(
        &self,
        transaction: &redb::WriteTransaction,
        snapshot: &Snapshot,
        delta: &Delta,
    ) -> Result<ChangeSerial, StoreError> {
        let mut meta = transaction.open_table(META)?;
        let mut changes = transaction.open_table(CHANGES)?;
        let mut by_filing = transaction.open_table(CHANGES_BY_FILING)?;
        let mut serial = meta.get(META_LAST_CHANGE)?.map_or(0, |value| value.value());
        for (number, frn, kind) in in_order(snapshot, delta) {
            serial += 1;
            let change = Change {
                serial: ChangeSerial(serial),
                snapshot: snapshot.serial,
                observed_at: snapshot.fetched_at,
                number,
                frn,
                kind,
            };
            changes.insert(serial, codec::encode_change(&change)?.as_slice())?;
            by_filing.insert((number.value(), serial), ())?;
        }
        meta.insert(META_LAST_CHANGE, serial)?;
        Ok(ChangeSerial(serial))
    }
}

/// Writes removals that were opened or closed, and the sum of all with them.
pub(super) fn write_removals(
    transaction: &redb::WriteTransaction,
    removals: &[Arc<Removal>],
) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    let mut sum = meta.get(META_REMOVALS_SUM)?.map_or(0, |sum| sum.value());
    let mut removed = transaction.open_table(REMOVALS)?;
    for removal in removals {
        let key = (removal.filing.number().value(), removal.snapshot.0);
        let bytes = codec::encode_removal(removal)?;
        let before = removed.insert(key, bytes.as_slice())?.map_or(0, |old| sums::removal(key, old.value()));
        sum = sum.wrapping_sub(before).wrapping_add(sums::removal(key, &bytes));
    }
    meta.insert(META_REMOVALS_SUM, sum)?;
    Ok(())
}

/// A delta's changes by filing number, whatever their kind.
fn in_order(snapshot: &Snapshot, delta: &Delta) -> Vec<(RmdNumber, Option<crate::domain::Frn>, ChangeKind)> {
    let frn = |number| snapshot.filing(number).and_then(|filing: &Arc<Filing>| filing.frn());
    let mut changes: Vec<_> = delta.listed.iter().map(|number| (*number, frn(*number), ChangeKind::Listed)).collect();
    changes.extend(
        delta.amended.iter().map(|(number, fields)| (*number, frn(*number), ChangeKind::Amended(fields.clone()))),
    );
    changes.extend(
        delta.reinstated.iter().map(|(number, fields)| (*number, frn(*number), ChangeKind::Reinstated(fields.clone()))),
    );
    changes.extend(delta.removed.iter().map(|filing| (filing.number(), filing.frn(), ChangeKind::Removed)));
    changes.sort_by_key(|(number, ..)| *number);
    changes
}

/// Writes how syncing went, and how the cycle left the sources.
fn write_sync_state(
    transaction: &redb::WriteTransaction,
    state: &SyncState,
    cycle: &SyncRecord,
) -> Result<(), StoreError> {
    let bytes = codec::encode_sync_state(state)?;
    transaction.open_table(SYNC_STATE)?.insert(SYNC_STATE_NOW, bytes.as_slice())?;
    sources::write(transaction, cycle)
}

fn after(before: SyncState, cycle: &SyncRecord, confirmed: Option<(SnapshotSerial, Timestamp)>) -> SyncState {
    let success = cycle.outcome.is_success();
    SyncState {
        held: Vec::new(),
        last_contact_at: if cycle.outcome.is_contact() { Some(cycle.at) } else { before.last_contact_at },
        last_success_at: if success { Some(cycle.at) } else { before.last_success_at },
        failures_since: if success { 0 } else { before.failures_since + 1 },
        confirmed: confirmed.or(before.confirmed),
        sources: if cycle.sources.is_empty() { before.sources } else { cycle.sources.clone() },
        last: Some(cycle.clone()),
    }
}
