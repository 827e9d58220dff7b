//! The compact answer, written straight to the wire.
//!
//! A batch has a thousand of them. Put together as messages first they would cost several times what the decisions do;
//! here an answer becomes the bytes that the message of [`convert::answer_to_wire`] would become. A test compares.

use prost::Message;
use prost::encoding::{WireType, encoded_len_varint};

use super::{convert, v1};
use crate::api::answer::wire;
use crate::service::{Answer, Detail};

/// Appends an answer, without its snapshot.
pub fn put(answer: &Answer, out: &mut Vec<u8>) {
    match answer.detail {
        Detail::Compact => put_compact(answer, out),
        Detail::Full => {
            let message = convert::answer_to_wire(answer);
            out.reserve(message.encoded_len());
            message.encode_raw(out);
        }
    }
}

/// Appends the snapshot of an answer.
pub fn put_snapshot(snapshot: &v1::SnapshotRef, out: &mut Vec<u8>) {
    put_message(wire::SNAPSHOT.number, snapshot, out);
}

fn put_compact(answer: &Answer, out: &mut Vec<u8>) {
    let decision = &answer.decision;
    // What most answers have; more grows it.
    out.reserve(128);
    put_number(wire::VERDICT.number, convert::verdict_to_wire(decision.verdict) as u64, out);
    put_number(wire::REASON.number, convert::reason_to_wire(decision.reason) as u64, out);
    put_text(wire::MESSAGE.number, answer.message.as_deref().unwrap_or_default(), out);
    put_text(wire::RULE.number, decision.rule, out);
    for advisory in &decision.advisories {
        let (code, message) = (advisory.code.as_str(), advisory.message.as_str());
        let kind = convert::advisory_to_wire(advisory.code) as u64;
        put_length(wire::ADVISORIES.number, text_len(code) + text_len(message) + number_len(kind), out);
        put_text(1, code, out);
        put_text(2, message, out);
        put_number(3, kind, out);
    }
    if let Some(matched) = decision.matched_by {
        put_number(wire::MATCHED_BY.number, convert::matched_by_to_wire(Some(matched)) as u64, out);
    }
    if let Some(filing) = &decision.filing {
        let number = filing.number().digits();
        let frn = filing.frn().map(|frn| frn.digits());
        put_length(wire::FILING.number, 2 + number.len() + frn.map_or(0, |frn| 2 + frn.len()), out);
        put_bytes(1, &number, out);
        if let Some(frn) = frn {
            put_bytes(2, &frn, out);
        }
    }
    if let Some(removal) = &decision.removal {
        for (field, at) in
            [(wire::LAST_SEEN_AT, removal.last_seen_at), (wire::FIRST_MISSING_AT, removal.first_missing_at)]
        {
            put_message(field.number, &convert::time_to_wire(at), out);
        }
    }
    if decision.by_policy {
        put_number(wire::BY_POLICY.number, 1, out);
    }
    put_text(wire::PEER.number, answer.peer_name().unwrap_or_default(), out);
    if let Some(record) = &decision.record {
        put_text(wire::RECORD.number, &convert::record_named(record), out);
    }
}

/// How long a number is as a field whose number is below 16.
fn number_len(number: u64) -> usize {
    if number == 0 { 0 } else { 1 + encoded_len_varint(number) }
}

/// How long a text is as a field whose number is below 16.
fn text_len(text: &str) -> usize {
    if text.is_empty() { 0 } else { 1 + encoded_len_varint(text.len() as u64) + text.len() }
}

fn put_number(field: u32, number: u64, out: &mut Vec<u8>) {
    if number != 0 {
        put_key(field, WireType::Varint, out);
        put_varint(number, out);
    }
}

fn put_text(field: u32, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        put_bytes(field, text.as_bytes(), out);
    }
}

fn put_bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_length(field, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends a field that is a message.
pub fn put_message(field: u32, message: &impl Message, out: &mut Vec<u8>) {
    let length = message.encoded_len();
    put_length(field, length, out);
    out.reserve(length);
    message.encode_raw(out);
}

/// Appends a message that is a field of a message, which is a field; both numbers are below 16. How long both are is known once
/// the inner one is written: for nearly all a byte each, which is left free and filled in.
pub fn put_nested([outer, inner]: [u32; 2], out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let begins = out.len();
    put_length(outer, 0, out);
    put_length(inner, 0, out);
    let message = out.len();
    write(out);
    let length = out.len() - message;
    match (u8::try_from(length), out.get_mut(begins..)) {
        (Ok(short), Some([_, outer_length, _, inner_length, ..])) if short < 0x7e => {
            *outer_length = short + 2;
            *inner_length = short;
        }
        _ => {
            let written = out.split_off(message);
            out.truncate(begins);
            put_length(outer, 1 + encoded_len_varint(length as u64) + length, out);
            put_length(inner, length, out);
            out.extend_from_slice(&written);
        }
    }
}

/// The beginning of a field that is so long.
pub fn put_length(field: u32, length: usize, out: &mut Vec<u8>) {
    put_key(field, WireType::LengthDelimited, out);
    put_varint(length as u64, out);
}

fn put_key(field: u32, wire: WireType, out: &mut Vec<u8>) {
    put_varint(u64::from(field << 3) | wire as u64, out);
}

/// Mostly one byte, for which the loop of [`prost::encoding::encode_varint`] over any buffer is long.
fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::api::answer::tests::record;
    use crate::domain::{
        Advisory, AdvisoryCode, Decision, FilingBuilder, MatchedBy, Override, OverrideAction, Peer, PeerKind, Reason,
        RecordBody, Removal, SnapshotSerial, Verdict, rule,
    };

    #[test]
    fn a_message_in_a_message_is_as_long_as_it_says_whatever_its_length() {
        for length in [0, 1, 125, 126, 127, 128, 5000] {
            let message = v1::Error { message: "x".repeat(length), ..v1::Error::default() };
            let result = v1::CheckedProvider { outcome: Some(v1::checked_provider::Outcome::Error(message.clone())) };
            let all = v1::CheckProvidersResponse { results: vec![result; 2], ..v1::CheckProvidersResponse::default() };
            let mut out = Vec::new();
            for _ in 0..2 {
                put_nested([1, 2], &mut out, |out| message.encode_raw(out));
            }
            assert_eq!(out, all.encode_to_vec(), "{length}");
        }
    }

    #[test]
    fn an_answer_written_straight_to_the_wire_is_the_message_that_it_stands_for() {
        let number = "RMD0001410".parse().expect("a number");
        let filing = |frn: Option<&str>| {
            Arc::new(FilingBuilder::new(number, frn.map(|frn| frn.parse().expect("an FRN")), 0).finish())
        };
        let plain = Decision {
            verdict: Verdict::Accept,
            reason: Reason::Listed,
            rule: rule::EMERGENCY,
            by_policy: false,
            advisories: Vec::new(),
            matched_by: Some(MatchedBy::Frn),
            filing: Some(filing(Some("0020237343"))),
            other_filings: vec![number],
            removal: None,
            candidates: vec![number],
            record: None,
        };
        let at = |millis| Timestamp::from_millisecond(millis).expect("a time");
        let removal = Removal {
            filing: filing(None),
            last_seen_at: at(1_756_080_000_123),
            first_missing_at: at(-1),
            reinstated_at: None,
            snapshot: SnapshotSerial(3),
        };
        let advisory = |code| Advisory { code, message: String::new() };
        let worded = Advisory { code: AdvisoryCode::PolicyOfToday, message: "today's was taken".to_owned() };
        let full = Decision {
            verdict: Verdict::Refuse,
            reason: Reason::Override,
            by_policy: true,
            advisories: vec![advisory(AdvisoryCode::ListingOld), worded, advisory(AdvisoryCode::Successor)],
            filing: Some(filing(None)),
            removal: Some(Arc::new(removal)),
            record: Some(record(RecordBody::Override(Override { action: OverrideAction::Deny }))),
            ..plain.clone()
        };
        let nobody = Decision { filing: None, matched_by: None, reason: Reason::NotListed, ..plain.clone() };
        let peer =
            record(RecordBody::Peer(Peer { name: "Trunk 7".to_owned(), kind: PeerKind::TrunkGroup, role: None }));
        for decision in [plain, full, nobody] {
            for peer in [None, Some(Arc::clone(&peer))] {
                for message in [None, Some("a sentence".to_owned())] {
                    let peer = peer.clone();
                    let decision = decision.clone();
                    let answer = Answer { decision, peer, message, detail: Detail::Compact, carried_since: None };
                    let mut straight = Vec::new();
                    put(&answer, &mut straight);
                    let message = convert::answer_to_wire(&answer);
                    assert_eq!(straight, message.encode_to_vec(), "{message:?}");
                }
            }
        }
    }
}
