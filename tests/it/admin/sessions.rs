//! ListUserSessions and RevokeUserSessions.

use countersign::{
    domain::EventKind,
    pb::{ListUserSessionsRequest, Session},
};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::Status;
use uuid::Uuid;

use super::Office;
use crate::harness::{Backend, on_both, reason_of, server::bearer, violations};

async fn sessions(office: &Office, user_id: &str) -> Result<Vec<Session>, Status> {
    let request = ListUserSessionsRequest { user_id: user_id.to_owned(), ..Default::default() };
    let answer = office.client.clone().list_user_sessions(bearer(&office.tokens, request)).await?;
    Ok(answer.into_inner().sessions)
}

#[apply(on_both)]
#[tokio::test]
async fn sessions_are_listed_and_end_one_by_one_or_all(backend: Backend) {
    let office = Office::start(backend).await;
    let (user, other) = (office.made().await, office.made().await);
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(office.login(&user).await);
    }
    let others = office.login(&other).await;
    let listed = sessions(&office, &user.id).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|session| !session.current));

    // Not theirs, or none at all: nothing ends.
    for id in [&others.session_id, &Uuid::now_v7().to_string()] {
        assert_eq!(office.revoke(&user.id, id).await.unwrap(), 0);
    }
    assert_eq!(office.revoke(&user.id, &tokens[0].session_id).await.unwrap(), 1);
    assert_eq!(office.revoke(&user.id, &tokens[0].session_id).await.unwrap(), 0, "again");
    assert_eq!(reason_of(office.server.me(&tokens[0]).await), "TOKEN_INVALID");
    assert!(office.server.me(&tokens[1]).await.is_ok());
    assert_eq!(office.revoke(&user.id, "").await.unwrap(), 2);
    assert_eq!(office.revoke(&user.id, "").await.unwrap(), 0);
    for ended in &tokens {
        assert_eq!(reason_of(office.server.me(ended).await), "TOKEN_INVALID");
    }
    assert!(office.server.me(&others).await.is_ok());
    assert_eq!(sessions(&office, &user.id).await.unwrap(), []);
    let done = [EventKind::UserCreated, EventKind::SessionRevoked, EventKind::SessionsRevoked];
    assert_eq!(office.done_to(&user.id).await, done);
    assert!(office.server.me(&office.login(&user).await).await.is_ok(), "the next login");
}

#[apply(on_both)]
#[tokio::test]
async fn sessions_are_listed_page_by_page(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.made().await;
    for _ in 0..3 {
        office.login(&user).await;
    }
    let page = async |page_size, page_token: &str| {
        let (user_id, page_token) = (user.id.clone(), page_token.to_owned());
        let request = ListUserSessionsRequest { user_id, page_size, page_token };
        let mut client = office.client.clone();
        let answer = client.list_user_sessions(bearer(&office.tokens, request)).await?;
        Ok::<_, Status>(answer.into_inner())
    };
    let whole = page(0, "").await.unwrap();
    let first = page(2, "").await.unwrap();
    let rest = page(2, &first.next_page_token).await.unwrap();
    assert_eq!([&first.sessions[..], &rest.sessions[..]].concat(), whole.sessions);
    assert_eq!((whole.sessions.len(), rest.sessions.len()), (3, 1));
    assert_eq!([whole.next_page_token, rest.next_page_token], ["", ""]);
    assert_eq!(violations(&page(-1, "").await.unwrap_err()), ["page_size"]);
    assert_eq!(violations(&page(1, "x").await.unwrap_err()), ["page_token"]);
}

#[tokio::test]
async fn each_bad_field_is_named() {
    let office = Office::start(Backend::Sqlite).await;
    assert_eq!(violations(&sessions(&office, "x").await.unwrap_err()), ["user_id"]);
    let refused = office.revoke("x", "y").await.unwrap_err();
    assert_eq!(violations(&refused), ["user_id", "session_id"]);
    let unknown = Uuid::now_v7().to_string();
    assert_eq!(reason_of(sessions(&office, &unknown).await), "USER_NOT_FOUND");
    for session in ["", &unknown] {
        assert_eq!(reason_of(office.revoke(&unknown, session).await), "USER_NOT_FOUND");
    }
}
