//! What a change of the account takes: the password and, where the second factor is on, a session that has used it, and it
//! again once the login is a while ago.

use std::time::Duration;

use countersign::pb::{
    ChangePasswordRequest, DeleteMeRequest, ExportMeRequest, SecondFactor, Tokens,
    second_factor::Proof,
};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::{Code, Status};

use super::{
    STEP, begin, begin_and_scan, begin_with, confirm, enroll, enrolled, notices, recovery,
    regenerate, regenerate_with, session_by_app, set_two_factor, set_two_factor_with, wrong_for,
};
use crate::{
    harness::{
        Backend, Server, reason, reason_of,
        server::{PASSWORD, bearer},
        violations,
    },
    your_data::export,
};

const NEW: &str = "another passphrase";

/// For how long a login is proof enough beside the password.
const FRESH: Duration = Duration::from_secs(300);

/// What takes the password again.
#[derive(Debug, Clone, Copy)]
enum Change {
    Export,
    RecoveryCodes,
    App,
    Password,
    Off,
    Deletion,
}

/// In an order in which each leaves the session and the account for the next.
const CHANGES: [Change; 6] = [
    Change::Export,
    Change::RecoveryCodes,
    Change::App,
    Change::Off,
    Change::Password,
    Change::Deletion,
];

async fn ask(
    server: &Server,
    tokens: &Tokens,
    change: Change,
    password: &str,
    second_factor: Option<SecondFactor>,
) -> Result<(), Status> {
    let mut account = server.account.clone();
    match change {
        Change::Export => {
            let request = ExportMeRequest { password: password.to_owned(), second_factor };
            export(server, tokens, request).await.map(drop)
        }
        Change::RecoveryCodes => {
            regenerate_with(server, tokens, password, second_factor).await.map(drop)
        }
        Change::App => begin_with(server, tokens, password, second_factor).await.map(drop),
        Change::Off => {
            set_two_factor_with(server, tokens, false, password, second_factor).await.map(drop)
        }
        Change::Password => {
            let (current_password, new_password) = (password.to_owned(), NEW.to_owned());
            let request = ChangePasswordRequest {
                current_password,
                new_password,
                second_factor,
                ..Default::default()
            };
            account.change_password(bearer(tokens, request)).await.map(drop)
        }
        Change::Deletion => {
            let request = DeleteMeRequest {
                password: password.to_owned(),
                second_factor,
                ..Default::default()
            };
            account.delete_me(bearer(tokens, request)).await.map(drop)
        }
    }
}

fn app(code: impl Into<String>) -> Option<SecondFactor> {
    Some(SecondFactor { proof: Some(Proof::TotpCode(code.into())) })
}

fn on_paper(code: impl Into<String>) -> Option<SecondFactor> {
    Some(SecondFactor { proof: Some(Proof::RecoveryCode(code.into())) })
}

/// Whoever has the password, and a session from before, must not get round the second factor.
#[rstest]
#[tokio::test]
async fn no_session_from_before_the_second_factor_outlives_its_being_turned_on(
    #[values(true, false)] by_mail: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (own, stolen) = (server.session(&user).await, server.session(&user).await);
    if by_mail {
        set_two_factor(&server, &own, true, PASSWORD).await.unwrap();
    } else {
        enroll(&server, &own).await;
    }
    for tokens in [&own, &stolen] {
        assert_eq!(reason_of(server.me(tokens).await), "TOKEN_INVALID");
        assert_eq!(reason_of(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
        for change in CHANGES {
            let refused = ask(&server, tokens, change, PASSWORD, None).await;
            assert_eq!(reason_of(refused), "TOKEN_INVALID", "{change:?}");
        }
    }
    let on = "SELECT COUNT(*) FROM users WHERE is_2fa_enabled";
    assert_eq!(server.database.number(on).await, 1);
    let told = if by_mail { "two_factor_on" } else { "app_added" };
    assert_eq!(notices(&server, &user).await, [told]);
}

/// As a release before this one leaves it: there a session went on. Now it does not live while the factor is on.
#[rstest]
#[tokio::test]
async fn a_session_without_the_second_factor_that_is_on_changes_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let (id, new) = begin_and_scan(&server, &tokens).await;
    let code = new.code_at(&server.clock);
    server.database.run("UPDATE users SET is_2fa_enabled = TRUE").await;
    let events = "SELECT COUNT(*) FROM events";
    let before = server.database.number(events).await;
    let mut refusals = Vec::new();
    for change in CHANGES {
        for second_factor in [None, app(code.as_str())] {
            refusals.push(ask(&server, &tokens, change, PASSWORD, second_factor).await);
        }
    }
    refusals.push(confirm(&server, &tokens, &id, &code).await.map(drop));
    for refused in refusals {
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::Unauthenticated, "TOKEN_INVALID".into())
        );
    }
    assert_eq!(server.database.number(events).await, before);
    assert_eq!(notices(&server, &user).await, Vec::<String>::new());
    let attempts = "SELECT CAST(MAX(attempts) AS BIGINT) FROM totp_factors";
    assert_eq!(server.database.number(attempts).await, 0);
}

#[rstest]
#[tokio::test]
async fn five_minutes_after_the_login_a_change_takes_the_second_factor_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for change in CHANGES {
        let who = enrolled(&server).await;
        let mut tokens = session_by_app(&server, &who.user, &who.app).await;
        server.clock.advance(FRESH - STEP + Duration::from_secs(1));
        // Whoever holds the tokens can refresh them: that proves nothing new.
        tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
        for missing in [None, Some(SecondFactor { proof: None })] {
            let refused = ask(&server, &tokens, change, PASSWORD, missing).await.unwrap_err();
            assert_eq!(
                (refused.code(), reason(&refused)),
                (Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED".into()),
                "{change:?}"
            );
        }
        let code = who.app.code_at(&server.clock);
        ask(&server, &tokens, change, PASSWORD, app(code)).await.unwrap();
    }
}

/// And what is not needed is not used up.
#[rstest]
#[tokio::test]
async fn until_then_the_login_is_proof_enough_beside_the_password(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let tokens = session_by_app(&server, &who.user, &who.app).await;
    server.clock.advance(FRESH - STEP);
    ask(&server, &tokens, Change::App, PASSWORD, on_paper(&who.codes[0])).await.unwrap();
    assert_eq!(server.database.number("SELECT COUNT(*) FROM recovery_codes").await, 10);
    for change in CHANGES {
        ask(
            &server,
            &tokens,
            change,
            if matches!(change, Change::Deletion) { NEW } else { PASSWORD },
            None,
        )
        .await
        .unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn a_proof_works_once_also_for_logins_and_the_user_is_told_of_a_recovery_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let tokens = session_by_app(&server, &who.user, &who.app).await;
    server.clock.advance(2 * FRESH);
    let code = who.app.code_at(&server.clock);
    let (totp, paper) = (app(code.as_str()), on_paper(&who.codes[0]));
    for proof in [&totp, &paper] {
        ask(&server, &tokens, Change::App, PASSWORD, proof.clone()).await.unwrap();
        let again = ask(&server, &tokens, Change::App, PASSWORD, proof.clone()).await.unwrap_err();
        assert_eq!(
            (again.code(), reason(&again)),
            (Code::PermissionDenied, "INVALID_CREDENTIALS".into())
        );
    }
    let challenge = server.challenge(&who.user).await;
    for used in [super::totp(code), recovery(&who.codes[0])] {
        let refused = super::answer(&server, &challenge, used).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    }
    assert_eq!(notices(&server, &who.user).await, ["app_added", "recovery_code_used"]);
}

#[rstest]
#[tokio::test]
async fn a_wrong_proof_is_a_wrong_password_and_one_beside_a_wrong_password_is_not_used_up(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (who, other) = (enrolled(&server).await, enrolled(&server).await);
    let tokens = session_by_app(&server, &who.user, &who.app).await;
    server.clock.advance(2 * FRESH);
    let code = who.app.code_at(&server.clock);
    let refused = ask(&server, &tokens, Change::Password, NEW, app(code.as_str())).await;
    assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    for wrong in
        [app(wrong_for(&who.app, &server)), on_paper("0".repeat(24)), on_paper(&other.codes[0])]
    {
        let refused = ask(&server, &tokens, Change::Password, PASSWORD, wrong).await;
        assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    }
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'confirmation_failed'";
    assert_eq!(server.database.number(recorded).await, 4);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM recovery_codes").await, 20);
    ask(&server, &tokens, Change::Password, PASSWORD, app(code)).await.unwrap();
}

/// Neither the password beside it nor the factor is charged: it is refused before either is looked at.
#[rstest]
#[tokio::test]
async fn what_can_not_be_a_second_factor_is_a_bad_field_and_the_right_one_counts_in_any_spelling(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let tokens = session_by_app(&server, &who.user, &who.app).await;
    server.clock.advance(2 * FRESH);
    let charged = async || server.database.number("SELECT COUNT(*) FROM throttles").await;
    let before = charged().await;
    for change in CHANGES {
        for (typed, field) in [
            (app(""), "totp_code"),
            (app("12345"), "totp_code"),
            (app("+23456"), "totp_code"),
            (app(who.codes[0].as_str()), "totp_code"),
            (on_paper(""), "recovery_code"),
            (on_paper("123456"), "recovery_code"),
        ] {
            let refused = ask(&server, &tokens, change, PASSWORD, typed).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{change:?}");
            assert_eq!(violations(&refused), [field], "{change:?}");
        }
    }
    assert_eq!(charged().await, before);
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'confirmation_failed'";
    assert_eq!(server.database.number(recorded).await, 0);
    let code = who.app.code_at(&server.clock);
    let spaced = app(format!("{} {}", &code[..3], &code[3..]));
    ask(&server, &tokens, Change::RecoveryCodes, PASSWORD, spaced).await.unwrap();
    let again = ask(&server, &tokens, Change::Password, PASSWORD, app(code)).await;
    assert_eq!(reason_of(again), "INVALID_CREDENTIALS", "it is the same code");
}

/// Whoever has stolen a session and knows the password has twenty guesses an hour, and takes none from the owner.
#[rstest]
#[tokio::test]
async fn guesses_at_the_second_factor_are_the_sessions_own(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let stolen = session_by_app(&server, &who.user, &who.app).await;
    server.clock.advance(2 * FRESH);
    for _ in 0..20 {
        let guess = app(wrong_for(&who.app, &server));
        let refused = ask(&server, &stolen, Change::Off, PASSWORD, guess).await;
        assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    }
    let right = app(who.app.code_at(&server.clock));
    let refused = ask(&server, &stolen, Change::Off, PASSWORD, right).await;
    assert_eq!(reason_of(refused), "THROTTLED");
    let owners = session_by_app(&server, &who.user, &who.app).await;
    ask(&server, &owners, Change::Off, PASSWORD, None).await.unwrap();
}

/// A code by mail would show no more than the mailbox that gets the notices: a login does.
#[rstest]
#[tokio::test]
async fn users_with_codes_by_mail_log_in_again_or_use_a_recovery_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    let codes = regenerate(&server, &tokens, PASSWORD).await.unwrap();
    server.clock.advance(2 * FRESH);
    assert_eq!(reason_of(begin(&server, &tokens, PASSWORD).await), "REAUTHENTICATION_REQUIRED");
    let refused = ask(&server, &tokens, Change::App, PASSWORD, app("123456")).await;
    assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    ask(&server, &tokens, Change::App, PASSWORD, on_paper(&codes[0])).await.unwrap();
    let tokens = server.session_by_mail(&user).await;
    assert!(begin(&server, &tokens, PASSWORD).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn another_app_leaves_the_sessions_that_used_the_second_factor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let one = session_by_app(&server, &who.user, &who.app).await;
    let other = session_by_app(&server, &who.user, &who.app).await;
    enroll(&server, &one).await;
    assert!(server.me(&one).await.is_ok() && server.me(&other).await.is_ok());
}

/// What was begun on the word of the password alone would otherwise become the factor of an account that has one by now.
#[rstest]
#[tokio::test]
async fn an_enrolment_from_before_the_second_factor_is_over_once_it_is_on(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let (id, new) = begin_and_scan(&server, &tokens).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let tokens = server.session_by_mail(&user).await;
    let refused = confirm(&server, &tokens, &id, &new.code_at(&server.clock)).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_callers_with_one_proof_one_passes(
    #[values(true, false)] by_app: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let tokens = session_by_app(&server, &who.user, &who.app).await;
    server.clock.advance(2 * FRESH);
    let proof = if by_app { app(who.app.code_at(&server.clock)) } else { on_paper(&who.codes[0]) };
    let callers =
        (0..64).map(|_| ask(&server, &tokens, Change::RecoveryCodes, PASSWORD, proof.clone()));
    let answers = join_all(callers).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(refused.len(), 63);
    let reasons = ["INVALID_CREDENTIALS", "THROTTLED"];
    assert!(refused.iter().all(|refused| reasons.contains(&reason(refused).as_str())));
    let replaced = "SELECT COUNT(*) FROM events WHERE kind = 'recovery_codes_replaced'";
    assert_eq!(server.database.number(replaced).await, 1);
}
