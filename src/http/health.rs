//! Whether the process lives, and whether it should be asked.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::answer::{Format, text};
use super::params::Params;
use super::problem::Problem;
use crate::grpc::{ErrorReason, Services, snapshot_not_loaded};

/// It answers: it lives.
pub async fn healthz() -> Response {
    text(StatusCode::OK, "ok\n".to_owned())
}

/// Ready while a listing is loaded and the daemon is not stopping.
pub async fn readyz(State(services): State<Services>, uri: Uri, headers: HeaderMap) -> Response {
    match ready(&services, &uri) {
        Ok(()) => text(StatusCode::OK, "ready\n".to_owned()),
        Err(problem) => problem.respond(Format::accepted(&headers)),
    }
}

fn ready(services: &Services, uri: &Uri) -> Result<(), Problem> {
    Params::read(uri, &[])?;
    if services.stopping.load(Ordering::Relaxed) {
        return Err(ErrorReason::ShuttingDown.status("the daemon is stopping: ask another").into());
    }
    if services.index.load().is_none() {
        return Err(snapshot_not_loaded().into());
    }
    Ok(())
}
