//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Version};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use super::at_once::{AtOnce, End};
use super::body::Incoming;
use super::budget::Untaken;
use super::drive::{Driven, LINGER, Manners};
use super::fair_queue::FairQueue;
use super::io::Watched;
use super::patience::{Patient, WatchedBody};
use super::preface;
use super::quota::Allowance;
use super::registry::Admitted;
use super::tls::{Certified, Shaken, Tls};
use super::{Client, Framing, LimitsConfig, Respond, users};
use crate::domain::{ErrorReason, Rejection};
use crate::transport::auth::{Access, ListenerKind, Session};

/// HTTP/2's opening: the preface and the header of the first frame.
const OPENING_BYTES: usize = 24 + 9;

/// How long HTTP/1 may take between requests and until one's headers are there.
const HEADERS: Duration = Duration::from_secs(60);

/// The most bytes of answers that wait for a slow reader, on one stream.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// HTTP/2's windows: so much may come in before it was looked at, on one stream and on the connection.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// Requests at a time on one connection for the administration, whatever `limits.streams` says: its connections are in no
/// fair queue, so all that they send is read at once.
const ADMIN_STREAMS: u32 = 64;

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// Somebody over TCP.
    Tcp(SocketAddr),
    /// A process on this machine, over a Unix socket.
    Unix {
        /// Its user, if the kernel told.
        uid: Option<u32>,
        /// Its group.
        gid: Option<u32>,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { uid: Some(uid), .. } => users::called(*uid).fmt(f),
            Self::Unix { uid: None, .. } => f.write_str("a user of this machine"),
        }
    }
}

/// Who asks, and what they may ask for.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who is at the other end.
    pub peer: Peer,
    /// What they have a right to.
    pub session: Arc<Session>,
    /// What is left to them, on all their connections.
    pub allowance: Allowance,
    /// What is known of the connection.
    pub activity: Arc<Activity>,
}

impl Caller {
    /// Whose share of the daemon this takes: that of the token, if one came that is known, else of the address or user.
    pub fn client(&self) -> Client {
        self.session.token().map_or_else(|| Client::of(&self.peer), Client::Token)
    }

    /// Whether something that costs as much as so many questions is to be answered. However few may be asked in a second,
    /// it may be asked once all of them are left.
    ///
    /// # Errors
    ///
    /// As below.
    pub fn may_ask_for(&self, weight: usize) -> Result<(), Rejection> {
        self.may_ask(weight.min(self.allowance.most()))
    }

    /// Whether so many questions are to be answered.
    ///
    /// # Errors
    ///
    /// If the client has put more than it may, or the daemon has more to do than it can and this connection asks for
    /// more than its share.
    pub fn may_ask(&self, questions: usize) -> Result<(), Rejection> {
        self.activity.asks(questions);
        if self.activity.is_bulk() || self.activity.crowds() {
            return Err(ErrorReason::Overloaded.reject(
                "the daemon has more to do than it can, and this connection asks for more than its share: ask again in a \
                 moment",
            ));
        }
        if !self.allowance.take(questions) {
            return Err(ErrorReason::TooManyQuestions
                .reject("this client has put more questions than it may (limits.rate_limit): ask again in a second"));
        }
        Ok(())
    }
}

/// A connection that was taken in.
#[derive(Debug)]
pub struct Connection {
    /// Who is at the other end.
    pub peer: Peer,
    /// What the client may ask for.
    pub allowance: Allowance,
    /// Where it came in, and by which rules.
    pub listener_kind: ListenerKind,
    /// Who has which right.
    pub access: Arc<Access>,
    /// When it was taken in.
    pub began: Instant,
    /// Its place among the listener's connections.
    pub admitted: Admitted,
    /// The bounds it is held to.
    pub limits: Arc<LimitsConfig>,
    /// Cancelled when the daemon stops.
    pub shutdown: CancellationToken,
    /// The fair queue of its thread, where it shares one.
    pub fair_queue: Option<FairQueue>,
    /// Where answers are counted that nobody took.
    pub untaken: Arc<Untaken>,
}

/// A connection that speaks HTTP/1 or HTTP/2: its first requests are answered at once, if they can be, the others by hyper.
#[expect(clippy::large_enum_variant, reason = "the large one is what nearly all are to their end")]
enum Staged<S, R, F> {
    AtOnce(AtOnce<S, R>, Option<F>),
    Hyper(Pin<Box<dyn Driven + Send>>),
}

impl<S, R, F> Driven for Staged<S, R, F>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Respond,
    F: FnOnce(Watched<S>, bool) -> Pin<Box<dyn Driven + Send>> + Unpin,
{
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let staged = self.get_mut();
        if let Self::AtOnce(at_once, by_hyper) = staged {
            match (ready!(at_once.poll(cx)), by_hyper.take()) {
                (End::HandedOver(socket, is_http1), Some(by_hyper)) => {
                    *staged = Self::Hyper(by_hyper(*socket, is_http1))
                }
                _ => return Poll::Ready(()),
            }
        }
        match staged {
            Self::Hyper(connection) => connection.as_mut().poll_end(cx),
            Self::AtOnce(..) => Poll::Ready(()),
        }
    }

    fn close(self: Pin<&mut Self>) {
        match self.get_mut() {
            Self::AtOnce(at_once, _) => at_once.close(),
            Self::Hyper(connection) => connection.as_mut().close(),
        }
    }

    fn idle_at_most(&self) -> Duration {
        match self {
            Self::AtOnce(..) => HEADERS,
            Self::Hyper(connection) => connection.idle_at_most(),
        }
    }
}

/// What serves HTTP/2 and nothing else.
fn http2_alone(patient: Patient, streams: u32, limits: &LimitsConfig) -> http2::Builder<Patient> {
    let mut builder = http2::Builder::new(patient);
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(streams)
        .max_header_list_size(limits.header_bytes)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(limits.keepalive)
        .keep_alive_timeout(limits.keepalive);
    builder
}

/// What serves HTTP/1, and HTTP/2 too where it is not known yet which comes.
fn either(patient: Patient, streams: u32, limits: &LimitsConfig, is_http1: bool) -> auto::Builder<Patient> {
    let mut builder = auto::Builder::new(patient);
    if is_http1 {
        builder = builder.http1_only();
    }
    builder
        .http1()
        // An answer is some hundred bytes: copied behind its head it costs less than a list of two buffers.
        .writev(false)
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout.min(HEADERS))
        .max_buf_size((limits.header_bytes as usize).max(8 << 10))
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        .max_header_list_size(limits.header_bytes)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(limits.keepalive)
        .keep_alive_timeout(limits.keepalive);
    builder
}

impl Connection {
    /// Serves it to its end over TLS.
    pub async fn serve_over_tls<S, R>(self, socket: S, framing: Framing, service: Arc<R>, tls: &Tls)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        R: Respond,
    {
        let shaken = tokio::select! {
            shaken = tls.handshake(socket) => shaken.map_err(|error| error.to_string()),
            () = tokio::time::sleep_until(self.began + self.limits.handshake_timeout) => {
                Err("it took too long (limits.handshake_timeout)".to_owned())
            }
            () = self.shutdown.cancelled() => return,
            () = self.admitted.activity.asked_to_close() => Err("its place was needed".to_owned()),
        };
        match shaken {
            Ok(Shaken { stream, certified, chain, under }) => {
                let _kept = tls.keep(&self.admitted.activity, chain, &under);
                drop(under);
                self.serve(stream, framing, service, certified).await;
            }
            Err(error) => {
                tls.note_failed();
                tracing::debug!(peer = %self.peer, error, "a TLS handshake came to nothing: {error}");
            }
        }
    }

    /// Serves it to its end, in the version that its first bytes tell.
    pub async fn serve_by_preface<S, R>(self, socket: S, service: Arc<R>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        R: Respond,
    {
        let looked = tokio::select! {
            looked = preface::look(socket) => looked,
            () = tokio::time::sleep_until(self.began + self.limits.handshake_timeout) => return,
            () = self.shutdown.cancelled() => return,
            () = self.admitted.activity.asked_to_close() => return,
        };
        match looked {
            Ok((true, socket)) => self.serve(socket, Framing::Http2, service, None).await,
            Ok((false, socket)) => self.serve(socket, Framing::Either, service, None).await,
            // It ended before it began.
            Err(_) => {}
        }
    }

    /// Serves it to its end. The certificate is the client's, if it showed one.
    pub async fn serve<S, R>(self, socket: S, framing: Framing, service: Arc<R>, certified: Option<Certified>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        R: Respond,
    {
        let (socket, read) = Watched::new(socket, Arc::clone(&self.admitted.activity), self.fair_queue.clone());
        let linger = if framing == Framing::Either { Duration::ZERO } else { LINGER };
        let socket = socket.lingering(linger).with_http1(framing == Framing::Either);
        let Some(caller) = self.caller(certified).await else { return };
        let stopping = self.shutdown.clone();
        let at_once = (Arc::clone(&service), Arc::clone(&caller), self.shutdown.clone());
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let under_way = caller.activity.request();
            let (service, caller) = (Arc::clone(&service), Arc::clone(&caller));
            let (version, stopping) = (request.version(), stopping.clone());
            let (request, unread) = Incoming::of(request);
            // No async block, which would hold the future of the answer twice.
            service.respond(request, Arc::clone(&caller)).map(move |mut response| {
                if unread.is_left() {
                    caller.activity.leaves_unread();
                }
                let is_last = || stopping.is_cancelled() || caller.activity.is_leaving() || unread.is_left();
                if version <= Version::HTTP_11 && is_last() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| WatchedBody::new(body, under_way)))
            })
        });
        let patient = Patient { patience: self.limits.reader_patience, untaken: Arc::clone(&self.untaken) };
        let streams = match self.listener_kind.administers() {
            true => self.limits.streams.min(ADMIN_STREAMS),
            false => self.limits.streams,
        };
        match framing {
            Framing::Http2 | Framing::ByPreface => {
                let builder = http2_alone(patient, streams, &self.limits);
                let manners = Manners { opening: OPENING_BYTES, linger: Duration::ZERO };
                self.drive(builder.serve_connection(TokioIo::new(socket), service), manners, &read).await;
            }
            Framing::Either => {
                let limits = Arc::clone(&self.limits);
                // By hyper, once a request comes that is not answered at once: few need what that takes.
                let by_hyper = move |socket, is_http1| -> Pin<Box<dyn Driven + Send>> {
                    let builder = either(patient, streams, &limits, is_http1);
                    Box::pin(builder.serve_connection(TokioIo::new(socket), service).into_owned())
                };
                let (service, caller, stopping) = at_once;
                let connection = Staged::AtOnce(AtOnce::new(socket, service, caller, stopping), Some(by_hyper));
                self.drive(connection, Manners { opening: 1, linger: LINGER }, &read).await;
            }
        }
    }

    /// Who asks. Nothing only where the runtime is going down.
    async fn caller(&self, certified: Option<Certified>) -> Option<Arc<Caller>> {
        let (peer, listener_kind, access) = (self.peer.clone(), self.listener_kind, Arc::clone(&self.access));
        let user = match peer {
            Peer::Unix { uid, .. } => uid,
            Peer::Tcp(_) => None,
        };
        let session = if listener_kind.is_admin_socket() {
            // It looks up the user's name, and may look up groups, which may ask a directory on the network.
            let made = move || {
                let _ = user.map(users::ask);
                Session::new(peer, certified, listener_kind, access)
            };
            tokio::task::spawn_blocking(made).await.ok()?
        } else {
            // Nothing waits for the name of somebody who asks about providers.
            user.into_iter().for_each(users::learn);
            Session::new(peer, certified, listener_kind, access)
        };
        Some(Arc::new(Caller {
            peer: self.peer.clone(),
            session: Arc::new(session),
            allowance: self.allowance.clone(),
            activity: Arc::clone(&self.admitted.activity),
        }))
    }
}
