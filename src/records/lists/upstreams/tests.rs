use super::*;

fn list(text: &str) -> Upstreams {
    read(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn named(text: &str) -> Vec<String> {
    let tell = |row: &Result<Upstream, BadRow>| match row {
        Ok(upstream) => upstream.who.who.to_string(),
        Err(bad) => format!("bad: {bad}"),
    };
    list(text).rows.iter().map(tell).collect()
}

fn roles(text: &str) -> Vec<Option<ProviderRole>> {
    list(text).rows.iter().flatten().map(|upstream| upstream.role).collect()
}

fn refused(text: &str) -> String {
    read(text.as_bytes())
        .map(|read| panic!("{text:?} is read: {read:?}"))
        .unwrap_or_else(|error: UpstreamsError| error.to_string())
}

#[test]
fn the_header_is_recognised_in_any_order_and_writing() {
    let list = list("Site,FCC FRN,Role\nnorth, 20237343 ,gateway\n\nsouth,0003-7348-11,\n");
    let upstreams: Vec<_> = list.rows.iter().flatten().collect();
    assert_eq!((upstreams[0].row, upstreams[1].row), (2, 4), "as a spreadsheet counts");
    assert_eq!((upstreams[0].role, upstreams[1].role), (Some(ProviderRole::Gateway), None));
    assert_eq!(upstreams[0].cells, ["north", " 20237343 ", "gateway"], "as they stand");
    assert_eq!(upstreams[1].who.who.to_string(), "FRN 0003734811");
}

#[test]
fn the_surest_column_that_is_filled_says_who() {
    let text = "\u{feff}trunk group,OCN,frn,RMD Number\na,591e,20237343,RMD0001410\na,591e,20237343,N/A\nA,591e,pending,\nA,,,\n";
    assert_eq!(named(text), ["RMD0001410", "FRN 0020237343", "OCN 591E", "peer a"]);
    let also: Vec<usize> = list(text).rows.iter().flatten().map(|upstream| upstream.also.len()).collect();
    assert_eq!(also, [3, 2, 1, 0], "what else is named is kept, to be compared");
}

#[test]
fn a_bad_row_is_told_with_its_field_and_keeps_no_other_from_being_asked() {
    let mut text = "frn,role\n".to_owned();
    for _ in 2..7_000 {
        text.push_str("20237343,voice\n");
    }
    text.push_str(
        "2023734X,voice\n20237343,boss\n,voice\nN/A,\nTotal: 6998,\n20237343\n20237343,voice,\n20237343,voice,x\n",
    );
    let list = list(&text);
    assert_eq!(list.rows.len(), 7_006);
    let bad: Vec<_> = list.rows.iter().filter_map(|row| row.as_ref().err()).collect();
    let places: Vec<_> = bad.iter().map(|bad| (bad.row, bad.field.as_str())).collect();
    let expected = [
        (7_000, "frn"),
        (7_001, "role"),
        (7_002, "frn"),
        (7_003, "frn"),
        (7_004, "frn"),
        (7_005, "role"),
        (7_007, "role"),
    ];
    assert_eq!(places, expected);
    assert!(bad[1].problem.contains("gateway"), "it names the words that are known: {}", bad[1]);
    assert!(bad[3].problem.contains("\"N/A\"") && bad[6].problem.contains("3 cells"), "{} {}", bad[3], bad[6]);
}

#[test]
fn the_column_says_whether_digits_are_an_rmd_number_or_an_frn() {
    assert_eq!(named("rmd\n0001410\n1410\nRMD 1410\n"), ["RMD0001410"; 3]);
    assert!(named("rmd\n0020237343\n")[0].starts_with("bad: row 2, field rmd"), "a number of ten digits is none");
    let in_frn = list("frn\nRMD0001410\n20237343\n");
    assert_eq!(in_frn.rows[0].as_ref().expect("read").who.who.to_string(), "RMD0001410");
    assert!(in_frn.notes[0].contains("an RMD number stands where an FRN is expected in 1 row,"), "{:?}", in_frn.notes);
    // A column of numbers that counts the rows is none of the database's.
    let counted = "number,frn\n1,20237343\n2,0003734811\n";
    assert_eq!(named(counted), ["FRN 0020237343", "FRN 0003734811"]);
    assert!(list(counted).notes[0].contains("\"number\" is not used"));
    assert_eq!(named("number,frn\nRMD0001410,20237343\n"), ["RMD0001410"]);
    assert_eq!(named("provider,trunk\nExample LLC,a\nRMD0001410,b\n"), ["peer a", "RMD0001410"]);
}

#[test]
fn two_numbers_of_one_kind_in_a_row_are_a_bad_row() {
    let twice = named("frn,FCC FRN\n20237343,0020237343\n20237343,3734811\n");
    assert_eq!(twice[0], "FRN 0020237343");
    assert!(twice[1].contains("give each a row of its own"), "{}", twice[1]);
    assert!(named("frn,rmd\n20237343,RMD000141O\n")[0].starts_with("bad: row 2, field rmd"));
}

#[test]
fn roles_are_read_by_the_columns_name_or_its_cells_and_a_column_that_is_not_used_is_said() {
    for header in ["Provider Type", "Role", "Upstream role", "Type", "Service type"] {
        let text = format!("frn,{header}\n20237343,Gateway Provider\n20237343,VSP\n20237343,N/A\n");
        let expected = [Some(ProviderRole::Gateway), Some(ProviderRole::VoiceService), None];
        assert_eq!(roles(&text), expected, "{header}");
        assert!(list(&text).notes.is_empty());
    }
    for text in [
        "frn,Type\n20237343,Gateway\n20237343,Wholesale\n",
        "frn,acts as\n20237343,Gateway Provider\n20237343,Intermediate\n",
        "frn,role as of the contract\n20237343,G\n",
        "frn,Type\n20237343,International gateway\n",
        "frn,Service\n20237343,gateway only\n",
        "frn,Category\n20237343,GW/INT\n20237343,SIP\n",
        "frn,Type\n20237343,GP\n",
        "frn,Type\n20237343,Non Gateway\n20237343,VSP\n",
        "frn,Type\n20237343,Gateway/Intermediate\n20237343,Wholesale\n",
        "frn,acts as\n20237343,Intl. Gateway Provider\n",
        "frn,acts as\n20237343,Gateway & VSP\n",
    ] {
        let list = list(text);
        assert!(
            list.notes.iter().any(|note| note.contains("may hold roles and is not used")),
            "{text:?}: {:?}",
            list.notes
        );
        assert!(list.rows.iter().flatten().all(|upstream| upstream.role.is_none()));
        assert_eq!(list.unasked.len(), 1, "{text:?}");
    }
    for header in ["Type", "Service", "Category", "Role"] {
        let text = format!("frn,{header}\n20237343,Gateway/Intermediate\n20237343,VSP\n20237343,Gateway & VSP\n");
        let reported = named(&text);
        assert!(
            reported[0].contains(&format!("row 2, field {header}: ")) && reported[0].contains("one alone"),
            "{text}"
        );
        assert!(reported[2].starts_with("bad: row 4"), "{text}");
        assert_eq!(roles(&text), [Some(ProviderRole::VoiceService)], "{text}");
    }
    let none = list("frn,Service,Notes\n20237343,Wholesale voice,has a gateway in Dallas\n20237343,SMS,fine\n");
    assert!(none.unasked.is_empty(), "{:?}", none.unasked);
    assert!(list("frn,foreign\n20237343,yes\n").notes[0].contains("\"foreign\" is not used"));
    assert!(list("frn,at\n20237343,2025-08-06\n").notes[0].contains("\"at\" is not used"));
    assert_eq!(list("frn,at\n20237343,\n").notes, Vec::<String>::new());
    // When a record was made, as exports of records have it.
    assert_eq!(list("provider,why,by,at\nRMD0001410,,alice,2025-08-06T12:00:00Z\n").notes, Vec::<String>::new());
    assert!(list("frn,site\n20237343,north\n").notes.is_empty());
    assert!(named("frn,role,provider type\n20237343,gateway,VSP\n")[0].contains("another column says gateway"));
}

#[test]
fn a_list_without_providers_is_refused_with_what_to_do() {
    assert!(matches!(read(b"name,city\na,b\n"), Err(UpstreamsError::NoProviderColumn { .. })));
    assert!(refused("Carrier Name\nExample LLC\n").contains("rmdd search"));
    assert_eq!(read(b"frn\n"), Err(UpstreamsError::Table(TableError::Empty)));
    assert_eq!(read(b" \n"), Err(UpstreamsError::Table(TableError::Empty)));
    assert!(refused("[{\"name\": \"Example\"}]").contains("call one frn"));
    let twice = refused("[{\"frn\": \"0020237343\", \"frn\": \"0003734811\"}]");
    assert!(twice.contains("entry 1, field frn: it stands twice"), "{twice}");
    assert!(refused("[{\"frn\": ").contains("cannot be read as JSON"));
    assert!(refused("0020237343\n0003734811\n").contains("call one frn"));
}

#[test]
fn json_is_a_list_like_any_other() {
    for text in [
        "[{\"frn\": \"0020237343\", \"role\": \"VSP\"}, {\"frn\": 3734811}, {\"frn\": [1]}, 7, {\"frn\": \"1\", \"frn\": \"2\"}]",
        "{\"frn\": \"0020237343\", \"role\": \"VSP\"}\n{\"frn\": 3734811, \"role\": null}\n{\"frn\": [1]}\n7\n{\"frn\": \"1\", \"frn\": \"2\"}\n",
    ] {
        let reported = named(text);
        assert_eq!(reported[..2], ["FRN 0020237343", "FRN 0003734811"], "{text}");
        for (reported, words) in
            reported[2..].iter().zip(["row 3, field frn", "row 4, field entry", "row 5, field frn: it stands twice"])
        {
            assert!(reported.contains(words), "{reported}");
        }
        assert_eq!(roles(text), [Some(ProviderRole::VoiceService), None]);
    }
}

#[test]
fn a_second_number_of_a_row_is_never_dropped_whatever_its_column_is_called() {
    for header in ["FRN 2", "FRN2", "Registration", "Affiliate FRN", "Parent FRN", "FCC Reg. No."] {
        let reported =
            named(&format!("FRN,{header}\n20237343,0020237343\n20237343,0003734811\n20237343,\n20237343,1.2345E+09\n"));
        assert_eq!((reported[0].as_str(), reported[2].as_str()), ("FRN 0020237343", "FRN 0020237343"), "{header}");
        assert!(reported[1].contains("give each a row of its own"), "{header}: {}", reported[1]);
        assert!(reported[3].contains("lost digits"), "{header}: {}", reported[3]);
    }
    for (header, cell, words) in [
        ("Other FRNs", "0003734811", "names affiliates"),
        ("Ticket", "0003734811", "may be a provider's"),
        ("Registration", "2026-01-02", "no numbers of the database"),
    ] {
        let list = list(&format!("FRN,{header}\n20237343,{cell}\n"));
        assert!(list.notes.iter().any(|note| note.contains(words)), "{header}: {:?}", list.notes);
        assert!(list.rows[0].is_ok(), "{header}");
    }
    assert_eq!(named("Registration,site\n0020237343,x\n"), ["FRN 0020237343"]);
    assert!(list("FRN,FRN status\n20237343,active\n").rows[0].is_ok());
}

#[test]
fn an_upstream_without_a_number_of_its_own_is_bad_whatever_number_of_somebody_else_stands_beside_it() {
    for text in [
        "FRN,Parent FRN\nN/A,0018570812\n",
        "FRN,Affiliate FRN\n,0018570812\n",
        "Affiliate FRN,FRN\n0018570812,pending\n",
        "Carrier,FRN,Customer FRN\nX,,0018570812\n",
        "FRN,RMD No.,Parent RMD\n,,RMD0001410\n",
        "FRN,Carrier FRN\n,0018570812\n",
    ] {
        let reported = named(text);
        assert!(reported[0].starts_with("bad: row 2, field "), "{text:?}: {reported:?}");
        assert!(reported[0].contains(": give an ") && reported[0].contains(" is not its own"), "{reported:?}");
    }
    let by_trunk = list("Trunk,FRN,Parent FRN\nTG-1,,0018570812\n");
    let upstream = by_trunk.rows[0].as_ref().expect("read");
    assert_eq!((upstream.who.who.to_string().as_str(), upstream.also.len()), ("peer tg-1", 0));
    assert_eq!(upstream.beside[0].who.to_string(), "FRN 0018570812", "it is compared, and is no answer");
    assert!(upstream.unsaid.is_some());
    for own in ["FRN,FRN 2\n,0018570812\n", "Trunk,Customer FRN\n,0018570812\n", "Carrier FRN,RMD No.\n0018570812,\n"] {
        assert_eq!(named(own), ["FRN 0018570812"], "{own:?}");
    }
    assert_eq!(named("Carrier FRN,RMD No.\n,RMD0001410\n"), ["RMD0001410"]);
}

/// The roles in which each row is asked, or its field if it is bad.
fn asked(text: &str) -> Vec<String> {
    let words = |upstream: &Upstream| {
        let roles: Vec<String> = upstream.role.iter().chain(&upstream.also_as).map(ToString::to_string).collect();
        roles.join(" ")
    };
    list(text).rows.iter().map(|row| row.as_ref().map_or_else(|bad| format!("! {}", bad.field), words)).collect()
}

#[test]
fn a_column_for_each_role_is_asked_where_it_is_marked() {
    let (voice, gateway, other) = ("voice_service", "gateway", "non_gateway_intermediate");
    for header in
        ["Voice,Gateway,Intermediate", "VSP,Gateway Provider?,Non-Gateway Intermediate", "Voice (Y/N),GW,NGIP"]
    {
        let text = format!(
            "FRN,{header}\n1000001,Yes,No,No\n1000001,,X,\n1000001,no,Y,y\n1000001,,,\n1000001,No,No,\n1000001,No,No,No\n1000001,Yes,maybe,\n1000001,TRUE,#N/A,\n1000001,yes\n"
        );
        let reported = asked(&text);
        assert_eq!(
            reported[..5],
            [voice.to_owned(), gateway.to_owned(), format!("{gateway} {other}"), String::new(), String::new()]
        );
        assert!(reported[5..].iter().all(|reported| reported.starts_with("! ")), "{header}: {reported:?}");
        assert_eq!(reported.len(), 9);
        let list = list(&text);
        assert!(list.notes.is_empty() && list.unasked.is_empty(), "{:?}", list.notes);
    }
    assert_eq!(
        asked("FRN,Role,Gateway\n1000001,gateway,Yes\n1000001,VSP,Yes\n1000001,gateway,No\n1000001,VSP,\n"),
        [gateway, "! Gateway", "! Gateway", voice]
    );
    let unmarked = list("FRN,Gateway\n1000001,gw1.example\n");
    assert_eq!((unmarked.unasked.as_slice(), unmarked.notes.len()), (&["Gateway".to_owned()][..], 1));
    let foreign = list("FRN,foreign_voice_provider\n1000001,No\n");
    assert_eq!((foreign.unasked.len(), foreign.notes.len()), (0, 1));
    let named_alike = list("FRN,Gateway IP\n1000001,192.0.2.7\n");
    assert_eq!((named_alike.unasked.len(), named_alike.notes.len()), (0, 1));
}
