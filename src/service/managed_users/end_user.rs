//! DeleteUser, SetPassword and ResetFactors: what ends an account, or the credentials of one. Its user is told.

use super::{UserManager, change::Conditions, credential::NewCredential};
use crate::{
    delivery::Notice,
    domain::{Context, Email, InvalidField, ManagedUser, Username},
    service::{AdminError, Error, fields::Fields},
    store::UserChange,
};

/// The request of SetPassword.
#[derive(Debug, Clone, Default)]
pub struct SetPasswordRequest {
    /// The user, and what the change depends on.
    pub conditions: Conditions,
    /// The credential.
    pub credential: Option<NewCredential>,
}

impl UserManager {
    /// Deletes a user, as the owner can, and whatever the account's state.
    ///
    /// # Errors
    /// Bad fields; what the conditions refuse; the last administrator; the store's.
    pub async fn delete_user(
        &self,
        context: &Context,
        conditions: &Conditions,
    ) -> Result<(), Error> {
        conditions.check_sizes()?;
        let valid = conditions.valid()?;
        // A repetition of the request finds no user.
        let found = self.store.managed_users(&[valid.id]).await?.pop();
        let notice =
            found.map(|found| self.outbox.notice(context, &found.user, Notice::AccountDeleted));
        let change = UserChange::Delete(notice.transpose()?);
        self.change(context, &valid, change).await.map(|_user| ())
    }

    /// Sets a password, and ends all that was begun with the former one.
    ///
    /// # Errors
    /// Bad fields; what the conditions refuse; too many calls from an address; the store's and the hasher's.
    pub async fn set_password(
        &self,
        context: &Context,
        request: SetPasswordRequest,
    ) -> Result<ManagedUser, Error> {
        request.conditions.check_sizes_with(NewCredential::size_of(request.credential.as_ref()))?;
        self.limits.admit(context)?;
        let valid = request.conditions.valid()?;
        let credential = request.credential.ok_or_else(|| {
            InvalidField::new("credential", "must be a password or a password_hash")
        })?;
        let found = self.by_id(valid.id).await?.user;
        // A stored name was valid once. If it breaks today's rules, the password is just not compared with it.
        let names = (Username::parse(&found.username).ok(), Email::parse(&found.email).ok());
        let mut fields = Fields::default();
        let names = (names.0.as_ref(), names.1.as_ref());
        let credential = self.parse_credential(&credential, names, &mut fields).await;
        let credential = fields.all(credential)?;
        let password_hash = self.hash(context, credential, valid.validate_only).await?;
        let message = self.outbox.notice(context, &found, Notice::PasswordChanged)?;
        let change = UserChange::SetPassword { password_hash, message };
        self.change(context, &valid, change).await?.ok_or(AdminError::UserNotFound.into())
    }

    /// Turns the second factor off and deletes the passkeys, for a user who has lost them.
    ///
    /// # Errors
    /// Bad fields; what the conditions refuse; the store's.
    pub async fn reset_factors(
        &self,
        context: &Context,
        conditions: &Conditions,
    ) -> Result<ManagedUser, Error> {
        conditions.check_sizes()?;
        let valid = conditions.valid()?;
        let found = self.by_id(valid.id).await?.user;
        let notice = self.outbox.notice(context, &found, Notice::FactorsReset)?;
        let changed = self.change(context, &valid, UserChange::ResetFactors(notice)).await?;
        changed.ok_or(AdminError::UserNotFound.into())
    }
}
