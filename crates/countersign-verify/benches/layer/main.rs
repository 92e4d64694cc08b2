//! An empty RPC with the layer and without: `cargo bench --package countersign-verify`.
//!
//! Made for a machine that others use as well: all sides run in this process and take turns, so that each round compares
//! neighbours in time, and the table shows medians over the rounds.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that can't go on must fail")]
#![expect(dead_code, unreachable_pub, reason = "shared with the tests, which use more of it")]

mod calls;
#[path = "../../tests/verify/fake.rs"]
mod fake;
#[path = "../../tests/verify/issuer.rs"]
mod issuer;
#[path = "../../tests/verify/pb.rs"]
mod pb;
mod table;

use std::time::{Duration, Instant};

use countersign_verify::{Settings, Verifier, VerifyLayer};
use jsonwebtoken::Algorithm;

use self::{calls::Side, fake::Fake, issuer::Issuer, table::Table};

const ROUNDS: usize = 15;

/// More than are remembered, so that in turn none of them is.
const TOKENS: usize = 15_000;

#[tokio::main]
async fn main() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let settings = Settings::new(issuer::ISSUER, issuer::AUDIENCE);
    let verifier =
        tokio::spawn(Verifier::connect(fake.channel(), settings, Duration::from_secs(10)));
    let stream = fake.stream().await;
    stream.heartbeat("0").await;
    let verifier = verifier.await.unwrap().unwrap();

    let all: Vec<_> = (0..TOKENS).map(|_| issuer.token()).collect();
    let verified = || Some(VerifyLayer::new(verifier.clone()));
    let sides = [
        Side::start("without the layer", None, None, &all[..100]).await,
        Side::start("with it, 100 users", Some(0.8), verified(), &all[..100]).await,
        Side::start("with it, all tokens new", None, verified(), &all).await,
    ];
    let mut table = Table::default();
    for _ in 0..ROUNDS {
        for side in &sides {
            table.rate(side.name, side.aim, side.rate().await);
        }
    }
    println!("ES256, medians of {ROUNDS} rounds.\n\n{table}");
    println!("a signature takes {:.1} µs", signature(&verifier, &all).await * 1e6);
    println!(
        "a remembered one  {:.1} µs",
        signature(&verifier, &vec![all[0].clone(); 20_000]).await * 1e6
    );
}

/// The seconds that a verification takes.
async fn signature(verifier: &Verifier, tokens: &[String]) -> f64 {
    let start = Instant::now();
    for jwt in tokens {
        verifier.verify(jwt).await.unwrap();
    }
    start.elapsed().as_secs_f64() / f64::from(u32::try_from(tokens.len()).unwrap())
}
