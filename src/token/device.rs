//! Device tokens: a device that shows one at login is exempt from rate limits that strangers can exhaust (no account
//! lockout).
//!
//! Stateless: a token holds its own number and time, and a keyed digest that binds both to a user and to the version of
//! their credentials: a change of password revokes all of them.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::{MasterKey, OpaqueToken, Purpose};
use crate::domain::{Timestamp, size};

/// A device stays known for so long after its last login.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Number, time of issue, digest.
const BYTES: usize = 16 + 8 + 32;

/// A parsed device token: an unverified claim until [`DeviceToken::device_of`] has checked its digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DeviceToken {
    device_id: Uuid,
    issued_at: Timestamp,
    mac: [u8; 32],
}

impl DeviceToken {
    /// Issues a token for a device, bound to the version of the user's credentials and to whether the login had a second
    /// factor.
    pub fn issue(
        master_key: &MasterKey,
        user_id: Uuid,
        credential_version: i64,
        second_factor: bool,
        device_id: Uuid,
        issued_at: Timestamp,
    ) -> Self {
        let parts: [&[u8]; 5] = [
            user_id.as_bytes(),
            &credential_version.to_be_bytes(),
            &[u8::from(second_factor)],
            device_id.as_bytes(),
            &issued_at.unix_micros().to_be_bytes(),
        ];
        let mac = master_key.digest(Purpose::DeviceToken, &parts);
        Self { device_id, issued_at, mac }
    }

    /// Parses a caller's text; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let text = size::DEVICE_TOKEN.fits(text).then_some(text)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes: &[u8; BYTES] = bytes.as_slice().try_into().ok()?;
        let (device_id, rest) = bytes.split_first_chunk::<16>()?;
        let (issued_at, mac) = rest.split_first_chunk::<8>()?;
        Some(Self {
            device_id: Uuid::from_bytes(*device_id),
            issued_at: Timestamp::from_unix_micros(i64::from_be_bytes(*issued_at)),
            mac: mac.try_into().ok()?,
        })
    }

    /// The device, if it is known to that user. A device that became known by the password alone does not count where a
    /// second factor is needed: an attacker with the password could make any number of them. Constant-time comparison,
    /// against timing attacks.
    pub fn device_of(
        &self,
        master_key: &MasterKey,
        user_id: Uuid,
        credential_version: i64,
        needs_second_factor: bool,
        now: Timestamp,
    ) -> Option<Uuid> {
        let (version, device_id, issued_at) = (credential_version, self.device_id, self.issued_at);
        let is_one = |second_factor| {
            let right =
                Self::issue(master_key, user_id, version, second_factor, device_id, issued_at);
            MasterKey::same(&self.mac, &right.mac)
        };
        let known = is_one(true) || (!needs_second_factor && is_one(false));
        (known && now < issued_at.plus(LIFETIME)).then_some(device_id)
    }

    /// The token as its holder keeps it.
    pub fn text(&self) -> OpaqueToken {
        let issued_at = self.issued_at.unix_micros().to_be_bytes();
        let bytes = [self.device_id.as_bytes().as_slice(), &issued_at, &self.mac].concat();
        OpaqueToken::from_text(URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MasterKey {
        MasterKey::parse(&MasterKey::generate_text()).unwrap()
    }

    #[test]
    fn a_device_is_known_to_its_user_until_the_password_changes_or_a_year_is_over() {
        let (key, user, device) = (key(), Uuid::now_v7(), Uuid::now_v7());
        let start = Timestamp::from_unix_micros(0);
        let token = DeviceToken::issue(&key, user, 7, false, device, start);
        let token = DeviceToken::parse(token.text().expose()).unwrap();
        assert_eq!(token.device_of(&key, user, 7, false, start), Some(device));
        assert_eq!(token.device_of(&key, Uuid::now_v7(), 7, false, start), None);
        assert_eq!(token.device_of(&key, user, 8, false, start), None);
        assert_eq!(token.device_of(&super::tests::key(), user, 7, false, start), None);
        assert_eq!(token.device_of(&key, user, 7, false, start.plus(LIFETIME)), None);
    }

    #[test]
    fn every_prefix_suffix_and_changed_character_is_refused() {
        let (key, user, start) = (key(), Uuid::now_v7(), Timestamp::from_unix_micros(0));
        let text = DeviceToken::issue(&key, user, 1, false, Uuid::now_v7(), start).text();
        let text = text.expose();
        let passes = |text: &str| {
            DeviceToken::parse(text)
                .and_then(|token| token.device_of(&key, user, 1, false, start))
                .is_some()
        };
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
