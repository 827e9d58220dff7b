//! One cycle through the stages: fetch -> parse -> vet -> diff -> commit -> publish. One at a time.
//!
//! The listing comes from the first of the configured sources that gives one ([`acquire`]); a failed cycle is followed
//! by another ahead of schedule ([`retry`]).
//!
//! The cycle runs in a task of its own, reached through a [`SyncHandle`]. Whoever asks for a sync while one runs joins
//! it and gets its outcome. A cycle that brings nothing to apply changes neither the listing nor the index; only its
//! record is written, and what is held.

pub mod acquire;
mod apply;
mod approve;
mod clocks;
mod cycle;
mod elsewhere;
pub mod fetch;
mod gone;
mod handle;
mod own;
mod replay;
mod reported;
pub mod retry;
pub mod schedule;
mod tally;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokio::sync::{Mutex, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::wording::count;
use crate::domain::{Sha256Digest, Snapshot, SourceState, later_than};
use crate::listing::index::{Index, PublishedIndex};
use crate::listing::rewind::HistoryConfig;
use crate::listing::vet::{OwnPeer, VetConfig};
use crate::observe::clock;
use crate::store::archive::{Archive, ArchiveConfig, Fate};
use crate::store::removed;
use crate::store::{Ledger, Loaded, PublishedRecords, Retired, StoreError, SyncState};
use crate::sync::fetch::{FetchConfig, Source, clear_incoming};
use handle::Request;

pub(crate) use elsewhere::Answered;
pub use elsewhere::{Elsewhere, Publisher};
pub use handle::{Approval, ApprovalError, SyncHandle, SyncProgress, SyncStage};
pub(crate) use own::Own;
pub use replay::{ArchivedListing, replay, replay_behind};
pub(crate) use tally::OUTCOMES;
pub use tally::SyncTally;

/// What a cycle works by. It is read at the start of each, so a reload takes effect with the next.
#[derive(Debug, Clone)]
pub struct SyncSettings {
    /// Where the listing is published.
    pub source: Source,
    /// Where else, in order of preference.
    pub fallbacks: Vec<Source>,
    /// How it is fetched.
    pub fetch: FetchConfig,
    /// How it is judged.
    pub vet: VetConfig,
    /// How long its raw bytes are kept.
    pub archive: ArchiveConfig,
    /// How far back history is kept.
    pub history: HistoryConfig,
}

impl SyncSettings {
    /// Where the listing is published, in order of preference.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        std::iter::once(&self.source).chain(&self.fallbacks)
    }
}

/// The directory beside the store in which listings come in.
const INCOMING: &str = "incoming";

/// What cycles work on.
#[derive(Debug)]
struct At {
    ledger: Ledger,
    archive: Archive,
    incoming: PathBuf,
    index: Arc<PublishedIndex>,
    state: Arc<ArcSwap<SyncState>>,
    tally: Arc<SyncTally>,
    published: watch::Sender<()>,
    /// Nothing where nobody's peers are known.
    own: Option<Own>,
    /// Why the raw bytes of the listing that is served are not in the archive, if they are not.
    archive_fault: Arc<ArcSwapOption<String>>,
    /// Why what listings no longer show does not stand in its copy beside the store, if it does not.
    removals_fault: Arc<ArcSwapOption<String>>,
    /// Held from before a fact is made until it is published: others may make facts here besides.
    facts: Arc<Mutex<()>>,
}

impl At {
    /// Puts the raw bytes of the listing that is served, or is about to be, into the archive. Where that fails it is said
    /// once, and tried again with the next cycle.
    fn keep(
        archive: &Archive,
        fault: &ArcSwapOption<String>,
        bytes: &[u8],
        sha256: Sha256Digest,
        fetched_at: Timestamp,
    ) {
        match archive.keep(bytes, sha256, fetched_at, Fate::Applied) {
            Ok(()) => {
                if fault.swap(None).is_some() {
                    tracing::info!(%sha256, "the raw listing is in the archive now");
                }
            }
            Err(error) => {
                let said = error.to_string();
                if fault.swap(Some(Arc::new(said.clone()))).is_none_or(|before| *before != said) {
                    tracing::error!(%error, "the raw listing could not be archived: {error}");
                }
            }
        }
    }

    /// Looks whether the archive holds the listing that is served. Reads it whole: what cannot be read is not held.
    async fn look_into_archive(&self) {
        let Some(sha256) = self.index.load().as_deref().map(|index| index.snapshot().sha256) else { return };
        let archive = self.archive.clone();
        let held = tokio::task::spawn_blocking(move || archive.holds(sha256)).await;
        let lacking = matches!(held, Ok(false)).then(|| {
            let said = format!("{} does not hold the listing {sha256} whole", self.archive.directory().display());
            tracing::warn!(%sha256, "{said}: the next sync puts it there if the source still publishes it");
            Arc::new(said)
        });
        self.archive_fault.store(lacking);
    }

    /// The operator's own peers.
    fn peers(&self) -> Vec<OwnPeer> {
        self.own.as_ref().map(|own| own.peers(clock::now())).unwrap_or_default()
    }

    /// Lets answers rest on another index, which is committed, and says so.
    fn publish(&self, index: Index) {
        self.index.publish(index);
        self.published.send_replace(());
    }

    /// Serves what is stored, if that is not what is served: a disk that failed at the very end of a commit leaves it open
    /// whether it did as it was told, and only the file can say.
    async fn catch_up(&self) {
        let _turn = self.facts.lock().await;
        let (store, served) = (Arc::clone(self.ledger.store()), self.index.load_full());
        let served = served.map(|index| index.snapshot().serial);
        let read = tokio::task::spawn_blocking(move || match store.newest_snapshot()? {
            newest if newest == served => Ok::<_, StoreError>(None),
            _ => store.load().map(Some),
        });
        match read.await {
            Ok(Ok(None)) | Err(_) => {}
            Ok(Ok(Some(Loaded { snapshot, removals, last_change, sync_state, .. }))) => {
                match &snapshot {
                    Some(Snapshot { serial, .. }) => {
                        tracing::warn!(snapshot = serial.0, "the store holds snapshot {serial}: it is served");
                    }
                    None => tracing::warn!("the store holds no snapshot: none is served"),
                }
                self.index.replace(snapshot.map(|snapshot| Index::build(snapshot, removals, last_change)));
                self.published.send_replace(());
                self.state.store(Arc::new(sync_state));
            }
            // The cycle will meet it too, where it matters.
            Ok(Err(error)) => tracing::warn!(%error, "the store cannot be read before the sync: {error}"),
        }
    }
}

/// The task that runs the cycles.
#[derive(Debug)]
pub struct Syncer {
    at: At,
    requests: mpsc::Receiver<Request>,
    progress: watch::Sender<Option<SyncProgress>>,
    settings: Arc<ArcSwap<SyncSettings>>,
    completed: watch::Sender<u64>,
}

impl Syncer {
    /// A syncer over an open store and the index published from it, and the way to it.
    pub fn new(
        ledger: Ledger,
        index: Arc<PublishedIndex>,
        state: SyncState,
        settings: SyncSettings,
        archive: Archive,
    ) -> (Self, SyncHandle) {
        // Deep enough for every client that may wait for one cycle; more than that wait to be let in.
        let (sender, requests) = mpsc::channel(64);
        let (progress, progress_seen) = watch::channel(None);
        let (completed, completed_seen) = watch::channel(0);
        let (published, published_seen) = watch::channel(());
        let state = Arc::new(ArcSwap::from_pointee(state));
        let settings = Arc::new(ArcSwap::from_pointee(settings));
        let tally = Arc::new(SyncTally::default());
        let (archive_fault, removals_fault) = (Arc::new(ArcSwapOption::empty()), Arc::new(ArcSwapOption::empty()));
        let handle = SyncHandle {
            requests: sender,
            progress: progress_seen,
            state: Arc::clone(&state),
            settings: Arc::clone(&settings),
            completed: completed_seen,
            tally: Arc::clone(&tally),
            published: published_seen,
            archive_fault: Arc::clone(&archive_fault),
            removals_fault: Arc::clone(&removals_fault),
            elsewhere: None,
        };
        // Beside the store: whoever has that has this.
        let incoming = ledger.store().path().with_file_name(INCOMING);
        let (own, facts) = (None, Arc::default());
        let at =
            At { ledger, archive, incoming, index, state, tally, published, own, archive_fault, removals_fault, facts };
        (Self { at, requests, progress, settings, completed }, handle)
    }

    /// Lets listings be judged by what they do to the operator's own peers, too.
    #[must_use]
    pub(crate) fn with_own(mut self, own: Own) -> Self {
        self.at.own = Some(own);
        self
    }

    /// Where what other sites have decided is published.
    pub fn publisher(&self, handle: &SyncHandle) -> Publisher {
        Publisher {
            index: Arc::clone(&self.at.index),
            state: Arc::clone(&self.at.state),
            published: self.at.published.clone(),
            completed: self.completed.clone(),
            facts: Arc::clone(&self.at.facts),
            requests: handle.requests.downgrade(),
            archive: self.at.archive.clone(),
            archive_fault: Arc::clone(&self.at.archive_fault),
        }
    }

    /// Drops what is not kept any more. It fails without harm: the next cycle tries again.
    async fn drop_old(&self, succeeded: bool) {
        let (now, settings) = (clock::now(), self.settings.load_full());
        let (Some(index), state) = (self.at.index.load_full(), self.at.state.load_full()) else { return };
        let source = state.last.as_ref().map(|last| last.source.as_str());
        let source = state.sources.iter().find(|state| Some(state.source.as_str()) == source);
        let contradicted = source.is_some_and(SourceState::contradicts_the_clock);
        let latest = source.map_or(now, |source| source.latest(now)).max(index.confirmed_at());
        if succeeded && !contradicted && later_than(now, index.listed_day()).is_none() {
            self.redate_records(index.confirmed_at(), latest).await;
        }
        let archive = self.at.archive.clone();
        let archived = tokio::task::spawn_blocking(move || archive.entries().unwrap_or_default()).await;
        let archived = archived.unwrap_or_default().into_iter().map(|entry| entry.fetched_at);
        let fetched = clocks::fetched(archived, &state.held);
        let Some(past) = clocks::surely_past(now, index.listed_day(), source, &fetched) else { return };
        let held = state.held.iter().map(|held| held.sha256);
        let needed = std::iter::once(index.snapshot().sha256).chain(held).collect();
        // What lies ahead came before what stands, or is it.
        let mends = (succeeded && !contradicted).then_some(index.snapshot().fetched_at);
        self.expire((past, latest), mends, needed).await;
        if let Some(from) = settings.history.keep_from(past).filter(|_| succeeded) {
            self.retire(from).await;
        }
    }

    /// Gives changes of records that were made while the clock was ahead a time that has come. In a fleet they are what its
    /// log says.
    async fn redate_records(&self, to: Timestamp, now: Timestamp) {
        let Ledger::Own(store) = &self.at.ledger else { return };
        if store.events_ahead(now).is_none() {
            return;
        }
        let redated = match &self.at.own {
            Some(own) => own.records.redate(store, to, now).await,
            None => PublishedRecords::default().redate(store, to, now).await,
        };
        if let Err(error) = redated {
            tracing::warn!(%error, "changes of operators' records lie ahead of now, and could not be dated anew: {error}");
        }
    }

    /// Drops raw listings that are older than they are kept, and gives those that were put there while the clock was ahead
    /// a time that has come.
    async fn expire(&self, (past, now): (Timestamp, Timestamp), mends: Option<Timestamp>, needed: Vec<Sha256Digest>) {
        let (archive, keep) = (self.at.archive.clone(), self.settings.load().archive.clone());
        let expired = tokio::task::spawn_blocking(move || {
            if let Some(to) = mends {
                archive.mend(to, now)?;
            }
            archive.expire(&keep, &needed, past)
        });
        match expired.await.unwrap_or_else(|_| Err(self.at.archive.interrupted())) {
            Ok(0) => {}
            Ok(dropped) => tracing::debug!(dropped, "{dropped} old raw listings were dropped from the archive"),
            Err(error) => tracing::warn!(%error, "old raw listings could not be dropped: {error}"),
        }
    }

    async fn retire(&self, from: Timestamp) {
        let store = Arc::clone(self.at.ledger.store());
        match tokio::task::spawn_blocking(move || store.retire(from)).await {
            Ok(Ok(Retired { changes: 0, snapshots: 0, .. })) => {}
            Ok(Ok(Retired { changes, snapshots, floor })) => tracing::info!(
                changes,
                snapshots,
                floor = floor.0,
                "history was shortened by history.keep_days: {changes} changes and {snapshots} snapshots were dropped; \
                 it reaches back to snapshot {floor}",
                changes = count(changes),
                snapshots = count(snapshots)
            ),
            Ok(Err(error)) => tracing::error!(%error, "history could not be shortened: {error}"),
            Err(_) => tracing::error!("shortening history came to an unexpected end"),
        }
    }

    /// Runs cycles as they are asked for, until the shutdown or until no handle is left. A fetch under way is dropped
    /// at shutdown; a commit under way is finished by its own thread.
    pub async fn run(mut self, shutdown: CancellationToken) {
        // Approvals that came while a cycle ran.
        let mut later = VecDeque::new();
        clear(self.at.incoming.clone(), self.at.archive.clone()).await;
        self.at.look_into_archive().await;
        self.at.keep_beside().await;
        loop {
            let request = match later.pop_front() {
                Some(request) => request,
                None => tokio::select! {
                    () = shutdown.cancelled() => return,
                    request = self.requests.recv() => match request {
                        Some(request) => request,
                        None => return,
                    },
                },
            };
            let settings = self.settings.load_full();
            match request {
                Request::Approve { approval, reply } => {
                    let outcome = approve::run(&self.at, &settings, &self.progress, approval).await;
                    self.at.keep_beside().await;
                    self.progress.send_replace(None);
                    self.completed.send_modify(|count| *count += 1);
                    // Whoever asked may have gone.
                    let _ = reply.send(outcome);
                }
                Request::DropOld { succeeded } => {
                    self.at.keep_beside().await;
                    self.drop_old(succeeded).await;
                }
                Request::Sync { trigger, reply } => {
                    let mut waiting = vec![reply];
                    let record = {
                        let cycle = cycle::run(&self.at, settings, &self.progress, trigger);
                        tokio::pin!(cycle);
                        loop {
                            tokio::select! {
                                record = &mut cycle => break record,
                                Some(request) = self.requests.recv() => match request {
                                    Request::Sync { reply, .. } => waiting.push(reply),
                                    // The cycle itself does.
                                    Request::DropOld { .. } => {}
                                    approval @ Request::Approve { .. } => later.push_back(approval),
                                },
                                () = shutdown.cancelled() => return,
                            }
                        }
                    };
                    self.at.keep_beside().await;
                    self.drop_old(record.outcome.is_success()).await;
                    self.progress.send_replace(None);
                    self.completed.send_modify(|count| *count += 1);
                    for reply in waiting {
                        let _ = reply.send(record.clone());
                    }
                }
            }
        }
    }
}

/// Removes what a process that was killed has left of a fetch, and half written in the archive. Whoever has the store has
/// both, so nobody else is writing there.
async fn clear(incoming: PathBuf, archive: Archive) {
    let shown = incoming.display().to_string();
    let cleared = tokio::task::spawn_blocking(move || {
        archive.sweep();
        removed::sweep(incoming.parent().unwrap_or(&incoming));
        clear_incoming(&incoming)
    });
    match cleared.await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(files)) => {
            tracing::info!(files, "removed what a fetch that broke off has left in {shown}: {files} files")
        }
        Ok(Err(error)) => tracing::warn!(%error, "what earlier fetches left in {shown} cannot be removed: {error}"),
    }
}

#[cfg(test)]
mod tests;
