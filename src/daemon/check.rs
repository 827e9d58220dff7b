//! The store is checked while it is in use: what a disk did to it is better known before a restart than after.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::wording::count;
use crate::store::{Store, Verified};

/// How long after the start the store is checked first: when all that a start has to do is done.
const FIRST: Duration = Duration::from_secs(10 * 60);

/// How often it is checked from then on.
const EVERY: Duration = Duration::from_secs(24 * 3600);

/// Checks the store now and then, until the shutdown. What is found is kept in mind by the store and becomes an alarm.
pub async fn run(store: Arc<Store>, shutdown: CancellationToken) {
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = EVERY;
        let checked = Arc::clone(&store);
        match tokio::task::spawn_blocking(move || checked.verify()).await {
            Ok(Ok(verified)) if verified.faults.is_empty() && !verified.journal_faults.is_empty() => {
                let mended = Arc::clone(&store);
                for fault in &verified.journal_faults {
                    tracing::error!(fault, "{fault}");
                }
                say_archive(&verified);
                // What became of it is in the log, and an alarm.
                match tokio::task::spawn_blocking(move || mended.mend_journal()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::error!(%error, "{error}"),
                    Err(_) => tracing::error!("mending the journal came to an unexpected end"),
                }
            }
            Ok(Ok(verified)) if verified.faults.is_empty() => {
                say_archive(&verified);
                let snapshots = verified.snapshots;
                tracing::info!(
                    snapshots,
                    "the store holds what was put into it: {snapshots} snapshots with their digests",
                    snapshots = count(snapshots)
                );
            }
            // Noted by the store itself.
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the store could not be checked: {error}"),
            Err(_) => tracing::error!("the check of the store came to an unexpected end"),
        }
    }
}

/// What is wrong with the archive is one line each: answers do not rest on it.
fn say_archive(verified: &Verified) {
    for fault in &verified.archive_faults {
        tracing::error!(fault, "{fault}");
    }
}
