//! One row of the listing.

use std::collections::BTreeMap;

/// The columns of the listing until January 2026, in their order.
pub const COLUMNS: [&str; 22] = [
    "number",
    "frn",
    "business_name",
    "business_address",
    "foreign_voice_provider",
    "country",
    "other_frns",
    "other_dba_names",
    "previous_dba_names",
    "robocall_mitigation_contact_name",
    "contact_title",
    "contact_department",
    "contact_business_address",
    "contact_country",
    "contact_telephone_number",
    "contact_phone_extension",
    "implementation",
    "voice_service_provider_choice",
    "gateway_provider_choice",
    "intermediate_provider_choice",
    "last_updated",
    "filing_url",
];

/// The column that came in January 2026.
pub(crate) const RECERTIFIED: &str = "last_recertified";

/// The columns that older exports also had.
pub(crate) const OLDER: [&str; 2] = ["intermediate_provider", "ipr_imported"];

/// The columns of the three roles.
pub(crate) const ROLES: [&str; 3] =
    ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"];

/// How many columns a generated row has cells for.
const KNOWN: usize = COLUMNS.len() + 1 + OLDER.len();

/// The place of a column in a row's cells.
pub(crate) fn place(column: &str) -> Option<usize> {
    COLUMNS.iter().chain([&RECERTIFIED]).chain(&OLDER).position(|known| *known == column)
}

/// One filing: its cells by column name. A column that was never set is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    known: Box<[Box<str>; KNOWN]>,
    further: BTreeMap<String, String>,
}

impl Row {
    /// The cell of a column.
    pub fn get(&self, column: &str) -> &str {
        match place(column) {
            Some(place) => self.at(place),
            None => self.further.get(column).map_or("", String::as_str),
        }
    }

    /// The cell at a place that [`place`] gave.
    pub(crate) fn at(&self, place: usize) -> &str {
        self.known.get(place).map_or("", |cell| cell)
    }

    /// Sets the cell of a column. The column may be one that the listing does not have.
    pub fn set(&mut self, column: &str, cell: impl Into<String>) {
        let cell = cell.into();
        if let Some(known) = place(column).and_then(|place| self.known.get_mut(place)) {
            *known = cell.into_boxed_str();
        } else if cell.is_empty() {
            self.further.remove(column);
        } else {
            self.further.insert(column.to_owned(), cell);
        }
    }

    /// The columns in which two rows differ, by name, sorted.
    pub fn differs_in(&self, other: &Self) -> Vec<String> {
        let mut columns: Vec<&str> = COLUMNS.iter().chain([&RECERTIFIED]).chain(&OLDER).copied().collect();
        columns.extend(self.further.keys().chain(other.further.keys()).map(String::as_str));
        columns.sort_unstable();
        columns.dedup();
        columns.into_iter().filter(|column| self.get(column) != other.get(column)).map(str::to_owned).collect()
    }
}
