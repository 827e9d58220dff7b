//! Where a store stands in the logs of its fleet <-> bytes.

use serde::{Deserialize, Serialize};

use super::{CodecError, decode, encode, invalid, time};
use crate::domain::Sha256Digest;
use crate::store::{FleetId, Position};

const RECORD: &str = "position in a fleet";

#[derive(Serialize, Deserialize)]
struct StoredPosition {
    index: u64,
    sha256: [u8; 32],
    at: i64,
}

pub fn encode_position(position: &Position) -> Result<Vec<u8>, CodecError> {
    let Position { index, sha256, at } = *position;
    encode(RECORD, &StoredPosition { index, sha256: sha256.0, at: at.as_millisecond() })
}

pub fn decode_position(bytes: &[u8]) -> Result<Position, CodecError> {
    let stored: StoredPosition = decode(RECORD, bytes)?;
    Ok(Position { index: stored.index, sha256: Sha256Digest(stored.sha256), at: time(RECORD, stored.at)? })
}

pub fn decode_fleet_id(bytes: &[u8]) -> Result<FleetId, CodecError> {
    bytes.try_into().map(FleetId).map_err(|_| invalid(RECORD, "an ID of a fleet that is not 16 bytes"))
}
