//! The numbers by which a provider is known: the FCC Registration Number and the filing's number in the database.

use std::fmt;
use std::net::IpAddr;
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

    /// Reads four letters or digits in any case, with blanks around them.
    fn from_str(text: &str) -> Result<Self, OcnError> {
        let four: Result<[u8; 4], _> = text.trim().as_bytes().try_into();
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
/// is written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName(Box<str>);

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
        &self.0
    }
}

impl FromStr for PeerName {
    type Err = PeerNameError;

    fn from_str(text: &str) -> Result<Self, PeerNameError> {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.chars().count() > Self::LONGEST || trimmed.chars().any(char::is_control) {
            return Err(PeerNameError { text: quotable(text) });
        }
        // An address is one, however it is written.
        let name = match trimmed.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().to_string(),
            Err(_) => trimmed.to_lowercase(),
        };
        Ok(Self(name.into()))
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerName({self})")
    }
}

/// Whom a question is about: a provider by its own number, or an upstream by what operators bound to one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// By a number of the database.
    Provider(Identity),
    /// By an OCN that is bound to a provider.
    Ocn(Ocn),
    /// By a switch's own name that is bound to a provider.
    Peer(PeerName),
}

impl From<Identity> for Who {
    fn from(identity: Identity) -> Self {
        Self::Provider(identity)
    }
}

impl Who {
    /// What a text typed by a person may mean, the likeliest first. Numbers of the database that are written in full
    /// come before names that look like one, and after them otherwise; `frn:`, `ocn:` and `peer:` in front say which is
    /// meant.
    ///
    /// # Errors
    ///
    /// If it can mean nothing.
    pub fn readings(text: &str) -> Result<Vec<Self>, IdentityError> {
        let trimmed = text.trim();
        let behind = |prefix: &str| {
            let start = trimmed.get(..prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then(|| trimmed[prefix.len()..].trim())
        };
        if let Some(ocn) = behind("ocn:") {
            return Ok(vec![Self::Ocn(ocn.parse()?)]);
        }
        if let Some(peer) = behind("peer:") {
            return Ok(vec![Self::Peer(peer.parse()?)]);
        }
        let identity: Result<Identity, IdentityError> = trimmed.parse();
        if behind("frn:").is_some() || trimmed.is_empty() {
            return identity.map(|identity| vec![identity.into()]);
        }
        let (ocn, peer) = (trimmed.parse().map(Self::Ocn), trimmed.parse().map(Self::Peer));
        match (identity, ocn) {
            // A switch may well call a trunk group 10012. Whoever means an FRN and no name writes all its digits.
            (Ok(identity), Err(_)) if trimmed.len() < 10 && trimmed.chars().all(|c| c.is_ascii_digit()) => {
                Ok(peer.ok().into_iter().chain([identity.into()]).collect())
            }
            (Ok(identity), Err(_)) => Ok(vec![identity.into()]),
            // No FRN of four digits is known; OCNs of four digits are many.
            (identity, Ok(ocn)) => {
                Ok([ocn].into_iter().chain(peer.ok()).chain(identity.ok().map(Self::Provider)).collect())
            }
            (Err(error), Err(_)) => {
                // A name may well hold digits: but what is digits throughout and no FRN is a slip, and no name.
                let number = trimmed.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ' '));
                if number { Err(error) } else { Ok(vec![peer.map_err(|_| error)?]) }
            }
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(identity) => identity.fmt(f),
            Self::Ocn(ocn) => write!(f, "OCN {ocn}"),
            Self::Peer(name) => write!(f, "peer {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_person_is_read_as_number_ocn_or_peer() {
        let read = |text: &str| -> Vec<String> {
            Who::readings(text).map(|all| all.iter().map(ToString::to_string).collect()).unwrap_or_default()
        };
        assert_eq!(read("0020-2373-43"), ["FRN 0020237343"]);
        assert_eq!(read("rmd0001410"), ["RMD0001410"]);
        assert_eq!(read("591e"), ["OCN 591E", "peer 591e"]);
        assert_eq!(read("7321"), ["OCN 7321", "peer 7321", "FRN 0000007321"]);
        assert_eq!(read("10012"), ["peer 10012", "FRN 0000010012"]);
        assert_eq!(read("0020237343"), ["FRN 0020237343"]);
        assert_eq!(read("ocn:7321"), ["OCN 7321"]);
        assert_eq!(read("peer:0020237343"), ["peer 0020237343"]);
        assert_eq!(read("frn:7321"), ["FRN 0000007321"]);
        assert_eq!(read("TG-Acme-1"), ["peer tg-acme-1"]);
        assert_eq!(read("192.0.2.7"), ["peer 192.0.2.7"]);
        for slip in ["", "00202373431", "0000000000", "ocn:12", "peer:"] {
            assert!(Who::readings(slip).is_err(), "{slip:?}");
        }
    }

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
