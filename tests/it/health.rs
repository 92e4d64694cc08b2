//! Health and readiness.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use countersign::{
    grpc::SERVICES,
    pb::{GetJwksRequest, WatchRevocationsRequest, health},
};
use rstest::rstest;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use uuid::Uuid;

use crate::{
    harness::{Backend, Server, eventually, soon},
    http::get,
    leaked_keys::{readiness, rest},
};

async fn status(server: &Server, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let response = HealthClient::new(server.channel.clone()).check(request).await;
    response.map(|response| response.into_inner().status()).map_err(|status| status.code())
}

const ACCOUNT: &str = SERVICES[0];
pub const AUTH: &str = SERVICES[2];
const TOKENS: &str = SERVICES[3];

/// Waits until a service has that status; the process is alive all the while.
pub async fn is(server: &Server, service: &str, wanted: ServingStatus) {
    eventually(&format!("{service} {wanted:?}"), async || {
        assert_eq!(status(server, "").await, Ok(ServingStatus::Serving));
        status(server, service).await == Ok(wanted)
    })
    .await;
}

/// Waits until every service is ready, or none is.
pub async fn becomes(server: &Server, wanted: ServingStatus) {
    for service in SERVICES {
        is(server, service, wanted).await;
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
    // A descriptor set has its files in the order in which they need each other.
    let mut names: Vec<_> = ours
        .flat_map(|file| &file.service)
        .map(|service| format!("auth.v1.{}", service.name()))
        .collect();
    names.sort_unstable();
    assert_eq!(names, SERVICES);
}

/// What takes no database goes on: who verifies tokens must not lose the keys with it.
#[tokio::test]
async fn readiness_follows_the_database_both_ways_and_the_key_set_stays() {
    let server = Server::start(Backend::Postgres).await;
    becomes(&server, ServingStatus::Serving).await;
    let key_set = get(server.http, "/.well-known/jwks.json").await.1;
    for _ in 0..2 {
        server.database.set_away(true).await;
        for service in [AUTH, ACCOUNT] {
            is(&server, service, ServingStatus::NotServing).await;
        }
        assert_eq!(status(&server, TOKENS).await, Ok(ServingStatus::Serving));
        let jwks = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
        assert_eq!(jwks.jwks_json, key_set.as_bytes());
        let (head, body) = get(server.http, "/.well-known/jwks.json").await;
        assert!(head.starts_with("http/1.1 200") && body == key_set, "{head}");
        let (head, _) = get(server.http, "/.well-known/openid-configuration").await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        // What takes a database says so.
        let request = WatchRevocationsRequest::default();
        let refused = server.tokens.clone().watch_revocations(request).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
        server.database.set_away(false).await;
        becomes(&server, ServingStatus::Serving).await;
    }
}

/// By then another key may sign, of which a replica without a database knows nothing.
#[tokio::test]
async fn a_key_set_that_is_older_than_the_lead_is_not_to_be_relied_on() {
    let server = Server::start_with(Backend::Postgres, |config, environment| {
        config.key_lead = Duration::from_secs(1);
        environment.reload_keys_every = Duration::from_millis(100);
    })
    .await;
    becomes(&server, ServingStatus::Serving).await;
    server.database.set_away(true).await;
    is(&server, AUTH, ServingStatus::NotServing).await;
    is(&server, TOKENS, ServingStatus::NotServing).await;
    // It is all there is, and better than none: nobody can sign without a database either.
    let jwks = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    assert_eq!(jwks.keys.len(), 1);
    server.database.set_away(false).await;
    becomes(&server, ServingStatus::Serving).await;
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

/// What List tells, by name.
async fn listed(server: &Server) -> BTreeMap<String, health::health_check_response::ServingStatus> {
    let mut client = health::health_client::HealthClient::new(server.channel.clone());
    let answer = client.list(health::HealthListRequest {}).await.unwrap().into_inner();
    answer.statuses.into_iter().map(|(name, health)| (name, health.status())).collect()
}

/// gRFC A90.
#[tokio::test]
async fn the_list_has_the_process_and_every_service_each_as_check_says() {
    let server = Server::start(Backend::Postgres).await;
    becomes(&server, ServingStatus::Serving).await;
    let list = listed(&server).await;
    let names: Vec<_> = list.keys().map(String::as_str).collect();
    assert_eq!(names, [&[""], &SERVICES[..]].concat());
    server.database.set_away(true).await;
    is(&server, AUTH, ServingStatus::NotServing).await;
    for (name, listed) in listed(&server).await {
        let checked = status(&server, &name).await.unwrap();
        assert_eq!(i32::from(listed), i32::from(checked), "{name}");
        let needs_none = ["", TOKENS].contains(&&*name);
        assert_eq!(checked == ServingStatus::Serving, needs_none, "{name}");
    }
}

/// "SERVICE_UNKNOWN, but will not terminate the call": a client would ask again and again.
#[tokio::test]
async fn who_watches_a_service_that_there_is_not_is_told_so_and_waits() {
    let server = Server::start(Backend::Sqlite).await;
    let request = HealthCheckRequest { service: "auth.v1.Nothing".to_owned() };
    let watch = HealthClient::new(server.channel.clone()).watch(request).await;
    let mut watch = watch.unwrap().into_inner();
    let told = soon("a status", watch.message()).await.unwrap().unwrap();
    assert_eq!(told.status(), ServingStatus::ServiceUnknown);
    becomes(&server, ServingStatus::Serving).await;
    {
        let mut next = std::pin::pin!(watch.message());
        assert!(futures_util::poll!(&mut next).is_pending());
    }
    server.stop().await.unwrap();
    assert_eq!(soon("the end", watch.message()).await.unwrap(), None);
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
    server.database.run(NO_SCHEMA).await;
    assert_eq!(next().await, Some(ServingStatus::NotServing), "nothing was said in between");
}

/// To this program, an old schema.
const NO_SCHEMA: &str = "UPDATE _sqlx_migrations SET success = FALSE WHERE version > 1";

#[rstest]
#[tokio::test]
async fn readiness_follows_the_schema_both_ways(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    becomes(&server, ServingStatus::Serving).await;
    server.database.run(NO_SCHEMA).await;
    for service in [AUTH, ACCOUNT] {
        is(&server, service, ServingStatus::NotServing).await;
    }
    server.database.run("UPDATE _sqlx_migrations SET success = TRUE").await;
    becomes(&server, ServingStatus::Serving).await;
}

/// Nobody has told it, and it does not look at the keys by itself: the check of readiness finds out, and mends it before it says no.
#[rstest]
#[tokio::test]
async fn a_signing_key_that_is_retired_past_the_server_is_replaced_before_it_is_not_ready(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |_, environment| {
        environment.reload_keys_every = Duration::from_secs(3600);
    })
    .await;
    becomes(&server, ServingStatus::Serving).await;
    let mut watch = readiness(&server, AUTH).await;
    let kid = async || {
        let jwks = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
        jwks.keys[0].kid.clone()
    };
    let retired = kid().await;
    server.database.run("UPDATE signing_keys SET retired_at = created_at").await;
    eventually("another key", async || kid().await != retired).await;
    server.stop().await.unwrap();
    assert_eq!(rest(&mut watch).await, [ServingStatus::NotServing], "the shutdown, and no more");
}
