//! What wrong assertions cost: their source, and never the account.

use std::time::Duration;

use countersign::{
    domain::TrustedProxies,
    pb::{BeginPasskeyLoginRequest, FinishPasskeyLoginRequest, ReauthenticateRequest, Tokens},
};
use rstest::rstest;
use tonic::{Request, Status};

use super::{ask, log_in, log_in_with, prove, recorded, registered};
use crate::harness::{
    Backend, Server, logs, reason_of,
    server::{PASSWORD, bearer},
    soon, wait,
};

/// A source has three failures at once, and this machine is trusted to tell for whom it calls.
async fn server(backend: Backend) -> Server {
    let server = Server::start_with(backend, |config, _| {
        // A sixth of them at once.
        config.policy.source_failures = 18;
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    })
    .await;
    server.clock.stop();
    server
}

fn from<T>(address: &str, mut request: Request<T>) -> Request<T> {
    request.metadata_mut().insert("x-forwarded-for", address.parse().unwrap());
    request
}

/// What an assertion is given for.
#[derive(Debug, Clone, Copy)]
enum By {
    Login,
    StepUp,
}

impl By {
    async fn send(
        self,
        server: &Server,
        tokens: &Tokens,
        json: &str,
        address: &str,
    ) -> Result<(), Status> {
        let (json, mut auth) = (json.to_owned(), server.auth.clone());
        match self {
            Self::Login => {
                let request =
                    FinishPasskeyLoginRequest { credential_json: json, ..Default::default() };
                let request = from(address, Request::new(request));
                soon("FinishPasskeyLogin", auth.finish_passkey_login(request)).await.map(drop)
            }
            Self::StepUp => {
                let request =
                    ReauthenticateRequest { passkey_credential_json: json, ..Default::default() };
                let request = from(address, bearer(tokens, request));
                soon("Reauthenticate", auth.reauthenticate(request)).await.map(drop)
            }
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Login => "login_failed",
            Self::StepUp => "confirmation_failed",
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_source_with_too_many_wrong_assertions_is_held_back(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(By::Login, By::StepUp)] by: By,
) {
    let server = server(backend).await;
    let (_, tokens, mut passkey) = registered(&server).await;
    // Nothing is used up by a wrong answer: one challenge is enough.
    let options = ask(&server).await;
    let wrong = passkey.get_unverified(&options);
    for _ in 0..3 {
        let refused = by.send(&server, &tokens, &wrong, "192.0.2.1").await;
        assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    }
    for _ in 0..2 {
        let refused = by.send(&server, &tokens, &wrong, "192.0.2.1").await;
        assert_eq!(wait(refused), Duration::from_secs(200));
    }
    assert_eq!(recorded(&server, by.event()).await, 3);
    let elsewhere = by.send(&server, &tokens, &wrong, "192.0.2.2").await;
    assert_eq!(reason_of(elsewhere), "INVALID_CREDENTIALS");
    assert_eq!(recorded(&server, by.event()).await, 4);
    by.send(&server, &tokens, &passkey.get(&options), "192.0.2.2").await.unwrap();
}

/// The same stale answer again and again: it writes no more events than any failure.
#[rstest]
#[tokio::test]
async fn a_source_that_is_held_back_tells_of_no_more_copies(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(By::Login, By::StepUp)] by: By,
) {
    let server = server(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    log_in_with(&server, &mut passkey).await.unwrap();
    passkey.sign_count = 1;
    let stale = passkey.get(&ask(&server).await);
    for _ in 0..3 {
        let refused = by.send(&server, &tokens, &stale, "192.0.2.1").await;
        assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    }
    for _ in 0..2 {
        let refused = by.send(&server, &tokens, &stale, "192.0.2.1").await;
        assert_eq!(reason_of(refused), "THROTTLED");
    }
    assert_eq!(recorded(&server, "passkey_copied").await, 3);
    assert_eq!(recorded(&server, by.event()).await, 3);
    server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["passkey_added", "passkey_copied"]);
}

#[tokio::test]
async fn an_address_begins_so_many_logins_a_second() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.policy.address_rate = 1;
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    })
    .await;
    server.clock.stop();
    let begin = async |address| {
        let request = from(address, Request::new(BeginPasskeyLoginRequest {}));
        server.auth.clone().begin_passkey_login(request).await
    };
    for _ in 0..5 {
        begin("192.0.2.1").await.unwrap();
    }
    assert_eq!(wait(begin("192.0.2.1").await), Duration::from_secs(1));
    begin("192.0.2.2").await.unwrap();
}

/// Nobody guesses a signature: counted for the account, failures would only lock its owner out.
#[rstest]
#[tokio::test]
async fn wrong_assertions_do_not_count_against_the_account(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (user, tokens, mut passkey) = registered(&server).await;
    let wrong = passkey.get_unverified(&ask(&server).await);
    for _ in 0..30 {
        assert_eq!(reason_of(log_in(&server, &wrong).await), "INVALID_CREDENTIALS");
        assert_eq!(reason_of(prove(&server, &tokens, &wrong).await), "INVALID_CREDENTIALS");
    }
    server.session(&user).await;
    let password = PASSWORD.to_owned();
    let request = ReauthenticateRequest { password, ..ReauthenticateRequest::default() };
    server.auth.clone().reauthenticate(bearer(&tokens, request)).await.unwrap();
    log_in_with(&server, &mut passkey).await.unwrap();
}
