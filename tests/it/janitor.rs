//! What is of no use any more is removed, by one replica at a time.

use std::time::Duration;

use countersign::{
    app::{self, Environment},
    domain::{EventKind, Timestamp},
    pb::{
        BeginTotpEnrollmentRequest, RequestPasswordResetRequest, login_response::Result as Outcome,
    },
    store::EventFilter,
};
use rstest::rstest;

use crate::{
    clocks::{settled, time},
    harness::{
        Backend, Database, Server,
        clock::TestClock,
        eventually, logs, reason_of,
        server::{PASSWORD, bearer, config, registration},
        soon,
    },
    http::get,
    mailbox::verify_email,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Longer than a lease.
const LATER: Duration = Duration::from_secs(181);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Adds revocations that have expired long ago.
async fn expired_revocations(database: &Database, from: u32, to: u32) {
    let (id, time) = match database.backend {
        Backend::Sqlite => ("x'00'", "0"),
        Backend::Postgres => ("'00000000-0000-0000-0000-000000000000'::UUID", "to_timestamp(0)"),
    };
    let sql = format!(
        "INSERT INTO revocations (seq, user_id, not_before, expires_at) \
         WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to}) \
         SELECT i, {id}, {time}, {time} FROM n"
    );
    database.run(&sql).await;
}

#[rstest]
#[tokio::test]
async fn replicas_take_turns_by_the_lease(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let config = config(&database);
    let time = Environment { clock: clock.clock(), ..Environment::default() };
    let one = app::parts(&config, &time).await.unwrap().janitor;
    let other = app::parts(&config, &time).await.unwrap().janitor;
    // More than a batch, so that it goes on after the first.
    expired_revocations(&database, 1, 1200).await;
    assert_eq!(one.run().await.unwrap(), Some(1200));
    expired_revocations(&database, 1201, 1203).await;
    assert_eq!(other.run().await.unwrap(), None, "not its turn");
    clock.advance(2 * MINUTE);
    assert_eq!(one.run().await.unwrap(), Some(3), "its lease is renewed");
    clock.advance(2 * MINUTE);
    assert_eq!(other.run().await.unwrap(), None);
    clock.advance(LATER);
    assert_eq!(other.run().await.unwrap(), Some(0));
    assert_eq!(one.run().await.unwrap(), None, "the other one has taken over");
}

/// The number of rows that a server keeps.
async fn count(server: &Server, table: &str) -> i64 {
    server.database.number(&format!("SELECT COUNT(*) FROM {table}")).await
}

#[rstest]
#[tokio::test]
async fn a_server_removes_what_has_ended_and_nothing_that_is_needed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |_, environment| {
        environment.clean_every = Duration::from_millis(5);
    })
    .await;
    let (plain, careful) = (server.user(false).await, server.user(true).await);
    let login = server.login(&plain.username, PASSWORD).await.unwrap();
    let Some(Outcome::Tokens(tokens)) = login.result else { panic!("no tokens") };
    server.challenge(&careful).await;
    let nobodys = RequestPasswordResetRequest {
        email: "nobody@example.com".into(),
        device_token: String::new(),
    };
    server.auth.clone().request_password_reset(nobodys).await.unwrap();
    let request = BeginTotpEnrollmentRequest {
        password: PASSWORD.into(),
        second_factor: None,
        ..Default::default()
    };
    server.account.clone().begin_totp_enrollment(bearer(&tokens, request)).await.unwrap();

    // A revocation that has ended long ago tells that a round is over: it comes after challenges and sessions.
    let (mut seq, mut counts) = (0, Vec::new());
    for advance in
        [Duration::ZERO, 64 * MINUTE, 2 * MINUTE, 5 * MINUTE, 14 * DAY - 5 * MINUTE, 75 * MINUTE]
    {
        clock_forward(&server, advance, &mut seq).await;
        let mut left = Vec::new();
        for table in ["challenges", "mailbox_codes", "totp_factors", "sessions"] {
            left.push(count(&server, table).await);
        }
        counts.push(left);
    }
    // Codes go an hour after their five minutes, enrolments after their ten, sessions an hour and a token's life after
    // 14 idle days.
    assert_eq!(
        counts,
        [[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    );
    assert_eq!(count(&server, "users").await, 2);
}

#[rstest]
#[tokio::test]
async fn nothing_is_left_of_an_account_that_was_deleted_but_its_events(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |_, environment| {
        environment.clean_every = Duration::from_millis(5);
    })
    .await;
    let (user, stays) = (server.user(false).await, server.user(false).await);
    let tokens = server.session(&user).await;
    let kept = server.session(&stays).await;
    let request = BeginTotpEnrollmentRequest {
        password: PASSWORD.into(),
        second_factor: None,
        ..Default::default()
    };
    server.account.clone().begin_totp_enrollment(bearer(&tokens, request)).await.unwrap();
    server.delete_me(&tokens, PASSWORD).await.unwrap();
    eventually("the removal", async || count(&server, "users").await == 1).await;
    assert_eq!([count(&server, "sessions").await, count(&server, "totp_factors").await], [1, 0]);
    assert!(server.me(&kept).await.is_ok());
    let (id, store) = (Some(user.id.parse().unwrap()), server.database.store().await);
    let since = Timestamp::from_unix_micros(0);
    let filter = EventFilter { user_id: id, kind: None, since, most: 10 };
    let newest = store.events_list(filter).await.unwrap().remove(0);
    assert_eq!((newest.kind, newest.user_id), (EventKind::UserDeleted, id));
}

/// Puts the clock forward and waits for a round that has begun since.
async fn clock_forward(server: &Server, by: Duration, seq: &mut u32) {
    server.clock.advance(by);
    // The first may go in a round that began before.
    for _ in 0..2 {
        *seq += 1;
        expired_revocations(&server.database, *seq, *seq).await;
        eventually("a round", async || count(server, "revocations").await == 0).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_key_loses_its_private_part_and_is_forgotten_when_all_tokens_have_long_expired(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let config = config(&database);
    let parts =
        app::parts(&config, &Environment { clock: clock.clock(), ..Environment::default() })
            .await
            .unwrap();
    let keys = app::keys(&config, &clock.clock()).await.unwrap().unwrap();
    keys.rotate(true).await.unwrap();
    let janitor = parts.janitor;
    let erased = "SELECT COUNT(*) FROM signing_keys WHERE LENGTH(sealed_private_key) = 0";
    let state = async || {
        janitor.run().await.unwrap();
        (keys.list().await.unwrap().len(), database.number(erased).await)
    };
    clock.advance(DAY);
    assert_eq!(state().await, (2, 0), "its tokens expired less than a day ago");
    clock.advance(18 * MINUTE);
    assert_eq!(state().await, (2, 1));
    keys.load().await.unwrap();
    clock.advance(6 * DAY);
    assert_eq!(state().await, (2, 1), "it is still listed");
    clock.advance(DAY);
    assert_eq!(state().await, (1, 0), "the one that signs stays");
}

#[tokio::test]
async fn when_the_store_was_away_it_goes_on() {
    let server = Server::start_with(Backend::Postgres, |_, environment| {
        environment.clean_every = Duration::from_millis(5);
    })
    .await;
    let ready = async || get(server.http, "/readyz").await.0.contains(" 200 ");
    eventually("ready", ready).await;
    server.database.set_away(true).await;
    eventually("not ready", async || !ready().await).await;
    server.database.set_away(false).await;
    expired_revocations(&server.database, 1, 3).await;
    eventually("a round", async || count(&server, "revocations").await == 0).await;
}

#[rstest]
#[tokio::test]
async fn an_account_that_does_not_verify_its_address_ends_after_its_time_and_those_who_watch_hear(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use countersign::pb::{WatchRevocationsRequest, revocation::Subject};
    let server = Server::start_with(backend, |config, environment| {
        config.policy.email_verification = true;
        config.policy.unverified_ttl = 2 * DAY;
        environment.clean_every = Duration::from_millis(5);
    })
    .await;
    server.clock.stop();
    let registered = server.auth.clone().register(registration(false)).await.unwrap().into_inner();
    let verified = registered.user.unwrap();
    server.delivered().await;
    let code = logs::code(&verified.username);
    verify_email(&server, &registered.verification_id, &code).await.unwrap();
    let early = server.user(false).await;
    let tokens = server.session(&early).await;
    // The other replica's janitor gets no turn: it would take that along when it goes.
    eventually("its turn", async || count(&server, "leases").await == 1).await;
    // Nobody asked for a proof when it was registered.
    let never = server
        .replica(|config, _| config.policy.email_verification = false)
        .await
        .user(false)
        .await;
    server.clock.advance(DAY);
    let late = server.user(false).await;
    let watch = WatchRevocationsRequest::default();
    let mut stream = server.tokens.clone().watch_revocations(watch).await.unwrap().into_inner();
    let mut seq = 100;
    clock_forward(&server, DAY, &mut seq).await;
    assert_eq!(
        count(&server, "users WHERE deleted_at IS NULL").await,
        4,
        "its time is over just now"
    );
    server.clock.advance(Duration::from_secs(1));
    eventually("the end of the account", async || {
        count(&server, "users WHERE deleted_at IS NULL").await == 3
    })
    .await;
    let told = soon("the revocation", async {
        loop {
            let update = stream.message().await.unwrap().unwrap();
            if let Some(subject) = update.revocation.and_then(|told| told.subject) {
                break subject;
            }
        }
    });
    assert_eq!(told.await, Subject::UserId(early.id.clone()));
    assert_eq!(reason_of(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
    server.clock.advance(3 * DAY);
    eventually("the end of the other", async || {
        count(&server, "users WHERE deleted_at IS NULL").await == 2
    })
    .await;
    assert_eq!(reason_of(server.login(&late.username, PASSWORD).await), "INVALID_CREDENTIALS");
    for user in [&verified, &never] {
        assert!(server.login(&user.username, PASSWORD).await.is_ok());
    }
}

/// Perhaps because no mail gets through.
#[rstest]
#[tokio::test]
async fn while_nobody_is_asked_to_verify_an_address_no_account_ends_for_that(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    // Its janitor, which would end the account, has had its first round, and the next one is in a minute.
    let server = Server::start_with(backend, |config, _| config.policy.email_verification = true);
    let server = settled(server.await).await;
    let user = server.user(false).await;
    let off = server
        .replica(|config, environment| {
            config.policy.email_verification = false;
            environment.clean_every = Duration::from_millis(5);
        })
        .await;
    off.clock.advance(8 * DAY);
    // It takes over from a replica that may just be behind.
    let taken = "SELECT COUNT(*) FROM leases WHERE name = 'janitor' AND expires_at > ";
    let taken = format!("{taken}{}", time(off.database.backend, off.clock.now()));
    eventually("the lease", async || off.database.number(&taken).await == 1).await;
    // It has its doubts for as long as a lease lasts, from a time soon after.
    for seq in 1..=2 {
        expired_revocations(&off.database, seq, seq).await;
        eventually("a round", async || {
            off.clock.advance(Duration::from_secs(1));
            count(&off, "revocations").await == 0
        })
        .await;
    }
    assert!(off.login(&user.username, PASSWORD).await.is_ok());
}
