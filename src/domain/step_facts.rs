//! What vetting remembers of the steps from one listing to the next.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Column, RmdNumber};

/// What one applied listing changed, as far as the next ones are judged by it: a fault that takes little at each sync
/// shows over days only, and a listing that mends a fault undoes what the fault did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFacts {
    /// When the listing was fetched.
    pub fetched_at: Timestamp,
    /// The newest date of an update in it.
    pub content_day: Option<Date>,
    /// Filings that went, less those that came back.
    pub lost: u32,
    /// Whether so many went at once that it was believed only on a second copy or on somebody's word.
    pub was_wave: bool,
    /// Whether filings at the very end went.
    pub end_gone: bool,
    /// The highest number that stood before it, those left aside that look like no new filing.
    pub last_before: Option<RmdNumber>,
    /// Filings that came and do not look like new ones: by their number, their date or their form.
    pub unlikely: Vec<RmdNumber>,
    /// Cells on which decisions rest that changed though the filing does not say that it was updated.
    pub undated: Vec<ChangedCell>,
    /// The same cells, and dates, of filings that do say so: what a fault did with dates is undone without them.
    pub dated: Vec<ChangedCell>,
    /// New filings that came.
    pub come: u32,
}

/// A cell that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedCell {
    /// The filing.
    pub number: RmdNumber,
    /// The column.
    pub column: Column,
    /// Digest of the text that it held before, by which a later change is known to undo this one.
    pub before: u64,
}
