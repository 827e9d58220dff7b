//! Who owes a recertification, 64.6305(h).

use jiff::Timestamp;
use jiff::civil::{Date, date};

use super::matrix::{Facts, Ruling};
use super::model::Filing;

/// The day that it is in Washington.
pub fn day(at: Timestamp) -> Date {
    at.in_tz("America/New_York").expect("a time zone").date()
}

/// The moment at which a day begins in Washington.
pub fn begin(day: Date) -> Timestamp {
    day.in_tz("America/New_York").expect("a day").timestamp()
}

/// What a filing owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owes {
    Nothing,
    Recertification,
    Unclear,
}

/// What a filing owes at a moment: it was known before the last deadline, and has no date since the window opened.
pub fn owes(filing: &Filing, first_listing: Timestamp, now: Timestamp) -> Owes {
    let Some(dated) = &filing.recertified else { return Owes::Unclear };
    let today = day(now);
    // March 1 is the last day in time.
    let year = if today > date(today.year(), 3, 1) { today.year() } else { today.year() - 1 };
    if year < 2026 {
        return Owes::Nothing;
    }
    let deadline = begin(date(year, 3, 2));
    if filing.known_since() >= deadline && !filing.from_the_start {
        return Owes::Nothing;
    }
    // Filed on the last day itself: the rules do not say.
    if filing.known_since() >= begin(date(year, 3, 1)) && !filing.from_the_start {
        return Owes::Unclear;
    }
    match dated.parse::<Date>() {
        Ok(dated) if dated >= date(year, 2, 1) => return Owes::Nothing,
        Err(_) if !dated.is_empty() => return Owes::Unclear,
        _ => {}
    }
    if filing.from_the_start && first_listing >= deadline {
        return Owes::Unclear;
    }
    // March 1, 2026 is a Sunday: March 2 by law firms.
    if today == date(2026, 3, 2) { Owes::Unclear } else { Owes::Recertification }
}

/// The advisory. A provider whose filings differ in what they owe is left open.
pub fn advise(facts: &Facts<'_>, current: &[&&Filing], ruling: &mut Ruling) {
    let first = facts.model.seen[0];
    let all = |what: Owes| current.iter().all(|filing| owes(filing, first, facts.now) == what);
    if all(Owes::Nothing) {
        ruling.must_not.push("RECERTIFICATION_OVERDUE");
    } else if all(Owes::Recertification) && ruling.accept && ruling.reason == "LISTED" {
        ruling.must.push("RECERTIFICATION_OVERDUE");
    }
}
