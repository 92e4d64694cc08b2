//! Challenges that carry their own proof: eight random bytes, when it was made, and half of a keyed digest of those and of its
//! purpose. Sixteen bytes of a digest are as good as random to everybody else (WebAuthn, section 13.4.3).

use std::time::Duration;

use rand::RngExt as _;
use uuid::Uuid;

use super::Ceremonies;
use crate::{
    domain::{CLOCK_SKEW, Timestamp},
    passkey::{Challenge, RelyingParty},
    service::Error,
    store::NewAssertion,
    token::{self, MasterKey},
};

/// What a challenge is for. One made for anything else does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) enum Purpose {
    /// To show who one is.
    Login,
    /// To add a passkey, by this session; not once the password is another.
    Registration { session_id: Uuid, credential_version: i64 },
}

impl Purpose {
    fn bytes(self) -> [u8; 25] {
        let mut bytes = [0; 25];
        if let Self::Registration { session_id, credential_version } = self {
            bytes[0] = 1;
            bytes[1..17].copy_from_slice(session_id.as_bytes());
            bytes[17..].copy_from_slice(&credential_version.to_be_bytes());
        }
        bytes
    }
}

impl Ceremonies {
    /// A challenge made now, and when it ends.
    pub(super) fn new_challenge(
        &self,
        relying_party: &RelyingParty,
        purpose: Purpose,
    ) -> (Challenge, Timestamp) {
        let now = self.clock.now();
        let mut made = [0; 16];
        made[..8].copy_from_slice(&rand::rng().random::<[u8; 8]>());
        made[8..].copy_from_slice(&now.unix_micros().to_be_bytes());
        let challenge = Challenge::from_bytes(self.with_proof(made, purpose));
        (challenge, now.plus(relying_party.timeout()))
    }

    /// The use of a challenge that an answer claims to be to, if it is one of ours for that purpose, and has not ended.
    ///
    /// # Errors
    /// It is not, or it has.
    pub(in crate::service) fn use_of(
        &self,
        claimed: &Challenge,
        purpose: Purpose,
    ) -> Result<NewAssertion, Error> {
        let (timeout, now) = (self.relying_party()?.timeout(), self.clock.now());
        let bytes = claimed.expose();
        let made = first_half(bytes);
        let issued_at = issued_at(made);
        // Its time is under the digest, so it is ours; a replica's clock may be ahead.
        if !MasterKey::same(&self.with_proof(made, purpose), bytes)
            || issued_at.is_from_the_future(now)
            || now.since(issued_at) > timeout
        {
            return Err(Error::ChallengeInvalid);
        }
        let digest = self.master_key.digest(token::Purpose::PasskeyChallenge, &[b"used", bytes]);
        let expires_at = issued_at.plus(timeout).plus(MARGIN);
        Ok(NewAssertion { digest, issued_at, expires_at })
    }

    /// The challenge of a passkey that answers a login's challenge: it lives, and is used up, with that.
    pub(super) fn factor_challenge(&self, challenge_id_mac: &[u8; 32]) -> Challenge {
        let parts: [&[u8]; 2] = [b"factor", challenge_id_mac];
        Challenge::from_bytes(self.master_key.digest(token::Purpose::PasskeyChallenge, &parts))
    }

    /// The challenge of its first half.
    fn with_proof(&self, made: [u8; 16], purpose: Purpose) -> [u8; 32] {
        let parts: [&[u8]; 3] = [b"challenge", &made, &purpose.bytes()];
        let digest = self.master_key.digest(token::Purpose::PasskeyChallenge, &parts);
        let mut challenge = [0; 32];
        challenge[..16].copy_from_slice(&made);
        challenge[16..].copy_from_slice(&digest[..16]);
        challenge
    }
}

/// How long the use of a challenge is remembered beyond its end: replicas may differ in their clocks, and in the timeout while they are
/// given another one.
const MARGIN: Duration = CLOCK_SKEW.saturating_add(Duration::from_secs(600));

fn first_half(bytes: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&bytes[..16]);
    half
}

fn issued_at(made: [u8; 16]) -> Timestamp {
    let mut micros = [0; 8];
    micros.copy_from_slice(&made[8..]);
    Timestamp::from_unix_micros(i64::from_be_bytes(micros))
}
