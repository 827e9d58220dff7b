//! The body of a request, as it arrives.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};

/// The body of a request, as it arrives.
#[derive(Debug)]
pub struct Incoming {
    body: hyper::body::Incoming,
    /// Where it is told that all of it was read, if somebody wants to know.
    is_read: Option<Arc<AtomicBool>>,
}

/// Whether a request of HTTP/1 has a body that nobody has read to its end: it stands before the next request, so the connection
/// ends behind the answer, which is to say so (RFC 9112, 9.6).
#[derive(Debug)]
pub(super) struct Unread(Option<Arc<AtomicBool>>);

impl Unread {
    /// Whether that is so.
    pub(super) fn is_left(&self) -> bool {
        self.0.as_ref().is_some_and(|is_read| !is_read.load(Ordering::Relaxed))
    }
}

impl Incoming {
    /// The request with such a body, and what tells of it.
    pub(super) fn of(request: Request<hyper::body::Incoming>) -> (Request<Self>, Unread) {
        let has_body = request.version() <= Version::HTTP_11 && !request.body().is_end_stream();
        let is_read = has_body.then(Arc::default);
        (request.map(|body| Self { body, is_read: is_read.clone() }), Unread(is_read))
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(is_read) = &self.is_read
            && (matches!(polled, Poll::Ready(None)) || self.body.is_end_stream())
        {
            is_read.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
