//! The checks of RFC 8725 and RFC 9068 (section 4): header, key, signature, claims.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::IgnoredAny};

use crate::{Claims, Settings, key_set::KeySet, payload::Payload};

/// More than any token of a Countersign server has. Longer input is rejected unread.
const MAX_BYTES: usize = 8 * 1024;

/// The reason why a token is refused. The text is for this service's log, never for the token's sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Because(&'static str),
    /// The key is not in the set: it may be newer than the set.
    UnknownKey,
    /// The token is good, but not its caller here.
    Caller(&'static str),
    /// The token is good, but its scope lacks what is required here.
    Scope,
    /// The token is good, but its user must prove once more who they are.
    Login,
    /// No token can be verified now.
    Unavailable(&'static str),
}

/// The fields that are read of a header. `jku`, `jwk`, `x5c`, `x5u` never are: keys come from the key set alone. Duplicate
/// members fail to parse.
#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    kid: String,
    /// No critical extension is supported, so the member must be absent (RFC 7515, section 4.1.11), not even null.
    #[serde(default, rename = "crit", deserialize_with = "there")]
    has_critical: bool,
}

fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_ignored| true)
}

/// The claims of a token, once `keys` has verified its signature. Only the claims' types and kind are checked.
pub(crate) fn open(jwt: &str, keys: &KeySet) -> Result<Claims, Refused> {
    const MALFORMED: Refused = Refused::Because("not a JWT of three parts");
    if jwt.len() > MAX_BYTES {
        return Err(Refused::Because("too long"));
    }
    let (message, signature) = jwt.rsplit_once('.').ok_or(MALFORMED)?;
    let (header, payload) = message.split_once('.').ok_or(MALFORMED)?;
    let header: Header = json(header).ok_or(Refused::Because("the header is malformed"))?;
    if !is_access_token(&header.typ) {
        return Err(Refused::Because("the header's typ is not at+jwt"));
    }
    if header.has_critical {
        return Err(Refused::Because("the header has crit"));
    }
    let verifies = keys.verifies(&header.kid, &header.alg, message, signature);
    if !verifies.ok_or(Refused::UnknownKey)? {
        return Err(Refused::Because("the signature or its algorithm is not the key's"));
    }
    let payload: Option<Payload> = json(payload);
    let payload = payload.ok_or(Refused::Because("a claim is missing or of another type"))?;
    payload.claims().ok_or(Refused::Because("neither a user's claims nor a service's"))
}

/// Whether the claims are valid for this service at `now`, in seconds since 1970.
pub(crate) fn check(claims: &Claims, settings: &Settings, now: i64) -> Result<(), Refused> {
    let leeway = i64::try_from(settings.leeway.as_secs()).unwrap_or(i64::MAX);
    let (earliest, latest) = (now.saturating_sub(leeway), now.saturating_add(leeway));
    let problem = if claims.iss != settings.issuer {
        "another issuer"
    } else if !claims.aud.contains(&settings.audience) {
        "for another audience"
    } else if claims.exp <= earliest {
        "expired"
    } else if claims.iat > latest || claims.nbf.is_some_and(|nbf| nbf > latest) {
        "from the future: are the clocks right?"
    } else {
        return Ok(());
    };
    Err(Refused::Because(problem))
}

/// RFC 9068, section 4; media types are case-insensitive (RFC 7515, section 4.1.9).
fn is_access_token(typ: &str) -> bool {
    ["at+jwt", "application/at+jwt"].iter().any(|name| typ.eq_ignore_ascii_case(name))
}

fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
}
