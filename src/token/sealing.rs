//! Authenticated encryption (AEAD) with one key. The sealed form: version, key id, nonce, ciphertext and tag.

use std::sync::Arc;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, Prk},
};
use rand::RngExt as _;
use zeroize::Zeroizing;

use super::Place;

/// A byte that tells a header from the random nonce with which release 0.1.0 began, and the version of the form.
const FORM: [u8; 2] = [0xC5, 1];

/// Bytes of the key id. It only selects the key to try; security does not depend on it.
const KEY_ID_LEN: usize = 8;

const HEADER_LEN: usize = FORM.len() + KEY_ID_LEN;

/// A key that encrypts, with AES-256-GCM.
#[derive(Clone)]
pub(super) struct SealingKey {
    /// The header of every value that this key seals.
    header: [u8; HEADER_LEN],
    cipher: Arc<LessSafeKey>,
}

impl SealingKey {
    /// Derives the key and its id from a master key, so that no id needs configuring.
    pub(super) fn derive(secret: &Prk) -> Result<Self, Unspecified> {
        let cipher = UnboundKey::new(&AES_256_GCM, subkey(secret, b"seal v1")?.as_slice())?;
        let id = subkey(secret, b"key id v1")?;
        let mut header = [0; HEADER_LEN];
        header[..FORM.len()].copy_from_slice(&FORM);
        header[FORM.len()..].copy_from_slice(&id[..KEY_ID_LEN]);
        Ok(Self { header, cipher: Arc::new(LessSafeKey::new(cipher)) })
    }

    /// Encrypts `plain`, bound to its place (associated data).
    pub(super) fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let nonce = rand::rng().random::<[u8; NONCE_LEN]>();
        let mut text = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
        text.extend_from_slice(plain);
        let place = Aad::from(place.associated_data(&self.header));
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        self.cipher.seal_in_place_append_tag(nonce_used, place, &mut text)?;
        Ok([self.header.as_slice(), &nonce, &text].concat())
    }

    /// Whether the header of `sealed` names this key.
    pub(super) fn has_sealed(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.header)
    }

    /// Whether `other` is the same key.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.header == other.header
    }

    /// Decrypts what this key has sealed for a place.
    pub(super) fn open(
        &self,
        place: &Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let sealed = sealed.strip_prefix(&self.header).ok_or(Unspecified)?;
        self.decrypt(&place.associated_data(&self.header), sealed)
    }

    /// Decrypts nonce, ciphertext and tag.
    pub(super) fn decrypt(
        &self,
        associated_data: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(Unspecified)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let length = self.cipher.open_in_place(nonce, Aad::from(associated_data), &mut text)?.len();
        text.truncate(length);
        Ok(text)
    }
}

/// Derives 32 bytes from a master key, different for each label (HKDF-SHA256, RFC 5869).
pub(super) fn subkey(
    secret: &Prk,
    label: &'static [u8],
) -> Result<Zeroizing<[u8; 32]>, Unspecified> {
    let mut key = Zeroizing::new([0; 32]);
    secret.expand(&[label], HKDF_SHA256)?.fill(key.as_mut())?;
    Ok(key)
}

#[cfg(test)]
impl SealingKey {
    /// Encrypts as release 0.1.0 did: for a row, with no header.
    pub(super) fn seal_as_0_1_0(&self, row: &[u8], plain: &[u8]) -> Vec<u8> {
        let (nonce, mut text) = (rand::rng().random::<[u8; NONCE_LEN]>(), plain.to_vec());
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        self.cipher.seal_in_place_append_tag(nonce_used, Aad::from(row), &mut text).unwrap();
        [nonce.as_slice(), &text].concat()
    }
}
