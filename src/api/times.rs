//! Times as people give them, now.

use jiff::Timestamp;

use crate::domain::times::{self, Meant};
use crate::observe::clock;

/// Reads since when.
///
/// # Errors
///
/// If it is no time; says what to give.
pub fn since(text: &str) -> Result<Timestamp, String> {
    times::read(text, Meant::Since, clock::now())
}

/// Reads a moment that has been.
///
/// # Errors
///
/// If it is no time; says what to give.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    times::read(text, Meant::Moment, clock::now())
}

/// [`times::span_written_out`], of when something ends.
///
/// # Errors
///
/// As there.
pub fn end_written_out(text: &str) -> Result<String, String> {
    times::span_written_out(text, Meant::End, clock::now())
}

/// [`times::span_written_out`], of what has happened.
///
/// # Errors
///
/// As there.
pub fn moment_written_out(text: &str) -> Result<String, String> {
    times::span_written_out(text, Meant::Moment, clock::now())
}
