//! The numbers by which a provider is known: the FCC Registration Number and the filing's number in the database.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::str::FromStr;

use thiserror::Error;

use super::address::{network_text, read_network};
use super::slip;

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

/// What may stand between `FRN` or `RMD` and the digits.
const BEHIND_PREFIX: [char; 4] = [':', '#', ' ', '-'];

/// Writes a number's digits from the right, over what stands there.
fn write_digits(mut value: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
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

/// A switch's own name for an upstream, as operators bind it to a provider. Case does not count, nor how an IP address
/// or network is written.
#[derive(Clone)]
pub struct PeerName {
    name: Box<str>,
    /// As it was given, where that is written otherwise.
    given: Option<Box<str>>,
}

/// Why a text is no peer's name.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{text:?} is no peer's name: give 1 to {} characters, none of them a control character", PeerName::LONGEST)]
pub struct PeerNameError {
    /// The text as given, cut to a bounded length.
    pub text: String,
}

impl PeerName {
    /// The most characters that a name has.
    pub const LONGEST: usize = 128;

    /// The name in lower case, by which it is found.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The name as it was given, for a message to whom gave it.
    pub fn as_given(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.name)
    }
}

impl PartialEq for PeerName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for PeerName {}

impl PartialOrd for PeerName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PeerName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl Hash for PeerName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl FromStr for PeerName {
    type Err = PeerNameError;

    fn from_str(text: &str) -> Result<Self, PeerNameError> {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.chars().count() > Self::LONGEST || trimmed.chars().any(char::is_control) {
            return Err(PeerNameError { text: quotable(text) });
        }
        // An address is one, however it is written, and so is a network.
        let name = match read_network(trimmed) {
            Ok(network) => network_text(network),
            Err(_) => trimmed.to_lowercase(),
        };
        let given = (name != trimmed).then(|| trimmed.into());
        Ok(Self { name: name.into(), given })
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerName({self})")
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
