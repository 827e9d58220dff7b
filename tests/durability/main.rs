//! Never lost: whatever ends a process, fills a disk or turns a clock.

#[path = "../common/mod.rs"]
mod common;

mod alerts;
mod clock;
mod disk_full;
mod killed;
mod maintenance;
mod restart;
