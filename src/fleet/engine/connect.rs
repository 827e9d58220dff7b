//! The way to a member, which is made when it is first used and made again when it breaks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Endpoint, Uri};
use tower::service_fn;

use super::Member;

/// So long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);

/// While an answer is awaited, the other side is asked so often whether it is there ...
const STILL_THERE: Duration = Duration::from_secs(2);

/// ... and given up when it has not said so for so long.
const NOT_THERE: Duration = Duration::from_secs(4);

/// Where TLS is spoken if the address names no port.
const HTTPS_PORT: u16 = 443;

/// The way to a member at an address. With TLS, each connection is made by the certificates that are in force then.
///
/// # Errors
///
/// If the address is none.
pub fn member(address: &str, tls: Option<Arc<ArcSwap<ClientConfig>>>) -> Result<Member, String> {
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|error| format!("{address}: {error}"))?;
    let endpoint = endpoint
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(STILL_THERE)
        .keep_alive_timeout(NOT_THERE)
        .tcp_nodelay(true);
    let channel = match tls {
        None => endpoint.connect_lazy(),
        Some(tls) => endpoint.connect_with_connector_lazy(service_fn(move |uri: Uri| {
            let connector = TlsConnector::from(tls.load_full());
            async move { connect(uri, connector).await }
        })),
    };
    Ok(Member { address: address.to_owned(), channel })
}

type Stream = TokioIo<tokio_rustls::client::TlsStream<TcpStream>>;

async fn connect(uri: Uri, connector: TlsConnector) -> io::Result<Stream> {
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "the address names no host");
    let host = uri.host().ok_or_else(none)?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host.clone()).map_err(|_| none())?;
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let made = async {
        let socket = TcpStream::connect((host, uri.port_u16().unwrap_or(HTTPS_PORT))).await?;
        socket.set_nodelay(true)?;
        connector.connect(name, socket).await
    };
    tokio::time::timeout(CONNECT * 2, made).await.map_err(late)?.map(TokioIo::new)
}
