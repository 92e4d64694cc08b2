//! The code by which a user whom an administrator has created sets a password: that of a reset.

use uuid::Uuid;

use super::{
    Mailbox,
    code::{MailboxPurpose, Recipient},
};
use crate::{
    domain::{Context, Email, User},
    service::{Error, limits::Attempt},
    store::{Credentials, NewMailboxCode},
    token::{OpaqueToken, Purpose},
};

impl Mailbox {
    /// Charges the mail to its mailbox.
    pub(in crate::service) async fn charge_invitation(
        &self,
        email: &Email,
    ) -> Result<Attempt, Error> {
        self.limits.charge(vec![self.limits.invitation_charge(email)]).await
    }

    /// The code for a new user.
    pub(in crate::service) fn invitation(
        &self,
        context: &Context,
        user: &User,
        email: &Email,
    ) -> Result<NewMailboxCode, Error> {
        let (purpose, id) = (MailboxPurpose::PasswordReset, self.invitation_id(user.id));
        let budget = self.limits.mailbox_budget(purpose.label(), email, None);
        let recipient = Recipient::User(user, Credentials::FIRST_VERSION);
        let code = self.new_mailbox_code(context, purpose, &id, recipient, budget)?;
        // It is no request of the user: the creation is what is recorded.
        Ok(NewMailboxCode { recorded_as: None, ..code })
    }

    /// The id is derived from the user's, so that a repeated request (idempotent) returns the id for which the code was sent.
    pub(in crate::service) fn invitation_id(&self, user_id: Uuid) -> OpaqueToken {
        let parts: [&[u8]; 2] = [b"invitation", user_id.as_bytes()];
        OpaqueToken::from_bytes(self.master_key.digest(Purpose::ResetId, &parts))
    }
}
