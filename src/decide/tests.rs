//! What a listing decides.

mod on_record;
mod orders;
mod properties;
mod recertified;
mod roles;
mod standing;

use std::collections::BTreeMap;

use super::policy::AcceptOrRefuse;
use super::*;
use crate::domain::{
    AdvisoryCode, ChangeSerial, Column, Delta, Filing, FilingBuilder, Frn, MatchedBy, ProviderRole, Reason, Record,
    RecordKind, RemovalHistory, RmdNumber, Snapshot, SnapshotSerial, Verdict, rule,
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
        carried: BTreeMap::from([(number(10), time(LAST_SEEN))]),
        ..Snapshot::made_up(serial, time(at), filings)
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
    let said = sentence(&decision, &Query::about(Identity::RmdNumber(number(41))), true);
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
fn a_listing_whose_confirmation_lies_ahead_of_now_is_old_and_nobody_knows_how_old() {
    let query = Query::about(Identity::Frn(frn(4)));
    let now = time(FIRST_MISSING);
    let ahead = index().confirmed(now + jiff::SignedDuration::from_hours(40_000));
    let ask = |listing_old| {
        let cells = PolicyConfig { listing_old, ..PolicyConfig::default() };
        decide(&ahead, &Records::default(), &query, &Policy { cells, ..policy() }, now)
    };
    let answered = ask(OldListing::Answer).expect("a verdict");
    assert_eq!((answered.verdict, answered.advisories[0].code), (Verdict::Accept, AdvisoryCode::ListingOld));
    assert!(answered.advisories[0].message.contains("not known"), "{}", answered.advisories[0].message);
    let refused = ask(OldListing::Refuse).expect("a verdict");
    assert_eq!((refused.verdict, refused.reason), (Verdict::Refuse, Reason::ListingOld));
    assert!(ask(OldListing::Error).expect_err("none").to_string().contains("40000 hours ahead of the clock"));
    let skewed = index().confirmed(now + jiff::SignedDuration::from_secs(60));
    let decision = decide(&skewed, &Records::default(), &query, &policy(), now).expect("a verdict");
    assert!(decision.advisories.is_empty(), "a clock that is being disciplined");
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
        case(
            "role named: listed, filing answers No, as for all roles",
            5,
            Some(Gateway),
            refuse(Reason::RoleNotCertified),
        ),
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
        let role = Some(ProviderRole::Gateway).filter(|_| reason != Reason::NoRoleCertified);
        let query = Query { role, ..Query::about(Identity::Frn(frn(of))) };
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
        assert!(sentence(&by_choice, &query, true).contains("policy"));
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
    let current = index();
    for (of, role, code) in [
        (1, None, AdvisoryCode::FilingCarried),
        (2, None, AdvisoryCode::FilingUnfinished),
        (5, None, AdvisoryCode::NoRoleCertified),
        (6, Some(ProviderRole::Gateway), AdvisoryCode::RoleBlank),
        (6, None, AdvisoryCode::Successor),
    ] {
        assert!(advised(of, role, &policy(), &current, now).contains(&code), "{code:?}");
        let cells = PolicyConfig { advisories_off: vec![code], ..PolicyConfig::default() };
        assert!(!advised(of, role, &Policy { cells, ..policy() }, &current, now).contains(&code), "{code:?} off");
    }
    assert!(!advised(1, None, &policy(), &current, now).contains(&AdvisoryCode::Successor), "an older number");
}

#[test]
fn what_is_amiss_with_a_filing_is_all_said_and_each_switch_turns_off_one_advisory() {
    use AdvisoryCode::{LastUpdatedOld, ListedAgain, ListingOld, RecertificationOverdue, RoleNotCertified};
    let now: Timestamp = "2026-11-01T00:00:00Z".parse().expect("a time");
    let before = |hours: i64| now - jiff::SignedDuration::from_hours(hours);
    let amiss = filing_with(10, 1, "ynn", &[(Column::LastUpdated, "2025-10-31")]);
    let recertified = filing_with(20, 2, "ynn", &[(Column::LastRecertified, "2026-02-10")]);
    let snapshot = |at| Snapshot::made_up(2, at, [amiss.clone(), recertified.clone()]);
    let gone = Delta { removed: vec![amiss.clone()], ..Delta::default() };
    let back = Delta { reinstated: vec![(number(10), Vec::new())], ..Delta::default() };
    let (removals, _) = RemovalHistory::default().after(&gone, before(400), &snapshot(before(300)));
    let (removals, _) = removals.after(&back, before(300), &snapshot(before(100)));
    let index = Index::build(snapshot(before(100)), removals, ChangeSerial(3));
    let query = Query { role: Some(ProviderRole::Gateway), ..Query::about(Identity::Frn(frn(1))) };
    let said = |days: u32, off: &[AdvisoryCode]| -> Vec<AdvisoryCode> {
        let cells = PolicyConfig {
            role_not_certified: AcceptOrRefuse::Accept,
            last_updated_days: days,
            advisories_off: off.to_vec(),
            ..PolicyConfig::default()
        };
        let decision = decide(&index, &Records::default(), &query, &Policy { cells, ..policy() }, now);
        decision.expect("a verdict").advisories.iter().map(|said| said.code).collect()
    };
    let all = [ListingOld, RoleNotCertified, ListedAgain, RecertificationOverdue, LastUpdatedOld];
    assert_eq!(said(365, &[]), all);
    for code in all {
        let rest: Vec<AdvisoryCode> = all.into_iter().filter(|other| *other != code).collect();
        assert_eq!(said(365, &[code]), rest, "{code:?} off");
    }
    assert_eq!(said(365, &AdvisoryCode::ALL), []);
    assert!(!said(366, &[]).contains(&LastUpdatedOld), "on the last day that is allowed");
    assert!(!said(0, &[]).contains(&LastUpdatedOld), "never");
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
