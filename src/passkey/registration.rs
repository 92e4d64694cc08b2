//! The registration of a credential (section 7.1).

use std::fmt;

use serde::Deserialize;

use super::{
    Algorithm, Challenge, Malformed, Refused, RelyingParty, UserVerification,
    answer::{Answer, decode},
    attestation::AttestationObject,
    authenticator_data::AuthenticatorData,
    client_data::{Ceremony, claimed_challenge, verify_client_data},
    key::Key,
    sizes::{ATTESTATION_OBJECT, CLIENT_DATA},
};

/// The most transports that are kept; six are known.
const MOST_TRANSPORTS: usize = 8;

/// What a browser answers to creation options (`RegistrationResponseJSON`). Nothing of it is verified yet; its `Debug` hides it.
pub struct Registration {
    id: Vec<u8>,
    client_data: Vec<u8>,
    attestation_object: Vec<u8>,
    transports: Vec<String>,
    attachment: Option<Attachment>,
}

/// The members of `response` that count. `authenticatorData`, `publicKey` and `publicKeyAlgorithm` repeat what is in the
/// attestation object, for those who can't read it.
#[derive(Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "attestationObject")]
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

/// How the authenticator was attached, by the browser's word (section 5.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// It is part of the device.
    Platform,
    /// It can be taken elsewhere, or is another device.
    CrossPlatform,
}

/// A credential to be stored. Whether its id is already somebody's is for the store to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// Its id, of 1 to 1,023 bytes.
    pub id: Vec<u8>,
    /// Its public key, a COSE key (RFC 9052) as the authenticator wrote it; at most 700 bytes.
    pub public_key: Vec<u8>,
    /// The algorithm of its signatures.
    pub algorithm: Algorithm,
    /// The signature counter; 0 of an authenticator that has none.
    pub sign_count: u32,
    /// Whether the authenticator knew who its user was.
    pub user_verified: bool,
    /// Whether it may be copied to other devices. That never changes.
    pub backup_eligible: bool,
    /// Whether it has been.
    pub backed_up: bool,
    /// Ways to reach the authenticator, by the browser's word; for the next options.
    pub transports: Vec<String>,
    /// The model of the authenticator, by its own word. Nobody attests it: a name to show, and nothing to decide by.
    pub aaguid: [u8; 16],
    /// How the authenticator was attached, by the browser's word.
    pub attachment: Option<Attachment>,
}

impl Registration {
    /// Reads the answer.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(json: &str) -> Result<Self, Malformed> {
        let Answer { id, attachment, response } = Answer::<Response>::read(json)?;
        Ok(Self {
            id,
            client_data: decode("clientDataJSON", &response.client_data, CLIENT_DATA)?,
            attestation_object: decode(
                "attestationObject",
                &response.attestation_object,
                ATTESTATION_OBJECT,
            )?,
            transports: transports(response.transports),
            attachment: attachment.and_then(|word| Attachment::of_word(&word)),
        })
    }

    /// The challenge that it claims to answer; `None` where that can be none of ours.
    pub fn challenge(&self) -> Option<Challenge> {
        claimed_challenge(&self.client_data)
    }

    /// Verifies it against the challenge that was handed out, which is used up by that, whatever the verdict.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn verify(
        &self,
        relying_party: &RelyingParty,
        challenge: &Challenge,
        verification: UserVerification,
    ) -> Result<NewCredential, Refused> {
        let client_data_hash = verify_client_data(
            &self.client_data,
            Ceremony::Registration,
            relying_party,
            challenge,
        )?;
        let object = AttestationObject::parse(&self.attestation_object)?;
        let data = AuthenticatorData::parse(object.authenticator_data)?;
        data.verify(relying_party, verification)?;
        let credential = data.attested.as_ref().ok_or(Refused::NoCredential)?;
        if credential.id != self.id {
            return Err(Refused::CredentialId);
        }
        let key = Key::parse(&credential.key)?;
        key.check()?;
        object.verify(&key, &[object.authenticator_data, client_data_hash.as_ref()].concat())?;
        Ok(NewCredential {
            id: credential.id.to_vec(),
            public_key: credential.key_bytes.to_vec(),
            algorithm: key.algorithm(),
            sign_count: data.sign_count,
            user_verified: data.user_verified(),
            backup_eligible: data.backup_eligible(),
            backed_up: data.backed_up(),
            transports: self.transports.clone(),
            aaguid: credential.aaguid,
            attachment: self.attachment,
        })
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registration(..)")
    }
}

impl Attachment {
    /// Its word in WebAuthn.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::CrossPlatform => "cross-platform",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        [Self::Platform, Self::CrossPlatform].into_iter().find(|known| known.as_str() == word)
    }
}

/// The words that look like transports (section 5.8.4), also ones that are new: browsers pass over what they do not know.
fn transports(words: Vec<String>) -> Vec<String> {
    let is_word = |word: &String| {
        (1..=16).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    };
    let mut words: Vec<_> = words.into_iter().filter(is_word).collect();
    words.sort();
    words.dedup();
    words.truncate(MOST_TRANSPORTS);
    words
}
