//! SetPassword.

use countersign::{
    domain::EventKind,
    pb::{PasswordHash, SetPasswordRequest, User, set_password_request::Credential},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{Office, new_user, with_password};
use crate::{
    harness::{
        Backend, eventually, logs, on_both, reason_of,
        server::{PASSWORD, registration},
        violations,
    },
    mailbox::{NEW_PASSWORD, open_reset, reset},
};

#[apply(on_both)]
#[tokio::test]
async fn a_password_ends_all_that_was_begun_with_the_former_one(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.made().await;
    let of = User { username: user.username.clone(), email: user.email.clone(), ..User::default() };
    let (reset_id, code) = open_reset(&office.server, &of).await;
    let tokens = office.login(&user).await;
    let careful = office.server.register(registration(true)).await.unwrap();
    let challenge = office.server.challenge(&careful).await;
    let login_code = logs::code(&careful.username);
    for id in [&user.id, &careful.id] {
        let before = office.by_id(id).await.unwrap();
        let after = office.set_password(with_password(id, NEW_PASSWORD)).await.unwrap();
        assert_ne!(after.etag, before.etag);
    }
    assert_eq!(reason_of(office.server.me(&tokens).await), "TOKEN_INVALID");
    assert_eq!(
        reason_of(office.server.login(&user.username, PASSWORD).await),
        "INVALID_CREDENTIALS"
    );
    assert_eq!(
        reason_of(reset(&office.server, &reset_id, &code, PASSWORD).await),
        "CHALLENGE_INVALID"
    );
    assert_eq!(reason_of(office.server.verify(&challenge, &login_code).await), "CHALLENGE_INVALID");
    assert!(office.server.login(&user.username, NEW_PASSWORD).await.is_ok());
    office.server.delivered().await;
    eventually("the notice", async || logs::notices(&user.username) == ["password_changed"]).await;
    let done = [EventKind::UserCreated, EventKind::PasswordSet, EventKind::SessionsRevoked];
    assert_eq!(office.done_to(&user.id).await, done);
    assert_eq!(office.done_to(&careful.id).await, [EventKind::PasswordSet], "there was no session");
}

#[apply(on_both)]
#[tokio::test]
async fn a_hash_can_be_set_and_conditions_are_met(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.create(super::CreateUserRequest { credential: None, ..new_user() }).await;
    let user = user.unwrap().user.unwrap();
    let password_hash = bcrypt::hash(NEW_PASSWORD, 4).unwrap();
    let hash = PasswordHash { password_hash, hash_parameters: None };
    let credential = Some(Credential::PasswordHash(hash));
    let (id, etag) = (user.id.clone(), user.etag.clone());
    let request_id = Uuid::now_v7().to_string();
    let request = SetPasswordRequest { id, credential, etag, request_id, validate_only: false };
    let rows = office.rows().await;
    let stale = SetPasswordRequest { etag: "x".into(), ..request.clone() };
    assert_eq!(reason_of(office.set_password(stale).await), "ETAG_MISMATCH");
    let tried = SetPasswordRequest { validate_only: true, ..request.clone() };
    assert!(office.set_password(tried).await.unwrap().has_password);
    let tried = SetPasswordRequest { validate_only: true, ..with_password(&user.id, PASSWORD) };
    assert!(office.set_password(tried).await.unwrap().has_password);
    assert_eq!(office.rows().await, rows);
    assert!(!office.by_id(&user.id).await.unwrap().has_password);
    let after = office.set_password(request.clone()).await.unwrap();
    assert!(office.server.login(&user.username, NEW_PASSWORD).await.is_ok());
    assert_eq!(office.set_password(request).await.unwrap().etag, after.etag, "a repetition");
}

#[tokio::test]
async fn each_bad_field_is_named() {
    let office = Office::start(Backend::Sqlite).await;
    let user = office.made().await;
    let hash = |text: &str| {
        let hash = PasswordHash { password_hash: text.into(), hash_parameters: None };
        let credential = Some(Credential::PasswordHash(hash));
        SetPasswordRequest { credential, ..with_password(&user.id, "") }
    };
    for (request, field) in [
        (with_password("x", NEW_PASSWORD), "id"),
        (SetPasswordRequest { credential: None, ..with_password(&user.id, "") }, "credential"),
        (with_password(&user.id, "short"), "password"),
        (with_password(&user.id, "password123"), "password"),
        (with_password(&user.id, &user.username), "password"),
        (with_password(&user.id, &"x".repeat(1025)), "password"),
        (hash("x"), "password_hash"),
        (hash(&"x".repeat(4097)), "password_hash"),
        (
            SetPasswordRequest { request_id: "x".into(), ..with_password(&user.id, NEW_PASSWORD) },
            "request_id",
        ),
        (
            SetPasswordRequest { etag: "x".repeat(65), ..with_password(&user.id, NEW_PASSWORD) },
            "etag",
        ),
    ] {
        let refused = office.set_password(request).await.unwrap_err();
        assert_eq!(violations(&refused), [field]);
    }
    let unknown = with_password(&Uuid::now_v7().to_string(), NEW_PASSWORD);
    assert_eq!(reason_of(office.set_password(unknown).await), "USER_NOT_FOUND");
}
