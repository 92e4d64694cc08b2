//! JWTs of services and workloads, and their keys, by real servers on this machine.

mod accounts;
mod fetching;
mod key_sets;
mod workloads;

use countersign::{
    dial::Trust,
    domain::{PrivateNetworks, TokenIssuer},
    fetch::Fetcher,
    service::Assertions,
};
use serde_json::{Value, json};

use crate::harness::{clock::TestClock, key_server::KeyServer};

/// What the assertions must name.
const AUDIENCE: &str = "https://auth.example.com";

/// A fetcher that may call this machine, and believes that server's certificate.
fn fetcher(trust: &Trust) -> Fetcher {
    Fetcher::new(trust, PrivateNetworks::parse("127.0.0.0/8,::1").unwrap()).unwrap()
}

/// A verifier, and its clock, which stands still.
struct Verifier {
    assertions: Assertions,
    clock: TestClock,
}

impl Verifier {
    /// Of the tokens of these issuers, whose keys are at `server`.
    fn of(server: &KeyServer, issuers: &str) -> Self {
        let clock = TestClock::default();
        clock.stop();
        let issuers = match issuers {
            "" => Vec::new(),
            text => TokenIssuer::parse_all(text).unwrap(),
        };
        let (fetcher, audiences) =
            (fetcher(&server.certificate.trust()), vec![AUDIENCE.to_owned()]);
        Self { assertions: Assertions::new(fetcher, issuers, audiences, clock.clock()), clock }
    }

    /// Claims that live for an hour, with `aud` a list, as Kubernetes writes it.
    fn claims(&self, issuer: &str, subject: &str) -> Value {
        let now = self.clock.now().unix_seconds();
        json!({
            "iss": issuer, "sub": subject, "aud": [AUDIENCE], "exp": now + 3600, "iat": now,
            "nbf": now, "jti": "one",
        })
    }
}
