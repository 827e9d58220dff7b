//! (index, records, policy, now) -> how each of the operator's own peers stands: whether it may hand calls over, since when,
//! and what will change by itself and when. Pure.
//!
//! There is no second copy of the rules here. What will change, and since when something holds, is found by asking for the
//! decision at the moments that the records, the notices, the filing and the policy name: a moment counts only if the
//! answer is another after it.

mod moments;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::advisories::{OF_TIME, advisories, advisories_of_time};
use super::facts::{Facts, When};
use super::impact::Basis;
use super::{NamedBy, Query, Undecided, Wording, decide_by, matrix, sentence};
use crate::domain::{
    Advisory, AdvisoryCode, Decision, Filing, Peer, PeerKind, Reason, Record, RecordKind, RmdNumber, Verdict,
};
pub use moments::DeadlineKind;
use moments::{Common, Moment, moments};

/// How a peer stands, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerState {
    /// Its calls are refused.
    Refused,
    /// Its provider has no filing and none is known that it had: the number that it is bound to may be wrong. Its calls are
    /// refused.
    Unmatched,
    /// Its calls are accepted, and something needs looking at ([`PeerState::NEEDS_ATTENTION`]); or there is no verdict, by
    /// the policy for old listings.
    Attention,
    /// Its calls are accepted.
    Accepted,
}

impl PeerState {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Unmatched, Self::Attention, Self::Accepted];

    /// The advisories with which an accepted peer needs attention.
    pub const NEEDS_ATTENTION: [AdvisoryCode; 8] = [
        AdvisoryCode::WatchListed,
        AdvisoryCode::NoticePending,
        AdvisoryCode::NoticeUnanswered,
        AdvisoryCode::NoticeAnsweredLate,
        AdvisoryCode::RemovalOrder,
        AdvisoryCode::FinalDetermination,
        AdvisoryCode::FilingCarried,
        AdvisoryCode::RecertificationOverdue,
    ];

    /// The word in JSON, in metrics and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unmatched => "unmatched",
            Self::Attention => "attention",
            Self::Accepted => "accepted",
        }
    }
}

/// How a peer stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The binding.
    pub peer: Arc<Record>,
    /// The question that its calls ask: about its provider, in its default role.
    pub query: Query,
    /// How it stands.
    pub state: PeerState,
    /// The answer about it, or why there is none.
    pub answer: Result<Decision, Undecided>,
    /// Since when it has stood so for this reason, as far as the listing and the records of now tell. Nothing where that
    /// rests on what the filing says of roles: when it began to say so is in the history alone.
    pub since: Option<Timestamp>,
    /// What will change by itself, in the order of time.
    pub next: Vec<Deadline>,
}

/// What will change by itself at a moment.
#[derive(Debug, Clone)]
pub struct Deadline {
    /// When.
    pub at: Timestamp,
    /// What happens then.
    pub kind: DeadlineKind,
    /// The record that names the moment, if one does.
    pub record: Option<Arc<Record>>,
    /// How the peer stands after it. Nothing if it is no peer any more.
    pub then: Option<Outlook>,
}

/// How a peer will stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// How.
    pub state: PeerState,
    /// Verdict and reason; nothing if policy gives no verdict then.
    pub ruling: Option<(Verdict, Reason)>,
    /// Advisories that come.
    pub gained: Vec<AdvisoryCode>,
    /// Advisories that go.
    pub lost: Vec<AdvisoryCode>,
}

impl Standing {
    /// The binding's own name.
    pub fn name(&self) -> &str {
        self.peer.peer().map_or("", |peer| peer.name.as_str())
    }

    /// The verdict, if there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        self.decision().map(|decision| decision.verdict)
    }

    /// Why; of no verdict, that the listing is old.
    pub fn reason(&self) -> Reason {
        self.decision().map_or(Reason::ListingOld, |decision| decision.reason)
    }

    /// The decision, if there is one.
    pub fn decision(&self) -> Option<&Decision> {
        self.answer.as_ref().ok()
    }

    /// The filing that the answer names: one that stands, else one that was removed.
    pub fn filing(&self) -> Option<&Arc<Filing>> {
        self.decision()?.filing.as_ref()
    }

    /// Its number.
    pub fn number(&self) -> Option<RmdNumber> {
        self.filing().map(|filing| filing.number())
    }

    /// The provider's name as filed; empty if it is not known.
    pub fn provider_name(&self) -> &str {
        self.filing().map_or("", |filing| filing.business_name())
    }

    /// What else to know.
    pub fn advisories(&self) -> &[Advisory] {
        self.decision().map_or(&[], |decision| &decision.advisories)
    }

    /// The answer in one sentence, with what operators noted for themselves.
    pub fn sentence(&self) -> String {
        match &self.answer {
            Ok(decision) => sentence(decision, &self.query, true),
            Err(undecided) => undecided.to_string(),
        }
    }

    /// The next moment that is not put off by the next sync.
    pub(crate) fn next_deadline(&self) -> Option<&Deadline> {
        self.next.iter().find(|deadline| !deadline.kind.is_put_off_by_syncs())
    }
}

/// How every peer that is bound now stands, by the peers' IDs.
pub fn standings(basis: Basis<'_>, now: Timestamp) -> Vec<Standing> {
    let peers = basis.records.all(RecordKind::Peer).filter(|peer| peer.in_force(now));
    standings_of(basis, peers, now)
}

/// How these peers stand, whether they are bound now or not. Records that are none of peers are left out.
pub(crate) fn standings_of<'a>(
    basis: Basis<'_>,
    peers: impl Iterator<Item = &'a Arc<Record>>,
    now: Timestamp,
) -> Vec<Standing> {
    let asking = Asking { basis, now, common: Common::of(basis, now) };
    peers.filter_map(|peer| asking.about(peer)).collect()
}

/// What is the same for all peers.
struct Asking<'a> {
    basis: Basis<'a>,
    now: Timestamp,
    common: Common,
}

/// What an answer comes to, as far as it can change by itself.
struct Outcome<'a> {
    ruling: Option<(Verdict, Reason)>,
    advisories: Cow<'a, [Advisory]>,
}

/// Notices say in their advisories which of their clocks have run out.
const OF_NOTICES: [AdvisoryCode; 3] =
    [AdvisoryCode::NoticePending, AdvisoryCode::NoticeUnanswered, AdvisoryCode::NoticeAnsweredLate];

impl<'a> From<&'a Result<Decision, Undecided>> for Outcome<'a> {
    fn from(answer: &'a Result<Decision, Undecided>) -> Self {
        match answer {
            Ok(decision) => Self {
                ruling: Some((decision.verdict, decision.reason)),
                advisories: Cow::Borrowed(&decision.advisories),
            },
            Err(_) => Self { ruling: None, advisories: Cow::default() },
        }
    }
}

impl Outcome<'_> {
    fn of(facts: &Facts<'_>) -> Self {
        let wording = if facts.on_record.has_notices() { Wording::Sentences } else { Wording::Codes };
        match matrix::rule(facts) {
            Ok(ruling) => Self {
                ruling: Some((ruling.verdict, ruling.reason)),
                advisories: advisories(facts, &ruling, wording).into(),
            },
            Err(_) => Self { ruling: None, advisories: Cow::default() },
        }
    }

    /// The outcome at another time, of a question about which nothing is on record: then all but what is said of time is as
    /// it is now, unless the ruling is another.
    fn by_time(facts: &Facts<'_>, now: &Outcome<'_>) -> Self {
        let ruling = match matrix::rule(facts) {
            Ok(ruling) if now.ruling == Some((ruling.verdict, ruling.reason)) => ruling,
            _ => return Self::of(facts),
        };
        let mut advisories = advisories_of_time(facts, &ruling);
        let others = now.advisories.iter().filter(|said| !OF_TIME.contains(&said.code));
        // In the order in which all are told.
        let at = usize::from(advisories.first().is_some_and(|said| said.code == AdvisoryCode::ListingOld));
        advisories.splice(at..at, others.cloned());
        Self { ruling: now.ruling, advisories: advisories.into() }
    }

    fn state(&self) -> PeerState {
        state(self.ruling, self.advisories.iter().map(|said| said.code))
    }

    /// Verdict and reason, the codes, and the sentences about notices. Others say how old something is, and so are never
    /// the same twice.
    fn is_as(&self, other: &Self) -> bool {
        let same = |(one, two): (&Advisory, &Advisory)| {
            one.code == two.code && (one.message == two.message || !OF_NOTICES.contains(&one.code))
        };
        self.ruling == other.ruling
            && self.advisories.len() == other.advisories.len()
            && self.advisories.iter().zip(other.advisories.iter()).all(same)
    }

    /// How a peer will stand that stands so now.
    fn after(&self, before: &Self) -> Outlook {
        let codes = |of: &Self, but: &Self| -> Vec<AdvisoryCode> {
            let has = |of: &Self, code| of.advisories.iter().filter(|said| said.code == code).count();
            let mut codes: Vec<AdvisoryCode> = Vec::new();
            for code in of.advisories.iter().map(|said| said.code) {
                if !codes.contains(&code) && has(of, code) > has(but, code) {
                    codes.push(code);
                }
            }
            codes
        };
        Outlook { state: self.state(), ruling: self.ruling, gained: codes(self, before), lost: codes(before, self) }
    }
}

/// How a peer stands of which this is said.
fn state(ruling: Option<(Verdict, Reason)>, mut said: impl Iterator<Item = AdvisoryCode>) -> PeerState {
    match ruling {
        Some((Verdict::Refuse, Reason::NotListed | Reason::OtherFrnOnly)) => PeerState::Unmatched,
        Some((Verdict::Refuse, _)) => PeerState::Refused,
        Some((Verdict::Accept, _)) if !said.any(|code| PeerState::NEEDS_ATTENTION.contains(&code)) => {
            PeerState::Accepted
        }
        Some((Verdict::Accept, _)) | None => PeerState::Attention,
    }
}

/// How many of the peers that are bound now are in each state of [`PeerState::ALL`]. Looks for no deadline and writes no
/// sentence: it is asked for with every page of metrics.
pub(crate) fn count_states(basis: Basis<'_>, now: Timestamp) -> [(PeerState, u64); PeerState::ALL.len()] {
    let Basis { index, records, policy } = basis;
    let mut counts = PeerState::ALL.map(|state| (state, 0));
    for peer in records.all(RecordKind::Peer).filter(|peer| peer.in_force(now)) {
        let Some(query) = question(peer) else { continue };
        let facts = Facts::gather(index, records, &query, policy, When::now(index, now));
        let state = match matrix::rule(&facts) {
            Ok(ruling) => {
                let said = advisories(&facts, &ruling, Wording::Codes);
                state(Some((ruling.verdict, ruling.reason)), said.iter().map(|said| said.code))
            }
            Err(_) => state(None, std::iter::empty()),
        };
        counts.iter_mut().filter(|(of, _)| *of == state).for_each(|(_, count)| *count += 1);
    }
    counts
}

/// The question that a peer's calls ask; nothing if it is no peer's record.
fn question(peer: &Record) -> Option<Query> {
    let Peer { role, kind, .. } = peer.peer()?;
    let named_by = if *kind == PeerKind::Ocn { NamedBy::Ocn } else { NamedBy::Peer };
    Some(Query { named_by, role: *role, ..Query::about(peer.provider) })
}

/// The shortest time: a moment before and a moment after.
const TICK: jiff::SignedDuration = jiff::SignedDuration::from_nanos(1);

impl Asking<'_> {
    fn about(&self, peer: &Arc<Record>) -> Option<Standing> {
        let query = question(peer)?;
        let Basis { index, records, policy } = self.basis;
        let mut facts = Facts::gather(index, records, &query, policy, When::now(index, self.now));
        let answer = decide_by(&facts, Wording::Sentences);
        let outcome = Outcome::from(&answer);
        let state = outcome.state();
        let moments = moments(&facts, self.common);
        let next = self.next(peer, &mut facts, &outcome, &moments);
        // What is accepted with nothing on record was not otherwise before by time alone.
        let since = match state == PeerState::Accepted && facts.on_record.is_empty() {
            true => None,
            false => self.since(peer, &mut facts, &outcome, &moments),
        };
        let since = since.or_else(|| settled(peer, &facts, answer.as_ref().ok()?));
        Some(Standing { peer: Arc::clone(peer), query, state, answer, since, next })
    }

    /// What the answer comes to at another time.
    fn outcome<'a>(&'a self, facts: &mut Facts<'a>, when: When, now: &Outcome<'_>) -> Outcome<'a> {
        let on_record = !facts.on_record.is_empty();
        facts.at(
            self.basis.records,
            when,
            |then| if on_record { Outcome::of(then) } else { Outcome::by_time(then, now) },
        )
    }

    /// What will change, asked for right after each moment to come.
    fn next<'a>(
        &'a self,
        peer: &Record,
        facts: &mut Facts<'a>,
        now: &Outcome<'_>,
        moments: &[Moment<'_>],
    ) -> Vec<Deadline> {
        let index = self.basis.index;
        let mut next: Vec<Deadline> = Vec::new();
        let mut before = None;
        let to_come = moments.partition_point(|moment| moment.at <= self.now);
        let to_come = moments.get(to_come..).unwrap_or_default();
        for together in to_come.chunk_by(|one, two| one.at == two.at) {
            let Some(first) = together.iter().find(|moment| moment.kind.is_some()) else { continue };
            if peer.expires_at.is_some_and(|end| first.at >= end) {
                break;
            }
            let after = first.at.saturating_add(TICK).unwrap_or(Timestamp::MAX);
            // A sync comes before the listing is too old, or nothing else matters: so no other moment waits for it.
            let put_off = first.kind.is_some_and(DeadlineKind::is_put_off_by_syncs);
            let when = match put_off {
                true => When::now(index, after),
                false => facts.when.later(after),
            };
            let outcome = self.outcome(facts, when, now);
            let base = before.as_ref().unwrap_or(now);
            if !outcome.is_as(base) {
                let then = outcome.after(base);
                next.extend(together.iter().filter_map(|moment| {
                    let record = moment.record.map(Arc::clone);
                    Some(Deadline { at: moment.at, kind: moment.kind?, record, then: Some(then.clone()) })
                }));
            }
            if !put_off {
                before = Some(outcome);
            }
        }
        let ends = peer.expires_at.filter(|end| *end > self.now);
        next.extend(ends.map(|at| Deadline { at, kind: DeadlineKind::BindingEnds, record: None, then: None }));
        next
    }

    /// The last moment before which state, verdict or reason were others, by what was on record then.
    fn since<'a>(
        &'a self,
        peer: &Record,
        facts: &mut Facts<'a>,
        now: &Outcome<'_>,
        moments: &[Moment<'_>],
    ) -> Option<Timestamp> {
        let (index, carried) = (self.basis.index, carried_since(facts));
        let passed = moments.iter().rev().filter(|moment| moment.at <= self.now && moment.at > peer.at);
        let mut asked = None;
        passed.map(|moment| moment.at).find(|at| {
            if asked.replace(*at) == Some(*at) {
                return false;
            }
            let then = at.saturating_sub(TICK).unwrap_or(Timestamp::MIN);
            let mut outcome = self.outcome(facts, When::then(index, then), now);
            if carried.is_some_and(|since| then < since) {
                outcome.advisories.to_mut().retain(|said| said.code != AdvisoryCode::FilingCarried);
            }
            (outcome.state(), outcome.ruling) != (now.state(), now.ruling)
        })
    }
}

/// Since when the row of a filing that decides could not be read, if it cannot.
fn carried_since(facts: &Facts<'_>) -> Option<Timestamp> {
    let carried = &facts.index.snapshot().carried;
    facts.counting().filter_map(|filing| carried.get(&filing.number()).copied()).min()
}

/// Since when a decision holds that no moment changed: since the peer is bound, since the filing it rests on is gone or
/// stands. What a filing says of roles may have been something else yesterday, so nothing is known there.
fn settled(peer: &Record, facts: &Facts<'_>, decision: &Decision) -> Option<Timestamp> {
    let removals = facts.index.removals();
    let arrived = |number| match removals.newest(number).and_then(|removal| removal.reinstated_at) {
        Some(back) => Some(back),
        None => removals.first_sights().of(number),
    };
    let floor = match decision.reason {
        Reason::RoleBlank | Reason::RoleNotCertified | Reason::NoRoleCertified => return None,
        Reason::Removed => decision.removal.as_ref().map(|removal| removal.first_missing_at),
        Reason::Listed | Reason::RemovalOrder => {
            facts.all_current().map(|filing| arrived(filing.number())).min().flatten()
        }
        _ => None,
    };
    Some(floor.map_or(peer.at, |floor| floor.max(peer.at)))
}
