//! Codes of an app: what counts, and that none counts twice.

use std::time::Duration;

use countersign::pb::{Challenge, login_response::Result as Outcome, verify2_fa_request::Proof};
use rstest::rstest;
use tonic::Code;

use super::{STEP, answer, counting, enroll, enrolled, recovery, totp, wrong_for};
use crate::harness::{
    Backend, Server,
    authenticator::step,
    logs, reason, reason_of,
    server::{PASSWORD, wrong},
};

#[rstest]
#[tokio::test]
async fn a_code_counts_one_step_early_or_late_and_no_more(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    // Well after the step that the enrolment has used up.
    server.clock.advance(10 * STEP);
    let now = step(&server.clock);
    for (off, counts) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        let challenge = server.challenge(&who.user).await;
        let answered = answer(&server, &challenge, totp(who.app.code(now + off))).await;
        assert_eq!(answered.is_ok(), counts, "{off}");
    }
}

#[rstest]
#[tokio::test]
async fn no_step_counts_twice_nor_one_before_it_nor_that_of_the_enrolment(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let now = step(&server.clock);
    let of_enrolment = who.app.code(now - 1);
    let (one, other) = (server.challenge(&who.user).await, server.challenge(&who.user).await);
    assert_eq!(reason_of(answer(&server, &one, totp(of_enrolment)).await), "CHALLENGE_INVALID");
    let code = who.app.code(now);
    answer(&server, &one, totp(code.as_str())).await.unwrap();
    // Neither for the challenge that it has answered, nor for one that was open meanwhile, nor for one that came later.
    let later = server.challenge(&who.user).await;
    for challenge in [&one, &other, &later] {
        let refused = answer(&server, challenge, totp(code.as_str())).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::Unauthenticated, "CHALLENGE_INVALID".into())
        );
    }
    server.clock.advance(STEP);
    let next = who.app.code(now + 1);
    answer(&server, &other, totp(next)).await.unwrap();
    // Its step is within the drift, but an older one than the last.
    assert_eq!(reason_of(answer(&server, &later, totp(code)).await), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test]
async fn the_code_of_somebody_elses_app_is_a_wrong_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (one, mut other) = (enrolled(&server).await, enrolled(&server).await);
    // Two apps show the same code now and then.
    while counting(&one.app, &server).contains(&other.app.code_at(&server.clock)) {
        other = enrolled(&server).await;
    }
    let challenge = server.challenge(&one.user).await;
    let code = other.app.code_at(&server.clock);
    assert_eq!(reason_of(answer(&server, &challenge, totp(code)).await), "CHALLENGE_INVALID");
    let theirs = recovery(&other.codes[0]);
    assert_eq!(reason_of(answer(&server, &challenge, theirs).await), "CHALLENGE_INVALID");
    let code = one.app.code_at(&server.clock);
    assert!(answer(&server, &challenge, totp(code)).await.is_ok());
    // What was not the victim's is not used up either.
    let challenge = server.challenge(&other.user).await;
    assert!(answer(&server, &challenge, recovery(&other.codes[0])).await.is_ok());
}

/// A code of a factor that the challenge does not have is a guess; what can't be a code of the factor that it is given for
/// is none.
#[rstest]
#[tokio::test]
async fn codes_of_other_factors_are_counted_where_they_could_be_codes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let code = who.app.code_at(&server.clock);
    let challenge = server.challenge(&who.user).await;
    for proof in [
        Proof::OtpCode(String::new()),
        recovery(code.as_str()),
        recovery(""),
        totp(who.codes[0].as_str()),
        totp(""),
        totp(format!("+{}", &code[1..])),
    ] {
        let refused = answer(&server, &challenge, proof.clone()).await;
        assert_eq!(reason_of(refused), "INVALID_FIELD", "{proof:?}");
    }
    let long = Proof::OtpCode("ZZZZZ-ZZZZZ".into());
    for proof in [Proof::OtpCode(code.clone()), long].into_iter().cycle().take(5) {
        let refused = answer(&server, &challenge, proof.clone()).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "{proof:?}");
    }
    let refused = answer(&server, &challenge, totp(code.as_str())).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "CHALLENGE_EXHAUSTED".into())
    );
    let challenge = server.challenge(&who.user).await;
    assert!(answer(&server, &challenge, totp(code)).await.is_ok());
}

/// Failed proofs of all kinds are charged to one account.
#[rstest]
#[tokio::test]
async fn the_twenty_first_failure_of_a_kind_in_an_hour_is_refused_and_leaves_the_other_kinds(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let used = who.app.code(step(&server.clock) - 1);
    for _ in 0..5 {
        let challenge = server.challenge(&who.user).await;
        let wrong = wrong_for(&who.app, &server);
        let spaced = format!("{} {}", &wrong[..3], &wrong[3..]);
        for proof in [totp(&*wrong), totp(used.as_str()), totp(spaced), totp("000000")] {
            assert_eq!(reason_of(answer(&server, &challenge, proof).await), "CHALLENGE_INVALID");
        }
    }
    let challenge = server.challenge(&who.user).await;
    let code = who.app.code_at(&server.clock);
    assert_eq!(reason_of(answer(&server, &challenge, totp(code)).await), "THROTTLED");
    assert!(answer(&server, &challenge, recovery(&who.codes[0])).await.is_ok());
    for _ in 0..5 {
        let challenge = server.challenge(&who.user).await;
        for _ in 0..4 {
            let wrong = recovery("0".repeat(24));
            assert_eq!(reason_of(answer(&server, &challenge, wrong).await), "CHALLENGE_INVALID");
        }
    }
    let challenge = server.challenge(&who.user).await;
    let right = recovery(&who.codes[1]);
    assert_eq!(reason_of(answer(&server, &challenge, right).await), "THROTTLED");
    server.clock.advance(Duration::from_secs(3600));
    let challenge = server.challenge(&who.user).await;
    assert!(answer(&server, &challenge, totp(who.app.code_at(&server.clock))).await.is_ok());
}

/// Right codes are no failures: somebody who logs in all day is not refused.
#[rstest]
#[tokio::test]
async fn right_codes_cost_nothing(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    for _ in 0..22 {
        let challenge = server.challenge(&who.user).await;
        let code = who.app.code_at(&server.clock);
        answer(&server, &challenge, totp(code)).await.unwrap();
        server.clock.advance(STEP);
    }
}

#[rstest]
#[tokio::test]
async fn no_code_is_sent_for_a_challenge_of_the_app(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let challenge = server.challenge(&who.user).await;
    server.clock.advance(Duration::from_secs(60));
    let refused = server.resend(&challenge).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "FACTOR_UNAVAILABLE".into())
    );
    assert_eq!(logs::codes(&who.user.username), Vec::<String>::new());
    let code = who.app.code_at(&server.clock);
    answer(&server, &challenge, totp(code)).await.unwrap();
    let unknown = Challenge::default();
    for gone in [&challenge, &unknown] {
        assert_eq!(reason_of(server.resend(gone).await), "CHALLENGE_INVALID");
    }
}

/// What could not complete has used nothing up.
#[rstest]
#[tokio::test]
async fn a_login_that_fails_after_the_code_was_found_right_leaves_the_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let code = who.app.code_at(&server.clock);
    for proof in [totp(code), recovery(&who.codes[0])] {
        let challenge = server.challenge(&who.user).await;
        server.database.run("UPDATE users SET disabled_at = created_at").await;
        let refused = answer(&server, &challenge, proof.clone()).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
        server.database.run("UPDATE users SET disabled_at = NULL").await;
        assert!(answer(&server, &challenge, proof).await.is_ok());
    }
}

/// Nothing lives in a replica's memory that another one needs.
#[rstest]
#[tokio::test]
async fn a_step_that_was_used_on_one_replica_is_used_on_all(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let one = Server::start(backend).await;
    let who = enrolled(&one).await;
    let other = one.replica(|_config, _environment| {}).await;
    let code = who.app.code_at(&one.clock);
    let (first, second) = (one.challenge(&who.user).await, one.challenge(&who.user).await);
    answer(&one, &first, totp(code.as_str())).await.unwrap();
    assert_eq!(reason_of(answer(&other, &second, totp(code)).await), "CHALLENGE_INVALID");
}

/// Where a right password proves too little, it takes what the user has: the app, not the mailbox.
#[rstest]
#[tokio::test]
async fn after_a_hundred_failures_the_app_is_asked_for_and_not_the_mailbox(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    for _ in 0..100 {
        server.clock.advance(Duration::from_secs(60));
        let refused = server.login(&who.user.username, "a wrong guess").await;
        assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    }
    server.clock.advance(Duration::from_secs(60));
    let login = server.login(&who.user.username, PASSWORD).await.unwrap();
    let Some(Outcome::Challenge(challenge)) = login.result else { panic!("no challenge") };
    let code = who.app.code_at(&server.clock);
    assert_eq!(reason_of(server.verify(&challenge, &wrong(&code)).await), "CHALLENGE_INVALID");
    assert!(answer(&server, &challenge, totp(code)).await.is_ok());
    assert_eq!(logs::codes(&who.user.username), Vec::<String>::new());
}

/// The attacker has an app of their own, and writes to the database.
#[rstest]
#[tokio::test]
async fn a_secret_means_nothing_in_another_row(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let attacker = server.user(false).await;
    let tokens = server.session(&attacker).await;
    let (app, _) = enroll(&server, &tokens).await;
    let plant = format!(
        "UPDATE totp_factors SET sealed_secret = (SELECT sealed_secret FROM totp_factors AS theirs \
         JOIN users ON users.id = theirs.user_id WHERE username = '{}')",
        attacker.username
    );
    server.database.run(&plant).await;
    server.clock.advance(STEP);
    let challenge = server.challenge(&who.user).await;
    let refused = answer(&server, &challenge, totp(app.code_at(&server.clock))).await;
    assert_eq!(reason_of(refused), "INTERNAL");
}
