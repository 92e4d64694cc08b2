//! Health and readiness.

use std::collections::HashSet;

use countersign::{grpc::SERVICES, pb::GetJwksRequest};
use rstest::rstest;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use uuid::Uuid;

use crate::harness::{Backend, Server, eventually, soon};

async fn status(server: &Server, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let response = HealthClient::new(server.channel.clone()).check(request).await;
    response.map(|response| response.into_inner().status()).map_err(|status| status.code())
}

/// Waits until every service is ready, or none is; the process is alive all the while.
pub async fn becomes(server: &Server, wanted: ServingStatus) {
    for service in SERVICES {
        eventually(&format!("{service} {wanted:?}"), async || {
            assert_eq!(status(server, "").await, Ok(ServingStatus::Serving));
            status(server, service).await == Ok(wanted)
        })
        .await;
    }
}

#[rstest]
#[tokio::test]
async fn every_service_of_ours_has_a_health_of_its_own(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    becomes(&server, ServingStatus::Serving).await;
    assert_eq!(status(&server, "auth.v1.Nothing").await, Err(Code::NotFound));
    let files = prost::Message::decode(countersign::pb::DESCRIPTORS);
    let files: prost_types::FileDescriptorSet = files.unwrap();
    let ours = files.file.iter().filter(|file| file.package() == "auth.v1");
    let names: Vec<_> = ours
        .flat_map(|file| &file.service)
        .map(|service| format!("auth.v1.{}", service.name()))
        .collect();
    assert_eq!(names, SERVICES);
}

#[tokio::test]
async fn readiness_follows_the_database_both_ways() {
    let server = Server::start(Backend::Postgres).await;
    becomes(&server, ServingStatus::Serving).await;
    for _ in 0..2 {
        server.database.set_away(true).await;
        becomes(&server, ServingStatus::NotServing).await;
        server.database.set_away(false).await;
        becomes(&server, ServingStatus::Serving).await;
    }
}

/// A replica that signs with a key that is not published makes tokens that nobody can verify.
#[rstest]
#[tokio::test]
async fn with_a_key_that_is_not_stored_it_is_not_ready(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    becomes(&server, ServingStatus::Serving).await;
    let jwks = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    let own = jwks.keys[0].kid.parse().unwrap();
    for (id, wanted) in [(Uuid::now_v7(), ServingStatus::NotServing), (own, ServingStatus::Serving)]
    {
        let id = match backend {
            Backend::Sqlite => format!("x'{}'", id.simple()),
            Backend::Postgres => format!("'{id}'"),
        };
        server.database.run(&format!("UPDATE signing_keys SET id = {id}")).await;
        becomes(&server, wanted).await;
    }
}

/// When the server last asked the database something, in microseconds.
async fn last_question(server: &Server) -> i64 {
    let sql = "SELECT CAST(EXTRACT(EPOCH FROM MAX(query_start)) * 1000000 AS BIGINT) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'countersign'";
    server.database.number(sql).await
}

#[tokio::test]
async fn a_watcher_hears_of_changes_and_of_nothing_else() {
    let server = Server::start(Backend::Postgres).await;
    becomes(&server, ServingStatus::Serving).await;
    let request = HealthCheckRequest { service: SERVICES[0].to_owned() };
    let watch = HealthClient::new(server.channel.clone()).watch(request).await;
    let mut watch = watch.unwrap().into_inner();
    let mut next =
        async || soon("a status", watch.message()).await.unwrap().map(|said| said.status());
    assert_eq!(next().await, Some(ServingStatus::Serving));
    // A check asks three times: these are several.
    let mut seen = HashSet::new();
    eventually("readiness checks", async || {
        seen.insert(last_question(&server).await);
        seen.len() > 12
    })
    .await;
    // The server would make another one as soon as it looks.
    server.database.refuse("INSERT ON signing_keys").await;
    server.database.run("UPDATE signing_keys SET retired_at = created_at").await;
    assert_eq!(next().await, Some(ServingStatus::NotServing), "nothing was said in between");
}

#[rstest]
#[case::schema(
    "UPDATE _sqlx_migrations SET success = FALSE WHERE version > 1",
    "UPDATE _sqlx_migrations SET success = TRUE"
)]
#[case::signing_key(
    "UPDATE signing_keys SET retired_at = created_at",
    "UPDATE signing_keys SET retired_at = NULL"
)]
#[tokio::test]
async fn readiness_follows_the_schema_and_the_signing_key_both_ways(
    #[case] breaks: &str,
    #[case] mends: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    becomes(&server, ServingStatus::Serving).await;
    // Where the key is retired the server would make another one as soon as it looks.
    server.database.refuse("INSERT ON signing_keys").await;
    server.database.run(breaks).await;
    becomes(&server, ServingStatus::NotServing).await;
    server.database.run(mends).await;
    becomes(&server, ServingStatus::Serving).await;
}
