//! How times, counts and texts of third parties are written on the page.

use jiff::Timestamp;

use crate::domain::visible::one_line;
use crate::domain::{Age, age, eastern_day};

pub(crate) use crate::domain::wording::{count, count_of, moment as time, span};

/// So many characters of a text are shown. What is longer is whole in CSV.
const SHOWN: usize = 160;

/// So many of a sentence of ours, which may quote such texts.
const SENTENCE: usize = 2_000;

/// And of one word in it.
const WORD: usize = 100;

/// A text of a third party on one line, with nothing in it that could turn text around, up to a length.
pub fn shown(text: &str) -> String {
    up_to(text, SHOWN)
}

/// A sentence of ours: the same, up to a length that it seldom has. A word that no sentence of ours has is part of a name that
/// it quotes, and cut.
pub fn sentence(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.char_indices().nth(WORD) {
        None => word.to_owned(),
        Some((end, _)) => format!("{}…", word.get(..end).unwrap_or_default()),
    });
    up_to(&words.collect::<Vec<_>>().join(" "), SENTENCE)
}

fn up_to(text: &str, length: usize) -> String {
    // What is cut off need not be read: a name may be as long as a listing allows.
    let cut = text.char_indices().nth(length).map(|(end, _)| end);
    match cut {
        None => one_line(text),
        Some(end) => format!("{}…", one_line(text.get(..end).unwrap_or_default())),
    }
}

/// The day of the FCC's that a time is in, in Eastern time, as a day is read everywhere.
pub fn day(at: Timestamp) -> String {
    eastern_day(at).to_string()
}

/// How long ago a time was, in words.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    match age(then, now) {
        Age::Past(past) => format!("{} ago", span(past)),
        Age::Ahead(_) => "at a time that lies ahead of the clock".to_owned(),
    }
}

/// How long it is until a time.
pub fn left(at: Timestamp, now: Timestamp) -> String {
    let left = at.duration_since(now);
    if left.is_negative() { "now".to_owned() } else { format!("in {}", span(left)) }
}

/// A text as it may stand in the path or the query of a link.
pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_text_around_is_seen_and_does_nothing_and_what_is_long_is_cut() {
        assert_eq!(shown("Fern\u{202e}\u{1b}[31m\n LLC"), "Fern\\u{202e}\\u{1b}[31m LLC");
        assert_eq!(shown(&"é".repeat(4000)).chars().count(), SHOWN + 1);
        assert_eq!(sentence(&"é".repeat(4000)).chars().count(), WORD + 1);
        assert_eq!(sentence(&"éé ".repeat(4000)).chars().count(), SENTENCE + 1);
        assert_eq!(encoded("West 7/8"), "West%207%2F8");
        assert_eq!((count(7), count(41_233), count_of(1, "filing")), ("7".into(), "41,233".into(), "1 filing".into()));
    }
}
