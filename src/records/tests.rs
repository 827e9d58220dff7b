mod peers;
mod summary;

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
        (order(&[("kind", "removal"), ("released", "1926-11-26")]), "released"),
        (order(&[("kind", "removal"), ("released", "2020-12-31")]), "released"),
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
