//! Questions over HTTP, for switches that speak no gRPC, and what monitoring asks.
//!
//! Everything is in one [`router`]: whoever accepts the connections only hands requests to it. The answers are those of
//! the gRPC services, asked in this process, and as JSON those of the commands; `openapi.json` describes them, and is
//! served itself.

mod answer;
mod check;
mod health;
mod listing;
mod params;
mod problem;
mod scrape;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use tower_http::catch_panic::CatchPanicLayer;

use answer::Format;
use problem::Problem;

use crate::grpc::Services;
use crate::metrics::Way;
use crate::serving::Caller;

pub use problem::{HTTP_REASONS, denied};

/// The description of all this, in OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What is served, by path. `openapi.json` has them all; a test compares.
fn routes() -> Vec<(&'static str, MethodRouter<Services>)> {
    vec![
        ("/v1/check/{*who}", get(check::check)),
        ("/v1/providers/{*who}", get(listing::provider)),
        ("/v1/removals", get(listing::removals)),
        ("/v1/snapshots", get(listing::snapshots)),
        ("/healthz", get(health::healthz)),
        ("/readyz", get(health::readyz)),
        ("/metrics", get(scrape::metrics)),
        ("/openapi.json", get(answer::openapi)),
    ]
}

/// All that is served over HTTP.
pub fn router(services: Services) -> Router {
    let mut router = Router::new();
    for (path, methods) in routes() {
        router = router.route(path, methods);
    }
    router = router
        // A script that knows no name for an upstream asks like this, and a call to 911 is not to fail on it.
        .route("/v1/check", get(check::check))
        .route("/v1/check/", get(check::check));
    guarded(router.layer(from_fn_with_state(services.clone(), bounded))).with_state(services)
}

/// Holds clients to what they may ask for. A call to 911 is answered whatever was asked before it.
async fn bounded(State(services): State<Services>, request: Request, next: Next) -> Response {
    let questions = request.uri().path().starts_with("/v1/") && !params::is_emergency(request.uri());
    match request.extensions().get::<Arc<Caller>>().filter(|_| questions).map(|caller| caller.may_ask(1)) {
        Some(Err(status)) => {
            let check = request.uri().path().starts_with("/v1/check");
            if let Some(seen) = services.see(Way::Http, Instant::now()).filter(|_| check) {
                seen.not_decided(&status);
            }
            Problem::from(status).respond(Format::accepted(request.headers()))
        }
        _ => next.run(request).await,
    }
}

/// What goes wrong is told in the same form everywhere, and a fault in one answer stays with it.
fn guarded<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
}

#[cfg(test)]
mod tests;
