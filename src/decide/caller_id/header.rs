//! From a header's value or a URI to the number in it (RFC 3261, RFC 3325, RFC 3966).

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddrV4};

use percent_encoding::percent_decode_str;

use super::CallerId;
use super::written::{Written, is_unseen};

/// What callers are called that are not to be named, in lower case and without blanks.
const WITHHELD: [&str; 31] = [
    "anonymous",
    "anonymouscaller",
    "anonymousuri",
    "blocked",
    "blockedcaller",
    "calleridblocked",
    "calleridunavailable",
    "calleridwithheld",
    "hidden",
    "identityhidden",
    "nocallerid",
    "nonumber",
    "notavailable",
    "numberunavailable",
    "numberwithheld",
    "outofarea",
    "payphone",
    "presentationrestricted",
    "private",
    "privatecaller",
    "privatenumber",
    "restricted",
    "restrictednumber",
    "unavailable",
    "unidentified",
    "unknown",
    "unknowncaller",
    "unknownnumber",
    "unlisted",
    "withheld",
    "withheldnumber",
];

/// ANONYMOUS and UNAVAILABLE on the keys of a telephone, which some switches send for want of digits.
const WITHHELD_DIGITS: [&str; 2] = ["266696687", "86282452253"];

/// What switches put in for nothing.
const NOTHING: [&str; 6] = ["null", "none", "nil", "undefined", "novalue", "na"];

/// A header names a caller twice, by a SIP and by a tel URI (RFC 3325).
const MOST_VALUES: usize = 8;

/// The longest of these words.
const LONGEST_WORD: usize = 24;

/// Headers that name a caller, should their name come too.
const HEADERS: [&str; 6] = ["from", "f", "p-asserted-identity", "p-preferred-identity", "remote-party-id", "contact"];

/// The number in a text.
pub fn read(text: &str) -> CallerId {
    let text = trim(text);
    if text.is_empty() {
        return CallerId::Absent;
    }
    let text = match text.split_once(':') {
        Some((name, value)) if HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name.trim())) => trim(value),
        _ => text,
    };
    if !is_a_list(text) {
        return value(text);
    }
    let mut values = values(text);
    let read = values.by_ref().take(MOST_VALUES).map(value).fold(CallerId::Absent, CallerId::or);
    if values.next().is_some() { CallerId::Unreadable } else { read }
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_unseen(c))
}

/// Whether commas part values here, and not a number from its extension.
fn is_a_list(text: &str) -> bool {
    text.contains('<') || scheme(text).is_some()
}

/// The values of a header. A comma within quotation marks or angle brackets parts nothing.
fn values(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    text.split(move |c| {
        let plain = !escaped;
        escaped = false;
        match c {
            '\\' if quoted && plain => escaped = true,
            '"' if plain && !bracketed => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' => return !quoted && !bracketed,
            _ => {}
        }
        false
    })
    .map(trim)
    .filter(|value| !value.is_empty())
}

/// One value: a URI or a number, alone or in angle brackets behind a name.
fn value(value: &str) -> CallerId {
    let Some((name, inner)) = bracketed(value) else { return address(unquoted(value)) };
    let (inner, behind) = inner.split_once('>').unwrap_or((inner, ""));
    // Of two addresses in one value nobody knows which is meant.
    if bracketed(behind).is_some() {
        return CallerId::Unreadable;
    }
    match address(trim(inner)) {
        // `Anonymous <sip:c8oqz84zk7z@privacy.org>`
        CallerId::Unreadable if word(unquoted(trim(name))) == Some(CallerId::Withheld) => CallerId::Withheld,
        read => read,
    }
}

/// The name before an angle bracket, and what is behind it.
fn bracketed(value: &str) -> Option<(&str, &str)> {
    let (mut quoted, mut escaped) = (false, false);
    let open = value.find(|c| {
        let plain = !escaped;
        escaped = false;
        match c {
            '\\' if quoted && plain => escaped = true,
            '"' if plain => quoted = !quoted,
            '<' => return !quoted,
            _ => {}
        }
        false
    })?;
    Some((&value[..open], &value[open + 1..]))
}

fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    trim(inner.unwrap_or(text))
}

/// The scheme of a URI that may hold a number, and what comes behind it.
fn scheme(text: &str) -> Option<(Scheme, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let scheme = match scheme.trim() {
        tel if tel.eq_ignore_ascii_case("tel") => Scheme::Tel,
        sip if sip.eq_ignore_ascii_case("sip") || sip.eq_ignore_ascii_case("sips") => Scheme::Sip,
        _ => return None,
    };
    Some((scheme, trim(rest).trim_start_matches('/')))
}

enum Scheme {
    Tel,
    Sip,
}

/// A URI, or a number.
fn address(text: &str) -> CallerId {
    match scheme(text) {
        Some((Scheme::Tel, number)) => subscriber(number),
        Some((Scheme::Sip, rest)) => sip(rest),
        None if text.contains('@') => sip(text),
        None => bare(&decoded(text)),
    }
}

/// `user:password@host;parameters?headers`
fn sip(rest: &str) -> CallerId {
    if let Some((user, host)) = rest.split_once('@') {
        let read = subscriber(user.split(':').next().unwrap_or_default());
        return match read {
            CallerId::Unreadable if is_anonymous(host) => CallerId::Withheld,
            read => read,
        };
    }
    // No user, or no host: a name or an address is not a number.
    let alone = rest.split([';', '?', ':']).next().unwrap_or_default();
    if alone.contains('.') && !alone.starts_with('+') { CallerId::Unreadable } else { bare(&decoded(alone)) }
}

/// Whether a host is the one of callers who are not to be named (RFC 3323).
fn is_anonymous(host: &str) -> bool {
    let host = host.split([';', ':', '?', '>']).next().unwrap_or_default();
    ["anonymous.invalid", "unknown.invalid"].iter().any(|none| none.eq_ignore_ascii_case(host.trim()))
}

/// `number;parameters`, the userinfo of a SIP URI or what follows `tel:`.
fn subscriber(text: &str) -> CallerId {
    let mut parts = text.split(';');
    let number = decoded(parts.next().unwrap_or_default());
    let context = parts.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, context)| {
        name.trim().eq_ignore_ascii_case("phone-context").then(|| decoded(context.trim().trim_matches('"')))
    });
    // A domain says nothing of the country.
    let context = context.map(|context| Written::of(&context)).filter(Written::is_global);
    match context {
        Some(context) => {
            let written = Written::of(&number);
            if written.is_global() { bare(&number) } else { written.whose_in(&context) }
        }
        None => bare(&number),
    }
}

/// Without percent escapes.
fn decoded(text: &str) -> Cow<'_, str> {
    if text.contains('%') { percent_decode_str(text).decode_utf8_lossy() } else { Cow::Borrowed(text) }
}

/// A number without anything around it.
fn bare(text: &str) -> CallerId {
    let text = trim(text);
    if let Some(read) = word(text) {
        return read;
    }
    if text.parse::<Ipv4Addr>().is_ok() || text.parse::<SocketAddrV4>().is_ok() {
        return CallerId::Unreadable;
    }
    Written::of(text).whose()
}

/// What a word says that stands for a number.
fn word(text: &str) -> Option<CallerId> {
    // Most texts are numbers.
    if WITHHELD_DIGITS.contains(&text) {
        return Some(CallerId::Withheld);
    }
    if text.starts_with(['+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        return None;
    }
    let mut letters = [0; LONGEST_WORD];
    let mut length = 0;
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' => {
                *letters.get_mut(length)? = c.to_ascii_lowercase() as u8;
                length += 1;
            }
            '0'..='9' => return None,
            _ => {}
        }
    }
    let letters = std::str::from_utf8(&letters[..length]).ok()?;
    if WITHHELD.contains(&letters) {
        return Some(CallerId::Withheld);
    }
    NOTHING.contains(&letters).then_some(CallerId::Absent)
}
