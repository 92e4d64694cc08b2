//! Trusted proxies: whose claims about client addresses are believed.

use std::{net::IpAddr, sync::Arc};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::ForwardedHeader;

/// Length of the prefix of IPv4-mapped IPv6 addresses (RFC 4291, section 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// The networks of proxies that report client addresses truthfully, and the header that they use. None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Arc<[IpNet]>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    /// Parses networks (`10.0.0.0/8`) and addresses, with commas between them.
    ///
    /// # Errors
    /// A text that is neither.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(Self { networks: networks(text)?, header: ForwardedHeader::default() })
    }

    /// The same proxies, with that header.
    #[must_use]
    pub fn writing(self, header: ForwardedHeader) -> Self {
        Self { header, ..self }
    }

    /// The header with the client's address.
    pub fn header(&self) -> ForwardedHeader {
        self.header
    }

    /// The client address of a call that came from `peer` with these values of the header, the nearest hop last. `None`
    /// where a trusted proxy names a client, and not by an address.
    ///
    /// Each proxy appends the address that it saw. So the list is read from its end for as long as an entry's writer is
    /// trusted; entries before the first untrusted one can be spoofed. An entry that is no address (`unknown`, `_hidden`,
    /// RFC 7239, section 6) counts as untrusted too: taken for the proxy itself, the caller would have the proxy's rights.
    pub fn origin<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> Option<IpAddr> {
        let mut origin = peer.to_canonical();
        let mut hops = self.header.hops(forwarded);
        while self.contains(origin)
            && let Some(hop) = hops.next()
        {
            origin = hop?;
        }
        Some(origin)
    }

    /// Whether the address is a trusted proxy's.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Trusted networks that cover a large part of the internet: no operator's proxies have that many addresses.
    pub fn too_wide(&self) -> impl Iterator<Item = IpNet> {
        self.networks.iter().copied().filter(is_too_wide)
    }
}

/// Networks and addresses, with commas between them, in the form that canonical addresses are compared with.
///
/// # Errors
/// A text that is neither.
pub(super) fn networks(text: &str) -> Result<Arc<[IpNet]>, &'static str> {
    let network = |text: &str| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_no_prefix| address()).map(canonical)
    };
    let networks: Result<_, _> = text.split(',').map(|text| network(text.trim())).collect();
    networks.map_err(|_neither| {
        "must be networks and addresses with commas between them, such as 10.0.0.0/8,fd00::/8"
    })
}

/// A network in the form that addresses are compared with. IPv4-mapped ones become IPv4.
fn canonical(network: IpNet) -> IpNet {
    let mapped = |network: Ipv6Net| {
        let address = network.addr().to_ipv4_mapped()?;
        let prefix = network.prefix_len().checked_sub(MAPPED_PREFIX)?;
        Ipv4Net::new(address, prefix).ok()
    };
    match network {
        IpNet::V6(network) => mapped(network).map_or(IpNet::V6(network), IpNet::V4),
        IpNet::V4(_) => network,
    }
}

fn is_too_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        // Networks unreachable from the internet (RFC 4193, RFC 4291) may be of any width: fc00::/7, fe80::/10.
        IpNet::V6(network) => {
            let address = network.addr();
            network.prefix_len() < 16
                && !(network.prefix_len() >= 7 && address.is_unique_local())
                && !(network.prefix_len() >= 10 && address.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let proxies = match trusted {
            "" => TrustedProxies::default(),
            trusted => TrustedProxies::parse(trusted).unwrap(),
        };
        let origin = proxies.origin(peer.parse().unwrap(), forwarded.iter().copied());
        origin.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
    }

    #[test]
    fn by_default_nobody_is_believed() {
        assert_eq!(origin("", "10.0.0.1", &["192.0.2.1"]), "10.0.0.1");
        assert_eq!(origin("10.0.0.2", "10.0.0.1", &["192.0.2.1"]), "10.0.0.1");
    }

    #[test]
    fn of_what_a_trusted_proxy_forwards_the_last_stranger_counts() {
        let of = |forwarded: &[&str]| origin("10.0.0.0/8, fd00::1", "10.0.0.1", forwarded);
        assert_eq!(of(&["192.0.2.1"]), "192.0.2.1");
        assert_eq!(of(&["203.0.113.9, 192.0.2.1"]), "192.0.2.1", "the first is an invention");
        assert_eq!(of(&["203.0.113.9", "192.0.2.1,10.0.0.7", "fd00::1"]), "192.0.2.1");
        assert_eq!(of(&["2001:db8::1"]), "2001:db8::1");
        assert_eq!(of(&["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(of(&["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(of(&["[2001:db8::1]"]), "2001:db8::1");
    }

    #[test]
    fn where_the_list_ends_the_last_hop_counts() {
        let of = |forwarded: &[&str]| origin("10.0.0.0/8", "10.0.0.1", forwarded);
        assert_eq!(of(&[]), "10.0.0.1");
        assert_eq!(of(&["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn whom_a_trusted_proxy_does_not_name_by_an_address_is_unknown() {
        let of = |forwarded: &[&str]| origin("10.0.0.0/8", "10.0.0.1", forwarded);
        for hop in ["unknown", "_hidden", "", "localhost", "10.0.0", "192.0.2.1:x", "[10.0.0.2]"] {
            assert_eq!(of(&[hop]), "unknown", "{hop:?}");
            assert_eq!(of(&[&format!("192.0.2.1, {hop}, 10.0.0.2")]), "unknown", "{hop:?}");
            assert_eq!(of(&["192.0.2.1", hop]), "unknown", "{hop:?}");
            assert_eq!(of(&[&format!("{hop}, 192.0.2.1")]), "192.0.2.1", "an invention: {hop:?}");
            assert_eq!(origin("", "10.0.0.1", &[hop]), "10.0.0.1", "{hop:?}");
        }
    }

    #[test]
    fn a_proxy_counts_however_it_is_written_and_by_the_header_that_is_set() {
        let of = |forwarded: &[&str]| origin("10.0.0.0/8,fe80::/10", "10.0.0.1", forwarded);
        for proxy in
            ["10.0.0.2:80", "\"10.0.0.2\"", "::ffff:10.0.0.2", "fe80::1%eth0", "[fe80::1]:1"]
        {
            assert_eq!(of(&[&format!("192.0.2.1:4711, {proxy}")]), "192.0.2.1", "{proxy}");
        }
        let proxies = TrustedProxies::parse("10.0.0.0/8").unwrap();
        let proxies = proxies.writing(ForwardedHeader::Forwarded);
        let of = |value| proxies.origin("10.0.0.1".parse().unwrap(), [value].into_iter());
        let element = "for=6.6.6.6, for=\"192.0.2.1:80\";proto=https, for=10.0.0.2";
        assert_eq!(of(element), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(of("192.0.2.1"), None, "an entry of the other header");
        assert_eq!(of("for=192.0.2.1, by=10.0.0.2"), None, "the proxy does not say for whom");
    }

    #[test]
    fn an_ipv4_address_in_ipv6_is_the_same_address() {
        assert_eq!(origin("10.0.0.0/8", "::ffff:10.0.0.1", &["::ffff:192.0.2.1"]), "192.0.2.1");
    }

    #[test]
    fn a_range_of_ipv4_addresses_in_ipv6_is_the_range_of_ipv4() {
        for (trusted, proxy, stranger) in [
            ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.1"),
            ("::ffff:a00:0/104", "10.255.0.1", "11.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("::ffff:0:0/96", "203.0.113.1", "2001:db8::1"),
        ] {
            assert_eq!(origin(trusted, proxy, &["192.0.2.1"]), "192.0.2.1", "{trusted}");
            assert_eq!(origin(trusted, stranger, &["192.0.2.1"]), stranger, "{trusted}");
        }
    }

    #[test]
    fn networks_that_take_in_a_good_part_of_the_internet_are_told() {
        let told = |text: &str| -> Vec<String> {
            let proxies = TrustedProxies::parse(text).unwrap();
            proxies.too_wide().map(|network| network.to_string()).collect()
        };
        for wide in [
            "0.0.0.0/0",
            "128.0.0.0/1",
            "10.0.0.0/7",
            "::/0",
            "2000::/3",
            "2a00::/15",
            "fe00::/7",
            "f000::/4",
        ] {
            assert_eq!(told(&format!("10.0.0.0/8,{wide}")), [wide]);
        }
        assert_eq!(told("::ffff:0:0/96"), ["0.0.0.0/0"]);
        let fine = "10.0.0.0/8,192.0.2.1,fc00::/7,fd00::/8,fe80::/10,2001:db8::/32,2a00::/16,::1";
        assert!(told(fine).is_empty(), "{:?}", told(fine));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "proxy", "10.0.0.1,", "10.0.0.0/8 fd00::/8"] {
            assert!(TrustedProxies::parse(text).is_err(), "{text:?}");
        }
    }
}
