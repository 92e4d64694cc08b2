//! The context of a use case: who acts, from where, until when somebody waits, and which call it is.

use std::{fmt, net::IpAddr, time::Instant};

use uuid::Uuid;

use super::RequestId;

/// Who acts, as far as the call has shown by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Nobody who is known: whoever calls, and the service itself.
    Nobody,
    /// A user, who has shown that by a token of a session that lives, or by a login.
    User(Uuid),
    /// A service, by the id of its account.
    Service(Uuid),
    /// Whoever runs a command beside the server.
    Operator,
}

impl Actor {
    /// Reads what [`Actor`] displays.
    pub fn parse(text: &str) -> Option<Self> {
        let id = |text| Uuid::try_parse(text).ok();
        match text.split_once(':') {
            None if text == "nobody" => Some(Self::Nobody),
            None if text == "operator" => Some(Self::Operator),
            Some(("user", user)) => id(user).map(Self::User),
            Some(("service", service)) => id(service).map(Self::Service),
            _ => None,
        }
    }
}

/// As it is stored, and shown by `countersign events`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Service(id) => write!(f, "service:{id}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// What a use case knows of the call that it serves. It is the first argument of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Who acts. What it may do is asked in one place (`edge/access.rs`); events say it (ADR 17).
    pub actor: Actor,
    /// The session by which a user acts.
    pub session_id: Option<Uuid>,
    /// Where the call comes from: the connection's other end, or whom a trusted proxy forwards for. Nothing where a proxy does
    /// not say that: all those callers are one source, with the limits of one.
    pub address: Option<IpAddr>,
    /// Nobody wants an answer after that.
    pub deadline: Instant,
    /// Which call it is.
    pub request_id: RequestId,
}

impl Context {
    /// A call of which nobody has shown whose it is.
    pub fn of_nobody(address: Option<IpAddr>, deadline: Instant, request_id: RequestId) -> Self {
        Self { actor: Actor::Nobody, session_id: None, address, deadline, request_id }
    }

    /// A command that is run beside the server.
    pub fn of_operator(deadline: Instant, request_id: RequestId) -> Self {
        Self { actor: Actor::Operator, ..Self::of_nobody(None, deadline, request_id) }
    }

    /// The same call, once it has shown to be that user's, by that session.
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
        for (actor, text) in [
            (Actor::Nobody, "nobody"),
            (Actor::Operator, "operator"),
            (Actor::User(id), "user:00000000-0000-0000-0000-000000000007"),
            (Actor::Service(id), "service:00000000-0000-0000-0000-000000000007"),
        ] {
            assert_eq!(actor.to_string(), text);
            assert_eq!(Actor::parse(text), Some(actor));
        }
        for text in ["", "user", "user:", "user:alice", "nobody:", "operator:1", "Nobody"] {
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
