//! The master key: encrypts what is kept, and keys the digests of what is not.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    constant_time::verify_slices_are_equal,
    error::Unspecified,
    hkdf, hmac,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::RngExt as _;
use zeroize::Zeroizing;

/// 32 bytes from which one key encrypts and another one keys digests (HKDF-SHA256, RFC 5869).
#[derive(Clone)]
pub struct MasterKey {
    sealing: std::sync::Arc<LessSafeKey>,
    digesting: hmac::Key,
}

/// What a digest is of. Digests of different purposes never match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The id of a challenge, as its caller holds it.
    ChallengeId,
    /// The id of a verification of an address, as its caller holds it.
    VerificationId,
    /// The id of a password reset, as its caller holds it.
    ResetId,
    /// The user whose registration a verification's id is for.
    FirstVerification,
    /// A one-time code, together with the digest of the id that it was sent for.
    OneTimeCode,
    /// A device token: its user, their credentials, and when it was issued.
    DeviceToken,
    /// Whose attempts are counted together.
    Budget,
    /// What is counted of them.
    Throttle,
    /// A refresh token: its session, the session's salt, and its number.
    RefreshToken,
    /// A recovery code, together with its user.
    RecoveryCode,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::ChallengeId => b"challenge id",
            Self::VerificationId => b"verification id",
            Self::ResetId => b"reset id",
            Self::FirstVerification => b"first verification",
            Self::OneTimeCode => b"one-time code",
            Self::DeviceToken => b"device token",
            Self::Budget => b"budget",
            Self::Throttle => b"throttle",
            Self::RefreshToken => b"refresh token",
            Self::RecoveryCode => b"recovery code",
        }
    }
}

impl MasterKey {
    /// Reads a key: base64 of exactly 32 bytes.
    ///
    /// # Errors
    /// Anything else; the text says what is wanted and does not repeat the key.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let wanted = "must be 32 bytes in base64, as `openssl rand -base64 32` prints them";
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_not_base64| wanted)?);
        if bytes.len() != 32 {
            return Err(wanted);
        }
        Self::derive(&bytes).map_err(|Unspecified| wanted)
    }

    /// Draws a key and writes it as [`MasterKey::parse`] reads it.
    pub fn generate_text() -> Zeroizing<String> {
        let bytes = Zeroizing::new(rand::rng().random::<[u8; 32]>());
        Zeroizing::new(STANDARD.encode(*bytes))
    }

    fn derive(master: &[u8]) -> Result<Self, Unspecified> {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign").extract(master);
        let subkey = |label: &'static [u8]| {
            let mut key = Zeroizing::new([0; 32]);
            secret.expand(&[label], hkdf::HKDF_SHA256)?.fill(key.as_mut())?;
            Ok::<_, Unspecified>(key)
        };
        let sealing = UnboundKey::new(&AES_256_GCM, subkey(b"seal v1")?.as_slice())?;
        let digesting = hmac::Key::new(hmac::HMAC_SHA256, subkey(b"digest v1")?.as_slice());
        Ok(Self { sealing: std::sync::Arc::new(LessSafeKey::new(sealing)), digesting })
    }

    /// Encrypts `plain` (AES-256-GCM) for the row `id`: nonce, ciphertext, tag.
    ///
    /// # Errors
    /// The library's own.
    pub fn seal(&self, id: &[u8], plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let nonce = rand::rng().random::<[u8; NONCE_LEN]>();
        let mut text = plain.to_vec();
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        self.sealing.seal_in_place_append_tag(nonce_used, Aad::from(id), &mut text)?;
        Ok([nonce.as_slice(), &text].concat())
    }

    /// Decrypts what was sealed for the row `id`.
    ///
    /// # Errors
    /// It was sealed with another key or for another row, or changed since.
    pub fn open(&self, id: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(Unspecified)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let length = self.sealing.open_in_place(nonce, Aad::from(id), &mut text)?.len();
        text.truncate(length);
        Ok(text)
    }

    /// The keyed digest (HMAC-SHA256) of `parts`, which cannot run into one another.
    pub fn digest(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.digesting);
        for part in [purpose.label()].iter().chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    /// Compares two digests in constant time.
    pub fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
        verify_slices_are_equal(left, right).is_ok()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MasterKey {
        MasterKey::parse(&MasterKey::generate_text()).unwrap()
    }

    #[test]
    fn only_thirty_two_bytes_make_a_key() {
        assert!(MasterKey::parse(&STANDARD.encode([1; 32])).is_ok());
        for bad in [STANDARD.encode([1; 31]), STANDARD.encode([1; 33]), "not base64!".into()] {
            assert!(MasterKey::parse(&bad).is_err());
        }
    }

    #[test]
    fn opens_what_it_sealed_for_that_row_and_nothing_else() {
        let key = key();
        let sealed = key.seal(b"row 1", b"secret").unwrap();
        assert_eq!(key.open(b"row 1", &sealed).unwrap().as_slice(), b"secret");
        assert!(key.open(b"row 2", &sealed).is_err());
        assert!(super::tests::key().open(b"row 1", &sealed).is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(key.open(b"row 1", &changed).is_err(), "byte {place}");
            assert!(key.open(b"row 1", &sealed[..place]).is_err(), "prefix {place}");
        }
    }

    #[test]
    fn nothing_is_sealed_the_same_way_twice() {
        let key = key();
        let [first, second] = [(); 2].map(|()| key.seal(b"row", b"secret").unwrap());
        assert_ne!(first[..NONCE_LEN], second[..NONCE_LEN]);
    }

    #[test]
    fn digests_tell_purposes_and_parts_apart() {
        let key = key();
        let digest = key.digest(Purpose::OneTimeCode, &[b"ab", b"c"]);
        assert!(MasterKey::same(&digest, &key.digest(Purpose::OneTimeCode, &[b"ab", b"c"])));
        assert!(!MasterKey::same(&digest, &key.digest(Purpose::OneTimeCode, &[b"a", b"bc"])));
        assert!(!MasterKey::same(&digest, &key.digest(Purpose::ChallengeId, &[b"ab", b"c"])));
    }
}
