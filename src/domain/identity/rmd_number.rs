//! The number of one filing.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{BEHIND_PREFIX, is_meant, quotable, write_digits};
use crate::domain::slip;

/// The number of one filing in the Robocall Mitigation Database: `RMD` and seven digits. It has never been seen to
/// change over a filing's life, removal and reinstatement included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RmdNumber(u32);

/// Why a text is not an RMD number.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error(
    "{text:?} is not an RMD number: {}{}",
    match .digits {
        Some(digits) => format!("it has {digits} {}, and an RMD number has seven", if *digits == 1 { "digit" } else { "digits" }),
        None => "it is written RMD and seven digits, such as RMD0001410".to_owned(),
    },
    is_meant(.meant)
)]
pub struct RmdNumberError {
    /// The text as given, cut to a bounded length.
    pub text: String,
    /// How many digits follow `RMD`, if nothing but digits does and they are too few or too many.
    pub digits: Option<usize>,
    /// The number that was probably meant.
    pub meant: Option<RmdNumber>,
}

impl RmdNumber {
    /// The number whose seven digits read as this value; `None` past seven digits.
    pub fn from_value(value: u32) -> Option<Self> {
        (value <= 9_999_999).then_some(Self(value))
    }

    /// `RMD` and its seven digits, as it is written.
    pub fn digits(self) -> [u8; 10] {
        let mut digits = *b"RMD0000000";
        write_digits(u64::from(self.0), &mut digits[3..]);
        digits
    }

    /// The seven digits read as a number, for keys and codecs.
    pub fn value(self) -> u32 {
        self.0
    }

    /// What stands behind `rmd:`.
    fn prefixed(text: &str) -> Option<Self> {
        let behind =
            text.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("rmd:")).map(|_| text[4..].trim_start())?;
        let own = behind.get(..3).is_some_and(|own| own.eq_ignore_ascii_case("rmd"));
        let digits = if own { &behind[3..] } else { behind }.trim_start_matches(BEHIND_PREFIX);
        let all_digits = (1..=7).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| all_digits).and_then(Self::from_value)
    }
}

impl FromStr for RmdNumber {
    type Err = RmdNumberError;

    /// Reads `RMD0001410` in any case, with blanks around it or a hyphen, colon, number sign or blank after `RMD`; and
    /// behind `rmd:`, which says what is meant, with leading zeros left out (`rmd:1410`) or with its own RMD besides.
    fn from_str(text: &str) -> Result<Self, RmdNumberError> {
        let trimmed = text.trim();
        if let Some(number) = Self::prefixed(trimmed) {
            return Ok(number);
        }
        let digits = match trimmed.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case("rmd") => Some(trimmed[3..].trim_start_matches(BEHIND_PREFIX)),
            _ => None,
        };
        let all_digits = digits.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
        let read = digits.filter(|digits| all_digits && digits.len() == 7).and_then(|digits| digits.parse().ok());
        read.and_then(Self::from_value).ok_or_else(|| RmdNumberError {
            text: quotable(text),
            digits: digits.filter(|digits| all_digits && digits.len() != 7).map(str::len),
            meant: slip::rmd_number(trimmed),
        })
    }
}

impl fmt::Display for RmdNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RMD{:07}", self.0)
    }
}

impl fmt::Debug for RmdNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RmdNumber({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rmd_number_is_rmd_and_exactly_seven_digits() {
        for writing in ["RMD0001410", "rmd0001410", " RMD-0001410 ", "RMD 0001410"] {
            assert_eq!(writing.parse::<RmdNumber>().expect(writing).to_string(), "RMD0001410");
        }
        for writing in ["", "RMD", "RMD1410", "RMD00014100", "0001410", "RMD000141O", "RMÐ0001410"] {
            assert!(writing.parse::<RmdNumber>().is_err(), "{writing:?}");
        }
    }
}
