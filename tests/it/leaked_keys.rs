//! A signing key that has leaked: replaced and revoked at once, on every replica, while all of them go on.

use std::time::Duration;

use countersign::{
    app::{self, Environment},
    config::Config,
    grpc::SERVICES,
    pb::{GetJwksRequest, IntrospectTokenRequest},
    service::KeyKeeper,
};
use rstest::rstest;
use tonic::{Code, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};

use crate::harness::{Backend, Beats, Server, eventually, server::config, soon};

/// So rarely that in a test it never happens again: what replicas do then they have heard.
const NEVER: Duration = Duration::from_secs(3600);

/// Replicas that look for changes of the keys by themselves so rarely that they never do, and whether they are ready all the time.
fn hears_only(_config: &mut Config, environment: &mut Environment) {
    environment.reload_keys_every = NEVER;
    environment.check_every = Duration::from_millis(5);
}

async fn keeper(server: &Server) -> KeyKeeper {
    let config = config(&server.database);
    app::keys(&config, &server.clock.clock()).await.unwrap().unwrap()
}

fn kid(jwt: &str) -> String {
    jsonwebtoken::decode_header(jwt).unwrap().kid.unwrap()
}

async fn published(server: &Server) -> Vec<String> {
    let jwks = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    jwks.keys.into_iter().map(|key| key.kid).collect()
}

async fn is_active(server: &Server, token: &str) -> bool {
    let request = IntrospectTokenRequest { token: token.to_owned() };
    server.tokens.clone().introspect_token(request).await.unwrap().into_inner().active
}

/// What health says of a service, from its being ready on.
pub async fn readiness(server: &Server, service: &str) -> Streaming<HealthCheckResponse> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let watch = HealthClient::new(server.channel.clone()).watch(request).await;
    let mut watch = watch.unwrap().into_inner();
    while next_status(&mut watch).await != ServingStatus::Serving {}
    watch
}

/// What else it says, up to the end of the server.
pub async fn rest(watch: &mut Streaming<HealthCheckResponse>) -> Vec<ServingStatus> {
    let mut said = Vec::new();
    while let Some(status) = soon("a status or the end", watch.message()).await.unwrap() {
        said.push(status.status());
    }
    said
}

async fn next_status(watch: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    soon("a status", watch.message()).await.unwrap().unwrap().status()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_replica_follows_within_a_second_and_is_ready_all_the_while(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, hears_only).await;
    let other = server.replica(hears_only).await;
    let (keeper, user) = (keeper(&server).await, server.user(false).await);
    let mut health = [
        readiness(&server, SERVICES[2]).await,
        readiness(&other, SERVICES[2]).await,
        readiness(&other, SERVICES[3]).await,
    ];
    let mut tokens = server.session(&user).await;
    for round in 0..4 {
        let (new, leaked) = keeper.replace().await.unwrap();
        let committed = Beats::start();
        assert_eq!(leaked, kid(&tokens.access_token), "round {round}");
        for replica in [&server, &other] {
            // Never both: verifiers that fetch the set when they see the new key must lose the old one.
            eventually("the new key", async || {
                let published = published(replica).await;
                assert_eq!(published.len(), 1, "{published:?}");
                published == [new.kid.as_str()]
            })
            .await;
            assert!(committed.elapsed() < Duration::from_secs(1), "{:?}", committed.elapsed());
            assert_eq!(kid(&replica.session(&user).await.access_token), new.kid);
            assert!(!is_active(replica, &tokens.access_token).await);
            assert_eq!(replica.me(&tokens).await.unwrap_err().code(), Code::Unauthenticated);
        }
        tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
        assert_eq!(kid(&tokens.access_token), new.kid, "sessions go on");
        assert!(is_active(&other, &tokens.access_token).await);
    }
    server.stop().await.unwrap();
    other.stop().await.unwrap();
    for watch in &mut health {
        assert_eq!(
            rest(watch).await,
            [ServingStatus::NotServing],
            "the shutdown, and no word since"
        );
    }
}

/// Nobody waits for the next poll there. On SQLite polls are all there is.
#[tokio::test]
async fn on_postgres_an_announcement_is_enough() {
    let server = Server::start_with(Backend::Postgres, |config, environment| {
        hears_only(config, environment);
        (environment.revocations.poll_every, environment.check_every) = (NEVER, NEVER);
    })
    .await;
    let listens = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    eventually("a listener", async || server.database.number(listens).await == 1).await;
    let (new, _leaked) = keeper(&server).await.replace().await.unwrap();
    eventually("the new key", async || published(&server).await == [new.kid.as_str()]).await;
}

/// `keys retire` of another key is heard in the same way. Nobody looks at the keys here, nor whether the signing key counts: the log of
/// revocations alone tells of it.
#[rstest]
#[tokio::test]
async fn a_key_that_is_retired_is_out_within_a_second(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |_, environment| {
        (environment.reload_keys_every, environment.check_every) = (NEVER, NEVER);
    })
    .await;
    let (keeper, user) = (keeper(&server).await, server.user(false).await);
    let tokens = server.session(&user).await;
    let new = keeper.rotate(true).await.unwrap();
    keeper.retire(&kid(&tokens.access_token)).await.unwrap();
    let retired = Beats::start();
    eventually("the new key", async || published(&server).await == [new.kid.as_str()]).await;
    assert!(retired.elapsed() < Duration::from_secs(1), "{:?}", retired.elapsed());
    assert!(!is_active(&server, &tokens.access_token).await);
}

/// Otherwise it would go on with the key before, which is about to leave the set, until its clock has caught up.
#[rstest]
#[tokio::test]
async fn a_replica_whose_clock_is_behind_signs_with_the_new_key_at_once_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, hears_only).await;
    let mut keeper = keeper(&server).await;
    let user = server.user(false).await;
    keeper.rotate(true).await.unwrap();
    server.clock.advance(Duration::from_secs(300));
    let ahead = server.clock.clone().clock();
    keeper.clock =
        countersign::service::Clock::from_fn(move || ahead.now().plus(Duration::from_secs(90)));
    let (new, _leaked) = keeper.replace().await.unwrap();
    eventually("the new key", async || published(&server).await.contains(&new.kid)).await;
    assert_eq!(kid(&server.session(&user).await.access_token), new.kid);
}
