//! In which order archived listings were applied, and when: by all that tells of it. Pure.
//!
//! A listing's file says when it was fetched, and what is told beside it (`archive::applied`) when and why it was applied, if
//! not then. The store that is begun again said the same, and its newest listings are named in their order in the copy of
//! removals, or can still be read in the damaged store: where that is so, it is the order, and the others say the rest. What is
//! missing or cannot be read is taken from there; what only one of them tells is said, and so is what none does.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::domain::Sha256Digest;
use crate::domain::wording::moment;
use crate::store::archive::{Application, Entry, Fate, Notes};
use crate::store::removed::Named;

/// A listing was applied as soon as it was fetched, if within this time.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(60);

/// Of what the archive says was applied, between listings of which the store says that none came between them.
pub const NOT_NAMED: &str =
    "is in the archive as one that was applied, and the store had not named it: whether it was is not known";

/// One listing that was applied once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// When it was applied; where that is not known, not before this.
    pub at: Timestamp,
    /// Since when it is not known which listing stood, until one is applied of which that is known.
    pub doubt: Option<Timestamp>,
    /// Where its bytes are and how it came to be applied; or why it cannot be applied again.
    pub listing: Result<(Entry, Option<Application>), String>,
}

/// The listings in the order in which they were applied, each as often as it was.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// One after the other.
    pub steps: Vec<Step>,
    /// What could not be read and is known from elsewhere, one sentence each.
    pub mended: Vec<String>,
    /// What is not known any more, one sentence each.
    pub lost: Vec<String>,
}

/// What the archive tells of one time that a listing was applied.
#[derive(Debug, Clone)]
struct Told {
    entry: Entry,
    /// Nothing where its file alone tells.
    note: Option<Application>,
    /// Whether only the note's name can be read.
    rough: bool,
    at: Timestamp,
}

/// The order by what the archive tells, and by the listings that the store had named, the oldest first, if those are known.
pub fn order(entries: &[Entry], notes: &Notes, named: &[Named]) -> Order {
    let told = told(entries, notes);
    let mut order = Order::default();
    for bad in notes.bad.iter().filter(|bad| bad.named.is_none()) {
        let said = format!("{} cannot be read ({})", bad.path.display(), bad.why);
        match named.is_empty() {
            true => {
                order.lost.push(format!("{said}: of which listing it told, and whether that stood last, is not known"))
            }
            false => order.mended.push(format!("{said}: the order of listings is that which the store had named")),
        }
    }
    match named.is_empty() {
        true => by_archive(told, &mut order),
        false => by_names(entries, told, named, &mut order),
    }
    order
}

/// Each time that a listing was applied, by the archive alone, in their order.
fn told(entries: &[Entry], notes: &Notes) -> Vec<Told> {
    let mut told = Vec::new();
    for entry in entries.iter().filter(|entry| entry.fate == Fate::Applied) {
        let of = |note: &&Application| note.sha256 == entry.sha256;
        let first = notes.read.iter().filter(of).find(|note| !note.again).cloned();
        let at = first.as_ref().map_or(entry.fetched_at, |first| first.applied_at);
        told.push(Told { entry: entry.clone(), note: first, rough: false, at });
        for note in notes.read.iter().filter(of).filter(|note| note.again) {
            told.push(Told { entry: entry.clone(), note: Some(note.clone()), rough: false, at: note.applied_at });
        }
        for (sha256, at) in notes.bad.iter().filter_map(|bad| bad.named).filter(|(of, _)| *of == entry.sha256) {
            told.push(Told { entry: entry.clone(), note: Some(plain(sha256, at, at)), rough: true, at });
        }
    }
    told.sort_by_key(|told| told.at);
    told
}

/// A listing that was applied for no reason that is known.
fn plain(sha256: Sha256Digest, fetched_at: Timestamp, applied_at: Timestamp) -> Application {
    Application { sha256, fetched_at, confirmed_at: fetched_at, applied_at, again: false, why: None }
}

/// By the archive alone.
fn by_archive(told: Vec<Told>, order: &mut Order) {
    let rough: Vec<(Sha256Digest, Timestamp)> =
        told.iter().filter(|told| told.rough).map(|told| (told.entry.sha256, told.at)).collect();
    for (sha256, at) in &rough {
        order.lost.push(format!(
            "how the listing {sha256} came to be applied at {} cannot be read, and nothing names the listings in their order: \
             whether it stood before then, too, is not known, nor who let it through, if anybody",
            moment(*at)
        ));
    }
    for Told { entry, note, at, .. } in told {
        let sha256 = entry.sha256;
        // It stood from when it was fetched, or was held until then.
        let doubt = rough.iter().any(|(of, later)| *of == sha256 && *later > at && note.is_none()).then_some(at);
        order.steps.push(Step { sha256, at, doubt, listing: Ok((entry, note)) });
    }
}

type Fits<'a> = &'a dyn Fn(&Told, &Named) -> bool;

/// Which of what the archive tells is each that was named.
fn pair(told: &[Told], named: &[Named]) -> (Vec<Option<usize>>, BTreeSet<usize>) {
    let (mut pairs, mut used) = (vec![None; named.len()], BTreeSet::new());
    let exactly = |told: &Told, named: &Named| {
        let at = |(applied, _): (Timestamp, Timestamp)| told.at.as_millisecond() == applied.as_millisecond();
        told.note.is_some() && named.times.is_some_and(at)
    };
    let at_once = |told: &Told, named: &Named| {
        let near = |(applied, _): (Timestamp, Timestamp)| applied.duration_since(told.at).abs() <= AT_ONCE;
        told.note.is_none() && named.times.is_some_and(near)
    };
    let any = |_: &Told, _: &Named| true;
    let passes: [Fits<'_>; 3] = [&exactly, &at_once, &any];
    for fits in passes {
        for (pair, named) in pairs.iter_mut().zip(named).rev().filter(|(pair, _)| pair.is_none()) {
            let free = |(place, told): &(usize, &Told)| {
                !used.contains(place) && told.entry.sha256 == named.sha256 && fits(told, named)
            };
            if let Some((place, _)) = told.iter().enumerate().rev().find(free) {
                used.insert(place);
                *pair = Some(place);
            }
        }
    }
    (pairs, used)
}

/// By what the store had named, and by the archive before and behind that.
fn by_names(entries: &[Entry], told: Vec<Told>, named: &[Named], order: &mut Order) {
    let (pairs, used) = pair(&told, named);
    let mut steps: Vec<Step> = Vec::new();
    for (named, pair) in named.iter().zip(&pairs).skip(expired(entries, named)) {
        let before = steps.last().map(|step: &Step| step.at);
        let entry = entries.iter().find(|entry| entry.sha256 == named.sha256);
        steps.push(match entry {
            None => missing(named, before),
            Some(entry) => there(entry, named, pair.and_then(|place| told.get(place)), before, order),
        });
    }
    let known: BTreeSet<[u8; 32]> = named.iter().map(|named| named.sha256.0).collect();
    let rough: BTreeSet<[u8; 32]> = told.iter().filter(|told| told.rough).map(|told| told.entry.sha256.0).collect();
    let ends = steps.first().zip(steps.last()).map(|(first, last)| (first.at, last.at));
    let unused = told.into_iter().enumerate().filter(|(place, _)| !used.contains(place)).map(|(_, told)| told);
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    for told in unused {
        let Some((begins, ends)) = ends else { continue };
        let is_named = known.contains(&told.entry.sha256.0);
        let step = Step {
            sha256: told.entry.sha256,
            at: told.at,
            // It stood from when it was fetched, or was held until the time of which no more than that can be read.
            doubt: (told.note.is_none() && rough.contains(&told.entry.sha256.0)).then_some(told.at),
            listing: Ok((told.entry.clone(), told.note.clone())),
        };
        // Of what is named it is known how often and when it was applied, as far back as the names go.
        let is_settled = is_named && (told.note.is_none() || told.rough) && begins <= told.at && told.at <= ends;
        if is_settled {
            continue;
        }
        if told.at < begins {
            before.push(step);
            // A file's time is one of whole seconds.
        } else if told.at.as_second() >= ends.as_second() {
            behind.push(step);
        } else if steps.iter().rev().find(|step| step.at <= told.at).is_none_or(|stood| stood.sha256 != step.sha256) {
            let place = steps.iter().position(|other| other.at > step.at).unwrap_or(steps.len());
            steps.insert(place, Step { doubt: Some(step.at), listing: Err(NOT_NAMED.to_owned()), ..step });
        }
    }
    order.steps = before;
    order.steps.extend(steps);
    order.steps.extend(behind);
}

/// How many of those that are named, from the oldest on, are older than what the archive keeps.
fn expired(entries: &[Entry], named: &[Named]) -> usize {
    let oldest = entries.iter().filter(|entry| entry.fate == Fate::Applied).map(|entry| entry.fetched_at).min();
    let is_expired = |named: &&Named| {
        let before = named.times.zip(oldest).is_some_and(|((applied, _), oldest)| applied < oldest);
        before || !entries.iter().any(|entry| entry.sha256 == named.sha256)
    };
    named.iter().take_while(is_expired).count()
}

/// A listing that is named, and not in the archive.
fn missing(named: &Named, before: Option<Timestamp>) -> Step {
    let at = named.times.map(|(applied, _)| applied).or(before);
    let at = at.unwrap_or(Timestamp::UNIX_EPOCH);
    let listing = Err("is not in the archive any more".to_owned());
    Step { sha256: named.sha256, at, doubt: Some(at), listing }
}

/// A listing that is named and in the archive, and what is told of it there.
fn there(entry: &Entry, named: &Named, told: Option<&Told>, before: Option<Timestamp>, order: &mut Order) -> Step {
    let sha256 = named.sha256;
    let step = |at, doubt, note| Step { sha256, at, doubt, listing: Ok((entry.clone(), note)) };
    if let Some((applied, fetched)) = named.times {
        let rough = told.is_some_and(|told| told.rough);
        let at_once = applied.duration_since(entry.fetched_at).abs() <= AT_ONCE;
        if rough || told.is_none_or(|told| told.note.is_none() && !at_once) {
            let how = if rough { "cannot be read" } else { "is not told" };
            order.mended.push(format!(
                "how the listing {sha256} came to be applied {how} in the archive: that it was at {} is taken from what the store \
                 had named; who let it through, if anybody, is not known",
                moment(applied)
            ));
        }
        let note = told.filter(|told| !told.rough).and_then(|told| told.note.clone());
        let note = note.map(|note| Application { applied_at: applied, ..note });
        return step(applied, None, note.or_else(|| Some(plain(sha256, fetched, applied))));
    }
    let at = told.map(|told| told.at);
    match (at, before) {
        (Some(at), before) if before.is_none_or(|before| before <= at) => {
            if told.is_some_and(|told| told.rough) {
                order.mended.push(format!(
                    "how the listing {sha256} came to be applied at {} cannot be read: its place is that which the store had \
                     named; who let it through, if anybody, is not known",
                    moment(at)
                ));
            }
            step(at, None, told.and_then(|told| told.note.clone()))
        }
        // The order is known, and the time is not.
        (_, before) => {
            let from = before.unwrap_or(entry.fetched_at);
            order.lost.push(format!(
                "when the listing {sha256} was applied is not known: the store had named it behind one that was applied at {}, \
                 and what is told beside it in the archive does not say when",
                moment(from)
            ));
            step(from, Some(from), Some(plain(sha256, from, from)))
        }
    }
}

#[cfg(test)]
mod tests;
