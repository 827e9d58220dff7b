//! Answers to queries: each of its own, beside what the FCC says now, of a row of a list, and of a listing that is supposed.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use super::{Filing, Note, RemovalTimes, Snapshot};
use crate::{domain, service};

/// The answer to one query.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check<'a> {
    /// `ACCEPT` or `REFUSE`; null where there is no answer.
    pub verdict: Option<Cow<'a, str>>,
    pub reason: Cow<'a, str>,
    /// One sentence.
    pub message: Cow<'a, str>,
    /// The rule's paragraph; null where there is no answer.
    pub rule: Option<Cow<'a, str>>,
    /// Whether the verdict rests on the operator's policy.
    pub by_policy: bool,
    /// What else to know.
    pub advisories: Vec<Note<'a>>,
    /// How the identity matched.
    pub matched_by: Option<Cow<'a, str>>,
    /// The filing that was matched.
    pub filing: Option<Filing<'a>>,
    /// Numbers of the provider's other filings.
    pub other_filings: Vec<String>,
    /// Numbers of filings that name the FRN among their other FRNs, where none is filed under it.
    pub candidates: Vec<String>,
    /// The removal, where the provider is removed now.
    pub removal: Option<RemovalTimes>,
    /// The peer's name as operators wrote it, if the query named one.
    pub peer: Option<Cow<'a, str>>,
    /// Kind and ID of the operator's record that the verdict rests on, or that explains a removal.
    pub record: Option<String>,
    /// The time of which the answer tells, if one was asked about.
    pub at: Option<Timestamp>,
    /// The listing that the answer rests on.
    pub snapshot: Option<Snapshot>,
}

impl<'a> Check<'a> {
    /// An answer, of the time that was asked about, if one was.
    pub fn new(answer: &'a service::Answer, snapshot: Option<&service::SnapshotRef>, at: Option<Timestamp>) -> Self {
        let decision = &answer.decision;
        let note = |advisory: &'a domain::Advisory| Note {
            code: advisory.code.as_str().into(),
            message: advisory.message.as_str().into(),
        };
        Self {
            verdict: Some(decision.verdict.as_str().into()),
            reason: decision.reason.as_str().into(),
            message: answer.message.as_deref().unwrap_or_default().into(),
            rule: Some(decision.rule.into()),
            by_policy: decision.by_policy,
            advisories: decision.advisories.iter().map(note).collect(),
            matched_by: decision.matched_by.map(|matched| matched.as_str().into()),
            filing: decision.filing.as_deref().map(|filing| Filing::new(filing, answer.carried_since)),
            other_filings: decision.other_filings.iter().map(ToString::to_string).collect(),
            candidates: decision.candidates.iter().map(ToString::to_string).collect(),
            removal: decision.removal.as_deref().map(RemovalTimes::from),
            peer: answer.peer_name().map(Cow::Borrowed),
            record: decision.record.as_deref().map(|record| format!("{} {}", record.kind(), record.id())),
            at,
            snapshot: snapshot.map(Snapshot::from),
        }
    }
}

impl Check<'static> {
    /// A query without an answer: why there is none, and of which time it was asked.
    pub fn unanswered(reason: &'static str, message: String, at: Option<Timestamp>) -> Self {
        Self {
            verdict: None,
            reason: reason.into(),
            message: message.into(),
            rule: None,
            by_policy: false,
            advisories: Vec::new(),
            matched_by: None,
            filing: None,
            other_filings: Vec::new(),
            candidates: Vec::new(),
            removal: None,
            peer: None,
            record: None,
            at,
            snapshot: None,
        }
    }
}

/// What the FCC says now, beside what is stored.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Live<'a> {
    /// The address that was asked, without its secrets.
    pub url: String,
    /// When.
    pub asked_at: Option<Timestamp>,
    /// Why the FCC's word could not be had, if so; all below is then empty.
    pub error: Option<Note<'a>>,
    /// Whether the FCC tells just what is stored, in all that it tells.
    pub agrees: Option<bool>,
    /// The filings as the FCC tells them.
    pub filings: Vec<Filing<'a>>,
    /// Filing by filing, those of both sides.
    pub compared: Vec<Compared>,
}

impl Live<'_> {
    /// Asked, and nothing said yet.
    pub fn asked(url: String, asked_at: Option<Timestamp>) -> Self {
        Self { url, asked_at, ..Self::default() }
    }
}

/// How one filing compares.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Compared {
    /// The filing's number.
    pub number: String,
    /// `SAME`, `DIFFERS`, `ONLY_STORED` or `ONLY_LIVE`.
    pub agreement: String,
    /// Where it differs.
    pub fields: Vec<LiveField>,
}

/// One cell that differs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LiveField {
    pub column: String,
    pub stored: String,
    /// What the FCC says.
    pub live: String,
}

/// The answer to one query, and what the FCC says now.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CheckWithLive<'a> {
    /// The answer, from the stored listing.
    #[serde(flatten)]
    pub check: Check<'a>,
    /// What the FCC says now.
    pub live: &'a Live<'a>,
}

/// The answer about one row of a list of upstreams.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CheckedRow<'a> {
    /// The answer, or why there is none.
    #[serde(flatten)]
    pub check: &'a Check<'a>,
    /// The row's number, counted as the list's own program does.
    pub row: u64,
    /// The roles in which it was asked; none where any would do, or the peer's own.
    pub asked_roles: Vec<&'static str>,
    /// The row as it stands in the list.
    pub upstream: Cells<'a>,
}

/// Cells by the name of their column, in the columns' order.
#[derive(Debug, Clone)]
pub struct Cells<'a>(pub Vec<(String, &'a str)>);

impl Serialize for Cells<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, cell)| (name, cell)))
    }
}

/// What would become of one peer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PeerImpact {
    /// The peer's name.
    pub peer: String,
    /// The answer about it now.
    pub now: Option<Check<'static>>,
    /// The answer then.
    pub then: Option<Check<'static>>,
}

/// What would become of the peers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Impact {
    /// Those that would be refused, or of which the verdict or the reason would change.
    pub peers: Vec<PeerImpact>,
    /// How many were asked about.
    pub asked: u64,
    /// How many would be refused.
    pub refused: u64,
    /// How many of those are accepted now.
    pub newly_refused: u64,
    /// How many that are refused now would be accepted.
    pub newly_accepted: u64,
    /// How many peers would be answered otherwise in some role.
    pub in_some_role: u64,
    /// How many providers would be, peers or not.
    pub providers: u64,
    /// What makes the supposed listing hard to believe.
    pub listing_doubts: Vec<String>,
}
