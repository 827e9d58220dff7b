//! Whom the text means that a person typed for WHO, and what they are told where it means nobody.

use jiff::Timestamp;
use thiserror::Error;

use super::near;
use super::target::{Refused, Target};
use super::text;
use crate::api::grpc::v1::record::{Body, Provider};
use crate::api::grpc::v1::{self, GetProviderRequest, GetProviderResponse, SearchProvidersRequest};
use crate::api::grpc::{kind_to_wire, time_to_wire};
use crate::domain::{Identity, RecordKind, Who};

/// So many near names of a kind are told.
const TOLD: usize = 3;

/// A name that is bound to no provider.
#[derive(Debug, Error)]
#[error("{0}")]
struct OfNobody(String);

/// Whether a question failed for a name that is bound to no provider.
pub fn is_of_nobody(error: &anyhow::Error) -> bool {
    error.is::<OfNobody>()
}

fn is_unknown_peer(error: &anyhow::Error) -> bool {
    Refused::of(error).is_some_and(|refused| refused.reason == "PEER_UNKNOWN")
}

impl Target {
    /// Asks about whom a text means, now or at a moment.
    pub async fn first_known_at<T>(
        &self,
        text: &str,
        at: Option<Timestamp>,
        ask: impl AsyncFn(Who) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        match ask(self.named(text, at).await?).await {
            Err(unknown) if is_unknown_peer(&unknown) => Err(self.propose(text, unknown).await),
            answer => answer,
        }
    }

    /// Whom a text means. Nothing is asked of those who answer calls, so that no decision is counted or logged.
    async fn named(&self, text: &str, at: Option<Timestamp>) -> anyhow::Result<Who> {
        let readings = Who::readings(text)?;
        if let Some(only) = readings.only() {
            return Ok(only);
        }
        let mut bound = Vec::new();
        for name in readings.names() {
            match self.known(name.clone(), at).await {
                Ok(_) => bound.push(name.clone()),
                Err(error) if is_unknown_peer(&error) => {}
                // Whoever is asked next says what is the matter, or that it does not matter.
                Err(error) => return readings.likeliest().ok_or(error),
            }
        }
        let number = readings.number().filter(|_| !bound.is_empty());
        let number_is_known = match number {
            Some(number) => {
                let provider = self.known(number.into(), at).await?;
                !provider.filings.is_empty() || !provider.removals.is_empty()
            }
            None => false,
        };
        Ok(readings.settle(&bound, number_is_known)?)
    }

    /// Whether the database knows a number, now or from before. Where that cannot be found out, it may.
    pub async fn knows(&self, number: Identity) -> bool {
        let known = self.known(number.into(), None).await;
        known.map_or(true, |known| !known.filings.is_empty() || !known.removals.is_empty())
    }

    /// The name of a provider as filed, if one is known.
    pub async fn business_name(&self, number: Identity) -> Option<String> {
        let known = self.known(number.into(), None).await.ok()?;
        let removed = known.removals.into_iter().filter_map(|removal| removal.filing);
        known.filings.into_iter().chain(removed).map(|filing| filing.business_name).find(|name| !name.is_empty())
    }

    async fn known(&self, who: Who, at: Option<Timestamp>) -> anyhow::Result<GetProviderResponse> {
        let request =
            GetProviderRequest { identity: Some(who.into()), include_history: false, at: at.map(time_to_wire) };
        self.get_provider(request).await
    }

    /// Names never decide. They propose, and that is said in place of an answer.
    pub async fn propose(&self, name: &str, unknown: anyhow::Error) -> anyhow::Error {
        let mut said = unknown.to_string();
        let peers = near::closest(name, self.peers().await, TOLD);
        if !peers.is_empty() {
            said.push_str(&format!(". Peers of a name like it: {}", peers.join("; ")));
        }
        let request = SearchProvidersRequest { text: name.to_owned(), limit: 20 };
        let found = self.search_providers(request).await.map(|found| found.matches).unwrap_or_default();
        let candidates = found.iter().filter_map(|found| {
            let filing = found.filing.as_ref()?;
            let shown = text::one_line(&filing.business_name);
            Some((found.name.clone(), format!("{shown} ({}, FRN {})", filing.number, filing.frn)))
        });
        let candidates = near::closest(name, candidates.collect(), TOLD);
        if !candidates.is_empty() {
            said.push_str(&format!(". A name decides nothing; these bear one like it: {}", candidates.join("; ")));
        }
        OfNobody(said).into()
    }

    /// The names of the peers on record and how each is told; none for those who may not see records.
    async fn peers(&self) -> Vec<(String, String)> {
        let mut request = v1::ListRecordsRequest {
            kind: kind_to_wire(RecordKind::Peer).into(),
            page_size: 2000,
            ..v1::ListRecordsRequest::default()
        };
        let mut peers = Vec::new();
        while let Ok(page) = self.list_records(request.clone()).await {
            peers.extend(page.records.iter().filter(|entry| entry.in_force).filter_map(|entry| {
                let record = entry.record.as_ref()?;
                let Some(Body::Peer(peer)) = &record.body else { return None };
                let number = match record.provider.as_ref()? {
                    Provider::Frn(number) => format!("FRN {number}"),
                    Provider::RmdNumber(number) => number.clone(),
                };
                Some((peer.name.clone(), format!("{} ({number})", text::one_line(&peer.name))))
            }));
            if page.next_page_token.is_empty() || page.next_page_token <= request.page_token {
                break;
            }
            request.page_token = page.next_page_token;
        }
        peers
    }
}
