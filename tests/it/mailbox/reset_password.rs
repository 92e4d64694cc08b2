//! RequestPasswordReset and ResetPassword.

use std::time::Duration;

use countersign::pb::{ResetPasswordRequest, WatchRevocationsRequest};
use rstest::rstest;
use tonic::Code;

use super::{
    COOL_DOWN, NEW_PASSWORD, open_reset, open_verification, request_reset, reset, verify_email,
};
use crate::harness::{
    Backend, Server, details, logs, reason, reason_of,
    server::{PASSWORD, wrong},
    soon, violations,
};

#[rstest]
#[tokio::test]
async fn who_reads_the_mailbox_sets_a_new_password_and_everybody_else_is_out(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, neighbour) = (server.user(false).await, server.user(false).await);
    let sessions = [server.session(&user).await, server.session(&user).await];
    let other = server.session(&neighbour).await;
    let (id, code) = open_reset(&server, &user).await;
    let sent = logs::messages(&user.username).pop().unwrap();
    assert_eq!(
        (&sent["purpose"], &sent["destination"]),
        (&"reset_password".into(), &user.email.as_str().into())
    );
    assert!(server.login(&user.username, PASSWORD).await.is_ok(), "asking changes nothing");

    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    for tokens in &sessions {
        assert_eq!(reason_of(server.me(tokens).await), "TOKEN_INVALID");
        assert_eq!(reason_of(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
    }
    assert!(server.me(&other).await.is_ok());
    assert_eq!(reason_of(server.login(&user.username, PASSWORD).await), "INVALID_CREDENTIALS");
    assert!(server.login(&user.username, NEW_PASSWORD).await.is_ok());
    assert!(server.login(&neighbour.username, PASSWORD).await.is_ok());
    server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["password_changed"]);
    let again = reset(&server, &id, &code, "a third passphrase").await;
    assert_eq!(reason_of(again), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test]
async fn those_who_watch_hear_once_that_a_reset_has_ended_all_sessions(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use countersign::pb::revocation::Subject;
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    for _ in 0..2 {
        server.session(&user).await;
    }
    let watch = WatchRevocationsRequest { cursor: String::new() };
    let mut stream = server.tokens.clone().watch_revocations(watch).await.unwrap().into_inner();
    let (id, code) = open_reset(&server, &user).await;
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    let told = soon("the revocation", async {
        loop {
            let update = stream.message().await.unwrap().unwrap();
            if let Some(told) = update.revocation {
                break told;
            }
        }
    })
    .await;
    assert_eq!(told.subject, Some(Subject::UserId(user.id)));
    assert_eq!((told.session_epoch, told.kept_session_id.as_str()), (1, ""));
    assert_eq!(server.database.number("SELECT COUNT(*) FROM revocations").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_reset_verifies_the_address_that_it_went_to(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (id, code) = open_reset(&server, &user).await;
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    let verified = "SELECT COUNT(*) FROM users WHERE email_verified";
    assert_eq!(server.database.number(verified).await, 1);
}

/// Whoever asked for a code with the old password can't finish with it.
#[rstest]
#[tokio::test]
async fn a_reset_ends_open_challenges(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let login_code = logs::code(&user.username);
    server.database.run("UPDATE users SET is_2fa_enabled = (1 = 0)").await;
    let (id, code) = open_reset(&server, &user).await;
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    assert_eq!(reason_of(server.verify(&challenge, &login_code).await), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test]
async fn unknown_used_expired_and_wrong_look_the_same(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, other) = (server.user(false).await, server.user(false).await);
    let (expired, expired_code) = open_reset(&server, &other).await;
    server.clock.advance(Duration::from_secs(300));
    let (used, used_code) = open_reset(&server, &user).await;
    reset(&server, &used, &used_code, NEW_PASSWORD).await.unwrap();
    server.clock.advance(COOL_DOWN);
    let (open, code) = open_reset(&server, &user).await;
    let mut seen = Vec::new();
    for (id, code) in [
        (&open, &wrong(&code)),
        (&used, &used_code),
        (&expired, &expired_code),
        (&"unknown".to_owned(), &code),
        (&String::new(), &code),
        (&"x".repeat(10_000), &code),
    ] {
        let refused = reset(&server, id, code, NEW_PASSWORD).await.unwrap_err();
        seen.push((refused.code(), refused.message().to_owned(), details(&refused)));
    }
    assert!(seen.iter().all(|refused| *refused == seen[0]), "{seen:?}");
    assert_eq!(seen[0].0, Code::PermissionDenied);
}

#[rstest]
#[tokio::test]
async fn a_code_works_until_it_expires_after_five_minutes_exactly(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let (first, first_code) = open_reset(&server, &user).await;
    server.clock.advance(Duration::from_secs(299));
    reset(&server, &first, &first_code, NEW_PASSWORD).await.unwrap();
    let (second, second_code) = open_reset(&server, &user).await;
    server.clock.advance(Duration::from_secs(300));
    let late = reset(&server, &second, &second_code, PASSWORD).await;
    assert_eq!(reason_of(late), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test]
async fn wrong_codes_count_and_after_five_the_right_one_comes_too_late(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (id, code) = open_reset(&server, &user).await;
    let wrong = wrong(&code);
    for typed in [&wrong, &wrong.to_lowercase(), &wrong.replace('-', " "), &wrong, &wrong] {
        let refused = reset(&server, &id, typed, NEW_PASSWORD).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "{typed:?}");
    }
    let refused = reset(&server, &id, &code, NEW_PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "CHALLENGE_EXHAUSTED".into())
    );
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
}

/// Otherwise a stranger who asks for a reset would void the code that its owner is about to type.
#[rstest]
#[tokio::test]
async fn an_earlier_code_goes_on_working_with_its_own_id_until_there_was_a_reset(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (first, first_code) = open_reset(&server, &user).await;
    server.clock.advance(COOL_DOWN);
    let (mut second, mut second_code) = open_reset(&server, &user).await;
    // Codes are drawn at random: two alike prove nothing.
    while second_code == first_code {
        server.clock.advance(COOL_DOWN);
        (second, second_code) = open_reset(&server, &user).await;
    }
    let crossed = reset(&server, &second, &first_code, NEW_PASSWORD).await;
    assert_eq!(reason_of(crossed), "CHALLENGE_INVALID");
    reset(&server, &first, &first_code, NEW_PASSWORD).await.unwrap();
    let late = reset(&server, &second, &second_code, "a third passphrase").await;
    assert_eq!(reason_of(late), "CHALLENGE_INVALID");
    assert!(server.login(&user.username, NEW_PASSWORD).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn a_code_for_one_purpose_is_none_for_another(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (verification, verification_code) = open_verification(&server, &user).await;
    let (id, code) = open_reset(&server, &user).await;
    let mixed = [
        reset(&server, &verification, &verification_code, NEW_PASSWORD).await,
        verify_email(&server, &id, &code).await,
    ];
    for refused in mixed {
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    }
    let careful = server.user(true).await;
    let mut challenge = server.challenge(&careful).await;
    let login_code = logs::code(&careful.username);
    let refused = reset(&server, &challenge.challenge_id, &login_code, NEW_PASSWORD).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    challenge.challenge_id.clone_from(&id);
    assert_eq!(reason_of(server.verify(&challenge, &code).await), "CHALLENGE_INVALID");
    verify_email(&server, &verification, &verification_code).await.unwrap();
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
}

/// Whoever can write to the database gains nothing by putting a code that they know in another row's place.
#[rstest]
#[tokio::test]
async fn the_digest_of_a_code_means_nothing_for_another_id(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (attacker, victim) = (server.user(false).await, server.user(false).await);
    let (_, code) = open_reset(&server, &attacker).await;
    let (id, _) = open_reset(&server, &victim).await;
    let plant = format!(
        "UPDATE mailbox_codes SET code_mac = (SELECT code_mac FROM mailbox_codes JOIN users ON users.id = user_id \
         WHERE username = '{}')",
        attacker.username
    );
    server.database.run(&plant).await;
    assert_eq!(reason_of(reset(&server, &id, &code, NEW_PASSWORD).await), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test]
async fn a_password_that_is_no_good_costs_no_attempt_and_one_with_the_name_in_it_not_the_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (id, code) = open_reset(&server, &user).await;
    for bad in ["", "short", "password", "with\0zero byte", &"z".repeat(1025), "iloveyou1"] {
        let refused = reset(&server, &id, &code, bad).await.unwrap_err();
        assert_eq!(
            (reason(&refused), violations(&refused)),
            ("INVALID_FIELD".into(), vec!["new_password".into()]),
            "{bad}"
        );
    }
    // Only who had the right code hears of that: it says something about the user.
    let named = format!("my {} key", user.username);
    let guessed = reset(&server, &id, &wrong(&code), &named).await;
    assert_eq!(reason_of(guessed), "CHALLENGE_INVALID");
    let refused = reset(&server, &id, &code, &named).await.unwrap_err();
    assert_eq!(violations(&refused), ["new_password"]);
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_code_stays_good_while_the_machine_is_too_busy_to_hash(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let busy = server.replica(|config, _| config.password.queue = 0).await;
    let user = server.user(false).await;
    let (id, code) = open_reset(&server, &user).await;
    for _ in 0..6 {
        assert_eq!(reason_of(reset(&busy, &id, &code, NEW_PASSWORD).await), "OVERLOADED");
    }
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
}

#[rstest]
#[case::disabled("UPDATE users SET disabled_at = created_at")]
#[case::new_password("UPDATE users SET credential_version = credential_version + 1")]
#[case::deleted("DELETE FROM users")]
#[tokio::test]
async fn a_code_ends_when_its_user_is_another(
    #[case] change: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (id, code) = open_reset(&server, &user).await;
    server.database.run(change).await;
    assert_eq!(reason_of(reset(&server, &id, &code, NEW_PASSWORD).await), "CHALLENGE_INVALID");
    let unchanged = "SELECT COUNT(*) FROM mailbox_codes WHERE consumed_at IS NULL AND attempts = 1";
    assert_eq!(server.database.number(unchanged).await, 1, "it behaves like any other");
}

#[tokio::test]
async fn bad_fields_are_named() {
    let server = Server::start(Backend::Sqlite).await;
    for email in ["", "nobody", "a b@example.com"] {
        let refused = request_reset(&server, email).await.unwrap_err();
        assert_eq!(
            (reason(&refused), violations(&refused)),
            ("INVALID_FIELD".into(), vec!["email".into()])
        );
    }
    let refused = server.auth.clone().reset_password(ResetPasswordRequest::default()).await;
    assert_eq!(violations(&refused.unwrap_err()), ["code", "new_password"]);
}

/// Whoever reads the database can't answer for anybody.
#[rstest]
#[tokio::test]
async fn neither_the_code_nor_the_id_is_stored(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (id, code) = open_reset(&server, &user).await;
    let as_hex = |column| match backend {
        Backend::Sqlite => format!("hex({column})"),
        Backend::Postgres => format!("encode({column}, 'hex')"),
    };
    for secret in [id, code] {
        let secret: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for column in ["id_mac", "code_mac", "budget"] {
            let found = format!(
                "SELECT COUNT(*) FROM mailbox_codes WHERE lower({}) LIKE '%{secret}%'",
                as_hex(column)
            );
            assert_eq!(server.database.number(&found).await, 0, "{column}");
        }
    }
}

/// Nothing lives in a replica's memory that another one needs.
#[rstest]
#[tokio::test]
async fn a_code_that_was_asked_for_on_one_replica_works_on_another(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let one = Server::start(backend).await;
    let other = one.replica(|_config, _environment| {}).await;
    let user = one.user(false).await;
    let (id, code) = open_reset(&one, &user).await;
    assert_eq!(reason_of(request_reset(&other, &user.email).await), "THROTTLED");
    reset(&other, &id, &code, NEW_PASSWORD).await.unwrap();
    assert!(one.login(&user.username, NEW_PASSWORD).await.is_ok());
}
