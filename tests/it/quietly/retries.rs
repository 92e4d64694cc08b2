//! The same request, sent again.

use std::collections::HashSet;

use countersign::pb::RegisterRequest;
use futures_util::future::join_all;
use rstest::rstest;
use uuid::Uuid;

use super::{register, server, user, verify};
use crate::harness::{
    Backend, logs, reason_of,
    server::{PASSWORD, registration},
    violations,
};

fn with_id(request: RegisterRequest) -> RegisterRequest {
    RegisterRequest { request_id: Uuid::now_v7().to_string(), ..request }
}

#[rstest]
#[tokio::test]
async fn a_request_gets_the_same_answer_again_whatever_is_taken_and_sends_nothing_more(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let holder = user(&server).await;
    let free = with_id(registration(false));
    let taken = with_id(RegisterRequest {
        username: holder.username.clone(),
        email: holder.email.clone(),
        ..registration(false)
    });
    for request in [free.clone(), taken] {
        let answers = join_all((0..24).map(|_| register(&server, request.clone()))).await;
        let late = register(&server, request.clone()).await;
        let answers = answers.into_iter().chain([late]).map(Result::unwrap);
        let ids: HashSet<_> =
            answers.map(|answer| (answer.user.unwrap().id, answer.verification_id)).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        // Whoever finds the id learns nothing by it.
        for other in [
            RegisterRequest { password: "another long passphrase".into(), ..request.clone() },
            RegisterRequest { two_factor: true, ..request.clone() },
        ] {
            let refused = register(&server, other).await.unwrap_err();
            assert_eq!(violations(&refused), ["request_id"]);
        }
    }
    assert_eq!(logs::codes(&free.username).len(), 1);
    assert_eq!(logs::notices(&holder.username), ["email_in_use"]);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM pending_users").await, 2);
}

#[rstest]
#[tokio::test]
async fn after_the_proof_it_gets_the_user_who_was_made(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let request = with_id(registration(false));
    let first = register(&server, request.clone()).await.unwrap();
    let code = logs::code(&request.username);
    verify(&server, &first.verification_id, &code, "").await.unwrap();
    let again = register(&server, request.clone()).await.unwrap();
    assert_eq!(again.verification_id, first.verification_id);
    assert_eq!(again.user.unwrap().id, first.user.unwrap().id);
    assert_eq!(logs::codes(&request.username).len(), 1);
    assert!(server.login(&request.username, PASSWORD).await.is_ok());
    let other = RegisterRequest { username: registration(false).username, ..request };
    assert_eq!(reason_of(register(&server, other).await), "INVALID_FIELD");
}
