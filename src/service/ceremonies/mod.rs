//! Ceremonies of passkeys (WebAuthn level 3): challenges, and whether an assertion is of a user's passkey (ADR 53).
//!
//! No row is kept for a challenge, so that strangers who begin ceremonies fill no table: it says itself, under a keyed digest, when
//! and for what it was made. That it works once is a row that its first success writes.

mod asking;
mod challenge;
mod verdict;

use std::sync::Arc;

use crate::{
    domain::{InvalidField, Timestamp, size},
    passkey::{Assertion, RelyingParty},
    service::{Clock, Error, PasskeyError, limits::Limits},
    store::Store,
    token::MasterKey,
};

pub(in crate::service) use self::{
    challenge::Purpose,
    verdict::{Answered, Proof},
};

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
