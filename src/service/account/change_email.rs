//! ChangeEmail: asks for another address. Nothing changes before a code shows that its mailbox is the user's (ADR 51).

use uuid::Uuid;

use super::Accounts;
use crate::{
    domain::{Context, Email, InvalidField, Password, size},
    service::{
        Error,
        factors::Confirmation,
        fields::{Fields, check_sizes},
        mailbox::PendingMailboxCode,
        retries::Retry,
        sessions::Account,
    },
    store::MOST_UNDOABLE,
};

/// The request.
#[derive(Debug)]
pub struct ChangeEmailRequest {
    /// The new address.
    pub new_email: String,
    /// The user's proof.
    pub confirmation: Confirmation,
}

/// The request, parsed and valid.
struct Valid {
    email: Email,
    password: Password,
    request_id: Option<Uuid>,
}

impl ChangeEmailRequest {
    fn parse(&self) -> Result<Valid, Error> {
        let mut fields = Fields::default();
        let email = Email::parse(&self.new_email);
        let email = fields.check(email.map_err(|bad| bad.named("new_email")));
        let values = email.zip(self.confirmation.check(&mut fields));
        fields.all(values.map(|(email, (password, request_id))| Valid {
            email,
            password,
            request_id,
        }))
    }
}

impl Accounts {
    /// Sends a code to the new address. The answer is the same where another account has that (user enumeration).
    ///
    /// # Errors
    /// Bad fields; what `confirm` finds missing or wrong; as many changes as can be undone; the cool-down; too many calls or mails;
    /// the store's and the hasher's.
    pub async fn change_email(
        &self,
        context: &Context,
        account: &Account,
        request: ChangeEmailRequest,
    ) -> Result<PendingMailboxCode, Error> {
        let [password, proof, id] = request.confirmation.sizes();
        check_sizes([(size::NEW_EMAIL, &request.new_email), password, proof, id])?;
        self.limits.admit(context)?;
        let Valid { email, password, request_id } = request.parse()?;
        let session = account.session().id;
        let parts = [session.as_bytes(), email.as_str().as_bytes()];
        let retry = self.retries.of(request_id, "ChangeEmail", &parts);
        let proof = (&password, &request.confirmation);
        let first = self.ask_for_address(context, account, &email, proof, &retry);
        let again = async |answer: zeroize::Zeroizing<Vec<u8>>| {
            self.factors.confirm_again(context, account, &password).await?;
            let pending = PendingMailboxCode::of_bytes(&answer);
            pending.ok_or_else(|| Error::Internal("an answer is no code".into()))
        };
        self.retries.once(&retry, first, again).await
    }

    async fn ask_for_address(
        &self,
        context: &Context,
        account: &Account,
        email: &Email,
        (password, confirmation): (&Password, &Confirmation),
        retry: &Retry,
    ) -> Result<PendingMailboxCode, Error> {
        let user = account.user();
        if Email::parse(&user.email).is_ok_and(|own| own.key() == email.key()) {
            let problem = "must be another address than the account has";
            return Err(InvalidField::new("new_email", problem).into());
        }
        let now = self.clock.now();
        let undoable = self.store.email_changes_undoable(user.id, now).await?;
        if let Some(first) = undoable.first().filter(|_| undoable.len() >= MOST_UNDOABLE) {
            return Err(Error::Throttled(first.since(now)));
        }
        // The bearer token alone is not enough, nor is a fresh login: a thief of the token would have the account for good.
        self.factors
            .confirm(context, account, password, confirmation.second_factor.as_ref())
            .await?;
        self.mailbox.send_change_code(context, account, email, (&self.retries, retry)).await
    }
}
