//! What comes back: whether it was put back, or is of an old copy of the list.
//!
//! Of 141 numbers that came back in two years, 100 did within two weeks. A provider that was removed and has made good bears a
//! newer date than it went with. An old copy that is mixed in has the filings as they went, however long ago.

use super::config::VetConfig;
use super::dates::last_updated;
use super::doubt::{Doubt, Resolution};
use super::memory::Memory;
use super::{UNUSUAL_FLOOR, exceeds};
use crate::domain::{Filing, Removal, RmdNumber};

/// What goes by mistake is back within so many days, or with the next listing.
const BACK_AGAIN_DAYS: f64 = 7.0;
/// From so many back it is an alarm.
const ALARMS: usize = 9;
/// The same of filings that are as they went long ago. Above the others a second copy or a person, as for filings that come and
/// do not look like new ones.
const STALE_ALARMS: usize = 3;
const STALE_CORROBORATES: usize = 30;
const STALE_HOLDS: usize = 60;
/// Above so many within two weeks, it takes a person, too.
const STALE_LATELY_HOLDS: usize = 100;
/// Nor did more come back at once with a newer date: 141 did in two years, with one and without.
const AMENDED_HOLDS: usize = 100;

/// The filings that were removed once and are back, told apart.
#[derive(Debug, Default)]
pub struct Returns {
    /// All of them.
    pub all: usize,
    /// Those that were amended since they went.
    amended: usize,
    /// Those that are as they went, and went longer ago than what goes by mistake.
    pub stale: Vec<RmdNumber>,
}

impl Returns {
    /// Notes one: the filing, and how it went last.
    pub fn add(&mut self, filing: &Filing, removal: &Removal, memory: &Memory<'_>) {
        self.all += 1;
        let then = last_updated(&removal.filing);
        if last_updated(filing).is_some_and(|now| then.is_none_or(|then| now > then)) {
            self.amended += 1;
        } else if memory.days_since_step(removal.snapshot).is_none_or(|days| days > BACK_AGAIN_DAYS) {
            self.stale.push(filing.number());
        }
    }

    /// What there is to doubt about them, of a listing after one of so many filings.
    pub fn doubts(&self, current: usize, memory: &Memory<'_>, config: &VetConfig) -> Vec<Doubt> {
        let (returned, count) = (self.all, self.stale.len());
        let stale = match count {
            _ if count > STALE_HOLDS || (count > 0 && memory.unlikely_lately() + count > STALE_LATELY_HOLDS) => {
                Some(Resolution::Person)
            }
            _ if count > STALE_CORROBORATES => Some(Resolution::SecondCopy),
            _ if count >= STALE_ALARMS => Some(Resolution::Alarm),
            _ => None,
        };
        let many = returned >= UNUSUAL_FLOOR && exceeds(returned, current, config.corroborate_loss_percent);
        let all = match returned {
            _ if self.amended > AMENDED_HOLDS => Some(Resolution::Person),
            _ if many => Some(Resolution::SecondCopy),
            _ if returned >= ALARMS => Some(Resolution::Alarm),
            _ => None,
        };
        let examples = self.stale.iter().take(3).copied().collect();
        let stale = stale.map(|resolution| Doubt::Stale { count, examples, resolution });
        stale.into_iter().chain(all.map(|resolution| Doubt::Returned { returned, resolution })).collect()
    }

    /// Those that are remembered as unlikely, so that the listing without them is no loss.
    pub fn remembered(&self) -> &[RmdNumber] {
        if self.stale.len() < STALE_ALARMS { &[] } else { &self.stale }
    }
}
