//! The messages of `proto/rmdd/fleet/v1`, to and from what they say.

mod base;
mod cycle;
mod rows;
mod snapshot;

use jiff::Timestamp;
use prost::Message;

use crate::domain::{Frn, RmdNumber, Sha256Digest};
use crate::store::Log;

pub use base::{
    change_from_wire, change_to_wire, event_from_wire, event_to_wire, first_sight_from_wire, first_sight_to_wire,
    record_from_wire, record_to_wire, removal_from_wire, removal_to_wire, snapshot_record_from_wire,
    snapshot_record_to_wire, status_from_wire, status_to_wire,
};
pub use cycle::{
    confirmation_from_wire, confirmation_to_wire, cycle_from_wire, cycle_to_wire, held_from_wire, held_to_wire,
    record_of_cycle_from_wire, record_of_cycle_to_wire,
};
pub use rows::{Columns, columns, row_to_wire};
pub use snapshot::{
    anomalies_from_wire, anomalies_to_wire, carried_from_wire, carried_to_wire, counts_from_wire, counts_to_wire,
    steps_from_wire, steps_to_wire,
};

/// The generated messages.
#[allow(missing_docs, clippy::allow_attributes_without_reason, reason = "generated; the comments stand in proto/")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/rmdd.fleet.v1.rs"));
}

/// Why a message says nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bad {
    /// It is not what was written.
    Damaged(String),
    /// It is of a kind that is not known.
    Unknown(String),
}

/// What is read out of a message.
pub type Read<T> = Result<T, Bad>;

pub fn damaged(detail: impl ToString) -> Bad {
    Bad::Damaged(detail.to_string())
}

/// A message from its bytes.
pub fn decode<M: Message + Default>(bytes: &[u8]) -> Read<M> {
    M::decode(bytes).map_err(damaged)
}

/// A message that must be there.
pub fn there<T>(message: Option<T>, what: &'static str) -> Read<T> {
    message.ok_or_else(|| damaged(format!("it has no {what}")))
}

pub fn digest(bytes: &[u8]) -> Read<Sha256Digest> {
    bytes.try_into().map(Sha256Digest).map_err(|_| damaged(format!("a digest of {} bytes", bytes.len())))
}

pub fn time(milliseconds: i64) -> Read<Timestamp> {
    Timestamp::from_millisecond(milliseconds).map_err(damaged)
}

pub fn maybe_time(milliseconds: Option<i64>) -> Read<Option<Timestamp>> {
    milliseconds.map(time).transpose()
}

pub fn milliseconds(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millisecond)
}

pub fn number(value: u32) -> Read<RmdNumber> {
    RmdNumber::from_value(value).ok_or_else(|| damaged(format!("{value} is no number of a filing")))
}

pub fn frn(value: u64) -> Read<Frn> {
    Frn::from_value(value).ok_or_else(|| damaged(format!("{value} is no FRN")))
}

pub fn log_to_wire(log: Log) -> i32 {
    match log {
        Log::Listing => v1::Log::Listing.into(),
        Log::Records => v1::Log::Records.into(),
    }
}

pub fn log_from_wire(wire: i32) -> Read<Log> {
    match v1::Log::try_from(wire) {
        Ok(v1::Log::Listing) => Ok(Log::Listing),
        Ok(v1::Log::Records) => Ok(Log::Records),
        _ => Err(Bad::Unknown(format!("a log {wire}"))),
    }
}
