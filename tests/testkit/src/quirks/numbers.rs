//! Quirks of registration numbers.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Quirk;
use crate::filing::Row;
use crate::invent::{other_frn, pick, trade_name};
use crate::words::FIRST;

/// So many numbers, with this between them.
fn list(rng: &mut ChaCha8Rng, count: usize, between: &str) -> String {
    let numbers: Vec<String> = (0..count).map(|_| format!("{:010}", other_frn(rng))).collect();
    numbers.join(between)
}

fn digits(row: &Row) -> Option<usize> {
    let cell = row.get("other_frns");
    (!cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit())).then_some(cell.len())
}

/// How many numbers of ten digits the cell lists with this between them and nothing else.
fn listed(row: &Row, between: &str) -> usize {
    let parts = || row.get("other_frns").split(between);
    let whole = parts().all(|part| part.len() == 10 && part.bytes().all(|byte| byte.is_ascii_digit()));
    if whole { parts().count() } else { 0 }
}

pub static NUMBERS: &[Quirk] = &[
    Quirk { name: "no FRN", share: 0, apply: |_, row, _| row.set("frn", ""), holds: |row| row.get("frn").is_empty() },
    Quirk {
        name: "FRN with a name in brackets",
        share: 200,
        apply: |rng, row, _| {
            let frn = other_frn(rng);
            row.set("other_frns", format!("{frn:010} ({} International Inc.)", pick(rng, &FIRST)))
        },
        holds: |row| row.get("other_frns").contains(" ("),
    },
    Quirk {
        name: "FRNs among names",
        share: 100,
        apply: |rng, row, _| {
            let cell = format!("{:010}; {}, LLC", other_frn(rng), trade_name(rng));
            row.set("other_frns", cell)
        },
        holds: |row| row.get("other_frns").ends_with(", LLC"),
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
        holds: |row| row.get("other_frns").split('-').map(str::len).eq([4, 4, 2]),
    },
    Quirk {
        name: "FRN of seven digits",
        share: 80,
        apply: |rng, row, _| row.set("other_frns", rng.random_range(1_500_000..10_000_000).to_string()),
        holds: |row| digits(row) == Some(7),
    },
    Quirk {
        name: "FRN of eight digits",
        share: 120,
        apply: |rng, row, _| row.set("other_frns", rng.random_range(10_000_000..40_000_000).to_string()),
        holds: |row| digits(row) == Some(8),
    },
    Quirk {
        name: "FRN of eleven digits",
        share: 30,
        apply: |rng, row, _| row.set("other_frns", format!("{:011}", other_frn(rng))),
        holds: |row| digits(row) == Some(11),
    },
    Quirk {
        name: "FRNs between semicolons and spaces",
        share: 500,
        apply: |rng, row, _| {
            let count = rng.random_range(2..9);
            let list = list(rng, count, "; ");
            row.set("other_frns", list)
        },
        holds: |row| listed(row, "; ") > 1,
    },
    Quirk {
        name: "FRNs between semicolons",
        share: 200,
        apply: |rng, row, _| {
            let count = rng.random_range(2..9);
            let list = list(rng, count, ";");
            row.set("other_frns", list)
        },
        holds: |row| listed(row, ";") > 1,
    },
    Quirk {
        name: "FRNs between spaces",
        share: 100,
        apply: |rng, row, _| {
            let count = rng.random_range(2..9);
            let list = list(rng, count, " ");
            row.set("other_frns", list)
        },
        holds: |row| listed(row, " ") > 1,
    },
    Quirk {
        name: "FRNs between commas",
        share: 300,
        apply: |rng, row, _| {
            let count = rng.random_range(2..9);
            let list = list(rng, count, ", ");
            row.set("other_frns", list)
        },
        holds: |row| listed(row, ", ") > 1,
    },
    Quirk {
        name: "FRNs on lines",
        share: 300,
        apply: |rng, row, _| {
            let count = rng.random_range(2..9);
            let list = list(rng, count, "\n");
            row.set("other_frns", list)
        },
        holds: |row| listed(row, "\n") > 1,
    },
    Quirk {
        name: "FRNs on lines of another system",
        share: 400,
        apply: |rng, row, _| {
            let count = rng.random_range(2..9);
            let list = list(rng, count, "\r\n");
            row.set("other_frns", list)
        },
        holds: |row| listed(row, "\r\n") > 1,
    },
    Quirk {
        name: "150 FRNs between semicolons",
        share: 0,
        apply: |rng, row, _| {
            let list = list(rng, 150, "; ");
            row.set("other_frns", list)
        },
        holds: |row| listed(row, "; ") == 150,
    },
    Quirk {
        name: "150 FRNs between spaces",
        share: 0,
        apply: |rng, row, _| {
            let list = list(rng, 150, " ");
            row.set("other_frns", list)
        },
        holds: |row| listed(row, " ") == 150,
    },
    Quirk {
        name: "FRNs elsewhere",
        share: 300,
        apply: |_, row, _| row.set("other_frns", "see list in attached RMP"),
        holds: |row| row.get("other_frns").starts_with("see list"),
    },
];
