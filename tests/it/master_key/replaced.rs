//! Whoever uses the service does not notice that its master key is another one.

use std::{sync::Arc, time::Duration};

use countersign::{
    app::{App, Environment},
    pb::{Challenge, LoginRequest, LoginResponse, Tokens, User, login_response::Result as Outcome},
    telemetry::chain,
    token::MasterKey,
};
use rstest::rstest;
use tonic::Status;

use super::{Keys, Service, numbers, reencrypt::as_of_0_1_0};
use crate::{
    factors::{answer, enroll, recovery, totp},
    harness::{
        Backend, Database, Server, authenticator::App as Authenticator, clock::TestClock, logs,
        reason_of, server::PASSWORD, soon,
    },
};

/// What users of the service hold.
struct Held {
    /// One without a second factor, and what their last login gave.
    plain: User,
    tokens: Tokens,
    /// One with an app and recovery codes that were not used.
    with_app: User,
    app: Authenticator,
    recovery_codes: Vec<String>,
    /// One to whom codes are mailed.
    mailed: User,
}

impl Held {
    async fn new(server: &Server) -> Self {
        server.clock.stop();
        let (plain, with_app) = (server.user(false).await, server.user(false).await);
        let tokens = server.session(&plain).await;
        let (app, recovery_codes) = enroll(server, &server.session(&with_app).await).await;
        let mailed = server.user(true).await;
        Self { plain, tokens, with_app, app, recovery_codes, mailed }
    }

    /// Tries all of it. What works once is used up, but for what follows from it.
    async fn works(&mut self, server: &Server) {
        assert_eq!(server.me(&self.tokens).await.unwrap().id, self.plain.id, "the access token");
        let device_token = self.tokens.device_token.clone();
        self.tokens = server.refresh(&self.tokens.refresh_token, "").await.unwrap();
        self.tokens.device_token = device_token;
        server.clock.advance(Duration::from_secs(30));
        let code = self.app.code_at(&server.clock);
        let challenge = challenge(server, &self.with_app).await;
        answer(server, &challenge, totp(code)).await.unwrap();
        let challenge = self::challenge(server, &self.with_app).await;
        let code = self.recovery_codes.pop().unwrap();
        answer(server, &challenge, recovery(code)).await.unwrap();
        self.device_is_known(server).await;
    }

    /// Strangers have to wait, and the device does not.
    async fn device_is_known(&mut self, server: &Server) {
        for _ in 0..6 {
            let _refused = login(server, &self.plain, "wrong password", "").await.unwrap_err();
        }
        assert_eq!(reason_of(login(server, &self.plain, PASSWORD, "").await), "THROTTLED");
        let known = login(server, &self.plain, PASSWORD, &self.tokens.device_token).await;
        assert!(matches!(known.unwrap().result, Some(Outcome::Tokens(_))));
    }

    /// The code of a challenge that another server has begun gets through, and is right.
    async fn code_arrives(&self, server: &Server, challenge: &Challenge) {
        // For as long as others may have claimed it.
        server.clock.advance(Duration::from_secs(60));
        server.delivered().await;
        server.verify(challenge, &logs::code(&self.mailed.username)).await.unwrap();
    }
}

async fn login(
    server: &Server,
    user: &User,
    password: &str,
    device_token: &str,
) -> Result<LoginResponse, Status> {
    let request = LoginRequest {
        username: user.username.clone(),
        password: password.to_owned(),
        device_token: device_token.to_owned(),
        ..LoginRequest::default()
    };
    Ok(soon("Login", server.auth.clone().login(request)).await?.into_inner())
}

/// Begins a challenge, whatever becomes of its code.
async fn challenge(server: &Server, user: &User) -> Challenge {
    match login(server, user, PASSWORD, "").await.unwrap().result {
        Some(Outcome::Challenge(challenge)) => challenge,
        other => panic!("no challenge: {other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn all_that_users_hold_works_under_another_master_key_before_and_after_reencrypting(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let [a, b] = [(); 2].map(|()| MasterKey::generate_text());
    let (database, clock) = (Arc::new(Database::new(backend).await), TestClock::default());
    let service = Service { database, clock };
    let first = service.start_without_mail(Keys(&a, None)).await;
    let mut held = Held::new(&first).await;
    held.works(&first).await;
    let waiting = challenge(&first, &held.mailed).await;
    first.stop().await.unwrap();

    let second = service.start(Keys(&b, Some(&a))).await;
    held.works(&second).await;
    held.code_arrives(&second, &waiting).await;
    second.stop().await.unwrap();

    // A replica that has not been replaced yet still serves, and leaves something to be moved.
    let replica = service.start_without_mail(Keys(&a, Some(&b))).await;
    held.works(&replica).await;
    let waiting = challenge(&replica, &held.mailed).await;
    replica.stop().await.unwrap();

    let (printed, result) = service.reencrypt(Keys(&b, Some(&a)));
    result.unwrap();
    assert_eq!(numbers(&printed, "signing_keys.sealed_private_key"), [1, 0, 0], "{printed}");
    assert_eq!(numbers(&printed, "totp_factors.sealed_secret"), [1, 0, 0], "{printed}");
    let [messages, ..] = numbers(&printed, "outbox.sealed_message");
    assert!(messages >= 2, "the code, and the notice of a recovery code: {printed}");
    assert_eq!(numbers(&printed, "wrapped_keys.sealed_key"), [1, 0, 0], "{printed}");

    let third = service.start(Keys(&b, None)).await;
    held.works(&third).await;
    held.code_arrives(&third, &waiting).await;
    third.stop().await.unwrap();

    let refused = App::bind(&service.config(Keys(&a, None)), Environment::default()).await;
    let said = chain(&refused.unwrap_err()).to_string();
    assert!(said.contains("is this the master key it was stored under?"), "{said}");
}

#[rstest]
#[tokio::test]
async fn what_release_0_1_0_has_left_works_before_and_after_reencrypting(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let key = MasterKey::generate_text();
    let (database, clock) = (Arc::new(Database::new(backend).await), TestClock::default());
    let service = Service { database, clock };
    let first = service.start_without_mail(Keys(&key, None)).await;
    let mut held = Held::new(&first).await;
    held.works(&first).await;
    let waiting = challenge(&first, &held.mailed).await;
    first.stop().await.unwrap();
    as_of_0_1_0(&service, &key).await;

    let second = service.start(Keys(&key, None)).await;
    held.works(&second).await;
    held.code_arrives(&second, &waiting).await;
    second.stop().await.unwrap();
    let (printed, result) = service.reencrypt(Keys(&key, None));
    result.unwrap();
    assert_eq!(numbers(&printed, "signing_keys.sealed_private_key"), [1, 0, 0], "{printed}");
    assert_eq!(numbers(&printed, "totp_factors.sealed_secret"), [1, 0, 0], "{printed}");
    assert_eq!(numbers(&printed, "wrapped_keys.sealed_key"), [0, 1, 0], "{printed}");
    let third = service.start(Keys(&key, None)).await;
    held.works(&third).await;
}
