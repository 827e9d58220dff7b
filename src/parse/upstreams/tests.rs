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
    assert!(in_frn.notes[0].contains("an RMD number stands where an FRN is expected in 1 rows"), "{:?}", in_frn.notes);
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
    ] {
        let list = list(text);
        assert!(
            list.notes.iter().any(|note| note.contains("may hold roles and is not used")),
            "{text:?}: {:?}",
            list.notes
        );
        assert!(list.rows.iter().flatten().all(|upstream| upstream.role.is_none()));
    }
    assert!(list("frn,foreign\n20237343,yes\n").notes[0].contains("\"foreign\" is not used"));
    assert!(list("frn,site\n20237343,north\n").notes.is_empty());
    assert!(named("frn,role,provider type\n20237343,gateway,VSP\n")[0].contains("another column says gateway"));
}

#[test]
fn a_list_without_providers_is_refused_with_what_to_do() {
    assert!(matches!(read(b"name,city\na,b\n"), Err(UpstreamsError::NoProviderColumn { .. })));
    assert!(refused("Carrier Name\nExample LLC\n").contains("rmdd search"));
    assert_eq!(read(b"frn\n"), Err(UpstreamsError::Table(TableError::Empty)));
    assert_eq!(read(b" \n"), Err(UpstreamsError::Table(TableError::Empty)));
    assert!(refused("[{\"frn\": \"0020237343\"}]").contains("it is JSON"));
    assert!(refused("0020237343\n0003734811\n").contains("call one frn"));
}

#[test]
fn a_column_for_each_role_is_not_used_and_that_is_said() {
    let list = read(b"FRN,Gateway,Voice (Y/N),Notes\n0021441233,Yes,No,x\n").expect("a list");
    let told = list.notes.iter().filter(|note| note.contains("may hold roles and is not used")).count();
    assert_eq!(told, 2, "{:?}", list.notes);
}
