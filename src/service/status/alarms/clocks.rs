//! Whether what the clock says can be right, and whether what it once said can have been.

use jiff::{SignedDuration, Timestamp};

use super::{Alarm, Severity};
use crate::domain::wording::moment;
use crate::domain::{Age, AlarmCode, SourceState, age, later_than};
use crate::listing::index::Index;
use crate::store::SyncState;

/// Past this difference between a source's clock and this machine's one of them is wrong.
const SKEW_TOLD: SignedDuration = SignedDuration::from_mins(5);

pub fn alarms(index: Option<&Index>, sync: &SyncState, records: Option<Timestamp>, now: Timestamp) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    // Where the clock is known to be wrong, that what stands lies ahead of it says nothing new.
    alarms.extend(wrong(index, now).or_else(|| times_ahead(index, sync, records, now)));
    alarms.extend(sync.sources.iter().filter_map(skew));
    alarms
}

fn wrong(index: Option<&Index>, now: Timestamp) -> Option<Alarm> {
    let least = later_than(now, index.and_then(Index::listed_day))?;
    let message = format!(
        "this machine's clock says {}, and it is {} at least, as the listing's own dates and the age of this program show. Until \
         it is set it is not known how old the listing is, orders and notices count as still to come, what should expire does \
         not, and a listing that comes is not dated by it",
        moment(now),
        least.strftime("%Y-%m-%d")
    );
    Some(
        Alarm::new(AlarmCode::ClockWrong, Severity::Critical, message)
            .remedied_by("set this machine's clock (chrony, ntpd)"),
    )
}

/// What of operators' records may lie ahead.
const RECORDS: &str = "the newest change of records";

fn times_ahead(index: Option<&Index>, sync: &SyncState, records: Option<Timestamp>, now: Timestamp) -> Option<Alarm> {
    let removal = index.and_then(|index| index.removals().newest_first().next());
    let held = sync.held.iter().map(|held| held.last_fetched_at.max(held.first_fetched_at)).max();
    let times = [
        ("the last confirmation of the listing", index.map(Index::confirmed_at)),
        ("when it last changed", index.map(|index| index.snapshot().fetched_at)),
        ("the newest removal", removal.map(|removal| removal.first_missing_at)),
        ("the last sync", sync.last.as_ref().map(|last| last.at)),
        ("the last sync that succeeded", sync.last_success_at),
        ("a listing that is held", held),
        (RECORDS, records),
    ];
    let ahead: Vec<String> = times
        .into_iter()
        .filter_map(|(what, at)| match age(at?, now) {
            Age::Ahead(by) => Some(format!("{what} by {} ({})", span(by), moment(at?))),
            Age::Past(_) => None,
        })
        .collect();
    (!ahead.is_empty()).then(|| {
        let message = format!(
            "times on record lie ahead of this machine's clock, which says {}: {}. They are not believed; if the clock is right \
             now, the next sync that succeeds sets them right",
            moment(now),
            ahead.join(", ")
        );
        Alarm::new(AlarmCode::TimesAhead, Severity::Warning, message)
    })
}

/// Whose clock a source contradicts: that of whoever asked it.
const THIS: &str = "this machine's clock";

fn skew(source: &SourceState) -> Option<Alarm> {
    let skew = source.clock_skew.filter(|skew| skew.abs() > SKEW_TOLD)?;
    let direction = if skew.is_negative() { "ahead of" } else { "behind" };
    let severity = if source.contradicts_the_clock() { Severity::Critical } else { Severity::Warning };
    let message =
        format!("{THIS} was {} {direction} that of {} when that last gave something", span(skew.abs()), source.source);
    Some(Alarm::new(AlarmCode::ClockSkew, severity, message))
}

/// In a fleet it was the site that fetched then, mostly another one, which only the clocks' own comparison shows.
pub fn told_of_fleet(alarms: &mut [Alarm]) {
    for alarm in alarms.iter_mut().filter(|alarm| alarm.code == AlarmCode::ClockSkew) {
        alarm.message = alarm.message.replacen(THIS, "the clock of the site that fetched for the fleet then", 1);
        alarm.remedy =
            "see in `rmdd fleet status` which site's clock is wrong, and set that right (chrony, ntpd)".into();
    }
}

/// A duration in the unit that fits it.
fn span(duration: SignedDuration) -> String {
    match (duration.as_hours(), duration.as_mins()) {
        (hours, _) if hours >= 72 => format!("{} days", hours / 24),
        (hours, _) if hours >= 3 => format!("{hours} hours"),
        (_, minutes) => format!("{minutes} minutes"),
    }
}
