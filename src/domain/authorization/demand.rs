//! What a rule asks of a token.

use std::time::Duration;

use crate::domain::Timestamp;

/// The value of `amr` that says that more than one factor was given (RFC 8176).
const MULTIPLE_FACTORS: &str = "mfa";

/// What a token must have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    /// Whose token it must be.
    pub(super) holder: Option<HolderKind>,
    /// One of these; none is any.
    pub(super) roles: Vec<String>,
    /// All of these, of tokens that a scope limits.
    pub(super) scopes: Vec<String>,
    pub(super) audience: Option<String>,
    pub(super) max_login_age: Option<Duration>,
    pub(super) second_factor: bool,
}

/// A kind of holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HolderKind {
    User,
    Service,
}

/// Whoever a good token is of, and what it says for them.
#[derive(Debug, Clone, Copy)]
pub struct Bearer<'a> {
    /// Whose it is.
    pub holder: Holder<'a>,
    /// The claim `scope`, if the token is limited by one: a service's, and one that a service has exchanged for a user's.
    pub scope: Option<&'a str>,
    /// The claim `aud`.
    pub audience: &'a str,
}

/// Whose a token is.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// A user's.
    User {
        /// The claim `roles`.
        roles: &'a [String],
        /// The claim `amr`.
        methods: &'a [String],
        /// The claim `auth_time`, in seconds since 1970.
        login_at: i64,
    },
    /// A service account's.
    Service,
}

/// What a token lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// It is not for this: of another kind of holder, for another audience, without the role.
    Permission(&'static str),
    /// The scope, with all words that are asked for.
    Scope(String),
    /// The login is too old, or was without a second factor: another login can mend that (RFC 9470).
    Login {
        /// How old it may be.
        max_age: Option<Duration>,
        /// Whether a second factor is asked for.
        second_factor: bool,
    },
}

impl Demand {
    /// Whether the token meets it.
    ///
    /// # Errors
    /// What it lacks; what no other login can mend before what one can.
    pub fn check(&self, bearer: &Bearer<'_>, now: Timestamp) -> Result<(), Lack> {
        self.check_audience(bearer)?;
        match bearer.holder {
            Holder::User { .. } if self.holder == Some(HolderKind::Service) => {
                return Err(Lack::Permission("the token is not of a service"));
            }
            Holder::Service if self.is_for_users() => {
                return Err(Lack::Permission("the token is not of a user"));
            }
            Holder::User { .. } | Holder::Service => {}
        }
        self.check_scope(bearer.scope)?;
        let Holder::User { roles, methods, login_at } = bearer.holder else { return Ok(()) };
        if !self.roles.is_empty() && !self.roles.iter().any(|role| roles.contains(role)) {
            return Err(Lack::Permission("the user has none of the roles"));
        }
        self.check_login(methods, login_at, now)
    }

    fn check_audience(&self, bearer: &Bearer<'_>) -> Result<(), Lack> {
        match &self.audience {
            Some(audience) if audience != bearer.audience => {
                Err(Lack::Permission("the token is for another audience"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A service has no role, and has not logged in.
    fn is_for_users(&self) -> bool {
        self.holder == Some(HolderKind::User)
            || !self.roles.is_empty()
            || self.max_login_age.is_some()
            || self.second_factor
    }

    /// A user's own token is not limited by scope. A token that is limited by one grants nothing where none is asked for.
    fn check_scope(&self, scope: Option<&str>) -> Result<(), Lack> {
        let Some(scope) = scope else { return Ok(()) };
        if self.scopes.is_empty() {
            return Err(Lack::Permission(
                "the token is limited by a scope, and the rule names none",
            ));
        }
        let has = |word: &String| scope.split(' ').any(|own| own == word);
        if self.scopes.iter().all(has) { Ok(()) } else { Err(Lack::Scope(self.scopes.join(" "))) }
    }

    fn check_login(&self, methods: &[String], login_at: i64, now: Timestamp) -> Result<(), Lack> {
        let age = Duration::from_secs(u64::try_from(now.unix_seconds() - login_at).unwrap_or(0));
        let is_recent = self.max_login_age.is_none_or(|most| age <= most);
        let has_factor = methods.iter().any(|method| method == MULTIPLE_FACTORS);
        if is_recent && (has_factor || !self.second_factor) {
            return Ok(());
        }
        Err(Lack::Login { max_age: self.max_login_age, second_factor: self.second_factor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn now() -> Timestamp {
        Timestamp::from_unix_micros(NOW * 1_000_000)
    }

    fn words(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn of_user<'a>(roles: &'a [String], methods: &'a [String]) -> Bearer<'a> {
        let holder = Holder::User { roles, methods, login_at: NOW - 60 };
        Bearer { holder, scope: None, audience: "shop" }
    }

    fn of_service(scope: &str) -> Bearer<'_> {
        Bearer { holder: Holder::Service, scope: Some(scope), audience: "shop" }
    }

    #[test]
    fn a_user_needs_one_of_the_roles_and_the_audience() {
        let roles = words(&["support"]);
        let user = of_user(&roles, &[]);
        let met = |demand: Demand| demand.check(&user, now()).is_ok();
        assert!(met(Demand::default()));
        assert!(met(Demand { roles: words(&["admin", "support"]), ..Demand::default() }));
        assert!(!met(Demand { roles: words(&["admin", "suppor"]), ..Demand::default() }));
        assert!(met(Demand { audience: Some("shop".to_owned()), ..Demand::default() }));
        assert!(!met(Demand { audience: Some("bank".to_owned()), ..Demand::default() }));
        assert!(met(Demand { holder: Some(HolderKind::User), ..Demand::default() }));
        assert!(!met(Demand { holder: Some(HolderKind::Service), ..Demand::default() }));
        // A scope limits services, and users whom a service acts for, only.
        assert!(met(Demand { scopes: words(&["orders.read"]), ..Demand::default() }));
    }

    #[test]
    fn what_is_limited_by_a_scope_passes_only_where_it_has_all_that_is_asked_for() {
        let asks = |scopes: &[&str]| Demand { scopes: words(scopes), ..Demand::default() };
        let service = of_service("orders.read stock.read");
        for (scopes, expected) in [
            (&[][..], false),
            (&["orders.read"], true),
            (&["orders.read", "stock.read"], true),
            (&["orders"], false),
            (&["orders.read", "orders.write"], false),
        ] {
            let exchanged = Bearer { scope: service.scope, ..of_user(&[], &[]) };
            assert_eq!(asks(scopes).check(&service, now()).is_ok(), expected, "{scopes:?}");
            assert_eq!(asks(scopes).check(&exchanged, now()).is_ok(), expected, "{scopes:?}");
        }
        let lacking = asks(&["a", "b"]).check(&service, now());
        assert_eq!(lacking, Err(Lack::Scope("a b".to_owned())));
    }

    #[test]
    fn a_service_never_meets_what_only_a_user_can_have() {
        let scopes = || words(&["orders.read"]);
        for demand in [
            Demand { holder: Some(HolderKind::User), ..Demand::default() },
            Demand { roles: words(&["admin"]), ..Demand::default() },
            Demand { max_login_age: Some(Duration::from_secs(60)), ..Demand::default() },
            Demand { second_factor: true, ..Demand::default() },
        ] {
            let demand = Demand { scopes: scopes(), ..demand };
            assert!(demand.check(&of_service("orders.read"), now()).is_err(), "{demand:?}");
        }
        let demand =
            Demand { holder: Some(HolderKind::Service), scopes: scopes(), ..Demand::default() };
        assert!(demand.check(&of_service("orders.read"), now()).is_ok());
    }

    #[test]
    fn a_login_may_be_too_old_or_lack_a_second_factor() {
        let with = words(&["pwd", "otp", "mfa"]);
        let without = words(&["pwd"]);
        let age = |seconds| Demand {
            max_login_age: Some(Duration::from_secs(seconds)),
            ..Demand::default()
        };
        assert!(age(60).check(&of_user(&[], &without), now()).is_ok());
        let lacking = age(59).check(&of_user(&[], &without), now());
        let expected = Lack::Login { max_age: Some(Duration::from_secs(59)), second_factor: false };
        assert_eq!(lacking, Err(expected));
        let factor = Demand { second_factor: true, ..Demand::default() };
        assert!(factor.check(&of_user(&[], &with), now()).is_ok());
        let lacking = factor.check(&of_user(&[], &without), now());
        assert_eq!(lacking, Err(Lack::Login { max_age: None, second_factor: true }));
    }
}
