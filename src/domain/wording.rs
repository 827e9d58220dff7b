//! How times, durations and counts are written wherever a person reads them: on a terminal, on the page, in mails and in
//! sentences.

use jiff::{SignedDuration, Timestamp};

use super::AdvisoryCode;

/// A time to the second, as it is written everywhere.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A text that may be a moment, as fields have it: written as one if it is, else as it is.
pub(crate) fn moment_in(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), moment)
}

/// A duration in its two largest units.
pub fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// The advisories that come and go at a moment, by their codes: in words, as far as this version knows them. Those that go are
/// told as what held before, so that none is read as something that happens then.
pub(crate) fn come_and_go<'a>(
    come: impl IntoIterator<Item = &'a str>,
    go: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let in_words = |code: &str| {
        let known = AdvisoryCode::ALL.into_iter().find(|known| known.as_str() == code);
        known.map_or_else(|| code.to_owned(), |known| known.in_words().to_owned())
    };
    let mut said: Vec<String> = come.into_iter().map(in_words).collect();
    let before = if said.is_empty() { "no longer true" } else { "until then" };
    said.extend(go.into_iter().map(|code| format!("{before}: {}", in_words(code))));
    said
}

/// A count with its digits in groups.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The same of what is counted in memory.
pub fn grouped(value: usize) -> String {
    count(value as u64)
}

/// So many of something, whose name takes an s where it is not one.
pub(crate) fn count_of(value: u64, what: &str) -> String {
    format!("{} {what}{}", count(value), if value == 1 { "" } else { "s" })
}

/// What so many were, in the past: `was` of one.
pub fn were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_told_as_what_was() {
        let said = |come: &[&'static str], go: &[&'static str]| {
            come_and_go(come.iter().copied(), go.iter().copied()).join("; ")
        };
        let (pending, unanswered) = (["NOTICE_PENDING"], ["NOTICE_UNANSWERED"]);
        assert_eq!(said(&unanswered, &pending), "a notice is unanswered; until then: the clocks of a notice run");
        assert_eq!(said(&[], &pending), "no longer true: the clocks of a notice run");
        assert_eq!((said(&unanswered, &[]), said(&["LATER"], &[])), ("a notice is unanswered".into(), "LATER".into()));
    }

    #[test]
    fn what_may_be_a_moment_is_written_as_one_if_it_is() {
        assert_eq!(moment_in("2026-11-21T04:59:59.999Z"), "2026-11-21 04:59:59 UTC");
        assert_eq!((moment_in("TG-7"), moment_in("")), ("TG-7".to_owned(), String::new()));
    }
}
