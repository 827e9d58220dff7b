//! The bytes of a list -> its text, or that they are a workbook.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::TableError;

/// What the bytes of a list are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text {
        /// The text, without a byte order mark.
        text: String,
        /// What to say about how it was read.
        note: Option<String>,
    },
    /// A workbook of a spreadsheet program, in the format that is read.
    Workbook,
}

/// Other files that people hand in: how each begins, what it is, and what to do.
const OTHERS: [(&[u8], &str); 6] = [
    (
        b"\xd0\xcf\x11\xe0",
        "it is an old workbook (.xls) or one with a password: save it as .xlsx without a password, or as CSV UTF-8",
    ),
    (b"\x1f\x8b", "it is packed (gzip): unpack it first"),
    (b"\x28\xb5\x2f\xfd", "it is packed (zstd): unpack it first"),
    (b"%PDF", "it is a PDF: export the list itself, as CSV UTF-8 or .xlsx"),
    (b"\xff\xfe\0\0", "it is UTF-32: save it as CSV UTF-8"),
    (b"\0\0\xfe\xff", "it is UTF-32: save it as CSV UTF-8"),
];

/// Reads the bytes of a list: UTF-8, UTF-16 with or without a byte order mark, else Windows-1252.
///
/// # Errors
///
/// If they are neither text nor a workbook that can be read.
pub fn decode(bytes: &[u8]) -> Result<Content, TableError> {
    if let Some((_, problem)) = OTHERS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(TableError::NotText((*problem).to_owned()));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Ok(Content::Workbook);
    }
    let (text, note) = if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        (utf_16(rest, UTF_16LE)?, None)
    } else if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        (utf_16(rest, UTF_16BE)?, None)
    } else if let Some(encoding) = plain_utf_16(bytes) {
        (utf_16(bytes, encoding)?, None)
    } else {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), None),
            Err(error) => windows_1252(bytes, error.valid_up_to()),
        }
    };
    if let Some(place) = text.find('\0') {
        let line = line_of(text.as_bytes(), place);
        return Err(TableError::NotText(format!("line {line} holds a NUL byte: save it as CSV UTF-8")));
    }
    let start = text.trim_start();
    if start.starts_with('<') {
        return Err(TableError::NotText("it is a web page or XML: export the list as CSV UTF-8 or .xlsx".to_owned()));
    }
    Ok(Content::Text { text, note })
}

fn line_of(bytes: &[u8], place: usize) -> usize {
    1 + bytes.iter().take(place).filter(|byte| **byte == b'\n').count()
}

fn windows_1252(bytes: &[u8], first: usize) -> (String, Option<String>) {
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    let line = line_of(bytes, first);
    let note = format!("it is not UTF-8 (line {line}) and was read as Windows-1252: look at the names in it");
    (text.into_owned(), Some(note))
}

fn utf_16(bytes: &[u8], encoding: &'static Encoding) -> Result<String, TableError> {
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(text.into_owned()),
        None => Err(TableError::NotText("it is UTF-16 and is cut or damaged: save it again, as CSV UTF-8".to_owned())),
    }
}

/// UTF-16 that says so by nothing but its zeros: a text mostly of Latin letters has one in each pair of bytes.
fn plain_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    const LOOKED_AT: usize = 4096;
    let sample = bytes.get(..bytes.len().min(LOOKED_AT) & !1).filter(|sample| sample.len() >= 8)?;
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), sample.len() / 2);
    let nearly_all = |count: usize| count * 10 >= pairs * 8;
    match (even, odd) {
        (0, odd) if nearly_all(odd) => Some(UTF_16LE),
        (even, 0) if nearly_all(even) => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        match decode(bytes).expect("text") {
            Content::Text { text, .. } => text,
            Content::Workbook => panic!("a workbook"),
        }
    }

    fn wide(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_of_a_list_is_read_and_one_that_is_guessed_is_said() {
        let list = "frn,name\n20237343,Café\n";
        assert_eq!(text(list.as_bytes()), list);
        assert_eq!(text(format!("\u{feff}{list}").as_bytes()), list);
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(text(&wide(&format!("\u{feff}{list}"), bytes)), list);
            assert_eq!(text(&wide(list, bytes)), list);
        }
        let Content::Text { text, note } = decode(b"frn,name\n20237343,Caf\xe9 \x93x\x94\n").expect("text") else {
            panic!("text")
        };
        assert_eq!(text, "frn,name\n20237343,Café “x”\n");
        assert!(note.expect("it is said").contains("line 2"));
    }

    #[test]
    fn what_is_no_text_is_refused_with_what_to_do() {
        for (bytes, words) in [
            (&b"\xd0\xcf\x11\xe0\xa1\xb1"[..], ".xlsx"),
            (b"\x1f\x8b\x08\0", "unpack"),
            (b"%PDF-1.7", "PDF"),
            (b"frn\n0020237343\n\0\n", "line 3"),
            (b"\xff\xfef\0r\0n", "UTF-16"),
            (b"\xff\xfe\0\0f\0\0\0", "UTF-32"),
            (b" <html>", "web page"),
        ] {
            let error = decode(bytes).expect_err("refused").to_string();
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(decode(b"PK\x03\x04"), Ok(Content::Workbook));
    }
}
