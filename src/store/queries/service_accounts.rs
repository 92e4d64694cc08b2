//! [`ServiceAccounts`](crate::store::ServiceAccounts).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{service_accounts, service_keys, used_assertions, workloads},
};
use crate::{
    domain::{ServiceAccount, ServiceAccountId, Timestamp, Workload},
    store::{
        AccountChanged, AccountTaken, NewAssertion, NewServiceAccount, NewServiceKey, Result,
        Revoking, ServiceAccountChange, ServiceAccounts, ServiceKey,
    },
};

#[async_trait]
impl ServiceAccounts for Backend {
    async fn service_account_create(
        &self,
        new: NewServiceAccount,
        at: Revoking,
    ) -> Result<Option<AccountTaken>> {
        self.write("service_account_create", (new, at), |connection, (new, at)| {
            Box::pin(service_accounts::insert(connection, new, at))
        })
        .await
    }

    async fn service_account_by_name(&self, name: &str) -> Result<Option<ServiceAccount>> {
        self.read("service_account_by_name", name, |connection, name| {
            Box::pin(service_accounts::by_name(connection, name))
        })
        .await
    }

    async fn service_accounts(&self) -> Result<Vec<ServiceAccount>> {
        self.read("service_accounts", (), |connection, ()| {
            Box::pin(service_accounts::all(connection))
        })
        .await
    }

    async fn service_account_change(&self, change: ServiceAccountChange) -> Result<AccountChanged> {
        self.write("service_account_change", change, |connection, change| {
            Box::pin(service_accounts::change(connection, change))
        })
        .await
    }

    async fn service_workloads(&self, id: ServiceAccountId) -> Result<Vec<Workload>> {
        self.read("service_workloads", id, |connection, id| {
            Box::pin(workloads::of(connection, *id))
        })
        .await
    }

    async fn service_account_delete(&self, id: ServiceAccountId, at: Revoking) -> Result<bool> {
        self.write("service_account_delete", (id, at), |connection, (id, at)| {
            Box::pin(service_accounts::delete(connection, *id, at))
        })
        .await
    }

    async fn service_key_create(
        &self,
        key: NewServiceKey,
        most: u32,
        at: Revoking,
    ) -> Result<bool> {
        self.write("service_key_create", (key, most, at), |connection, (key, most, at)| {
            Box::pin(service_keys::create(connection, key, *most, at))
        })
        .await
    }

    async fn service_keys(&self, id: ServiceAccountId) -> Result<Vec<ServiceKey>> {
        self.read("service_keys", id, |connection, id| Box::pin(service_keys::all(connection, *id)))
            .await
    }

    async fn service_key_delete(
        &self,
        id: ServiceAccountId,
        key_id: Uuid,
        at: Revoking,
    ) -> Result<bool> {
        self.write("service_key_delete", (id, key_id, at), |connection, (id, key_id, at)| {
            Box::pin(service_keys::delete(connection, *id, *key_id, at))
        })
        .await
    }

    async fn service_key_find(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<(ServiceKey, ServiceAccount)>> {
        self.read("service_key_find", digest, |connection, digest| {
            Box::pin(service_keys::find(connection, digest))
        })
        .await
    }

    async fn service_key_used(&self, key_id: Uuid, at: Timestamp) -> Result<()> {
        self.write("service_key_used", (key_id, at), |connection, (key_id, at)| {
            Box::pin(service_keys::used(connection, *key_id, *at))
        })
        .await
    }

    async fn service_account_of(&self, workload: &Workload) -> Result<Option<ServiceAccount>> {
        self.read("service_account_of", workload, |connection, workload| {
            Box::pin(service_accounts::of_workload(connection, workload))
        })
        .await
    }

    async fn service_account_find(&self, id: ServiceAccountId) -> Result<Option<ServiceAccount>> {
        self.read("service_account_find", id, |connection, id| {
            Box::pin(service_accounts::find(connection, *id))
        })
        .await
    }

    async fn service_token_account(
        &self,
        id: ServiceAccountId,
        token_id: Uuid,
    ) -> Result<Option<ServiceAccount>> {
        self.read("service_token_account", (id, token_id), |connection, (id, token_id)| {
            Box::pin(service_keys::account_of_token(connection, *id, *token_id))
        })
        .await
    }

    async fn service_token_revoke(
        &self,
        id: ServiceAccountId,
        token_id: Uuid,
        at: Revoking,
    ) -> Result<bool> {
        let args = (id, token_id, at);
        self.write("service_token_revoke", args, |connection, (id, token_id, at)| {
            Box::pin(service_keys::revoke_token(connection, *id, *token_id, at))
        })
        .await
    }

    async fn assertion_use(&self, assertion: NewAssertion) -> Result<bool> {
        self.write("assertion_use", assertion, |connection, assertion| {
            Box::pin(used_assertions::put(connection, assertion))
        })
        .await
    }
}
