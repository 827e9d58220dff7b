//! One line of the journal: an event or a note, under a checksum of its own, with the digest of the line before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::codec::{self, CodecError};
use crate::domain::{RecordEvent, Sha256Digest};

/// The layout of lines that this version reads and writes.
pub const FORMAT: u32 = 1;

/// What the first line names as the digest of the line before it.
pub const NOTHING_BEFORE: Sha256Digest = Sha256Digest([0; 32]);

/// What is put between a line's text and its digest.
const DIGEST: &[u8] = b",\"sha256\":\"";
const END: &[u8] = b"\"}";

/// What a line that is no event says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Note {
    /// The journal begins here.
    Begun {
        /// When.
        at: Timestamp,
    },
    /// Something of the records was lost or mended.
    Damage {
        /// Since when it is known.
        at: Timestamp,
        /// What is lost for good.
        lost: Vec<String>,
        /// What was taken from elsewhere.
        mended: Vec<String>,
        /// What of the past of the listing is not known any more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        past: Vec<String>,
    },
    /// Somebody has seen what was noted up to then.
    Acknowledged {
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
        /// Since when the damage had been known.
        of: Timestamp,
    },
}

/// What stands in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An event, and the first and last serial of those that were written with it, all or none.
    Event { event: Box<RecordEvent>, batch: (u64, u64) },
    /// A note behind the event of this serial.
    Note { after: u64, note: Note },
}

/// A line that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub content: Content,
    /// The digest that it names of the line before.
    pub before: Sha256Digest,
    /// Its own.
    pub digest: Sha256Digest,
}

/// Why a line says nothing.
#[derive(Debug)]
pub enum BadLine {
    /// It is not what was written.
    Damaged(String),
    /// It was written whole, by a version with another layout.
    UnknownFormat(u32),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    serial: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<(u64, u64)>,
    before: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<Note>,
}

/// A line's bytes with its end, and its digest.
pub fn encode(content: &Content, before: Sha256Digest) -> Result<(Vec<u8>, Sha256Digest), CodecError> {
    let (serial, batch, event, note) = match content {
        Content::Event { event, batch } => {
            (event.serial, Some(*batch), Some(codec::record_event_to_json(event)?), None)
        }
        Content::Note { after, note } => (*after, None, None, Some(note.clone())),
    };
    let stored = Stored { format: FORMAT, serial, batch, before: before.to_string(), event, note };
    let mut bytes = serde_json::to_vec(&stored).map_err(|error| codec::invalid("journal of records", error))?;
    // Its digest stands within the object, behind all that it covers.
    bytes.pop();
    let digest = Sha256Digest::of(&bytes);
    bytes.extend_from_slice(DIGEST);
    bytes.extend_from_slice(digest.to_string().as_bytes());
    bytes.extend_from_slice(END);
    bytes.push(b'\n');
    Ok((bytes, digest))
}

/// Reads a line without its end.
pub fn decode(bytes: &[u8]) -> Result<Line, BadLine> {
    let damaged = |what: &str| BadLine::Damaged(what.to_owned());
    let tail = DIGEST.len() + 64 + END.len();
    let body = bytes.len().checked_sub(tail).map(|length| bytes.split_at(length));
    let (body, tail) = body.ok_or_else(|| damaged("it is cut off"))?;
    let digest = tail.strip_prefix(DIGEST).and_then(|rest| rest.strip_suffix(END));
    let digits = digest.ok_or_else(|| damaged("it has no digest"))?;
    let digest = Sha256Digest::of(body);
    // As it is written, letter by letter: a digit that became a capital one is damage, too.
    if digest.to_string().as_bytes() != digits {
        return Err(damaged("its digest is another"));
    }
    let whole = [body, b"}"].concat();
    // Whole, and of a layout that is not known: it is left alone.
    let line: Value = serde_json::from_slice(&whole).map_err(|_| damaged("it names no format"))?;
    match line.get("format").and_then(Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => return Err(BadLine::UnknownFormat(u32::try_from(format).unwrap_or(u32::MAX))),
        None => return Err(damaged("it names no format")),
    }
    let stored: Stored = serde_json::from_value(line).map_err(|error| BadLine::Damaged(error.to_string()))?;
    let before = stored.before.parse().map_err(BadLine::Damaged)?;
    let content = match (stored.event, stored.note) {
        (Some(event), None) => Content::Event {
            event: Box::new(
                codec::record_event_from_json(stored.serial, event)
                    .map_err(|error| BadLine::Damaged(error.to_string()))?,
            ),
            batch: stored.batch.unwrap_or((stored.serial, stored.serial)),
        },
        (None, Some(note)) => Content::Note { after: stored.serial, note },
        _ => return Err(damaged("it is neither an event nor a note")),
    };
    Ok(Line { content, before, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_any_bit_flipped_is_damaged() {
        let note = Note::Begun { at: Timestamp::UNIX_EPOCH };
        let (mut line, _) = encode(&Content::Note { after: 7, note }, NOTHING_BEFORE).expect("a line");
        assert_eq!(line.pop(), Some(b'\n'));
        assert!(decode(&line).is_ok());
        for bit in 0..line.len() * 8 {
            line[bit / 8] ^= 1 << (bit % 8);
            let read = decode(&line);
            assert!(matches!(read, Err(BadLine::Damaged(_))), "bit {bit}: {read:?}");
            line[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
