//! The way in: the question of every call straight to its answer, everything else through tonic.
//!
//! What a server does around a handler (routes, boxed futures, codecs, layers) costs several times what a decision does.
//! `CheckProvider` and `CheckProviders` are read and answered here without it, by the same functions as everywhere.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::future::Either;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use prost::Message;
use tokio::time::timeout;
use tonic::service::Routes;
use tonic::{Code, Status};

use super::acceptance::{check_as_of, interface};
use super::beside::{SHORT, bytes_for};
use super::reply::{Made, Reply, well};
use super::{Grpc, text, v1};
use crate::api::weights;
use crate::domain::{ErrorReason, Interface, Rejection};
use crate::observe::Came;
use crate::service::Services;
use crate::transport::auth::{Denied, Right};
use crate::transport::budget::{Place, Share};
use crate::transport::{Caller, Incoming, Respond};

const CHECK_PROVIDER: &str = "/rmdd.v1.AcceptanceService/CheckProvider";
pub(super) const CHECK_PROVIDERS: &str = "/rmdd.v1.AcceptanceService/CheckProviders";

/// The metadata by which rmdd's own commands say what they are (`rmdd-interface: cli`).
pub(crate) const INTERFACE: &str = "rmdd-interface";
const INTERFACE_HEADER: HeaderName = HeaderName::from_static(INTERFACE);

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// A message's own header: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// A batch of more bytes takes a place: it has some hundred questions.
const LONG_BATCH: usize = SHORT;

/// The way in to the services of one listener.
#[derive(Debug, Clone)]
pub struct FastPath {
    pub(super) grpc: Grpc,
    pub(super) routes: Routes,
    message_bytes: usize,
    pub(super) request_timeout: Duration,
}

impl FastPath {
    /// A way in. Messages are at most so long, and a request that takes longer to arrive is given up.
    pub fn new(services: Arc<Services>, routes: Routes, message_bytes: usize, request_timeout: Duration) -> Self {
        Self { grpc: Grpc(services), routes: routes.prepare(), message_bytes, request_timeout }
    }

    /// The answer to a request that is not the question of every call.
    async fn answer(&self, request: Request<Incoming>, caller: &Arc<Caller>) -> Response<Reply> {
        if caller.activity.overcrowds() {
            return Status::from(overcrowded()).into_http();
        }
        let right = match caller.session.check_rpc(request.uri().path(), request.headers()) {
            Ok(right) => right,
            Err(denied) => return Status::from(Rejection::from(&denied)).into_http(),
        };
        if request.uri().path() == CHECK_PROVIDERS && is_plain_grpc(&request) {
            let interface = interface(said_interface(request.headers()), Interface::GrpcBatch);
            let (parts, body) = request.into_parts();
            let came = (interface, parts.headers.get(AUTHORIZATION));
            return response(self.check_batch(came, body, caller, right).await);
        }
        // Apart, since a future is as large as all that it may ever hold, and this one holds much.
        Box::pin(self.route(request, caller, right)).await
    }

    /// What the question of every call comes with, or why it is not answered.
    fn asked<'a>(headers: &'a HeaderMap, caller: &Caller) -> Result<Asked<'a>, Status> {
        if caller.activity.overcrowds() {
            return Err(overcrowded().into());
        }
        let right = match caller.session.check_rpc(CHECK_PROVIDER, headers) {
            Err(denied) if !caller.session.is_answered_without_token() => return Err(Rejection::from(&denied).into()),
            right => right.map_err(Box::new),
        };
        let interface = interface(said_interface(headers), Interface::GrpcUnary);
        Ok(Asked { interface, token: headers.get(AUTHORIZATION), right })
    }

    /// The question of every call. One whose token is not known, where none is needed, is answered if it is a call to 911.
    async fn check(
        &self,
        Asked { interface, token, right }: &Asked<'_>,
        body: &mut Incoming,
        caller: &Caller,
    ) -> Result<Reply, Status> {
        let (message, _held) = self.message(body, caller).await?;
        let came = Came::over(*interface, Instant::now()).by(&caller.session, *token);
        let question = v1::CheckProviderRequest::decode(&*message)
            .or_else(|error| {
                text::mended(&message, None).map_or(Err(error), |mended| Message::decode(mended.as_slice()))
            })
            .map_err(|error| Status::invalid_argument(format!("the request is no CheckProviderRequest: {error}")))?;
        let notes = match right {
            Ok(right) => *right >= Right::Operator,
            Err(denied) if !question.emergency || question.at.is_some() => {
                return Err(Rejection::from(&**denied).into());
            }
            Err(_) => false,
        };
        if question.at.is_some() {
            return Box::pin(self.check_past(question, caller, notes)).await.map(Reply::Answer);
        }
        if !question.emergency {
            self.may_ask(1, came, caller)?;
        }
        let seen = self.grpc.0.see(came);
        Ok(Reply::Answer(prefixed(self.grpc.write_answer(&question, seen.as_ref(), PREFIX_BYTES, notes)?)))
    }

    /// A question about the past: for no call, and worked out in its turn.
    async fn check_past(
        &self,
        question: v1::CheckProviderRequest,
        caller: &Caller,
        notes: bool,
    ) -> Result<Bytes, Status> {
        caller.may_ask_for(weights::LOOK_UP)?;
        let services = Arc::clone(&self.grpc.0);
        let work = async move {
            let at = question.at.unwrap_or_default();
            check_as_of(&services, &question, &at, notes).await.map(|answer| framed(&answer))
        };
        Ok(self.grpc.0.budget.work.run(&caller.client(), ErrorReason::HistoryBusy, work).await??)
    }

    async fn check_batch(
        &self,
        (interface, token): (Interface, Option<&HeaderValue>),
        mut body: Incoming,
        caller: &Arc<Caller>,
        right: Right,
    ) -> Result<Reply, Status> {
        let (message, _held) = self.message(&mut body, caller).await?;
        let services = &self.grpc.0;
        // Before it is read, which takes several times its bytes.
        let place = match message.len() > LONG_BATCH {
            true => Some(self.place_for_batch(caller).await?),
            false => None,
        };
        let since = Instant::now();
        let came = Came::over(interface, since).by(&caller.session, token);
        let mut batch = v1::CheckProvidersRequest::default();
        batch.questions.reserve(self.grpc.queries_in(message.len()));
        let read =
            batch.merge(&*message).or_else(|error| match text::mended(&message, Some(text::QUESTIONS_OF_BATCH)) {
                Some(mended) => {
                    batch.clear();
                    batch.merge(mended.as_slice())
                }
                None => Err(error),
            });
        drop(message);
        read.map_err(|error| Status::invalid_argument(format!("the request is no CheckProvidersRequest: {error}")))?;
        let emergencies = batch.questions.iter().filter(|question| question.emergency).count();
        let others = match batch.at {
            None => batch.questions.len() - emergencies,
            Some(_) => batch.questions.len() + weights::LOOK_UP,
        };
        let refused = match self.may_ask(others, came, caller) {
            // Calls to 911 are answered, and the others each with that.
            Err(rejection) if emergencies > 0 && batch.at.is_none() => Some(rejection),
            asked => asked.map(|()| None)?,
        };
        let notes = right >= Right::Operator;
        let held = bytes_for(services, caller, self.grpc.answer_bytes(&batch))?;
        let answer = if batch.at.is_some() {
            let (grpc, caller, token) = (self.grpc.clone(), Arc::clone(caller), token.cloned());
            let client = caller.client();
            let work = async move {
                let came = Came::over(interface, since).by(&caller.session, token.as_ref());
                grpc.write_batch(&batch, came, None, PREFIX_BYTES, notes).await
            };
            services.budget.work.run(&client, ErrorReason::HistoryBusy, work).await??
        } else {
            self.grpc.write_batch(&batch, came, refused, PREFIX_BYTES, notes).await?
        };
        drop((held, place));
        let share = bytes_for(services, caller, answer.capacity())?;
        let bytes = prefixed(answer);
        Ok(match share {
            None => Reply::Answer(bytes),
            Some(share) => {
                Reply::Made(Box::new(Made { bytes: share.holding(bytes, &caller.activity), trailers: Some(well()) }))
            }
        })
    }

    async fn place_for_batch(&self, caller: &Caller) -> Result<Place, Rejection> {
        let (batches, wait) = (&self.grpc.0.budget.batches, self.grpc.0.limits.work_wait);
        batches.take(&caller.client(), wait).await.map_err(|refused| refused.reject(ErrorReason::Overloaded))
    }

    /// Whether so many queries are to be answered. Those that are not are counted.
    fn may_ask(&self, queries: usize, came: Came<'_>, caller: &Caller) -> Result<(), Rejection> {
        if queries == 0 {
            return Ok(());
        }
        caller.may_ask_for(queries).inspect_err(|rejection| {
            if let Some(seen) = self.grpc.0.see(came) {
                seen.rejected_together(rejection, queries);
            }
        })
    }

    /// The one message of a request, and what it has of the bytes that there may be.
    async fn message(&self, body: &mut Incoming, caller: &Caller) -> Result<(Bytes, Option<Box<Share>>), Status> {
        let (mut whole, held) = self.whole(body, caller).await?;
        whole.advance(PREFIX_BYTES);
        Ok((whole, held))
    }

    /// The same with its header.
    pub(super) async fn whole(
        &self,
        body: &mut Incoming,
        caller: &Caller,
    ) -> Result<(Bytes, Option<Box<Share>>), Status> {
        let whole = self.frame(body).await?.ok_or_else(cut_short)?;
        // Mostly it came in one piece.
        if !body.is_end_stream() {
            self.check_length(&whole)?;
            if let Some(more) = self.frame(body).await? {
                return Box::pin(self.gathered(whole, more, body, caller)).await;
            }
        }
        self.is_whole(&whole)?;
        Ok((whole, None))
    }

    /// One that comes in pieces.
    async fn gathered(
        &self,
        first: Bytes,
        second: Bytes,
        body: &mut Incoming,
        caller: &Caller,
    ) -> Result<(Bytes, Option<Box<Share>>), Status> {
        let mut whole = BytesMut::from(first);
        whole.put(second);
        let mut held = None;
        while !body.is_end_stream() {
            if let Some(length) = self.check_length(&whole)? {
                if whole.len() > PREFIX_BYTES + length {
                    return Err(more_came());
                }
                if held.is_none() && length > SHORT {
                    held = bytes_for(&self.grpc.0, caller, length)?;
                    whole.reserve((PREFIX_BYTES + length).saturating_sub(whole.len()));
                }
            }
            let Some(more) = self.frame(body).await? else { break };
            whole.put(more);
        }
        self.is_whole(&whole)?;
        Ok((whole.freeze(), held))
    }

    /// Whether a message is as long as it says.
    fn is_whole(&self, whole: &[u8]) -> Result<(), Status> {
        let length = PREFIX_BYTES + self.check_length(whole)?.ok_or_else(cut_short)?;
        match whole.len() {
            reported if reported < length => Err(cut_short()),
            reported if reported > length => Err(more_came()),
            _ => Ok(()),
        }
    }

    /// The length that a message tells, once it is there.
    fn check_length(&self, message: &[u8]) -> Result<Option<usize>, Status> {
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

    fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        caller: Arc<Caller>,
    ) -> impl Future<Output = Response<Reply>> + Send + 'static {
        // Apart, since a future is moved with all that it may ever hold, and only that of every call holds little.
        if request.uri().path() != CHECK_PROVIDER || !is_plain_grpc(&request) {
            return Either::Right(Box::pin(async move { self.answer(request, &caller).await }));
        }
        let (parts, mut body) = request.into_parts();
        let headers = parts.headers;
        Either::Left(async move {
            response(match Self::asked(&headers, &caller) {
                Ok(asked) => self.check(&asked, &mut body, &caller).await,
                Err(status) => Err(status),
            })
        })
    }
}

/// What the question of every call comes with.
struct Asked<'a> {
    interface: Interface,
    token: Option<&'a HeaderValue>,
    /// By which right it is asked; without one, a call to 911 is answered all the same.
    right: Result<Right, Box<Denied>>,
}

/// What a request says of the interface that it comes by.
fn said_interface(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(INTERFACE_HEADER).map(HeaderValue::as_bytes)
}

fn response(answer: Result<Reply, Status>) -> Response<Reply> {
    match answer {
        Ok(answer) => {
            let mut response = Response::new(answer);
            response.headers_mut().insert(CONTENT_TYPE, GRPC);
            response
        }
        Err(status) => status.into_http(),
    }
}

fn cut_short() -> Status {
    Status::invalid_argument("the request ended before its message was whole")
}

fn more_came() -> Status {
    Status::invalid_argument("the call takes one message, and more came")
}

fn overcrowded() -> Rejection {
    ErrorReason::Overloaded.reject(
        "more requests are under way than the daemon can keep, many of them on this connection: take the answers that are \
         ready, and ask again in a moment",
    )
}

pub(super) fn too_slow() -> Status {
    Status::new(Code::DeadlineExceeded, "the request took too long to arrive (limits.request_timeout)")
}

/// Whether a request is gRPC as nearly all clients speak it. What is not goes through tonic, which knows what to say.
fn is_plain_grpc(request: &Request<Incoming>) -> bool {
    request.method() == Method::POST
        && request.headers().get(CONTENT_TYPE).is_some_and(|reported| {
            let rest = reported.as_bytes().strip_prefix(b"application/grpc");
            rest.is_some_and(|rest| rest.is_empty() || rest == b"+proto" || rest.starts_with(b";"))
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
