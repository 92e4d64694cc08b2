//! One rule.

use super::{demand::Demand, target::Target};

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) target: Target,
    /// What it takes.
    pub access: Access,
    /// Headers for the upstream, and the claims that they are filled from.
    pub headers: Vec<(String, String)>,
    /// Whether the token is kept from the upstream.
    pub strip_token: bool,
}

/// What a rule takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Open,
    /// A good token that meets the demand.
    Token(Demand),
}
