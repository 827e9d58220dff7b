//! What filings that came lately answer, beside all others. A fault that strikes new filings alone changes no cell that stood,
//! and the listing that puts it right looks like a fault itself.
//!
//! In every block of filings by number an answer is given by some and not by others, and the shares of all blocks are what is
//! usual of it. New filings of real steps keep to them, but for the rush before the deadline of 2024, in which fewer were foreign;
//! in a fault that turns the answers of two dozen, they do not.

use std::sync::Arc;

use jiff::civil::Date;

use super::compare::{Compared, cells_differ, entry, is_updated};
use super::doubt::{Doubt, Resolution};
use super::memory::Memory;
use super::{UNUSUAL_FLOOR, dates, exceeds};
use crate::domain::{Certification, Column, Filing, RmdNumber};

/// The columns of which each answer has its share.
const ANSWERED: [Column; 4] = [
    Column::ForeignVoiceProvider,
    Column::VoiceServiceProviderChoice,
    Column::GatewayProviderChoice,
    Column::IntermediateProviderChoice,
];
const ANSWERS: [&str; 3] = ["Yes", "No", ""];
/// The columns that are never empty: of 2,100 new filings in real steps one had no FRN, and each a name.
const NEVER_EMPTY: [Column; 2] = [Column::Frn, Column::BusinessName];
const RARELY_PERCENT: f64 = 1.0;

/// So many filings are a block; of the shares of all blocks so many are left aside at either end: orders and rushes make blocks
/// of their own. Shorter lists tell nothing.
const BLOCK: usize = 250;
const LEFT_OUT: usize = 3;
const LEAST_BLOCKS: usize = 8;

/// How unlikely it is that so many answer so though each block is usual: the exponents of e, by Chernoff's bound. In real steps it
/// was 5.1 at the most; where all answers of 19 to 240 new filings are turned it is 8 to 360, where half of them are 0.1 to 54.
const UNLIKELY_ALARMS: f64 = 1.0;
const UNLIKELY_HOLDS: f64 = 12.0;
/// And so many answer so who, as the middle block has it, would not.
const MORE_ALARMS: f64 = 8.0;
const MORE_HOLDS: f64 = 30.0;
/// So many new filings with an empty cell that is never empty are an alarm.
const EMPTY_ALARMS: usize = 2;

/// A step's new filings that a listing gives other FRNs or entries, if no others: so many at the least, and this share of them.
const WHOLE_STEP: usize = 8;
const WHOLE_STEP_PERCENT: f64 = 40.0;
const OTHERS: usize = 2;
/// So many answers of those that came lately may change whatever they are. Fewer are counted with those of others, more are not.
const MAY_CHANGE: std::ops::RangeInclusive<usize> = 9..=60;

/// The shares of filings that give one answer.
#[derive(Debug, Clone, Copy)]
struct Usual {
    least: f64,
    middle: f64,
    most: f64,
}

/// How far from what is usual an answer is.
#[derive(Debug, Clone, Copy, Default)]
struct Odd {
    unlikely: f64,
    more: f64,
}

impl Odd {
    fn is_odd(self) -> bool {
        self.unlikely > UNLIKELY_ALARMS && self.more.abs() > MORE_ALARMS
    }
}

impl Usual {
    /// Of each of [`ANSWERS`] in a column; nothing of a list that is too short.
    fn of(others: &[Arc<Filing>], column: Column) -> Option<[Self; ANSWERS.len()]> {
        let blocks = others.rchunks_exact(BLOCK);
        let mut counts: [Vec<usize>; ANSWERS.len()] = Default::default();
        for block in blocks {
            for (counts, count) in counts.iter_mut().zip(count(block.iter().map(|filing| &**filing), column)) {
                counts.push(count);
            }
        }
        counts.iter().all(|counts| counts.len() >= LEAST_BLOCKS).then(|| counts.map(Self::of_counts))
    }

    fn of_counts(mut counts: Vec<usize>) -> Self {
        counts.sort_unstable();
        let count = |place: usize| counts.get(place).map_or(0.0, |count| *count as f64);
        // A block in which nobody answers so does not say that nobody ever does.
        let share = |place| (count(place) + 1.0) / (BLOCK as f64 + 2.0);
        Self {
            least: share(LEFT_OUT),
            middle: count(counts.len() / 2) / BLOCK as f64,
            most: share(counts.len().saturating_sub(1 + LEFT_OUT)),
        }
    }

    fn odd(self, count: usize, of: usize) -> Odd {
        if of == 0 {
            return Odd::default();
        }
        let (count, of) = (count as f64, of as f64);
        let share = count / of;
        let bound = share.clamp(self.least, self.most);
        // Chernoff's bound on the tail of a binomial distribution: exp(-n D(share || bound)).
        let part = |is: f64, may: f64| if is > 0.0 { is * (is / may).ln() } else { 0.0 };
        let divergence = part(share, bound) + part(1.0 - share, 1.0 - bound);
        Odd { unlikely: of * divergence, more: count - self.middle * of }
    }
}

/// How many give each of [`ANSWERS`] in a column.
fn count<'a>(filings: impl Iterator<Item = &'a Filing>, column: Column) -> [usize; ANSWERS.len()] {
    let mut counts = [0; ANSWERS.len()];
    for filing in filings {
        let place = match Certification::read(filing.cell(column)) {
            Certification::Yes => 0,
            Certification::No => 1,
            Certification::Blank => 2,
            Certification::Unrecognized(_) => continue,
        };
        counts[place] += 1;
    }
    counts
}

fn is_empty(filing: &Filing, column: Column) -> bool {
    if column == Column::Frn { filing.frn().is_none() } else { filing.cell(column).trim().is_empty() }
}

/// Those with numbers up to this one, and those behind it.
fn split(filings: &[Arc<Filing>], last: RmdNumber) -> (&[Arc<Filing>], &[Arc<Filing>]) {
    filings.split_at(filings.partition_point(|filing| filing.number() <= last))
}

/// What there is to doubt about the answers of those that came lately, where more of them come. `last_before` is the highest
/// number that stood before this step.
pub fn doubts(compared: &Compared, memory: &Memory<'_>, last_before: Option<RmdNumber>) -> Vec<Doubt> {
    let Some(last) = last_before else { return Vec::new() };
    let last = memory.came_behind().map_or(last, |behind| behind.min(last));
    let (others, lately) = split(&compared.filings, last);
    let come: Vec<&Arc<Filing>> = compared
        .come
        .iter()
        .filter(|place| **place >= others.len())
        .filter_map(|place| compared.filings.get(*place))
        .collect();
    if come.is_empty() {
        return Vec::new();
    }
    // Those of this step by themselves, and with those of the days before: a fault may begin with it, or strike a few a day.
    let answered = ANSWERED.into_iter().filter_map(|column| {
        let usual = Usual::of(others, column)?;
        let now = count(come.iter().map(|filing| &***filing), column);
        let all = count(lately.iter().map(|filing| &**filing), column);
        let step = answers(column, &usual, (now, come.len()), ([0; ANSWERS.len()], 0));
        let before = std::array::from_fn(|place| all[place] - now[place]);
        let days = answers(column, &usual, (now, come.len()), (before, lately.len() - come.len()));
        step.into_iter().chain(days).max_by_key(Doubt::resolution)
    });
    let empty = NEVER_EMPTY.into_iter().filter_map(|column| empty(column, others, lately, &come));
    answered.chain(empty).collect()
}

/// How many give each of [`ANSWERS`], and how many filings they are.
type Given = ([usize; ANSWERS.len()], usize);

/// The answer of one column that is least usual, of those that came and those before them.
fn answers(column: Column, usual: &[Usual; ANSWERS.len()], come: Given, before: Given) -> Option<Doubt> {
    let of = come.1 + before.1;
    let judged = (0..ANSWERS.len()).map(|place| {
        let (usual, count) = (usual[place], come.0[place] + before.0[place]);
        let (was, now) = (usual.odd(before.0[place], before.1), usual.odd(count, of));
        // One doubt for each column: that too many say Yes is that too few say No.
        let is_more = count as f64 > usual.most * of as f64;
        (now.is_odd() && is_more && come.0[place] > 0).then_some((ANSWERS[place], usual, count, now, was))
    });
    let worst = judged.flatten().max_by(|one, other| one.3.unlikely.total_cmp(&other.3.unlikely));
    let (answer, usual, count, now, was) = worst?;
    // Where a person let it through, the next few of the kind are an alarm.
    let crosses = !was.is_odd() || was.more <= MORE_HOLDS || now.more - was.more > MORE_HOLDS;
    let holds = now.unlikely > UNLIKELY_HOLDS && now.more > MORE_HOLDS && crosses;
    let resolution = if holds { Resolution::Person } else { Resolution::Alarm };
    let usual = (usual.least * 100.0, usual.most * 100.0);
    Some(Doubt::Lately { column, answer, count, of, usual, resolution })
}

/// A cell that is never empty, and is in some of those that came.
fn empty(column: Column, others: &[Arc<Filing>], lately: &[Arc<Filing>], come: &[&Arc<Filing>]) -> Option<Doubt> {
    let of_come = come.iter().filter(|filing| is_empty(filing, column)).count();
    let count = lately.iter().filter(|filing| is_empty(filing, column)).count();
    if of_come == 0 || count <= EMPTY_ALARMS {
        return None;
    }
    let empty_others = others.iter().filter(|filing| is_empty(filing, column)).count();
    if exceeds(empty_others, others.len(), RARELY_PERCENT) {
        return None;
    }
    let crosses = count - of_come <= UNUSUAL_FLOOR || of_come > UNUSUAL_FLOOR;
    // No verdict rests on a name.
    let holds = column == Column::Frn && count > UNUSUAL_FLOOR && crosses;
    let resolution = if holds { Resolution::Person } else { Resolution::Alarm };
    let usual = (0.0, empty_others as f64 * 100.0 / others.len().max(1) as f64);
    Some(Doubt::Lately { column, answer: "", count, of: lately.len(), usual, resolution })
}

/// The cells of filings that came lately in which a listing puts right what was wrong when they came.
#[derive(Debug, Default)]
pub struct PutRight(Vec<Stretch>);

/// Cells of the filings behind one number, up to another.
#[derive(Debug)]
struct Stretch {
    behind: RmdNumber,
    up_to: RmdNumber,
    /// One column of them; all, where they were given the rows of one another.
    column: Option<Column>,
    /// Whether those alone that were empty.
    was_empty: bool,
}

impl PutRight {
    /// Whether this cell is put right.
    pub fn holds(&self, before: &Filing, column: Column) -> bool {
        let number = before.number();
        self.0.iter().any(|stretch| {
            (stretch.behind < number && number <= stretch.up_to)
                && stretch.column.is_none_or(|of| of == column)
                && (!stretch.was_empty || is_empty(before, column))
        })
    }

    /// Compares what stands with what a listing says of it. `since` is the newest date that stands.
    pub fn of(current: &[Arc<Filing>], filings: &[Arc<Filing>], memory: &Memory<'_>, since: Option<Date>) -> Self {
        let steps = memory.came_behind_each();
        let (Some(first), Some(end)) = (steps.first(), current.last()) else { return Self::default() };
        let (others, lately) = split(current, *first);
        let pairs = pairs(lately, split(filings, *first).1);
        let all = |column| Stretch { behind: *first, up_to: end.number(), column: Some(column), was_empty: false };
        let answered = ANSWERED.into_iter().filter(|column| may_turn(*column, others, &pairs, since)).map(all);
        // No verdict rests on a name.
        let mut right: Vec<Stretch> = answered.chain([all(Column::BusinessName)]).collect();

        let ends = steps.iter().skip(1).copied().chain([end.number()]);
        let each: Vec<(RmdNumber, RmdNumber)> = steps.iter().copied().zip(ends).collect();
        // What began with a step and ended with it, or goes on since.
        let since_each = steps.iter().map(|behind| (*behind, end.number()));
        let filled = each.iter().copied().chain(since_each).filter(|stretch| are_filled(among(&pairs, *stretch)));
        let column = Some(Column::Frn);
        right.extend(filled.map(|(behind, up_to)| Stretch { behind, up_to, column, was_empty: true }));

        let exchanged = each.into_iter().filter(|step| {
            [Column::Frn, Column::FilingUrl].into_iter().any(|column| {
                let step = among(&pairs, *step);
                let struck = step.iter().filter(|pair| is_struck(pair, column, since)).count();
                step.len() >= WHOLE_STEP
                    && !exceeds(step.len() - struck, step.len(), 100.0 - WHOLE_STEP_PERCENT)
                    && struck_in_all(current, filings, column, since) - struck <= OTHERS
            })
        });
        right.extend(exchanged.map(|(behind, up_to)| Stretch { behind, up_to, column: None, was_empty: false }));
        Self(right)
    }
}

/// Whether the answers of a column may turn in those that came lately.
fn may_turn(column: Column, others: &[Arc<Filing>], pairs: &[Pair<'_>], since: Option<Date>) -> bool {
    let changed = pairs.iter().filter(|pair| cells_differ(pair.0, pair.1, column)).count();
    let struck: Vec<Pair<'_>> = pairs.iter().filter(|pair| is_struck(pair, column, since)).copied().collect();
    MAY_CHANGE.contains(&changed) || (struck.len() as f64 > MORE_ALARMS && become_usual(column, others, &struck))
}

/// Whether FRNs are there that were not, and all others are.
fn are_filled(pairs: &[Pair<'_>]) -> bool {
    let still = pairs.iter().filter(|pair| is_empty(pair.1, Column::Frn)).count();
    let filled = pairs.iter().any(|pair| is_empty(pair.0, Column::Frn) && !is_empty(pair.1, Column::Frn));
    filled && still <= EMPTY_ALARMS
}

/// Those behind one number, up to another.
fn among<'a, 'b>(pairs: &'a [Pair<'b>], (behind, up_to): (RmdNumber, RmdNumber)) -> &'a [Pair<'b>] {
    let place = |number: RmdNumber| pairs.partition_point(|pair| pair.0.number() <= number);
    pairs.get(place(behind)..place(up_to)).unwrap_or_default()
}

/// A filing before and after.
type Pair<'a> = (&'a Filing, &'a Filing);

/// The filings of both, by number.
fn pairs<'a>(before: &'a [Arc<Filing>], after: &'a [Arc<Filing>]) -> Vec<Pair<'a>> {
    let mut after = after.iter().peekable();
    let mut pairs = Vec::new();
    for before in before {
        while after.next_if(|after| after.number() < before.number()).is_some() {}
        if let Some(after) = after.next_if(|after| after.number() == before.number()) {
            pairs.push((&**before, &**after));
        }
    }
    pairs
}

/// Whether a cell changes though its filing does not say that it was updated; of what never changes, whatever it says.
fn is_struck((before, after): &Pair<'_>, column: Column, since: Option<Date>) -> bool {
    match column {
        Column::FilingUrl => entry(before) != entry(after),
        Column::Frn => cells_differ(before, after, column),
        _ => cells_differ(before, after, column) && !is_updated(since, dates::last_updated(after)),
    }
}

fn struck_in_all(current: &[Arc<Filing>], filings: &[Arc<Filing>], column: Column, since: Option<Date>) -> usize {
    pairs(current, filings).iter().filter(|pair| is_struck(pair, column, since)).count()
}

/// Whether the answers of filings of which a column changes were not usual of others, and become so: a fault turns it round.
fn become_usual(column: Column, others: &[Arc<Filing>], struck: &[Pair<'_>]) -> bool {
    let Some(usual) = Usual::of(others, column) else { return false };
    let are_odd = |counts: [usize; ANSWERS.len()]| {
        usual.into_iter().zip(counts).any(|(usual, count)| usual.odd(count, struck.len()).is_odd())
    };
    are_odd(count(struck.iter().map(|pair| pair.0), column))
        && !are_odd(count(struck.iter().map(|pair| pair.1), column))
}
