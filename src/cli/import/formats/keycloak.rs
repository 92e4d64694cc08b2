//! Keycloak: `kc.sh export`, as one file of a realm or as `<realm>-users-N.json`.
//!
//! | theirs | here |
//! |---|---|
//! | `username`, if it has no `@` | `username` |
//! | `email`, `emailVerified`, `enabled`, `createdTimestamp` | `email`, `email_verified`, `state`, `create_time` |
//! | the credential `password`: `secretData` and `credentialData` | `password_hash` |
//! | the credential `otp`, if it is TOTP of SHA-1, 6 digits, 30 s | `totp_secret` |
//! | `realmRoles`, but for Keycloak's own | `roles` |
//! | `id`, names, `attributes`, `groups`, `clientRoles`, `federatedIdentities`, all else | `metadata.keycloak` |
//!
//! Passkeys, recovery codes and sign-in with another provider do not come along. Users whose second factor is a passkey, HOTP or
//! another TOTP get codes by e-mail. Accounts of services are no users.

use serde_json::{Value, json};

use super::foreign;
use crate::cli::import::{
    base32,
    frames::Path,
    known::Known,
    object::{self, Object},
    otpauth::{ODD_APP, Totp},
    problem::{Fault, Problem},
    row::{ImportRow, State},
};

/// In a realm, in a list of realms, and in the answer of the Admin API, which has no credentials.
pub(super) const PATHS: &[Path] = &[&["users", "*"], &["*", "users", "*"], &["*"]];

pub(super) const SECRETS: &[&str] = &["credentials"];

/// Roles that every user of a realm has, for Keycloak's own use.
const OWN_ROLES: [&str; 2] = ["offline_access", "uma_authorization"];

pub(super) fn fill(user: &mut Object, row: &mut ImportRow, known: &mut Known) -> Result<(), Fault> {
    // Lists of what may be done, not of the user.
    for name in ["disableableCredentialTypes", "access", "totp"] {
        user.remove(name);
    }
    row.email = object::text(user, "email")?;
    row.email_verified = object::flag(user, "emailVerified")?.unwrap_or(false);
    foreign::set_username(row, user, "username")?;
    if object::flag(user, "enabled")? == Some(false) {
        row.state = State::Disabled;
    }
    row.create_time = foreign::millis(user, "createdTimestamp")?;
    row.roles = object::texts(user, "realmRoles")?;
    row.roles
        .retain(|role| !OWN_ROLES.contains(&role.as_str()) && !role.starts_with("default-roles-"));
    if user.get("notBefore") == Some(&json!(0)) {
        user.remove("notBefore");
    }
    for identity in user.get("federatedIdentities").and_then(Value::as_array).into_iter().flatten()
    {
        if let Some(provider) = identity.get("identityProvider").and_then(Value::as_str) {
            known.leave_behind(format!("sign-in with {provider}"));
        }
    }
    for credential in object::objects(user, "credentials")? {
        take(credential, row, known)?;
    }
    if let Some(client) = user.get("serviceAccountClientId").and_then(Value::as_str) {
        let problem =
            format!("is the account of the client {client}: make a service account for it");
        return Err(Problem::new("", problem).into());
    }
    Ok(())
}

fn take(mut credential: Object, row: &mut ImportRow, known: &mut Known) -> Result<(), Problem> {
    match object::text(&mut credential, "type")?.as_str() {
        "password" => row.password_hash = password(credential)?,
        "otp" | "totp" if row.totp_secret.is_empty() => match totp(credential)? {
            Some(secret) => row.totp_secret = secret,
            None => known.leave_factor_behind(row, ODD_APP),
        },
        "webauthn" => known.leave_factor_behind(row, "credential webauthn"),
        kind => known.leave_behind(format!("credential {kind}")),
    }
    Ok(())
}

/// The JSON text of the two fields. Exports of before version 9 have their contents side by side.
fn password(mut credential: Object) -> Result<String, Problem> {
    if credential.get("value").is_some_and(object::says_something) {
        return Err(Problem::new("password_hash", "is a password in clear: import no such file"));
    }
    let mut secret = object::text(&mut credential, "secretData")?;
    let mut data = object::text(&mut credential, "credentialData")?;
    if secret.is_empty() {
        let value = object::text(&mut credential, "hashedSaltedValue")?;
        let salt = object::text(&mut credential, "salt")?;
        let algorithm = object::text(&mut credential, "algorithm")?;
        let iterations = object::number(&mut credential, "hashIterations")?;
        if value.is_empty() {
            return Err(Problem::new("password_hash", "has no secretData"));
        }
        secret = json!({ "value": value, "salt": salt }).to_string();
        data = json!({ "hashIterations": iterations, "algorithm": algorithm }).to_string();
    }
    let (secret, data) = (Value::String(secret), Value::String(data));
    Ok(format!("{{\"secretData\":{secret},\"credentialData\":{data}}}"))
}

/// The secret in base32: Keycloak keeps its bytes as text, unless `secretEncoding` says that they are base32.
fn totp(mut credential: Object) -> Result<Option<String>, Problem> {
    let mut data = object::object(&mut credential, "credentialData")?;
    let mut secret = object::object(&mut credential, "secretData")?;
    let value = object::text(&mut secret, "value")?;
    if object::text(&mut data, "subType")? == "hotp" || value.is_empty() {
        return Ok(None);
    }
    let encoding = object::text(&mut data, "secretEncoding")?;
    let secret = if encoding.is_empty() { base32::encode(value.as_bytes()) } else { value };
    let totp = Totp {
        secret,
        algorithm: object::text(&mut data, "algorithm")?,
        digits: object::text(&mut data, "digits")?,
        period: object::text(&mut data, "period")?,
    };
    Ok(totp.secret().map(str::to_owned))
}
