//! What answers a challenge, and whether it is right. Whether it was used before, the store says as it uses it up.

use zeroize::Zeroizing;

use super::{Error, UseCases};
use crate::{
    delivery::Notice,
    domain::{Caller, Challenge, Factor, RecoveryCode, User, size},
    store::{Spending, SpentRecoveryCode},
};

/// A proof as it was typed. Its `Debug` hides it.
pub enum Proof {
    /// The code that was sent.
    EmailCode(Zeroizing<String>),
    /// A code of an authenticator app.
    Totp(Zeroizing<String>),
    /// A recovery code.
    RecoveryCode(Zeroizing<String>),
}

impl Proof {
    /// How long it may be, and what was typed.
    pub(super) fn size(&self) -> (size::Size, &str) {
        match self {
            Self::EmailCode(typed) => (size::OTP_CODE, typed),
            Self::Totp(typed) => (size::TOTP_CODE, typed),
            Self::RecoveryCode(typed) => (size::RECOVERY_CODE, typed),
        }
    }

    /// As [`Proof::size`], of one that may be missing.
    pub(super) fn size_of(proof: Option<&Self>) -> (size::Size, &str) {
        proof.map_or((size::TOTP_CODE, ""), Self::size)
    }

    /// What it is a proof of.
    pub(super) fn factor(&self) -> Factor {
        match self {
            Self::EmailCode(_) => Factor::EmailCode,
            Self::Totp(_) => Factor::Totp,
            Self::RecoveryCode(_) => Factor::RecoveryCode,
        }
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proof({:?})", self.factor())
    }
}

/// A challenge whose attempt is spent, and the digests that go with it.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) challenge: Challenge,
    /// Of the id that the caller holds.
    pub(super) token_mac: [u8; 32],
    /// Of the code that was sent.
    pub(super) code_mac: [u8; 32],
}

impl UseCases {
    /// Evaluates a proof, and tells what it uses up.
    ///
    /// # Errors
    /// It is not right, is malformed, or is of a factor that the challenge does not list; the store's.
    pub(super) async fn evaluate(
        &self,
        proof: &Proof,
        reserved: &Reserved,
        user: &User,
        caller: Caller,
    ) -> Result<Spending, Error> {
        if !reserved.challenge.factors.contains(&proof.factor()) {
            return Err(Error::ChallengeInvalid);
        }
        match proof {
            Proof::EmailCode(typed) => self.sent_code(typed, reserved),
            Proof::Totp(typed) => self.app_code(typed, user).await,
            Proof::RecoveryCode(typed) => self
                .recovery_code(typed, user, caller)
                .map(|code| Spending::RecoveryCode(Box::new(code))),
        }
    }

    fn sent_code(&self, typed: &str, reserved: &Reserved) -> Result<Spending, Error> {
        let right = self.is_code(&reserved.token_mac, typed, &reserved.code_mac);
        right.then_some(Spending::SentCode).ok_or(Error::ChallengeInvalid)
    }

    /// The step that a code of the user's app is of, to be used up.
    pub(super) async fn app_code(&self, typed: &str, user: &User) -> Result<Spending, Error> {
        let app = self.store.factors_of(user.id).await?.totp;
        let app = app.ok_or(Error::ChallengeInvalid)?;
        Ok(Spending::Totp { id: app.id, step: self.totp_step(user.id, &app, typed)? })
    }

    /// Whether there is such a code, the store says. Somebody else may have used it: the user is told.
    pub(super) fn recovery_code(
        &self,
        typed: &str,
        user: &User,
        caller: Caller,
    ) -> Result<SpentRecoveryCode, Error> {
        let code = RecoveryCode::parse(typed).ok_or(Error::ChallengeInvalid)?;
        Ok(SpentRecoveryCode {
            code_mac: self.recovery_mac(user.id, &code),
            notice: self.notice(user, Notice::RecoveryCodeUsed, caller)?,
            last_notice: self.notice(user, Notice::LastRecoveryCodeUsed, caller)?,
        })
    }
}
