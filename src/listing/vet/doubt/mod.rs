//! What makes a listing that can be read hard to believe, and what would resolve it.

mod wording;

use jiff::civil::Date;

use crate::domain::{Column, RmdNumber};
use crate::listing::vet::compare::{CellChange, Example};

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
    /// Those that came lately answer otherwise than filings do: each block of them by number has its share of each answer.
    Lately {
        /// The column.
        column: Column,
        /// The answer that too many give; empty, where a cell is.
        answer: &'static str,
        /// How many give it.
        count: usize,
        /// Of how many that came lately.
        of: usize,
        /// How many of others do, in percent: from, to.
        usual: (f64, f64),
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
            | Self::Lately { resolution, .. }
            | Self::Cells { resolution, .. }
            | Self::Neighbours { resolution, .. }
            | Self::OneDay { resolution, .. }
            | Self::Rows { resolution, .. }
            | Self::Amended { resolution, .. } => *resolution,
        }
    }
}
