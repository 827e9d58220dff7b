//! Stored times that lie ahead, set right by the sync that shows it.
//!
//! Where the clock was ahead for a while, what was stored then bears times that are still to come. With a listing that is
//! applied or confirmed just now it is known that they were wrong: all of it was there by now. So in the same transaction
//! each of them becomes the time of that listing, which is when it may have been at the latest. Nothing else is changed:
//! the order of snapshots and of changes is that of their serials.

use jiff::{SignedDuration, Timestamp};
use redb::{ReadableTable, WriteTransaction};

use super::tables::{CHANGES, CONFIRMATIONS, META, META_REMOVALS_SUM, REMOVALS, SNAPSHOTS};
use super::{StoreError, codec, first_sights, sums};
use crate::domain::wording::count;
use crate::domain::{EARLIEST, is_ahead};

/// A cycle that waits for a second copy is over so long after its listing was fetched, at most: when a snapshot was applied
/// is no word about the clock before that.
const CYCLE: SignedDuration = SignedDuration::from_hours(24);

/// What was set right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mended {
    /// Records of so many snapshots.
    pub snapshots: u64,
    /// So many changes.
    pub changes: u64,
    /// So many removals.
    pub removals: u64,
    /// So many times at which filings were first seen, of those that were saved from changes that are dropped.
    pub first_sights: u64,
}

impl Mended {
    /// Says so, once it is on disk.
    pub fn tell(self, to: Timestamp) {
        let Self { snapshots, changes, removals, first_sights } = self;
        tracing::warn!(
            snapshots, changes, removals, first_sights, %to,
            "stored times lay ahead of now, told by a clock that was wrong: those of {snapshots} snapshots, {changes} \
             changes, {removals} removals and {first_sights} first sights were set to {to}, when the source gave the \
             listing that shows it",
            snapshots = count(snapshots),
            changes = count(changes),
            removals = count(removals),
            first_sights = count(first_sights)
        );
    }
}

/// Sets times that lie ahead to the time of a listing that came at `to`, in a cycle that is over `by` then. `confirmed` is
/// when the standing snapshot was last confirmed. Nothing is done if none lies ahead.
pub fn mend(
    transaction: &WriteTransaction,
    confirmed: Option<Timestamp>,
    to: Timestamp,
    by: Timestamp,
) -> Result<Option<Mended>, StoreError> {
    let by = by.max(to);
    // A clock that is known to be wrong sets nothing right.
    if to < EARLIEST {
        return Ok(None);
    }
    let ahead = |time| is_ahead(time, by);
    let mut affected = Vec::new();
    // They outlive the snapshots and changes that told them: they may lie ahead where nothing else does.
    let mut mended = Mended { first_sights: first_sights::mend(transaction, to, by)?, ..Mended::default() };
    {
        let mut snapshots = transaction.open_table(SNAPSHOTS)?;
        for entry in snapshots.iter()?.rev() {
            let (serial, bytes) = entry?;
            let record = codec::decode_snapshot(serial.value(), bytes.value())?;
            let late = record.applied_at.duration_since(by) > CYCLE;
            let standing = affected.is_empty() && confirmed.is_some_and(ahead);
            if !standing && !late && !ahead(record.confirmed_at) {
                break;
            }
            affected.push((serial.value(), codec::snapshot_no_later_than(bytes.value(), to)?));
        }
        if affected.is_empty() {
            return Ok((mended.first_sights > 0).then_some(mended));
        }
        for (serial, bytes) in &affected {
            snapshots.insert(serial, bytes.as_slice())?;
            mended.snapshots += 1;
        }
    }
    let first = affected.last().map_or(u64::MAX, |(serial, _)| *serial);
    mended.changes = changes(transaction, first, to)?;
    mended.removals = removals(transaction, to)?;
    transaction
        .open_table(CONFIRMATIONS)?
        .retain_in((first, i64::MIN)..=(u64::MAX, i64::MAX), |(_, at), ()| at <= to.as_millisecond())?;
    Ok(Some(mended))
}

/// Those that came with a snapshot from this one on.
fn changes(transaction: &WriteTransaction, first: u64, to: Timestamp) -> Result<u64, StoreError> {
    let mut table = transaction.open_table(CHANGES)?;
    let mut late = Vec::new();
    for entry in table.iter()?.rev() {
        let (serial, bytes) = entry?;
        let mut change = codec::decode_change(serial.value(), bytes.value())?;
        if change.snapshot.0 < first {
            break;
        }
        if change.observed_at > to {
            change.observed_at = to;
            late.push((serial.value(), codec::encode_change(&change)?));
        }
    }
    for (serial, bytes) in &late {
        table.insert(serial, bytes.as_slice())?;
    }
    Ok(late.len() as u64)
}

fn removals(transaction: &WriteTransaction, to: Timestamp) -> Result<u64, StoreError> {
    let mut table = transaction.open_table(REMOVALS)?;
    let mut late = Vec::new();
    let mut meta = transaction.open_table(META)?;
    let mut sum = meta.get(META_REMOVALS_SUM)?.map_or(0, |sum| sum.value());
    for entry in table.iter()? {
        let (key, bytes) = entry?;
        let key = key.value();
        if let Some(earlier) = codec::decode_removal(key, bytes.value())?.no_later_than(to) {
            let encoded = codec::encode_removal(&earlier)?;
            sum = sum.wrapping_sub(sums::removal(key, bytes.value())).wrapping_add(sums::removal(key, &encoded));
            late.push((key, encoded));
        }
    }
    for (key, bytes) in &late {
        table.insert(key, bytes.as_slice())?;
    }
    meta.insert(META_REMOVALS_SUM, sum)?;
    Ok(late.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{apply, snapshot};
    use super::super::{Holding, Store};
    use crate::domain::{ChangeSerial, Snapshot, SnapshotSerial, SyncOutcome, SyncRecord, SyncTrigger};

    use super::*;

    fn hours(hours: i64) -> Timestamp {
        EARLIEST + SignedDuration::from_hours(hours)
    }

    const YEARS: i64 = 40_000;

    fn at(serial: u64, at: Timestamp, filings: &[(u32, &str)]) -> Snapshot {
        Snapshot { fetched_at: at, confirmed_at: at, ..snapshot(serial, filings) }
    }

    fn confirm(store: &Store, at: Timestamp) {
        let standing = store.load().expect("read").snapshot.expect("one");
        let outcome = SyncOutcome::Unchanged { serial: standing.serial, filings: 0 };
        let (source, trigger) = ("a test".to_owned(), SyncTrigger::Schedule);
        let record = SyncRecord { at, trigger, source, outcome, passed_over: Vec::new(), sources: Vec::new() };
        store.record_cycle(&record, Some((standing.serial, at)), &Holding::Nothing).expect("recorded");
    }

    /// One filing goes in the second snapshot and comes back in the third, both by a clock that is years ahead.
    fn ahead(directory: &std::path::Path) -> Store {
        let store = Store::open(directory).expect("made");
        apply(&store, &at(1, hours(1), &[(10, "Ten"), (20, "Twenty")])).expect("committed");
        confirm(&store, hours(2));
        apply(&store, &at(2, hours(YEARS), &[(10, "Ten")])).expect("committed");
        apply(&store, &at(3, hours(YEARS + 1), &[(10, "Ten"), (20, "Twenty")])).expect("committed");
        confirm(&store, hours(YEARS + 2));
        store
    }

    /// Every time that is stored of the listing, the newest of each kind.
    fn newest(store: &Store) -> Vec<Timestamp> {
        let loaded = store.load().expect("read");
        let records = store.snapshot_records().expect("read");
        let mut times: Vec<_> = records.iter().flat_map(|r| [r.fetched_at, r.confirmed_at, r.applied_at]).collect();
        for removal in loaded.removals.newest_first() {
            times.extend([removal.last_seen_at, removal.first_missing_at]);
            times.extend(removal.reinstated_at);
        }
        times.extend(store.changes_after(ChangeSerial(0), 99).expect("read").iter().map(|change| change.observed_at));
        times.extend(loaded.sync_state.confirmed.map(|(_, at)| at));
        times.extend(loaded.snapshot.map(|snapshot| snapshot.confirmed_at));
        times
    }

    fn check(store: &Store, now: Timestamp) {
        assert!(newest(store).iter().all(|time| *time <= now), "{:?}", newest(store));
        let loaded = store.load().expect("read");
        let removal = loaded.removals.newest_first().next().expect("one").clone();
        assert_eq!((removal.last_seen_at, removal.first_missing_at), (hours(2), now));
        assert_eq!(removal.reinstated_at, Some(now));
        assert_eq!(store.verify().expect("checked").faults, Vec::<String>::new());
        let serial =
            |at| store.snapshot_at(at).expect("read").then().map(|then| (then.record.serial.0, then.confirmed_at));
        assert_eq!(serial(hours(3)), Some((1, hours(2))), "what was before is as it was");
        assert_eq!(serial(now).expect("one").1, now);
    }

    #[test]
    fn a_confirmation_sets_right_what_lies_ahead() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = ahead(directory.path());
        confirm(&store, hours(9));
        check(&store, hours(9));
        confirm(&store, hours(10));
        assert_eq!(store.snapshot_at(hours(9)).expect("read").then().expect("one").confirmed_at, hours(9));
        drop(store);
        assert!(Store::open(directory.path()).is_ok(), "its sums are those of what stands there now");
    }

    #[test]
    fn a_snapshot_sets_right_what_lies_ahead() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = ahead(directory.path());
        apply(&store, &at(4, hours(9), &[(10, "Ten, renamed"), (20, "Twenty")])).expect("committed");
        check(&store, hours(9));
        assert_eq!(store.snapshot_at(hours(9)).expect("read").then().expect("one").record.serial, SnapshotSerial(4));
    }

    /// Puts a time into the table of first sights, as it was saved when the change that told it was dropped.
    fn save_sight(store: &Store, number: u32, at: Timestamp) {
        let transaction = store.begin_write().expect("begun");
        let mut table = transaction.open_table(super::super::tables::FIRST_SIGHTS).expect("opened");
        table.insert(number, at.as_millisecond()).expect("inserted");
        drop(table);
        transaction.commit().expect("committed");
    }

    fn first_seen(store: &Store, number: u32) -> Option<Timestamp> {
        let number = crate::domain::RmdNumber::from_value(number).expect("a number");
        store.load().expect("read").removals.first_sights().of(number)
    }

    #[test]
    fn first_sights_that_outlived_their_changes_are_set_right_too() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = ahead(directory.path());
        save_sight(&store, 30, hours(YEARS));
        save_sight(&store, 40, hours(3));
        confirm(&store, hours(9));
        assert_eq!((first_seen(&store, 30), first_seen(&store, 40)), (Some(hours(9)), Some(hours(3))));
        check(&store, hours(9));
        // Nothing else lies ahead any more.
        save_sight(&store, 50, hours(YEARS));
        confirm(&store, Timestamp::UNIX_EPOCH);
        assert_eq!(first_seen(&store, 50), Some(hours(YEARS)), "1970 sets nothing right");
        confirm(&store, hours(10));
        assert_eq!((first_seen(&store, 50), first_seen(&store, 30)), (Some(hours(10)), Some(hours(9))));
        save_sight(&store, 60, hours(YEARS));
        apply(&store, &at(4, hours(11), &[(10, "Ten"), (20, "Twenty")])).expect("committed");
        assert_eq!(first_seen(&store, 60), Some(hours(11)));
    }

    #[test]
    fn a_time_that_lies_ahead_by_the_clocks_tolerance_or_of_a_clock_that_is_wrong_itself_changes_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = ahead(directory.path());
        let before = newest(&store);
        confirm(&store, Timestamp::UNIX_EPOCH);
        assert_eq!(newest(&store).iter().max(), before.iter().max(), "1970 sets nothing right");
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("made");
        apply(&store, &at(1, hours(1), &[(10, "Ten")])).expect("committed");
        let back = hours(1) - SignedDuration::from_secs(30);
        confirm(&store, back);
        let record = store.snapshot_records().expect("read").remove(0);
        assert_eq!((record.fetched_at, record.confirmed_at), (hours(1), hours(1)));
    }

    #[test]
    fn a_clock_that_leapt_between_a_fetch_and_its_commit_hides_no_snapshot_for_years() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("made");
        let outcome = SyncOutcome::Unchanged { serial: SnapshotSerial::FIRST, filings: 0 };
        let (source, trigger) = ("a test".to_owned(), SyncTrigger::Schedule);
        let (passed_over, sources) = (Vec::new(), Vec::new());
        let late = SyncRecord { at: hours(YEARS), trigger, source, outcome, passed_over, sources };
        store.commit(&at(1, hours(1), &[]), None, &[], &late).expect("committed");
        assert!(store.snapshot_at(hours(5)).expect("read").then().is_none());
        confirm(&store, hours(6));
        assert_eq!(
            store.snapshot_at(hours(6)).expect("read").then().expect("one").record.serial,
            SnapshotSerial::FIRST
        );
    }
}
