//! Threads that syncs, administration, the check of the store and name look-ups use for what keeps a thread busy.
//!
//! A runtime makes such threads when they are needed, and panics or waits for ever where the system gives none: a flood
//! elsewhere on the machine, or a bound on tasks, would then end a sync. So all that there may be are made at the start, and
//! none of them ends. What clients for queries ask for is done on others
//! ([`Work`](crate::transport::budget::Work)).

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::transport::priority::{self, wait_for_answers};

/// So many. A fetch has one for as long as it takes, and what else needs one comes to its end by itself. Not more: each keeps
/// memory of its own for what was done on it last, some ten megabytes behind a sync.
pub const THREADS: usize = 4;

/// No thread ends while the daemon runs.
pub const KEEP: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// They are there in an instant, if they can be had at all.
const WAIT: Duration = Duration::from_secs(10);

/// Makes all of them.
///
/// # Errors
///
/// If the system does not give them.
pub async fn make() -> std::io::Result<()> {
    let meeting = Arc::new((Mutex::new(0), Condvar::new()));
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..THREADS {
        let meeting = Arc::clone(&meeting);
        waiting.spawn_blocking(move || {
            wait_for_answers(priority::SYNCS);
            let (there, all) = &*meeting;
            let mut there = there.lock().unwrap_or_else(PoisonError::into_inner);
            *there += 1;
            all.notify_all();
            let met = all.wait_timeout_while(there, WAIT, |there| *there < THREADS);
            met.is_ok_and(|(_, timed_out)| !timed_out.timed_out())
        });
    }
    let mut met = true;
    let all = async {
        while let Some(here) = waiting.join_next().await {
            met &= here.unwrap_or_default();
        }
    };
    let in_time = tokio::time::timeout(WAIT * 2, all).await.is_ok();
    if met && in_time {
        return Ok(());
    }
    Err(std::io::Error::new(
        std::io::ErrorKind::WouldBlock,
        format!("the system gives fewer than the {THREADS} that are needed beside those that answer: raise TasksMax="),
    ))
}
