//! redb panics on some kinds of damage to a file. This is the one place where such a panic is stopped.

use std::cell::Cell;
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
    let outer = CONTAINED.replace(true);
    let ran = catch_unwind(AssertUnwindSafe(run)).map_err(|_| Panicked);
    CONTAINED.set(outer);
    ran
}

thread_local! {
    /// Whether this thread is at what may panic and is stopped if it does.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Has panics that are stopped here printed nowhere, for the rest of this process: what they mean is said as an error, and
/// whoever reads that has no use for the way through redb. It is logged at the level `debug`. All others are told as before.
pub fn silence_contained_panics() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if CONTAINED.get() {
            tracing::debug!("redb gave up on a damaged file: {panic}");
        } else {
            told(panic);
        }
    }));
}
