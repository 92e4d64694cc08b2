//! Client data (section 5.8.1): what the browser says that it asked the authenticator, and for whom.

use aws_lc_rs::digest::{Digest, SHA256, digest};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{Challenge, Refused, RelyingParty, answer::Object};

/// The ceremony that client data is of.
#[derive(Clone, Copy)]
pub(super) enum Ceremony {
    Registration,
    Assertion,
}

/// The members that count. Others are ignored: browsers add some, so that nobody compares the whole with a template. That
/// includes `tokenBinding`, which level 3 has dropped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    #[serde(default, deserialize_with = "present")]
    top_origin: bool,
}

/// True for a member that is there, whatever it says.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_anything| true)
}

/// Checks client data (steps 5 to 11 of section 7.1, 8 to 14 of section 7.2), and gives the digest that is signed.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn verify_client_data(
    bytes: &[u8],
    ceremony: Ceremony,
    relying_party: &RelyingParty,
    challenge: &Challenge,
) -> Result<Digest, Refused> {
    let members = members(bytes).ok_or(Refused::ClientData)?;
    let expected = match ceremony {
        Ceremony::Registration => "webauthn.create",
        Ceremony::Assertion => "webauthn.get",
    };
    if members.r#type != expected {
        return Err(Refused::CeremonyType);
    }
    if !challenge.is(&members.challenge) {
        return Err(Refused::Challenge);
    }
    if !relying_party.has_origin(&members.origin) {
        return Err(Refused::Origin);
    }
    // In a frame of another site its user can't see whom they deal with (clickjacking); we ask in none.
    if members.cross_origin {
        return Err(Refused::CrossOrigin);
    }
    if members.top_origin {
        return Err(Refused::TopOrigin);
    }
    Ok(digest(&SHA256, bytes))
}

/// The challenge that client data claims to be of; `None` where that is none of 32 bytes.
pub(super) fn claimed_challenge(bytes: &[u8]) -> Option<Challenge> {
    Challenge::from_text(&members(bytes)?.challenge)
}

fn members(bytes: &[u8]) -> Option<Members> {
    // Step 5 decodes as the Encoding standard does, which drops a byte order mark. It would put U+FFFD for what is not UTF-8;
    // that is refused here. The digest is of all bytes.
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).ok().map(|Object(members)| members)
}
