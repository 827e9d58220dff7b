//! What operators have on record about a provider, as far as it holds at the time of the question.

use std::sync::Arc;

use jiff::Timestamp;

use super::facts::When;
use crate::domain::wording::moment;
use crate::domain::{Frn, Identity, Noted, OrderKind, OverrideAction, Record, Removal, RmdNumber, has_come};
use crate::listing::index::{Index, IndexedFiling};
use crate::records::{NoticeOnRecord, OnRecord, OrderOnRecord, ProviderRecords, Records};

/// How far an answer to a notice of suspected illegal traffic has come (64.1200(k)(4)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeState {
    /// Something is still to be done, and there is time for it.
    Pending,
    /// A deadline has passed, and what was due is not on record.
    Unanswered,
    /// All that was due is on record, though not all in time.
    AnsweredLate,
    /// All that was due was done in time.
    Answered,
}

/// What is on record about a provider under any of its numbers.
pub struct OnRecordFacts<'a> {
    about: Vec<&'a ProviderRecords>,
    when: When,
}

impl<'a> OnRecordFacts<'a> {
    /// Gathers it: under the number asked for, the FRN, and the number of every filing under that.
    #[inline]
    pub fn gather(index: &Index, records: &'a Records, asked: Identity, frn: Option<Frn>, when: When) -> Self {
        let mut facts = Self { about: Vec::new(), when };
        if let Some(about) = frn.and_then(|frn| records.about(Identity::Frn(frn))) {
            facts.about.push(about);
        }
        // Hardly anything is recorded by the number of a filing, and this is on the way of every call.
        if records.tell_of_filings() {
            facts.gather_by_filing(index, records, asked, frn);
        }
        facts
    }

    #[inline(never)]
    fn gather_by_filing(&mut self, index: &Index, records: &'a Records, asked: Identity, frn: Option<Frn>) {
        let mut numbers: Vec<_> = match asked {
            Identity::RmdNumber(number) => vec![number],
            Identity::Frn(_) => Vec::new(),
        };
        if let Some(frn) = frn {
            numbers.extend(index.by_frn(frn).map(|filing| filing.number()));
            numbers.extend(index.removed_by_frn(frn).map(|removal| removal.filing.number()));
        }
        numbers.sort_unstable();
        numbers.dedup();
        self.about.extend(numbers.into_iter().filter_map(|number| records.about(Identity::RmdNumber(number))));
    }

    /// Whether nothing is on record.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.about.is_empty()
    }

    /// Whether there is a notice among it.
    pub fn has_notices(&self) -> bool {
        self.about.iter().any(|about| !about.notices.is_empty())
    }

    /// All that is on record, in force or not.
    pub fn all(&self) -> impl Iterator<Item = &'a ProviderRecords> {
        self.about.iter().copied()
    }

    /// The override that holds. Where one allows and another denies, the one that denies.
    pub fn override_(&self) -> Option<(&'a Arc<Record>, OverrideAction)> {
        let in_force = self.about.iter().flat_map(|about| &about.overrides).filter(|on| self.when.holds(&on.record));
        let said = in_force.map(|on| (&on.record, on.body.action));
        said.max_by_key(|(_, action)| *action == OverrideAction::Deny)
    }

    /// The orders of a kind that have been released.
    pub fn orders(&self, kind: OrderKind) -> impl Iterator<Item = &'a OnRecord<OrderOnRecord>> {
        let when = self.when;
        let all = self.about.iter().flat_map(|about| &about.orders);
        all.filter(move |on| on.body.order.kind == kind && when.holds(&on.record) && on.body.effective_at <= when.now)
    }

    /// The removal order under which a standing filing does not count, if there is one.
    #[inline]
    pub fn barred(&self, index: &Index, filing: &IndexedFiling<'_>) -> Option<&'a OnRecord<OrderOnRecord>> {
        if self.is_empty() {
            return None;
        }
        self.orders(OrderKind::Removal).find(|on| bars(index, on, filing))
    }

    /// A removal order that names a standing filing, or its provider, and does not bar it.
    pub fn spent(&self, index: &Index, filing: &IndexedFiling<'_>) -> Option<&'a OnRecord<OrderOnRecord>> {
        self.orders(OrderKind::Removal).find(|on| names(on, filing.number(), filing.frn()) && !bars(index, on, filing))
    }

    /// The Final Determination Orders, each with whether it binds by now.
    pub fn final_determinations(&self) -> impl Iterator<Item = (&'a OnRecord<OrderOnRecord>, bool)> {
        let now = self.when.now;
        self.orders(OrderKind::FinalDetermination).map(move |on| (on, on.body.must_block_from <= now))
    }

    /// The notices, each with how far its answer has come.
    pub fn notices(&self) -> impl Iterator<Item = (&'a OnRecord<NoticeOnRecord>, NoticeState)> {
        let when = self.when;
        let all = self.about.iter().flat_map(|about| &about.notices);
        all.filter(move |on| when.holds(&on.record) && has_come(on.body.notice.issued_at, when.now))
            .map(move |on| (on, notice_state(&on.body, when.now)))
    }

    /// Whether something that is on record with a time had happened by now.
    pub fn happened(&self, noted: Option<&Noted>) -> bool {
        noted.is_some_and(|noted| has_come(noted.at, self.when.now))
    }
}

impl When {
    /// Whether a record has effect, and was there already.
    fn holds(self, record: &Record) -> bool {
        record.in_force(self.now) && record.at <= self.known_by
    }
}

/// Whether an order is about a filing.
pub fn names(on: &OnRecord<OrderOnRecord>, number: RmdNumber, frn: Option<Frn>) -> bool {
    match on.record.provider {
        Identity::Frn(of) => frn == Some(of),
        Identity::RmdNumber(of) => number == of,
    }
}

/// Whether a removal order bars a standing filing.
pub fn bars(index: &Index, on: &OnRecord<OrderOnRecord>, filing: &IndexedFiling<'_>) -> bool {
    is_met(index, on, filing.number(), filing.frn(), None)
}

/// Whether a removal order, as far as can be known, is why a filing went: it barred the filing until then.
pub fn explains(index: &Index, on: &OnRecord<OrderOnRecord>, removal: &Removal) -> bool {
    removal.first_missing_at >= on.body.effective_at
        && is_met(index, on, removal.filing.number(), removal.filing.frn(), Some(removal))
}

/// Whether a removal order meets a filing that stands, or stood until it was removed. It meets what it found: the filings
/// that stood at its release, which is the beginning of its day in Washington. For one that was missing at any moment
/// since then, that removal apart, it is spent. One that was first seen after its release is met only if some filing that
/// the order found still stood then.
///
/// What stood in the oldest listing is taken to have stood at every release before that: the operator who recorded the
/// order knows better, and can take it off the record.
fn is_met(
    index: &Index,
    on: &OnRecord<OrderOnRecord>,
    number: RmdNumber,
    frn: Option<Frn>,
    until: Option<&Removal>,
) -> bool {
    let (removals, released) = (index.removals(), on.body.effective_at);
    let missing_since = |removal: &Removal| removal.reinstated_at.is_none_or(|back| back > released);
    let mut earlier = removals.of(number).filter(|removal| until.is_none_or(|until| removal.snapshot < until.snapshot));
    if !names(on, number, frn) || earlier.any(|removal| missing_since(removal)) {
        return false;
    }
    let first_seen = |number| removals.first_sights().of(number);
    let Some(seen) = first_seen(number).filter(|seen| *seen > released) else { return true };
    let found = |other: &RmdNumber| first_seen(*other).is_none_or(|seen| seen <= released);
    let gone = |other| removals.of(other).any(|removal| removal.first_missing_at <= seen && missing_since(removal));
    let Identity::Frn(frn) = on.record.provider else { return false };
    let current_filing = index.by_frn(frn).map(|current_filing| current_filing.number());
    let removed = index.removed_by_frn(frn).map(|removal| removal.filing.number());
    current_filing.chain(removed).filter(found).any(|other| !gone(other))
}

/// What became of the two duties of a notice by now, in words.
pub fn clocks(on: &NoticeOnRecord, now: Timestamp) -> String {
    let duty = |verb: [&str; 2], by: Timestamp, noted: &Option<Noted>| {
        let due = moment(by);
        match noted.as_ref().map(|noted| noted.at).filter(|at| has_come(*at, now)) {
            Some(at) if at > by => format!("it {} late, due {due}", verb[1]),
            Some(_) => format!("it {} in time", verb[1]),
            None if now > by => format!("it had to {} by {due}", verb[0]),
            None => format!("it has to {} by {due}", verb[0]),
        }
    };
    let mitigated = duty(["mitigate", "mitigated"], on.mitigate_by, &on.notice.mitigated);
    let informed = duty(["inform the FCC", "informed the FCC"], on.inform_by, &on.notice.informed);
    format!("{mitigated}, and {informed}")
}

fn notice_state(on: &NoticeOnRecord, now: Timestamp) -> NoticeState {
    let duties = [(&on.notice.mitigated, on.mitigate_by), (&on.notice.informed, on.inform_by)];
    let done = |noted: &Option<Noted>| noted.as_ref().map(|noted| noted.at).filter(|at| has_come(*at, now));
    if duties.iter().any(|(noted, by)| done(noted).is_none() && now > *by) {
        NoticeState::Unanswered
    } else if duties.iter().any(|(noted, _)| done(noted).is_none()) {
        NoticeState::Pending
    } else if duties.iter().any(|(noted, by)| done(noted).is_some_and(|at| at > *by)) {
        NoticeState::AnsweredLate
    } else {
        NoticeState::Answered
    }
}
