//! The commands, as people and scripts meet them.

#[path = "../common/mod.rs"]
mod common;

mod check_live;
mod guide;
mod hostile_text;
mod operator;
mod outputs;
mod printed;
mod progress;
mod screens;
mod scripted;
mod top;
