//! Signalling addresses and the networks that they lie in, each in one writing.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

/// Why a text is neither an address nor a network.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// It looks like none.
    #[error(
        "{text:?} is no IP address: give one, such as 192.0.2.7 or 2001:db8::7, or a network, such as 192.0.2.0/24"
    )]
    None {
        /// The text as given.
        text: String,
    },
    /// It has a port.
    #[error("{text:?} has a port, which does not count: give the address alone, {address}")]
    Port {
        /// The text as given.
        text: String,
        address: IpAddr,
    },
    /// Bits behind the prefix are set.
    #[error(
        "{text:?} is no network, for it has bits behind its prefix: the network is {network}, the address {address}"
    )]
    HostBits {
        /// The text as given.
        text: String,
        /// The network that the address lies in.
        network: IpNet,
        address: IpAddr,
    },
    /// A prefix of no bits.
    #[error("{text:?} holds every address there is, and names nobody: give the networks that are the upstream's")]
    Everything {
        /// The text as given.
        text: String,
    },
}

/// Reads an address, or a network in prefix notation. An address alone is a network of one. What is the same is read as
/// the same: any writing of an IPv6 address, with or without the brackets of a URI, and IPv4 within IPv6.
///
/// # Errors
///
/// If it is neither.
pub(crate) fn read_network(text: &str) -> Result<IpNet, AddressError> {
    let text = text.trim();
    if let Some(address) = read_address(text) {
        return Ok(address.into());
    }
    let quoted = || text.to_owned();
    let Some((address, length)) = text.split_once('/') else {
        return Err(match text.parse::<SocketAddr>() {
            Ok(socket) => AddressError::Port { text: quoted(), address: socket.ip().to_canonical() },
            Err(_) => AddressError::None { text: quoted() },
        });
    };
    // Digits alone: a sign or a blank is no prefix length.
    let length = Some(length).filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()));
    let network = read_written(address).zip(length.and_then(|length| length.parse().ok()));
    let network = network.and_then(|(address, length)| IpNet::new(address, length).ok());
    let network = network.ok_or_else(|| AddressError::None { text: quoted() })?;
    // All of IPv4, too, as IPv6 has it.
    let everything = |network: &IpNet| {
        network.prefix_len() == 0 || network.contains(&IpAddr::V6(MAPPED_FIRST)) && network.prefix_len() <= MAPPED
    };
    if everything(&network) {
        return Err(AddressError::Everything { text: quoted() });
    }
    if network.trunc() != network {
        return Err(AddressError::HostBits {
            text: quoted(),
            network: unmapped(network.trunc()),
            address: network.addr().to_canonical(),
        });
    }
    Ok(unmapped(network))
}

/// The prefix under which IPv4 stands within IPv6, ::ffff:0:0/96.
const MAPPED: u8 = 96;
const MAPPED_FIRST: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);

/// Reads an address alone.
pub(super) fn read_address(text: &str) -> Option<IpAddr> {
    read_written(text).map(|address| address.to_canonical())
}

/// An address as it is written, with or without the brackets of a URI.
fn read_written(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(within) => within.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// A network of IPv4 addresses that is written in IPv6 is one of IPv4.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(within) = network else { return network };
    match (within.addr().to_ipv4_mapped(), within.prefix_len().checked_sub(MAPPED)) {
        (Some(address), Some(length)) if length > 0 => {
            Ipv4Net::new(address, length).map_or(network, |network| IpNet::V4(network.trunc()))
        }
        _ => IpNet::V6(Ipv6Net::trunc(&within)),
    }
}

/// A network as it is written; of one address, the address.
pub(super) fn network_text(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        read_network(text).map_or_else(|error| format!("! {error}"), network_text)
    }

    #[test]
    fn an_address_and_a_network_have_one_writing_each() {
        for (writings, one) in [
            (
                &[
                    "192.0.2.7",
                    " 192.0.2.7 ",
                    "192.0.2.7/32",
                    "::ffff:192.0.2.7",
                    "[::FFFF:192.0.2.7]",
                    "::ffff:c000:207/128",
                ][..],
                "192.0.2.7",
            ),
            (&["2001:db8::1", "2001:DB8:0:0::1", "[2001:db8::1]", "2001:0db8::0001/128"], "2001:db8::1"),
            (&["192.0.2.0/24", "::ffff:192.0.2.0/120", "::FFFF:c000:200/120"], "192.0.2.0/24"),
            (&["2001:db8::/32", "2001:DB8:0::/32", "[2001:db8::]/32"], "2001:db8::/32"),
        ] {
            for writing in writings {
                assert_eq!(read(writing), one, "{writing:?}");
            }
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_was_probably_meant() {
        for (text, words) in [
            ("192.0.2.7/24", "the network is 192.0.2.0/24, the address 192.0.2.7"),
            ("2001:db8::7/64", "the network is 2001:db8::/64, the address 2001:db8::7"),
            ("::ffff:192.0.2.7/120", "the network is 192.0.2.0/24, the address 192.0.2.7"),
            ("192.0.2.7:5060", "the address alone, 192.0.2.7"),
            ("[2001:db8::7]:5060", "the address alone, 2001:db8::7"),
            ("0.0.0.0/0", "names nobody"),
            ("::/0", "names nobody"),
            ("::ffff:0:0/96", "names nobody"),
            ("::ffff:0.0.0.0/96", "names nobody"),
            ("::/80", "names nobody"),
            ("192.0.2.0/33", "is no IP address"),
            ("192.0.2.0/-1", "is no IP address"),
            ("192.0.2.0/+24", "is no IP address"),
            ("192.0.2.0/", "is no IP address"),
            ("192.0.2/24", "is no IP address"),
            ("/24", "is no IP address"),
            ("TG-1/24", "is no IP address"),
            ("", "is no IP address"),
        ] {
            assert!(read(text).starts_with('!') && read(text).contains(words), "{text:?}: {}", read(text));
        }
    }
}
