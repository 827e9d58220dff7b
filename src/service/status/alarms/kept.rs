//! What is wrong with what the daemon keeps and says: the store, the disk, logs, alerts, the configuration.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Alarm, DiskConfig, Severity};
use crate::domain::wording::{count, moment};
use crate::domain::{AlarmCode, age};
use crate::observe::decision_log::Counts;
use crate::store::RecordsNotice;

/// That something is wrong with the store: answers are good until the daemon stops, and then there are none.
pub fn store_damaged(what: &str) -> Alarm {
    let message =
        format!("the store is damaged ({what}): answers go on from memory, and a restart will find nothing to serve");
    Alarm::new(AlarmCode::StoreDamaged, Severity::Critical, message)
}

/// That what is synced or changed goes into a file that is lost with the daemon.
pub fn store_misplaced(what: &str) -> Alarm {
    let message = format!(
        "the store is not where it was ({what}): answers go on, and what is synced from now on is lost when the daemon ends. \
         Copy it with `rmdd backup FILE`, stop the daemon, put FILE in its place and start"
    );
    Alarm::new(AlarmCode::StoreDamaged, Severity::Critical, message)
}

/// That nothing that is synced or changed can be kept.
pub fn store_read_only(why: &str, no_socket: Option<&str>) -> Alarm {
    let besides = no_socket.map(|said| format!("; and {said}")).unwrap_or_default();
    let message = format!(
        "the store can only be read ({why}): what it holds is served, and nothing that is synced or changed can be \
         kept{besides}"
    );
    Alarm::new(AlarmCode::StoreReadOnly, Severity::Critical, message)
}

/// That records of operators or a part of the past are lost, or were damaged and mended. Each stays until somebody has taken
/// note of it.
pub fn records_notice(notice: &RecordsNotice) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    if !notice.lost.is_empty() || !notice.mended.is_empty() {
        alarms.push(of_records(notice));
    }
    if !notice.past.is_empty() {
        let past = notice.past.iter().map(|past| past.trim_end_matches('.')).collect::<Vec<_>>().join("; ");
        let message = format!("a part of the past is lost ({}): {past}", moment(notice.at));
        alarms.push(Alarm::new(AlarmCode::HistoryLost, Severity::Critical, message));
    }
    alarms
}

fn of_records(notice: &RecordsNotice) -> Alarm {
    let since = moment(notice.at);
    let all = notice.lost.iter().chain(&notice.mended).map(String::as_str).collect::<Vec<_>>().join("; ");
    match notice.lost.is_empty() {
        true => {
            let message = format!("operators' records were damaged and mended, none is lost ({since}): {all}");
            Alarm::new(AlarmCode::RecordsMended, Severity::Warning, message)
        }
        false => {
            let message = format!(
                "operators' records are lost ({since}): {}. Answers may lack an override, an order or a notice",
                all.trim_end_matches('.')
            );
            Alarm::new(AlarmCode::RecordsLost, Severity::Critical, message)
        }
    }
}

/// That the journal of operators' records cannot be written, and records therefore not be changed.
pub fn journal_failing(fault: &str) -> Alarm {
    let message = format!("{fault}: until then records cannot be changed; answers go on with those that stand");
    Alarm::new(AlarmCode::RecordsJournalFailing, Severity::Warning, message)
}

/// That the raw bytes of the listing that is served are not in the archive.
pub fn archive_failing(fault: &str) -> Alarm {
    let message = format!(
        "the raw bytes of the listing are not in the archive ({fault}): decisions cannot be traced to them, and a store that \
         is lost could not be begun again from them. Each sync tries again for as long as the source publishes them"
    );
    Alarm::new(AlarmCode::ArchiveFailing, Severity::Warning, message)
}

/// That what listings no longer show does not stand a second time.
pub fn removals_failing(fault: &str) -> Alarm {
    let message = format!(
        "the copy of removals cannot be written ({fault}): a store that is lost could not be begun again with those that are \
         older than the archive. Each sync tries again"
    );
    Alarm::new(AlarmCode::ArchiveFailing, Severity::Warning, message)
}

/// That there is little room on the disk of the state directory.
pub fn disk_low(free: u64, limit: &DiskConfig) -> Option<Alarm> {
    let mebibytes = |bytes: u64| bytes >> 20;
    (free < limit.low_bytes).then(|| {
        let message = format!(
            "the disk of the state directory has {} MiB left, less than the {} MiB of disk.low_bytes: what is synced and \
             recorded can soon not be kept",
            mebibytes(free),
            mebibytes(limit.low_bytes)
        );
        // Answers stay good on a full disk.
        Alarm::new(AlarmCode::DiskLow, Severity::Warning, message)
    })
}

/// Why a channel's alerts do not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelFault {
    /// It has failed for long, and is tried again.
    Failing {
        /// Since when.
        since: Timestamp,
        /// What its other end said last.
        error: String,
    },
    /// Its other end wants nothing more, and it is tried by nobody before somebody has it tried.
    Stopped {
        /// What its other end said.
        error: String,
    },
}

impl std::fmt::Display for ChannelFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failing { since, error } => write!(f, "fails since {}: {error}", moment(*since)),
            Self::Stopped { error } => write!(f, "was stopped: {error}"),
        }
    }
}

/// That alerts do not arrive by some channels, each by its name.
pub fn alerts_failing(faults: &BTreeMap<String, ChannelFault>) -> Option<Alarm> {
    (!faults.is_empty()).then(|| {
        let stopped = faults.values().filter(|fault| matches!(fault, ChannelFault::Stopped { .. })).count();
        let then = match faults.len() - stopped {
            0 => "They wait, and are not tried again before the channel is",
            _ if stopped > 0 => "They wait; but for those of a channel that was stopped they are tried again",
            _ => "They wait and are tried again",
        };
        let each: Vec<String> = faults.iter().map(|(name, fault)| format!("channel {name} {fault}")).collect();
        let message = format!("alerts do not arrive: {}. {then}", each.join("; "));
        Alarm::new(AlarmCode::AlertsFailing, Severity::Warning, message)
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
    let message = format!(
        "the configuration was not reloaded at {}, and all that was in force before still is, tokens and rights too: {}. A \
         restart would be refused as well",
        moment(refused.at),
        without_excerpt(&refused.error)
    );
    Alarm::new(AlarmCode::ReloadRefused, Severity::Warning, message)
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
        let message = format!("{fault}; answers go on, and it is tried again every second");
        alarms.push(Alarm::new(AlarmCode::DecisionLogFailing, Severity::Warning, message));
    }
    if let Some(last) =
        counts.last_drop_at.filter(|last| age(*last, now).known().is_none_or(|age| age < LOSS_REPORTED_FOR))
    {
        let lacks = format!(
            "the decision log lacks {} decisions since the start, the last of {}",
            count(counts.dropped),
            moment(last)
        );
        alarms.push(match &counts.last_drop_fault {
            Some(fault) => {
                let message = format!("{lacks}: {fault}, and no more of them could wait");
                Alarm::new(AlarmCode::DecisionsDropped, Severity::Warning, message)
                    .remedied_by(AlarmCode::DecisionLogFailing.remedy())
            }
            None => {
                let message = format!("{lacks}: they came faster than they could be written");
                Alarm::new(AlarmCode::DecisionsDropped, Severity::Warning, message)
            }
        });
    }
    alarms
}
