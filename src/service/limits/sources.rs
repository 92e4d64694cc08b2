//! The rate limit per client address, for calls that anybody may make and that cost a hash or a mail.
//!
//! In the memory of each replica, unlike all other limits: it guards the machine and not an account, and a row that every
//! caller of an address writes to would be a queue of its own (ADR 14). So it goes by the stopwatch: nobody waits for a clock
//! that was set.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{Context, Source, SourceRate};

/// So many addresses are counted. Each is forgotten seconds after its last call: it takes a flood from as many networks to
/// fill this, which a limit for each of them would not stop either. Those beyond are let through.
const MAX_SOURCES: usize = 100_000;

/// How often those that are to be forgotten are looked for: it takes a walk over all.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The addresses that have called lately. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    /// None where addresses are not limited.
    rate: Option<SourceRate>,
    buckets: Arc<Mutex<Buckets>>,
}

#[derive(Debug)]
struct Buckets {
    full_at: HashMap<Source, Duration>,
    swept_at: Duration,
}

impl Sources {
    /// Nobody has called. Zero calls a second are no limit.
    pub(super) fn new(calls_per_second: u32) -> Self {
        let buckets = Buckets { full_at: HashMap::new(), swept_at: Duration::ZERO };
        let rate = (calls_per_second > 0).then_some(SourceRate(calls_per_second));
        Self { rate, buckets: Arc::new(Mutex::new(buckets)) }
    }

    pub(super) fn admit(&self, context: &Context, now: Duration) -> Result<(), Duration> {
        // What calls from this very machine is a proxy that is not trusted, or a tool: not one of many strangers. Who has no
        // address may be any of them: they are one source.
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
    /// Forgets those who may call as though they never had.
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
