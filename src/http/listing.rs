//! `/v1/providers/{who}`, `/v1/removals` and `/v1/snapshots`: what the database holds and held.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use tonic::Request;

use super::answer;
use super::params::{self, Params};
use super::problem::Problem;
use crate::grpc::v1::listing_service_server::ListingService;
use crate::grpc::v1::{GetProviderRequest, ListRemovalsRequest, ListSnapshotsRequest};
use crate::grpc::{Services, time_to_wire};
use crate::report;
use crate::times::{moment, since};

/// What is known of a provider.
pub async fn provider(State(services): State<Services>, uri: Uri, headers: HeaderMap) -> Response {
    answer::either(provider_of(&services, &uri).await, &headers)
}

async fn provider_of(services: &Services, uri: &Uri) -> Result<report::Provider, Problem> {
    let params = Params::read(uri, &["history", "at"])?;
    let include_history = params.flag("history")?;
    let at = params.time("at", moment)?.map(time_to_wire);
    let who = services.named(&params::who(uri, "/v1/providers/")?, at.as_ref()).await?;
    let request = GetProviderRequest { identity: Some(who.into()), include_history, at };
    let provider = services.get_provider(Request::new(request)).await?;
    Ok(report::Provider::from(provider.get_ref()))
}

/// A page of removals.
pub async fn removals(State(services): State<Services>, uri: Uri, headers: HeaderMap) -> Response {
    answer::either(page(&services, &uri).await, &headers)
}

async fn page(services: &Services, uri: &Uri) -> Result<report::Removals, Problem> {
    let params = Params::read(uri, &["since", "include_reinstated", "page_size", "page_token"])?;
    let request = ListRemovalsRequest {
        since: params.time("since", since)?.map(time_to_wire),
        include_reinstated: params.flag("include_reinstated")?,
        page_size: params.parsed("page_size", page_size)?.unwrap_or_default(),
        page_token: params.get("page_token").unwrap_or_default().to_owned(),
    };
    let page = services.list_removals(Request::new(request)).await?;
    Ok(report::Removals::from(page.get_ref()))
}

/// A page of snapshots.
pub async fn snapshots(State(services): State<Services>, uri: Uri, headers: HeaderMap) -> Response {
    answer::either(page_of_snapshots(&services, &uri).await, &headers)
}

async fn page_of_snapshots(services: &Services, uri: &Uri) -> Result<report::Snapshots, Problem> {
    let params = Params::read(uri, &["since", "until", "page_size", "page_token"])?;
    let request = ListSnapshotsRequest {
        since: params.time("since", since)?.map(time_to_wire),
        until: params.time("until", moment)?.map(time_to_wire),
        page_size: params.parsed("page_size", page_size)?.unwrap_or_default(),
        page_token: params.get("page_token").unwrap_or_default().to_owned(),
    };
    let page = services.list_snapshots(Request::new(request)).await?;
    Ok(report::Snapshots::from(page.get_ref()))
}

fn page_size(value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(0) | Err(_) => Err("it is a number from 1; more than 2000 are not given at once".to_owned()),
        Ok(size) => Ok(size),
    }
}
