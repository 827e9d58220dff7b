//! What stands in a column that may hold roles.

use super::filled;
use crate::records::lists::role_words::{self, Mentioned};
use crate::records::lists::table::{BadRow, Row};
use crate::records::lists::writings::{self, Mark};

/// How many cells of a column that does not say who may be roles.
#[derive(Default)]
pub(super) struct RoleCells {
    /// That say something.
    pub(super) filled: usize,
    /// That are a role.
    pub(super) read: usize,
    /// That are several roles.
    pub(super) several: usize,
    /// That are a role and more words.
    pub(super) qualified: usize,
    /// That say Yes or No.
    pub(super) marks: usize,
}

impl RoleCells {
    /// Of a column that may hold roles by its name, or not.
    pub(super) fn of(rows: &[Result<Row, BadRow>], place: usize, perhaps: bool) -> Self {
        let mut cells = Self::default();
        for cell in filled(rows, place) {
            cells.marks += usize::from(matches!(writings::mark(&cell), Some(Mark::Yes | Mark::No)));
            match writings::role(&cell) {
                Ok(None) => continue,
                Ok(Some(_)) => cells.read += 1,
                Err(_) => match role_words::mentioned(&cell) {
                    Some(Mentioned::Several) => cells.several += 1,
                    // Elsewhere a remark is no role, whatever it is about.
                    Some(Mentioned::Qualified) if perhaps || cell.split_whitespace().count() <= 4 => {
                        cells.qualified += 1;
                    }
                    Some(Mentioned::Qualified) | None => {}
                },
            }
            cells.filled += 1;
        }
        cells
    }
}
