//! Whether a source can be reached at all: by which name, way and proxy, and what time it has there.

use std::net::IpAddr;

use jiff::SignedDuration;
use reqwest::Url;

use super::http::{Asked, client, clock_skew, within};
use super::source::shown;
use super::{FetchConfig, FetchError, Proxy, Source};

/// What a source said to a request whose answer was not read.
#[derive(Debug)]
pub struct Reached {
    /// By how much its clock is ahead of this machine's, if it says what time it is.
    pub clock_skew: Option<SignedDuration>,
}

/// Asks a source over HTTP for its listing, and goes away when it begins to answer.
///
/// # Errors
///
/// If it cannot be reached, or has none.
pub async fn reach(source: &Source, config: &FetchConfig) -> Result<Option<Reached>, FetchError> {
    let Source::Url(url) = source else { return Ok(None) };
    let asked = Asked { config, url: shown(url).to_string() };
    let request = client(config)?.get((**url).clone());
    let head = within(config.connect_timeout + config.idle_timeout, &asked.url, asked.head(request, false)).await?;
    Ok(Some(Reached { clock_skew: clock_skew(head.headers()) }))
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
