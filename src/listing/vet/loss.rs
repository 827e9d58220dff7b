//! What is gone: how much, in which shape, and for how long.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::compare::Compared;
use super::config::VetConfig;
use super::doubt::{Doubt, Resolution};
use super::memory::Memory;
use super::{UNUSUAL_FLOOR, dates, ending, exceeds};
use crate::domain::{Certification, Column, Filing, Frn, Implementation, ProviderRole, RemovalHistory, RmdNumber};

/// From so many of the last filings gone, the end is missing. In no real week was even one.
const END_GONE_HOLDS: usize = 3;
/// So many filings that came lately may go again from the end, once: false ones, most likely, that a source takes back.
const TAKEN_BACK: usize = 40;
const TAKEN_BACK_PERCENT: f64 = 0.4;
/// Within so many days there may be no new filing.
const SAME_LISTING_DAYS: f64 = 2.0;
/// Above this share gone, in percent, a listing that is out of order is held.
const OUT_OF_ORDER_LOSS_PERCENT: f64 = 0.5;
/// From so many neighbours gone, they are a row, unless as many are gone in all that such rows come by chance. In real steps
/// that lost less than 1 % there were never more than 2.
const RUN: usize = 3;
/// So many rows may come by chance.
const BY_CHANCE: f64 = 3.0;
/// Rows of which so many in a hundred filings are providers that stand under no other number look like a page. Of the 384
/// neighbours that went on March 4, 2024, 34 in a hundred were: they were duplicates.
const RUN_OF_PROVIDERS_PERCENT: f64 = 60.0;
/// Rows that are all of one kind do not, if more than so many in a hundred are of it: of those 384 all were, and none beside.
const ALIKE_PERCENT: f64 = 90.0;
/// So long ago a filing was put back that it may go again.
const BACK_LATELY: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Above so many providers gone in rows, the listing is held.
const RUNS_HOLD: usize = 60;
/// From so many filings lost bit by bit, beyond what is usual, it is an alarm; from so many in all, the listing is held.
const GOES_ON_ALARMS: f64 = 100.0;
const GOES_ON_HOLDS: f64 = 350.0;

/// What would be gone, and which of it are providers that stand under no other number then.
pub struct Lost<'a> {
    current: &'a [Arc<Filing>],
    compared: &'a Compared,
    /// The FRNs that still stand; not gathered where nothing is gone.
    still: HashSet<Frn>,
    /// What was removed before, and when the listing is judged.
    removals: Option<&'a RemovalHistory>,
    fetched_at: Timestamp,
}

impl<'a> Lost<'a> {
    /// Finds it.
    pub fn of(
        current: &'a [Arc<Filing>],
        compared: &'a Compared,
        (removals, fetched_at): (Option<&'a RemovalHistory>, Timestamp),
    ) -> Self {
        let filings = if compared.gone.is_empty() { &[][..] } else { &compared.filings };
        let still = filings.iter().filter_map(|filing| filing.frn()).collect();
        Self { current, compared, still, removals, fetched_at }
    }

    /// Whether a filing was removed once and put back lately.
    fn was_back_lately(&self, number: RmdNumber) -> bool {
        let back = self.removals.and_then(|removals| removals.newest(number)?.reinstated_at);
        back.is_some_and(|back| self.fetched_at.duration_since(back) <= BACK_LATELY)
    }

    /// Whether a provider is lost with this filing: it stands as long as one of its filings does.
    fn is_provider(&self, filing: &Filing) -> bool {
        filing.frn().is_none_or(|frn| !self.still.contains(&frn))
    }

    /// The filings that are gone and their providers with them.
    pub fn filings(&self) -> impl Iterator<Item = &'a Arc<Filing>> {
        let find = |number: &RmdNumber| {
            let place = self.current.binary_search_by_key(number, |filing| filing.number()).ok();
            place.and_then(|place| self.current.get(place))
        };
        self.compared.gone.iter().filter_map(find).filter(|filing| self.is_provider(filing))
    }
}

/// What there is to doubt about what is gone, and how many are: what is taken back as it came is none.
pub fn doubts(lost: &Lost<'_>, memory: &Memory<'_>, in_order: bool, config: &VetConfig) -> (Vec<Doubt>, usize) {
    let Lost { current, compared, .. } = *lost;
    let mut doubts = Vec::new();
    // What looked like no new filing when it came is no loss.
    let unlikely = memory.unlikely();
    let gone: Vec<RmdNumber> = compared.gone.iter().copied().filter(|number| !unlikely.contains(number)).collect();
    let end = if in_order { end(compared, current, &gone, memory) } else { None };
    // What is taken back as it came is no loss either.
    let taken_back = matches!(end, Some(Doubt::EndGone { resolution: Resolution::SecondCopy, .. }));
    let behind = memory.came_behind().filter(|_| taken_back);
    let lasting = || gone.iter().filter(|number| behind.is_none_or(|behind| **number <= behind));
    doubts.extend(size(lasting().count(), current.len(), in_order, config));
    // What was removed, put back and goes again is the same loss as before, and goes on no longer for that.
    let anew = lasting().filter(|number| !lost.was_back_lately(**number)).count();
    doubts.extend(goes_on(anew, memory));
    if in_order {
        doubts.extend(runs(lost, &gone));
    }
    doubts.extend(end);
    (doubts, anew)
}

fn size(gone: usize, current: usize, in_order: bool, config: &VetConfig) -> Option<Doubt> {
    let over = |limit_percent, resolution| {
        (gone >= UNUSUAL_FLOOR && exceeds(gone, current, limit_percent)).then_some(Doubt::Loss {
            gone,
            current,
            limit_percent,
            resolution,
        })
    };
    if let Some(held) = over(config.max_loss_percent, Resolution::Person) {
        return Some(held);
    }
    if !in_order && gone > 0 {
        let held = gone >= UNUSUAL_FLOOR && exceeds(gone, current, OUT_OF_ORDER_LOSS_PERCENT);
        let resolution = if held { Resolution::Person } else { Resolution::SecondCopy };
        return Some(Doubt::LossOutOfOrder { gone, current, resolution });
    }
    over(config.corroborate_loss_percent, Resolution::SecondCopy).or_else(|| over(0.0, Resolution::Alarm))
}

/// Loss that goes on for days. One wave at a time is an order; a wave behind others, or bit by bit, may be a source that
/// loses its list.
fn goes_on(gone: usize, memory: &Memory<'_>) -> Option<Doubt> {
    let before = memory.losses();
    let now = gone as f64;
    let resolution = if before.all >= GOES_ON_ALARMS && before.all + now >= GOES_ON_HOLDS {
        Resolution::Person
    } else if before.trickle + now >= GOES_ON_ALARMS {
        Resolution::Alarm
    } else {
        return None;
    };
    (gone > 0).then_some(Doubt::LossGoesOn { gone, lately: (before.all + now) as usize, resolution })
}

/// The rows of neighbours that are gone and look like pages.
fn runs(lost: &Lost<'_>, gone: &[RmdNumber]) -> Option<Doubt> {
    let Lost { current, compared, .. } = *lost;
    let share = gone.len() as f64 / current.len().max(1) as f64;
    let by_chance = |run: usize| current.len() as f64 * share.powi(i32::try_from(run).unwrap_or(i32::MAX));
    let least = (RUN..current.len()).find(|run| by_chance(*run) < BY_CHANCE)?;
    if gone.len() < least {
        return None;
    }
    // What is gone from the end is looked at by itself.
    let last = compared.filings.last()?.number();
    let is_gone = |filing: &&Arc<Filing>| filing.number() < last && gone.binary_search(&filing.number()).is_ok();
    let (mut providers, mut longest): (usize, &[Arc<Filing>]) = (0, &[]);
    for run in current.chunk_by(|one, next| is_gone(&one) == is_gone(&next)) {
        if run.len() < least || !run.first().is_some_and(|first| is_gone(&first)) {
            continue;
        }
        let here = run.iter().filter(|filing| lost.is_provider(filing)).count();
        if exceeds(here, run.len(), RUN_OF_PROVIDERS_PERCENT) || !is_whole(current, run) {
            providers += here;
            longest = if run.len() > longest.len() { run } else { longest };
        }
    }
    let first = longest.first()?.number();
    let resolution = if providers > RUNS_HOLD { Resolution::Person } else { Resolution::SecondCopy };
    Some(Doubt::RunGone { providers, longest: longest.len(), first, resolution })
}

/// Whether neighbours that are gone are all that stood there of one kind: nearly all answer alike, and none of those beside
/// them does. An order goes by what filings are; a page begins and ends where it happens to.
fn is_whole(current: &[Arc<Filing>], run: &[Arc<Filing>]) -> bool {
    let Some(kind) = usual_kind(run) else { return false };
    let alike = run.iter().filter(|filing| Kind::of(filing) == kind).count();
    let begins = current.partition_point(|filing| run.first().is_some_and(|first| filing.number() < first.number()));
    let before = begins.checked_sub(1).and_then(|place| current.get(place));
    let beside = before.into_iter().chain(current.get(begins + run.len()));
    exceeds(alike, run.len(), ALIKE_PERCENT) && beside.into_iter().all(|filing| Kind::of(filing) != kind)
}

/// What a filing is, as far as an order may go by it.
#[derive(PartialEq)]
struct Kind<'a> {
    roles: [Certification<'a>; 3],
    implementation: Implementation<'a>,
    is_dated: bool,
}

impl<'a> Kind<'a> {
    fn of(filing: &'a Filing) -> Self {
        Self {
            roles: ProviderRole::ALL.map(|role| filing.certification(role)),
            implementation: filing.implementation(),
            is_dated: dates::last_updated(filing).is_some(),
        }
    }
}

/// The kind of most of them, if more than half are of one.
fn usual_kind(run: &[Arc<Filing>]) -> Option<Kind<'_>> {
    // The majority vote of Boyer and Moore: what is left over where each of one kind pairs off with one of another.
    let mut leads: (Option<Kind<'_>>, usize) = (None, 0);
    for kind in run.iter().map(|filing| Kind::of(filing)) {
        leads = match leads {
            (_, 0) => (Some(kind), 1),
            (lead, by) => {
                if lead.as_ref() == Some(&kind) {
                    (lead, by + 1)
                } else {
                    (lead, by - 1)
                }
            }
        };
    }
    leads.0
}

/// Whether the end of the list is missing.
fn end(compared: &Compared, current: &[Arc<Filing>], gone: &[RmdNumber], memory: &Memory<'_>) -> Option<Doubt> {
    let last = compared.filings.last()?.number();
    if let Some(current_last) = gone.last().copied().filter(|gone| *gone > last) {
        let gone = gone.iter().rev().take_while(|number| **number > last).count();
        // A cut file shows none that is new, though days have passed; one that takes false filings back does, and bears
        // some of the numbers that they bore.
        let is_new = |behind: RmdNumber| {
            let came = compared.come.iter().filter_map(|place| compared.filings.get(*place));
            let replaced = compared.undated.iter().filter(|cell| cell.column == Column::Frn).map(|cell| cell.number);
            came.map(|filing| filing.number()).chain(replaced).any(|number| number > behind)
        };
        let behind = memory.came_behind().filter(|behind| *behind <= last);
        let came_lately = behind.is_some_and(|behind| memory.days_since_last() <= SAME_LISTING_DAYS || is_new(behind));
        let few = gone <= TAKEN_BACK && !exceeds(gone, current.len(), TAKEN_BACK_PERCENT);
        // More go if all that came in a step go, or new ones stand in their place. An old copy undoes amendments, too.
        let as_they_came = memory.ended_at(last) || behind.is_some_and(is_new);
        let is_old = compared.dates_undone > UNUSUAL_FLOOR;
        let may_go = gone < END_GONE_HOLDS || (came_lately && !is_old && (few || as_they_came));
        // Once it may be a filing withdrawn. Again and again it is a source that eats its own end.
        let resolution = if may_go && !memory.end_was_gone() { Resolution::SecondCopy } else { Resolution::Person };
        return Some(Doubt::EndGone { gone, last, current_last, resolution });
    }
    ending::missing(&compared.filings, current).map(|missing| Doubt::EndOld { missing, last })
}
