//! The claims of an access token (RFC 9068, section 2.2).

use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use uuid::Uuid;

/// The claims of a verified access token. All but `nbf`, `roles` and `session_epoch` are in every token, each of its type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The user's id: immutable, even if the name changes.
    pub sub: Uuid,
    /// The audience.
    #[serde(deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Time of issue, in seconds since 1970.
    pub iat: i64,
    /// Start of validity, in seconds since 1970; absent in most tokens.
    pub nbf: Option<i64>,
    /// Its own id.
    pub jti: Uuid,
    /// The application that the login was for.
    pub client_id: String,
    /// The session's id: the same in all tokens between a login and its logout.
    pub sid: Uuid,
    /// Authentication methods (RFC 8176); `mfa` where there was a second factor.
    pub amr: Vec<String>,
    /// Time of authentication, in seconds since 1970.
    pub auth_time: i64,
    /// The username as it was typed, for people to read. It may change: keep [`sub`](Self::sub).
    pub preferred_username: String,
    /// The user's roles; empty where the token has none.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The epoch of the session: how often all of the user's sessions had been revoked when this one began, or was last
    /// kept; 0 where the token has none.
    #[serde(default)]
    pub session_epoch: i64,
}

impl Claims {
    /// The claims that [`VerifyLayer`](crate::VerifyLayer) has left in a request's extensions; none on an open path.
    pub fn of(extensions: &http::Extensions) -> Option<&Self> {
        extensions.get::<Arc<Self>>().map(Arc::as_ref)
    }

    /// Whether the user has that role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}

#[cfg(test)]
impl Claims {
    /// Claims of a token issued at `iat`.
    pub(crate) fn sample(iat: i64) -> Self {
        let id = "01a20c4a-0429-7775-a845-ad388fc19430";
        let json = serde_json::json!({
            "iss": "", "sub": id, "aud": "", "exp": iat + 1, "iat": iat, "jti": id, "client_id": "", "sid": id,
            "amr": [], "auth_time": iat, "preferred_username": "", "roles": [],
        });
        serde_json::from_value(json).unwrap()
    }
}

/// `aud` is a string or a list of them (RFC 7519, section 4.1.3).
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    })
}
