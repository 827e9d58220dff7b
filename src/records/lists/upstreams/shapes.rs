//! Lists in the shapes in which carriers have them: each is read rightly, or its row is told with what to do.

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

use super::*;

/// Whom each row names, and as what; of a bad row a word of what is wrong.
fn outcome(bytes: &[u8]) -> Result<Vec<String>, String> {
    let tell = |row: &Result<Upstream, BadRow>| match row {
        Ok(upstream) => match upstream.role {
            Some(role) => format!("{} {role}", upstream.who.who),
            None => upstream.who.who.to_string(),
        },
        Err(bad) => bad.to_string(),
    };
    read(bytes).map(|list| list.rows.iter().map(tell).collect()).map_err(|error| error.to_string())
}

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn workbook(fill: impl Fn(&mut Workbook)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    fill(&mut workbook);
    workbook.save_to_buffer().expect("a workbook")
}

const A: &str = "FRN 0041000001 gateway";
const B: &str = "FRN 0041000002";

#[test]
fn a_list_of_two_upstreams_is_the_same_list_in_every_dialect_and_encoding() {
    let plain = "frn,role\n0041000001,gateway\n0041000002,\n";
    let swapped = |from: &str, to: &str| plain.replace(from, to).into_bytes();
    let with = |text: &str| text.as_bytes().to_vec();
    let shapes: Vec<(&str, Vec<u8>)> = vec![
        ("plain", with(plain)),
        ("byte order mark", format!("\u{feff}{plain}").into_bytes()),
        ("CRLF", swapped("\n", "\r\n")),
        ("CR", swapped("\n", "\r")),
        ("no line end at the end", with(plain.trim_end())),
        ("semicolons", swapped(",", ";")),
        ("tabs", swapped(",", "\t")),
        ("pipes", swapped(",", "|")),
        ("sep=", with(&format!("sep=;\r\n{}", plain.replace(',', ";")))),
        ("UTF-16 LE with a mark", utf_16(&format!("\u{feff}{plain}"), u16::to_le_bytes)),
        ("UTF-16 BE with a mark", utf_16(&format!("\u{feff}{plain}"), u16::to_be_bytes)),
        ("UTF-16 LE", utf_16(plain, u16::to_le_bytes)),
        ("UTF-16 BE", utf_16(plain, u16::to_be_bytes)),
        (
            "UTF-16 with tabs, as Excel writes Unicode text",
            utf_16(&format!("\u{feff}{}", plain.replace(',', "\t")), u16::to_le_bytes),
        ),
        ("Windows-1252", b"frn,name,role\n0041000001,Caf\xe9,gateway\n0041000002,,\n".to_vec()),
        ("quotes around all", with("\"frn\",\"role\"\n\"0041000001\",\"gateway\"\n\"0041000002\",\"\"\n")),
        ("a blank before quotes", with("frn, role\n\"0041000001\", \"gateway\"\n0041000002 , \n")),
        ("blank rows", with("\n\nfrn,role\n\n0041000001,gateway\n,\n0041000002,\n\n\n")),
        ("a title", with("Upstreams as of November 2026\n\nfrn,role\n0041000001,gateway\n0041000002,\n")),
        ("a title with separators", with("Upstreams,,\nfrn,role,\n0041000001,gateway,\n0041000002,,\n")),
        ("comments", with("# exported\nfrn,role\n# by hand, of November\n0041000001,gateway\n0041000002,\n")),
        ("the header twice", with("frn,role\n0041000001,gateway\nfrn,role\n0041000002,\n")),
        ("trailing separators", with("frn,role,,\n0041000001,gateway,,\n0041000002,,,\n")),
        ("longer rows, blank there", with("frn,role\n0041000001,gateway,,\n0041000002,,\n")),
        (
            "a row without its last columns, which say nothing",
            with("frn,role,site\n0041000001,gateway,north\n0041000002,\n"),
        ),
        ("no-break spaces", swapped("0041000001", "\u{a0}0041000001\u{a0}")),
        ("zero-width signs", swapped("0041000001", "\u{200b}0041000001\u{feff}")),
        ("thin spaces", swapped("0041000001", "0041\u{2009}0000\u{2009}01")),
        ("direction marks", swapped("0041000001", "\u{202d}0041000001\u{202c}")),
        ("full-width digits", swapped("0041000001", "００４１００００01")),
        ("=\"...\"", swapped("0041000001", "=\"0041000001\"")),
        ("=\"...\" in quotes", swapped("0041000001", "\"=\"\"0041000001\"\"\"")),
        ("an apostrophe", swapped("0041000001", "'0041000001")),
        ("no zeros", swapped("0041000001", "41000001")),
        ("a decimal", swapped("0041000001", "41000001.0")),
        ("an exponent", swapped("0041000001", "4.1000001E+07")),
        ("hyphens", swapped("0041000001", "0041-0000-01")),
        ("blanks within", swapped("0041000001", "0041 0000 01")),
        ("FRN in front", swapped("0041000001", "FRN: 0041000001")),
        ("grouped", swapped("0041000001", "\"41,000,001\"")),
        ("Gateway Provider", swapped("gateway", "Gateway Provider")),
        ("N/A as a role", swapped("0041000002,", "0041000002,N/A")),
        ("FCC Registration Number (FRN)", swapped("frn", "FCC Registration Number (FRN)")),
        ("FRN #", swapped("frn", "FRN #")),
        ("F.R.N.", swapped("frn", "F.R.N.")),
        ("CORES FRN", swapped("frn", "CORES FRN")),
        ("FCC Reg. No.", swapped("frn", "FCC Reg. No.")),
        ("sep= in quotes", with(&format!("\"sep=;\"\r\n{}", plain.replace(',', ";").replace('\n', "\r\n")))),
        ("sep=,", with(&format!("sep=,\r\n{plain}"))),
        ("sep= of another file", with(&format!("sep=;\n{plain}"))),
        ("a title with a number", with(&format!("Customer,0012345678\n\n{plain}"))),
        ("a title with a day", with(&format!("Report,20261101\n{plain}"))),
        ("a column for each role", with("frn,Voice,Gateway\n0041000001,No,Yes\n0041000002,,\n")),
        ("JSON", with("[{\"frn\": \"0041000001\", \"role\": \"gateway\"}, {\"frn\": 41000002}]")),
        ("Provider Type", swapped("role", "Provider Type")),
        ("Service type", swapped("role", "Service type")),
        (
            "others beside",
            with("Carrier Name,FRN,RMD No.,Upstream role\n\"X, Inc.\",0041000001,N/A,gateway\nY,0041000002,,\n"),
        ),
        (
            "a name of several lines",
            with("frn,role,address\n0041000001,gateway,\"1 Main St\nTown, ST 12345\"\n0041000002,,\n"),
        ),
        ("quotes within", with("frn,role,name\n0041000001,gateway,\"The \"\"X\"\" Co\"\n0041000002,,5\" Wires\n")),
    ];
    for (shape, bytes) in &shapes {
        assert_eq!(outcome(bytes), Ok(vec![A.to_owned(), B.to_owned()]), "{shape}");
    }
    assert!(shapes.len() > 45);
}

#[test]
fn a_workbook_is_the_same_list() {
    let fill_plain = |workbook: &mut Workbook| {
        let sheet = workbook.add_worksheet();
        for (row, cells) in [["FRN", "Role"], ["0041000001", "Gateway"], ["0041000002", ""]].iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                sheet.write(row as u32, column as u16, *cell).expect("written");
            }
        }
    };
    let numbers = |workbook: &mut Workbook| {
        let zeros = Format::new().set_num_format("0000000000");
        workbook.add_worksheet().set_name("Cover").expect("named").write(0, 0, "Our upstreams").expect("written");
        let sheet = workbook.add_worksheet();
        sheet.merge_range(0, 0, 0, 3, "Upstreams as of November", &Format::new()).expect("merged");
        for (column, name) in ["Site", "FRN", "Role", "Since"].iter().enumerate() {
            sheet.write(2, column as u16, *name).expect("written");
        }
        sheet.write(3, 1, 41_000_001).expect("written");
        sheet.write_formula(3, 2, Formula::new("\"Gate\"&\"way\"").set_result("Gateway")).expect("written");
        let date = ExcelDateTime::from_ymd(2026, 11, 26).expect("a date");
        sheet.write_with_format(3, 3, &date, &Format::new().set_num_format("yyyy-mm-dd")).expect("written");
        sheet.write_with_format(5, 1, 41_000_002, &zeros).expect("written");
        sheet.write_formula(5, 2, Formula::new("IF(1,\"N/A\",\"x\")").set_result("N/A")).expect("written");
    };
    for (shape, bytes) in [("texts", workbook(fill_plain)), ("numbers, titles and formulas", workbook(numbers))] {
        assert_eq!(outcome(&bytes), Ok(vec![A.to_owned(), B.to_owned()]), "{shape}");
    }
    let list = read(&workbook(numbers)).expect("a list");
    let rows: Vec<u64> = list.rows.iter().flatten().map(|upstream| upstream.row).collect();
    assert_eq!(rows, [4, 6], "as the spreadsheet counts");
    assert_eq!(list.rows[0].as_ref().expect("read").cells, ["", "41000001", "Gateway", "2026-11-26"]);
    assert!(list.notes.iter().any(|note| note.contains("sheet \"Sheet2\" was read")), "{:?}", list.notes);
}

#[test]
fn a_merged_area_says_what_it_says_in_each_of_its_rows() {
    let merged = workbook(|workbook| {
        let sheet = workbook.add_worksheet();
        let plain = Format::new();
        sheet.merge_range(0, 0, 0, 2, "Upstreams of November", &plain).expect("merged");
        for (column, name) in ["Role", "FRN", "Site"].iter().enumerate() {
            sheet.write(1, column as u16, *name).expect("written");
        }
        for row in 2..5 {
            sheet.write(row, 1, 41_000_001).expect("written");
        }
        sheet.merge_range(2, 0, 4, 0, "Gateway", &plain).expect("merged");
        // One upstream of two rows' height: its second row says nothing of its own.
        sheet.write(5, 1, 41_000_002).expect("written");
        sheet.merge_range(5, 0, 6, 0, "VSP", &plain).expect("merged");
        sheet.merge_range(5, 2, 6, 2, "north", &plain).expect("merged");
        // One upstream with two sites.
        sheet.merge_range(8, 1, 9, 1, "0041000002", &plain).expect("merged");
        sheet.write(8, 2, "south").expect("written").write(9, 2, "west").expect("written");
        sheet.merge_range(11, 0, 11, 2, "# by hand", &plain).expect("merged");
    });
    let voice = format!("{B} voice_service");
    assert_eq!(outcome(&merged), Ok([A, A, A, &voice, B, B].map(str::to_owned).to_vec()));
    let list = read(&merged).expect("a list");
    let rows: Vec<u64> = list.rows.iter().flatten().map(|upstream| upstream.row).collect();
    assert_eq!(rows, [3, 4, 5, 6, 9, 10]);
    let both = workbook(|workbook| {
        let sheet = workbook.add_worksheet();
        for (column, name) in ["FRN", "Gateway", "Intermediate"].iter().enumerate() {
            sheet.write(0, column as u16, *name).expect("written");
        }
        sheet.write(1, 0, "0041000001").expect("written");
        sheet.merge_range(1, 1, 1, 2, "Yes", &Format::new()).expect("merged");
    });
    let list = read(&both).expect("a list");
    let upstream = list.rows[0].as_ref().expect("read");
    assert_eq!((upstream.role, upstream.also_as.len()), (Some(ProviderRole::Gateway), 1));
}

#[test]
fn a_number_that_is_formatted_as_a_day_is_that_number_if_no_day_is_so_late() {
    let days = workbook(|workbook| {
        let sheet = workbook.add_worksheet();
        let day = Format::new().set_num_format("yyyy-mm-dd");
        sheet.write(0, 0, "FRN").expect("written");
        sheet.write_with_format(1, 0, 41_000_002, &day).expect("written");
        sheet.write_with_format(2, 0, 46_000, &day).expect("written");
    });
    let reported = outcome(&days).expect("a list");
    assert_eq!(reported[0], B);
    assert!(reported[1].contains("looks like a date"), "{reported:?}");
    assert_eq!(read(&days).expect("a list").rows[0].as_ref().expect("read").cells, ["41000002"]);
}

#[test]
fn a_hidden_sheet_that_would_do_is_named() {
    let two = workbook(|workbook| {
        let hidden = workbook.add_worksheet().set_name("Old").expect("named").set_hidden(true);
        hidden.write(0, 0, "FRN").expect("written").write(1, 0, 41_000_001).expect("written");
        let shown = workbook.add_worksheet().set_name("Now").expect("named").set_active(true);
        shown.write(0, 0, "FRN").expect("written").write(1, 0, 41_000_002).expect("written");
    });
    let list = read(&two).expect("a list");
    assert_eq!(list.rows[0].as_ref().expect("read").cells, ["41000002"]);
    let said = list.notes.join("; ");
    assert!(said.contains("sheet \"Now\" was read"), "{said}");
    assert!(said.contains("not read, though it has such a header: sheet \"Old\" (hidden)"), "{said}");
}

#[test]
fn what_is_hidden_in_a_sheet_counts_and_is_told() {
    let filtered = workbook(|workbook| {
        workbook.add_worksheet().set_name("Old & new").expect("named").write(0, 0, "Cover").expect("written");
        let sheet = workbook.add_worksheet().set_name("Up & running").expect("named");
        for (column, name) in ["FRN", "Site", "Role"].iter().enumerate() {
            sheet.write(0, column as u16, *name).expect("written");
        }
        for row in 1..4 {
            sheet.write(row, 0, 41_000_002).expect("written");
        }
        for row in [2, 3, 7] {
            sheet.set_row_hidden(row).expect("hidden");
        }
        sheet.set_column_hidden(2).expect("hidden");
    });
    let list = read(&filtered).expect("a list");
    assert_eq!(list.rows.len(), 3);
    let said = list.notes.join("; ");
    assert!(said.contains("rows 3, 4 hidden in the sheet"), "{said}");
    assert!(said.contains("column \"Role\" hidden in the sheet"), "{said}");
    let plain = workbook(|workbook| {
        workbook.add_worksheet().write(0, 0, "FRN").expect("written").write(1, 0, 41_000_002).expect("written");
    });
    assert!(read(&plain).expect("a list").notes.is_empty());
}

#[test]
fn a_cell_that_stands_under_no_name_makes_its_row_bad_in_a_sheet_too() {
    let wide = workbook(|workbook| {
        let sheet = workbook.add_worksheet();
        sheet.write(0, 0, "FRN").expect("written");
        sheet.write(1, 0, 41_000_002).expect("written").write(1, 2, "x").expect("written");
        sheet.write(2, 0, 41_000_002).expect("written").write(2, 2, " ").expect("written");
    });
    for list in [&wide[..], b"FRN,,\n41000002,,x\n41000002,,\n"] {
        let reported = outcome(list).expect("a list");
        assert_eq!((reported.len(), reported[1].as_str()), (2, B));
        assert!(reported[0].starts_with("row 2, field FRN: a cell stands right of it"), "{reported:?}");
    }
}

#[test]
fn what_a_workbook_does_not_say_is_told() {
    let hidden_value = workbook(|workbook| {
        let sheet = workbook.add_worksheet();
        sheet.write(0, 0, "FRN").expect("written");
        sheet.write(1, 0, 1.2345e9 + 0.5).expect("written");
        sheet.write(2, 0, true).expect("written");
    });
    let reported = outcome(&hidden_value).expect("a list");
    assert!(reported[0].contains("row 2, field FRN") && reported[1].contains("row 3, field FRN"), "{reported:?}");
    let two = workbook(|workbook| {
        for _ in 0..2 {
            workbook.add_worksheet().write(0, 0, "FRN").expect("written").write(1, 0, 41_000_002).expect("written");
        }
    });
    let list = read(&two).expect("a list");
    assert!(list.notes[1].contains("not read, though it has such a header: sheet \"Sheet2\""), "{:?}", list.notes);
    assert!(outcome(b"PK\x03\x04 no archive").expect_err("refused").contains("the workbook cannot be read"));
    let nothing = workbook(|workbook| {
        workbook.add_worksheet();
    });
    assert!(outcome(&nothing).expect_err("refused").contains("empty"));
}

#[test]
fn what_cannot_be_read_is_told_with_its_row_and_keeps_no_other_from_being_asked() {
    for (cell, word) in [
        ("N/A", "N/A"),
        ("pending", "pending"),
        ("", "it is empty"),
        ("Total", "Total"),
        ("Total: 500", "Total: 500"),
        ("1.2345E+09", "format the column as text"),
        ("00410000011", "11 digits"),
        ("500", "write its zeros"),
        ("0041000001; 0041000003", "more than one FRN"),
        ("#REF!", "#REF!"),
        ("#N/A", "#N/A"),
        ("2026-01-02", "looks like a date"),
        ("202-555-0101", "telephone number"),
        ("see notes", "see notes"),
        ("0", "all zeros"),
    ] {
        let text = format!("frn,site\n0041000002,a\n\"{cell}\",b\n0041000002,c\n");
        let reported = outcome(text.as_bytes()).unwrap_or_else(|error| panic!("{cell:?}: {error}"));
        assert_eq!((reported.len(), reported[0].as_str(), reported[2].as_str()), (3, B, B), "{cell:?}");
        assert!(
            reported[1].starts_with("row 3, field frn: ") && reported[1].contains(word),
            "{cell:?}: {}",
            reported[1]
        );
    }
}

#[test]
fn where_rows_or_columns_cannot_be_told_the_list_is_refused_with_what_to_do() {
    for (text, words) in [
        (
            "frn,why\n0041000001,\"fraud\n0041000002,fraud\n",
            "row 2, line 2, cell 2: the quote that opens there is never",
        ),
        ("frn,why\n0041000001,\"fraud\n0041000002,fraud\"\n", "another row"),
        ("frn,why\n0041000001,\"fraud\"s\n", "double the quotes"),
        ("frn\n\u{0}0041000001\n", "line 2 holds a NUL byte"),
        ("name\nExample\n", "call one frn"),
        ("", "empty"),
        ("<html></html>", "web page"),
        ("%PDF-1.7", "PDF"),
        ("\u{1f}\u{8b}", "gzip"),
        ("frn,role\n0041000001,gateway\nrole,frn\ngateway,0041000002\n", "row 3 is another header"),
        (
            "FRN,Name\n0099999999,A\nName,FRN,Role\nC,0021441233,gateway\n",
            "row 3 is another header, besides row 1: hand in one table",
        ),
        (
            "FRN,Name\n0099999999,A\n0099999998,B\n0099999997,C\n\nRole,FRN\ngateway,0021441233\n",
            "row 6 is another header, besides row 1",
        ),
        ("Trunk Group,Name\nP000,A\nFRN,Role\n0021441233,gateway\n", "row 3 is another header, besides row 1"),
        ("Trunk Group,Name\nnorth,A\n\nFRN,Role\n0021441233,gateway\n", "row 4 is another header, besides row 1"),
        ("frn,role\n0041000001,gateway\n\nrmd,name\nRMD0001411,x\n", "row 4 is another header, besides row 1"),
        ("FRN\n0099999999\nName,FRN,Role\nC,0021441233,gateway\n", "row 3 is another header, besides row 1"),
        ("Upstreams\n\nPeer\nP000\n\nPeer,Role\nP001,gateway\n", "row 6 is another header, besides row 3"),
        ("Name,FRN,Role\nC,0021441233,gateway\nFRN,Name\n0099999999,A\n", "row 3 is another header, besides row 1"),
    ] {
        let bytes: Vec<u8> = if text.starts_with('\u{1f}') { vec![0x1f, 0x8b, 8] } else { text.as_bytes().to_vec() };
        let error = outcome(&bytes).expect_err(text);
        assert!(error.contains(words), "{text:?}: {error}");
    }
}
