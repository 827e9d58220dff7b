//! What makes a listing that can be read hard to believe, and what would resolve it.

use std::fmt;

use jiff::civil::Date;

use super::compare::{CellChange, Example};
use crate::domain::wording::grouped;
use crate::domain::{Column, RmdNumber};

/// What resolves a doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// Nothing need: it is applied at once, and an alarm says what is unusual.
    Alarm,
    /// A second copy that says the same: it is unusual, and real listings have been so.
    SecondCopy,
    /// Another source that says the same, or a person: a fault of the source comes back however often it is fetched.
    Person,
}

/// One thing that makes a listing hard to believe.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Doubt {
    /// The last of the current filings are gone, and nothing stands behind them. An order scatters; a cut takes the end.
    EndGone {
        /// How many of the current filings come behind the last one of the listing.
        gone: usize,
        /// The last filing of the listing.
        last: RmdNumber,
        /// The last current one.
        current_last: RmdNumber,
        /// What resolves it.
        resolution: Resolution,
    },
    /// The last filings are too old for the newest date in the listing.
    EndOld {
        /// How many filings seem to be missing.
        missing: usize,
        /// The last filing of the listing.
        last: RmdNumber,
    },
    /// Many of the current filings are gone.
    Loss {
        /// How many.
        gone: usize,
        /// Of how many.
        current: usize,
        /// The limit, in percent, above which it must be resolved.
        limit_percent: f64,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Filings are gone, and the numbers do not ascend as they always have: where the file ends cannot be told.
    LossOutOfOrder {
        /// How many are gone.
        gone: usize,
        /// Of how many.
        current: usize,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Neighbours are gone in a row, and hardly any of their providers stands under another number: as if a page were
    /// missing.
    RunGone {
        /// How many providers are gone in all such rows.
        providers: usize,
        /// How many filings the longest has.
        longest: usize,
        /// Its first filing.
        first: RmdNumber,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Filings have gone a few at a time for days, more than ever do.
    LossGoesOn {
        /// How many go now.
        gone: usize,
        /// How many went lately, with these, less what is usual.
        lately: usize,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Many filings have come at once.
    Growth {
        /// How many.
        come: usize,
        /// To how many.
        current: usize,
        /// How many may.
        limit: usize,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Removed filings are back in numbers.
    Returned {
        /// How many.
        returned: usize,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Removed filings are back as they were when they went, and that is long ago: an old copy of the list may be mixed in.
    Stale {
        /// How many.
        count: usize,
        /// Some of them.
        examples: Vec<RmdNumber>,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Filings have come that do not look like new ones: new filings stand behind all others, were updated since the
    /// listing before, and have an entry of their own in the FCC's system.
    Unlikely {
        /// How many.
        count: usize,
        /// Some of them.
        examples: Vec<RmdNumber>,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Cells of one column have changed as they do not in real listings.
    Cells {
        /// The column.
        column: Column,
        /// How they changed, and that the filings do not say that they were updated; nothing if they say so.
        undated: Option<CellChange>,
        /// In how many filings.
        changed: usize,
        /// Of how many that stand in both listings.
        common: usize,
        /// Up to how many it would take less.
        limit: usize,
        /// Some of them.
        examples: Vec<Example>,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Cells hold again what they held before a step lately changed them: that step was a fault, or this one is.
    Undoes {
        /// How many.
        count: usize,
        /// Some of them.
        examples: Vec<Example>,
    },
    /// Cells of one column have changed in all of the filings of a page or a block that held one answer. An alarm.
    Alike {
        /// The column.
        column: Column,
        /// How many the longest row of such filings has.
        rows: usize,
        /// How many all rows have.
        in_rows: usize,
    },
    /// Cells of one column have changed in neighbours in a row, as in a page or a block.
    Neighbours {
        /// The column.
        column: Column,
        /// How many filings the longest row has.
        rows: usize,
        /// How many all rows have.
        in_rows: usize,
        /// What resolves it.
        resolution: Resolution,
    },
    /// New filings look as if they were made by the dozen: many bear one date on which few others were amended, or numbers
    /// without a gap.
    OneDay {
        /// How many.
        count: usize,
        /// The date.
        day: Date,
        /// How many other filings bear it.
        others: usize,
        /// What resolves it.
        resolution: Resolution,
    },
    /// One column has changed in many filings at once, as it does if columns are shifted.
    Amended {
        /// The column in which the most cells have changed.
        column: Column,
        /// In how many filings it has.
        amended: usize,
        /// Of how many that stand in both listings.
        common: usize,
        /// How many other columns have changed in as large a part.
        others: usize,
        /// What resolves it.
        resolution: Resolution,
    },
    /// Rows differ from how they always are in a way of their own.
    Rows {
        /// In which.
        oddity: Oddity,
        /// How many.
        count: usize,
        /// Some of them.
        examples: Vec<RmdNumber>,
        /// What resolves it.
        resolution: Resolution,
    },
    /// More filings would stand as they last were read than there are rows that cannot be read.
    Carried {
        /// How many would.
        carried: usize,
        /// How many rows there are.
        unreadable: usize,
    },
    /// The operator's own peers are gone far beyond their share.
    OwnPeers {
        /// How many.
        gone: usize,
        /// Of how many.
        peers: usize,
    },
}

/// What is odd about single rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oddity {
    /// `last_updated` went back, or is empty and was not.
    DatedBack,
    /// `last_updated` lies in the future.
    DatedAhead,
    /// The entry in the FCC's system is another.
    OtherEntry,
    /// A text that rmdd does not know in a column of known ones.
    UnknownText,
    /// Bytes that are no UTF-8.
    Undecoded,
    /// A number that stands on another row too.
    RepeatedNumber,
    NoFrn,
    /// An FRN that very many filings share.
    SharedFrn,
}

impl Oddity {
    fn says(self) -> &'static str {
        match self {
            Self::DatedBack => "bear an older `last_updated` than before, or none any more: it may be an old listing",
            Self::DatedAhead => "bear a `last_updated` that has not come yet",
            Self::OtherEntry => "lead to another entry in the FCC's system (`filing_url`) than before",
            Self::UnknownText => "hold a text that rmdd does not know in a column of known ones",
            Self::Undecoded => "hold bytes that are no UTF-8",
            Self::RepeatedNumber => "bear a number that stands on another row too: it may be two files in one",
            Self::NoFrn => "have no FRN",
            Self::SharedFrn => "share one FRN",
        }
    }
}

impl Doubt {
    /// What resolves it.
    pub fn resolution(&self) -> Resolution {
        match self {
            Self::EndOld { .. } | Self::Carried { .. } => Resolution::Person,
            Self::OwnPeers { .. } => Resolution::SecondCopy,
            Self::Undoes { .. } | Self::Alike { .. } => Resolution::Alarm,
            Self::EndGone { resolution, .. }
            | Self::Loss { resolution, .. }
            | Self::LossOutOfOrder { resolution, .. }
            | Self::RunGone { resolution, .. }
            | Self::LossGoesOn { resolution, .. }
            | Self::Growth { resolution, .. }
            | Self::Returned { resolution, .. }
            | Self::Stale { resolution, .. }
            | Self::Unlikely { resolution, .. }
            | Self::Cells { resolution, .. }
            | Self::Neighbours { resolution, .. }
            | Self::OneDay { resolution, .. }
            | Self::Rows { resolution, .. }
            | Self::Amended { resolution, .. } => *resolution,
        }
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// The same as a person reads it: a part that is not nothing is not told as such.
fn share(part: usize, whole: usize) -> String {
    let share = percent(part, whole);
    if part > 0 && share < 0.05 { "less than 0.1".to_owned() } else { format!("{share:.1}") }
}

/// Some of many: `, such as RMD0001410, RMD0001413`.
fn such_as(examples: &[RmdNumber]) -> String {
    let shown: Vec<String> = examples.iter().map(RmdNumber::to_string).collect();
    if shown.is_empty() { String::new() } else { format!(", such as {}", shown.join(", ")) }
}

/// Some of many, with what their cells held and hold.
fn with_cells(examples: &[Example]) -> String {
    const LONGEST: usize = 40;
    let shorten = |text: &str| {
        let mut shown: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if text.chars().count() > LONGEST {
            shown.push_str("...");
        }
        if shown.is_empty() { "nothing".to_owned() } else { format!("{shown:?}") }
    };
    let shown: Vec<String> = examples
        .iter()
        .map(|example| match &example.cells {
            Some((before, after)) => format!("{} from {} to {}", example.number, shorten(before), shorten(after)),
            None => example.number.to_string(),
        })
        .collect();
    if shown.is_empty() { String::new() } else { format!(": {}", shown.join(", ")) }
}

impl Doubt {
    /// How the cells of a column changed, as a sentence.
    fn fmt_cells(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Cells { column, undated, changed, common, limit, examples, .. } = self else { return Ok(()) };
        let became_yes = |example: &Example| {
            let cells = example.cells.as_ref();
            cells.is_some_and(|(before, after)| (before.trim(), after.trim()) == ("No", "Yes"))
        };
        let all_yes = !examples.is_empty() && examples.iter().all(became_yes);
        let how = match undated {
            Some(CellChange::Altered) if all_yes => "turns from No to Yes",
            Some(CellChange::Emptied) => "is emptied",
            Some(CellChange::Filled) => "is filled",
            Some(CellChange::Withdrawn) => "turns from Yes to No",
            Some(CellChange::Altered) => "holds another text",
            None => "changes",
        };
        let undated = if undated.is_some() { " that do not say that they were updated" } else { "" };
        let (share, name) = (share(*changed, *common), column.name());
        let limit = match *limit {
            0 => "in no real listing did it".to_owned(),
            // What one step alone does not show, those of days do.
            limit if *changed <= limit => format!("with those of the last days more than {}", grouped(limit)),
            limit => format!("more than {}", grouped(limit)),
        };
        let examples = with_cells(examples);
        write!(
            f,
            "`{name}` {how} in {changed} of {common} filings ({share} %){undated}, {limit}{examples}",
            changed = grouped(*changed),
            common = grouped(*common)
        )
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndGone { gone, last, current_last, .. } => write!(
                f,
                "the end is missing: it stops at {last}, and {gone} current filings up to {current_last} come behind \
                 that",
                gone = grouped(*gone)
            ),
            Self::EndOld { missing, last } => write!(
                f,
                "the end seems to be missing: by its own dates about {missing} filings should have come behind {last}, \
                 its last",
                missing = grouped(*missing)
            ),
            Self::Loss { gone, current, resolution: Resolution::Alarm, .. } => write!(
                f,
                "{gone} of {current} filings ({share} %) would be gone at once",
                share = share(*gone, *current),
                gone = grouped(*gone),
                current = grouped(*current)
            ),
            Self::Loss { gone, current, limit_percent, resolution } => {
                let setting = match resolution {
                    Resolution::Person => "vet.max_loss_percent",
                    _ => "vet.corroborate_loss_percent",
                };
                let share = share(*gone, *current);
                write!(
                    f,
                    "{gone} of {current} filings ({share} %) would be gone at once, more than {limit_percent} % \
                     ({setting})",
                    gone = grouped(*gone),
                    current = grouped(*current)
                )
            }
            Self::LossOutOfOrder { gone, current, .. } => write!(
                f,
                "{gone} of {current} filings would be gone, and its numbers do not ascend, so that nobody can tell \
                 whether its end is missing",
                gone = grouped(*gone),
                current = grouped(*current)
            ),
            Self::RunGone { providers, longest, first, .. } => write!(
                f,
                "{providers} providers would be gone in rows of neighbours (the longest: {longest} filings from {first} \
                 on), as if a page were missing",
                providers = grouped(*providers),
                longest = grouped(*longest)
            ),
            Self::LossGoesOn { gone, lately, .. } => write!(
                f,
                "{gone} filings would be gone, with those of the last days {lately} more than usually go: the source \
                 may be losing its list bit by bit",
                gone = grouped(*gone),
                lately = grouped(*lately)
            ),
            Self::Growth { come, current, limit, .. } => write!(
                f,
                "{come} filings would come to {current}, more than the {limit} that come in that time at the most",
                come = grouped(*come),
                current = grouped(*current),
                limit = grouped(*limit)
            ),
            Self::Returned { returned, .. } => {
                write!(
                    f,
                    "{returned} removed filings would be back at once: it may be an old listing",
                    returned = grouped(*returned)
                )
            }
            Self::Stale { count, examples, .. } => write!(
                f,
                "{count} removed filings would be back just as they were when they went, and not lately: an old copy may be \
                 mixed in{}",
                such_as(examples),
                count = grouped(*count)
            ),
            Self::Unlikely { count, examples, .. } => write!(
                f,
                "{count} filings would come that do not look like new ones, by their number, their date, their entry in \
                 the FCC's system, or a name and address that are another's{}",
                such_as(examples),
                count = grouped(*count)
            ),
            Self::Cells { .. } => self.fmt_cells(f),
            Self::Undoes { count, examples } => write!(
                f,
                "{count} cells go back to what they held before a listing lately changed them the other way: that one was \
                 wrong, or this one is{}",
                with_cells(examples),
                count = grouped(*count)
            ),
            Self::Neighbours { column, rows, in_rows, .. } => write!(
                f,
                "`{}` changes in {in_rows} filings that stand in rows of neighbours, the longest of {rows}: filers do not \
                 amend side by side, a fault does",
                column.name(),
                in_rows = grouped(*in_rows),
                rows = grouped(*rows)
            ),
            Self::Alike { column, rows, in_rows } => write!(
                f,
                "`{}` changes in {in_rows} filings of which, in a row, all that held one answer lost it, the longest row of \
                 {rows}: filers do not amend side by side, a fault does",
                column.name(),
                in_rows = grouped(*in_rows),
                rows = grouped(*rows)
            ),
            Self::OneDay { count, day, others, .. } => write!(
                f,
                "{count} new filings bear the date {day}, or numbers without a gap, and {others} others bear it: so many \
                 come in a rush before a deadline, when many amend, or are made up",
                count = grouped(*count),
                others = grouped(*others)
            ),
            Self::Amended { column, amended, common, others, .. } => {
                let share = share(*amended, *common);
                write!(
                    f,
                    "`{}` has changed in {amended} of {common} filings ({share} %){}: columns may be shifted",
                    column.name(),
                    match others {
                        0 => String::new(),
                        1 => ", and one more column in as large a part".to_owned(),
                        more => format!(", and {more} more columns in as large a part"),
                    },
                    amended = grouped(*amended),
                    common = grouped(*common)
                )
            }
            Self::Rows { oddity, count, examples, .. } => {
                write!(f, "{count} rows {}{}", oddity.says(), such_as(examples), count = grouped(*count))
            }
            Self::Carried { carried, unreadable } => write!(
                f,
                "{unreadable} rows cannot be read, and {carried} filings would stand as they last were read for that",
                unreadable = grouped(*unreadable),
                carried = grouped(*carried)
            ),
            Self::OwnPeers { gone, peers } => {
                write!(
                    f,
                    "{gone} of your own {peers} peers would be gone, far beyond their share of the listing",
                    gone = grouped(*gone),
                    peers = grouped(*peers)
                )
            }
        }
    }
}
