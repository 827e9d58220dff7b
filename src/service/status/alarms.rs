//! (index, sync state, limits, now) -> how things stand, and what somebody should look at. Pure.

mod alarm;
mod certificates;
mod clocks;
mod fleet;
mod kept;
mod limits;
mod syncs;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::{Age, AlarmCode, age, eastern_day};
use crate::listing::index::Index;
use crate::store::SyncState;

pub use alarm::{Alarm, Severity, State, state};
pub use certificates::certificate;
pub use clocks::told_of_fleet;
pub use fleet::fleet;
pub use kept::{
    ChannelFault, RefusedReload, alerts_failing, archive_failing, decision_log, disk_low, journal_failing,
    records_notice, reload_refused, removals_failing, store_damaged, store_misplaced, store_read_only,
};
pub use limits::{DiskConfig, FreshnessConfig};

/// What is wrong, worst first; nothing if all is well. `records` is the time of a change of operators' records that may lie
/// ahead.
pub fn alarms(
    index: Option<&Index>,
    sync: &SyncState,
    records: Option<Timestamp>,
    limits: &FreshnessConfig,
    now: Timestamp,
) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    match index {
        None => alarms.push(Alarm::new(
            AlarmCode::NoSnapshot,
            Severity::Critical,
            "no listing was ever loaded: questions cannot be answered",
        )),
        Some(index) => {
            alarms.extend(listing_old(age(index.confirmed_at(), now), limits));
            alarms.extend(content_old(index.content_as_of(), limits, now));
            alarms.extend(index.snapshot().anomalies.iter().map(|anomaly| {
                let severity = if anomaly.is_note() { Severity::Note } else { Severity::Warning };
                Alarm::new(anomaly.code(), severity, anomaly.to_string())
            }));
        }
    }
    alarms.extend(clocks::alarms(index, sync, records, now));
    alarms.extend(syncs::alarms(index, sync, limits, now));
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
    unconfirmed.exceeds(limits.warn()).then(|| Alarm::new(AlarmCode::ListingOld, severity, message))
}

/// How many days ago the newest date in a listing is, in the FCC's days; nothing where it has none. Below zero if it is
/// still to come.
pub(crate) fn content_days(as_of: Option<&str>, now: Timestamp) -> Option<i64> {
    let day: Date = as_of?.parse().ok()?;
    Some(i64::from(day.until(eastern_day(now)).ok()?.get_days()))
}

/// The source confirms a listing in which nothing has come for long.
fn content_old(as_of: Option<&str>, limits: &FreshnessConfig, now: Timestamp) -> Option<Alarm> {
    let days = content_days(as_of, now)?;
    let most = i64::try_from(limits.content_warn_after.as_secs() / (24 * 3600)).unwrap_or(i64::MAX);
    (!limits.content_warn_after.is_zero() && days > most).then(|| {
        let message = format!(
            "the newest date in the listing is {}, {days} days ago, though the source confirms it: what was filed and removed \
             since then is not known here (freshness.content_warn_after = {most} days)",
            as_of.unwrap_or_default()
        );
        Alarm::new(AlarmCode::ContentOld, Severity::Warning, message)
    })
}

#[cfg(test)]
mod tests;
