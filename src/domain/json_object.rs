//! JSON objects that administrators attach to a user: metadata, and claims of access tokens.

use serde_json::{Map, Value};

use super::InvalidField;

/// The most bytes of a user's metadata, as JSON.
const METADATA_BYTES: usize = 16 * 1024;

/// The most bytes of a user's claims, as JSON: every call carries them, and servers limit the head of a request to as little as 8 KiB.
const CLAIMS_BYTES: usize = 2 * 1024;

/// The deepest nesting: every reader of the tokens must be able to parse them.
const DEPTH: usize = 16;

/// Claims with a meaning in RFC 7519 (section 4.1), RFC 9068, RFC 8693, RFC 7800, OpenID Connect Core (sections 2 and 5.1), or here.
const REGISTERED: [&str; 27] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "act",
    "may_act",
    "cnf",
    "azp",
    "nonce",
    "auth_time",
    "acr",
    "amr",
    "at_hash",
    "c_hash",
    "sid",
    "events",
    "roles",
    "groups",
    "entitlements",
    "preferred_username",
    "session_epoch",
    "service_epoch",
];

/// A JSON object, bounded in size and depth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonObject(Map<String, Value>);

impl JsonObject {
    /// Parses the metadata of a user.
    ///
    /// # Errors
    /// More than 16 KiB as JSON, or nested more than 16 deep.
    pub fn parse_metadata(object: Map<String, Value>) -> Result<Self, InvalidField> {
        Self::parse("metadata", object, METADATA_BYTES)
    }

    /// Parses the claims that a user's access tokens carry.
    ///
    /// # Errors
    /// More than 2 KiB as JSON, nested more than 16 deep, and the name of a registered claim.
    pub fn parse_claims(object: Map<String, Value>) -> Result<Self, InvalidField> {
        if let Some(taken) = REGISTERED.into_iter().find(|name| object.contains_key(*name)) {
            let problem = format!("must not have {taken:?}: that claim has a meaning of its own");
            return Err(InvalidField::new("claims", problem).with("claim", taken));
        }
        Self::parse("claims", object, CLAIMS_BYTES)
    }

    fn parse(
        field: &'static str,
        object: Map<String, Value>,
        max_bytes: usize,
    ) -> Result<Self, InvalidField> {
        let object = Self(object);
        if object.to_text().len() > max_bytes {
            let problem = format!("must have at most {max_bytes} bytes as JSON");
            return Err(InvalidField::new(field, problem).with("max_bytes", max_bytes));
        }
        if !object.0.values().all(|value| is_within(value, DEPTH)) {
            let problem = format!("must be nested at most {DEPTH} deep");
            return Err(InvalidField::new(field, problem).with("max_depth", DEPTH));
        }
        Ok(object)
    }

    /// The object of members that were one before.
    pub fn from_members(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Reads what the store has; `None` if it is no object.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// The object as JSON, its members in the order of their names.
    pub fn to_text(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// Whether it has no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its members, by value.
    pub fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// Its members.
    pub fn members(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn is_within(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(values) => depth > 0 && values.iter().all(|value| is_within(value, depth - 1)),
        Value::Object(members) => {
            depth > 0 && members.values().all(|value| is_within(value, depth - 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn claims_of_a_meaning_are_taken_and_others_are_not() {
        for name in REGISTERED {
            let refused = JsonObject::parse_claims(object(json!({ "tenant": 1, name: 1 })));
            assert!(refused.unwrap_err().problem.contains(name));
        }
        assert!(JsonObject::parse_claims(object(json!({"tenant": "a", "Sub": 1}))).is_ok());
        assert!(JsonObject::parse_metadata(object(json!({"sub": 1}))).is_ok(), "no claim");
    }

    #[test]
    fn sizes_and_depths_have_bounds() {
        let of = |bytes: usize| object(json!({ "a": "x".repeat(bytes - r#"{"a":""}"#.len()) }));
        assert!(JsonObject::parse_claims(of(2048)).is_ok());
        assert_eq!(JsonObject::parse_claims(of(2049)).unwrap_err().field, "claims");
        assert!(JsonObject::parse_metadata(of(16384)).is_ok());
        assert_eq!(JsonObject::parse_metadata(of(16385)).unwrap_err().field, "metadata");
        let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        assert!(JsonObject::parse_metadata(object(json!({ "a": nested(16) }))).is_ok());
        assert!(JsonObject::parse_metadata(object(json!({ "a": nested(17) }))).is_err());
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        let object = JsonObject::parse_metadata(object(json!({"b": [1, 2.5], "a": "ü"}))).unwrap();
        assert_eq!(object.to_text(), r#"{"a":"ü","b":[1,2.5]}"#);
        assert_eq!(JsonObject::from_text(&object.to_text()), Some(object));
        assert_eq!(JsonObject::from_text("[]"), None);
    }
}
