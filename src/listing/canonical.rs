//! [`Snapshot`] -> the listing as one file, the same to the byte wherever and whenever it is written. Pure.
//!
//! The published bytes cannot serve for that: the same filings come in another order of columns, with other line ends,
//! with rows that could not be read. So there is one form of its own, the *export*, and each snapshot is known by the
//! digest of it as well as by that of the published bytes:
//!
//! - UTF-8 without a byte order mark; every line, the last one included, ends with LF;
//! - the header: the 25 columns known to the first version of this form, in the order of [`Column::ALL`], there or not;
//!   then all others of which some filing has a cell, by name;
//! - one row for each filing, by ascending number; cells exactly as published; rows that could not be read stand as
//!   they last were read;
//! - a cell is quoted only if it holds a comma, a quote, CR or LF; a quote in it is doubled.
//!
//! A column that a later version comes to know stays among the others: a digest once recorded is never another.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serializer;
use sha2::{Digest, Sha256};

use crate::domain::{Column, Filing, Sha256Digest, Snapshot};

/// How many columns stand in every export. It never changes.
const FIXED: usize = 25;

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The form whose digest is recorded.
    Csv,
    /// One JSON object a line, by ascending number: the columns of the CSV form in their order, null where a cell is empty.
    JsonLines,
}

/// Writes the listing of a snapshot, as far as it is asked to, and goes on from there.
#[derive(Debug)]
pub struct Export {
    snapshot: Arc<Snapshot>,
    format: Format,
    /// The columns beside the fixed ones.
    further: BTreeSet<Box<str>>,
    begun: bool,
    /// The place of the filing that comes next.
    next: usize,
}

impl Export {
    /// The listing of a snapshot in this form, from its beginning.
    pub fn new(snapshot: Arc<Snapshot>, format: Format) -> Self {
        let further = further(&snapshot.filings).into_iter().map(Box::from).collect();
        Self { snapshot, format, further, begun: false, next: 0 }
    }

    /// The next piece, of so many bytes or a row more; empty behind the last.
    ///
    /// # Errors
    ///
    /// None that is known: memory takes what is written.
    pub fn piece(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes + (bytes >> 3));
        if !std::mem::replace(&mut self.begun, true) && self.format == Format::Csv {
            write_header(&self.further, &mut out)?;
        }
        while out.len() < bytes
            && let Some(filing) = self.snapshot.filings.get(self.next)
        {
            match self.format {
                Format::Csv => write_row(filing, &self.further, &mut out)?,
                Format::JsonLines => write_object(filing, &self.further, &mut out)?,
            }
            self.next += 1;
        }
        Ok(out)
    }
}

fn write_object(filing: &Filing, further: &BTreeSet<impl AsRef<str> + Ord>, out: &mut impl Write) -> io::Result<()> {
    let fixed = Column::ALL.into_iter().take(FIXED).map(|column| (column.name(), filing.cell(column)));
    let others = further.iter().map(|name| (name.as_ref(), other(filing, name.as_ref())));
    let cells = fixed.chain(others).map(|(name, cell)| (name, Some(cell).filter(|cell| !cell.is_empty())));
    serde_json::Serializer::new(&mut *out).collect_map(cells)?;
    out.write_all(b"\n")
}

/// The SHA-256 digest of the export of these filings, which ascend by number.
pub fn digest(filings: &[Arc<Filing>]) -> Sha256Digest {
    let mut hasher = Hasher { sha256: Sha256::new(), gathered: Vec::with_capacity(GATHERED) };
    // It cannot fail.
    let _ = write_csv(filings, &mut hasher);
    hasher.sha256.update(&hasher.gathered);
    Sha256Digest(hasher.sha256.finalize().into())
}

/// Cells are short, and hashing them one by one would cost more than the hashing itself.
const GATHERED: usize = 64 << 10;

struct Hasher {
    sha256: Sha256,
    gathered: Vec<u8>,
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED {
            self.sha256.update(&self.gathered);
            self.gathered.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A filing's cells beside the fixed columns, by name.
fn others(filing: &Filing) -> impl Iterator<Item = (&str, &str)> {
    let later = Column::ALL.into_iter().skip(FIXED).map(|column| (column.name(), filing.cell(column)));
    later.chain(filing.unknown_cells()).filter(|(_, cell)| !cell.is_empty())
}

/// The cell of such a column; empty if there is none.
fn other<'a>(filing: &'a Filing, name: &str) -> &'a str {
    others(filing).find(|(other, _)| *other == name).map_or("", |(_, cell)| cell)
}

/// The columns beside the fixed ones of which some filing has a cell, by name.
fn further(filings: &[Arc<Filing>]) -> BTreeSet<&str> {
    filings.iter().flat_map(|filing| others(filing)).map(|(name, _)| name).collect()
}

fn write_csv(filings: &[Arc<Filing>], out: &mut impl Write) -> io::Result<()> {
    let further = further(filings);
    write_header(&further, out)?;
    filings.iter().try_for_each(|filing| write_row(filing, &further, out))
}

fn write_header(further: &BTreeSet<impl AsRef<str> + Ord>, out: &mut impl Write) -> io::Result<()> {
    for (place, column) in Column::ALL.into_iter().take(FIXED).enumerate() {
        write_cell(out, place, column.name())?;
    }
    for name in further {
        write_cell(out, FIXED, name.as_ref())?;
    }
    out.write_all(b"\n")
}

fn write_row(filing: &Filing, further: &BTreeSet<impl AsRef<str> + Ord>, out: &mut impl Write) -> io::Result<()> {
    for (place, column) in Column::ALL.into_iter().take(FIXED).enumerate() {
        write_cell(out, place, filing.cell(column))?;
    }
    for name in further {
        write_cell(out, FIXED, other(filing, name.as_ref()))?;
    }
    out.write_all(b"\n")
}

fn write_cell(out: &mut impl Write, place: usize, cell: &str) -> io::Result<()> {
    if place > 0 {
        out.write_all(b",")?;
    }
    if !cell.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return out.write_all(cell.as_bytes());
    }
    out.write_all(b"\"")?;
    for (part, piece) in cell.split('"').enumerate() {
        if part > 0 {
            out.write_all(b"\"\"")?;
        }
        out.write_all(piece.as_bytes())?;
    }
    out.write_all(b"\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FilingBuilder, RmdNumber};

    fn filing(value: u32, name: &str, unknown: &[(&str, &str)]) -> Arc<Filing> {
        let number = RmdNumber::from_value(value).expect("a number");
        let mut builder = FilingBuilder::new(number, None, 0);
        for column in Column::ALL {
            let number = number.to_string();
            builder.push(match column {
                Column::Number => &number,
                Column::BusinessName => name,
                _ => "",
            });
        }
        for (column, cell) in unknown {
            builder.push_unknown(column, cell);
        }
        Arc::new(builder.finish())
    }

    const FIXED_HEADER: &str = "number,frn,business_name,business_address,foreign_voice_provider,country,other_frns,\
        other_dba_names,previous_dba_names,robocall_mitigation_contact_name,contact_title,contact_department,\
        contact_business_address,contact_country,contact_telephone_number,contact_phone_extension,implementation,\
        voice_service_provider_choice,gateway_provider_choice,intermediate_provider_choice,last_updated,filing_url,\
        last_recertified,intermediate_provider,ipr_imported";

    #[test]
    fn an_export_has_every_fixed_column_the_others_by_name_and_quotes_only_where_it_must() {
        let filings = [
            filing(7, "Plain Example", &[("zone", "west"), ("colour", "")]),
            filing(8, "\"Best\", Example\nLLC", &[("area", " 5 ")]),
        ];
        let mut out = Vec::new();
        write_csv(&filings, &mut out).expect("written");
        let commas = ",".repeat(22);
        let expected = format!(
            "{FIXED_HEADER},area,zone\n\
             RMD0000007,,Plain Example{commas},,west\n\
             RMD0000008,,\"\"\"Best\"\", Example\nLLC\"{commas}, 5 ,\n"
        );
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
        assert_eq!(digest(&filings), Sha256Digest(Sha256::digest(expected.as_bytes()).into()));
    }

    #[test]
    fn the_digest_is_that_of_the_bytes_also_where_they_are_many() {
        let filings: Vec<_> = (1..2000).map(|value| filing(value, &"name, ".repeat(20), &[])).collect();
        let mut out = Vec::new();
        write_csv(&filings, &mut out).expect("written");
        assert_eq!(digest(&filings), Sha256Digest(Sha256::digest(&out).into()));
    }
}
