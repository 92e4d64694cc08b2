//! Verification ids: a capability from Register; only its holder can have codes sent to the address.
//!
//! Stateless but for a digest beside each code: an id holds its user and a number of its own, and a keyed digest that binds
//! both. Any id of an account can ask for another code, until the address is verified.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::{MasterKey, OpaqueToken, Purpose};

/// User id, number, digest.
const BYTES: usize = 16 + 16 + 32;

/// The same in base64. Longer input is rejected before decoding.
const CHARACTERS: usize = (BYTES * 8).div_ceil(6);

/// A parsed id: an unverified claim until [`VerificationId::user`] has checked its digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerificationId {
    user_id: Uuid,
    number: Uuid,
    mac: [u8; 32],
}

impl VerificationId {
    /// The id from a registration, derived from the user alone: a retry of the request gets the same one (idempotent).
    pub fn first(master_key: &MasterKey, user_id: Uuid) -> Self {
        Self::of(master_key, user_id, Uuid::nil())
    }

    /// An id for another code. Each code needs its own id, so that each has attempts of its own.
    pub fn next(master_key: &MasterKey, user_id: Uuid) -> Self {
        Self::of(master_key, user_id, Uuid::now_v7())
    }

    fn of(master_key: &MasterKey, user_id: Uuid, number: Uuid) -> Self {
        let parts: [&[u8]; 2] = [user_id.as_bytes(), number.as_bytes()];
        Self { user_id, number, mac: master_key.digest(Purpose::Registrant, &parts) }
    }

    /// Parses a caller's text; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != CHARACTERS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes: &[u8; BYTES] = bytes.as_slice().try_into().ok()?;
        let (user_id, rest) = bytes.split_first_chunk::<16>()?;
        let (number, mac) = rest.split_first_chunk::<16>()?;
        Some(Self {
            user_id: Uuid::from_bytes(*user_id),
            number: Uuid::from_bytes(*number),
            mac: mac.try_into().ok()?,
        })
    }

    /// The user, if the id is one of ours. Compares in constant time, against timing attacks.
    pub fn user(&self, master_key: &MasterKey) -> Option<Uuid> {
        let right = Self::of(master_key, self.user_id, self.number);
        MasterKey::same(&self.mac, &right.mac).then_some(self.user_id)
    }

    /// The id as its holder keeps it.
    pub fn text(&self) -> OpaqueToken {
        let (user_id, number) = (self.user_id.as_bytes(), self.number.as_bytes());
        let bytes = [user_id.as_slice(), number, &self.mac].concat();
        OpaqueToken::from_text(URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for VerificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MasterKey {
        MasterKey::parse(&MasterKey::generate_text()).unwrap()
    }

    #[test]
    fn an_id_tells_its_user_to_whoever_has_the_key() {
        let (key, user) = (key(), Uuid::now_v7());
        let first = VerificationId::first(&key, user);
        assert_eq!(first, VerificationId::first(&key, user), "a registration that is sent again");
        let next = [VerificationId::next(&key, user), VerificationId::next(&key, user)];
        assert!(first != next[0] && next[0] != next[1]);
        for id in [first, next[0]] {
            let id = VerificationId::parse(id.text().expose()).unwrap();
            assert_eq!(id.user(&key), Some(user));
            assert_eq!(id.user(&self::key()), None);
        }
    }

    #[test]
    fn every_prefix_suffix_and_changed_character_is_refused() {
        let key = key();
        let text = VerificationId::next(&key, Uuid::now_v7()).text();
        let text = text.expose();
        let passes =
            |text: &str| VerificationId::parse(text).and_then(|id| id.user(&key)).is_some();
        assert!(passes(text));
        for place in 0..text.len() {
            assert!(!passes(&text[..place]), "prefix {place}");
            assert!(place == 0 || !passes(&text[place..]), "suffix {place}");
            for bit in 0..7 {
                let mut changed = text.as_bytes().to_vec();
                changed[place] ^= 1 << bit;
                assert!(!passes(&String::from_utf8(changed).unwrap()), "bit {bit} of {place}");
            }
        }
        assert!(!passes("") && !passes(&format!("{text}A")));
    }
}
