//! Whom to believe about the addresses of others.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;

/// The networks of proxies that say truly whom they forward for. None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Parses networks (`10.0.0.0/8`) and addresses, with commas between them.
    ///
    /// # Errors
    /// What is neither.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let network = |text: &str| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_no_prefix| address())
        };
        let networks: Result<_, _> = text.split(',').map(|text| network(text.trim())).collect();
        networks.map(Self).map_err(|_neither| {
            "must be networks and addresses with commas between them, such as 10.0.0.0/8,fd00::/8"
        })
    }

    /// Whose call it is that came from `peer` with these `x-forwarded-for`, the nearest hop last.
    ///
    /// Each proxy adds the address that it saw. So the list is read from its end for as long as who wrote an entry is
    /// trusted; what stands before the first stranger is that stranger's to invent.
    pub fn origin<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut origin = peer.to_canonical();
        let mut hops = forwarded.rev().flat_map(|header| header.rsplit(','));
        while self.trusts(origin)
            && let Some(hop) = hops.next().and_then(address)
        {
            origin = hop;
        }
        origin
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An entry of `x-forwarded-for`: an address, and some proxies add a port.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let with_port = || hop.parse::<SocketAddr>().map(|address| address.ip());
    hop.parse::<IpAddr>().or_else(|_has_a_port| with_port()).ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let proxies = match trusted {
            "" => TrustedProxies::default(),
            trusted => TrustedProxies::parse(trusted).unwrap(),
        };
        proxies.origin(peer.parse().unwrap(), forwarded.iter().copied()).to_string()
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
    }

    #[test]
    fn where_the_list_ends_or_makes_no_sense_the_last_known_hop_counts() {
        let of = |forwarded: &[&str]| origin("10.0.0.0/8", "10.0.0.1", forwarded);
        assert_eq!(of(&[]), "10.0.0.1");
        assert_eq!(of(&["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(of(&["192.0.2.1, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(of(&["192.0.2.1,"]), "10.0.0.1");
    }

    #[test]
    fn an_ipv4_address_in_ipv6_is_the_same_address() {
        assert_eq!(origin("10.0.0.0/8", "::ffff:10.0.0.1", &["::ffff:192.0.2.1"]), "192.0.2.1");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "proxy", "10.0.0.1,", "10.0.0.0/8 fd00::/8"] {
            assert!(TrustedProxies::parse(text).is_err(), "{text:?}");
        }
    }
}
