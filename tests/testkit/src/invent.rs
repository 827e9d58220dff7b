//! Ordinary filings, made up, with the quirks that most of them have.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::date::{FIRST_DAY, written};
use crate::filing::{RECERTIFIED, ROLES, Row};
use crate::words::{
    CITY, DEPARTMENT, FIRST, FOREIGN_CITY, FOREIGN_COUNTRY, FORM, IMPLEMENTATION, NOTHING, SECOND, STREET, TITLE,
};

/// The country of most.
pub const HOME: &str = "United States of America";

/// One of these words.
pub fn pick<'a>(rng: &mut ChaCha8Rng, words: &[&'a str]) -> &'a str {
    words.choose(rng).copied().unwrap_or_default()
}

/// A business name. Few are short enough to be met twice.
pub fn name(rng: &mut ChaCha8Rng) -> String {
    let (first, second, form) = (pick(rng, &FIRST), pick(rng, &SECOND), pick(rng, &FORM));
    if rng.random_bool(0.1) {
        return format!("{first} {second}{form}");
    }
    let name = format!("{first} {} {second}{form}", pick(rng, &FIRST));
    if rng.random_bool(0.05) { name.to_uppercase() } else { name }
}

/// A name without the form of the company, as lists of other names have them.
pub fn trade_name(rng: &mut ChaCha8Rng) -> String {
    format!("{} {}", pick(rng, &FIRST), pick(rng, &SECOND))
}

/// The number of a registration that stands in no filing of its own, without its zeros.
pub fn other_frn(rng: &mut ChaCha8Rng) -> u64 {
    rng.random_range(1_500_000..40_000_000)
}

/// An address on several lines.
pub fn address(rng: &mut ChaCha8Rng, foreign: bool) -> String {
    let (house, street) = (rng.random_range(1..9999), pick(rng, &STREET));
    let city = if foreign { pick(rng, &FOREIGN_CITY) } else { pick(rng, &CITY) };
    match rng.random_range(0..10) {
        0..4 => format!("{house} {street}\nSuite {}\n{city}", rng.random_range(1..900)),
        4 => format!("{house} {street}, Floor {}\n{city}", rng.random_range(2..30)),
        _ => format!("{house} {street}\n{city}"),
    }
}

/// A telephone number of those set aside for fiction, in one of the many ways to write it.
pub fn telephone(rng: &mut ChaCha8Rng, foreign: bool) -> String {
    let area = rng.random_range(201..990);
    let line = rng.random_range(0..100);
    if foreign && rng.random_bool(0.6) {
        let country = rng.random_range(30..99);
        return match rng.random_range(0..3) {
            0 => format!("'+{country} {area} 555 01{line:02}"),
            1 => format!("'+{country}-{area}55501{line:02}"),
            _ => format!("'+{country}{area}55501{line:02}"),
        };
    }
    match rng.random_range(0..100) {
        0..48 => format!("{area}55501{line:02}"),
        48..80 => format!("{area}-555-01{line:02}"),
        80..83 => format!("({area}) 555-01{line:02}"),
        83..86 => format!("{area}.555.01{line:02}"),
        86..88 => format!("{area} 555 01{line:02}"),
        88..94 => format!("'+1{area}55501{line:02}"),
        94..98 => format!("'+1 {area} 555 01{line:02}"),
        _ => format!("'+1-{area}-555-01{line:02}"),
    }
}

/// A day before the first one, of late years more often.
fn day(rng: &mut ChaCha8Rng) -> String {
    let reach = if rng.random_bool(0.85) { 550 } else { 1_200 };
    written(FIRST_DAY - rng.random_range(1..reach))
}

/// A filing's number.
pub fn number(value: u32) -> String {
    format!("RMD{value:07}")
}

/// An ordinary filing.
pub fn filing(rng: &mut ChaCha8Rng, value: u32, frn: u64) -> Row {
    let mut row = Row::default();
    let foreign = rng.random_bool(0.2);
    row.set("number", number(value));
    row.set("frn", format!("{frn:010}"));
    row.set("business_name", name(rng));
    row.set("business_address", address(rng, foreign));
    row.set("foreign_voice_provider", if foreign { "Yes" } else { "No" });
    let country = if foreign { pick(rng, &FOREIGN_COUNTRY) } else { HOME };
    row.set("country", country);
    match rng.random_range(0..100) {
        0..8 => row.set("other_frns", format!("{:010}", other_frn(rng))),
        8..26 => row.set("other_frns", pick(rng, &NOTHING)),
        _ => {}
    }
    match rng.random_range(0..100) {
        0..28 => row.set("other_dba_names", trade_name(rng)),
        28..42 => row.set("other_dba_names", pick(rng, &NOTHING)),
        _ => {}
    }
    match rng.random_range(0..100) {
        0..9 => row.set("previous_dba_names", name(rng)),
        9..27 => row.set("previous_dba_names", pick(rng, &NOTHING)),
        _ => {}
    }
    row.set("robocall_mitigation_contact_name", format!("Contact {:06X}", rng.random_range(0..0x100_0000)));
    row.set("contact_title", pick(rng, &TITLE));
    row.set("contact_department", pick(rng, &DEPARTMENT));
    row.set("contact_business_address", address(rng, foreign));
    row.set("contact_country", country);
    row.set("contact_telephone_number", telephone(rng, foreign));
    if rng.random_bool(0.15) {
        row.set("contact_phone_extension", rng.random_range(100..9999).to_string());
    }
    let implementation = match rng.random_range(0..100) {
        0..51 => IMPLEMENTATION[0],
        51..71 => IMPLEMENTATION[1],
        _ => IMPLEMENTATION[2],
    };
    row.set("implementation", implementation);
    let (voice, gateway) = (rng.random_bool(0.85), rng.random_bool(0.05));
    let intermediate = rng.random_bool(0.1) || (!voice && !gateway);
    for (column, certified) in ROLES.into_iter().zip([voice, gateway, intermediate]) {
        row.set(column, if certified { "Yes" } else { "No" });
    }
    if rng.random_bool(0.9) {
        row.set("last_updated", day(rng));
    }
    if rng.random_bool(0.31) {
        row.set(RECERTIFIED, format!("2026-02-{:02}", rng.random_range(1..29)));
    }
    row.set("intermediate_provider", if intermediate { "Yes" } else { "No" });
    row.set("ipr_imported", if rng.random_bool(0.05) { "true" } else { "false" });
    row.set(
        "filing_url",
        format!(
            "https://fccprod.servicenowservices.com/rmd?id=rmd_form&table=x_g_fmc_rmd_robocall_mitigation_database&\
             sys_id={:032x}&view=sp",
            rng.random::<u128>()
        ),
    );
    if rng.random_bool(0.06) {
        unfinish(rng, &mut row);
    }
    row
}

/// Leaves a filing as one that its filer never finished: no contact, no implementation.
pub fn unfinish(rng: &mut ChaCha8Rng, row: &mut Row) {
    for column in [
        "robocall_mitigation_contact_name",
        "contact_title",
        "contact_department",
        "contact_country",
        "contact_phone_extension",
    ] {
        row.set(column, "");
    }
    row.set("contact_telephone_number", "N/A");
    row.set("implementation", "N/A");
    if rng.random_bool(0.55) {
        row.set("contact_business_address", "N/A");
    }
    if rng.random_bool(0.85) {
        row.set("last_updated", "");
    }
}
