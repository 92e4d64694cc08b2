//! Zitadel: `ExportData` of the Admin API (`POST /admin/v1/export`), or the users API v2's list, which has no passwords.
//!
//! | theirs | here |
//! |---|---|
//! | `userName` | `username`, if it has no `@` |
//! | `email.email`, `email.isEmailVerified` | `email`, `email_verified` |
//! | `hashedPassword.value`, `otpCode` | `password_hash`, `totp_secret` |
//! | `userGrants`: the `roleKeys` of all projects | `roles` |
//! | `userId`, `profile`, `phone`, `idps`, `userMetadata`, all else | `metadata.zitadel` |
//! | v2: `state`, `details.creationDate` | `state`, `create_time` |
//!
//! `ExportData` says neither when a user was made nor whether it is deactivated or locked. Passkeys, U2F and codes by mail or SMS
//! are not in it. Sign-in with another provider does not come along.

use serde_json::Value;

use super::foreign;
use crate::cli::import::{
    frames::Path,
    hashes,
    known::Known,
    object::{self, Object},
    problem::{Fault, Problem},
    row::{ImportRow, State},
};

pub(super) const PATHS: &[Path] = &[
    &["orgs", "*", "humanUsers", "*"],
    &["dataOrgs", "orgs", "*", "humanUsers", "*"],
    &["data_orgs", "orgs", "*", "humanUsers", "*"],
    &["result", "*"],
];

pub(super) const SECRETS: &[&str] = &["password", "hashedPassword", "otpCode"];

pub(super) fn fill(user: &mut Object, row: &mut ImportRow, known: &mut Known) -> Result<(), Fault> {
    let id = user.get("userId").and_then(Value::as_str).unwrap_or_default();
    let granted = known.grants.take(id);
    row.roles = granted.roles;
    user.insert("userMetadata".to_owned(), Value::Object(granted.metadata));
    if user.contains_key("human") || user.contains_key("machine") {
        return fill_v2(user, row);
    }
    let mut inner = object::object(user, "user")?;
    let filled = fill_exported(&mut inner, row, known);
    user.extend(inner);
    filled
}

fn fill_exported(user: &mut Object, row: &mut ImportRow, known: &mut Known) -> Result<(), Fault> {
    let mut email = object::object(user, "email")?;
    row.email = object::text(&mut email, "email")?;
    row.email_verified = object::flag(&mut email, "isEmailVerified")?.unwrap_or(false);
    foreign::set_username(row, user, "userName")?;
    let mut hashed = object::object(user, "hashedPassword")?;
    (row.password_hash, row.hash_parameters) = hashes::usual(&object::text(&mut hashed, "value")?);
    let otp = object::text(user, "otpCode")?;
    foreign::set_totp(row, known, &otp)?;
    if user.get("idps").is_some_and(object::says_something) {
        known.leave_behind("sign-in with another provider (idps)");
    }
    if user.get("password").is_some_and(object::says_something) {
        return Err(
            Problem::new("password_hash", "is a password in clear: import no such file").into()
        );
    }
    Ok(())
}

fn fill_v2(user: &mut Object, row: &mut ImportRow) -> Result<(), Fault> {
    let mut human = object::object(user, "human")?;
    let mut email = object::object(&mut human, "email")?;
    row.email = object::text(&mut email, "email")?;
    row.email_verified = object::flag(&mut email, "isVerified")?.unwrap_or(false);
    foreign::set_username(row, user, "username")?;
    let details = user.get("details").and_then(Value::as_object).cloned();
    row.create_time = foreign::time(&mut details.unwrap_or_default(), "creationDate")?;
    user.extend(human);
    match object::text(user, "state")?.as_str() {
        "" | "USER_STATE_ACTIVE" | "USER_STATE_INITIAL" => {}
        _ => row.state = State::Disabled,
    }
    if user.get("machine").is_some_and(object::says_something) {
        return Err(Problem::new("", "is of a machine: make a service account for it").into());
    }
    Ok(())
}
