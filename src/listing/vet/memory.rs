//! What the steps before tell of the next: a fault that takes a little at each sync shows in none of them.
//!
//! Time between two listings is measured by two clocks, the wall's and the listings' own dates, and the longer one
//! counts: a row of old listings may be read within a minute, and in weeks in which nobody files the dates stand still.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::dates;
use crate::domain::{ChangedCell, Column, Filing, RmdNumber, Snapshot, SnapshotSerial, StepFacts};

/// For so many days something counts as recent. No end of the list was ever missing twice within them.
const RECENT_DAYS: f64 = 14.0;
/// Steps older than this, and more of them, are forgotten.
const KEPT_DAYS: f64 = 60.0;
const KEPT_STEPS: usize = 256;
/// So many filings go in a usual day. Half a year of usual weeks lost 3 a week, the busiest months 25.
const USUAL_LOSS_A_DAY: f64 = 2.0;
/// Of a wave, which was looked at by itself, so many count as loss that goes on.
const WAVE_COUNTS: f64 = 100.0;
/// So many cells of one column change in a usual day without a date, and so many with one: 186 of a role in the busiest five
/// weeks but for those before a deadline.
const USUAL_UNDATED_A_DAY: f64 = 7.0;
const USUAL_DATED_A_DAY: f64 = 6.0;

/// What is remembered, seen from the listing that is judged.
pub struct Memory<'a> {
    steps: &'a [StepFacts],
    /// Of the standing snapshot, which the last step led to.
    serial: Option<SnapshotSerial>,
    fetched_at: Timestamp,
    content_day: Option<Date>,
}

/// Filings that were lost in the steps before, less what is usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Losses {
    /// All of them, waves counted in part.
    pub all: f64,
    /// Those that were lost a few at a time.
    pub trickle: f64,
}

impl<'a> Memory<'a> {
    /// What led to the standing snapshot.
    pub fn of(current: Option<&'a Snapshot>, fetched_at: Timestamp, content_day: Option<Date>) -> Self {
        let steps = current.map_or(&[][..], |current| &current.steps);
        Self { steps, serial: current.map(|current| current.serial), fetched_at, content_day }
    }

    /// Days from a step to the listing that is judged.
    fn days_since(&self, step: &StepFacts) -> f64 {
        days_between((step.fetched_at, step.content_day), (self.fetched_at, self.content_day))
    }

    /// Days since the standing listing; none if none is remembered.
    pub fn days_since_last(&self) -> f64 {
        self.steps.last().map_or(0.0, |step| self.days_since(step))
    }

    /// Days since the step that led to this snapshot, none of them if it was the last one; nothing where that is forgotten.
    pub fn days_since_step(&self, snapshot: SnapshotSerial) -> Option<f64> {
        let back = usize::try_from(self.serial?.0.checked_sub(snapshot.0)?).ok()?;
        let step = self.steps.iter().rev().nth(back)?;
        Some(if back == 0 { 0.0 } else { self.days_since(step) })
    }

    fn recent(&self) -> impl Iterator<Item = &'a StepFacts> {
        self.steps.iter().filter(|step| self.days_since(step) <= RECENT_DAYS)
    }

    /// Filings that came lately and do not look like new ones.
    pub fn unlikely(&self) -> HashSet<RmdNumber> {
        self.steps.iter().flat_map(|step| &step.unlikely).copied().collect()
    }

    /// How many came lately.
    pub fn unlikely_lately(&self) -> usize {
        self.recent().map(|step| step.unlikely.len()).sum()
    }

    /// The number behind which filings came lately, if any did.
    pub fn came_behind(&self) -> Option<RmdNumber> {
        self.recent().filter_map(|step| step.last_before).min()
    }

    /// The numbers behind which filings came, step by step, as far back as is remembered; ascending.
    pub fn came_behind_each(&self) -> Vec<RmdNumber> {
        let mut behind: Vec<RmdNumber> = self.steps.iter().filter_map(|step| step.last_before).collect();
        behind.sort_unstable();
        behind.dedup();
        behind
    }

    /// Whether the list ended with this filing before a step lately brought more.
    pub fn ended_at(&self, last: RmdNumber) -> bool {
        self.recent().any(|step| step.last_before == Some(last))
    }

    /// Whether the end of the list was missing in a step lately.
    pub fn end_was_gone(&self) -> bool {
        self.recent().any(|step| step.end_gone)
    }

    /// What was lost, less what is usual, as it stands before the listing that is judged.
    pub fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        self.each(|step, days| {
            let usual = days * USUAL_LOSS_A_DAY;
            let lost = f64::from(step.lost);
            losses.all = (losses.all - usual).max(0.0) + if step.was_wave { lost.min(WAVE_COUNTS) } else { lost };
            losses.trickle = (losses.trickle - usual).max(0.0) + if step.was_wave { 0.0 } else { lost };
        });
        let usual = self.days_since_last() * USUAL_LOSS_A_DAY;
        Losses { all: (losses.all - usual).max(0.0), trickle: (losses.trickle - usual).max(0.0) }
    }

    /// How many cells of a column changed without a date, less what is usual. What holds in `filings` again what it held before
    /// is left aside.
    pub fn undated(&self, column: Column, filings: &[Arc<Filing>]) -> f64 {
        self.changed(USUAL_UNDATED_A_DAY, (column, filings), |step| &step.undated)
    }

    /// How many FRNs changed, none of which is usual.
    pub fn frns(&self, filings: &[Arc<Filing>]) -> usize {
        self.changed(0.0, (Column::Frn, filings), |step| &step.undated) as usize
    }

    /// The same of cells that changed in filings that say that they were updated.
    pub fn dated(&self, column: Column, filings: &[Arc<Filing>]) -> f64 {
        self.changed(USUAL_DATED_A_DAY, (column, filings), |step| &step.dated)
    }

    fn changed(
        &self,
        usual_a_day: f64,
        (column, filings): (Column, &[Arc<Filing>]),
        cells: impl Fn(&StepFacts) -> &[ChangedCell],
    ) -> f64 {
        // What was filled for the first time is left aside.
        let filled = digest("");
        let stands = |cell: &ChangedCell| {
            let place = filings.binary_search_by_key(&cell.number, |filing| filing.number());
            let filing = place.ok().and_then(|place| filings.get(place));
            filing.is_some_and(|filing| digest(filing.cell(column)) != cell.before)
        };
        let counts = |cell: &&ChangedCell| cell.column == column && cell.before != filled && stands(cell);
        let mut level: f64 = 0.0;
        self.each(|step, days| {
            let changed = cells(step).iter().filter(counts).count();
            level = (level - days * usual_a_day).max(0.0) + changed as f64;
        });
        (level - self.days_since_last() * usual_a_day).max(0.0)
    }

    /// The step that changed the date of a filing last, by its place among those remembered, and how many dates it changed.
    pub fn dated_in(&self) -> HashMap<RmdNumber, (usize, usize)> {
        let mut dated = HashMap::new();
        for (at, step) in self.steps.iter().enumerate() {
            let dates = || step.dated.iter().filter(|cell| cell.column == Column::LastUpdated);
            let all = dates().count();
            dated.extend(dates().map(|cell| (cell.number, (at, all))));
        }
        dated
    }

    /// What the cells held that changed lately.
    pub fn held_before(&self) -> HashMap<(RmdNumber, Column), Vec<u64>> {
        let mut held: HashMap<_, Vec<u64>> = HashMap::new();
        for cell in self.steps.iter().flat_map(|step| step.undated.iter().chain(&step.dated)) {
            held.entry((cell.number, cell.column)).or_default().push(cell.before);
        }
        held
    }

    /// The filings whose date the step before changed.
    pub fn amended_last(&self) -> HashSet<RmdNumber> {
        let dates = self.steps.last().into_iter().flat_map(|step| &step.dated);
        dates.filter(|cell| cell.column == Column::LastUpdated).map(|cell| cell.number).collect()
    }

    /// How many new filings may come now, where so many come at once and a day more. What was not used lasts for no longer
    /// than one step.
    pub fn may_come(&self, at_once: f64, a_day: f64, days: f64) -> f64 {
        self.not_used(at_once, a_day).min(at_once) + days * a_day
    }

    /// How many more than come at once could have come by the standing listing and did not: where its end was missing, they
    /// come late, and bear dates of that time.
    pub fn may_come_late(&self, at_once: f64, a_day: f64) -> f64 {
        (self.not_used(at_once, a_day) - at_once).max(0.0)
    }

    fn not_used(&self, at_once: f64, a_day: f64) -> f64 {
        let mut left = at_once;
        self.each(|step, days| left = (left.min(at_once) + days * a_day - f64::from(step.come)).max(0.0));
        left
    }

    /// Each step, with the days since the one before.
    fn each(&self, mut visit: impl FnMut(&StepFacts, f64)) {
        let mut before: Option<&StepFacts> = None;
        for step in self.steps {
            let time = |step: &StepFacts| (step.fetched_at, step.content_day);
            visit(step, before.map_or(0.0, |before| days_between(time(before), time(step))));
            before = Some(step);
        }
    }

    /// What is remembered once this step is made.
    pub fn with(&self, step: StepFacts) -> Vec<StepFacts> {
        // A clock that was ahead is no evidence: what it dated was no later than now.
        let dated = |step: &StepFacts| StepFacts { fetched_at: step.fetched_at.min(self.fetched_at), ..step.clone() };
        let kept = self.steps.iter().filter(|step| self.days_since(step) <= KEPT_DAYS).map(dated);
        let mut steps: Vec<StepFacts> = kept.chain([step]).collect();
        steps.drain(..steps.len().saturating_sub(KEPT_STEPS));
        steps
    }
}

/// Days from one listing to the next, by the clock or by their dates, whichever are more.
pub fn days_between(from: (Timestamp, Option<Date>), to: (Timestamp, Option<Date>)) -> f64 {
    let by_clock = to.0.duration_since(from.0).as_secs_f64() / 86_400.0;
    let by_dates = from.1.zip(to.1).map_or(0.0, |(from, to)| dates::days(from, to));
    by_clock.max(by_dates).max(0.0)
}

/// A digest of a cell's text. It is stored, so it must be the same in every version.
pub fn digest(text: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(text));
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
