//! Why there is no answer, in a word that programs act on.

/// The reason of a [`Rejection`](super::Rejection), as `google.rpc.ErrorInfo.reason` and as `rmdd-error` over HTTP. Each is
/// listed with an example in `proto/rmdd/v1/common.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::VariantArray, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
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
    NoDaemon,
    Internal,
    TooManyTries,
    FleetCutOff,
    FleetOutcomeUnknown,
}

impl ErrorReason {
    /// All of them, each at the place of its number.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Of which kind it is.
    pub fn kind(self) -> ErrorKind {
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
            | Self::UnknownValue => ErrorKind::InvalidArgument,
            Self::PeerUnknown | Self::RecordUnknown => ErrorKind::NotFound,
            Self::RecordChanged => ErrorKind::Aborted,
            Self::HistoryNotReaching | Self::CursorExpired | Self::HistoryReplaced => ErrorKind::OutOfRange,
            Self::HistoryBusy
            | Self::MessageTooLong
            | Self::TooManyQuestions
            | Self::Overloaded
            | Self::TooManyTries
            | Self::TooManyWatchers
            | Self::WatcherTooSlow => ErrorKind::ResourceExhausted,
            Self::SnapshotNotLoaded
            | Self::ListingTooOld
            | Self::ShuttingDown
            | Self::FleetCutOff
            | Self::FleetOutcomeUnknown => ErrorKind::Unavailable,
            Self::StoreFailed | Self::Internal => ErrorKind::Internal,
            Self::TokenMissing | Self::TokenUnknown => ErrorKind::Unauthenticated,
            Self::RightMissing => ErrorKind::PermissionDenied,
            Self::ConfigInvalid | Self::ListingNotHeld | Self::NoDaemon => ErrorKind::FailedPrecondition,
        }
    }

    /// A rejection for this reason. The message says what happened, to what, and what to do.
    pub fn reject(self, message: impl Into<String>) -> super::Rejection {
        super::Rejection { reason: self, message: message.into(), violations: Vec::new() }
    }
}

/// The kinds of reasons, as `google.rpc.Code` has them. Each interface has a status for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "documented in google/rpc/code.proto")]
pub enum ErrorKind {
    InvalidArgument,
    NotFound,
    Aborted,
    OutOfRange,
    ResourceExhausted,
    Unavailable,
    Internal,
    Unauthenticated,
    PermissionDenied,
    FailedPrecondition,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_read_back_from_its_word_and_stands_at_the_place_of_its_number() {
        for (place, reason) in ErrorReason::ALL.iter().enumerate() {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert_eq!(*reason as usize, place, "{}", reason.as_str());
        }
        assert_eq!(ErrorReason::InvalidRmdNumber.as_str(), "INVALID_RMD_NUMBER");
    }
}
