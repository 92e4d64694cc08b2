//! UpdateUser: new fields of a user. What they take away ends at once, on every verifier that follows the revocations.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{UserManager, change::Conditions};
use crate::{
    domain::{Context, Email, JsonObject, ManagedUser, Username, roles, size},
    service::{
        AdminError, Error,
        fields::{Fields, check_sizes},
    },
    store::{NewAddress, UserChange, UserUpdate},
};

/// The request; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UpdateUserRequest {
    /// The user, and what the change depends on.
    pub conditions: Conditions,
    /// The username.
    pub username: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// Whether the address is verified.
    pub email_verified: Option<bool>,
    /// Whether the account is disabled.
    pub disabled: Option<bool>,
    /// The roles.
    pub roles: Option<Vec<String>>,
    /// The metadata.
    pub metadata: Option<Map<String, Value>>,
    /// The claims.
    pub claims: Option<Map<String, Value>>,
}

impl UserManager {
    /// Changes a user.
    ///
    /// # Errors
    /// Bad fields; what the conditions refuse; a name or an address that is taken; the store's.
    pub async fn update_user(
        &self,
        context: &Context,
        request: UpdateUserRequest,
    ) -> Result<ManagedUser, Error> {
        check_sizes([
            (size::ID, &request.conditions.id),
            (size::ETAG, &request.conditions.etag),
            (size::REQUEST_ID, &request.conditions.request_id),
            (size::USERNAME, request.username.as_deref().unwrap_or_default()),
            (size::EMAIL, request.email.as_deref().unwrap_or_default()),
        ])?;
        let mut fields = Fields::default();
        let valid = request.conditions.parse(&mut fields);
        let update = self.parse_update(&request, valid.as_ref().map(|valid| valid.id), &mut fields);
        let (valid, update) = fields.all(valid.zip(update))?;
        let changed = self.change(context, &valid, UserChange::Update(update)).await?;
        changed.ok_or(AdminError::UserNotFound.into())
    }

    fn parse_update(
        &self,
        request: &UpdateUserRequest,
        id: Option<Uuid>,
        fields: &mut Fields,
    ) -> Option<UserUpdate> {
        let username = request.username.as_deref().map(Username::parse);
        let username = username.map(|parsed| fields.check(parsed));
        let email = request.email.as_deref().map(Email::parse).map(|parsed| fields.check(parsed));
        let roles = request.roles.as_deref().map(roles).map(|parsed| fields.check(parsed));
        let metadata = request.metadata.clone().map(JsonObject::parse_metadata);
        let metadata = metadata.map(|parsed| fields.check(parsed));
        let claims = request.claims.clone().map(JsonObject::parse_claims);
        let claims = claims.map(|parsed| fields.check(parsed));
        let id = id?;
        // An outer `None` is a field that stays, an inner one a field that is not valid.
        let named = |name: Username| (name.as_str().to_owned(), name.key().to_owned());
        Some(UserUpdate {
            username: username.map_or(Some(None), |name| name.map(named).map(Some))?,
            email: email.map_or(Some(None), |email| {
                email.map(|email| Some(self.new_address(&email, id)))
            })?,
            email_verified: request.email_verified,
            disabled: request.disabled,
            roles: roles.map_or(Some(None), |roles| roles.map(Some))?,
            metadata: metadata.map_or(Some(None), |metadata| metadata.map(Some))?,
            claims: claims.map_or(Some(None), |claims| claims.map(Some))?,
        })
    }

    /// Where addresses are verified, an account that has this one unverified does not block it (ADR 16).
    fn new_address(&self, email: &Email, id: Uuid) -> NewAddress {
        NewAddress {
            text: email.as_str().to_owned(),
            key: email.key().to_owned(),
            claim_key: self.policy.email_verification.then(|| email.claim_key(id)),
        }
    }
}
