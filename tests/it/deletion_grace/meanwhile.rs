//! What becomes of an account between its deletion and its end: to the outside it is as a disabled one.

use countersign::pb::{
    RegisterRequest, RequestPasswordResetRequest, UserRecord, WatchRevocationsRequest,
    revocation::Subject,
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{DAY, by_nobody, code_of, count, delete, deleted, server, undo};
use crate::{
    admin::official,
    email_change,
    harness::{
        Backend, jwt, logs, on_both, reason_of,
        server::{PASSWORD, registration},
        soon, unique,
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

/// Whoever moved it to a mailbox of theirs got the code of its deletion, too. The owner has the one at the former mailbox.
#[apply(on_both)]
#[tokio::test]
async fn a_change_of_the_address_is_undone_and_the_deletion_with_it(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let former = email_change::move_away(&server, &tokens, &user).await;
    delete(&server, &tokens, "").await.unwrap();
    let of_the_deletion = code_of(&server, &user.username).await;
    email_change::undo(&server, &former).await.unwrap();
    let live = format!(
        "users WHERE email = '{}' AND disabled_at IS NULL AND deletion_due_at IS NULL AND deletion_code_mac IS NULL",
        user.email
    );
    assert_eq!(count(&server, &live).await, 1);
    for kind in ["email_change_undone", "deletion_undone"] {
        let of_user = format!("events WHERE kind = '{kind}' AND user_id IS NOT NULL");
        assert_eq!(count(&server, &of_user).await, 1, "{kind}");
    }
    assert_eq!(reason_of(undo(&server, &of_the_deletion).await), "CHALLENGE_INVALID");
    assert_eq!(reason_of(email_change::undo(&server, &former).await), "CHALLENGE_INVALID");
    // The password alone opens nothing.
    let back = server.session_by_mail(&user).await;
    assert_eq!(server.me(&back).await.unwrap().id, user.id);
    let store = server.database.store().await;
    assert_eq!(
        store.deletions_end(by_nobody(server.clock.now().plus(3 * DAY)), 9).await.unwrap(),
        0
    );
    store.close().await;
}

#[apply(on_both)]
#[tokio::test]
async fn no_change_of_the_address_is_undone_when_the_deletion_is_due(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let former = email_change::move_away(&server, &tokens, &user).await;
    delete(&server, &tokens, "").await.unwrap();
    server.clock.advance(3 * DAY);
    assert_eq!(reason_of(email_change::undo(&server, &former).await), "CHALLENGE_INVALID");
    assert_eq!(count(&server, "users WHERE disabled_at IS NOT NULL").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn those_who_watch_revocations_hear_of_it_at_once(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let watch = WatchRevocationsRequest::default();
    let mut stream = server.tokens.clone().watch_revocations(watch).await.unwrap().into_inner();
    delete(&server, &tokens, "").await.unwrap();
    let told = soon("the revocation", async {
        loop {
            let update = stream.message().await.unwrap().unwrap();
            if let Some(told) = update.revocation {
                break told;
            }
        }
    });
    let told = told.await;
    assert_eq!(told.subject, Some(Subject::UserId(user.id)));
    let epoch = jwt::claims(&tokens.access_token)["session_epoch"].as_i64().unwrap_or(0);
    assert!(told.session_epoch > epoch && told.kept_session_id.is_empty(), "{told:?}");
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
