//! A listener: its connections are taken in, within bounds, and given to their threads.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::LimitsConfig;
use super::at_once::Get;
use super::body::Incoming;
use super::budget::Untaken;
use super::client::Client;
use super::connection::{Caller, Connection, Peer};
use super::quota::Allowances;
use super::registry::{Registries, Registry};
use super::tls::Tls;
use super::workers::{Life, Place, ThreadEnded};
use crate::transport::auth::{Access, ListenerKind};

/// The wait after a connection could not be had: mostly all file descriptors are in use.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The same where one that was idle is being closed.
const AFTER_ROOM: Duration = Duration::from_millis(2);

/// A lack that lasts is said again after so long.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Which versions of HTTP are spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// HTTP/2 alone, as gRPC has it.
    Http2,
    /// HTTP/1.1 and HTTP/2.
    Either,
    /// On a Unix socket, HTTP/2 as gRPC has it for who begins so, and HTTP/1.1 for others: browsers. On TCP, HTTP/2 alone.
    ByPreface,
}

/// What answers the requests of a listener. It judges by itself who may ask what.
pub trait Respond: Send + Sync + 'static {
    /// The body of an answer.
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static;

    /// Answers a request.
    fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        caller: Arc<Caller>,
    ) -> impl Future<Output = Response<Self::Body>> + Send + 'static;

    /// Whether [`Self::respond_at_once`] has the answer to such a request.
    fn is_at_once(&self, _get: &Get<'_>) -> bool {
        false
    }

    /// The answer that [`Self::respond`] gives, where nothing needs to be waited for. Nothing leaves the request to that: then
    /// it was not counted, nor noted in any way.
    fn respond_at_once(&self, _get: &Get<'_>, _caller: &Arc<Caller>) -> Option<Response<Bytes>> {
        None
    }
}

/// A socket that is listened on.
#[derive(Debug)]
pub enum ListenSocket {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// A listener and what becomes of its connections.
pub struct Acceptor<R> {
    /// Its name in the log.
    pub name: &'static str,
    /// The socket.
    pub socket: ListenSocket,
    /// Which versions of HTTP are spoken.
    pub framing: Framing,
    /// What answers.
    pub service: Arc<R>,
    /// Its TLS, where it speaks TLS.
    pub tls: Option<Arc<Tls>>,
    /// Where one comes in here, and who has which right.
    pub listener_kind: ListenerKind,
    /// The rules.
    pub access: Arc<Access>,
    /// Where connections live.
    pub place: Place,
    /// The listener's connections.
    pub registry: Arc<Registry>,
    /// Those of all listeners that make room where descriptors run out.
    pub registries: Registries,
    /// Where answers are counted that nobody took.
    pub untaken: Arc<Untaken>,
    /// What each client may ask for, on all listeners together.
    pub allowances: Arc<Allowances>,
    /// The bounds that they are held to.
    pub limits: Arc<LimitsConfig>,
    /// Cancelled when the daemon stops.
    pub shutdown: CancellationToken,
}

impl<R: Respond> Acceptor<R> {
    /// Takes connections in until the shutdown.
    ///
    /// # Errors
    ///
    /// If a thread that answers has ended.
    pub async fn run(self) -> Result<(), ThreadEnded> {
        let mut said = None::<Instant>;
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => return Ok(()),
                accepted = self.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => self.begin(socket, peer)?,
                // The client has gone again.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    // A lack that passes: mostly of file descriptors. The listener itself is good.
                    let room = self.registries.make_room();
                    if said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
                        said = Some(Instant::now());
                        let what = if room { "one that was idle makes room" } else { "none is idle" };
                        tracing::warn!(
                            listener = self.name, %error,
                            "a connection to the {} could not be taken in: {error}; {what}", self.name
                        );
                    }
                    tokio::time::sleep(if room { AFTER_ROOM } else { AFTER_FAILURE }).await;
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match &self.socket {
            ListenSocket::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // It fails where the client has gone again, which shows soon enough.
                let _ = stream.set_nodelay(true);
                Ok((Socket::Tcp(stream.into_std()?), Peer::Tcp(address)))
            }
            ListenSocket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let reported = stream.peer_cred().ok();
                let peer = Peer::Unix {
                    uid: reported.map(|reported| reported.uid()),
                    gid: reported.map(|reported| reported.gid()),
                };
                Ok((Socket::Unix(stream.into_std()?), peer))
            }
        }
    }

    fn begin(&self, socket: Socket, peer: Peer) -> Result<(), ThreadEnded> {
        let Some(admitted) = self.registry.admit(Client::of(&peer)) else {
            tracing::debug!(listener = self.name, %peer, "no room for another connection to the {}", self.name);
            return Ok(());
        };
        let mut connection = Connection {
            allowance: self.allowances.of(&peer),
            peer,
            listener_kind: self.listener_kind,
            access: Arc::clone(&self.access),
            began: Instant::now(),
            admitted,
            limits: Arc::clone(&self.limits),
            shutdown: self.shutdown.clone(),
            fair_queue: None,
            untaken: Arc::clone(&self.untaken),
        };
        let (framing, service, tls) = (self.framing, Arc::clone(&self.service), self.tls.clone());
        self.place.begin(move |fair_queue| -> Life {
            connection.fair_queue = fair_queue.cloned();
            if fair_queue.is_some() {
                connection.admitted.activity.stays_here();
            }
            Box::pin(async move {
                // Fails only where the runtime is going down.
                match socket {
                    Socket::Tcp(socket) => {
                        let Ok(socket) = TcpStream::from_std(socket) else { return };
                        match tls {
                            None => connection.serve(socket, framing, service, None).await,
                            // Apart: a connection without TLS need not be as large.
                            Some(tls) => Box::pin(connection.serve_over_tls(socket, framing, service, &tls)).await,
                        }
                    }
                    Socket::Unix(socket) => {
                        let Ok(socket) = UnixStream::from_std(socket) else { return };
                        match framing {
                            Framing::ByPreface => Box::pin(connection.serve_by_preface(socket, service)).await,
                            framing => connection.serve(socket, framing, service, None).await,
                        }
                    }
                }
            })
        })
    }
}
