//! Bytes -> Listing -> vetted Snapshot -> Delta -> Index. Pure: no I/O, no tokio, no clock.

pub mod canonical;
pub mod diff;
pub mod index;
pub mod next;
pub mod parse;
pub mod rewind;
pub mod search;
pub mod vet;
