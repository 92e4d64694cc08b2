//! ConfirmTotpEnrollment: a code shows that the app has the secret. The recovery codes come in the same answer, so that
//! no user has an app without them.

use zeroize::Zeroizing;

use super::Factors;
use crate::{
    delivery::Notice,
    domain::{Context, OneTimeCode, RecoveryCode, enrollment_id, size},
    service::{
        Error,
        error::reserved,
        fields::{Fields, check_sizes},
        sessions::Account,
    },
    store::ConfirmTotp,
};

impl Factors {
    /// Completes an enrolment, and turns the second factor on. Returns the recovery codes, this once. If it was off all
    /// sessions end, this one too: none has used the second factor.
    ///
    /// The enrolment was begun with the password, and with a fresh proof where the second factor was on, minutes ago.
    ///
    /// # Errors
    /// Bad fields; a session that has not used a second factor that is on; an enrolment or a code that is not valid; no
    /// attempts left; the store's.
    pub async fn confirm_totp_enrollment(
        &self,
        context: &Context,
        account: &Account,
        id: &str,
        code: Zeroizing<String>,
    ) -> Result<Vec<RecoveryCode>, Error> {
        check_sizes([(size::ENROLLMENT_ID, id), (size::TOTP_CODE, &code)])?;
        let mut fields = Fields::default();
        let id = fields.check(enrollment_id(id));
        let code = fields.check(OneTimeCode::of_an_app(size::TOTP_CODE, &code));
        let (id, code) = fields.all(id.zip(code))?;
        account.must_have_used_second_factor()?;
        let (change, most) = (self.factor_change(context, account), self.policy.code.max_attempts);
        // As with challenges, the attempt is spent and committed before anything is compared.
        let app = reserved(self.store.totp_reserve(id, change.clone(), most).await?)?;
        let step = self.totp_step(change.user_id, &app, &code)?;
        let new = self.new_recovery_codes(change.user_id);
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
