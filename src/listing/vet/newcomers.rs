//! What has come: whether it looks like new filings, and how fast they come.
//!
//! In real listings a new filing stands behind all others, was updated since the listing before, and has an entry of its
//! own in the FCC's system; what comes in between was removed once and is back.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::UNUSUAL_FLOOR;
use super::compare::{Compared, entry};
use super::config::VetConfig;
use super::dates::{self, Dates};
use super::doubt::{Doubt, Resolution};
use super::memory::Memory;
use super::returns::Returns;
use crate::domain::{Column, Filing, RemovalHistory, RmdNumber};

/// So many filings come at once and in a day more in usual weeks: 19 to 41 in seven days, 61 in eight.
const USUAL_AT_ONCE: f64 = 12.0;
const USUAL_A_DAY: f64 = 5.0;
/// So many come at the most: 240 in a real week before a deadline. From so many times as many, the listing is held.
const COME_AT_ONCE: f64 = 60.0;
const COME_A_DAY: f64 = 40.0;
const COME_HOLDS: f64 = 1.5;
/// So many come in a rush of days, before what comes a few at a time is held as well.
const COME_IN_RESERVE: f64 = 240.0;
/// So many new filings that bear one date are unusual where fewer than twice as many others bear it. On the last day
/// before the deadline of 2024 127 came, and 519 others were amended; on no day in the other weeks more than 19 came.
const ONE_DAY: usize = 60;
/// From more than so many of one date it is an alarm: 10 on a usual day, 19 on a busy one.
const ONE_DAY_ALARMS: usize = 12;
/// So many new filings of one date have numbers without a gap at the most: 9 in a real week.
const WITHOUT_A_GAP: usize = 30;
/// A new filing's date may be so many days older than the listing before.
const OLDER_DAYS: f64 = 7.0;
/// So many numbers are passed over at once and in a day more, at the most: 1,850 in a real week.
const NUMBERS_AT_ONCE: f64 = 3_000.0;
const NUMBERS_A_DAY: f64 = 500.0;
/// From so many unlikely newcomers it is an alarm; above so many, or so many within days, the listing is held.
const UNLIKELY_ALARMS: usize = 3;
const UNLIKELY_HOLDS: usize = 30;
const UNLIKELY_LATELY_HOLDS: usize = 50;

/// What a listing's newcomers are judged by.
pub struct Newcomers<'a> {
    pub current: &'a [Arc<Filing>],
    pub removals: Option<&'a RemovalHistory>,
    pub memory: &'a Memory<'a>,
    /// The dates of the standing listing.
    pub dates: Dates,
    /// Days since the standing listing.
    pub days: f64,
}

/// Those that came, told apart.
#[derive(Debug, Default)]
pub struct Told {
    /// Those that were removed once.
    pub returns: Returns,
    /// Those that look like new filings.
    pub new: usize,
    /// Those that do not.
    pub unlikely: Vec<RmdNumber>,
    /// Those of them that are dated before the newest date of the standing listing: they come late.
    pub late: usize,
    /// The highest number that stood before, those left aside that look like no new filing.
    pub last_before: Option<RmdNumber>,
}

impl Newcomers<'_> {
    /// Tells new filings from others.
    pub fn tell(&self, compared: &Compared) -> Told {
        let doubtful = self.memory.unlikely();
        let credible = self.current.iter().rev().find(|filing| !doubtful.contains(&filing.number()));
        let last_before = credible.map(|filing| filing.number());
        let mut told = Told { last_before, ..Told::default() };
        let Some(last) = last_before else { return told };
        // Where false filings came lately, true ones still come behind what stood before those.
        let behind = self.memory.came_behind().map_or(last, |lately| lately.min(last));
        let farthest = f64::from(last.value()) + NUMBERS_AT_ONCE + self.days * NUMBERS_A_DAY;
        let came: Vec<&Arc<Filing>> = compared.come.iter().filter_map(|place| compared.filings.get(*place)).collect();
        let mut copied = copied_entries(&compared.filings, &came);
        copied.extend(copied_names(self.current, &came));
        for filing in came {
            let number = filing.number();
            if let Some(removal) = self.removals.and_then(|removals| removals.newest(number)) {
                told.returns.add(filing, removal, self.memory);
            } else if number <= behind
                || f64::from(number.value()) > farthest
                || copied.contains(&number)
                || self.is_too_old(filing)
            {
                told.unlikely.push(number);
            } else {
                told.new += 1;
                told.late += usize::from(self.is_late(filing));
            }
        }
        told
    }

    /// Whether a filing's date is older than a new filing's can be. Where the listing has no dates, none is.
    fn is_too_old(&self, filing: &Filing) -> bool {
        let Some(newest) = self.dates.newest else { return false };
        dates::last_updated(filing).is_none_or(|date| dates::days(newest, date) < -OLDER_DAYS)
    }

    /// Whether a filing says that it was made before the standing listing was.
    fn is_late(&self, filing: &Filing) -> bool {
        self.dates.newest.zip(dates::last_updated(filing)).is_some_and(|(newest, date)| date < newest)
    }

    /// What there is to doubt about them.
    pub fn doubts(&self, told: &Told, compared: &Compared, config: &VetConfig) -> Vec<Doubt> {
        let current = self.current.len();
        let mut doubts = Vec::new();
        if current == 0 {
            return doubts;
        }
        let count = told.unlikely.len();
        let lately = self.memory.unlikely_lately() + count;
        if count >= UNLIKELY_ALARMS {
            let holds = count > UNLIKELY_HOLDS || lately > UNLIKELY_LATELY_HOLDS;
            let resolution = if holds { Resolution::Person } else { Resolution::Alarm };
            let examples = told.unlikely.iter().take(3).copied().collect();
            doubts.push(Doubt::Unlikely { count, examples, resolution });
        }
        doubts.extend(self.pace(told.new + count, told.late, config));
        doubts.extend(one_day(compared));
        doubts.extend(told.returns.doubts(current, self.memory, config));
        doubts
    }

    /// Whether more have come than do in the time, of which so many come late. Those are judged by the time whose dates they
    /// bear: as many as could have come then are in no hurry now.
    fn pace(&self, come: usize, late: usize, config: &VetConfig) -> Option<Doubt> {
        let current = self.current.len();
        let excused = (late as f64).min(self.memory.may_come_late(COME_AT_ONCE, COME_A_DAY));
        let in_time = self.memory.may_come(COME_AT_ONCE, COME_A_DAY, self.days);
        let usual = self.memory.may_come(USUAL_AT_ONCE, USUAL_A_DAY, self.days);
        let share = |percent: f64| ((current as f64 * percent / 100.0) as usize).max(UNUSUAL_FLOOR);
        // Behind a rush a usual step is never held, unless that goes on and on.
        let reserve = self.memory.may_come(COME_IN_RESERVE, COME_A_DAY * COME_HOLDS, self.days);
        let holds = (in_time * COME_HOLDS).max(reserve.min(COME_AT_ONCE * COME_HOLDS)) + excused;
        let limits = [
            (share(config.max_growth_percent).min(holds as usize), Resolution::Person),
            (share(config.corroborate_growth_percent), Resolution::SecondCopy),
            (usual.min(in_time) as usize, Resolution::Alarm),
        ];
        let (limit, resolution) = limits.into_iter().find(|(limit, _)| come > *limit)?;
        Some(Doubt::Growth { come, current, limit, resolution })
    }
}

/// Newcomers that were made by the dozen, as far as their dates and numbers tell: the most of one date.
fn one_day(compared: &Compared) -> Option<Doubt> {
    let came = || compared.come.iter().filter_map(|place| compared.filings.get(*place));
    if came().count() <= ONE_DAY_ALARMS {
        return None;
    }
    let mut days: HashMap<Date, usize> = HashMap::new();
    let mut row = 0;
    let mut longest: (usize, Option<Date>) = (0, None);
    let mut before: Option<(u32, Date)> = None;
    for filing in came() {
        let Some(day) = dates::last_updated(filing) else { continue };
        *days.entry(day).or_default() += 1;
        let number = filing.number().value();
        row = if before == number.checked_sub(1).map(|number| (number, day)) { row + 1 } else { 1 };
        if row > longest.0 {
            longest = (row, Some(day));
        }
        before = Some((number, day));
    }
    let (day, count) = days.into_iter().max_by_key(|(day, count)| (*count, *day))?;
    let bear = |day| compared.filings.iter().filter(|filing| dates::last_updated(filing) == Some(day)).count();
    let doubt = |count, day, others, resolution| Doubt::OneDay { count, day, others, resolution };
    let others = bear(day).saturating_sub(count);
    if count > ONE_DAY && others < count * 2 {
        return Some(doubt(count, day, others, Resolution::Person));
    }
    if let (row, Some(day)) = longest
        && row > WITHOUT_A_GAP
    {
        return Some(doubt(row, day, bear(day).saturating_sub(row), Resolution::Person));
    }
    (count > ONE_DAY_ALARMS).then(|| doubt(count, day, others, Resolution::Alarm))
}

/// The newcomers that bear name and address of a standing filing of another FRN: one in a real step at the most, and where
/// rows are copied all.
fn copied_names(current: &[Arc<Filing>], came: &[&Arc<Filing>]) -> Vec<RmdNumber> {
    let named = |filing: &Arc<Filing>| !filing.business_name().trim().is_empty() && filing.frn().is_some();
    let mut borne: HashMap<(&str, &str), Vec<&Arc<Filing>>> = HashMap::new();
    for filing in came.iter().filter(|filing| named(filing)) {
        let who = (filing.business_name(), filing.cell(Column::BusinessAddress));
        borne.entry(who).or_default().push(filing);
    }
    let mut copied = Vec::new();
    for filing in current.iter().filter(|filing| !borne.is_empty() && named(filing)) {
        let who = (filing.business_name(), filing.cell(Column::BusinessAddress));
        let same = borne.get(&who).into_iter().flatten();
        copied.extend(same.filter(|copy| copy.frn() != filing.frn()).map(|copy| copy.number()));
    }
    // One or two are a provider that filed anew.
    copied.sort_unstable();
    copied.dedup();
    if copied.len() < UNLIKELY_ALARMS { Vec::new() } else { copied }
}

/// The newcomers whose entry in the FCC's system is that of another filing.
fn copied_entries(filings: &[Arc<Filing>], came: &[&Arc<Filing>]) -> HashSet<RmdNumber> {
    let mut borne: HashMap<&str, usize> = HashMap::new();
    borne.extend(came.iter().map(|filing| (entry(filing), 0)).filter(|(entry, _)| !entry.is_empty()));
    if !borne.is_empty() {
        for filing in filings {
            if let Some(times) = borne.get_mut(entry(filing)) {
                *times += 1;
            }
        }
    }
    let shared = |filing: &&&Arc<Filing>| borne.get(entry(filing)).is_some_and(|times| *times > 1);
    came.iter().filter(shared).map(|filing| filing.number()).collect()
}
