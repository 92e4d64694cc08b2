//! WatchEvents ends with what opened it.

use std::time::Duration;

use countersign::{domain::Actor, service::KeyRequest, store::Revoking};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::{Code, Request};
use uuid::Uuid;

use super::{end, from, next, open, user_with, watch};
use crate::{
    harness::{Backend, Server, on_both, reason, server::bearer, soon},
    service_accounts::{Setting, operator, wanting},
};

/// Never, in a test: what ends a stream then is the revocation.
const NEVER: Duration = Duration::from_secs(3600);

async fn server(backend: Backend, heartbeat_every: Duration) -> Server {
    let change = |_: &mut _, environment: &mut countersign::app::Environment| {
        environment.revocations.heartbeat_every = heartbeat_every;
    };
    Server::start_with(backend, change).await
}

/// What ends a user's stream at once.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Session,
    Disabled,
    Deleted,
}

#[apply(on_both)]
#[tokio::test]
async fn a_users_stream_ends_at_once_with_the_session_or_the_user(
    backend: Backend,
    #[values(Ends::Session, Ends::Disabled, Ends::Deleted)] ends: Ends,
) {
    let server = server(backend, NEVER).await;
    let (user, tokens) = user_with(&server, "admin").await;
    let (_, others) = user_with(&server, "admin.viewer").await;
    let mut stream = watch(&server, &tokens, "").await;
    let mut beside = watch(&server, &others, "").await;
    next(&mut stream).await;
    next(&mut beside).await;
    match ends {
        Ends::Session => server.logout(&tokens.refresh_token).await.unwrap(),
        Ends::Disabled => {
            let (now, store) = (server.clock.now(), server.database.store().await);
            let tokens_expire_at = now.plus(Duration::from_secs(900));
            let at = Revoking {
                now,
                tokens_expire_at,
                actor: Actor::Operator,
                address: None,
                carried_out: None,
            };
            assert!(store.user_disable(Uuid::parse_str(&user.id).unwrap(), at).await.unwrap());
        }
        Ends::Deleted => {
            server.delete_me(&tokens, crate::harness::server::PASSWORD).await.unwrap();
        }
    }
    end(stream).await;
    let refused = open(&server, bearer(&tokens, from(""))).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::Unauthenticated, "TOKEN_INVALID"));
    assert!(next(&mut beside).await.event.is_some(), "it ends by its own alone");
}

/// Another session of the user that ends, and the revocations of before, end nothing.
#[apply(on_both)]
#[tokio::test]
async fn a_users_stream_goes_on_when_another_session_ends(backend: Backend) {
    let server = server(backend, Duration::from_millis(20)).await;
    let (user, tokens) = user_with(&server, "admin").await;
    let other = server.session(&user).await;
    let mut stream = watch(&server, &tokens, "").await;
    server.logout(&other.refresh_token).await.unwrap();
    let again = server.session(&user).await;
    server
        .change_password(&tokens, crate::harness::server::PASSWORD, "another long password")
        .await
        .unwrap();
    let mut events = 0;
    while events < 3 {
        events += usize::from(next(&mut stream).await.event.is_some());
    }
    for _ in 0..3 {
        next(&mut stream).await;
    }
    let refused = open(&server, bearer(&again, from(""))).await.unwrap_err();
    assert_eq!(&*reason(&refused), "TOKEN_INVALID", "this one ended with the old password");
}

/// What no revocation tells is seen with the next heartbeat.
#[apply(on_both)]
#[tokio::test]
async fn a_users_stream_ends_with_the_role_and_with_the_token(
    backend: Backend,
    #[values(true, false)] by_role: bool,
) {
    let server = server(backend, Duration::from_millis(20)).await;
    let (user, tokens) = user_with(&server, "admin.viewer").await;
    let mut stream = watch(&server, &tokens, "").await;
    for _ in 0..3 {
        assert_eq!(next(&mut stream).await.event, None);
    }
    if by_role {
        let sql =
            format!("UPDATE users SET roles = 'auditor' WHERE username = '{}'", user.username);
        server.database.run(&sql).await;
    } else {
        server.clock.advance(Duration::from_secs(900));
    }
    end(stream).await;
    let refused = open(&server, bearer(&tokens, from(""))).await.unwrap_err();
    let expected = if by_role { "PERMISSION_MISSING" } else { "TOKEN_INVALID" };
    assert_eq!(&*reason(&refused), expected);
}

#[tokio::test]
async fn without_the_permission_nothing_is_streamed() {
    let server = Server::start(Backend::Sqlite).await;
    for role in ["", "auditor", "admin.", "viewer"] {
        let (_, tokens) = user_with(&server, role).await;
        let refused = open(&server, bearer(&tokens, from(""))).await.unwrap_err();
        let seen = (refused.code(), reason(&refused));
        assert_eq!(seen, (Code::PermissionDenied, "PERMISSION_MISSING".into()), "{role:?}");
    }
    let refused = open(&server, Request::new(from(""))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

/// What ends a service's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServiceEnds {
    Disabled,
    KeyRevoked,
    TokenExpired,
}

#[apply(on_both)]
#[tokio::test]
async fn a_services_stream_ends_with_its_account_its_key_or_its_token(
    backend: Backend,
    #[values(ServiceEnds::Disabled, ServiceEnds::KeyRevoked, ServiceEnds::TokenExpired)]
    ends: ServiceEnds,
) {
    let beat = if ends == ServiceEnds::Disabled { NEVER } else { Duration::from_millis(20) };
    let setting = Setting::of(server(backend, beat).await).await;
    let service = setting.create_with(wanting("admin.read"), KeyRequest::default()).await;
    let credential = match ends {
        ServiceEnds::KeyRevoked => service.key.clone(),
        ServiceEnds::Disabled | ServiceEnds::TokenExpired => setting.token(&service).await,
    };
    let asking = || {
        let mut request = Request::new(from(""));
        let value = format!("Bearer {credential}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    };
    let mut stream = open(&setting.server, asking()).await.unwrap();
    next(&mut stream).await;
    match ends {
        ServiceEnds::Disabled => {
            setting.keeper.disable(&operator(), &service.name).await.unwrap();
        }
        ServiceEnds::KeyRevoked => {
            setting.keeper.revoke_key(&operator(), &service.name, service.key_id).await.unwrap();
        }
        ServiceEnds::TokenExpired => setting.later(Duration::from_secs(3600)),
    }
    soon("the end", end(stream)).await;
    let refused = open(&setting.server, asking()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}
