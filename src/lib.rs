//! rmdd keeps the FCC's Robocall Mitigation Database at hand.

pub mod clock;
pub mod decide;
pub mod diff;
pub mod domain;
pub mod fetch;
pub mod index;
pub mod parse;
pub mod vet;
