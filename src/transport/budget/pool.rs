//! Threads for work beside calls: so many from the start to the end, so that none has to be had when it is needed.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;

use crate::transport::priority::{self, wait_for_answers};

type Job = Box<dyn FnOnce(&Runtime) + Send>;

thread_local! {
    static IS_OF_POOL: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is one of the threads.
pub fn is_here() -> bool {
    IS_OF_POOL.with(Cell::get)
}

#[derive(Debug)]
pub struct Pool {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("jobs", &self.lock().jobs.len()).finish_non_exhaustive()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, once there is one; nothing once there are to be no more.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Pool {
    /// Starts so many threads.
    ///
    /// # Errors
    ///
    /// If one cannot be had.
    pub fn start(count: usize) -> io::Result<Self> {
        let queue = Arc::<Queue>::default();
        for place in 0..count.max(1) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name(format!("work-{place}")).spawn(move || {
                IS_OF_POOL.with(|here| here.set(true));
                wait_for_answers(priority::BESIDE_CALLS);
                while let Some(job) = queue.next() {
                    // What panicked was its own undoing: whoever waits for it is told.
                    let _ = catch_unwind(AssertUnwindSafe(|| job(&runtime)));
                }
            })?;
        }
        Ok(Self { queue })
    }

    /// Has a job done.
    pub fn submit(&self, job: impl FnOnce(&Runtime) + Send + 'static) {
        let mut state = self.queue.lock();
        if !state.closed {
            state.jobs.push_back(Box::new(job));
            self.queue.more.notify_one();
        }
    }

    /// Begins nothing more, and lets the threads end.
    pub fn close(&self) {
        let dropped = {
            let mut state = self.queue.lock();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        self.queue.more.notify_all();
        drop(dropped);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}
