//! `countersign-verify`, the crate with which other services verify tokens, against the real server.

use std::{net::SocketAddr, time::Duration};

use countersign::{
    app::{self, App, Environment},
    config::{Config, Signing},
    domain::Actor,
    pb::{RevokeOtherSessionsRequest, Tokens, User, login_response::Result as Outcome},
    store::{Revoking, Store},
    token::{Algorithm, SigningKey},
};
use countersign_verify::{Settings, SharedSecret, Verifier, VerifyError, WhenBlind};
use rstest::rstest;
use tokio::sync::oneshot;
use tonic::transport::Channel;

use crate::harness::{
    Backend, Beats, Database, Server,
    clock::TestClock,
    eventually,
    server::{PASSWORD, bearer, config},
    soon,
};
use crate::mailbox::{NEW_PASSWORD, open_reset, reset};

/// A verifier of that server, as a service with that audience has it.
pub async fn verifier(grpc: SocketAddr, settings: Settings) -> Verifier {
    let channel = Channel::from_shared(format!("http://{grpc}")).unwrap().connect_lazy();
    let connecting = Verifier::connect(channel, settings, Duration::from_secs(20));
    soon("connecting the verifier", connecting).await.unwrap()
}

pub fn settings(audience: &str) -> Settings {
    Settings::new("http://localhost:8080", audience)
}

/// The user's id, and what a login gives.
async fn login(server: &Server) -> (String, Tokens) {
    let user = server.user(false).await;
    match server.login(&user.username, PASSWORD).await.unwrap().result {
        Some(Outcome::Tokens(tokens)) => (user.id, tokens),
        other => panic!("no tokens: {other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn the_token_of_a_login_verifies_for_its_audience_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user_id, tokens) = login(&server).await;
    let ours = verifier(server.grpc, settings("countersign")).await;
    let claims = ours.verify(&tokens.access_token).await.unwrap();
    let user = claims.user().unwrap();
    assert_eq!(user.id.to_string(), user_id);
    assert_eq!(user.session_id.to_string(), tokens.session_id);
    let others = verifier(server.grpc, settings("other")).await;
    assert_eq!(others.verify(&tokens.access_token).await, Err(VerifyError::Invalid));
}

#[rstest]
#[case(Algorithm::EdDsa)]
#[case(Algorithm::Rs256)]
#[tokio::test]
async fn tokens_of_other_published_algorithms_verify_too(#[case] algorithm: Algorithm) {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.signing = Signing::Stored(algorithm);
    });
    let server = server.await;
    let verifier = verifier(server.grpc, settings("countersign")).await;
    assert!(verifier.verify(&login(&server).await.1.access_token).await.is_ok());
}

#[tokio::test]
async fn hs256_tokens_verify_where_the_secret_is_known() {
    let secret = [7; 32];
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.signing = Signing::Secret(SigningKey::from_secret(&secret));
    });
    let server = server.await;
    let token = login(&server).await.1.access_token;
    let mut with_secret = settings("countersign");
    with_secret.shared_secret = Some(SharedSecret::parse(&secret).unwrap());
    assert!(verifier(server.grpc, with_secret).await.verify(&token).await.is_ok());
    let without = verifier(server.grpc, settings("countersign")).await;
    assert_eq!(without.verify(&token).await, Err(VerifyError::Invalid));
}

/// Another replica on the same database, until the sender is dropped.
async fn replica(config: &Config, clock: &TestClock) -> (SocketAddr, oneshot::Sender<()>) {
    let environment = Environment {
        clock: clock.clock(),
        check_every: Duration::from_millis(20),
        ..Environment::default()
    };
    let app = App::bind(config, environment).await.unwrap();
    let (address, (stop, stopped)) = (app.grpc_addr().tcp().unwrap(), oneshot::channel());
    tokio::spawn(app.serve(async {
        let _dropped = stopped.await;
    }));
    (address, stop)
}

/// Ends the session of `tokens` in the database, as any replica would.
async fn revoke(server: &Server, store: &dyn Store, user_id: &str, tokens: &Tokens) {
    let now = server.clock.now();
    let at = Revoking {
        now,
        tokens_expire_at: now.plus(Duration::from_secs(900)),
        actor: Actor::Nobody,
        address: None,
        carried_out: None,
    };
    let [session, user] = [tokens.session_id.as_str(), user_id].map(|id| id.parse().unwrap());
    assert!(store.session_revoke(session, user, at).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_session_that_was_revoked_is_refused_within_a_second(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let store = server.database.store().await;
    let verifier = verifier(server.grpc, settings("countersign")).await;
    eventually("following", async || verifier.status().is_following).await;
    let [(user, ended), (_, other)] = [login(&server).await, login(&server).await];
    assert!(verifier.verify(&ended.access_token).await.is_ok());
    revoke(&server, &*store, &user, &ended).await;
    let revoked_at = Beats::start();
    eventually("the revocation", async || verifier.verify(&ended.access_token).await.is_err())
        .await;
    assert!(revoked_at.elapsed() < Duration::from_secs(1), "{:?}", revoked_at.elapsed());
    assert!(verifier.verify(&other.access_token).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn a_leaked_key_is_refused_within_a_second_and_the_next_ones_tokens_are_good(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let keys = app::keys(&config(&server.database), &server.clock.clock()).await.unwrap().unwrap();
    let verifier = verifier(server.grpc, settings("countersign")).await;
    eventually("following", async || verifier.status().is_following).await;
    let (_, tokens) = login(&server).await;
    assert!(verifier.verify(&tokens.access_token).await.is_ok());
    let (next, _leaked) = keys.replace().await.unwrap();
    let revoked_at = Beats::start();
    eventually("the revocation", async || verifier.verify(&tokens.access_token).await.is_err())
        .await;
    assert!(revoked_at.elapsed() < Duration::from_secs(1), "{:?}", revoked_at.elapsed());
    eventually("the next key", async || {
        let fresh = Box::pin(login(&server)).await.1.access_token;
        let kid = jsonwebtoken::decode_header(&fresh).unwrap().kid;
        let verified = verifier.verify(&fresh).await;
        let is_next = kid.as_deref() == Some(next.kid.as_str());
        assert!(!is_next || verified != Err(VerifyError::Invalid), "nobody is to log out");
        is_next && verified.is_ok()
    })
    .await;
    assert_eq!(verifier.verify(&tokens.access_token).await, Err(VerifyError::Invalid));
}

#[tokio::test]
async fn a_session_revoked_on_one_replica_is_refused_by_who_follows_another() {
    let database = Database::new(Backend::Postgres).await;
    let (config, clock) = (config(&database), TestClock::default());
    let environment = Environment { clock: clock.clock(), ..Environment::default() };
    let one = Server::start_on(database, &config, environment, clock.clone()).await;
    let (other, _stop) = replica(&config, &clock).await;
    let store = one.database.store().await;
    let verifier = verifier(other, settings("countersign")).await;
    eventually("following", async || verifier.status().is_following).await;
    let (user, tokens) = login(&one).await;
    assert!(verifier.verify(&tokens.access_token).await.is_ok());
    revoke(&one, &*store, &user, &tokens).await;
    let revoked_at = Beats::start();
    eventually("the revocation", async || verifier.verify(&tokens.access_token).await.is_err())
        .await;
    assert!(revoked_at.elapsed() < Duration::from_secs(1), "{:?}", revoked_at.elapsed());
}

#[rstest]
#[tokio::test]
async fn a_verifier_that_starts_late_learns_what_was_revoked_before(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = login(&server).await;
    revoke(&server, &*server.database.store().await, &user, &tokens).await;
    let mut strict = settings("countersign");
    strict.when_blind = WhenBlind::RefuseAfter(Duration::from_secs(60));
    let verifier = verifier(server.grpc, strict).await;
    assert_eq!(verifier.verify(&tokens.access_token).await, Err(VerifyError::Invalid));
}

/// How all sessions of a user end but one, or all.
#[derive(Debug, Clone, Copy)]
enum End {
    RevokeOthers,
    ChangePassword,
    ResetPassword,
}

/// Does that in the session `tokens`, and gives the password that counts then.
async fn end(server: &Server, user: &User, tokens: &Tokens, how: End) -> &'static str {
    match how {
        End::RevokeOthers => {
            let request = bearer(tokens, RevokeOtherSessionsRequest {});
            server.account.clone().revoke_other_sessions(request).await.unwrap();
            return PASSWORD;
        }
        End::ChangePassword => {
            server.change_password(tokens, PASSWORD, NEW_PASSWORD).await.unwrap()
        }
        End::ResetPassword => {
            let (id, code) = open_reset(server, user).await;
            reset(server, &id, &code, NEW_PASSWORD).await.unwrap();
        }
    }
    NEW_PASSWORD
}

/// The clock stands still: no time tells the tokens before from those after.
#[rstest]
#[case::revoke_others(End::RevokeOthers, true)]
#[case::change(End::ChangePassword, true)]
#[case::reset(End::ResetPassword, false)]
#[tokio::test]
async fn of_sessions_that_end_together_the_kept_ones_token_and_those_of_the_same_second_are_good(
    #[case] how: End,
    #[case] is_kept: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let (asking, other) = (server.session(&user).await, server.session(&user).await);
    let verifier = verifier(server.grpc, settings("countersign")).await;
    eventually("following", async || verifier.status().is_following).await;
    let good = async |tokens: &Tokens| verifier.verify(&tokens.access_token).await.is_ok();
    assert!(good(&asking).await && good(&other).await);
    let password = end(&server, &user, &asking, how).await;
    let ended_at = Beats::start();
    eventually("the revocation", async || !good(&other).await).await;
    assert!(ended_at.elapsed() < Duration::from_secs(1), "{:?}", ended_at.elapsed());
    assert_eq!(good(&asking).await, is_kept, "with the token that it has");
    let Some(Outcome::Tokens(next)) = server.login(&user.username, password).await.unwrap().result
    else {
        panic!("no tokens")
    };
    assert!(good(&next).await, "a login in the same second");
    if is_kept {
        let refreshed = server.refresh(&asking.refresh_token, "").await.unwrap();
        assert!(good(&refreshed).await);
        // And the next time it is not the one that goes on.
        let request = bearer(&next, RevokeOtherSessionsRequest {});
        server.account.clone().revoke_other_sessions(request).await.unwrap();
        eventually("the next", async || !good(&refreshed).await && !good(&asking).await).await;
        assert!(good(&next).await);
    }
    assert_eq!(verifier.status().revoked_users, 1);
}
