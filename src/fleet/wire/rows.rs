//! Rows of the listing. Their columns are named once for all rows of a message, by the header's words, so that a version that
//! knows more columns or fewer reads the same cells.

use std::sync::Arc;

use super::{Read, damaged, v1};
use crate::domain::{Column, Filing, FilingBuilder, read_frn_cell};

/// The names of the columns in which rows are written.
pub fn columns() -> Vec<String> {
    Column::ALL.iter().map(|column| column.name().to_owned()).collect()
}

pub fn row_to_wire(filing: &Filing) -> v1::Row {
    let further = filing.unknown_cells().map(|(column, text)| v1::Cell { column: column.into(), text: text.into() });
    v1::Row {
        cells: Column::ALL.into_iter().map(|column| filing.cell(column).to_owned()).collect(),
        further: further.collect(),
    }
}

/// The columns of a message's rows.
#[derive(Debug)]
pub struct Columns<'a>(Vec<(&'a str, Option<Column>)>);

impl<'a> Columns<'a> {
    pub fn new(names: &'a [String]) -> Self {
        Self(names.iter().map(|name| (name.as_str(), Column::named(name))).collect())
    }

    /// The filing of a row.
    pub fn filing(&self, row: &v1::Row) -> Read<Arc<Filing>> {
        if row.cells.len() != self.0.len() {
            return Err(damaged(format!("a row of {} cells for {} columns", row.cells.len(), self.0.len())));
        }
        let mut cells = [""; Column::COUNT];
        let mut further: Vec<(&str, &str)> = Vec::new();
        let named = self.0.iter().zip(&row.cells).map(|((name, column), cell)| (*name, *column, cell.as_str()));
        let others =
            row.further.iter().map(|cell| (cell.column.as_str(), Column::named(&cell.column), cell.text.as_str()));
        for (name, column, cell) in named.chain(others) {
            match column.and_then(|column| cells.get_mut(column as usize)) {
                Some(place) => *place = cell,
                None => further.push((name, cell)),
            }
        }
        let cell = |column: Column| cells.get(column as usize).copied().unwrap_or_default();
        let number = cell(Column::Number).parse().map_err(|_| damaged("a row without the number of a filing"))?;
        let frn = read_frn_cell(cell(Column::Frn)).map_err(|_| damaged("a row with something else for an FRN"))?;
        let mut builder = FilingBuilder::new(number, frn, cells.iter().map(|cell| cell.len()).sum());
        cells.iter().for_each(|cell| builder.push(cell));
        further.iter().for_each(|(column, cell)| builder.push_unknown(column, cell));
        Ok(Arc::new(builder.finish()))
    }
}
