//! Keycloak's credentials: the JSON of `secretData` and `credentialData`, as objects or as the texts that its export has.

use ::argon2::Algorithm;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Refused,
    argon2::{Hash as Argon2, Numbers},
    pbkdf2::{Hash as Pbkdf2, Prf},
    scheme::Scheme,
    text::{Base64, Number, Reader},
};

const READER: Reader = Reader("keycloak");
/// A number that the format it belongs to bounds.
const NUMBER: Number = Number { name: "", min: 0, under: "", max: u32::MAX, over: "" };

#[derive(Deserialize)]
struct Credential {
    #[serde(rename = "secretData")]
    secret: Value,
    #[serde(rename = "credentialData")]
    data: Value,
}

#[derive(Deserialize)]
struct Secret {
    value: String,
    salt: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    hash_iterations: u32,
    algorithm: String,
    #[serde(default)]
    additional_parameters: Option<Parameters>,
}

/// Each is a list of one text.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    hash_length: Option<Vec<String>>,
    memory: Option<Vec<String>>,
    parallelism: Option<Vec<String>>,
    version: Option<Vec<String>>,
    #[serde(rename = "type")]
    kind: Option<Vec<String>>,
}

/// Reads the JSON of the two fields.
pub(crate) fn parse(text: &str) -> Result<Scheme, Refused> {
    let invalid = READER.encoding("its JSON", "secretData and credentialData");
    let credential: Credential = serde_json::from_str(text).map_err(|_json| invalid)?;
    let secret: Secret = inner("secretData", credential.secret)?;
    let data: Data = inner("credentialData", credential.data)?;
    match data.algorithm.as_str() {
        "argon2" => argon2(&secret, &data),
        "pbkdf2" => pbkdf2(Prf::Sha1, &secret, &data),
        "pbkdf2-sha256" => pbkdf2(Prf::Sha256, &secret, &data),
        "pbkdf2-sha512" => pbkdf2(Prf::Sha512, &secret, &data),
        _ => Err(Refused::NotSupported("keycloak with this algorithm")),
    }
}

fn inner<T: DeserializeOwned>(field: &'static str, value: Value) -> Result<T, Refused> {
    let parsed = match value.as_str() {
        Some(text) => serde_json::from_str(text),
        None => serde_json::from_value(value),
    };
    parsed.map_err(|_json| READER.encoding(field, "JSON with the fields that Keycloak writes"))
}

fn pbkdf2(prf: Prf, secret: &Secret, data: &Data) -> Result<Scheme, Refused> {
    let reader = prf.reader();
    let salt = reader.base64("salt", &secret.salt, Base64::Padded, (1, 256))?;
    let digest = reader.base64("value", &secret.value, Base64::Padded, (prf.length(), 64))?;
    Ok(Scheme::Pbkdf2(Pbkdf2::from_parts(prf, data.hash_iterations, salt, digest)?))
}

fn argon2(secret: &Secret, data: &Data) -> Result<Scheme, Refused> {
    let none = Parameters::default();
    let parameters = data.additional_parameters.as_ref().unwrap_or(&none);
    let algorithm = match only("type", parameters.kind.as_deref())? {
        "id" => Algorithm::Argon2id,
        "i" => Algorithm::Argon2i,
        _ => return Err(Refused::NotSupported("argon2d")),
    };
    let version = match only("version", parameters.version.as_deref())? {
        "1.3" => 19,
        "1.0" => 16,
        _ => return Err(READER.out_of_bounds("version", "not 1.0 or 1.3")),
    };
    let number = |name, list: &Option<Vec<String>>| {
        READER.number(&Number { name, ..NUMBER }, only(name, list.as_deref())?)
    };
    let numbers = Numbers {
        version,
        m: number("memory", &parameters.memory)?,
        t: data.hash_iterations,
        p: number("parallelism", &parameters.parallelism)?,
    };
    let salt = READER.base64("salt", &secret.salt, Base64::Padded, (8, 64))?;
    let digest = READER.base64("value", &secret.value, Base64::Padded, (16, 128))?;
    if usize::try_from(number("hashLength", &parameters.hash_length)?) != Ok(digest.len()) {
        return Err(READER.out_of_bounds("value", "not of the length that hashLength says"));
    }
    Ok(Scheme::Argon2(Argon2::from_parts(algorithm, numbers, salt, digest)?))
}

fn only<'list>(name: &'static str, list: Option<&'list [String]>) -> Result<&'list str, Refused> {
    match list {
        Some([only]) => Ok(only),
        _ => Err(READER.missing(name)),
    }
}
