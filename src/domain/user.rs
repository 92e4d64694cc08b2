//! Users.

use uuid::Uuid;

use super::{JsonObject, Timestamp, email};

/// An account, as the service and its callers see it. The password hash is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id: the claim `sub`. A UUIDv7, made by Register (`service/account/register.rs`).
    pub id: Uuid,
    /// The username as it was typed.
    pub username: String,
    /// The e-mail address as it was typed.
    pub email: String,
    /// Whether logins need a second factor.
    pub is_2fa_enabled: bool,
    /// Whether the e-mail address is verified.
    pub email_verified: bool,
    /// The roles that the user's tokens carry.
    pub roles: Vec<String>,
    /// Further claims of the user's tokens.
    pub claims: JsonObject,
    /// The time since which the account is disabled, if it is.
    pub disabled_at: Option<Timestamp>,
    /// The time of registration.
    pub created_at: Timestamp,
}

impl User {
    /// A new account: without a second factor or roles, its address not verified.
    pub fn new(id: Uuid, username: String, email: String, created_at: Timestamp) -> Self {
        Self {
            id,
            username,
            email,
            is_2fa_enabled: false,
            email_verified: false,
            roles: Vec::new(),
            claims: JsonObject::default(),
            disabled_at: None,
            created_at,
        }
    }

    /// The e-mail address, mostly hidden: shown to a caller who knows the password but has not passed the second factor.
    pub fn masked_email(&self) -> String {
        email::mask(&self.email)
    }
}

#[cfg(test)]
impl User {
    /// Any user, made at that time.
    pub(crate) fn sample(created_at: Timestamp) -> Self {
        Self::new(Uuid::now_v7(), "alice".into(), "alice@example.com".into(), created_at)
    }
}
