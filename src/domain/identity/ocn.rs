//! The Operating Company Number.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::quotable;

/// An Operating Company Number: four letters or digits. The listing does not hold it: operators bind it to a provider.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ocn([u8; 4]);

/// Why a text is not an OCN.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{text:?} is not an OCN: it is four letters or digits, such as 591E")]
pub struct OcnError {
    /// The text as given, cut to a bounded length.
    pub text: String,
}

impl FromStr for Ocn {
    type Err = OcnError;

    /// Reads four letters or digits in any case, with blanks around them, or `ocn:` before them.
    fn from_str(text: &str) -> Result<Self, OcnError> {
        let trimmed = text.trim();
        let four = match trimmed.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("ocn:") => trimmed[4..].trim_start(),
            _ => trimmed,
        };
        let four: Result<[u8; 4], _> = four.as_bytes().try_into();
        match four {
            Ok(four) if four.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(four.map(|c| c.to_ascii_uppercase()))),
            _ => Err(OcnError { text: quotable(text) }),
        }
    }
}

impl fmt::Display for Ocn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|c| write!(f, "{}", char::from(*c)))
    }
}

impl fmt::Debug for Ocn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ocn({self})")
    }
}
