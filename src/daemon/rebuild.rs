//! `--rebuild`: a damaged store is kept aside, and the daemon begins again.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::systemd;
use crate::domain::wording::{count_of, grouped, moment, were};
use crate::listing::vet::VetConfig;
use crate::observe::clock;
use crate::store::archive::{Application, Archive, Entry, Fate};
use crate::store::removed;
use crate::store::{self, Rebuilt, Store, StoreError};
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
    let refill = |store: &Store| refill(store, (state_dir, &Archive::new(state_dir)), vet, max_bytes);
    let Some(Rebuilt { kept, faults, salvaged }) = store::rebuild(state_dir, in_fleet, now, refill)? else {
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
    tracing::error!("the store is missing, though the archive shows that there was one: it is begun again");
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

/// The listings that were applied, in the order in which they were, each as often as it was: when it was fetched, unless it
/// is told otherwise.
fn in_order(entries: Vec<Entry>, told: Vec<Application>) -> Vec<(Entry, Option<Application>)> {
    let mut applied = Vec::new();
    for entry in entries.into_iter().filter(|entry| entry.fate == Fate::Applied) {
        let (again, first): (Vec<_>, Vec<_>) =
            told.iter().filter(|told| told.sha256 == entry.sha256).cloned().partition(|told| told.again);
        applied.push((entry.clone(), first.into_iter().next()));
        applied.extend(again.into_iter().map(|told| (entry.clone(), Some(told))));
    }
    applied.sort_by_key(|(entry, told)| told.as_ref().map_or(entry.fetched_at, |told| told.applied_at));
    applied
}

/// Applies what the archive holds of the listings that once were applied, in their order.
fn refill(
    store: &Store,
    (state_dir, archive): (&Path, &Archive),
    vet: &VetConfig,
    max_bytes: u64,
) -> Result<(), StoreError> {
    let entries = archive.entries().unwrap_or_else(|error| {
        tracing::error!(%error, "the archive cannot be read: {error}");
        Vec::new()
    });
    let past = removed::past(state_dir, &entries);
    let applied = in_order(entries, archive.applications());
    let all = applied.len();
    let listings = applied.into_iter().zip(1..).filter_map(|((entry, application), place)| {
        // Each may take a second or two, and there may be hundreds.
        systemd::extend_start(ONE_LISTING);
        let fetched_at = application.as_ref().map_or(entry.fetched_at, |application| application.fetched_at);
        let fetched = moment(fetched_at);
        tracing::info!(place, all, fetched, "the store is begun again: listing {place} of {all}, fetched {fetched}");
        let bytes = archive
            .read_entry(&entry, max_bytes)
            .inspect_err(|error| tracing::error!(%error, "a listing of the archive was passed over: {error}"))
            .ok()?;
        Some((ArchivedListing { fetched_at, source: "the archive".to_owned(), bytes }, application))
    });
    let replayed = replay_behind(store, listings, vet, past.removed.as_ref())?;
    for (at, refusal) in &replayed.refused {
        tracing::error!(%at, refusal, "the archived listing of {at} was passed over: {refusal}");
    }
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
    Ok(())
}
