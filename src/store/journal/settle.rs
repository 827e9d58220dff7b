//! What the store and the journal hold together, and what either lacks. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::line::Note;
use super::read::Found;
use super::{MOST_SENTENCES, RecordsNotice};
use crate::domain::wording::grouped;
use crate::domain::{Record, RecordEvent, RecordKind, Sha256Digest};

/// Records by kind and ID.
pub type ById = BTreeMap<(RecordKind, String), Record>;

/// What the store holds of operators' records.
#[derive(Debug, Default, Clone)]
pub struct Stored {
    pub events: BTreeMap<u64, RecordEvent>,
    pub records: ById,
    /// The newest event that it counts, whether it can be read or not.
    pub last: u64,
    /// Up to this event, some were lost before, and that was told.
    pub known_gaps: u64,
    /// Of the journal's line of the newest event, what [`mark`] makes of its digest; nothing before there was a journal.
    pub mark: Option<u64>,
    pub notice: Option<RecordsNotice>,
}

/// How the two come to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At a start. What the journal holds beyond the store was cut short by a crash, and is completed.
    Start {
        /// There was no store, and an empty one was made.
        made: bool,
        /// There was a store once: listings that it held are in the archive.
        before: bool,
    },
    /// While the store is in use. What the journal holds beyond the store could not be committed, and that was said.
    Running,
}

/// An event, and the first and last of those that were written with it.
pub type Batched = (RecordEvent, (u64, u64));

/// What becomes of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// It stays.
    No,
    /// What stands behind its last unbroken line goes.
    Cut,
    /// It is written anew.
    Anew,
    /// It is written anew, and the one that was there is kept under a name that says so.
    KeptAs(&'static str),
}

/// What is to be done so that both hold all that stood in either.
#[derive(Debug)]
pub struct Plan {
    pub events: BTreeMap<u64, Batched>,
    /// Those that the store lacks, or holds otherwise.
    pub add: Vec<RecordEvent>,
    /// The records, if those of the store are others.
    pub records: Option<ById>,
    pub rewrite: Rewrite,
    /// What is lost, or was mended, and nobody has acknowledged.
    pub notice: Option<RecordsNotice>,
    /// Whether that is new.
    pub news: bool,
    /// What is no more than worth a line in the log.
    pub said: Vec<String>,
}

/// What events make of no records.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a RecordEvent>) -> ById {
    let mut records = ById::new();
    events.into_iter().for_each(|event| apply(&mut records, event));
    records
}

/// What an event makes of records.
pub fn apply(records: &mut ById, event: &RecordEvent) {
    if let Some(before) = &event.before {
        records.remove(&(before.kind(), before.id()));
    }
    if let Some(after) = &event.after {
        records.insert((after.kind(), after.id()), after.clone());
    }
}

/// The part of a digest that the store keeps.
pub fn mark(digest: Sha256Digest) -> u64 {
    digest.0.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Serials in words: `event 7`, `events 7 to 9`, and how many where they have gaps.
pub fn serials(serials: &[u64]) -> String {
    match serials {
        [] => "no event".to_owned(),
        [one] => format!("event {one}"),
        [first, .., last] if last - first + 1 == serials.len() as u64 => format!("events {first} to {last}"),
        [first, .., last] => format!("{} events between {first} and {last}", serials.len()),
    }
}

/// What to say of events that are lost.
pub fn in_neither(missing: &[u64]) -> String {
    format!("{} of operators' records stood neither in the store nor in the journal", serials(missing))
}

/// The serials up to the last that are not there.
pub fn gaps<T>(events: &BTreeMap<u64, T>, from: u64) -> Vec<u64> {
    let last = events.keys().next_back().copied().unwrap_or_default();
    // A serial that was read wrong must not make a list of billions.
    (from + 1..=last).filter(|serial| !events.contains_key(serial)).take(10_000).collect()
}

/// What is noted in the journal and not acknowledged there.
fn unacknowledged(notes: &[Note], stored: Option<&RecordsNotice>) -> Option<RecordsNotice> {
    let acknowledged =
        |at: Timestamp| notes.iter().any(|note| matches!(note, Note::Acknowledged { of, .. } if *of == at));
    let noted = notes.iter().rev().find_map(|note| match note {
        Note::Damage { at, lost, mended, past } => {
            Some(RecordsNotice { at: *at, lost: lost.clone(), mended: mended.clone(), past: past.clone() })
        }
        _ => None,
    });
    let noted = noted.filter(|notice| !acknowledged(notice.at));
    let stored = stored.filter(|notice| !acknowledged(notice.at)).cloned();
    match (noted, stored) {
        (Some(noted), Some(stored)) => {
            let at = noted.at.max(stored.at);
            Some(stored.and(at, noted))
        }
        (noted, stored) => noted.or(stored),
    }
}

impl RecordsNotice {
    /// With what is known besides.
    pub(in crate::store) fn and(mut self, at: Timestamp, besides: Self) -> Self {
        let Self { lost, mended, past, .. } = besides;
        for (told, more) in [(&mut self.lost, lost), (&mut self.mended, mended), (&mut self.past, past)] {
            for sentence in more {
                if !told.contains(&sentence) && told.len() < MOST_SENTENCES {
                    told.push(sentence);
                }
            }
        }
        Self { at, ..self }
    }
}

/// What was found out on the way.
#[derive(Default)]
struct Told {
    lost: Vec<String>,
    mended: Vec<String>,
    said: Vec<String>,
}

/// Compares. `found` is nothing where there is no journal.
pub fn plan(stored: &Stored, mut found: Option<Found>, when: When, now: Timestamp) -> Plan {
    let mut told = Told::default();
    let dated = found.as_mut().and_then(|found| dated_alike(stored, found));
    let redated = dated.is_some();
    // Compared as if they had had the same times.
    let (kept, stored) = (stored, dated.as_ref().unwrap_or(stored));
    let notes = found.as_ref().map_or(&[][..], |found| &found.notes);
    let before = unacknowledged(notes, stored.notice.as_ref());
    let (events, rewrite) = match found {
        None => without_journal(stored, when, &mut told),
        Some(found) if another_history(stored, &found) => {
            told.lost.push(format!(
                "the journal beside the store tells of other changes than the store itself, {} of them, and is no longer \
                 used: its records are in the file that was kept of it, and not in force",
                found.events.len()
            ));
            (batched(&stored.events), Rewrite::KeptAs("other"))
        }
        Some(found) => merge(stored, found, when, &mut told),
    };
    let missing = gaps(&events, stored.known_gaps);
    if !missing.is_empty() {
        told.lost.push(in_neither(&missing));
    }
    let add: Vec<RecordEvent> = events
        .iter()
        .filter(|(serial, (event, _))| kept.events.get(serial) != Some(event))
        .map(|(_, (event, _))| event.clone())
        .collect();
    let mut records = records(stored, &events, &mut told);
    let mut rewrite = rewrite;
    if redated {
        records = records.or_else(|| Some(stored.records.clone()));
        rewrite = rewrite.max(Rewrite::Anew);
        told.said.push(
            "the times of operators' records that a clock that was ahead had told, and that were set right in one of store and \
             journal when a crash came, were set right in the other"
                .to_owned(),
        );
    }
    let news = !told.lost.is_empty() || !told.mended.is_empty();
    let found = RecordsNotice { at: now, lost: told.lost, mended: told.mended, past: Vec::new() };
    let notice = match before {
        before if !news => before,
        None => Some(found),
        Some(before) => Some(before.and(now, found)),
    };
    Plan { events, add, records, rewrite, notice, news, said: told.said }
}

/// Both with the earlier time of each event, where they hold the same but for times: events are only ever dated back, in one
/// of the two first. Nothing where they differ in no time, or in more than that.
fn dated_alike(stored: &Stored, found: &mut Found) -> Option<Stored> {
    let both = |found: &Found| {
        let pairs = stored.events.iter().filter_map(|(serial, event)| {
            let journaled = found.events.get(serial).map(|journaled| journaled.event.clone())?;
            (journaled != *event).then(|| (*serial, event.clone(), journaled))
        });
        pairs.collect::<Vec<_>>()
    };
    let differing = both(found);
    let but_for_times = |(_, one, other): &(u64, RecordEvent, RecordEvent)| timeless(one) == timeless(other);
    if differing.is_empty() || !differing.iter().all(but_for_times) {
        return None;
    }
    let times: BTreeMap<u64, Timestamp> =
        differing.iter().map(|(serial, one, other)| (*serial, one.at.min(other.at))).collect();
    let mut dated = stored.clone();
    dated.date(&times);
    for journaled in found.events.values_mut() {
        date(&mut journaled.event, &times);
    }
    // What is told of times by neither is more than times.
    both_alike(&dated, found).then_some(dated)
}

fn both_alike(stored: &Stored, found: &Found) -> bool {
    stored
        .events
        .iter()
        .all(|(serial, event)| found.events.get(serial).is_none_or(|journaled| journaled.event == *event))
}

fn timeless(event: &RecordEvent) -> RecordEvent {
    let record = |record: &Option<Record>| record.clone().map(|record| Record { at: Timestamp::UNIX_EPOCH, ..record });
    RecordEvent {
        at: Timestamp::UNIX_EPOCH,
        before: record(&event.before),
        after: record(&event.after),
        ..event.clone()
    }
}

/// Gives an event another time, if it has one in `times`, and the records in it that of the event that made them, if it is
/// earlier than theirs.
fn date(event: &mut RecordEvent, times: &BTreeMap<u64, Timestamp>) {
    event.at = times.get(&event.serial).copied().unwrap_or(event.at);
    for record in event.before.iter_mut().chain(&mut event.after) {
        date_record(record, times);
    }
}

fn date_record(record: &mut Record, times: &BTreeMap<u64, Timestamp>) {
    if let Some(at) = times.get(&record.revision) {
        record.at = record.at.min(*at);
    }
}

impl Stored {
    /// Gives events these times, and the records that they made with them.
    pub(in super::super) fn date(&mut self, times: &BTreeMap<u64, Timestamp>) {
        self.events.values_mut().for_each(|event| date(event, times));
        self.records.values_mut().for_each(|record| date_record(record, times));
    }
}

pub fn batched(events: &BTreeMap<u64, RecordEvent>) -> BTreeMap<u64, Batched> {
    events.iter().map(|(serial, event)| (*serial, (event.clone(), (*serial, *serial)))).collect()
}

fn without_journal(stored: &Stored, when: When, told: &mut Told) -> (BTreeMap<u64, Batched>, Rewrite) {
    let count = grouped(stored.events.len());
    match when {
        When::Start { made: true, before: true } => told.lost.push(
            "there was neither a store nor a journal, though what stands beside them shows that there was a store once: what operators \
             had on record, if anything, is lost"
                .to_owned(),
        ),
        When::Start { made: true, .. } => {}
        _ if stored.mark.is_some() => told.mended.push(format!(
            "the journal of operators' records was missing: it was written anew from the store, with {count} events"
        )),
        _ => told.said.push(format!("the journal of operators' records was begun, with {count} events of the store")),
    }
    (batched(&stored.events), Rewrite::Anew)
}

/// Whether a journal belongs to another store: they differ in what they hold, and the store does not remember a line of it.
fn another_history(stored: &Stored, found: &Found) -> bool {
    let remembered = found.events.get(&stored.last).map(|journaled| mark(journaled.digest));
    let differ = || {
        stored
            .events
            .iter()
            .any(|(serial, event)| found.events.get(serial).is_some_and(|journaled| journaled.event != *event))
    };
    (stored.mark.is_none() || remembered != stored.mark) && differ()
}

/// Takes together what both hold of one history.
fn merge(stored: &Stored, mut found: Found, when: When, told: &mut Told) -> (BTreeMap<u64, Batched>, Rewrite) {
    let last = stored.last.max(stored.events.keys().next_back().copied().unwrap_or_default());
    let made = matches!(when, When::Start { made: true, .. });
    let mut beyond: Vec<u64> = found.events.range(last + 1..).map(|(serial, _)| *serial).collect();
    let mut rewrite = Rewrite::No;
    if when == When::Running && !beyond.is_empty() {
        // Whoever made the change was told that it failed.
        found.events.split_off(&(last + 1));
        told.said.push(format!("{} could not be committed and went from the journal again", serials(&beyond)));
        (beyond, rewrite) = (Vec::new(), Rewrite::Anew);
    } else if torn(&found, &beyond, last) {
        found.events.split_off(&(last + 1));
        told.said.push(format!(
            "{}, which a crash had cut short before anybody was told of it, went from the journal",
            serials(&beyond)
        ));
        (beyond, rewrite) = (Vec::new(), Rewrite::Anew);
    }
    found.whole_event = found.whole_event.min(found.last());
    tell_beyond(&found, &beyond, (last, stored.mark.is_some()), made, told);
    rewrite = rewrite.max(faults(stored, &found, last, told)).max(tell_differences(stored, &found, last, told));
    let mut events: BTreeMap<u64, Batched> =
        found.events.into_iter().map(|(serial, journaled)| (serial, (journaled.event, journaled.batch))).collect();
    for (serial, event) in &stored.events {
        events.entry(*serial).or_insert_with(|| (event.clone(), (*serial, *serial)));
    }
    (events, rewrite)
}

/// Tells what became of the events that the journal has beyond the store. A store that has had a journal remembers it: one that
/// does not is a copy that was put in its place.
fn tell_beyond(found: &Found, beyond: &[u64], (last, has_had_one): (u64, bool), made: bool, told: &mut Told) {
    let Some(first) = beyond.first().and_then(|serial| found.events.get(serial)) else { return };
    let one_change = first.batch == (last + 1, found.last());
    if made {
        told.mended.push(format!(
            "the store was missing: operators' records were taken from the journal, which has {} events",
            found.events.len()
        ));
    } else if one_change && has_had_one {
        told.said
            .push(format!("{} stood in the journal alone, because of a crash, and was completed", serials(beyond)));
    } else {
        told.mended.push(format!(
            "the store lacked {} of operators' records, as if an older copy had been put in its place: taken from the \
             journal",
            serials(beyond)
        ));
    }
}

/// Tells which events one of the two lacks, or holds otherwise than the other.
fn tell_differences(stored: &Stored, found: &Found, last: u64, told: &mut Told) -> Rewrite {
    let differing: Vec<u64> = stored
        .events
        .iter()
        .filter(|(serial, event)| found.events.get(serial).is_some_and(|journaled| journaled.event != **event))
        .map(|(serial, _)| *serial)
        .collect();
    if !differing.is_empty() {
        told.mended.push(format!("the store did not hold {} as written: taken from the journal", serials(&differing)));
    }
    let lacking: Vec<u64> = found
        .events
        .range(..=last)
        .map(|(serial, _)| *serial)
        .filter(|serial| !stored.events.contains_key(serial))
        .collect();
    if !lacking.is_empty() {
        told.mended
            .push(format!("the store lacked {} of operators' records: taken from the journal", serials(&lacking)));
    }
    let missing: Vec<u64> = stored.events.keys().copied().filter(|serial| !found.events.contains_key(serial)).collect();
    if !missing.is_empty() {
        told.mended
            .push(format!("the journal lacked {} of operators' records: taken from the store", serials(&missing)));
        return Rewrite::Anew;
    }
    Rewrite::No
}

/// Whether what the journal has beyond the store is part of one change, the rest of which did not get there.
fn torn(found: &Found, beyond: &[u64], last: u64) -> bool {
    let Some((first, end)) = beyond.first().and_then(|serial| found.events.get(serial)).map(|first| first.batch) else {
        return false;
    };
    let same = |serial: &u64| found.events.get(serial).is_some_and(|journaled| journaled.batch == (first, end));
    first == last + 1 && beyond.iter().all(same) && beyond.len() as u64 != end - first + 1
}

/// What to do about lines that cannot be read.
fn faults(stored: &Stored, found: &Found, last: u64, told: &mut Told) -> Rewrite {
    if found.faults.is_empty() {
        return if found.whole_bytes < found.bytes { Rewrite::Cut } else { Rewrite::No };
    }
    // All that was acknowledged stands before it: a crash in the middle of an append leaves that.
    let whole = stored.events.keys().all(|serial| *serial <= found.whole_event) && found.last() <= found.whole_event;
    if whole && found.whole_event == last && found.whole_digest.is_some() {
        told.said
            .push("the end of the journal of operators' records, which a crash had cut short, was cut off".to_owned());
        return Rewrite::Cut;
    }
    let behind = found.last() == found.whole_event && found.whole_event > last;
    if behind {
        told.lost.push(format!(
            "what stood in the journal of operators' records behind event {} cannot be read, and the store does not have it",
            found.whole_event
        ));
    }
    told.mended
        .push(format!("the journal of operators' records was damaged and written anew: {}", first_of(&found.faults)));
    Rewrite::KeptAs("damaged")
}

fn first_of(faults: &[String]) -> String {
    match faults {
        [] => String::new(),
        [one] => one.clone(),
        [first, others @ ..] => format!("{first} (and {} more)", others.len()),
    }
}

/// The records as they should be, if the store holds others.
fn records(stored: &Stored, events: &BTreeMap<u64, Batched>, told: &mut Told) -> Option<ById> {
    let all = || events.values().map(|(event, _)| event);
    let newest = events.keys().next_back().copied().unwrap_or_default();
    let whole = gaps(events, 0).is_empty() && newest >= stored.last;
    let expected = if whole || stored.last == 0 {
        fold(all())
    } else {
        // A part of the history is gone: the records themselves say more than what is left of it.
        let mut records = stored.records.clone();
        all().filter(|event| event.serial > stored.last).for_each(|event| apply(&mut records, event));
        records
    };
    if expected == stored.records {
        return None;
    }
    if newest == stored.last && told.mended.is_empty() && told.lost.is_empty() {
        told.mended.push("the store's records were not what their history says: made anew from it".to_owned());
    }
    Some(expected)
}

impl Rewrite {
    /// The more thorough of two.
    fn max(self, other: Self) -> Self {
        let rank = |rewrite: Self| match rewrite {
            Self::No => 0,
            Self::Cut => 1,
            Self::Anew => 2,
            Self::KeptAs(_) => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}
