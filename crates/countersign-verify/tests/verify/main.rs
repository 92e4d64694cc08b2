//! The verifier as a service sees it, against a server that the tests control, over a connection in memory: there is no
//! socket, so with tokio's time paused everything that can happen has happened before a timeout does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on must fail")]
#![expect(unreachable_pub, reason = "nobody uses a test from outside")]

mod callers;
mod fake;
mod issuer;
mod keys;
mod layer;
mod logins;
mod malformed;
mod pb;
mod revocations;
mod revoked_services;
mod scopes;
mod tokens;

use std::time::Duration;

use countersign_verify::{Settings, Verifier};

use self::{
    fake::Fake,
    issuer::{AUDIENCE, ISSUER, Issuer},
};

fn settings() -> Settings {
    Settings::new(ISSUER, AUDIENCE)
}

/// A verifier that has the keys, and the stream that it follows.
async fn following(fake: &mut Fake, settings: Settings) -> (Verifier, fake::Stream) {
    let verifier = Verifier::start(fake.channel(), settings);
    let stream = fake.stream().await;
    stream.heartbeat("0").await;
    eventually(|| verifier.status().is_following && verifier.status().key_age.is_some()).await;
    (verifier, stream)
}

/// Lets all tasks run until the answer is yes. Paused time stands still meanwhile.
async fn eventually(mut ask: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if ask() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come true");
}

/// Lets time pass, and everything that is due in it happen.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
