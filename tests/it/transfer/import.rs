//! ImportUsers: what becomes of rows.

use countersign::pb::{ImportOutcome, ImportResult, ImportUsersRequest, UserRecord, UserState};
use futures_util::future::join_all;
use prost_types::{Struct, Timestamp, Value, value::Kind};
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    import, import_batch,
    rows::{HASHES, PASSWORD, row, with_hash, with_password},
};
use crate::{
    admin::{Office, official},
    events::events,
    factors::{answer, totp},
    harness::{Backend, Server, authenticator::App, on_both, reason, reason_of, unique},
};

fn outcomes(results: &[ImportResult]) -> Vec<ImportOutcome> {
    results.iter().map(ImportResult::outcome).collect()
}

fn object(name: &str, text: &str) -> Option<Struct> {
    let value = Value { kind: Some(Kind::StringValue(text.to_owned())) };
    Some(Struct { fields: [(name.to_owned(), value)].into() })
}

#[apply(on_both)]
#[tokio::test]
async fn all_fields_of_a_row_are_the_users(backend: Backend) {
    let office = Office::start(backend).await;
    let row = UserRecord {
        email_verified: true,
        roles: vec!["editor".into(), "a:b".into()],
        metadata: object("customer", "C-17"),
        claims: object("tenant", "blue"),
        create_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        ..with_password()
    };
    let token = &office.tokens.access_token;
    let results = import(&office.server, token, vec![row.clone()]).await;
    let user = office.by_id(&results[0].user_id).await.unwrap();
    assert_eq!((&user.username, &user.email), (&row.username, &row.email));
    assert!(user.email_verified && user.has_password && !user.two_factor_enabled);
    assert_eq!((&user.roles, &user.metadata), (&row.roles, &row.metadata));
    assert_eq!((&user.claims, user.create_time), (&row.claims, row.create_time));
    assert_eq!(user.state(), UserState::Active);
    let tokens = office.server.login(&row.username, PASSWORD).await.unwrap();
    let Some(countersign::pb::login_response::Result::Tokens(tokens)) = tokens.result else {
        panic!("no second factor");
    };
    let claims = crate::harness::jwt::claims(&tokens.access_token);
    assert_eq!((&claims["tenant"], &claims["roles"][0]), (&"blue".into(), &"editor".into()));
    assert!(claims.get("customer").is_none(), "metadata is administrators' own");
}

#[apply(on_both)]
#[tokio::test]
async fn a_disabled_user_is_disabled_and_an_app_goes_on_working(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    // 80 bits, as older apps have.
    let secret = "GEZDGNBVGY3TQOJQ";
    let app = UserRecord { totp_secret: secret.into(), ..with_password() };
    let disabled = UserRecord { state: UserState::Disabled.into(), ..with_password() };
    import(server, token, vec![app.clone(), disabled.clone()]).await;
    let refused = server.login(&disabled.username, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
    let user = countersign::pb::User { username: app.username, ..Default::default() };
    // A code that the other system may have taken is used up.
    server.clock.advance(std::time::Duration::from_secs(60));
    let response = server.login(&user.username, PASSWORD).await.unwrap();
    let Some(countersign::pb::login_response::Result::Challenge(challenge)) = response.result
    else {
        panic!("the app is a second factor");
    };
    assert_eq!(challenge.factors, [countersign::pb::Factor::Totp as i32]);
    let code = App::of(secret).code_at(&server.clock);
    let verified = answer(server, &challenge, totp(code)).await;
    assert!(verified.is_ok(), "{verified:?}");
}

#[apply(on_both)]
#[tokio::test]
async fn a_row_whose_user_exists_is_left_as_it_is(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    let first = with_password();
    let created = import(server, token, vec![first.clone()]).await;
    let other = UserRecord {
        username: first.username.to_uppercase(),
        roles: vec!["admin".into()],
        ..UserRecord { password_hash: HASHES[9].1.into(), ..first.clone() }
    };
    let again = import(server, token, vec![other, row()]).await;
    assert_eq!(outcomes(&again), [ImportOutcome::Exists, ImportOutcome::Created]);
    assert_eq!((again[0].row, &again[0].user_id), (0, &created[0].user_id));
    assert!(office.by_id(&created[0].user_id).await.unwrap().roles.is_empty());
    // Another account has the name, or the address.
    let name = UserRecord { username: first.username.clone(), ..row() };
    let address = UserRecord { email: first.email.clone(), ..row() };
    let taken = import(server, token, vec![name, address]).await;
    assert_eq!(outcomes(&taken), [ImportOutcome::Invalid; 2]);
    let fields: Vec<_> = taken.iter().map(|result| &*result.problems[0].field).collect();
    assert_eq!(fields, ["username", "email"]);
    // Twice in one batch.
    let twice = row();
    let results = import(server, token, vec![twice.clone(), twice]).await;
    assert_eq!(outcomes(&results), [ImportOutcome::Created, ImportOutcome::Exists]);
}

#[apply(on_both)]
#[tokio::test]
async fn a_row_without_a_name_gets_one_of_its_address_and_is_found_by_that(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    let local = unique("mail");
    let nameless = |domain: &str| UserRecord {
        username: String::new(),
        email: format!("{local}@{domain}"),
        ..with_password()
    };
    let rows = vec![nameless("example.com"), nameless("example.org")];
    let results = import(server, token, rows.clone()).await;
    assert_eq!(outcomes(&results), [ImportOutcome::Created; 2]);
    let names = [&results[0].user_id, &results[1].user_id].map(|id| office.by_id(id));
    let names = join_all(names).await.into_iter().map(|user| user.unwrap().username);
    let names: Vec<_> = names.collect();
    assert_eq!(names[0], local);
    assert!(names[1].starts_with(&format!("{local}-")), "{}", names[1]);
    assert!(server.login(&rows[1].email, PASSWORD).await.is_ok());
    let again = import(server, token, rows.into_iter().rev().collect()).await;
    assert_eq!(outcomes(&again), [ImportOutcome::Exists; 2]);
    assert_eq!(again[0].user_id, results[1].user_id);
    // The address for a name.
    let email = format!("{}@example.com", unique("mail"));
    let named_so = UserRecord { username: email.clone(), email, ..row() };
    assert_eq!(outcomes(&import(server, token, vec![named_so]).await), [ImportOutcome::Created]);
}

#[apply(on_both)]
#[tokio::test]
async fn each_bad_field_is_named_and_the_other_rows_go_in(backend: Backend) {
    let office = Office::start(backend).await;
    let cases = [
        ("username", UserRecord { username: "a b".into(), ..row() }),
        ("email", UserRecord { email: "nowhere".into(), ..row() }),
        ("email", UserRecord { email: String::new(), ..row() }),
        ("password_hash", with_hash("no hash at all")),
        (
            "password_hash",
            with_hash("$2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ),
        ("password_hash", with_hash(&HASHES[3].1.replace("m=64", "m=1048577"))),
        ("password_hash", with_hash(&HASHES[0].1.replace("2000", "10000001"))),
        ("password_hash", with_hash(&HASHES[4].1.replace("ln=8", "ln=21"))),
        ("password_hash", with_hash(&HASHES[0].1[..40])),
        ("password_hash", with_hash(&HASHES[3].1.replace("//", "!!"))),
        ("password_hash", with_hash(&"x".repeat(4097))),
        ("password_hash", with_hash(&super::rows::firebase().password_hash)),
        ("roles", UserRecord { roles: vec!["a b".into()], ..row() }),
        ("metadata", UserRecord { metadata: object("a", &"x".repeat(16 * 1024)), ..row() }),
        ("claims", UserRecord { claims: object("sub", "me"), ..row() }),
        ("totp_secret", UserRecord { totp_secret: "1".into(), ..row() }),
        ("state", UserRecord { state: 7, ..row() }),
        (
            "create_time",
            UserRecord { create_time: Some(Timestamp { seconds: i64::MAX, nanos: 0 }), ..row() },
        ),
        (
            "create_time",
            UserRecord {
                create_time: Some(Timestamp { seconds: 32_503_680_000, nanos: 0 }),
                ..row()
            },
        ),
    ];
    let token = &office.tokens.access_token;
    for (field, bad) in cases {
        let results = import(&office.server, token, vec![row(), bad.clone(), row()]).await;
        let expected = [ImportOutcome::Created, ImportOutcome::Invalid, ImportOutcome::Created];
        assert_eq!(outcomes(&results), expected, "{field}");
        let problems = &results[1].problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!((results[1].row, &*problems[0].field), (1, field), "{problems:?}");
        let hash = &bad.password_hash;
        let is_told = !hash.is_empty() && problems[0].problem.contains(hash.as_str());
        assert!(!is_told, "the hash is repeated: {problems:?}");
    }
    // Every problem of a row at once.
    let worst = UserRecord { username: "a b".into(), email: "b".into(), ..with_hash("c") };
    let results = import(&office.server, token, vec![worst]).await;
    assert_eq!(results[0].problems.len(), 3, "{results:?}");
}

#[apply(on_both)]
#[tokio::test]
async fn what_is_only_validated_changes_nothing(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    let known = row();
    import(server, token, vec![known.clone()]).await;
    let count = "SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM events)";
    let before = server.database.number(count).await;
    let users = vec![row(), known, with_hash("no hash")];
    let batch = ImportUsersRequest { users, validate_only: true };
    let results = import_batch(server, token, batch).await.unwrap();
    let expected = [ImportOutcome::Created, ImportOutcome::Exists, ImportOutcome::Invalid];
    assert_eq!(outcomes(&results), expected);
    assert_eq!((results[0].user_id.as_str(), results[1].user_id.is_empty()), ("", false));
    assert_eq!(server.database.number(count).await, before);
}

#[apply(on_both)]
#[tokio::test]
async fn two_imports_of_the_same_rows_at_once_make_each_user_once(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    let rows: Vec<_> = (0..60).map(|_| row()).collect();
    // In opposite orders, which could deadlock.
    let reversed: Vec<_> = rows.iter().rev().cloned().collect();
    let both = [rows.clone(), reversed].map(|rows| import(server, token, rows));
    let results = join_all(both).await;
    let created: usize = results
        .iter()
        .map(|results| {
            assert!(outcomes(results).iter().all(|of| *of != ImportOutcome::Invalid));
            outcomes(results).iter().filter(|of| **of == ImportOutcome::Created).count()
        })
        .sum();
    assert_eq!(created, rows.len());
    let sql = "SELECT COUNT(*) FROM users WHERE username LIKE 'row%'";
    assert_eq!(server.database.number(sql).await, 60);
}

#[apply(on_both)]
#[tokio::test]
async fn an_import_is_for_administrators_and_an_event_has_their_name(backend: Backend) {
    let office = Office::start(backend).await;
    let server = &office.server;
    let (_, viewer) = official(server, "admin.viewer").await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    for token in [&viewer.access_token, &tokens.access_token] {
        let batch = ImportUsersRequest { users: vec![row()], validate_only: true };
        assert_eq!(reason_of(import_batch(server, token, batch).await), "PERMISSION_MISSING");
    }
    import(server, &office.tokens.access_token, vec![row()]).await;
    let actor = format!("user:{}", office.admin.id);
    let imported = imported_by(server).await;
    assert_eq!(imported, [actor]);
}

async fn imported_by(server: &Server) -> Vec<String> {
    let all = events(&server.database).await.into_iter();
    let all = all.filter(|event| event.kind == countersign::domain::EventKind::UsersImported);
    all.filter_map(|event| event.actor.map(|actor| actor.to_string())).collect()
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_with_its_reason() {
    let office = Office::start(Backend::Sqlite).await;
    let large = UserRecord { metadata: object("a", &"x".repeat(65_536)), ..row() };
    let batch = ImportUsersRequest { users: vec![large], validate_only: false };
    let refused = import_batch(&office.server, &office.tokens.access_token, batch).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (tonic::Code::InvalidArgument, "INVALID_FIELD")
    );
}
