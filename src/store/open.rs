//! Opening: what is there, may we have it, and do we know its format.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Builder, Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError, TableHandle};

use super::contained::contained;
use super::directory;
use super::journal::Journal;
use super::tables::{
    ALERT_CHANNELS, ALERT_DEAD, ALERT_EVENTS, ALERT_QUEUE, ALERT_REPORTED, ALERT_TOLD, CHANGES, CHANGES_BY_FILING,
    CONFIRMATIONS, FILINGS, HELD, META, META_FORMAT, META_LAST_CHANGE, META_RECORDS_SUM, META_REMOVALS_SUM,
    META_SCHEDULE_MINUTE, RECORD_EVENTS, RECORDS, REMOVALS, SNAPSHOTS, SOURCES, SYNC_STATE,
};
use super::{FILE_NAME, FLEET_FORMAT, FORMAT, Handle, OLDEST_FORMAT, Store, StoreError, is_damage};

/// What redb may keep in memory. Look-ups never ask the store, so there is nothing to keep warm.
const CACHE_BYTES: usize = 1 << 20;

pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

impl Store {
    /// Opens the store of a state directory for reading and writing, and makes both where they do not exist.
    ///
    /// # Errors
    ///
    /// If the directory or file is not accessible, is held by another process, or is of another format. Nothing is
    /// overwritten.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        let path = state_dir.join(FILE_NAME);
        let (mut store, made) = match Self::open_alone(state_dir) {
            // What was committed can be served all the same.
            Err(StoreError::NotAccessible { source, .. })
                if source.kind() == ErrorKind::ReadOnlyFilesystem && std::fs::metadata(&path).is_ok() =>
            {
                let store = match Self::open_read_only(&path) {
                    Err(StoreError::NeedsRecovery { .. }) => Self::open_copy(&path)?,
                    opened => opened?,
                };
                store.note_read_only(&source);
                (store, false)
            }
            opened => opened?,
        };
        store.journal = Some(Journal::beside(&store.path));
        if store.read_only().is_none() {
            store.settle_at_start(made)?;
        }
        Ok(store)
    }

    /// Makes an empty store where none is, for one whose past is elsewhere: that it is empty is no loss.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn begin_empty(state_dir: &Path) -> Result<(), StoreError> {
        Self::open_alone(state_dir).map(drop)
    }

    /// Opens it without the journal of operators' records. Says whether it was made.
    pub(super) fn open_alone(state_dir: &Path) -> Result<(Self, bool), StoreError> {
        let path = state_dir.join(FILE_NAME);
        let inaccessible = |source| StoreError::NotAccessible { path: path.clone(), source };
        let mut made = false;
        match std::fs::metadata(&path) {
            Ok(_) => directory::refuse_device(&path).map_err(inaccessible)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                directory::make(state_dir).map_err(inaccessible)?;
                create(&path)?;
                made = true;
            }
            Err(error) => return Err(inaccessible(error)),
        }
        // Looked at without the right to write first: opening a file for writing marks it, and a store of another
        // format is left as it is to the last bit. Only one that a crash has left cannot be looked at that way.
        match contained_open(&path, || builder().open_read_only(&path)) {
            Ok(database) => {
                check_format(&path, &database)?;
                // What cannot be served is not opened for writing either.
                let looked_at = Self::new(Handle::ReadOnly(database), path.clone());
                looked_at.load()?;
                looked_at.load_records()?;
                looked_at.walk_record_events()?;
            }
            Err(StoreError::NeedsRecovery { .. }) => {}
            Err(error) => return Err(error),
        }
        let database = contained_open(&path, || builder().open(&path))?;
        clear_made(&path);
        let format = check_format(&path, &database)?;
        let store = Self::new(Handle::ReadWrite(database), path);
        if format < FORMAT {
            store.migrate(format)?;
        }
        Ok((store, made))
    }

    /// Opens an existing store for reading, and changes nothing in it unless a crash has left it to be recovered.
    ///
    /// # Errors
    ///
    /// As [`Store::open`], and if there is no store.
    pub fn open_existing(state_dir: &Path) -> Result<Self, StoreError> {
        let path = state_dir.join(FILE_NAME);
        let inaccessible = |source| StoreError::NotAccessible { path: path.clone(), source };
        match std::fs::metadata(&path) {
            Ok(_) => directory::refuse_device(&path).map_err(inaccessible)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::Missing { path }),
            Err(source) => return Err(inaccessible(source)),
        }
        match Self::open_read_only(&path) {
            // The last writer was killed: what redb must put right needs the right to write.
            Err(StoreError::NeedsRecovery { .. }) => Self::open(state_dir),
            opened => {
                let store = opened?;
                store.look_ahead()?;
                Ok(store)
            }
        }
    }

    fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let database = contained_open(path, || builder().open_read_only(path))?;
        check_format(path, &database)?;
        Self::opened_to_read(Handle::ReadOnly(database), path)
    }

    /// Opens what a crash has left on a disk that can only be read: a copy of it in memory, since redb must write to put it right.
    fn open_copy(path: &Path) -> Result<Self, StoreError> {
        let inaccessible = |source| StoreError::NotAccessible { path: path.to_owned(), source };
        let bytes = std::fs::read(path).map_err(inaccessible)?;
        let backend = InMemoryBackend::new();
        backend.set_len(bytes.len() as u64).map_err(inaccessible)?;
        backend.write(0, &bytes).map_err(inaccessible)?;
        drop(bytes);
        let database = contained_open(path, || builder().create_with_backend(backend))?;
        check_format(path, &database)?;
        Self::opened_to_read(Handle::Copy(database), path)
    }

    fn opened_to_read(handle: Handle, path: &Path) -> Result<Self, StoreError> {
        let store = Self::new(handle, path.to_owned());
        store.set_notice(store.contained_read(|| store.stored_notice())?);
        Ok(store)
    }
}

/// Who may read and write what the store is kept in: its owner. Operators' records are nobody else's business.
pub(super) const FILE_MODE: u32 = 0o600;

/// Where a new store is made.
fn making(path: &Path) -> PathBuf {
    path.with_extension("redb.new")
}

/// Removes the second name of a store whose maker was killed before it could.
fn clear_made(path: &Path) {
    let making = making(path);
    // Of one name only: another process makes a store at this moment, or it is another's file.
    if std::fs::symlink_metadata(&making).is_ok_and(|file| file.is_file() && file.nlink() > 1) {
        let _ = std::fs::remove_file(&making);
    }
}

/// Makes an empty store beside its place and moves it there whole, so that a crash never leaves half a store.
fn create(path: &Path) -> Result<(), StoreError> {
    let inaccessible = |source| StoreError::NotAccessible { path: path.to_owned(), source };
    let making = making(path);
    match std::fs::remove_file(&making) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(inaccessible(error)),
    }
    // A mode of its own, whatever the umask takes away or leaves.
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(&making)
        .and_then(|file| file.set_permissions(Permissions::from_mode(FILE_MODE)).map(|()| file))
        .map_err(inaccessible)?;
    let database = contained_open(&making, || builder().create_with_backend(FileBackend::new(file)?))?;
    lay_out(&database)?;
    drop(database);
    // Not over a store that another process has made meanwhile.
    std::fs::hard_link(&making, path)
        .or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            _ => std::fs::rename(&making, path),
        })
        .map_err(inaccessible)?;
    let _ = std::fs::remove_file(&making);
    directory::sync(directory::of(path)).map_err(inaccessible)
}

/// Makes the tables of an empty store.
pub(super) fn lay_out(database: &Database) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_FORMAT, u64::from(FORMAT))?;
        meta.insert(META_LAST_CHANGE, 0)?;
        meta.insert(META_REMOVALS_SUM, 0)?;
        meta.insert(META_RECORDS_SUM, 0)?;
        // Drawn here, once, so that not all the world asks the FCC at the same minute.
        meta.insert(META_SCHEDULE_MINUTE, rand::random_range(0..60))?;
        transaction.open_table(FILINGS)?;
        transaction.open_table(SNAPSHOTS)?;
        transaction.open_table(REMOVALS)?;
        transaction.open_table(CHANGES)?;
        transaction.open_table(CHANGES_BY_FILING)?;
        transaction.open_table(CONFIRMATIONS)?;
        transaction.open_table(SYNC_STATE)?;
        transaction.open_table(RECORDS)?;
        transaction.open_table(RECORD_EVENTS)?;
        transaction.open_table(HELD)?;
        transaction.open_table(SOURCES)?;
        lay_out_alerts(&transaction)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Makes the tables of alerts.
pub(super) fn lay_out_alerts(transaction: &redb::WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(ALERT_REPORTED)?;
    transaction.open_table(ALERT_EVENTS)?;
    transaction.open_table(ALERT_QUEUE)?;
    transaction.open_table(ALERT_DEAD)?;
    transaction.open_table(ALERT_CHANNELS)?;
    transaction.open_table(ALERT_TOLD)?;
    Ok(())
}

/// redb may panic on a file that something else has altered; that is a damaged store, not the end of the process.
pub(super) fn contained_open<T>(path: &Path, open: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, StoreError> {
    contained(open).map_err(|panicked| damaged(path, panicked.to_string()))?.map_err(|error| describe(path, error))
}

fn damaged(path: &Path, detail: String) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), detail }
}

fn describe(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::RepairAborted => StoreError::NeedsRecovery { path: path.to_owned() },
        DatabaseError::DatabaseAlreadyOpen => StoreError::Held { path: path.to_owned() },
        DatabaseError::Storage(StorageError::Io(source))
            if !matches!(source.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            StoreError::NotAccessible { path: path.to_owned(), source }
        }
        DatabaseError::UpgradeRequired(version) => {
            StoreError::UnknownFormat { path: path.to_owned(), found: format!("redb {version}") }
        }
        other => damaged(path, other.to_string()),
    }
}

/// The file's format, if this version knows it.
pub(super) fn check_format(path: &Path, database: &impl ReadableDatabase) -> Result<u32, StoreError> {
    match contained(|| read_format(path, database)) {
        Ok(Err(StoreError::Redb(error))) if is_damage(&error) => Err(damaged(path, error.to_string())),
        Ok(read) => read,
        Err(panicked) => Err(damaged(path, panicked.to_string())),
    }
}

fn read_format(path: &Path, database: &impl ReadableDatabase) -> Result<u32, StoreError> {
    let unknown = |found: String| StoreError::UnknownFormat { path: path.to_owned(), found };
    let transaction = database.begin_read()?;
    if !transaction.list_tables()?.any(|table| table.name() == META.name()) {
        return Err(unknown("none (it is another program's redb file)".to_owned()));
    }
    let meta = transaction.open_table(META).map_err(|error| unknown(format!("none ({error})")))?;
    match meta.get(META_FORMAT)?.map(|format| format.value()) {
        Some(found) => match u32::try_from(found) {
            Ok(known) if (OLDEST_FORMAT..=FLEET_FORMAT).contains(&known) => Ok(known),
            _ => Err(unknown(found.to_string())),
        },
        None => Err(unknown("none".to_owned())),
    }
}
