//! One question to the FCC's `public` endpoint: what does it say of this provider now?

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Url;
use reqwest::header::ACCEPT;
use serde::{Deserialize, Serialize};

use super::http::{Asked, Packing, client, within};
use super::source::shown;
use super::{FetchConfig, FetchError};
use crate::domain::Identity;

/// The FCC's look-up of filings, with a ServiceNow query.
pub const FCC_LIVE_URL: &str = "https://fccprod.servicenowservices.com/api/x_g_fmc_rmd/rmd/public";

/// The largest answer that is taken. One provider has a few filings of some hundred bytes; an address that does not
/// honour the query answers with ten thousand.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// The longest that somebody at a terminal is kept waiting.
const LONGEST: Duration = Duration::from_secs(60);

/// Where the FCC is asked about one provider. Shown and written without its password.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct LiveUrl(String);

impl Default for LiveUrl {
    fn default() -> Self {
        Self(FCC_LIVE_URL.to_owned())
    }
}

impl TryFrom<String> for LiveUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A text that is no address may hold a password all the same: it is not repeated.
        let url = Url::parse(text.trim()).map_err(|error| format!("it is no address ({error}): give https://..."))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self(url.into())),
            other => Err(format!("an address that begins {other}:// cannot be asked: give https://...")),
        }
    }
}

impl fmt::Display for LiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(&self.0) {
            Ok(url) => shown(&url).fmt(f),
            Err(_) => f.write_str("no address"),
        }
    }
}

impl fmt::Debug for LiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveUrl({self})")
    }
}

impl From<LiveUrl> for String {
    fn from(url: LiveUrl) -> Self {
        url.to_string()
    }
}

impl LiveUrl {
    /// The address of the question about one provider.
    fn about(&self, who: Identity) -> Result<Url, FetchError> {
        let query = match who {
            Identity::Frn(frn) => format!("frn_str={frn}"),
            Identity::RmdNumber(number) => format!("number={number}"),
        };
        let mut url = Url::parse(&self.0).map_err(|error| FetchError::NoAddress { detail: error.to_string() })?;
        url.query_pairs_mut().append_pair("sysparm_query", &query);
        Ok(url)
    }
}

/// Asks the FCC about one provider and returns what it answers, unread.
///
/// # Errors
///
/// As [`super::fetch`]. It is asked once.
pub(crate) async fn ask_live(config: &FetchConfig, who: Identity) -> Result<Bytes, FetchError> {
    let url = config.live_url.about(who)?;
    let asked = Asked { config, url: config.live_url.to_string() };
    let request = client(config)?.get(url).header(ACCEPT, "application/json");
    let whole = async {
        let mut response = asked.head(request, false).await?;
        let limit = MAX_ANSWER_BYTES.min(config.max_bytes);
        match asked.packing(response.headers())? {
            Packing::None => {}
            // None was asked for.
            Packing::Gzip => {
                return Err(FetchError::UnknownPacking { url: asked.url.clone(), coding: "gzip".to_owned() });
            }
            Packing::Brotli => {
                return Err(FetchError::UnknownPacking { url: asked.url.clone(), coding: "br".to_owned() });
            }
        }
        let mut answer = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| asked.failed(error))? {
            if (answer.len() + chunk.len()) as u64 > limit {
                return Err(FetchError::TooLarge { limit });
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer.freeze())
    };
    within(config.total_timeout.min(LONGEST), &asked.url, whole).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(text: &str) -> LiveUrl {
        LiveUrl::try_from(text.to_owned()).expect("an address")
    }

    #[test]
    fn the_question_stands_in_the_query_behind_what_is_there() {
        let frn = Identity::Frn("0012345678".parse().expect("an FRN"));
        assert_eq!(
            LiveUrl::default().about(frn).expect("an address").as_str(),
            format!("{FCC_LIVE_URL}?sysparm_query=frn_str%3D0012345678")
        );
        let number = Identity::RmdNumber("RMD0001410".parse().expect("a number"));
        let asked = live("http://127.0.0.1:9/p?a=b").about(number).expect("an address");
        assert_eq!(asked.as_str(), "http://127.0.0.1:9/p?a=b&sysparm_query=number%3DRMD0001410");
    }

    #[test]
    fn a_password_in_the_address_is_neither_shown_nor_written() {
        let url = live("https://user:secret@rmd.example/public");
        let config = FetchConfig { live_url: url, ..FetchConfig::default() };
        let written = toml::to_string(&config).expect("TOML");
        assert!(written.contains("***@rmd.example") && !format!("{config:?}{written}").contains("secret"), "{written}");
        for refused in ["", "u:secret@rmd.example", "ftp://u:secret@rmd.example"] {
            let error = LiveUrl::try_from(refused.to_owned()).expect_err(refused);
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
