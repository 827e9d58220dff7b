//! CSV that people keep themselves: a header and rows, read whole before anything is done with it.

use std::fmt;

use csv::{ReaderBuilder, WriterBuilder};
use thiserror::Error;

/// A table that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The header's names as they stand in the file.
    pub header: Vec<String>,
    /// The rows that are not blank.
    pub rows: Vec<Row>,
}

/// One row, with a cell for each name of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which, the header being row 1.
    pub row: u64,
    /// Its cells, without the blanks around them.
    pub cells: Vec<String>,
}

/// Why a table cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableError {
    /// It is no CSV.
    #[error("it cannot be read as CSV: {0}")]
    Csv(String),
    /// A header and nothing below it, or nothing at all.
    #[error("it is empty: it has no row below a header")]
    Empty,
    /// Rows that say nothing that can be used.
    #[error("{}", bad_rows(.0))]
    BadRows(Vec<BadRow>),
}

/// A row that says nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Which, the header being row 1.
    pub row: u64,
    /// The field, by the header's name.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}, field {}: {}", self.row, self.field, self.problem)
    }
}

/// How many are bad, and the first of them.
fn bad_rows(bad: &[BadRow]) -> String {
    const NAMED: usize = 5;
    let first: Vec<String> = bad.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if bad.len() > NAMED { "; ..." } else { "" };
    format!("{} bad {}: {}{more}", bad.len(), if bad.len() == 1 { "row" } else { "rows" }, first.join("; "))
}

/// A header's name as it is compared: `FCC FRN` is `fcc_frn`.
pub fn comparable(name: &str) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    words.join("_")
}

/// Reads a table.
///
/// # Errors
///
/// If it is no CSV, has no rows, or one of them is longer than the header.
pub fn read(bytes: &[u8]) -> Result<Table, TableError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let broken = |error: csv::Error| TableError::Csv(error.to_string());
    let mut reader = ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    for (record, row) in reader.records().zip(2..) {
        let record = record.map_err(broken)?;
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() > header.len() {
            let problem = format!("{} cells where the header has {}", record.len(), header.len());
            bad.push(BadRow { row, field: header.first().cloned().unwrap_or_default(), problem });
            continue;
        }
        let cells = (0..header.len()).map(|place| record.get(place).unwrap_or_default().to_owned()).collect();
        rows.push(Row { row, cells });
    }
    if !bad.is_empty() {
        return Err(TableError::BadRows(bad));
    }
    if rows.is_empty() {
        return Err(TableError::Empty);
    }
    Ok(Table { header, rows })
}

/// Writes rows of cells as CSV.
///
/// # Errors
///
/// If the writer fails.
pub fn write<W: std::io::Write>(out: W, rows: impl IntoIterator<Item = Vec<String>>) -> std::io::Result<()> {
    let mut writer = WriterBuilder::new().from_writer(out);
    for row in rows {
        writer.write_record(row).map_err(std::io::Error::other)?;
    }
    writer.flush()
}
