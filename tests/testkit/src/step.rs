//! The way from one state to the next.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::date::LAST_DAY;
use crate::filing::Row;
use crate::invent::{address, pick, telephone, trade_name};
use crate::words::TITLE;
use crate::world::World;

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
    /// Leads to the next state, a day later, and says what it changed. Of each kind there are as many changes as
    /// asked for, or as many as the world has filings for. What one step removes, a later one can reinstate.
    ///
    /// However many steps there are, no filing bears a day that has not come: after a year of them the day stays.
    pub fn advance(&mut self, step: Step) -> Changes {
        self.today = (self.today + 1).min(LAST_DAY);
        let today = crate::date::written(self.today);
        let mut changes = Changes::default();
        let mut current: Vec<String> = self.rows.keys().cloned().collect();
        current.shuffle(&mut self.rng);
        let mut current = current.into_iter();
        let mut away: Vec<String> = self.removed.keys().cloned().collect();
        away.shuffle(&mut self.rng);

        for number in current.by_ref().take(step.remove) {
            if let Some(row) = self.rows.remove(&number) {
                self.removed.insert(number.clone(), row);
                changes.removed.push(number);
            }
        }
        for number in current.take(step.amend) {
            if let Some(row) = self.rows.get_mut(&number) {
                let before = row.clone();
                amend(&mut self.rng, row, &today);
                changes.amended.push((number, row.differs_in(&before)));
            }
        }
        for number in away.into_iter().take(step.reinstate) {
            if let Some(row) = self.removed.remove(&number) {
                self.rows.insert(number.clone(), row);
                changes.reinstated.push(number);
            }
        }
        for _ in 0..step.list {
            let number = self.list_one();
            // Of real ones, one in two thousand has no date when it comes.
            if let Some(row) = self.rows.get_mut(&number) {
                row.set("last_updated", today.as_str());
            }
            changes.listed.push(number);
        }
        changes.listed.sort();
        changes.amended.sort();
        changes.removed.sort();
        changes.reinstated.sort();
        changes
    }
}

/// Changes a filing as its filer would: the date and a cell, often the date alone, now and then all but the date.
fn amend(rng: &mut ChaCha8Rng, row: &mut Row, today: &str) {
    let before = row.clone();
    let cells = match rng.random_range(0..100) {
        0..8 => rng.random_range(1..3),
        kind => {
            row.set("last_updated", today);
            usize::from(kind >= 35)
        }
    };
    for _ in 0..cells {
        change_cell(rng, row);
    }
    // Two draws may fall on one column, the second undoing the first.
    while *row == before {
        change_cell(rng, row);
    }
}

fn change_cell(rng: &mut ChaCha8Rng, row: &mut Row) {
    let foreign = row.get("foreign_voice_provider") == "Yes";
    loop {
        let (column, cell) = match rng.random_range(0..7) {
            0 => ("contact_title", pick(rng, &TITLE).to_owned()),
            1 => ("contact_telephone_number", telephone(rng, foreign)),
            2 => ("business_address", address(rng, foreign)),
            3 => ("contact_business_address", address(rng, foreign)),
            4 => ("contact_phone_extension", rng.random_range(100..9999).to_string()),
            5 => ("other_dba_names", trade_name(rng)),
            _ => ("robocall_mitigation_contact_name", format!("Contact {:06X}", rng.random_range(0..0x100_0000))),
        };
        if row.get(column) != cell {
            row.set(column, cell);
            return;
        }
    }
}
