//! A listing beside the standing snapshot: what is gone, what has come, and which cells have changed.

mod tally;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::dates;
use super::lately::PutRight;
use super::memory::{Memory, digest};
use super::{UNUSUAL_FLOOR, exceeds};
use crate::domain::{
    Certification, ChangedCell, Column, Filing, Implementation, ProviderRole, RmdNumber, Snapshot, UnreadableRow,
    read_other_frns,
};

pub use tally::{CellChange, ColumnTally, EXAMPLES, Example, NEIGHBOURS, Neighbours, Tally};

use self::tally::{Breadth, Held};

/// From so many steps of which dates are undone, so many of each, it is no healing.
const UNDONE_STEPS: usize = 3;
const UNDONE_OF_A_STEP: usize = 3;
/// Unless more than this share of what the step dated is undone.
const ALL_UNDONE_PERCENT: f64 = 75.0;

/// What differs between a listing and the standing snapshot.
#[derive(Debug, Default)]
pub struct Compared {
    /// The newest date of the standing listing.
    pub since: Option<Date>,
    /// What stands then, by ascending number.
    pub filings: Vec<Arc<Filing>>,
    pub carried: BTreeMap<RmdNumber, Timestamp>,
    /// The standing filings that would be gone, by ascending number.
    pub gone: Vec<RmdNumber>,
    /// Where the filings stand that did not stand before.
    pub come: Vec<usize>,
    /// How many stand in both.
    pub common: usize,
    /// How many of those changed and say that they were updated.
    pub amended: usize,
    /// How many say again that they were updated when they were before a step undid it.
    pub dates_undone: usize,
    /// How many of these each step had dated anew, of how many.
    undone_of: HashMap<(usize, usize), usize>,
    /// The dates that these lose, and how many lose each.
    stamps: HashMap<Date, usize>,
    /// Filings whose date went back, or away, and the date that they bore.
    back: Vec<(RmdNumber, Date)>,
    pub columns: BTreeMap<Column, ColumnTally>,
    /// Filings whose date of update went back, or away.
    pub dated_back: Tally,
    /// Filings whose entry in the FCC's system is another.
    pub other_entry: Tally,
    /// Filings that took up a text that rmdd does not know in a column of known ones, or came with one.
    pub newly_unknown: usize,
    /// Cells on which decisions rest that hold again what they held before a step lately changed them.
    pub undone: Tally,
    /// The cells on which decisions rest that changed without a date.
    pub undated: Vec<ChangedCell>,
    /// The same, and dates, of filings that say that they were updated.
    pub dated: Vec<ChangedCell>,
}

impl Compared {
    /// The filings that did not stand before, by ascending number.
    pub fn numbers_come(&self) -> Vec<RmdNumber> {
        self.come.iter().filter_map(|place| self.filings.get(*place)).map(|filing| filing.number()).collect()
    }

    /// Counts the filings whose date went back. A date that many lose since a fault had written it into them is no date of
    /// those either that came with it: what they bore before is known of none.
    fn tell_dates_back(&mut self) {
        // A listing that heals undoes what a fault did, all of it; an old copy that is mixed in some of what many steps did.
        let some = |((_, all), undone): (&(usize, usize), &usize)| {
            *undone >= UNDONE_OF_A_STEP && !exceeds(*undone, *all, ALL_UNDONE_PERCENT)
        };
        if self.undone_of.iter().filter(|step| some(*step)).count() >= UNDONE_STEPS {
            self.dated_back.count += self.dates_undone;
        }
        for (number, was) in std::mem::take(&mut self.back) {
            match self.stamps.get(&was) {
                Some(count) if *count > UNUSUAL_FLOOR => self.dates_undone += 1,
                _ => self.dated_back.add(number, None),
            }
        }
    }
}

/// When the standing listing ends and the new one was fetched.
#[derive(Debug, Clone, Copy)]
pub struct Since {
    /// The newest date of the standing listing.
    pub newest: Option<Date>,
    /// When the new one was fetched.
    pub fetched_at: Timestamp,
}

/// Walks both side by side. Filings that did not change keep the memory they have, filings behind an unreadable row
/// stay, the others are gone.
pub fn compare(
    filings: Vec<Arc<Filing>>,
    unreadable: &[UnreadableRow],
    current: Option<&Snapshot>,
    memory: &Memory<'_>,
    since: Since,
) -> Compared {
    let mut compared =
        Compared { since: since.newest, filings: Vec::with_capacity(filings.len()), ..Compared::default() };
    let at = since.fetched_at;
    let amending = Amending {
        since: since.newest,
        held_before: memory.held_before(),
        dated_in: memory.dated_in(),
        amended_last: memory.amended_last(),
        came_behind: memory.came_behind(),
        put_right: PutRight::of(current.map_or(&[], |current| &current.filings), &filings, memory, since.newest),
    };
    let mut held = Held::default();
    let mut before = current.map_or(&[][..], |current| &current.filings).iter().peekable();
    let absent = |filing: &Arc<Filing>, compared: &mut Compared| {
        let number = filing.number();
        if unreadable.iter().any(|row| row.may_be(number)) {
            let since = current.and_then(|current| current.carried.get(&number)).copied().unwrap_or(at);
            compared.carried.insert(number, since);
            compared.filings.push(Arc::clone(filing));
        } else {
            compared.gone.push(number);
        }
    };
    for filing in filings {
        while let Some(before) = before.next_if(|before| before.number() < filing.number()) {
            absent(before, &mut compared);
        }
        let Some(before) = before.next_if(|before| before.number() == filing.number()) else {
            compared.come.push(compared.filings.len());
            // In a first listing all are new.
            compared.newly_unknown += usize::from(current.is_some() && has_unknown_text(&filing));
            compared.filings.push(filing);
            continue;
        };
        compared.common += 1;
        held.add(before);
        if *before == filing {
            compared.filings.push(Arc::clone(before));
            continue;
        }
        amending.note(before, &filing, &mut held, &mut compared);
        compared.filings.push(filing);
    }
    for before in before {
        absent(before, &mut compared);
    }
    compared.tell_dates_back();
    compared
}

/// Looks at filings of which cells changed.
struct Amending {
    /// The newest date of the standing listing: what was updated since bears no older one.
    since: Option<Date>,
    /// What cells held that changed lately without a date: to hold it again is no new change.
    held_before: HashMap<(RmdNumber, Column), Vec<u64>>,
    /// Which step changed the date of each filing last, and how many dates it changed.
    dated_in: HashMap<RmdNumber, (usize, usize)>,
    /// Filings whose date the step before changed.
    amended_last: HashSet<RmdNumber>,
    /// The number behind which filings came lately.
    came_behind: Option<RmdNumber>,
    /// Cells that were wrong since their filings came.
    put_right: PutRight,
}

/// Days by which an update may bear an older date than the listing before.
const DATE_SLACK_DAYS: f64 = 3.0;

/// Whether a filing of this date says that it was updated since the listing before, whose newest date is `since`.
pub fn is_updated(since: Option<Date>, date: Option<Date>) -> bool {
    since.zip(date).is_some_and(|(since, date)| dates::days(since, date) >= -DATE_SLACK_DAYS)
}

/// A filing that stands in both listings and changed.
#[derive(Clone, Copy)]
struct Amended<'a> {
    before: &'a Filing,
    after: &'a Filing,
    /// Whether it says that it was updated.
    dated: bool,
    /// Whether it says so by the date that it bore already.
    then: bool,
    /// Whether it has a date, which stayed.
    keeps_its_date: bool,
    breadth: Breadth,
    /// Where it stands among those that stand in both.
    place: usize,
}

impl Amending {
    fn note(&self, before: &Filing, after: &Filing, held: &mut Held, compared: &mut Compared) {
        let number = after.number();
        let (was, is) = (dates::last_updated(before), dates::last_updated(after));
        // A list without dates cannot say when it was updated.
        // A filing that had another's row says nothing by the date of its own.
        let had_anothers = self.put_right.holds(before, Column::LastUpdated);
        let dated = is_updated(self.since, is) && !had_anothers;
        if let Some(was) = was.filter(|was| is.is_none_or(|is| is < *was) && !had_anothers) {
            // A fault that wrote it hid the filer's own date, which may be none that was seen before.
            if self.held_before.contains_key(&(number, Column::LastUpdated)) {
                compared.dates_undone += 1;
                *compared.stamps.entry(was).or_default() += 1;
                if let Some(step) = self.dated_in.get(&number) {
                    *compared.undone_of.entry(*step).or_default() += 1;
                }
            } else {
                compared.back.push((number, was));
            }
        }
        if entry(before) != entry(after) && !self.reverts(before, after, Column::FilingUrl) {
            compared.other_entry.add(number, None);
            compared.undated.push(cell(before, Column::FilingUrl));
        }
        if before.cell(Column::LastUpdated) != after.cell(Column::LastUpdated) {
            compared.dated.push(cell(before, Column::LastUpdated));
        }
        compared.amended += usize::from(dated);
        // What the step before was told of an amendment may have been a fault, which hid what the filer wrote: that comes
        // to light now, and the date that says so is the one of then.
        let then = !dated && was == is && self.amended_last.contains(&number);
        compared.newly_unknown += usize::from(has_unknown_text(after) && !has_unknown_text(before));
        let amended = Amended {
            before,
            after,
            dated: dated || then,
            then,
            keeps_its_date: was.is_some() && was == is,
            breadth: Breadth::of(before, after),
            place: compared.common,
        };
        for column in Column::ALL {
            let is_date = matches!(column, Column::LastUpdated | Column::LastRecertified | Column::FilingUrl);
            if !is_date && cells_differ(before, after, column) {
                self.note_cell(&amended, column, held, compared);
            }
        }
    }

    fn note_cell(&self, amended: &Amended<'_>, column: Column, held: &mut Held, compared: &mut Compared) {
        let Amended { before, after, dated, then, keeps_its_date, breadth, place } = *amended;
        let (number, old, new) = (after.number(), before.cell(column), after.cell(column));
        let change = CellChange::of(old, new);
        let tally = compared.columns.entry(column).or_default();
        tally.shifted += usize::from(column.is_essential() || (!old.is_empty() && !new.is_empty()));
        let shown = shows(column).then_some((old, new));
        // An FRN has never changed, whatever the date says.
        let reverts = self.reverts(before, after, column);
        if reverts && column.is_essential() {
            compared.undone.add(number, shown);
        }
        if dated && breadth == Breadth::Wide {
            // One filer may amend all its filings; among others they tell nothing either way.
            held.leave_out(before, column);
        } else if let Some((answer, place)) = held.place(before, column).filter(|_| !reverts)
            && let Some(alike) = tally.alike.get_mut(answer as usize)
        {
            alike.add(place);
        }
        let settled = self.is_settled(number, column);
        if dated && column != Column::Frn && !self.put_right.holds(before, column) {
            tally.dated[change as usize].add(number, shown);
            if change != CellChange::Filled && !reverts {
                tally.note_breadth(breadth, number, shown, (!then && settled).then_some(place));
            }
            if column.is_essential() {
                compared.dated.push(cell(before, column));
            }
        } else if !reverts {
            tally.undated[change as usize].add(number, shown);
            tally.withdrawn_beside_a_date += usize::from(change == CellChange::Withdrawn && keeps_its_date);
            if change != CellChange::Filled && settled {
                tally.neighbours.add(place);
            }
            if column.is_essential() {
                compared.undated.push(cell(before, column));
            }
        } else {
            tally.undone.add(number, shown);
        }
    }

    /// Whether a cell holds again what it held before it changed without a date, or what it should have when its filing came.
    fn reverts(&self, before: &Filing, after: &Filing, column: Column) -> bool {
        self.held(before.number(), column, after.cell(column)) || self.put_right.holds(before, column)
    }

    /// Whether a cell is known to hold what it held. Of one that was filled lately, or came lately with its filing, that is not
    /// certain: that it changes once more may be the truth after a fault that wrote over a page.
    fn is_settled(&self, number: RmdNumber, column: Column) -> bool {
        !self.held(number, column, "") && self.came_behind.is_none_or(|behind| number <= behind)
    }

    /// Whether a cell held this text before a step lately changed it.
    fn held(&self, number: RmdNumber, column: Column, text: &str) -> bool {
        self.held_before.get(&(number, column)).is_some_and(|held| held.contains(&digest(text)))
    }
}

/// Whether a cell says something else, however it is written: tools that pass the file on drop an FRN's leading zeros, or write
/// answers in other letters.
pub fn cells_differ(before: &Filing, after: &Filing, column: Column) -> bool {
    let (old, new) = (before.cell(column), after.cell(column));
    old != new
        && match column {
            Column::Frn => before.frn().is_none() || before.frn() != after.frn(),
            Column::OtherFrns => read_other_frns(old) != read_other_frns(new),
            Column::Implementation => Implementation::read(old) != Implementation::read(new),
            Column::ForeignVoiceProvider
            | Column::VoiceServiceProviderChoice
            | Column::GatewayProviderChoice
            | Column::IntermediateProviderChoice => Certification::read(old) != Certification::read(new),
            _ => true,
        }
}

/// What a cell held.
fn cell(before: &Filing, column: Column) -> ChangedCell {
    ChangedCell { number: before.number(), column, before: digest(before.cell(column)) }
}

/// Whether a cell's text may be shown: what filers say of persons may not.
fn shows(column: Column) -> bool {
    column.is_essential() || matches!(column, Column::Country | Column::OtherFrns)
}

/// The filing's entry in the FCC's system, which has never changed: `sys_id` in its address. The rest of the address is
/// the site's.
pub fn entry(filing: &Filing) -> &str {
    let url = filing.cell(Column::FilingUrl);
    let id = url.split_once("sys_id=").map_or("", |(_, id)| id);
    id.split('&').next().unwrap_or_default()
}

/// Whether a cell holds a text that rmdd does not know, in a column where all others hold known ones.
pub fn has_unknown_text(filing: &Filing) -> bool {
    let unknown = |answer| matches!(answer, Certification::Unrecognized(_));
    ProviderRole::ALL.into_iter().any(|role| unknown(filing.certification(role)))
        || unknown(Certification::read(filing.cell(Column::ForeignVoiceProvider)))
        || matches!(filing.implementation(), Implementation::Unrecognized(_))
}
