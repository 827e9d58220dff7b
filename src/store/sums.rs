//! Sums of what is served from tables that no snapshot's digest covers: removals and operators' records.
//!
//! redb checks its pages only when it is asked to, and a damaged page can lose rows without a word: a `REMOVED` that turns
//! into `NOT_LISTED`, an override that is gone. So each of these tables has the sum of its rows' hashes in `meta`, brought
//! up to date with every row that is written and compared at every start. It guards against accidents, not against people.

use sha2::{Digest, Sha256};

/// What one row adds to its table's sum.
fn row(key: &[&[u8]], value: &[u8]) -> u64 {
    let mut hasher = Sha256::new();
    for part in key {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(value);
    let digest: [u8; 32] = hasher.finalize().into();
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// What a removal adds.
pub fn removal((number, serial): (u32, u64), value: &[u8]) -> u64 {
    row(&[&number.to_le_bytes(), &serial.to_le_bytes()], value)
}

/// What an operator's record adds.
pub fn record((kind, id): (&str, &str), value: &[u8]) -> u64 {
    row(&[kind.as_bytes(), id.as_bytes()], value)
}
