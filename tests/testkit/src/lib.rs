//! Made-up listings in the true format of the FCC's Robocall Mitigation Database, with the quirks of the real exports.
//!
//! A [`World`] is a state of the database, made from a seed; [`World::advance`] leads to the next state and says what
//! it changed, so that a test knows by another route than rmdd's own what a sync must find. Everything in it is
//! invented: names, addresses, numbers. It does not depend on rmdd.
//!
//! [`hostile`] is a client that does to a daemon what it may not; [`terminal`] a terminal that commands run on; [`etcd`]
//! real members of an etcd.
//!
//! ```
//! use rmdd_testkit::listing::{Step, World};
//!
//! let mut world = World::new(1, 100);
//! let monday = world.to_csv();
//! let changes = world.advance(Step { remove: 3, ..Step::default() });
//! assert_eq!(changes.removed.len(), 3);
//! assert_ne!(world.to_csv(), monday);
//! ```

#![forbid(unsafe_code)]

mod csv;
mod date;
pub mod etcd;
pub mod faults;
mod filing;
mod invent;
mod quirks;
mod step;
mod words;
mod world;

pub mod hostile;
pub mod misspell;
pub mod terminal;

/// Listings: their filings, their quirks, their next states and their files.
pub mod listing {
    pub use crate::csv::{CsvFormat, LineEnd};
    pub use crate::filing::{COLUMNS, Row};
    pub use crate::quirks::{Quirk, quirks};
    pub use crate::step::{Changes, Step};
    pub use crate::world::World;
}

pub use listing::*;

#[cfg(test)]
mod tests;
