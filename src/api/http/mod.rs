//! Queries over HTTP, for switches that speak no gRPC, and what monitoring asks.
//!
//! The query of every call goes straight to its answer (`check`), everything else through one [`router`]. As JSON the
//! answers are those of the commands; `openapi.json` describes them, and is served itself.

mod answer;
mod check;
mod health;
mod listing;
pub mod metrics;
mod page;
mod params;
mod problem;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use futures_util::FutureExt;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use answer::{Format, Reply};
use params::QueryString;
use problem::Problem;

use crate::api::{page as pages, weights};
use crate::domain::{ErrorReason, Interface};
use crate::observe::Came;
use crate::service::Services;
use crate::transport::auth::Right;
use crate::transport::{Caller, Get, Incoming, Respond};

pub use answer::ReplyBody;
pub use page::Hosts;
pub use problem::HTTP_REASONS;

/// The description of all this, in OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What all answers are made from.
pub(crate) type Shared = Arc<Services>;

/// What is served, by path. `openapi.json` has them all; a test compares.
fn routes() -> Vec<(&'static str, MethodRouter<Shared>)> {
    vec![
        ("/v1/check/{*who}", get(routed_check)),
        ("/v1/providers/{*who}", get(listing::provider)),
        ("/v1/removals", get(listing::removals)),
        ("/v1/snapshots", get(listing::snapshots)),
        ("/healthz", get(health::healthz)),
        ("/readyz", get(health::readyz)),
        ("/metrics", get(metrics::metrics)),
        ("/openapi.json", get(answer::openapi)),
    ]
}

/// All that is served over HTTP, without regard to who asks.
pub fn router(services: Shared) -> Router {
    let mut router = Router::new();
    for (path, methods) in routes() {
        router = router.route(path, methods);
    }
    router = router
        // A script that knows no name for an upstream asks like this, and a call to 911 is not to fail on it.
        .route("/v1/check", get(routed_check))
        .route("/v1/check/", get(routed_check));
    with_fallbacks(router).with_state(services)
}

async fn routed_check(State(services): State<Shared>, uri: Uri, headers: HeaderMap) -> axum::response::Response {
    check::check(&services, (uri.path(), &headers), &QueryString::read(&uri), None, false)
        .await
        .map(axum::body::Body::new)
}

/// What goes wrong is told in the same form everywhere, and a fault in one answer stays with it.
fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
}

/// How the paths begin under which something else than checks is served. Whoever asks for that asks for no call.
fn other_paths() -> Box<[&'static str]> {
    let begins = |route: &'static str| route.split_once('{').map_or(route, |(begins, _)| begins);
    routes().into_iter().map(|(route, _)| begins(route)).filter(|begins| *begins != check::PREFIX).collect()
}

/// The answers of one listener.
#[derive(Debug)]
pub struct HttpService {
    services: Shared,
    router: Router,
    other_paths: Box<[&'static str]>,
    hosts: Hosts,
}

impl HttpService {
    /// Answers from these services.
    pub fn new(services: Shared) -> Self {
        let (router, other_paths) = (router(Arc::clone(&services)), other_paths());
        Self { router, services, other_paths, hosts: Hosts::default() }
    }

    /// The same, with the page under these names.
    pub fn under(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }

    /// By which right a check is answered, or what is answered instead.
    fn may_check(
        (path, headers): (&str, &HeaderMap),
        query: &QueryString<'_>,
        caller: &Caller,
    ) -> Result<Right, Box<Reply>> {
        if !query.is_emergency() && caller.activity.crowds() {
            return Err(Box::new(problem::crowded()));
        }
        if query.is_emergency() && caller.session.is_answered_without_token() {
            return Ok(Right::Query);
        }
        caller.session.check_http(path, headers).map_err(|denied| Box::new(problem::denied(&denied, headers)))
    }

    /// The answer to any request.
    async fn answer(&self, request: Request<Incoming>, caller: &Arc<Caller>) -> Response<ReplyBody> {
        let path = request.uri().path();
        let query = QueryString::read(request.uri());
        // Whatever the method, the path and the token are: a call to 911 waits for the answer.
        let is_emergency = query.is_emergency() && !self.other_paths.iter().any(|other| path.starts_with(other));
        if !is_emergency && let Err(problem) = problem::check_host(request.version(), request.headers()) {
            return problem.reply(Format::accepted(request.headers()));
        }
        let is_check = path.strip_prefix("/v1/check").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_emergency || (is_check && matches!(*request.method(), Method::GET | Method::HEAD)) {
            let asked = (path, request.headers());
            return match Self::may_check(asked, &query, caller) {
                Ok(right) if query.is_about_the_past() => self.check_past(&request, caller, right).await,
                Ok(right) => self.check(asked, &query, caller, right).await,
                Err(reply) => *reply,
            };
        }
        if caller.activity.crowds() {
            return problem::crowded();
        }
        let right = caller.session.check_http(path, request.headers());
        if let Some(path) = pages::Path::read(path) {
            return self.page(path, request, caller, right).await;
        }
        if let Err(denied) = right {
            return problem::denied(&denied, request.headers());
        }
        if let Some(weight) = weight(path) {
            if weight > 0
                && let Err(rejection) = caller.may_ask_for(weight)
            {
                return Problem::from(rejection).reply(Format::accepted(request.headers()));
            }
            return self.made(request, caller).await;
        }
        match self.router.clone().oneshot(request).await {
            Ok(response) => response.map(ReplyBody::Routed),
            Err(never) => match never {},
        }
    }

    /// The query of every call, without what a router costs. Nothing is waited for.
    async fn check(
        &self,
        (path, headers): (&str, &HeaderMap),
        query: &QueryString<'_>,
        caller: &Caller,
        right: Right,
    ) -> Reply {
        // A call to 911 is answered whatever was asked before it.
        if !query.is_emergency()
            && let Err(rejection) = caller.may_ask(1)
        {
            if let Some(seen) = self.services.see(Came::over(Interface::Http, std::time::Instant::now())) {
                seen.rejected(&rejection);
            }
            return Problem::from(rejection).reply(Format::accepted(headers));
        }
        let notes = right >= Right::Operator;
        let checked = check::check(&self.services, (path, headers), query, Some(&caller.session), notes);
        AssertUnwindSafe(checked).catch_unwind().await.unwrap_or_else(problem::panicked_reply)
    }

    /// A query about the past: for no call, and worked out in its turn.
    async fn check_past(&self, request: &Request<Incoming>, caller: &Arc<Caller>, right: Right) -> Reply {
        let (format, notes) = (Format::accepted(request.headers()), right >= Right::Operator);
        if let Err(rejection) = caller.may_ask_for(weights::LOOK_UP) {
            return Problem::from(rejection).reply(format);
        }
        let (services, uri, headers) = (Arc::clone(&self.services), request.uri().clone(), request.headers().clone());
        let asking = Arc::clone(caller);
        let work = async move {
            let query = QueryString::read(&uri);
            let checked = check::check(&services, (uri.path(), &headers), &query, Some(&asking.session), notes);
            let checked = AssertUnwindSafe(checked);
            checked.catch_unwind().await.unwrap_or_else(problem::panicked_reply)
        };
        let answered = self.services.budget.work.run(&caller.client(), ErrorReason::HistoryBusy, work).await;
        answered.unwrap_or_else(|rejection| Problem::from(rejection).reply(format))
    }

    /// What a router answers that looks further than one provider, worked out whole in its turn.
    async fn made(&self, request: Request<Incoming>, caller: &Caller) -> Reply {
        let (format, client, budget) = (Format::accepted(request.headers()), caller.client(), &self.services.budget);
        let router = self.router.clone();
        // Nothing that is asked has a body.
        let request = request.map(|_| axum::body::Body::empty());
        let work = async move {
            let Ok(response) = router.oneshot(request).await;
            let (parts, body) = response.into_parts();
            body.collect().await.map(|whole| (parts, whole.to_bytes()))
        };
        let made = budget.work.run(&client, ErrorReason::Overloaded, work).await;
        let made = made.and_then(|made| made.map_err(|error| ErrorReason::Internal.reject(error.to_string())));
        let held = made.and_then(|(parts, bytes)| {
            let share = budget.bytes.take(&client, bytes.len()).map_err(|none| {
                let message = format!("{none} bytes, by limits.buffer_bytes: ask again in a moment");
                ErrorReason::Overloaded.reject(message)
            })?;
            Ok(Response::from_parts(parts, ReplyBody::Whole(Full::new(share.holding(bytes, &caller.activity)))))
        });
        held.unwrap_or_else(|rejection| Problem::from(rejection).reply(format))
    }
}

/// What a path weighs in the rate limit that is worked out apart; nothing for those that are answered at once. What
/// monitoring asks is no question.
fn weight(path: &str) -> Option<usize> {
    match path {
        "/metrics" => Some(0),
        path if path.starts_with("/v1/providers/") => Some(weights::PROVIDER),
        path if path.starts_with("/v1/") => Some(weights::LOOK_UP),
        _ => None,
    }
}

impl Respond for HttpService {
    type Body = ReplyBody;

    fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        caller: Arc<Caller>,
    ) -> impl Future<Output = Response<ReplyBody>> + Send + 'static {
        let is_head = request.method() == Method::HEAD;
        // A future is moved with all that it may ever hold.
        Box::pin(async move {
            let reply = self.answer(request, &caller).await;
            if is_head { without_body(reply) } else { reply }
        })
    }

    fn is_at_once(&self, get: &Get<'_>) -> bool {
        get.path.starts_with(check::PREFIX)
    }

    fn respond_at_once(&self, get: &Get<'_>, caller: &Arc<Caller>) -> Option<Response<Bytes>> {
        let (asked, query) = ((get.path, &get.headers), QueryString::split(get.query));
        if query.is_about_the_past() {
            return None;
        }
        let reply = match Self::may_check(asked, &query, caller) {
            Ok(right) => self.check(asked, &query, caller, right).now_or_never()?,
            Err(reply) => *reply,
        };
        let (parts, mut body) = reply.into_parts();
        Some(Response::from_parts(parts, body.frame().now_or_never()?.and_then(data).unwrap_or_default()))
    }
}

/// What the answer to GET says of itself, without it (RFC 9110, 9.3.2). Over HTTP/1.1 hyper leaves the body away by itself, over
/// HTTP/2 it does not.
fn without_body(mut reply: Response<ReplyBody>) -> Response<ReplyBody> {
    if let Some(length) = reply.body().size_hint().exact().filter(|length| *length > 0) {
        reply.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    reply.map(|_| ReplyBody::Whole(Full::default()))
}

/// The bytes of a body that is whole.
fn data<E>(frame: Result<Frame<Bytes>, E>) -> Option<Bytes> {
    frame.ok()?.into_data().ok()
}

#[cfg(test)]
mod tests;
