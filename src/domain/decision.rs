//! An answer, with what it rests on.

use std::sync::Arc;

use super::{Filing, Removal};

/// Whether calls may be taken from the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// They may.
    Accept,
    /// They must not.
    Refuse,
}

impl Verdict {
    /// The word in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Refuse => "REFUSE",
        }
    }
}

/// Why the verdict is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A filing of the provider stands.
    Listed,
    /// No filing of the provider stands, and none ever did as far as this store knows.
    NotListed,
    /// The provider's filings are gone from the listing.
    Removed,
    /// The call goes to 911 or a public safety answering point, and is never refused.
    EmergencyCall,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Listed, Self::NotListed, Self::Removed, Self::EmergencyCall];

    /// The word in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "LISTED",
            Self::NotListed => "NOT_LISTED",
            Self::Removed => "REMOVED",
            Self::EmergencyCall => "EMERGENCY_CALL",
        }
    }
}

/// How the question's identity led to the filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MatchedBy {
    /// By the filing's FRN.
    Frn,
    /// By the filing's own number.
    RmdNumber,
}

impl MatchedBy {
    /// The word in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frn => "FRN",
            Self::RmdNumber => "RMD_NUMBER",
        }
    }
}

/// Something the asker should know that does not change the verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisory {
    /// Which.
    pub code: AdvisoryCode,
    /// In one sentence.
    pub message: String,
}

/// The kinds of advisory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdvisoryCode {
    /// The source has not confirmed the listing for longer than the operator allows.
    ListingOld,
    /// The filing's row could not be read in the newest listing; it stands as it was last read.
    FilingCarried,
}

impl AdvisoryCode {
    /// The word in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListingOld => "LISTING_OLD",
            Self::FilingCarried => "FILING_CARRIED",
        }
    }
}

/// The answer to "may I accept calls from this provider?".
#[derive(Debug, Clone)]
pub struct Decision {
    /// Whether calls may be taken.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The rule's paragraph.
    pub rule: &'static str,
    /// What else to know.
    pub advisories: Vec<Advisory>,
    /// How the identity matched, where it did.
    pub matched_by: Option<MatchedBy>,
    /// The filing that was matched: the standing one, else the removed one.
    pub filing: Option<Arc<Filing>>,
    /// The removal, where the provider is removed now.
    pub removal: Option<Arc<Removal>>,
}
