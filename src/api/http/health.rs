//! Whether the process lives, and whether it should be asked.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::Shared;
use super::answer::{Format, text};
use super::params::QueryString;
use super::problem::Problem;

/// It answers: it lives.
pub async fn healthz() -> Response {
    text(StatusCode::OK, "ok\n".to_owned())
}

/// Ready while a listing is loaded and the daemon is not stopping.
pub async fn readyz(State(services): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    match QueryString::read(&uri).params(&[]).and_then(|_| services.ready().map_err(Problem::from)) {
        Ok(()) => text(StatusCode::OK, "ready\n".to_owned()),
        Err(problem) => problem.respond(Format::accepted(&headers)),
    }
}
