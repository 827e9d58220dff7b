//! How often cells changed, by how, and where they stand.

use super::cells_differ;
use crate::domain::{Column, Filing, RmdNumber};

/// How a cell changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellChange {
    /// It is empty, and was not.
    Emptied,
    /// It was empty, and is not.
    Filled,
    /// It was Yes and is No.
    Withdrawn,
    /// It held another text.
    Altered,
}

impl CellChange {
    const COUNT: usize = 4;

    pub(super) fn of(before: &str, after: &str) -> Self {
        match (before.trim(), after.trim()) {
            (_, "") => Self::Emptied,
            ("", _) => Self::Filled,
            ("Yes", "No") => Self::Withdrawn,
            _ => Self::Altered,
        }
    }
}

/// One filing of many, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The filing.
    pub number: RmdNumber,
    /// What the cell held and holds; nothing where it may be somebody's personal data.
    pub cells: Option<(String, String)>,
}

/// So many examples are kept.
pub const EXAMPLES: usize = 3;

/// How often something happened, and where for example.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub count: usize,
    pub examples: Vec<Example>,
}

impl Tally {
    pub(super) fn add(&mut self, number: RmdNumber, cells: Option<(&str, &str)>) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            let cells = cells.map(|(before, after)| (before.to_owned(), after.to_owned()));
            self.examples.push(Example { number, cells });
        }
    }
}

/// The longest row of neighbours of which something is so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Neighbours {
    /// Where the last one stands.
    last: Option<usize>,
    row: usize,
    /// How many the longest has.
    pub longest: usize,
    /// How many stand in rows of [`NEIGHBOURS`] and more.
    pub in_rows: usize,
}

/// So many neighbours in a row are unusual: in real steps there were never more than 3.
pub const NEIGHBOURS: usize = 5;

impl Neighbours {
    pub(super) fn add(&mut self, place: usize) {
        let follows = self.last.is_some_and(|last| last + 1 == place);
        self.row = if follows { self.row + 1 } else { 1 };
        self.longest = self.longest.max(self.row);
        self.in_rows += match self.row {
            NEIGHBOURS => NEIGHBOURS,
            longer if longer > NEIGHBOURS => 1,
            _ => 0,
        };
        self.last = Some(place);
    }
}

/// What changed in one column.
#[derive(Debug, Clone, Default)]
pub struct ColumnTally {
    /// Cells that changed though the filing does not say that it was updated, by how.
    pub(super) undated: [Tally; CellChange::COUNT],
    /// Cells of filings that say so, by how.
    pub(super) dated: [Tally; CellChange::COUNT],
    /// Those of `dated`, not filled for the first time, of filings in which no other cell changed: an amendment hardly
    /// ever changes so little.
    pub alone: Tally,
    /// The same where only cells on which decisions rest changed.
    pub bare: Tally,
    /// Cells without a date that went from Yes to No in filings that have a date, which stayed.
    pub withdrawn_beside_a_date: usize,
    /// Cells without a date that hold again what they held before a step lately changed them: none of the above.
    pub undone: Tally,
    /// Neighbours that changed in a row, without a date or alone.
    pub neighbours: Neighbours,
    /// Cells that changed in a row among those that held the same answer, whatever the date: a fault that turns one answer
    /// into another in a page shows only there.
    pub alike: [Neighbours; Alike::COUNT],
    /// Cells that tell of a shift of columns, whatever the date: filled before and after, or of a column on which
    /// decisions rest.
    pub shifted: usize,
}

impl ColumnTally {
    /// Cells that changed in this way though the filing does not say that it was updated.
    pub fn undated(&self, change: CellChange) -> &Tally {
        &self.undated[change as usize]
    }

    /// All of them.
    pub fn undated_count(&self) -> usize {
        self.undated.iter().map(|tally| tally.count).sum()
    }

    /// Cells that changed in this way in filings that say that they were updated.
    pub fn dated(&self, change: CellChange) -> &Tally {
        &self.dated[change as usize]
    }

    /// All of them.
    pub fn dated_count(&self) -> usize {
        self.dated.iter().map(|tally| tally.count).sum()
    }

    /// `place` is where it stands among others, if it matters whether its neighbours changed as well.
    pub(super) fn note_breadth(
        &mut self,
        breadth: Breadth,
        number: RmdNumber,
        shown: Option<(&str, &str)>,
        place: Option<usize>,
    ) {
        if breadth <= Breadth::Bare {
            self.bare.add(number, shown);
        }
        if breadth == Breadth::Alone {
            self.alone.add(number, shown);
            place.into_iter().for_each(|place| self.neighbours.add(place));
        }
    }
}

/// The answers of a column in which filings are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alike {
    Yes,
    No,
}

impl Alike {
    const COUNT: usize = 2;
    /// The columns in which they are.
    const COLUMNS: [Column; 4] = [
        Column::ForeignVoiceProvider,
        Column::VoiceServiceProviderChoice,
        Column::GatewayProviderChoice,
        Column::IntermediateProviderChoice,
    ];

    pub(super) fn of(filing: &Filing, column: Column) -> Option<Self> {
        match filing.cell(column).trim() {
            "Yes" => Some(Self::Yes),
            "No" => Some(Self::No),
            _ => None,
        }
    }
}

/// How many filings of the standing listing, so far, held each answer in each column.
#[derive(Debug, Default)]
pub(super) struct Held([[usize; Alike::COUNT]; Alike::COLUMNS.len()]);

impl Held {
    pub(super) fn add(&mut self, before: &Filing) {
        for column in Alike::COLUMNS {
            if let Some((_, count)) = self.count(before, column) {
                *count += 1;
            }
        }
    }

    /// What a filing held in a column, and how many held that so far.
    pub(super) fn count(&mut self, before: &Filing, column: Column) -> Option<(Alike, &mut usize)> {
        let counts = Alike::COLUMNS.iter().position(|known| *known == column).and_then(|at| self.0.get_mut(at))?;
        let held = Alike::of(before, column)?;
        counts.get_mut(held as usize).map(|count| (held, count))
    }

    /// As if the last one were not there.
    pub(super) fn leave_out(&mut self, before: &Filing, column: Column) {
        if let Some((_, count)) = self.count(before, column) {
            *count -= 1;
        }
    }

    /// What the last one held in a column, and its place among those that held it.
    pub(super) fn place(&mut self, before: &Filing, column: Column) -> Option<(Alike, usize)> {
        self.count(before, column).map(|(held, count)| (held, *count))
    }
}

/// How much of a filing changed, dates and address aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Breadth {
    /// One cell.
    Alone,
    /// Several on which decisions rest, and no other.
    Bare,
    /// Others too.
    Wide,
}

impl Breadth {
    pub(super) fn of(before: &Filing, after: &Filing) -> Self {
        let changed = |column: &Column| cells_differ(before, after, *column);
        let dates = |column: &Column| matches!(column, Column::LastUpdated | Column::FilingUrl);
        let mut changed = Column::ALL.into_iter().filter(|column| !dates(column)).filter(changed);
        match (changed.next(), changed.next()) {
            (first, Some(second)) => {
                let mut all = first.into_iter().chain([second]).chain(changed);
                if all.all(Column::is_essential) { Self::Bare } else { Self::Wide }
            }
            _ => Self::Alone,
        }
    }
}
