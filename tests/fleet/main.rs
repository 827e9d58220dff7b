//! Sites of a fleet, which meet in a real etcd of three members.

#[path = "../common/mod.rs"]
mod common;

mod adversity;
mod apart;
mod around;
mod asks;
mod branched;
mod certificates;
mod clocks;
mod engine;
mod everyday;
mod log;
mod lost;
mod meddled;
mod rebuilt;
mod seen;
mod sites;
mod told;
mod upgrade;
