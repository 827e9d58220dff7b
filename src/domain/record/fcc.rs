//! What the FCC has issued: orders, and notices with the clocks that run from them.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::super::eastern::{WASHINGTON, begins, has_come};
use super::words;

/// What an order of the FCC does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderKind {
    /// It removes the provider's filing from the database, effective on release.
    Removal,
    /// A Final Determination Order (64.1200(n)(3)): downstream providers must block from day 30.
    FinalDetermination,
    /// It tells the provider to cure its filing or show cause. No removal: the provider is on the watch list.
    ShowCause,
}
words!(
    OrderKind,
    "kind of order",
    Removal = "removal" | "removal_order" | "remove" | "removed" | "order_of_removal" | "removal_from_rmd",
    FinalDetermination = "final_determination" | "final_determination_order" | "fdo" | "final_determination_order_fdo",
    ShowCause = "show_cause"
        | "watch"
        | "show_cause_order"
        | "order_to_show_cause"
        | "cure_or_show_cause"
        | "order_to_cure_or_show_cause"
        | "cure_or_show_cause_order"
);

impl OrderKind {
    /// The order's name in a sentence.
    pub fn label(self) -> &'static str {
        match self {
            Self::Removal => "removal order",
            Self::FinalDetermination => "Final Determination Order",
            Self::ShowCause => "order to cure or show cause",
        }
    }
}

/// Something that happened, as an operator recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// When it happened.
    pub at: Timestamp,
    /// What, or where it is written down.
    pub note: String,
}

/// An order of the FCC, for one of the providers that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it does.
    pub kind: OrderKind,
    /// Its number, such as `DA 26-237`.
    pub document: String,
    /// The day of its release.
    pub released: Date,
    /// When the operator told the Commission that it blocks before day 30, and how.
    pub notified: Option<Noted>,
}

impl Order {
    /// A removal order takes effect on release: no text was found that grants a delay.
    pub fn effective_at(&self) -> Timestamp {
        begins(self.released)
    }

    /// A Final Determination Order binds from 30 calendar days after its release: DA 26-237, released March 12, 2026,
    /// from April 11, 2026.
    pub fn must_block_from(&self) -> Timestamp {
        self.released.checked_add(30.days()).map_or(Timestamp::MAX, begins)
    }
}

/// A notice of suspected illegal traffic under 64.1200(k)(4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The operator's name for it.
    pub id: String,
    /// The FCC's name for it, if it has one.
    pub document: String,
    /// Why the operator finds that it may block, as written for the Commission. What a record's own `why` says never
    /// leaves the house.
    pub basis: String,
    /// The notice's time stamp, from which both clocks run.
    pub issued_at: Timestamp,
    /// That the provider effectively mitigated the traffic.
    pub mitigated: Option<Noted>,
    /// That the provider informed the Commission of measures against illegal calls of new and renewing customers.
    pub informed: Option<Noted>,
    /// That the operator sent the Commission the brief summary that must come before blocking.
    pub notified: Option<Noted>,
    /// The calls of the notice's Attachment A.
    pub calls: Vec<TracedCall>,
}

impl Notice {
    /// The end of the 48 hours for mitigation.
    pub fn mitigate_by(&self) -> Timestamp {
        self.issued_at.checked_add(48.hours()).unwrap_or(Timestamp::MAX)
    }

    /// The end of the 14 days for informing the Commission: the same time of day in Washington.
    pub fn inform_by(&self) -> Timestamp {
        let end = WASHINGTON.to_datetime(self.issued_at).checked_add(14.days());
        end.and_then(|end| WASHINGTON.to_timestamp(end)).unwrap_or(Timestamp::MAX)
    }

    /// Whether a deadline has passed by now, and what was due is not on record as done by now.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let duties = [(&self.mitigated, self.mitigate_by()), (&self.informed, self.inform_by())];
        duties.iter().any(|(noted, by)| now > *by && noted.as_ref().is_none_or(|noted| !has_come(noted.at, now)))
    }
}

/// One call of an Attachment A, as the Industry Traceback Group traced it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TracedCall {
    /// When the provider was told of it.
    pub notified_at: Option<Timestamp>,
    /// When the call was made.
    pub called_at: Option<Timestamp>,
    /// The calling number.
    pub caller: String,
    /// The called number.
    pub called: String,
    /// The campaign that the call belonged to.
    pub campaign: String,
    /// What it violated.
    pub violation: String,
}
