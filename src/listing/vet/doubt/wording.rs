//! Doubts as a person reads them.

use std::fmt;

use super::{Doubt, Oddity, Resolution};
use crate::domain::RmdNumber;
use crate::domain::wording::grouped;
use crate::listing::vet::compare::{CellChange, Example};

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
            Self::Lately { column, answer, count, of, usual: (least, most), .. } => {
                let is = if answer.is_empty() { "empty" } else { answer };
                let column = column.name();
                let (count, of) = (grouped(*count), grouped(*of));
                write!(f, "`{column}` is {is} in {count} of the {of} filings that came lately, where ")?;
                match *most {
                    most if most < 0.5 => f.write_str("it hardly ever is in others"),
                    most => write!(f, "it is in {least:.0} to {most:.0} % of others"),
                }
            }
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
