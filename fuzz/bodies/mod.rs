//! What must hold for any input. The fuzzer looks for one that breaks it; the tests run the seeds in `fuzz/seeds`.

#![allow(dead_code, reason = "each target runs one of them")]

mod diff;
mod identity;
mod listing;
mod lists;

pub use diff::diff;
pub use identity::identity;
pub use listing::listing;
pub use lists::lists;
