//! How listings come in: in every form, from good sources and bad ones, right and wrong.

#[path = "../common/mod.rs"]
mod common;

mod doubtful;
mod faulty;
mod fetching;
mod forms;
mod misbehaving;
