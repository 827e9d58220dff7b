//! (what is in force, what is supposed) -> what would become of each peer. Pure; changes nothing.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;

use crate::decide::standing::{Standing, standings, standings_of};
use crate::decide::{Policy, PolicyConfig, Query, decide};
use crate::domain::{Filing, Identity, ProviderRole, RecordKind, Sha256Digest, Snapshot, Verdict};
use crate::listing::index::Index;
use crate::listing::next::{Current, FetchedAt, FetchedListing, Vetting};
use crate::listing::vet::{Doubt, Refusal, VetConfig, Vetted};
use crate::records::Records;

/// What answers rest on.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The listing.
    pub index: &'a Index,
    /// The operators' records.
    pub records: &'a Records,
    /// The policy.
    pub policy: &'a Policy,
}

/// What would become of one peer.
#[derive(Debug, Clone)]
pub struct PeerImpact {
    /// How it stands now.
    pub now: Standing,
    /// How it would stand then.
    pub then: Standing,
}

impl PeerImpact {
    /// Whether it would be refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.then.verdict() == Some(Verdict::Refuse)
    }

    /// Whether it would be refused and is not now.
    pub(crate) fn is_newly_refused(&self) -> bool {
        self.is_refused() && self.now.verdict() != Some(Verdict::Refuse)
    }

    /// Whether it would be accepted and is not now.
    pub(crate) fn is_newly_accepted(&self) -> bool {
        self.then.verdict() == Some(Verdict::Accept) && self.now.verdict() != Some(Verdict::Accept)
    }

    /// Whether verdict or reason would be another.
    pub fn changes(&self) -> bool {
        let reported = |standing: &Standing| standing.decision().map(|decision| (decision.verdict, decision.reason));
        reported(&self.now) != reported(&self.then)
    }
}

/// Asks about every peer that is bound now, in its default role, on both bases.
pub fn assess(now: Basis<'_>, then: Basis<'_>, at: Timestamp) -> Vec<PeerImpact> {
    let now = standings(now, at);
    let then = standings_of(then, now.iter().map(|standing| &standing.peer), at);
    now.into_iter().zip(then).map(|(now, then)| PeerImpact { now, then }).collect()
}

/// How far a supposition reaches, whatever the role in which is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Providers of which the verdict would be another in some role.
    pub providers: u64,
    /// Peers bound now of whose providers it would.
    pub peers: u64,
}

/// Asks about every provider of both listings in every role, and in none. A peer that is bound without a role is asked
/// about in none by [`assess`]: its calls come in some role all the same.
pub fn reach(now: Basis<'_>, then: Basis<'_>, at: Timestamp) -> Reach {
    let differs = |provider: Identity| {
        let verdict = |basis: Basis<'_>, role| {
            let query = Query { role, ..Query::about(provider) };
            decide(basis.index, basis.records, &query, basis.policy, at).ok().map(|decision| decision.verdict)
        };
        let roles = ProviderRole::ALL.into_iter().map(Some).chain([None]);
        roles.into_iter().any(|role| verdict(now, role) != verdict(then, role))
    };
    let filings = [now, then].into_iter().flat_map(|basis| &basis.index.snapshot().filings);
    let provider = |filing: &Arc<Filing>| filing.frn().map_or(Identity::RmdNumber(filing.number()), Identity::Frn);
    let providers: HashSet<Identity> = filings.map(provider).collect();
    let peers = now.records.all(RecordKind::Peer).filter(|peer| peer.in_force(at));
    Reach {
        providers: providers.into_iter().filter(|provider| differs(*provider)).count() as u64,
        peers: peers.filter(|peer| differs(peer.provider)).count() as u64,
    }
}

/// The index as it would be if this listing were applied now, and what makes the listing hard to believe.
///
/// # Errors
///
/// If vetting refuses the listing.
pub(crate) fn suppose_listing(
    current: &Index,
    listing: &[u8],
    config: &VetConfig,
    now: Timestamp,
) -> Result<(Index, Vec<Doubt>), Refusal> {
    let fetched = FetchedListing {
        bytes: listing,
        // Nobody is told of it.
        sha256: Sha256Digest([0; 32]),
        source: "a supposition".to_owned(),
        fetched_at: FetchedAt::Recorded(now),
    };
    // What a sync would have doubts about is asked about all the same: that is what a supposition is for.
    let Vetted { snapshot, doubts, .. } = Current::of(Some(current)).vet(fetched, Vetting { config, peers: &[] })?;
    Ok((suppose_snapshot(current, snapshot), doubts))
}

/// The index as it would be if this snapshot were applied now.
pub(crate) fn suppose_snapshot(current: &Index, snapshot: Snapshot) -> Index {
    let step = Current::of(Some(current)).step(&snapshot);
    Index::build(snapshot, step.removals, current.last_change())
}

/// A setting that is none of the policy's, or a value that it does not take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("policy.{setting} cannot be {value:?}: {problem}")]
pub(crate) struct BadSetting {
    pub setting: String,
    pub value: String,
    /// What is wrong.
    pub problem: String,
}

/// The policy with one setting changed.
///
/// # Errors
///
/// If there is no such setting, or it does not take the value.
pub(crate) fn suppose_setting(policy: &PolicyConfig, setting: &str, value: &str) -> Result<PolicyConfig, BadSetting> {
    let bad = |problem: String| BadSetting { setting: setting.to_owned(), value: value.to_owned(), problem };
    let mut settings = serde_json::to_value(policy).map_err(|error| bad(error.to_string()))?;
    let read = serde_json::from_str(value).unwrap_or_else(|_| serde_json::Value::from(value));
    if let Some(settings) = settings.as_object_mut() {
        settings.insert(setting.to_owned(), read);
    }
    serde_json::from_value(settings).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::policy::AcceptOrRefuse;

    #[test]
    fn a_setting_is_supposed_by_its_name_and_rubbish_is_refused() {
        let policy = PolicyConfig::default();
        let supposed = suppose_setting(&policy, "role_blank", "refuse").expect("a setting");
        assert_eq!(supposed, PolicyConfig { role_blank: AcceptOrRefuse::Refuse, ..policy.clone() });
        assert_eq!(suppose_setting(&policy, "last_updated_days", "400").expect("a setting").last_updated_days, 400);
        for (setting, value) in [("role_blank", "maybe"), ("role_blanc", "refuse"), ("last_updated_days", "many")] {
            let bad = suppose_setting(&policy, setting, value).expect_err("refused");
            assert!(bad.to_string().contains(setting), "{bad}");
        }
    }
}
