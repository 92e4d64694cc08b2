//! RefreshToken.

use std::time::Duration;

use countersign::{app::Environment, pb::Tokens};
use jsonwebtoken::Algorithm;
use rstest::rstest;
use tonic::{Code, Status};

use crate::harness::{
    Backend, Database, Server, clock::TestClock, jwt, logs, reason, server::config, violations,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn request_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The reason of a refusal, which is UNAUTHENTICATED.
fn refused(answer: Result<Tokens, Status>) -> String {
    let refused = answer.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    reason(&refused)
}

#[rstest]
#[tokio::test]
async fn a_refresh_gives_tokens_of_the_same_login_for_the_user_as_they_are_now(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let first = server.session(&user).await;
    let before = jwt::claims(&first.access_token);
    server.database.run("UPDATE users SET username = 'Alice Now', roles = 'admin auditor'").await;
    server.clock.advance(MINUTE);

    let second = server.refresh(&first.refresh_token, "").await.unwrap();
    assert_eq!((second.token_type.as_str(), second.expires_in), ("Bearer", 900));
    assert_eq!(second.session_id, first.session_id);
    assert_ne!(second.refresh_token, first.refresh_token);
    let (_, claims) = jwt::verify(&server, &second.access_token, Algorithm::ES256).await;
    for same in ["sub", "sid", "aud", "client_id", "amr", "auth_time"] {
        assert_eq!(claims[same], before[same], "{same}");
    }
    assert!(claims["iat"].as_i64() >= before["iat"].as_i64().map(|issued| issued + 60));
    assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|issued| issued + 900 + 5));
    assert_eq!(claims["exp"].as_i64(), second.expire_time.map(|at| at.seconds));
    assert_ne!(claims["jti"], before["jti"]);
    assert_eq!(claims["preferred_username"], "Alice Now");
    assert_eq!(claims["roles"], serde_json::json!(["admin", "auditor"]));

    assert!(server.refresh(&second.refresh_token, "").await.is_ok());
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_token_that_was_used_before_ends_the_session_and_every_token_of_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let other = server.session(&user).await;
    let mut tokens = vec![server.session(&user).await];
    for generation in 0..3 {
        tokens.push(server.refresh(&tokens[generation].refresh_token, "").await.unwrap());
    }
    assert!(server.me(&tokens[3]).await.is_ok());
    assert_eq!(refused(server.refresh(&tokens[1].refresh_token, "").await), "REFRESH_REUSED");
    for tokens in &tokens {
        assert_eq!(refused(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
        assert_eq!(reason(&server.me(tokens).await.unwrap_err()), "TOKEN_INVALID");
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM revocations").await, 1);
    assert!(server.refresh(&other.refresh_token, "").await.is_ok(), "another session");
}

/// Whoever has the password could fill the mailbox otherwise, with session after session.
#[rstest]
#[tokio::test]
async fn the_owner_hears_of_a_token_that_was_used_twice_once_a_day(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let told = async || {
        server.delivered().await;
        logs::notices(&user.username)
    };
    let reuse = async || {
        let tokens = server.session(&user).await;
        server.refresh(&tokens.refresh_token, "").await.unwrap();
        assert_eq!(refused(server.refresh(&tokens.refresh_token, "").await), "REFRESH_REUSED");
        tokens
    };
    let ended = reuse().await;
    assert_eq!(told().await, ["refresh_reused"]);
    // What has ended says nothing any more, and another session nothing new.
    assert_eq!(refused(server.refresh(&ended.refresh_token, "").await), "TOKEN_INVALID");
    reuse().await;
    assert_eq!(told().await, ["refresh_reused"]);
    server.clock.advance(DAY);
    assert_eq!(refused(server.refresh(&ended.refresh_token, "").await), "TOKEN_INVALID");
    reuse().await;
    assert_eq!(told().await, ["refresh_reused"; 2]);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM revocations").await, 3);
}

#[rstest]
#[tokio::test]
async fn the_same_request_sent_again_soon_gets_the_same_successor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let tokens = server.session(&server.user(false).await).await;
    let id = request_id();
    let first = server.refresh(&tokens.refresh_token, &id).await.unwrap();
    // A fail-over of the database may take that long.
    server.clock.advance(Duration::from_secs(120));
    let again = server.refresh(&tokens.refresh_token, &id.to_uppercase()).await.unwrap();
    assert_eq!(again.refresh_token, first.refresh_token);
    assert!(server.me(&again).await.is_ok());
    let next = server.refresh(&again.refresh_token, "").await.unwrap();
    // By now the answer was heard: whoever sends the first token again is somebody else.
    assert_eq!(refused(server.refresh(&tokens.refresh_token, &id).await), "REFRESH_REUSED");
    assert_eq!(refused(server.refresh(&next.refresh_token, "").await), "TOKEN_INVALID");
}

#[rstest]
#[case::late(121, true)]
#[case::another_request(1, false)]
#[case::another_request_in_a_fail_over(14, false)]
#[tokio::test]
async fn what_is_not_that_request_or_comes_late_is_a_reuse(
    #[case] seconds: u64,
    #[case] same_request: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = server.session(&server.user(false).await).await;
    let id = request_id();
    let next = server.refresh(&tokens.refresh_token, &id).await.unwrap();
    server.clock.advance(Duration::from_secs(seconds));
    let id = if same_request { id } else { request_id() };
    assert_eq!(refused(server.refresh(&tokens.refresh_token, &id).await), "REFRESH_REUSED");
    assert_eq!(refused(server.refresh(&next.refresh_token, "").await), "TOKEN_INVALID");
}

#[rstest]
#[tokio::test]
async fn a_session_ends_thirty_days_after_its_login_however_often_it_is_used(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let mut tokens = server.session(&server.user(false).await).await;
    for _ in 0..3 {
        server.clock.advance(10 * DAY - 2 * MINUTE);
        tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    }
    // Six minutes are left: the access token does not outlive the session.
    assert!((300..=360).contains(&tokens.expires_in), "{}", tokens.expires_in);
    let claims = jwt::claims(&tokens.access_token);
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        tokens.expires_in + 5
    );
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["auth_time"].as_i64().unwrap(),
        30 * 24 * 60 * 60 + 5
    );
    server.clock.advance(6 * MINUTE);
    assert_eq!(refused(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
    // That was no reuse: it had simply ended.
    assert_eq!(server.database.number("SELECT COUNT(*) FROM revocations").await, 0);
}

#[rstest]
#[tokio::test]
async fn a_session_that_is_not_used_ends_after_the_idle_time_and_so_do_its_tokens(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.session_idle_ttl = 10 * MINUTE;
    })
    .await;
    let mut tokens = server.session(&server.user(false).await).await;
    assert_eq!(tokens.expires_in, 600);
    for _ in 0..3 {
        server.clock.advance(9 * MINUTE);
        tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
        assert_eq!(tokens.expires_in, 600);
    }
    server.clock.advance(10 * MINUTE);
    assert_eq!(refused(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
    assert_eq!(reason(&server.me(&tokens).await.unwrap_err()), "TOKEN_INVALID");
}

#[rstest]
#[tokio::test]
async fn every_prefix_suffix_and_bit_flip_is_refused_and_harms_nobody(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = server.session(&server.user(false).await).await;
    let text = tokens.refresh_token.clone();
    assert_eq!(text.len(), 75);
    let mut forged = vec![format!("{text}A"), format!("{text}="), "é".into()];
    for place in 0..text.len() {
        forged.push(text[..place].to_owned());
        forged.push(text[place + 1..].to_owned());
        for bit in 0..7 {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            forged.push(String::from_utf8(bytes).unwrap());
        }
    }
    for forged in forged {
        assert_eq!(refused(server.refresh(&forged, "").await), "TOKEN_INVALID", "{forged}");
        let logout = server.logout(&forged).await.unwrap_err();
        assert_eq!(reason(&logout), "TOKEN_INVALID", "{forged}");
    }
    assert!(server.refresh(&text, "").await.is_ok());
}

#[rstest]
#[tokio::test]
async fn what_came_of_a_second_factor_stays_with_the_session(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let first = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    // The id of a challenge refreshes nothing.
    assert_eq!(refused(server.refresh(&challenge.challenge_id, "").await), "TOKEN_INVALID");
    let second = server.refresh(&first.refresh_token, "").await.unwrap();
    let claims = jwt::claims(&second.access_token);
    assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
    assert_eq!(refused(server.refresh(&first.refresh_token, "").await), "REFRESH_REUSED");
}

#[rstest]
#[case::disabled("disabled_at = created_at", "disabled_at = NULL")]
#[case::other_credentials("credential_version = 2", "credential_version = 1")]
#[tokio::test]
async fn a_user_whose_login_would_no_longer_count_is_refused_and_no_token_is_spent(
    #[case] change: &str,
    #[case] back: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = server.session(&server.user(false).await).await;
    server.database.run(&format!("UPDATE users SET {change}")).await;
    assert_eq!(refused(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
    assert_eq!(reason(&server.me(&tokens).await.unwrap_err()), "TOKEN_INVALID");
    server.database.run(&format!("UPDATE users SET {back}")).await;
    assert!(server.refresh(&tokens.refresh_token, "").await.is_ok());
}

#[rstest]
#[tokio::test]
async fn a_restart_forgets_no_token_that_was_used(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let config = config(&database);
    let start = Server::start_on(database, &config, Environment::default(), TestClock::default());
    let server = start.await;
    let first = server.session(&server.user(false).await).await;
    let second = server.refresh(&first.refresh_token, "").await.unwrap();
    let (environment, clock) = (Environment::default(), TestClock::default());
    let again = Server::start_on(server.database, &config, environment, clock).await;
    let third = again.refresh(&second.refresh_token, "").await.unwrap();
    assert_eq!(refused(again.refresh(&first.refresh_token, "").await), "REFRESH_REUSED");
    assert_eq!(refused(again.refresh(&third.refresh_token, "").await), "TOKEN_INVALID");
}

#[rstest]
#[tokio::test]
async fn a_request_id_that_is_none_is_a_bad_field_and_spends_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = server.session(&server.user(false).await).await;
    let refused = server.refresh(&tokens.refresh_token, "retry-1").await.unwrap_err();
    assert_eq!(
        (reason(&refused), violations(&refused)),
        ("INVALID_FIELD".into(), vec!["request_id".into()])
    );
    assert!(server.refresh(&tokens.refresh_token, "").await.is_ok());
}
