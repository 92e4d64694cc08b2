//! The claims of an access token (RFC 9068, section 2.2).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The claims of an access token. All but the last two are in every token, each of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The user's id.
    pub sub: Uuid,
    /// The audience.
    pub aud: String,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Time of issue, in seconds since 1970, stated five seconds early.
    pub iat: i64,
    /// Its own id.
    pub jti: Uuid,
    /// The application that the login was for. There is no register of clients, so it equals the audience.
    pub client_id: String,
    /// The session's id.
    pub sid: Uuid,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// Time of authentication, in seconds since 1970, stated five seconds early.
    pub auth_time: i64,
    /// The username as it was typed.
    pub preferred_username: String,
    /// The user's roles. Left out where there are none: Authlib's RFC 9068 validator refuses every token with an empty list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The epoch of the session: ending all of a user's sessions voids the tokens of earlier ones. It is left out while it is
    /// 0, as in tokens of a release that knew no epochs.
    #[serde(default, skip_serializing_if = "is_first")]
    pub session_epoch: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(epoch: &i64) -> bool {
    *epoch == 0
}
