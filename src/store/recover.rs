//! Going on after the disk has failed: a full disk must not need a restart.
//!
//! Once the disk has refused a read or a write, redb does nothing more with the file until it is opened again. So it is let
//! go and opened again by whoever needs it next. What was committed is in it; whether the commit that failed is, only the
//! file can say.

use std::io::{Error, ErrorKind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use redb::ReadableTable;

use super::open::{builder, check_format, contained_open};
use super::tables::SNAPSHOTS;
use super::{Handle, Store, StoreError};
use crate::domain::SnapshotSerial;

impl Store {
    /// Writes, and keeps in mind if the disk has failed.
    pub(super) fn written<T>(&self, write: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        match write() {
            Err(StoreError::Redb(error)) => {
                self.suspect();
                Err(match *error {
                    redb::Error::Io(source) => StoreError::Disk { path: self.path.clone(), source },
                    other => StoreError::Redb(Box::new(other)),
                })
            }
            written => written,
        }
    }

    /// Keeps in mind that redb may be done with the file.
    pub(super) fn suspect(&self) {
        self.suspect.store(true, Ordering::Release);
    }

    /// Opens the file again if redb is done with it. Waits for those who still have a transaction.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        if !self.suspect.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut open = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        // Another may have been quicker, and not every failure is the disk's.
        let usable = match &*open {
            Handle::ReadWrite(database) => database.try_begin_write().is_ok(),
            Handle::ReadOnly(_) | Handle::Copy(_) => self.read_only().is_none(),
            Handle::LetGo => false,
        };
        if !usable {
            // The lock on the file goes with the database, and one that is held cannot be had a second time.
            let copy = match std::mem::replace(&mut *open, Handle::LetGo) {
                copy @ Handle::Copy(_) => Some(copy),
                _ => None,
            };
            let opened = contained_open(&self.path, || builder().open(&self.path));
            if let (Err(_), Some(_)) = (&opened, self.read_only()) {
                self.suspect.store(false, Ordering::Release);
                *open = match copy {
                    Some(copy) => copy,
                    None => Handle::ReadOnly(contained_open(&self.path, || builder().open_read_only(&self.path))?),
                };
            }
            let database = opened?;
            *self.read_only.lock().unwrap_or_else(PoisonError::into_inner) = None;
            check_format(&self.path, &database)?;
            *open = Handle::ReadWrite(database);
            let path = self.path.display();
            tracing::warn!(%path, "the store {path} was opened again: the disk had failed before");
        }
        self.suspect.store(false, Ordering::Release);
        Ok(())
    }

    /// The serial of the newest snapshot in the file.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn newest_snapshot(&self) -> Result<Option<SnapshotSerial>, StoreError> {
        let transaction = self.begin_read()?;
        let newest = transaction.open_table(SNAPSHOTS)?.last()?.map(|(serial, _)| SnapshotSerial(serial.value()));
        Ok(newest)
    }
}

/// What to do about a journal that cannot be used.
pub(super) fn advice_of_journal(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "make room there",
        _ => "look after the disk and who may write there",
    }
}

/// What to do about a disk that has failed.
pub(super) fn advice(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room there; the next sync goes on by itself, without a restart"
        }
        _ => "look after the disk; the next sync tries again by itself, without a restart",
    }
}
