//! Which users a list has.

use super::{InvalidField, ManagedUser, Timestamp, email, fold, size};

/// The earliest and the latest time that a message can hold (`google.protobuf.Timestamp`), in microseconds.
pub(super) const TIMES: (i64, i64) = (-62_135_596_800_000_000, 253_402_300_799_999_999);

/// The highest code point: behind a prefix it makes a text beyond all that begin so.
pub(super) const BEYOND: char = char::MAX;

/// Selects users: those that all of its parts match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserFilter {
    /// Whether the account is disabled.
    pub disabled: Option<bool>,
    /// A role.
    pub role: Option<String>,
    /// Whether the address is verified.
    pub email_verified: Option<bool>,
    /// The time of creation.
    pub created: TimeRange,
    /// The time of the last login; users without any are not within a range that has an end.
    pub last_login: TimeRange,
    /// The beginning of the username's key.
    pub username_prefix: Option<String>,
    /// The beginning of the address's key.
    pub email_prefix: Option<String>,
}

/// A range of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// Its first time.
    pub from: Option<Timestamp>,
    /// The first time after it.
    pub before: Option<Timestamp>,
}

impl TimeRange {
    /// Whether it has an end.
    pub fn is_given(self) -> bool {
        self.from.is_some() || self.before.is_some()
    }

    fn has(self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.before.is_none_or(|before| time < before)
    }

    /// Both ends; what is not given is as early, or as late, as a time can be.
    pub(super) fn ends(self) -> (Timestamp, Timestamp) {
        let (first, last) = TIMES;
        let from = self.from.unwrap_or(Timestamp::from_unix_micros(first));
        (from, self.before.unwrap_or(Timestamp::from_unix_micros(last)))
    }
}

/// A user with the keys that filters and orders read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// The user.
    pub managed: ManagedUser,
    /// The username's key.
    pub username_key: String,
    /// The address's key, or that of a claim to it, which begins with it.
    pub email_key: String,
}

impl UserFilter {
    /// Parses the beginning of a username, as far as a part can be: its letters in any case.
    ///
    /// # Errors
    /// More than 1,024 bytes.
    pub fn username_prefix(text: &str) -> Result<Option<String>, InvalidField> {
        size::USERNAME_PREFIX.check(text)?;
        Ok(Some(fold::name_key(text)).filter(|key| !key.is_empty()))
    }

    /// Parses the beginning of an address, as far as a part can be.
    ///
    /// # Errors
    /// More than 1,024 bytes.
    pub fn email_prefix(text: &str) -> Result<Option<String>, InvalidField> {
        size::EMAIL_PREFIX.check(text)?;
        Ok(Some(email::key(text)).filter(|key| !key.is_empty()))
    }

    /// Whether it selects the user.
    pub fn has(&self, listed: &ListedUser) -> bool {
        let ManagedUser { user, last_login_at, .. } = &listed.managed;
        let begins = |key: &str, prefix: &Option<String>| {
            prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix.as_str()))
        };
        self.disabled.is_none_or(|disabled| disabled == user.disabled_at.is_some())
            && self.role.as_ref().is_none_or(|role| user.roles.contains(role))
            && self.email_verified.is_none_or(|verified| verified == user.email_verified)
            && self.created.has(user.created_at)
            && (!self.last_login.is_given()
                || last_login_at.is_some_and(|at| self.last_login.has(at)))
            && begins(&listed.username_key, &self.username_prefix)
            && begins(&listed.email_key, &self.email_prefix)
    }
}
