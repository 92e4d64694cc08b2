//! Client authentication (RFC 6749, section 2.3; RFC 7523, section 2.2).

use std::borrow::Cow;

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

use super::{error::Refused, form::Form, scheme::Scheme};
use crate::{service::ServiceProof, token::OpaqueToken};

/// The types of assertions: RFC 7523, and SPIFFE's (draft-ietf-oauth-spiffe-client-auth).
const ASSERTION_TYPES: [&str; 2] = [
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
];

const ONE_WAY: &str = "the client must prove itself in one way only";

/// A client, as far as it says who it is.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) proof: Option<ServiceProof>,
    pub(super) scheme: Scheme,
}

impl Client {
    /// Beside a token of the caller itself there is no client in the body.
    ///
    /// # Errors
    /// There is one.
    pub(super) fn must_not_be_in(form: &Form) -> Result<(), Refused> {
        let names = ["client_id", "client_secret", "client_assertion"];
        let is_there = names.into_iter().any(|name| form.get(name).is_some());
        if is_there { Err(Refused::request(ONE_WAY)) } else { Ok(()) }
    }

    /// The client of a request.
    ///
    /// # Errors
    /// More than one proof; a malformed one; a `client_id` in the body that differs from the header's.
    pub(super) fn of(headers: &HeaderMap, form: &Form) -> Result<Self, Refused> {
        let (id, secret) = (form.text("client_id"), form.get("client_secret"));
        let assertion = assertion(form)?;
        let basic = basic(headers)?;
        let proofs = [basic.is_some(), secret.is_some(), assertion.is_some()];
        if proofs.into_iter().filter(|there| *there).count() > 1 {
            return Err(Refused::request(ONE_WAY));
        }
        let of_key = |key: &str| Some(ServiceProof::Key(OpaqueToken::from_text(key.to_owned())));
        if let Some((user, password)) = basic {
            if !id.is_empty() && id != user {
                return Err(Refused::request("client_id differs from the user of Basic"));
            }
            return Ok(Self { id: user, proof: of_key(&password), scheme: Scheme::Basic });
        }
        let proof = secret.and_then(of_key).or(assertion);
        if secret.is_some() && id.is_empty() {
            return Err(Refused::request("the parameter client_id is missing"));
        }
        Ok(Self { id, proof, scheme: Scheme::Body })
    }

    /// The proof.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn proved(self) -> Result<(String, ServiceProof, Scheme), Refused> {
        let Self { id, proof, scheme } = self;
        let proof = proof.ok_or_else(|| {
            Refused::unproved(
                "the client must prove itself: by its key as client_secret, or by client_assertion",
            )
        })?;
        Ok((id, proof, scheme))
    }
}

fn assertion(form: &Form) -> Result<Option<ServiceProof>, Refused> {
    let Some(jwt) = form.get("client_assertion") else { return Ok(None) };
    if !ASSERTION_TYPES.contains(&form.required("client_assertion_type")?) {
        return Err(Refused::request("client_assertion_type is not supported"));
    }
    Ok(Some(ServiceProof::Assertion(OpaqueToken::from_text(jwt.to_owned()))))
}

/// User and password of `authorization: Basic …`, if there is the header.
///
/// # Errors
/// Two headers; another scheme, and a malformed value, with the challenge that the RFC asks for (section 5.2).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Refused> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refused::request("the header authorization must not come twice"));
    }
    let pair = value.to_str().ok().and_then(user_and_password);
    let pair = pair.ok_or_else(|| {
        Refused::unproved("the header authorization must be Basic, with client_id and key")
    })?;
    Ok(Some(pair))
}

fn user_and_password(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':').filter(|(user, _)| !user.is_empty())?;
    Some((form_decoded(user).into_owned(), form_decoded(password).into_owned()))
}

/// A user or password, which RFC 6749 (section 2.3.1) has form-encoded, and some clients send as it is. Ours have only
/// letters and digits, which are the same either way; what can't be decoded is taken as it stands.
fn form_decoded(text: &str) -> Cow<'_, str> {
    let is_encoded = |(at, _): (usize, &str)| {
        let digits = text.get(at + 1..at + 3).unwrap_or_default();
        digits.len() == 2 && digits.chars().all(|c| c.is_ascii_hexdigit())
    };
    if !text.match_indices('%').all(is_encoded) {
        return text.into();
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map_or(text.into(), |text| text.into_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_are_decoded_and_what_is_not_encoded_stays() {
        for (text, decoded) in [
            ("cart", "cart"),
            ("a%3Ab%2Fc", "a:b/c"),
            ("a+b%20c", "a b c"),
            ("%E2%82%AC", "€"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%4", "%4"),
            ("%FF", "%FF"),
            ("€%4", "€%4"),
        ] {
            assert_eq!(form_decoded(text), decoded, "{text}");
        }
    }

    fn basic_of(value: &str) -> Result<Option<(String, String)>, Refused> {
        let headers = [(AUTHORIZATION, value.parse().unwrap())].into_iter().collect();
        basic(&headers)
    }

    #[test]
    fn basic_has_a_user_and_a_password() {
        let encoded = |text: &str| format!("basic {}", STANDARD.encode(text));
        let pair = basic_of(&encoded("a%2Db:c:d")).unwrap().unwrap();
        assert_eq!(pair, ("a-b".to_owned(), "c:d".to_owned()));
        for bad in [
            "Basic",
            "Basic ?",
            "Digest abc",
            "Bearer abc",
            &encoded("no colon"),
            &encoded(":no user"),
            "",
        ] {
            assert!(basic_of(bad).is_err(), "{bad}");
        }
    }
}
