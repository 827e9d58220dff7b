//! What a site of a fleet does about syncing while another site fetches for all.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, watch};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;

use super::{Approval, ApprovalError, At, Request};
use crate::domain::{Sha256Digest, SyncRecord};
use crate::listing::index::{Index, PublishedIndex};
use crate::store::archive::{Archive, Fate};
use crate::store::{Loaded, Store, StoreError, SyncState};

/// What comes of asking another site.
pub(crate) type Answered<'a> = Pin<Box<dyn Future<Output = Result<SyncRecord, ApprovalError>> + Send + 'a>>;

/// Where cycles are run that are not run here.
pub trait Elsewhere: fmt::Debug + Send + Sync {
    /// Whether this site fetches. It changes.
    fn fetches(&self) -> watch::Receiver<bool>;

    /// Whether it may do so at this moment. A process that stood still learns of it from its clock before anybody tells it.
    fn fetches_now(&self) -> bool;

    /// Has the site that fetches run a cycle, or let a held listing through, and waits until what came of it is here. A sync
    /// that could not be had is a record of one that failed.
    fn ask(&self, approval: Option<Approval>) -> Answered<'_>;
}

/// Where what others have decided is published, by the same way as what is decided here.
#[derive(Debug, Clone)]
pub struct Publisher {
    pub(super) index: Arc<PublishedIndex>,
    pub(super) state: Arc<ArcSwap<SyncState>>,
    pub(super) published: watch::Sender<()>,
    pub(super) completed: watch::Sender<u64>,
    pub(super) facts: Arc<Mutex<()>>,
    pub(super) requests: mpsc::WeakSender<Request>,
    pub(super) archive: Archive,
    pub(super) archive_fault: Arc<ArcSwapOption<String>>,
}

impl Publisher {
    /// Waits for its turn: from before a fact is made until it is published, nobody else makes one.
    pub async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.facts).lock_owned().await
    }

    /// What is published.
    pub fn index(&self) -> Option<Arc<Index>> {
        self.index.load_full()
    }

    /// How syncing went.
    pub fn state(&self) -> Arc<SyncState> {
        self.state.load_full()
    }

    /// Counts the cycles that ended, here or elsewhere.
    pub fn completed(&self) -> watch::Receiver<u64> {
        self.completed.subscribe()
    }

    /// Publishes what the store holds by now: another index, if it is another, and how syncing went.
    pub fn publish(&self, index: Option<Index>, state: SyncState) {
        if let Some(index) = index {
            self.index.publish(index);
            self.published.send_replace(());
        }
        self.state.store(Arc::new(state));
        self.completed.send_modify(|count| *count += 1);
    }

    /// Publishes all that the store holds, and that it holds no listing where that is so: what another store held before is
    /// not to be answered from, nor to be gone on from.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn reload(&self, store: &Store) -> Result<(), StoreError> {
        let Loaded { snapshot, removals, last_change, sync_state, .. } = store.load()?;
        self.index.replace(snapshot.map(|snapshot| Index::build(snapshot, removals, last_change)));
        self.published.send_replace(());
        self.publish(None, sync_state);
        Ok(())
    }

    /// Where raw listings are kept.
    pub fn archive(&self) -> Archive {
        self.archive.clone()
    }

    /// Puts the raw bytes of a listing there, as they were fetched elsewhere. Where that fails it is said.
    pub async fn keep_raw(&self, bytes: Vec<u8>, (sha256, fetched_at): (Sha256Digest, Timestamp), fate: Fate) {
        let (archive, fault) = (self.archive.clone(), Arc::clone(&self.archive_fault));
        let kept = tokio::task::spawn_blocking(move || match fate {
            Fate::Applied => At::keep(&archive, &fault, &bytes, sha256, fetched_at),
            Fate::Held => {
                if let Err(error) = archive.keep(&bytes, sha256, fetched_at, fate) {
                    tracing::error!(%error, "the raw listing could not be archived: {error}");
                }
            }
        });
        if kept.await.is_err() {
            tracing::error!("archiving the raw listing came to an unexpected end");
        }
        // What its file does not tell is written beside it, also where it was applied before its bytes came.
        self.drop_old(false);
    }

    /// Has what is not kept any more dropped, when there is time for it.
    pub fn drop_old(&self, succeeded: bool) {
        if let Some(requests) = self.requests.upgrade() {
            // Where many wait, one of them will do.
            let _ = requests.try_send(Request::DropOld { succeeded });
        }
    }
}
