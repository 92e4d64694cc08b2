//! One-time codes and the secret ids that they go with: drawn, digested, compared.

use crate::{
    domain::OneTimeCode,
    token::{MasterKey, OpaqueToken, Purpose},
};

/// Six digits, or a long code.
pub(super) fn new_code(is_long: bool) -> OneTimeCode {
    let mut rng = rand::rng();
    if is_long { OneTimeCode::generate_long(&mut rng) } else { OneTimeCode::generate(&mut rng) }
}

/// Only the digest of a challenge's id is kept: whoever reads the database can't answer for anybody.
pub(super) fn challenge_mac(master_key: &MasterKey, token: &OpaqueToken) -> [u8; 32] {
    master_key.digest(Purpose::ChallengeId, &[token.expose().as_bytes()])
}

/// The digest binds a code to what it was sent for: the same digits mean nothing with another id.
pub(super) fn code_mac(master_key: &MasterKey, id_mac: &[u8; 32], code: &str) -> [u8; 32] {
    master_key.digest(Purpose::OneTimeCode, &[id_mac, code.as_bytes()])
}

/// Whether the code that was sent is what was typed.
pub(super) fn is_code(
    master_key: &MasterKey,
    id_mac: &[u8; 32],
    typed: &OneTimeCode,
    sent_mac: &[u8; 32],
) -> bool {
    MasterKey::same(&code_mac(master_key, id_mac, typed.expose()), sent_mac)
}
