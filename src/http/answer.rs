//! Answers in the form that was asked for. None may be kept by anything on the way.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::OPENAPI;
use super::problem::Problem;
use crate::visible::to_json;

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

fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Text.
pub fn text(status: StatusCode, body: String) -> Response {
    respond(status, "text/plain; charset=utf-8", body)
}

/// A JSON object on a line, as the commands print it.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match to_json(body) {
        Ok(mut body) => {
            body.push('\n');
            respond(status, "application/json", body)
        }
        // Only maps with odd keys cannot be written, and there are none.
        Err(error) => super::problem::panicked(Box::new(error.to_string())),
    }
}

/// The answer, or what went wrong.
pub fn either(answer: Result<impl Serialize, Problem>, headers: &HeaderMap) -> Response {
    match answer {
        Ok(answer) => json(StatusCode::OK, &answer),
        Err(problem) => problem.respond(Format::accepted(headers)),
    }
}

/// The description of all this.
pub async fn openapi() -> Response {
    respond(StatusCode::OK, "application/json", OPENAPI)
}
