//! Ory Kratos: identities, as `GET /admin/identities?include_credential=password&include_credential=totp` lists them.
//!
//! | theirs | here |
//! |---|---|
//! | `traits.email`, or an address of `verifiable_addresses` or of the password | `email`, `email_verified` |
//! | `traits.username`, or an identifier without `@` | `username` |
//! | `credentials.password.config.hashed_password` | `password_hash`, `hash_parameters` |
//! | `credentials.totp.config.totp_url` | `totp_secret` |
//! | `state`, `created_at` | `state`, `create_time` |
//! | `id`, `schema_id`, `traits`, `metadata_public`, `metadata_admin`, all else | `metadata.kratos` |
//!
//! Passkeys, recovery codes, sign-in with another provider and codes by mail or SMS do not come along. Users with a WebAuthn key
//! get codes by e-mail, if the file says of it (`include_credential=webauthn`).

use serde_json::Value;

use super::foreign;
use crate::cli::import::{
    hashes,
    known::Known,
    object::{self, Object},
    otpauth::{ODD_APP, Totp},
    problem::{Fault, Problem},
    row::{ImportRow, State},
};

pub(super) const SECRETS: &[&str] = &["credentials"];

pub(super) fn fill(user: &mut Object, row: &mut ImportRow, known: &mut Known) -> Result<(), Fault> {
    let mut credentials = object::object(user, "credentials")?;
    let mut password = object::object(&mut credentials, "password")?;
    let identifiers = object::texts(&mut password, "identifiers")?;
    let addresses = object::objects(user, "verifiable_addresses")?;
    set_email(row, user.get("traits"), &addresses, &identifiers);
    user.insert(
        "verifiable_addresses".to_owned(),
        addresses.into_iter().map(Value::Object).collect(),
    );
    set_username(row, user.get("traits"), &identifiers);
    row.create_time = foreign::time(user, "created_at")?;
    match object::text(user, "state")?.as_str() {
        "inactive" => row.state = State::Disabled,
        "" | "active" => {}
        _ => return Err(Problem::new("state", "must be active or inactive").into()),
    }
    set_totp(row, object::object(&mut credentials, "totp")?, known)?;
    set_password(row, password)?;
    count(&credentials, row, known);
    Ok(())
}

/// Counts what does not come along. Kratos lists some kinds also where there is nothing of them.
fn count(credentials: &Object, row: &mut ImportRow, known: &mut Known) {
    for (kind, credential) in credentials {
        let says = |name| credential.get(name).is_some_and(object::says_something);
        match kind.as_str() {
            "webauthn" if says("config") => {
                known.leave_factor_behind(row, "credential webauthn");
            }
            "webauthn" => {}
            kind if says("identifiers") => known.leave_behind(format!("credential {kind}")),
            _ => {}
        }
    }
}

fn set_email(
    row: &mut ImportRow,
    traits: Option<&Value>,
    addresses: &[Object],
    identifiers: &[String],
) {
    let of_trait = traits.and_then(|traits| traits.get("email")).and_then(Value::as_str);
    let mails = || {
        let mails =
            addresses.iter().filter(|address| address.get("via").is_some_and(|via| via == "email"));
        mails.filter_map(|mail| Some((mail, mail.get("value")?.as_str()?)))
    };
    let first = mails().next().map(|(_, value)| value);
    let identifier = identifiers.iter().map(String::as_str).find(|name| name.contains('@'));
    row.email = of_trait.or(first).or(identifier).unwrap_or_default().to_owned();
    let own = mails().find(|(_, value)| value.eq_ignore_ascii_case(&row.email));
    row.email_verified =
        own.is_some_and(|(mail, _)| mail.get("verified") == Some(&Value::Bool(true)));
}

fn set_username(row: &mut ImportRow, traits: Option<&Value>, identifiers: &[String]) {
    let of_trait = traits.and_then(|traits| traits.get("username")).and_then(Value::as_str);
    let names = of_trait.into_iter().chain(identifiers.iter().map(String::as_str));
    let name = names.into_iter().find(|name| !name.contains('@') && !name.starts_with('+'));
    row.username = name.unwrap_or_default().to_owned();
}

fn set_password(row: &mut ImportRow, mut password: Object) -> Result<(), Problem> {
    if password.is_empty() {
        return Ok(());
    }
    let mut config = object::object(&mut password, "config")?;
    let hash = object::text(&mut config, "hashed_password")?;
    if hash.is_empty() && object::flag(&mut config, "use_password_migration_hook")? != Some(true) {
        let problem = "is not in the file: list the identities with include_credential=password";
        return Err(Problem::new("password_hash", problem));
    }
    (row.password_hash, row.hash_parameters) = hashes::usual(&hash);
    Ok(())
}

fn set_totp(row: &mut ImportRow, mut totp: Object, known: &mut Known) -> Result<(), Problem> {
    if totp.is_empty() {
        return Ok(());
    }
    let url = object::text(&mut object::object(&mut totp, "config")?, "totp_url")?;
    if url.is_empty() {
        let problem = "is not in the file: list the identities with include_credential=totp";
        return Err(Problem::new("totp_secret", problem));
    }
    let totp = Totp::from_url(&url)
        .ok_or_else(|| Problem::new("totp_secret", "must be an otpauth://totp/ address"))?;
    match totp.secret() {
        Some(secret) => row.totp_secret = secret.to_owned(),
        None => known.leave_factor_behind(row, ODD_APP),
    }
    Ok(())
}
