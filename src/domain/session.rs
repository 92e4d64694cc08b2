//! Sessions: a completed login begins one.

use std::{net::IpAddr, time::Duration};

use uuid::Uuid;

use super::Timestamp;

/// An authentication method (RFC 8176).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// A password.
    Password,
    /// A one-time code.
    OneTimeCode,
    /// A key that the user has: a passkey. Whether its hardware guards it nobody attests, which `hwk` and `swk` would say.
    ProofOfPossession,
    /// More than one factor.
    MultiFactor,
}

impl AuthMethod {
    /// Those of a login with a passkey whose authenticator has verified its user: it has the key, and the PIN or the finger.
    pub const OF_A_PASSKEY: &[Self] = &[Self::ProofOfPossession, Self::MultiFactor];

    /// The method of a value in the claim `amr`, if it is one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Password, Self::OneTimeCode, Self::ProofOfPossession, Self::MultiFactor]
            .into_iter()
            .find(|method| method.as_str() == text)
    }

    /// The values with spaces between, as they are stored.
    pub fn words(methods: &[Self]) -> String {
        methods.iter().copied().map(Self::as_str).collect::<Vec<_>>().join(" ")
    }

    /// The value in the claim `amr`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::OneTimeCode => "otp",
            Self::ProofOfPossession => "pop",
            Self::MultiFactor => "mfa",
        }
    }
}

/// A completed login. Its id is the claim `sid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The session's id.
    pub id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// The audience of its tokens.
    pub audience: String,
    /// The user's name for the device; may be empty.
    pub device_name: String,
    /// The methods of its login.
    pub methods: Vec<AuthMethod>,
    /// The time of the login.
    pub created_at: Timestamp,
    /// The last time after it that the user proved who they are.
    pub reauthenticated_at: Option<Timestamp>,
    /// The latest end.
    pub expires_at: Timestamp,
    /// The time of the last tokens.
    pub last_used_at: Timestamp,
    /// The client address of its last use.
    pub address: Option<IpAddr>,
    /// Its end unless it is used before (idle timeout).
    pub idle_expires_at: Timestamp,
    /// The number of refreshes: the next valid refresh token carries it.
    pub token_number: i64,
    /// Random bytes that key its refresh tokens, together with the master key. Secret.
    pub refresh_salt: [u8; 16],
    /// The user's epoch of this session: the claim `session_epoch`. The store sets it when the session begins.
    pub epoch: i64,
}

impl Session {
    /// Its end unless it is used before.
    pub fn ends_at(&self) -> Timestamp {
        self.expires_at.min(self.idle_expires_at)
    }

    /// When the user last proved who they are, by the session's methods: the claim `auth_time`.
    pub fn authenticated_at(&self) -> Timestamp {
        self.reauthenticated_at.unwrap_or(self.created_at)
    }

    /// Whether the user proved who they are within that time before `now`. A proof from the future does not count: a clock was wrong, and
    /// the true time is unknown. Nor does a login that was refreshed before it began, by a clock that was set right meanwhile; a later proof
    /// is forgotten by such a refresh.
    pub fn is_fresh(&self, now: Timestamp, within: Duration) -> bool {
        let began_ahead = self.reauthenticated_at.is_none()
            && self.created_at.is_from_the_future(self.last_used_at);
        let proved_at = self.authenticated_at();
        now.since(proved_at) <= within && !proved_at.is_from_the_future(now) && !began_ahead
    }

    /// Whether the user proved a second factor.
    pub fn has_used_second_factor(&self) -> bool {
        self.methods.contains(&AuthMethod::MultiFactor)
    }
}

#[cfg(test)]
impl Session {
    /// Any session of that user, from then to then.
    pub(crate) fn sample(user_id: Uuid, created_at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            user_id,
            audience: "countersign".into(),
            device_name: String::new(),
            methods: vec![AuthMethod::Password],
            created_at,
            reauthenticated_at: None,
            expires_at,
            last_used_at: created_at,
            address: None,
            idle_expires_at: expires_at,
            token_number: 0,
            refresh_salt: *uuid::Uuid::now_v7().as_bytes(),
            epoch: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_fresh_for_a_while_and_one_from_the_future_never_is() {
        let (now, minute) = (Timestamp::from_unix_micros(0), Duration::from_secs(60));
        let began = |at: Timestamp| Session::sample(Uuid::nil(), at, at.plus(60 * minute));
        let is_fresh = |session: &Session| session.is_fresh(now, 5 * minute);
        assert!(is_fresh(&began(now)) && is_fresh(&began(now.minus(5 * minute))));
        assert!(!is_fresh(&began(now.minus(6 * minute))));
        assert!(is_fresh(&began(now.plus(minute))), "by the clock of another replica");
        assert!(!is_fresh(&began(now.plus(120 * minute))));
        // The clock has caught up with the login since.
        let refreshed = Session { last_used_at: now.minus(120 * minute), ..began(now) };
        assert!(!is_fresh(&refreshed));
    }

    #[test]
    fn a_later_proof_makes_an_old_session_fresh_and_none_from_the_future_does() {
        let (now, minute) = (Timestamp::from_unix_micros(0), Duration::from_secs(60));
        let old = Session::sample(Uuid::nil(), now.minus(60 * minute), now.plus(60 * minute));
        let proved = |at: Timestamp| Session { reauthenticated_at: Some(at), ..old.clone() };
        let is_fresh = |session: &Session| session.is_fresh(now, 5 * minute);
        assert!(
            !is_fresh(&old) && is_fresh(&proved(now)) && is_fresh(&proved(now.minus(5 * minute)))
        );
        assert!(
            !is_fresh(&proved(now.minus(6 * minute))) && !is_fresh(&proved(now.plus(120 * minute)))
        );
        // The login's own clock was ahead, and no longer matters.
        let ahead = Session { created_at: now.plus(120 * minute), ..proved(now) };
        assert!(is_fresh(&ahead));
    }
}
