//! The stored shapes: JSON with a member for each field, so that a later version can add one.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::codec::{CodecError, invalid};

const RECORD: &str = "alert";

pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, CodecError> {
    serde_json::to_vec(value).map_err(|error| invalid(RECORD, error))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    serde_json::from_slice(bytes).map_err(|error| invalid(RECORD, error))
}

/// An event as it was written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Its place in the order of all events of this store.
    pub sequence: u64,
    /// Its ID, which no other event has.
    pub id: String,
    /// Its type, such as `rmdd.alarm.raised`.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// How bad it is: note, warning, critical.
    pub severity: String,
    /// When it was found.
    pub at: Timestamp,
    /// What is sent: a CloudEvent as JSON, the same in every attempt.
    pub body: String,
    /// Number, FRN and name of each filing that was removed, where the body has no room for all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<[String; 3]>,
}

/// A delivery that waits, or was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// When it was put into the queue.
    pub queued_at: Timestamp,
    /// How often it was tried.
    #[serde(default)]
    pub tries: u32,
    /// Not before then is it tried again.
    #[serde(default)]
    pub next_at: Option<Timestamp>,
    /// Why the last attempt failed.
    #[serde(default)]
    pub error: String,
    /// The last event that goes out with it in one message; set before the first attempt.
    #[serde(default)]
    pub batch_to: Option<u64>,
    /// When it was set aside.
    #[serde(default)]
    pub set_aside_at: Option<Timestamp>,
}

impl DeliveryRecord {
    /// One that was not tried yet.
    pub(super) fn new(queued_at: Timestamp) -> Self {
        Self { queued_at, tries: 0, next_at: None, error: String::new(), batch_to: None, set_aside_at: None }
    }
}

/// That a channel was told of something that is open until it is told of its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When, last.
    pub at: Timestamp,
    /// Whether it is open.
    pub open: bool,
    /// The message that the next one about it answers.
    #[serde(default)]
    pub thread: Option<String>,
}

/// How a channel is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRecord {
    /// When something was last delivered.
    #[serde(default)]
    pub delivered_at: Option<Timestamp>,
    /// The newest event that was delivered.
    #[serde(default)]
    pub delivered: u64,
    /// Since when every attempt failed; nothing while they succeed.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// Why the last attempt failed that did.
    #[serde(default)]
    pub error: String,
    /// When it did.
    #[serde(default)]
    pub error_at: Option<Timestamp>,
    /// Whether the configuration had it when what holds was last written: one that comes, or comes back, gets a baseline.
    #[serde(default)]
    pub joined: bool,
    /// How many deliveries were set aside because the queue was full.
    #[serde(default)]
    pub overflowed: u64,
}
