//! An answer that has everything, held against the description in each form.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prost::Message;
use serde_json::Value;

use super::{AnswerField, FIELDS, WireField};
use crate::api::grpc::{answer_on_the_wire, v1};
use crate::api::json::{Check, CompactCheck};
use crate::domain::{
    Advisory, AdvisoryCode, Decision, FilingBuilder, Identity, MatchedBy, Override, OverrideAction, Peer, PeerKind,
    Reason, Record, RecordBody, Removal, Sha256Digest, SnapshotSerial, Verdict, rule,
};
use crate::service::{Answer, Detail, SnapshotRef};

/// A record of an operator.
pub fn record(body: RecordBody) -> Arc<Record> {
    Arc::new(Record {
        provider: Identity::Frn("0020237343".parse().expect("an FRN")),
        body,
        by: "noc".to_owned(),
        why: "a test".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        revision: 1,
        expires_at: None,
    })
}

fn at() -> Timestamp {
    Timestamp::from_second(1_756_080_000).expect("a time")
}

fn answer(detail: Detail) -> Answer {
    let number = "RMD0001410".parse().expect("a number");
    let filing = Arc::new(FilingBuilder::new(number, "0020237343".parse().ok(), 0).finish());
    let removal = Removal {
        filing: Arc::clone(&filing),
        last_seen_at: at(),
        first_missing_at: at() + Duration::from_secs(60),
        reinstated_at: None,
        snapshot: SnapshotSerial(3),
    };
    let decision = Decision {
        verdict: Verdict::Refuse,
        reason: Reason::Override,
        rule: rule::EMERGENCY,
        by_policy: true,
        advisories: vec![Advisory { code: AdvisoryCode::ListingOld, message: "it is old".to_owned() }],
        matched_by: Some(MatchedBy::Frn),
        filing: Some(filing),
        other_filings: vec![number],
        removal: Some(Arc::new(removal)),
        candidates: vec![number],
        record: Some(record(RecordBody::Override(Override { action: OverrideAction::Deny }))),
    };
    let peer = Peer { name: "Trunk 7".to_owned(), kind: PeerKind::TrunkGroup, role: None };
    Answer {
        decision,
        peer: Some(record(RecordBody::Peer(peer))),
        message: Some("a sentence".to_owned()),
        detail,
        carried_since: Some(at()),
    }
}

fn snapshot() -> SnapshotRef {
    SnapshotRef {
        serial: SnapshotSerial(7),
        sha256: Sha256Digest([1; 32]),
        listing_sha256: Some(Sha256Digest([2; 32])),
        fetched_at: at(),
        confirmed_at: at(),
        age: SignedDuration::from_secs(90),
    }
}

/// The members of an object in the order in which they are written, none of them null.
fn members(json: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(json).expect("JSON");
    let object = value.as_object().expect("an object");
    assert!(object.values().all(|value| !value.is_null()), "{json}");
    let mut keys: Vec<(usize, String)> =
        object.keys().map(|key| (json.find(&format!("\"{key}\":")).expect("it is there"), key.clone())).collect();
    keys.sort();
    keys.into_iter().map(|(_, key)| key).collect()
}

#[test]
fn the_messages_have_just_the_described_fields() {
    let set = prost_types::FileDescriptorSet::decode(v1::DESCRIPTORS).expect("descriptors");
    let mut messages = set.file.iter().flat_map(|file| &file.message_type);
    let message = messages.find(|message| message.name() == "CheckProviderResponse").expect("it is there");
    let there: BTreeSet<(u32, &str)> =
        message.field.iter().map(|field| (field.number().unsigned_abs(), field.name())).collect();
    let described = FIELDS.iter().flat_map(|field| field.wire).map(|WireField { number, name }| (*number, *name));
    assert_eq!(described.collect::<BTreeSet<_>>(), there);
}

#[test]
fn an_answer_on_the_wire_has_just_the_described_fields_in_full_and_compact() {
    for (detail, has) in
        [(Detail::Full, (|_| true) as fn(&&AnswerField) -> bool), (Detail::Compact, |f| f.compact_wire)]
    {
        let described = FIELDS.iter().filter(has).flat_map(|field| field.wire).map(|wire| wire.number);
        // The time is echoed by who asked about it.
        let described: BTreeSet<u32> = described.filter(|number| *number != super::wire::AT.number).collect();
        let bytes = answer_on_the_wire(&answer(detail), &snapshot());
        assert_eq!(top_level(&bytes), described, "{detail:?}");
        let read = v1::CheckProviderResponse::decode(bytes.as_slice()).expect("a message");
        assert_eq!(read.encode_to_vec().len(), bytes.len(), "all of it is known");
    }
}

/// The numbers of the fields of a message.
fn top_level(mut bytes: &[u8]) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    while !bytes.is_empty() {
        let (number, wire) = prost::encoding::decode_key(&mut bytes).expect("a key");
        let context = prost::encoding::DecodeContext::default();
        prost::encoding::skip_field(wire, number, &mut bytes, context).expect("a field");
        numbers.insert(number);
    }
    numbers
}

#[test]
fn the_json_objects_have_just_the_described_members_in_that_order() {
    let full = serde_json::to_string(&Check::new(&answer(Detail::Full), Some(&snapshot()), Some(at()))).expect("JSON");
    let described: Vec<_> = FIELDS.iter().map(|field| field.json).collect();
    assert_eq!(members(&full), described);
    let compact = answer(Detail::Compact);
    let compact = serde_json::to_string(&CompactCheck::new(&compact, Some(&snapshot()), Some(at()))).expect("JSON");
    let described: Vec<_> = FIELDS.iter().flat_map(|field| field.compact_json).copied().collect();
    assert_eq!(members(&compact), described);
}

#[test]
fn the_schema_of_the_objects_has_just_the_described_members() {
    let openapi: Value = serde_json::from_str(crate::api::http::OPENAPI).expect("JSON");
    for (schema, described) in [
        ("Check", FIELDS.iter().map(|field| field.json).collect::<BTreeSet<_>>()),
        ("CompactCheck", FIELDS.iter().flat_map(|field| field.compact_json).copied().collect()),
    ] {
        let schema = &openapi["components"]["schemas"][schema];
        let properties: BTreeSet<&str> =
            schema["properties"].as_object().expect("properties").keys().map(String::as_str).collect();
        let required: BTreeSet<&str> =
            schema["required"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert_eq!((&properties, &required), (&described, &described), "{schema}");
    }
}
