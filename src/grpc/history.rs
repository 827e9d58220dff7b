//! Questions about the past: moments, changes by serial, and whole listings.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::convert::{self, time_from_wire, time_to_wire};
use super::listing::known;
use super::{ErrorReason, Services, error, v1};
use crate::clock;
use crate::domain::{Change, ChangeKind, ChangeSerial, RmdNumber, SnapshotSerial};
use crate::export::{self, Format};
use crate::index::Index;
use crate::moments::Moment;
use crate::records::Resolved;
use crate::store::{ChangesAsked, Store, StoreError};

const DEFAULT_CHANGES: usize = 500;
const MOST_CHANGES: usize = 2000;

/// A piece of an export. So many are ready at most: a slow reader costs no more memory.
const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_READY: usize = 4;

/// The pieces of an export.
pub type ExportStream = ReceiverStream<Result<v1::ExportListingResponse, Status>>;

/// A time in a request.
pub(super) fn time(at: &prost_types::Timestamp) -> Result<Timestamp, Status> {
    time_from_wire(at).ok_or_else(|| ErrorReason::InvalidTime.status("the time is out of range"))
}

impl Services {
    /// What was known at a moment.
    pub(super) async fn moment(&self, at: &prost_types::Timestamp) -> Result<(Timestamp, Moment), Status> {
        let at = time(at)?;
        let (current, records) = (self.index.load_full(), self.records.load_full());
        let moment = self.moments.at(&self.store, current, records, at, clock::now()).await;
        moment.map(|moment| (at, moment)).map_err(|error| error::from_moment(&error))
    }

    pub(super) async fn changes(&self, request: v1::ListChangesRequest) -> Result<v1::ListChangesResponse, Status> {
        let now = clock::now();
        let index = convert::loaded(&self.index)?;
        let filings = match &request.identity {
            None => None,
            Some(named) => {
                let (_, Resolved { identity, .. }) = convert::who(Some(named), &self.records.load(), now)?;
                let (standing, removals) = known(&index, identity);
                let mut numbers: Vec<RmdNumber> = standing.iter().map(|filing| filing.number()).collect();
                numbers.extend(removals.iter().map(|removal| removal.filing.number()));
                numbers.sort_unstable();
                numbers.dedup();
                Some(numbers)
            }
        };
        let asked = ChangesAsked {
            after: ChangeSerial(request.after_serial),
            since: request.since.as_ref().map(time).transpose()?,
            until: request.until.as_ref().map(time).transpose()?,
            filings,
        };
        let limit = match request.limit {
            0 => DEFAULT_CHANGES,
            limit => usize::try_from(limit).unwrap_or(MOST_CHANGES).min(MOST_CHANGES),
        };
        let store = Arc::clone(&self.store);
        let read = tokio::task::spawn_blocking(move || read(&store, &asked, limit))
            .await
            .map_err(|_| ErrorReason::StoreFailed.status("reading the store was interrupted"))?;
        let Read { changes, first_known, began, reaches_back_to } = read.map_err(|error| error::from_store(&error))?;
        if request.after_serial > 0 && request.after_serial < began.0 {
            return Err(ErrorReason::CursorExpired.status(format!(
                "changes behind {} are no longer kept: the history begins behind change {began}",
                request.after_serial
            )));
        }
        Ok(v1::ListChangesResponse {
            changes: changes.iter().map(convert::change).collect(),
            snapshot: Some(convert::snapshot(&index, now)),
            last_serial: index.last_change().0,
            reaches_back_to: reaches_back_to.map(time_to_wire),
            first_known,
        })
    }

    pub(super) async fn export(&self, request: v1::ExportListingRequest) -> Result<ExportStream, Status> {
        let format = match convert::known("format", request.format)? {
            v1::ExportFormat::Unspecified | v1::ExportFormat::Csv => Format::Csv,
            v1::ExportFormat::JsonLines => Format::JsonLines,
        };
        let (at, index) = match &request.at {
            Some(at) => self.moment(at).await.map(|(at, moment)| (at, moment.index))?,
            None => (clock::now(), convert::loaded(&self.index)?),
        };
        let (sender, receiver) = mpsc::channel(CHUNKS_READY);
        let snapshot = Some(convert::snapshot(&index, at));
        let asked_at = request.at.map(|_| time_to_wire(at));
        tokio::task::spawn_blocking(move || {
            let mut chunks = Chunks { snapshot, asked_at, gathered: Vec::with_capacity(CHUNK_BYTES), sender };
            // It fails only where the reader has gone.
            let _ = write(&index, format, &mut chunks);
        });
        Ok(ReceiverStream::new(receiver))
    }
}

fn write(index: &Index, format: Format, chunks: &mut Chunks) -> io::Result<()> {
    export::write(index.snapshot(), format, chunks)?;
    chunks.flush()
}

/// Gathers what is written into pieces and sends them, no faster than they are read.
struct Chunks {
    snapshot: Option<v1::SnapshotRef>,
    asked_at: Option<prost_types::Timestamp>,
    gathered: Vec<u8>,
    sender: mpsc::Sender<Result<v1::ExportListingResponse, Status>>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::take(&mut self.gathered));
        let piece = v1::ExportListingResponse { snapshot: self.snapshot.take(), chunk, at: self.asked_at.take() };
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

struct Read {
    changes: Vec<Change>,
    first_known: Vec<v1::FirstKnown>,
    /// The newest change that is not in the history any more.
    began: ChangeSerial,
    reaches_back_to: Option<Timestamp>,
}

fn read(store: &Store, asked: &ChangesAsked, limit: usize) -> Result<Read, StoreError> {
    let changes = store.changes(asked, limit)?;
    let began = store.changes_kept()?.behind;
    let reaches_back_to = store.oldest_snapshot()?.map(|record| record.applied_at);
    let mut first: BTreeMap<RmdNumber, Option<Change>> = BTreeMap::new();
    for number in asked.filings.iter().flatten() {
        first.insert(*number, store.changes_of(*number)?.into_iter().next());
    }
    let floor = store.history_floor()?;
    let first_known = first.into_iter().filter_map(|(number, change)| {
        // What a dropped change listed was there when the kept history begins.
        let listed = change.filter(|change| matches!(change.kind, ChangeKind::Listed));
        let at = listed.as_ref().map(|change| change.observed_at).or(reaches_back_to)?;
        let already_listed = listed.is_none_or(|change| change.snapshot == SnapshotSerial::FIRST.max(floor));
        Some(v1::FirstKnown { number: number.to_string(), at: Some(time_to_wire(at)), already_listed })
    });
    Ok(Read { changes, first_known: first_known.collect(), began, reaches_back_to })
}
