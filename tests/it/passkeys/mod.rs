//! Passkeys (WebAuthn, ADR 53): registered, logged in with, as a second factor, and for step-up.

mod challenges;
mod endings;
mod limits;
mod logging_in;
mod managing;
mod overtaken;
mod registering;
mod second_factor;
mod stepping_up;
mod takeover;
pub mod well_known;

use countersign::pb::{
    BeginPasskeyLoginRequest, BeginPasskeyRegistrationRequest, DeletePasskeyRequest,
    FinishPasskeyLoginRequest, FinishPasskeyRegistrationRequest, ListPasskeysRequest,
    Passkey as Listed, ReauthenticateRequest, Tokens, User,
    reauthenticate_response::Result as Outcome,
};
use tonic::Status;

use crate::harness::{
    Server,
    passkey::Passkey,
    server::{PASSWORD, bearer},
    soon,
};

/// The options of a registration.
async fn begin(server: &Server, tokens: &Tokens, password: &str) -> Result<String, Status> {
    let request =
        BeginPasskeyRegistrationRequest { password: password.to_owned(), second_factor: None };
    let request = bearer(tokens, request);
    let mut client = server.account.clone();
    let begun = client.begin_passkey_registration(request);
    let begun = soon("BeginPasskeyRegistration", begun).await?;
    Ok(begun.into_inner().creation_options_json)
}

async fn finish(server: &Server, tokens: &Tokens, credential: &str) -> Result<Listed, Status> {
    finish_again(server, tokens, credential, "").await
}

/// The same with a `request_id`.
async fn finish_again(
    server: &Server,
    tokens: &Tokens,
    credential: &str,
    request_id: &str,
) -> Result<Listed, Status> {
    let request = FinishPasskeyRegistrationRequest {
        credential_json: credential.to_owned(),
        name: "my phone".to_owned(),
        request_id: request_id.to_owned(),
    };
    let mut client = server.account.clone();
    let finished = client.finish_passkey_registration(bearer(tokens, request));
    let finished = soon("FinishPasskeyRegistration", finished).await?;
    Ok(finished.into_inner().passkey.unwrap())
}

/// Registers the passkey for the session's user.
pub async fn add(server: &Server, tokens: &Tokens, passkey: &mut Passkey) -> Listed {
    let options = begin(server, tokens, PASSWORD).await.unwrap();
    let added = finish(server, tokens, &passkey.create(&options)).await.unwrap();
    server.delivered().await;
    added
}

/// A user with a passkey, and the session that registered it.
async fn registered(server: &Server) -> (User, Tokens, Passkey) {
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let mut passkey = Passkey::new();
    add(server, &tokens, &mut passkey).await;
    (user, tokens, passkey)
}

async fn list(server: &Server, tokens: &Tokens) -> Vec<Listed> {
    let mut client = server.account.clone();
    let listed = client.list_passkeys(bearer(tokens, ListPasskeysRequest {}));
    soon("ListPasskeys", listed).await.unwrap().into_inner().passkeys
}

pub async fn delete(
    server: &Server,
    tokens: &Tokens,
    id: &str,
    password: &str,
) -> Result<(), Status> {
    let request = DeletePasskeyRequest {
        passkey_id: id.to_owned(),
        password: password.to_owned(),
        second_factor: None,
        request_id: String::new(),
    };
    let mut client = server.account.clone();
    let deleted = client.delete_passkey(bearer(tokens, request));
    soon("DeletePasskey", deleted).await.map(drop)
}

/// The options of a login.
async fn ask(server: &Server) -> String {
    let mut client = server.auth.clone();
    let asked = client.begin_passkey_login(BeginPasskeyLoginRequest {});
    soon("BeginPasskeyLogin", asked).await.unwrap().into_inner().request_options_json
}

async fn log_in(server: &Server, credential: &str) -> Result<Tokens, Status> {
    let request = FinishPasskeyLoginRequest {
        credential_json: credential.to_owned(),
        ..FinishPasskeyLoginRequest::default()
    };
    let mut client = server.auth.clone();
    let finished = client.finish_passkey_login(request);
    let finished = soon("FinishPasskeyLogin", finished).await?;
    Ok(finished.into_inner().tokens.unwrap())
}

/// Asks, and logs in.
async fn log_in_with(server: &Server, passkey: &mut Passkey) -> Result<Tokens, Status> {
    log_in_on(server, passkey, "").await
}

/// The same with that device token.
pub async fn log_in_on(
    server: &Server,
    passkey: &mut Passkey,
    device_token: &str,
) -> Result<Tokens, Status> {
    let credential_json = passkey.get(&ask(server).await);
    let device_token = device_token.to_owned();
    let request = FinishPasskeyLoginRequest { credential_json, device_token, ..Default::default() };
    let mut client = server.auth.clone();
    let finished = soon("FinishPasskeyLogin", client.finish_passkey_login(request)).await?;
    Ok(finished.into_inner().tokens.unwrap())
}

/// Proves the session once more.
async fn prove(server: &Server, tokens: &Tokens, credential: &str) -> Result<Tokens, Status> {
    let request = ReauthenticateRequest {
        passkey_credential_json: credential.to_owned(),
        ..ReauthenticateRequest::default()
    };
    let mut auth = server.auth.clone();
    let proved = auth.reauthenticate(bearer(tokens, request));
    match soon("Reauthenticate", proved).await?.into_inner().result.unwrap() {
        Outcome::Tokens(tokens) => Ok(tokens),
        other @ Outcome::Challenge(_) => panic!("{other:?}"),
    }
}

async fn recorded(server: &Server, kind: &str) -> i64 {
    server.database.number(&format!("SELECT COUNT(*) FROM events WHERE kind = '{kind}'")).await
}
