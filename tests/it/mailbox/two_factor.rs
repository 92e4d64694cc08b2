//! A reset never stands in for the second factor.

use countersign::pb::login_response::Result as Outcome;
use rstest::rstest;
use tonic::Code;

use super::{NEW_PASSWORD, open_reset, reason_of, reset};
use crate::harness::{
    Backend, Server, reason,
    server::{PASSWORD, wrong},
};

/// The code for the login would come to the very mailbox that the reset came to: one factor, twice.
#[rstest]
#[tokio::test]
async fn who_has_no_second_factor_but_the_mailbox_is_not_reset_by_the_mailbox(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let (id, code) = open_reset(&server, &user).await;
    // Only whoever had the right code hears of it.
    let guessed = reset(&server, &id, &wrong(&code), NEW_PASSWORD).await;
    assert_eq!(reason_of(guessed), "CHALLENGE_INVALID");
    let refused = reset(&server, &id, &code, NEW_PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "FACTOR_UNAVAILABLE".into())
    );
    let login = server.login(&user.username, PASSWORD).await.unwrap();
    assert!(matches!(login.result, Some(Outcome::Challenge(_))));
}
