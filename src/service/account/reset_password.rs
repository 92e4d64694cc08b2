//! ResetPassword: sets a new password with a mailed code. All sessions end, an intruder's too, and the user is told.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::Accounts;
use crate::{
    delivery::Notice,
    domain::{Context, EventKind, OneTimeCode, Password, RecoveryCode, User, request_id, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
        mailbox::MailboxPurpose,
        retries::Retry,
    },
    store::{MailboxCode, MailboxProof, PasswordReset, Revoking, SpentRecoveryCode},
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
    /// The idempotency key (AIP-155) for retries; may be empty.
    pub request_id: String,
}

/// The request, parsed and valid.
struct Valid {
    code: OneTimeCode,
    recovery_code: Option<RecoveryCode>,
    request_id: Option<Uuid>,
}

/// A reset, and the request that asks for it.
struct Asked<'a> {
    sent: &'a MailboxCode,
    user_id: Uuid,
    retry: &'a Retry,
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
            (size::REQUEST_ID, &request.request_id),
        ])?;
        request.reset.check_size(size::RESET_ID).ok_or(Error::ChallengeInvalid)?;
        self.limits.admit(context)?;
        // Invalid fields and an overloaded machine are refused before an attempt is spent.
        let Valid { code, recovery_code, request_id } = self.parse_reset(&request).await?;
        let retry = self.retry_of_reset(&request, &code, request_id);
        let first = self.carry_out(context, &request, (&code, recovery_code.as_ref()), &retry);
        let again = |answer| self.answer_again(context, &request, answer);
        self.retries.once(&retry, first, again).await
    }

    async fn carry_out(
        &self,
        context: &Context,
        request: &ResetPasswordRequest,
        (code, recovery_code): (&OneTimeCode, Option<&RecoveryCode>),
        retry: &Retry,
    ) -> Result<Option<OpaqueToken>, Error> {
        if !request.end_unverified_account {
            drop(self.passwords.announce(context)?);
        }
        let purpose = MailboxPurpose::PasswordReset;
        let (sent, user_id) =
            self.mailbox.answer_mailbox_code(context, purpose, &request.reset, code).await?;
        let asked = Asked { sent: &sent, user_id, retry };
        let done = if request.end_unverified_account {
            self.end_unverified(context, &asked).await.map(|()| None)
        } else {
            let new = (request.new_password.as_str(), recovery_code);
            self.set_anew(context, &asked, new).await.map(Some)
        };
        let is_wrong = matches!(done, Err(Error::ChallengeInvalid));
        // The same request may have been carried out meanwhile (race): that is no failure.
        if is_wrong && self.retries.answer(retry).await?.is_none() {
            self.limits.record_failure(context, EventKind::CodeFailed, Some(user_id), None).await?;
        }
        done
    }

    /// Parses the code, and the recovery code if there is one.
    async fn parse_reset(&self, request: &ResetPasswordRequest) -> Result<Valid, Error> {
        let mut fields = Fields::default();
        let request_id = fields.check(request_id(&request.request_id));
        let code = fields.check(OneTimeCode::of_a_mail(size::CODE, &request.code));
        if request.end_unverified_account {
            // Ending an account sets no password, and needs nothing beside the mailbox.
            let values = code.zip(request_id);
            return fields.all(values.map(|(code, request_id)| Valid {
                code,
                recovery_code: None,
                request_id,
            }));
        }
        let for_anybody = self.new_passwords.parse(&request.new_password, None, None).await;
        fields.check(for_anybody.map_err(|bad| bad.named("new_password")));
        let typed = Some(request.recovery_code.trim()).filter(|typed| !typed.is_empty());
        let parse = |typed| fields.check(RecoveryCode::parse(size::RECOVERY_CODE, typed));
        let recovery_code = typed.and_then(parse);
        let values = code.zip(request_id);
        fields.all(values.map(|(code, request_id)| Valid { code, recovery_code, request_id }))
    }

    fn retry_of_reset(
        &self,
        request: &ResetPasswordRequest,
        code: &OneTimeCode,
        id: Option<Uuid>,
    ) -> Retry {
        let (reset, ends) = (request.reset.expose(), [u8::from(request.end_unverified_account)]);
        self.retries.of(id, "ResetPassword", &[reset.as_bytes(), code.expose().as_bytes(), &ends])
    }

    /// The answer of before: the user's id and the device token; empty where the account ended. The password is compared at the
    /// cost of an attempt, as any: a request with another one is no retry.
    async fn answer_again(
        &self,
        context: &Context,
        request: &ResetPasswordRequest,
        answer: Zeroizing<Vec<u8>>,
    ) -> Result<Option<OpaqueToken>, Error> {
        let Some((user_id, device)) = answer.split_first_chunk::<16>() else { return Ok(None) };
        let found = self.store.user_by_id(Uuid::from_bytes(*user_id)).await?;
        let found = found.filter(|found| found.user.disabled_at.is_none());
        let found = found.ok_or(Error::ChallengeInvalid)?;
        let (user_id, version) = (found.user.id, found.credential_version);
        let budget = self.limits.account_budget(user_id, version, None, context.address);
        let new = Password::parse(&request.new_password);
        let new = new.map_err(|bad| bad.named("new_password"))?;
        let guess = self.limits.guess(context, &budget, &new, Some(&found.password_hash)).await?;
        if !guess.right || guess.attempt.is_over_the_limit() {
            self.limits.record_failure(context, EventKind::CodeFailed, Some(user_id), None).await?;
            return Err(Error::ChallengeInvalid);
        }
        self.store.throttle_settle(self.limits.settled(&guess.attempt)).await?;
        Ok(Some(OpaqueToken::from_text(String::from_utf8_lossy(device).into_owned())))
    }

    /// Sets the password of a user whose code was right. Only that caller sees the errors from here on.
    async fn set_anew(
        &self,
        context: &Context,
        asked: &Asked<'_>,
        (new_password, recovery_code): (&str, Option<&RecoveryCode>),
    ) -> Result<OpaqueToken, Error> {
        let Asked { sent, user_id, retry } = *asked;
        let credential_version = sent.credential_version;
        let found = self.store.user_by_id(user_id).await?.filter(|found| {
            found.user.disabled_at.is_none() && found.credential_version == credential_version
        });
        let user = found.ok_or(Error::ChallengeInvalid)?.user;
        let new_password = self.new_password(new_password, &user).await?;
        let recovery_code = self.other_factor(context, recovery_code, &user).await?;
        // Before and outside any transaction: it is slow. If hashing fails the code stays valid.
        let password_hash = self.passwords.hash(&new_password, context).await?;
        let device = self.sessions.known_by_reset(user_id, credential_version + 1);
        let answer = Zeroizing::new([user_id.as_bytes(), device.expose().as_bytes()].concat());
        let at = Revoking {
            carried_out: self.retries.carried_out(retry, &answer)?,
            ..self.sessions.revoking(context, self.clock.now())
        };
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
        Ok(device)
    }

    /// Against pre-hijacking: a stranger who registers another person's address with a second factor would lock its
    /// owner out for good. While the address is unverified, a caller who proves to read the mailbox may end the
    /// account, which frees the address.
    async fn end_unverified(&self, context: &Context, asked: &Asked<'_>) -> Result<(), Error> {
        let Asked { sent, user_id, retry } = *asked;
        let at = Revoking {
            carried_out: self.retries.carried_out(retry, &[])?,
            ..self.sessions.revoking(context, self.clock.now())
        };
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
