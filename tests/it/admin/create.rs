//! CreateUser.

use countersign::{
    domain::EventKind,
    pb::{
        CreateUserRequest, ManagedUser, PasswordHash, RegisterRequest, UserState,
        create_user_request::Credential,
    },
};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::Code;
use uuid::Uuid;

use super::{Office, new_user, new_with, object};
use crate::{
    harness::{
        Backend, Server, logs, on_both, reason, reason_of,
        server::{PASSWORD, registration},
        violations,
    },
    mailbox::{NEW_PASSWORD, open_verification, reset, verify_email},
};

#[apply(on_both)]
#[tokio::test]
async fn a_user_has_all_that_was_given_and_logs_in(backend: Backend) {
    let office = Office::start(backend).await;
    let request = new_with(|user| {
        user.email_verified = true;
        user.roles = vec!["staff".into(), "staff".into(), "x".into()];
        user.metadata = Some(object("note", "vip"));
        user.claims = Some(object("tenant", "a"));
        // Output only: not looked at.
        user.id = "mine".into();
        user.etag = "mine".into();
        user.two_factor_enabled = true;
    });
    let sent = request.user.clone().unwrap();
    let created = office.create(request).await.unwrap();
    assert!(created.reset_id.is_empty());
    let user = created.user.unwrap();
    assert_eq!((&user.username, &user.email), (&sent.username, &sent.email));
    assert_eq!(user.roles, ["staff", "x"]);
    assert!(user.email_verified && user.has_password && !user.two_factor_enabled);
    assert_eq!((&user.metadata, &user.claims), (&sent.metadata, &sent.claims));
    assert_eq!(user.state, UserState::Active as i32);
    assert_eq!(office.by_id(&user.id).await.unwrap(), user);
    assert_eq!(office.done_to(&user.id).await, [EventKind::UserCreated]);
    let me = office.server.me(&office.login(&user).await).await.unwrap();
    assert_eq!(me.roles, ["staff", "x"]);
}

#[apply(on_both)]
#[tokio::test]
async fn a_user_without_a_credential_sets_a_password_by_a_code(backend: Backend) {
    let office = Office::start(backend).await;
    let request_id = Uuid::now_v7().to_string();
    let request = CreateUserRequest { credential: None, request_id, ..new_user() };
    let created = office.create(request.clone()).await.unwrap();
    let user = created.user.unwrap();
    assert!(!user.has_password && !user.email_verified && !created.reset_id.is_empty());
    for password in [PASSWORD, ""] {
        let refused = office.server.login(&user.username, password).await;
        let reason = reason_of(refused);
        assert!(["INVALID_CREDENTIALS", "INVALID_FIELD"].contains(&&*reason), "{reason}");
    }
    assert_eq!(office.create(request.clone()).await.unwrap().reset_id, created.reset_id);
    let codes = logs::codes(&user.username);
    assert_eq!(codes.len(), 1, "a repetition sends none");
    reset(&office.server, &created.reset_id, &codes[0], NEW_PASSWORD).await.unwrap();
    assert!(office.server.login(&user.username, NEW_PASSWORD).await.is_ok());
    let found = office.by_id(&user.id).await.unwrap();
    assert!(found.has_password && found.email_verified, "the code shows the mailbox, too");
    assert!(office.create(request).await.unwrap().reset_id.is_empty(), "it was used");
    assert_eq!(office.done_to(&user.id).await, [EventKind::UserCreated]);
}

#[apply(on_both)]
#[tokio::test]
async fn a_hash_of_another_system_logs_in_and_is_replaced(backend: Backend) {
    let office = Office::start(backend).await;
    let password_hash = bcrypt::hash("correct horse", 4).unwrap();
    let hash = PasswordHash { password_hash, ..PasswordHash::default() };
    let credential = Some(Credential::PasswordHash(hash));
    let user = office.create(CreateUserRequest { credential, ..new_user() }).await.unwrap().user;
    let name = user.unwrap().username;
    assert_eq!(reason_of(office.server.login(&name, "correct horsf").await), "INVALID_CREDENTIALS");
    assert!(office.server.login(&name, "correct horse").await.is_ok());
}

#[apply(on_both)]
#[tokio::test]
async fn a_name_or_an_address_that_is_taken_is_refused(backend: Backend) {
    let office = Office::start(backend).await;
    let taken = office.made().await;
    let name = taken.username.to_uppercase();
    let refused = office.create(new_with(|user| user.username = name)).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::AlreadyExists, "USERNAME_TAKEN"));
    let refused = office.create(new_with(|user| user.email = taken.email)).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        "EMAIL_TAKEN",
        "addresses are not verified here: there is no claim"
    );
}

/// ADR 16: an account with an unverified address does not block its owner, nor an administrator who knows them.
#[apply(on_both)]
#[tokio::test]
async fn an_administrators_word_gives_the_address_and_ends_its_squatters(backend: Backend) {
    let server =
        Server::start_with(backend, |config, _| config.policy.email_verification = true).await;
    let office = Office::of(server).await;
    let squatter = office.server.register(registration(false)).await.unwrap();
    let email = squatter.email.clone();
    let unverified = office.create(new_with(|user| user.email = email.clone())).await.unwrap();
    let own = office.create(new_with(|user| {
        user.email = email.clone();
        user.email_verified = true;
        user.state = UserState::Disabled.into();
    }));
    let own = own.await.unwrap().user.unwrap();
    assert!(own.email_verified && own.state == i32::from(UserState::Disabled));
    for gone in [&squatter.id, &unverified.user.unwrap().id] {
        assert_eq!(reason_of(office.by_id(gone).await), "USER_NOT_FOUND");
    }
    let by = countersign::pb::get_user_request::User::Email(email.clone());
    assert_eq!(office.get(by).await.unwrap().id, own.id);
    for verified in [true, false] {
        let another = new_with(|user| {
            user.email = email.clone();
            user.email_verified = verified;
        });
        assert_eq!(reason_of(office.create(another).await), "EMAIL_TAKEN");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_request_that_is_repeated_makes_one_user_and_its_id_no_other(backend: Backend) {
    let office = Office::start(backend).await;
    let request = CreateUserRequest { request_id: Uuid::now_v7().to_string(), ..new_user() };
    let first = office.create(request.clone()).await.unwrap();
    let before = office.rows().await;
    assert_eq!(office.create(request.clone()).await.unwrap(), first);
    assert_eq!(office.rows().await, before);
    let other = CreateUserRequest { request_id: request.request_id, ..new_user() };
    assert_eq!(reason_of(office.create(other).await), "REQUEST_ID_REUSED");
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_at_once_one_is_made(backend: Backend) {
    let office = Office::start(backend).await;
    let request = new_user();
    let all = futures_util::future::join_all((0..16).map(|_| office.create(request.clone()))).await;
    let (made, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for refused in refused {
        assert_eq!(reason_of(refused), "USERNAME_TAKEN");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn what_is_only_validated_is_not_made_and_refused_all_the_same(backend: Backend) {
    let office = Office::start(backend).await;
    let taken = office.made().await;
    let before = office.rows().await;
    for credential in [None, new_user().credential] {
        let request = CreateUserRequest { validate_only: true, credential, ..new_user() };
        let name = request.user.clone().unwrap().username;
        let user = office.create(request).await.unwrap().user.unwrap();
        assert_eq!(user.username, name);
        assert_eq!(reason_of(office.by_id(&user.id).await), "USER_NOT_FOUND");
    }
    let again = new_with(|user| user.username = taken.username);
    let request = CreateUserRequest { validate_only: true, ..again };
    assert_eq!(reason_of(office.create(request).await), "USERNAME_TAKEN");
    assert_eq!(office.rows().await, before);
}

#[tokio::test]
async fn each_bad_field_is_named_and_all_at_once() {
    let office = Office::start(Backend::Sqlite).await;
    let with = |change: fn(&mut ManagedUser)| new_with(change);
    let hash = |text: &str, parameters| {
        let (password_hash, hash_parameters) = (text.to_owned(), parameters);
        let hash = PasswordHash { password_hash, hash_parameters };
        CreateUserRequest { credential: Some(Credential::PasswordHash(hash)), ..new_user() }
    };
    let password = |text: &str| {
        let credential = Some(Credential::Password(text.to_owned()));
        CreateUserRequest { credential, ..new_user() }
    };
    for (request, field) in [
        (with(|user| user.username = String::new()), "username"),
        (with(|user| user.username = "a b".into()), "username"),
        (with(|user| user.username = "a".repeat(1025)), "username"),
        (with(|user| user.email = "x".into()), "email"),
        (with(|user| user.state = 7), "state"),
        (with(|user| user.roles = vec!["a b".into()]), "roles"),
        (with(|user| user.roles = vec!["a".into(); 33]), "roles"),
        (with(|user| user.metadata = Some(object("a", &"x".repeat(16_384)))), "metadata"),
        (with(|user| user.claims = Some(object("a", &"x".repeat(2048)))), "claims"),
        (with(|user| user.claims = Some(object("sub", "x"))), "claims"),
        (with(|user| user.claims = Some(object("roles", "x"))), "claims"),
        (CreateUserRequest { request_id: "x".into(), ..new_user() }, "request_id"),
        (password("short"), "password"),
        (password("password123"), "password"),
        (password(&"x".repeat(1025)), "password"),
        (hash("", None), "password_hash"),
        (hash("$2x$04$abc", None), "password_hash"),
        (hash(&"x".repeat(4097), None), "password_hash"),
    ] {
        let refused = office.create(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), violations(&refused)),
            (Code::InvalidArgument, vec![field.to_owned()])
        );
    }
    let user = Some(ManagedUser { roles: vec![String::new()], ..ManagedUser::default() });
    let credential = Some(Credential::Password(String::new()));
    let request =
        CreateUserRequest { user, credential, request_id: "x".into(), validate_only: true };
    let refused = office.create(request).await.unwrap_err();
    assert_eq!(violations(&refused), ["username", "email", "roles", "request_id", "password"]);
    let refused = office.create(CreateUserRequest { user: None, ..new_user() }).await.unwrap_err();
    assert_eq!(violations(&refused), ["username", "email"]);
}

/// Otherwise a stranger with the mailbox would take the last administrator away.
#[apply(on_both)]
#[tokio::test]
async fn whoever_proves_the_mailbox_of_an_administrator_does_not_end_the_account(backend: Backend) {
    let server =
        Server::start_with(backend, |config, _| config.policy.email_verification = true).await;
    let office = Office::of(server).await;
    let chief = new_with(|user| user.roles = vec!["admin".into()]);
    let chief = office.create(chief).await.unwrap().user.unwrap();
    let request = RegisterRequest { email: chief.email.clone(), ..registration(false) };
    let rival = office.server.register(request).await.unwrap();
    let (id, code) = open_verification(&office.server, &rival).await;
    let refused = verify_email(&office.server, &id, &code).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    assert_eq!(office.by_id(&chief.id).await.unwrap().roles, ["admin"]);
    // By an administrator's word neither.
    let vouched = new_with(|user| {
        user.email = chief.email.clone();
        user.email_verified = true;
    });
    assert_eq!(reason_of(office.create(vouched).await), "EMAIL_TAKEN");
    // Without the role it is an account like any other.
    let plain = ManagedUser { roles: Vec::new(), ..chief.clone() };
    office.set(plain, &["roles"]).await.unwrap();
    verify_email(&office.server, &id, &code).await.unwrap();
    assert_eq!(reason_of(office.by_id(&chief.id).await), "USER_NOT_FOUND");
}
