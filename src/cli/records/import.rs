//! A list of records, as CSV or JSON: read whole, and taken whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::super::target::{Refused, Target};
use super::{By, Global, YES, put, to_change};
use crate::clock;
use crate::domain::{BadField, Record, RecordKind, TracedCall};
use crate::parse::table::{self, comparable};
use crate::records::fields::{self, Fields};
use crate::records::headers::{Header, call_header, header};
use crate::records::{BadEntry, Change, PlanError, Records, plan};

#[derive(Debug, Args)]
pub struct Import {
    /// The list: CSV with a header, or JSON (an array of objects, or one a line); - for standard input. See `export`
    /// for the columns.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What a field says where the list leaves it empty or has no such column, such as kind=removal. May be repeated.
    #[arg(long, value_name = "FIELD=TEXT", value_parser = setting)]
    default: Vec<(String, String)>,
    /// Replace records that say something else.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    by: By,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write FIELD=TEXT")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl Import {
    pub async fn run(self, global: &Global, kind: RecordKind) -> anyhow::Result<u8> {
        let by = self.by.name()?;
        let list = read(&self.file, kind, &self.default, &by, clock::now())?;
        let target = to_change(global).await?;
        list.put(&target, self.replace, &by).await?;
        Ok(YES)
    }
}

/// Records, each with where it stands in the list.
pub struct List {
    pub records: Vec<Record>,
    places: Vec<String>,
    file: String,
}

/// An entry that cannot be taken, and where it stands.
struct Bad {
    place: String,
    bad: BadField,
}

/// So many bad entries are named.
const NAMED: usize = 5;

fn refuse(file: &str, bad: &[Bad]) -> anyhow::Error {
    let named: Vec<String> = bad.iter().take(NAMED).map(|Bad { place, bad }| format!("{place}, {bad}")).collect();
    let more = if bad.len() > NAMED { format!("; and {} more", bad.len() - NAMED) } else { String::new() };
    anyhow!("{file}: nothing was changed: {}{more}", named.join("; "))
}

impl List {
    /// Puts the list in whole. What does not fit what is on record is named by its place.
    async fn put(&self, target: &Target, replace: bool, by: &str) -> anyhow::Result<()> {
        let Err(error) = put(target, &self.records, replace, by).await else { return Ok(()) };
        let Some(refused) = Refused::of(&error).filter(|refused| !refused.violations.is_empty()) else {
            return Err(error);
        };
        let bad: Vec<Bad> = refused
            .violations
            .iter()
            .map(|(field, problem)| {
                let (place, field) = self.locate(field);
                Bad { place, bad: BadField::new(field, problem.as_str()) }
            })
            .collect();
        Err(refuse(&self.file, &bad))
    }

    /// An entry that does not go with one before it, and where both stand.
    fn twice(&self, BadEntry { place, bad, .. }: BadEntry) -> Bad {
        let key = |record: &Record| (record.kind(), record.id());
        let this = self.records.get(place).map(key);
        let earlier = self.records.iter().take(place).position(|record| Some(key(record)) == this);
        let name = |place: usize| self.places.get(place).cloned().unwrap_or_default();
        let problem = match earlier {
            Some(earlier) => format!("{} ({})", bad.problem, name(earlier)),
            None => bad.problem,
        };
        Bad { place: name(place), bad: BadField { problem, ..bad } }
    }

    /// Where `records[6999].name` stands in the list.
    fn locate<'a>(&self, field: &'a str) -> (String, &'a str) {
        let found = field
            .strip_prefix("records[")
            .and_then(|rest| rest.split_once("]."))
            .and_then(|(place, name)| Some((self.places.get(place.parse::<usize>().ok()?)?.clone(), name)));
        found.unwrap_or_else(|| ("the list".to_owned(), field))
    }
}

fn bytes_of(file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| anyhow!("{} cannot be read: {error}", file.display()))
}

/// Reads a list. What is wrong in itself, or within the list, is found before anybody is asked.
pub fn read(
    file: &Path,
    kind: RecordKind,
    defaults: &[(String, String)],
    by: &str,
    now: Timestamp,
) -> anyhow::Result<List> {
    let bytes = bytes_of(file)?;
    let name = file.display().to_string();
    let mut bad: Vec<Bad> = Vec::new();
    let entries = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => {
            from_json(&bytes, &mut bad).map_err(|error| anyhow!("{name}: nothing was changed: {error}"))?
        }
        _ => from_csv(&bytes, kind, &mut bad).map_err(|error| anyhow!("{name}: nothing was changed: {error}"))?,
    };
    let mut list = List { records: Vec::new(), places: Vec::new(), file: name };
    for (place, mut entry) in entries {
        for (field, text) in defaults {
            entry.or_set(field, text);
        }
        match fields::read(kind, &entry, by, now).and_then(|record| record.check(now).map(|()| record)) {
            Ok(record) => {
                list.records.push(record);
                list.places.push(place);
            }
            Err(problem) => bad.push(Bad { place, bad: problem }),
        }
    }
    if bad.is_empty() {
        let put = Change::Put { records: list.records.clone(), replace: true, by: by.to_owned() };
        if let Err(PlanError::BadEntries(entries)) = plan(&Records::default(), put, now) {
            bad.extend(entries.into_iter().map(|entry| list.twice(entry)));
        }
    }
    if bad.is_empty() { Ok(list) } else { Err(refuse(&list.file, &bad)) }
}

type Entries = Vec<(String, Fields)>;

fn from_json(bytes: &[u8], bad: &mut Vec<Bad>) -> anyhow::Result<Entries> {
    let mut objects = Vec::new();
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        match value? {
            Value::Array(values) => objects.extend(values),
            value => objects.push(value),
        }
    }
    let mut entries = Vec::new();
    for (object, number) in objects.into_iter().zip(1..) {
        let place = format!("entry {number}");
        match Fields::from_json(object) {
            Ok(fields) => entries.push((place, fields)),
            Err(problem) => bad.push(Bad { place, bad: problem }),
        }
    }
    Ok(entries)
}

fn from_csv(bytes: &[u8], kind: RecordKind, bad: &mut Vec<Bad>) -> anyhow::Result<Entries> {
    let table = table::read(bytes)?;
    let columns = table.header.iter().map(|name| {
        header(kind, &comparable(name)).ok_or_else(|| {
            let known = fields::columns(kind).join(", ");
            anyhow!("the header names a column {name:?}, and a list of {} has {known}", kind.plural())
        })
    });
    let columns = columns.collect::<Result<Vec<Header>, _>>()?;
    let mut entries = Vec::new();
    for row in table.rows {
        let place = format!("row {}", row.row);
        let mut entry = Fields::default();
        let mut names = Vec::new();
        let mut twice = None;
        for (column, cell) in columns.iter().zip(&row.cells).filter(|(_, cell)| !cell.is_empty()) {
            match column {
                Header::Name(kind) => names.push((*kind, cell)),
                Header::Field(field) => {
                    if entry.get(field).is_some_and(|before| before != cell) {
                        twice = Some(BadField::new(field, "two columns say it, and each something else"));
                    }
                    entry.set(field, cell.as_str());
                }
            }
        }
        if let Some(problem) = twice {
            bad.push(Bad { place, bad: problem });
        } else if names.is_empty() {
            entries.push((place, entry));
        } else {
            for (kind, name) in names {
                let mut named = entry.clone();
                named.set("name", name.as_str());
                named.set("kind", kind.as_str());
                entries.push((place.clone(), named));
            }
        }
    }
    Ok(entries)
}

/// The traced calls of an Attachment A.
pub fn read_calls(file: &Path) -> anyhow::Result<Vec<TracedCall>> {
    let (bytes, name) = (bytes_of(file)?, file.display().to_string());
    let table = table::read(&bytes).map_err(|error| anyhow!("{name}: nothing was changed: {error}"))?;
    let columns = table.header.iter().map(|name| {
        call_header(&comparable(name)).ok_or_else(|| {
            let known = fields::CALL_COLUMNS.join(", ");
            anyhow!("the header names a column {name:?}, and a list of traced calls has {known}")
        })
    });
    let columns =
        columns.collect::<Result<Vec<_>, _>>().map_err(|error| anyhow!("{name}: nothing was changed: {error}"))?;
    let (mut calls, mut bad) = (Vec::new(), Vec::new());
    for row in table.rows {
        let cells: BTreeMap<String, String> =
            columns.iter().zip(row.cells).map(|(column, cell)| ((*column).to_owned(), cell)).collect();
        match fields::read_call(&cells) {
            Ok(call) => calls.push(call),
            Err(problem) => bad.push(Bad { place: format!("row {}", row.row), bad: problem }),
        }
    }
    if !bad.is_empty() {
        bail!(refuse(&name, &bad));
    }
    Ok(calls)
}
