//! JSON of the FCC's `public` endpoint -> filings. Its full shape is documented nowhere that we could read, so it is read
//! with patience: an array of objects, bare or in an envelope, with the listing's field names; values plain, or
//! ServiceNow's pairs of `value` and `display_value`. Fields that are not known are kept.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::domain::{Column, Filing, FilingBuilder, Frn, RmdNumber};

/// How deep filings may lie in envelopes.
const DEEPEST: usize = 3;

/// Of a text of the source, so much is repeated in an error.
const SHOWN: usize = 120;

/// Why an answer holds no filings.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonError {
    /// No byte, or nothing but blanks.
    #[error("the answer is empty")]
    Empty,
    /// A web page.
    #[error("the answer is an HTML page, not JSON: the site shows a maintenance or login page, most likely")]
    Html,
    /// No JSON.
    #[error("the answer is no JSON: {0}")]
    NotJson(String),
    /// The source says that it will not answer.
    #[error("the answer is an error of the source: {0}")]
    Refused(String),
    /// JSON without an array of objects.
    #[error("the answer holds no array of filings ({found})")]
    NoFilings {
        /// What it holds.
        found: String,
    },
    /// Several arrays of objects.
    #[error("the answer holds several arrays of objects ({}): which are the filings cannot be told", .members.join(", "))]
    Ambiguous {
        /// The members that hold them.
        members: Vec<String>,
    },
    /// An object that is no filing.
    #[error("object {place} of the answer is no filing: {problem}")]
    BadFiling {
        /// Which, from 1.
        place: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// A filing as the source tells it.
#[derive(Debug, Clone)]
pub struct JsonFiling {
    /// The filing. Columns that are not told are empty.
    pub filing: Filing,
    /// The columns that are told.
    pub reported: Vec<Column>,
}

/// Reads filings from JSON.
///
/// # Errors
///
/// If it holds none in a shape that is known, or one that cannot be read. An empty array is no error.
pub fn read(bytes: &[u8]) -> Result<Vec<JsonFiling>, JsonError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes.trim_ascii_start().first() {
        None => return Err(JsonError::Empty),
        Some(b'<') => return Err(JsonError::Html),
        Some(_) => {}
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| JsonError::NotJson(error.to_string()))?;
    let objects = objects(&value, DEEPEST)?;
    objects
        .into_iter()
        .zip(1..)
        .map(|(object, place)| filing(object).map_err(|problem| JsonError::BadFiling { place, problem }))
        .collect()
}

/// The objects that stand for filings.
fn objects(value: &Value, depth: usize) -> Result<Vec<&Map<String, Value>>, JsonError> {
    match value {
        Value::Array(elements) => elements
            .iter()
            .zip(1..)
            .map(|(element, place)| {
                let problem = || format!("it is {}", kind(element));
                element.as_object().ok_or_else(|| JsonError::BadFiling { place, problem: problem() })
            })
            .collect(),
        Value::Object(object) if is_filing(object) => Ok(vec![object]),
        Value::Object(object) => enveloped(object, depth),
        other => Err(JsonError::NoFilings { found: kind(other).to_owned() }),
    }
}

fn enveloped(object: &Map<String, Value>, depth: usize) -> Result<Vec<&Map<String, Value>>, JsonError> {
    let holds = |value: &Value| match value {
        Value::Array(elements) => elements.iter().all(Value::is_object),
        _ => false,
    };
    let arrays: Vec<(&String, &Value)> = object.iter().filter(|(_, value)| holds(value)).collect();
    let filled = |value: &Value| value.as_array().is_some_and(|elements| !elements.is_empty());
    let full: Vec<&(&String, &Value)> = arrays.iter().filter(|(_, value)| filled(value)).collect();
    match (full.as_slice(), arrays.as_slice()) {
        ([(_, value)], _) | ([], [(_, value)]) => return objects(value, depth),
        ([], []) => {}
        // Several that are all empty say the same.
        ([], _) => return Ok(Vec::new()),
        (several, _) => {
            let members = several.iter().map(|(name, _)| short(name)).collect();
            return Err(JsonError::Ambiguous { members });
        }
    }
    if let Some(error) = object.get("error").filter(|error| !error.is_null()) {
        return Err(JsonError::Refused(refusal(error)));
    }
    let inner: Vec<&Value> = object.values().filter(|value| value.is_object()).collect();
    match inner.as_slice() {
        [inner] if depth > 0 => objects(inner, depth - 1),
        _ => {
            let members: Vec<String> = object.keys().take(8).map(|name| short(name)).collect();
            Err(JsonError::NoFilings { found: format!("it is an object of: {}", members.join(", ")) })
        }
    }
}

fn is_filing(object: &Map<String, Value>) -> bool {
    object.keys().any(|name| Column::by_name(name) == Some(Column::Number))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// What ServiceNow says: `{"message": ..., "detail": ...}`, or a text.
fn refusal(error: &Value) -> String {
    let part = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (error.as_str(), part("message"), part("detail")) {
        (Some(text), ..) => short(text),
        (None, Some(message), Some(detail)) => short(&format!("{message} ({detail})")),
        (None, Some(text), None) | (None, None, Some(text)) => short(text),
        (None, None, None) => short(&error.to_string()),
    }
}

fn filing(object: &Map<String, Value>) -> Result<JsonFiling, String> {
    let of =
        |column: Column| object.iter().find(|(name, _)| Column::by_name(name) == Some(column)).map(|(_, v)| cell(v));
    let written = of(Column::Number).ok_or("it has no number")?;
    let number: RmdNumber = written.parse().map_err(|error| format!("its number is none: {error}"))?;
    // The query calls it frn_str: where there is no frn, that is it.
    let frn_cell = of(Column::Frn).or_else(|| object.get("frn_str").map(cell));
    let frn: Option<Frn> = match frn_cell.as_deref().map(str::trim) {
        None | Some("" | "N/A") => None,
        Some(written) => Some(written.parse().map_err(|error| format!("the FRN of {number} is none: {error}"))?),
    };
    let length = object.values().filter_map(Value::as_str).map(str::len).sum();
    let mut builder = FilingBuilder::new(number, frn, length);
    let mut reported = Vec::new();
    for column in Column::ALL {
        let value = match (column, frn) {
            // A JSON number has lost its zeros.
            (Column::Frn, Some(frn)) => Some(frn.to_string()),
            _ => of(column),
        };
        builder.push(value.as_deref().unwrap_or_default());
        if value.is_some() {
            reported.push(column);
        }
    }
    for (name, value) in object.iter().filter(|(name, _)| Column::by_name(name).is_none()) {
        builder.push_unknown(name, &cell(value));
    }
    Ok(JsonFiling { filing: builder.finish(), reported })
}

/// A value as a cell: what the listing would show.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(pair) if pair.contains_key("display_value") || pair.contains_key("value") => {
            let part = |name: &str| pair.get(name).map(cell).filter(|text| !text.is_empty());
            part("display_value").or_else(|| part("value")).unwrap_or_default()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one() -> Value {
        json!({
            "number": "RMD0001410", "frn": "0012897441", "business_name": "Example LLC",
            "voice_service_provider_choice": "Yes", "gateway_provider_choice": null, "sys_id": "abc"
        })
    }

    fn filings(value: &Value) -> Result<Vec<JsonFiling>, JsonError> {
        read(value.to_string().as_bytes())
    }

    fn numbers(value: &Value) -> Vec<String> {
        filings(value).expect("filings").iter().map(|read| read.filing.number().to_string()).collect()
    }

    #[test]
    fn an_array_is_found_bare_and_in_any_envelope() {
        let many = json!([one(), {"number": "RMD0000002", "frn": "0000000002"}]);
        for shape in [
            many.clone(),
            json!({ "result": many }),
            json!({ "records": many, "total": 2, "next": null, "links": [] }),
            json!({ "status": "ok", "result": { "data": many } }),
        ] {
            assert_eq!(numbers(&shape), ["RMD0001410", "RMD0000002"], "{shape}");
        }
        for shape in [one(), json!({ "result": one() })] {
            assert_eq!(numbers(&shape), ["RMD0001410"], "{shape}");
        }
        for shape in [json!([]), json!({ "result": [] }), json!({ "result": [], "messages": [] })] {
            assert!(numbers(&shape).is_empty(), "{shape}");
        }
    }

    #[test]
    fn values_are_plain_or_pairs_and_what_is_not_known_is_kept() {
        let [read] = &filings(&json!([{
            "NUMBER": { "value": "RMD0001410", "display_value": "RMD0001410" },
            "frn": { "display_value": "", "value": "0012897441" },
            "business_name": { "display_value": "Example LLC", "link": "https://rmd.example/1" },
            "gateway_provider_choice": { "value": "1", "display_value": "Yes" },
            "voice_service_provider_choice": null,
            "colour": { "value": "green" },
            "shade": 7,
        }]))
        .expect("a filing")[..] else {
            panic!("one")
        };
        let filing = &read.filing;
        assert_eq!(filing.frn().expect("an FRN").to_string(), "0012897441");
        assert_eq!((filing.business_name(), filing.cell(Column::GatewayProviderChoice)), ("Example LLC", "Yes"));
        assert_eq!(filing.unknown_cells().collect::<Vec<_>>(), [("colour", "green"), ("shade", "7")]);
        assert!(read.reported.contains(&Column::VoiceServiceProviderChoice), "null is told");
        assert!(!read.reported.contains(&Column::Country));
    }

    #[test]
    fn an_frn_may_be_a_number_or_stand_under_the_name_of_the_query() {
        for shape in [
            json!({"number": "RMD0001410", "frn": 12_897_441}),
            json!({"number": "RMD0001410", "frn_str": "0012897441"}),
        ] {
            let read = &filings(&json!([shape])).expect("a filing")[0];
            assert_eq!(read.filing.cell(Column::Frn), "0012897441", "{shape}");
            assert!(read.reported.contains(&Column::Frn));
        }
    }

    #[test]
    fn what_holds_no_filings_is_an_error_that_says_what_it_holds() {
        let error = |bytes: &[u8]| read(bytes).expect_err("refused");
        assert_eq!(error(b" \r\n"), JsonError::Empty);
        assert_eq!(error(b"\n<html>"), JsonError::Html);
        assert!(error(b"{\"result\": [").to_string().contains("line 1"), "{}", error(b"{\"result\": ["));
        assert!(matches!(error(b"number,frn\n"), JsonError::NotJson(_)));
        let of = |value: Value| filings(&value).expect_err("refused").to_string();
        let said = of(json!({"error": {"message": "Query not allowed", "detail": "ACL"}, "status": "failure"}));
        assert!(said.contains("Query not allowed (ACL)"), "{said}");
        assert!(of(json!({"result": "none"})).contains("an object of: result"));
        assert!(of(json!(7)).contains("a number"));
        assert!(of(json!([one(), 7])).contains("object 2 of the answer is no filing: it is a number"));
        assert!(of(json!({"a": [one()], "b": [one()]})).contains("a, b"));
        assert!(of(json!([{"frn": "0012897441"}])).contains("it has no number"));
        assert!(of(json!([{"number": "12AB", "frn": "1"}])).contains("object 1"));
        assert!(of(json!([{"number": "RMD0001410", "frn": "12AB"}])).contains("the FRN of RMD0001410"));
        assert!(of(json!({"a": {"b": {"c": {"d": {"e": [one()]}}}}})).contains("no array of filings"));
    }
}
