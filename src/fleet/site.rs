//! What the parts of a site of a fleet share: the way to the logs, the store that follows them, and whether it fetches.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::around::Told;
use super::client::Client;
use super::entry::Author;
use super::head::Head;
use super::left_out::{Part, is_left_out};
use super::said::{Ask, Fetcher, Token};
use super::step::{Trouble, clock_stands_apart};
use crate::domain::Sha256Digest;
use crate::observe::clock;
use crate::store::{Log, Store};

/// So long what a site told of its clock is held against this one's: each tells something with every entry, once an hour at least.
const TOLD_LASTS: Duration = Duration::from_secs(2 * 3600);

/// How a site takes part in its fleet.
#[derive(Debug, Clone)]
pub struct Params {
    /// Its name, which no other site of the fleet has.
    pub site: String,
    /// Whether it may fetch.
    pub fetches: bool,
    /// So often it looks at the heads.
    pub poll: Duration,
    /// So long a fetcher or a site counts as living without a word.
    pub lease: Duration,
    /// So long it may be without having seen the heads, or without having published them, before it says so.
    pub behind_after: Duration,
}

/// What all parts of a site share.
#[derive(Debug)]
pub struct Site {
    /// How it takes part.
    pub params: Params,
    /// The way to the logs.
    pub client: Client,
    /// What follows them.
    pub store: Arc<Store>,
    /// Where the logs ended when that was last looked at, by [`Log::ALL`].
    heads: Mutex<[Option<Head>; 2]>,
    /// What it fetches under; nothing where it does not fetch.
    term: Mutex<Option<Term>>,
    fetches: watch::Sender<bool>,
    /// Why it follows no more, if that is so.
    trouble: Mutex<Option<Trouble>>,
    /// What is asked, as it was last read.
    pub(super) asks: Mutex<Vec<(String, Ask)>>,
    /// How much this site asks of the one that fetches, and has no answer to.
    pub(super) asking: AtomicUsize,
    /// By how many milliseconds this site's clock was ahead of the time of an entry, when that came.
    offset: Mutex<Option<i64>>,
    /// What time it was by the clocks of other sites, and when that was.
    told: Mutex<Told>,
    /// The digest of the policy in force.
    policy: Mutex<Option<Sha256Digest>>,
    /// Whether etcd has not permitted it to fetch.
    denied: AtomicBool,
    /// Whether some site fetched when that was last looked at.
    fetched_for: AtomicBool,
    /// Counts what was read and applied: whoever waits for something in the log looks again when it changes.
    progress: watch::Sender<u64>,
}

/// The time in which a site fetches.
#[derive(Debug, Clone)]
pub struct Term {
    /// What stands in etcd.
    pub fetcher: Fetcher,
    /// Under which lease.
    pub lease: super::engine::LeaseId,
    /// Until when that surely lives.
    pub until: Instant,
}

impl Site {
    /// A site that has looked at nothing yet.
    pub fn new(params: Params, client: Client, store: Arc<Store>) -> Self {
        Self {
            params,
            client,
            store,
            heads: Mutex::default(),
            term: Mutex::default(),
            fetches: watch::Sender::new(false),
            trouble: Mutex::default(),
            asks: Mutex::default(),
            asking: AtomicUsize::new(0),
            offset: Mutex::default(),
            told: Mutex::default(),
            policy: Mutex::default(),
            denied: AtomicBool::new(false),
            fetched_for: AtomicBool::new(true),
            progress: watch::Sender::new(0),
        }
    }

    /// Who writes an entry, behind a head.
    pub fn author(&self, head: &Head) -> Author {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Author { site: self.params.site.clone(), version, id: Token::draw().0, at: clock::now(), format: head.format }
    }

    /// Where a log ended when that was last looked at.
    pub fn head(&self, log: Log) -> Option<Head> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)[place(log)]
    }

    /// What is asked, as it was last read.
    pub fn asks(&self) -> Vec<(String, Ask)> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The digest of the policy in force.
    pub fn policy(&self) -> Option<Sha256Digest> {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another policy is in force.
    pub(crate) fn set_policy(&self, policy: Sha256Digest) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = Some(policy);
    }

    /// Keeps in mind where a log ends.
    pub(crate) fn set_head(&self, head: Head) {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)[place(head.log)] = Some(head);
    }

    /// Under what it fetches, if it does: not any more once the lease may have ended.
    pub fn term(&self) -> Option<Term> {
        let term = self.term.lock().unwrap_or_else(PoisonError::into_inner).clone();
        term.filter(|term| Instant::now() < term.until || is_left_out(Part::Fence))
    }

    /// Under what it fetches, or did until a moment ago.
    pub(crate) fn term_of_any_age(&self) -> Option<Term> {
        self.term.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// By how many milliseconds this site's clock was ahead of the time of an entry, when that came.
    pub fn offset(&self) -> Option<i64> {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps in mind what time it was by the clocks of other sites.
    pub(crate) fn set_told(&self, told: Told) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// Whether most sites have another time than this one, by what they told of themselves: also before any entry has come by
    /// which clocks are compared.
    pub(crate) fn clock_stands_apart(&self) -> bool {
        let (told, now) = (self.told.lock().unwrap_or_else(PoisonError::into_inner).clone(), clock::now());
        let others = told.iter().filter(|(name, (_, seen))| **name != self.params.site && seen.elapsed() < TOLD_LASTS);
        let ahead = |(_, (at, seen)): (&String, &(Timestamp, Instant))| {
            let since = i64::try_from(seen.elapsed().as_millis()).unwrap_or(i64::MAX);
            at.as_millisecond().saturating_add(since).saturating_sub(now.as_millisecond())
        };
        clock_stands_apart(&others.map(ahead).collect::<Vec<_>>())
    }

    /// An entry has just come.
    pub(crate) fn set_offset(&self, milliseconds: i64) {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner) = Some(milliseconds);
    }

    /// Begins a term, or ends it.
    pub(crate) fn set_term(&self, term: Option<Term>) {
        let fetches = term.is_some();
        *self.term.lock().unwrap_or_else(PoisonError::into_inner) = term;
        self.fetches.send_if_modified(|before| std::mem::replace(before, fetches) != fetches);
    }

    /// The term lives so long at least.
    pub(crate) fn extend_term(&self, token: Token, until: Instant) {
        let mut term = self.term.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(term) = term.as_mut().filter(|term| term.fetcher.token == token) {
            term.until = until;
        }
    }

    /// Whether it fetches. It changes.
    pub fn fetches(&self) -> watch::Receiver<bool> {
        self.fetches.subscribe()
    }

    /// Whether it may fetch: it is configured to, and etcd has not refused it that.
    pub(crate) fn may_fetch(&self) -> bool {
        self.params.fetches && !self.denied.load(Ordering::Relaxed)
    }

    /// Whether etcd has refused it what a fetcher does.
    pub(crate) fn is_denied(&self) -> bool {
        self.denied.load(Ordering::Relaxed)
    }

    /// Whether some site fetched for the fleet when that was last looked at.
    pub(crate) fn is_fetched_for(&self) -> bool {
        self.fetched_for.load(Ordering::Relaxed)
    }

    /// Notes whether one does.
    pub(crate) fn set_fetched_for(&self, fetched_for: bool) {
        self.fetched_for.store(fetched_for, Ordering::Relaxed);
    }

    /// Notes whether etcd permits it to fetch.
    pub(crate) fn set_denied(&self, denied: bool) {
        self.denied.store(denied, Ordering::Relaxed);
    }

    /// Why it follows no more, if that is so.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says why it follows no more, or that it does. Returns what was said before.
    pub(crate) fn set_trouble(&self, trouble: Option<Trouble>) -> Option<Trouble> {
        std::mem::replace(&mut *self.trouble.lock().unwrap_or_else(PoisonError::into_inner), trouble)
    }

    /// Changes whenever something was read or applied.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    /// Something was read or applied.
    pub(crate) fn progressed(&self) {
        self.progress.send_modify(|count| *count += 1);
    }
}

/// The place of a log in [`Log::ALL`].
pub fn place(log: Log) -> usize {
    match log {
        Log::Listing => 0,
        Log::Records => 1,
    }
}
