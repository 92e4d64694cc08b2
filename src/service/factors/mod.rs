//! The second factor: apps and recovery codes, their proofs, and turning it on and off.

mod begin_totp_enrollment;
mod confirm;
mod confirm_totp_enrollment;
mod proof;
mod regenerate_recovery_codes;
mod secrets;
mod set_two_factor;

use std::sync::Arc;

use crate::{
    domain::Policy,
    service::{
        Clock, ceremonies::Ceremonies, limits::Limits, outbox::Outbox, retries::Retries,
        sessions::Sessions,
    },
    store::Store,
    token::MasterKey,
};

pub(in crate::service) use self::proof::{Code, Reserved};
pub use self::{
    begin_totp_enrollment::TotpEnrollment, confirm::Confirmation,
    confirm_totp_enrollment::ConfirmTotpRequest, proof::Proof,
};

/// Checks second factors, and changes them.
#[derive(Debug)]
pub struct Factors {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Encrypts the secrets of apps, and keys the digests.
    pub(crate) master_key: MasterKey,
    /// How many codes may be tried, and the issuer that apps show.
    pub(crate) policy: Arc<Policy>,
    /// Counts attempts.
    pub(crate) limits: Arc<Limits>,
    /// Judges passkeys.
    pub(crate) ceremonies: Arc<Ceremonies>,
    /// Sessions end when the second factor is turned on.
    pub(crate) sessions: Arc<Sessions>,
    /// Messages to users.
    pub(crate) outbox: Outbox,
    /// Knows requests that were carried out.
    pub(crate) retries: Retries,
    /// The clock.
    pub(crate) clock: Clock,
}
