//! Another address of an account, how that is undone, and another username.

mod changing;
mod enumeration;
mod notices;
mod races;
mod refusals;
mod retries;
mod second_factor;
mod undo_refusals;
mod undoing;
mod usernames;

use std::time::Duration;

use countersign::pb::{
    ChangeEmailRequest, ChangeEmailResponse, ChangeUsernameRequest, ConfirmEmailChangeRequest,
    Tokens, UndoEmailChangeRequest, User, login_response,
};
use tonic::Status;

use crate::harness::{
    Backend, Server, logs,
    server::{PASSWORD, bearer, registration},
    soon, unique,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// An address that nobody else has in this run.
fn another_address() -> String {
    format!("{}@example.net", unique("moved"))
}

async fn ask(
    server: &Server,
    tokens: &Tokens,
    new_email: &str,
    password: &str,
) -> Result<ChangeEmailResponse, Status> {
    let request = ChangeEmailRequest {
        new_email: new_email.to_owned(),
        password: password.to_owned(),
        ..Default::default()
    };
    let mut account = server.account.clone();
    let asked = soon("ChangeEmail", account.change_email(bearer(tokens, request))).await?;
    server.delivered().await;
    Ok(asked.into_inner())
}

async fn confirm(
    server: &Server,
    tokens: &Tokens,
    (change_id, code): (&str, &str),
) -> Result<User, Status> {
    let request = ConfirmEmailChangeRequest {
        change_id: change_id.to_owned(),
        code: code.to_owned(),
        ..Default::default()
    };
    let mut account = server.account.clone();
    let confirmed = account.confirm_email_change(bearer(tokens, request));
    Ok(soon("ConfirmEmailChange", confirmed).await?.into_inner().user.unwrap())
}

pub async fn undo(server: &Server, undo_code: &str) -> Result<(), Status> {
    let request = UndoEmailChangeRequest { undo_code: undo_code.to_owned(), ..Default::default() };
    soon("UndoEmailChange", server.auth.clone().undo_email_change(request)).await.map(|_| ())
}

async fn rename(server: &Server, tokens: &Tokens, new_username: &str) -> Result<User, Status> {
    let request = ChangeUsernameRequest {
        new_username: new_username.to_owned(),
        password: PASSWORD.to_owned(),
        ..Default::default()
    };
    let mut account = server.account.clone();
    let renamed = account.change_username(bearer(tokens, request));
    Ok(soon("ChangeUsername", renamed).await?.into_inner().user.unwrap())
}

/// A change that was asked for, and its code.
async fn open(server: &Server, tokens: &Tokens, user: &User, new_email: &str) -> (String, String) {
    let id = ask(server, tokens, new_email, PASSWORD).await.unwrap().change_id;
    (id, logs::code(&user.username))
}

/// Moves an account. Returns the code that undoes it, if one was sent.
async fn move_to(server: &Server, tokens: &Tokens, user: &User, new_email: &str) -> Option<String> {
    let (id, code) = open(server, tokens, user, new_email).await;
    confirm(server, tokens, (&id, &code)).await.unwrap();
    server.delivered().await;
    let told = logs::messages(&user.username);
    let told = told.iter().rfind(|told| told["purpose"] == "email_changed").unwrap();
    told["undo_code"].as_str().map(str::to_owned)
}

/// Moves an account to another address. Returns the code that undoes it.
pub async fn move_away(server: &Server, tokens: &Tokens, user: &User) -> String {
    move_to(server, tokens, user, &another_address()).await.unwrap()
}

/// The codes that were sent to former addresses of a user, in order.
fn undo_codes(user: &User) -> Vec<String> {
    let code = |told: serde_json::Value| told["undo_code"].as_str().map(str::to_owned);
    logs::messages(&user.username).into_iter().filter_map(code).collect()
}

/// A user, and a session of theirs.
async fn user(server: &Server) -> (User, Tokens) {
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    (user, tokens)
}

/// A user with an address that is verified, on a server that verifies them.
async fn verified_user(server: &Server) -> (User, Tokens) {
    let request = registration(false);
    let registered = soon("Register", server.auth.clone().register(request)).await.unwrap();
    server.delivered().await;
    let registered = registered.into_inner();
    let user = registered.user.unwrap();
    let code = logs::code(&user.username);
    crate::mailbox::verify_email(server, &registered.verification_id, &code).await.unwrap();
    let tokens = server.session(&user).await;
    (User { email_verified: true, ..user }, tokens)
}

/// A server that verifies addresses.
async fn verifying(backend: Backend) -> Server {
    Server::start_with(backend, |config, _| config.policy.email_verification = true).await
}

/// The address of the account, as the database has it, and whether it is verified.
async fn address_of(server: &Server, user: &User) -> (String, bool) {
    let store = server.database.store().await;
    let found = store.user_by_id(user.id.parse().unwrap()).await.unwrap().unwrap().user;
    (found.email, found.email_verified)
}

/// Whether a login by that name and the password begins a session.
async fn logs_in(server: &Server, name: &str, password: &str) -> bool {
    match server.login_only(name, password).await {
        Ok(login) => matches!(login.result, Some(login_response::Result::Tokens(_))),
        Err(_refused) => false,
    }
}
