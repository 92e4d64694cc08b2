//! Shared by the use cases of the second factor: decrypting secrets, generating codes.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::Factors;
use crate::{
    domain::{Context, OneTimeCode, RecoveryCode, TotpSecret, size},
    service::{Error, retries::Retry, sessions::Account},
    store::{FactorChange, SealedTotp},
    token::{Place, Purpose},
};

/// New recovery codes: the plain ones for their owner, the digests for the store.
pub(super) struct NewRecoveryCodes {
    /// To be shown once.
    pub(super) codes: Vec<RecoveryCode>,
    /// All that is stored.
    pub(super) macs: Vec<[u8; 32]>,
}

impl NewRecoveryCodes {
    /// The codes as bytes, for a retry.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let codes: Vec<_> = self.codes.iter().map(RecoveryCode::expose).collect();
        Zeroizing::new(codes.join(" ").into_bytes())
    }
}

/// The codes of [`NewRecoveryCodes::to_bytes`].
///
/// # Errors
/// Other bytes.
pub(super) fn codes_of(bytes: &[u8]) -> Result<Vec<RecoveryCode>, Error> {
    let codes = std::str::from_utf8(bytes).map_err(|error| Error::Internal(error.into()))?;
    let parse = |code| RecoveryCode::parse(size::RECOVERY_CODE, code).map_err(Error::from);
    codes.split(' ').map(parse).collect()
}

impl Factors {
    /// A change by the account's owner, bound to the credentials behind their token (optimistic concurrency).
    pub(in crate::service) fn factor_change(
        &self,
        context: &Context,
        account: &Account,
    ) -> FactorChange {
        let credentials = account.credentials();
        FactorChange {
            user_id: credentials.user.id,
            credential_version: credentials.credential_version,
            session_id: Some(account.session().id),
            actor: context.actor.clone(),
            address: context.address,
            now: self.clock.now(),
            carried_out: None,
        }
    }

    /// A request of a session that its caller may send again.
    pub(super) fn retry(&self, id: Option<Uuid>, rpc: &str, account: &Account) -> Retry {
        self.retries.of(id, rpc, &[account.session().id.as_bytes()])
    }

    /// The time step of `code` with a user's app. The store decides whether it was used before.
    ///
    /// # Errors
    /// None of the app's codes of this moment; a secret that does not decrypt.
    pub(super) fn totp_step(
        &self,
        user_id: Uuid,
        app: &SealedTotp,
        code: &OneTimeCode,
    ) -> Result<i64, Error> {
        let place = Place::TotpSecret { id: app.id, user_id };
        let secret = self.master_key.open(&place, &app.sealed_secret);
        let secret = secret.map_err(|error| Error::Internal(error.into()))?;
        let corrupt = || Error::Internal("a TOTP secret is not of its length".into());
        let secret = TotpSecret::from_bytes(&secret).ok_or_else(corrupt)?;
        secret.step_of(code, self.clock.now()).ok_or(Error::ChallengeInvalid)
    }

    /// Generates a user's full set of recovery codes.
    pub(super) fn new_recovery_codes(&self, user_id: Uuid) -> NewRecoveryCodes {
        let draw = || RecoveryCode::generate(&mut rand::rng());
        let codes: Vec<_> = std::iter::repeat_with(draw).take(RecoveryCode::COUNT).collect();
        let macs = codes.iter().map(|code| self.recovery_mac(user_id, code)).collect();
        NewRecoveryCodes { codes, macs }
    }

    /// The digest binds a code to its user. It is keyed: a stolen table allows no offline brute force, and the time of
    /// a look-up tells nothing about its bytes (timing attack).
    pub(super) fn recovery_mac(&self, user_id: Uuid, code: &RecoveryCode) -> [u8; 32] {
        let parts: [&[u8]; 2] = [user_id.as_bytes(), code.expose().as_bytes()];
        self.master_key.digest(Purpose::RecoveryCode, &parts)
    }
}
