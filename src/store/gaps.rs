//! Stretches of the past of which a store that was begun again does not know which listing stood.
//!
//! What was answered then rested on a listing that is gone, or on one of which it is not known whether it stood. So nothing is
//! answered about such a time, as nothing is about the time before the first listing. They stay when whoever runs it has taken
//! note of them: nothing that happens later tells what was so.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::records::missing_in_older;
use super::tables::{SYNC_STATE, SYNC_STATE_GAPS};
use super::{Store, StoreError, codec};
use crate::domain::Sha256Digest;

/// What a record of them is, where it cannot be read.
const GAP: &str = "gap of the history";

/// A stretch of the past of which it is not known which listing stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Its first moment.
    pub from: Timestamp,
    /// The moment at which it is over.
    pub until: Timestamp,
    /// The listings that were applied in it and could not be again, and when they were.
    pub without: Vec<Without>,
}

/// A listing that was applied, and could not be again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Without {
    /// The digest of its bytes.
    pub sha256: String,
    /// When it was applied; where that is not known, not before this.
    pub applied_at: Timestamp,
}

impl Without {
    /// The digest of its bytes.
    pub fn digest(&self) -> Option<Sha256Digest> {
        self.sha256.parse().ok()
    }
}

impl Gap {
    /// Whether a moment lies in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

impl Store {
    /// The stretches of the past of which it is not known which listing stood.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn gaps(&self) -> Result<Vec<Gap>, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let Some(table) = missing_in_older(transaction.open_table(SYNC_STATE))? else { return Ok(Vec::new()) };
            let Some(stored) = table.get(SYNC_STATE_GAPS)? else { return Ok(Vec::new()) };
            Ok(serde_json::from_slice(stored.value()).map_err(|error| codec::invalid(GAP, error))?)
        })
    }
}

/// Keeps them.
pub(super) fn write(transaction: &redb::WriteTransaction, gaps: &[Gap]) -> Result<(), StoreError> {
    let mut table = transaction.open_table(SYNC_STATE)?;
    if gaps.is_empty() {
        table.remove(SYNC_STATE_GAPS)?;
        return Ok(());
    }
    let bytes = serde_json::to_vec(gaps).map_err(|error| codec::invalid(GAP, error))?;
    table.insert(SYNC_STATE_GAPS, bytes.as_slice())?;
    Ok(())
}
