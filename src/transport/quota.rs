//! How many questions a client may put.
//!
//! A client is an address, or over a Unix socket a user: all its connections share one allowance. Whoever puts more is
//! told so at once, in place of an answer; nothing waits. A call to 911 is answered whatever was asked before it.
//!
//! What a client has used up is remembered behind its last connection: one that opens a connection for each question is
//! held to the same.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::{Client, Peer};

/// Entries of clients that have gone are cleared when there are so many, and when there are twice as many as were left.
const CLEARED_AT: usize = 1024;

/// The allowances of all clients.
#[derive(Debug)]
pub struct Allowances {
    quota: Option<Quota>,
    clients: Mutex<Clients>,
}

#[derive(Debug)]
struct Clients {
    known: HashMap<Client, Arc<DefaultDirectRateLimiter>>,
    clear_at: usize,
}

impl Clients {
    /// Forgets those who have gone and have all of their allowance again.
    fn clear(&mut self, all: NonZeroU32) {
        self.known.retain(|_, left| Arc::strong_count(left) > 1 || !matches!(left.check_n(all), Ok(Ok(()))));
        self.clear_at = CLEARED_AT.max(2 * self.known.len());
    }
}

impl Allowances {
    /// So many questions a second for each client, none for no bound. As many as a batch may have can come at once.
    pub fn new(per_second: u32, batch: usize) -> Self {
        let burst = u32::try_from(batch).unwrap_or(u32::MAX).max(per_second);
        let quota = NonZeroU32::new(per_second)
            .zip(NonZeroU32::new(burst))
            .map(|(per_second, burst)| Quota::per_second(per_second).allow_burst(burst));
        Self { quota, clients: Mutex::new(Clients { known: HashMap::new(), clear_at: CLEARED_AT }) }
    }

    /// The allowance of a client, for one of its connections.
    pub fn of(&self, peer: &Peer) -> Allowance {
        let Some(quota) = self.quota else { return Allowance { limiter: None, most: usize::MAX } };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.known.len() >= clients.clear_at {
            clients.clear(quota.burst_size());
        }
        let limiter = clients.known.entry(Client::of(peer)).or_insert_with(|| Arc::new(RateLimiter::direct(quota)));
        Allowance { limiter: Some(Arc::clone(limiter)), most: quota.burst_size().get() as usize }
    }
}

/// What is left to a client.
#[derive(Debug, Clone)]
pub struct Allowance {
    limiter: Option<Arc<DefaultDirectRateLimiter>>,
    /// What it holds when nothing was taken.
    most: usize,
}

impl Allowance {
    /// The most questions that can ever be in it.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Takes so many questions out of it. Nothing is taken if they are not all in it.
    pub fn take(&self, questions: usize) -> bool {
        let (Some(limiter), Some(questions)) = (&self.limiter, u32::try_from(questions).ok().and_then(NonZeroU32::new))
        else {
            return true;
        };
        matches!(limiter.check_n(questions), Ok(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::Tcp(address.parse().expect("an address"))
    }

    #[test]
    fn the_connections_of_one_client_share_an_allowance_and_others_have_their_own() {
        // So slow that nothing comes back within the test.
        let allowances = Allowances::new(1, 3);
        let (one, again) = (allowances.of(&peer("192.0.2.1:1000")), allowances.of(&peer("192.0.2.1:2000")));
        assert!(one.take(2) && again.take(1) && !one.take(1));
        let mapped = allowances.of(&peer("[::ffff:192.0.2.1]:3000"));
        assert!(!mapped.take(1));
        let neighbour = allowances.of(&peer("192.0.2.2:1000"));
        assert!(!neighbour.take(4), "more than it can ever hold");
        assert!(neighbour.take(3), "and nothing was taken for that");
        let (left, right) = (allowances.of(&peer("[2001:db8::1]:1")), allowances.of(&peer("[2001:db8::2:3]:1")));
        assert!(left.take(3) && !right.take(1));
    }

    #[test]
    fn what_was_used_up_is_remembered_behind_the_last_connection_and_forgotten_once_it_is_whole_again() {
        let allowances = Allowances::new(1, 3);
        assert!(allowances.of(&peer("192.0.2.1:1000")).take(3));
        assert!(!allowances.of(&peer("192.0.2.1:2000")).take(1));
        let known = || allowances.clients.lock().expect("a lock").known.len();
        for host in 0..2 * CLEARED_AT {
            let one = allowances.of(&Peer::Unix { uid: u32::try_from(host).ok(), gid: None });
            assert!(one.take(usize::from(host < 10)));
        }
        assert!(known() <= CLEARED_AT + 20, "{}", known());
        assert!(!allowances.of(&peer("192.0.2.1:3000")).take(3), "what has something used up is kept");
    }

    #[test]
    fn without_a_bound_nothing_is_counted() {
        assert!(Allowances::new(0, 3).of(&peer("192.0.2.1:1000")).take(1_000_000));
    }
}
