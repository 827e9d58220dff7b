//! `ListingService`: what the database holds and held.

use std::collections::BTreeSet;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::convert::{self, Cells};
use super::history::time;
use super::v1::listing_service_server::ListingService;
use super::{ErrorReason, Services, error, v1};
use crate::clock;
use crate::domain::{Change, Filing, Identity, Removal, RmdNumber};
use crate::index::Index;
use crate::records::Resolved;
use crate::search::search;
use crate::store::StoreError;

const DEFAULT_PAGE: usize = 500;
const DEFAULT_MATCHES: usize = 20;
const MOST_MATCHES: usize = 200;
const LONGEST_SEARCH: usize = 200;
const LARGEST_PAGE: usize = 2000;

#[tonic::async_trait]
impl ListingService for Services {
    async fn get_provider(
        &self,
        request: Request<v1::GetProviderRequest>,
    ) -> Result<Response<v1::GetProviderResponse>, Status> {
        let request = request.into_inner();
        let (now, index, records) = match &request.at {
            Some(at) => {
                let (at, moment) = self.moment(at).await?;
                (at, moment.index, moment.records)
            }
            None => (clock::now(), convert::loaded(&self.index)?, self.records.load_full()),
        };
        let (_, Resolved { identity, .. }) = convert::who(request.identity.as_ref(), &records, now)?;
        let (filings, removals) = known(&index, identity);
        let mut changes = if request.include_history {
            let mut numbers: BTreeSet<RmdNumber> = filings.iter().map(|filing| filing.number()).collect();
            numbers.extend(removals.iter().map(|removal| removal.filing.number()));
            self.history(numbers).await?
        } else {
            Vec::new()
        };
        changes.retain(|change| change.snapshot <= index.snapshot().serial);
        Ok(Response::new(v1::GetProviderResponse {
            filings: filings.iter().map(|filing| convert::standing(&index, filing, Cells::Included)).collect(),
            removals: removals.iter().map(|removal| convert::removal(removal, Cells::Included)).collect(),
            changes: changes.iter().map(convert::change).collect(),
            snapshot: Some(convert::snapshot(&index, now)),
            at: request.at.map(|_| convert::time_to_wire(now)),
        }))
    }

    async fn list_snapshots(
        &self,
        request: Request<v1::ListSnapshotsRequest>,
    ) -> Result<Response<v1::ListSnapshotsResponse>, Status> {
        self.snapshots(request.into_inner()).await.map(Response::new)
    }

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Result<Response<v1::ListChangesResponse>, Status> {
        self.changes(request.into_inner()).await.map(Response::new)
    }

    type WatchChangesStream = super::watch_changes::WatchStream;

    async fn watch_changes(
        &self,
        request: Request<v1::WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        self.watch(request).await.map(Response::new)
    }

    type ExportListingStream = super::history::ExportStream;

    async fn export_listing(
        &self,
        request: Request<v1::ExportListingRequest>,
    ) -> Result<Response<Self::ExportListingStream>, Status> {
        self.export(request.into_inner()).await.map(Response::new)
    }

    async fn search_providers(
        &self,
        request: Request<v1::SearchProvidersRequest>,
    ) -> Result<Response<v1::SearchProvidersResponse>, Status> {
        let request = request.into_inner();
        let index = convert::loaded(&self.index)?;
        let limit = match request.limit {
            0 => DEFAULT_MATCHES,
            limit => usize::try_from(limit).unwrap_or(MOST_MATCHES).min(MOST_MATCHES),
        };
        let text: String = request.text.chars().take(LONGEST_SEARCH).collect();
        let searched = Arc::clone(&index);
        // Some milliseconds, and more where the names are not ready yet: no call's answer should wait for them.
        let matches = tokio::task::spawn_blocking(move || search(&searched, &text, limit))
            .await
            .map_err(|_| Status::internal("the search came to an unexpected end"))?;
        Ok(Response::new(v1::SearchProvidersResponse {
            matches: matches
                .iter()
                .map(|found| v1::NameMatch {
                    filing: Some(convert::standing(&index, &found.filing, Cells::Left)),
                    removal: found
                        .removal
                        .as_ref()
                        .map(|removal| v1::Removal { filing: None, ..convert::removal(removal, Cells::Left) }),
                    name: found.name.clone(),
                    column: found.column.name().to_owned(),
                    score: found.score,
                })
                .collect(),
            snapshot: Some(convert::snapshot(&index, clock::now())),
        }))
    }

    async fn list_removals(
        &self,
        request: Request<v1::ListRemovalsRequest>,
    ) -> Result<Response<v1::ListRemovalsResponse>, Status> {
        let request = request.into_inner();
        let index = convert::loaded(&self.index)?;
        let since = request.since.as_ref().map(time).transpose()?;
        let page = match request.page_size {
            0 => DEFAULT_PAGE,
            size => usize::try_from(size).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE),
        };
        let behind = match request.page_token.as_str() {
            "" => None,
            token => Some(read_token(token).ok_or_else(|| {
                ErrorReason::InvalidPageToken.status(format!("{token:?} is no page token of this daemon"))
            })?),
        };
        let matching: Vec<&Arc<Removal>> = index
            .removals()
            .newest_first()
            .filter(|removal| request.include_reinstated || removal.reinstated_at.is_none())
            .filter(|removal| since.is_none_or(|since| removal.first_missing_at >= since))
            .collect();
        let rest = matching.iter().filter(|removal| behind.is_none_or(|behind| key(removal) < behind));
        let mut removals: Vec<&Arc<Removal>> = rest.take(page + 1).copied().collect();
        let next_page_token = if removals.len() > page {
            removals.truncate(page);
            removals.last().map(|last| token(key(last))).unwrap_or_default()
        } else {
            String::new()
        };
        Ok(Response::new(v1::ListRemovalsResponse {
            removals: removals.into_iter().map(|removal| convert::removal(removal, Cells::Left)).collect(),
            next_page_token,
            total: matching.len() as u64,
            snapshot: Some(convert::snapshot(&index, clock::now())),
        }))
    }
}

/// A removal's place in the order of removals. It holds across pages even if a sync comes between them.
fn key(removal: &Removal) -> (u64, u32) {
    (removal.snapshot.0, removal.filing.number().value())
}

fn token((serial, number): (u64, u32)) -> String {
    format!("{serial}.{number}")
}

fn read_token(token: &str) -> Option<(u64, u32)> {
    let (serial, number) = token.split_once('.')?;
    Some((serial.parse().ok()?, number.parse().ok()?))
}

/// The standing filings and the removals under an identity. By one filing's number, that filing's alone.
pub(super) fn known(index: &Index, identity: Identity) -> (Vec<Arc<Filing>>, Vec<Arc<Removal>>) {
    let filings: Vec<Arc<Filing>> = match identity {
        Identity::Frn(frn) => index.by_frn(frn).map(|standing| Arc::clone(standing.filing())).collect(),
        Identity::RmdNumber(number) => {
            index.by_number(number).map(|standing| Arc::clone(standing.filing())).into_iter().collect()
        }
    };
    let removals = index
        .removals()
        .newest_first()
        .filter(|removal| match identity {
            Identity::Frn(frn) => removal.filing.frn() == Some(frn),
            Identity::RmdNumber(number) => removal.filing.number() == number,
        })
        .cloned()
        .collect();
    (filings, removals)
}

impl Services {
    async fn history(&self, numbers: BTreeSet<RmdNumber>) -> Result<Vec<Change>, Status> {
        let store = Arc::clone(&self.store);
        let read = move || {
            let mut changes = Vec::new();
            for number in numbers {
                changes.extend(store.changes_of(number)?);
            }
            changes.sort_by_key(|change| change.serial);
            Ok::<_, StoreError>(changes)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| ErrorReason::StoreFailed.status("reading the store was interrupted"))?
            .map_err(|error| error::from_store(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_is_read_back_and_rubbish_is_not() {
        assert_eq!(read_token(&token((7, 1410))), Some((7, 1410)));
        for rubbish in ["", "7", "7.x", ".", "-1.2"] {
            assert_eq!(read_token(rubbish), None, "{rubbish:?}");
        }
    }
}
