//! DeleteUser.

use countersign::{
    domain::EventKind,
    pb::{DeleteUserRequest, ManagedUser, UserState},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{Office, new_with};
use crate::harness::{Backend, eventually, logs, on_both, reason_of, violations};

fn of(id: &str) -> DeleteUserRequest {
    DeleteUserRequest { id: id.to_owned(), ..DeleteUserRequest::default() }
}

#[apply(on_both)]
#[tokio::test]
async fn a_user_is_gone_with_all_sessions_and_told(backend: Backend) {
    let office = Office::start(backend).await;
    for disabled in [false, true] {
        let request = new_with(|user| user.roles = vec!["staff".into()]);
        let user = office.create(request.clone()).await.unwrap().user.unwrap();
        let tokens = office.login(&user).await;
        if disabled {
            let state = UserState::Disabled.into();
            office.set(ManagedUser { state, ..user.clone() }, &["state"]).await.unwrap();
        }
        office.delete(of(&user.id)).await.unwrap();
        assert_eq!(reason_of(office.by_id(&user.id).await), "USER_NOT_FOUND");
        assert_eq!(reason_of(office.server.me(&tokens).await), "TOKEN_INVALID");
        let refreshed = office.server.refresh(&tokens.refresh_token, "").await;
        assert_eq!(reason_of(refreshed), "TOKEN_INVALID");
        office.server.delivered().await;
        eventually("the notice", async || logs::notices(&user.username) == ["account_deleted"])
            .await;
        assert_eq!(office.done_to(&user.id).await.last(), Some(&EventKind::UserDeleted));
        assert_eq!(reason_of(office.delete(of(&user.id)).await), "USER_NOT_FOUND");
        assert_ne!(
            office.create(request).await.unwrap().user.unwrap().id,
            user.id,
            "name and address are free"
        );
    }
    let roles = "SELECT COUNT(*) FROM user_roles JOIN users ON users.id = user_id WHERE deleted_at IS NOT NULL";
    assert_eq!(office.server.database.number(roles).await, 0);
}

#[apply(on_both)]
#[tokio::test]
async fn its_conditions_are_met_and_a_repetition_is_no_error(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.made().await;
    let rows = office.rows().await;
    let stale = DeleteUserRequest { etag: "stale".into(), ..of(&user.id) };
    assert_eq!(reason_of(office.delete(stale).await), "ETAG_MISMATCH");
    let tried = DeleteUserRequest { validate_only: true, ..of(&user.id) };
    office.delete(tried).await.unwrap();
    assert_eq!(office.rows().await, rows);
    let (request_id, etag) = (Uuid::now_v7().to_string(), user.etag.clone());
    let request = DeleteUserRequest { request_id, etag, ..of(&user.id) };
    office.delete(request.clone()).await.unwrap();
    let rows = office.rows().await;
    office.delete(request.clone()).await.unwrap();
    assert_eq!(office.rows().await[..4], rows[..4]);
    let other = DeleteUserRequest { id: office.admin.id.clone(), etag: String::new(), ..request };
    assert_eq!(reason_of(office.delete(other).await), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn each_bad_field_is_named() {
    let office = Office::start(Backend::Sqlite).await;
    let bad = DeleteUserRequest {
        id: "x".into(),
        etag: "e".into(),
        request_id: "x".into(),
        validate_only: false,
    };
    assert_eq!(violations(&office.delete(bad).await.unwrap_err()), ["id", "request_id"]);
    let long = DeleteUserRequest { etag: "e".repeat(65), ..of(&office.admin.id) };
    assert_eq!(violations(&office.delete(long).await.unwrap_err()), ["etag"]);
    assert_eq!(reason_of(office.delete(of(&Uuid::now_v7().to_string())).await), "USER_NOT_FOUND");
}
