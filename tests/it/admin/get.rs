//! GetUser and BatchGetUsers.

use countersign::pb::{
    BatchGetUsersRequest, GetUserRequest, UserState, get_user_request::User as By,
};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::Code;
use uuid::Uuid;

use super::{Office, official};
use crate::harness::{Backend, on_both, reason, reason_of, server::bearer, violations};

#[apply(on_both)]
#[tokio::test]
async fn a_user_is_found_by_id_name_and_address_in_any_spelling(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.server.user(true).await;
    let found = office.by_id(&user.id).await.unwrap();
    for by in [
        By::Id(user.id.to_uppercase()),
        By::Username(user.username.to_uppercase()),
        By::Email(user.email.to_uppercase()),
    ] {
        assert_eq!(office.get(by).await.unwrap(), found);
    }
    assert_eq!((found.username, found.email), (user.username, user.email));
    assert_eq!((found.state, found.create_time), (UserState::Active.into(), user.create_time));
    assert!(found.two_factor_enabled && found.has_password && !found.email_verified);
    assert_eq!((found.metadata, found.claims, found.disable_time), (None, None, None));
    assert!(found.last_login_time.is_none() && found.roles.is_empty() && !found.etag.is_empty());
    let admin = office.by_id(&office.admin.id).await.unwrap();
    assert_eq!(admin.roles, ["admin"]);
    assert!(admin.last_login_time.is_some(), "the login of its token");
}

#[apply(on_both)]
#[tokio::test]
async fn who_does_not_exist_or_is_deleted_is_not_found(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.server.user(false).await;
    let tokens = office.server.session(&user).await;
    office.server.delete_me(&tokens, crate::harness::server::PASSWORD).await.unwrap();
    for by in [
        By::Id(user.id.clone()),
        By::Id(Uuid::now_v7().to_string()),
        By::Username(user.username.clone()),
        By::Username("nobody".into()),
        By::Email(user.email.clone()),
    ] {
        let refused = office.get(by).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (Code::NotFound, "USER_NOT_FOUND"));
    }
    let refused = office.batch(&[&office.admin.id, &user.id]).await;
    assert_eq!(reason_of(refused), "USER_NOT_FOUND", "one is missing, and so is the answer");
}

#[tokio::test]
async fn a_name_that_can_be_none_is_refused() {
    let office = Office::start(Backend::Sqlite).await;
    let missing = bearer(&office.tokens, GetUserRequest { user: None });
    let refused = office.client.clone().get_user(missing).await.unwrap_err();
    assert_eq!(violations(&refused), ["user"]);
    for (by, field) in [
        (By::Id(String::new()), "id"),
        (By::Id("alice".into()), "id"),
        (By::Id("1".repeat(65)), "id"),
        (By::Username(String::new()), "username"),
        (By::Username("a@example.com".into()), "username"),
        (By::Username("a".repeat(1025)), "username"),
        (By::Email("alice".into()), "email"),
        (By::Email(String::new()), "email"),
        (By::Email("a".repeat(1025)), "email"),
    ] {
        let refused = office.get(by.clone()).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (Code::InvalidArgument, "INVALID_FIELD"));
        assert_eq!(violations(&refused), [field], "{by:?}");
    }
    let id = office.admin.id.as_str();
    for ids in [vec!["x"], vec![id, ""], vec![id; 101]] {
        let refused = office.batch(&ids).await.unwrap_err();
        assert_eq!(violations(&refused), ["ids"]);
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_batch_has_the_order_of_its_ids(backend: Backend) {
    let office = Office::start(backend).await;
    let mut ids = vec![office.admin.id.clone()];
    for _ in 0..3 {
        ids.push(office.server.user(false).await.id);
    }
    ids.reverse();
    ids.push(ids[1].clone());
    let asked: Vec<_> = ids.iter().map(String::as_str).collect();
    let found = office.batch(&asked).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|user| user.id).collect();
    assert_eq!(found, ids);
    assert_eq!(office.batch(&[]).await.unwrap(), []);
    assert_eq!(office.batch(&[id_of(&ids); 100]).await.unwrap().len(), 100);
}

fn id_of(ids: &[String]) -> &str {
    &ids[0]
}

#[apply(on_both)]
#[tokio::test]
async fn a_viewer_looks_and_a_user_without_a_role_does_not(backend: Backend) {
    let office = Office::start(backend).await;
    let (_, viewer) = official(&office.server, "admin.viewer").await;
    let plain = office.server.session(&office.server.user(false).await).await;
    let ids = vec![office.admin.id.clone()];
    for (tokens, may) in [(&viewer, true), (&plain, false)] {
        let request = bearer(tokens, BatchGetUsersRequest { ids: ids.clone() });
        let answer = office.client.clone().batch_get_users(request).await;
        match answer {
            Ok(_) => assert!(may),
            Err(refused) => assert_eq!((may, &*reason(&refused)), (false, "PERMISSION_MISSING")),
        }
    }
}
