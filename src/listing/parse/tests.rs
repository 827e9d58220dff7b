use super::*;
use crate::domain::Frn;

const HEADER: &str = "number,frn,business_name,business_address,foreign_voice_provider,country,other_frns,\
    other_dba_names,previous_dba_names,robocall_mitigation_contact_name,contact_title,contact_department,\
    contact_business_address,contact_country,contact_telephone_number,contact_phone_extension,implementation,\
    voice_service_provider_choice,gateway_provider_choice,intermediate_provider_choice,last_updated,filing_url";

fn row(number: u32, frn: &str) -> String {
    format!(
        "RMD{number:07},{frn},Example {number},\"1 Main St\nSpringfield\",No,United States of America,,,,Contact,,,\
         \"1 Main St\nSpringfield\",,,,N/A,Yes,No,,2025-01-01,https://rmd.example/?sys_id={number:032x}&view=sp"
    )
}

fn listing(rows: &[String]) -> String {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        text.push_str(row);
        text.push('\n');
    }
    text
}

fn three() -> String {
    listing(&[row(10, "0000000010"), row(20, "0000000020"), row(30, "0000000030")])
}

#[test]
fn rows_are_read_with_their_cells_as_published() {
    let listing = parse(three().as_bytes()).expect("a listing");
    assert_eq!(listing.filings.len(), 3);
    assert_eq!(listing.filings[1].number().to_string(), "RMD0000020");
    assert_eq!(listing.filings[1].frn().expect("an FRN").to_string(), "0000000020");
    assert_eq!(listing.filings[1].cell(Column::BusinessAddress), "1 Main St\nSpringfield");
    assert_eq!((listing.unreadable.len(), listing.truncated), (0, None));
    assert!(listing.missing_columns.is_empty() && listing.unknown_columns.is_empty());
}

#[test]
fn a_filing_that_is_known_and_did_not_change_keeps_the_memory_it_has() {
    let known = parse(three().as_bytes()).expect("a listing").filings;
    let changed = three().replace("xample 20", "xample 20 LLC");
    let read = parse_beside(changed.as_bytes(), &known).expect("a listing").filings;
    assert_eq!(read, parse(changed.as_bytes()).expect("a listing").filings);
    let kept: Vec<bool> = read.iter().zip(&known).map(|(read, known)| Arc::ptr_eq(read, known)).collect();
    assert_eq!(kept, [true, false, true]);
}

#[test]
fn a_byte_order_mark_and_any_line_end_are_accepted() {
    let plain = parse(three().as_bytes()).expect("a listing").filings;
    let records = three().replace(",No,U", ",No,\u{1}U");
    assert_ne!(parse(records.as_bytes()).expect("a listing").filings, plain, "the comparison sees cells");
    for end in ["\r\n", "\r"] {
        let text = format!("\u{feff}{}", listing(&[row(10, "10")]).replace("\n", end));
        let read = parse(text.as_bytes()).expect("a listing");
        assert_eq!((read.filings.len(), read.unreadable.len()), (1, 0), "{end:?}");
        assert_eq!(read.truncated, None);
    }
}

#[test]
fn columns_are_read_by_name_wherever_they_stand() {
    let text = "filing_url,frn,gateway_provider_choice,NUMBER,business_name,foreign_voice_provider,implementation,\
                voice_service_provider_choice,intermediate_provider_choice,last_updated,colour\n\
                https://rmd.example/x,10,Yes,RMD0000010,Example,No,N/A,No,No,,green\n";
    let listing = parse(text.as_bytes()).expect("a listing");
    let filing = &listing.filings[0];
    assert_eq!(filing.business_name(), "Example");
    assert_eq!(filing.cell(Column::GatewayProviderChoice), "Yes");
    assert_eq!(filing.unknown_cells().collect::<Vec<_>>(), [("colour", "green")]);
    assert_eq!(listing.unknown_columns, ["colour"]);
    assert!(listing.missing_columns.contains(&Column::BusinessAddress));
}

#[test]
fn what_is_no_listing_is_told_apart() {
    assert_eq!(parse(b"").expect_err("refused"), ParseError::Empty);
    assert_eq!(parse(b"\xef\xbb\xbf \r\n").expect_err("refused"), ParseError::Empty);
    assert_eq!(parse(b"\n<!DOCTYPE html><html>").expect_err("refused"), ParseError::Html);
    assert_eq!(parse(b"{\"error\":1}").expect_err("refused"), ParseError::Json);
    assert_eq!(parse(b"PK\x03\x04abc").expect_err("refused"), ParseError::Binary);
    assert_eq!(parse(three().replace("Contact", "\0").as_bytes()).expect_err("refused"), ParseError::Binary);
    assert!(matches!(parse(b"Dear customer,\nhello\n"), Err(ParseError::NoHeader { .. })));
    let headless = three().replace(HEADER, "");
    assert!(matches!(parse(headless.trim_start().as_bytes()), Err(ParseError::NoHeader { .. })), "its cells repeat");
    assert_eq!(
        parse(three().replace("number,frn", "number,fern").as_bytes()).expect_err("refused"),
        ParseError::EssentialColumnsMissing { columns: vec![Column::Frn] }
    );
    assert!(matches!(
        parse(three().replace("country,other_frns", "country,country").as_bytes()),
        Err(ParseError::RepeatedColumn { .. })
    ));
}

#[test]
fn every_cut_inside_the_last_record_is_seen() {
    let whole = three();
    let last = whole.find("RMD0000030").expect("the last record");
    // The record's own line end may be missing: then nothing of it is.
    for cut in last + 1..whole.len() - 1 {
        let listing = parse(&whole.as_bytes()[..cut]).expect("still a listing");
        assert!(listing.truncated.is_some(), "cut at {cut}: {:?}", &whole[last..cut]);
    }
    for whole_to in [last, whole.len() - 1, whole.len()] {
        assert_eq!(parse(&whole.as_bytes()[..whole_to]).expect("a listing").truncated, None, "{whole_to}");
    }
}

#[test]
fn a_bad_row_is_reported_with_its_line_and_neighbours() {
    let text = listing(&[row(10, "10"), row(20, "12AB"), "oops,1,2".to_owned(), row(40, "40"), row(50, "50")]);
    let listing = parse(text.as_bytes()).expect("a listing");
    assert_eq!(listing.filings.len(), 3);
    let [frn, short] = listing.unreadable.as_slice() else { panic!("{:?}", listing.unreadable) };
    assert_eq!((frn.number, &frn.fault), ("RMD0000020".parse().ok(), &RowFault::Frn));
    assert_eq!(frn.line, 5);
    assert_eq!(short.fault, RowFault::CellCount { found: 3, expected: 22 });
    assert_eq!((short.after, short.before), ("RMD0000010".parse().ok(), "RMD0000040".parse().ok()));
}

#[test]
fn an_unclosed_quote_hides_rows_without_passing_for_their_removal() {
    let broken = row(20, "20").replace("\"1 Main St\nSpringfield\",No", "\"1 Main St\nSpringfield,No");
    let text = listing(&[row(10, "10"), broken, row(30, "30"), row(40, "40")]);
    let listing = parse(text.as_bytes()).expect("a listing");
    let hidden: Vec<u32> = [20, 30, 40]
        .into_iter()
        .filter(|value| !listing.filings.iter().any(|filing| filing.number().value() == *value))
        .collect();
    assert!(!hidden.is_empty());
    for value in hidden {
        let number = RmdNumber::from_value(value).expect("a number");
        let covered = listing.unreadable.iter().any(|row| row.may_be(number));
        assert!(covered || listing.truncated.is_some(), "{number}");
    }
}

#[test]
fn a_number_that_stands_twice_counts_once_and_a_differing_twin_is_reported() {
    let text = listing(&[row(10, "10"), row(20, "20"), row(30, "30"), row(20, "21"), row(40, "40"), row(40, "40")]);
    let listing = parse(text.as_bytes()).expect("a listing");
    assert_eq!((listing.filings.len(), listing.repeated), (4, 2));
    assert_eq!(listing.filings[1].frn().map(Frn::value), Some(20), "the row in its place stands");
    let [twin] = listing.unreadable.as_slice() else { panic!("{:?}", listing.unreadable) };
    // It is some other filing's row, with a number that is not its own: one between its neighbours.
    let number = |value| RmdNumber::from_value(value).expect("a number");
    assert_eq!((twin.number, &twin.fault), (None, &RowFault::RepeatedNumber));
    assert!(twin.may_be(number(35)) && !twin.may_be(number(20)) && !twin.may_be(number(25)));
}

#[test]
fn of_two_rows_with_one_number_the_one_in_its_place_stands_whichever_comes_first() {
    let text = listing(&[row(30, "31"), row(10, "10"), row(20, "20"), row(30, "30"), row(40, "40")]);
    let listing = parse(text.as_bytes()).expect("a listing");
    assert_eq!(listing.filings[2].frn().map(Frn::value), Some(30));
    assert!(!listing.in_order);
}

#[test]
fn bytes_that_are_not_utf8_become_replacement_characters_and_the_row_stands() {
    let mut bytes = three().into_bytes();
    let at = three().find("Example 20").expect("the name");
    bytes[at] = 0xe9;
    let listing = parse(&bytes).expect("a listing");
    assert_eq!(listing.filings[1].business_name(), "\u{fffd}xample 20");
    assert!(listing.unreadable.is_empty());
}

#[test]
fn a_cell_that_no_filer_wrote_makes_its_row_unreadable_and_may_hide_others() {
    let long = row(20, "20").replace("Example 20", &"x".repeat(MAX_CELL_BYTES + 1));
    let fits = row(30, "30").replace("Example 30", &"x".repeat(MAX_CELL_BYTES));
    let listing = parse(listing(&[row(10, "10"), long, fits]).as_bytes()).expect("a listing");
    assert_eq!(listing.filings.len(), 2);
    let [long] = listing.unreadable.as_slice() else { panic!("{:?}", listing.unreadable.len()) };
    assert_eq!(long.fault, RowFault::CellTooLong { column: "business_name".to_owned(), bytes: MAX_CELL_BYTES + 1 });
    assert_eq!((long.number, long.may_hide_others), ("RMD0000020".parse().ok(), true));
}

#[test]
fn a_filing_may_have_no_frn() {
    for blank in ["", "N/A"] {
        let listing = parse(listing(&[row(10, blank)]).as_bytes()).expect("a listing");
        assert_eq!(listing.filings[0].frn(), None);
    }
}
