//! Beginning again beside a damaged store, or where it is gone: it is kept, and what operators put on record is taken from
//! the journal and saved out of it.
//!
//! Listings can be had again; operators' records cannot. So each event is taken from the journal, and what the journal lacks
//! is looked for on every way that leads to it: from the front and the back of its table, by the keys that its history
//! names, and in the history itself; and what could be read nowhere is said, one sentence for each loss.
//!
//! The new store is made whole in a directory of its own and put in the damaged one's place by one rename, when the damaged
//! one has its other name already: a crash leaves the damaged store or the new one, and never an empty place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use redb::ReadableTable;
use redb::backends::FileBackend;

use super::archive::Archive;
use super::contained::contained;
use super::header::Mended;
use super::journal::{MOST_SENTENCES, fold, gaps, in_neither, read};
use super::open::{builder, contained_open};
use super::records::{replace_records, write_notice};
use super::tables::{META, META_EVENTS_SALVAGED, META_FORMAT, META_RECORDS_SUM, RECORD_EVENTS, RECORDS};
use super::verify::{open_scratch, scratch};
use super::{
    FILE_NAME, FORMAT, FleetId, Gap, Handle, JOURNAL_NAME, RecordsNotice, Store, StoreError, codec, gaps, removed, sums,
};
use super::{directory, header};
use crate::domain::wording::grouped;
use crate::domain::{Record, RecordEvent, RecordKind};

/// A history longer than this is not probed event by event.
const MOST_PROBED: u64 = 1_000_000;

/// What was saved out of a damaged store.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Operators' records.
    pub records: Vec<Record>,
    /// The events of their history.
    pub events: Vec<RecordEvent>,
    /// What could not be read, one sentence for each loss; nothing if all of it was.
    pub lost: Vec<String>,
    /// How many of the events stood in the journal.
    pub journaled: usize,
}

/// A store that was begun again.
#[derive(Debug)]
pub struct Rebuilt {
    /// Where the damaged one is kept; nothing where there was none.
    pub kept: Option<PathBuf>,
    /// What was wrong with it.
    pub faults: Vec<String>,
    /// What was saved out of it.
    pub salvaged: Salvaged,
    /// What there is to tell of the listings that were put into the new one.
    pub retold: Retold,
}

/// What there is to tell of listings that were put into a new store.
#[derive(Debug, Default)]
pub struct Retold {
    /// What of their past was taken from where it still stood, one sentence each.
    pub mended: Vec<String>,
    /// What of it is not known any more, one sentence each.
    pub lost: Vec<String>,
    /// Of which stretches it is not known which listing stood.
    pub gaps: Vec<Gap>,
}

/// Begins a store again if it is damaged, or if it is gone and the archive shows that there was one; a good one is left
/// alone. `refill` puts listings into the new one.
///
/// # Errors
///
/// If another process has the store, if it is of another version of rmdd, or if the new one cannot be written. The old one
/// is in its place then.
///
/// Where it is to be served in a fleet (`in_fleet`), it must be known which one the damaged store is in: one that is in that
/// fleet already would come back with a past of its own.
pub fn rebuild(
    state_dir: &Path,
    in_fleet: bool,
    now: Timestamp,
    refill: impl FnOnce(&Store) -> Result<Retold, StoreError>,
) -> Result<Option<Rebuilt>, StoreError> {
    let path = state_dir.join(FILE_NAME);
    let opened = Store::open_existing(state_dir).and_then(|store| {
        store.load()?;
        store.load_records()?;
        store.verify()
    });
    let faults = match opened {
        Ok(verified) if verified.faults.is_empty() => return Ok(None),
        Ok(verified) => verified.faults,
        Err(StoreError::Missing { .. }) if was_there(state_dir) => vec!["it is missing".to_owned()],
        Err(StoreError::Missing { .. }) => return Ok(None),
        Err(StoreError::Damaged { detail, .. }) => vec![detail],
        // A file without any format is no store of another version.
        Err(StoreError::UnknownFormat { found, .. }) if found.starts_with("none") => {
            vec![format!("its format is {found}")]
        }
        Err(error) => return Err(error),
    };
    let fleet = fleet_of(&path);
    if in_fleet && fleet.is_err() {
        return Err(StoreError::FleetNotKnown { path, detail: faults.join("; ") });
    }
    let mut salvaged = with_journal(&path.with_file_name(JOURNAL_NAME), salvage(&path))?;
    let past = removed::past(state_dir, &Archive::new(state_dir).entries().unwrap_or_default());
    salvaged.lost.extend(past.lost);
    let inaccessible = |source| StoreError::NotAccessible { path: path.clone(), source };
    let making = state_dir.join("rebuild");
    match std::fs::remove_dir_all(&making) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(inaccessible(error)),
        _ => {}
    }
    let retold = {
        // Its journal is the one that is there already.
        let (store, _) = Store::open_alone(&making)?;
        // It stays its fleet's, and has all from there once it can be reached.
        if let Ok(Some(fleet)) = fleet {
            store.found_fleet(fleet)?;
        }
        let mut notice = notice(&faults, &salvaged, now);
        notice.mended.extend(past.without);
        store.restore_records(&salvaged, &notice)?;
        let retold = refill(&store)?;
        store.note_retold(notice, &retold)?;
        retold
    };
    let mut kept = None;
    if path.symlink_metadata().is_ok() {
        let aside = state_dir.join(format!("{FILE_NAME}.damaged-{}", now.strftime("%Y%m%dT%H%M%SZ")));
        if std::fs::hard_link(&path, &aside).is_err() {
            std::fs::rename(&path, &aside).map_err(inaccessible)?;
        }
        kept = Some(aside);
    }
    std::fs::rename(making.join(FILE_NAME), &path).map_err(inaccessible)?;
    directory::sync(state_dir).map_err(inaccessible)?;
    let _ = std::fs::remove_dir(&making);
    Ok(Some(Rebuilt { kept, faults, salvaged, retold }))
}

/// The fleet that a damaged store is in, if it is in one.
///
/// # Errors
///
/// If that cannot be read.
fn fleet_of(path: &Path) -> Result<Option<FleetId>, String> {
    let (store, _) = open_damaged(path).map_err(|error| error.to_string())?;
    let format =
        contained_salvage(|| Ok(store.begin_read()?.open_table(META)?.get(META_FORMAT)?.map(|format| format.value())))?;
    match contained_salvage(|| store.fleet_position())? {
        None if format != Some(u64::from(FORMAT)) => Err("its format is that of a fleet".to_owned()),
        position => Ok(position.map(|position| position.fleet)),
    }
}

/// Whether there was a store once: the archive has listings, or there is a copy of removals, which whoever begins is not to
/// take for nothing.
pub(crate) fn was_there(state_dir: &Path) -> bool {
    let archived = Archive::new(state_dir).entries().is_ok_and(|entries| !entries.is_empty());
    archived || state_dir.join(removed::REMOVALS_NAME).symlink_metadata().is_ok()
}

/// What is told of a store that was begun again, until somebody acknowledges it.
fn notice(faults: &[String], salvaged: &Salvaged, now: Timestamp) -> RecordsNotice {
    let from = match salvaged.journaled {
        0 => "were saved out of it".to_owned(),
        journaled if journaled == salvaged.events.len() => "were taken from the journal".to_owned(),
        journaled => format!("were taken from the journal ({} events) and saved out of it", grouped(journaled)),
    };
    let fault = faults.first().map_or("it was damaged", String::as_str);
    let (records, events) = (grouped(salvaged.records.len()), grouped(salvaged.events.len()));
    let mended = format!(
        "the store was begun again ({fault}): {records} operators' records and {events} events of their history {from}"
    );
    // All of them are in the log.
    let lost = salvaged.lost.iter().take(MOST_SENTENCES).cloned().collect();
    RecordsNotice { at: now, lost, mended: vec![mended], past: Vec::new() }
}

/// What the journal holds, and besides that what was saved out of the store.
fn with_journal(path: &Path, salvaged: Salvaged) -> Result<Salvaged, StoreError> {
    let found = read(path).map_err(|source| StoreError::Journal { path: path.to_owned(), source })?;
    let Some(found) = found else { return Ok(salvaged) };
    if let Some(found) = found.unknown_format {
        return Err(StoreError::UnknownJournal { path: path.to_owned(), found });
    }
    let Salvaged { records, events, lost, .. } = salvaged;
    let was_whole = lost.is_empty();
    let mut merged: BTreeMap<u64, RecordEvent> = events.into_iter().map(|event| (event.serial, event)).collect();
    let journaled = found.events.len();
    merged.extend(found.events.into_iter().map(|(serial, journaled)| (serial, journaled.event)));
    let missing = gaps(&merged, 0);
    let newest = merged.keys().next_back().copied().unwrap_or_default();
    let unheard = records.iter().any(|record| record.revision > newest);
    let mut told = fold(merged.values());
    let mut said = Vec::new();
    if !missing.is_empty() || unheard {
        // What the store itself says of a record counts where its history has a hole.
        for record in records {
            let key = (record.kind(), record.id());
            let newer = told.get(&key).map_or_else(
                || missing.contains(&record.revision) || record.revision > newest,
                |known| known.revision < record.revision,
            );
            if newer {
                told.insert(key, record);
            }
        }
        said = lost;
        if !missing.is_empty() {
            said.push(in_neither(&missing));
        }
    } else if let (false, Some(fault)) = (was_whole, found.faults.first()) {
        said = lost;
        said.push(format!(
            "neither the store nor the journal of operators' records can be read in full (the journal: {fault}): what came \
             behind event {newest}, if anything, is lost"
        ));
    }
    let events = merged.into_values().collect();
    Ok(Salvaged { records: told.into_values().collect(), events, lost: said, journaled })
}

/// Reads what can be read of operators' records in a damaged store. The file itself is not touched.
pub fn salvage(path: &Path) -> Salvaged {
    let mut salvaged = Salvaged::default();
    if path.symlink_metadata().is_err() {
        salvaged
            .lost
            .push("what operators had on record, if anything, is lost with the store, which is missing".to_owned());
        return salvaged;
    }
    let all_lost = |detail: String| format!("no operators' record could be read: {detail}");
    let store = match open_damaged(path) {
        Ok((store, older)) => {
            salvaged.lost.extend(older);
            store
        }
        Err(StoreError::Damaged { detail, .. }) => {
            salvaged.lost.push(all_lost(detail));
            return salvaged;
        }
        Err(error) => {
            salvaged.lost.push(all_lost(error.to_string()));
            return salvaged;
        }
    };
    let events = Events::read(&store);
    let records = StoredRecords::read(&store, &events);
    salvaged.lost.extend(events.lost);
    // By their history; but what their own table says counts more, and where it was read whole, alone.
    let mut reported = fold(events.read.values());
    if records.whole {
        reported = records.read;
    } else {
        let from_history = reported.keys().filter(|key| !records.read.contains_key(*key)).count();
        salvaged.lost.push(format!(
            "the table of operators' records is damaged: {} were read from it and {from_history} taken from their \
             history; check them with `rmdd peers list`, `overrides list`, `orders list` and `notices list`",
            records.read.len()
        ));
        reported.extend(records.read);
    }
    salvaged.lost.extend(records.lost);
    salvaged.records = reported.into_values().collect();
    salvaged.events = events.read.into_values().collect();
    salvaged
}

/// Reads without falling over what it reads.
fn contained_salvage<T>(read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, String> {
    match contained(read) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(panicked) => Err(panicked.to_string()),
    }
}

/// Opens a copy of a damaged store. To read alone needs less of it to be good than to write; only what a crash has left
/// cannot be opened that way. Where its beginning or its length is what is damaged, it is opened by a mended one; then it is said if
/// it may be in an older state.
pub(super) fn open_damaged(path: &Path) -> Result<(Store, Option<String>), StoreError> {
    let copy = scratch(path)?;
    let again = copy.try_clone().map_err(|source| StoreError::NotAccessible { path: path.to_owned(), source })?;
    let handle = match contained_open(path, || builder().open_read_only_with_backend(FileBackend::new(copy)?)) {
        Ok(database) => Handle::ReadOnly(database),
        Err(_) => match open_scratch(path, again) {
            Ok(database) => Handle::ReadWrite(database),
            Err(StoreError::Damaged { detail, .. }) => {
                let damaged = |why| StoreError::Damaged { path: path.to_owned(), detail: format!("{detail}; {why}") };
                let Mended { database, older } = header::open(path).map_err(damaged)?;
                return Ok((Store::new(Handle::ReadOnly(database), path.to_owned()), older));
            }
            Err(error) => return Err(error),
        },
    };
    Ok((Store::new(handle, path.to_owned()), None))
}

#[derive(Default)]
struct Events {
    read: BTreeMap<u64, RecordEvent>,
    lost: Vec<String>,
}

impl Events {
    fn read(store: &Store) -> Self {
        let mut events = Self::default();
        let newest = contained_salvage(|| {
            let table = store.begin_read()?.open_table(RECORD_EVENTS)?;
            Ok(table.last()?.map_or(0, |(serial, _)| serial.value()))
        });
        let newest = match newest {
            Ok(newest) => newest.min(MOST_PROBED),
            // From the front, as far as it goes.
            Err(error) => {
                events.lost.push(format!("the end of the history of operators' records cannot be read: {error}"));
                MOST_PROBED
            }
        };
        let (mut gap, mut misses) = (None, 0);
        for serial in 1..=newest {
            let read = contained_salvage(|| {
                let table = store.begin_read()?.open_table(RECORD_EVENTS)?;
                let bytes = table.get(serial)?.map(|bytes| bytes.value().to_vec());
                Ok(bytes.map(|bytes| codec::decode_record_event(serial, &bytes)).transpose()?)
            });
            if let Ok(Some(event)) = read {
                events.close(&mut gap, serial);
                events.read.insert(serial, event);
                misses = 0;
                continue;
            }
            gap = gap.or(Some(serial));
            misses += 1;
            // Where the end is not known, it is where nothing comes for long.
            if newest == MOST_PROBED && misses > 1000 {
                return events;
            }
        }
        events.close(&mut gap, newest + 1);
        events
    }

    fn close(&mut self, gap: &mut Option<u64>, next: u64) {
        if let Some(from) = gap.take() {
            let which =
                if from + 1 == next { format!("event {from}") } else { format!("events {from} to {}", next - 1) };
            self.lost.push(format!("{which} of the history of operators' records could not be read"));
        }
    }
}

struct StoredRecords {
    read: BTreeMap<(RecordKind, String), Record>,
    whole: bool,
    lost: Vec<String>,
}

impl StoredRecords {
    fn read(store: &Store, events: &Events) -> Self {
        let mut records = Self { read: BTreeMap::new(), whole: true, lost: Vec::new() };
        let mut sum = 0u64;
        for backwards in [false, true] {
            let walked = contained_salvage(|| {
                let table = store.begin_read()?.open_table(RECORDS)?;
                let mut rows = table.iter()?;
                loop {
                    let row = if backwards { rows.next_back() } else { rows.next() };
                    let Some(row) = row else { return Ok(()) };
                    let (key, bytes) = row?;
                    records.take(key.value(), bytes.value());
                    if !backwards {
                        sum = sum.wrapping_add(sums::record(key.value(), bytes.value()));
                    }
                }
            });
            records.whole &= walked.is_ok();
        }
        let recorded = contained_salvage(|| {
            let meta = store.begin_read()?.open_table(META)?;
            Ok(meta.get(META_RECORDS_SUM)?.map(|sum| sum.value()))
        });
        // Before format 3 there was no sum.
        records.whole &= matches!(recorded, Ok(recorded) if recorded.is_none_or(|recorded| recorded == sum));
        if !records.whole {
            for record in events.read.values().filter_map(RecordEvent::record) {
                let (kind, id) = (record.kind().as_str(), record.id());
                let found = contained_salvage(|| {
                    let table = store.begin_read()?.open_table(RECORDS)?;
                    Ok(table.get((kind, id.as_str()))?.map(|bytes| bytes.value().to_vec()))
                });
                if let Ok(Some(bytes)) = found {
                    records.take((kind, &id), &bytes);
                }
            }
        }
        records
    }

    fn take(&mut self, (kind, id): (&str, &str), bytes: &[u8]) {
        match codec::decode_record(kind, bytes) {
            Ok(record) => _ = self.read.insert((record.kind(), record.id()), record),
            Err(error) => {
                let lost = format!("the {kind} {id} could not be read: {error}");
                if !self.lost.contains(&lost) {
                    self.lost.push(lost);
                }
                self.whole = false;
            }
        }
    }
}

impl Store {
    /// Adds to what is told of a store that was begun again what there is to tell of its listings.
    fn note_retold(&self, notice: RecordsNotice, retold: &Retold) -> Result<(), StoreError> {
        let at = notice.at;
        let besides = RecordsNotice { at, lost: Vec::new(), mended: retold.mended.clone(), past: retold.lost.clone() };
        let transaction = self.begin_write()?;
        write_notice(&transaction, Some(&notice.and(at, besides)))?;
        gaps::write(&transaction, &retold.gaps)?;
        transaction.commit()
    }

    /// Puts saved records and their events into a new store, under their own numbers.
    fn restore_records(&self, salvaged: &Salvaged, notice: &RecordsNotice) -> Result<(), StoreError> {
        let transaction = self.begin_write()?;
        {
            let sum = replace_records(&transaction, salvaged.records.iter())?;
            write_notice(&transaction, Some(notice))?;
            let mut events = transaction.open_table(RECORD_EVENTS)?;
            for event in &salvaged.events {
                events.insert(event.serial, codec::encode_record_event(event)?.as_slice())?;
            }
            let revisions = salvaged.records.iter().map(|record| record.revision);
            let newest = revisions.chain(salvaged.events.iter().map(|event| event.serial)).max().unwrap_or_default();
            let mut meta = transaction.open_table(META)?;
            meta.insert(META_RECORDS_SUM, sum)?;
            // No number is given twice, though the event that had it may be lost.
            meta.insert(META_EVENTS_SALVAGED, newest)?;
        }
        transaction.commit()
    }
}
