//! Where alerts may go, and how much of a reply is looked at.
//!
//! The address that is checked is the one that is connected to: names are resolved here, for the client that connects, and
//! redirects are not followed. No proxy is used, since it would resolve the name again, by itself.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, Response, Url};

use super::secrets::Secrets;
use crate::domain::visible::one_line;

/// No more of a reply is read, in bytes.
const MOST_OF_A_REPLY: usize = 64 << 10;

/// No more of it is shown, in characters.
const SHOWN: usize = 200;

/// How far a connection may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To this machine alone.
    ThisMachine,
    /// To this machine alone, where a mail relay listens.
    Relay,
    /// Anywhere but to addresses that are nobody's server.
    Anywhere,
}

/// Why an address may not be connected to; nothing if it may.
pub fn refused(address: IpAddr, reach: Reach) -> Option<&'static str> {
    let address = plain(address);
    let why = match address {
        IpAddr::V4(v4) => refused_v4(v4),
        IpAddr::V6(v6) => refused_v6(v6),
    };
    if why.is_some() {
        return why;
    }
    match reach {
        Reach::ThisMachine if !address.is_loopback() => Some("http:// goes to this machine alone, unless plain = true"),
        Reach::Relay if !address.is_loopback() => {
            Some("mail without TLS goes to a relay on this machine alone: set tls to \"starttls\" or \"tls\"")
        }
        _ => None,
    }
}

/// The address that one leads to that carries another within it.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let last = |at: usize| {
        let [a, b] = segments.get(at).copied().unwrap_or_default().to_be_bytes();
        let [c, d] = segments.get(at + 1).copied().unwrap_or_default().to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // ::ffff:a.b.c.d, and the old ::a.b.c.d
        [0, 0, 0, 0, 0, 0xffff, _, _] => last(6),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => last(6),
        // NAT64 and 6to4
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => last(6),
        [0x2002, ..] => last(1),
        _ => address,
    }
}

fn refused_v4(address: Ipv4Addr) -> Option<&'static str> {
    if address.is_unspecified() || address.octets().first() == Some(&0) {
        Some("it is nobody's address")
    } else if address.is_link_local() || address == Ipv4Addr::new(100, 100, 100, 200) {
        Some("it is link-local, where clouds keep their metadata")
    } else if address.is_multicast() || address.is_broadcast() {
        Some("it is an address of many")
    } else {
        None
    }
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() {
        Some("it is nobody's address")
    } else if address.is_unicast_link_local() || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) {
        Some("it is link-local, where clouds keep their metadata")
    } else if address.is_multicast() {
        Some("it is an address of many")
    } else {
        None
    }
}

/// Why an address that is written in numbers may not be connected to. A name is looked at when it is resolved.
pub fn refused_url(url: &Url, reach: Reach) -> Option<String> {
    let host = url.host_str()?.trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(address) => refused(address, reach).map(str::to_owned),
        // What is surely not this machine need not be resolved to say so.
        Err(_) if reach == Reach::ThisMachine && host != "localhost" && !host.ends_with(".localhost") => {
            Some("http:// goes to this machine alone, unless plain = true".to_owned())
        }
        Err(_) => None,
    }
}

/// A name leads to no address that may be connected to.
#[derive(Debug)]
struct RefusedName {
    name: String,
    why: &'static str,
}

impl fmt::Display for RefusedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not connected to: {}", self.name, self.why)
    }
}

impl Error for RefusedName {}

/// The addresses of a host that may be connected to.
///
/// # Errors
///
/// If it cannot be resolved, or none of them may be.
pub async fn resolve(host: &str, port: u16, reach: Reach) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let mut why = "it has no address";
    let mut allowed = Vec::with_capacity(found.len());
    for address in found {
        match refused(address.ip(), reach) {
            None => allowed.push(address),
            Some(refusal) => why = refusal,
        }
    }
    if allowed.is_empty() {
        return Err(Box::new(RefusedName { name: one_line(host), why }));
    }
    Ok(allowed)
}

/// Resolves names for a client, and gives it only what may be connected to.
struct Resolver(Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let addresses: Addrs = Box::new(resolve(name.as_str(), 0, reach).await?.into_iter());
            Ok(addresses)
        })
    }
}

/// A client that goes no further than it may.
///
/// # Errors
///
/// If the authorities cannot be read or it cannot be set up.
pub fn client(reach: Reach, timeout: Duration, authorities: Option<&[u8]>) -> Result<Client, String> {
    // Fails only if a provider is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("rmdd/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .dns_resolver(Arc::new(Resolver(reach)))
        // Messages are rare: a pool would only hold dead connections.
        .pool_max_idle_per_host(0);
    if let Some(pem) = authorities {
        let certificates = Certificate::from_pem_bundle(pem).map_err(|error| causes(&error, &Secrets::default()))?;
        if certificates.is_empty() {
            return Err("it holds no certificate".to_owned());
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| causes(&error.without_url(), &Secrets::default()))
}

/// The beginning of a reply, as it may be shown.
pub async fn beginning(mut response: Response, secrets: &Secrets) -> String {
    let mut read = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MOST_OF_A_REPLY.saturating_sub(read.len());
        read.extend(chunk.iter().take(room));
        if chunk.len() >= room {
            break;
        }
    }
    excerpt(&read, secrets)
}

/// What third parties said, without secrets, on one line of bounded length. It is the one way from what they say to what is
/// kept, logged or shown of it.
pub fn excerpt(said: &[u8], secrets: &Secrets) -> String {
    // Masked before it is cut, so that no half of a secret is left; cut before it is escaped, for what goes need not be.
    let said = String::from_utf8_lossy(said.get(..said.len().min(MOST_OF_A_REPLY)).unwrap_or_default());
    let said = secrets.masked(&said);
    let line = one_line(&said.chars().take(4 * SHOWN).collect::<String>());
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// An error with all its causes, without secrets, on one line.
pub fn causes(error: &(dyn Error + 'static), secrets: &Secrets) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        cause = inner.source();
    }
    excerpt(said.as_bytes(), secrets)
}

/// The cause of an error that is behind all others, without secrets, on one line.
pub fn innermost(error: &(dyn Error + 'static), secrets: &Secrets) -> String {
    let mut said: &dyn Error = error;
    while let Some(inner) = said.source() {
        said = inner;
    }
    excerpt(said.to_string().as_bytes(), secrets)
}

/// Why a mail server that is written in numbers may not be connected to. A name is looked at when it is resolved.
pub fn refused_server(host: &str, reach: Reach) -> Option<String> {
    let literal = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    // Read as resolvers do: 2852039166 and 0xa9fe.1 are addresses, too.
    let url = Url::parse(&format!("http://{literal}/")).ok()?;
    let address = url.host_str()?.trim_matches(['[', ']']).parse::<IpAddr>().ok()?;
    refused(address, reach).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_metadata_of_many_and_of_nobody_are_refused_however_they_are_written() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::a9fe:a9fe",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
            "::ffff:0.0.0.0",
        ] {
            assert!(refused(address.parse().expect("an address"), Reach::Anywhere).is_some(), "{address}");
        }
        for address in ["127.0.0.1", "::1", "192.0.2.1", "10.0.0.1", "2001:db8::1", "fd12::1"] {
            assert!(refused(address.parse().expect("an address"), Reach::Anywhere).is_none(), "{address}");
        }
    }

    #[test]
    fn http_leads_to_this_machine_alone() {
        for (url, good) in [
            ("http://127.0.0.1:9093/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://[::ffff:127.0.0.1]/", true),
            ("http://10.0.0.1/", false),
            ("http://hooks.example/", false),
            ("http://127.0.0.1.nip.example/", false),
            // Read as an address by whoever parses URLs.
            ("http://2130706433/", true),
            ("http://0x7f.1/", true),
            ("http://2852039166/", false),
        ] {
            let url = Url::parse(url).expect("a URL");
            assert_eq!(refused_url(&url, Reach::ThisMachine).is_none(), good, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_is_checked_by_the_address_that_is_connected_to() {
        let allowed = resolve("localhost", 1, Reach::ThisMachine).await.expect("this machine");
        assert!(!allowed.is_empty() && allowed.iter().all(|address| address.ip().is_loopback()));
        let refused = resolve("169.254.169.254", 80, Reach::Anywhere).await.expect_err("metadata");
        assert!(refused.to_string().contains("link-local"), "{refused}");
    }

    #[test]
    fn of_what_the_other_end_says_little_is_shown_and_nothing_commands() {
        let said = format!("\u{1b}[2Jno\r\nway {}", "x".repeat(100_000));
        let shown = excerpt(said.as_bytes(), &Secrets::default());
        assert!(shown.starts_with("\\u{1b}[2Jno way xxx") && shown.chars().count() == SHOWN + 1, "{shown}");
    }
}
