//! ([`Snapshot`] now, what changed since then) -> [`Snapshot`] then: the listing exactly as it stood. Pure.
//!
//! Only what stands now is stored whole. What stood earlier is reached by undoing changes, the newest first: a filing
//! that was listed or reinstated was not there before, one that was amended had the cells that the change names, and one
//! that was removed stood as its removal keeps it. Every step is checked against what it undoes, and what comes out
//! against the digest that was recorded when it went in, so that a damaged history gives an error and never an answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{
    Anomaly, Change, ChangeKind, ChangeSerial, Column, FieldChange, Filing, FilingBuilder, FirstSights, Removal,
    RemovalHistory, RmdNumber, Sha256Digest, Snapshot, SnapshotSerial, read_frn_cell,
};

/// The shortest history that may be kept, in days: what was answered last month can be asked for this month.
pub const LEAST_DAYS: u32 = 30;

/// So many snapshots can always be reached, however old they are.
pub const LEAST_SNAPSHOTS: usize = 10;

/// How far back history is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HistoryConfig {
    /// Changes older than so many days are dropped; 0 for none. Removals never are: answers rest on them.
    pub keep_days: u32,
}

impl HistoryConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        match self.keep_days {
            0 | LEAST_DAYS..=36_500 => Ok(()),
            days => Err(format!(
                "history.keep_days is {days}: give {LEAST_DAYS} or more, or 0 to keep the history for ever"
            )),
        }
    }

    /// The moment from which on everything is kept; nothing if everything is.
    pub fn keep_from(&self, now: Timestamp) -> Option<Timestamp> {
        let kept = SignedDuration::from_hours(24 * i64::from(self.keep_days));
        (self.keep_days > 0).then(|| now.checked_sub(kept).unwrap_or(Timestamp::MIN))
    }
}

/// What is on record about a snapshot besides its filings.
#[derive(Debug, Clone)]
pub struct SnapshotRecord {
    /// Its number.
    pub serial: SnapshotSerial,
    /// Digest of the published bytes.
    pub sha256: Sha256Digest,
    /// Digest of its export. Nothing in a record of format 1 or 2 that is read only.
    pub listing_sha256: Option<Sha256Digest>,
    /// Where the bytes came from.
    pub source: String,
    /// How many there were.
    pub bytes: u64,
    /// When they were first fetched.
    pub fetched_at: Timestamp,
    /// When the source last published them.
    pub confirmed_at: Timestamp,
    /// Since when answers rested on it. It never goes back from one snapshot to the next.
    pub applied_at: Timestamp,
    /// How many filings stood.
    pub filings: u64,
    /// Filings that stood as they last were read, with the time since when.
    pub carried: BTreeMap<RmdNumber, Timestamp>,
    /// What was odd.
    pub anomalies: Vec<Anomaly>,
}

impl SnapshotRecord {
    /// The snapshot of this record with these filings, as it was last confirmed at a time.
    pub fn with_filings(&self, filings: Vec<Arc<Filing>>, confirmed_at: Timestamp) -> Snapshot {
        Snapshot {
            serial: self.serial,
            sha256: self.sha256,
            source: self.source.clone(),
            bytes: self.bytes,
            fetched_at: self.fetched_at,
            confirmed_at,
            filings,
            carried: self.carried.clone(),
            anomalies: self.anomalies.clone(),
            steps: Vec::new(),
        }
    }
}

/// Changes that do not lead back to where they should.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the history does not lead back to snapshot {snapshot}: {detail}; run `rmdd verify`")]
pub struct Broken {
    /// The snapshot that was to be reached.
    pub snapshot: SnapshotSerial,
    /// What does not fit.
    pub detail: String,
}

/// A listing on its way back, change by change.
#[derive(Debug)]
pub struct Rewind {
    filings: BTreeMap<RmdNumber, Arc<Filing>>,
    removals: BTreeMap<(RmdNumber, SnapshotSerial), Arc<Removal>>,
    first_sights: FirstSights,
    at: SnapshotSerial,
    undone: Option<ChangeSerial>,
}

impl Rewind {
    /// Starts at a snapshot and the removals up to it.
    pub fn from(snapshot: &Snapshot, removals: &RemovalHistory) -> Self {
        Self {
            filings: snapshot.filings.iter().map(|filing| (filing.number(), Arc::clone(filing))).collect(),
            removals: removals
                .newest_first()
                .map(|removal| ((removal.filing.number(), removal.snapshot), Arc::clone(removal)))
                .collect(),
            first_sights: removals.first_sights().clone(),
            at: snapshot.serial,
            undone: None,
        }
    }

    /// Undoes a change. Changes must come newest first, without a gap, down to the first one behind the snapshot that
    /// is wanted.
    ///
    /// # Errors
    ///
    /// If the change cannot have led to what stands: the history is damaged.
    pub fn undo(&mut self, change: &Change) -> Result<(), Broken> {
        let (number, snapshot) = (change.number, change.snapshot);
        let broken = |what: &str| Broken {
            snapshot: SnapshotSerial(snapshot.0.saturating_sub(1)),
            detail: format!("change {} of {number} {what}", change.serial),
        };
        if snapshot > self.at {
            return Err(broken("comes before its turn"));
        }
        self.at = snapshot;
        self.undone = Some(change.serial);
        match &change.kind {
            ChangeKind::Listed => {
                self.filings.remove(&number).ok_or_else(|| broken("listed it, and it does not stand"))?;
                self.first_sights.forget(number);
            }
            ChangeKind::Amended(fields) => {
                let after = self.filings.get(&number).ok_or_else(|| broken("amended it, and it does not stand"))?;
                let before = undo_fields(after, fields)
                    .map_err(|column| broken(&format!("led to another cell `{column}` than stands")))?;
                self.filings.insert(number, Arc::new(before));
            }
            ChangeKind::Removed => {
                let removal = self.removals.remove(&(number, snapshot));
                let removal = removal.ok_or_else(|| broken("removed it, and no removal is on record"))?;
                if removal.reinstated_at.is_some() {
                    return Err(broken("removed it, and no change reinstated it, though its removal says so"));
                }
                if self.filings.insert(number, Arc::clone(&removal.filing)).is_some() {
                    return Err(broken("removed it, and it stands"));
                }
            }
            ChangeKind::Reinstated(_) => {
                self.filings.remove(&number).ok_or_else(|| broken("reinstated it, and it does not stand"))?;
                let earlier = (number, SnapshotSerial(0))..(number, snapshot);
                let removal = self.removals.range_mut(earlier).next_back().map(|(_, removal)| removal);
                let removal = removal.ok_or_else(|| broken("reinstated it, and no removal is on record"))?;
                if removal.reinstated_at.is_none() {
                    return Err(broken("reinstated it, and its removal says that it did not come back"));
                }
                *removal = Arc::new(Removal { reinstated_at: None, ..(**removal).clone() });
            }
        }
        Ok(())
    }

    /// The snapshot that was reached, as it was last known to be confirmed by then.
    ///
    /// # Errors
    ///
    /// If it is not the listing that was recorded.
    pub fn reach(
        &self,
        record: &SnapshotRecord,
        confirmed_at: Timestamp,
    ) -> Result<(Snapshot, RemovalHistory), Broken> {
        let filings: Vec<Arc<Filing>> = self.filings.values().cloned().collect();
        let broken = |detail: String| Broken { snapshot: record.serial, detail };
        if filings.len() as u64 != record.filings {
            return Err(broken(format!("{} filings stand where {} were recorded", filings.len(), record.filings)));
        }
        if let Some(recorded) = record.listing_sha256 {
            let found = crate::listing::canonical::digest(&filings);
            if found != recorded {
                return Err(broken(format!("its export has the digest {found}, and {recorded} was recorded")));
            }
        }
        let snapshot = record.with_filings(filings, confirmed_at);
        // What a store that was begun again knows from its copy of removals alone has no change that could be undone.
        let seen = self.removals.values().filter(|removal| removal.snapshot <= record.serial);
        let removals = RemovalHistory::new(seen.cloned().collect());
        Ok((snapshot, removals.with_first_sights(self.first_sights.clone())))
    }

    /// The snapshot to which the way back has come.
    pub fn at(&self) -> SnapshotSerial {
        self.at
    }

    /// The change that was undone last.
    pub fn undone(&self) -> Option<ChangeSerial> {
        self.undone
    }

    /// Says that all changes behind a snapshot have been undone.
    pub fn arrive(&mut self, at: SnapshotSerial) {
        self.at = self.at.min(at);
    }

    /// The filings that stand where the way back has come to, by number.
    pub fn filings(&self) -> Vec<Arc<Filing>> {
        self.filings.values().cloned().collect()
    }
}

/// The filing as it was before these cells changed; or the name of a cell that is not as the change left it.
fn undo_fields(after: &Filing, fields: &[FieldChange]) -> Result<Filing, String> {
    let mut cells: Vec<&str> = Column::ALL.into_iter().map(|column| after.cell(column)).collect();
    let mut unknown: BTreeMap<&str, &str> = after.unknown_cells().collect();
    for FieldChange { column, before, after } in fields {
        let stands = match Column::by_name(column) {
            Some(known) => cells.get_mut(known as usize).map(|cell| std::mem::replace(cell, before)),
            None => Some(unknown.insert(column, before).unwrap_or_default()),
        };
        if stands != Some(after.as_str()) {
            return Err(column.clone());
        }
    }
    let frn_cell = cells.get(Column::Frn as usize).copied().unwrap_or_default();
    let frn = read_frn_cell(frn_cell).map_err(|_| Column::Frn.name().to_owned())?;
    let length = cells.iter().map(|cell| cell.len()).sum();
    let mut builder = FilingBuilder::new(after.number(), frn, length);
    for cell in cells {
        builder.push(cell);
    }
    for (column, cell) in unknown {
        builder.push_unknown(column, cell);
    }
    Ok(builder.finish())
}

#[cfg(test)]
mod tests;
