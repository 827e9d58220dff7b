//! One row of the listing.

use super::{
    Certification, Column, ForeignProvider, Frn, FrnError, Implementation, ProviderRole, ProviderRoles, RmdNumber,
};

/// One provider's filing: its identity, read and checked, and every cell as the FCC published it.
///
/// The cells stand in one piece of text, because ten thousand filings with twenty-five strings each would cost the
/// daemon most of its memory. Two filings are equal if all their cells are.
#[derive(Clone, PartialEq, Eq)]
pub struct Filing {
    number: RmdNumber,
    frn: Option<Frn>,
    /// Read from the cells once: every decision asks.
    roles: ProviderRoles,
    foreign: ForeignProvider,
    text: Box<str>,
    /// Where each known column's cell ends in `text`.
    ends: [u32; Column::COUNT],
    /// Cells of columns that rmdd does not know, by the header's name.
    unknown: Box<[(Box<str>, Box<str>)]>,
}

/// Puts a filing together cell by cell, in the order of [`Column::ALL`].
pub struct FilingBuilder {
    number: RmdNumber,
    frn: Option<Frn>,
    text: String,
    ends: [u32; Column::COUNT],
    filled: usize,
    unknown: Vec<(Box<str>, Box<str>)>,
}

impl FilingBuilder {
    /// Begins a filing of this identity. `capacity` is the expected length of all cells in bytes.
    pub fn new(number: RmdNumber, frn: Option<Frn>, capacity: usize) -> Self {
        Self {
            number,
            frn,
            text: String::with_capacity(capacity),
            ends: [0; Column::COUNT],
            filled: 0,
            unknown: Vec::new(),
        }
    }

    /// Adds the next known column's cell; cells past the last known column are left out.
    pub fn push(&mut self, cell: &str) {
        if self.filled < Column::COUNT {
            self.text.push_str(cell);
            self.ends[self.filled] = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
            self.filled += 1;
        }
    }

    /// Adds a cell of a column that rmdd does not know. An empty one says nothing and is left out.
    pub fn push_unknown(&mut self, column: &str, cell: &str) {
        if !cell.is_empty() {
            self.unknown.push((column.into(), cell.into()));
        }
    }

    /// The finished filing. Columns that were not filled are empty.
    pub fn finish(mut self) -> Filing {
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        for place in self.filled..Column::COUNT {
            self.ends[place] = end;
        }
        self.unknown.sort();
        let mut filing = Filing {
            number: self.number,
            frn: self.frn,
            roles: ProviderRoles::default(),
            foreign: ForeignProvider::Unstated,
            text: self.text.into_boxed_str(),
            ends: self.ends,
            unknown: self.unknown.into_boxed_slice(),
        };
        let certified = |role: &ProviderRole| filing.certification(*role) == Certification::Yes;
        filing.roles = ProviderRole::ALL.into_iter().filter(certified).collect();
        filing.foreign = ForeignProvider::read(filing.cell(Column::ForeignVoiceProvider));
        filing
    }
}

impl Filing {
    /// The filing's number, which never changes.
    pub fn number(&self) -> RmdNumber {
        self.number
    }

    /// The provider's FRN. One filing in ten thousand has none.
    pub fn frn(&self) -> Option<Frn> {
        self.frn
    }

    /// A cell exactly as published; empty if the listing has no such column.
    pub fn cell(&self, column: Column) -> &str {
        let place = column as usize;
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        self.text.get(start..self.ends[place] as usize).unwrap_or_default()
    }

    /// A cell as a person would read it: blanks around it, the apostrophe that guards a leading `+`, `=`, `-` or `@`
    /// against spreadsheets, and a bare `N/A` are gone.
    pub fn text(&self, column: Column) -> &str {
        Self::readable(self.cell(column))
    }

    /// A cell's text as a person would read it; see [`Filing::text`].
    pub fn readable(cell: &str) -> &str {
        let cell = cell.trim();
        let cell = match cell.strip_prefix('\'') {
            Some(guarded) if guarded.starts_with(['+', '=', '-', '@']) => guarded,
            _ => cell,
        };
        if cell == "N/A" { "" } else { cell }
    }

    /// Cells of columns that rmdd does not know, by the header's name, sorted.
    pub fn unknown_cells(&self) -> impl Iterator<Item = (&str, &str)> {
        self.unknown.iter().map(|(column, cell)| (&**column, &**cell))
    }

    /// The provider's name as filed; about one filing in eighty has none.
    pub fn business_name(&self) -> &str {
        self.text(Column::BusinessName)
    }

    /// What the filing certifies about STIR/SHAKEN.
    pub fn implementation(&self) -> Implementation<'_> {
        Implementation::read(self.cell(Column::Implementation))
    }

    /// The filing's answer for one role.
    pub fn certification(&self, role: ProviderRole) -> Certification<'_> {
        Certification::read(self.cell(role.column()))
    }

    /// The roles that the filing certifies.
    pub fn roles(&self) -> ProviderRoles {
        self.roles
    }

    /// Whether the provider files as a foreign one.
    pub fn foreign(&self) -> ForeignProvider {
        self.foreign
    }
}

/// The FRN that a cell of the column `frn` names; none if it is empty.
///
/// # Errors
///
/// If there is something in it that is no FRN.
pub(crate) fn read_frn_cell(cell: &str) -> Result<Option<Frn>, FrnError> {
    match cell.trim() {
        "" | "N/A" => Ok(None),
        written => written.parse().map(Some),
    }
}

impl std::fmt::Debug for Filing {
    /// Names the filing only: its cells hold personal contact data, which has no place in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filing").field("number", &self.number).field("frn", &self.frn).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filing(cells: &[(Column, &str)]) -> Filing {
        let mut builder = FilingBuilder::new("RMD0001410".parse().expect("a number"), None, 0);
        for column in Column::ALL {
            builder.push(cells.iter().find(|(c, _)| *c == column).map_or("", |(_, cell)| cell));
        }
        builder.finish()
    }

    #[test]
    fn a_guarded_cell_reads_without_its_apostrophe_and_keeps_it_as_published() {
        let guarded = filing(&[(Column::BusinessName, "'@Link Example, LLC"), (Column::Country, "'s-Hertogenbosch")]);
        assert_eq!(guarded.business_name(), "@Link Example, LLC");
        assert_eq!(guarded.cell(Column::BusinessName), "'@Link Example, LLC");
        assert_eq!(guarded.text(Column::Country), "'s-Hertogenbosch");
    }

    #[test]
    fn not_applicable_reads_as_nothing() {
        assert_eq!(filing(&[(Column::ContactTelephoneNumber, "N/A")]).text(Column::ContactTelephoneNumber), "");
    }

    #[test]
    fn a_filing_says_only_its_numbers_when_debugged() {
        let shown = format!("{:?}", filing(&[(Column::RobocallMitigationContactName, "Pat Example")]));
        assert!(shown.contains("RMD0001410") && !shown.contains("Pat"), "{shown}");
    }

    #[test]
    fn a_filing_with_fewer_cells_than_columns_has_the_rest_empty() {
        let mut builder = FilingBuilder::new("RMD0001410".parse().expect("a number"), None, 0);
        builder.push("RMD0001410");
        builder.push("0020237343");
        let filing = builder.finish();
        assert_eq!(filing.cell(Column::Frn), "0020237343");
        assert_eq!(filing.cell(Column::IprImported), "");
    }
}
