//! A world as the file that the FCC would publish.

use crate::filing::{COLUMNS, Row};
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
    /// These columns in this order instead. A name that is no column's gets made-up cells.
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

const OTHER_COLUMNS: [&str; 3] = ["last_recertified", "intermediate_provider", "ipr_imported"];

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
                columns.insert(columns.len() - 1, "last_recertified".to_owned());
            }
            if format.older {
                columns.extend(["intermediate_provider".to_owned(), "ipr_imported".to_owned()]);
            }
            columns
        });
        let mut text = String::with_capacity(500 * (self.len() + 1));
        if format.bom {
            text.push('\u{feff}');
        }
        text.push_str(&columns.join(","));
        for row in self.rows() {
            text.push_str(end);
            for (place, column) in columns.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                push_cell(&mut text, row, column);
            }
        }
        if format.final_line_end {
            text.push_str(end);
        }
        text.into_bytes()
    }
}

fn push_cell(text: &mut String, row: &Row, column: &str) {
    let known = COLUMNS.contains(&column) || OTHER_COLUMNS.contains(&column);
    let made_up;
    let cell = if known {
        row.get(column)
    } else {
        made_up = format!("made up for {}", row.get("number"));
        &made_up
    };
    if cell.contains([',', '"', '\r', '\n']) {
        text.push('"');
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(cell);
    }
}
