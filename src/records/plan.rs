//! A change of records, planned whole on what is on record: all of it, or nothing.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use thiserror::Error;

use super::{Records, fields};
use crate::domain::wording::moment_in;
use crate::domain::{BadField, Record, RecordAction, RecordEvent, RecordKind};

/// A change that an operator asks for.
#[derive(Debug, Clone)]
pub enum Change {
    /// Put records in.
    Put {
        /// Which. Where one has a revision, it must be the one on record.
        records: Vec<Record>,
        /// Whether a record that says something else may be replaced.
        replace: bool,
        /// Who asks.
        by: String,
    },
    /// Take records off.
    Remove {
        /// Of which kind.
        kind: RecordKind,
        /// Which.
        ids: Vec<String>,
        /// Who asks.
        by: String,
        /// Why.
        why: String,
    },
}

/// An entry of a batch that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEntry {
    /// Its place in the batch, from 0.
    pub place: usize,
    /// What it is.
    pub what: String,
    /// What is wrong with it.
    pub bad: BadField,
}

impl fmt::Display for BadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} ({}), {}", self.place + 1, self.what, self.bad)
    }
}

/// So many bad entries are named.
const NAMED: usize = 5;

/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Entries that cannot be taken.
    #[error("nothing was changed, because of {} bad {}: {}{}", .0.len(), if .0.len() == 1 { "entry" } else { "entries" }, .0.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join("; "), if .0.len() > NAMED { "; ..." } else { "" })]
    BadEntries(Vec<BadEntry>),
    /// Something that is to be taken off is not on record.
    #[error("nothing was changed: no {kind} {id:?} is on record (`rmdd {} list` shows them)", .kind.plural())]
    NotOnRecord {
        /// Its kind.
        kind: RecordKind,
        /// Its ID.
        id: String,
    },
    /// A record was changed by somebody else since it was read.
    #[error("nothing was changed: {kind} {id:?} was changed by somebody else meanwhile; look at it again")]
    ChangedMeanwhile {
        /// Its kind.
        kind: RecordKind,
        /// Its ID.
        id: String,
    },
    /// Nobody says who asks.
    #[error("nothing was changed: say who asks for it (by)")]
    Nobody,
}

/// The events that make the change, numbered on from what is on record. Entries that are on record already make none.
///
/// # Errors
///
/// If any part of it cannot be made.
pub fn plan(current: &Records, change: Change, now: Timestamp) -> Result<Vec<RecordEvent>, PlanError> {
    let mut events = match change {
        Change::Put { by, .. } | Change::Remove { by, .. } if by.trim().is_empty() => return Err(PlanError::Nobody),
        Change::Put { records, replace, by } => put(current, records, replace, &by, now)?,
        Change::Remove { kind, ids, by, why } => remove(current, kind, ids, &by, &why, now)?,
    };
    for (event, serial) in events.iter_mut().zip(current.last_event() + 1..) {
        event.serial = serial;
        if let Some(after) = &mut event.after {
            after.revision = serial;
        }
    }
    Ok(events)
}

fn put(
    current: &Records,
    records: Vec<Record>,
    replace: bool,
    by: &str,
    now: Timestamp,
) -> Result<Vec<RecordEvent>, PlanError> {
    let mut bad = Vec::new();
    let mut seen: BTreeMap<(RecordKind, String), Record> = BTreeMap::new();
    let mut events = Vec::new();
    for (place, mut record) in records.into_iter().enumerate() {
        let kind = record.kind();
        let before = current.get(kind, &record.id());
        if let Some(before) = before {
            record.write_as(before);
        }
        let folded = (kind, kind.folded(&record.id()));
        if let Some(said) = seen.get(&folded) {
            record.write_as(said);
            record.spell_as(said);
        }
        let id = record.id();
        // It was put on record while the clock was ahead: that is no fault of whoever changes it now.
        if record.at > now && before.is_some_and(|before| before.at == record.at) {
            record.at = now;
        }
        let mut refuse = |problem: BadField| bad.push(BadEntry { place, what: format!("{kind} {id}"), bad: problem });
        if let Err(problem) = record.check(now) {
            refuse(problem);
            continue;
        }
        if let Some(said) = seen.get(&folded) {
            if said.says_the_same(&record) {
                continue;
            }
            refuse(BadField::new(fields_of(kind), format!("an earlier entry says something else of the same {kind}")));
            continue;
        }
        seen.insert(folded, record.clone());
        if record.revision != 0 && before.map(|before| before.revision) != Some(record.revision) {
            return Err(PlanError::ChangedMeanwhile { kind, id });
        }
        let action = match before {
            None => RecordAction::Added,
            Some(before) if before.says_the_same(&record) => continue,
            Some(before) if replace || record.revision != 0 || !before.in_force(now) => RecordAction::Changed,
            Some(before) => {
                refuse(on_record_already(before, &record));
                continue;
            }
        };
        let (why, before) = (record.why.clone(), before.map(|before| (**before).clone()));
        events.push(event(action, (by, why, now), before, Some(record)));
    }
    if bad.is_empty() { Ok(events) } else { Err(PlanError::BadEntries(bad)) }
}

/// What happens to one record, by whom, why and when. Its serial comes once all is planned.
fn event(
    action: RecordAction,
    (by, why, at): (&str, String, Timestamp),
    before: Option<Record>,
    after: Option<Record>,
) -> RecordEvent {
    RecordEvent { serial: 0, at, by: by.to_owned(), why, action, before, after }
}

/// That a record would take the place of one that says something else, which nobody asked for.
fn on_record_already(before: &Record, record: &Record) -> BadField {
    let kind = record.kind();
    let problem = match kind {
        RecordKind::Peer if before.provider != record.provider => {
            format!("it is bound to {} already, and not to {} too", before.provider, record.provider)
        }
        _ => format!("this {kind} is on record already and says something else{}", otherwise(before, record)),
    };
    BadField::new(fields_of(kind), format!("{problem}: remove it first, or say --replace"))
}

/// So many fields that differ are told.
const DIFFERENCES: usize = 3;

/// What is on record and what was asked for, where they differ.
fn otherwise(before: &Record, record: &Record) -> String {
    let differ = fields::differences(before, record);
    let quoted = |text: &str| if text.is_empty() { "nothing".to_owned() } else { format!("{:?}", moment_in(text)) };
    let reported: Vec<String> = differ
        .iter()
        .take(DIFFERENCES)
        .map(|(field, before, after)| format!("{field} is {}, not {}", quoted(before), quoted(after)))
        .collect();
    let more = if differ.len() > DIFFERENCES { "; ..." } else { "" };
    if reported.is_empty() { String::new() } else { format!(" ({}{more})", reported.join("; ")) }
}

/// The field by which a record of this kind is known.
fn fields_of(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Peer => "name",
        RecordKind::Override => "provider",
        RecordKind::Order => "document",
        RecordKind::Notice => "id",
    }
}

fn remove(
    current: &Records,
    kind: RecordKind,
    ids: Vec<String>,
    by: &str,
    why: &str,
    now: Timestamp,
) -> Result<Vec<RecordEvent>, PlanError> {
    let mut events: Vec<RecordEvent> = Vec::new();
    for id in ids {
        let before = current.get(kind, &id).ok_or(PlanError::NotOnRecord { kind, id })?;
        let before = (**before).clone();
        if events.iter().any(|event| event.before.as_ref() == Some(&before)) {
            continue;
        }
        events.push(event(RecordAction::Removed, (by, why.to_owned(), now), Some(before), None));
    }
    Ok(events)
}
