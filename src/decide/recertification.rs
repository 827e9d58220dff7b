//! Who owes the yearly recertification (64.6305(h)), and from when on.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

use super::facts::Facts;
use crate::domain::eastern_day;
use crate::listing::index::{IndexedFiling, Recertified};

/// The first day by which filings had to be recertified.
const FIRST_DEADLINE: Date = date(2026, 3, 1);

/// The last deadline that has passed, if the filing owed a recertification by it that is not in the listing. Only what
/// was known before a deadline owes it. A date counts for a deadline from the first of February before it, however late
/// it is. A listing without that column says nothing, nor does a cell that holds no date.
pub(super) fn overdue(facts: &Facts<'_>, filing: &IndexedFiling<'_>) -> Option<Date> {
    if !facts.index.has_recertifications() {
        return None;
    }
    let today = eastern_day(facts.now);
    let this_year = date(today.year(), 3, 1);
    let deadline = if today > last_day_in_time(this_year) { this_year } else { date(today.year() - 1, 3, 1) };
    if deadline < FIRST_DEADLINE || filing.known_since() >= deadline {
        return None;
    }
    let opens = date(deadline.year(), 2, 1);
    let owed = match filing.recertified() {
        Recertified::Never => true,
        Recertified::On(day) => day < opens,
        Recertified::Unreadable => false,
    };
    owed.then_some(deadline)
}

/// The day of a deadline itself is in time; of one on a weekend, the Monday after it (47 CFR 1.4(j)).
fn last_day_in_time(deadline: Date) -> Date {
    match deadline.weekday() {
        Weekday::Saturday => deadline.saturating_add(2.days()),
        Weekday::Sunday => deadline.saturating_add(1.day()),
        _ => deadline,
    }
}
