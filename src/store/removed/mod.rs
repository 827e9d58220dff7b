//! What listings no longer show, a second time: every removal that was ever observed, and since when filings are known, in
//! one file beside the store.
//!
//! A store that is begun again is filled with the listings of the archive, which reach back only so far as those are kept.
//! What went before that is in no listing any more, and answers rest on it: `REMOVED`, the provider behind a number that is
//! gone, and whether an order on record is spent. So it stands in this file, which is written whole, beside its place, synced
//! and moved there, whenever a listing was applied.
//!
//! One line of JSON for the head, one for each removal, one for each first sight; the last line holds the SHA-256 of all
//! bytes before it. A file that is not whole, or of a format of its own, is not used.

mod behind;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::archive::Entry;
use super::codec::to_millisecond;
use super::contained::contained;
use super::open::FILE_MODE;
use super::rebuild::open_damaged;
use super::{FILE_NAME, Gap, Store, StoreError, directory};
use crate::domain::{
    Column, Filing, FilingBuilder, FirstSights, Removal, RemovalHistory, RmdNumber, Sha256Digest, SnapshotSerial,
    read_frn_cell,
};
use crate::listing::rewind::SnapshotRecord;

/// The file's name in the state directory.
pub const REMOVALS_NAME: &str = "removals.jsonl";

/// The layout that this version reads and writes.
const FORMAT: u32 = 1;

/// A larger file is none that rmdd wrote: removals of a hundred years come to a tenth of it.
const MOST_BYTES: u64 = 512 << 20;

/// So many of the newest listings are named in the file, by which it is known whose it is.
const NAMED_LISTINGS: usize = 200;

/// What listings no longer show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The newest snapshot of the store that it is of.
    pub snapshot: SnapshotSerial,
    /// That store's newest listings, the newest first.
    pub listings: Vec<Named>,
    /// The stretches of the past of which that store did not know which listing stood.
    pub gaps: Vec<Gap>,
    /// Every removal, in the order of their observation.
    pub removals: Vec<Arc<Removal>>,
    /// When filings were first seen.
    pub first_sights: FirstSights,
}

/// A listing of the store that the file is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// When it was applied, and when it was fetched. Versions before this did not write it down.
    pub times: Option<(Timestamp, Timestamp)>,
}

/// Why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unusable {
    /// It is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Another version wrote it.
    #[error("it has format {0}, which this version does not know")]
    UnknownFormat(u32),
    /// The disk failed, or it may not be read.
    #[error("it cannot be read: {0}")]
    NotRead(String),
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    snapshot: u64,
    begins: Option<Timestamp>,
    removals: u64,
    first_sights: u64,
    listings: Vec<String>,
    /// Of each of them when it was applied, and when it was fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    times: Vec<(Timestamp, Timestamp)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<Gap>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Removal(Box<RemovalLine>),
    FirstSeen(FirstSeenLine),
}

#[derive(Serialize, Deserialize)]
struct RemovalLine {
    number: String,
    snapshot: u64,
    last_seen_at: Timestamp,
    first_missing_at: Timestamp,
    reinstated_at: Option<Timestamp>,
    /// By the name of their column; those that are empty are left out.
    cells: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    unknown_cells: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct FirstSeenLine {
    number: String,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Seal {
    sha256: String,
}

fn named(record: &SnapshotRecord) -> Named {
    Named { sha256: record.sha256, times: Some((to_millisecond(record.applied_at), to_millisecond(record.fetched_at))) }
}

fn removal_line(removal: &Removal) -> RemovalLine {
    let filing = &removal.filing;
    let cells = Column::ALL.into_iter().map(|column| (column.name(), filing.cell(column)));
    let owned = |(name, cell): (&str, &str)| (name.to_owned(), cell.to_owned());
    RemovalLine {
        number: filing.number().to_string(),
        snapshot: removal.snapshot.0,
        last_seen_at: to_millisecond(removal.last_seen_at),
        first_missing_at: to_millisecond(removal.first_missing_at),
        reinstated_at: removal.reinstated_at.map(to_millisecond),
        cells: cells.filter(|(_, cell)| !cell.is_empty()).map(owned).collect(),
        unknown_cells: filing.unknown_cells().map(owned).collect(),
    }
}

/// Adds a line.
fn push(bytes: &mut Vec<u8>, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *bytes, line)?;
    bytes.push(b'\n');
    Ok(())
}

fn number(text: &str) -> Result<RmdNumber, String> {
    text.parse().map_err(|_| format!("{text:?} is no filing number"))
}

fn filing(line: &RemovalLine) -> Result<Filing, String> {
    let number = number(&line.number)?;
    if let Some(name) = line.cells.keys().find(|name| Column::by_name(name).is_none()) {
        return Err(format!("{name:?} is no column"));
    }
    let cell = |column: Column| line.cells.get(column.name()).map_or("", String::as_str);
    if cell(Column::Number).parse() != Ok(number) {
        return Err(format!("the number of {number} is not that of its cell"));
    }
    let frn = read_frn_cell(cell(Column::Frn)).map_err(|_| format!("the FRN of {number} cannot be read"))?;
    let mut builder = FilingBuilder::new(number, frn, line.cells.values().map(String::len).sum());
    Column::ALL.into_iter().for_each(|column| builder.push(cell(column)));
    line.unknown_cells.iter().for_each(|(column, cell)| builder.push_unknown(column, cell));
    Ok(builder.finish())
}

impl Removed {
    /// What a store knows of it, where its newest snapshot is this one.
    ///
    /// # Errors
    ///
    /// If its snapshots cannot be read.
    pub fn of(store: &Store, snapshot: SnapshotSerial, history: &RemovalHistory) -> Result<Self, StoreError> {
        let records = store.snapshot_records()?;
        let mut removals: Vec<_> = history.newest_first().cloned().collect();
        removals.reverse();
        Ok(Self {
            snapshot,
            listings: records.iter().rev().take(NAMED_LISTINGS).map(named).collect(),
            gaps: store.gaps()?,
            removals,
            first_sights: history.first_sights().clone(),
        })
    }

    /// What can be read of it in a damaged store; nothing if not all of it can.
    pub fn of_damaged(path: &Path) -> Option<Self> {
        let read = contained(|| {
            let (store, _) = open_damaged(path)?;
            let loaded = store.load()?;
            loaded.snapshot.map(|snapshot| Self::of(&store, snapshot.serial, &loaded.removals)).transpose()
        });
        read.ok()?.ok()?
    }

    /// Whether the store that it is of held one of these listings.
    pub fn names_one_of(&self, mut listings: impl Iterator<Item = Sha256Digest>) -> bool {
        listings.any(|sha256| self.listings.iter().any(|named| named.sha256 == sha256))
    }

    fn encode(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(1024 * self.removals.len() + (1 << 16));
        let head = Head {
            format: FORMAT,
            snapshot: self.snapshot.0,
            begins: self.first_sights.begins().map(to_millisecond),
            removals: self.removals.len() as u64,
            first_sights: self.first_sights.later().count() as u64,
            listings: self.listings.iter().map(|named| named.sha256.to_string()).collect(),
            times: self.listings.iter().filter_map(|named| named.times).collect(),
            gaps: self.gaps.clone(),
        };
        push(&mut bytes, &head)?;
        for removal in &self.removals {
            push(&mut bytes, &Line::Removal(Box::new(removal_line(removal))))?;
        }
        for (number, at) in self.first_sights.later() {
            let line = FirstSeenLine { number: number.to_string(), at: to_millisecond(at) };
            push(&mut bytes, &Line::FirstSeen(line))?;
        }
        let seal = Seal { sha256: Sha256Digest::of(&bytes).to_string() };
        push(&mut bytes, &seal)?;
        Ok(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Unusable> {
        let bad = |detail: String| Unusable::Damaged(detail);
        let invalid = |error: serde_json::Error| Unusable::Damaged(error.to_string());
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let Format { format } = serde_json::from_slice(first).map_err(invalid)?;
        if format != FORMAT {
            return Err(Unusable::UnknownFormat(format));
        }
        let sealed = lines.next_back().unwrap_or_default();
        let Seal { sha256 } = serde_json::from_slice(sealed).map_err(|_| bad("its end is missing".to_owned()))?;
        let before = bytes.get(..bytes.len() - sealed.len()).unwrap_or_default();
        if !sealed.ends_with(b"\n") || sha256.parse() != Ok(Sha256Digest::of(before)) {
            return Err(bad("its digest is another".to_owned()));
        }
        let head: Head = serde_json::from_slice(first).map_err(invalid)?;
        let mut removed = Self {
            snapshot: SnapshotSerial(head.snapshot),
            listings: Vec::new(),
            gaps: head.gaps.clone(),
            removals: Vec::new(),
            first_sights: head.begins.map(FirstSights::since).unwrap_or_default(),
        };
        if !head.times.is_empty() && head.times.len() != head.listings.len() {
            return Err(bad("its head has more or fewer times than listings".to_owned()));
        }
        for (place, listing) in head.listings.iter().enumerate() {
            let sha256 = listing.parse().map_err(|_| bad(format!("{listing:?} is no digest")))?;
            removed.listings.push(Named { sha256, times: head.times.get(place).copied() });
        }
        for line in lines {
            match serde_json::from_slice(line).map_err(invalid)? {
                Line::Removal(line) => removed.removals.push(Arc::new(Removal {
                    filing: Arc::new(filing(&line).map_err(bad)?),
                    last_seen_at: line.last_seen_at,
                    first_missing_at: line.first_missing_at,
                    snapshot: SnapshotSerial(line.snapshot),
                    reinstated_at: line.reinstated_at,
                })),
                Line::FirstSeen(line) => removed.first_sights.add(number(&line.number).map_err(bad)?, line.at),
            }
        }
        let found = (removed.removals.len() as u64, removed.first_sights.later().count() as u64);
        if found != (head.removals, head.first_sights) {
            return Err(bad("it has more or fewer lines than its head says".to_owned()));
        }
        Ok(removed)
    }
}

/// Where the file of a state directory is.
fn place(state_dir: &Path) -> PathBuf {
    state_dir.join(REMOVALS_NAME)
}

fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, Unusable> {
    let failed = |error: io::Error| Unusable::NotRead(error.to_string());
    directory::refuse_device(path).map_err(failed)?;
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Unusable::Damaged("it is larger than any that rmdd writes".to_owned()));
    }
    Ok(Some(bytes))
}

/// Reads the file of a state directory; nothing if there is none.
///
/// # Errors
///
/// If it cannot be used.
pub fn read(state_dir: &Path) -> Result<Option<Removed>, Unusable> {
    read_bytes(&place(state_dir))?.map(|bytes| Removed::decode(&bytes)).transpose()
}

/// Writes the file of a state directory, if it does not say that already. One that is damaged, or that knows of more than is
/// written now, is kept under another name. Returns whether it was written.
///
/// # Errors
///
/// If the disk fails. What was there is there still, under one of its names.
pub fn write(state_dir: &Path, removed: &Removed, now: Timestamp) -> io::Result<bool> {
    let (path, bytes) = (place(state_dir), removed.encode()?);
    let kept = match read_bytes(&path) {
        Ok(None) => None,
        Ok(Some(there)) if there == bytes => return Ok(false),
        Ok(Some(there)) => match Removed::decode(&there) {
            Ok(there) if there.snapshot > removed.snapshot || there.removals.len() > removed.removals.len() => {
                Some(("other", "it knows of more removals than the store, or is of another".to_owned()))
            }
            Ok(_) => None,
            Err(error @ Unusable::UnknownFormat(_)) => Some(("other", error.to_string())),
            Err(error) => Some(("damaged", error.to_string())),
        },
        Err(Unusable::NotRead(error)) => return Err(io::Error::other(error)),
        Err(error) => Some(("damaged", error.to_string())),
    };
    let making = path.with_extension("jsonl.new");
    make(&making, &bytes).inspect_err(|_| {
        // On a full disk half of it would take the room that others need.
        let _ = fs::remove_file(&making);
    })?;
    if let Some((how, why)) = kept {
        let aside = state_dir.join(format!("{REMOVALS_NAME}.{how}-{}", now.strftime("%Y%m%dT%H%M%SZ")));
        fs::rename(&path, &aside)?;
        let aside = aside.display();
        tracing::warn!(%aside, "the copy of removals {} is written anew from the store: {why}; it is kept as {aside}", path.display());
    }
    fs::rename(&making, &path)?;
    directory::sync(state_dir)?;
    Ok(true)
}

/// Writes a new file and waits until the disk has it.
fn make(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What is known of the time before the archive, where a store is begun again.
#[derive(Debug)]
pub struct Past {
    /// What there is; nothing if none of it can be used.
    pub removed: Option<Removed>,
    /// Where it was found.
    pub from: &'static str,
    /// What of it cannot be used, one sentence each.
    pub lost: Vec<String>,
    /// That there was none.
    pub without: Option<String>,
}

/// What is known of the time before the archive, which holds these listings: by the copy, or by the damaged store, if that is
/// newer and can be read.
pub fn past(state_dir: &Path, archived: &[Entry]) -> Past {
    const LOSS: &str = "removals that are older than the archive are not known any more, and what is on record by numbers that \
                        went before may lead to no provider";
    let (mut lost, mut copied) = (Vec::new(), None);
    let mut passed_over =
        |why: &str| lost.push(format!("the copy of removals {REMOVALS_NAME} is not used, {why}: {LOSS}"));
    match read(state_dir) {
        Err(error) => passed_over(&error.to_string()),
        Ok(Some(_)) if archived.is_empty() => passed_over("since the archive holds no listing to which it belongs"),
        Ok(Some(read)) if !read.names_one_of(archived.iter().map(|entry| entry.sha256)) => {
            passed_over("since it names no listing of the archive: it is of another store");
        }
        Ok(read) => copied = read,
    }
    let stored = Removed::of_damaged(&state_dir.join(FILE_NAME));
    let newer = |stored: &Removed| copied.as_ref().is_none_or(|copied| copied.snapshot < stored.snapshot);
    if let Some(stored) = stored.filter(newer) {
        return Past { removed: Some(stored), from: "the damaged store", lost: Vec::new(), without: None };
    }
    let none = copied.is_none() && lost.is_empty();
    let without = none.then(|| format!("there is no copy of removals ({REMOVALS_NAME}): {LOSS}"));
    Past { removed: copied, from: REMOVALS_NAME, lost, without }
}

/// Removes what a killed process left half written. Only while nobody else writes: at a start.
pub fn sweep(state_dir: &Path) {
    // It only takes room.
    let _ = fs::remove_file(place(state_dir).with_extension("jsonl.new"));
}

#[cfg(test)]
mod tests;
