//! Names that lead to providers.

use super::*;

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
