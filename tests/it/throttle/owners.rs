//! Owners are not kept out: not by those who poll, not by those who waste codes or mails. And they hear of it.

use std::time::Duration;

use countersign::{
    domain::TrustedProxies,
    pb::{
        Challenge, Factor, RegenerateRecoveryCodesRequest, RequestPasswordResetRequest,
        ResetPasswordRequest, Tokens, User, login_response::Result as Outcome,
    },
};
use rstest::rstest;
use tonic::Status;

use super::{Origin, SECOND, WRONG, login, tokens};
use crate::{
    factors::{answer, enroll, recovery, totp},
    harness::{
        Backend, Server,
        authenticator::App,
        logs, reason_of,
        server::{PASSWORD, bearer, wrong},
    },
};

const HOUR: Duration = Duration::from_secs(3600);

async fn server(backend: Backend) -> Server {
    let server = Server::start_with(backend, |config, _| {
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
        config.policy.address_rate = 0;
    })
    .await;
    server.clock.stop();
    server
}

fn at(forwarded_for: &str) -> Origin<'_> {
    Origin { forwarded_for, ..Origin::default() }
}

async fn challenge_of(
    server: &Server,
    user: &User,
    password: &str,
    device: &str,
) -> Result<Challenge, Status> {
    let origin = Origin { device_token: device, ..Origin::default() };
    match login(&server.auth, &user.username, password, origin).await?.result {
        Some(Outcome::Challenge(challenge)) => Ok(challenge),
        other => panic!("no challenge: {other:?}"),
    }
}

/// The review's experiment: an owner on a new device beside an address that polls got one success in 90 tries.
#[rstest]
#[tokio::test]
async fn an_owner_on_a_new_device_logs_in_at_once_beside_a_hundred_addresses_that_poll(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    for round in 0..3 {
        for number in 0..100 {
            let poller = format!("198.51.100.{number}");
            let _refused = login(&server.auth, &user.username, WRONG, at(&poller)).await;
        }
        let owner = format!("192.0.2.{round}");
        let answer = login(&server.auth, &user.username, PASSWORD, at(&owner)).await;
        // After a hundred failures in a row the password alone opens nothing, but its owner is not turned away.
        assert!(answer.is_ok(), "{answer:?}");
        server.clock.advance(SECOND);
    }
}

/// NIST SP 800-63B-4, section 3.2.2, counts an account's failures in a row from everywhere.
#[rstest]
#[tokio::test]
async fn a_hundred_failures_from_a_hundred_addresses_are_a_hundred_in_a_row(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    for number in 0..100 {
        let address = format!("198.51.100.{number}");
        let answer = login(&server.auth, &user.username, WRONG, at(&address)).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
    }
    let answer = login(&server.auth, &user.username, PASSWORD, at("192.0.2.1")).await.unwrap();
    assert!(matches!(answer.result, Some(Outcome::Challenge(_))), "the mailbox is needed, too");
}

struct Enrolled {
    user: User,
    app: App,
    codes: Vec<String>,
}

async fn enrolled(server: &Server) -> Enrolled {
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let (app, codes) = enroll(server, &tokens).await;
    server.clock.advance(Duration::from_secs(30));
    Enrolled { user, app, codes }
}

/// Wrong codes of the app, 20 in each simulated hour; gives how many were evaluated.
async fn guess_for_hours(server: &Server, user: &User, hours: usize) -> usize {
    let mut evaluated = 0;
    for _ in 0..hours {
        for _ in 0..4 {
            let Ok(challenge) = challenge_of(server, user, PASSWORD, "").await else { continue };
            if !challenge.factors.contains(&Factor::Totp.into()) {
                continue;
            }
            for _ in 0..5 {
                let refused = answer(server, &challenge, totp("000000")).await;
                evaluated += usize::from(reason_of(refused) == "CHALLENGE_INVALID");
            }
        }
        server.clock.advance(HOUR);
    }
    evaluated
}

/// The review's experiment: 240 wrong codes in a row were evaluated over simulated hours.
#[rstest]
#[tokio::test]
async fn a_hundred_wrong_codes_of_an_app_are_the_end_for_strangers_and_for_nobody_else(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let Enrolled { user, app, codes } = enrolled(&server).await;
    let first = challenge_of(&server, &user, PASSWORD, "").await.unwrap();
    let device =
        answer(&server, &first, totp(app.code_at(&server.clock))).await.unwrap().device_token;
    server.clock.advance(Duration::from_secs(30));
    assert_eq!(guess_for_hours(&server, &user, 12).await, 100);
    // Strangers need another factor.
    let open = challenge_of(&server, &user, PASSWORD, "").await.unwrap();
    assert_eq!(open.factors, [i32::from(Factor::RecoveryCode)]);
    let refused = answer(&server, &open, totp(app.code_at(&server.clock))).await;
    assert_eq!(reason_of(refused), "FACTOR_UNAVAILABLE");
    assert!(answer(&server, &open, recovery(&codes[0])).await.is_ok());
    // A device that is known does not.
    let open = challenge_of(&server, &user, PASSWORD, &device).await.unwrap();
    assert!(answer(&server, &open, totp(app.code_at(&server.clock))).await.is_ok());
    // Nor does whoever reads the mailbox: the reset makes the device known.
    server.clock.advance(Duration::from_secs(30));
    let known = reset(&server, &user, "another long passphrase").await;
    let open = challenge_of(&server, &user, "another long passphrase", &known).await.unwrap();
    assert!(answer(&server, &open, totp(app.code_at(&server.clock))).await.is_ok());
    server.clock.advance(Duration::from_secs(366 * 24 * 3600));
    let open = challenge_of(&server, &user, "another long passphrase", "").await.unwrap();
    assert!(answer(&server, &open, totp(app.code_at(&server.clock))).await.is_ok());
}

async fn reset(server: &Server, user: &User, new_password: &str) -> String {
    let (email, device_token) = (user.email.clone(), String::new());
    let request = RequestPasswordResetRequest { email, device_token };
    let pending = server.auth.clone().request_password_reset(request).await.unwrap().into_inner();
    server.delivered().await;
    let (code, new_password) = (logs::code(&user.username), new_password.to_owned());
    let request = ResetPasswordRequest {
        reset_id: pending.reset_id,
        code,
        new_password,
        ..Default::default()
    };
    server.auth.clone().reset_password(request).await.unwrap().into_inner().device_token
}

/// Each reset would otherwise give whoever reads the mailbox another twenty guesses at the app's code.
#[rstest]
#[tokio::test]
async fn all_resets_of_a_user_make_one_device_known(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let Enrolled { user, app, .. } = enrolled(&server).await;
    let mut device = String::new();
    for round in 0..4 {
        device = reset(&server, &user, &format!("a passphrase for round {round}")).await;
        let password = format!("a passphrase for round {round}");
        let challenge = challenge_of(&server, &user, &password, &device).await.unwrap();
        for _ in 0..5 {
            let refused = answer(&server, &challenge, totp("000000")).await;
            assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
        }
        server.clock.advance(Duration::from_secs(60));
    }
    let challenge =
        challenge_of(&server, &user, "a passphrase for round 3", &device).await.unwrap();
    let right = totp(app.code_at(&server.clock));
    assert_eq!(reason_of(answer(&server, &challenge, right.clone()).await), "THROTTLED");
    // Strangers' own codes are untouched, and so is the password's budget of the device.
    let challenge = challenge_of(&server, &user, "a passphrase for round 3", "").await.unwrap();
    assert!(answer(&server, &challenge, right).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn strangers_who_burn_the_password_do_not_keep_out_whoever_has_just_set_a_new_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let device = reset(&server, &user, PASSWORD).await;
    for _ in 0..5 {
        let answer = login(&server.auth, &user.username, WRONG, Origin::default()).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
    }
    let stranger = login(&server.auth, &user.username, PASSWORD, Origin::default()).await;
    assert_eq!(reason_of(stranger), "THROTTLED");
    let known = Origin { device_token: &device, ..Origin::default() };
    let renewed = tokens(&server.auth, &user.username, known).await.device_token;
    assert_ne!(renewed, device);
}

/// Whoever sends wrong codes has the password: its owner should know.
#[rstest]
#[tokio::test]
async fn after_five_wrong_codes_the_owner_is_told_once_a_day(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(true).await;
    let told =
        || logs::notices(&user.username).into_iter().filter(|what| what == "wrong_codes").count();
    let fail = async |times: usize| {
        let challenge = server.challenge(&user).await;
        let guess = wrong(&logs::code(&user.username));
        for _ in 0..times {
            assert_eq!(reason_of(server.verify(&challenge, &guess).await), "CHALLENGE_INVALID");
        }
        server.delivered().await;
    };
    fail(4).await;
    assert_eq!(told(), 0);
    fail(1).await;
    assert_eq!(told(), 1);
    fail(5).await;
    assert_eq!(told(), 1, "once a day");
    server.clock.advance(24 * HOUR);
    fail(5).await;
    assert_eq!(told(), 2);
}

/// The mails of an account are used up: the login goes on with what is left.
#[rstest]
#[tokio::test]
async fn where_no_more_mails_are_sent_a_login_begins_a_challenge_with_the_other_factors(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let tokens: Tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    let request = bearer(
        &tokens,
        RegenerateRecoveryCodesRequest { password: PASSWORD.into(), ..Default::default() },
    );
    let codes = server.account.clone().regenerate_recovery_codes(request).await.unwrap();
    for _ in 0..59 {
        server.challenge(&user).await;
    }
    let open = challenge_of(&server, &user, PASSWORD, "").await.unwrap();
    assert_eq!(open.factors, [i32::from(Factor::RecoveryCode)]);
    let code = codes.into_inner().recovery_codes.remove(0);
    assert!(answer(&server, &open, recovery(code)).await.is_ok());
}
