//! The configured policy.

use std::time::Duration;

use super::{CodePolicy, PasswordPolicy};

/// The configured policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Rules for new passwords.
    pub password: PasswordPolicy,
    /// Rules for one-time codes.
    pub code: CodePolicy,
    /// Whether Register sends a code that verifies the address.
    pub email_verification: bool,
    /// Whether Register tells nobody which names and addresses are taken: users begin by verifying their address.
    pub register_quietly: bool,
    /// How long a new account may go without verifying its address, where addresses are verified; then it is deleted.
    pub unverified_ttl: Duration,
    /// Whether users may log in by a mailed code alone, without a password.
    pub email_login: bool,
    /// How long a deletion by its user can be undone; zero turns that off.
    pub deletion_grace: Duration,
    /// The issuer that an authenticator app shows.
    pub totp_issuer: String,
    /// The longest lifetime of a session.
    pub session_ttl: Duration,
    /// The idle timeout of a session.
    pub session_idle_ttl: Duration,
    /// How long the refresh token that a session has just used gets the same successor again; zero turns that off.
    pub refresh_grace: Duration,
    /// The most sessions of a user: a login beyond that ends the oldest.
    pub sessions_per_user: u32,
    /// Rate limit of an address on calls that cost a hash or a mail, in calls a second; 0 is no limit.
    pub address_rate: u32,
    /// Limit of one source in an hour: failed logins and codes, and requested mails. 0 is no limit.
    pub source_failures: u32,
    /// Limit of all sources together in an hour. 0 is no limit.
    pub service_failures: u32,
    /// Whether logins from devices that the account does not know are told.
    pub new_device_notice: bool,
    /// For how long a device stays trusted, so that its logins need no second factor; zero turns that off.
    pub trusted_device_ttl: Duration,
    /// How long events are kept.
    pub event_retention: Duration,
    /// The allowed audiences of tokens; the first is the default.
    pub audiences: Vec<String>,
}

impl Policy {
    /// The audience that a caller means, if it may.
    pub fn audience(&self, asked: &str) -> Option<&str> {
        let mut configured = self.audiences.iter().map(String::as_str);
        if asked.is_empty() { configured.next() } else { configured.find(|name| *name == asked) }
    }
}
