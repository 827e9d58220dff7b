//! `--rebuild`: a damaged store is kept aside, and the daemon begins again.

mod order;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use self::order::{NOT_NAMED, Step, order};
use super::systemd;
use crate::domain::Sha256Digest;
use crate::domain::wording::{count_of, grouped, moment, were};
use crate::listing::vet::VetConfig;
use crate::observe::clock;
use crate::store::archive::{Application, Archive, Entry};
use crate::store::removed::{self, Named, Removed};
use crate::store::{self, Gap, Rebuilt, Retold, Store, StoreError, Without};
use crate::sync::{ArchivedListing, replay_behind};

/// No listing takes longer to be applied again, on whatever machine.
const ONE_LISTING: Duration = Duration::from_secs(60);

/// Begins the store again if it is damaged or gone, and says what became of what was in it.
///
/// # Errors
///
/// If another process has it, or the new one cannot be written.
///
/// Where a fleet is configured, also if it cannot be read which one the damaged store is in.
pub fn rebuild(
    state_dir: &Path,
    in_fleet: bool,
    vet: &VetConfig,
    max_bytes: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    // The listing of now comes with the first sync.
    let refill = |store: &Store| refill(store, (state_dir, &Archive::new(state_dir)), vet, max_bytes, now);
    let Some(Rebuilt { kept, faults, salvaged, retold }) = store::rebuild(state_dir, in_fleet, now, refill)? else {
        tracing::info!("the store is good: --rebuild had nothing to do");
        return Ok(());
    };
    let kept = kept.map_or_else(
        || "there was none to keep".to_owned(),
        |kept| format!("the damaged one is kept as {}", kept.display()),
    );
    for fault in &faults {
        tracing::error!(fault, "the store was damaged: {fault}");
    }
    for lost in &salvaged.lost {
        tracing::error!(lost, "lost with the damaged store: {lost}");
    }
    for mended in &retold.mended {
        tracing::warn!(mended, "{mended}");
    }
    for lost in &retold.lost {
        tracing::error!(lost, "a part of the past is lost: {lost}");
    }
    let (records, events) = (salvaged.records.len(), salvaged.events.len());
    tracing::warn!(
        kept,
        records,
        events,
        journaled = salvaged.journaled,
        lost = salvaged.lost.len(),
        "the store was begun again: {kept}; {records} operators' records and {events} events of their history were saved, {} \
         of them from the journal; the history of the listing is what the archive holds of it",
        grouped(salvaged.journaled),
        records = grouped(records),
        events = grouped(events)
    );
    Ok(())
}

/// Begins a store again that is gone, from the archive and the journal: there is nothing that it could overwrite.
///
/// # Errors
///
/// If it cannot be written.
pub fn refill_if_gone(state_dir: &Path, vet: &VetConfig, max_bytes: u64) -> Result<(), StoreError> {
    if state_dir.join(store::FILE_NAME).symlink_metadata().is_ok() || !store::was_there(state_dir) {
        return Ok(());
    }
    tracing::error!("the store is missing, though what stands beside it shows that there was one: it is begun again");
    rebuild(state_dir, false, vet, max_bytes, clock::now())
}

/// Where the store of a site of a fleet is missing, the fleet has all that it held: it begins with nothing, and takes that. The
/// journal of records that stands there is kept aside: what is in it may never have been the fleet's. Nothing is lost with that, and
/// no alarm says so.
///
/// # Errors
///
/// If the journal cannot be kept aside, or the store cannot be made.
pub fn begin_anew_in_fleet(state_dir: &Path, now: Timestamp) -> Result<(), StoreError> {
    let journal = state_dir.join(store::JOURNAL_NAME);
    if journal.symlink_metadata().is_err() {
        return Ok(());
    }
    let aside = state_dir.join(format!("{}.before-{}", store::JOURNAL_NAME, now.strftime("%Y%m%dT%H%M%SZ")));
    std::fs::rename(&journal, &aside).map_err(|source| StoreError::NotAccessible { path: journal, source })?;
    let aside = aside.display();
    tracing::error!(
        "the store is missing: this site begins with what its fleet holds. The journal of records that stood here is kept as \
         {aside}: if this site was in no fleet before, its records are in there alone"
    );
    Store::begin_empty(state_dir)
}

/// Applies what the archive holds of the listings that once were applied, in their order. Returns what there is to tell of it.
fn refill(
    store: &Store,
    (state_dir, archive): (&Path, &Archive),
    vet: &VetConfig,
    max_bytes: u64,
    now: Timestamp,
) -> Result<Retold, StoreError> {
    let mut unread = None;
    let entries = archive.entries().unwrap_or_else(|error| {
        unread = Some(format!("no listing of the past can be applied again: {error}"));
        Vec::new()
    });
    let past = removed::past(state_dir, &entries);
    let named = past.removed.as_ref().map(|removed| named(removed, &entries)).unwrap_or_default();
    let mut order = order(&entries, &archive.notes(), &named);
    let steps = std::mem::take(&mut order.steps);
    let all = steps.len();
    let mut failed: Vec<Option<String>> = steps.iter().map(|step| step.listing.as_ref().err().cloned()).collect();
    let listings = steps.iter().zip(&mut failed).zip(1..).filter_map(|((step, failed), place)| {
        let (entry, application) = step.listing.as_ref().ok()?;
        // Each may take a second or two, and there may be hundreds.
        systemd::extend_start(ONE_LISTING);
        let fetched_at = fetched_at(entry, application.as_ref());
        let fetched = moment(fetched_at);
        tracing::info!(place, all, fetched, "the store is begun again: listing {place} of {all}, fetched {fetched}");
        match archive.read_entry(entry, max_bytes) {
            Ok(bytes) => {
                let listing = ArchivedListing { fetched_at, source: "the archive".to_owned(), bytes };
                Some((listing, application.clone()))
            }
            Err(error) => {
                *failed = Some(format!("was passed over: {error}"));
                None
            }
        }
    });
    let replayed = replay_behind(store, listings, vet, past.removed.as_ref())?;
    note_refused(&replayed.refused, &steps, &mut failed);
    let found = lost(&steps, &failed, now);
    let said: Vec<String> = found.iter().map(Lost::to_string).chain(order.lost).chain(unread).collect();
    let gaps = gaps(found, past.removed.as_ref());
    tracing::warn!(
        applied = replayed.applied,
        refused = replayed.refused.len(),
        "{} of the archive {} applied again",
        count_of(replayed.applied, "listing"),
        were(replayed.applied)
    );
    if let Some(removed) = past.removed.filter(|_| replayed.applied > 0) {
        let (removals, from) = (removed.removals.len(), past.from);
        tracing::warn!(
            removals,
            from,
            "{} {} taken from {from}",
            count_of(removals as u64, "removal"),
            were(removals as u64)
        );
    }
    Ok(Retold { mended: order.mended, lost: said, gaps })
}

/// Takes note of what could not be applied again though it is there whole.
fn note_refused(refused: &[(Timestamp, String)], steps: &[Step], failed: &mut [Option<String>]) {
    for (at, refusal) in refused {
        let is_it = |step: &Step| {
            step.listing.as_ref().is_ok_and(|(entry, application)| fetched_at(entry, application.as_ref()) == *at)
        };
        let mut both = steps.iter().zip(failed.iter_mut());
        if let Some((_, failed)) = both.find(|(step, failed)| failed.is_none() && is_it(step)) {
            *failed = Some(format!("was passed over: {refusal}"));
        }
    }
}

/// What the new store does not know of the past, with what the one before it did not.
fn gaps(found: Vec<Lost>, before: Option<&Removed>) -> Vec<Gap> {
    // One of which no listing is missing stays as it is.
    let before = before.into_iter().flat_map(|removed| &removed.gaps).filter(|gap| gap.without.is_empty());
    let mut gaps: Vec<Gap> = before.cloned().collect();
    for gap in found.into_iter().map(Gap::from).filter(|gap| gap.from < gap.until) {
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }
    gaps
}

fn fetched_at(entry: &Entry, application: Option<&Application>) -> Timestamp {
    application.map_or(entry.fetched_at, |application| application.fetched_at)
}

/// The listings that the store that is begun again had named, the oldest first, and with them those that it had known to lack:
/// they may be there again.
fn named(removed: &Removed, entries: &[Entry]) -> Vec<Named> {
    let mut named = removed.listings.clone();
    named.reverse();
    if named.iter().all(|named| named.times.is_some()) {
        for without in removed.gaps.iter().flat_map(|gap| &gap.without) {
            let Some(sha256) = without.digest() else { continue };
            let fetched = entries.iter().find(|entry| entry.sha256 == sha256).map(|entry| entry.fetched_at);
            let times = (without.applied_at, fetched.unwrap_or(without.applied_at).min(without.applied_at));
            named.push(Named { sha256, times: Some(times) });
        }
        named.sort_by_key(|named| named.times.map(|(applied, _)| applied));
    }
    named
}

/// A stretch of the past of which it is not known which listing stood, and what there is to say of it.
struct Lost {
    from: Timestamp,
    until: Timestamp,
    /// The listings that could not be applied again, and why.
    without: Vec<(Sha256Digest, Timestamp, String)>,
    /// Whether none of those that were applied again stood after them.
    last: bool,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, until, without, last } = self;
        for (sha256, at, why) in without {
            write!(f, "the listing {sha256}, applied {}, {}; ", moment(*at), why.trim_end_matches('.'))?;
        }
        write!(f, "from {} to {} it is not known what was listed", moment(*from), moment(*until))?;
        match last {
            true => write!(f, ", and answers rest on the listing of before until a sync succeeds"),
            false => Ok(()),
        }
    }
}

impl From<Lost> for Gap {
    fn from(lost: Lost) -> Self {
        // Whether one that the store had not named was applied is not known with it, either.
        let without = lost.without.into_iter().filter(|(.., why)| why != NOT_NAMED);
        let without = without.map(|(sha256, applied_at, _)| Without { sha256: sha256.to_string(), applied_at });
        Self { from: lost.from, until: lost.until, without: without.collect() }
    }
}

/// Where the past is not whole: from a listing that could not be applied again to the next that was.
fn lost(steps: &[Step], failed: &[Option<String>], now: Timestamp) -> Vec<Lost> {
    let mut all = Vec::new();
    let mut open: Option<Lost> = None;
    for (step, failed) in steps.iter().zip(failed) {
        let from = step.doubt.unwrap_or(step.at);
        if failed.is_none() && step.doubt.is_none() {
            all.extend(open.take().map(|lost| Lost { until: step.at, last: false, ..lost }));
            continue;
        }
        let lost = open.get_or_insert(Lost { from, until: now.max(from), without: Vec::new(), last: false });
        lost.last = failed.is_some();
        if let Some(why) = failed {
            lost.without.push((step.sha256, step.at, why.clone()));
        }
    }
    all.extend(open);
    all
}
