//! The FCC Registration Number.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use thiserror::Error;

use super::{BEHIND_PREFIX, is_meant, quotable, write_digits};
use crate::domain::slip;

/// An FCC Registration Number (47 CFR 1.8002): ten digits, whose leading zeros are significant in writing.
///
/// ```
/// use rmdd::domain::Frn;
///
/// let frn: Frn = "20237343".parse()?;
/// assert_eq!(frn, "0020-2373-43".parse()?);
/// assert_eq!(frn.to_string(), "0020237343");
/// # Ok::<(), rmdd::domain::FrnError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frn(NonZeroU64);

/// Why a text is not an FRN.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrnError {
    /// Nothing but blanks.
    #[error("the FRN is empty: give ten digits, such as 0020237343")]
    Empty,
    /// A character that no usual writing of an FRN holds.
    #[error(
        "{text:?} is not an FRN: {found:?} is no digit; an FRN is ten digits, such as 0020237343 or 0020-2373-43{}",
        is_meant(.meant)
    )]
    NotADigit {
        /// The text as given, cut to a bounded length.
        text: String,
        /// The first character that does not belong.
        found: char,
        /// The FRN that was probably meant.
        meant: Option<Frn>,
    },
    /// More than ten digits.
    #[error("{text:?} is not an FRN: it has {digits} digits, and an FRN has ten{}", is_meant(.meant))]
    TooLong {
        /// The text as given, cut to a bounded length.
        text: String,
        /// How many digits were found.
        digits: usize,
        /// The FRN that was probably meant.
        meant: Option<Frn>,
    },
    /// Only zeros.
    #[error("{text:?} is not an FRN: it is all zeros")]
    Zero {
        /// The text as given, cut to a bounded length.
        text: String,
    },
}

impl Frn {
    /// The FRN with this value, that is, its digits read as a number; `None` for zero and for more than ten digits.
    pub fn from_value(value: u64) -> Option<Self> {
        if value > 9_999_999_999 {
            return None;
        }
        NonZeroU64::new(value).map(Self)
    }

    /// The digits read as a number, for keys and codecs.
    pub fn value(self) -> u64 {
        self.0.get()
    }

    /// Ten digits, as every switch writes it on every call.
    fn plain(text: &str) -> Option<Self> {
        let digits: &[u8; 10] = text.as_bytes().try_into().ok()?;
        let value = digits
            .iter()
            .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u64::from(digit - b'0')))?;
        Self::from_value(value)
    }

    /// Its ten digits, as it is written.
    pub fn digits(self) -> [u8; 10] {
        let mut digits = [b'0'; 10];
        write_digits(self.value(), &mut digits);
        digits
    }
}

impl FromStr for Frn {
    type Err = FrnError;

    /// Reads any usual writing: leading zeros left out, groups set off by hyphens or blanks, `FRN` before the number.
    fn from_str(text: &str) -> Result<Self, FrnError> {
        if let Some(frn) = Self::plain(text) {
            return Ok(frn);
        }
        let trimmed = text.trim();
        let behind_prefix = |text: &'_ str| match text.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case("frn") => {
                text.len() - text[3..].trim_start_matches(BEHIND_PREFIX).len()
            }
            _ => 0,
        };
        // `frn:` says what is meant; its own FRN may stand behind it.
        let prefix = behind_prefix(trimmed);
        let digits_part = &trimmed[prefix..];
        let digits_part = &digits_part[behind_prefix(digits_part)..];
        if digits_part.is_empty() {
            return Err(FrnError::Empty);
        }
        let mut value: u64 = 0;
        let mut digits = 0usize;
        for (position, found) in digits_part.char_indices() {
            match found {
                '0'..='9' => {
                    digits += 1;
                    value = value.saturating_mul(10).saturating_add(u64::from(found as u32 - '0' as u32));
                }
                '-' | ' ' | '\u{2010}'..='\u{2013}' if position > 0 => {}
                _ => return Err(FrnError::NotADigit { text: quotable(text), found, meant: slip::frn(digits_part) }),
            }
        }
        if digits > 10 {
            return Err(FrnError::TooLong { text: quotable(text), digits, meant: slip::frn(digits_part) });
        }
        Self::from_value(value).ok_or_else(|| FrnError::Zero { text: quotable(text) })
    }
}

impl fmt::Display for Frn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}", self.0)
    }
}

impl fmt::Debug for Frn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frn({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_frn_is_read_in_any_usual_writing() {
        let expected = Frn::from_value(20_237_343).expect("a valid FRN");
        for writing in [
            "20237343",
            "0020237343",
            "0020-2373-43",
            "0020 2373 43",
            " 0020237343\n",
            "FRN 0020237343",
            "frn:20237343",
            "FRN#0020-2373-43",
            "0020\u{2013}2373\u{2013}43",
        ] {
            assert_eq!(writing.parse(), Ok(expected), "{writing:?}");
        }
        assert_eq!(expected.to_string(), "0020237343");
    }

    #[test]
    fn what_is_no_frn_is_refused_with_its_reason() {
        assert_eq!("".parse::<Frn>(), Err(FrnError::Empty));
        assert_eq!("FRN".parse::<Frn>(), Err(FrnError::Empty));
        assert!(matches!("00202373431".parse::<Frn>(), Err(FrnError::TooLong { digits: 11, .. })));
        assert!(matches!("99999999999999999999999".parse::<Frn>(), Err(FrnError::TooLong { .. })));
        assert!(matches!("0000000000".parse::<Frn>(), Err(FrnError::Zero { .. })));
        assert!(matches!("002023734O".parse::<Frn>(), Err(FrnError::NotADigit { found: 'O', .. })));
        assert!(matches!("-20237343".parse::<Frn>(), Err(FrnError::NotADigit { found: '-', .. })));
        assert!(matches!("٣".parse::<Frn>(), Err(FrnError::NotADigit { .. })));
    }
}
