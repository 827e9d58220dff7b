//! Over HTTP: the client, and one download.

use std::path::Path;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AGE, CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use reqwest::{Certificate, Client, Response, StatusCode, Url};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::error::causes;
use super::incoming::{CHUNKS_WAITING, Failed, Piece, Pieces, Received, receive};
use super::source::shown;
use super::{FetchConfig, FetchError, Fetched, FetchedListing, Proxy, retry};
use crate::domain::Validators;
use crate::observe::clock;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// The longest validator that is kept. Longer ones are none.
const MAX_VALIDATOR_BYTES: usize = 1024;

/// What Brotli may keep of what it reads, in bytes.
const BROTLI_BUFFER: usize = 16 << 10;

/// The client that the configuration asks for.
///
/// # Errors
///
/// If its certificates cannot be read or it cannot be set up.
pub(super) fn client(config: &FetchConfig) -> Result<Client, FetchError> {
    // Fails only if a provider is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirects = reqwest::redirect::Policy::custom(|attempt| {
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error("too many redirects");
        }
        if attempt.url().scheme() == "https" { attempt.follow() } else { attempt.stop() }
    });
    let setup = |source: reqwest::Error| {
        let source = source.without_url();
        FetchError::Client { cause: causes(&source), source }
    };
    let mut builder = Client::builder()
        .user_agent(config.user_agent())
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.idle_timeout)
        .redirect(redirects)
        .referer(false)
        // One request an hour: a pool would only hold dead connections.
        .pool_max_idle_per_host(0);
    match &config.proxy {
        // What the client makes of it leaves addresses out.
        None if nothing_by_proxy() => builder = builder.no_proxy(),
        None => {}
        Some(Proxy::Off) => builder = builder.no_proxy(),
        Some(Proxy::At(url)) => builder = builder.proxy(reqwest::Proxy::all((**url).clone()).map_err(setup)?),
    }
    if let Some(path) = &config.extra_ca {
        let refuse = |detail: String| FetchError::ExtraCa { path: path.clone(), detail };
        let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| refuse(causes(&error)))?;
        if certificates.is_empty() {
            return Err(refuse("it holds no certificate".to_owned()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|source| match &config.extra_ca {
        Some(path) => FetchError::ExtraCa { path: path.clone(), detail: causes(&source) },
        // All else was checked when it was given to the builder.
        None => FetchError::NoAuthorities { cause: causes(&source), source: source.without_url() },
    })
}

/// Whether the environment says that nothing goes by a proxy.
fn nothing_by_proxy() -> bool {
    ["NO_PROXY", "no_proxy"].into_iter().filter_map(std::env::var_os).any(|hosts| names_all(&hosts.to_string_lossy()))
}

/// Whether a list of hosts names all of them.
fn names_all(hosts: &str) -> bool {
    hosts.split(',').any(|host| host.trim() == "*")
}

/// One address, asked by the configuration's rules.
pub(super) struct Asked<'a> {
    pub(super) config: &'a FetchConfig,
    /// Without its secrets.
    pub(super) url: String,
}

impl Asked<'_> {
    /// What a failure of the client means.
    pub(super) fn failed(&self, source: reqwest::Error) -> FetchError {
        let url = self.url.clone();
        let source = source.without_url();
        if source.is_redirect() {
            return FetchError::RedirectLoop { url, limit: MAX_REDIRECTS };
        }
        if source.is_connect() {
            let mut cause = causes(&source);
            if let Some(Proxy::At(proxy)) = &self.config.proxy {
                // It is what was connected to, and what may be down.
                cause = format!("{cause}; asked by the proxy {} (fetch.proxy)", shown(proxy));
            }
            return FetchError::Connect { url, cause, source };
        }
        if source.is_timeout() {
            return FetchError::Idle { url, limit: self.config.idle_timeout };
        }
        FetchError::Broken { url, cause: causes(&source), source }
    }

    /// The answer's head, if it is 200, or 304 where that may be.
    pub(super) async fn head(
        &self,
        request: reqwest::RequestBuilder,
        conditional: bool,
    ) -> Result<Response, FetchError> {
        let response = request.send().await.map_err(|error| self.failed(error))?;
        let status = response.status();
        if status == StatusCode::OK || (conditional && status == StatusCode::NOT_MODIFIED) {
            return Ok(response);
        }
        let url = self.url.clone();
        if let (301 | 302 | 303 | 307 | 308, Some(to)) = (status.as_u16(), header(response.headers(), &LOCATION)) {
            // Shown from where it stands, and without its secrets.
            let to = response.url().join(&to).map_or(to, |to| shown(&to).to_string());
            return Err(FetchError::RedirectUnsafe { url, to });
        }
        // A date is one of the source's own clock.
        let now = source_time(response.headers()).unwrap_or_else(clock::now);
        let retry_after = header(response.headers(), &RETRY_AFTER)
            .and_then(|value| retry::retry_after(&value, now))
            .filter(|after| !after.is_zero())
            .map(|after| after.min(self.config.max_retry_after));
        Err(FetchError::Status { url, status, retry_after })
    }

    /// How the body is packed.
    pub(super) fn packing(&self, headers: &HeaderMap) -> Result<Packing, FetchError> {
        let said: Vec<&str> =
            headers.get_all(CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or("?")).collect();
        let said = said.join(",").to_ascii_lowercase();
        let codings: Vec<&str> =
            said.split(',').map(str::trim).filter(|coding| !matches!(*coding, "" | "identity")).collect();
        match codings.as_slice() {
            [] => Ok(Packing::None),
            ["gzip" | "x-gzip"] => Ok(Packing::Gzip),
            ["br"] => Ok(Packing::Brotli),
            _ => Err(FetchError::UnknownPacking { url: self.url.clone(), coding: said.chars().take(40).collect() }),
        }
    }
}

/// How a body is packed.
#[derive(Clone, Copy)]
pub(super) enum Packing {
    None,
    Gzip,
    Brotli,
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// What the source's clock says: its `Date`, and the time that the answer has lain in a cache since.
fn source_time(headers: &HeaderMap) -> Option<Timestamp> {
    let date = Timestamp::try_from(httpdate::parse_http_date(&header(headers, &DATE)?).ok()?).ok()?;
    let lain = header(headers, &AGE).and_then(|age| age.trim().parse::<u32>().ok()).unwrap_or_default();
    date.checked_add(SignedDuration::from_secs(lain.into())).ok()
}

/// By how much the source's clock is ahead of this machine's. A `Date` has whole seconds.
pub(super) fn clock_skew(headers: &HeaderMap) -> Option<SignedDuration> {
    let skew = source_time(headers)?.duration_since(clock::now());
    Some(SignedDuration::from_secs(skew.as_secs()))
}

fn validators(headers: &HeaderMap) -> Validators {
    let kept = |name| header(headers, name).filter(|value| !value.is_empty() && value.len() <= MAX_VALIDATOR_BYTES);
    Validators { etag: kept(&ETAG), last_modified: kept(&LAST_MODIFIED) }
}

/// Asks for a listing, and only for a changed one if validators are known.
pub(super) async fn download(
    url: &Url,
    config: &FetchConfig,
    known: Option<&Validators>,
    into: &Path,
    progress: &(impl Fn(u64, Option<u64>) + Send),
) -> Result<Fetched, FetchError> {
    let asked = Asked { config, url: shown(url).to_string() };
    let mut request = client(config)?.get(url.clone()).header(ACCEPT, "text/csv, */*;q=0.1");
    request = request.header(ACCEPT_ENCODING, "gzip, br");
    let known = known.filter(|known| !known.is_empty());
    if let Some(Validators { etag, last_modified }) = known {
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(last_modified) = last_modified {
            request = request.header(IF_MODIFIED_SINCE, last_modified);
        }
    }
    let whole = async {
        let response = asked.head(request, known.is_some()).await?;
        let clock_skew = clock_skew(response.headers());
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::NotModified { at: clock::now(), clock_skew });
        }
        let content_type = header(response.headers(), &CONTENT_TYPE);
        let validators = validators(response.headers());
        let received = body(&asked, response, into, progress).await?;
        let mut listing = FetchedListing::new(received, asked.url.clone(), clock::now());
        (listing.content_type, listing.validators, listing.clock_skew) = (content_type, validators, clock_skew);
        Ok(Fetched::Listing(listing))
    };
    within(config.total_timeout, &asked.url, whole).await
}

/// What comes within the time that a whole fetch may take.
pub(super) async fn within<T>(
    limit: Duration,
    url: &str,
    whole: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    tokio::time::timeout(limit, whole).await.unwrap_or_else(|_| Err(FetchError::Slow { url: url.to_owned(), limit }))
}

/// Streams a body to disk. A thread of its own unpacks, hashes and writes; if this is dropped, it gives up.
async fn body(
    asked: &Asked<'_>,
    mut response: Response,
    into: &Path,
    progress: &(impl Fn(u64, Option<u64>) + Send),
) -> Result<Received, FetchError> {
    let limit = asked.config.max_bytes;
    let expected = response.content_length();
    if expected.is_some_and(|length| length > limit) {
        return Err(FetchError::TooLarge { limit });
    }
    let packing = asked.packing(response.headers())?;
    let (sender, pieces) = mpsc::channel(CHUNKS_WAITING);
    let into = into.to_owned();
    let writing = spawn_blocking(move || {
        let pieces = Pieces::new(pieces);
        match packing {
            Packing::None => receive(pieces, &into, limit),
            Packing::Gzip => receive(MultiGzDecoder::new(pieces), &into, limit),
            Packing::Brotli => receive(brotli_decompressor::Decompressor::new(pieces, BROTLI_BUFFER), &into, limit),
        }
    });
    let mut came: u64 = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| asked.failed(error))? {
        came += chunk.len() as u64;
        if came > limit {
            return Err(FetchError::TooLarge { limit });
        }
        progress(came, expected);
        if sender.send(Piece::Bytes(chunk)).await.is_err() {
            // The other side has ended and says why.
            break;
        }
    }
    let _ = sender.send(Piece::End).await;
    drop(sender);
    let coding = match packing {
        Packing::None => "plain",
        Packing::Gzip => "gzip",
        Packing::Brotli => "br",
    };
    writing.await.map_err(|_| FetchError::Interrupted)?.map_err(|failed| match failed {
        Failed::Reading(source) => FetchError::Packing { url: asked.url.clone(), coding, source },
        Failed::Keeping(error) => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_among_the_hosts_that_need_no_proxy_names_all_of_them() {
        for all in ["*", "example.com, *", "*,10.0.0.0/8"] {
            assert!(names_all(all), "{all}");
        }
        for some in ["", "*.example.com", "10.0.0.1", "example.com"] {
            assert!(!names_all(some), "{some}");
        }
    }
}
