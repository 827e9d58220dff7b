//! The calls of the last hour: how many were accepted, refused and not answered, how long the answers took, and which peers
//! were refused.
//!
//! What is counted anyway is only read here, once a minute. Where answers are given nothing is added but to a refusal of a
//! peer: one look into a table of the thread's own, behind a lock that nobody else holds but who reads a page.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::metrics::{ANSWER_BOUNDS, Metrics, ROLES, thread};
use super::{Observer, clock};
use crate::domain::{ErrorReason, Interface, Reason, Record, Verdict};

/// So often it is looked at what was counted.
const EVERY: Duration = Duration::from_secs(60);

/// So many minutes are kept.
const MINUTES: usize = 60;

/// So many peers are told apart in a minute, on each thread that answers; refusals of more are counted together.
const PEERS: usize = 256;

/// What had been counted by a moment.
#[derive(Debug, Clone)]
struct Totals {
    at: Timestamp,
    accepted: u64,
    refused: u64,
    errors: u64,
    took: Vec<u64>,
}

impl Totals {
    fn none(at: Timestamp) -> Self {
        Self { at, accepted: 0, refused: 0, errors: 0, took: vec![0; ANSWER_BOUNDS.len() + 1] }
    }

    /// What people ask with commands is no call.
    fn of(metrics: &Metrics, at: Timestamp) -> Self {
        let mut totals = Self::none(at);
        for interface in Interface::ALL.into_iter().filter(|interface| *interface != Interface::Cli) {
            let decided = |verdict| {
                let reasons = Reason::ALL.into_iter();
                let each =
                    reasons.flat_map(|reason| ROLES.map(|role| metrics.decisions(interface, verdict, reason, role)));
                each.sum::<u64>()
            };
            totals.accepted += decided(Verdict::Accept);
            totals.refused += decided(Verdict::Refuse);
            let reasons = ErrorReason::ALL.iter().copied().map(Some).chain([None]);
            totals.errors += reasons.map(|reason| metrics.undecided(interface, reason)).sum::<u64>();
            for (sum, count) in totals.took.iter_mut().zip(metrics.durations(interface).counts()) {
                *sum += count;
            }
        }
        totals
    }
}

/// Refusals of peers in one minute, as one thread counts them.
#[derive(Debug, Default)]
struct Minute {
    minute: i64,
    /// By where the record is in memory, which it holds on to.
    peers: HashMap<usize, (Arc<Record>, u64), foldhash::fast::RandomState>,
    others: u64,
}

/// The calls of the last hour.
#[derive(Debug)]
pub struct LastHour {
    totals: Mutex<VecDeque<Totals>>,
    refused: Box<[Mutex<VecDeque<Minute>>]>,
}

/// What the last hour came to.
#[derive(Debug, Clone)]
pub struct Calls {
    /// Since when it is counted: an hour ago, or when the daemon started.
    pub since: Timestamp,
    /// How many were accepted.
    pub accepted: u64,
    /// How many were refused.
    pub refused: u64,
    /// How many got an error in place of an answer.
    pub errors: u64,
    /// The time within which 99 of 100 answers were ready, by the bounds of the histogram; nothing where there were none, or
    /// more than one in 100 took longer than the longest bound.
    pub p99: Option<Duration>,
    /// The peers that were refused, most often first, and how often.
    pub refused_peers: Vec<(Arc<Record>, u64)>,
    /// Refusals of peers that are not told apart.
    pub refused_others: u64,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

impl Default for LastHour {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1;
        Self {
            totals: Mutex::new(VecDeque::from([Totals::none(clock::now())])),
            refused: (0..threads).map(|_| Mutex::default()).collect(),
        }
    }
}

impl LastHour {
    /// A call of this peer was refused.
    pub fn refused(&self, peer: &Arc<Record>, now: Timestamp) {
        let Some(own) = self.refused.get(thread() % self.refused.len()) else { return };
        let (mut minutes, minute) = (locked(own), minute(now));
        if minutes.back().is_none_or(|last| last.minute != minute) {
            if minutes.len() > MINUTES {
                minutes.pop_front();
            }
            minutes.push_back(Minute { minute, ..Minute::default() });
        }
        let Some(last) = minutes.back_mut() else { return };
        let (key, is_full) = (Arc::as_ptr(peer).addr(), last.peers.len() >= PEERS);
        match last.peers.get_mut(&key) {
            Some((_, count)) => *count += 1,
            None if is_full => last.others += 1,
            None => drop(last.peers.insert(key, (Arc::clone(peer), 1))),
        }
    }

    /// Remembers what was counted by now.
    fn look(&self, metrics: &Metrics, now: Timestamp) {
        let now = Totals::of(metrics, now);
        let mut totals = locked(&self.totals);
        if totals.len() > MINUTES {
            totals.pop_front();
        }
        totals.push_back(now);
    }

    /// What the last hour came to.
    pub fn calls(&self, metrics: &Metrics, now: Timestamp) -> Calls {
        let (sum, hour_ago) = (Totals::of(metrics, now), now - SignedDuration::from_hours(1));
        let before = {
            let totals = locked(&self.totals);
            let within = totals.iter().find(|totals| totals.at >= hour_ago).or(totals.back());
            within.cloned().unwrap_or_else(|| Totals::none(now))
        };
        let took: Vec<u64> =
            sum.took.iter().zip(&before.took).map(|(sum, before)| sum.saturating_sub(*before)).collect();
        let (refused_peers, refused_others) = self.refused_since(minute(before.at));
        Calls {
            since: before.at,
            accepted: sum.accepted.saturating_sub(before.accepted),
            refused: sum.refused.saturating_sub(before.refused),
            errors: sum.errors.saturating_sub(before.errors),
            p99: percentile_99(&took),
            refused_peers,
            refused_others,
        }
    }

    fn refused_since(&self, first: i64) -> (Vec<(Arc<Record>, u64)>, u64) {
        let (mut peers, mut others) = (HashMap::<String, (Arc<Record>, u64)>::new(), 0);
        for own in &self.refused {
            for of in locked(own).iter().filter(|of| of.minute >= first) {
                others += of.others;
                for (peer, count) in of.peers.values() {
                    // A binding that was replaced meanwhile is another record of the same name.
                    peers.entry(peer.id()).or_insert_with(|| (Arc::clone(peer), 0)).1 += count;
                }
            }
        }
        let mut peers: Vec<_> = peers.into_iter().collect();
        peers.sort_by(|(id, (_, one)), (other_id, (_, other))| other.cmp(one).then_with(|| id.cmp(other_id)));
        (peers.into_iter().map(|(_, refused)| refused).collect(), others)
    }
}

/// The bound within which 99 of 100 are.
fn percentile_99(counts: &[u64]) -> Option<Duration> {
    let all: u64 = counts.iter().sum();
    let wanted = all - all / 100;
    let mut so_far = 0;
    let place = counts.iter().position(|count| {
        so_far += count;
        all > 0 && so_far >= wanted
    })?;
    ANSWER_BOUNDS.get(place).map(|nanos| Duration::from_nanos(*nanos))
}

/// Looks once a minute at what was counted, until the shutdown.
pub async fn watch(observer: Arc<Observer>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => observer.last_hour.look(&observer.metrics, clock::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Identity, Peer, PeerKind, RecordBody};
    use crate::observe::metrics::Kind;

    fn peer(name: &str) -> Arc<Record> {
        let body = RecordBody::Peer(Peer { kind: PeerKind::TrunkGroup, name: name.to_owned(), role: None });
        let provider: Identity = "0041000001".parse().expect("an FRN");
        let (by, why) = ("root".to_owned(), String::new());
        Arc::new(Record { provider, by, at: Timestamp::UNIX_EPOCH, why, expires_at: None, body, revision: 1 })
    }

    #[test]
    fn the_last_hour_is_what_was_counted_since_the_moment_an_hour_ago() {
        let (hour, metrics) = (LastHour::default(), Metrics::default());
        let start = clock::now();
        let decided = |verdict, reason, count| metrics.decided(Kind::of(Interface::Http, verdict, reason, None), count);
        decided(Verdict::Accept, Reason::Listed, 1000);
        metrics.decided(Kind::of(Interface::Cli, Verdict::Accept, Reason::Listed, None), 7);
        metrics.took(Interface::Http, Duration::from_micros(3), 990);
        metrics.took(Interface::Http, Duration::from_millis(3), 10);
        let calls = hour.calls(&metrics, start);
        assert_eq!((calls.accepted, calls.refused, calls.errors), (1000, 0, 0), "and no command is a call");
        assert_eq!(calls.p99, Some(Duration::from_micros(5)));
        let mut now = start;
        for _ in 0..3 * MINUTES {
            now += SignedDuration::from_secs(60);
            hour.look(&metrics, now);
        }
        decided(Verdict::Refuse, Reason::Removed, 5);
        metrics.not_decided(Interface::Http, None, 2);
        let calls = hour.calls(&metrics, now);
        assert_eq!((calls.accepted, calls.refused, calls.errors, calls.p99), (0, 5, 2, None));
        assert_eq!(calls.since, now - SignedDuration::from_hours(1));
        assert!(locked(&hour.totals).len() <= MINUTES + 1);
    }

    #[test]
    fn refused_peers_are_counted_for_an_hour_and_only_so_many_are_told_apart() {
        let hour = LastHour::default();
        let (one, other, start) = (peer("TG-1"), peer("TG-2"), clock::now());
        hour.refused(&one, start);
        for place in 0..3 * MINUTES as i64 {
            hour.refused(&other, start + SignedDuration::from_secs(60 * (place + 1)));
        }
        let now = start + SignedDuration::from_hours(3);
        let (refused, others) = hour.refused_since(minute(now) - 9);
        let named: Vec<_> = refused.iter().map(|(peer, count)| (peer.id(), *count)).collect();
        assert_eq!((named, others), (vec![("TG-2".to_owned(), 10)], 0));
        let many: Vec<_> = (0..PEERS + 10).map(|place| peer(&format!("P-{place}"))).collect();
        many.iter().for_each(|peer| hour.refused(peer, now + SignedDuration::from_hours(1)));
        let (refused, others) = hour.refused_since(minute(now) + 60);
        assert_eq!((refused.len(), others), (PEERS, 10));
    }
}
