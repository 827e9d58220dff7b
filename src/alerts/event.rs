//! What is told: one event, as [CloudEvents 1.0](https://cloudevents.io) in JSON.
//!
//! An event is written once and never again: its bytes are frozen, the same in every attempt and for every channel that has
//! them as they are. What it says beyond its type is in `data`: the cause, before and after, the rule, and what to do.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::domain::visible::{self, one_line};
use crate::domain::{AlarmCode, Frn};
use crate::service::Severity;
use crate::store::EventRecord;

/// The largest event in bytes.
pub const MOST_BYTES: usize = 20_000;

/// A text of an event that does not fit is cut to so many characters.
const CUT: usize = 300;

/// The type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::VariantArray)]
#[allow(missing_docs, reason = "docs/alerts.md has them all")]
pub enum EventKind {
    PeerRefused,
    PeerAccepted,
    PeerAttention,
    PeerChanged,
    PeerUnmatched,
    MeRemoved,
    MeChanged,
    MeRecertification,
    DeadlineNear,
    DeadlinePassed,
    DeadlineCleared,
    ListingApplied,
    AlarmRaised,
    AlarmCleared,
    BaselineTaken,
}

impl EventKind {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Words for several at once.
    pub const GROUPS: [(&'static str, &'static [Self]); 6] = {
        use EventKind as K;
        [
            ("peer", &[K::PeerRefused, K::PeerAccepted, K::PeerAttention, K::PeerChanged, K::PeerUnmatched]),
            ("me", &[K::MeRemoved, K::MeChanged, K::MeRecertification]),
            ("deadline", &[K::DeadlineNear, K::DeadlinePassed, K::DeadlineCleared]),
            ("listing", &[K::ListingApplied]),
            ("alarm", &[K::AlarmRaised, K::AlarmCleared]),
            ("baseline", &[K::BaselineTaken]),
        ]
    };

    /// The type, as CloudEvents have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PeerRefused => "rmdd.peer.refused",
            Self::PeerAccepted => "rmdd.peer.accepted",
            Self::PeerAttention => "rmdd.peer.attention",
            Self::PeerChanged => "rmdd.peer.changed",
            Self::PeerUnmatched => "rmdd.peer.unmatched",
            Self::MeRemoved => "rmdd.me.removed",
            Self::MeChanged => "rmdd.me.changed",
            Self::MeRecertification => "rmdd.me.recertification",
            Self::DeadlineNear => "rmdd.deadline.near",
            Self::DeadlinePassed => "rmdd.deadline.passed",
            Self::DeadlineCleared => "rmdd.deadline.cleared",
            Self::ListingApplied => "rmdd.listing.applied",
            Self::AlarmRaised => "rmdd.alarm.raised",
            Self::AlarmCleared => "rmdd.alarm.cleared",
            Self::BaselineTaken => "rmdd.baseline.taken",
        }
    }

    /// The type of an event that was stored.
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// An event that has no place in the order yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its type.
    pub kind: EventKind,
    /// What it is about: `alarm/LISTING_OLD`, `peer/...`.
    pub subject: String,
    /// The provider, where there is one.
    pub frn: Option<Frn>,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it opens something that a later event about the same subject closes.
    pub raises: bool,
    /// Whether it closes that.
    pub clears: bool,
    /// For this channel alone; nothing: for all.
    pub only: Option<String>,
    /// What it says.
    pub data: Map<String, Value>,
}

impl Draft {
    /// An event about an alarm.
    pub fn of_alarm(kind: EventKind, code: &str, severity: Severity, data: Value) -> Self {
        Self {
            kind,
            subject: alarm_subject(code),
            frn: None,
            severity,
            raises: kind == EventKind::AlarmRaised,
            clears: kind == EventKind::AlarmCleared,
            only: None,
            data: object(data),
        }
    }

    /// Whether it is about what is no peer, or no own filing, any more. Whoever ended it knows.
    pub fn is_of_record_that_ended(&self) -> bool {
        self.data.get("after").and_then(|after| after.get("state")).is_some_and(|state| state == NOT_ON_RECORD)
    }

    /// Gives it its place and freezes it.
    ///
    /// # Errors
    ///
    /// If it cannot be written as JSON.
    pub fn freeze(&self, sequence: u64, installation: u64, at: Timestamp) -> serde_json::Result<EventRecord> {
        let sequence_text = format!("{sequence:010}");
        // A store that was put back from a backup has the same numbers again, and not the same events.
        let id = format!("{sequence_text}-{:016x}", rand::random::<u64>());
        let mut envelope = json!({
            "specversion": "1.0",
            "id": id,
            "source": format!("urn:rmdd:{installation:016x}"),
            "type": self.kind.as_str(),
            "subject": one_line(&self.subject),
            "time": at.to_string(),
            "datacontenttype": "application/json",
            "sequence": sequence_text,
            "severity": self.severity.as_str(),
        });
        if let (Some(envelope), Some(frn)) = (envelope.as_object_mut(), self.frn) {
            envelope.insert("partitionkey".to_owned(), Value::String(frn.to_string()));
        }
        let (body, left_out) = fitting(envelope, &self.data)?;
        Ok(EventRecord {
            sequence,
            id,
            kind: self.kind.as_str().to_owned(),
            subject: one_line(&self.subject),
            severity: self.severity.as_str().to_owned(),
            at,
            body,
            removed: if left_out == 0 { Vec::new() } else { removed(&self.data) },
        })
    }
}

/// How a peer or an own filing stands that is none any more, in what is said of it afterwards.
pub const NOT_ON_RECORD: &str = "not_on_record";

/// The subject of an alarm.
pub fn alarm_subject(code: &str) -> String {
    format!("alarm/{code}")
}

/// The code of a subject that is an alarm's.
pub fn code_of(subject: &str) -> Option<&str> {
    subject.strip_prefix("alarm/")
}

/// Whether an alarm says how one listing is. It ends with the next listing, and that what it told of is mended is not said
/// by that: peers that are gone are still refused.
pub fn is_of_one_listing(subject: &str) -> bool {
    code_of(subject).is_some_and(|code| code == AlarmCode::PeersGone.as_str()) || is_remark_on_a_listing(subject)
}

/// Whether an alarm remarks on a listing that was applied, whomever it concerns.
pub fn is_remark_on_a_listing(subject: &str) -> bool {
    use AlarmCode as A;
    let remarks = [A::ListingUnusual, A::ListingCorroborated, A::ListingLetThrough];
    code_of(subject).is_some_and(|code| remarks.iter().any(|remark| remark.as_str() == code))
}

/// What JSON objects hold.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}

/// The event as text of at most [`MOST_BYTES`]: of what is too long lists are shortened first (`left_out` has how many were
/// left out), then texts. And how many were left out of lists.
fn fitting(envelope: Value, data: &Map<String, Value>) -> serde_json::Result<(String, u64)> {
    let mut data = data.clone();
    let mut left_out = 0u64;
    loop {
        let mut event = envelope.clone();
        if let Some(event) = event.as_object_mut() {
            if left_out > 0 {
                data.insert("left_out".to_owned(), json!(left_out));
            }
            event.insert("data".to_owned(), Value::Object(data.clone()));
        }
        let text = visible::to_json(&event)?;
        if text.len() <= MOST_BYTES {
            return Ok((text, left_out));
        }
        let longest = data.values_mut().filter_map(Value::as_array_mut).max_by_key(|list| list.len());
        match longest.filter(|list| !list.is_empty()) {
            Some(list) => {
                let keep = list.len() * 3 / 4;
                left_out += (list.len() - keep) as u64;
                list.truncate(keep);
            }
            None => {
                data.values_mut().for_each(cut);
                let mut event = envelope.clone();
                if let Some(event) = event.as_object_mut() {
                    event.insert("data".to_owned(), Value::Object(data));
                }
                return Ok((visible::to_json(&event)?, left_out));
            }
        }
    }
}

/// Number, FRN and name of each filing that an event says was removed.
pub fn removed(data: &Map<String, Value>) -> Vec<[String; 3]> {
    let removed = data.get("removed").and_then(Value::as_array).into_iter().flatten();
    let text = |filing: &Value, name: &str| filing.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    removed.map(|filing| ["number", "frn", "name"].map(|name| text(filing, name))).collect()
}

/// Cuts long texts, however deep they stand.
fn cut(value: &mut Value) {
    match value {
        Value::String(text) if text.chars().count() > CUT => {
            *text = text.chars().take(CUT).chain(['…']).collect();
        }
        Value::Array(list) => list.iter_mut().for_each(cut),
        Value::Object(map) => map.values_mut().for_each(cut),
        _ => {}
    }
}
