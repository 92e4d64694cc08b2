//! Streams of revocations end with the service that reads them.

use countersign::pb::{WatchRevocationsRequest, WatchRevocationsResponse, revocation::Subject};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::{Code, Request, Status, Streaming};

use super::policy;
use crate::{
    harness::{Backend, Server, on_both, reason, soon},
    service_accounts::{Service, Setting, operator},
};

type Stream = Streaming<WatchRevocationsResponse>;

async fn watch(setting: &Setting, token: &str, cursor: &str) -> Result<Stream, Status> {
    let mut request = Request::new(WatchRevocationsRequest { cursor: cursor.to_owned() });
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let mut tokens = setting.server.tokens.clone();
    let opened = soon("WatchRevocations", tokens.watch_revocations(request)).await?;
    Ok(opened.into_inner())
}

/// The accounts whose revocations the stream tells before it ends, and the last cursor.
async fn to_the_end(mut stream: Stream) -> (Vec<String>, String) {
    let (mut told, mut last) = (Vec::new(), String::new());
    while let Some(message) = soon("a message", stream.message()).await.unwrap() {
        last = message.cursor;
        match message.revocation.and_then(|revocation| revocation.subject) {
            Some(Subject::ServiceAccountId(id)) => told.push(id),
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
    (told, last)
}

#[apply(on_both)]
#[tokio::test]
async fn a_stream_ends_when_the_service_that_reads_it_does(
    backend: Backend,
    #[values(true, false)] by_key: bool,
) {
    let server = Server::start_with(backend, |config, _| {
        config.listen.callers = policy("dns:none.example = watch");
    })
    .await;
    let setting = Setting::of(server).await;
    let (service, other) = (setting.service("watch").await, setting.service("watch").await);
    let shown = async |service: &Service| {
        if by_key { service.key.clone() } else { setting.token(service).await }
    };
    let credential = shown(&service).await;
    let stream = watch(&setting, &credential, "").await.unwrap();
    let neighbour = shown(&other).await;
    let beside = watch(&setting, &neighbour, "").await.unwrap();
    setting.keeper.end_tokens(&operator(), &other.name).await.unwrap();
    setting.keeper.disable(&operator(), &service.name).await.unwrap();
    let (told, cursor) = to_the_end(stream).await;
    assert_eq!(told, [other.id.to_string(), service.id.to_string()]);
    // Also behind its own revocation, and while a replica remembers the key.
    let refused = watch(&setting, &credential, &cursor).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(["TOKEN_INVALID", "INVALID_CREDENTIALS"].contains(&&*reason(&refused)));
    assert_eq!(to_the_end(beside).await.0, [other.id.to_string()], "it ends by its own alone");
    // Its tokens of before have ended, and it is still permitted.
    setting.later(std::time::Duration::from_secs(1));
    let again = shown(&other).await;
    let mut again = watch(&setting, &again, "").await.unwrap();
    for _ in 0..2 {
        let message = soon("a message", again.message()).await.unwrap().unwrap();
        assert!(message.revocation.is_some(), "those of before end nothing now");
    }
}
