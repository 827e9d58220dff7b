//! Streams of bytes: a listing, a copy of the store.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

use super::{convert, v1};
use crate::domain::Rejection;
use crate::listing::canonical::Format;
use crate::service::{CopyPiece, Export};

/// The format of an export.
pub fn format_from_wire(format: i32) -> Result<Format, Rejection> {
    Ok(match convert::known("format", format)? {
        v1::ExportFormat::Unspecified | v1::ExportFormat::Csv => Format::Csv,
        v1::ExportFormat::Jsonl => Format::JsonLines,
    })
}

type Piece = Result<Option<(Bytes, Export)>, Rejection>;

/// The pieces of an export, each made when the one before was taken.
pub struct ExportStream {
    /// Told with the first piece.
    snapshot: Option<v1::SnapshotRef>,
    at: Option<prost_types::Timestamp>,
    next: Option<Pin<Box<dyn Future<Output = Piece> + Send>>>,
}

impl ExportStream {
    /// The pieces of this export, of the time that was asked for.
    pub fn new(export: Export, at: Option<prost_types::Timestamp>) -> Self {
        Self { snapshot: Some(convert::snapshot_to_wire(&export.snapshot)), at, next: Some(Box::pin(export.next())) }
    }
}

impl Stream for ExportStream {
    type Item = Result<v1::ExportListingResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let piece = ready!(next.as_mut().poll(cx));
        self.next = None;
        let chunk = match piece {
            Ok(Some((chunk, rest))) => {
                self.next = Some(Box::pin(rest.next()));
                chunk
            }
            // One that has nothing in it says whose it is all the same.
            Ok(None) if self.snapshot.is_some() => Bytes::new(),
            Ok(None) => return Poll::Ready(None),
            Err(rejection) => return Poll::Ready(Some(Err(rejection.into()))),
        };
        let (snapshot, at) = (self.snapshot.take(), self.at.take());
        Poll::Ready(Some(Ok(v1::ExportListingResponse { snapshot, chunk, at })))
    }
}

/// The pieces of a copy of the store.
pub struct BackupStream(pub mpsc::Receiver<Result<CopyPiece, Rejection>>);

impl Stream for BackupStream {
    type Item = Result<v1::BackupResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = ready!(self.0.poll_recv(cx));
        Poll::Ready(piece.map(|piece| {
            let CopyPiece { chunk, size, sha256 } = piece?;
            let sha256 = sha256.map(|digest| Bytes::copy_from_slice(&digest.0)).unwrap_or_default();
            Ok(v1::BackupResponse { chunk, size: size.unwrap_or_default(), sha256 })
        }))
    }
}
