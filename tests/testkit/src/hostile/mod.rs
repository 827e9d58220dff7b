//! A client that means harm, or is broken: it holds windows shut, takes nothing, resets, floods with every type of frame,
//! and crawls, over HTTP/1 and HTTP/2.
//!
//! [`Hostile::run`] is one such client; as many as are wanted run beside each other. It knows nothing of what is served: the
//! paths and messages are told to it, so that whoever has a table of them has all of them attacked.

pub mod frames;
mod http1;
mod http2;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// Where a listener is.
#[derive(Debug, Clone)]
pub enum Place {
    /// At an address.
    Tcp(SocketAddr),
    /// At a Unix socket.
    Unix(PathBuf),
}

/// A call: its path, and the message that it takes, as it is encoded.
#[derive(Debug, Clone)]
pub struct Rpc {
    /// `/package.Service/Method`.
    pub path: String,
    /// The message.
    pub message: Vec<u8>,
}

/// A type of frame to flood with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flood {
    /// HEADERS: calls, as fast as they can be sent.
    Headers,
    /// PRIORITY.
    Priority,
    /// RST_STREAM, of streams that were never begun too.
    RstStream,
    /// SETTINGS.
    Settings,
    /// PING.
    Ping,
    /// WINDOW_UPDATE.
    WindowUpdate,
    /// CONTINUATION: headers that never end.
    Continuation,
    /// DATA without anything in it.
    EmptyData,
}

/// What is done to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// HTTP/2: many calls, with windows shut: no answer is taken. Pings are answered.
    ShutWindows,
    /// HTTP/2: many calls, with windows wide open; nothing is read from the socket.
    UnreadSocket,
    /// HTTP/2: calls are begun and reset at once.
    Reset,
    /// HTTP/2: calls of which half comes, and no more.
    Half,
    /// HTTP/2: a call byte by byte.
    Crawl,
    /// HTTP/2: frames of a type, as fast as they can be sent.
    Flood(Flood),
    /// HTTP/1: requests one behind the other; nothing is read.
    UnreadHttp1,
    /// HTTP/1: requests one behind the other, as fast as they can be sent; answers are read and thrown away.
    FloodHttp1,
    /// HTTP/1: a request byte by byte.
    CrawlHttp1,
    /// HTTP/1: requests on connections that are reset before the answer.
    ResetHttp1,
}

impl Attack {
    /// Those over HTTP/2.
    pub const HTTP2: [Self; 13] = [
        Self::ShutWindows,
        Self::UnreadSocket,
        Self::Reset,
        Self::Half,
        Self::Crawl,
        Self::Flood(Flood::Headers),
        Self::Flood(Flood::Priority),
        Self::Flood(Flood::RstStream),
        Self::Flood(Flood::Settings),
        Self::Flood(Flood::Ping),
        Self::Flood(Flood::WindowUpdate),
        Self::Flood(Flood::Continuation),
        Self::Flood(Flood::EmptyData),
    ];

    /// Those over HTTP/1.
    pub const HTTP1: [Self; 4] = [Self::UnreadHttp1, Self::FloodHttp1, Self::CrawlHttp1, Self::ResetHttp1];
}

/// What a hostile client has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Connections that it made.
    pub connections: u64,
    /// Requests that it began.
    pub requests: u64,
    /// Answers that ended, good or bad, as far as it looked.
    pub ended: u64,
}

/// A hostile client.
#[derive(Debug, Clone)]
pub struct Hostile {
    /// Where it attacks.
    pub place: Place,
    /// What it calls over HTTP/2, one after the other.
    pub rpcs: Vec<Rpc>,
    /// What it asks for over HTTP/1: paths with their queries.
    pub paths: Vec<String>,
    /// Streams that it has open at a time on its connection.
    pub streams: u32,
}

/// A connection.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

impl Hostile {
    async fn connect(&self) -> io::Result<Box<dyn Socket>> {
        Ok(match &self.place {
            Place::Tcp(address) => {
                let socket = TcpStream::connect(address).await?;
                socket.set_nodelay(true)?;
                Box::new(socket)
            }
            Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    /// Attacks for so long, on one connection at a time: where one ends, the next is made.
    pub async fn run(&self, attack: Attack, how_long: Duration) -> Done {
        let (until, mut done) = (Instant::now() + how_long, Done::default());
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let one = async {
                let Ok(socket) = self.connect().await else {
                    // It is kept out: it tries again, as one that means harm does.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    return;
                };
                done.connections += 1;
                // However it ends, it is begun again.
                let _ = match attack {
                    Attack::UnreadHttp1 | Attack::FloodHttp1 | Attack::CrawlHttp1 | Attack::ResetHttp1 => {
                        http1::attack(self, attack, socket, &mut done).await
                    }
                    _ => http2::attack(self, attack, socket, &mut done).await,
                };
            };
            if timeout(left, one).await.is_err() {
                break;
            }
        }
        done
    }
}
