//! Many sites, one truth: what the sites of a fleet say to one another, and what each makes of it.
//!
//! A fleet has two append-only logs, one of the listing and one of operators' records. What a site holds is a pure function of
//! the entries up to where it stands in each: sites with the same positions hold the same.
//!
//! ```text
//!  fact ─▶ payload ─▶ entry ─▶ (the log) ─▶ entry::chain ─▶ payload ─▶ apply ─▶ store, with the position, in one transaction
//!                                           head, digests              step
//!  store ─▶ base::make ─▶ manifest, parts ─▶ (the log) ─▶ base::Assembly ─▶ store::take_base, likewise
//! ```
//!
//! What travels is what was decided, not how: of a snapshot its header, the rows that it changes and what comes of it. Every
//! site makes the step itself, and compares.
//!
//! # What is believed
//!
//! Nothing that comes from a log is applied before its bytes are those that the head vouches for, through the digests from
//! entry to entry, and before all of it could be read. What is cut short, changed in a bit, out of order, of another fleet, of
//! a format or a kind that is not known, or swells when it is unpacked is a [`Fault`] that names it, and changes nothing.

mod ahead;
pub mod apply;
pub mod around;
mod ask;
pub mod base;
pub(crate) mod blob;
mod branch;
pub mod client;
pub(crate) mod config;
pub mod engine;
pub mod entry;
pub(crate) mod follow;
pub(crate) mod format;
pub(crate) mod found;
pub mod head;
pub(crate) mod join;
mod keep;
pub mod keys;
pub(crate) mod lacking;
pub(crate) mod lead;
mod ledger;
mod left_out;
mod naming;
pub mod payload;
mod presence;
mod raw;
pub(crate) mod run;
pub mod said;
pub mod site;
pub mod start;
pub(crate) mod step;
pub(crate) mod tls;
pub(crate) mod upgrade;
mod view;
mod wire;

use thiserror::Error;

use crate::store::{Log, StoreError};

pub use format::FORMAT;

/// Why something of a fleet's log was not applied, or cannot go there. Nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is not what was written.
    #[error("{what} is damaged: {detail}")]
    Damaged {
        /// Which entry, head, base or blob.
        what: String,
        /// What shows it.
        detail: String,
    },
    /// It is of a format that this version does not read.
    #[error(
        "{what} has format {found}, and this version of rmdd reads {}: install the version that the rest of the fleet has",
        in_words(format::oldest(), format::newest())
    )]
    Format {
        /// Which entry, head or base.
        what: String,
        /// Its format.
        found: u32,
    },
    /// It says something of a kind that this version does not know.
    #[error("{what} says what this version of rmdd does not know: {detail}")]
    Unknown {
        /// Which entry or base.
        what: String,
        /// What.
        detail: String,
    },
    /// It is too large for a fleet.
    #[error("{what} has {bytes} bytes, and a fleet carries {most} at most: {advice}")]
    TooLarge {
        /// What.
        what: String,
        /// How many bytes it has.
        bytes: u64,
        /// How many it may have.
        most: u64,
        /// What to do.
        advice: &'static str,
    },
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault {
    fn damaged(what: &str, detail: impl ToString) -> Self {
        Self::Damaged { what: what.to_owned(), detail: detail.to_string() }
    }

    fn of(what: &str, bad: wire::Bad) -> Self {
        match bad {
            wire::Bad::Damaged(detail) => Self::damaged(what, detail),
            wire::Bad::Unknown(detail) => Self::Unknown { what: what.to_owned(), detail },
        }
    }
}

/// Formats in a sentence.
fn in_words(oldest: u32, newest: u32) -> String {
    if oldest == newest { format!("format {newest} alone") } else { format!("formats {oldest} to {newest}") }
}

/// An entry in sentences.
fn entry_of(log: Log, index: u64) -> String {
    format!("entry {index} of the fleet's log `{}`", log.as_str())
}

#[cfg(test)]
mod tests;
