//! ConfirmEmailChange: a code shows that the new address is the user's, and it becomes the account's. The former one hears of it, with
//! a code that undoes it (ADR 51).

use uuid::Uuid;
use zeroize::Zeroizing;

use super::Accounts;
use crate::{
    delivery::{Content, EmailChanged, Message, Notice, Undo},
    domain::{Context, Email, OneTimeCode, UndoCode, User, request_id, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
        mailbox::MailboxPurpose,
        retries::Retry,
        sessions::Account,
    },
    store::{EmailChange, FactorChange, MailboxCode, NewAddress, NewUndo, SealedMessage},
    token::{OpaqueToken, Purpose},
};

/// The sessions that are read, to be told of: no account has more.
const MOST_SESSIONS: u32 = 1000;

/// The request.
#[derive(Debug)]
pub struct ConfirmEmailChangeRequest {
    /// The change's secret id.
    pub change: OpaqueToken,
    /// The code as it was typed.
    pub code: Zeroizing<String>,
    /// The idempotency key (AIP-155) for retries; may be empty.
    pub request_id: String,
}

impl ConfirmEmailChangeRequest {
    fn parse(&self) -> Result<(OneTimeCode, Option<Uuid>), Error> {
        check_sizes([(size::CODE, &self.code), (size::REQUEST_ID, &self.request_id)])?;
        self.change.check_size(size::CHANGE_ID).ok_or(Error::ChallengeInvalid)?;
        let mut fields = Fields::default();
        let code = fields.check(OneTimeCode::of_a_mail(size::CODE, &self.code));
        let request_id = fields.check(request_id(&self.request_id));
        fields.all(code.zip(request_id))
    }
}

impl Accounts {
    /// Moves the account to the address that the code was sent to. Returns the user as changed. Sessions go on.
    ///
    /// # Errors
    /// Bad fields; a session that has not used a second factor that is on; an id or a code that is not valid, is
    /// another user's, or from before a change of the credentials; an address that another account has verified meanwhile; no
    /// attempts left; too many failed codes; the store's.
    pub async fn confirm_email_change(
        &self,
        context: &Context,
        account: &Account,
        request: ConfirmEmailChangeRequest,
    ) -> Result<User, Error> {
        let (code, request_id) = request.parse()?;
        let (session, change) = (account.session().id, request.change.expose());
        let parts = [session.as_bytes(), change.as_bytes(), code.expose().as_bytes()];
        let retry = self.retries.of(request_id, "ConfirmEmailChange", &parts);
        let first = self.move_account(context, account, (&request.change, &code), &retry);
        self.retries.once(&retry, first, |_empty| self.as_it_is(account)).await
    }

    async fn move_account(
        &self,
        context: &Context,
        account: &Account,
        (change, code): (&OpaqueToken, &OneTimeCode),
        retry: &Retry,
    ) -> Result<User, Error> {
        account.must_have_used_second_factor()?;
        let purpose = MailboxPurpose::EmailChange;
        let (sent, user_id) =
            self.mailbox.answer_mailbox_code(context, purpose, change, code).await?;
        // Without an address it is the code of a user who is gone.
        let email = sent.new_email.as_deref().filter(|_| user_id == account.user().id);
        let email = Email::parse(email.ok_or(Error::ChallengeInvalid)?)?;
        let now = self.clock.now();
        let undo = self.undo_for(account.user()).map(|code| Undo::of(code, now));
        let change = self.email_change(context, account, (&sent, &email), undo.as_ref(), retry)?;
        let messages = self.told_of_change(context, account, &email, undo).await?;
        // A race: of several callers with the right code one succeeds; none if the credentials have changed since it was sent, the
        // session has ended, or another account has verified the address.
        if !self.store.email_change(change, messages).await? {
            return Err(Error::ChallengeInvalid);
        }
        self.outbox.wake();
        let email = email.as_str().to_owned();
        Ok(User { email, email_verified: true, ..account.user().clone() })
    }

    /// A code for the former address. None where nobody has shown that this is the user's: whoever has the mailbox of an address
    /// that was mistyped would get the account.
    fn undo_for(&self, user: &User) -> Option<UndoCode> {
        let is_theirs = user.email_verified || !self.policy.email_verification;
        is_theirs.then(|| UndoCode::generate(&mut rand::rng()))
    }

    fn email_change(
        &self,
        context: &Context,
        account: &Account,
        (sent, email): (&MailboxCode, &Email),
        undo: Option<&Undo>,
        retry: &Retry,
    ) -> Result<EmailChange, Error> {
        let (user_id, now) = (account.user().id, self.clock.now());
        let change = FactorChange {
            user_id,
            // Those that the code was sent for: a change of the password voids it.
            credential_version: sent.credential_version,
            session_id: Some(account.session().id),
            actor: context.actor.clone(),
            address: context.address,
            now,
            carried_out: self.retries.carried_out(retry, &[])?,
        };
        let undo = undo.map(|undo| NewUndo {
            id: Uuid::now_v7(),
            code_mac: self.mailbox.undo_mac(Purpose::EmailUndo, &undo.code),
            expires_at: undo.expires_at,
        });
        let email = NewAddress {
            text: email.as_str().to_owned(),
            key: email.key().to_owned(),
            claim_key: self.policy.email_verification.then(|| email.claim_key(user_id)),
        };
        let tokens_expire_at = self.sessions.tokens_expire_at(now);
        Ok(EmailChange { change, code_id: sent.id, email, undo, tokens_expire_at })
    }

    /// The messages to the former address and to the new one.
    async fn told_of_change(
        &self,
        context: &Context,
        account: &Account,
        email: &Email,
        undo: Option<Undo>,
    ) -> Result<Vec<SealedMessage>, Error> {
        let (user, now) = (account.user(), self.clock.now());
        let sessions = self.store.session_list(user.id, now, None, MOST_SESSIONS).await?;
        let changed = EmailChanged::new(email.as_str(), undo, &sessions);
        let content = Content::EmailChanged(Box::new(changed));
        let former = self.outbox.seal(&Message::new(user, content, context, now))?;
        let there = User { email: email.as_str().to_owned(), ..user.clone() };
        Ok(vec![former, self.outbox.notice(context, &there, Notice::EmailAdded)?])
    }

    /// The user, for a retry.
    pub(super) async fn as_it_is(&self, account: &Account) -> Result<User, Error> {
        let now = self.store.user_by_id(account.user().id).await?;
        Ok(now.ok_or(Error::TokenInvalid)?.user)
    }
}
