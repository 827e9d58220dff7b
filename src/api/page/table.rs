//! A table: shown on the page, and the same in CSV.

use crate::domain::visible::one_line;

use super::text;

/// What is no longer is not broken between lines.
const SHORT: usize = 20;

#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// What it says, whole.
    text: String,
    /// Where it leads; empty for nowhere.
    pub href: String,
    /// How it is to be seen, by a class of the style sheet.
    class: &'static str,
    /// Whether it is a sentence of ours, which is shown whole.
    is_sentence: bool,
}

impl Cell {
    /// A text, which may be anybody's.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A sentence of ours, which may quote anybody.
    pub fn sentence(text: impl Into<String>) -> Self {
        Self { is_sentence: true, ..Self::text(text) }
    }

    /// The class of the cell: what is short is not broken.
    pub fn class(&self) -> &'static str {
        match self.class {
            "" if self.text.len() <= SHORT => "short",
            class => class,
        }
    }

    /// A number or a time: nothing breaks it.
    pub fn fixed(text: impl Into<String>) -> Self {
        Self { class: "fixed", ..Self::text(text) }
    }

    pub fn count(value: u64) -> Self {
        Self { class: "count", ..Self::text(text::count(value)) }
    }

    /// A word that says how something stands.
    pub fn word(word: &str, class: &'static str) -> Self {
        Self { class, ..Self::text(word) }
    }

    /// The same, leading somewhere.
    pub fn to(self, href: String) -> Self {
        Self { href, ..self }
    }

    /// Whether it is a word that says how something stands.
    pub fn is_word(&self) -> bool {
        matches!(self.class, "good" | "warn" | "bad" | "plain")
    }

    /// What is shown of it.
    pub fn shown(&self) -> String {
        if self.is_sentence { text::sentence(&self.text) } else { text::shown(&self.text) }
    }

    /// What a spreadsheet gets: on one line, and nothing that it would take for a formula.
    fn in_csv(&self) -> String {
        let line = one_line(&self.text);
        if line.starts_with(['=', '+', '-', '@']) { format!("'{line}") } else { line }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its name in a link to its CSV, and its anchor.
    pub name: &'static str,
    /// What it holds, for who does not see it.
    pub caption: String,
    /// The heads of its columns.
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// What is said where there are none.
    pub empty: String,
    /// Where its CSV is; empty if nowhere.
    pub csv: String,
}

impl Table {
    /// One of this name, with these heads.
    pub fn new(name: &'static str, caption: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { name, caption: caption.into(), columns: columns.to_vec(), ..Self::default() }
    }

    /// What is said where it has no rows.
    pub fn or(self, empty: impl Into<String>) -> Self {
        Self { empty: empty.into(), ..self }
    }

    /// Its rows.
    pub fn with(self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        Self { rows: rows.into_iter().collect(), ..self }
    }

    /// With a link to its CSV: the path of the page, and its query.
    pub fn in_csv_at(self, path: &str, query: &str) -> Self {
        let more = if query.is_empty() { String::new() } else { format!("&{query}") };
        Self { csv: format!("{path}?format=csv&table={}{more}", self.name), ..self }
    }

    /// Without a column that has nothing for whoever looks.
    pub fn without(mut self, head: &str) -> Self {
        if let Some(place) = self.columns.iter().position(|of| *of == head) {
            self.columns.remove(place);
            self.rows.iter_mut().for_each(|row| drop(row.remove(place)));
        }
        self
    }

    /// By which room it is shown row below row, as a class: one of counts fits anywhere, one of many columns needs much.
    pub fn class(&self) -> &'static str {
        match self.columns.len() {
            _ if matches!(self.name, "calls" | "weeks") => "narrow",
            // Those of removals are mostly times, which nothing breaks.
            0..6 if self.name != "removals" => "stacks",
            _ => "stacks many",
        }
    }

    /// The heads with how their columns are aligned.
    pub fn heads(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let first = self.rows.first();
        let is_count =
            move |place: usize| first.is_some_and(|row| row.get(place).is_some_and(|cell| cell.class == "count"));
        self.columns.iter().enumerate().map(move |(place, head)| (*head, is_count(place)))
    }

    /// The cells of a row with the heads of their columns.
    pub fn cells<'a>(&'a self, row: &'a [Cell]) -> impl Iterator<Item = (&'static str, &'a Cell)> {
        self.columns.iter().copied().zip(row)
    }

    /// The table in CSV.
    pub fn to_csv(&self) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        // A buffer in memory takes everything, and all rows are as long as the first.
        let _ = writer.write_record(&self.columns);
        for row in &self.rows {
            let _ = writer.write_record(self.cells(row).map(|(_, cell)| cell.in_csv()));
        }
        writer.into_inner().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_gets_texts_and_no_formulas_and_the_page_no_more_than_it_can_show() {
        let long = "x".repeat(4000);
        let rows = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "a\r\nb,\"c\"", "\t=1", "\u{202e}n", &long];
        let table = Table::new("t", "", &["name"]).with(rows.iter().map(|text| vec![Cell::text(*text)]));
        let csv = String::from_utf8(table.to_csv()).expect("text");
        assert_eq!(
            csv.replace(&long, "LONG"),
            "name\r\n'=cmd|' /C calc'!A0\r\n'+1\r\n'-1\r\n'@x\r\n\"a b,\"\"c\"\"\"\r\n'=1\r\n\\u{202e}n\r\nLONG\r\n"
        );
        assert!(table.rows[7][0].shown().chars().count() < 200);
    }
}
