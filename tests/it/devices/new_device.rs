//! Logins on devices that an account does not know.

use std::time::Duration;

use countersign::{
    delivery::Trust,
    pb::{ReauthenticateRequest, ResetPasswordRequest},
};
use futures_util::future::join_all;
use rstest::rstest;

use super::{DAY, login_on, recorded, telling, tokens_anew, tokens_on, told};
use crate::{
    delivery::webhook_to,
    email_login,
    factors::{enroll, set_two_factor},
    harness::{
        Backend, Server,
        hook::HookServer,
        logs,
        passkey::Passkey,
        server::{PASSWORD, bearer, wrong},
    },
    mailbox, passkeys,
};

const KIND: &str = "new_device_login";

const NEW_PASSWORD: &str = "another horse battery";

#[rstest]
#[tokio::test]
async fn a_login_on_another_device_is_told_and_those_on_known_ones_are_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(false, true)] two_factor: bool,
) {
    let server = telling(backend).await;
    let user = server.user(two_factor).await;
    let first = tokens_anew(&server, &user).await;
    assert_eq!(told(&server, &user, KIND).await, 0, "every account begins with a login");
    let again = tokens_on(&server, &user, PASSWORD, &first.device_token).await;
    tokens_on(&server, &user, PASSWORD, &again.device_token).await;
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (0, 0));
    let other = tokens_anew(&server, &user).await;
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (1, 1));
    let of_the_session = format!(
        "SELECT COUNT(*) FROM events WHERE kind = '{KIND}' AND session_id = \
         (SELECT session_id FROM events WHERE kind = 'login_succeeded' ORDER BY at DESC, id DESC LIMIT 1)"
    );
    assert_eq!(server.database.number(&of_the_session).await, 1);
    tokens_on(&server, &user, PASSWORD, &other.device_token).await;
    assert_eq!(told(&server, &user, KIND).await, 1, "it is known now");
}

#[rstest]
#[tokio::test]
async fn the_notice_has_the_time_the_address_and_the_name_of_the_device(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let hook = HookServer::start(&[], None).await;
    let url = format!("http://127.0.0.1:{}/", hook.port);
    let server = Server::start_with(backend, |config, _| {
        config.policy.new_device_notice = true;
        config.delivery = webhook_to(&url, &Trust::default());
    })
    .await;
    let user = server.user(false).await;
    for _ in 0..2 {
        tokens_anew(&server, &user).await;
    }
    let calls: Vec<_> = hook.calls().iter().map(|call| call.json()).collect();
    assert_eq!(calls.len(), 1, "{calls:?}");
    let told = &calls[0];
    assert_eq!((&told["type"], &told["purpose"]), (&"notice".into(), &KIND.into()));
    assert_eq!(told["destination"], user.email);
    assert_eq!(
        (&told["address"], &told["device_name"]),
        (&"127.0.0.1".into(), &"a <b>phone</b>".into())
    );
    assert!(told["create_time"].is_string() && told.get("code").is_none());
}

/// An attacker who had the former password, or has another account, is no known device.
#[rstest]
#[tokio::test]
async fn a_token_that_does_not_count_is_none(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = telling(backend).await;
    server.clock.stop();
    let (user, neighbour) = (server.user(false).await, server.user(false).await);
    let others = tokens_anew(&server, &neighbour).await.device_token;
    let first = tokens_anew(&server, &user).await;
    let mut forged = first.device_token.clone();
    forged.replace_range(..1, if forged.starts_with('A') { "B" } else { "A" });
    for (number, token) in ["x", &others, &forged].into_iter().enumerate() {
        tokens_on(&server, &user, PASSWORD, token).await;
        assert_eq!(told(&server, &user, KIND).await, number + 1, "{token}");
    }
    server.change_password(&first, PASSWORD, NEW_PASSWORD).await.unwrap();
    let next = tokens_on(&server, &user, NEW_PASSWORD, &first.device_token).await;
    assert_eq!(told(&server, &user, KIND).await, 4, "of before the change of the password");
    server.clock.advance(365 * DAY);
    tokens_on(&server, &user, NEW_PASSWORD, &next.device_token).await;
    assert_eq!(told(&server, &user, KIND).await, 5, "a year old");
}

/// By the password alone an attacker could make a device known before the factor is turned on.
#[rstest]
#[tokio::test]
async fn a_device_from_before_the_second_factor_is_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = telling(backend).await;
    let user = server.user(false).await;
    let first = tokens_anew(&server, &user).await;
    set_two_factor(&server, &first, true, PASSWORD).await.unwrap();
    let second = tokens_on(&server, &user, PASSWORD, &first.device_token).await;
    assert_eq!(told(&server, &user, KIND).await, 1);
    tokens_on(&server, &user, PASSWORD, &second.device_token).await;
    assert_eq!(told(&server, &user, KIND).await, 1);
}

#[rstest]
#[tokio::test]
async fn the_device_of_a_reset_is_known(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = telling(backend).await;
    let user = server.user(false).await;
    tokens_anew(&server, &user).await;
    let (reset_id, code) = mailbox::open_reset(&server, &user).await;
    let new_password = NEW_PASSWORD.to_owned();
    let request = ResetPasswordRequest { reset_id, code, new_password, ..Default::default() };
    let answer = server.auth.clone().reset_password(request).await.unwrap().into_inner();
    tokens_on(&server, &user, NEW_PASSWORD, &answer.device_token).await;
    assert_eq!(told(&server, &user, KIND).await, 0);
    tokens_on(&server, &user, NEW_PASSWORD, "").await;
    assert_eq!(told(&server, &user, KIND).await, 1);
}

#[rstest]
#[tokio::test]
async fn what_is_no_completed_login_tells_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = telling(backend).await;
    let (user, careful) = (server.user(false).await, server.user(true).await);
    let tokens = tokens_anew(&server, &user).await;
    let own = tokens_anew(&server, &careful).await;
    assert!(login_on(&server, &user, "not the password", "").await.is_err());
    let challenge = server.challenge(&careful).await;
    let code = logs::code(&careful.username);
    assert!(server.verify(&challenge, &wrong(&code)).await.is_err());
    let refreshed = server.refresh(&tokens.refresh_token, "").await.unwrap();
    let again =
        ReauthenticateRequest { password: PASSWORD.into(), ..ReauthenticateRequest::default() };
    let (mut auth, again) = (server.auth.clone(), |tokens| bearer(tokens, again.clone()));
    auth.reauthenticate(again(&refreshed)).await.unwrap();
    auth.reauthenticate(again(&own)).await.unwrap();
    server.delivered().await;
    // The answer is wrong for the login's challenge, and right for that of the session.
    let asked = auth.reauthenticate(again(&own)).await.unwrap().into_inner().result.unwrap();
    let countersign::pb::reauthenticate_response::Result::Challenge(asked) = asked else {
        panic!("{asked:?}")
    };
    server.delivered().await;
    server.verify(&asked, &logs::code(&careful.username)).await.unwrap();
    for who in [&user, &careful] {
        assert_eq!(told(&server, who, KIND).await, 0);
    }
    assert_eq!(recorded(&server, KIND).await, 0);
}

/// However many logins there are at once, each counts.
#[rstest]
#[tokio::test]
async fn ten_a_day_are_told_and_all_are_recorded(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = telling(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    tokens_anew(&server, &user).await;
    for _ in 0..4 {
        join_all((0..4).map(|_| tokens_anew(&server, &user))).await;
    }
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (10, 16));
    server.clock.advance(DAY - Duration::from_secs(1));
    tokens_anew(&server, &user).await;
    assert_eq!(told(&server, &user, KIND).await, 10);
    server.clock.advance(Duration::from_secs(1));
    tokens_anew(&server, &user).await;
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (11, 18));
}

/// Where addresses are verified, one that is not may be a stranger's: they would hear of a login to an account that is not theirs.
#[rstest]
#[tokio::test]
async fn an_address_that_nobody_has_verified_gets_no_mail(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.new_device_notice = true;
        config.policy.email_verification = true;
    })
    .await;
    let user = server.user(false).await;
    for _ in 0..2 {
        tokens_anew(&server, &user).await;
    }
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (0, 1));
    server.database.run("UPDATE users SET email_verified = TRUE").await;
    tokens_anew(&server, &user).await;
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (1, 2));
}

#[rstest]
#[tokio::test]
async fn it_can_be_turned_off_and_an_account_without_a_trace_of_logins_tells_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    for _ in 0..2 {
        tokens_anew(&server, &user).await;
    }
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (0, 0));
    let on = server.replica(|config, _| config.policy.new_device_notice = true).await;
    // As a release that kept no time of logins leaves it.
    on.database.run("UPDATE users SET last_login_at = NULL").await;
    tokens_anew(&on, &user).await;
    assert_eq!((told(&on, &user, KIND).await, recorded(&on, KIND).await), (0, 0));
    tokens_anew(&on, &user).await;
    assert_eq!((told(&on, &user, KIND).await, recorded(&on, KIND).await), (1, 1));
}

/// A user with an app is told, too, by whatever factor the login was completed.
#[rstest]
#[tokio::test]
async fn a_login_by_a_recovery_code_is_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = telling(backend).await;
    let user = server.user(false).await;
    let (_, codes) = enroll(&server, &tokens_anew(&server, &user).await).await;
    let challenge = server.challenge(&user).await;
    let proof = crate::factors::recovery(codes[0].clone());
    crate::factors::answer(&server, &challenge, proof).await.unwrap();
    server.delivered().await;
    let told = logs::notices(&user.username);
    assert!(told.contains(&KIND.to_owned()) && told.contains(&"recovery_code_used".to_owned()));
}

#[rstest]
#[tokio::test]
async fn a_login_by_a_passkey_is_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = telling(backend).await;
    let user = server.user(false).await;
    let mut passkey = Passkey::new();
    passkeys::add(&server, &tokens_anew(&server, &user).await, &mut passkey).await;
    assert_eq!(told(&server, &user, KIND).await, 0);
    let first = passkeys::log_in_on(&server, &mut passkey, "").await.unwrap();
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (1, 1));
    passkeys::log_in_on(&server, &mut passkey, &first.device_token).await.unwrap();
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (1, 1));
}

#[rstest]
#[tokio::test]
async fn a_login_by_a_mailed_code_is_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.new_device_notice = true;
        config.policy.email_login = true;
    })
    .await;
    let user = server.user(false).await;
    email_login::verify(&server, &user).await;
    tokens_anew(&server, &user).await;
    assert_eq!(told(&server, &user, KIND).await, 0);
    email_login::session_by_code(&server, &user).await;
    assert_eq!((told(&server, &user, KIND).await, recorded(&server, KIND).await), (1, 1));
}
