//! The assertion of a credential (section 7.2): a login, a second factor.

use std::fmt;

use serde::Deserialize;

use super::{
    Challenge, Malformed, Refused, RelyingParty, UserHandle, UserVerification,
    answer::{Answer, decode},
    authenticator_data::AuthenticatorData,
    cbor::Item,
    client_data::{Ceremony, claimed_challenge, verify_client_data},
    key::Key,
    sizes::{AUTHENTICATOR_DATA, CLIENT_DATA, SIGNATURE, USER_HANDLE},
};

/// What a browser answers to request options (`AuthenticationResponseJSON`). Nothing of it is verified yet; its `Debug` hides it.
pub struct Assertion {
    id: Vec<u8>,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

/// A credential on record.
#[derive(Debug, Clone, Copy)]
pub struct StoredCredential<'a> {
    /// Its id.
    pub id: &'a [u8],
    /// The handle of the user whose it is.
    pub user_handle: &'a UserHandle,
    /// Its public key, as [`super::NewCredential`] had it.
    pub public_key: &'a [u8],
    /// The highest counter that was seen.
    pub sign_count: u32,
    /// Whether it may be copied to other devices, as it was at its registration.
    pub backup_eligible: bool,
}

/// What is asked of an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    verification: UserVerification,
    user_handle: bool,
}

impl Demand {
    /// Of one that alone says who the user is: it must have the user's handle.
    pub fn discoverable_login(verification: UserVerification) -> Self {
        Self { verification, user_handle: true }
    }

    /// Of one by a user who is known already: authenticators may leave the handle out.
    pub fn second_factor(verification: UserVerification) -> Self {
        Self { verification, user_handle: false }
    }
}

/// What an assertion has shown, and what is to be stored of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asserted {
    /// The counter: the next one must be higher.
    pub sign_count: u32,
    /// Whether the authenticator knew who its user was: then it counts as two factors.
    pub user_verified: bool,
    /// Whether the credential has been copied to other devices by now.
    pub backed_up: bool,
}

impl Assertion {
    /// Reads the answer.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(json: &str) -> Result<Self, Malformed> {
        let Answer { id, response, attachment: _ } = Answer::<Response>::read(json)?;
        let user_handle = response.user_handle.as_deref().unwrap_or_default();
        let user_handle = decode("userHandle", user_handle, USER_HANDLE)?;
        Ok(Self {
            id,
            client_data: decode("clientDataJSON", &response.client_data, CLIENT_DATA)?,
            authenticator_data: decode(
                "authenticatorData",
                &response.authenticator_data,
                AUTHENTICATOR_DATA,
            )?,
            signature: decode("signature", &response.signature, SIGNATURE)?,
            // No user has an empty one; some clients have that for none.
            user_handle: (!user_handle.is_empty()).then_some(user_handle),
        })
    }

    /// The challenge that it claims to answer; `None` where that can be none of ours.
    pub fn challenge(&self) -> Option<Challenge> {
        claimed_challenge(&self.client_data)
    }

    /// The id of the credential that it claims to be of.
    pub fn credential_id(&self) -> &[u8] {
        &self.id
    }

    /// The handle of the user whom it claims to be by.
    pub fn user_handle(&self) -> Option<&[u8]> {
        self.user_handle.as_deref()
    }

    /// Verifies it against the challenge that was handed out, which is used up by that, and the credential on record. The counter
    /// is looked at last: one that went back says something only of an assertion that is right otherwise.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn verify(
        &self,
        relying_party: &RelyingParty,
        challenge: &Challenge,
        stored: &StoredCredential<'_>,
        demand: Demand,
    ) -> Result<Asserted, Refused> {
        self.verify_owner(stored, demand)?;
        let client_data_hash =
            verify_client_data(&self.client_data, Ceremony::Assertion, relying_party, challenge)?;
        let data = AuthenticatorData::parse(&self.authenticator_data)?;
        data.verify(relying_party, demand.verification)?;
        if data.attested.is_some() {
            return Err(Refused::NewCredential);
        }
        if data.backup_eligible() != stored.backup_eligible {
            return Err(Refused::BackupEligibility);
        }
        let key = Key::parse(&Item::read(stored.public_key).map_err(Refused::Key)?)?;
        let signed = [&self.authenticator_data, client_data_hash.as_ref()].concat();
        key.verify(&signed, &self.signature)?;
        verify_counter(stored.sign_count, data.sign_count)?;
        Ok(Asserted {
            sign_count: data.sign_count,
            user_verified: data.user_verified(),
            backed_up: data.backed_up(),
        })
    }

    fn verify_owner(&self, stored: &StoredCredential<'_>, demand: Demand) -> Result<(), Refused> {
        if self.id != stored.id {
            return Err(Refused::Credential);
        }
        match self.user_handle() {
            None if demand.user_handle => Err(Refused::NoUserHandle),
            Some(handle) if handle != stored.user_handle.as_bytes() => Err(Refused::UserHandle),
            None | Some(_) => Ok(()),
        }
    }
}

/// Authenticators without a counter always say 0; all others count up (section 6.1.1).
fn verify_counter(stored: u32, shown: u32) -> Result<(), Refused> {
    match (stored, shown) {
        (0, 0) => Ok(()),
        _ if shown > stored => Ok(()),
        _ if shown == stored => Err(Refused::CounterStoodStill),
        _ => Err(Refused::CounterWentBack { stored, shown }),
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion(..)")
    }
}
