//! What is asked beside calls weighs in the rate limit (`limits.rate_limit`), in questions: about what it costs, so that a
//! limit that leaves a switch its calls does not leave others the daemon. docs/speed.md has the same table.

/// A provider's filings and removals, without its history.
pub const PROVIDER: usize = 5;

/// A search, a page of a list, a question about the past, a watch: a millisecond or some.
pub const LOOK_UP: usize = 20;

/// A whole listing.
pub const EXPORT: usize = 200;
