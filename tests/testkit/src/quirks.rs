//! The rarer quirks. Each is applied to some rows of every world, so that even a small one holds them all.

mod numbers;
mod texts;

use rand_chacha::ChaCha8Rng;

use crate::filing::{ROLES, Row};
use crate::invent::{HOME, pick, unfinish};
use crate::words::{FOREIGN_COUNTRY, IMPLEMENTATION};

/// A quirk of single rows: how many have it, how a row comes by it and how it shows.
pub struct Quirk {
    /// What it is.
    pub name: &'static str,
    /// How many filings of 100,000 it is dealt to; one at the least. Ordinary filings may have it besides.
    pub share: usize,
    /// Makes a row have it. The number is that of the filings in the world.
    pub apply: fn(&mut ChaCha8Rng, &mut Row, usize),
    /// Whether a row has it.
    pub holds: fn(&Row) -> bool,
}

/// All of them. Those of one filing in a whole world have share 0.
pub fn quirks() -> impl Iterator<Item = &'static Quirk> {
    STATES.iter().chain(numbers::NUMBERS).chain(texts::TEXTS)
}

/// No role is certified: left blank by some, answered No by others.
fn no_role(rng: &mut ChaCha8Rng, row: &mut Row, _: usize) {
    let answer = pick(rng, &["", "No"]);
    for column in ROLES {
        row.set(column, answer);
    }
}

fn of_abroad(rng: &mut ChaCha8Rng, row: &mut Row, _: usize) {
    let country = pick(rng, &FOREIGN_COUNTRY);
    row.set("foreign_voice_provider", "Yes");
    row.set("country", country);
    row.set("contact_country", country);
}

/// Quirks of the columns that have few values.
static STATES: &[Quirk] = &[
    Quirk {
        name: "no role",
        share: 1_400,
        apply: no_role,
        holds: |row| ROLES.iter().all(|column| row.get(column) != "Yes"),
    },
    Quirk {
        name: "a role left blank",
        share: 300,
        apply: |_, row, _| row.set("gateway_provider_choice", ""),
        holds: |row| row.get("gateway_provider_choice").is_empty(),
    },
    Quirk {
        name: "all roles",
        share: 10,
        apply: |_, row, _| ROLES.iter().for_each(|column| row.set(column, "Yes")),
        holds: |row| ROLES.iter().all(|column| row.get(column) == "Yes"),
    },
    Quirk {
        name: "foreign unstated",
        share: 180,
        apply: |_, row, _| row.set("foreign_voice_provider", ""),
        holds: |row| row.get("foreign_voice_provider").is_empty(),
    },
    Quirk {
        name: "a foreign provider",
        share: 10,
        apply: of_abroad,
        holds: |row| row.get("foreign_voice_provider") == "Yes" && row.get("country") != HOME,
    },
    Quirk {
        name: "complete implementation",
        share: 10,
        apply: |_, row, _| row.set("implementation", IMPLEMENTATION[0]),
        holds: |row| row.get("implementation") == "Complete STIR/SHAKEN Implementation",
    },
    Quirk {
        name: "partial implementation",
        share: 10,
        apply: |_, row, _| row.set("implementation", IMPLEMENTATION[1]),
        holds: |row| row.get("implementation") == "Partial STIR/SHAKEN Implementation - Performing Robocall Mitigation",
    },
    Quirk {
        name: "no implementation",
        share: 10,
        apply: |_, row, _| row.set("implementation", IMPLEMENTATION[2]),
        holds: |row| row.get("implementation") == "No STIR/SHAKEN Implementation - Performing Robocall Mitigation",
    },
    Quirk {
        name: "unfinished, with N/A implementation",
        share: 10,
        apply: |rng, row, _| unfinish(rng, row),
        holds: |row| row.get("implementation") == "N/A" && row.get("contact_title").is_empty(),
    },
    Quirk {
        name: "never updated",
        share: 10,
        apply: |_, row, _| row.set("last_updated", ""),
        holds: |row| row.get("last_updated").is_empty(),
    },
];
