//! The zone behind a time: an offset, UTC, a zone's name, or what Americans call their zones.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

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
    /// If they do so twice, or never.
    pub fn timestamp(&self, at: DateTime) -> Result<Timestamp, String> {
        match self {
            Self::Of(zone) => {
                let ambiguous = zone.to_ambiguous_timestamp(at);
                match ambiguous.offset() {
                    AmbiguousOffset::Unambiguous { .. } => ambiguous.unambiguous().map_err(|error| error.to_string()),
                    AmbiguousOffset::Gap { .. } => {
                        Err("the clocks were put ahead then, so there was no such time".to_owned())
                    }
                    AmbiguousOffset::Fold { before, after } => Err(format!(
                        "the clocks were put back then, so there were two such times: say which by its offset, {before} or \
                         {after}"
                    )),
                }
            }
            Self::Half(zone, written, always) => {
                let fits = |offset: Offset| {
                    let at = offset.to_timestamp(at).ok()?;
                    (zone.to_offset_info(at).abbreviation() == *written).then_some(at)
                };
                let found = match zone.to_ambiguous_timestamp(at).offset() {
                    AmbiguousOffset::Unambiguous { offset } => fits(offset),
                    AmbiguousOffset::Gap { .. } => None,
                    AmbiguousOffset::Fold { before, after } => fits(before).or_else(|| fits(after)),
                };
                found.ok_or_else(|| {
                    format!(
                        "the clocks did not show {written} then: write {always} for what they showed, or the offset"
                    )
                })
            }
        }
    }
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
