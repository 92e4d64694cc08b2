//! Changes that a caller sends again, since the answer was lost.

use countersign::pb::{
    ChangeEmailRequest, ChangeUsernameRequest, ConfirmEmailChangeRequest, UndoEmailChangeRequest,
};
use rstest::rstest;

use super::{another_address, undo_codes, user};
use crate::harness::{
    Backend, Server, logs, reason_of,
    server::{PASSWORD, bearer},
    unique,
};

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

#[rstest]
#[tokio::test]
async fn each_is_carried_out_once_and_gets_the_same_answer(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (user, tokens) = user(&server).await;
    let (mut account, mut auth) = (server.account.clone(), server.auth.clone());
    let events = async || server.database.number("SELECT COUNT(*) FROM events").await;

    let request = ChangeUsernameRequest {
        new_username: unique("renamed"),
        password: PASSWORD.to_owned(),
        request_id: new_id(),
        ..Default::default()
    };
    let first =
        account.change_username(bearer(&tokens, request.clone())).await.unwrap().into_inner();
    let again =
        account.change_username(bearer(&tokens, request.clone())).await.unwrap().into_inner();
    assert_eq!(again, first);
    let wrong = ChangeUsernameRequest { password: "not the password".to_owned(), ..request };
    let refused = account.change_username(bearer(&tokens, wrong)).await;
    assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    let name = first.user.unwrap().username;

    let request = ChangeEmailRequest {
        new_email: another_address(),
        password: PASSWORD.to_owned(),
        request_id: new_id(),
        ..Default::default()
    };
    let first = account.change_email(bearer(&tokens, request.clone())).await.unwrap().into_inner();
    let again = account.change_email(bearer(&tokens, request.clone())).await.unwrap().into_inner();
    assert_eq!(again, first);
    let wrong = ChangeEmailRequest { password: "not the password".to_owned(), ..request };
    assert_eq!(
        reason_of(account.change_email(bearer(&tokens, wrong)).await),
        "INVALID_CREDENTIALS"
    );
    server.delivered().await;
    assert_eq!(logs::codes(&name).len(), 1);

    let request = ConfirmEmailChangeRequest {
        change_id: first.change_id,
        code: logs::code(&name),
        request_id: new_id(),
    };
    let first =
        account.confirm_email_change(bearer(&tokens, request.clone())).await.unwrap().into_inner();
    let before = events().await;
    let again =
        account.confirm_email_change(bearer(&tokens, request.clone())).await.unwrap().into_inner();
    assert_eq!((again, events().await), (first, before));
    server.delivered().await;

    let renamed = countersign::pb::User { username: name, ..user };
    let undo_code = undo_codes(&renamed).pop().unwrap();
    let request = UndoEmailChangeRequest { undo_code, request_id: new_id() };
    auth.undo_email_change(request.clone()).await.unwrap();
    let before = events().await;
    auth.undo_email_change(request.clone()).await.unwrap();
    assert_eq!(events().await, before);
    let other = UndoEmailChangeRequest { request_id: new_id(), ..request };
    assert_eq!(reason_of(auth.undo_email_change(other).await), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test]
async fn of_many_at_once_all_get_the_answer_and_one_mail_is_sent(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let request = ChangeEmailRequest {
        new_email: another_address(),
        password: PASSWORD.to_owned(),
        request_id: new_id(),
        ..Default::default()
    };
    let calls = (0..4).map(|_| {
        let (mut account, request) = (server.account.clone(), bearer(&tokens, request.clone()));
        async move { account.change_email(request).await.map(|answer| answer.into_inner()) }
    });
    let answers = futures_util::future::join_all(calls).await;
    let ids: std::collections::BTreeSet<_> =
        answers.into_iter().filter_map(Result::ok).map(|answer| answer.change_id).collect();
    assert_eq!(ids.len(), 1, "those that were too early are told so, and ask again");
    let again = server.account.clone().change_email(bearer(&tokens, request)).await.unwrap();
    assert_eq!(Some(again.into_inner().change_id), ids.into_iter().next());
    server.delivered().await;
    assert_eq!(logs::codes(&user.username).len(), 1);
}
