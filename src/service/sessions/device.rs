//! The device of a login: a known one has budgets of its own (ADR 14).

use uuid::Uuid;

use super::Sessions;
use crate::{
    store::Credentials,
    token::{DeviceToken, OpaqueToken, Purpose},
};

impl Sessions {
    /// The device that a reset makes known, and a login by a mailed code alone: one for all of a user. Otherwise an attacker who reads the
    /// mailbox could get any number of devices, each with its own attempts at the app's codes and at the password (brute force).
    pub(super) fn reset_device(&self, user_id: Uuid) -> Uuid {
        let parts: [&[u8]; 2] = [b"reset device", user_id.as_bytes()];
        let digest = self.master_key.digest(Purpose::Budget, &parts);
        Uuid::from_slice(&digest[..16]).unwrap_or_default()
    }

    /// A device token for the owner after a reset: strangers who have used up the account's budgets do not block the
    /// login that follows. No factor is skipped.
    pub(in crate::service) fn known_by_reset(
        &self,
        user_id: Uuid,
        credential_version: i64,
    ) -> OpaqueToken {
        let (device_id, now) = (self.reset_device(user_id), self.clock.now());
        let (key, version) = (&self.master_key, credential_version);
        DeviceToken::issue(key, user_id, version, true, device_id, now).text()
    }

    /// The device of a user's device token; `None` if the token is invalid.
    pub(in crate::service) fn known_device(
        &self,
        found: &Credentials,
        token: &OpaqueToken,
    ) -> Option<Uuid> {
        let (user, version) = (&found.user, found.credential_version);
        let token = DeviceToken::parse(token.expose())?;
        let (needs_second_factor, now) = (user.is_2fa_enabled, self.clock.now());
        token.device_of(&self.master_key, user.id, version, needs_second_factor, now)
    }
}
