//! The numbers by which a provider is known: the FCC Registration Number and the filing's number in the database.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use thiserror::Error;

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
    #[error("{text:?} is not an FRN: {found:?} is no digit; an FRN is ten digits, such as 0020237343 or 0020-2373-43")]
    NotADigit {
        /// The text as given, cut to a bounded length.
        text: String,
        /// The first character that does not belong.
        found: char,
    },
    /// More than ten digits.
    #[error("{text:?} is not an FRN: it has {digits} digits, and an FRN has ten")]
    TooLong {
        /// The text as given, cut to a bounded length.
        text: String,
        /// How many digits were found.
        digits: usize,
    },
    /// Only zeros.
    #[error("{text:?} is not an FRN: it is all zeros")]
    Zero {
        /// The text as given, cut to a bounded length.
        text: String,
    },
}

/// What a message may quote of a text that came from outside.
fn quotable(text: &str) -> String {
    const LONGEST: usize = 64;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
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
}

impl FromStr for Frn {
    type Err = FrnError;

    /// Reads any usual writing: leading zeros left out, groups set off by hyphens or blanks, `FRN` before the number.
    fn from_str(text: &str) -> Result<Self, FrnError> {
        let trimmed = text.trim();
        let digits_part = match trimmed.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case("frn") => trimmed[3..].trim_start_matches([':', '#', ' ', '-']),
            _ => trimmed,
        };
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
                _ => return Err(FrnError::NotADigit { text: quotable(text), found }),
            }
        }
        if digits > 10 {
            return Err(FrnError::TooLong { text: quotable(text), digits });
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

/// The number of one filing in the Robocall Mitigation Database: `RMD` and seven digits. It has never been seen to
/// change over a filing's life, removal and reinstatement included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RmdNumber(u32);

/// Why a text is not an RMD number.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{text:?} is not an RMD number: it is written RMD and seven digits, such as RMD0001410")]
pub struct RmdNumberError {
    /// The text as given, cut to a bounded length.
    pub text: String,
}

impl RmdNumber {
    /// The number whose seven digits read as this value; `None` past seven digits.
    pub fn from_value(value: u32) -> Option<Self> {
        (value <= 9_999_999).then_some(Self(value))
    }

    /// The seven digits read as a number, for keys and codecs.
    pub fn value(self) -> u32 {
        self.0
    }
}

impl FromStr for RmdNumber {
    type Err = RmdNumberError;

    /// Reads `RMD0001410` in any case, with blanks around it or a hyphen or blank after `RMD`.
    fn from_str(text: &str) -> Result<Self, RmdNumberError> {
        let refuse = || RmdNumberError { text: quotable(text) };
        let trimmed = text.trim();
        let prefix = trimmed.get(..3).ok_or_else(refuse)?;
        let digits = trimmed[3..].trim_start_matches(['-', ' ']);
        if !prefix.eq_ignore_ascii_case("rmd") || digits.len() != 7 || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(refuse());
        }
        digits.parse().ok().and_then(Self::from_value).ok_or_else(refuse)
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

/// By which number a question names a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// By its FCC Registration Number: every filing under it counts.
    Frn(Frn),
    /// By the number of one of its filings.
    RmdNumber(RmdNumber),
}

/// Why a text names no provider.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityError {
    /// It was read as an FRN and is none.
    #[error(transparent)]
    Frn(#[from] FrnError),
    /// It was read as an RMD number and is none.
    #[error(transparent)]
    RmdNumber(#[from] RmdNumberError),
    /// It looks like neither.
    #[error(
        "{text:?} names no provider: give an FRN (ten digits, such as 0020237343) or an RMD number (such as RMD0001410)"
    )]
    Unknown {
        /// The text as given, cut to a bounded length.
        text: String,
    },
}

impl FromStr for Identity {
    type Err = IdentityError;

    /// Reads either number, told apart by how it begins.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let trimmed = text.trim();
        let begins = |prefix: &str| trimmed.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if begins("rmd") {
            return Ok(Self::RmdNumber(trimmed.parse()?));
        }
        if begins("frn") || trimmed.is_empty() || trimmed.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Self::Frn(trimmed.parse()?));
        }
        Err(IdentityError::Unknown { text: quotable(text) })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frn(frn) => write!(f, "FRN {frn}"),
            Self::RmdNumber(number) => number.fmt(f),
        }
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

    #[test]
    fn an_rmd_number_is_rmd_and_exactly_seven_digits() {
        for writing in ["RMD0001410", "rmd0001410", " RMD-0001410 ", "RMD 0001410"] {
            assert_eq!(writing.parse::<RmdNumber>().expect(writing).to_string(), "RMD0001410");
        }
        for writing in ["", "RMD", "RMD1410", "RMD00014100", "0001410", "RMD000141O", "RMÐ0001410"] {
            assert!(writing.parse::<RmdNumber>().is_err(), "{writing:?}");
        }
    }

    #[test]
    fn an_identity_is_told_by_how_it_begins() {
        assert!(matches!("rmd0001410".parse(), Ok(Identity::RmdNumber(_))));
        assert!(matches!("0020-2373-43".parse(), Ok(Identity::Frn(_))));
        assert!(matches!("FRN 20237343".parse(), Ok(Identity::Frn(_))));
        assert!(matches!("RMD12".parse::<Identity>(), Err(IdentityError::RmdNumber(_))));
        assert!(matches!("acme".parse::<Identity>(), Err(IdentityError::Unknown { .. })));
        assert!(matches!("".parse::<Identity>(), Err(IdentityError::Frn(FrnError::Empty))));
    }
}
