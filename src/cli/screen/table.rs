//! Tables: on a terminal as wide as it is, values cut where they must be; for a pipe a record a line, and nothing cut.

use comfy_table::{Attribute, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Width};

use super::super::text::{self, say};
use super::{columns, cut, width};

/// So many columns stand between two.
const GAP: usize = 2;

/// A column that may be cut is no narrower.
const NARROWEST: usize = 12;

/// Stands for a blank while a table is laid out: a name is cut where the room ends, not where its last word began.
const HARD_BLANK: &str = "\u{a0}";

/// What is wider than this does not widen its column for a pipe: one long name would pad them all.
const WIDEST_PADDED: usize = 40;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    may_be_cut: bool,
    is_number: bool,
    /// It is shown on terminals of so many columns and more.
    from: usize,
}

impl Column {
    /// One whose values are shown whole: a time, a number of the database.
    pub const fn whole(title: &'static str) -> Self {
        Self { title, may_be_cut: false, is_number: false, from: 0 }
    }

    /// One whose values are cut where there is no room: a name.
    pub const fn text(title: &'static str) -> Self {
        Self { title, may_be_cut: true, is_number: false, from: 0 }
    }

    /// A count.
    pub const fn number(title: &'static str) -> Self {
        Self { title, may_be_cut: false, is_number: true, from: 0 }
    }

    /// The same, left out on terminals that are narrower.
    pub const fn from(self, columns: usize) -> Self {
        Self { from: columns, ..self }
    }
}

/// What is in a cell, and its colour.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    look: Look,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Good,
    Doubtful,
    Bad,
}

impl Cell {
    /// In no colour.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Plain }
    }

    /// As it should be.
    pub fn good(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Good }
    }

    /// To be looked at.
    pub fn doubtful(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Doubtful }
    }

    /// As it should not be.
    pub fn bad(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Bad }
    }

    fn coloured(&self, padded: &str) -> String {
        let Some(behind) = padded.strip_prefix(&self.text) else { return padded.to_owned() };
        let shown = match self.look {
            // Nothing has no colour, and ends no line.
            _ if self.text.is_empty() => return padded.to_owned(),
            Look::Plain => return padded.to_owned(),
            Look::Good => text::good(&self.text),
            Look::Doubtful => text::doubtful(&self.text),
            Look::Bad => text::bad(&self.text),
        };
        format!("{shown}{behind}")
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::plain(text)
    }
}

#[derive(Debug)]
struct Record {
    cells: Vec<Cell>,
    notes: Vec<String>,
}

/// A table of records.
#[derive(Debug)]
pub struct Table {
    columns: &'static [Column],
    records: Vec<Record>,
}

impl Table {
    /// One with these columns and no records.
    pub fn new(columns: &'static [Column]) -> Self {
        Self { columns, records: Vec::new() }
    }

    /// Adds a record: its cells, one for each column, and what else is to be known of it. That stands below it on a terminal,
    /// and behind it for a pipe.
    pub fn add(&mut self, cells: impl IntoIterator<Item = Cell>, notes: Vec<String>) {
        self.records.push(Record { cells: cells.into_iter().collect(), notes });
    }

    /// Whether it has no records.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Prints it, with its titles; nothing if it has no records.
    pub fn print(&self) {
        if self.is_empty() {
            return;
        }
        match columns() {
            None => self.print_for_pipe(),
            Some(terminal) if self.least_width(terminal) > terminal => self.print_narrow(),
            Some(terminal) => self.lines(terminal).iter().for_each(|line| say!("{line}")),
        }
    }

    /// Which columns are shown on a terminal so wide.
    fn shown(&self, terminal: usize) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(move |(_, column)| column.from <= terminal)
    }

    fn widest(&self, place: usize, column: &Column) -> usize {
        let cells = self.records.iter().filter_map(|record| record.cells.get(place));
        cells.map(|cell| width(&cell.text)).chain([width(column.title)]).max().unwrap_or_default()
    }

    /// How much room it needs at least.
    fn least_width(&self, terminal: usize) -> usize {
        let least = |(place, column): (usize, &Column)| match (self.widest(place, column), column.may_be_cut) {
            (widest, true) => widest.min(NARROWEST),
            (widest, false) => widest,
        };
        let widths: Vec<usize> = self.shown(terminal).map(least).collect();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    /// A record a line, whatever its length.
    fn print_for_pipe(&self) {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, column)| {
                let cells = self.records.iter().filter_map(|record| record.cells.get(place));
                let fits = cells.map(|cell| width(&cell.text)).filter(|width| *width <= WIDEST_PADDED);
                fits.chain([width(column.title)]).max().unwrap_or_default()
            })
            .collect();
        let pad = |text: &str, place: usize| {
            let room = widths.get(place).copied().unwrap_or_default().saturating_sub(width(text));
            match self.columns.get(place).is_some_and(|column| column.is_number) {
                true => format!("{}{text}", " ".repeat(room)),
                false => format!("{text}{}", " ".repeat(room)),
            }
        };
        let titles: Vec<String> =
            self.columns.iter().enumerate().map(|(place, column)| pad(column.title, place)).collect();
        say!("{}", text::strong(titles.join("  ").trim_end()));
        for record in &self.records {
            let cells = record.cells.iter().enumerate();
            let cells: Vec<String> = cells.map(|(place, cell)| cell.coloured(&pad(&cell.text, place))).collect();
            let line = cells.join("  ").trim_end().to_owned();
            let notes = record.notes.iter().map(|note| format!("  {} {note}", text::doubtful("!")));
            say!("{line}{}", notes.collect::<String>());
        }
    }

    /// Where there is no room for a table: each record by itself, on as many lines as it takes. Each cell but the first has
    /// the title of its column in front.
    fn print_narrow(&self) {
        for record in &self.records {
            let cells = record.cells.iter().zip(self.columns).zip(0..).filter(|((cell, _), _)| !cell.text.is_empty());
            let cells: Vec<String> = cells
                .map(|((cell, column), place)| match (cell.coloured(&cut(&cell.text, 200)), place) {
                    (shown, 0) => shown,
                    (shown, _) => format!("{} {shown}", column.title.to_lowercase()),
                })
                .collect();
            say!("{}", cells.join(", "));
            print_notes(&record.notes);
        }
    }

    /// The lines of it on a terminal so wide.
    fn lines(&self, terminal: usize) -> Vec<String> {
        let shown: Vec<(usize, &Column)> = self.shown(terminal).collect();
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::TableStyle::new()).enforce_styling().set_truncation_indicator("…");
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(terminal).unwrap_or(u16::MAX));
        let title = |(_, column): &(usize, &Column)| {
            let alignment = if column.is_number { CellAlignment::Right } else { CellAlignment::Left };
            comfy_table::Cell::new(column.title).add_attribute(Attribute::Bold).set_alignment(alignment)
        };
        table.set_header(Row::from(shown.iter().map(title).collect::<Vec<_>>()));
        for record in &self.records {
            let cells = shown.iter().map(|(place, column)| to_table(record.cells.get(*place), column));
            let mut row = Row::from(cells.collect::<Vec<_>>());
            row.max_height(1);
            table.add_row(row);
        }
        for (at, (place, column)) in shown.iter().enumerate() {
            let gap = if at + 1 < shown.len() { GAP } else { 0 };
            let padding = u16::try_from(gap).unwrap_or_default();
            let whole = u16::try_from(self.widest(*place, column).min(terminal)).unwrap_or(u16::MAX);
            let least = whole.min(u16::try_from(NARROWEST).unwrap_or_default());
            if let Some(of) = table.column_mut(at) {
                of.set_padding((0, padding));
                of.set_constraint(match column.may_be_cut {
                    true => ColumnConstraint::Boundaries {
                        lower: Width::Fixed(least.saturating_add(padding)),
                        upper: Width::Fixed(whole.saturating_add(padding)),
                    },
                    false => ColumnConstraint::Absolute(Width::Fixed(whole.saturating_add(padding))),
                });
            }
        }
        let mut lines = table.lines().map(|line| line.replace(HARD_BLANK, " ").trim_end().to_owned());
        let mut all: Vec<String> = lines.next().into_iter().collect();
        for (record, line) in self.records.iter().zip(lines) {
            all.push(line);
            all.extend(record.notes.iter().flat_map(|note| note_lines(note, terminal)));
        }
        all
    }
}

fn to_table(cell: Option<&Cell>, column: &Column) -> comfy_table::Cell {
    let Some(cell) = cell else { return comfy_table::Cell::new("") };
    let shown = comfy_table::Cell::new(cell.text.replace(' ', HARD_BLANK));
    let shown = if column.is_number { shown.set_alignment(CellAlignment::Right) } else { shown };
    match cell.look {
        Look::Plain => shown,
        Look::Good => shown.fg(Color::DarkGreen).add_attribute(Attribute::Bold),
        Look::Doubtful => shown.fg(Color::DarkYellow).add_attribute(Attribute::Bold),
        Look::Bad => shown.fg(Color::DarkRed).add_attribute(Attribute::Bold),
    }
}

fn note_lines(note: &str, terminal: usize) -> Vec<String> {
    super::fitted(&format!("    {} {note}", text::doubtful("!")), terminal, 6)
}

fn print_notes(notes: &[String]) {
    for note in notes {
        say!("    {} {note}", text::doubtful("!"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static COLUMNS: [Column; 4] =
        [Column::whole("AT"), Column::number("COUNT"), Column::text("NAME"), Column::whole("WHERE").from(60)];

    fn table(name: &str) -> Table {
        let mut table = Table::new(&COLUMNS);
        let cells = |name: &str, count: &str| {
            [Cell::good("2026-11-26 02:42:49 UTC"), count.into(), name.into(), "Springfield".into()]
        };
        table.add(cells(name, "1,203"), Vec::new());
        table
            .add(cells("Short", "7"), vec!["a note that is longer than what there is room for on one line".to_owned()]);
        table
    }

    #[test]
    fn a_table_is_no_wider_than_the_terminal_and_a_record_is_one_line() {
        for terminal in [45, 60, 80, 200] {
            let lines = table(&"名前 Example ".repeat(300)).lines(terminal);
            assert!(lines.iter().all(|line| width(line) <= terminal), "{terminal}: {lines:#?}");
            let records = lines.iter().filter(|line| line.contains("UTC")).count();
            assert_eq!(records, 2, "{terminal}: {lines:#?}");
            assert_eq!(lines.iter().any(|line| line.contains("Springfield")), terminal >= 60);
            assert!(lines.iter().any(|line| line.contains('…')), "{lines:#?}");
        }
    }

    #[test]
    fn what_has_room_is_not_cut_and_counts_stand_under_one_another() {
        let lines = table("Example").lines(200);
        assert!(!lines.concat().contains('…'), "{lines:#?}");
        let place = |line: &str, text: &str| line.find(text).map(|at| width(&line[..at]) + width(text));
        assert_eq!(place(&lines[1], "1,203"), place(&lines[2], " 7"), "{lines:#?}");
    }
}
