//! ([`Index`], [`Records`], [`Query`], now) -> [`Decision`]: the only place that holds policy.
//!
//! A decision is a pure function of its arguments. The rows of the [`matrix`] are tried from the top, and the first
//! that applies rules; [`advisories`] say what else to know and change no verdict. It is made per provider, though the
//! listing is tracked per filing: a filing that was removed as a duplicate is not a provider removed.

pub mod advisories;
pub(crate) mod caller_id;
mod facts;
pub mod impact;
pub mod matrix;
mod on_record;
pub(crate) mod own;
mod policy;
mod recertification;
mod sentence;
pub mod standing;

use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;

use crate::domain::{Age, Decision, Identity, ProviderRole, Ternary};
use crate::listing::index::Index;
use crate::records::Records;

use facts::Facts;
pub(crate) use facts::When;
pub use policy::{OldListing, Policy, PolicyConfig};
pub(crate) use sentence::EMERGENCY_ALONE;
pub use sentence::sentence;

/// How a question named the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NamedBy {
    /// By the number in the query.
    #[default]
    Number,
    /// By an OCN that operators bound to that number.
    Ocn,
    /// By a peer's name that operators bound to it.
    Peer,
}

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Query {
    /// Which provider hands the call over.
    pub identity: Identity,
    /// How the asker named it.
    pub named_by: NamedBy,
    /// The role in which it does; without one, any certified role will do.
    pub role: Option<ProviderRole>,
    /// Whether the upstream is a foreign provider. Where it is not known, the filing's own answer counts.
    pub foreign: Ternary,
    /// Whether the caller ID is a number of the North American Numbering Plan that pertains to the United States.
    pub us_caller_id: Ternary,
    /// Whether the call goes to 911 or a public safety answering point.
    pub emergency: bool,
}

impl Query {
    /// A question that says nothing but who.
    pub fn about(identity: Identity) -> Self {
        Self {
            identity,
            named_by: NamedBy::Number,
            role: None,
            foreign: Ternary::Unknown,
            us_caller_id: Ternary::Unknown,
            emergency: false,
        }
    }
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Undecided {
    /// The listing is older than allowed, and policy says to answer with an error.
    #[error("{}, and policy.listing_old says to give no verdict", confirmed("the listing", *.unconfirmed))]
    ListingOld {
        /// Time since the last confirmation.
        unconfirmed: Age,
    },
}

/// When a listing was last confirmed, in a clause.
fn confirmed(listing: &str, unconfirmed: Age) -> String {
    match unconfirmed {
        Age::Past(age) => format!("the source last confirmed {listing} {} hours ago", age.as_hours()),
        Age::Ahead(by) => format!(
            "it is not known how long ago the source last confirmed {listing}: the time on record lies {} hours ahead of the \
             clock",
            by.as_hours()
        ),
    }
}

/// How much a decision says of its advisories. Nothing else depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wording {
    /// Their codes: putting sentences together takes longer than deciding.
    Codes,
    /// Codes and sentences.
    Sentences,
}

/// Decides whether calls may be accepted.
///
/// # Errors
///
/// If the listing is old and the operator's policy is to give no verdict then. A call to 911 always has one.
pub fn decide(
    index: &Index,
    records: &Records,
    query: &Query,
    policy: &Policy,
    now: Timestamp,
) -> Result<Decision, Undecided> {
    decide_in(Wording::Sentences, index, records, query, policy, When::now(index, now))
}

/// [`decide`], with so many words.
///
/// # Errors
///
/// As [`decide`].
#[inline]
pub(crate) fn decide_in(
    wording: Wording,
    index: &Index,
    records: &Records,
    query: &Query,
    policy: &Policy,
    when: When,
) -> Result<Decision, Undecided> {
    decide_by(&Facts::gather(index, records, query, policy, when), wording)
}

/// Decides by what is known of the question.
#[inline]
fn decide_by(facts: &Facts<'_>, wording: Wording) -> Result<Decision, Undecided> {
    let ruling = matrix::rule(facts)?;
    Ok(Decision {
        verdict: ruling.verdict,
        reason: ruling.reason,
        rule: ruling.rule,
        by_policy: ruling.by_policy,
        advisories: advisories::advisories(facts, &ruling, wording),
        matched_by: facts.matched_by,
        other_filings: facts.other_filings(),
        candidates: facts.candidates(),
        filing: facts.named().map(Arc::clone),
        removal: facts.removal.filter(|_| facts.filing.is_none() && facts.barred.is_none()).map(Arc::clone),
        record: ruling.record.map(Arc::clone),
    })
}

#[cfg(test)]
mod tests;
