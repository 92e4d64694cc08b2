//! ChangePassword: checks the current password, sets a new one, and ends the other sessions. The user is told, in case
//! an attacker did it.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::Accounts;
use crate::{
    delivery::Notice,
    domain::{Context, Email, InvalidField, Password, User, Username, request_id, size},
    service::{
        Error,
        factors::Proof,
        fields::{Fields, check_sizes},
        retries::Retry,
        sessions::Account,
    },
    store::{PasswordChange, Revoking},
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
    /// The idempotency key (AIP-155) for retries; may be empty.
    pub request_id: String,
}

/// The request, parsed and valid.
struct Valid {
    current: Password,
    new: Password,
    request_id: Option<Uuid>,
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
            (size::REQUEST_ID, &request.request_id),
        ])?;
        let Valid { current, new, request_id } =
            self.parse_change(account.user(), &request).await?;
        let session = account.session().id;
        let retry = self.retries.of(request_id, "ChangePassword", &[session.as_bytes()]);
        let first = self.set_password(context, account, (&current, &new), &request, &retry);
        // The new password is the right one by then: a request with another one is no retry.
        self.retries
            .once(&retry, first, |_empty| self.factors.confirm_again(context, account, &new))
            .await
    }

    async fn set_password(
        &self,
        context: &Context,
        account: &Account,
        (current, new): (&Password, &Password),
        request: &ChangePasswordRequest,
        retry: &Retry,
    ) -> Result<(), Error> {
        // The bearer token alone is not enough: a thief must not take over the account.
        self.factors.confirm(context, account, current, request.second_factor.as_ref()).await?;
        let now = self.clock.now();
        let change = PasswordChange {
            user_id: account.user().id,
            credential_version: account.credentials().credential_version,
            session_id: account.session().id,
            password_hash: self.passwords.hash(new, context).await?,
            at: Revoking {
                carried_out: self.retries.carried_out(retry, &[])?,
                ..self.sessions.revoking(context, now)
            },
        };
        let notice = self.outbox.notice(context, account.user(), Notice::PasswordChanged)?;
        if !self.store.password_change(change, notice).await? {
            // A race: the password was changed meanwhile, so that the given one is no longer current, or the session ended.
            return Err(Error::InvalidCredentials);
        }
        self.outbox.wake();
        Ok(())
    }

    async fn parse_change(
        &self,
        user: &User,
        request: &ChangePasswordRequest,
    ) -> Result<Valid, Error> {
        let mut fields = Fields::default();
        let current = Password::parse(&request.current_password);
        let current = fields.check(current.map_err(|bad| bad.named("current_password")));
        let new = fields.check(self.new_password(&request.new_password, user).await);
        let request_id = fields.check(request_id(&request.request_id));
        let values = current.zip(new).zip(request_id);
        fields.all(values.map(|((current, new), request_id)| Valid { current, new, request_id }))
    }

    /// Parses the field `new_password` for that user.
    ///
    /// # Errors
    /// A password that breaks the rules.
    pub(super) async fn new_password(
        &self,
        text: &str,
        user: &User,
    ) -> Result<Password, InvalidField> {
        // A stored name was valid once. If it breaks today's rules, the new password is just not compared with it.
        let (username, email) = (Username::parse(&user.username), Email::parse(&user.email));
        let (username, email) = (username.as_ref().ok(), email.as_ref().ok());
        let new = self.new_passwords.parse(text, username, email).await;
        new.map_err(|bad| bad.named("new_password"))
    }
}
