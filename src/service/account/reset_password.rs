//! ResetPassword: sets a new password with a mailed code. All sessions end, an intruder's too, and the user is told.

use zeroize::Zeroizing;

use super::Accounts;
use crate::{
    delivery::Notice,
    domain::{Context, EventKind, OneTimeCode, Password, RecoveryCode, User, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
        mailbox::MailboxPurpose,
    },
    store::{MailboxCode, MailboxProof, PasswordReset, SpentRecoveryCode},
    token::OpaqueToken,
};

/// The request.
#[derive(Debug)]
pub struct ResetPasswordRequest {
    /// The reset's secret id.
    pub reset: OpaqueToken,
    /// The code as it was typed.
    pub code: Zeroizing<String>,
    /// The new password.
    pub new_password: Zeroizing<String>,
    /// A recovery code as it was typed; may be empty.
    pub recovery_code: Zeroizing<String>,
    /// Ends the account instead, if its address was never verified.
    pub end_unverified_account: bool,
}

impl Accounts {
    /// Sets a new password, or ends the account. Returns the token that makes the next login one of a known device;
    /// `None` if the account ended.
    ///
    /// # Errors
    /// Bad fields; too many calls from an address; an id or a code that is not valid; no attempts left; too many failed
    /// codes; no second factor beside the mailbox; an account to be ended whose address is verified; the store's and
    /// the hasher's.
    pub async fn reset_password(
        &self,
        context: &Context,
        request: ResetPasswordRequest,
    ) -> Result<Option<OpaqueToken>, Error> {
        check_sizes([
            (size::CODE, &request.code),
            (size::NEW_PASSWORD, &request.new_password),
            (size::RECOVERY_CODE, &request.recovery_code),
        ])?;
        request.reset.check_size(size::RESET_ID).ok_or(Error::ChallengeInvalid)?;
        self.limits.admit(context)?;
        // Invalid fields and an overloaded machine are refused before an attempt is spent.
        let (code, recovery_code) = self.parse_reset(&request)?;
        if !request.end_unverified_account {
            drop(self.passwords.announce(context)?);
        }
        let purpose = MailboxPurpose::PasswordReset;
        let (sent, user_id) =
            self.mailbox.answer_mailbox_code(context, purpose, &request.reset, &code).await?;
        let done = if request.end_unverified_account {
            self.end_unverified(context, &sent, user_id).await.map(|()| None)
        } else {
            let new = (request.new_password.as_str(), recovery_code.as_ref());
            self.set_anew(context, &sent, user_id, new).await.map(Some)
        };
        if matches!(done, Err(Error::ChallengeInvalid)) {
            self.limits.record_failure(context, EventKind::CodeFailed, Some(user_id), None).await?;
        }
        done
    }

    /// Parses the code, and the recovery code if there is one.
    fn parse_reset(
        &self,
        request: &ResetPasswordRequest,
    ) -> Result<(OneTimeCode, Option<RecoveryCode>), Error> {
        let mut fields = Fields::default();
        let code = fields.check(OneTimeCode::of_a_mail(size::CODE, &request.code));
        if request.end_unverified_account {
            // Ending an account sets no password, and needs nothing beside the mailbox.
            return fields.all(code.map(|code| (code, None)));
        }
        let for_anybody =
            Password::parse_new(&request.new_password, self.policy.password, None, None);
        fields.check(for_anybody.map_err(|bad| bad.named("new_password")));
        let typed = Some(request.recovery_code.trim()).filter(|typed| !typed.is_empty());
        let parse = |typed| fields.check(RecoveryCode::parse(size::RECOVERY_CODE, typed));
        let recovery_code = typed.and_then(parse);
        fields.all(code.map(|code| (code, recovery_code)))
    }

    /// Sets the password of a user whose code was right. Only that caller sees the errors from here on.
    async fn set_anew(
        &self,
        context: &Context,
        sent: &MailboxCode,
        user_id: uuid::Uuid,
        (new_password, recovery_code): (&str, Option<&RecoveryCode>),
    ) -> Result<OpaqueToken, Error> {
        let credential_version = sent.credential_version;
        let found = self.store.user_by_id(user_id).await?.filter(|found| {
            found.user.disabled_at.is_none() && found.credential_version == credential_version
        });
        let user = found.ok_or(Error::ChallengeInvalid)?.user;
        let new_password = self.new_password(new_password, &user)?;
        let recovery_code = self.other_factor(context, recovery_code, &user).await?;
        // Before and outside any transaction: it is slow. If hashing fails the code stays valid.
        let password_hash = self.passwords.hash(&new_password, context).await?;
        let at = self.sessions.revoking(context, self.clock.now());
        let code_id = sent.id;
        let reset = PasswordReset {
            user_id,
            credential_version,
            code_id,
            recovery_code,
            password_hash,
            at,
        };
        let notice = self.outbox.notice(context, &user, Notice::PasswordChanged)?;
        // A race: of several callers with the right code one succeeds; none if the credentials have changed since it
        // was sent.
        if !self.store.password_reset(reset, notice).await? {
            return Err(Error::ChallengeInvalid);
        }
        self.outbox.wake();
        Ok(self.sessions.known_by_reset(user_id, credential_version + 1))
    }

    /// Against pre-hijacking: a stranger who registers another person's address with a second factor would lock its
    /// owner out for good. While the address is unverified, a caller who proves to read the mailbox may end the
    /// account, which frees the address.
    async fn end_unverified(
        &self,
        context: &Context,
        sent: &MailboxCode,
        user_id: uuid::Uuid,
    ) -> Result<(), Error> {
        let at = self.sessions.revoking(context, self.clock.now());
        if self.store.unverified_user_end(MailboxProof { code_id: sent.id, user_id, at }).await? {
            return Ok(());
        }
        let found = self.store.user_by_id(user_id).await?;
        let verified = found.is_some_and(|found| found.user.email_verified);
        Err(if verified { Error::EmailVerified } else { Error::ChallengeInvalid })
    }

    /// One mailbox never counts as two factors (OWASP ASVS 5.0, 6.4.3): if login codes go to the same mailbox, an
    /// attacker who reads it would need nothing else. A recovery code then takes the other factor's place.
    async fn other_factor(
        &self,
        context: &Context,
        given: Option<&RecoveryCode>,
        user: &User,
    ) -> Result<Option<SpentRecoveryCode>, Error> {
        if !user.is_2fa_enabled || self.store.factors_of(user.id).await?.totp.is_some() {
            return Ok(None);
        }
        let code = given.ok_or(Error::RecoveryCodeNeeded)?;
        self.factors.recovery_code(context, code, user).map(Some)
    }
}
