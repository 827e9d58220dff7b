//! `--rebuild`: a damaged store is kept aside, and the daemon begins again.

use std::path::Path;

use jiff::Timestamp;

use crate::store::{self, Rebuilt, Store, StoreError};

/// Begins the store again if it is damaged, and says what became of what was in it.
pub fn rebuild(state_dir: &Path, now: Timestamp) -> Result<(), StoreError> {
    // The listing of now comes with the first sync, which is due where there is none.
    let refill = |_: &Store| Ok(());
    let Some(Rebuilt { kept, faults, salvaged }) = store::rebuild(state_dir, now, refill)? else {
        tracing::info!("the store is good: --rebuild had nothing to do");
        return Ok(());
    };
    let kept = kept.display();
    for fault in &faults {
        tracing::error!(fault, "the store was damaged: {fault}");
    }
    for lost in &salvaged.lost {
        tracing::error!(lost, "lost with the damaged store: {lost}");
    }
    let (records, events) = (salvaged.records.len(), salvaged.events.len());
    tracing::warn!(
        %kept, records, events, lost = salvaged.lost.len(),
        "the store was begun again: the damaged one is kept as {kept}; {records} operators' records and {events} events of \
         their history were saved; the history of the listing begins anew"
    );
    Ok(())
}
