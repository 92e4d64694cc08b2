//! ChangeUsername: another name to log in with. The user is told, in case an attacker did it.

use uuid::Uuid;

use super::Accounts;
use crate::{
    delivery::Notice,
    domain::{Context, InvalidField, Password, User, Username, size},
    service::{
        Error,
        factors::Confirmation,
        fields::{Fields, check_sizes},
        limits::Waste,
        retries::Retry,
        sessions::Account,
    },
    store::{FactorChange, NewUsername, UsernameChanged},
};

/// The request.
#[derive(Debug)]
pub struct ChangeUsernameRequest {
    /// The new name.
    pub new_username: String,
    /// The user's proof.
    pub confirmation: Confirmation,
}

/// The request, parsed and valid.
struct Valid {
    name: Username,
    password: Password,
    request_id: Option<Uuid>,
}

impl ChangeUsernameRequest {
    fn parse(&self) -> Result<Valid, Error> {
        let [password, proof, id] = self.confirmation.sizes();
        check_sizes([(size::NEW_USERNAME, &self.new_username), password, proof, id])?;
        let mut fields = Fields::default();
        let name = Username::parse(&self.new_username);
        let name = fields.check(name.map_err(|bad| bad.named("new_username")));
        let values = name.zip(self.confirmation.check(&mut fields));
        fields.all(values.map(|(name, (password, request_id))| Valid {
            name,
            password,
            request_id,
        }))
    }
}

impl Accounts {
    /// Sets another username. Returns the user as changed. Sessions go on; their tokens have the new name from the next refresh on.
    ///
    /// # Errors
    /// Bad fields; what `confirm` finds missing or wrong; a name that is taken; the store's and the hasher's.
    pub async fn change_username(
        &self,
        context: &Context,
        account: &Account,
        request: ChangeUsernameRequest,
    ) -> Result<User, Error> {
        let Valid { name, password, request_id } = request.parse()?;
        let session = account.session().id;
        let parts = [session.as_bytes(), name.as_str().as_bytes()];
        let retry = self.retries.of(request_id, "ChangeUsername", &parts);
        let proof = (&password, &request.confirmation);
        let first = self.set_username(context, account, &name, proof, &retry);
        let again = async |_empty| {
            self.factors.confirm_again(context, account, &password).await?;
            self.as_it_is(account).await
        };
        self.retries.once(&retry, first, again).await
    }

    async fn set_username(
        &self,
        context: &Context,
        account: &Account,
        name: &Username,
        (password, confirmation): (&Password, &Confirmation),
        retry: &Retry,
    ) -> Result<User, Error> {
        if name.as_str() == account.user().username {
            let problem = "must be another name than the account has";
            return Err(InvalidField::new("new_username", problem).into());
        }
        // Before the look-up: only the account's user learns which names are taken, as anybody does by Register.
        self.factors
            .confirm(context, account, password, confirmation.second_factor.as_ref())
            .await?;
        let renamed = User { username: name.as_str().to_owned(), ..account.user().clone() };
        let notice = self.outbox.notice(context, &renamed, Notice::UsernameChanged)?;
        let change = FactorChange {
            user_id: renamed.id,
            credential_version: account.credentials().credential_version,
            session_id: Some(account.session().id),
            actor: context.actor.clone(),
            address: context.address,
            now: self.clock.now(),
            carried_out: self.retries.carried_out(retry, &[])?,
        };
        let new = NewUsername { text: renamed.username.clone(), key: name.key().to_owned() };
        match self.store.username_change(change, new, notice).await? {
            UsernameChanged::Done => {
                self.outbox.wake();
                Ok(renamed)
            }
            // A race: the password was changed, or the session ended.
            UsernameChanged::Unauthorised => Err(Error::InvalidCredentials),
            UsernameChanged::Taken => self.refuse_taken_name(context, name).await,
        }
    }

    /// User enumeration costs failures of the source's rate limit.
    async fn refuse_taken_name(&self, context: &Context, name: &Username) -> Result<User, Error> {
        let key = self.limits.taken_key(name.key(), "");
        self.limits.charge(self.limits.waste(Waste::Failures, context.address, &key)).await?;
        Err(Error::NewUsernameTaken)
    }
}
