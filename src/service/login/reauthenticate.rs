//! Reauthenticate: the user of a session proves once more who they are, by the password and, where it is on, by the second factor, or by
//! a passkey (step-up authentication, RFC 9470). A stolen access token raises nothing.

use zeroize::Zeroizing;

use super::{LoginOutcome, Logins, challenge::Begun, passkey_refusal::PasskeyRefusal};
use crate::{
    domain::{Context, EventKind, InvalidField, Password, size},
    passkey::Assertion,
    service::{
        Error,
        ceremonies::{Answered, Proof, assertion},
        fields::check_sizes,
        sessions::{Account, Destination},
    },
    store::{PasskeyProof, PasskeyProved, Settled},
};

/// The request: one of both.
pub struct ReauthenticateRequest {
    /// The password; may be empty.
    pub password: Zeroizing<String>,
    /// What the browser answered: JSON; may be empty.
    pub passkey_credential_json: String,
}

impl std::fmt::Debug for ReauthenticateRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReauthenticateRequest").finish_non_exhaustive()
    }
}

/// The proof, parsed.
enum Given {
    Password(Password),
    Passkey(Assertion),
}

impl ReauthenticateRequest {
    fn parse(&self) -> Result<Given, InvalidField> {
        match (self.password.is_empty(), self.passkey_credential_json.is_empty()) {
            (_, true) => Password::parse(&self.password).map(Given::Password),
            (true, false) => {
                let json = &self.passkey_credential_json;
                assertion(size::PASSKEY_CREDENTIAL_JSON, json).map(Given::Passkey)
            }
            (false, false) => {
                let problem = "must be empty where the password is given";
                Err(InvalidField::new("passkey_credential_json", problem))
            }
        }
    }
}

impl Logins {
    /// Checks the proof. Returns the session's tokens with a fresh `auth_time`, or the challenge whose answer gives them.
    ///
    /// # Errors
    /// A bad field; a wrong password or passkey; too many calls, failures or mails; the store's and the hasher's.
    pub async fn reauthenticate(
        &self,
        context: &Context,
        account: &Account,
        request: &ReauthenticateRequest,
    ) -> Result<LoginOutcome, Error> {
        check_sizes([
            (size::PASSWORD, &request.password),
            (size::PASSKEY_CREDENTIAL_JSON, &request.passkey_credential_json),
        ])?;
        self.limits.admit(context)?;
        match request.parse()? {
            Given::Password(password) => self.prove(context, account, &password).await,
            Given::Passkey(assertion) => self.prove_by_passkey(context, account, &assertion).await,
        }
    }

    async fn prove(
        &self,
        context: &Context,
        account: &Account,
        password: &Password,
    ) -> Result<LoginOutcome, Error> {
        // By the session's own budget: a thief of its token can't brute force for long, and locks no login out.
        self.factors.check_password(context, account, account.credentials(), password).await?;
        if account.user().is_2fa_enabled {
            self.ask_for_the_factor(context, account).await
        } else {
            self.prove_by_password(context, account).await
        }
    }

    async fn prove_by_password(
        &self,
        context: &Context,
        account: &Account,
    ) -> Result<LoginOutcome, Error> {
        let change = self.factors.factor_change(context, account);
        let now = change.now;
        // A race: the session ended, the password was changed, or a second factor came meanwhile.
        let proved = self.store.session_reauthenticate(change).await?;
        let session = proved.ok_or(Error::InvalidCredentials)?;
        Ok(LoginOutcome::Tokens(self.sessions.issue(account.user(), &session, now)?))
    }

    /// A passkey is two factors by itself. It must be one of the session's own user.
    async fn prove_by_passkey(
        &self,
        context: &Context,
        account: &Account,
        assertion: &Assertion,
    ) -> Result<LoginOutcome, Error> {
        let answered = self.ceremonies.answered(assertion)?;
        let found = self.store.passkey_find(assertion.credential_id().to_vec()).await?;
        let own = found.filter(|(passkey, _)| passkey.user_id == account.user().id);
        let proof = match own {
            Some((passkey, _)) => self.ceremonies.prove(assertion, &answered, &passkey).await?,
            None => Proof::Wrong,
        };
        let refused = |is_copy| refused_proof(account, is_copy);
        match proof {
            Proof::Right(proof) => self.prove_by_proof(context, account, (proof, &answered)).await,
            Proof::Wrong => self.refuse_passkey(context, &answered, refused(false)).await,
            Proof::Copied => self.refuse_passkey(context, &answered, refused(true)).await,
        }
    }

    async fn prove_by_proof(
        &self,
        context: &Context,
        account: &Account,
        (proof, answered): (PasskeyProof, &Answered),
    ) -> Result<LoginOutcome, Error> {
        let change = self.factors.factor_change(context, account);
        let now = change.now;
        let refused = |is_copy| refused_proof(account, is_copy);
        match self.store.session_prove_by_passkey(change, proof).await? {
            PasskeyProved::Session(session) => {
                Ok(LoginOutcome::Tokens(self.sessions.issue(account.user(), &session, now)?))
            }
            PasskeyProved::Used => Err(Error::ChallengeInvalid),
            // Of the authenticator and its copy, the other one was faster.
            PasskeyProved::CounterNotHigher => {
                self.refuse_passkey(context, answered, refused(true)).await
            }
            // A race: the passkey was deleted, the session ended, or the password was changed.
            PasskeyProved::Refused => self.refuse_passkey(context, answered, refused(false)).await,
        }
    }

    /// The challenge is the login's, with its factors, budgets and mails; only what its answer makes is another thing.
    async fn ask_for_the_factor(
        &self,
        context: &Context,
        account: &Account,
    ) -> Result<LoginOutcome, Error> {
        let session = account.session();
        let destination = Destination {
            session_id: Some(session.id),
            // The session takes the place of a device: strangers have no part in its budgets.
            device_id: Some(session.id),
            audience: session.audience.clone(),
            device_name: session.device_name.clone(),
            address: context.address,
        };
        let begun = Begun::ByPassword(Settled::default());
        let begun = self.begin_challenge(context, account.credentials(), &destination, begun);
        Ok(LoginOutcome::Challenge(begun.await?.ok_or(Error::InvalidCredentials)?))
    }
}

fn refused_proof(account: &Account, is_copy: bool) -> PasskeyRefusal {
    let (user_id, session_id) = (Some(account.user().id), Some(account.session().id));
    PasskeyRefusal { kind: EventKind::ConfirmationFailed, user_id, session_id, is_copy }
}
