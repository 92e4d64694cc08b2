//! Register: creates a user, once.

use uuid::Uuid;

use super::Accounts;
use crate::{
    domain::{Context, Email, EventKind, InvalidField, Password, User, Username, request_id, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
        limits::Waste,
    },
    store::{Credentials, NewMailboxCode, NewUser, Taken},
    token::OpaqueToken,
};

/// The request.
#[derive(Debug)]
pub struct RegisterRequest {
    /// The name to log in with.
    pub username: String,
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: zeroize::Zeroizing<String>,
    /// Whether a login needs a second factor.
    pub is_2fa_enabled: bool,
    /// Names the request, so that it can be retried (an idempotency key, AIP-155); may be empty.
    pub request_id: String,
}

/// The request, parsed and valid.
pub(super) struct Valid {
    pub(super) username: Username,
    pub(super) email: Email,
    pub(super) password: Password,
    pub(super) is_2fa_enabled: bool,
    pub(super) request_id: Option<Uuid>,
}

/// The outcome of a registration.
#[derive(Debug)]
pub struct Registered {
    /// The user.
    pub user: User,
    /// The id for VerifyEmail; `None` where the service does not verify addresses.
    pub verification: Option<OpaqueToken>,
}

impl Accounts {
    /// Creates a user.
    ///
    /// # Errors
    /// Bad fields; a name or an address that is taken; too many calls from an address; too many mails; the store's and
    /// the hasher's.
    pub async fn register(
        &self,
        context: &Context,
        request: RegisterRequest,
    ) -> Result<Registered, Error> {
        check_sizes([
            (size::USERNAME, &request.username),
            (size::EMAIL, &request.email),
            (size::PASSWORD, &request.password),
            (size::REQUEST_ID, &request.request_id),
        ])?;
        self.limits.admit(context)?;
        let valid = self.parse(&request).await?;
        // Admission before the look-up, for taken and free names alike: a short deadline must not reveal names (user
        // enumeration).
        drop(self.passwords.announce(context)?);
        if self.policy.register_quietly {
            return self.register_quietly(context, &valid).await;
        }
        // A cheap check that saves a hash; the insertion below decides (race).
        if let Some(taken) = self.taken(&valid).await? {
            return self.settle(context, taken, &valid).await;
        }
        // Hashed before and outside any transaction: it is slow.
        let password_hash = self.passwords.hash(&valid.password, context).await?;
        let (user, mail) =
            (self.new_user(&valid), self.mailbox.charge_first_mail(context, &valid.email).await?);
        let code = self.mailbox.first_verification(context, &user, &valid.email)?;
        let new = self.to_add(context, &user, &valid, (password_hash, code));
        if self.store.user_create(new).await? {
            self.outbox.wake();
            return Ok(self.registered(user));
        }
        if let Some(mail) = mail {
            self.limits.take_back(&mail).await?;
        }
        // Lost a race against another registration, or against this very request, sent twice.
        match self.taken(&valid).await? {
            Some(taken) => self.settle(context, taken, &valid).await,
            None => Err(Error::StoreUnavailable("a rival registration has vanished".into())),
        }
    }

    async fn parse(&self, request: &RegisterRequest) -> Result<Valid, Error> {
        let mut fields = Fields::default();
        let username = fields.check(Username::parse(&request.username));
        let email = fields.check(Email::parse(&request.email));
        let (name, address) = (username.as_ref(), email.as_ref());
        let password = self.new_passwords.parse(&request.password, name, address).await;
        let password = fields.check(password);
        let request_id = fields.check(request_id(&request.request_id));
        let is_2fa_enabled = request.is_2fa_enabled;
        fields.all((|| {
            let (username, email, password) = (username?, email?, password?);
            Some(Valid { username, email, password, is_2fa_enabled, request_id: request_id? })
        })())
    }

    /// The conflict with an existing user, if any. Where addresses are verified, an account with this address
    /// unverified is none: otherwise a stranger could block an address by registering it. The first to verify gets the
    /// address (ADR 16).
    async fn taken(&self, valid: &Valid) -> Result<Option<Taken>, Error> {
        let (username, email) = (valid.username.key(), valid.email.key());
        let taken = self.store.user_taken(username, email, valid.request_id).await?;
        let free = |taken: &Taken| matches!(taken, Taken::Email { verified: false });
        Ok(taken.filter(|taken| !(self.policy.email_verification && free(taken))))
    }

    async fn settle(
        &self,
        context: &Context,
        taken: Taken,
        valid: &Valid,
    ) -> Result<Registered, Error> {
        let error = match taken {
            Taken::RequestId(earlier) => {
                let user = self.same_again(context, *earlier, valid).await?;
                return Ok(self.registered(user));
            }
            Taken::Username => Error::UsernameTaken,
            Taken::Email { .. } => Error::EmailTaken,
        };
        // User enumeration costs failures of the source's rate limit.
        let key = self.limits.taken_key(valid.username.key(), valid.email.key());
        self.limits.charge(self.limits.waste(Waste::Failures, context.address, &key)).await?;
        Err(error)
    }

    /// Idempotent: a retry with the same `request_id` gets the user of its first try, but only if all fields are the
    /// same. A leaked id gives no more than the right password would.
    pub(super) async fn same_again(
        &self,
        context: &Context,
        earlier: Credentials,
        valid: &Valid,
    ) -> Result<User, Error> {
        let user = earlier.user;
        let same_fields = user.username == valid.username.as_str()
            && user.email == valid.email.as_str()
            && user.is_2fa_enabled == valid.is_2fa_enabled;
        if same_fields {
            let version = earlier.credential_version;
            let budget = self.limits.account_budget(user.id, version, None, context.address);
            let stored = Some(earlier.password_hash.as_str());
            let guess = self.limits.guess(context, &budget, &valid.password, stored).await?;
            if guess.right && !guess.attempt.is_over_the_limit() {
                self.limits.give_back_password(&guess.attempt).await?;
                return Ok(user);
            }
            let kind = EventKind::ConfirmationFailed;
            self.limits.record_failure(context, kind, Some(user.id), None).await?;
        }
        let problem = "was used before with other fields";
        Err(Error::InvalidFields(vec![InvalidField::new("request_id", problem)]))
    }

    pub(super) fn registered(&self, user: User) -> Registered {
        let verifies = self.policy.email_verification;
        let verification = verifies.then(|| self.mailbox.first_verification_id(user.id));
        Registered { user, verification }
    }

    pub(super) fn to_add(
        &self,
        context: &Context,
        user: &User,
        valid: &Valid,
        (password_hash, verification): (String, Option<NewMailboxCode>),
    ) -> NewUser {
        let verifies = self.policy.email_verification;
        NewUser {
            user: user.clone(),
            username_key: valid.username.key().to_owned(),
            email_key: valid.email.key().to_owned(),
            claim_key: verifies.then(|| valid.email.claim_key(user.id)),
            verify_by: verifies.then(|| user.created_at.plus(self.policy.unverified_ttl)),
            password_hash,
            request_id: valid.request_id,
            verification,
            actor: context.actor.clone(),
            address: context.address,
        }
    }

    pub(super) fn new_user(&self, valid: &Valid) -> User {
        let (name, email) = (valid.username.as_str().to_owned(), valid.email.as_str().to_owned());
        User {
            is_2fa_enabled: valid.is_2fa_enabled,
            ..User::new(Uuid::now_v7(), name, email, self.clock.now())
        }
    }
}
