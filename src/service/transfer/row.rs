//! A user on the way from one system to another, as plain fields.

use serde_json::{Map, Value};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{domain::Timestamp, password::HashParameters};

/// A user to import, or as exported: what an export gives, an import takes.
#[derive(Debug, Clone, Default)]
pub struct TransferredUser {
    /// The id; only of an export.
    pub id: Option<Uuid>,
    /// The username; empty makes one of the address.
    pub username: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the address is verified.
    pub email_verified: bool,
    /// The hash of the password, as its system wrote it; empty is none.
    pub password_hash: Zeroizing<String>,
    /// What belongs to the hash and is not in its text.
    pub hash_parameters: HashParameters,
    /// The roles.
    pub roles: Vec<String>,
    /// Data of administrators.
    pub metadata: Map<String, Value>,
    /// Claims of the user's tokens.
    pub claims: Map<String, Value>,
    /// The secret of an authenticator app, in base32; empty is none.
    pub totp_secret: Zeroizing<String>,
    /// Whether a login needs a second factor.
    pub two_factor_enabled: bool,
    /// Whether the user may log in.
    pub is_disabled: bool,
    /// The time of creation; now, unless it is given.
    pub created_at: Option<Timestamp>,
}
