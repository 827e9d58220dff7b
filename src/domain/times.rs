//! Times as people give them: on the command line, over HTTP, and in the fields of operators' records. One grammar
//! everywhere, whatever a time is for:
//!
//! | what is given | what it means |
//! |---|---|
//! | a time with its zone: `2025-08-06 12:00 ET`, `2025-08-06T16:00Z`, `Jan 24, 2023 20:15 UTC` | that time |
//! | a day: `2025-08-06` | the FCC's day, in Eastern time: from its beginning, or to its end |
//! | a span: `7d`, `36h`, `1d 12h` | so long ago; for what is still to come, so long from now |
//!
//! Days may also be written as in the US, `Aug 6, 2025` and `08/31/2025`; one such as `08/06/2025`, which elsewhere is the
//! 8th of June, is refused with both writings.
//!
//! A time without a zone is refused: it may be meant in UTC, in which rmdd prints times, or in Eastern time, in which the
//! FCC writes its letters, and some hours decide about deadlines. Pure: what is now is an argument.

mod zone;

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, ZonedDateTime};

use crate::domain::{begins_in_eastern_time, eastern_day, end_of_eastern_day};

/// What a time is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// Where something begins that reaches up to now: a day from its beginning, a span ago.
    Since,
    /// A moment that has been: a day to its end and not beyond now, a span ago. What was listed that day is what stood when
    /// it was over; and no deadline that runs from a day's event comes too early.
    Moment,
    /// Where something ends that is to last: a day counted in, a span from now.
    End,
}

impl Meant {
    /// What can be given, for whom has given something else.
    fn choice(self, spans: bool) -> &'static str {
        match (self, spans) {
            (Self::Since | Self::Moment, true) => {
                "give a time with its zone (2025-08-06 12:00 ET, 2025-08-06T16:00Z), a day (2025-08-06) or an age (7d, 36h)"
            }
            (Self::End, true) => {
                "give a time with its zone (2027-01-31 12:00 ET, 2027-01-31T17:00Z), a day that is counted in (2027-01-31) \
                 or how long from now (30d, 36h)"
            }
            (_, false) => {
                "give a time with its zone (2023-01-24T15:15:00-05:00, 2023-01-24 20:15 UTC) or a day (2023-01-24)"
            }
        }
    }
}

/// Reads a time, a day or a span.
///
/// # Errors
///
/// If it is none, or a time without a zone; says what to give.
pub fn read(text: &str, meant: Meant, now: Timestamp) -> Result<Timestamp, String> {
    match span(text, meant, now)? {
        Some(at) => Ok(at),
        None => absolute(text, meant, now, true),
    }
}

/// Reads a day, in any of the writings of one.
///
/// # Errors
///
/// If it is none, or may be two; says what to give.
pub fn day(text: &str) -> Result<Date, String> {
    let text = text.trim();
    match (slashed(text), read_day(text)) {
        (Some(problem), _) => Err(problem),
        (None, Some(day)) => Ok(day),
        (None, None) => Err("it is no day: write YYYY-MM-DD".to_owned()),
    }
}

/// Reads a time or a day: what still means the same when it is read again tomorrow, as the fields of a file must.
///
/// # Errors
///
/// If it is none, or a time without a zone; says what to give.
pub fn read_absolute(text: &str, meant: Meant, now: Timestamp) -> Result<Timestamp, String> {
    absolute(text, meant, now, false)
}

/// The time that a span means, written out; any other time as it is given. For flags whose text a record's fields read.
///
/// # Errors
///
/// If it is no time, or a span that cannot be counted; says what to give.
pub fn span_written_out(text: &str, meant: Meant, now: Timestamp) -> Result<String, String> {
    match span(text, meant, now)? {
        Some(at) => Ok(at.to_string()),
        // What cannot be read is refused here, where spans are among what can be given.
        None => absolute(text, meant, now, true).map(|_| text.to_owned()),
    }
}

/// The time that is so long before or after now; nothing if the text is no span. A day is 24 hours.
fn span(text: &str, meant: Meant, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    // `12:00:00` could be so many hours; it looks like noon.
    if text.contains(':') {
        return Ok(None);
    }
    let Ok(span) = text.parse::<Span>() else { return Ok(None) };
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(format!("{text:?}: months and years differ in length, so count in days, such as 30d or 365d"));
    }
    let refused = |problem: &str| Err(format!("{text:?} {problem}: {}", meant.choice(true)));
    let Ok(length) = span.to_duration(SpanRelativeTo::days_are_24_hours()) else {
        return refused("is too long");
    };
    let said_ago = text.ends_with("ago");
    let length = match meant {
        Meant::End if said_ago => return refused("is over already"),
        _ if said_ago => -length,
        _ => length,
    };
    if length < SignedDuration::ZERO {
        return refused("has a sign");
    }
    let at = match meant {
        Meant::Since | Meant::Moment => now.checked_sub(length),
        // It is written down and read again: a part of a second would only be in the way.
        Meant::End => now.checked_add(length).and_then(|at| Timestamp::from_second(at.as_second())),
    };
    match at {
        Ok(at) => Ok(Some(at)),
        Err(_) => refused("is too long"),
    }
}

fn absolute(text: &str, meant: Meant, now: Timestamp, spans: bool) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Some(problem) = slashed(text) {
        return Err(problem);
    }
    if let Some(day) = read_day(text) {
        return of_day(day, meant, now)
            .ok_or_else(|| format!("{text:?} is farther off than times reach: the last day is 9999-12-29"));
    }
    // By its own offset, or by a zone's name in brackets, as RFC 3339 and RFC 9557 have it.
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Some((civil, zone)) = zone::bracketed(text)
        && let Some(at) = read_civil(civil)
    {
        return zone.timestamp(at).map_err(|problem| format!("{text:?}: {problem}"));
    }
    if let Ok(at) = text.parse::<ZonedDateTime>() {
        return Ok(at.timestamp());
    }
    if let Some((civil, zone)) = zone::split(text)
        && let Some(at) = read_civil(civil)
    {
        return zone.timestamp(at).map_err(|problem| format!("{text:?}: {problem}"));
    }
    if read_civil(text).is_some() {
        return Err(format!(
            "{text:?} says no time zone: write \"{text} ET\" if it is Eastern time, as the FCC has it, or \"{text} UTC\""
        ));
    }
    if let Some((civil, word)) = text.rsplit_once(char::is_whitespace)
        && read_civil(civil.trim_end()).is_some()
    {
        return Err(format!(
            "{text:?}: {word:?} is no time zone that is known here: write ET, UTC or an offset (-05:00)"
        ));
    }
    Err(format!("{text:?} is no time: {}", meant.choice(spans)))
}

/// Why a time is refused whose day is written with strokes, in the order that is usual in the US or in the one that is usual
/// elsewhere, if it may be read in both or only in the other.
fn slashed(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '/').unwrap_or(text.len());
    let (day, behind) = text.split_at(end);
    let mut parts = day.split('/');
    let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |part: &str| part.parse::<i8>().ok();
    let year = year.parse().ok().filter(|year| (FIRST_YEAR..=9999).contains(year))?;
    let (first, second) = (number(first)?, number(second)?);
    if parts.next().is_some() {
        return None;
    }
    let written = |month, day| Date::new(year, month, day).ok().map(|day| (format!("{day}{behind}"), day));
    match (written(first, second), written(second, first)) {
        (Some((us, month_first)), Some((other, day_first))) if first != second => Some(format!(
            "{text:?} may be {} or {}: write \"{us}\" or \"{other}\"",
            month_first.strftime("%B %-d"),
            day_first.strftime("%B %-d"),
        )),
        (None, Some((other, _))) => {
            Some(format!("{text:?}: with strokes the month comes first, as in the US; write \"{other}\""))
        }
        _ => None,
    }
}

fn of_day(day: Date, meant: Meant, now: Timestamp) -> Option<Timestamp> {
    let end = end_of_eastern_day(day);
    match meant {
        Meant::Since => Some(begins_in_eastern_time(day)),
        // Of a day that is still to come nothing can be said: let it be refused as such.
        Meant::Moment => end.map(|end| if eastern_day(now) == day { end.min(now) } else { end }),
        Meant::End => end,
    }
}

/// How people and the FCC's letters write days.
const DAYS: [&str; 4] = ["%Y-%m-%d", "%b %d, %Y", "%B %d, %Y", "%m/%d/%Y"];

/// A year of two digits is none, least of all of the first century.
const FIRST_YEAR: i16 = 1900;

/// What stands between day and time.
const BETWEEN: [&str; 4] = [" ", "T", ", ", " at "];

/// How they write times of a day.
const TIMES: [&str; 5] = ["%H:%M", "%H:%M:%S%.f", "%I:%M %p", "%I:%M%p", "%I:%M:%S %p"];

fn read_day(text: &str) -> Option<Date> {
    DAYS.iter().find_map(|writing| Date::strptime(writing, text).ok()).filter(|day| day.year() >= FIRST_YEAR)
}

fn read_civil(text: &str) -> Option<DateTime> {
    // Nothing else can be one, and most of what is refused here is a word.
    if !text.contains(':') {
        return None;
    }
    let text = text.replace("a.m.", "AM").replace("p.m.", "PM");
    let read = |writing: &str| {
        let read = strtime::parse(writing, &text).and_then(|parts| parts.to_datetime()).ok();
        read.filter(|at| at.year() >= FIRST_YEAR)
    };
    DAYS.iter().find_map(|day| {
        BETWEEN.iter().find_map(|between| TIMES.iter().find_map(|time| read(&format!("{day}{between}{time}"))))
    })
}

/// A time as it is printed beside one in UTC: by the clocks of Washington.
pub fn in_eastern(at: Timestamp) -> String {
    crate::domain::in_eastern_time(at).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
mod tests;
