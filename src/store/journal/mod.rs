//! The journal of operators' records: what cannot be fetched again stands in two places.
//!
//! `records.jsonl` beside the store has a line of JSON for each event of operators' records, in their order, and is only
//! ever appended to. Ordinary tools read it (`jq .event records.jsonl`):
//!
//! ```text
//! {"format":1,"serial":7,"batch":[7,8],"before":"<64 hex>","event":{"at":...,"by":...,"after":{...}},"sha256":"<64 hex>"}
//! ```
//!
//! `sha256` is that of the line's bytes before `,"sha256":`; `before` is the `sha256` of the line before, and zeros in the
//! first; `batch` names the first and last event of one change, which is made whole or not at all. A line with a `note` in
//! place of an event says when the journal was begun, what was lost or mended, and who has acknowledged that.
//!
//! # Order
//!
//! A change is appended and synced, then committed to the store, then acknowledged to whoever made it. If the commit fails,
//! the lines are cut off again. So after a crash the journal holds what the store holds, or one change more, whole or in
//! part: a whole one is completed in the store at the next start, a part is cut off. Whatever else differs is damage. Then
//! each is mended from the other, by its serial, and that is told: in the log, and by an alarm that stays until somebody
//! acknowledges it.
//!
//! # Errors
//!
//! A journal that cannot be read or written keeps nobody from being answered: it is an alarm, and records cannot be changed
//! until it can.

mod file;
mod line;
mod read;
mod settle;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rebuild::was_there;
use super::{Advance, Store, StoreError};
use crate::domain::{RecordEvent, Sha256Digest};
use file::{Mark, Open};
use line::{Content, Note};
use read::newest;
pub(super) use read::{Found, read};
pub(super) use settle::{ById, Plan, Stored, apply, fold, gaps, in_neither, mark, serials};
use settle::{Rewrite, When, batched, plan};

/// The journal's file name in the state directory.
pub const JOURNAL_NAME: &str = "records.jsonl";

/// So many sentences are kept of what was lost, and of what was mended.
pub(super) const MOST_SENTENCES: usize = 20;

/// What was lost of operators' records or of the past, or mended, until somebody acknowledges it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsNotice {
    /// Since when it is known.
    pub at: Timestamp,
    /// What is lost for good, one sentence each.
    pub lost: Vec<String>,
    /// What was taken from where it still stood, one sentence each.
    pub mended: Vec<String>,
    /// What of the past of the listing is not known any more, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<String>,
}

/// The journal of an open store.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Nothing where it has to be compared with the store before it can be appended to.
    open: Mutex<Option<Open>>,
    /// Why it cannot be used.
    fault: Mutex<Option<String>>,
}

impl Journal {
    pub(super) fn beside(store: &Path) -> Self {
        Self { path: store.with_file_name(JOURNAL_NAME), open: Mutex::default(), fault: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        // Whatever a panic has left is compared with the file before it is used.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_fault(&self, fault: Option<String>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Appends lines to what is open. Returns the digest of the last, and where the journal stood before. Where it fails
    /// nothing is added.
    fn append(&self, open: &mut Option<Open>, contents: &[Content]) -> Result<(Sha256Digest, Mark), StoreError> {
        let Some(journaled) = open else { return Err(self.failed(std::io::Error::other("it is not open"))) };
        let before = journaled.mark();
        match journaled.append(contents) {
            Ok(digest) => {
                // A disk that was full has room again.
                self.note_fault(None);
                Ok((digest, before))
            }
            Err(source) => {
                back(open, before);
                Err(self.failed(source))
            }
        }
    }

    fn failed(&self, source: std::io::Error) -> StoreError {
        let error = StoreError::Journal { path: self.path.clone(), source };
        self.note_fault(Some(error.to_string()));
        error
    }
}

/// The time, in whole milliseconds: when a damage was found. No decision rests on it.
#[allow(clippy::disallowed_methods, reason = "observe stands above the store, and every opening would have to be told")]
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

impl Store {
    /// Keeps records from being changed while it is held.
    pub(super) fn journal_lock(&self) -> Option<impl Drop + '_> {
        self.journal.as_ref().map(Journal::open)
    }

    /// Why the journal of operators' records cannot be used, if it cannot.
    pub fn journal_fault(&self) -> Option<String> {
        let journal = self.journal.as_ref()?;
        journal.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was lost of operators' records, or mended, that nobody has acknowledged.
    pub fn records_notice(&self) -> Option<RecordsNotice> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_notice(&self, notice: Option<RecordsNotice>) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = notice;
    }

    /// What a start for writing would make of the records, where this one only reads: those that the journal has besides
    /// count as they would there. Nothing is written.
    pub(super) fn look_ahead(&self) -> Result<(), StoreError> {
        let path = self.path.with_file_name(JOURNAL_NAME);
        // Where the journal ends as the store remembers it, it has nothing besides. What else there may be is for the daemon,
        // and for `rmdd verify`: both may have a hundred thousand events, and a command is to answer at once.
        if let Ok(Some(newest)) = newest(&path)
            && self.remembers(newest)?
        {
            return Ok(());
        }
        // A journal that cannot be read is for the daemon to tell.
        let Ok(Some(found)) = read(&path) else { return Ok(()) };
        let last = found.last();
        let stored = self.stored_records()?;
        let plan = plan(&stored, Some(found), When::Start { made: false, before: false }, now());
        if let Some(records) = plan.records {
            let _ = self.ahead.set((records.into_values().collect(), last.max(stored.last)));
        }
        self.set_notice(plan.notice);
        Ok(())
    }

    /// Compares store and journal at a start, and mends each from the other. A disk that fails at the journal keeps nobody
    /// from starting.
    pub(super) fn settle_at_start(&self, made: bool) -> Result<(), StoreError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let state_dir = self.path.parent().unwrap_or(Path::new("."));
        let before = made && was_there(state_dir);
        let mut open = journal.open();
        file::sweep(&journal.path);
        match self.settle(journal, &mut open, When::Start { made, before }) {
            Err(StoreError::Journal { path, source }) => {
                let (path, error) = (path.display(), source);
                tracing::error!(%path, %error, "the journal of operators' records {path} cannot be used: {error}");
                Ok(())
            }
            settled => settled,
        }
    }

    /// Compares store and journal while the store is in use: what the store holds is good, and the journal follows it.
    ///
    /// # Errors
    ///
    /// If either cannot be read or written.
    pub fn mend_journal(&self) -> Result<(), StoreError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        self.settle(journal, &mut journal.open(), When::Running)
    }

    /// Tries again a journal that could not be used, without a change to wait for. Nothing is done where it can be.
    ///
    /// # Errors
    ///
    /// If it still cannot be used.
    pub fn retry_journal(&self) -> Result<(), StoreError> {
        let Some(journal) = self.journal.as_ref().filter(|_| self.journal_fault().is_some()) else { return Ok(()) };
        let mut open = journal.open();
        file::try_room(&journal.path).map_err(|source| journal.failed(source))?;
        self.settle(journal, &mut open, When::Running)?;
        tracing::info!("the journal of operators' records can be written again");
        Ok(())
    }

    /// The journal, for whoever puts other records into the store and has it follow; nothing where there is none.
    pub(super) fn journal_open(&self) -> Option<MutexGuard<'_, Option<Open>>> {
        self.journal.as_ref().map(Journal::open)
    }

    /// Writes the journal anew from records that came from elsewhere, whole. What it had that these have not is kept beside.
    /// A journal that cannot be written is an alarm, and follows with the next change.
    pub(super) fn journal_follows(&self, open: &mut Option<Open>) -> Result<(), StoreError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        *open = None;
        match self.write_from_store(journal, open) {
            Err(StoreError::Journal { path, source }) => {
                let (path, error) = (path.display(), source);
                tracing::error!(%path, %error, "the journal of operators' records {path} cannot be used: {error}");
                Ok(())
            }
            written => written,
        }
    }

    fn write_from_store(&self, journal: &Journal, open: &mut Option<Open>) -> Result<(), StoreError> {
        let found = read(&journal.path).map_err(|source| journal.failed(source))?.unwrap_or_default();
        let stored = self.stored_records()?;
        let lacking =
            |(serial, journaled): (&u64, &read::Journaled)| stored.events.get(serial) != Some(&journaled.event);
        let kept = !found.faults.is_empty() || found.unknown_format.is_some() || found.events.iter().any(lacking);
        let plan = Plan {
            events: batched(&stored.events),
            add: Vec::new(),
            records: None,
            rewrite: if kept { Rewrite::KeptAs("before-base") } else { Rewrite::Anew },
            notice: stored.notice.clone(),
            news: false,
            said: Vec::new(),
        };
        let (opened, mark) = self.write_journal(journal, &plan, now())?;
        *open = Some(opened);
        journal.note_fault(None);
        self.take_over(&stored, &plan, mark.unwrap_or(NO_EVENT)).inspect_err(|_| *open = None)
    }

    /// Gives events other times, and the records that they made with them: in the journal, of which the one that was there is
    /// kept, and then in the store. Returns how many. A crash between the two is made up for at the next start.
    pub(super) fn rewrite_records(
        &self,
        times: &dyn Fn(&Stored) -> BTreeMap<u64, Timestamp>,
    ) -> Result<usize, StoreError> {
        let Some(journal) = &self.journal else { return Err(StoreError::ReadOnly) };
        let mut open = journal.open();
        self.make_ready(journal, &mut open)?;
        let stored = self.stored_records()?;
        let times = times(&stored);
        if times.is_empty() {
            return Ok(0);
        }
        let found = read(&journal.path).map_err(|source| journal.failed(source))?.unwrap_or_default();
        let batch = |serial: u64| found.events.get(&serial).map_or((serial, serial), |journaled| journaled.batch);
        let mut dated = stored.clone();
        dated.date(&times);
        let plan = Plan {
            // Whatever has a record in it that such an event made, too.
            add: dated
                .events
                .values()
                .filter(|event| stored.events.get(&event.serial) != Some(event))
                .cloned()
                .collect(),
            events: dated.events.into_iter().map(|(serial, event)| (serial, (event, batch(serial)))).collect(),
            records: Some(dated.records),
            rewrite: Rewrite::KeptAs("clock-ahead"),
            notice: stored.notice.clone(),
            news: false,
            said: Vec::new(),
        };
        *open = None;
        let (opened, mark) = self.write_journal(journal, &plan, now())?;
        *open = Some(opened);
        journal.note_fault(None);
        self.take_over(&stored, &plan, mark.unwrap_or(NO_EVENT)).inspect_err(|_| *open = None)?;
        Ok(times.len())
    }

    fn settle(&self, journal: &Journal, open: &mut Option<Open>, when: When) -> Result<(), StoreError> {
        *open = None;
        let found = read(&journal.path).map_err(|source| journal.failed(source))?;
        if let Some(format) = found.as_ref().and_then(|found| found.unknown_format) {
            return Err(StoreError::UnknownJournal { path: journal.path.clone(), found: format });
        }
        let whole = found.as_ref().and_then(|found| Some((found.whole_bytes, found.whole_digest?)));
        let kept_digest = found.as_ref().and_then(|found| Some(found.events.last_key_value()?.1.digest));
        let stored = self.stored_records()?;
        let now = now();
        let plan = plan(&stored, found, when, now);
        let last_mark = match (plan.rewrite, whole) {
            (Rewrite::No | Rewrite::Cut, Some((length, digest))) => {
                let mut opened = Open::at(&journal.path, length, digest).map_err(|source| journal.failed(source))?;
                if let Some(notice) = plan.notice.as_ref().filter(|_| plan.news) {
                    let note = Content::Note { after: stored.last, note: notice.as_note() };
                    opened.append(&[note]).map_err(|source| journal.failed(source))?;
                }
                *open = Some(opened);
                kept_digest.map(mark)
            }
            _ => {
                let (opened, mark) = self.write_journal(journal, &plan, now)?;
                *open = Some(opened);
                mark
            }
        };
        journal.note_fault(None);
        self.take_over(&stored, &plan, last_mark.unwrap_or(NO_EVENT)).inspect_err(|_| *open = None)?;
        plan.tell();
        self.set_notice(plan.notice);
        Ok(())
    }

    fn write_journal(&self, journal: &Journal, plan: &Plan, now: Timestamp) -> Result<(Open, Option<u64>), StoreError> {
        let mut contents = vec![Content::Note { after: 0, note: Note::Begun { at: now } }];
        let events = plan.events.values().cloned();
        contents.extend(events.map(|(event, batch)| Content::Event { event: Box::new(event), batch }));
        let last = contents.len() - 1;
        let after = plan.events.keys().next_back().copied().unwrap_or_default();
        contents.extend(plan.notice.iter().map(|notice| Content::Note { after, note: notice.as_note() }));
        let kept = match plan.rewrite {
            Rewrite::KeptAs(what) => {
                let time = now.strftime("%Y%m%dT%H%M%S%3fZ");
                Some(journal.path.with_file_name(format!("{JOURNAL_NAME}.{what}-{time}")))
            }
            _ => None,
        };
        let (open, digests) =
            Open::anew(&journal.path, &contents, kept.as_deref()).map_err(|source| journal.failed(source))?;
        if let Some(kept) = &kept {
            let kept = kept.display();
            tracing::warn!(%kept, "the journal of operators' records that was there is kept as {kept}");
        }
        Ok((open, digests.get(last).filter(|_| last > 0).map(|digest| mark(*digest))))
    }

    /// Compares store and journal, if that has to be before the journal is appended to.
    fn make_ready(&self, journal: &Journal, open: &mut Option<Open>) -> Result<(), StoreError> {
        match open {
            Some(open) if open.stands() => Ok(()),
            _ => self.settle(journal, open, When::Running),
        }
    }

    /// Appends a change to the journal, then commits it to the store.
    pub(super) fn commit_journaled(
        &self,
        journal: &Journal,
        events: &[RecordEvent],
        advance: Option<&Advance>,
    ) -> Result<(), StoreError> {
        let mut open = journal.open();
        self.make_ready(journal, &mut open)?;
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let found = self.last_event()?;
        if found + 1 != first.serial {
            return Err(StoreError::Conflict { expected: first.serial.saturating_sub(1), found });
        }
        let batch = (first.serial, last.serial);
        let contents: Vec<Content> =
            events.iter().map(|event| Content::Event { event: Box::new(event.clone()), batch }).collect();
        let (digest, before) = journal.append(&mut open, &contents)?;
        match self.written(|| self.write_records(events, Some(mark(digest)), advance)) {
            Ok(()) => Ok(()),
            // A disk that fails at the very end leaves it open whether it did as it was told.
            Err(error) => match self.last_event() {
                Ok(found) if found == last.serial => Ok(()),
                Ok(_) => {
                    back(&mut open, before);
                    Err(error)
                }
                Err(_) => {
                    *open = None;
                    Err(error)
                }
            },
        }
    }

    /// Takes note that somebody knows what was lost or mended. Returns what it was; nothing if there was nothing.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then it stays.
    pub fn acknowledge_records(&self, by: &str, now: Timestamp) -> Result<Option<RecordsNotice>, StoreError> {
        let Some(journal) = &self.journal else { return Err(StoreError::ReadOnly) };
        let mut open = journal.open();
        self.make_ready(journal, &mut open)?;
        let Some(notice) = self.records_notice() else { return Ok(None) };
        let after = self.last_event()?;
        let note = Note::Acknowledged { at: now, by: by.to_owned(), of: notice.at };
        journal.append(&mut open, &[Content::Note { after, note }])?;
        self.written(|| self.forget_notice())?;
        self.set_notice(None);
        Ok(Some(notice))
    }
}

/// What the store remembers of a journal without events.
const NO_EVENT: u64 = 1;

/// Takes back what was appended, or has the journal compared with the store before it is next used.
fn back(open: &mut Option<Open>, to: Mark) {
    if open.as_mut().is_none_or(|open| open.back_to(to).is_err()) {
        *open = None;
    }
}

impl RecordsNotice {
    fn as_note(&self) -> Note {
        let Self { at, lost, mended, past } = self.clone();
        Note::Damage { at, lost, mended, past }
    }
}

impl Plan {
    /// Says what was lost, what was mended, and what else there is to say.
    fn tell(&self) {
        for said in &self.said {
            tracing::info!("{said}");
        }
        if let Some(notice) = self.notice.as_ref().filter(|_| self.news) {
            for mended in &notice.mended {
                tracing::warn!(mended, "operators' records were mended: {mended}");
            }
            for lost in &notice.lost {
                tracing::error!(lost, "operators' records are lost: {lost}");
            }
        }
    }
}

#[cfg(test)]
mod tests;
