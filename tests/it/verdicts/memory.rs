//! When memory answers, and when the database is asked.

use std::time::Duration;

use countersign::{
    app::{self, Environment},
    domain::Actor,
    service::Standing,
    store::Revoking,
    token::OpaqueToken,
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{NEVER, Scene, asked, is_active};
use crate::{
    harness::{Backend, Server, eventually, on_both, server::config},
    service_accounts::operator,
};

#[apply(on_both)]
#[tokio::test]
async fn a_token_is_answered_without_the_database_the_first_time_and_later(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let tokens = server.session(&server.user(false).await).await;
    scene.read().await;
    let before = asked(server).await;
    for _ in 0..3 {
        assert!(is_active(server, &tokens.access_token).await);
    }
    let forged = format!("{}x", tokens.access_token);
    assert!(!is_active(server, &forged).await);
    assert_eq!(asked(server).await, before);
}

/// Whatever ended a token before this replica followed the log may be in a log that is gone: after a restore, say.
#[apply(on_both)]
#[tokio::test]
async fn a_token_from_before_the_log_was_followed_is_asked_about_once(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let user = server.user(false).await;
    let (lives, lost) = (server.session(&user).await, server.session(&user).await);
    // The database that comes back has never heard of that session.
    server.database.run(&gone(backend, &lost.session_id)).await;
    let clock = server.clock.clock();
    let environment = Environment { clock, ..Environment::default() };
    let new = app::parts(&config(&server.database), &environment).await.unwrap();
    new.revocations.read().await.unwrap();
    let active = async |token: &str| new.verdicts.introspect_token(token).await.unwrap().is_some();
    assert!(active(&lives.access_token).await && !active(&lost.access_token).await);
    // From then on it is not asked.
    server.database.run(&gone(backend, &lives.session_id)).await;
    assert!(active(&lives.access_token).await);
}

/// A session that is not there.
fn gone(backend: Backend, id: &str) -> String {
    match backend {
        Backend::Sqlite => format!("DELETE FROM sessions WHERE id = x'{}'", id.replace('-', "")),
        Backend::Postgres => format!("DELETE FROM sessions WHERE id = '{id}'"),
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_log_that_was_read_too_long_ago_says_nothing(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    scene.all_are_active(&[&tokens.access_token]).await;
    server.logout(&tokens.refresh_token).await.unwrap();
    for (later, is_active) in [(299_999, true), (1, false)] {
        server.clock.advance(Duration::from_micros(later));
        let active = scene.is_active_elsewhere(&tokens.access_token).await;
        assert_eq!(active, is_active, "another replica, {later} µs later");
    }
}

/// Its clock was ahead, and dropped revocations that live by the right time.
#[apply(on_both)]
#[tokio::test]
async fn a_clock_that_goes_back_makes_memory_say_nothing(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let tokens = server.session(&server.user(false).await).await;
    server.clock.set_wrong_by(60 * 60);
    scene.other.revocations.read().await.unwrap();
    server.clock.set_wrong_by(0);
    // By hand: only the database knows.
    server.database.run("UPDATE users SET disabled_at = created_at").await;
    assert!(!scene.is_active_elsewhere(&tokens.access_token).await);
}

/// Its revocation may have expired before it: the lifetime of tokens was lowered since it was issued.
#[apply(on_both)]
#[tokio::test]
async fn a_token_that_lives_longer_than_those_of_today_is_asked_about(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let tokens = server.session(&server.user(false).await).await;
    let mut config = config(&server.database);
    config.access_tokens.ttl -= Duration::from_secs(1);
    let environment = Environment { clock: server.clock.clock(), ..Environment::default() };
    let short = app::parts(&config, &environment).await.unwrap();
    short.revocations.read().await.unwrap();
    let active =
        async || short.verdicts.introspect_token(&tokens.access_token).await.unwrap().is_some();
    assert!(active().await);
    server.database.run(&gone(backend, &tokens.session_id)).await;
    assert!(!active().await);
}

/// Without the database: what has ended is void, also of tokens that it would be asked about, and what this replica has ended itself, and has
/// not read, is nothing that an operator lets pass.
#[tokio::test]
async fn without_the_database_memory_tells_what_has_ended() {
    let scene = Scene::start(Backend::Postgres).await;
    let server = scene.server();
    let user = server.user(false).await;
    let (read, noted) = (server.session(&user).await, server.session(&user).await);
    let lives = server.session(&user).await;
    let mut config = config(&server.database);
    config.access_tokens.ttl -= Duration::from_secs(1);
    let environment = Environment { clock: server.clock.clock(), ..Environment::default() };
    let replica = app::parts(&config, &environment).await.unwrap();
    server.logout(&read.refresh_token).await.unwrap();
    replica.revocations.read().await.unwrap();
    let token = OpaqueToken::from_text(noted.refresh_token);
    replica.sessions.logout(&operator(), token).await.unwrap();
    server.database.set_away(true).await;
    let standing = async |token: &str| {
        let standing = replica.verdicts.standing(token, Duration::from_secs(5)).await;
        match standing {
            Standing::Active(_) => "active",
            Standing::Void => "void",
            Standing::Unknown(_) => "unknown",
            Standing::Doubtful => "doubtful",
        }
    };
    for later in [0, 6] {
        server.clock.advance(Duration::from_secs(later));
        assert_eq!(standing(&read.access_token).await, "void");
        assert_eq!(standing(&noted.access_token).await, "doubtful");
        assert_eq!(standing(&lives.access_token).await, "unknown");
    }
    server.database.set_away(false).await;
}

/// A log with lower numbers is another one: what is remembered of before is asked about again.
#[apply(on_both)]
#[tokio::test]
async fn after_a_restore_under_a_running_replica_every_token_is_asked_about_again(
    backend: Backend,
) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let user = server.user(false).await;
    let (tokens, ended) = (server.session(&user).await, server.session(&user).await);
    server.logout(&ended.refresh_token).await.unwrap();
    scene.read().await;
    assert!(scene.is_active_elsewhere(&tokens.access_token).await);
    server.database.run("DELETE FROM revocations").await;
    server.database.run("UPDATE revocation_head SET seq = 0").await;
    server.database.run(&gone(backend, &tokens.session_id)).await;
    assert!(scene.is_active_elsewhere(&tokens.access_token).await, "not read");
    scene.read().await;
    assert!(!scene.is_active_elsewhere(&tokens.access_token).await);
}

/// An end that another replica commits is told within the bound, by a log that is followed.
#[apply(on_both)]
#[tokio::test]
async fn whoever_follows_the_log_hears_of_an_end_by_itself(backend: Backend) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    assert!(is_active(&server, &tokens.access_token).await);
    let now = server.clock.now();
    let (actor, tokens_expire_at) = (Actor::Nobody, now.plus(Duration::from_secs(900)));
    let at = Revoking { now, tokens_expire_at, actor, address: None, carried_out: None };
    let [session, user] = [&tokens.session_id, &user.id].map(|id| id.parse().unwrap());
    let store = server.database.store().await;
    assert!(store.session_revoke(session, user, at).await.unwrap());
    eventually("the end", async || !is_active(&server, &tokens.access_token).await).await;
}

/// The store's own commits count at once, also where the log is read never again.
#[apply(on_both)]
#[tokio::test]
async fn a_write_whose_caller_goes_away_is_known_where_it_ran(backend: Backend) {
    let server = Server::start_with(backend, |_, environment| {
        environment.revocations.poll_every = NEVER;
    })
    .await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    super::read(&server).await;
    assert!(is_active(&server, &tokens.access_token).await);
    let row = match backend {
        Backend::Sqlite => format!("x'{}'", tokens.session_id.replace('-', "")),
        Backend::Postgres => format!("'{}'", tokens.session_id),
    };
    let ended =
        format!("SELECT COUNT(*) FROM sessions WHERE id = {row} AND revoked_at IS NOT NULL");
    let logout = server.logout(&tokens.refresh_token);
    let gave_up = tokio::time::timeout(Duration::from_millis(1), logout).await;
    eventually("the commit", async || {
        // It may have gone away before the write began.
        if gave_up.is_err() && server.database.number(&ended).await == 0 {
            let _again = tokio::time::timeout(
                Duration::from_millis(1),
                server.logout(&tokens.refresh_token),
            )
            .await;
        }
        server.database.number(&ended).await == 1
    })
    .await;
    assert!(!is_active(&server, &tokens.access_token).await);
}
