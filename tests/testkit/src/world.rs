//! A state of the database, and the way to the next one.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::filing::{self, Row, day, number};
use crate::quirks::QUIRKS;

/// The first number that a world gives out.
const FIRST_NUMBER: u32 = 1410;

/// A made-up state of the FCC's database.
#[derive(Debug, Clone)]
pub struct World {
    rng: ChaCha8Rng,
    rows: BTreeMap<String, Row>,
    removed: BTreeMap<String, Row>,
    next_number: u32,
    frns: BTreeSet<u64>,
}

/// How many changes of each kind the next state brings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Step {
    /// New filings, with higher numbers.
    pub list: usize,
    /// Filings of which one or two cells change.
    pub amend: usize,
    /// Filings that go, scattered.
    pub remove: usize,
    /// Removed filings that come back as they were.
    pub reinstate: usize,
}

/// What a step changed, by RMD number, sorted. No number is in two of the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New filings.
    pub listed: Vec<String>,
    /// Changed filings, with the names of the columns that changed, sorted.
    pub amended: Vec<(String, Vec<String>)>,
    /// Filings that went.
    pub removed: Vec<String>,
    /// Filings that came back.
    pub reinstated: Vec<String>,
}

impl World {
    /// A world of so many filings. The same seed makes the same world, on every machine and in every version.
    pub fn new(seed: u64, filings: usize) -> Self {
        let mut world = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            rows: BTreeMap::new(),
            removed: BTreeMap::new(),
            next_number: FIRST_NUMBER,
            frns: BTreeSet::new(),
        };
        let mut numbers: Vec<String> = (0..filings).map(|_| world.list_one()).collect();
        numbers.shuffle(&mut world.rng);
        world.make_quirky(&numbers);
        world
    }

    fn list_one(&mut self) -> String {
        // Numbers ascend with gaps: some were withdrawn before the listing was first seen.
        let value = self.next_number;
        self.next_number += if self.rng.random_bool(0.3) { self.rng.random_range(2..6) } else { 1 };
        let frn = loop {
            let value = if self.rng.random_bool(0.01) {
                self.rng.random_range(1_000_000_000u64..2_000_000_000)
            } else {
                self.rng.random_range(1_500_000u64..40_000_000)
            };
            if self.frns.insert(value) {
                break value;
            }
        };
        let row = filing::ordinary(&mut self.rng, value, frn);
        let number = number(value);
        self.rows.insert(number.clone(), row);
        number
    }

    /// Deals the rare quirks out, each to filings of its own as long as there are enough.
    fn make_quirky(&mut self, shuffled: &[String]) {
        let filings = shuffled.len();
        let mut next = shuffled.iter().cycle().take(filings * 2);
        for quirk in &QUIRKS {
            let share = (filings * quirk.share / 100_000).max(1);
            for number in next.by_ref().take(share) {
                if let Some(row) = self.rows.get_mut(number) {
                    (quirk.apply)(&mut self.rng, row, filings);
                }
            }
        }
        // Several filings under one FRN, an unfinished one beside a good one.
        for _ in 0..(filings * 3 / 1_000).max(1) {
            let (Some(good), Some(unfinished)) = (next.next(), next.next()) else { return };
            let Some(frn) = self.rows.get(good).map(|row| row.get("frn").to_owned()) else { return };
            if let Some(row) = self.rows.get_mut(unfinished).filter(|_| !frn.is_empty()) {
                row.set("frn", frn);
                row.set("implementation", "N/A");
                for role in ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"]
                {
                    row.set(role, "");
                }
            }
        }
        // A name borne by two, and a namesake of another form.
        for (one, other) in
            [("Twin Pines Telecom LLC", "Twin Pines Telecom LLC"), ("Lone Elm Voice LLC", "Lone Elm Voice Inc.")]
        {
            for name in [one, other] {
                if let Some(row) = next.next().and_then(|number| self.rows.get_mut(number)) {
                    row.set("business_name", name);
                }
            }
        }
    }

    /// The filings, by ascending number.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// How many filings there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The filing of this number, to be changed. Its place in the file stays, even if its number cell changes.
    pub fn row_mut(&mut self, number: &str) -> Option<&mut Row> {
        self.rows.get_mut(number)
    }

    /// Takes a filing out.
    pub fn remove(&mut self, number: &str) -> Option<Row> {
        self.rows.remove(number)
    }

    /// Puts a filing in.
    pub fn insert(&mut self, row: Row) {
        self.rows.insert(row.get("number").to_owned(), row);
    }

    /// Leads to the next state and says what it changed. Of each kind there are as many changes as asked for, or as
    /// many as the world has filings for.
    pub fn advance(&mut self, step: Step) -> Changes {
        let mut changes = Changes::default();
        let mut standing: Vec<String> = self.rows.keys().cloned().collect();
        standing.shuffle(&mut self.rng);
        let mut standing = standing.into_iter();
        let mut away: Vec<String> = self.removed.keys().cloned().collect();
        away.shuffle(&mut self.rng);

        for number in standing.by_ref().take(step.remove) {
            if let Some(row) = self.rows.remove(&number) {
                self.removed.insert(number.clone(), row);
                changes.removed.push(number);
            }
        }
        for number in standing.take(step.amend) {
            if let Some(row) = self.rows.get_mut(&number) {
                let before = row.clone();
                amend(&mut self.rng, row);
                changes.amended.push((number, row.differs_in(&before)));
            }
        }
        for number in away.into_iter().take(step.reinstate) {
            if let Some(row) = self.removed.remove(&number) {
                self.rows.insert(number.clone(), row);
                changes.reinstated.push(number);
            }
        }
        changes.listed = (0..step.list).map(|_| self.list_one()).collect();
        changes.listed.sort();
        changes.amended.sort();
        changes.removed.sort();
        changes.reinstated.sort();
        changes
    }
}

/// Changes a filing as its filer would: often the date alone, now and then everything but the date.
fn amend(rng: &mut ChaCha8Rng, row: &mut Row) {
    let before = row.clone();
    while *row == before {
        let with_date = rng.random_bool(0.92);
        if with_date {
            let day = day(rng);
            row.set("last_updated", day);
        }
        if !with_date || rng.random_bool(0.6) {
            match rng.random_range(0..4) {
                0 => row.set("contact_title", *["Director", "Counsel", "Manager"].choose(rng).unwrap_or(&"")),
                1 => row.set("contact_telephone_number", format!("202-555-01{:02}", rng.random_range(0..100))),
                2 => {
                    let address = filing::address(rng, false);
                    row.set("business_address", address);
                }
                _ => row.set("contact_phone_extension", rng.random_range(100..999).to_string()),
            }
        }
    }
}
