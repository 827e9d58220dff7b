//! The words of the trade, as types. This room imports nothing else of ours.

mod address;
mod age;
mod alarm_code;
mod business_days;
mod change;
mod column;
mod decision;
mod digest;
mod eastern;
mod error_reason;
mod filing;
mod first_sights;
mod fleet;
mod fleet_view;
mod held;
mod identity;
mod interface;
mod listing;
mod other_frns;
mod record;
mod rejection;
mod removals;
mod role;
pub(crate) mod rule;
mod slip;
mod snapshot;
mod source_state;
mod step_facts;
mod sync_record;
pub(crate) mod times;
pub mod visible;
mod who;
pub mod wording;

pub(crate) use address::read_network;
pub use age::{Age, CLOCK_TOLERANCE, EARLIEST, age};
pub(crate) use age::{is_ahead, later_than, listed_day};
pub use alarm_code::AlarmCode;
pub(crate) use business_days::business_days_after;
pub use change::{Change, ChangeKind, ChangeSerial, Delta, FieldChange, Removal};
pub use column::Column;
pub use decision::{Advisory, AdvisoryCode, Decision, MatchedBy, Reason, Ternary, Verdict};
pub use digest::Sha256Digest;
pub(crate) use eastern::{
    begins as begins_in_eastern_time, earliest_of, eastern_day, end_of_eastern_day, has_come, in_eastern_time,
    is_day_alone,
};
pub use error_reason::{ErrorKind, ErrorReason};
pub(crate) use filing::read_frn_cell;
pub use filing::{Filing, FilingBuilder};
pub use first_sights::FirstSights;
pub use fleet::{FleetId, FleetPosition, Log, Position};
pub use fleet_view::{EngineMember, EngineStatus, FleetHeads, FleetStanding, FleetState, FleetView, Place, SiteView};
pub use held::{Awaits, HeldListing, PeersAffected, listed};
pub use identity::{
    Frn, FrnError, Identity, IdentityError, Ocn, OcnError, PeerName, PeerNameError, RmdNumber, RmdNumberError,
};
pub use interface::Interface;
pub use listing::{Listing, RowFault, Truncation, UnreadableRow};
pub use other_frns::read_other_frns;
pub use record::{
    BadField, Noted, Notice, Order, OrderKind, Override, OverrideAction, Peer, PeerKey, PeerKind, Record, RecordAction,
    RecordBody, RecordEvent, RecordKind, TracedCall,
};
pub use rejection::{Rejection, Violation};
pub use removals::RemovalHistory;
pub use role::{Certification, ForeignProvider, Implementation, ProviderRole, ProviderRoles, folded};
pub use snapshot::{Anomaly, Snapshot, SnapshotSerial};
pub use source_state::{DISTRUST, SourceFault, SourceState, Validators};
pub use step_facts::{ChangedCell, StepFacts};
pub use sync_record::{ChangeCounts, SyncOutcome, SyncRecord, SyncTrigger};
pub use who::{Readings, Who};
