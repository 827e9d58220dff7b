//! Whether the process lives, and whether it should be asked.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;

use crate::grpc::Services;

/// It answers: it lives.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready while a listing is loaded and the daemon is not stopping.
pub async fn readyz(State(services): State<Services>) -> (StatusCode, &'static str) {
    if services.stopping.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping\n");
    }
    if services.index.load().is_none() {
        return (StatusCode::SERVICE_UNAVAILABLE, "no listing was ever loaded: ask again after the first sync\n");
    }
    (StatusCode::OK, "ready\n")
}
