//! Operators' records: what they were told, and what came to stand in the log.

use std::collections::BTreeMap;

use rmdd::domain::Log;

use super::super::history::{Change, History, Outcome};
use super::{Promise, Violation, at, site, violation};

/// The serials that stand in the log, by the reasons of what made them.
fn stands(history: &History) -> BTreeMap<&str, Vec<u64>> {
    let mut stands: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let records = history.entries.iter().filter(|entry| entry.log == Log::Records);
    for (serial, why) in records.flat_map(|entry| &entry.events) {
        stands.entry(why).or_default().push(*serial);
    }
    stands
}

fn name(history: &History, change: &Change) -> String {
    format!("the change {} at {}, begun at {},", change.why, site(history, change.site), at(change.span.begin))
}

pub fn nothing_lost_nothing_twice(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut broken = |what: String| violations.push(violation(Promise::NothingLostNothingTwice, what));
    let mut stands = stands(history);
    for change in &history.changes {
        let found = stands.remove(change.why.as_str()).unwrap_or_default();
        let name = name(history, change);
        match &change.outcome {
            Outcome::Acknowledged(serials) if *serials != found => {
                broken(format!("{name} was acknowledged as events {serials:?}, and the log has {found:?}"));
            }
            Outcome::Refused(why) if !found.is_empty() => {
                broken(format!("{name} was refused ({why}), and the log has it as events {found:?}"));
            }
            Outcome::Unknown(_) if !found.is_empty() && found.len() != change.records => {
                broken(format!("{name} of {} records stands in the log as events {found:?}", change.records));
            }
            _ => {}
        }
    }
    for (why, serials) in stands {
        broken(format!("nobody has sent {why:?}, which stands in the log as events {serials:?}"));
    }
    let records = history.entries.iter().filter(|entry| entry.log == Log::Records);
    let serials: Vec<u64> = records.flat_map(|entry| &entry.events).map(|(serial, _)| *serial).collect();
    for pair in serials.windows(2).filter(|pair| pair[1] != pair[0] + 1) {
        broken(format!("event {} comes behind event {}", pair[1], pair[0]));
    }
    violations
}

/// The log says in which order changes were made: whoever was acknowledged before another was begun must come before it. An
/// object of which every change says what it was before is linearizable exactly then: the one order that there is must not
/// contradict that of time.
pub fn in_the_order_of_time(history: &History) -> Vec<Violation> {
    let by_reason: BTreeMap<&str, &Change> =
        history.changes.iter().map(|change| (change.why.as_str(), change)).collect();
    let records = history.entries.iter().filter(|entry| entry.log == Log::Records);
    let in_order = records.flat_map(|entry| &entry.events);
    let in_order: Vec<&Change> = in_order.filter_map(|(_, why)| by_reason.get(why.as_str()).copied()).collect();
    let mut violations = Vec::new();
    // Of those that come later, the one that was acknowledged first.
    let mut first: Option<&Change> = None;
    for change in in_order.into_iter().rev() {
        if let Some(first) = first.filter(|first| first.span.end < change.span.begin) {
            let what = format!("{} comes before {} acknowledged by then", name(history, change), name(history, first));
            violations.push(violation(Promise::InTheOrderOfTime, what));
        }
        let is_told = matches!(change.outcome, Outcome::Acknowledged(_));
        if is_told && first.is_none_or(|first| change.span.end < first.span.end) {
            first = Some(change);
        }
    }
    violations
}
