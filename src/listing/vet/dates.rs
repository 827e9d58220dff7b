//! What a listing's own dates can be believed.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::domain::{Column, Filing};

/// A date may lie so many days ahead of the day on which it was fetched: clocks differ, and so do days.
const AHEAD_DAYS: i64 = 2;
/// The newest date that so many filings reach is the listing's: one filing alone may bear any date.
const REACHED_BY: usize = 3;

/// A filing's `last_updated`, if it is a date: `2025-08-25`, and what stands behind it. Every row is read several times in
/// each step, so the digits are read here and not by a parser of all ways in which dates are written.
pub fn last_updated(filing: &Filing) -> Option<Date> {
    let text: &[u8; 10] = filing.text(Column::LastUpdated).as_bytes().first_chunk()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let digits = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0i16, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i16::from(digit - b'0')))
    };
    let (month, day) = (digits(&[m1, m2])?, digits(&[d1, d2])?);
    Date::new(digits(&[y1, y2, y3, y4])?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Days from one date to another; fewer than none if it is the earlier one.
pub fn days(from: Date, to: Date) -> f64 {
    from.duration_until(to).as_hours() as f64 / 24.0
}

/// The dates of a listing, as far as they can be believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dates {
    /// The newest that several filings reach.
    pub newest: Option<Date>,
    /// No filing can have been updated behind this day. Nothing where the clock itself is behind the listing.
    pub latest: Option<Date>,
}

impl Dates {
    /// Reads those of a listing behind one whose dates were believed, if there is one: where the clock was not behind that, it is
    /// not behind this one either.
    pub fn behind(before: Option<&Self>, filings: &[Arc<Filing>], fetched_at: Timestamp) -> Self {
        Self::read(filings, fetched_at, before.is_some_and(|before| before.latest.is_some()))
    }

    /// Reads them.
    pub fn of(filings: &[Arc<Filing>], fetched_at: Timestamp) -> Self {
        Self::read(filings, fetched_at, false)
    }

    fn read(filings: &[Arc<Filing>], fetched_at: Timestamp, clock_is_right: bool) -> Self {
        let mut dates: Vec<Date> = filings.iter().filter_map(|filing| last_updated(filing)).collect();
        let today = TimeZone::UTC.to_datetime(fetched_at).date();
        let latest = today.saturating_add(Span::new().days(AHEAD_DAYS));
        dates.sort_unstable();
        // If half the listing lies ahead of the clock, it is the clock that is wrong.
        let middle = dates.get(dates.len() / 2);
        let clock_is_behind = !clock_is_right && middle.is_some_and(|middle| *middle > latest);
        let latest = (!clock_is_behind).then_some(latest);
        let believed = dates.partition_point(|date| latest.is_none_or(|latest| *date <= latest));
        let newest = believed.checked_sub(REACHED_BY.min(believed)).and_then(|place| dates.get(place)).copied();
        Self { newest: newest.filter(|_| believed > 0), latest }
    }

    /// Whether a filing bears a date that has not come yet.
    pub fn is_ahead(&self, filing: &Filing) -> bool {
        self.latest.is_some_and(|latest| last_updated(filing).is_some_and(|date| date > latest))
    }
}
