//! The providers that a person names in a record: by a number of the database, or by what a peer on record is called.

use anyhow::anyhow;

use super::super::target::{Refused, Target};
use super::super::text::{self, say};
use super::all;
use crate::api::grpc::record_from_wire;
use crate::domain::{ErrorReason, Identity, ProviderRole, RecordKind, Who};
use crate::observe::clock;
use crate::records::Records;

/// Finds the providers that are named, and keeps in mind which were named by a peer.
pub struct Providers<'a> {
    target: &'a Target,
    peers: Option<Records>,
    by_peer: Vec<(String, Identity)>,
}

/// A provider that was named.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The provider.
    pub identity: Identity,
    /// The default role of the peer that it was named by, if it was and the peer has one.
    pub role: Option<ProviderRole>,
}

impl From<Identity> for Found {
    fn from(identity: Identity) -> Self {
        Self { identity, role: None }
    }
}

impl<'a> Providers<'a> {
    pub fn of(target: &'a Target) -> Self {
        Self { target, peers: None, by_peer: Vec::new() }
    }

    /// The provider that a text names.
    ///
    /// # Errors
    ///
    /// If it names none, or may name several.
    pub async fn find(&mut self, text: &str) -> anyhow::Result<Found> {
        let (readings, now) = (Who::readings(text)?, clock::now());
        if let Some(Who::Provider(identity)) = readings.only() {
            return Ok(identity.into());
        }
        let peers = match self.peers.take() {
            Some(peers) => peers,
            None => peers(self.target).await?,
        };
        let peers = &*self.peers.insert(peers);
        let bound: Vec<Who> =
            readings.names().iter().filter(|name| peers.resolve(name, now).is_ok()).cloned().collect();
        let number_is_known = match readings.number().filter(|_| !bound.is_empty()) {
            Some(number) => self.target.knows(number).await,
            None => false,
        };
        match readings.settle(&bound, number_is_known)? {
            Who::Provider(identity) => Ok(identity.into()),
            name => match peers.resolve(&name, now) {
                Ok(found) => {
                    let written = found.peer.as_deref().and_then(|record| Some(record.peer()?.name.clone()));
                    self.by_peer.push((written.unwrap_or_else(|| text.to_owned()), found.identity));
                    Ok(Found { identity: found.identity, role: found.role })
                }
                Err(unresolved) => Err(self.target.propose(text, anyhow!(unresolved)).await),
            },
        }
    }

    /// The provider of whom something is to be put on record.
    ///
    /// # Errors
    ///
    /// As [`Self::find`], and that nothing was changed.
    pub async fn find_to_change(&mut self, text: &str) -> anyhow::Result<Found> {
        let named = Who::readings(text).is_ok_and(|readings| !matches!(readings.only(), Some(Who::Provider(_))));
        if named && self.peers.is_none() {
            self.peers = Some(peers(self.target).await.map_err(|error| not_told(&error))?);
        }
        self.find(text).await.map_err(|error| anyhow!("nothing was changed: WHO: {error}"))
    }

    /// Says who the peers are that were named.
    pub async fn say(&self) {
        for (peer, identity) in &self.by_peer {
            let name = self.target.business_name(*identity).await;
            let name = name.map_or_else(String::new, |name| format!(", {}", text::one_line(&name)));
            say!("{} is {identity}{name}", text::one_line(peer));
        }
    }
}

/// Why nothing was changed, which has nothing to do with who was named.
fn not_told(error: &anyhow::Error) -> anyhow::Error {
    let refused = error.downcast_ref::<Refused>();
    let more = match refused.is_some_and(|refused| refused.reason == ErrorReason::RightMissing.as_str()) {
        true => " to look up peers, and admin to change records",
        false => "",
    };
    anyhow!("nothing was changed: {error}{more}")
}

async fn peers(target: &Target) -> anyhow::Result<Records> {
    let listed = all(target, RecordKind::Peer).await?;
    let records = listed.into_iter().filter_map(|entry| record_from_wire(entry.record?, "", clock::now()).ok());
    Ok(Records::build(records, 0))
}
