//! What went wrong, for whoever asked over HTTP: a status, a word to act on, and a sentence to read.

use std::any::Any;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::response::Response;
use serde::Serialize;

use super::answer::{self, Format, Reply};
use crate::domain::visible::one_line;
use crate::domain::{ErrorKind, ErrorReason, Rejection};
use crate::transport::auth::Denied;
use crate::transport::is_host;

/// The header that has the word.
pub(super) const ERROR_HEADER: &str = "rmdd-error";

const INVALID_HOST: &str = "INVALID_HOST";
const INVALID_PARAMETER: &str = "INVALID_PARAMETER";
const PATH_UNKNOWN: &str = "PATH_UNKNOWN";
const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";

/// The reasons that come over HTTP alone, besides those of [`ErrorReason`].
pub const HTTP_REASONS: [&str; 4] = [INVALID_HOST, INVALID_PARAMETER, PATH_UNKNOWN, METHOD_NOT_ALLOWED];

/// What went wrong.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    word: &'static str,
    /// The same, where gRPC knows it too.
    reason: Option<ErrorReason>,
    message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error: Explained<'a>,
}

#[derive(Serialize)]
struct Explained<'a> {
    reason: &'a str,
    message: &'a str,
}

impl Problem {
    /// A parameter that is none, or whose value is none.
    pub fn parameter(message: String) -> Self {
        Self::of(StatusCode::BAD_REQUEST, INVALID_PARAMETER, message)
    }

    /// A fault of this program.
    pub fn fault(message: &str) -> Self {
        Self::from(ErrorReason::Internal.reject(message))
    }

    /// Something is served there, but not so.
    pub fn method(method: &Method, uri: &Uri) -> Self {
        let message = format!("{} takes GET and HEAD, not {method}", uri.path());
        Self::of(StatusCode::METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, message)
    }

    /// The status that goes with a reason.
    pub fn status_of(reason: ErrorReason) -> StatusCode {
        status(reason)
    }

    /// When to ask again after a 429, in seconds.
    pub fn retry_after(reason: ErrorReason) -> HeaderValue {
        HeaderValue::from_static(if reason == ErrorReason::TooManyTries { "60" } else { "1" })
    }

    fn of(status: StatusCode, word: &'static str, message: String) -> Self {
        Self { status, word, reason: None, message }
    }

    /// The reason, if it is one that gRPC knows too.
    pub fn reason(&self) -> Option<ErrorReason> {
        self.reason
    }

    /// The rejection that it comes from, or one as near as there is.
    pub fn into_rejection(self) -> Rejection {
        self.reason.unwrap_or(ErrorReason::Internal).reject(self.message)
    }

    /// The answer, of a router.
    pub fn respond(&self, format: Format) -> Response {
        self.reply(format).map(axum::body::Body::new)
    }

    /// The answer.
    pub fn reply(&self, format: Format) -> Reply {
        let mut response = match format {
            Format::Json => {
                let error = Explained { reason: self.word, message: &self.message };
                answer::json(self.status, &Body { error })
            }
            Format::Text => answer::line(self.status, format!("ERROR {} {}\n", self.word, one_line(&self.message))),
        };
        response.headers_mut().insert(ERROR_HEADER, HeaderValue::from_static(self.word));
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let after = Self::retry_after(self.reason.unwrap_or(ErrorReason::Overloaded));
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        response
    }
}

/// The status that goes with a reason, as Google's APIs map their codes.
fn status(reason: ErrorReason) -> StatusCode {
    match reason.kind() {
        ErrorKind::InvalidArgument | ErrorKind::OutOfRange | ErrorKind::FailedPrecondition => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Aborted => StatusCode::CONFLICT,
        ErrorKind::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
    }
}

impl From<Rejection> for Problem {
    fn from(Rejection { reason, message, .. }: Rejection) -> Self {
        Self { status: status(reason), word: reason.as_str(), reason: Some(reason), message }
    }
}

/// The answer, or what went wrong.
pub fn either(answer: Result<impl Serialize, &Problem>, headers: &HeaderMap) -> Response {
    match answer {
        Ok(answer) => answer::json(StatusCode::OK, &answer).map(axum::body::Body::new),
        Err(problem) => problem.respond(Format::accepted(headers)),
    }
}

/// How somebody shows a token: alone, or with its name as a browser asks a person for it. A client that chooses by itself, as
/// curl does where it is told to take what is offered, knows but the second.
pub(super) const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"rmdd\"");
pub(super) const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"rmdd\", charset=\"UTF-8\"");

/// Whoever asks may not.
pub fn denied(denied: &Denied, headers: &HeaderMap) -> Reply {
    let mut response = Problem::from(Rejection::from(denied)).reply(Format::accepted(headers));
    if response.status() == StatusCode::UNAUTHORIZED {
        for challenge in [BEARER, BASIC] {
            response.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
        }
    }
    response
}

/// Whether a request says which host it is for, as each of HTTP/1.1 has to, by one header (RFC 9112, 3.2).
pub fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    if version != Version::HTTP_11 {
        return Ok(());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let wrong = match (hosts.next(), hosts.next()) {
        (None, _) => "has none",
        (Some(_), Some(_)) => "has more than one",
        (Some(host), None) if !is_host(host.as_bytes()) => "has one that is no host",
        (Some(_), None) => return Ok(()),
    };
    let message = format!("a request of HTTP/1.1 has one Host header (RFC 9112, section 3.2), and this one {wrong}");
    Err(Problem::of(StatusCode::BAD_REQUEST, INVALID_HOST, message))
}

/// More requests are under way than the daemon can keep, many of them on this connection: nobody seems to take the answers,
/// so this one has no body that would wait, too.
pub fn crowded() -> Reply {
    let word = HeaderValue::from_static(ErrorReason::Overloaded.as_str());
    let mut response = Reply::new(super::ReplyBody::Whole(Default::default()));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(ERROR_HEADER, word);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Nothing is served there.
pub async fn no_such_path(uri: Uri, headers: HeaderMap) -> Response {
    let message = format!("nothing is served at {}: /openapi.json says what is, and where", uri.path());
    Problem::of(StatusCode::NOT_FOUND, PATH_UNKNOWN, message).respond(Format::accepted(&headers))
}

/// Something is served there, but not so.
pub async fn no_such_method(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    Problem::method(&method, &uri).respond(Format::accepted(&headers))
}

/// The code that made an answer is at fault. Whoever asked is told so, and the connection lives on.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    panicked_reply(panic).map(axum::body::Body::new)
}

/// The same, without a router.
pub fn panicked_reply(panic: Box<dyn Any + Send>) -> Reply {
    let detail = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let detail = detail.unwrap_or("no message");
    tracing::error!(detail, "an answer over HTTP failed by a fault of this program: {detail}");
    Problem::fault("this answer failed by a fault of rmdd; its log says more").reply(Format::Json)
}
