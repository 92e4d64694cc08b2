//! One clock that was wrong by hours or a year, ahead or behind, and is set right.

use std::time::Duration;

use countersign::{
    app::{self, Environment},
    delivery::Trust,
    domain::{KeyState, Timestamp, TrustedProxies},
    pb::login_response::Result as Outcome,
};
use rstest::rstest;
use tonic::Status;

use super::{HOUR, MINUTE, SECOND, WRONG, burn, login_from, settled, time};
use crate::{
    delivery::webhook_to,
    factors::{enroll, session_by_app},
    harness::{
        Backend, Database, Server,
        clock::TestClock,
        eventually, jwt, logs, reason, reason_of,
        server::{PASSWORD, config},
        unique, wait,
    },
    mailbox::request_reset,
};

/// More than clocks may be apart, and less than a webhook may put messages off.
const MINUTES: i64 = 3 * 60;
const HOURS: i64 = 2 * 60 * 60;
const YEAR: i64 = 365 * 24 * 60 * 60;

/// How long a refusal says to wait; zero for what is let through.
fn hold<T: std::fmt::Debug>(answer: Result<T, Status>) -> Duration {
    if answer.is_ok() { Duration::ZERO } else { wait(answer) }
}

/// A replica with that clock, where a proxy tells whose call it is.
async fn behind_a_proxy(backend: Backend) -> Server {
    let server = Server::start_with(backend, |config, _| {
        config.policy.source_failures = 6;
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    });
    settled(server.await).await
}

#[rstest]
#[tokio::test]
async fn the_right_password_waits_no_longer_than_a_minute(
    #[values(HOURS, -HOURS, YEAR, -YEAR)] wrong_by: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = settled(Server::start(backend).await).await;
    let user = server.user(false).await;
    server.clock.stop();
    server.clock.set_wrong_by(wrong_by);
    burn(&server, &user.username).await;
    assert_eq!(wait(server.login(&user.username, PASSWORD).await), MINUTE);
    server.clock.set_wrong_by(0);
    // One more failure counts by the right clock.
    let refused = server.login(&user.username, WRONG).await.unwrap_err();
    if reason(&refused) != "INVALID_CREDENTIALS" {
        let held = wait(Err::<(), _>(refused));
        assert!(held <= MINUTE, "{held:?}");
    }
    let held = hold(server.login(&user.username, PASSWORD).await);
    assert!(held <= MINUTE, "{held:?}");
    server.clock.advance(MINUTE);
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
}

/// An address that has used up what it may fail, and a mailbox that was just sent a code.
#[rstest]
#[tokio::test]
async fn a_source_and_a_mailbox_wait_no_longer_than_their_limits_say(
    #[values(HOURS, -HOURS, YEAR, -YEAR)] wrong_by: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = behind_a_proxy(backend).await;
    let user = server.user(false).await;
    server.clock.stop();
    server.clock.set_wrong_by(wrong_by);
    let from =
        async |password| login_from(&server, "192.0.2.1", "", &user.username, password).await;
    from(WRONG).await.unwrap_err();
    assert_eq!(wait(from(PASSWORD).await), 10 * MINUTE);
    request_reset(&server, &user.email).await.unwrap();
    assert_eq!(wait(request_reset(&server, &user.email).await), 30 * SECOND);
    server.clock.set_wrong_by(0);
    let held = hold(request_reset(&server, &user.email).await);
    assert!(held <= 30 * SECOND, "{held:?}");
    let held = hold(from(PASSWORD).await);
    assert!(held <= 10 * MINUTE, "{held:?}");
    server.clock.advance(10 * MINUTE);
    from(PASSWORD).await.unwrap();
    request_reset(&server, &user.email).await.unwrap();
}

/// What is kept in memory does not go by the time of day.
#[rstest]
#[tokio::test]
async fn an_address_that_has_called_too_often_waits_for_a_second(
    #[values(HOURS, -HOURS, YEAR, -YEAR)] wrong_by: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.address_rate = 1;
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    })
    .await;
    server.clock.stop();
    let from = async || login_from(&server, "192.0.2.1", "", &unique("nobody"), WRONG).await;
    server.clock.set_wrong_by(wrong_by);
    for _ in 0..5 {
        assert_eq!(reason_of(from().await), "INVALID_CREDENTIALS");
    }
    server.clock.set_wrong_by(0);
    assert_eq!(wait(from().await), SECOND, "neither more nor less");
    server.clock.advance(SECOND);
    assert_eq!(reason_of(from().await), "INVALID_CREDENTIALS");
}

/// A challenge that a clock began which was ahead: another code can be sent, and answers it.
#[rstest]
#[tokio::test]
async fn a_challenge_gets_another_code_in_time(
    #[values(HOURS, YEAR)] ahead: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |_, environment| {
        environment.clean_every = Duration::from_millis(5);
    })
    .await;
    server.clock.stop();
    let user = server.user(true).await;
    server.clock.set_wrong_by(ahead);
    let challenge = server.challenge(&user).await;
    server.clock.set_wrong_by(0);
    let held = hold(server.resend(&challenge).await);
    assert!(held <= 30 * SECOND, "{held:?}");
    server.clock.advance(30 * SECOND);
    server.resend(&challenge).await.unwrap();
    server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
}

/// A replica whose messages get nowhere, and whose clock is wrong; then one whose clock is right.
#[rstest]
#[tokio::test]
async fn a_message_is_sent_whenever_it_was_put_off_to(
    #[values(MINUTES, 15 * MINUTES, HOURS, -HOURS, YEAR, -YEAR)] wrong_by: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    // Nobody listens there.
    let nowhere = webhook_to("http://127.0.0.1:9/", &Trust::default());
    let server = Server::start_with(backend, |config, _| config.delivery = nowhere).await;
    server.clock.stop();
    let user = server.user(true).await;
    server.clock.set_wrong_by(wrong_by);
    server.login_only(&user.username, PASSWORD).await.unwrap();
    let tried = "SELECT COUNT(*) FROM outbox WHERE tries > 0";
    eventually("a try", async || server.database.number(tried).await == 1).await;
    let right = server.clock.of_another();
    let database = server.database.clone();
    server.stop().await.unwrap();
    let environment = Environment {
        clock: right.clock(),
        deliver_every: Duration::from_millis(20),
        ..Environment::default()
    };
    let server = Server::start_on(database.clone(), &config(&database), environment, right).await;
    // Without any time going by: sent, or given up where its code has expired.
    server.delivered().await;
    assert_eq!(logs::codes(&user.username).len(), usize::from(wrong_by > 0));
}

#[rstest]
#[tokio::test]
async fn a_lease_is_free_when_its_time_is_up_by_the_right_clock(
    #[values(HOURS, -HOURS, YEAR, -YEAR)] wrong_by: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, wrong) = (Database::new(backend).await, TestClock::default());
    let (config, right) = (config(&database), wrong.of_another());
    wrong.set_wrong_by(wrong_by);
    let janitor = async |clock: &TestClock| {
        let environment = Environment { clock: clock.clock(), ..Environment::default() };
        app::parts(&config, &environment).await.unwrap().janitor
    };
    assert!(janitor(&wrong).await.run().await.unwrap().is_some());
    let other = janitor(&right).await;
    right.advance(5 * MINUTE);
    assert!(other.run().await.unwrap().is_some());
}

/// There are addresses and names of devices in it.
#[rstest]
#[tokio::test]
async fn what_a_deleted_user_has_left_is_removed_at_once(
    #[values(HOURS, YEAR)] ahead: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = settled(Server::start(backend).await).await;
    let user = server.user(false).await;
    server.clock.set_wrong_by(ahead);
    let tokens = server.session(&user).await;
    server.delete_me(&tokens, PASSWORD).await.unwrap();
    server.clock.set_wrong_by(0);
    // The server's own lease is over.
    server.clock.advance(5 * MINUTE);
    let environment = Environment { clock: server.clock.clock(), ..Environment::default() };
    let parts = app::parts(&config(&server.database), &environment).await.unwrap();
    assert!(parts.janitor.run().await.unwrap().is_some());
    for table in ["sessions", "users"] {
        let left = server.database.number(&format!("SELECT COUNT(*) FROM {table}")).await;
        assert_eq!(left, 0, "{table}");
    }
}

/// A key that was made in the future neither signs before its time nor keeps the others from being replaced.
#[rstest]
#[tokio::test]
async fn keys_are_replaced_in_time(
    #[values(HOURS, -HOURS, YEAR, -YEAR)] wrong_by: i64,
    #[values(true, false)] at_once: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    database.store().await.close().await;
    let mut config = config(&database);
    config.key_rotation = 24 * HOUR;
    let keeper = app::keys(&config, &clock.clock()).await.unwrap().unwrap();
    keeper.load().await.unwrap();
    clock.set_wrong_by(wrong_by);
    keeper.rotate(at_once).await.unwrap();
    keeper.load().await.unwrap();
    clock.set_wrong_by(0);
    // A rotation later there is a key that is not older than that.
    for _ in 0..3 {
        clock.advance(25 * HOUR);
        keeper.load().await.unwrap();
        clock.advance(keeper.notice());
        let ring = keeper.load().await.unwrap();
        let listed = keeper.list().await.unwrap();
        let signer = listed.iter().find(|key| key.state == KeyState::Signing).unwrap();
        assert!(clock.now().since(signer.times.created_at) < 26 * HOUR, "{listed:#?}");
        assert!(ring.signer(clock.now()).is_some());
    }
}

#[rstest]
#[tokio::test]
async fn a_session_goes_on_and_no_token_says_that_its_login_is_to_come(
    #[values(HOURS, YEAR)] ahead: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = settled(Server::start(backend).await).await;
    server.clock.stop();
    let user = server.user(false).await;
    server.clock.set_wrong_by(ahead);
    let first = server.session(&user).await;
    server.clock.set_wrong_by(0);
    let second = server.refresh(&first.refresh_token, "").await.unwrap();
    server.me(&second).await.unwrap();
    let claims = jwt::claims(&second.access_token);
    let now = server.clock.now();
    for name in ["iat", "auth_time"] {
        assert!(claims[name].as_i64().unwrap() <= now.unix_seconds(), "{name}");
    }
    // Thirty days from now, not from then.
    let longer = format!(
        "SELECT COUNT(*) FROM sessions WHERE expires_at > {}",
        time(backend, now.plus(30 * 24 * HOUR + MINUTE))
    );
    assert_eq!(server.database.number(&longer).await, 0);
    // Who revokes it revokes the first token, too, however late that ends.
    server.logout(&second.refresh_token).await.unwrap();
}

/// A revocation is kept for as long as the last token of the session, which a clock that was ahead has issued.
#[rstest]
#[tokio::test]
async fn a_revocation_is_kept_until_the_last_token_has_expired(
    #[values(HOURS, YEAR)] ahead: i64,
    #[values(true, false)] all: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = settled(Server::start(backend).await).await;
    server.clock.stop();
    let user = server.user(false).await;
    server.clock.set_wrong_by(ahead);
    let first = server.session(&user).await;
    let expires_at = jwt::claims(&first.access_token)["exp"].as_i64().unwrap();
    server.clock.set_wrong_by(0);
    if all {
        let other = server.session(&user).await;
        server.change_password(&other, PASSWORD, "another long passphrase").await.unwrap();
    } else {
        server.logout(&first.refresh_token).await.unwrap();
    }
    let last = Timestamp::from_unix_micros(expires_at * 1_000_000);
    let kept =
        format!("SELECT COUNT(*) FROM revocations WHERE expires_at >= {}", time(backend, last));
    assert_eq!(server.database.number(&kept).await, 1);
}

#[rstest]
#[tokio::test]
async fn a_device_that_was_known_stays_known(
    #[values(HOURS, -HOURS, YEAR)] wrong_by: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = behind_a_proxy(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    server.clock.set_wrong_by(wrong_by);
    let Some(Outcome::Tokens(tokens)) =
        login_from(&server, "192.0.2.1", "", &user.username, PASSWORD).await.unwrap().result
    else {
        panic!("no tokens")
    };
    burn(&server, &user.username).await;
    server.clock.set_wrong_by(0);
    let device = &tokens.device_token;
    login_from(&server, "192.0.2.1", device, &user.username, PASSWORD).await.unwrap();
}

/// The step of an app that was used while the phone and the server were ahead.
#[rstest]
#[tokio::test]
async fn an_apps_code_is_accepted_whatever_step_was_used_before(
    #[values(HOURS, -HOURS, YEAR, -YEAR)] wrong_by: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = settled(Server::start(backend).await).await;
    server.clock.stop();
    let user = server.user(false).await;
    server.clock.set_wrong_by(wrong_by);
    let (app, _) = enroll(&server, &server.session(&user).await).await;
    server.clock.advance(30 * SECOND);
    session_by_app(&server, &user, &app).await;
    server.clock.set_wrong_by(0);
    session_by_app(&server, &user, &app).await;
}
