//! [`TrustedDevices`](crate::store::TrustedDevices).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, statements::trusted_devices};
use crate::{
    domain::TrustedDevice,
    store::{Result, Revoking, TrustWindow, TrustedDevices},
};

#[async_trait]
impl TrustedDevices for Backend {
    async fn trusted_device_find(
        &self,
        user_id: Uuid,
        device_id: Uuid,
        within: TrustWindow,
    ) -> Result<Option<Uuid>> {
        let args = (user_id, device_id, within);
        self.read("trusted_device_find", args, |connection, (user_id, device_id, within)| {
            Box::pin(trusted_devices::find(connection, *user_id, *device_id, *within))
        })
        .await
    }

    async fn trusted_device_list(
        &self,
        user_id: Uuid,
        within: TrustWindow,
    ) -> Result<Vec<TrustedDevice>> {
        self.read("trusted_device_list", (user_id, within), |connection, (user_id, within)| {
            Box::pin(trusted_devices::list(connection, *user_id, *within))
        })
        .await
    }

    async fn trusted_device_revoke(
        &self,
        id: Uuid,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<bool> {
        let args = (id, user_id, asking, at);
        self.write("trusted_device_revoke", args, |connection, (id, user_id, asking, at)| {
            Box::pin(trusted_devices::revoke(connection, *id, *user_id, *asking, at))
        })
        .await
    }
}
