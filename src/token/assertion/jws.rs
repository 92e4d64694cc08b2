//! The compact form of a JWT (RFC 7515, section 7.1), and its header. jsonwebtoken's own reader knows neither `Ed25519` nor
//! which headers must be refused.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::{domain::size::ASSERTION, token::foreign_algorithm::ForeignAlgorithm};

/// The most bytes of an assertion that is read.
pub(super) const LONGEST_ASSERTION: usize = ASSERTION.max_bytes;

/// The values of `typ` that assertions have (RFC 7519, section 5.1; JWT-SVID, section 2.1; draft-ietf-oauth-rfc7523bis).
/// An access token, `at+jwt`, is none.
const TYPES: [&str; 3] = ["JWT", "JOSE", "client-authentication+jwt"];

/// The header, as far as it is read: `jku`, `jwk`, `x5u` and `x5c` never are.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    alg: String,
    typ: Option<String>,
    pub(super) kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

impl Header {
    pub(super) fn has_critical_extensions(&self) -> bool {
        self.crit.is_some()
    }

    /// The algorithm, if it is allowed.
    pub(super) fn algorithm(&self) -> Option<ForeignAlgorithm> {
        ForeignAlgorithm::named(&self.alg)
    }

    /// Whether `typ` is one of an assertion. Media types have no case, and may leave out `application/`.
    pub(super) fn is_of_an_assertion(&self) -> bool {
        let Some(given) = self.typ.as_deref().map(str::to_ascii_lowercase) else { return true };
        let given = given.strip_prefix("application/").unwrap_or(&given);
        TYPES.iter().any(|allowed| allowed.eq_ignore_ascii_case(given))
    }
}

/// A JWT, taken apart and not verified.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    pub(super) header: Header,
    /// JSON, as a rule.
    pub(super) payload: Vec<u8>,
    /// Header and payload, which are signed.
    pub(super) signed: &'a [u8],
    /// In base64url.
    pub(super) signature: &'a str,
}

impl<'a> Jws<'a> {
    /// Takes a JWT apart; `None` if it is none.
    pub(super) fn parse(jwt: &'a str) -> Option<Self> {
        let (signed, signature) = jwt.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        // A dot more is no base64url.
        let decode = |part| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let header = serde_json::from_slice(&decode(header)?).ok()?;
        Some(Self { header, payload: decode(payload)?, signed: signed.as_bytes(), signature })
    }
}
