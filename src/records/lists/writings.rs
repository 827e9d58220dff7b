//! Numbers and roles as they stand in people's lists: as spreadsheets write them, and as carriers do.
//!
//! What is read is what has one meaning. A number whose digits may be lost is refused: it would name somebody else.

use crate::domain::{Frn, Identity, ProviderRole, RmdNumber, folded};

use super::table::{ascii_width, clean};

/// An FRN that is written with its ten digits may have any value; of fewer digits this many must be left. The lowest one
/// of the database has five: what has fewer is a row number, a total, or a slip.
const FEWEST_DIGITS: usize = 5;

/// Words that stand where nothing is known.
const NOTHING: [&str; 21] = [
    "n/a",
    "na",
    "n.a.",
    "none",
    "null",
    "nil",
    "-",
    "--",
    "—",
    "–",
    "?",
    "tbd",
    "tba",
    "tbc",
    "pending",
    "unknown",
    "missing",
    "not available",
    "not applicable",
    "not known",
    "x",
];

/// Whether a cell says that no number is known.
pub fn says_nothing(cell: &str) -> bool {
    let cell = clean(cell).to_lowercase();
    cell.is_empty() || NOTHING.contains(&cell.as_str())
}

/// Without what spreadsheets put around a number: `="0012345678"`, `'0012345678`, quotes, full-width digits.
fn bare(cell: &str) -> String {
    let text: String = clean(cell).chars().map(ascii_width).collect();
    let mut rest = text.trim();
    loop {
        let before = rest;
        rest = rest.strip_prefix(['\'', '’', '‘', '`', '´']).unwrap_or(rest).trim();
        rest = rest.strip_prefix('=').unwrap_or(rest).trim();
        for (open, close) in [('"', '"'), ('“', '”'), ('\'', '\'')] {
            let within = rest.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
            rest = within.unwrap_or(rest).trim();
        }
        if rest == before {
            return rest.to_owned();
        }
    }
}

/// Behind a word such as `FRN` or `RMD` and what sets it off: `FRN: `, `RMD No. `, `rmd-`.
fn behind<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let start = text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word))?;
    let is_set_off = |c: char| matches!(c, ' ' | ':' | '#' | '-' | '.' | '_' | '=');
    let mut rest = text.get(start.len()..)?.trim_start_matches(is_set_off);
    for noun in ["number", "num", "no", "id"] {
        if rest.get(..noun.len()).is_some_and(|start| start.eq_ignore_ascii_case(noun)) {
            rest = rest.get(noun.len()..)?.trim_start_matches(is_set_off);
            break;
        }
    }
    Some(rest)
}

/// A number as spreadsheets show it, as its digits: `12345678.0`, `1.2345678E+07`, `12,345,678`. What is written otherwise
/// comes back as it is.
fn digits(text: &str) -> Result<String, String> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
        let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
        let powers: Option<usize> = exponent.parse().ok().filter(|_| is_digits(exponent) && exponent.len() <= 2);
        if let (1, true, Some(powers)) = (whole.len(), is_digits(&format!("{whole}{fraction}")), powers) {
            let (kept, beyond) = fraction.split_at(powers.min(fraction.len()));
            if kept.len() == powers && beyond.bytes().all(|byte| byte == b'0') {
                return Ok(format!("{whole}{kept}"));
            }
            return Err(format!(
                "{text:?} has lost digits in a spreadsheet: format the column as text, put the numbers in anew, and export \
                 it again"
            ));
        }
    }
    if let Some((whole, fraction)) = text.split_once(['.', ','])
        && is_digits(whole)
        && whole.len() > 3
        && is_digits(fraction)
    {
        return match fraction.bytes().all(|byte| byte == b'0') {
            true => Ok(whole.to_owned()),
            false => Err(format!("{text:?} is no whole number")),
        };
    }
    for separator in [',', '.', '\''] {
        let groups: Vec<&str> = text.split(separator).collect();
        let of_three = |groups: &[&str]| groups.iter().all(|group| group.len() == 3 && is_digits(group));
        if let [first, rest @ ..] = groups.as_slice()
            && rest.len() > 1
            && (1..=3).contains(&first.len())
            && is_digits(first)
            && of_three(rest)
        {
            return Ok(groups.concat());
        }
    }
    Ok(text.to_owned())
}

/// Whether a cell is written as an RMD number, whatever its column is called.
pub fn is_rmd_number(cell: &str) -> bool {
    let text = bare(cell);
    behind(&text, "rmd").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a cell is written as an FRN is and hardly anything else: ten digits, of which the first are zeros.
pub fn is_plainly_an_frn(cell: &str) -> bool {
    let text = bare(cell);
    text.len() == 10 && text.starts_with("00") && text.bytes().all(|byte| byte.is_ascii_digit()) && frn(cell).is_ok()
}

/// Whether numbers stand in a cell that are long enough for a provider's.
pub fn holds_a_number(cell: &str) -> bool {
    let long = |run: &str| run.len() >= 7 && frn(run).is_ok();
    let digits = |run: &str| run.bytes().filter(u8::is_ascii_digit).count();
    is_rmd_number(cell)
        || (frn(cell).is_ok() && digits(cell) >= 7)
        || cell.split(|c: char| !c.is_ascii_digit()).any(long)
}

/// Reads an FRN.
///
/// # Errors
///
/// Says why it is none, and what to do.
pub fn frn(cell: &str) -> Result<Frn, String> {
    if let Some(problem) = spreadsheet_error(cell) {
        return Err(problem);
    }
    let text = bare(cell);
    let within = behind(&text, "frn").unwrap_or(&text);
    let number = digits(within)?;
    let written = number.bytes().filter(u8::is_ascii_digit).count();
    let others = number.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 7).count();
    if others > 1 {
        return Err(format!("{:?} is more than one FRN: give each a row of its own", shortened(cell)));
    }
    let frn: Frn = number.parse().map_err(|error: crate::domain::FrnError| error.to_string())?;
    if let Some(what) = looks_like(&number) {
        return Err(format!(
            "{:?} looks like a {what}: an FRN is ten digits, such as 0020237343; if it is one, write it so, with its zeros \
             and nothing between them",
            shortened(cell)
        ));
    }
    if written < 10 && frn.value().to_string().len() < FEWEST_DIGITS {
        return Err(format!(
            "{:?} is too short for an FRN, which has ten digits, such as 0020237343: if it is one, write its zeros",
            shortened(cell)
        ));
    }
    Ok(frn)
}

/// What digits are, by how they are grouped, that are no FRN: `2026-01-02` and `202-555-0101` have fewer than its ten
/// digits, or groups as no FRN has them.
fn looks_like(number: &str) -> Option<&'static str> {
    let groups: Vec<usize> =
        number.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|digits| *digits > 0).collect();
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let subscriber = is_subscriber(digits.as_bytes());
    let of_thousands = matches!(groups.split_first(), Some((1..=3, rest)) if rest.iter().all(|group| *group == 3));
    match groups.as_slice() {
        _ if subscriber => Some("telephone number"),
        [_] => None,
        [3, 3, 4] | [3, 4] | [1, 3, 3, 4] => Some("telephone number"),
        [4, 1 | 2, 1 | 2] | [1 | 2, 1 | 2, 2 | 4] => Some("date"),
        // 20 237 343, but not 20-237-343.
        _ if digits.len() == 10 || (of_thousands && number.contains(' ') && !number.contains('-')) => None,
        _ => Some("number of another kind"),
    }
}

/// Whether these are ten digits as a subscriber of the North American Numbering Plan has them: NXX-NXX-XXXX, where no area
/// code has a 9 in its middle and none is N11.
fn is_subscriber(digits: &[u8]) -> bool {
    match digits {
        [b'2'..=b'9', b'0'..=b'8', c, b'2'..=b'9', e, f, ..] if digits.len() == 10 => {
            (digits[1], *c) != (b'1', b'1') && (*e, *f) != (b'1', b'1')
        }
        _ => false,
    }
}

/// Reads an RMD number, with or without `RMD` and its zeros.
///
/// # Errors
///
/// Says why it is none, and what to do.
pub fn rmd_number(cell: &str) -> Result<RmdNumber, String> {
    let text = bare(cell);
    let number = digits(behind(&text, "rmd").unwrap_or(&text))?;
    let refused = |why: &str| {
        format!("{:?} is not an RMD number{why}: it is RMD and seven digits, such as RMD0001410", shortened(cell))
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused(""));
    }
    if number.len() > 7 {
        let why = if number.len() == 10 { " (an FRN stands in a column called frn)" } else { "" };
        return Err(refused(why));
    }
    let value: Option<u32> = number.parse().ok().filter(|value| *value > 0);
    value.and_then(RmdNumber::from_value).ok_or_else(|| refused(""))
}

/// Reads either, told apart by how it is written.
///
/// # Errors
///
/// Says why it is neither, and what to do.
pub fn provider(cell: &str) -> Result<Identity, String> {
    if is_rmd_number(cell) {
        return rmd_number(cell).map(Identity::RmdNumber);
    }
    let text = bare(cell);
    let begins = |c: char| c.is_ascii_digit();
    if behind(&text, "frn").unwrap_or(&text).starts_with(begins) {
        return frn(cell).map(Identity::Frn);
    }
    Err(format!(
        "{:?} names no provider: give an FRN (ten digits, such as 0020237343) or an RMD number (such as RMD0001410)",
        shortened(cell)
    ))
}

/// A telephone number without what spreadsheets put around it; what is left is as it stands.
///
/// # Errors
///
/// If a spreadsheet took digits from it.
pub fn telephone_number(cell: &str) -> Result<String, String> {
    digits(&bare(cell))
}

/// Reads a role as carriers' lists have it. Nothing where none is given.
///
/// # Errors
///
/// Names the words that are known.
pub fn role(cell: &str) -> Result<Option<ProviderRole>, String> {
    if let Some(problem) = spreadsheet_error(cell) {
        return Err(problem);
    }
    match folded(cell).as_str() {
        "" | "n a" | "na" | "none" | "null" | "any" | "not applicable" => Ok(None),
        _ => cell.parse().map(Some),
    }
}

/// Whether a cell is marked: `Yes`, `X`, a tick; `No`, a hyphen or nothing for not. Nothing for what is neither.
pub fn mark(cell: &str) -> Option<Mark> {
    let cell = clean(cell).to_lowercase();
    match cell.as_str() {
        "" => Some(Mark::Blank),
        "yes" | "y" | "x" | "true" | "t" | "1" | "1.0" | "✓" | "✔" | "☑" | "☒" | "●" | "•" => {
            Some(Mark::Yes)
        }
        "no" | "n" | "false" | "f" | "0" | "0.0" | "✗" | "✘" | "☐" => Some(Mark::No),
        "n/a" | "na" | "none" | "-" | "--" | "–" | "—" => Some(Mark::Blank),
        _ => None,
    }
}

/// What a cell says that is to be marked or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Marked.
    Yes,
    /// Marked as not.
    No,
    /// Nothing.
    Blank,
}

/// What is wrong with a cell in which a spreadsheet shows an error, such as `#N/A` or `#REF!`; nothing where it shows none.
pub fn spreadsheet_error(cell: &str) -> Option<String> {
    // Whatever the spreadsheet's language: #BEZUG!, #¡VALOR!, #NOM?
    const WITHOUT_A_MARK: [&str; 7] = ["#n/a", "#n/d", "#nv", "#getting_data", "#i/t", "#ei_määr", "#saknas"];
    let text = clean(cell);
    let is_one = text.starts_with('#')
        && text.chars().count() <= 24
        && !text.contains(' ')
        && (text.ends_with(['!', '?'])
            || WITHOUT_A_MARK.contains(&text.trim_end_matches(['!', '?']).to_lowercase().as_str()));
    is_one.then(|| format!("{text:?} is an error of the spreadsheet: mend the formula, and export the list again"))
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_frn_is_read_as_spreadsheets_and_carriers_write_it() {
        for writing in [
            "0020237343",
            "20237343",
            "=\"0020237343\"",
            "'0020237343",
            "’0020237343",
            "\"0020237343\"",
            "=20237343",
            "20237343.0",
            "20237343,00",
            "2.0237343E+07",
            "2,0237343e7",
            "2.02373430E+07",
            "20,237,343",
            "20.237.343",
            "0020-2373-43",
            "0020 2373 43",
            "\u{a0}0020\u{a0}2373\u{a0}43\u{200b}",
            "\u{202d}0020237343\u{202c}",
            "００２０２３７３４３",
            "FRN: 0020237343",
            "FRN 0020237343",
            "frn#20237343",
            "FRN No. 0020237343",
            "FRN0020237343",
        ] {
            assert_eq!(frn(writing).map(|frn| frn.to_string()), Ok("0020237343".to_owned()), "{writing:?}");
        }
        for plain in ["2130020619", "9999999999"] {
            assert_eq!(frn(plain).map(|frn| frn.to_string()), Ok(plain.to_owned()), "no telephone has it");
        }
        assert_eq!(frn("20 237 343"), frn("20237343"));
        assert_eq!(frn("0012-3456-78"), frn("FRN0012345678"));
        assert_eq!(frn("10827").map(|frn| frn.to_string()), Ok("0000010827".to_owned()), "the lowest there is");
        assert_eq!(frn("0000000099").map(|frn| frn.to_string()), Ok("0000000099".to_owned()));
    }

    #[test]
    fn what_may_have_lost_digits_or_is_no_frn_is_refused_with_what_to_do() {
        for (writing, words) in [
            ("1.2345E+09", "format the column as text"),
            ("2E+07", "lost digits"),
            ("2.0237E+7", "lost digits"),
            ("20237343.5", "no whole number"),
            ("00202373431", "11 digits"),
            ("99", "write its zeros"),
            ("0500", "write its zeros"),
            ("0000000000", "all zeros"),
            ("002023734O", "no digit"),
            ("RMD0001410", "not an FRN"),
            ("0020237343; 0020237344", "more than one FRN"),
            ("0020237343/0020237344", "more than one FRN"),
            ("", "empty"),
            ("Total", "not an FRN"),
            ("2026-01-02", "looks like a date"),
            ("01/02/2026", "'/' is no digit"),
            ("1-2-2026", "looks like a date"),
            ("2026-01-02T15:30:00", "is no digit"),
            ("02.01.2026", "is no digit"),
            ("202-555-0101", "telephone number"),
            ("202 555 0101", "telephone number"),
            ("2025550101", "telephone number"),
            ("2025550101.0", "telephone number"),
            ("2.025550101E+09", "telephone number"),
            ("012-345-6789", "telephone number"),
            ("555-0101", "telephone number"),
            ("+1 202-555-0101", "'+' is no digit"),
            ("+12025550101", "'+' is no digit"),
            ("1-202-555-0101", "11 digits"),
            ("(202) 555-0101", "'(' is no digit"),
            ("12-3456789", "number of another kind"),
            ("#N/A", "error of the spreadsheet"),
            ("#REF!", "error of the spreadsheet"),
        ] {
            let problem = frn(writing).expect_err(writing);
            assert!(problem.contains(words), "{writing:?}: {problem}");
        }
    }

    #[test]
    fn an_rmd_number_may_lack_rmd_and_its_zeros_and_is_never_an_frn() {
        for writing in [
            "RMD0001410",
            "rmd0001410",
            "RMD 0001410",
            "rmd-1410",
            "RMD#1410",
            "RMD No. 0001410",
            "0001410",
            "1410",
            "1410.0",
            "=\"0001410\"",
            "1,410.0",
            "ＲＭＤ０００１４１０",
        ] {
            let read = rmd_number(writing).map(|number| number.to_string());
            if writing == "1,410.0" {
                assert!(read.is_err());
            } else {
                assert_eq!(read, Ok("RMD0001410".to_owned()), "{writing:?}");
            }
        }
        for writing in ["0020237343", "RMD00014100", "RMD", "RMD000141O", "0", "", "FRN 20237343"] {
            assert!(rmd_number(writing).is_err(), "{writing:?}");
        }
        assert!(is_rmd_number("rmd-1410") && !is_rmd_number("RMD pending") && !is_rmd_number("0001410"));
        assert_eq!(provider("RMD 1410").map(|who| who.to_string()), Ok("RMD0001410".to_owned()));
        assert_eq!(provider("FRN: 20237343").map(|who| who.to_string()), Ok("FRN 0020237343".to_owned()));
        assert!(provider("Example Telecom LLC").is_err());
    }

    #[test]
    fn a_telephone_number_loses_what_a_spreadsheet_put_around_it_and_no_digit() {
        for (cell, read) in [
            ("'+12025550143", "+12025550143"),
            ("=\"12025550143\"", "12025550143"),
            ("12025550143.0", "12025550143"),
            ("1.2025550143E+10", "12025550143"),
            ("(202) 555-0143", "(202) 555-0143"),
            ("Anonymous", "Anonymous"),
        ] {
            assert_eq!(telephone_number(cell).as_deref(), Ok(read));
        }
        assert!(telephone_number("1.20256E+10").is_err());
    }

    #[test]
    fn roles_are_read_as_carriers_write_them_and_others_are_refused() {
        for (words, expected) in [
            (vec!["Voice Service Provider", "VSP", "voice", "voice_service"], Some(ProviderRole::VoiceService)),
            (vec!["Gateway Provider", "gateway", "GATEWAY"], Some(ProviderRole::Gateway)),
            (
                vec!["Non-Gateway Intermediate Provider", "Intermediate", "non_gateway_intermediate"],
                Some(ProviderRole::NonGatewayIntermediate),
            ),
            (vec!["", "N/A", "n/a", "none", "-", "any"], None),
        ] {
            for word in words {
                assert_eq!(role(word), Ok(expected), "{word:?}");
            }
        }
        for error in ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#BEZUG!", "#NV", "#¡VALOR!"] {
            assert!(role(error).expect_err(error).contains("error of the spreadsheet"), "{error:?}");
            assert!(spreadsheet_error(error).is_some());
        }
        for none in ["#2", "# a comment!", "#TG-1", "N/A", "0020237343", "#x y?"] {
            assert_eq!(spreadsheet_error(none), None, "{none:?}");
        }
        for unknown in ["boss", "pending", "Gateway / Intermediate", "all", "Yes"] {
            assert!(role(unknown).expect_err(unknown).contains("gateway"), "{unknown:?}");
        }
    }
}
