//! The limit of connections per source: one source can't exhaust all places (denial of service).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{Source, TrustedProxies};

/// One source gets a quarter of the places at the most.
const SOURCES_AT_LEAST: usize = 4;

/// The limits of connections.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, of all sources together. One source gets a quarter of them at the most.
    pub places: usize,
    /// Proxies, which call for many others: only the common limit applies to them.
    pub proxies: TrustedProxies,
    /// Whether loopback is limited as any source is. For tests, which have no other source.
    pub limit_loopback: bool,
    /// The deadline of a TLS handshake, from accepting a connection.
    pub handshake_deadline: Duration,
}

/// The open connections, by source. There are no more sources than places: the memory is bounded.
#[derive(Debug)]
pub(super) struct Shares {
    limits: Limits,
    open: Mutex<HashMap<Source, usize>>,
}

/// One connection of a source, counted until drop; an unlimited one is not counted.
#[derive(Debug)]
pub(super) struct Share(Option<(Source, Arc<Shares>)>);

impl Shares {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default() })
    }

    /// Counts a connection from that address, unless its source has used up its share.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        if self.is_unlimited(address) {
            return Some(Share(None));
        }
        let source = Source::from(Some(address));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = open.get(&source).copied().unwrap_or_default();
        if connections >= self.most() {
            return None;
        }
        open.insert(source, connections + 1);
        Some(Share(Some((source, Arc::clone(self)))))
    }

    /// A trusted proxy carries many callers; loopback is a proxy or a tool.
    fn is_unlimited(&self, address: IpAddr) -> bool {
        let is_loopback = address.to_canonical().is_loopback();
        (is_loopback && !self.limits.limit_loopback) || self.limits.proxies.contains(address)
    }

    fn most(&self) -> usize {
        (self.limits.places / SOURCES_AT_LEAST).max(1)
    }

    fn give_back(&self, source: Source) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&source) {
            Some(connections) if *connections > 1 => *connections -= 1,
            _ => drop(open.remove(&source)),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some((source, shares)) = self.0.take() {
            shares.give_back(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(places: usize, proxies: &str) -> Arc<Shares> {
        let proxies = TrustedProxies::parse(proxies).unwrap();
        let handshake_deadline = Duration::from_secs(5);
        Shares::new(Limits { places, proxies, limit_loopback: false, handshake_deadline })
    }

    fn take(shares: &Arc<Shares>, address: &str) -> Option<Share> {
        shares.take(address.parse().unwrap())
    }

    #[test]
    fn a_source_has_a_quarter_of_the_places_and_leaves_the_rest_to_others() {
        let shares = shares(8, "10.0.0.1");
        // One customer has many IPv6 addresses; an IPv4 address may be written in two ways.
        for (same, other) in [
            (["192.0.2.1", "192.0.2.1", "192.0.2.1"], "192.0.2.2"),
            (["2001:db8::1", "2001:db8::2", "2001:db8::3"], "2001:db8:0:1::1"),
            (["198.51.100.1", "::ffff:198.51.100.1", "198.51.100.1"], "::ffff:198.51.100.2"),
        ] {
            let [first, second, third] = same;
            let held = (take(&shares, first).unwrap(), take(&shares, second).unwrap());
            assert!(take(&shares, third).is_none(), "{third}");
            assert!(take(&shares, other).is_some(), "{other}");
            drop(held);
            assert!(take(&shares, third).is_some(), "{third}: its places are free again");
        }
    }

    #[test]
    fn nobody_is_left_without_any_place() {
        let shares = shares(1, "10.0.0.1");
        let _held = take(&shares, "192.0.2.1").unwrap();
        assert!(take(&shares, "192.0.2.1").is_none());
    }

    #[test]
    fn trusted_proxies_and_this_machine_are_not_limited() {
        let shares = shares(4, "10.0.0.0/8");
        for address in ["10.0.0.1", "::ffff:10.0.0.1", "127.0.0.1", "::ffff:127.0.0.1", "::1"] {
            let held: Vec<_> = (0..10).map(|_| take(&shares, address)).collect();
            assert!(held.iter().all(Option::is_some), "{address}");
        }
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let shares = shares(4096, "10.0.0.1");
        let held: Vec<_> =
            (0..=255).map(|last| take(&shares, &format!("192.0.2.{last}"))).collect();
        assert_eq!(shares.open.lock().unwrap().len(), 256);
        drop(held);
        assert!(shares.open.lock().unwrap().is_empty());
    }
}
