//! The threads that answer, each with a runtime of its own.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, yield_now};
use tokio_util::task::TaskTracker;

use super::fair_queue::{FairQueue, fair_queue};

/// A connection's whole life. It is made on its thread, whose runtime its socket is registered with.
pub type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

type Begin = Box<dyn FnOnce(&FairQueue) -> Life + Send>;

/// The threads that answer.
#[derive(Debug, Clone)]
pub struct Threads {
    workers: Arc<[Worker]>,
}

#[derive(Debug)]
struct Worker {
    begin: mpsc::UnboundedSender<Begin>,
    busy: Arc<AtomicUsize>,
}

/// Counts a connection on its thread for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One of the threads has ended, which none should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a thread that answers has ended")]
pub struct ThreadEnded;

impl Threads {
    /// Starts so many threads. They end when all clones of the handle are gone and their connections have ended; then the
    /// receivers, one for each, are told nothing.
    ///
    /// # Errors
    ///
    /// If a thread or its runtime cannot be had.
    pub fn start(count: usize) -> io::Result<(Self, Vec<oneshot::Receiver<()>>)> {
        let mut workers = Vec::with_capacity(count);
        let mut ends = Vec::with_capacity(count);
        for place in 0..count.max(1) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            #[expect(clippy::disallowed_methods, reason = "`limits.connections` bounds what is begun")]
            let (begin, mut begun) = mpsc::unbounded_channel::<Begin>();
            let (alive, end) = oneshot::channel();
            std::thread::Builder::new().name(format!("answers-{place}")).spawn(move || {
                let _alive: oneshot::Sender<()> = alive;
                runtime.block_on(async {
                    let mut lives = JoinSet::new();
                    let (fair_queue, scheduler) = fair_queue();
                    tokio::spawn(scheduler.run());
                    loop {
                        tokio::select! {
                            next = begun.recv() => match next {
                                Some(begin) => {
                                    lives.spawn(begin(&fair_queue));
                                    // However many connections come at once: those that are there have their turn before
                                    // each, and the sockets are looked at.
                                    yield_now().await;
                                }
                                None => break,
                            },
                            // A connection that panicked was its own undoing, and nobody else's.
                            Some(_) = lives.join_next() => {}
                        }
                    }
                    while lives.join_next().await.is_some() {}
                });
                // A read of the store that nobody waits for any more must not hold up a stop.
                runtime.shutdown_timeout(Duration::from_millis(100));
            })?;
            workers.push(Worker { begin, busy: Arc::default() });
            ends.push(end);
        }
        Ok((Self { workers: workers.into() }, ends))
    }

    /// Begins a connection's life on the thread that has the fewest, in that thread's fair queue.
    ///
    /// # Errors
    ///
    /// If that thread has ended.
    pub fn begin(&self, begin: impl FnOnce(&FairQueue) -> Life + Send + 'static) -> Result<(), ThreadEnded> {
        let worker = self.workers.iter().min_by_key(|worker| worker.busy.load(Ordering::Relaxed)).ok_or(ThreadEnded)?;
        worker.busy.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&worker.busy));
        let life = move |fair_queue: &FairQueue| -> Life {
            let life = begin(fair_queue);
            Box::pin(async move {
                let _counted = counted;
                life.await;
            })
        };
        worker.begin.send(Box::new(life)).map_err(|_| ThreadEnded)
    }

    /// Waits until every thread has taken a turn: none of them hangs.
    ///
    /// # Errors
    ///
    /// If one has ended.
    pub async fn alive(&self) -> Result<(), ThreadEnded> {
        for worker in self.workers.iter() {
            let (sender, turn) = oneshot::channel();
            let begin: Begin = Box::new(move |_| {
                Box::pin(async move {
                    let _ = sender.send(());
                })
            });
            worker.begin.send(begin).map_err(|_| ThreadEnded)?;
            turn.await.map_err(|_| ThreadEnded)?;
        }
        Ok(())
    }

    /// Connections on each thread.
    pub fn connections(&self) -> Vec<usize> {
        self.workers.iter().map(|worker| worker.busy.load(Ordering::Relaxed)).collect()
    }
}

/// Where a listener's connections live.
#[derive(Debug, Clone)]
pub enum Place {
    /// On the threads that answer.
    Threads(Threads),
    /// On the runtime of the rest of the daemon: what is asked there may take long, and is asked seldom.
    Here(TaskTracker),
}

impl Place {
    /// Begins a connection's life, in the fair queue of its thread where it is one that answers.
    ///
    /// # Errors
    ///
    /// If the thread has ended.
    pub fn begin(&self, begin: impl FnOnce(Option<&FairQueue>) -> Life + Send + 'static) -> Result<(), ThreadEnded> {
        match self {
            Self::Threads(threads) => threads.begin(|fair_queue| begin(Some(fair_queue))),
            Self::Here(lives) => {
                lives.spawn(begin(None));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_spread_evenly_and_a_panicking_one_takes_nobody_along() {
        let (threads, ends) = Threads::start(3).expect("threads");
        let (end, _) = tokio::sync::broadcast::channel::<()>(1);
        for _ in 0..9 {
            let mut ended = end.subscribe();
            threads
                .begin(move |_| {
                    Box::pin(async move {
                        let _ = ended.recv().await;
                    })
                })
                .expect("begun");
        }
        assert_eq!(threads.connections(), [3, 3, 3]);
        for _ in 0..3 {
            threads.begin(|_| Box::pin(async { panic!("its own undoing") })).expect("begun");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(threads.alive()).expect("all live");
        assert_eq!(threads.connections().iter().sum::<usize>(), 9);
        drop(end);
        drop(threads);
        for end in ends {
            assert!(runtime.block_on(end).is_err(), "it is dropped");
        }
    }
}
