//! Whether a source can be reached at all: by which name, way and proxy, and what time it has there.

use std::net::IpAddr;

use jiff::SignedDuration;
use reqwest::Url;
use tokio::net::TcpStream;

use super::http::{Asked, Packing, client, clock_skew, within};
use super::source::shown;
use super::{FetchConfig, FetchError, Proxy, Source};

/// So much of an answer is looked at: more than a header takes.
const BEGINNING_BYTES: usize = 64 << 10;

/// What a source said to a request of whose answer the beginning was read.
#[derive(Debug)]
pub struct Reached {
    /// How its answer begins, in as many bytes as a header needs; nothing where it came packed.
    pub beginning: Option<Vec<u8>>,
    /// By how much its clock is ahead of this machine's, if it says what time it is.
    pub clock_skew: Option<SignedDuration>,
}

/// Asks a source over HTTP for its listing, and goes away when it has seen how that begins.
///
/// # Errors
///
/// If it cannot be reached, or has none.
pub async fn reach(source: &Source, config: &FetchConfig) -> Result<Option<Reached>, FetchError> {
    let Source::Url(url) = source else { return Ok(None) };
    let asked = Asked { config, url: shown(url).to_string() };
    let request = client(config)?.get((**url).clone());
    let begun = async {
        let mut answer = asked.head(request, false).await?;
        let clock_skew = clock_skew(answer.headers());
        if !matches!(asked.packing(answer.headers())?, Packing::None) {
            return Ok(Reached { beginning: None, clock_skew });
        }
        let mut beginning = Vec::new();
        while beginning.len() < BEGINNING_BYTES
            && let Some(piece) = answer.chunk().await.map_err(|error| asked.failed(error))?
        {
            beginning.extend_from_slice(&piece);
        }
        Ok(Reached { beginning: Some(beginning), clock_skew })
    };
    within(config.connect_timeout + config.idle_timeout, &asked.url, begun).await.map(Some)
}

/// Whether the proxy of the configuration takes connections; nothing where it names none.
///
/// # Errors
///
/// If it takes none.
pub(crate) async fn reach_proxy(config: &FetchConfig) -> Option<std::io::Result<()>> {
    let Some(Proxy::At(url)) = &config.proxy else { return None };
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let connected = tokio::time::timeout(config.connect_timeout, TcpStream::connect((host, port))).await;
    Some(connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map(drop))
}

/// The proxy by which sources are asked, without its secrets; nothing where there is none.
pub fn proxy(config: &FetchConfig) -> Option<String> {
    match &config.proxy {
        Some(Proxy::Off) => None,
        Some(Proxy::At(url)) => Some(shown(url).to_string()),
        None => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find_map(|name| {
            let set = std::env::var(name).ok().filter(|value| !value.trim().is_empty())?;
            let url =
                Url::parse(&set).map_or_else(|_| "an address that is none".to_owned(), |url| shown(&url).to_string());
            Some(format!("{url} (by {name})"))
        }),
    }
}

/// The addresses of a source's host; nothing where it has none to look up.
///
/// # Errors
///
/// If the name has no address.
pub async fn addresses(source: &Source) -> std::io::Result<Option<(String, Vec<IpAddr>)>> {
    let Source::Url(url) = source else { return Ok(None) };
    let Some(host) = url.host_str() else { return Ok(None) };
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await?;
    Ok(Some((host.to_owned(), found.map(|address| address.ip()).collect())))
}
