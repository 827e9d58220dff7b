//! One cycle: fetch, and what becomes of what was fetched.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::acquire::{Acquired, NoListing, acquire};
use super::apply::{Prepared, Published, apply, archived, prepare};
use super::clocks::{believed, came};
use super::{At, SyncProgress, SyncSettings, SyncStage, reported};
use crate::domain::{Anomaly, Awaits, HeldListing, SourceFault, SourceState, SyncOutcome, SyncRecord, SyncTrigger};
use crate::listing::index::Index;
use crate::listing::next::dated;
use crate::listing::vet::{Doubt, Refusal, Resolution};
use crate::observe::clock;
use crate::store::archive::{ArchiveError, Fate};
use crate::store::{CycleFact, Holding, StoreError, SyncState};
use crate::sync::fetch::{Fetched, FetchedListing, fetch};

/// Why a cycle brought nothing.
#[derive(Debug, Error)]
pub enum CycleError {
    #[error(transparent)]
    Fetch(#[from] NoListing),
    #[error("the source says that a listing has not changed, and none stands: the next sync asks for it whole")]
    NothingToConfirm,
    #[error("the listing that was fetched cannot be read again: {0}")]
    Reread(std::io::Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{reason}")]
    Held { listing: Box<HeldListing>, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the {0} stage came to an unexpected end; the listing that is served has not changed")]
    Panicked(&'static str),
}

/// Runs one cycle to its end and records it. It always has an outcome.
pub async fn run(
    at: &At,
    settings: Arc<SyncSettings>,
    progress: &watch::Sender<Option<SyncProgress>>,
    trigger: SyncTrigger,
) -> SyncRecord {
    let started_at = clock::now();
    at.catch_up().await;
    let asked = Mutex::new(Asked { source: settings.source.to_string(), ..Asked::default() });
    let report = |stage, bytes, bytes_expected| {
        let waits_until = None;
        progress.send_replace(Some(SyncProgress { stage, bytes, bytes_expected, started_at, trigger, waits_until }));
    };
    let record = |outcome| {
        let Asked { source, passed_over, sources } = asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        SyncRecord { at: clock::now(), trigger, source, outcome, passed_over, sources }
    };
    let waiting = |until| {
        progress.send_modify(|progress| {
            if let Some(progress) = progress {
                progress.waits_until = Some(until);
            }
        });
    };
    let cycle = Cycle { at, settings: &settings, asked: &asked, report: &report, waiting: &waiting, record: &record };
    let record = match cycle.attempt().await {
        Ok(record) => record,
        Err(error) => record_failure(at, error, record).await,
    };
    reported::tell(&at.tally, record, started_at)
}

/// Records a cycle that brought nothing, on disk if it can be.
pub async fn record_failure(at: &At, error: CycleError, record: impl FnOnce(SyncOutcome) -> SyncRecord) -> SyncRecord {
    let mut held = None;
    let outcome = match error {
        CycleError::Held { listing, reason } => {
            let sha256 = listing.sha256;
            held = Some(*listing);
            SyncOutcome::Held { sha256, reason }
        }
        CycleError::Refused(refusal) => SyncOutcome::Refused { reason: refusal.to_string() },
        error => SyncOutcome::Failed { error: error.to_string() },
    };
    let mut record = record(outcome);
    let _turn = at.facts.lock().await;
    let kept = {
        let holding = held.clone().map_or(Holding::AsBefore, |held| Holding::Listing(Box::new(held)));
        let (ledger, fact) = (at.ledger.clone(), CycleFact { cycle: record.clone(), confirmed: None, holding });
        spawn_blocking(move || ledger.cycle(&fact)).await
    };
    match kept {
        Ok(Ok(kept)) => at.state.store(Arc::new(kept)),
        // What stands of it is what the fleet's log says.
        Ok(Err(error @ (StoreError::NotFetcher | StoreError::CutOff { .. } | StoreError::Unheard { .. }))) => {
            tracing::warn!(%error, "the outcome of the sync is not told to the fleet: {error}");
            // Nobody finds a listing held that the log does not say is.
            if let SyncOutcome::Held { reason, .. } = &record.outcome {
                let error = format!(
                    "a listing that has to be held could not be: {error}. The next sync fetches it again. It has to be held \
                     because: {reason}"
                );
                record.outcome = SyncOutcome::Failed { error };
            }
            // Whoever fetches now says how it went. A site that fetches and may not say so is the only one that can tell.
            if !matches!(error, StoreError::NotFetcher) && !record.outcome.is_success() {
                at.remember(&record, None);
            }
        }
        failed => {
            // The disk may be what failed. The cycle is kept in memory, so that status tells of it all the same.
            if let Ok(Err(error)) = failed {
                tracing::error!(%error, "the outcome of the sync could not be recorded: {error}");
            }
            at.remember(&record, held);
        }
    }
    record
}

impl At {
    /// Keeps a cycle that brought nothing in memory alone, and what it held, so that status tells of it.
    fn remember(&self, record: &SyncRecord, held: Option<HeldListing>) {
        let before = self.state.load_full();
        let mut state = SyncState { failures_since: before.failures_since + 1, ..(*before).clone() };
        state.last = Some(record.clone());
        if !record.sources.is_empty() {
            state.sources.clone_from(&record.sources);
        }
        state.held.extend(held.filter(|held| !before.held.iter().any(|known| known.sha256 == held.sha256)));
        self.state.store(Arc::new(state));
    }
}

/// Which sources the last fetch of a cycle asked, and what they said.
#[derive(Debug, Clone, Default)]
struct Asked {
    source: String,
    passed_over: Vec<SourceFault>,
    sources: Vec<SourceState>,
}

struct Cycle<'a, Report, Record> {
    at: &'a At,
    settings: &'a SyncSettings,
    asked: &'a Mutex<Asked>,
    report: &'a Report,
    /// Told until when a second copy is waited for.
    waiting: &'a (dyn Fn(Timestamp) + Send + Sync),
    record: &'a Record,
}

impl<Report, Record> Cycle<'_, Report, Record>
where
    Report: Fn(SyncStage, u64, Option<u64>) + Send + Sync,
    Record: Fn(SyncOutcome) -> SyncRecord + Send + Sync,
{
    async fn attempt(&self) -> Result<SyncRecord, CycleError> {
        let pause = self.settings.vet.corroborate_after;
        let mut copies = 0;
        loop {
            copies += 1;
            (self.report)(SyncStage::Fetch, 0, None);
            let current = self.at.index.load_full();
            let (fetched, source) = self.fetch(current.as_deref()).await?;
            let asked = self.asked_of(&source);
            let at = came(fetched.at(), current.as_deref(), asked.as_ref());
            let fetched = fetched.that_came(at);
            let current = believed(current, fetched.at(), asked.as_ref());
            let listing = match fetched {
                Fetched::NotModified { at, .. } => {
                    return self.confirm(current.as_ref().ok_or(CycleError::NothingToConfirm)?, at).await;
                }
                Fetched::Listing(listing) => listing,
            };
            if let Some(current) = current.as_ref().filter(|now| now.snapshot().sha256 == listing.sha256) {
                let current = Arc::clone(current);
                let fetched_at = listing.fetched_at;
                self.make_up_archive(listing).await;
                return self.confirm(&current, fetched_at).await;
            }
            let length = listing.length;
            (self.report)(SyncStage::Vet, length, Some(length));
            let published = reread(listing, source).await?;
            let prepared = self.prepare(published, current.clone()).await?;
            let wait = match prepared.vetted.requires() {
                None | Some(Resolution::Alarm) => return self.apply(prepared, current, None).await,
                Some(Resolution::Person) => return self.await_person(prepared, current).await,
                Some(Resolution::SecondCopy) => match self.corroborated(&prepared, current.clone(), copies > 1).await {
                    Corroboration::Agrees { first_fetched_at } => {
                        let doubts = prepared.doubts();
                        let prepared = prepared.first_fetched(first_fetched_at, current.as_deref());
                        return self.apply(prepared, current, Some(Anomaly::Corroborated { doubts })).await;
                    }
                    // It is the copy that waits already, come again too soon to count.
                    Corroboration::TooSoon(left) => left,
                    Corroboration::Differs | Corroboration::First if copies > 1 => {
                        let reason = format!(
                            "{}; and two copies fetched {pause:?} apart do not say the same. The next sync compares \
                             again",
                            prepared.doubts()
                        );
                        let listing = self.held(&prepared, Awaits::SecondCopy);
                        return self.hold(prepared, listing, reason).await;
                    }
                    _ => pause,
                },
            };
            self.await_second_copy(prepared).await?;
            (self.report)(SyncStage::Corroborate, length, Some(length));
            (self.waiting)(clock::now().checked_add(wait).unwrap_or(Timestamp::MAX));
            tokio::time::sleep(wait).await;
        }
    }

    /// A listing that only a person can let through, or the policy that stands for one by now.
    async fn await_person(&self, prepared: Prepared, current: Option<Arc<Index>>) -> Result<SyncRecord, CycleError> {
        let listing = self.held(&prepared, Awaits::Person);
        if !self.is_released(&listing) {
            return self.ask_another_source_or_hold(prepared, listing, current).await;
        }
        let doubts = prepared.doubts();
        let by = "the policy vet.release_held_after".to_owned();
        self.apply(prepared, current, Some(Anomaly::LetThrough { by, doubts })).await
    }

    /// Asks the sources. What they said is kept for the cycle's record.
    async fn fetch(&self, current: Option<&Index>) -> Result<(Fetched, String), CycleError> {
        let known = match self.asked.lock().unwrap_or_else(PoisonError::into_inner).sources.clone() {
            none if none.is_empty() => self.at.state.load().sources.clone(),
            known => known,
        };
        // Of a listing that the archive lacks the bytes are wanted, not the word that it has not changed.
        let lacking = self.at.archive_fault.load().is_some();
        let known_digest = current.map(|current| current.snapshot().sha256).filter(|_| !lacking);
        let fetching = |bytes, expected| (self.report)(SyncStage::Fetch, bytes, expected);
        let acquired = acquire(self.settings, &known, known_digest, &self.at.incoming, fetching).await;
        let Acquired { fetched, source, passed_over, sources } = acquired;
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) =
            Asked { source: source.clone(), passed_over, sources };
        Ok((fetched?, source))
    }

    /// What the source says, as the last fetch left it.
    fn asked_of(&self, source: &str) -> Option<SourceState> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.sources.iter().find(|state| state.source == source).cloned()
    }

    /// Puts the bytes of the listing that is served into the archive, if they are not there.
    async fn make_up_archive(&self, listing: FetchedListing) {
        if self.at.archive_fault.load().is_none() {
            return;
        }
        let (archive, fault) = (self.at.archive.clone(), Arc::clone(&self.at.archive_fault));
        let first_fetched = self.at.index.load().as_deref().map(|index| index.snapshot().fetched_at);
        let kept = spawn_blocking(move || match listing.read() {
            Ok(bytes) => {
                let fetched_at = first_fetched.unwrap_or(listing.fetched_at);
                At::keep(&archive, &fault, &bytes, listing.sha256, fetched_at);
            }
            Err(error) => tracing::error!(%error, "the raw listing could not be archived: {error}"),
        });
        if kept.await.is_err() {
            tracing::error!("archiving the raw listing came to an unexpected end");
        }
    }

    /// The source publishes the very bytes of the standing snapshot: one small record is written.
    async fn confirm(&self, current: &Arc<Index>, fetched_at: Timestamp) -> Result<SyncRecord, CycleError> {
        let fetched_at = dated(fetched_at, Some(current.confirmed_at()), current.listed_day());
        let record = (self.record)(SyncOutcome::Unchanged {
            serial: current.snapshot().serial,
            filings: current.snapshot().filings.len() as u64,
        });
        let _turn = self.at.facts.lock().await;
        let kept = {
            let confirmed = Some((current.snapshot().serial, fetched_at));
            let fact = CycleFact { cycle: record.clone(), confirmed, holding: Holding::Nothing };
            let ledger = self.at.ledger.clone();
            spawn_blocking(move || ledger.cycle(&fact)).await
        };
        self.at.state.store(Arc::new(kept.map_err(|_| CycleError::Panicked("commit"))??));
        self.at.publish(current.confirmed(fetched_at));
        Ok(record)
    }

    async fn apply(
        &self,
        prepared: Prepared,
        current: Option<Arc<Index>>,
        why: Option<Anomaly>,
    ) -> Result<SyncRecord, CycleError> {
        let length = prepared.published.bytes.len() as u64;
        (self.report)(SyncStage::Commit, length, Some(length));
        apply(self.at, prepared, current, why, self.record).await
    }

    /// What is on record of this listing once it is held, anew or again.
    fn held(&self, prepared: &Prepared, awaits: Awaits) -> HeldListing {
        let Prepared { published, vetted } = prepared;
        let state = self.at.state.load();
        let known = state.held.iter().find(|held| held.sha256 == published.sha256);
        let (first_fetched_at, last_fetched_at) = HeldListing::times(known, published.fetched_at);
        HeldListing {
            sha256: published.sha256,
            source: published.source.clone(),
            bytes: published.bytes.len() as u64,
            filings: vetted.snapshot.filings.len() as u64,
            gone: vetted.gone.len() as u64,
            first_fetched_at,
            last_fetched_at,
            times: known.map_or(0, |known| known.times) + 1,
            doubts: vetted.doubts.iter().map(Doubt::to_string).collect(),
            awaits,
            peers: known.and_then(|known| known.peers.clone()),
        }
    }

    /// Whether the operator's policy lets a held listing through by now.
    fn is_released(&self, held: &HeldListing) -> bool {
        let after = self.settings.vet.release_held_after.and_then(|after| SignedDuration::try_from(after).ok());
        let contradicted = self.asked_of(&held.source).is_some_and(|source| source.contradicts_the_clock());
        after.is_some_and(|after| held.times > 1 && held.stood() >= after && !contradicted)
    }

    fn reason_to_hold(&self, prepared: &Prepared, current: Option<&Index>) -> String {
        // A loss that large is what another source's listing looks like too. Those that are configured give the same.
        let configured = |source: &str| self.settings.sources().any(|known| known.to_string() == source);
        let other = current.map(Index::snapshot).filter(|snapshot| !configured(&snapshot.source));
        let hint = other.map_or_else(String::new, |snapshot| {
            format!(
                " The current listing came from another source, {}: if the new one is meant to replace it, use a \
                 state directory of its own.",
                snapshot.source
            )
        });
        format!(
            "{}. It is kept, and the last one goes on being served; if it is right all the same, let it through with \
             `rmdd sync --approve {}`.{hint}",
            prepared.doubts(),
            prepared.published.sha256.short()
        )
    }

    /// Keeps the bytes of a listing that is not applied, so that a person can let it through.
    async fn archive(&self, prepared: Prepared) -> Result<(), ArchiveError> {
        let archive = self.at.archive.clone();
        let kept = spawn_blocking(move || {
            let Published { bytes, sha256, fetched_at, .. } = prepared.published;
            archive.keep(&bytes, sha256, fetched_at, Fate::Held)
        });
        kept.await.unwrap_or_else(|_| Err(self.at.archive.interrupted()))
    }

    /// Parses and vets.
    async fn prepare(&self, published: Published, current: Option<Arc<Index>>) -> Result<Prepared, CycleError> {
        prepare(published, current, self.settings.vet.clone(), self.at.peers()).await
    }

    /// A second copy of one source proves nothing about a fault of that source; another source does. Where none is
    /// configured, or it says nothing of use, a person must look.
    async fn ask_another_source_or_hold(
        &self,
        prepared: Prepared,
        listing: HeldListing,
        current: Option<Arc<Index>>,
    ) -> Result<SyncRecord, CycleError> {
        let source = prepared.published.source.clone();
        for other in self.settings.sources().filter(|other| other.to_string() != source) {
            let fetching = |bytes, expected| (self.report)(SyncStage::Corroborate, bytes, expected);
            let fetched = fetch(other, &self.settings.fetch, None, &self.at.incoming, &fetching).await;
            let Ok(Fetched::Listing(copy)) = fetched.inspect_err(|error| {
                tracing::warn!(%error, "a second opinion on a listing that is hard to believe could not be had: {error}");
            }) else {
                continue;
            };
            let digest = current.as_deref().map(|current| current.snapshot().sha256);
            if digest == Some(copy.sha256) {
                // It may just not have the newest listing yet.
                continue;
            }
            let copy = self.prepare(reread(copy, other.to_string()).await?, current.clone()).await;
            let Ok(copy) = copy else { continue };
            if copy.vetted.says_the_same(&prepared.vetted) {
                let doubts = format!("{} (another source, {other}, says the same)", prepared.doubts());
                return self.apply(prepared, current, Some(Anomaly::Corroborated { doubts })).await;
            }
            if copy.vetted.requires().is_none_or(|required| required == Resolution::Alarm) {
                let doubts = prepared.doubts();
                let what = format!("it is that of {other}, because that of {source} is hard to believe: {doubts}");
                return self.apply(copy, current, Some(Anomaly::Unusual { what })).await;
            }
        }
        let reason = self.reason_to_hold(&prepared, current.as_deref());
        let listing = self.with_peers(&prepared, listing, current).await;
        self.hold(prepared, listing, reason).await
    }

    /// With what applying it would change for the operator's own peers.
    async fn with_peers(&self, prepared: &Prepared, listing: HeldListing, current: Option<Arc<Index>>) -> HeldListing {
        let (Some(own), Some(current)) = (self.at.own.clone(), current) else { return listing };
        let vetted = prepared.vetted.clone();
        let affected = spawn_blocking(move || own.affected(&current, &vetted, clock::now())).await;
        HeldListing { peers: affected.ok(), ..listing }
    }

    async fn hold(
        &self,
        prepared: Prepared,
        listing: HeldListing,
        mut reason: String,
    ) -> Result<SyncRecord, CycleError> {
        if let Err(error) = self.archive(prepared).await {
            reason = format!("{reason} Its bytes could not be kept, though: {error}");
        }
        Err(CycleError::Held { listing: Box::new(listing), reason })
    }

    /// Puts a first copy aside, so that not even a crash forgets it before the second has come.
    async fn await_second_copy(&self, prepared: Prepared) -> Result<(), CycleError> {
        let listing = self.held(&prepared, Awaits::SecondCopy);
        tracing::warn!(
            sha256 = %listing.sha256,
            "a second copy is fetched before this listing is applied, because {}", prepared.doubts()
        );
        if let Err(error) = self.archive(prepared).await {
            tracing::error!(%error, "the raw listing could not be archived: {error}");
        }
        let (ledger, _turn) = (self.at.ledger.clone(), self.at.facts.lock().await);
        let held = spawn_blocking(move || ledger.held(&listing)).await.map_err(|_| CycleError::Panicked("hold"))??;
        let state = self.at.state.load_full();
        self.at.state.store(Arc::new(SyncState { held, ..(*state).clone() }));
        Ok(())
    }

    /// Compares with the copy that waits for a second one, if there is one.
    async fn corroborated(&self, second: &Prepared, current: Option<Arc<Index>>, waited: bool) -> Corroboration {
        let state = self.at.state.load_full();
        let Some(first) = state.held.iter().rev().find(|held| held.awaits == Awaits::SecondCopy) else {
            return Corroboration::First;
        };
        if first.sha256 != second.published.sha256 && !self.agrees(first, second, current).await {
            return Corroboration::Differs;
        }
        let passed = second.published.fetched_at.duration_since(first.last_fetched_at);
        let passed = Duration::try_from(passed).unwrap_or_default();
        match self.settings.vet.corroborate_after.checked_sub(passed) {
            Some(left) if !waited && !left.is_zero() => Corroboration::TooSoon(left),
            _ => Corroboration::Agrees { first_fetched_at: first.first_fetched_at },
        }
    }

    /// Whether the archived first copy says the same as the second, though its bytes differ.
    async fn agrees(&self, first: &HeldListing, second: &Prepared, current: Option<Arc<Index>>) -> bool {
        let Ok(published) = archived(self.at, first).await else { return false };
        let first = self.prepare(published, current).await;
        first.is_ok_and(|first| first.vetted.says_the_same(&second.vetted))
    }
}

/// What comparing with an earlier copy came to.
enum Corroboration {
    /// There was none.
    First,
    /// They do not say the same.
    Differs,
    /// They say the same, but the time between them is too short.
    TooSoon(Duration),
    /// They say the same.
    Agrees { first_fetched_at: Timestamp },
}

/// The bytes of a listing that was fetched whole; the file that they came into goes.
async fn reread(listing: FetchedListing, source: String) -> Result<Published, CycleError> {
    let read = spawn_blocking(move || {
        let bytes = listing.read()?;
        Ok(Published { bytes, sha256: listing.sha256, source, fetched_at: listing.fetched_at })
    });
    read.await.map_err(|_| CycleError::Panicked("fetch"))?.map_err(CycleError::Reread)
}
