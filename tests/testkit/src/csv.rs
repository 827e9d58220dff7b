//! A world as the file that the FCC would publish.

use std::borrow::Cow;

use crate::filing::{COLUMNS, OLDER, RECERTIFIED, Row, place};
use crate::world::World;

/// How lines end. Line ends inside cells are the cells' own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnd {
    /// LF.
    #[default]
    Lf,
    /// CR LF.
    CrLf,
    /// CR alone.
    Cr,
}

/// The form of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvFormat {
    /// A byte order mark comes first.
    pub bom: bool,
    /// How lines end.
    pub line_end: LineEnd,
    /// With `last_recertified`, as since January 2026.
    pub recertified: bool,
    /// With `intermediate_provider` and `ipr_imported`, as in the early exports.
    pub older: bool,
    /// These columns in this order instead, whatever the two fields above say. A name that is no column's gets
    /// made-up cells.
    pub columns: Option<Vec<String>>,
    /// Whether the last line has a line end.
    pub final_line_end: bool,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            bom: false,
            line_end: LineEnd::Lf,
            recertified: false,
            older: false,
            columns: None,
            final_line_end: true,
        }
    }
}

impl World {
    /// The file in its usual form: the 22 columns, LF, no byte order mark.
    pub fn to_csv(&self) -> Vec<u8> {
        self.to_csv_with(&CsvFormat::default())
    }

    /// The file in this form.
    pub fn to_csv_with(&self, format: &CsvFormat) -> Vec<u8> {
        let end = match format.line_end {
            LineEnd::Lf => "\n",
            LineEnd::CrLf => "\r\n",
            LineEnd::Cr => "\r",
        };
        let columns = format.columns.clone().unwrap_or_else(|| {
            let mut columns: Vec<String> = COLUMNS.iter().map(|column| (*column).to_owned()).collect();
            if format.recertified {
                columns.insert(columns.len() - 1, RECERTIFIED.to_owned());
            }
            if format.older {
                columns.extend(OLDER.map(str::to_owned));
            }
            columns
        });
        let places: Vec<Option<usize>> = columns.iter().map(|column| place(column)).collect();
        let mut text = String::with_capacity(550 * (self.len() + 1));
        if format.bom {
            text.push('\u{feff}');
        }
        for (at, column) in columns.iter().enumerate() {
            push_cell(&mut text, at, column);
        }
        for row in self.filings() {
            text.push_str(end);
            for (at, (column, place)) in columns.iter().zip(&places).enumerate() {
                match place {
                    Some(place) => push_cell(&mut text, at, row.at(*place)),
                    None => push_cell(&mut text, at, &further_cell(row, column)),
                }
            }
        }
        if format.final_line_end {
            text.push_str(end);
        }
        text.into_bytes()
    }
}

/// The cell of a column that the listing does not have: made up, unless the row was given one.
fn further_cell<'a>(row: &'a Row, column: &str) -> Cow<'a, str> {
    match row.get(column) {
        "" => format!("made up for {}", row.get("number")).into(),
        cell => cell.into(),
    }
}

/// Quoted only where it must be, as in the real file.
fn push_cell(text: &mut String, at: usize, cell: &str) {
    if at > 0 {
        text.push(',');
    }
    if cell.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        text.push('"');
        for (part, piece) in cell.split('"').enumerate() {
            if part > 0 {
                text.push_str("\"\"");
            }
            text.push_str(piece);
        }
        text.push('"');
    } else {
        text.push_str(cell);
    }
}
