//! Signing keys that follow one another.

use std::time::Duration;

use countersign::{
    app::{self, App, Environment},
    config::{Config, Signing},
    pb::{
        GetJwksRequest, LoginRequest, auth_service_client::AuthServiceClient,
        login_response::Result as Outcome, token_service_client::TokenServiceClient,
    },
    service::{KeyKeeper, SigningKeyError},
    store::SealedKey,
    token::{Algorithm, SigningKey},
};
use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
use rstest::rstest;
use tokio::sync::oneshot;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::harness::{
    Backend, Database, Server,
    clock::TestClock,
    eventually, logs,
    server::{PASSWORD, config, registration},
    soon,
};

const HOUR: Duration = Duration::from_secs(3600);

/// From the making of a key to its first signature: the default lead, a minute for replicas to publish it, two for clocks that differ.
const NOTICE: Duration = Duration::from_secs(30 * 60 + 180);

/// The longest that a common verifier keeps a key set without asking for keys that it does not know: Istio.
const KEPT: Duration = Duration::from_secs(20 * 60);

/// From the start of the next key until the last token of the one before has expired: the tokens' 15 minutes, and slack.
const LAST_TOKENS: Duration = Duration::from_secs(900 + 120);

/// One replica of several.
struct Replica {
    auth: AuthServiceClient<Channel>,
    tokens: TokenServiceClient<Channel>,
    _stop: oneshot::Sender<()>,
}

impl Replica {
    async fn start(config: &Config, clock: &TestClock) -> Self {
        logs::start();
        let environment = Environment {
            clock: clock.clock(),
            check_every: Duration::from_millis(20),
            reload_keys_every: Duration::from_millis(20),
            ..Environment::default()
        };
        let app = App::bind(config, environment).await.unwrap();
        let endpoint = Channel::from_shared(format!("http://{}", app.grpc_addr())).unwrap();
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(app.serve(async {
            // A test that is over asks it to stop, too.
            let _dropped = stopped.await;
        }));
        let channel = soon("connecting", endpoint.connect()).await.unwrap();
        Self {
            auth: AuthServiceClient::new(channel.clone()),
            tokens: TokenServiceClient::new(channel),
            _stop: stop,
        }
    }

    async fn token(&self, username: &str) -> String {
        let login = LoginRequest {
            username: username.to_owned(),
            password: PASSWORD.to_owned(),
            ..LoginRequest::default()
        };
        match soon("Login", self.auth.clone().login(login)).await.unwrap().into_inner().result {
            Some(Outcome::Tokens(tokens)) => tokens.access_token,
            other => panic!("no tokens: {other:?}"),
        }
    }

    async fn user(&self) -> String {
        let user = registration(false);
        self.auth.clone().register(user.clone()).await.unwrap();
        user.username
    }

    async fn jwks(&self) -> JwkSet {
        let jwks = self.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
        serde_json::from_slice(&jwks.jwks_json).unwrap()
    }

    /// The ids of the published keys.
    async fn published(&self) -> Vec<String> {
        let keys = self.jwks().await.keys;
        keys.into_iter().map(|key| key.common.key_id.unwrap()).collect()
    }

    /// The id of the key that was made last: ids are in the order of their times (UUIDv7).
    async fn newest(&self) -> String {
        self.published().await.into_iter().max().unwrap()
    }

    /// Waits until that many keys are published, and gives their ids.
    async fn publishes(&self, count: usize) -> Vec<String> {
        let what = format!("{count} published keys");
        eventually(&what, async || self.published().await.len() == count).await;
        self.published().await
    }
}

fn kid(jwt: &str) -> String {
    jsonwebtoken::decode_header(jwt).unwrap().kid.unwrap()
}

/// Whether another service accepts a token with that key set.
fn accepts(jwks: &JwkSet, jwt: &str) -> bool {
    let header = jsonwebtoken::decode_header(jwt).unwrap();
    let Some(jwk) = jwks.find(header.kid.as_deref().unwrap()) else { return false };
    let mut rules = Validation::new(header.alg);
    rules.set_audience(&["countersign"]);
    let key = DecodingKey::from_jwk(jwk).unwrap();
    jsonwebtoken::decode::<serde_json::Value>(jwt, &key, &rules).is_ok()
}

async fn keeper(config: &Config, clock: &TestClock) -> KeyKeeper {
    app::keys(config, &clock.clock()).await.unwrap().unwrap()
}

#[rstest]
#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_until_its_last_token_has_expired(
    #[values(Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256)] algorithm: Algorithm,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let mut config = config(&database);
    (config.signing, config.key_rotation) = (Signing::Stored(algorithm), HOUR);
    let replica = Replica::start(&config, &clock).await;
    let user = replica.user().await;
    let first = kid(&replica.token(&user).await);
    assert_eq!(replica.published().await, [first.as_str()]);

    clock.advance(HOUR);
    let published = replica.publishes(2).await;
    let second = published[1].clone();
    assert_eq!(published, [first.clone(), second.clone()], "the one that signs comes first");
    clock.advance(NOTICE - Duration::from_secs(60));
    let last = replica.token(&user).await;
    assert_eq!(kid(&last), first, "the second one does not sign yet");
    clock.advance(Duration::from_secs(60));
    assert_eq!(kid(&replica.token(&user).await), second);
    assert_eq!(replica.published().await, [second.clone(), first]);
    clock.advance(LAST_TOKENS - Duration::from_secs(60));
    assert!(accepts(&replica.jwks().await, &last));
    clock.advance(Duration::from_secs(60));
    assert_eq!(replica.published().await, [second]);
}

/// An outside verifier keeps the key set for as long as it may, and never asks for a key that it does not know.
#[tokio::test]
async fn no_token_is_refused_anywhere_while_two_replicas_rotate_under_load() {
    let (database, clock) = (Database::new(Backend::Postgres).await, TestClock::default());
    let mut config = config(&database);
    config.key_rotation = HOUR;
    let replicas = [Replica::start(&config, &clock).await, Replica::start(&config, &clock).await];
    let user = replicas[0].user().await;
    let (mut jwks, mut fetched) = (replicas[0].jwks().await, clock.now());
    let (mut kids, mut valid) = (vec![replicas[0].published().await[0].clone()], Vec::new());
    let (step, mut newest) = (Duration::from_secs(50), clock.now());
    for round in 0.. {
        clock.advance(step);
        let now = clock.now();
        if now.since(newest) > HOUR + step {
            // Replicas look much more often than this clock is put forward.
            let known = kids.len();
            for replica in &replicas {
                eventually("the new key", async || {
                    !kids[..known].contains(&replica.newest().await)
                })
                .await;
            }
            kids.push(replicas[0].newest().await);
            newest = now;
        }
        if now.since(fetched) >= KEPT {
            (jwks, fetched) = (replicas[round % 2].jwks().await, now);
        }
        for replica in &replicas {
            valid.push((now, replica.token(&user).await));
        }
        valid.retain(|(issued, _)| now.since(*issued) < Duration::from_secs(900));
        for (issued, jwt) in &valid {
            assert!(accepts(&jwks, jwt), "round {round}, issued at {issued:?}: {}", kid(jwt));
        }
        if kid(&valid.last().unwrap().1) == *kids.last().unwrap() && kids.len() == 3 {
            break;
        }
    }
    assert_eq!(replicas[0].jwks().await, replicas[1].jwks().await);
    assert_eq!(database.number("SELECT COUNT(*) FROM signing_keys").await, 3, "one replica won");
}

#[rstest]
#[tokio::test]
async fn after_a_leak_a_new_key_signs_at_once_and_the_old_one_is_out_as_soon_as_it_is_retired(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let config = config(&database);
    let replica = Replica::start(&config, &clock).await;
    let keeper = keeper(&config, &clock).await;
    let user = replica.user().await;
    let leaked = kid(&replica.token(&user).await);
    let refused = keeper.retire(&leaked).await.unwrap_err();
    assert!(matches!(refused, SigningKeyError::Signs), "{refused:?}");

    let new = keeper.rotate(true).await.unwrap().kid;
    assert_eq!(replica.publishes(2).await, [new.clone(), leaked.clone()]);
    assert_eq!(kid(&replica.token(&user).await), new);
    keeper.retire(&leaked).await.unwrap();
    assert_eq!(replica.publishes(1).await, [new.as_str()]);
    for (kid, why) in [(leaked.as_str(), "retired"), ("nothing", "no key")] {
        let refused = keeper.retire(kid).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    assert_eq!(kid(&replica.token(&user).await), new);
}

/// The three minutes more are for replicas to publish it: the lead begins when the last of them has.
#[rstest]
#[tokio::test]
async fn the_lead_is_a_setting_and_counts_from_when_every_replica_publishes_the_key(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let mut config = config(&database);
    (config.key_lead, config.key_rotation) = (Duration::from_secs(600), HOUR);
    let replica = Replica::start(&config, &clock).await;
    let user = replica.user().await;
    let next = keeper(&config, &clock).await.rotate(false).await.unwrap();
    assert_eq!(next.signs_from.since(next.created_at).as_secs().div_ceil(60), 13);
    replica.publishes(2).await;
    clock.advance(Duration::from_secs(12 * 60));
    assert_ne!(kid(&replica.token(&user).await), next.kid);
    clock.advance(Duration::from_secs(60));
    assert_eq!(kid(&replica.token(&user).await), next.kid);
}

/// A key that waits may be retired, too: the one that signs goes on.
#[rstest]
#[tokio::test]
async fn the_next_key_can_be_retired_before_it_signs(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let config = config(&database);
    let replica = Replica::start(&config, &clock).await;
    let keeper = keeper(&config, &clock).await;
    let next = keeper.rotate(false).await.unwrap();
    assert_eq!(next.signs_from.since(next.created_at).as_secs().div_ceil(60), 33);
    replica.publishes(2).await;
    keeper.retire(&next.kid).await.unwrap();
    let signer = replica.publishes(1).await;
    clock.advance(2 * NOTICE);
    assert_eq!(kid(&replica.token(&replica.user().await).await), signer[0]);
}

#[rstest]
#[tokio::test]
async fn with_another_algorithm_the_old_key_signs_until_the_new_one_is_known_and_stays_published(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let mut config = config(&database);
    let before = Replica::start(&config, &clock).await;
    let user = before.user().await;
    let old = before.token(&user).await;
    config.signing = Signing::Stored(Algorithm::EdDsa);
    let after = Replica::start(&config, &clock).await;
    assert_eq!(after.publishes(2).await, before.publishes(2).await);
    let meanwhile = after.token(&user).await;
    assert_eq!(kid(&meanwhile), kid(&old));
    clock.advance(NOTICE);
    let new = after.token(&user).await;
    let algorithm = jsonwebtoken::decode_header(&new).unwrap().alg;
    assert_eq!(algorithm, jsonwebtoken::Algorithm::EdDSA);
    // During the roll-out, replicas with the old configuration still sign with the old key.
    assert_eq!(kid(&before.token(&user).await), kid(&old));
    for replica in [&before, &after] {
        let jwks = replica.jwks().await;
        assert!([&old, &meanwhile, &new].into_iter().all(|jwt| accepts(&jwks, jwt)));
    }
    keeper(&config, &clock).await.retire(&kid(&old)).await.unwrap();
    eventually("no old key", async || !after.published().await.contains(&kid(&old))).await;
}

/// It warns, and goes on with the keys that it has.
#[rstest]
#[tokio::test]
async fn a_key_that_does_not_decrypt_does_not_stop_a_replica_that_runs(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let config = config(&database);
    let replica = Replica::start(&config, &clock).await;
    let before = replica.published().await;
    let foreign = SealedKey {
        id: Uuid::now_v7(),
        algorithm: "ES256".into(),
        generation: 2,
        sealed_private_key: SigningKey::generate(Algorithm::Es256).unwrap().to_vec(),
        created_at: clock.now(),
        signs_from: clock.now(),
        retired_at: None,
    };
    database.store().await.signing_key_create(foreign).await.unwrap();
    eventually("a warning", async || {
        !logs::events_with("following the signing keys fails").is_empty()
            && !logs::events_with("is this the master key it was stored under?").is_empty()
    })
    .await;
    assert_eq!(replica.published().await, before);
    // Nor does it get any worse: who can't decrypt what is there makes nothing.
    let refused = keeper(&config, &clock).await.rotate(true).await.unwrap_err();
    assert!(refused.to_string().contains("is this the master key"), "{refused}");
}

#[tokio::test]
async fn while_the_store_is_away_the_keys_stay_and_then_they_are_followed_again() {
    let (database, clock) = (Database::new(Backend::Postgres).await, TestClock::default());
    let config = config(&database);
    let replica = Replica::start(&config, &clock).await;
    let keeper = keeper(&config, &clock).await;
    let before = replica.published().await;
    database.set_away(true).await;
    eventually("the store is away", async || keeper.list().await.is_err()).await;
    assert_eq!(replica.published().await, before);
    database.set_away(false).await;
    eventually("a new key", async || keeper.rotate(false).await.is_ok()).await;
    replica.publishes(2).await;
}

#[tokio::test]
async fn a_configured_secret_has_no_stored_key() {
    let server = Server::start_with(Backend::Sqlite, |config, environment| {
        config.signing = Signing::Secret(SigningKey::from_secret(&[7; 32]));
        environment.reload_keys_every = Duration::from_millis(1);
    })
    .await;
    server.clock.advance(365 * 24 * HOUR);
    let user = server.user(false).await;
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
    assert_eq!(server.database.number("SELECT COUNT(*) FROM signing_keys").await, 0);
}
