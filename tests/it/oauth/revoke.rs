//! Revocation (RFC 7009).

use rstest::rstest;

use super::{INTROSPECT, REVOKE};
use crate::harness::{
    Backend, Server,
    oauth::{
        Machine, basic, bearer_header, exchanged_token, machine, machine_for_users, post,
        service_token,
    },
    reason_of,
};

async fn is_active(server: &Server, gateway: &Machine, token: &str) -> bool {
    let header = basic(&gateway.id, &gateway.key);
    let answer = post(server, INTROSPECT, &header, &[("token", token)]).await;
    answer.json()["active"].as_bool().unwrap()
}

#[rstest]
#[tokio::test]
async fn a_service_ends_one_token_of_its_own_and_no_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let gateway = machine(&server, "introspect").await;
    let (cart, other) = (machine_for_users(&server, "a").await, machine(&server, "a").await);
    let user = server.session(&server.user(false).await).await;
    let exchanged = exchanged_token(&server, &cart, &user.access_token).await.token();
    let kept = service_token(&server, &cart, "").await;
    for token in [&service_token(&server, &cart, "").await, &exchanged] {
        let form = [("token", token.as_str()), ("token_type_hint", "refresh_token")];
        // Of another: not without a proof, and not with another's.
        let answer = post(&server, REVOKE, &basic(&other.id, &other.key), &form).await;
        assert_eq!(answer.refused(), (400, "invalid_grant".to_owned()));
        let answer = post(&server, REVOKE, "", &form).await;
        assert_eq!(answer.refused(), (400, "invalid_client".to_owned()));
        let answer =
            post(&server, REVOKE, "", &[&form[..], &[("client_id", &*cart.id)]].concat()).await;
        assert_eq!(answer.refused(), (400, "invalid_client".to_owned()));
        let answer = post(&server, REVOKE, &bearer_header(token), &form).await;
        assert_eq!(answer.refused(), (401, "invalid_client".to_owned()));
        assert!(is_active(&server, &gateway, token).await);

        for _ in 0..2 {
            let answer = post(&server, REVOKE, &basic(&cart.id, &cart.key), &form).await;
            assert_eq!((answer.status, &*answer.body), (200, ""), "{answer:?}");
        }
        assert!(!is_active(&server, &gateway, token).await);
    }
    assert!(is_active(&server, &gateway, &kept).await);
    assert!(server.me(&user).await.is_ok(), "the user's own token is another");
}

#[rstest]
#[tokio::test]
async fn a_refresh_token_ends_its_session_and_an_access_token_of_a_user_does_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let cart = machine(&server, "a").await;
    let user = server.session(&server.user(false).await).await;
    for headers in [String::new(), basic(&cart.id, &cart.key)] {
        let answer = post(&server, REVOKE, &headers, &[("token", &user.access_token)]).await;
        assert_eq!(answer.refused(), (400, "unsupported_token_type".to_owned()));
    }
    assert!(server.me(&user).await.is_ok());
    let answer = post(&server, REVOKE, "", &[("token", &user.refresh_token)]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(reason_of(server.me(&user).await), "TOKEN_INVALID");
}

/// The client has nothing to do about it (section 2.2).
#[tokio::test]
async fn what_is_no_token_is_ended_already() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine(&server, "a").await;
    let long = "x".repeat(20_000);
    for token in ["x", "a.b.c", &*long, &*cart.key, "\u{0}"] {
        for headers in [String::new(), basic(&cart.id, &cart.key)] {
            let answer = post(&server, REVOKE, &headers, &[("token", token)]).await;
            assert_eq!((answer.status, &*answer.body), (200, ""), "{token}");
        }
    }
    let answer = post(&server, REVOKE, &basic(&cart.id, "cskeyx"), &[("token", "x")]).await;
    assert_eq!(answer.refused(), (401, "invalid_client".to_owned()));
    let answer = post(&server, REVOKE, &basic(&cart.id, &cart.key), &[]).await;
    assert_eq!(answer.refused(), (400, "invalid_request".to_owned()));
}
