//! Assertions that are right when they are checked, and come too late: of a copy, or after the passkey or the account is gone (race).

use countersign::pb::{Tokens, User};
use rstest::rstest;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{ask, log_in, prove, recorded, registered, second_factor::answer};
use crate::{
    factors::set_two_factor,
    harness::{Backend, Server, eventually, logs, passkey::Passkey, reason_of, server::PASSWORD},
};

/// What the store writes first of an assertion by itself.
const CHALLENGE_USED: &str = "INSERT ON used_assertions";

/// What the other authenticator did meanwhile.
const COUNTER_RAISED: &str = "UPDATE passkeys SET sign_count = 1000";

/// What an assertion is given for.
#[derive(Debug, Clone, Copy)]
enum By {
    Login,
    StepUp,
}

impl By {
    async fn send(self, server: &Server, tokens: &Tokens, answer: &str) -> String {
        match self {
            Self::Login => reason_of(log_in(server, answer).await),
            Self::StepUp => reason_of(prove(server, tokens, answer).await),
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Login => "login_failed",
            Self::StepUp => "confirmation_failed",
        }
    }
}

/// How often the user was told of a copy.
async fn told(server: &Server, user: &User) -> usize {
    server.delivered().await;
    logs::notices(&user.username).iter().filter(|notice| *notice == "passkey_copied").count()
}

#[rstest]
#[tokio::test]
async fn a_copy_that_is_later_by_a_moment_is_told_of(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(By::Login, By::StepUp)] by: By,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    let late = passkey.get(&ask(&server).await);
    server.database.overtake(CHALLENGE_USED, COUNTER_RAISED).await;
    assert_eq!(by.send(&server, &tokens, &late).await, "INVALID_CREDENTIALS");
    // The same answer again is told by its challenge.
    assert_eq!(by.send(&server, &tokens, &late).await, "CHALLENGE_INVALID");
    assert_eq!(told(&server, &user).await, 1);
    assert_eq!(recorded(&server, "passkey_copied").await, 1);
    assert_eq!(recorded(&server, by.event()).await, 1);
}

#[rstest]
#[case::no_passkey("DELETE FROM passkeys")]
#[case::no_account("UPDATE users SET disabled_at = created_at")]
#[tokio::test]
async fn what_is_gone_meanwhile_is_a_failure_and_no_copy(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(By::Login, By::StepUp)] by: By,
    #[case] happens: &str,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    let late = passkey.get(&ask(&server).await);
    server.database.overtake(CHALLENGE_USED, happens).await;
    assert_eq!(by.send(&server, &tokens, &late).await, "INVALID_CREDENTIALS");
    assert_eq!(recorded(&server, by.event()).await, 1);
    assert_eq!((told(&server, &user).await, recorded(&server, "passkey_copied").await), (0, 0));
}

/// A user who is asked for the second factor at the next login.
async fn with_second_factor(server: &Server) -> (User, Passkey) {
    let (user, tokens, passkey) = registered(server).await;
    set_two_factor(server, &tokens, true, PASSWORD).await.unwrap();
    (user, passkey)
}

/// The same request twice at once: the second one has its attempt, and finds the counter that the first one raised.
#[rstest]
#[case::by_the_same_answer("; UPDATE challenges SET consumed_at = created_at", 0)]
#[case::by_a_copy("", 1)]
#[tokio::test]
async fn a_factor_is_no_copy_where_its_challenge_was_answered_meanwhile(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] consumed: &str,
    #[case] copies: i64,
) {
    let server = Server::start(backend).await;
    let (user, mut passkey) = with_second_factor(&server).await;
    let challenge = server.challenge(&user).await;
    let late = passkey.get(&challenge.passkey_request_options_json);
    let happens = format!("{COUNTER_RAISED}{consumed}");
    server.database.overtake("UPDATE OF attempts ON challenges", &happens).await;
    assert_eq!(reason_of(answer(&server, &challenge, late).await), "CHALLENGE_INVALID");
    assert_eq!(recorded(&server, "passkey_copied").await, copies);
    assert_eq!(told(&server, &user).await, usize::try_from(copies).unwrap());
}

/// It was right, and waits for the row of a copy that is faster. On Postgres: SQLite has one writer, so that nobody waits there.
#[tokio::test]
async fn a_factor_that_waits_for_a_copy_is_told_of() {
    let server = Server::start(Backend::Postgres).await;
    let (user, mut passkey) = with_second_factor(&server).await;
    let challenge = server.challenge(&user).await;
    let late = passkey.get(&challenge.passkey_request_options_json);
    let mut copy = PgConnection::connect(&server.database.url).await.unwrap();
    copy.execute("BEGIN").await.unwrap();
    copy.execute(COUNTER_RAISED).await.unwrap();
    let waits = "SELECT COUNT(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let is_faster = async {
        eventually("a wait", async || server.database.number(waits).await == 1).await;
        copy.execute("COMMIT").await.unwrap();
    };
    let (answered, ()) = tokio::join!(answer(&server, &challenge, late), is_faster);
    assert_eq!(reason_of(answered), "CHALLENGE_INVALID");
    assert_eq!((told(&server, &user).await, recorded(&server, "passkey_copied").await), (1, 1));
}
