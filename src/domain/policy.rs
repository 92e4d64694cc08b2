//! The rules that the configuration sets.

use std::time::Duration;

use super::{CodePolicy, PasswordPolicy};

/// The rules that the configuration sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// For new passwords.
    pub password: PasswordPolicy,
    /// For one-time codes.
    pub code: CodePolicy,
    /// Whether Register sends a code that verifies the address.
    pub email_verification: bool,
    /// How long a new account may go without verifying its address, where addresses are verified; then it ends.
    pub unverified_ttl: Duration,
    /// Whose codes an authenticator app says that it shows.
    pub totp_issuer: String,
    /// How long a session lives at the most.
    pub session_ttl: Duration,
    /// How long a session lives that is not used.
    pub session_idle_ttl: Duration,
    /// How many sessions a user may have: a login beyond that ends the oldest.
    pub sessions_per_user: u32,
    /// Calls a second that one address may make to what anybody may call and costs a hash or a mail; none are no limit.
    pub address_rate: u32,
    /// What one source may waste in an hour: failed logins and codes, and mails asked for. None is no limit.
    pub source_failures: u32,
    /// What all sources together may waste in an hour. None is no limit.
    pub service_failures: u32,
    /// How long events are kept.
    pub event_retention: Duration,
    /// Whom tokens may be for; the first is meant where a caller names none.
    pub audiences: Vec<String>,
}

impl Policy {
    /// The audience that a caller means, if it may.
    pub fn audience(&self, asked: &str) -> Option<&str> {
        let mut configured = self.audiences.iter().map(String::as_str);
        if asked.is_empty() { configured.next() } else { configured.find(|name| *name == asked) }
    }
}
