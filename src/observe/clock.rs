//! The wall clock. Rooms that decide are given the time; only rooms that act read it, here.

use jiff::Timestamp;

/// The time now, in whole milliseconds, which is what the store and the wire keep.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
