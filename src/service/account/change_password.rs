//! ChangePassword: checks the current password, sets a new one, and ends the other sessions. The user is told, in case
//! an attacker did it.

use zeroize::Zeroizing;

use super::Accounts;
use crate::{
    delivery::Notice,
    domain::{Context, Email, InvalidField, Password, User, Username, size},
    service::{
        Error,
        factors::Proof,
        fields::{Fields, check_sizes},
        sessions::Account,
    },
    store::PasswordChange,
};

/// The request.
#[derive(Debug)]
pub struct ChangePasswordRequest {
    /// The current password.
    pub current_password: Zeroizing<String>,
    /// The new password.
    pub new_password: Zeroizing<String>,
    /// The second factor beside the password; may be missing.
    pub second_factor: Option<Proof>,
}

impl Accounts {
    /// Sets another password.
    ///
    /// # Errors
    /// Bad fields; what `confirm` finds missing or wrong; the store's and the hasher's.
    pub async fn change_password(
        &self,
        context: &Context,
        account: &Account,
        request: ChangePasswordRequest,
    ) -> Result<(), Error> {
        check_sizes([
            (size::CURRENT_PASSWORD, &request.current_password),
            (size::NEW_PASSWORD, &request.new_password),
            Proof::size_of(request.second_factor.as_ref()),
        ])?;
        let (current, new) = self.parse_passwords(account.user(), &request)?;
        // The bearer token alone is not enough: a thief must not take over the account.
        self.factors.confirm(context, account, &current, request.second_factor.as_ref()).await?;
        let now = self.clock.now();
        let change = PasswordChange {
            user_id: account.user().id,
            credential_version: account.credentials().credential_version,
            session_id: account.session().id,
            password_hash: self.passwords.hash(&new, context).await?,
            at: self.sessions.revoking(context, now),
        };
        let notice = self.outbox.notice(context, account.user(), Notice::PasswordChanged)?;
        if self.store.password_change(change, notice).await? {
            self.outbox.wake();
            return Ok(());
        }
        // A race: the password was changed meanwhile, so that the given one is no longer current, or the session ended.
        Err(Error::InvalidCredentials)
    }

    fn parse_passwords(
        &self,
        user: &User,
        request: &ChangePasswordRequest,
    ) -> Result<(Password, Password), Error> {
        let mut fields = Fields::default();
        let current = Password::parse(&request.current_password);
        let current = fields.check(current.map_err(|bad| bad.named("current_password")));
        let new = fields.check(self.new_password(&request.new_password, user));
        fields.all(current.zip(new))
    }

    /// Parses the field `new_password` for that user.
    ///
    /// # Errors
    /// A password that breaks the rules.
    pub(super) fn new_password(&self, text: &str, user: &User) -> Result<Password, InvalidField> {
        // A stored name was valid once. If it breaks today's rules, the new password is just not compared with it.
        let (username, email) = (Username::parse(&user.username), Email::parse(&user.email));
        let (username, email) = (username.as_ref().ok(), email.as_ref().ok());
        let new = Password::parse_new(text, self.policy.password, username, email);
        new.map_err(|bad| bad.named("new_password"))
    }
}
