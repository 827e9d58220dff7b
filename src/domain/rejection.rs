//! Why there is no answer. Each interface writes it in its own form: a gRPC status, a problem over HTTP, a message.

use super::{ErrorReason, IdentityError};

/// A request that is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The word that programs act on.
    pub reason: ErrorReason,
    /// What happened, to what, and what to do.
    pub message: String,
    /// What is wrong with which part of the request, where it has many.
    pub violations: Vec<Violation>,
}

/// What is wrong with one part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The part, as a path from the request: `records[3].frn`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Rejection {
    /// The daemon is stopping.
    pub fn stopping() -> Self {
        ErrorReason::ShuttingDown.reject("the daemon is stopping")
    }

    /// No listing was ever loaded.
    pub fn snapshot_not_loaded() -> Self {
        ErrorReason::SnapshotNotLoaded.reject("no listing was ever loaded: ask again after the first sync")
    }

    /// The request names nobody.
    pub fn identity_missing() -> Self {
        ErrorReason::IdentityMissing.reject("the request names no provider: set frn, rmd_number, ocn or peer")
    }
}

impl From<&IdentityError> for Rejection {
    fn from(error: &IdentityError) -> Self {
        let reason = match error {
            IdentityError::RmdNumber(_) | IdentityError::SevenDigits { .. } => ErrorReason::InvalidRmdNumber,
            IdentityError::Ocn(_) => ErrorReason::InvalidOcn,
            IdentityError::PeerName(_) => ErrorReason::InvalidPeer,
            IdentityError::Ambiguous { .. } => ErrorReason::IdentityAmbiguous,
            _ => ErrorReason::InvalidFrn,
        };
        reason.reject(error.to_string())
    }
}
