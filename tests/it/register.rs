//! Register.

use countersign::{
    app::Environment,
    pb::{RegisterRequest, User, login_response::Result as Outcome},
};
use rstest::rstest;
use tonic::Code;

use crate::harness::{
    Backend, Database, Server,
    clock::TestClock,
    reason,
    server::{PASSWORD, config, registration},
    violations,
};

#[rstest]
#[tokio::test]
async fn a_new_user_comes_back_as_it_was_typed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let mut request = registration(true);
    request.username = request.username.to_uppercase();
    let user = server.register(request.clone()).await.unwrap();
    assert_eq!((&user.username, &user.email), (&request.username, &request.email));
    assert!(user.two_factor_enabled && !user.email_verified && user.roles.is_empty());
    assert!(uuid::Uuid::try_parse(&user.id).is_ok_and(|id| id.get_version_num() == 7));
    let seconds = server.clock.now().unix_seconds() - user.create_time.unwrap().seconds;
    assert!((0..60).contains(&seconds), "{seconds}");
}

/// What a client sends that fills the field under its old name, its new one, or both.
#[expect(deprecated, reason = "older clients use the old name")]
fn named(old: bool, new: bool, request: RegisterRequest) -> RegisterRequest {
    RegisterRequest { is_2fa_enabled: old, two_factor: new, ..request }
}

#[expect(deprecated, reason = "older clients use the old name")]
fn answered(user: &User) -> (bool, bool) {
    (user.is_2fa_enabled, user.two_factor_enabled)
}

/// Clients that know the old name alone go on working, and those that send both can't turn it off by that.
#[rstest]
#[tokio::test]
async fn the_second_factor_is_on_by_either_name_and_answered_under_both(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for (old, new) in [(false, false), (true, false), (false, true), (true, true)] {
        let (on, request_id) = (old || new, uuid::Uuid::now_v7().to_string());
        let request = named(old, new, RegisterRequest { request_id, ..registration(false) });
        let user = server.register(request.clone()).await.unwrap();
        assert_eq!(answered(&user), (on, on), "{request:?}");
        let login = server.login(&user.username, PASSWORD).await.unwrap().result;
        assert_eq!(matches!(login, Some(Outcome::Challenge(_))), on);
        // The same request under the other name is a retry.
        assert_eq!(server.register(named(new, old, request)).await.unwrap(), user);
        if let Some(Outcome::Tokens(tokens)) = login {
            assert_eq!(server.me(&tokens).await.unwrap(), user);
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_taken_name_or_address_is_named_whatever_its_spelling(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let same_name =
        RegisterRequest { username: user.username.to_uppercase(), ..registration(false) };
    let refused = server.register(same_name).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::AlreadyExists, "USERNAME_TAKEN".into()));
    assert_eq!(violations(&refused), ["username"]);
    let same_address = RegisterRequest { email: user.email.to_uppercase(), ..registration(false) };
    let refused = server.register(same_address).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::AlreadyExists, "EMAIL_TAKEN".into()));
    assert_eq!(violations(&refused), ["email"]);
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let server = Server::start(Backend::Sqlite).await;
    let request = RegisterRequest {
        username: "no spaces".into(),
        email: "nobody".into(),
        password: "short".into(),
        request_id: "once".into(),
        ..Default::default()
    };
    let refused = server.register(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::InvalidArgument, "INVALID_FIELD".into()));
    assert_eq!(violations(&refused), ["username", "email", "password", "request_id"]);
}

#[tokio::test]
async fn passwords_are_counted_in_characters_and_may_be_long_and_plain() {
    let server = Server::start(Backend::Sqlite).await;
    for (password, accepted) in [
        ("pgk-wqv".to_owned(), false),
        ("pgk-wqvz".to_owned(), true),
        ("é".repeat(7), false),
        ("é".repeat(8), true),
        ("😀".repeat(64), true),
        ("lower case and spaces".to_owned(), true),
        ("z".repeat(1025), false),
        ("with\0zero byte".to_owned(), false),
        ("Password1".to_owned(), false),
        ("iloveyou1".to_owned(), false),
    ] {
        let response =
            server.register(RegisterRequest { password: password.clone(), ..registration(false) });
        let response = response.await.map_err(|refused| violations(&refused));
        let as_expected = match &response {
            Ok(_) => accepted,
            Err(fields) => !accepted && fields == &["password"],
        };
        assert!(as_expected, "{password:?}: {response:?}");
    }
}

#[tokio::test]
async fn passwords_made_of_the_name_or_the_address_are_refused() {
    let server = Server::start(Backend::Sqlite).await;
    let request = registration(false);
    for password in [format!("my {} key", request.username.to_uppercase()), request.email.clone()] {
        let refused = server.register(RegisterRequest { password, ..request.clone() }).await;
        assert_eq!(violations(&refused.unwrap_err()), ["password"]);
    }
}

/// Without a place in the queue, whatever needs a hash is refused as OVERLOADED.
#[tokio::test]
async fn what_is_refused_for_its_form_starts_no_hash() {
    let server = Server::start_with(Backend::Sqlite, |config, _| config.password.queue = 0).await;
    let good = server.register(registration(false)).await.unwrap_err();
    assert_eq!((good.code(), reason(&good)), (Code::ResourceExhausted, "OVERLOADED".into()));
    for password in ["z".repeat(1_000_000), "z".repeat(2000), "short".into()] {
        let refused = server.register(RegisterRequest { password, ..registration(false) }).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::InvalidArgument, "INVALID_FIELD".into())
        );
    }
}

/// The insertion decides; this look before it spares the work.
#[tokio::test]
async fn a_taken_name_starts_no_hash() {
    let database = Database::new(Backend::Sqlite).await;
    let mut config = config(&database);
    let start = Server::start_on(database, &config, Environment::default(), TestClock::default());
    let first = start.await;
    let user = first.user(false).await;
    config.password.threads = 0;
    let (environment, clock) = (Environment::default(), TestClock::default());
    let server = Server::start_on(first.database, &config, environment, clock).await;
    let request = RegisterRequest { username: user.username, ..registration(false) };
    assert_eq!(reason(&server.register(request).await.unwrap_err()), "USERNAME_TAKEN");
}

#[rstest]
#[tokio::test]
async fn the_same_request_again_gives_the_same_user_and_no_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let request = RegisterRequest { request_id, ..registration(false) };
    let user = server.register(request.clone()).await.unwrap();
    assert_eq!(server.register(request.clone()).await.unwrap(), user);

    let other = registration(true);
    for changed in [
        RegisterRequest { password: format!("{PASSWORD}!"), ..request.clone() },
        RegisterRequest { two_factor: true, ..request.clone() },
        RegisterRequest { username: other.username.clone(), ..request.clone() },
        RegisterRequest { email: other.email.clone(), ..request.clone() },
    ] {
        let refused = server.register(changed).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::InvalidArgument, "INVALID_FIELD".into())
        );
        assert_eq!(violations(&refused), ["request_id"]);
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM users").await, 1);
}

#[rstest]
#[tokio::test]
async fn what_is_stored_of_a_password_is_a_bcrypt_sha256_hash(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.user(false).await;
    let hashes =
        "SELECT COUNT(*) FROM users WHERE password_hash LIKE '$bcrypt-sha256$v=2,t=2b,r=4$%'";
    assert_eq!(server.database.number(hashes).await, 1);
}
