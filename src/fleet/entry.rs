//! An entry of a log: written behind a position, and read back with the digests that lead to the head.

use jiff::Timestamp;
use prost::Message;

use super::blob::{Blob, BlobName};
use super::wire::{Bad, decode, digest, log_from_wire, log_to_wire, time, v1};
use super::{Fault, entry_of, format};
use crate::domain::Sha256Digest;
use crate::store::{Advance, Log, Position};

/// A payload with more bytes than this goes into a blob.
pub(crate) const MOST_INLINE: usize = 64 << 10;

/// Who writes an entry, when, and in which format.
#[derive(Debug, Clone)]
pub struct Author {
    /// Its site.
    pub site: String,
    /// Its version of rmdd.
    pub version: String,
    /// Drawn for this entry, to find it again by.
    pub id: [u8; 16],
    /// The time by its clock. The entry is no earlier than the one before.
    pub at: Timestamp,
    /// That of the head behind which it is appended.
    pub format: u32,
}

/// An entry that was not appended yet.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where a store stands that has applied it.
    pub position: Position,
    /// What must be there before it is.
    pub blob: Option<Blob>,
}

/// Writes the entry that follows a position.
///
/// # Errors
///
/// If what it says is too large for a fleet.
pub fn write(log: Log, after: &Position, payload: Vec<u8>, author: Author) -> Result<Written, Fault> {
    let index = after.index + 1;
    let blob = match payload.len() {
        0..=MOST_INLINE => None,
        _ => Some(Blob::pack(&entry_of(log, index), &payload)?),
    };
    let payload = match &blob {
        None => v1::entry::Payload::Inline(format::turned(author.format, payload)),
        Some(blob) => v1::entry::Payload::Blob(blob.name.to_wire()),
    };
    let at = author.at.max(after.at);
    let entry = v1::Entry {
        format: author.format,
        log: log_to_wire(log),
        index,
        id: author.id.to_vec(),
        before_sha256: after.sha256.0.to_vec(),
        site: author.site,
        version: author.version,
        at_ms: at.as_millisecond(),
        payload: Some(payload),
    };
    let bytes = entry.encode_to_vec();
    let sha256 = Sha256Digest::of(&bytes);
    Ok(Written { bytes, position: Position { index, sha256, at }, blob })
}

/// An entry that is what the head vouches for.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The log.
    pub log: Log,
    /// By what its writer finds it.
    pub id: [u8; 16],
    /// Who wrote it.
    pub site: String,
    /// The writer's version of rmdd.
    pub version: String,
    /// The entry before.
    pub before: Sha256Digest,
    /// Where a store stands that has applied it.
    pub position: Position,
    /// What it says, or where that is.
    pub payload: Payload,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// These bytes.
    Inline(Vec<u8>),
    /// Those of a blob.
    Blob(BlobName),
}

impl Entry {
    /// What a store that applies it writes of where it stands.
    pub fn advance(&self) -> Advance {
        Advance { log: self.log, from: self.before, to: self.position }
    }

    /// Its name in sentences.
    pub fn name(&self) -> String {
        entry_of(self.log, self.position.index)
    }

    /// What bytes say that stand in the place of an entry. Whether they belong there, the digests tell.
    fn read(log: Log, index: u64, bytes: &[u8]) -> Result<Self, Fault> {
        let what = entry_of(log, index);
        let of = |bad| Fault::of(&what, bad);
        let wire: v1::Entry = decode(bytes).map_err(of)?;
        format::check(&what, wire.format)?;
        let found = log_from_wire(wire.log).map_err(of)?;
        if (found, wire.index) != (log, index) {
            return Err(Fault::damaged(&what, format!("it is {}", entry_of(found, wire.index))));
        }
        let id = wire.id.try_into().map_err(|_| Fault::damaged(&what, "its ID is not 16 bytes"))?;
        let sha256 = Sha256Digest::of(bytes);
        let payload = match wire.payload {
            Some(v1::entry::Payload::Inline(bytes)) => Payload::Inline(format::turned(wire.format, bytes)),
            Some(v1::entry::Payload::Blob(name)) => Payload::Blob(BlobName::from_wire(&name).map_err(of)?),
            None => return Err(of(Bad::Unknown("its payload is of no kind that is known".to_owned()))),
        };
        Ok(Self {
            log,
            id,
            site: wire.site,
            version: wire.version,
            before: digest(&wire.before_sha256).map_err(of)?,
            position: Position { index, sha256, at: time(wire.at_ms).map_err(of)? },
            payload,
        })
    }
}

/// What the bytes of an entry say that it says, whether or not they are what the head vouches for; nothing where that cannot
/// be understood.
pub(crate) fn payload_of(bytes: &[u8]) -> Option<Payload> {
    let wire: v1::Entry = decode(bytes).ok()?;
    format::check("an entry", wire.format).ok()?;
    match wire.payload? {
        v1::entry::Payload::Inline(bytes) => Some(Payload::Inline(format::turned(wire.format, bytes))),
        v1::entry::Payload::Blob(name) => BlobName::from_wire(&name).ok().map(Payload::Blob),
    }
}

/// Which entry bytes say that they follow, whether or not they are what the head vouches for.
pub fn follows(bytes: &[u8]) -> Option<Sha256Digest> {
    let wire: v1::Entry = decode(bytes).ok()?;
    digest(&wire.before_sha256).ok()
}

/// Which site an entry says that it is of, and of when, whether or not it is what the head vouches for.
pub fn written_by(bytes: &[u8]) -> Option<(String, Timestamp)> {
    let wire: v1::Entry = decode(bytes).ok()?;
    Some((wire.site, time(wire.at_ms).ok()?))
}

/// Entries that are what the head vouches for.
#[derive(Debug)]
pub struct Chained {
    /// Those that can be applied, in their order.
    pub entries: Vec<Entry>,
    /// Why not those behind them: the first says something that this version does not know.
    pub then: Option<Fault>,
}

/// The entries that follow a position, of which the last has the digest `end`: that of the head, or what an entry names that
/// comes behind them. All of them are what was written, or none is believed.
///
/// # Errors
///
/// Names one that is not what was written.
pub fn chain(log: Log, after: &Position, entries: &[impl AsRef<[u8]>], end: Sha256Digest) -> Result<Chained, Fault> {
    // Backwards, from what is known: each digest is named by what is known already.
    let mut expected = end;
    let mut chained = Chained { entries: Vec::with_capacity(entries.len()), then: None };
    for (place, bytes) in entries.iter().map(AsRef::as_ref).enumerate().rev() {
        let index = after.index + 1 + place as u64;
        let what = entry_of(log, index);
        if Sha256Digest::of(bytes) != expected {
            return Err(Fault::damaged(&what, "its digest is another"));
        }
        match Entry::read(log, index, bytes) {
            Ok(entry) => {
                expected = entry.before;
                chained.entries.push(entry);
            }
            // What comes before it can be applied all the same.
            Err(fault @ (Fault::Format { .. } | Fault::Unknown { .. })) => {
                let wire: v1::Entry = decode(bytes).map_err(|bad| Fault::of(&what, bad))?;
                expected = digest(&wire.before_sha256).map_err(|bad| Fault::of(&what, bad))?;
                chained = Chained { entries: Vec::new(), then: Some(fault) };
            }
            Err(fault) => return Err(fault),
        }
    }
    chained.entries.reverse();
    if expected != after.sha256 {
        let what = entry_of(log, after.index + 1);
        return Err(Fault::damaged(&what, "it follows another entry than the one before it here"));
    }
    let mut at = after.at;
    for entry in &chained.entries {
        if entry.position.at < at {
            return Err(Fault::damaged(&entry.name(), "its time is before that of the entry before"));
        }
        at = entry.position.at;
    }
    Ok(chained)
}
