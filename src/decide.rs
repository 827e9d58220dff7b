//! ([`Index`], [`Query`], now) -> [`Decision`]: the only place that holds policy.
//!
//! A decision is a pure function of its arguments. It is made per provider, though the listing is tracked per filing:
//! a filing that was removed as a duplicate is not a provider removed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::clock::age;
use crate::domain::{Advisory, AdvisoryCode, Decision, Filing, Identity, MatchedBy, Reason, Removal, Verdict};
use crate::index::Index;

/// The rules' paragraphs, in one place. Whoever operates rmdd checks their wording against the eCFR.
pub mod rule {
    /// Accept only from providers whose filing appears in the database and was not de-listed.
    pub const ACCEPT_ONLY_LISTED: &str = "47 CFR 64.6305(g)";
    /// Never block a call to 911, nor knowingly one to a public safety answering point.
    pub const EMERGENCY: &str = "47 CFR 64.6305(g)(5)";
}

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Query {
    /// Which provider hands the call over.
    pub identity: Identity,
    /// Whether the call goes to 911 or a public safety answering point.
    pub emergency: bool,
}

/// What the operator decided where the rules leave it open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Past this time since the last confirmation every answer carries an advisory.
    pub listing_old_after: SignedDuration,
}

/// What the listing says of an identity.
enum Standing<'a> {
    Listed(&'a Arc<Filing>, MatchedBy),
    Removed(&'a Arc<Removal>, MatchedBy),
    Unknown,
}

/// Decides whether calls may be accepted.
pub fn decide(index: &Index, query: &Query, policy: &Policy, now: Timestamp) -> Decision {
    let standing = standing(index, query.identity);
    let (verdict, reason) = match (&standing, query.emergency) {
        (_, true) => (Verdict::Accept, Reason::EmergencyCall),
        (Standing::Listed(..), false) => (Verdict::Accept, Reason::Listed),
        (Standing::Removed(..), false) => (Verdict::Refuse, Reason::Removed),
        (Standing::Unknown, false) => (Verdict::Refuse, Reason::NotListed),
    };
    let (filing, matched_by, removal) = match standing {
        Standing::Listed(filing, by) => (Some(Arc::clone(filing)), Some(by), None),
        Standing::Removed(removal, by) => (Some(Arc::clone(&removal.filing)), Some(by), Some(Arc::clone(removal))),
        Standing::Unknown => (None, None, None),
    };
    Decision {
        verdict,
        reason,
        rule: if query.emergency { rule::EMERGENCY } else { rule::ACCEPT_ONLY_LISTED },
        advisories: advisories(index, filing.as_deref(), policy, now),
        matched_by,
        filing,
        removal,
    }
}

fn standing(index: &Index, identity: Identity) -> Standing<'_> {
    let frn = match identity {
        Identity::RmdNumber(number) => {
            if let Some(filing) = index.by_number(number) {
                return Standing::Listed(filing, MatchedBy::RmdNumber);
            }
            let Some(removal) = index.removals().open(number) else {
                return Standing::Unknown;
            };
            // The filing is gone. Its provider may stand under another number.
            match removal.filing.frn() {
                Some(frn) if index.by_frn(frn).next().is_some() => frn,
                _ => return Standing::Removed(removal, MatchedBy::RmdNumber),
            }
        }
        Identity::Frn(frn) => frn,
    };
    // Of several filings the one that certifies a role comes first: an unfinished one often stands beside a good one.
    if let Some(filing) = index.by_frn(frn).max_by_key(|filing| (!filing.roles().is_empty(), filing.number())) {
        return Standing::Listed(filing, MatchedBy::Frn);
    }
    match index.removed_by_frn(frn).max_by_key(|removal| (removal.first_missing_at, removal.filing.number())) {
        Some(removal) => Standing::Removed(removal, MatchedBy::Frn),
        None => Standing::Unknown,
    }
}

fn advisories(index: &Index, filing: Option<&Filing>, policy: &Policy, now: Timestamp) -> Vec<Advisory> {
    let mut advisories = Vec::new();
    let unconfirmed = age(index.confirmed_at(), now);
    if unconfirmed > policy.listing_old_after {
        advisories.push(Advisory {
            code: AdvisoryCode::ListingOld,
            message: format!(
                "the source last confirmed this listing {} hours ago, more than the {} that are allowed",
                unconfirmed.as_hours(),
                policy.listing_old_after.as_hours()
            ),
        });
    }
    if let Some(since) = filing.and_then(|filing| index.snapshot().carried.get(&filing.number())) {
        advisories.push(Advisory {
            code: AdvisoryCode::FilingCarried,
            message: format!("the filing's row could not be read since {since}; it stands as it was last read"),
        });
    }
    advisories
}

/// The decision in one sentence, for a log line or a person.
pub fn sentence(decision: &Decision, query: &Query) -> String {
    let who = match &decision.filing {
        Some(filing) if filing.business_name().is_empty() => filing.number().to_string(),
        Some(filing) => format!("{} ({})", filing.business_name(), filing.number()),
        None => query.identity.to_string(),
    };
    let stands = match (&decision.filing, &decision.removal) {
        (_, Some(removal)) => format!(
            "{who} is no longer in the database: last seen {}, first missing {}",
            seconds(removal.last_seen_at),
            seconds(removal.first_missing_at)
        ),
        (Some(filing), None) => match query.identity {
            Identity::RmdNumber(asked) if asked != filing.number() => {
                format!("{asked} is gone from the database, and its provider stands there as {who}")
            }
            _ => format!("{who} stands in the database"),
        },
        (None, None) => format!("{who} is not in the database"),
    };
    if query.emergency { format!("an emergency call is never refused; {stands}") } else { stands }
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
