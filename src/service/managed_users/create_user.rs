//! CreateUser: a user with a password, with the hash of one, or with a code that is sent to set one.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    UserManager,
    change::user_of,
    credential::{NewCredential, ValidCredential},
};
use crate::{
    domain::{Context, Email, JsonObject, ManagedUser, User, Username, request_id, roles, size},
    service::{
        AdminError, Error,
        fields::{Fields, check_sizes},
    },
    store::{Changed, NewManagedUser, NewUser},
    token::OpaqueToken,
};

/// The request.
#[derive(Debug, Clone, Default)]
pub struct CreateUserRequest {
    /// The name to log in with.
    pub username: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the administrator vouches for the address.
    pub email_verified: bool,
    /// Whether the account is disabled from the first.
    pub disabled: bool,
    /// The roles.
    pub roles: Vec<String>,
    /// Data of administrators.
    pub metadata: Map<String, Value>,
    /// Claims of access tokens.
    pub claims: Map<String, Value>,
    /// How the user logs in. Without one, they are sent a code.
    pub credential: Option<NewCredential>,
    /// Whether to change nothing, and to answer all the same (AIP-163).
    pub validate_only: bool,
    /// Names the request, so that it can be retried (an idempotency key, AIP-155); may be empty.
    pub request_id: String,
}

/// The request, parsed and valid.
struct Valid {
    username: Username,
    email: Email,
    roles: Vec<String>,
    metadata: JsonObject,
    claims: JsonObject,
    credential: Option<ValidCredential>,
    request_id: Option<Uuid>,
}

/// The outcome.
#[derive(Debug)]
pub struct CreatedUser {
    /// The user.
    pub user: ManagedUser,
    /// The id for ResetPassword, if a code was sent.
    pub reset: Option<OpaqueToken>,
}

impl UserManager {
    /// Creates a user.
    ///
    /// # Errors
    /// Bad fields; a name or an address that is taken; a request id of another user; too many calls from an address, too many mails; the
    /// store's and the hasher's.
    pub async fn create_user(
        &self,
        context: &Context,
        request: CreateUserRequest,
    ) -> Result<CreatedUser, Error> {
        check_sizes([
            (size::USERNAME, &request.username),
            (size::EMAIL, &request.email),
            (size::REQUEST_ID, &request.request_id),
            NewCredential::size_of(request.credential.as_ref()),
        ])?;
        self.limits.admit(context)?;
        let mut valid = self.parse_new(&request).await?;
        let credential = valid.credential.take();
        let is_invited = credential.is_none() && !request.disabled;
        let password_hash = match credential {
            Some(credential) => self.hash(context, credential, request.validate_only).await?,
            // No password is right.
            None => String::new(),
        };
        let new = self.to_add(context, &request, &valid, password_hash, is_invited)?;
        let mail = if is_invited && !request.validate_only {
            Some(self.mailbox.charge_invitation(&valid.email).await?)
        } else {
            None
        };
        let created = self.store.managed_user_create(new).await?;
        if matches!(created, Changed::Done(_)) && !request.validate_only {
            self.outbox.wake();
        } else if let Some(mail) = mail {
            self.limits.take_back(&mail).await?;
        }
        self.created(created, &valid, is_invited)
    }

    /// Idempotent: a repetition finds the user of the first, if it names the same one.
    fn created(
        &self,
        created: Changed,
        valid: &Valid,
        is_invited: bool,
    ) -> Result<CreatedUser, Error> {
        let is_repeated = matches!(created, Changed::Repeated(_));
        let user = user_of(created)?.ok_or(AdminError::UserNotFound)?;
        let is_same = user.user.username == valid.username.as_str()
            && user.user.email == valid.email.as_str();
        if is_repeated && !is_same {
            return Err(AdminError::RequestIdReused.into());
        }
        let is_invited = is_invited && !user.has_password;
        let reset = is_invited.then(|| self.mailbox.invitation_id(user.user.id));
        Ok(CreatedUser { user, reset })
    }

    async fn parse_new(&self, request: &CreateUserRequest) -> Result<Valid, Error> {
        let mut fields = Fields::default();
        let username = fields.check(Username::parse(&request.username));
        let email = fields.check(Email::parse(&request.email));
        let roles = fields.check(roles(&request.roles));
        let metadata = fields.check(JsonObject::parse_metadata(request.metadata.clone()));
        let claims = fields.check(JsonObject::parse_claims(request.claims.clone()));
        let request_id = fields.check(request_id(&request.request_id));
        let names = (username.as_ref(), email.as_ref());
        let credential = match &request.credential {
            Some(credential) => self.parse_credential(credential, names, &mut fields).await,
            None => None,
        };
        fields.all((|| {
            let (username, email, roles) = (username?, email?, roles?);
            let (metadata, claims, request_id) = (metadata?, claims?, request_id?);
            Some(Valid { username, email, roles, metadata, claims, credential, request_id })
        })())
    }

    fn to_add(
        &self,
        context: &Context,
        request: &CreateUserRequest,
        valid: &Valid,
        password_hash: String,
        is_invited: bool,
    ) -> Result<NewManagedUser, Error> {
        let at = self.revoking(context);
        let (name, address) = (valid.username.as_str().to_owned(), valid.email.as_str().to_owned());
        let user = User {
            roles: valid.roles.clone(),
            claims: valid.claims.clone(),
            disabled_at: request.disabled.then_some(at.now),
            ..User::new(Uuid::now_v7(), name, address, at.now)
        };
        let reset = is_invited
            .then(|| self.mailbox.invitation(context, &user, &valid.email))
            .transpose()?;
        let verifies = self.policy.email_verification;
        let new = NewUser {
            username_key: valid.username.key().to_owned(),
            email_key: valid.email.key().to_owned(),
            claim_key: verifies.then(|| valid.email.claim_key(user.id)),
            // An administrator looks after it: it does not expire.
            verify_by: None,
            password_hash,
            request_id: valid.request_id,
            verification: None,
            actor: context.actor.clone(),
            address: context.address,
            user,
        };
        let metadata = valid.metadata.clone();
        let (email_verified, validate_only) = (request.email_verified, request.validate_only);
        Ok(NewManagedUser { new, metadata, email_verified, reset, validate_only, at })
    }
}
