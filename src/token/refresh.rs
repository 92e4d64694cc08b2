//! Refresh tokens: opaque to their holders; to us, a session, a number and a keyed digest of both.
//!
//! A session has one valid token at a time and stores only its number. That is enough to recognise every token that the
//! session ever had, to tell the valid one from spent ones (reuse detection), and to answer a retry with the same successor
//! (idempotent). A reader of the database cannot forge one.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{MasterKey, OpaqueToken, Purpose};
use crate::domain::{Session, size};

/// Session id, number, digest.
const BYTES: usize = 16 + 8 + 32;

/// A parsed refresh token: an unverified claim until [`RefreshToken::is_of`] has checked its digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session that it claims.
    pub session_id: Uuid,
    /// How often the session had been refreshed when it was issued.
    pub number: i64,
    mac: [u8; 32],
}

impl RefreshToken {
    /// The token that refreshes `session` next.
    pub fn of(master_key: &MasterKey, session: &Session) -> Self {
        let mac = Self::mac(master_key, session, session.token_number);
        Self { session_id: session.id, number: session.token_number, mac }
    }

    /// Parses a caller's text; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let text = size::REFRESH_TOKEN.fits(text).then_some(text)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let bytes: &[u8; BYTES] = bytes.as_slice().try_into().ok()?;
        let (session_id, rest) = bytes.split_first_chunk::<16>()?;
        let (number, mac) = rest.split_first_chunk::<8>()?;
        Some(Self {
            session_id: Uuid::from_bytes(*session_id),
            number: i64::from_be_bytes(*number),
            mac: mac.try_into().ok()?,
        })
    }

    /// Whether the token was issued for `session`, lately or long ago. Constant-time comparison, against
    /// timing attacks.
    pub fn is_of(&self, master_key: &MasterKey, session: &Session) -> bool {
        self.session_id == session.id
            && MasterKey::same(&self.mac, &Self::mac(master_key, session, self.number))
    }

    /// The token as its holder keeps it.
    pub fn text(&self) -> OpaqueToken {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        bytes.extend_from_slice(self.session_id.as_bytes());
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.mac);
        OpaqueToken::from_text(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn mac(master_key: &MasterKey, session: &Session, number: i64) -> [u8; 32] {
        let parts: [&[u8]; 3] =
            [session.id.as_bytes(), &session.refresh_salt, &number.to_be_bytes()];
        master_key.digest(Purpose::RefreshToken, &parts)
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn session() -> Session {
        let now = Timestamp::from_unix_micros(0);
        Session { token_number: 3, ..Session::sample(Uuid::now_v7(), now, now) }
    }

    fn key() -> MasterKey {
        MasterKey::parse(&MasterKey::generate_text()).unwrap()
    }

    #[test]
    fn every_token_of_a_session_is_known_by_its_number_and_no_other_is() {
        let (key, mut session) = (key(), session());
        let text = RefreshToken::of(&key, &session).text();
        session.token_number += 5;
        let parsed = RefreshToken::parse(text.expose()).unwrap();
        assert_eq!((parsed.session_id, parsed.number), (session.id, 3));
        assert!(parsed.is_of(&key, &session));
        assert!(!parsed.is_of(&super::tests::key(), &session));
        assert!(!parsed.is_of(&key, &Session { refresh_salt: [0; 16], ..session.clone() }));
        assert!(!parsed.is_of(&key, &Session { id: Uuid::now_v7(), ..session }));
    }

    #[test]
    fn every_prefix_suffix_and_changed_character_is_refused() {
        let (key, session) = (key(), session());
        let text = RefreshToken::of(&key, &session).text();
        let text = text.expose();
        let passes =
            |text: &str| RefreshToken::parse(text).is_some_and(|token| token.is_of(&key, &session));
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
        assert!(!passes(&format!("{text}A")) && !passes(&format!("{text}=")));
    }
}
