//! An address that is a secret beyond its host: whoever knows all of it can post there.

use std::fmt;

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// An address, shown and written by its host alone.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The address itself.
    ///
    /// # Errors
    ///
    /// If it is no address that can be posted to. The message does not repeat it.
    pub fn parse(&self) -> Result<Url, String> {
        let url =
            Url::parse(self.0.trim()).map_err(|error| format!("is no address ({error}): give https://HOST/..."))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(format!("begins {}://: give https://HOST/...", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user or a password: put secrets into a file, and name it by url_file".to_owned());
        }
        Ok(url)
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(self.0.trim()) {
            Ok(url) => f.write_str(&shown(&url)),
            Err(_) => f.write_str("***"),
        }
    }
}

/// Of an address what may be known: where it is.
pub fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let behind = if url.path().len() > 1 || url.query().is_some() { "/***" } else { "" };
    format!("{}://{}{port}{behind}", url.scheme(), url.host_str().unwrap_or("***"))
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

impl From<String> for SecretUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<SecretUrl> for String {
    fn from(url: SecretUrl) -> Self {
        url.to_string()
    }
}
