//! The rare quirks. Each is applied to some rows of every world, so that even a small one holds them all.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::filing::{Row, pick};
use crate::words::{FIRST, NOTHING, SECOND};

/// How many filings in a hundred thousand have a quirk; one at the least.
pub struct Quirk {
    /// What it is.
    pub name: &'static str,
    /// Its share, in filings of 100,000.
    pub share: usize,
    /// Makes a row have it.
    pub apply: fn(&mut ChaCha8Rng, &mut Row, usize),
    /// Whether a row has it.
    pub holds: fn(&Row) -> bool,
}

/// No role is certified: left blank by some, answered No by others.
fn no_role(rng: &mut ChaCha8Rng, row: &mut Row, _: usize) {
    let answer = if rng.random_bool(0.5) { "" } else { "No" };
    for column in ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"] {
        row.set(column, answer);
    }
}

fn long_list(rng: &mut ChaCha8Rng, count: usize, between: &str) -> String {
    let numbers: Vec<String> =
        (0..count).map(|_| format!("{:010}", rng.random_range(1_000_000u64..40_000_000))).collect();
    numbers.join(between)
}

fn long_names(rng: &mut ChaCha8Rng, row: &mut Row, filings: usize) {
    let length = if filings < 1_000 { 2_000 } else { 16_000 };
    let mut names = String::with_capacity(length + 40);
    while names.len() < length {
        names.push_str(&format!("{} {}; ", pick(rng, &FIRST), pick(rng, &SECOND)));
    }
    names.truncate(length);
    row.set("previous_dba_names", names);
}

/// All of them. Those of one filing in a whole world have share 0.
pub const QUIRKS: [Quirk; 24] = [
    Quirk {
        name: "no role",
        share: 1_400,
        apply: no_role,
        holds: |row| {
            ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"]
                .iter()
                .all(|column| row.get(column) != "Yes")
        },
    },
    Quirk {
        name: "a role left blank",
        share: 300,
        apply: |_, row, _| row.set("gateway_provider_choice", ""),
        holds: |row| row.get("gateway_provider_choice").is_empty(),
    },
    Quirk {
        name: "no business name",
        share: 1_300,
        apply: |_, row, _| row.set("business_name", ""),
        holds: |row| row.get("business_name").is_empty(),
    },
    Quirk {
        name: "foreign unstated",
        share: 180,
        apply: |_, row, _| row.set("foreign_voice_provider", ""),
        holds: |row| row.get("foreign_voice_provider").is_empty(),
    },
    Quirk { name: "no FRN", share: 0, apply: |_, row, _| row.set("frn", ""), holds: |row| row.get("frn").is_empty() },
    Quirk {
        name: "N/A implementation",
        share: 10,
        apply: |_, row, _| row.set("implementation", "N/A"),
        holds: |row| row.get("implementation") == "N/A",
    },
    Quirk {
        name: "N/A telephone",
        share: 10,
        apply: |_, row, _| row.set("contact_telephone_number", "N/A"),
        holds: |row| row.get("contact_telephone_number") == "N/A",
    },
    Quirk {
        name: "N/A address",
        share: 300,
        apply: |_, row, _| row.set("business_address", "N/A"),
        holds: |row| row.get("business_address") == "N/A",
    },
    Quirk {
        name: "nothing in words",
        share: 500,
        apply: |rng, row, _| row.set("other_dba_names", pick(rng, &NOTHING)),
        holds: |row| NOTHING.contains(&row.get("other_dba_names")),
    },
    Quirk {
        name: "guarded telephone",
        share: 200,
        apply: |rng, row, _| {
            row.set("contact_telephone_number", format!("'+1 202 555 01{:02}", rng.random_range(0..100)))
        },
        holds: |row| row.get("contact_telephone_number").starts_with("'+"),
    },
    Quirk {
        name: "guarded name",
        share: 20,
        apply: |rng, row, _| row.set("business_name", format!("'@{} Link, LLC", pick(rng, &FIRST))),
        holds: |row| row.get("business_name").starts_with("'@"),
    },
    Quirk {
        name: "FRN with a name in brackets",
        share: 200,
        apply: |rng, row, _| {
            row.set(
                "other_frns",
                format!(
                    "{:010} ({} International Inc.)",
                    rng.random_range(1_000_000u64..40_000_000),
                    pick(rng, &FIRST)
                ),
            )
        },
        holds: |row| row.get("other_frns").contains('('),
    },
    Quirk {
        name: "FRN with dashes",
        share: 200,
        apply: |rng, row, _| {
            row.set(
                "other_frns",
                format!(
                    "00{:02}-{:04}-{:02}",
                    rng.random_range(1..40),
                    rng.random_range(0..10_000),
                    rng.random_range(0..100)
                ),
            )
        },
        holds: |row| row.get("other_frns").contains('-'),
    },
    Quirk {
        name: "FRN without its zeros",
        share: 300,
        apply: |rng, row, _| row.set("other_frns", rng.random_range(1_000_000u64..40_000_000).to_string()),
        holds: |row| matches!(row.get("other_frns").len(), 7 | 8),
    },
    Quirk {
        name: "FRN of eleven digits",
        share: 30,
        apply: |rng, row, _| row.set("other_frns", format!("{:011}", rng.random_range(1_000_000u64..40_000_000))),
        holds: |row| row.get("other_frns").len() == 11,
    },
    Quirk {
        name: "150 FRNs",
        share: 0,
        apply: |rng, row, _| {
            let list = long_list(rng, 150, "; ");
            row.set("other_frns", list)
        },
        holds: |row| row.get("other_frns").len() > 1_000,
    },
    Quirk {
        name: "FRNs on lines of a cell",
        share: 100,
        apply: |rng, row, _| {
            let list = long_list(rng, 3, "\r\n");
            row.set("other_frns", list)
        },
        holds: |row| row.get("other_frns").contains("\r\n"),
    },
    Quirk {
        name: "see list",
        share: 20,
        apply: |_, row, _| row.set("other_frns", "see list in attached RMP"),
        holds: |row| row.get("other_frns").starts_with("see"),
    },
    Quirk {
        name: "a tab",
        share: 50,
        apply: |_, row, _| row.set("contact_title", "Manager,\tRegulatory"),
        holds: |row| row.get("contact_title").contains('\t'),
    },
    Quirk {
        name: "a lone CR before LF",
        share: 10,
        apply: |rng, row, _| {
            row.set("other_dba_names", format!("{} Tel\r\r\n{} Voice", pick(rng, &FIRST), pick(rng, &FIRST)))
        },
        holds: |row| row.get("other_dba_names").contains("\r\r\n"),
    },
    Quirk {
        name: "an encoding lost",
        share: 100,
        apply: |rng, row, _| row.set("business_name", format!("{} T\u{fffd}l\u{fffd}com", pick(rng, &FIRST))),
        holds: |row| row.get("business_name").contains('\u{fffd}'),
    },
    Quirk {
        name: "letters beyond ASCII",
        share: 100,
        apply: |rng, row, _| row.set("business_name", format!("{} Télécom Größe, S.A.", pick(rng, &FIRST))),
        holds: |row| row.get("business_name").contains('é'),
    },
    Quirk {
        name: "quotes in a name",
        share: 100,
        apply: |rng, row, _| row.set("business_name", format!("{0} Tel, Inc. d/b/a \"{0} Talk\"", pick(rng, &FIRST))),
        holds: |row| row.get("business_name").contains('"'),
    },
    Quirk {
        name: "a very long cell",
        share: 0,
        apply: long_names,
        holds: |row| row.get("previous_dba_names").len() >= 2_000,
    },
];
