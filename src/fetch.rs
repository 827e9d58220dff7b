//! A source (URL or file) -> the published bytes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::header::RETRY_AFTER;
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::clock;
use crate::domain::Sha256Digest;

/// The FCC's CSV download of all current filings.
pub const FCC_CSV_URL: &str = "https://fccprod.servicenowservices.com/api/x_g_fmc_rmd/rmd/csv_download";

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// Where the listing is published.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// An `http` or `https` address.
    Url(Box<Url>),
    /// A file, read again at every sync.
    File(PathBuf),
}

impl Source {
    /// Reads a source as an operator writes it: an address, or else a path.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("the source is empty: give an http(s) address or the path of a CSV file".to_owned());
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => Url::parse(text)
                .map(|url| Self::Url(Box::new(url)))
                .map_err(|error| format!("the source {text:?} is no address: {error}")),
            "file" => Url::parse(text)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .map(Self::File)
                .ok_or_else(|| format!("the source {text:?} names no local file: write the path alone")),
            other => Err(format!("the source {text:?} begins {other}://: give an http(s) address or a path")),
        }
    }
}

impl fmt::Display for Source {
    /// Shows where, with a password or user in the address hidden.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) if url.username().is_empty() && url.password().is_none() => url.fmt(f),
            Self::Url(url) => {
                let mut shown = (**url).clone();
                // Both only fail for addresses that cannot carry a user, and those do not come here.
                let _ = shown.set_username("***");
                let _ = shown.set_password(None);
                shown.fmt(f)
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

/// How a fetch behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FetchConfig {
    /// The longest a connection may take to be made.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub connect_timeout: Duration,
    /// The longest the source may be silent.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub idle_timeout: Duration,
    /// The longest a whole fetch may take.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub total_timeout: Duration,
    /// The largest listing that is taken, in bytes. The FCC's was 5 MB in 2026.
    pub max_bytes: u64,
    /// How the FCC can reach the operator: an e-mail or web address, sent in the User-Agent.
    pub contact: String,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(60),
            total_timeout: Duration::from_secs(15 * 60),
            max_bytes: 256 << 20,
            contact: String::new(),
        }
    }
}

impl FetchConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        for (name, value) in [
            ("connect_timeout", self.connect_timeout),
            ("idle_timeout", self.idle_timeout),
            ("total_timeout", self.total_timeout),
        ] {
            if value.is_zero() {
                return Err(format!("fetch.{name} is zero: give a time such as \"30s\""));
            }
        }
        if self.max_bytes == 0 {
            return Err("fetch.max_bytes is 0: no listing would ever fit".to_owned());
        }
        if !self.contact.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            return Err("fetch.contact goes into an HTTP header: plain ASCII letters, digits and signs only".to_owned());
        }
        Ok(())
    }

    fn user_agent(&self) -> String {
        let product = concat!("rmdd/", env!("CARGO_PKG_VERSION"));
        if self.contact.is_empty() { product.to_owned() } else { format!("{product} ({})", self.contact) }
    }
}

/// The published bytes, whole.
#[derive(Debug, Clone)]
pub struct FetchedListing {
    /// The bytes.
    pub bytes: Bytes,
    /// Their digest.
    pub sha256: Sha256Digest,
    /// When the last of them came.
    pub fetched_at: Timestamp,
}

/// Why nothing was fetched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The file is not there.
    #[error("the file {} does not exist: put a listing there, or name another --source", .path.display())]
    FileMissing {
        /// Which.
        path: PathBuf,
    },
    /// The path is a directory or a device.
    #[error("{} is not a regular file: name the CSV file itself", .path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the file {} cannot be read: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// More bytes than a listing can have.
    #[error("the source holds more than {limit} bytes (fetch.max_bytes): this is no listing")]
    TooLarge {
        /// The limit in force.
        limit: u64,
    },
    /// The address redirects where it must not.
    #[error("{url} redirects from https to an unprotected address, which is not followed")]
    RedirectDowngrade {
        /// The address that was asked.
        url: String,
    },
    /// The server answered with something other than 200.
    #[error("{url} answered {status}{}", retry(.retry_after))]
    Status {
        /// The address that was asked.
        url: String,
        /// What it answered.
        status: StatusCode,
        /// Its `Retry-After`, if it sent one.
        retry_after: Option<String>,
    },
    /// The connection failed or broke off.
    #[error("{url} could not be fetched: {cause}")]
    Http {
        /// The address that was asked.
        url: String,
        /// The causes, from the outermost to the innermost.
        cause: String,
        /// The error itself.
        #[source]
        source: reqwest::Error,
    },
    /// The client could not be set up.
    #[error("no HTTPS client could be set up: {cause}")]
    Client {
        /// The causes, from the outermost to the innermost.
        cause: String,
        /// The error itself.
        #[source]
        source: reqwest::Error,
    },
    /// The reading task was lost.
    #[error("reading the source was interrupted")]
    Interrupted,
}

fn retry(after: &Option<String>) -> String {
    after
        .as_ref()
        .map_or_else(String::new, |after| format!(" and asks to be left alone for a while (Retry-After: {after})"))
}

/// An error's causes on one line; an address that reqwest repeats in its own text is left out.
fn causes(error: &reqwest::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if said.last().is_none_or(|last| !last.contains(&text)) {
            said.push(text);
        }
        cause = error.source();
    }
    if error.is_timeout() {
        said.insert(0, "it took too long".to_owned());
    }
    if said.is_empty() { "no cause was given".to_owned() } else { said.join(": ") }
}

/// Fetches the listing whole.
///
/// `progress` is told how many bytes have come, and of how many if the source says.
///
/// # Errors
///
/// If the source cannot be reached, answers with anything but the bytes, or breaks off.
pub async fn fetch(
    source: &Source,
    config: &FetchConfig,
    progress: impl Fn(u64, Option<u64>) + Send,
) -> Result<FetchedListing, FetchError> {
    let bytes = match source {
        Source::File(path) => read_file(path, config.max_bytes).await?,
        Source::Url(url) => download(url, config, &progress).await?,
    };
    progress(bytes.len() as u64, Some(bytes.len() as u64));
    let sha256 = Sha256Digest(Sha256::digest(&bytes).into());
    Ok(FetchedListing { bytes, sha256, fetched_at: clock::now() })
}

async fn read_file(path: &Path, limit: u64) -> Result<Bytes, FetchError> {
    let path = path.to_owned();
    let read = move || {
        use std::io::Read;

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
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        std::fs::File::open(&path)
            .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
            .map_err(refuse)?;
        if bytes.len() as u64 > limit {
            return Err(FetchError::TooLarge { limit });
        }
        Ok(Bytes::from(bytes))
    };
    tokio::task::spawn_blocking(read).await.map_err(|_| FetchError::Interrupted)?
}

fn client(config: &FetchConfig) -> Result<reqwest::Client, FetchError> {
    // Fails only if a provider is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirects = reqwest::redirect::Policy::custom(|attempt| {
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error("too many redirects");
        }
        let was_https = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if was_https && attempt.url().scheme() != "https" { attempt.stop() } else { attempt.follow() }
    });
    reqwest::Client::builder()
        .user_agent(config.user_agent())
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.idle_timeout)
        .timeout(config.total_timeout)
        .redirect(redirects)
        // One request an hour: a pool would only hold dead connections.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|source| FetchError::Client { cause: causes(&source), source })
}

async fn download(
    url: &Url,
    config: &FetchConfig,
    progress: &(impl Fn(u64, Option<u64>) + Send),
) -> Result<Bytes, FetchError> {
    let shown = Source::Url(Box::new(url.clone())).to_string();
    let broken = |source: reqwest::Error| {
        let source = source.without_url();
        FetchError::Http { url: shown.clone(), cause: causes(&source), source }
    };
    let mut response = client(config)?
        .get(url.clone())
        .header(reqwest::header::ACCEPT, "text/csv, */*;q=0.1")
        .send()
        .await
        .map_err(broken)?;
    let status = response.status();
    if status.is_redirection() {
        return Err(FetchError::RedirectDowngrade { url: shown });
    }
    if status != StatusCode::OK {
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(|value| value.chars().take(40).collect());
        return Err(FetchError::Status { url: shown, status, retry_after });
    }
    let expected = response.content_length();
    if expected.is_some_and(|length| length > config.max_bytes) {
        return Err(FetchError::TooLarge { limit: config.max_bytes });
    }
    let mut body = BytesMut::with_capacity(usize::try_from(expected.unwrap_or(8 << 20)).unwrap_or_default());
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if (body.len() + chunk.len()) as u64 > config.max_bytes {
            return Err(FetchError::TooLarge { limit: config.max_bytes });
        }
        body.extend_from_slice(&chunk);
        progress(body.len() as u64, expected);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_a_path() {
        assert!(matches!(Source::read(FCC_CSV_URL), Ok(Source::Url(_))));
        assert_eq!(Source::read("lists/a.csv"), Ok(Source::File("lists/a.csv".into())));
        assert_eq!(Source::read("file:///srv/a.csv"), Ok(Source::File("/srv/a.csv".into())));
        assert!(Source::read("ftp://rmd.example/a.csv").is_err());
        assert!(Source::read("http://").is_err());
        assert!(Source::read("  ").is_err());
    }

    #[test]
    fn a_password_in_an_address_is_never_shown() {
        let source = Source::read("https://user:secret@rmd.example/a.csv").expect("an address");
        assert_eq!(source.to_string(), "https://***@rmd.example/a.csv");
        assert!(!format!("{source:?}").contains("secret"));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let config = FetchConfig { idle_timeout: Duration::ZERO, ..FetchConfig::default() };
        assert!(config.validate().expect_err("refused").contains("fetch.idle_timeout"));
        let config = FetchConfig { contact: "a\r\nb".to_owned(), ..FetchConfig::default() };
        assert!(config.validate().expect_err("refused").contains("fetch.contact"));
    }
}
