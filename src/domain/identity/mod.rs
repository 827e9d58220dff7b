//! The numbers and names by which a provider is known: its FCC Registration Number, its filing's number in the database,
//! its Operating Company Number, and a switch's own name for it.

mod frn;
mod ocn;
mod peer_name;
mod rmd_number;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::slip;

pub use frn::{Frn, FrnError};
pub use ocn::{Ocn, OcnError};
pub use peer_name::{PeerName, PeerNameError};
pub use rmd_number::{RmdNumber, RmdNumberError};

/// What was probably meant, at the end of a message.
fn is_meant(meant: &Option<impl fmt::Display>) -> String {
    meant.as_ref().map_or_else(String::new, |meant| format!(": is {meant} meant?"))
}

/// What a message may quote of a text that came from outside.
pub(super) fn quotable(text: &str) -> String {
    const LONGEST: usize = 64;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

/// What may stand between `FRN` or `RMD` and the digits.
const BEHIND_PREFIX: [char; 4] = [':', '#', ' ', '-'];

/// Writes a number's digits from the right, over what stands there.
fn write_digits(mut value: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
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
    /// It was read as an OCN and is none.
    #[error(transparent)]
    Ocn(#[from] OcnError),
    /// It was read as a peer's name and is none.
    #[error(transparent)]
    PeerName(#[from] PeerNameError),
    /// It looks like neither.
    #[error(
        "{text:?} names no provider: give an FRN (ten digits, such as 0020237343) or an RMD number (such as RMD0001410)"
    )]
    Unknown {
        /// The text as given, cut to a bounded length.
        text: String,
    },
    /// Seven digits that begin with a zero.
    #[error(
        "{text:?} names no provider: seven digits are those of an RMD number: write {meant}, or frn:{text} if an FRN is meant"
    )]
    SevenDigits {
        /// The text as given.
        text: String,
        /// The RMD number of these digits.
        meant: RmdNumber,
    },
    /// It may mean several things, of which none is out of the question.
    #[error("{text:?} may mean {}: write {} to say which", .means.join(" or "), .writings.join(" or "))]
    Ambiguous {
        /// The text as given, cut to a bounded length.
        text: String,
        /// What it may mean.
        means: Vec<String>,
        /// A writing of each that means nothing else.
        writings: Vec<String>,
    },
}

impl FromStr for Identity {
    type Err = IdentityError;

    /// Reads either number, told apart by how it begins. Seven digits that begin with a zero are neither: those of an
    /// RMD number, most likely.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let trimmed = text.trim();
        let begins = |prefix: &str| trimmed.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if begins("rmd") {
            return Ok(Self::RmdNumber(trimmed.parse()?));
        }
        if begins("frn") || trimmed.is_empty() {
            return Ok(Self::Frn(trimmed.parse()?));
        }
        let read = if trimmed.starts_with(|c: char| c.is_ascii_digit()) && !slip::has_digits_of_rmd_number(trimmed) {
            trimmed.parse().map(Self::Frn).map_err(IdentityError::Frn)
        } else {
            Err(IdentityError::Unknown { text: quotable(text) })
        };
        read.map_err(|error| slip::of_number(trimmed).unwrap_or(error))
    }
}

impl Identity {
    /// The number alone, as an identity is read again: `0020237343`, `RMD0001410`.
    pub fn number_text(self) -> String {
        match self {
            Self::Frn(frn) => frn.to_string(),
            Self::RmdNumber(number) => number.to_string(),
        }
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
    fn an_identity_is_told_by_how_it_begins() {
        assert!(matches!("rmd0001410".parse(), Ok(Identity::RmdNumber(_))));
        assert!(matches!("0020-2373-43".parse(), Ok(Identity::Frn(_))));
        assert!(matches!("FRN 20237343".parse(), Ok(Identity::Frn(_))));
        assert!(matches!("RMD12".parse::<Identity>(), Err(IdentityError::RmdNumber(_))));
        assert!(matches!("acme".parse::<Identity>(), Err(IdentityError::Unknown { .. })));
        assert!(matches!("".parse::<Identity>(), Err(IdentityError::Frn(FrnError::Empty))));
    }
}
