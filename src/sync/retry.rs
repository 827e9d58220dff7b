//! A cycle that failed is followed by another ahead of schedule, after times that grow.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::SyncHandle;
use crate::domain::{SyncOutcome, SyncTrigger};
use crate::observe::clock;
use crate::store::SyncState;
use crate::sync::fetch::{FetchConfig, pause};

/// The longest that is slept without looking at the clock again, which may have been set or have stood still.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// When to ask again ahead of schedule, after what the state says; never, if the last cycle succeeded. Not before the
/// first of the sources wants to be asked. `chance` is from 0 to 1. A cycle that ended ahead of now ended just now: it was
/// the clock that was set back.
pub fn retry_at(state: &SyncState, config: &FetchConfig, chance: f64, now: Timestamp) -> Option<Timestamp> {
    let last = state.last.as_ref()?;
    if !matches!(last.outcome, SyncOutcome::Failed { .. } | SyncOutcome::Refused { .. } | SyncOutcome::Held { .. }) {
        return None;
    }
    let wait = pause(state.failures_since, config.retry_min, config.retry_max, chance);
    let at = last.at.min(now).checked_add(SignedDuration::try_from(wait).ok()?).ok()?;
    // One that wants no rest can be asked at any time.
    let longest = SignedDuration::try_from(config.max_retry_after).unwrap_or(SignedDuration::MAX);
    let rested = state.sources.iter().map(|source| source.left_alone_until(longest, now)).min().flatten();
    Some(rested.map_or(at, |rested| at.max(rested)))
}

/// Asks for a cycle when it is time for a retry, until the shutdown. `next` tells when that is. If a cycle is about to
/// start (`awaited`), that one comes first.
pub async fn run(sync: SyncHandle, next: watch::Sender<Option<Timestamp>>, awaited: bool, shutdown: CancellationToken) {
    let mut completed = sync.completed();
    if awaited {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = completed.changed() => {}
        }
    }
    loop {
        let settings = sync.settings();
        let fetching_changes = sync.fetching_changes();
        // Where another site fetches, that tries again.
        let at =
            sync.fetches().then(|| retry_at(&sync.state(), &settings.fetch, rand::random(), clock::now())).flatten();
        next.send_replace(at);
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = completed.changed() => if changed.is_err() { break },
            () = fetching_changes => {}
            () = until(at) => {
                next.send_replace(None);
                // Its outcome is seen above. Fails only at shutdown.
                let _ = sync.sync(SyncTrigger::Retry).await;
                completed.mark_unchanged();
            }
        }
    }
    shutdown.cancelled().await;
}

/// Waits for a time of the wall clock; for ever, if there is none. Where that is set back meanwhile, for no longer than it
/// would have been without.
async fn until(at: Option<Timestamp>) {
    let Some(at) = at else { return std::future::pending().await };
    let left = || Duration::try_from(at.duration_since(clock::now())).unwrap_or_default();
    let (longest, since) = (left(), Instant::now());
    loop {
        let left = left().min(longest.saturating_sub(since.elapsed()));
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK_EVERY)).await;
    }
}

/// The earlier of two times, either of which may never come.
pub fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SnapshotSerial, SourceState, SyncRecord};

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn state(outcome: SyncOutcome, failures_since: u64, not_before: &[Option<i64>]) -> SyncState {
        let sources = not_before
            .iter()
            .map(|until| SourceState { not_before: until.map(time), ..SourceState::default() })
            .collect();
        SyncState {
            last: Some(SyncRecord {
                at: time(1000),
                trigger: SyncTrigger::Schedule,
                source: String::new(),
                outcome,
                passed_over: Vec::new(),
                sources: Vec::new(),
            }),
            failures_since,
            sources,
            ..SyncState::default()
        }
    }

    fn failed(failures: u64, not_before: &[Option<i64>]) -> SyncState {
        state(SyncOutcome::Failed { error: "no route".to_owned() }, failures, not_before)
    }

    const NOW: i64 = 1010;

    #[test]
    fn retries_come_later_and_later_and_end_with_a_success() {
        let config = FetchConfig::default();
        let at = |state: &SyncState| retry_at(state, &config, 0.0, time(NOW));
        assert_eq!(at(&failed(1, &[])), Some(time(1060)));
        assert_eq!(at(&failed(2, &[])), Some(time(1120)));
        assert_eq!(at(&failed(99, &[])), Some(time(1900)));
        let refused = SyncOutcome::Refused { reason: "a page".to_owned() };
        assert_eq!(at(&state(refused, 1, &[])), Some(time(1060)));
        let success = SyncOutcome::Unchanged { serial: SnapshotSerial::FIRST, filings: 1 };
        assert_eq!(at(&state(success, 0, &[])), None);
        assert_eq!(at(&SyncState::default()), None);
    }

    #[test]
    fn no_retry_comes_before_a_source_wants_to_be_asked() {
        let config = FetchConfig::default();
        let at = |not_before: &[Option<i64>]| retry_at(&failed(1, not_before), &config, 0.0, time(NOW));
        assert_eq!(at(&[Some(5000)]), Some(time(5000)));
        assert_eq!(at(&[Some(5000), Some(3000)]), Some(time(3000)));
        assert_eq!(at(&[Some(5000), None]), Some(time(1060)), "the second may be asked");
        assert_eq!(at(&[Some(1001)]), Some(time(1060)));
    }

    #[test]
    fn neither_a_last_cycle_nor_a_sources_wish_from_a_clock_that_was_ahead_delays_a_retry() {
        let at =
            |not_before: &[Option<i64>], now| retry_at(&failed(1, not_before), &FetchConfig::default(), 0.0, time(now));
        assert_eq!(at(&[], 500), Some(time(560)), "the last cycle ended at 1000, by a clock that was ahead");
        assert_eq!(at(&[Some(200_000_000)], NOW), Some(time(1060)), "a wish for years");
        assert_eq!(at(&[Some(200_000_000), Some(3000)], NOW), Some(time(1060)), "the first may be asked");
    }

    #[test]
    fn the_earlier_of_two_times_counts() {
        assert_eq!(earlier(Some(time(2)), Some(time(1))), Some(time(1)));
        assert_eq!(earlier(None, Some(time(1))), Some(time(1)));
        assert_eq!(earlier(None, None), None);
    }
}
