//! What is asked beside calls: by what it costs, in its turn, and off the threads that answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, TE};
use http::response::Parts;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tokio::time::Sleep;
use tonic::Status;
use tower::Service;

use super::check_stream::PATH as CHECK_STREAM;
use super::fast_path::{CHECK_PROVIDERS, FastPath, INTERFACE, too_slow};
use super::reply::{Made, Reply};
use crate::api::weights;
use crate::domain::{ErrorReason, Rejection};
use crate::service::Services;
use crate::transport::auth::{ADMINISTRATION, Right};
use crate::transport::budget::{NoShare, Share};
use crate::transport::{Caller, Incoming};

const LISTING: &str = "/rmdd.v1.ListingService/";
const ACCEPTANCE: &str = "/rmdd.v1.AcceptanceService/";
const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.";

/// Fewer bytes of a request or an answer are not counted: what is under way is bounded by itself.
pub(super) const SHORT: usize = 4 << 10;

/// How an RPC is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// From memory, at once and whole.
    Light,
    /// By the administration, for those who may.
    Administration,
    /// Worked out from its beginning to its end on a thread for that.
    Work,
    /// The pieces of a listing, each worked out so.
    Export,
    /// Changes as they come.
    Watch,
    /// For as long as the client likes.
    Stream,
}

/// How an RPC is served, and what it weighs in questions. One that is added is worked out apart until it is named here.
fn cost(path: &str, batch: usize) -> (Kind, usize) {
    let rest = |service: &str| path.strip_prefix(service);
    if let Some(rpc) = rest(LISTING) {
        return match rpc {
            "ExportListing" => (Kind::Export, weights::EXPORT),
            "WatchChanges" => (Kind::Watch, weights::LOOK_UP),
            "GetProvider" => (Kind::Work, weights::PROVIDER),
            _ => (Kind::Work, weights::LOOK_UP),
        };
    }
    match path {
        // The questions of a stream are counted one by one.
        CHECK_STREAM => (Kind::Stream, 0),
        CHECK_PROVIDERS => (Kind::Work, batch),
        path if path.starts_with(ACCEPTANCE) => (Kind::Work, weights::LOOK_UP),
        // Whoever only asks whether the daemon lives is told, and so is whoever runs it.
        path if path.starts_with(HEALTH) => (if path.ends_with("/Watch") { Kind::Stream } else { Kind::Light }, 0),
        path if ADMINISTRATION.iter().any(|service| path.starts_with(service)) => (Kind::Administration, 0),
        path if path.starts_with(REFLECTION) => (Kind::Stream, 1),
        _ => (Kind::Light, 1),
    }
}

/// Headers that an RPC needs. Others are not kept while it waits.
const NEEDED: [HeaderName; 7] = [
    CONTENT_TYPE,
    TE,
    AUTHORIZATION,
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static(INTERFACE),
];

fn needed(headers: &HeaderMap) -> HeaderMap {
    NEEDED.iter().filter_map(|name| headers.get(name).map(|value| (name.clone(), value.clone()))).collect()
}

/// There is no share left of what is asked for.
pub(super) fn none_left(none: NoShare, what: &str) -> Rejection {
    ErrorReason::Overloaded.reject(format!("{none} {what}: ask again in a moment, or for less at a time"))
}

/// So many bytes of the daemon's memory, for a long request or answer of this client.
pub(super) fn bytes_for(services: &Services, caller: &Caller, bytes: usize) -> Result<Option<Box<Share>>, Rejection> {
    if bytes <= SHORT {
        return Ok(None);
    }
    let share = services.budget.bytes.take(&caller.client(), bytes);
    share.map(|share| Some(Box::new(share))).map_err(|none| none_left(none, "bytes, by limits.buffer_bytes"))
}

impl FastPath {
    /// What tonic answers, each in its way.
    pub(super) async fn route(
        &self,
        request: Request<Incoming>,
        caller: &Arc<Caller>,
        right: Right,
    ) -> Response<Reply> {
        self.routed(request, caller, right).await.unwrap_or_else(Status::into_http)
    }

    async fn routed(
        &self,
        mut request: Request<Incoming>,
        caller: &Arc<Caller>,
        right: Right,
    ) -> Result<Response<Reply>, Status> {
        let budget = &self.grpc.0.budget;
        let (kind, weight) = cost(request.uri().path(), self.grpc.0.limits.batch);
        if weight > 0 {
            caller.may_ask_for(weight)?;
        }
        caller.session.note(request.uri().path(), request.headers());
        request.extensions_mut().insert(Arc::clone(caller));
        request.extensions_mut().insert(right);
        match kind {
            Kind::Light | Kind::Administration => {
                let limit = Some(self.request_timeout);
                let request = request.map(|body| tonic::body::Body::new(Arriving { body, limit, deadline: None }));
                let response = self.called(request).await;
                if kind == Kind::Administration {
                    return Ok(response.map(|body| Reply::Routed { body, held: None }));
                }
                let (parts, bytes, trailers) = gathered(response).await?;
                Ok(Response::from_parts(parts, Reply::Made(Box::new(Made { bytes, trailers }))))
            }
            Kind::Stream => {
                let share = budget.streams.take(&caller.client(), 1);
                let held = Some(Box::new(share.map_err(|none| none_left(none, "streams, by limits.open_streams"))?));
                let request =
                    request.map(|body| tonic::body::Body::new(Arriving { body, limit: None, deadline: None }));
                Ok(self.called(request).await.map(|body| Reply::Routed { body, held }))
            }
            Kind::Watch => {
                let (request, _held) = self.read(request, caller).await?;
                Ok(self.called(request).await.map(|body| Reply::Routed { body, held: None }))
            }
            Kind::Export => {
                let share = budget.exports.take(&caller.client(), 1);
                let held = Some(Box::new(share.map_err(|none| none_left(none, "exports, by limits.exports"))?));
                let (request, _held) = self.read(request, caller).await?;
                let called = self.clone().called_owned(request);
                let response = budget.work.run(&caller.client(), ErrorReason::Overloaded, called).await?;
                Ok(response.map(|body| Reply::Routed { body, held }))
            }
            Kind::Work => {
                let (request, _held) = self.read(request, caller).await?;
                self.made(request, caller).await
            }
        }
    }

    /// Has an answer worked out whole, its bytes too, on a thread for that.
    async fn made(&self, request: Request<tonic::body::Body>, caller: &Caller) -> Result<Response<Reply>, Status> {
        let called = self.clone().called_owned(request);
        let work = async move { gathered(called.await).await };
        let services = &self.grpc.0;
        let (parts, bytes, trailers) =
            services.budget.work.run(&caller.client(), ErrorReason::Overloaded, work).await??;
        let bytes = match bytes_for(services, caller, bytes.len())? {
            Some(share) => share.holding(bytes, &caller.activity),
            None => bytes,
        };
        Ok(Response::from_parts(parts, Reply::Made(Box::new(Made { bytes, trailers }))))
    }

    /// A request that has come whole, with no more of its headers than it needs.
    async fn read(
        &self,
        request: Request<Incoming>,
        caller: &Caller,
    ) -> Result<(Request<tonic::body::Body>, Option<Box<Share>>), Status> {
        let (mut parts, mut body) = request.into_parts();
        parts.headers = needed(&parts.headers);
        let (bytes, held) = self.whole(&mut body, caller).await?;
        Ok((Request::from_parts(parts, tonic::body::Body::new(Full::new(bytes))), held))
    }

    async fn called(&self, request: Request<tonic::body::Body>) -> Response<tonic::body::Body> {
        // The routes are always ready, and answer every path.
        match self.routes.clone().call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }

    async fn called_owned(self, request: Request<tonic::body::Body>) -> Response<tonic::body::Body> {
        self.called(request).await
    }
}

/// An answer whose bytes are all here. What is short is kept in just so much memory: it is made in eight kilobytes, and whoever
/// does not take it may have as many answers waiting as there are streams.
async fn gathered(response: Response<tonic::body::Body>) -> Result<(Parts, Bytes, Option<HeaderMap>), Status> {
    let (parts, body) = response.into_parts();
    let whole = body.collect().await?;
    let trailers = whole.trailers().cloned();
    let bytes = whole.to_bytes();
    let bytes = if bytes.len() > SHORT { bytes } else { Bytes::copy_from_slice(&bytes) };
    Ok((parts, bytes, trailers))
}

/// A request's body that must be there in time.
struct Arriving {
    body: Incoming,
    limit: Option<Duration>,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                Poll::Ready(frame.map(|frame| frame.map_err(|_| Status::cancelled("the request broke off"))))
            }
            Poll::Pending => {
                let Some(limit) = self.limit else { return Poll::Pending };
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                match deadline.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(too_slow()))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::auth::RPCS;

    #[test]
    fn whatever_asks_about_the_listing_is_worked_out_apart_and_weighs_more_than_a_question() {
        for (path, _) in RPCS.iter().filter(|(path, _)| path.starts_with(LISTING)) {
            let (kind, weight) = cost(path, 2000);
            assert!(kind != Kind::Light && kind != Kind::Stream && weight > 1, "{path}: {kind:?} {weight}");
        }
        assert_eq!(cost("/rmdd.v1.ListingService/OneThatIsAdded", 2000), (Kind::Work, weights::LOOK_UP));
        assert_eq!(cost("/grpc.health.v1.Health/Check", 2000), (Kind::Light, 0));
    }
}
