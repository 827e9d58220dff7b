//! How long ago a stored time was, by a clock that may have been wrong then, or may be wrong now.
//!
//! A stored time that lies ahead of now is no evidence of anything: one of the two clocks was wrong. Who asks how old
//! something is has to say what it is then, and nothing is younger for it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Column, Filing};

/// A clock that is being disciplined may be so far from what it said before.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// The first moment of 2026. A clock that is right says no earlier time: this program did not exist.
pub const EARLIEST: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// How long ago a stored time was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// So long ago, in whole seconds.
    Past(SignedDuration),
    /// It lies ahead of now by so much, in whole seconds: how long ago it really was is not known.
    Ahead(SignedDuration),
}

/// How long ago `then` was. What lies ahead by no more than [`CLOCK_TOLERANCE`] is now.
pub fn age(then: Timestamp, now: Timestamp) -> Age {
    let since = SignedDuration::from_secs(now.duration_since(then).as_secs());
    if since < -CLOCK_TOLERANCE { Age::Ahead(-since) } else { Age::Past(since.max(SignedDuration::ZERO)) }
}

impl Age {
    /// Whether it is more than this. An age that is not known is more than any.
    pub fn exceeds(self, limit: SignedDuration) -> bool {
        match self {
            Self::Past(age) => age > limit,
            Self::Ahead(_) => true,
        }
    }

    /// The age, if it is known.
    pub fn known(self) -> Option<SignedDuration> {
        match self {
            Self::Past(age) => Some(age),
            Self::Ahead(_) => None,
        }
    }

    /// Whole seconds: below zero where the time lies ahead of now.
    pub fn as_secs(self) -> i64 {
        match self {
            Self::Past(age) => age.as_secs(),
            Self::Ahead(by) => -by.as_secs(),
        }
    }
}

/// Whether a stored time lies ahead of now by more than [`CLOCK_TOLERANCE`].
pub(crate) fn is_ahead(then: Timestamp, now: Timestamp) -> bool {
    matches!(age(then, now), Age::Ahead(_))
}

/// How late it is at least, where the clock says that it is earlier: it is wrong then. `listed` is a day on which, by the
/// listing itself, filings were updated; a day more or less is a matter of time zones.
pub(crate) fn later_than(now: Timestamp, listed: Option<Date>) -> Option<Timestamp> {
    let day = listed.and_then(|day| TimeZone::UTC.to_timestamp(day.yesterday().ok()?.at(0, 0, 0, 0)).ok());
    let least = day.map_or(EARLIEST, |day| day.max(EARLIEST));
    (now < least).then_some(least)
}

/// So many filings must bear a day or a later one before it is believed, and one in so many: a wrong date in a few rows is no
/// calendar. In a usual week one in seventy is updated.
const WITNESSES: usize = 10;
const WITNESSES_ONE_IN: usize = 200;

/// The newest day on or after which, by the listing itself, at least ten filings and one in 200 were updated: the FCC's own
/// calendar, and so a witness for this machine's clock. `vet` reads a listing's newest date by itself: there the clock judges the
/// dates, and three rows that agree are enough; here the dates judge the clock.
pub(crate) fn listed_day<'a>(filings: impl Iterator<Item = &'a Filing>) -> Option<Date> {
    // Dates as the listing writes them are in order as texts.
    let mut days: Vec<&str> = filings.filter_map(|filing| filing.text(Column::LastUpdated).get(..10)).collect();
    let place = days.len().checked_sub(WITNESSES.max(days.len() / WITNESSES_ONE_IN))?;
    let (_, day, _) = days.select_nth_unstable(place);
    day.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_time_ahead_of_now_has_no_age_and_is_older_than_any_limit() {
        let now = time("2026-11-26T12:00:00Z");
        let ahead = age(time("2031-01-01T00:00:00Z"), now);
        assert!(ahead.exceeds(SignedDuration::MAX) && ahead.known().is_none() && ahead.as_secs() < -126_000_000);
        let past = age(time("2026-11-26T11:00:00Z"), now);
        assert_eq!((past, past.as_secs()), (Age::Past(SignedDuration::from_hours(1)), 3600));
        assert!(past.exceeds(SignedDuration::from_mins(59)) && !past.exceeds(SignedDuration::from_hours(1)));
    }

    #[test]
    fn a_clock_that_is_being_disciplined_says_now() {
        let now = time("2026-11-26T12:00:00Z");
        assert_eq!(age(time("2026-11-26T12:01:00Z"), now), Age::Past(SignedDuration::ZERO));
        assert_eq!(age(time("2026-11-26T12:01:01Z"), now), Age::Ahead(SignedDuration::from_secs(61)));
    }

    #[test]
    fn no_two_times_are_too_far_apart_to_tell() {
        assert!(age(Timestamp::MAX, Timestamp::MIN).exceeds(SignedDuration::MAX));
        assert!(age(Timestamp::MIN, Timestamp::MAX).known().is_some());
        assert_eq!(later_than(Timestamp::MAX, Some(Date::MIN)), None);
        assert_eq!(later_than(Timestamp::MIN, Some(Date::MIN)), Some(EARLIEST));
    }

    #[test]
    fn a_clock_before_this_program_or_before_the_listings_own_days_is_wrong() {
        assert_eq!(EARLIEST, time("2026-01-01T00:00:00Z"));
        assert_eq!(later_than(Timestamp::UNIX_EPOCH, None), Some(EARLIEST));
        assert_eq!(later_than(time("2026-11-26T12:00:00Z"), None), None);
        let day = Some("2026-11-25".parse().expect("a day"));
        assert_eq!(later_than(time("2026-11-24T00:00:00Z"), day), None, "a matter of time zones");
        assert_eq!(later_than(time("2026-11-23T23:59:59Z"), day), Some(time("2026-11-24T00:00:00Z")));
    }
}
