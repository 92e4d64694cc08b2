//! What one source, one network and all of them together may waste: guesses over many accounts, and mails.

use countersign::{
    domain::TrustedProxies,
    pb::{
        LoginResponse, RegisterRequest, RequestPasswordResetRequest, ResetPasswordRequest, User,
        VerifyEmailRequest, auth_service_client::AuthServiceClient,
    },
};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::{Status, transport::Channel};

use super::{Origin, SECOND, WRONG, from, login, tokens};
use crate::harness::{
    Backend, Server, logs, reason, reason_of,
    server::{PASSWORD, registration, wrong},
    unique, wait,
};

/// 600 failures an hour from one source: 100 at once, and then one each six seconds.
const AT_ONCE: usize = 100;

async fn server(backend: Backend) -> Server {
    let server = Server::start_with(backend, |config, _| {
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
        // The rate of calls is another matter, and so is the time between two mails.
        config.policy.address_rate = 0;
        config.policy.code.resend_after = std::time::Duration::ZERO;
    })
    .await;
    server.clock.stop();
    server
}

fn at(forwarded_for: &str) -> Origin<'_> {
    Origin { forwarded_for, ..Origin::default() }
}

/// A wrong password, again where the service was too busy to look at it: that is no answer, and counts for nothing.
async fn guess(
    auth: &AuthServiceClient<Channel>,
    username: &str,
    origin: Origin<'_>,
) -> Result<LoginResponse, Status> {
    loop {
        let answer = login(auth, username, WRONG, origin.clone()).await;
        let busy = |refused: &Status| reason(refused) == "OVERLOADED";
        if !answer.as_ref().is_err_and(busy) {
            return answer;
        }
    }
}

fn counted<T: std::fmt::Debug>(
    answers: impl IntoIterator<Item = Result<T, Status>>,
    wanted: &str,
) -> usize {
    answers.into_iter().map(|answer| reason_of(answer)).filter(|reason| reason == wanted).count()
}

/// Password spraying: one password, many accounts, no account often enough to be throttled.
#[rstest]
#[tokio::test]
async fn one_password_over_many_accounts_gets_no_further_than_the_failures_of_its_source(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let device = tokens(&server.auth, &user.username, Origin::default()).await.device_token;
    let other = server
        .replica(|config, _| {
            config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
            config.policy.address_rate = 0;
        })
        .await;
    let spray = (0..130).map(|number| {
        let auth = if number % 2 == 0 { &server.auth } else { &other.auth };
        async move { guess(auth, &unique("nobody"), at("192.0.2.1")).await }
    });
    let answers = join_all(spray).await;
    assert_eq!(counted(answers, "INVALID_CREDENTIALS"), AT_ONCE);
    let refused = login(&server.auth, &user.username, PASSWORD, at("192.0.2.1")).await;
    assert_eq!(wait(refused), 6 * SECOND);
    // Others are not kept out, nor is a device there that has logged in before.
    tokens(&server.auth, &user.username, at("192.0.2.2")).await;
    let known = Origin { device_token: &device, forwarded_for: "192.0.2.1" };
    tokens(&server.auth, &user.username, known).await;
    server.clock.advance(6 * SECOND);
    tokens(&server.auth, &user.username, at("192.0.2.1")).await;
    assert!(login(&server.auth, &unique("nobody"), WRONG, at("192.0.2.1")).await.is_err());
}

#[rstest]
#[tokio::test]
async fn where_failures_are_not_limited_a_name_that_is_taken_is_told_as_ever(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        (config.policy.source_failures, config.policy.service_failures) = (0, 0);
    })
    .await;
    let user = server.user(false).await;
    let again = RegisterRequest { username: user.username, ..registration(false) };
    assert_eq!(reason_of(server.register(again).await), "USERNAME_TAKEN");
}

/// A proxy may write anything for a caller whose address it does not tell: what it writes makes nobody another source.
#[rstest]
#[tokio::test]
async fn callers_whom_a_trusted_proxy_does_not_name_have_the_failures_of_one_source(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let server = &server;
    let spray = (0..130).map(|number| async move {
        let hidden = format!("_hidden{number}");
        login(&server.auth, &unique("nobody"), WRONG, at(&hidden)).await
    });
    assert_eq!(counted(join_all(spray).await, "INVALID_CREDENTIALS"), AT_ONCE);
    let refused = login(&server.auth, &user.username, PASSWORD, at("unknown")).await;
    assert_eq!(wait(refused), 6 * SECOND);
    tokens(&server.auth, &user.username, at("192.0.2.1")).await;
}

/// Right passwords are no failures: a back end that calls for everybody goes on.
#[rstest]
#[tokio::test]
async fn right_passwords_are_not_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    for _ in 0..AT_ONCE + 5 {
        tokens(&server.auth, &user.username, at("192.0.2.1")).await;
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM throttles").await, 0);
}

#[rstest]
#[tokio::test]
async fn an_organisation_of_ipv6_networks_has_four_times_the_failures_of_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let guesses = (0..500).map(|number| {
        let (server, address) = (&server, format!("2001:db8:1:{:x}::{number:x}", number % 10));
        async move { login(&server.auth, &unique("nobody"), WRONG, at(&address)).await }
    });
    let answers = join_all(guesses).await;
    assert_eq!(counted(answers, "INVALID_CREDENTIALS"), 4 * AT_ONCE);
    let elsewhere = login(&server.auth, &unique("nobody"), WRONG, at("2001:db8:2::1")).await;
    assert_eq!(reason_of(elsewhere), "INVALID_CREDENTIALS");
}

/// What a botnet wastes: each of its addresses and accounts is below its own limit.
#[rstest]
#[tokio::test]
async fn all_sources_together_have_a_limit_too_and_known_devices_are_not_among_them(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
        // A sixth of 60 at once in each of 16 rows.
        config.policy.service_failures = 16 * 60;
    })
    .await;
    server.clock.stop();
    let user = server.user(false).await;
    let device = tokens(&server.auth, &user.username, Origin::default()).await.device_token;
    let guesses = (0..400).map(|number| {
        let (server, address) = (&server, format!("198.51.{}.{}", number / 200, number % 200));
        async move { login(&server.auth, &unique("nobody"), WRONG, at(&address)).await }
    });
    let answers = join_all(guesses).await;
    let evaluated = counted(answers, "INVALID_CREDENTIALS");
    assert!((100..=160).contains(&evaluated), "{evaluated}");
    let known = Origin { device_token: &device, forwarded_for: "192.0.2.1" };
    tokens(&server.auth, &user.username, known).await;
}

async fn reset_id(server: &Server, user: &User) -> (String, String) {
    let (email, device_token) = (user.email.clone(), String::new());
    let request = RequestPasswordResetRequest { email, device_token };
    let pending = server.auth.clone().request_password_reset(request).await.unwrap();
    server.delivered().await;
    (pending.into_inner().reset_id, logs::code(&user.username))
}

/// The review's experiment: wrong reset codes over many accounts from one address.
#[rstest]
#[tokio::test]
async fn reset_codes_over_many_accounts_get_no_further_than_the_failures_of_their_source(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let mut open = Vec::new();
    for _ in 0..28 {
        let user = server.user(false).await;
        open.push(reset_id(&server, &user).await);
    }
    let guess = async |(reset_id, code): &(String, String), address: &str| {
        let (reset_id, code) = (reset_id.clone(), wrong(code));
        let new_password = "another long passphrase".to_owned();
        let request = ResetPasswordRequest { reset_id, code, new_password, ..Default::default() };
        server.auth.clone().reset_password(from(address, request)).await
    };
    let (last, others) = open.split_last().unwrap();
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.extend(join_all(others.iter().map(|open| guess(open, "192.0.2.1"))).await);
    }
    assert_eq!(counted(answers, "CHALLENGE_INVALID"), AT_ONCE);
    assert_eq!(reason_of(guess(last, "192.0.2.1").await), "THROTTLED");
    assert_eq!(reason_of(guess(last, "192.0.2.2").await), "CHALLENGE_INVALID");
}

/// Each of these RPCs takes a secret or sends a mail: calls of one address have a rate.
#[rstest]
#[tokio::test]
async fn whatever_takes_a_code_has_a_rate_by_address(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
        config.policy.address_rate = 1;
    })
    .await;
    server.clock.stop();
    let verify = async || {
        let request = VerifyEmailRequest {
            verification_id: "x".into(),
            code: "ZZZZZ-ZZZZZ".into(),
            ..Default::default()
        };
        reason_of(server.auth.clone().verify_email(from("192.0.2.1", request)).await)
    };
    for _ in 0..5 {
        assert_eq!(verify().await, "CHALLENGE_INVALID");
    }
    assert_eq!(verify().await, "THROTTLED");
    let reset = ResetPasswordRequest {
        new_password: "another long passphrase".into(),
        ..Default::default()
    };
    let answer = server.auth.clone().reset_password(from("192.0.2.1", reset)).await;
    assert_eq!(reason_of(answer), "THROTTLED");
    let resend =
        countersign::pb::ResendCodeRequest { challenge_id: "x".into(), ..Default::default() };
    let answer = server.auth.clone().resend_code(from("192.0.2.1", resend)).await;
    assert_eq!(reason_of(answer), "THROTTLED");
    let proof = Some(countersign::pb::verify2_fa_request::Proof::OtpCode("123456".into()));
    let answer =
        countersign::pb::Verify2FaRequest { challenge_id: "x".into(), proof, ..Default::default() };
    let answer = server.auth.clone().verify2_fa(from("192.0.2.1", answer)).await;
    assert_eq!(reason_of(answer), "THROTTLED");
}

/// A mail flood over many addresses of other people.
#[rstest]
#[tokio::test]
async fn mails_to_many_addresses_are_counted_by_who_asks_for_them(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let ask = async |address: &str| {
        let (email, device_token) = (format!("{}@example.com", unique("a")), String::new());
        let request = RequestPasswordResetRequest { email, device_token };
        server.auth.clone().request_password_reset(from(address, request)).await
    };
    let answers = join_all((0..120).map(|_| ask("192.0.2.1"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), AT_ONCE);
    assert_eq!(wait(ask("192.0.2.1").await), 6 * SECOND);
    assert!(ask("192.0.2.2").await.is_ok());
    // Failures are counted by themselves.
    let answer = login(&server.auth, &unique("nobody"), WRONG, at("192.0.2.1")).await;
    assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
}

/// Account enumeration: Register tells that a name is taken, but not for ever.
#[rstest]
#[tokio::test]
async fn names_that_are_taken_are_failures_of_their_source(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let register = async |username: &str, address: &str| {
        let request = RegisterRequest { username: username.into(), ..registration(false) };
        server.auth.clone().register(from(address, request)).await
    };
    for _ in 0..AT_ONCE {
        assert_eq!(reason_of(register(&user.username, "192.0.2.1").await), "USERNAME_TAKEN");
    }
    assert_eq!(wait(register(&user.username, "192.0.2.1").await), 6 * SECOND);
    assert_eq!(reason_of(register(&user.username, "192.0.2.2").await), "USERNAME_TAKEN");
}

/// A deadline too short for a hash must not tell which names are taken.
#[rstest]
#[tokio::test]
async fn a_machine_that_is_too_busy_says_so_whether_the_name_is_taken_or_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let busy = server.replica(|config, _| config.password.queue = 0).await;
    for username in [user.username, unique("free")] {
        let request = RegisterRequest { username, ..registration(false) };
        assert_eq!(reason_of(busy.register(request).await), "OVERLOADED");
    }
}
