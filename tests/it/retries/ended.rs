//! Sessions that have ended: a retry of the request that ended them, and nothing else.

use rstest::rstest;

use super::{Change, asking, new_id, send};
use crate::harness::{Backend, Server, reason_of, server::wrong};

#[rstest]
#[tokio::test]
async fn a_session_gets_the_answer_of_the_request_that_ended_it_and_nothing_else(
    #[values(Change::Confirm, Change::Deletion)] change: Change,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (mut asking, id) = (asking(&server, change).await, new_id());
    let first = send(&server, &asking, change, &id).await.unwrap();
    assert_eq!(send(&server, &asking, change, &id).await.unwrap(), first);
    for other in [Change::Password, Change::Begin, Change::RecoveryCodes] {
        assert_eq!(reason_of(send(&server, &asking, other, &id).await), "TOKEN_INVALID");
    }
    let other = if change == Change::Confirm { Change::Deletion } else { Change::Confirm };
    if change == Change::Deletion {
        (asking.secret_id, asking.code) = (new_id(), "123456".to_owned());
    }
    for id in [id.clone(), new_id(), String::new()] {
        assert_eq!(reason_of(send(&server, &asking, other, &id).await), "TOKEN_INVALID");
    }
    assert_eq!(reason_of(server.me(&asking.tokens).await), "TOKEN_INVALID");
    if change == Change::Confirm {
        // The recovery codes are for whoever knows all of the request.
        asking.code = wrong(&asking.code);
        assert_eq!(reason_of(send(&server, &asking, change, &id).await), "TOKEN_INVALID");
    }
}

#[rstest]
#[tokio::test]
async fn a_session_that_was_logged_out_can_ask_for_nothing(
    #[values(Change::Confirm, Change::Deletion)] change: Change,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let asking = asking(&server, change).await;
    server.logout(&asking.tokens.refresh_token).await.unwrap();
    for id in [new_id(), "not a uuid".to_owned(), String::new()] {
        assert_eq!(reason_of(send(&server, &asking, change, &id).await), "TOKEN_INVALID");
    }
    assert!(server.login_only(&asking.user.username, &asking.password).await.is_ok());
}
