//! Pending users: their codes, and how a right one makes a user of them (ADR 56).
//!
//! No user enumeration: where the address is taken the same rows are written. Its owner gets the mail, and nobody a code that counts.

use uuid::Uuid;

use super::{
    Mailbox,
    code::{MailboxPurpose, Recipient},
};
use crate::{
    delivery::Notice,
    domain::{Context, Email, User, Username},
    service::{Error, limits::Waste},
    store::{
        Completed, Credentials, DailyNotice, MailboxCode, NewMailboxCode, NewUser, SealedCode,
        SealedMessage,
    },
    token::{OpaqueToken, VerificationId},
};

impl Mailbox {
    /// The first code of a pending user, under the id that a repeated request finds again.
    ///
    /// # Errors
    /// The store's.
    pub(in crate::service) async fn first_pending_code(
        &self,
        context: &Context,
        user: &User,
        email: &Email,
    ) -> Result<NewMailboxCode, Error> {
        let id = self.first_verification_id(user.id);
        self.pending_code(context, (user, email), &id, b"registration").await
    }

    /// Another code, for whoever holds an id of the registration.
    pub(super) async fn send_pending_code(
        &self,
        context: &Context,
        user: &User,
    ) -> Result<OpaqueToken, Error> {
        let (label, email) =
            (MailboxPurpose::EmailVerification.label(), Email::parse(&user.email)?);
        let mails = self.limits.asked_mail_charges(label, &email, false, context.address);
        self.limits.charge(mails).await?;
        let id = VerificationId::next(&self.master_key, user.id).text();
        let new = self.pending_code(context, (user, &email), &id, label).await?;
        self.store.mailbox_code_create(new).await?;
        self.outbox.wake();
        Ok(id)
    }

    async fn pending_code(
        &self,
        context: &Context,
        (user, email): (&User, &Email),
        id: &OpaqueToken,
        label: &[u8],
    ) -> Result<NewMailboxCode, Error> {
        let purpose = MailboxPurpose::EmailVerification;
        let budget = self.limits.mailbox_budget(label, email, Some(user.id));
        let holder = self.holder(email).await?;
        let recipient =
            holder.as_ref().map_or(Recipient::Pending(user), |_| Recipient::Nobody(email));
        let new = self.new_mailbox_code(context, purpose, id, recipient, budget)?;
        // As of the code's message in all that the store goes by.
        let code = new.message.code.map(|code| SealedCode { user_id: user.id, ..code });
        let owner = holder.as_ref().map(|holder| holder.id);
        let notice = match holder {
            Some(holder) => Some(self.outbox.notice(context, &holder, Notice::EmailInUse)?),
            None => None,
        };
        let daily = DailyNotice {
            charge: self.limits.daily_owner_charge(email, owner, b"email in use"),
            message: notice.map(|notice| SealedMessage { code, ..notice }),
        };
        let message = SealedMessage { code, ..new.message };
        Ok(NewMailboxCode { message, daily: Some(Box::new(daily)), ..new })
    }

    /// Makes a user of a pending one whose code was right, with another name if one is given. Only that caller sees the errors.
    ///
    /// # Errors
    /// A name that is taken; a registration that has expired, a code that was used, or an address that another account has verified
    /// meanwhile; the store's.
    pub(super) async fn complete(
        &self,
        context: &Context,
        (sent, id): (&MailboxCode, Uuid),
        username: Option<Username>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let found = self.store.pending_user_by_id(id, now).await?.ok_or(Error::ChallengeInvalid)?;
        let new = to_add(context, found, username)?;
        let key = self.limits.taken_key(&new.username_key, &new.email_key);
        let at = self.sessions.revoking(context, now);
        match self.store.pending_user_complete(sent.id, new, at).await? {
            Completed::Done => Ok(()),
            Completed::UsernameTaken => {
                // User enumeration costs failures of the source's rate limit.
                let waste = self.limits.waste(Waste::Failures, context.address, &key);
                self.limits.charge(waste).await?;
                Err(Error::UsernameTaken)
            }
            Completed::Invalid => Err(Error::ChallengeInvalid),
        }
    }
}

/// The user that a pending one becomes.
fn to_add(
    context: &Context,
    found: Credentials,
    username: Option<Username>,
) -> Result<NewUser, Error> {
    let Credentials { user, password_hash, .. } = found;
    let username = match username {
        Some(another) => another,
        None => Username::parse(&user.username)?,
    };
    let email = Email::parse(&user.email)?;
    Ok(NewUser {
        username_key: username.key().to_owned(),
        email_key: email.key().to_owned(),
        claim_key: Some(email.claim_key(user.id)),
        user: User { username: username.as_str().to_owned(), ..user },
        verify_by: None,
        password_hash,
        request_id: None,
        verification: None,
        actor: context.actor.clone(),
        address: context.address,
    })
}
