//! What every answer of the daemon passes: it is counted, and logged if it is to be.
//!
//! A question about the past decides about no call: it is neither counted nor logged. Commands that work on the store
//! directly have no observer.

pub(crate) mod activity;
pub mod clock;
pub(crate) mod decision_log;
pub(crate) mod histogram;
pub(crate) mod logging;
pub(crate) mod metrics;

use std::cell::{Cell, OnceCell};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::HeaderValue;
use jiff::Timestamp;

use crate::decide::Query;
use crate::decide::caller_id::CallerId;
use crate::domain::visible::is_hidden;
use crate::domain::{Decision, ErrorReason, Interface, ProviderRole, Reason, Record, Rejection, Verdict, Who};
use crate::listing::index::Index;
use crate::observe::activity::Activity;
use crate::observe::decision_log::{Asked, Decided, DecisionLog, Entry};
use crate::observe::metrics::{Kind, Metrics};
use crate::transport::Registry;
use crate::transport::auth::{Asker, Session};

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
    /// What the asker calls the call; empty if nothing.
    pub reference: &'a [u8],
    /// Whether it is accepted only because the operator's policy is another than the default.
    pub by_choice: bool,
}

/// Queries that came in together: how, when, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Came<'a> {
    interface: Interface,
    since: Instant,
    by: Option<(&'a Session, Option<&'a HeaderValue>)>,
}

impl<'a> Came<'a> {
    /// Over this interface, at this moment.
    pub fn over(interface: Interface, since: Instant) -> Self {
        Self { interface, since, by: None }
    }

    /// On this connection, with this token in the request if there is one. Who that is is found out when it is logged.
    pub fn by(self, session: &'a Session, token: Option<&'a HeaderValue>) -> Self {
        Self { by: Some((session, token)), ..self }
    }

    fn asker(&self) -> Asker {
        self.by.map_or(Asker::Nobody, |(session, token)| session.asker(token))
    }
}

/// Counts and logs what is decided.
#[derive(Debug)]
pub struct Observer {
    /// What is counted.
    pub metrics: Metrics,
    /// Where it is logged.
    pub log: DecisionLog,
    /// What is decided just now.
    pub activity: Activity,
    listeners: Mutex<Vec<(&'static str, Arc<Registry>)>>,
}

impl Observer {
    /// One that has seen nothing yet.
    pub fn new(log: DecisionLog) -> Self {
        Self { metrics: Metrics::default(), log, activity: Activity::default(), listeners: Mutex::default() }
    }

    /// Connections of this listener are in that registry.
    pub fn listens(&self, listener: &'static str, connections: Arc<Registry>) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push((listener, connections));
    }

    /// The listeners and their connections.
    pub fn listeners(&self) -> Vec<(&'static str, Arc<Registry>)> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sees answers to questions that came in together, and are sent together.
    pub fn see<'a>(&'a self, came: Came<'a>) -> Seen<'a> {
        let (decided, alike, caller_ids) = (Cell::new(0), Cell::new(None), Cell::default());
        Seen { observer: self, came, asker: OnceCell::new(), decided, alike, caller_ids }
    }
}

/// Counts and logs the answers to questions that came in together. All are ready when it is dropped.
#[derive(Debug)]
pub struct Seen<'a> {
    observer: &'a Observer,
    came: Came<'a>,
    /// Who asks, once it is written down.
    asker: OnceCell<Asker>,
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
                self.observer.metrics.caller_ids_read(self.came.interface, read, u64::from(count));
            }
        }
        if self.decided.get() > 0 {
            let (interface, decided) = (self.came.interface, self.decided.get());
            self.observer.metrics.took(interface, self.came.since.elapsed(), decided);
            // What people ask is no call.
            if interface != Interface::Cli {
                self.observer.activity.asked(decided, || self.asker());
            }
        }
    }
}

/// The longest reference that is kept, in characters.
const LONGEST_REFERENCE: usize = 128;

/// What is kept of what an asker calls a call: what is seen of it, up to a length. A bad one must not cost the answer.
fn kept_reference(reference: &[u8]) -> Option<Box<str>> {
    if reference.is_empty() {
        return None;
    }
    let kept: String =
        String::from_utf8_lossy(reference).chars().filter(|c| !is_hidden(*c)).take(LONGEST_REFERENCE).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.into())
}

impl Seen<'_> {
    fn asker(&self) -> Asker {
        self.asker.get_or_init(|| self.came.asker()).clone()
    }

    fn count(&self, verdict: Verdict, reason: Reason, role: Option<ProviderRole>) {
        self.decided.set(self.decided.get() + 1);
        let kind = Kind::of(self.came.interface, verdict, reason, role);
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
        let Question { who, query, peer, caller_id_given, caller_id, reference, by_choice } = question;
        self.count(decision.verdict, decision.reason, query.role);
        if decision.verdict == Verdict::Refuse && self.came.interface != Interface::Cli {
            self.observer.activity.refused(who, peer);
        }
        if let Some(place) = caller_id.place() {
            let mut caller_ids = self.caller_ids.get();
            caller_ids[place] += 1;
            self.caller_ids.set(caller_ids);
        }
        if log.wants(decision.verdict, by_choice || matches!(decision.reason, Reason::Override | Reason::EmergencyCall))
        {
            log.note(Entry {
                at: now,
                interface: self.came.interface,
                asked_by: self.asker(),
                reference: kept_reference(reference),
                asked: Asked::Who(who.clone()),
                decided: Some(Decided::new(*query, caller_id_given, peer.cloned(), decision, index.into())),
            });
        }
    }

    /// A call to 911 was accepted, and nothing is known of who hands it over.
    pub fn emergency(&self, who: impl FnOnce() -> Option<Who>, reference: &[u8], now: Timestamp) {
        let log = &self.observer.log;
        self.count(Verdict::Accept, Reason::EmergencyCall, None);
        if log.wants(Verdict::Accept, true) {
            let asked = who().map_or(Asked::Unreadable, Asked::Who);
            let (interface, asked_by, reference) = (self.came.interface, self.asker(), kept_reference(reference));
            log.note(Entry { at: now, interface, asked_by, reference, asked, decided: None });
        }
    }

    /// A question was answered with this error.
    pub(crate) fn rejected(&self, rejection: &Rejection) {
        self.rejected_together(rejection, 1);
    }

    /// So many questions that came in together were answered with this error.
    pub(crate) fn rejected_together(&self, rejection: &Rejection, questions: usize) {
        self.count_failed(Some(rejection.reason), questions as u64);
    }

    /// A question was answered with an error; its reason, if it is one of ours.
    pub fn failed(&self, reason: Option<ErrorReason>) {
        self.count_failed(reason, 1);
    }

    fn count_failed(&self, reason: Option<ErrorReason>, questions: u64) {
        self.observer.metrics.not_decided(self.came.interface, reason, questions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_reference_what_is_seen_is_kept_up_to_a_length() {
        let kept = |reference: &str| kept_reference(reference.as_bytes()).map(String::from);
        assert_eq!(kept("a84b4c76e66710@pc33.example"), Some("a84b4c76e66710@pc33.example".to_owned()));
        assert_eq!(kept("a\r\nb\u{202e}c\u{1b}[31m "), Some("abc[31m".to_owned()));
        assert_eq!(kept(&"é".repeat(500)).map(|kept| kept.chars().count()), Some(128));
        assert_eq!((kept(""), kept(" \n"), kept("\u{0}")), (None, None, None));
    }
}
