//! ([`Listing`], previous [`Snapshot`]) -> [`Snapshot`], or [`Refusal`]: whether a listing can be believed.
//!
//! A refused listing changes nothing. A believed one becomes the next snapshot, with every filing whose row could not
//! be read standing as it last was read.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{
    Anomaly, Filing, Listing, RmdNumber, Sha256Digest, Snapshot, SnapshotSerial, Truncation, UnreadableRow,
};
use crate::parse::ParseError;

/// How much may be wrong with a listing that is believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VetConfig {
    /// The largest share of the standing filings, in percent, that may be gone from one listing to the next. The worst
    /// real week lost 10.8 %.
    pub max_loss_percent: f64,
    /// The largest share of rows, in percent, that may be unreadable. Up to [`UNREADABLE_FLOOR`] always may.
    pub max_unreadable_percent: f64,
}

/// So many unreadable rows never refuse a listing by themselves, however small it is.
pub const UNREADABLE_FLOOR: usize = 3;

impl Default for VetConfig {
    fn default() -> Self {
        Self { max_loss_percent: 25.0, max_unreadable_percent: 1.0 }
    }
}

impl VetConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        for (name, value) in
            [("max_loss_percent", self.max_loss_percent), ("max_unreadable_percent", self.max_unreadable_percent)]
        {
            if !(0.0..=100.0).contains(&value) {
                return Err(format!("vet.{name} is {value}: give a share from 0 to 100 percent"));
            }
        }
        Ok(())
    }
}

/// What is known of the published bytes besides their content.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// Digest of the bytes.
    pub sha256: Sha256Digest,
    /// Where they came from.
    pub source: String,
    /// How many they are.
    pub bytes: u64,
    /// When they were fetched.
    pub fetched_at: Timestamp,
}

/// Why a listing is not believed.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no listing.
    #[error(transparent)]
    NotAListing(#[from] ParseError),
    /// A header and nothing below it.
    #[error("the listing has a header and no filing")]
    NoFilings,
    /// The end of the file is missing.
    #[error("the listing is cut short: {} (line {})", .0.sign, .0.line)]
    Truncated(Truncation),
    /// Too many rows cannot be read.
    #[error(
        "{unreadable} of {rows} rows cannot be read, more than {limit_percent} % (vet.max_unreadable_percent); the \
         first is on line {line}: {fault}"
    )]
    TooManyUnreadable {
        /// Unreadable rows.
        unreadable: usize,
        /// All rows.
        rows: usize,
        /// The limit in force.
        limit_percent: f64,
        /// The line of the first.
        line: u64,
        /// What is wrong with the first.
        fault: String,
    },
    /// Too many filings would be gone at once.
    #[error(
        "{gone} of {standing} filings would be gone at once, more than {limit_percent} % (vet.max_loss_percent): this \
         looks like part of a file"
    )]
    TooManyGone {
        /// Filings that are not in the listing.
        gone: usize,
        /// Filings that stand.
        standing: usize,
        /// The limit in force.
        limit_percent: f64,
    },
}

fn exceeds(part: usize, whole: usize, percent: f64) -> bool {
    // Exact for any count of filings: f64 holds integers to 2^53.
    part as f64 * 100.0 > whole as f64 * percent
}

/// Judges a listing against the standing snapshot.
///
/// # Errors
///
/// If it cannot be believed; then nothing has changed.
pub fn vet(
    listing: Listing,
    provenance: Provenance,
    previous: Option<&Snapshot>,
    config: &VetConfig,
) -> Result<Snapshot, Refusal> {
    if let Some(truncation) = listing.truncated {
        return Err(Refusal::Truncated(truncation));
    }
    let rows = listing.rows();
    if listing.filings.is_empty() && listing.unreadable.is_empty() {
        return Err(Refusal::NoFilings);
    }
    let unreadable = listing.unreadable.len();
    if (unreadable > UNREADABLE_FLOOR && exceeds(unreadable, rows, config.max_unreadable_percent))
        || listing.filings.is_empty()
    {
        let first = listing.unreadable.iter().min_by_key(|row| row.line);
        return Err(Refusal::TooManyUnreadable {
            unreadable,
            rows,
            limit_percent: config.max_unreadable_percent,
            line: first.map_or(0, |row| row.line),
            fault: first.map_or_else(String::new, |row| row.fault.to_string()),
        });
    }

    let Joined { filings, carried, gone } = join(listing.filings, &listing.unreadable, previous, provenance.fetched_at);
    let standing = previous.map_or(0, |previous| previous.filings.len());
    if exceeds(gone, standing, config.max_loss_percent) {
        return Err(Refusal::TooManyGone { gone, standing, limit_percent: config.max_loss_percent });
    }

    let mut anomalies: Vec<Anomaly> = listing.missing_columns.into_iter().map(Anomaly::MissingColumn).collect();
    anomalies.extend(listing.unknown_columns.into_iter().map(Anomaly::UnknownColumn));
    if let Some(first) = listing.unreadable.iter().min_by_key(|row| row.line) {
        anomalies.push(Anomaly::UnreadableRows {
            rows: unreadable as u64,
            carried: carried.len() as u64,
            first: format!("line {}, {}", first.line, first.fault),
        });
    }
    Ok(Snapshot {
        serial: previous.map_or(SnapshotSerial::FIRST, |previous| previous.serial.next()),
        sha256: provenance.sha256,
        source: provenance.source,
        bytes: provenance.bytes,
        fetched_at: provenance.fetched_at,
        confirmed_at: provenance.fetched_at,
        filings,
        carried,
        anomalies,
    })
}

struct Joined {
    filings: Vec<Arc<Filing>>,
    carried: BTreeMap<RmdNumber, Timestamp>,
    gone: usize,
}

/// Walks the listing and the standing snapshot side by side. Filings that did not change keep the memory they have,
/// filings behind an unreadable row stay, the others are counted as gone.
fn join(filings: Vec<Filing>, unreadable: &[UnreadableRow], previous: Option<&Snapshot>, now: Timestamp) -> Joined {
    let mut joined = Joined { filings: Vec::with_capacity(filings.len()), carried: BTreeMap::new(), gone: 0 };
    let mut standing = previous.map_or(&[][..], |previous| &previous.filings).iter().peekable();
    let absent = |filing: &Arc<Filing>, joined: &mut Joined| {
        let number = filing.number();
        if unreadable.iter().any(|row| row.may_be(number)) {
            let since = previous.and_then(|previous| previous.carried.get(&number)).copied().unwrap_or(now);
            joined.carried.insert(number, since);
            joined.filings.push(Arc::clone(filing));
        } else {
            joined.gone += 1;
        }
    };
    for filing in filings {
        while let Some(before) = standing.peek() {
            match before.number().cmp(&filing.number()) {
                Ordering::Less => absent(before, &mut joined),
                Ordering::Equal | Ordering::Greater => break,
            }
            standing.next();
        }
        let unchanged =
            standing.next_if(|before| before.number() == filing.number()).filter(|before| ***before == filing);
        joined.filings.push(unchanged.map_or_else(|| Arc::new(filing), Arc::clone));
    }
    for before in standing {
        absent(before, &mut joined);
    }
    joined
}

#[cfg(test)]
mod tests;
