//! Which addresses a URL that others give may lead to (SSRF, CWE-918).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::trusted_proxies::networks;

/// The private networks that an operator opens for fetching key sets. None by default: only addresses of the internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivateNetworks(Arc<[IpNet]>);

/// What is no address of one host in the internet (IANA IPv4 Special-Purpose Address Registry, and multicast).
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    // Carrier-grade NAT (RFC 6598), and some clouds' own services.
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Link-local: the clouds' metadata.
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// What is assigned to hosts at all (RFC 4291, section 2.4): not loopback, link-local, unique local (RFC 4193), multicast,
/// NAT64 (RFC 6052), which leads to IPv4 addresses of any kind.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0], 3);

/// Of these, what is no address of one host in the internet: protocols and Teredo, documentation, 6to4.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0], 23),
    v6([0x2001, 0xdb8, 0], 32),
    v6([0x2002, 0, 0], 16),
    v6([0x3fff, 0, 0], 20),
];

impl PrivateNetworks {
    /// Parses networks and addresses, with commas between them.
    ///
    /// # Errors
    /// A text that is neither.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        networks(text).map(Self)
    }

    /// Whether none is opened.
    pub fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in one of these networks.
    pub fn have(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether a connection to the address may be made: it is in the internet, or in one of these networks.
    pub fn admit(&self, address: IpAddr) -> bool {
        // An IPv4 address in IPv6 is that IPv4 address.
        is_public(address.to_canonical()) || self.have(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address)
                && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&address))
        }
    }
}

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c]: [u16; 3], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(networks: &str, address: &str) -> bool {
        let networks = match networks {
            "" => PrivateNetworks::default(),
            text => PrivateNetworks::parse(text).unwrap(),
        };
        networks.admit(address.parse().unwrap())
    }

    const PUBLIC: &str = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 \
        192.167.255.255 223.255.255.255 2606:4700::1111 2a00::1 ::ffff:1.1.1.1";

    const NOT_PUBLIC: &str = "0.0.0.0 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254 \
        172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 \
        203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 \
        ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::101:101 64:ff9b:1::1 100::1 2001::1 2001:db8::1 \
        2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1";

    #[test]
    fn only_addresses_of_the_internet_are_called_by_default() {
        for public in PUBLIC.split_whitespace() {
            assert!(admits("", public), "{public}");
        }
        for private in NOT_PUBLIC.split_whitespace() {
            assert!(!admits("", private), "{private}");
        }
    }

    #[test]
    fn an_operator_opens_networks_and_no_more() {
        let opened = "10.96.0.0/12, 127.0.0.1, fd00::/8, 64:ff9b::/96";
        for address in
            ["10.96.0.1", "::ffff:10.96.0.1", "127.0.0.1", "fd00::1", "64:ff9b::101:101", "1.1.1.1"]
        {
            assert!(admits(opened, address), "{address}");
        }
        for address in ["10.0.0.1", "127.0.0.2", "::1", "169.254.169.254", "fc00::1"] {
            assert!(!admits(opened, address), "{address}");
        }
        for bad in ["", "private", "10.0.0.0/33", "10.0.0.0/8 127.0.0.1"] {
            assert!(PrivateNetworks::parse(bad).is_err(), "{bad}");
        }
    }
}
