//! Sources of calls, and their rate limit.

use std::{net::IpAddr, time::Duration};

/// An IPv4 address, the /64 network of an IPv6 address (one customer), or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(Option<IpAddr>);

impl From<Option<IpAddr>> for Source {
    fn from(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        }))
    }
}

impl Source {
    /// The source as bytes, for a digest.
    pub fn to_bytes(self) -> [u8; 17] {
        let mut bytes = [0; 17];
        match self.0 {
            None => {}
            Some(IpAddr::V4(address)) => {
                bytes[0] = 4;
                bytes[1..5].copy_from_slice(&address.octets());
            }
            Some(IpAddr::V6(address)) => {
                bytes[0] = 6;
                bytes[1..].copy_from_slice(&address.octets());
            }
        }
        bytes
    }

    /// The /48 network around an IPv6 /64: an organisation has 65,536 of them, and so has an attacker.
    pub fn site(self) -> Option<Self> {
        match self.0 {
            Some(IpAddr::V6(address)) => {
                Some(Self(Some(IpAddr::V6((address.to_bits() >> 80 << 80).into()))))
            }
            Some(IpAddr::V4(_)) | None => None,
        }
    }
}

/// Rate limit of one source, in calls a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRate(pub u32);

impl SourceRate {
    /// The burst: so many seconds' worth.
    const BURST_SECONDS: u32 = 5;

    /// Charges a call to a token bucket. The bucket's whole state is the time at which it will be full again, which each
    /// call moves on; a full one (`full_at` is past) need not be stored. Both times are of a monotonic clock: setting the
    /// time of day makes no caller wait.
    ///
    /// # Errors
    /// The time until the next token, where there is none now.
    pub fn admit(self, full_at: Option<Duration>, now: Duration) -> Result<Duration, Duration> {
        let a_token = Duration::from_secs(1) / self.0.max(1);
        let full_at = full_at.map_or(now, |full_at| full_at.max(now)) + a_token;
        let missing = full_at.saturating_sub(now);
        match missing.checked_sub(a_token * self.0 * Self::BURST_SECONDS) {
            None | Some(Duration::ZERO) => Ok(full_at),
            Some(wait) => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_source_and_a_mapped_address_is_its_ipv4_one() {
        let of = |text: &str| Source::from(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_eq!(of("2001:db8:0:1::1").site(), of("2001:db8:0:2::1").site());
        assert_ne!(of("2001:db8::1").site(), of("2001:db8:1::1").site());
        assert_eq!(of("10.0.0.1").site(), None);
        assert_ne!(of("10.0.0.1").to_bytes(), of("a00:1::").to_bytes());
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (rate, start) = (SourceRate(10), Duration::ZERO);
        let mut full_at = None;
        for _ in 0..50 {
            full_at = Some(rate.admit(full_at, start).unwrap());
        }
        let tenth = Duration::from_millis(100);
        assert_eq!(rate.admit(full_at, start), Err(tenth));
        full_at = Some(rate.admit(full_at, start + tenth).unwrap());
        assert_eq!(rate.admit(full_at, start + tenth), Err(tenth));
        // After five seconds of silence the bucket is full again, and no fuller.
        let later = start + Duration::from_secs(3600);
        for _ in 0..50 {
            full_at = Some(rate.admit(full_at, later).unwrap());
        }
        assert!(rate.admit(full_at, later).is_err());
    }
}
