//! What every answer of the daemon passes: it is counted, and logged if it is to be.
//!
//! A question about the past decides about no call: it is neither counted nor logged. Commands that work on the store
//! directly have no observer.

pub mod clock;
pub mod decision_log;
pub mod histogram;
pub mod logging;
pub mod metrics;

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use crate::decide::Query;
use crate::decide::caller_id::CallerId;
use crate::domain::{Decision, ErrorReason, Interface, ProviderRole, Reason, Record, Rejection, Verdict, Who};
use crate::listing::index::Index;
use crate::observe::decision_log::{Asked, Decided, DecisionLog, Entry};
use crate::observe::metrics::{Kind, Metrics};
use crate::transport::Registry;

/// A question that was decided.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Whom it named.
    pub who: &'a Who,
    /// What it asked.
    pub query: &'a Query,
    /// The peer whose binding led to the provider, if one did.
    pub peer: Option<&'a Arc<Record>>,
    /// Whether it said which number calls.
    pub caller_id_given: bool,
    /// What was read of that number.
    pub caller_id: CallerId,
}

/// Counts and logs what is decided.
#[derive(Debug)]
pub struct Observer {
    /// What is counted.
    pub metrics: Metrics,
    /// Where it is logged.
    pub log: DecisionLog,
    listeners: Mutex<Vec<(&'static str, Arc<Registry>)>>,
}

impl Observer {
    /// One that has seen nothing yet.
    pub fn new(log: DecisionLog) -> Self {
        Self { metrics: Metrics::default(), log, listeners: Mutex::default() }
    }

    /// Connections of this listener are in that registry.
    pub fn listens(&self, listener: &'static str, connections: Arc<Registry>) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push((listener, connections));
    }

    /// The listeners and their connections.
    pub fn listeners(&self) -> Vec<(&'static str, Arc<Registry>)> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sees answers to questions that came in together, over this interface at this moment, and are sent together.
    pub fn see(&self, interface: Interface, since: Instant) -> Seen<'_> {
        let caller_ids = Cell::default();
        Seen { observer: self, interface, since, decided: Cell::new(0), alike: Cell::new(None), caller_ids }
    }
}

/// Counts and logs the answers to questions that came in together. All are ready when it is dropped.
#[derive(Debug)]
pub struct Seen<'a> {
    observer: &'a Observer,
    interface: Interface,
    since: Instant,
    /// How many were decided so far.
    decided: Cell<u64>,
    /// The last decisions, so many of one kind, that are not counted yet: those of a batch are mostly alike.
    alike: Cell<Option<(Kind, u64)>>,
    /// What was read of their calling numbers, as many as are not counted yet.
    caller_ids: Cell<[u32; CallerId::GIVEN.len()]>,
}

impl Drop for Seen<'_> {
    fn drop(&mut self) {
        self.count_alike(self.alike.take());
        for (read, count) in CallerId::GIVEN.into_iter().zip(self.caller_ids.take()) {
            if count > 0 {
                self.observer.metrics.caller_ids_read(self.interface, read, u64::from(count));
            }
        }
        if self.decided.get() > 0 {
            self.observer.metrics.took(self.interface, self.since.elapsed(), self.decided.get());
        }
    }
}

impl Seen<'_> {
    fn count(&self, verdict: Verdict, reason: Reason, role: Option<ProviderRole>) {
        self.decided.set(self.decided.get() + 1);
        let kind = Kind::of(self.interface, verdict, reason, role);
        let alike = match self.alike.get() {
            Some((of, count)) if of == kind => count + 1,
            others => {
                self.count_alike(others);
                1
            }
        };
        self.alike.set(Some((kind, alike)));
    }

    fn count_alike(&self, alike: Option<(Kind, u64)>) {
        if let Some((kind, count)) = alike {
            self.observer.metrics.decided(kind, count);
        }
    }

    /// A question was decided.
    pub fn decided(&self, question: Question<'_>, decision: &Decision, index: &Index, now: Timestamp) {
        let log = &self.observer.log;
        let Question { who, query, peer, caller_id_given, caller_id } = question;
        self.count(decision.verdict, decision.reason, query.role);
        if let Some(place) = caller_id.place() {
            let mut caller_ids = self.caller_ids.get();
            caller_ids[place] += 1;
            self.caller_ids.set(caller_ids);
        }
        if log.wants(decision.verdict) {
            log.note(Entry {
                at: now,
                interface: self.interface,
                asked: Asked::Who(who.clone()),
                decided: Some(Decided::new(*query, caller_id_given, peer.cloned(), decision, index.into())),
            });
        }
    }

    /// A call to 911 was accepted, and nothing is known of who hands it over.
    pub fn emergency(&self, who: impl FnOnce() -> Option<Who>, now: Timestamp) {
        let log = &self.observer.log;
        self.count(Verdict::Accept, Reason::EmergencyCall, None);
        if log.wants(Verdict::Accept) {
            let asked = who().map_or(Asked::Unreadable, Asked::Who);
            log.note(Entry { at: now, interface: self.interface, asked, decided: None });
        }
    }

    /// A question was answered with this error.
    pub fn rejected(&self, rejection: &Rejection) {
        self.rejected_together(rejection, 1);
    }

    /// So many questions that came in together were answered with this error.
    pub fn rejected_together(&self, rejection: &Rejection, questions: usize) {
        self.count_failed(Some(rejection.reason), questions as u64);
    }

    /// A question was answered with an error; its reason, if it is one of ours.
    pub fn failed(&self, reason: Option<ErrorReason>) {
        self.count_failed(reason, 1);
    }

    fn count_failed(&self, reason: Option<ErrorReason>, questions: u64) {
        self.observer.metrics.not_decided(self.interface, reason, questions);
    }
}
