//! What proves a service account: one of its keys, or an assertion.

use std::sync::Arc;

use super::ServiceAccounts;
use crate::{
    domain::{Context, ServiceAccount, ServiceAccountId, ServiceKeyText, size},
    service::{
        Error, ServiceError,
        assertions::{AccountAssertion, AssertionError, Assertions},
        known,
        sessions::{Credential, Service},
    },
    store::NewAssertion,
    token::{AssertionRefused, OpaqueToken, Purpose},
};

/// A proof of a service account.
#[derive(Debug)]
pub enum ServiceProof {
    /// A key.
    Key(OpaqueToken),
    /// An assertion: a JWT of its own, or of its platform.
    Assertion(OpaqueToken),
}

/// Why a proof is not valid, for the developers of the service.
const KEY_INVALID: &str = "the key is not valid: it is mistyped, unknown, revoked or expired";
const DISABLED: &str = "the service account is disabled";
const NO_ACCOUNT: &str = "no service account is proved by this assertion";
const USED: &str = "the assertion was used before, or may have been before a restore: make a new one, with a jti of its own";
const OF_ANOTHER: &str = "the proof is of another service account than client_id says";

impl ServiceAccounts {
    /// The enabled account that the proof is of.
    ///
    /// # Errors
    /// An invalid proof, or one of another account than `client_id`, unless that is empty; the store's.
    pub(super) async fn prove(
        &self,
        context: &Context,
        proof: &ServiceProof,
        client_id: &str,
    ) -> Result<Arc<ServiceAccount>, Error> {
        let account = match proof {
            ServiceProof::Key(key) => self.of_key(key).await?,
            ServiceProof::Assertion(jwt) => self.of_assertion(context, jwt).await?,
        };
        if !client_id.is_empty() && ServiceAccountId::parse(client_id) != Some(account.id) {
            return Err(Error::Service(ServiceError::ProofInvalid(OF_ANOTHER.into())));
        }
        if account.disabled_at.is_some() {
            return Err(Error::Service(ServiceError::ProofInvalid(DISABLED.into())));
        }
        known::record_service(account.id);
        Ok(account)
    }

    /// The service that shows a proof, with all that it is granted.
    ///
    /// # Errors
    /// An invalid proof, or one of another account than `client_id`, unless that is empty; the store's.
    pub async fn authenticate(
        &self,
        context: &Context,
        proof: &ServiceProof,
        client_id: &str,
    ) -> Result<Service, Error> {
        let account = self.prove(context, proof, client_id).await?;
        let ServiceAccount { id, epoch, ref grants, .. } = *account;
        let credential = match proof {
            ServiceProof::Key(key) => Credential::Key(self.digest(key)),
            ServiceProof::Assertion(_) => Credential::Assertion,
        };
        // As with its tokens: scopes for other audiences are no permissions here, whatever their names.
        let audiences = &self.policy.audiences;
        let own = audiences.first().and_then(|own| grants.audience(own, audiences));
        let scope = own.map(|_| grants.scope.clone()).unwrap_or_default();
        Ok(Service { id, scope, epoch, credential })
    }

    /// The service that shows a key as its bearer token.
    ///
    /// # Errors
    /// An invalid key; the store's.
    pub async fn authenticate_key(&self, context: &Context, key: &str) -> Result<Service, Error> {
        let proof = ServiceProof::Key(OpaqueToken::from_text(key.to_owned()));
        self.authenticate(context, &proof, "").await
    }

    /// The account of a key. A mistyped one costs no look-up. The database compares keyed digests: a timing attack on
    /// them tells nothing about keys.
    async fn of_key(&self, key: &OpaqueToken) -> Result<Arc<ServiceAccount>, Error> {
        let invalid = || Error::Service(ServiceError::ProofInvalid(KEY_INVALID.into()));
        let text =
            key.check_size(size::SERVICE_KEY).and_then(|()| ServiceKeyText::parse(key.expose()));
        text.ok_or_else(invalid)?;
        let digest = self.digest(key);
        self.known_keys.account(&self.store, digest, &self.clock).await?.ok_or_else(invalid)
    }

    fn digest(&self, key: &OpaqueToken) -> [u8; 32] {
        self.master_key.digest(Purpose::ServiceKey, &[key.expose().as_bytes()])
    }

    /// The account of an assertion: its own, or that of a workload.
    async fn of_assertion(
        &self,
        context: &Context,
        jwt: &OpaqueToken,
    ) -> Result<Arc<ServiceAccount>, Error> {
        jwt.check_size(size::ASSERTION)
            .ok_or_else(|| refused(&AssertionError::Refused(AssertionRefused::TooLong)))?;
        let jwt = jwt.expose();
        // A signature is checked, and a key set may be fetched.
        self.limits.admit(context)?;
        let account = match Assertions::claimed_account(jwt) {
            Some(id) => self.of_own_assertion(jwt, id).await?,
            None => {
                let workload = self.assertions.of_workload(jwt).await;
                let workload = workload.map_err(|error| refused(&error))?;
                self.store.service_account_of(&workload).await?
            }
        };
        account
            .map(Arc::new)
            .ok_or_else(|| Error::Service(ServiceError::ProofInvalid(NO_ACCOUNT.into())))
    }

    /// An account's own assertion proves it once: a copy of it is of no use (replay).
    async fn of_own_assertion(
        &self,
        jwt: &str,
        id: ServiceAccountId,
    ) -> Result<Option<ServiceAccount>, Error> {
        let Some(account) = self.store.service_account_find(id).await? else { return Ok(None) };
        let shown = self.assertions.of_account(jwt, id, &account.assertion_keys).await;
        let AccountAssertion { jti, issued_at, expires_at } =
            shown.map_err(|error| refused(&error))?;
        let parts: [&[u8]; 2] = [id.0.as_bytes(), jti.as_bytes()];
        let digest = self.master_key.digest(Purpose::Assertion, &parts);
        let assertion = NewAssertion { digest, issued_at, expires_at };
        let is_new = self.store.assertion_use(assertion).await?;
        is_new
            .then_some(Some(account))
            .ok_or_else(|| Error::Service(ServiceError::ProofInvalid(USED.into())))
    }
}

fn refused(error: &AssertionError) -> Error {
    match error {
        AssertionError::KeysUnavailable => Error::Service(ServiceError::KeysUnavailable),
        AssertionError::Refused(_) | AssertionError::UnknownIssuer | AssertionError::NoKeys => {
            Error::Service(ServiceError::ProofInvalid(error.to_string().into()))
        }
    }
}
