//! What a listing's own dates tell of its end.
//!
//! New filings stand at the end of the list, and the newest is a few days old at the most. In a list that was cut, the
//! last filing is as old as the cut is deep, while filings further up were amended since. So: at the rate at which the
//! last filings came, how many more should have come by the newest date in the list?
//!
//! Two clocks measure that time, the calendar and the amendments of older filings, and the smaller estimate counts:
//! over holidays the calendar runs on and nothing is amended; before a deadline many amend and few file.

use std::sync::Arc;

use jiff::civil::Date;

use super::dates::{days, last_updated};
use super::doubt::Doubt;
use crate::domain::Filing;

/// How the end is looked at. The very last filings are passed over, for they may have been amended since they came,
/// which makes them seem newer than they are; the rate is that of the ones before.
struct Look {
    back: usize,
    window: usize,
    /// From so many filings missing, and from this share of the list in percent, the end is missing.
    floor: usize,
    percent: f64,
}

const LOOKS: [Look; 2] = [
    // Close: few enough that a rush before a deadline tells in the rate. The real weeks come to 1 filing at the most.
    Look { back: 3, window: 30, floor: 25, percent: 0.25 },
    // Wide: behind a deep cut stand filings of which most were amended since. The real weeks come to 0.8 %.
    Look { back: 60, window: 100, floor: 150, percent: 2.0 },
];

/// How many filings seem to be missing behind the last one by the list's own dates, if it is more than in any whole
/// list. What was missing in the standing list already, as where nobody files for weeks, is no news. The filings stand
/// by ascending number.
pub fn missing(filings: &[Arc<Filing>], current: &[Arc<Filing>]) -> Option<usize> {
    if filings.len() < SHORTEST || !ends_in_order(filings) {
        return None;
    }
    LOOKS.iter().find_map(|look| {
        let missing = look.missing(filings);
        let missing = if missing < look.floor { 0 } else { missing.saturating_sub(look.missing(current)) };
        (missing >= look.floor && super::exceeds(missing, filings.len(), look.percent)).then_some(missing)
    })
}

/// Whether the end of a first listing is missing, which has none to be compared with.
pub fn end_of_first(filings: &[Arc<Filing>]) -> Option<Doubt> {
    let last = filings.last()?.number();
    missing(filings, &[]).map(|missing| Doubt::EndOld { missing, last })
}

/// A list shorter than this is somebody's own, and its dates may be anything. The FCC's has had 8,700 filings and more.
const SHORTEST: usize = 1_000;
/// Groups of filings at the end whose dates are looked at, and how many filings each has.
const GROUPS: usize = 3;
const GROUP: usize = 20;

/// Whether the end is in order of time, as it is where filings came one after the other: the dates of neighbours lie
/// close together, beside the time from them to the newest date of all. Behind a cut that deep that most were amended
/// since, and in a list of other dates, they do not, and nothing is told.
fn ends_in_order(filings: &[Arc<Filing>]) -> bool {
    let Some(newest) = filings.iter().filter_map(|filing| last_updated(filing)).max() else { return false };
    let dated: Vec<Date> =
        filings.iter().rev().take(200).filter_map(|filing| last_updated(filing)).take(GROUPS * GROUP).collect();
    let close = dated.chunks_exact(GROUP).filter(|group| {
        let mut group = group.to_vec();
        group.sort_unstable();
        let [Some(early), Some(middle), Some(late)] = [GROUP / 4, GROUP / 2, GROUP * 3 / 4 - 1].map(|at| group.get(at))
        else {
            return false;
        };
        let behind = days(*middle, newest);
        behind >= 3.0 && days(*early, *late) * 3.0 <= behind
    });
    close.count() * 2 > GROUPS
}

impl Look {
    /// How many seem to be missing; 0 where the dates tell of none or nothing.
    fn missing(&self, filings: &[Arc<Filing>]) -> usize {
        let Some(head) = filings.len().checked_sub(self.back + self.window) else { return 0 };
        let (head, tail) = filings.split_at(head);
        // A filing came no later than any behind it was last updated.
        let mut came: Vec<Option<Date>> = tail
            .iter()
            .rev()
            .scan(None, |earliest: &mut Option<Date>, filing| {
                *earliest = [*earliest, last_updated(filing)].into_iter().flatten().min();
                Some(*earliest)
            })
            .collect();
        came.reverse();
        let ends = [came.first(), came.get(tail.len() - self.back)];
        let [Some(Some(began)), Some(Some(ended))] = ends else { return 0 };

        let (mut newest, mut amended_before, mut amended_since) = (*ended, 0_u32, 0_u32);
        for date in head.iter().filter_map(|filing| last_updated(filing)) {
            newest = newest.max(date);
            amended_before += u32::from(*began < date && date <= *ended);
            amended_since += u32::from(date > *ended);
        }
        newest = tail.iter().filter_map(|filing| last_updated(filing)).fold(newest, Date::max);

        let window = self.window as f64;
        let by_calendar = window / days(*began, *ended).max(1.0) * days(*ended, newest);
        let by_amendments = window / f64::from(amended_before.max(1)) * f64::from(amended_since);
        // What was passed over is there already.
        let missing = by_calendar.min(by_amendments) - self.back as f64;
        missing.max(0.0) as usize
    }
}
