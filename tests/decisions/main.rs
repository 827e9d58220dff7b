//! One question, one answer: whoever is asked, by whichever number, and whatever else a question may hold.

#[path = "../common/mod.rs"]
mod common;

mod same_answer;
mod unknown_values;

/// A client as a switch has one: with no proxy on the way.
fn web() -> reqwest::Client {
    // Fails where another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
