//! What else to know. An advisory never changes a verdict, and each has an off-switch (`policy.advisories_off`).

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::facts::{Facts, ForeignAnswer, RoleAnswer};
use super::matrix::Ruling;
use super::on_record::{self, NoticeState};
use super::recertification::overdue;
use super::{Wording, confirmed};
use crate::domain::wording::moment;
use crate::domain::{
    Advisory, AdvisoryCode, Age, Certification, Column, Filing, OrderKind, ProviderRole, Reason, RmdNumber, Ternary,
    Verdict, eastern_day, rule,
};
use crate::listing::index::{Index, IndexedFiling};
use crate::records::{NoticeOnRecord, OnRecord, OrderOnRecord};

/// A question and how it was ruled.
struct Case<'a> {
    facts: &'a Facts<'a>,
    ruling: &'a Ruling<'a>,
    /// The current filing to name.
    filing: Option<IndexedFiling<'a>>,
}

/// Tells whether an advisory applies: it says a sentence for each thing to know.
type Says = fn(&Case<'_>, &mut Messages);

/// Advisories that are about the same.
struct Subject {
    /// Whether a question bears on it. Most bear on little, and this is on the way of every call.
    concerns: fn(&Case<'_>) -> bool,
    /// What may be said of it, the most urgent first.
    advisories: &'static [(AdvisoryCode, Says)],
}

/// All that a decision may have with it, the most urgent first. Who asks about the past or with a calling number adds
/// [`AdvisoryCode::PolicyOfToday`] and [`AdvisoryCode::CallerIdUnreadable`], and a site of a fleet
/// [`AdvisoryCode::FleetBehind`].
const SUBJECTS: [Subject; 10] = [
    Subject { concerns: |case| case.facts.listing_is_old(), advisories: &[(AdvisoryCode::ListingOld, listing_old)] },
    Subject { concerns: |case| case.filing.is_none(), advisories: &[(AdvisoryCode::OtherFrn, other_frn)] },
    Subject {
        concerns: |case| case.has_records(),
        advisories: &[
            (AdvisoryCode::FinalDetermination, final_determination),
            (AdvisoryCode::RemovalOrder, removal_order),
            (AdvisoryCode::NoticeUnanswered, notice_unanswered),
            (AdvisoryCode::NoticePending, notice_pending),
            (AdvisoryCode::NoticeAnsweredLate, notice_answered_late),
            (AdvisoryCode::WatchListed, watch_listed),
        ],
    },
    Subject {
        concerns: |case| case.facts.foreign == ForeignAnswer::Differs && case.facts.query.foreign == Ternary::Unknown,
        advisories: &[(AdvisoryCode::ForeignDiffers, foreign_differs)],
    },
    Subject {
        concerns: |case| case.filing.is_some() && !case.is_certified(),
        advisories: &[
            (AdvisoryCode::RoleBlank, role_blank),
            (AdvisoryCode::RoleNotCertified, role_not_certified),
            (AdvisoryCode::NoRoleCertified, no_role_certified),
        ],
    },
    Subject {
        concerns: |case| case.filing.is_some() && (!case.is_certified() || case.facts.foreign_unrecognized),
        advisories: &[(AdvisoryCode::CellUnrecognized, cell_unrecognized)],
    },
    Subject {
        concerns: |case| case.has_records() || remarkable(case).next().is_some(),
        advisories: &[
            (AdvisoryCode::FilingCarried, filing_carried),
            (AdvisoryCode::ListedAgain, listed_again),
            (AdvisoryCode::Successor, successor),
        ],
    },
    Subject {
        concerns: |case| case.filing.is_some() && case.facts.others().next().is_some(),
        advisories: &[(AdvisoryCode::FilingUnfinished, filing_unfinished)],
    },
    Subject {
        concerns: |case| case.facts.index.has_recertifications(),
        advisories: &[(AdvisoryCode::RecertificationOverdue, recertification_overdue)],
    },
    Subject {
        concerns: |case| case.facts.policy.cells.last_updated_days > 0,
        advisories: &[(AdvisoryCode::LastUpdatedOld, last_updated_old)],
    },
];

impl Case<'_> {
    fn has_records(&self) -> bool {
        !self.facts.on_record.is_empty()
    }

    fn is_certified(&self) -> bool {
        self.facts.role == Some(RoleAnswer::Certified)
    }
}

/// Those that may come or go by time alone where nothing is on record about a provider.
pub(super) const OF_TIME: [AdvisoryCode; 3] =
    [AdvisoryCode::ListingOld, AdvisoryCode::RecertificationOverdue, AdvisoryCode::LastUpdatedOld];

/// The codes of [`OF_TIME`] that apply, the most urgent first.
pub(super) fn advisories_of_time(facts: &Facts<'_>, ruling: &Ruling<'_>) -> Vec<Advisory> {
    said(facts, ruling, Wording::Codes, |code| OF_TIME.contains(&code))
}

/// All advisories that apply, the most urgent first.
pub(super) fn advisories(facts: &Facts<'_>, ruling: &Ruling<'_>, wording: Wording) -> Vec<Advisory> {
    said(facts, ruling, wording, |_| true)
}

/// The advisories that apply, of those that are asked about.
fn said(
    facts: &Facts<'_>,
    ruling: &Ruling<'_>,
    wording: Wording,
    asked: impl Fn(AdvisoryCode) -> bool,
) -> Vec<Advisory> {
    let case = Case { facts, ruling, filing: facts.current_filing() };
    let off = &facts.policy.cells.advisories_off;
    let mut messages = Messages { code: AdvisoryCode::ListingOld, wording, all: Vec::new() };
    let is_asked = |subject: &Subject| subject.advisories.iter().any(|(code, _)| asked(*code));
    for subject in SUBJECTS.iter().filter(|subject| is_asked(subject) && (subject.concerns)(&case)) {
        for (code, says) in subject.advisories.iter().filter(|(code, _)| asked(*code) && !off.contains(code)) {
            messages.code = *code;
            says(&case, &mut messages);
        }
    }
    messages.all
}

/// What is said so far, and the advisory whose turn it is.
struct Messages {
    code: AdvisoryCode,
    wording: Wording,
    all: Vec<Advisory>,
}

impl Messages {
    fn say(&mut self, message: impl FnOnce() -> String) {
        let message = match self.wording {
            Wording::Codes => String::new(),
            Wording::Sentences => message(),
        };
        self.all.push(Advisory { code: self.code, message });
    }
}

fn listing_old(Case { facts, .. }: &Case<'_>, messages: &mut Messages) {
    messages.say(|| {
        let said = confirmed("this listing", facts.when.unconfirmed);
        match facts.when.unconfirmed {
            Age::Past(_) => {
                format!("{said}, more than the {} that are allowed", facts.policy.listing_old_after.as_hours())
            }
            Age::Ahead(_) => said,
        }
    });
}

fn other_frn(case: &Case<'_>, messages: &mut Messages) {
    if case.facts.has_candidates() && case.ruling.verdict == Verdict::Accept {
        messages.say(|| "the number stands only among another filing's other FRNs".to_owned());
    }
}

/// Those besides the one that decided.
fn final_determination(Case { facts, ruling, .. }: &Case<'_>, messages: &mut Messages) {
    let determinations = facts.on_record.final_determinations();
    for (on, binds) in determinations.filter(|(on, _)| !ruling.rests_on(&on.record)) {
        messages.say(|| {
            let (order, from) = (&on.body.order, eastern_day(on.body.must_block_from));
            let (document, released) = (&order.document, order.released);
            if binds {
                format!(
                    "the Final Determination Order {document} of {released} has all its traffic blocked since {from}"
                )
            } else {
                format!(
                    "under the Final Determination Order {document} of {released} its traffic must be blocked from {from}"
                )
            }
        });
    }
}

/// Those besides the one that decided, or that explains a removal.
fn removal_order(Case { facts, ruling, .. }: &Case<'_>, messages: &mut Messages) {
    let orders = facts.on_record.orders(OrderKind::Removal);
    for on in orders.filter(|on| !ruling.rests_on(&on.record) && is_unspent(facts, on)) {
        messages
            .say(|| format!("the removal order {} of {} is on record", on.body.order.document, on.body.order.released));
    }
}

/// The notices in a state, besides the one that decided, each with its clocks.
fn notices(
    Case { facts, ruling, .. }: &Case<'_>,
    in_state: NoticeState,
    messages: &mut Messages,
    sentence: impl Fn(&NoticeOnRecord, &str) -> String,
) {
    let notices = facts.on_record.notices().filter(|(on, _)| !ruling.rests_on(&on.record));
    for (on, _) in notices.filter(|(_, state)| *state == in_state) {
        messages.say(|| sentence(&on.body, &on_record::clocks(&on.body, facts.when.now)));
    }
}

fn notice_unanswered(case: &Case<'_>, messages: &mut Messages) {
    notices(case, NoticeState::Unanswered, messages, |on, clocks| {
        let reported = if case.facts.on_record.happened(on.notice.notified.as_ref()) {
            "the Commission was notified"
        } else {
            "it may be blocked once the Commission was notified"
        };
        format!(
            "a notice of suspected illegal traffic ({}) was not answered in time: {clocks}; {reported}",
            on.notice.id
        )
    });
}

fn notice_pending(case: &Case<'_>, messages: &mut Messages) {
    notices(case, NoticeState::Pending, messages, |on, clocks| {
        format!("a notice of suspected illegal traffic ({}) is on record: {clocks}", on.notice.id)
    });
}

fn notice_answered_late(case: &Case<'_>, messages: &mut Messages) {
    notices(case, NoticeState::AnsweredLate, messages, |on, clocks| {
        format!("a notice of suspected illegal traffic ({}) was answered late: {clocks}", on.notice.id)
    });
}

fn watch_listed(case: &Case<'_>, messages: &mut Messages) {
    for on in case.facts.on_record.orders(OrderKind::ShowCause) {
        messages.say(|| {
            let order = &on.body.order;
            format!("the order {} of {} tells it to cure its filing or show cause", order.document, order.released)
        });
    }
}

fn foreign_differs(_: &Case<'_>, messages: &mut Messages) {
    messages.say(|| {
        "some of its filings say that it is foreign and others do not: it counts as a domestic provider".to_owned()
    });
}

/// What the filing answers for the role, unless that is the reason already.
fn role_answer<'a>(case: &Case<'a>, answer: RoleAnswer, reason: Reason) -> Option<IndexedFiling<'a>> {
    case.filing.filter(|_| case.facts.role == Some(answer) && case.ruling.reason != reason)
}

fn role_blank(case: &Case<'_>, messages: &mut Messages) {
    if let Some(filing) = role_answer(case, RoleAnswer::Blank, Reason::RoleBlank) {
        messages.say(|| format!("{} leaves the role blank in which the calls are handed over", filing.number()));
    }
}

fn role_not_certified(case: &Case<'_>, messages: &mut Messages) {
    if let Some(filing) = role_answer(case, RoleAnswer::No, Reason::RoleNotCertified) {
        messages.say(|| format!("{} answers No for the role in which the calls are handed over", filing.number()));
    }
}

fn no_role_certified(case: &Case<'_>, messages: &mut Messages) {
    if let Some(filing) = role_answer(case, RoleAnswer::NoneAtAll, Reason::NoRoleCertified) {
        messages.say(|| format!("{} certifies no role at all", filing.number()));
    }
}

fn cell_unrecognized(case: &Case<'_>, messages: &mut Messages) {
    if let Some((number, column, text)) = unrecognized(case.facts) {
        messages.say(|| {
            let text: String = text.chars().take(40).collect();
            format!(
                "{number} has {text:?} as its {}, which is neither Yes nor No: it counts as no answer",
                column.name()
            )
        });
    }
}

/// The filings that decide, those alone where something stands beside them that is looked up.
fn remarkable<'a>(case: &Case<'a>) -> impl Iterator<Item = IndexedFiling<'a>> {
    case.facts.counting().filter(IndexedFiling::is_remarkable)
}

fn filing_carried(case: &Case<'_>, messages: &mut Messages) {
    let carried = &case.facts.index.snapshot().carried;
    for (number, since) in remarkable(case).filter_map(|filing| carried.get_key_value(&filing.number())) {
        messages.say(|| {
            format!("the row of {number} could not be read since {}; it stands as it was last read", moment(*since))
        });
    }
}

/// When a filing was found again.
fn back_since(index: &Index, filing: &IndexedFiling<'_>) -> Option<Timestamp> {
    index.removals().newest(filing.number())?.reinstated_at
}

fn listed_again(case: &Case<'_>, messages: &mut Messages) {
    for filing in remarkable(case) {
        let Some(back) = back_since(case.facts.index, &filing) else { continue };
        messages.say(|| {
            format!(
                "{} was removed once and stands again since {}; after a removal order a provider may file again only with \
                 the FCC's approval",
                filing.number(),
                back.strftime("%Y-%m-%d")
            )
        });
    }
}

fn successor(case: &Case<'_>, messages: &mut Messages) {
    let index = case.facts.index;
    for filing in case.facts.counting() {
        let number = filing.number();
        if let Some(succession) =
            Some(&filing).filter(|filing| filing.is_remarkable()).and_then(|_| index.succession(number))
        {
            messages
                .say(|| format!("{number} has the {} of {}, which was removed", succession.shared, succession.removed));
        } else if let Some(on) = case.facts.on_record.spent(index, &filing)
            && back_since(index, &filing).is_none()
        {
            messages.say(|| {
                let order = &on.body.order;
                format!("{number} was first seen after the removal order {} of {}", order.document, order.released)
            });
        }
    }
}

/// One of several filings that certifies nothing.
fn filing_unfinished(case: &Case<'_>, messages: &mut Messages) {
    if let Some(other) = case.facts.all_current().find(|other| other.roles().is_empty()) {
        messages.say(|| format!("{} under the same FRN certifies no role: it looks unfinished", other.number()));
    }
}

fn recertification_overdue(case: &Case<'_>, messages: &mut Messages) {
    for filing in case.facts.counting() {
        if let Some(deadline) = overdue(case.facts.index, &filing, case.facts.when.now) {
            messages.say(|| {
                format!(
                    "the listing shows no recertification of {} for {deadline} ({})",
                    filing.number(),
                    rule::RECERTIFY
                )
            });
        }
    }
}

fn last_updated_old(case: &Case<'_>, messages: &mut Messages) {
    for filing in case.facts.counting() {
        if let Some(days) = stale(case.facts, filing.filing()) {
            messages.say(|| format!("{} was last updated {days} days ago", filing.number()));
        }
    }
}

/// Whether a removal order is not spent: it bars a filing that stands, or none does.
fn is_unspent(facts: &Facts<'_>, on: &OnRecord<OrderOnRecord>) -> bool {
    facts.current_filing().is_none() || facts.all_current().any(|filing| on_record::bars(facts.index, on, &filing))
}

/// The first cell that the answer asked and that holds neither Yes nor No nor nothing: of the role that was named, of all
/// roles if none is certified, or of being foreign where the caller ID is no US number.
fn unrecognized<'a>(facts: &Facts<'a>) -> Option<(RmdNumber, Column, &'a str)> {
    let asked_role = matches!(facts.role, Some(RoleAnswer::Blank | RoleAnswer::NoneAtAll));
    let query = facts.query;
    let asked_foreign =
        facts.foreign_unrecognized && query.foreign == Ternary::Unknown && query.us_caller_id == Ternary::No;
    if !asked_role && !asked_foreign {
        return None;
    }
    let named = query.role;
    let roles = ProviderRole::ALL.into_iter().filter(|role| asked_role && named.is_none_or(|named| named == *role));
    let columns = roles.map(ProviderRole::column).chain(asked_foreign.then_some(Column::ForeignVoiceProvider));
    columns.into_iter().find_map(|column| {
        facts.all_current().find_map(|current_filing| match Certification::read(current_filing.filing().cell(column)) {
            Certification::Unrecognized(text) => Some((current_filing.number(), column, text)),
            _ => None,
        })
    })
}

/// From when on the filing was last updated longer ago than is allowed.
pub(super) fn stale_from(facts: &Facts<'_>, filing: &Filing) -> Option<Timestamp> {
    let allowed = i64::from(facts.policy.cells.last_updated_days);
    let updated: Date = filing.text(Column::LastUpdated).parse().ok()?;
    let stale = updated.checked_add(allowed.checked_add(1).filter(|_| allowed > 0)?.days()).ok()?;
    TimeZone::UTC.to_timestamp(stale.at(0, 0, 0, 0)).ok()
}

/// Days since the filing's `last_updated`, if they are more than allowed.
fn stale(facts: &Facts<'_>, filing: &Filing) -> Option<i32> {
    let allowed = i32::try_from(facts.policy.cells.last_updated_days).ok().filter(|days| *days > 0)?;
    let updated: Date = filing.text(Column::LastUpdated).parse().ok()?;
    let days = TimeZone::UTC.to_datetime(facts.when.now).date().duration_since(updated).as_hours() / 24;
    i32::try_from(days).ok().filter(|days| *days > allowed)
}
