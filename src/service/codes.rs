//! One-time codes and their secret ids: generation, digests, comparison.

use crate::{
    domain::OneTimeCode,
    token::{MasterKey, OpaqueToken, Purpose},
};

/// Six digits, or a long code.
pub(super) fn new_code(is_long: bool) -> OneTimeCode {
    let mut rng = rand::rng();
    if is_long { OneTimeCode::generate_long(&mut rng) } else { OneTimeCode::generate(&mut rng) }
}

/// The digest of a challenge's id. Only this is stored: a reader of the database can't answer for a user.
pub(super) fn challenge_id_mac(master_key: &MasterKey, challenge_id: &OpaqueToken) -> [u8; 32] {
    master_key.digest(Purpose::ChallengeId, &[challenge_id.expose().as_bytes()])
}

/// The digest of a code, bound to its id: the same digits with another id do not match.
pub(super) fn code_mac(master_key: &MasterKey, id_mac: &[u8; 32], code: &str) -> [u8; 32] {
    master_key.digest(Purpose::OneTimeCode, &[id_mac, code.as_bytes()])
}

/// Whether the typed code is the one that was sent (constant-time comparison, against timing attacks).
pub(super) fn is_code(
    master_key: &MasterKey,
    id_mac: &[u8; 32],
    typed: &OneTimeCode,
    sent_mac: &[u8; 32],
) -> bool {
    MasterKey::same(&code_mac(master_key, id_mac, typed.expose()), sent_mac)
}
