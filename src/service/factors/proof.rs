//! Proofs of a second factor, and whether they are right. The store detects replay, as it consumes them.

use zeroize::Zeroizing;

use super::Factors;
use crate::{
    delivery::Notice,
    domain::{Challenge, Context, Factor, InvalidField, OneTimeCode, RecoveryCode, User, size},
    passkey::Assertion,
    service::{Error, ceremonies::assertion, codes::is_code},
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
    /// What a browser answered for a passkey: JSON. No secret: it answers one challenge.
    Passkey(String),
}

impl Proof {
    /// The size limit, and the typed text.
    pub(in crate::service) fn size(&self) -> (size::Size, &str) {
        match self {
            Self::EmailCode(typed) => (size::OTP_CODE, typed),
            Self::Totp(typed) => (size::TOTP_CODE, typed),
            Self::RecoveryCode(typed) => (size::RECOVERY_CODE, typed),
            Self::Passkey(json) => (size::PASSKEY_CREDENTIAL_JSON, json),
        }
    }

    /// As [`Proof::size`], of an optional proof.
    pub(in crate::service) fn size_of(proof: Option<&Self>) -> (size::Size, &str) {
        proof.map_or((size::TOTP_CODE, ""), Self::size)
    }

    /// The typed code, normalised. A text that can't be a code is refused before any attempt is spent: it is no guess,
    /// and the answer depends on nothing but its form.
    ///
    /// # Errors
    /// A text that can't be a code of its factor.
    pub(in crate::service) fn parse(&self) -> Result<Code, InvalidField> {
        Ok(match self {
            Self::EmailCode(typed) => Code::Sent(OneTimeCode::of_a_mail(size::OTP_CODE, typed)?),
            Self::Totp(typed) => Code::Totp(OneTimeCode::of_an_app(size::TOTP_CODE, typed)?),
            Self::RecoveryCode(typed) => {
                Code::Recovery(RecoveryCode::parse(size::RECOVERY_CODE, typed)?)
            }
            Self::Passkey(json) => {
                Code::Passkey(Box::new(assertion(size::PASSKEY_CREDENTIAL_JSON, json)?))
            }
        })
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::EmailCode(_) => "Proof(EmailCode)",
            Self::Totp(_) => "Proof(Totp)",
            Self::RecoveryCode(_) => "Proof(RecoveryCode)",
            Self::Passkey(_) => "Proof(Passkey)",
        })
    }
}

/// A well-formed proof. Its `Debug` hides it.
#[derive(Debug)]
pub(in crate::service) enum Code {
    /// The code that was sent.
    Sent(OneTimeCode),
    /// A code of an authenticator app.
    Totp(OneTimeCode),
    /// A recovery code.
    Recovery(RecoveryCode),
    /// An assertion of a passkey.
    Passkey(Box<Assertion>),
}

impl Code {
    /// The factor that it proves.
    pub(in crate::service) fn factor(&self) -> Factor {
        match self {
            Self::Sent(_) => Factor::EmailCode,
            Self::Totp(_) => Factor::Totp,
            Self::Recovery(_) => Factor::RecoveryCode,
            Self::Passkey(_) => Factor::Passkey,
        }
    }
}

/// A challenge whose attempt is spent, and its digests.
#[derive(Debug)]
pub(in crate::service) struct Reserved {
    pub(in crate::service) challenge: Challenge,
    /// The digest of the id that the caller holds.
    pub(in crate::service) id_mac: [u8; 32],
    /// The digest of the code that was sent.
    pub(in crate::service) code_mac: [u8; 32],
}

impl Factors {
    /// Checks a proof, and returns what it consumes.
    ///
    /// # Errors
    /// A wrong proof, or a factor that does not answer the challenge; the store's.
    pub(in crate::service) async fn evaluate(
        &self,
        context: &Context,
        proof: &Code,
        reserved: &Reserved,
        user: &User,
    ) -> Result<Spending, Error> {
        if !reserved.challenge.is_answered_by(proof.factor()) {
            return Err(Error::ChallengeInvalid);
        }
        match proof {
            Code::Sent(code) => self.sent_code(code, reserved),
            Code::Totp(code) => self.app_code(code, user).await,
            Code::Recovery(code) => self
                .recovery_code(context, code, user)
                .map(|code| Spending::RecoveryCode(Box::new(code))),
            Code::Passkey(assertion) => {
                let id_mac = &reserved.id_mac;
                let usage = self.ceremonies.check_factor(context, assertion, id_mac, user).await?;
                Ok(Spending::Passkey(usage))
            }
        }
    }

    fn sent_code(&self, code: &OneTimeCode, reserved: &Reserved) -> Result<Spending, Error> {
        let right = is_code(&self.master_key, &reserved.id_mac, code, &reserved.code_mac);
        right.then_some(Spending::SentCode).ok_or(Error::ChallengeInvalid)
    }

    /// The time step of a code of the user's app, to be consumed.
    pub(super) async fn app_code(
        &self,
        code: &OneTimeCode,
        user: &User,
    ) -> Result<Spending, Error> {
        let app = self.store.factors_of(user.id).await?.totp;
        let app = app.ok_or(Error::ChallengeInvalid)?;
        Ok(Spending::Totp { id: app.id, step: self.totp_step(user.id, &app, code)? })
    }

    /// The store decides whether there is such a code. The user is told of its use: it may have been an attacker's.
    pub(in crate::service) fn recovery_code(
        &self,
        context: &Context,
        code: &RecoveryCode,
        user: &User,
    ) -> Result<SpentRecoveryCode, Error> {
        Ok(SpentRecoveryCode {
            code_mac: self.recovery_mac(user.id, code),
            notice: self.outbox.notice(context, user, Notice::RecoveryCodeUsed)?,
            last_notice: self.outbox.notice(context, user, Notice::LastRecoveryCodeUsed)?,
        })
    }
}
