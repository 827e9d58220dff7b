//! The way to the sync task: for all who ask for a cycle, or look at one.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Elsewhere, SyncSettings, SyncTally};
use crate::domain::{Sha256Digest, SyncOutcome, SyncRecord, SyncTrigger};
use crate::observe::clock;
use crate::store::SyncState;
use crate::store::archive::ArchiveError;

/// How far a running cycle has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncProgress {
    /// The stage it is in.
    pub stage: SyncStage,
    /// Bytes fetched so far.
    pub bytes: u64,
    /// Bytes to fetch, if the source said.
    pub bytes_expected: Option<u64>,
    /// When it started.
    pub started_at: Timestamp,
    /// What started it.
    pub trigger: SyncTrigger,
    /// While a second copy is waited for: when it is fetched.
    pub waits_until: Option<Timestamp>,
}

/// The stages of a cycle that take time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncStage {
    /// The bytes are coming.
    Fetch,
    /// They are read, judged and compared.
    Vet,
    /// A second copy is waited for.
    Corroborate,
    /// The snapshot is written.
    Commit,
}

impl SyncStage {
    /// The word on the wire and the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Vet => "vet",
            Self::Corroborate => "corroborate",
            Self::Commit => "commit",
        }
    }
}

#[derive(Debug)]
pub(super) enum Request {
    Sync {
        trigger: SyncTrigger,
        reply: oneshot::Sender<SyncRecord>,
    },
    Approve {
        approval: Approval,
        reply: oneshot::Sender<Result<SyncRecord, ApprovalError>>,
    },
    /// Another site has run a cycle.
    DropOld {
        succeeded: bool,
    },
}

/// A person's word that a held listing is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// Who says so.
    pub by: String,
}

/// Why a held listing was not let through. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// No listing of that digest is held.
    #[error(
        "no listing with the digest {sha256} is held{}",
        if .held.is_empty() { "; none is".to_owned() } else { format!("; held are: {}", .held.join(", ")) }
    )]
    NotHeld {
        /// The digest.
        sha256: Sha256Digest,
        /// Those that are.
        held: Vec<String>,
    },
    /// Its bytes cannot be had any more.
    #[error("the held listing cannot be let through: {0}. Run `rmdd sync`: the source may publish it still")]
    Archive(#[from] ArchiveError),
    /// The site that fetches for the fleet could not be asked, or did not do it.
    #[error("{0}")]
    Elsewhere(String),
    /// The daemon is stopping.
    #[error(transparent)]
    Stopped(#[from] SyncStopped),
}

/// The way to the sync task, for all who ask for a cycle or look at one.
#[derive(Debug, Clone)]
pub struct SyncHandle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) progress: watch::Receiver<Option<SyncProgress>>,
    pub(super) state: Arc<ArcSwap<SyncState>>,
    pub(super) settings: Arc<ArcSwap<SyncSettings>>,
    pub(super) completed: watch::Receiver<u64>,
    pub(super) tally: Arc<SyncTally>,
    pub(super) published: watch::Receiver<()>,
    pub(super) archive_fault: Arc<ArcSwapOption<String>>,
    pub(super) removals_fault: Arc<ArcSwapOption<String>>,
    /// Set where another site may be the one that fetches.
    pub(super) elsewhere: Option<Arc<dyn Elsewhere>>,
}

/// The daemon is stopping: no cycle will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the daemon is stopping")]
pub struct SyncStopped;

impl SyncHandle {
    /// Runs a cycle, or joins the one that runs, and waits for its outcome.
    ///
    /// # Errors
    ///
    /// If the sync task has ended. A refused or failed cycle is an outcome, not an error.
    pub async fn sync(&self, trigger: SyncTrigger) -> Result<SyncRecord, SyncStopped> {
        if let Some(elsewhere) = self.elsewhere.as_ref().filter(|elsewhere| !elsewhere.fetches_now()) {
            return Ok(self.sync_elsewhere(&**elsewhere, trigger).await);
        }
        let (reply, outcome) = oneshot::channel();
        self.requests.send(Request::Sync { trigger, reply }).await.map_err(|_| SyncStopped)?;
        outcome.await.map_err(|_| SyncStopped)
    }

    /// Lets a held listing through, behind the cycle that runs, if one does.
    ///
    /// # Errors
    ///
    /// If no such listing is held, or its bytes are lost.
    pub async fn approve(&self, approval: Approval) -> Result<SyncRecord, ApprovalError> {
        if let Some(elsewhere) = self.elsewhere.as_ref().filter(|elsewhere| !elsewhere.fetches_now()) {
            return elsewhere.ask(Some(approval)).await;
        }
        let (reply, outcome) = oneshot::channel();
        self.requests.send(Request::Approve { approval, reply }).await.map_err(|_| SyncStopped)?;
        outcome.await.map_err(|_| SyncStopped)?
    }

    /// Lets cycles be run at another site while that fetches.
    #[must_use]
    pub fn with_elsewhere(self, elsewhere: Arc<dyn Elsewhere>) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    /// Whether cycles are run here: always, but at a site of a fleet for which another fetches.
    pub fn fetches(&self) -> bool {
        self.elsewhere.as_ref().is_none_or(|elsewhere| *elsewhere.fetches().borrow())
    }

    /// Ends when this site begins to fetch, or ceases to, from now on; never, where that cannot be.
    pub fn fetching_changes(&self) -> impl Future<Output = ()> + Send + use<> {
        let fetches = self.elsewhere.as_ref().map(|elsewhere| elsewhere.fetches());
        async move {
            let Some(mut fetches) = fetches else { return std::future::pending().await };
            if fetches.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// An operator's wish is told to the site that fetches. A schedule and the like are its own business.
    async fn sync_elsewhere(&self, elsewhere: &dyn Elsewhere, trigger: SyncTrigger) -> SyncRecord {
        let failed = |error: String| SyncRecord {
            at: clock::now(),
            trigger,
            source: self.settings().source.to_string(),
            outcome: SyncOutcome::Failed { error },
            passed_over: Vec::new(),
            sources: Vec::new(),
        };
        match trigger {
            SyncTrigger::Operator => elsewhere.ask(None).await.unwrap_or_else(|error| failed(error.to_string())),
            _ => match self.state().last.clone() {
                Some(last) => last,
                None => failed("another site fetches for the fleet".to_owned()),
            },
        }
    }

    /// Asks for a cycle and does not wait for it. What comes of it is told by the cycle.
    pub fn start(&self, trigger: SyncTrigger) {
        let handle = self.clone();
        tokio::spawn(async move {
            // Fails only at shutdown.
            let _ = handle.sync(trigger).await;
        });
    }

    /// How far the running cycle has come; nothing if none runs.
    pub fn progress(&self) -> Option<SyncProgress> {
        self.progress.borrow().clone()
    }

    /// How syncing went so far.
    pub fn state(&self) -> Arc<SyncState> {
        self.state.load_full()
    }

    /// What cycles work by.
    pub fn settings(&self) -> Arc<SyncSettings> {
        self.settings.load_full()
    }

    /// Puts other settings in force, from the next cycle on.
    pub fn set_settings(&self, settings: SyncSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// What cycles came to since the start.
    pub fn tally(&self) -> &SyncTally {
        &self.tally
    }

    /// Why the raw bytes of the listing that is served are not in the archive, if they are not.
    pub fn archive_fault(&self) -> Option<String> {
        self.archive_fault.load().as_deref().cloned()
    }

    /// Why what listings no longer show does not stand in its copy beside the store, if it does not.
    pub fn removals_fault(&self) -> Option<String> {
        self.removals_fault.load().as_deref().cloned()
    }

    /// Counts the cycles that ended; changes with each.
    pub fn completed(&self) -> watch::Receiver<u64> {
        self.completed.clone()
    }

    /// Changes whenever another index was published: a listing was applied or confirmed.
    pub fn published(&self) -> watch::Receiver<()> {
        self.published.clone()
    }
}
