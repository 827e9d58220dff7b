//! `/v1/providers/{who}`, `/v1/removals` and `/v1/snapshots`: what the database holds and held.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::Shared;
use super::params::{self, QueryString};
use super::problem::{Problem, either};
use crate::api::json;
use crate::api::times::{moment, since};
use crate::service::{ProviderReport, RemovalsPage, RemovalsRequest, Services, SnapshotsPage, SnapshotsRequest};

/// What is known of a provider.
pub async fn provider(State(services): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    either(provider_of(&services, &uri).await.as_ref().map(json::Provider::from), &headers)
}

async fn provider_of(services: &Services, uri: &Uri) -> Result<ProviderReport, Problem> {
    let query = QueryString::read(uri);
    let params = query.params(&["history", "at"])?;
    let history = params.flag("history")?;
    let at = params.time("at", moment)?;
    let who = services.named(&params::who(uri.path(), "/v1/providers/")?, at).await?;
    Ok(services.provider(&who, at, history).await?)
}

/// A page of removals.
pub async fn removals(State(services): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    either(page_of_removals(&services, &uri).as_ref().map(json::Removals::from), &headers)
}

fn page_of_removals(services: &Services, uri: &Uri) -> Result<RemovalsPage, Problem> {
    let query = QueryString::read(uri);
    let params = query.params(&["since", "until", "include_reinstated", "page_size", "page_token"])?;
    Ok(services.removals(&RemovalsRequest {
        since: params.time("since", since)?,
        until: params.time("until", moment)?,
        include_reinstated: params.flag("include_reinstated")?,
        page_size: params.parsed("page_size", page_size)?.unwrap_or_default(),
        page_token: params.get("page_token").unwrap_or_default().to_owned(),
    })?)
}

/// A page of snapshots.
pub async fn snapshots(State(services): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    either(page_of_snapshots(&services, &uri).await.as_ref().map(json::Snapshots::from), &headers)
}

async fn page_of_snapshots(services: &Services, uri: &Uri) -> Result<SnapshotsPage, Problem> {
    let query = QueryString::read(uri);
    let params = query.params(&["since", "until", "page_size", "page_token"])?;
    let request = SnapshotsRequest {
        since: params.time("since", since)?,
        until: params.time("until", moment)?,
        page_size: params.parsed("page_size", page_size)?.unwrap_or_default(),
        page_token: params.get("page_token").unwrap_or_default().to_owned(),
    };
    Ok(services.snapshots(&request).await?)
}

fn page_size(value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(0) | Err(_) => Err("it is a number from 1; more than 2000 are not given at once".to_owned()),
        Ok(size) => Ok(size),
    }
}
