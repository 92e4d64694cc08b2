//! What browsers are asked.

use uuid::Uuid;

use super::{Ceremonies, CeremonyOptions, Purpose};
use crate::{
    domain::{Passkey, User},
    passkey::{self, Descriptor, UserHandle, UserVerification},
    service::Error,
};

impl Ceremonies {
    /// Asks for a passkey, whosever it is. Its authenticator must verify its user: it is all that is shown.
    ///
    /// # Errors
    /// There are no passkeys.
    pub(in crate::service) fn ask_for_login(&self) -> Result<CeremonyOptions, Error> {
        let relying_party = self.relying_party()?;
        let (challenge, expires_at) = self.new_challenge(relying_party, Purpose::Login);
        let json = relying_party.login_options(&challenge, UserVerification::Required);
        Ok(CeremonyOptions { json, expires_at })
    }

    /// Asks for one of a user's passkeys, as a factor beside the password. `None` where there is none.
    ///
    /// # Errors
    /// The store's.
    pub(in crate::service) async fn ask_for_factor(
        &self,
        user_id: Uuid,
        challenge_id_mac: &[u8; 32],
    ) -> Result<Option<String>, Error> {
        let Some(relying_party) = &self.relying_party else { return Ok(None) };
        let passkeys = self.store.passkeys_of(user_id).await?;
        let allow = descriptors(&passkeys);
        let challenge = self.factor_challenge(challenge_id_mac);
        let verification = relying_party.user_verification();
        let options = relying_party.second_factor_options(&challenge, &allow, verification);
        Ok((!allow.is_empty()).then_some(options))
    }

    /// Asks for a new passkey of a user. An authenticator that has one of theirs makes no second one.
    ///
    /// # Errors
    /// There are no passkeys.
    pub(in crate::service) fn ask_for_registration(
        &self,
        purpose: Purpose,
        user: &User,
        handle: [u8; 64],
        has: &[Passkey],
    ) -> Result<CeremonyOptions, Error> {
        let relying_party = self.relying_party()?;
        let (challenge, expires_at) = self.new_challenge(relying_party, purpose);
        let handle = UserHandle::from_bytes(handle);
        let (name, display_name) = (user.username.as_str(), user.username.as_str());
        let of = passkey::User { handle: &handle, name, display_name };
        // Without it, it could not log in.
        let verification = UserVerification::Required;
        let json = relying_party.creation_options(&challenge, &of, &descriptors(has), verification);
        Ok(CeremonyOptions { json, expires_at })
    }
}

fn descriptors(passkeys: &[Passkey]) -> Vec<Descriptor<'_>> {
    let passkeys = passkeys.iter();
    passkeys.map(|of| Descriptor { id: &of.credential_id, transports: &of.transports }).collect()
}
