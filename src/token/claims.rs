//! What an access token says (RFC 9068, section 2.2).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The claims of an access token. All of them are there in every token, each of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// The user's id.
    pub sub: Uuid,
    /// Whom it is for.
    pub aud: String,
    /// Until when it is valid, in seconds since 1970.
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// Its own id.
    pub jti: Uuid,
    /// The application that the login was for. There is no register of clients: it is the audience.
    pub client_id: String,
    /// The session's id.
    pub sid: Uuid,
    /// How the user showed who they are (RFC 8176).
    pub amr: Vec<String>,
    /// When they did, in seconds since 1970.
    pub auth_time: i64,
    /// The username as it was typed.
    pub preferred_username: String,
    /// The user's roles.
    pub roles: Vec<String>,
}
