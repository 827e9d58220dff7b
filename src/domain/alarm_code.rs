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
    FleetBehind,
    FleetCutOff,
    FleetStuck,
    FleetForeign,
    FleetForked,
    FleetNewer,
    FleetEngineOld,
    FleetNoFetcher,
    HistoryLost,
    FleetEngineFailing,
}

impl AlarmCode {
    /// The word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What to do about it, in a clause that begins small and has no full stop. An alarm that knows more says it more exactly.
    /// `docs/alarms.md` has the same texts.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NoSnapshot => "look at why no sync succeeds (`rmdd status`), then run `rmdd sync`",
            Self::ListingOld | Self::SyncFailed | Self::SourceDown => {
                "look at the source and at the disk (`rmdd doctor`), then try again with `rmdd sync`"
            }
            Self::SyncRefused => {
                "look at what the source sends: it is no listing that can be read; the next sync asks again by itself"
            }
            Self::ListingHeld | Self::ListingHeldLong => {
                "look at what is odd about the listing (`rmdd status`, `rmdd impact --held`), then let it through with \
                 `rmdd sync --approve DIGEST` or wait for a better one"
            }
            Self::ClockWrong | Self::ClockSkew => "set the clock right that is wrong (chrony, ntpd)",
            Self::TimesAhead => {
                "if this machine's clock is wrong, set it right (chrony, ntpd); if it is right now, run `rmdd sync`"
            }
            Self::ColumnMissing => {
                "nothing at once: what rests on that column is not known; look for a new version of rmdd"
            }
            Self::ColumnUnknown => "nothing: the FCC added a column; look for a new version of rmdd",
            Self::RowsUnreadable => {
                "nothing: the last good filings stand in for those rows; tell the FCC, or the makers of rmdd, if it lasts"
            }
            Self::ValidatorsLie => {
                "nothing: the whole listing is asked for each time; set `fetch.conditional = false` if it lasts"
            }
            Self::StoreDamaged => "run `rmdd verify`, then put a backup in place or start with `rmdd serve --rebuild`",
            Self::StoreReadOnly => "look after the disk of the state directory; the next sync tries again by itself",
            Self::DiskLow => "make room on the disk of the state directory",
            Self::DecisionLogFailing | Self::ArchiveFailing | Self::RecordsJournalFailing => {
                "look after the disk and who may write there"
            }
            Self::DecisionsDropped => "look whether the disk is slow, or raise `decision_log.queue`",
            Self::ReloadRefused => "put the configuration right (`rmdd config check`) and reload it",
            Self::CertificateExpires | Self::CertificateExpired => {
                "put a new certificate in its place; no restart is needed"
            }
            Self::CertificateNotYetValid => {
                "look whether this machine's clock is right, or put a certificate in place that is valid now"
            }
            Self::CertificateUnusable => "put the files right, or back; no restart is needed",
            Self::ListingUnusual | Self::ListingCorroborated => "look at what changed (`rmdd history`)",
            Self::PeersGone => {
                "see who of yours is refused (`rmdd peers list --vanished`), and decide: docs/wave.md says how"
            }
            Self::ListingLetThrough => "nothing: somebody approved it, and who is said; look whether they meant it",
            Self::RecordsLost => {
                "compare your records with what you know (`rmdd peers list`, `overrides list`, `orders list`, `notices list`), \
                 enter what is missing or put a backup in place, then run `rmdd acknowledge`"
            }
            Self::HistoryLost => {
                "run `rmdd sync`; if a copy of the state directory has what is missing, put it back into the archive and have \
                 the store begun again (docs/recovery.md); then run `rmdd acknowledge`"
            }
            Self::RecordsMended => "compare your records with what you know, then run `rmdd acknowledge`",
            Self::AlertsFailing => "run `rmdd alerts`, then `rmdd alerts test CHANNEL`",
            Self::ContentOld => {
                "compare with the FCC's own site (`rmdd check WHO --live`): if it shows newer filings, the source is frozen"
            }
            Self::FleetBehind => {
                "nothing at once: it catches up by itself; look at `rmdd fleet status` and the daemon's log if it lasts"
            }
            Self::FleetCutOff => {
                "look at the network to the members of etcd, at etcd itself and at `fleet.tls` (`rmdd fleet status`); this \
                 site goes on by itself when one answers"
            }
            Self::FleetStuck => {
                "do what the sentence says; what is damaged, missing or forged in etcd, `rmdd fleet repair` puts right, at a site \
                 that has come furthest. This site goes on by itself then (docs/fleet.md)"
            }
            Self::FleetForeign => {
                "look whether `fleet.engine` and `fleet.name` are right, and what became of etcd (docs/fleet.md); nothing here \
                 is thrown away"
            }
            Self::FleetForked => {
                "find out what became of etcd; if it was restored, run `rmdd fleet repair` at the site that has come furthest \
                 (docs/fleet.md)"
            }
            Self::FleetNewer => "install the version of rmdd that the rest of the fleet has",
            Self::FleetEngineOld => "install etcd 3.5.33, 3.6.14, 3.7.1 or newer, one member after the other",
            Self::FleetEngineFailing => {
                "look after etcd: where it is full (NOSPACE), compact and defragment it, raise its quota if that was small, and \
                 disarm the alarm (`etcdctl alarm disarm`); where a member is damaged (CORRUPT), replace it (docs/fleet.md)"
            }
            Self::FleetNoFetcher => {
                "start a site that may fetch (`fleet.fetches`, and the role of a fetcher in etcd); where one runs, its log says \
                 why it does not: its clock, or that it is not at the head"
            }
        }
    }
}
