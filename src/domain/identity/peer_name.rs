//! The names that switches have for upstreams.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use thiserror::Error;

use super::quotable;
use crate::domain::address::{network_text, read_network};

/// A switch's own name for an upstream, as operators bind it to a provider. Case does not count, nor how an IP address
/// or network is written.
#[derive(Clone)]
pub struct PeerName {
    name: Box<str>,
    /// As it was given, where that is written otherwise.
    given: Option<Box<str>>,
}

/// Why a text is no peer's name.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{text:?} is no peer's name: give 1 to {} characters, none of them a control character", PeerName::LONGEST)]
pub struct PeerNameError {
    /// The text as given, cut to a bounded length.
    pub text: String,
}

impl PeerName {
    /// The most characters that a name has.
    pub const LONGEST: usize = 128;

    /// The name in lower case, by which it is found.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The name as it was given, for a message to whom gave it.
    pub fn as_given(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.name)
    }
}

impl PartialEq for PeerName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for PeerName {}

impl PartialOrd for PeerName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PeerName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl Hash for PeerName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl FromStr for PeerName {
    type Err = PeerNameError;

    fn from_str(text: &str) -> Result<Self, PeerNameError> {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.chars().count() > Self::LONGEST || trimmed.chars().any(char::is_control) {
            return Err(PeerNameError { text: quotable(text) });
        }
        // An address is one, however it is written, and so is a network.
        let name = match read_network(trimmed) {
            Ok(network) => network_text(network),
            Err(_) => trimmed.to_lowercase(),
        };
        let given = (name != trimmed).then(|| trimmed.into());
        Ok(Self { name: name.into(), given })
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerName({self})")
    }
}
