//! The zone behind a time: an offset, UTC, a zone's name, or what Americans call their zones.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan, ZonedDateTime};

/// The zones by which a US carrier's papers tell times, here wherever rmdd runs: by what is said all year, and by what is
/// said in winter and in summer.
static AMERICAN: [(&[&str], &str, &str, TimeZone); 4] = [
    (&["EASTERN TIME", "EASTERN", "ET"], "EST", "EDT", jiff::tz::get!("America/New_York")),
    (&["CENTRAL TIME", "CENTRAL", "CT"], "CST", "CDT", jiff::tz::get!("America/Chicago")),
    (&["MOUNTAIN TIME", "MOUNTAIN", "MT"], "MST", "MDT", jiff::tz::get!("America/Denver")),
    (&["PACIFIC TIME", "PACIFIC", "PT"], "PST", "PDT", jiff::tz::get!("America/Los_Angeles")),
];

/// The zone that stands behind a time.
#[derive(Debug)]
pub enum Zone {
    /// A fixed offset, or a place whose clocks change.
    Of(TimeZone),
    /// A place in winter or in summer alone: its zone, what was written, and what is written at any time of the year.
    Half(&'static TimeZone, &'static str, &'static str),
}

impl Zone {
    /// The time at which the clocks of the zone show this.
    ///
    /// # Errors
    ///
    /// If they do so twice, or never; gives the writings of both times that may be meant.
    pub fn timestamp(&self, at: DateTime) -> Result<Timestamp, String> {
        let offset = match self {
            Self::Of(zone) => zone.to_ambiguous_timestamp(at).offset(),
            Self::Half(zone, ..) => zone.to_ambiguous_timestamp(at).offset(),
        };
        match (self, offset) {
            (Self::Of(_), AmbiguousOffset::Unambiguous { offset }) => {
                offset.to_timestamp(at).map_err(|error| error.to_string())
            }
            (Self::Half(zone, written, _), AmbiguousOffset::Gap { before, after }) => {
                let Some(meant) = other_half(zone, at, written).filter(|meant| [before, after].contains(meant)) else {
                    return Err(no_such_time(at, before, after));
                };
                let other = if meant == before { after } else { before };
                Err(format!(
                    "the clocks were put ahead then and did not show it: write {} for {written} whatever they showed, or {}",
                    writings(at, meant),
                    writings(at, other)
                ))
            }
            (Self::Of(_), AmbiguousOffset::Gap { before, after }) => Err(no_such_time(at, before, after)),
            (Self::Of(_), AmbiguousOffset::Fold { before, after }) => Err(format!(
                "the clocks were put back then, so there were two such times: write {} for the first or {} for the second",
                writings(at, before),
                writings(at, after)
            )),
            (Self::Half(zone, written, always), AmbiguousOffset::Unambiguous { offset }) => {
                named(zone, at, offset, written).ok_or_else(|| {
                    let meant = other_half(zone, at, written).map_or_else(String::new, |offset| {
                        format!(", or {} for {written} whatever they showed", writings(at, offset))
                    });
                    format!(
                        "the clocks did not show {written} then: write \"{} {always}\" for what they showed{meant}",
                        at.strftime("%Y-%m-%d %H:%M:%S")
                    )
                })
            }
            (Self::Half(zone, written, _), AmbiguousOffset::Fold { before, after }) => {
                named(zone, at, before, written).or_else(|| named(zone, at, after, written)).ok_or_else(|| {
                    format!(
                        "the clocks did not show {written} then: write {} or {}",
                        writings(at, before),
                        writings(at, after)
                    )
                })
            }
        }
    }
}

fn no_such_time(at: DateTime, before: Offset, after: Offset) -> String {
    let (before, after) = (writings(at, before), writings(at, after));
    format!("the clocks were put ahead then, so there was no such time: write {before} or {after}")
}

/// A time by its offset and in UTC, as each is read again.
fn writings(at: DateTime, offset: Offset) -> String {
    match offset.to_timestamp(at) {
        Ok(time) => format!(
            "{} ({})",
            ZonedDateTime::new(time, TimeZone::fixed(offset)).strftime("%Y-%m-%dT%H:%M:%S%:z"),
            time.strftime("%Y-%m-%dT%H:%M:%SZ")
        ),
        Err(_) => format!("{at}{offset}"),
    }
}

/// The time at this offset, if the clocks then go by this name.
fn named(zone: &TimeZone, at: DateTime, offset: Offset, name: &str) -> Option<Timestamp> {
    let at = offset.to_timestamp(at).ok()?;
    (zone.to_offset_info(at).abbreviation() == name).then_some(at)
}

/// The offset that a name stands for, by the same day half a year before or after.
fn other_half(zone: &TimeZone, at: DateTime, name: &str) -> Option<Offset> {
    [-183, 183].into_iter().find_map(|days| {
        let at = at.checked_add(days.days()).ok()?;
        let at = zone.to_ambiguous_timestamp(at).compatible().ok()?;
        let info = zone.to_offset_info(at);
        (info.abbreviation() == name).then(|| info.offset())
    })
}

/// Splits a time from the zone behind it, if one that is known stands there.
pub fn split(text: &str) -> Option<(&str, Zone)> {
    for (always, winter, summer, zone) in &AMERICAN {
        let whole = always.iter().find_map(|name| before(text, name)).map(|civil| (civil, Zone::Of(zone.clone())));
        let short = always.last().copied().unwrap_or_default();
        let half = |name: &'static str| before(text, name).map(|civil| (civil, Zone::Half(zone, name, short)));
        if let Some(found) = whole.or_else(|| half(winter)).or_else(|| half(summer)) {
            return Some(found);
        }
    }
    if let Some(civil) = ["UTC", "GMT", "Z"].iter().find_map(|name| before(text, name)) {
        return Some((civil, Zone::Of(TimeZone::UTC)));
    }
    let (civil, word) = text.rsplit_once(char::is_whitespace)?;
    let zone = offset(word).map(TimeZone::fixed).or_else(|| {
        // A zone of the system's; none has a name without a stroke that is not better known otherwise.
        word.contains('/').then(|| TimeZone::get(word).ok()).flatten()
    })?;
    Some((civil.trim_end(), Zone::Of(zone)))
}

/// Splits a time from the name of a zone in brackets, if no offset says besides which time is meant.
pub fn bracketed(text: &str) -> Option<(&str, Zone)> {
    let (civil, name) = text.strip_suffix(']')?.split_once('[')?;
    Some((civil.trim_end(), Zone::Of(TimeZone::get(name).ok()?)))
}

/// What stands before a zone's name at the end of a text, whatever its case. Only behind a figure, a blank or the half of a
/// day is it one.
fn before<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = text.len().checked_sub(name.len())?;
    let (civil, end) = (text.get(..start)?, text.get(start..)?);
    let apart = civil.ends_with(|c: char| c.is_whitespace() || c.is_ascii_digit());
    (end.eq_ignore_ascii_case(name) && apart).then(|| civil.trim_end())
}

/// `-05:00`, `-0500`, `-05`, `UTC-5`.
fn offset(word: &str) -> Option<Offset> {
    let digits = ["UTC", "GMT"].iter().find_map(|name| word.strip_prefix(name)).unwrap_or(word);
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, digits.strip_prefix('+')?),
    };
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some(parts), _) => parts,
        (None, 4) => digits.split_at_checked(2)?,
        (None, 1 | 2) => (digits, "0"),
        _ => return None,
    };
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i32>().ok())?;
    let (hours, minutes) =
        (number(hours).filter(|hours| *hours <= 14)?, number(minutes).filter(|minutes| *minutes < 60)?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}
