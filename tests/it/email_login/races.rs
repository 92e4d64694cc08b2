//! Many at once.

use futures_util::future::join_all;
use rstest::rstest;

use super::{finish, open, server, tokens, verified, verify};
use crate::{
    factors::enrolled,
    harness::{Backend, reason, reason_of, server::PASSWORD},
    mailbox::{COOL_DOWN, NEW_PASSWORD},
};

const CALLERS: usize = 64;

#[rstest]
#[tokio::test]
async fn of_64_callers_with_the_right_code_one_logs_in_or_gets_the_challenge(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(false, true)] with_app: bool,
) {
    let server = server(backend).await;
    let user = if with_app {
        let user = enrolled(&server).await.user;
        verify(&server, &user).await;
        user
    } else {
        verified(&server, false).await
    };
    let (id, code) = open(&server, &user).await;
    let answers = join_all((0..CALLERS).map(|_| finish(&server, &id, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refused in answers.into_iter().filter_map(Result::err) {
        let reason = reason(&refused);
        assert!(["CHALLENGE_INVALID", "CHALLENGE_EXHAUSTED"].contains(&&*reason), "{reason}");
    }
    let count = async |sql: &str| server.database.number(sql).await;
    let sessions = count("SELECT COUNT(*) FROM sessions WHERE amr = 'otp'").await;
    let challenges = count("SELECT COUNT(*) FROM challenges WHERE first_proof = 'mailbox'").await;
    assert_eq!((sessions, challenges), if with_app { (0, 1) } else { (1, 0) });
}

/// Whichever comes first: a session by the code is ended by the new password, or does not begin.
#[rstest]
#[tokio::test]
async fn no_session_slips_in_beside_a_change_of_the_password(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    for _ in 0..6 {
        let user = verified(&server, false).await;
        let session = server.session(&user).await;
        let (id, code) = open(&server, &user).await;
        let (by_code, changed) = tokio::join!(
            finish(&server, &id, &code),
            server.change_password(&session, PASSWORD, NEW_PASSWORD),
        );
        changed.unwrap();
        match by_code {
            Ok(outcome) => {
                assert_eq!(reason_of(server.me(&tokens(outcome)).await), "TOKEN_INVALID");
            }
            Err(refused) => assert_eq!(reason(&refused), "CHALLENGE_INVALID"),
        }
        server.clock.advance(COOL_DOWN);
    }
}
