//! A workbook (.xlsx) -> rows of cells, within bounds: how much it unpacks to is measured before it is read.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read};
use std::panic::AssertUnwindSafe;

use calamine::{DataRef, Dimensions, ExcelDateTime, NumberFormat, Reader, Sheet, SheetType, SheetVisible, Xlsx};
use zip::ZipArchive;

use super::cells::{MOST_CELLS, Record};
use super::dialect::{Fit, header};
use super::hidden;
use super::{TableError, rows_in_words, shown};

/// The most bytes that a workbook unpacks to.
const MOST_UNPACKED: u64 = 128 << 20;

/// The most bytes of text in the cells of a sheet.
const MOST_TEXT: usize = 64 << 20;

/// As many rows and columns as a sheet has.
const MOST_ROWS: u32 = 1 << 20;
const MOST_COLUMNS: u32 = 1 << 14;

/// The most parts that a workbook has.
const MOST_PARTS: usize = 10_000;

type Workbook<'a> = Xlsx<Cursor<&'a [u8]>>;

fn workbook(error: impl std::fmt::Display) -> TableError {
    TableError::Workbook(error.to_string().chars().filter(|c| !c.is_control()).take(200).collect())
}

/// The rows of the first sheet that has a header that is known; of those that are hidden only if no other has.
///
/// # Errors
///
/// If it is no workbook of this format, is too large, or has no such sheet.
pub fn records(bytes: &[u8], fit: Fit<'_>, notes: &mut Vec<String>) -> Result<Vec<Record>, TableError> {
    measure(bytes, MOST_UNPACKED)?;
    // Its numbers of rows and columns are anything; what they overflow within calamine is the file's fault.
    std::panic::catch_unwind(AssertUnwindSafe(|| first_that_fits(bytes, fit, notes)))
        .unwrap_or_else(|_| Err(workbook("it is damaged")))
}

fn first_that_fits(bytes: &[u8], fit: Fit<'_>, notes: &mut Vec<String>) -> Result<Vec<Record>, TableError> {
    let mut book: Workbook<'_> = Xlsx::new(Cursor::new(bytes)).map_err(workbook)?;
    let sheets: Vec<Sheet> =
        book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).cloned().collect();
    let (shown_ones, hidden): (Vec<Sheet>, Vec<Sheet>) =
        sheets.iter().cloned().partition(|sheet| sheet.visible == SheetVisible::Visible);
    let mut used: Option<(String, Vec<Record>)> = None;
    let mut others = Vec::new();
    let mut first = None;
    for sheet in shown_ones.into_iter().chain(hidden) {
        let is_hidden = sheet.visible != SheetVisible::Visible;
        let records = match rows(&mut book, &sheet.name) {
            // Nobody sees it, and another sheet is read.
            Err(_) if is_hidden && used.is_some() => continue,
            records => records?,
        };
        match (header(&records, fit), &used) {
            (Some(_), None) => used = Some((sheet.name, records)),
            (Some(_), Some(_)) => {
                others.push(format!("{:?}{}", sheet.name, if is_hidden { " (hidden)" } else { "" }));
            }
            (None, _) => {
                first = first.or_else(|| records.iter().find(|row| !row.is_blank()).map(|row| shown(&row.cells)));
            }
        }
    }
    let Some((name, records)) = used else {
        return Err(first.map_or(TableError::Empty, |found| TableError::NoHeader { found }));
    };
    if sheets.len() > 1 {
        notes.push(format!("sheet {name:?} was read, the first of {} with a header that is known", sheets.len()));
    }
    if !others.is_empty() {
        notes.push(format!("not read, though it has such a header: sheet {}", others.join(", ")));
    }
    notes.extend(what_is_hidden(bytes, &name, &records, fit));
    Ok(records)
}

/// What to say of rows and columns that are not seen in the sheet and count all the same.
fn what_is_hidden(bytes: &[u8], sheet: &str, records: &[Record], fit: Fit<'_>) -> Vec<String> {
    let Some((head, rows)) = header(records, fit).and_then(|(place, _)| records.get(place..)?.split_first()) else {
        return Vec::new();
    };
    let hidden = hidden::of_sheet(bytes, sheet);
    let rows: Vec<u64> = rows.iter().map(|record| record.row).filter(|row| hidden.rows.contains(row)).collect();
    let names =
        head.cells.iter().enumerate().filter(|(place, name)| hidden.columns.contains(place) && !name.is_empty());
    let columns: Vec<String> = names.map(|(_, name)| format!("{name:?}")).collect();
    let mut said = Vec::new();
    if !rows.is_empty() {
        let rows = rows_in_words(&rows);
        said.push(format!("{rows} hidden in the sheet, by a filter most likely, and counted like the others"));
    }
    if !columns.is_empty() {
        said.push(format!("column {} hidden in the sheet, and read like the others", columns.join(", ")));
    }
    said
}

/// Unpacks it to nowhere: what an archive says of its sizes may be wrong.
fn measure(bytes: &[u8], most: u64) -> Result<(), TableError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(workbook)?;
    if archive.len() > MOST_PARTS {
        return Err(TableError::TooLarge(format!("the workbook has more than {MOST_PARTS} parts")));
    }
    let names: Vec<String> = archive.file_names().flatten().map(|name| name.to_ascii_lowercase()).collect();
    if !names.iter().any(|name| name.starts_with("xl/")) {
        let problem = "it is an archive or a document, and no .xlsx workbook: save the list as .xlsx or CSV UTF-8";
        return Err(TableError::NotText(problem.to_owned()));
    }
    if names.iter().any(|name| name == "xl/workbook.bin") {
        return Err(TableError::NotText("it is a binary workbook (.xlsb): save it as .xlsx or CSV UTF-8".to_owned()));
    }
    let mut left = most;
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(workbook)?;
        let unpacked = io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(workbook)?;
        left = left
            .checked_sub(unpacked)
            .ok_or_else(|| TableError::TooLarge(format!("the workbook unpacks to more than {} MiB", most >> 20)))?;
    }
    Ok(())
}

/// The texts of the cells of a sheet that are not blank, by row and column.
type Cells = BTreeMap<(u32, u32), String>;

/// The rows of one sheet, as the spreadsheet counts them; blank ones are left out.
fn rows(book: &mut Workbook<'_>, sheet: &str) -> Result<Vec<Record>, TableError> {
    let (mut cells, text_bytes) = read_cells(book, sheet)?;
    note_formulas(book, sheet, &mut cells)?;
    merge(&mut cells, &book.merge_cells_by_sheet_name(sheet).map_err(workbook)?, text_bytes)
        .map_err(|()| TableError::TooLarge(format!("sheet {sheet:?} holds more than a list does")))?;
    laid_out(cells).ok_or_else(|| TableError::TooLarge(format!("sheet {sheet:?} is wider than a list is")))
}

/// The cells that hold something, and how many bytes of text that is.
fn read_cells(book: &mut Workbook<'_>, sheet: &str) -> Result<(Cells, usize), TableError> {
    let mut cells = Cells::new();
    let mut text_bytes = 0;
    let mut reader = book.worksheet_cells_reader(sheet).map_err(workbook)?;
    while let Some((cell, style)) = reader.next_cell_with_style_id().map_err(workbook)? {
        let (row, column) = cell.get_position();
        if row >= MOST_ROWS || column >= MOST_COLUMNS {
            return Err(workbook(format!("sheet {sheet:?} has a cell outside of what a sheet has")));
        }
        let format = reader.styles().get(style).and_then(|style| style.number_format.as_ref());
        let text = text(cell.get_value(), format);
        text_bytes += text.len();
        if text.is_empty() {
            continue;
        }
        if cells.insert((row, column), text).is_some() {
            return Err(workbook(format!("sheet {sheet:?} has two cells in row {}", u64::from(row) + 1)));
        }
        if cells.len() > MOST_CELLS || text_bytes > MOST_TEXT {
            return Err(TableError::TooLarge(format!("sheet {sheet:?} holds more than a list does")));
        }
    }
    Ok((cells, text_bytes))
}

/// Says of each formula that nobody has calculated yet that it is one: it is no blank.
fn note_formulas(book: &mut Workbook<'_>, sheet: &str, cells: &mut Cells) -> Result<(), TableError> {
    let mut reader = book.worksheet_cells_reader(sheet).map_err(workbook)?;
    while let Some(cell) = reader.next_cell_with_formula_metadata().map_err(workbook)? {
        if cell.formula.is_some() && cell.value == DataRef::Empty {
            cells.entry(cell.pos).or_insert_with(|| "=(a formula without a value)".to_owned());
        }
    }
    Ok(())
}

/// Cells as rows that are all as wide as the widest; nothing if a list is never so wide.
fn laid_out(cells: Cells) -> Option<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    let mut room = MOST_CELLS;
    for ((row, column), text) in cells {
        let row = u64::from(row) + 1;
        if records.last().is_none_or(|last| last.row != row) {
            records.push(Record { row, line: row, cells: Vec::new(), broken: None, comment: false });
        }
        let Some(record) = records.last_mut() else { continue };
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        room = room.checked_sub(column.saturating_sub(record.cells.len()))?;
        record.cells.resize(column, String::new());
        record.cells.push(text);
    }
    for record in &mut records {
        // A comment that goes over several columns that are merged says the same in each.
        let mut filled = record.cells.iter().filter(|cell| !cell.is_empty());
        let first = filled.next().filter(|first| first.trim_start().starts_with('#'));
        record.comment = first.is_some_and(|first| filled.all(|cell| cell == first));
    }
    // A sheet has no short rows: what stands right of its last cell is blank.
    let width = records.iter().map(|record| record.cells.len()).max().unwrap_or_default();
    if width.saturating_mul(records.len()) > MOST_CELLS {
        return None;
    }
    records.iter_mut().for_each(|record| record.cells.resize(width, String::new()));
    Some(records)
}

/// Gives each cell of a merged area what the area says. A row that has nothing of its own beside merged areas stays blank:
/// the row before it is only higher.
fn merge(cells: &mut Cells, areas: &[Dimensions], mut text_bytes: usize) -> Result<(), ()> {
    let corners: BTreeSet<(u32, u32)> = areas.iter().map(|area| area.start).collect();
    let rows: BTreeSet<u32> = cells.keys().filter(|place| !corners.contains(place)).map(|(row, _)| *row).collect();
    for area in areas {
        let Some(text) = cells.get(&area.start).cloned() else { continue };
        let own = area.start.0;
        for row in rows.range(own..=area.end.0.max(own)).copied().chain(std::iter::once(own)) {
            for column in area.start.1..=area.end.1.min(MOST_COLUMNS) {
                if let Entry::Vacant(place) = cells.entry((row, column)) {
                    text_bytes += text.len();
                    place.insert(text.clone());
                }
                if cells.len() > MOST_CELLS || text_bytes > MOST_TEXT {
                    return Err(());
                }
            }
        }
    }
    Ok(())
}

/// A cell as text: as a person would have typed it.
fn text(value: &DataRef<'_>, format: Option<&NumberFormat>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(true) => "TRUE".to_owned(),
        DataRef::Bool(false) => "FALSE".to_owned(),
        DataRef::Int(number) => padded(number.to_string(), format),
        DataRef::Float(number) => padded(float(*number), format),
        DataRef::DateTime(at) => time(at),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
    }
}

fn float(number: f64) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT { format!("{number:.0}") } else { number.to_string() }
}

/// With the zeros in front that a format of zeros shows.
fn padded(number: String, format: Option<&NumberFormat>) -> String {
    let format = format.map(|format| format.format_code.as_str()).unwrap_or_default();
    let all_digits = number.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits && format.len() > 1 && format.len() <= 32 && format.bytes().all(|byte| byte == b'0') {
        return format!("{number:0>width$}", width = format.len());
    }
    number
}

fn time(at: &ExcelDateTime) -> String {
    // The days that a spreadsheet has, from 1900 to 9999: what lies beyond is a number that was formatted as one.
    const DAYS: std::ops::Range<f64> = 1.0..2_958_466.0;
    if !at.is_datetime() || !DAYS.contains(&at.as_f64()) {
        return float(at.as_f64());
    }
    let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
    match (hour, minute, second) {
        (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"),
    }
}

#[cfg(test)]
mod tests {
    use rust_xlsxwriter::Workbook as Written;

    use super::*;

    fn fit(names: &[String]) -> usize {
        usize::from(names.iter().any(|name| name == "frn"))
    }

    fn with_cells(cells: &[(u32, u16, &str)]) -> Vec<u8> {
        let mut book = Written::new();
        let sheet = book.add_worksheet();
        for (row, column, text) in cells {
            sheet.write(*row, *column, *text).expect("written");
        }
        book.save_to_buffer().expect("a workbook")
    }

    #[test]
    fn a_cell_at_the_far_end_of_a_sheet_takes_no_more_room_than_its_row() {
        let bytes = with_cells(&[(0, 0, "frn"), (1_048_575, 16_383, "x")]);
        let records = records(&bytes, &fit, &mut Vec::new()).expect("rows");
        assert_eq!((records.len(), records[1].row), (2, 1_048_576));
        let far: Vec<(u32, u16, &str)> = (0..300).map(|row| (row, 16_383, "x")).chain([(0, 0, "frn")]).collect();
        let error = super::records(&with_cells(&far), &fit, &mut Vec::new()).expect_err("refused");
        assert!(matches!(error, TableError::TooLarge(_)), "{error}");
    }

    #[test]
    fn how_much_a_workbook_unpacks_to_is_measured_and_bounded() {
        let text = "x".repeat(30_000);
        let bytes = with_cells(&[(0, 0, "frn"), (1, 0, &text)]);
        assert!(bytes.len() < 20_000, "it is packed");
        assert_eq!(measure(&bytes, 1 << 20), Ok(()));
        assert!(matches!(measure(&bytes, 20_000), Err(TableError::TooLarge(_))));
        assert!(matches!(measure(b"PK\x03\x04", 1 << 20), Err(TableError::Workbook(_))));
    }

    #[test]
    fn a_workbook_whose_numbers_overflow_is_damaged_and_no_panic() {
        let bytes = with_cells(&[(0, 0, "frn"), (1, 0, "x")]);
        let mut archive = ZipArchive::new(Cursor::new(bytes.as_slice())).expect("an archive");
        let mut changed = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for place in 0..archive.len() {
            let mut part = archive.by_index(place).expect("a part");
            let (name, mut content) = (part.name().expect("a name").into_owned(), String::new());
            part.read_to_string(&mut content).expect("XML");
            changed.start_file(name, zip::write::SimpleFileOptions::default()).expect("a part");
            let content = content.replace("r=\"A2\"", "r=\"A99999999999\"");
            io::Write::write_all(&mut changed, content.as_bytes()).expect("written");
        }
        let bytes = changed.finish().expect("written").into_inner();
        assert!(matches!(super::records(&bytes, &fit, &mut Vec::new()), Err(TableError::Workbook(_))));
    }
}
