//! The challenge of a login carries its own proof: each of its parts is under it, and time ends it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rstest::rstest;
use serde_json::json;

use super::{ask, begin, log_in, log_in_with, registered};
use crate::harness::{Backend, Server, passkey::parsed, reason, server::PASSWORD};

/// Options with that challenge.
fn with(challenge: &str) -> String {
    json!({ "challenge": challenge }).to_string()
}

fn challenge_of(options: &str) -> String {
    parsed(options)["challenge"].as_str().unwrap().to_owned()
}

/// The challenge with some of its 32 bytes changed: eight random ones, the time of eight, and sixteen of a digest.
fn changed(challenge: &str, change: impl FnOnce(&mut [u8])) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(challenge).unwrap();
    change(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[rstest]
#[tokio::test]
async fn a_challenge_is_ours_for_logins_and_has_not_ended(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (_, tokens, mut passkey) = registered(&server).await;
    let right = challenge_of(&ask(&server).await);
    let of_registration = challenge_of(&begin(&server, &tokens, PASSWORD).await.unwrap());
    for wrong in ["", "AAAA", &"A".repeat(43), &right[..42], &of_registration] {
        let refused = log_in(&server, &passkey.get(&with(wrong))).await.unwrap_err();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID", "{wrong}");
    }
    let answer = passkey.get(&with(&right));
    server.clock.advance(Duration::from_secs(301));
    assert_eq!(reason(&log_in(&server, &answer).await.unwrap_err()), "CHALLENGE_INVALID");
    // By a clock that was ahead by more than clocks may differ.
    server.clock.set_wrong_by(3600);
    let ahead = ask(&server).await;
    server.clock.set_wrong_by(0);
    let answer = passkey.get(&ahead);
    assert_eq!(reason(&log_in(&server, &answer).await.unwrap_err()), "CHALLENGE_INVALID");
    log_in_with(&server, &mut passkey).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn each_part_of_a_challenge_is_under_its_digest(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (_, _, mut passkey) = registered(&server).await;
    let right = challenge_of(&ask(&server).await);
    // The last bit of each part; of the digest the first one, too. The time is another by a microsecond.
    for byte in [7, 15, 16, 31] {
        let wrong = changed(&right, |bytes| bytes[byte] ^= 1);
        let refused = log_in(&server, &passkey.get(&with(&wrong))).await.unwrap_err();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID", "byte {byte}");
    }
    log_in(&server, &passkey.get(&with(&right))).await.unwrap();
}

/// Otherwise whoever saw one challenge would have one for ever.
#[rstest]
#[tokio::test]
async fn a_challenge_that_has_ended_is_not_dated_anew(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (_, _, mut passkey) = registered(&server).await;
    let ended = challenge_of(&ask(&server).await);
    server.clock.advance(Duration::from_secs(301));
    let now = server.clock.now().unix_micros().to_be_bytes();
    let anew = changed(&ended, |bytes| bytes[8..16].copy_from_slice(&now));
    assert_eq!(&challenge_of(&ask(&server).await)[11..21], &anew[11..21], "it has the right place");
    let refused = log_in(&server, &passkey.get(&with(&anew))).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    log_in_with(&server, &mut passkey).await.unwrap();
}
