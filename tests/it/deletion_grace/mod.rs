//! Deletions that can be undone for a while (ADR 57).

mod administrators;
mod ends;
mod meanwhile;
mod races;
mod undoing;

use std::time::Duration;

use countersign::{
    domain::{Actor, Timestamp},
    pb::{DeleteMeRequest, DeleteMeResponse, Tokens, UndoDeletionRequest, User},
    store::Revoking,
};
use tonic::Status;

use crate::harness::{
    Backend, Server, logs,
    server::{PASSWORD, bearer},
    soon,
};

pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// A server whose users have three days to undo their deletion, and whose janitor comes when it is called.
pub async fn server(backend: Backend) -> Server {
    let server = Server::start_with(backend, |config, environment| {
        config.policy.deletion_grace = 3 * DAY;
        environment.clean_every = 100 * DAY;
    })
    .await;
    server.clock.stop();
    server
}

pub async fn delete(
    server: &Server,
    tokens: &Tokens,
    request_id: &str,
) -> Result<DeleteMeResponse, Status> {
    let request = DeleteMeRequest {
        password: PASSWORD.to_owned(),
        request_id: request_id.to_owned(),
        ..Default::default()
    };
    let mut account = server.account.clone();
    let deleted = account.delete_me(bearer(tokens, request));
    Ok(soon("DeleteMe", deleted).await?.into_inner())
}

pub async fn undo(server: &Server, undo_code: &str) -> Result<(), Status> {
    undo_with(server, undo_code, "").await
}

async fn undo_with(server: &Server, undo_code: &str, request_id: &str) -> Result<(), Status> {
    let (undo_code, request_id) = (undo_code.to_owned(), request_id.to_owned());
    let request = UndoDeletionRequest { undo_code, request_id };
    soon("UndoDeletion", server.auth.clone().undo_deletion(request)).await.map(|_| ())
}

/// The last undo code that a user was sent.
pub async fn code_of(server: &Server, username: &str) -> String {
    server.delivered().await;
    let told = logs::messages(username);
    let told = told.iter().rfind(|told| told["purpose"] == "deletion_requested").unwrap();
    told["undo_code"].as_str().unwrap().to_owned()
}

/// A user who has deleted the account, the session by which they did, and the code that undoes it.
async fn deleted(server: &Server) -> (User, Tokens, String) {
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    delete(server, &tokens, "").await.unwrap();
    let code = code_of(server, &user.username).await;
    (user, tokens, code)
}

/// The end of accounts that are due then, as the janitor asks for it.
pub fn by_nobody(now: Timestamp) -> Revoking {
    let (actor, address, carried_out) = (Actor::Nobody, None, None);
    Revoking { now, tokens_expire_at: now, actor, address, carried_out }
}

async fn count(server: &Server, what: &str) -> i64 {
    server.database.number(&format!("SELECT COUNT(*) FROM {what}")).await
}
