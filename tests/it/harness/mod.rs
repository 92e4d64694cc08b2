//! Starts and ends servers and databases.

pub mod authenticator;
mod beats;
pub mod certificate;
pub mod clock;
pub mod cluster;
pub mod collector;
pub mod command;
pub mod database;
pub mod forwarder;
pub mod hook;
pub mod jwt;
pub mod key_server;
pub mod logs;
pub mod mail;
pub mod oauth;
pub mod passkey;
mod postgres;
pub mod server;
pub mod signer;
pub mod status;
pub mod wire;

pub(crate) use self::database::on_both;
pub use self::{
    beats::Beats,
    database::{Backend, Database},
    server::Server,
    status::{details, reason, reason_of, violations, wait},
};

use std::{
    future::Future,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// The longest that anything may take before a test fails. Nothing waits that long when all is well.
/// It is long, because a machine may have a lot else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// From one question of `eventually` to the next: who asks without a pause takes the processor from what it waits for.
const PAUSE: Duration = Duration::from_millis(5);

/// A name that no other test of this run uses.
pub fn unique(name: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// Waits for `work`, but not for ever.
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_elapsed) => panic!("{what} takes too long"),
    }
}

/// Asks again and again until the answer is yes.
pub async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    soon(what, async {
        while !ask().await {
            tokio::time::sleep(PAUSE).await;
        }
    })
    .await;
}
