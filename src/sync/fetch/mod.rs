//! A source (URL or file) -> the published bytes, whole and hashed in a file, or "not modified".
//!
//! Nothing here trusts what it gets: time, size and redirects are bounded, a body that does not come to its end is no
//! body, and what a server says by which to tell whether the listing has changed is only asked by, never believed over
//! the digest. Redirects are followed to `https` only, and few of them. Packed bodies (gzip, Brotli) count unpacked as
//! well as packed.
//!
//! # Errors
//!
//! [`FetchError`] says what happened; [`FetchError::kind`] names the cause for alarms and metrics.

mod config;
mod error;
mod http;
mod incoming;
mod live;
mod reach;
mod retry;
mod source;

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use tokio::task::spawn_blocking;

use crate::observe::clock;

pub use crate::domain::Validators;
pub use config::{FetchConfig, Proxy};
pub use error::FetchError;
pub use incoming::FetchedListing;
pub(crate) use incoming::clear_incoming;
pub use live::LiveUrl;
pub(crate) use live::ask_live;
pub(crate) use reach::reach_proxy;
pub use reach::{addresses, proxy, reach};
pub use retry::pause;
pub(crate) use source::FCC_CSV_URL;
pub use source::Source;

use incoming::{Failed, receive};

/// What a source gave.
#[derive(Debug)]
pub enum Fetched {
    /// It says that nothing has changed since it gave what the validators belong to.
    NotModified {
        /// When it said so.
        at: Timestamp,
        /// By how much its clock was ahead of this machine's, if it says what time it is.
        clock_skew: Option<SignedDuration>,
    },
    /// A listing, whole.
    Listing(FetchedListing),
}

impl Fetched {
    /// When it came.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::NotModified { at, .. } => *at,
            Self::Listing(listing) => listing.fetched_at,
        }
    }

    /// The same, come at another time than this machine's clock said.
    pub fn that_came(mut self, then: Timestamp) -> Self {
        match &mut self {
            Self::NotModified { at, .. } => *at = then,
            Self::Listing(listing) => listing.fetched_at = then,
        }
        self
    }

    /// By how much the source's clock was ahead of this machine's, if it said what time it is.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        match self {
            Self::NotModified { clock_skew, .. } => *clock_skew,
            Self::Listing(listing) => listing.clock_skew,
        }
    }
}

/// Asks a source for its listing; if validators are known, only for one that has changed since. The bytes come into a
/// new file in the directory `into`, which is made if it does not exist.
///
/// `progress` is told how many bytes have come, and of how many if the source says.
///
/// # Errors
///
/// If the source cannot be reached, answers with anything but the bytes, or breaks off; or if they cannot be kept.
pub async fn fetch(
    source: &Source,
    config: &FetchConfig,
    known: Option<&Validators>,
    into: &Path,
    progress: impl Fn(u64, Option<u64>) + Send,
) -> Result<Fetched, FetchError> {
    let fetched = match source {
        Source::File(path) => copy(path, config.max_bytes, into).await.map(Fetched::Listing),
        Source::Url(url) => http::download(url, config, known, into, &progress).await,
    }?;
    if let Fetched::Listing(listing) = &fetched {
        progress(listing.length, Some(listing.length));
    }
    Ok(fetched)
}

/// Whether the proxy and the certificates of a configuration can be used. Reads the certificates' file.
///
/// What the system lacks is returned and no error: without its authorities nothing can be fetched over the network, but
/// all that is stored can be served, and they may come while the daemon runs.
///
/// # Errors
///
/// If they cannot.
pub fn check_client(config: &FetchConfig) -> Result<Option<FetchError>, FetchError> {
    match http::client(config) {
        Ok(_) => Ok(None),
        Err(lacking @ FetchError::NoAuthorities { .. }) => Ok(Some(lacking)),
        Err(error) => Err(error),
    }
}

/// Copies a local file, which may be replaced at any time.
async fn copy(path: &Path, limit: u64, into: &Path) -> Result<FetchedListing, FetchError> {
    let (path, into): (PathBuf, PathBuf) = (path.to_owned(), into.to_owned());
    let copy = move || {
        let refuse = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => FetchError::FileMissing { path: path.clone() },
            _ => FetchError::File { path: path.clone(), source },
        };
        // Asked before it is opened: opening a pipe would wait for its writer.
        let metadata = std::fs::metadata(&path).map_err(refuse)?;
        if !metadata.is_file() {
            return Err(FetchError::NotAFile { path: path.clone() });
        }
        if metadata.len() > limit {
            return Err(FetchError::TooLarge { limit });
        }
        let file = std::fs::File::open(&path).map_err(refuse)?;
        let received = receive(file, &into, limit).map_err(|failed| match failed {
            Failed::Reading(error) => refuse(error),
            Failed::Keeping(error) => error,
        })?;
        Ok(FetchedListing::new(received, path.display().to_string(), clock::now()))
    };
    spawn_blocking(copy).await.map_err(|_| FetchError::Interrupted)?
}
