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

/// A client as a switch has one: with no proxy on the way.
fn web() -> reqwest::Client {
    // Fails where another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
