//! The words of the trade, as types. This room imports nothing else of ours.

mod change;
mod column;
mod decision;
mod digest;
mod filing;
mod identity;
mod listing;
mod other_frns;
mod removals;
mod role;
mod snapshot;
mod sync_record;

pub use change::{Change, ChangeKind, ChangeSerial, Delta, FieldChange, Removal};
pub use column::Column;
pub use decision::{Advisory, AdvisoryCode, Decision, MatchedBy, Reason, Ternary, Verdict};
pub use digest::Sha256Digest;
pub use filing::{Filing, FilingBuilder};
pub use identity::{Frn, FrnError, Identity, IdentityError, RmdNumber, RmdNumberError};
pub use listing::{Listing, RowFault, Truncation, UnreadableRow};
pub use other_frns::read_other_frns;
pub use removals::RemovalHistory;
pub use role::{Certification, ForeignProvider, Implementation, ProviderRole, ProviderRoles};
pub use snapshot::{Anomaly, Snapshot, SnapshotSerial};
pub use sync_record::{ChangeCounts, SyncOutcome, SyncRecord, SyncTrigger};
