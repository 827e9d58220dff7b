//! What else to know. An advisory never changes a verdict, and each has an off-switch (`policy.advisories_off`).

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use super::facts::{Facts, RoleAnswer};
use super::matrix::Ruling;
use crate::domain::{Advisory, AdvisoryCode, Column, Filing, Verdict, rule};

/// The first day by which filings had to be recertified (64.6305(h)).
const FIRST_DEADLINE: Date = date(2026, 3, 1);

/// All advisories that apply, the most urgent first.
pub(super) fn advisories(facts: &Facts<'_>, ruling: &Ruling) -> Vec<Advisory> {
    let off = &facts.policy.cells.advisories_off;
    let mut said: Vec<Advisory> = Vec::new();
    let mut say = |code: AdvisoryCode, message: &dyn Fn() -> String| {
        if !off.contains(&code) {
            said.push(Advisory { code, message: message() });
        }
    };
    if facts.listing_is_old() {
        say(AdvisoryCode::ListingOld, &|| {
            format!(
                "the source last confirmed this listing {} hours ago, more than the {} that are allowed",
                facts.unconfirmed.as_hours(),
                facts.policy.listing_old_after.as_hours()
            )
        });
    }
    if facts.has_candidates() && ruling.verdict == Verdict::Accept {
        say(AdvisoryCode::OtherFrn, &|| "the number stands only among another filing's other FRNs".to_owned());
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
    if let Some(other) = facts.others().find(|other| other.roles().is_empty()) {
        say(AdvisoryCode::FilingUnfinished, &|| {
            format!("{} under the same FRN certifies no role: it looks unfinished", other.number())
        });
    }
    if let Some(deadline) = overdue(facts, filing) {
        say(AdvisoryCode::RecertificationOverdue, &|| {
            format!("the listing shows no recertification of {number} for {deadline} ({})", rule::RECERTIFY)
        });
    }
    if let Some(days) = stale(facts, filing) {
        say(AdvisoryCode::LastUpdatedOld, &|| format!("{number} was last updated {days} days ago"));
    }
    said
}

/// The last deadline, if the filing's recertification for it is not in the listing. A listing without that column says
/// nothing.
fn overdue(facts: &Facts<'_>, filing: &Filing) -> Option<Date> {
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
    let recertified: Option<Date> = filing.text(Column::LastRecertified).parse().ok();
    recertified.is_none_or(|day| day <= year_before).then_some(deadline)
}

/// Days since the filing's `last_updated`, if they are more than allowed.
fn stale(facts: &Facts<'_>, filing: &Filing) -> Option<i32> {
    let allowed = i32::try_from(facts.policy.cells.last_updated_days).ok().filter(|days| *days > 0)?;
    let updated: Date = filing.text(Column::LastUpdated).parse().ok()?;
    let days = TimeZone::UTC.to_datetime(facts.now).date().duration_since(updated).as_hours() / 24;
    i32::try_from(days).ok().filter(|days| *days > allowed)
}
