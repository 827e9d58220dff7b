//! What an alarm is about, in a word that programs act on.

/// The code of an alarm, as it is in `rmdd status`, gRPC, JSON and metrics. Documented in `proto/rmdd/v1/admin.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
#[allow(missing_docs, reason = "documented in admin.proto")]
pub enum AlarmCode {
    NoSnapshot,
    ListingOld,
    SyncFailed,
    SyncRefused,
    ListingHeld,
    ListingHeldLong,
    ClockWrong,
    ClockSkew,
    TimesAhead,
    ColumnMissing,
    ColumnUnknown,
    RowsUnreadable,
    SourceDown,
    ValidatorsLie,
    StoreDamaged,
    DecisionLogFailing,
    DecisionsDropped,
    ReloadRefused,
    CertificateExpires,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateUnusable,
    ListingUnusual,
    ListingCorroborated,
    PeersGone,
    ListingLetThrough,
    RecordsLost,
    RecordsMended,
    RecordsJournalFailing,
    ArchiveFailing,
    StoreReadOnly,
    DiskLow,
    AlertsFailing,
    ContentOld,
}

impl AlarmCode {
    /// The word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
