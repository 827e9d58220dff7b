use std::collections::BTreeMap;

use super::*;
use crate::domain::{
    ChangeSerial, Column, Delta, FilingBuilder, Frn, RemovalHistory, RmdNumber, Sha256Digest, Snapshot, SnapshotSerial,
};

fn number(value: u32) -> RmdNumber {
    RmdNumber::from_value(value).expect("seven digits")
}

fn frn(value: u64) -> Frn {
    Frn::from_value(value).expect("ten digits")
}

fn filing(value: u32, of: u64, voice: &str) -> Arc<Filing> {
    let mut builder = FilingBuilder::new(number(value), Frn::from_value(of), 0);
    for column in Column::ALL {
        builder.push(match column {
            Column::BusinessName => "Example LLC",
            Column::VoiceServiceProviderChoice => voice,
            _ => "",
        });
    }
    Arc::new(builder.finish())
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

const LAST_SEEN: i64 = 1_000_000;
const FIRST_MISSING: i64 = 1_003_600;

/// Standing: 10 (FRN 1), 20 and 21 (FRN 2, the second unfinished), 40 (FRN 4). Removed: 30 (FRN 3), 41 (FRN 4).
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
    let removed = vec![filing(30, 3, "Yes"), filing(41, 4, "Yes")];
    let after = snapshot(
        vec![filing(10, 1, "Yes"), filing(20, 2, "Yes"), filing(21, 2, ""), filing(40, 4, "Yes")],
        2,
        FIRST_MISSING,
    );
    let delta = Delta { removed, ..Delta::default() };
    let (removals, _) = RemovalHistory::default().after(&delta, time(LAST_SEEN), &after);
    Index::build(after, removals, ChangeSerial(4))
}

fn policy() -> Policy {
    Policy { listing_old_after: SignedDuration::from_hours(26) }
}

fn ask(identity: Identity, emergency: bool) -> Decision {
    decide(&index(), &Query { identity, emergency }, &policy(), time(FIRST_MISSING + 60))
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
    let query = Query { identity: Identity::RmdNumber(number(41)), emergency: false };
    let said = sentence(&decision, &query);
    assert!(said.contains("RMD0000041 is gone") && said.contains("RMD0000040"), "{said}");
}

#[test]
fn a_provider_that_was_never_seen_is_refused_as_not_listed() {
    for identity in [Identity::Frn(frn(9)), Identity::RmdNumber(number(90))] {
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
    let query = Query { identity: Identity::Frn(frn(2)), emergency: false };
    let codes = |hours: i64| -> Vec<_> {
        let now = time(FIRST_MISSING + hours * 3600 + 1);
        decide(&index(), &query, &policy(), now).advisories.iter().map(|advisory| advisory.code).collect()
    };
    assert_eq!(codes(25), []);
    assert_eq!(codes(26), [AdvisoryCode::ListingOld]);
}

#[test]
fn a_confirmation_makes_the_same_listing_fresh_again() {
    let query = Query { identity: Identity::Frn(frn(2)), emergency: false };
    let now = time(FIRST_MISSING + 90 * 3600);
    let confirmed = index().confirmed(now);
    assert!(decide(&confirmed, &query, &policy(), now).advisories.is_empty());
}

#[test]
fn a_filing_whose_row_could_not_be_read_says_so() {
    let decision = ask(Identity::Frn(frn(1)), false);
    assert_eq!(decision.advisories[0].code, AdvisoryCode::FilingCarried);
}
