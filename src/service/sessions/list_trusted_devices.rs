//! ListTrustedDevices: the devices whose logins need no second factor.

use super::{Sessions, bearer::Account};
use crate::{domain::TrustedDevice, service::Error};

impl Sessions {
    /// The user's trusted devices, the newest first; none where devices can't be trusted.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_trusted_devices(
        &self,
        account: &Account,
    ) -> Result<Vec<TrustedDevice>, Error> {
        let Some(within) = self.trust_window(self.clock.now()) else { return Ok(Vec::new()) };
        Ok(self.store.trusted_device_list(account.user().id, within).await?)
    }
}
