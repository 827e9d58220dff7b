//! What came of the last sync, what is held, and how the sources are.

use jiff::Timestamp;

use super::{Alarm, FreshnessConfig, Severity};
use crate::domain::wording::{count, count_of, moment};
use crate::domain::{Age, AlarmCode, Awaits, HeldListing, PeersAffected, SyncOutcome, SyncTrigger, age, listed};
use crate::listing::index::Index;
use crate::store::SyncState;

pub fn alarms(index: Option<&Index>, sync: &SyncState, limits: &FreshnessConfig, now: Timestamp) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = last_sync(index, sync).into_iter().collect();
    alarms.extend(held(index, sync, limits, now));
    alarms.extend(sources(sync, now));
    alarms
}

fn last_sync(index: Option<&Index>, sync: &SyncState) -> Option<Alarm> {
    let last = sync.last.as_ref()?;
    let error = last.outcome.error()?;
    let times = match sync.failures_since {
        0 | 1 => String::new(),
        times => format!(" ({} times in a row)", count(times)),
    };
    let SyncOutcome::Held { sha256, .. } = last.outcome else {
        let (code, what) = match last.outcome {
            SyncOutcome::Refused { .. } => (AlarmCode::SyncRefused, "was refused"),
            _ => (AlarmCode::SyncFailed, "failed"),
        };
        let message = format!("the last sync {what}{times}: {}", error.trim_end_matches('.'));
        return Some(Alarm::new(code, Severity::Warning, message));
    };
    let brought = format!("the last sync brought a listing that is held{times}");
    Some(match sync.held.iter().find(|held| held.sha256 == sha256) {
        Some(held) => waits(held, index, sync, &brought),
        None => {
            Alarm::new(AlarmCode::ListingHeld, Severity::Warning, format!("{brought}: {}", error.trim_end_matches('.')))
        }
    })
}

/// That a listing is held: why, how far letting it through would reach, and how that is done.
fn waits(held: &HeldListing, index: Option<&Index>, sync: &SyncState, what: &str) -> Alarm {
    let reach = held.peers.as_ref().map(reach).unwrap_or_default();
    let message =
        format!("{what}, and the last one goes on being served: {}{reach}", listed(&held.doubts).trim_end_matches('.'));
    let alarm = Alarm::new(AlarmCode::ListingHeld, Severity::Warning, message);
    if held.awaits == Awaits::SecondCopy {
        return alarm.remedied_by("nothing: a second copy settles it, with the next sync at the latest");
    }
    let mut remedy = format!("look at what is odd about it (`rmdd impact --held`); {}", how_to_approve(held));
    // A loss that large is what another source's listing looks like too.
    let current = index.map(|index| index.snapshot().source.as_str());
    if let Some(other) = current.filter(|current| !sync.sources.iter().any(|source| source.source == *current)) {
        remedy.push_str(&format!(
            ". The current listing came from another source, {other}: if the new one is meant to replace it, use a state \
             directory of its own"
        ));
    }
    alarm.remedied_by(remedy)
}

fn how_to_approve(held: &HeldListing) -> String {
    format!(
        "if it is right all the same, let it through with `rmdd sync --approve {}`; if not, find out what is wrong with the source",
        held.sha256.short()
    )
}

/// How far letting a held listing through would reach, in a sentence behind others.
fn reach(peers: &PeersAffected) -> String {
    let PeersAffected { peers, newly_refused, in_some_role, providers, .. } = peers;
    format!(
        ". To let it through would change the answer in some role about {} and {} of your own {}; {} of those would be refused \
         in the role in which they are bound",
        count_of(*providers, "provider"),
        count(*in_some_role),
        count_of(*peers, "peer"),
        count(*newly_refused)
    )
}

/// A held listing may hold a real order, and waits for somebody. It stays an alarm while later cycles fail.
fn held(index: Option<&Index>, sync: &SyncState, limits: &FreshnessConfig, now: Timestamp) -> Vec<Alarm> {
    let waiting = || sync.held.iter().filter(|held| held.awaits == Awaits::Person);
    let mut alarms = Vec::new();
    let said = sync.last.as_ref().is_some_and(|last| matches!(last.outcome, SyncOutcome::Held { .. }));
    if let Some(newest) = waiting().max_by_key(|held| held.last_fetched_at).filter(|_| !said) {
        let what = format!(
            "a listing that was last fetched at {} is held and waits for somebody",
            moment(newest.last_fetched_at)
        );
        alarms.push(waits(newest, index, sync, &what));
    }
    if let Some(longest) = waiting().min_by_key(|held| held.first_fetched_at) {
        let waited = age(longest.first_fetched_at, now);
        if waited.exceeds(limits.warn()) {
            let how_long = match waited {
                Age::Past(age) => format!("for {} hours", age.as_hours()),
                Age::Ahead(_) => "for a time that is not known, since the clock was ahead when it came,".to_owned(),
            };
            let message = format!("a listing has been held {how_long} and waits for somebody");
            let remedy = format!("look at what is odd about it (`rmdd impact --held`); {}", how_to_approve(longest));
            alarms.push(Alarm::new(AlarmCode::ListingHeldLong, Severity::Critical, message).remedied_by(remedy));
        }
    }
    alarms
}

fn sources(sync: &SyncState, now: Timestamp) -> Vec<Alarm> {
    let down = |message: String| Alarm::new(AlarmCode::SourceDown, Severity::Warning, message);
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
        let message = format!(
            "{} said that its listing had not changed, and it had: until {} it is asked for the whole listing each time",
            source.source,
            moment(until)
        );
        Alarm::new(AlarmCode::ValidatorsLie, Severity::Warning, message)
    }));
    alarms
}
