//! Where sites stand, and what they hold there.

use std::collections::{BTreeMap, BTreeSet};

use rmdd::domain::Log;

use super::super::history::{Digest, History, Holder, Place, Status};
use super::{Promise, Violation, at, hex, site, violation};

/// A place that was told of: in which log, or the listing itself.
type Of = &'static str;

pub fn same_digests(history: &History) -> Vec<Violation> {
    let mut known: BTreeMap<(Of, u64), Digest> = BTreeMap::new();
    let mut violations = Vec::new();
    let mut meet = |of: Of, (index, digest): Place, who: &str| {
        let first = *known.entry((of, index)).or_insert(digest);
        if first != digest {
            let what = format!("{of} {index} is {} elsewhere and {} at {who}", hex(&first), hex(&digest));
            violations.push(violation(Promise::SamePlaceSameDigest, what));
        }
    };
    for entry in &history.entries {
        meet(entry.log.as_str(), (entry.index, entry.sha256), "the log");
        if let Some(snapshot) = entry.snapshot {
            meet("snapshot", snapshot, "the log");
        }
    }
    for status in &history.statuses {
        for (log, place) in Log::ALL.into_iter().zip(status.places) {
            meet(log.as_str(), place, site(history, status.site));
        }
        meet("snapshot", status.snapshot, site(history, status.site));
    }
    for answer in &history.answers {
        meet("snapshot", (answer.serial, answer.sha256), site(history, answer.site));
    }
    violations
}

pub fn nothing_goes_back(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for place in 0..history.sites.len() {
        let name = site(history, place);
        let mut newest: BTreeMap<Of, u64> = BTreeMap::new();
        let mut told = |of: Of, index: u64, when| {
            let newest = newest.entry(of).or_insert(index);
            if index < *newest {
                let what = format!("{name} told of {of} {newest}, and later, at {}, of {index}", at(when));
                violations.push(violation(Promise::NothingGoesBack, what));
            }
            *newest = index.max(*newest);
        };
        // Each of a site's was asked for when the one before was there.
        for status in history.statuses.iter().filter(|status| status.site == place) {
            let Status { places: [listing, records], snapshot, last_change, span, .. } = status;
            told("entry of the listing", listing.0, span.end);
            told("entry of records", records.0, span.end);
            told("snapshot", snapshot.0, span.end);
            told("change", *last_change, span.end);
        }
        for answer in history.answers.iter().filter(|answer| answer.site == place) {
            told("snapshot in an answer", answer.serial, answer.span.end);
        }
    }
    violations
}

/// The last that each site told of itself in time: at the head, current, and without an alarm.
pub fn all_is_well_again(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let deadline = history.calm + history.settled_after;
    let within = |holder: &&Holder| holder.span.begin >= history.calm && holder.span.end <= deadline;
    if history.holders.iter().filter(within).all(|holder| holder.term.is_none()) {
        violations.push(violation(Promise::AllIsWellAgain, "nobody has come to fetch"));
    }
    for place in 0..history.sites.len() {
        let mut unwell = |what: String| {
            let name = site(history, place);
            violations.push(violation(Promise::AllIsWellAgain, format!("{name} {what}")));
        };
        let told = history.statuses.iter().rfind(|status| status.site == place && status.span.end <= deadline);
        let Some(told) = told.filter(|status| status.span.begin >= history.calm) else {
            unwell(format!("told nothing of itself between {} and {}", at(history.calm), at(deadline)));
            continue;
        };
        let when = at(told.span.end);
        if !told.current || told.behind {
            unwell(format!("is not current at {when}"));
        }
        let alarms: BTreeSet<_> = told.alarms.difference(&history.usual).collect();
        if !alarms.is_empty() {
            unwell(format!("has alarms at {when}: {alarms:?}"));
        }
        for (log, (index, _)) in Log::ALL.into_iter().zip(told.places) {
            // What has just come is on its way.
            let known = history
                .entries
                .iter()
                .filter(|entry| entry.log == log && entry.seen + history.behind_after < told.span.begin);
            let head = known.map(|entry| entry.index).max().unwrap_or_default();
            if index < head {
                unwell(format!("stands at {index} of the log {} at {when}, which went to {head}", log.as_str()));
            }
        }
    }
    violations
}
