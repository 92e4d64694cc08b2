#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod accept;
mod backoff;
mod caller;
mod claims;
mod error;
mod feed;
mod key_set;
mod keys;
mod layer;
mod login;
mod payload;
mod pb;
mod refusal;
mod remembered;
mod revocations;
mod revoked;
mod service_account_id;
mod settings;
mod token;
mod verifier;

use std::time::{SystemTime, UNIX_EPOCH};

pub use self::{
    accept::Accept,
    caller::{Caller, Service, User},
    claims::Claims,
    error::{ConnectError, ShortSecret, VerifyError},
    layer::{Answer, Verified, VerifyLayer},
    login::Acr,
    service_account_id::{NotAServiceAccountId, ServiceAccountId},
    settings::{Algorithm, Settings, SharedSecret, WhenBlind},
    verifier::{Status, Verifier},
};

/// Seconds since 1970, as in a token's claims; 0 for a clock before that.
fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}
