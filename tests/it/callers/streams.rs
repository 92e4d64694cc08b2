//! Streams of revocations end with the service that reads them.

use std::time::Duration;

use countersign::{
    pb::{WatchRevocationsRequest, WatchRevocationsResponse, revocation::Subject},
    service::KeyRequest,
};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::{Code, Request, Status, Streaming};

use super::policy;
use crate::{
    harness::{Backend, Server, on_both, reason, soon},
    service_accounts::{Service, Setting, operator, wanting},
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
    // Heartbeats go on for as long as the stream: it is the end that must come soon.
    soon("the end of the stream", async {
        while let Some(message) = stream.message().await.unwrap() {
            last = message.cursor;
            match message.revocation.and_then(|revocation| revocation.subject) {
                Some(Subject::ServiceAccountId(id)) => told.push(id),
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        }
    })
    .await;
    (told, last)
}

/// What ends a credential, and no token of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Revoked,
    Expired,
    TokenExpired,
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
    setting.later(Duration::from_secs(1));
    let again = shown(&other).await;
    let mut again = watch(&setting, &again, "").await.unwrap();
    for _ in 0..2 {
        let message = soon("a message", again.message()).await.unwrap().unwrap();
        assert!(message.revocation.is_some(), "those of before end nothing now");
    }
}

/// A key that is revoked, or expires, ends no token, and is no message. The stream ends with its next heartbeat.
#[apply(on_both)]
#[tokio::test]
async fn a_stream_ends_with_the_key_or_the_token_that_opened_it(
    backend: Backend,
    #[values(Ends::Revoked, Ends::Expired, Ends::TokenExpired)] ends: Ends,
) {
    let server = Server::start_with(backend, |config, environment| {
        config.listen.callers = policy("dns:none.example = watch");
        environment.revocations.heartbeat_every = Duration::from_millis(20);
    })
    .await;
    let setting = Setting::of(server).await;
    let lives = KeyRequest { expires_in: Some(Duration::from_secs(7200)) };
    let service = setting.create_with(wanting("watch"), lives).await;
    let credential = match ends {
        Ends::Revoked | Ends::Expired => service.key.clone(),
        Ends::TokenExpired => setting.token(&service).await,
    };
    let mut stream = watch(&setting, &credential, "").await.unwrap();
    for _ in 0..3 {
        let message = soon("a heartbeat", stream.message()).await.unwrap().unwrap();
        assert_eq!(message.revocation, None);
    }
    match ends {
        Ends::Revoked => {
            setting.keeper.revoke_key(&operator(), &service.name, service.key_id).await.unwrap();
        }
        Ends::Expired => setting.later(Duration::from_secs(7200)),
        Ends::TokenExpired => setting.later(Duration::from_secs(3600)),
    }
    assert!(to_the_end(stream).await.0.is_empty());
}
