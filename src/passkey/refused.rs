//! Why an answer is refused.

use super::CborError;

/// The rule that an answer breaks: for the log of events and for tests. Callers learn that it was refused, and no more. The
/// texts repeat nothing of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Client data that is not a JSON object with the members of section 5.8.1.
    #[error("client data is not as WebAuthn has it")]
    ClientData,
    /// Client data of the other ceremony, or of something else.
    #[error("client data is of another ceremony")]
    CeremonyType,
    /// Another challenge.
    #[error("the challenge is another")]
    Challenge,
    /// An origin that is not on the list.
    #[error("the origin is not on the list")]
    Origin,
    /// Asked within a frame of another origin.
    #[error("it was asked in a frame of another origin")]
    CrossOrigin,
    /// Client data that names the page around the frame.
    #[error("client data has a topOrigin")]
    TopOrigin,
    /// An attestation object that is not CBOR.
    #[error("the attestation object is not CBOR: {0}")]
    AttestationObject(CborError),
    /// An attestation object without its members.
    #[error("the attestation object lacks a member")]
    AttestationMembers,
    /// A statement of `none` that says something, or a self attestation that is not by the key.
    #[error("the attestation statement is not one of its format")]
    AttestationStatement,
    /// Authenticator data that ends too early.
    #[error("authenticator data ends too early")]
    AuthenticatorDataTruncated,
    /// Authenticator data with something behind it.
    #[error("bytes follow the authenticator data")]
    AuthenticatorDataTrailing,
    /// Extensions that are not CBOR.
    #[error("the extensions are not CBOR: {0}")]
    Extensions(CborError),
    /// Extensions that are no map.
    #[error("the extensions are no map")]
    ExtensionsKind,
    /// Of another relying party.
    #[error("it is of another relying party")]
    RelyingParty,
    /// Nobody touched the authenticator.
    #[error("the user was not present")]
    UserPresence,
    /// Verification was asked for, and there was none.
    #[error("the user was not verified")]
    UserVerification,
    /// Backed up, and not eligible for it.
    #[error("it is backed up, and may not be")]
    BackupState,
    /// A registration without a credential.
    #[error("the registration has no credential")]
    NoCredential,
    /// An assertion with a new credential, which it must not have.
    #[error("the assertion has a new credential")]
    NewCredential,
    /// A credential's id of no byte, or more than 1,023.
    #[error("the credential id is empty or too long")]
    CredentialIdLength,
    /// The id beside the attestation is another than the one in it.
    #[error("the credential id is another than in the authenticator data")]
    CredentialId,
    /// A key that is not CBOR.
    #[error("the key is not CBOR: {0}")]
    Key(CborError),
    /// Type, curve or other parameters that are not those of the key's algorithm.
    #[error("the key does not have the parameters of its algorithm")]
    KeyParameters,
    /// An algorithm that was not offered.
    #[error("the key's algorithm was not offered")]
    Algorithm,
    /// Not on its curve, of small order, or an RSA key of a bad size or exponent.
    #[error("the key is not a sound one")]
    KeyValue,
    /// An assertion of another credential than the one on record.
    #[error("it is of another credential")]
    Credential,
    /// No user handle where it is what says who the user is.
    #[error("there is no user handle")]
    NoUserHandle,
    /// The handle of somebody else.
    #[error("the user handle is another")]
    UserHandle,
    /// The credential has become eligible for backup, or has ceased to be: it never does.
    #[error("eligibility for backup has changed")]
    BackupEligibility,
    /// By another key, or of other data.
    #[error("the signature is not by the credential's key")]
    Signature,
    /// A possible clone: the signature is right, and its counter less than one that was seen before.
    #[error(
        "the counter went back from {stored} to {shown}: the authenticator may have been cloned"
    )]
    CounterWentBack {
        /// The highest that was seen.
        stored: u32,
        /// What the assertion has.
        shown: u32,
    },
    /// A possible clone: the signature is right, and its counter one that was seen before.
    #[error("the counter stands still: the authenticator may have been cloned")]
    CounterStoodStill,
}

impl Refused {
    /// Whether the signature was right, and its counter says that somebody else may have a copy of the key: what the owner
    /// should hear of.
    pub fn may_be_a_clone(&self) -> bool {
        matches!(self, Self::CounterWentBack { .. } | Self::CounterStoodStill)
    }
}
