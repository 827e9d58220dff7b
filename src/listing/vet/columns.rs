//! How much each column may change at once: limits from the record.
//!
//! A filing that its filer amends bears a new `last_updated`; a fault of the source changes cells and leaves the date.
//! So cells are counted apart that change though their filing does not say that it was updated. `docs/vetting.md` has
//! what real steps came to in each column.

use super::compare::{CellChange, Compared};
use super::config::VetConfig;
use super::doubt::{Doubt, Settles};
use super::memory::Memory;
use super::{UNUSUAL_FLOOR, exceeds};
use crate::domain::{Column, UndatedCell};

/// How much of one column may change, in percent of the filings that stand in both listings. Up to [`UNUSUAL_FLOOR`]
/// cells always may, but for the FRN.
struct Limits {
    column: Column,
    /// Without a date; above each, the listing is held.
    emptied: f64,
    filled: f64,
    withdrawn: f64,
    altered: f64,
    /// With a date: above the first a second copy must say the same, above the second the listing is held.
    dated: Option<(f64, f64)>,
}

/// The columns on which decisions rest. In real steps: the foreign flag never changed without a date, nor did a name;
/// the implementation in 3 filings at the most. No role was ever emptied. In the first weeks of 2024 the roles of 530
/// filings (6 %) were filled for the first time, and up to 139 (1.6 %) went from Yes to No for the voice service and 3
/// for others; none ever went from No to Yes.
const LIMITS: [Limits; 6] = [
    limits(Column::BusinessName, [1.0; 4], Some((3.0, 10.0))),
    limits(Column::ForeignVoiceProvider, [0.1; 4], Some((0.5, 1.0))),
    limits(Column::Implementation, [1.0; 4], None),
    limits(Column::VoiceServiceProviderChoice, [0.1, 8.0, 2.0, 0.3], Some((5.0, 10.0))),
    limits(Column::GatewayProviderChoice, [0.1, 8.0, 0.5, 0.3], Some((5.0, 10.0))),
    limits(Column::IntermediateProviderChoice, [0.1, 8.0, 0.5, 0.3], Some((5.0, 10.0))),
];

const fn limits(column: Column, [emptied, filled, withdrawn, altered]: [f64; 4], dated: Option<(f64, f64)>) -> Limits {
    Limits { column, emptied, filled, withdrawn, altered, dated }
}

/// An FRN has never changed in a filing. One or two may be a correction.
const FRN_HOLDS: usize = 2;
const FRN_OF_LATE_HOLDS: usize = 10;
/// Cells that change without a date add up over days to so many percent of the list at the most.
const UNDATED_LATELY_PERCENT: f64 = 2.5;
/// From so many it is an alarm, however few change at a time.
const UNDATED_LATELY_ALARMS: f64 = 20.0;
/// So many columns changed in many filings are a shift, even if no decision rests on them.
const SHIFTED_COLUMNS: usize = 3;

impl Limits {
    fn undated(&self, change: CellChange) -> f64 {
        match change {
            CellChange::Emptied => self.emptied,
            CellChange::Filled => self.filled,
            CellChange::Withdrawn => self.withdrawn,
            CellChange::Altered => self.altered,
        }
    }
}

/// What there is to doubt about the cells.
pub fn doubts(compared: &Compared, memory: &Memory<'_>, config: &VetConfig) -> Vec<Doubt> {
    let mut doubts: Vec<Doubt> = frn(compared, memory).into_iter().collect();
    for limits in &LIMITS {
        doubts.extend(undated(compared, limits, memory));
        doubts.extend(dated(compared, limits));
    }
    doubts.extend(shifted(compared, config));
    doubts
}

fn frn(compared: &Compared, memory: &Memory<'_>) -> Option<Doubt> {
    let tally = compared.columns.get(&Column::Frn)?;
    let changes = [CellChange::Emptied, CellChange::Filled, CellChange::Altered].map(|change| tally.undated(change));
    let worst = changes.into_iter().max_by_key(|tally| tally.count)?;
    let changed = tally.undated_count();
    // Where a few false filings came lately at the end, the true ones bear their numbers.
    let behind = memory.came_behind();
    let came_lately = |cell: &&UndatedCell| behind.is_some_and(|behind| cell.number > behind);
    let cells = || compared.undated.iter().filter(|cell| cell.column == Column::Frn);
    let lately = cells().filter(came_lately).count();
    let holds = changed - lately > FRN_HOLDS || lately > FRN_OF_LATE_HOLDS;
    let settles = if holds { Settles::Person } else { Settles::SecondCopy };
    (changed > 0).then(|| Doubt::Cells {
        column: Column::Frn,
        undated: None,
        changed,
        common: compared.common,
        limit: 0,
        examples: worst.examples.clone(),
        settles,
    })
}

/// Cells of one column that changed without a date: the worst of the ways in which they did.
fn undated(compared: &Compared, limits: &Limits, memory: &Memory<'_>) -> Option<Doubt> {
    let tally = compared.columns.get(&limits.column)?;
    let ways = [CellChange::Emptied, CellChange::Filled, CellChange::Withdrawn, CellChange::Altered];
    let doubt = |change, limit, settles| {
        let tally = tally.undated(change);
        Doubt::Cells {
            column: limits.column,
            undated: Some(change),
            changed: tally.count,
            common: compared.common,
            limit,
            examples: tally.examples.clone(),
            settles,
        }
    };
    let limit = |change| ((compared.common as f64 * limits.undated(change) / 100.0) as usize).max(UNUSUAL_FLOOR);
    let beyond = ways.into_iter().filter(|change| tally.undated(*change).count > limit(*change));
    if let Some(change) = beyond.max_by_key(|change| tally.undated(*change).count) {
        return Some(doubt(change, limit(change), Settles::Person));
    }
    let most = ways.into_iter().max_by_key(|change| tally.undated(*change).count)?;
    let now = tally.undated_count() - tally.undated(CellChange::Filled).count;
    // A few at a time come to many over days.
    let lately = (compared.common as f64 * UNDATED_LATELY_PERCENT / 100.0).max(UNUSUAL_FLOOR as f64);
    if now > 0 && memory.undated(limits.column) + now as f64 > lately {
        return Some(doubt(most, lately as usize, Settles::Person));
    }
    let many_lately = now > 0 && memory.undated(limits.column) + now as f64 > UNDATED_LATELY_ALARMS;
    (tally.undated_count() > UNUSUAL_FLOOR || many_lately).then(|| doubt(most, UNUSUAL_FLOOR, Settles::Alarm))
}

fn dated(compared: &Compared, limits: &Limits) -> Option<Doubt> {
    let tally = &compared.columns.get(&limits.column)?.dated;
    let (corroborate, hold) = limits.dated?;
    let over = |percent: f64, settles| {
        let limit = ((compared.common as f64 * percent / 100.0) as usize).max(UNUSUAL_FLOOR);
        (tally.count > limit).then(|| Doubt::Cells {
            column: limits.column,
            undated: None,
            changed: tally.count,
            common: compared.common,
            limit,
            examples: tally.examples.clone(),
            settles,
        })
    };
    over(hold, Settles::Person).or_else(|| over(corroborate, Settles::SecondCopy))
}

/// Columns of which very many cells changed, whatever their dates. Where no decision rests on a column, cells that are
/// filled or emptied are a column that came or went.
fn shifted(compared: &Compared, config: &VetConfig) -> Option<Doubt> {
    let share = |column: &Column| compared.columns.get(column).map_or(0, |tally| tally.shifted);
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
