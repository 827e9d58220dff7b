//! Who owes the yearly recertification (64.6305(h)), and from when on.

use jiff::civil::{Date, Weekday, date};
use jiff::{Timestamp, ToSpan};

use crate::domain::{begins_in_eastern_time as begins, eastern_day};
use crate::listing::index::{Index, IndexedFiling, Recertified};

/// The first day by which filings had to be recertified.
const FIRST_DEADLINE: Date = date(2026, 3, 1);

/// The last deadline that has passed, if the filing owed a recertification by it that is not in the listing. Only what
/// was known before a deadline owes it. A date counts for a deadline from the first of February before it, however late
/// it is. A listing without that column says nothing, nor does a cell that holds no date.
pub(super) fn overdue(index: &Index, filing: &IndexedFiling<'_>, now: Timestamp) -> Option<Date> {
    if !index.has_recertifications() {
        return None;
    }
    let deadline = last_passed(eastern_day(now));
    (deadline >= FIRST_DEADLINE && owes(filing, deadline)).then_some(deadline)
}

/// Whether a filing owes, or owed, a recertification by a deadline.
pub(super) fn owes(filing: &IndexedFiling<'_>, deadline: Date) -> bool {
    filing.known_since() < deadline
        && match filing.recertified() {
            Recertified::Never => true,
            Recertified::On(day) => day < opens(deadline),
            Recertified::Unreadable => false,
        }
}

/// The day on which the window for a deadline opens.
pub(super) fn opens(deadline: Date) -> Date {
    date(deadline.year(), 2, 1)
}

/// The last deadline that has passed by a day.
fn last_passed(today: Date) -> Date {
    let this_year = date(today.year(), 3, 1);
    if today > last_day_in_time(this_year) { this_year } else { date(today.year() - 1, 3, 1) }
}

/// The first deadline that has not passed on a day.
pub(super) fn next(today: Date) -> Date {
    date(last_passed(today).year() + 1, 3, 1)
}

/// When the last deadline passed, and when the next one will have.
pub(super) fn passed_and_next(now: Timestamp) -> [Timestamp; 2] {
    let today = eastern_day(now);
    [last_passed(today), next(today)].map(|deadline| begins(last_day_in_time(deadline).saturating_add(1.day())))
}

/// The day of a deadline itself is in time; of one on a weekend, the Monday after it (47 CFR 1.4(j)).
pub(super) fn last_day_in_time(deadline: Date) -> Date {
    match deadline.weekday() {
        Weekday::Saturday => deadline.saturating_add(2.days()),
        Weekday::Sunday => deadline.saturating_add(1.day()),
        _ => deadline,
    }
}
