//! UndoDeletion.

use countersign::pb::login_response::Result as Outcome;
use rstest::rstest;
use rstest_reuse::apply;
use tonic::Code;

use super::{DAY, code_of, count, delete, deleted, server, undo, undo_with};
use crate::{
    admin::official,
    factors::{enroll, session_by_app},
    harness::{Backend, Server, logs, on_both, reason, reason_of, server::PASSWORD, violations},
    mailbox::{NEW_PASSWORD, reset},
};

#[apply(on_both)]
#[tokio::test]
async fn the_account_is_back_with_its_password_and_without_its_sessions(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let (tokens, other) = (server.session(&user).await, server.session(&user).await);
    let answer = delete(&server, &tokens, "").await.unwrap();
    let due = server.clock.now().plus(3 * DAY).unix_seconds();
    assert_eq!(answer.delete_time.unwrap().seconds, due);
    for ended in [&tokens, &other] {
        assert_eq!(reason_of(server.me(ended).await), "TOKEN_INVALID");
        assert_eq!(reason_of(server.refresh(&ended.refresh_token, "").await), "TOKEN_INVALID");
    }
    let code = code_of(&server, &user.username).await;
    undo(&server, &code.to_lowercase().replace('-', " ")).await.unwrap();
    for ended in [&tokens, &other] {
        assert_eq!(reason_of(server.me(ended).await), "TOKEN_INVALID");
        assert_eq!(reason_of(server.refresh(&ended.refresh_token, "").await), "TOKEN_INVALID");
    }
    server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["deletion_requested", "deletion_undone"]);
    // Whoever deleted it knew the password: that opens nothing by itself, however long that is ago.
    server.clock.advance(31 * DAY);
    let login = server.login_only(&user.username, PASSWORD).await.unwrap().result;
    let Some(Outcome::Challenge(challenge)) = login else { panic!("{login:?}") };
    server.delivered().await;
    let back = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    let me = server.me(&back).await.unwrap();
    assert_eq!((me.id, me.username, me.email), (user.id, user.username, user.email));
    let states =
        "users WHERE disabled_at IS NULL AND deletion_due_at IS NULL AND deletion_code_mac IS NULL";
    assert_eq!(count(&server, states).await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn another_password_makes_the_account_what_it_was(backend: Backend) {
    let server = server(backend).await;
    let (user, _, code) = deleted(&server).await;
    undo(&server, &code).await.unwrap();
    let asked = countersign::pb::RequestPasswordResetRequest {
        email: user.email.clone(),
        device_token: String::new(),
    };
    let asked = server.auth.clone().request_password_reset(asked).await.unwrap().into_inner();
    server.delivered().await;
    let code = logs::code(&user.username);
    reset(&server, &asked.reset_id, &code, NEW_PASSWORD).await.unwrap();
    let login = server.login_only(&user.username, NEW_PASSWORD).await.unwrap().result;
    assert!(matches!(login, Some(Outcome::Tokens(_))), "{login:?}");
}

#[apply(on_both)]
#[tokio::test]
async fn factors_are_what_they_were(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let (app, _) = enroll(&server, &server.session(&user).await).await;
    server.clock.advance(std::time::Duration::from_secs(30));
    let tokens = session_by_app(&server, &user, &app).await;
    delete(&server, &tokens, "").await.unwrap();
    assert_eq!(reason_of(server.login_only(&user.username, PASSWORD).await), "INVALID_CREDENTIALS");
    undo(&server, &code_of(&server, &user.username).await).await.unwrap();
    let back = session_by_app(&server, &user, &app).await;
    assert!(server.me(&back).await.unwrap().two_factor_enabled);
    assert_eq!(count(&server, "recovery_codes").await, 10);
}

#[apply(on_both)]
#[tokio::test]
async fn a_code_works_once_in_time_and_for_nothing_else(backend: Backend) {
    let server = server(backend).await;
    let (_, _, code) = deleted(&server).await;
    for bad in ["", "x", "0123"] {
        assert_eq!(violations(&undo(&server, bad).await.unwrap_err()), ["undo_code"], "{bad}");
    }
    let refused = undo(&server, "0123456789ABCDEFGHJKMNPQ").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::PermissionDenied, "CHALLENGE_INVALID".into())
    );
    let request =
        countersign::pb::UndoEmailChangeRequest { undo_code: code.clone(), ..Default::default() };
    let other = server.auth.clone().undo_email_change(request).await;
    assert_eq!(reason_of(other), "CHALLENGE_INVALID", "it is of another kind");
    undo(&server, &code).await.unwrap();
    assert_eq!(reason_of(undo(&server, &code).await), "CHALLENGE_INVALID");
    assert_eq!(count(&server, "events WHERE kind = 'deletion_undone'").await, 1);

    let (user, _, late) = deleted(&server).await;
    server.clock.advance(3 * DAY);
    // Whether the janitor has come or not.
    assert_eq!(reason_of(undo(&server, &late).await), "CHALLENGE_INVALID");
    assert_eq!(reason_of(server.login_only(&user.username, PASSWORD).await), "INVALID_CREDENTIALS");
}

#[apply(on_both)]
#[tokio::test]
async fn wrong_codes_are_counted_for_their_source(backend: Backend) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.deletion_grace = 3 * DAY;
        // A sixth of them at once.
        config.policy.source_failures = 18;
        config.listen.trusted_proxies =
            countersign::domain::TrustedProxies::parse("127.0.0.0/8").unwrap();
    })
    .await;
    server.clock.stop();
    let (_, _, code) = deleted(&server).await;
    let from = async |code: &str, address: &str| {
        let undo_code = code.to_owned();
        let request = countersign::pb::UndoDeletionRequest { undo_code, ..Default::default() };
        let mut request = tonic::Request::new(request);
        request.metadata_mut().insert("x-forwarded-for", address.parse().unwrap());
        server.auth.clone().undo_deletion(request).await
    };
    for guess in
        ["0123456789ABCDEFGHJKMNPQ", "1123456789ABCDEFGHJKMNPQ", "2123456789ABCDEFGHJKMNPQ"]
    {
        assert_eq!(reason_of(from(guess, "192.0.2.1").await), "CHALLENGE_INVALID");
    }
    assert_eq!(reason_of(from(&code, "192.0.2.1").await), "THROTTLED");
    from(&code, "192.0.2.2").await.unwrap();
    assert_eq!(count(&server, "events WHERE kind = 'code_failed'").await, 3);
}

#[apply(on_both)]
#[tokio::test]
async fn a_lost_answer_is_given_again_to_the_same_request(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let (first, second) = (uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7().to_string());
    let id = uuid::Uuid::now_v7().to_string();
    let answer = delete(&server, &tokens, &id).await.unwrap();
    server.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(delete(&server, &tokens, &id).await.unwrap(), answer, "the same date");
    assert_eq!(reason_of(delete(&server, &tokens, &first).await), "TOKEN_INVALID");
    assert_eq!(count(&server, "events WHERE kind = 'deletion_requested'").await, 1);
    let code = code_of(&server, &user.username).await;
    for _ in 0..2 {
        undo_with(&server, &code, &second).await.unwrap();
    }
    assert_eq!(reason_of(undo_with(&server, &code, &id).await), "CHALLENGE_INVALID");
    assert_eq!(count(&server, "events WHERE kind = 'deletion_undone'").await, 1);
}

/// The code would go to whoever has the mailbox.
#[apply(on_both)]
#[tokio::test]
async fn an_address_that_was_never_verified_gets_no_code(backend: Backend) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.deletion_grace = 3 * DAY;
        config.policy.email_verification = true;
    })
    .await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    assert_eq!(delete(&server, &tokens, "").await.unwrap().delete_time, None);
    server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["account_deleted"]);
    assert_eq!(count(&server, "users WHERE deleted_at IS NOT NULL").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn without_the_setting_it_is_final_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    assert_eq!(delete(&server, &tokens, "").await.unwrap().delete_time, None);
    assert_eq!(count(&server, "users WHERE deleted_at IS NOT NULL").await, 1);
    assert_eq!(count(&server, "users WHERE deletion_due_at IS NOT NULL").await, 0);
}

#[apply(on_both)]
#[tokio::test]
async fn the_last_administrator_stays(backend: Backend) {
    let server = server(backend).await;
    let ((_, first), (_, second)) =
        (official(&server, "admin").await, official(&server, "admin").await);
    delete(&server, &first, "").await.unwrap();
    let refused = delete(&server, &second, "").await.unwrap_err();
    assert_eq!(reason(&refused), "LAST_ADMINISTRATOR");
    assert!(server.me(&second).await.is_ok());
}
