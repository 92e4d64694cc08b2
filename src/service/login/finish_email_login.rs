//! FinishEmailLogin: a mailed code in the place of a password (ADR 55).
//!
//! It shows that the caller reads the mailbox, and nothing else. Where the second factor is on, the challenge asks for another one.

use zeroize::Zeroizing;

use super::{LoginOutcome, Logins, challenge::Begun};
use crate::{
    domain::{Context, EventKind, FirstProof, OneTimeCode, size},
    service::{
        Error,
        fields::check_sizes,
        mailbox::MailboxPurpose,
        sessions::{Destination, Tokens},
    },
    store::{Credentials, EmailLogin, MailboxCode},
    token::OpaqueToken,
};

/// The request.
#[derive(Debug)]
pub struct FinishEmailLoginRequest {
    /// The login's secret id.
    pub login: OpaqueToken,
    /// The code as it was typed.
    pub code: Zeroizing<String>,
}

impl Logins {
    /// Checks the code. Returns tokens, or a challenge where the user has a second factor.
    ///
    /// # Errors
    /// Logins by a mailed code are off; a text that can't be a code; too many calls from an address; an id or a code that is not valid;
    /// no attempts left; too many failed codes; no second factor beside the mailbox; the store's.
    pub async fn finish_email_login(
        &self,
        context: &Context,
        request: FinishEmailLoginRequest,
    ) -> Result<LoginOutcome, Error> {
        self.email_login_is_on()?;
        let FinishEmailLoginRequest { login, code } = request;
        check_sizes([(size::CODE, &code)])?;
        login.check_size(size::LOGIN_ID).ok_or(Error::ChallengeInvalid)?;
        self.limits.admit(context)?;
        let code = OneTimeCode::of_a_mail(size::CODE, &code)?;
        let purpose = MailboxPurpose::EmailLogin;
        let (sent, user_id) =
            self.mailbox.answer_mailbox_code(context, purpose, &login, &code).await?;
        // Only a caller with the right code gets here.
        let outcome = self.log_in_by_code(context, sent).await;
        if matches!(outcome, Err(Error::ChallengeInvalid)) {
            let kind = EventKind::CodeFailed;
            self.limits.record_failure(context, kind, Some(user_id), None).await?;
        }
        outcome
    }

    async fn log_in_by_code(
        &self,
        context: &Context,
        sent: MailboxCode,
    ) -> Result<LoginOutcome, Error> {
        let user_id = sent.user_id.ok_or(Error::ChallengeInvalid)?;
        let found = self.store.user_by_id(user_id).await?;
        // Another password or address since then voids the code, as does disabling the account. The transaction asks once more.
        let found = found.filter(|found| {
            found.credential_version == sent.credential_version
                && MailboxPurpose::EmailLogin.is_for(&found.user)
        });
        let credentials = found.ok_or(Error::ChallengeInvalid)?;
        let destination = *sent.login.ok_or(Error::ChallengeInvalid)?;
        let destination = Destination {
            session_id: None,
            device_id: destination.device_id,
            audience: destination.audience,
            device_name: destination.device_name,
            address: context.address,
        };
        if credentials.user.is_2fa_enabled {
            let begun = Begun::ByCode(sent.id);
            let begun = self.begin_challenge(context, &credentials, &destination, begun).await?;
            return begun.map(LoginOutcome::Challenge).ok_or(Error::ChallengeInvalid);
        }
        self.begin_session_by_code(context, &credentials, &destination, sent.id)
            .await
            .map(LoginOutcome::Tokens)
    }

    /// Failed passwords before it stay counted: this shows no password, and whoever reads the mailbox would get new guesses with each.
    async fn begin_session_by_code(
        &self,
        context: &Context,
        credentials: &Credentials,
        destination: &Destination,
        code_id: uuid::Uuid,
    ) -> Result<Tokens, Error> {
        let methods = FirstProof::Mailbox.methods();
        let session = self.sessions.new_session(credentials, destination, methods);
        let limit = self.sessions.session_limit(session.created_at);
        let credential_version = credentials.credential_version;
        let device_id = self.sessions.device_to_be(&session, destination);
        let device = self.sessions.device_of_login(context, &credentials.user, destination)?;
        let login = EmailLogin { code_id, session, credential_version, limit, device };
        // A race: of several callers with the right code one succeeds; none if the account was disabled, its credentials were changed, or
        // the second factor was turned on meanwhile.
        let session = self.store.email_login(login).await?.ok_or(Error::ChallengeInvalid)?;
        self.sessions.issue_at_login(credentials, &session, device_id, false)
    }
}
