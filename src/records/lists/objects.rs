//! JSON that people hand in -> objects. A key that stands twice in one object is an error: which of them counts would be a
//! guess.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error;

use super::table::{BadRow, Content, Fit, Row, Table, TableError, comparable, decode};

/// Why JSON holds no list.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectsError {
    /// It is no text.
    #[error(transparent)]
    NotText(#[from] TableError),
    /// It is no JSON.
    #[error("entry {entry}: it cannot be read as JSON: {problem}")]
    Json {
        /// The entry in which reading ended, from 1.
        entry: usize,
        /// Where and why.
        problem: String,
    },
    /// Nothing, or an empty array.
    #[error("it is empty: it holds no entry")]
    Empty,
}

/// An entry of a list, or the key that it has twice.
pub type Entry = Result<Value, String>;

/// Whether bytes are JSON rather than a table, by how they begin.
pub fn is_json(bytes: &[u8]) -> bool {
    match decode(bytes) {
        Ok(Content::Text { text, .. }) => {
            let text = super::table::trim(&text);
            text.starts_with('{')
                || text.strip_prefix('[').is_some_and(|rest| {
                    super::table::trim(rest).starts_with(['{', '[', ']', '"']) || super::table::trim(rest).is_empty()
                })
        }
        _ => false,
    }
}

/// Reads the entries of a list: an array, or one value behind the other, such as one a line.
///
/// # Errors
///
/// If it is no JSON, or holds no entry.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, ObjectsError> {
    let Content::Text { text, .. } = decode(bytes)? else { return Err(ObjectsError::Empty) };
    let mut entries = Vec::new();
    for value in serde_json::Deserializer::from_str(super::table::trim(&text)).into_iter::<Json>() {
        let entry = entries.len() + 1;
        match value.map_err(|error| ObjectsError::Json { entry, problem: error.to_string() })? {
            Json::Array(values) => entries.extend(values.into_iter().map(Json::plain)),
            value => entries.push(value.plain()),
        }
    }
    if entries.is_empty() { Err(ObjectsError::Empty) } else { Ok(entries) }
}

/// Reads a list of objects as a table: a column for each key, a row for each object, which are counted from 1.
///
/// # Errors
///
/// If it is no JSON, or `fit` knows none of its keys. What is no object of texts is a bad row.
pub fn table(bytes: &[u8], fit: Fit<'_>) -> Result<Table, TableError> {
    let entries = read(bytes).map_err(|error| match error {
        ObjectsError::NotText(error) => error,
        ObjectsError::Empty => TableError::Empty,
        error @ ObjectsError::Json { .. } => TableError::NotText(error.to_string()),
    })?;
    let mut header: Vec<String> = Vec::new();
    for key in entries.iter().flatten().filter_map(Value::as_object).flat_map(Map::keys) {
        if key != PRINTED_BESIDE && !header.contains(key) && header.len() < MOST_KEYS {
            header.push(key.clone());
        }
    }
    let names: Vec<String> = header.iter().map(|name| comparable(name)).collect();
    if fit(&names) == 0 {
        // An entry that says a key twice says nothing at all, that key among it.
        let twice = entries.iter().zip(1..).find_map(|(entry, number)| Some((number, entry.as_ref().err()?)));
        if let Some((entry, key)) = twice {
            return Err(TableError::NotText(format!("entry {entry}, field {key}: it stands twice: say it once")));
        }
        return Err(TableError::NoHeader { found: super::table::shown(&header) });
    }
    let rows = entries.into_iter().zip(1..).map(|(entry, row)| cells(entry, row, &header)).collect();
    Ok(Table { header, rows, left_out: 0, notes: Vec::new() })
}

/// What `peers list --json` says of a peer beside its record, as an object: how it stands. It is nothing to take in again.
pub(crate) const PRINTED_BESIDE: &str = "now";

/// More keys than that no list has.
const MOST_KEYS: usize = 1000;

fn cells(entry: Entry, row: u64, header: &[String]) -> Result<Row, BadRow> {
    let bad = |field: &str, problem: &str| {
        Err(BadRow { row, field: field.to_owned(), problem: problem.to_owned(), cells: Vec::new() })
    };
    let object = match entry {
        Ok(Value::Object(object)) => object,
        Ok(_) => return bad("entry", "it is no JSON object"),
        Err(key) => return bad(&key, "it stands twice: say it once"),
    };
    if let Some(key) = object.keys().find(|key| *key != PRINTED_BESIDE && !header.contains(*key)) {
        return bad(key, "the list has more fields than any has");
    }
    let mut cells = Vec::with_capacity(header.len());
    for name in header {
        cells.push(match object.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(yes)) => yes.to_string(),
            Some(Value::Array(_) | Value::Object(_)) => return bad(name, "it is no text"),
        });
    }
    Ok(Row { row, cells })
}

/// JSON with all keys as they stand.
enum Json {
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
    Other(Value),
}

impl Json {
    fn plain(self) -> Entry {
        Ok(match self {
            Self::Other(value) => value,
            Self::Array(values) => Value::Array(values.into_iter().map(Self::plain).collect::<Result<_, _>>()?),
            Self::Object(members) => {
                let mut object = Map::new();
                for (name, value) in members {
                    if object.contains_key(&name) {
                        return Err(name);
                    }
                    object.insert(name, value.plain()?);
                }
                Value::Object(object)
            }
        })
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Other(Value::Null))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_array_and_one_object_a_line_hold_the_same() {
        let expected = vec![Ok(json!({"a": "1", "b": [{"c": null}]})), Ok(json!({"a": 2}))];
        for text in [
            "[{\"a\": \"1\", \"b\": [{\"c\": null}]}, {\"a\": 2}]",
            "\u{feff}{\"a\": \"1\", \"b\": [{\"c\": null}]}\r\n{\"a\": 2}\n",
        ] {
            assert!(is_json(text.as_bytes()));
            assert_eq!(read(text.as_bytes()).as_ref(), Ok(&expected), "{text:?}");
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(read(&wide).as_ref(), Ok(&expected), "{text:?}");
        }
        assert!(!is_json(b"frn,role\n1,2\n") && !is_json(b"[frn],role\n"));
    }

    #[test]
    fn a_key_that_stands_twice_and_what_is_no_json_are_told_with_their_entry() {
        let entries = read(b"[{\"a\": 1}, {\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}]").expect("entries");
        assert_eq!(entries[1], Err("c".to_owned()));
        let error = |text: &str| read(text.as_bytes()).expect_err("refused").to_string();
        assert!(error("{\"a\": 1}\n{\"a\": }\n").contains("entry 2: it cannot be read as JSON"));
        assert!(error("[{\"a\": 1},]").contains("line 1"));
        assert_eq!((error("[]"), error("")), (ObjectsError::Empty.to_string(), ObjectsError::Empty.to_string()));
    }
}
