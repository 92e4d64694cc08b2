//! Second factors: authenticator apps and recovery codes, and what crosses the store's boundary with them.

use async_trait::async_trait;
use uuid::Uuid;

use super::{FactorChange, Reservation, Result, SealedMessage};
use crate::domain::Timestamp;

/// Second factors: authenticator apps and recovery codes. What changes them does so only while the user's credentials are
/// those of that version, and while the session that asks may ask: [`FactorChange`] has the rule. Each returns whether it did.
#[async_trait]
pub trait Factors {
    /// What a user has to answer a challenge with, beside codes that are sent.
    async fn factors_of(&self, user_id: Uuid) -> Result<UserFactors>;

    /// Begins an enrolment; an earlier one that was not confirmed is forgotten.
    async fn totp_begin(&self, new: NewTotp) -> Result<bool>;

    /// Spends one attempt to confirm an enrolment of that user, before any code is compared.
    async fn totp_reserve(
        &self,
        id: Uuid,
        change: FactorChange,
        max_attempts: u32,
    ) -> Result<Reservation<SealedTotp>>;

    /// Confirms an enrolment, once: the app replaces an earlier one, the second factor is on, the recovery codes are new,
    /// open challenges end, and the user is told. Where the second factor was off all sessions end, the one that asks too.
    async fn totp_confirm(&self, confirm: ConfirmTotp, message: SealedMessage) -> Result<bool>;

    /// Replaces the recovery codes, which are given as keyed digests, if the second factor is on, and tells the user.
    async fn recovery_codes_replace(
        &self,
        change: FactorChange,
        codes: Vec<[u8; 32]>,
        message: SealedMessage,
    ) -> Result<bool>;

    /// Turns the second factor on or off, and tells the user if that is new. Both end open challenges. On ends all sessions,
    /// the one that asks too, and open enrolments; off forgets the app and the recovery codes.
    async fn two_factor_set(
        &self,
        change: FactorChange,
        to: TwoFactor,
        message: SealedMessage,
    ) -> Result<bool>;

    /// Uses up what proves once more, beside the password, that the user is there, if the second factor is on. Of many callers
    /// with one proof one succeeds. A code that was sent is none.
    async fn factor_spend(&self, change: FactorChange, spending: Spending) -> Result<bool>;
}

/// What the second factor is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwoFactor {
    /// Off.
    Off,
    /// On, with codes that are sent, if it was off.
    On {
        /// Whether only a verified address will do.
        verified_only: bool,
        /// When the last token of the sessions that end by this has expired.
        tokens_expire_at: Timestamp,
    },
}

/// The secret of an authenticator app, encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedTotp {
    /// The row's id, which the secret is sealed for.
    pub id: Uuid,
    /// The secret, encrypted.
    pub sealed_secret: Vec<u8>,
}

/// What a user has to answer a challenge with, beside codes that are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFactors {
    /// An app that was confirmed.
    pub totp: Option<SealedTotp>,
    /// Whether recovery codes are left.
    pub has_recovery_codes: bool,
}

/// An authenticator app that is to be enrolled.
#[derive(Debug, Clone)]
pub struct NewTotp {
    /// The enrolment's id, and the secret, encrypted for it.
    pub sealed: SealedTotp,
    /// Whose it is, and when it begins.
    pub change: FactorChange,
    /// When it ends, unless it is confirmed before.
    pub expires_at: Timestamp,
}

/// An enrolment whose code was right.
#[derive(Debug, Clone)]
pub struct ConfirmTotp {
    /// The enrolment.
    pub id: Uuid,
    /// Whose it is.
    pub change: FactorChange,
    /// The step that the code was of, which is used up.
    pub step: i64,
    /// The keyed digests of the new recovery codes.
    pub recovery_codes: Vec<[u8; 32]>,
    /// When the last token of the sessions that end by this has expired.
    pub tokens_expire_at: Timestamp,
}

/// What a right proof uses up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spending {
    /// The code that was sent: it goes with its challenge.
    SentCode,
    /// A step of an authenticator app.
    Totp {
        /// The app.
        id: Uuid,
        /// The step that the code was of.
        step: i64,
    },
    /// A recovery code, if it is one of the user's.
    RecoveryCode(Box<SpentRecoveryCode>),
}

/// A recovery code that is to be used up, if it is one of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentRecoveryCode {
    /// Its keyed digest.
    pub code_mac: [u8; 32],
    /// What tells the user that it was used.
    pub notice: SealedMessage,
    /// What tells them that there are no others.
    pub last_notice: SealedMessage,
}
