//! A state of the database.

use std::collections::{BTreeMap, HashSet};

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::date::FIRST_DAY;
use crate::filing::{ROLES, Row};
use crate::invent::{filing, number};
use crate::quirks::quirks;

/// The first number that a world gives out.
const FIRST_NUMBER: u32 = 1410;

/// Names borne by two filings each: the same one, and that of a namesake of another form.
pub(crate) const NAMESAKES: [[&str; 2]; 2] =
    [["Twin Pines Telecom LLC", "Twin Pines Telecom LLC"], ["Lone Elm Voice LLC", "Lone Elm Voice Inc."]];

/// A made-up state of the FCC's database.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) rng: ChaCha8Rng,
    pub(crate) rows: BTreeMap<String, Row>,
    pub(crate) removed: BTreeMap<String, Row>,
    pub(crate) today: u32,
    next_number: u32,
    frns: HashSet<u64>,
}

impl World {
    /// A world of so many filings. The same seed makes the same world. From 60 filings on it holds every quirk, at
    /// least once.
    pub fn new(seed: u64, filings: usize) -> Self {
        let mut world = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            rows: BTreeMap::new(),
            removed: BTreeMap::new(),
            today: FIRST_DAY,
            next_number: FIRST_NUMBER,
            frns: HashSet::with_capacity(filings),
        };
        let mut numbers: Vec<String> = (0..filings).map(|_| world.list_one()).collect();
        numbers.shuffle(&mut world.rng);
        world.make_quirky(&numbers);
        world
    }

    /// Lists one more filing, under the next number.
    pub(crate) fn list_one(&mut self) -> String {
        // Numbers ascend with gaps: some were withdrawn before the listing was first seen.
        let value = self.next_number;
        self.next_number += if self.rng.random_bool(0.3) { self.rng.random_range(2..6) } else { 1 };
        let frn = self.new_frn(1_500_000, 40_000_000);
        let row = filing(&mut self.rng, value, frn);
        let number = number(value);
        self.rows.insert(number.clone(), row);
        number
    }

    fn new_frn(&mut self, from: u64, to: u64) -> u64 {
        loop {
            let value = self.rng.random_range(from..to);
            if self.frns.insert(value) {
                return value;
            }
        }
    }

    /// Deals the rarer quirks out, each to filings of its own as long as there are enough.
    fn make_quirky(&mut self, shuffled: &[String]) {
        let filings = shuffled.len();
        let mut next = shuffled.iter().cycle().take(filings * 2);
        for quirk in quirks() {
            let share = (filings * quirk.share / 100_000).max(1);
            for number in next.by_ref().take(share) {
                if let Some(row) = self.rows.get_mut(number) {
                    (quirk.apply)(&mut self.rng, row, filings);
                }
            }
        }
        // Numbers of registrations that do not begin with 00.
        for number in next.by_ref().take((filings / 2_000).max(1)) {
            let frn = self.new_frn(1_000_000_000, 2_000_000_000);
            if let Some(row) = self.rows.get_mut(number).filter(|row| !row.get("frn").is_empty()) {
                row.set("frn", frn.to_string());
            }
        }
        // Several filings under one FRN, an unfinished one beside a good one.
        for _ in 0..(filings * 3 / 1_000).max(1) {
            let (Some(good), Some(unfinished)) = (next.next(), next.next()) else { return };
            let Some(frn) = self.rows.get(good).map(|row| row.get("frn").to_owned()) else { return };
            if let Some(row) = self.rows.get_mut(unfinished).filter(|_| !frn.is_empty()) {
                row.set("frn", frn);
                row.set("implementation", "N/A");
                for role in ROLES {
                    row.set(role, "");
                }
            }
        }
        for name in NAMESAKES.into_iter().flatten() {
            if let Some(row) = next.next().and_then(|number| self.rows.get_mut(number)) {
                row.set("business_name", name);
            }
        }
    }

    /// The filings, by ascending number.
    pub fn filings(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The filings as rows of the file: the same as [`World::filings`].
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.filings()
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

    /// Takes a filing out. No step reinstates it; [`World::insert`] can.
    pub fn remove(&mut self, number: &str) -> Option<Row> {
        self.rows.remove(number)
    }

    /// Puts a filing in, or in the place of the one with its number. Steps to come list neither its number nor its
    /// FRN anew.
    pub fn insert(&mut self, row: Row) {
        let number = row.get("number").to_owned();
        let value = number.strip_prefix("RMD").and_then(|digits| digits.parse::<u32>().ok());
        if let Some(after) = value.and_then(|value| value.checked_add(1)) {
            self.next_number = self.next_number.max(after);
        }
        self.frns.extend(row.get("frn").parse::<u64>().ok());
        self.removed.remove(&number);
        self.rows.insert(number, row);
    }
}
