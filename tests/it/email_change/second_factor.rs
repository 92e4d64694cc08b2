//! Where the second factor is on, a change of the address takes it, too.

use countersign::pb::{ChangeEmailRequest, SecondFactor, second_factor::Proof};
use rstest::rstest;
use tonic::Code;

use super::{another_address, ask, confirm, open, user};
use crate::{
    factors::{self, set_two_factor},
    harness::{
        Backend, Server, logs, reason, reason_of,
        server::{PASSWORD, bearer},
        soon,
    },
};

#[rstest]
#[tokio::test]
async fn it_takes_a_fresh_proof(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = Server::start(backend).await;
    let (tokens, app) = factors::stale_session(&server).await;
    let new = another_address();
    let refused = ask(&server, &tokens, &new, PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED".into())
    );
    let proof = Some(Proof::TotpCode(app.code_at(&server.clock)));
    let request = ChangeEmailRequest {
        new_email: new,
        password: PASSWORD.to_owned(),
        second_factor: Some(SecondFactor { proof }),
        ..Default::default()
    };
    let mut account = server.account.clone();
    let asked = soon("ChangeEmail", account.change_email(bearer(&tokens, request))).await.unwrap();
    server.delivered().await;
    let code = logs::code(&server.me(&tokens).await.unwrap().username);
    confirm(&server, &tokens, (&asked.into_inner().change_id, &code)).await.unwrap();
}

/// A change that was begun before the second factor was turned on goes on with a session that has used it, and with no other.
#[rstest]
#[tokio::test]
async fn a_session_that_has_not_used_it_moves_no_account(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let (id, code) = open(&server, &tokens, &user, &another_address()).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    assert_eq!(reason_of(confirm(&server, &tokens, (&id, &code)).await), "TOKEN_INVALID");
    let tokens = server.session_by_mail(&user).await;
    confirm(&server, &tokens, (&id, &code)).await.unwrap();
}
