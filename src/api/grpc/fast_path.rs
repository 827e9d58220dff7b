//! The way in: the question of every call straight to its answer, everything else through tonic.
//!
//! What a server does around a handler (routes, boxed futures, codecs, layers) costs several times what a decision does.
//! `CheckProvider` and `CheckProviders` are read and answered here without it, by the same functions as everywhere.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use prost::Message;
use tokio::time::{Sleep, timeout};
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service;

use super::acceptance::{check_as_of, interface};
use super::check_stream::PATH as CHECK_STREAM;
use super::{Grpc, v1};
use crate::domain::{ErrorReason, Interface, Rejection};
use crate::observe::Came;
use crate::service::Services;
use crate::transport::auth::{ADMINISTRATION, Denied, Right, Session};
use crate::transport::{Caller, Incoming, Respond};

const CHECK_PROVIDER: &str = "/rmdd.v1.AcceptanceService/CheckProvider";
const CHECK_PROVIDERS: &str = "/rmdd.v1.AcceptanceService/CheckProviders";

/// The metadata by which rmdd's own commands say what they are (`rmdd-interface: cli`).
pub const INTERFACE: &str = "rmdd-interface";
const INTERFACE_HEADER: HeaderName = HeaderName::from_static(INTERFACE);

const HEALTH: &str = "/grpc.health.v1.Health/";

/// Calls whose requests may come one by one for as long as the client likes.
const STREAMS_OF_REQUESTS: [&str; 3] = [
    CHECK_STREAM,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const OK: HeaderValue = HeaderValue::from_static("0");

/// A message's own header: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// The connection on which somebody asks, and the token in the request if there is one.
type By<'a> = (&'a Session, Option<&'a HeaderValue>);

/// The way in to the services of one listener.
#[derive(Debug)]
pub struct FastPath {
    grpc: Grpc,
    routes: Routes,
    message_bytes: usize,
    request_timeout: Duration,
}

impl FastPath {
    /// A way in. Messages are at most so long, and a request that takes longer to arrive is given up.
    pub fn new(services: Arc<Services>, routes: Routes, message_bytes: usize, request_timeout: Duration) -> Self {
        Self { grpc: Grpc(services), routes: routes.prepare(), message_bytes, request_timeout }
    }

    async fn answer(&self, request: Request<Incoming>, caller: &Arc<Caller>) -> Response<Reply> {
        let checked = caller.session.check_rpc(request.uri().path(), request.headers());
        let batch = request.uri().path() == CHECK_PROVIDERS;
        if (batch || request.uri().path() == CHECK_PROVIDER) && is_plain_grpc(&request) {
            let said = request.headers().get(INTERFACE_HEADER).map(HeaderValue::as_bytes);
            let interface = interface(said, if batch { Interface::GrpcBatch } else { Interface::GrpcUnary });
            let (parts, body) = request.into_parts();
            let by = (&*caller.session, parts.headers.get(AUTHORIZATION));
            let answer = match checked.as_ref().copied() {
                Err(denied) if batch || !caller.session.is_answered_without_token() => {
                    Err(Rejection::from(denied).into())
                }
                Ok(right) if batch => Box::pin(self.check_batch((interface, by), body, caller, right)).await,
                right => self.check((interface, by), body, caller, right).await,
            };
            return match answer {
                Ok(answer) => {
                    let mut response = Response::new(Reply::Answer(answer));
                    response.headers_mut().insert(CONTENT_TYPE, GRPC);
                    response
                }
                Err(status) => status.into_http(),
            };
        }
        match checked {
            // Apart, since a future is moved with all that it may ever hold, and this one holds much.
            Ok(right) => Box::pin(self.route(request, caller, right)).await,
            Err(denied) => Status::from(Rejection::from(&denied)).into_http(),
        }
    }

    async fn route(&self, mut request: Request<Incoming>, caller: &Arc<Caller>, right: Right) -> Response<Reply> {
        // Whoever only asks whether the daemon lives is told, so is whoever runs it, and the questions of a stream are
        // counted one by one.
        let uncounted =
            [HEALTH, CHECK_STREAM].iter().chain(&ADMINISTRATION).any(|path| request.uri().path().starts_with(path));
        if !uncounted && let Err(rejection) = caller.may_ask(1) {
            return Status::from(rejection).into_http();
        }
        caller.session.note(request.uri().path(), request.headers());
        request.extensions_mut().insert(Arc::clone(caller));
        request.extensions_mut().insert(right);
        let limit = (!STREAMS_OF_REQUESTS.contains(&request.uri().path())).then_some(self.request_timeout);
        let request = request.map(|body| tonic::body::Body::new(Arriving { body, limit, deadline: None }));
        // The routes are always ready, and answer every path.
        match self.routes.clone().call(request).await {
            Ok(answer) => answer.map(|body| Reply::Routed { body }),
            Err(never) => match never {},
        }
    }

    /// The question of every call. One whose token is not known, where none is needed, is answered if it is a call to 911.
    async fn check(
        &self,
        (interface, (session, token)): (Interface, By<'_>),
        body: Incoming,
        caller: &Caller,
        right: Result<Right, &Denied>,
    ) -> Result<Bytes, Status> {
        let message = self.message(body).await?;
        let came = Came::over(interface, Instant::now()).by(session, token);
        let question = v1::CheckProviderRequest::decode(message)
            .map_err(|error| Status::invalid_argument(format!("the request is no CheckProviderRequest: {error}")))?;
        let notes = match right {
            Ok(right) => right >= Right::Operator,
            Err(denied) if !question.emergency || question.at.is_some() => return Err(Rejection::from(denied).into()),
            Err(_) => false,
        };
        if !question.emergency {
            self.may_ask(1, came, caller)?;
        }
        if let Some(at) = &question.at {
            return Ok(framed(&check_as_of(&self.grpc.0, &question, at, notes).await?));
        }
        let seen = self.grpc.0.see(came);
        Ok(prefixed(self.grpc.write_answer(&question, seen.as_ref(), PREFIX_BYTES, notes)?))
    }

    /// A batch.
    async fn check_batch(
        &self,
        (interface, (session, token)): (Interface, By<'_>),
        body: Incoming,
        caller: &Caller,
        right: Right,
    ) -> Result<Bytes, Status> {
        let message = self.message(body).await?;
        let came = Came::over(interface, Instant::now()).by(session, token);
        let mut batch = v1::CheckProvidersRequest::default();
        batch.questions.reserve(self.grpc.queries_in(message.len()));
        batch
            .merge(message)
            .map_err(|error| Status::invalid_argument(format!("the request is no CheckProvidersRequest: {error}")))?;
        // One call to 911 among them, and all are answered.
        if !batch.questions.iter().any(|question| question.emergency) {
            self.may_ask(batch.questions.len(), came, caller)?;
        }
        let notes = right >= Right::Operator;
        Ok(prefixed(self.grpc.write_batch(&batch, came, PREFIX_BYTES, notes).await?))
    }

    /// Whether so many queries are to be answered. Those that are not are counted.
    fn may_ask(&self, queries: usize, came: Came<'_>, caller: &Caller) -> Result<(), Rejection> {
        caller.may_ask(queries).inspect_err(|rejection| {
            if let Some(seen) = self.grpc.0.see(came) {
                seen.rejected_together(rejection, queries);
            }
        })
    }

    /// The one message of a request.
    async fn message(&self, mut body: Incoming) -> Result<Bytes, Status> {
        let mut whole = match self.frame(&mut body).await? {
            Some(first) => first,
            None => return Err(cut_short()),
        };
        // Mostly it came in one piece.
        while !body.is_end_stream() {
            self.check_length(&whole)?;
            let Some(more) = self.frame(&mut body).await? else { break };
            if whole.len() + more.len() > PREFIX_BYTES + self.message_bytes {
                return Err(self.too_long(whole.len() + more.len()));
            }
            let mut joined = BytesMut::with_capacity(whole.len() + more.len());
            joined.put(whole);
            joined.put(more);
            whole = joined.freeze();
        }
        let length = self.check_length(&whole)?.ok_or_else(cut_short)?;
        whole.advance(PREFIX_BYTES);
        match whole.len() {
            reported if reported < length => Err(cut_short()),
            reported if reported > length => Err(Status::invalid_argument("the call takes one message, and more came")),
            _ => Ok(whole),
        }
    }

    /// The length that a message tells, once it is there.
    fn check_length(&self, message: &Bytes) -> Result<Option<usize>, Status> {
        let Some((&[compressed, a, b, c, d], _)) = message.split_first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        if compressed != 0 {
            return Err(Status::unimplemented("compressed requests are not taken: a question is some dozens of bytes"));
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > self.message_bytes {
            return Err(self.too_long(length));
        }
        Ok(Some(length))
    }

    fn too_long(&self, length: usize) -> Status {
        let most = self.message_bytes;
        let message = format!("the request has {length} bytes or more; {most} are taken at most");
        ErrorReason::MessageTooLong.reject(message).into()
    }

    /// The next piece of a body. Only one that has not come yet is waited for against the clock.
    async fn frame(&self, body: &mut Incoming) -> Result<Option<Bytes>, Status> {
        loop {
            let mut frame = body.frame();
            let ready = std::future::poll_fn(|cx| match Pin::new(&mut frame).poll(cx) {
                Poll::Ready(frame) => Poll::Ready(Some(frame)),
                Poll::Pending => Poll::Ready(None),
            });
            let frame = match ready.await {
                Some(frame) => frame,
                None => Box::pin(timeout(self.request_timeout, frame)).await.map_err(|_| too_slow())?,
            };
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(Status::cancelled("the request broke off")),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if piece.is_empty() => {}
                    Ok(piece) => return Ok(Some(piece)),
                    Err(_trailers) => return Ok(None),
                },
            }
        }
    }
}

impl Respond for FastPath {
    type Body = Reply;

    async fn respond(&self, request: Request<Incoming>, caller: &Arc<Caller>) -> Response<Reply> {
        self.answer(request, caller).await
    }
}

fn cut_short() -> Status {
    Status::invalid_argument("the request ended before its message was whole")
}

fn too_slow() -> Status {
    Status::new(Code::DeadlineExceeded, "the request took too long to arrive (limits.request_timeout)")
}

/// Whether a request is gRPC as nearly all clients speak it. What is not goes through tonic, which knows what to say.
fn is_plain_grpc(request: &Request<Incoming>) -> bool {
    request.method() == Method::POST
        && request.headers().get(CONTENT_TYPE).is_some_and(|reported| {
            let reported = reported.as_bytes();
            reported == b"application/grpc" || reported == b"application/grpc+proto"
        })
}

/// A message behind room for its header, which is filled in.
fn prefixed(mut message: Vec<u8>) -> Bytes {
    let length = u32::try_from(message.len().saturating_sub(PREFIX_BYTES)).unwrap_or(u32::MAX);
    if let Some(prefix) = message.first_chunk_mut::<PREFIX_BYTES>() {
        let [a, b, c, d] = length.to_be_bytes();
        *prefix = [0, a, b, c, d];
    }
    message.into()
}

/// A message with its header.
fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(&mut framed);
    framed.freeze()
}

/// What goes back.
#[derive(Debug, Default)]
pub enum Reply {
    /// One message, and then that all is well.
    Answer(Bytes),
    /// That all is well.
    Well,
    /// What tonic answers.
    Routed {
        /// Its body.
        body: tonic::body::Body,
    },
    /// Nothing more.
    #[default]
    Done,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Self::Routed { body } = &mut *self {
            return Pin::new(body).poll_frame(cx);
        }
        match std::mem::take(&mut *self) {
            Self::Answer(message) => {
                *self = Self::Well;
                Poll::Ready(Some(Ok(Frame::data(message))))
            }
            Self::Well => {
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert(GRPC_STATUS, OK);
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            Self::Done | Self::Routed { .. } => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Answer(_) | Self::Well => false,
            Self::Routed { body } => body.is_end_stream(),
            Self::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            // Not said, or it would become a header: a message tells its length itself.
            Self::Answer(_) | Self::Well => SizeHint::default(),
            Self::Routed { body } => body.size_hint(),
            Self::Done => SizeHint::with_exact(0),
        }
    }
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
