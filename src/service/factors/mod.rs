//! The second factor: apps and recovery codes, what proves that a user has one, and what turns it on and off.

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
    service::{Clock, limits::Limits, outbox::Outbox, sessions::Sessions},
    store::Store,
    token::MasterKey,
};

pub(in crate::service) use self::proof::{Code, Reserved};
pub use self::{begin_totp_enrollment::TotpEnrollment, confirm::Confirmation, proof::Proof};

/// What evaluates second factors, and changes them.
#[derive(Debug)]
pub struct Factors {
    /// Where they are kept.
    pub(crate) store: Arc<dyn Store>,
    /// What encrypts the secrets of apps, and keys the digests.
    pub(crate) master_key: MasterKey,
    /// How many codes may be tried, and for whom an app shows them.
    pub(crate) policy: Arc<Policy>,
    /// What counts attempts.
    pub(crate) limits: Arc<Limits>,
    /// What ends when the second factor is turned on.
    pub(crate) sessions: Arc<Sessions>,
    /// What is to be sent.
    pub(crate) outbox: Outbox,
    /// What time it is.
    pub(crate) clock: Clock,
}
