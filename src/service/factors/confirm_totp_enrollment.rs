//! ConfirmTotpEnrollment: a code shows that the app has the secret. The recovery codes come in the same answer, so that
//! no user has an app without them.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Factors, secrets::codes_of};
use crate::{
    delivery::Notice,
    domain::{Context, OneTimeCode, RecoveryCode, enrollment_id, request_id, size},
    service::{
        Error,
        error::reserved,
        fields::{Fields, check_sizes},
        retries::Retry,
        sessions::{Account, Caller},
    },
    store::{ConfirmTotp, FactorChange},
};

/// The request.
#[derive(Debug)]
pub struct ConfirmTotpRequest {
    /// The enrolment's id.
    pub enrollment_id: String,
    /// The code as it was typed.
    pub totp_code: Zeroizing<String>,
    /// The idempotency key (AIP-155) for retries; may be empty.
    pub request_id: String,
}

/// The request, parsed and valid.
struct Valid {
    id: Uuid,
    code: OneTimeCode,
    request_id: Option<Uuid>,
}

impl ConfirmTotpRequest {
    fn parse(&self) -> Result<Valid, Error> {
        check_sizes([
            (size::ENROLLMENT_ID, &self.enrollment_id),
            (size::TOTP_CODE, &self.totp_code),
            (size::REQUEST_ID, &self.request_id),
        ])?;
        let mut fields = Fields::default();
        let id = fields.check(enrollment_id(&self.enrollment_id));
        let code = fields.check(OneTimeCode::of_an_app(size::TOTP_CODE, &self.totp_code));
        let request_id = fields.check(request_id(&self.request_id));
        let values = id.zip(code).zip(request_id);
        fields.all(values.map(|((id, code), request_id)| Valid { id, code, request_id }))
    }
}

impl Factors {
    /// Completes an enrolment, and turns the second factor on. Returns the recovery codes, this once, and to a retry. If it
    /// was off all sessions end, this one too: none has used the second factor.
    ///
    /// The enrolment was begun with the password, and with a fresh proof where the second factor was on, minutes ago.
    ///
    /// # Errors
    /// Bad fields; a session that has not used a second factor that is on; an enrolment or a code that is not valid; no
    /// attempts left; the store's.
    pub async fn confirm_totp_enrollment(
        &self,
        context: &Context,
        caller: &Caller,
        request: ConfirmTotpRequest,
    ) -> Result<Vec<RecoveryCode>, Error> {
        let Valid { id, code, request_id } =
            caller.checked(request.parse(), &request.request_id)?;
        let session = caller.session_id();
        let parts = [session.as_bytes(), id.as_bytes(), code.expose().as_bytes()];
        let retry = self.retries.of(request_id, "ConfirmTotpEnrollment", &parts);
        let first =
            async { self.complete_enrollment(context, caller.live()?, (id, &code), &retry).await };
        self.retries.once(&retry, first, async |answer| codes_of(&answer)).await
    }

    async fn complete_enrollment(
        &self,
        context: &Context,
        account: &Account,
        (id, code): (Uuid, &OneTimeCode),
        retry: &Retry,
    ) -> Result<Vec<RecoveryCode>, Error> {
        account.must_have_used_second_factor()?;
        let (change, most) = (self.factor_change(context, account), self.policy.code.max_attempts);
        // As with challenges, the attempt is spent and committed before anything is compared.
        let app = reserved(self.store.totp_reserve(id, change.clone(), most).await?)?;
        let step = self.totp_step(change.user_id, &app, code)?;
        let new = self.new_recovery_codes(change.user_id);
        let change = FactorChange {
            carried_out: self.retries.carried_out(retry, &new.to_bytes())?,
            ..change
        };
        let tokens_expire_at = self.sessions.tokens_expire_at(change.now);
        let confirm = ConfirmTotp { id, change, step, recovery_codes: new.macs, tokens_expire_at };
        let notice = self.outbox.notice(context, account.user(), Notice::AppAdded)?;
        // A race: of several callers with the right code one succeeds; none if the password was changed since the
        // enrolment began, or the session has ended.
        if !self.store.totp_confirm(confirm, notice).await? {
            return Err(Error::ChallengeInvalid);
        }
        self.outbox.wake();
        Ok(new.codes)
    }
}
