//! The way to a daemon, for commands and for the daemon's own watchdog.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Error, Uri};
use tower::service_fn;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to a daemon's Unix socket.
///
/// # Errors
///
/// If nothing answers there.
pub async fn connect_unix(path: &Path) -> Result<Channel, Error> {
    let path: PathBuf = path.to_owned();
    // The address only fills the `:authority` header.
    Endpoint::from_static("http://localhost")
        .connect_timeout(CONNECT_TIMEOUT)
        .connect_with_connector(service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        }))
        .await
}

/// Connects to a daemon's TCP listener.
///
/// # Errors
///
/// If the address is none or nothing answers there.
pub async fn connect_tcp(url: &str) -> Result<Channel, Error> {
    Endpoint::from_shared(url.to_owned())?.connect_timeout(CONNECT_TIMEOUT).connect().await
}
