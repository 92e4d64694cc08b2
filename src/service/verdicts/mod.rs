//! Whether access tokens are good now, from memory.

mod introspect_token;
mod lives;
mod seen;
mod standing;

use std::sync::Arc;

use crate::{
    domain::Policy,
    service::{Clock, revocations::Revocations, sessions::Sessions},
    token::{AccessTokens, Remembered},
};

use self::seen::Seen;

pub use self::{introspect_token::ActiveToken, standing::Standing};

/// The most tokens that are remembered: some 20 MB.
const MOST: usize = 20_000;

/// Answers what tokens are worth.
#[derive(Debug)]
pub struct Verdicts {
    tokens: AccessTokens,
    policy: Arc<Policy>,
    /// Asks the database.
    sessions: Arc<Sessions>,
    /// Knows what has ended.
    revocations: Arc<Revocations>,
    remembered: Remembered<Seen>,
    clock: Clock,
}

impl Verdicts {
    /// Remembers nothing yet.
    pub fn new(
        tokens: AccessTokens,
        policy: Arc<Policy>,
        sessions: Arc<Sessions>,
        revocations: Arc<Revocations>,
        clock: Clock,
    ) -> Self {
        Self { tokens, policy, sessions, revocations, remembered: Remembered::new(MOST), clock }
    }
}
