//! Why nothing was fetched.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;
use thiserror::Error;

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
    /// More bytes than a listing can have, as they came or unpacked.
    #[error("the source holds more than {limit} bytes (fetch.max_bytes): this is no listing")]
    TooLarge {
        /// The limit in force.
        limit: u64,
    },
    /// The address redirects where it must not.
    #[error(
        "{url} redirects to {to}, which is not https and is not followed: if that address can be trusted, make it the \
         source itself"
    )]
    RedirectUnsafe {
        /// The address that was asked.
        url: String,
        /// Where it leads.
        to: String,
    },
    /// The address redirects too often, or in a circle.
    #[error("{url} redirects more than {limit} times: it leads in a circle, most likely")]
    RedirectLoop {
        /// The address that was asked.
        url: String,
        /// How many are followed.
        limit: usize,
    },
    /// The server answered with something other than 200.
    #[error("{url} answered {status}{}{}", meaning(*.status), retry(*.retry_after))]
    Status {
        /// The address that was asked.
        url: String,
        /// What it answered.
        status: StatusCode,
        /// How long it asks to be left alone, if it does.
        retry_after: Option<Duration>,
    },
    /// No connection was made.
    #[error("{url} could not be reached: {cause}")]
    Connect {
        /// The address that was asked.
        url: String,
        /// The causes, from the outermost to the innermost.
        cause: String,
        /// The error itself.
        #[source]
        source: reqwest::Error,
    },
    /// The source was silent.
    #[error("{url} took too long: it was silent for {} (fetch.idle_timeout)", span(*.limit))]
    Idle {
        /// The address that was asked.
        url: String,
        /// The limit in force.
        limit: Duration,
    },
    /// The whole took too long.
    #[error("{url} took too long: it was not whole after {} (fetch.total_timeout)", span(*.limit))]
    Slow {
        /// The address that was asked.
        url: String,
        /// The limit in force.
        limit: Duration,
    },
    /// The connection broke off, or what came is no HTTP.
    #[error("{url} could not be fetched whole: {cause}")]
    Broken {
        /// The address that was asked.
        url: String,
        /// The causes, from the outermost to the innermost.
        cause: String,
        /// The error itself.
        #[source]
        source: reqwest::Error,
    },
    /// A packed body that does not unpack to its end.
    #[error("{url} could not be fetched whole: its {coding} body is cut short or damaged ({source})")]
    Packing {
        /// The address that was asked.
        url: String,
        /// How it is packed.
        coding: &'static str,
        /// Why it does not unpack.
        source: std::io::Error,
    },
    /// A packing that was not asked for.
    #[error("{url} sent a body packed as {coding:?}, which was not asked for and cannot be read")]
    UnknownPacking {
        /// The address that was asked.
        url: String,
        /// What it says.
        coding: String,
    },
    /// The bytes cannot be kept.
    #[error("what was fetched cannot be kept in {}: {source}; see that the disk has room and the directory is writable", .path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The certificates of the configuration cannot be used.
    #[error("fetch.extra_ca: {} cannot be used: {detail}; it must be a PEM file of certificates", .path.display())]
    ExtraCa {
        /// Which file.
        path: PathBuf,
        /// Why.
        detail: String,
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
    /// The system trusts no authority.
    #[error(
        "nothing can be asked over the network, because this system trusts no certificate authority ({cause}); install \
         its certificates (Debian: ca-certificates) or name a file of them in fetch.extra_ca"
    )]
    NoAuthorities {
        /// The causes, from the outermost to the innermost.
        cause: String,
        /// The error itself.
        #[source]
        source: reqwest::Error,
    },
    /// An address of the configuration is none.
    #[error("fetch.live_url is no address: {detail}")]
    NoAddress {
        /// Why.
        detail: String,
    },
    /// The reading task was lost.
    #[error("reading the source was interrupted")]
    Interrupted,
}

impl FetchError {
    /// How long the source asks to be left alone, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same may well succeed if it is tried again at once.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Idle { .. } | Self::Broken { .. } | Self::Packing { .. } => true,
            Self::Status { status, retry_after, .. } => {
                let passing = status.is_server_error() && *status != StatusCode::NOT_IMPLEMENTED;
                retry_after.is_none() && (passing || *status == StatusCode::REQUEST_TIMEOUT)
            }
            _ => false,
        }
    }

    /// Whether the source answered, though not with a listing.
    pub fn is_contact(&self) -> bool {
        !matches!(
            self,
            Self::Connect { .. }
                | Self::FileMissing { .. }
                | Self::ExtraCa { .. }
                | Self::Client { .. }
                | Self::NoAddress { .. }
                | Self::Disk { .. }
                | Self::Interrupted
        )
    }

    /// The cause in UPPER_SNAKE, for alarms and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FileMissing { .. } => "FILE_MISSING",
            Self::NotAFile { .. } => "NOT_A_FILE",
            Self::File { .. } => "FILE_UNREADABLE",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::RedirectUnsafe { .. } => "REDIRECT_UNSAFE",
            Self::RedirectLoop { .. } => "REDIRECT_LOOP",
            Self::Status { status, .. } => match status.as_u16() {
                401 | 403 | 407 => "ACCESS_DENIED",
                404 | 410 => "NOT_FOUND",
                429 => "TOO_MANY_REQUESTS",
                500..=599 => "SERVER_ERROR",
                _ => "UNEXPECTED_STATUS",
            },
            Self::Connect { .. } => "UNREACHABLE",
            Self::Idle { .. } => "IDLE_TIMEOUT",
            Self::Slow { .. } => "TOTAL_TIMEOUT",
            Self::Broken { .. } => "BROKEN_OFF",
            Self::Packing { .. } => "PACKING_BROKEN",
            Self::UnknownPacking { .. } => "PACKING_UNKNOWN",
            Self::Disk { .. } => "DISK",
            Self::ExtraCa { .. } | Self::Client { .. } | Self::NoAuthorities { .. } | Self::NoAddress { .. } => {
                "CLIENT_SETUP"
            }
            Self::Interrupted => "INTERRUPTED",
        }
    }
}

fn retry(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |after| format!(" and asks to be left alone for {} (Retry-After)", span(after)))
}

fn meaning(status: StatusCode) -> &'static str {
    match status.as_u16() {
        204 => ": it sent no listing",
        304 => " though it was asked for the whole listing",
        401 | 403 => ": it does not let us in",
        407 => ": the proxy does not let us in (fetch.proxy)",
        404 | 410 => ": see whether the address is right (source)",
        _ => "",
    }
}

/// A duration in its largest units.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => format!("{} ms", duration.as_millis()),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// An error's causes on one line; what a cause repeats of the one around it is left out.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        // hyper's own wrapping says nothing.
        let says_nothing = text.starts_with("client error (") && error.source().is_some();
        if !says_nothing && said.last().is_none_or(|last| !last.contains(&text)) {
            said.push(text);
        }
        cause = error.source();
    }
    if error.is_timeout() {
        said.insert(0, "it took too long".to_owned());
    }
    if said.is_empty() { "no cause was given".to_owned() } else { said.join(": ") }
}
