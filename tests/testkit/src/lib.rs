//! Made-up listings in the true format of the FCC's Robocall Mitigation Database, with the quirks of the real exports.
//!
//! A [`World`] is a state of the database, made from a seed; [`World::advance`] leads to the next state and says what
//! it changed, so that a test knows by another route than rmdd's own what a sync must find. Everything in it is
//! invented: names, addresses, numbers. It does not depend on rmdd.

mod csv;
mod filing;
mod quirks;
mod words;
mod world;

pub use csv::{CsvFormat, LineEnd};
pub use filing::{COLUMNS, Row};
pub use quirks::{QUIRKS, Quirk};
pub use world::{Changes, Step, World};

#[cfg(test)]
mod tests;
