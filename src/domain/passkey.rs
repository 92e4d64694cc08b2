//! Passkeys, as they are stored. What an authenticator proves by one: `crate::passkey`.

use uuid::Uuid;

use super::Timestamp;

/// The most passkeys of one user.
pub const MOST_PASSKEYS: usize = 20;

/// A credential that its user can log in with (WebAuthn level 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// The row's id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// What authenticators know the user by: 64 random bytes.
    pub user_handle: [u8; 64],
    /// The authenticator's id of it, of 1 to 1,023 bytes.
    pub credential_id: Vec<u8>,
    /// Its public key, a COSE key (RFC 9052).
    pub public_key: Vec<u8>,
    /// The highest signature counter that was seen; 0 of an authenticator without one.
    pub sign_count: u32,
    /// Whether it may be copied to other devices. That never changes.
    pub backup_eligible: bool,
    /// Whether it has been, when it was last used.
    pub backed_up: bool,
    /// How browsers reach its authenticator, by the browser's word.
    pub transports: Vec<String>,
    /// The model of its authenticator, by the authenticator's word.
    pub aaguid: Uuid,
    /// What the user calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}
