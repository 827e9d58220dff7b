//! Delimited text -> rows of cells. A quote that is open at the end, or that has taken in other rows, is an error.

use super::TableError;

/// The most cells that a list has.
pub const MOST_CELLS: usize = 4_000_000;

/// One row as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which, from 1, as a spreadsheet counts: blank rows count.
    pub row: u64,
    /// The line on which it begins; of a workbook, its row.
    pub line: u64,
    pub cells: Vec<String>,
    /// The first of its cells that holds a line break.
    pub broken: Option<usize>,
    /// Whether it may be a comment: its first cell begins with # and stands in no quotes.
    pub comment: bool,
}

impl Record {
    /// Whether it holds nothing but blanks.
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| super::trim(cell).is_empty())
    }
}

/// Reads rows until the end or an error, which is the second of the pair.
pub fn records(text: &str, delimiter: u8) -> (Vec<Record>, Option<TableError>) {
    let mut reader = Reader { text, delimiter, at: 0, line: 1 };
    let (mut records, mut cells) = (Vec::new(), 0);
    for row in 1.. {
        match reader.record(row) {
            Ok(Some(record)) => {
                cells += record.cells.len();
                if cells > MOST_CELLS {
                    return (records, Some(TableError::TooLarge(format!("it has more than {MOST_CELLS} cells"))));
                }
                records.push(record);
            }
            Ok(None) => break,
            Err(error) => return (records, Some(error)),
        }
    }
    (records, None)
}

struct Reader<'a> {
    text: &'a str,
    delimiter: u8,
    at: usize,
    line: u64,
}

struct Cell {
    text: String,
    quoted: bool,
    /// It holds a line break.
    broken: bool,
}

impl Reader<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn record(&mut self, row: u64) -> Result<Option<Record>, TableError> {
        if self.at >= self.text.len() {
            return Ok(None);
        }
        if let Some(comment) = self.unreadable_comment(row) {
            return Ok(Some(comment));
        }
        let (mut cells, mut broken) = (Vec::new(), None);
        let line = self.line;
        let mut comment = false;
        loop {
            let cell = self.cell(row, cells.len())?;
            if cell.broken && broken.is_none() {
                broken = Some(cells.len());
            }
            comment |= cells.is_empty() && !cell.quoted && super::trim(&cell.text).starts_with('#');
            cells.push(cell.text);
            match self.byte(self.at) {
                Some(byte) if byte == self.delimiter => self.at += 1,
                _ => break,
            }
            if cells.len() > MOST_CELLS {
                return Err(TableError::TooLarge(format!("row {row} has more than {MOST_CELLS} cells")));
            }
        }
        self.end_of_line();
        if let Some(place) = broken
            && took_in_a_row(&cells, place, char::from(self.delimiter))
        {
            return Err(TableError::Quote {
                row,
                line,
                cell: place + 1,
                problem:
                    "the quote that opens there takes in what looks like another row: close it, or write the cell \
                          on one line"
                        .to_owned(),
            });
        }
        Ok(Some(Record { row, line, cells, broken, comment }))
    }

    /// A comment is free to hold quotes as it likes.
    fn unreadable_comment(&mut self, row: u64) -> Option<Record> {
        let rest = self.text.get(self.at..)?;
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let line = rest.get(..end)?;
        if !super::trim(line).starts_with('#') || records_of_a_line(line, self.delimiter) {
            return None;
        }
        let record = Record { row, line: self.line, cells: vec![line.to_owned()], broken: None, comment: true };
        self.at += end;
        self.end_of_line();
        Some(record)
    }

    fn end_of_line(&mut self) {
        let bytes = match (self.byte(self.at), self.byte(self.at + 1)) {
            (Some(b'\r'), Some(b'\n')) => 2,
            (Some(b'\r' | b'\n'), _) => 1,
            _ => return,
        };
        self.at += bytes;
        self.line += 1;
    }

    fn cell(&mut self, row: u64, place: usize) -> Result<Cell, TableError> {
        let is_blank = |c: char| super::blank(c) && !matches!(c, '\n' | '\r') && c != char::from(self.delimiter);
        let rest = self.text.get(self.at..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches(is_blank).len();
        if self.byte(self.at + blanks) == Some(b'"') {
            self.at += blanks + 1;
            return self.quoted(row, place);
        }
        let delimiter = char::from(self.delimiter);
        let end = rest.find([delimiter, '\n', '\r']).unwrap_or(rest.len());
        self.at += end;
        Ok(Cell { text: rest.get(..end).unwrap_or_default().to_owned(), quoted: false, broken: false })
    }

    /// Behind an opening quote.
    fn quoted(&mut self, row: u64, place: usize) -> Result<Cell, TableError> {
        let line = self.line;
        let bad = |problem: &str| TableError::Quote { row, line, cell: place + 1, problem: problem.to_owned() };
        let mut text = String::new();
        let mut broken = false;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(end) = rest.find('"') else {
                return Err(bad(
                    "the quote that opens there is never closed, and the rows below it would be lost: close it",
                ));
            };
            let piece = rest.get(..end).unwrap_or_default();
            let breaks = line_breaks(piece);
            broken |= breaks > 0;
            self.line += breaks;
            text.push_str(piece);
            self.at += end + 1;
            if self.byte(self.at) != Some(b'"') {
                break;
            }
            text.push('"');
            self.at += 1;
        }
        while let Some(c) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            if c == char::from(self.delimiter) || matches!(c, '\n' | '\r') {
                break;
            }
            if !super::blank(c) {
                return Err(bad(
                    "a quote closes in the middle of the cell that opens there: double the quotes within the cell",
                ));
            }
            self.at += c.len_utf8();
        }
        Ok(Cell { text, quoted: true, broken })
    }
}

fn line_breaks(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let ends = |at: usize| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    (0..bytes.len()).filter(|at| ends(*at)).count() as u64
}

/// Whether the quotes of one line are in order.
fn records_of_a_line(line: &str, delimiter: u8) -> bool {
    let mut reader = Reader { text: line, delimiter, at: 0, line: 1 };
    for place in 0.. {
        if reader.cell(0, place).is_err() {
            return false;
        }
        if reader.at >= line.len() {
            break;
        }
        reader.at += 1;
    }
    true
}

/// Whether the cell of a row that holds a line break looks as if a quote had been forgotten, and the rows below had been
/// taken into it: at the break, the line above would go on as this row does behind the cell, or the line below would
/// begin as this row does before it.
fn took_in_a_row(cells: &[String], place: usize, delimiter: char) -> bool {
    let Some(cell) = cells.get(place) else { return false };
    let lines: Vec<&str> = cell.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
    let ([first, ..], [.., last]) = (lines.as_slice(), lines.as_slice()) else { return false };
    let split = |line: &str| line.split(delimiter).map(str::to_owned).collect::<Vec<_>>();
    let (first_cells, last_cells) = (split(first), split(last));
    let (before, behind) = (cells.get(..place).unwrap_or_default(), cells.get(place + 1..).unwrap_or_default());
    let as_before = last_cells.len() > place && alike(before, &last_cells) == Some(true);
    let as_behind = alike(behind, first_cells.get(1..).unwrap_or_default()) == Some(true);
    // Where no cell has a number to go by, rows that would come out complete are enough.
    let numbers = before.iter().chain(behind).any(|cell| shape(cell).is_some());
    let complete = cells.len() > 1 && place + first_cells.len() == cells.len() && last_cells.len() == place + 1;
    as_before || as_behind || (complete && !numbers)
}

/// Whether all cells that hold a number of some length have one of the same shape beside them. Nothing where there are none.
fn alike(cells: &[String], others: &[String]) -> Option<bool> {
    let shapes = cells.iter().zip(others).filter_map(|(cell, other)| Some((shape(cell)?, other)));
    shapes.map(|(shaped, other)| shape(other).as_ref() == Some(&shaped)).reduce(|all, one| all && one)
}

/// `RMD0001410` is `AAA9999999`; nothing for what holds fewer than four digits, or is too long for a number.
fn shape(cell: &str) -> Option<String> {
    const LONGEST: usize = 24;
    let cell = super::trim(cell);
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    if digits < 4 || cell.chars().count() > LONGEST {
        return None;
    }
    let class = |c: char| match c {
        c if c.is_ascii_digit() => '9',
        c if c.is_alphabetic() => 'A',
        c => c,
    };
    Some(cell.chars().map(class).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let (records, error) = records(text, b',');
        assert_eq!(error, None, "{text:?}");
        records.into_iter().map(|record| record.cells).collect()
    }

    fn refused(text: &str) -> String {
        records(text, b',').1.unwrap_or_else(|| panic!("it is read: {text:?}")).to_string()
    }

    #[test]
    fn every_line_end_ends_a_row_and_quotes_hold_what_they_hold() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("a,\"b, \"\"c\"\"\"{end}{end}=\"00\", \"d\" {end}x 5\" y,z");
            assert_eq!(rows(&text), [vec!["a", "b, \"c\""], vec![""], vec!["=\"00\"", "d"], vec!["x 5\" y", "z"]]);
        }
        assert_eq!(rows("a,b,\n"), [["a", "b", ""]]);
        assert_eq!(rows("# it's \"so, \"and\n1,2\n"), [vec!["# it's \"so, \"and"], vec!["1", "2"]]);
        assert_eq!(rows("#,\"a\"\n"), [["#", "a"]]);
        let comments: Vec<bool> = records("#1\n\"#1\"\n1,#\n", b',').0.iter().map(|record| record.comment).collect();
        assert_eq!(comments, [true, false, false], "what stands in quotes is no comment");
    }

    #[test]
    fn a_cell_may_hold_line_breaks() {
        let address = "RMD0001410,\"1 Main St\r\nSuite 4, Town, ST 12345\nUS\",Yes\n";
        assert_eq!(rows(address)[0][1], "1 Main St\r\nSuite 4, Town, ST 12345\nUS");
        let others = "RMD0001410,0020237343,\"0020237344, 0020237345\n0020237346, 0020237347, 0020237348\"\n";
        assert_eq!(rows(others)[0].len(), 3);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_an_error_with_its_row() {
        assert!(refused("h,i,j\ndeny,RMD0001413,\"fraud\ndeny,RMD0001414,spam\n").contains("row 2, line 2, cell 3"));
        assert!(refused("h\n\n\"a\nb\"\n\"x").contains("row 4, line 5, cell 1"));
        assert!(refused("deny,RMD0001413,\"fraud\ndeny,RMD0001414,\"spam\"\n").contains("row 1"));
        assert!(refused("a,\"b\" c\n").contains("double the quotes"));
    }

    #[test]
    fn a_quote_that_takes_in_other_rows_and_is_closed_by_chance_is_an_error_too() {
        for text in [
            "deny,RMD0001413,\"fraud\ndeny,RMD0001414,spam\"\n",
            "deny,RMD0001413,\"fraud\ndeny,RMD0001414,\"\n",
            "deny,RMD0001413,\"fraud\ndeny,RMD0001414,x\ndeny,RMD0001415,\"\n",
            "RMD0001413,\"fraud,deny\nRMD0001414,spam\",deny\n",
            "\"fraud,RMD0001413\nspam\",RMD0001414\n",
            "tg-a,\"north\ntg-b,south\"\n",
        ] {
            assert!(refused(text).contains("another row"), "{text:?}");
        }
    }
}
