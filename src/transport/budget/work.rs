//! Work beside calls: each takes a place, in turn, and is done on threads that do nothing else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::places::{Places, Refused};
use super::pool::{self, Pool};
use crate::domain::{ErrorReason, Rejection};
use crate::transport::Client;

/// Where work beside calls is done.
#[derive(Debug, Clone)]
pub struct Work {
    threads: Option<Threads>,
}

#[derive(Debug, Clone)]
struct Threads {
    places: Places,
    pool: Arc<Pool>,
    wait: Duration,
}

fn interrupted() -> Rejection {
    ErrorReason::Internal.reject("the work on this request came to an unexpected end; the daemon's log says more")
}

impl Work {
    /// Starts so many threads. Whoever finds them all busy waits for so long.
    ///
    /// # Errors
    ///
    /// If a thread cannot be had.
    pub fn start(threads: usize, wait: Duration) -> io::Result<Self> {
        let (places, pool) = (Places::new(threads), Arc::new(Pool::start(threads)?));
        Ok(Self { threads: Some(Threads { places, pool, wait }) })
    }

    /// Done where it is asked for, as a command that works on the store directly has it.
    pub fn direct() -> Self {
        Self { threads: None }
    }

    /// Has this done for a client, from its beginning to its end on a thread for that, once it is the client's turn.
    ///
    /// # Errors
    ///
    /// With this reason, if too many wait or the client's turn does not come in time.
    pub async fn run<T: Send + 'static>(
        &self,
        client: &Client,
        busy: ErrorReason,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Rejection> {
        let Some(Threads { places, pool, wait }) = &self.threads else { return Ok(work.await) };
        let place = places.take(client, *wait).await.map_err(|refused| refused.reject(busy))?;
        let (sender, done) = oneshot::channel();
        pool.submit(move |runtime| {
            // Whoever asked may have gone meanwhile.
            if sender.is_closed() {
                return;
            }
            let outcome = place.held_while(|| runtime.block_on(work));
            let _ = sender.send(outcome);
        });
        done.await.map_err(|_| self.ended())
    }

    /// Has the next piece of something that lasts done, in turn, however long that takes.
    ///
    /// # Errors
    ///
    /// If the daemon stops, or the work comes to an unexpected end.
    pub async fn piece<T: Send + 'static>(
        &self,
        client: &Client,
        piece: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Rejection> {
        let Some(Threads { places, pool, .. }) = &self.threads else { return self.blocking(piece).await };
        let place = places.take_in_turn(client).await.map_err(|refused| refused.reject(ErrorReason::Overloaded))?;
        let (sender, done) = oneshot::channel();
        pool.submit(move |_| {
            if sender.is_closed() {
                return;
            }
            let outcome = place.held_while(piece);
            let _ = sender.send(outcome);
        });
        done.await.map_err(|_| self.ended())
    }

    /// Does a part of such work that keeps its thread busy: here, on a thread for that, or on one.
    ///
    /// # Errors
    ///
    /// If it comes to an unexpected end.
    pub async fn blocking<T: Send + 'static>(&self, part: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
        if pool::is_here() {
            return Ok(part());
        }
        let (sender, done) = oneshot::channel();
        match &self.threads {
            Some(Threads { pool, .. }) => pool.submit(move |_| drop(sender.send(part()))),
            None => return tokio::task::spawn_blocking(part).await.map_err(|_| interrupted()),
        }
        done.await.map_err(|_| self.ended())
    }

    /// Why something that was begun came to no end.
    fn ended(&self) -> Rejection {
        match &self.threads {
            Some(threads) if threads.places.is_closed() => Rejection::stopping(),
            _ => interrupted(),
        }
    }

    /// Takes nothing more on.
    pub fn close(&self) {
        if let Some(Threads { places, pool, .. }) = &self.threads {
            places.close();
            pool.close();
        }
    }

    /// How many are worked on, how many wait, and how many were refused so far.
    pub fn counts(&self) -> (usize, usize, u64) {
        self.threads.as_ref().map(|threads| threads.places.counts()).unwrap_or_default()
    }
}

impl Refused {
    /// The same as a rejection.
    pub fn reject(self, busy: ErrorReason) -> Rejection {
        match self {
            Self::Closed => Rejection::stopping(),
            refused => busy.reject(format!(
                "the daemon has more to do beside calls than it can, and {refused}: ask again in a moment, and for less at a \
                 time"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_on_threads_of_its_own_and_one_that_panics_is_told_and_takes_nobody_along() {
        let work = Work::start(2, Duration::from_secs(60)).expect("threads");
        for _ in 0..5 {
            let told = work.run(&Client::Here, ErrorReason::Overloaded, async { panic!("its own undoing") }).await;
            assert_eq!(told.map_err(|rejection: Rejection| rejection.reason), Err::<(), _>(ErrorReason::Internal));
        }
        let inner = work.clone();
        let name = work
            .run(&Client::Here, ErrorReason::Overloaded, async move {
                // A part of it stays on the same thread, or two such works would wait for each other.
                inner.blocking(|| std::thread::current().name().map(str::to_owned)).await
            })
            .await;
        assert!(name.expect("done").expect("done").is_some_and(|name| name.starts_with("work-")));
        work.close();
        let refused = work.run(&Client::Here, ErrorReason::Overloaded, async {}).await.expect_err("closed");
        assert_eq!(refused.reason, ErrorReason::ShuttingDown);
        assert_eq!(work.counts().0, 0);
    }
}
