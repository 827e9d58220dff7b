//! What a history must not hold: a pure function, so that each violation can be made up and seen to be found.

mod answers;
mod logs;
mod places;
mod writes;

#[cfg(test)]
mod tests;

use std::fmt;

use super::history::{At, History};

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// Sites with the same index have the same digests, and with the same serial the same listing.
    SamePlaceSameDigest,
    /// Indexes and serials never go back.
    NothingGoesBack,
    /// A log has no gap, and nothing twice.
    NoGapNoTwin,
    /// What was acknowledged is there, once; what was refused is not; and nothing is there that nobody has sent.
    NothingLostNothingTwice,
    /// What was acknowledged before another was begun comes before it.
    InTheOrderOfTime,
    /// Nothing is appended but under the token that stands there, and a token that was followed by another never comes back.
    NoOldToken,
    /// One site asks the source, but for the time around a change.
    OneAtTheSource,
    /// An answer is of what was in force a moment ago, or says that the site is behind.
    CurrentOrSaysSo,
    /// An answer says of a provider what the listing says that it rests on.
    AnswersAreTrue,
    /// All is well again soon after the last fault.
    AllIsWellAgain,
}

/// Something that breaks a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub promise: Promise,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

fn violation(promise: Promise, what: impl Into<String>) -> Violation {
    Violation { promise, what: what.into() }
}

/// What a history came to.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    /// Answers that were older than they should be because etcd had answered stale.
    pub stale_reads: usize,
    /// Answers that contradict a removal, and say that the site is behind.
    pub excused: usize,
}

/// Looks for everything that breaks a promise.
pub fn check(history: &History) -> Verdict {
    let mut violations = Vec::new();
    violations.extend(places::same_digests(history));
    violations.extend(places::nothing_goes_back(history));
    violations.extend(places::all_is_well_again(history));
    violations.extend(logs::no_gap_no_twin(history));
    violations.extend(logs::no_old_token(history));
    violations.extend(logs::one_at_the_source(history));
    violations.extend(writes::nothing_lost_nothing_twice(history));
    violations.extend(writes::in_the_order_of_time(history));
    violations.extend(answers::are_true(history));
    let currency = answers::are_current(history);
    violations.extend(currency.violations);
    Verdict { violations, stale_reads: currency.stale_reads, excused: currency.excused }
}

/// A moment, for people.
fn at(at: At) -> String {
    format!("{:.3} s", at.as_secs_f64())
}

fn hex(digest: &[u8]) -> String {
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn site(history: &History, place: usize) -> &str {
    history.sites.get(place).map_or("?", String::as_str)
}
