//! Numbers of the database with a mistake in them: a person who leaves zeros out, or types an O for a zero, is told what
//! was probably meant. Nothing is ever taken for what it was probably meant to be.

use std::net::SocketAddr;

use super::address::read_network;
use super::identity::quotable;
use super::{Frn, IdentityError, RmdNumber};

/// An FRN that a person shortens has lost leading zeros, and few have more than three.
const FEWEST_DIGITS: usize = 7;
/// More digits than that are something else.
const MOST_DIGITS: usize = 12;

/// Digits, with the letters that are taken for them; nothing if there is any other character.
struct Digits {
    digits: String,
    /// So many were typed as digits.
    genuine: usize,
}

impl Digits {
    fn read(text: &str) -> Option<Self> {
        let mut read = Self { digits: String::new(), genuine: 0 };
        for c in text.chars() {
            let digit = match c {
                '0'..='9' => {
                    read.genuine += 1;
                    c
                }
                'O' | 'o' => '0',
                'I' | 'i' | 'L' | 'l' | '|' => '1',
                '-' | ' ' | '.' | ',' | ';' | '\'' | '"' | '\u{a0}' | '\u{2010}'..='\u{2015}' | '\u{2212}' => continue,
                _ => return None,
            };
            read.digits.push(digit);
        }
        Some(read).filter(|read| read.genuine > 0)
    }

    fn are(&self, fewest: usize, most: usize) -> bool {
        (fewest..=most).contains(&self.digits.len())
    }
}

/// What follows `RMD`, or its letters in another order.
fn behind_rmd(text: &str) -> Option<&str> {
    let (letters, rest) = text.split_at_checked(3)?;
    let mut letters = letters.to_ascii_uppercase().into_bytes();
    letters.sort_unstable();
    (letters == *b"DMR").then(|| rest.trim_start_matches(['-', ' ', ':', '#', '_', '.']))
}

/// The FRN that was probably meant by digits that are none.
pub(super) fn frn(text: &str) -> Option<Frn> {
    let read = Digits::read(text).filter(|read| read.are(FEWEST_DIGITS, 10))?;
    read.digits.parse().ok().and_then(Frn::from_value)
}

/// The RMD number that was probably meant by a text that is none.
pub(super) fn rmd_number(text: &str) -> Option<RmdNumber> {
    let read = Digits::read(behind_rmd(text).unwrap_or(text)).filter(|read| read.are(1, 7))?;
    read.digits.parse().ok().and_then(RmdNumber::from_value)
}

/// Whether it is seven digits that begin with a zero: an FRN that is shortened has lost its zeros.
pub(super) fn has_digits_of_rmd_number(text: &str) -> bool {
    text.len() == 7 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is wrong with a text that looks like a number of the database and is none; nothing if it is one, or if it looks
/// like something else.
pub(super) fn of_number(text: &str) -> Option<IdentityError> {
    if has_digits_of_rmd_number(text) {
        let meant = text.parse().ok().and_then(RmdNumber::from_value)?;
        return Some(IdentityError::SevenDigits { text: quotable(text), meant });
    }
    if behind_rmd(text).is_some_and(|rest| Digits::read(rest).is_some()) {
        return text.parse::<RmdNumber>().err().map(IdentityError::RmdNumber);
    }
    let digits = match text.get(..3) {
        Some(prefix) if prefix.eq_ignore_ascii_case("frn") => &text[3..],
        _ => text,
    };
    let written = |c: char| c.is_ascii_digit() || matches!(c, '-' | ' ');
    let looks_like_one = !digits.is_empty() && digits.chars().all(written)
        || Digits::read(digits)
            .is_some_and(|read| read.are(FEWEST_DIGITS, MOST_DIGITS) && read.genuine * 2 >= read.digits.len());
    if !looks_like_one || read_network(text).is_ok() || text.parse::<SocketAddr>().is_ok() {
        return None;
    }
    text.parse::<Frn>().err().map(IdentityError::Frn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        of_number(text).map(|slip| slip.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_number_with_a_mistake_is_told_from_a_name_and_says_what_was_probably_meant() {
        for (text, words) in [
            ("RMD1410", "it has 4 digits, and an RMD number has seven: is RMD0001410 meant?"),
            ("rmd-1410", "is RMD0001410 meant?"),
            ("RMD00014100", "it has 8 digits, and an RMD number has seven"),
            ("RMDOOO141O", "is RMD0001410 meant?"),
            ("RMD_0001410", "is RMD0001410 meant?"),
            ("RDM0001410", "is RMD0001410 meant?"),
            ("0001410", "write RMD0001410, or frn:0001410"),
            ("00202373431", "it has 11 digits, and an FRN has ten"),
            ("OO2O237343", "'O' is no digit"),
            ("002O237343", "is 0020237343 meant?"),
            ("0020237I43", "is 0020237143 meant?"),
            ("0020.2373.43", "is 0020237343 meant?"),
            ("FRN 002O237343", "is 0020237343 meant?"),
            ("0000000000", "all zeros"),
            ("99999999999999999999", "it has 20 digits"),
            ("-20237343", "is 0020237343 meant?"),
        ] {
            assert!(said(text).contains(words), "{text}: {}", said(text));
        }
        assert!(!said("RMD00014100").contains("meant?"), "one digit too many may be any of them");
        assert!(!said("00202373431").contains("meant?"));
    }

    #[test]
    fn numbers_without_a_mistake_and_names_are_no_slips() {
        for text in [
            "0020237343",
            "20237343",
            "0020-2373-43",
            "RMD0001410",
            "rmd 0001410",
            "FRN:20237343",
            "10012",
            "4711",
            "TG-Acme-1",
            "RMD-East",
            "RMDO",
            "Solo",
            "Oil",
            "ILLINOIS",
            "192.0.2.7",
            "198.51.100.200",
            "192.0.2.0/24",
            "192.0.2.77:5060",
            "10.20.30.40:506",
            "591E",
            "DRM",
            "trunk 0020237343",
            "1/0/0/1.100",
            "",
        ] {
            assert_eq!(said(text), "", "{text}");
        }
    }
}
