//! May calls be accepted from this provider? The answer on every call.

use std::sync::Arc;

use arc_swap::Guard;
use jiff::Timestamp;

use super::listing::resolve;
use super::{Behind, Services, SnapshotRef};
use crate::decide::caller_id::{self, CallerId};
use crate::decide::{EMERGENCY_ALONE, NamedBy, Policy, PolicyConfig, Query, When, Wording, decide_in, sentence};
use crate::domain::{
    Advisory, AdvisoryCode, Decision, ErrorReason, ProviderRole, Reason, Record, Rejection, Ternary, Verdict, Who, rule,
};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::observe::{Question, Seen};
use crate::records::Records;

/// How much of an answer is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// What a switch acts on or writes down.
    #[default]
    Compact,
    /// With sentences and evidence.
    Full,
}

/// A query about a provider that hands over calls.
#[derive(Debug, Clone)]
pub struct CheckRequest<'a> {
    /// Whom it names.
    pub who: Who,
    /// The role in which the calls are handed over, if it says so.
    pub role: Option<ProviderRole>,
    /// Whether the provider is a foreign one.
    pub foreign: Ternary,
    /// Whether the calling number pertains to the US. Whoever says so need not give the number.
    pub us_caller_id: Ternary,
    /// The calling number as it was signalled; empty if it was not given.
    pub caller_id: &'a str,
    /// Whether it is a call to 911.
    pub emergency: bool,
    /// How much of the answer is wanted.
    pub detail: Detail,
    /// Whether whoever asks may read what operators note for themselves.
    pub notes: bool,
    /// What whoever asks calls the call, for the decision log; empty if nothing.
    pub reference: &'a [u8],
}

impl CheckRequest<'_> {
    /// A query that says nothing but whom it is about.
    pub fn about(who: Who) -> Self {
        Self {
            who,
            role: None,
            foreign: Ternary::Unknown,
            us_caller_id: Ternary::Unknown,
            caller_id: "",
            emergency: false,
            detail: Detail::Compact,
            notes: false,
            reference: b"",
        }
    }
}

/// A query that could not be read. A call to 911 is answered all the same.
#[derive(Debug)]
pub struct Unreadable {
    /// What is wrong with it.
    pub rejection: Rejection,
    /// Whether it is a call to 911.
    pub emergency: bool,
    /// Whom it names, as far as can be told.
    pub who: Option<Who>,
    /// What whoever asks calls the call.
    pub reference: Vec<u8>,
}

/// The answer to a query.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was decided.
    pub decision: Decision,
    /// The peer whose binding led to the provider, if one did.
    pub peer: Option<Arc<Record>>,
    /// One sentence, where everything was asked for; and where nothing is known but that it is a call to 911.
    pub message: Option<String>,
    /// How much was asked for.
    pub detail: Detail,
    /// Since when the row of the filing that was matched could not be read, if so and everything was asked for.
    pub carried_since: Option<Timestamp>,
}

impl Answer {
    /// The peer's name as operators wrote it.
    pub fn peer_name(&self) -> Option<&str> {
        Some(&self.peer.as_deref()?.peer()?.name)
    }

    /// An answer with its sentence and evidence.
    pub fn full(index: &Index, decision: Decision, sentence: String, peer: Option<Arc<Record>>) -> Self {
        let carried = decision.filing.as_ref().and_then(|filing| index.snapshot().carried.get(&filing.number()));
        let carried_since = carried.copied();
        Self { decision, peer, message: Some(sentence), detail: Detail::Full, carried_since }
    }

    /// The answer for a call to 911 when nothing else can be said.
    fn emergency() -> Self {
        Self {
            decision: Decision {
                verdict: Verdict::Accept,
                reason: Reason::EmergencyCall,
                rule: rule::EMERGENCY,
                by_policy: false,
                advisories: Vec::new(),
                matched_by: None,
                filing: None,
                other_filings: Vec::new(),
                removal: None,
                candidates: Vec::new(),
                record: None,
            },
            peer: None,
            message: Some(EMERGENCY_ALONE.to_owned()),
            detail: Detail::Compact,
            carried_since: None,
        }
    }
}

/// What answers rest on now, held for a moment: no sync, no change of records or policy comes between.
pub struct Published {
    index: Guard<Option<Arc<Index>>>,
    records: Guard<Arc<Records>>,
    policy: Guard<Arc<Policy>>,
    behind: Option<Behind>,
    now: Timestamp,
}

impl Published {
    /// What queries are answered from.
    pub fn view(&self) -> View<'_> {
        View::new(self.index.as_deref(), &self.records, &self.policy, self.now).behind(self.behind)
    }
}

/// What queries are answered from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The listing and how old it is, if one was ever loaded.
    listing: Option<(&'a Index, When)>,
    records: &'a Records,
    policy: &'a Policy,
    /// Whether the site is behind its fleet.
    behind: Option<Behind>,
    now: Timestamp,
}

impl<'a> View<'a> {
    /// This listing, if one was ever loaded, with these records under this policy at this time.
    pub fn new(index: Option<&'a Index>, records: &'a Records, policy: &'a Policy, now: Timestamp) -> Self {
        let listing = index.map(|index| (index, When::now(index, now)));
        Self { listing, records, policy, behind: None, now }
    }

    /// The same at a site that is behind its fleet, or not. Of the past it does not matter.
    pub fn behind(self, behind: Option<Behind>) -> Self {
        Self { behind, ..self }
    }

    /// The listing that answers rest on.
    pub fn snapshot(&self) -> Option<SnapshotRef> {
        self.listing.map(|(index, _)| SnapshotRef::of(index, self.now))
    }

    /// The answer. It is counted and logged by who sees it.
    ///
    /// # Errors
    ///
    /// If the query names nobody that is known here, or there is nothing to answer from. A call to 911 always has an
    /// answer.
    #[inline]
    pub fn check(
        &self,
        request: &Result<CheckRequest<'_>, Box<Unreadable>>,
        seen: Option<&Seen<'_>>,
    ) -> Result<Answer, Rejection> {
        let mut answered = match (&self.listing, request) {
            (Some(listing), Ok(request)) => self.answer(listing, request, seen),
            (Some(_), Err(unreadable)) => Err(unreadable.rejection.clone()),
            (None, _) => Err(Rejection::snapshot_not_loaded()),
        };
        // In its place, where it is one: an answer is many words long, and here it is not moved.
        if let Err(rejection) = &answered {
            answered = self.reject(request, rejection.clone(), seen);
        }
        answered
    }

    /// What is answered to a query that cannot be: whatever else holds (an unknown upstream, a daemon without a listing),
    /// a call to 911 is accepted.
    #[cold]
    fn reject(
        &self,
        request: &Result<CheckRequest<'_>, Box<Unreadable>>,
        rejection: Rejection,
        seen: Option<&Seen<'_>>,
    ) -> Result<Answer, Rejection> {
        let (emergency, who, reference) = match request {
            Ok(request) => (request.emergency, Some(&request.who), request.reference),
            Err(unreadable) => (unreadable.emergency, unreadable.who.as_ref(), &*unreadable.reference),
        };
        if emergency {
            if let Some(seen) = seen {
                seen.emergency(|| who.cloned(), reference, self.now);
            }
            return Ok(Answer::emergency());
        }
        if let Some(seen) = seen {
            seen.rejected(&rejection);
        }
        Err(rejection)
    }

    /// The same; but for a call to 911 too, an error where nothing is known of whom it names. Only a verdict is counted.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn check_known(&self, request: &CheckRequest<'_>, seen: Option<&Seen<'_>>) -> Result<Answer, Rejection> {
        self.answer(self.listing.as_ref().ok_or_else(Rejection::snapshot_not_loaded)?, request, seen)
    }

    /// What would have been answered at the time of this view, had the policy been today's.
    ///
    /// # Errors
    ///
    /// As above; calls to 911 are none of the past.
    pub fn check_as_of(&self, request: &CheckRequest<'_>) -> Result<Answer, Rejection> {
        let mut answer = self.check_known(request, None)?;
        let code = AdvisoryCode::PolicyOfToday;
        if answer.decision.by_policy && !self.policy.cells.advisories_off.contains(&code) {
            let message = match answer.detail {
                Detail::Compact => "",
                Detail::Full => {
                    "the verdict rests on policy, and the policy of that time is not known: today's was taken"
                }
            };
            answer.decision.advisories.push(Advisory { code, message: message.to_owned() });
        }
        Ok(answer)
    }

    #[inline]
    fn answer(
        &self,
        (index, when): &(&Index, When),
        request: &CheckRequest<'_>,
        seen: Option<&Seen<'_>>,
    ) -> Result<Answer, Rejection> {
        let Self { records, policy, behind, now, .. } = *self;
        // Whoever says whose number it is need not have it read.
        let stated = request.us_caller_id;
        let caller_id = if stated == Ternary::Unknown { caller_id::read(request.caller_id) } else { CallerId::Absent };
        let us_caller_id = if stated == Ternary::Unknown { caller_id.pertains_to_us() } else { stated };
        let resolved = resolve(&request.who, records, now)?;
        let query = Query {
            identity: resolved.identity,
            named_by: match &request.who {
                Who::Provider(_) => NamedBy::Number,
                Who::Ocn(_) => NamedBy::Ocn,
                Who::Peer(_) => NamedBy::Peer,
            },
            role: request.role.or(resolved.role),
            foreign: request.foreign,
            us_caller_id,
            emergency: request.emergency,
        };
        let wording = match request.detail {
            Detail::Full => Wording::Sentences,
            Detail::Compact => Wording::Codes,
        };
        let decide = |query: &Query, wording| decide_in(wording, index, records, query, policy, *when);
        let mut decision =
            decide(&query, wording).map_err(|undecided| ErrorReason::ListingTooOld.reject(undecided.to_string()))?;
        if caller_id == CallerId::Unreadable && decision.verdict == Verdict::Refuse {
            let abroad = decide(&Query { us_caller_id: Ternary::No, ..query }, Wording::Codes);
            if abroad.is_ok_and(|decision| decision.verdict == Verdict::Accept) {
                advise_unreadable(&mut decision, policy, wording);
            }
        }
        if let Some(behind) = behind {
            advise_behind(&mut decision, behind, policy, wording);
        }
        if let Some(seen) = seen {
            let (peer, caller_id_given) = (resolved.peer.as_ref(), !request.caller_id.is_empty());
            let by_choice =
                decision.by_policy && decision.verdict == Verdict::Accept && by_choice(&query, self, (index, *when));
            let (who, query, reference) = (&request.who, &query, request.reference);
            let question = Question { who, query, peer, caller_id_given, caller_id, reference, by_choice };
            seen.decided(question, &decision, index, now);
        }
        let peer = resolved.peer;
        Ok(match request.detail {
            Detail::Compact => Answer { decision, peer, message: None, detail: Detail::Compact, carried_since: None },
            Detail::Full => {
                let sentence = sentence(&decision, &query, request.notes);
                Answer::full(index, decision, sentence, peer)
            }
        })
    }
}

/// Whether what this policy accepts would be answered otherwise by the default one.
fn by_choice(query: &Query, view: &View<'_>, (index, when): (&Index, When)) -> bool {
    let cells = PolicyConfig::default();
    if view.policy.cells == cells {
        return false;
    }
    let policy = Policy { cells, ..view.policy.clone() };
    let decision = decide_in(Wording::Codes, index, view.records, query, &policy, when);
    decision.is_ok_and(|decision| decision.verdict != Verdict::Accept)
}

/// Advises that a call is refused because nobody could read who calls.
fn advise_unreadable(decision: &mut Decision, policy: &Policy, wording: Wording) {
    let code = AdvisoryCode::CallerIdUnreadable;
    if policy.cells.advisories_off.contains(&code) {
        return;
    }
    let message = match wording {
        Wording::Codes => "",
        Wording::Sentences => {
            "the calling number could not be read; were it known to be no US number, the call would not be barred"
        }
    };
    decision.advisories.push(Advisory { code, message: message.to_owned() });
}

/// Advises that other sites of the fleet may answer otherwise: before all else, since it bears on all of it.
fn advise_behind(decision: &mut Decision, behind: Behind, policy: &Policy, wording: Wording) {
    let code = AdvisoryCode::FleetBehind;
    if policy.cells.advisories_off.contains(&code) {
        return;
    }
    let message = match wording {
        Wording::Codes => String::new(),
        Wording::Sentences => behind.to_string(),
    };
    decision.advisories.insert(0, Advisory { code, message });
}

impl Services {
    /// What queries are answered from now. Never waits.
    pub fn published(&self) -> Published {
        // First: what is published meanwhile is newer.
        let behind = self.behind();
        Published {
            behind,
            index: self.index.load(),
            records: self.records.load(),
            policy: self.policy.load(),
            now: clock::now(),
        }
    }

    /// What would have been answered at a time, with the listing that it rests on.
    ///
    /// # Errors
    ///
    /// If the query names nobody that was known then, or history does not reach back so far.
    pub async fn check_as_of(
        &self,
        request: &CheckRequest<'_>,
        at: Timestamp,
    ) -> Result<(Answer, SnapshotRef), Rejection> {
        let then = self.as_of(at).await?;
        let policy = self.policy.load();
        let (index, records) = (Some(&*then.index), &*then.records);
        let view = View::new(index, records, &policy, at);
        Ok((view.check_as_of(request)?, SnapshotRef::of(&then.index, at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChangeSerial, EARLIEST, FilingBuilder, RemovalHistory, Snapshot};

    #[test]
    fn that_policy_is_todays_has_words_in_a_full_answer_alone() {
        let filing = FilingBuilder::new("RMD0000001".parse().expect("a number"), None, 0).finish();
        let snapshot = Snapshot::made_up(1, EARLIEST, [filing.into()]);
        let index = Index::build(snapshot, RemovalHistory::default(), ChangeSerial(0));
        let (records, policy) = (Records::default(), Policy::default());
        let view = View::new(Some(&index), &records, &policy, EARLIEST);
        let who = Who::Provider("RMD0000001".parse().expect("a number"));
        let words = |detail| {
            let asked = CheckRequest { detail, ..CheckRequest::about(who.clone()) };
            let advisories = view.check_as_of(&asked).expect("an answer").decision.advisories;
            advisories
                .into_iter()
                .find(|one| one.code == AdvisoryCode::PolicyOfToday)
                .expect("it rests on policy")
                .message
        };
        assert!(words(Detail::Compact).is_empty() && words(Detail::Full).contains("policy of that time"));
    }
}
