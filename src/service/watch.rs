//! `WatchChanges`: the changes as they come, each once and in order.
//!
//! A change has its serial from the store, where it stands before anybody hears of it. So a watcher is nothing but a place
//! in that order: it reads a page from the store, waits until the page is taken, and reads the next; behind the last it
//! waits until another index is published. What one watcher costs is one page, however slow it is and however much there
//! is to tell. It never hears of a change before answers rest on it.
//!
//! Each watcher has a task of its own, since only a task can tell that nothing is being taken.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::Stream;

use super::{Services, SnapshotRef, SyncAccess, store_failed};
use crate::domain::{Change, ChangeSerial, ErrorReason, Rejection, Sha256Digest, SnapshotSerial};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::store::{ChangesKept, Store, StoreError};
use crate::transport::Client;
use crate::transport::auth::StreamAuthorization;
use crate::transport::budget::Share;

/// The most bytes of a page, as stored, unless one change alone has more. A watcher that takes nothing costs one.
const PAGE_BYTES: usize = 32 << 10;

/// From where somebody watches, and what they know already.
#[derive(Debug, Clone, Default)]
pub struct WatchRequest {
    /// From where.
    pub start: WatchStart,
    /// A snapshot that the client knows: by it a history that was begun anew is told from the one that it followed.
    pub known: Option<(SnapshotSerial, Sha256Digest)>,
}

/// From where somebody watches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WatchStart {
    /// From the first change that is kept.
    #[default]
    Oldest,
    /// From now on.
    Now,
    /// Behind this change.
    After(ChangeSerial),
}

/// What a watcher is sent.
#[derive(Debug, Clone)]
pub enum WatchEvent {
    /// A change.
    Change(Change),
    /// All changes up to here were sent.
    Checkpoint {
        /// The last change that was sent.
        last: ChangeSerial,
        /// The snapshot that is complete with it.
        snapshot: SnapshotRef,
        /// Whether that is the one that is served.
        caught_up: bool,
    },
}

/// All who watch.
#[derive(Debug, Default)]
pub struct Watchers {
    dropped: AtomicU64,
}

impl Watchers {
    /// How many were dropped so far because they were too slow.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// What is ready for a watcher: one page, and then why there is no more.
#[derive(Default)]
struct Outlet {
    slot: Mutex<Slot>,
    /// Wakes the task when all of the page was taken.
    emptied: Notify,
}

#[derive(Default)]
struct Slot {
    ready: VecDeque<WatchEvent>,
    end: Option<Rejection>,
    /// Whether anything was taken since this was last looked at.
    taken: bool,
    reader: Option<Waker>,
}

impl Outlet {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, page: VecDeque<WatchEvent>) {
        let mut slot = self.slot();
        slot.ready = page;
        slot.taken = false;
        slot.wake();
    }

    fn end(&self, rejection: Rejection) {
        let mut slot = self.slot();
        slot.end = Some(rejection);
        slot.wake();
    }

    /// Ends at once: what was not taken yet is not told any more.
    fn cut_off(&self, rejection: Rejection) {
        self.slot().ready = VecDeque::new();
        self.end(rejection);
    }

    /// Waits until all of the page was taken.
    ///
    /// # Errors
    ///
    /// If nothing of it was taken for so long. Then it is thrown away: what waits for nobody knows how long costs memory.
    async fn emptied(&self, patience: Duration) -> Result<(), Rejection> {
        loop {
            if self.slot().ready.is_empty() {
                return Ok(());
            }
            if timeout(patience, self.emptied.notified()).await.is_err() {
                let mut slot = self.slot();
                if !slot.ready.is_empty() && !std::mem::take(&mut slot.taken) {
                    slot.ready = VecDeque::new();
                    return Err(ErrorReason::WatcherTooSlow.reject(format!(
                        "nothing was taken for {patience:?} (limits.watcher_patience): come again behind the last serial"
                    )));
                }
            }
        }
    }
}

impl Slot {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// What a watcher gets.
pub struct WatchStream {
    outlet: Arc<Outlet>,
    task: AbortHandle,
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stream for WatchStream {
    type Item = Result<WatchEvent, Rejection>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut slot = self.outlet.slot();
        if let Some(next) = slot.ready.pop_front() {
            slot.taken = true;
            if slot.ready.is_empty() {
                self.outlet.emptied.notify_one();
            }
            return Poll::Ready(Some(Ok(next)));
        }
        if let Some(end) = slot.end.take() {
            return Poll::Ready(Some(Err(end)));
        }
        slot.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The listing that is served, without its memory: a slow watcher must not keep an old one alive.
struct Current {
    last: ChangeSerial,
    snapshot: SnapshotRef,
    key: (SnapshotSerial, Timestamp),
}

impl Current {
    fn of(index: &Index, now: Timestamp) -> Self {
        Self {
            last: index.last_change(),
            snapshot: SnapshotRef::of(index, now),
            key: (index.snapshot().serial, index.confirmed_at()),
        }
    }
}

/// One watcher's task.
struct Watch {
    services: Services,
    outlet: Arc<Outlet>,
    published: watch::Receiver<()>,
    /// The last change that was sent.
    position: ChangeSerial,
    authorization: Option<StreamAuthorization>,
    client: Client,
    _watching: Share,
}

impl Services {
    /// Begins to watch for a client, for as long as the permit holds.
    ///
    /// # Errors
    ///
    /// If too many watch, the changes asked for are not kept any more, or no daemon runs here.
    pub async fn watch(
        &self,
        request: WatchRequest,
        client: Client,
        authorization: Option<StreamAuthorization>,
    ) -> Result<WatchStream, Rejection> {
        let SyncAccess::Handle(sync) = &self.sync else {
            return Err(ErrorReason::NoDaemon.reject("no daemon runs here: there is nothing to watch"));
        };
        let watching = self.budget.watchers.take(&client, 1).map_err(|none| {
            ErrorReason::TooManyWatchers
                .reject(format!("{none} watchers, by limits.watchers: a quarter for one client"))
        })?;
        // Before the index is looked at: nothing that is published from here on is missed.
        let published = sync.published();
        let now = self.loaded()?.last_change();
        let known = request.known;
        let kept = self.reading(&client, move |store| KnownHistory::read(store, known)).await?.kept()?;
        let position = match request.start {
            WatchStart::Now => now,
            WatchStart::Oldest => kept.behind,
            WatchStart::After(after) if after > kept.last => {
                return Err(ErrorReason::HistoryReplaced.reject(format!(
                    "the newest change is {}, and what comes behind a later one was asked for: the store was begun anew or \
                     restored since, or the serial is wrong. Begin anew",
                    kept.last
                )));
            }
            WatchStart::After(after) if after < kept.behind => return Err(expired(after, kept.behind)),
            WatchStart::After(after) => after,
        };
        let outlet = Arc::new(Outlet::default());
        let watch = Watch {
            services: self.clone(),
            outlet: Arc::clone(&outlet),
            published,
            position,
            authorization,
            client,
            _watching: watching,
        };
        let task = tokio::spawn(watch.run()).abort_handle();
        Ok(WatchStream { outlet, task })
    }

    /// Reads the store on the threads for that, in turn with others.
    async fn reading<T: Send + 'static>(
        &self,
        client: &Client,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Rejection> {
        let store = Arc::clone(&self.store);
        self.budget.work.piece(client, move || read(&store)).await?.map_err(|error| store_failed(&error))
    }
}

/// What the history here is to one who knows a snapshot.
enum KnownHistory {
    /// It is the one that the client knows, as far as it is kept.
    Same(ChangesKept),
    /// The snapshot that the client knows is no longer kept.
    Dropped(SnapshotSerial),
    /// Another snapshot bears the serial that the client knows, or none does.
    Replaced(SnapshotSerial),
}

impl KnownHistory {
    fn read(store: &Store, known: Option<(SnapshotSerial, Sha256Digest)>) -> Result<Self, StoreError> {
        let kept = store.changes_kept()?;
        let Some((serial, sha256)) = known else { return Ok(Self::Same(kept)) };
        Ok(match store.snapshot_record(serial)? {
            Some(record) if record.sha256 == sha256 => Self::Same(kept),
            None if store.oldest_snapshot()?.is_some_and(|oldest| serial < oldest.serial) => Self::Dropped(serial),
            _ => Self::Replaced(serial),
        })
    }

    fn kept(self) -> Result<ChangesKept, Rejection> {
        match self {
            Self::Same(kept) => Ok(kept),
            Self::Dropped(serial) => {
                Err(ErrorReason::CursorExpired.reject(format!("snapshot {serial} is no longer kept: begin anew")))
            }
            Self::Replaced(serial) => Err(ErrorReason::HistoryReplaced.reject(format!(
                "snapshot {serial} is not the one that you know: the store was begun anew or restored since: begin anew"
            ))),
        }
    }
}

fn expired(after: ChangeSerial, behind: ChangeSerial) -> Rejection {
    ErrorReason::CursorExpired.reject(format!(
        "changes behind {after} are no longer kept: the history begins behind change {behind}; begin anew"
    ))
}

impl Watch {
    async fn run(mut self) {
        let (shutdown, mut authorization) = (self.services.shutdown.clone(), self.authorization.take());
        let withdrawn = async {
            match &mut authorization {
                Some(authorization) => authorization.withdrawn().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => self.outlet.end(Rejection::stopping()),
            denied = withdrawn => self.outlet.cut_off(Rejection::from(&denied)),
            end = self.follow() => self.outlet.end(end),
        }
    }

    /// Sends changes and checkpoints until there is a reason not to.
    async fn follow(&mut self) -> Rejection {
        let limits = Arc::clone(&self.services.limits);
        let mut reported = None;
        let mut silent_until = Instant::now();
        loop {
            self.published.borrow_and_update();
            let current = self.services.index.load().as_deref().map(|index| Current::of(index, clock::now()));
            let mut until = silent_until;
            let page = match current {
                Some(current) if self.position < current.last => match self.page(current).await {
                    Ok((page, complete)) => {
                        reported = complete;
                        Some(page)
                    }
                    Err(rejection) => return rejection,
                },
                Some(current)
                    if self.position == current.last
                        && (reported != Some(current.key) || Instant::now() >= silent_until) =>
                {
                    reported = Some(current.key);
                    Some(VecDeque::from([checkpoint(self.position, current.snapshot, true)]))
                }
                Some(current) if self.position == current.last => None,
                // The last change that the client has is committed, and about to be published.
                _ => {
                    until = Instant::now() + limits.watcher_checkpoint;
                    None
                }
            };
            if let Some(page) = page {
                self.outlet.put(page);
                if let Err(too_slow) = self.outlet.emptied(limits.watcher_patience).await {
                    self.services.watchers.dropped.fetch_add(1, Ordering::Relaxed);
                    tracing::info!(position = self.position.0, "a watcher was dropped: it took nothing");
                    return too_slow;
                }
                silent_until = Instant::now() + limits.watcher_checkpoint;
                continue;
            }
            tokio::select! {
                changed = self.published.changed() => if changed.is_err() { return Rejection::stopping() },
                () = sleep_until(until) => {}
            }
        }
    }

    /// The next page, and the listing that it completes, if it does.
    async fn page(
        &mut self,
        current: Current,
    ) -> Result<(VecDeque<WatchEvent>, Option<(SnapshotSerial, Timestamp)>), Rejection> {
        let (after, until) = (self.position, current.last);
        let changes =
            self.services.reading(&self.client, move |store| store.change_page(after, until, PAGE_BYTES)).await?;
        let mut page = VecDeque::with_capacity(changes.len() + 2);
        for (change, completed) in changes {
            if change.serial.0 != self.position.0 + 1 {
                return Err(self.gap(change.serial).await);
            }
            self.position = change.serial;
            page.push_back(WatchEvent::Change(change));
            if let Some(record) = completed {
                let snapshot = SnapshotRef::on_record(&record, clock::now());
                page.push_back(checkpoint(self.position, snapshot, false));
            }
        }
        if page.is_empty() {
            return Err(self.gap(current.last).await);
        }
        if self.position < current.last {
            return Ok((page, None));
        }
        let newest = self.services.index.load().as_deref().map(|index| index.snapshot().serial);
        page.push_back(checkpoint(self.position, current.snapshot, newest == Some(current.key.0)));
        Ok((page, Some(current.key)))
    }

    /// Why the change behind the last one is not there.
    async fn gap(&self, found: ChangeSerial) -> Rejection {
        match self.services.reading(&self.client, Store::changes_kept).await {
            Ok(kept) if kept.behind > self.position => expired(self.position, kept.behind),
            Ok(_) => {
                let what = format!("change {} is missing: {found} follows {}", self.position.0 + 1, self.position);
                self.services.store.note_damage(&what);
                ErrorReason::StoreFailed.reject(what)
            }
            Err(rejection) => rejection,
        }
    }
}

fn checkpoint(last: ChangeSerial, snapshot: SnapshotRef, caught_up: bool) -> WatchEvent {
    WatchEvent::Checkpoint { last, snapshot, caught_up }
}
