//! What the store refuses, and why.

use std::path::PathBuf;

use thiserror::Error;

use super::{CodecError, FLEET_FORMAT, FORMAT, FleetId, Log, OLDEST_FORMAT, recover};

/// Why the store did not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing was ever stored there.
    #[error("there is no store at {}: the daemon (`rmdd serve`) makes it when it first starts, and syncs at once", .path.display())]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// It is of an older format, and no copy could be kept of it as it is.
    #[error("the store {} is of the older format {format}, and the copy of it that is kept before it is brought to format {FORMAT} cannot be written to {}: {detail}. The store is left as it is: make room there, or go back to the version before", .path.display(), .kept.display())]
    NotKept {
        /// The store.
        path: PathBuf,
        /// Where the copy should be.
        kept: PathBuf,
        /// Its format.
        format: u32,
        /// Why it is not there.
        detail: String,
    },
    /// Another process has it open.
    #[error("the store {} is held by another process: a daemon that starts or runs, or a command such as a sync that waits for its second copy. Try again in a moment (see `rmdd status`)", .path.display())]
    Held {
        /// Where.
        path: PathBuf,
    },
    /// The state directory or the file cannot be made, read or written.
    #[error("the store {} cannot be opened: {source}; check that the directory exists and belongs to the user that runs rmdd", .path.display())]
    NotAccessible {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no redb database, or a damaged one.
    #[error("the store {} is damaged or is no rmdd store: {detail}. It was left as it is: put a backup in its place (`rmdd backup` makes them), or start with `rmdd serve --rebuild`, which keeps it aside", .path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What redb says.
        detail: String,
    },
    /// The file is of a layout that this version does not know.
    #[error("the store {} has format {found}, and this version of rmdd knows formats {OLDEST_FORMAT} to {FLEET_FORMAT}. It was left as it is: use the version of rmdd that wrote it, or go back: an upgrade keeps the store as it was before beside it, as rmdd.redb.format-N; or move it aside", .path.display())]
    UnknownFormat {
        /// Where.
        path: PathBuf,
        /// The format in the file, or what stands there instead.
        found: String,
    },
    /// The journal of operators' records is of a layout that this version does not know.
    #[error("the journal of operators' records {} has format {found}, which this version of rmdd does not know. It was left as it is: use the version of rmdd that wrote it", .path.display())]
    UnknownJournal {
        /// Where.
        path: PathBuf,
        /// The format in it.
        found: u32,
    },
    /// The journal of operators' records cannot be read or written.
    #[error("the journal of operators' records {} cannot be used: {source}; {}, then make the change again", .path.display(), recover::advice_of_journal(.source))]
    Journal {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A crash has left it to be put right, which needs the right to write.
    #[error("the store {} was left by a crash and must be put right: run the command as the user that runs rmdd", .path.display())]
    NeedsRecovery {
        /// Where.
        path: PathBuf,
    },
    /// It is open for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// The store moved on while a snapshot was being made from an older state of it.
    #[error("the store holds snapshot {found} where {expected} was expected: another process wrote to it")]
    Conflict {
        /// The serial before the one that was to be written.
        expected: u64,
        /// The serial found.
        found: u64,
    },
    /// It is in a fleet already.
    #[error("the store {} is in a fleet already, {found}", .path.display())]
    InFleet {
        /// Where.
        path: PathBuf,
        /// Which fleet.
        found: FleetId,
    },
    /// It is damaged, and which fleet it is in cannot be read. It was left as it is.
    #[error(
        "the store {} is damaged ({detail}), and whether it is in the fleet of [fleet] cannot be read. It was left as it is. If it \
         is, move it aside and start: the site begins with all that the fleet holds. If it had a past of its own, take [fleet] out, \
         start with --rebuild, stop, put [fleet] back and run `rmdd fleet join --bring-records`",
        .path.display()
    )]
    FleetNotKnown {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// It is in no fleet.
    #[error("the store {} is in no fleet: there is nothing to leave", .path.display())]
    NoFleet {
        /// Where.
        path: PathBuf,
    },
    /// It has a past that is none of the fleet's.
    #[error("the store {} has listings or records of its own: what a fleet holds would take their place. Move it aside first", .path.display())]
    OwnPast {
        /// Where.
        path: PathBuf,
    },
    /// An entry of a fleet's log does not follow the one behind which the store stands.
    #[error("entry {entry} of the fleet's log `{}` does not follow what the store holds{}", .log.as_str(), .found.map_or_else(|| ", which is in no fleet".to_owned(), |found| format!(", which stands behind entry {found}")))]
    NotNext {
        /// The log.
        log: Log,
        /// The entry's index.
        entry: u64,
        /// The store's.
        found: Option<u64>,
    },
    /// An entry of a fleet's log comes to something else here than where it was made. Nothing was written.
    #[error("entry {entry} of the fleet's log `{}` comes to something else here than where it was made: {detail}", .log.as_str())]
    Diverges {
        /// The log.
        log: Log,
        /// The entry's index.
        entry: u64,
        /// What differs.
        detail: String,
    },
    /// The whole state that a fleet gives does not hold together. Nothing was written.
    #[error("the base of the fleet's log `{}` does not hold together: {detail}", .log.as_str())]
    BadBase {
        /// The log.
        log: Log,
        /// What is wrong with it.
        detail: String,
    },
    /// It could not be said to the fleet. Nothing has changed.
    #[error("{detail}")]
    CutOff {
        /// Why.
        detail: String,
    },
    /// It was said to the fleet, and whether that has heard it is not known.
    #[error("{detail}")]
    Unheard {
        /// What happened.
        detail: String,
    },
    /// Another site fetches for the fleet, or nobody does. Nothing has changed.
    #[error("this site does not fetch for the fleet any more: what it fetched is not applied")]
    NotFetcher,
    /// It has a table that a copy would lack.
    #[error("the store has a table `{table}` that this version cannot copy: back it up with the version that wrote it")]
    NotCopied {
        /// Its name.
        table: String,
    },
    /// A record cannot be decoded.
    #[error("a record of the store cannot be read: {0}")]
    Codec(#[from] CodecError),
    /// The disk did not do what redb asked of it: it is full, most likely.
    #[error("the store {} cannot be written: {source}; {}", .path.display(), recover::advice(.source))]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no room for a copy of it.
    #[error("the store is good, and a copy of it cannot be made in {}: {source}; make room there", .directory.display())]
    NoRoomForCopy {
        /// Where the copy was made.
        directory: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The task that worked on it broke off.
    #[error("work on the store was interrupted")]
    Interrupted,
    /// redb failed.
    #[error("the store failed: {0}")]
    Redb(#[from] Box<redb::Error>),
}

macro_rules! from_redb {
    ($($error:ty),+) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        }
    )+};
}
from_redb!(
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::SetDurabilityError,
    redb::CompactionError
);

/// Whether redb says that a file is not what it wrote: nothing else changes the type of a table.
pub(super) fn is_damage(error: &redb::Error) -> bool {
    use redb::Error::{Corrupted, TableIsMultimap, TableIsNotMultimap, TableTypeMismatch, TypeDefinitionChanged};
    matches!(
        error,
        Corrupted(_)
            | TableTypeMismatch { .. }
            | TableIsMultimap(_)
            | TableIsNotMultimap(_)
            | TypeDefinitionChanged { .. }
    )
}
