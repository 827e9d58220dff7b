//! Whose a number is: country codes, and the area codes of the North American Numbering Plan.

use std::sync::{LazyLock, OnceLock};

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex_lite::Regex;

use super::CallerId;

/// The country code of the North American Numbering Plan.
const NANP: u16 = 1;

/// The regions of the plan that are the United States and their territories.
const US_REGIONS: [&str; 6] = ["US", "PR", "VI", "GU", "AS", "MP"];

/// Area codes of the US that libphonenumber 9.0.33 does not know, by NANPA's reports of codes in service and planned and
/// its planning letters, as of November 2026; 710 is the US government's.
pub(super) const LATER_US: [u16; 13] = [357, 436, 457, 471, 483, 565, 621, 624, 679, 710, 761, 837, 861];

/// The same for Canada, by the CNA's.
pub(super) const LATER_CANADIAN: [u16; 1] = [387];

/// Country codes that the ITU has assigned (E.164, list of assigned country codes) and libphonenumber does not know: the
/// Vatican, a group of European countries, a trial service.
const OTHER_COUNTRIES: [u16; 3] = [379, 388, 991];

/// Numbers of those are so long.
const USUAL_LENGTHS: u32 = 0b111_1100_0000;

/// Mexico's mobile numbers had a 1 in front until August 2019, and are still sent so.
const MEXICO: u16 = 52;
const MEXICAN_MOBILE_LENGTH: usize = 11;

/// So many digits has a number of the North American Numbering Plan.
const TEN: usize = 10;

/// The first area code that can be: none begins with 0 or 1.
const FIRST_AREA: u16 = 200;

struct Plan {
    /// Whose each area code is, from [`FIRST_AREA`] on.
    areas: [CallerId; 800],
    /// For each country code one bit for each length that numbers behind it can have; none where there is no country.
    lengths: [u32; 1000],
}

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let mut plan = Plan { areas: [CallerId::Unreadable; 800], lengths: [0; 1000] };
    let regions = DATABASE.by_code(&NANP).unwrap_or_default();
    for (area, whose) in (FIRST_AREA..).zip(&mut plan.areas) {
        *whose = match area {
            area if LATER_US.contains(&area) => CallerId::Us,
            area if LATER_CANADIAN.contains(&area) => CallerId::NotUs,
            area => by_metadata(&regions, area),
        };
    }
    for (code, lengths) in (0..).zip(&mut plan.lengths) {
        let countries = DATABASE.by_code(&code).unwrap_or_default();
        let known = countries.iter().flat_map(|country| kinds(country)).flat_map(Descriptor::possible_length);
        *lengths = known.fold(0, |bits, length| bits | 1 << (length & 31));
        match code {
            MEXICO => *lengths |= 1 << MEXICAN_MOBILE_LENGTH,
            code if OTHER_COUNTRIES.contains(&code) => *lengths |= USUAL_LENGTHS,
            _ => {}
        }
    }
    plan
});

/// For each country code the form of its numbers, made when it is first asked for; none where there is no country.
static FORMS: [OnceLock<Option<Regex>>; 1000] = [const { OnceLock::new() }; 1000];

/// Whose an area code is by libphonenumber. One that several countries share is a US one too.
fn by_metadata(regions: &[&Metadata], area: u16) -> CallerId {
    // Some patterns take part of the exchanges only; all take this one.
    let number = format!("{area}2342345");
    let has = |region: &&&Metadata| match region.leading_digits() {
        Some(leading) => leading.find(&number).is_some_and(|found| found.start() == 0),
        None => kinds(region).any(|kind| kind.is_match(&number)),
    };
    // First the two countries that have most of them; numbers that are shared are among each one's.
    let (large, small): (Vec<_>, Vec<_>) = regions.iter().partition(|region| region.leading_digits().is_none());
    match large.iter().find(has).or_else(|| small.iter().find(has)) {
        None => CallerId::Unreadable,
        Some(owner) if US_REGIONS.contains(&owner.id()) => CallerId::Us,
        Some(_) => CallerId::NotUs,
    }
}

/// The kinds of numbers that a region has.
fn kinds(region: &Metadata) -> impl Iterator<Item = &Descriptor> {
    let kinds = region.descriptors();
    [
        kinds.fixed_line(),
        kinds.mobile(),
        kinds.toll_free(),
        kinds.premium_rate(),
        kinds.shared_cost(),
        kinds.personal_number(),
        kinds.voip(),
        kinds.pager(),
        kinds.uan(),
        kinds.voicemail(),
    ]
    .into_iter()
    .flatten()
}

/// A number in ASCII digits.
fn value(digits: &[u8]) -> usize {
    digits.iter().fold(0, |value, digit| value * 10 + usize::from(digit - b'0'))
}

/// Whose the ten digits are of a number of the North American Numbering Plan.
pub fn nanp(digits: &[u8]) -> CallerId {
    let &[a, b, c, exchange, d, e, f, g, h, i] = digits else { return CallerId::Unreadable };
    // NXX-XXXX, and no N11, which are for services: a number that the plan does not assign is nobody's.
    if a < b'2' || exchange < b'2' || (d, e) == (b'1', b'1') {
        return CallerId::Unreadable;
    }
    match PLAN.areas.get(value(&[a, b, c]) - usize::from(FIRST_AREA)) {
        // No caller has it. In an area code of the US it pertains to the US all the same.
        Some(CallerId::NotUs) if (exchange, d, e) == (b'5', b'5', b'5') && is_nobodys_line([f, g, h, i]) => {
            CallerId::Unreadable
        }
        Some(whose) => *whose,
        None => CallerId::Unreadable,
    }
}

/// Whether these are the last four digits of a 555 number for fiction (01XX) or of directory assistance.
fn is_nobodys_line(line: [u8; 4]) -> bool {
    line.starts_with(b"01") || line == *b"1212"
}

/// Whose a number is that begins with its country code, whatever else is wrong with it.
pub fn international(digits: &[u8]) -> CallerId {
    match digits {
        [b'1', national @ ..] => nanp(national),
        _ if country(digits).is_some() => CallerId::NotUs,
        _ => CallerId::Unreadable,
    }
}

/// The same behind the prefix of a call abroad. What is behind the country code must be as long as that country's numbers
/// are, and one of them where the digits may also be a US number with something before or behind it.
pub fn likely_international(digits: &[u8]) -> CallerId {
    match digits {
        [b'1', national @ ..] => nanp(national),
        _ => match country(digits) {
            Some((_, lengths, national)) if fits(lengths, national) => {
                let as_well_us = begins_as_us(digits) || us_part(digits).is_some();
                if as_well_us && !is_valid(digits) { CallerId::Unreadable } else { CallerId::NotUs }
            }
            _ => CallerId::Unreadable,
        },
    }
}

/// The same of eleven digits and more with nothing before them that says how they begin. To count as those of another
/// country they must be a number of its plan, and not as well a US number behind what was dialled before it; nor one with
/// an extension, if the writing parts ten digits from the rest. In one run of digits no switch signals an extension, and
/// most mobiles of India, China and France begin like a US number.
pub fn unprefixed(digits: &[u8], ten_apart: bool) -> CallerId {
    if (ten_apart && begins_as_us(digits)) || us_part(digits) == Some(UsPart::Whole) || !is_valid(digits) {
        CallerId::Unreadable
    } else {
        CallerId::NotUs
    }
}

/// Whether the first ten digits are a US number, and the rest may be its extension.
fn begins_as_us(digits: &[u8]) -> bool {
    digits.first_chunk::<TEN>().is_some_and(|first| nanp(first) == CallerId::Us)
}

/// How well a part of the digits does as a US number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsPart {
    /// The rest is what is dialled for an outside line or before a long-distance call.
    Whole,
    /// The rest would be a prefix that some switch puts before numbers: as good as any, and as likely a country code.
    Prefixed,
}

/// Whether the last ten digits are a US number.
fn us_part(digits: &[u8]) -> Option<UsPart> {
    let is_us = |number| nanp(number) == CallerId::Us;
    let (before, last) = digits.split_at_checked(digits.len().checked_sub(TEN)?)?;
    let outside_line = before.last() == Some(&b'1')
        || !before.is_empty()
            && (before.iter().all(|digit| *digit == b'9') || before.iter().all(|digit| *digit == b'8'));
    let part = if outside_line { UsPart::Whole } else { UsPart::Prefixed };
    is_us(last).then_some(part)
}

/// Whether the digits are a number of the country whose code they begin with, by the form of its numbers.
fn is_valid(digits: &[u8]) -> bool {
    let Some((code, _, national)) = country(digits) else { return false };
    let form = FORMS.get(usize::from(code)).and_then(|form| form.get_or_init(|| form_of(code)).as_ref());
    std::str::from_utf8(national).is_ok_and(|national| form.is_some_and(|form| form.is_match(national)))
}

/// The form of a country's numbers of any kind.
fn form_of(code: u16) -> Option<Regex> {
    let countries = DATABASE.by_code(&code)?;
    let kinds = countries.iter().flat_map(|country| kinds(country));
    let patterns: Vec<String> = kinds.map(|kind| kind.national_number().as_str().to_owned()).collect();
    Regex::new(&format!("(?x)^(?:{})$", patterns.join("|"))).ok()
}

/// The country code with which the digits begin, the lengths that its numbers have, and the digits behind it. No code is
/// the beginning of another.
fn country(digits: &[u8]) -> Option<(u16, u32, &[u8])> {
    (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let lengths = PLAN.lengths.get(value(code)).copied().filter(|lengths| *lengths != 0)?;
        (code[0] != b'0').then_some((value(code) as u16, lengths, national))
    })
}

/// Whether a number can be so long, with or without the zero that many countries put before it at home.
fn fits(lengths: u32, national: &[u8]) -> bool {
    let fits = |length: usize| length < 32 && lengths & 1 << length != 0;
    fits(national.len()) || (national.first() == Some(&b'0') && fits(national.len() - 1))
}

#[cfg(test)]
pub(super) fn countries() -> impl Iterator<Item = u16> {
    (0..1000).filter(|code| PLAN.lengths[usize::from(*code)] != 0)
}
