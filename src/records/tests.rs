use super::fields::{self, Fields};
use super::*;
use crate::domain::{BadField, OrderKind, OverrideAction, PeerName, RecordAction};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    at("2026-11-24T12:00:00Z")
}

fn read_with(kind: RecordKind, cells: &[(&str, &str)]) -> Result<Record, BadField> {
    let mut fields = Fields::default();
    for (name, text) in cells {
        fields.set(name, *text);
    }
    let record = fields::read(kind, &fields, "alice", now())?;
    record.check(now()).map(|()| record)
}

fn read(kind: RecordKind, cells: &[(&str, &str)]) -> Record {
    read_with(kind, cells).unwrap_or_else(|bad| panic!("{cells:?}: {bad}"))
}

fn peer(name: &str, provider: &str) -> Record {
    read(RecordKind::Peer, &[("name", name), ("provider", provider)])
}

fn put(records: Vec<Record>, replace: bool) -> Change {
    Change::Put { records, replace, by: "alice".to_owned() }
}

/// The records after a change that must be possible.
fn after(records: &Records, change: Change) -> Records {
    records.after(&plan(records, change, now()).expect("planned"))
}

#[test]
fn a_record_that_was_put_down_while_the_clock_was_ahead_can_be_changed() {
    let mut early = peer("tg", "1");
    early.at = at("2031-01-01T00:00:00Z");
    let records = Records::build([early.clone()], 1);
    let changed = Record { provider: peer("tg", "2").provider, ..early.clone() };
    let events = plan(&records, put(vec![changed], true), now()).expect("planned");
    assert_eq!(events[0].after.as_ref().map(|after| after.at), Some(now()));
    let refused = plan(&Records::default(), put(vec![early], true), now()).expect_err("it is to come").to_string();
    assert!(refused.contains("2031-01-01 00:00:00 UTC has not come yet"), "{refused}");
}

const ONE_OF_EACH: [(RecordKind, &[(&str, &str)]); 5] = [
    (RecordKind::Peer, &[("name", "TG-7"), ("kind", "trunk_group"), ("provider", "20237343"), ("role", "gateway")]),
    (
        RecordKind::Override,
        &[("provider", "RMD0001410"), ("action", "deny"), ("why", "a fraud"), ("expires_at", "2027-01-31")],
    ),
    (RecordKind::Order, &[("document", "DA 26-237"), ("kind", "fdo"), ("provider", "4"), ("released", "2026-03-12")]),
    (
        RecordKind::Order,
        &[("document", "DA 24-1235"), ("kind", "show_cause"), ("provider", "5"), ("released", "2024-12-10")],
    ),
    (
        RecordKind::Notice,
        &[
            ("id", "n-1"),
            ("provider", "20237343"),
            ("document", "a letter"),
            ("basis", ""),
            ("issued_at", "Jan 24, 2023 20:15 UTC"),
            ("mitigated_at", "2023-01-25T00:00:00Z"),
            ("mitigated_note", "their mail"),
            ("informed_at", "2023-02-01"),
            ("notified_at", "2023-02-10 09:00 UTC"),
            ("notified_note", "ECFS 1"),
        ],
    ),
];

#[test]
fn each_kind_of_record_survives_its_fields_and_json() {
    for (kind, cells) in ONE_OF_EACH {
        let record = read(kind, cells);
        let json = fields::write(&record).to_json();
        let again = Fields::from_json(json.clone()).expect("an object");
        assert_eq!(fields::read(kind, &again, "nobody", Timestamp::UNIX_EPOCH), Ok(record), "{json}");
        let named = json.as_object().expect("an object").keys();
        assert!(named.clone().all(|name| fields::columns(kind).contains(&name.as_str())), "{json}");
    }
}

#[test]
fn the_day_of_an_order_is_written_as_any_other_day() {
    for day in ["2026-03-13", "20260313", "03/13/2026", "March 13, 2026", "Mar 13, 2026"] {
        let order = [("document", "DA 26-1"), ("kind", "removal"), ("provider", "1"), ("released", day)];
        let written = fields::write(&read(RecordKind::Order, &order));
        assert_eq!(written.get("released"), Some("2026-03-13"), "{day}");
    }
}

#[test]
fn a_day_alone_ends_where_no_clock_runs_out_too_early() {
    let notice =
        |issued: &str| match read(RecordKind::Notice, &[("id", "n"), ("provider", "1"), ("issued_at", issued)]).body {
            RecordBody::Notice(notice) => notice.issued_at,
            _ => panic!("a notice"),
        };
    assert_eq!(notice("2023-01-24"), at("2023-01-25T04:59:59.999Z"));
    assert_eq!(notice("2026-11-24"), at("2026-11-25T04:59:59.999Z"), "today as well");
    assert_eq!(notice("2023-01-24T15:15:00-05:00"), at("2023-01-24T20:15:00Z"));
    assert_eq!(notice("2023-01-24 15:15 ET"), at("2023-01-24T20:15:00Z"));
    let until = read(
        RecordKind::Override,
        &[("provider", "1"), ("action", "allow"), ("why", "x"), ("expires_at", "2026-11-24")],
    );
    assert!(until.in_force(at("2026-11-25T04:59:00Z")) && !until.in_force(at("2026-11-25T05:00:00Z")));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_field_that_is_wrong() {
    let notice = |more: &[(&'static str, &'static str)]| {
        let mut cells = vec![("id", "n"), ("provider", "1"), ("issued_at", "2026-11-20T10:00:00Z")];
        cells.extend(more);
        (RecordKind::Notice, cells)
    };
    let allow = |more: &[(&'static str, &'static str)]| {
        let mut cells = vec![("provider", "1"), ("action", "allow")];
        cells.extend(more);
        (RecordKind::Override, cells)
    };
    let order = |more: &[(&'static str, &'static str)]| {
        let mut cells = vec![("provider", "1"), ("document", "DA 26-237")];
        cells.extend(more);
        (RecordKind::Order, cells)
    };
    for ((kind, cells), field) in [
        (allow(&[]), "why"),
        (allow(&[("why", " ")]), "why"),
        (allow(&[("why", "x"), ("expires_at", "2026-11-23")]), "expires_at"),
        (allow(&[("why", "x"), ("expires_at", "soon")]), "expires_at"),
        (allow(&[("why", "x"), ("expire_at", "2027-01-01")]), "expire_at"),
        (allow(&[("why", "x"), ("at", "2026-11-25T00:00:00Z")]), "at"),
        ((RecordKind::Override, vec![("provider", "1"), ("action", "maybe"), ("why", "x")]), "action"),
        ((RecordKind::Override, vec![("provider", "Acme"), ("action", "deny"), ("why", "x")]), "provider"),
        ((RecordKind::Override, vec![("action", "deny"), ("why", "x")]), "provider"),
        (order(&[("kind", "removal")]), "released"),
        (order(&[("kind", "removal"), ("released", "March 32, 2026")]), "released"),
        (order(&[("kind", "removal"), ("released", "03/12/2026")]), "released"),
        (order(&[("kind", "removal"), ("released", "12/31/26")]), "released"),
        (order(&[("kind", "removal"), ("released", "2026-11-25")]), "released"),
        (order(&[("released", "2026-03-12")]), "kind"),
        (order(&[("kind", "removal"), ("released", "2026-03-12"), ("notified_at", "2026-03-13")]), "notified_at"),
        (order(&[("kind", "fdo"), ("released", "2026-03-12"), ("notified_at", "2026-03-11")]), "notified_at"),
        (notice(&[("mitigated_at", "2026-11-20T09:59:00Z")]), "mitigated_at"),
        (notice(&[("informed_at", "2026-11-19")]), "informed_at"),
        (notice(&[("notified_at", "2026-11-30T00:00:00Z")]), "notified_at"),
        (notice(&[("informed_note", "by mail")]), "informed_at"),
        ((RecordKind::Notice, vec![("id", "n"), ("provider", "1")]), "issued_at"),
        ((RecordKind::Notice, vec![("id", "n"), ("provider", "1"), ("issued_at", "2026-11-25")]), "issued_at"),
        ((RecordKind::Peer, vec![("provider", "1")]), "name"),
        ((RecordKind::Peer, vec![("name", "x"), ("provider", "1"), ("role", "boss")]), "role"),
        ((RecordKind::Peer, vec![("name", "x"), ("provider", "1"), ("kind", "colour")]), "kind"),
        ((RecordKind::Peer, vec![("name", "10.0.0.7/8"), ("provider", "1"), ("kind", "ip")]), "name"),
        ((RecordKind::Peer, vec![("name", "12345"), ("provider", "1"), ("kind", "ocn")]), "name"),
    ] {
        let bad = read_with(kind, &cells).expect_err(&format!("{cells:?}"));
        assert_eq!(bad.field, field, "{cells:?}: {bad}");
    }
}

#[test]
fn a_traced_call_is_read_whole_or_refused_by_field() {
    let call = |cells: &[(&str, &str)]| {
        fields::read_call(&cells.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    };
    let good = [
        ("called_at", "Jan 10, 2023 15:04 UTC"),
        ("notified_at", "Jan 11, 2023 09:00 UTC"),
        ("caller", "+1 (202) 555-0143"),
        ("called", "2025550199"),
        ("campaign", "Mortgage-Impersonation"),
    ];
    let read = call(&good).expect("a call");
    assert_eq!(read.called_at, Some(at("2023-01-10T15:04:00Z")));
    for (cell, field) in [
        (("called_at", ""), "called_at"),
        (("called_at", "Tuesday"), "called_at"),
        (("notified_at", "Jan 9, 2023 09:00 UTC"), "notified_at"),
        (("caller", "the bank"), "caller"),
        (("colour", "blue"), "colour"),
    ] {
        let mut cells = good.to_vec();
        cells.push(cell);
        assert_eq!(call(&cells).expect_err("refused").field, field);
    }
}

#[test]
fn one_bad_entry_of_seven_thousand_refuses_them_all_and_is_named() {
    let mut records: Vec<Record> = (1..=7000).map(|n| peer(&format!("tg-{n}"), &n.to_string())).collect();
    records[6999].expires_at = Some(at("2020-01-01T00:00:00Z"));
    let refused = plan(&Records::default(), put(records, false), now()).expect_err("refused").to_string();
    assert!(refused.contains("entry 7000 (peer tg-7000), field expires_at"), "{refused}");
}

#[test]
fn a_name_is_bound_to_one_provider_unless_it_is_replaced() {
    let records = after(&Records::default(), put(vec![peer("TG-7", "1")], false));
    let again = plan(&records, put(vec![peer("tg-7", "2")], false), now()).expect_err("refused").to_string();
    assert!(again.contains("field name: it is bound to FRN 0000000001 already"), "{again}");
    let twice = plan(&Records::default(), put(vec![peer("TG-7", "1"), peer("tg-7", "2")], true), now());
    assert!(
        twice.expect_err("refused").to_string().contains("an earlier entry"),
        "within one batch not even by replacing"
    );
    assert_eq!(plan(&records, put(vec![peer("TG-7", "1")], false), now()), Ok(Vec::<RecordEvent>::new()));
    let moved = after(&records, put(vec![peer("tg-7", "2")], true));
    let who = Who::Peer("TG-7".parse().expect("a name"));
    assert_eq!(moved.resolve(&who, now()).expect("bound").identity, "2".parse().expect("an FRN"));
    assert_eq!(moved.last_event(), 2);
}

#[test]
fn a_record_that_somebody_else_changed_meanwhile_is_not_overwritten() {
    let records = after(&Records::default(), put(vec![peer("tg", "1")], false));
    let seen = (**records.get(RecordKind::Peer, "tg").expect("on record")).clone();
    let records = after(&records, put(vec![peer("tg", "2")], true));
    let late = Record { provider: "3".parse().expect("an FRN"), ..seen };
    let refused = plan(&records, put(vec![late], true), now()).expect_err("refused");
    assert!(matches!(refused, PlanError::ChangedMeanwhile { .. }), "{refused}");
}

#[test]
fn what_is_not_on_record_cannot_be_removed_and_nothing_else_is_then() {
    let records = after(&Records::default(), put(vec![peer("a", "1"), peer("b", "2")], false));
    let remove = |ids: &[&str], by: &str| Change::Remove {
        kind: RecordKind::Peer,
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        by: by.to_owned(),
        why: String::new(),
    };
    assert!(matches!(plan(&records, remove(&["a", "c"], "bob"), now()), Err(PlanError::NotOnRecord { .. })));
    assert_eq!(plan(&records, remove(&["a"], " "), now()), Err(PlanError::Nobody));
    let events = plan(&records, remove(&["a", "a"], "bob"), now()).expect("planned");
    assert_eq!(events.iter().map(|event| event.action).collect::<Vec<_>>(), [RecordAction::Removed]);
    assert_eq!(records.after(&events).all(RecordKind::Peer).count(), 1);
}

#[test]
fn a_binding_that_is_over_leads_nowhere_and_says_so() {
    let bound = Record { expires_at: Some(at("2026-12-01T00:00:00Z")), ..peer("tg", "1") };
    let records = after(&Records::default(), put(vec![bound], false));
    let who = Who::Peer("tg".parse::<PeerName>().expect("a name"));
    assert!(records.resolve(&who, now()).is_ok());
    let later = at("2026-12-01T00:00:00Z");
    assert!(matches!(records.resolve(&who, later), Err(Unresolved::Expired { .. })));
    let anew = plan(&records, put(vec![peer("tg", "2")], false), later).expect("an expired one may be replaced");
    assert_eq!(anew[0].action, RecordAction::Changed);
    let nobody = Who::Ocn("7321".parse().expect("an OCN"));
    assert!(
        records.resolve(&nobody, now()).expect_err("unknown").to_string().contains("OCN 7321 is bound to no provider")
    );
}

#[test]
fn records_are_found_under_the_number_that_they_were_given() {
    let of_each = ONE_OF_EACH.map(|(kind, cells)| read(kind, cells)).to_vec();
    let records = after(&Records::default(), put(of_each, false));
    let about = |who: &str| records.about(who.parse().expect("a number"));
    assert_eq!(about("20237343").expect("on record").notices.len(), 1);
    let order = &about("4").expect("on record").orders[0];
    assert_eq!(
        (order.body.order.kind, order.body.must_block_from),
        (OrderKind::FinalDetermination, at("2026-04-11T04:00:00Z"))
    );
    assert_eq!(about("RMD0001410").expect("on record").overrides[0].body.action, OverrideAction::Deny);
    assert!(about("RMD0020237").is_none() && about("99").is_none());
    assert!(records.tell_of_filings());
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A notice that was answered in part, with a call, and its provider.
fn noticed() -> (Record, Notice, Provider) {
    let record = read(ONE_OF_EACH[4].0, ONE_OF_EACH[4].1);
    let RecordBody::Notice(mut notice) = record.body.clone() else { panic!("a notice") };
    notice.informed = None;
    notice.calls.push(crate::domain::TracedCall {
        called_at: Some(at("2023-01-10T15:04:00Z")),
        caller: "+12025550143".to_owned(),
        called: "+12025550199".to_owned(),
        campaign: "Mortgage-Impersonation".to_owned(),
        ..crate::domain::TracedCall::default()
    });
    let provider = Provider {
        business_name: "Example LLC".to_owned(),
        frn: "20237343".parse().ok(),
        hands_calls_to_us: true,
        status: FilingStatus::Filed(vec!["RMD0001410".to_owned(), "RMD0001411".to_owned()]),
        as_of: Some(at("2023-02-09T23:30:00Z")),
    };
    (record, notice, provider)
}

#[test]
fn the_summary_says_what_was_and_was_not_done_and_lists_the_calls() {
    let (record, notice, provider) = noticed();
    let between = summary(&record, &notice, &provider, Some("Carrier Inc."), at("2023-02-01T00:00:00Z"));
    assert!(between.starts_with("DRAFT, not to be sent"), "no time has run out: {between}");
    let between = flat(&between);
    assert!(between.contains("January 26, 2023, 15:15 EST: done January 24, 2023, 19:00 EST."), "{between}");
    assert!(between.contains("the time for it has not run out yet"), "{between}");
    let late = summary(&record, &notice, &provider, Some("Carrier Inc."), at("2023-02-10T00:00:00Z"));
    assert!(late.starts_with("To:      Federal Communications Commission"), "{late}");
    for words in [
        "Date: February 9, 2023, 19:00 EST",
        "February 7, 2023, 15:15 EST: NOT DONE",
        "Example LLC (FRN 0020237343) stands in the Robocall Mitigation Database under RMD0001410, RMD0001411, by our copy of \
         February 9, 2023, 18:30 EST. It hands calls to us directly.",
        "not known 2023-01-10 10:04 EST +12025550143 +12025550199 Mortgage-Impersonation",
    ] {
        assert!(flat(&late).contains(words), "{words}: {late}");
    }
    assert!(late.lines().all(|line| line.chars().count() <= 110), "{late}");
}

#[test]
fn the_summary_holds_its_own_basis_and_nothing_that_the_house_notes_for_itself() {
    let (mut record, mut notice, provider) = noticed();
    record.why = "our lawyer's idea".to_owned();
    record.by = "alice".to_owned();
    let said = |notice: &Notice| summary(&record, notice, &provider, None, at("2023-02-10T00:00:00Z"));
    let without = said(&notice);
    for inner in ["lawyer", "alice", "their mail", "ECFS 1", "n-1", "UTC 2023", "  3."] {
        assert!(!without.contains(inner), "{inner}: {without}");
    }
    notice.basis = "Traced calls\n went on.".to_owned();
    assert!(said(&notice).contains("  3. Traced calls went on."), "{}", said(&notice));
}

#[test]
fn the_summary_asserts_nothing_that_is_not_on_record() {
    let (record, mut notice, mut provider) = noticed();
    notice.issued_at = at("2023-01-25T04:59:59.999Z");
    notice.mitigated = Some(crate::domain::Noted { at: at("2023-01-27T04:59:59.999Z"), note: String::new() });
    notice.calls.clear();
    provider.hands_calls_to_us = false;
    provider.status =
        FilingStatus::Removed { number: "RMD0001410".to_owned(), first_missing: at("2023-07-01T03:59:00Z") };
    let said = flat(&summary(&record, &notice, &provider, None, at("2023-08-10T00:00:00Z")));
    assert!(!said.contains("hands calls to us") && !said.contains("that we receive from it"), "{said}");
    for words in [
        "we first found it missing on June 30, 2023, 23:59 EDT",
        "(a letter) on January 24, 2023. The time of day of its time stamp is not on our record",
        "by January 26, 2023, 23:59 EST: done January 26, 2023.",
        "No traced calls are on our record",
        "From: ____",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    provider.business_name.clear();
    provider.status = FilingStatus::Unknown;
    let said = flat(&summary(&record, &notice, &provider, None, at("2023-08-10T00:00:00Z")));
    assert!(said.contains("No filing of the provider (name not known) (FRN 0020237343) is known to us"), "{said}");
}

fn network(name: &str, provider: &str) -> Record {
    read(RecordKind::Peer, &[("name", name), ("kind", "ip"), ("provider", provider)])
}

#[test]
fn an_address_is_that_of_the_narrowest_network_in_force_around_it() {
    let ended = Record { expires_at: Some(at("2026-12-01T00:00:00Z")), ..network("192.0.2.64/26", "3") };
    let bound = vec![
        network("192.0.0.0/16", "1"),
        network("192.0.2.0/24", "2"),
        ended,
        network("192.0.2.7", "4"),
        network("2001:db8::/32", "5"),
        network("2001:db8:7::/48", "6"),
        peer("198.51.100.0/24", "7"),
    ];
    let records = after(&Records::default(), put(bound, false));
    let found = |text: &str, now: &str| {
        let who = Who::Peer(text.parse().expect("a name"));
        records.resolve(&who, at(now)).map(|found| found.identity.number_text()).map_err(|error| error.to_string())
    };
    let today = "2026-11-24T12:00:00Z";
    for (address, provider) in [
        ("192.0.3.1", "0000000001"),
        ("192.0.2.1", "0000000002"),
        ("192.0.2.65", "0000000003"),
        ("192.0.2.7", "0000000004"),
        ("::ffff:192.0.2.7", "0000000004"),
        ("::ffff:192.0.3.1", "0000000001"),
        ("2001:DB8:0:1::1", "0000000005"),
        ("[2001:db8:7::1]", "0000000006"),
        ("192.0.2.0/24", "0000000002"),
        ("2001:DB8:0::/32", "0000000005"),
    ] {
        assert_eq!(found(address, today), Ok(provider.to_owned()), "{address}");
    }
    for outside in ["192.1.0.1", "2001:db9::1", "198.51.100.7", "192.0.2.0/25", "tg-1", "::c000:0201"] {
        assert!(found(outside, today).expect_err(outside).contains("is bound to no provider"), "{outside}");
    }
}

#[test]
fn a_narrow_binding_that_is_over_leaves_its_addresses_bound_to_nobody() {
    let ended = |name, provider| Record { expires_at: Some(at("2026-12-01T00:00:00Z")), ..network(name, provider) };
    let bound = vec![network("192.0.2.0/24", "1"), ended("192.0.2.64/26", "2"), ended("192.0.2.7", "3")];
    let records = after(&Records::default(), put(bound, false));
    let found = |text: &str| {
        let who = Who::Peer(text.parse().expect("a name"));
        let found = records.resolve(&who, at("2026-12-02T00:00:00Z"));
        found.map(|found| found.identity.number_text()).map_err(|error| error.to_string())
    };
    assert_eq!(found("192.0.2.1"), Ok("0000000001".to_owned()), "what nobody set apart");
    for (address, words) in [
        ("192.0.2.65", "its binding by 192.0.2.64/26 to FRN 0000000002 ended 2026-12-01 00:00:00 UTC"),
        ("192.0.2.7", "its binding to FRN 0000000003 ended 2026-12-01 00:00:00 UTC"),
    ] {
        let said = found(address).expect_err(address);
        assert!(said.contains(words), "{said}");
        assert!(said.contains("192.0.2.0/24 around it, to FRN 0000000001, does not stand in for it"), "{said}");
    }
    let again = plan(
        &records,
        Change::Remove {
            kind: RecordKind::Peer,
            ids: vec!["192.0.2.64/26".to_owned()],
            by: "bob".to_owned(),
            why: String::new(),
        },
        now(),
    );
    let freed = records.after(&again.expect("planned"));
    let who = Who::Peer("192.0.2.65".parse().expect("a name"));
    let found = freed.resolve(&who, at("2026-12-02T00:00:00Z")).expect("bound");
    assert_eq!(found.identity.number_text(), "0000000001", "who removes what ended gives them to the network around");
}

#[test]
fn networks_of_half_the_internet_and_names_with_unseen_signs_are_bound_to_nobody() {
    let bind = |name: &str, kind: &str| {
        let bound = read_with(RecordKind::Peer, &[("name", name), ("kind", kind), ("provider", "1")]);
        bound.map(|_| ()).map_err(|bad| bad.to_string())
    };
    for name in ["0.0.0.0/1", "64.0.0.0/7", "::ffff:0:0/96", "::ffff:0.0.0.0/97", "2000::/3", "fd00::/8", "2001::/16"] {
        let refused = bind(name, "ip");
        assert_eq!(refused.is_err(), name != "2001::/16", "{name}: {refused:?}");
        assert!(refused.err().is_none_or(|refused| refused.starts_with("field name: ")), "{name}");
    }
    for name in ["10.0.0.0/8", "2001:db8::/32", "2600::/16", "::ffff:10.0.0.0/104"] {
        assert_eq!(bind(name, "ip"), Ok(()), "{name}");
    }
    for name in ["tg\u{202e}1", "tg\u{200b}1"] {
        assert!(bind(name, "trunk_group").expect_err(name).contains("nobody sees"), "{name:?}");
    }
}

#[test]
fn an_order_and_a_notice_are_one_however_their_ids_are_written_and_are_shown_as_first_written() {
    let order = |document: &str| {
        read(
            RecordKind::Order,
            &[("document", document), ("kind", "Removal Order"), ("provider", "1"), ("released", "2026-03-12")],
        )
    };
    let notice = |id: &str, document: &str| {
        read(
            RecordKind::Notice,
            &[("id", id), ("provider", "1"), ("document", document), ("issued_at", "2026-01-24T20:15:00Z")],
        )
    };
    let records = after(
        &Records::default(),
        put(vec![order("DA 26-237"), order("da  26\u{2011}237"), notice("Letter 1", "")], false),
    );
    assert_eq!(records.all(RecordKind::Order).count(), 1, "one order");
    assert_eq!(
        plan(&records, put(vec![order("da\u{a0}26-237"), notice("LETTER  1", "")], false), now()),
        Ok(Vec::new())
    );
    let refused = plan(&records, put(vec![notice("letter 1", "x")], false), now()).expect_err("says something else");
    assert!(refused.to_string().contains("is on record already"), "{refused}");
    let records = after(&records, put(vec![notice("letter 1", "x")], true));
    assert_eq!(records.get(RecordKind::Notice, " LETTER 1").map(|record| record.id()).as_deref(), Some("Letter 1"));
    assert_eq!(
        records.get(RecordKind::Order, "da 26-237/0000000001").map(|record| record.id()).as_deref(),
        Some("DA 26-237/0000000001")
    );
    let remove = Change::Remove {
        kind: RecordKind::Notice,
        ids: vec!["lETTER 1".to_owned()],
        by: "bob".to_owned(),
        why: String::new(),
    };
    assert_eq!(after(&records, remove).all(RecordKind::Notice).count(), 0);
    assert_eq!(after(&records, put(vec![order("DA 26-238")], false)).all(RecordKind::Order).count(), 2);
}

#[test]
fn text_that_turns_what_is_shown_around_is_refused_with_its_field() {
    let base = [("id", "n"), ("provider", "1"), ("issued_at", "2026-01-24T20:15:00Z")];
    for (field, text) in [
        ("basis", "fine\u{202e}dab"),
        ("why", "\u{1b}[2J"),
        ("document", "a\u{2066}b"),
        ("id", "a\u{202e}b"),
        ("by", "bob\u{202d}"),
    ] {
        let mut fields: Vec<(&str, &str)> = base.iter().filter(|(name, _)| *name != field).copied().collect();
        fields.push((field, text));
        let refused = read_with(RecordKind::Notice, &fields).expect_err(field);
        assert_eq!(refused.field, field, "{refused}");
    }
    let mut fields = base.to_vec();
    fields.push(("basis", "two lines,\nand a tab\there"));
    assert!(read_with(RecordKind::Notice, &fields).is_ok());
}

#[test]
fn a_record_that_has_ended_is_taken_in_again_as_history_and_a_new_one_must_have_an_end_to_come() {
    let ended = |put_at: &str| {
        read_with(
            RecordKind::Override,
            &[
                ("provider", "1"),
                ("action", "allow"),
                ("why", "x"),
                ("at", put_at),
                ("expires_at", "2026-11-01T00:00:00Z"),
            ],
        )
    };
    assert!(ended("2026-10-01T00:00:00Z").is_ok());
    assert_eq!(ended("2026-11-02T00:00:00Z").map_err(|bad| bad.field), Err("expires_at".to_owned()));
    let new = [("provider", "1"), ("action", "allow"), ("why", "x"), ("expires_at", "2026-11-01T00:00:00Z")];
    assert_eq!(read_with(RecordKind::Override, &new).map_err(|bad| bad.field), Err("expires_at".to_owned()));
}

#[test]
fn a_network_is_bound_once_and_goes_with_its_binding() {
    let records = after(&Records::default(), put(vec![network("2001:db8::/32", "1")], false));
    let again = plan(&records, put(vec![network("2001:DB8:0::/32", "2")], false), now()).expect_err("refused");
    assert!(again.to_string().contains("it is bound to FRN 0000000001 already"), "{again}");
    let who = Who::Peer("2001:db8::7".parse().expect("a name"));
    assert!(records.resolve(&who, now()).is_ok());
    let remove = Change::Remove {
        kind: RecordKind::Peer,
        ids: vec!["2001:db8::/32".to_owned()],
        by: "bob".to_owned(),
        why: String::new(),
    };
    assert!(after(&records, remove).resolve(&who, now()).is_err());
}

#[test]
fn a_name_that_is_bound_as_another_kind_is_named_in_the_error() {
    let ocn = read(RecordKind::Peer, &[("name", "591E"), ("kind", "ocn"), ("provider", "1")]);
    let records = after(&Records::default(), put(vec![ocn, peer("7321", "2")], false));
    let said = |who: Who| records.resolve(&who, now()).expect_err("unbound").to_string();
    assert!(said(Who::Peer("591e".parse().expect("a name"))).contains("OCN 591E is: ask for ocn:591E"));
    assert!(said(Who::Ocn("7321".parse().expect("an OCN"))).contains("peer 7321 is: ask for peer:7321"));
}

#[test]
fn a_name_that_begins_with_a_prefix_of_questions_is_refused() {
    for name in ["peer:x", "PEER: x", "ocn:591E", "frn:20237343", "rmd:0001410"] {
        let bad = read_with(RecordKind::Peer, &[("name", name), ("provider", "1")]).expect_err(name);
        assert!(bad.field == "name" && bad.problem.contains("could not be asked for"), "{bad}");
    }
    for name in ["1234567890", "RMD0001410", "RMD1410", "7321", "peers", "10.0.0.0/8"] {
        assert!(read_with(RecordKind::Peer, &[("name", name), ("provider", "1")]).is_ok(), "{name}");
    }
}

#[test]
fn a_day_means_the_same_on_that_day_and_later() {
    let cells = [("id", "n-1"), ("provider", "1"), ("issued_at", "2026-11-24"), ("mitigated_at", "2026-11-24")];
    let read_at = |at: Timestamp| {
        let mut fields = Fields::default();
        cells.iter().for_each(|(name, text)| fields.set(name, *text));
        let record = fields::read(RecordKind::Notice, &fields, "alice", at).expect("read");
        record.check(at).map(|()| record)
    };
    let (today, tomorrow) = (now(), at("2026-11-25T18:00:00Z"));
    let first = read_at(today).expect("it is that day");
    let RecordBody::Notice(notice) = &first.body else { panic!("a notice") };
    assert_eq!(notice.issued_at, at("2026-11-25T04:59:59.999Z"), "the end of the day in Washington, which is to come");
    assert!(!notice.is_overdue(today));
    let records = Records::default();
    let records = records.after(&plan(&records, put(vec![first], false), today).expect("planned"));
    let again = read_at(tomorrow).expect("read");
    assert_eq!(plan(&records, put(vec![again], false), tomorrow).expect("it says the same"), []);
    let before = read_at(at("2026-11-23T12:00:00Z")).expect_err("that day has not come").to_string();
    assert!(before.contains("has not come yet"), "{before}");
    // An hour of that day that has not come is none that has been.
    let later = read_with(RecordKind::Notice, &[("id", "n"), ("provider", "1"), ("issued_at", "2026-11-24 23:00 ET")]);
    assert!(later.expect_err("it is noon").problem.contains("has not come yet"));
    // What is done about it on its day comes behind it.
    let mitigated =
        [("id", "n"), ("provider", "1"), ("issued_at", "2026-11-24"), ("mitigated_at", "2026-11-24T11:00Z")];
    assert!(read_with(RecordKind::Notice, &mitigated).is_ok());
}
