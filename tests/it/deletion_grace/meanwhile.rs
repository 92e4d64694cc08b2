//! What becomes of an account between its deletion and its end: to the outside it is as a disabled one.

use countersign::pb::{
    ChangeEmailRequest, ConfirmEmailChangeRequest, RegisterRequest, RequestPasswordResetRequest,
    UndoEmailChangeRequest, UserRecord,
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{code_of, delete, deleted, server, undo};
use crate::{
    admin::official,
    harness::{
        Backend, logs, on_both, reason_of,
        server::{PASSWORD, bearer, registration},
        unique,
    },
    mailbox::{NEW_PASSWORD, reset},
    transfer::import,
};

#[apply(on_both)]
#[tokio::test]
async fn nobody_can_tell_it_from_an_account_that_does_not_exist(backend: Backend) {
    let server = server(backend).await;
    let (user, ..) = deleted(&server).await;
    let told = |refused: tonic::Status| (refused.code(), refused.message().to_owned());
    let nobody = unique("nobody");
    let unknown = told(server.login_only(&nobody, PASSWORD).await.unwrap_err());
    for name in [&user.username, &user.email] {
        for password in [PASSWORD, "not the password"] {
            let refused = server.login_only(name, password).await.unwrap_err();
            assert_eq!(told(refused), unknown, "{name} {password}");
        }
    }
}

#[apply(on_both)]
#[tokio::test]
async fn no_reset_changes_or_revives_it(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let ask = async || {
        let request =
            RequestPasswordResetRequest { email: user.email.clone(), device_token: String::new() };
        let asked = server.auth.clone().request_password_reset(request).await.unwrap();
        server.delivered().await;
        asked.into_inner().reset_id
    };
    let before = ask().await;
    let code = logs::code(&user.username);
    delete(&server, &tokens, "").await.unwrap();
    assert_eq!(reason_of(reset(&server, &before, &code, NEW_PASSWORD).await), "CHALLENGE_INVALID");
    server.clock.advance(std::time::Duration::from_secs(120));
    let mails = logs::codes(&user.username).len();
    let meanwhile = ask().await;
    assert_eq!(logs::codes(&user.username).len(), mails, "no code is sent");
    let refused = reset(&server, &meanwhile, &code, NEW_PASSWORD).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    undo(&server, &code_of(&server, &user.username).await).await.unwrap();
    for id in [&before, &meanwhile] {
        let refused = reset(&server, id, &code, NEW_PASSWORD).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "nor after it");
    }
    assert!(server.login_only(&user.username, PASSWORD).await.is_ok());
}

#[apply(on_both)]
#[tokio::test]
async fn a_change_of_the_address_is_undone_only_when_the_account_is_back(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let request = ChangeEmailRequest {
        new_email: format!("{}@example.net", unique("moved")),
        password: PASSWORD.to_owned(),
        ..Default::default()
    };
    let asked = server.account.clone().change_email(bearer(&tokens, request)).await.unwrap();
    server.delivered().await;
    let (change_id, code) = (asked.into_inner().change_id, logs::code(&user.username));
    let request = ConfirmEmailChangeRequest { change_id, code, ..Default::default() };
    server.account.clone().confirm_email_change(bearer(&tokens, request)).await.unwrap();
    server.delivered().await;
    let told = logs::messages(&user.username);
    let told = told.iter().rfind(|told| told["purpose"] == "email_changed").unwrap();
    let undo_code = told["undo_code"].as_str().unwrap().to_owned();
    delete(&server, &tokens, "").await.unwrap();
    let move_back = async || {
        let undo_code = undo_code.clone();
        let request = UndoEmailChangeRequest { undo_code, ..Default::default() };
        server.auth.clone().undo_email_change(request).await
    };
    assert_eq!(reason_of(move_back().await), "CHALLENGE_INVALID");
    undo(&server, &code_of(&server, &user.username).await).await.unwrap();
    move_back().await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn its_name_and_address_stay_taken(backend: Backend) {
    let server = server(backend).await;
    let (user, ..) = deleted(&server).await;
    let name = RegisterRequest { username: user.username.to_uppercase(), ..registration(false) };
    assert_eq!(reason_of(server.register(name).await), "USERNAME_TAKEN");
    let email = RegisterRequest { email: user.email.clone(), ..registration(false) };
    assert_eq!(reason_of(server.register(email).await), "EMAIL_TAKEN");
    let (_, admin) = official(&server, "admin").await;
    let record = UserRecord {
        username: user.username.clone(),
        email: user.email.clone(),
        ..UserRecord::default()
    };
    let results = import(&server, &admin.access_token, vec![record]).await;
    assert_eq!(results[0].outcome, i32::from(countersign::pb::ImportOutcome::Exists));
    assert_eq!(results[0].user_id, user.id);
}

#[apply(on_both)]
#[tokio::test]
async fn a_login_that_waits_for_its_code_is_over(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    server.clock.advance(std::time::Duration::from_secs(60));
    let challenge = server.challenge(&user).await;
    server.delivered().await;
    let code = logs::code(&user.username);
    delete(&server, &tokens, "").await.unwrap();
    assert_eq!(reason_of(server.verify(&challenge, &code).await), "CHALLENGE_INVALID");
    undo(&server, &code_of(&server, &user.username).await).await.unwrap();
    assert_eq!(reason_of(server.verify(&challenge, &code).await), "CHALLENGE_INVALID");
}
