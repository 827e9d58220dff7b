//! What stands beside the store and says what it says, so that one that is lost can be begun again: it follows the store at a
//! start and after each cycle, off the way of answers.

use std::sync::Arc;

use super::At;
use crate::domain::wording::moment;
use crate::observe::clock;
use crate::store::archive::{Archive, ArchiveError, Untold};
use crate::store::removed::{self, Removed};

impl At {
    /// Brings what stands beside the store up to what it holds.
    pub(super) async fn keep_beside(&self) {
        self.keep_removals().await;
        self.keep_notes().await;
    }

    /// Writes anew what is told of how archived listings came to be applied, where that is damaged or missing.
    async fn keep_notes(&self) {
        let (store, archive) = (Arc::clone(self.ledger.store()), self.archive.clone());
        if store.read_only().is_some() || store.damage().is_some() {
            return;
        }
        let kept = tokio::task::spawn_blocking(move || match store.snapshot_records() {
            Ok(records) => archive.tell_anew(&records).map(|untold| tell(&archive, &untold)).map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        });
        if let Err(error) = kept.await.unwrap_or_else(|_| Err(ArchiveError::to_string(&self.archive.interrupted()))) {
            tracing::warn!(error, "how listings came to be applied could not be written down in the archive: {error}");
        }
    }

    /// Brings the copy up to what is served. Where that fails it is said once, and tried again with the next cycle.
    async fn keep_removals(&self) {
        let Some(index) = self.index.load_full() else { return };
        let store = Arc::clone(self.ledger.store());
        // What cannot be written is an alarm of its own.
        if store.read_only().is_some() {
            return;
        }
        let written = tokio::task::spawn_blocking(move || {
            let serial = index.snapshot().serial;
            let removed = Removed::of(&store, serial, index.removals()).map_err(|error| error.to_string())?;
            let state_dir = crate::store::directory::of(store.path());
            let failed = |error| format!("{}: {error}", state_dir.join(removed::REMOVALS_NAME).display());
            removed::write(state_dir, &removed, clock::now()).map_err(failed)
        });
        let fault = &self.removals_fault;
        match written.await.unwrap_or_else(|_| Err("the task that wrote it came to an unexpected end".to_owned())) {
            Ok(written) => {
                if fault.swap(None).is_some() && written {
                    tracing::info!("the copy of removals beside the store is written now");
                }
            }
            Err(error) => {
                if fault.swap(Some(Arc::new(error.clone()))).is_none_or(|before| *before != error) {
                    tracing::error!(error, "the copy of removals beside the store could not be written: {error}");
                }
            }
        }
    }
}

/// Says what was damaged or missing.
fn tell(archive: &Archive, untold: &Untold) {
    for bad in untold.bad.iter().filter(|bad| !untold.is_known(bad)) {
        let (path, why) = (bad.path.display(), &bad.why);
        tracing::error!(%path, why, "how an archived listing came to be applied cannot be read in {path} ({why}), and the store does not say it either: move it away");
    }
    for held in &untold.held {
        let sha256 = held.sha256;
        tracing::info!(%sha256, "the archived listing {sha256}, which was held, is written down as one that was applied");
    }
    for lacking in untold.lacking.iter().filter(|lacking| !untold.is_held(lacking)) {
        let (sha256, at) = (lacking.sha256, moment(lacking.applied_at));
        let directory = archive.directory().display();
        tracing::warn!(%sha256, at, "how the listing {sha256} came to be applied at {at} was damaged or missing in {directory}: it is written anew from the store");
    }
}
