//! Whether a calling number pertains to the United States (47 CFR 64.6305(g)(2)), as switches send it.
//!
//! ```text
//!  "Fern, Inc." <sip:+12125550100;cpc=ordinary@gw>;tag=x     a header's value
//!    └─ header ─▶ sip:+12125550100;cpc=ordinary@gw           a URI
//!         └─ header ─▶ +12125550100, its phone-context       a number as it is written
//!              └─ written ─▶ + 1 212 555 0100                its digits
//!                   └─ plan ─▶ Us
//! ```
//!
//! What counts is whose number it is, not whether somebody has it:
//!
//! - Written with its country code (`+44`, `00 44`, `011 44`, `phone-context=+44`) a number of another country is no US
//!   number, whatever else is wrong with it.
//! - A number of the North American Numbering Plan has ten digits, with or without `1` or `+1`, of a form that the plan
//!   assigns (NXX NXX-XXXX, no N11). Its area code says whose it is: of the States and their territories, of Canada, of a
//!   Caribbean country. Toll-free and other numbers that the countries of the plan share count as US numbers.
//! - Numbers for fiction and of directory assistance (555-01XX, 555-1212) are nobody's, if they are not in a US area code.
//! - Eleven to fifteen digits without a plus are read with the country code in front only if they are a number by that
//!   country's plan, and no US number is at their beginning, with an extension behind it, or at their end, with what is
//!   dialled or put before it. A wrong "foreign" lets a call in that the rules bar; not to know refuses it.
//! - Anything else is unreadable, and nobody's: seven digits, a short code, an area code that nobody has.
//!
//! The numbering plans are libphonenumber's; what it does not know yet stands in `plan`. It is asked when the daemon
//! starts, not on a call; but for the form of a country's numbers, which is made once, when the first number without a plus
//! may be one of them.

mod header;
mod plan;
mod written;

use crate::domain::Ternary;

/// No header's value that names a caller is longer, and reading one costs time that grows with its length.
const LONGEST: usize = 1024;

/// What was read of a calling number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallerId {
    /// None was given: the text is empty, or a switch's word for nothing (`<null>`).
    Absent,
    /// A number that pertains to the United States, its territories included, or that they share with other countries.
    Us,
    /// A number that does not.
    NotUs,
    /// The caller is not to be named: `anonymous`, `Restricted`, `unavailable`.
    Withheld,
    /// No number that a caller can have is in the text.
    Unreadable,
}

impl CallerId {
    /// What can be read of a number that was given.
    pub const GIVEN: [Self; 4] = [Self::Us, Self::NotUs, Self::Withheld, Self::Unreadable];

    /// Its place among [`CallerId::GIVEN`].
    pub fn place(self) -> Option<usize> {
        Self::GIVEN.iter().position(|given| *given == self)
    }

    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Us => "us",
            Self::NotUs => "not_us",
            Self::Withheld => "withheld",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the number pertains to the United States.
    pub fn pertains_to_us(self) -> Ternary {
        match self {
            Self::Us => Ternary::Yes,
            Self::NotUs => Ternary::No,
            Self::Absent | Self::Withheld | Self::Unreadable => Ternary::Unknown,
        }
    }

    /// What two values of one header come to. A US number among them counts: a call that bears one is covered.
    fn or(self, other: Self) -> Self {
        let rank = |read| match read {
            Self::Us => 4,
            Self::NotUs => 3,
            Self::Withheld => 2,
            Self::Unreadable => 1,
            Self::Absent => 0,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// Gets the numbering plans ready, so that no call waits for them: it costs some tenths of a second of one core.
pub fn prepare() {
    read("+12125550100");
}

/// Reads a calling number in any of the forms in which switches send it: E.164 with or without its plus, behind `00` or
/// `011`, as it is written in the US, with an extension, a `tel:`, `sip:` or `sips:` URI, the value of a From,
/// P-Asserted-Identity or Remote-Party-ID header.
pub fn read(text: &str) -> CallerId {
    if let Some(read) = plain(text.as_bytes()) {
        return read;
    }
    if text.len() > LONGEST {
        return CallerId::Unreadable;
    }
    header::read(text)
}

/// What most switches send: E.164, and nothing else.
fn plain(text: &[u8]) -> Option<CallerId> {
    let digits = text.strip_prefix(b"+").filter(|digits| (7..=15).contains(&digits.len()))?;
    // Behind a plus a zero begins no country code, but may begin a prefix.
    if digits.first() == Some(&b'0') {
        return None;
    }
    digits.iter().all(u8::is_ascii_digit).then(|| plan::international(digits))
}

#[cfg(test)]
mod tests;
