//! `ListingService`: what the database holds and held.

use tonic::{Request, Response, Status};

use super::convert::{self, Cells, optional_time_from_wire, time_to_wire};
use super::v1::listing_service_server::ListingService;
use super::{Grpc, authorization, client, export, v1, watch};
use crate::domain::ChangeSerial;
use crate::service::{
    ChangesPage, ChangesRequest, ListedMatch, ListedSnapshot, ProviderReport, RemovalsPage, RemovalsRequest,
    SnapshotsRequest,
};

const WATCH_CHANGES: &str = "/rmdd.v1.ListingService/WatchChanges";

#[tonic::async_trait]
impl ListingService for Grpc {
    async fn get_provider(
        &self,
        request: Request<v1::GetProviderRequest>,
    ) -> Result<Response<v1::GetProviderResponse>, Status> {
        let request = request.into_inner();
        let at = optional_time_from_wire(request.at.as_ref())?;
        let who = convert::who_from_wire(request.identity.as_ref())?;
        let report = self.0.provider(&who, at, request.include_history).await?;
        Ok(Response::new(provider_to_wire(&report)))
    }

    async fn list_snapshots(
        &self,
        request: Request<v1::ListSnapshotsRequest>,
    ) -> Result<Response<v1::ListSnapshotsResponse>, Status> {
        let v1::ListSnapshotsRequest { since, until, page_size, page_token, .. } = request.into_inner();
        let (since, until) = (optional_time_from_wire(since.as_ref())?, optional_time_from_wire(until.as_ref())?);
        let page = self.0.snapshots(&SnapshotsRequest { since, until, page_size, page_token }).await?;
        Ok(Response::new(v1::ListSnapshotsResponse {
            snapshots: page.snapshots.iter().map(listed_to_wire).collect(),
            next_page_token: page.next_page_token,
            total: page.total,
        }))
    }

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Result<Response<v1::ListChangesResponse>, Status> {
        let request = request.into_inner();
        let who = request.identity.as_ref().map(|named| convert::who_from_wire(Some(named))).transpose()?;
        let request = ChangesRequest {
            who,
            after: ChangeSerial(request.after_serial),
            since: optional_time_from_wire(request.since.as_ref())?,
            until: optional_time_from_wire(request.until.as_ref())?,
            limit: request.limit,
            newest_first: request.newest_first,
            before: (request.before_serial > 0).then_some(ChangeSerial(request.before_serial)),
        };
        Ok(Response::new(changes_to_wire(&self.0.changes(request).await?)))
    }

    type WatchChangesStream = watch::WatchChanges;

    async fn watch_changes(
        &self,
        request: Request<v1::WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        let authorization = authorization(&request, WATCH_CHANGES);
        let stream = self.0.watch(watch::from_wire(request.get_ref()), client(&request), authorization).await?;
        Ok(Response::new(watch::WatchChanges(stream)))
    }

    type ExportListingStream = export::ExportStream;

    async fn export_listing(
        &self,
        request: Request<v1::ExportListingRequest>,
    ) -> Result<Response<Self::ExportListingStream>, Status> {
        let client = client(&request);
        let request = request.into_inner();
        let format = export::format_from_wire(request.format)?;
        let export = self.0.export(format, optional_time_from_wire(request.at.as_ref())?, client).await?;
        Ok(Response::new(export::ExportStream::new(export, request.at)))
    }

    async fn search_providers(
        &self,
        request: Request<v1::SearchProvidersRequest>,
    ) -> Result<Response<v1::SearchProvidersResponse>, Status> {
        let v1::SearchProvidersRequest { text, limit, .. } = request.into_inner();
        let report = self.0.search(&text, limit).await?;
        Ok(Response::new(v1::SearchProvidersResponse {
            matches: report.matches.iter().map(match_to_wire).collect(),
            snapshot: Some(convert::snapshot_to_wire(&report.snapshot)),
        }))
    }

    async fn list_removals(
        &self,
        request: Request<v1::ListRemovalsRequest>,
    ) -> Result<Response<v1::ListRemovalsResponse>, Status> {
        let v1::ListRemovalsRequest { since, until, include_reinstated, page_size, page_token } = request.into_inner();
        let (since, until) = (optional_time_from_wire(since.as_ref())?, optional_time_from_wire(until.as_ref())?);
        let page = self.0.removals(&RemovalsRequest { since, until, include_reinstated, page_size, page_token })?;
        Ok(Response::new(removals_to_wire(page)))
    }
}

fn provider_to_wire(report: &ProviderReport) -> v1::GetProviderResponse {
    v1::GetProviderResponse {
        filings: report.filings.iter().map(|filing| convert::current_to_wire(filing, Cells::Included)).collect(),
        removals: report.removals.iter().map(|removal| convert::removal_to_wire(removal, Cells::Included)).collect(),
        changes: report.changes.iter().map(convert::change_to_wire).collect(),
        snapshot: Some(convert::snapshot_to_wire(&report.snapshot)),
        at: report.at.map(time_to_wire),
    }
}

fn match_to_wire(found: &ListedMatch) -> v1::NameMatch {
    v1::NameMatch {
        filing: Some(convert::current_to_wire(&found.filing, Cells::Left)),
        removal: found
            .removal
            .as_ref()
            .map(|removal| v1::Removal { filing: None, ..convert::removal_to_wire(removal, Cells::Left) }),
        name: found.name.clone(),
        column: found.column.name().to_owned(),
        score: found.score,
    }
}

fn removals_to_wire(page: RemovalsPage) -> v1::ListRemovalsResponse {
    v1::ListRemovalsResponse {
        removals: page.removals.iter().map(|removal| convert::removal_to_wire(removal, Cells::Left)).collect(),
        next_page_token: page.next_page_token,
        total: page.total,
        snapshot: Some(convert::snapshot_to_wire(&page.snapshot)),
    }
}

fn changes_to_wire(page: &ChangesPage) -> v1::ListChangesResponse {
    let first_known = page.first_known.iter().map(|known| v1::FirstKnown {
        number: known.number.to_string(),
        at: Some(time_to_wire(known.at)),
        already_listed: known.already_listed,
    });
    v1::ListChangesResponse {
        changes: page.changes.iter().map(convert::change_to_wire).collect(),
        snapshot: Some(convert::snapshot_to_wire(&page.snapshot)),
        last_serial: page.last_serial.0,
        reaches_back_to: page.reaches_back_to.map(time_to_wire),
        first_known: first_known.collect(),
    }
}

fn listed_to_wire(listed: &ListedSnapshot) -> v1::ListedSnapshot {
    let note =
        |(code, message): &(&str, String)| v1::SnapshotNote { code: (*code).to_owned(), message: message.clone() };
    v1::ListedSnapshot {
        snapshot: Some(convert::snapshot_to_wire(&listed.snapshot)),
        applied_at: Some(time_to_wire(listed.applied_at)),
        filings: listed.filings,
        source: listed.source.clone(),
        bytes: listed.bytes,
        listed: listed.changes.listed,
        amended: listed.changes.amended,
        removed: listed.changes.removed,
        reinstated: listed.changes.reinstated,
        notes: listed.notes.iter().map(note).collect(),
    }
}
