//! How a fetch behaves.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::LiveUrl;
use super::source::shown;

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
    /// The largest listing that is taken, in bytes, before and after it is unpacked. The FCC's was 5 MB in 2026.
    pub max_bytes: u64,
    /// How the FCC can reach the operator: an e-mail or web address, sent in the User-Agent.
    pub contact: String,
    /// The proxy by which addresses are reached. Where there is none, the environment's (`HTTPS_PROXY`, `NO_PROXY`).
    pub proxy: Option<Proxy>,
    /// A PEM file of certificates that are trusted besides the system's.
    pub extra_ca: Option<PathBuf>,
    /// Whether a source is asked for a listing only if it has changed, where it said by what to tell.
    pub conditional: bool,
    /// After so long a listing is fetched whole even if the source says that it has not changed.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub recheck_after: Duration,
    /// How often one cycle asks a source that fails for a reason that may pass at once.
    pub tries: u32,
    /// The pause before the second of these tries; it doubles from one to the next.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub first_pause: Duration,
    /// After a failed cycle the next comes ahead of schedule, after this time at the soonest; it doubles from one
    /// failure to the next.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub retry_min: Duration,
    /// The longest such a time becomes.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub retry_max: Duration,
    /// The longest a source is left alone when it asks for it (`Retry-After`).
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub max_retry_after: Duration,
    /// Where `rmdd check --live` asks about one provider.
    pub live_url: LiveUrl,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(60),
            total_timeout: Duration::from_secs(15 * 60),
            max_bytes: 256 << 20,
            contact: String::new(),
            proxy: None,
            extra_ca: None,
            conditional: true,
            recheck_after: Duration::from_secs(24 * 3600),
            tries: 3,
            first_pause: Duration::from_secs(2),
            retry_min: Duration::from_secs(60),
            retry_max: Duration::from_secs(30 * 60),
            max_retry_after: Duration::from_secs(6 * 3600),
            live_url: LiveUrl::default(),
        }
    }
}

impl FetchConfig {
    /// Whether the settings make sense. Files are not looked at: see [`super::check_client`].
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
        for (name, value) in [
            ("connect_timeout", self.connect_timeout),
            ("idle_timeout", self.idle_timeout),
            ("total_timeout", self.total_timeout),
            ("recheck_after", self.recheck_after),
            ("first_pause", self.first_pause),
            ("retry_min", self.retry_min),
            ("retry_max", self.retry_max),
            ("max_retry_after", self.max_retry_after),
        ] {
            if value.is_zero() {
                return Err(format!("fetch.{name} is zero: give a time such as \"30s\""));
            }
            if value > LONGEST {
                return Err(format!("fetch.{name} is longer than a year"));
            }
        }
        if self.retry_max < self.retry_min {
            return Err("fetch.retry_max is shorter than fetch.retry_min".to_owned());
        }
        if !(1..=10).contains(&self.tries) {
            return Err(format!("fetch.tries is {}: give a number from 1 to 10", self.tries));
        }
        if self.max_bytes == 0 {
            return Err("fetch.max_bytes is 0: no listing would ever fit".to_owned());
        }
        if !self.contact.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            return Err("fetch.contact goes into an HTTP header: plain ASCII letters, digits and signs only".to_owned());
        }
        Ok(())
    }

    pub(super) fn user_agent(&self) -> String {
        let product = concat!("rmdd/", env!("CARGO_PKG_VERSION"));
        if self.contact.is_empty() { product.to_owned() } else { format!("{product} ({})", self.contact) }
    }
}

/// The proxy by which addresses are reached. Shown and written without its password.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Proxy {
    /// None, whatever the environment says.
    Off,
    /// This one, an `http` or `https` address.
    At(Box<Url>),
}

impl TryFrom<String> for Proxy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const GIVE: &str = "give http://HOST:PORT, https://HOST:PORT, or \"off\"";
        if text.trim() == "off" {
            return Ok(Self::Off);
        }
        // A text that is no address may hold a password all the same: it is not repeated.
        let url = Url::parse(text.trim()).map_err(|error| format!("the proxy is no address ({error}): {GIVE}"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self::At(Box::new(url))),
            other => Err(format!("a proxy that begins {other}:// cannot be used: {GIVE}")),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(url) => shown(url).fmt(f),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl From<Proxy> for String {
    fn from(proxy: Proxy) -> Self {
        proxy.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let defaults = FetchConfig::default;
        for (config, named) in [
            (FetchConfig { idle_timeout: Duration::ZERO, ..defaults() }, "fetch.idle_timeout"),
            (FetchConfig { contact: "a\r\nb".to_owned(), ..defaults() }, "fetch.contact"),
            (FetchConfig { tries: 0, ..defaults() }, "fetch.tries"),
            (FetchConfig { retry_max: Duration::from_secs(1), ..defaults() }, "fetch.retry_max"),
            (FetchConfig { max_retry_after: Duration::MAX, ..defaults() }, "fetch.max_retry_after"),
        ] {
            assert!(config.validate().expect_err(named).contains(named));
        }
    }

    #[test]
    fn a_proxys_password_is_neither_shown_nor_written() {
        let proxy = Proxy::try_from("http://user:secret@proxy.example:3128".to_owned()).expect("a proxy");
        let config = FetchConfig { proxy: Some(proxy.clone()), ..FetchConfig::default() };
        let written = toml::to_string(&config).expect("TOML");
        assert!(written.contains("http://***@proxy.example:3128"), "{written}");
        assert!(!format!("{config:?}{written}{proxy}").contains("secret"));
        let refused = Proxy::try_from("user:secret@proxy.example".to_owned()).expect_err("no address");
        assert!(!refused.contains("secret"), "{refused}");
        let refused = Proxy::try_from("socks5://u:secret@proxy.example".to_owned()).expect_err("no HTTP");
        assert!(refused.contains("socks5") && !refused.contains("secret"), "{refused}");
        assert_eq!(Proxy::try_from("off".to_owned()), Ok(Proxy::Off));
    }
}
