//! Tries of tokens: bounded for each address, and told in sum.
//!
//! After so many different tokens that are not known no other is believed from an address until the minute is over: then
//! whoever guesses gets so many guesses a minute and learns nothing from the others. Two things keep those from harm who
//! are behind the same address: a token that was good from there goes on being good, on new connections too, and the same
//! wrong token again, as a switch sends that was not told of a new one, is no further guess.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::domain::wording::count;
use crate::transport::Client;

/// So many different unknown tokens in a minute.
const MOST: usize = 20;

/// What is counted and told together.
const MINUTE: Duration = Duration::from_secs(60);

/// So many addresses are remembered, and so many good tokens of each.
const ADDRESSES: usize = 4096;
const GOOD: usize = 64;

/// An address of which nothing was heard for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// Who tried.
#[derive(Debug, Default)]
pub struct Tries(Mutex<HashMap<Client, Tried>>);

#[derive(Debug)]
struct Tried {
    /// The beginning of the minute.
    since: Instant,
    last: Instant,
    /// Digests of unknown tokens in it.
    unknown: Vec<[u8; 32]>,
    /// Requests that were refused in it, the first of which is told at once; and those of them whose token is not known.
    refused: u64,
    of_unknown: u64,
    /// Names of tokens that were good from there.
    good: Vec<String>,
}

/// What is to be told of an address and a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Who asked.
    pub client: Client,
    /// Requests that were refused and not told of yet.
    pub refused: u64,
    /// Those of them whose token is not known.
    pub unknown: u64,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, refused, unknown } = self;
        let (refused, unknown) = (count(*refused), count(*unknown));
        write!(f, "{refused} more requests from {client} were refused within a minute, {unknown} for unknown tokens")
    }
}

impl Tried {
    fn new(now: Instant) -> Self {
        Self { since: now, last: now, unknown: Vec::new(), refused: 0, of_unknown: 0, good: Vec::new() }
    }

    /// Begins another minute, if this one is over. What it has not told yet is left for [`Tries::sums`].
    fn at(&mut self, now: Instant) -> &mut Self {
        if now.saturating_duration_since(self.since) >= MINUTE {
            self.unknown.clear();
            if self.refused <= 1 {
                (self.refused, self.of_unknown) = (0, 0);
            }
            self.since = now;
        }
        self.last = now;
        self
    }
}

impl Tries {
    fn lock(&self) -> MutexGuard<'_, HashMap<Client, Tried>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a token that came from there is to be believed: the name of the one that it is, or what came in its place.
    pub fn believes(&self, client: &Client, named: Result<&str, &[u8]>, now: Instant) -> bool {
        let mut all = self.lock();
        make_room(&mut all, client);
        let tried = all.entry(client.clone()).or_insert_with(|| Tried::new(now)).at(now);
        match named {
            Ok(name) if tried.good.iter().any(|good| good == name) => true,
            Ok(name) => {
                let believed = tried.unknown.len() < MOST;
                if believed && tried.good.len() < GOOD {
                    tried.good.push(name.to_owned());
                }
                believed
            }
            Err(unknown) => {
                let digest: [u8; 32] = Sha256::digest(unknown).into();
                let believed = tried.unknown.len() < MOST || tried.unknown.contains(&digest);
                if believed && !tried.unknown.contains(&digest) {
                    tried.unknown.push(digest);
                }
                believed
            }
        }
    }

    /// Counts a request that was refused. Says whether that is to be told at once: it is the first for a while.
    pub fn refused(&self, client: &Client, is_unknown: bool, now: Instant) -> bool {
        let mut all = self.lock();
        make_room(&mut all, client);
        let tried = all.entry(client.clone()).or_insert_with(|| Tried::new(now)).at(now);
        tried.refused += 1;
        tried.of_unknown += u64::from(is_unknown && tried.refused > 1);
        tried.refused == 1
    }

    /// What is to be told of those whose minute is over. Forgets those of whom nothing was heard for long.
    pub fn sums(&self, now: Instant) -> Vec<Sum> {
        let mut sums = Vec::new();
        self.lock().retain(|client, tried| {
            if now.saturating_duration_since(tried.since) >= MINUTE {
                if tried.refused > 1 {
                    let (refused, unknown) = (tried.refused - 1, tried.of_unknown);
                    sums.push(Sum { client: client.clone(), refused, unknown });
                    // The next ones are told in sum, too.
                    (tried.refused, tried.of_unknown) = (1, 0);
                } else {
                    tried.refused = 0;
                }
                tried.unknown.clear();
                tried.since = now;
            }
            now.saturating_duration_since(tried.last) < FORGOTTEN
        });
        sums
    }
}

/// Forgets whoever was heard of longest ago, where somebody new needs the room.
fn make_room(all: &mut HashMap<Client, Tried>, client: &Client) {
    if all.len() < ADDRESSES || all.contains_key(client) {
        return;
    }
    let oldest = all.iter().min_by_key(|(_, tried)| tried.last).map(|(client, _)| client.clone());
    if let Some(oldest) = oldest {
        all.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Client {
        Client::Address([192, 0, 2, last].into())
    }

    #[test]
    fn who_guesses_has_so_many_guesses_a_minute_and_good_tokens_behind_the_same_address_go_on() {
        let (tries, begin) = (Tries::default(), Instant::now());
        assert!(tries.believes(&address(1), Ok("switch"), begin));
        for guess in 0..100_u8 {
            assert_eq!(tries.believes(&address(1), Err(&[guess]), begin), usize::from(guess) < MOST, "{guess}");
        }
        assert!(tries.believes(&address(1), Ok("switch"), begin), "it was good before");
        assert!(!tries.believes(&address(1), Ok("guessed"), begin), "nothing is learnt from a good guess");
        assert!(tries.believes(&address(2), Ok("guessed"), begin), "other addresses are others'");
        assert!(tries.believes(&address(1), Ok("new"), begin + MINUTE), "the minute is over");
    }

    #[test]
    fn the_same_wrong_token_again_is_no_guess() {
        let (tries, begin) = (Tries::default(), Instant::now());
        for _ in 0..1000 {
            assert!(tries.believes(&address(1), Err(b"an old one"), begin));
        }
        assert!(tries.believes(&address(1), Ok("switch"), begin));
    }

    #[test]
    fn the_first_is_told_at_once_and_the_others_of_a_minute_in_one_line() {
        let (tries, begin) = (Tries::default(), Instant::now());
        let told = (0..50).filter(|_| tries.refused(&address(1), true, begin)).count();
        assert_eq!((told, tries.sums(begin).len()), (1, 0));
        let sums = tries.sums(begin + MINUTE);
        assert_eq!(sums, [Sum { client: address(1), refused: 49, unknown: 49 }]);
        assert!(sums[0].to_string().contains("49 more requests from 192.0.2.1"), "{}", sums[0]);
        assert!(!tries.refused(&address(1), false, begin + MINUTE), "one that goes on is told in sum");
        assert_eq!(tries.sums(begin + 2 * MINUTE), [Sum { client: address(1), refused: 1, unknown: 0 }]);
        assert!(tries.sums(begin + 3 * MINUTE).is_empty());
        assert!(tries.refused(&address(1), true, begin + 4 * MINUTE));
        tries.sums(begin + 4 * MINUTE + FORGOTTEN);
        assert!(tries.lock().is_empty());
    }

    #[test]
    fn many_addresses_take_no_more_than_their_room() {
        let (tries, begin) = (Tries::default(), Instant::now());
        for host in 0..2 * ADDRESSES as u32 {
            tries.refused(&Client::User(Some(host)), true, begin);
        }
        assert_eq!(tries.lock().len(), ADDRESSES);
    }
}
