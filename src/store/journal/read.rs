//! Reading a journal, whatever has become of it: what is whole from the beginning, and what else can be read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use super::super::directory;
use super::line::{BadLine, Content, Line, NOTHING_BEFORE, Note, decode};
use crate::domain::{RecordEvent, Sha256Digest};

/// An event that was read, and with which others it was written.
#[derive(Debug, Clone)]
pub struct Journaled {
    pub event: RecordEvent,
    pub batch: (u64, u64),
    /// The digest of its line, which covers all before it.
    pub digest: Sha256Digest,
}

/// What a journal holds.
#[derive(Debug, Default)]
pub struct Found {
    /// Events by their serials, wherever their lines stand.
    pub events: BTreeMap<u64, Journaled>,
    /// Notes in their order.
    pub notes: Vec<Note>,
    /// The newest event of those that stand in unbroken lines.
    pub whole_event: u64,
    /// The digest of the last unbroken line.
    pub whole_digest: Option<Sha256Digest>,
    /// How many bytes the unbroken lines take.
    pub whole_bytes: u64,
    /// How many bytes there are.
    pub bytes: u64,
    /// What cannot be read, one sentence a line.
    pub faults: Vec<String>,
    /// A line of a layout that is not known.
    pub unknown_format: Option<u32>,
}

impl Found {
    /// The newest event.
    pub fn last(&self) -> u64 {
        self.events.keys().next_back().copied().unwrap_or_default()
    }
}

/// Reads a journal; nothing if there is none.
pub fn read(path: &Path) -> std::io::Result<Option<Found>> {
    directory::refuse_device(path)?;
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(scan(&bytes))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// No line is longer, but for those of records with thousands of traced calls.
const TAIL: u64 = 64 << 10;

/// The newest event of a journal, by its last line alone: its serial and the digest of that line, which covers all before it.
/// Nothing where the last line is not whole, or is no event's: then all of it has to be read.
pub fn newest(path: &Path) -> std::io::Result<Option<(u64, Sha256Digest)>> {
    directory::refuse_device(path)?;
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let Some(lines) = bytes.strip_suffix(b"\n") else { return Ok(None) };
    let begin = match lines.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => end + 1,
        None if from == 0 => 0,
        None => return Ok(None),
    };
    Ok(match decode(lines.get(begin..).unwrap_or_default()) {
        Ok(Line { content: Content::Event { event, .. }, digest, .. }) => Some((event.serial, digest)),
        _ => None,
    })
}

/// Reads lines. Once one is broken, each that comes behind it stands for itself.
pub fn scan(bytes: &[u8]) -> Found {
    let mut found = Found { bytes: bytes.len() as u64, ..Found::default() };
    let mut before = NOTHING_BEFORE;
    let mut whole = true;
    for (place, piece) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let line = match piece.strip_suffix(b"\n") {
            Some(line) => decode(line),
            None => Err(BadLine::Damaged("it is cut off".to_owned())),
        };
        match line {
            Ok(line) => {
                if whole && line.before != before {
                    whole = false;
                    found.faults.push(format!("line {place} does not follow the line before it"));
                }
                before = line.digest;
                whole &= found.take(line, whole, place);
                if whole {
                    found.whole_bytes += piece.len() as u64;
                    found.whole_digest = Some(before);
                }
            }
            Err(BadLine::UnknownFormat(format)) => {
                found.unknown_format = Some(format);
                whole = false;
                found.faults.push(format!("line {place} has format {format}, which this version does not know"));
            }
            Err(BadLine::Damaged(what)) => {
                whole = false;
                found.faults.push(format!("line {place} cannot be read: {what}"));
            }
        }
    }
    found
}

impl Found {
    /// Takes what a line says. False if it stands where it cannot.
    fn take(&mut self, line: Line, whole: bool, place: usize) -> bool {
        match line.content {
            Content::Note { note, .. } => self.notes.push(note),
            Content::Event { event, batch } => {
                let serial = event.serial;
                if serial <= self.last() && self.events.contains_key(&serial) {
                    self.faults.push(format!("line {place} has event {serial} once more"));
                    return false;
                }
                if whole && serial < self.last() {
                    self.faults.push(format!("line {place} has event {serial} behind a later one"));
                    self.events.insert(serial, Journaled { event: *event, batch, digest: line.digest });
                    return false;
                }
                if whole {
                    self.whole_event = serial;
                }
                self.events.insert(serial, Journaled { event: *event, batch, digest: line.digest });
            }
        }
        true
    }
}
