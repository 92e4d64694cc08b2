//! The conditions of a change, and what became of it.

use std::time::Duration;

use uuid::Uuid;

use super::UserManager;
use crate::{
    domain::{
        Actor, CLOCK_SKEW, Context, ManagedUser, id, request_id,
        size::{self, Size},
    },
    service::{
        AdminError, Error,
        fields::{Fields, check_sizes},
    },
    store::{Changed, Revoking, UserChange, UserChangeRequest},
};

/// How long a request is known by its id.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What every change of a user comes with.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// The user's id.
    pub id: String,
    /// The state that is to be changed; empty is any.
    pub etag: String,
    /// Names the request, so that it can be retried (an idempotency key, AIP-155); may be empty.
    pub request_id: String,
    /// Whether to change nothing, and to answer all the same (AIP-163).
    pub validate_only: bool,
}

/// The conditions, parsed and valid.
#[derive(Debug)]
pub(super) struct Valid {
    pub(super) id: Uuid,
    request_id: Option<Uuid>,
    etag: String,
    pub(super) validate_only: bool,
}

impl Conditions {
    /// Parses the fields, among others.
    pub(super) fn parse(&self, fields: &mut Fields) -> Option<Valid> {
        let id = fields.check(id(size::ID, &self.id));
        let etag = fields.check(size::ETAG.check(&self.etag));
        let request_id = fields.check(request_id(&self.request_id));
        let validate_only = self.validate_only;
        etag?;
        Some(Valid { id: id?, request_id: request_id?, etag: self.etag.clone(), validate_only })
    }

    /// Refuses what is too long.
    pub(super) fn check_sizes(&self) -> Result<(), Error> {
        self.check_sizes_with((size::ID, ""))
    }

    /// The same, with one more field.
    pub(super) fn check_sizes_with(&self, other: (Size, &str)) -> Result<(), Error> {
        check_sizes([
            (size::ID, &self.id),
            (size::ETAG, &self.etag),
            (size::REQUEST_ID, &self.request_id),
            other,
        ])
    }

    /// Parses the fields, where there are no others.
    pub(super) fn valid(&self) -> Result<Valid, Error> {
        let mut fields = Fields::default();
        let valid = self.parse(&mut fields);
        fields.all(valid)
    }
}

impl UserManager {
    /// Makes a change, if its conditions are met. All of them are checked in the transaction that makes it (race). With `validate_only`
    /// it is made, and then undone before it is committed: no check is missing.
    pub(super) async fn change(
        &self,
        context: &Context,
        valid: &Valid,
        change: UserChange,
    ) -> Result<Option<ManagedUser>, Error> {
        let at = self.revoking(context);
        let request = UserChangeRequest {
            user_id: valid.id,
            etag: valid.etag.clone(),
            request_id: valid.request_id,
            id_expires_at: at.now.plus(KNOWN_FOR),
            validate_only: valid.validate_only,
            keeps_an_administrator: context.actor != Actor::Operator,
            at,
        };
        let changed = self.store.managed_user_change(request, change).await?;
        if matches!(changed, Changed::Done(_)) && !valid.validate_only {
            self.outbox.wake();
        }
        user_of(changed)
    }

    /// A revocation by this request.
    pub(super) fn revoking(&self, context: &Context) -> Revoking {
        let now = self.clock.now();
        let tokens_expire_at = now.plus(self.token_ttl).plus(CLOCK_SKEW);
        Revoking::of(context, now, tokens_expire_at)
    }
}

/// The user after a change; `None` if it was deleted after an earlier request of the same id.
pub(super) fn user_of(changed: Changed) -> Result<Option<ManagedUser>, Error> {
    Err(match changed {
        Changed::Done(user) => return Ok(Some(*user)),
        Changed::Repeated(user) => return Ok(user.map(|user| *user)),
        Changed::NotFound => AdminError::UserNotFound.into(),
        Changed::EtagMismatch => AdminError::EtagMismatch.into(),
        Changed::LastAdministrator => AdminError::LastAdministrator.into(),
        Changed::RequestIdReused => AdminError::RequestIdReused.into(),
        Changed::UsernameTaken => Error::UsernameTaken,
        Changed::EmailTaken => Error::EmailTaken,
    })
}
