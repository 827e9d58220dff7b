//! The bytes of a list of records -> its entries, each with the place where it stands.

use std::collections::BTreeMap;

use anyhow::anyhow;
use serde_json::Value;

use crate::domain::{BadField, Frn, Identity, RecordKind, RmdNumber, TracedCall};
use crate::records::fields::{self, Fields};
use crate::records::headers::{Header, call_header, header};
use crate::records::lists::marks::Marks;
use crate::records::lists::table::{self, Row, Table, TableError, comparable};
use crate::records::lists::{columns, objects, writings};

/// An entry that cannot be taken, and where it stands.
pub struct Bad {
    pub place: String,
    pub bad: BadField,
}

/// What a list holds.
#[derive(Default)]
pub struct Entries {
    /// The fields of each entry, with its place.
    pub entries: Vec<(String, Fields)>,
    /// Entries that name their provider by both its numbers: they must be one provider's.
    pub both: Vec<Both>,
    /// What cannot be taken.
    pub bad: Vec<Bad>,
    /// What to say about how it was read.
    pub notes: Vec<String>,
}

/// Two numbers of one entry.
pub struct Both {
    pub place: String,
    pub frn: Frn,
    pub rmd_number: RmdNumber,
}

/// Reads a list, whichever way it is written. A field that an entry leaves empty says what the defaults say.
pub fn read(bytes: &[u8], kind: RecordKind, defaults: &[(String, String)]) -> anyhow::Result<Entries> {
    let mut read = if objects::is_json(bytes) { from_json(bytes, kind)? } else { from_table(bytes, kind)? };
    for (place, mut entry) in std::mem::take(&mut read.entries) {
        for (field, text) in defaults {
            entry.or_set(field, text);
        }
        match as_records_have_it(kind, entry) {
            Ok(entry) => read.entries.push((place, entry)),
            Err(bad) => read.bad.push(Bad { place, bad }),
        }
    }
    Ok(read)
}

/// Numbers and roles as people write them, as records have them.
fn as_records_have_it(kind: RecordKind, mut entry: Fields) -> Result<Fields, BadField> {
    if let Some(text) = entry.get("provider") {
        let provider = writings::provider(text).map_err(|problem| BadField::new("provider", problem))?;
        entry.set("provider", provider.number_text());
    }
    if let Some(name) = entry.get("name").map(|name| table::clean(name).into_owned()) {
        entry.set("name", name);
    }
    if let (RecordKind::Peer, Some(text)) = (kind, entry.get("role")) {
        let role = writings::role(text).map_err(|problem| BadField::new("role", problem))?;
        entry.set("role", role.map_or("", |role| role.as_str()));
    }
    Ok(entry)
}

/// What `list --json` says besides the record itself.
const OF_A_LIST: [&str; 4] = ["in_force", "standing", "removed", "problem"];

/// Without what `list --json` adds to a record, if an object comes from there.
fn without_what_lists_add(kind: RecordKind, entry: objects::Entry) -> (objects::Entry, bool) {
    match entry {
        Ok(Value::Object(mut object)) if OF_A_LIST.iter().all(|field| object.contains_key(*field)) => {
            object.retain(|field, _| {
                !OF_A_LIST.contains(&field.as_str())
                    && field != "revision"
                    && field != objects::PRINTED_BESIDE
                    && (kind == RecordKind::Notice || field != "id")
            });
            (Ok(Value::Object(object)), true)
        }
        entry => (entry, false),
    }
}

fn from_json(bytes: &[u8], kind: RecordKind) -> anyhow::Result<Entries> {
    let mut read = Entries::default();
    let mut listed = 0;
    for (object, number) in objects::read(bytes)?.into_iter().zip(1..) {
        let place = format!("entry {number}");
        let (object, is_listed) = without_what_lists_add(kind, object);
        listed += usize::from(is_listed);
        let twice = |key: String| BadField::new(&key, "it stands twice: say it once");
        match object.map_err(twice).and_then(Fields::from_json) {
            Ok(fields) => read.entries.push((place, fields)),
            Err(bad) => read.bad.push(Bad { place, bad }),
        }
    }
    if listed > 0 && kind == RecordKind::Notice {
        read.notes.push(format!(
            "{} come from `list`, which leaves out traced calls: those on record stay, and `export --format jsonl` has them",
            kind.count(listed)
        ));
    }
    Ok(read)
}

/// The error of a table, in the words of its columns.
fn explain(error: TableError, what: &str, columns: &[&str]) -> anyhow::Error {
    match error {
        TableError::NoHeader { found } => anyhow!(
            "none of its first rows is a header of {what}: such a list has {}; the first row is {found:?}",
            columns.join(", ")
        ),
        error => error.into(),
    }
}

/// What each column holds; nothing for one that says nothing about a record.
fn columns_of<T>(
    table: &mut Table,
    what: &str,
    known: &[&str],
    find: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<Vec<Option<T>>> {
    let mut found = Vec::new();
    for (place, name) in table.header.iter().enumerate() {
        let compared = comparable(name);
        let column = find(&compared);
        let is_blank = || table.rows.iter().flatten().all(|row| row.cell(place).is_none_or(|cell| cell.is_empty()));
        if column.is_none() && columns::only_names(&compared) {
            table.notes.push(format!("column {name:?} is not used: names decide nothing"));
        } else if column.is_none() && !(compared.is_empty() && is_blank()) {
            return Err(anyhow!(
                "the header names a column {name:?}, and a list of {what} has {}: rename it or leave it out",
                known.join(", ")
            ));
        }
        found.push(column);
    }
    Ok(found)
}

/// The row with a cell for every column that is read, or what is wrong with it.
fn whole<T>(row: Row, columns: &[Option<T>], header: &[String]) -> Result<Row, Bad> {
    let missing = (row.cells.len()..columns.len()).find(|place| columns.get(*place).is_some_and(Option::is_some));
    match missing {
        None => Ok(row),
        Some(place) => Err(reported(row.too_short(header, place))),
    }
}

fn reported(bad: table::BadRow) -> Bad {
    Bad { place: format!("row {}", bad.row), bad: BadField::new(&bad.field, bad.problem) }
}

fn from_table(bytes: &[u8], kind: RecordKind) -> anyhow::Result<Entries> {
    let known = fields::columns(kind);
    let fit = |names: &[String]| names.iter().filter(|name| header(kind, name).is_some()).count();
    let mut table = table::read(bytes, &fit).map_err(|error| explain(error, kind.plural(), known))?;
    let columns = columns_of(&mut table, kind.plural(), known, |name| header(kind, name))?;
    let Table { header, rows, notes, .. } = table;
    let names: Vec<String> = header.iter().map(|name| comparable(name)).collect();
    let of_others: Vec<bool> = (0..names.len()).map(|place| columns::is_of_another(&names, place)).collect();
    let mut read = Entries { notes, ..Entries::default() };
    for row in rows {
        match row.map_err(reported).and_then(|row| whole(row, &columns, &header)) {
            Ok(row) => {
                if let Err(bad) = entry(&row, &columns, &of_others, &mut read) {
                    read.bad.push(Bad { place: format!("row {}", row.row), bad });
                }
            }
            Err(bad) => read.bad.push(bad),
        }
    }
    Ok(read)
}

/// The numbers by which a row names its provider.
#[derive(Default)]
struct Numbers {
    frn: Option<Frn>,
    rmd_number: Option<RmdNumber>,
    /// Whether one stands in a column of its own numbers, and not of somebody else's.
    is_its_own: bool,
}

impl Numbers {
    /// Takes in a cell of a column that says who.
    fn add(&mut self, column: Header, cell: &str, is_its_own: bool) -> Result<(), BadField> {
        if writings::says_nothing(cell) {
            return Ok(());
        }
        let number = match column {
            Header::Frn if !writings::is_rmd_number(cell) => writings::frn(cell).map(Identity::Frn),
            Header::Frn | Header::RmdNumber => writings::rmd_number(cell).map(Identity::RmdNumber),
            _ => writings::provider(cell),
        };
        match number.map_err(|problem| BadField::new("provider", problem))? {
            Identity::Frn(number) => once("provider", &mut self.frn, number)?,
            Identity::RmdNumber(number) => once("provider", &mut self.rmd_number, number)?,
        }
        self.is_its_own |= is_its_own;
        Ok(())
    }

    /// Names the provider. Returns both numbers where there are both.
    fn name(self, entry: &mut Fields) -> Result<Option<(Frn, RmdNumber)>, BadField> {
        let Some(first) = self.frn.map(Identity::Frn).or_else(|| self.rmd_number.map(Identity::RmdNumber)) else {
            return Ok(None);
        };
        if !self.is_its_own {
            let problem = "it is empty: give the provider's own FRN or RMD number; the one beside it is another's";
            return Err(BadField::new("provider", problem));
        }
        entry.set("provider", first.number_text());
        Ok(self.frn.zip(self.rmd_number))
    }
}

/// Reads one row: an entry, or several if it names several peers.
fn entry(row: &Row, columns: &[Option<Header>], of_others: &[bool], read: &mut Entries) -> Result<(), BadField> {
    let mut entry = Fields::default();
    let (mut names, mut numbers, mut marks) = (Vec::new(), Numbers::default(), Marks::default());
    for (place, column) in columns.iter().enumerate() {
        let (Some(column), Some(cell)) = (column, row.cell(place).filter(|cell| !cell.is_empty())) else { continue };
        if let Some(problem) = writings::spreadsheet_error(&cell) {
            let field = match column {
                Header::Field(field) => field,
                Header::Name(_) => "name",
                Header::Frn | Header::RmdNumber => "provider",
                Header::Marked(_) => "role",
            };
            return Err(BadField::new(field, problem));
        }
        match column {
            Header::Name(kind) => names.push((*kind, cell)),
            Header::Marked(role) => {
                marks.add(*role, &cell).map_err(|problem| BadField::new(role.as_str(), problem))?;
            }
            Header::Frn | Header::RmdNumber | Header::Field("provider") => {
                numbers.add(*column, &cell, of_others.get(place) == Some(&false))?;
            }
            Header::Field(field) => {
                if entry.get(field).is_some_and(|before| before != cell) {
                    return Err(BadField::new(field, "two columns say it, and each something else"));
                }
                entry.set(field, cell);
            }
        }
    }
    mark_role(&mut entry, &marks)?;
    let place = format!("row {}", row.row);
    let both = numbers.name(&mut entry)?;
    read.both.extend(both.map(|(frn, rmd_number)| Both { place: place.clone(), frn, rmd_number }));
    if names.is_empty() {
        read.entries.push((place, entry));
        return Ok(());
    }
    for (kind, name) in names {
        let mut named = entry.clone();
        named.set("name", name);
        named.set("kind", kind.as_str());
        read.entries.push((place.clone(), named));
    }
    Ok(())
}

/// Sets the role that is marked, where each has a column of its own. A peer has one role or none.
fn mark_role(entry: &mut Fields, marks: &Marks) -> Result<(), BadField> {
    let bad = |problem: String| BadField::new("role", problem);
    let said = entry.get("role").map_or(Ok(None), writings::role).map_err(bad)?;
    match marks.roles(said).map_err(bad)?.as_slice() {
        [] => {}
        [role] => entry.set("role", role.as_str()),
        several => {
            let several: Vec<&str> = several.iter().map(|role| role.as_str()).collect();
            return Err(bad(format!(
                "{} are marked, and a peer is bound in one role: mark the one in which it hands calls over, or none and \
                 name the role in each question; if each role has a trunk of its own, give each a row",
                several.join(" and ")
            )));
        }
    }
    Ok(())
}

/// Sets what may be said twice only if it is the same.
fn once<T: PartialEq>(field: &str, slot: &mut Option<T>, value: T) -> Result<(), BadField> {
    match slot {
        Some(before) if *before != value => Err(BadField::new(field, "two columns say it, and each something else")),
        _ => {
            *slot = Some(value);
            Ok(())
        }
    }
}

/// The traced calls of an Attachment A, what cannot be taken, and what to say.
pub fn read_calls(bytes: &[u8]) -> anyhow::Result<(Vec<TracedCall>, Vec<Bad>, Vec<String>)> {
    let (what, known) = ("traced calls", &fields::CALL_COLUMNS[..]);
    let fit = |names: &[String]| names.iter().filter(|name| call_header(name).is_some()).count();
    let read = if objects::is_json(bytes) { objects::table(bytes, &fit) } else { table::read(bytes, &fit) };
    let mut table = read.map_err(|error| explain(error, what, known))?;
    let columns = columns_of(&mut table, what, known, call_header)?;
    let Table { header, rows, notes, .. } = table;
    let (mut calls, mut bad) = (Vec::new(), Vec::new());
    for row in rows {
        match row.map_err(reported).and_then(|row| whole(row, &columns, &header)) {
            Ok(row) => match call(&row, &columns) {
                Ok(call) => calls.push(call),
                Err(problem) => bad.push(Bad { place: format!("row {}", row.row), bad: problem }),
            },
            Err(row) => bad.push(row),
        }
    }
    Ok((calls, bad, notes))
}

fn call(row: &Row, columns: &[Option<&'static str>]) -> Result<TracedCall, BadField> {
    let mut cells: BTreeMap<String, String> = BTreeMap::new();
    for (place, column) in columns.iter().enumerate() {
        let (Some(column), Some(cell)) = (column, row.cell(place).filter(|cell| !cell.is_empty())) else { continue };
        if let Some(problem) = writings::spreadsheet_error(&cell) {
            return Err(BadField::new(column, problem));
        }
        let text = match *column {
            "caller" | "called" => {
                writings::telephone_number(&cell).map_err(|problem| BadField::new(column, problem))?
            }
            _ => cell.into_owned(),
        };
        if cells.get(*column).is_some_and(|before| *before != text) {
            return Err(BadField::new(column, "two columns say it, and each something else"));
        }
        cells.insert((*column).to_owned(), text);
    }
    fields::read_call(&cells)
}
