//! The FRNs that a filing names in free text as those of its affiliates.

use super::Frn;

/// The numbers that can be read from a filing's `other_frns`. The raw text stays in the filing. They only propose
/// candidates: a filing under one number does not stand for another.
///
/// Read are: plain and zero-padded numbers, `0003-7348-11`, `0003 7348 11`, numbers with a name in brackets, lists with
/// any separator, and eleven digits of which the first is a zero too many. `none`, `see attached` and the like hold no
/// number.
pub fn read_other_frns(text: &str) -> Vec<Frn> {
    let mut found: Vec<Frn> = Vec::new();
    let tokens: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '\u{2010}'..='\u{2013}')))
        .map(|token| token.trim_matches(|c: char| !c.is_ascii_digit()))
        .filter(|token| !token.is_empty())
        .collect();
    let mut rest = tokens.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        let mut digits: String = first.chars().filter(char::is_ascii_digit).collect();
        rest = behind;
        if let ([second, third, ..], 4) = (behind, digits.len())
            && (second.len(), third.len()) == (4, 2)
        {
            digits.push_str(second);
            digits.push_str(third);
            rest = &behind[2..];
        }
        let value = match digits.len() {
            7..=10 => digits.parse().ok(),
            11 => digits.strip_prefix('0').and_then(|digits| digits.parse().ok()),
            _ => None,
        };
        if let Some(frn) = value.and_then(Frn::from_value)
            && !found.contains(&frn)
        {
            found.push(frn);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_writing_that_was_seen_is_read() {
        for (text, expected) in [
            ("0028844892 (Example International Inc.)", &["0028844892"][..]),
            ("0003-7348-11", &["0003734811"]),
            ("0003 7348 11", &["0003734811"]),
            ("3734811", &["0003734811"]),
            ("28844892", &["0028844892"]),
            ("00028844892", &["0028844892"]),
            ("FRN: 0028844892; FRN#0003734811", &["0028844892", "0003734811"]),
            ("0028844892\r\n0003734811 0028844892", &["0028844892", "0003734811"]),
            ("none", &[]),
            ("see list in attached RMP", &[]),
            ("N/A", &[]),
            ("", &[]),
            ("2024-05-01", &["0020240501"]),
            ("12345678901234", &[]),
            ("0000000000", &[]),
        ] {
            let read: Vec<String> = read_other_frns(text).iter().map(Frn::to_string).collect();
            assert_eq!(read, expected, "{text:?}");
        }
    }
}
