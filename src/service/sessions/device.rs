//! The device of a login: a known one has budgets of its own (ADR 14), and of another one the owner is told (ADR 54).

use uuid::Uuid;

use super::{Destination, Sessions};
use crate::{
    delivery::{AboutDevice, Content, DeviceNotice, Message},
    domain::{Context, FirstProof, Session, User},
    service::Error,
    store::{BoundedNotice, Credentials, LoginDevice, SealedMessage, UnknownDevice},
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

    /// The device that a completed login makes known. A known one keeps its id: more logins give no new budgets. The device of
    /// a reset has then completed a login, and gets an id of its own.
    ///
    /// Whoever reads the mailbox has shown that alone: each of their logins would be another device, with its own guesses at the
    /// password.
    pub(in crate::service) fn device_to_be(
        &self,
        session: &Session,
        destination: &Destination,
    ) -> Uuid {
        let of_mailbox = self.reset_device(session.user_id);
        let known = destination.device_id.filter(|known| *known != of_mailbox);
        let is_by_mailbox = session.methods == FirstProof::Mailbox.methods();
        known.unwrap_or_else(|| if is_by_mailbox { of_mailbox } else { Uuid::now_v7() })
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

    /// What is told of the device of a login that is about to be completed.
    ///
    /// # Errors
    /// The encryption's.
    pub(in crate::service) fn device_of_login(
        &self,
        context: &Context,
        user: &User,
        destination: &Destination,
    ) -> Result<LoginDevice, Error> {
        let is_known = destination.device_id.is_some() || destination.session_id.is_some();
        if is_known || !self.policy.new_device_notice {
            return Ok(LoginDevice::KNOWN);
        }
        // An address that nobody has verified may be a stranger's.
        let is_theirs = user.email_verified || !self.policy.email_verification;
        let notice = is_theirs.then(|| self.new_device_notice(context, user, destination));
        let unknown = UnknownDevice { notice: notice.transpose()? };
        Ok(LoginDevice { unknown: Some(Box::new(unknown)), ..LoginDevice::KNOWN })
    }

    fn new_device_notice(
        &self,
        context: &Context,
        user: &User,
        destination: &Destination,
    ) -> Result<BoundedNotice, Error> {
        let what = DeviceNotice::NewDeviceLogin;
        let message = self.told_of_device(context, user, what, &destination.device_name)?;
        Ok(BoundedNotice { message, charges: vec![self.limits.device_notice_charge(user)] })
    }

    /// A notice about a device.
    ///
    /// # Errors
    /// The encryption's.
    pub(super) fn told_of_device(
        &self,
        context: &Context,
        user: &User,
        what: DeviceNotice,
        device_name: &str,
    ) -> Result<SealedMessage, Error> {
        let about = AboutDevice { what, device_name: device_name.to_owned() };
        let content = Content::Device(Box::new(about));
        self.outbox.seal(&Message::new(user, content, context, self.clock.now()))
    }
}
