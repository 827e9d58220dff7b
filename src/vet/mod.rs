//! ([`Listing`], previous [`Snapshot`]) -> [`Vetted`], or [`Refusal`]: whether a listing can be believed.
//!
//! The source is a web application that cuts files short, serves pages for files, and now and then loses a tenth of
//! its filings overnight because an order said so. So there are four ways for a listing to go:
//!
//! - **applied**, if nothing about it is unusual;
//! - **corroborated**, if it is unusual as real listings have been: it is applied once a second copy says the same;
//! - **held**, if it is what a half or shifted file looks like. However often the same comes back, it takes a person (or
//!   a policy that the operator set) to let it through;
//! - **refused**, if it is no listing, is cut inside a record, or cannot be read.
//!
//! What tells an order from a cut is the shape of the loss: an order scatters, a cut takes the end. `docs/vetting.md`
//! has the figures of the real listings on which the limits rest.
//!
//! A listing that is not applied changes nothing. One that is becomes the next snapshot, with every filing whose row
//! could not be read standing as it last was read.

mod doubt;
mod ending;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{
    Anomaly, Column, Filing, Listing, RmdNumber, Sha256Digest, Snapshot, SnapshotSerial, Truncation, UnreadableRow,
};
use crate::parse::ParseError;

pub use doubt::{Doubt, Settles};

/// How much may be unusual about a listing, and what it takes then. Shares are in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VetConfig {
    /// Above this share of the standing filings gone at once, a second copy must say the same. A median real week loses
    /// 0.03 %.
    pub corroborate_loss_percent: f64,
    /// Above this share of the standing filings gone at once, the listing is held. The worst real week lost 10.8 %.
    pub max_loss_percent: f64,
    /// Above this share of new filings, a second copy must say the same.
    pub corroborate_growth_percent: f64,
    /// Above this share of new filings, the listing is held.
    pub max_growth_percent: f64,
    /// Above this share of filings changed in one column, a second copy must say the same. The worst real week changed
    /// 8.6 %.
    pub corroborate_amended_percent: f64,
    /// Above this share of filings changed in a column on which decisions rest, or in three others at once, the listing
    /// is held.
    pub max_amended_percent: f64,
    /// The largest share of rows that may be unreadable. Up to [`UNREADABLE_FLOOR`] always may.
    pub max_unreadable_percent: f64,
    /// How long to wait before a second copy is fetched.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub corroborate_after: Duration,
    /// A held listing that the source has gone on publishing for so long is applied without a person. Where it is not
    /// set, never.
    #[serde(
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub release_held_after: Option<Duration>,
}

/// So many unreadable rows never refuse a listing by themselves, however small it is.
pub const UNREADABLE_FLOOR: usize = 3;
/// So many filings gone, come or changed are nothing unusual, however small the listing is.
const UNUSUAL_FLOOR: usize = 10;
/// From so many of the last filings gone, the end is missing. In no real week was even one.
const END_GONE_HOLDS: usize = 3;
/// Above this share gone, in percent, a listing that is out of order is held.
const OUT_OF_ORDER_LOSS_PERCENT: f64 = 0.5;
/// So many columns changed in many filings are a shift, even if no decision rests on them.
const SHIFTED_COLUMNS: usize = 3;

impl Default for VetConfig {
    fn default() -> Self {
        Self {
            corroborate_loss_percent: 1.0,
            max_loss_percent: 25.0,
            corroborate_growth_percent: 10.0,
            max_growth_percent: 50.0,
            corroborate_amended_percent: 10.0,
            max_amended_percent: 30.0,
            max_unreadable_percent: 1.0,
            corroborate_after: Duration::from_secs(60),
            release_held_after: None,
        }
    }
}

impl VetConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        let pairs = [
            ("loss", self.corroborate_loss_percent, self.max_loss_percent, 100.0),
            // A list may more than double.
            ("growth", self.corroborate_growth_percent, self.max_growth_percent, 10_000.0),
            ("amended", self.corroborate_amended_percent, self.max_amended_percent, 100.0),
        ];
        for (what, corroborate, max, most) in pairs {
            for (name, value) in [("corroborate", corroborate), ("max", max)] {
                if !(0.0..=most).contains(&value) {
                    return Err(format!("vet.{name}_{what}_percent is {value}: give a share from 0 to {most} percent"));
                }
            }
            if corroborate > max {
                return Err(format!("vet.corroborate_{what}_percent is larger than vet.max_{what}_percent"));
            }
        }
        if !(0.0..=100.0).contains(&self.max_unreadable_percent) {
            let value = self.max_unreadable_percent;
            return Err(format!("vet.max_unreadable_percent is {value}: give a share from 0 to 100 percent"));
        }
        if self.corroborate_after > Duration::from_secs(3600) {
            return Err(
                "vet.corroborate_after is longer than an hour: a sync would wait for it all the while".to_owned()
            );
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
}

/// A listing that can be read, and what there is to doubt about it.
#[derive(Debug, Clone)]
pub struct Vetted {
    /// What it becomes if it is applied.
    pub snapshot: Snapshot,
    /// What makes it hard to believe; nothing if all is usual.
    pub doubts: Vec<Doubt>,
    /// The standing filings that would be gone, by ascending number.
    pub gone: Vec<RmdNumber>,
}

impl Vetted {
    /// What it takes to apply it; nothing if all is usual.
    pub fn takes(&self) -> Option<Settles> {
        self.doubts.iter().map(Doubt::settles).max()
    }

    /// Whether a second copy says the same as this one, though its bytes may differ: filings are amended every hour.
    pub fn says_the_same(&self, second: &Self) -> bool {
        if self.snapshot.sha256 == second.snapshot.sha256 {
            return true;
        }
        let only_here = |here: &[RmdNumber], there: &[RmdNumber]| {
            here.iter().filter(|number| there.binary_search(number).is_err()).count()
        };
        let differ = only_here(&self.gone, &second.gone) + only_here(&second.gone, &self.gone);
        let kinds = |vetted: &Self| vetted.doubts.iter().map(std::mem::discriminant).collect::<Vec<_>>();
        differ <= AGREEMENT_FLOOR.max(self.gone.len() / 50) && kinds(self) == kinds(second)
    }
}

/// So many filings may go or come back between two copies that say the same; above that, 2 % of those that are gone.
const AGREEMENT_FLOOR: usize = 3;

fn exceeds(part: usize, whole: usize, percent: f64) -> bool {
    // Exact for any count of filings: f64 holds integers to 2^53.
    part as f64 * 100.0 > whole as f64 * percent
}

/// Judges a listing against the standing snapshot.
///
/// # Errors
///
/// If it cannot be read. What can be read and is hard to believe has its doubts with it.
pub fn vet(
    listing: Listing,
    provenance: Provenance,
    previous: Option<&Snapshot>,
    config: &VetConfig,
) -> Result<Vetted, Refusal> {
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

    let in_order = listing.in_order;
    let Joined { filings, carried, gone, come, amended, common } =
        join(listing.filings, &listing.unreadable, previous, provenance.fetched_at);
    let compared = Compared { gone: &gone, come, amended, common, in_order, filings: &filings };
    let doubts = doubts(&compared, previous, config);

    let mut anomalies: Vec<Anomaly> = listing.missing_columns.into_iter().map(Anomaly::MissingColumn).collect();
    anomalies.extend(listing.unknown_columns.into_iter().map(Anomaly::UnknownColumn));
    if let Some(first) = listing.unreadable.iter().min_by_key(|row| row.line) {
        anomalies.push(Anomaly::UnreadableRows {
            rows: unreadable as u64,
            carried: carried.len() as u64,
            first: format!("line {}, {}", first.line, first.fault),
        });
    }
    let snapshot = Snapshot {
        serial: previous.map_or(SnapshotSerial::FIRST, |previous| previous.serial.next()),
        sha256: provenance.sha256,
        source: provenance.source,
        bytes: provenance.bytes,
        fetched_at: provenance.fetched_at,
        confirmed_at: provenance.fetched_at,
        filings,
        carried,
        anomalies,
    };
    Ok(Vetted { snapshot, doubts, gone })
}

/// What differs between a listing and the standing snapshot.
struct Compared<'a> {
    gone: &'a [RmdNumber],
    come: usize,
    amended: [usize; Column::COUNT],
    common: usize,
    in_order: bool,
    filings: &'a [Arc<Filing>],
}

fn doubts(compared: &Compared<'_>, previous: Option<&Snapshot>, config: &VetConfig) -> Vec<Doubt> {
    let standing = previous.map_or(&[][..], |previous| &previous.filings);
    let mut doubts = Vec::new();
    doubts.extend(loss(compared, standing, config));
    if compared.in_order {
        doubts.extend(end(compared, standing));
    }
    let unusual = |part, whole, percent| part >= UNUSUAL_FLOOR && exceeds(part, whole, percent);
    if !standing.is_empty() {
        let come = compared.come;
        let over = |limit_percent, settles| {
            unusual(come, standing.len(), limit_percent).then_some(Doubt::Growth {
                come,
                standing: standing.len(),
                limit_percent,
                settles,
            })
        };
        doubts.extend(
            over(config.max_growth_percent, Settles::Person)
                .or_else(|| over(config.corroborate_growth_percent, Settles::SecondCopy)),
        );
    }
    doubts.extend(amended(compared, config));
    // What only a person can settle is what a person should read first.
    doubts.sort_by_key(|doubt| std::cmp::Reverse(doubt.settles()));
    doubts
}

fn loss(compared: &Compared<'_>, standing: &[Arc<Filing>], config: &VetConfig) -> Option<Doubt> {
    let (gone, standing) = (compared.gone.len(), standing.len());
    let over = |limit_percent, settles| {
        (gone >= UNUSUAL_FLOOR && exceeds(gone, standing, limit_percent)).then_some(Doubt::Loss {
            gone,
            standing,
            limit_percent,
            settles,
        })
    };
    if let Some(held) = over(config.max_loss_percent, Settles::Person) {
        return Some(held);
    }
    if !compared.in_order && gone > 0 {
        let held = gone >= UNUSUAL_FLOOR && exceeds(gone, standing, OUT_OF_ORDER_LOSS_PERCENT);
        let settles = if held { Settles::Person } else { Settles::SecondCopy };
        return Some(Doubt::LossOutOfOrder { gone, standing, settles });
    }
    over(config.corroborate_loss_percent, Settles::SecondCopy)
}

/// Whether the end of the list is missing.
fn end(compared: &Compared<'_>, standing: &[Arc<Filing>]) -> Option<Doubt> {
    let last = compared.filings.last()?.number();
    if let Some(standing_last) = compared.gone.last().copied().filter(|gone| *gone > last) {
        let gone = compared.gone.iter().rev().take_while(|number| **number > last).count();
        return Some(Doubt::EndGone { gone, last, standing_last });
    }
    ending::missing(compared.filings, standing).map(|missing| Doubt::EndOld { missing, last })
}

fn amended(compared: &Compared<'_>, config: &VetConfig) -> Option<Doubt> {
    let share = |column: &Column| compared.amended[*column as usize];
    let over = |percent: f64| {
        let over =
            move |column: &Column| share(column) >= UNUSUAL_FLOOR && exceeds(share(column), compared.common, percent);
        Column::ALL.into_iter().filter(over)
    };
    let doubt = |columns: &dyn Fn() -> Vec<Column>, settles| {
        let columns = columns();
        let column = columns.iter().copied().max_by_key(share)?;
        Some(Doubt::Amended {
            column,
            amended: share(&column),
            common: compared.common,
            others: columns.len() - 1,
            settles,
        })
    };
    let much = || over(config.max_amended_percent);
    if much().any(Column::is_essential) || much().count() >= SHIFTED_COLUMNS {
        return doubt(&|| much().collect(), Settles::Person);
    }
    doubt(&|| over(config.corroborate_amended_percent).collect(), Settles::SecondCopy)
}

struct Joined {
    filings: Vec<Arc<Filing>>,
    carried: BTreeMap<RmdNumber, Timestamp>,
    gone: Vec<RmdNumber>,
    come: usize,
    /// In how many filings that stand in both each column has changed.
    amended: [usize; Column::COUNT],
    common: usize,
}

/// Whether a changed cell says something of a shift. The dates change as they will; the address is the FCC's own; and
/// where no decision rests on a column, cells that are filled or emptied are a column that came or went.
fn tells_of_a_shift(column: Column, before: &Filing, after: &Filing) -> bool {
    let (before, after) = (before.cell(column), after.cell(column));
    before != after
        && !matches!(column, Column::LastUpdated | Column::LastRecertified | Column::FilingUrl)
        && (column.is_essential() || (!before.is_empty() && !after.is_empty()))
}

/// Walks the listing and the standing snapshot side by side. Filings that did not change keep the memory they have,
/// filings behind an unreadable row stay, the others are gone.
fn join(filings: Vec<Filing>, unreadable: &[UnreadableRow], previous: Option<&Snapshot>, now: Timestamp) -> Joined {
    let mut joined = Joined {
        filings: Vec::with_capacity(filings.len()),
        carried: BTreeMap::new(),
        gone: Vec::new(),
        come: 0,
        amended: [0; Column::COUNT],
        common: 0,
    };
    let mut standing = previous.map_or(&[][..], |previous| &previous.filings).iter().peekable();
    let absent = |filing: &Arc<Filing>, joined: &mut Joined| {
        let number = filing.number();
        if unreadable.iter().any(|row| row.may_be(number)) {
            let since = previous.and_then(|previous| previous.carried.get(&number)).copied().unwrap_or(now);
            joined.carried.insert(number, since);
            joined.filings.push(Arc::clone(filing));
        } else {
            joined.gone.push(number);
        }
    };
    for filing in filings {
        while let Some(before) = standing.next_if(|before| before.number() < filing.number()) {
            absent(before, &mut joined);
        }
        let Some(before) = standing.next_if(|before| before.number() == filing.number()) else {
            joined.come += 1;
            joined.filings.push(Arc::new(filing));
            continue;
        };
        joined.common += 1;
        if **before == filing {
            joined.filings.push(Arc::clone(before));
            continue;
        }
        for column in Column::ALL {
            joined.amended[column as usize] += usize::from(tells_of_a_shift(column, before, &filing));
        }
        joined.filings.push(Arc::new(filing));
    }
    for before in standing {
        absent(before, &mut joined);
    }
    joined
}

#[cfg(test)]
mod tests;
