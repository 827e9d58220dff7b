//! Which character stands between the cells: the one with which a header is recognised.

use super::cells::{Record, records};

/// What may stand between cells, the likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// So many rows are searched for the header.
pub const HEADER_WITHIN: usize = 30;

/// How well a row's names are known as a header: how many of them, 0 for none that would do.
pub(crate) type Fit<'a> = &'a dyn Fn(&[String]) -> usize;

/// The delimiter of a text, and the text behind a first line that names it.
pub fn delimiter<'a>(text: &'a str, fit: Fit<'_>) -> (u8, &'a str) {
    let named = named(text);
    if let Some((named, rest)) = named
        && header(&records(start(rest), named).0, fit).is_some()
    {
        return (named, rest);
    }
    // A file that was written anew may still begin with the line of another.
    let sample = start(text);
    let score = |delimiter: u8| {
        let (records, _) = records(sample, delimiter);
        header(&records, fit).map_or((0, 0), |(place, known)| (known, records[place].cells.len()))
    };
    let mut best = (b',', score(b','));
    for delimiter in &DELIMITERS[1..] {
        let score = score(*delimiter);
        if score > best.1 {
            best = (*delimiter, score);
        }
    }
    match named {
        Some(named) if best.1 == (0, 0) => named,
        _ => (best.0, text),
    }
}

/// As much of a text as tells what stands between its cells.
fn start(text: &str) -> &str {
    let mut end = text.len().min(1 << 16);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// `sep=;`, as Excel writes and reads it.
fn named(text: &str) -> Option<(u8, &str)> {
    let end = text.find(['\n', '\r'])?;
    let line = text.get(..end)?.trim_matches([' ', '"']);
    let named = line.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).and_then(|_| line.get(4..))?;
    let delimiter = DELIMITERS.into_iter().find(|delimiter| named.as_bytes() == [*delimiter])?;
    // The row still counts: it is one of the file.
    Some((delimiter, text.get(end..)?))
}

/// Which of the first rows is the header, and how many of its names are known: the one with the most, of those the first.
pub fn header(records: &[Record], fit: Fit<'_>) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    for (place, record) in records.iter().enumerate().take(HEADER_WITHIN) {
        let known = fit(&names(record));
        if known > best.map_or(0, |(_, known)| known) {
            best = Some((place, known));
        }
    }
    best
}

/// A row's cells as the names of columns.
pub fn names(record: &Record) -> Vec<String> {
    record.cells.iter().map(|cell| super::comparable(cell)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(names: &[String]) -> usize {
        names.iter().filter(|name| matches!(name.as_str(), "frn" | "role" | "frn_carrier")).count()
    }

    #[test]
    fn the_delimiter_is_the_one_with_which_the_header_is_known() {
        for (text, expected) in [
            ("frn,role\n1,2\n", b','),
            ("List, of November\nfrn;role\n1;2\n", b';'),
            ("frn\trole\n1\t2, 3\n", b'\t'),
            ("frn|role\n1|2\n", b'|'),
            ("frn;carrier\n1;2\n", b';'),
            ("frn\n1\n", b','),
            ("sep=;\nfrn;role\n", b';'),
            ("\"sep=|\"\r\nfrn|role\r\n", b'|'),
            ("\"sep=;\"\r\nfrn;role\r\n", b';'),
            ("SEP=,\r\nfrn,role\r\n", b','),
            ("sep=;\r\nfrn,role\r\n", b','),
            ("neither;nor\n", b','),
        ] {
            assert_eq!(delimiter(text, &fit).0, expected, "{text:?}");
        }
    }

    #[test]
    fn the_header_is_the_row_of_which_most_is_known() {
        let at = |text: &str| header(&records(text, b',').0, &fit);
        assert_eq!(at("frn,role\nfrn,role\n"), Some((0, 2)));
        assert_eq!(at("Our upstreams\n\nname,frn,role\n"), Some((2, 2)));
        assert_eq!(at("a,b\n"), None);
    }
}
