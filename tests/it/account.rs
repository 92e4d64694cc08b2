//! AccountService.

use countersign::pb::{
    ChangePasswordRequest, RevokeOtherSessionsRequest, RevokeSessionRequest, Tokens, User,
};
use rstest::rstest;
use tonic::{Code, Status};

use crate::harness::{
    Backend, Server, logs, reason,
    server::{PASSWORD, bearer, registration},
    violations,
};

const OTHER_PASSWORD: &str = "another long passphrase";

async fn revoke(server: &Server, tokens: &Tokens, session_id: &str) -> Result<(), Status> {
    let request = bearer(tokens, RevokeSessionRequest { session_id: session_id.to_owned() });
    server.account.clone().revoke_session(request).await.map(|_| ())
}

async fn assert_over(server: &Server, tokens: &Tokens) {
    assert_eq!(reason(&server.me(tokens).await.unwrap_err()), "TOKEN_INVALID");
    let refused = server.refresh(&tokens.refresh_token, "").await.unwrap_err();
    assert_eq!(reason(&refused), "TOKEN_INVALID");
}

/// Two sessions of one user, and one of another.
async fn sessions(server: &Server) -> (User, [Tokens; 2], Tokens) {
    let (user, neighbour) = (server.user(false).await, server.user(false).await);
    let tokens = [server.session(&user).await, server.session(&user).await];
    let other = server.session(&neighbour).await;
    (user, tokens, other)
}

#[rstest]
#[tokio::test]
async fn a_user_sees_themselves_as_they_are_now(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    assert_eq!(server.me(&tokens).await.unwrap(), user);
    server.database.run("UPDATE users SET roles = 'admin'").await;
    assert_eq!(server.me(&tokens).await.unwrap().roles, ["admin"]);
}

#[rstest]
#[tokio::test]
async fn a_user_sees_their_own_live_sessions_and_which_one_asks(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (_, [first, second], _) = sessions(&server).await;
    server.clock.advance(std::time::Duration::from_secs(60));
    let first = server.refresh(&first.refresh_token, "").await.unwrap();
    let listed = server.sessions(&second).await.unwrap();
    let seen: Vec<_> = listed.iter().map(|session| (&session.id, session.current)).collect();
    assert_eq!(seen, [(&first.session_id, false), (&second.session_id, true)]);
    assert_eq!(listed[0].address, "127.0.0.1");
    let seconds = |time: &Option<prost_types::Timestamp>| time.as_ref().unwrap().seconds;
    for (session, used_after) in [(&listed[0], 60), (&listed[1], 0)] {
        let used = seconds(&session.last_used_time);
        assert!((0..10).contains(&(used - seconds(&session.create_time) - used_after)));
        assert_eq!(seconds(&session.expire_time) - used, 14 * 24 * 60 * 60);
    }
    server.logout(&first.refresh_token).await.unwrap();
    assert_eq!(server.sessions(&second).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_user_ends_sessions_of_their_own_and_nobody_elses(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (_, [first, second], other) = sessions(&server).await;
    let nobodys = uuid::Uuid::now_v7().to_string();
    for id in [&second.session_id, &second.session_id, &other.session_id, &nobodys] {
        revoke(&server, &first, id).await.unwrap();
    }
    assert_over(&server, &second).await;
    assert!(server.me(&other).await.is_ok());
    assert_eq!(server.database.number("SELECT COUNT(*) FROM revocations").await, 1);
    let refused = revoke(&server, &first, "first").await.unwrap_err();
    assert_eq!(
        (reason(&refused), violations(&refused)),
        ("INVALID_FIELD".into(), vec!["session_id".into()])
    );
    revoke(&server, &first, &first.session_id).await.unwrap();
    assert_over(&server, &first).await;
}

#[rstest]
#[tokio::test]
async fn a_user_ends_all_other_sessions_and_hears_how_many(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, [first, second], other) = sessions(&server).await;
    let third = server.session(&user).await;
    for expected in [2, 0] {
        let request = bearer(&first, RevokeOtherSessionsRequest {});
        let answer = server.account.clone().revoke_other_sessions(request).await.unwrap();
        assert_eq!(answer.into_inner().revoked_count, expected);
    }
    for ended in [&second, &third] {
        assert_over(&server, ended).await;
    }
    assert!(server.me(&first).await.is_ok() && server.me(&other).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn another_password_counts_at_once_and_ends_all_sessions_but_the_one_that_asks(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, [first, second], other) = sessions(&server).await;
    server.change_password(&first, PASSWORD, OTHER_PASSWORD).await.unwrap();
    let refused = server.login(&user.username, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
    assert!(server.login(&user.username, OTHER_PASSWORD).await.is_ok());
    assert_over(&server, &second).await;
    assert!(server.me(&first).await.is_ok() && server.me(&other).await.is_ok());
    let next = server.refresh(&first.refresh_token, "").await.unwrap();
    // And the next change goes by the next password.
    server.change_password(&next, OTHER_PASSWORD, PASSWORD).await.unwrap();
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
}

/// Whoever has asked for a code with the old password can't finish with it.
#[rstest]
#[tokio::test]
async fn another_password_ends_open_challenges(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let first = server.challenge(&user).await;
    let tokens = server.verify(&first, &logs::code(&user.username)).await.unwrap();
    let open = server.challenge(&user).await;
    let code = logs::code(&user.username);
    server.change_password(&tokens, PASSWORD, OTHER_PASSWORD).await.unwrap();
    let refused = server.verify(&open, &code).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
}

/// Who did not do it themselves must learn of it. Of what failed there is nothing to tell.
#[rstest]
#[tokio::test]
async fn a_user_is_told_once_that_the_password_was_changed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    server.change_password(&tokens, "a wrong guess", OTHER_PASSWORD).await.unwrap_err();
    server.change_password(&tokens, PASSWORD, OTHER_PASSWORD).await.unwrap();
    server.delivered().await;
    let told = logs::messages(&user.username);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["message"], "notice");
    assert_eq!(told[0]["purpose"], "password_changed");
    assert_eq!(told[0]["destination"], user.email.as_str());
    let line = told[0].to_string();
    for secret in [PASSWORD, OTHER_PASSWORD, &tokens.access_token, &tokens.refresh_token] {
        assert!(!line.contains(secret), "{line}");
    }
}

#[rstest]
#[tokio::test]
async fn the_current_password_must_be_right_and_the_new_one_as_good_as_at_registration(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let refused = server.change_password(&tokens, "a wrong guess", OTHER_PASSWORD).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::PermissionDenied, "INVALID_CREDENTIALS".into())
    );
    for bad in ["", "short", "password", &format!("my {} key", user.username), &user.email] {
        let refused = server.change_password(&tokens, PASSWORD, bad).await.unwrap_err();
        assert_eq!(
            (reason(&refused), violations(&refused)),
            ("INVALID_FIELD".into(), vec!["new_password".into()]),
            "{bad}"
        );
    }
    let empty = bearer(&tokens, ChangePasswordRequest::default());
    let refused = server.account.clone().change_password(empty).await.unwrap_err();
    assert_eq!(violations(&refused), ["current_password", "new_password"]);
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn an_account_is_deleted_by_its_password_and_its_name_is_free_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let request = registration(false);
    let user = server.register(request.clone()).await.unwrap();
    let (first, second) = (server.session(&user).await, server.session(&user).await);
    let refused = server.delete_me(&first, "a wrong guess").await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
    let refused = server.delete_me(&first, "").await.unwrap_err();
    assert_eq!(
        (reason(&refused), violations(&refused)),
        ("INVALID_FIELD".into(), vec!["password".into()])
    );
    assert!(server.me(&first).await.is_ok());

    server.delete_me(&first, PASSWORD).await.unwrap();
    server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["account_deleted"]);
    for tokens in [&first, &second] {
        assert_over(&server, tokens).await;
    }
    let refused = server.login(&user.username, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
    let told = "SELECT COUNT(*) FROM revocations WHERE user_id IS NOT NULL";
    assert_eq!(server.database.number(told).await, 1);

    let again = server.register(request).await.unwrap();
    assert_ne!(again.id, user.id);
    assert_over(&server, &first).await;
}
