//! Events as administrators see them: lists, streams and subscriptions.

mod deliveries;
mod lists;
mod receivers;
mod subscriptions;
mod watch;
mod watchers;

use countersign::pb::{
    Tokens, User, WatchEventsRequest, WatchEventsResponse, admin_service_client::AdminServiceClient,
};
use tonic::{Code, Request, Response, Status, Streaming, transport::Channel};

use crate::harness::{Server, reason, server::bearer, soon, violations};

pub type Stream = Streaming<WatchEventsResponse>;

pub fn admin(server: &Server) -> AdminServiceClient<Channel> {
    AdminServiceClient::new(server.channel.clone())
}

/// A new user with that role, and the tokens of a session.
pub async fn user_with(server: &Server, role: &str) -> (User, Tokens) {
    let user = server.user(false).await;
    let sql = format!("UPDATE users SET roles = '{role}' WHERE username = '{}'", user.username);
    server.database.run(&sql).await;
    let tokens = server.session(&user).await;
    (user, tokens)
}

/// The tokens of a new administrator.
pub async fn administrator(server: &Server) -> Tokens {
    user_with(server, "admin").await.1
}

pub async fn open(server: &Server, request: Request<WatchEventsRequest>) -> Result<Stream, Status> {
    let opened = soon("WatchEvents", admin(server).watch_events(request)).await;
    opened.map(Response::into_inner)
}

pub fn from(cursor: &str) -> WatchEventsRequest {
    WatchEventsRequest { cursor: cursor.to_owned(), kinds: Vec::new() }
}

pub async fn watch(server: &Server, tokens: &Tokens, cursor: &str) -> Stream {
    open(server, bearer(tokens, from(cursor))).await.unwrap()
}

pub async fn next(stream: &mut Stream) -> WatchEventsResponse {
    soon("a message", stream.message()).await.unwrap().unwrap()
}

/// The next event's cursor and kind; heartbeats before it do not count.
pub async fn next_event(stream: &mut Stream) -> (String, String) {
    loop {
        let WatchEventsResponse { cursor, event } = next(stream).await;
        if let Some(event) = event {
            return (cursor, event.id);
        }
    }
}

/// The events that are told until the first heartbeat, and its cursor.
pub async fn replay(stream: &mut Stream) -> (Vec<String>, String) {
    let mut events = Vec::new();
    loop {
        let WatchEventsResponse { cursor, event } = next(stream).await;
        let Some(event) = event else { return (events, cursor) };
        events.push(event.id);
    }
}

/// Answers of a call that is refused.
pub fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String, Vec<String>) {
    let refused = answer.unwrap_err();
    (refused.code(), reason(&refused), violations(&refused))
}

/// Waits for the end of the stream, which must be OK.
pub async fn end(mut stream: Stream) {
    soon("the end", async { while stream.message().await.unwrap().is_some() {} }).await;
}
