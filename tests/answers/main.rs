//! What a running daemon answers: one question and many, about now and about the past, and what it says by itself.

#[path = "../common/mod.rs"]
mod common;

mod health;
mod history;
mod same_answer;
mod serve;
mod streams;
mod unknown_values;
mod watch;
