//! Days on which the FCC is at work: 47 CFR 1.4(e) counts as holidays Saturdays, Sundays and the federal legal holidays (5
//! U.S.C. 6103) that the Commission's offices keep, and counts time from the day after what starts it.
//!
//! Days on which the offices close for weather or for want of money are not known here: a period that holds such a day ends
//! later than is said, never earlier.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

/// The last of so many business days, of which the first is the first one after a day.
pub(crate) fn business_days_after(day: Date, days: u32) -> Date {
    let mut last = day;
    for _ in 0..days {
        last = last.saturating_add(1.day());
        while !is_business_day(last) && last < Date::MAX {
            last = last.saturating_add(1.day());
        }
    }
    last
}

/// Whether the FCC is at work on a day.
pub fn is_business_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(day)
}

/// Whether a legal holiday is kept on a day. One on a Saturday is kept on the Friday before, but for Inauguration Day, in whose
/// place there is none (5 U.S.C. 6103(b) and (c)); one on a Sunday on the Monday after.
fn is_holiday(day: Date) -> bool {
    let kept = |holiday: Date| match holiday.weekday() {
        Weekday::Saturday if is_inauguration(holiday) => holiday,
        Weekday::Saturday => holiday.yesterday().unwrap_or(holiday),
        Weekday::Sunday => holiday.tomorrow().unwrap_or(holiday),
        _ => holiday,
    };
    // January 1 of the next year may be kept in this one.
    let years = [Some(day.year()), day.year().checked_add(1)];
    years.into_iter().flatten().any(|year| {
        fixed(year).into_iter().flatten().any(|holiday| kept(holiday) == day)
            || moving(year).into_iter().flatten().any(|holiday| holiday == day)
    })
}

fn fixed(year: i16) -> [Option<Date>; 6] {
    let on = |month, day| Date::new(year, month, day).ok();
    let inauguration = on(1, 20).filter(|day| is_inauguration(*day));
    [on(1, 1), inauguration, on(6, 19), on(7, 4), on(11, 11), on(12, 25)]
}

/// Inauguration Day is a holiday in and around Washington, every fourth year.
fn is_inauguration(day: Date) -> bool {
    day.year() % 4 == 1 && (day.month(), day.day()) == (1, 20)
}

fn moving(year: i16) -> [Option<Date>; 6] {
    let nth =
        |month, nth, weekday| Date::new(year, month, 1).and_then(|first| first.nth_weekday_of_month(nth, weekday)).ok();
    [
        nth(1, 3, Weekday::Monday),
        nth(2, 3, Weekday::Monday),
        nth(5, -1, Weekday::Monday),
        nth(9, 1, Weekday::Monday),
        nth(10, 2, Weekday::Monday),
        nth(11, 4, Weekday::Thursday),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a day")
    }

    #[test]
    fn the_holidays_of_two_years_are_those_that_the_office_of_personnel_management_lists() {
        let listed = [
            "2026-01-01",
            "2026-01-19",
            "2026-02-16",
            "2026-05-25",
            "2026-06-19",
            "2026-07-03",
            "2026-09-07",
            "2026-10-12",
            "2026-11-11",
            "2026-11-26",
            "2026-12-25",
            "2027-01-01",
            "2027-01-18",
            "2027-02-15",
            "2027-05-31",
            "2027-06-18",
            "2027-07-05",
            "2027-09-06",
            "2027-10-11",
            "2027-11-11",
            "2027-11-25",
            "2027-12-24",
            "2027-12-31",
        ];
        let mut kept = Vec::new();
        let mut at = day("2026-01-01");
        while at < day("2028-01-01") {
            if is_holiday(at) {
                kept.push(at.to_string());
            }
            at = at.tomorrow().expect("a day");
        }
        assert_eq!(kept, listed);
        assert!(is_holiday(day("2025-01-20")) && !is_holiday(day("2026-01-20")), "Inauguration Day");
        assert!(is_business_day(day("2029-01-19")), "none is kept in the place of Inauguration Day on a Saturday");
        assert!(is_holiday(day("2013-01-21")), "on a Sunday it is kept on the Monday after");
    }

    #[test]
    fn ten_business_days_leave_out_thanksgiving_and_weekends_and_do_not_count_the_day_itself() {
        for (from, ten) in [
            ("2026-11-20", "2026-12-07"),
            ("2026-11-21", "2026-12-07"),
            ("2026-11-26", "2026-12-10"),
            ("2026-12-18", "2027-01-05"),
            ("2026-03-02", "2026-03-16"),
        ] {
            assert_eq!(business_days_after(day(from), 10), day(ten), "{from}");
        }
        assert_eq!(business_days_after(day("2026-11-25"), 0), day("2026-11-25"));
        assert_eq!(business_days_after(Date::MAX, 10), Date::MAX);
    }
}
