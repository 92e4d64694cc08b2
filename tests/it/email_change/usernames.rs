//! ChangeUsername.

use rstest::rstest;
use tonic::Code;

use super::{logs_in, rename, user};
use crate::harness::{
    Backend, Server, jwt, logs, reason, reason_of,
    server::{PASSWORD, registration},
    unique, violations,
};

#[rstest]
#[tokio::test]
async fn the_new_name_counts_at_once_and_is_in_tokens_from_the_next_refresh_on(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let new = unique("Renamed");
    let renamed = rename(&server, &tokens, &new).await.unwrap();
    assert_eq!((&renamed.username, &renamed.id), (&new, &user.id));
    assert_eq!(server.me(&tokens).await.unwrap().username, new);
    assert!(logs_in(&server, &new.to_lowercase(), PASSWORD).await, "in any case");
    assert!(!logs_in(&server, &user.username, PASSWORD).await);
    let named = |token: &str| jwt::claims(token)["preferred_username"].as_str().unwrap().to_owned();
    assert_eq!(named(&tokens.access_token), user.username);
    let tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    assert_eq!(named(&tokens.access_token), new);
    server.delivered().await;
    assert_eq!(logs::notices(&new), ["username_changed"]);
    let recorded =
        "SELECT COUNT(*) FROM events WHERE kind = 'username_changed' AND session_id IS NOT NULL";
    assert_eq!(server.database.number(recorded).await, 1);
    // The old one is free.
    let request =
        countersign::pb::RegisterRequest { username: user.username, ..registration(false) };
    server.register(request).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_name_that_is_taken_one_s_own_or_no_name_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let ((first, tokens), (second, _)) = (user(&server).await, user(&server).await);
    let refused = rename(&server, &tokens, &second.username.to_uppercase()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::AlreadyExists, "USERNAME_TAKEN".into()));
    assert_eq!(violations(&refused), ["new_username"]);
    for bad in [first.username.as_str(), "a b", "", "a@example.com"] {
        assert_eq!(violations(&rename(&server, &tokens, bad).await.unwrap_err()), ["new_username"]);
    }
    assert_eq!(server.me(&tokens).await.unwrap().username, first.username);
    // Another spelling of one's own is a name.
    rename(&server, &tokens, &first.username.to_uppercase()).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn it_takes_the_password(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    server.change_password(&tokens, PASSWORD, "another long passphrase").await.unwrap();
    let refused = rename(&server, &tokens, &unique("renamed")).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::PermissionDenied, "INVALID_CREDENTIALS".into())
    );
    assert_eq!(server.me(&tokens).await.unwrap().username, user.username);
}

#[rstest]
#[tokio::test]
async fn of_two_who_want_one_name_one_gets_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for _ in 0..6 {
        let ((_, tokens), (_, theirs)) = (user(&server).await, user(&server).await);
        let new = unique("wanted");
        let (one, other) =
            tokio::join!(rename(&server, &tokens, &new), rename(&server, &theirs, &new));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        assert_eq!(reason_of(one.and(other)), "USERNAME_TAKEN");
    }
}
