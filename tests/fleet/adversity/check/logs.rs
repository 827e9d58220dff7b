//! The two logs as they came to stand, and who was at the source.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use rmdd::domain::Log;

use super::super::history::{At, Entry, History, Holder, Term};
use super::{Promise, Violation, at, hex, site, violation};

/// So long before and behind a change of the site that fetches, both may be at the source.
const CHANGES: Duration = Duration::from_secs(20);

pub fn no_gap_no_twin(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut broken = |what: String| violations.push(violation(Promise::NoGapNoTwin, what));
    let mut ids = HashSet::new();
    for log in Log::ALL {
        let mut before: Option<&Entry> = None;
        for entry in history.entries.iter().filter(|entry| entry.log == log) {
            let name = format!("entry {} of the log {}", entry.index, log.as_str());
            if !ids.insert(entry.id) {
                broken(format!("{name} has the ID of another"));
            }
            if entry.writes != 1 {
                broken(format!("{name} was written {} times", entry.writes));
            }
            if let Some(before) = before {
                if entry.index != before.index + 1 {
                    broken(format!("{name} comes behind entry {}", before.index));
                } else if entry.before != before.sha256 {
                    broken(format!(
                        "{name} follows {}, and before it stands {}",
                        hex(&entry.before),
                        hex(&before.sha256)
                    ));
                }
                if entry.revision <= before.revision {
                    broken(format!("{name} was written before the one that it follows"));
                }
            } else if entry.index != 1 {
                broken(format!("{name} is the first"));
            }
            before = Some(entry);
        }
    }
    violations
}

pub fn no_old_token(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut old = |what: String| violations.push(violation(Promise::NoOldToken, what));
    let mut gone: HashSet<&Term> = HashSet::new();
    let mut last: Option<&Term> = None;
    for entry in history.entries.iter().filter(|entry| entry.log == Log::Listing) {
        let name = format!("entry {} of the listing, by {},", entry.index, entry.site);
        let digest: String = entry.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        let sent = history.sent.get(&digest);
        // Not known where etcd was compacted before it could be asked.
        let Some(holder) = &entry.holder else { continue };
        let Some(holder) = holder else {
            old(format!("{name} was appended while nobody fetched"));
            continue;
        };
        if holder.site != entry.site {
            old(format!("{name} was appended while {} fetched", holder.site));
        }
        if sent.is_some_and(|sent| *sent != holder.token) {
            old(format!("{name} was sent under another token than that which stood there"));
        }
        if last.is_some_and(|last| last != holder) {
            gone.extend(last);
        }
        if gone.contains(holder) {
            old(format!("{name} was appended under a token behind which another had come"));
        }
        last = Some(holder);
    }
    violations
}

/// Who fetches, as far as etcd was asked, by when that was known.
fn terms(history: &History) -> BTreeMap<At, Option<&Term>> {
    history.holders.iter().map(|Holder { span, term }| (span.end, term.as_ref())).collect()
}

pub fn one_at_the_source(history: &History) -> Vec<Violation> {
    let known = terms(history);
    let holds = |place: usize, term: Option<&Term>| term.is_some_and(|term| term.site == site(history, place));
    let mut violations = Vec::new();
    for visit in &history.visits {
        let (from, to) = (visit.at.saturating_sub(CHANGES), visit.at + CHANGES);
        // It fetched when that time began, or came to fetch in it.
        let before = known.range(..=from).next_back().map(|(_, term)| *term);
        let within = known.range(from..=to).map(|(_, term)| *term);
        if !before.into_iter().chain(within).any(|term| holds(visit.site, term)) {
            let name = site(history, visit.site);
            let what =
                format!("{name} was at the source at {}, and did not fetch for {CHANGES:?} around that", at(visit.at));
            violations.push(violation(Promise::OneAtTheSource, what));
        }
    }
    violations
}
