//! The one place where errors become statuses.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::v1;
use crate::access::Denied;
use crate::domain::IdentityError;
use crate::moments::MomentError;
use crate::store::StoreError;

pub const DOMAIN: &str = "rmdd";

/// The reasons that errors carry. Each is listed with an example in `proto/rmdd/v1/common.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "documented in common.proto")]
pub enum ErrorReason {
    InvalidFrn,
    InvalidRmdNumber,
    InvalidOcn,
    InvalidPeer,
    IdentityMissing,
    IdentityAmbiguous,
    PeerUnknown,
    InvalidPageToken,
    InvalidRecord,
    RecordUnknown,
    RecordChanged,
    InvalidSupposition,
    SnapshotNotLoaded,
    ListingTooOld,
    InvalidTime,
    HistoryNotReaching,
    BatchTooLarge,
    CursorExpired,
    HistoryReplaced,
    TooManyWatchers,
    WatcherTooSlow,
    HistoryBusy,
    StoreFailed,
    ShuttingDown,
    ConfigInvalid,
    InvalidApproval,
    ListingNotHeld,
    MessageTooLong,
    TooManyQuestions,
    Overloaded,
    TokenMissing,
    TokenUnknown,
    RightMissing,
    UnknownValue,
}

impl ErrorReason {
    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::InvalidFrn,
        Self::InvalidRmdNumber,
        Self::InvalidOcn,
        Self::InvalidPeer,
        Self::IdentityMissing,
        Self::IdentityAmbiguous,
        Self::PeerUnknown,
        Self::InvalidPageToken,
        Self::InvalidRecord,
        Self::RecordUnknown,
        Self::RecordChanged,
        Self::InvalidSupposition,
        Self::SnapshotNotLoaded,
        Self::ListingTooOld,
        Self::InvalidTime,
        Self::HistoryNotReaching,
        Self::BatchTooLarge,
        Self::CursorExpired,
        Self::HistoryReplaced,
        Self::TooManyWatchers,
        Self::WatcherTooSlow,
        Self::HistoryBusy,
        Self::StoreFailed,
        Self::ShuttingDown,
        Self::ConfigInvalid,
        Self::InvalidApproval,
        Self::ListingNotHeld,
        Self::MessageTooLong,
        Self::TooManyQuestions,
        Self::Overloaded,
        Self::TokenMissing,
        Self::TokenUnknown,
        Self::RightMissing,
        Self::UnknownValue,
    ];

    /// The word in ErrorInfo.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFrn => "INVALID_FRN",
            Self::InvalidRmdNumber => "INVALID_RMD_NUMBER",
            Self::InvalidOcn => "INVALID_OCN",
            Self::InvalidPeer => "INVALID_PEER",
            Self::IdentityMissing => "IDENTITY_MISSING",
            Self::IdentityAmbiguous => "IDENTITY_AMBIGUOUS",
            Self::PeerUnknown => "PEER_UNKNOWN",
            Self::InvalidPageToken => "INVALID_PAGE_TOKEN",
            Self::InvalidRecord => "INVALID_RECORD",
            Self::RecordUnknown => "RECORD_UNKNOWN",
            Self::RecordChanged => "RECORD_CHANGED",
            Self::InvalidSupposition => "INVALID_SUPPOSITION",
            Self::SnapshotNotLoaded => "SNAPSHOT_NOT_LOADED",
            Self::ListingTooOld => "LISTING_TOO_OLD",
            Self::InvalidTime => "INVALID_TIME",
            Self::HistoryNotReaching => "HISTORY_NOT_REACHING",
            Self::BatchTooLarge => "BATCH_TOO_LARGE",
            Self::CursorExpired => "CURSOR_EXPIRED",
            Self::HistoryReplaced => "HISTORY_REPLACED",
            Self::TooManyWatchers => "TOO_MANY_WATCHERS",
            Self::WatcherTooSlow => "WATCHER_TOO_SLOW",
            Self::HistoryBusy => "HISTORY_BUSY",
            Self::StoreFailed => "STORE_FAILED",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::ConfigInvalid => "CONFIG_INVALID",
            Self::InvalidApproval => "INVALID_APPROVAL",
            Self::ListingNotHeld => "LISTING_NOT_HELD",
            Self::MessageTooLong => "MESSAGE_TOO_LONG",
            Self::TooManyQuestions => "TOO_MANY_QUESTIONS",
            Self::Overloaded => "OVERLOADED",
            Self::TokenMissing => "TOKEN_MISSING",
            Self::TokenUnknown => "TOKEN_UNKNOWN",
            Self::RightMissing => "RIGHT_MISSING",
            Self::UnknownValue => "UNKNOWN_VALUE",
        }
    }

    /// The status code that goes with it.
    pub fn code(self) -> Code {
        match self {
            Self::InvalidFrn
            | Self::InvalidRmdNumber
            | Self::InvalidOcn
            | Self::InvalidPeer
            | Self::IdentityMissing
            | Self::IdentityAmbiguous
            | Self::InvalidPageToken
            | Self::InvalidRecord
            | Self::InvalidApproval
            | Self::InvalidSupposition
            | Self::BatchTooLarge
            | Self::InvalidTime
            | Self::UnknownValue => Code::InvalidArgument,
            Self::PeerUnknown | Self::RecordUnknown => Code::NotFound,
            Self::RecordChanged => Code::Aborted,
            Self::HistoryNotReaching | Self::CursorExpired | Self::HistoryReplaced => Code::OutOfRange,
            Self::HistoryBusy
            | Self::MessageTooLong
            | Self::TooManyQuestions
            | Self::Overloaded
            | Self::TooManyWatchers
            | Self::WatcherTooSlow => Code::ResourceExhausted,
            Self::SnapshotNotLoaded | Self::ListingTooOld | Self::ShuttingDown => Code::Unavailable,
            Self::StoreFailed => Code::Internal,
            Self::TokenMissing | Self::TokenUnknown => Code::Unauthenticated,
            Self::RightMissing => Code::PermissionDenied,
            Self::ConfigInvalid | Self::ListingNotHeld => Code::FailedPrecondition,
        }
    }

    /// The reason that a status of ours carries.
    pub fn of(status: &Status) -> Option<Self> {
        let info = status.get_error_details().error_info().filter(|info| info.domain == DOMAIN)?.reason.clone();
        Self::named(&info)
    }

    /// The reason of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The status to answer with.
    pub fn status(self, message: impl Into<String>) -> Status {
        let details = ErrorDetails::with_error_info(self.as_str(), DOMAIN, HashMap::new());
        Status::with_error_details(self.code(), message, details)
    }
}

/// A status as the answer to one question of many.
pub fn of_question(status: &Status) -> v1::Error {
    let info = status.get_details_error_info();
    v1::Error {
        reason: info.map(|info| info.reason).unwrap_or_default(),
        code: status.code().into(),
        message: status.message().to_owned(),
    }
}

/// The daemon is stopping.
pub fn stopping() -> Status {
    ErrorReason::ShuttingDown.status("the daemon is stopping")
}

/// No listing was ever loaded.
pub fn snapshot_not_loaded() -> Status {
    ErrorReason::SnapshotNotLoaded.status("no listing was ever loaded: ask again after the first sync")
}

pub fn identity_missing() -> Status {
    ErrorReason::IdentityMissing.status("the request names no provider: set frn, rmd_number, ocn or peer")
}

pub fn from_identity(error: &IdentityError) -> Status {
    let reason = match error {
        IdentityError::RmdNumber(_) | IdentityError::SevenDigits { .. } => ErrorReason::InvalidRmdNumber,
        IdentityError::Ocn(_) => ErrorReason::InvalidOcn,
        IdentityError::PeerName(_) => ErrorReason::InvalidPeer,
        IdentityError::Ambiguous { .. } => ErrorReason::IdentityAmbiguous,
        _ => ErrorReason::InvalidFrn,
    };
    reason.status(error.to_string())
}

/// Somebody may not ask what they ask.
pub fn from_denied(denied: &Denied) -> Status {
    let reason = match denied {
        Denied::TokenMissing => ErrorReason::TokenMissing,
        Denied::TokenUnknown => ErrorReason::TokenUnknown,
        Denied::RightMissing { .. } => ErrorReason::RightMissing,
    };
    reason.status(denied.to_string())
}

pub fn from_store(error: &StoreError) -> Status {
    tracing::error!(%error, "the store could not be read for an answer: {error}");
    ErrorReason::StoreFailed.status("the store could not be read; the daemon's log says why")
}

pub fn from_moment(error: &MomentError) -> Status {
    match error {
        MomentError::Future { .. } => ErrorReason::InvalidTime.status(error.to_string()),
        MomentError::NotReaching { .. } | MomentError::Ahead { .. } => {
            ErrorReason::HistoryNotReaching.status(error.to_string())
        }
        MomentError::NoSnapshot => snapshot_not_loaded(),
        MomentError::Busy => ErrorReason::HistoryBusy.status(error.to_string()),
        MomentError::Broken(broken) => {
            tracing::error!(%broken, "a question about the past could not be answered: {broken}");
            ErrorReason::StoreFailed.status(broken.to_string())
        }
        MomentError::Store(error) => from_store(error),
        MomentError::Interrupted => ErrorReason::StoreFailed.status(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_in_the_proto_with_its_code() {
        let proto = include_str!("../../proto/rmdd/v1/common.proto");
        for reason in ErrorReason::ALL {
            let code = match reason.code() {
                Code::InvalidArgument => "INVALID_ARGUMENT",
                Code::Unavailable => "UNAVAILABLE",
                Code::Internal => "INTERNAL",
                Code::FailedPrecondition => "FAILED_PRECONDITION",
                Code::NotFound => "NOT_FOUND",
                Code::Aborted => "ABORTED",
                Code::OutOfRange => "OUT_OF_RANGE",
                Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
                Code::Unauthenticated => "UNAUTHENTICATED",
                Code::PermissionDenied => "PERMISSION_DENIED",
                other => panic!("{other:?} stands for no reason"),
            };
            let listed = proto.lines().any(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                words.get(1) == Some(&code) && words.get(2) == Some(&reason.as_str())
            });
            assert!(listed, "{reason:?}");
        }
    }
}
