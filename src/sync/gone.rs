//! The copy of what listings no longer show, beside the store: it follows the store after each cycle, off the way of answers.

use std::sync::Arc;

use super::At;
use crate::observe::clock;
use crate::store::removed::{self, Removed};

impl At {
    /// Brings the copy up to what is served. Where that fails it is said once, and tried again with the next cycle.
    pub(super) async fn keep_removals(&self) {
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
