//! The rate limit per client address (token bucket), for calls that cost a hash or a mail.
//!
//! In the memory of each replica, unlike all other limits: it protects the machine and not an account, and a row that
//! every caller of an address writes to would be a point of contention (ADR 14). It goes by the monotonic clock:
//! setting the time of day delays no caller.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{Context, Source, SourceRate};

/// The most addresses that are counted. Each is forgotten seconds after its last call: only a flood from as many
/// networks fills this, and a limit per address would not stop that either. Addresses beyond are let through.
const MAX_SOURCES: usize = 100_000;

/// The interval of the sweep: it walks over all addresses.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Addresses with recent calls. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    /// `None` where addresses are not limited.
    rate: Option<SourceRate>,
    buckets: Arc<Mutex<Buckets>>,
}

#[derive(Debug)]
struct Buckets {
    full_at: HashMap<Source, Duration>,
    swept_at: Duration,
}

impl Sources {
    /// No calls yet. Zero calls a second mean no limit.
    pub(super) fn new(calls_per_second: u32) -> Self {
        let buckets = Buckets { full_at: HashMap::new(), swept_at: Duration::ZERO };
        let rate = (calls_per_second > 0).then_some(SourceRate(calls_per_second));
        Self { rate, buckets: Arc::new(Mutex::new(buckets)) }
    }

    pub(super) fn admit(&self, context: &Context, now: Duration) -> Result<(), Duration> {
        // Loopback is an untrusted proxy or a tool, not one stranger of many. Calls without an address count as one
        // source: they may be anybody's.
        let is_loopback =
            context.address.is_some_and(|address| address.to_canonical().is_loopback());
        let Some(rate) = self.rate.filter(|_| !is_loopback) else { return Ok(()) };
        let source = Source::from(context.address);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = rate.admit(buckets.full_at.get(&source).copied(), now)?;
        buckets.sweep(now);
        if buckets.full_at.len() < MAX_SOURCES || buckets.full_at.contains_key(&source) {
            buckets.full_at.insert(source, full_at);
        }
        Ok(())
    }
}

impl Buckets {
    /// Forgets the addresses whose bucket is full again.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept_at) >= SWEEP_EVERY {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.swept_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Instant};

    use uuid::Uuid;

    use super::*;

    fn of(address: Option<IpAddr>) -> Context {
        Context::of_nobody(address, Instant::now(), Uuid::nil().into())
    }

    fn from(address: &str) -> Context {
        of(Some(address.parse().unwrap()))
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_address_has_a_bucket_and_an_ipv6_network_has_one() {
        let sources = Sources::new(1);
        for (full, other) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1")] {
            for _ in 0..5 {
                assert!(sources.admit(&from(full), at(0)).is_ok());
            }
            assert_eq!(sources.admit(&from(full), at(0)), Err(Duration::from_secs(1)));
            assert!(sources.admit(&from(other), at(0)).is_ok());
        }
        assert!(sources.admit(&from("2001:db8::2"), at(0)).is_err(), "the same customer");
    }

    #[test]
    fn callers_without_an_address_share_a_bucket() {
        let sources = Sources::new(1);
        let unknown = of(None);
        assert!((0..5).all(|_| sources.admit(&unknown, at(0)).is_ok()));
        assert_eq!(sources.admit(&unknown, at(0)), Err(Duration::from_secs(1)));
        assert!(sources.admit(&from("192.0.2.1"), at(0)).is_ok());
    }

    #[test]
    fn loopback_and_a_rate_of_zero_are_not_limited() {
        for (sources, address) in [
            (Sources::new(1), "127.0.0.9"),
            (Sources::new(1), "::ffff:127.0.0.1"),
            (Sources::new(0), "192.0.2.1"),
        ] {
            assert!((0..1000).all(|_| sources.admit(&from(address), at(0)).is_ok()), "{address}");
        }
    }

    #[test]
    fn addresses_that_are_silent_are_forgotten_and_too_many_are_not_kept() {
        let sources = Sources::new(1);
        let kept = || sources.buckets.lock().unwrap().full_at.len();
        let network = |number: u32| of(Some(std::net::Ipv4Addr::from(0x0A00_0000 + number).into()));
        for number in 0..u32::try_from(MAX_SOURCES).unwrap() + 10 {
            assert!(sources.admit(&network(number), at(1)).is_ok());
        }
        assert_eq!(kept(), MAX_SOURCES);
        assert!(sources.admit(&from("192.0.2.1"), at(2)).is_ok());
        assert_eq!(kept(), 1);
    }
}
