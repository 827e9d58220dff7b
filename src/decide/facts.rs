//! What is known of a question before anything is decided.

use std::sync::Arc;

use jiff::Timestamp;

use super::on_record::OnRecordFacts;
use super::{NamedBy, Policy, Query};
use crate::domain::{
    Age, Certification, Filing, ForeignProvider, Frn, Identity, MatchedBy, ProviderRole, Removal, RmdNumber, Ternary,
    age,
};
use crate::listing::index::{Index, IndexedFiling, Places};
use crate::records::{OnRecord, OrderOnRecord, Records};

/// What the standing filings say of the role that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleAnswer {
    /// One of them certifies it; or none was named and one certifies any.
    Certified,
    /// None certifies it, and one answers No. What another leaves blank takes nothing from that.
    No,
    /// None answers, and one leaves it blank; or all write what is neither Yes nor No, and certify another role.
    Blank,
    /// None certifies any role at all, and none was named or all write what is neither Yes nor No nor blank.
    NoneAtAll,
}

/// Whether the provider's filings say that it is foreign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignAnswer {
    /// All say so.
    Yes,
    /// None says so.
    No,
    /// Some say so, and others do not.
    Differs,
}

impl ForeignAnswer {
    /// The answers taken together, and whether one of them could not be read.
    fn of(answers: impl Iterator<Item = ForeignProvider>) -> (Self, bool) {
        let (mut yes, mut other, mut unrecognized) = (false, false, false);
        for answer in answers {
            yes |= answer == ForeignProvider::Yes;
            other |= answer != ForeignProvider::Yes;
            unrecognized |= answer == ForeignProvider::Unrecognized;
        }
        let together = match (yes, other) {
            (true, false) => Self::Yes,
            (true, true) => Self::Differs,
            (false, _) => Self::No,
        };
        (together, unrecognized)
    }
}

/// What one filing answers, the weightiest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answered {
    /// Neither Yes nor No, and not blank.
    Otherwise,
    Blank,
    No,
    Yes,
}

impl Answered {
    fn read(answer: Certification<'_>) -> Self {
        match answer {
            Certification::Yes => Self::Yes,
            Certification::No => Self::No,
            Certification::Blank => Self::Blank,
            Certification::Unrecognized(_) => Self::Otherwise,
        }
    }
}

/// A filing that stands and does not count, and the removal order under which it does not.
type Barred<'a> = (IndexedFiling<'a>, &'a OnRecord<OrderOnRecord>);

/// What is known of a question.
pub struct Facts<'a> {
    pub index: &'a Index,
    pub query: &'a Query,
    pub policy: &'a Policy,
    /// The time of the question.
    pub when: When,
    /// What operators have on record about the provider.
    pub on_record: OnRecordFacts<'a>,
    pub matched_by: Option<MatchedBy>,
    /// The standing filing to name: the one that fits the question best.
    pub filing: Option<IndexedFiling<'a>>,
    /// What the provider's standing filings say of the role, taken together. Nothing if none stands.
    pub role: Option<RoleAnswer>,
    /// What its standing filings say of its being foreign, those included that do not count; where none stands, what
    /// those said that are gone.
    pub foreign: ForeignAnswer,
    /// Whether one of them says of it what is neither Yes nor No nor nothing.
    pub foreign_unrecognized: bool,
    /// A filing that stands and does not count, and the removal order under which it does not.
    pub barred: Option<Barred<'a>>,
    /// The provider's newest removal that is not undone.
    pub removal: Option<&'a Arc<Removal>>,
    /// The FRN asked for, or that of the filing asked for.
    pub frn: Option<Frn>,
    /// Where the standing filings under it are.
    under_frn: Places<'a>,
}

/// The time of a question, and of what is known for it.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// The time that is asked about.
    pub now: Timestamp,
    /// What was put on record after it is not known.
    pub known_by: Timestamp,
    /// Time since the listing was last confirmed.
    pub unconfirmed: Age,
}

impl When {
    /// Now: whatever is there is known.
    pub fn now(index: &Index, now: Timestamp) -> Self {
        Self { now, known_by: Timestamp::MAX, unconfirmed: age(index.confirmed_at(), now) }
    }

    /// A moment that has passed, with what was on record then, and the listing as if it had been confirmed until then.
    pub fn then(index: &Index, then: Timestamp) -> Self {
        Self { now: then, known_by: then, unconfirmed: age(index.confirmed_at().min(then), then) }
    }

    /// A moment to come, with a listing that is as old as it is now: syncs go on.
    pub fn later(self, then: Timestamp) -> Self {
        Self { now: then, ..self }
    }
}

impl<'a> Facts<'a> {
    /// Looks everything up.
    #[inline]
    pub fn gather(index: &'a Index, records: &'a Records, query: &'a Query, policy: &'a Policy, when: When) -> Self {
        let (asked, removal, frn) = match query.identity {
            Identity::Frn(frn) => (None, None, Some(frn)),
            Identity::RmdNumber(number) => {
                let removal = index.removals().open(number);
                let current_filing = index.by_number(number);
                let frn = match current_filing {
                    Some(current_filing) => current_filing.frn(),
                    None => removal.and_then(|removal| removal.filing.frn()),
                };
                (current_filing, removal, frn)
            }
        };
        let on_record = OnRecordFacts::gather(index, records, query.identity, frn, when);
        let under_frn = frn.map(|frn| index.places_of(frn)).unwrap_or_default();
        let weigh = Weigh { index, role: query.role, on_record: &on_record, asked };
        let Weighed { filing, role, barred } = match frn {
            // The provider is all that stands under its FRN, whichever of its filings was asked for.
            Some(_) => weigh.all(index.filings_at(under_frn)),
            None => weigh.all(asked.into_iter()),
        };
        let current_filing = filing.or(barred.map(|(filing, _)| filing));
        let removal = match (current_filing, frn) {
            (None, Some(frn)) => removal.or_else(|| {
                index.removed_by_frn(frn).max_by_key(|removal| (removal.first_missing_at, removal.filing.number()))
            }),
            _ => removal,
        };
        let (foreign, foreign_unrecognized) = match (current_filing, frn) {
            (Some(_), Some(_)) => ForeignAnswer::of(index.filings_at(under_frn).map(|filing| filing.foreign())),
            (Some(filing), None) => ForeignAnswer::of([filing.foreign()].into_iter()),
            (None, Some(frn)) => ForeignAnswer::of(index.removed_by_frn(frn).map(|removal| removal.filing.foreign())),
            (None, None) => ForeignAnswer::of(removal.into_iter().map(|removal| removal.filing.foreign())),
        };
        let number = current_filing.map(|filing| filing.number());
        let number = number.or(removal.map(|removal| removal.filing.number()));
        let matched_by = number.map(|number| match query.named_by {
            NamedBy::Ocn => MatchedBy::Ocn,
            NamedBy::Peer => MatchedBy::Peer,
            NamedBy::Number if query.identity == Identity::RmdNumber(number) => MatchedBy::RmdNumber,
            NamedBy::Number => MatchedBy::Frn,
        });
        Self {
            index,
            query,
            policy,
            when,
            on_record,
            matched_by,
            filing,
            role,
            foreign,
            foreign_unrecognized,
            barred,
            removal,
            frn,
            under_frn,
        }
    }

    /// Asks this of the same question at another time. Where nothing is on record about the provider, what was looked up
    /// holds at all times, and only the clock moves.
    pub fn at<T>(&mut self, records: &'a Records, when: When, ask: impl FnOnce(&Self) -> T) -> T {
        if !self.on_record.is_empty() {
            return ask(&Self::gather(self.index, records, self.query, self.policy, when));
        }
        let before = std::mem::replace(&mut self.when, when);
        let answer = ask(self);
        self.when = before;
        answer
    }

    /// The filing that the answer names: the standing one, else the one that does not count, else the removed one.
    pub fn named(&self) -> Option<&'a Arc<Filing>> {
        self.current_filing()
            .map(|current_filing| current_filing.filing())
            .or(self.removal.map(|removal| &removal.filing))
    }

    /// The filing to name that stands, whether it counts or not.
    pub fn current_filing(&self) -> Option<IndexedFiling<'a>> {
        self.filing.or(self.barred.map(|(current_filing, _)| current_filing))
    }

    /// Whether the listing is older than the operator allows, or it is not known how old it is.
    pub fn listing_is_old(&self) -> bool {
        self.policy.is_old(self.when.unconfirmed)
    }

    /// Whether the upstream is known to be foreign: by the question, else by all of its own filings.
    pub fn is_foreign(&self) -> bool {
        match self.query.foreign {
            Ternary::Yes => true,
            Ternary::No => false,
            Ternary::Unknown => self.foreign == ForeignAnswer::Yes,
        }
    }

    /// Whether the rule does not reach the call: from a foreign provider, without a US number in the caller ID.
    pub fn call_is_not_covered(&self) -> bool {
        self.query.us_caller_id == Ternary::No && self.is_foreign()
    }

    /// All of the provider's standing filings, whether they count or not.
    pub fn all_current(&self) -> impl Iterator<Item = IndexedFiling<'a>> {
        let alone = self.current_filing().filter(|_| self.frn.is_none());
        self.index.filings_at(self.under_frn).chain(alone)
    }

    /// The standing filings that decide: all but those that a removal order bars, or all where it bars each of them.
    pub fn counting(&self) -> impl Iterator<Item = IndexedFiling<'a>> {
        let some_count = self.filing.is_some();
        self.all_current().filter(move |filing| !some_count || self.on_record.barred(self.index, filing).is_none())
    }

    /// The provider's standing filings besides the one that is named.
    pub fn others(&self) -> impl Iterator<Item = IndexedFiling<'a>> {
        let named = self.current_filing().map(|filing| filing.number());
        let under_frn = if named.is_some() && self.under_frn.are_many() { self.under_frn } else { Places::default() };
        self.index.filings_at(under_frn).filter(move |filing| Some(filing.number()) != named)
    }

    /// Their numbers.
    pub fn other_filings(&self) -> Vec<RmdNumber> {
        self.others().map(|filing| filing.number()).collect()
    }

    /// Whether another filing names the FRN that stands under none.
    pub fn has_candidates(&self) -> bool {
        self.naming().next().is_some()
    }

    /// The numbers of those filings.
    pub fn candidates(&self) -> Vec<RmdNumber> {
        self.naming().map(|filing| filing.number()).collect()
    }

    fn naming(&self) -> impl Iterator<Item = &'a Arc<Filing>> {
        let frn = self.frn.filter(|_| self.filing.is_none() && self.barred.is_none());
        frn.into_iter().flat_map(|frn| self.index.by_other_frn(frn))
    }
}

/// What the standing filings of a provider are taken together by.
struct Weigh<'a, 'b> {
    index: &'a Index,
    role: Option<ProviderRole>,
    on_record: &'b OnRecordFacts<'a>,
    /// The filing that was asked for.
    asked: Option<IndexedFiling<'a>>,
}

/// What they come to: see [`Facts`].
struct Weighed<'a> {
    filing: Option<IndexedFiling<'a>>,
    role: Option<RoleAnswer>,
    barred: Option<Barred<'a>>,
}

impl<'a> Weigh<'a, '_> {
    /// Takes the standing filings together: the union of their roles, and the one to name.
    #[inline]
    fn all(&self, current_filings: impl Iterator<Item = IndexedFiling<'a>>) -> Weighed<'a> {
        let mut best = None;
        let mut barred = None;
        let (mut any_role, mut answered) = (false, Answered::Otherwise);
        for filing in current_filings {
            if let Some(order) = self.on_record.barred(self.index, &filing) {
                barred = Some((filing, order));
                continue;
            }
            let roles = filing.roles();
            let answer = match self.role {
                Some(role) if roles.contains(role) => Answered::Yes,
                Some(role) => Answered::read(filing.filing().certification(role)),
                None if roles.is_empty() => Answered::Otherwise,
                None => Answered::Yes,
            };
            answered = answered.max(answer);
            any_role |= !roles.is_empty();
            let was_asked = self.asked.is_some_and(|asked| asked.number() == filing.number());
            let rank = (answer, !roles.is_empty(), was_asked, filing.number());
            if best.is_none_or(|(best, _)| rank > best) {
                best = Some((rank, filing));
            }
        }
        let filing = best.map(|(_, filing)| filing);
        let role = filing.map(|_| match answered {
            Answered::Yes => RoleAnswer::Certified,
            Answered::No => RoleAnswer::No,
            Answered::Blank => RoleAnswer::Blank,
            Answered::Otherwise if any_role => RoleAnswer::Blank,
            Answered::Otherwise => RoleAnswer::NoneAtAll,
        });
        Weighed { filing, role, barred }
    }
}
