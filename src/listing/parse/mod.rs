//! Bytes -> [`Listing`]: reads the FCC's CSV, column by name, with the quirks of the real exports.
//!
//! Nothing is judged here and nothing is skipped in silence: a row that cannot be read is reported with its line, its
//! neighbours and what is wrong with it, so that vetting can keep it from passing for a removal. Cells are kept as
//! published; bytes that are not UTF-8 become U+FFFD, as the FCC's own export does where an encoding was lost.

pub(crate) mod json;

use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};
use thiserror::Error;

use crate::domain::{
    Column, Filing, FilingBuilder, Listing, RmdNumber, RowFault, Truncation, UnreadableRow, read_frn_cell,
};

/// The longest cell that is read. The longest ever filed had 16,000 characters; one past this is no filer's text.
const MAX_CELL_BYTES: usize = 1 << 20;

/// Why bytes are not a listing at all.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// No byte, or nothing but blanks.
    #[error("the source is empty")]
    Empty,
    /// A web page: maintenance or a login, most likely.
    #[error(
        "the source is an HTML page, not a CSV listing: the site shows a maintenance or login page, most likely, and a later sync will find the listing again"
    )]
    Html,
    /// JSON.
    #[error("the source is JSON, not a CSV listing")]
    Json,
    /// Something that is not text.
    #[error("the source is binary, not a CSV listing")]
    Binary,
    /// The first line names none of the listing's columns.
    #[error(
        "the first line names none of the listing's columns (it begins {first:?}): this is not the FCC's CSV listing"
    )]
    NoHeader {
        /// How the first line begins.
        first: String,
    },
    /// Columns on which a decision rests are not there.
    #[error("the header lacks {}: without {} no decision can be made", list(.columns), if .columns.len() == 1 { "it" } else { "them" })]
    EssentialColumnsMissing {
        /// Which.
        columns: Vec<Column>,
    },
    /// One column stands in the header twice.
    #[error("the header names the column `{name}` twice")]
    RepeatedColumn {
        /// Which.
        name: String,
    },
    /// The CSV reader gave up.
    #[error("the CSV cannot be read: {0}")]
    Csv(String),
}

fn list(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| format!("`{}`", column.name())).collect();
    names.join(", ")
}

/// Reads published bytes.
///
/// # Errors
///
/// If the bytes are no listing at all, or one without the columns on which decisions rest. Bad rows are no error: they
/// are in [`Listing::unreadable`].
pub fn parse(bytes: &[u8]) -> Result<Listing, ParseError> {
    parse_beside(bytes, &[])
}

/// The same, where filings are known already, by ascending number: those that did not change are taken from there. Few of ten
/// thousand change from one listing to the next. Were all of them made first and most dropped later, those that stay would keep
/// the memory around them from going back.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_beside(bytes: &[u8], known: &[Arc<Filing>]) -> Result<Listing, ParseError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    refuse_other_formats(bytes)?;
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(1 << 16).from_reader(bytes);
    let csv_error = |error: csv::Error| ParseError::Csv(error.to_string());

    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(csv_error)? {
        return Err(ParseError::Empty);
    }
    let header = Header::read(&record)?;

    let mut rows = Rows::new(known, &header, bytes.len());
    while reader.read_byte_record(&mut record).map_err(csv_error)? {
        rows.read(&header, &record);
    }
    let truncated = rows.truncation(bytes, header.cells);
    let Rows { rows, mut unreadable, undecoded, .. } = rows;

    let in_order = rows.is_sorted_by_key(|(_, filing)| filing.number());
    let rows_read = rows.len();
    let filings = drop_repeated(rows, &mut unreadable);
    Ok(Listing {
        repeated: rows_read - filings.len(),
        undecoded,
        filings,
        in_order,
        unreadable,
        missing_columns: header.missing(),
        unknown_columns: header.unknown.into_iter().map(|(_, name)| name).collect(),
        truncated,
    })
}

/// Looks at the beginning of what a source gives, as long as a header at least: whether it can be a listing.
///
/// # Errors
///
/// As [`parse`] has them, as far as the beginning tells.
pub(crate) fn check_beginning(bytes: &[u8]) -> Result<(), ParseError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    refuse_other_formats(bytes)?;
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(|error| ParseError::Csv(error.to_string()))? {
        return Err(ParseError::Empty);
    }
    Header::read(&record).map(|_| ())
}

/// Tells by the first bytes what the FCC's site answers instead of a listing.
fn refuse_other_formats(bytes: &[u8]) -> Result<(), ParseError> {
    let start = bytes.trim_ascii_start();
    match start.first() {
        None => return Err(ParseError::Empty),
        Some(b'<') => return Err(ParseError::Html),
        Some(b'{' | b'[') => return Err(ParseError::Json),
        Some(_) => {}
    }
    if bytes.contains(&0) || bytes.starts_with(b"\x1f\x8b") || bytes.starts_with(b"PK\x03\x04") {
        return Err(ParseError::Binary);
    }
    Ok(())
}

/// The rows of a listing, as far as they were read.
struct Rows<'a> {
    /// What was known before, by number.
    known: &'a [Arc<Filing>],
    /// Each with its line.
    rows: Vec<(u64, Arc<Filing>)>,
    unreadable: Vec<UnreadableRow>,
    /// How many hold bytes that are not UTF-8.
    undecoded: usize,
    /// The number of the last one that could be read.
    last_number: Option<RmdNumber>,
    /// From which unreadable one on the number behind them is not known yet.
    awaiting_neighbour: usize,
    /// Where the last one begins, on which line, and how many cells it has.
    last: (u64, u64, usize),
}

impl<'a> Rows<'a> {
    /// None yet, of so many bytes.
    fn new(known: &'a [Arc<Filing>], header: &Header, bytes: usize) -> Self {
        Self {
            known,
            // The header was row 0 of the reader; a listing has about 480 bytes a row.
            rows: Vec::with_capacity(bytes / 400),
            unreadable: Vec::new(),
            undecoded: 0,
            last_number: None,
            awaiting_neighbour: 0,
            last: (0, 1, header.cells),
        }
    }

    fn read(&mut self, header: &Header, record: &ByteRecord) {
        let (start, line) = record.position().map_or((0, 0), |position| (position.byte(), position.line()));
        self.last = (start, line, record.len());
        self.undecoded += usize::from(std::str::from_utf8(record.as_slice()).is_err());
        match header.filing(record) {
            Ok(filing) => {
                let number = filing.number();
                for row in &mut self.unreadable[self.awaiting_neighbour..] {
                    row.before = Some(number);
                }
                self.awaiting_neighbour = self.unreadable.len();
                self.last_number = Some(number);
                self.rows.push((line, self.kept(filing)));
            }
            Err((number, fault)) => self.unreadable.push(UnreadableRow {
                line,
                number,
                may_hide_others: matches!(fault, RowFault::CellCount { .. } | RowFault::CellTooLong { .. }),
                after: self.last_number,
                before: None,
                fault,
            }),
        }
    }

    /// A filing, in the memory where it is known already.
    fn kept(&self, filing: Filing) -> Arc<Filing> {
        let place = self.known.binary_search_by_key(&filing.number(), |known| known.number());
        let known = place.ok().and_then(|place| self.known.get(place)).filter(|known| ***known == filing);
        known.map_or_else(|| Arc::new(filing), Arc::clone)
    }

    /// Whether the bytes end in the middle of the last one.
    fn truncation(&self, bytes: &[u8], expected: usize) -> Option<Truncation> {
        let (start, line, cells) = self.last;
        let tail = bytes.get(usize::try_from(start).unwrap_or(usize::MAX)..).unwrap_or_default();
        let last_urls = match self.rows.as_slice() {
            [.., (_, before_last), (_, last)] => (before_last.cell(Column::FilingUrl), last.cell(Column::FilingUrl)),
            _ => ("", ""),
        };
        truncation(tail, cells, expected, last_urls).map(|sign| Truncation { line, sign })
    }
}

/// Whether the file ends in the middle of its last record, and what shows it.
fn truncation(tail: &[u8], cells: usize, expected: usize, last_urls: (&str, &str)) -> Option<&'static str> {
    if cells < expected {
        return Some("its last record has too few cells");
    }
    let ends_a_line = matches!(tail.last(), Some(b'\n' | b'\r'));
    let open_quote = tail.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
    if open_quote && !ends_a_line {
        return Some("its last record ends inside a quoted cell");
    }
    // Without a line end the last cell may be cut. It is a filing's address, of one shape in the whole file.
    let (before_last, last) = last_urls;
    if !ends_a_line && last.len() < before_last.len() {
        return Some("it ends without a line end and its last cell is shorter than the one above");
    }
    None
}

/// A row that was read, with its neighbours in the file.
struct Read {
    line: u64,
    filing: Arc<Filing>,
    after: Option<RmdNumber>,
    before: Option<RmdNumber>,
}

impl Read {
    /// Whether its number lies between those of its neighbours, as numbers that ascend do.
    fn is_in_place(&self) -> bool {
        let number = self.filing.number();
        self.after.is_none_or(|after| after <= number) && self.before.is_none_or(|before| number <= before)
    }
}

/// Sorts the rows by number and keeps one of each: the first that stands in its place. Another row with other cells is
/// reported: it is some other filing, with a number that is not its own.
fn drop_repeated(rows: Vec<(u64, Arc<Filing>)>, unreadable: &mut Vec<UnreadableRow>) -> Vec<Arc<Filing>> {
    if rows.is_sorted_by(|(_, one), (_, next)| one.number() < next.number()) {
        return rows.into_iter().map(|(_, filing)| filing).collect();
    }
    let numbers: Vec<RmdNumber> = rows.iter().map(|(_, filing)| filing.number()).collect();
    let beside = |place: Option<usize>| place.and_then(|place| numbers.get(place)).copied();
    let mut rows: Vec<Read> = rows
        .into_iter()
        .enumerate()
        .map(|(place, (line, filing))| {
            let (after, before) = (beside(place.checked_sub(1)), beside(place.checked_add(1)));
            Read { line, filing, after, before }
        })
        .collect();
    rows.sort_by_key(|row| (row.filing.number(), !row.is_in_place()));
    let mut filings: Vec<Arc<Filing>> = Vec::with_capacity(rows.len());
    for Read { line, filing, after, before } in rows {
        match filings.last() {
            Some(kept) if kept.number() == filing.number() => {
                if *kept != filing {
                    let fault = RowFault::RepeatedNumber;
                    unreadable.push(UnreadableRow { line, number: None, may_hide_others: false, after, before, fault });
                }
            }
            _ => filings.push(filing),
        }
    }
    filings
}

/// Where each column stands in this file.
struct Header {
    cells: usize,
    places: [Option<usize>; Column::COUNT],
    unknown: Vec<(usize, String)>,
}

impl Header {
    fn read(record: &ByteRecord) -> Result<Self, ParseError> {
        let mut places = [None; Column::COUNT];
        let mut unknown: Vec<(usize, String)> = Vec::new();
        let mut repeated_name = None;
        for (place, cell) in record.iter().enumerate() {
            let name = String::from_utf8_lossy(cell).trim().to_owned();
            let repeated = match Column::by_name(&name) {
                Some(column) => places[column as usize].replace(place).is_some(),
                None => {
                    let repeated = unknown.iter().any(|(_, earlier)| *earlier == name);
                    unknown.push((place, name.clone()));
                    repeated
                }
            };
            if repeated && repeated_name.is_none() {
                repeated_name = Some(name);
            }
        }
        let header = Self { cells: record.len(), places, unknown };
        if header.places.iter().all(Option::is_none) {
            let first = String::from_utf8_lossy(record.as_slice()).chars().take(40).collect();
            return Err(ParseError::NoHeader { first });
        }
        if let Some(name) = repeated_name {
            return Err(ParseError::RepeatedColumn { name });
        }
        let columns: Vec<Column> = header.missing().into_iter().filter(|column| column.is_essential()).collect();
        if columns.is_empty() { Ok(header) } else { Err(ParseError::EssentialColumnsMissing { columns }) }
    }

    /// Columns that every listing had so far and this one has not.
    fn missing(&self) -> Vec<Column> {
        Column::ALL
            .into_iter()
            .filter(|column| column.is_permanent() && self.places[*column as usize].is_none())
            .collect()
    }

    /// The column that stands in this place.
    fn name(&self, place: usize) -> String {
        let known = Column::ALL.into_iter().find(|column| self.places[*column as usize] == Some(place));
        let unknown = || self.unknown.iter().find(|(at, _)| *at == place).map(|(_, name)| name.clone());
        known.map(|column| column.name().to_owned()).or_else(unknown).unwrap_or_default()
    }

    fn filing(&self, record: &ByteRecord) -> Result<Filing, (Option<RmdNumber>, RowFault)> {
        let text = std::str::from_utf8(record.as_slice()).ok();
        let cell = |place: usize| -> std::borrow::Cow<'_, str> {
            let whole = text.zip(record.range(place)).and_then(|(text, range)| text.get(range));
            match whole {
                Some(cell) => cell.into(),
                None => String::from_utf8_lossy(record.get(place).unwrap_or_default()),
            }
        };
        let known = |column: Column| self.places[column as usize].map(&cell).unwrap_or_default();

        let number: Option<RmdNumber> = known(Column::Number).parse().ok();
        if record.len() != self.cells {
            return Err((number, RowFault::CellCount { found: record.len(), expected: self.cells }));
        }
        let too_long =
            (0..record.len()).find(|place| record.get(*place).is_some_and(|cell| cell.len() > MAX_CELL_BYTES));
        if let Some(place) = too_long {
            let bytes = record.get(place).map_or(0, <[u8]>::len);
            return Err((number, RowFault::CellTooLong { column: self.name(place), bytes }));
        }
        let number = number.ok_or((None, RowFault::Number))?;
        let frn_cell = known(Column::Frn);
        let frn = read_frn_cell(&frn_cell).map_err(|_| (Some(number), RowFault::Frn))?;

        let mut builder = FilingBuilder::new(number, frn, record.as_slice().len());
        for column in Column::ALL {
            builder.push(&known(column));
        }
        for (place, name) in &self.unknown {
            builder.push_unknown(name, &cell(*place));
        }
        Ok(builder.finish())
    }
}

#[cfg(test)]
mod tests;
