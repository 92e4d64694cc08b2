//! The master key: encrypts stored secrets, among them the digest key (key wrapping, ADR 20).

use std::{fmt, sync::Arc};

use aws_lc_rs::{constant_time::verify_slices_are_equal, error::Unspecified, hkdf, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::RngExt as _;
use zeroize::Zeroizing;

use super::{
    Place,
    sealing::{SealingKey, subkey},
};

/// The encryption keys and the digest key.
///
/// Encrypted values can be encrypted anew under another master key; digests cannot. So the digest key is a key of its own,
/// kept wrapped under the master key, and survives the master key's replacement.
#[derive(Clone)]
pub struct MasterKey {
    current: SealingKey,
    /// Decrypts only.
    old: Option<SealingKey>,
    digest_key: DigestKey,
}

/// The digest key, ready for use and as bytes to wrap.
#[derive(Clone)]
struct DigestKey {
    hmac: hmac::Key,
    bytes: Arc<Zeroizing<[u8; 32]>>,
}

impl DigestKey {
    fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice());
        Self { hmac, bytes: Arc::new(bytes) }
    }
}

/// Domain separation: digests of different purposes never match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The id of a challenge, as its caller holds it.
    ChallengeId,
    /// The id of a verification of an address, as its caller holds it.
    VerificationId,
    /// The id of a password reset, as its caller holds it.
    ResetId,
    /// The id of a change of the address, as its caller holds it.
    EmailChangeId,
    /// The id of a login by a mailed code, as its caller holds it.
    EmailLoginId,
    /// A code that undoes a change of the address.
    EmailUndo,
    /// A code that undoes a deletion.
    DeletionUndo,
    /// The user and the number that an id of a verification holds.
    Registrant,
    /// A one-time code, together with the digest of the id that it was sent for.
    OneTimeCode,
    /// A device token: its user, their credentials, and when it was issued.
    DeviceToken,
    /// The subjects of a rate limit, whose attempts are counted together.
    Budget,
    /// A counter of theirs.
    Throttle,
    /// A queue of the outbox, whose messages wait for one another.
    OutboxLine,
    /// A refresh token: its session, the session's salt, and its number.
    RefreshToken,
    /// A recovery code, together with its user.
    RecoveryCode,
    /// The key of a service account.
    ServiceKey,
    /// An assertion: its issuer, subject and id.
    Assertion,
    /// A request that its caller may send again.
    Retry,
    /// The challenge of a passkey's ceremony: its kind, when it began, and what it is bound to.
    PasskeyChallenge,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::ChallengeId => b"challenge id",
            Self::VerificationId => b"verification id",
            Self::ResetId => b"reset id",
            Self::EmailChangeId => b"email change id",
            Self::EmailLoginId => b"email login id",
            Self::EmailUndo => b"email undo",
            Self::DeletionUndo => b"deletion undo",
            Self::Registrant => b"registrant",
            Self::OneTimeCode => b"one-time code",
            Self::DeviceToken => b"device token",
            Self::Budget => b"budget",
            Self::Throttle => b"throttle",
            Self::OutboxLine => b"outbox line",
            Self::RefreshToken => b"refresh token",
            Self::RecoveryCode => b"recovery code",
            Self::ServiceKey => b"service key",
            Self::Assertion => b"assertion",
            Self::Retry => b"retry",
            Self::PasskeyChallenge => b"passkey challenge",
        }
    }
}

impl MasterKey {
    /// The name under which the digest key is kept, wrapped.
    pub const DIGEST_KEY: &'static str = "digest";

    /// Parses a key: base64 of exactly 32 bytes. Its digest key is derived from it, as in release 0.1.0.
    ///
    /// # Errors
    /// Any other text; the error says the format and does not repeat the key.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let wanted = "must be 32 bytes in base64, as `openssl rand -base64 32` prints them";
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_not_base64| wanted)?);
        if bytes.len() != 32 {
            return Err(wanted);
        }
        Self::derive(&bytes).map_err(|Unspecified| wanted)
    }

    /// Generates a key, in the format of [`MasterKey::parse`].
    pub fn generate_text() -> Zeroizing<String> {
        let bytes = Zeroizing::new(rand::rng().random::<[u8; 32]>());
        Zeroizing::new(STANDARD.encode(*bytes))
    }

    fn derive(master: &[u8]) -> Result<Self, Unspecified> {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign").extract(master);
        let digest_key = DigestKey::new(subkey(&secret, b"digest v1")?);
        Ok(Self { current: SealingKey::derive(&secret)?, old: None, digest_key })
    }

    /// This key, which also decrypts what `old` has sealed.
    #[must_use]
    pub fn reading(self, old: &Self) -> Self {
        Self { old: Some(old.current.clone()), ..self }
    }

    /// Whether the key also decrypts what an old one has sealed.
    pub fn reads_old(&self) -> bool {
        self.old.is_some()
    }

    /// Whether both encrypt with the same key.
    pub fn is(&self, other: &Self) -> bool {
        self.current.is(&other.current)
    }

    /// Encrypts `plain` for a place, under the current key.
    ///
    /// # Errors
    /// The library's own.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        self.current.seal(place, plain)
    }

    /// Decrypts a value that the current or the old key has sealed for a place, in this form or that of release 0.1.0.
    ///
    /// # Errors
    /// The value was sealed with another key or for another place, or tampered with.
    pub fn open(
        &self,
        place: &Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        if let Some(key) = self.sealing_keys().find(|key| key.has_sealed(sealed)) {
            return key.open(place, sealed);
        }
        // No known header: the value is of release 0.1.0, which named neither key nor place.
        let row = place.associated_data_of_0_1_0().ok_or(Unspecified)?;
        self.sealing_keys().find_map(|key| key.decrypt(row, sealed).ok()).ok_or(Unspecified)
    }

    /// Whether the current key has sealed the value, in the current form. Reads the header only, without decrypting.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        self.current.has_sealed(sealed)
    }

    fn sealing_keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.current).chain(&self.old)
    }

    /// The digest key, encrypted under the current key.
    ///
    /// # Errors
    /// The library's own.
    pub fn wrapped_digest_key(&self) -> Result<Vec<u8>, Unspecified> {
        self.seal(&Place::WrappedKey(Self::DIGEST_KEY), self.digest_key.bytes.as_slice())
    }

    /// This key with the digest key that was stored.
    ///
    /// # Errors
    /// Neither the current nor the old key opens it.
    pub fn with_digest_key(self, wrapped: &[u8]) -> Result<Self, Unspecified> {
        let opened = self.open(&Place::WrappedKey(Self::DIGEST_KEY), wrapped)?;
        let mut bytes = Zeroizing::new([0; 32]);
        if opened.len() != bytes.len() {
            return Err(Unspecified);
        }
        bytes.copy_from_slice(&opened);
        Ok(Self { digest_key: DigestKey::new(bytes), ..self })
    }

    /// The keyed digest (HMAC-SHA256) of `parts`, each with its length: parts cannot run into one another.
    pub fn digest(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.digest_key.hmac);
        for part in [purpose.label()].iter().chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    /// Constant-time comparison of two digests: against a timing attack on their bytes.
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
    use uuid::Uuid;

    use super::*;

    const SEALED_BY_0_1_0: &str = "xQEAAQIDBAUGBwgJD5zU9DPpOi8bhax6x9Yc0kGV5V0fpkGboLiHqVqwDtet";

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

    fn app(id: u128, user: u128) -> Place<'static> {
        Place::TotpSecret { id: Uuid::from_u128(id), user_id: Uuid::from_u128(user) }
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let key = key();
        let sealed = key.seal(&app(1, 2), b"secret").unwrap();
        assert_eq!(key.open(&app(1, 2), &sealed).unwrap().as_slice(), b"secret");
        assert!(super::tests::key().open(&app(1, 2), &sealed).is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(key.open(&app(1, 2), &changed).is_err(), "byte {place}");
            assert!(key.open(&app(1, 2), &sealed[..place]).is_err(), "prefix {place}");
        }
    }

    #[test]
    fn what_is_moved_to_another_row_user_table_or_column_does_not_open() {
        let (key, id) = (key(), Uuid::from_u128(1));
        let sealed = key.seal(&app(1, 2), b"secret").unwrap();
        let elsewhere =
            [app(3, 2), app(1, 3), app(2, 1), Place::SigningKey(id), Place::Message(id)];
        for place in elsewhere {
            assert!(key.open(&place, &sealed).is_err(), "{place:?}");
        }
        let wrapped = key.seal(&Place::WrappedKey("digest"), b"secret").unwrap();
        assert!(key.open(&Place::WrappedKey("other"), &wrapped).is_err());
    }

    #[test]
    fn nothing_is_sealed_the_same_way_twice() {
        let key = key();
        let [first, second] = [(); 2].map(|()| key.seal(&app(1, 2), b"secret").unwrap());
        assert_ne!(first, second);
        assert_eq!(first[..10], second[..10], "the header names the key");
    }

    #[test]
    fn the_old_key_opens_what_it_sealed_and_seals_no_more() {
        let (old, new) = (key(), key());
        let before = old.seal(&app(1, 2), b"secret").unwrap();
        let both = new.clone().reading(&old);
        assert_eq!(both.open(&app(1, 2), &before).unwrap().as_slice(), b"secret");
        assert!(both.open(&app(1, 3), &before).is_err(), "another user");
        let after = both.seal(&app(1, 2), b"secret").unwrap();
        assert_eq!((both.is_current(&before), both.is_current(&after)), (false, true));
        assert!(new.open(&app(1, 2), &after).is_ok() && new.open(&app(1, 2), &before).is_err());
        assert!(old.open(&app(1, 2), &after).is_err());
        assert!(new.is(&both) && !new.is(&old));
    }

    #[test]
    fn what_release_0_1_0_sealed_still_opens_with_each_key() {
        let (old, new) = (key(), key());
        let (both, id) = (new.clone().reading(&old), Uuid::from_u128(1));
        for key in [&old, &new] {
            let sealed = key.current.seal_as_0_1_0(id.as_bytes(), b"secret");
            for place in [Place::SigningKey(id), app(1, 2), Place::Message(id)] {
                assert_eq!(both.open(&place, &sealed).unwrap().as_slice(), b"secret");
            }
            assert!(both.open(&Place::SigningKey(Uuid::from_u128(2)), &sealed).is_err());
            assert!(!both.is_current(&sealed));
            assert!(super::tests::key().open(&Place::SigningKey(id), &sealed).is_err());
        }
        let wrapped = new.current.seal_as_0_1_0(b"digest", &[1; 32]);
        assert!(new.clone().with_digest_key(&wrapped).is_err(), "it wrapped none");
    }

    /// Test vector from another library, in the form of release 0.1.0: with the key of 32 sevens, for the row 00…01. Its
    /// nonce begins like today's header, as one in 65,536 does.
    #[test]
    fn a_value_that_release_0_1_0_wrote_opens() {
        let key = MasterKey::parse(&STANDARD.encode([7; 32])).unwrap();
        let sealed = STANDARD.decode(SEALED_BY_0_1_0).unwrap();
        let place = Place::SigningKey(Uuid::from_u128(1));
        assert_eq!(key.open(&place, &sealed).unwrap().as_slice(), b"a secret of 0.1.0");
    }

    #[test]
    fn digests_survive_another_master_key() {
        let (first, second) = (key(), key());
        let digest = |key: &MasterKey| key.digest(Purpose::RecoveryCode, &[b"code"]);
        let wrapped = first.wrapped_digest_key().unwrap();
        assert_ne!(digest(&first), digest(&second));
        assert!(second.clone().with_digest_key(&wrapped).is_err());
        let both = second.clone().reading(&first).with_digest_key(&wrapped).unwrap();
        assert_eq!(digest(&both), digest(&first));
        let rewrapped = both.wrapped_digest_key().unwrap();
        assert_eq!(digest(&second.with_digest_key(&rewrapped).unwrap()), digest(&first));
    }

    #[test]
    fn a_digest_key_has_32_bytes() {
        let key = key();
        for length in [0, 31, 33] {
            let wrapped = key.seal(&Place::WrappedKey("digest"), &vec![1; length]).unwrap();
            assert!(key.clone().with_digest_key(&wrapped).is_err(), "{length}");
        }
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
