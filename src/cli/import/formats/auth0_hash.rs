//! Auth0's `custom_password_hash`: hashes that users were imported into Auth0 with, in its own form.

use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_STANDARD_NO_PAD};

use crate::cli::import::{
    object::{self, Object},
    problem::Problem,
};

/// A hash or salt with its encoding.
struct Part {
    value: String,
    encoding: String,
}

impl Part {
    fn take(object: &mut Object, name: &str, encoding: &str) -> Result<(Self, Object), Problem> {
        let mut part = object::object(object, name)?;
        let value = object::text(&mut part, "value")?;
        let given = object::text(&mut part, "encoding")?;
        let encoding = if given.is_empty() { encoding.to_owned() } else { given };
        Ok((Self { value, encoding }, part))
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        match self.encoding.as_str() {
            "base64" => BASE64_STANDARD_NO_PAD.decode(self.value.trim_end_matches('=')).ok(),
            "hex" => {
                let digits = self.value.as_bytes();
                let byte =
                    |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                let whole = digits.len().is_multiple_of(2) && digits.is_ascii();
                whole.then(|| digits.chunks(2).map(byte).collect::<Option<_>>())?
            }
            "utf8" => Some(self.value.clone().into_bytes()),
            _ => None,
        }
    }
}

/// The hash in the form that the rest of the world has for it.
///
/// # Errors
/// An algorithm for which there is none: bare digests, but for SHA of the password and then a salt, which are LDAP's.
pub(super) fn usual(mut custom: Object) -> Result<String, Problem> {
    let algorithm = object::text(&mut custom, "algorithm")?;
    let (hash, _) = Part::take(&mut custom, "hash", "utf8")?;
    let (salt, mut rest) = Part::take(&mut custom, "salt", "utf8")?;
    let position = object::text(&mut rest, "position")?;
    let usual = match algorithm.as_str() {
        // They are in the form of a PHC string, or of LDAP, already.
        "argon2" | "bcrypt" | "pbkdf2" | "ldap" => Some(hash.value.clone()),
        "scrypt" => scrypt(&mut custom, &hash, &salt)?,
        "sha1" if position == "suffix" => ldap("{SSHA}", &hash, &salt),
        "sha256" if position == "suffix" => ldap("{SSHA256}", &hash, &salt),
        "sha512" if position == "suffix" => ldap("{SSHA512}", &hash, &salt),
        _ => None,
    };
    usual.filter(|usual| !usual.is_empty()).ok_or_else(|| {
        let problem = format!("is a custom_password_hash of {algorithm} that can't be taken");
        Problem::new("password_hash", problem)
    })
}

fn scrypt(custom: &mut Object, hash: &Part, salt: &Part) -> Result<Option<String>, Problem> {
    let cost = object::number(custom, "cost")?.unwrap_or(16384);
    let r = object::number(custom, "blockSize")?.unwrap_or(8);
    let p = object::number(custom, "parallelization")?.unwrap_or(1);
    let (Some(hash), Some(salt), true) = (hash.bytes(), salt.bytes(), cost.is_power_of_two())
    else {
        return Ok(None);
    };
    let (hash, salt) = (BASE64_STANDARD_NO_PAD.encode(hash), BASE64_STANDARD_NO_PAD.encode(salt));
    Ok(Some(format!("$scrypt$ln={},r={r},p={p}${salt}${hash}", cost.trailing_zeros())))
}

fn ldap(scheme: &str, hash: &Part, salt: &Part) -> Option<String> {
    let both = [hash.bytes()?, salt.bytes()?].concat();
    Some(format!("{scheme}{}", BASE64_STANDARD.encode(both)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn taken(custom: Value) -> Result<String, Problem> {
        let Value::Object(custom) = custom else { panic!("no object") };
        usual(custom)
    }

    #[test]
    fn each_shape_of_auth0s_documentation_becomes_the_usual_form() {
        for (custom, form) in [
            (json!({"algorithm": "bcrypt", "hash": {"value": "$2b$05$abc"}}), "$2b$05$abc"),
            (json!({"algorithm": "ldap", "hash": {"value": "{SSHA}x"}}), "{SSHA}x"),
            (
                json!({"algorithm": "scrypt", "hash": {"value": "000102", "encoding": "hex"},
                    "salt": {"value": "abc", "encoding": "utf8"}, "keylen": 3, "cost": 1024}),
                "$scrypt$ln=10,r=8,p=1$YWJj$AAEC",
            ),
            (
                json!({"algorithm": "sha256", "hash": {"value": "AAEC", "encoding": "base64"},
                    "salt": {"value": "abc", "position": "suffix"}}),
                "{SSHA256}AAECYWJj",
            ),
        ] {
            assert_eq!(taken(custom.clone()).unwrap(), form, "{custom}");
        }
    }

    #[test]
    fn what_has_no_usual_form_is_named() {
        for custom in [
            json!({"algorithm": "md5", "hash": {"value": "00"}}),
            json!({"algorithm": "sha1", "hash": {"value": "00"}, "salt": {"value": "a", "position": "prefix"}}),
            json!({"algorithm": "scrypt", "hash": {"value": "0g", "encoding": "hex"}}),
            json!({"algorithm": "scrypt", "hash": {"value": "00", "encoding": "hex"}, "cost": 1000}),
            json!({"algorithm": "bcrypt"}),
        ] {
            assert_eq!(taken(custom.clone()).unwrap_err().field, "password_hash", "{custom}");
        }
    }
}
