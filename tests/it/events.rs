//! What is recorded of what happens, as whoever calls over gRPC causes it.

use std::{net::IpAddr, time::Duration};

use countersign::{
    app::{self, Environment},
    domain::{Event, EventKind, Timestamp, TrustedProxies},
    pb::{
        LoginRequest, RegisterRequest, RevokeOtherSessionsRequest, RevokeSessionRequest, Tokens,
        User,
    },
    service::Janitor,
    store::EventFilter,
};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::Request;
use uuid::Uuid;

use crate::harness::{
    Backend, Database, Server,
    clock::TestClock,
    logs, reason,
    server::{PASSWORD, bearer, config, registration, wrong},
    unique,
};

const WRONG: &str = "not the password";
const NEXT: &str = "another long passphrase";
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn events(database: &Database) -> Vec<Event> {
    let since = Timestamp::from_unix_micros(0);
    let all = EventFilter { user_id: None, kind: None, since, most: 1000 };
    let mut events = database.store().await.events_list(all).await.unwrap();
    events.reverse();
    events
}

/// A server whose clock stands still, and how many of its events have been looked at.
struct Recorder {
    server: Server,
    seen: usize,
}

impl Recorder {
    async fn start(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        server.clock.stop();
        Self { server, seen: 0 }
    }

    /// The events since the last time are these: kind, user and session. All are of now, and from here.
    async fn expect(&mut self, expected: &[(EventKind, Option<&User>, Option<&Tokens>)]) {
        let now = self.server.clock.now();
        let all = events(&self.server.database).await;
        let new = &all[self.seen..];
        self.seen = all.len();
        let here = |event: &Event| event.at == now && event.address == Some([127, 0, 0, 1].into());
        assert!(new.iter().all(here), "{new:?}");
        let id = |text: &str| Uuid::parse_str(text).unwrap();
        let expected = expected.iter().map(|(kind, user, session)| {
            (*kind, user.map(|user| id(&user.id)), session.map(|tokens| id(&tokens.session_id)))
        });
        let new = new.iter().map(|event| (event.kind, event.user_id, event.session_id));
        assert_eq!(new.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    async fn revoke(&self, tokens: &Tokens, session_id: &str) {
        let request = bearer(tokens, RevokeSessionRequest { session_id: session_id.to_owned() });
        self.server.account.clone().revoke_session(request).await.unwrap();
    }

    async fn revoke_others(&self, tokens: &Tokens) {
        let request = bearer(tokens, RevokeOtherSessionsRequest {});
        self.server.account.clone().revoke_other_sessions(request).await.unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn each_login_leaves_one_event_however_it_ends(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use EventKind::{ChallengeBegun, CodeFailed, LoginFailed, LoginSucceeded, Registered};
    let mut recorder = Recorder::start(backend).await;
    let alice = recorder.server.user(false).await;
    recorder.expect(&[(Registered, Some(&alice), None)]).await;
    let bob = recorder.server.user(true).await;
    recorder.expect(&[(Registered, Some(&bob), None)]).await;

    recorder.server.login(&unique("nobody"), PASSWORD).await.unwrap_err();
    recorder.expect(&[(LoginFailed, None, None)]).await;
    recorder.server.login(&alice.username, WRONG).await.unwrap_err();
    recorder.expect(&[(LoginFailed, Some(&alice), None)]).await;
    let disable = |time: &str| {
        format!("UPDATE users SET disabled_at = {time} WHERE username = '{}'", alice.username)
    };
    recorder.server.database.run(&disable("created_at")).await;
    recorder.server.login(&alice.email, PASSWORD).await.unwrap_err();
    recorder.expect(&[(LoginFailed, Some(&alice), None)]).await;
    recorder.server.database.run(&disable("NULL")).await;
    let tokens = recorder.server.session(&alice).await;
    recorder.expect(&[(LoginSucceeded, Some(&alice), Some(&tokens))]).await;

    let challenge = recorder.server.challenge(&bob).await;
    recorder.expect(&[(ChallengeBegun, Some(&bob), None)]).await;
    let code = logs::code(&bob.username);
    for failing in [wrong(&code), format!("{code} ")] {
        recorder.server.verify(&challenge, &failing).await.unwrap_err();
        recorder.expect(&[(CodeFailed, Some(&bob), None)]).await;
    }
    let tokens = recorder.server.verify(&challenge, &code).await.unwrap();
    recorder.expect(&[(LoginSucceeded, Some(&bob), Some(&tokens))]).await;
    // A right code of an account that was disabled meanwhile.
    let challenge = recorder.server.challenge(&bob).await;
    recorder.server.database.run("UPDATE users SET disabled_at = created_at").await;
    recorder.server.verify(&challenge, &logs::code(&bob.username)).await.unwrap_err();
    recorder.expect(&[(ChallengeBegun, Some(&bob), None), (CodeFailed, Some(&bob), None)]).await;
}

#[rstest]
#[tokio::test]
async fn each_end_of_a_session_and_each_change_of_an_account_leaves_one_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use EventKind::{
        ConfirmationFailed, PasswordChanged, RefreshReused, SessionRevoked, UserDeleted,
    };
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let mut sessions = Vec::new();
    for _ in 0..7 {
        sessions.push(recorder.server.session(&user).await);
    }
    let [own, out, revoked, reused, first, second, last] = &sessions[..] else { unreachable!() };
    recorder.seen = events(&recorder.server.database).await.len();
    let user = Some(&user);

    recorder.server.logout(&out.refresh_token).await.unwrap();
    recorder.expect(&[(SessionRevoked, user, Some(out))]).await;
    recorder.revoke(own, &revoked.session_id).await;
    recorder.expect(&[(SessionRevoked, user, Some(revoked))]).await;
    recorder.server.refresh(&reused.refresh_token, "").await.unwrap();
    recorder.expect(&[]).await;
    recorder.server.refresh(&reused.refresh_token, "").await.unwrap_err();
    recorder.expect(&[(RefreshReused, user, Some(reused))]).await;
    recorder.revoke(own, &first.session_id).await;
    recorder.revoke(own, &second.session_id).await;
    recorder
        .expect(&[(SessionRevoked, user, Some(first)), (SessionRevoked, user, Some(second))])
        .await;

    recorder.server.change_password(own, WRONG, NEXT).await.unwrap_err();
    recorder.expect(&[(ConfirmationFailed, user, Some(own))]).await;
    recorder.server.change_password(own, PASSWORD, NEXT).await.unwrap();
    recorder
        .expect(&[(PasswordChanged, user, Some(own)), (SessionRevoked, user, Some(last))])
        .await;
    recorder.server.delete_me(own, WRONG).await.unwrap_err();
    recorder.expect(&[(ConfirmationFailed, user, Some(own))]).await;
    recorder.server.delete_me(own, NEXT).await.unwrap();
    recorder.expect(&[(UserDeleted, user, Some(own))]).await;
}

#[rstest]
#[tokio::test]
async fn of_other_sessions_that_are_ended_each_leaves_an_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let own = recorder.server.session(&user).await;
    let others = [recorder.server.session(&user).await, recorder.server.session(&user).await];
    recorder.revoke_others(&own).await;
    let mut ended: Vec<_> = events(&recorder.server.database)
        .await
        .into_iter()
        .filter(|event| event.kind == EventKind::SessionRevoked)
        .map(|event| event.session_id.unwrap().to_string())
        .collect();
    ended.sort();
    let mut expected = others.map(|tokens| tokens.session_id);
    expected.sort();
    assert_eq!(ended, expected);
}

#[rstest]
#[tokio::test]
async fn what_is_refused_or_changes_nothing_leaves_none(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut recorder = Recorder::start(backend).await;
    let request_id = Uuid::now_v7().to_string();
    let request = RegisterRequest { request_id, ..registration(false) };
    let user = recorder.server.register(request.clone()).await.unwrap();
    let careful = recorder.server.user(true).await;
    let (own, ended) = (recorder.server.session(&user).await, recorder.server.session(&user).await);
    recorder.server.logout(&ended.refresh_token).await.unwrap();
    let challenge = recorder.server.challenge(&careful).await;
    for _ in 0..5 {
        recorder.server.verify(&challenge, "no code").await.unwrap_err();
    }
    recorder.seen = events(&recorder.server.database).await.len();

    let server = &recorder.server;
    // Bad fields; names that are taken; a request that came before.
    server.login("", PASSWORD).await.unwrap_err();
    server.change_password(&own, PASSWORD, "short").await.unwrap_err();
    let rival = RegisterRequest { request_id: String::new(), ..request.clone() };
    server.register(rival).await.unwrap_err();
    server.register(request.clone()).await.unwrap();
    // Challenges that have no attempts or never were; refresh tokens likewise.
    let exhausted = server.verify(&challenge, "000000").await.unwrap_err();
    assert_eq!(reason(&exhausted), "CHALLENGE_EXHAUSTED");
    let challenge_id = "nobody's".to_owned();
    let unknown = countersign::pb::Challenge { challenge_id, ..challenge };
    server.verify(&unknown, "000000").await.unwrap_err();
    server.refresh("nobody's", "").await.unwrap_err();
    server.refresh(&ended.refresh_token, "").await.unwrap_err();
    server.logout("nobody's").await.unwrap_err();
    // Sessions that have ended, that never were, and none but the one that asks.
    server.logout(&ended.refresh_token).await.unwrap();
    recorder.revoke(&own, &ended.session_id).await;
    recorder.revoke(&own, &Uuid::now_v7().to_string()).await;
    recorder.revoke_others(&own).await;
    recorder.expect(&[]).await;

    // The retry of a registration is no way to try passwords unseen.
    let guess = RegisterRequest { password: WRONG.to_owned(), ..request };
    recorder.server.register(guess).await.unwrap_err();
    recorder.expect(&[(EventKind::ConfirmationFailed, Some(&user), None)]).await;
}

/// A flood of logins that are refused for their number must not fill the table.
#[rstest]
#[tokio::test]
async fn throttled_logins_leave_no_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let guesses = (0..20).map(|_| recorder.server.login(&user.username, WRONG));
    let answers = join_all(guesses).await;
    let reasons: Vec<_> = answers.into_iter().map(|answer| reason(&answer.unwrap_err())).collect();
    let failed = reasons.iter().filter(|reason| *reason == "INVALID_CREDENTIALS").count();
    assert!(failed < 20 && reasons.iter().any(|reason| reason == "THROTTLED"), "{reasons:?}");
    let events = events(&recorder.server.database).await;
    let recorded = events.iter().filter(|event| event.kind == EventKind::LoginFailed).count();
    assert_eq!(recorded, failed);
}

/// Then it is an error for everybody, and nobody learns which users there are.
#[rstest]
#[tokio::test]
async fn a_login_that_cannot_be_recorded_is_an_error_of_the_store(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.database.run("ALTER TABLE events RENAME TO elsewhere").await;
    let nobody = unique("nobody");
    for (name, password) in
        [(&nobody, PASSWORD), (&user.username, WRONG), (&user.username, PASSWORD)]
    {
        let refused = server.login(name, password).await.unwrap_err();
        assert_eq!(reason(&refused), "INTERNAL");
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 0);
}

#[rstest]
#[case::by_default("", [127, 0, 0, 1])]
#[case::from_a_trusted_proxy("127.0.0.0/8", [192, 0, 2, 7])]
#[tokio::test]
async fn a_forwarded_address_is_recorded_only_where_its_proxy_is_trusted(
    #[case] trusted: &str,
    #[case] address: [u8; 4],
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.listen.trusted_proxies = TrustedProxies::parse(trusted).unwrap_or_default();
    })
    .await;
    let mut request =
        Request::new(LoginRequest { username: unique("nobody"), ..LoginRequest::default() });
    request.get_mut().password = PASSWORD.to_owned();
    request.metadata_mut().insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
    server.auth.clone().login(request).await.unwrap_err();
    let events = events(&server.database).await;
    let addresses: Vec<_> = events.iter().map(|event| event.address).collect();
    assert_eq!(addresses, [Some(IpAddr::from(address))]);
}

#[rstest]
#[tokio::test]
async fn events_are_kept_as_long_as_is_configured(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let mut config = config(&database);
    config.policy.event_retention = 7 * DAY;
    clock.stop();
    let time = Environment { clock: clock.clock(), ..Environment::default() };
    let janitor = Janitor::new(&app::use_cases(&config, &time).await.unwrap());
    let store = database.store().await;
    // More than are removed at a time.
    for _ in 0..501 {
        let event = Event {
            id: Uuid::now_v7(),
            kind: EventKind::LoginFailed,
            user_id: None,
            session_id: None,
            address: None,
            at: clock.now(),
        };
        store.event_append(event).await.unwrap();
    }
    clock.advance(7 * DAY);
    assert_eq!(janitor.run().await.unwrap(), Some(0));
    clock.advance(Duration::from_micros(1));
    assert_eq!(janitor.run().await.unwrap(), Some(501));
    assert!(events(&database).await.is_empty());
}
