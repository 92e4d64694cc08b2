//! How codes reach people.
//!
//! The log delivery is the only place where a code may appear in clear text outside a person's mailbox.

use crate::domain::OneTimeCode;

/// Why a code is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To complete a login.
    Login,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
        }
    }
}

/// A code on its way to a person.
#[derive(Debug)]
pub struct Message<'a> {
    /// The username as it was typed.
    pub username: &'a str,
    /// The e-mail address.
    pub destination: &'a str,
    /// Why it is sent.
    pub purpose: Purpose,
    /// The code.
    pub code: &'a OneTimeCode,
}

/// A way to deliver codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Writes each code to the log, for development and for tests.
    Log,
}

impl Delivery {
    /// Delivers one code.
    pub fn send(self, message: &Message<'_>) {
        match self {
            Self::Log => tracing::info!(
                target: "countersign::delivery",
                username = message.username,
                destination = message.destination,
                purpose = message.purpose.as_str(),
                code = message.code.expose(),
                "one-time code"
            ),
        }
    }
}
