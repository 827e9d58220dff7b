//! Rows of cells -> CSV.

use csv::WriterBuilder;

/// Writes rows of cells as CSV. A row that begins with # has its first cell in quotes, so that it is read as no comment.
///
/// # Errors
///
/// If the writer fails.
pub fn write<W: std::io::Write>(out: W, rows: impl IntoIterator<Item = Vec<String>>) -> std::io::Result<()> {
    let mut writer = WriterBuilder::new().comment(Some(b'#')).from_writer(out);
    for row in rows {
        writer.write_record(row).map_err(std::io::Error::other)?;
    }
    writer.flush()
}

/// A text that came from a third party, as a cell that no spreadsheet takes for a formula: one that begins like a formula
/// gets an apostrophe in front, as the FCC's own listing has it.
pub(crate) fn as_text(text: String) -> String {
    let begins_a_formula =
        |c: char| matches!(super::ascii_width(c), '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '|' | '%');
    match super::trim(&text).starts_with(begins_a_formula) || text.starts_with(begins_a_formula) {
        true => format!("'{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_begins_with_a_hash_is_read_again_as_a_row() {
        let mut csv = Vec::new();
        write(&mut csv, [vec!["name".to_owned()], vec!["#5".to_owned()]]).expect("written");
        let table = super::super::read(&csv, &|names| usize::from(names == ["name"])).expect("a table");
        assert_eq!(table.rows[0].as_ref().expect("a row").cells, ["#5"]);
    }

    #[test]
    fn what_begins_like_a_formula_gets_an_apostrophe_and_nothing_else_does() {
        for formula in ["=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u{200b}=1", "＝1"]
        {
            assert_eq!(as_text(formula.to_owned()), format!("'{formula}"));
        }
        for plain in ["", "Example, Inc.", "'=1", "A = B"] {
            assert_eq!(as_text(plain.to_owned()), plain);
        }
    }
}
