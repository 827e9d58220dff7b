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
//! Or it is applied at once with an alarm, where something is unusual that could hurt few.
//!
//! What tells an order from a cut is the shape of the loss: an order scatters, a cut takes the end, a missing page takes
//! neighbours (`loss`). What tells an amendment from a wrong cell is the filing's own date (`columns`). What tells a
//! new filing from a false one is where it stands and when it was made (`newcomers`), and what those that came lately answer beside
//! all others (`lately`). A fault that does little at a
//! time shows over days (`memory`). `docs/vetting.md` has the figures of the real listings on which the limits rest.
//!
//! A listing that is not applied changes nothing. One that is becomes the next snapshot, with every filing whose row
//! could not be read standing as it last was read.

mod columns;
mod compare;
mod config;
mod dates;
mod doubt;
mod ending;
mod lately;
mod loss;
mod memory;
mod newcomers;
mod peers;
mod returns;
mod rows;

use jiff::Timestamp;
use jiff::civil::Date;
use thiserror::Error;

use crate::domain::wording::grouped;
use crate::domain::{
    Anomaly, ChangedCell, Column, Listing, RemovalHistory, RmdNumber, Sha256Digest, Snapshot, SnapshotSerial,
    StepFacts, Truncation, UnreadableRow, listed,
};
use crate::listing::parse::ParseError;

use compare::{Compared, Since, compare};
use dates::Dates;
use memory::Memory;
use newcomers::{Newcomers, Told};

pub use compare::Example;
pub use config::{UNREADABLE_FLOOR, VetConfig};
pub(crate) use dates::{Dates as ListingDates, last_updated};
pub use doubt::{Doubt, Resolution};
pub use peers::OwnPeer;

/// So many cells are remembered of a step: the dates and roles of a listing that has one date in most rows, so that the next good
/// one undoes them all. More change only in a listing that a person let through.
const CELLS_KEPT: usize = 20_000;
/// So many filings gone, come or changed are nothing unusual, however small the listing is.
const UNUSUAL_FLOOR: usize = 10;

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

impl Provenance {
    /// Of bytes that nobody published: what tests, benchmarks and fuzz targets begin with.
    #[doc(hidden)]
    pub fn made_up(at: Timestamp) -> Self {
        Self { sha256: Sha256Digest([0; 32]), source: String::new(), bytes: 0, fetched_at: at }
    }
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
        "{} of {} rows cannot be read, more than {limit_percent} % (vet.max_unreadable_percent); the first is on line \
         {line}: {fault}",
        grouped(*.unreadable),
        grouped(*.rows)
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
    /// The filings that did not stand before, by ascending number.
    pub come: Vec<RmdNumber>,
}

impl Vetted {
    /// What it takes to apply it; nothing if it is applied at once.
    pub fn requires(&self) -> Option<Resolution> {
        self.doubts.iter().map(Doubt::resolution).max().filter(|resolution| *resolution > Resolution::Alarm)
    }

    /// Whether a second copy says the same as this one, though its bytes may differ: filings are amended every hour.
    pub(crate) fn says_the_same(&self, second: &Self) -> bool {
        if self.snapshot.sha256 == second.snapshot.sha256 {
            return true;
        }
        let only_here = |here: &[RmdNumber], there: &[RmdNumber]| {
            here.iter().filter(|number| there.binary_search(number).is_err()).count()
        };
        let differ = |one: &[RmdNumber], other: &[RmdNumber]| {
            only_here(one, other) + only_here(other, one) <= AGREEMENT_FLOOR.max(one.len() / 50)
        };
        let kinds = |vetted: &Self| {
            let waiting = vetted.doubts.iter().filter(|doubt| doubt.resolution() > Resolution::Alarm);
            waiting.map(std::mem::discriminant).collect::<Vec<_>>()
        };
        differ(&self.gone, &second.gone) && differ(&self.come, &second.come) && kinds(self) == kinds(second)
    }
}

/// So many filings may go or come back between two copies that say the same; above that, 2 % of those that are gone.
const AGREEMENT_FLOOR: usize = 3;

fn exceeds(part: usize, whole: usize, percent: f64) -> bool {
    // Exact for any count of filings: f64 holds integers to 2^53.
    part as f64 * 100.0 > whole as f64 * percent
}

/// What a listing is judged against.
#[derive(Debug, Clone, Copy, Default)]
pub struct Against<'a> {
    /// The standing snapshot.
    pub current: Option<&'a Snapshot>,
    /// The removals up to it: what was removed once comes back, and is not new.
    pub removals: Option<&'a RemovalHistory>,
    /// The operator's own peers.
    pub peers: &'a [OwnPeer],
}

/// Judges a listing against the standing snapshot alone.
///
/// # Errors
///
/// As [`vet_against`].
pub fn vet(
    listing: Listing,
    provenance: Provenance,
    previous: Option<&Snapshot>,
    config: &VetConfig,
) -> Result<Vetted, Refusal> {
    vet_against(listing, provenance, Against { current: previous, ..Against::default() }, config)
}

/// Judges a listing.
///
/// # Errors
///
/// If it cannot be read. What can be read and is hard to believe has its doubts with it.
pub fn vet_against(
    listing: Listing,
    provenance: Provenance,
    against: Against<'_>,
    config: &VetConfig,
) -> Result<Vetted, Refusal> {
    refuse_unreadable(&listing, config)?;
    let previous = against.current;
    let current = previous.map_or(&[][..], |previous| &previous.filings);
    let fetched_at = provenance.fetched_at;
    let memory = Memory::of(previous, fetched_at, None);
    let odd_rows = rows::Odd::of(&listing);
    let (in_order, unreadable) = (listing.in_order, listing.unreadable);
    let before = previous.map(|previous| (previous.fetched_at, Dates::of(current, fetched_at)));
    let since = Since { newest: before.and_then(|(_, dates)| dates.newest), fetched_at };
    let compared = compare(listing.filings, &unreadable, previous, &memory, since);

    let dates = Dates::behind(before.as_ref().map(|(_, dates)| dates), &compared.filings, fetched_at);
    let memory = Memory::of(previous, fetched_at, dates.newest);
    let days = before.map_or(0.0, |(at, before)| memory::days_between((at, before.newest), (fetched_at, dates.newest)));
    let newcomers = Newcomers {
        current,
        removals: against.removals,
        memory: &memory,
        dates: before.map_or(dates, |(_, before)| before),
        days,
    };
    let told = newcomers.tell(&compared);
    let lost = loss::Lost::of(current, &compared, (against.removals, fetched_at));
    let peers = peers::Gone::among(against.peers, &lost);

    let step = Step { newcomers: &newcomers, compared: &compared, told: &told, lost: &lost, peers: &peers };
    let (mut doubts, lost_for_good) = step.doubts(previous.is_none(), in_order, config);
    doubts.extend(odd_rows.doubts(&compared, &dates));
    doubts.extend(carried(compared.carried.len(), unreadable.len()));
    // What only a person can settle is what a person should read first.
    doubts.sort_by_key(|doubt| std::cmp::Reverse(doubt.resolution()));

    let columns = (listing.missing_columns, listing.unknown_columns);
    let mut anomalies = anomalies(columns, &unreadable, compared.carried.len());
    anomalies.extend(peers.anomaly().into_iter().chain(unusual(&doubts)));

    let come = compared.numbers_come();
    let cells = Cells { undated: compared.undated, dated: compared.dated };
    let facts = facts((fetched_at, dates.newest), &doubts, lost_for_good, told, cells);
    let snapshot = Snapshot {
        serial: previous.map_or(SnapshotSerial::FIRST, |previous| previous.serial.next()),
        sha256: provenance.sha256,
        source: provenance.source,
        bytes: provenance.bytes,
        fetched_at,
        confirmed_at: fetched_at,
        filings: compared.filings,
        carried: compared.carried,
        anomalies,
        steps: memory.with(facts),
    };
    Ok(Vetted { snapshot, doubts, gone: compared.gone, come })
}

/// A step from the listing before, as it is judged.
struct Step<'a> {
    newcomers: &'a Newcomers<'a>,
    compared: &'a Compared,
    told: &'a Told,
    lost: &'a loss::Lost<'a>,
    peers: &'a peers::Gone,
}

impl Step<'_> {
    /// What is hard to believe of it, and how many filings it takes away for good.
    fn doubts(&self, is_first: bool, in_order: bool, config: &VetConfig) -> (Vec<Doubt>, usize) {
        if is_first {
            // A step from nothing can only lack its end.
            let end = in_order.then(|| ending::end_of_first(&self.compared.filings)).flatten();
            return (end.into_iter().collect(), 0);
        }
        let Newcomers { memory, days, current, .. } = *self.newcomers;
        let (mut doubts, lost_for_good) = loss::doubts(self.lost, memory, in_order, config);
        doubts.extend(self.newcomers.doubts(self.told, self.compared, config));
        doubts.extend(lately::doubts(self.compared, memory, self.told.last_before));
        doubts.extend(columns::doubts(self.compared, memory, days, config));
        doubts.extend(self.peers.doubt(self.compared.gone.len(), current.len()));
        (doubts, lost_for_good)
    }
}

/// More filings stand for rows that cannot be read than there are such rows.
fn carried(carried: usize, unreadable: usize) -> Option<Doubt> {
    (carried > unreadable).then_some(Doubt::Carried { carried, unreadable })
}

/// The cells of a step that changed, without a newer date and with one.
struct Cells {
    undated: Vec<ChangedCell>,
    dated: Vec<ChangedCell>,
}

/// What later steps remember of this one, fetched at a time and with this newest date.
fn facts(
    (fetched_at, content_day): (Timestamp, Option<Date>),
    doubts: &[Doubt],
    lost_for_good: usize,
    told: Told,
    cells: Cells,
) -> StepFacts {
    StepFacts {
        fetched_at,
        content_day,
        lost: u32::try_from(lost_for_good.saturating_sub(told.returns.all)).unwrap_or(u32::MAX),
        was_wave: doubts
            .iter()
            .any(|doubt| matches!(doubt, Doubt::Loss { .. }) && doubt.resolution() > Resolution::Alarm),
        end_gone: doubts.iter().any(|doubt| matches!(doubt, Doubt::EndGone { .. })),
        last_before: told.last_before.filter(|_| told.new + told.unlikely.len() > 0),
        unlikely: told.returns.remembered().iter().chain(&told.unlikely).copied().collect(),
        undated: cells.undated.into_iter().take(CELLS_KEPT).collect(),
        dated: cells.dated.into_iter().take(CELLS_KEPT).collect(),
        come: u32::try_from(told.new).unwrap_or(u32::MAX),
    }
}

/// What is odd about the file: columns that are missing and columns that no version knows, and rows that cannot be read.
fn anomalies(
    (missing, unknown): (Vec<Column>, Vec<String>),
    unreadable: &[UnreadableRow],
    carried: usize,
) -> Vec<Anomaly> {
    let mut anomalies: Vec<Anomaly> = missing.into_iter().map(Anomaly::MissingColumn).collect();
    anomalies.extend(unknown.into_iter().map(Anomaly::UnknownColumn));
    if let Some(first) = unreadable.iter().min_by_key(|row| row.line) {
        anomalies.push(Anomaly::UnreadableRows {
            rows: unreadable.len() as u64,
            carried: carried as u64,
            first: format!("line {}, {}", first.line, first.fault),
        });
    }
    anomalies
}

/// What is unusual and applied nevertheless.
fn unusual(doubts: &[Doubt]) -> Option<Anomaly> {
    let alarms: Vec<String> =
        doubts.iter().filter(|doubt| doubt.resolution() == Resolution::Alarm).map(Doubt::to_string).collect();
    (!alarms.is_empty()).then(|| Anomaly::Unusual { what: listed(&alarms) })
}

/// Refuses what is no whole listing.
fn refuse_unreadable(listing: &Listing, config: &VetConfig) -> Result<(), Refusal> {
    if let Some(truncation) = listing.truncated.clone() {
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
    Ok(())
}

#[cfg(test)]
mod tests;
