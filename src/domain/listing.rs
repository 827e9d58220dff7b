//! The published bytes, parsed.

use std::fmt;

use std::sync::Arc;

use super::{Column, Filing, RmdNumber};

/// The FCC's listing as it was read: good rows, bad rows, and what is odd about the file. Nothing is judged yet.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The rows that could be read, by ascending number.
    pub filings: Vec<Arc<Filing>>,
    /// Whether their numbers ascended in the file, as they always have.
    pub in_order: bool,
    /// The rows that could not.
    pub unreadable: Vec<UnreadableRow>,
    /// Rows whose number stands on another row too, with the same cells or with others.
    pub repeated: usize,
    /// Rows with bytes that are no UTF-8.
    pub undecoded: usize,
    /// Columns that every listing had so far and this one has not.
    pub missing_columns: Vec<Column>,
    /// Header names that rmdd does not know. Their cells are kept.
    pub unknown_columns: Vec<String>,
    /// Set if the file ends in the middle of a record.
    pub truncated: Option<Truncation>,
}

impl Listing {
    /// All rows of the file, readable or not, the header aside.
    pub fn rows(&self) -> usize {
        self.filings.len() + self.unreadable.len()
    }
}

/// A row that could not be read. It is never taken for a removal: whichever filing it may have been stays as it last
/// was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// The row's own number, where that much could be read.
    pub number: Option<RmdNumber>,
    /// Whether other rows may have been swallowed by this one, as an unclosed quote does.
    pub may_hide_others: bool,
    /// The number of the last readable row before it.
    pub after: Option<RmdNumber>,
    /// The number of the first readable row behind it.
    pub before: Option<RmdNumber>,
    /// What is wrong with it.
    pub fault: RowFault,
}

impl UnreadableRow {
    /// Whether this row may be the filing of that number. Numbers ascend in the file, so a row without a readable
    /// number stands for one between its neighbours. Where the neighbours do not ascend nobody can tell which one it
    /// is, and it is taken for none: a row that could be any would keep every removed filing.
    pub fn may_be(&self, number: RmdNumber) -> bool {
        if self.number == Some(number) {
            return true;
        }
        if self.number.is_some() && !self.may_hide_others {
            return false;
        }
        match (self.after, self.before) {
            (Some(after), Some(before)) if after >= before => false,
            (after, before) => after.is_none_or(|after| after < number) && before.is_none_or(|before| number < before),
        }
    }
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowFault {
    /// It has more or fewer cells than the header.
    CellCount {
        /// Cells in the row.
        found: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// Its `number` is no RMD number.
    Number,
    /// Its `frn` is neither empty nor an FRN.
    Frn,
    /// Its number stands on an earlier row too, with other cells.
    RepeatedNumber,
    /// A cell is far longer than any that was ever filed.
    CellTooLong {
        /// The column, as the header names it.
        column: String,
        /// The cell's length.
        bytes: usize,
    },
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CellCount { found, expected } => write!(f, "{found} cells where the header has {expected}"),
            Self::Number => f.write_str("no RMD number in `number`"),
            Self::Frn => f.write_str("no FRN in `frn`"),
            Self::RepeatedNumber => f.write_str("the number of an earlier row, with other cells"),
            Self::CellTooLong { column, bytes } => write!(f, "a cell of {bytes} bytes in `{column}`"),
        }
    }
}

/// How a file shows that its end is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncation {
    /// The line on which the last record begins, from 1.
    pub line: u64,
    /// What shows it.
    pub sign: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u32) -> RmdNumber {
        RmdNumber::from_value(value).expect("seven digits")
    }

    fn row(own: Option<u32>, hides: bool, after: Option<u32>, before: Option<u32>) -> UnreadableRow {
        UnreadableRow {
            line: 2,
            number: own.map(number),
            may_hide_others: hides,
            after: after.map(number),
            before: before.map(number),
            fault: RowFault::Number,
        }
    }

    #[test]
    fn a_row_with_a_readable_number_stands_for_that_filing_alone() {
        let row = row(Some(20), false, Some(10), Some(30));
        assert!(row.may_be(number(20)));
        assert!(!row.may_be(number(21)));
    }

    #[test]
    fn a_row_without_a_number_stands_for_any_between_its_neighbours() {
        let between = row(None, true, Some(10), Some(30));
        assert!(between.may_be(number(11)) && between.may_be(number(29)));
        assert!(!between.may_be(number(10)) && !between.may_be(number(30)));
        assert!(row(None, true, None, Some(30)).may_be(number(1)));
        assert!(row(None, true, Some(10), None).may_be(number(9_999_999)));
    }

    #[test]
    fn a_row_between_neighbours_that_do_not_ascend_is_taken_for_none() {
        assert!(!row(None, true, Some(30), Some(10)).may_be(number(5)));
        assert!(!row(None, true, Some(30), Some(10)).may_be(number(20)));
        assert!(row(Some(20), true, Some(30), Some(10)).may_be(number(20)), "its own number it keeps");
    }

    #[test]
    fn a_row_that_may_have_swallowed_others_stands_for_its_number_and_the_gap_behind_it() {
        let row = row(Some(20), true, Some(10), Some(30));
        assert!(row.may_be(number(20)) && row.may_be(number(25)));
        assert!(!row.may_be(number(31)));
    }
}
