//! The context of a use case: who acts, from where, until when somebody waits, and which call it is.

use std::{net::IpAddr, time::Instant};

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

/// What a use case knows of the call that it serves. It is the first argument of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Who acts. What it may do is asked in one place (`grpc/access.rs`); events say it (ADR 17).
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
