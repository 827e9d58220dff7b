//! What sites answer about providers that come and go.

use std::collections::BTreeMap;

use super::super::history::{Answer, At, Digest, Entry, History, Look};
use super::{Promise, Violation, at, site, violation};

pub fn are_true(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for answer in &history.answers {
        let name = || {
            let (site, when) = (site(history, answer.site), at(answer.span.end));
            format!("{site} at {when}, of {} by snapshot {}", answer.number, answer.serial)
        };
        let Some(listing) = history.listings.get(&answer.sha256) else {
            let what = format!("{}: the source never had that listing", name());
            violations.push(violation(Promise::AnswersAreTrue, what));
            continue;
        };
        let listed = listing.contains(&*answer.number);
        if listed != answer.listed || (answer.accepts && !listed) {
            let says = if answer.listed { "listed" } else { "not listed" };
            let what = format!("{}: it says {says}, and it is {listed} that it is listed", name());
            violations.push(violation(Promise::AnswersAreTrue, what));
        }
    }
    violations
}

/// What came of looking whether answers are current.
#[derive(Default)]
pub struct Currency {
    pub violations: Vec<Violation>,
    pub stale_reads: usize,
    pub excused: usize,
}

/// An answer that was begun so long after a snapshot was committed rests on it, or says that the site is behind.
pub fn are_current(history: &History) -> Currency {
    let snapshots = in_force(history);
    let looks = by_site(history);
    let mut found = Currency::default();
    for answer in &history.answers {
        let Some(since) = answer.span.begin.checked_sub(history.behind_after) else { continue };
        // Strictly before: what came at that very moment is on time.
        let Some((_, (newest, entry))) = snapshots.range(..since).next_back() else { continue };
        if answer.serial >= newest.0 {
            continue;
        }
        let gone = |digest: &Digest| history.listings.get(digest).is_some_and(|all| !all.contains(&*answer.number));
        let contradicts = answer.listed && gone(&newest.1);
        if answer.behind {
            found.excused += usize::from(contradicts);
        } else if was_answered_stale(answer, entry, looks.get(&answer.site).map_or(&[], Vec::as_slice)) {
            found.stale_reads += 1;
        } else {
            let contradiction = if contradicts { " and contradicts a removal" } else { "" };
            let what = format!(
                "{} at {} answers by snapshot {} of {}, though snapshot {} stood in the log by {}{contradiction}, and does \
                 not say that it is behind",
                site(history, answer.site),
                at(answer.span.begin),
                answer.serial,
                answer.number,
                newest.0,
                at(entry.seen),
            );
            found.violations.push(violation(Promise::CurrentOrSaysSo, what));
        }
    }
    found
}

/// The newest snapshot that surely stood in the log, by when it did.
fn in_force(history: &History) -> BTreeMap<At, ((u64, Digest), &Entry)> {
    let mut in_force = BTreeMap::new();
    for entry in &history.entries {
        if let Some(snapshot) = entry.snapshot {
            in_force.insert(entry.seen, (snapshot, entry));
        }
    }
    in_force
}

/// Looks that were answered and published, by site, in their order.
fn by_site(history: &History) -> BTreeMap<usize, Vec<&Look>> {
    let mut by_site: BTreeMap<usize, Vec<&Look>> = BTreeMap::new();
    for look in history.looks.iter().filter(|look| look.published) {
        by_site.entry(look.site).or_default().push(look);
    }
    by_site
}

/// Whether etcd itself has answered the site's last look as of before the entry, though that was asked behind it.
fn was_answered_stale(answer: &Answer, entry: &Entry, looks: &[&Look]) -> bool {
    let last = looks.iter().rfind(|look| look.span.end <= answer.span.end);
    last.is_some_and(|look| look.span.begin > entry.seen && look.revision < entry.revision)
}
