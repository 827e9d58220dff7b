//! redb panics on some kinds of damage to a file. This is the one place where such a panic is stopped.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// redb panicked: the file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redb gave up on it")
    }
}

/// Runs what redb may panic in. What it was working on is not to be used after a panic, but to be opened anew.
///
/// # Errors
///
/// If it panicked.
pub fn contained<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| Panicked)
}
