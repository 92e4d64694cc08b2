//! An operator creates, changes and ends service accounts.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::disable_user::revoking;
use crate::{
    domain::{
        AssertionKeys, Context, EventKind, Grants, InvalidField, ServiceAccount, ServiceAccountId,
        ServiceKeyText, Workload,
    },
    service::Clock,
    store::{
        self, AccountChanged, AccountTaken, NewServiceAccount, NewServiceKey, ServiceAccountChange,
        ServiceKey, Store,
    },
    token::{MasterKey, Purpose},
};

/// The most keys of an account that have not expired: two during a rotation, and some more where clients are many.
const MOST_KEYS: u32 = 10;

/// Manages service accounts.
#[derive(Debug)]
pub struct ServiceAccountKeeper {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Keys the digests of keys.
    pub(crate) master_key: MasterKey,
    /// The server's audiences, of which grants may name some.
    pub(crate) audiences: Vec<String>,
    /// The clock.
    pub(crate) clock: Clock,
}

/// What an account is, apart from its id.
#[derive(Debug, Clone, Default)]
pub struct AccountRequest {
    /// Its name.
    pub name: String,
    /// What it is granted.
    pub grants: Grants,
    /// Its public keys.
    pub assertion_keys: AssertionKeys,
    /// Its workloads.
    pub workloads: Vec<Workload>,
}

/// The key of a new account.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyRequest {
    /// Its lifetime; without one it has no end.
    pub expires_in: Option<Duration>,
}

/// An account with all that belongs to it.
#[derive(Debug, Clone)]
pub struct ShownAccount {
    /// The account.
    pub account: ServiceAccount,
    /// Its workloads.
    pub workloads: Vec<Workload>,
    /// Its keys, the oldest first.
    pub keys: Vec<ServiceKey>,
}

/// A key that was made now: the only time that its text is known.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its id.
    pub id: Uuid,
    /// The key.
    pub text: ServiceKeyText,
}

/// Why a service account is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum ServiceAccountError {
    /// A malformed name.
    #[error(transparent)]
    Name(#[from] InvalidField),
    /// What is asked for is malformed.
    #[error("{0}")]
    Request(String),
    /// No account has that name.
    #[error("there is no service account with the name {0:?}")]
    Unknown(String),
    /// Another account has that name.
    #[error("there is a service account with this name")]
    NameTaken,
    /// Another account is that workload.
    #[error("another service account is one of these workloads")]
    WorkloadTaken,
    /// An audience for which this server does not issue tokens.
    #[error("COUNTERSIGN_AUDIENCE does not have {0:?}: the server could not verify tokens for it")]
    Audience(String),
    /// The account has as many keys as it may have.
    #[error("the account has {MOST_KEYS} keys: revoke one first")]
    TooManyKeys,
    /// The account has no such key.
    #[error("the account has no key with this id")]
    NoSuchKey,
    /// The account was changed at the same moment (race).
    #[error("the account was changed just now: try again")]
    Changed,
    /// The store's.
    #[error(transparent)]
    Store(#[from] store::Error),
}

type Result<T> = std::result::Result<T, ServiceAccountError>;

impl ServiceAccountKeeper {
    /// Creates an account, with a key if asked to.
    ///
    /// # Errors
    /// A bad or taken name; an audience that is not served; a workload of another account; the store's.
    pub async fn create(
        &self,
        context: &Context,
        request: AccountRequest,
        key: Option<KeyRequest>,
    ) -> Result<(ServiceAccount, Option<NewKey>)> {
        let AccountRequest { name, grants, assertion_keys, workloads } = request;
        let name = ServiceAccount::parse_name(&name)?;
        self.check_audiences(&grants)?;
        let (id, created_at) = (ServiceAccountId(Uuid::now_v7()), self.clock.now());
        let (epoch, disabled_at) = (0, None);
        let account =
            ServiceAccount { id, name, grants, assertion_keys, epoch, disabled_at, created_at };
        let (key, made) = key.map(|key| self.new_key(id, key.expires_in)).unzip();
        let new = NewServiceAccount { account: account.clone(), workloads, key };
        match self.store.service_account_create(new, revoking(context, &self.clock)).await? {
            None => Ok((account, made)),
            Some(AccountTaken::Name) => Err(ServiceAccountError::NameTaken),
            Some(AccountTaken::Workload) => Err(ServiceAccountError::WorkloadTaken),
        }
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self) -> Result<Vec<ServiceAccount>> {
        Ok(self.store.service_accounts().await?)
    }

    /// An account with its workloads and keys.
    ///
    /// # Errors
    /// An unknown name; the store's.
    pub async fn show(&self, name: &str) -> Result<ShownAccount> {
        let account = self.find(name).await?;
        let workloads = self.store.service_workloads(account.id).await?;
        let keys = self.store.service_keys(account.id).await?;
        Ok(ShownAccount { account, workloads, keys })
    }

    /// Changes grants, public keys and workloads. Tokens that say more than the new grants end at once.
    ///
    /// # Errors
    /// What `change` says; an unknown name; an audience that is not served; a workload of another account; the store's.
    pub async fn change(
        &self,
        context: &Context,
        name: &str,
        change: impl FnOnce(&mut AccountRequest) -> std::result::Result<(), String>,
    ) -> Result<ServiceAccount> {
        let ShownAccount { account, workloads, .. } = self.show(name).await?;
        let mut request = AccountRequest {
            name: account.name.clone(),
            grants: account.grants.clone(),
            assertion_keys: account.assertion_keys.clone(),
            workloads: workloads.clone(),
        };
        change(&mut request).map_err(ServiceAccountError::Request)?;
        self.check_audiences(&request.grants)?;
        let is_narrowed = !account.grants.are_within(&request.grants);
        let epoch = if is_narrowed { account.epoch + 1 } else { account.epoch };
        let (grants, assertion_keys) = (request.grants, request.assertion_keys);
        let changed = ServiceAccount { grants, assertion_keys, epoch, ..account.clone() };
        let is_other = request.workloads != workloads;
        let workloads = is_other.then_some([workloads, request.workloads]);
        self.put(context, account, changed, workloads, EventKind::ServiceAccountChanged).await
    }

    /// Disables an account: nothing proves it any more, and its tokens end.
    ///
    /// # Errors
    /// An unknown name; the store's.
    pub async fn disable(&self, context: &Context, name: &str) -> Result<ServiceAccount> {
        let was = self.find(name).await?;
        let (epoch, disabled_at) = (was.epoch + 1, Some(self.clock.now()));
        let account = ServiceAccount { disabled_at, epoch, ..was.clone() };
        self.put(context, was, account, None, EventKind::ServiceAccountDisabled).await
    }

    /// Enables an account again. Tokens from before stay ended.
    ///
    /// # Errors
    /// An unknown name; the store's.
    pub async fn enable(&self, context: &Context, name: &str) -> Result<ServiceAccount> {
        let was = self.find(name).await?;
        let account = ServiceAccount { disabled_at: None, ..was.clone() };
        self.put(context, was, account, None, EventKind::ServiceAccountEnabled).await
    }

    /// Ends all tokens of an account. Its keys stay.
    ///
    /// # Errors
    /// An unknown name; the store's.
    pub async fn end_tokens(&self, context: &Context, name: &str) -> Result<ServiceAccount> {
        let was = self.find(name).await?;
        let account = ServiceAccount { epoch: was.epoch + 1, ..was.clone() };
        self.put(context, was, account, None, EventKind::ServiceTokensEnded).await
    }

    /// Deletes an account with its keys and workloads, and ends its tokens. The name is free again.
    ///
    /// # Errors
    /// An unknown name; the store's.
    pub async fn delete(&self, context: &Context, name: &str) -> Result<ServiceAccount> {
        let account = self.find(name).await?;
        let at = revoking(context, &self.clock);
        let deleted = self.store.service_account_delete(account.id, at).await?;
        if deleted { Ok(account) } else { Err(ServiceAccountError::Unknown(name.to_owned())) }
    }

    /// Makes a key of an account, beside those that it has (rotation).
    ///
    /// # Errors
    /// An unknown name; an account with as many keys as it may have; the store's.
    pub async fn create_key(
        &self,
        context: &Context,
        name: &str,
        expires_in: Option<Duration>,
    ) -> Result<NewKey> {
        let account = self.find(name).await?;
        let (key, made) = self.new_key(account.id, expires_in);
        let at = revoking(context, &self.clock);
        let created = self.store.service_key_create(key, MOST_KEYS, at).await?;
        if created { Ok(made) } else { Err(ServiceAccountError::TooManyKeys) }
    }

    /// Revokes a key of an account: it is refused everywhere within a second. Tokens that were issued by it stay.
    ///
    /// # Errors
    /// An unknown name or key; the store's.
    pub async fn revoke_key(&self, context: &Context, name: &str, key_id: Uuid) -> Result<()> {
        let account = self.find(name).await?;
        let at = revoking(context, &self.clock);
        let deleted = self.store.service_key_delete(account.id, key_id, at).await?;
        if deleted { Ok(()) } else { Err(ServiceAccountError::NoSuchKey) }
    }

    async fn find(&self, name: &str) -> Result<ServiceAccount> {
        let found = self.store.service_account_by_name(name).await?;
        found.ok_or_else(|| ServiceAccountError::Unknown(name.to_owned()))
    }

    async fn put(
        &self,
        context: &Context,
        was: ServiceAccount,
        account: ServiceAccount,
        workloads: Option<[Vec<Workload>; 2]>,
        kind: EventKind,
    ) -> Result<ServiceAccount> {
        let at = revoking(context, &self.clock);
        let change = ServiceAccountChange { was, account: account.clone(), workloads, kind, at };
        match self.store.service_account_change(change).await? {
            AccountChanged::Yes => Ok(account),
            AccountChanged::Meanwhile => Err(ServiceAccountError::Changed),
            AccountChanged::WorkloadTaken => Err(ServiceAccountError::WorkloadTaken),
        }
    }

    fn new_key(
        &self,
        account_id: ServiceAccountId,
        expires_in: Option<Duration>,
    ) -> (NewServiceKey, NewKey) {
        let (id, text) = (Uuid::now_v7(), ServiceKeyText::of(&rand::random()));
        let digest = self.master_key.digest(Purpose::ServiceKey, &[text.expose().as_bytes()]);
        let created_at = self.clock.now();
        let expires_at = expires_in.map(|wait| created_at.plus(wait));
        (NewServiceKey { id, account_id, digest, created_at, expires_at }, NewKey { id, text })
    }

    fn check_audiences(&self, grants: &Grants) -> Result<()> {
        let other = grants.audiences.iter().find(|audience| !self.audiences.contains(audience));
        other.map_or(Ok(()), |other| Err(ServiceAccountError::Audience(other.clone())))
    }
}
