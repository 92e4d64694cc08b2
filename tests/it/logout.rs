//! Logout.

use rstest::rstest;
use tonic::Code;

use crate::harness::{Backend, Server, logs, reason};

#[rstest]
#[tokio::test]
async fn any_refresh_token_of_a_session_ends_it_spent_or_not_and_once_more_is_no_error(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let other = server.session(&user).await;
    for spent in [true, false] {
        let first = server.session(&user).await;
        let second = server.refresh(&first.refresh_token, "").await.unwrap();
        let token = if spent { &first.refresh_token } else { &second.refresh_token };
        server.logout(token).await.unwrap();
        for tokens in [&first, &second] {
            assert_eq!(reason(&server.me(tokens).await.unwrap_err()), "TOKEN_INVALID");
            let refused = server.refresh(&tokens.refresh_token, "").await.unwrap_err();
            assert_eq!(reason(&refused), "TOKEN_INVALID");
            server.logout(&tokens.refresh_token).await.unwrap();
        }
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM revocations").await, 2);
    assert!(server.me(&other).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn a_session_that_began_with_a_second_factor_ends_the_same_way(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    server.logout(&tokens.refresh_token).await.unwrap();
    assert_eq!(reason(&server.me(&tokens).await.unwrap_err()), "TOKEN_INVALID");
}

#[tokio::test]
async fn what_is_no_refresh_token_of_ours_ends_nothing() {
    let server = Server::start(Backend::Sqlite).await;
    let tokens = server.session(&server.user(false).await).await;
    for text in ["", "nonsense", &tokens.access_token, &tokens.session_id] {
        let refused = server.logout(text).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::Unauthenticated, "TOKEN_INVALID".into())
        );
    }
    assert!(server.me(&tokens).await.is_ok());
}
