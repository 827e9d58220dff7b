//! Records <-> fields: the one shape that records have in CSV, in JSON and in the store.
//!
//! A field is a name and a text. CSV has one column for each; JSON has one member for each, and one more, `calls`, for a
//! notice's traced calls. An unknown field is an error: an `expire_at` that nobody reads would be an override that never
//! ends.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::lists::writings;
use crate::domain::times::{self, Meant, read_absolute};
use crate::domain::{
    BadField, Identity, Noted, Notice, Order, Override, OverrideAction, Peer, PeerKind, Record, RecordBody, RecordKind,
    TracedCall,
};

/// A record's fields, by name. An empty text is a field that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    texts: BTreeMap<String, String>,
    calls: Vec<BTreeMap<String, String>>,
}

/// The columns of a kind, in the order in which they are written.
pub fn columns(kind: RecordKind) -> &'static [&'static str] {
    match kind {
        RecordKind::Peer => &["name", "kind", "provider", "role", "why", "by", "at", "expires_at"],
        RecordKind::Override => &["provider", "action", "why", "by", "at", "expires_at"],
        RecordKind::Order => &[
            "document",
            "kind",
            "provider",
            "released",
            "notified_at",
            "notified_note",
            "why",
            "by",
            "at",
            "expires_at",
        ],
        RecordKind::Notice => &[
            "id",
            "provider",
            "document",
            "basis",
            "issued_at",
            "mitigated_at",
            "mitigated_note",
            "informed_at",
            "informed_note",
            "notified_at",
            "notified_note",
            "why",
            "by",
            "at",
            "expires_at",
        ],
    }
}

/// What a record says otherwise than another of its kind and ID: the columns in their order, each with its text before and
/// after. Who put it there and when is not among them. Traced calls are told by their number.
pub(crate) fn differences(before: &Record, after: &Record) -> Vec<(&'static str, String, String)> {
    let (old, new) = (write(before), write(after));
    let text = |fields: &Fields, column: &str| fields.get(column).unwrap_or_default().to_owned();
    let mut differ: Vec<_> = columns(after.kind())
        .iter()
        .filter(|column| !["by", "at"].contains(column))
        .map(|column| (*column, text(&old, column), text(&new, column)))
        .filter(|(_, before, after)| before != after)
        .collect();
    if old.calls != new.calls {
        let count = |fields: &Fields| match fields.calls.len() {
            1 => "1 traced call".to_owned(),
            calls => format!("{calls} traced calls"),
        };
        let (before, after) = (count(&old), count(&new));
        let after = if before == after { format!("{after}, others") } else { after };
        differ.push(("calls", before, after));
    }
    differ
}

/// The columns of an Attachment A.
pub(crate) const CALL_COLUMNS: [&str; 6] = ["notified_at", "called_at", "caller", "called", "campaign", "violation"];

/// Fields that rmdd itself writes into exports and the store, and leaves to nobody.
const REVISION: &str = "revision";

impl Fields {
    /// Sets a field; an empty text takes it away.
    pub fn set(&mut self, name: &str, text: impl Into<String>) {
        let text = text.into();
        if text.trim().is_empty() {
            self.texts.remove(name);
        } else {
            self.texts.insert(name.to_owned(), text);
        }
    }

    /// Sets a field that has no text yet.
    pub(crate) fn or_set(&mut self, name: &str, text: &str) {
        if self.get(name).is_none() {
            self.set(name, text);
        }
    }

    /// A field's text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// As one JSON object, as the store keeps it: what says nothing is left out.
    pub(crate) fn to_json(&self) -> Value {
        let object = |texts: &BTreeMap<String, String>| {
            texts.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect::<Map<_, _>>()
        };
        let mut all = object(&self.texts);
        if !self.calls.is_empty() {
            all.insert("calls".to_owned(), self.calls.iter().map(|call| Value::Object(object(call))).collect());
        }
        Value::Object(all)
    }

    /// As one JSON object that others read: every column of its kind, null where it says nothing, and the revision as a
    /// number. `calls` is null where there are none, or where they were not asked for.
    pub(crate) fn to_whole_json(&self, kind: RecordKind) -> Value {
        let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
        let mut all: Map<_, _> = columns(kind).iter().map(|name| ((*name).to_owned(), text(self.get(name)))).collect();
        let revision = self.get(REVISION).and_then(|revision| revision.parse::<u64>().ok());
        all.insert(REVISION.to_owned(), revision.map_or(Value::Null, Value::from));
        if kind == RecordKind::Notice {
            let call = |call: &BTreeMap<String, String>| -> Value {
                CALL_COLUMNS
                    .iter()
                    .map(|name| ((*name).to_owned(), text(call.get(*name).map(String::as_str))))
                    .collect()
            };
            let calls = (!self.calls.is_empty()).then(|| self.calls.iter().map(call).collect());
            all.insert("calls".to_owned(), calls.unwrap_or(Value::Null));
        }
        Value::Object(all)
    }

    /// From one JSON object.
    ///
    /// # Errors
    ///
    /// If it is no object of texts.
    pub(crate) fn from_json(value: Value) -> Result<Self, BadField> {
        let texts = |value: Value, within: &str| match value {
            Value::Object(members) => Ok(members),
            _ => Err(BadField::new(within, "it is no JSON object")),
        };
        let text = |name: &str, value: Value| match value {
            Value::String(text) => Ok(text),
            Value::Null => Ok(String::new()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(BadField::new(name, "it is no text")),
        };
        let mut fields = Self::default();
        for (name, value) in texts(value, "record")? {
            match (name.as_str(), value) {
                ("calls", Value::Array(calls)) => {
                    for call in calls {
                        let mut cells = BTreeMap::new();
                        for (name, value) in texts(call, "calls")? {
                            cells.insert(name.clone(), text(&name, value)?);
                        }
                        fields.calls.push(cells);
                    }
                }
                (name, value) => fields.set(name, text(name, value)?),
            }
        }
        Ok(fields)
    }
}

/// A record's fields.
pub fn write(record: &Record) -> Fields {
    let mut fields = Fields::default();
    let time = |at: Timestamp| at.to_string();
    let noted = |fields: &mut Fields, name: &str, noted: &Option<Noted>| {
        if let Some(noted) = noted {
            fields.set(&format!("{name}_at"), time(noted.at));
            fields.set(&format!("{name}_note"), &*noted.note);
        }
    };
    match &record.body {
        RecordBody::Peer(peer) => {
            fields.set("name", &*peer.name);
            fields.set("kind", peer.kind.as_str());
            fields.set("role", peer.role.map_or("", |role| role.as_str()));
        }
        RecordBody::Override(body) => fields.set("action", body.action.as_str()),
        RecordBody::Order(order) => {
            fields.set("document", &*order.document);
            fields.set("kind", order.kind.as_str());
            fields.set("released", order.released.to_string());
            noted(&mut fields, "notified", &order.notified);
        }
        RecordBody::Notice(notice) => {
            fields.set("id", &*notice.id);
            fields.set("document", &*notice.document);
            fields.set("basis", &*notice.basis);
            fields.set("issued_at", time(notice.issued_at));
            noted(&mut fields, "mitigated", &notice.mitigated);
            noted(&mut fields, "informed", &notice.informed);
            noted(&mut fields, "notified", &notice.notified);
            fields.calls = notice.calls.iter().map(write_call).collect();
        }
    }
    fields.set("provider", record.provider.number_text());
    fields.set("why", &*record.why);
    fields.set("by", &*record.by);
    fields.set("at", time(record.at));
    fields.set("expires_at", record.expires_at.map(time).unwrap_or_default());
    if record.revision > 0 {
        fields.set(REVISION, record.revision.to_string());
    }
    fields
}

fn write_call(call: &TracedCall) -> BTreeMap<String, String> {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let texts = [
        time(call.notified_at),
        time(call.called_at),
        call.caller.clone(),
        call.called.clone(),
        call.campaign.clone(),
        call.violation.clone(),
    ];
    let cells = CALL_COLUMNS.iter().zip(texts).filter(|(_, text)| !text.is_empty());
    cells.map(|(name, text)| ((*name).to_owned(), text)).collect()
}

/// The record that the fields tell. Where they do not say who put it on record and when, it is `by` and `now`.
///
/// # Errors
///
/// Names the field that is missing, unknown, or cannot be read. Whether the record makes sense is for
/// [`Record::check`] to say.
pub fn read(kind: RecordKind, fields: &Fields, by: &str, now: Timestamp) -> Result<Record, BadField> {
    let known = |name: &str| columns(kind).contains(&name) || name == REVISION;
    if let Some(name) = fields.texts.keys().find(|name| !known(name)) {
        let known = columns(kind).join(", ");
        return Err(BadField::new(name, format!("a record of this kind ({kind}) has no such field; it has {known}")));
    }
    if kind != RecordKind::Notice && !fields.calls.is_empty() {
        return Err(BadField::new("calls", "only a notice has traced calls"));
    }
    let entry = Entry { fields, now };
    let provider: Identity = entry
        .required("provider", "an FRN or an RMD number")?
        .parse()
        .map_err(|error: crate::domain::IdentityError| BadField::new("provider", error.to_string()))?;
    Ok(Record {
        provider,
        by: fields.get("by").unwrap_or(by).to_owned(),
        at: entry.past("at")?.unwrap_or(now),
        why: entry.text("why"),
        expires_at: entry.time("expires_at", read_end)?,
        body: entry.body(kind)?,
        revision: match fields.get(REVISION) {
            Some(text) => text.parse().map_err(|_| BadField::new(REVISION, "it is no number"))?,
            None => 0,
        },
    })
}

/// The fields of one record, as they are read.
struct Entry<'a> {
    fields: &'a Fields,
    now: Timestamp,
}

impl<'a> Entry<'a> {
    fn text(&self, name: &str) -> String {
        self.fields.get(name).unwrap_or_default().to_owned()
    }

    fn required(&self, name: &str, what: &str) -> Result<&'a str, BadField> {
        self.fields.get(name).ok_or_else(|| BadField::new(name, format!("it is empty: give {what}")))
    }

    fn time(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<Timestamp, String>,
    ) -> Result<Option<Timestamp>, BadField> {
        self.fields.get(name).map(|text| read(text).map_err(|problem| BadField::new(name, problem))).transpose()
    }

    fn past(&self, name: &str) -> Result<Option<Timestamp>, BadField> {
        self.time(name, |text| read_past(text, self.now))
    }

    /// What happened, and when: two fields.
    fn noted(&self, name: &str) -> Result<Option<Noted>, BadField> {
        let (at, note) = (format!("{name}_at"), format!("{name}_note"));
        match (self.time(&at, read_time)?, self.text(&note)) {
            (Some(at), note) => Ok(Some(Noted { at, note })),
            (None, note) if note.is_empty() => Ok(None),
            (None, _) => Err(BadField::new(&at, "it is empty: say when it happened")),
        }
    }

    fn body(&self, kind: RecordKind) -> Result<RecordBody, BadField> {
        Ok(match kind {
            RecordKind::Peer => RecordBody::Peer(self.peer()?),
            RecordKind::Override => {
                let action: OverrideAction = self
                    .required("action", "allow or deny")?
                    .parse()
                    .map_err(|problem: String| BadField::new("action", problem))?;
                RecordBody::Override(Override { action })
            }
            RecordKind::Order => RecordBody::Order(Order {
                document: self.required("document", "the order's number, such as \"DA 26-237\"")?.to_owned(),
                kind: self
                    .required("kind", "removal, final_determination or show_cause")?
                    .parse()
                    .map_err(|problem: String| BadField::new("kind", problem))?,
                released: read_day(self.required("released", "the day of the order's release (YYYY-MM-DD)")?)
                    .map_err(|problem| BadField::new("released", problem))?,
                notified: self.noted("notified")?,
            }),
            RecordKind::Notice => RecordBody::Notice(Notice {
                id: self.required("id", "a name for the notice")?.to_owned(),
                document: self.text("document"),
                basis: self.text("basis"),
                issued_at: read_time(self.required("issued_at", "the notice's time stamp")?)
                    .map_err(|problem| BadField::new("issued_at", problem))?,
                mitigated: self.noted("mitigated")?,
                informed: self.noted("informed")?,
                notified: self.noted("notified")?,
                calls: self.fields.calls.iter().map(read_call).collect::<Result<_, _>>()?,
            }),
        })
    }

    fn peer(&self) -> Result<Peer, BadField> {
        let kind = self.fields.get("kind").map_or(Ok(PeerKind::TrunkGroup), str::parse);
        let role = self.fields.get("role").map(writings::role).transpose();
        Ok(Peer {
            name: self.required("name", "the switch's name for the upstream")?.to_owned(),
            kind: kind.map_err(|problem: String| BadField::new("kind", problem))?,
            role: role.map_err(|problem| BadField::new("role", problem))?.flatten(),
        })
    }
}

/// One traced call, by the names of [`CALL_COLUMNS`].
///
/// # Errors
///
/// Names the cell that cannot be read.
pub(crate) fn read_call(cells: &BTreeMap<String, String>) -> Result<TracedCall, BadField> {
    if let Some(name) = cells.keys().find(|name| !CALL_COLUMNS.contains(&name.as_str())) {
        return Err(BadField::new(
            name,
            format!("a traced call has no such field; it has {}", CALL_COLUMNS.join(", ")),
        ));
    }
    let text = |name: &str| cells.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let time = |name: &str| match text(name).as_str() {
        "" => Ok(None),
        text => read_time(text).map(Some).map_err(|problem| BadField::new(name, problem)),
    };
    let call = TracedCall {
        notified_at: time("notified_at")?,
        called_at: time("called_at")?,
        caller: text("caller"),
        called: text("called"),
        campaign: text("campaign"),
        violation: text("violation"),
    };
    call.check().map(|()| call)
}

/// Reads a day, as any other time's day is written.
fn read_day(text: &str) -> Result<Date, String> {
    // As it is stored and exported.
    text.parse::<Date>().or_else(|_| times::day(text))
}

/// Reads the time of something that has happened. Of a day alone it is taken to have happened at the day's end in
/// Washington, and not after now: so no clock that runs from it runs out too early.
///
/// # Errors
///
/// If it is none.
pub fn read_past(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    read_absolute(text, Meant::Moment, now)
}

/// Reads the time at which something ends. A day alone is counted in, to its end in Washington.
///
/// # Errors
///
/// If it is none.
pub fn read_end(text: &str) -> Result<Timestamp, String> {
    // How long from now is not asked: it does not matter when that is.
    read_absolute(text, Meant::End, Timestamp::MAX)
}

/// Reads the time of something, which may have been at any time. A day alone is the end of that day in Washington, today as
/// on any other day: what is said again tomorrow means the same.
///
/// # Errors
///
/// If it is none.
pub fn read_time(text: &str) -> Result<Timestamp, String> {
    read_absolute(text, Meant::Moment, Timestamp::MAX)
}
