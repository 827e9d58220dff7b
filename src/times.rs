//! Times as people give them: on the command line, and over HTTP.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::records::fields::read_past;

/// How long ago `7d` or `36h` is. A day is taken as 24 hours.
fn ago(text: &str) -> Option<Timestamp> {
    let age = match text.trim().strip_suffix('d').map(str::parse::<i64>) {
        Some(Ok(days)) => Some(SignedDuration::from_hours(days.saturating_mul(24).min(24 * 366 * 100))),
        _ => text.parse::<SignedDuration>().ok(),
    };
    age.filter(|age| *age >= SignedDuration::ZERO).and_then(|age| clock::now().checked_sub(age).ok())
}

/// Reads since when: a time, a day (from its beginning in UTC) or an age.
pub fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(day) = text.parse::<Date>() {
        return TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_err(|error| error.to_string());
    }
    ago(text)
        .or_else(|| read_past(text, clock::now()).ok())
        .ok_or_else(|| "give a time (2025-08-06T12:00:00Z), a day (2025-08-06) or an age (7d, 36h)".to_owned())
}

/// Reads a moment: a time in any usual writing, a day, or an age. A day is taken to its end in Washington, where the
/// listing is kept, and not beyond now: what was listed that day is what stood when it was over.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    match ago(text) {
        Some(at) => Ok(at),
        None => read_past(text, clock::now()).map_err(|problem| format!("{problem}, or as an age (7d, 36h)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_a_time_a_day_or_an_age() {
        let at: Timestamp = "2025-08-06T12:00:00Z".parse().expect("a time");
        assert_eq!(since("2025-08-06T12:00:00Z"), Ok(at));
        assert_eq!(since("2025-08-06 12:00 UTC"), Ok(at));
        assert_eq!(since("2025-08-06"), "2025-08-06T00:00:00Z".parse().map_err(|_| String::new()));
        for age in ["7d", "36h", "0d", "90m"] {
            assert!(since(age).expect(age) <= Timestamp::now(), "{age}");
        }
        for rubbish in ["", "yesterday", "-3h", "7 August"] {
            assert!(since(rubbish).is_err(), "{rubbish:?}");
        }
    }

    #[test]
    fn a_moment_on_a_day_is_its_end_in_washington_and_of_today_is_now() {
        let at = moment("2025-08-06").expect("a moment");
        assert_eq!(at, "2025-08-07T03:59:59.999Z".parse().expect("a time"));
        assert_eq!(moment("Jan 24, 2023 20:15 UTC"), "2023-01-24T20:15:00Z".parse().map_err(|_| String::new()));
        let today = crate::domain::day_in_washington(Timestamp::now()).to_string();
        assert!(moment(&today).expect("a moment") <= Timestamp::now());
        assert!(moment("2d").expect("a moment") < Timestamp::now());
        assert!(moment("soon").is_err());
    }
}
