//! Answers in the form that was asked for. None may be kept by anything on the way.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use serde::Serialize;

use super::OPENAPI;
use crate::domain::visible::to_json;

/// So many headers an answer has, those that hyper adds among them.
const HEADERS: usize = 9;

/// In which form an answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// One line of text.
    Text,
}

impl Format {
    /// The form that the client prefers: JSON, unless it names text/plain and wants JSON less.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let (mut text, mut json) = (0.0, 0.0);
        let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in accepts.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0f32);
            if media.eq_ignore_ascii_case("text/plain") {
                text = quality;
            } else if media.eq_ignore_ascii_case("application/json") {
                json = quality;
            }
        }
        if text > json { Self::Text } else { Self::Json }
    }
}

/// What goes back without a router.
pub type Reply = http::Response<ReplyBody>;

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// All of it at hand. What was made beside calls has a share of the bytes that there may be.
    Whole(Full<Bytes>),
    /// As a router has it.
    Routed(Body),
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Routed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Routed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Routed(body) => body.size_hint(),
        }
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut response = Reply::new(ReplyBody::Whole(Full::new(body.into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Text.
pub fn line(status: StatusCode, body: String) -> Reply {
    respond(status, "text/plain; charset=utf-8", body)
}

/// Text, of a router.
pub fn text(status: StatusCode, body: String) -> Response {
    line(status, body).map(Body::new)
}

/// A JSON object on a line, as the commands print it.
pub fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    match to_json(body) {
        Ok(mut body) => {
            body.push('\n');
            respond(status, "application/json", body)
        }
        // Only maps with odd keys cannot be written, and there are none.
        Err(error) => super::problem::panicked_reply(Box::new(error.to_string())),
    }
}

/// The description of all this.
pub async fn openapi() -> Response {
    respond(StatusCode::OK, "application/json", OPENAPI).map(Body::new)
}
