//! What operators' records decide.

use super::*;

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
        let said = sentence(&decision, &query, true);
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
        let current = index();
        let snapshot = |serial, at| Snapshot {
            serial: SnapshotSerial(serial),
            fetched_at: time(at),
            ..current.snapshot().clone()
        };
        let ten = Arc::clone(current.by_number(number(10)).expect("it stands").filing());
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
    let reported = notified("fdo", "1", "1970-02-01", "1970-02-05T12:00:00Z");
    let ask = |record: &Record, policy: &Policy, now: &str| {
        let records = Records::build([record.clone()], 0);
        let decision = decide(&index(), &records, &query, policy, at(now)).expect("a verdict");
        (decision.reason, decision.verdict, decision.by_policy)
    };
    let accepted = (Reason::Listed, Verdict::Accept, false);
    let refused = |by_policy| (Reason::FinalDetermination, Verdict::Refuse, by_policy);
    assert_eq!(ask(&reported, &policy(), "1970-02-06T00:00:00Z"), accepted);
    assert_eq!(ask(&reported, &strict(), "1970-02-05T11:59:59Z"), accepted, "not told yet");
    assert_eq!(ask(&reported, &strict(), "1970-02-05T12:00:00Z"), refused(true));
    assert_eq!(ask(&order("fdo", "1", "1970-02-01"), &strict(), "1970-02-20T00:00:00Z"), accepted, "never told");
    assert_eq!(ask(&reported, &strict(), "1970-03-03T05:00:00Z"), refused(false), "day 30: by the rule");
}

/// The letter to Twilio of January 24, 2023: 48 hours end January 26, 14 days end February 7.
#[test]
fn the_letter_to_twilio_is_answered_by_the_matrix_before_between_and_after_its_deadlines() {
    use AdvisoryCode::{NoticeAnsweredLate, NoticePending, NoticeUnanswered};
    let (twilio, number) = (20_237_343, number(1_410));
    let snapshot = Snapshot {
        confirmed_at: at("2023-03-01T00:00:00Z"),
        ..Snapshot::made_up(2, at("2023-01-01T00:00:00Z"), [filing(number.value(), twilio, "yyy")])
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
    let reported = letter(&[("notified_at", "2023-02-10T12:00:00Z")]);
    let reported_mitigated =
        letter(&[("mitigated_at", "2023-01-25T12:00:00Z"), ("notified_at", "2023-02-10T12:00:00Z")]);
    let reported_answered = letter(&[
        ("mitigated_at", "2023-01-25T12:00:00Z"),
        ("informed_at", "2023-02-12T12:00:00Z"),
        ("notified_at", "2023-02-10T12:00:00Z"),
    ]);
    let (accept, refuse) = ((Verdict::Accept, Reason::Listed), (Verdict::Refuse, Reason::NoticeUnanswered));
    for (what, records, policy, now, ruling, advisory) in [
        ("before the letter", &silent, strict(), "2023-01-24T04:59:59.999Z", accept, None),
        ("on its day", &silent, strict(), "2023-01-24T05:00:00Z", accept, Some(NoticePending)),
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
        ("after, told, accepting", &reported, policy(), "2023-02-20T00:00:00Z", accept, Some(NoticeUnanswered)),
        ("after, before it was told", &reported, strict(), "2023-02-10T11:00:00Z", accept, Some(NoticeUnanswered)),
        ("after, told, refusing", &reported, strict(), "2023-02-10T12:00:00Z", refuse, None),
        ("after, told, half answered", &reported_mitigated, strict(), "2023-02-20T00:00:00Z", refuse, None),
        ("told, not answered yet", &reported_answered, strict(), "2023-02-11T00:00:00Z", refuse, None),
        ("told, then answered", &reported_answered, strict(), "2023-02-13T00:00:00Z", accept, Some(NoticeAnsweredLate)),
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
fn the_record_that_decides_hides_none_of_the_others() {
    use AdvisoryCode::{FinalDetermination, NoticeAnsweredLate, NoticePending, NoticeUnanswered, WatchListed};
    let notice = |id: &str, cells: &[(&str, &str)]| {
        let mut all = vec![("id", id), ("provider", "1")];
        all.extend(cells);
        record(RecordKind::Notice, &all)
    };
    let unanswered = |id| notice(id, &[("issued_at", "1970-01-20T00:00:00Z"), ("notified_at", "1970-02-10T00:00:00Z")]);
    let late = notice(
        "late",
        &[
            ("issued_at", "1970-01-02T00:00:00Z"),
            ("mitigated_at", "1970-01-10T00:00:00Z"),
            ("informed_at", "1970-01-10T00:00:00Z"),
        ],
    );
    let pending = notice("pending", &[("issued_at", "1970-02-19T12:00:00Z")]);
    let fdo = |document: &str, released: &str| {
        let cells = [("provider", "1"), ("kind", "fdo"), ("document", document), ("released", released)];
        record(RecordKind::Order, &cells)
    };
    let query = Query { role: Some(ProviderRole::Gateway), ..Query::about(Identity::Frn(frn(1))) };
    let said = |records: Vec<Record>| {
        let records = Records::build(records, 0);
        let now = at("1970-02-20T00:00:00Z");
        let decision = decide(&index(), &records, &query, &strict(), now).expect("a verdict");
        let common = [AdvisoryCode::ListingOld, AdvisoryCode::FilingCarried];
        let codes = decision.advisories.iter().map(|said| said.code).filter(|code| !common.contains(code));
        (decision.reason, codes.collect::<Vec<_>>())
    };
    let no_role = AdvisoryCode::RoleNotCertified;
    assert_eq!(
        said(vec![unanswered("a"), unanswered("b"), late.clone(), pending.clone()]),
        (Reason::NoticeUnanswered, vec![NoticeUnanswered, NoticePending, NoticeAnsweredLate, no_role]),
    );
    assert_eq!(
        said(vec![fdo("DA 1", "1970-01-02"), fdo("DA 2", "1970-01-03"), fdo("DA 3", "1970-02-10"), pending.clone()]),
        (Reason::FinalDetermination, vec![FinalDetermination, FinalDetermination, NoticePending, no_role]),
    );
    let watched = order("show_cause", "1", "1970-01-02");
    assert_eq!(
        said(vec![says("deny", "1", ""), fdo("DA 1", "1970-01-02"), unanswered("a"), watched]),
        (Reason::Override, vec![FinalDetermination, NoticeUnanswered, WatchListed, no_role]),
    );
    assert_eq!(said(vec![pending]), (Reason::RoleNotCertified, vec![NoticePending]), "a reason is not said twice");
}

#[test]
fn a_filing_under_a_removal_order_is_told_of_like_any_other() {
    let records = Records::build([order("removal", "1", "1970-01-12")], 0);
    let query = Query::about(Identity::Frn(frn(1)));
    let decision = decide(&index(), &records, &query, &policy(), time(FIRST_MISSING + 60)).expect("a verdict");
    let codes: Vec<_> = decision.advisories.iter().map(|said| said.code).collect();
    assert_eq!((decision.reason, codes), (Reason::RemovalOrder, vec![AdvisoryCode::FilingCarried]));
}
