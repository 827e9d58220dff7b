//! What else to know. An advisory never changes a verdict, and each has an off-switch (`policy.advisories_off`).

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::facts::{Facts, ForeignAnswer, RoleAnswer};
use super::matrix::Ruling;
use super::on_record::{self, NoticeState};
use super::recertification::overdue;
use super::{Wording, confirmed};
use crate::domain::{
    Advisory, AdvisoryCode, Age, Certification, Column, Filing, OrderKind, ProviderRole, Reason, Record, RmdNumber,
    Ternary, Verdict, eastern_day, rule,
};
use crate::listing::index::IndexedFiling;
use crate::records::{OnRecord, OrderOnRecord};

/// All advisories that apply, the most urgent first.
pub(super) fn advisories(facts: &Facts<'_>, ruling: &Ruling<'_>, wording: Wording) -> Vec<Advisory> {
    let mut said = Said { off: &facts.policy.cells.advisories_off, wording, all: Vec::new() };
    of_the_listing(facts, ruling, &mut said);
    of_orders(facts, ruling, &mut said);
    of_notices(facts, ruling, &mut said);
    for on in facts.on_record.orders(OrderKind::ShowCause) {
        said.say(AdvisoryCode::WatchListed, || {
            let order = &on.body.order;
            format!("the order {} of {} tells it to cure its filing or show cause", order.document, order.released)
        });
    }
    if facts.foreign == ForeignAnswer::Differs && facts.query.foreign == Ternary::Unknown {
        said.say(AdvisoryCode::ForeignDiffers, || {
            "some of its filings say that it is foreign and others do not: it counts as a domestic provider".to_owned()
        });
    }
    if let Some(filing) = facts.current_filing() {
        of_answers(facts, ruling, &filing, &mut said);
        of_the_past(facts, &filing, &mut said);
        of_dates(facts, &filing, &mut said);
    }
    said.all
}

/// What is said so far.
struct Said<'a> {
    off: &'a [AdvisoryCode],
    wording: Wording,
    all: Vec<Advisory>,
}

impl Said<'_> {
    fn say(&mut self, code: AdvisoryCode, message: impl FnOnce() -> String) {
        if !self.off.contains(&code) {
            let message = match self.wording {
                Wording::Codes => String::new(),
                Wording::Sentences => message(),
            };
            self.all.push(Advisory { code, message });
        }
    }
}

fn of_the_listing(facts: &Facts<'_>, ruling: &Ruling<'_>, said: &mut Said<'_>) {
    if facts.listing_is_old() {
        said.say(AdvisoryCode::ListingOld, || {
            let said = confirmed("this listing", facts.when.unconfirmed);
            match facts.when.unconfirmed {
                Age::Past(_) => {
                    format!("{said}, more than the {} that are allowed", facts.policy.listing_old_after.as_hours())
                }
                Age::Ahead(_) => said,
            }
        });
    }
    if facts.has_candidates() && ruling.verdict == Verdict::Accept {
        said.say(AdvisoryCode::OtherFrn, || "the number stands only among another filing's other FRNs".to_owned());
    }
}

/// Orders besides the one that decided, or that explains a removal.
fn of_orders(facts: &Facts<'_>, ruling: &Ruling<'_>, said: &mut Said<'_>) {
    let others = |record: &Arc<Record>| !ruling.rests_on(record);
    for (on, binds) in facts.on_record.final_determinations().filter(|(on, _)| others(&on.record)) {
        said.say(AdvisoryCode::FinalDetermination, || {
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
    for on in facts.on_record.orders(OrderKind::Removal).filter(|on| others(&on.record) && is_unspent(facts, on)) {
        said.say(AdvisoryCode::RemovalOrder, || {
            format!("the removal order {} of {} is on record", on.body.order.document, on.body.order.released)
        });
    }
}

/// Notices besides the one that decided.
fn of_notices(facts: &Facts<'_>, ruling: &Ruling<'_>, said: &mut Said<'_>) {
    for (on, state) in facts.on_record.notices().filter(|(on, _)| !ruling.rests_on(&on.record)) {
        let id = &on.body.notice.id;
        let clocks = || on_record::clocks(&on.body, facts.when.now);
        match state {
            NoticeState::Answered => {}
            NoticeState::Pending => said.say(AdvisoryCode::NoticePending, || {
                format!("a notice of suspected illegal traffic ({id}) is on record: {}", clocks())
            }),
            NoticeState::Unanswered => said.say(AdvisoryCode::NoticeUnanswered, || {
                let reported = if facts.on_record.happened(on.body.notice.notified.as_ref()) {
                    "the Commission was notified"
                } else {
                    "it may be blocked once the Commission was notified"
                };
                format!(
                    "a notice of suspected illegal traffic ({id}) was not answered in time: {}; {reported}",
                    clocks()
                )
            }),
            NoticeState::AnsweredLate => said.say(AdvisoryCode::NoticeAnsweredLate, || {
                format!("a notice of suspected illegal traffic ({id}) was answered late: {}", clocks())
            }),
        }
    }
}

/// What the filing answers for the role, unless that is the reason already; and cells that say what no version knows.
fn of_answers(facts: &Facts<'_>, ruling: &Ruling<'_>, filing: &IndexedFiling<'_>, said: &mut Said<'_>) {
    let number = filing.number();
    match facts.role {
        Some(RoleAnswer::Blank) if ruling.reason != Reason::RoleBlank => said.say(AdvisoryCode::RoleBlank, || {
            format!("{number} leaves the role blank in which the calls are handed over")
        }),
        Some(RoleAnswer::No) if ruling.reason != Reason::RoleNotCertified => {
            said.say(AdvisoryCode::RoleNotCertified, || {
                format!("{number} answers No for the role in which the calls are handed over")
            });
        }
        Some(RoleAnswer::NoneAtAll) if ruling.reason != Reason::NoRoleCertified => {
            said.say(AdvisoryCode::NoRoleCertified, || format!("{number} certifies no role at all"));
        }
        _ => {}
    }
    if let Some((number, column, text)) = unrecognized(facts) {
        said.say(AdvisoryCode::CellUnrecognized, || {
            let text: String = text.chars().take(40).collect();
            format!(
                "{number} has {text:?} as its {}, which is neither Yes nor No: it counts as no answer",
                column.name()
            )
        });
    }
}

/// What became of the filing before, and what stands beside it.
fn of_the_past(facts: &Facts<'_>, filing: &IndexedFiling<'_>, said: &mut Said<'_>) {
    let number = filing.number();
    let mut is_reported = false;
    if filing.is_remarkable() {
        if let Some(since) = facts.index.snapshot().carried.get(&number) {
            said.say(AdvisoryCode::FilingCarried, || {
                format!("the row of {number} could not be read since {since}; it stands as it was last read")
            });
        }
        if let Some(back) = facts.index.removals().newest(number).and_then(|removal| removal.reinstated_at) {
            is_reported = true;
            said.say(AdvisoryCode::ListedAgain, || {
                format!(
                    "{number} was removed once and stands again since {}; after a removal order a provider may file again \
                     only with the FCC's approval",
                    back.strftime("%Y-%m-%d")
                )
            });
        }
        if let Some(succession) = facts.index.succession(number) {
            is_reported = true;
            said.say(AdvisoryCode::Successor, || {
                format!("{number} has the {} of {}, which was removed", succession.shared, succession.removed)
            });
        }
    }
    if let Some(on) = facts.on_record.spent(facts.index, filing).filter(|_| !is_reported) {
        said.say(AdvisoryCode::Successor, || {
            let order = &on.body.order;
            format!("{number} was first seen after the removal order {} of {}", order.document, order.released)
        });
    }
    if let Some(other) = facts.others().find(|other| other.roles().is_empty()) {
        said.say(AdvisoryCode::FilingUnfinished, || {
            format!("{} under the same FRN certifies no role: it looks unfinished", other.number())
        });
    }
}

fn of_dates(facts: &Facts<'_>, filing: &IndexedFiling<'_>, said: &mut Said<'_>) {
    let number = filing.number();
    if let Some(deadline) = overdue(facts.index, filing, facts.when.now) {
        said.say(AdvisoryCode::RecertificationOverdue, || {
            format!("the listing shows no recertification of {number} for {deadline} ({})", rule::RECERTIFY)
        });
    }
    if let Some(days) = stale(facts, filing.filing()) {
        said.say(AdvisoryCode::LastUpdatedOld, || format!("{number} was last updated {days} days ago"));
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
