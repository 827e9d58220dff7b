//! The formats of what stands in the logs, and which of them this version reads.
//!
//! A fleet has one format. It stands beside the fleet's ID and in both heads, and a site writes an entry in the format of the
//! head behind which it appends. So a fleet goes over to the next format by the one transaction that puts these three, and
//! nothing of the format before can come behind it: whoever appends compares the head.
//!
//! A version reads the newest format that it knows and the one before, so that sites can be given a new version one after the
//! other, in any order, while the fleet stays at the format that all of them read.

use super::Fault;

/// The newest format of entries, heads and bases that this version knows.
pub const FORMAT: u32 = 1;

/// In a build for tests, this variable may say that the next format is known as well: what happens around it must be tried
/// before there is one. No release has this.
#[cfg(debug_assertions)]
const NEXT_IS_KNOWN: &str = "TEST_RMDD_FLEET_FORMAT";

/// The newest format that is read, and that a fleet may be raised to.
#[cfg(debug_assertions)]
pub fn newest() -> u32 {
    static NEWEST: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        let told = std::env::var(NEXT_IS_KNOWN).ok().and_then(|told| told.parse().ok());
        told.filter(|told| (FORMAT..=FORMAT + 1).contains(told)).unwrap_or(FORMAT)
    });
    *NEWEST
}

/// The newest format that is read, and that a fleet may be raised to.
#[cfg(not(debug_assertions))]
pub fn newest() -> u32 {
    FORMAT
}

/// The oldest format that is read.
pub fn oldest() -> u32 {
    newest().saturating_sub(1).max(1)
}

/// Refuses what is of a format that is not read.
pub fn check(what: &str, found: u32) -> Result<(), Fault> {
    match (oldest()..=newest()).contains(&found) {
        true => Ok(()),
        false => Err(Fault::Format { what: what.to_owned(), found }),
    }
}

/// A payload as it stands in an entry, or what comes out of that. In the format that builds for tests alone know, its bytes
/// are turned round: no reader of another format takes them for what they are.
#[cfg(debug_assertions)]
pub fn turned(format: u32, mut payload: Vec<u8>) -> Vec<u8> {
    if format > FORMAT {
        payload.reverse();
    }
    payload
}

/// A payload as it stands in an entry, or what comes out of that: the same in all formats so far.
#[cfg(not(debug_assertions))]
pub fn turned(_: u32, payload: Vec<u8>) -> Vec<u8> {
    payload
}
