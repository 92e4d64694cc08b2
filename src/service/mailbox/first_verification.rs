//! The verification that begins with a registration, where the service verifies addresses.

use uuid::Uuid;

use super::{
    Mailbox,
    code::{MailboxPurpose, Recipient},
};
use crate::{
    domain::{Context, Email, User},
    service::{Error, limits::Attempt},
    store::{Credentials, NewMailboxCode},
    token::{OpaqueToken, VerificationId},
};

impl Mailbox {
    /// Charges the mail of a registration to a budget of its own: otherwise a stranger who requests codes to an address
    /// could block its owner's registration. Repeated registration and deletion can't flood a mailbox either.
    pub(in crate::service) async fn charge_first_mail(
        &self,
        context: &Context,
        email: &Email,
    ) -> Result<Option<Attempt>, Error> {
        if !self.policy.email_verification {
            return Ok(None);
        }
        self.limits
            .charge(self.limits.registration_mail_charges(email, context.address))
            .await
            .map(Some)
    }

    /// The code for a new user, where addresses are verified.
    pub(in crate::service) fn first_verification(
        &self,
        context: &Context,
        user: &User,
        email: &Email,
    ) -> Result<Option<NewMailboxCode>, Error> {
        if !self.policy.email_verification {
            return Ok(None);
        }
        let id = self.first_verification_id(user.id);
        let purpose = MailboxPurpose::EmailVerification;
        // Its wrong codes count by themselves: others who claim the address, and fail with their codes, do not lock
        // this user out.
        let budget = self.limits.mailbox_budget(b"registration", email, Some(user.id));
        let recipient = Recipient::User(user, Credentials::FIRST_VERSION);
        self.new_mailbox_code(context, purpose, &id, recipient, budget).map(Some)
    }

    /// The id is derived from the user's, so that a repeated registration (idempotent) returns the id for which the
    /// code was sent.
    pub(in crate::service) fn first_verification_id(&self, user_id: Uuid) -> OpaqueToken {
        VerificationId::first(&self.master_key, user_id).text()
    }
}
