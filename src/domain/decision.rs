//! An answer, with what it rests on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Filing, Record, Removal, RmdNumber};

/// Whether calls may be taken from the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// They may.
    Accept,
    /// They must not.
    Refuse,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Accept, Self::Refuse];

    /// The word on the wire, in JSON and in metrics.
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
    /// A filing of the provider stands, for the role in which it hands calls over if one was named.
    Listed,
    /// No filing of the provider stands, and none ever did as far as this store knows.
    NotListed,
    /// The provider's filings are gone from the listing.
    Removed,
    /// The call goes to 911 or a public safety answering point, and is never refused.
    EmergencyCall,
    /// A filing stands, leaves the role blank that was named, and policy refuses that.
    RoleBlank,
    /// A filing stands, answers No for the role that was named, and policy refuses that.
    RoleNotCertified,
    /// A filing stands, certifies no role at all, and policy refuses that.
    NoRoleCertified,
    /// The upstream is foreign and the caller ID is not a US number: the rule does not bar the call.
    CallNotCovered,
    /// The number stands only among the other FRNs of another filing. Policy.
    OtherFrnOnly,
    /// The listing is older than the operator's limit, and the operator's policy decides.
    ListingOld,
    /// The operator's override says so.
    Override,
    /// A removal order is on record, though the filing still stands in the listing.
    RemovalOrder,
    /// A Final Determination Order is on record, and binds or is followed early by policy.
    FinalDetermination,
    /// A notice of suspected illegal traffic was not answered in time, the Commission was notified, and policy refuses
    /// that.
    NoticeUnanswered,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Listed,
        Self::NotListed,
        Self::Removed,
        Self::EmergencyCall,
        Self::RoleBlank,
        Self::RoleNotCertified,
        Self::NoRoleCertified,
        Self::CallNotCovered,
        Self::OtherFrnOnly,
        Self::ListingOld,
        Self::Override,
        Self::RemovalOrder,
        Self::FinalDetermination,
        Self::NoticeUnanswered,
    ];

    /// The word on the wire without its prefix, in JSON and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "LISTED",
            Self::NotListed => "NOT_LISTED",
            Self::Removed => "REMOVED",
            Self::EmergencyCall => "EMERGENCY_CALL",
            Self::RoleBlank => "ROLE_BLANK",
            Self::RoleNotCertified => "ROLE_NOT_CERTIFIED",
            Self::NoRoleCertified => "NO_ROLE_CERTIFIED",
            Self::CallNotCovered => "CALL_NOT_COVERED",
            Self::OtherFrnOnly => "OTHER_FRN_ONLY",
            Self::ListingOld => "LISTING_OLD",
            Self::Override => "OVERRIDE",
            Self::RemovalOrder => "REMOVAL_ORDER",
            Self::FinalDetermination => "FINAL_DETERMINATION",
            Self::NoticeUnanswered => "NOTICE_UNANSWERED",
        }
    }
}

/// Yes, no, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ternary {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Not known.
    #[default]
    Unknown,
}

impl Ternary {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// How the question's identity led to the filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MatchedBy {
    /// By the filing's FRN; so too where another filing of the provider was named by its number, and this one decides.
    Frn,
    /// By the filing's own number, which the question named.
    RmdNumber,
    /// By an OCN that operators bound to it.
    Ocn,
    /// By a peer's name that operators bound to it.
    Peer,
}

impl MatchedBy {
    /// The word on the wire without its prefix, and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frn => "FRN",
            Self::RmdNumber => "RMD_NUMBER",
            Self::Ocn => "OCN",
            Self::Peer => "PEER",
        }
    }
}

/// Something the asker should know that does not change the verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisory {
    /// Which.
    pub code: AdvisoryCode,
    /// In one sentence; empty where none was asked for.
    pub message: String,
}

/// The kinds of advisory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum AdvisoryCode {
    /// The source has not confirmed the listing for longer than the operator allows.
    ListingOld,
    /// The filing's row could not be read in the newest listing; it stands as it was last read.
    FilingCarried,
    /// The filing leaves the role blank that was named.
    RoleBlank,
    /// The filing answers No for the role that was named, and policy accepts or something else decided.
    RoleNotCertified,
    /// The filing certifies no role at all.
    NoRoleCertified,
    /// Another filing under the same FRN certifies no role: it looks unfinished.
    FilingUnfinished,
    /// The filing was removed once and stands again.
    ListedAgain,
    /// A removed filing's FRN, name or address appears under this newer number.
    Successor,
    /// The number is only named by another filing, and policy accepts.
    OtherFrn,
    /// The yearly recertification (64.6305(h)) is not in the listing.
    RecertificationOverdue,
    /// The filing was last updated longer ago than the operator's limit.
    LastUpdatedOld,
    /// An order to cure or show cause names the provider: it is on the watch list.
    WatchListed,
    /// A removal order is on record, and something else decided.
    RemovalOrder,
    /// A Final Determination Order is on record, and something else decided.
    FinalDetermination,
    /// A notice of suspected illegal traffic is on record, and its clocks run.
    NoticePending,
    /// A notice of suspected illegal traffic was not answered in time.
    NoticeUnanswered,
    /// A notice of suspected illegal traffic was answered, but late.
    NoticeAnsweredLate,
    /// The question is about the past, and the verdict rests on policy, of which only today's is known.
    PolicyOfToday,
    /// Some of the provider's filings say that it is foreign and others do not: it counts as a domestic one.
    ForeignDiffers,
    /// A cell that the answer asks holds a text that this version does not know: it counts as no answer.
    CellUnrecognized,
    /// The calling number could not be read, and the call is refused that would be accepted if it were known not to be a US
    /// number.
    CallerIdUnreadable,
    /// The site has not compared itself with its fleet for longer than the operator allows.
    FleetBehind,
}

impl AdvisoryCode {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::ListingOld,
        Self::FilingCarried,
        Self::RoleBlank,
        Self::RoleNotCertified,
        Self::NoRoleCertified,
        Self::FilingUnfinished,
        Self::ListedAgain,
        Self::Successor,
        Self::OtherFrn,
        Self::RecertificationOverdue,
        Self::LastUpdatedOld,
        Self::WatchListed,
        Self::RemovalOrder,
        Self::FinalDetermination,
        Self::NoticePending,
        Self::NoticeUnanswered,
        Self::NoticeAnsweredLate,
        Self::PolicyOfToday,
        Self::ForeignDiffers,
        Self::CellUnrecognized,
        Self::CallerIdUnreadable,
        Self::FleetBehind,
    ];

    /// The word in JSON, on the terminal and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListingOld => "LISTING_OLD",
            Self::FilingCarried => "FILING_CARRIED",
            Self::RoleBlank => "ROLE_BLANK",
            Self::RoleNotCertified => "ROLE_NOT_CERTIFIED",
            Self::NoRoleCertified => "NO_ROLE_CERTIFIED",
            Self::FilingUnfinished => "FILING_UNFINISHED",
            Self::ListedAgain => "LISTED_AGAIN",
            Self::Successor => "SUCCESSOR",
            Self::OtherFrn => "OTHER_FRN",
            Self::RecertificationOverdue => "RECERTIFICATION_OVERDUE",
            Self::LastUpdatedOld => "LAST_UPDATED_OLD",
            Self::WatchListed => "WATCH_LISTED",
            Self::RemovalOrder => "REMOVAL_ORDER",
            Self::FinalDetermination => "FINAL_DETERMINATION",
            Self::NoticePending => "NOTICE_PENDING",
            Self::NoticeUnanswered => "NOTICE_UNANSWERED",
            Self::NoticeAnsweredLate => "NOTICE_ANSWERED_LATE",
            Self::PolicyOfToday => "POLICY_OF_TODAY",
            Self::ForeignDiffers => "FOREIGN_DIFFERS",
            Self::CellUnrecognized => "CELL_UNRECOGNIZED",
            Self::CallerIdUnreadable => "CALLER_ID_UNREADABLE",
            Self::FleetBehind => "FLEET_BEHIND",
        }
    }

    /// The same in a few words, where people read it.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::ListingOld => "the listing is old",
            Self::FilingCarried => "its row cannot be read",
            Self::RoleBlank => "the role is left blank",
            Self::RoleNotCertified => "the role is not certified",
            Self::NoRoleCertified => "no role is certified",
            Self::FilingUnfinished => "another filing looks unfinished",
            Self::ListedAgain => "it was removed once",
            Self::Successor => "a newer filing looks like a successor",
            Self::OtherFrn => "only another filing names it",
            Self::RecertificationOverdue => "recertification is overdue",
            Self::LastUpdatedOld => "the last update is too old",
            Self::WatchListed => "it is on the watch list",
            Self::RemovalOrder => "a removal order is on record",
            Self::FinalDetermination => "a Final Determination Order is on record",
            Self::NoticePending => "the clocks of a notice run",
            Self::NoticeUnanswered => "a notice is unanswered",
            Self::NoticeAnsweredLate => "a notice was answered late",
            Self::PolicyOfToday => "the policy is that of today",
            Self::ForeignDiffers => "its filings differ on whether it is foreign",
            Self::CellUnrecognized => "a cell is not understood",
            Self::CallerIdUnreadable => "the calling number cannot be read",
            Self::FleetBehind => "this site is behind its fleet",
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
    /// Whether the verdict rests on the operator's policy where the rule leaves it open.
    pub by_policy: bool,
    /// What else to know.
    pub advisories: Vec<Advisory>,
    /// How the identity matched, where it did.
    pub matched_by: Option<MatchedBy>,
    /// The filing that was matched: the standing one, else the removed one.
    pub filing: Option<Arc<Filing>>,
    /// The other standing filings under the same FRN, by ascending number.
    pub other_filings: Vec<RmdNumber>,
    /// The removal, where the provider is removed now.
    pub removal: Option<Arc<Removal>>,
    /// Standing filings that name the FRN asked for among their other FRNs, where none stands under it.
    pub candidates: Vec<RmdNumber>,
    /// The operator's record that the verdict rests on, or that explains a removal.
    pub record: Option<Arc<Record>>,
}
