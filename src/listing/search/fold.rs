//! Text -> the words by which names are compared: plain ASCII letters and digits, whatever the writing.

use deunicode::deunicode_char;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::vocabulary::{LAST_PHRASES, PHRASES};

/// A letter that was lost on the way to the listing (U+FFFD). It is like any letter.
pub const LOST: char = '?';

/// A name has no more words that count, and a word no more letters, so that no text costs much more than another.
pub const MOST_WORDS: usize = 12;
const LONGEST_WORD: usize = 48;

/// The words of a text. `&` and `+` between words are the word `and`.
pub fn fold(text: &str) -> Vec<String> {
    let mut words = Words::default();
    let signs: Vec<char> = text.chars().filter(|c| !is_silent(*c)).collect();
    for (place, sign) in signs.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|at| signs.get(at)).copied();
        let after = signs.get(place + 1).copied();
        match *sign {
            '&' | '＆' | '﹠' => words.alone("and"),
            '+' | '＋' if joins(before, after) => words.alone("and"),
            '\u{FFFD}' => words.push(LOST),
            '?' if before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric) => {
                words.push(LOST);
            }
            sign => std::iter::once(sign).nfkd().for_each(|part| words.take(part)),
        }
    }
    words.end();
    words.done
}

/// A plus between two words, not one that ends a word as in `A+`.
fn joins(before: Option<char>, after: Option<char>) -> bool {
    let is_word = |c: char| c.is_alphanumeric();
    match (before, after) {
        (Some(before), Some(after)) => {
            (is_word(before) && is_word(after)) || (before.is_whitespace() && after.is_whitespace())
        }
        _ => false,
    }
}

/// Signs within a word that do not count: apostrophes, and what is not seen.
fn is_silent(sign: char) -> bool {
    matches!(
        sign,
        '\'' | '`' | '´' | '‘' | '’' | '‛' | '′' | 'ʹ' | 'ʻ' | 'ʼ' | 'ʽ' | 'ˈ' | '＇' | '\u{ad}' | '\u{34f}' | '\u{61c}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[derive(Default)]
struct Words {
    done: Vec<String>,
    word: String,
}

impl Words {
    fn take(&mut self, sign: char) {
        if sign.is_ascii_alphanumeric() {
            self.push(sign.to_ascii_lowercase());
        } else if is_combining_mark(sign) {
        } else if sign.is_ascii() || !sign.is_alphanumeric() {
            self.end();
        } else {
            for plain in deunicode_char(sign).unwrap_or_default().chars() {
                if plain.is_ascii_alphanumeric() {
                    self.push(plain.to_ascii_lowercase());
                } else if plain == ' ' {
                    self.end();
                }
            }
        }
    }

    fn push(&mut self, letter: char) {
        if self.word.len() < LONGEST_WORD {
            self.word.push(letter);
        }
    }

    fn end(&mut self) {
        if !self.word.is_empty() {
            self.done.push(std::mem::take(&mut self.word));
        }
    }

    fn alone(&mut self, word: &str) {
        self.end();
        self.done.push(word.to_owned());
    }
}

/// A text's words by name: `X d/b/a Y` holds two names. Initials are one word, and `and` and `the` do not count.
pub fn names(text: &str) -> Vec<Vec<String>> {
    let words = fold(text);
    let mut names: Vec<Vec<String>> = vec![Vec::new()];
    let mut rest = words.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        match MARKS.iter().find(|mark| starts_with(rest, mark)) {
            Some(mark) => {
                names.push(Vec::new());
                rest = rest.get(mark.len()..).unwrap_or_default();
            }
            None => {
                if let Some(name) = names.last_mut() {
                    name.push(first.clone());
                }
                rest = behind;
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names.into_iter().map(|name| telling(&name)).filter(|name| !name.is_empty()).collect()
}

/// The words of a text as one name.
pub fn whole(text: &str) -> Vec<String> {
    telling(&fold(text))
}

/// What stands between two names of one company.
const MARKS: [&[&str]; 19] = [
    &["d", "b", "a"],
    &["d", "ba"],
    &["db", "a"],
    &["dba"],
    &["dbas"],
    &["doing", "business", "as"],
    &["a", "k", "a"],
    &["aka"],
    &["also", "known", "as"],
    &["f", "k", "a"],
    &["fka"],
    &["formerly", "known", "as"],
    &["previously", "known", "as"],
    &["formerly"],
    &["n", "k", "a"],
    &["nka"],
    &["now", "known", "as"],
    &["trading", "as"],
    &["operating", "as"],
];

fn starts_with(words: &[String], mark: &[&str]) -> bool {
    words.len() >= mark.len() && words.iter().zip(mark).all(|(word, of)| word == of)
}

/// Without the words that stand in any name, and with initials as one word, however they are written: `A T & T`, `AT&T`.
fn telling(words: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    // Whether the last word kept is initials, to which another may be added.
    let mut initials = false;
    let mut place = 0;
    while let Some(word) = words.get(place) {
        let rest = words.get(place..).unwrap_or_default();
        let phrase = PHRASES.iter().find(|(phrase, _)| starts_with(rest, phrase));
        let phrase = phrase.or_else(|| LAST_PHRASES.iter().find(|(last, _)| rest == *last));
        if let Some((phrase, word)) = phrase {
            kept.push((*word).to_owned());
            initials = false;
            place += phrase.len();
            continue;
        }
        let after = words.get(place + 1);
        let is_single = |word: &String| word.len() == 1 && word.bytes().all(|b| b.is_ascii_alphabetic());
        match word.as_str() {
            "and" => {
                let before = place.checked_sub(1).and_then(|at| words.get(at));
                let short = |word: &String| word.len() <= 2;
                let between = before.zip(after).is_some_and(|(before, after)| {
                    (is_single(before) && short(after)) || (short(before) && is_single(after))
                });
                if let (true, Some(last), Some(after)) = (between, kept.last_mut(), after) {
                    last.push_str(after);
                    initials = true;
                    place += 1;
                }
            }
            "the" => {}
            _ if is_single(word) && initials => {
                if let Some(last) = kept.last_mut() {
                    last.push_str(word);
                }
            }
            _ => {
                initials = is_single(word);
                kept.push(word.clone());
            }
        }
        place += 1;
    }
    if kept.is_empty() {
        kept = words.to_vec();
    }
    kept.truncate(MOST_WORDS);
    kept
}
