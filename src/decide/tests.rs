use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    AdvisoryCode, ChangeSerial, Column, Delta, Filing, FilingBuilder, Frn, MatchedBy, ProviderRole, Reason, Record,
    RecordKind, RemovalHistory, RmdNumber, Sha256Digest, Snapshot, SnapshotSerial, Verdict, rule,
};
use crate::records::fields::{self, Fields};

fn number(value: u32) -> RmdNumber {
    RmdNumber::from_value(value).expect("seven digits")
}

fn frn(value: u64) -> Frn {
    Frn::from_value(value).expect("ten digits")
}

/// A filing whose answers for the three roles are the letters of `roles`: y, n, or b for blank.
fn filing(value: u32, of: u64, roles: &str) -> Arc<Filing> {
    filing_with(value, of, roles, &[])
}

fn filing_with(value: u32, of: u64, roles: &str, cells: &[(Column, &str)]) -> Arc<Filing> {
    let answer = |place: usize| match roles.as_bytes().get(place) {
        Some(b'y') => "Yes",
        Some(b'n') => "No",
        _ => "",
    };
    let mut builder = FilingBuilder::new(number(value), Frn::from_value(of), 0);
    for column in Column::ALL {
        let set = cells.iter().find(|(set, _)| *set == column).map(|(_, cell)| *cell);
        builder.push(set.unwrap_or(match column {
            Column::BusinessName => "Example LLC",
            Column::VoiceServiceProviderChoice => answer(0),
            Column::GatewayProviderChoice => answer(1),
            Column::IntermediateProviderChoice => answer(2),
            _ => "",
        }));
    }
    Arc::new(builder.finish())
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

const LAST_SEEN: i64 = 1_000_000;
const FIRST_MISSING: i64 = 1_003_600;

/// Standing: 10 (FRN 1, voice only, names FRN 9000007 among its others), 20 and 21 (FRN 2, the second unfinished),
/// 40 (FRN 4), 50 (FRN 5, no role), 60 (FRN 6, gateway blank), 70 (FRN 7, foreign, voice), 80 (FRN 8, voice) and
/// 81 (FRN 8, gateway). Removed: 30 (FRN 3, foreign), 41 (FRN 4).
fn index() -> Index {
    let snapshot = |filings: Vec<Arc<Filing>>, serial, at| Snapshot {
        serial: SnapshotSerial(serial),
        sha256: Sha256Digest([0; 32]),
        source: String::new(),
        bytes: 0,
        fetched_at: time(at),
        confirmed_at: time(at),
        filings,
        carried: BTreeMap::from([(number(10), time(LAST_SEEN))]),
        anomalies: Vec::new(),
    };
    let foreign = (Column::ForeignVoiceProvider, "Yes");
    let removed = vec![filing_with(30, 3, "ynn", &[foreign]), filing(41, 4, "ynn")];
    let after = snapshot(
        vec![
            filing_with(10, 1, "ynn", &[(Column::OtherFrns, "0009000007 (Example International Inc.)")]),
            filing(20, 2, "yyy"),
            filing(21, 2, "bbb"),
            filing_with(40, 4, "ynn", &[(Column::BusinessName, "Other Example Inc.")]),
            filing(50, 5, "nnn"),
            filing(60, 6, "ybn"),
            filing_with(70, 7, "ynn", &[foreign]),
            filing(80, 8, "ynn"),
            filing(81, 8, "nyn"),
        ],
        2,
        FIRST_MISSING,
    );
    let delta = Delta { removed, ..Delta::default() };
    let (removals, _) = RemovalHistory::default().after(&delta, time(LAST_SEEN), &after);
    Index::build(after, removals, ChangeSerial(4))
}

fn policy() -> Policy {
    Policy::default()
}

fn decide_at(query: &Query, policy: &Policy, now: Timestamp) -> Decision {
    decide(&index(), &Records::default(), query, policy, now).expect("a verdict")
}

fn ask(identity: Identity, emergency: bool) -> Decision {
    decide_at(&Query { emergency, ..Query::about(identity) }, &policy(), time(FIRST_MISSING + 60))
}

#[test]
fn a_standing_provider_is_accepted_by_either_number() {
    for (identity, by) in
        [(Identity::Frn(frn(1)), MatchedBy::Frn), (Identity::RmdNumber(number(10)), MatchedBy::RmdNumber)]
    {
        let decision = ask(identity, false);
        assert_eq!((decision.verdict, decision.reason), (Verdict::Accept, Reason::Listed));
        assert_eq!(decision.matched_by, Some(by));
        assert_eq!(decision.filing.expect("the filing").number(), number(10));
    }
}

#[test]
fn of_several_filings_the_one_that_certifies_a_role_is_named() {
    assert_eq!(ask(Identity::Frn(frn(2)), false).filing.expect("a filing").number(), number(20));
}

#[test]
fn a_removed_provider_is_refused_with_its_times() {
    for identity in [Identity::Frn(frn(3)), Identity::RmdNumber(number(30))] {
        let decision = ask(identity, false);
        assert_eq!((decision.verdict, decision.reason), (Verdict::Refuse, Reason::Removed));
        let removal = decision.removal.expect("the removal");
        assert_eq!((removal.last_seen_at, removal.first_missing_at), (time(LAST_SEEN), time(FIRST_MISSING)));
    }
}

#[test]
fn a_filing_removed_while_its_provider_stands_under_another_number_is_no_removal() {
    let decision = ask(Identity::RmdNumber(number(41)), false);
    assert_eq!((decision.verdict, decision.reason), (Verdict::Accept, Reason::Listed));
    assert_eq!(decision.filing.as_ref().expect("a filing").number(), number(40));
    let said = sentence(&decision, &Query::about(Identity::RmdNumber(number(41))));
    assert!(said.contains("RMD0000040") && said.contains("the provider of RMD0000041"), "{said}");
}

#[test]
fn a_provider_that_was_never_seen_is_refused_as_not_listed() {
    for identity in [Identity::Frn(frn(99)), Identity::RmdNumber(number(90))] {
        let decision = ask(identity, false);
        assert_eq!((decision.verdict, decision.reason), (Verdict::Refuse, Reason::NotListed));
        assert!(decision.filing.is_none() && decision.removal.is_none());
    }
}

#[test]
fn an_emergency_call_is_accepted_whoever_hands_it_over() {
    for identity in [Identity::Frn(frn(1)), Identity::Frn(frn(3)), Identity::RmdNumber(number(90))] {
        let decision = ask(identity, true);
        assert_eq!((decision.verdict, decision.reason), (Verdict::Accept, Reason::EmergencyCall));
        assert_eq!(decision.rule, rule::EMERGENCY);
    }
}

#[test]
fn an_old_listing_is_answered_from_with_an_advisory() {
    let query = Query::about(Identity::Frn(frn(4)));
    let codes = |hours: i64| -> Vec<_> {
        let now = time(FIRST_MISSING + hours * 3600 + 1);
        decide_at(&query, &policy(), now).advisories.iter().map(|advisory| advisory.code).collect()
    };
    assert_eq!(codes(25), []);
    assert_eq!(codes(26), [AdvisoryCode::ListingOld]);
}

#[test]
fn a_confirmation_makes_the_same_listing_fresh_again() {
    let query = Query::about(Identity::Frn(frn(4)));
    let now = time(FIRST_MISSING + 90 * 3600);
    let confirmed = index().confirmed(now);
    assert!(decide(&confirmed, &Records::default(), &query, &policy(), now).expect("a verdict").advisories.is_empty());
}

#[test]
fn a_filing_whose_row_could_not_be_read_says_so() {
    let decision = ask(Identity::Frn(frn(1)), false);
    assert_eq!(decision.advisories[0].code, AdvisoryCode::FilingCarried);
}

/// One case of the decision matrix: the row as the rules' summary has it, the question, and what must come of it.
struct Case {
    row: &'static str,
    frn: u64,
    role: Option<ProviderRole>,
    foreign: Ternary,
    us: Ternary,
    emergency: bool,
    verdict: Verdict,
    reason: Reason,
}

const ANY: Case = Case {
    row: "",
    frn: 0,
    role: None,
    foreign: Ternary::Unknown,
    us: Ternary::Unknown,
    emergency: false,
    verdict: Verdict::Accept,
    reason: Reason::Listed,
};

#[test]
fn every_row_of_the_matrix_that_the_listing_decides_holds() {
    use ProviderRole::{Gateway, NonGatewayIntermediate, VoiceService};
    let refuse = |reason| (Verdict::Refuse, reason);
    let accept = |reason| (Verdict::Accept, reason);
    let case = |row, frn, role, (verdict, reason)| Case { row, frn, role, verdict, reason, ..ANY };
    let not_us = |case: Case| Case { us: Ternary::No, ..case };
    for case in [
        Case {
            emergency: true,
            ..case("call to 911: ACCEPT, whatever else holds", 99, None, accept(Reason::EmergencyCall))
        },
        Case {
            emergency: true,
            ..case("call to 911: ACCEPT, whatever else holds", 3, Some(Gateway), accept(Reason::EmergencyCall))
        },
        case(
            "domestic voice service provider: listed, role certified: ACCEPT",
            1,
            Some(VoiceService),
            accept(Reason::Listed),
        ),
        case("gateway: listed, that role certified: ACCEPT", 2, Some(Gateway), accept(Reason::Listed)),
        case(
            "non-gateway intermediate: listed, that role certified: ACCEPT",
            2,
            Some(NonGatewayIntermediate),
            accept(Reason::Listed),
        ),
        case(
            "role named: listed, filing answers No: REFUSE by default",
            1,
            Some(Gateway),
            refuse(Reason::RoleNotCertified),
        ),
        case(
            "role named: listed, filing leaves the role blank: ACCEPT with advisory",
            6,
            Some(Gateway),
            accept(Reason::Listed),
        ),
        case("role not named: listed with any role: ACCEPT", 6, None, accept(Reason::Listed)),
        case("listed, but certifies no role at all: ACCEPT with advisory", 5, None, accept(Reason::Listed)),
        case("listed, but certifies no role at all: ACCEPT with advisory", 5, Some(Gateway), accept(Reason::Listed)),
        case("not listed now: REFUSE; with removal times if it ever was", 3, None, refuse(Reason::Removed)),
        case("not listed now: REFUSE", 99, None, refuse(Reason::NotListed)),
        not_us(case("foreign: caller ID is not a US number: ACCEPT", 3, None, accept(Reason::CallNotCovered))),
        not_us(Case {
            foreign: Ternary::Yes,
            ..case("foreign: not a US number: ACCEPT", 99, None, accept(Reason::CallNotCovered))
        }),
        not_us(case(
            "foreign, listed, role certified: ACCEPT as listed",
            7,
            Some(VoiceService),
            accept(Reason::Listed),
        )),
        not_us(case(
            "foreign, role answered No, not a US number: ACCEPT",
            7,
            Some(Gateway),
            accept(Reason::CallNotCovered),
        )),
        not_us(case("not known to be foreign: the number does not matter", 99, None, refuse(Reason::NotListed))),
        not_us(Case { foreign: Ternary::No, ..case("said to be domestic", 3, None, refuse(Reason::Removed)) }),
        Case {
            us: Ternary::Yes,
            ..case("foreign with a US number: the same as domestic", 3, None, refuse(Reason::Removed))
        },
        case(
            "number found only in another filing's other FRNs: REFUSE by default",
            9_000_007,
            None,
            refuse(Reason::OtherFrnOnly),
        ),
        case("several filings under one FRN: the union of their roles", 8, Some(Gateway), accept(Reason::Listed)),
        case("several filings under one FRN: the union of their roles", 8, Some(VoiceService), accept(Reason::Listed)),
        case("several filings, none certifies it", 8, Some(NonGatewayIntermediate), refuse(Reason::RoleNotCertified)),
    ] {
        let query = Query {
            role: case.role,
            foreign: case.foreign,
            us_caller_id: case.us,
            emergency: case.emergency,
            ..Query::about(Identity::Frn(frn(case.frn)))
        };
        let decision = decide_at(&query, &policy(), time(FIRST_MISSING + 60));
        assert_eq!((decision.verdict, decision.reason), (case.verdict, case.reason), "{}: {query:?}", case.row);
    }
}

#[test]
fn policy_turns_each_cell_that_the_rules_leave_open_and_says_so() {
    let refuse_all = Policy {
        cells: PolicyConfig {
            role_not_certified: AcceptOrRefuse::Accept,
            role_blank: AcceptOrRefuse::Refuse,
            no_role_certified: AcceptOrRefuse::Refuse,
            other_frn: AcceptOrRefuse::Accept,
            ..PolicyConfig::default()
        },
        ..policy()
    };
    for (of, reason, turned, advisory) in [
        (1, Reason::RoleNotCertified, Verdict::Accept, Some(AdvisoryCode::RoleNotCertified)),
        (6, Reason::RoleBlank, Verdict::Refuse, Some(AdvisoryCode::RoleBlank)),
        (5, Reason::NoRoleCertified, Verdict::Refuse, Some(AdvisoryCode::NoRoleCertified)),
        (9_000_007, Reason::OtherFrnOnly, Verdict::Accept, Some(AdvisoryCode::OtherFrn)),
    ] {
        let query = Query { role: Some(ProviderRole::Gateway), ..Query::about(Identity::Frn(frn(of))) };
        let now = time(FIRST_MISSING + 60);
        let (by_default, by_choice) = (decide_at(&query, &policy(), now), decide_at(&query, &refuse_all, now));
        assert_ne!(by_default.verdict, turned, "{reason:?}");
        let (accepted, refused) = match turned {
            Verdict::Accept => (&by_choice, &by_default),
            Verdict::Refuse => (&by_default, &by_choice),
        };
        assert_eq!((by_choice.verdict, refused.reason), (turned, reason));
        let listed = if reason == Reason::OtherFrnOnly { reason } else { Reason::Listed };
        assert_eq!(accepted.reason, listed, "accepted, with an advisory");
        assert!(by_default.by_policy && by_choice.by_policy);
        assert!(sentence(&by_choice, &query).contains("policy"));
        if turned == Verdict::Accept {
            assert!(by_choice.advisories.iter().any(|said| Some(said.code) == advisory), "{reason:?}");
        }
    }
}

#[test]
fn an_old_listing_is_good_for_what_policy_says_and_for_911_always() {
    let now = time(FIRST_MISSING + 100 * 3600);
    let listed = Query::about(Identity::Frn(frn(1)));
    let unknown = Query::about(Identity::Frn(frn(99)));
    let emergency = Query { emergency: true, ..unknown };
    for (choice, on_listed, on_unknown) in [
        (OldListing::Answer, Some(Verdict::Accept), Some(Verdict::Refuse)),
        (OldListing::Accept, Some(Verdict::Accept), Some(Verdict::Accept)),
        (OldListing::Refuse, Some(Verdict::Refuse), Some(Verdict::Refuse)),
        (OldListing::Error, None, None),
    ] {
        let policy = Policy { cells: PolicyConfig { listing_old: choice, ..PolicyConfig::default() }, ..policy() };
        let verdict = |query: &Query| {
            decide(&index(), &Records::default(), query, &policy, now).ok().map(|decision| decision.verdict)
        };
        assert_eq!((verdict(&listed), verdict(&unknown)), (on_listed, on_unknown), "{choice:?}");
        assert_eq!(verdict(&emergency), Some(Verdict::Accept), "{choice:?}");
    }
}

#[test]
fn each_advisory_is_said_when_it_applies_and_can_be_switched_off() {
    let advised = |of: u64, role, policy: &Policy, index: &Index, now| -> Vec<AdvisoryCode> {
        let query = Query { role, ..Query::about(Identity::Frn(frn(of))) };
        decide(index, &Records::default(), &query, policy, now)
            .expect("a verdict")
            .advisories
            .iter()
            .map(|said| said.code)
            .collect()
    };
    let now = time(FIRST_MISSING + 60);
    let standing = index();
    for (of, role, code) in [
        (1, None, AdvisoryCode::FilingCarried),
        (2, None, AdvisoryCode::FilingUnfinished),
        (5, None, AdvisoryCode::NoRoleCertified),
        (6, Some(ProviderRole::Gateway), AdvisoryCode::RoleBlank),
        (6, None, AdvisoryCode::Successor),
    ] {
        assert!(advised(of, role, &policy(), &standing, now).contains(&code), "{code:?}");
        let cells = PolicyConfig { advisories_off: vec![code], ..PolicyConfig::default() };
        assert!(!advised(of, role, &Policy { cells, ..policy() }, &standing, now).contains(&code), "{code:?} off");
    }
    assert!(!advised(1, None, &policy(), &standing, now).contains(&AdvisoryCode::Successor), "an older number");
}

#[test]
fn a_missing_recertification_is_advised_from_the_deadline_on_if_the_listing_tells_of_any() {
    let dated = |date: &str| filing_with(10, 1, "ynn", &[(Column::LastRecertified, date)]);
    let said = |filings: Vec<Arc<Filing>>, now: &str| {
        let snapshot = Snapshot {
            serial: SnapshotSerial(1),
            sha256: Sha256Digest([0; 32]),
            source: String::new(),
            bytes: 0,
            fetched_at: now.parse().expect("a time"),
            confirmed_at: now.parse().expect("a time"),
            filings,
            carried: BTreeMap::new(),
            anomalies: Vec::new(),
        };
        let index = Index::build(snapshot, RemovalHistory::default(), ChangeSerial(1));
        let query = Query::about(Identity::Frn(frn(1)));
        let decision =
            decide(&index, &Records::default(), &query, &policy(), now.parse().expect("a time")).expect("a verdict");
        decision.advisories.iter().any(|said| said.code == AdvisoryCode::RecertificationOverdue)
    };
    let another = || filing_with(20, 2, "ynn", &[(Column::LastRecertified, "2026-02-10")]);
    assert!(!said(vec![dated("2026-02-10")], "2026-11-01T00:00:00Z"), "done this year");
    assert!(said(vec![dated(""), another()], "2026-03-01T00:00:00Z"));
    assert!(!said(vec![dated(""), another()], "2026-02-28T23:59:59Z"), "before the first deadline");
    assert!(said(vec![dated("2026-02-10")], "2027-03-01T00:00:00Z"), "a year later");
    assert!(!said(vec![dated("")], "2026-11-01T00:00:00Z"), "a listing that tells of none");
}

/// A record of these fields, put there before anything that is asked.
fn record(kind: RecordKind, cells: &[(&str, &str)]) -> Record {
    let mut fields = Fields::default();
    for (name, text) in cells {
        fields.set(name, *text);
    }
    fields::read(kind, &fields, "alice", time(0)).expect("a record")
}

fn says(action: &str, provider: &str, until: &str) -> Record {
    let cells = [("provider", provider), ("action", action), ("why", "because"), ("expires_at", until)];
    record(RecordKind::Override, &cells)
}

fn order(kind: &str, provider: &str, released: &str) -> Record {
    let cells = [("provider", provider), ("kind", kind), ("document", "DA 70-1"), ("released", released)];
    record(RecordKind::Order, &cells)
}

/// An order of which the Commission was told before it binds.
fn notified(kind: &str, provider: &str, released: &str, at: &str) -> Record {
    let cells =
        [("provider", provider), ("kind", kind), ("document", "DA 70-1"), ("released", released), ("notified_at", at)];
    record(RecordKind::Order, &cells)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A policy that refuses where the rules allow it.
fn strict() -> Policy {
    let cells = PolicyConfig {
        notice_unanswered: AcceptOrRefuse::Refuse,
        final_determination_early: AcceptOrRefuse::Refuse,
        ..PolicyConfig::default()
    };
    Policy { cells, ..policy() }
}

#[test]
fn every_row_of_the_matrix_that_records_decide_holds() {
    use Reason::{
        CallNotCovered, EmergencyCall, FinalDetermination, Listed, NotListed, Override, RemovalOrder, Removed,
    };
    use Verdict::{Accept, Refuse};
    const LATER: &str = "1970-02-20T00:00:00Z";
    let anything = Query::about(Identity::Frn(frn(1)));
    let of = |value| Query::about(Identity::Frn(frn(value)));
    let emergency = |query| Query { emergency: true, ..query };
    let not_us = |query| Query { us_caller_id: Ternary::No, ..query };
    let gateway = |query| Query { role: Some(ProviderRole::Gateway), ..query };
    let filing = |value| Query::about(Identity::RmdNumber(number(value)));
    let row = "any: call to 911; public safety answering point: ACCEPT, whatever else holds";
    type Case = (&'static str, Vec<Record>, Query, &'static str, Verdict, Reason);
    let cases: Vec<Case> = vec![
        (row, vec![says("deny", "1", "")], emergency(anything), LATER, Accept, EmergencyCall),
        (row, vec![order("removal", "1", "1970-01-02")], emergency(anything), LATER, Accept, EmergencyCall),
        (row, vec![order("fdo", "1", "1970-01-02")], emergency(anything), LATER, Accept, EmergencyCall),
        (
            "any: operator's override, unexpired: as it says",
            vec![says("deny", "1", "")],
            anything,
            LATER,
            Refuse,
            Override,
        ),
        ("any: operator's override: as it says", vec![says("allow", "3", "")], of(3), LATER, Accept, Override),
        ("any: operator's override: as it says", vec![says("allow", "99", "")], of(99), LATER, Accept, Override),
        ("an override by a filing's number", vec![says("deny", "RMD0000010", "")], anything, LATER, Refuse, Override),
        ("an override by FRN, asked by number", vec![says("deny", "1", "")], filing(10), LATER, Refuse, Override),
        ("an override of a removed filing", vec![says("allow", "RMD0000030", "")], of(3), LATER, Accept, Override),
        (
            "an override that has expired",
            vec![says("deny", "1", "1970-02-20T00:00:00Z")],
            anything,
            LATER,
            Accept,
            Listed,
        ),
        (
            "an override just before its end",
            vec![says("deny", "1", "1970-02-20T00:00:00.001Z")],
            anything,
            LATER,
            Refuse,
            Override,
        ),
        ("another provider's override", vec![says("deny", "2", "")], anything, LATER, Accept, Listed),
        (
            "of an allow and a deny, the deny",
            vec![says("allow", "1", ""), says("deny", "RMD0000010", "")],
            anything,
            LATER,
            Refuse,
            Override,
        ),
        (
            "an override stands above a Final Determination Order",
            vec![says("allow", "1", ""), order("fdo", "1", "1970-01-02")],
            anything,
            LATER,
            Accept,
            Override,
        ),
        (
            "any: Final Determination Order, day 30 and later: REFUSE",
            vec![order("fdo", "1", "1970-01-21")],
            anything,
            "1970-02-20T05:00:00Z",
            Refuse,
            FinalDetermination,
        ),
        (
            "any: Final Determination Order, day 0 to 29: ACCEPT with advisory by default",
            vec![order("fdo", "1", "1970-01-21")],
            anything,
            "1970-02-20T04:59:59Z",
            Accept,
            Listed,
        ),
        (
            "a Final Determination Order has all traffic blocked, foreign calls too",
            vec![order("fdo", "7", "1970-01-02")],
            not_us(of(7)),
            LATER,
            Refuse,
            FinalDetermination,
        ),
        (
            "any: removal order on record, row still in the listing: REFUSE",
            vec![order("removal", "1", "1970-01-12")],
            anything,
            LATER,
            Refuse,
            RemovalOrder,
        ),
        (
            "a removal order takes effect on release, at midnight in Washington",
            vec![order("removal", "1", "1970-02-20")],
            anything,
            "1970-02-20T04:59:59Z",
            Accept,
            Listed,
        ),
        (
            "a removal order takes effect on release, at midnight in Washington",
            vec![order("removal", "1", "1970-02-20")],
            anything,
            "1970-02-20T05:00:00Z",
            Refuse,
            RemovalOrder,
        ),
        (
            "a removal order for one filing leaves the provider its other, with that one's roles",
            vec![order("removal", "RMD0000081", "1970-01-12")],
            of(8),
            LATER,
            Accept,
            Listed,
        ),
        (
            "a removal order for one filing takes that one's roles away",
            vec![order("removal", "RMD0000081", "1970-01-12")],
            gateway(of(8)),
            LATER,
            Refuse,
            Reason::RoleNotCertified,
        ),
        (
            "a removal order for each filing",
            vec![order("removal", "RMD0000081", "1970-01-12"), order("removal", "RMD0000080", "1970-01-12")],
            of(8),
            LATER,
            Refuse,
            RemovalOrder,
        ),
        (
            "foreign: caller ID is not a US number: the rule does not bar it, whatever is de-listed",
            vec![order("removal", "7", "1970-01-12")],
            not_us(of(7)),
            LATER,
            Accept,
            CallNotCovered,
        ),
        (
            "a removal order whose row is gone: REFUSE; with removal times",
            vec![order("removal", "3", "1970-01-10")],
            of(3),
            LATER,
            Refuse,
            Removed,
        ),
        (
            "a removal order for a provider that never was listed",
            vec![order("removal", "99", "1970-01-10")],
            of(99),
            LATER,
            Refuse,
            NotListed,
        ),
        (
            "watch list: named in a cure-or-show-cause order: accepted, with an advisory",
            vec![order("show_cause", "1", "1970-01-02")],
            anything,
            LATER,
            Accept,
            Listed,
        ),
    ];
    for (row, records, query, now, verdict, reason) in cases {
        let records = Records::build(records, 0);
        let decision = decide(&index(), &records, &query, &policy(), at(now)).expect("a verdict");
        assert_eq!((decision.verdict, decision.reason), (verdict, reason), "{row}: {query:?} at {now}");
        let said = sentence(&decision, &query);
        match reason {
            Override => assert!(said.contains("alice") && said.contains("because"), "{row}: {said}"),
            FinalDetermination | RemovalOrder => assert!(said.contains("DA 70-1"), "{row}: {said}"),
            Removed => assert!(said.contains("under the removal order DA 70-1"), "{row}: {said}"),
            _ => {}
        }
        let rests_on_record = matches!(reason, Override | FinalDetermination | RemovalOrder | Removed);
        assert_eq!(decision.record.is_some(), rests_on_record, "{row}");
    }
}

#[test]
fn a_removal_order_is_spent_once_the_filing_went_and_came_back() {
    let gone_and_back = |gone: i64| {
        let standing = index();
        let snapshot = |serial, at| Snapshot {
            serial: SnapshotSerial(serial),
            fetched_at: time(at),
            ..standing.snapshot().clone()
        };
        let ten = standing.by_number(number(10)).expect("it stands").clone();
        let removed = Delta { removed: vec![ten], ..Delta::default() };
        let (history, _) = RemovalHistory::default().after(&removed, time(gone - 60), &snapshot(2, gone));
        let back = Delta { reinstated: vec![(number(10), Vec::new())], ..Delta::default() };
        let (history, _) = history.after(&back, time(gone), &snapshot(3, gone + 86_400));
        Index::build(snapshot(3, gone + 86_400), history, ChangeSerial(9))
    };
    let query = Query::about(Identity::Frn(frn(1)));
    let records = Records::build([order("removal", "1", "1970-01-20")], 0);
    let ask =
        |index: &Index| decide(index, &records, &query, &policy(), at("1970-02-20T00:00:00Z")).expect("a verdict");
    let day = |text: &str| at(text).as_second();
    let after = ask(&gone_and_back(day("1970-01-22T00:00:00Z")));
    assert_eq!((after.verdict, after.reason), (Verdict::Accept, Reason::Listed));
    assert!(after.advisories.iter().any(|said| said.code == AdvisoryCode::ListedAgain));
    let before = ask(&gone_and_back(day("1970-01-10T00:00:00Z")));
    assert_eq!(
        (before.verdict, before.reason),
        (Verdict::Refuse, Reason::RemovalOrder),
        "another removal than the order's"
    );
}

#[test]
fn a_final_determination_order_is_followed_early_only_by_policy_and_once_the_commission_was_told() {
    let query = Query::about(Identity::Frn(frn(1)));
    let told = notified("fdo", "1", "1970-02-01", "1970-02-05T12:00:00Z");
    let ask = |record: &Record, policy: &Policy, now: &str| {
        let records = Records::build([record.clone()], 0);
        let decision = decide(&index(), &records, &query, policy, at(now)).expect("a verdict");
        (decision.reason, decision.verdict, decision.by_policy)
    };
    let accepted = (Reason::Listed, Verdict::Accept, false);
    let refused = |by_policy| (Reason::FinalDetermination, Verdict::Refuse, by_policy);
    assert_eq!(ask(&told, &policy(), "1970-02-06T00:00:00Z"), accepted);
    assert_eq!(ask(&told, &strict(), "1970-02-05T11:59:59Z"), accepted, "not told yet");
    assert_eq!(ask(&told, &strict(), "1970-02-05T12:00:00Z"), refused(true));
    assert_eq!(ask(&order("fdo", "1", "1970-02-01"), &strict(), "1970-02-20T00:00:00Z"), accepted, "never told");
    assert_eq!(ask(&told, &strict(), "1970-03-03T05:00:00Z"), refused(false), "day 30: by the rule");
}

/// The letter to Twilio of January 24, 2023: 48 hours end January 26, 14 days end February 7.
#[test]
fn the_letter_to_twilio_is_answered_by_the_matrix_before_between_and_after_its_deadlines() {
    use AdvisoryCode::{NoticeAnsweredLate, NoticePending, NoticeUnanswered};
    let (twilio, number) = (20_237_343, number(1_410));
    let snapshot = Snapshot {
        filings: vec![filing(number.value(), twilio, "yyy")],
        fetched_at: at("2023-01-01T00:00:00Z"),
        confirmed_at: at("2023-03-01T00:00:00Z"),
        carried: BTreeMap::new(),
        ..index().snapshot().clone()
    };
    let index = Index::build(snapshot, RemovalHistory::default(), ChangeSerial(1));
    let letter = |more: &[(&str, &str)]| {
        let mut cells = vec![("id", "twilio"), ("provider", "0020237343"), ("issued_at", "2023-01-24")];
        cells.extend(more);
        Records::build([record(RecordKind::Notice, &cells)], 0)
    };
    let silent = letter(&[]);
    let mitigated = letter(&[("mitigated_at", "2023-01-25T12:00:00Z")]);
    let answered = letter(&[("mitigated_at", "2023-01-25T12:00:00Z"), ("informed_at", "2023-02-03T12:00:00Z")]);
    let late = letter(&[("mitigated_at", "2023-01-28T12:00:00Z"), ("informed_at", "2023-02-03T12:00:00Z")]);
    let told = letter(&[("notified_at", "2023-02-10T12:00:00Z")]);
    let told_mitigated = letter(&[("mitigated_at", "2023-01-25T12:00:00Z"), ("notified_at", "2023-02-10T12:00:00Z")]);
    let told_answered = letter(&[
        ("mitigated_at", "2023-01-25T12:00:00Z"),
        ("informed_at", "2023-02-12T12:00:00Z"),
        ("notified_at", "2023-02-10T12:00:00Z"),
    ]);
    let (accept, refuse) = ((Verdict::Accept, Reason::Listed), (Verdict::Refuse, Reason::NoticeUnanswered));
    for (what, records, policy, now, ruling, advisory) in [
        ("before the letter", &silent, strict(), "2023-01-24T23:00:00Z", accept, None),
        ("before 48 hours", &silent, strict(), "2023-01-26T12:00:00Z", accept, Some(NoticePending)),
        ("at the last moment", &silent, strict(), "2023-01-27T04:59:59.999Z", accept, Some(NoticePending)),
        ("between, silent", &silent, policy(), "2023-01-30T00:00:00Z", accept, Some(NoticeUnanswered)),
        (
            "between, silent, refusing, not told",
            &silent,
            strict(),
            "2023-01-30T00:00:00Z",
            accept,
            Some(NoticeUnanswered),
        ),
        ("between, mitigated", &mitigated, strict(), "2023-01-30T00:00:00Z", accept, Some(NoticePending)),
        ("between, mitigated late", &late, strict(), "2023-01-30T00:00:00Z", accept, Some(NoticePending)),
        ("between, not mitigated yet", &late, strict(), "2023-01-28T00:00:00Z", accept, Some(NoticeUnanswered)),
        ("the 14th day", &mitigated, strict(), "2023-02-08T04:59:00Z", accept, Some(NoticePending)),
        ("after, half answered", &mitigated, strict(), "2023-02-08T05:00:00Z", accept, Some(NoticeUnanswered)),
        ("after, answered", &answered, strict(), "2023-02-20T00:00:00Z", accept, None),
        ("after, answered late", &late, strict(), "2023-02-20T00:00:00Z", accept, Some(NoticeAnsweredLate)),
        ("after, told, accepting", &told, policy(), "2023-02-20T00:00:00Z", accept, Some(NoticeUnanswered)),
        ("after, before it was told", &told, strict(), "2023-02-10T11:00:00Z", accept, Some(NoticeUnanswered)),
        ("after, told, refusing", &told, strict(), "2023-02-10T12:00:00Z", refuse, None),
        ("after, told, half answered", &told_mitigated, strict(), "2023-02-20T00:00:00Z", refuse, None),
        ("told, not answered yet", &told_answered, strict(), "2023-02-11T00:00:00Z", refuse, None),
        ("told, then answered", &told_answered, strict(), "2023-02-13T00:00:00Z", accept, Some(NoticeAnsweredLate)),
    ] {
        let query = Query::about(Identity::Frn(frn(twilio)));
        let decision = decide(&index, records, &query, &policy, at(now)).expect("a verdict");
        assert_eq!((decision.verdict, decision.reason), ruling, "{what}");
        let of_notices = [NoticePending, NoticeUnanswered, NoticeAnsweredLate];
        let codes: Vec<_> =
            decision.advisories.iter().map(|said| said.code).filter(|code| of_notices.contains(code)).collect();
        assert_eq!(codes, advisory.into_iter().collect::<Vec<_>>(), "{what}");
        assert_eq!(decision.by_policy, ruling == refuse, "{what}: a refusal rests on policy");
        if ruling == refuse {
            assert_eq!(decision.rule, rule::NOTICE);
            let emergency = Query { emergency: true, ..query };
            let call = decide(&index, records, &emergency, &policy, at(now)).expect("a verdict");
            assert_eq!(call.verdict, Verdict::Accept, "{what}: but 911");
        }
    }
}

#[test]
fn each_advisory_of_a_record_is_said_when_it_applies_and_can_be_switched_off() {
    let now = at("1970-02-20T00:00:00Z");
    let query = Query::about(Identity::Frn(frn(1)));
    let notice = |cells: &[(&str, &str)]| {
        let mut all = vec![("id", "n"), ("provider", "1")];
        all.extend(cells);
        record(RecordKind::Notice, &all)
    };
    let late = [
        ("issued_at", "1970-01-02T00:00:00Z"),
        ("mitigated_at", "1970-01-10T00:00:00Z"),
        ("informed_at", "1970-01-10T00:00:00Z"),
    ];
    for (records, code) in [
        (vec![order("show_cause", "1", "1970-01-02")], AdvisoryCode::WatchListed),
        (vec![order("removal", "1", "1970-01-02"), says("allow", "1", "")], AdvisoryCode::RemovalOrder),
        (vec![order("fdo", "1", "1970-02-01")], AdvisoryCode::FinalDetermination),
        (vec![order("fdo", "1", "1970-01-02"), says("allow", "1", "")], AdvisoryCode::FinalDetermination),
        (vec![notice(&[("issued_at", "1970-02-19T12:00:00Z")])], AdvisoryCode::NoticePending),
        (vec![notice(&[("issued_at", "1970-02-01T12:00:00Z")])], AdvisoryCode::NoticeUnanswered),
        (vec![notice(&late)], AdvisoryCode::NoticeAnsweredLate),
    ] {
        let records = Records::build(records, 0);
        let said = |policy: &Policy| -> Vec<AdvisoryCode> {
            let decision = decide(&index(), &records, &query, policy, now).expect("a verdict");
            decision.advisories.iter().map(|said| said.code).collect()
        };
        assert!(said(&policy()).contains(&code), "{code:?}");
        let cells = PolicyConfig { advisories_off: vec![code], ..PolicyConfig::default() };
        assert!(!said(&Policy { cells, ..policy() }).contains(&code), "{code:?} off");
    }
}

#[test]
fn an_answer_says_by_which_name_the_provider_was_asked_for() {
    for (named_by, matched) in [(NamedBy::Ocn, MatchedBy::Ocn), (NamedBy::Peer, MatchedBy::Peer)] {
        let query = Query { named_by, ..Query::about(Identity::Frn(frn(1))) };
        assert_eq!(decide_at(&query, &policy(), time(FIRST_MISSING)).matched_by, Some(matched));
        let unknown = Query { named_by, ..Query::about(Identity::Frn(frn(99))) };
        assert_eq!(decide_at(&unknown, &policy(), time(FIRST_MISSING)).matched_by, None);
    }
}

/// One of the records that the property below adds.
fn any_record(choice: u8, of: u64, day: i64) -> Record {
    let provider = if choice.is_multiple_of(2) { format!("{:010}", of + 1) } else { format!("RMD{:07}", of * 10) };
    let released = time(day * 86_400).strftime("%Y-%m-%d").to_string();
    let told = time((day + 1) * 86_400).to_string();
    match choice / 2 {
        0 => says("deny", &provider, ""),
        1 => says("allow", &provider, &told),
        2 => order("removal", &provider, &released),
        3 => notified("fdo", &provider, &released, &told),
        4 => order("show_cause", &provider, &released),
        _ => {
            let cells = [("id", "n"), ("provider", &*provider), ("issued_at", &*released), ("notified_at", &*told)];
            record(RecordKind::Notice, &cells)
        }
    }
}

proptest! {
    /// Whatever is asked and whatever is on record, a 911 call is accepted; and the same question has the same answer.
    #[test]
    fn an_emergency_call_is_never_refused_and_answers_do_not_vary(
        of in 0u64..12, by_number in any::<bool>(), role in 0usize..4, foreign in 0u8..3, us in 0u8..3,
        hours in 0i64..2000, refuse in any::<bool>(), old in 0u8..4,
        on_record in prop::collection::vec((0u8..12, 0u64..12, 0i64..60), 0..6), off in 0usize..17,
    ) {
        let three = |value| match value { 0 => Ternary::Yes, 1 => Ternary::No, _ => Ternary::Unknown };
        let identity = if by_number {
            Identity::RmdNumber(number(of as u32 * 10))
        } else {
            Identity::Frn(frn(of + 1))
        };
        let choice = if refuse { AcceptOrRefuse::Refuse } else { AcceptOrRefuse::Accept };
        let cells = PolicyConfig {
            role_not_certified: choice,
            role_blank: choice,
            no_role_certified: choice,
            other_frn: choice,
            notice_unanswered: choice,
            final_determination_early: choice,
            listing_old: [OldListing::Answer, OldListing::Accept, OldListing::Refuse, OldListing::Error][old as usize],
            advisories_off: AdvisoryCode::ALL.get(off).copied().into_iter().collect(),
            ..PolicyConfig::default()
        };
        let policy = Policy { cells, ..policy() };
        let query = Query {
            role: ProviderRole::ALL.get(role).copied(),
            foreign: three(foreign),
            us_caller_id: three(us),
            ..Query::about(identity)
        };
        let now = time(FIRST_MISSING + hours * 3600);
        let records = || {
            Records::build(on_record.iter().map(|(choice, of, day)| any_record(*choice, *of, *day)), 7)
        };
        let (index, again) = (index(), index());
        let told = |index: &Index, records: &Records, query: &Query| {
            decide(index, records, query, &policy, now).map(|decision| {
                let advisories: Vec<String> = decision.advisories.iter().map(|said| said.message.clone()).collect();
                (decision.verdict, decision.reason, sentence(&decision, query), advisories)
            })
        };
        prop_assert_eq!(told(&index, &records(), &query), told(&again, &records(), &query));
        let call = Query { emergency: true, ..query };
        prop_assert_eq!(told(&index, &records(), &call).map(|answer| answer.0), Ok(Verdict::Accept));
        prop_assert_eq!(told(&index, &Records::default(), &call).map(|answer| answer.0), Ok(Verdict::Accept));
    }
}
