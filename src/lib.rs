//! rmdd keeps the FCC's Robocall Mitigation Database at hand.

pub mod clock;
pub mod config;
pub mod decide;
pub mod diff;
pub mod domain;
pub mod fetch;
pub mod grpc;
pub mod index;
pub mod parse;
pub mod schedule;
pub mod status;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod vet;
