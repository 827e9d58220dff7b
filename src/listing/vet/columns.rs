//! How much each column may change at once: limits from the record.
//!
//! A filing that its filer amends bears a new `last_updated`; a fault of the source changes cells and leaves the date.
//! So cells are counted apart that change though their filing does not say that it was updated. `docs/vetting.md` has
//! what real steps came to in each column.

use super::compare::{CellChange, ColumnTally, Compared, EXAMPLES, Example, NEIGHBOURS, Neighbours, Tally, is_updated};
use super::config::VetConfig;
use super::doubt::{Doubt, Resolution};
use super::memory::Memory;
use super::{UNUSUAL_FLOOR, dates, exceeds};
use crate::domain::{ChangedCell, Column};

/// How much of one column may change, in percent of the filings that stand in both listings. Up to [`UNUSUAL_FLOOR`]
/// cells always may, but for the FRN.
struct Limits {
    column: Column,
    /// Without a date; above each, the listing is held.
    emptied: f64,
    filled: f64,
    withdrawn: f64,
    /// Of those that went from Yes to No, those in filings that have a date, which stayed.
    beside_a_date: f64,
    altered: f64,
    /// With a date, but for cells that are filled for the first time.
    dated: Option<f64>,
}

/// The columns on which decisions rest. In real steps: the foreign flag never changed without a date, nor did a name;
/// the implementation in 3 filings at the most. No role was ever emptied, with a date or without. In the first weeks of
/// 2024 the roles of 530 filings (6 %) were filled for the first time, and up to 139 (1.6 %) went from Yes to No for the
/// voice service and 3 for others; none ever went from No to Yes. Of those 139 filings 116 had no date at all, as had half
/// the list: a fault that strikes anywhere strikes those that have one as often. With a date, a role changed in 1.46 % at
/// the most, a name in 0.81 %, the foreign flag in 0.09 %.
const LIMITS: [Limits; 6] = [
    limits(Column::BusinessName, [1.0; 5], Some(1.75)),
    limits(Column::ForeignVoiceProvider, [0.1; 5], Some(0.25)),
    limits(Column::Implementation, [1.0; 5], None),
    limits(Column::VoiceServiceProviderChoice, [0.1, 8.0, 1.75, 0.32, 0.3], Some(1.75)),
    limits(Column::GatewayProviderChoice, [0.1, 8.0, 0.5, 0.32, 0.3], Some(1.75)),
    limits(Column::IntermediateProviderChoice, [0.1, 8.0, 0.5, 0.32, 0.3], Some(1.75)),
];

const fn limits(
    column: Column,
    [emptied, filled, withdrawn, beside_a_date, altered]: [f64; 5],
    dated: Option<f64>,
) -> Limits {
    Limits { column, emptied, filled, withdrawn, beside_a_date, altered, dated }
}

/// The limits are for one real step. Between listings that lie farther apart, as where one was held meanwhile, more
/// changes: from so many days on, as much again after so many more, up to so many times as much. Real pairs of listings
/// come to 2.4 % of a role without a date in 18 days, and with one to 2.5 % in 17 days and 3.5 % in fifteen months.
struct Growing {
    from_days: f64,
    as_much_again: f64,
}

const UNDATED_GROWS: Growing = Growing { from_days: 8.0, as_much_again: 12.0 };
const DATED_GROWS: Growing = Growing { from_days: 12.0, as_much_again: 8.0 };
const TIMES_AS_MUCH: f64 = 2.25;

impl Growing {
    fn times(&self, days: f64) -> f64 {
        (1.0 + (days - self.from_days) / self.as_much_again).clamp(1.0, TIMES_AS_MUCH)
    }
}

/// So many filings may change in one cell and their date alone: who amends a filing changes more of it. In a real step a
/// role did in 25 at the most.
const ALONE_HOLDS: usize = 50;
/// So many may change in nothing but cells on which decisions rest, and their date: 50 at the most.
const BARE_HOLDS: usize = 80;
/// So many changes with a date may be more than this share of all filings that were amended: 16 % at the most.
const OF_AMENDED_FLOOR: usize = 50;
const OF_AMENDED_PERCENT: f64 = 40.0;
/// A role is never emptied, and filled for the first time in so many percent of the filings: in 2.1 % at the most.
const DATED_FILLED_PERCENT: f64 = 4.0;
/// Of rows of neighbours in which a cell changed without a date or alone, so many filings may stand in all.
const NEIGHBOURS_HOLD: usize = 15;

/// Where more cells than these go from Yes to No without a date, a fault that strikes anywhere strikes filings that have one
/// as often as their share is: so many times as often at the least. In a real step it was 0.33 times, between listings two
/// weeks apart 0.48 times.
const EVENLY_FROM: usize = 50;
const EVENLY_TIMES: f64 = 0.75;

/// More cells of one column than these are an alarm. Those of filings that come at the same time cannot be counted, so it is
/// a little less than may be wrong unnoticed.
const CELLS_ALARM: usize = 8;

/// An FRN has never changed in a filing. One or two may be a correction.
const FRN_HOLDS: usize = 2;
/// And within the days that are remembered so many.
const FRN_LATELY_HOLDS: usize = 4;
/// Where false filings that came lately are taken back, true ones may bear so many of their numbers.
const FRN_OF_LATE_HOLDS: usize = 40;
/// Cells that change without a date add up over days to so many percent of the list at the most.
const UNDATED_LATELY_PERCENT: f64 = 2.5;
/// From so many it is an alarm, however few change at a time.
const UNDATED_LATELY_ALARMS: f64 = 20.0;
/// So many columns changed in many filings are a shift, even if no decision rests on them.
const SHIFTED_COLUMNS: usize = 3;

/// The same of cells in filings that say that they were updated. Before a deadline a role came to 185.
const DATED_LATELY_ALARMS: usize = 60;
const DATED_LATELY_HOLDS: usize = 350;

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
pub fn doubts(compared: &Compared, memory: &Memory<'_>, days: f64, config: &VetConfig) -> Vec<Doubt> {
    let mut doubts: Vec<Doubt> = frn(compared, memory).into_iter().collect();
    for limits in &LIMITS {
        doubts.extend(undated(compared, limits, memory, days));
        // Of two that weigh the same the one about this step is told.
        let dated = dated_lately(compared, limits, memory).into_iter().chain(dated(compared, limits, days));
        doubts.extend(dated.max_by_key(Doubt::resolution));
        doubts.extend(neighbours(compared, limits.column).or_else(|| alike(compared, limits.column)));
    }
    let undone = &compared.undone;
    doubts.extend(
        (undone.count > CELLS_ALARM).then(|| Doubt::Undoes { count: undone.count, examples: undone.examples.clone() }),
    );
    doubts.extend(shifted(compared, config));
    doubts
}

/// That cells of one column changed: in so many filings, of so many that stand in both listings, where so many may.
fn cells_of(
    column: Column,
    undated: Option<CellChange>,
    (changed, common, limit): (usize, usize, usize),
    examples: Vec<Example>,
    resolution: Resolution,
) -> Doubt {
    Doubt::Cells { column, undated, changed, common, limit, examples, resolution }
}

fn frn(compared: &Compared, memory: &Memory<'_>) -> Option<Doubt> {
    let tally = compared.columns.get(&Column::Frn)?;
    let changes = [CellChange::Emptied, CellChange::Filled, CellChange::Altered].map(|change| tally.undated(change));
    let worst = changes.into_iter().max_by_key(|tally| tally.count)?;
    let changed = tally.undated_count();
    // Where a few false filings came lately at the end, the true ones bear their numbers.
    let behind = memory.came_behind();
    let came_lately = |cell: &&ChangedCell| behind.is_some_and(|behind| cell.number > behind);
    let cells = || compared.undated.iter().filter(|cell| cell.column == Column::Frn);
    let lately = cells().filter(came_lately).count();
    // Two at a time come to many over days.
    let goes_on = changed > lately && changed - lately + memory.frns(&compared.filings) > FRN_LATELY_HOLDS;
    let holds = changed - lately > FRN_HOLDS || lately > FRN_OF_LATE_HOLDS || goes_on;
    let resolution = if holds { Resolution::Person } else { Resolution::SecondCopy };
    (changed > 0)
        .then(|| cells_of(Column::Frn, None, (changed, compared.common, 0), worst.examples.clone(), resolution))
}

/// Cells of one column that changed without a date: the worst of the ways in which they did.
fn undated(compared: &Compared, limits: &Limits, memory: &Memory<'_>, days: f64) -> Option<Doubt> {
    let tally = compared.columns.get(&limits.column)?;
    let ways = [CellChange::Emptied, CellChange::Filled, CellChange::Withdrawn, CellChange::Altered];
    let doubt = |change, limit, resolution| {
        let Tally { count, examples } = tally.undated(change);
        let counts = (*count, compared.common, limit);
        cells_of(limits.column, Some(change), counts, examples.clone(), resolution)
    };
    let in_time = UNDATED_GROWS.times(days) / 100.0;
    let share = |percent: f64| ((compared.common as f64 * percent * in_time) as usize).max(UNUSUAL_FLOOR);
    let limit = |change| share(limits.undated(change));
    let beyond = ways.into_iter().filter(|change| tally.undated(*change).count > limit(*change));
    if let Some(change) = beyond.max_by_key(|change| tally.undated(*change).count) {
        return Some(doubt(change, limit(change), Resolution::Person));
    }
    let beside_a_date = share(limits.beside_a_date);
    if tally.withdrawn_beside_a_date > beside_a_date {
        return Some(doubt(CellChange::Withdrawn, beside_a_date, Resolution::Person));
    }
    if strikes_evenly(compared, limits.column, tally) {
        return Some(doubt(CellChange::Withdrawn, EVENLY_FROM, Resolution::Person));
    }
    let most = ways.into_iter().max_by_key(|change| tally.undated(*change).count)?;
    let now = tally.undated_count() - tally.undated(CellChange::Filled).count;
    // A few at a time come to many over days.
    let lately_before = if now > 0 { memory.undated(limits.column, &compared.filings) } else { 0.0 };
    let lately = (compared.common as f64 * UNDATED_LATELY_PERCENT / 100.0).max(UNUSUAL_FLOOR as f64);
    if now > 0 && lately_before + now as f64 > lately {
        return Some(doubt(most, lately as usize, Resolution::Person));
    }
    let many_lately = now > 0 && lately_before + now as f64 > UNDATED_LATELY_ALARMS;
    if tally.undated(most).count > CELLS_ALARM || many_lately {
        return Some(doubt(most, CELLS_ALARM, Resolution::Alarm));
    }
    // A fault strikes filings that were amended just now or lately, too: it takes back what their filers wrote.
    let struck = tally.undated_count() + tally.undone.count;
    let together = struck + tally.dated_count() - tally.dated(CellChange::Filled).count;
    let examples = tally.undated(most).examples.iter().chain(&tally.undone.examples);
    (struck > 0 && together > CELLS_ALARM).then(|| {
        let counts = (together, compared.common, CELLS_ALARM);
        cells_of(limits.column, None, counts, examples.take(EXAMPLES).cloned().collect(), Resolution::Alarm)
    })
}

/// Whether filings that have a date turned from Yes to No as often as those that have none.
fn strikes_evenly(compared: &Compared, column: Column, tally: &ColumnTally) -> bool {
    let turned = tally.undated(CellChange::Withdrawn).count;
    if turned <= EVENLY_FROM {
        return false;
    }
    let beside_a_date = tally.withdrawn_beside_a_date;
    // What was updated meanwhile is not among those that turned without a date.
    let yes = compared.filings.iter().filter(|filing| filing.text(column) == "Yes");
    let dates = yes.map(|filing| dates::last_updated(filing)).filter(|date| !is_updated(compared.since, *date));
    let (all, dated) = dates.fold((0, 0), |(all, dated), date| (all + 1, dated + usize::from(date.is_some())));
    let share = (dated + beside_a_date) as f64 / (all + turned) as f64;
    beside_a_date as f64 > turned as f64 * share * EVENLY_TIMES
}

/// Cells of one column that changed in filings that say that they were updated: a fault may write dates, too. What tells
/// it is that it changes nothing else, and more than is amended at that time.
fn dated(compared: &Compared, limits: &Limits, days: f64) -> Option<Doubt> {
    let tally = compared.columns.get(&limits.column)?;
    let (emptied, filled) = (tally.dated(CellChange::Emptied), tally.dated(CellChange::Filled));
    let (changed, most) = changed_with_a_date(tally);
    let times = DATED_GROWS.times(days);
    let share = |percent: f64| ((compared.common as f64 * percent * times / 100.0) as usize).max(UNUSUAL_FLOOR);
    let in_time = share(limits.dated?);
    let bare_holds = (BARE_HOLDS as f64 * times) as usize;
    let doubt = |changed: usize, limit: usize, of: &Tally, resolution| {
        let counts = (changed, compared.common, limit);
        (changed > limit).then(|| cells_of(limits.column, None, counts, of.examples.clone(), resolution))
    };
    let of_amended = if exceeds(changed, compared.amended, OF_AMENDED_PERCENT) { OF_AMENDED_FLOOR } else { usize::MAX };
    let never_emptied = if limits.column == Column::BusinessName { usize::MAX } else { UNUSUAL_FLOOR };
    let (alone, bare) = (&tally.alone, &tally.bare);
    doubt(emptied.count, never_emptied, emptied, Resolution::Person)
        .or_else(|| doubt(changed, in_time, most, Resolution::Person))
        .or_else(|| doubt(alone.count, ALONE_HOLDS, alone, Resolution::Person))
        .or_else(|| doubt(bare.count, bare_holds, bare, Resolution::Person))
        .or_else(|| doubt(changed, of_amended, most, Resolution::Person))
        .or_else(|| doubt(filled.count, share(DATED_FILLED_PERCENT), filled, Resolution::Person))
        .or_else(|| doubt(changed, CELLS_ALARM, most, Resolution::Alarm))
        .or_else(|| doubt(filled.count, CELLS_ALARM, filled, Resolution::Alarm))
}

/// How many cells changed in filings that say that they were updated, and were not filled for the first time; and the way in which
/// most of them did.
fn changed_with_a_date(tally: &ColumnTally) -> (usize, &Tally) {
    let [emptied, withdrawn, altered] =
        [CellChange::Emptied, CellChange::Withdrawn, CellChange::Altered].map(|change| tally.dated(change));
    let most =
        [withdrawn, altered].into_iter().fold(emptied, |most, way| if way.count >= most.count { way } else { most });
    (emptied.count + withdrawn.count + altered.count, most)
}

/// Cells that changed a few at a time in filings that say that they were updated: they come to many over days.
fn dated_lately(compared: &Compared, limits: &Limits, memory: &Memory<'_>) -> Option<Doubt> {
    let column = limits.dated.map(|_| limits.column)?;
    let tally = compared.columns.get(&column)?;
    let (now, most) = changed_with_a_date(tally);
    if now == 0 {
        return None;
    }
    let lately = memory.dated(column, &compared.filings) as usize + now;
    let (limit, resolution) = match lately {
        lately if lately > DATED_LATELY_HOLDS => (DATED_LATELY_HOLDS, Resolution::Person),
        lately if lately > DATED_LATELY_ALARMS => (DATED_LATELY_ALARMS, Resolution::Alarm),
        _ => return None,
    };
    Some(cells_of(column, None, (now, compared.common, limit), most.examples.clone(), resolution))
}

/// Neighbours in which a cell of one column changed: filers do not amend side by side, and a page or a block does.
fn neighbours(compared: &Compared, column: Column) -> Option<Doubt> {
    let Neighbours { longest: rows, in_rows, .. } = compared.columns.get(&column)?.neighbours;
    // Over fifteen months, the implementation changed in ten neighbours. No verdict rests on it.
    let holds = in_rows > NEIGHBOURS_HOLD && column != Column::Implementation;
    let resolution = if holds { Resolution::Person } else { Resolution::Alarm };
    (rows >= NEIGHBOURS).then_some(Doubt::Neighbours { column, rows, in_rows, resolution })
}

/// The same of filings that held one answer, with others between them: where a page loses its answers, those between show
/// nothing. In real weeks there were never more than four, but over fifteen months 39.
fn alike(compared: &Compared, column: Column) -> Option<Doubt> {
    let alike = compared.columns.get(&column)?.alike;
    let Neighbours { longest: rows, in_rows, .. } = alike.into_iter().max_by_key(|alike| alike.longest)?;
    (rows >= NEIGHBOURS).then_some(Doubt::Alike { column, rows, in_rows })
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
    let doubt = |columns: &dyn Fn() -> Vec<Column>, resolution| {
        let columns = columns();
        let column = columns.iter().copied().max_by_key(share)?;
        Some(Doubt::Amended {
            column,
            amended: share(&column),
            common: compared.common,
            others: columns.len() - 1,
            resolution,
        })
    };
    let much = || over(config.max_amended_percent);
    if much().any(Column::is_essential) || much().count() >= SHIFTED_COLUMNS {
        return doubt(&|| much().collect(), Resolution::Person);
    }
    doubt(&|| over(config.corroborate_amended_percent).collect(), Resolution::SecondCopy)
}
