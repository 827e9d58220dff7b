use proptest::prelude::*;

use super::*;

fn fit(names: &[String]) -> usize {
    names.iter().filter(|name| matches!(name.as_str(), "frn" | "role" | "site")).count()
}

fn table(text: &str) -> Table {
    read(text.as_bytes(), &fit).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn cells(table: &Table) -> Vec<(u64, Vec<String>)> {
    table.rows.iter().flatten().map(|row| (row.row, row.cells.clone())).collect()
}

fn one(row: u64, cells: &[&str]) -> (u64, Vec<String>) {
    (row, cells.iter().map(|cell| (*cell).to_owned()).collect())
}

#[test]
fn titles_comments_blank_rows_and_repeated_headers_are_left_out_and_said() {
    let table = table("Upstreams\n\n# as of November\nfrn;role\n1;2\n;\n# by hand; in haste\nFRN;Role\n5;6;;\n");
    assert_eq!(table.header, ["frn", "role"]);
    assert_eq!(cells(&table), [one(5, &["1", "2"]), one(9, &["5", "6"])]);
    let said = table.notes.join("\n");
    assert!(said.contains("rows 1, 3 above the header") && said.contains("row 7 left out: a #"), "{said}");
    assert!(said.contains("row 8 left out: the header once more"), "{said}");
}

#[test]
fn a_row_that_may_be_one_is_never_taken_for_a_title() {
    let table = table("0020237343,north\nfrn,site\n0020237344,south\n");
    let bad = table.rows[0].as_ref().expect_err("told");
    assert_eq!((bad.row, table.rows.len()), (1, 2));
    assert!(bad.problem.contains("above the header (row 2)"), "{bad}");
}

#[test]
fn a_title_may_hold_a_number() {
    for title in [
        "Report,20261101",
        "20261101",
        "0041000001",
        "Our FRN:,0041000001",
        "FRN,0041000001",
        "0041000001,for the peering desk\n",
        "frn\nas of November",
        "frn:,north\nsite:,south",
        "frn list\nsite north",
        "Upstreams of RMD0001410",
    ] {
        let table = table(&format!("{title}\nfrn,site\n0020237344,north\n"));
        assert!(table.rows.iter().all(Result::is_ok), "{title:?}: {:?}", table.rows);
    }
}

#[test]
fn a_comment_is_what_can_be_no_row() {
    for comment in ["# by hand", "# by hand, in haste", "#exported", "##", "#", "#----,", "# 2026-11-01 export"] {
        let table = table(&format!("frn,role\n1,2\n{comment}\n"));
        assert_eq!((table.rows.len(), table.left_out), (1, 1), "{comment:?}");
    }
    for row in [
        "#N/A",
        "#N/A,gateway",
        "#REF!,",
        "#VALUE!,x",
        "#2",
        "#2,gateway",
        "#0041000001,x",
        "#,pending",
        "# 7,x",
        "# 0041000001,x",
    ] {
        let table = table(&format!("frn,role\n1,2\n{row}\n"));
        assert_eq!((table.rows.len(), table.left_out), (2, 0), "{row:?}");
        assert!(table.rows[1].is_ok(), "its cells tell: {row:?}");
    }
    for doubtful in ["# TG-1,0041000001", "# RMD0001410", "#TG-1,gateway", "# 0041000001"] {
        let table = table(&format!("frn,role\n1,2\n{doubtful}\n"));
        let bad = table.rows[1].as_ref().expect_err(doubtful);
        assert!(bad.row == 3 && bad.problem.contains("like a comment"), "{doubtful:?}: {bad}");
    }
    assert!(table("frn,role\n\"# 1\",2\n").rows[0].is_ok(), "what stands in quotes is none");
}

#[test]
fn a_row_longer_than_the_header_is_bad_unless_it_is_blank_there() {
    let table = table("frn,role\n1,2,,\n1,2,,x\n1\n");
    assert_eq!(cells(&table), [one(2, &["1", "2"]), one(4, &["1"])]);
    let bad = table.rows[1].as_ref().expect_err("told");
    assert_eq!((bad.row, bad.cells.len()), (3, 2));
}

#[test]
fn where_the_rows_are_is_never_guessed() {
    let error = |text: &str| read(text.as_bytes(), &fit).expect_err("refused").to_string();
    assert!(error("frn,role\n1,\"2\n3,4\n").contains("row 2, line 2, cell 2"));
    assert!(error("frn,role\n1,\"a\nb\",c\n").contains("a quote is missing"));
    assert!(error("frn,role\n1,2\nrole,frn\n").contains("row 3 is another header"));
    assert!(error("a,b\n1,2\n").contains("\"a, b\""));
    assert!(error("frn,role\n\n , \n").contains("empty"));
}

#[test]
fn blanks_that_nobody_sees_are_blanks() {
    assert_eq!(clean("\u{feff}\u{a0}0020\u{a0}2373\u{200b}43\u{2009}"), "0020 237343");
    assert_eq!(comparable("\u{a0}FCC\u{a0}FRN\u{200b} #"), "fcc_frn");
    assert!(blank('\u{202d}') && !blank('0'));
    assert_eq!(cells(&table("frn,role\n\u{a0},\u{200b}\n1,2\n")), [one(3, &["1", "2"])]);
}

/// Cells that lists hold, and some that they should not.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{10}",
        "[a-z]{0,6}",
        Just("The \"X\" Co, Inc.".to_owned()),
        Just("\"".to_owned()),
        Just("1 Main St; Town | ST".to_owned()),
        Just("#5".to_owned()),
        Just(" x\u{a0}".to_owned()),
    ]
}

fn written(rows: &[[String; 3]], delimiter: u8, end: csv::Terminator, quotes: csv::QuoteStyle) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .terminator(end)
        .quote_style(quotes)
        .comment(Some(b'#'))
        .from_writer(Vec::new());
    writer.write_record(["frn", "role", "site"]).expect("written");
    for row in rows {
        writer.write_record(row).expect("written");
    }
    writer.into_inner().expect("written")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read_the_same_in_every_dialect(
        rows in prop::collection::vec(prop::array::uniform3(cell()), 1..12),
        delimiter in prop::sample::select(b",;\t|".to_vec()),
        end in prop::sample::select(vec![csv::Terminator::CRLF, csv::Terminator::Any(b'\n'), csv::Terminator::Any(b'\r')]),
        quotes in prop::sample::select(vec![csv::QuoteStyle::Necessary, csv::QuoteStyle::Always]),
    ) {
        let bytes = written(&rows, delimiter, end, quotes);
        let filled: Vec<Vec<String>> =
            rows.iter().filter(|row| !row.iter().all(|cell| trim(cell).is_empty())).map(|row| row.to_vec()).collect();
        match read(&bytes, &fit) {
            Ok(table) => {
                let read: Vec<Vec<String>> = table.rows.into_iter().map(|row| row.expect("a row").cells).collect();
                prop_assert_eq!(read, filled);
            }
            Err(error) => {
                prop_assert_eq!(error, TableError::Empty);
                prop_assert!(filled.is_empty());
            }
        }
    }

    #[test]
    fn a_quote_that_is_missing_loses_no_row_in_silence(
        rows in prop::collection::vec(prop::array::uniform3(cell()), 2..12),
        which in any::<prop::sample::Index>(),
        always in any::<bool>(),
    ) {
        let quotes = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut bytes = written(&rows, b',', csv::Terminator::Any(b'\n'), quotes);
        let places: Vec<usize> = (0..bytes.len()).filter(|place| bytes[*place] == b'"').collect();
        prop_assume!(!places.is_empty());
        bytes.remove(*which.get(&places));
        if let Ok(table) = read(&bytes, &fit) {
            let filled = rows.iter().filter(|row| !row.iter().all(|cell| trim(cell).is_empty())).count();
            prop_assert!(table.rows.len() + table.left_out >= filled, "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes, &|names| names.len());
    }
}
