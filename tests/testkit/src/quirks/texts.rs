//! Quirks of free text, names, addresses and telephone numbers.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Quirk;
use crate::filing::Row;
use crate::invent::{pick, trade_name};
use crate::words::{CITY, FIRST, STREET};

/// A list of names as long as the form lets it be, in a large world; a shorter one in a small.
fn long_names(rng: &mut ChaCha8Rng, row: &mut Row, filings: usize) {
    let length = if filings < 1_000 { 2_000 } else { 16_000 };
    let mut names = String::with_capacity(length + 40);
    while names.len() < length {
        names.push_str(&trade_name(rng));
        names.push_str("; ");
    }
    names.truncate(length);
    row.set("previous_dba_names", names);
}

fn names(rng: &mut ChaCha8Rng, between: &str) -> String {
    [trade_name(rng), trade_name(rng), trade_name(rng)].join(between)
}

/// Whether some free text is this word and no more.
fn says(row: &Row, word: &str) -> bool {
    ["other_frns", "other_dba_names", "previous_dba_names"].iter().any(|column| row.get(column) == word)
}

pub static TEXTS: &[Quirk] = &[
    Quirk {
        name: "nothing, as none",
        share: 200,
        apply: |_, row, _| row.set("other_frns", "none"),
        holds: |row| says(row, "none"),
    },
    Quirk {
        name: "nothing, as None",
        share: 200,
        apply: |_, row, _| row.set("other_dba_names", "None"),
        holds: |row| says(row, "None"),
    },
    Quirk {
        name: "nothing, as NONE",
        share: 200,
        apply: |_, row, _| row.set("previous_dba_names", "NONE"),
        holds: |row| says(row, "NONE"),
    },
    Quirk {
        name: "nothing, as non",
        share: 100,
        apply: |_, row, _| row.set("other_dba_names", "non"),
        holds: |row| says(row, "non"),
    },
    Quirk {
        name: "nothing, as no",
        share: 100,
        apply: |_, row, _| row.set("previous_dba_names", "no"),
        holds: |row| says(row, "no"),
    },
    Quirk {
        name: "no business name",
        share: 1300,
        apply: |_, row, _| row.set("business_name", ""),
        holds: |row| row.get("business_name").is_empty(),
    },
    Quirk {
        name: "N/A telephone",
        share: 10,
        apply: |_, row, _| row.set("contact_telephone_number", "N/A"),
        holds: |row| row.get("contact_telephone_number") == "N/A",
    },
    Quirk {
        name: "N/A contact address",
        share: 10,
        apply: |_, row, _| row.set("contact_business_address", "N/A"),
        holds: |row| row.get("contact_business_address") == "N/A",
    },
    Quirk {
        name: "N/A address",
        share: 100,
        apply: |_, row, _| row.set("business_address", "N/A"),
        holds: |row| row.get("business_address") == "N/A",
    },
    Quirk {
        name: "no address",
        share: 100,
        apply: |_, row, _| row.set("business_address", ""),
        holds: |row| row.get("business_address").is_empty(),
    },
    Quirk {
        name: "address on one line",
        share: 100,
        apply: |rng, row, _| {
            let line = format!("{} {}, {}", rng.random_range(1..9999), pick(rng, &STREET), pick(rng, &CITY));
            row.set("business_address", line)
        },
        holds: |row| {
            let address = row.get("business_address");
            address.contains(", ") && !address.contains('\n')
        },
    },
    Quirk {
        name: "guarded plus",
        share: 10,
        apply: |rng, row, _| {
            row.set("contact_telephone_number", format!("'+1 212 555 01{:02}", rng.random_range(0..100)))
        },
        holds: |row| row.get("contact_telephone_number").starts_with("'+"),
    },
    Quirk {
        name: "guarded at",
        share: 20,
        apply: |rng, row, _| row.set("business_name", format!("'@{} Link, LLC", pick(rng, &FIRST))),
        holds: |row| row.get("business_name").starts_with("'@"),
    },
    Quirk {
        name: "guarded minus",
        share: 60,
        apply: |_, row, _| row.set("contact_department", "'-"),
        holds: |row| row.get("contact_department").starts_with("'-"),
    },
    Quirk {
        name: "guarded equals",
        share: 10,
        apply: |rng, row, _| row.set("other_dba_names", format!("'={}=", pick(rng, &FIRST))),
        holds: |row| row.get("other_dba_names").starts_with("'="),
    },
    Quirk {
        name: "quotes in a name",
        share: 100,
        apply: |rng, row, _| row.set("business_name", format!("{0} Tel, Inc. d/b/a \"{0} Talk\"", pick(rng, &FIRST))),
        holds: |row| row.get("business_name").contains('"'),
    },
    Quirk {
        name: "a comma in a name",
        share: 10,
        apply: |rng, row, _| row.set("business_name", format!("{}, Inc.", trade_name(rng))),
        holds: |row| row.get("business_name").contains(','),
    },
    Quirk {
        name: "an encoding lost in a name",
        share: 100,
        apply: |rng, row, _| row.set("business_name", format!("{} T\u{fffd}l\u{fffd}com", pick(rng, &FIRST))),
        holds: |row| row.get("business_name").contains('\u{fffd}'),
    },
    Quirk {
        name: "an encoding lost in a title",
        share: 300,
        apply: |_, row, _| row.set("contact_title", "Directeur G\u{fffd}n\u{fffd}ral"),
        holds: |row| row.get("contact_title").contains('\u{fffd}'),
    },
    Quirk {
        name: "letters beyond ASCII",
        share: 100,
        apply: |rng, row, _| row.set("business_name", format!("{} Télécom Größe, S.A.", pick(rng, &FIRST))),
        holds: |row| row.get("business_name").contains('é'),
    },
    Quirk {
        name: "a tab",
        share: 50,
        apply: |_, row, _| row.set("contact_title", "Manager,\tRegulatory"),
        holds: |row| row.get("contact_title").contains('\t'),
    },
    Quirk {
        name: "names on lines",
        share: 1700,
        apply: |rng, row, _| {
            let names = names(rng, "\n");
            row.set("other_dba_names", names)
        },
        holds: |row| {
            let cell = row.get("other_dba_names");
            cell.contains('\n') && !cell.contains('\r')
        },
    },
    Quirk {
        name: "names on lines of another system",
        share: 1100,
        apply: |rng, row, _| {
            let names = names(rng, "\r\n");
            row.set("other_dba_names", names)
        },
        holds: |row| {
            let cell = row.get("other_dba_names");
            cell.contains("\r\n") && !cell.contains("\r\r")
        },
    },
    Quirk {
        name: "a lone CR before LF",
        share: 10,
        apply: |rng, row, _| {
            let names = names(rng, "\r\r\n");
            row.set("other_dba_names", names)
        },
        holds: |row| row.get("other_dba_names").contains("\r\r\n"),
    },
    Quirk {
        name: "an extension of a space",
        share: 1100,
        apply: |_, row, _| row.set("contact_phone_extension", " "),
        holds: |row| row.get("contact_phone_extension") == " ",
    },
    Quirk {
        name: "a very long cell",
        share: 0,
        apply: long_names,
        holds: |row| row.get("previous_dba_names").len() >= 2_000,
    },
];
