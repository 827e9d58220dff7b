//! What is hidden in a sheet: rows that a filter leaves out, and columns that were folded away. They count like others, and
//! whoever looks at the sheet does not see them, so they are told.

use std::collections::BTreeSet;
use std::io::{BufReader, Cursor};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zip::ZipArchive;

/// What is hidden in one sheet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Rows, as the spreadsheet counts, from 1.
    pub rows: BTreeSet<u64>,
    /// Columns, from 0.
    pub columns: BTreeSet<usize>,
}

/// As many columns as a sheet has.
const MOST_COLUMNS: usize = 1 << 14;

/// Where a workbook says which sheets it has, and in which of its parts each is.
const SHEETS: &str = "xl/workbook.xml";
const PARTS: &str = "xl/_rels/workbook.xml.rels";

/// What is hidden in the sheet of this name. Nothing where the workbook is laid out otherwise than spreadsheets do it. How
/// much its parts unpack to must have been measured.
pub fn of_sheet(bytes: &[u8], name: &str) -> Hidden {
    let Some(part) = part(bytes, name) else { return Hidden::default() };
    let mut hidden = Hidden::default();
    let mut row: u64 = 0;
    tags(bytes, &part, |tag| {
        let is_hidden = || attribute(tag, "hidden").is_some_and(|text| text == "1" || text == "true");
        match tag.local_name().as_ref() {
            "col" if is_hidden() => {
                let place = |name| attribute(tag, name)?.parse::<usize>().ok();
                if let (Some(first @ 1..), Some(last)) = (place("min"), place("max")) {
                    hidden.columns.extend(first - 1..last.min(MOST_COLUMNS));
                }
            }
            "row" => {
                // One that has no number is the next one.
                let number = attribute(tag, "r").and_then(|text| text.parse().ok());
                row = number.unwrap_or_else(|| row.saturating_add(1));
                if is_hidden() {
                    hidden.rows.insert(row);
                }
            }
            _ => {}
        }
    });
    hidden
}

/// The part that a sheet is in.
fn part(bytes: &[u8], name: &str) -> Option<String> {
    let (mut id, mut target) = (None, None);
    tags(bytes, SHEETS, |tag| {
        if tag.local_name().as_ref() == "sheet" && attribute(tag, "name").as_deref() == Some(name) {
            id = attribute(tag, "id");
        }
    });
    let id = id?;
    tags(bytes, PARTS, |tag| {
        if tag.local_name().as_ref() == "Relationship" && attribute(tag, "Id").as_ref() == Some(&id) {
            target = attribute(tag, "Target");
        }
    });
    let target = target?;
    Some(target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned))
}

/// An attribute's value, whatever prefix its name has.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let named = tag.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == name)?;
    named.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}

/// Shows the tags of a part, as far as it can be read.
fn tags(bytes: &[u8], part: &str, mut show: impl FnMut(&BytesStart<'_>)) {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else { return };
    let Ok(part) = archive.by_name(part) else { return };
    let mut reader = Reader::from_reader(BufReader::new(part));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag) | Event::Empty(tag)) => show(&tag),
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
