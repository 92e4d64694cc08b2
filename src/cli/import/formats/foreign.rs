//! What all systems' rows have in common.

use serde_json::Value;

use crate::cli::import::{
    instant::Instant,
    known::Known,
    object::{self, Object},
    otpauth,
    problem::Problem,
    row::ImportRow,
};

/// Roles that give power over this service. What another system calls so need not be meant so.
const ADMINS: [&str; 2] = ["admin", "admin.viewer"];

/// Puts what is left into the metadata, below the system's name, but for what says nothing and for secrets.
pub(super) fn keep(system: &str, rest: Object, secrets: &[&str], row: &mut ImportRow) {
    let told = |(name, value): &(String, Value)| {
        object::says_something(value) && !secrets.contains(&name.as_str())
    };
    let rest: Object = rest.into_iter().filter(told).collect();
    if !rest.is_empty() {
        row.metadata.insert(system.to_owned(), Value::Object(rest));
    }
}

/// Moves roles that would make an administrator into the metadata, unless they are wanted.
pub(super) fn withhold_admins(system: &str, row: &mut ImportRow, known: &mut Known) {
    if known.admins || !row.roles.iter().any(|role| ADMINS.contains(&role.as_str())) {
        return;
    }
    let (withheld, roles) = row.roles.drain(..).partition(|role| ADMINS.contains(&role.as_str()));
    row.roles = roles;
    let withheld: Vec<String> = withheld;
    for role in &withheld {
        known.leave_behind(format!("role {role} (--admins takes it)"));
    }
    let below = row.metadata.entry(system).or_insert_with(|| Value::Object(Object::new()));
    if let Some(below) = below.as_object_mut() {
        below.insert("roles_withheld".to_owned(), withheld.into());
    }
}

/// Sets the username, but for one that is the address: ours have no `@`. Another one with an `@` goes back into the object.
pub(super) fn set_username(
    row: &mut ImportRow,
    object: &mut Object,
    name: &str,
) -> Result<(), Problem> {
    let username = object::text(object, name)?;
    if !username.contains('@') {
        row.username = username;
    } else if !username.eq_ignore_ascii_case(&row.email) {
        object.insert(name.to_owned(), username.into());
    }
    Ok(())
}

/// Sets the secret of an authenticator app, if there is one: base32, or an `otpauth` address.
pub(super) fn set_totp(
    row: &mut ImportRow,
    known: &mut Known,
    secret: &str,
) -> Result<(), Problem> {
    if secret.is_empty() {
        return Ok(());
    }
    match otpauth::secret_of(secret)? {
        Some(secret) => row.totp_secret = secret,
        None => known.leave_factor_behind(row, otpauth::ODD_APP),
    }
    Ok(())
}

/// Takes a time in milliseconds since 1970.
pub(super) fn millis(object: &mut Object, name: &str) -> Result<String, Problem> {
    let wrong = || Problem::new(name, "must be milliseconds since 1970");
    match object::text(object, name)? {
        text if text.is_empty() => Ok(text),
        text => Ok(Instant::from_millis(&text).ok_or_else(wrong)?.to_string()),
    }
}

/// Takes a time as texts have it.
pub(super) fn time(object: &mut Object, name: &str) -> Result<String, Problem> {
    let wrong = || Problem::new(name, "must be a time such as 2026-01-31T12:00:00Z");
    match object::text(object, name)? {
        text if text.is_empty() => Ok(text),
        text => Ok(Instant::parse(&text).ok_or_else(wrong)?.to_string()),
    }
}
