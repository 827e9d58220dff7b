//! What a request asks: the name in its path, and its parameters.

use std::borrow::Cow;

use axum::http::Uri;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use crate::api::yes_no::{is_no, is_yes};
use crate::domain::{ErrorReason, Readings, Rejection, Ternary, Who};

/// What stands behind the question mark, split once.
pub struct QueryString<'a> {
    /// Names and values, and whether an equals sign follows the name.
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>, bool)>,
}

/// A request's parameters. One without a value, or with an empty one, is as good as none: scripts send what they do not
/// know so.
pub struct Params<'a> {
    query: &'a QueryString<'a>,
}

/// The parameter with what the caller calls the call.
const REFERENCE: &str = "ref";

impl<'a> QueryString<'a> {
    /// That of a request.
    pub fn read(uri: &'a Uri) -> Self {
        Self::split(uri.query())
    }

    /// What follows a question mark, if one was there.
    pub fn split(query: Option<&'a str>) -> Self {
        let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
        let mut pairs = Vec::with_capacity(if query.is_some() { 4 } else { 0 });
        for part in parts {
            let has_value = part.contains('=');
            if part.contains(['%', '+']) {
                pairs.extend(form_urlencoded::parse(part.as_bytes()).map(|(name, value)| (name, value, has_value)));
            } else {
                // Most are not encoded.
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                pairs.push((name.into(), value.into(), has_value));
            }
        }
        Self { pairs }
    }

    /// Whether this is asked for a call to 911, whatever else is wrong with the request.
    pub fn is_emergency(&self) -> bool {
        let named = |name: &str| name.eq_ignore_ascii_case("emergency");
        self.pairs.iter().any(|(name, value, has_value)| named(name) && (!has_value || is_yes(value)))
    }

    /// Whether this is asked about the past: then no call waits for the answer.
    pub fn is_about_the_past(&self) -> bool {
        self.pairs.iter().any(|(name, value, _)| name.eq_ignore_ascii_case("at") && !value.trim().is_empty())
    }

    /// A parameter's value, if it has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(of, ..)| of == name)
            // `?emergency` alone says that it is one.
            .map(|(_, value, has_value)| if *has_value { value.as_ref() } else { "true" })
            .filter(|value| !value.trim().is_empty())
    }

    /// A parameter that is a time.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn time(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<Timestamp, String>,
    ) -> Result<Option<Timestamp>, Problem> {
        self.get(name)
            .map(|value| {
                read(&plus_before_offset(value))
                    .map_err(|problem| ErrorReason::InvalidTime.reject(format!("{name}: {problem}")))
            })
            .transpose()
            .map_err(Problem::from)
    }

    /// The parameters.
    ///
    /// # Errors
    ///
    /// If one is none of these, or is given twice. What the caller calls the call never costs an answer: of two the first
    /// counts.
    pub fn params(&'a self, known: &[&str]) -> Result<Params<'a>, Problem> {
        for (place, (name, ..)) in self.pairs.iter().enumerate() {
            if !known.contains(&&**name) {
                let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let message = format!("{:?} is no parameter of this path, which takes {takes}", quotable(name));
                return Err(Problem::parameter(message));
            }
            if name != REFERENCE && self.pairs.iter().take(place).any(|(before, ..)| before == name) {
                return Err(Problem::parameter(format!("{name} is given twice")));
            }
        }
        Ok(Params { query: self })
    }
}

impl Params<'_> {
    /// A parameter's value, if it has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.get(name)
    }

    /// A parameter that this reads.
    pub fn parsed<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, Problem> {
        self.get(name)
            .map(|value| read(value).map_err(|problem| Problem::parameter(format!("{name}: {problem}"))))
            .transpose()
    }

    /// A parameter that is on or off.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        let read = |value: &str| match value {
            yes if is_yes(yes) => Ok(true),
            no if no.trim().is_empty() || is_no(no) => Ok(false),
            _ => Err(format!("{:?} is neither true nor false", quotable(value))),
        };
        self.parsed(name, read).map(Option::unwrap_or_default)
    }

    /// A parameter that is yes, no or not known.
    pub fn ternary(&self, name: &str) -> Result<Ternary, Problem> {
        let read = |value: &str| match value {
            yes if is_yes(yes) => Ok(Ternary::Yes),
            no if no.trim().is_empty() || is_no(no) => Ok(Ternary::No),
            unknown if unknown.trim().eq_ignore_ascii_case("unknown") => Ok(Ternary::Unknown),
            _ => Err(format!("{:?} is neither yes nor no nor unknown", quotable(value))),
        };
        Ok(self.parsed(name, read)?.unwrap_or(Ternary::Unknown))
    }

    /// A parameter that is a time.
    pub fn time(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<Timestamp, String>,
    ) -> Result<Option<Timestamp>, Problem> {
        self.query.time(name, read)
    }
}

/// A time as it was meant. Written as it is in an address, the plus sign of its offset is a blank:
/// `2025-08-06T12:00:00+02:00`.
fn plus_before_offset(value: &str) -> Cow<'_, str> {
    match value.trim_end().rsplit_once(' ') {
        Some((time, offset))
            if time.contains(':')
                && offset.contains(':')
                && offset.bytes().all(|c| c.is_ascii_digit() || c == b':') =>
        {
            format!("{time}+{offset}").into()
        }
        _ => value.into(),
    }
}

/// What a message may quote of a value.
fn quotable(value: &str) -> Cow<'_, str> {
    match value.char_indices().nth(64) {
        Some((end, _)) => format!("{}…", &value[..end]).into(),
        None => value.into(),
    }
}

/// What the name behind this prefix of the path may mean.
///
/// # Errors
///
/// If there is none, or it can mean nothing.
pub fn who(path: &str, prefix: &str) -> Result<Readings, Problem> {
    let encoded = path.strip_prefix(prefix).unwrap_or_default();
    let name = percent_decode_str(encoded)
        .decode_utf8()
        .map_err(|_| ErrorReason::InvalidPeer.reject("the name in the path is not UTF-8"))?;
    if name.trim().is_empty() {
        return Err(ErrorReason::IdentityMissing
            .reject(format!("the path names no provider: {prefix}WHO, with an FRN, RMD number, OCN or peer's name"))
            .into());
    }
    Who::readings(&name).map_err(|error| Rejection::from(&error).into())
}
