//! Opening: what is there, may we have it, and do we know its format.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError, ReadableDatabase, StorageError, TableHandle};

use super::tables::{
    CHANGES, CHANGES_BY_FILING, FILINGS, HELD, META, META_FORMAT, META_LAST_CHANGE, META_SCHEDULE_MINUTE,
    RECORD_EVENTS, RECORDS, REMOVALS, SNAPSHOTS, SOURCES, SYNC_STATE,
};
use super::{FILE_NAME, FORMAT, Handle, OLDEST_FORMAT, Store, StoreError};

/// What redb may keep in memory. Look-ups never ask the store, so there is nothing to keep warm.
const CACHE_BYTES: usize = 4 << 20;

fn builder() -> Builder {
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
        let inaccessible = |source| StoreError::NotAccessible { path: path.clone(), source };
        match std::fs::metadata(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                std::fs::create_dir_all(state_dir).map_err(inaccessible)?;
                create(&path)?;
            }
            Err(error) => return Err(inaccessible(error)),
        }
        // Looked at without the right to write first: opening a file for writing marks it, and a store of another
        // format is left as it is to the last bit. Only one that a crash has left cannot be looked at that way.
        match guarded(&path, || builder().open_read_only(&path)) {
            Ok(database) => _ = check_format(&path, &database)?,
            Err(StoreError::NeedsRecovery { .. }) => {}
            Err(error) => return Err(error),
        }
        let database = guarded(&path, || builder().open(&path))?;
        if check_format(&path, &database)? < FORMAT {
            migrate(&database)?;
        }
        Ok(Self { handle: Handle::ReadWrite(database), path })
    }

    /// Opens an existing store for reading, and changes nothing in it unless a crash has left it to be recovered.
    ///
    /// # Errors
    ///
    /// As [`Store::open`], and if there is no store.
    pub fn open_existing(state_dir: &Path) -> Result<Self, StoreError> {
        let path = state_dir.join(FILE_NAME);
        match std::fs::metadata(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::Missing { path }),
            Err(source) => return Err(StoreError::NotAccessible { path, source }),
        }
        let database = match guarded(&path, || builder().open_read_only(&path)) {
            // The last writer was killed: what redb must put right needs the right to write.
            Err(StoreError::NeedsRecovery { .. }) => return Self::open(state_dir),
            opened => opened?,
        };
        check_format(&path, &database)?;
        Ok(Self { handle: Handle::ReadOnly(database), path })
    }
}

/// Makes an empty store beside its place and moves it there whole, so that a crash never leaves half a store.
fn create(path: &Path) -> Result<(), StoreError> {
    let inaccessible = |source| StoreError::NotAccessible { path: path.to_owned(), source };
    let making: PathBuf = path.with_extension("redb.new");
    match std::fs::remove_file(&making) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(inaccessible(error)),
    }
    let database = guarded(&making, || builder().create(&making))?;
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_FORMAT, u64::from(FORMAT))?;
        meta.insert(META_LAST_CHANGE, 0)?;
        // Drawn here, once, so that not all the world asks the FCC at the same minute.
        meta.insert(META_SCHEDULE_MINUTE, rand::random_range(0..60))?;
        transaction.open_table(FILINGS)?;
        transaction.open_table(SNAPSHOTS)?;
        transaction.open_table(REMOVALS)?;
        transaction.open_table(CHANGES)?;
        transaction.open_table(CHANGES_BY_FILING)?;
        transaction.open_table(SYNC_STATE)?;
        transaction.open_table(RECORDS)?;
        transaction.open_table(RECORD_EVENTS)?;
        transaction.open_table(HELD)?;
        transaction.open_table(SOURCES)?;
    }
    transaction.commit()?;
    drop(database);
    // Not over a store that another process has made meanwhile.
    std::fs::hard_link(&making, path)
        .or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            _ => std::fs::rename(&making, path),
        })
        .map_err(inaccessible)?;
    let _ = std::fs::remove_file(&making);
    if let Some(directory) = path.parent() {
        std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(inaccessible)?;
    }
    Ok(())
}

/// Brings an older layout to this one, in one transaction.
fn migrate(database: &Database) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        // From 1 to 2: operators' records have come.
        transaction.open_table(RECORDS)?;
        transaction.open_table(RECORD_EVENTS)?;
        // From 2 to 3: held listings and states of sources.
        transaction.open_table(HELD)?;
        transaction.open_table(SOURCES)?;
        transaction.open_table(META)?.insert(META_FORMAT, u64::from(FORMAT))?;
    }
    transaction.commit()?;
    tracing::info!(format = FORMAT, "the store was brought to format {FORMAT}");
    Ok(())
}

/// redb may panic on a file that something else has altered; that is a damaged store, not the end of the process.
fn guarded<T>(path: &Path, open: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(open))
        .map_err(|_| damaged(path, "redb gave up on it".to_owned()))?
        .map_err(|error| describe(path, error))
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
fn check_format(path: &Path, database: &impl ReadableDatabase) -> Result<u32, StoreError> {
    let unknown = |found: String| StoreError::UnknownFormat { path: path.to_owned(), found };
    let transaction = database.begin_read()?;
    if !transaction.list_tables()?.any(|table| table.name() == META.name()) {
        return Err(unknown("none (it is another program's redb file)".to_owned()));
    }
    let meta = transaction.open_table(META).map_err(|error| unknown(format!("none ({error})")))?;
    match meta.get(META_FORMAT)?.map(|format| format.value()) {
        Some(found) => match u32::try_from(found) {
            Ok(known) if (OLDEST_FORMAT..=FORMAT).contains(&known) => Ok(known),
            _ => Err(unknown(found.to_string())),
        },
        None => Err(unknown("none".to_owned())),
    }
}
