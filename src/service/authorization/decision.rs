//! What becomes of a request.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    domain::authorization::{Lack, Rules, Unclear},
    service::verdicts::ActiveToken,
};

/// The request may pass.
#[derive(Debug)]
pub struct Allowed {
    /// The number of the rule that says so, from 1.
    pub rule: usize,
    /// The token, if the rule takes one.
    pub token: Option<ActiveToken>,
    /// The headers that the rule fills, and the claims for them, as far as the token has them.
    pub claims: Vec<(String, Value)>,
    /// Whether the token is kept from the upstream.
    pub strip_token: bool,
    /// Whether nobody can tell if the token was revoked lately.
    pub is_unsure: bool,
    /// All rules.
    pub rules: Arc<Rules>,
}

/// The request may not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It can be read in several ways, or in none.
    #[error("{0}")]
    Unclear(#[from] Unclear),
    /// No rule matches it.
    #[error("no rule allows this request")]
    NoRule,
    /// It has no token, and needs one.
    #[error("a token is needed")]
    NoToken,
    /// Its token is not ours, has expired or was revoked. It is not told which.
    #[error("the token is not valid")]
    TokenInvalid,
    /// Its token is good, and lacks something.
    #[error("{}", told(.0))]
    Lacks(Lack),
    /// Nobody can tell whether its token was revoked.
    #[error("it can't be found out now whether the token was revoked")]
    Behind,
}

fn told(lack: &Lack) -> &str {
    match lack {
        Lack::Permission(why) => why,
        Lack::Scope(_) => "the token lacks a scope",
        Lack::Login { .. } => "the login is too old, or was without a second factor: log in again",
    }
}

impl Allowed {
    /// Why, as a label of a metric.
    pub(super) fn reason(&self) -> &'static str {
        match (&self.token, self.is_unsure) {
            (None, _) => "open",
            (Some(_), false) => "token",
            (Some(_), true) => "revocations_unknown",
        }
    }
}

impl Refused {
    /// Why, as a label of a metric, and as the `error` of the answer: those of RFC 6750 (section 3.1) and RFC 9470 where they have one.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unclear(_) => "invalid_request",
            Self::NoRule => "access_denied",
            Self::NoToken => "token_missing",
            Self::TokenInvalid => "invalid_token",
            Self::Lacks(Lack::Permission(_) | Lack::Scope(_)) => "insufficient_scope",
            Self::Lacks(Lack::Login { .. }) => "insufficient_user_authentication",
            Self::Behind => "revocations_unknown",
        }
    }
}
