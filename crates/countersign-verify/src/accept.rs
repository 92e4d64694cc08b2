//! The callers that a method accepts, and the scope and the login that it requires of them.

use std::time::Duration;

use crate::{Acr, Caller, Claims, login::Login, token::Refused};

/// The callers that a method accepts. Start with one of the first three.
///
/// A user's own token is not limited by scope: it passes where users are accepted. A service's token and an exchanged one
/// are limited by theirs, so they pass only where a scope is required and theirs has it: a method that does not look at
/// scopes grants them nothing. [`any_scope`](Self::any_scope) is for those that look at it themselves.
///
/// | | a user's own token | an exchanged one | a service's |
/// |---|---|---|---|
/// | `users()` | passes | refused | refused |
/// | `users().require_scope("a")` | passes | with `a` | refused |
/// | `services().require_scope("a")` | refused | refused | with `a` |
/// | `users_and_services().require_scope("a")` | passes | with `a` | with `a` |
/// | `users_and_services().require_scope("a").refuse_exchanged()` | passes | refused | with `a` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept {
    users: bool,
    exchanged: bool,
    services: bool,
    scope: Scope,
    login: Login,
}

/// The scope that is required of a token that one limits.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    /// None was named: no such token passes.
    Unnamed,
    /// All of these words.
    Words(Vec<String>),
    /// The handler decides.
    Any,
}

impl Accept {
    /// Users, and, where a scope is required, services that act for them. The default.
    pub fn users() -> Self {
        let (scope, login) = (Scope::Unnamed, Login::default());
        Self { users: true, exchanged: true, services: false, scope, login }
    }

    /// Services with tokens of their own. None passes until a scope is required, or [`any_scope`](Self::any_scope) is said.
    pub fn services() -> Self {
        Self { users: false, exchanged: false, services: true, ..Self::users() }
    }

    /// Both. [`Claims::caller`] tells which it is.
    pub fn users_and_services() -> Self {
        Self { services: true, ..Self::users() }
    }

    /// Requires a word of the scope (RFC 6749, section 3.3), to the letter, of all tokens that a scope limits. Called
    /// again, it requires that one, too. A text with a space is no word, and in no scope.
    #[must_use]
    pub fn require_scope(self, word: impl Into<String>) -> Self {
        let mut words = match self.scope {
            Scope::Words(words) => words,
            Scope::Unnamed | Scope::Any => Vec::new(),
        };
        words.push(word.into());
        Self { scope: Scope::Words(words), ..self }
    }

    /// Requires no scope. The handler must then see to it that a token grants no more than its scope says
    /// ([`Claims::allows`]).
    #[must_use]
    pub fn any_scope(self) -> Self {
        Self { scope: Scope::Any, ..self }
    }

    /// Requires that the user's login was at least that sure (`acr`). Services with tokens of their own have not logged in: whether they
    /// pass is up to their scope alone.
    #[must_use]
    pub fn require_acr(self, least: Acr) -> Self {
        Self { login: Login { acr: Some(least), ..self.login }, ..self }
    }

    /// Requires that the user has proved who they are within that time (`auth_time`), in whole seconds.
    #[must_use]
    pub fn require_login_within(self, most: Duration) -> Self {
        Self { login: Login { within: Some(most), ..self.login }, ..self }
    }

    /// Refuses services that act for users, whatever their scope: for what users must do themselves.
    #[must_use]
    pub fn refuse_exchanged(self) -> Self {
        Self { exchanged: false, ..self }
    }

    /// The required scope, as an error names it.
    pub(crate) fn required(&self) -> String {
        match &self.scope {
            Scope::Words(words) => words.join(" "),
            Scope::Unnamed | Scope::Any => String::new(),
        }
    }

    /// What is required of a user's login.
    pub(crate) fn login(&self) -> Login {
        self.login
    }

    /// Whether the caller is accepted at `now`, in seconds since 1970.
    pub(crate) fn check(&self, claims: &Claims, now: i64) -> Result<(), Refused> {
        self.check_caller(claims)?;
        // Last: another login would not help those who are not accepted anyway.
        match claims.user() {
            Some(user) if !self.login.is_met_by(user, now) => Err(Refused::Login),
            Some(_) | None => Ok(()),
        }
    }

    fn check_caller(&self, claims: &Claims) -> Result<(), Refused> {
        let (is_accepted, limited_by) = match &claims.caller {
            Caller::User(_) => (self.users, None),
            Caller::Exchanged { actor, .. } => (self.exchanged, Some(actor)),
            Caller::Service(service) => (self.services, Some(service)),
        };
        let Some(service) = limited_by.filter(|_limit| is_accepted) else {
            return if is_accepted { Ok(()) } else { Err(Refused::Caller("of another kind")) };
        };
        match &self.scope {
            Scope::Any => Ok(()),
            Scope::Words(words) if words.iter().all(|word| service.has_scope(word)) => Ok(()),
            Scope::Words(_) => Err(Refused::Scope),
            Scope::Unnamed => Err(Refused::Caller("limited by a scope, and none is required here")),
        }
    }
}

impl Default for Accept {
    fn default() -> Self {
        Self::users()
    }
}
