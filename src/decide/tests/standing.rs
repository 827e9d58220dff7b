//! How peers stand, since when, and what will change by itself.

use proptest::prelude::*;

use super::recertified::{Dated, after};
use super::*;
use crate::decide::impact::Basis;
use crate::decide::own::{MeConfig, OwnDeadlineKind, OwnFiling, OwnState, RecertificationState, own_filings};
use crate::decide::standing::{Deadline, DeadlineKind, PeerState, Standing, count_states, standings};

fn peer(name: &str, provider: &str, cells: &[(&str, &str)]) -> Record {
    let mut all = vec![("name", name), ("provider", provider)];
    all.extend(cells);
    record(RecordKind::Peer, &all)
}

fn notice(cells: &[(&str, &str)]) -> Record {
    let mut all = vec![("id", "n"), ("provider", "10")];
    all.extend(cells);
    record(RecordKind::Notice, &all)
}

/// Put on record at this time.
fn recorded(at_time: &str, record: Record) -> Record {
    Record { at: at(at_time), ..record }
}

/// FRN 10 and FRN 20 stand since 2024, the one recertified in February 2026 and the other not; FRN 30 was removed. The
/// listing was last confirmed at the last of these times.
fn listed() -> Index {
    let before: &[Dated] = &[(10, "2026-02-10", "2026-02-10"), (20, "2024-02-01", ""), (30, "2024-02-01", "")];
    let now: &[Dated] = &[(10, "2026-02-10", "2026-02-10"), (20, "2024-02-01", "")];
    after(&[("2024-02-15T00:00:00Z", before), ("2026-10-20T12:00:00Z", now)]).confirmed(at(CONFIRMED))
}

const CONFIRMED: &str = "2026-10-28T10:00:00Z";
const NOW: &str = "2026-10-28T12:00:00Z";

fn stand_at(index: &Index, records: Vec<Record>, policy: &Policy, now: &str) -> Vec<Standing> {
    let records = Records::build(records, 0);
    standings(Basis { index, records: &records, policy }, at(now))
}

/// The standing of the one peer `p`, with these records besides.
fn stands(provider: &str, records: Vec<Record>, policy: &Policy) -> Standing {
    let peers = vec![peer("p", provider, &[])];
    let mut all = stand_at(&listed(), peers.into_iter().chain(records).collect(), policy, NOW);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// What comes, but for what comes for every peer.
fn own_next(standing: &Standing) -> Vec<(String, DeadlineKind, Option<PeerState>)> {
    let common = [DeadlineKind::ListingOld, DeadlineKind::Recertification];
    let next = standing.next.iter().filter(|deadline| !common.contains(&deadline.kind));
    next.map(|deadline| (deadline.at.to_string(), deadline.kind, deadline.then.as_ref().map(|then| then.state)))
        .collect()
}

fn cells(set: impl FnOnce(&mut PolicyConfig)) -> Policy {
    let mut cells = PolicyConfig::default();
    set(&mut cells);
    Policy { cells, ..policy() }
}

#[test]
fn a_peer_is_refused_unmatched_accepted_or_needs_attention() {
    let fdo = order("fdo", "10", "2026-10-20");
    for (what, provider, records, state, reason) in [
        ("listed", "10", vec![], PeerState::Accepted, Reason::Listed),
        ("recertification overdue", "20", vec![], PeerState::Attention, Reason::Listed),
        ("removed", "30", vec![], PeerState::Refused, Reason::Removed),
        ("no filing at all", "99", vec![], PeerState::Unmatched, Reason::NotListed),
        ("no filing, and denied", "99", vec![says("deny", "99", "")], PeerState::Refused, Reason::Override),
        ("no filing, and allowed", "99", vec![says("allow", "99", "")], PeerState::Accepted, Reason::Override),
        ("watch list", "10", vec![order("show_cause", "10", "2026-10-01")], PeerState::Attention, Reason::Listed),
        ("before day 30", "10", vec![fdo], PeerState::Attention, Reason::Listed),
        ("removal order", "10", vec![order("removal", "10", "2026-10-01")], PeerState::Refused, Reason::RemovalOrder),
        (
            "a notice answered in time",
            "10",
            vec![notice(&[
                ("issued_at", "2026-10-20T00:00:00Z"),
                ("mitigated_at", "2026-10-21T00:00:00Z"),
                ("informed_at", "2026-10-22T00:00:00Z"),
            ])],
            PeerState::Accepted,
            Reason::Listed,
        ),
    ] {
        let standing = stands(provider, records, &policy());
        assert_eq!((standing.state, standing.reason()), (state, reason), "{what}");
    }
    let none = stand_at(
        &listed(),
        vec![peer("p", "10", &[])],
        &cells(|cells| cells.listing_old = OldListing::Error),
        "2026-11-28T12:00:00Z",
    );
    assert_eq!((none[0].state, none[0].verdict()), (PeerState::Attention, None), "no verdict");
    let ended = peer("q", "10", &[("expires_at", "2026-10-28T11:00:00Z")]);
    assert!(stand_at(&listed(), vec![ended], &policy(), NOW).is_empty(), "a binding that has ended is no peer");
}

#[test]
fn what_will_change_by_itself_is_told_with_its_moment_and_only_if_it_changes() {
    use DeadlineKind::{
        BindingEnds, FinalDetermination, NoticeInform, NoticeMitigate, OverrideEnds, RecordEnds, TakesEffect,
    };
    use PeerState::{Accepted, Attention, Refused, Unmatched};
    let (plain, strict) = (policy(), strict());
    let at_notice = ("issued_at", "2026-10-27T18:00:00Z");
    let mitigated = ("mitigated_at", "2026-10-28T08:00:00Z");
    let both = [("2026-10-29T18:00:00Z", NoticeMitigate), ("2026-11-10T19:00:00Z", NoticeInform)];
    let after = |state: [PeerState; 2]| -> Vec<_> {
        both.iter().zip(state).map(|((at, kind), state)| (*at, *kind, Some(state))).collect()
    };
    type Expected = Vec<(&'static str, DeadlineKind, Option<PeerState>)>;
    let cases: Vec<(&str, &str, Vec<Record>, &Policy, Expected)> = vec![
        ("nothing on record", "10", vec![], &plain, vec![]),
        (
            "48 hours, and 14 days by the calendar in Washington, where the clocks change on November 1",
            "10",
            vec![notice(&[at_notice])],
            &plain,
            after([Attention, Attention]),
        ),
        (
            "the 14 days alone, once it mitigated",
            "10",
            vec![notice(&[at_notice, mitigated])],
            &plain,
            vec![("2026-11-10T19:00:00Z", NoticeInform, Some(Attention))],
        ),
        (
            "the 48 hours refuse, where the Commission was notified and policy says so",
            "10",
            vec![notice(&[at_notice, ("notified_at", "2026-10-28T09:00:00Z")])],
            &strict,
            vec![("2026-10-29T18:00:00Z", NoticeMitigate, Some(Refused))],
        ),
        (
            "both duties done",
            "10",
            vec![notice(&[at_notice, mitigated, ("informed_at", "2026-10-28T08:00:00Z")])],
            &plain,
            vec![],
        ),
        (
            "day 30 of a Final Determination Order, at midnight in Washington after the clocks changed",
            "10",
            vec![order("fdo", "10", "2026-10-20")],
            &plain,
            vec![("2026-11-19T05:00:00Z", FinalDetermination, Some(Refused))],
        ),
        (
            "day 30 changes nothing where an override stands above it",
            "10",
            vec![order("fdo", "10", "2026-10-20"), says("allow", "10", "")],
            &plain,
            vec![],
        ),
        (
            "the end of an override that allows, and day 30 before it",
            "10",
            vec![order("fdo", "10", "2026-10-20"), says("allow", "10", "2026-12-01T00:00:00Z")],
            &plain,
            vec![("2026-12-01T00:00:00Z", OverrideEnds, Some(Refused))],
        ),
        (
            "the end of an override that denies",
            "10",
            vec![says("deny", "10", "2026-11-01T00:00:00Z")],
            &plain,
            vec![("2026-11-01T00:00:00Z", OverrideEnds, Some(Accepted))],
        ),
        (
            "the end of an override for a provider that is not listed",
            "99",
            vec![says("allow", "99", "2026-11-01T00:00:00Z")],
            &plain,
            vec![("2026-11-01T00:00:00Z", OverrideEnds, Some(Unmatched))],
        ),
        (
            "the end of a notice",
            "10",
            vec![notice(&[("issued_at", "2026-10-01T00:00:00Z"), ("expires_at", "2026-11-02T00:00:00Z")])],
            &plain,
            vec![("2026-11-02T00:00:00Z", RecordEnds, Some(Accepted))],
        ),
        (
            "a notice of which the clock said that it had come",
            "10",
            vec![notice(&[
                ("issued_at", "2026-10-01T00:00:00Z"),
                ("mitigated_at", "2026-10-02T00:00:00Z"),
                ("informed_at", "2026-10-30T00:00:00Z"),
            ])],
            &plain,
            vec![("2026-10-30T00:00:00Z", TakesEffect, Some(Attention))],
        ),
        (
            "the end of the binding, and nothing after it",
            "10",
            vec![peer("p", "10", &[("expires_at", "2026-10-29T00:00:00Z")]), notice(&[at_notice])],
            &plain,
            vec![("2026-10-29T00:00:00Z", BindingEnds, None)],
        ),
    ];
    let index = listed();
    for (what, provider, records, policy, expected) in cases {
        // The fields are read as of long after them all: some lie ahead of the moment that is asked about.
        let all = [peer("p", provider, &[])].into_iter().chain(records).collect();
        let standing = stand_at(&index, all, policy, NOW).remove(0);
        let expected: Vec<_> = expected.into_iter().map(|(at, kind, state)| (at.to_owned(), kind, state)).collect();
        assert_eq!(own_next(&standing), expected, "{what}");
    }
}

fn of(standing: &Standing, kind: DeadlineKind) -> Vec<&Deadline> {
    standing.next.iter().filter(|deadline| deadline.kind == kind).collect()
}

#[test]
fn the_deadlines_of_every_peer_are_those_of_the_listing() {
    let told = |provider: &str, policy: &Policy, kind| {
        let standing = stands(provider, vec![], policy);
        let told: Vec<_> = of(&standing, kind)
            .into_iter()
            .map(|deadline| {
                let then = deadline.then.clone().expect("an outlook");
                (deadline.at.to_string(), then.state, then.gained)
            })
            .collect();
        told
    };
    let listing = |state, gained| vec![("2026-10-29T12:00:01Z".to_owned(), state, gained)];
    let old = vec![AdvisoryCode::ListingOld];
    assert_eq!(told("10", &policy(), DeadlineKind::ListingOld), listing(PeerState::Accepted, old.clone()));
    let refuse = cells(|cells| cells.listing_old = OldListing::Refuse);
    assert_eq!(told("10", &refuse, DeadlineKind::ListingOld), listing(PeerState::Refused, old));
    let silent = cells(|cells| cells.advisories_off = vec![AdvisoryCode::ListingOld]);
    assert_eq!(told("10", &silent, DeadlineKind::ListingOld), [], "nothing changes then");
    let error = cells(|cells| cells.listing_old = OldListing::Error);
    let standing = stands("10", vec![], &error);
    assert_eq!(of(&standing, DeadlineKind::ListingOld)[0].then.as_ref().expect("one").ruling, None);

    let march =
        vec![("2027-03-02T05:00:00Z".to_owned(), PeerState::Attention, vec![AdvisoryCode::RecertificationOverdue])];
    assert_eq!(told("10", &policy(), DeadlineKind::Recertification), march);
    assert_eq!(told("10", &refuse, DeadlineKind::Recertification), march, "though the listing is too old long before");
    assert_eq!(told("20", &policy(), DeadlineKind::Recertification), [], "it is overdue already");

    let stale = cells(|cells| cells.last_updated_days = 300);
    let expected = vec![("2026-12-08T00:00:00Z".to_owned(), PeerState::Accepted, vec![AdvisoryCode::LastUpdatedOld])];
    assert_eq!(told("10", &stale, DeadlineKind::LastUpdated), expected);
    assert!(DeadlineKind::ALL.iter().filter(|kind| kind.is_put_off_by_syncs()).eq([&DeadlineKind::ListingOld]));
}

#[test]
fn since_when_it_stands_so_is_the_last_moment_at_which_it_stood_otherwise() {
    let bound = |provider: &str| peer("p", provider, &[]);
    let since = |records: Vec<Record>, policy: &Policy, now: &str| {
        stand_at(&listed(), records, policy, now)[0].since.map(|since| since.to_string())
    };
    let fdo = || order("fdo", "10", "2026-09-01");
    let issued = ("issued_at", "2026-10-20T18:00:00Z");
    let answered = [issued, ("mitigated_at", "2026-10-21T00:00:00Z"), ("informed_at", "2026-10-24T00:00:00Z")];
    for (what, records, expected) in [
        ("bound after it was listed", vec![recorded("2026-05-01T00:00:00Z", bound("10"))], "2026-05-01T00:00:00Z"),
        ("overdue since the deadline", vec![bound("20")], "2026-03-03T05:00:00Z"),
        ("removed", vec![bound("30")], "2026-10-20T12:00:00Z"),
        ("bound when it was gone", vec![recorded("2026-10-25T00:00:00Z", bound("30"))], "2026-10-25T00:00:00Z"),
        ("never listed", vec![recorded("2026-01-01T00:00:00Z", bound("99"))], "2026-01-01T00:00:00Z"),
        ("day 30", vec![bound("10"), fdo()], "2026-10-01T04:00:00Z"),
        (
            "an order of which nobody knew on day 30",
            vec![bound("10"), recorded("2026-10-12T00:00:00Z", fdo())],
            "2026-10-12T00:00:00Z",
        ),
        (
            "an override",
            vec![bound("10"), recorded("2026-10-13T00:00:00Z", says("deny", "10", ""))],
            "2026-10-13T00:00:00Z",
        ),
        (
            "since an override ended",
            vec![bound("10"), says("deny", "10", "2026-10-14T00:00:00Z")],
            "2026-10-14T00:00:00Z",
        ),
        ("a notice whose clocks run", vec![bound("10"), notice(&[issued])], "2026-10-20T18:00:00Z"),
        ("a notice that was answered", vec![bound("10"), notice(&answered)], "2026-10-24T00:00:00Z"),
    ] {
        assert_eq!(since(records, &policy(), NOW).as_deref(), Some(expected), "{what}");
    }
    let refuse = cells(|cells| cells.listing_old = OldListing::Refuse);
    let later = "2026-11-28T12:00:00Z";
    assert_eq!(since(vec![bound("10")], &refuse, later).as_deref(), Some("2026-10-29T12:00:01Z"));
    let gateway = peer("p", "10", &[("role", "gateway")]);
    assert_eq!(since(vec![gateway], &policy(), NOW), None, "when the filing began to answer No is not known here");
}

#[test]
fn a_row_that_could_not_be_read_needs_attention_since_then() {
    let records = Records::build([peer("p", "1", &[])], 0);
    let (index, policy) = (index(), policy());
    let basis = Basis { index: &index, records: &records, policy: &policy };
    let standing = standings(basis, time(FIRST_MISSING + 60)).remove(0);
    assert_eq!((standing.state, standing.since), (PeerState::Attention, Some(time(LAST_SEEN))));
}

/// A record whose times lie around those of `listed`.
fn recent(choice: u8, day: i64) -> Record {
    let on = |days: i64| at("2026-10-01T12:00:00Z") + jiff::SignedDuration::from_hours(days * 24);
    let (start, end) = (on(day), (on(day + 9)).to_string());
    let released = start.strftime("%Y-%m-%d").to_string();
    match choice {
        0 => says("deny", "10", &end),
        1 => says("allow", "10", &end),
        2 => order("removal", "10", &released),
        3 => order("fdo", "10", &released),
        4 => order("show_cause", "10", &released),
        5 => notice(&[("issued_at", &start.to_string())]),
        6 => notice(&[("issued_at", &start.to_string()), ("notified_at", &end)]),
        _ => notice(&[("issued_at", &start.to_string()), ("mitigated_at", &end), ("informed_at", &end)]),
    }
}

proptest! {
    /// No change is missed: asked at any time, the answer is what the last deadline before it, or now, says.
    #[test]
    fn between_two_deadlines_nothing_changes(
        on_record in prop::collection::vec((0u8..8, -30i64..40), 0..5), early in any::<bool>(), minutes in 0i64..80_000,
    ) {
        let policy = if early { strict() } else { policy() };
        let mut records = vec![peer("p", "10", &[])];
        records.extend(on_record.into_iter().map(|(choice, day)| recent(choice, day)));
        let records = Records::build(records, 0);
        let index = listed();
        let standing = standings(Basis { index: &index, records: &records, policy: &policy }, at(NOW)).remove(0);
        let then = at(NOW) + jiff::SignedDuration::from_mins(minutes);
        // Syncs go on.
        let confirmed = index.as_confirmed_at(then);
        let decision = decide(&confirmed, &records, &standing.query, &policy, then).expect("a verdict");
        let mut expected = (standing.verdict(), standing.reason());
        for deadline in standing.next.iter().filter(|deadline| deadline.at < then && !deadline.kind.is_put_off_by_syncs()) {
            let (verdict, reason) = deadline.then.as_ref().and_then(|then| then.ruling).expect("a ruling");
            expected = (Some(verdict), reason);
        }
        prop_assert_eq!((Some(decision.verdict), decision.reason), expected, "{:?}", standing.next);
    }
}

/// The codes of what is said.
fn codes(standing: &Standing) -> std::collections::BTreeSet<&'static str> {
    standing.advisories().iter().map(|said| said.code.as_str()).collect()
}

proptest! {
    /// What is found in short, for metrics and for peers with nothing on record, is what asking in full says.
    #[test]
    fn what_comes_and_how_many_stand_how_is_what_asking_then_says(
        on_record in prop::collection::vec((0u8..8, -30i64..40), 0..3), old in 0usize..4, days in 0u32..400,
        off in any::<bool>(),
    ) {
        let policy = cells(|cells| {
            cells.listing_old = [OldListing::Answer, OldListing::Accept, OldListing::Refuse, OldListing::Error][old];
            cells.last_updated_days = days;
            cells.advisories_off = off.then_some(AdvisoryCode::ListingOld).into_iter().collect();
        });
        let mut records: Vec<Record> =
            ["10", "20", "30", "99"].into_iter().map(|provider| peer(provider, provider, &[])).collect();
        records.extend(on_record.into_iter().map(|(choice, day)| recent(choice, day)));
        let records = Records::build(records, 0);
        let index = listed();
        let ask = |index: &Index, now: Timestamp| standings(Basis { index, records: &records, policy: &policy }, now);
        let all = ask(&index, at(NOW));
        for (state, count) in count_states(Basis { index: &index, records: &records, policy: &policy }, at(NOW)) {
            prop_assert_eq!(all.iter().filter(|standing| standing.state == state).count() as u64, count);
        }
        for (place, standing) in all.iter().enumerate() {
            for (order, deadline) in standing.next.iter().enumerate() {
                let Some(then) = &deadline.then else { continue };
                let after = deadline.at + jiff::SignedDuration::from_nanos(1);
                let confirmed = match deadline.kind {
                    DeadlineKind::ListingOld => index.as_confirmed_at(at(CONFIRMED)),
                    _ => index.as_confirmed_at(after - at(NOW).duration_since(at(CONFIRMED))),
                };
                let asked = ask(&confirmed, after).remove(place);
                let ruling = asked.verdict().map(|verdict| (verdict, asked.reason()));
                prop_assert_eq!((asked.state, ruling), (then.state, then.ruling), "{:?}", deadline);
                if order == 0 && ruling.is_some() && standing.verdict().is_some() {
                    let mut expected = codes(standing);
                    expected.extend(then.gained.iter().map(|code| code.as_str()));
                    // Of two notices one may be answered.
                    for lost in then.lost.iter().map(|code| code.as_str()).filter(|code| !codes(&asked).contains(code)) {
                        expected.remove(lost);
                    }
                    prop_assert_eq!(codes(&asked), expected, "{:?}", deadline);
                }
            }
        }
    }
}

fn own(index: &Index, frn_text: &str, changed: Option<&str>, now: &str) -> OwnFiling {
    let me = MeConfig {
        frn: vec![frn_text.parse().expect("an FRN")],
        changed: changed.map(|day| day.parse().expect("a day")),
    };
    own_filings(index, &me, at(now)).remove(0)
}

#[test]
fn the_operators_own_filing_is_listed_removed_or_not_there() {
    let index = listed();
    for (frn, state, attention) in [
        ("0000000010", OwnState::Listed, false),
        ("0000000030", OwnState::Removed, true),
        ("0000000099", OwnState::NotListed, true),
    ] {
        let own = own(&index, frn, None, NOW);
        assert_eq!((own.state, own.needs_attention()), (state, attention), "{frn}");
        assert_eq!(own.removal.is_some(), state == OwnState::Removed);
        assert_eq!(own.filings.is_empty(), state != OwnState::Listed);
    }
}

#[test]
fn recertification_opens_in_february_and_is_due_on_march_1_or_the_weekday_after_in_washington() {
    use RecertificationState::{Done, NotYetOpen, Open, Overdue};
    let index = listed();
    for (frn, now, state, by) in [
        ("0000000010", "2026-02-15T12:00:00Z", Done, "2026-03-02"),
        ("0000000010", NOW, NotYetOpen, "2027-03-01"),
        ("0000000010", "2027-02-01T04:59:59Z", NotYetOpen, "2027-03-01"),
        ("0000000010", "2027-02-01T05:00:00Z", Open, "2027-03-01"),
        ("0000000010", "2027-03-02T04:59:59Z", Open, "2027-03-01"),
        ("0000000010", "2027-03-02T05:00:00Z", Overdue, "2027-03-01"),
        ("0000000020", "2026-02-15T12:00:00Z", Open, "2026-03-02"),
        ("0000000020", "2026-03-03T04:59:59Z", Open, "2026-03-02"),
        ("0000000020", NOW, Overdue, "2026-03-02"),
    ] {
        let recertification = own(&index, frn, None, now).recertification.expect("one");
        assert_eq!((recertification.state, recertification.by.to_string().as_str()), (state, by), "{frn} {now}");
    }
    let coming = own(&index, "0000000010", None, NOW).deadlines(at(NOW));
    let expected = [
        (at("2027-02-01T05:00:00Z"), OwnDeadlineKind::RecertificationOpens),
        (at("2027-03-02T05:00:00Z"), OwnDeadlineKind::RecertificationDue),
    ];
    assert_eq!(coming, expected);
}

#[test]
fn a_change_is_to_be_in_the_filing_within_ten_business_days() {
    let index = listed();
    for (changed, now, done, overdue, by) in [
        ("2026-10-23", NOW, false, false, "2026-11-06"),
        ("2026-10-23", "2026-11-07T04:59:59Z", false, false, "2026-11-06"),
        ("2026-10-23", "2026-11-07T05:00:00Z", false, true, "2026-11-06"),
        ("2026-02-10", NOW, true, false, "2026-02-25"),
    ] {
        let own = own(&index, "0000000010", Some(changed), now);
        let update = own.update.expect("one");
        assert_eq!((update.is_done, update.is_overdue(), update.by.to_string().as_str()), (done, overdue, by), "{now}");
    }
    let coming = own(&index, "0000000010", Some("2026-10-23"), NOW).deadlines(at(NOW));
    assert_eq!(coming[0], (at("2026-11-07T05:00:00Z"), OwnDeadlineKind::UpdateDue), "the clocks changed meanwhile");
}

#[test]
fn a_change_without_a_filing_or_in_the_future_makes_no_sense() {
    let day = |text: &str| text.parse().expect("a day");
    let me = |frn: &[&str], changed: &str| MeConfig {
        frn: frn.iter().map(|frn| frn.parse().expect("an FRN")).collect(),
        changed: Some(day(changed)),
    };
    let today = day("2026-11-02");
    assert_eq!(me(&["0000000010"], "2026-11-02").validate(today), Ok(()));
    assert_eq!(MeConfig::default().validate(today), Ok(()));
    let said = me(&["0000000010"], "2026-11-03").validate(today).expect_err("still to come");
    assert!(said.starts_with("me.changed is 2026-11-03"), "{said}");
    let said = me(&[], "2026-11-02").validate(today).expect_err("whose?");
    assert!(said.starts_with("me.changed is set and me.frn is not"), "{said}");
}
