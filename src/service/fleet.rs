//! What a site knows of its fleet, for those who ask: no question waits for the network or a lock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::Services;
use crate::domain::FleetView;
use crate::domain::wording::span;

/// The fleet that a daemon is in.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// What is known of it.
    pub view: watch::Receiver<Arc<FleetView>>,
    /// How current this site is.
    pub currency: Arc<Currency>,
}

/// How current a site is: as of when it has published all that its fleet had. Clocks that are set do not touch it.
#[derive(Debug)]
pub struct Currency {
    begun: Instant,
    behind_after: Duration,
    /// Milliseconds from `begun`, and one; 0 for never.
    as_of: AtomicU64,
}

impl Currency {
    /// Of a site that begins now, and is behind until it has looked.
    pub fn new(behind_after: Duration, now: Instant) -> Self {
        Self { begun: now, behind_after, as_of: AtomicU64::new(0) }
    }

    /// Notes that all is published that the fleet had at this moment: the start of the read that found it. One that is older
    /// than what is known changes nothing.
    pub fn note(&self, as_of: Instant) {
        let since = as_of.saturating_duration_since(self.begun);
        let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX - 1);
        self.as_of.fetch_max(since + 1, Ordering::Release);
    }

    /// How long ago that was; nothing if it never was.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        let as_of = self.as_of.load(Ordering::Acquire).checked_sub(1)?;
        Some(now.saturating_duration_since(self.begun + Duration::from_millis(as_of)))
    }

    /// For how long this site has not been current, the time since its start where it never was.
    pub fn lag(&self, now: Instant) -> Duration {
        self.age(now).unwrap_or_else(|| now.saturating_duration_since(self.begun))
    }

    /// Whether it is behind, and how far.
    pub fn behind(&self, now: Instant) -> Option<Behind> {
        match self.age(now) {
            None => Some(Behind { lag: None, behind_after: self.behind_after }),
            Some(age) if age > self.behind_after => Some(Behind { lag: Some(age), behind_after: self.behind_after }),
            Some(_) => None,
        }
    }
}

/// A site that is behind its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// So long it has not been current; nothing if it never was since its start.
    lag: Option<Duration>,
    behind_after: Duration,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lag {
            None => f.write_str("this site has not reached its fleet since its start")?,
            Some(lag) => {
                let (lag, allowed) = (in_words(lag), in_words(self.behind_after));
                write!(
                    f,
                    "this site last compared itself with its fleet {lag} ago, more than the {allowed} that are allowed"
                )?;
            }
        }
        f.write_str(": a newer listing or record may be in force at other sites")
    }
}

fn in_words(duration: Duration) -> String {
    span(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
}

/// What is known of a fleet, at one moment.
#[derive(Debug, Clone)]
pub struct FleetReport {
    /// What the site knows.
    pub view: Arc<FleetView>,
    /// It has published all that the fleet had at this moment; nothing if that was never so since the start.
    pub current_as_of: Option<Timestamp>,
    /// For how long it has not been current.
    pub lag: Duration,
    /// Whether it counts as behind.
    pub behind: bool,
}

/// After so long without having been current, it is known why.
const KNOWN_AFTER: Duration = Duration::from_secs(60);

impl FleetReport {
    /// Whether enough was seen since the start to say how the fleet is.
    pub fn is_known(&self) -> bool {
        !self.view.members.is_empty() && (self.current_as_of.is_some() || self.lag >= KNOWN_AFTER)
    }
}

impl Fleet {
    /// What is known.
    pub fn report(&self, now: Timestamp) -> FleetReport {
        let instant = Instant::now();
        let age = self.currency.age(instant);
        FleetReport {
            view: Arc::clone(&self.view.borrow()),
            current_as_of: age.map(|age| now.checked_sub(age).unwrap_or(Timestamp::MIN)),
            lag: self.currency.lag(instant),
            behind: self.currency.behind(instant).is_some(),
        }
    }
}

impl Services {
    /// Whether this site is behind its fleet, and how far; nothing where it is in none. To be asked before what answers rest on
    /// is taken, so that what is newer does not hide that it was.
    pub fn behind(&self) -> Option<Behind> {
        self.fleet.as_ref()?.currency.behind(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_behind_until_it_has_looked_and_again_when_it_has_not_looked_for_long() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let currency = Currency::new(Duration::from_secs(5), begun);
        let said = currency.behind(begun).expect("behind").to_string();
        assert!(said.starts_with("this site has not reached its fleet since its start: a newer"), "{said}");
        assert_eq!((currency.age(at(3)), currency.lag(at(3))), (None, Duration::from_secs(3)));
        currency.note(at(0));
        assert_eq!((currency.behind(at(5)), currency.age(at(5))), (None, Some(Duration::from_secs(5))));
        currency.note(at(10));
        // A read that began earlier and came later.
        currency.note(at(7));
        assert_eq!(currency.behind(at(15)), None);
        let said = currency.behind(at(16)).expect("behind").to_string();
        assert!(said.contains("6 s ago, more than the 5 s that are allowed"), "{said}");
    }

    #[test]
    fn an_answer_of_a_site_that_is_behind_says_so_first_unless_it_is_switched_off() {
        use crate::decide::Policy;
        use crate::domain::{AdvisoryCode, ChangeSerial, EARLIEST, RemovalHistory, Snapshot, Who};
        use crate::listing::index::Index;
        use crate::records::Records;
        use crate::service::{CheckRequest, Detail, View};

        let index = Index::build(Snapshot::made_up(1, EARLIEST, []), RemovalHistory::default(), ChangeSerial(0));
        let (records, mut policy) = (Records::default(), Policy::default());
        let who = Who::Provider("RMD0000001".parse().expect("a number"));
        let says = |policy: &Policy, behind, detail| {
            // Long after the source last confirmed it.
            let now = EARLIEST + SignedDuration::from_hours(2000);
            let view = View::new(Some(&index), &records, policy, now).behind(behind);
            let answer = view.check_known(&CheckRequest { detail, ..CheckRequest::about(who.clone()) }, None);
            let advisories = answer.expect("an answer").decision.advisories;
            advisories.into_iter().map(|advisory| (advisory.code, advisory.message)).collect::<Vec<_>>()
        };
        let behind = Currency::new(Duration::from_secs(5), Instant::now()).behind(Instant::now());
        let [(first, message), (second, _)] = &says(&policy, behind, Detail::Full)[..] else {
            panic!("two advisories")
        };
        assert_eq!((*first, *second), (AdvisoryCode::FleetBehind, AdvisoryCode::ListingOld));
        assert_eq!(message.as_str(), behind.expect("behind").to_string());
        let compact = says(&policy, behind, Detail::Compact);
        assert_eq!(compact.first(), Some(&(AdvisoryCode::FleetBehind, String::new())));
        assert!(says(&policy, None, Detail::Compact).iter().all(|(code, _)| *code != AdvisoryCode::FleetBehind));
        policy.cells.advisories_off.push(AdvisoryCode::FleetBehind);
        assert!(says(&policy, behind, Detail::Full).iter().all(|(code, _)| *code != AdvisoryCode::FleetBehind));
    }
}
