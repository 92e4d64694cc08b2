//! Ceremonies of passkeys (WebAuthn level 3): challenges, and whether an assertion is of a user's passkey (ADR 53).
//!
//! No row is kept for a challenge, so that strangers who begin ceremonies fill no table: it says itself, under a keyed digest, when
//! and for what it was made. That it works once is a row that its first success writes.

mod challenge;
mod verdict;

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    domain::{InvalidField, Passkey, Timestamp, User, size},
    passkey::{self, Assertion, Descriptor, RelyingParty, UserHandle, UserVerification},
    service::{Clock, Error, PasskeyError, limits::Limits},
    store::Store,
    token::MasterKey,
};

pub(in crate::service) use self::{challenge::Purpose, verdict::Answered};

/// Asks browsers for passkeys, and judges what they answer.
#[derive(Debug)]
pub struct Ceremonies {
    /// Who we are to browsers; `None` where there are no passkeys.
    pub(crate) relying_party: Option<Arc<RelyingParty>>,
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Keys the digests.
    pub(crate) master_key: MasterKey,
    /// Records what is suspicious, and tells the user.
    pub(crate) limits: Arc<Limits>,
    /// The clock.
    pub(crate) clock: Clock,
}

/// What a browser is asked.
#[derive(Debug)]
pub struct CeremonyOptions {
    /// Options in the JSON of WebAuthn (sections 5.1.8 and 5.1.9).
    pub json: String,
    /// When the challenge ends.
    pub expires_at: Timestamp,
}

impl Ceremonies {
    /// Who we are to browsers.
    ///
    /// # Errors
    /// There are no passkeys.
    pub(in crate::service) fn relying_party(&self) -> Result<&RelyingParty, Error> {
        self.relying_party.as_deref().ok_or(PasskeyError::Off.into())
    }

    /// The origins of other sites that share our passkeys, for `/.well-known/webauthn`.
    pub fn related_origins(&self) -> &[String] {
        self.relying_party.as_deref().map_or(&[], RelyingParty::related_origins)
    }

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

/// Reads what a browser answered to the options of a login, or of a factor.
///
/// # Errors
/// It is no assertion, or a longer one than is read.
pub(in crate::service) fn assertion(
    field: size::Size,
    json: &str,
) -> Result<Assertion, InvalidField> {
    Assertion::read(json).map_err(|bad| InvalidField::new(field.field, bad.to_string()))
}
