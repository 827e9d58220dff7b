use crate::listing::{COLUMNS, CsvFormat, LineEnd, World};

/// The records of a file, read one character at a time.
fn records(file: &[u8], line_end: &str) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(file).expect("UTF-8");
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut all, mut record) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let mut cell = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted;
            loop {
                let (before, after) = rest.split_once('"').expect("a closing quote");
                cell.push_str(before);
                rest = after;
                match rest.strip_prefix('"') {
                    Some(more) => rest = more,
                    None => break,
                }
                cell.push('"');
            }
            assert!(cell.contains([',', '"', '\r', '\n']), "quoted without need: {cell:?}");
        } else {
            let end = rest.find([',', '\r', '\n']).unwrap_or(rest.len());
            let (bare, after) = rest.split_at(end);
            assert!(!bare.contains('"'), "a bare quote: {bare:?}");
            cell.push_str(bare);
            rest = after;
        }
        record.push(cell);
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
            assert!(!rest.is_empty(), "a file never ends in an empty cell");
        } else {
            rest = rest.strip_prefix(line_end).unwrap_or_else(|| {
                assert!(rest.is_empty(), "a line end is expected");
                rest
            });
            all.push(std::mem::take(&mut record));
        }
    }
    all
}

#[test]
fn the_file_reads_back_to_the_filings_in_every_form() {
    let world = World::new(5, 200);
    for (line_end, end) in [(LineEnd::Lf, "\n"), (LineEnd::CrLf, "\r\n"), (LineEnd::Cr, "\r")] {
        for bits in 0..16 {
            let [bom, recertified, older, final_line_end] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let format = CsvFormat { bom, line_end, recertified, older, final_line_end, columns: None };
            let file = world.to_csv_with(&format);
            assert_eq!(file.starts_with(b"\xef\xbb\xbf"), bom, "{format:?}");
            assert_eq!(file.ends_with(end.as_bytes()), final_line_end, "{format:?}");
            let mut records = records(&file, end).into_iter();
            let header = records.next().expect("a header");
            assert_eq!(header.len(), 22 + usize::from(recertified) + 2 * usize::from(older));
            assert_eq!(records.len(), 200);
            for (record, row) in records.zip(world.filings()) {
                let cells: Vec<&str> = header.iter().map(|column| row.get(column)).collect();
                assert_eq!(record, cells, "{format:?}");
            }
        }
    }
}

#[test]
fn the_usual_file_has_the_22_columns_and_plain_line_ends() {
    let world = World::new(5, 60);
    let file = world.to_csv();
    assert_eq!(file, world.to_csv_with(&CsvFormat::default()));
    assert!(file.starts_with(format!("{}\nRMD0001410,", COLUMNS.join(",")).as_bytes()));
    assert!(file.ends_with(b"&view=sp\n"));
}

#[test]
fn columns_come_and_go() {
    let mut world = World::new(5, 60);
    let header = |format: &CsvFormat| records(&world.to_csv_with(format), "\n").swap_remove(0);
    let recertified = header(&CsvFormat { recertified: true, ..CsvFormat::default() });
    assert_eq!(recertified.get(20..), Some(&["last_updated", "last_recertified", "filing_url"].map(str::to_owned)[..]));
    let older = header(&CsvFormat { older: true, ..CsvFormat::default() });
    assert_eq!(older.get(22..), Some(&["intermediate_provider", "ipr_imported"].map(str::to_owned)[..]));

    world.row_mut("RMD0001410").expect("the first").set("colour", "a \"warm\" red");
    let columns = ["frn", "colour", "number"].map(str::to_owned);
    let own = CsvFormat { columns: Some(columns.to_vec()), ..CsvFormat::default() };
    let records = records(&world.to_csv_with(&own), "\n");
    assert_eq!(records[0], columns);
    assert_eq!((records[1][1].as_str(), records[1][2].as_str()), ("a \"warm\" red", "RMD0001410"));
    assert!(records[2..].iter().all(|record| record[1] == format!("made up for {}", record[2])));
}
