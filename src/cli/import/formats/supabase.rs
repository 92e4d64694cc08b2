//! Supabase: the table `auth.users`, as CSV with a header or as JSON.
//!
//! | theirs | here |
//! |---|---|
//! | `email`, `email_confirmed_at`, `created_at` | `email`, `email_verified`, `create_time` |
//! | `encrypted_password` (bcrypt, Argon2, or a hash that came from Firebase) | `password_hash`, `hash_parameters` |
//! | `banned_until`, if it is not over | `state` |
//! | `totp_secret`, a column of the guide's statement: `auth.mfa_factors` | `totp_secret` |
//! | `id`, `role`, `phone`, `raw_app_meta_data`, `raw_user_meta_data`, all else | `metadata.supabase` |
//!
//! Tokens of mails that are under way are left out, and columns that say nothing of a user (`NOISE`). Users who were deleted
//! (`deleted_at`) are no rows. There are no usernames. Sign-in with another provider does not come along.

use serde_json::Value;

use super::foreign;
use crate::cli::import::{
    hashes,
    instant::Instant,
    known::Known,
    object::{self, Object},
    problem::{Fault, Problem},
    row::{ImportRow, State},
};

pub(super) const SECRETS: &[&str] = &[
    "encrypted_password",
    "confirmation_token",
    "recovery_token",
    "email_change_token",
    "email_change_token_new",
    "email_change_token_current",
    "phone_change_token",
    "reauthentication_token",
    "totp_secret",
];

/// Columns of the server's own.
const NOISE: [&str; 5] =
    ["instance_id", "aud", "confirmed_at", "email_change_confirm_status", "is_super_admin"];

pub(super) fn fill(user: &mut Object, row: &mut ImportRow, known: &mut Known) -> Result<(), Fault> {
    for name in NOISE {
        user.remove(name);
    }
    row.email = object::text(user, "email")?;
    row.email_verified = !object::text(user, "email_confirmed_at")?.is_empty();
    row.create_time = foreign::time(user, "created_at")?;
    if is_banned(user, known.now)? {
        row.state = State::Disabled;
    }
    // In CSV they are texts.
    for name in ["raw_app_meta_data", "raw_user_meta_data"] {
        let inner = object::object(user, name)?;
        user.insert(name.to_owned(), Value::Object(inner));
    }
    for name in ["is_sso_user", "is_anonymous"] {
        if object::flag(user, name)? == Some(true) {
            user.insert(name.to_owned(), Value::Bool(true));
        }
    }
    count(user, known);
    if !user.contains_key("encrypted_password") {
        let problem =
            "is not in the file: export the table auth.users, not the list of the Admin API";
        return Err(Problem::new("password_hash", problem).into());
    }
    (row.password_hash, row.hash_parameters) =
        hashes::usual(&plain(user, "encrypted_password", "password_hash")?);
    let secret = plain(user, "totp_secret", "totp_secret")?;
    foreign::set_totp(row, known, &secret)?;
    if !object::text(user, "deleted_at")?.is_empty() {
        return Err(Problem::new("", "is of a user who was deleted (deleted_at)").into());
    }
    Ok(())
}

fn is_banned(user: &mut Object, now: Instant) -> Result<bool, Problem> {
    let wrong = || Problem::new("banned_until", "must be a time such as 2026-01-31 12:00:00+00");
    match object::text(user, "banned_until")?.as_str() {
        "" => Ok(false),
        "infinity" => Ok(true),
        until => Ok(Instant::parse(until).ok_or_else(wrong)? > now),
    }
}

/// Takes a column that the server may have encrypted (its setting `GOTRUE_SECURITY_DB_ENCRYPTION_…`).
fn plain(user: &mut Object, name: &str, field: &str) -> Result<String, Problem> {
    match object::text(user, name)? {
        text if text.starts_with('{') => Err(Problem::new(
            field,
            format!("is encrypted with a key of the Supabase server ({name})"),
        )),
        text => Ok(text),
    }
}

fn count(user: &Object, known: &mut Known) {
    let providers = user.get("raw_app_meta_data").and_then(|data| data.get("providers"));
    for provider in providers.and_then(Value::as_array).into_iter().flatten() {
        match provider.as_str() {
            None | Some("email" | "phone") => {}
            Some(provider) => known.leave_behind(format!("sign-in with {provider}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_counts_until_it_is_over() {
        let now = Instant::parse("2026-01-31T12:00:00Z").unwrap();
        for (until, banned) in [
            ("", Some(false)),
            ("infinity", Some(true)),
            ("2026-01-31 12:00:01+00", Some(true)),
            ("2026-01-31 11:59:59+00", Some(false)),
            ("soon", None),
        ] {
            let mut user = Object::from_iter([("banned_until".to_owned(), until.into())]);
            assert_eq!(is_banned(&mut user, now).ok(), banned, "{until}");
        }
    }
}
