//! Any bytes as a list that a person hands in.

use rmdd::records::lists::table::{self, comparable};
use rmdd::records::lists::{columns, objects, upstreams};

/// Reads the bytes as a table, as a carrier's upstreams, and as JSON.
pub fn lists(bytes: &[u8]) {
    let fit = |names: &[String]| names.iter().filter(|name| columns::who(name).is_some()).count();
    if let Ok(table) = table::read(bytes, &fit) {
        let rows: Vec<u64> =
            table.rows.iter().map(|row| row.as_ref().map_or_else(|bad| bad.row, |row| row.row)).collect();
        assert!(rows.is_sorted_by(|one, next| one < next), "each row is there once");
        let widest =
            table.rows.iter().map(|row| row.as_ref().map_or(0, |row| row.cells.len())).max().unwrap_or_default();
        assert!(widest <= table.header.len());
        // Where nothing is quoted, a line is a row: none of those that say something may be missing.
        if let Ok(text) = std::str::from_utf8(bytes)
            && !text.contains('"')
            && !text.contains('\0')
        {
            let says_something = |line: &&str| line.chars().any(|c| !table::blank(c) && !",;\t|".contains(c));
            let least = text.split(['\n', '\r']).filter(says_something).count();
            let named = usize::from(text.trim_start_matches([' ', '"', '\u{feff}']).to_lowercase().starts_with("sep="));
            assert!(table.rows.len() + table.left_out + 1 + named >= least, "rows are lost");
        }
    }
    if let Ok(list) = upstreams::read(bytes) {
        assert!(list.header.iter().any(|name| columns::who(&comparable(name)).is_some()));
        assert!(!list.rows.is_empty());
    }
    if objects::is_json(bytes)
        && let Ok(entries) = objects::read(bytes)
    {
        assert!(!entries.is_empty());
    }
}
