//! Failed passwords.

use std::time::{Duration, Instant};

use countersign::{
    app::Environment,
    domain::TrustedProxies,
    pb::{LoginRequest, RegisterRequest, login_response::Result as Outcome},
};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::Request;

use super::{Origin, SECOND, WRONG, login};
use crate::{
    engine::figure,
    harness::{
        Backend, Database, Server,
        clock::TestClock,
        details, reason_of,
        server::{PASSWORD, config, registration, replica},
        unique, wait,
    },
};

#[rstest]
#[tokio::test]
async fn each_failure_after_the_fifth_takes_longer_up_to_a_minute_and_success_ends_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.clock.stop();
    for _ in 0..5 {
        assert_eq!(reason_of(server.login(&user.username, WRONG).await), "INVALID_CREDENTIALS");
    }
    for delay in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(wait(server.login(&user.username, WRONG).await), delay * SECOND);
        // Nor does it tell that the password is right.
        assert_eq!(wait(server.login(&user.username, PASSWORD).await), delay * SECOND);
        server.clock.advance(delay * SECOND);
        assert_eq!(reason_of(server.login(&user.username, WRONG).await), "INVALID_CREDENTIALS");
    }
    server.clock.advance(60 * SECOND);
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
    for _ in 0..5 {
        assert_eq!(reason_of(server.login(&user.username, WRONG).await), "INVALID_CREDENTIALS");
    }
    assert_eq!(wait(server.login(&user.username, WRONG).await), SECOND);
}

/// How long it takes to find an account, or none, must not be seen.
#[rstest]
#[tokio::test]
async fn a_refusal_takes_its_time_whoever_it_is_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    for name in [server.user(false).await.username, unique("nobody")] {
        for _ in 0..5 {
            server.login(&name, WRONG).await.unwrap_err();
        }
        let asked = Instant::now();
        assert_eq!(wait(server.login(&name, WRONG).await), SECOND);
        assert!(asked.elapsed() >= Duration::from_millis(10));
    }
}

/// No code, no text, no detail and no header may differ, before and after it is too much.
#[rstest]
#[tokio::test]
async fn accounts_that_do_not_exist_are_throttled_like_those_that_do(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, disabled) = (server.user(true).await, server.user(false).await);
    let name = &disabled.username;
    let disable = format!("UPDATE users SET disabled_at = created_at WHERE username = '{name}'");
    server.database.run(&disable).await;
    server.clock.stop();
    let mut all = Vec::new();
    for name in [user.username, disabled.username, unique("nobody"), "nobody@example.com".into()] {
        let mut answers = Vec::new();
        for number in 0..9 {
            let refused = server.login(&name, WRONG).await.unwrap_err();
            let mut headers = refused.metadata().clone().into_headers();
            headers.remove("date");
            headers.remove("x-request-id");
            let text = refused.message().to_owned();
            answers.push((refused.code(), text, details(&refused), headers));
            if number == 6 {
                server.clock.advance(SECOND);
            }
        }
        all.push(answers);
    }
    assert!(all.iter().all(|answers| *answers == all[0]), "{all:?}");
    assert_eq!(all[0][5], all[0][6]);
    assert_ne!(all[0][4], all[0][5]);
}

#[rstest]
#[tokio::test]
async fn no_spelling_replica_or_restart_gives_another_budget(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut config = config(&database);
    config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    let clock = TestClock::default();
    clock.stop();
    let environment = || Environment { clock: clock.clock(), ..Environment::default() };
    let server = Server::start_on(database, &config, environment(), clock.clone()).await;
    let user = server.user(false).await;
    let upper = (user.username.to_uppercase(), user.email.to_uppercase());
    let spellings = [&user.username, &upper.0, &user.email, &upper.1];
    let other = replica(&config, environment()).await;
    for number in 0..5 {
        let auth = if number % 2 == 0 { &server.auth } else { &other };
        let origin = Origin { forwarded_for: "192.0.2.1", ..Origin::default() };
        let answer = login(auth, spellings[number % 4], WRONG, origin).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
    }
    let Server { database, stop, ended, auth, .. } = server;
    for auth in [&auth, &other] {
        for name in spellings {
            let origin = Origin { forwarded_for: "192.0.2.1", ..Origin::default() };
            assert_eq!(wait(login(auth, name, PASSWORD, origin).await), SECOND);
        }
    }
    drop(stop);
    drop(auth);
    ended.await.unwrap().unwrap();
    let server = Server::start_on(database, &config, environment(), clock.clone()).await;
    for name in spellings {
        let origin = Origin { forwarded_for: "192.0.2.1", ..Origin::default() };
        assert_eq!(wait(login(&server.auth, name, PASSWORD, origin).await), SECOND);
    }
}

/// An attacker who sends many guesses at once gets no more of them evaluated than one who waits.
#[rstest]
#[tokio::test]
async fn of_200_guesses_in_parallel_five_are_evaluated(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.clock.stop();
    let names = [user.username.clone(), user.username.to_uppercase(), user.email.clone()];
    let guesses = (0..200).map(|number| server.login(&names[number % 3], WRONG));
    let answers: Vec<_> = join_all(guesses).await.into_iter().map(reason_of).collect();
    let evaluated = answers.iter().filter(|reason| *reason == "INVALID_CREDENTIALS").count();
    let refused = answers.iter().filter(|reason| *reason == "THROTTLED").count();
    assert_eq!((evaluated, refused), (5, 195));
    let hashes = figure(&server, "hashes_total").await;
    assert_eq!(hashes, Some(6.0), "one for the registration");
}

/// They are charged before they are known to be right, and wait for each other instead of being refused.
#[rstest]
#[tokio::test]
async fn an_owner_who_logs_in_many_times_at_once_is_not_throttled(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, with_code) = (server.user(false).await, server.user(true).await);
    for user in [user, with_code] {
        let answers = join_all((0..50).map(|_| server.login(&user.username, PASSWORD))).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
}

/// NIST SP 800-63B-4, section 3.2.2: not more than 100 failures in a row, and the owner is not to be locked out.
/// A request id that leaked lets nobody guess more than Login does.
#[rstest]
#[tokio::test]
async fn a_registration_that_is_sent_again_with_another_password_is_a_failure_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let request_id = uuid::Uuid::now_v7().to_string();
    let request = RegisterRequest { request_id, ..registration(false) };
    server.register(request.clone()).await.unwrap();
    for _ in 0..5 {
        let again = RegisterRequest { password: WRONG.into(), ..request.clone() };
        assert_eq!(reason_of(server.register(again).await), "INVALID_FIELD");
    }
    assert_eq!(wait(server.register(request.clone()).await), SECOND);
    assert_eq!(wait(server.login(&request.username, PASSWORD).await), SECOND);
    server.clock.advance(SECOND);
    assert!(server.register(request).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn what_is_refused_for_the_load_writes_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| config.password.queue = 0).await;
    for _ in 0..20 {
        assert_eq!(reason_of(server.login("nobody", PASSWORD).await), "OVERLOADED");
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM throttles").await, 0);
}

/// A guess is announced as a hash of the usual cost. What the account's own costs shows after the charge.
#[rstest]
#[tokio::test]
async fn a_guess_that_is_refused_after_its_charge_gives_it_back(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    // Seconds of work: more than the guess has.
    const SLOW: &str = "$2b$16$n79VH.0Q2TMWmt3Oqt9ukuKq4Noyk3094Y2QlB8NdRT8SvGiI4ft2";
    let server = Server::start_with(backend, |config, _| config.policy.service_failures = 0).await;
    server.clock.stop();
    let user = server.user(false).await;
    server.login(&user.username, WRONG).await.unwrap_err();
    server.database.run("CREATE TABLE before AS SELECT * FROM throttles").await;
    server.database.run(&format!("UPDATE users SET password_hash = '{SLOW}'")).await;
    for _ in 0..10 {
        server.clock.advance(SECOND);
        let (username, password) = (user.username.clone(), WRONG.to_owned());
        let message = LoginRequest { username, password, ..LoginRequest::default() };
        let mut request = Request::new(message);
        request.set_timeout(SECOND);
        assert_eq!(reason_of(server.auth.clone().login(request).await), "OVERLOADED");
    }
    let as_before = "SELECT COUNT(*) FROM throttles \
        JOIN before USING (key, failures, last_at, next_allowed_at, expires_at)";
    // That of the source exactly, that of all strangers in its count.
    assert!(server.database.number(as_before).await >= 1);
    let left = "SELECT CAST(SUM(failures) AS BIGINT) FROM throttles";
    let before = "SELECT CAST(SUM(failures) AS BIGINT) FROM before";
    assert_eq!(server.database.number(left).await, server.database.number(before).await);
}

#[tokio::test]
async fn a_login_that_is_complete_leaves_nothing_behind() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(false).await;
    let Some(Outcome::Tokens(_)) = server.login(&user.username, PASSWORD).await.unwrap().result
    else {
        panic!("no tokens")
    };
    assert_eq!(server.database.number("SELECT COUNT(*) FROM throttles").await, 0);
}
