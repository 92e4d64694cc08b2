//! Challenges: logins that wait for their second factor. They are made in `service/login/challenge.rs`.

use std::time::Duration;

use uuid::Uuid;

use super::{Factor, FirstProof, Timestamp};

/// The rules for one-time codes. Defaults: `config/settings.rs` (`OTP_…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodePolicy {
    /// Lifetime of a challenge, a reset or a verification.
    pub ttl: Duration,
    /// Attempts for one of those, or for one enrolment of an app; a resent code gives no new ones (brute force).
    pub max_attempts: u32,
    /// The least time between two codes.
    pub resend_after: Duration,
}

/// A login that waits for its second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The row's id; not the secret id that the caller holds.
    pub id: Uuid,
    /// The user who is logging in.
    pub user_id: Uuid,
    /// The user's credential version at that time: after a change of password the challenge is void.
    pub credential_version: i64,
    /// What the login has shown already.
    pub first: FirstProof,
    /// The factors that can answer it. They are fixed when it begins.
    pub factors: Vec<Factor>,
    /// Whether the code is a long one, which cannot be guessed.
    pub is_long_code: bool,
    /// Attempts so far.
    pub attempts: u32,
    /// The session that it proves once more; `None` begins one.
    pub session_id: Option<Uuid>,
    /// The audience of the tokens to come.
    pub audience: String,
    /// The user's name for the device; may be empty.
    pub device_name: String,
    /// The known device that the login came from, if it did.
    pub device_id: Option<Uuid>,
    /// The time of the login.
    pub created_at: Timestamp,
    /// The earliest time of another code.
    pub resend_at: Timestamp,
    /// Expiry.
    pub expires_at: Timestamp,
    /// The time of the answer, if there was one.
    pub consumed_at: Option<Timestamp>,
}

impl Challenge {
    /// Whether the factor can answer it. Never the mailbox where that was the first proof, whatever the list says.
    pub fn is_answered_by(&self, factor: Factor) -> bool {
        self.factors.contains(&factor) && self.first.goes_with(factor)
    }

    /// Whether it sends a code.
    pub fn is_sent_a_code(&self) -> bool {
        self.is_answered_by(Factor::EmailCode)
    }

    /// Whether it can still be answered, attempts aside.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.consumed_at.is_none() && now < self.expires_at
    }

    /// Attempts left.
    pub fn attempts_remaining(&self, policy: &CodePolicy) -> u32 {
        policy.max_attempts.saturating_sub(self.attempts)
    }
}
