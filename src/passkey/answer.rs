//! The JSON of both ceremonies' answers (`RegistrationResponseJSON` and `AuthenticationResponseJSON`, section 5.1).
//!
//! Unknown members are ignored: browsers add some. Known ones must be of their type and stand there once, so that no two
//! readers can read two things.

use std::{fmt, marker::PhantomData, ops::RangeInclusive};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    Malformed,
    sizes::{CREDENTIAL_ID, LONGEST_ANSWER},
};

/// What both answers have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential<R> {
    id: String,
    raw_id: String,
    r#type: String,
    authenticator_attachment: Option<String>,
    response: R,
}

/// An answer: the credential's id, the word for how the authenticator is attached, and what the ceremony adds.
pub(super) struct Answer<R> {
    pub(super) id: Vec<u8>,
    pub(super) attachment: Option<String>,
    pub(super) response: R,
}

impl<R: DeserializeOwned> Answer<R> {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Malformed`], but for what is in the response.
    pub(super) fn read(json: &str) -> Result<Self, Malformed> {
        if json.len() > LONGEST_ANSWER {
            return Err(Malformed::TooLong);
        }
        let credential: Object<Credential<Object<R>>> =
            serde_json::from_str(json).map_err(|_no_answer| Malformed::Json)?;
        let credential = credential.0;
        if credential.r#type != "public-key" {
            return Err(Malformed::Type);
        }
        if credential.id != credential.raw_id {
            return Err(Malformed::Ids);
        }
        Ok(Self {
            id: decode("id", &credential.id, CREDENTIAL_ID)?,
            attachment: credential.authenticator_attachment,
            response: credential.response.0,
        })
    }
}

/// The bytes of a member. Padding, other alphabets and stray bits in the last character are refused: each value has one text.
///
/// # Errors
/// Another encoding, another length.
pub(super) fn decode(
    member: &'static str,
    text: &str,
    length: RangeInclusive<usize>,
) -> Result<Vec<u8>, Malformed> {
    // Four characters for three bytes.
    if text.len() > length.end() / 3 * 4 + 4 {
        return Err(Malformed::Length(member));
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_other| Malformed::Encoding(member))?;
    if length.contains(&bytes.len()) { Ok(bytes) } else { Err(Malformed::Length(member)) }
}

/// What is read of a JSON object. By itself, a struct would be read of an array as well.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}
