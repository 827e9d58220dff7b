//! What a cycle came to, in the log and in the tally.

use std::time::Duration;

use jiff::Timestamp;

use super::SyncTally;
use crate::domain::visible::one_line;
use crate::domain::wording::count;
use crate::domain::{ChangeCounts, SyncOutcome, SyncRecord};
use crate::observe::clock;

/// The one line that says what a sync did. The sentence holds it all for people; the fields, for machines.
pub fn tell(tally: &SyncTally, record: SyncRecord, started_at: Timestamp) -> SyncRecord {
    let took = clock::now().duration_since(started_at);
    let took_ms = took.as_millis();
    // Negative where the clock was set back meanwhile.
    tally.count(&record, Duration::try_from(took).unwrap_or_default());
    // A source's own words may be in it.
    let said = match &record.outcome {
        SyncOutcome::Applied { .. } | SyncOutcome::Unchanged { .. } => String::new(),
        SyncOutcome::Held { reason, .. } | SyncOutcome::Refused { reason } => one_line(reason),
        SyncOutcome::Failed { error } => one_line(error),
    };
    log_outcome(&record, said.as_str(), took_ms);
    for fault in &record.passed_over {
        let (source, kind, error) = (fault.source.as_str(), fault.kind.as_str(), one_line(&fault.error));
        let error = error.as_str();
        tracing::warn!(source, kind, error, "a source that is preferred gave no listing: {error}");
    }
    record
}

fn log_outcome(record: &SyncRecord, said: &str, took_ms: i128) {
    let (outcome, trigger, source) = (record.outcome.as_str(), record.trigger.as_str(), record.source.as_str());
    match &record.outcome {
        SyncOutcome::Applied { serial, filings, changes } => {
            let ChangeCounts { listed, amended, removed, reinstated } = *changes;
            tracing::info!(
                outcome,
                trigger,
                source,
                snapshot = serial.0,
                filings,
                listed,
                amended,
                removed,
                reinstated,
                took_ms,
                "sync applied snapshot {serial}: {filings} filings; {listed} listed, {amended} amended, {removed} \
                 removed, {reinstated} reinstated ({trigger}, {took_ms} ms)",
                filings = count(*filings),
                listed = count(listed),
                amended = count(amended),
                removed = count(removed),
                reinstated = count(reinstated)
            );
        }
        SyncOutcome::Unchanged { serial, filings } => tracing::info!(
            outcome,
            trigger,
            source,
            snapshot = serial.0,
            filings,
            took_ms,
            "sync confirmed snapshot {serial}: {filings} filings, unchanged ({trigger}, {took_ms} ms)",
            filings = count(*filings)
        ),
        SyncOutcome::Held { sha256, .. } => tracing::error!(
            outcome,
            trigger,
            source,
            %sha256,
            reason = said,
            took_ms,
            "sync changed nothing and holds the listing: {said} (from {source}; {trigger}, {took_ms} ms)"
        ),
        SyncOutcome::Refused { .. } => tracing::error!(
            outcome,
            trigger,
            source,
            reason = said,
            took_ms,
            "sync refused the listing and changed nothing: {said} (from {source}; {trigger}, {took_ms} ms)"
        ),
        SyncOutcome::Failed { .. } => tracing::error!(
            outcome,
            trigger,
            source,
            error = said,
            took_ms,
            "sync failed and changed nothing: {said} ({trigger}, {took_ms} ms)"
        ),
    }
}
