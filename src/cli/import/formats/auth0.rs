//! Auth0: the export of users (a JSON line each), the file with password hashes that its support sends, and the JSON list
//! that its bulk import takes.
//!
//! | theirs | here |
//! |---|---|
//! | `username`, `email`, `email_verified`, `created_at` | `username`, `email`, `email_verified`, `create_time` |
//! | `passwordHash` of the second file, `password_hash`, `custom_password_hash` | `password_hash` |
//! | `mfa_factors`: the secret of `totp` | `totp_secret` |
//! | `blocked` | `state` |
//! | `user_id`, `name`, `nickname`, `app_metadata`, `user_metadata`, `identities`, all else | `metadata.auth0` |
//!
//! A user's line in the second file is found by the id behind `auth0|`. Auth0's roles are in none of the files. Passkeys and
//! sign-in with another provider do not come along. Users with a factor by SMS, mail or Guardian get codes by e-mail.

use serde_json::Value;

use super::{auth0_hash, foreign};
use crate::cli::import::{
    known::Known,
    object::{self, Object},
    problem::{Fault, Problem},
    row::{ImportRow, State},
};

pub(super) const SECRETS: &[&str] = &[
    "passwordHash",
    "password_hash",
    "custom_password_hash",
    "mfa_factors",
    "password",
    "password_history",
    "_tmp_is_unique",
];

pub(super) fn fill(user: &mut Object, row: &mut ImportRow, known: &mut Known) -> Result<(), Fault> {
    set_email(user, row)?;
    foreign::set_username(row, user, "username")?;
    if object::flag(user, "blocked")? == Some(true) {
        row.state = State::Disabled;
    }
    row.create_time = foreign::time(user, "created_at")?;
    let mut second = second_file(user, known)?.unwrap_or_default();
    for source in [&mut *user, &mut second] {
        set_password(source, row)?;
        set_totp(source, row, known)?;
    }
    count(user, row, known);
    Ok(())
}

/// The address. The file with hashes may have it among the identifiers alone.
fn set_email(user: &mut Object, row: &mut ImportRow) -> Result<(), Problem> {
    row.email = object::text(user, "email")?;
    row.email_verified = object::flag(user, "email_verified")?.unwrap_or(false);
    if !row.email.is_empty() {
        return Ok(());
    }
    for mut identifier in object::objects(user, "identifiers")? {
        if object::text(&mut identifier, "type")? == "email" {
            row.email = object::text(&mut identifier, "value")?;
            row.email_verified = object::flag(&mut identifier, "verified")?.unwrap_or(false);
        }
    }
    Ok(())
}

/// The user's line in the second file, by the ids of the users of Auth0's own databases.
fn second_file(user: &Object, known: &mut Known) -> Result<Option<Object>, Fault> {
    let Some(file) = known.hash_file.as_mut() else { return Ok(None) };
    let own = user.get("user_id").and_then(Value::as_str).and_then(|id| id.strip_prefix("auth0|"));
    let identities = user.get("identities").and_then(Value::as_array).into_iter().flatten();
    let linked = identities
        .filter(|identity| identity.get("provider").is_some_and(|provider| provider == "auth0"))
        .filter_map(|identity| identity.get("user_id")?.as_str());
    let mut seen = Vec::new();
    for id in own.into_iter().chain(linked) {
        let id = id.strip_prefix("auth0|").unwrap_or(id);
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        if let Some(found) = file.user(id)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn set_password(source: &mut Object, row: &mut ImportRow) -> Result<(), Problem> {
    for name in ["passwordHash", "password_hash"] {
        let hash = object::text(source, name)?;
        if row.password_hash.is_empty() {
            row.password_hash = hash;
        }
    }
    let custom = object::object(source, "custom_password_hash")?;
    if row.password_hash.is_empty() && !custom.is_empty() {
        row.password_hash = auth0_hash::usual(custom)?;
    }
    Ok(())
}

fn set_totp(source: &mut Object, row: &mut ImportRow, known: &mut Known) -> Result<(), Problem> {
    for mut factor in object::objects(source, "mfa_factors")? {
        let mut totp = object::object(&mut factor, "totp")?;
        let secret = object::text(&mut totp, "secret")?;
        foreign::set_totp(row, known, &secret)?;
        for kind in factor.keys() {
            known.leave_factor_behind(row, format!("second factor {kind}"));
        }
    }
    Ok(())
}

/// Counts what does not come along.
fn count(user: &Object, row: &mut ImportRow, known: &mut Known) {
    let list = |name| user.get(name).and_then(Value::as_array).into_iter().flatten();
    for identity in list("identities") {
        match identity.get("provider").and_then(Value::as_str) {
            None | Some("auth0") => {}
            Some(provider) => known.leave_behind(format!("sign-in with {provider}")),
        }
    }
    if row.totp_secret.is_empty() && list("multifactor").next().is_some() {
        known.leave_factor_behind(row, "second factor (multifactor)");
    }
}
