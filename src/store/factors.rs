//! Second factors: authenticator apps and recovery codes, and their records.

use async_trait::async_trait;
use uuid::Uuid;

use super::{FactorChange, Reservation, Result, SealedMessage};
use crate::domain::Timestamp;

/// Second factors: authenticator apps and recovery codes. Changes are made only if the credential version and the calling
/// session still allow them: [`FactorChange`] has the rule. Each returns whether it did.
#[async_trait]
pub trait Factors {
    /// The factors of a user that can answer a challenge, beside mailed codes.
    async fn factors_of(&self, user_id: Uuid) -> Result<UserFactors>;

    /// Begins an enrolment; replaces an unconfirmed one.
    async fn totp_begin(&self, new: NewTotp) -> Result<bool>;

    /// Reserves an attempt to confirm an enrolment of that user, before any comparison (brute force).
    async fn totp_reserve(
        &self,
        id: Uuid,
        change: FactorChange,
        max_attempts: u32,
    ) -> Result<Reservation<SealedTotp>>;

    /// Confirms an enrolment, once: the app replaces an earlier one, the second factor is on, the recovery codes are new,
    /// open challenges end, and the notice to the user is added. Where the second factor was off, all sessions are revoked,
    /// the calling one too.
    async fn totp_confirm(&self, confirm: ConfirmTotp, message: SealedMessage) -> Result<bool>;

    /// Replaces the recovery codes, given as keyed digests, if the second factor is on, and adds the notice to the user.
    async fn recovery_codes_replace(
        &self,
        change: FactorChange,
        codes: Vec<[u8; 32]>,
        message: SealedMessage,
    ) -> Result<bool>;

    /// Turns the second factor on or off, and adds the notice to the user if that is new. Both end open challenges. On
    /// revokes all sessions, the calling one too, and ends open enrolments; off deletes the app and the recovery codes.
    async fn two_factor_set(
        &self,
        change: FactorChange,
        to: TwoFactor,
        message: SealedMessage,
    ) -> Result<bool>;

    /// Consumes a second proof, beside the password, if the second factor is on. Of concurrent callers with one proof one
    /// succeeds. A mailed code does not count.
    async fn factor_spend(&self, change: FactorChange, spending: Spending) -> Result<bool>;
}

/// The requested state of the second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwoFactor {
    /// Off.
    Off,
    /// On, with mailed codes, if it was off.
    On {
        /// Whether the address must be verified.
        verified_only: bool,
        /// The expiry of the revoked sessions' last token.
        tokens_expire_at: Timestamp,
    },
}

/// The secret of an authenticator app, encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedTotp {
    /// The row's id, to which the secret is sealed.
    pub id: Uuid,
    /// The secret, encrypted.
    pub sealed_secret: Vec<u8>,
}

/// The factors of a user that can answer a challenge, beside mailed codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFactors {
    /// A confirmed app.
    pub totp: Option<SealedTotp>,
    /// Whether unused recovery codes are left.
    pub has_recovery_codes: bool,
    /// Whether there are passkeys.
    pub has_passkeys: bool,
}

/// A new enrolment of an authenticator app.
#[derive(Debug, Clone)]
pub struct NewTotp {
    /// The enrolment's id, and the secret, encrypted for it.
    pub sealed: SealedTotp,
    /// The user, and the start of the enrolment.
    pub change: FactorChange,
    /// Expiry, unless it is confirmed before.
    pub expires_at: Timestamp,
}

/// An enrolment whose code was right.
#[derive(Debug, Clone)]
pub struct ConfirmTotp {
    /// The enrolment.
    pub id: Uuid,
    /// The user and authorisation.
    pub change: FactorChange,
    /// The step of the code, which is consumed (replay).
    pub step: i64,
    /// The keyed digests of the new recovery codes.
    pub recovery_codes: Vec<[u8; 32]>,
    /// The expiry of the revoked sessions' last token.
    pub tokens_expire_at: Timestamp,
}

/// The proof that is consumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spending {
    /// The mailed code: consumed with its challenge.
    SentCode,
    /// A step of an authenticator app.
    Totp {
        /// The app.
        id: Uuid,
        /// The step of the code.
        step: i64,
    },
    /// A recovery code, if it is one of the user's.
    RecoveryCode(Box<SpentRecoveryCode>),
    /// A use of one of the user's passkeys.
    Passkey(PasskeyUse),
}

/// The use of a passkey, as its assertion had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasskeyUse {
    /// The passkey.
    pub id: Uuid,
    /// The signature counter. Unless it is 0, the one on record must be lower still.
    pub sign_count: u32,
    /// Whether it has been copied to other devices by now.
    pub backed_up: bool,
    /// When.
    pub at: Timestamp,
}

/// A recovery code to consume, if it is one of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentRecoveryCode {
    /// Its keyed digest.
    pub code_mac: [u8; 32],
    /// The notice that it was used.
    pub notice: SealedMessage,
    /// The notice that no code is left.
    pub last_notice: SealedMessage,
}
