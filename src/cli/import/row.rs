//! A row: one user, in the names of the RPC's row. Every format is turned into these.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{
    base32,
    instant::Instant,
    object::{self, Object},
    problem::Problem,
};

/// A user to import. An empty text, list or object is one that the row does not have.
#[derive(Clone, Default, PartialEq, Serialize)]
pub(crate) struct ImportRow {
    /// The user's id. Only of an export: an import makes its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    /// Empty where the other system has none of its own: the import chooses a free one, from the part before the `@`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    /// As the other system stores it; Keycloak's is the JSON text of `secretData` and `credentialData`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) password_hash: String,
    #[serde(skip_serializing_if = "HashParameters::is_empty")]
    pub(crate) hash_parameters: HashParameters,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
    #[serde(skip_serializing_if = "Object::is_empty")]
    pub(crate) metadata: Object,
    #[serde(skip_serializing_if = "Object::is_empty")]
    pub(crate) claims: Object,
    /// Base32 without padding.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) totp_secret: String,
    /// Whether a login needs a second factor: codes by e-mail, where there is no app.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) two_factor_enabled: bool,
    pub(crate) state: State,
    /// RFC 3339.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) create_time: String,
}

/// What a hash needs that is not in its string.
#[derive(Clone, Default, PartialEq, Serialize)]
pub(crate) struct HashParameters {
    /// Firebase: base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) signer_key: String,
    /// Firebase: base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) salt_separator: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rounds: Option<u32>,
    /// Firebase: the binary logarithm of scrypt's N.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mem_cost: Option<u32>,
    /// Firebase: the user's salt, base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) salt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) pepper: String,
}

/// Whether the user may log in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    #[default]
    Active,
    Disabled,
}

/// Shows no hash and no secret.
impl fmt::Debug for ImportRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportRow").field("username", &self.username).finish_non_exhaustive()
    }
}

impl fmt::Debug for HashParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashParameters").finish_non_exhaustive()
    }
}

/// The members of a row, as JSON lines and the header of a CSV file name them.
pub(crate) const MEMBERS: [&str; 13] = [
    "id",
    "username",
    "email",
    "email_verified",
    "password_hash",
    "hash_parameters",
    "roles",
    "metadata",
    "claims",
    "totp_secret",
    "two_factor_enabled",
    "state",
    "create_time",
];

impl ImportRow {
    /// Takes the row from an object in our names.
    ///
    /// # Errors
    /// The first member that is unknown, or not of its type. The rest of the row is then as in the object.
    pub(crate) fn from_object(mut object: Object) -> Result<Self, Problem> {
        let unknown = object.keys().find(|name| !MEMBERS.contains(&name.as_str()));
        if let Some(name) = unknown {
            let problem = format!("is no member of a row. The members are {}", MEMBERS.join(", "));
            return Err(Problem::new(name, problem));
        }
        let object = &mut object;
        let row = Self {
            id: object::text(object, "id")?,
            username: object::text(object, "username")?,
            email: object::text(object, "email")?,
            email_verified: object::flag(object, "email_verified")?.unwrap_or(false),
            password_hash: object::text(object, "password_hash")?,
            hash_parameters: HashParameters::from_object(object::object(
                object,
                "hash_parameters",
            )?)?,
            roles: object::texts(object, "roles")?,
            metadata: object::object(object, "metadata")?,
            claims: object::object(object, "claims")?,
            totp_secret: object::text(object, "totp_secret")?,
            two_factor_enabled: object::flag(object, "two_factor_enabled")?.unwrap_or(false),
            state: State::parse(&object::text(object, "state")?)?,
            create_time: object::text(object, "create_time")?,
        };
        Ok(row)
    }

    /// What every row needs, whatever it came from. The TOTP secret is brought to base32 without padding or spaces, and the
    /// time is checked.
    ///
    /// # Errors
    /// The first field that is missing or malformed.
    pub(crate) fn check(&mut self) -> Result<(), Problem> {
        if self.email.is_empty() {
            return Err(Problem::new("email", "is missing"));
        }
        if !self.totp_secret.is_empty() {
            self.totp_secret = base32::tidy(&self.totp_secret)
                .ok_or_else(|| Problem::new("totp_secret", "must be base32"))?;
        }
        if !self.create_time.is_empty() {
            let problem = "must be a time of RFC 3339 such as 2026-01-31T12:00:00Z";
            self.create_time = Instant::parse(&self.create_time)
                .ok_or_else(|| Problem::new("create_time", problem))?
                .to_string();
        }
        Ok(())
    }

    /// The row as JSON, in our names.
    pub(crate) fn to_value(&self) -> Value {
        // No map of a row has keys that are no text, the only way in which this fails.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// For serde, which passes a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl HashParameters {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn from_object(mut object: Object) -> Result<Self, Problem> {
        let within = |problem: Problem| {
            Problem::new(format!("hash_parameters.{}", problem.field), problem.problem)
        };
        let parameters = &mut object;
        let read = Self {
            signer_key: object::text(parameters, "signer_key").map_err(within)?,
            salt_separator: object::text(parameters, "salt_separator").map_err(within)?,
            rounds: object::number(parameters, "rounds").map_err(within)?,
            mem_cost: object::number(parameters, "mem_cost").map_err(within)?,
            salt: object::text(parameters, "salt").map_err(within)?,
            pepper: object::text(parameters, "pepper").map_err(within)?,
        };
        match object.keys().next() {
            Some(name) => Err(within(Problem::new(name, "is no parameter of a hash"))),
            None => Ok(read),
        }
    }
}

impl State {
    fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "" | "active" => Ok(Self::Active),
            "disabled" => Ok(Self::Disabled),
            _ => Err(Problem::new("state", "must be active or disabled")),
        }
    }
}
