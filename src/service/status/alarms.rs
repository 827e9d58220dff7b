//! (index, sync state, limits, now) -> how things stand, and what somebody should look at. Pure.

mod certificates;
mod clocks;

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::wording::moment;
use crate::domain::{Age, AlarmCode, Awaits, PeersAffected, SyncOutcome, SyncTrigger, age, eastern_day, listed};
use crate::listing::index::Index;
use crate::observe::decision_log::Counts;
use crate::store::{RecordsNotice, SyncState};

pub use certificates::certificate;

/// How long a listing may go unconfirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FreshnessConfig {
    /// Past this time since the last confirmation the state is a warning and every answer carries an advisory.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub warn_after: Duration,
    /// Past this time the state is critical.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub critical_after: Duration,
    /// Past this time since the newest date in the listing the state is a warning, however recently the source confirmed it:
    /// a source may be frozen. Zero for never.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub content_warn_after: Duration,
}

impl Default for FreshnessConfig {
    fn default() -> Self {
        Self {
            // The listing changes every working day: a day and two hours means that one change may have been missed.
            warn_after: Duration::from_secs(26 * 3600),
            critical_after: Duration::from_secs(74 * 3600),
            // Over holidays nothing may be filed for a week or two; the source stood still for six in autumn 2025.
            content_warn_after: Duration::from_secs(21 * 24 * 3600),
        }
    }
}

impl FreshnessConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        if self.warn_after.is_zero() {
            return Err("freshness.warn_after is zero: every listing would be old at once".to_owned());
        }
        if self.critical_after < self.warn_after {
            return Err("freshness.critical_after is shorter than freshness.warn_after".to_owned());
        }
        if self.critical_after > Duration::from_secs(366 * 24 * 3600) {
            return Err("freshness.critical_after is longer than a year".to_owned());
        }
        let day = Duration::from_secs(24 * 3600);
        if !self.content_warn_after.is_zero() && self.content_warn_after < day {
            return Err(
                "freshness.content_warn_after is shorter than a day: the listing has dates of days; \"0s\" is never"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// `warn_after`, for comparing with ages.
    pub fn warn(&self) -> SignedDuration {
        SignedDuration::try_from(self.warn_after).unwrap_or(SignedDuration::MAX)
    }

    fn critical(&self) -> SignedDuration {
        SignedDuration::try_from(self.critical_after).unwrap_or(SignedDuration::MAX)
    }
}

/// How bad it is. The order is that of badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The listing was confirmed recently and nothing is wrong.
    Fresh,
    /// Answers are good, but somebody should look.
    Warning,
    /// Answers rest on an old listing, or there are none.
    Critical,
}

/// How bad an alarm is. The order is that of badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is wrong: it says why the listing was applied.
    Note,
    /// Answers are good, but somebody should look.
    Warning,
    /// Answers rest on an old listing, or there are none.
    Critical,
}

impl Severity {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// A stable code.
    pub code: AlarmCode,
    /// One sentence.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
}

/// What is wrong, worst first; nothing if all is well.
pub fn alarms(index: Option<&Index>, sync: &SyncState, limits: &FreshnessConfig, now: Timestamp) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    match index {
        None => alarms.push(Alarm {
            code: AlarmCode::NoSnapshot,
            message: "no listing was ever loaded: questions cannot be answered".to_owned(),
            severity: Severity::Critical,
        }),
        Some(index) => {
            alarms.extend(listing_old(age(index.confirmed_at(), now), limits));
            alarms.extend(content_old(index.content_as_of(), limits, now));
            alarms.extend(index.snapshot().anomalies.iter().map(|anomaly| Alarm {
                code: anomaly.code(),
                message: anomaly.to_string(),
                severity: if anomaly.is_note() { Severity::Note } else { Severity::Warning },
            }));
        }
    }
    alarms.extend(clocks::alarms(index, sync, now));
    alarms.extend(last_sync(sync));
    alarms.extend(held(sync, limits, now));
    alarms.extend(sources(sync, now));
    alarms.sort_by_key(|alarm| std::cmp::Reverse(alarm.severity));
    alarms
}

fn listing_old(unconfirmed: Age, limits: &FreshnessConfig) -> Option<Alarm> {
    let message = match unconfirmed {
        Age::Past(age) => format!("the source last confirmed the listing {} hours ago", age.as_hours()),
        Age::Ahead(_) => {
            "it is not known how long ago the source last confirmed the listing: the time on record lies ahead \
                          of the clock"
                .to_owned()
        }
    };
    let severity = if unconfirmed.exceeds(limits.critical()) { Severity::Critical } else { Severity::Warning };
    unconfirmed.exceeds(limits.warn()).then_some(Alarm { code: AlarmCode::ListingOld, message, severity })
}

/// How many days ago the newest date in a listing is, in the FCC's days; nothing where it has none. Below zero if it is
/// still to come.
pub fn content_days(as_of: Option<&str>, now: Timestamp) -> Option<i64> {
    let day: Date = as_of?.parse().ok()?;
    Some(i64::from(day.until(eastern_day(now)).ok()?.get_days()))
}

/// The source confirms a listing in which nothing has come for long.
fn content_old(as_of: Option<&str>, limits: &FreshnessConfig, now: Timestamp) -> Option<Alarm> {
    let days = content_days(as_of, now)?;
    let most = i64::try_from(limits.content_warn_after.as_secs() / (24 * 3600)).unwrap_or(i64::MAX);
    (!limits.content_warn_after.is_zero() && days > most).then(|| Alarm {
        code: AlarmCode::ContentOld,
        message: format!(
            "the newest date in the listing is {}, {days} days ago, though the source confirms it: what was filed and removed \
             since then is not known here (freshness.content_warn_after = {most} days)",
            as_of.unwrap_or_default()
        ),
        severity: Severity::Warning,
    })
}

fn last_sync(sync: &SyncState) -> Option<Alarm> {
    let last = sync.last.as_ref()?;
    let error = last.outcome.error()?;
    let (code, what) = match last.outcome {
        SyncOutcome::Refused { .. } => (AlarmCode::SyncRefused, "was refused"),
        SyncOutcome::Held { .. } => (AlarmCode::ListingHeld, "brought a listing that is held"),
        _ => (AlarmCode::SyncFailed, "failed"),
    };
    let times = match sync.failures_since {
        0 | 1 => String::new(),
        count => format!(" ({count} times in a row)"),
    };
    let held = match last.outcome {
        SyncOutcome::Held { sha256, .. } => sync.held.iter().find(|held| held.sha256 == sha256),
        _ => None,
    };
    let reach = held.and_then(|held| held.peers.as_ref()).map(reach).unwrap_or_default();
    Some(Alarm { code, message: format!("the last sync {what}{times}: {error}{reach}"), severity: Severity::Warning })
}

/// How far letting a held listing through would reach, in a sentence behind others.
fn reach(peers: &PeersAffected) -> String {
    let PeersAffected { peers, newly_refused, in_some_role, providers, .. } = peers;
    let several = |count: u64| if count == 1 { "" } else { "s" };
    let (a, b) = (several(*providers), several(*peers));
    format!(
        " To let it through would change the answer in some role about {providers} provider{a} and {in_some_role} of your own \
         {peers} peer{b}; {newly_refused} of those would be refused in the role in which they are bound."
    )
}

/// A held listing may hold a real order, and waits for somebody. It stays an alarm while later cycles fail.
fn held(sync: &SyncState, limits: &FreshnessConfig, now: Timestamp) -> Vec<Alarm> {
    let waiting = || sync.held.iter().filter(|held| held.awaits == Awaits::Person);
    let mut alarms = Vec::new();
    let said = sync.last.as_ref().is_some_and(|last| matches!(last.outcome, SyncOutcome::Held { .. }));
    if let Some(newest) = waiting().max_by_key(|held| held.last_fetched_at).filter(|_| !said) {
        alarms.push(Alarm {
            code: AlarmCode::ListingHeld,
            message: format!(
                "a listing that was last fetched at {} is held and waits for somebody: {}. If it is right all the same, let \
                 it through with `rmdd sync --approve {}`.{}",
                moment(newest.last_fetched_at),
                listed(&newest.doubts),
                newest.sha256.short(),
                newest.peers.as_ref().map(reach).unwrap_or_default()
            ),
            severity: Severity::Warning,
        });
    }
    if let Some(longest) = waiting().min_by_key(|held| held.first_fetched_at) {
        let waited = age(longest.first_fetched_at, now);
        if waited.exceeds(limits.warn()) {
            let how_long = match waited {
                Age::Past(age) => format!("for {} hours", age.as_hours()),
                Age::Ahead(_) => "for a time that is not known, since the clock was ahead when it came,".to_owned(),
            };
            alarms.push(Alarm {
                code: AlarmCode::ListingHeldLong,
                message: format!(
                    "a listing has been held {how_long} and waits for somebody: look at what is odd about it, then let it \
                     through with `rmdd sync --approve {}` or find out what is wrong with the source",
                    longest.sha256.short()
                ),
                severity: Severity::Critical,
            });
        }
    }
    alarms
}

fn sources(sync: &SyncState, now: Timestamp) -> Vec<Alarm> {
    let down = |message| Alarm { code: AlarmCode::SourceDown, message, severity: Severity::Warning };
    let mut alarms: Vec<Alarm> = Vec::new();
    if let Some(last) = &sync.last {
        alarms.extend(last.passed_over.iter().map(|fault| {
            down(format!("a preferred source gave no listing, and {} was used: {}", last.source, fault.error))
        }));
        // Letting a listing through asks no source: what was wrong with them still is.
        let asked_none = last.trigger == SyncTrigger::Approval;
        let failing = sync.sources.iter().map_while(|source| source.fault.as_ref()).filter(|_| asked_none);
        alarms.extend(
            failing.map(|fault| down(format!("a source gave no listing when it was last asked: {}", fault.error))),
        );
    }
    alarms.extend(sync.sources.iter().filter(|source| source.distrusted(now)).map(|source| {
        let until = source.validators_distrusted_until.unwrap_or(now);
        Alarm {
            code: AlarmCode::ValidatorsLie,
            message: format!(
                "{} said that its listing had not changed, and it had: until {} it is asked for the whole listing each \
                 time (fetch.conditional = false does so for good)",
                source.source,
                until.strftime("%Y-%m-%d")
            ),
            severity: Severity::Warning,
        }
    }));
    alarms
}

/// That something is wrong with the store: answers are good until the daemon stops, and then there are none.
pub fn store_damaged(what: &str) -> Alarm {
    Alarm {
        code: AlarmCode::StoreDamaged,
        message: format!(
            "the store is damaged ({what}): answers go on from memory, and a restart will find nothing to serve. Run \
             `rmdd verify`, then put a backup in its place or start with `rmdd serve --rebuild`"
        ),
        severity: Severity::Critical,
    }
}

/// That nothing that is synced or changed can be kept.
pub fn store_read_only(why: &str) -> Alarm {
    Alarm {
        code: AlarmCode::StoreReadOnly,
        message: format!(
            "the store can only be read ({why}): what it holds is served, and nothing that is synced or changed can be kept. \
             Look after the disk; the next sync tries again by itself"
        ),
        severity: Severity::Critical,
    }
}

/// That records of operators are lost, or were damaged and mended. Either stays until somebody has taken note of it.
pub fn records_notice(notice: &RecordsNotice) -> Alarm {
    let since = moment(notice.at);
    let acknowledge = "`rmdd acknowledge` ends this alarm";
    let all = || notice.lost.iter().chain(&notice.mended).map(String::as_str).collect::<Vec<_>>().join("; ");
    if notice.lost.is_empty() {
        return Alarm {
            code: AlarmCode::RecordsMended,
            message: format!(
                "operators' records were damaged and mended, none is lost ({since}): {}. {acknowledge}",
                all()
            ),
            severity: Severity::Warning,
        };
    }
    Alarm {
        code: AlarmCode::RecordsLost,
        message: format!(
            "operators' records are lost ({since}): {}. Answers may lack an override, an order or a notice: compare with \
             `rmdd overrides list`, `orders list`, `notices list` and `peers list`, enter what is missing, or put a backup \
             in place; then {acknowledge}",
            all()
        ),
        severity: Severity::Critical,
    }
}

/// That the journal of operators' records cannot be written, and records therefore not be changed.
pub fn journal_failing(fault: &str) -> Alarm {
    Alarm {
        code: AlarmCode::RecordsJournalFailing,
        message: format!("{fault}: until then records cannot be changed; answers go on with those that stand"),
        severity: Severity::Warning,
    }
}

/// That the raw bytes of the listing that is served are not in the archive.
pub fn archive_failing(fault: &str) -> Alarm {
    Alarm {
        code: AlarmCode::ArchiveFailing,
        message: format!(
            "the raw bytes of the listing are not in the archive ({fault}): decisions cannot be traced to them, and a store \
             that is lost could not be begun again from them. Each sync tries again for as long as the source publishes them"
        ),
        severity: Severity::Warning,
    }
}

/// How much room the disk of the state directory must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DiskConfig {
    /// With less room than this many bytes it is an alarm; 0 for never.
    pub low_bytes: u64,
}

impl Default for DiskConfig {
    fn default() -> Self {
        // The store, a copy of it for a check or a backup, and some hundred raw listings.
        Self { low_bytes: 256 << 20 }
    }
}

/// That there is little room on the disk of the state directory.
pub fn disk_low(free: u64, limit: &DiskConfig) -> Option<Alarm> {
    let mebibytes = |bytes: u64| bytes >> 20;
    (free < limit.low_bytes).then(|| Alarm {
        code: AlarmCode::DiskLow,
        message: format!(
            "the disk of the state directory has {} MiB left, less than the {} MiB of disk.low_bytes: make room there, or what \
             is synced and recorded can soon not be kept",
            mebibytes(free),
            mebibytes(limit.low_bytes)
        ),
        // Answers stay good on a full disk.
        severity: Severity::Warning,
    })
}

/// That alerts do not arrive by some channels.
pub fn alerts_failing(faults: &[String]) -> Option<Alarm> {
    (!faults.is_empty()).then(|| Alarm {
        code: AlarmCode::AlertsFailing,
        message: format!(
            "alerts do not arrive: {}. They wait and are tried again; see `rmdd alerts`, and try with `rmdd alerts test`",
            faults.join("; ")
        ),
        severity: Severity::Warning,
    })
}

/// A reload that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedReload {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub error: String,
}

/// That what is in force is not what stands in the configuration and the files that it names: a token that was taken
/// away there is still good.
pub fn reload_refused(refused: &RefusedReload) -> Alarm {
    Alarm {
        code: AlarmCode::ReloadRefused,
        message: format!(
            "the configuration was not reloaded at {}, and all that was in force before still is, tokens and rights too: \
             {}. Put it right and reload again; a restart would be refused as well",
            moment(refused.at),
            without_excerpt(&refused.error)
        ),
        severity: Severity::Warning,
    }
}

/// An error on one line, without the lines of the file that it shows: they may hold what an operator is not to see.
fn without_excerpt(error: &str) -> String {
    let shows =
        |line: &str| line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|');
    let said: Vec<&str> = error.lines().filter(|line| !shows(line)).map(str::trim).collect();
    said.join(" ").trim_end_matches('.').to_owned()
}

/// So long a loss of the decision log stays an alarm.
const LOSS_REPORTED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What is wrong with the decision log: it cannot be written, or it has lost decisions within the last day.
pub fn decision_log(counts: &Counts, now: Timestamp) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    if let Some(fault) = &counts.fault {
        alarms.push(Alarm {
            code: AlarmCode::DecisionLogFailing,
            message: format!("{fault}; answers go on, and it is tried again every second"),
            severity: Severity::Warning,
        });
    }
    if let Some(last) =
        counts.last_drop_at.filter(|last| age(*last, now).known().is_none_or(|age| age < LOSS_REPORTED_FOR))
    {
        let cause = match &counts.last_drop_fault {
            Some(fault) => format!("{fault}, and no more of them could wait"),
            None => "they came faster than they could be written. See whether the disk is slow, or raise \
                     decision_log.queue"
                .to_owned(),
        };
        alarms.push(Alarm {
            code: AlarmCode::DecisionsDropped,
            message: format!(
                "the decision log lacks {} decisions since the start, the last of {}: {cause}",
                counts.dropped,
                moment(last)
            ),
            severity: Severity::Warning,
        });
    }
    alarms
}

/// The worst of the alarms.
pub fn state(alarms: &[Alarm]) -> State {
    match alarms.iter().map(|alarm| alarm.severity).max() {
        None | Some(Severity::Note) => State::Fresh,
        Some(Severity::Warning) => State::Warning,
        Some(Severity::Critical) => State::Critical,
    }
}

#[cfg(test)]
mod tests;
