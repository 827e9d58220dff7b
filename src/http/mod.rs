//! Questions over HTTP, for switches that speak no gRPC, and what monitoring asks.
//!
//! Everything is in one [`router`]: whoever accepts the connections only hands requests to it.

mod health;

use axum::Router;
use axum::routing::get;

use crate::grpc::Services;

/// All that is served over HTTP.
pub fn router(services: Services) -> Router {
    Router::new().route("/healthz", get(health::healthz)).route("/readyz", get(health::readyz)).with_state(services)
}
