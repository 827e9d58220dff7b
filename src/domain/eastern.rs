//! The FCC's days and clocks are those of Washington.

use jiff::civil::Date;
use jiff::tz::{self, TimeZone};
use jiff::{Timestamp, ToSpan, ZonedDateTime};

pub(super) static WASHINGTON: TimeZone = tz::get!("America/New_York");

/// A calendar day begins in Washington.
pub(crate) fn begins(day: Date) -> Timestamp {
    // Midnight exists on every day there: the clocks change at two.
    WASHINGTON.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

/// A time as the clocks of Washington show it.
pub(crate) fn in_eastern_time(at: Timestamp) -> ZonedDateTime {
    at.to_zoned_datetime(WASHINGTON.clone())
}

/// The day in Washington.
pub(crate) fn eastern_day(at: Timestamp) -> Date {
    WASHINGTON.to_datetime(at).date()
}

/// The last millisecond of a day in Washington: what a time stamp of which only the day is known is taken for, so that
/// no deadline comes too early.
pub(crate) fn end_of_eastern_day(day: Date) -> Option<Timestamp> {
    begins(day.tomorrow().ok()?).checked_sub(1.millisecond()).ok()
}

/// Whether a time is that of which only the day is known.
pub(crate) fn is_day_alone(at: Timestamp) -> bool {
    end_of_eastern_day(eastern_day(at)) == Some(at)
}

/// Whether a time of something that happened has come: of which only the day is known, with that day.
pub(crate) fn has_come(at: Timestamp, now: Timestamp) -> bool {
    at <= now || (is_day_alone(at) && eastern_day(at) <= eastern_day(now))
}

/// The earliest moment that a time may stand for: of which only the day is known, its beginning.
pub(crate) fn earliest_of(at: Timestamp) -> Timestamp {
    if is_day_alone(at) { begins(eastern_day(at)) } else { at }
}
