//! The fields of an answer: which there are, and where each stands over gRPC and in JSON, in full and compact.
//!
//! This is the one description. The compact answer is written to the wire by the numbers here; the messages, the JSON
//! objects and the schema of them are held against it by a test each, which fails where one has a field that another lacks.

/// One field of an answer.
#[derive(Debug, Clone, Copy)]
pub struct AnswerField {
    /// Its member of the full JSON object.
    pub json: &'static str,
    /// Its members of the compact JSON object.
    pub compact_json: &'static [&'static str],
    /// Its fields of `CheckProviderResponse`.
    pub wire: &'static [WireField],
    /// Whether the compact answer over gRPC has it.
    pub compact_wire: bool,
}

/// A field of `CheckProviderResponse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireField {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
}

/// The fields' numbers and names over gRPC.
#[allow(missing_docs, reason = "each is named as its field is, and proto/ says what that means")]
pub mod wire {
    use super::WireField;

    const fn field(number: u32, name: &'static str) -> WireField {
        WireField { number, name }
    }

    pub const VERDICT: WireField = field(1, "verdict");
    pub const REASON: WireField = field(2, "reason");
    pub const MESSAGE: WireField = field(3, "message");
    pub const RULE: WireField = field(4, "rule");
    pub const ADVISORIES: WireField = field(5, "advisories");
    pub const MATCHED_BY: WireField = field(6, "matched_by");
    pub const FILING: WireField = field(7, "filing");
    pub const LAST_SEEN_AT: WireField = field(8, "last_seen_at");
    pub const FIRST_MISSING_AT: WireField = field(9, "first_missing_at");
    pub const SNAPSHOT: WireField = field(10, "snapshot");
    pub const BY_POLICY: WireField = field(11, "by_policy");
    pub const OTHER_FILINGS: WireField = field(12, "other_filings");
    pub const CANDIDATES: WireField = field(13, "candidates");
    pub const PEER: WireField = field(14, "peer");
    pub const RECORD: WireField = field(15, "record");
    pub const AT: WireField = field(16, "at");
}

/// One that has the same name everywhere, and stands everywhere.
const fn everywhere(
    json: &'static str,
    compact_json: &'static [&'static str],
    wire: &'static [WireField],
) -> AnswerField {
    AnswerField { json, compact_json, wire, compact_wire: true }
}

/// One that only the full answer has.
const fn in_full(json: &'static str, wire: &'static [WireField]) -> AnswerField {
    AnswerField { json, compact_json: &[], wire, compact_wire: false }
}

/// All fields, in the order in which JSON has them.
pub const FIELDS: [AnswerField; 15] = [
    everywhere("verdict", &["verdict"], &[wire::VERDICT]),
    everywhere("reason", &["reason"], &[wire::REASON]),
    // A compact answer has a sentence only where nothing is known but that it is a call to 911.
    everywhere("message", &[], &[wire::MESSAGE]),
    everywhere("rule", &["rule"], &[wire::RULE]),
    everywhere("by_policy", &["by_policy"], &[wire::BY_POLICY]),
    everywhere("advisories", &["advisories"], &[wire::ADVISORIES]),
    everywhere("matched_by", &["matched_by"], &[wire::MATCHED_BY]),
    everywhere("filing", &["filing", "frn"], &[wire::FILING]),
    in_full("other_filings", &[wire::OTHER_FILINGS]),
    in_full("candidates", &[wire::CANDIDATES]),
    everywhere("removal", &["removal"], &[wire::LAST_SEEN_AT, wire::FIRST_MISSING_AT]),
    everywhere("peer", &["peer"], &[wire::PEER]),
    everywhere("record", &["record"], &[wire::RECORD]),
    everywhere("at", &["at"], &[wire::AT]),
    everywhere("snapshot", &["snapshot"], &[wire::SNAPSHOT]),
];

#[cfg(test)]
pub(super) mod tests;
