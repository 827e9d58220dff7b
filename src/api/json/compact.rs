//! The answer in what a switch acts on or writes down.

use jiff::Timestamp;
use serde::Serialize;

use super::RemovalTimes;
use crate::service;

/// The answer to one query, in what a switch acts on or writes down.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CompactCheck<'a> {
    /// `ACCEPT` or `REFUSE`.
    pub verdict: &'static str,
    pub reason: &'static str,
    /// The rule's paragraph.
    pub rule: &'static str,
    /// Whether the verdict rests on the operator's policy.
    pub by_policy: bool,
    /// The codes of what else to know.
    pub advisories: Vec<&'static str>,
    /// How the identity matched.
    pub matched_by: Option<&'static str>,
    /// The number of the filing that was matched.
    pub filing: Option<String>,
    pub frn: Option<String>,
    /// The removal, where the provider is removed now.
    pub removal: Option<RemovalTimes>,
    /// The peer's name as operators wrote it, if the query named one.
    pub peer: Option<&'a str>,
    /// Kind and ID of the operator's record that the verdict rests on, or that explains a removal.
    pub record: Option<String>,
    /// The time of which the answer tells, if one was asked about.
    pub at: Option<Timestamp>,
    /// The listing that the answer rests on.
    pub snapshot: Option<CompactSnapshot>,
}

/// Which listing an answer rests on.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CompactSnapshot {
    /// The snapshot's number.
    pub serial: u64,
    /// Seconds since the last confirmation. Below zero where that lies ahead of the clock: the age is not known then.
    pub age_seconds: i64,
}

impl<'a> CompactCheck<'a> {
    /// An answer, of the time that was asked about, if one was.
    pub fn new(answer: &'a service::Answer, snapshot: Option<&service::SnapshotRef>, at: Option<Timestamp>) -> Self {
        let decision = &answer.decision;
        let filing = decision.filing.as_deref();
        Self {
            verdict: decision.verdict.as_str(),
            reason: decision.reason.as_str(),
            rule: decision.rule,
            by_policy: decision.by_policy,
            advisories: decision.advisories.iter().map(|advisory| advisory.code.as_str()).collect(),
            matched_by: decision.matched_by.map(|matched| matched.as_str()),
            filing: filing.map(|filing| filing.number().to_string()),
            frn: filing.and_then(|filing| filing.frn()).map(|frn| frn.to_string()),
            removal: decision.removal.as_deref().map(RemovalTimes::from),
            peer: answer.peer_name(),
            record: decision.record.as_deref().map(|record| format!("{} {}", record.kind(), record.id())),
            at,
            snapshot: snapshot
                .map(|snapshot| CompactSnapshot { serial: snapshot.serial.0, age_seconds: snapshot.age.as_secs() }),
        }
    }
}
