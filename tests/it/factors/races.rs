//! 64 callers at once.

use countersign::pb::{Challenge, Tokens, verify2_fa_request::Proof};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::Status;

use super::{Enrolled, answer, begin, confirm, enrolled, notices, recovery, set_two_factor, totp};
use crate::harness::{Backend, Server, authenticator::App, reason, server::PASSWORD};

const CALLERS: usize = 64;

/// How many succeeded; the others must have been refused for one of these reasons.
fn winners<T>(answers: &[Result<T, Status>], reasons: &[&str]) -> usize {
    let refused: Vec<_> =
        answers.iter().filter_map(|answer| answer.as_ref().err()).map(reason).collect();
    assert!(refused.iter().all(|reason| reasons.contains(&reason.as_str())), "{refused:?}");
    answers.len() - refused.len()
}

/// One challenge, or so many that the attempts of each are no limit.
async fn challenges(server: &Server, who: &Enrolled, number: usize) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    for _ in 0..number {
        challenges.push(server.challenge(&who.user).await);
    }
    challenges
}

async fn race(
    server: &Server,
    challenges: &[Challenge],
    proof: Proof,
) -> Vec<Result<Tokens, Status>> {
    let turns = challenges.iter().cycle().take(CALLERS);
    join_all(turns.map(|challenge| answer(server, challenge, proof.clone()))).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_code_of_an_app_gives_one_pair_of_tokens(
    #[values(1, 16)] number: usize,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let challenges = challenges(&server, &who, number).await;
    let answers = race(&server, &challenges, totp(who.app.code_at(&server.clock))).await;
    let reasons = ["CHALLENGE_INVALID", "CHALLENGE_EXHAUSTED", "THROTTLED"];
    assert_eq!(winners(&answers, &reasons), 1);
    // The one that enrolled, and the one that won.
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_recovery_code_gives_one_pair_of_tokens(
    #[values(1, 16)] number: usize,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let challenges = challenges(&server, &who, number).await;
    let answers = race(&server, &challenges, recovery(&who.codes[0])).await;
    let reasons = ["CHALLENGE_INVALID", "CHALLENGE_EXHAUSTED", "THROTTLED"];
    assert_eq!(winners(&answers, &reasons), 1);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 2);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM recovery_codes").await, 9);
    assert_eq!(notices(&server, &who.user).await, ["app_added", "recovery_code_used"]);
}

/// Otherwise somebody would hold recovery codes that another call has already replaced.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_is_confirmed_by_one_of_many(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let begun = begin(&server, &tokens, PASSWORD).await.unwrap();
    let code = App::scan(&begun.otpauth_uri).code_at(&server.clock);
    let answers =
        join_all((0..CALLERS).map(|_| confirm(&server, &tokens, &begun.enrollment_id, &code)))
            .await;
    // The one that wins turns the factor on, which ends the session that all ask with.
    let reasons = ["CHALLENGE_INVALID", "CHALLENGE_EXHAUSTED", "TOKEN_INVALID"];
    assert_eq!(winners(&answers, &reasons), 1);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM recovery_codes").await, 10);
    assert_eq!(notices(&server, &user).await, ["app_added"]);
}

/// Whether the address is verified was looked at while the second factor was on, and nothing was to be turned on.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_race_turns_codes_on_for_an_address_that_is_not_verified(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server =
        Server::start_with(backend, |config, _| config.policy.email_verification = true).await;
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    server.database.run("UPDATE users SET email_verified = FALSE").await;
    // Fewer than the notices that an account gets in an hour: the one that turns it off must not be refused for the others.
    let callers = (0..48).map(|number| set_two_factor(&server, &tokens, number != 4, PASSWORD));
    let answers = join_all(callers).await;
    assert!(answers[4].is_ok(), "{:?}", answers[4]);
    let reasons = ["EMAIL_UNVERIFIED", "THROTTLED"];
    winners(&answers, &reasons);
    let turned = async |kind| {
        let sql = format!("SELECT COUNT(*) FROM events WHERE kind = 'two_factor_{kind}'");
        server.database.number(&sql).await
    };
    assert_eq!([turned("off").await, turned("on").await], [1, 0]);
    let on = "SELECT COUNT(*) FROM users WHERE is_2fa_enabled";
    assert_eq!(server.database.number(on).await, 0);
}
