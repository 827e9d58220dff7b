//! The store: one redb file that holds what stands, every removal and every change.
//!
//! # What is in it
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | `format`: the version of this layout; `journal`: which line of the journal is that of the newest event of operators' records; `schedule_minute`: drawn once per installation; `last_change`; `history_floor`: the oldest snapshot that history reaches back to, where it is not the first; `began_at`: when the first was fetched, once its record was dropped; `removals_sum`, `records_sum`: see `sums`; `alerts_installation`, `alerts_sequence`, `alerts_cursor`: see `alerts` |
//! | `filings` | filing number | the standing filing |
//! | `snapshots` | snapshot serial | digests, source, times and counts of every snapshot that history reaches back to |
//! | `removals` | filing number, snapshot serial | the removal observed in that snapshot, with the filing as last seen |
//! | `changes` | change serial | what happened to which filing |
//! | `changes_by_filing` | filing number, change serial | nothing: finds a filing's history |
//! | `confirmations` | snapshot serial, milliseconds | nothing: the source published that snapshot again at that time |
//! | `first_sights` | filing number | when it was first seen, where the change that tells it was dropped |
//! | `sync_state` | 0 | the last cycle, the last success, and when the current snapshot was last confirmed |
//! | `held` | digest of the bytes | a listing that was fetched and not applied, and why |
//! | `sync_state` | 1 | the sources that the last cycle passed over, and why |
//! | `sources` | source, without its secrets | its validators and their digest, its last contacts and failures, until when to leave it alone |
//! | `records` | kind, ID | an operator's record: peer, override, order, notice |
//! | `sync_state` | 3 | what was lost of operators' records, or mended, until somebody acknowledges it |
//! | `sync_state` | 4 | of which stretches of the past it is not known which listing stood, where the store was begun again without one |
//! | `alert_reported` | subject | what was last reported of it |
//! | `alert_events` | event sequence | an event, as it is sent |
//! | `alert_queue`, `alert_dead` | channel, event sequence | a delivery that waits, or that was set aside |
//! | `alert_channels` | channel | its last delivery, and since when it fails |
//! | `alert_told` | channel, subject | that it was told of something that is open, and by which message |
//! | `record_events` | event serial | who changed which record, when and why, before and after; never deleted |
//! | `fleet` | `id`, `listing`, `records` | in a fleet alone: which one, and behind which entry of each of its logs the store stands |
//!
//! A snapshot is written in one transaction, together with its changes, its removals and the outcome of its cycle, so
//! a crash leaves the store before it or after it. Nothing but a newer row replaces a row: removals are
//! never deleted, and changes, snapshots' records and confirmations only where an operator has set how long they are kept.
//! Times that lie ahead, because the clock did once, are set right by the next listing that is applied or confirmed (`mend`).
//!
//! Operators' records, which cannot be fetched again, stand a second time in a journal beside the file (`journal`), and what
//! listings no longer show in a copy beside it (`removed`).
//!
//! # Formats
//!
//! This version reads and writes format 4, and for a store in a fleet format 5, which has the table `fleet` besides: versions
//! that know no fleet leave it alone. A store comes to that with its first position in a fleet. Format 3 had no outbox of alerts. Format 1 had no operators' records. Format 2 had no held listings, no states of
//! sources, no digest of a snapshot's export, no time at which it was applied, and no confirmations. Opened for writing,
//! an older store is brought to format 4 by one transaction; read only, it is read as it is.
//!
//! # Errors
//!
//! A file of another format is refused and left as it is. So is one that another process holds. A disk that failed does not
//! end its use: the file is opened again when it is next needed.

mod alerts;
pub mod archive;
mod codec;
mod contained;
mod copy;
pub(crate) mod directory;
mod error;
mod events_ahead;
mod first_sights;
mod gaps;
mod header;
mod held;
mod history;
mod journal;
mod ledger;
mod mend;
mod migrate;
mod open;
pub(crate) mod packing;
mod position;
mod published_records;
mod read;
mod rebuild;
mod records;
mod recover;
pub mod removed;
mod retire;
mod sources;
mod state;
mod sums;
mod tables;
mod verify;
mod write;

use std::io::ErrorKind;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, WriteTransaction};

pub use self::contained::silence_contained_panics;

use self::contained::contained;
use self::error::is_damage;
use crate::domain::Record;

pub use alerts::{
    AlertsKept, AlertsStep, ChannelRecord, EventRecord, Listed as ListedDelivery, NewEvent, Thread, Told, Waiting,
};
pub use codec::CodecError;
pub use error::StoreError;
pub use gaps::{Gap, Without};
pub use held::Holding;
pub use history::{ChangesAsked, ChangesKept, RewindError, SnapshotAt, SnapshotThen, SnapshotsAsked};
pub use journal::{JOURNAL_NAME, RecordsNotice};
pub use ledger::{CycleFact, Ledger, Shared, SnapshotFact};
pub use position::{Advance, FleetId, FleetPosition, Log, Position};
pub use published_records::{ChangeError, PublishedRecords};
pub use read::{Loaded, SyncState};
pub(crate) use rebuild::was_there;
pub use rebuild::{Rebuilt, Retold, rebuild};
pub use retire::{Compacted, Retired};
pub use state::{ListingState, RecordsState, State};
pub(crate) use verify::nameless_file;
pub use verify::{Verified, verify_closed};
pub use write::{Committed, Expected};

/// Operators' records and their events in the shape in which they are exported, which the fleet's logs have too.
pub(crate) mod exported {
    pub use super::codec::{decode_record, decode_record_event, encode_record, encode_record_event};
}

/// The layout that this version reads and writes.
pub const FORMAT: u32 = 4;

/// The layout of a store that is in a fleet.
pub(crate) const FLEET_FORMAT: u32 = 5;

/// The oldest layout that this version opens.
pub(crate) const OLDEST_FORMAT: u32 = 1;

/// The store's file name in the state directory.
pub const FILE_NAME: &str = "rmdd.redb";

enum Handle {
    ReadWrite(Database),
    ReadOnly(ReadOnlyDatabase),
    /// A copy in memory, in which was put right what a crash has left on a disk that can only be read.
    Copy(Database),
    /// The disk has failed, and the file could not be opened again yet.
    LetGo,
}

/// An open store.
pub struct Store {
    /// Held for reading by whoever has a transaction; for writing by what must be alone with the file.
    handle: RwLock<Handle>,
    path: PathBuf,
    /// Which file that was when it was opened: its device and its number there.
    inode: Option<(u64, u64)>,
    /// Whether it was told that another file is in its place, or none.
    told_misplaced: AtomicBool,
    /// What was found wrong with it since it was opened.
    damage: OnceLock<String>,
    /// Whether it may have to be opened again before it can be used.
    suspect: AtomicBool,
    /// Why it can only be read, though it was to be written.
    read_only: Mutex<Option<String>>,
    /// Where operators' records stand a second time; nothing where they are only read.
    journal: Option<journal::Journal>,
    /// Where they are only read: the records as they are with what the journal has besides, and the newest event.
    ahead: OnceLock<(Vec<Record>, u64)>,
    /// What was lost of them, or mended, that nobody has acknowledged.
    notice: Mutex<Option<RecordsNotice>>,
    /// Which of their events lie ahead of the clock.
    event_times: events_ahead::EventTimes,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The file's size in bytes.
    pub fn size(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn new(handle: Handle, path: PathBuf) -> Self {
        Self {
            handle: RwLock::new(handle),
            inode: std::fs::metadata(&path).ok().map(|file| (file.dev(), file.ino())),
            told_misplaced: AtomicBool::new(false),
            path,
            damage: OnceLock::new(),
            suspect: AtomicBool::new(false),
            read_only: Mutex::default(),
            journal: None,
            ahead: OnceLock::new(),
            notice: Mutex::default(),
            event_times: events_ahead::EventTimes::default(),
        }
    }

    /// What was found wrong with the store since it was opened. What is in memory is good all the same; a restart would
    /// find nothing to serve.
    pub fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// What became of the file's name, if it does not lead to the file any more that is open: somebody removed it, moved it or
    /// put another in its place. All that is written goes into a file that nobody finds again.
    pub fn misplaced(&self) -> Option<&'static str> {
        let opened = self.inode?;
        let what = match std::fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == opened => None,
            Ok(_) => Some("another file was put in its place while it was in use"),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Some("its file was removed or moved while it was in use")
            }
            // Whether it is there is not to be seen, which says nothing of it.
            Err(_) => return None,
        };
        let told = self.told_misplaced.swap(what.is_some(), Ordering::AcqRel);
        if let Some(what) = what.filter(|_| !told) {
            let path = self.path.display();
            tracing::error!(%path, what, "the store {path} is not where it was: {what}. Copy it with `rmdd backup` before the daemon ends");
        }
        what
    }

    /// Keeps in mind that something is wrong with the store.
    pub(crate) fn note_damage(&self, what: &str) {
        if self.damage.set(what.to_owned()).is_ok() {
            let path = self.path.display();
            tracing::error!(%path, what, "the store {path} is damaged: {what}. A daemon that has read it goes on answering from memory: run `rmdd verify`");
        }
    }

    /// Reads, and tells damage from other failures. redb may panic on a file that something else has altered; that is a
    /// damaged store, not the end of the daemon.
    fn contained_read<T>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let detail = match contained(read) {
            Ok(Err(StoreError::Codec(error))) => format!("a record cannot be read: {error}"),
            Ok(Err(StoreError::Redb(error))) if is_damage(&error) => error.to_string(),
            Ok(Err(StoreError::Damaged { detail, .. })) => detail,
            Ok(Err(StoreError::Redb(error))) => {
                self.suspect();
                return Err(StoreError::Redb(error));
            }
            Ok(read) => return read,
            Err(panicked) => panicked.to_string(),
        };
        self.note_damage(&detail);
        Err(StoreError::Damaged { path: self.path.clone(), detail })
    }

    /// Why it can only be read, though it was to be written; nothing if it can be written, or was to be read alone.
    pub fn read_only(&self) -> Option<String> {
        self.read_only.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_read_only(&self, why: &std::io::Error) {
        let (path, error) = (self.path.display(), why);
        tracing::error!(%path, %error, "the store {path} can only be read ({error}): what it holds is served");
        *self.read_only.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_string());
    }

    fn handle(&self) -> RwLockReadGuard<'_, Handle> {
        // Nothing is left half done in it by a panic: redb has transactions for that.
        self.handle.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_read(&self) -> Result<Reading<'_>, StoreError> {
        self.recover()?;
        let open = self.handle();
        let transaction = match &*open {
            Handle::ReadWrite(database) | Handle::Copy(database) => database.begin_read()?,
            Handle::ReadOnly(database) => database.begin_read()?,
            Handle::LetGo => return Err(redb::StorageError::PreviousIo.into()),
        };
        Ok(Reading { transaction, _open: open })
    }

    fn begin_write(&self) -> Result<Writing<'_>, StoreError> {
        if self.read_only().is_some() {
            self.suspect();
        }
        self.recover()?;
        let open = self.handle();
        let database = match &*open {
            Handle::ReadWrite(database) => database,
            Handle::ReadOnly(_) | Handle::Copy(_) => return Err(StoreError::ReadOnly),
            Handle::LetGo => return Err(redb::StorageError::PreviousIo.into()),
        };
        let mut transaction = database.begin_write()?;
        // Writes what a recovery would have to compute, so that a start after a crash is as quick as any other.
        transaction.set_quick_repair(true);
        Ok(Writing { transaction, _open: open })
    }
}

/// A read transaction. It ends before the file is let go.
struct Reading<'a> {
    transaction: ReadTransaction,
    _open: RwLockReadGuard<'a, Handle>,
}

impl Deref for Reading<'_> {
    type Target = ReadTransaction;

    fn deref(&self) -> &ReadTransaction {
        &self.transaction
    }
}

/// A write transaction. It ends before the file is let go.
struct Writing<'a> {
    transaction: WriteTransaction,
    _open: RwLockReadGuard<'a, Handle>,
}

impl Writing<'_> {
    fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit()?)
    }
}

impl Deref for Writing<'_> {
    type Target = WriteTransaction;

    fn deref(&self) -> &WriteTransaction {
        &self.transaction
    }
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod maintenance_tests;
#[cfg(test)]
mod rebuild_tests;
#[cfg(test)]
mod tests;
