//! Logins by a mailed code, without the password.

mod devices;
mod enumeration;
mod flow;
mod limits;
mod races;
mod refusals;
mod second_factor;
mod void;

use countersign::pb::{
    BeginEmailLoginRequest, BeginEmailLoginResponse, Challenge, FinishEmailLoginRequest, Tokens,
    User, finish_email_login_response::Result as Outcome,
};
use tonic::Status;

use crate::harness::{Backend, Server, logs, soon};

/// A server that lets users log in so; its clock stands still.
async fn server(backend: Backend) -> Server {
    let server = Server::start_with(backend, |config, _| config.policy.email_login = true).await;
    server.clock.stop();
    server
}

/// A user whose address is verified.
async fn verified(server: &Server, two_factor: bool) -> User {
    let user = server.user(two_factor).await;
    verify(server, &user).await;
    user
}

pub async fn verify(server: &Server, user: &User) {
    let (set, name) = ("UPDATE users SET email_verified = (1 = 1)", &user.username);
    server.database.run(&format!("{set} WHERE username = '{name}'")).await;
}

/// Asks for a code, and waits until it has been sent, if there is one.
async fn begin_with(
    server: &Server,
    request: BeginEmailLoginRequest,
) -> Result<BeginEmailLoginResponse, Status> {
    let begun = soon("BeginEmailLogin", server.auth.clone().begin_email_login(request)).await?;
    server.delivered().await;
    Ok(begun.into_inner())
}

async fn begin(server: &Server, email: &str) -> Result<BeginEmailLoginResponse, Status> {
    begin_with(server, request(email)).await
}

fn request(email: &str) -> BeginEmailLoginRequest {
    BeginEmailLoginRequest { email: email.to_owned(), ..Default::default() }
}

async fn finish(server: &Server, login_id: &str, code: &str) -> Result<Outcome, Status> {
    let (login_id, code) = (login_id.to_owned(), code.to_owned());
    let request = FinishEmailLoginRequest { login_id, code };
    let finished =
        soon("FinishEmailLogin", server.auth.clone().finish_email_login(request)).await?;
    Ok(finished.into_inner().result.unwrap())
}

/// A login that was begun, and its code.
async fn open(server: &Server, user: &User) -> (String, String) {
    let id = begin(server, &user.email).await.unwrap().login_id;
    (id, logs::code(&user.username))
}

fn tokens(outcome: Outcome) -> Tokens {
    match outcome {
        Outcome::Tokens(tokens) => tokens,
        Outcome::Challenge(challenge) => panic!("a challenge: {challenge:?}"),
    }
}

fn challenge(outcome: Outcome) -> Challenge {
    match outcome {
        Outcome::Challenge(challenge) => challenge,
        Outcome::Tokens(tokens) => panic!("tokens: {tokens:?}"),
    }
}

/// The tokens of a login by a mailed code alone.
pub async fn session_by_code(server: &Server, user: &User) -> Tokens {
    let (id, code) = open(server, user).await;
    tokens(finish(server, &id, &code).await.unwrap())
}
