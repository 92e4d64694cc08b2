//! ResetPassword: a code, and with it a new password. Whoever was in the account is out of it, and the user is told.

use zeroize::Zeroizing;

use super::{Error, UseCases, mailbox::Errand};
use crate::{
    delivery::{Content, Message, Notice},
    domain::{Caller, Password, User},
    store::{Credentials, MailboxCode, PasswordReset},
    token::OpaqueToken,
};

/// What a caller sent.
#[derive(Debug)]
pub struct ResetPasswordRequest {
    /// The reset's secret id.
    pub reset: OpaqueToken,
    /// The code as it was typed.
    pub code: Zeroizing<String>,
    /// The password as it will be.
    pub new_password: Zeroizing<String>,
    /// A recovery code; may be empty.
    pub recovery_code: Zeroizing<String>,
}

impl UseCases {
    /// Sets another password.
    ///
    /// # Errors
    /// Bad fields; an id or a code that is not valid; no attempts left; too many failed codes; no second factor beside the
    /// mailbox; the store's and the hasher's.
    pub async fn reset_password(
        &self,
        request: ResetPasswordRequest,
        caller: Caller,
    ) -> Result<(), Error> {
        // Neither a password that is no good for anybody nor a machine that is too busy to hash one costs an attempt.
        let for_anybody =
            Password::parse_new(&request.new_password, self.policy.password, None, None);
        for_anybody.map_err(|bad| bad.named("new_password"))?;
        drop(self.passwords.announce(caller)?);
        let errand = Errand::PasswordReset;
        let (sent, user_id) =
            self.answer_errand(errand, &request.reset, &request.code, caller).await?;
        let found = self.store.user_by_id(user_id).await?;
        // What is said from here on, only whoever had the right code hears.
        let found = found.filter(|found| is_still_good(&sent, found));
        let user = found.ok_or(Error::ChallengeInvalid)?.user;
        let new_password = self.new_password(&request.new_password, &user)?;
        other_factor(&user)?;
        let now = self.clock.now();
        let reset = PasswordReset {
            user_id,
            credential_version: sent.credential_version,
            code_id: sent.id,
            // Before and outside any transaction: it takes a while. If it can't be done the code stays good.
            password_hash: self.passwords.hash(&new_password, caller).await?,
            at: self.revoking(now, caller),
        };
        let notice = Content::Notice(Notice::PasswordChanged);
        let message = self.seal(&Message::new(&user, notice, now))?;
        // Of several callers with the right code, one passes; and none if the credentials have changed since it was sent.
        if !self.store.password_reset(reset, message).await? {
            return Err(Error::ChallengeInvalid);
        }
        self.outbox.wake();
        Ok(())
    }
}

fn is_still_good(sent: &MailboxCode, found: &Credentials) -> bool {
    found.user.disabled_at.is_none() && found.credential_version == sent.credential_version
}

/// One mailbox never counts as two factors (OWASP ASVS 5.0, 6.4.3): where it gets the codes for logins, too, whoever reads
/// it would be in with what it gets alone.
fn other_factor(user: &User) -> Result<(), Error> {
    if user.is_2fa_enabled { Err(Error::RecoveryCodeNeeded) } else { Ok(()) }
}
