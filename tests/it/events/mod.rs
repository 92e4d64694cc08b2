//! What is recorded of what happens, as whoever calls over gRPC causes it.

mod accounts;
mod actors;
mod command;
mod factors;
mod logins;
mod mailbox;
mod refusals;
mod retention;

use countersign::{
    domain::{Event, EventKind, Timestamp},
    pb::{RevokeOtherSessionsRequest, RevokeSessionRequest, Tokens, User},
    store::EventFilter,
};
use uuid::Uuid;

use crate::harness::{Backend, Database, Server, server::bearer};

const WRONG: &str = "not the password";

pub async fn events(database: &Database) -> Vec<Event> {
    let since = Timestamp::from_unix_micros(0);
    let all = EventFilter { user_id: None, kind: None, since, most: 1000 };
    let mut events = database.store().await.events_list(all).await.unwrap();
    events.reverse();
    events
}

/// A server whose clock stands still, and how many of its events have been looked at.
struct Recorder {
    server: Server,
    seen: usize,
}

impl Recorder {
    async fn start(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        server.clock.stop();
        Self { server, seen: 0 }
    }

    /// The events since the last time are these: kind, user and session. All are of now, and from here.
    async fn expect(&mut self, expected: &[(EventKind, Option<&User>, Option<&Tokens>)]) {
        let now = self.server.clock.now();
        let all = events(&self.server.database).await;
        let new = &all[self.seen..];
        self.seen = all.len();
        let here = |event: &Event| event.at == now && event.address == Some([127, 0, 0, 1].into());
        assert!(new.iter().all(here), "{new:?}");
        let id = |text: &str| Uuid::parse_str(text).unwrap();
        let expected = expected.iter().map(|(kind, user, session)| {
            (*kind, user.map(|user| id(&user.id)), session.map(|tokens| id(&tokens.session_id)))
        });
        let new = new.iter().map(|event| (event.kind, event.user_id, event.session_id));
        assert_eq!(new.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    async fn revoke(&self, tokens: &Tokens, session_id: &str) {
        let request = bearer(tokens, RevokeSessionRequest { session_id: session_id.to_owned() });
        self.server.account.clone().revoke_session(request).await.unwrap();
    }

    async fn revoke_others(&self, tokens: &Tokens) {
        let request = bearer(tokens, RevokeOtherSessionsRequest {});
        self.server.account.clone().revoke_other_sessions(request).await.unwrap();
    }
}
