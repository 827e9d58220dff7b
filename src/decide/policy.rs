//! What the operator decides where the rules leave it open.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::{AdvisoryCode, Age, Verdict};

/// A verdict that the operator chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AcceptOrRefuse {
    /// Accept, with an advisory.
    Accept,
    Refuse,
}

impl AcceptOrRefuse {
    /// As a verdict.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Accept => Verdict::Accept,
            Self::Refuse => Verdict::Refuse,
        }
    }
}

/// What an old listing is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OldListing {
    /// Answer from it, with an advisory.
    Answer,
    /// Accept everything, with an advisory.
    Accept,
    /// Refuse everything but calls to 911.
    Refuse,
    /// Give no verdict but an error, calls to 911 excepted.
    Error,
}

/// The operator's policy, for every cell of the matrix that the rules leave open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PolicyConfig {
    /// The filing answers No for the role that was named, whatever else it says.
    pub role_not_certified: AcceptOrRefuse,
    /// The filing leaves the role blank that was named, or writes what is neither Yes nor No and certifies another.
    pub role_blank: AcceptOrRefuse,
    /// The filing certifies no role at all, where none was named or its cell is neither Yes, No nor blank.
    pub no_role_certified: AcceptOrRefuse,
    /// The number stands only among another filing's other FRNs.
    pub other_frn: AcceptOrRefuse,
    /// A notice of suspected illegal traffic was not answered in time, and the Commission was notified.
    pub notice_unanswered: AcceptOrRefuse,
    /// A Final Determination Order does not bind yet, and the Commission was notified.
    pub final_determination_early: AcceptOrRefuse,
    /// The listing is older than `freshness.warn_after`.
    pub listing_old: OldListing,
    /// Past so many days since the filing's `last_updated` an advisory says so; 0 for never.
    pub last_updated_days: u32,
    /// Advisories that are not wanted.
    pub advisories_off: Vec<AdvisoryCode>,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            role_not_certified: AcceptOrRefuse::Refuse,
            role_blank: AcceptOrRefuse::Accept,
            no_role_certified: AcceptOrRefuse::Accept,
            other_frn: AcceptOrRefuse::Refuse,
            notice_unanswered: AcceptOrRefuse::Accept,
            final_determination_early: AcceptOrRefuse::Accept,
            listing_old: OldListing::Answer,
            last_updated_days: 0,
            advisories_off: Vec::new(),
        }
    }
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The cells.
    pub cells: PolicyConfig,
    /// Past this time since the last confirmation the listing is old.
    pub listing_old_after: SignedDuration,
}

impl Policy {
    /// Whether a listing is older than the operator allows, or it is not known how old it is.
    pub fn is_old(&self, unconfirmed: Age) -> bool {
        unconfirmed.exceeds(self.listing_old_after)
    }

    /// From when on a listing is old that was last confirmed then: ages are whole seconds. Nothing if it never is.
    pub fn old_from(&self, confirmed_at: Timestamp) -> Option<Timestamp> {
        let after = self.listing_old_after.checked_add(SignedDuration::from_secs(1))?;
        confirmed_at.checked_add(after).ok()
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { cells: PolicyConfig::default(), listing_old_after: SignedDuration::from_hours(26) }
    }
}
