//! UpdateUser.

use countersign::{
    domain::EventKind,
    pb::{IntrospectTokenRequest, ManagedUser, Tokens, UpdateUserRequest, UserState},
};
use prost_types::{FieldMask, Struct, Value, value::Kind};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::Code;
use uuid::Uuid;

use super::{Office, new_with, object, of_mask, official};
use crate::{
    harness::{
        Backend, eventually, on_both, reason, reason_of,
        server::{PASSWORD, bearer},
        violations,
    },
    verifier::{settings, verifier},
};

async fn is_active(office: &Office, tokens: &Tokens) -> bool {
    let request = IntrospectTokenRequest { token: tokens.access_token.clone() };
    let mut client = office.server.tokens.clone();
    client.introspect_token(request).await.unwrap().into_inner().active
}

#[apply(on_both)]
#[tokio::test]
async fn the_fields_of_the_mask_change_together_and_no_others(backend: Backend) {
    let office = Office::start(backend).await;
    let before = office.made().await;
    let wanted = ManagedUser {
        id: before.id.clone(),
        username: format!("{}-new", before.username),
        roles: vec!["staff".into()],
        metadata: Some(object("note", "x")),
        claims: Some(object("tenant", "a")),
        email: "ignored@example.com".into(),
        email_verified: true,
        ..ManagedUser::default()
    };
    let paths = ["username", "roles", "metadata", "claims"];
    let after = office.set(wanted.clone(), &paths).await.unwrap();
    assert_eq!(after, office.by_id(&before.id).await.unwrap());
    let ManagedUser { username, roles, metadata, claims, .. } = wanted;
    let etag = after.etag.clone();
    assert_ne!(etag, before.etag);
    assert_eq!(after, ManagedUser { username, roles, metadata, claims, etag, ..before.clone() });
    let done = [EventKind::UserCreated, EventKind::UserChanged, EventKind::RolesChanged];
    assert_eq!(office.done_to(&before.id).await, done);

    // The same again changes nothing.
    let rows = office.rows().await;
    assert_eq!(office.set(after.clone(), &["*"]).await.unwrap(), after);
    assert_eq!(office.rows().await, rows);
    // Everything is replaced, also by nothing.
    let plain = ManagedUser { roles: Vec::new(), metadata: None, claims: None, ..after };
    let plain = office.set(plain, &["*"]).await.unwrap();
    assert_eq!((plain.roles.len(), plain.metadata, plain.claims), (0, None, None));
}

#[apply(on_both)]
#[tokio::test]
async fn without_a_mask_what_is_not_empty_changes(backend: Backend) {
    let office = Office::start(backend).await;
    let made = office.create(new_with(|user| user.roles = vec!["staff".into()])).await.unwrap();
    let before = made.user.unwrap();
    let (id, metadata) = (before.id.clone(), Some(object("a", "b")));
    for update_mask in [None, Some(FieldMask::default())] {
        let user = ManagedUser { id: id.clone(), metadata: metadata.clone(), ..Default::default() };
        let request = UpdateUserRequest { user: Some(user), update_mask, ..Default::default() };
        let after = office.update(request).await.unwrap();
        assert_eq!((&after.metadata, &after.roles), (&metadata, &before.roles));
        assert_eq!((&after.username, after.state), (&before.username, before.state));
    }
}

#[tokio::test]
async fn each_bad_field_is_named() {
    let office = Office::start(Backend::Sqlite).await;
    let user = office.made().await;
    let with = |path: &str, change: fn(&mut ManagedUser)| {
        let mut user = user.clone();
        change(&mut user);
        of_mask(user, &[path])
    };
    let nan = |user: &mut ManagedUser| {
        let value = Value { kind: Some(Kind::NumberValue(f64::NAN)) };
        user.metadata = Some(Struct { fields: [("a".to_owned(), value)].into() });
    };
    let mut cases = vec![
        (UpdateUserRequest::default(), "id"),
        (with("roles", |user| user.id = String::new()), "id"),
        (with("roles", |user| user.id = "x".into()), "id"),
        (with("roles", |user| user.etag = "x".repeat(65)), "etag"),
        (with("username", |user| user.username = String::new()), "username"),
        (with("email", |user| user.email = String::new()), "email"),
        (with("state", |user| user.state = 0), "state"),
        (with("state", |user| user.state = 3), "state"),
        (with("roles", |user| user.roles = vec!["a b".into()]), "roles"),
        (with("metadata", nan), "metadata"),
        (with("claims", |user| user.claims = Some(object("exp", "1"))), "claims"),
        (UpdateUserRequest { request_id: "x".into(), ..with("roles", |_| {}) }, "request_id"),
    ];
    for path in ["id", "etag", "create_time", "has_password", "metadata.a", "Username", "", "*"] {
        cases.push((of_mask(user.clone(), &[path, "roles"]), "update_mask"));
    }
    for (request, field) in cases {
        let refused = office.update(request.clone()).await.unwrap_err();
        assert_eq!(
            (refused.code(), violations(&refused)),
            (Code::InvalidArgument, vec![field.to_owned()])
        );
    }
    let unknown = ManagedUser { id: Uuid::now_v7().to_string(), ..user.clone() };
    assert_eq!(reason_of(office.set(unknown, &["roles"]).await), "USER_NOT_FOUND");
    let taken = ManagedUser { username: office.admin.username.to_uppercase(), ..user.clone() };
    assert_eq!(reason_of(office.set(taken, &["username"]).await), "USERNAME_TAKEN");
    let spelled = ManagedUser { username: user.username.to_uppercase(), ..user.clone() };
    assert_eq!(
        office.set(spelled, &["username"]).await.unwrap().username,
        user.username.to_uppercase()
    );
}

#[apply(on_both)]
#[tokio::test]
async fn what_is_only_validated_changes_nothing_and_a_repetition_neither(backend: Backend) {
    let office = Office::start(backend).await;
    let before = office.made().await;
    let user = ManagedUser {
        roles: vec!["staff".into()],
        state: UserState::Disabled.into(),
        ..before.clone()
    };
    let of = of_mask(user.clone(), &["roles", "state"]);
    let rows = office.rows().await;
    let request_id = Uuid::now_v7().to_string();
    let tried = UpdateUserRequest { validate_only: true, request_id, ..of.clone() };
    let answer = office.update(tried.clone()).await.unwrap();
    assert_eq!((answer.roles, answer.state), (user.roles.clone(), user.state), "as it would be");
    assert_eq!(office.by_id(&before.id).await.unwrap(), before);
    assert_eq!(office.rows().await, rows);

    // The trial has not used the id.
    let request = UpdateUserRequest { validate_only: false, ..tried };
    let after = office.update(request.clone()).await.unwrap();
    assert_eq!(after.state, user.state);
    let rows = office.rows().await;
    // Now with an old etag, as the caller who heard no answer would.
    assert_eq!(office.update(request.clone()).await.unwrap(), after);
    assert_eq!(office.rows().await, rows);
    let other = office.made().await;
    let reused =
        UpdateUserRequest { request_id: request.request_id.clone(), ..of_mask(other, &["roles"]) };
    let refused = office.update(reused).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::FailedPrecondition, "REQUEST_ID_REUSED")
    );
    let (id, request_id) = (before.id.clone(), request.request_id.clone());
    let other = countersign::pb::DeleteUserRequest { id, request_id, ..Default::default() };
    assert_eq!(reason_of(office.delete(other).await), "REQUEST_ID_REUSED", "another change");
    // A day later the id is free.
    office.server.clock.advance(std::time::Duration::from_secs(24 * 3600 + 1));
    let tokens = office.server.session(&office.admin).await;
    let again = bearer(&tokens, UpdateUserRequest { request_id: request.request_id, ..of });
    let refused = office.client.clone().update_user(again).await.unwrap_err();
    assert_eq!(reason(&refused), "ETAG_MISMATCH", "it is a new request");
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn narrowing_ends_tokens_at_once_and_widening_does_not(backend: Backend) {
    let office = Office::start(backend).await;
    let made = office.create(new_with(|user| user.roles = vec!["a".into(), "b".into()])).await;
    let user = made.unwrap().user.unwrap();
    let watcher = verifier(office.server.grpc, settings("countersign")).await;
    eventually("following", async || watcher.status().is_following).await;
    for (change, ends, kinds) in [
        (
            ManagedUser { roles: vec!["b".into(), "a".into(), "c".into()], ..user.clone() },
            false,
            &[EventKind::RolesChanged][..],
        ),
        (
            ManagedUser { roles: vec!["a".into(), "c".into()], ..user.clone() },
            true,
            &[EventKind::RolesChanged, EventKind::SessionsRevoked],
        ),
        (
            ManagedUser {
                roles: vec!["a".into()],
                state: UserState::Disabled.into(),
                ..user.clone()
            },
            true,
            &[EventKind::RolesChanged, EventKind::UserDisabled],
        ),
    ] {
        let tokens = office.login(&user).await;
        let jwt = &tokens.access_token;
        assert!(is_active(&office, &tokens).await && watcher.verify(jwt).await.is_ok());
        let recorded = office.done_to(&user.id).await.len();
        let after =
            office.set(ManagedUser { etag: String::new(), ..change }, &["roles", "state"]).await;
        let after = after.unwrap();
        assert_eq!(is_active(&office, &tokens).await, !ends, "{after:?}");
        assert_eq!(office.done_to(&user.id).await[recorded..], *kinds);
        if ends {
            eventually("the revocation", async || watcher.verify(jwt).await.is_err()).await;
            let refreshed = office.server.refresh(&tokens.refresh_token, "").await;
            assert_eq!(reason_of(refreshed), "TOKEN_INVALID");
        } else {
            assert!(watcher.verify(jwt).await.is_ok());
        }
    }
    let refused = office.server.login(&user.username, PASSWORD).await;
    assert_eq!(reason_of(refused), "INVALID_CREDENTIALS", "disabled");
    let state = UserState::Active.into();
    let enabled = ManagedUser { state, etag: String::new(), ..user.clone() };
    let enabled = office.set(enabled, &["state"]).await.unwrap();
    assert_eq!((enabled.state, enabled.disable_time), (state, None));
    assert!(is_active(&office, &office.login(&user).await).await);
    assert_eq!(office.done_to(&user.id).await.last(), Some(&EventKind::UserEnabled));
}

#[apply(on_both)]
#[tokio::test]
async fn claims_and_roles_are_in_the_next_token_after_a_refresh(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.made().await;
    let tokens = office.login(&user).await;
    let wanted = ManagedUser {
        claims: Some(object("tenant", "acme")),
        roles: vec!["staff".into()],
        ..user.clone()
    };
    office.set(wanted, &["claims", "roles"]).await.unwrap();
    let next = office.server.refresh(&tokens.refresh_token, "").await.unwrap();
    let claims = crate::harness::jwt::claims(&next.access_token);
    assert_eq!(claims["tenant"], "acme", "{claims}");
    assert_eq!(claims["roles"][0], "staff");
}

#[apply(on_both)]
#[tokio::test]
async fn a_viewer_changes_nothing(backend: Backend) {
    let office = Office::start(backend).await;
    let (_, viewer) = official(&office.server, "admin.viewer").await;
    let user = office.made().await;
    let before = office.rows().await;
    let request = bearer(&viewer, of_mask(user.clone(), &["roles"]));
    let refused = office.client.clone().update_user(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::PermissionDenied, "PERMISSION_MISSING")
    );
    let request =
        bearer(&viewer, countersign::pb::DeleteUserRequest { id: user.id, ..Default::default() });
    let refused = office.client.clone().delete_user(request).await.unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    assert_eq!(office.rows().await, before);
}
