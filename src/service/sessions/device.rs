//! Which device a login comes from: one that is known has budgets of its own (ADR 14).

use uuid::Uuid;

use super::Sessions;
use crate::{
    store::Credentials,
    token::{DeviceToken, OpaqueToken, Purpose},
};

impl Sessions {
    /// The device that a reset makes known: one for all resets of a user, or whoever reads the mailbox could have any number of them,
    /// each with its own codes of the app.
    pub(in crate::service) fn reset_device(&self, user_id: Uuid) -> Uuid {
        let parts: [&[u8]; 2] = [b"reset device", user_id.as_bytes()];
        let digest = self.master_key.digest(Purpose::Budget, &parts);
        Uuid::from_slice(&digest[..16]).unwrap_or_default()
    }

    /// Which device of theirs a user's device token stands for. One that is not valid is as good as none.
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
