//! What an RPC needs before it is reached.

use std::time::Duration;

use countersign::pb::{
    GetMeRequest, IntrospectTokenRequest, LoginRequest, Tokens, login_response::Result as Outcome,
};
use rstest::rstest;
use tonic::{Code, Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

use crate::{
    errors::methods,
    harness::{
        Backend, Server, eventually, logs, reason,
        server::{PASSWORD, bearer},
        soon,
    },
};

/// Every RPC of ours that must not be reached without an access token.
pub fn protected() -> Vec<String> {
    let account = |path: &String| path.starts_with("/auth.v1.AccountService/");
    let protected: Vec<_> = methods().into_iter().filter(account).collect();
    assert!(protected.len() >= 6, "{protected:?}");
    protected
}

/// Calls an RPC with an empty message and these `authorization` headers.
pub async fn call(server: &Server, path: &str, authorization: &[&str]) -> Result<(), Status> {
    let mut client = Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(());
    for value in authorization {
        request.metadata_mut().append("authorization", value.parse().unwrap());
    }
    let (path, codec) = (path.parse().unwrap(), ProstCodec::<(), ()>::default());
    soon("the call", client.unary(request, path, codec)).await.map(|_| ())
}

pub async fn assert_refused(server: &Server, authorization: &[&str]) {
    for path in protected() {
        let refused = call(server, &path, authorization).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::Unauthenticated, "TOKEN_INVALID".into()),
            "{path}: {authorization:?}"
        );
    }
}

fn header(tokens: &Tokens) -> String {
    format!("Bearer {}", tokens.access_token)
}

#[rstest]
#[tokio::test]
async fn whatever_is_not_the_access_token_of_a_live_session_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    let good = header(&tokens);
    for path in protected() {
        let answer = call(&server, &path, &[&good.replacen("Bearer", "bearer", 1)]).await;
        assert!(answer.is_ok() || reason(&answer.unwrap_err()) != "TOKEN_INVALID", "{path}");
    }
    let challenge = server.challenge(&user).await;
    for bad in [
        &[][..],
        &[&*good, &*good],
        &[&*tokens.access_token],
        &[&*format!("Basic {}", tokens.access_token)],
        &["Bearer"],
        &["Bearer "],
        &["Bearer garbage"],
        &[&*format!("Bearer {}x", tokens.access_token)],
        &[&*format!("Bearer {}", challenge.challenge_id)],
        &[&*format!("Bearer {}", tokens.refresh_token)],
    ] {
        assert_refused(&server, bad).await;
    }
    assert!(server.me(&tokens).await.is_ok());
    server.clock.advance(Duration::from_secs(900));
    assert_refused(&server, &[&good]).await;
    let next = server.refresh(&tokens.refresh_token, "").await.unwrap();
    assert!(server.me(&next).await.is_ok());
    server.logout(&next.refresh_token).await.unwrap();
    assert_refused(&server, &[&header(&next)]).await;
}

/// A service whose tokens are for itself can't turn them against the accounts of its users.
#[rstest]
#[tokio::test]
async fn a_token_for_another_service_is_refused_though_it_counts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let request = LoginRequest {
        username: server.user(false).await.username,
        password: PASSWORD.to_owned(),
        audience: "other".to_owned(),
        ..LoginRequest::default()
    };
    let answer = server.auth.clone().login(request).await.unwrap().into_inner();
    let Some(Outcome::Tokens(tokens)) = answer.result else { panic!("no tokens: {answer:?}") };
    let request = IntrospectTokenRequest { token: tokens.access_token.clone() };
    let answer = server.tokens.clone().introspect_token(request).await.unwrap().into_inner();
    assert_eq!((answer.active, answer.claims.unwrap().aud.as_str()), (true, "other"));
    assert_refused(&server, &[&header(&tokens)]).await;
}

#[rstest]
#[tokio::test]
async fn the_token_of_a_session_whose_user_was_disabled_or_deleted_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = server.session(&server.user(false).await).await;
    server.database.run("UPDATE users SET disabled_at = created_at").await;
    assert_refused(&server, &[&header(&tokens)]).await;
    server.database.run("UPDATE users SET disabled_at = NULL").await;
    assert!(server.me(&tokens).await.is_ok());
    server.database.run("DELETE FROM sessions; DELETE FROM users").await;
    assert_refused(&server, &[&header(&tokens)]).await;
}

/// The check of the token is a part of the call.
#[tokio::test]
async fn the_callers_deadline_holds_for_the_check_of_the_token() {
    let server = Server::start(Backend::Postgres).await;
    let tokens = server.session(&server.user(false).await).await;
    let lock = server.database.lock("sessions").await;
    // The client's own timer goes off two milliseconds after the server's, and on a busy machine before its answer is there.
    eventually("the server's own answer", async || {
        let mut request = bearer(&tokens, GetMeRequest {});
        request.set_timeout(Duration::from_millis(200));
        let refused = server.account.clone().get_me(request).await.unwrap_err();
        let ours = !refused.details().is_empty();
        ours && (refused.code(), &*reason(&refused))
            == (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
    })
    .await;
    drop(lock);
    assert!(server.me(&tokens).await.is_ok());
}

/// As proxies and people write it (RFC 9110, section 11.4).
#[tokio::test]
async fn the_scheme_may_have_any_case_and_several_spaces_behind_it() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    for scheme in ["Bearer ", "bearer ", "BEARER ", "Bearer   ", "bEaReR\t", " Bearer  "] {
        let value = format!("{scheme}{}", tokens.access_token);
        call(&server, "/auth.v1.AccountService/GetMe", &[&value]).await.unwrap();
    }
    for value in ["Bearer", "Bearer ", "Bearer    "] {
        let refused = call(&server, "/auth.v1.AccountService/GetMe", &[value]).await;
        assert_eq!(reason(&refused.unwrap_err()), "TOKEN_INVALID", "{value:?}");
    }
}
