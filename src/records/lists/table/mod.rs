//! The lists that people keep themselves, and the one way in which they are read: bytes -> a header and rows.
//!
//! [`decode`] finds the text in the bytes, `dialect` what stands between the cells, `cells` the rows; `sheet` reads a
//! workbook instead. Here the header is found, and what cannot be a row is told: no row is lost in silence. Which columns a
//! list may have is its reader's to say.

mod cells;
mod decode;
mod dialect;
mod hidden;
mod sheet;
mod write;

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

pub use decode::{Content, decode};
pub(crate) use dialect::Fit;
pub(crate) use write::as_text;
pub use write::write;

use cells::Record;

/// The largest list that is read, in bytes.
pub(crate) const MOST_BYTES: u64 = 64 << 20;

/// A table that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The header's names as they stand in the file.
    pub header: Vec<String>,
    /// The rows that are not blank, and those that cannot be one, in the order of the file.
    pub rows: Vec<Result<Row, BadRow>>,
    /// How many rows are none: titles above the header, comments, the header once more. Blank rows do not count.
    pub left_out: usize,
    /// What to say about how it was read: which rows were left out, and what was guessed.
    pub notes: Vec<String>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which, as a spreadsheet counts, from 1.
    pub row: u64,
    /// Its cells as they stand in the file. There may be fewer than names in the header, and never more.
    pub cells: Vec<String>,
}

impl Row {
    /// The cell in this place, without the blanks around it; nothing if the row ends before it.
    pub fn cell(&self, place: usize) -> Option<Cow<'_, str>> {
        self.cells.get(place).map(|cell| clean(cell))
    }

    /// That it ends too early to have all that is read of it, as a bad row.
    pub(crate) fn too_short(self, header: &[String], place: usize) -> BadRow {
        let problem = format!(
            "the row ends before it: it has {} where the header has {}. Put in the separators that are missing, or join the \
             lines of a cell that was broken",
            cells_in_words(self.cells.len()),
            header.len()
        );
        BadRow { row: self.row, field: header.get(place).cloned().unwrap_or_default(), problem, cells: self.cells }
    }
}

/// Why a table cannot be used at all.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableError {
    /// It is neither text nor a workbook.
    #[error("{0}")]
    NotText(String),
    /// It is larger than any list is.
    #[error("{0}: this is no list of upstreams or records, or should be handed in in parts")]
    TooLarge(String),
    /// It is a workbook that cannot be read.
    #[error("the workbook cannot be read: {0}. Save it as CSV UTF-8")]
    Workbook(String),
    /// A quote that is not where it should be: where the rows are cannot be told.
    #[error("row {row}, line {line}, cell {cell}: {problem}")]
    Quote {
        /// The row in which the quote opens.
        row: u64,
        /// The line on which it opens.
        line: u64,
        /// The cell in which it opens, from 1.
        cell: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// None of the first rows is a header that is known.
    #[error("none of its first rows is a header that is known: the first is {found:?}")]
    NoHeader {
        /// The first row.
        found: String,
    },
    /// Columns are named anew further down.
    #[error(
        "row {row} is another header, besides row {first}: hand in one table at a time, or take out what is none of it"
    )]
    SecondHeader {
        /// Which.
        row: u64,
        /// The header above it.
        first: u64,
    },
    /// A header and nothing below it, or nothing at all.
    #[error("it is empty: it has no row below a header")]
    Empty,
}

/// A row that says nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Which, as a spreadsheet counts, from 1.
    pub row: u64,
    /// The field, by the header's name.
    pub field: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
    /// Its cells as they stand in the file, as far as the header has names for them.
    pub cells: Vec<String>,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}, field {}: {}", self.row, self.field, self.problem)
    }
}

/// A header's name as it is compared: `FCC FRN` is `fcc_frn`.
pub fn comparable(name: &str) -> String {
    let words: Vec<String> = clean(name)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(|word| word.chars().map(ascii_width).flat_map(char::to_lowercase).collect())
        .collect();
    words.join("_")
}

/// What counts as a blank: white space, and signs that take no room on a screen.
pub fn blank(c: char) -> bool {
    c.is_whitespace() || invisible(c)
}

fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// Without the blanks around it.
pub fn trim(text: &str) -> &str {
    text.trim_matches(blank)
}

/// Without blanks around it and without invisible signs; the blanks within are common ones.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let trimmed = trim(text);
    let odd = |c: char| !c.is_ascii() && blank(c);
    if !trimmed.contains(odd) {
        return trimmed.into();
    }
    let kept = trimmed.chars().filter(|c| !invisible(*c));
    Cow::Owned(kept.map(|c| if odd(c) { ' ' } else { c }).collect())
}

/// A character of the width that East Asian fonts give to Latin ones, as the Latin one.
pub(crate) fn ascii_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

fn cells_in_words(count: usize) -> String {
    if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") }
}

/// Reads a table. `fit` says how well a row's names are known as a header.
///
/// # Errors
///
/// If it is no table, no header in it is known, or a quote in it leaves open where its rows are. Rows that cannot be read
/// are no error: they are among the rows.
pub fn read(bytes: &[u8], fit: Fit<'_>) -> Result<Table, TableError> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(TableError::TooLarge(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
    }
    let mut notes = Vec::new();
    let records = match decode(bytes)? {
        Content::Workbook => sheet::records(bytes, fit, &mut notes)?,
        Content::Text { text, note } => {
            notes.extend(note);
            let (delimiter, text) = dialect::delimiter(&text, fit);
            match cells::records(text, delimiter) {
                (records, None) => records,
                (_, Some(error)) => return Err(error),
            }
        }
    };
    table(records, fit, notes)
}

/// A few row numbers in words.
fn rows_in_words(rows: &[u64]) -> String {
    const NAMED: usize = 10;
    let numbers: Vec<String> = rows.iter().take(NAMED).map(u64::to_string).collect();
    let more = if rows.len() > NAMED { format!(" and {} more", rows.len() - NAMED) } else { String::new() };
    format!("{} {}{more}", if rows.len() == 1 { "row" } else { "rows" }, numbers.join(", "))
}

fn table(records: Vec<Record>, fit: Fit<'_>, mut notes: Vec<String>) -> Result<Table, TableError> {
    let Some((place, _)) = dialect::header(&records, fit) else {
        let first = records.iter().find(|record| !record.is_blank());
        return Err(first.map_or(TableError::Empty, |first| TableError::NoHeader { found: shown(&first.cells) }));
    };
    let mut rows = Vec::with_capacity(records.len());
    let mut records = records.into_iter();
    let above: Vec<Record> = records.by_ref().take(place).filter(|record| !record.is_blank()).collect();
    let Some(header) = records.next() else { return Err(TableError::Empty) };
    // A sheet is as wide as its widest row: what stands right of the header's last name has none.
    let width = header.cells.iter().rposition(|name| !trim(name).is_empty()).map_or(0, |last| last + 1);
    if let Some(first) = header_of_rows(&above, fit) {
        return Err(TableError::SecondHeader { row: header.row, first });
    }
    let titles = titles(above, &header, fit, &mut rows);
    let (mut comments, mut repeats) = (Vec::new(), Vec::new());
    let names = dialect::names(&header);
    let mut behind_a_gap = false;
    for record in records {
        if record.is_blank() {
            behind_a_gap = true;
            continue;
        }
        let behind_a_gap = std::mem::take(&mut behind_a_gap);
        match Comment::of(&record) {
            Comment::Yes => {
                comments.push(record.row);
                continue;
            }
            Comment::Perhaps => {
                rows.push(Err(bad(record, &header, 0, PERHAPS_A_COMMENT.to_owned())));
                continue;
            }
            Comment::No => {}
        }
        let said = dialect::names(&record);
        if said == names {
            repeats.push(record.row);
            continue;
        }
        if is_another_header(&said, &names, fit) || (behind_a_gap && begins_a_table(&said, fit)) {
            return Err(TableError::SecondHeader { row: record.row, first: header.row });
        }
        refuse_broken(&record, width)?;
        rows.push(row(record, &header, width));
    }
    for (left_out, why) in [
        (&titles, "above the header: taken for a title"),
        (&comments, "left out: a # stands first, so it is a comment"),
        (&repeats, "left out: the header once more"),
    ] {
        if !left_out.is_empty() {
            notes.push(format!("{} {why}", rows_in_words(left_out)));
        }
    }
    if rows.is_empty() {
        return Err(TableError::Empty);
    }
    let left_out = titles.len() + comments.len() + repeats.len();
    Ok(Table { left_out, header: header.cells.iter().map(|name| trim(name).to_owned()).collect(), rows, notes })
}

const PERHAPS_A_COMMENT: &str = "it begins like a comment, and holds a number: take the row out, or the # away; a cell that does \
                                 begin with # stands in quotes";

/// The rows above the header that are titles; those that are like a row of the table are bad ones.
fn titles(above: Vec<Record>, header: &Record, fit: Fit<'_>, rows: &mut Vec<Result<Row, BadRow>>) -> Vec<u64> {
    let mut titles = Vec::new();
    let near = above.iter().rev().zip(1..).take_while(|(record, gap)| record.row + gap == header.row).count();
    let far = above.len() - near;
    for (place, record) in above.into_iter().enumerate() {
        // Between a report's head and its table stands a blank row; within a list none does.
        if place >= far && is_like_a_row(&record, header, fit) {
            let problem = format!("it stands above the header (row {}): put the header first", header.row);
            rows.push(Err(bad(record, header, 0, problem)));
        } else {
            titles.push(record.row);
        }
    }
    titles
}

/// Whether anything stands beyond the header's last name.
fn has_surplus(record: &Record, width: usize) -> bool {
    record.cells.iter().skip(width).any(|cell| !trim(cell).is_empty())
}

/// A row that is short or long because of a cell with a line break: from there on no row is what it seems.
fn refuse_broken(record: &Record, width: usize) -> Result<(), TableError> {
    let found = record.cells.len();
    match record.broken {
        Some(place) if has_surplus(record, width) || found < width => Err(TableError::Quote {
            row: record.row,
            line: record.line,
            cell: place + 1,
            problem: format!(
                "the cell that begins there holds a line break, and the row has {} where the header has {width}: a \
                 quote is missing, or one too many",
                cells_in_words(found)
            ),
        }),
        _ => Ok(()),
    }
}

fn row(mut record: Record, header: &Record, width: usize) -> Result<Row, BadRow> {
    if has_surplus(&record, width) {
        let problem = match record.cells.iter().skip(header.cells.len()).any(|cell| !trim(cell).is_empty()) {
            true => format!(
                "the row has {} where the header has {width}: put a cell that holds the separator in quotes",
                cells_in_words(record.cells.len())
            ),
            false => format!(
                "a cell stands right of it, where the header has only {}: give its column a name, or clear it",
                cells_in_words(width)
            ),
        };
        return Err(bad(record, header, width.saturating_sub(1), problem));
    }
    record.cells.truncate(header.cells.len());
    Ok(Row { row: record.row, cells: record.cells })
}

fn bad(mut record: Record, header: &Record, place: usize, problem: String) -> BadRow {
    record.cells.truncate(header.cells.len());
    let field = header.cells.get(place).map(|name| trim(name).to_owned()).unwrap_or_default();
    BadRow { row: record.row, field, problem, cells: record.cells }
}

/// Cells on one line, cut to a bounded length.
pub fn shown(cells: &[String]) -> String {
    const LONGEST: usize = 120;
    let line: Vec<&str> = cells.iter().map(|cell| trim(cell)).collect();
    let line: String = line.join(", ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Whether a row below the header names columns anew: all of it is names that are known; or it has no digit, and some of its
/// names are known, and some are the header's own.
fn is_another_header(said: &[String], names: &[String], fit: Fit<'_>) -> bool {
    let known = fit(said);
    let filled = said.iter().filter(|name| !name.is_empty()).count();
    let repeated: Vec<String> = said.iter().filter(|name| !name.is_empty() && names.contains(name)).cloned().collect();
    let digits = said.iter().any(|name| name.contains(|c: char| c.is_numeric()));
    (known > 1 && known == filled) || (!digits && repeated.len() > 1 && fit(&repeated) > 0)
}

/// Whether a row behind a blank one is the header of a table of its own: it has no digit, one of its names is known, and another
/// stands beside it.
fn begins_a_table(said: &[String], fit: Fit<'_>) -> bool {
    let digits = said.iter().any(|name| name.contains(|c: char| c.is_numeric()));
    fit(said) > 0 && said.iter().filter(|name| !name.is_empty()).count() > 1 && !digits
}

/// The row above the header that is one itself, with rows of its own below it: two tables, of which the second has more
/// columns that are known. A title says what it is of, with a colon or a number beside it, or stands right above the header.
fn header_of_rows(above: &[Record], fit: Fit<'_>) -> Option<u64> {
    let is_value = |cell: &String| cell.contains(|c: char| c.is_numeric()) && fit(&[comparable(cell)]) == 0;
    let is_name = |record: &Record| {
        fit(&dialect::names(record)) > 0
            && !record.cells.iter().any(|cell| trim(cell).ends_with(':') || is_value(cell))
            && Comment::of(record) == Comment::No
    };
    above.iter().enumerate().find_map(|(place, record)| {
        let mut filled = (0..record.cells.len()).filter(|place| !trim(&record.cells[*place]).is_empty());
        let alone = filled.next().filter(|_| filled.next().is_none());
        let mut rows = above.get(place + 1..).unwrap_or_default().iter().filter(|row| Comment::of(row) != Comment::Yes);
        // A single word, such as Provider, may be a title; it is a header if what stands below it may be a number or a name.
        let heads = |row: &Record| match alone {
            Some(column) => row.cells.get(column).is_some_and(|cell| is_value(cell) && !clean(cell).contains(' ')),
            None => true,
        };
        (is_name(record) && rows.any(heads)).then_some(record.row)
    })
}

/// Whether a row above the header is one of those below it, put in the wrong place, and no title: a number stands where
/// the header names one, with something beside it, and nothing says what it is the number of.
fn is_like_a_row(record: &Record, header: &Record, fit: Fit<'_>) -> bool {
    let filled = |record: &Record| record.cells.iter().filter(|cell| !trim(cell).is_empty()).count();
    let named = |name: &str| fit(&[comparable(name)]) > 0;
    let is_label = |cell: &String| trim(cell).ends_with(':') || named(cell);
    record.cells.iter().zip(&header.cells).any(|(cell, name)| named(name) && holds_a_number(cell) && !is_day(cell))
        && filled(record) >= filled(header).min(2)
        && !record.cells.iter().any(is_label)
}

/// Whether eight digits are a day, as reports have it in their heads: 20261126.
fn is_day(cell: &str) -> bool {
    let cell = clean(cell);
    let number = |from: usize, to: usize| cell.get(from..to).and_then(|part| part.parse::<u32>().ok());
    cell.len() == 8
        && matches!(number(0, 4), Some(2000..=2099))
        && matches!(number(4, 6), Some(1..=12))
        && matches!(number(6, 8), Some(1..=31))
}

/// Whether a row is a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comment {
    Yes,
    /// It looks like one, and could be a row.
    Perhaps,
    No,
}

impl Comment {
    /// A comment begins with # and a blank, or with # and a letter if nothing stands beside it. `#2` and `#REF!` are what
    /// a spreadsheet has in a cell, and a row that names a provider is none that may be lost.
    fn of(record: &Record) -> Self {
        let first = record.cells.iter().find(|cell| !trim(cell).is_empty()).map(|cell| clean(cell)).unwrap_or_default();
        if !record.comment || crate::records::lists::writings::spreadsheet_error(&first).is_some() {
            return Self::No;
        }
        let text = first.trim_start_matches('#');
        let alone = record.cells.iter().filter(|cell| !trim(cell).is_empty()).count() == 1;
        let words = text.trim_start();
        let begins = |what: fn(char) -> bool| words.starts_with(what);
        let is_one = match text.chars().next() {
            None => alone,
            Some(c) if blank(c) => alone || !begins(|c| c.is_numeric()),
            Some(c) if c.is_alphabetic() => alone,
            Some(_) => !record.cells.iter().any(|cell| cell.contains(char::is_alphanumeric)),
        };
        let numbered = holds_a_number(words) || record.cells.iter().any(|cell| holds_a_number(cell));
        match (is_one, numbered) {
            (true, false) => Self::Yes,
            (true, true) => Self::Perhaps,
            // What begins with a letter or a blank is no number that a spreadsheet shows.
            (false, _) if !begins(|c| c.is_numeric()) && !words.is_empty() => Self::Perhaps,
            (false, _) => Self::No,
        }
    }
}

/// Whether a cell holds a number of the database beyond doubt: what has one is a row, and no title.
fn holds_a_number(cell: &str) -> bool {
    let cell = clean(cell);
    let digits = cell.trim_start_matches(['\'', '=', '"']).trim_end_matches('"');
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    cell.parse::<crate::domain::RmdNumber>().is_ok() || (all_digits && (7..=10).contains(&digits.len()))
}

#[cfg(test)]
mod tests;
