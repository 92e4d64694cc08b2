//! The device of a login: what is kept and told of it.

use super::{Charge, NewTrust, SealedMessage, SparedBy};

/// What is kept and told of the device of a login, with its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginDevice {
    /// The login showed no device that the account knows. Boxed, since it is large.
    pub unknown: Option<Box<UnknownDevice>>,
    /// The device becomes a trusted one by this login, whose session used the second factor. Boxed, since it is large.
    pub trust: Option<Box<NewTrust>>,
    /// The device is a trusted one: the session begins without the second factor, if that trust still counts then.
    pub spared_by: Option<SparedBy>,
}

impl LoginDevice {
    /// A device that the account knows: nothing.
    pub const KNOWN: Self = Self { unknown: None, trust: None, spared_by: None };
}

/// A device that the account does not know. It is told of, unless this is the first login of the account, or of this and
/// the releases after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDevice {
    /// The message to the owner; `None` sends none. There is an event all the same.
    pub notice: Option<BoundedNotice>,
}

/// A message that is sent if its budgets have room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundedNotice {
    /// The message.
    pub message: SealedMessage,
    /// Its rate limits. Where one is used up, what it tells of is done without it.
    pub charges: Vec<Charge>,
}
