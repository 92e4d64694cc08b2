//! Challenges: logins that wait for their second factor.

use std::time::Duration;

use uuid::Uuid;

use super::{Factor, Timestamp};

/// The rules for one-time codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodePolicy {
    /// How long a challenge lives, or the id of a reset or a verification.
    pub ttl: Duration,
    /// How many codes can be tried for one of those, or for one enrolment of an app, whatever is resent.
    pub max_attempts: u32,
    /// How long to wait before another code can be sent.
    pub resend_after: Duration,
}

/// A login that waits for its second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The row's id; not the secret id that the caller holds.
    pub id: Uuid,
    /// Who is logging in.
    pub user_id: Uuid,
    /// The user's credential version at that time: after a change of password the challenge is void.
    pub credential_version: i64,
    /// What can answer it. That is settled when it begins.
    pub factors: Vec<Factor>,
    /// Whether the code that was sent is a long one, which nobody guesses.
    pub is_long_code: bool,
    /// How many codes have been tried.
    pub attempts: u32,
    /// Whom the tokens will be for.
    pub audience: String,
    /// What the user calls the device; may be empty.
    pub device_name: String,
    /// The known device that the login came from, if it did.
    pub device_id: Option<Uuid>,
    /// When the login was made.
    pub created_at: Timestamp,
    /// From when another code can be sent.
    pub resend_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was answered, if it was.
    pub consumed_at: Option<Timestamp>,
}

impl Challenge {
    /// Whether a code is sent for it.
    pub fn is_sent_a_code(&self) -> bool {
        self.factors.contains(&Factor::EmailCode)
    }

    /// Whether it can still be answered, attempts aside.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.consumed_at.is_none() && now < self.expires_at
    }

    /// How many codes can still be tried.
    pub fn attempts_remaining(&self, policy: &CodePolicy) -> u32 {
        policy.max_attempts.saturating_sub(self.attempts)
    }
}
