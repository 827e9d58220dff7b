//! Shares of what there is so much of: streams, exports, bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::transport::Client;
use crate::transport::activity::{Activity, Made};

/// So much of a thing one client may have, where it has some already: a quarter of all.
const CLIENT_PART: usize = 4;

/// Few of a thing are not parted.
const NOT_PARTED: usize = 4;

/// Something that there is so much of.
#[derive(Debug, Clone)]
pub struct Shares(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    each: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<Client, usize>,
}

/// What a client has of it, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    inner: Arc<Inner>,
    client: Client,
    amount: usize,
}

/// There is not so much left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoShare {
    /// For this client.
    #[error("this client has its share, {0},")]
    OfClient(usize),
    /// For anybody.
    #[error("all of the {0} there may be are taken")]
    OfAll(usize),
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shares {
    /// So much of it.
    pub fn new(most: usize) -> Self {
        let each = (most / CLIENT_PART).max(most.min(NOT_PARTED)).max(1);
        Self(Arc::new(Inner { most, each, taken: Mutex::default() }))
    }

    /// Takes so much for a client. Whoever has nothing yet may take more than its part at once, if it is there.
    ///
    /// # Errors
    ///
    /// If there is not so much left, for the client or for all.
    pub fn take(&self, client: &Client, amount: usize) -> Result<Share, NoShare> {
        let Inner { most, each, .. } = *self.0;
        let mut taken = self.0.lock();
        let has = taken.by.get(client).copied().unwrap_or_default();
        if has > 0 && has.saturating_add(amount) > each {
            return Err(NoShare::OfClient(each));
        }
        if taken.all.saturating_add(amount) > most {
            return Err(NoShare::OfAll(most));
        }
        taken.all += amount;
        *taken.by.entry(client.clone()).or_default() += amount;
        Ok(Share { inner: Arc::clone(&self.0), client: client.clone(), amount })
    }

    /// How much is taken.
    pub fn taken(&self) -> usize {
        self.0.lock().all
    }

    /// How much a client may have, and how much there is for all.
    pub fn bounds(&self) -> (usize, usize) {
        (self.0.each, self.0.most)
    }
}

/// Bytes, and what they have of all the bytes that there may be.
struct Held<B> {
    bytes: B,
    _share: Share,
    _made: Made,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl Share {
    /// The bytes of an answer that it is for: it is given back when the last of them is gone. The answer's body and its task may be gone
    /// long before, since HTTP/2 takes all that there is and keeps it until the client has opened its windows; so the connection
    /// keeps count of it, too.
    pub fn holding(self, bytes: impl AsRef<[u8]> + Send + 'static, activity: &Arc<Activity>) -> Bytes {
        Bytes::from_owner(Held { bytes, _share: self, _made: activity.makes() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.inner.lock();
        taken.all = taken.all.saturating_sub(self.amount);
        if let Some(has) = taken.by.get_mut(&self.client) {
            *has = has.saturating_sub(self.amount);
            if *has == 0 {
                taken.by.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Registry;

    #[test]
    fn one_client_gets_a_quarter_and_everything_comes_back() {
        let shares = Shares::new(100);
        let (one, other) = (Client::User(Some(1)), Client::User(Some(2)));
        let half = shares.take(&one, 50).expect("it had nothing yet");
        assert_eq!(shares.take(&one, 1).map(|_| ()), Err(NoShare::OfClient(25)));
        let held: Vec<_> = (0..25).map(|_| shares.take(&other, 1).expect("its part")).collect();
        assert_eq!(shares.take(&other, 1).map(|_| ()), Err(NoShare::OfClient(25)));
        assert_eq!(shares.take(&Client::Here, 26).map(|_| ()), Err(NoShare::OfAll(100)));
        assert_eq!(shares.taken(), 75);
        drop((half, held));
        assert_eq!(shares.taken(), 0);
        assert!(shares.0.lock().by.is_empty(), "who has nothing is not remembered");
    }

    #[test]
    fn bytes_have_their_share_until_the_last_of_them_is_gone() {
        let shares = Shares::new(100);
        let admitted = Registry::new(1).admit(Client::Here).expect("a place");
        let activity = &admitted.activity;
        let mut bytes = shares.take(&Client::Here, 6).expect("room").holding(b"abcdef".to_vec(), activity);
        let first = bytes.split_to(2);
        drop(bytes);
        assert_eq!((shares.taken(), &first[..]), (6, &b"ab"[..]));
        assert!(activity.untaken_for().is_some());
        drop(first);
        assert_eq!((shares.taken(), activity.untaken_for()), (0, None));
    }

    #[test]
    fn few_of_a_thing_are_not_parted() {
        let shares = Shares::new(3);
        let held: Vec<_> = (0..3).map(|_| shares.take(&Client::Here, 1).expect("room")).collect();
        assert!(shares.take(&Client::Here, 1).is_err());
        drop(held);
    }
}
