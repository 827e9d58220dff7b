//! One row, made up.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::words::{
    CITY, DEPARTMENT, FIRST, FOREIGN_CITY, FOREIGN_COUNTRY, FORM, IMPLEMENTATION, NOTHING, SECOND, STREET, TITLE,
};

/// The columns of the listing until January 2026, in their order.
pub const COLUMNS: [&str; 22] = [
    "number",
    "frn",
    "business_name",
    "business_address",
    "foreign_voice_provider",
    "country",
    "other_frns",
    "other_dba_names",
    "previous_dba_names",
    "robocall_mitigation_contact_name",
    "contact_title",
    "contact_department",
    "contact_business_address",
    "contact_country",
    "contact_telephone_number",
    "contact_phone_extension",
    "implementation",
    "voice_service_provider_choice",
    "gateway_provider_choice",
    "intermediate_provider_choice",
    "last_updated",
    "filing_url",
];

/// One filing: its cells by column name. A column that was never set is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row(BTreeMap<String, String>);

impl Row {
    /// The cell of a column.
    pub fn get(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    /// Sets the cell of a column.
    pub fn set(&mut self, column: &str, cell: impl Into<String>) {
        self.0.insert(column.to_owned(), cell.into());
    }

    /// The columns in which two rows differ, by name.
    pub fn differs_in(&self, other: &Self) -> Vec<String> {
        let mut columns: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        columns.sort();
        columns.dedup();
        columns.into_iter().filter(|column| self.get(column) != other.get(column)).cloned().collect()
    }
}

/// One of these words.
pub fn pick<'a>(rng: &mut ChaCha8Rng, words: &[&'a str]) -> &'a str {
    words.choose(rng).copied().unwrap_or_default()
}

/// A business name.
pub fn name(rng: &mut ChaCha8Rng) -> String {
    format!("{} {}{}", pick(rng, &FIRST), pick(rng, &SECOND), pick(rng, &FORM))
}

/// An address on several lines.
pub fn address(rng: &mut ChaCha8Rng, foreign: bool) -> String {
    let suite = if rng.random_bool(0.4) { format!("\nSuite {}", rng.random_range(1..900)) } else { String::new() };
    let city = if foreign { pick(rng, &FOREIGN_CITY) } else { pick(rng, &CITY) };
    format!("{} {}{suite}\n{city}", rng.random_range(1..9999), pick(rng, &STREET))
}

/// A day between 2022 and 2025.
pub fn day(rng: &mut ChaCha8Rng) -> String {
    format!("{}-{:02}-{:02}", rng.random_range(2022..2026), rng.random_range(1..13), rng.random_range(1..29))
}

/// A filing's number.
pub fn number(value: u32) -> String {
    format!("RMD{value:07}")
}

/// An ordinary filing, with the quirks that most of them have.
pub fn ordinary(rng: &mut ChaCha8Rng, value: u32, frn: u64) -> Row {
    let mut row = Row::default();
    let foreign = rng.random_bool(0.2);
    row.set("number", number(value));
    row.set("frn", format!("{frn:010}"));
    row.set("business_name", name(rng));
    row.set("business_address", address(rng, foreign));
    row.set("foreign_voice_provider", if foreign { "Yes" } else { "No" });
    let country = if foreign { pick(rng, &FOREIGN_COUNTRY) } else { "United States of America" };
    row.set("country", country);
    if rng.random_bool(0.1) {
        row.set("other_frns", format!("{:010}", rng.random_range(1_000_000u64..40_000_000)));
    } else if rng.random_bool(0.1) {
        row.set("other_frns", pick(rng, &NOTHING));
    }
    if rng.random_bool(0.15) {
        row.set("other_dba_names", format!("{} {}", pick(rng, &FIRST), pick(rng, &SECOND)));
    }
    if rng.random_bool(0.05) {
        row.set("previous_dba_names", pick(rng, &NOTHING));
    }
    row.set("robocall_mitigation_contact_name", format!("Contact {:06X}", rng.random_range(0..0x100_0000)));
    row.set("contact_title", pick(rng, &TITLE));
    row.set("contact_department", pick(rng, &DEPARTMENT));
    row.set("contact_business_address", if rng.random_bool(0.02) { "N/A".to_owned() } else { address(rng, foreign) });
    row.set("contact_country", country);
    let telephone = match rng.random_range(0..10) {
        0 => "N/A".to_owned(),
        1..4 => format!("20255501{:02}", rng.random_range(0..100)),
        _ => format!("202-555-01{:02}", rng.random_range(0..100)),
    };
    row.set("contact_telephone_number", telephone);
    if rng.random_bool(0.1) {
        row.set("contact_phone_extension", rng.random_range(100..999).to_string());
    }
    let implementation = match rng.random_range(0..100) {
        0..48 => IMPLEMENTATION[0],
        48..66 => IMPLEMENTATION[1],
        66..94 => IMPLEMENTATION[2],
        _ => IMPLEMENTATION[3],
    };
    row.set("implementation", implementation);
    let (voice, gateway) = (rng.random_bool(0.85), rng.random_bool(0.05));
    let intermediate = rng.random_bool(0.15) || (!voice && !gateway);
    let yes = |is: bool| if is { "Yes" } else { "No" };
    row.set("voice_service_provider_choice", yes(voice));
    row.set("gateway_provider_choice", yes(gateway));
    row.set("intermediate_provider_choice", yes(intermediate));
    if rng.random_bool(0.85) {
        row.set("last_updated", day(rng));
    }
    if rng.random_bool(0.31) {
        row.set("last_recertified", format!("2026-02-{:02}", rng.random_range(1..29)));
    }
    row.set(
        "filing_url",
        format!(
            "https://fccprod.servicenowservices.com/rmd?id=rmd_form&table=x_g_fmc_rmd_robocall_mitigation_database&\
             sys_id={:032x}&view=sp",
            rng.random::<u128>()
        ),
    );
    row
}
