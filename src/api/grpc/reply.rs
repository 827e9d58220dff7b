//! What goes back over gRPC.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

use crate::transport::budget::Share;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const OK: HeaderValue = HeaderValue::from_static("0");

/// A long answer goes out in pieces of so many bytes: by each that is taken one sees that the client takes it.
const PIECE_BYTES: usize = 64 << 10;

/// What goes back.
#[derive(Debug, Default)]
pub enum Reply {
    /// One message, and then that all is well.
    Answer(Bytes),
    /// That all is well.
    Well,
    /// A long message, or one that was made beside calls.
    Made(Box<Made>),
    /// What tonic answers.
    Routed {
        /// Its body.
        body: tonic::body::Body,
        /// What it has of something that there is so much of.
        held: Option<Box<Share>>,
    },
    /// Nothing more.
    #[default]
    Done,
}

/// An answer whose bytes are there.
#[derive(Debug)]
pub struct Made {
    /// Those that were not taken yet. Where there are many, they have a share of the bytes that there may be.
    pub bytes: Bytes,
    /// What comes behind them.
    pub trailers: Option<HeaderMap>,
}

/// That all is well.
pub(super) fn well() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, OK);
    trailers
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *self {
            Self::Routed { body, .. } => return Pin::new(body).poll_frame(cx),
            Self::Made(made) if !made.bytes.is_empty() => {
                let length = made.bytes.len().min(PIECE_BYTES);
                return Poll::Ready(Some(Ok(Frame::data(made.bytes.split_to(length)))));
            }
            _ => {}
        }
        match std::mem::take(&mut *self) {
            Self::Answer(message) => {
                *self = Self::Well;
                Poll::Ready(Some(Ok(Frame::data(message))))
            }
            Self::Well => Poll::Ready(Some(Ok(Frame::trailers(well())))),
            Self::Made(made) => Poll::Ready(made.trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
            Self::Done | Self::Routed { .. } => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Answer(_) | Self::Well => false,
            Self::Made(made) => made.bytes.is_empty() && made.trailers.is_none(),
            Self::Routed { body, .. } => body.is_end_stream(),
            Self::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            // Not said, or it would become a header: a message tells its length itself.
            Self::Made(made) if made.bytes.is_empty() => SizeHint::with_exact(0),
            Self::Answer(_) | Self::Made(_) => SizeHint::default(),
            Self::Routed { body, .. } => body.size_hint(),
            Self::Well | Self::Done => SizeHint::with_exact(0),
        }
    }
}
