//! What holds for every RPC there is, and for errors in general.

use std::time::Duration;

use countersign::{
    edge::{Need, Rpc, TABLE},
    pb::{DESCRIPTORS, ResendCodeRequest, VerifyEmailRequest},
};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::{Code, Status, client::Grpc};
use tonic_prost::ProstCodec;

use crate::harness::{
    Backend, Server, eventually, reason,
    server::{PASSWORD, registration},
    soon,
};

/// Whether an RPC answers a request with all-default fields: none of those gives a token.
fn is_open(path: &str) -> bool {
    TABLE.iter().any(|Rpc { path: known, need, .. }| *known == path && *need == Need::Nothing)
}

/// The path of every RPC of ours.
pub fn methods() -> Vec<String> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let ours = files.iter().filter(|file| file.package() == "auth.v1");
    let services = ours.flat_map(|file| &file.service);
    let paths = services.flat_map(|service| {
        let methods = service.method.iter();
        methods.map(|method| format!("/auth.v1.{}/{}", service.name(), method.name()))
    });
    paths.collect()
}

async fn call(server: &Server, path: &str) -> Result<(), Status> {
    call_with(server, path, ()).await
}

/// Calls an RPC with a message that need not be of its type.
pub async fn call_with(
    server: &Server,
    path: &str,
    message: impl prost::Message + 'static,
) -> Result<(), Status> {
    let mut client = Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let (path, codec) = (path.parse().unwrap(), ProstCodec::<_, ()>::default());
    // As a stream, whose end is not waited for: some never end.
    let answer = client.server_streaming(tonic::Request::new(message), path, codec).await?;
    soon("an answer", answer.into_inner().message()).await.map(|_| ())
}

#[tokio::test]
async fn every_rpc_called_with_default_fields_gives_no_token() {
    let server = Server::start(Backend::Sqlite).await;
    let methods = methods();
    assert!(methods.len() >= 5, "{methods:?}");
    for path in methods {
        match call(&server, &path).await {
            Ok(()) => assert!(is_open(&path), "{path} answered"),
            Err(refused) => {
                assert!(!is_open(&path), "{path}: {refused:?}");
                assert_ne!(refused.code(), Code::Unimplemented, "{path}");
                assert!(!reason(&refused).is_empty());
            }
        }
    }
}

#[tokio::test]
async fn without_its_database_the_service_is_unavailable_and_says_when_to_come_back() {
    use tonic_types::StatusExt as _;
    let server = Server::start(Backend::Postgres).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    server.database.set_away(true).await;
    let verification = VerifyEmailRequest { code: "0123456789".into(), ..Default::default() };
    for refused in [
        server.login(&user.username, PASSWORD).await.map(|_| ()),
        server.register(registration(false)).await.map(|_| ()),
        server.resend(&countersign::pb::Challenge::default()).await.map(|_| ()),
        server.refresh(&tokens.refresh_token, "").await.map(|_| ()),
        server.logout(&tokens.refresh_token).await,
        server.me(&tokens).await.map(|_| ()),
        server.auth.clone().verify_email(verification).await.map(|_| ()),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::Unavailable, "STORE_UNAVAILABLE".into())
        );
        assert!(refused.get_error_details().retry_info().is_some());
        assert!(!refused.message().contains("postgres"), "{}", refused.message());
    }
    server.database.set_away(false).await;
    let succeeds = async || server.login(&user.username, PASSWORD).await.is_ok();
    Box::pin(eventually("the database", succeeds)).await;
}

/// Clients with a retry policy would wait for their deadline and report that instead.
#[tokio::test]
async fn whoever_has_no_time_to_wait_is_asked_not_to_retry_and_told_why_and_how_long() {
    use tonic_types::StatusExt as _;
    let server = Server::start(Backend::Sqlite).await;
    server.clock.stop();
    let challenge = server.challenge(&server.user(true).await).await;
    for (seconds, pushback) in [(None, None), (Some(3600), None), (Some(20), Some("-1"))] {
        let mut request = tonic::Request::new(ResendCodeRequest {
            challenge_id: challenge.challenge_id.clone(),
            ..Default::default()
        });
        if let Some(seconds) = seconds {
            request.set_timeout(Duration::from_secs(seconds));
        }
        let refused = server.auth.clone().resend_code(request).await.unwrap_err();
        assert_eq!(reason(&refused), "THROTTLED");
        let wait = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
        let told = refused.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap();
        assert_eq!(told, pushback.map_or(wait.as_millis().to_string(), ToOwned::to_owned));
        assert!(wait > Duration::from_secs(20), "{wait:?}");
    }
}

#[tokio::test]
async fn a_defect_is_an_internal_error_that_tells_nothing() {
    let server = Server::start(Backend::Sqlite).await;
    server.database.run("ALTER TABLE users RENAME TO lost").await;
    let refused = server.login("alice", PASSWORD).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Internal, "internal error"));
    assert_eq!(reason(&refused), "INTERNAL");
}
