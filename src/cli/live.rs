//! (what the FCC says of a provider now, what rmdd has) -> where they agree. Pure. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::domain::{Column, FieldChange, Filing, Identity, RmdNumber};
use crate::listing::parse::json::{self, JsonError, JsonFiling};
use crate::sync::fetch::FetchError;

/// Why the FCC's word cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LiveError {
    /// It could not be asked.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Its answer cannot be read.
    #[error("{url} was asked, and {cause}")]
    Answer {
        /// The address that was asked.
        url: String,
        /// Why not.
        cause: JsonError,
    },
    /// It answered about others.
    #[error(
        "{url} answered with {count} filings of others and none of {who}: it does not honour the query (fetch.live_url)"
    )]
    Unrelated {
        /// The address that was asked.
        url: String,
        /// How many.
        count: usize,
        /// Who was asked about.
        who: Identity,
    },
}

impl LiveError {
    /// The cause in UPPER_SNAKE.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.kind(),
            Self::Answer { .. } => "ANSWER_UNREADABLE",
            Self::Unrelated { .. } => "ANSWER_UNRELATED",
        }
    }
}

/// Reads what the FCC answered about one provider. Filings of others in it are left out.
///
/// # Errors
///
/// If it cannot be read, or is about others only.
pub fn read(answer: &[u8], url: &str, who: Identity) -> Result<Vec<JsonFiling>, LiveError> {
    let mut filings = json::read(answer).map_err(|cause| LiveError::Answer { url: url.to_owned(), cause })?;
    let count = filings.len();
    filings.retain(|read| match who {
        Identity::Frn(frn) => read.filing.frn() == Some(frn),
        Identity::RmdNumber(number) => read.filing.number() == number,
    });
    if filings.is_empty() && count > 0 {
        return Err(LiveError::Unrelated { url: url.to_owned(), count, who });
    }
    Ok(filings)
}

/// How one filing compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// All columns that the FCC tells are as rmdd has them.
    Same,
    /// These are not; before is what rmdd has, after what the FCC says.
    Differs(Vec<FieldChange>),
    /// rmdd has it, the FCC does not tell of it.
    OnlyStored,
    /// The FCC tells of it, rmdd does not have it.
    OnlyLive,
}

/// A filing as rmdd has it: its cells by column name.
pub type StoredCells = BTreeMap<String, String>;

/// Compares filing by filing, by ascending number. Only columns that the FCC tells are compared, and as a person reads
/// them: blanks, line ends, `N/A` and the apostrophe that guards a cell make no difference.
pub fn compare(stored: &BTreeMap<RmdNumber, StoredCells>, live: &[JsonFiling]) -> Vec<(RmdNumber, Agreement)> {
    let reported: BTreeMap<RmdNumber, &JsonFiling> = live.iter().map(|read| (read.filing.number(), read)).collect();
    let numbers: BTreeSet<RmdNumber> = stored.keys().chain(reported.keys()).copied().collect();
    let agreement = |number: &RmdNumber| match (stored.get(number), reported.get(number)) {
        (Some(cells), Some(live)) => {
            let differing = differing(cells, live);
            if differing.is_empty() { Agreement::Same } else { Agreement::Differs(differing) }
        }
        (None, Some(_)) => Agreement::OnlyLive,
        (_, None) => Agreement::OnlyStored,
    };
    numbers.iter().map(|number| (*number, agreement(number))).collect()
}

fn differing(cells: &StoredCells, live: &JsonFiling) -> Vec<FieldChange> {
    let stored = |column: Column| cells.get(column.name()).map(String::as_str).unwrap_or_default();
    live.reported
        .iter()
        .filter(|column| readable(stored(**column)) != readable(live.filing.cell(**column)))
        .map(|column| FieldChange {
            column: column.name().to_owned(),
            before: stored(*column).to_owned(),
            after: live.filing.cell(*column).to_owned(),
        })
        .collect()
}

/// A cell's words.
fn readable(cell: &str) -> Vec<&str> {
    Filing::readable(cell).split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(cells: &[(&str, &str)]) -> BTreeMap<RmdNumber, StoredCells> {
        let cells = cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect();
        BTreeMap::from([("RMD0001410".parse().expect("a number"), cells)])
    }

    fn frn() -> Identity {
        Identity::Frn("0012897441".parse().expect("an FRN"))
    }

    fn agreements(cells: &[(&str, &str)], answer: &str) -> Vec<Agreement> {
        let live = read(answer.as_bytes(), "http://fcc.example", frn()).expect("readable");
        compare(&stored(cells), &live).into_iter().map(|(_, agreement)| agreement).collect()
    }

    const CELLS: [(&str, &str); 5] = [
        ("number", "RMD0001410"),
        ("frn", "0012897441"),
        ("business_name", "'@Link Example"),
        ("business_address", "1 Main St\nSpringfield"),
        ("country", "N/A"),
    ];

    #[test]
    fn what_reads_the_same_is_the_same_and_columns_that_are_not_told_do_not_count() {
        let answer = r#"[{"number":"RMD0001410","frn":"0012897441","business_name":"@Link Example ",
            "business_address":"1 Main St\r\nSpringfield","country":null}]"#;
        assert_eq!(agreements(&CELLS, answer), [Agreement::Same]);
    }

    #[test]
    fn what_differs_is_named_with_both_texts() {
        let answer = r#"[{"number":"RMD0001410","frn":"0012897441","business_name":"Other"}]"#;
        let [Agreement::Differs(fields)] = &agreements(&CELLS, answer)[..] else { panic!("it differs") };
        let change = FieldChange {
            column: "business_name".to_owned(),
            before: "'@Link Example".to_owned(),
            after: "Other".to_owned(),
        };
        assert_eq!(*fields, [change]);
    }

    #[test]
    fn filings_of_one_side_alone_are_told_apart() {
        assert_eq!(agreements(&CELLS, "[]"), [Agreement::OnlyStored]);
        let other = r#"[{"number":"RMD0000007","frn":"0012897441"}]"#;
        assert_eq!(agreements(&CELLS, other), [Agreement::OnlyLive, Agreement::OnlyStored]);
    }

    #[test]
    fn an_answer_about_others_is_not_taken_for_an_absence() {
        let others = br#"[{"number":"RMD0000007","frn":"0000000007"}]"#;
        let error = read(others, "http://fcc.example", frn()).expect_err("refused");
        assert_eq!(error.kind(), "ANSWER_UNRELATED");
        let both = br#"[{"number":"RMD0000007","frn":"0000000007"},{"number":"RMD0001410","frn":"0012897441"}]"#;
        assert_eq!(read(both, "http://fcc.example", frn()).expect("readable").len(), 1);
    }
}
