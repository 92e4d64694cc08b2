//! Firebase Authentication: `firebase auth:export users.json` (or `.csv`, which has no header).
//!
//! | theirs | here |
//! |---|---|
//! | `email`, `emailVerified`, `disabled`, `createdAt` | `email`, `email_verified`, `state`, `create_time` |
//! | `passwordHash`, `salt`, and the project's parameters | `password_hash`, `hash_parameters` |
//! | `customAttributes` | `claims` |
//! | `localId`, `displayName`, `phoneNumber`, `providerUserInfo`, `mfaInfo`, all else | `metadata.firebase` |
//!
//! There are no usernames. Sign-in with another provider does not come along, nor do second factors, of which the export holds
//! neither keys nor secrets: these users get codes by e-mail.

use serde_json::{Value, json};

use super::foreign;
use crate::cli::import::{
    frames::FileError,
    known::Known,
    object::{self, Object},
    problem::{Fault, Problem},
    row::{HashParameters, ImportRow, State},
};

pub(super) const SECRETS: &[&str] = &["passwordHash", "salt"];

pub(super) fn fill(user: &mut Object, row: &mut ImportRow, known: &mut Known) -> Result<(), Fault> {
    row.email = object::text(user, "email")?;
    row.email_verified = object::flag(user, "emailVerified")?.unwrap_or(false);
    if object::flag(user, "disabled")? == Some(true) {
        row.state = State::Disabled;
    }
    row.create_time = foreign::millis(user, "createdAt")?;
    let (hash, salt) = (object::text(user, "passwordHash")?, object::text(user, "salt")?);
    if !hash.is_empty() {
        let parameters = known.hash_parameters.clone().ok_or(FileError::NoParameters)?;
        row.password_hash = hash;
        row.hash_parameters = HashParameters { salt, ..parameters };
    }
    count(user, row, known);
    row.claims = object::object(user, "customAttributes")?;
    Ok(())
}

/// Counts what does not come along.
fn count(user: &Object, row: &mut ImportRow, known: &mut Known) {
    let list = |name| user.get(name).and_then(Value::as_array).into_iter().flatten();
    for provider in list("providerUserInfo") {
        match provider.get("providerId").and_then(Value::as_str) {
            None | Some("password" | "phone") => {}
            Some(provider) => known.leave_behind(format!("sign-in with {provider}")),
        }
    }
    if list("mfaInfo").next().is_some() {
        known.leave_factor_behind(row, "second factor (mfaInfo)");
    }
}

/// The parameters of a project's hashes, as the console shows them in "Password hash parameters", or as JSON in our names.
///
/// # Errors
/// What is missing.
pub(crate) fn parameters(text: &str) -> Result<HashParameters, Problem> {
    let mut parameters = HashParameters::default();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    for (name, value) in fields {
        let name = name.trim().trim_matches('"');
        let value = value.trim().trim_end_matches(',').trim_matches('"').to_owned();
        match name {
            "base64_signer_key" | "signer_key" => parameters.signer_key = value,
            "base64_salt_separator" | "salt_separator" => parameters.salt_separator = value,
            "rounds" => parameters.rounds = value.parse().ok(),
            "mem_cost" => parameters.mem_cost = value.parse().ok(),
            "algorithm" if value != "SCRYPT" => {
                return Err(Problem::new("algorithm", "must be SCRYPT"));
            }
            _ => {}
        }
    }
    for (name, missing) in [
        ("base64_signer_key", parameters.signer_key.is_empty()),
        ("base64_salt_separator", parameters.salt_separator.is_empty()),
        ("rounds", parameters.rounds.is_none()),
        ("mem_cost", parameters.mem_cost.is_none()),
    ] {
        if missing {
            return Err(Problem::new(name, "is missing, or no number where it must be one"));
        }
    }
    Ok(parameters)
}

const NAMES: [(usize, &str); 12] = [
    (0, "localId"),
    (1, "email"),
    (2, "emailVerified"),
    (3, "passwordHash"),
    (4, "salt"),
    (5, "displayName"),
    (6, "photoUrl"),
    (23, "createdAt"),
    (24, "lastSignedInAt"),
    (25, "phoneNumber"),
    (26, "disabled"),
    (27, "customAttributes"),
];

/// Where the four fields of each provider begin.
const PROVIDERS: [(usize, &str); 10] = [
    (7, "google.com"),
    (11, "facebook.com"),
    (15, "twitter.com"),
    (19, "github.com"),
    (28, "apple.com"),
    (32, "microsoft.com"),
    (36, "gc.apple.com"),
    (40, "playgames.google.com"),
    (44, "linkedin.com"),
    (48, "yahoo.com"),
];

/// Up to `disabled`: older exports end behind it.
const LEAST_FIELDS: usize = 27;

/// A record of the CSV export, as the JSON export has it.
pub(super) fn object(fields: &[String]) -> Result<Object, Problem> {
    if fields.len() < LEAST_FIELDS {
        let problem = format!("has {} fields, and an export at least {LEAST_FIELDS}", fields.len());
        return Err(Problem::new("", problem));
    }
    let field = |index: usize| fields.get(index).map_or("", String::as_str);
    let named = NAMES.iter().filter(|(index, _)| !field(*index).is_empty());
    let mut user: Object =
        named.map(|(index, name)| ((*name).to_owned(), field(*index).into())).collect();
    let mut providers = Vec::new();
    for (first, provider) in PROVIDERS {
        if field(first).is_empty() {
            continue;
        }
        let mut info = Object::from_iter([("providerId".to_owned(), json!(provider))]);
        for (place, name) in ["rawId", "email", "displayName", "photoUrl"].iter().enumerate() {
            let value = field(first + place);
            if !value.is_empty() {
                info.insert((*name).to_owned(), value.into());
            }
        }
        providers.push(Value::Object(info));
    }
    if !providers.is_empty() {
        user.insert("providerUserInfo".to_owned(), providers.into());
    }
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_consoles_text_is_read_and_what_is_missing_is_named() {
        let text = "hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: a2V5Og==,\n  \
                    base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 14,\n}\n";
        let read = parameters(text).unwrap();
        assert_eq!((read.signer_key.as_str(), read.salt_separator.as_str()), ("a2V5Og==", "Bw=="));
        assert_eq!((read.rounds, read.mem_cost), (Some(8), Some(14)));
        let json = "{\n\"signer_key\": \"a2V5Og==\",\n\"salt_separator\": \"Bw==\",\n\"rounds\": 8,\n\"mem_cost\": 14\n}";
        assert_eq!(parameters(json).unwrap(), read);
        for name in ["base64_signer_key", "base64_salt_separator", "rounds", "mem_cost"] {
            let without: Vec<_> = text.lines().filter(|line| !line.contains(name)).collect();
            assert_eq!(parameters(&without.join("\n")).unwrap_err().field, name);
        }
        let other = text.replace("SCRYPT", "BCRYPT");
        assert_eq!(parameters(&other).unwrap_err().field, "algorithm");
    }
}
