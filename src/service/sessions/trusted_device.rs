//! Trusted devices: which logins they spare the second factor, and how a device becomes one (ADR 54).

use uuid::Uuid;

use super::{Destination, Sessions};
use crate::{
    delivery::DeviceNotice,
    domain::{Context, Factor, Timestamp, User},
    service::Error,
    store::{Credentials, NewTrust, SparedBy, TrustWindow},
};

impl Sessions {
    /// The trust that counts at `now`; `None` where devices can't be trusted.
    pub(super) fn trust_window(&self, now: Timestamp) -> Option<TrustWindow> {
        let ttl = self.policy.trusted_device_ttl;
        // A shorter setting ends what was begun under a longer one.
        (!ttl.is_zero()).then(|| TrustWindow { now, begun_after: now.minus(ttl) })
    }

    /// The trust of a known device, of a user with a second factor whose password was right. The statement that begins the
    /// session asks again (TOCTOU).
    ///
    /// # Errors
    /// The store's.
    pub(in crate::service) async fn trust_of(
        &self,
        credentials: &Credentials,
        device_id: Option<Uuid>,
    ) -> Result<Option<SparedBy>, Error> {
        let user = &credentials.user;
        let (Some(device_id), Some(within), true) =
            (device_id, self.trust_window(self.clock.now()), user.is_2fa_enabled)
        else {
            return Ok(None);
        };
        let id = self.store.trusted_device_find(user.id, device_id, within).await?;
        Ok(id.map(|id| SparedBy { id, within }))
    }

    /// The trust that a login asks for, whose proof was right; `None` where it can't be had: it is turned off, the login begins no
    /// session, the user has no second factor, or the proof was a recovery code, which somebody shows who has lost the factor. Nor
    /// where the mailbox has had as many notices as it gets in an hour: nobody is trusted without the owner's being told.
    ///
    /// # Errors
    /// The store's; the encryption's.
    pub(in crate::service) async fn trust_by(
        &self,
        context: &Context,
        user: &User,
        destination: &Destination,
        device_id: Uuid,
        factor: Factor,
    ) -> Result<Option<Box<NewTrust>>, Error> {
        let (now, ttl) = (self.clock.now(), self.policy.trusted_device_ttl);
        let begins = destination.session_id.is_none();
        let is_shown = factor != Factor::RecoveryCode && user.is_2fa_enabled;
        if ttl.is_zero() || !begins || !is_shown || !self.has_room_for_a_notice(user).await? {
            return Ok(None);
        }
        let what = DeviceNotice::DeviceTrusted;
        let notice = self.told_of_device(context, user, what, &destination.device_name)?;
        let (id, expires_at) = (Uuid::now_v7(), now.plus(ttl));
        Ok(Some(Box::new(NewTrust { id, device_id, expires_at, notice })))
    }

    /// Charges a notice of a change to the mailbox. Returns whether it has room.
    async fn has_room_for_a_notice(&self, user: &User) -> Result<bool, Error> {
        match self.limits.charge(vec![self.limits.notice_charge(user)]).await {
            Ok(_charged) => Ok(true),
            Err(Error::Throttled(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
