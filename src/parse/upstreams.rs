//! A carrier's own list of its upstreams: CSV in, CSV with verdicts out.
//!
//! The header is recognised whatever its order and writing. The list is read whole before anything is asked: one bad
//! row refuses it, named with its field.

use std::fmt;

use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use thiserror::Error;

use crate::domain::{Identity, ProviderRole};

/// One upstream of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its row, the header being row 1.
    pub row: u64,
    /// Which provider it is.
    pub identity: Identity,
    /// The role in which it hands calls over, if the list says.
    pub role: Option<ProviderRole>,
    /// Its cells as they stand in the list.
    pub cells: Vec<String>,
}

/// A list that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstreams {
    /// The header's names as they stand in the list.
    pub header: Vec<String>,
    /// The upstreams, in the order of the list.
    pub upstreams: Vec<Upstream>,
}

/// Why a list cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamsError {
    /// It is no CSV.
    #[error("the list cannot be read: {0}")]
    Csv(String),
    /// The header names no column that says who.
    #[error("the list's header names no provider column ({found}): call one frn, rmd_number or provider")]
    NoProviderColumn {
        /// What it names.
        found: String,
    },
    /// A header and nothing below it.
    #[error("the list has a header and no row")]
    Empty,
    /// Rows that say nothing that can be used. Nothing was asked.
    #[error("nothing was asked, because of {count} bad {rows}: {first}{more}", count = .0.len(), rows = if .0.len() == 1 { "row" } else { "rows" }, first = .0.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("; "), more = if .0.len() > 5 { "; ..." } else { "" })]
    BadRows(Vec<BadRow>),
}

/// A row that says nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Which, the header being row 1.
    pub row: u64,
    /// The field, by the header's name.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}, field {}: {}", self.row, self.field, self.problem)
    }
}

/// Columns that say who, the surest first.
const PROVIDER: [&str; 8] =
    ["rmd_number", "rmd", "number", "filing", "frn", "fcc_frn", "fcc_registration_number", "provider"];
const ROLE: [&str; 3] = ["role", "upstream_role", "provider_role"];

/// A header's name as it is compared: `FCC FRN` is `fcc_frn`.
fn comparable(name: &str) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    words.join("_")
}

/// Reads a list.
///
/// # Errors
///
/// If it is no CSV, its header names no provider column, or any row is bad.
pub fn read(bytes: &[u8]) -> Result<Upstreams, UpstreamsError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let broken = |error: csv::Error| UpstreamsError::Csv(error.to_string());
    let mut reader = ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
    let compared: Vec<String> = header.iter().map(|name| comparable(name)).collect();
    let places = |names: &[&str]| -> Vec<usize> {
        names.iter().filter_map(|name| compared.iter().position(|column| column == name)).collect()
    };
    let (who, role) = (places(&PROVIDER), places(&ROLE).first().copied());
    if who.is_empty() {
        return Err(UpstreamsError::NoProviderColumn { found: header.join(", ") });
    }
    let mut upstreams = Vec::new();
    let mut bad = Vec::new();
    for (record, row) in reader.records().zip(2..) {
        let record = record.map_err(broken)?;
        if record.iter().all(str::is_empty) {
            continue;
        }
        match upstream(&record, row, &header, &who, role) {
            Ok(upstream) => upstreams.push(upstream),
            Err(problem) => bad.push(problem),
        }
    }
    if !bad.is_empty() {
        return Err(UpstreamsError::BadRows(bad));
    }
    if upstreams.is_empty() {
        return Err(UpstreamsError::Empty);
    }
    Ok(Upstreams { header, upstreams })
}

fn upstream(
    record: &StringRecord,
    row: u64,
    header: &[String],
    who: &[usize],
    role: Option<usize>,
) -> Result<Upstream, BadRow> {
    let bad =
        |place: usize, problem: String| BadRow { row, field: header.get(place).cloned().unwrap_or_default(), problem };
    if record.len() > header.len() {
        let problem = format!("{} cells where the header has {}", record.len(), header.len());
        return Err(BadRow { row, field: header.first().cloned().unwrap_or_default(), problem });
    }
    let cell = |place: usize| record.get(place).unwrap_or_default();
    let place = who
        .iter()
        .copied()
        .find(|place| !cell(*place).is_empty())
        .ok_or_else(|| bad(who[0], "it is empty".to_owned()))?;
    let identity = cell(place).parse().map_err(|error: crate::domain::IdentityError| bad(place, error.to_string()))?;
    let role = match role {
        Some(place) if !cell(place).is_empty() => Some(cell(place).parse().map_err(|error| bad(place, error))?),
        _ => None,
    };
    let cells = (0..header.len()).map(|place| cell(place).to_owned()).collect();
    Ok(Upstream { row, identity, role, cells })
}

/// Writes rows of cells as CSV.
///
/// # Errors
///
/// If the writer fails.
pub fn write<W: std::io::Write>(out: W, rows: impl IntoIterator<Item = Vec<String>>) -> std::io::Result<()> {
    let mut writer = WriterBuilder::new().from_writer(out);
    for row in rows {
        writer.write_record(row).map_err(std::io::Error::other)?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_recognised_in_any_order_and_writing() {
        let list = "Trunk,FCC FRN,Role\ntg-1,20237343,gateway\n\ntg-2,0003-7348-11,\n";
        let read = read(list.as_bytes()).expect("a list");
        assert_eq!(read.upstreams.len(), 2);
        assert_eq!(read.upstreams[0].identity.to_string(), "FRN 0020237343");
        assert_eq!((read.upstreams[0].role, read.upstreams[1].role), (Some(ProviderRole::Gateway), None));
        assert_eq!(read.upstreams[1].cells, ["tg-2", "0003-7348-11", ""]);
    }

    #[test]
    fn the_surest_column_that_is_filled_says_who() {
        let list = "\u{feff}frn,RMD Number\n20237343,RMD0001410\n20237343,\n";
        let read = read(list.as_bytes()).expect("a list");
        let named: Vec<_> = read.upstreams.iter().map(|upstream| upstream.identity.to_string()).collect();
        assert_eq!(named, ["RMD0001410", "FRN 0020237343"]);
    }

    #[test]
    fn one_bad_row_refuses_the_list_and_is_named_with_its_field() {
        let mut list = "frn,role\n".to_owned();
        for _ in 2..7_000 {
            list.push_str("20237343,voice\n");
        }
        list.push_str("2023734X,voice\n20237343,boss\n,voice\n");
        let UpstreamsError::BadRows(bad) = read(list.as_bytes()).expect_err("refused") else { panic!("another error") };
        let named: Vec<_> = bad.iter().map(|bad| (bad.row, bad.field.as_str())).collect();
        assert_eq!(named, [(7_000, "frn"), (7_001, "role"), (7_002, "frn")]);
        assert!(UpstreamsError::BadRows(bad).to_string().contains("row 7000, field frn"));
    }

    #[test]
    fn a_list_without_providers_is_refused() {
        assert!(matches!(read(b"name,city\na,b\n"), Err(UpstreamsError::NoProviderColumn { .. })));
        assert_eq!(read(b"frn\n"), Err(UpstreamsError::Empty));
        assert!(matches!(read(b"frn\n20237343,x\n"), Err(UpstreamsError::BadRows(_))));
    }
}
