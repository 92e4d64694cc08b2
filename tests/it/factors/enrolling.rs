//! An app is enrolled by its owner, with the password, once.

use std::time::Duration;

use countersign::pb::Factor;
use rstest::rstest;
use tonic::Code;

use super::{
    Begun, STEP, answer, begin, begin_and_scan, begun, confirm, enroll, enrolled, factors, notices,
    regenerate, session_by_app, set_two_factor, totp, wrong_for,
};
use crate::harness::{Backend, Server, jwt, logs, reason, reason_of, server::PASSWORD, violations};

#[rstest]
#[tokio::test]
async fn after_the_enrolment_a_login_asks_for_the_app_and_nothing_is_mailed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    assert_eq!(who.codes.len(), 10);
    let challenge = server.challenge(&who.user).await;
    assert_eq!(factors(&challenge), [Factor::Totp, Factor::RecoveryCode]);
    assert_eq!((challenge.masked_destination.as_str(), challenge.resend_time), ("", None));
    let code = who.app.code_at(&server.clock);
    let tokens = answer(&server, &challenge, totp(code)).await.unwrap();
    assert!(server.me(&tokens).await.unwrap().two_factor_enabled);
    let amr = &jwt::claims(&tokens.access_token)["amr"];
    assert_eq!(*amr, serde_json::json!(["pwd", "otp", "mfa"]));
    assert_eq!(notices(&server, &who.user).await, ["app_added"]);
    assert_eq!(logs::codes(&who.user.username), Vec::<String>::new());
}

#[rstest]
#[tokio::test]
async fn an_enrolment_that_is_not_confirmed_changes_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    begin(&server, &tokens, PASSWORD).await.unwrap();
    let challenge = server.challenge(&user).await;
    assert_eq!(factors(&challenge), [Factor::EmailCode]);
    assert!(server.verify(&challenge, &logs::code(&user.username)).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn the_token_alone_changes_no_factor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let tokens = session_by_app(&server, &who.user, &who.app).await;
    for (guess, expected) in [("a wrong guess", "INVALID_CREDENTIALS"), ("", "INVALID_FIELD")] {
        for refused in [
            begin(&server, &tokens, guess).await.map(|_| ()).unwrap_err(),
            regenerate(&server, &tokens, guess).await.map(|_| ()).unwrap_err(),
            set_two_factor(&server, &tokens, false, guess).await.map(|_| ()).unwrap_err(),
        ] {
            assert_eq!(reason(&refused), expected);
            assert_eq!(violations(&refused).is_empty(), !guess.is_empty());
        }
    }
    let challenge = server.challenge(&who.user).await;
    assert_eq!(factors(&challenge), [Factor::Totp, Factor::RecoveryCode]);
    assert_eq!(notices(&server, &who.user).await, ["app_added"]);
}

#[rstest]
#[tokio::test]
async fn an_enrolment_is_its_owners(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let Begun { tokens: owners, id, app, .. } = begun(&server).await;
    let others = server.session(&server.user(false).await).await;
    let code = app.code_at(&server.clock);
    let unknown = uuid::Uuid::now_v7().to_string();
    for (tokens, id) in [(&others, &id), (&owners, &unknown)] {
        let refused = confirm(&server, tokens, id, &code).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::PermissionDenied, "CHALLENGE_INVALID".into())
        );
    }
    let refused = confirm(&server, &owners, "mine", &code).await.unwrap_err();
    assert_eq!(violations(&refused), ["enrollment_id"]);
    // What others try takes no attempt away.
    let attempts = "SELECT CAST(MAX(attempts) AS BIGINT) FROM totp_factors";
    assert_eq!(server.database.number(attempts).await, 0);
    assert!(confirm(&server, &owners, &id, &code).await.is_ok());
    assert!(!server.me(&others).await.unwrap().two_factor_enabled);
}

#[rstest]
#[tokio::test]
async fn wrong_codes_of_an_enrolment_are_counted_however_they_are_spelled(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let Begun { tokens, id, app, .. } = begun(&server).await;
    let (code, mistyped) = (app.code_at(&server.clock), wrong_for(&app, &server));
    let spelled = [&mistyped, &format!(" {mistyped}"), &format!("{mistyped}-")].map(Clone::clone);
    for typed in spelled.iter().cycle().take(5) {
        let refused = confirm(&server, &tokens, &id, typed).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "{typed:?}");
    }
    let refused = confirm(&server, &tokens, &id, &code).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "CHALLENGE_EXHAUSTED".into())
    );
    assert!(!server.me(&tokens).await.unwrap().two_factor_enabled);
}

#[rstest]
#[tokio::test]
async fn an_enrolment_is_confirmed_once_and_within_ten_minutes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let Begun { user, tokens, id, app } = begun(&server).await;
    server.clock.advance(Duration::from_secs(600));
    let code = app.code_at(&server.clock);
    let refused = confirm(&server, &tokens, &id, &code).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");

    let tokens = server.session(&user).await;
    let (id, app) = begin_and_scan(&server, &tokens).await;
    server.clock.advance(Duration::from_secs(599));
    let code = app.code_at(&server.clock);
    let codes = confirm(&server, &tokens, &id, &code).await.unwrap();
    server.clock.advance(STEP);
    let next = app.code_at(&server.clock);
    let challenge = server.challenge(&user).await;
    let tokens = answer(&server, &challenge, super::recovery(&codes[0])).await.unwrap();
    for code in [code, next] {
        let again = confirm(&server, &tokens, &id, &code).await;
        assert_eq!(reason_of(again), "CHALLENGE_INVALID");
    }
    assert_eq!(notices(&server, &user).await, ["app_added", "recovery_code_used"]);
}

#[rstest]
#[tokio::test]
async fn whoever_begins_again_has_lost_the_enrolment_before(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let Begun { tokens, id, app, .. } = begun(&server).await;
    let second = begin_and_scan(&server, &tokens).await;
    for ((id, app), works) in [((id, app), false), (second, true)] {
        let code = app.code_at(&server.clock);
        assert_eq!(confirm(&server, &tokens, &id, &code).await.is_ok(), works);
    }
}

#[rstest]
#[tokio::test]
async fn an_old_app_and_its_recovery_codes_work_until_the_new_one_is_confirmed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let tokens = session_by_app(&server, &who.user, &who.app).await;
    let (id, new) = begin_and_scan(&server, &tokens).await;
    let log_in = async |proof| {
        let challenge = server.challenge(&who.user).await;
        answer(&server, &challenge, proof).await
    };
    assert!(log_in(totp(who.app.code_at(&server.clock))).await.is_ok());
    assert!(log_in(super::recovery(&who.codes[0])).await.is_ok());
    assert_eq!(reason_of(log_in(totp(new.code_at(&server.clock))).await), "CHALLENGE_INVALID");

    let code = new.code_at(&server.clock);
    let codes = confirm(&server, &tokens, &id, &code).await.unwrap();
    server.clock.advance(STEP);
    for old in [totp(who.app.code_at(&server.clock)), super::recovery(&who.codes[1])] {
        assert_eq!(reason_of(log_in(old).await), "CHALLENGE_INVALID");
    }
    assert!(log_in(totp(new.code_at(&server.clock))).await.is_ok());
    assert!(log_in(super::recovery(&codes[0])).await.is_ok());
}

/// Somebody may have begun it with the password that was known to too many.
#[rstest]
#[tokio::test]
async fn another_password_ends_an_enrolment(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    const OTHER: &str = "another long passphrase";
    let server = Server::start(backend).await;
    let Begun { tokens, id, app, .. } = begun(&server).await;
    server.change_password(&tokens, PASSWORD, OTHER).await.unwrap();
    let code = app.code_at(&server.clock);
    let refused = confirm(&server, &tokens, &id, &code).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    assert!(!server.me(&tokens).await.unwrap().two_factor_enabled);
}

/// Whoever logs in with the password of an account without a second factor, and waits for its mail, waits in vain.
#[rstest]
#[tokio::test]
async fn an_enrolment_ends_logins_that_wait_for_a_mailed_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(true).await;
    let first = server.challenge(&user).await;
    let tokens = server.verify(&first, &logs::code(&user.username)).await.unwrap();
    let open = server.challenge(&user).await;
    let code = logs::code(&user.username);
    enroll(&server, &tokens).await;
    assert_eq!(reason_of(server.verify(&open, &code).await), "CHALLENGE_INVALID");
    // Not even if a release that knows no apps had begun it since.
    let begun_since = "UPDATE challenges SET consumed_at = NULL, \
                       factor_version = (SELECT factor_version FROM users WHERE users.id = user_id)";
    server.database.run(begun_since).await;
    assert_eq!(reason_of(server.verify(&open, &code).await), "CHALLENGE_INVALID");
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
    // It was the right code.
    server.database.run("DELETE FROM totp_factors").await;
    assert!(server.verify(&open, &code).await.is_ok());
}
