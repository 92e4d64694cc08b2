//! Login.

use countersign::{
    app::Environment,
    pb::{Factor, LoginRequest, RegisterRequest, login_response::Result as Outcome},
};
use jsonwebtoken::Algorithm;
use rstest::rstest;
use tonic::Code;

use crate::harness::{
    Backend, Database, Server,
    clock::TestClock,
    details, jwt, logs, reason,
    server::{PASSWORD, config, registration},
    unique, violations,
};

#[rstest]
#[tokio::test]
async fn a_password_alone_gives_tokens_to_a_user_without_a_second_factor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let Some(Outcome::Tokens(tokens)) =
        server.login(&user.username, PASSWORD).await.unwrap().result
    else {
        panic!("no tokens")
    };
    assert_eq!((tokens.token_type.as_str(), tokens.expires_in), ("Bearer", 900));
    let (header, claims) = jwt::verify(&server, &tokens.access_token, Algorithm::ES256).await;
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!((&claims["sub"], &claims["sid"]), (&user.id.into(), &tokens.session_id.into()));
    assert_eq!(claims["aud"], claims["client_id"]);
    assert_eq!(claims["preferred_username"], user.username);
    assert_eq!(claims["amr"], serde_json::json!(["pwd"]));
    assert!(claims.get("roles").is_none(), "what would be empty is left out: {claims}");
    // Verifiers without a leeway take it at once, also where their clock is a little behind.
    assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|issued| issued + 900 + 5));
    assert_eq!(claims["auth_time"], claims["iat"]);
    assert!(uuid::Uuid::try_parse(claims["jti"].as_str().unwrap()).is_ok());
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_user_with_a_second_factor_gets_a_challenge_and_nothing_else(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let code = logs::code(&user.username);
    assert!(challenge.challenge_id.len() >= 22, "fewer than 128 bits");
    assert!(
        !challenge.challenge_id.contains(&code) && !challenge.masked_destination.contains(&code)
    );
    assert_eq!(challenge.factors, [i32::from(Factor::EmailCode)]);
    assert_eq!(challenge.masked_destination, "a***@example.com");
    assert_eq!(challenge.attempts_remaining, 5);
    let (expire, resend) = (challenge.expire_time.unwrap(), challenge.resend_time.unwrap());
    assert_eq!(expire.seconds - resend.seconds, 270);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 0);
}

#[rstest]
#[tokio::test]
async fn the_name_may_be_spelled_any_way_and_so_may_the_address(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    for name in [user.username.to_uppercase(), user.email.clone(), user.email.to_uppercase()] {
        assert!(server.login(&name, PASSWORD).await.is_ok(), "{name}");
    }
}

#[rstest]
#[tokio::test]
async fn the_longest_username_can_register_and_log_in(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let username = "\u{20000}".repeat(64);
    let request = RegisterRequest { username: username.clone(), ..registration(false) };
    assert_eq!(server.register(request).await.unwrap().username, username);
    assert!(server.login(&username, PASSWORD).await.is_ok());
}

/// No code, no text, no detail and no header may differ.
#[rstest]
#[tokio::test]
async fn unknown_wrong_and_disabled_are_answered_byte_for_byte_the_same(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let disabled = [server.user(false).await, server.user(true).await];
    for user in &disabled {
        let name = &user.username;
        let disable =
            format!("UPDATE users SET disabled_at = created_at WHERE username = '{name}'");
        server.database.run(&disable).await;
    }

    let answers = [
        server.login(&user.username, "wrong password").await,
        server.login(&unique("nobody"), PASSWORD).await,
        server.login("nobody@example.com", PASSWORD).await,
        server.login("printable, but no username", PASSWORD).await,
        server.login(&disabled[0].username, PASSWORD).await,
        server.login(&disabled[1].username, PASSWORD).await,
    ];
    let answers = answers.map(|answer| {
        let refused = answer.unwrap_err();
        assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
        let mut headers = refused.metadata().clone().into_headers();
        headers.remove("date");
        headers.remove("x-request-id");
        (refused.code(), refused.message().to_owned(), details(&refused), headers)
    });
    assert_eq!(answers[0].0, Code::Unauthenticated);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

/// Without a place in the queue, whatever needs a hash is refused as OVERLOADED.
#[tokio::test]
async fn an_unknown_user_costs_a_hash_like_any_other_and_a_bad_field_costs_none() {
    let server = Server::start_with(Backend::Sqlite, |config, _| config.password.queue = 0).await;
    for name in [unique("nobody"), "nobody@example.com".to_owned()] {
        assert_eq!(reason(&server.login(&name, PASSWORD).await.unwrap_err()), "OVERLOADED");
    }
    for (name, password) in
        [("", PASSWORD), ("a\0b", PASSWORD), ("alice", ""), ("alice", &"z".repeat(1025))]
    {
        let refused = server.login(name, password).await.unwrap_err();
        assert_eq!(reason(&refused), "INVALID_FIELD", "{name:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_disabled_account_and_one_whose_hash_cannot_be_read_cost_a_hash_like_any_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut config = config(&database);
    let start = Server::start_on(database, &config, Environment::default(), TestClock::default());
    let first = start.await;
    let (disabled, poisoned) = (first.user(false).await, first.user(false).await);
    for (change, user) in
        [("disabled_at = created_at", &disabled), ("password_hash = 'x'", &poisoned)]
    {
        let sql = format!("UPDATE users SET {change} WHERE username = '{}'", user.username);
        first.database.run(&sql).await;
    }
    config.password.queue = 0;
    let (environment, clock) = (Environment::default(), TestClock::default());
    let server = Server::start_on(first.database, &config, environment, clock).await;
    for user in [disabled, poisoned] {
        assert_eq!(
            reason(&server.login(&user.username, PASSWORD).await.unwrap_err()),
            "OVERLOADED"
        );
    }
}

/// The account may be disabled, or its password changed, after it was read: then no session begins.
#[rstest]
#[tokio::test]
async fn a_login_whose_session_does_not_begin_gives_no_token(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let refuse_sessions = match backend {
        Backend::Sqlite => {
            "CREATE TRIGGER refuse BEFORE INSERT ON sessions BEGIN SELECT RAISE(IGNORE); END"
        }
        Backend::Postgres => {
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TRIGGER refuse BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION nothing()"
        }
    };
    server.database.run(refuse_sessions).await;
    let refused = server.login(&user.username, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
}

#[rstest]
#[tokio::test]
async fn a_session_lives_for_thirty_days(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.login(&user.username, PASSWORD).await.unwrap();
    let seconds = match backend {
        Backend::Sqlite => "SELECT (expires_at - created_at) / 1000000 FROM sessions",
        Backend::Postgres => {
            "SELECT CAST(EXTRACT(EPOCH FROM expires_at - created_at) AS BIGINT) FROM sessions"
        }
    };
    assert_eq!(server.database.number(seconds).await, 30 * 24 * 60 * 60);
}

#[tokio::test]
async fn a_full_queue_is_told_to_come_back() {
    use tonic_types::StatusExt as _;
    let server = Server::start_with(Backend::Sqlite, |config, _| config.password.queue = 0).await;
    let refused = server.login("alice", PASSWORD).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_error_details().retry_info().is_some());
}

#[tokio::test]
async fn nothing_of_a_password_is_cut_off() {
    let server = Server::start(Backend::Sqlite).await;
    let long = "a long passphrase, ".repeat(4);
    for length in [71, 72, 73] {
        let password = long[..length].to_owned();
        let request = RegisterRequest { password, ..registration(false) };
        let user = server.register(request).await.unwrap();
        for other in [71, 72, 73] {
            let answer = server.login(&user.username, &long[..other]).await;
            assert_eq!(answer.is_ok(), other == length, "{length} {other}");
        }
    }
    let request = RegisterRequest { password: "passphrase".into(), ..registration(false) };
    let user = server.register(request).await.unwrap();
    let refused = server.login(&user.username, "passphrase\0passphrase").await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn both_unicode_forms_of_a_password_log_in() {
    let server = Server::start(Backend::Sqlite).await;
    let (composed, decomposed) = ("pässwörter sind gut", "pa\u{308}sswo\u{308}rter sind gut");
    let request = RegisterRequest { password: decomposed.into(), ..registration(false) };
    let user = server.register(request).await.unwrap();
    assert!(server.login(&user.username, composed).await.is_ok());
    assert!(server.login(&user.username, decomposed).await.is_ok());
}

#[tokio::test]
async fn tokens_are_for_the_audience_that_was_asked_for_if_it_is_configured() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(false).await;
    let request = |audience: &str| LoginRequest {
        username: user.username.clone(),
        password: PASSWORD.into(),
        audience: audience.into(),
        device_name: "phone".into(),
        ..LoginRequest::default()
    };
    let response = server.auth.clone().login(request("other")).await.unwrap().into_inner();
    let Some(Outcome::Tokens(tokens)) = response.result else { panic!("no tokens") };
    let claims = jwt::claims(&tokens.access_token);
    assert_eq!((&claims["aud"], &claims["client_id"]), (&"other".into(), &"other".into()));
    let refused = server.auth.clone().login(request("unheard-of")).await.unwrap_err();
    assert_eq!(
        (reason(&refused), violations(&refused)),
        ("INVALID_FIELD".into(), vec!["audience".into()])
    );
}

#[rstest]
#[tokio::test]
async fn a_stored_hash_that_cannot_be_read_fails_that_login_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (poisoned, user) = (server.user(false).await, server.user(false).await);
    for hash in
        ["", "$2x$04$x", "$2b$31$n79VH.0Q2TMWmt3Oqt9ukuKq4Noyk3094Y2QlB8NdRT8SvGiI4ft2", "é"]
    {
        let poison = format!(
            "UPDATE users SET password_hash = '{hash}' WHERE username = '{}'",
            poisoned.username
        );
        server.database.run(&poison).await;
        let refused = server.login(&poisoned.username, PASSWORD).await.unwrap_err();
        assert_eq!(reason(&refused), "INVALID_CREDENTIALS", "{hash}");
    }
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
}
