//! The context of a use case: the actor, the client address, the deadline, and the request id.

use std::{fmt, net::IpAddr, time::Instant};

use uuid::Uuid;

use super::{CallerName, RequestId, ServiceAccountId};

/// The actor, as far as the call has proved it by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Unauthenticated: an unknown caller, or the service itself.
    Nobody,
    /// A user, proved by a token of a live session, or by a login.
    User(Uuid),
    /// A service, proved by a key, an assertion or a token of its account.
    Service(ServiceAccountId),
    /// A service, proved by the certificate of its connection.
    Certificate(CallerName),
    /// The operator, who runs a command beside the server.
    Operator,
}

impl Actor {
    /// Parses the output of `Display`.
    pub fn parse(text: &str) -> Option<Self> {
        let id = |text| Uuid::try_parse(text).ok();
        match text.split_once(':') {
            None if text == "nobody" => Some(Self::Nobody),
            None if text == "operator" => Some(Self::Operator),
            Some(("user", user)) => id(user).map(Self::User),
            Some(("service", service)) => ServiceAccountId::parse(service).map(Self::Service),
            Some(("certificate", name)) => CallerName::parse(name).map(Self::Certificate),
            _ => None,
        }
    }
}

/// The form that is stored, and that `countersign events` shows.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Service(id) => write!(f, "service:{id}"),
            Self::Certificate(name) => write!(f, "certificate:{name}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// The facts about a call. The first argument of every use case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Who acts. What it may do is asked in one place (`edge/gate.rs`); events say it (ADR 17).
    pub actor: Actor,
    /// The session by which a user acts.
    pub session_id: Option<Uuid>,
    /// The client address: the connection's peer, or the one that a trusted proxy reports. `None` where a proxy does not
    /// report one: all those callers are one source, with the limits of one.
    pub address: Option<IpAddr>,
    /// The caller stops waiting then.
    pub deadline: Instant,
    /// The call's id.
    pub request_id: RequestId,
}

impl Context {
    /// An unauthenticated call.
    pub fn of_nobody(address: Option<IpAddr>, deadline: Instant, request_id: RequestId) -> Self {
        Self { actor: Actor::Nobody, session_id: None, address, deadline, request_id }
    }

    /// A command beside the server.
    pub fn of_operator(deadline: Instant, request_id: RequestId) -> Self {
        Self { actor: Actor::Operator, ..Self::of_nobody(None, deadline, request_id) }
    }

    /// The same call, once its service account is proved.
    #[must_use]
    pub fn as_service(&self, id: ServiceAccountId) -> Self {
        Self { actor: Actor::Service(id), ..self.clone() }
    }

    /// The same call, whose connection proves that name, if it proves one.
    #[must_use]
    pub fn of_caller(self, name: Option<CallerName>) -> Self {
        match name {
            Some(name) => Self { actor: Actor::Certificate(name), ..self },
            None => self,
        }
    }

    /// The name that the certificate of the connection proves.
    pub fn certificate(&self) -> Option<&CallerName> {
        match &self.actor {
            Actor::Certificate(name) => Some(name),
            Actor::Nobody | Actor::User(_) | Actor::Service(_) | Actor::Operator => None,
        }
    }

    /// The same call, once its user and session are proved.
    #[must_use]
    pub fn as_user(&self, user_id: Uuid, session_id: Uuid) -> Self {
        Self { actor: Actor::User(user_id), session_id: Some(session_id), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_actor_is_read_as_it_is_written_and_nothing_else_is() {
        let id = Uuid::from_u128(7);
        let spiffe = CallerName::parse("spiffe://example.org/cart").unwrap();
        let dns = CallerName::parse("dns:cart.example.org").unwrap();
        for (actor, text) in [
            (Actor::Nobody, "nobody"),
            (Actor::Operator, "operator"),
            (Actor::User(id), "user:00000000-0000-0000-0000-000000000007"),
            (Actor::Service(ServiceAccountId(id)), "service:00000000000000000000000000000007"),
            (Actor::Certificate(spiffe), "certificate:spiffe://example.org/cart"),
            (Actor::Certificate(dns), "certificate:dns:cart.example.org"),
        ] {
            assert_eq!(actor.to_string(), text);
            assert_eq!(Actor::parse(text), Some(actor));
        }
        for text in
            ["", "user", "user:", "user:alice", "nobody:", "operator:1", "Nobody", "service:1"]
        {
            assert_eq!(Actor::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_call_that_has_shown_whose_it_is_stays_the_same_call() {
        let (user, session) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let before = Context::of_nobody(None, Instant::now(), Uuid::nil().into());
        let context = before.as_user(user, session);
        assert_eq!((context.actor, context.session_id), (Actor::User(user), Some(session)));
        assert_eq!((context.deadline, context.request_id), (before.deadline, before.request_id));
    }
}
