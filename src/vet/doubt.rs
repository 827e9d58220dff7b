//! What makes a listing that can be read hard to believe, and what would settle it.

use std::fmt;

use crate::domain::{Column, RmdNumber};

/// What settles a doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Settles {
    /// A second copy that says the same: it is unusual, and real listings have been so.
    SecondCopy,
    /// Only a person: half a file says the same however often it is fetched.
    Person,
}

/// One thing that makes a listing hard to believe.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Doubt {
    /// The last of the standing filings are gone, and nothing stands behind them. An order scatters; a cut takes the end.
    EndGone {
        /// How many of the standing filings come behind the last one of the listing.
        gone: usize,
        /// The last filing of the listing.
        last: RmdNumber,
        /// The last standing one.
        standing_last: RmdNumber,
    },
    /// The last filings are too old for the newest date in the listing.
    EndOld {
        /// How many filings seem to be missing.
        missing: usize,
        /// The last filing of the listing.
        last: RmdNumber,
    },
    /// Many of the standing filings are gone.
    Loss {
        /// How many.
        gone: usize,
        /// Of how many.
        standing: usize,
        /// The limit, in percent, above which it takes what it takes.
        limit_percent: f64,
        /// What it takes.
        settles: Settles,
    },
    /// Filings are gone, and the numbers do not ascend as they always have: where the file ends cannot be told.
    LossOutOfOrder {
        /// How many are gone.
        gone: usize,
        /// Of how many.
        standing: usize,
        /// What it takes.
        settles: Settles,
    },
    /// Many filings have come at once.
    Growth {
        /// How many.
        come: usize,
        /// To how many.
        standing: usize,
        /// The limit, in percent, above which it takes what it takes.
        limit_percent: f64,
        /// What it takes.
        settles: Settles,
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
        /// What it takes.
        settles: Settles,
    },
}

impl Doubt {
    /// What settles it.
    pub fn settles(&self) -> Settles {
        match self {
            Self::EndGone { gone, .. } if *gone < super::END_GONE_HOLDS => Settles::SecondCopy,
            Self::EndGone { .. } | Self::EndOld { .. } => Settles::Person,
            Self::Loss { settles, .. }
            | Self::LossOutOfOrder { settles, .. }
            | Self::Growth { settles, .. }
            | Self::Amended { settles, .. } => *settles,
        }
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndGone { gone, last, standing_last } => write!(
                f,
                "the end is missing: it stops at {last}, and {gone} standing filings up to {standing_last} come behind \
                 that"
            ),
            Self::EndOld { missing, last } => write!(
                f,
                "the end seems to be missing: by its own dates about {missing} filings should have come behind {last}, \
                 its last"
            ),
            Self::Loss { gone, standing, limit_percent, settles } => {
                let setting = match settles {
                    Settles::SecondCopy => "vet.corroborate_loss_percent",
                    Settles::Person => "vet.max_loss_percent",
                };
                let share = percent(*gone, *standing);
                write!(
                    f,
                    "{gone} of {standing} filings ({share:.1} %) would be gone at once, more than {limit_percent} % \
                     ({setting})"
                )
            }
            Self::LossOutOfOrder { gone, standing, .. } => write!(
                f,
                "{gone} of {standing} filings would be gone, and its numbers do not ascend, so that nobody can tell \
                 whether its end is missing"
            ),
            Self::Growth { come, standing, limit_percent, settles } => {
                let setting = match settles {
                    Settles::SecondCopy => "vet.corroborate_growth_percent",
                    Settles::Person => "vet.max_growth_percent",
                };
                write!(f, "{come} filings would come at once to {standing}, more than {limit_percent} % ({setting})")
            }
            Self::Amended { column, amended, common, others, .. } => {
                let share = percent(*amended, *common);
                write!(
                    f,
                    "`{}` has changed in {amended} of {common} filings ({share:.1} %){}: columns may be shifted",
                    column.name(),
                    match others {
                        0 => String::new(),
                        1 => ", and one more column in as large a part".to_owned(),
                        more => format!(", and {more} more columns in as large a part"),
                    }
                )
            }
        }
    }
}
