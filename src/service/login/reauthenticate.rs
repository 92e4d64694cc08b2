//! Reauthenticate: the user of a session proves once more who they are, by the password and, where it is on, by the second factor (step-up
//! authentication, RFC 9470). A stolen access token raises nothing.

use zeroize::Zeroizing;

use super::{LoginOutcome, Logins, challenge::Begun};
use crate::{
    domain::{Context, Password, size},
    service::{
        Error,
        fields::check_sizes,
        sessions::{Account, Destination},
    },
    store::Settled,
};

impl Logins {
    /// Checks the password. Returns the session's tokens with a fresh `auth_time`, or the challenge whose answer gives them.
    ///
    /// # Errors
    /// A bad field; a wrong password; too many calls, failures or mails; the store's and the hasher's.
    pub async fn reauthenticate(
        &self,
        context: &Context,
        account: &Account,
        password: &Zeroizing<String>,
    ) -> Result<LoginOutcome, Error> {
        check_sizes([(size::PASSWORD, password)])?;
        self.limits.admit(context)?;
        let password = Password::parse(password)?;
        // By the session's own budget: a thief of its token can't brute force for long, and locks no login out.
        self.factors.check_password(context, account, account.credentials(), &password).await?;
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
