//! Text of third parties, as it may be shown: what commands a terminal, turns text around or is not seen is written as an
//! escape, so that it can do nothing and is not lost.
//!
//! Names, addresses and notes come from whoever filed them. What is kept and what goes over gRPC is that text as it is;
//! where a terminal, a viewer of logs or a browser is to show it, it passes here.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

/// Whether a sign is not seen, or does something instead: controls (C0, C1), directions of writing, signs without width.
pub fn is_hidden(sign: char) -> bool {
    matches!(
        sign,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The text on one line: white space is one blank, and what is hidden is an escape, `\u{202e}`.
pub(crate) fn one_line(text: &str) -> String {
    // Nearly every text is one line already.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.contains("  ")
        && !text.starts_with(' ')
        && !text.ends_with(' ')
    {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace().filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        escape(word, &mut line);
    }
    line
}

fn escape(text: &str, into: &mut String) {
    // Nearly every text is that, and every answer has some.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        into.push_str(text);
        return;
    }
    for sign in text.chars() {
        if is_hidden(sign) {
            into.extend(sign.escape_unicode());
        } else {
            into.push(sign);
        }
    }
}

/// A line as it may go to a terminal: colours stay, and line breaks, and everything else that is hidden is an escape.
pub(crate) fn for_terminal(line: &str) -> Cow<'_, str> {
    if !line.chars().any(is_hidden) {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len() + 16);
    let mut rest = line;
    while let Some(sign) = rest.chars().next() {
        let length = match sign {
            '\n' | '\t' => 1,
            _ => colour(rest).unwrap_or_default(),
        };
        let (kept, behind) = rest.split_at(length);
        shown.push_str(kept);
        rest = behind;
        if length == 0 {
            let (sign, behind) = rest.split_at(sign.len_utf8());
            escape(sign, &mut shown);
            rest = behind;
        }
    }
    Cow::Owned(shown)
}

/// How long the setting of a colour is that a text begins with.
fn colour(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|sign: char| !sign.is_ascii_digit() && sign != ';')?;
    codes.get(end..)?.starts_with('m').then_some(end + 3)
}

/// JSON in which everything hidden is an escape, `\u202e`: nothing is lost, and nothing is done.
///
/// # Errors
///
/// If the value cannot be written as JSON.
pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    let mut json = Vec::with_capacity(256);
    write_json(&mut json, value)?;
    String::from_utf8(json).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// Writes such JSON.
///
/// # Errors
///
/// If the value cannot be written as JSON.
pub(crate) fn write_json(into: &mut impl io::Write, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(into, Escaped))
}

struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.is_ascii() && !fragment.contains('\u{7f}') {
            return CompactFormatter.write_string_fragment(writer, fragment);
        }
        let mut plain = 0;
        for (at, sign) in fragment.char_indices().filter(|(_, sign)| is_hidden(*sign)) {
            CompactFormatter.write_string_fragment(writer, fragment.get(plain..at).unwrap_or_default())?;
            for unit in sign.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + sign.len_utf8();
        }
        CompactFormatter.write_string_fragment(writer, fragment.get(plain..).unwrap_or_default())
    }
}

/// JSON already written, with everything hidden in it escaped as [`to_json`] does.
pub(crate) fn in_json(json: &str) -> Cow<'_, str> {
    // Line ends part the objects of a log.
    let is_raw = |sign: char| is_hidden(sign) && !matches!(sign, '\n' | '\r' | '\t');
    if !json.chars().any(is_raw) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for sign in json.chars() {
        if is_raw(sign) {
            for unit in sign.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(sign);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests;
