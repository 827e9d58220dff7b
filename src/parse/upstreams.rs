//! A carrier's own list of its upstreams, to be checked.
//!
//! The header is recognised whatever its order and writing. The list is read whole before anything is asked: one bad
//! row refuses it, named with its field.

use thiserror::Error;

use super::table::{self, BadRow, Row, Table, TableError, comparable};
use crate::domain::{IdentityError, ProviderRole, Who};

/// One upstream of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its row, the header being row 1.
    pub row: u64,
    /// Whom it names.
    pub who: Who,
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

/// Why a list cannot be used. Nothing was asked.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamsError {
    /// It is no table, or has rows that say nothing that can be used.
    #[error("nothing was asked: {0}")]
    Table(#[from] TableError),
    /// The header names no column that says who.
    #[error("the list's header names no provider column ({found}): call one frn, rmd_number, provider, ocn or peer")]
    NoProviderColumn {
        /// What it names.
        found: String,
    },
}

/// What a column that says who holds.
#[derive(Clone, Copy)]
enum Names {
    Provider,
    Ocn,
    Peer,
}

/// Columns that say who, the surest first.
const WHO: [(&str, Names); 17] = [
    ("rmd_number", Names::Provider),
    ("rmd", Names::Provider),
    ("number", Names::Provider),
    ("filing", Names::Provider),
    ("frn", Names::Provider),
    ("fcc_frn", Names::Provider),
    ("fcc_registration_number", Names::Provider),
    ("provider", Names::Provider),
    ("ocn", Names::Ocn),
    ("peer", Names::Peer),
    ("trunk_group", Names::Peer),
    ("trunk", Names::Peer),
    ("tg", Names::Peer),
    ("spc", Names::Peer),
    ("ip", Names::Peer),
    ("ip_address", Names::Peer),
    ("account", Names::Peer),
];
const ROLE: [&str; 3] = ["role", "upstream_role", "provider_role"];

/// Reads a list.
///
/// # Errors
///
/// If it is no CSV, its header names no provider column, or any row is bad.
pub fn read(bytes: &[u8]) -> Result<Upstreams, UpstreamsError> {
    let Table { header, rows } = table::read(bytes)?;
    let compared: Vec<String> = header.iter().map(|name| comparable(name)).collect();
    let place = |name: &str| compared.iter().position(|column| column == name);
    let who: Vec<(usize, Names)> = WHO.iter().filter_map(|(name, holds)| Some((place(name)?, *holds))).collect();
    let role = ROLE.iter().find_map(|name| place(name));
    let Some((first, _)) = who.first().copied() else {
        return Err(UpstreamsError::NoProviderColumn { found: header.join(", ") });
    };
    let (mut upstreams, mut bad) = (Vec::new(), Vec::new());
    for row in rows {
        match upstream(row, &header, &who, first, role) {
            Ok(upstream) => upstreams.push(upstream),
            Err(problem) => bad.push(problem),
        }
    }
    if bad.is_empty() { Ok(Upstreams { header, upstreams }) } else { Err(TableError::BadRows(bad).into()) }
}

fn upstream(
    row: Row,
    header: &[String],
    columns: &[(usize, Names)],
    first: usize,
    role: Option<usize>,
) -> Result<Upstream, BadRow> {
    let Row { row, cells } = row;
    let bad =
        |place: usize, problem: String| BadRow { row, field: header.get(place).cloned().unwrap_or_default(), problem };
    let cell = |place: usize| cells.get(place).map(String::as_str).unwrap_or_default();
    let (place, holds) = columns
        .iter()
        .copied()
        .find(|(place, _)| !cell(*place).is_empty())
        .ok_or_else(|| bad(first, "it is empty".to_owned()))?;
    let who: Result<Who, IdentityError> = match holds {
        Names::Provider => cell(place).parse().map(Who::Provider),
        Names::Ocn => cell(place).parse().map(Who::Ocn).map_err(IdentityError::Ocn),
        Names::Peer => Who::peer(cell(place)),
    };
    let who = who.map_err(|error| bad(place, error.to_string()))?;
    let role = match role {
        Some(place) if !cell(place).is_empty() => Some(cell(place).parse().map_err(|error| bad(place, error))?),
        _ => None,
    };
    Ok(Upstream { row, who, role, cells })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(list: &str) -> Vec<String> {
        let read = read(list.as_bytes()).expect("a list");
        read.upstreams.iter().map(|upstream| upstream.who.to_string()).collect()
    }

    #[test]
    fn the_header_is_recognised_in_any_order_and_writing() {
        let list = "Site,FCC FRN,Role\nnorth,20237343,gateway\n\nsouth,0003-7348-11,\n";
        let read = read(list.as_bytes()).expect("a list");
        assert_eq!(named(list), ["FRN 0020237343", "FRN 0003734811"]);
        assert_eq!((read.upstreams[0].role, read.upstreams[1].role), (Some(ProviderRole::Gateway), None));
        assert_eq!(read.upstreams[1].cells, ["south", "0003-7348-11", ""]);
    }

    #[test]
    fn the_surest_column_that_is_filled_says_who() {
        let list =
            "\u{feff}trunk group,OCN,frn,RMD Number\na,591e,20237343,RMD0001410\na,591e,20237343,\nA,591e,,\nA,,,\n";
        assert_eq!(named(list), ["RMD0001410", "FRN 0020237343", "OCN 591E", "peer a"]);
    }

    #[test]
    fn one_bad_row_refuses_the_list_and_is_named_with_its_field() {
        let mut list = "frn,role\n".to_owned();
        for _ in 2..7_000 {
            list.push_str("20237343,voice\n");
        }
        list.push_str("2023734X,voice\n20237343,boss\n,voice\n");
        let error = read(list.as_bytes()).expect_err("refused");
        assert!(error.to_string().contains("3 bad rows: row 7000, field frn"), "{error}");
        let UpstreamsError::Table(TableError::BadRows(bad)) = error else { panic!("another error") };
        let named: Vec<_> = bad.iter().map(|bad| (bad.row, bad.field.as_str())).collect();
        assert_eq!(named, [(7_000, "frn"), (7_001, "role"), (7_002, "frn")]);
    }

    #[test]
    fn a_list_without_providers_is_refused() {
        assert!(matches!(read(b"name,city\na,b\n"), Err(UpstreamsError::NoProviderColumn { .. })));
        assert_eq!(read(b"frn\n"), Err(TableError::Empty.into()));
        assert!(matches!(read(b"frn\n20237343,x\n"), Err(UpstreamsError::Table(TableError::BadRows(_)))));
    }
}
