//! What else to know. An advisory never changes a verdict, and each has an off-switch (`policy.advisories_off`).

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use super::facts::{Facts, RoleAnswer};
use super::matrix::Ruling;
use super::on_record::NoticeState;
use super::{Wording, confirmed};
use crate::domain::{
    Advisory, AdvisoryCode, Age, Column, Filing, OrderKind, Reason, Record, Verdict, day_in_washington, rule,
};
use crate::index::Standing;

/// The first day by which filings had to be recertified (64.6305(h)).
const FIRST_DEADLINE: Date = date(2026, 3, 1);

/// All advisories that apply, the most urgent first.
pub(super) fn advisories(facts: &Facts<'_>, ruling: &Ruling<'_>, wording: Wording) -> Vec<Advisory> {
    let off = &facts.policy.cells.advisories_off;
    let mut said: Vec<Advisory> = Vec::new();
    let mut say = |code: AdvisoryCode, message: &dyn Fn() -> String| {
        if !off.contains(&code) {
            let message = match wording {
                Wording::Codes => String::new(),
                Wording::Sentences => message(),
            };
            said.push(Advisory { code, message });
        }
    };
    if facts.listing_is_old() {
        say(AdvisoryCode::ListingOld, &|| {
            let said = confirmed("this listing", facts.unconfirmed);
            match facts.unconfirmed {
                Age::Past(_) => {
                    format!("{said}, more than the {} that are allowed", facts.policy.listing_old_after.as_hours())
                }
                Age::Ahead(_) => said,
            }
        });
    }
    if facts.has_candidates() && ruling.verdict == Verdict::Accept {
        say(AdvisoryCode::OtherFrn, &|| "the number stands only among another filing's other FRNs".to_owned());
    }
    for (on, binds) in facts.on_record.final_determinations().filter(|_| ruling.reason != Reason::FinalDetermination) {
        say(AdvisoryCode::FinalDetermination, &|| {
            let (order, from) = (&on.body.order, day_in_washington(on.body.must_block_from));
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
    for on in facts.on_record.orders(OrderKind::Removal).filter(|on| says_otherwise(facts, ruling, &on.record)) {
        say(AdvisoryCode::RemovalOrder, &|| {
            format!("the removal order {} of {} is on record", on.body.order.document, on.body.order.released)
        });
    }
    for (on, state) in facts.on_record.notices().filter(|_| ruling.reason != Reason::NoticeUnanswered) {
        let id = &on.body.notice.id;
        let clocks = || {
            let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
            format!(
                "to mitigate by {}, to inform the FCC by {}",
                minute(on.body.mitigate_by),
                minute(on.body.inform_by)
            )
        };
        match state {
            NoticeState::Answered => {}
            NoticeState::Pending => say(AdvisoryCode::NoticePending, &|| {
                format!("a notice of suspected illegal traffic ({id}) is on record: it has {}", clocks())
            }),
            NoticeState::Unanswered => say(AdvisoryCode::NoticeUnanswered, &|| {
                let told = if facts.on_record.happened(on.body.notice.notified.as_ref()) {
                    "the Commission was notified"
                } else {
                    "it may be blocked once the Commission was notified"
                };
                format!(
                    "a notice of suspected illegal traffic ({id}) was not answered in time: it had {}; {told}",
                    clocks()
                )
            }),
            NoticeState::AnsweredLate => say(AdvisoryCode::NoticeAnsweredLate, &|| {
                format!("a notice of suspected illegal traffic ({id}) was answered late: it had {}", clocks())
            }),
        }
    }
    for on in facts.on_record.orders(OrderKind::ShowCause) {
        say(AdvisoryCode::WatchListed, &|| {
            let order = &on.body.order;
            format!("the order {} of {} tells it to cure its filing or show cause", order.document, order.released)
        });
    }
    let Some(filing) = facts.filing else { return said };
    let number = filing.number();
    match facts.role {
        Some(RoleAnswer::Blank) => say(AdvisoryCode::RoleBlank, &|| {
            format!("{number} leaves the role blank in which the calls are handed over")
        }),
        Some(RoleAnswer::No) if ruling.verdict == Verdict::Accept => say(AdvisoryCode::RoleNotCertified, &|| {
            format!("{number} answers No for the role in which the calls are handed over")
        }),
        Some(RoleAnswer::NoneAtAll) => {
            say(AdvisoryCode::NoRoleCertified, &|| format!("{number} certifies no role at all"));
        }
        _ => {}
    }
    if filing.is_remarkable() {
        if let Some(since) = facts.index.snapshot().carried.get(&number) {
            say(AdvisoryCode::FilingCarried, &|| {
                format!("the row of {number} could not be read since {since}; it stands as it was last read")
            });
        }
        if let Some(back) = facts.index.removals().newest(number).and_then(|removal| removal.reinstated_at) {
            say(AdvisoryCode::ListedAgain, &|| {
                format!(
                    "{number} was removed once and stands again since {}; after a removal order a provider may file again \
                     only with the FCC's approval",
                    back.strftime("%Y-%m-%d")
                )
            });
        }
        if let Some(succession) = facts.index.succession(number) {
            say(AdvisoryCode::Successor, &|| {
                format!("{number} has the {} of {}, which was removed", succession.shared, succession.removed)
            });
        }
    }
    if let Some(other) = facts.others().find(|other| other.roles().is_empty()) {
        say(AdvisoryCode::FilingUnfinished, &|| {
            format!("{} under the same FRN certifies no role: it looks unfinished", other.number())
        });
    }
    if let Some(deadline) = overdue(facts, &filing) {
        say(AdvisoryCode::RecertificationOverdue, &|| {
            format!("the listing shows no recertification of {number} for {deadline} ({})", rule::RECERTIFY)
        });
    }
    if let Some(days) = stale(facts, filing.filing()) {
        say(AdvisoryCode::LastUpdatedOld, &|| format!("{number} was last updated {days} days ago"));
    }
    said
}

/// Whether a removal order did not decide, nor explains a removal that did, nor is spent: the filing went and came back.
fn says_otherwise(facts: &Facts<'_>, ruling: &Ruling<'_>, order: &Arc<Record>) -> bool {
    let decided = ruling.record.is_some_and(|record| Arc::ptr_eq(record, order));
    let bars = facts.barred.is_some() || facts.filing.is_none();
    !decided && bars && !matches!(ruling.reason, Reason::RemovalOrder | Reason::Removed)
}

/// The last deadline, if the filing's recertification for it is not in the listing. A listing without that column says
/// nothing.
fn overdue(facts: &Facts<'_>, filing: &Standing<'_>) -> Option<Date> {
    if !facts.index.has_recertifications() {
        return None;
    }
    let today = TimeZone::UTC.to_datetime(facts.now).date();
    let this_year = date(today.year(), 3, 1);
    let deadline = if today >= this_year { this_year } else { date(today.year() - 1, 3, 1) };
    if deadline < FIRST_DEADLINE {
        return None;
    }
    let year_before = date(deadline.year() - 1, 3, 1);
    filing.recertified().is_none_or(|day| day <= year_before).then_some(deadline)
}

/// Days since the filing's `last_updated`, if they are more than allowed.
fn stale(facts: &Facts<'_>, filing: &Filing) -> Option<i32> {
    let allowed = i32::try_from(facts.policy.cells.last_updated_days).ok().filter(|days| *days > 0)?;
    let updated: Date = filing.text(Column::LastUpdated).parse().ok()?;
    let days = TimeZone::UTC.to_datetime(facts.now).date().duration_since(updated).as_hours() / 24;
    i32::try_from(days).ok().filter(|days| *days > allowed)
}
