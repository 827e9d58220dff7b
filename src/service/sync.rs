//! Having the daemon sync, let a held listing through, or read its settings anew.

use tokio::sync::oneshot;

use super::{Reloaded, Services, SyncAccess};
use crate::domain::{ErrorReason, Rejection, Sha256Digest, SyncRecord, SyncTrigger};
use crate::sync::{Approval, ApprovalError, SyncHandle};

fn no_daemon() -> Rejection {
    ErrorReason::NoDaemon.reject("no daemon runs here: this command only reads the store")
}

impl Services {
    /// What runs the cycles.
    fn cycles(&self) -> Result<&SyncHandle, Rejection> {
        match &self.sync {
            SyncAccess::Handle(handle) => Ok(handle),
            SyncAccess::Record { .. } => Err(no_daemon()),
        }
    }

    /// Runs a sync cycle to its end.
    ///
    /// # Errors
    ///
    /// If no daemon runs here, or it is stopping. What came of the cycle is its record.
    pub async fn trigger_sync(&self) -> Result<SyncRecord, Rejection> {
        self.cycles()?.sync(SyncTrigger::Operator).await.map_err(|_| Rejection::stopping())
    }

    /// Lets the held listing of this digest through.
    ///
    /// # Errors
    ///
    /// If none is held, nobody says to have decided it, or no daemon runs here.
    pub async fn approve(&self, sha256: Sha256Digest, by: &str) -> Result<SyncRecord, Rejection> {
        let cycles = self.cycles()?;
        if by.trim().is_empty() {
            return Err(ErrorReason::InvalidApproval.reject("say who lets the listing through (by)"));
        }
        let approval = Approval { sha256, by: by.trim().to_owned() };
        cycles.approve(approval).await.map_err(|error| match error {
            ApprovalError::Stopped(_) => Rejection::stopping(),
            ApprovalError::Elsewhere(why) => ErrorReason::FleetCutOff.reject(why),
            error => ErrorReason::ListingNotHeld.reject(error.to_string()),
        })
    }

    /// Has the settings read anew.
    ///
    /// # Errors
    ///
    /// If they are refused, or no daemon runs here.
    pub async fn reload(&self) -> Result<Reloaded, Rejection> {
        let running = self.running.as_ref().ok_or_else(no_daemon)?;
        let (reply, outcome) = oneshot::channel();
        running.reload.send(reply).await.map_err(|_| Rejection::stopping())?;
        let reloaded = outcome.await.map_err(|_| Rejection::stopping())?;
        reloaded.map_err(|error| ErrorReason::ConfigInvalid.reject(error))
    }
}
