//! The audit history of records.

use jiff::Timestamp;

use super::{Record, words};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordAction {
    /// It was put on record.
    Added,
    /// It was changed.
    Changed,
    /// It was taken off.
    Removed,
}
words!(RecordAction, "action", Added = "added", Changed = "changed", Removed = "removed");

/// One change of one record, in the audit history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEvent {
    /// Its number: from 1, without gap or repeat.
    pub serial: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why; for an addition or a change, what the record itself says.
    pub why: String,
    /// What became of it.
    pub action: RecordAction,
    /// The record before; nothing if it was added.
    pub before: Option<Record>,
    /// The record after; nothing if it was removed.
    pub after: Option<Record>,
}

impl RecordEvent {
    /// The record, after if there is one.
    pub fn record(&self) -> Option<&Record> {
        self.after.as_ref().or(self.before.as_ref())
    }
}
