//! A number as people and switches write it: its digits, and whether a plus stands before them.

use super::{CallerId, plan};

/// More digits than any number has, a prefix and an extension without a mark included.
const MOST: usize = 24;

/// The shortest word that stands for digits.
const SHORTEST_WORD: usize = 3;

/// The zeros of Unicode's decimal digits but for ASCII's; the nine others follow each.
const ZEROS: [u32; 65] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136,
    0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0,
    0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// What a character of a number is.
enum Sign {
    /// A digit, in ASCII.
    Digit(u8),
    Plus,
    /// It stands between digits, or is not even seen.
    Separator,
    /// What stands between a number and its extension.
    End,
    /// A letter, in ASCII.
    Letter(u8),
    Other,
}

impl Sign {
    fn of(c: char) -> Self {
        match c {
            '0'..='9' => Self::Digit(c as u8),
            '+' | '\u{FF0B}' | '\u{FE62}' => Self::Plus,
            '-' | '.' | '/' | '(' | ')' | '[' | ']' | '_' | '~' | '\'' => Self::Separator,
            ';' | ',' | '#' => Self::End,
            'a'..='z' | 'A'..='Z' => Self::Letter(c.to_ascii_lowercase() as u8),
            c if c.is_ascii() => {
                if c.is_ascii_whitespace() {
                    Self::Separator
                } else {
                    Self::Other
                }
            }
            c if is_separator(c) || is_unseen(c) => Self::Separator,
            c => digit(c).map_or(Self::Other, Self::Digit),
        }
    }
}

/// Dashes, dots, slashes, brackets and blanks beyond ASCII.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{00B7}' | '\u{2010}'..='\u{2015}' | '\u{2018}' | '\u{2019}' | '\u{2022}' | '\u{2043}' | '\u{2053}'
            | '\u{207B}' | '\u{2212}' | '\u{2219}' | '\u{22C5}' | '\u{223C}' | '\u{30FB}' | '\u{30FC}' | '\u{FE58}'
            | '\u{FE63}' | '\u{FF08}' | '\u{FF09}' | '\u{FF0D}'..='\u{FF0F}' | '\u{FF3B}' | '\u{FF3D}' | '\u{FF3F}'
            | '\u{FF5E}'
        )
}

/// Characters without a width: soft hyphens, marks of direction, a byte order mark.
pub fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
}

/// A decimal digit of any script.
fn digit(c: char) -> Option<u8> {
    let place = ZEROS.partition_point(|zero| *zero <= u32::from(c)).checked_sub(1)?;
    let digit = u32::from(c) - ZEROS.get(place)?;
    (digit < 10).then(|| b'0' + digit as u8)
}

/// The key of a telephone that bears a letter.
fn key(letter: u8) -> u8 {
    match letter {
        b'a'..=b'c' => b'2',
        b'd'..=b'f' => b'3',
        b'g'..=b'i' => b'4',
        b'j'..=b'l' => b'5',
        b'm'..=b'o' => b'6',
        b'p'..=b's' => b'7',
        b't'..=b'v' => b'8',
        _ => b'9',
    }
}

#[derive(Debug, Default)]
pub struct Written {
    digits: [u8; MOST],
    length: usize,
    plus: bool,
    /// Whether the writing parts the first ten digits from those behind them, as a US number from its extension.
    ten_apart: bool,
    /// So many letters stand for digits.
    letters: usize,
    /// What comes behind the digits does not belong to a number.
    broken: bool,
    /// Another plus comes behind them: nobody knows where the number begins.
    twofold: bool,
}

impl Written {
    /// Goes through a text up to its extension, or to what no number has.
    pub fn of(text: &str) -> Self {
        let mut written = Self::default();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match Sign::of(c) {
                Sign::Digit(digit) => written.push(digit),
                Sign::Plus if written.length == 0 => written.plus = true,
                Sign::Separator if written.length > 0 && is_open(c) && is_trunk_zero(rest.as_str()) => {
                    rest.nth(1);
                }
                Sign::Separator => written.ten_apart |= written.length == 10,
                Sign::End if written.length > 0 => {
                    // A pause, an extension and parameters belong to it; another number does not.
                    written.twofold = is_another(rest.as_str());
                    written.broken = written.twofold;
                    break;
                }
                Sign::Letter(letter) if written.length >= 3 => {
                    if is_extension(letter, rest.as_str()) {
                        break;
                    }
                    written.letters += 1;
                    written.push(key(letter));
                }
                Sign::Plus | Sign::End | Sign::Letter(_) | Sign::Other => written.broken = true,
            }
            if written.broken {
                written.twofold = written.length > 0 && has_plus(c, rest.as_str());
                break;
            }
        }
        written
    }

    fn push(&mut self, digit: u8) {
        match self.digits.get_mut(self.length) {
            Some(place) => {
                *place = digit;
                self.length += 1;
            }
            None => self.broken = true,
        }
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.length]
    }

    /// Whether this says all that a number needs to be known anywhere.
    pub fn is_global(&self) -> bool {
        self.plus
    }

    /// Whose number it is.
    pub fn whose(&self) -> CallerId {
        let digits = self.digits();
        // A word on the keys, as in 1-800-FLOWERS; a letter alone is a mistake.
        let whole = !self.broken && (self.letters == 0 || self.letters >= SHORTEST_WORD);
        if self.plus {
            let digits = prefixed(digits).unwrap_or(digits);
            // Of another country's number the rest may be anything; of this plan's it may not.
            let readable = !self.twofold && (whole || digits.first() != Some(&b'1'));
            return if readable { plan::international(digits) } else { CallerId::Unreadable };
        }
        match digits {
            _ if !whole => CallerId::Unreadable,
            [b'0', ..] if self.letters > 0 => CallerId::Unreadable,
            [b'0', ..] => prefixed(digits).map_or(CallerId::Unreadable, plan::likely_international),
            _ if digits.len() == 10 => plan::nanp(digits),
            [b'1', national @ ..] if digits.len() == 11 => plan::nanp(national),
            [b'2'..=b'9', ..] if self.letters == 0 && (11..=15).contains(&digits.len()) => {
                plan::unprefixed(digits, self.ten_apart)
            }
            _ => CallerId::Unreadable,
        }
    }

    /// Whose it is where it is local to what these digits begin, as `phone-context` says: a country or a part of one.
    pub fn whose_in(&self, context: &Self) -> CallerId {
        let (local, context) = (self.digits(), context.digits());
        if self.plus || self.broken || local.is_empty() {
            return self.whose();
        }
        // As it is dialled, and not as that plan numbers it.
        if let Some(abroad) = prefixed(local).map(plan::likely_international)
            && abroad != CallerId::Unreadable
        {
            return abroad;
        }
        if context.first() != Some(&b'1') {
            return plan::international(context);
        }
        match local.len() {
            10 | 11 => self.whose(),
            _ => {
                let whole = [context, local].concat();
                plan::international(&whole)
            }
        }
    }
}

/// So many digits in a row are a number, and no extension.
const A_NUMBER: usize = 7;

/// Whether a text goes on with another number.
fn is_another(rest: &str) -> bool {
    let mut digits = 0;
    for c in rest.chars() {
        match Sign::of(c) {
            Sign::Plus => return true,
            Sign::Digit(_) => digits += 1,
            Sign::Separator | Sign::End => {}
            Sign::Letter(_) | Sign::Other => break,
        }
    }
    digits >= A_NUMBER
}

/// What is behind the digits that are dialled in the US or elsewhere before a number abroad.
fn prefixed(digits: &[u8]) -> Option<&[u8]> {
    digits.strip_prefix(b"011").or_else(|| digits.strip_prefix(b"00"))
}

fn is_open(c: char) -> bool {
    matches!(c, '(' | '[' | '\u{FF08}')
}

/// Whether the zero comes that is dialled at home only: `+44 (0)20`.
fn is_trunk_zero(rest: &str) -> bool {
    let mut rest = rest.chars();
    matches!(rest.next(), Some('0' | '\u{FF10}')) && matches!(rest.next(), Some(')' | ']' | '\u{FF09}'))
}

/// Whether a letter begins an extension: x12, ext. 12, extn 12, extension 12.
fn is_extension(letter: u8, rest: &str) -> bool {
    if letter != b'x' && letter != b'e' {
        return false;
    }
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, number) = rest.split_at(letters);
    let is_word = match letter {
        b'x' => word.is_empty(),
        _ => ["xt", "xtn", "xten", "xtension"].iter().any(|known| known.eq_ignore_ascii_case(word)),
    };
    let mut digits = 0;
    is_word
        && number.chars().all(|c| match Sign::of(c) {
            Sign::Digit(_) => {
                digits += 1;
                true
            }
            Sign::Separator => true,
            _ => c == ':' || c == '=',
        })
        && (1..=11).contains(&digits)
}

fn has_plus(this: char, rest: &str) -> bool {
    [this].into_iter().chain(rest.chars()).any(|c| matches!(Sign::of(c), Sign::Plus))
}
