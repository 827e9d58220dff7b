//! One decision, as it waits and as it is written.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::Logged;
use crate::decide::{EMERGENCY_ALONE, Query, sentence};
use crate::domain::visible::write_json;
use crate::domain::{
    Advisory, AdvisoryCode, Decision, Filing, Identity, Interface, MatchedBy, ProviderRole, Reason, Record, RecordBody,
    Sha256Digest, SnapshotSerial, Ternary, Verdict, Who, age, rule,
};
use crate::listing::index::Index;
use crate::transport::auth::Asker;
use crate::transport::users;

/// One decision on its way to the log. It holds what the decision shares, and no text of its own.
#[derive(Debug)]
pub struct Entry {
    /// When it was made.
    pub at: Timestamp,
    /// How the question came in.
    pub interface: Interface,
    /// Who asked it.
    pub asked_by: Asker,
    /// What they call the call.
    pub reference: Option<Box<str>>,
    /// What was asked.
    pub asked: Asked,
    /// What was decided; nothing for a call to 911 of which nothing else is known.
    pub decided: Option<Decided>,
}

/// What a question named.
#[derive(Debug)]
pub enum Asked {
    /// A provider.
    Who(Who),
    /// Nothing that can be read, or none.
    Unreadable,
}

/// A decision, and what it rests on.
#[derive(Debug)]
pub struct Decided {
    query: Query,
    caller_id_given: bool,
    peer: Option<Arc<Record>>,
    /// Without its advisories.
    decision: Decision,
    /// One bit for each.
    advisories: u32,
    listing: ListingThen,
}

/// The listing that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct ListingThen {
    serial: SnapshotSerial,
    sha256: Sha256Digest,
    fetched_at: Timestamp,
    confirmed_at: Timestamp,
}

impl ListingThen {
    /// The listing of this serial and digest, first fetched and last confirmed at these times.
    pub fn of(serial: SnapshotSerial, sha256: Sha256Digest, fetched_at: Timestamp, confirmed_at: Timestamp) -> Self {
        Self { serial, sha256, fetched_at, confirmed_at }
    }
}

impl From<&Index> for ListingThen {
    fn from(index: &Index) -> Self {
        let snapshot = index.snapshot();
        Self::of(snapshot.serial, snapshot.sha256, snapshot.fetched_at, index.confirmed_at())
    }
}

impl Decided {
    /// What is to be kept of a decision. Allocates only where other filings or candidates are told.
    pub fn new(
        query: Query,
        caller_id_given: bool,
        peer: Option<Arc<Record>>,
        decision: &Decision,
        listing: ListingThen,
    ) -> Self {
        Self {
            query,
            caller_id_given,
            peer,
            advisories: bits(&decision.advisories),
            decision: Decision {
                verdict: decision.verdict,
                reason: decision.reason,
                rule: decision.rule,
                by_policy: decision.by_policy,
                advisories: Vec::new(),
                matched_by: decision.matched_by,
                filing: decision.filing.clone(),
                other_filings: decision.other_filings.clone(),
                removal: decision.removal.clone(),
                candidates: decision.candidates.clone(),
                record: decision.record.clone(),
            },
            listing,
        }
    }
}

fn bits(advisories: &[Advisory]) -> u32 {
    advisories.iter().fold(0, |bits, advisory| bits | 1 << advisory.code as u32)
}

fn codes(bits: u32) -> Vec<&'static str> {
    let has = |code: &AdvisoryCode| bits & (1 << *code as u32) != 0;
    AdvisoryCode::ALL.into_iter().filter(has).map(AdvisoryCode::as_str).collect()
}

/// One line. The order of the members is the order in which somebody reads them.
#[derive(Debug, Serialize)]
struct Line {
    at: Timestamp,
    verdict: &'static str,
    reason: &'static str,
    message: String,
    asked: AskedLine,
    interface: &'static str,
    asked_by: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    rule: &'static str,
    by_policy: bool,
    advisories: Vec<&'static str>,
    matched_by: Option<&'static str>,
    filing: Option<FilingLine>,
    other_filings: Vec<String>,
    candidates: Vec<String>,
    removal: Option<RemovalLine>,
    record: Option<String>,
    snapshot: Option<SnapshotLine>,
}

/// The question. Of the first four one is given, or none where nothing of it could be read. Of the caller's number only
/// whether it was given: whose it is concerns nobody here.
#[derive(Debug, Default, Serialize)]
struct AskedLine {
    frn: Option<String>,
    rmd_number: Option<String>,
    ocn: Option<String>,
    peer: Option<String>,
    /// The provider that an OCN or a peer is bound to.
    bound_to: Option<String>,
    role: Option<&'static str>,
    emergency: bool,
    foreign: &'static str,
    us_caller_id: &'static str,
    caller_id_given: bool,
}

#[derive(Debug, Serialize)]
struct FilingLine {
    number: String,
    frn: Option<String>,
}

#[derive(Debug, Serialize)]
struct RemovalLine {
    last_seen_at: Timestamp,
    first_missing_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct SnapshotLine {
    serial: u64,
    sha256: String,
    fetched_at: Timestamp,
    confirmed_at: Timestamp,
    age_seconds: i64,
}

#[derive(Debug, Serialize)]
struct DroppedLine {
    at: Timestamp,
    dropped: u64,
    message: &'static str,
}

/// Says which decisions are logged from now on.
#[derive(Debug, Serialize)]
struct LevelLine {
    at: Timestamp,
    log: &'static str,
    message: &'static str,
}

/// Appends the line of an entry.
pub fn append(buffer: &mut Vec<u8>, entry: &Entry) {
    put(buffer, &line(entry));
}

/// Appends the line that says how many decisions are missing before it.
pub fn append_dropped(buffer: &mut Vec<u8>, at: Timestamp, dropped: u64) {
    let message = "so many decisions are missing from this log: they came faster than they could be written";
    put(buffer, &DroppedLine { at, dropped, message });
}

/// Appends the line that says which decisions are logged from now on.
pub fn append_level(buffer: &mut Vec<u8>, at: Timestamp, logged: Logged) {
    let message = match logged {
        Logged::Off => "from here on no decision is in this log",
        Logged::Refusals => "from here on decisions that refuse are in this log, and no others",
        Logged::Notable => {
            "from here on decisions that refuse are in this log, and those that accept because of an override, an emergency or \
             a policy that is not the default"
        }
        Logged::All => "from here on all decisions are in this log",
    };
    put(buffer, &LevelLine { at, log: logged.as_str(), message });
}

fn put(buffer: &mut Vec<u8>, line: &impl Serialize) {
    // Texts and numbers alone: nothing in it can fail.
    let _ = write_json(buffer, line);
    buffer.push(b'\n');
}

fn line(entry: &Entry) -> Line {
    match &entry.decided {
        Some(decided) => line_of(entry, decided),
        None => line_of_emergency(entry),
    }
}

/// A call to 911 of which nothing else is known.
fn line_of_emergency(entry: &Entry) -> Line {
    Line {
        at: entry.at,
        verdict: Verdict::Accept.as_str(),
        reason: Reason::EmergencyCall.as_str(),
        message: EMERGENCY_ALONE.to_owned(),
        asked: AskedLine { emergency: true, ..asked(&entry.asked) },
        interface: entry.interface.as_str(),
        asked_by: name(&entry.asked_by),
        reference: entry.reference.as_deref().map(str::to_owned),
        rule: rule::EMERGENCY,
        by_policy: false,
        advisories: Vec::new(),
        matched_by: None,
        filing: None,
        other_filings: Vec::new(),
        candidates: Vec::new(),
        removal: None,
        record: None,
        snapshot: None,
    }
}

fn line_of(entry: &Entry, decided: &Decided) -> Line {
    let Decided { query, decision, listing, .. } = decided;
    let mut asked = asked(&entry.asked);
    asked.role = query.role.map(ProviderRole::as_str);
    asked.emergency = query.emergency;
    asked.foreign = query.foreign.as_str();
    asked.us_caller_id = query.us_caller_id.as_str();
    asked.caller_id_given = decided.caller_id_given;
    if let Some(record) = &decided.peer {
        asked.bound_to = Some(record.provider.number_text());
        // As operators wrote it, not as a question happened to.
        if let (RecordBody::Peer(peer), Some(name)) = (&record.body, &mut asked.peer) {
            name.clone_from(&peer.name);
        }
    }
    Line {
        at: entry.at,
        verdict: decision.verdict.as_str(),
        reason: decision.reason.as_str(),
        message: sentence(decision, query, true),
        asked,
        interface: entry.interface.as_str(),
        asked_by: name(&entry.asked_by),
        reference: entry.reference.as_deref().map(str::to_owned),
        rule: decision.rule,
        by_policy: decision.by_policy,
        advisories: codes(decided.advisories),
        matched_by: decision.matched_by.map(MatchedBy::as_str),
        filing: decision.filing.as_deref().map(filing),
        other_filings: decision.other_filings.iter().map(ToString::to_string).collect(),
        candidates: decision.candidates.iter().map(ToString::to_string).collect(),
        removal: decision.removal.as_deref().map(|removal| RemovalLine {
            last_seen_at: removal.last_seen_at,
            first_missing_at: removal.first_missing_at,
        }),
        record: decision.record.as_ref().map(|record| format!("{} {}", record.kind(), record.id())),
        snapshot: Some(SnapshotLine {
            serial: listing.serial.0,
            sha256: listing.sha256.to_string(),
            fetched_at: listing.fetched_at,
            confirmed_at: listing.confirmed_at,
            age_seconds: age(listing.confirmed_at, entry.at).as_secs(),
        }),
    }
}

/// Who asked, in words: `token switch-1`, `certificate sbc.example`, `user rmdd`, or an address. It may have to ask the
/// machine what a user is called.
pub fn name(asker: &Asker) -> Option<String> {
    match asker {
        Asker::Token(name) => Some(format!("token {name}")),
        Asker::Certificate(name) => Some(format!("certificate {name}")),
        Asker::User(uid) => Some(format!("user {}", user(*uid))),
        Asker::Address(address) => Some(address.to_string()),
        Asker::Nobody => None,
    }
}

/// What a user of this machine is called; the number where nobody knows. It may have to be asked for, which is for the
/// thread that writes alone.
fn user(uid: u32) -> String {
    users::ask_once(uid).unwrap_or_else(|| uid.to_string())
}

fn asked(asked: &Asked) -> AskedLine {
    let unknown = Ternary::Unknown.as_str();
    let mut line = AskedLine { foreign: unknown, us_caller_id: unknown, ..AskedLine::default() };
    match asked {
        Asked::Who(Who::Provider(Identity::Frn(frn))) => line.frn = Some(frn.to_string()),
        Asked::Who(Who::Provider(Identity::RmdNumber(number))) => line.rmd_number = Some(number.to_string()),
        Asked::Who(Who::Ocn(ocn)) => line.ocn = Some(ocn.to_string()),
        Asked::Who(Who::Peer(name)) => line.peer = Some(name.to_string()),
        Asked::Unreadable => {}
    }
    line
}

fn filing(filing: &Filing) -> FilingLine {
    FilingLine { number: filing.number().to_string(), frn: filing.frn().map(|frn| frn.to_string()) }
}
