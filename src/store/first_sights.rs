//! Since when filings are known: read out of the changes that are kept, and saved out of those that are dropped.

use jiff::Timestamp;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::contained::contained;
use super::records::missing_in_older;
use super::tables::{CHANGES, FIRST_SIGHTS, META, META_BEGAN_AT, SNAPSHOTS};
use super::{StoreError, codec};
use crate::domain::wording::count;
use crate::domain::{FirstSights, RmdNumber, SnapshotSerial, is_ahead};

/// Whether a change that listed a filing tells when it was first seen: all but those of the very first listing.
fn reported(bytes: &[u8]) -> Result<Option<(RmdNumber, Timestamp)>, StoreError> {
    let listed = codec::decode_listed(bytes)?;
    Ok(listed.filter(|(snapshot, ..)| *snapshot != SnapshotSerial::FIRST).map(|(_, number, at)| (number, at)))
}

/// What can be read of them. What is served must not be lost because an old change is damaged: a filing whose first sight
/// cannot be read counts as one that was always there, and whoever reads the change itself is told of the damage.
pub fn read(transaction: &ReadTransaction) -> FirstSights {
    let mut sights = FirstSights::default();
    match contained(|| gather(transaction, &mut sights)) {
        Ok(Ok(0)) => {}
        Ok(Ok(unreadable)) => tracing::warn!(
            unreadable,
            "{unreadable} old changes cannot be read: run `rmdd verify`",
            unreadable = count(unreadable)
        ),
        Ok(Err(error)) => tracing::warn!(%error, "since when filings are known cannot be read to its end: {error}"),
        Err(_) => tracing::warn!("since when filings are known cannot be read to its end: redb gave up on it"),
    }
    sights
}

/// Adds what can be read, and says how many changes could not.
fn gather(transaction: &ReadTransaction, sights: &mut FirstSights) -> Result<u64, StoreError> {
    let began = transaction.open_table(META)?.get(META_BEGAN_AT)?.map(|at| at.value());
    let began = began.and_then(|at| i64::try_from(at).ok()).and_then(|at| Timestamp::from_millisecond(at).ok());
    let oldest = transaction
        .open_table(SNAPSHOTS)?
        .first()?
        .map(|(serial, bytes)| codec::decode_snapshot(serial.value(), bytes.value()))
        .transpose()?;
    let Some(began) = began.or(oldest.map(|record| record.fetched_at)) else { return Ok(0) };
    *sights = FirstSights::since(began);
    if let Some(saved) = missing_in_older(transaction.open_table(FIRST_SIGHTS))? {
        for entry in saved.iter()? {
            let (number, at) = entry?;
            if let (Some(number), Ok(at)) =
                (RmdNumber::from_value(number.value()), Timestamp::from_millisecond(at.value()))
            {
                sights.add(number, at);
            }
        }
    }
    let mut unreadable = 0;
    for entry in transaction.open_table(CHANGES)?.iter()? {
        match reported(entry?.1.value()) {
            Ok(Some((number, at))) => sights.add(number, at),
            Ok(None) => {}
            Err(_) => unreadable += 1,
        }
    }
    Ok(unreadable)
}

/// Keeps when the history began, before its first snapshot is dropped.
pub fn save_beginning(transaction: &WriteTransaction, oldest: Timestamp) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    if meta.get(META_BEGAN_AT)?.is_none() {
        meta.insert(META_BEGAN_AT, u64::try_from(oldest.as_millisecond()).unwrap_or_default())?;
    }
    Ok(())
}

/// Keeps what a change tells that is about to be dropped.
pub fn save(transaction: &WriteTransaction, change: &[u8]) -> Result<(), StoreError> {
    if let Some((number, at)) = reported(change)? {
        let mut sights = transaction.open_table(FIRST_SIGHTS)?;
        if sights.get(number.value())?.is_none() {
            sights.insert(number.value(), at.as_millisecond())?;
        }
    }
    Ok(())
}

/// Sets times that lie ahead of `by` to `to`, and so when the history began. How many.
pub fn mend(transaction: &WriteTransaction, to: Timestamp, by: Timestamp) -> Result<u64, StoreError> {
    let mut sights = transaction.open_table(FIRST_SIGHTS)?;
    let is_late = |at: i64| Timestamp::from_millisecond(at).map_or(at > 0, |at| is_ahead(at, by));
    let mut late = Vec::new();
    for entry in sights.iter()? {
        let (number, at) = entry?;
        if is_late(at.value()) {
            late.push(number.value());
        }
    }
    for number in &late {
        sights.insert(number, to.as_millisecond())?;
    }
    let mut meta = transaction.open_table(META)?;
    let began = meta.get(META_BEGAN_AT)?.map(|at| i64::try_from(at.value()).unwrap_or(i64::MAX));
    let began_late = began.is_some_and(is_late);
    if began_late {
        meta.insert(META_BEGAN_AT, u64::try_from(to.as_millisecond()).unwrap_or_default())?;
    }
    Ok(late.len() as u64 + u64::from(began_late))
}
