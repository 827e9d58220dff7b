//! rmdd keeps the FCC's Robocall Mitigation Database at hand.

pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod decide;
pub mod diff;
pub mod domain;
pub mod fetch;
pub mod grpc;
pub mod index;
pub mod parse;
pub mod report;
pub mod schedule;
pub mod status;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod vet;
