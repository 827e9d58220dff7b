//! What a good store says of how listings came to be applied, held against what is told of it beside the listings.

use jiff::Timestamp;

use super::applied::key;
use super::{Application, Archive, ArchiveError, BadNote, Entry, Fate, Notes};
use crate::domain::{Anomaly, SnapshotSerial};
use crate::listing::rewind::SnapshotRecord;

/// What is wrong with what is told beside the listings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Untold {
    /// What cannot be read.
    pub bad: Vec<BadNote>,
    /// What the store says, and no file that can be read.
    pub lacking: Vec<Application>,
    /// Listings that the store has applied, and whose files say that they are held: another site of the fleet let them through, or
    /// whoever did was killed before it had written it down.
    pub held: Vec<Entry>,
}

impl Untold {
    /// Whether the store says what a file said that cannot be read any more.
    pub fn is_known(&self, bad: &BadNote) -> bool {
        self.lacking.iter().any(|lacking| bad.key() == Some(lacking.key()))
    }

    /// Whether what is lacking is of a listing whose file says that it is held: nothing has been told of it yet.
    pub fn is_held(&self, lacking: &Application) -> bool {
        self.held.iter().any(|held| held.sha256 == lacking.sha256)
    }

    /// What was lacking, with the file that is in its place, if one is.
    fn bad_of(&self, lacking: &Application) -> Option<&BadNote> {
        self.bad.iter().find(|bad| bad.key() == Some(lacking.key()))
    }
}

/// Why a listing was applied, if not as a matter of course. What is unusual about it, which it shows by itself, counts where it
/// is known that there was more to say.
fn why(record: &SnapshotRecord, unusual: bool) -> Option<Anomaly> {
    let told = |anomaly: &&Anomaly| match anomaly {
        Anomaly::LetThrough { .. } | Anomaly::Corroborated { .. } => true,
        Anomaly::Unusual { .. } => unusual,
        _ => false,
    };
    let person = |anomaly: &&&Anomaly| !matches!(anomaly, Anomaly::Unusual { .. });
    let all: Vec<&Anomaly> = record.anomalies.iter().filter(told).collect();
    all.iter().find(person).or(all.first()).map(|why| (*why).clone())
}

/// The listings whose files say that they are held, and that a store has applied since.
fn still_held(records: &[SnapshotRecord], entries: &[Entry]) -> Vec<Entry> {
    let applied = |entry: &&Entry| {
        let since = |record: &SnapshotRecord| record.sha256 == entry.sha256 && entry.fetched_at <= record.applied_at;
        entry.fate == Fate::Held && records.iter().any(since)
    };
    entries.iter().filter(applied).cloned().collect()
}

/// What a store's snapshots say of listings that the archive holds.
fn expected(records: &[SnapshotRecord], entries: &[Entry], notes: &Notes) -> Vec<Application> {
    let whole = records.first().is_some_and(|first| first.serial == SnapshotSerial::FIRST);
    let mut expected = Vec::new();
    for (place, record) in records.iter().enumerate() {
        let applied = |entry: &&Entry| entry.sha256 == record.sha256 && entry.fate == Fate::Applied;
        // Its file is that of a later time.
        let Some(entry) = entries.iter().find(applied).filter(|entry| entry.fetched_at <= record.applied_at) else {
            continue;
        };
        let bad = notes.bad.iter().any(|bad| bad.key() == Some(key(record.sha256, record.applied_at)));
        let earlier = &records[..place];
        let stood = |earlier: &SnapshotRecord| {
            earlier.sha256 == record.sha256 && earlier.applied_at.as_second() >= entry.fetched_at.as_second()
        };
        let why = why(record, bad);
        // What history does not reach back to any more may have been the first time.
        let long_before = record.fetched_at.duration_since(entry.fetched_at).as_secs() > Application::AT_ONCE;
        let again = earlier.iter().any(stood) || (!whole && why.is_none() && long_before);
        let application = Application {
            sha256: record.sha256,
            fetched_at: record.fetched_at,
            confirmed_at: record.confirmed_at.min(record.applied_at).max(record.fetched_at),
            applied_at: record.applied_at,
            again,
            why,
        };
        expected.extend(Some(application).filter(|application| application.says_more_than(entry.fetched_at)));
    }
    expected
}

impl Archive {
    /// What is wrong with what is told beside the listings, where a good store has these snapshots.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    pub fn untold(&self, records: &[SnapshotRecord]) -> Result<Untold, ArchiveError> {
        Ok(untold(records, &self.entries()?, self.notes()))
    }

    /// Gives files that say of an applied listing that it is held the name of an applied one, writes anew from a good store what is
    /// told beside the listings and cannot be read, or is missing, and gives a digest to what has none. Returns what was wrong.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn tell_anew(&self, records: &[SnapshotRecord]) -> Result<Untold, ArchiveError> {
        let (notes, mut entries) = (self.notes(), self.entries()?);
        let held = still_held(records, &entries);
        for held in &held {
            self.set_applied(held)?;
        }
        if !held.is_empty() {
            entries = self.entries()?;
        }
        let sealed = seal(records, &entries, &notes);
        let untold = Untold { held, ..untold(records, &entries, notes) };
        for application in untold.lacking.iter().chain(&sealed) {
            self.write(application)?;
        }
        Ok(untold)
    }

    /// What to say of it, one sentence each, for whoever checks.
    pub fn describe(&self, untold: &Untold) -> Vec<String> {
        let mut said = Vec::new();
        for BadNote { path, why, .. } in untold.bad.iter().filter(|bad| !untold.is_known(bad)) {
            said.push(format!(
                "what is told of how an archived listing came to be applied, {}, is damaged ({why}), and the store does not say \
                 it either: move it away; a store that is begun again asks the copy of removals",
                path.display()
            ));
        }
        for held in &untold.held {
            said.push(format!(
                "the archived listing {} was applied, and the name of its file says that it is held: the daemon puts that right when \
                 it starts, and after each sync",
                held.path.display()
            ));
        }
        for lacking in &untold.lacking {
            let (place, bad) = (self.note_place(lacking), untold.bad_of(lacking));
            let wrong = bad.map_or_else(|| "is missing".to_owned(), |bad| format!("is damaged ({})", bad.why));
            said.push(format!(
                "what is told of how an archived listing came to be applied, {}, {wrong}: the daemon writes it anew from the \
                 store when it starts, and after each sync",
                place.display()
            ));
        }
        said
    }
}

/// What is to be written in the place of what has no digest, and may have been altered: what the store says of it. What it knows
/// nothing of stays as it is.
fn seal(records: &[SnapshotRecord], entries: &[Entry], notes: &Notes) -> Vec<Application> {
    if notes.unsealed.is_empty() {
        return Vec::new();
    }
    let expected = expected(records, entries, notes);
    let stored = |read: &Application| {
        let is_it = |record: &SnapshotRecord| key(record.sha256, record.applied_at) == read.key();
        records.iter().any(is_it).then(|| read.clone())
    };
    let told = |read: &Application| match expected.iter().find(|expected| expected.key() == read.key()) {
        Some(expected) => {
            Some(Application { why: expected.why.clone().or_else(|| read.why.clone()), ..expected.clone() })
        }
        None => stored(read),
    };
    notes.unsealed.iter().filter_map(told).collect()
}

fn untold(records: &[SnapshotRecord], entries: &[Entry], notes: Notes) -> Untold {
    let mut lacking = expected(records, entries, &notes);
    let mut strays: Vec<&Application> = Vec::new();
    for read in &notes.read {
        match lacking.iter().position(|lacking| lacking.key() == read.key()) {
            Some(place) => drop(lacking.remove(place)),
            None => strays.push(read),
        }
    }
    // One that bears another time, which a clock that was ahead had told, tells of one that the store knows.
    let oldest = records.first().map_or(Timestamp::MAX, |record| record.applied_at);
    for stray in strays.into_iter().filter(|stray| stray.applied_at >= oldest) {
        if let Some(place) = lacking.iter().position(|lacking| lacking.sha256 == stray.sha256) {
            lacking.remove(place);
        }
    }
    Untold { bad: notes.bad, lacking, held: still_held(records, entries) }
}
