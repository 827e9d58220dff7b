//! `WatchChanges`: the stream of changes, as messages.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_stream::Stream;
use tonic::Status;

use super::v1::watch_changes_request::Start;
use super::v1::watch_changes_response::Event;
use super::{convert, v1};
use crate::domain::{ChangeSerial, Sha256Digest, SnapshotSerial};
use crate::service::{WatchEvent, WatchRequest, WatchStart, WatchStream};

/// From where somebody watches.
pub fn from_wire(request: &v1::WatchChangesRequest) -> WatchRequest {
    WatchRequest {
        start: match request.start {
            Some(Start::FromNow(true)) => WatchStart::Now,
            Some(Start::AfterSerial(0) | Start::FromNow(false)) | None => WatchStart::Oldest,
            Some(Start::AfterSerial(after)) => WatchStart::After(ChangeSerial(after)),
        },
        // What is no digest is that of no snapshot.
        known: request.known.as_ref().map(|known| {
            let sha256 = <[u8; 32]>::try_from(&known.sha256[..]).unwrap_or_default();
            (SnapshotSerial(known.serial), Sha256Digest(sha256))
        }),
    }
}

/// What a watcher is sent.
pub struct WatchChanges(pub WatchStream);

impl Stream for WatchChanges {
    type Item = Result<v1::WatchChangesResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.0).poll_next(cx);
        next.map(|next| next.map(|event| event.map(event_to_wire).map_err(Status::from)))
    }
}

fn event_to_wire(event: WatchEvent) -> v1::WatchChangesResponse {
    let event = match event {
        WatchEvent::Change(change) => Event::Change(convert::change_to_wire(&change)),
        WatchEvent::Checkpoint { last, snapshot, caught_up } => Event::Checkpoint(v1::Checkpoint {
            last_serial: last.0,
            snapshot: Some(convert::snapshot_to_wire(&snapshot)),
            caught_up,
        }),
    };
    v1::WatchChangesResponse { event: Some(event) }
}
