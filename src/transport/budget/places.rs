//! Places for work, given out in turn.
//!
//! Those who wait are served client by client: whoever asks for one thing waits for one of each other client's, and not for
//! all that somebody else has asked for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::transport::Client;

/// So many of one client may wait, and so many of all.
const WAITING_EACH: usize = 256;
const WAITING: usize = 1024;

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Too many wait already.
    #[error("too many such requests are waiting already")]
    Full,
    /// None came free in time.
    #[error("its turn did not come within {0:?} (limits.work_wait)")]
    Waited(Duration),
    /// The daemon stops.
    #[error("the daemon is stopping")]
    Closed,
}

/// So many places.
#[derive(Debug, Clone)]
pub struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    /// One client leaves a place to the others.
    each: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    waiting: usize,
    clients: HashMap<Client, Standing>,
    /// Those of whom somebody waits, whose turn it is first.
    turns: VecDeque<Client>,
    next: u64,
    refused: u64,
    closed: bool,
}

/// What a client has, and who of it waits.
#[derive(Debug, Default)]
struct Standing {
    taken: usize,
    waiting: VecDeque<(u64, oneshot::Sender<Place>)>,
}

/// A place, given to whoever comes next when it is dropped.
#[derive(Debug)]
pub struct Place {
    inner: Arc<Inner>,
    client: Client,
}

impl Place {
    /// Does this, and gives the place back before anybody hears of the outcome, a panic too.
    pub fn held_while<T>(self, work: impl FnOnce() -> T) -> T {
        let place = self;
        let outcome = work();
        drop(place);
        outcome
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let grants = {
            let mut state = self.inner.lock();
            state.taken = state.taken.saturating_sub(1);
            if let Some(standing) = state.clients.get_mut(&self.client) {
                standing.taken = standing.taken.saturating_sub(1);
                if standing.taken == 0 && standing.waiting.is_empty() {
                    state.clients.remove(&self.client);
                }
            }
            self.inner.grants(&mut state)
        };
        // Outside of the lock: a place that nobody waits for any more comes back here.
        for (waiting, place) in grants {
            let _ = waiting.send(place);
        }
    }
}

/// Somebody who waits, forgotten when it is dropped.
struct Waiting<'a> {
    inner: &'a Inner,
    client: &'a Client,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        let State { waiting, clients, turns, .. } = &mut *state;
        let Some(standing) = clients.get_mut(self.client) else { return };
        let Some(place) = standing.waiting.iter().position(|(number, _)| *number == self.number) else { return };
        standing.waiting.remove(place);
        *waiting -= 1;
        if standing.waiting.is_empty() {
            turns.retain(|client| client != self.client);
            if standing.taken == 0 {
                clients.remove(self.client);
            }
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives free places to those whose turn it is.
    fn grants(self: &Arc<Self>, state: &mut State) -> Vec<(oneshot::Sender<Place>, Place)> {
        let mut grants = Vec::new();
        while state.taken < self.most {
            let State { taken, waiting, clients, turns, .. } = state;
            let may = |client: &Client| clients.get(client).is_none_or(|standing| standing.taken < self.each);
            let Some(client) = turns.iter().position(may).and_then(|place| turns.remove(place)) else { break };
            let Some(standing) = clients.get_mut(&client) else { continue };
            let Some((_, sender)) = standing.waiting.pop_front() else { continue };
            *waiting -= 1;
            *taken += 1;
            standing.taken += 1;
            if !standing.waiting.is_empty() {
                turns.push_back(client.clone());
            }
            grants.push((sender, Place { inner: Arc::clone(self), client }));
        }
        grants
    }

    /// A place at once, or a wait for one. With `bounded`, not more than so many may wait.
    fn ask(
        self: &Arc<Self>,
        client: &Client,
        bounded: bool,
    ) -> Result<Result<Place, (u64, oneshot::Receiver<Place>)>, Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        let (all_taken, all_waiting) = (state.taken, state.waiting);
        let standing = state.clients.entry(client.clone()).or_default();
        if all_taken < self.most && standing.taken < self.each && standing.waiting.is_empty() {
            standing.taken += 1;
            state.taken += 1;
            return Ok(Ok(Place { inner: Arc::clone(self), client: client.clone() }));
        }
        if bounded && (standing.waiting.len() >= WAITING_EACH || all_waiting >= WAITING) {
            if standing.taken == 0 && standing.waiting.is_empty() {
                state.clients.remove(client);
            }
            state.refused += 1;
            return Err(Refused::Full);
        }
        let (sender, receiver) = oneshot::channel();
        let number = state.next;
        state.next += 1;
        state.waiting += 1;
        let standing = state.clients.entry(client.clone()).or_default();
        let first = standing.waiting.is_empty();
        standing.waiting.push_back((number, sender));
        if first {
            state.turns.push_back(client.clone());
        }
        Ok(Err((number, receiver)))
    }
}

impl Places {
    /// So many places, at least one.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self(Arc::new(Inner { most, each: (most - 1).max(1), state: Mutex::default() }))
    }

    /// A place for a client, once its turn comes, within this time.
    ///
    /// # Errors
    ///
    /// If too many wait, or its turn does not come in time.
    pub async fn take(&self, client: &Client, wait: Duration) -> Result<Place, Refused> {
        let (number, granted) = match self.0.ask(client, true)? {
            Ok(place) => return Ok(place),
            Err(waits) => waits,
        };
        let _waiting = Waiting { inner: &self.0, client, number };
        match timeout(wait, granted).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Refused::Closed),
            Err(_) => {
                self.0.lock().refused += 1;
                Err(Refused::Waited(wait))
            }
        }
    }

    /// The same for a part of something that has a share already: it waits for as long as it takes.
    ///
    /// # Errors
    ///
    /// If the daemon stops.
    pub async fn take_in_turn(&self, client: &Client) -> Result<Place, Refused> {
        let (number, granted) = match self.0.ask(client, false)? {
            Ok(place) => return Ok(place),
            Err(waits) => waits,
        };
        let _waiting = Waiting { inner: &self.0, client, number };
        granted.await.map_err(|_| Refused::Closed)
    }

    /// Lets nobody wait any more.
    pub fn close(&self) {
        let dropped = {
            let mut state = self.0.lock();
            state.closed = true;
            state.waiting = 0;
            state.turns.clear();
            state.clients.values_mut().flat_map(|standing| standing.waiting.drain(..)).collect::<Vec<_>>()
        };
        drop(dropped);
    }

    /// Whether nobody gets a place any more.
    pub fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    /// How many are taken, how many wait, and how many were refused so far.
    pub fn counts(&self) -> (usize, usize, u64) {
        let state = self.0.lock();
        (state.taken, state.waiting, state.refused)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn user(uid: u32) -> Client {
        Client::User(Some(uid))
    }

    #[tokio::test]
    async fn places_go_from_client_to_client_however_many_one_of_them_waits_for() {
        let places = Places::new(1);
        let (order, taken) = (Arc::new(Mutex::new(Vec::new())), places.take(&user(0), LONG).await.expect("free"));
        let mut lives = tokio::task::JoinSet::new();
        for uid in [1, 1, 1, 1, 2, 3, 3] {
            let (asked, order) = (places.clone(), Arc::clone(&order));
            lives.spawn(async move {
                let _place = asked.take(&user(uid), LONG).await.expect("its turn");
                order.lock().expect("a lock").push(uid);
            });
            while places.counts().1 < lives.len() {
                tokio::task::yield_now().await;
            }
        }
        drop(taken);
        while let Some(ended) = lives.join_next().await {
            ended.expect("served");
        }
        assert_eq!(*order.lock().expect("a lock"), [1, 2, 3, 1, 3, 1, 1]);
        assert_eq!(places.counts(), (0, 0, 0));
        assert!(places.0.lock().clients.is_empty(), "who has nothing is not remembered");
    }

    #[tokio::test]
    async fn one_client_leaves_a_place_to_the_others() {
        let places = Places::new(3);
        let (_one, _two) = (places.take(&user(1), LONG).await, places.take(&user(1), LONG).await);
        let one = user(1);
        let mut third = pin!(places.take(&one, LONG));
        poll_fn(|cx| {
            assert!(third.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert!(places.take(&user(2), LONG).await.is_ok());
    }

    #[tokio::test]
    async fn a_wait_has_a_bound_and_so_has_the_number_of_those_who_wait() {
        let places = Places::new(1);
        let taken = places.take(&user(1), LONG).await.expect("free");
        let at_once = Duration::ZERO;
        assert_eq!(places.take(&user(2), at_once).await.map(|_| ()), Err(Refused::Waited(at_once)));
        let (one, mut waiting) = (user(1), Vec::new());
        for _ in 0..WAITING_EACH {
            let mut wait = Box::pin(places.take(&one, LONG));
            poll_fn(|cx| {
                assert!(wait.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            waiting.push(wait);
        }
        assert_eq!(places.take(&user(1), LONG).await.map(|_| ()), Err(Refused::Full));
        waiting.pop();
        assert_eq!(places.counts(), (1, WAITING_EACH - 1, 2));
        places.close();
        for wait in waiting {
            assert_eq!(wait.await.map(|_| ()), Err(Refused::Closed));
        }
        drop(taken);
        assert_eq!(places.counts().0, 0);
    }

    #[tokio::test]
    async fn a_place_that_nobody_waits_for_any_more_goes_to_the_next() {
        let places = Places::new(1);
        let taken = places.take(&user(1), LONG).await.expect("free");
        let third = user(3);
        let (gone, mut there) = (places.0.ask(&user(2), true), pin!(places.take(&third, LONG)));
        let Ok(Err((_, receiver))) = gone else { panic!("it waits") };
        poll_fn(|cx| {
            assert!(there.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop((receiver, taken));
        assert!(there.await.is_ok());
    }
}
