//! What went wrong, for whoever asked over HTTP: a status, a word to act on, and a sentence to read.

use std::any::Any;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::answer::{self, Format};
use crate::access::Denied;
use crate::grpc::{ErrorReason, from_denied};
use crate::visible::one_line;

/// The header that has the word.
const ERROR_HEADER: &str = "rmdd-error";

const INVALID_PARAMETER: &str = "INVALID_PARAMETER";
const PATH_UNKNOWN: &str = "PATH_UNKNOWN";
const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
const INTERNAL: &str = "INTERNAL";

/// The reasons that come over HTTP alone, besides those of [`ErrorReason`].
pub const HTTP_REASONS: [&str; 4] = [INVALID_PARAMETER, PATH_UNKNOWN, METHOD_NOT_ALLOWED, INTERNAL];

/// What went wrong.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    reason: String,
    message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error: Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    reason: &'a str,
    message: &'a str,
}

impl Problem {
    /// A parameter that is none, or whose value is none.
    pub fn parameter(message: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason: INVALID_PARAMETER.to_owned(), message }
    }

    /// A fault of this program.
    pub fn fault(message: &str) -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL, message.to_owned())
    }

    fn of(status: StatusCode, reason: &str, message: String) -> Self {
        Self { status, reason: reason.to_owned(), message }
    }

    /// The reason, if it is one that gRPC knows too.
    pub fn known(&self) -> Option<ErrorReason> {
        ErrorReason::named(&self.reason)
    }

    /// The answer.
    pub fn respond(&self, format: Format) -> Response {
        let mut response = match format {
            Format::Json => {
                let told = Told { reason: &self.reason, message: &self.message };
                answer::json(self.status, &Body { error: told })
            }
            Format::Text => answer::text(self.status, format!("ERROR {} {}\n", self.reason, one_line(&self.message))),
        };
        if let Ok(reason) = HeaderValue::from_str(&self.reason) {
            response.headers_mut().insert(ERROR_HEADER, reason);
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Status> for Problem {
    /// As Google's APIs map their codes.
    fn from(status: Status) -> Self {
        let code = match status.code() {
            Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => StatusCode::BAD_REQUEST,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::Aborted => StatusCode::CONFLICT,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
        Self {
            status: code,
            reason: reason.unwrap_or_else(|| INTERNAL.to_owned()),
            message: status.message().to_owned(),
        }
    }
}

/// Whoever asks may not.
pub fn denied(denied: &Denied, headers: &HeaderMap) -> Response {
    let mut response = Problem::from(from_denied(denied)).respond(Format::accepted(headers));
    if response.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"rmdd\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Nothing is served there.
pub async fn no_such_path(uri: Uri, headers: HeaderMap) -> Response {
    let message = format!("nothing is served at {}: /openapi.json says what is, and where", uri.path());
    Problem::of(StatusCode::NOT_FOUND, PATH_UNKNOWN, message).respond(Format::accepted(&headers))
}

/// Something is served there, but not so.
pub async fn no_such_method(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let message = format!("{} takes GET and HEAD, not {method}", uri.path());
    Problem::of(StatusCode::METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, message).respond(Format::accepted(&headers))
}

/// The code that made an answer is at fault. Whoever asked is told so, and the connection lives on.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let detail = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let detail = detail.unwrap_or("no message");
    tracing::error!(detail, "an answer over HTTP failed by a fault of this program: {detail}");
    let message = "this answer failed by a fault of rmdd; its log says more".to_owned();
    Problem::of(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL, message).respond(Format::Json)
}
